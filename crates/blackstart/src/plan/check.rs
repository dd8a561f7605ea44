//! Looks at a finished plan with nothing but the estate in hand, and says everything that is wrong with it.
//!
//! It shares no code with what makes plans, on purpose: a mistake there must not be repeated here. It is slow
//! and simple; tests run it on thousands of random estates.

use std::collections::BTreeMap;

use super::Plan;
use super::file::{Step, StepKind};
use crate::estate::model::{EdgeKind, ResourceKind};
use crate::estate::{Estate, Id, Kind};

/// Every sentence is one fault; none: the plan keeps all dependencies and limits, and its numbers add up.
pub fn faults(estate: &Estate, plan: &Plan) -> Vec<String> {
    let mut faults = Vec::new();
    if let Err(contradiction) = plan.consistent() {
        faults.push(contradiction);
    }
    let steps = by_target(plan);
    complete(estate, plan, &steps, &mut faults);
    durations(estate, plan, &mut faults);
    dependencies(estate, &steps, &mut faults);
    limits(estate, plan, &mut faults);
    prices(estate, plan, &steps, &mut faults);
    faults
}

type Steps<'a> = BTreeMap<(&'a Id, StepKind), &'a Step>;

fn by_target(plan: &Plan) -> Steps<'_> {
    plan.steps.iter().map(|step| ((&step.service, step.kind), step)).collect()
}

/// What is lost has all its steps, back to back where they belong together; nothing else has any.
fn complete(estate: &Estate, plan: &Plan, steps: &Steps<'_>, faults: &mut Vec<String>) {
    let mut expected = 0;
    for id in &plan.lost {
        let kinds: &[StepKind] = match id.kind() {
            Kind::Store => &[StepKind::Verify, StepKind::Restore],
            _ if has_admission(estate, id) => &[StepKind::Start, StepKind::Gate, StepKind::Admit],
            _ => &[StepKind::Start, StepKind::Gate],
        };
        expected += kinds.len();
        for kind in kinds {
            if !steps.contains_key(&(id, *kind)) {
                faults.push(format!("{id} has no step {kind:?}"));
            }
        }
        for pair in kinds.windows(2) {
            if let (Some(first), Some(next)) = (steps.get(&(id, pair[0])), steps.get(&(id, pair[1]))) {
                if next.start_s < first.end_s || !next.after.contains(&first.id) {
                    faults.push(format!("{} does not wait for {}", next.id, first.id));
                }
                if id.kind() == Kind::Service && next.start_s != first.end_s {
                    faults.push(format!("nobody stays with {id} between {} and {}", first.id, next.id));
                }
            }
        }
        if !estate.contains(id) {
            faults.push(format!("{id} is not in the estate"));
        }
    }
    if plan.steps.len() != expected {
        faults.push(format!("{} steps instead of {expected}", plan.steps.len()));
    }
}

fn has_admission(estate: &Estate, id: &Id) -> bool {
    let run = estate.services.get(id).and_then(|service| service.run.as_ref());
    run.is_some_and(|run| !run.admit.is_empty())
}

fn durations(estate: &Estate, plan: &Plan, faults: &mut Vec<String>) {
    for step in &plan.steps {
        let takes = step.end_s.saturating_sub(step.start_s);
        let right = match step.kind {
            StepKind::Verify => {
                step.recovery_point.is_some() == (takes == 0) || estate.stores[&step.service].size == 0
            }
            StepKind::Restore => {
                let size = u128::from(estate.stores[&step.service].size);
                let rate = u128::from(rate(estate, &step.service));
                let moved = rate * u128::from(takes);
                moved >= size && (takes == 0 || moved - rate < size)
            }
            StepKind::Start => takes == estate.services[&step.service].boot_s,
            StepKind::Gate => {
                let gates = &estate.services[&step.service].gates;
                gates.iter().all(|gate| u128::from(takes) * 1000 >= u128::from(gate.hold_ms))
            }
            StepKind::Admit => takes == 0,
        };
        if !right {
            faults.push(format!("{} takes {takes} s, which is not what the estate says", step.id));
        }
    }
}

/// What a restore of this store moves in a second.
fn rate(estate: &Estate, store: &Id) -> u64 {
    let store = &estate.stores[store];
    let given =
        store.source.as_ref().and_then(|source| Some(estate.resources[source.resource.as_ref()?].capacity));
    [store.restore_rate, given].into_iter().flatten().min().unwrap_or(100)
}

/// The edge table, row by row, as the contract has it.
fn dependencies(estate: &Estate, steps: &Steps<'_>, faults: &mut Vec<String>) {
    for edge in &estate.edges {
        let blocks = match edge.kind {
            EdgeKind::Hard | EdgeKind::StartOnly | EdgeKind::Data | EdgeKind::Order => true,
            EdgeKind::Soft => false,
        };
        let begins = steps.get(&(&edge.from, StepKind::Start));
        let healthy = match edge.to.kind() {
            Kind::Store => steps.get(&(&edge.to, StepKind::Restore)),
            _ => steps.get(&(&edge.to, StepKind::Gate)),
        };
        if let (true, Some(begins), Some(healthy)) = (blocks, begins, healthy)
            && (begins.start_s < healthy.end_s || !begins.after.contains(&healthy.id))
        {
            faults.push(format!("{} begins before {} has ended", begins.id, healthy.id));
        }
    }
}

/// One use of something limited: by whom, how much, from when until when (`None`: for good).
struct Use {
    of: String,
    has: u64,
    takes: u64,
    from_s: u64,
    until_s: Option<u64>,
    /// By a step, not by something that runs on.
    planned: bool,
}

