//! The cheapest start of everything when only dependencies count: not solved, but bounded from below.
//!
//! Each activity has a cost per slot, each dependency forbids some pairs of slots. Taking the cheapest slot of each
//! activity alone is a bound, and a bad one: providers would all begin late and dependents early. So cost is moved
//! between an activity and its dependencies, back and forth along the order of what waits for what, such that the sum
//! over any choice of slots stays what it was and the sum of the separate minima only grows. (Known as sequential
//! reweighted message passing; Kolmogorov 2015. An exact minimum cut gives the same limit, at some hundred times the
//! work per set of prices, and could not go on from the last set.) All in whole numbers: whatever was moved, the sum
//! of minima is a true bound.

use super::slots::Slots;

/// Cost as it stands at activities and at both ends of dependencies.
#[derive(Clone, Debug)]
pub(super) struct Relaxed {
    /// Per activity and slot.
    pub(super) at: Vec<Vec<i64>>,
    /// Per dependency, by the slot of what is waited for, and by the slot of what waits.
    from: Vec<Vec<i64>>,
    to: Vec<Vec<i64>>,
    scratch: Vec<i64>,
}

impl Relaxed {
    pub(super) fn new(slots: &Slots) -> Relaxed {
        Relaxed {
            at: slots.width.iter().map(|&width| vec![0; width]).collect(),
            from: slots.edges.iter().map(|edge| vec![0; slots.width[edge.from]]).collect(),
            to: slots.edges.iter().map(|edge| vec![0; slots.width[edge.to]]).collect(),
            scratch: Vec::new(),
        }
    }

    /// Moves cost from the last activities to the first.
    pub(super) fn sweep_back(&mut self, slots: &Slots) {
        for at in (0..self.at.len()).rev() {
            for &edge in &slots.out_of[at] {
                self.collect_from_dependent(slots, edge);
            }
            let most = slots.into[at].len().max(slots.out_of[at].len());
            for (given, &edge) in slots.into[at].iter().enumerate() {
                share_out(&mut self.at[at], &mut self.to[edge], most - given);
            }
        }
    }

    /// Moves cost from the first activities to the last, and chooses a slot for each on the way: the cheapest one
    /// that what has been chosen before allows.
    pub(super) fn sweep_forth(&mut self, slots: &Slots, chosen: &mut [usize]) {
        for at in 0..self.at.len() {
            chosen[at] = self.choose(slots, at, chosen);
            for &edge in &slots.into[at] {
                self.collect_from_provider(slots, edge);
            }
            let most = slots.into[at].len().max(slots.out_of[at].len());
            for (given, &edge) in slots.out_of[at].iter().enumerate() {
                share_out(&mut self.at[at], &mut self.from[edge], most - given);
            }
        }
    }

    /// The sum of all minima, to be asked after a sweep forth. That has moved the least cost of each pair to the dependent, so
    /// nothing is left of the pairs themselves.
    pub(super) fn bound(&self) -> i64 {
        self.at.iter().map(|cost| cost.iter().min().copied().unwrap_or(0)).sum()
    }

    /// Takes over what was moved on a coarser clock. Any move is allowed, and this one is nearly right. `units` counts what
    /// was counted there in the units of here.
    pub(super) fn take_over(
        &mut self,
        slots: &Slots,
        (was, coarse): (&Relaxed, &Slots),
        units: impl Fn(i64) -> i64,
    ) {
        for (number, edge) in slots.edges.iter().enumerate() {
            let moved = |activity: usize, was: &[i64], slot: usize| {
                units(was[coarse.slot_of(activity, slots.middle_s(activity, slot))])
            };
            let ends = [(edge.from, &was.from, &mut self.from), (edge.to, &was.to, &mut self.to)];
            for (activity, was, moved_to) in ends {
                let here = moved_to[number].iter_mut().zip(&mut self.at[activity]);
                for (slot, (moved_to, at)) in here.enumerate() {
                    *moved_to = moved(activity, &was[number], slot);
                    *at -= *moved_to;
                }
            }
        }
    }

    fn choose(&mut self, slots: &Slots, at: usize, chosen: &[usize]) -> usize {
        let lowest =
            slots.into[at].iter().map(|&edge| chosen[slots.edges[edge].from] + slots.edges[edge].lag).max();
        let lowest = lowest.unwrap_or(0).max(slots.first[at]) - slots.first[at];
        self.scratch.clear();
        self.scratch.extend_from_slice(&self.at[at][lowest..]);
        for &edge in &slots.into[at] {
            for (sum, cost) in self.scratch.iter_mut().zip(&self.to[edge][lowest..]) {
                *sum += cost;
            }
        }
        let cheapest = (0..self.scratch.len()).min_by_key(|&slot| self.scratch[slot]);
        slots.first[at]
            + lowest
            + cheapest.expect("what waits can begin after the last slot of its providers")
    }

    /// Per slot of the dependent, what the pair costs at least, goes to the dependent.
    fn collect_from_provider(&mut self, slots: &Slots, number: usize) {
        let edge = slots.edges[number];
        let (from, to, at) = (&self.from[number], &mut self.to[number], &mut self.at[edge.to]);
        let (mut next, mut cheapest) = (0, i64::MAX);
        for (slot, (to, at)) in to.iter_mut().zip(at).enumerate() {
            let until = allowed(slots, edge.from, edge.to, slot, edge.lag);
            while next < until {
                cheapest = cheapest.min(from[next]);
                next += 1;
            }
            *at += *to + cheapest;
            *to = -cheapest;
        }
    }

    /// Per slot of the provider, what the pair costs at least, goes to the provider.
    fn collect_from_dependent(&mut self, slots: &Slots, number: usize) {
        let edge = slots.edges[number];
        let (from, to, at) = (&mut self.from[number], &self.to[number], &mut self.at[edge.from]);
        let (mut next, mut cheapest) = (to.len(), i64::MAX);
        for (slot, (from, at)) in from.iter_mut().zip(at).enumerate().rev() {
            let first = (slots.first[edge.from] + slot + edge.lag).saturating_sub(slots.first[edge.to]);
            while next > first {
                next -= 1;
                cheapest = cheapest.min(to[next]);
            }
            *at += *from + cheapest;
            *from = -cheapest;
        }
    }
}

/// How many of the provider's slots end before slot number `slot` of the dependent begins.
fn allowed(slots: &Slots, from: usize, to: usize, slot: usize, lag: usize) -> usize {
    (slots.first[to] + slot + 1).saturating_sub(lag + slots.first[from]).min(slots.width[from])
}

/// Gives away one of `shares` equal shares of what is there; what does not divide stays.
fn share_out(at: &mut [i64], edge: &mut [i64], shares: usize) {
    let shares = i64::try_from(shares).expect("few dependencies");
    for (at, edge) in at.iter_mut().zip(edge) {
        let share = *at / shares;
        *at -= share;
        *edge += share;
    }
}
