//! Looks at a finished plan with nothing but the estate in hand, and says everything that is wrong with it.
//!
//! It shares no code with what makes plans, on purpose: a mistake there must not be repeated here. It is slow and
//! simple, and takes any plan, also one that somebody has made up; tests run it on thousands of random estates.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use estate::model::{EdgeKind, ResourceKind, Service, Store};
use estate::{Estate, Id, Kind};
use incident::plan::changed::{self, NotComparable};
use incident::plan::file::{Step, StepKind};

/// What cannot be said without an estate: that the plan fits the one at hand.
pub fn estate_faults(estate: &Estate, estate_hash: &str, plan: &Plan) -> Vec<String> {
    let mut faults = Vec::new();
    if plan.estate_hash != estate_hash {
        faults.push(format!("it was made for estate {}, this one is {estate_hash}", plan.estate_hash));
    }
    match changed(estate, plan) {
        Ok(changed) => {
            faults.extend(changed.iter().map(|id| format!("{id} is not as it was when the plan was made")));
        }
        Err(fault) => faults.push(fault.to_string()),
    }
    faults
}

/// What the plan works on and is another thing in this estate, or none.
pub fn changed(estate: &Estate, plan: &Plan) -> Result<BTreeSet<Id>, NotComparable> {
    changed::changed(plan, estate, None)
}

/// Every sentence is one fault; none: the plan keeps all dependencies and limits, and its numbers add up.
pub fn faults(estate: &Estate, plan: &Plan) -> Vec<String> {
    let mut faults = Vec::new();
    if let Err(contradiction) = plan.consistent() {
        faults.push(contradiction);
    }
    let look = Look::new(estate, plan);
    look.complete(&mut faults);
    look.durations(&mut faults);
    look.dependencies(&mut faults);
    look.limits(&mut faults);
    look.prices(&mut faults);
    look.gates(&mut faults);
    faults
}

struct Look<'a> {
    estate: &'a Estate,
    plan: &'a Plan,
    steps: BTreeMap<(&'a Id, StepKind), &'a Step>,
    /// What cannot come back, by what.
    never: BTreeMap<&'a Id, &'a Id>,
}

/// One use of something limited: by whom, how much, from when until when (`None`: for good).
struct Use {
    of: String,
    has: u64,
    takes: u64,
    from_s: u64,
    until_s: Option<u64>,
    /// By a step that this plan has chosen the time of, not by something that runs already.
    planned: bool,
}

