//! What does it cost to begin an activity in a slot, at the prices of the moment?
//!
//! Its weight times the seconds until its end, plus the price of all it takes, both in units small enough that prices
//! can be whole numbers. Where a slot is longer than a second the cheapest second of the slot counts: what an activity
//! pays rises or falls evenly between the seconds at which one of its demands begins or ends on the edge of a slot, so
//! only these have to be tried.

use super::super::instance::{Demand, Instance};
use super::slots::Slots;

/// Sums stay below 2 to the power of this, far from the end of the number range.
const UNITS_BITS: u32 = 50;

/// Prices per limit and slot, for one unit of the limit during one second.
#[derive(Clone, Debug)]
pub(super) struct Prices {
    pub(super) price: Vec<Vec<i64>>,
    /// What one unit pays from plan start until the beginning of each slot.
    paid: Vec<Vec<i64>>,
    /// No price above this: then nobody can pay more than the number range holds.
    pub(super) most: Vec<i64>,
}

impl Prices {
    pub(super) fn none(instance: &Instance, slots: &Slots) -> Prices {
        let limits = instance.limits.len();
        let most = instance.limits.iter().map(|limit| {
            let whole = u128::from(limit.capacity.max(1))
                * u128::from(slots.slot_s)
                * (slots.priced.max(1) * limits.max(1)) as u128;
            i64::try_from((1_u128 << (UNITS_BITS + 6)) / whole).expect("at most 2 to the power of 56")
        });
        Prices {
            price: vec![vec![0; slots.priced]; limits],
            paid: vec![vec![0; slots.priced + 1]; limits],
            most: most.collect(),
        }
    }

    /// Adds up anew what is paid until each slot. To be called after the prices of `limit` have changed.
    pub(super) fn add_up(&mut self, limit: usize, slot_s: u64) {
        let slot_s = signed(slot_s);
        for slot in 0..self.price[limit].len() {
            self.paid[limit][slot + 1] = self.paid[limit][slot] + self.price[limit][slot] * slot_s;
        }
    }

    /// Nobody pays for it in any slot.
    pub(super) fn is_free(&self, limit: usize) -> bool {
        self.paid[limit].last() == Some(&0)
    }

    /// What one unit of `limit` pays from plan start until so many seconds into a slot.
    fn until(&self, limit: usize, slot: usize, seconds: i64) -> i64 {
        let (price, paid) = (&self.price[limit], &self.paid[limit]);
        match price.get(slot) {
            Some(price) => paid[slot] + price * seconds,
            // Beyond the last slot everything is free of charge.
            None => paid[price.len()],
        }
    }

    /// Adds what is paid until `edge` for beginning in each slot from `first` on.
    fn add_until(&self, edge: &Edge, first: usize, sums: &mut [i64]) {
        let (price, paid) = (&self.price[edge.limit], &self.paid[edge.limit]);
        let from = first.saturating_add(edge.slots).min(price.len());
        let (priced, beyond) = sums.split_at_mut((price.len() - from).min(sums.len()));
        if edge.seconds == 0 {
            priced.iter_mut().zip(&paid[from..]).for_each(|(sum, paid)| *sum += edge.amount * paid);
        } else {
            for (sum, (price, paid)) in priced.iter_mut().zip(price[from..].iter().zip(&paid[from..])) {
                *sum += edge.amount * (paid + price * edge.seconds);
            }
        }
        let all = edge.amount * paid[price.len()];
        beyond.iter_mut().for_each(|sum| *sum += all);
    }

