//! Turns a proposal into entries. Pure.

use super::cut::Proposal;
use super::view::CutState;
use crate::estate::Id;
use crate::incident::View;
use crate::incident::event::{ContainEvent, CutAct, Event};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    #[error("{id} is held by {by}: {reason}")]
    Held { id: Id, by: String, reason: String },
    #[error("entry {sequence} concerns {id} and cannot be read by this version: {why}")]
    Unread { id: Id, sequence: u64, why: String },
}

/// What has to be recorded before the first act. Nothing, if all of it is decided already: a second call goes
/// on where the first one ended.
pub fn cut(view: &View, proposal: &Proposal, estate_hash: &str) -> Result<Vec<Event>, Blocked> {
    let open: Vec<CutAct> = proposal.acts.iter().filter(|act| !is_decided(view, act)).cloned().collect();
    for id in proposal.acts.iter().map(CutAct::target) {
        if let Some(hold) = view.command.holds.get(id) {
            return Err(Blocked::Held { id: id.clone(), by: hold.by.clone(), reason: hold.reason.clone() });
        }
        if let Some(unread) = view.blocked_by(id) {
            let why = unread.why.clone();
            return Err(Blocked::Unread { id: id.clone(), sequence: unread.sequence, why });
        }
    }
    if open.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![Event::Contain(ContainEvent::CutDecided {
        infected: proposal.infected.iter().cloned().collect(),
        acts: open,
        cost_insured: proposal.cost_insured,
        tenants: proposal.tenants.iter().cloned().collect(),
        estate_hash: estate_hash.to_owned(),
    })])
}

/// How far this act has come; `None`: it was never decided, or it was lifted again.
pub fn state(view: &View, act: &CutAct) -> Option<CutState> {
    let cut = view.contain.cuts.iter().find(|cut| cut.act == *act)?;
    Some(cut.state).filter(|state| *state != CutState::Lifted)
}

fn is_decided(view: &View, act: &CutAct) -> bool {
    state(view, act).is_some()
}
