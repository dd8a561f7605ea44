//! What is infected and what is cut off. Facts, and what follows from them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::Entry;

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
    #[serde(rename = "contain.cut_lifted")]
    CutLifted { act: CutAct, reason: String },
}

impl ContainEvent {
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            ContainEvent::CutDecided { infected, .. } => infected.clone(),
            ContainEvent::ActIntended { act }
            | ContainEvent::ActFinished { act, .. }
            | ContainEvent::CutProbed { act, .. }
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CutState {
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

impl CutState {
    /// Nobody has lifted it or given up on it.
    pub fn is_in_force(self) -> bool {
        match self {
            CutState::Decided | CutState::Intended | CutState::Done | CutState::Holds | CutState::Leaks => {
                true
            }
            CutState::Failed | CutState::Lifted => false,
        }
    }
}

impl View {
    pub(crate) fn apply(&mut self, entry: &Entry, event: &ContainEvent) {
        match event {
            ContainEvent::CutDecided { infected, acts, cost_insured, tenants, .. } => {
                self.infected.extend(infected.iter().cloned());
                self.tenants.extend(tenants.iter().cloned());
                self.cost_insured = *cost_insured;
                for act in acts {
                    self.set(entry, act, CutState::Decided, "");
                }
            }
            ContainEvent::ActIntended { act } => self.set(entry, act, CutState::Intended, ""),
            ContainEvent::ActFinished { act, ok: true, detail } => {
                self.set(entry, act, CutState::Done, detail);
            }
            ContainEvent::ActFinished { act, ok: false, detail } => {
                self.set(entry, act, CutState::Failed, detail);
            }
            ContainEvent::CutProbed { act, holds: true, detail } => {
                self.set(entry, act, CutState::Holds, detail);
            }
            ContainEvent::CutProbed { act, holds: false, detail } => {
                self.set(entry, act, CutState::Leaks, detail);
            }
            ContainEvent::CutLifted { act, reason } => self.set(entry, act, CutState::Lifted, reason),
        }
    }

    fn set(&mut self, entry: &Entry, act: &CutAct, state: CutState, detail: &str) {
        let cut = Cut { act: act.clone(), state, detail: detail.to_owned(), since_entry: entry.sequence };
        match self.cuts.iter_mut().find(|known| known.act == *act) {
            Some(known) => *known = cut,
            None => self.cuts.push(cut),
        }
    }
}
