//! The attacker: how files are encrypted, and the process that does it.
//!
//! Only the ways of changing bytes are taken from real attacks. Everything is a keyed stream over copies of made-up
//! files in the drill's own folder, and `undo` takes it back.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::rng::Rng;
use crate::{Fault, Result};

pub mod attacker;
pub mod damage;

pub use attacker::{Hit, hits};

/// 32 bytes; whoever has it can undo the attack.
pub type Key = [u8; 32];

/// How the bytes of one file are changed. The names are what `--attack` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Every byte.
    Full,
    /// The first 4 KiB only: fast, and enough to break most files.
    Head4k,
    /// All but the first 4 KiB to 64 KiB, so that the file still begins as its type should.
    KeepHead,
    /// 16 bytes changed, 16 left, and so on.
    Alternate16,
    /// 64 bytes changed, 128 left; small files more densely.
    Alternate64,
    /// A piece changed, then a share of the file's size left, and so on.
    Percent,
    /// 1 MiB changed, 1 MiB left.
    SkipStep,
    /// Ten equal blocks, the first fifth of each changed, and all of the first 4 KiB.
    Smart,
    /// The first 5,000 bytes, then 64-byte pieces, all with the same 64 bytes of key stream.
    SameBlock,
    /// Every byte, written as text afterwards.
    Base64,
    /// Every byte, a footer behind it, and another name.
    FooterRename,
    /// Every byte, but one file after a long while, and the file's times set back.
    Slow,
    /// The first 512 bytes only: the least that makes a type unrecognisable.
    Head512,
    /// 64 bytes changed, 192 left, in files of any size.
    Alternate64Wide,
    /// 1 KiB changed, 15 KiB left.
    Dot,
    /// The first and the last 512 bytes, and 512 more appended.
    HeadTail,
    /// 4 KiB in every 64 KiB, and the first 64 KiB left; in a smaller file 4 KiB in its middle.
    Sparse,
}

impl Pattern {
    pub const ALL: [Pattern; 17] = [
        Pattern::Full,
        Pattern::Head4k,
        Pattern::KeepHead,
        Pattern::Alternate16,
        Pattern::Alternate64,
        Pattern::Percent,
        Pattern::SkipStep,
        Pattern::Smart,
        Pattern::SameBlock,
        Pattern::Base64,
        Pattern::FooterRename,
        Pattern::Slow,
        Pattern::Head512,
        Pattern::Alternate64Wide,
        Pattern::Dot,
        Pattern::HeadTail,
        Pattern::Sparse,
    ];

    /// As on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Pattern::Full => "full",
            Pattern::Head4k => "head-4k",
            Pattern::KeepHead => "keep-head",
            Pattern::Alternate16 => "16-16",
            Pattern::Alternate64 => "64-128",
            Pattern::Percent => "percent",
            Pattern::SkipStep => "skip-step",
            Pattern::Smart => "smart",
            Pattern::SameBlock => "same-block",
            Pattern::Base64 => "base64",
            Pattern::FooterRename => "footer-rename",
            Pattern::Slow => "slow",
            Pattern::Head512 => "head-512",
            Pattern::Alternate64Wide => "64-192",
            Pattern::Dot => "dot",
            Pattern::HeadTail => "head-tail",
            Pattern::Sparse => "sparse",
        }
    }

    /// The pattern of that name. The error lists all names.
    pub fn parse(name: &str) -> std::result::Result<Pattern, String> {
        let known = || Pattern::ALL.map(Pattern::name).join(", ");
        Pattern::ALL
            .into_iter()
            .find(|pattern| pattern.name() == name)
            .ok_or_else(|| format!("no attack pattern {name:?}; there are {}", known()))
    }

    /// Whether the file gets another name.
    pub fn renames(self) -> bool {
        self == Pattern::FooterRename
    }

    /// Whether the file's times are set back afterwards.
    pub fn hides_times(self) -> bool {
        self == Pattern::Slow
    }
}

/// What is appended by `footer-rename`.
const FOOTER: &[u8; 16] = b"PRACTICE-LOCKED\n";
/// Its whole length: the mark and 240 bytes that look random, as a sealed key would.
const FOOTER_LENGTH: usize = 256;

/// What `head-tail` appends.
const TAIL_LENGTH: usize = 512;

/// Changes `bytes` as the attacker would. The same key and seed (one for each file) give the same bytes.
pub fn apply(pattern: Pattern, bytes: &mut Vec<u8>, key: &Key, seed: u64) {
    for range in ranges(pattern, bytes.len(), seed) {
        mask(bytes, range, key, seed, pattern == Pattern::SameBlock);
    }
    match pattern {
        Pattern::Base64 => *bytes = to_text(bytes),
        Pattern::FooterRename => {
            let mut footer = [0; FOOTER_LENGTH];
            mask(&mut footer, 0..FOOTER_LENGTH, key, seed ^ u64::MAX, false);
            footer[..FOOTER.len()].copy_from_slice(FOOTER);
            bytes.extend(footer);
        }
        Pattern::HeadTail => {
            let mut tail = [0; TAIL_LENGTH];
            mask(&mut tail, 0..TAIL_LENGTH, key, seed ^ u64::MAX, false);
            bytes.extend(tail);
        }
        _ => {}
    }
}

