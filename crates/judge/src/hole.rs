//! A file of no known type that is text, but for one stretch of random bytes: what encryption in pieces leaves of a text
//! whose ending nobody here knows.
//!
//! Formats with a head of text and packed data behind it are no text for the most part, and tables of numbers are not even.

use std::io;

use crate::source::Source;
use crate::statistics::{self, SAMPLE_MIN};
use crate::text::{is_mixed, is_plain_text};

const BLOCK: usize = 64;
const PIECE: usize = 64 * 1024;
/// Blocks of text at both ends of a piece that takes most of the file.
const EDGE_MIN: u64 = 4;
/// Random blocks at the very end of a text: fewer say nothing.
const END_MIN: u64 = 2;

/// What was counted, in blocks.
#[derive(Default)]
struct BlockCounts {
    text: u64,
    mixed: u64,
    others: u64,
    /// Text in front of everything else, and behind it.
    first_text: u64,
    last_text: u64,
    /// Mixed ones in front of the last one that is text.
    mixed_until_text: u64,
    /// Of the bytes in mixed blocks.
    histogram: Vec<u64>,
}

/// Why it looks as if a piece of a text had been encrypted.
pub(super) fn in_text(source: &mut dyn Source) -> io::Result<Option<String>> {
    let counted = count(source)?;
    let all = counted.text + counted.mixed + counted.others;
    let bytes = counted.mixed * BLOCK as u64;
    let mostly_text = counted.text * 2 >= all;
    let framed = counted.first_text.min(counted.last_text) >= EDGE_MIN && counted.text * 5 >= all;
    let nothing_else = counted.others * 20 <= all;
    if bytes >= SAMPLE_MIN && (mostly_text || framed) && nothing_else && is_nearly_even(&counted.histogram) {
        return Ok(Some(format!("is text but for about {bytes} bytes, which look random")));
    }
    // Too few to be counted: then all of them must stand at the end.
    let at_end = counted.mixed_until_text == 0 && counted.others <= 1;
    Ok((counted.mixed >= END_MIN && at_end && counted.mixed * 4 <= all).then(|| {
        format!("is text but for its last {bytes} bytes, which mix text with random bytes or are random")
    }))
}

fn is_nearly_even(histogram: &[u64]) -> bool {
    histogram.first_chunk::<256>().is_some_and(statistics::nearly_even)
}

fn count(source: &mut dyn Source) -> io::Result<BlockCounts> {
    let mut counted = BlockCounts { histogram: vec![0; 256], ..BlockCounts::default() };
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    loop {
        let read = source.read_at(at, &mut piece)?;
        if read == 0 {
            return Ok(counted);
        }
        at += read as u64;
        for block in piece[..read].chunks_exact(BLOCK) {
            if is_plain_text(block) {
                counted.first_text += u64::from(counted.mixed + counted.others == 0);
                counted.last_text += 1;
                counted.text += 1;
                counted.mixed_until_text = counted.mixed;
                continue;
            }
            counted.last_text = 0;
            if is_mixed(block) {
                counted.mixed += 1;
                block.iter().for_each(|byte| counted.histogram[usize::from(*byte)] += 1);
            } else {
                counted.others += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{Dice, text};
    use super::super::{Verdict, judge_bytes};
    use super::*;

    fn with_hole(length: usize, from: usize, to: usize) -> Vec<u8> {
        let mut bytes = text(3, length)[..length].to_vec();
        bytes[from..to].copy_from_slice(&Dice::new(4).bytes(to - from));
        bytes
    }

    #[test]
    fn a_text_of_unknown_ending_with_a_random_piece_is_suspicious() {
        for (length, from, to) in
            [(9000, 2450, 6546), (30_000, 12_000, 16_096), (6000, 950, 5046), (4300, 4096, 4300)]
        {
            for name in ["letter.xyz", "main.nlf", "journal"] {
                let judgement = judge_bytes(name, &with_hole(length, from, to));
                assert_eq!(judgement.verdict, Verdict::Suspicious, "{name} {length}: {judgement:?}");
            }
        }
    }

    #[test]
    fn a_head_of_text_in_front_of_packed_data_or_of_numbers_is_usual() {
        let picture = [text(1, 600), Dice::new(1).bytes(9000)].concat();
        assert_eq!(in_text(&mut picture.as_slice()).unwrap(), None);
        let numbers: Vec<u8> = (0..900_u32).flat_map(|at| (at * 7919).to_le_bytes()).collect();
        let table = [text(1, 6000), numbers].concat();
        assert_eq!(in_text(&mut table.as_slice()).unwrap(), None);
        assert_eq!(in_text(&mut text(1, 6000).as_slice()).unwrap(), None);
    }
}
