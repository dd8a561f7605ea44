//! What is infected and what is cut off. Facts, and what follows from them. `act` is the table of states.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::event::ProcessMark;
use crate::stamp::Stamp;

mod act;

pub use act::{CutMove, CutState};

/// What is done to the world to cut something off.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutAct {
    StopService { service: Id },
    CloseDoor { site: Id, door: String },
}

impl CutAct {
    /// What is touched.
    pub fn target(&self) -> &Id {
        match self {
            CutAct::StopService { service } => service,
            CutAct::CloseDoor { site, .. } => site,
        }
    }
}

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[
    ("contain.cut_decided", 1),
    ("contain.act_intended", 1),
    ("contain.act_finished", 1),
    ("contain.cut_probed", 1),
    ("contain.cut_unproven", 1),
    ("contain.answered", 1),
    ("contain.lift_begun", 1),
    ("contain.lift_failed", 1),
    ("contain.cut_lifted", 1),
];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum ContainEvent {
    #[serde(rename = "contain.cut_decided")]
    CutDecided {
        infected: Vec<Id>,
        acts: Vec<CutAct>,
        cost_insured: u64,
        tenants: Vec<Id>,
        estate_hash: String,
    },
    #[serde(rename = "contain.act_intended")]
    ActIntended { act: CutAct },
    #[serde(rename = "contain.act_finished")]
    ActFinished { act: CutAct, ok: bool, detail: String },
    /// Somebody knocked from outside: a cut that was not probed is not a cut.
    #[serde(rename = "contain.cut_probed")]
    CutProbed { act: CutAct, holds: bool, detail: String },
    /// Somebody knocked, and it says nothing: nothing had answered before the cut, or the one who knocked reaches
    /// nothing else either.
    #[serde(rename = "contain.cut_unproven")]
    CutUnproven { act: CutAct, detail: String },
    /// What answered before the act was begun. Only what answered once can prove by its silence that a cut holds.
    #[serde(rename = "contain.answered")]
    Answered { act: CutAct, knocks: Vec<Knocked> },
    /// Somebody decided that the cut ends. What it cut off may be begun again from here on.
    #[serde(rename = "contain.lift_begun")]
    LiftBegun { act: CutAct, reason: String },
    /// The door was not opened, or nobody answers behind it.
    #[serde(rename = "contain.lift_failed")]
    LiftFailed { act: CutAct, detail: String },
    #[serde(rename = "contain.cut_lifted")]
    CutLifted { act: CutAct, reason: String },
}

/// Something that answered when somebody knocked, or a process that lived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Knocked {
    Tcp { address: String },
    Http { url: String },
    Process { mark: ProcessMark },
}

impl ContainEvent {
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            ContainEvent::CutDecided { infected, .. } => infected.clone(),
            ContainEvent::ActIntended { act }
            | ContainEvent::ActFinished { act, .. }
            | ContainEvent::CutProbed { act, .. }
            | ContainEvent::CutUnproven { act, .. }
            | ContainEvent::Answered { act, .. }
            | ContainEvent::LiftBegun { act, .. }
            | ContainEvent::LiftFailed { act, .. }
            | ContainEvent::CutLifted { act, .. } => vec![act.target().clone()],
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub infected: BTreeSet<Id>,
    pub tenants: BTreeSet<Id>,
    pub cost_insured: u64,
    pub cuts: Vec<Cut>,
}

/// One act of the cut and how far it has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cut {
    pub act: CutAct,
    pub state: CutState,
    pub detail: String,
    pub since_entry: u64,
    /// The entry that decided it, of several the last.
    pub decided_entry: u64,
    /// What has answered before the act.
    pub answered: Vec<Knocked>,
}