    /// What all that is free of `limit` would pay. Held by others: nobody pays for it.
    pub(super) fn of_all_free(&self, instance: &Instance, slot_s: u64) -> i64 {
        let whole = |limit: usize| *self.paid[limit].last().expect("there is one more sum than slots");
        let free: i64 =
            (0..self.price.len()).map(|limit| signed(instance.limits[limit].capacity) * whole(limit)).sum();
        let held: i64 = instance
            .held
            .iter()
            .map(|held| {
                let paid = held.until_s.map_or(whole(held.limit), |until_s| {
                    let slot = usize::try_from(until_s / slot_s).unwrap_or(usize::MAX);
                    self.until(held.limit, slot, signed(until_s % slot_s))
                });
                signed(held.amount) * paid
            })
            .sum();
        free - held
    }
}

/// Weights in units: as fine as the number range allows, rounded down.
#[derive(Clone, Debug)]
pub(super) struct Weights {
    pub(super) of: Vec<i64>,
    /// A unit is a weight-second divided by 2 to the power of this, or multiplied where it is negative.
    shift: i32,
}

impl Weights {
    /// What was counted in units of `coarse`, in these units.
    pub(super) fn from(&self, coarse: &Weights, units: i64) -> i64 {
        let finer = self.shift - coarse.shift;
        if finer >= 0 { units << finer } else { units >> -finer }
    }

    /// `end_s`: the latest end that any activity can have in the coarse problem.
    pub(super) fn new(instance: &Instance, slots: &Slots) -> Weights {
        let latest_end = |at: usize| {
            let duration_s = instance.activities[slots.activity[at]].duration_s;
            ((slots.first[at] + slots.width[at]) as u128) * u128::from(slots.slot_s) + u128::from(duration_s)
        };
        let most = (0..slots.activity.len()).fold(1, |sum: u128, at| {
            let weight = instance.activities[slots.activity[at]].weight;
            sum.saturating_add(weight.saturating_mul(latest_end(at)))
        });
        let shift = UNITS_BITS as i32 - (u128::BITS - most.leading_zeros()) as i32;
        let scale = |weight: u128| if shift >= 0 { weight << shift } else { weight >> -shift };
        let of = slots
            .activity
            .iter()
            .map(|&at| i64::try_from(scale(instance.activities[at].weight)).expect("scaled to fit"));
        Weights { of: of.collect(), shift }
    }

    /// Units as weight-seconds. Every cost is a whole number of them, so a bound may be rounded up.
    pub(super) fn seconds(&self, units: i64) -> u128 {
        let units = u128::try_from(units).unwrap_or(0);
        if self.shift >= 0 { units.div_ceil(1 << self.shift) } else { units << -self.shift }
    }

    pub(super) fn units(&self, seconds: u128) -> i64 {
        let units = if self.shift >= 0 { seconds << self.shift } else { seconds >> -self.shift };
        i64::try_from(units).unwrap_or(i64::MAX)
    }
}

/// Where a second lies, counted from the beginning of the slot that an activity begins in.
#[derive(Clone, Copy, Debug)]
struct Edge {
    limit: usize,
    /// Slots after that one, and seconds into the slot. Beyond all slots: kept for good.
    slots: usize,
    seconds: i64,
    /// What is taken, at its end; what is given back, less than nothing, at its beginning.
    amount: i64,
}

/// A second inside a slot at which beginning may be cheapest, and all that begins and ends then.
#[derive(Clone, Debug)]
struct Inside {
    second: u64,
    /// Limits with a demand that begins or ends on the edge of a slot then. `None`: to be tried whatever it costs.
    because_of: Option<Vec<usize>>,
    edges: Vec<Edge>,
}

/// The demands that can be in each other's way, and where inside a slot the cheapest second may lie.
#[derive(Clone, Debug)]
pub(super) struct Costs {
    demands: Vec<Vec<Demand>>,
    inside: Vec<Vec<Inside>>,
}

