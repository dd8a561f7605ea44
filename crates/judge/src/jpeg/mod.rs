//! JPEG: segments by their length, and picture data code by code up to the last block of the picture, unless it is long
//! and shows nothing that only decoding could tell.
//!
//! Behind a complete picture cameras put previews, which are JPEGs again and are looked at, and films and notes, which are
//! not. Codings that hardly anybody uses (arithmetic, hierarchical) are only held to the rule that a byte FF is followed by
//! 00 or a mark. Random bytes break that rule within a kilobyte, which tells encryption from damage.

mod bits;
mod scan;

use std::io;

use crate::peek::Peek;
use crate::source::{Source, big16};
use crate::structure::Structure;
use crate::work::Work;
use bits::{Bits, Flaw, Table};
use scan::{Frame, Mode, Scan, Tables};

/// So many bytes FF that JPEG forbids are no single bit that fell over. Random bytes hold as many in a kilobyte.
const WRONG_MARKS_MIN: usize = 4;
/// So many equal bytes in a row, at places of eight.
const WIPED_MIN: u32 = 32;
/// So many bytes without one FF: codes of a picture hold more, and random bytes may have been picked to hold none.
const WITHOUT_FF_MIN: u32 = 4096;
/// Pictures looked at in one file.
const PICTURES_MAX: u32 = 64;

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let found = pictures(source, work)?;
    Ok(match found {
        // Picture data looks random: that the rule is broken from there on is what tells encryption from damage.
        Structure::Broken { at, why, .. } => {
            let framing = breaks_the_rule(source, at)?;
            Structure::Broken { at, why, framing }
        }
        found => found,
    })
}

fn breaks_the_rule(source: &mut dyn Source, at: u64) -> io::Result<bool> {
    let mut bytes = [0; 16 * 1024];
    let read = source.read_at(at, &mut bytes)?;
    let marks = || bytes[..read].windows(2).filter(|two| two[0] == 0xff);
    let wrong = marks().filter(|two| !matches!(two[1], 0x00 | 0xd0..=0xd7 | 0xff)).count();
    Ok(wrong >= WRONG_MARKS_MIN && wrong * 2 >= marks().count())
}

/// One picture, and those that follow it.
fn pictures(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let mut walk = Walk::new(0);
    let mut found = walk.picture(&mut peek, work)?;
    for number in 1.. {
        let Structure::Whole(_) = found else { break };
        if !peek.bytes(walk.at, 3)?.starts_with(&[0xff, 0xd8, 0xff]) {
            break;
        }
        if number == PICTURES_MAX {
            work.leave(format!("only {PICTURES_MAX} of its pictures were looked at"));
            break;
        }
        walk = Walk::new(walk.at);
        found = match walk.picture(&mut peek, work)? {
            // Not every preview is complete, and nobody needs it.
            Structure::Cut { .. } => break,
            found => found,
        };
    }
    Ok(found)
}

/// The small picture in front of the picture. What a program cut off is forgiven, as behind the picture.
fn preview(exif: &[u8], at: u64, work: &mut Work) -> io::Result<Option<Structure>> {
    let Some(from) = exif.windows(4).rposition(|four| four == [0xff, 0xd8, 0xff, 0xdb]) else {
        return Ok(None);
    };
    let mut preview = &exif[from..];
    let mut walk = Walk::new(0);
    Ok(match walk.picture(&mut Peek::new(&mut preview), work)? {
        Structure::Broken { at: inner, .. } => {
            let why = "its small preview is broken".to_owned();
            // The mark and the length stand in front of the body.
            Some(Structure::Broken { at: at + 4 + from as u64 + inner, why, framing: false })
        }
        _ => None,
    })
}

fn cut(peek: &Peek<'_>) -> Structure {
    Structure::Cut { at: peek.length, why: "the JPEG ends in the middle".to_owned() }
}

/// From segment to segment.
struct Walk {
    at: u64,
    scans: u64,
    frame: Option<Frame>,
    tables: Tables,
    restart: u64,
    /// Bytes of picture data that were too long to be decoded. Progressive: what refines a pass cannot be decoded without it.
    not_decoded: u64,
    /// Why picture data was not decoded.
    passed_over: Option<&'static str>,
}

impl Walk {
    fn new(at: u64) -> Walk {
        let tables = Tables::default();
        Walk { at: at + 2, scans: 0, frame: None, tables, restart: 0, not_decoded: 0, passed_over: None }
    }