/// Takes `apply` back. It fails on bytes that `apply` cannot have made.
pub fn undo(pattern: Pattern, bytes: &mut Vec<u8>, key: &Key, seed: u64) -> Result<()> {
    match pattern {
        Pattern::Base64 => {
            *bytes = from_text(bytes)
                .ok_or_else(|| Fault::new("these bytes are not text as the attacker writes it"))?;
        }
        Pattern::FooterRename => {
            let length = bytes.len().checked_sub(FOOTER_LENGTH).filter(|at| bytes[*at..].starts_with(FOOTER));
            bytes.truncate(length.ok_or_else(|| Fault::new("these bytes have no footer of the attacker"))?);
        }
        Pattern::HeadTail => {
            let length = bytes.len().checked_sub(TAIL_LENGTH);
            bytes.truncate(
                length.ok_or_else(|| Fault::new("these bytes are shorter than what was appended"))?,
            );
        }
        _ => {}
    }
    for range in ranges(pattern, bytes.len(), seed) {
        mask(bytes, range, key, seed, pattern == Pattern::SameBlock);
    }
    Ok(())
}

/// Which bytes of a file of `length` are encrypted. Ascending, not touching each other.
pub fn ranges(pattern: Pattern, length: usize, seed: u64) -> Vec<Range<usize>> {
    match pattern {
        Pattern::Full | Pattern::Base64 | Pattern::FooterRename | Pattern::Slow => {
            every(0, length, length, 0)
        }
        Pattern::Head4k => every(0, length.min(4096), 4096, 0),
        Pattern::KeepHead => {
            // A file smaller than the kept head is kept up to its half, or it would not be attacked at all.
            let head = 4096 << Rng::new(seed).below(5);
            every(head.min(length / 2), length, length, 0)
        }
        Pattern::Alternate16 => every(0, length, 16, 16),
        Pattern::Alternate64 if length <= 704 => every(0, length, length, 0),
        Pattern::Alternate64 if length <= 4096 => every(0, length, 64, 192),
        Pattern::Alternate64 => every(0, length, 64, 128),
        Pattern::Percent => every(0, length, (length / 20).clamp(4096, 1 << 20), (length / 5).max(4096)),
        Pattern::SkipStep => every(0, length, 1 << 20, 1 << 20),
        Pattern::Smart => {
            let head = length.min(4096);
            let block = (length - head).div_ceil(10).max(1);
            let mut ranges = every(0, head, head, 0);
            ranges.extend(every(head, length, block.div_ceil(5), block - block.div_ceil(5)));
            ranges
        }
        Pattern::Head512 => every(0, length.min(512), 512, 0),
        Pattern::Alternate64Wide => every(0, length, 64, 192),
        Pattern::Dot => every(0, length, 1024, 15 * 1024),
        Pattern::HeadTail if length <= 1024 => every(0, length, length, 0),
        Pattern::HeadTail => vec![0..512, length - 512..length],
        Pattern::Sparse if length <= 64 << 10 => {
            let hole = length.min(4096);
            every((length - hole) / 2, (length + hole) / 2, hole, 0)
        }
        Pattern::Sparse => every(64 << 10, length, 4096, 60 << 10),
        Pattern::SameBlock => {
            let head = length.min(5000);
            let mut ranges = every(0, head, head, 0);
            ranges.extend(every(head + 128, length, 64, 128));
            ranges
        }
    }
}

/// From `start` to `end`: `on` bytes, then `off` bytes not, and again.
fn every(start: usize, end: usize, on: usize, off: usize) -> Vec<Range<usize>> {
    let on = on.max(1);
    (start..end).step_by(on + off).map(|from| from..(from + on).min(end)).collect()
}

/// XOR with SHA-256 over key, seed and block number: simple, keyed, reversible, and as random as any cipher's output.
fn mask(bytes: &mut [u8], range: Range<usize>, key: &Key, seed: u64, same_block: bool) {
    let mut at = range.start;
    while at < range.end {
        // With the same block again and again, blocks 0 and 1 are all there is, counted from the start of the range.
        let position = if same_block { (at - range.start) % 64 } else { at };
        let (number, offset) = (position / 32, position % 32);
        let block = Sha256::new()
            .chain_update(key)
            .chain_update(seed.to_le_bytes())
            .chain_update((number as u64).to_le_bytes());
        for byte in &block.finalize()[offset..] {
            if at == range.end {
                return;
            }
            bytes[at] ^= byte;
            at += 1;
        }
    }
}

const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Base64 in lines of 76 signs.
fn to_text(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len() * 4 / 3 + bytes.len() / 57 + 8);
    for line in bytes.chunks(57) {
        for group in line.chunks(3) {
            let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte))
                << (8 * (3 - group.len()));
            for place in 0..4 {
                let sign = SIGNS[(bits >> (18 - 6 * place) & 63) as usize];
                text.push(if place <= group.len() { sign } else { b'=' });
            }
        }
        text.push(b'\n');
    }
    text
}

fn from_text(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 3 / 4);
    for line in text.split(|sign| *sign == b'\n') {
        for group in line.chunks(4) {
            let signs = group.iter().take_while(|sign| **sign != b'=').count();
            let mut bits = 0_u32;
            for sign in &group[..signs] {
                let value = SIGNS.iter().position(|known| known == sign)?;
                bits = bits << 6 | u32::try_from(value).ok()?;
            }
            bits <<= 6 * (4 - signs);
            let kept = signs.checked_sub(1)?;
            bytes.extend_from_slice(&bits.to_be_bytes()[1..1 + kept]);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
