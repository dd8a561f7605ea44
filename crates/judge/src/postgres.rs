//! PostgreSQL: every page of a table or an index, by its head, and by its checksum where the cluster has them.
//!
//! These files have no mark and no ending; the head of their first page is known by the page size and version
//! that stand in it. Without checksums (`initdb` before version 18 leaves them out) the content of a page is
//! seen only as far as its head and its pointers go.

use std::io;

use crate::kept_pages;
use crate::source::{Source, little16, little32};
use crate::statistics::{count, is_nearly_even};
use crate::structure::Structure;
use crate::work::Work;

const HEAD: usize = 24;
/// Pages of a file; a larger table continues in a next file, and its pages are numbered on.
const SEGMENT_PAGES: u32 = 131_072;
const SEGMENTS_MAX: u32 = 256;

/// The page size, if a page of this kind begins here.
pub(super) fn page_size(head: &[u8], length: u64) -> Option<usize> {
    let head = head.get(..HEAD)?;
    let size = usize::from(little16(head, 18) & 0xff00);
    let fits = little16(head, 18) & 0xff == 4 && matches!(size, 4096 | 8192 | 16_384 | 32_768);
    (fits && is_head(head, size) && length.is_multiple_of(size as u64)).then_some(size)
}

fn is_head(head: &[u8], size: usize) -> bool {
    let place = |at: usize| usize::from(little16(head, at));
    let (lower, upper, special) = (place(12), place(14), place(16));
    little16(head, 10) & !7 == 0 && HEAD <= lower && lower <= upper && upper <= special && special <= size
}

/// For the comparison with a previous version.
pub(super) struct Frames {
    size: usize,
}

pub(super) fn pages_of(now: &mut dyn Source, before: &mut dyn Source) -> io::Result<Option<Frames>> {
    let size_of = |source: &mut dyn Source| -> io::Result<Option<usize>> {
        let mut head = [0; HEAD];
        source.read_at(0, &mut head)?;
        Ok(page_size(&head, source.length()))
    };
    let (new, old) = (size_of(now)?, size_of(before)?);
    Ok(new.filter(|size| Some(*size) == old).map(|size| Frames { size }))
}

impl kept_pages::Pages for Frames {
    fn size(&self) -> usize {
        self.size
    }

    /// Behind the pointers, if the same ones lead to the same places; in pages that have none, behind the head.
    fn content(&self, _: u64, now: &[u8], before: &[u8]) -> Option<std::ops::Range<usize>> {
        let (lower, special) = (usize::from(little16(before, 12)), usize::from(little16(before, 16)));
        let points = special == before.len() || (special < before.len() && is_tree(before, special));
        let behind = if points { lower.clamp(HEAD, before.len()) } else { HEAD };
        (now[12..behind] == before[12..behind]).then_some(behind..before.len())
    }
}

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let length = source.length();
    let mut page = vec![0; 64];
    source.read_at(0, &mut page)?;
    let Some(size) = page_size(&page, length) else {
        return Ok(Structure::broken(0, "its first page is none of PostgreSQL's".to_owned()));
    };
    page.resize(size, 0);
    let (mut number, mut first, mut summed, mut used) = (0_u32, None, 0_u64, 0_u64);
    for at in (0..length).step_by(size) {
        if source.read_at(at, &mut page)? < size || !work.spend(size as u64) {
            return Ok(Work::exhausted("PostgreSQL table"));
        }
        // A page that was never used.
        if page.iter().all(|byte| *byte == 0) {
            number += 1;
            continue;
        }
        used += 1;
        let version = usize::from(little16(&page, 18));
        if version != size | 4 || !is_head(&page[..HEAD], size) || !items_fit(&page) {
            return Ok(Structure::broken(at, format!("page {number} is no page of PostgreSQL")));
        }
        // Keys are even at most; what stands around them never is.
        if usize::from(little16(&page, 16)) != size && is_nearly_even(&count(&page[HEAD..])) {
            let why = format!("page {number} of the PostgreSQL index looks random behind its head");
            return Ok(Structure::Random { at, why });
        }
        if let Some(flaw) = random_rows(&page) {
            let why = format!("rows of page {number} of the PostgreSQL table have heads that cannot be");
            let place = at + flaw.at as u64;
            return Ok(if flaw.random {
                Structure::Random { at: place, why: format!("{why}, and look random") }
            } else {
                Structure::Broken { at: place, why, framing: false }
            });
        }
        let stated = little16(&page, 8);
        if stated != 0 {
            let sum = sum(&mut page);
            let fits = |start: u32| (sum ^ (start + number)) % 65_535 + 1 == u32::from(stated);
            let start = *first.get_or_insert_with(|| {
                (0..SEGMENTS_MAX)
                    .map(|segment| segment * SEGMENT_PAGES)
                    .find(|start| fits(*start))
                    .unwrap_or(0)
            });
            if !fits(start) {
                let why = format!("page {number} of the PostgreSQL table does not fit its checksum");
                return Ok(Structure::Broken { at, why, framing: false });
            }
            summed += 1;
        }
        number += 1;
    }
    let found = Structure::Whole(format!(
        "all {number} pages are pages of PostgreSQL, {summed} of them with a fitting checksum"
    ));
    // Where the cluster has no checksums, nothing covers what stands in the rows.
    Ok(if summed == used { found.sealed() } else { found })
}

