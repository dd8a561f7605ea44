//! tar: a chain of heads, each with a sum over itself, up to the zeros at the end. What the members hold is
//! not covered by any checksum and not looked at here.

use crate::source::Source;
use crate::structure::Structure;
use crate::work::Work;

const BLOCK: u64 = 512;

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let length = source.length();
    let (mut at, mut members) = (0_u64, 0_u64);
    loop {
        let mut head = [0; BLOCK as usize];
        let read = source.read_at(at, &mut head)?;
        if read == 0 && members > 0 {
            return Ok(Structure::Partly("is a tar without its closing zeros".to_owned()));
        }
        if read < head.len() {
            return Ok(Structure::Cut {
                at: length,
                why: "the tar ends within the head of a member".to_owned(),
            });
        }
        if head.iter().all(|byte| *byte == 0) {
            return Ok(Structure::Whole(format!(
                "the heads of all {members} members of the tar fit their sums"
            )));
        }
        let (Some(stated), Some(size)) = (number(&head[148..156]), number(&head[124..136])) else {
            return Ok(Structure::broken(at, format!("member {} of the tar has no head", members + 1)));
        };
        if stated != sum(&head) {
            let why = format!("the head of member {} of the tar does not fit its sum", members + 1);
            return Ok(Structure::broken(at, why));
        }
        // Links and folders may state a size and hold nothing.
        let holds = !matches!(head[156], b'1'..=b'6');
        let size = if holds { size.div_ceil(BLOCK).saturating_mul(BLOCK) } else { 0 };
        let more = if head[156] == b'S' { maps(source, at, head[482] != 0, work)? } else { 0 };
        at = at.saturating_add(BLOCK).saturating_add(more).saturating_add(size);
        members += 1;
        // The last member's filling is sometimes left away.
        if at > length.next_multiple_of(BLOCK) {
            return Ok(Structure::Cut {
                at: length,
                why: format!("member {members} of the tar ends behind the end"),
            });
        }
        if at >= length {
            return Ok(Structure::Partly("is a tar without its closing zeros".to_owned()));
        }
        if !work.spend(BLOCK) {
            return Ok(Work::exhausted("tar"));
        }
    }
}

/// A file with holes may need more room in front of its content to say where they are: so many bytes.
fn maps(source: &mut dyn Source, head: u64, mut follows: bool, work: &mut Work) -> std::io::Result<u64> {
    let mut bytes = 0;
    while follows && work.spend(BLOCK) {
        bytes += BLOCK;
        let mut last = [0];
        let read = source.read_at(head.saturating_add(bytes + 504), &mut last)?;
        follows = read == 1 && last[0] != 0;
    }
    Ok(bytes)
}

/// The head of a member, also in the oldest form, which has no mark: only the sum shows it.
pub(super) fn is_head(head: &[u8]) -> bool {
    let Some(head) = head.first_chunk::<512>() else { return false };
    head[0] != 0 && number(&head[148..156]).is_some_and(|stated| stated == sum(head))
}

/// Octal digits, or, from 8 GiB on, big endian with the first bit set.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let (high, low) = field.split_at(field.len() - 8);
        let small =
            high.iter().skip(1).all(|byte| *byte == 0) && high.first().is_none_or(|first| first & 0x7f == 0);
        return small.then(|| low.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let mut value = 0_u64;
    let mut digits = 0;
    for byte in field {
        match byte {
            b' ' if digits == 0 => {}
            b'0'..=b'7' => {
                value = value << 3 | u64::from(byte - b'0');
                digits += 1;
            }
            b' ' | 0 => break,
            _ => return None,
        }
    }
    Some(value)
}

/// Over all bytes, the sum itself counted as blanks.
fn sum(head: &[u8; 512]) -> u64 {
    head.iter()
        .enumerate()
        .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
        .sum()
}
