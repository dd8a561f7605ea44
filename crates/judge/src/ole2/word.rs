//! Word 97 to 2003: the head of the document, where its text lies, and the pages of its formatting.

use std::io;

use super::{Container, Content, Stream, Trouble};
use crate::source::{Source, little16, little32};

const HEAD: usize = 0x1aa;
/// Where the head says where drawings lie.
const DRAWINGS: u64 = 0x22a;
const PIECES_MAX: usize = 1 << 20;
const PAGE: u64 = 512;
/// Lists longer than this are not kept.
const PART_MAX: u64 = 16 << 20;
/// So many impossible letters in 256 are no typing error.
const ODD_LETTERS: usize = 10;

pub(super) fn check(source: &mut dyn Source, container: &Container, stream: &Stream) -> io::Result<Content> {
    let mut head = [0; HEAD];
    let mut reader = container.reader(source, stream);
    let (length, read) = (reader.length(), reader.read_at(0, &mut head)?);
    match little16(&head, 0) {
        0xa5ec => {}
        // Word 6 and 95, Word for Mac and others: another head.
        0xa5dc | 0xa697 | 0xa699 | 0xa59b | 0xa5db | 0xa59c | 0xa698 => return Ok(Content::Unknown),
        _ => return Ok(Content::Wrong(Trouble::new(0, "the head of the document is none of Word's"))),
    }
    let flags = little16(&head, 10);
    if flags & 0x0100 != 0 {
        return Ok(Content::Declared("Word document with a password"));
    }
    // Before Word 97 the head is laid out in another way.
    if read < HEAD || little16(&head, 2) < 0x00c1 {
        return Ok(Content::Unknown);
    }
    let name = if flags & 0x0200 != 0 { "1Table" } else { "0Table" };
    let Some(table) = container.find_beside(stream, name) else {
        return Ok(Content::Wrong(Trouble::new(
            0,
            format!("the stream `{name}` of the document is missing"),
        )));
    };
    let long = |at: usize| u64::from(little32(&head, at));
    let pieces = part(source, container, table, long(0x1a2), long(0x1a6))?;
    let letters = part(source, container, table, long(0xfa), long(0xfe))?;
    let paragraphs = part(source, container, table, long(0x102), long(0x106))?;
    let mut reader = container.reader(source, stream);
    if let Some(trouble) = text(&mut reader, &pieces, length)? {
        return Ok(Content::Wrong(trouble));
    }
    for (table, most) in [(letters, 0x65), (paragraphs, 0x1d)] {
        if let Some(trouble) = pages(&mut reader, &table, length, most)? {
            return Ok(Content::Wrong(trouble));
        }
    }
    Ok(Content::Fits { opaque: old_pictures(&head, length) })
}

/// The lists of a document. Among them may lie drawings, with pictures in them.
pub(super) fn lists(source: &mut dyn Source, container: &Container, stream: &Stream) -> io::Result<Content> {
    let Some(document) = container.find_beside(stream, "WordDocument") else { return Ok(Content::Unknown) };
    let mut place = [0; 8];
    container.reader(source, document).read_at(DRAWINGS, &mut place)?;
    let (at, size) = (u64::from(little32(&place, 0)), u64::from(little32(&place, 4)));
    Ok(Content::Fits { opaque: vec![(at, at + size)] })
}

/// Documents that were edited by versions before 97 may still carry pictures in this stream.
fn old_pictures(head: &[u8], length: u64) -> Vec<(u64, u64)> {
    let mac = little16(head, 10) & 0x1000 != 0;
    if mac { vec![(0, length)] } else { Vec::new() }
}

