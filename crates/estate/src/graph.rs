//! Who needs whom: the order of a start, what blocks it, and who loses what when something is down.
//!
//! The meaning of each kind of edge stands in `model::EdgeKind`; here it is only followed. Unknown ids are
//! passed over: `check` names them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::id::{Id, Kind};
use super::model::{Edge, EdgeKind, Estate};

/// A ring of services of which each must wait for the next: none of them can ever start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} wait for each other in a ring", self.path())]
pub struct Cycle {
    /// Each needs the next, the last needs the first. Begins with the smallest id.
    pub ids: Vec<Id>,
}

impl Cycle {
    /// `a -> b -> a`.
    pub fn path(&self) -> String {
        let names: Vec<String> = self.ids.iter().chain(self.ids.first()).map(Id::to_string).collect();
        names.join(" -> ")
    }
}

/// How much of the estate's service is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Insured of the tenants that lose at least one capability, each tenant once.
    pub insured: u64,
    /// Σ insured × urgency over everything lost.
    pub weight: u128,
}

/// What `from` must wait for when it starts: edges that block a start, and `order` when `both` says that
/// provider and dependent are in the same plan.
fn waits(edge: &Edge, both: impl Fn(&Id, &Id) -> bool) -> Option<(&Id, &Id)> {
    let waits = edge.kind.blocks_start() || (edge.kind == EdgeKind::Order && both(&edge.from, &edge.to));
    waits.then_some((&edge.from, &edge.to))
}

/// Everything in the order in which it can start, providers first, if all of it were started: stores and
/// services, equal ones by id. `order` edges count, because everything is in the plan.
pub fn start_order(estate: &Estate) -> Result<Vec<Id>, Cycle> {
    let all: BTreeSet<Id> = estate.stores.keys().chain(estate.services.keys()).cloned().collect();
    start_order_of(estate, &all)
}

/// The same for the services and stores of one plan. What is outside `ids` counts as running already.
pub fn start_order_of(estate: &Estate, ids: &BTreeSet<Id>) -> Result<Vec<Id>, Cycle> {
    let both = |from: &Id, to: &Id| ids.contains(from) && ids.contains(to);
    let mut providers: BTreeMap<&Id, BTreeSet<&Id>> = ids.iter().map(|id| (id, BTreeSet::new())).collect();
    let mut dependents: BTreeMap<&Id, Vec<&Id>> = BTreeMap::new();
    for (from, to) in estate.edges.iter().filter_map(|edge| waits(edge, both)) {
        if !both(from, to) {
            continue;
        }
        if providers.get_mut(from).is_some_and(|known| known.insert(to)) {
            dependents.entry(to).or_default().push(from);
        }
    }
    let mut waiting: BTreeMap<&Id, usize> =
        providers.iter().map(|(id, needed)| (*id, needed.len())).collect();
    let mut ready: BTreeSet<&Id> =
        waiting.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    let mut order = Vec::with_capacity(ids.len());
    while let Some(id) = ready.pop_first() {
        order.push(id.clone());
        for dependent in dependents.get(id).into_iter().flatten() {
            let count = waiting.get_mut(dependent).expect("every dependent is one of the ids");
            *count -= 1;
            if *count == 0 {
                ready.insert(dependent);
            }
        }
    }
    if order.len() == ids.len() { Ok(order) } else { Err(shortest_cycle(&providers, &order)) }
}

/// Most starting points from which a ring is searched for: beyond that a short ring is good enough.
const RING_STARTS_MAX: usize = 500;

