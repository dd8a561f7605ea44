//! The scheduling problem: what has to be done, what it takes, and what has to come first.
//!
//! This is the seam between the estate and the order in which it comes back. Whoever looks for a better order
//! sees only this: activities with whole seconds, demands on shared limits, and what must have ended before.

use std::collections::BTreeMap;

use super::Refusal;
use super::limit::LimitName;
use super::lost::Lost;
use super::progress::{Begun, Todo, boot_left_s, left_s};
use estate::Id;
use estate::model::{Edge, EdgeKind, Estate, Evidence, ResourceKind, Service, Store};

/// Mebibytes a second that judging a copy is counted at when nobody has judged it yet. An assumption, printed
/// with every plan that uses it.
pub const ASSUMED_VERIFY_RATE: u64 = 200;
/// Mebibytes a second for a store whose rate and bandwidth are both unknown. Printed likewise.
pub const ASSUMED_RESTORE_RATE: u64 = 100;
/// A plan beyond this (one hundred years) is a typing error in a size or a rate; it also keeps sums far from
/// the end of the number range.
pub const HORIZON_S: u64 = 100 * 365 * 24 * 3600;

/// What is done to the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A store's copy is judged.
    Verify,
    /// A store's data is put back.
    Restore,
    /// A service is started and passes its gate: one piece, because whoever starts it stays until it is healthy.
    BringUp,
}

impl What {
    pub fn word(self) -> &'static str {
        match self {
            What::Verify => "verify",
            What::Restore => "restore",
            What::BringUp => "bring_up",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    pub target: Id,
    pub what: What,
    pub duration_s: u64,
    pub demands: Vec<Demand>,
    /// Σ insured × urgency of what is served again when this ends.
    pub weight: u128,
}

impl Activity {
    /// It is being worked on, or nobody is needed for it any more.
    fn is_begun(&self, todo: &Todo) -> bool {
        match (self.what, todo.begun.get(&self.target)) {
            (_, None) => false,
            (What::Verify | What::BringUp, Some(_)) => true,
            (What::Restore, Some(begun)) => matches!(begun, Begun::Restoring(_)),
        }
    }
}

/// Takes `amount` of a limit from `from_s` to `until_s` after the activity's start. `None`: keeps it for good.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    pub limit: usize,
    pub amount: u64,
    pub from_s: u64,
    pub until_s: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub name: LimitName,
    pub capacity: u64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    pub activities: Vec<Activity>,
    pub limits: Vec<Limit>,
    /// For each activity those that must have ended before it begins. Free of cycles.
    pub before: Vec<Vec<usize>>,
    /// For each activity the second before which it must not begin. Empty: nothing has to wait for the clock.
    pub not_before_s: Vec<u64>,
    /// What is held by others from plan start on: by what is already running, or already runs for good.
    pub held: Vec<Reservation>,
}

/// `amount` of a limit is not free from plan start until `until_s`. `None`: for good.
#[derive(Clone, Debug, PartialEq)]
pub struct Reservation {
    pub limit: usize,
    pub amount: u64,
    pub until_s: Option<u64>,
}

impl Instance {
    /// The second before which this activity must not begin.
    pub fn not_before_s(&self, at: usize) -> u64 {
        self.not_before_s.get(at).copied().unwrap_or(0)
    }
}

/// The recovery point of each store whose copy has already been judged clean.
pub type RecoveryPoints = BTreeMap<Id, String>;

/// Builds the problem, or says why there is no plan.
pub fn instance(estate: &Estate, lost: &Lost, points: &RecoveryPoints) -> Result<Instance, Refusal> {
    remaining(estate, &Todo::all(lost), points)
}