    fn picture(&mut self, peek: &mut Peek<'_>, work: &mut Work) -> io::Result<Structure> {
        loop {
            let at = self.at;
            let Some([first, mut mark]) = peek.array::<2>(at)? else { return Ok(cut(peek)) };
            if first != 0xff {
                return Ok(Structure::broken(at, "a part of the JPEG begins with nonsense".to_owned()));
            }
            self.at += 2;
            while mark == 0xff {
                let Some([next]) = peek.array::<1>(self.at)? else { return Ok(cut(peek)) };
                mark = next;
                self.at += 1;
            }
            match mark {
                0xd9 if self.scans > 0 => return Ok(self.end(at, work)),
                0x01 | 0xd0..=0xd7 => continue,
                0x00 | 0x02..=0xbf | 0xd8 | 0xd9 | 0xf0..=0xfd => {
                    let why = "the JPEG holds a mark that cannot stand there".to_owned();
                    return Ok(Structure::broken(at, why));
                }
                _ => {}
            }
            let Some(size) = peek.array::<2>(self.at)?.map(|two| u64::from(u16::from_be_bytes(two))) else {
                return Ok(cut(peek));
            };
            if size < 2 {
                return Ok(Structure::broken(at, "a part of the JPEG has no length".to_owned()));
            }
            let body = peek.bytes(self.at + 2, usize::try_from(size - 2).expect("two bytes"))?.to_vec();
            self.at += size;
            if (body.len() as u64) < size - 2 {
                return Ok(cut(peek));
            }
            if let Some(wrong) = self.segment(mark, &body, at, peek, work)? {
                return Ok(wrong);
            }
        }
    }

    fn end(&self, at: u64, work: &mut Work) -> Structure {
        if self.not_decoded > 0 {
            work.leave(format!("{} bytes of picture data in it were not decoded", self.not_decoded));
        }
        let missing = |frame: &Frame| !frame.components.iter().all(|component| component.was_coded);
        match self.passed_over {
            // Also where the picture is a small part of something else.
            Some(why) => {
                work.leave(format!("of a JPEG {why}"));
                Structure::Partly(format!("all parts of the JPEG fit together, but {why}"))
            }
            None if self.frame.as_ref().is_some_and(missing) => {
                Structure::Broken { at, why: "a colour of the JPEG is missing".to_owned(), framing: false }
            }
            None => Structure::Whole("all parts of the JPEG fit together".to_owned()),
        }
    }