impl View {
    /// `Err` says which move the table does not allow. What was done without a decision counts all the same.
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &ContainEvent) -> Result<(), String> {
        match event {
            ContainEvent::CutDecided { infected, acts, cost_insured, tenants, .. } => {
                self.infected.extend(infected.iter().cloned());
                self.tenants.extend(tenants.iter().cloned());
                self.cost_insured = *cost_insured;
                let moves = acts.iter().map(|act| self.advance(entry, act, CutMove::Decided, ""));
                // Every act is taken in, also after one that is not allowed.
                moves.fold(Ok(()), Result::and)
            }
            ContainEvent::ActIntended { act } => self.advance(entry, act, CutMove::Intended, ""),
            ContainEvent::ActFinished { act, ok: true, detail } => {
                self.advance(entry, act, CutMove::Done, detail)
            }
            ContainEvent::ActFinished { act, ok: false, detail } => {
                self.advance(entry, act, CutMove::Failed, detail)
            }
            ContainEvent::CutProbed { act, holds: true, detail } => {
                self.advance(entry, act, CutMove::Held, detail)
            }
            ContainEvent::CutProbed { act, holds: false, detail } => {
                self.advance(entry, act, CutMove::Leaked, detail)
            }
            ContainEvent::CutUnproven { act, detail } => self.advance(entry, act, CutMove::Unproven, detail),
            ContainEvent::Answered { act, knocks } => self.heard(act, knocks),
            ContainEvent::LiftBegun { act, reason } => self.advance(entry, act, CutMove::Lifting, reason),
            ContainEvent::LiftFailed { act, detail } => self.advance(entry, act, CutMove::Lifting, detail),
            ContainEvent::CutLifted { act, reason } => self.advance(entry, act, CutMove::Lifted, reason),
        }
    }

    fn advance(&mut self, entry: Stamp<'_>, act: &CutAct, to: CutMove, detail: &str) -> Result<(), String> {
        let from = self.state_of(act);
        // Where the decision is missing (an entry that could not be read), what was done about it still counts: to forget
        // a cut would show as working what is cut off.
        let is_undecided = from == CutState::Open && to != CutMove::Decided;
        let base = if is_undecided { CutState::Decided } else { from };
        let state = base.after(to).ok_or_else(|| {
            format!("the cut of {} is {}: `{}` is not allowed then", act.target(), from.word(), to.word())
        })?;
        let known = self.cuts.iter().position(|known| known.act == *act);
        // A cut that is decided anew after its end has to be proven anew.
        let is_new = matches!(base, CutState::Lifted | CutState::Lifting) && state == CutState::Decided;
        let answered = known.filter(|_| !is_new).map(|at| self.cuts[at].answered.clone());
        let before = known.map_or(entry.sequence, |at| self.cuts[at].decided_entry);
        let cut = Cut {
            act: act.clone(),
            state,
            detail: detail.to_owned(),
            since_entry: entry.sequence,
            decided_entry: if to == CutMove::Decided { entry.sequence } else { before },
            answered: answered.unwrap_or_default(),
        };
        match known {
            Some(at) => self.cuts[at] = cut,
            None => self.cuts.push(cut),
        }
        if is_undecided {
            return Err(format!(
                "the cut of {} was never decided, and `{}` is recorded of it",
                act.target(),
                to.word()
            ));
        }
        Ok(())
    }

    fn heard(&mut self, act: &CutAct, knocks: &[Knocked]) -> Result<(), String> {
        let cut = self.cuts.iter_mut().find(|known| known.act == *act);
        let cut = cut.ok_or_else(|| format!("the cut of {} was never decided", act.target()))?;
        let fresh: Vec<Knocked> =
            knocks.iter().filter(|knock| !cut.answered.contains(knock)).cloned().collect();
        cut.answered.extend(fresh);
        Ok(())
    }

    /// The cut that keeps this service from being started: of itself.
    pub fn forbids_start(&self, service: &Id) -> Option<&Cut> {
        self.cuts.iter().find(|cut| {
            cut.state.forbids_start()
                && matches!(&cut.act, CutAct::StopService { service: cut_off } if cut_off == service)
        })
    }

    pub fn state_of(&self, act: &CutAct) -> CutState {
        self.cuts.iter().find(|cut| cut.act == *act).map_or(CutState::Open, |cut| cut.state)
    }
}
