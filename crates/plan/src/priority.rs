//! Orders of preference: what comes first when two things want the same hands.
//!
//! The weight-driven order asks, again and again: which service brings most insured people back for the work
//! that is still missing in its closure (everything it waits for)? That closure then goes first. It is greedy
//! and proves nothing; how far it may be from the best is what `bound` says. The others are how recovery is
//! ordered in practice, for comparison.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::instance::{Instance, What, after};
use estate::Id;
use estate::model::Estate;

/// How the missing work of a closure is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Seconds of everything in it, one after the other.
    Seconds,
    /// Share of the scarcest limit it takes, in seconds of the whole limit.
    Scarcest,
}

/// Rank by position in the estate's own order; a store goes with the first service that waits for it.
pub fn file_order(estate: &Estate, instance: &Instance) -> Vec<u64> {
    let place: BTreeMap<&Id, u64> = estate.services.keys().zip(0..).collect();
    with_stores(instance, |id| place.get(id).copied())
}

/// Lowest tier first, then the estate's own order; services without a tier last.
pub fn tier_order(estate: &Estate, instance: &Instance) -> Vec<u64> {
    let tier = |id: &Id| estate.services[id].tier.unwrap_or(u64::MAX);
    let mut services: Vec<&Id> = estate.services.keys().collect();
    services.sort_by_key(|id| tier(id));
    let place: BTreeMap<&Id, u64> = services.into_iter().zip(0..).collect();
    with_stores(instance, |id| place.get(id).copied())
}

/// Smallest store first; a service counts as the stores it waits for directly, then the estate's own order.
pub fn size_order(estate: &Estate, instance: &Instance) -> Vec<u64> {
    let size = |at: usize| {
        let store = estate.stores.get(&instance.activities[at].target);
        store.map_or(0, |store| store.size)
    };
    let key = |at: usize| match instance.activities[at].what {
        What::Verify | What::Restore => size(at),
        What::BringUp => {
            instance.before[at].iter().fold(0, |sum: u64, &store| sum.saturating_add(size(store)))
        }
    };
    let mut order: Vec<usize> = (0..instance.activities.len()).collect();
    order.sort_by_key(|&at| key(at));
    ranks(&order)
}

/// Gives services their rank, and what is done for a store the rank of the first service that waits for it.
fn with_stores(instance: &Instance, service: impl Fn(&Id) -> Option<u64>) -> Vec<u64> {
    let mut rank: Vec<u64> =
        instance.activities.iter().map(|activity| service(&activity.target).unwrap_or(u64::MAX)).collect();
    for at in 0..rank.len() {
        if instance.activities[at].what == What::BringUp {
            for &provider in &instance.before[at] {
                if instance.activities[provider].what == What::Restore {
                    rank[provider] = rank[provider].min(rank[at]);
                }
            }
        }
    }
    for at in 0..rank.len() {
        if instance.activities[at].what == What::Restore {
            for &verify in &instance.before[at] {
                rank[verify] = rank[at];
            }
        }
    }
    rank
}

/// Rank by place in a list.
fn ranks(order: &[usize]) -> Vec<u64> {
    let mut rank = vec![u64::MAX; order.len()];
    for (&at, place) in order.iter().zip(0..) {
        rank[at] = place;
    }
    rank
}

/// Most insured per missing work first, closure by closure.
pub fn weight_order(instance: &Instance, work: Work) -> Vec<u64> {
    let cost: Vec<u128> = (0..instance.activities.len()).map(|at| cost(instance, at, work)).collect();
    let order_of_needs = order_of_needs(instance);
    let closures = closures(instance, &order_of_needs);
    let mut of_activity: Vec<Vec<usize>> = vec![Vec::new(); instance.activities.len()];
    for (number, (_, members)) in closures.iter().enumerate() {
        for &member in members {
            of_activity[member].push(number);
        }
    }
    let mut missing: Vec<(u128, u128)> = closures
        .iter()
        .map(|(_, members)| {
            members.iter().fold((0, 0), |(weight, work): (u128, u128), &at| {
                (weight.saturating_add(instance.activities[at].weight), work.saturating_add(cost[at]))
            })
        })
        .collect();
    let mut placed = vec![false; instance.activities.len()];
    let mut order = Vec::with_capacity(placed.len());
    let mut changed: BTreeSet<usize> = BTreeSet::new();
    let mut open: BinaryHeap<Worth> =
        (0..closures.len()).map(|number| Worth { missing: missing[number], number }).collect();
    while let Some(best) = open.pop() {
        // What has changed since it was put here was put here again.
        if best.missing != missing[best.number] || placed[closures[best.number].0] {
            continue;
        }
        for &member in &closures[best.number].1 {
            if !std::mem::replace(&mut placed[member], true) {
                order.push(member);
                for &number in &of_activity[member] {
                    let (weight, work) = &mut missing[number];
                    *weight = weight.saturating_sub(instance.activities[member].weight);
                    *work = work.saturating_sub(cost[member]);
                    changed.insert(number);
                }
            }
        }
        let still_open = changed.iter().filter(|&&number| !placed[closures[number].0]);
        open.extend(still_open.map(|&number| Worth { missing: missing[number], number }));
        changed.clear();
    }
    // What nobody is served by comes last, in an order that respects what waits for what.
    order.extend(order_of_needs.iter().copied().filter(|&at| !placed[at]));
    ranks(&order)
}

