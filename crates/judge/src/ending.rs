//! Where does the random end of a file begin, if it has one?
//!
//! Whoever encrypts all but the beginning leaves a file that is random to its last byte. Packed data hardly ever is: it
//! stays a little uneven, which adds up over many bytes, and something stands behind it.

use std::io;

use crate::source::Source;
use crate::statistics::{self, count, is_nearly_even};

const BLOCK: usize = 1024;
const PIECE: u64 = 64 * 1024;

/// From the end backwards as long as blocks look random, and together as well: where that begins. Nothing if it is
/// shorter than `least`, or all of the file.
pub(super) fn random_end(source: &mut dyn Source, least: u64) -> io::Result<Option<u64>> {
    let length = source.length();
    let (mut from, mut sum) = (length, [0; 256]);
    let mut piece = vec![0; usize::try_from(PIECE).expect("64 KiB")];
    loop {
        let start = from.saturating_sub(PIECE);
        let wanted = usize::try_from(from - start).expect("at most 64 KiB");
        let read = source.read_at(start, &mut piece[..wanted])?;
        let blocks = piece[..read].rchunks_exact(BLOCK);
        let all = blocks.len();
        let mut random = 0;
        for block in blocks {
            let counts = count(block);
            if !is_nearly_even(&counts) {
                break;
            }
            sum.iter_mut().zip(counts).for_each(|(sum, count)| *sum += u64::from(count));
            random += 1;
        }
        from -= (random * BLOCK) as u64;
        if random < all || all == 0 {
            break;
        }
    }
    let long_enough = length - from >= least.max(1) && from > 0;
    Ok((long_enough && statistics::even(&sum)).then_some(from))
}