/// In pages of tables (they have no special part) and of trees every pointer leads to a row within the page.
fn items_fit(page: &[u8]) -> bool {
    let place = |at: usize| usize::from(little16(page, at));
    let (lower, upper, special) = (place(12), place(14), place(16));
    if special != page.len() && !is_tree(page, special) {
        return true;
    }
    (lower - HEAD).is_multiple_of(4)
        && (HEAD..lower).step_by(4).all(|at| {
            let item = little32(page, at);
            let (offset, state, size) = ((item & 0x7fff) as usize, item >> 15 & 3, (item >> 17) as usize);
            state != 1 || (offset >= upper && offset + size <= special)
        })
}

struct Flaw {
    at: usize,
    random: bool,
}

/// Every row begins with a head (PostgreSQL, `htup_details.h`, `itup.h`): in tables its length fits to the number of
/// columns, in B-trees its size to the pointer. The lowest row of which that is not so, and whether all from there to the
/// end looks random.
fn random_rows(page: &[u8]) -> Option<Flaw> {
    let place = |at: usize| usize::from(little16(page, at));
    let (lower, special) = (place(12), place(16));
    let of_table = special == page.len();
    if !of_table && !is_tree(page, special) {
        return None;
    }
    let wrong = (HEAD..lower.min(special)).step_by(4).filter_map(|at| {
        let item = little32(page, at);
        let (offset, state, size) = ((item & 0x7fff) as usize, item >> 15 & 3, (item >> 17) as usize);
        let row = page.get(offset..offset + size).filter(|_| state == 1)?;
        let fits = if of_table { is_row(row) } else { is_entry(row) };
        (!fits).then_some(offset)
    });
    let at = wrong.min()?;
    let rest = &page[at..special];
    Some(Flaw { at, random: rest.len() >= 256 && is_nearly_even(&count(rest)) })
}

/// Special space of 16 bytes: B-tree, hash and GiST have it, and the last two mark themselves at its end. Pages that
/// describe the tree or were deleted hold no entries.
fn is_tree(page: &[u8], special: usize) -> bool {
    let (flags, mark) = (little16(page, special + 12), little16(page, special + 14));
    page.len() - special == 16 && mark < 0xff80 && flags & (1 << 2 | 1 << 3) == 0 && flags < 1 << 10
}

/// Two reserved bits, the number of columns, and where the data begins: behind 23 bytes and one bit for each column that
/// may be empty, on a multiple of eight (four on old machines); old ones have a number in front of it.
fn is_row(row: &[u8]) -> bool {
    if row.len() < 24 {
        return false;
    }
    let (columns, head) = (little16(row, 18), usize::from(row[22]));
    let bits = usize::from(columns & 0x7ff).div_ceil(8);
    columns & 0x1800 == 0
        && columns & 0x7ff <= 1664
        && head.is_multiple_of(4)
        && (23..=row.len().next_multiple_of(8)).contains(&head)
        && head <= 24 + bits + 12
}

/// The size of the entry, which the pointer rounds up.
fn is_entry(row: &[u8]) -> bool {
    row.len() >= 8
        && (usize::from(little16(row, 6)) & 0x1fff).next_multiple_of(8) == row.len().next_multiple_of(8)
}

/// PostgreSQL's own sum over a page, without the page's number: 32 sums side by side, after Fowler, Noll and Vo.
fn sum(page: &mut [u8]) -> u32 {
    const STARTS: [u32; 32] = [
        0x5b1f_36e9,
        0xb852_5960,
        0x02ab_50aa,
        0x1de6_6d2a,
        0x79ff_467a,
        0x9bb9_f8a3,
        0x217e_7cd2,
        0x83e1_3d2c,
        0xf8d4_474f,
        0xe39e_b970,
        0x42c6_ae16,
        0x9932_16fa,
        0x7b09_3b5d,
        0x98da_ff3c,
        0xf718_902a,
        0x0b1c_9cdb,
        0xe58f_764b,
        0x1876_36bc,
        0x5d7b_3bb1,
        0xe73d_e7de,
        0x92be_c979,
        0xcca6_c0b2,
        0x304a_0979,
        0x85aa_43d4,
        0x7831_25bb,
        0x6ca8_eaa2,
        0xe407_eac6,
        0x4b5c_fc3e,
        0x9fbf_8c76,
        0x15ca_20be,
        0xf2ca_9fd3,
        0x959b_d756,
    ];
    const PRIME: u32 = 16_777_619;
    page[8..10].fill(0);
    let mut sums = STARTS;
    let step = |sum: u32, value: u32| {
        let mixed = sum ^ value;
        mixed.wrapping_mul(PRIME) ^ (mixed >> 17)
    };
    for row in page.chunks_exact(128) {
        for (sum, word) in sums.iter_mut().zip(row.chunks_exact(4)) {
            *sum = step(*sum, little32(word, 0));
        }
    }
    for _ in 0..2 {
        for sum in &mut sums {
            *sum = step(*sum, 0);
        }
    }
    sums.into_iter().fold(0, |all, sum| all ^ sum)
}
