//! How an act of a cut moves from one state to the next. Every pair of state and move is written out.
//!
//! ```text
//! state     decided   intended  done      failed    held      leaked    unproven  lifting   lifted
//! open      decided   -         -         -         -         -         -         -         -
//! decided   decided   intended  -         -         decided   decided   decided   lifting   lifted
//! intended  -         -         done      failed    intended  failed    intended  lifting   lifted
//! done      -         -         -         -         holds     leaks     done      lifting   lifted
//! failed    decided   intended  -         -         failed    failed    failed    lifting   lifted
//! holds     -         -         -         -         holds     leaks     done      lifting   lifted
//! leaks     -         intended  -         -         holds     leaks     leaks     lifting   lifted
//! lifting   decided   -         -         -         lifting   lifting   lifting   lifting   lifted
//! lifted    decided   -         -         -         -         -         -         -         -
//! ```
//!
//! `-` is not allowed. Only an act that is known to be done comes to hold: where one failed, or was cut off while it was
//! done, nobody knows why nothing answers. Knocking that proves nothing takes back that it holds, and not that it leaks.

use serde::Serialize;

/// How far one act of a cut has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CutState {
    /// Nobody has decided it.
    #[default]
    Open,
    Decided,
    /// The act was begun; if nothing follows it is in doubt and is probed.
    Intended,
    Done,
    Failed,
    /// Knocked on from outside, and it held.
    Holds,
    /// Knocked on from outside, and it did not hold.
    Leaks,
    /// Somebody decided that it ends; what it cut off is not known to be there again.
    Lifting,
    /// It ended, and what it cut off was there.
    Lifted,
}

/// What was recorded about an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutMove {
    Decided,
    Intended,
    Done,
    Failed,
    Held,
    Leaked,
    /// Somebody knocked, and it says nothing about the cut.
    Unproven,
    Lifting,
    Lifted,
}

impl CutState {
    pub const ALL: [CutState; 9] = [
        CutState::Open,
        CutState::Decided,
        CutState::Intended,
        CutState::Done,
        CutState::Failed,
        CutState::Holds,
        CutState::Leaks,
        CutState::Lifting,
        CutState::Lifted,
    ];