/// The problem of what is still to be done. What has been begun keeps what it has taken, begins at second 0 and
/// waits for nothing.
pub fn remaining(estate: &Estate, todo: &Todo, points: &RecoveryPoints) -> Result<Instance, Refusal> {
    let lost = &todo.lost;
    refuse_unknown(estate, lost)?;
    let mut builder = Builder {
        estate,
        limits: Vec::new(),
        index: BTreeMap::new(),
        memory_in_use: memory_in_use(estate, todo),
        held: Vec::new(),
    };
    let weights = weights(estate);
    let mut activities = Vec::new();
    let mut end_of: BTreeMap<&Id, usize> = BTreeMap::new();
    let mut before = Vec::new();
    for (id, store) in estate.stores.iter().filter(|(id, _)| lost.stores.contains(*id)) {
        let begun = todo.begun.get(id).copied();
        activities.push(builder.verify(id, store, points.contains_key(id), begun)?);
        before.push(Vec::new());
        activities.push(builder.restore(id, store, begun)?);
        before.push(vec![activities.len() - 2]);
        end_of.insert(id, activities.len() - 1);
    }
    for (id, service) in estate.services.iter().filter(|(id, _)| lost.services.contains(*id)) {
        let weight = weights.get(id).copied().unwrap_or(0);
        activities.push(builder.bring_up(id, service, weight, todo.begun.get(id).copied())?);
        before.push(Vec::new());
        end_of.insert(id, activities.len() - 1);
    }
    for edge in &estate.edges {
        // `order` blocks only if both are in the plan; for the others a provider that is not lost is healthy
        // already. Both come down to the same: both ends are in the plan.
        let blocks = edge.kind.blocks_start() || edge.kind == EdgeKind::Order;
        if let (true, Some(&dependent), Some(&provider)) =
            (blocks, end_of.get(&edge.from), end_of.get(&edge.to))
        {
            before[dependent].push(provider);
        }
    }
    // A gate depends on nothing that is restored later (invariant 12): what its probe uses comes first.
    for (id, service) in &estate.services {
        for used in service.gates.iter().flat_map(|gate| &gate.uses).filter(|used| *used != id) {
            if let (Some(&at), Some(&provider)) = (end_of.get(id), end_of.get(used)) {
                before[at].push(provider);
            }
        }
    }
    for (list, activity) in before.iter_mut().zip(&activities) {
        if activity.is_begun(todo) {
            list.clear();
        }
        list.sort_unstable();
        list.dedup();
    }
    builder.fit_what_is_held();
    let Builder { limits, held, .. } = &mut builder;
    let (limits, held) = (std::mem::take(limits), std::mem::take(held));
    let instance = Instance { activities, limits, before, held, ..Instance::default() };
    refuse_cycles(estate, &instance)?;
    refuse_overload(&instance, &builder.memory_in_use)?;
    Ok(instance)
}

/// Σ insured × urgency of what each service serves.
pub fn weights(estate: &Estate) -> BTreeMap<&Id, u128> {
    let mut weights: BTreeMap<&Id, u128> = BTreeMap::new();
    for (capability_id, capability) in &estate.capabilities {
        for (tenant_id, tenant) in &estate.tenants {
            if let Some(service) = estate.serving(capability_id, tenant_id) {
                let weight = u128::from(tenant.insured) * u128::from(capability.urgency);
                let sum = weights.entry(service).or_default();
                *sum = sum.saturating_add(weight);
            }
        }
    }
    weights
}

/// Mebibytes that services which were not lost keep on each host.
fn memory_in_use(estate: &Estate, todo: &Todo) -> BTreeMap<Id, u64> {
    let mut in_use: BTreeMap<Id, u64> = BTreeMap::new();
    let runs = |id: &Id| !todo.lost.services.contains(id) && !todo.never.contains_key(id);
    for (_, service) in estate.services.iter().filter(|(id, _)| runs(id)) {
        if let Some(host) = &service.host {
            let sum = in_use.entry(host.clone()).or_default();
            *sum = sum.saturating_add(memory_kept(service));
        }
    }
    in_use
}

/// A job leaves nothing behind that keeps memory.
fn memory_kept(service: &Service) -> u64 {
    if service.run.as_ref().is_some_and(|run| run.job) { 0 } else { service.memory }
}

/// The rate a restore is counted at: what the store can take in, at most what its source can give.
pub fn restore_rate(estate: &Estate, store: &Store) -> u64 {
    let bandwidth = store
        .source
        .as_ref()
        .and_then(|source| source.resource.as_ref())
        .and_then(|resource| estate.resources.get(resource))
        .map(|resource| resource.capacity);
    match (store.restore_rate, bandwidth) {
        (Some(rate), Some(bandwidth)) => rate.min(bandwidth),
        (Some(rate), None) => rate,
        (None, Some(bandwidth)) => bandwidth,
        (None, None) => ASSUMED_RESTORE_RATE,
    }
}

