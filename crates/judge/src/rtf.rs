//! RTF: braces in braces, words behind backslashes, and nothing else than text.

use std::io::{BufReader, Bytes, Read};
use std::iter::Peekable;

use crate::source::{At, Source};
use crate::structure::Structure;

/// Longer words are none, and are cut in two.
const WORD_MAX: usize = 40;

struct Stream<'a> {
    bytes: Peekable<Bytes<BufReader<At<'a>>>>,
    at: u64,
}

impl Stream<'_> {
    fn next(&mut self) -> std::io::Result<Option<u8>> {
        self.at += 1;
        self.bytes.next().transpose()
    }

    /// The next byte, if it is one that continues.
    fn next_if(&mut self, continues: impl Fn(u8) -> bool) -> std::io::Result<Option<u8>> {
        let goes_on = matches!(self.bytes.peek(), Some(Ok(byte)) if continues(*byte));
        if goes_on { self.next() } else { Ok(None) }
    }
}

pub(super) fn check(source: &mut dyn Source) -> std::io::Result<Structure> {
    let length = source.length();
    let reader = BufReader::with_capacity(64 * 1024, At::new(source, 0, length));
    let mut stream = Stream { bytes: reader.bytes().peekable(), at: 0 };
    let (mut open, mut last) = (0_u64, 0);
    while let Some(byte) = stream.next()? {
        if !byte.is_ascii_whitespace() && byte != 0 {
            last = byte;
        }
        match byte {
            b'{' => open += 1,
            b'}' => {
                open = open.saturating_sub(1);
                if open == 0 {
                    return behind(&mut stream, length);
                }
            }
            b'\\' => word(&mut stream)?,
            // Zeros are left by some writers; wiped pieces are found beside the previous version.
            0x01..=0x08 | 0x0e..=0x1f => {
                let why = "it holds bytes that RTF never does".to_owned();
                return Ok(Structure::broken(stream.at - 1, why));
            }
            _ => {}
        }
    }
    if last == b'}' {
        return Ok(Structure::Partly(format!("ends as RTF does, but {open} of its braces do not close")));
    }
    Ok(Structure::Cut { at: length, why: format!("the RTF ends in the middle: {open} braces are open") })
}

/// Behind a backslash: one sign, or a word and its number. Behind `\bin` stand that many raw bytes.
fn word(stream: &mut Stream<'_>) -> std::io::Result<()> {
    let mut word = Vec::new();
    while let Some(byte) = stream.next_if(|byte| byte.is_ascii_lowercase() || byte.is_ascii_uppercase())? {
        word.push(byte);
        if word.len() >= WORD_MAX {
            break;
        }
    }
    if word.is_empty() {
        return stream.next().map(drop);
    }
    let mut number = 0_u64;
    while let Some(byte) = stream.next_if(|byte| byte.is_ascii_digit() || byte == b'-')? {
        number = number.saturating_mul(10).saturating_add(u64::from(byte.wrapping_sub(b'0') % 10));
    }
    stream.next_if(|byte| byte == b' ')?;
    if word == b"bin" {
        for _ in 0..number {
            if stream.next()?.is_none() {
                break;
            }
        }
    }
    Ok(())
}

/// Blanks and zeros may follow the last brace.
fn behind(stream: &mut Stream<'_>, length: u64) -> std::io::Result<Structure> {
    let end = stream.at;
    while let Some(byte) = stream.next()? {
        if byte != 0 && !byte.is_ascii_whitespace() {
            return Ok(Structure::Trailing { at: end, bytes: length - end });
        }
    }
    Ok(Structure::Whole("the braces of the RTF fit, and it holds only text".to_owned()))
}
