//! What the bytes look like, whatever they mean: one pass, in windows of 4 KiB, a few kilobytes of memory.
//!
//! Encrypted bytes are spread evenly over all 256 values. Pearson's chi-square measures how evenly: for
//! even bytes it lies near 255, for text and tables in the thousands. Compressed data comes close to
//! even too, so these numbers alone never decide; they are evidence beside structure.
//! They cannot see what lies inside compressed data, and nothing in fewer than 256 bytes.
//!
//! Every byte of a backup passes through here, so it is written for speed: whole numbers, one table of
//! counts for each window that all others share, no second look at a byte.

use std::cell::OnceCell;

/// Bytes in a window.
pub(super) const WINDOW: usize = 4096;
const BLOCK: usize = 64;
/// Where chi-square lies for even bytes, with room: the 0.05th to the 99.95th percentile is 185 to 335.
const EVEN: std::ops::RangeInclusive<u64> = 180..=340;
/// The same where much more speaks for it, so that bytes which are even by one chance in two thousand less do not hide.
const NEARLY_EVEN: std::ops::RangeInclusive<u64> = 140..=400;
/// A neighbour must be this far from even before a pattern is called one.
const UNEVEN: u64 = 1000;
/// Packed data is never further from even than this.
const OPAQUE_MAX: u64 = 4000;
/// Fewer bytes say nothing about evenness.
pub(super) const SAMPLE_MIN: u64 = 256;
/// Windows whose evenness is remembered one by one: 8 MiB of memory, 256 GiB of file.
const REMEMBERED_MAX: usize = 64 * 1024 * 1024;
const HEAD: usize = 512;
/// Random-looking blocks never return by chance; pictures and tables may repeat a few.
const REPEATED_MIN: u64 = 8;
/// Rhythms are counted in the first windows and in every eighth after them: they run through a whole file.
const RHYTHM_ALL: usize = 64;
const RHYTHM_EVERY: usize = 8;
/// Of the bytes of a random block of 64, one in two is above 127; all but one block in ten million have so many.
const BLOCK_HIGH_MIN: u32 = 12;

/// How often each byte value occurs.
pub(super) type Counts = [u32; 256];
type Histogram = [u64; 256];

/// Filled by `window`, in order (only the last may be shorter than `WINDOW`).
pub(super) struct Statistics {
    pub(super) length: u64,
    histogram: Histogram,
    /// Windows long enough to say something.
    pub(super) windows: u64,
    pub(super) even_windows: u64,
    pub(super) longest_even_run: u64,
    pub(super) first_is_even: bool,
    pub(super) last_is_even: bool,
    head_is_even: bool,
    run: u64,
    /// Windows that are plainly not random: text, tables, pixels. Compressed data lies between these and the even ones.
    plain_windows: u64,
    first_is_plain: bool,
    even_map: Vec<u64>,
    seen_windows: usize,
    /// Last seen blocks by a part of their hash, with how often each came: 16 KiB, empty until there is one.
    seen: Vec<(u64, u64)>,
    most_repeated: u64,
    zero_run: u64,
    longest_zero_run: u64,
    /// Byte counts by place in all cycles at once (see `ROUND`); empty until one may be there.
    round: Vec<Counts>,
    /// Found once all windows are in, and then asked for several times.
    rhythm: OnceCell<Option<&'static str>>,
    /// Windows in which rhythms were looked for, and in which one may be.
    asked_windows: u64,
    alternating_windows: u64,
}

/// (bytes in a piece, pieces in a cycle, what it is called)
const CYCLES: [(usize, usize, &str); 3] =
    [(16, 2, "16 of every 32"), (64, 3, "64 of every 192"), (64, 4, "64 of every 256")];
/// After so many pieces of 64 bytes all cycles begin anew together. Of each piece, the first and third quarter are counted
/// apart from the others; every place of every cycle is a sum of such halves.
const ROUND: usize = 12;
const QUARTER: usize = 16;

