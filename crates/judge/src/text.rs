//! Is it text? Watched while the bytes stream by; afterwards JSON and XML are looked at as such.
//!
//! Text has no control characters but a few, and is UTF-8, UTF-16 or some 8-bit encoding. Random bytes
//! hold a forbidden control character every ten bytes, so even 16 encrypted bytes in a letter show.

use std::ops::RangeInclusive;

use crate::source::{At, Source};
use crate::statistics::{Counts, WINDOW};
use crate::structure::Structure;

const BLOCK: usize = 64;

/// At most one unit in so many is bad in a text in UTF-16.
const UTF16_GOOD_MIN: u64 = 1000;

/// Filled by `window`, in order.
pub(super) struct TextWatch {
    expected: u64,
    pub(super) length: u64,
    /// Control characters that do not belong into text, without zero bytes.
    pub(super) controls: u64,
    pub(super) zeros: u64,
    /// Bytes that are not part of valid UTF-8.
    pub(super) not_utf8: u64,
    high: u64,
    /// Blocks of 64 bytes in which much is no text and the bytes vary as random ones do.
    pub(super) mixed_blocks: u64,
    /// Windows of nothing but text.
    pub(super) text_windows: u64,
    base64: u64,
    first_bad: Option<u64>,
    /// An unfinished UTF-8 character at the end of the last piece.
    carry: Vec<u8>,
    utf16: Option<Utf16>,
    /// It begins with the mark of UTF-16.
    is_marked: bool,
    ebcdic: bool,
}

struct Utf16 {
    /// One bad unit more, and it is no text however it goes on.
    bad_max: u64,
    little: bool,
    odd: Option<u8>,
    bad: u64,
    units: u64,
}

impl TextWatch {
    /// For this many bytes.
    pub(super) fn new(expected: u64) -> TextWatch {
        TextWatch {
            expected,
            length: 0,
            controls: 0,
            zeros: 0,
            not_utf8: 0,
            high: 0,
            mixed_blocks: 0,
            text_windows: 0,
            base64: 0,
            first_bad: None,
            carry: Vec::new(),
            utf16: None,
            is_marked: false,
            ebcdic: false,
        }
    }

    /// The next window, with its counts.
    pub(super) fn window(&mut self, window: &[u8], counts: &Counts) {
        if self.length == 0 {
            let little = match window {
                [0xff, 0xfe, ..] => Some(true),
                [0xfe, 0xff, ..] => Some(false),
                _ => None,
            };
            self.is_marked = little.is_some();
            let little =
                little.or_else(|| [true, false].into_iter().find(|little| reads_as_utf16(window, *little)));
            let bad_max = self.expected / 2 / UTF16_GOOD_MIN;
            self.utf16 = little.map(|little| Utf16 { bad_max, little, odd: None, bad: 0, units: 0 });
        }
        let bad_before = self.bad();
        let (controls, high) = (sum_of(counts, CONTROLS), sum_of(counts, HIGH));
        self.controls += controls;
        self.zeros += u64::from(counts[0]);
        self.high += high;
        if self.base64 == self.length {
            self.base64 += sum_of(counts, BASE64);
        }
        // One byte in eleven of random bytes is a forbidden control; text with 16 random bytes in every 32
        // still stays below this. What lies above is no text, and is not looked at any closer.
        if (controls + u64::from(counts[0])) * 16 <= window.len() as u64 {
            // Bytes below 128 are UTF-8 whatever they are.
            if high > 0 || !self.carry.is_empty() {
                self.utf8(window);
            }
            if controls > 0 {
                self.mixed_blocks +=
                    window.chunks(BLOCK).map(|block| u64::from(is_mixed(block))).sum::<u64>();
            }
        } else {
            self.not_utf8 += high / 2 + self.carry.len() as u64;
            self.carry.clear();
            let start = self.length;
            let first = || window.iter().position(|byte| *byte == 0 || is_control(*byte)).unwrap_or(0);
            self.first_bad.get_or_insert_with(|| start + first() as u64);
        }
        self.text_windows += u64::from(self.bad() == bad_before);
        if let Some(utf16) = self.utf16.as_mut().filter(|utf16| utf16.bad <= utf16.bad_max) {
            utf16.feed(window);
        }
        self.length += window.len() as u64;
    }

