//! How an act of a cut moves from one state to the next. Every pair of state and move is written out.
//!
//! ```text
//! state     decided   intended  done      failed    held      leaked    lifted
//! open      decided   -         -         -         -         -         -
//! decided   decided   intended  -         -         holds     leaks     lifted
//! intended  -         -         done      failed    holds     leaks     lifted
//! done      -         -         -         -         holds     leaks     lifted
//! failed    decided   intended  -         -         failed    leaks     lifted
//! holds     -         -         -         -         holds     leaks     lifted
//! leaks     -         intended  -         -         holds     leaks     lifted
//! lifted    decided   -         -         -         -         -         -
//! ```
//!
//! `-` is not allowed. Nothing leads from `intended` to `intended`: an act that was begun and has no outcome is knocked
//! on first. And an act that failed does not hold because nothing answered: nobody knows why it does not.

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
    Lifted,
}

impl CutState {
    pub const ALL: [CutState; 8] = [
        CutState::Open,
        CutState::Decided,
        CutState::Intended,
        CutState::Done,
        CutState::Failed,
        CutState::Holds,
        CutState::Leaks,
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
            CutState::Lifted => "lifted",
        }
    }

    /// Nobody has lifted it or given up on it.
    pub fn is_in_force(self) -> bool {
        match self {
            CutState::Decided | CutState::Intended | CutState::Done | CutState::Holds | CutState::Leaks => {
                true
            }
            CutState::Open | CutState::Failed | CutState::Lifted => false,
        }
    }

    /// Whether it has been tried, so that somebody has to knock before it is tried again.
    pub fn may_have_happened(self) -> bool {
        match self {
            CutState::Intended | CutState::Done | CutState::Holds | CutState::Leaks => true,
            CutState::Open | CutState::Decided | CutState::Failed | CutState::Lifted => false,
        }
    }

    /// The next state; `None` if the move is not allowed here.
    pub fn after(self, act: CutMove) -> Option<CutState> {
        match (self, act) {
            (CutState::Open, CutMove::Decided) => Some(CutState::Decided),
            (CutState::Open, CutMove::Intended) => None,
            (CutState::Open, CutMove::Done) => None,
            (CutState::Open, CutMove::Failed) => None,
            (CutState::Open, CutMove::Held) => None,
            (CutState::Open, CutMove::Leaked) => None,
            (CutState::Open, CutMove::Lifted) => None,

            (CutState::Decided, CutMove::Decided) => Some(CutState::Decided),
            (CutState::Decided, CutMove::Intended) => Some(CutState::Intended),
            (CutState::Decided, CutMove::Done) => None,
            (CutState::Decided, CutMove::Failed) => None,
            (CutState::Decided, CutMove::Held) => Some(CutState::Holds),
            (CutState::Decided, CutMove::Leaked) => Some(CutState::Leaks),
            (CutState::Decided, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Intended, CutMove::Decided) => None,
            (CutState::Intended, CutMove::Intended) => None,
            (CutState::Intended, CutMove::Done) => Some(CutState::Done),
            (CutState::Intended, CutMove::Failed) => Some(CutState::Failed),
            (CutState::Intended, CutMove::Held) => Some(CutState::Holds),
            (CutState::Intended, CutMove::Leaked) => Some(CutState::Leaks),
            (CutState::Intended, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Done, CutMove::Decided) => None,
            (CutState::Done, CutMove::Intended) => None,
            (CutState::Done, CutMove::Done) => None,
            (CutState::Done, CutMove::Failed) => None,
            (CutState::Done, CutMove::Held) => Some(CutState::Holds),
            (CutState::Done, CutMove::Leaked) => Some(CutState::Leaks),
            (CutState::Done, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Failed, CutMove::Decided) => Some(CutState::Decided),
            (CutState::Failed, CutMove::Intended) => Some(CutState::Intended),
            (CutState::Failed, CutMove::Done) => None,
            (CutState::Failed, CutMove::Failed) => None,
            (CutState::Failed, CutMove::Held) => Some(CutState::Failed),
            (CutState::Failed, CutMove::Leaked) => Some(CutState::Leaks),
            (CutState::Failed, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Holds, CutMove::Decided) => None,
            (CutState::Holds, CutMove::Intended) => None,
            (CutState::Holds, CutMove::Done) => None,
            (CutState::Holds, CutMove::Failed) => None,
            (CutState::Holds, CutMove::Held) => Some(CutState::Holds),
            (CutState::Holds, CutMove::Leaked) => Some(CutState::Leaks),
            (CutState::Holds, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Leaks, CutMove::Decided) => None,
            (CutState::Leaks, CutMove::Intended) => Some(CutState::Intended),
            (CutState::Leaks, CutMove::Done) => None,
            (CutState::Leaks, CutMove::Failed) => None,
            (CutState::Leaks, CutMove::Held) => Some(CutState::Holds),
            (CutState::Leaks, CutMove::Leaked) => Some(CutState::Leaks),
            (CutState::Leaks, CutMove::Lifted) => Some(CutState::Lifted),

            (CutState::Lifted, CutMove::Decided) => Some(CutState::Decided),
            (CutState::Lifted, CutMove::Intended) => None,
            (CutState::Lifted, CutMove::Done) => None,
            (CutState::Lifted, CutMove::Failed) => None,
            (CutState::Lifted, CutMove::Held) => None,
            (CutState::Lifted, CutMove::Leaked) => None,
            (CutState::Lifted, CutMove::Lifted) => None,
        }
    }
}

impl CutMove {
    pub const ALL: [CutMove; 7] = [
        CutMove::Decided,
        CutMove::Intended,
        CutMove::Done,
        CutMove::Failed,
        CutMove::Held,
        CutMove::Leaked,
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
        let printed = crate::table::printed(&CutMove::ALL.map(CutMove::word), &rows, &[10; 8]);
        assert_eq!(crate::table::documented(include_str!("act.rs")), printed);
    }

    #[test]
    fn what_was_begun_is_knocked_on_before_it_is_begun_again_and_what_failed_never_holds() {
        assert_eq!(CutState::Intended.after(CutMove::Intended), None);
        assert_eq!(CutState::Done.after(CutMove::Intended), None);
        assert_eq!(CutState::Failed.after(CutMove::Held), Some(CutState::Failed));
    }
}