impl Statistics {
    pub(super) fn new() -> Statistics {
        Statistics {
            length: 0,
            histogram: [0; 256],
            windows: 0,
            even_windows: 0,
            longest_even_run: 0,
            first_is_even: false,
            last_is_even: false,
            head_is_even: false,
            run: 0,
            plain_windows: 0,
            first_is_plain: false,
            even_map: Vec::new(),
            seen_windows: 0,
            seen: Vec::new(),
            most_repeated: 0,
            zero_run: 0,
            longest_zero_run: 0,
            round: Vec::new(),
            rhythm: OnceCell::new(),
            asked_windows: 0,
            alternating_windows: 0,
        }
    }

    /// The next window, with its counts.
    pub(super) fn window(&mut self, window: &[u8], counts: &Counts) {
        if self.length == 0 {
            self.head_is_even = is_even(&count(&window[..window.len().min(HEAD)]));
        }
        for (sum, count) in self.histogram.iter_mut().zip(counts) {
            *sum += u64::from(*count);
        }
        let uneven = unevenness(counts);
        let even = window.len() as u64 >= SAMPLE_MIN && EVEN.contains(&uneven);
        if window.len() as u64 >= SAMPLE_MIN {
            let plain = is_plain(uneven, window.len() as u64);
            self.plain_windows += u64::from(plain);
            self.windows += 1;
            self.even_windows += u64::from(even);
            self.run = if even { self.run + 1 } else { 0 };
            self.longest_even_run = self.longest_even_run.max(self.run);
            if self.seen_windows == 0 {
                self.first_is_even = even;
                self.first_is_plain = plain;
            }
            self.last_is_even = even;
            self.remember(even);
        } else {
            self.remember(self.last_is_even);
        }
        let high: u32 = counts[128..].iter().sum();
        self.blocks(window, counts[0], high);
        let counted = self.seen_windows <= RHYTHM_ALL || self.seen_windows.is_multiple_of(RHYTHM_EVERY);
        self.asked_windows += u64::from(counted);
        // Half of the bytes of a random piece are above 127, and at least a quarter of the window would be such pieces; a
        // window that is even as a whole has no others.
        if counted && !even && high as usize * 20 >= window.len() {
            self.cycle(window);
        }
        self.length += window.len() as u64;
    }

    fn remember(&mut self, even: bool) {
        let (word, bit) = (self.seen_windows / 64, self.seen_windows % 64);
        self.seen_windows += 1;
        if word >= REMEMBERED_MAX / 64 {
            return;
        }
        if word == self.even_map.len() {
            self.even_map.push(0);
        }
        self.even_map[word] |= u64::from(even) << bit;
    }

