//! What can never run side by side?
//!
//! Two activities that together want more of a limit than there is, or of which one waits for the other, run one after the
//! other in every plan. A group of which that is true of any two is itself a limit: one at a time. Prices on such limits
//! see what prices on the limits one by one do not: halves of two limits do not make room for two activities that each want
//! more than half of one of them.

use super::super::instance::{Demand, Instance, Limit};
use super::super::priority::order_of_needs;

/// Groups are looked for in problems of at most so many activities: all pairs are looked at.
const ACTIVITIES_MAX: usize = 300;
/// Groups that get a limit of their own.
const GROUPS_MAX: usize = 16;

/// The problem with a limit more for each group that was found. Every plan of `instance` is one of this, at the same cost.
pub(super) fn with_groups(instance: &Instance) -> Instance {
    let mut more = instance.clone();
    if instance.activities.len() > ACTIVITIES_MAX {
        return more;
    }
    for group in groups(instance) {
        let limit = more.limits.len();
        // Nobody is shown these limits, so any name will do. Rivals want some limit, so there is one.
        more.limits.push(Limit { name: instance.limits[0].name.clone(), capacity: 1 });
        for at in group {
            let until_s = Some(more.activities[at].duration_s);
            more.activities[at].demands.push(Demand { limit, amount: 1, from_s: 0, until_s });
        }
    }
    more
}

/// How two activities are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pair {
    Free,
    /// One waits for the other: that is known without a group.
    InOrder,
    /// There is not enough for both, and no group has both yet.
    Rivals,
    Grouped,
}

fn groups(instance: &Instance) -> Vec<Vec<usize>> {
    let mut pairs = pairs(instance);
    let count = pairs.len();
    let mut groups = Vec::new();
    while groups.len() < GROUPS_MAX {
        let rivals = |at: usize| pairs[at].iter().filter(|pair| **pair == Pair::Rivals).count();
        let Some(first) = (0..count).filter(|&at| rivals(at) > 0).max_by_key(|&at| (rivals(at), count - at))
        else {
            break;
        };
        let mut group = vec![first];
        loop {
            let apart =
                |&at: &usize| group.iter().all(|&other| pairs[at][other] != Pair::Free && at != other);
            let new = |at: usize| group.iter().filter(|&&other| pairs[at][other] == Pair::Rivals).count();
            let next = (0..count)
                .filter(apart)
                .max_by_key(|&at| (new(at), instance.activities[at].duration_s, count - at));
            let Some(next) = next else { break };
            group.push(next);
        }
        for &one in &group {
            for &other in &group {
                if pairs[one][other] == Pair::Rivals {
                    pairs[one][other] = Pair::Grouped;
                }
            }
        }
        groups.push(group);
    }
    groups
}

fn pairs(instance: &Instance) -> Vec<Vec<Pair>> {
    let count = instance.activities.len();
    let mut pairs = vec![vec![Pair::Free; count]; count];
    let mut waits: Vec<Vec<bool>> = vec![vec![false; count]; count];
    for at in order_of_needs(instance) {
        for &provider in &instance.before[at] {
            waits[at][provider] = true;
            let through = waits[provider].clone();
            waits[at].iter_mut().zip(through).for_each(|(waits, through)| *waits |= through);
        }
    }
    for one in 0..count {
        for other in 0..one {
            let pair = if waits[one][other] || waits[other][one] {
                Pair::InOrder
            } else if rivals(instance, one, other) {
                Pair::Rivals
            } else {
                Pair::Free
            };
            (pairs[one][other], pairs[other][one]) = (pair, pair);
        }
    }
    pairs
}

/// Both want some limit all the while, and together more of it than there is.
fn rivals(instance: &Instance, one: usize, other: usize) -> bool {
    let throughout = |at: usize| {
        let activity = &instance.activities[at];
        activity.demands.iter().filter(|demand| {
            activity.duration_s > 0
                && demand.from_s == 0
                && demand.until_s.is_none_or(|until_s| until_s >= activity.duration_s)
        })
    };
    throughout(one).any(|mine| {
        let theirs = throughout(other).filter(|theirs| theirs.limit == mine.limit);
        theirs.fold(mine.amount, |sum, theirs| sum.saturating_add(theirs.amount))
            > instance.limits[mine.limit].capacity
    })
}
