//! May a cut end, and what is reachable again then? Pure.

use std::collections::BTreeSet;

use estate::{Estate, Id, graph};
use incident::View;
use incident::event::{ContainEvent, CutAct, Event};
use incident::standing;

use crate::decide::{Refusal, forbidden};

/// What would be lifted, and what that means.
#[derive(Clone, Debug, PartialEq)]
pub struct Lift {
    /// Doors last: what stands behind one is decided on before it opens.
    pub acts: Vec<CutAct>,
    /// What can be reached again, or started.
    pub reachable: Vec<Id>,
    /// What of that is infected and was neither restored nor started anew since somebody said so: the price.
    pub infected: Vec<Id>,
    /// Tenants that lack something now because of these cuts.
    pub tenants: Vec<Id>,
    pub insured: u64,
}

/// Whether doors end with the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doors {
    Open,
    StayClosed,
}

/// What ends if the cuts of `what` end: its own, and those of everything at it. `None`: every cut in force.
pub fn lift(estate: &Estate, view: &View, what: Option<&Id>, doors: Doors) -> Result<Lift, Refusal> {
    let inside = what.map(|id| graph::expand(estate, [id]));
    let is_meant =
        |target: &Id| what == Some(target) || inside.as_ref().is_none_or(|inside| inside.contains(target));
    let in_force = view.contain.cuts.iter().filter(|cut| cut.state.is_in_force());
    let may_end = |act: &CutAct| match (act, doors) {
        (CutAct::CloseDoor { .. }, Doors::StayClosed) => false,
        (CutAct::CloseDoor { .. } | CutAct::StopService { .. }, Doors::Open | Doors::StayClosed) => true,
    };
    let meant = in_force.filter(|cut| is_meant(cut.act.target()) && may_end(&cut.act));
    let mut acts: Vec<CutAct> = meant.map(|cut| cut.act.clone()).collect();
    if acts.is_empty() {
        return Err(Refusal::NotCut(what.map_or_else(|| "the estate".to_owned(), Id::to_string)));
    }
    acts.sort_by_key(|act| matches!(act, CutAct::CloseDoor { .. }));
    for act in &acts {
        forbidden(estate, view, act.target())?;
    }
    let targets = acts.iter().map(CutAct::target);
    let reachable: BTreeSet<Id> = graph::expand(estate, targets);
    let sick = standing::infected(estate, view);
    let lost = graph::lost_when_down(estate, &reachable);
    Ok(Lift {
        infected: reachable.intersection(&sick).cloned().collect(),
        tenants: lost.iter().map(|(tenant, _)| tenant.clone()).collect::<BTreeSet<_>>().into_iter().collect(),
        insured: graph::loss(estate, &lost).insured,
        reachable: reachable.into_iter().collect(),
        acts,
    })
}

/// The events that end the cuts, or why they may not end now. `seen`: a person says that what was cut off is there again.
pub fn decide(
    estate: &Estate,
    view: &View,
    what: Option<&Id>,
    doors: Doors,
    seen: bool,
    reason: &str,
) -> Result<Vec<Event>, Refusal> {
    let lifted = lift(estate, view, what, doors)?;
    let event = |act: &CutAct| {
        let (act, reason) = (act.clone(), reason.to_owned());
        let event = if seen {
            ContainEvent::CutLifted { act, reason }
        } else {
            ContainEvent::LiftBegun { act, reason }
        };
        Event::Contain(event)
    };
    Ok(lifted.acts.iter().map(event).collect())
}