    /// `zeros` and `high`: bytes of the window that are zero, and above 127.
    fn blocks(&mut self, window: &[u8], zeros: u32, high: u32) {
        let may_be_zero = zeros >= BLOCK as u32;
        if !may_be_zero {
            self.zero_run = 0;
            if high < BLOCK_HIGH_MIN {
                return;
            }
        }
        if self.seen.is_empty() && high >= BLOCK_HIGH_MIN {
            self.seen = vec![(0, 0); 1024];
        }
        for block in window.chunks_exact(BLOCK) {
            let (words, _) = block.as_chunks::<8>();
            let mut hash = 0_u64;
            let mut any = 0_u64;
            for word in words {
                let word = u64::from_le_bytes(*word);
                any |= word;
                hash = (hash.rotate_left(29) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            }
            if may_be_zero && any == 0 {
                self.zero_run += BLOCK as u64;
                self.longest_zero_run = self.longest_zero_run.max(self.zero_run);
                continue;
            }
            self.zero_run = 0;
            if high >= BLOCK_HIGH_MIN {
                self.note(block, hash);
            }
        }
    }

    fn note(&mut self, block: &[u8], hash: u64) {
        let place = usize::try_from(hash >> 54).expect("ten bits");
        let (known, count) = &mut self.seen[place];
        if *known == hash {
            *count += 1;
            if *count > self.most_repeated && *count >= REPEATED_MIN {
                if distinct(block) < 44 || rises_in_steps(block) {
                    // Patterns and tables: not what is looked for, and not to be counted again.
                    *count = 0;
                }
                self.most_repeated = self.most_repeated.max(*count);
            }
        } else if *count <= 1 {
            (*known, *count) = (hash, 1);
        } else {
            // A block that came twice keeps its place for a while against all that come once.
            *count -= 1;
        }
    }

    /// Counts the bytes of a window by their place, if a cycle may be there.
    fn cycle(&mut self, window: &[u8]) {
        let first = usize::try_from(self.length / BLOCK as u64 % ROUND as u64).expect("a round is short");
        let [(_, two, _), (_, three, _), (_, four, _)] = CYCLES;
        let may_be = may_be_random::<QUARTER>(window, 0, two)
            || may_be_random::<BLOCK>(window, first % three, three)
            || may_be_random::<BLOCK>(window, first % four, four);
        if !may_be {
            return;
        }
        self.alternating_windows += 1;
        if self.round.is_empty() {
            self.round = vec![[0; 256]; 2 * ROUND];
        }
        let (halves, _) = self.round.as_chunks_mut::<2>();
        for (number, block) in window.chunks(BLOCK).enumerate() {
            let [even, odd] = &mut halves[(first + number) % ROUND];
            for pair in block.chunks(2 * QUARTER) {
                let (one, other) = pair.split_at(QUARTER.min(pair.len()));
                one.iter().for_each(|byte| add_one(even, *byte));
                other.iter().for_each(|byte| add_one(odd, *byte));
            }
        }
    }

    /// Byte counts by place in one cycle.
    fn by_place(&self, (piece, pieces, _): (usize, usize, &str)) -> Vec<Histogram> {
        let mut places = vec![[0; 256]; pieces];
        for (number, counts) in self.round.iter().enumerate() {
            let place = if piece == QUARTER { number % 2 } else { number / 2 % pieces };
            for (sum, count) in places[place].iter_mut().zip(counts) {
                *sum += u64::from(*count);
            }
        }
        places
    }

    pub(super) fn histogram(&self) -> &[u64; 256] {
        &self.histogram
    }

    /// Bits per byte over the whole file, 0 to 8.
    pub(super) fn entropy(&self) -> f64 {
        let total = as_f64(self.length.max(1));
        self.histogram
            .iter()
            .filter(|count| **count > 0)
            .map(|count| {
                let share = as_f64(*count) / total;
                -share * share.log2()
            })
            .sum()
    }

    /// Percent of the windows that look even.
    pub(super) fn even_percent(&self) -> u64 {
        (self.even_windows * 100).checked_div(self.windows).unwrap_or(0)
    }

    pub(super) fn starts_even(&self) -> bool {
        self.head_is_even || self.first_is_even
    }

    /// The head is even, and most of what follows is not, or much of it plainly not: no container of packed data
    /// looks like that.
    pub(super) fn starts_with_only_an_even_head(&self) -> bool {
        let mostly_not = self.windows <= 4 || self.even_windows * 20 <= self.windows * 11;
        let plainly_not = self.plain_windows > 0 && self.plain_windows * 4 >= self.windows;
        self.head_is_even
            && self.length >= 2048
            && self.even_windows < self.windows
            && (mostly_not || plainly_not)
    }

    /// It begins with what is plainly not random, and its last window is: a look at where that begins is worthwhile.
    pub(super) fn may_end_random(&self) -> bool {
        self.first_is_plain && self.last_is_even
    }

    /// Random from end to end. A window of a random file in a thousand looks uneven, so a few may.
    pub(super) fn is_random_throughout(&self) -> bool {
        let percent = self.even_percent();
        self.windows > 0
            && (percent >= 95 || (percent >= 80 && NEARLY_EVEN.contains(&chi_square(&self.histogram))))
    }

    pub(super) fn even_window(&self, window: usize) -> bool {
        self.even_map.get(window / 64).is_some_and(|word| word >> (window % 64) & 1 == 1)
    }

    pub(super) fn zero_bytes_in_a_row(&self) -> u64 {
        self.longest_zero_run
    }

    /// What only a careless cipher leaves, in words: a rhythm, or one and the same piece of key for all.
    pub(super) fn trace(&self) -> Option<String> {
        let rhythm = self.rhythm().map(|rhythm| {
            format!("{rhythm} bytes look random, those between do not: intermittent encryption")
        });
        let repeated = || {
            (self.most_repeated >= REPEATED_MIN).then(|| {
                format!(
                    "the same 64 random bytes return {} times, as where zeros were encrypted with one piece of key",
                    self.most_repeated
                )
            })
        };
        rhythm.or_else(repeated)
    }

    /// The same for packed types, in which a few windows at the edge of an empty piece may look so by chance.
    pub(super) fn rhythm_throughout(&self) -> Option<&'static str> {
        self.rhythm().filter(|_| self.alternating_windows * 2 > self.asked_windows)
    }

