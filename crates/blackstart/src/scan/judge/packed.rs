//! xz, lzip, bzip2 and Zstandard: unpacked to the end, against their own checksums. Nothing is kept.

use std::io::{BufReader, Read};

use super::work::Work;
use super::{At, Source, Structure};

/// Memory that the head of an xz file may ask for; a larger dictionary is not followed.
const XZ_MEMORY_KIB: u32 = 96 * 1024;
/// The same for Zstandard: 2^27 bytes is what its own tool allows without being asked.
const ZSTD_WINDOW_LOG: u32 = 27;

type Counted<'a> = BufReader<At<'a>>;

fn reader(source: &mut dyn Source) -> Counted<'_> {
    let length = source.length();
    BufReader::with_capacity(64 * 1024, At::new(source, 0, length))
}

pub(super) fn xz(source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let length = source.length();
    let from = lzma_rust2::XzReader::new_mem_limit(reader(source), true, XZ_MEMORY_KIB);
    drain("xz file", from, work, length, |from| left(from.inner()))
}

pub(super) fn lzip(source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let length = source.length();
    let from = lzma_rust2::LzipReader::new(reader(source));
    drain("lzip file", from, work, length, |from| left(from.inner()))
}

pub(super) fn bzip2(source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let length = source.length();
    let from = bzip2::bufread::MultiBzDecoder::new(reader(source));
    drain("bzip2 file", from, work, length, |from| left(from.get_ref()))
}

pub(super) fn zstd(source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let length = source.length();
    let mut from = zstd::stream::read::Decoder::with_buffer(reader(source))?;
    from.window_log_max(ZSTD_WINDOW_LOG)?;
    drain("Zstandard file", from, work, length, |from| left(from.get_ref()))
}

fn left(reader: &Counted<'_>) -> u64 {
    reader.buffer().len() as u64 + reader.get_ref().left()
}

fn drain<R: Read>(
    what: &str,
    mut from: R,
    work: &mut Work,
    length: u64,
    left: impl Fn(&R) -> u64,
) -> std::io::Result<Structure> {
    let mut piece = vec![0; 64 * 1024];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(Structure::Whole(format!("the {what} unpacks, and fits its checksums"))),
            Ok(read) if !work.spend(read as u64) => return Ok(Work::exhausted(what)),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Ok(Structure::Cut { at: length, why: format!("the {what} ends early") });
            }
            Err(error) if error.kind() == std::io::ErrorKind::OutOfMemory => {
                return Ok(Structure::Partly(format!("is a {what} that asks for more memory than it gets")));
            }
            Err(error) if super::is_format_error(&error) => {
                let at = length.saturating_sub(left(&from)).saturating_sub(1);
                let why = "cannot be unpacked, or does not fit its checksum".to_owned();
                return Ok(Structure::Broken { at, why, framing: false });
            }
            Err(error) => return Err(error),
        }
    }
}
