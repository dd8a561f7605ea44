//! May a cut end, and what is reachable again then? Pure.

use std::collections::BTreeSet;

use estate::{Estate, Id, canonical, graph};
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

/// What a person agreed to.
#[derive(Clone, Copy, Debug)]
pub struct Agreed<'a> {
    pub what: Option<&'a Id>,
    pub doors: Doors,
    /// The person says that what was cut off is there again.
    pub seen: bool,
    /// The person agreed to exactly this; what was cut off, infected or adopted since is not in it.
    pub shown: &'a Lift,
    pub reason: &'a str,
}

/// The events that end the cuts, or why they may not end now. `estate`: the one with which `shown` was made.
pub fn decide(estate: &Estate, view: &View, agreed: Agreed<'_>) -> Result<Vec<Event>, Refusal> {
    let Agreed { what, doors, seen, shown, reason } = agreed;
    if view.command.estate_hash.as_ref().is_some_and(|hash| *hash != canonical::hash(estate)) {
        return Err(Refusal::NotAsShown("another estate is in force".to_owned()));
    }
    let lifted = lift(estate, view, what, doors)?;
    if lifted != *shown {
        return Err(Refusal::NotAsShown(difference(shown, &lifted)));
    }
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

fn difference(shown: &Lift, now: &Lift) -> String {
    let other = |now: &[Id], shown: &[Id]| {
        let new: Vec<String> = now.iter().filter(|id| !shown.contains(id)).map(ToString::to_string).collect();
        (!new.is_empty()).then(|| new.join(", "))
    };
    let targets = |lift: &Lift| lift.acts.iter().map(|act| act.target().clone()).collect::<Vec<Id>>();
    let (acts_now, acts_shown) = (targets(now), targets(shown));
    let parts = [
        ("also the cut of", other(&acts_now, &acts_shown)),
        ("no more the cut of", other(&acts_shown, &acts_now)),
        ("now also infected:", other(&now.infected, &shown.infected)),
        ("no more infected:", other(&shown.infected, &now.infected)),
    ];
    let said: Vec<String> =
        parts.into_iter().filter_map(|(what, ids)| Some(format!("{what} {}", ids?))).collect();
    if said.is_empty() { "who is affected is other than shown".to_owned() } else { said.join("; ") }
}
