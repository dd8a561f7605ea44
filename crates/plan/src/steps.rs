//! Writes a schedule as the steps that are run and the times at which people are served again.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::generate::Schedule;
use super::instance::{Instance, What};
use super::priority::order_of_needs;
use super::progress::{Begun, Todo, boot_left_s};
use super::ranges::Ranges;
use estate::model::EdgeKind;
use estate::{Estate, Id, Kind};
use incident::plan::file::{Never, Served, Step, StepKind, step_id};

/// All steps, by start; where that leaves a choice, each after what it waits for. What is back already comes first
/// and takes no time.
pub fn steps(estate: &Estate, problem: &Problem, schedule: &Schedule) -> Vec<Step> {
    let instance = &problem.instance;
    let mut steps: Vec<Step> = problem.todo.back.iter().flat_map(|id| done(estate, id)).collect();
    let back = back_before(estate, &problem.todo);
    for at in order_of_needs(instance) {
        let target = &instance.activities[at].target;
        let begun = problem.todo.begun.get(target).copied();
        let (start_s, end_s) = (schedule.start_s[at], schedule.end_s(instance, at));
        let mut after: Vec<String> =
            instance.before[at].iter().map(|&provider| last_step(instance, provider)).collect();
        let step = |kind, start_s, end_s, after: Vec<String>| Step {
            id: step_id(kind, target),
            service: target.clone(),
            kind,
            start_s,
            end_s,
            after,
            recovery_point: problem.points.get(target).cloned(),
        };
        match instance.activities[at].what {
            What::Verify => steps.push(step(StepKind::Verify, start_s, end_s, after)),
            What::Restore => {
                let after = vec![step_id(StepKind::Verify, target)];
                steps.push(step(StepKind::Restore, start_s, end_s, after));
            }
            What::BringUp => {
                let service = &estate.services[target];
                if begun.is_none() {
                    after.extend(back.get(target).into_iter().flatten().cloned());
                }
                let started_s = start_s + boot_left_s(service, begun);
                let before_gate = vec![step_id(StepKind::Start, target)];
                let before_admit = vec![step_id(StepKind::Gate, target)];
                steps.push(step(StepKind::Start, start_s, started_s, after));
                steps.push(step(StepKind::Gate, started_s, end_s, before_gate));
                if is_admitted(estate, target) {
                    steps.push(step(StepKind::Admit, end_s, end_s, before_admit));
                }
            }
        }
    }
    // Stable: steps that begin in the same second stay in the order of what waits for what.
    steps.sort_by_key(|step| step.start_s);
    steps
}

/// Without a command that lets load in, a healthy service is open.
fn is_admitted(estate: &Estate, service: &Id) -> bool {
    let run = estate.services.get(service).and_then(|service| service.run.as_ref());
    run.is_some_and(|run| !run.admit.is_empty())
}

/// The steps of something that is back: they keep their places in the plan, so that its run still knows them.
fn done(estate: &Estate, id: &Id) -> Vec<Step> {
    let kinds: &[StepKind] = match id.kind() {
        Kind::Store => &[StepKind::Verify, StepKind::Restore],
        _ if is_admitted(estate, id) => &[StepKind::Start, StepKind::Gate, StepKind::Admit],
        _ => &[StepKind::Start, StepKind::Gate],
    };
    let after = |at: usize| kinds[..at].last().map(|before| step_id(*before, id));
    let step = |(at, kind): (usize, &StepKind)| Step {
        id: step_id(*kind, id),
        service: id.clone(),
        kind: *kind,
        start_s: 0,
        end_s: 0,
        after: after(at).into_iter().collect(),
        recovery_point: None,
    };
    kinds.iter().enumerate().map(step).collect()
}

/// For each service still to come the last steps of what it needs and is back already.
fn back_before<'e>(estate: &'e Estate, todo: &Todo) -> BTreeMap<&'e Id, BTreeSet<String>> {
    let mut before: BTreeMap<&Id, BTreeSet<String>> = BTreeMap::new();
    let last =
        |id: &Id| step_id(if id.kind() == Kind::Store { StepKind::Restore } else { StepKind::Gate }, id);
    let blocks = |kind: EdgeKind| kind.blocks_start() || kind == EdgeKind::Order;
    for edge in estate.edges.iter().filter(|edge| blocks(edge.kind) && todo.back.contains(&edge.to)) {
        before.entry(&edge.from).or_default().insert(last(&edge.to));
    }
    for (id, service) in &estate.services {
        for used in service.gates.iter().flat_map(|gate| &gate.uses).filter(|used| todo.back.contains(*used))
        {
            if used != id {
                before.entry(id).or_default().insert(last(used));
            }
        }
    }
    before
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

/// Steps that are done, of things that are not back as a whole.
pub fn done_of_begun(todo: &Todo) -> BTreeSet<String> {
    let mut done = BTreeSet::new();
    for (id, begun) in &todo.begun {
        match begun {
            Begun::Verified | Begun::Restoring(_) => drop(done.insert(step_id(StepKind::Verify, id))),
            Begun::Started | Begun::Gating(_) => drop(done.insert(step_id(StepKind::Start, id))),
            Begun::Verifying(_) | Begun::Starting(_) => {}
        }
    }
    done
}

/// When each tenant has each capability, 0 if it was never lost or is back; and what never comes back. What nothing
/// serves is in neither list: it has no time, and `explain` names it.
pub fn served(
    estate: &Estate,
    problem: &Problem,
    schedule: &Schedule,
    ranges: &Ranges,
) -> (Vec<Served>, Vec<Never>) {
    let instance = &problem.instance;
    let back: BTreeMap<&Id, usize> = (0..instance.activities.len())
        .filter(|&at| instance.activities[at].what == What::BringUp)
        .map(|at| (&instance.activities[at].target, at))
        .collect();
    let (mut served, mut never) = (Vec::new(), Vec::new());
    for tenant in estate.tenants.keys() {
        for capability in estate.capabilities.keys() {
            let Some(service) = estate.serving(capability, tenant) else { continue };
            let (tenant, capability) = (tenant.clone(), capability.clone());
            if let Some(because) = problem.todo.never_because(service) {
                never.push(Never { tenant, capability, because: because.clone() });
                continue;
            }
            let at_s = back.get(service).map_or(0, |&at| schedule.end_s(instance, at));
            let (early_s, late_s) = back.get(service).map_or((0, 0), |&at| ranges.of(at, at_s));
            served.push(Served { tenant, capability, at_s, early_s, late_s });
        }
    }
    (served, never)
}