    /// The rhythm in which even pieces alternate with others, as intermittent encryption leaves them.
    pub(super) fn rhythm(&self) -> Option<&'static str> {
        *self.rhythm.get_or_init(|| self.find_rhythm())
    }

    fn find_rhythm(&self) -> Option<&'static str> {
        if self.round.is_empty() {
            return None;
        }
        CYCLES.into_iter().find_map(|cycle| {
            let (_, pieces, name) = cycle;
            let used = self.by_place(cycle);
            if used.iter().any(|histogram| histogram.iter().sum::<u64>() < 4 * SAMPLE_MIN) {
                return None;
            }
            let even = used.iter().filter(|histogram| NEARLY_EVEN.contains(&chi_square(histogram))).count();
            let uneven = used.iter().filter(|histogram| chi_square(histogram) > UNEVEN).count();
            (even == 1 && uneven == pieces - 1).then_some(name)
        })
    }
}

/// A short key laid over the beginning again and again: equal bytes meet at the distance of its length, and
/// at no distance around it. The length of the key, if so.
pub(super) fn repeated_key(head: &[u8]) -> Option<usize> {
    let meet = |distance: usize| {
        let pairs = head.iter().zip(head.get(distance..).unwrap_or_default());
        let equal = pairs.filter(|(first, second)| first == second).count();
        equal * 1000 / (head.len().saturating_sub(distance)).max(1)
    };
    if head.len() < 1024 {
        return None;
    }
    // What rises or falls in equal steps repeats itself as well, and is no key.
    let varied = |length: usize| {
        let steps: std::collections::HashSet<u8> =
            head[..=length].windows(2).map(|two| two[1].wrapping_sub(two[0])).collect();
        steps.len() * 4 >= length.min(128)
    };
    // By chance four in a thousand meet.
    let nowhere_else = || {
        [1, 2, 3, 4, 5, 7, 8, 12, 15, 17, 24, 31, 33, 48, 63, 65].into_iter().all(|other| meet(other) < 16)
    };
    [64, 128, 256]
        .into_iter()
        .find(|distance| meet(*distance) >= 32 && varied(*distance))
        .filter(|_| nowhere_else())
}

/// Whether the bytes at one place of a cycle of pieces may be random, by their two highest bits alone: each of them, and
/// whether they differ, is a toss of a coin; within five standard deviations. `start`: the place of the first piece.
fn may_be_random<const PIECE: usize>(window: &[u8], start: usize, pieces: usize) -> bool {
    let (mut high, mut differ, mut all) = ([0_u32; 4], [0_u32; 4], [0_u32; 4]);
    let mut at = start;
    for piece in window.as_chunks::<PIECE>().0 {
        // At most 64, so it fits into a byte, and many bytes are added in one step.
        high[at] += u32::from(piece.iter().map(|byte| byte >> 7).sum::<u8>());
        differ[at] += u32::from(piece.iter().map(|byte| (byte ^ byte << 1) >> 7).sum::<u8>());
        all[at] += PIECE as u32;
        at = if at + 1 == pieces { 0 } else { at + 1 };
    }
    // (heads - all / 2)^2 <= 25 * all / 4
    let as_a_coin = |heads: u32, all: u32| (2 * heads).abs_diff(all).pow(2) <= 25 * all;
    (0..pieces).any(|place| as_a_coin(high[place], all[place]) && as_a_coin(differ[place], all[place]))
}

/// Counts of a whole file, but only of windows looked at for rhythms: they cannot overflow below some hundred GiB, and
/// beyond that it does not matter.
fn add_one(counts: &mut Counts, byte: u8) {
    let count = &mut counts[usize::from(byte)];
    *count = count.wrapping_add(1);
}