    fn bad(&self) -> u64 {
        self.controls + self.zeros + self.not_utf8
    }

    fn utf8(&mut self, window: &[u8]) {
        let carry = std::mem::take(&mut self.carry);
        let start = self.length.saturating_sub(carry.len() as u64);
        if carry.is_empty() {
            self.utf8_from(start, window);
        } else {
            self.utf8_from(start, &[&carry, window].concat());
        }
    }

    /// `start`: where these bytes stand.
    fn utf8_from(&mut self, start: u64, bytes: &[u8]) {
        let mut at = 0;
        loop {
            match std::str::from_utf8(&bytes[at..]) {
                Ok(_) => return,
                Err(error) => {
                    let bad = at + error.valid_up_to();
                    let Some(length) = error.error_len() else {
                        self.carry = bytes[bad..].to_vec();
                        return;
                    };
                    self.not_utf8 += length as u64;
                    self.first_bad.get_or_insert(start + bad as u64);
                    at = bad + length;
                }
            }
        }
    }

    /// Nothing in it contradicts text in UTF-8.
    pub(super) fn is_utf8_text(&self) -> bool {
        self.length > 0 && self.bad() == 0 && self.carry.is_empty()
    }

    /// The stream has ended; `histogram` is of all its bytes.
    pub(super) fn end(&mut self, histogram: &[u64; 256]) {
        self.ebcdic = is_ebcdic(histogram);
    }

    /// Text in some encoding.
    pub(super) fn is_text(&self) -> bool {
        let utf16 = self.is_marked && self.reads_as_utf16();
        let eight_bit = self.length >= 64 && self.zeros == 0 && self.controls == 0 && self.mixed_blocks == 0;
        let short = self.length < 64 && self.controls + self.zeros == 0 && self.high * 10 <= self.length * 3;
        self.is_utf8_text() || utf16 || eight_bit || self.ebcdic || (self.length > 0 && short)
    }

    fn reads_as_utf16(&self) -> bool {
        self.utf16.as_ref().is_some_and(|utf16| utf16.units > 0 && utf16.bad * UTF16_GOOD_MIN <= utf16.units)
    }

    /// Text in UTF-16 without a mark, under a name that promises text. Elsewhere tables may look like it.
    pub(super) fn is_unmarked_utf16(&self) -> bool {
        !self.is_marked && self.reads_as_utf16()
    }

    /// Where the first byte stands that cannot be part of text.
    pub(super) fn text_until(&self) -> u64 {
        self.first_bad.unwrap_or(self.length)
    }

    /// Whole file of base64 letters: text to look at, and a way to hide encryption in text.
    pub(super) fn is_all_base64(&self) -> bool {
        self.length >= 512 && self.base64 == self.length
    }

    /// What contradicts text, in words; `None` if nothing does. Where a piece looks random it is more than odd bytes,
    /// however much text there is beside it.
    pub(super) fn complaint(&self, looks_random: bool) -> Option<Complaint> {
        if self.length == 0 || self.is_text() {
            return None;
        }
        let wrong = self.controls + self.zeros;
        let zeros_only = self.controls == 0 && self.not_utf8 == 0;
        // Random bytes are never UTF-8 from end to end; a table of strange characters is.
        let strange = self.not_utf8 == 0 && wrong * 50 <= self.length;
        let sparse = !looks_random
            && wrong * 1000 <= self.length
            && self.mixed_blocks == 0
            && self.not_utf8 * 20 <= self.length;
        if zeros_only && self.zeros * 10 >= self.length * 3 && self.zeros * 10 <= self.length * 7 {
            // UTF-16 without a mark at its start: every other byte is zero.
            return Some(Complaint::Sparse(
                "half of its bytes are zero, as in UTF-16 without a mark".to_owned(),
            ));
        }
        if zeros_only {
            return Some(Complaint::Zeros(format!("holds {} zero bytes, which text never does", self.zeros)));
        }
        if sparse || strange {
            return Some(Complaint::Sparse(format!("holds {wrong} stray control bytes")));
        }
        let share = (wrong + self.not_utf8).saturating_mul(100) / self.length;
        Some(Complaint::NotText {
            at: self.first_bad.unwrap_or(0),
            why: format!("about {share} % of its bytes cannot stand in text"),
        })
    }
}

