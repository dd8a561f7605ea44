//! Coded picture data as bits, and the tables of Huffman codes in which they are written.

use std::io;

use crate::peek::Peek;

/// Codes of up to so many bits are looked up at once; longer ones are rare.
const SHORT: u32 = 10;
/// A code, and the bits that it announces, are never longer than this together.
const LONGEST: u32 = 32;

/// More than any number of coefficients: what ends a block, and what no encoder writes.
const END: u16 = 128;
const NONSENSE: u16 = 512;

/// Why decoding stops.
#[derive(Debug)]
pub(super) enum Flaw {
    /// The data ends, at a mark or with the file, before the picture is complete.
    Ended,
    /// No encoder writes this.
    Nonsense,
    Source(io::Error),
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Flaw {
        Flaw::Source(error)
    }
}

pub(super) type Decoded<T> = Result<T, Flaw>;

/// One table of codes.
pub(super) struct Table {
    /// By the next bits: length of the code and its symbol; 0 where the code is longer.
    short: Vec<u16>,
    /// The same for the coefficients of a block: bits of the code and of what it announces, and coefficients that it
    /// covers; `END` where it ends the block.
    steps: Box<[(u16, u16); 1 << SHORT]>,
    /// For every length the first code behind its last, and what leads from a code to its symbol.
    ends: [u32; 17],
    starts: [i32; 17],
    symbols: Vec<u8>,
}

impl Table {
    /// From how many codes of each length there are, and their symbols. `None`: no such codes can exist.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Table> {
        let mut table = Table {
            short: vec![0; 1 << SHORT],
            steps: Box::new([(0, 0); 1 << SHORT]),
            ends: [0; 17],
            starts: [0; 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut first) = (0_u32, 0_usize);
        for (length, count) in (1_u32..).zip(counts) {
            let count = usize::from(*count);
            let place = length as usize;
            table.starts[place] = i32::try_from(first).ok()? - i32::try_from(code).ok()?;
            for symbol in symbols.get(first..first + count)? {
                if length <= SHORT {
                    let from = (code << (SHORT - length)) as usize;
                    let to = ((code + 1) << (SHORT - length)) as usize;
                    table.short.get_mut(from..to)?.fill((length as u16) << 8 | u16::from(*symbol));
                }
                code += 1;
            }
            if code > 1 << length {
                return None;
            }
            table.ends[place] = code;
            first += count;
            code <<= 1;
        }
        for (step, entry) in table.steps.iter_mut().zip(&table.short) {
            if *entry > 0 {
                *step = step_of(entry >> 8, *entry as u8);
            }
        }
        Some(table)
    }

    /// The code at the beginning of these bits: its length and symbol.
    #[inline]
    fn find(&self, hold: u64) -> Option<(u32, u8)> {
        let entry = self.short[(hold >> (64 - SHORT)) as usize];
        if entry != 0 {
            return Some((u32::from(entry >> 8), entry as u8));
        }
        self.find_long(hold)
    }

    #[cold]
    fn find_long(&self, hold: u64) -> Option<(u32, u8)> {
        (SHORT + 1..=16).find_map(|length| {
            let code = (hold >> (64 - length)) as u32;
            let place = length as usize;
            let symbol = i32::try_from(code).ok()? + self.starts[place];
            let there = code < self.ends[place];
            there
                .then(|| usize::try_from(symbol).ok().and_then(|at| self.symbols.get(at)))
                .flatten()
                .map(|symbol| (length, *symbol))
        })
    }
}

/// What a symbol does to a block: a run of zeros and a coefficient, sixteen zeros, or its end.
fn step_of(length: u16, symbol: u8) -> (u16, u16) {
    let (run, size) = (u16::from(symbol >> 4), u16::from(symbol & 15));
    let covered = match (run, size) {
        (0, 0) => END,
        (1..15, 0) => NONSENSE,
        _ => run + 1,
    };
    (length + size, covered)
}

/// Reads bits up to the next mark, which stays unread.
pub(super) struct Bits<'p, 's> {
    pub(super) peek: &'p mut Peek<'s>,
    pub(super) at: u64,
    /// The next bits, from the highest down; below them zeros.
    hold: u64,
    count: u32,
    ended: bool,
}

impl<'p, 's> Bits<'p, 's> {
    pub(super) fn new(peek: &'p mut Peek<'s>, at: u64) -> Bits<'p, 's> {
        Bits { peek, at, hold: 0, count: 0, ended: false }
    }

    #[inline]
    fn fill(&mut self) -> io::Result<()> {
        while self.count <= 56 && !self.ended {
            let bytes = self.peek.bytes(self.at, 8)?;
            if let Some(word) = bytes.first_chunk::<8>().map(|eight| u64::from_be_bytes(*eight))
                && !holds_ff(word)
            {
                let taken = (64 - self.count) / 8;
                self.hold |= word >> self.count;
                self.count += taken * 8;
                self.hold &= !u64::MAX.checked_shr(self.count).unwrap_or(0);
                self.at += u64::from(taken);
                return Ok(());
            }
            // Behind a byte FF stands 00, or it is the next mark.
            let (byte, step) = match bytes {
                [] | [0xff] => (None, 0),
                [0xff, 0, ..] => (Some(0xff_u64), 2),
                [0xff, ..] => (None, 0),
                [byte, ..] => (Some(u64::from(*byte)), 1),
            };
            let Some(byte) = byte else {
                self.ended = true;
                break;
            };
            self.hold |= byte << (56 - self.count);
            self.count += 8;
            self.at += step;
        }
        Ok(())
    }

