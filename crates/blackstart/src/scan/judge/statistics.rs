//! What the bytes look like, whatever they mean: one pass, in windows of 4 KiB, a few kilobytes of memory.
//!
//! Encrypted bytes are spread evenly over all 256 values. Pearson's chi-square measures how evenly: for
//! even bytes it lies near 255, for text and tables in the thousands. Compressed data comes close to
//! even too, so these numbers alone never decide; they are evidence beside structure.
//! They cannot see what lies inside compressed data, and nothing in fewer than 256 bytes.

/// Bytes in a window.
pub(super) const WINDOW: usize = 4096;
const BLOCK: usize = 64;
/// Where chi-square lies for even bytes, with room: the 0.05th to the 99.95th percentile is 185 to 335.
const EVEN: std::ops::RangeInclusive<f64> = 180.0..=340.0;
/// A neighbour must be this far from even before a pattern is called one.
const UNEVEN: f64 = 1000.0;
/// Fewer bytes say nothing about evenness.
const SAMPLE_MIN: u64 = 256;
/// Windows whose evenness is remembered one by one: 8 MiB of memory, 256 GiB of file.
const REMEMBERED_MAX: usize = 64 * 1024 * 1024;
const HEAD: usize = 512;
/// Random-looking blocks never return by chance; pictures and tables may repeat a few.
const REPEATED_MIN: u64 = 8;

type Histogram = [u64; 256];

/// Filled by `feed`, in order, in pieces of whole windows (the last may be shorter).
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
    even_map: Vec<u64>,
    seen_windows: usize,
    blocks: u64,
    varied_blocks: u64,
    /// Last seen varied blocks by a part of their hash, with how often each came: 16 KiB.
    varied_seen: Vec<(u64, u64)>,
    most_repeated: u64,
    zero_run: u64,
    longest_zero_run: u64,
    /// Byte counts by place in a cycle: 16 on 16 off, 64 on 128 off, 64 on 192 off.
    cycles: Box<[[Histogram; 4]; 3]>,
}

/// (bytes in a piece, pieces in a cycle, what it is called)
const CYCLES: [(usize, usize, &str); 3] =
    [(16, 2, "16 of every 32"), (64, 3, "64 of every 192"), (64, 4, "64 of every 256")];

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
            even_map: Vec::new(),
            seen_windows: 0,
            blocks: 0,
            varied_blocks: 0,
            varied_seen: vec![(0, 0); 1024],
            most_repeated: 0,
            zero_run: 0,
            longest_zero_run: 0,
            cycles: Box::new([[[0; 256]; 4]; 3]),
        }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.length == 0 {
            self.head_is_even = is_even(&count(&bytes[..bytes.len().min(HEAD)]));
        }
        for window in bytes.chunks(WINDOW) {
            self.window(window);
        }
    }

    fn window(&mut self, window: &[u8]) {
        let counts = count(window);
        for (sum, count) in self.histogram.iter_mut().zip(&counts) {
            *sum += count;
        }
        if window.len() as u64 >= SAMPLE_MIN {
            let even = is_even(&counts);
            self.windows += 1;
            self.even_windows += u64::from(even);
            self.run = if even { self.run + 1 } else { 0 };
            self.longest_even_run = self.longest_even_run.max(self.run);
            if self.seen_windows == 0 {
                self.first_is_even = even;
            }
            self.last_is_even = even;
            self.remember(even);
        } else {
            self.remember(self.last_is_even);
        }
        for block in window.chunks_exact(BLOCK) {
            self.block(block);
        }
        self.cycle(window);
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

    fn block(&mut self, block: &[u8]) {
        let mut seen = [0u64; 4];
        for byte in block {
            seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
        let distinct: u32 = seen.iter().map(|word| word.count_ones()).sum();
        self.blocks += 1;
        self.varied_blocks += u64::from(distinct >= 52);
        if distinct >= 44 {
            self.varied(block);
        }
        self.zero_run = if block.iter().all(|byte| *byte == 0) { self.zero_run + BLOCK as u64 } else { 0 };
        self.longest_zero_run = self.longest_zero_run.max(self.zero_run);
    }

    fn varied(&mut self, block: &[u8]) {
        let hash = block.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let place = usize::try_from(hash >> 54).expect("ten bits");
        let (known, count) = &mut self.varied_seen[place];
        if *known == hash {
            *count += 1;
        } else if *count <= 1 {
            (*known, *count) = (hash, 1);
        } else {
            // A block that came twice keeps its place for a while against all that come once.
            *count -= 1;
        }
        self.most_repeated = self.most_repeated.max(*count);
    }

    fn cycle(&mut self, window: &[u8]) {
        for (histograms, (piece, pieces, _)) in self.cycles.iter_mut().zip(CYCLES) {
            let start = usize::try_from(self.length % (piece * pieces) as u64).expect("a cycle is short");
            let mut at = start / piece;
            for part in window.chunks(piece) {
                for byte in part {
                    histograms[at][usize::from(*byte)] += 1;
                }
                at = (at + 1) % pieces;
            }
        }
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

    /// Percent of the 64-byte blocks with at least 52 different values.
    pub(super) fn varied_percent(&self) -> u64 {
        (self.varied_blocks * 100).checked_div(self.blocks).unwrap_or(0)
    }

    pub(super) fn starts_even(&self) -> bool {
        self.head_is_even || self.first_is_even
    }

    /// The window at this offset, or the one after it, looks even.
    pub(super) fn is_even_at(&self, offset: u64) -> bool {
        let window = usize::try_from(offset / WINDOW as u64).unwrap_or(usize::MAX);
        [window, window.saturating_add(1)].into_iter().any(|window| self.even_window(window))
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

    /// The rhythm in which even pieces alternate with others, as intermittent encryption leaves them.
    pub(super) fn rhythm(&self) -> Option<&'static str> {
        self.cycles.iter().zip(CYCLES).find_map(|(histograms, (_, pieces, name))| {
            let used = &histograms[..pieces];
            if used.iter().any(|histogram| histogram.iter().sum::<u64>() < 4 * SAMPLE_MIN) {
                return None;
            }
            let even = used.iter().filter(|histogram| is_even(histogram)).count();
            let uneven = used.iter().filter(|histogram| chi_square(histogram) > UNEVEN).count();
            (even == 1 && uneven == pieces - 1).then_some(name)
        })
    }
}

fn count(bytes: &[u8]) -> Histogram {
    let mut counts = [0; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    counts
}

fn chi_square(counts: &Histogram) -> f64 {
    let expected = as_f64(counts.iter().sum::<u64>()) / 256.0;
    if expected == 0.0 {
        return 0.0;
    }
    counts.iter().map(|count| (as_f64(*count) - expected).powi(2) / expected).sum()
}

fn is_even(counts: &Histogram) -> bool {
    counts.iter().sum::<u64>() >= SAMPLE_MIN && EVEN.contains(&chi_square(counts))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts far below 2^52; only a verdict on evenness depends on it"
)]
fn as_f64(count: u64) -> f64 {
    count as f64
}