/// Control characters that do not belong into text; zero is counted by itself.
fn is_control(byte: u8) -> bool {
    matches!(byte, 0x01..=0x06 | 0x0e..=0x19 | 0x1c..=0x1f | 0x7f)
}

/// The same as ranges, for sums over counts.
const CONTROLS: &[RangeInclusive<u8>] = &[0x01..=0x06, 0x0e..=0x19, 0x1c..=0x1f, 0x7f..=0x7f];
const HIGH: &[RangeInclusive<u8>] = &[0x80..=0xff];
/// Letters, digits and marks of base64, and ends of lines.
const BASE64: &[RangeInclusive<u8>] =
    &[b'A'..=b'Z', b'a'..=b'z', b'/'..=b'9', b'+'..=b'+', b'='..=b'=', b'\n'..=b'\n', b'\r'..=b'\r'];

fn sum_of(counts: &Counts, wanted: &[RangeInclusive<u8>]) -> u64 {
    let of = |range: &RangeInclusive<u8>| {
        counts[usize::from(*range.start())..=usize::from(*range.end())].iter().sum::<u32>()
    };
    wanted.iter().map(of).map(u64::from).sum()
}

/// Nothing in it contradicts text in any encoding of eight bits. Of blocks of 64 random bytes one in three hundred is so.
pub(super) fn is_plain_text(block: &[u8]) -> bool {
    block.iter().all(|byte| *byte != 0 && !is_control(*byte))
}

/// Text and random bytes side by side, as 16 encrypted bytes in a letter leave them.
pub(super) fn is_mixed(block: &[u8]) -> bool {
    let mut seen = [0u64; 4];
    let (mut controls, mut high) = (0, 0);
    for byte in block {
        seen[usize::from(byte >> 6)] |= 1 << (byte & 63);
        controls += u32::from(is_control(*byte));
        high += u32::from(*byte >= 0x80);
    }
    let distinct: u32 = seen.iter().map(|word| word.count_ones()).sum();
    controls >= 1 && controls + high >= 6 && distinct >= 34
}

/// EBCDIC, as mainframes write it: its blank is 0x40, its letters lie above 0x80, its digits above 0xf0.
fn is_ebcdic(histogram: &[u64; 256]) -> bool {
    let length: u64 = histogram.iter().sum();
    let letters = |byte: usize| {
        matches!(byte,
            0x05 | 0x0d | 0x15 | 0x25 | 0x40 | 0x4a..=0x50 | 0x5a..=0x61 | 0x6a..=0x6f | 0x79..=0x7f
            | 0x81..=0x89 | 0x91..=0x99 | 0xa1..=0xa9 | 0xc0..=0xc9 | 0xd0..=0xd9 | 0xe0 | 0xe2..=0xe9 | 0xf0..=0xf9)
    };
    // Asked first, because most files are out by it.
    if length < 128 || histogram[0x40] * 30 < length {
        return false;
    }
    let fitting: u64 = (0..256).filter(|byte| letters(*byte)).map(|byte| histogram[byte]).sum();
    fitting * 200 >= length * 199
}

/// How a file that should be text is not.
pub(super) enum Complaint {
    /// A few odd bytes in what is text otherwise.
    Sparse(String),
    Zeros(String),
    NotText {
        at: u64,
        why: String,
    },
}

