//! Is it lost, and is the time known at which it is back? Second 0 alone says neither: what was never lost and what comes
//! back by steps of which nobody knows how long they take would both stand there.
//!
//! What each output says of a capability of a tenant, by how the plan has it:
//!
//! ```text
//! state      page                    json             drawing         sheet
//! not_lost   not_lost                at_s=0           ·               -
//! known      its_time                at_s             its_time        from_to
//! at_least   lost,_time_not_known    times_not_known  time_not_known  at_least
//! not_known  not_known               lost_not_known   ?               -
//! never      Not_back_by_this_plan   never            never           NOT_BACK
//! ```
//!
//! `not_known` is said only where the plan is made: the file does not keep what was named as lost.

use std::collections::{BTreeMap, BTreeSet};

use estate::{Estate, Id};
use incident::plan::file::{Plan, Served, Step, StepKind};

/// How the time at which something is served again is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Time {
    /// It was never lost, or is back.
    NotLost,
    Known,
    /// Something that it waits for has no time: it takes at least as long as is said.
    AtLeast,
}

/// The times of one plan.
pub struct Times<'p> {
    estate: &'p Estate,
    /// For each service that is still to come: whether all it waits for has a time.
    coming: BTreeMap<&'p Id, Time>,
    /// What has no time, in the order of the plan.
    pub unknown: Vec<&'p Id>,
}

impl<'p> Times<'p> {
    pub fn of(estate: &'p Estate, plan: &'p Plan) -> Times<'p> {
        let steps: BTreeMap<&str, &Step> = plan.steps.iter().map(|step| (step.id.as_str(), step)).collect();
        let is_done =
            |step: &Step| plan.continues.as_ref().is_some_and(|known| known.done.contains(&step.id));
        let mut unknown: Vec<&Id> = Vec::new();
        for step in plan.steps.iter().filter(|step| !is_done(step) && has_no_time(estate, step)) {
            if !unknown.contains(&&step.service) {
                unknown.push(&step.service);
            }
        }
        let timeless: BTreeSet<&Id> = unknown.iter().copied().collect();
        let gates = plan.steps.iter().filter(|step| step.kind == StepKind::Gate && !is_done(step));
        let coming = gates.map(|gate| {
            let (mut open, mut seen) = (vec![gate], BTreeSet::new());
            let mut time = Time::Known;
            while let Some(step) = open.pop() {
                if is_done(step) || !seen.insert(step.id.as_str()) {
                    continue;
                }
                if timeless.contains(&step.service) {
                    time = Time::AtLeast;
                }
                open.extend(step.after.iter().filter_map(|before| steps.get(before.as_str()).copied()));
            }
            (&gate.service, time)
        });
        Times { estate, coming: coming.collect(), unknown }
    }

    pub fn when(&self, served: &Served) -> Time {
        let serving = self.estate.serving(&served.capability, &served.tenant);
        match serving.and_then(|service| self.coming.get(service)) {
            Some(time) => *time,
            None if served.at_s > 0 => Time::Known,
            None => Time::NotLost,
        }
    }
}

/// A restore of nobody knows how much, a start of nobody knows how long.
fn has_no_time(estate: &Estate, step: &Step) -> bool {
    match step.kind {
        StepKind::Restore => estate.stores.get(&step.service).is_none_or(|store| store.size == 0),
        StepKind::Start => estate.services.get(&step.service).is_none_or(|service| service.boot_s == 0),
        StepKind::Verify | StepKind::Gate | StepKind::Admit => false,
    }
}
