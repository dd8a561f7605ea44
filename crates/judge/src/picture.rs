//! PNG and GIF: walked from the first byte to the last.

use std::io::{BufRead, BufReader, Read};

use crate::lzw;
use crate::source::{At, Source};
use crate::structure::Structure;
use crate::work::Work;

/// Codes of one GIF picture that are looked at together.
const CODES_MAX: usize = 16 << 20;

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

fn skip(reader: &mut Reader<'_>, bytes: u64) -> std::io::Result<u64> {
    std::io::copy(&mut reader.by_ref().take(bytes), &mut std::io::sink())
}

/// GIF: blocks by their lengths up to the closing semicolon.
pub(super) fn gif(source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let length = source.length();
    let mut reader = reader(source);
    let Some(head) = exactly::<13>(&mut reader)? else { return Ok(cut(length, "GIF")) };
    let palette = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << (u64::from(flags & 7) + 1) };
    skip(&mut reader, palette(head[10]))?;
    let mut symbol = 0;
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
                skip(&mut reader, palette(image[8]))?;
                let Some([bits]) = exactly::<1>(&mut reader)? else { return Ok(cut(length, "GIF")) };
                symbol = bits;
            }
            _ => return Ok(Structure::broken(at, "a block of the GIF begins with nonsense".to_owned())),
        }
        let picture = kind == 0x2c;
        let mut codes = Vec::new();
        loop {
            let Some([size]) = exactly::<1>(&mut reader)? else { return Ok(cut(length, "GIF")) };
            if size == 0 {
                break;
            }
            if picture && codes.len() < CODES_MAX {
                let wanted = codes.len() + usize::from(size);
                reader.by_ref().take(u64::from(size)).read_to_end(&mut codes)?;
                if codes.len() < wanted {
                    return Ok(cut(length, "GIF"));
                }
            } else {
                if picture {
                    work.leave("the codes of a picture in it were looked at only at their beginning");
                }
                skip(&mut reader, u64::from(size))?;
            }
        }
        if picture && !lzw::unpacks(&codes, lzw::Form::Gif(u32::from(symbol))) && codes.len() < CODES_MAX {
            let why = "the codes of a picture in the GIF do not unpack".to_owned();
            return Ok(Structure::Broken { at, why, framing: false });
        }
    }
}