fn uses(estate: &Estate, plan: &Plan) -> Vec<Use> {
    let mut uses = Vec::new();
    for step in &plan.steps {
        let mut add = |of: String, has: u64, takes: u64, until_s: Option<u64>| {
            uses.push(Use { of, has, takes, from_s: step.start_s, until_s, planned: true });
        };
        match step.kind {
            StepKind::Verify => {
                let slots: Vec<u64> = estate
                    .resources
                    .values()
                    .filter(|resource| resource.kind == ResourceKind::ScanSlots)
                    .map(|resource| resource.capacity)
                    .collect();
                if !slots.is_empty() {
                    add("scan slots".to_owned(), slots.iter().sum(), 1, Some(step.end_s));
                }
            }
            StepKind::Restore => {
                let source = estate.stores[&step.service].source.as_ref();
                if let Some(resource) = source.and_then(|source| source.resource.as_ref()) {
                    let has = estate.resources[resource].capacity;
                    add(resource.to_string(), has, rate(estate, &step.service), Some(step.end_s));
                }
            }
            StepKind::Start | StepKind::Gate => {
                let service = &estate.services[&step.service];
                for skill in &service.crew {
                    add(skill.to_string(), estate.resources[skill].capacity, 1, Some(step.end_s));
                }
                let host = service.host.as_ref().map(|host| (host, &estate.hosts[host]));
                if let (StepKind::Start, Some((id, host))) = (step.kind, host) {
                    if let Some(cpu) = host.cpu {
                        add(format!("cores of {id}"), cpu, service.cpu_boot, Some(step.end_s));
                    }
                    let job = service.run.as_ref().is_some_and(|run| run.job);
                    if let (Some(memory), false) = (host.memory, job) {
                        add(format!("memory of {id}"), memory, service.memory, None);
                    }
                }
            }
            StepKind::Admit => {}
        }
    }
    // What was not lost keeps its memory all the while.
    for (id, service) in &estate.services {
        let host = service.host.as_ref().map(|host| (host, &estate.hosts[host]));
        let job = service.run.as_ref().is_some_and(|run| run.job);
        if let (false, false, Some((host_id, host))) = (plan.lost.contains(id), job, host)
            && let Some(has) = host.memory
        {
            let of = format!("memory of {host_id}");
            uses.push(Use { of, has, takes: service.memory, from_s: 0, until_s: None, planned: false });
        }
    }
    uses
}

/// At every second at which somebody begins to take something, all who hold it fit together.
fn limits(estate: &Estate, plan: &Plan, faults: &mut Vec<String>) {
    let mut by_limit: BTreeMap<String, Vec<Use>> = BTreeMap::new();
    for one in uses(estate, plan) {
        by_limit.entry(one.of.clone()).or_default().push(one);
    }
    for (name, uses) in &by_limit {
        for begin in uses {
            let second = begin.from_s;
            let held: u128 = uses
                .iter()
                .filter(|one| one.from_s <= second && one.until_s.is_none_or(|until_s| second < until_s))
                .map(|one| u128::from(one.takes))
                .sum();
            // What runs on and was too much before the plan is not this plan's fault.
            if held > u128::from(begin.has) && begin.planned && begin.takes > 0 {
                faults.push(format!("at second {second} {held} of {name} are taken, it has {}", begin.has));
            }
        }
    }
}

fn prices(estate: &Estate, plan: &Plan, steps: &Steps<'_>, faults: &mut Vec<String>) {
    let mut sum: u128 = 0;
    let mut count = 0;
    for (capability_id, capability) in &estate.capabilities {
        for (tenant_id, tenant) in &estate.tenants {
            let listed = plan
                .served
                .iter()
                .find(|served| served.tenant == *tenant_id && served.capability == *capability_id);
            let Some(service) = estate.serving(capability_id, tenant_id) else { continue };
            count += 1;
            let open = if has_admission(estate, service) { StepKind::Admit } else { StepKind::Gate };
            let at_s = steps.get(&(service, open)).map_or(0, |step| step.end_s);
            if listed.is_none_or(|served| served.at_s != at_s) {
                faults.push(format!(
                    "{capability_id} is back for {tenant_id} at {at_s}, the plan says otherwise"
                ));
            }
            sum += u128::from(tenant.insured) * u128::from(capability.urgency) * u128::from(at_s);
        }
    }
    if plan.served.len() != count {
        faults.push(format!("{} served capabilities instead of {count}", plan.served.len()));
    }
    if sum != u128::from(plan.insured_seconds) {
        faults.push(format!("the price is {sum} insured-seconds, the plan says {}", plan.insured_seconds));
    }
    let baselines = [plan.baselines.fifo, plan.baselines.tier, plan.baselines.size];
    if plan.lower_bound > plan.insured_seconds || baselines.iter().any(|&cost| cost < plan.lower_bound) {
        faults.push("something is cheaper than the bound that nothing can beat".to_owned());
    }
    gates_look_at_nothing_later(estate, steps, faults);
}

/// A gate must not need what is brought back only after it.
fn gates_look_at_nothing_later(estate: &Estate, steps: &Steps<'_>, faults: &mut Vec<String>) {
    for (id, service) in &estate.services {
        let Some(gate) = steps.get(&(id, StepKind::Gate)) else { continue };
        for used in service.gates.iter().flat_map(|gate| &gate.uses) {
            let back = steps.get(&(used, StepKind::Gate)).or_else(|| steps.get(&(used, StepKind::Restore)));
            if back.is_some_and(|back| back.end_s > gate.start_s && used != id) {
                faults.push(format!("{} uses {used}, which is back only later", gate.id));
            }
        }
    }
}
