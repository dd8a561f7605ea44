//! What does everything cost at least when all stand in one queue for one limit?
//!
//! Whatever the plan, what has been done with a limit by some second is no more than the limit gives until then. So the
//! services that wait for work on it are not all served at once: at best the one with most weight per work comes first,
//! then the next (Smith 1956), and what follows the work still has to follow. The work of what several services wait for
//! counts for one of them only. Everything here takes milliseconds, also with thousands of services.

use super::super::instance::{Instance, after};
use super::super::priority::order_of_needs;

/// Parts of a second in which work is counted, rounded so that the bound stays one.
const PARTS: u128 = 1024;

/// The best of the bounds that the limits give one by one; Σ weight × second.
pub(super) fn lower_bound_seconds(instance: &Instance, earliest_s: &[u64]) -> u128 {
    let order = order_of_needs(instance);
    let after = after(&instance.before);
    let serves = whom_it_counts_for(instance, &order, &after);
    let behind_s = behind(instance, &order, &after, &serves);
    (0..instance.limits.len())
        .map(|limit| one_queue(instance, limit, &serves, &behind_s, earliest_s))
        .max()
        .unwrap_or(0)
}

/// For each activity one service that waits for it and serves somebody, if there is one: itself, or else the heaviest.
fn whom_it_counts_for(instance: &Instance, order: &[usize], after: &[Vec<usize>]) -> Vec<Option<usize>> {
    let weight = |at: usize| instance.activities[at].weight;
    let mut serves: Vec<Option<usize>> = vec![None; order.len()];
    for &at in order.iter().rev() {
        let through = after[at].iter().filter_map(|&next| serves[next]);
        serves[at] =
            if weight(at) > 0 { Some(at) } else { through.max_by_key(|&served| (weight(served), served)) };
    }
    serves
}

/// Seconds from the end of each activity until whom it counts for can be served.
fn behind(instance: &Instance, order: &[usize], after: &[Vec<usize>], serves: &[Option<usize>]) -> Vec<u64> {
    let mut behind_s = vec![0; order.len()];
    for &at in order.iter().rev() {
        if serves[at] != Some(at) {
            let same = after[at].iter().filter(|&&next| serves[next] == serves[at]);
            behind_s[at] =
                same.map(|&next| instance.activities[next].duration_s + behind_s[next]).max().unwrap_or(0);
        }
    }
    behind_s
}

/// What one service waits for at one limit.
#[derive(Clone, Copy, Debug, Default)]
struct Job {
    weight: u128,
    /// Amount × seconds.
    work: u128,
    /// Seconds that follow, whichever part of the work is the last.
    then_s: u64,
    /// No part of the work begins before.
    from_s: u64,
    earliest_s: u64,
}

/// What the limit's queue costs at least, and each who does not stand in it, alone.
fn one_queue(
    instance: &Instance,
    limit: usize,
    serves: &[Option<usize>],
    behind_s: &[u64],
    earliest_s: &[u64],
) -> u128 {
    let jobs = jobs(instance, limit, serves, behind_s, earliest_s);
    let (mut queue, others): (Vec<Job>, Vec<Job>) =
        jobs.into_iter().filter(|job| job.weight > 0).partition(|job| job.work > 0);
    let alone = |job: &Job| job.weight.saturating_mul(u128::from(job.earliest_s));
    let others = others.iter().map(alone).fold(0, u128::saturating_add);
    let most = |of: fn(&Job) -> u128| queue.iter().map(of).max().unwrap_or(0);
    if most(|job| job.weight).checked_mul(most(|job| job.work)).is_none() {
        // Beyond the number range who comes first cannot be said, and a wrong order would be no bound.
        return 0;
    }
    queue.sort_by(|one, other| (other.weight * one.work).cmp(&(one.weight * other.work)));
    let capacity = u128::from(instance.limits[limit].capacity.max(1));
    let begin_s = queue.iter().map(|job| job.from_s).min().unwrap_or(0);
    let mut done: u128 = 0;
    let in_queue = queue.iter().map(|job| {
        done = done.saturating_add(job.work);
        // Whole seconds would round each of thousands of small jobs; a part of a second is lost at most.
        let parts = done.saturating_mul(PARTS) / capacity;
        let fixed_s = u128::from(begin_s) + u128::from(job.then_s);
        job.weight
            .saturating_mul(parts)
            .saturating_div(PARTS)
            .saturating_add(job.weight.saturating_mul(fixed_s))
    });
    others.saturating_add(in_queue.fold(0, u128::saturating_add))
}

fn jobs(
    instance: &Instance,
    limit: usize,
    serves: &[Option<usize>],
    behind_s: &[u64],
    earliest_s: &[u64],
) -> Vec<Job> {
    let mut jobs: Vec<Job> = instance
        .activities
        .iter()
        .zip(earliest_s)
        .map(|(activity, &earliest_s)| Job {
            weight: activity.weight,
            then_s: u64::MAX,
            from_s: u64::MAX,
            earliest_s,
            ..Job::default()
        })
        .collect();
    for (at, activity) in instance.activities.iter().enumerate() {
        let Some(served) = serves[at] else { continue };
        for demand in activity.demands.iter().filter(|demand| demand.limit == limit) {
            // What is kept, and what is taken after the end, keeps nobody waiting.
            let until_s = demand.until_s.unwrap_or(demand.from_s).min(activity.duration_s);
            let held_s = until_s.saturating_sub(demand.from_s);
            if held_s == 0 || demand.amount == 0 {
                continue;
            }
            let job = &mut jobs[served];
            job.work = job.work.saturating_add(u128::from(held_s) * u128::from(demand.amount));
            job.then_s = job.then_s.min(activity.duration_s - until_s + behind_s[at]);
            job.from_s = job.from_s.min(earliest_s[at] - activity.duration_s + demand.from_s);
        }
    }
    jobs
}
