//! The problem on a coarser clock: seconds are grouped into slots of equal length, so that a horizon of weeks is a few
//! hundred slots.
//!
//! Everything is rounded so that each plan of the instance is also possible here, and costs no more here than there:
//! a lag between two starts loses its odd seconds, and what an activity costs in a slot is the least over all seconds
//! of the slot. With slots of one second nothing is lost.

use super::super::generate;
use super::super::instance::Instance;
use super::super::priority::{first_orders, order_of_needs};

/// An activity cannot begin before the end of `from` plus nothing: `to` begins at least `lag` slots after `from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) lag: usize,
}

/// The coarse problem. Activities stand in an order in which each comes after what it waits for.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    pub(super) slot_s: u64,
    /// Slots that prices are asked for; beyond them everything is free of charge.
    pub(super) priced: usize,
    /// Position in the instance of each activity.
    pub(super) activity: Vec<usize>,
    /// First second at which each could begin if nothing were scarce.
    pub(super) earliest_s: Vec<u64>,
    /// First slot in which each can begin.
    pub(super) first: Vec<usize>,
    /// How many slots, from the first, have to be looked at. Beyond the priced slots waiting only costs, so nothing
    /// begins later than what it waits for makes it.
    pub(super) width: Vec<usize>,
    pub(super) edges: Vec<Edge>,
    /// Positions in `edges` of those that end, or begin, at each activity.
    pub(super) into: Vec<Vec<usize>>,
    pub(super) out_of: Vec<Vec<usize>>,
}

impl Slots {
    /// Groups so that about `slots` of them cover a plan that is known to be possible.
    pub(super) fn new(instance: &Instance, end_s: u64, slots: u64) -> Slots {
        let slot_s = end_s.div_ceil(slots).max(1);
        let activity = order_of_needs(instance);
        let count = activity.len();
        let mut place = vec![0; count];
        for (position, &at) in activity.iter().enumerate() {
            place[at] = position;
        }
        let priced = index(end_s.div_ceil(slot_s));
        let mut made = Slots {
            slot_s,
            priced,
            earliest_s: vec![0; count],
            first: vec![0; count],
            width: vec![0; count],
            edges: Vec::new(),
            into: vec![Vec::new(); count],
            out_of: vec![Vec::new(); count],
            activity,
        };
        let mut last = vec![0; count];
        for to in 0..count {
            let at = made.activity[to];
            let mut earliest_s = instance.not_before_s(at);
            let mut last_slot = priced;
            for &provider in &instance.before[at] {
                let from = place[provider];
                let duration_s = instance.activities[provider].duration_s;
                let lag = index(duration_s / slot_s);
                earliest_s = earliest_s.max(made.earliest_s[from] + duration_s);
                last_slot = last_slot.max(last[from] + lag);
                made.into[to].push(made.edges.len());
                made.out_of[from].push(made.edges.len());
                made.edges.push(Edge { from, to, lag });
            }
            made.earliest_s[to] = earliest_s;
            made.first[to] = index(earliest_s / slot_s);
            last[to] = last_slot.max(made.first[to]);
            made.width[to] = last[to] - made.first[to] + 1;
        }
        made
    }

    /// The second in the middle of a slot of an activity; the first of its slots is number 0.
    pub(super) fn middle_s(&self, activity: usize, slot: usize) -> u64 {
        (self.first[activity] + slot) as u64 * self.slot_s + self.slot_s / 2
    }

    /// The slot of an activity that a second lies in, or else the nearest one.
    pub(super) fn slot_of(&self, activity: usize, second: u64) -> usize {
        index(second / self.slot_s).saturating_sub(self.first[activity]).min(self.width[activity] - 1)
    }

    /// Elementary steps of one round of prices.
    pub(super) fn steps(&self, instance: &Instance) -> u64 {
        let over_edges: usize =
            self.edges.iter().map(|edge| 4 * (self.width[edge.from] + self.width[edge.to])).sum();
        let over_costs: usize = (0..self.width.len())
            .map(|at| self.width[at] * (2 + 3 * instance.activities[self.activity[at]].demands.len()))
            .sum();
        (over_edges + over_costs) as u64
    }
}

/// Seconds until the end of some possible plan, and its cost.
pub(super) fn some_plan(instance: &Instance) -> (u64, u128) {
    let mut best: Option<(u64, u128)> = None;
    for rank in first_orders(instance) {
        let schedule = generate::schedule(instance, &rank);
        let cost = generate::price_seconds(instance, &schedule);
        let end_s = (0..instance.activities.len()).map(|at| schedule.end_s(instance, at)).max().unwrap_or(0);
        if best.is_none_or(|(_, best)| cost < best) {
            best = Some((end_s, cost));
        }
    }
    best.expect("there is at least one order to try")
}

/// A number of slots as an index. Slots are counted so that there are few.
fn index(slots: u64) -> usize {
    usize::try_from(slots).expect("a number of slots fits into an index")
}
