//! Mails (.eml, .mbox, .mht): a head of named lines, and parts that end where the head says.

use std::io::{BufRead, BufReader};

use crate::source::{At, Source};
use crate::structure::Structure;

/// Of a line no more is looked at.
const LINE_MAX: usize = 4096;
/// Boundaries remembered at once.
const BOUNDARIES_MAX: usize = 1000;

pub(super) fn check(source: &mut dyn Source) -> std::io::Result<Structure> {
    let length = source.length();
    let mut reader = BufReader::with_capacity(64 * 1024, At::new(source, 0, length));
    let mut open: Vec<Vec<u8>> = Vec::new();
    let (mut line, mut is_first, mut lines) = (Vec::new(), true, 0_u64);
    while next_line(&mut reader, &mut line)? {
        lines += 1;
        if is_first && !line.trim_ascii().is_empty() {
            is_first = false;
            if !begins_a_mail(&line) {
                return Ok(Structure::Odd("is text, but does not begin with the head of a mail".to_owned()));
            }
        }
        if let Some(boundary) = boundary(&line).filter(|_| open.len() < BOUNDARIES_MAX) {
            open.push(boundary);
        } else if let Some(ended) =
            line.trim_ascii_end().strip_prefix(b"--").and_then(|rest| rest.strip_suffix(b"--"))
        {
            open.retain(|boundary| boundary != ended);
        }
    }
    Ok(if open.is_empty() {
        Structure::Whole(format!("{lines} lines of mail, and every part ends"))
    } else {
        Structure::Partly(format!("is a mail of which {} lists of parts do not end", open.len()))
    })
}

/// `Received: ...`, or `From ...` in a folder of mails.
fn begins_a_mail(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    let named = || {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default().trim_ascii_end();
        name.len() < line.len() && !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic())
    };
    line.starts_with(b"From ") || line.starts_with(b">From ") || named()
}

/// `boundary="..."`, in whichever line of a head it stands.
fn boundary(line: &[u8]) -> Option<Vec<u8>> {
    let mark: &[u8] = b"boundary=";
    let at = line.windows(mark.len()).position(|found| found.eq_ignore_ascii_case(mark))?;
    let value = &line[at + mark.len()..];
    let value: &[u8] = match value.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|byte| *byte == b'"').next()?,
        None => value.split(|byte| byte.is_ascii_whitespace() || *byte == b';').next()?,
    };
    (!value.is_empty() && value.len() <= 200).then(|| value.to_vec())
}

/// The beginning of the next line; `false` at the end.
fn next_line(reader: &mut BufReader<At<'_>>, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        let room = LINE_MAX.saturating_sub(line.len());
        line.extend_from_slice(&bytes[..taken.min(room)]);
        reader.consume(taken);
        if end.is_some() {
            return Ok(true);
        }
    }
}
