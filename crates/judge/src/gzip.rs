//! gzip: unpacked to its end, against its own checksum and length. Nothing is kept.

use std::io::{BufRead, BufReader, Read};

use crate::inflate::Inflater;
use crate::inner::Part;
use crate::source::{At, Source, is_format_error};
use crate::structure::Structure;
use crate::work::Work;

const FITS: &str = "unpacks, and fits its checksum";

pub(super) fn check(source: &mut dyn Source, work: &mut Work, part: &mut Part) -> std::io::Result<Structure> {
    if let Some(whole) = Inflater::new().gzip(source)? {
        if !work.spend(whole.len() as u64) {
            return Ok(Work::exhausted("gzip file"));
        }
        part.take(whole);
        return Ok(Structure::Whole(FITS.to_owned()));
    }
    let length = source.length();
    let mut reader = BufReader::with_capacity(64 * 1024, At::new(source, 0, length));
    let mut piece = vec![0; 64 * 1024];
    let mut members = 0_u64;
    loop {
        let next = reader.fill_buf()?;
        if next.is_empty() {
            break;
        }
        if members > 0 && !next.starts_with(&[0x1f, 0x8b]) {
            return trailing(reader, length);
        }
        let mut decoder = flate2::bufread::GzDecoder::new(&mut reader);
        loop {
            match decoder.read(&mut piece) {
                Ok(0) => break,
                Ok(read) if !work.spend(read as u64) => return Ok(Work::exhausted("gzip file")),
                Ok(read) => part.take(&piece[..read]),
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                    return Ok(Structure::Cut {
                        at: length,
                        why: "the compressed data ends early".to_owned(),
                    });
                }
                Err(error) if is_format_error(&error) => {
                    let at = length.saturating_sub(reader_left(&mut reader)).saturating_sub(1);
                    let why = "cannot be unpacked, or does not fit its checksum".to_owned();
                    return Ok(Structure::Broken { at, why, framing: false });
                }
                Err(error) => return Err(error),
            }
        }
        members += 1;
    }
    Ok(Structure::Whole(FITS.to_owned()))
}

/// Bytes not yet read.
fn reader_left(reader: &mut BufReader<At<'_>>) -> u64 {
    reader.buffer().len() as u64 + reader.get_ref().left()
}

/// Tapes and disks pad with zeros; anything else does not belong there.
fn trailing(mut reader: BufReader<At<'_>>, length: u64) -> std::io::Result<Structure> {
    let at = length - reader_left(&mut reader);
    loop {
        let next = reader.fill_buf()?;
        if next.is_empty() {
            return Ok(Structure::Whole("unpacks, and fits its checksum; zeros behind it".to_owned()));
        }
        if next.iter().any(|byte| *byte != 0) {
            return Ok(Structure::Trailing { at, bytes: length - at });
        }
        let read = next.len();
        reader.consume(read);
    }
}