impl Costs {
    pub(super) fn new(instance: &Instance, slots: &Slots) -> Costs {
        let demands: Vec<Vec<Demand>> =
            slots.activity.iter().map(|&at| instance.activities[at].demands.clone()).collect();
        let inside = demands.iter().zip(&slots.earliest_s).map(|(demands, &earliest_s)| {
            let always = [0, slots.slot_s - 1, earliest_s % slots.slot_s];
            let edges = seconds_on_an_edge(demands, slots.slot_s);
            let mut seconds: Vec<u64> = edges.iter().map(|(second, _)| *second).chain(always).collect();
            seconds.sort_unstable();
            seconds.dedup();
            let because_of = |second: u64| {
                let limits = edges.iter().filter(|(edge, _)| *edge == second).map(|(_, limit)| *limit);
                (!always.contains(&second)).then(|| limits.collect())
            };
            let inside = |second| inside(demands, second, slots.slot_s, because_of(second));
            seconds.into_iter().map(inside).collect()
        });
        Costs { inside: inside.collect(), demands }
    }

    pub(super) fn demands(&self, at: usize) -> &[Demand] {
        &self.demands[at]
    }

    /// For each slot in which an activity can begin: the least that this costs, and the second at which it costs that.
    pub(super) fn cheapest(
        &self,
        (slots, prices): (&Slots, &Prices),
        (at, weight, duration_s): (usize, i64, u64),
        (cost, start_s): (&mut [i64], &mut [u64]),
        trial: &mut Vec<i64>,
    ) {
        let first = slots.first[at];
        cost.fill(i64::MAX);
        let free = |limits: &Vec<usize>| limits.iter().all(|&limit| prices.is_free(limit));
        for inside in self.inside[at].iter().filter(|inside| !inside.because_of.as_ref().is_some_and(free)) {
            // In its first slot it cannot begin before it could if nothing were scarce.
            let too_early = usize::from(first as u64 * slots.slot_s + inside.second < slots.earliest_s[at]);
            let begin_s = |slot: usize| (first + slot) as u64 * slots.slot_s + inside.second;
            trial.clear();
            let (waited, more) = (weight * signed(begin_s(0) + duration_s), weight * signed(slots.slot_s));
            trial.extend((0_i64..).take(cost.len()).map(|slot| waited + slot * more));
            let paid = inside.edges.iter().filter(|edge| !prices.is_free(edge.limit));
            paid.for_each(|edge| prices.add_until(edge, first, trial));
            for (slot, &trial) in trial.iter().enumerate().skip(too_early) {
                if trial < cost[slot] {
                    (cost[slot], start_s[slot]) = (trial, begin_s(slot));
                }
            }
        }
    }
}

/// The seconds of a slot at which a demand begins or ends on the edge of a slot, each with the limit.
fn seconds_on_an_edge(demands: &[Demand], slot_s: u64) -> Vec<(u64, usize)> {
    let edge_s = |offset_s: u64| (slot_s - offset_s % slot_s) % slot_s;
    let ends = |demand: &Demand| {
        let limit = demand.limit;
        std::iter::once(demand.from_s).chain(demand.until_s).map(move |end_s| (edge_s(end_s), limit))
    };
    demands.iter().flat_map(ends).collect()
}

fn inside(demands: &[Demand], second: u64, slot_s: u64, because_of: Option<Vec<usize>>) -> Inside {
    let edge = |limit: usize, offset_s: Option<u64>, amount: i64| {
        let at_s = offset_s.map_or(u64::MAX, |offset_s| offset_s + second);
        let slots = usize::try_from(at_s / slot_s).unwrap_or(usize::MAX).min(usize::MAX / 2);
        Edge { limit, slots, seconds: signed(at_s % slot_s), amount }
    };
    // What ends before it begins takes nothing.
    let takes = demands.iter().filter(|demand| demand.until_s.is_none_or(|until_s| until_s > demand.from_s));
    let edges = takes.flat_map(|demand| {
        let amount = signed(demand.amount);
        [edge(demand.limit, Some(demand.from_s), -amount), edge(demand.limit, demand.until_s, amount)]
    });
    Inside { second, because_of, edges: edges.collect() }
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
