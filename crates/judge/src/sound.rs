//! Ogg, FLAC and MP3: frames one behind the other, the first two under checksums.

use std::io;

use crate::frames::frame_size;
use crate::peek::Peek;
use crate::shown;
use crate::source::{Source, little32};
use crate::structure::Structure;
use crate::work::Work;

/// Lost sound of more than one part in fifty is no slip of a recorder.
const LOST_SHARE: u64 = 50;
const FLAC_FRAME_MAX: u64 = 4 << 20;

/// Ogg: every page carries a checksum over itself.
pub(super) fn ogg(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let tables = tables32();
    let mut peek = Peek::new(source);
    let (mut at, mut pages) = (0_u64, 0_u64);
    while at < peek.length {
        let Some(head) = peek.array::<27>(at)? else { return Ok(cut(peek.length, "Ogg file")) };
        if !head.starts_with(b"OggS") {
            let why = "the chain of pages of the Ogg file breaks off".to_owned();
            return Ok(if pages > 0 && peek.bytes(at, 4096)?.iter().all(|byte| *byte == 0) {
                Structure::Trailing { at, bytes: peek.length - at }
            } else {
                Structure::broken(at, why)
            });
        }
        let segments = usize::from(head[26]);
        let lengths = peek.bytes(at + 27, segments)?;
        if lengths.len() < segments {
            return Ok(cut(peek.length, "Ogg file"));
        }
        let size = 27 + segments + lengths.iter().map(|length| usize::from(*length)).sum::<usize>();
        if !work.spend(size as u64) {
            return Ok(Work::exhausted("Ogg file"));
        }
        let (mut sum, mut done) = (0_u32, 0_usize);
        while done < size {
            let piece = peek.bytes(at + done as u64, size - done)?;
            if piece.is_empty() {
                return Ok(cut(peek.length, "Ogg file"));
            }
            // The place of the checksum itself counts as zeros.
            let (head, rest) = piece.split_at(26_usize.saturating_sub(done).min(piece.len()));
            for (place, byte) in head.iter().enumerate() {
                sum = sum_over(&tables, sum, &[if done + place < 22 { *byte } else { 0 }]);
            }
            sum = sum_over(&tables, sum, rest);
            done += piece.len();
        }
        if sum.to_le_bytes() != head[22..26] {
            let why = "a page of the Ogg file does not fit its checksum".to_owned();
            return Ok(Structure::Broken { at, why, framing: false });
        }
        at += size as u64;
        pages += 1;
    }
    Ok(Structure::Whole(format!("all {pages} pages of the Ogg file fit their checksums")))
}

/// FLAC: blocks of description, then frames, each with a checksum over its head and one over all of it.
pub(super) fn flac(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let mut at = 4_u64;
    loop {
        let Some(head) = peek.array::<4>(at)? else { return Ok(cut(peek.length, "FLAC file")) };
        if head[0] & 0x7f == 0x7f {
            return Ok(Structure::broken(at, "a block of the FLAC file begins with nonsense".to_owned()));
        }
        at += 4 + (u64::from(head[1]) << 16 | u64::from(head[2]) << 8 | u64::from(head[3]));
        if head[0] & 0x80 != 0 {
            break;
        }
    }
    if !work.spend(peek.length) {
        return Ok(Work::exhausted("FLAC file"));
    }
    frames(&mut peek, at)
}

fn frames(peek: &mut Peek<'_>, mut at: u64) -> io::Result<Structure> {
    let table = table16();
    let (mut count, mut begun, mut sum) = (0_u64, at, 0_u16);
    if at < peek.length && !is_frame_head(peek.bytes(at, 16)?) {
        return Ok(Structure::broken(at, "the first frame of the FLAC file is none".to_owned()));
    }
    while at < peek.length {
        // A sum that has come out to zero is where a frame may end: there the next one begins.
        if sum == 0 && at > begun {
            let ahead = peek.bytes(at, 16)?;
            if is_frame_head(ahead) || ahead.starts_with(b"TAG") {
                count += 1;
                if ahead.starts_with(b"TAG") {
                    return Ok(Structure::Whole(format!(
                        "all {count} frames of the FLAC file fit their checksums"
                    )));
                }
                begun = at;
            }
        }
        if at - begun > FLAC_FRAME_MAX {
            let why = "a frame of the FLAC file does not fit its checksum".to_owned();
            return Ok(Structure::Broken { at: begun, why, framing: false });
        }
        let ahead = peek.ahead(at)?;
        let mut used = 0;
        for byte in ahead {
            sum = sum << 8 ^ table[usize::from((sum >> 8) as u8 ^ byte)];
            used += 1;
            if sum == 0 {
                break;
            }
        }
        if used == 0 {
            break;
        }
        at += used;
    }
    if sum == 0 || count == 0 && begun == at {
        return Ok(Structure::Whole(format!(
            "all {} frames of the FLAC file fit their checksums",
            count + 1
        )));
    }
    let why = "a frame of the FLAC file does not fit its checksum".to_owned();
    Ok(Structure::Broken { at: begun, why, framing: false })
}

