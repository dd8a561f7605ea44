//! RAR, both forms: a chain of heads, each under a checksum. What is packed is not unpacked here; files that are only
//! stored are held against their checksum. Encryption is named in the heads.

use std::io;

use crate::peek::Peek;
use crate::source::{Source, little16, little32};
use crate::structure::Structure;
use crate::work::Work;

const HEADS_MAX: u64 = 1_000_000;
/// Heads are short; longer ones were not written by any version.
const HEAD_MAX: u64 = 2 << 20;

const PASSWORD: &str = "RAR archive with a password";

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    match peek.bytes(6, 2)? {
        [0, ..] => old(&mut peek, work),
        [1, 0] => new(&mut peek, work),
        _ => Ok(Structure::broken(6, "is no RAR of a form that is known".to_owned())),
    }
}

fn ended(heads: u64) -> Structure {
    Structure::Partly(format!(
        "the {heads} heads of the RAR fit their checksums; what is packed was not unpacked"
    ))
}

fn cut(length: u64) -> Structure {
    Structure::Cut { at: length, why: "the RAR ends in the middle".to_owned() }
}

fn wrong(at: u64) -> Structure {
    Structure::broken(at, "a head of the RAR does not fit its checksum".to_owned())
}

/// Up to version 4.
fn old(peek: &mut Peek<'_>, work: &mut Work) -> io::Result<Structure> {
    let (mut at, mut heads) = (7_u64, 0_u64);
    while at < peek.length {
        let Some(fixed) = peek.array::<7>(at)? else { return Ok(cut(peek.length)) };
        let (kind, flags, size) = (fixed[2], little16(&fixed, 3), little16(&fixed, 5));
        let head = peek.bytes(at, usize::from(size))?.to_vec();
        if size < 7 || head.len() < usize::from(size) {
            return Ok(if size < 7 { wrong(at) } else { cut(peek.length) });
        }
        // The comment that old versions kept in a head is not under its checksum.
        let has_comment = (kind == 0x73 && flags & 2 != 0) || (kind == 0x74 && flags & 8 != 0);
        if !has_comment && crc(&head[2..]) & 0xffff != u32::from(little16(&head, 0)) {
            return Ok(wrong(at));
        }
        if (kind == 0x73 && flags & 0x80 != 0) || (kind == 0x74 && flags & 4 != 0) {
            return Ok(Structure::Declared(PASSWORD.to_owned()));
        }
        let mut data = 0;
        if matches!(kind, 0x74 | 0x7a) || flags & 0x8000 != 0 {
            data = u64::from(little32(&head, 7));
            if matches!(kind, 0x74 | 0x7a) && flags & 0x100 != 0 {
                data |= u64::from(little32(&head, 32)) << 32;
            }
        }
        at = at.saturating_add(u64::from(size)).saturating_add(data);
        heads += 1;
        if kind == 0x7b {
            return Ok(behind(peek, at, heads));
        }
        if at > peek.length {
            return Ok(cut(peek.length));
        }
        if heads > HEADS_MAX || !work.spend(u64::from(size)) {
            return Ok(Work::exhausted("RAR archive"));
        }
    }
    // Before version 3 nothing stood at the end.
    Ok(ended(heads))
}

/// Behind the last head recovery data and signatures of others may follow.
fn behind(peek: &Peek<'_>, at: u64, heads: u64) -> Structure {
    if at < peek.length { Structure::Trailing { at, bytes: peek.length - at } } else { ended(heads) }
}

