//! Where and how do two versions of a file differ? Counts only; what they mean is said in `compare`.
//!
//! Both are read once, side by side, in units of 16 bytes: small enough for the finest rhythm that
//! attackers use, large enough that bytes equal by chance do not matter.

use std::io;

use crate::source::Source;
use crate::statistics;
use crate::statistics::{WINDOW, count, is_even};

const UNIT: usize = 16;
/// A sector, but for the few units in which two random bytes are equal by chance.
const RANDOM_MIN: u64 = 448;
/// Of so many bytes it is asked how uneven they are; codes of pictures are so by a thousand and more.
const LOOKED_AT: u64 = 16 * 1024;
const UNEVEN_MAX: u64 = 400;
const PIECE: usize = 64 * 1024;
/// Different run lengths that are told apart; benign changes soon have more.
const LENGTHS_MAX: usize = 64;

/// How long the changed pieces are, or the pieces between them, in units.
#[derive(Debug, Default)]
struct Lengths {
    counts: Vec<(u64, u64)>,
    total: u64,
}

impl Lengths {
    fn add(&mut self, length: u64) {
        self.total += 1;
        let room = self.counts.len() < LENGTHS_MAX;
        match self.counts.iter_mut().find(|(known, _)| *known == length) {
            Some((_, count)) => *count += 1,
            None if room => self.counts.push((length, 1)),
            None => {}
        }
    }

    /// The usual length, and what share of all (in percent) has it, give or take a unit at either end.
    fn usual(&self) -> Option<(u64, u64)> {
        let (usual, _) = *self.counts.iter().max_by_key(|(_, count)| *count)?;
        let near: u64 = self
            .counts
            .iter()
            .filter(|(length, _)| length.abs_diff(usual) <= 1)
            .map(|(_, count)| count)
            .sum();
        Some((usual, near * 100 / self.total))
    }
}

/// From the first byte that differs to behind the last one.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: u64,
    to: u64,
    /// Everything in it is zero now.
    is_zero: bool,
    /// Behind it something stands that is not zero: whatever differs from here on makes the span more than zeros.
    is_over: bool,
}

/// What the two versions do not share, over the length that both have.
#[derive(Debug)]
pub(super) struct Difference {
    /// The length that both have.
    pub(super) common: u64,
    pub(super) changed_units: u64,
    pub(super) first: Option<u64>,
    /// Bytes in units of which nearly every byte is another, now and before.
    pub(super) now: Box<[u64; 256]>,
    pub(super) before: Box<[u64; 256]>,
    /// Windows of 4 KiB that are new from end to end and look random, where the previous did not.
    pub(super) newly_random: u64,
    /// Windows in which anything differs.
    pub(super) changed_windows: u64,
    pub(super) first_newly_random: Option<u64>,
    /// Bytes that are zero and were not.
    pub(super) zeroed: u64,
    pub(super) longest_zeroed: u64,
    /// Bytes that differ and are not zero now.
    pub(super) not_zeroed: u64,
    /// The first and the last byte that differ, and whether something else than zero stands between them now.
    span: Option<Span>,
    /// What was laid over the bytes of changed units, by a part of its hash: value and how often it came.
    masks: Vec<(u128, u64)>,
    runs: Lengths,
    gaps: Lengths,
    run: u64,
    gap: u64,
    zero_run: u64,
}

impl Difference {
    /// `common`: the length that both have.
    pub(super) fn nothing(common: u64) -> Difference {
        Difference {
            common,
            changed_units: 0,
            first: None,
            now: Box::new([0; 256]),
            before: Box::new([0; 256]),
            newly_random: 0,
            changed_windows: 0,
            first_newly_random: None,
            zeroed: 0,
            longest_zeroed: 0,
            not_zeroed: 0,
            span: None,
            masks: vec![(0, 0); 256],
            runs: Lengths::default(),
            gaps: Lengths::default(),
            run: 0,
            gap: 0,
            zero_run: 0,
        }
    }

