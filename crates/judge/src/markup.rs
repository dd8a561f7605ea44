//! XML: does every element that begins end as well? Read byte by byte, nothing is kept but the names that are open.
//!
//! Not a parser: entities, attributes and characters are not looked at. An ending that does not belong to what is open
//! says that this is no XML (pages for browsers are full of such), and then nothing is concluded from it.

use std::io::{BufReader, Bytes, Read};

use crate::source::{At, Source};
use crate::structure::Structure;

const DEPTH_MAX: usize = 10_000;
const NAME_MAX: usize = 256;

type Stream<'a> = Bytes<BufReader<At<'a>>>;

/// What follows a `<`.
enum Tag {
    Begins(Vec<u8>),
    /// Begins and ends at once.
    Alone,
    Ends(Vec<u8>),
    /// Comments, declarations, instructions.
    Other,
}

pub(super) fn check(source: &mut dyn Source) -> std::io::Result<Structure> {
    let length = source.length();
    let mut stream = BufReader::with_capacity(64 * 1024, At::new(source, 0, length)).bytes();
    let mut open: Vec<Vec<u8>> = Vec::new();
    let mut elements = 0_u64;
    while let Some(byte) = stream.next().transpose()? {
        if byte != b'<' {
            continue;
        }
        match tag(&mut stream)? {
            None => return Ok(cut(length, open.len())),
            Some(Tag::Other) => {}
            Some(Tag::Alone) => elements += 1,
            Some(Tag::Begins(name)) => {
                elements += 1;
                open.push(name);
            }
            Some(Tag::Ends(name)) => {
                if open.pop().is_none_or(|begun| begun != name) {
                    return Ok(Structure::Partly("is text with marks, but they are not XML's".to_owned()));
                }
            }
        }
        if open.len() > DEPTH_MAX {
            return Ok(Structure::Partly("is nested too deeply to be read as XML".to_owned()));
        }
    }
    Ok(if open.is_empty() {
        Structure::Whole(format!("all {elements} elements of the XML end"))
    } else {
        cut(length, open.len())
    })
}

fn cut(length: u64, open: usize) -> Structure {
    Structure::Cut { at: length, why: format!("the XML ends in the middle: {open} elements are open") }
}

/// `None`: the file ends within.
fn tag(stream: &mut Stream<'_>) -> std::io::Result<Option<Tag>> {
    let Some(first) = stream.next().transpose()? else { return Ok(None) };
    match first {
        b'!' => declaration(stream),
        b'?' => Ok(until(stream, b"?>")?.then_some(Tag::Other)),
        b'/' => {
            let Some((name, _)) = name(stream, Vec::new())? else { return Ok(None) };
            Ok(Some(Tag::Ends(name)))
        }
        letter => {
            let Some((name, alone)) = name(stream, vec![letter])? else { return Ok(None) };
            Ok(Some(if alone { Tag::Alone } else { Tag::Begins(name) }))
        }
    }
}

/// The name, and whether a slash stands before the end of the tag.
fn name(stream: &mut Stream<'_>, mut name: Vec<u8>) -> std::io::Result<Option<(Vec<u8>, bool)>> {
    let (mut is_over, mut quote, mut last) = (false, None, 0);
    while let Some(byte) = stream.next().transpose()? {
        match (quote, byte) {
            (Some(open), close) if open == close => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') if is_over => quote = Some(byte),
            (None, b'>') => {
                return Ok(Some((name, last == b'/')));
            }
            (None, b'/') => is_over = true,
            (None, byte) if byte.is_ascii_whitespace() => is_over = true,
            (None, byte) if !is_over && name.len() < NAME_MAX => name.push(byte),
            (None, _) => {}
        }
        last = byte;
    }
    Ok(None)
}

/// Behind `<!`: a comment, raw text, or a declaration that may hold others in brackets.
fn declaration(stream: &mut Stream<'_>) -> std::io::Result<Option<Tag>> {
    let Some(first) = stream.next().transpose()? else { return Ok(None) };
    let Some(second) = stream.next().transpose()? else { return Ok(None) };
    let ended = match (first, second) {
        (b'-', b'-') => until(stream, b"-->")?,
        (b'[', _) => until(stream, b"]]>")?,
        _ => {
            let (mut brackets, mut quote, mut ended) = (0_i64, None, false);
            while let Some(byte) = stream.next().transpose()? {
                match (quote, byte) {
                    (Some(open), close) if open == close => quote = None,
                    (Some(_), _) => {}
                    (None, b'"' | b'\'') if brackets == 0 => quote = Some(byte),
                    (None, b'[') => brackets += 1,
                    (None, b']') => brackets -= 1,
                    (None, b'>') if brackets <= 0 => {
                        ended = true;
                        break;
                    }
                    (None, _) => {}
                }
            }
            ended
        }
    };
    Ok(ended.then_some(Tag::Other))
}

fn until(stream: &mut Stream<'_>, mark: &[u8]) -> std::io::Result<bool> {
    let mut last = [0; 3];
    while let Some(byte) = stream.next().transpose()? {
        last = [last[1], last[2], byte];
        if last.ends_with(mark) {
            return Ok(true);
        }
    }
    Ok(false)
}