/// The shortest ring among what could not be ordered; of several equally short ones the first found by id.
fn shortest_cycle(providers: &BTreeMap<&Id, BTreeSet<&Id>>, ordered: &[Id]) -> Cycle {
    let ordered: BTreeSet<&Id> = ordered.iter().collect();
    let mut shortest: Option<Vec<Id>> = None;
    for start in in_rings(providers, &ordered).into_iter().take(RING_STARTS_MAX) {
        let limit = shortest.as_ref().map_or(usize::MAX, Vec::len);
        if limit <= 1 {
            break;
        }
        if let Some(ring) = ring_through(start, providers, &ordered, limit) {
            shortest = Some(ring);
        }
    }
    let mut ids = shortest.expect("what cannot be ordered holds a ring");
    let smallest = ids.iter().enumerate().min_by_key(|(_, id)| *id).map_or(0, |(at, _)| at);
    ids.rotate_left(smallest);
    Cycle { ids }
}

/// What could not be ordered and is needed by something else that could not: walking only such ids from
/// provider to provider, one comes round. Takes away again and again what nothing left over needs.
fn in_rings<'e>(providers: &BTreeMap<&'e Id, BTreeSet<&'e Id>>, ordered: &BTreeSet<&Id>) -> Vec<&'e Id> {
    let mut left: BTreeMap<&Id, usize> =
        providers.keys().filter(|id| !ordered.contains(**id)).map(|id| (*id, 0)).collect();
    for needed in left.keys().copied().collect::<Vec<_>>().into_iter().flat_map(|id| &providers[id]) {
        if let Some(count) = left.get_mut(*needed) {
            *count += 1;
        }
    }
    let mut free: Vec<&Id> = left.iter().filter(|(_, count)| **count == 0).map(|(id, _)| *id).collect();
    while let Some(id) = free.pop() {
        left.remove(id);
        for needed in &providers[id] {
            if let Some(count) = left.get_mut(*needed) {
                *count -= 1;
                if *count == 0 {
                    free.push(needed);
                }
            }
        }
    }
    left.into_keys().collect()
}

/// Breadth first from `start` back to itself, through fewer than `limit` things.
fn ring_through(
    start: &Id,
    providers: &BTreeMap<&Id, BTreeSet<&Id>>,
    ordered: &BTreeSet<&Id>,
    limit: usize,
) -> Option<Vec<Id>> {
    let mut came_from: BTreeMap<&Id, &Id> = BTreeMap::new();
    let mut queue = VecDeque::from([(start, 1)]);
    while let Some((id, length)) = queue.pop_front().filter(|(_, length)| *length < limit) {
        for next in providers.get(id).into_iter().flatten() {
            if *next == start {
                let mut ring = vec![id.clone()];
                let mut at = id;
                while let Some(before) = came_from.get(at) {
                    ring.push((*before).clone());
                    at = before;
                }
                ring.reverse();
                return Some(ring);
            }
            if !ordered.contains(*next) && !came_from.contains_key(*next) {
                came_from.insert(next, id);
                queue.push_back((next, length + 1));
            }
        }
    }
    None
}

/// What `dependent` waits for directly when it starts alone: hard, start-only and data providers.
pub fn providers_blocking_start(estate: &Estate, dependent: &Id) -> BTreeSet<Id> {
    estate.needs(dependent).filter(|edge| edge.kind.blocks_start()).map(|edge| edge.to.clone()).collect()
}

/// Everything that must be healthy before `dependent` can start, directly or through others, without itself
/// unless it stands in a ring.
pub fn start_closure(estate: &Estate, dependent: &Id) -> BTreeSet<Id> {
    Links::new(estate).providers(dependent, EdgeKind::blocks_start)
}

/// Everything without which `dependent` cannot serve, directly or through others.
pub fn hard_closure(estate: &Estate, dependent: &Id) -> BTreeSet<Id> {
    Links::new(estate).providers(dependent, |kind| !kind.serves_without())
}

/// The edges by both of their ends, for whoever asks more than once.
pub struct Links<'e> {
    providers: BTreeMap<&'e Id, Vec<&'e Edge>>,
    dependents: BTreeMap<&'e Id, Vec<&'e Edge>>,
}

