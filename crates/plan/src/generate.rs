//! Turns an order of preference into a schedule: one activity after the other, each at the earliest second at
//! which everything it waits for has ended and everything it takes is free.
//!
//! Every order of preference goes through this one generator, the product's own as well as those it is
//! compared with, so that a comparison compares orders and nothing else.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::instance::{Demand, Instance, Limit, after};

/// When each activity begins, in seconds from plan start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub start_s: Vec<u64>,
}

impl Schedule {
    pub fn end_s(&self, instance: &Instance, at: usize) -> u64 {
        self.start_s[at] + instance.activities[at].duration_s
    }
}

/// Of the activities that wait for nothing unscheduled, the one with the lowest rank is placed next; equal
/// ranks go by position. The instance is free of cycles and nothing in it asks for more than there is.
pub fn schedule(instance: &Instance, rank: &[u64]) -> Schedule {
    let after = after(&instance.before);
    let mut waiting: Vec<usize> = instance.before.iter().map(Vec::len).collect();
    let mut eligible: BinaryHeap<Reverse<(u64, usize)>> =
        (0..rank.len()).filter(|&at| waiting[at] == 0).map(|at| Reverse((rank[at], at))).collect();
    let mut usage = at_first(instance, true);
    let mut start_s = vec![0; rank.len()];
    while let Some(Reverse((_, at))) = eligible.pop() {
        let activity = &instance.activities[at];
        let ready_s = instance.before[at]
            .iter()
            .map(|&provider| start_s[provider] + instance.activities[provider].duration_s)
            .max()
            .unwrap_or(0)
            .max(instance.not_before_s(at));
        let demands = stretches(&activity.demands);
        start_s[at] = earliest(&usage, &demands, ready_s);
        for demand in demands.iter() {
            usage[demand.limit].take_for(demand, start_s[at]);
        }
        for &next in &after[at] {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                eligible.push(Reverse((rank[next], next)));
            }
        }
    }
    Schedule { start_s }
}

/// Σ weight × seconds until the end.
pub fn price_seconds(instance: &Instance, schedule: &Schedule) -> u128 {
    (0..instance.activities.len())
        .map(|at| instance.activities[at].weight.saturating_mul(u128::from(schedule.end_s(instance, at))))
        .fold(0, u128::saturating_add)
}

/// What an activity takes, such that no two stretches of the same limit overlap: demands that do are added up where
/// they do. Each stretch can then be asked for alone.
pub(super) fn stretches(demands: &[Demand]) -> Cow<'_, [Demand]> {
    let twice = |at: usize| demands[..at].iter().any(|earlier| earlier.limit == demands[at].limit);
    if !(0..demands.len()).any(twice) {
        return Cow::Borrowed(demands);
    }
    let mut limits: Vec<usize> = demands.iter().map(|demand| demand.limit).collect();
    limits.sort_unstable();
    limits.dedup();
    let mut all = Vec::new();
    for limit in limits {
        let of_limit = || demands.iter().filter(|demand| demand.limit == limit);
        let edges = of_limit().flat_map(|demand| [demand.from_s, demand.until_s.unwrap_or(u64::MAX)]);
        let mut edges: Vec<u64> = edges.collect();
        edges.sort_unstable();
        edges.dedup();
        for pair in edges.windows(2) {
            let through = |demand: &&Demand| {
                demand.from_s <= pair[0] && demand.until_s.is_none_or(|until_s| until_s >= pair[1])
            };
            let amount =
                of_limit().filter(through).fold(0, |sum: u64, demand| sum.saturating_add(demand.amount));
            let until_s = Some(pair[1]).filter(|&until_s| until_s < u64::MAX);
            all.push(Demand { limit, amount, from_s: pair[0], until_s });
        }
    }
    Cow::Owned(all)
}

/// The limits before anything is placed; with what others hold of them, or wholly free.
pub(super) fn at_first(instance: &Instance, held: bool) -> Vec<Usage> {
    let mut least = vec![u64::MAX; instance.limits.len()];
    for demand in instance.activities.iter().flat_map(|activity| &activity.demands) {
        least[demand.limit] = least[demand.limit].min(demand.amount);
    }
    let new = |(limit, least): (&Limit, u64)| Usage::new(limit.capacity, least);
    let mut usage: Vec<Usage> = instance.limits.iter().zip(least).map(new).collect();
    for held in instance.held.iter().filter(|_| held) {
        usage[held.limit].take(0, held.until_s.unwrap_or(u64::MAX), held.amount);
    }
    usage
}

