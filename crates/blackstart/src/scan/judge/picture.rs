//! PNG, JPEG and GIF: walked from the first byte to the last.

use std::io::{BufRead, BufReader, Read};

use super::{At, Source, Structure};

/// So many bytes FF that JPEG forbids are no single bit that fell over. Random bytes hold as many in a kilobyte.
const WRONG_MARKS_MIN: usize = 4;

type Reader<'a> = BufReader<At<'a>>;

fn reader(source: &mut dyn Source) -> Reader<'_> {
    let length = source.length();
    BufReader::with_capacity(64 * 1024, At::new(source, 0, length))
}

fn left(reader: &Reader<'_>) -> u64 {
    reader.buffer().len() as u64 + reader.get_ref().left()
}

/// The end of the file where more was promised is an answer (`None`), any other trouble an error.
fn exactly<const N: usize>(reader: &mut Reader<'_>) -> std::io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    match reader.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn cut(length: u64, what: &str) -> Structure {
    Structure::Cut { at: length, why: format!("the {what} ends in the middle") }
}

fn ended(reader: &Reader<'_>, length: u64, whole: &str) -> Structure {
    match left(reader) {
        0 => Structure::Whole(whole.to_owned()),
        bytes => Structure::Trailing { at: length - bytes, bytes },
    }
}

/// Every chunk of a PNG carries its own checksum.
pub(super) fn png(source: &mut dyn Source) -> std::io::Result<Structure> {
    let length = source.length();
    let mut reader = reader(source);
    let _signature: Option<[u8; 8]> = exactly(&mut reader)?;
    loop {
        let at = length - left(&reader);
        let Some(head) = exactly::<8>(&mut reader)? else { return Ok(cut(length, "PNG")) };
        let size = u64::from(u32::from_be_bytes([head[0], head[1], head[2], head[3]]));
        let name = &head[4..];
        if size > 0x7fff_ffff || !name.iter().all(u8::is_ascii_alphabetic) {
            return Ok(Structure::broken(at, "a chunk of the PNG begins with nonsense".to_owned()));
        }
        let mut crc = flate2::Crc::new();
        crc.update(name);
        let mut open = size;
        while open > 0 {
            let next = reader.fill_buf()?;
            if next.is_empty() {
                return Ok(cut(length, "PNG"));
            }
            let read = next.len().min(usize::try_from(open).unwrap_or(usize::MAX));
            crc.update(&next[..read]);
            reader.consume(read);
            open -= read as u64;
        }
        let Some(sum) = exactly::<4>(&mut reader)? else { return Ok(cut(length, "PNG")) };
        if u32::from_be_bytes(sum) != crc.sum() {
            let why = "a chunk of the PNG does not fit its checksum".to_owned();
            return Ok(Structure::Broken { at, why, framing: false });
        }
        if name == b"IEND" {
            return Ok(ended(&reader, length, "all chunks of the PNG fit their checksums"));
        }
    }
}

/// JPEG: segments by their length, picture data by the rule that a byte FF is always followed by 00, a
/// restart mark or the next segment. Random bytes break that rule within a kilobyte.
pub(super) fn jpeg(source: &mut dyn Source) -> std::io::Result<Structure> {
    Ok(match walk_jpeg(source)? {
        // Picture data looks random: that the rule is broken from there on is what tells encryption from damage.
        Structure::Broken { at, why, .. } => {
            let framing = breaks_the_rule(source, at)?;
            Structure::Broken { at, why, framing }
        }
        found => found,
    })
}

fn breaks_the_rule(source: &mut dyn Source, at: u64) -> std::io::Result<bool> {
    let mut bytes = [0; 16 * 1024];
    let read = source.read_at(at, &mut bytes)?;
    let marks = || bytes[..read].windows(2).filter(|two| two[0] == 0xff);
    let wrong = marks().filter(|two| !matches!(two[1], 0x00 | 0xd0..=0xd7 | 0xff)).count();
    Ok(wrong >= WRONG_MARKS_MIN && wrong * 2 >= marks().count())
}