impl<'e> Links<'e> {
    pub fn new(estate: &'e Estate) -> Links<'e> {
        let mut links = Links { providers: BTreeMap::new(), dependents: BTreeMap::new() };
        for edge in &estate.edges {
            links.providers.entry(&edge.from).or_default().push(edge);
            links.dependents.entry(&edge.to).or_default().push(edge);
        }
        links
    }

    /// Edges that start at `dependent`.
    pub fn needs(&self, dependent: &Id) -> &[&'e Edge] {
        self.providers.get(dependent).map_or(&[], Vec::as_slice)
    }

    /// Edges that end at `provider`.
    pub fn needed_by(&self, provider: &Id) -> &[&'e Edge] {
        self.dependents.get(provider).map_or(&[], Vec::as_slice)
    }

    /// Everything that `dependent` reaches over edges of the kinds that `follow` names.
    pub fn providers(&self, dependent: &Id, follow: impl Fn(EdgeKind) -> bool) -> BTreeSet<Id> {
        let step = |id: &Id| -> Vec<&'e Id> {
            self.needs(id).iter().filter(|edge| follow(edge.kind)).map(|edge| &edge.to).collect()
        };
        spread([dependent], step)
    }

    /// Everything that reaches one of `providers` over edges of the kinds that `follow` names.
    pub fn dependents<'i>(
        &self,
        providers: impl IntoIterator<Item = &'i Id>,
        follow: impl Fn(EdgeKind) -> bool,
    ) -> BTreeSet<Id> {
        let step = |id: &Id| -> Vec<&'e Id> {
            self.needed_by(id).iter().filter(|edge| follow(edge.kind)).map(|edge| &edge.from).collect()
        };
        spread(providers, step)
    }
}

/// Who waits for whom, by numbers instead of ids: for questions that are asked about every thing of an estate, where
/// `Links` would compare names for minutes.
pub struct Crowd<'e> {
    /// Services, stores and external parties, ordered. A thing's number is its place here.
    pub ids: Vec<&'e Id>,
    dependents: Vec<Vec<usize>>,
    /// In which round a thing was reached last.
    reached: Vec<usize>,
    round: usize,
}

impl<'e> Crowd<'e> {
    /// Over the edges of the kinds that `follow` names.
    pub fn new(estate: &'e Estate, follow: impl Fn(EdgeKind) -> bool) -> Crowd<'e> {
        let ids: Vec<&Id> =
            estate.services.keys().chain(estate.stores.keys()).chain(estate.externals.keys()).collect();
        let numbers: BTreeMap<&Id, usize> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
        let mut dependents = vec![Vec::new(); ids.len()];
        for edge in estate.edges.iter().filter(|edge| follow(edge.kind)) {
            if let (Some(from), Some(to)) = (numbers.get(&edge.from), numbers.get(&edge.to)) {
                dependents[*to].push(*from);
            }
        }
        Crowd { reached: vec![0; ids.len()], ids, dependents, round: 0 }
    }

    /// Whether the last answer names the thing of this number, or was about it.
    pub fn is_reached(&self, number: usize) -> bool {
        self.reached[number] == self.round
    }

    /// Everything that reaches the thing of this number, itself left out.
    pub fn dependents(&mut self, provider: usize) -> Vec<usize> {
        self.round += 1;
        self.reached[provider] = self.round;
        let mut found = Vec::new();
        let mut open = vec![provider];
        while let Some(at) = open.pop() {
            for next in &self.dependents[at] {
                if self.reached[*next] != self.round {
                    self.reached[*next] = self.round;
                    found.push(*next);
                    open.push(*next);
                }
            }
        }
        found
    }
}

/// What is reached from `starts` by at least one step.
fn spread<'i, 'e>(
    starts: impl IntoIterator<Item = &'i Id>,
    step: impl Fn(&Id) -> Vec<&'e Id>,
) -> BTreeSet<Id> {
    let mut reached: BTreeSet<&'e Id> = BTreeSet::new();
    let mut open: Vec<&'e Id> = starts.into_iter().flat_map(&step).collect();
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            open.extend(step(id));
        }
    }
    reached.into_iter().cloned().collect()
}

