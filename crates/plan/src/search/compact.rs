//! The problem as the search sees it: numbered so that everything comes after what it waits for, and readable from
//! both ends.
//!
//! Read from the end, what waits is what is waited for, and a demand that begins late ends early. Schedules built from
//! the end are used to find better orders. They are plans themselves only if nothing in the problem knows which end is
//! which: no clock to wait for, nothing held from the beginning, nothing kept for good.

use super::super::generate::stretches;
use super::super::instance::{Demand, Instance};
use super::super::priority::order_of_needs;

/// What is to be small.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aim {
    /// Everything leads to the only thing that counts, so the end of all counts; once per second this much.
    End { weight: u128 },
    /// The sum over all that serve somebody.
    Sum,
}

/// The problem read from one of its ends.
#[derive(Clone, Debug)]
pub(super) struct Side {
    pub(super) before: Links,
    pub(super) after: Links,
    pub(super) demands: Vec<Vec<Demand>>,
    pub(super) not_before_s: Vec<u64>,
    /// Seconds of the longest chain behind each activity, itself included.
    pub(super) chain_s: Vec<u64>,
}

/// For each activity some others, all in one row: a search reads them a hundred times per schedule.
#[derive(Clone, Debug)]
pub(super) struct Links {
    /// Where those of each activity begin in `to`, and one more: where the last ones end.
    begin: Vec<u32>,
    to: Vec<u32>,
}

impl Links {
    fn new(links: &[Vec<u32>]) -> Links {
        let mut begin = vec![0];
        let mut to = Vec::new();
        for links in links {
            to.extend_from_slice(links);
            begin.push(u32::try_from(to.len()).expect("positions are 32 bits"));
        }
        Links { begin, to }
    }

    pub(super) fn of(&self, at: usize) -> &[u32] {
        &self.to[self.begin[at] as usize..self.begin[at + 1] as usize]
    }

    /// How many each has.
    pub(super) fn counts(&self) -> impl Iterator<Item = u32> + '_ {
        self.begin.windows(2).map(|pair| pair[1] - pair[0])
    }
}

#[derive(Clone, Debug)]
pub(super) struct Compact {
    /// Position in the instance of each activity.
    pub(super) activity: Vec<usize>,
    pub(super) duration_s: Vec<u64>,
    /// Who serves somebody, and its weight.
    pub(super) weights: Vec<(usize, u128)>,
    pub(super) aim: Aim,
    /// From the beginning, and from the end.
    pub(super) sides: [Side; 2],
    /// A schedule built from the end is a plan when it is turned round.
    pub(super) mirrored: bool,
}

impl Compact {
    pub(super) fn new(instance: &Instance) -> Compact {
        let activity = order_of_needs(instance);
        let mut place = vec![0_u32; activity.len()];
        for (&at, position) in activity.iter().zip(0..) {
            place[at] = position;
        }
        let before: Vec<Vec<u32>> = activity
            .iter()
            .map(|&at| instance.before[at].iter().map(|&provider| place[provider]).collect())
            .collect();
        let mut after = vec![Vec::new(); before.len()];
        for (at, position) in (0_usize..).zip(0_u32..).take(before.len()) {
            for &provider in &before[at] {
                after[provider as usize].push(position);
            }
        }
        let duration_s: Vec<u64> = activity.iter().map(|&at| instance.activities[at].duration_s).collect();
        let weight = |at: usize| instance.activities[activity[at]].weight;
        let weights: Vec<(usize, u128)> =
            (0..activity.len()).filter(|&at| weight(at) > 0).map(|at| (at, weight(at))).collect();
        let demands: Vec<Vec<Demand>> = activity.iter().map(|&at| demands(instance, at)).collect();
        let not_before_s: Vec<u64> = activity.iter().map(|&at| instance.not_before_s(at)).collect();
        let kept = demands.iter().flatten().any(|demand| demand.until_s.is_none());
        let mirrored = instance.held.is_empty() && !kept && not_before_s.iter().all(|&second| second == 0);
        let turned: Vec<Vec<Demand>> = demands
            .iter()
            .zip(&duration_s)
            .map(|(demands, &duration_s)| demands.iter().map(|demand| turn(demand, duration_s)).collect())
            .collect();
        let back = Side {
            demands: turned,
            not_before_s: vec![0; before.len()],
            chain_s: chains(&before, &duration_s, 0..before.len()),
            before: Links::new(&after),
            after: Links::new(&before),
        };
        let forth = Side {
            demands,
            not_before_s,
            chain_s: chains(&after, &duration_s, (0..before.len()).rev()),
            before: Links::new(&before),
            after: Links::new(&after),
        };
        let aim = aim(&forth, &weights);
        Compact { activity, duration_s, weights, aim, sides: [forth, back], mirrored }
    }

    pub(super) fn count(&self) -> usize {
        self.activity.len()
    }

    /// No schedule ends before.
    pub(super) fn longest_chain_s(&self) -> u64 {
        self.sides[1].chain_s.iter().copied().max().unwrap_or(0)
    }

    /// What no schedule can cost less than, by the chains alone.
    pub(super) fn least(&self) -> u128 {
        let earliest_end_s = |at: usize| self.sides[1].chain_s[at];
        match self.aim {
            Aim::End { .. } => u128::from(self.longest_chain_s()),
            Aim::Sum => self
                .weights
                .iter()
                .map(|&(at, weight)| weight.saturating_mul(u128::from(earliest_end_s(at))))
                .fold(0, u128::saturating_add),
        }
    }
}

/// What an activity takes, without what takes nothing: no amount, or no time.
fn demands(instance: &Instance, at: usize) -> Vec<Demand> {
    let takes =
        |demand: &&Demand| demand.amount > 0 && demand.until_s.is_none_or(|until_s| until_s > demand.from_s);
    stretches(&instance.activities[at].demands).iter().filter(takes).cloned().collect()
}

/// Only one thing counts and everything leads to it; or nothing counts, and then the end of all shall be early.
fn aim(forth: &Side, weights: &[(usize, u128)]) -> Aim {
    let &[(last, weight)] = weights else {
        return if weights.is_empty() { Aim::End { weight: 0 } } else { Aim::Sum };
    };
    let mut leads = vec![false; forth.chain_s.len()];
    leads[last] = true;
    for at in (0..leads.len()).rev() {
        leads[at] |= forth.after.of(at).iter().any(|&next| leads[next as usize]);
    }
    if leads.iter().all(|&leads| leads) { Aim::End { weight } } else { Aim::Sum }
}

/// A demand read from the end of its activity. What is kept for good counts as held until the end of the activity:
/// the order that is found that way is tried from the beginning, where it counts in full.
fn turn(demand: &Demand, duration_s: u64) -> Demand {
    let until_s = demand.until_s.unwrap_or(duration_s.max(demand.from_s + 1));
    let from_s = duration_s.saturating_sub(until_s);
    Demand { from_s, until_s: Some(from_s + (until_s - demand.from_s)), ..*demand }
}

fn chains(next: &[Vec<u32>], duration_s: &[u64], order: impl Iterator<Item = usize>) -> Vec<u64> {
    let mut chain_s = vec![0; next.len()];
    for at in order {
        let behind = next[at].iter().map(|&next| chain_s[next as usize]).max().unwrap_or(0);
        chain_s[at] = behind + duration_s[at];
    }
    chain_s
}