/// Whole seconds until the longest of the service's gates has held. They are probed side by side.
pub fn gate_s(service: &Service) -> u64 {
    service.gates.iter().map(|gate| gate.hold_ms.div_ceil(1000)).max().unwrap_or(0)
}

struct Builder<'a> {
    estate: &'a Estate,
    limits: Vec<Limit>,
    index: BTreeMap<LimitName, usize>,
    memory_in_use: BTreeMap<Id, u64>,
    held: Vec<Reservation>,
}

impl Builder<'_> {
    /// What has been begun has its demands already: they are held from second 0, and not asked for again. What
    /// ends at second 0 (the cores of a service that waits at its gate) has been given back.
    fn already(&mut self, activity: Activity) -> Activity {
        let held = |demand: &Demand| Reservation {
            limit: demand.limit,
            amount: demand.amount,
            until_s: demand.until_s,
        };
        let kept = activity.demands.iter().filter(|demand| demand.until_s != Some(0));
        self.held.extend(kept.map(held));
        Activity { demands: Vec::new(), ..activity }
    }

    /// Reality may take more than there is (somebody lowered a capacity meanwhile): then all of it is taken.
    fn fit_what_is_held(&mut self) {
        let mut free: Vec<u64> = self.limits.iter().map(|limit| limit.capacity).collect();
        for held in &mut self.held {
            held.amount = held.amount.min(free[held.limit]);
            free[held.limit] -= held.amount;
        }
    }

    fn limit(&mut self, name: LimitName, capacity: u64) -> usize {
        if let Some(&at) = self.index.get(&name) {
            return at;
        }
        let at = self.limits.len();
        self.index.insert(name.clone(), at);
        self.limits.push(Limit { name, capacity });
        at
    }

    fn demand(
        &mut self,
        who: &Id,
        name: LimitName,
        capacity: u64,
        amount: u64,
        from_s: u64,
        until_s: Option<u64>,
    ) -> Result<Demand, Refusal> {
        if amount > capacity {
            return Err(Refusal::DemandAboveCapacity {
                who: who.clone(),
                limit: name,
                needs: amount,
                has: capacity,
            });
        }
        Ok(Demand { limit: self.limit(name, capacity), amount, from_s, until_s })
    }

    fn resource(&mut self, who: &Id, resource: &Id, amount: u64, until_s: u64) -> Result<Demand, Refusal> {
        let known = self
            .estate
            .resources
            .get(resource)
            .ok_or_else(|| Refusal::UnknownReference { from: who.clone(), to: resource.clone() })?;
        self.demand(who, LimitName::Resource(resource.clone()), known.capacity, amount, 0, Some(until_s))
    }

    fn verify(
        &mut self,
        id: &Id,
        store: &Store,
        judged: bool,
        begun: Option<Begun>,
    ) -> Result<Activity, Refusal> {
        let whole_s = if judged { 0 } else { store.size.div_ceil(ASSUMED_VERIFY_RATE) };
        let duration_s = match begun {
            Some(Begun::Verifying(elapsed_s)) => left_s(whole_s, elapsed_s),
            Some(_) => 0,
            None => whole_s,
        };
        let mut demands = Vec::new();
        let slots: Vec<u64> = self
            .estate
            .resources
            .values()
            .filter(|resource| resource.kind == ResourceKind::ScanSlots)
            .map(|resource| resource.capacity)
            .collect();
        if !slots.is_empty() && duration_s > 0 {
            let capacity = slots.iter().fold(0, |sum: u64, slots| sum.saturating_add(*slots));
            demands.push(self.demand(id, LimitName::ScanSlots, capacity, 1, 0, Some(duration_s))?);
        }
        let activity = Activity { target: id.clone(), what: What::Verify, duration_s, demands, weight: 0 };
        Ok(if begun.is_some() { self.already(activity) } else { activity })
    }

    fn restore(&mut self, id: &Id, store: &Store, begun: Option<Begun>) -> Result<Activity, Refusal> {
        let nothing = Activity {
            target: id.clone(),
            what: What::Restore,
            duration_s: 0,
            demands: Vec::new(),
            weight: 0,
        };
        if store.size == 0 {
            return Ok(nothing);
        }
        let rate = self.rate(id, store)?;
        let whole_s = store.size.div_ceil(rate);
        let running = match begun {
            Some(Begun::Restoring(elapsed_s)) => Some(left_s(whole_s, elapsed_s)),
            Some(_) | None => None,
        };
        let duration_s = running.unwrap_or(whole_s);
        let demands = match store.source.as_ref().and_then(|source| source.resource.as_ref()) {
            Some(resource) => vec![self.resource(id, &resource.clone(), rate, duration_s)?],
            None => Vec::new(),
        };
        let activity = Activity { duration_s, demands, ..nothing };
        Ok(if running.is_some() { self.already(activity) } else { activity })
    }

    fn rate(&self, id: &Id, store: &Store) -> Result<u64, Refusal> {
        let rate = restore_rate(self.estate, store);
        if rate > 0 {
            return Ok(rate);
        }
        let source = store.source.as_ref().and_then(|source| source.resource.as_ref());
        Err(match source.filter(|_| store.restore_rate != Some(0)) {
            Some(resource) => Refusal::DemandAboveCapacity {
                who: id.clone(),
                limit: LimitName::Resource(resource.clone()),
                needs: store.restore_rate.unwrap_or(1),
                has: 0,
            },
            None => Refusal::NoRate { store: id.clone() },
        })
    }

    fn bring_up(
        &mut self,
        id: &Id,
        service: &Service,
        weight: u128,
        begun: Option<Begun>,
    ) -> Result<Activity, Refusal> {
        let boot_s = boot_left_s(service, begun);
        let at_the_gate_s = match begun {
            Some(Begun::Gating(elapsed_s)) => left_s(gate_s(service), elapsed_s),
            Some(_) | None => gate_s(service),
        };
        let duration_s = boot_s.saturating_add(at_the_gate_s);
        let mut demands = Vec::new();
        // A skill named twice means two people with it, at the same time.
        let mut people: BTreeMap<&Id, u64> = BTreeMap::new();
        for skill in &service.crew {
            *people.entry(skill).or_default() += 1;
        }
        for (skill, people) in people {
            demands.push(self.resource(id, skill, people, duration_s)?);
        }
        if let Some(host_id) = &service.host {
            let host = self
                .estate
                .hosts
                .get(host_id)
                .ok_or_else(|| Refusal::UnknownReference { from: id.clone(), to: host_id.clone() })?;
            if let (Some(cpu), 1..) = (host.cpu, service.cpu_boot) {
                let name = LimitName::HostCpu(host_id.clone());
                demands.push(self.demand(id, name, cpu, service.cpu_boot, 0, Some(boot_s))?);
            }
            if let (Some(memory), needs @ 1..) = (host.memory, memory_kept(service)) {
                let in_use = self.memory_in_use.get(host_id).copied().unwrap_or(0);
                let name = LimitName::HostMemory(host_id.clone());
                demands.push(self.demand(id, name, memory.saturating_sub(in_use), needs, 0, None)?);
            }
        }
        let activity = Activity { target: id.clone(), what: What::BringUp, duration_s, demands, weight };
        Ok(if begun.is_some() { self.already(activity) } else { activity })
    }
}