/// When a demand begins and ends if its activity begins at `start_s`. Kept for good: it never ends.
fn span(demand: &Demand, start_s: u64) -> (u64, u64) {
    let until_s = demand.until_s.map_or(u64::MAX, |until_s| start_s + until_s);
    (start_s + demand.from_s, until_s)
}

/// The first second from `ready_s` on at which all demands fit side by side.
pub(super) fn earliest(usage: &[Usage], demands: &[Demand], ready_s: u64) -> u64 {
    let fit = |demand: &Demand, start_s: u64| {
        let (from_s, until_s) = span(demand, start_s);
        usage[demand.limit].first_fit(from_s, until_s.saturating_sub(from_s), demand.amount) - demand.from_s
    };
    // Most take one thing only.
    if let [demand] = demands {
        return fit(demand, ready_s);
    }
    let mut start_s = ready_s;
    loop {
        let before_s = start_s;
        for demand in demands {
            start_s = fit(demand, start_s);
        }
        if start_s == before_s {
            return start_s;
        }
    }
}

/// How much of a limit is taken, as steps: from each second on, until the next one, so much.
#[derive(Clone, Debug)]
pub(super) struct Usage {
    capacity: u64,
    steps: Vec<(u64, u64)>,
    /// Before this step less than `least` is free. A plan fills up from the beginning, so this is where looking begins.
    full: usize,
    /// The smallest amount that anybody takes.
    least: u64,
}

impl Usage {
    fn new(capacity: u64, least: u64) -> Usage {
        Usage { capacity, steps: vec![(0, 0)], full: 0, least: least.max(1) }
    }

    /// Position of the step in force at `second`. The first step begins at zero, so there is one.
    fn step_at(&self, second: u64) -> usize {
        if second < self.steps[self.full].0 {
            return self.steps[..self.full].partition_point(|(from_s, _)| *from_s <= second) - 1;
        }
        self.full + self.steps[self.full..].partition_point(|(from_s, _)| *from_s <= second) - 1
    }

    /// The first second from `from_s` on at which `amount` is free for `length_s`.
    fn first_fit(&self, from_s: u64, length_s: u64, amount: u64) -> u64 {
        if length_s == 0 || amount == 0 {
            return from_s;
        }
        let mut begin_s = from_s.max(self.steps[self.full].0);
        for step in self.step_at(begin_s).. {
            let next_s = self.steps.get(step + 1).map(|next| next.0);
            if amount > self.capacity - self.steps[step].1 {
                begin_s = next_s.expect(
                    "after the last step only what is kept for good is taken, and that was checked to fit all at once",
                );
            } else if next_s.is_none_or(|next_s| next_s >= begin_s.saturating_add(length_s)) {
                break;
            }
        }
        begin_s
    }

    /// Takes what a demand takes if its activity begins at `start_s`.
    pub(super) fn take_for(&mut self, demand: &Demand, start_s: u64) {
        let (from_s, until_s) = span(demand, start_s);
        self.take(from_s, until_s, demand.amount);
    }

    fn take(&mut self, from_s: u64, until_s: u64, amount: u64) {
        if from_s >= until_s {
            return;
        }
        let mut step = self.split(from_s);
        // What is taken is mostly short, so its end is found sooner by walking than by searching.
        loop {
            let (_, taken) = self.steps[step];
            self.steps[step].1 += amount;
            step += 1;
            let next_s = self.steps.get(step).map_or(u64::MAX, |next| next.0);
            if next_s > until_s {
                self.begin_step(step, (until_s, taken));
            }
            if next_s >= until_s {
                break;
            }
        }
        while self.full + 1 < self.steps.len() && self.capacity - self.steps[self.full].1 < self.least {
            self.full += 1;
        }
    }

    /// Makes a step begin at `second`, and returns its position.
    fn split(&mut self, second: u64) -> usize {
        let at = self.step_at(second);
        if self.steps[at].0 == second {
            return at;
        }
        self.begin_step(at + 1, (second, self.steps[at].1));
        at + 1
    }

    fn begin_step(&mut self, position: usize, step: (u64, u64)) {
        self.steps.insert(position, step);
        if position <= self.full {
            self.full += 1;
        }
    }
}
