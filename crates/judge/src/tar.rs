//! tar: a chain of heads, each with a sum over itself, up to the zeros at the end. No sum covers what the members hold, so
//! the beginning of each is judged by its name, as in a ZIP.

use crate::inner::{self, Part, Sum};
use crate::source::{At, Source};
use crate::structure::Structure;
use crate::work::Work;

const BLOCK: u64 = 512;
/// A name that does not fit into a head stands in a member of its own; longer ones no system takes.
const NAME_MAX: u64 = 4096;

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let length = source.length();
    let (mut at, mut members) = (0_u64, 0_u64);
    let (mut sum_of_parts, mut disguised, mut long_name) = (Sum::default(), None, None);
    loop {
        let mut head = [0; BLOCK as usize];
        let read = source.read_at(at, &mut head)?;
        if read == 0 && members > 0 {
            let found = Structure::Partly("is a tar without its closing zeros".to_owned());
            return Ok(settled(found, disguised, &sum_of_parts));
        }
        if read < head.len() {
            return Ok(Structure::Cut {
                at: length,
                why: "the tar ends within the head of a member".to_owned(),
            });
        }
        if head.iter().all(|byte| *byte == 0) {
            let what = format!("the heads of all {members} members of the tar fit their sums");
            return Ok(settled(Structure::Whole(what), disguised, &sum_of_parts));
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
        let bytes = if holds { size } else { 0 };
        let size = if holds { size.div_ceil(BLOCK).saturating_mul(BLOCK) } else { 0 };
        let more = if head[156] == b'S' { maps(source, at, head[482] != 0, work)? } else { 0 };
        let data_at = at.saturating_add(BLOCK).saturating_add(more);
        at = data_at.saturating_add(size);
        members += 1;
        // The last member's filling is sometimes omitted.
        if at > length.next_multiple_of(BLOCK) {
            return Ok(Structure::Cut {
                at: length,
                why: format!("member {members} of the tar ends behind the end"),
            });
        }
        match head[156] {
            b'L' | b'x' if bytes <= NAME_MAX * 4 => {
                long_name = name_in(source, data_at, bytes)?.or(long_name);
            }
            // A file; one with holes is not stored as it is.
            0 | b'0' | b'7' => {
                let name = long_name.take().unwrap_or_else(|| until_zero(&head[..100]));
                if let Some(why) = member(source, &name, data_at, bytes, &mut sum_of_parts, work)? {
                    disguised.get_or_insert((data_at, format!("the member `{name}` {why}")));
                }
            }
            b'S' => {
                long_name = None;
                work.leave("a member with holes was not looked into");
            }
            b'L' | b'x' => work.leave("a description in it is too long to be read"),
            _ if head[156] != b'g' && head[156] != b'K' => long_name = None,
            _ => {}
        }
        if at >= length {
            let found = Structure::Partly("is a tar without its closing zeros".to_owned());
            return Ok(settled(found, disguised, &sum_of_parts));
        }
        if !work.spend(BLOCK) {
            return Ok(Work::exhausted("tar"));
        }
    }
}

fn settled(found: Structure, disguised: Option<(u64, String)>, sum: &Sum) -> Structure {
    match disguised {
        Some((at, why)) => Structure::Random { at, why },
        None => sum.complaint(false).unwrap_or(found),
    }
}

/// The beginning of one member; says why if it is not what its name promises.
fn member(
    source: &mut dyn Source,
    name: &str,
    at: u64,
    bytes: u64,
    sum: &mut Sum,
    work: &mut Work,
) -> std::io::Result<Option<String>> {
    let read = bytes.min(inner::HEAD as u64);
    if bytes == 0 || !work.spend(read) {
        return Ok(None);
    }
    if read < bytes {
        work.leave("of long members only the first 64 KiB were looked at");
    }
    let head = At::new(source, at, at.saturating_add(read)).limited_to(read)?.into_inner();
    let mut part = Part::new(name);
    part.take(&head);
    part.passes(bytes.saturating_sub(head.len() as u64));
    Ok(sum.add(&part, bytes))
}

/// A long name: as it is (GNU), or as `path=` among other fields (POSIX).
fn name_in(source: &mut dyn Source, at: u64, bytes: u64) -> std::io::Result<Option<String>> {
    let text = At::new(source, at, at.saturating_add(bytes)).limited_to(bytes)?.into_inner();
    let is_field = |line: &&[u8]| {
        line.iter().position(|byte| *byte == b' ').is_some_and(|at| line[at + 1..].contains(&b'='))
    };
    if !text.split(|byte| *byte == b'\n').next().is_some_and(|line| is_field(&line)) {
        return Ok(Some(until_zero(&text)));
    }
    let path = text.split(|byte| *byte == b'\n').find_map(|line| {
        let at = memchr::memmem::find(line, b" path=")?;
        Some(String::from_utf8_lossy(&line[at + 6..]).into_owned())
    });
    Ok(path)
}

fn until_zero(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next().unwrap_or_default()).into_owned()
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
