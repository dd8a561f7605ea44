//! Which schedule costs least? Looks for a better one for as long as it may.
//!
//! Reads the scheduling problem and the orders of preference to start from; records nothing. The first answer
//! stands after one schedule, and every further one is at least as good. The same instance, starts, seed and number
//! of schedules give the same answer on every machine; a caller who stops by the clock finds the number tried in
//! the answer, and can have it again with that number.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::generate::{self, Schedule, price_seconds};
use super::instance::Instance;
use capacity::{Capacity, Levels, Rows};
use compact::Compact;
use evolve::{Best, Evolution};

mod breed;
mod build;
mod capacity;
mod chance;
mod climb;
mod compact;
mod evolve;
mod priced;
mod rearrange;

#[cfg(test)]
pub(super) mod tests;

/// How long to look, and from which chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How many schedules to generate at most. At least one is.
    pub schedules: u64,
    pub seed: u64,
    /// Say what no schedule can cost less than; what costs no more is looked at only a little longer, for an earlier end of
    /// all.
    pub prove: bool,
    /// For that: elementary steps that prices for the limits may take, which also suggest orders. 0: no prices.
    pub price_steps: u64,
}

/// Where the search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Schedules generated so far.
    pub schedules: u64,
    /// Prices are still being found; most schedules are yet to come.
    pub pricing: bool,
    /// Σ weight × seconds of the best so far.
    pub cost: u128,
}

/// What the caller says when it is told of the progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    Continue,
    Stop,
}

/// The best schedule that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub schedule: Schedule,
    /// Σ weight × seconds until the end.
    pub cost: u128,
    /// Schedules generated. With this number in `Settings` the same schedule is found again.
    pub schedules: u64,
    /// What no schedule can cost less than, as far as it was shown; 0 if that was not asked for.
    pub bound: u128,
}

/// Looks for the schedule with the least cost; of equal ones for that which ends first. `starts` are orders of
/// preference, lowest rank first; the result is never worse than any of them that was tried. Without starts the
/// activities' own order is one.
pub fn search(
    instance: &Instance,
    starts: &[Vec<u64>],
    settings: &Settings,
    progress: &mut dyn FnMut(Progress) -> Then,
) -> Found {
    let compact = Compact::new(instance);
    let own_order = [(0..).take(instance.activities.len()).collect()];
    let starts = if starts.is_empty() { &own_order } else { starts };
    let lists: Vec<Vec<u32>> = starts.iter().map(|rank| list(&compact, rank)).collect();
    // The last schedule is what the generator makes of the order that was found.
    let limits = Settings { schedules: settings.schedules.saturating_sub(1), ..*settings };
    let (best, schedules, bound) = match Rows::new(instance, &compact) {
        Some(capacities) => evolve(Evolution::new(&compact, capacities, limits, progress), instance, &lists),
        None => {
            let capacities =
                [(0, true), (1, false)].map(|(side, held)| Levels::new(instance, &compact.sides[side], held));
            evolve(Evolution::new(&compact, capacities, limits, progress), instance, &lists)
        }
    };
    let mut found = Found { cost: u128::MAX, schedule: as_found(&compact, &best), schedules, bound };
    found.cost = price_seconds(instance, &found.schedule);
    if schedules < settings.schedules {
        let schedule = generate::schedule(instance, &order_of_beginnings(&compact, &best));
        let cost = price_seconds(instance, &schedule);
        found.schedules += 1;
        // Nothing begins later in it, unless something takes a limit only some time after its beginning.
        if cost <= found.cost {
            (found.schedule, found.cost) = (schedule, cost);
        }
    }
    found
}

fn evolve<R: Capacity>(
    mut evolution: Evolution<'_, R>,
    instance: &Instance,
    lists: &[Vec<u32>],
) -> (Best, u64, u128) {
    let bound = evolution.run(instance, lists);
    let schedules = evolution.schedules;
    (evolution.best(), schedules, bound)
}

/// The list that an order of preference means: of what waits for nothing unlisted, the lowest rank first.
fn list(compact: &Compact, rank: &[u64]) -> Vec<u32> {
    let side = &compact.sides[0];
    let mut waiting: Vec<u32> = side.before.counts().collect();
    // Equal ranks go by position in the instance, as in the generator.
    let key = |at: u32| Reverse((rank[compact.activity[at as usize]], compact.activity[at as usize], at));
    let mut open: BinaryHeap<_> =
        (0..).zip(&waiting).filter(|(_, waiting)| **waiting == 0).map(|(at, _)| key(at)).collect();
    let mut list = Vec::with_capacity(waiting.len());
    while let Some(Reverse((_, _, at))) = open.pop() {
        list.push(at);
        for &next in side.after.of(at as usize) {
            waiting[next as usize] -= 1;
            if waiting[next as usize] == 0 {
                open.push(key(next));
            }
        }
    }
    list
}

/// The schedule as it was built.
fn as_found(compact: &Compact, best: &Best) -> Schedule {
    let mut start_s = vec![0; compact.count()];
    for (at, &end_s) in best.end_s.iter().enumerate() {
        start_s[compact.activity[at]] = end_s - compact.duration_s[at];
    }
    Schedule { start_s }
}

/// Ranks by what begins first.
fn order_of_beginnings(compact: &Compact, best: &Best) -> Vec<u64> {
    let mut order: Vec<usize> = (0..compact.count()).collect();
    order.sort_by_key(|&at| (best.end_s[at] - compact.duration_s[at], at));
    let mut rank = vec![0; compact.count()];
    for (&at, place) in order.iter().zip(0..) {
        rank[compact.activity[at]] = place;
    }
    rank
}