    /// The next symbol; the bits that it announces can be skipped or taken without another look.
    #[inline]
    pub(super) fn symbol(&mut self, table: &Table) -> Decoded<u8> {
        if self.count < LONGEST {
            self.fill()?;
        }
        // Codes consist of ones where the data ends and is filled up, and no table has a code of ones only.
        let (length, symbol) =
            table.find(self.hold).ok_or(if self.count < 16 { Flaw::Ended } else { Flaw::Nonsense })?;
        self.skip(length)?;
        Ok(symbol)
    }

    /// The 63 coefficients of a block behind its first. The innermost loop of all: one look-up for a code.
    #[inline]
    pub(super) fn coefficients(&mut self, table: &Table) -> Decoded<()> {
        let mut at = 1_u16;
        while at < 64 {
            if self.count < LONGEST {
                self.fill()?;
            }
            let (mut bits, mut covered) = table.steps[(self.hold >> (64 - SHORT)) as usize];
            if bits == 0 {
                let (length, symbol) = table.find(self.hold).ok_or(if self.count < 16 {
                    Flaw::Ended
                } else {
                    Flaw::Nonsense
                })?;
                (bits, covered) = step_of(length as u16, symbol);
            }
            self.skip(u32::from(bits))?;
            at += covered;
        }
        let complete = at == 64 || (END..NONSENSE).contains(&at);
        if complete { Ok(()) } else { Err(Flaw::Nonsense) }
    }

    /// Bits that follow a symbol.
    #[inline]
    pub(super) fn skip(&mut self, bits: u32) -> Decoded<()> {
        self.count = self.count.checked_sub(bits).ok_or(Flaw::Ended)?;
        self.hold <<= bits;
        Ok(())
    }

    /// Up to 64 bits of which nothing depends on the value.
    pub(super) fn pass(&mut self, mut bits: u32) -> Decoded<()> {
        while bits > 0 {
            if self.count < LONGEST {
                self.fill()?;
            }
            let now = bits.min(LONGEST);
            self.skip(now)?;
            bits -= now;
        }
        Ok(())
    }

    #[inline]
    pub(super) fn take(&mut self, bits: u32) -> Decoded<u32> {
        if self.count < bits {
            self.fill()?;
        }
        let value = self.hold.checked_shr(64 - bits).unwrap_or(0) as u32;
        self.skip(bits)?;
        Ok(value)
    }

    /// Whole bytes of picture data are left, although the picture is complete.
    pub(super) fn has_more(&mut self) -> io::Result<bool> {
        self.fill()?;
        Ok(self.count >= 8)
    }

    /// Where the next byte that was not looked at lies.
    pub(super) fn place(&self) -> u64 {
        self.at - u64::from(self.count / 8)
    }

    /// Goes on behind the next mark, if it is this one.
    pub(super) fn pass_mark(&mut self, mark: u8) -> Decoded<()> {
        while self.peek.bytes(self.at, 2)?.starts_with(&[0xff, 0xff]) {
            self.at += 1;
        }
        if self.peek.bytes(self.at, 2)? != [0xff, mark] {
            return Err(Flaw::Ended);
        }
        self.at += 2;
        (self.hold, self.count, self.ended) = (0, 0, false);
        Ok(())
    }
}

#[inline]
pub(super) fn holds_ff(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let zeros = !word;
    zeros.wrapping_sub(ONES) & word & (ONES << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_length_are_found_and_impossible_tables_refused() {
        let mut counts = [1; 16];
        let symbols: Vec<u8> = (0..16).collect();
        let table = Table::new(&counts, &symbols).unwrap();
        for length in 1..=16_u32 {
            let code = !(u64::MAX >> (length - 1));
            assert_eq!(table.find(code), Some((length, length as u8 - 1)));
        }
        assert_eq!(table.find(u64::MAX), None, "no code consists of ones");
        assert!(Table::new(&counts, &symbols[1..]).is_none(), "a symbol is missing");
        counts[0] = 3;
        assert!(Table::new(&counts, &(0..18).collect::<Vec<u8>>()).is_none(), "three codes of one bit");
    }

    #[test]
    fn a_byte_ff_is_found_wherever_it_stands() {
        for at in 0..8 {
            assert!(holds_ff(0xff_u64 << (8 * at)));
            assert!(holds_ff(!(0x80_u64 << (8 * at))));
            assert!(!holds_ff(0x7f_u64 << (8 * at)));
        }
        assert!(!holds_ff(0xfefe_fefe_fefe_fefe));
    }
}