/// The services, stores and external parties that are meant by ids of any kind: a site means what runs and
/// lies at it, a host what runs on it, a capability the services that serve it. Tenants and resources mean
/// nothing that can be down.
pub fn expand<'i>(estate: &Estate, ids: impl IntoIterator<Item = &'i Id>) -> BTreeSet<Id> {
    let mut meant = BTreeSet::new();
    for id in ids {
        match id.kind() {
            Kind::Service | Kind::Store | Kind::External => drop(meant.insert(id.clone())),
            Kind::Site => {
                meant.extend(
                    estate.services.keys().filter(|service| estate.site_of(service) == Some(id)).cloned(),
                );
                let stores = estate.stores.iter().filter(|(_, store)| store.site.as_ref() == Some(id));
                meant.extend(stores.map(|(store, _)| store.clone()));
            }
            Kind::Host => {
                let services =
                    estate.services.iter().filter(|(_, service)| service.host.as_ref() == Some(id));
                meant.extend(services.map(|(service, _)| service.clone()));
            }
            Kind::Capability => {
                let serving = estate.capabilities.get(id).into_iter().flat_map(|known| &known.served_by);
                meant.extend(serving.map(|serving| serving.service.clone()));
            }
            Kind::Tenant | Kind::Resource => {}
        }
    }
    meant
}

/// The services that cannot serve while `ids` (of any kind) are down: those themselves, and all that need
/// one of them `hard`, directly or through others. A service that is already running outlives its
/// `start_only`, `data`, `soft` and `order` providers; to ask about a restart use `unstartable`.
pub fn down_with(estate: &Estate, ids: &BTreeSet<Id>) -> BTreeSet<Id> {
    down(estate, ids, |kind| !kind.serves_without())
}

/// The services that could not start while `ids` are down: as `down_with`, over all edges that block a start.
pub fn unstartable(estate: &Estate, ids: &BTreeSet<Id>) -> BTreeSet<Id> {
    down(estate, ids, |kind| !kind.serves_without() || kind.blocks_start())
}

fn down(estate: &Estate, ids: &BTreeSet<Id>, follow: impl Fn(EdgeKind) -> bool) -> BTreeSet<Id> {
    let starts = expand(estate, ids);
    let mut down = Links::new(estate).dependents(&starts, follow);
    down.extend(starts);
    down.retain(|id| id.kind() == Kind::Service);
    down
}

/// Every (tenant, capability) that is lost while `ids` (of any kind) are down.
pub fn lost_when_down(estate: &Estate, ids: &BTreeSet<Id>) -> BTreeSet<(Id, Id)> {
    served_by_any(estate, &down_with(estate, ids))
}

/// Every (tenant, capability) that one of exactly these services serves.
pub fn served_by_any(estate: &Estate, services: &BTreeSet<Id>) -> BTreeSet<(Id, Id)> {
    let mut served = BTreeSet::new();
    for capability in estate.capabilities.keys() {
        for tenant in estate.tenants.keys() {
            if estate.serving(capability, tenant).is_some_and(|service| services.contains(service)) {
                served.insert((tenant.clone(), capability.clone()));
            }
        }
    }
    served
}

/// What it means that these (tenant, capability) are lost.
pub fn loss(estate: &Estate, lost: &BTreeSet<(Id, Id)>) -> Loss {
    let insured = |tenant: &Id| estate.tenants.get(tenant).map_or(0, |tenant| tenant.insured);
    let urgency = |id: &Id| estate.capabilities.get(id).map_or(0, |capability| capability.urgency);
    let tenants: BTreeSet<&Id> = lost.iter().map(|(tenant, _)| tenant).collect();
    Loss {
        insured: tenants.into_iter().map(insured).fold(0, u64::saturating_add),
        weight: lost
            .iter()
            .map(|(tenant, capability)| u128::from(insured(tenant)) * u128::from(urgency(capability)))
            .fold(0, u128::saturating_add),
    }
}