/// A dependency on something that is not there would silently not be waited for, and a capability served by
/// nothing known would silently count as never lost.
fn refuse_unknown(estate: &Estate, lost: &Lost) -> Result<(), Refusal> {
    let needed = estate
        .edges
        .iter()
        .filter(|edge| edge.kind.blocks_start() && lost.services.contains(&edge.from))
        .map(|edge| (&edge.from, &edge.to));
    let serving = estate
        .capabilities
        .iter()
        .flat_map(|(id, capability)| capability.served_by.iter().map(move |serving| (id, &serving.service)));
    match needed.chain(serving).find(|(_, to)| !estate.contains(to)) {
        Some((from, to)) => Err(Refusal::UnknownReference { from: from.clone(), to: to.clone() }),
        None => Ok(()),
    }
}

/// What is kept for good must fit all at once; and the whole must end before the horizon.
fn refuse_overload(instance: &Instance, memory_in_use: &BTreeMap<Id, u64>) -> Result<(), Refusal> {
    let mut total_s: u64 = 0;
    for activity in &instance.activities {
        total_s = total_s.saturating_add(activity.duration_s);
    }
    let longest = instance.activities.iter().max_by_key(|activity| activity.duration_s);
    if let (true, Some(longest)) = (total_s > HORIZON_S, longest) {
        return Err(Refusal::TooLong { target: longest.target.clone(), seconds: longest.duration_s });
    }
    for (at, limit) in instance.limits.iter().enumerate() {
        let kept = instance
            .activities
            .iter()
            .flat_map(|activity| &activity.demands)
            .filter(|demand| demand.limit == at && demand.until_s.is_none())
            .map(|demand| demand.amount)
            .chain(
                instance
                    .held
                    .iter()
                    .filter(|held| held.limit == at && held.until_s.is_none())
                    .map(|held| held.amount),
            )
            .fold(0, |sum: u64, amount| sum.saturating_add(amount));
        if kept > limit.capacity {
            let others = match &limit.name {
                LimitName::HostMemory(host) => memory_in_use.get(host).copied().unwrap_or(0),
                LimitName::Resource(_) | LimitName::HostCpu(_) | LimitName::ScanSlots => 0,
            };
            return Err(Refusal::DoesNotFit {
                limit: limit.name.clone(),
                needs: kept,
                has: limit.capacity,
                others,
            });
        }
    }
    Ok(())
}