    pub(super) fn between(now: &mut dyn Source, before: &mut dyn Source) -> io::Result<Difference> {
        let mut difference = Difference::nothing(now.length().min(before.length()));
        let (mut left, mut right) = (vec![0; PIECE], vec![0; PIECE]);
        let mut at = 0;
        while at < difference.common {
            let wanted = usize::try_from(difference.common - at).unwrap_or(PIECE).min(PIECE);
            let read = now.read_at(at, &mut left[..wanted])?;
            let other = before.read_at(at, &mut right[..wanted])?;
            if read != wanted || other != wanted {
                return Err(io::Error::other("one of the versions ends early"));
            }
            difference.piece(at, &left[..wanted], &right[..wanted]);
            at += wanted as u64;
        }
        difference.end_run();
        Ok(difference)
    }

    pub(super) fn piece(&mut self, at: u64, now: &[u8], before: &[u8]) {
        let windows = now.chunks(WINDOW).zip(before.chunks(WINDOW));
        for (number, (now, before)) in windows.enumerate() {
            let at = at + (number * WINDOW) as u64;
            if now == before {
                let zero = self.watches_zeros() && now.iter().all(|byte| *byte == 0);
                self.same(now.len().div_ceil(UNIT) as u64, zero);
                continue;
            }
            self.changed_windows += 1;
            let dense = self.window(at, now, before);
            let all = now.len() / UNIT;
            if all >= 16 && dense * 16 >= all * 15 && is_even(&count(now)) && !is_even(&count(before)) {
                self.newly_random += 1;
                self.first_newly_random.get_or_insert(at);
            }
        }
    }

    /// Units of which nearly every byte is another.
    fn window(&mut self, at: u64, now: &[u8], before: &[u8]) -> usize {
        let mut all_dense = 0;
        for (number, (new, old)) in now.chunks(UNIT).zip(before.chunks(UNIT)).enumerate() {
            if new == old {
                self.same(1, self.watches_zeros() && new.iter().all(|byte| *byte == 0));
                continue;
            }
            self.spread(at + (number * UNIT) as u64, new, old);
            self.first.get_or_insert(at + (number * UNIT) as u64);
            if self.gap > 0 && self.changed_units > 0 {
                self.gaps.add(self.gap);
            }
            self.gap = 0;
            self.run += 1;
            self.changed_units += 1;
            let differing = new.iter().zip(old).filter(|(new, old)| new != old).count();
            if differing * 4 >= new.len() * 3 {
                all_dense += 1;
                self.mask(new, old);
            }
            // Bytes that were left at the edge of a piece are not of what was put there.
            if differing * 16 >= new.len() * 15 {
                new.iter().for_each(|byte| self.now[usize::from(*byte)] += 1);
                old.iter().for_each(|byte| self.before[usize::from(*byte)] += 1);
            }
            if new.iter().all(|byte| *byte == 0) {
                self.zero_run += new.len() as u64;
                self.longest_zeroed = self.longest_zeroed.max(self.zero_run);
            } else {
                self.zero_run = 0;
            }
        }
        all_dense
    }

    /// Where it is of interest whether what did not change is zero.
    fn watches_zeros(&self) -> bool {
        self.zero_run > 0 || self.span.is_some_and(|span| span.is_zero && !span.is_over)
    }

    /// Byte for byte: what is zero now, what is not, and how far the changes reach.
    fn spread(&mut self, at: u64, new: &[u8], old: &[u8]) {
        for (at, (new, old)) in (at..).zip(new.iter().zip(old)) {
            if new == old {
                if let Some(span) = &mut self.span {
                    span.is_over |= *new != 0;
                }
                continue;
            }
            self.zeroed += u64::from(*new == 0);
            self.not_zeroed += u64::from(*new != 0);
            let span = self.span.get_or_insert(Span { from: at, to: at, is_zero: true, is_over: false });
            span.is_zero &= *new == 0 && !span.is_over;
            span.to = at + 1;
        }
    }

