//! LZW, as GIF, TIFF and PDF have it: are these codes that an encoder wrote?
//!
//! Only the codes are followed, nothing is unpacked. A code may name an entry of the table that exists by then, or the one
//! that is about to; random bytes soon name others. An encoder begins with an empty table, and ends with its mark.

/// In which order bits come, and when codes get longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Lowest bit first; symbols of so many bits.
    Gif(u32),
    /// Highest bit first, codes grow one entry early.
    Tiff,
}

const LONGEST: u32 = 12;

/// Whether all of it reads as codes, up to the mark of its end, and nothing but filling follows.
pub(super) fn unpacks(bytes: &[u8], form: Form) -> bool {
    let (symbol, early) = match form {
        Form::Gif(bits) => (bits, 0),
        Form::Tiff => (8, 1),
    };
    if !(1..=11).contains(&symbol) {
        return false;
    }
    let (clear, end) = (1_u32 << symbol, (1_u32 << symbol) + 1);
    let (mut next, mut size, mut begins) = (end + 1, symbol + 1, true);
    let (mut hold, mut held) = (0_u32, 0);
    for (at, byte) in bytes.iter().enumerate() {
        match form {
            Form::Gif(_) => hold |= u32::from(*byte) << held,
            Form::Tiff => hold |= u32::from(*byte) << (24 - held),
        }
        held += 8;
        while held >= size {
            let code = match form {
                Form::Gif(_) => hold & ((1 << size) - 1),
                Form::Tiff => hold >> (32 - size),
            };
            match form {
                Form::Gif(_) => hold >>= size,
                Form::Tiff => hold <<= size,
            }
            held -= size;
            if code == clear {
                (next, size, begins) = (end + 1, symbol + 1, true);
            } else if code == end {
                return bytes.len() - at <= 4;
            } else if begins {
                // The first code stands for itself.
                if code > clear {
                    return false;
                }
                begins = false;
            } else {
                if code > next {
                    return false;
                }
                // A full table stays as it is until it is emptied.
                next += u32::from(next < 1 << LONGEST);
                if next + early >= 1 << size && size < LONGEST {
                    size += 1;
                }
            }
        }
    }
    // Some encoders leave the mark of the end away.
    true
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{Dice, lzw, text};
    use super::*;

    #[test]
    fn what_an_encoder_wrote_unpacks_and_what_was_changed_does_not() {
        for form in [Form::Gif(8), Form::Tiff] {
            let packed = lzw(&text(1, 40_000), form);
            assert!(unpacks(&packed, form), "{form:?}");
            let mut missed = 0;
            for seed in 1..=50 {
                let mut hit = packed.clone();
                let at = Dice::new(seed).below(packed.len() - 512);
                hit[at..at + 512].copy_from_slice(&Dice::new(seed).bytes(512));
                missed += u32::from(unpacks(&hit, form));
            }
            assert!(missed <= 2, "{form:?}: {missed} of 50 missed");
            assert!(!unpacks(&Dice::new(1).bytes(4000), form));
        }
    }
}