    fn segment(
        &mut self,
        mark: u8,
        body: &[u8],
        at: u64,
        peek: &mut Peek<'_>,
        work: &mut Work,
    ) -> io::Result<Option<Structure>> {
        let wrong =
            |what: &str| Ok(Some(Structure::broken(at, format!("{what} of the JPEG holds nonsense"))));
        match mark {
            0xc4 if !self.codes(body) => return wrong("a table of codes"),
            0xe1 if body.starts_with(b"Exif\0\0") => return preview(body, at, work),
            0xdd => self.restart = u64::from(big16(body, 0)),
            0xc0..=0xc3 if self.frame.is_none() => {
                let mode = match mark {
                    0xc2 => Mode::Progressive,
                    0xc3 => Mode::Lossless,
                    _ => Mode::Sequential,
                };
                self.frame = Frame::new(mode, body);
                match &self.frame {
                    None => return wrong("the head"),
                    Some(frame) if !frame.has_height() => {
                        self.passed_over = Some("its height is not in its head");
                    }
                    Some(frame) if frame.blocks() > scan::BLOCKS_MAX && mode != Mode::Sequential => {
                        self.passed_over = Some("it is too large to be decoded here");
                    }
                    Some(_) => {}
                }
            }
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                self.passed_over = Some("its picture is coded in a rare way");
            }
            0xda => {
                self.scans += 1;
                return self.picture_data(body, at, peek, work);
            }
            _ => {}
        }
        Ok(None)
    }

    /// Tables of codes, one behind the other.
    fn codes(&mut self, mut body: &[u8]) -> bool {
        while let Some((place, counts)) = body.split_first().filter(|(_, rest)| !rest.is_empty()) {
            let Some(counts) = counts.first_chunk::<16>() else { return false };
            let all: usize = counts.iter().map(|count| usize::from(*count)).sum();
            let Some(symbols) = body.get(17..17 + all) else { return false };
            let Some(table) = Table::new(counts, symbols) else { return false };
            let kind = if place >> 4 == 0 { &mut self.tables.direct } else { &mut self.tables.other };
            let Some(place) = kind.get_mut(usize::from(place & 15)) else { return false };
            *place = Some(table);
            body = &body[17 + all..];
        }
        true
    }

    fn picture_data(
        &mut self,
        head: &[u8],
        at: u64,
        peek: &mut Peek<'_>,
        work: &mut Work,
    ) -> io::Result<Option<Structure>> {
        let Some(frame) = self.frame.as_mut().filter(|_| self.passed_over.is_none()) else {
            self.passed_over.get_or_insert("it has no head that says what its picture is");
            self.at = mark_behind(peek, self.at)?;
            return Ok(None);
        };
        let Some(mut scan) = Scan::new(head, frame, &self.tables, self.restart) else {
            return Ok(Some(Structure::broken(
                at,
                "the JPEG has picture data that does not fit its head".to_owned(),
            )));
        };
        if !scan.has_tables(frame.mode) {
            self.passed_over = Some("its tables of codes are not in it");
            self.at = mark_behind(peek, self.at)?;
            return Ok(None);
        }
        let end = mark_behind(peek, self.at)?;
        let is_open = self.not_decoded > 0 && frame.mode == Mode::Progressive;
        if is_open || (!work.decodes(end - self.at) && !looks_strange(peek, self.at, end)?) {
            self.not_decoded += end - self.at;
            scan.is_taken_as_coded(frame);
            self.at = end;
            return Ok(None);
        }
        // What is remembered of a block takes eight bytes, and a block may take next to nothing in the file.
        if !work.spend(8 * frame.blocks()) {
            self.passed_over = Some("it takes more work to check than one file may cost");
            self.at = mark_behind(peek, self.at)?;
            return Ok(None);
        }
        let mut bits = Bits::new(peek, self.at);
        let result = scan.run(&mut bits, frame);
        let (stopped, end) = (bits.place(), bits.at);
        self.at = end;
        match result {
            Ok(()) => Ok(None),
            Err(Flaw::Source(error)) => Err(error),
            Err(Flaw::Ended | Flaw::Nonsense) => self.flawed(stopped, end, peek).map(Some),
        }
    }

    /// Decoding stopped at `stopped`, having read up to `end`.
    fn flawed(&mut self, stopped: u64, end: u64, peek: &mut Peek<'_>) -> io::Result<Structure> {
        self.at = mark_behind(peek, end)?;
        if peek.bytes(self.at, 2)?.len() < 2 {
            return Ok(cut(peek));
        }
        let why = "its picture data does not decode to the picture that its head describes".to_owned();
        Ok(Structure::Broken { at: stopped, why, framing: false })
    }
}

/// The next mark behind picture data.
fn mark_behind(peek: &mut Peek<'_>, mut at: u64) -> io::Result<u64> {
    loop {
        let bytes = peek.ahead(at)?;
        let Some(ff) = bytes.iter().position(|byte| *byte == 0xff) else {
            if bytes.is_empty() {
                return Ok(at);
            }
            at += bytes.len() as u64;
            continue;
        };
        at += ff as u64;
        match peek.bytes(at, 2)? {
            [0xff, 0x00 | 0xd0..=0xd7] => at += 2,
            [0xff, 0xff] => at += 1,
            [0xff] => return Ok(at + 1),
            _ => return Ok(at),
        }
    }
}

