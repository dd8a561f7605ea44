//! Windows metafiles (WMF, EMF): records, one behind the other, each with its length and what it draws, up to one that
//! says that it is the last.
//!
//! Pictures inside records are passed over: they may be packed.

use std::io;

use crate::peek::Peek;
use crate::source::{Source, little16, little32};
use crate::structure::Structure;
use crate::work::Work;

const RECORDS_MAX: u64 = 10_000_000;
/// The last kind of record that is documented, with room for those that are not.
const KIND_MAX: u32 = 160;
const EMF_END: u32 = 14;

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let enhanced = peek.bytes(40, 4)? == b" EMF";
    if enhanced { emf(&mut peek, work) } else { wmf(&mut peek, work) }
}

fn emf(peek: &mut Peek<'_>, work: &mut Work) -> io::Result<Structure> {
    let mut at = 0;
    for _ in 0..RECORDS_MAX {
        if !work.spend(8) {
            return Ok(Work::exhausted("Windows metafile"));
        }
        let Some(head) = peek.array::<8>(at)? else { return Ok(cut(peek)) };
        let (kind, size) = (little32(&head, 0), u64::from(little32(&head, 4)));
        if !(1..=KIND_MAX).contains(&kind) || size < 8 || !size.is_multiple_of(4) || (at > 0 && kind == 1) {
            return Ok(nonsense(at));
        }
        at += size;
        if kind == EMF_END {
            return Ok(ended(peek, at));
        }
    }
    Ok(Work::exhausted("Windows metafile"))
}

fn wmf(peek: &mut Peek<'_>, work: &mut Work) -> io::Result<Structure> {
    let placed = peek.bytes(0, 4)? == b"\xd7\xcd\xc6\x9a";
    let head = if placed { 22 } else { 0 };
    let Some(bytes) = peek.array::<18>(head)? else { return Ok(cut(peek)) };
    if !matches!(little16(&bytes, 0), 1 | 2) || little16(&bytes, 2) != 9 {
        return Ok(nonsense(head));
    }
    let mut at = head + 18;
    for _ in 0..RECORDS_MAX {
        if !work.spend(8) {
            return Ok(Work::exhausted("Windows metafile"));
        }
        let Some(record) = peek.array::<6>(at)? else { return Ok(cut(peek)) };
        let (words, what) = (u64::from(little32(&record, 0)), little16(&record, 4));
        // Three words are the shortest record; what it draws is at most 0x0FFF.
        if words < 3 || what >= 0x1000 {
            return Ok(nonsense(at));
        }
        at += words * 2;
        if what == 0 {
            return Ok(ended(peek, at));
        }
    }
    Ok(Work::exhausted("Windows metafile"))
}

fn nonsense(at: u64) -> Structure {
    Structure::broken(at, "a record of the metafile begins with nonsense".to_owned())
}

fn cut(peek: &Peek<'_>) -> Structure {
    Structure::Cut { at: peek.length, why: "the metafile ends before its last record".to_owned() }
}

fn ended(peek: &Peek<'_>, at: u64) -> Structure {
    match peek.length.checked_sub(at) {
        None => cut(peek),
        Some(0..=3) => Structure::Whole("the chain of the metafile's records leads to its end".to_owned()),
        Some(bytes) => Structure::Trailing { at, bytes },
    }
}
