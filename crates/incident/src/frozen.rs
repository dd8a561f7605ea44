//! Which processes were frozen at an alarm, and which may go on? The states and what leads from one to the next:
//!
//! ```text
//! from \ event  freeze_intended  freeze_ended            thaw_decided  thaw_ended
//! (none)        intended         -                       -             -
//! intended      intended         frozen or not_frozen    thawing       -
//! frozen        -                -                       thawing       -
//! not_frozen    intended         -                       -             -
//! thawing       -                -                       thawing       thawed or thawing
//! thawed        -                -                       -             -
//! ```
//!
//! What a person lets go on is not frozen again: whoever looked has answered for this process.
//!
//! `intended` with nothing after it is in doubt: whoever was to freeze it may have died before or after.

use serde::{Deserialize, Serialize};

use estate::Id;

/// A process, or all that its cgroup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub pid: i32,
    /// Clock ticks from the start of the machine to that of the process.
    pub started: u64,
    /// Frozen as a whole. `None`: only the process is stopped.
    pub cgroup: Option<String>,
    /// The machine's number for the time since it was switched on (/proc/sys/kernel/random/boot_id): elsewhere, or after
    /// that, there is no such process.
    pub boot: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Intended,
    Frozen,
    NotFrozen,
    Thawing,
    Thawed,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Intended => "in doubt: it was to be frozen, and nobody knows whether it was",
            State::Frozen => "frozen",
            State::NotFrozen => "NOT frozen",
            State::Thawing => "to go on, and not seen to",
            State::Thawed => "let go on",
        }
    }

    /// A person has something to decide or to do about it.
    pub fn waits(self) -> bool {
        match self {
            State::Intended | State::Frozen | State::Thawing => true,
            State::NotFrozen | State::Thawed => false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Frozen {
    pub store: Id,
    pub alarm: u64,
    pub target: Target,
    /// Who it is, as the alarm named it.
    pub who: String,
    pub granted_by: String,
    pub state: State,
    /// What was said of it last.
    pub detail: String,
    pub since_entry: u64,
}

/// What an event does to a state. `Err`: the table does not allow it.
pub(crate) fn next(from: Option<State>, event: Move) -> Result<State, String> {
    match (from, event) {
        (None | Some(State::Intended | State::NotFrozen), Move::Intended) => Ok(State::Intended),
        (Some(State::Intended), Move::Ended { ok: true }) => Ok(State::Frozen),
        (Some(State::Intended), Move::Ended { ok: false }) => Ok(State::NotFrozen),
        (Some(State::Intended | State::Frozen | State::Thawing), Move::ThawDecided) => Ok(State::Thawing),
        (Some(State::Thawing), Move::ThawEnded { ok: true }) => Ok(State::Thawed),
        (Some(State::Thawing), Move::ThawEnded { ok: false }) => Ok(State::Thawing),
        (Some(State::Frozen | State::Thawing | State::Thawed), Move::Intended)
        | (
            None | Some(State::Frozen | State::NotFrozen | State::Thawing | State::Thawed),
            Move::Ended { .. },
        )
        | (None | Some(State::NotFrozen | State::Thawed), Move::ThawDecided)
        | (
            None | Some(State::Intended | State::Frozen | State::NotFrozen | State::Thawed),
            Move::ThawEnded { .. },
        ) => Err(format!("{event:?} does not follow on {}", from.map_or("nothing", State::word))),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Intended,
    Ended { ok: bool },
    ThawDecided,
    ThawEnded { ok: bool },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_as_it_is_written() {
        let all = [
            None,
            Some(State::Intended),
            Some(State::Frozen),
            Some(State::NotFrozen),
            Some(State::Thawing),
            Some(State::Thawed),
        ];
        let allowed = |event| all.map(|from| next(from, event).ok());
        let (i, f, n, t, d) =
            (State::Intended, State::Frozen, State::NotFrozen, State::Thawing, State::Thawed);
        assert_eq!(allowed(Move::Intended), [Some(i), Some(i), None, Some(i), None, None]);
        assert_eq!(allowed(Move::Ended { ok: true }), [None, Some(f), None, None, None, None]);
        assert_eq!(allowed(Move::Ended { ok: false }), [None, Some(n), None, None, None, None]);
        assert_eq!(allowed(Move::ThawDecided), [None, Some(t), Some(t), None, Some(t), None]);
        assert_eq!(allowed(Move::ThawEnded { ok: true }), [None, None, None, None, Some(d), None]);
        assert_eq!(allowed(Move::ThawEnded { ok: false }), [None, None, None, None, Some(t), None]);
    }
}
