//! Excel up to 2003: a stream of records, each with its type and length, one behind the other.

use std::io;

use super::{Container, Content, Stream, Trouble};
use crate::source::{Source, little16};

/// Records end here in every version; the longest in use is 8,224 bytes.
const LENGTH_MAX: u64 = 8228;
const TYPE_MAX: u16 = 0x1100;
/// Behind the last sheet as much may be left from before as a short stream was filled up with.
const LEFT_OVER_MAX: u64 = 4096;
const FILE_PASSWORD: u16 = 0x2f;
const CONTINUE: u16 = 0x3c;
/// With these a sheet (or a chart in it) begins and ends.
const BEGINS: [u16; 4] = [0x0809, 0x0409, 0x0209, 0x0009];
const FINISH: u16 = 0x000a;
/// Records that carry pictures; their continuations do as well.
const PICTURES: [u16; 4] = [0xeb, 0xec, 0x7f, 0xe9];
/// Records of later versions, which carry themes (packed) and the like.
const LATER: u16 = 0x0850;
/// Types whose length never varies.
const FIXED: [(u16, u64); 5] = [(0x0203, 14), (0x027e, 10), (0x00fd, 10), (0x0208, 16), (0x0201, 6)];

pub(super) fn check(source: &mut dyn Source, container: &Container, stream: &Stream) -> io::Result<Content> {
    let mut reader = container.reader(source, stream);
    let length = reader.length();
    let mut piece = vec![0; 64 * 1024];
    let (mut from, mut have) = (0, 0_usize);
    let (mut at, mut opaque, mut in_picture, mut depth) = (0_u64, Vec::new(), false, 0_u32);
    while at + 4 <= length {
        if at + 4 > from + have as u64 {
            from = at;
            have = reader.read_at(from, &mut piece)?;
            if have < 4 {
                break;
            }
        }
        let head = &piece[usize::try_from(at - from).expect("inside the piece")..];
        let (kind, size) = (little16(head, 0), u64::from(little16(head, 2)));
        if at == 0 && !BEGINS.contains(&kind) {
            return Ok(Content::Wrong(Trouble::new(0, "the first record is none of Excel's")));
        }
        if kind == FILE_PASSWORD {
            return Ok(Content::Declared("Excel document with a password"));
        }
        if kind == 0 && size == 0 {
            return padding(&mut reader, at, opaque);
        }
        // What follows the last sheet is left over from before.
        if at > 0 && depth == 0 && !BEGINS.contains(&kind) && length - at < LEFT_OVER_MAX {
            return Ok(Content::Fits { opaque });
        }
        let fixed = FIXED.iter().find(|(fixed, _)| *fixed == kind).is_none_or(|(_, wanted)| *wanted == size);
        if kind == 0 || kind >= TYPE_MAX || size > LENGTH_MAX || !fixed || at + 4 + size > length {
            return Ok(Content::Wrong(Trouble::new(at, "the chain of records breaks off")));
        }
        let drawn = PICTURES.contains(&kind) || kind >= LATER;
        // A drawing goes on behind the records of the things drawn in it.
        in_picture = drawn || (kind == CONTINUE && (in_picture || is_drawing(head)));
        if BEGINS.contains(&kind) {
            depth += 1;
        } else if kind == FINISH {
            depth = depth.saturating_sub(1);
        }
        if in_picture {
            opaque.push((at, at + 4 + size));
        }
        at += 4 + size;
    }
    Ok(Content::Fits { opaque })
}

/// A record that goes on with the parts of a drawing.
fn is_drawing(record: &[u8]) -> bool {
    matches!(little16(record, 6), 0xf000..=0xf1ff)
}

/// Behind the last record the stream may be filled up, with zeros only.
fn padding(reader: &mut dyn Source, mut at: u64, opaque: Vec<(u64, u64)>) -> io::Result<Content> {
    let begun = at;
    let mut piece = [0; 4096];
    loop {
        let read = reader.read_at(at, &mut piece)?;
        if piece[..read].iter().any(|byte| *byte != 0) {
            return Ok(Content::Wrong(Trouble::new(begun, "the chain of records breaks off in zeros")));
        }
        at += read as u64;
        if read < piece.len() {
            return Ok(Content::Fits { opaque });
        }
    }
}
