//! Three kilobytes in a row that look random, wherever they begin: for types in which nothing does.
//!
//! The windows of `statistics` begin at every 4 KiB, so a hole of that size fills none of them. Blocks of 1 KiB it fills;
//! three of them, each even and together as well, are hardly less than a whole window.

use std::io;

use crate::source::Source;
use crate::statistics::{self, count, is_nearly_even};

const BLOCK: u64 = 1024;
const PIECE: usize = 64 * 1024;
const BLOCKS: usize = 3;

/// Where the first of them begins, from `from` to `to`.
pub(super) fn random_stretch(source: &mut dyn Source, from: u64, to: u64) -> io::Result<Option<u64>> {
    let mut at = from.next_multiple_of(BLOCK);
    let mut piece = vec![0; PIECE];
    let mut row: Vec<statistics::Counts> = Vec::new();
    while at + BLOCK <= to {
        let read = source.read_at(at, &mut piece)?;
        let wanted = usize::try_from(to - at).unwrap_or(read).min(read);
        let blocks = piece[..wanted].chunks_exact(usize::try_from(BLOCK).expect("1 KiB"));
        if blocks.len() == 0 {
            break;
        }
        for block in blocks {
            at += BLOCK;
            let counts = count(block);
            if !is_nearly_even(&counts) {
                row.clear();
                continue;
            }
            row.push(counts);
            if row.len() >= BLOCKS && are_even(&row[row.len() - BLOCKS..]) {
                return Ok(Some(at - BLOCK * BLOCKS as u64));
            }
        }
    }
    Ok(None)
}

fn are_even(row: &[statistics::Counts]) -> bool {
    let sum: [u64; 256] = std::array::from_fn(|byte| row.iter().map(|counts| u64::from(counts[byte])).sum());
    statistics::even(&sum)
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{Dice, text};
    use super::*;

    #[test]
    fn a_hole_of_four_kilobytes_is_found_wherever_it_begins() {
        for seed in 1..=200 {
            let mut bytes = text(seed, 200_000);
            let at = Dice::new(seed).below(150_000);
            bytes[at..at + 4096].copy_from_slice(&Dice::new(seed + 1).bytes(4096));
            let found = random_stretch(&mut bytes.as_slice(), 0, 200_000).unwrap();
            assert!(
                found.is_some_and(|found| found.abs_diff(at as u64) < 2048),
                "{seed}: {found:?} for {at}"
            );
            assert_eq!(random_stretch(&mut text(seed, 20_000).as_slice(), 0, 20_000).unwrap(), None);
        }
    }
}
