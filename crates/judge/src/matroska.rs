//! Matroska and WebM: elements in elements, each with its name and its length. What they hold is packed; the chain
//! reaches into every cluster of sound and pictures.

use std::io;

use crate::peek::Peek;
use crate::source::Source;
use crate::structure::Structure;
use crate::work::Work;

const SEGMENT: u32 = 0x1853_8067;
const CLUSTER: u32 = 0x1f43_b675;
const BLOCK_GROUP: u32 = 0xa0;
/// What may stand in a segment, a cluster and a group of blocks, beside the three above.
#[rustfmt::skip]
const KNOWN: [u32; 28] = [
    0x1a45_dfa3, 0x114d_9b74, 0x1549_a966, 0x1654_ae6b, 0x1c53_bb6b, 0x1941_a469, 0x1043_a770, 0x1254_c367, 0xec, 0xbf,
    0xe7, 0xa3, 0xa7, 0xab, 0x5854, 0xaf,
    0xa1, 0xa2, 0x75a1, 0x9b, 0xfa, 0xfb, 0xfd, 0xa4, 0x75a2, 0x8e, 0xc8, 0xa5,
];

/// Elements of other names that programs of their own add.
const FOREIGN_MAX: u64 = 8;

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let (mut at, mut elements, mut segments, mut foreign) = (0_u64, 0_u64, 0_u64, 0_u64);
    while at < peek.length {
        let head = peek.bytes(at, 12)?;
        let Some((name, name_bytes)) = name(head) else { return Ok(nonsense(at)) };
        let Some((size, size_bytes)) = size(&head[name_bytes..]) else {
            return Ok(if head.len() < 12 { cut(peek.length) } else { nonsense(at) });
        };
        let is_list = matches!(name, SEGMENT | CLUSTER | BLOCK_GROUP);
        if !is_list && !KNOWN.contains(&name) {
            foreign += 1;
            // Short names are all given away.
            if name_bytes < 2 || foreign > FOREIGN_MAX {
                return Ok(nonsense(at));
            }
        }
        segments += u64::from(name == SEGMENT);
        at += (name_bytes + size_bytes) as u64;
        match size {
            // Written while it was recorded: the length was not known, and what is in it follows.
            _ if is_list => {
                if size.is_some_and(|size| name != SEGMENT && at.saturating_add(size) > peek.length) {
                    return Ok(cut(peek.length));
                }
            }
            Some(size) => at = at.saturating_add(size),
            None => return Ok(nonsense(at)),
        }
        elements += 1;
        if !work.spend(16) {
            return Ok(Work::exhausted("Matroska film"));
        }
    }
    Ok(if at > peek.length {
        cut(peek.length)
    } else if segments == 0 {
        Structure::broken(0, "there is no film in it".to_owned())
    } else {
        Structure::Framed(format!("the {elements} elements of the film follow each other"))
    })
}

fn nonsense(at: u64) -> Structure {
    Structure::broken(at, "an element of the film begins with nonsense".to_owned())
}

fn cut(length: u64) -> Structure {
    Structure::Cut { at: length, why: "the film ends in the middle".to_owned() }
}

/// The name with its length mark, and how many bytes it has.
fn name(bytes: &[u8]) -> Option<(u32, usize)> {
    let count = bytes.first()?.leading_zeros() as usize + 1;
    let name = bytes.get(..count).filter(|_| count <= 4)?;
    Some((name.iter().fold(0, |name, byte| name << 8 | u32::from(*byte)), count))
}

/// The length (`None`: not known when it was written), and how many bytes state it.
fn size(bytes: &[u8]) -> Option<(Option<u64>, usize)> {
    let first = *bytes.first()?;
    let count = first.leading_zeros() as usize + 1;
    let rest = bytes.get(1..count).filter(|_| count <= 8)?;
    let begin = u64::from(first) & ((1 << (8 - count)) - 1);
    let value = rest.iter().fold(begin, |value, byte| value << 8 | u64::from(*byte));
    let unknown = value == (1 << (7 * count)) - 1;
    Some(((!unknown).then_some(value), count))
}