/// From version 5 on.
fn new(peek: &mut Peek<'_>, work: &mut Work) -> io::Result<Structure> {
    let (mut at, mut heads) = (8_u64, 0_u64);
    loop {
        let fixed = peek.bytes(at, 16)?.to_vec();
        if fixed.len() < 7 {
            return Ok(cut(peek.length));
        }
        let mut fields = Fields { bytes: &fixed, at: 4 };
        let Some(size) = fields.number().filter(|size| (1..=HEAD_MAX).contains(size)) else {
            return Ok(wrong(at));
        };
        let begin = fields.at as u64;
        let Some(head) = whole(peek, at + 4, begin - 4 + size)? else { return Ok(cut(peek.length)) };
        if crc(&head) != little32(&fixed, 0) {
            return Ok(wrong(at));
        }
        let body = &head[usize::try_from(begin - 4).expect("at most 16")..];
        let Some(block) = Block::of(body) else { return Ok(wrong(at)) };
        if block.is_encrypted {
            return Ok(Structure::Declared(PASSWORD.to_owned()));
        }
        let data_at = at + begin + size;
        if data_at.saturating_add(block.data) > peek.length {
            return Ok(cut(peek.length));
        }
        if !work.spend(size + if block.stored_sum.is_some() { block.data } else { 0 }) {
            return Ok(Work::exhausted("RAR archive"));
        }
        if let Some(stated) = block.stored_sum
            && sum(peek, data_at, block.data)? != stated
        {
            let why = "a stored file in the RAR does not fit its checksum".to_owned();
            return Ok(Structure::Broken { at: data_at, why, framing: false });
        }
        at = data_at + block.data;
        heads += 1;
        if block.is_last {
            return Ok(behind(peek, at, heads));
        }
        if heads > HEADS_MAX {
            return Ok(Work::exhausted("RAR archive"));
        }
    }
}

/// What a head of the new form says.
struct Block {
    is_last: bool,
    is_encrypted: bool,
    data: u64,
    /// Of a file that is stored as it is, all of it here.
    stored_sum: Option<u32>,
}

impl Block {
    fn of(body: &[u8]) -> Option<Block> {
        let mut fields = Fields { bytes: body, at: 0 };
        let (kind, flags) = (fields.number()?, fields.number()?);
        let extra = if flags & 1 != 0 { fields.number()? } else { 0 };
        let data = if flags & 2 != 0 { fields.number()? } else { 0 };
        let mut block = Block { is_last: kind == 5, is_encrypted: kind == 4, data, stored_sum: None };
        if kind != 2 && kind != 3 {
            return Some(block);
        }
        let file_flags = fields.number()?;
        let unpacked = fields.number()?;
        fields.number()?;
        fields.at += if file_flags & 2 != 0 { 4 } else { 0 };
        let sum =
            if file_flags & 4 != 0 { Some(little32(body.get(fields.at..fields.at + 4)?, 0)) } else { None };
        fields.at += if sum.is_some() { 4 } else { 0 };
        let method = fields.number()? >> 7 & 7;
        let is_part = flags & 0x18 != 0;
        block.stored_sum = sum.filter(|_| method == 0 && unpacked == data && !is_part);
        let from = body.len().checked_sub(usize::try_from(extra).ok()?)?;
        let mut records = Fields { bytes: body, at: from };
        while records.at < body.len() {
            let size = usize::try_from(records.number()?).ok()?;
            let begin = records.at;
            block.is_encrypted |= records.number()? == 1;
            records.at = begin.checked_add(size)?;
        }
        if block.is_encrypted {
            block.stored_sum = None;
        }
        Some(block)
    }
}

/// Seven bits of a number in each byte, the lowest first; the eighth says that more follow.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for place in 0..9 {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

fn whole(peek: &mut Peek<'_>, at: u64, size: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < size {
        let left = usize::try_from(size - bytes.len() as u64).unwrap_or(usize::MAX);
        let piece = peek.bytes(at + bytes.len() as u64, left)?;
        if piece.is_empty() {
            return Ok(None);
        }
        bytes.extend_from_slice(piece);
    }
    Ok(Some(bytes))
}

fn sum(peek: &mut Peek<'_>, at: u64, size: u64) -> io::Result<u32> {
    let (mut crc, mut done) = (flate2::Crc::new(), 0);
    while done < size {
        let piece = peek.bytes(at + done, usize::try_from(size - done).unwrap_or(usize::MAX))?;
        if piece.is_empty() {
            break;
        }
        crc.update(piece);
        done += piece.len() as u64;
    }
    Ok(crc.sum())
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
