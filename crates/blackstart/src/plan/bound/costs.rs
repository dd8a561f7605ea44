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

    /// What one unit of `limit` pays from plan start until `second`.
    fn until(&self, limit: usize, second: u64, slot_s: u64) -> i64 {
        let slot = usize::try_from(second / slot_s).unwrap_or(usize::MAX).min(self.price[limit].len());
        let inside = self.price[limit].get(slot).map_or(0, |price| price * signed(second % slot_s));
        self.paid[limit][slot] + inside
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
                let paid =
                    held.until_s.map_or(whole(held.limit), |until_s| self.until(held.limit, until_s, slot_s));
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

/// The demands that can be in each other's way, and where inside a slot the cheapest second may lie.
#[derive(Clone, Debug)]
pub(super) struct Costs {
    demands: Vec<Vec<Demand>>,
    inside_s: Vec<Vec<u64>>,
}

impl Costs {
    pub(super) fn new(instance: &Instance, slots: &Slots) -> Costs {
        let demands: Vec<Vec<Demand>> =
            slots.activity.iter().map(|&at| instance.activities[at].demands.clone()).collect();
        let slot_s = slots.slot_s;
        let edge_s = |offset_s: u64| (slot_s - offset_s % slot_s) % slot_s;
        let inside_s = demands.iter().map(|demands| {
            let mut inside_s = vec![0, slot_s - 1];
            for demand in demands {
                inside_s.push(edge_s(demand.from_s));
                inside_s.extend(demand.until_s.map(edge_s));
            }
            inside_s.sort_unstable();
            inside_s.dedup();
            inside_s
        });
        Costs { inside_s: inside_s.collect(), demands }
    }

    pub(super) fn demands(&self, at: usize) -> &[Demand] {
        &self.demands[at]
    }

    /// The least that beginning in `slot` costs, and the second at which it costs that.
    pub(super) fn cheapest(
        &self,
        slots: &Slots,
        prices: &Prices,
        (at, weight, duration_s): (usize, i64, u64),
        slot: usize,
    ) -> (i64, u64) {
        let begin_s = slot as u64 * slots.slot_s;
        let earliest_s = slots.earliest_s[at].saturating_sub(begin_s);
        let inside = self.inside_s[at].iter().copied().filter(|&inside_s| inside_s > earliest_s);
        let mut cheapest = (i64::MAX, 0);
        for inside_s in std::iter::once(earliest_s.min(slots.slot_s - 1)).chain(inside) {
            let start_s = begin_s + inside_s;
            let mut cost = weight * signed(start_s + duration_s);
            for demand in &self.demands[at] {
                let from = prices.until(demand.limit, start_s + demand.from_s, slots.slot_s);
                let until_s = demand.until_s.map_or(u64::MAX, |until_s| start_s + until_s);
                let until = prices.until(demand.limit, until_s, slots.slot_s);
                cost += signed(demand.amount) * (until - from).max(0);
            }
            cheapest = cheapest.min((cost, start_s));
        }
        cheapest
    }
}

pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
