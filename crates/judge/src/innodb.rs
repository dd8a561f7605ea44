//! InnoDB (MySQL, MariaDB): every page of a tablespace against its own checksum, which lies over what is on the disk, so
//! packed and encrypted pages are verified without a key.
//!
//! Sources: MariaDB `storage/innobase` (`buf0buf.cc`, `buf0checksum.cc`, `fil0fil.h`, `fsp0types.h`). Which form a file
//! has is in the flags of its first page. Files whose sums are of an older kind (`innodb`, `none`) fit nowhere; they are
//! not accused.

use std::io;

use crate::crc32c::{crc32c, extend};
use crate::source::{Source, big16, big32};
use crate::statistics::{count, is_nearly_even};
use crate::structure::Structure;
use crate::work::Work;

const FSP_HEADER: u16 = 8;
/// Pages of a block of copies.
const COPIES: u64 = 64;
/// Packed pages of older versions carry no sum.
const WITHOUT_SUM: [u16; 2] = [34_354, 37_401];
/// MySQL's own encryption sums the plain page.
const SUMMED_IN_PLAIN: std::ops::RangeInclusive<u16> = 15..=17;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One sum over the whole page, at its end.
    Full,
    /// One sum at both ends.
    Plain,
    /// Rows packed in pages of a smaller size.
    Packed,
}

struct Layout {
    form: Form,
    size: usize,
}

/// If this is the first page of a tablespace.
fn layout(head: &[u8], length: u64) -> Option<Layout> {
    let same_space = big32(head, 34) == big32(head, 38);
    if head.len() < 64 || big16(head, 24) != FSP_HEADER || big32(head, 4) != 0 || !same_space {
        return None;
    }
    let flags = big32(head, 54);
    let of_code = |code: u32| 512_usize << code;
    let (form, size) = if flags & 16 != 0 {
        (Form::Full, of_code(flags & 15))
    } else {
        match (flags >> 1 & 15, flags >> 6 & 15) {
            (0, 0) => (Form::Plain, 16_384),
            (0, code) => (Form::Plain, of_code(code)),
            (code, _) => (Form::Packed, of_code(code)),
        }
    };
    let stated = u64::from(big32(head, 46));
    let fits = (1024..=65_536).contains(&size) && length >= size as u64 && stated > 0;
    (fits && stated <= (length / size as u64).saturating_mul(64).max(64)).then_some(Layout { form, size })
}

pub(super) fn begins_here(head: &[u8], length: u64) -> bool {
    layout(head, length).is_some()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Page {
    Fits,
    Empty,
    WithoutSum,
    Bad,
}

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let length = source.length();
    let mut head = [0; 64];
    source.read_at(0, &mut head)?;
    let Some(Layout { form, size }) = layout(&head, length) else {
        return Ok(Structure::broken(0, "its first page is none of InnoDB's".to_owned()));
    };
    let mut page = vec![0; size];
    let copies = if big32(&head, 34) == 0 { copies(source, size)? } else { Vec::new() };
    let (mut fits, mut open, mut bad, mut numbered) = (0_u64, 0_u64, None, true);
    let whole = length / size as u64;
    for number in 0..whole {
        if !work.spend(size as u64) {
            return Ok(Work::exhausted("database (InnoDB)"));
        }
        source.read_at(number * size as u64, &mut page)?;
        let found = match judged(form, number, &page) {
            Page::Bad if copies.iter().any(|block| (*block..*block + COPIES).contains(&number)) => {
                Page::WithoutSum
            }
            found => found,
        };
        match found {
            Page::Fits => fits += 1,
            Page::Empty => {}
            Page::WithoutSum => open += 1,
            Page::Bad => {
                numbered &= u64::from(big32(&page, 4)) == number;
                let random = is_random(&page);
                let worse = bad.is_none_or(|(_, known): (u64, bool)| random && !known);
                if worse {
                    bad = Some((number, random));
                }
            }
        }
    }
    Ok(match bad {
        // Not one fits, and every page knows its number: sums of another kind, or none.
        Some(_) if fits == 0 && numbered => {
            Structure::Partly("InnoDB: its pages carry sums of a kind that is not checked".to_owned())
        }
        Some((number, random)) => {
            let (at, why) =
                (number * size as u64, format!("page {number} of InnoDB does not fit its checksum"));
            if random { Structure::Random { at, why } } else { Structure::Broken { at, why, framing: false } }
        }
        None if !length.is_multiple_of(size as u64) => {
            Structure::Cut { at: length, why: format!("InnoDB: it ends within page {whole}") }
        }
        None => {
            let found = Structure::Whole(format!(
                "InnoDB: {fits} of {whole} pages fit their checksums, the others are empty or have none"
            ));
            if open == 0 { found.sealed() } else { found }
        }
    })
}

/// In the system tablespace pages of all others are written first, of whatever form they are: in two blocks, of which page 5
/// knows the places (`trx0sys.h`, TRX_SYS_DOUBLEWRITE).
fn copies(source: &mut dyn Source, size: usize) -> io::Result<Vec<u64>> {
    let mut found = [0; 12];
    let at = 6 * size as u64 - 200 + 10;
    let read = source.read_at(at, &mut found)?;
    let there = read == found.len() && big32(&found, 0) == 536_853_855;
    Ok(if there { vec![u64::from(big32(&found, 4)), u64::from(big32(&found, 8))] } else { Vec::new() })
}

/// Most of it, so that a row of packed bytes in a page that was torn is not called encryption.
fn is_random(page: &[u8]) -> bool {
    let pieces = || page.chunks(512);
    pieces().filter(|piece| is_nearly_even(&count(piece))).count() * 4 >= pieces().count() * 3
}

fn judged(form: Form, number: u64, page: &[u8]) -> Page {
    if page.iter().all(|byte| *byte == 0) {
        return Page::Empty;
    }
    let (size, kind) = (page.len(), big16(page, 24));
    let open = WITHOUT_SUM.contains(&kind) || SUMMED_IN_PLAIN.contains(&kind);
    // The version of its key; the sum stands behind it then.
    let encrypted = number > 0 && big32(page, 26) != 0;
    let fits = match form {
        Form::Full => {
            let packed = usize::from(kind & 0x7fff) << 8;
            let end = if kind & 0x8000 != 0 && (256..=size).contains(&packed) { packed } else { size };
            crc32c(&page[..end - 4]) == big32(page, end - 4)
        }
        _ if open => return Page::WithoutSum,
        Form::Plain => {
            let sum = crc32c(&page[4..26]) ^ crc32c(&page[38..size - 8]);
            let stated = if encrypted { big32(page, 30) } else { big32(page, 0) };
            sum == stated || big32(page, 0) == 0xdead_beef
        }
        Form::Packed => {
            let sum = crc32c(&page[4..16]) ^ crc32c(&page[24..26]) ^ !extend(!0, &page[34..]);
            sum == if encrypted { big32(page, 30) } else { big32(page, 0) } || big32(page, 0) == 0xdead_beef
        }
    };
    if fits { Page::Fits } else { Page::Bad }
}
