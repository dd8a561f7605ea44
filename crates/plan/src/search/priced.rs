//! Orders that prices suggest.
//!
//! While prices for the limits are being found (for the bound), everything has a place where it would be cheapest if only
//! dependencies counted. A list in the order of these places knows about the limits what no rule of thumb knows: who is
//! worth waiting for. (List scheduling by Lagrangian multipliers; Moehring, Schulz, Stork, Uetz 2003.) On estates of 80
//! funds the best of these lists is better than what thousands of schedules find from rules of thumb.

use super::super::bound::Pricing;
use super::build::Ahead;
use super::capacity::Capacity;
use super::compact::Aim;
use super::evolve::{Cost, Evolution};
use super::list;

/// Rounds of prices between two lists.
const ROUNDS: u64 = 4;
/// Lists that are kept for the population to begin with.
const KEPT: usize = 8;

impl<R: Capacity> Evolution<'_, R> {
    /// Finds prices to the end, builds a schedule of the list that they suggest now and then, and returns the best of these
    /// lists. When the search is over the prices still go on: the bound shall not depend on it.
    pub(super) fn suggested(&mut self, pricing: &mut Pricing) -> Vec<Vec<u32>> {
        let mut kept: Vec<(Cost, Vec<u32>)> = Vec::new();
        for round in 1.. {
            if let Some(cost) = self.least_cost() {
                pricing.known(cost);
            }
            if self.is_proven() || !pricing.round() {
                break;
            }
            self.cannot_cost_less_than(pricing.bound());
            // Where only the end of all counts nobody is worth waiting for, and prices suggest nothing.
            if round % ROUNDS == 0 && !self.is_over() && self.compact.aim == Aim::Sum {
                let member = self.build(0, &list(self.compact, &pricing.order()), Ahead::PLAIN);
                keep(&mut kept, member.cost, member.list);
            }
        }
        kept.into_iter().map(|(_, list)| list).collect()
    }
}

/// Keeps the best, each cost once.
fn keep(kept: &mut Vec<(Cost, Vec<u32>)>, cost: Cost, list: Vec<u32>) {
    let place = kept.partition_point(|(other, _)| *other < cost);
    if kept.get(place).is_none_or(|(other, _)| *other != cost) {
        kept.insert(place, (cost, list));
        kept.truncate(KEPT);
    }
}