fn is_frame_head(bytes: &[u8]) -> bool {
    let [0xff, 0xf8 | 0xf9, sizes, channels, rest @ ..] = bytes else { return false };
    if sizes >> 4 == 0 || sizes & 15 == 15 || channels >> 4 > 10 || channels & 1 == 1 {
        return false;
    }
    let number = match rest.first() {
        Some(first) if first.leading_ones() <= 7 && first.leading_ones() != 1 => {
            first.leading_ones().max(1) as usize
        }
        _ => return false,
    };
    let block = match sizes >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let rate = match sizes & 15 {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    let end = 4 + number + block + rate;
    bytes.get(end).is_some_and(|sum| {
        let own = bytes[..end].iter().fold(0_u8, |sum, byte| {
            (0..8).fold(sum ^ byte, |sum, _| if sum & 0x80 == 0 { sum << 1 } else { sum << 1 ^ 7 })
        });
        own == *sum
    })
}

/// MP3: tags in front and behind, between them frames whose heads say how long they are.
pub(super) fn mp3(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let mut at = 0_u64;
    let (mut frames, mut lost, mut first_lost) = (0_u64, 0_u64, None);
    if !work.spend(peek.length) {
        return Ok(Work::exhausted("MP3 file"));
    }
    while at < peek.length {
        let head = peek.bytes(at, 32)?;
        if let Some(size) = frame_size(head).or_else(|| tag_size(head)) {
            frames += u64::from(head[0] == 0xff);
            at += size;
            continue;
        }
        // Other programs put the same tag in front of sound of other forms.
        if at > 0 && frames == 0 && shown::by_magic(head).is_some() {
            return Ok(Structure::Partly("is sound of another form behind a tag of MP3".to_owned()));
        }
        // The next place at which two frames follow each other.
        let mut next = at + 1;
        loop {
            let ahead = peek.ahead(next)?;
            let Some(place) = ahead.iter().position(|byte| *byte == 0xff) else {
                if ahead.is_empty() {
                    break;
                }
                next += ahead.len() as u64;
                continue;
            };
            next += place as u64;
            if let Some(size) = frame_size(peek.bytes(next, 8)?)
                && (next + size >= peek.length || frame_size(peek.bytes(next + size, 8)?).is_some())
            {
                break;
            }
            next += 1;
        }
        let next = next.min(peek.length);
        let filling = peek.bytes(at, 4096)?.iter().take(usize::try_from(next - at).unwrap_or(usize::MAX));
        if !filling.clone().all(|byte| *byte == 0) || first_lost.is_some() {
            first_lost.get_or_insert(at);
            lost += next - at;
        }
        at = next;
    }
    Ok(match first_lost {
        _ if frames == 0 => Structure::broken(0, "holds no frame of sound".to_owned()),
        Some(at) if lost * LOST_SHARE > peek.length => {
            Structure::broken(at, format!("{lost} bytes between its {frames} frames are no sound"))
        }
        Some(_) => Structure::Partly(format!("is an MP3 file with {lost} bytes that are no sound")),
        None if at > peek.length + 2048 => cut(peek.length, "MP3 file"),
        None => Structure::Framed(format!("the {frames} frames of the MP3 file follow each other")),
    })
}

fn tag_size(bytes: &[u8]) -> Option<u64> {
    let seven =
        |at: usize| bytes[at..at + 4].iter().fold(0_u64, |sum, byte| sum << 7 | u64::from(byte & 0x7f));
    match bytes {
        [b'I', b'D', b'3', _, _, flags, ..] if bytes.len() >= 10 => {
            Some(10 + seven(6) + if flags & 0x10 == 0 { 0 } else { 10 })
        }
        [b'T', b'A', b'G', ..] => Some(128),
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', ..] if bytes.len() >= 32 => {
            let head = bytes[23] & 0x20 != 0;
            Some(if head { 32 + u64::from(little32(bytes, 12)) } else { 32 })
        }
        _ => None,
    }
}

fn cut(length: u64, what: &str) -> Structure {
    Structure::Cut { at: length, why: format!("the {what} ends in the middle") }
}

/// The checksum of Ogg over more bytes, eight at a time: a table for each place that a byte may have among them.
fn sum_over(tables: &[[u32; 256]; 8], mut sum: u32, bytes: &[u8]) -> u32 {
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let mut next = 0;
        let [a, b, c, d] = sum.to_be_bytes();
        let mixed = [eight[0] ^ a, eight[1] ^ b, eight[2] ^ c, eight[3] ^ d];
        for (table, byte) in tables.iter().rev().zip(mixed.iter().chain(&eight[4..])) {
            next ^= table[usize::from(*byte)];
        }
        sum = next;
    }
    rest.iter().fold(sum, |sum, byte| sum << 8 ^ tables[0][usize::from((sum >> 24) as u8 ^ byte)])
}

fn tables32() -> [[u32; 256]; 8] {
    let mut tables = [table32(); 8];
    for place in 1..8 {
        tables[place] = tables[place - 1].map(|sum| sum << 8 ^ tables[0][(sum >> 24) as usize]);
    }
    tables
}

fn table32() -> [u32; 256] {
    std::array::from_fn(|byte| {
        (0..8).fold(
            (byte as u32) << 24,
            |sum, _| if sum >> 31 == 0 { sum << 1 } else { sum << 1 ^ 0x04c1_1db7 },
        )
    })
}

fn table16() -> [u16; 256] {
    std::array::from_fn(|byte| {
        (0..8).fold((byte as u16) << 8, |sum, _| if sum >> 15 == 0 { sum << 1 } else { sum << 1 ^ 0x8005 })
    })
}
