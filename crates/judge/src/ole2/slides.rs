//! PowerPoint up to 2003: records inside records, and beside them a stream of pictures.

use std::io;

use super::{Container, Content, Stream, Trouble};
use crate::source::{Part, Source, little16, little32};
use crate::structure::Structure;
use crate::work::Work;
use crate::{jpeg, picture};

const DEPTH_MAX: usize = 64;
const RECORDS_MAX: u64 = 10_000_000;
/// Leaves longer than this may hold embedded files, sounds and macros, unless they are text.
const LEAF_PLAIN_MAX: u64 = 256;
const TEXTS: [u16; 3] = [0x0fa0, 0x0fa8, 0x0fba];

pub(super) fn document(
    source: &mut dyn Source,
    container: &Container,
    stream: &Stream,
) -> io::Result<Content> {
    let mut reader = container.reader(source, stream);
    let length = reader.length();
    let (mut at, mut ends, mut opaque) = (0_u64, Vec::new(), Vec::new());
    for _ in 0..RECORDS_MAX {
        while ends.last().is_some_and(|end| at >= *end) {
            ends.pop();
        }
        let end = ends.last().copied().unwrap_or(length);
        if at + 8 > end {
            if at < end && !ends.is_empty() {
                return Ok(Content::Wrong(Trouble::new(at, "a record is shorter than its head")));
            }
            break;
        }
        let mut head = [0; 8];
        reader.read_at(at, &mut head)?;
        let (form, kind, size) = (little16(&head, 0), little16(&head, 2), u64::from(little32(&head, 4)));
        if ends.is_empty() && head == [0; 8] {
            break;
        }
        let known = matches!(kind, 0x03e8..=0x2fff | 0xf000..=0xf2ff);
        if !known || at + 8 + size > end || ends.len() > DEPTH_MAX {
            return Ok(Content::Wrong(Trouble::new(at, "the records do not fit into each other")));
        }
        let mut inner = [0; 4];
        reader.read_at(at + 8, &mut inner)?;
        // Themes of later versions are ZIP files where the head promises records.
        if inner == *b"PK\x03\x04" {
            opaque.push((at, at + 8 + size));
            at += 8 + size;
        } else if form & 15 == 15 {
            ends.push(at + 8 + size);
            at += 8;
        } else {
            if size > LEAF_PLAIN_MAX && !TEXTS.contains(&kind) {
                opaque.push((at, at + 8 + size));
            }
            at += 8 + size;
        }
    }
    Ok(Content::Fits { opaque })
}

/// Says whether the document is encrypted.
pub(super) fn current_user(
    source: &mut dyn Source,
    container: &Container,
    stream: &Stream,
) -> io::Result<Content> {
    let mut head = [0; 16];
    container.reader(source, stream).read_at(0, &mut head)?;
    Ok(if little32(&head, 12) == 0xf3d1_c4df {
        Content::Declared("PowerPoint document with a password")
    } else {
        Content::Fits { opaque: Vec::new() }
    })
}

/// Pictures one behind the other; those that are PNG or JPEG are looked at as such.
pub(super) fn pictures(
    source: &mut dyn Source,
    container: &Container,
    stream: &Stream,
    work: &mut Work,
) -> io::Result<Content> {
    let mut reader = container.reader(source, stream);
    let length = reader.length();
    let mut at = 0;
    while at + 8 <= length {
        let mut head = [0; 8];
        reader.read_at(at, &mut head)?;
        let (form, kind, size) = (little16(&head, 0), little16(&head, 2), u64::from(little32(&head, 4)));
        if head == [0; 8] {
            break;
        }
        if !matches!(kind, 0xf007 | 0xf01a..=0xf02a) || at + 8 + size > length {
            return Ok(Content::Wrong(Trouble::new(at, "the chain of pictures breaks off")));
        }
        // One checksum of the content, or two, then a byte.
        let (jpeg, png) = (matches!(kind, 0xf01d | 0xf02a), kind == 0xf01e);
        let sums = if matches!(form >> 4, 0x6e1 | 0x46b | 0x6e3) { 33 } else { 17 };
        if !jpeg && !png {
            work.leave("a drawing in it was not unpacked");
        }
        if (jpeg || png) && size > sums {
            let mut part = Part { source: &mut reader, from: at + 8 + sums, length: size - sums };
            let mut magic = [0; 4];
            part.read_at(0, &mut magic)?;
            let structure = match magic {
                [0xff, 0xd8, ..] if jpeg => Some(jpeg::check(&mut part, work)?),
                [0x89, b'P', b'N', b'G'] if png => Some(picture::png(&mut part)?),
                _ => {
                    work.leave("a picture in it is of a form that is not looked into");
                    None
                }
            };
            if let Some(Structure::Broken { at: inner, why, .. } | Structure::Cut { at: inner, why }) =
                structure
            {
                return Ok(Content::Wrong(Trouble::new(
                    at + 8 + sums + inner,
                    format!("in a picture: {why}"),
                )));
            }
        }
        at += 8 + size;
    }
    Ok(Content::Fits { opaque: vec![(0, length)] })
}
