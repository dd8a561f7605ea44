//! xz, lzip, bzip2, Zstandard, LZ4: unpacked to the end, against their own checksums. Nothing is kept.
//!
//! LZMA, zlib and Brotli begin with no mark and are known by their names alone. They are unpacked as well: random bytes
//! stop every one of these decompressors within a few kilobytes, and do not end where the file ends.

use std::io::{BufReader, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use lz4_flex::frame;

use crate::inner::Part;
use crate::source::{At, Source, is_format_error};
use crate::structure::Structure;
use crate::work::Work;

/// Memory that the head of an xz file may ask for; a larger dictionary is not followed.
const XZ_MEMORY_KIB: u32 = 96 * 1024;
/// The same for Zstandard: 2^27 bytes is what its own tool allows without being asked.
const ZSTD_WINDOW_LOG: u32 = 27;

type Counted<'a> = BufReader<At<'a>>;

fn reader(source: &mut dyn Source) -> Counted<'_> {
    let length = source.length();
    BufReader::with_capacity(64 * 1024, At::new(source, 0, length))
}

pub(super) fn xz(source: &mut dyn Source, work: &mut Work, part: &mut Part) -> std::io::Result<Structure> {
    let length = source.length();
    let from = lzma_rust2::XzReader::new_mem_limit(reader(source), true, XZ_MEMORY_KIB);
    drain("xz file", from, work, part, length, |from| left(from.inner()))
}

pub(super) fn lzip(source: &mut dyn Source, work: &mut Work, part: &mut Part) -> std::io::Result<Structure> {
    let length = source.length();
    let from = lzma_rust2::LzipReader::new(reader(source));
    drain("lzip file", from, work, part, length, |from| left(from.inner()))
}

pub(super) fn bzip2(source: &mut dyn Source, work: &mut Work, part: &mut Part) -> std::io::Result<Structure> {
    let length = source.length();
    let from = bzip2::bufread::MultiBzDecoder::new(reader(source));
    drain("bzip2 file", from, work, part, length, |from| left(from.get_ref()))
}

pub(super) fn zstd(source: &mut dyn Source, work: &mut Work, part: &mut Part) -> std::io::Result<Structure> {
    let length = source.length();
    let mut from = zstd::stream::read::Decoder::with_buffer(reader(source))?;
    from.window_log_max(ZSTD_WINDOW_LOG)?;
    drain("Zstandard file", from, work, part, length, |from| left(from.get_ref()))
}

pub(super) fn lzma(source: &mut dyn Source, work: &mut Work, part: &mut Part) -> std::io::Result<Structure> {
    let length = source.length();
    match lzma_rust2::LzmaReader::new_mem_limit(reader(source), XZ_MEMORY_KIB, None) {
        Ok(from) => unmarked("LZMA file", from, work, part, length, |from| left(from.inner())),
        Err(error) if is_format_error(&error) => Ok(no_such_data("LZMA file")),
        Err(error) => Err(error),
    }
}

pub(super) fn zlib(source: &mut dyn Source, work: &mut Work, part: &mut Part) -> std::io::Result<Structure> {
    let length = source.length();
    let from = flate2::bufread::ZlibDecoder::new(reader(source));
    unmarked("zlib file", from, work, part, length, |from| left(from.get_ref()))
}

/// Nobody promised what lies in it, and what follows it may be its program's own.
pub(super) fn nameless_zlib(
    source: &mut dyn Source,
    work: &mut Work,
    part: &mut Part,
) -> std::io::Result<Structure> {
    Ok(match zlib(source, work, part)? {
        Structure::Trailing { bytes, .. } => {
            Structure::Partly(format!("begins with data packed with zlib; {bytes} further bytes follow"))
        }
        found => found,
    })
}

/// What follows the end of the data tells as much as the data: nothing may.
fn unmarked<R: Read>(
    what: &str,
    mut from: R,
    work: &mut Work,
    part: &mut Part,
    length: u64,
    left: impl Fn(&R) -> u64,
) -> std::io::Result<Structure> {
    let found = drain(what, &mut from, work, part, length, |from| left(from))?;
    let bytes = left(&from);
    Ok(match found {
        Structure::Whole(_) if bytes > 0 => Structure::Trailing { at: length - bytes, bytes },
        found => found,
    })
}

fn no_such_data(what: &str) -> Structure {
    Structure::Broken { at: 0, why: format!("is called {what}, and is none"), framing: true }
}