fn part(
    source: &mut dyn Source,
    container: &Container,
    stream: &Stream,
    at: u64,
    size: u64,
) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size.min(stream.size).min(PART_MAX)).unwrap_or(0)];
    let read = container.reader(source, stream).read_at(at, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// The pieces of the text: where each lies, and whether letters stand there.
fn text(reader: &mut dyn Source, table: &[u8], length: u64) -> io::Result<Option<Trouble>> {
    let mut at = 0;
    while table.get(at) == Some(&1) {
        at += 3 + usize::from(little16(table, at + 1));
    }
    if table.is_empty() {
        return Ok(None);
    }
    let size = little32(table, at + 1) as usize;
    if table.get(at) != Some(&2) || size < 4 || !(size - 4).is_multiple_of(12) || table.len() < at + 5 + size
    {
        return Ok(Some(Trouble::new(0, "the list of its pieces of text is none")));
    }
    let (list, count) = (&table[at + 5..], (size - 4) / 12);
    for piece in 0..count.min(PIECES_MAX) {
        let (from, to) = (little32(list, piece * 4), little32(list, piece * 4 + 4));
        let Some(letters) = to.checked_sub(from).map(u64::from) else {
            return Ok(Some(Trouble::new(0, "the list of its pieces of text runs backwards")));
        };
        let place = little32(list, (count + 1) * 4 + piece * 8 + 2);
        let narrow = place & 0x4000_0000 != 0;
        let (start, bytes) = if narrow {
            (u64::from(place & 0x3fff_ffff) / 2, letters)
        } else {
            (u64::from(place & 0x3fff_ffff), letters * 2)
        };
        if start + bytes > length {
            return Ok(Some(Trouble::new(0, "a piece of its text lies outside of the document")));
        }
        if let Some(odd) = odd_text(reader, start, bytes, !narrow)? {
            return Ok(Some(Trouble::new(odd, "holds what cannot be text where its text lies")));
        }
    }
    Ok(None)
}

fn odd_text(reader: &mut dyn Source, start: u64, bytes: u64, wide: bool) -> io::Result<Option<u64>> {
    let mut piece = [0; 4096];
    let mut at = start;
    while at < start + bytes {
        let wanted = usize::try_from(start + bytes - at).unwrap_or(usize::MAX).min(piece.len());
        let read = reader.read_at(at, &mut piece[..wanted])?;
        if read == 0 {
            break;
        }
        if let Some(odd) = odd_letters(&piece[..read], wide) {
            return Ok(Some(at + odd));
        }
        at += read as u64;
    }
    Ok(None)
}

/// Where, within the bytes, letters stand that no text has, many of them together.
pub(super) fn odd_letters(bytes: &[u8], wide: bool) -> Option<u64> {
    let chunk = if wide { 512 } else { 256 };
    let odd = |chunk: &[u8]| {
        if wide {
            let units = chunk.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]]));
            // Halves that belong together are one letter; private letters from 0xF000 on are Word's symbols.
            char::decode_utf16(units)
                .filter(|letter| !matches!(letter, Ok(letter) if !matches!(letter, '\u{e000}'..='\u{efff}' | '\u{fff0}'..='\u{ffff}')))
                .count()
        } else {
            chunk.iter().filter(|byte| matches!(byte, 0x06 | 0x0f..=0x12 | 0x16..=0x1d | 0x7f | 0x81 | 0x8d | 0x8f | 0x90 | 0x9d)).count()
        }
    };
    bytes.chunks(chunk).position(|chunk| odd(chunk) >= ODD_LETTERS).map(|at| (at * chunk) as u64)
}

/// The pages of the formatting: each ends with the number of its runs and begins with their places, ascending.
fn pages(reader: &mut dyn Source, table: &[u8], length: u64, most: u8) -> io::Result<Option<Trouble>> {
    if table.len() < 12 || !(table.len() - 4).is_multiple_of(8) {
        return Ok(None);
    }
    let count = (table.len() - 4) / 8;
    for page in 0..count {
        let number = u64::from(little32(table, (count + 1) * 4 + page * 4) & 0x3f_ffff);
        let mut bytes = [0; PAGE as usize];
        let at = number * PAGE;
        if at + PAGE > length || reader.read_at(at, &mut bytes)? < bytes.len() {
            return Ok(Some(Trouble::new(0, "a page of its formatting lies outside of the document")));
        }
        let runs = bytes[511];
        let ascending =
            (0..usize::from(runs)).all(|run| little32(&bytes, run * 4) <= little32(&bytes, run * 4 + 4));
        if runs == 0 || runs > most || !ascending {
            return Ok(Some(Trouble::new(at, "a page of its formatting is none")));
        }
    }
    Ok(None)
}
