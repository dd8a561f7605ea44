//! Who goes first when something is scarce: the plan's order, also for what is large.

use std::collections::BTreeSet;

use super::decide::{Act, Ground, Inspection, Now, Task, next};
use estate::hands::Driver;
use estate::model::{Host, Run, Service};
use estate::{Estate, Id};
use incident::View;
use incident::plan::file::{Plan, Step, StepKind, step_id};

fn id(name: &str) -> Id {
    format!("service:{name}").parse().unwrap()
}

/// A host with four cores, and services that need so many of them to start, in the plan's order.
fn provider(cores: &[(&str, u64)]) -> (Estate, Plan) {
    let mut estate = Estate::default();
    let host: Id = "host:h".parse().unwrap();
    estate.hosts.insert(host.clone(), Host { cpu: Some(4), ..Host::default() });
    let mut plan = Plan::default();
    for (name, cpu_boot) in cores {
        let made = Service { host: Some(host.clone()), cpu_boot: *cpu_boot, ..Service::default() };
        estate.services.insert(id(name), made);
        plan.steps.push(Step {
            id: step_id(StepKind::Start, &id(name)),
            service: id(name),
            kind: StepKind::Start,
            start_s: 0,
            end_s: 1,
            after: Vec::new(),
            recovery_point: None,
        });
    }
    (estate, plan)
}

/// What is begun while the first step of the plan is being worked on and all others could begin but for the cores.
fn begun_beside_the_first(cores: &[(&str, u64)]) -> Vec<Id> {
    let (estate, plan) = provider(cores);
    begun_beside(&estate, &plan, 1, 16)
}

/// The same while the first so many are being worked on.
fn begun_beside(estate: &Estate, plan: &Plan, busy: usize, at_once: usize) -> Vec<Id> {
    let hash = plan.hash();
    let mut view = View::default();
    view.plan.approved = Some(hash.clone());
    let task = |step: &Step| Task {
        step: step.clone(),
        attempt: 1,
        providers: Vec::new(),
        point: Err("a service is not restored from a snapshot".to_owned()),
        process: None,
        without: Vec::new(),
    };
    let now = Now {
        busy: plan.steps.iter().take(busy).map(|step| (step.id.clone(), task(step))).collect(),
        looked: plan.steps.iter().map(|step| (step.id.clone(), Inspection::Healthy)).collect(),
        ..Now::default()
    };
    let changed = BTreeSet::new();
    let ground = Ground { view: &view, estate, plan, plan_hash: &hash, changed: &changed, now: &now };
    let acts = next(&ground, at_once).acts.into_iter();
    acts.map(|act| match act {
        Act::Perform(task) => task.step.service,
        other => panic!("{other:?}"),
    })
    .collect()
}

#[test]
fn what_fits_beside_the_others_is_begun() {
    assert_eq!(begun_beside_the_first(&[("a", 2), ("b", 1), ("c", 1), ("d", 1)]), [id("b"), id("c")]);
}

#[test]
fn what_is_too_large_for_the_room_left_is_not_overtaken_by_smaller_ones_behind_it() {
    assert_eq!(begun_beside_the_first(&[("a", 2), ("large", 4), ("small", 2)]), Vec::<Id>::new());
    assert_eq!(begun_beside_the_first(&[("a", 2), ("small", 2), ("large", 4)]), [id("small")]);
}

#[test]
fn what_needs_nothing_scarce_is_not_held_up_by_the_queue() {
    assert_eq!(begun_beside_the_first(&[("a", 2), ("large", 4), ("free", 0)]), [id("free")]);
}

#[test]
fn starts_that_hang_on_one_host_hold_up_neither_other_hosts_nor_this_machine() {
    let names = ["a", "b", "c", "d", "e", "other", "here"];
    let (mut estate, plan) = provider(&names.map(|name| (name, 0)));
    let other: Id = "host:other".parse().unwrap();
    estate.hosts.insert(other.clone(), Host { local: true, ..Host::default() });
    for name in &names[..6] {
        let service = estate.services.get_mut(&id(name)).unwrap();
        let driver = Some(Driver::Systemd(format!("{name}.service")));
        service.run = Some(Run { driver, ..Run::default() });
    }
    estate.services.get_mut(&id("other")).unwrap().host = Some(other);
    // Four hang on the first host, and only one step at once may be worked on here.
    assert_eq!(begun_beside(&estate, &plan, 4, 1), [id("other"), id("here")]);
}