/// Letters from end to end, and blanks or ends of lines between them: of random units one in six is no letter.
fn reads_as_utf16(window: &[u8], little: bool) -> bool {
    let (units, _) = window.as_chunks::<2>();
    let blank = |[first, second]: &[u8; 2]| {
        let (letter, zero) = if little { (*first, *second) } else { (*second, *first) };
        zero == 0 && matches!(letter, 0x20 | 0x0a | 0x0d)
    };
    // Asked first, because most files are out by it.
    if window.len() < 32 || !units.iter().any(blank) {
        return false;
    }
    let mut utf16 = Utf16 { bad_max: 0, little, odd: None, bad: 0, units: 0 };
    utf16.feed(window);
    utf16.bad == 0
}

impl Utf16 {
    fn feed(&mut self, mut bytes: &[u8]) {
        if let Some(first) = self.odd.take() {
            let Some((second, rest)) = bytes.split_first() else {
                self.odd = Some(first);
                return;
            };
            self.units(&[[first, *second]]);
            bytes = rest;
        }
        let (units, odd) = bytes.as_chunks::<2>();
        self.units(units);
        self.odd = odd.first().copied();
    }

    fn units(&mut self, units: &[[u8; 2]]) {
        self.units += units.len() as u64;
        self.bad += if self.little {
            odd_units(units, u16::from_le_bytes)
        } else {
            odd_units(units, u16::from_be_bytes)
        };
    }
}

/// Controls, and private and unassigned planes: random units land there one time in six. All ranges are asked of every
/// unit, without a branch, so that many are answered in one step.
fn odd_units(units: &[[u8; 2]], unit_of: impl Fn([u8; 2]) -> u16) -> u64 {
    let within = |unit: u16, from: u16, to: u16| u16::from(unit.wrapping_sub(from) <= to - from);
    let odd = |unit: u16| {
        within(unit, 0, 0x08)
            | within(unit, 0x0e, 0x1f)
            | within(unit, 0xa000, 0xa4ff)
            | within(unit, 0xe000, 0xf8ff)
            | within(unit, 0xfff0, 0xffff)
    };
    let sum = |units: &[[u8; 2]]| u64::from(units.iter().map(|unit| odd(unit_of(*unit))).sum::<u16>());
    units.chunks(WINDOW).map(sum).sum()
}

/// JSON: read to its end without keeping it. Several values one after the other are accepted, as logs have them.
pub(super) fn json(source: &mut dyn Source) -> std::io::Result<Structure> {
    let length = source.length();
    let reader = std::io::BufReader::with_capacity(64 * 1024, At::new(source, 0, length));
    for value in serde_json::Deserializer::from_reader(reader).into_iter::<serde::de::IgnoredAny>() {
        match value {
            Ok(_) => {}
            Err(error) if error.is_io() => return Err(error.into()),
            Err(error) if error.is_eof() => {
                return Ok(Structure::Cut { at: length, why: "the JSON ends in the middle".to_owned() });
            }
            Err(error) if error.to_string().contains("recursion limit") => {
                return Ok(Structure::Partly("is nested too deeply to be read as JSON".to_owned()));
            }
            // Settings files with comments are text, not JSON, and nothing is wrong with them.
            Err(error) => return Ok(Structure::Partly(format!("is text, but not valid JSON: {error}"))),
        }
    }
    Ok(Structure::Whole("valid JSON".to_owned()))
}

/// XML: begins and ends as markup does, and so do its elements.
pub(super) fn xml(source: &mut dyn Source) -> std::io::Result<Structure> {
    let length = source.length();
    let mut head = [0; 64];
    let read = source.read_at(0, &mut head)?;
    let start = head[..read].trim_ascii_start();
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let utf16 = matches!(start, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]);
    if !utf16 && !start.starts_with(b"<") {
        return Ok(Structure::broken(0, "does not begin as XML does".to_owned()));
    }
    let mut tail = [0; 256];
    let from = length.saturating_sub(256);
    let read = source.read_at(from, &mut tail)?;
    let end = tail[..read].trim_ascii_end();
    if !utf16 && !end.ends_with(b">") {
        return Ok(Structure::Cut { at: length, why: "the XML ends in the middle".to_owned() });
    }
    if utf16 {
        return Ok(Structure::Whole("text in UTF-16 that should be XML".to_owned()));
    }
    super::markup::check(source)
}