/// Work of one activity, in thousandths of a second so that small shares do not vanish. At least one, so that
/// "per work" is always defined.
fn cost(instance: &Instance, at: usize, work: Work) -> u128 {
    let activity = &instance.activities[at];
    let seconds = u128::from(activity.duration_s);
    let thousandths = match work {
        Work::Seconds => seconds * 1000,
        Work::Scarcest => activity
            .demands
            .iter()
            .filter_map(|demand| {
                let held_s = u128::from(demand.until_s?.saturating_sub(demand.from_s));
                let capacity = u128::from(instance.limits[demand.limit].capacity.max(1));
                Some(held_s.saturating_mul(u128::from(demand.amount)).saturating_mul(1000) / capacity)
            })
            .max()
            .unwrap_or(0),
    };
    thousandths.max(1)
}

/// For every activity that serves somebody: it, and all it waits for, providers first.
fn closures(instance: &Instance, order_of_needs: &[usize]) -> Vec<(usize, Vec<usize>)> {
    let mut place = vec![0; order_of_needs.len()];
    for (position, &at) in order_of_needs.iter().enumerate() {
        place[at] = position;
    }
    let serving = (0..instance.activities.len()).filter(|&at| instance.activities[at].weight > 0);
    serving
        .map(|sink| {
            let mut members = closure(instance, sink);
            members.sort_by_key(|&at| place[at]);
            (sink, members)
        })
        .collect()
}

/// `at` and everything it waits for, in no particular order.
pub fn closure(instance: &Instance, at: usize) -> Vec<usize> {
    let mut seen = vec![false; instance.activities.len()];
    let mut members = vec![at];
    seen[at] = true;
    let mut next = 0;
    while next < members.len() {
        for &provider in &instance.before[members[next]] {
            if !std::mem::replace(&mut seen[provider], true) {
                members.push(provider);
            }
        }
        next += 1;
    }
    members
}

/// A closure by its missing weight per missing work; of equal ones the first, so that every machine chooses the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Worth {
    missing: (u128, u128),
    number: usize,
}

impl Ord for Worth {
    fn cmp(&self, other: &Worth) -> Ordering {
        let ((weight, work), (other_weight, other_work)) = (self.missing, other.missing);
        let per_work = weight.saturating_mul(other_work).cmp(&other_weight.saturating_mul(work));
        per_work.then(other.number.cmp(&self.number)).then(self.missing.cmp(&other.missing))
    }
}

impl PartialOrd for Worth {
    fn partial_cmp(&self, other: &Worth) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Orders of preference that need no estate: by weight per work, and as the activities stand.
pub fn first_orders(instance: &Instance) -> Vec<Vec<u64>> {
    let own: Vec<u64> = (0..).take(instance.activities.len()).collect();
    [Work::Seconds, Work::Scarcest]
        .map(|work| weight_order(instance, work))
        .into_iter()
        .chain([own])
        .collect()
}

/// All activities, each after what it waits for; by position where that leaves a choice.
pub fn order_of_needs(instance: &Instance) -> Vec<usize> {
    let after = after(&instance.before);
    let mut waiting: Vec<usize> = instance.before.iter().map(Vec::len).collect();
    let mut free: BTreeSet<usize> = (0..waiting.len()).filter(|&at| waiting[at] == 0).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(at) = free.pop_first() {
        order.push(at);
        for &next in &after[at] {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                free.insert(next);
            }
        }
    }
    order
}
