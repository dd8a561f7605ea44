//! One schedule of a large problem, made better step by step.
//!
//! A population needs hundreds of schedules before it is one, and thousands before it is better than its best founder. A
//! large problem gives no time for that. So the best start is changed in one place, and whatever is no worse replaces it,
//! until nothing has come of it for a while. Then the population begins, with what was found among its founders.

use super::build::Ahead;
use super::capacity::Capacity;
use super::evolve::Evolution;

/// Schedules without a better one before it ends.
const PATIENCE: u64 = 200;
/// Percent of schedules that are built looking ahead.
const AHEAD_PERCENT: usize = 50;

impl<R: Capacity> Evolution<'_, R> {
    /// The list of the schedule that was found; none if the search has ended meanwhile.
    pub(super) fn climb(&mut self, starts: &[Vec<u32>]) -> Option<Vec<u32>> {
        let mut top = None;
        for start in starts {
            if self.is_over() {
                return None;
            }
            let member = self.build(0, start, Ahead::PLAIN);
            if top.as_ref().is_none_or(|top: &super::evolve::Member| member.cost < top.cost) {
                top = Some(member);
            }
        }
        let mut top = top?;
        let mut better_at = self.schedules;
        while self.schedules - better_at < PATIENCE {
            if self.is_over() {
                return None;
            }
            let mut list = top.list.clone();
            self.marks.rearrange(self.compact, &mut list, &mut self.chance);
            let ahead = self.chance.percent(AHEAD_PERCENT);
            let ahead = if ahead { self.ahead_a_little() } else { Ahead::PLAIN };
            let member = self.build(0, &list, ahead);
            if member.cost < top.cost {
                better_at = self.schedules;
            }
            // As good is good enough: a step aside may open a way.
            if member.cost.0 <= top.cost.0 {
                top = member;
            }
        }
        Some(top.list)
    }
}