    pub fn word(self) -> &'static str {
        match self {
            CutState::Open => "open",
            CutState::Decided => "decided",
            CutState::Intended => "intended",
            CutState::Done => "done",
            CutState::Failed => "failed",
            CutState::Holds => "holds",
            CutState::Leaks => "leaks",
            CutState::Lifting => "lifting",
            CutState::Lifted => "lifted",
        }
    }

    /// It was decided and has not ended. Also one that failed: what was to be cut off is not known to work. And one that
    /// is being lifted: what it cut off is not known to be there again.
    pub fn is_in_force(self) -> bool {
        match self {
            CutState::Decided
            | CutState::Intended
            | CutState::Done
            | CutState::Failed
            | CutState::Holds
            | CutState::Leaks
            | CutState::Lifting => true,
            CutState::Open | CutState::Lifted => false,
        }
    }

    /// What it cut off must not be started: nobody has decided that it ends.
    pub fn forbids_start(self) -> bool {
        self.is_in_force() && self != CutState::Lifting
    }

    /// The next state; `None` if the move is not allowed here.
    #[expect(clippy::too_many_lines, reason = "a table: every pair of state and move is one line")]
    pub fn after(self, act: CutMove) -> Option<CutState> {
        match (self, act) {
            (CutState::Open, CutMove::Decided) => Some(CutState::Decided),
            (CutState::Open, CutMove::Intended) => None,
            (CutState::Open, CutMove::Done) => None,
            (CutState::Open, CutMove::Failed) => None,
            (CutState::Open, CutMove::Held) => None,
            (CutState::Open, CutMove::Leaked) => None,
            (CutState::Open, CutMove::Unproven) => None,
            (CutState::Open, CutMove::Lifting) => None,
            (CutState::Open, CutMove::Lifted) => None,

            (CutState::Decided, CutMove::Decided) => Some(CutState::Decided),
            (CutState::Decided, CutMove::Intended) => Some(CutState::Intended),
            (CutState::Decided, CutMove::Done) => None,
            (CutState::Decided, CutMove::Failed) => None,
            (CutState::Decided, CutMove::Held) => Some(CutState::Decided),
            (CutState::Decided, CutMove::Leaked) => Some(CutState::Decided),
            (CutState::Decided, CutMove::Unproven) => Some(CutState::Decided),
            (CutState::Decided, CutMove::Lifting) => Some(CutState::Lifting),
            (CutState::Decided, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Intended, CutMove::Decided) => None,
            (CutState::Intended, CutMove::Intended) => None,
            (CutState::Intended, CutMove::Done) => Some(CutState::Done),
            (CutState::Intended, CutMove::Failed) => Some(CutState::Failed),
            (CutState::Intended, CutMove::Held) => Some(CutState::Intended),
            (CutState::Intended, CutMove::Leaked) => Some(CutState::Failed),
            (CutState::Intended, CutMove::Unproven) => Some(CutState::Intended),
            (CutState::Intended, CutMove::Lifting) => Some(CutState::Lifting),
            (CutState::Intended, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Done, CutMove::Decided) => None,
            (CutState::Done, CutMove::Intended) => None,
            (CutState::Done, CutMove::Done) => None,
            (CutState::Done, CutMove::Failed) => None,
            (CutState::Done, CutMove::Held) => Some(CutState::Holds),
            (CutState::Done, CutMove::Leaked) => Some(CutState::Leaks),
            (CutState::Done, CutMove::Unproven) => Some(CutState::Done),
            (CutState::Done, CutMove::Lifting) => Some(CutState::Lifting),
            (CutState::Done, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Failed, CutMove::Decided) => Some(CutState::Decided),
            (CutState::Failed, CutMove::Intended) => Some(CutState::Intended),
            (CutState::Failed, CutMove::Done) => None,
            (CutState::Failed, CutMove::Failed) => None,
            (CutState::Failed, CutMove::Held) => Some(CutState::Failed),
            (CutState::Failed, CutMove::Leaked) => Some(CutState::Failed),
            (CutState::Failed, CutMove::Unproven) => Some(CutState::Failed),
            (CutState::Failed, CutMove::Lifting) => Some(CutState::Lifting),
            (CutState::Failed, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Holds, CutMove::Decided) => None,
            (CutState::Holds, CutMove::Intended) => None,
            (CutState::Holds, CutMove::Done) => None,
            (CutState::Holds, CutMove::Failed) => None,
            (CutState::Holds, CutMove::Held) => Some(CutState::Holds),
            (CutState::Holds, CutMove::Leaked) => Some(CutState::Leaks),
            (CutState::Holds, CutMove::Unproven) => Some(CutState::Done),
            (CutState::Holds, CutMove::Lifting) => Some(CutState::Lifting),
            (CutState::Holds, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Leaks, CutMove::Decided) => None,
            (CutState::Leaks, CutMove::Intended) => Some(CutState::Intended),
            (CutState::Leaks, CutMove::Done) => None,
            (CutState::Leaks, CutMove::Failed) => None,
            (CutState::Leaks, CutMove::Held) => Some(CutState::Holds),
            (CutState::Leaks, CutMove::Leaked) => Some(CutState::Leaks),
            (CutState::Leaks, CutMove::Unproven) => Some(CutState::Leaks),
            (CutState::Leaks, CutMove::Lifting) => Some(CutState::Lifting),
            (CutState::Leaks, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Lifting, CutMove::Decided) => Some(CutState::Decided),
            (CutState::Lifting, CutMove::Intended) => None,
            (CutState::Lifting, CutMove::Done) => None,
            (CutState::Lifting, CutMove::Failed) => None,
            (CutState::Lifting, CutMove::Held) => Some(CutState::Lifting),
            (CutState::Lifting, CutMove::Leaked) => Some(CutState::Lifting),
            (CutState::Lifting, CutMove::Unproven) => Some(CutState::Lifting),
            (CutState::Lifting, CutMove::Lifting) => Some(CutState::Lifting),
            (CutState::Lifting, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Lifted, CutMove::Decided) => Some(CutState::Decided),
            (CutState::Lifted, CutMove::Intended) => None,
            (CutState::Lifted, CutMove::Done) => None,
            (CutState::Lifted, CutMove::Failed) => None,
            (CutState::Lifted, CutMove::Held) => None,
            (CutState::Lifted, CutMove::Leaked) => None,
            (CutState::Lifted, CutMove::Unproven) => None,
            (CutState::Lifted, CutMove::Lifting) => None,
            (CutState::Lifted, CutMove::Lifted) => None,
        }
    }
}

impl CutMove {
    pub const ALL: [CutMove; 9] = [
        CutMove::Decided,
        CutMove::Intended,
        CutMove::Done,
        CutMove::Failed,
        CutMove::Held,
        CutMove::Leaked,
        CutMove::Unproven,
        CutMove::Lifting,
        CutMove::Lifted,
    ];

    pub fn word(self) -> &'static str {
        match self {
            CutMove::Decided => "decided",
            CutMove::Intended => "intended",
            CutMove::Done => "done",
            CutMove::Failed => "failed",
            CutMove::Held => "held",
            CutMove::Leaked => "leaked",
            CutMove::Unproven => "unproven",
            CutMove::Lifting => "lifting",
            CutMove::Lifted => "lifted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_at_the_head_of_this_file_is_the_table_that_runs() {
        let rows = CutState::ALL.map(|state| {
            let cells = CutMove::ALL.map(|act| state.after(act).map_or("-", CutState::word));
            (state.word(), cells.to_vec())
        });
        let printed = crate::table::printed(&CutMove::ALL.map(CutMove::word), &rows, &[10; 10]);
        assert_eq!(crate::table::documented(include_str!("act.rs")), printed);
    }

    #[test]
    fn only_what_is_known_to_be_done_comes_to_hold() {
        let leads_to = |from: CutState, to: CutState| {
            CutMove::ALL.iter().any(|act| from != to && from.after(*act) == Some(to))
        };
        for from in CutState::ALL {
            let may = matches!(from, CutState::Done | CutState::Leaks);
            assert_eq!(leads_to(from, CutState::Holds), may, "{}", from.word());
            let may = matches!(from, CutState::Done | CutState::Holds);
            assert_eq!(leads_to(from, CutState::Leaks), may, "{}", from.word());
        }
        // Neither a failure nor an intent leads on without a new outcome.
        assert_eq!(CutState::Failed.after(CutMove::Leaked), Some(CutState::Failed));
        assert_eq!(CutState::Intended.after(CutMove::Intended), None);
    }
}