    fn mask(&mut self, new: &[u8], old: &[u8]) {
        if new.iter().all(|byte| *byte == 0) {
            return;
        }
        let (Some(new), Some(old)) = (new.first_chunk::<UNIT>(), old.first_chunk::<UNIT>()) else { return };
        let mask = u128::from_le_bytes(*new) ^ u128::from_le_bytes(*old);
        let folded = (mask ^ mask >> 64) as u64;
        let place = usize::try_from(folded.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56).expect("eight bits");
        let (known, count) = &mut self.masks[place];
        if *known == mask {
            *count += 1;
        } else if *count <= 1 {
            (*known, *count) = (mask, 1);
        } else {
            *count -= 1;
        }
    }

    /// One and the same piece of key was laid over many places: how many.
    pub(super) fn repeated_key(&self) -> Option<u64> {
        let varied = |mask: u128| {
            let mut bytes = mask.to_le_bytes();
            bytes.sort_unstable();
            bytes.windows(2).filter(|two| two[0] != two[1]).count() >= 9
        };
        let places: u64 = self
            .masks
            .iter()
            .filter(|(mask, count)| *count >= 8 && varied(*mask))
            .map(|(_, count)| count)
            .sum();
        (places * UNIT as u64 * 10 >= self.dense_bytes() * 6 && places > 0).then_some(places)
    }

    /// Zeros that were there before do not end a wiped range around them, but are not counted.
    fn same(&mut self, units: u64, zero: bool) {
        self.end_run();
        self.gap += units;
        if !zero {
            self.zero_run = 0;
            if let Some(span) = &mut self.span {
                span.is_over = true;
            }
        }
    }

    pub(super) fn end_run(&mut self) {
        if self.run > 0 {
            self.runs.add(self.run);
            self.run = 0;
        }
    }

    /// All that changed lies in one range that is nothing but zeros now: from where to where.
    pub(super) fn one_wiped_range(&self) -> Option<(u64, u64)> {
        self.span.filter(|span| span.is_zero).map(|span| (span.from, span.to))
    }

    /// Bytes in units of which nearly every byte is another.
    pub(super) fn dense_bytes(&self) -> u64 {
        self.now.iter().sum()
    }

    /// A quarter of the bytes that both have, or more, stands where it stood.
    pub(super) fn is_partly_the_same(&self) -> bool {
        self.changed_units * UNIT as u64 * 4 <= self.common * 3
    }

    /// What stands in the changed places now is as even as a cipher's output.
    pub(super) fn is_random_now(&self) -> bool {
        let bytes = self.dense_bytes();
        let enough = bytes >= RANDOM_MIN || bytes * 4 >= self.common;
        enough && statistics::nearly_even(&self.now)
    }

    /// The same where a type forbids some bytes, and whoever keeps to that puts others in their place: a share of uneven
    /// bytes counts, and not how much it stands out of chance, which among many bytes the smallest does.
    pub(super) fn is_random_now_but_for_marks(&self) -> bool {
        let mut now = self.now.clone();
        // FF is forbidden, and 00 is put behind one.
        let others: u64 = now[1..255].iter().sum();
        (now[0], now[255]) = (others / 254, others / 254);
        let total: u64 = now.iter().sum();
        if total > LOOKED_AT {
            now.iter_mut().for_each(|count| *count = *count * LOOKED_AT / total);
        }
        total >= RANDOM_MIN && statistics::chi_square(&now) <= UNEVEN_MAX
    }

    /// What stood there before was not.
    pub(super) fn was_not_random(&self) -> bool {
        statistics::is_plainly_not_random(&self.before)
    }

    /// Pieces of one length at one distance: (pieces, bytes of each, bytes between).
    pub(super) fn rhythm(&self) -> Option<(u64, u64, u64)> {
        let (run, run_share) = self.runs.usual()?;
        let (gap, gap_share) = self.gaps.usual()?;
        let regular = self.runs.total >= 4 && run_share >= 75 && gap_share >= 75;
        regular.then_some((self.runs.total, run * UNIT as u64, gap * UNIT as u64))
    }
}
