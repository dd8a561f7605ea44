//! Writes a schedule as the steps that are run and the times at which people are served again.

use std::collections::BTreeMap;

use super::file::{Served, Step, StepKind, step_id};
use super::generate::Schedule;
use super::instance::{Instance, RecoveryPoints, What};
use super::priority::order_of_needs;
use crate::estate::{Estate, Id};

/// All steps, by start; where that leaves a choice, each after what it waits for.
pub fn steps(
    estate: &Estate,
    instance: &Instance,
    schedule: &Schedule,
    points: &RecoveryPoints,
) -> Vec<Step> {
    let mut steps = Vec::new();
    for at in order_of_needs(instance) {
        let target = &instance.activities[at].target;
        let (start_s, end_s) = (schedule.start_s[at], schedule.end_s(instance, at));
        let after: Vec<String> =
            instance.before[at].iter().map(|&provider| last_step(instance, provider)).collect();
        let step = |kind, start_s, end_s, after: Vec<String>| Step {
            id: step_id(kind, target),
            service: target.clone(),
            kind,
            start_s,
            end_s,
            after,
            recovery_point: points.get(target).cloned(),
        };
        match instance.activities[at].what {
            What::Verify => steps.push(step(StepKind::Verify, start_s, end_s, after)),
            What::Restore => steps.push(step(StepKind::Restore, start_s, end_s, after)),
            What::BringUp => {
                let service = &estate.services[target];
                let started_s = start_s + service.boot_s;
                let before_gate = vec![step_id(StepKind::Start, target)];
                let before_admit = vec![step_id(StepKind::Gate, target)];
                steps.push(step(StepKind::Start, start_s, started_s, after));
                steps.push(step(StepKind::Gate, started_s, end_s, before_gate));
                // Without a command that lets load in, a healthy service is open.
                if service.run.as_ref().is_some_and(|run| !run.admit.is_empty()) {
                    steps.push(step(StepKind::Admit, end_s, end_s, before_admit));
                }
            }
        }
    }
    // Stable: steps that begin in the same second stay in the order of what waits for what.
    steps.sort_by_key(|step| step.start_s);
    steps
}

/// The step whose end lets go on whatever waits for this activity: healthy is enough, nobody waits for load.
fn last_step(instance: &Instance, at: usize) -> String {
    let kind = match instance.activities[at].what {
        What::Verify => StepKind::Verify,
        What::Restore => StepKind::Restore,
        What::BringUp => StepKind::Gate,
    };
    step_id(kind, &instance.activities[at].target)
}

/// When each tenant has each capability; 0 if it was never lost. What nothing serves is not listed: it has no
/// time, and `explain` names it.
pub fn served(estate: &Estate, instance: &Instance, schedule: &Schedule) -> Vec<Served> {
    let back_s: BTreeMap<&Id, u64> = (0..instance.activities.len())
        .filter(|&at| instance.activities[at].what == What::BringUp)
        .map(|at| (&instance.activities[at].target, schedule.end_s(instance, at)))
        .collect();
    let mut served = Vec::new();
    for tenant in estate.tenants.keys() {
        for capability in estate.capabilities.keys() {
            if let Some(service) = estate.serving(capability, tenant) {
                let at_s = back_s.get(service).copied().unwrap_or(0);
                served.push(Served { tenant: tenant.clone(), capability: capability.clone(), at_s });
            }
        }
    }
    served
}
