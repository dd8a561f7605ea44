//! What everything costs at least if each service, alone, had the estate to itself.
//!
//! It cannot be back before the longest chain of what it waits for has run, nor before a limit has carried all that
//! its own closure takes from it. Summed over what is served this is true of every plan, and weak: it never sees two
//! services compete.

use super::super::instance::Instance;
use super::super::priority::{closure, order_of_needs};

/// Σ weight × earliest conceivable second, over everything that serves somebody.
pub(super) fn lower_bound_seconds(instance: &Instance) -> u128 {
    let chain_s = chains(instance);
    (0..instance.activities.len())
        .filter(|&at| instance.activities[at].weight > 0)
        .map(|at| {
            let earliest_s = chain_s[at].max(load_s(instance, &closure(instance, at)));
            instance.activities[at].weight.saturating_mul(u128::from(earliest_s))
        })
        .fold(0, u128::saturating_add)
}

/// For each activity the seconds until its end if nothing were scarce.
pub(super) fn chains(instance: &Instance) -> Vec<u64> {
    let mut chain_s = vec![0; instance.activities.len()];
    for at in order_of_needs(instance) {
        let ready_s = instance.before[at].iter().map(|&provider| chain_s[provider]).max().unwrap_or(0);
        let ready_s = ready_s.max(instance.not_before_s(at));
        chain_s[at] = ready_s + instance.activities[at].duration_s;
    }
    chain_s
}

/// Seconds that the most loaded limit needs to carry all that these activities take from it.
fn load_s(instance: &Instance, members: &[usize]) -> u64 {
    let mut load = vec![0_u128; instance.limits.len()];
    for activity in members.iter().map(|&at| &instance.activities[at]) {
        for demand in &activity.demands {
            // What is taken after the end does not keep the end waiting.
            let until_s = demand.until_s.unwrap_or(activity.duration_s).min(activity.duration_s);
            let held_s = u128::from(until_s.saturating_sub(demand.from_s));
            load[demand.limit] = load[demand.limit].saturating_add(held_s * u128::from(demand.amount));
        }
    }
    let seconds = |(load, limit): (&u128, &super::super::instance::Limit)| {
        load.div_ceil(u128::from(limit.capacity.max(1)))
    };
    let most = load.iter().zip(&instance.limits).map(seconds).max().unwrap_or(0);
    u64::try_from(most).unwrap_or(u64::MAX)
}
