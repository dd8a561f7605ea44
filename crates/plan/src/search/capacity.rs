//! When is there capacity for what an activity takes?
//!
//! Two answers that always agree. [`Rows`] is for short plans with few limits: a byte per limit and second, looked at in
//! sixteen seconds at once. [`Levels`] is for everything else: per limit a list of the seconds at which its use changes.

use super::super::generate::{Usage, earliest};
use super::super::instance::{Demand, Instance};
use super::compact::{Compact, Side};

pub(super) trait Capacity {
    /// Everything free again, except what others hold.
    fn clear(&mut self);
    /// The first second from `from_s` on at which all that activity `at` takes fits.
    fn earliest(&self, at: usize, from_s: u64) -> u64;
    /// Takes what activity `at` takes if it begins at `start_s`.
    fn take(&mut self, at: usize, start_s: u64);
}

/// Limits that get a row each.
const ROWS: usize = 4;
/// Longest plan that gets a byte per second.
const SECONDS_MAX: u64 = 1 << 14;
/// Seconds that are looked at together: two words of eight bytes.
const ABREAST: usize = 16;
/// The top bit of each byte. It is set in every byte and never used up.
const GUARDS: u64 = 0x8080_8080_8080_8080;
/// Times an amount: that amount in every byte.
const EVERY_BYTE: u64 = 0x0101_0101_0101_0101;
/// Bytes that are 0 or 1, times this: the eight of them as bits, in order, in the top byte.
const GATHER: u64 = 0x0102_0408_1020_4080;

/// Free amounts of up to four limits, in one row of bytes per limit and one byte per second: the guard bit on top, 7 bits
/// of amount below. Subtracting an amount from eight bytes at once is one subtraction of words; a second that had too
/// little borrows from its own guard bit and from nobody else. So the guard bits that are left over in all rows tell in which
/// of sixteen seconds everything fits.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    free: [Vec<u8>; ROWS],
    whole: [u8; ROWS],
    wanted: Vec<Wanted>,
    /// Seconds from here on are untouched.
    touched: usize,
}

/// What an activity takes while it lasts.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    duration: usize,
    /// The amount of each limit, in every byte.
    amounts: [u64; ROWS],
    /// A row of bits, each time anded with itself shifted by these, has a bit where `duration` bits in a row began. For
    /// durations of up to `ABREAST`.
    shifts: [u8; ABREAST.ilog2() as usize],
}

impl Rows {
    /// None if the problem does not fit into rows.
    pub(super) fn new(instance: &Instance, compact: &Compact) -> Option<[Rows; 2]> {
        let end_s = compact.duration_s.iter().try_fold(1_u64, |sum, &seconds| sum.checked_add(seconds))?;
        let all_through =
            |at: usize, demand: &Demand| demand.from_s == 0 && demand.until_s == Some(compact.duration_s[at]);
        let plain = (0..compact.count())
            .all(|at| compact.sides[0].demands[at].iter().all(|demand| all_through(at, demand)));
        if instance.limits.len() > ROWS || end_s > SECONDS_MAX || !compact.mirrored || !plain {
            return None;
        }
        let mut whole = [0x80; ROWS];
        for (row, limit) in whole.iter_mut().zip(&instance.limits) {
            *row += u8::try_from(limit.capacity).ok().filter(|capacity| *capacity < 0x80)?;
        }
        let seconds = seconds(end_s) + ABREAST;
        let wanted = (0..compact.count()).map(|at| {
            let mut amounts = [0; ROWS];
            for demand in &compact.sides[0].demands[at] {
                amounts[demand.limit] = demand.amount * EVERY_BYTE;
            }
            let duration = self::seconds(compact.duration_s[at]);
            Wanted { duration, amounts, shifts: shifts(duration) }
        });
        let wanted = wanted.collect();
        let rows = Rows { free: whole.map(|free| vec![free; seconds]), whole, wanted, touched: 0 };
        Some([rows.clone(), rows])
    }

    /// In which of the sixteen seconds from this one on does it all fit? The lowest bit is the first second.
    fn fitting(&self, wanted: &Wanted, second: usize) -> u32 {
        let mut guards = [GUARDS; ABREAST / 8];
        for (free, amounts) in self.free.iter().zip(wanted.amounts) {
            let (words, _) = free[second..second + ABREAST].as_chunks();
            for (guards, word) in guards.iter_mut().zip(words) {
                *guards &= u64::from_le_bytes(*word).wrapping_sub(amounts);
            }
        }
        let bits = |guards: u64| u32::from((guards >> 7).wrapping_mul(GATHER).to_be_bytes()[0]);
        bits(guards[0]) | bits(guards[1]) << 8
    }

    /// For what lasts no longer than can be looked at together.
    fn earliest_short(&self, wanted: &Wanted, mut start: usize) -> usize {
        loop {
            let fitting = self.fitting(wanted, start);
            let begins = wanted.shifts.iter().fold(fitting, |bits, shift| bits & (bits >> shift));
            if begins > 0 {
                return start + begins.trailing_zeros() as usize;
            }
            // Behind the last second that is in the way.
            start += (u32::BITS - (fitting ^ ALL).leading_zeros()) as usize;
        }
    }

    fn earliest_long(&self, wanted: &Wanted, mut start: usize) -> usize {
        let mut checked = 0;
        while checked < wanted.duration {
            let looked_at = ABREAST.min(wanted.duration - checked);
            let in_the_way = (self.fitting(wanted, start + checked) ^ ALL) & ((1 << looked_at) - 1);
            if in_the_way > 0 {
                start += checked + (u32::BITS - in_the_way.leading_zeros()) as usize;
                checked = 0;
            } else {
                checked += ABREAST;
            }
        }
        start
    }
}

/// All of the seconds that are looked at together.
const ALL: u32 = (1 << ABREAST) - 1;

fn seconds(seconds: u64) -> usize {
    usize::try_from(seconds).expect("no more than the longest plan in rows")
}

/// Doubling as far as it goes, then what is missing.
fn shifts(duration: usize) -> [u8; ABREAST.ilog2() as usize] {
    let mut together = 1;
    [(); ABREAST.ilog2() as usize].map(|()| {
        let more = together.min(duration.saturating_sub(together));
        together += more;
        u8::try_from(more).unwrap_or(0)
    })
}

impl Capacity for Rows {
    fn clear(&mut self) {
        for (row, whole) in self.free.iter_mut().zip(self.whole) {
            row[..self.touched].fill(whole);
        }
        self.touched = 0;
    }

    fn earliest(&self, at: usize, from_s: u64) -> u64 {
        let wanted = &self.wanted[at];
        let from = seconds(from_s);
        if wanted.duration == 0 {
            from_s
        } else if wanted.duration <= ABREAST {
            self.earliest_short(wanted, from) as u64
        } else {
            self.earliest_long(wanted, from) as u64
        }
    }

    fn take(&mut self, at: usize, start_s: u64) {
        let start = seconds(start_s);
        let wanted = self.wanted[at];
        for (free, amounts) in self.free.iter_mut().zip(wanted.amounts) {
            let mut left = wanted.duration;
            for word in free[start..].as_chunks_mut::<8>().0 {
                let taken = if left < 8 { amounts & !(u64::MAX << (8 * left)) } else { amounts };
                *word = (u64::from_le_bytes(*word) - taken).to_le_bytes();
                left = left.saturating_sub(8);
                if left == 0 {
                    break;
                }
            }
        }
        self.touched = self.touched.max(start + wanted.duration);
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

impl Capacity for Levels<'_> {
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
