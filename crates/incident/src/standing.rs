//! What stands and what does not, at this entry: the one answer that pages, status and bridge counts share.
//!
//! A service is down when it was cut off, when its site was, when the plan that was approved or is being run names it as
//! lost and nothing has been done for it yet, when a run stopped or parked it, or when it is on its way up and load is
//! not let in yet. Everything nobody said anything about is taken to work.

use std::collections::BTreeSet;

use crate::View;
use crate::event::CutAct;
use crate::plan::file::Plan;
use crate::recover::ServiceState;
use estate::model::{CutBehaviour, Estate};
use estate::{Id, Kind, graph};

/// How a capability stands for a tenant, as an outsider would put it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It works.
    Works,
    /// It is taken in and held; nothing is lost, nothing is worked on yet.
    Emergency,
    /// It is taken in elsewhere.
    Diverted(String),
    /// It is not available.
    Down { reason: Option<String> },
}

/// Services that do not serve now.
pub fn services_down(estate: &Estate, view: &View) -> BTreeSet<Id> {
    let up = |service: &Id, since_entry: u64| {
        view.recover
            .services
            .get(service)
            .is_some_and(|known| known.since_entry > since_entry && serves(estate, service, known.state))
    };
    let mut down = BTreeSet::new();
    // A decided cut counts as made: whoever relies on the service must not wait for the proof.
    for cut in view.contain.cuts.iter().filter(|cut| cut.state.is_in_force()) {
        let services: Vec<Id> = match &cut.act {
            CutAct::StopService { service } => vec![service.clone()],
            CutAct::CloseDoor { site, .. } => {
                estate.services.keys().filter(|id| estate.site_of(id) == Some(site)).cloned().collect()
            }
        };
        down.extend(services.into_iter().filter(|service| !up(service, cut.since_entry)));
    }
    let untouched = |service: &Id| !view.recover.services.contains_key(service);
    down.extend(lost_by_plan(view).into_iter().filter(untouched));
    for (service, known) in &view.recover.services {
        if !serves(estate, service, known.state) {
            down.insert(service.clone());
        }
    }
    down.extend(view.recover.parked.keys().cloned());
    down
}

/// Services that somebody has accepted as lost by approving the plan that brings them back. A plan that is only
/// recorded says nothing: it may answer a question that begins with "what if".
fn lost_by_plan(view: &View) -> BTreeSet<Id> {
    let of_the_run = view.recover.run.as_ref().map(|run| &run.plan);
    let plans: BTreeSet<&String> = view.plan.approved.iter().chain(of_the_run).collect();
    plans
        .into_iter()
        .filter_map(|hash| Plan::read(&view.plan.plans.get(hash)?.text).ok())
        .flat_map(|plan| plan.lost)
        .filter(|id| id.kind() == Kind::Service)
        .collect()
}

fn serves(estate: &Estate, service: &Id, state: ServiceState) -> bool {
    match state {
        ServiceState::Admitted => true,
        // Without an admission of its own a service serves as soon as it is healthy.
        ServiceState::Healthy => estate
            .services
            .get(service)
            .and_then(|service| service.run.as_ref())
            .is_none_or(|run| run.admit.is_empty()),
        ServiceState::Stopped
        | ServiceState::Starting
        | ServiceState::Running
        | ServiceState::Failed
        | ServiceState::Held => false,
    }
}

/// How every capability stands for every tenant that has it: (tenant, capability, standing).
pub fn standings(estate: &Estate, view: &View) -> Vec<(Id, Id, Standing)> {
    let lost = graph::lost_when_down(estate, &services_down(estate, view));
    let mut standings = Vec::new();
    for tenant in estate.tenants.keys() {
        for (id, capability) in &estate.capabilities {
            if estate.serving(id, tenant).is_none() {
                continue;
            }
            let standing = if !lost.contains(&(tenant.clone(), id.clone())) {
                Standing::Works
            } else {
                match &capability.cut {
                    CutBehaviour::Hold => Standing::Emergency,
                    CutBehaviour::Divert(to) => Standing::Diverted(to.clone()),
                    CutBehaviour::Reject { reason } => Standing::Down { reason: Some(reason.clone()) },
                }
            };
            standings.push((tenant.clone(), id.clone(), standing));
        }
    }
    standings
}