/// What rises or falls in equal steps, of one byte or of a number of two, four or eight: a table that programs carry, or the
/// folder of a page of a database. Of 64 random bytes some fifty of the steps are different.
fn rises_in_steps(block: &[u8]) -> bool {
    [1, 2, 4, 8].into_iter().any(|width| {
        let steps: Vec<u8> =
            block.iter().zip(&block[width..]).map(|(first, second)| second.wrapping_sub(*first)).collect();
        distinct(&steps) < 28
    })
}

fn distinct(block: &[u8]) -> u32 {
    let mut seen = [0u64; 4];
    for byte in block {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }
    seen.iter().map(|word| word.count_ones()).sum()
}

/// Counts of one window. Four tables, because two equal bytes in a row would wait for each other in one.
pub(super) fn count(bytes: &[u8]) -> Counts {
    let mut tables = [[0_u32; 256]; 4];
    let (fours, rest) = bytes.as_chunks::<4>();
    for [first, second, third, fourth] in fours {
        tables[0][usize::from(*first)] += 1;
        tables[1][usize::from(*second)] += 1;
        tables[2][usize::from(*third)] += 1;
        tables[3][usize::from(*fourth)] += 1;
    }
    for byte in rest {
        tables[0][usize::from(*byte)] += 1;
    }
    let [mut sum, second, third, fourth] = tables;
    for (at, sum) in sum.iter_mut().enumerate() {
        *sum += second[at] + third[at] + fourth[at];
    }
    sum
}

/// 256 × Σ count² ÷ n − n, which is Σ (count − n/256)² ÷ (n/256).
pub(super) fn chi_square(counts: &Histogram) -> u64 {
    let total: u64 = counts.iter().sum();
    let squares: u128 = counts.iter().map(|count| u128::from(*count) * u128::from(*count)).sum();
    let scaled = (squares * 256).checked_div(u128::from(total)).unwrap_or(0);
    u64::try_from(scaled).unwrap_or(u64::MAX).saturating_sub(total)
}

pub(super) fn even(counts: &Histogram) -> bool {
    counts.iter().sum::<u64>() >= SAMPLE_MIN && EVEN.contains(&chi_square(counts))
}

/// The same with room, where much more speaks for it.
pub(super) fn nearly_even(counts: &Histogram) -> bool {
    counts.iter().sum::<u64>() >= SAMPLE_MIN && NEARLY_EVEN.contains(&chi_square(counts))
}

/// Of one window.
pub(super) fn is_even(counts: &Counts) -> bool {
    counts.iter().sum::<u32>() >= SAMPLE_MIN as u32 && EVEN.contains(&unevenness(counts))
}

/// Neither random nor packed. What stands out of chance by so much in a whole window does so by less in a part of one.
fn is_plain(uneven: u64, length: u64) -> bool {
    uneven > 400 + (UNEVEN - 400) * length.min(WINDOW as u64) / WINDOW as u64
}

/// Packed or random from end to end. Packed data of some kinds comes near to text, but text is ten times as uneven.
pub(super) fn is_opaque(bytes: &[u8]) -> bool {
    bytes.chunks(WINDOW).all(|window| unevenness(&count(window)) <= OPAQUE_MAX)
}

/// The same of many bytes: they stand out of chance by more than packed data does, or nearly so where they are few.
pub(super) fn is_plainly_not_random(counts: &Histogram) -> bool {
    let total: u64 = counts.iter().sum();
    let uneven = chi_square(counts);
    is_plain(uneven, total) || (total >= 65_536 && uneven > 500)
}

/// The same with room for chance: where many are looked at, one in a thousand that is not even must not decide.
pub(super) fn is_nearly_even(counts: &Counts) -> bool {
    NEARLY_EVEN.contains(&unevenness(counts))
}

/// Chi-square of one window: the numbers are small, so this is quick.
fn unevenness(counts: &Counts) -> u64 {
    let (mut total, mut squares) = (0_u64, 0_u64);
    for count in counts {
        total += u64::from(*count);
        squares += u64::from(count * count);
    }
    (squares * 256).checked_div(total).unwrap_or(0).saturating_sub(total)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts far below 2^52; only a verdict on evenness depends on it"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}
