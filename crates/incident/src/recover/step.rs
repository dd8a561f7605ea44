//! How a step of a plan moves from one state to the next. Every pair of state and move is written out.
//!
//! ```text
//! state     intended  done      failed    found_done  found_not_done  found_unknown  stopped   resumed
//! waiting   intended  -         -         done        waiting         held           waiting   waiting
//! intended  -         done      failed    done        waiting         held           waiting   intended
//! done      -         -         -         done        waiting         held           waiting   done
//! failed    -         -         -         done        failed          held           failed    waiting
//! held      -         -         -         done        waiting         held           held      held
//! ```
//!
//! `-` is not allowed. What matters most is that nothing leads from `intended` to `intended`: a step that
//! was begun and has no outcome must be looked at (`found_…`) before it is begun again. For the same reason
//! a general "go on" (`resumed`) does not free what is `held`: somebody has to say what was found.

use serde::Serialize;

/// How far one step has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Not begun, or begun and found not to have happened, or undone by a stop.
    #[default]
    Waiting,
    /// Begun, no outcome on disk. If nobody is at work on it, it is in doubt.
    Intended,
    Done,
    /// A person has to deal with the cause.
    Failed,
    /// Nobody knows whether it happened, and it must not happen twice: a person has to look.
    Held,
}

/// What was recorded about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    Intended,
    Done,
    Failed,
    FoundDone,
    FoundNotDone,
    FoundUnknown,
    /// The service was stopped, which undoes its start, gate and admission.
    Stopped,
    /// A person has dealt with the cause.
    Resumed,
}

impl State {
    pub const ALL: [State; 5] = [State::Waiting, State::Intended, State::Done, State::Failed, State::Held];

    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Intended => "intended",
            State::Done => "done",
            State::Failed => "failed",
            State::Held => "held",
        }
    }

    /// The next state; `None` if the move is not allowed here.
    pub fn after(self, step: Move) -> Option<State> {
        match (self, step) {
            (State::Waiting, Move::Intended) => Some(State::Intended),
            (State::Waiting, Move::Done) => None,
            (State::Waiting, Move::Failed) => None,
            (State::Waiting, Move::FoundDone) => Some(State::Done),
            (State::Waiting, Move::FoundNotDone) => Some(State::Waiting),
            (State::Waiting, Move::FoundUnknown) => Some(State::Held),
            (State::Waiting, Move::Stopped) => Some(State::Waiting),
            (State::Waiting, Move::Resumed) => Some(State::Waiting),

            (State::Intended, Move::Intended) => None,
            (State::Intended, Move::Done) => Some(State::Done),
            (State::Intended, Move::Failed) => Some(State::Failed),
            (State::Intended, Move::FoundDone) => Some(State::Done),
            (State::Intended, Move::FoundNotDone) => Some(State::Waiting),
            (State::Intended, Move::FoundUnknown) => Some(State::Held),
            (State::Intended, Move::Stopped) => Some(State::Waiting),
            (State::Intended, Move::Resumed) => Some(State::Intended),

            (State::Done, Move::Intended) => None,
            (State::Done, Move::Done) => None,
            (State::Done, Move::Failed) => None,
            (State::Done, Move::FoundDone) => Some(State::Done),
            (State::Done, Move::FoundNotDone) => Some(State::Waiting),
            (State::Done, Move::FoundUnknown) => Some(State::Held),
            (State::Done, Move::Stopped) => Some(State::Waiting),
            (State::Done, Move::Resumed) => Some(State::Done),

            (State::Failed, Move::Intended) => None,
            (State::Failed, Move::Done) => None,
            (State::Failed, Move::Failed) => None,
            (State::Failed, Move::FoundDone) => Some(State::Done),
            (State::Failed, Move::FoundNotDone) => Some(State::Failed),
            (State::Failed, Move::FoundUnknown) => Some(State::Held),
            (State::Failed, Move::Stopped) => Some(State::Failed),
            (State::Failed, Move::Resumed) => Some(State::Waiting),

            (State::Held, Move::Intended) => None,
            (State::Held, Move::Done) => None,
            (State::Held, Move::Failed) => None,
            (State::Held, Move::FoundDone) => Some(State::Done),
            (State::Held, Move::FoundNotDone) => Some(State::Waiting),
            (State::Held, Move::FoundUnknown) => Some(State::Held),
            (State::Held, Move::Stopped) => Some(State::Held),
            (State::Held, Move::Resumed) => Some(State::Held),
        }
    }
}

impl Move {
    pub const ALL: [Move; 8] = [
        Move::Intended,
        Move::Done,
        Move::Failed,
        Move::FoundDone,
        Move::FoundNotDone,
        Move::FoundUnknown,
        Move::Stopped,
        Move::Resumed,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Move::Intended => "intended",
            Move::Done => "done",
            Move::Failed => "failed",
            Move::FoundDone => "found_done",
            Move::FoundNotDone => "found_not_done",
            Move::FoundUnknown => "found_unknown",
            Move::Stopped => "stopped",
            Move::Resumed => "resumed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_at_the_head_of_this_file_is_the_table_that_runs() {
        let rows = State::ALL.map(|state| {
            let cells = Move::ALL.map(|step| state.after(step).map_or("-", State::word));
            (state.word(), cells.to_vec())
        });
        let widths = [10, 10, 10, 10, 12, 16, 15, 10, 10];
        let printed = crate::table::printed(&Move::ALL.map(Move::word), &rows, &widths);
        assert_eq!(crate::table::documented(include_str!("step.rs")), printed);
    }

    #[test]
    fn what_was_begun_is_never_begun_again_without_looking() {
        assert_eq!(State::Intended.after(Move::Intended), None);
        assert_eq!(State::Held.after(Move::Intended), None);
        assert_eq!(State::Held.after(Move::Resumed), Some(State::Held));
        assert_eq!(State::Done.after(Move::Intended), None);
    }
}