impl<'a> Look<'a> {
    fn new(estate: &'a Estate, plan: &'a Plan) -> Look<'a> {
        let steps = plan.steps.iter().map(|step| ((&step.service, step.kind), step)).collect();
        let mut look = Look { estate, plan, steps, never: BTreeMap::new() };
        look.never = look.in_vain();
        look
    }

    fn service(&self, id: &Id) -> Option<&'a Service> {
        self.estate.services.get(id)
    }

    fn store(&self, id: &Id) -> Option<&'a Store> {
        self.estate.stores.get(id)
    }

    fn step(&self, id: &Id, kind: StepKind) -> Option<&'a Step> {
        self.steps.get(&(id, kind)).copied()
    }

    /// It was done before the plan began.
    fn is_done(&self, step: &Step) -> bool {
        self.plan.continues.as_ref().is_some_and(|continues| continues.done.contains(&step.id))
    }

    fn is_running(&self, step: &Step) -> bool {
        self.plan.continues.as_ref().is_some_and(|continues| continues.running.contains_key(&step.id))
    }

    /// The thing as a whole was back before the plan began.
    fn is_back(&self, id: &Id) -> bool {
        let last = if id.kind() == Kind::Store { StepKind::Restore } else { StepKind::Gate };
        self.step(id, last).is_some_and(|step| self.is_done(step))
    }

    fn has_admission(&self, id: &Id) -> bool {
        let run = self.service(id).and_then(|service| service.run.as_ref());
        run.is_some_and(|run| !run.admit.is_empty())
    }

    /// What cannot be used, and all that waits for it: found by going over all edges until nothing is added.
    fn in_vain(&self) -> BTreeMap<&'a Id, &'a Id> {
        let without: BTreeSet<&Id> = self.plan.without.iter().filter(|id| !self.is_back(id)).collect();
        let mut never: BTreeMap<&'a Id, &'a Id> =
            self.plan.without.iter().filter(|id| without.contains(id)).map(|id| (id, id)).collect();
        let lost: BTreeSet<&Id> = self.plan.lost.iter().collect();
        loop {
            let before = never.len();
            let waits = self.estate.edges.iter().filter(|edge| match edge.kind {
                EdgeKind::Hard | EdgeKind::StartOnly | EdgeKind::Data => true,
                EdgeKind::Soft | EdgeKind::Order => false,
            });
            let asks = self.estate.services.iter().flat_map(|(id, service)| {
                service.gates.iter().flat_map(|gate| &gate.uses).map(move |used| (id, used))
            });
            for (from, to) in waits.map(|edge| (&edge.from, &edge.to)).chain(asks) {
                if let Some(&root) = never.get(to)
                    && lost.contains(from)
                    && !self.is_back(from)
                {
                    never.entry(from).or_insert(root);
                }
            }
            if never.len() == before {
                return never;
            }
        }
    }

    /// What is lost has all its steps, back to back where they belong together; nothing else has any.
    fn complete(&self, faults: &mut Vec<String>) {
        let mut expected = 0;
        for id in &self.plan.lost {
            if !self.estate.contains(id) {
                faults.push(format!("{id} is not in the estate"));
            }
            if let Some(because) = self.never.get(id) {
                if self.plan.steps.iter().any(|step| step.service == *id) {
                    faults.push(format!("{id} has steps, though {because} cannot be used"));
                }
                continue;
            }
            let kinds: &[StepKind] = match id.kind() {
                Kind::Store => &[StepKind::Verify, StepKind::Restore],
                _ if self.has_admission(id) => &[StepKind::Start, StepKind::Gate, StepKind::Admit],
                _ => &[StepKind::Start, StepKind::Gate],
            };
            expected += kinds.len();
            for kind in kinds {
                if self.step(id, *kind).is_none() {
                    faults.push(format!("{id} has no step `{}`", kind.word()));
                }
            }
            for pair in kinds.windows(2) {
                if let (Some(first), Some(next)) = (self.step(id, pair[0]), self.step(id, pair[1])) {
                    if next.start_s < first.end_s || !next.after.contains(&first.id) {
                        faults.push(format!("{} does not wait for {}", next.id, first.id));
                    }
                    if id.kind() == Kind::Service && next.start_s != first.end_s {
                        faults.push(format!("nobody stays with {id} between {} and {}", first.id, next.id));
                    }
                }
            }
        }
        if self.plan.steps.len() != expected {
            faults.push(format!("{} steps instead of {expected}", self.plan.steps.len()));
        }
        for id in self.plan.without.iter().filter(|id| !self.plan.lost.contains(id)) {
            faults.push(format!("{id} cannot be used, and is not among what is lost"));
        }
    }

    fn durations(&self, faults: &mut Vec<String>) {
        for step in &self.plan.steps {
            let takes = step.end_s.saturating_sub(step.start_s);
            let right = if self.is_done(step) {
                step.start_s == 0 && takes == 0
            } else if self.is_running(step) {
                step.start_s == 0
            } else {
                self.lasts(step, takes)
            };
            if !right {
                faults.push(format!("{} takes {takes} s, which is not what the estate says", step.id));
            }
        }
        let ends = self.plan.steps.iter().map(|step| step.end_s);
        if ends.max().unwrap_or(0) > self.plan.horizon_s && !self.plan.never.is_empty() {
            faults.push("it goes on after the time for which what never comes back is priced".to_owned());
        }
    }

    /// Whether an untouched step lasts as long as the estate says. One on something unknown does not.
    fn lasts(&self, step: &Step, takes: u64) -> bool {
        let moves = |size: u64, rate: u64| {
            let (size, moved) = (u128::from(size), u128::from(rate) * u128::from(takes));
            moved >= size && (takes == 0 || moved - u128::from(rate) < size)
        };
        match step.kind {
            StepKind::Verify => self.store(&step.service).is_some_and(|store| {
                if step.recovery_point.is_some() { takes == 0 } else { moves(store.size, 200) }
            }),
            StepKind::Restore => {
                self.store(&step.service).is_some_and(|store| moves(store.size, self.rate(store)))
            }
            StepKind::Start => self.service(&step.service).is_some_and(|service| takes == service.boot_s),
            StepKind::Gate => self.service(&step.service).is_some_and(|service| {
                let longest = service.gates.iter().map(|gate| gate.hold_ms.div_ceil(1000)).max().unwrap_or(0);
                takes == longest
            }),
            StepKind::Admit => takes == 0,
        }
    }

    /// What a restore of this store moves in a second.
    fn rate(&self, store: &Store) -> u64 {
        let given = store
            .source
            .as_ref()
            .and_then(|source| Some(self.estate.resources.get(source.resource.as_ref()?)?.capacity));
        [store.restore_rate, given].into_iter().flatten().min().unwrap_or(100)
    }

    /// The edge table, row by row, as the contract has it.
    fn dependencies(&self, faults: &mut Vec<String>) {
        for edge in &self.estate.edges {
            let blocks = match edge.kind {
                EdgeKind::Hard | EdgeKind::StartOnly | EdgeKind::Data | EdgeKind::Order => true,
                EdgeKind::Soft => false,
            };
            let begins = self.step(&edge.from, StepKind::Start);
            let healthy = match edge.to.kind() {
                Kind::Store => self.step(&edge.to, StepKind::Restore),
                _ => self.step(&edge.to, StepKind::Gate),
            };
            if let (true, Some(begins), Some(healthy)) = (blocks, begins, healthy)
                && !self.is_done(begins)
                && !self.is_running(begins)
                && (begins.start_s < healthy.end_s || !begins.after.contains(&healthy.id))
            {
                faults.push(format!("{} begins before {} has ended", begins.id, healthy.id));
            }
        }
    }

    fn uses(&self) -> Vec<Use> {
        let mut uses = Vec::new();
        for step in &self.plan.steps {
            self.uses_of(step, &mut uses);
        }
        // What was not lost keeps its memory all the while.
        for (id, service) in &self.estate.services {
            let host = service.host.as_ref().and_then(|id| Some((id, self.estate.hosts.get(id)?)));
            let job = service.run.as_ref().is_some_and(|run| run.job);
            if let (false, false, Some((host_id, host))) = (self.plan.lost.contains(id), job, host)
                && let Some(has) = host.memory
            {
                let of = format!("memory of {host_id}");
                uses.push(Use { of, has, takes: service.memory, from_s: 0, until_s: None, planned: false });
            }
        }
        uses
    }

    fn uses_of(&self, step: &Step, uses: &mut Vec<Use>) {
        let planned = !self.is_running(step) && !self.is_done(step);
        let mut add = |of: String, has: u64, takes: u64, until_s: Option<u64>| {
            uses.push(Use { of, has, takes, from_s: step.start_s, until_s, planned });
        };
        match step.kind {
            StepKind::Verify => {
                let slots = self.estate.resources.values();
                let slots = slots.filter(|resource| resource.kind == ResourceKind::ScanSlots);
                let slots: Vec<u64> = slots.map(|resource| resource.capacity).collect();
                if !slots.is_empty() {
                    let has = slots.iter().fold(0, |sum: u64, slots| sum.saturating_add(*slots));
                    add("scan slots".to_owned(), has, 1, Some(step.end_s));
                }
            }
            StepKind::Restore => {
                let Some(store) = self.store(&step.service) else { return };
                let resource = store.source.as_ref().and_then(|source| source.resource.as_ref());
                if let Some((id, resource)) =
                    resource.and_then(|id| Some((id, self.estate.resources.get(id)?)))
                {
                    add(id.to_string(), resource.capacity, self.rate(store), Some(step.end_s));
                }
            }
            StepKind::Start | StepKind::Gate => {
                let Some(service) = self.service(&step.service) else { return };
                for skill in &service.crew {
                    let has = self.estate.resources.get(skill).map_or(0, |resource| resource.capacity);
                    add(skill.to_string(), has, 1, Some(step.end_s));
                }
                let host = service.host.as_ref().and_then(|id| Some((id, self.estate.hosts.get(id)?)));
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

    /// At every second at which somebody begins to take something, all who hold it fit together.
    fn limits(&self, faults: &mut Vec<String>) {
        let mut by_limit: BTreeMap<String, Vec<Use>> = BTreeMap::new();
        for one in self.uses() {
            by_limit.entry(one.of.clone()).or_default().push(one);
        }
        for (name, uses) in &by_limit {
            limit(name, uses, faults);
        }
    }

    fn prices(&self, faults: &mut Vec<String>) {
        let mut sum: u128 = 0;
        let (mut served, mut never) = (0, 0);
        let listed: BTreeMap<(&Id, &Id), u64> =
            self.plan.served.iter().map(|one| ((&one.tenant, &one.capability), one.at_s)).collect();
        let given_up: BTreeSet<(&Id, &Id)> =
            self.plan.never.iter().map(|one| (&one.tenant, &one.capability)).collect();
        for (capability_id, capability) in &self.estate.capabilities {
            for (tenant_id, tenant) in &self.estate.tenants {
                let Some(service) = self.estate.serving(capability_id, tenant_id) else { continue };
                let weight = u128::from(tenant.insured).saturating_mul(u128::from(capability.urgency));
                let at_s = if self.never.contains_key(service) || self.plan.without.contains(service) {
                    never += 1;
                    if !given_up.contains(&(tenant_id, capability_id)) {
                        faults.push(format!(
                            "{capability_id} never comes back for {tenant_id}, the plan does not say so"
                        ));
                    }
                    self.plan.horizon_s
                } else {
                    served += 1;
                    let open = if self.has_admission(service) { StepKind::Admit } else { StepKind::Gate };
                    let at_s = self.step(service, open).map_or(0, |step| step.end_s);
                    if listed.get(&(tenant_id, capability_id)) != Some(&at_s) {
                        faults.push(format!(
                            "{capability_id} is back for {tenant_id} at {at_s}, the plan says otherwise"
                        ));
                    }
                    at_s
                };
                sum = sum.saturating_add(weight.saturating_mul(u128::from(at_s)));
            }
        }
        if self.plan.served.len() != served || self.plan.never.len() != never {
            let (said, given_up) = (self.plan.served.len(), self.plan.never.len());
            faults.push(format!(
                "{said} served and {given_up} given up capabilities instead of {served} and {never}"
            ));
        }
        let plan = self.plan;
        if u64::try_from(sum).unwrap_or(u64::MAX) != plan.insured_seconds {
            faults
                .push(format!("the price is {sum} insured-seconds, the plan says {}", plan.insured_seconds));
        }
        let baselines = [plan.baselines.fifo, plan.baselines.tier, plan.baselines.size];
        if plan.lower_bound > plan.insured_seconds || baselines.iter().any(|&cost| cost < plan.lower_bound) {
            faults.push("something is cheaper than the bound that nothing can beat".to_owned());
        }
    }

    /// A gate must not need what is brought back only after it.
    fn gates(&self, faults: &mut Vec<String>) {
        for (id, service) in &self.estate.services {
            let Some(gate) = self.step(id, StepKind::Gate) else { continue };
            for used in service.gates.iter().flat_map(|gate| &gate.uses) {
                let back = self.step(used, StepKind::Gate).or_else(|| self.step(used, StepKind::Restore));
                if back.is_some_and(|back| back.end_s > gate.start_s && used != id)
                    && !self.is_running(gate)
                    && !self.is_done(gate)
                {
                    faults.push(format!("{} uses {used}, which is back only later", gate.id));
                }
            }
        }
    }
}

/// Goes through the seconds in order: what begins is added, what has ended is taken off.
fn limit(name: &str, uses: &[Use], faults: &mut Vec<String>) {
    let lasting = || uses.iter().filter(|one| one.until_s.is_none_or(|until_s| until_s > one.from_s));
    let mut begins: Vec<(u64, u64)> = lasting().map(|one| (one.from_s, one.takes)).collect();
    let mut ends: Vec<(u64, u64)> = lasting().filter_map(|one| Some((one.until_s?, one.takes))).collect();
    begins.sort_unstable();
    ends.sort_unstable();
    let (mut begins, mut ends) = (begins.into_iter().peekable(), ends.into_iter().peekable());
    // What runs already and is too much is not this plan's fault.
    let chosen = uses.iter().filter(|one| one.planned && one.takes > 0);
    let seconds: BTreeMap<u64, u64> = chosen.map(|one| (one.from_s, one.has)).collect();
    let mut held: u128 = 0;
    for (second, has) in seconds {
        while let Some((_, takes)) = begins.next_if(|(from_s, _)| *from_s <= second) {
            held += u128::from(takes);
        }
        while let Some((_, takes)) = ends.next_if(|(until_s, _)| *until_s <= second) {
            held -= u128::from(takes);
        }
        if held > u128::from(has) {
            faults.push(format!("at second {second} {held} of {name} are taken, it has {has}"));
        }
    }
}