/// Takes away whatever waits for nothing until nothing is left; what remains waits for itself.
fn refuse_cycles(estate: &Estate, instance: &Instance) -> Result<(), Refusal> {
    let count = instance.activities.len();
    let mut waiting: Vec<usize> = instance.before.iter().map(Vec::len).collect();
    let after = after(&instance.before);
    let mut free: Vec<usize> = (0..count).filter(|&at| waiting[at] == 0).collect();
    while let Some(at) = free.pop() {
        for &next in &after[at] {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                free.push(next);
            }
        }
    }
    let Some(mut at) = (0..count).find(|&at| waiting[at] > 0) else { return Ok(()) };
    // Walking backwards inside what remains must come round: everything there waits for something there.
    let mut path: Vec<usize> = Vec::new();
    let mut place = vec![usize::MAX; count];
    while place[at] == usize::MAX {
        place[at] = path.len();
        path.push(at);
        at = *instance.before[at]
            .iter()
            .find(|&&provider| waiting[provider] > 0)
            .expect("what is left over waits for something that is left over");
    }
    let mut ids: Vec<Id> =
        path[place[at]..].iter().map(|&at| instance.activities[at].target.clone()).collect();
    ids.push(ids[0].clone());
    let softest = softest(estate, &ids);
    Err(Refusal::Cycle { ids, softest })
}

/// The link of the ring that promises least and so is the first to doubt: a mere wish, then what is least certain,
/// then what was only inferred, then what is needed for the start alone. Between two things the firmest edge counts,
/// because cutting a softer one beside it opens nothing. `None`: the ring closes over what a gate uses.
fn softest(estate: &Estate, ring: &[Id]) -> Option<Edge> {
    let firmness = |edge: &Edge| {
        let evidence = match edge.evidence {
            Evidence::Inferred => 0,
            Evidence::Observed => 1,
            Evidence::Declared => 2,
        };
        let kind = match edge.kind {
            EdgeKind::Soft | EdgeKind::Order => 0,
            EdgeKind::StartOnly => 1,
            EdgeKind::Data => 2,
            EdgeKind::Hard => 3,
        };
        (edge.kind != EdgeKind::Order, edge.confidence, evidence, kind)
    };
    let links = ring.windows(2).filter_map(|pair| {
        let between = estate.edges.iter().filter(|edge| edge.from == pair[0] && edge.to == pair[1]);
        between.filter(|edge| edge.kind != EdgeKind::Soft).max_by_key(|edge| firmness(edge))
    });
    links.min_by_key(|edge| firmness(edge)).cloned()
}

/// `before`, turned round.
pub fn after(before: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut after = vec![Vec::new(); before.len()];
    for (at, providers) in before.iter().enumerate() {
        for &provider in providers {
            after[provider].push(at);
        }
    }
    after
}