/// Whether a stretch holds one byte again and again, which may be a plain area and may be wiped, or a long stretch no FF, which
/// may be chance and may be random bytes that keep the rule: only decoding tells.
fn looks_strange(peek: &mut Peek<'_>, mut at: u64, end: u64) -> io::Result<bool> {
    let (mut run, mut without) = (0, 0);
    while at < end {
        let bytes = peek.ahead(at)?;
        let bytes = &bytes[..bytes.len().min(usize::try_from(end - at).unwrap_or(usize::MAX))];
        if bytes.is_empty() {
            break;
        }
        for eight in bytes.chunks_exact(8) {
            let word = u64::from_ne_bytes(eight.try_into().expect("eight bytes"));
            run = if word == word.rotate_left(8) { run + 8 } else { 0 };
            without = if bits::holds_ff(word) { 0 } else { without + 8 };
            if run >= WIPED_MIN || without >= WITHOUT_FF_MIN {
                return Ok(true);
            }
        }
        at += bytes.len() as u64;
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::super::specimens::{Dice, Passes, jpeg_in};
    use super::*;

    const ALL: [Passes; 4] = [Passes::One, Passes::Marked(7), Passes::Several, Passes::Lossless];

    fn checked(bytes: &[u8]) -> Structure {
        let mut work = Work::for_length(bytes.len() as u64);
        let found = check(&mut &*bytes, &mut work).unwrap();
        work.limited(found)
    }

    #[test]
    fn every_way_of_writing_a_picture_is_decoded_to_its_last_block() {
        for passes in ALL {
            for seed in 1..=20 {
                let found = checked(&jpeg_in(seed, 20_000, passes));
                assert!(matches!(found, Structure::Whole(_)), "{passes:?} {seed}: {found:?}");
            }
        }
    }

    #[test]
    fn a_long_picture_is_held_to_the_rule_and_decoded_if_it_looks_strange() {
        for passes in ALL {
            let whole = jpeg_in(5, 500_000, passes);
            let mut work = Work::for_length(0);
            assert!(!work.decodes(whole.len() as u64));
            let found = check(&mut &*whole, &mut work).unwrap();
            let found = work.limited(found);
            // Passes may each be shorter than the limit, and a plain area is decoded however long.
            let is_right = matches!(found, Structure::Partly(_) | Structure::Whole(_));
            assert!(is_right, "{passes:?}: {found:?}");
            let mut all = Work::for_length(whole.len() as u64).decoding_all();
            let found = check(&mut &*whole, &mut all).unwrap();
            assert!(matches!(all.limited(found), Structure::Whole(_)), "{passes:?}");
            let with = |hole: &[u8]| {
                let mut bytes = whole.clone();
                bytes[150_000..150_000 + hole.len()].copy_from_slice(hole);
                checked(&bytes)
            };
            assert!(matches!(with(&Dice::new(3).bytes(4096)), Structure::Broken { .. }), "{passes:?}");
            let mut without = Dice::new(4).bytes(9000);
            without.iter_mut().for_each(|byte| *byte = (*byte).min(0xfe));
            if passes != Passes::Several {
                assert!(matches!(with(&without), Structure::Broken { .. }), "{passes:?}");
            }
            // Without the pass before it, a pass that refines cannot be decoded.
            if passes != Passes::Several {
                assert!(matches!(with(&[0; 4096]), Structure::Broken { .. }), "{passes:?}");
            }
        }
    }

    #[test]
    fn a_few_changed_bytes_in_picture_data_are_found() {
        for passes in ALL {
            let mut missed = 0;
            for seed in 1..=50 {
                let mut bytes = jpeg_in(seed, 20_000, passes);
                let at = 1000 + Dice::new(seed).below(18_000);
                for (byte, random) in bytes[at..at + 16].iter_mut().zip(Dice::new(seed + 1).bytes(16)) {
                    *byte = if random == 0xff { 0 } else { random };
                }
                missed += u32::from(matches!(checked(&bytes), Structure::Whole(_)));
            }
            assert!(missed <= 5, "{passes:?}: {missed} of 50 missed");
        }
    }

    #[test]
    fn a_preview_behind_the_picture_is_looked_at_and_a_short_one_forgiven() {
        let picture = jpeg_in(1, 9000, Passes::One);
        let mut two = [&picture[..], &jpeg_in(2, 9000, Passes::One)].concat();
        assert!(matches!(checked(&two), Structure::Whole(_)));
        assert!(matches!(checked(&two[..two.len() - 300]), Structure::Whole(_)));
        two[picture.len() + 4000..picture.len() + 4040].fill(0);
        assert!(matches!(checked(&two), Structure::Broken { .. }));
    }

    #[test]
    fn a_huge_picture_of_no_bytes_costs_next_to_nothing() {
        let mut bytes = jpeg_in(1, 3000, Passes::Several);
        let head = bytes.windows(2).position(|two| two == [0xff, 0xc2]).unwrap();
        bytes[head + 5..head + 9].copy_from_slice(&[0xff, 0xf0, 0x0f, 0xf0]);
        let found = checked(&bytes);
        assert!(!matches!(found, Structure::Whole(_)), "{found:?}");
    }
}