/// Brotli has no checksum, but its last block says that it is the last, and the file ends with it.
pub(super) fn brotli(
    source: &mut dyn Source,
    work: &mut Work,
    part: &mut Part,
) -> std::io::Result<Structure> {
    let length = source.length();
    let alloc = StandardAlloc::default;
    let mut state = BrotliState::new(alloc(), alloc(), alloc());
    // A head of two bytes could ask for a gibibyte of memory; the ordinary form has at most 16 MiB.
    state.large_window = false;
    let (mut packed, mut unpacked) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let (mut at, mut available, mut offset, mut total) = (0, 0, 0, 0);
    loop {
        let (mut room, mut written) = (unpacked.len(), 0);
        let result = BrotliDecompressStream(
            &mut available,
            &mut offset,
            &packed,
            &mut room,
            &mut written,
            &mut unpacked,
            &mut total,
            &mut state,
        );
        if !work.spend(written as u64) {
            return Ok(Work::exhausted("Brotli file"));
        }
        part.take(&unpacked[..written]);
        match result {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput => {
                (available, offset) = (source.read_at(at, &mut packed)?, 0);
                at += available as u64;
                if available == 0 {
                    return Ok(Structure::Cut { at: length, why: "the Brotli file ends early".to_owned() });
                }
            }
            BrotliResult::ResultSuccess => {
                let bytes = length - at + available as u64;
                return Ok(if bytes > 0 {
                    Structure::Trailing { at: length - bytes, bytes }
                } else {
                    Structure::Whole("the Brotli file unpacks to its end".to_owned())
                });
            }
            BrotliResult::ResultFailure => {
                let at = at - available as u64;
                let why = "cannot be unpacked".to_owned();
                return Ok(Structure::Broken { at, why, framing: false });
            }
        }
    }
}

/// Frames one after the other. The library takes the end of the file for the end of a frame, so the mark at
/// the end is looked for here.
pub(super) fn lz4(source: &mut dyn Source, work: &mut Work, part: &mut Part) -> std::io::Result<Structure> {
    let length = source.length();
    let ends = lz4_end_mark(source)?;
    let mut from = frame::FrameDecoder::new(reader(source));
    let mut before = u64::MAX;
    while left(from.get_ref()) < before {
        before = left(from.get_ref());
        match drain("LZ4 file", &mut from, work, part, length, |from| left(from.get_ref()))? {
            Structure::Whole(_) => {}
            other => return Ok(other),
        }
    }
    Ok(if ends {
        Structure::Whole("the LZ4 file unpacks, and fits its checksums".to_owned())
    } else {
        Structure::Cut { at: length, why: "the LZ4 file ends early".to_owned() }
    })
}

/// Four zeros, and behind them the sum of the content if the head announces one. The old form has no end mark.
fn lz4_end_mark(source: &mut dyn Source) -> std::io::Result<bool> {
    let (mut head, mut tail) = ([0; 5], [0; 8]);
    source.read_at(0, &mut head)?;
    let read = source.read_at(source.length().saturating_sub(8), &mut tail)?;
    let announces_sum = head[4] & 4 != 0;
    let mark = if announces_sum { &tail[..4] } else { &tail[4..] };
    Ok(head.starts_with(b"\x02\x21\x4c\x18") || (read == 8 && mark == [0; 4]))
}

/// What is right in a form that the library does not read.
fn is_beyond_lz4(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<frame::Error>());
    matches!(inner, Some(frame::Error::SkippableFrame(_) | frame::Error::DictionaryNotSupported))
}

fn left(reader: &Counted<'_>) -> u64 {
    reader.buffer().len() as u64 + reader.get_ref().left()
}

fn drain<R: Read>(
    what: &str,
    mut from: R,
    work: &mut Work,
    part: &mut Part,
    length: u64,
    left: impl Fn(&R) -> u64,
) -> std::io::Result<Structure> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(Structure::Whole(format!("the {what} unpacks, and fits its checksums"))),
            Ok(read) if !work.spend(read as u64) => return Ok(Work::exhausted(what)),
            Ok(read) => part.take(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Ok(Structure::Cut { at: length, why: format!("the {what} ends early") });
            }
            Err(error) if error.kind() == std::io::ErrorKind::OutOfMemory => {
                return Ok(Structure::Partly(format!("is a {what} that asks for more memory than it gets")));
            }
            Err(error) if is_beyond_lz4(&error) => {
                return Ok(Structure::Partly(format!("is a {what} in a form that is not looked into")));
            }
            Err(error) if is_format_error(&error) => {
                let at = length.saturating_sub(left(&from)).saturating_sub(1);
                let why = "cannot be unpacked, or does not fit its checksum".to_owned();
                return Ok(Structure::Broken { at, why, framing: false });
            }
            Err(error) => return Err(error),
        }
    }
}
