//! When is there room for what an activity takes?
//!
//! Two answers that always agree. [`Words`] is for short plans with few limits: one word per second, all limits side by
//! side in it. [`Levels`] is for everything else: per limit a list of the seconds at which its use changes.

use super::super::generate::{Usage, earliest};
use super::super::instance::{Demand, Instance};
use super::compact::{Compact, Side};

pub(super) trait Room {
    /// Everything free again, except what others hold.
    fn clear(&mut self);
    /// The first second from `from_s` on at which all that activity `at` takes fits.
    fn earliest(&self, at: usize, from_s: u64) -> u64;
    /// Takes what activity `at` takes if it begins at `start_s`.
    fn take(&mut self, at: usize, start_s: u64);
}

/// Limits side by side in one word.
const LANES: usize = 4;
const LANE_BITS: usize = 16;
/// The top bit of each lane. It is set in every word and never used up.
const GUARD: u64 = 0x8000_8000_8000_8000;
/// Longest plan that gets a word per second.
const WORDS_MAX: u64 = 1 << 14;

/// Free amounts of up to four limits, 16 bits each, in one word per second: the guard bit on top, 15 bits of amount
/// below. Subtracting a whole demand from the word subtracts all four amounts at once; a lane that had too little borrows from
/// its guard bit and from nobody else. So "does it fit in this second?" is one subtraction and one look at four bits.
#[derive(Clone, Debug)]
pub(super) struct Words {
    free: Vec<u64>,
    whole: u64,
    demand: Vec<u64>,
    duration: Vec<usize>,
    /// Words from here on are untouched.
    touched: usize,
}

impl Words {
    /// None if the problem does not fit into words.
    pub(super) fn new(instance: &Instance, compact: &Compact) -> Option<[Words; 2]> {
        let end_s = compact.duration_s.iter().try_fold(1_u64, |sum, &seconds| sum.checked_add(seconds))?;
        let fits = instance.limits.len() <= LANES
            && instance.limits.iter().all(|limit| limit.capacity < 1 << (LANE_BITS - 1))
            && end_s <= WORDS_MAX
            && compact.mirrored;
        let all_through =
            |at: usize, demand: &Demand| demand.from_s == 0 && demand.until_s == Some(compact.duration_s[at]);
        let plain = (0..compact.count())
            .all(|at| compact.sides[0].demands[at].iter().all(|demand| all_through(at, demand)));
        if !fits || !plain {
            return None;
        }
        let lane = |limit: usize, amount: u64| amount << (LANE_BITS * limit);
        let whole =
            GUARD + (0..).zip(&instance.limits).map(|(at, limit)| lane(at, limit.capacity)).sum::<u64>();
        let demand = compact.sides[0]
            .demands
            .iter()
            .map(|demands| demands.iter().map(|demand| lane(demand.limit, demand.amount)).sum())
            .collect();
        let seconds =
            |seconds: u64| usize::try_from(seconds).expect("no more than the longest plan in words");
        let words = Words {
            free: vec![whole; seconds(end_s)],
            whole,
            demand,
            duration: compact.duration_s.iter().map(|&duration_s| seconds(duration_s)).collect(),
            touched: 0,
        };
        Some([words.clone(), words])
    }
}

impl Room for Words {
    fn clear(&mut self) {
        self.free[..self.touched].fill(self.whole);
        self.touched = 0;
    }

    fn earliest(&self, at: usize, from_s: u64) -> u64 {
        let (demand, duration) = (self.demand[at], self.duration[at]);
        let mut start = usize::try_from(from_s).expect("no more than the longest plan in words");
        // From the last second backwards: the later the second that is in the way, the further the jump.
        while let Some(in_the_way) = self.free[start..start + duration]
            .iter()
            .rposition(|word| word.wrapping_sub(demand) & GUARD != GUARD)
        {
            start += in_the_way + 1;
        }
        start as u64
    }

    fn take(&mut self, at: usize, start_s: u64) {
        let start = usize::try_from(start_s).expect("no more than the longest plan in words");
        let end = start + self.duration[at];
        for word in &mut self.free[start..end] {
            *word -= self.demand[at];
        }
        self.touched = self.touched.max(end);
    }
}

/// The same for any number of limits, any seconds, and demands that begin late or never end.
#[derive(Clone, Debug)]
pub(super) struct Levels<'a> {
    usage: Vec<Usage>,
    at_first: Vec<Usage>,
    demands: &'a [Vec<Demand>],
}

impl<'a> Levels<'a> {
    pub(super) fn new(instance: &Instance, side: &'a Side, held: bool) -> Levels<'a> {
        let at_first = super::super::generate::at_first(instance, held);
        Levels { usage: at_first.clone(), at_first, demands: &side.demands }
    }
}

impl Room for Levels<'_> {
    fn clear(&mut self) {
        self.usage.clone_from(&self.at_first);
    }

    fn earliest(&self, at: usize, from_s: u64) -> u64 {
        earliest(&self.usage, &self.demands[at], from_s)
    }

    fn take(&mut self, at: usize, start_s: u64) {
        for demand in &self.demands[at] {
            self.usage[demand.limit].take_for(demand, start_s);
        }
    }
}