fn walk_jpeg(source: &mut dyn Source) -> std::io::Result<Structure> {
    let length = source.length();
    let mut reader = reader(source);
    let _start: Option<[u8; 2]> = exactly(&mut reader)?;
    let mut scans = 0_u64;
    loop {
        let at = length - left(&reader);
        let Some([first, mut mark]) = exactly::<2>(&mut reader)? else { return Ok(cut(length, "JPEG")) };
        if first != 0xff {
            return Ok(Structure::broken(at, "a part of the JPEG begins with nonsense".to_owned()));
        }
        while mark == 0xff {
            let Some([next]) = exactly::<1>(&mut reader)? else { return Ok(cut(length, "JPEG")) };
            mark = next;
        }
        let size = match mark {
            // Cameras append previews and films; what follows a complete picture is not judged.
            0xd9 if scans > 0 => {
                return Ok(Structure::Whole("all parts of the JPEG fit together".to_owned()));
            }
            0x01 | 0xd0..=0xd7 => continue,
            0x00 | 0x02..=0xbf | 0xd8 | 0xd9 | 0xf0..=0xfd => {
                return Ok(Structure::broken(at, "the JPEG holds a mark that cannot stand there".to_owned()));
            }
            0xc0..=0xff => exactly::<2>(&mut reader)?,
        };
        let Some(size) = size.map(|size| u64::from(u16::from_be_bytes(size))) else {
            return Ok(cut(length, "JPEG"));
        };
        if size < 2 {
            return Ok(Structure::broken(at, "a part of the JPEG has no length".to_owned()));
        }
        if skip(&mut reader, size - 2)? < size - 2 {
            return Ok(cut(length, "JPEG"));
        }
        if mark == 0xda {
            scans += 1;
            picture_data(&mut reader)?;
        }
    }
}

/// Skips compressed picture data up to the next mark, which stays unread. At the end of the file it
/// simply stops: the caller finds nothing to read.
fn picture_data(reader: &mut Reader<'_>) -> std::io::Result<()> {
    let mut after_ff = false;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(());
        }
        let mut at = 0;
        while at < buffer.len() {
            let byte = buffer[at];
            if after_ff && !matches!(byte, 0x00 | 0xd0..=0xd7 | 0xff) {
                break;
            }
            after_ff = byte == 0xff;
            at += 1;
        }
        let (found, all) = (at < buffer.len(), buffer.len());
        reader.consume(if found { at } else { all });
        if found {
            // The FF is already consumed; seeking back one byte stays within what is buffered or re-read.
            return reader.seek_relative(-1);
        }
    }
}

fn skip(reader: &mut Reader<'_>, bytes: u64) -> std::io::Result<u64> {
    std::io::copy(&mut reader.by_ref().take(bytes), &mut std::io::sink())
}

/// GIF: blocks by their lengths up to the closing semicolon.
pub(super) fn gif(source: &mut dyn Source) -> std::io::Result<Structure> {
    let length = source.length();
    let mut reader = reader(source);
    let Some(head) = exactly::<13>(&mut reader)? else { return Ok(cut(length, "GIF")) };
    let palette = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << (u64::from(flags & 7) + 1) };
    skip(&mut reader, palette(head[10]))?;
    loop {
        let at = length - left(&reader);
        let Some([kind]) = exactly::<1>(&mut reader)? else { return Ok(cut(length, "GIF")) };
        match kind {
            0x3b => return Ok(ended(&reader, length, "all blocks of the GIF fit together")),
            0x21 => {
                skip(&mut reader, 1)?;
            }
            0x2c => {
                let Some(image) = exactly::<9>(&mut reader)? else { return Ok(cut(length, "GIF")) };
                skip(&mut reader, palette(image[8]) + 1)?;
            }
            _ => return Ok(Structure::broken(at, "a block of the GIF begins with nonsense".to_owned())),
        }
        loop {
            let Some([size]) = exactly::<1>(&mut reader)? else { return Ok(cut(length, "GIF")) };
            if size == 0 {
                break;
            }
            skip(&mut reader, u64::from(size))?;
        }
    }
}
