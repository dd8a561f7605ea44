//! SQLite: the head, and every page against what a page of its place can be.
//!
//! One pass in file order. A page is a tree page (its type, its cell pointers and free space must fit
//! together), or it continues a long record (then its first four bytes name the next such page), or it is
//! free. Encrypted pages are none of these. Changes inside a record that leave the page's frame alone
//! are not seen: SQLite keeps no checksums.

use crate::kept_pages;
use crate::source::{Source, big16, big32};
use crate::structure::Structure;

/// Pages remembered one bit each: 32 MiB of memory at most.
const PAGES_MAX: u64 = 1 << 27;
/// Up to this many pages the chains of long records are followed: 32 MiB of memory.
const CHAINED_MAX: u64 = 1 << 23;
/// SQLite's own limit for a record.
const RECORD_MAX: usize = 1 << 31;

struct Head {
    page_size: usize,
    usable: usize,
    pages: u64,
    stated_pages: Option<u64>,
    first_map_page: Option<u64>,
    free_list: u64,
    /// Texts are UTF-8.
    utf8: bool,
}

/// A page that is wrong, or pages that do not agree with each other.
enum Trouble {
    Page(u64, String),
    /// A page that another one points to holds only zeros.
    Zeroed(u64),
    /// Pages that were written at different moments.
    Torn(u64),
}

/// `being_written`: its journal lies beside it, so that a copy may be between two states.
pub(super) fn check(source: &mut dyn Source, being_written: bool) -> std::io::Result<Structure> {
    let mut bytes = [0; 100];
    let read = source.read_at(0, &mut bytes)?;
    let length = source.length();
    if read < 100 {
        return Ok(Structure::Cut { at: length, why: "the database ends within its head".to_owned() });
    }
    let head = match read_head(&bytes, length) {
        Ok(head) => head,
        Err(why) => return Ok(Structure::broken(0, why)),
    };
    let unfinished =
        || Structure::Partly("was being written when it was copied; its journal lies beside it".to_owned());
    if !length.is_multiple_of(head.page_size as u64)
        || head.stated_pages.is_some_and(|stated| stated > head.pages)
    {
        if being_written {
            return Ok(unfinished());
        }
        let why =
            format!("the database is cut off: {} of {:?} pages", head.pages, head.stated_pages.unwrap_or(0));
        return Ok(Structure::Cut { at: length, why });
    }
    if head.pages > PAGES_MAX {
        return Ok(Structure::Partly(
            "is a database larger than this version checks page by page".to_owned(),
        ));
    }
    let free = free_pages(source, &head)?;
    Ok(match walk(source, &head, &free)? {
        None => Structure::Whole(format!("SQLite: all {} pages are what pages can be", head.pages)),
        Some(Trouble::Page(page, why)) => Structure::broken(
            (page - 1) * head.page_size as u64,
            format!("page {page} of the database {why}"),
        ),
        Some(Trouble::Zeroed(_) | Trouble::Torn(_)) if being_written => unfinished(),
        Some(Trouble::Zeroed(page)) => Structure::Broken {
            at: (page - 1) * head.page_size as u64,
            why: format!("page {page} of the database is wiped (only zeros), but still in use"),
            framing: false,
        },
        Some(Trouble::Torn(page)) => Structure::Partly(format!(
            "page {page} does not fit the others, as in a copy made while it was written"
        )),
    })
}

fn read_head(bytes: &[u8; 100], length: u64) -> Result<Head, String> {
    let page_size = match big16(bytes, 16) {
        1 => 65_536,
        size if size >= 512 && size.is_power_of_two() => usize::from(size),
        size => return Err(format!("the head of the database names a page size of {size}")),
    };
    let formats_fit = matches!(bytes[18], 1 | 2) && matches!(bytes[19], 1 | 2);
    if !formats_fit || bytes[21..24] != [64, 32, 32] || !matches!(big32(bytes, 56), 0..=3) {
        return Err("the head of the database holds values that cannot be".to_owned());
    }
    let usable = page_size - usize::from(bytes[20]);
    // The page count is valid only if it was written together with the change counter.
    let counted = big32(bytes, 24) == big32(bytes, 92) && big32(bytes, 28) > 0;
    let pages = length / page_size as u64;
    Ok(Head {
        page_size,
        usable,
        pages,
        stated_pages: counted.then(|| u64::from(big32(bytes, 28))),
        first_map_page: (big32(bytes, 52) > 0).then_some(2),
        free_list: u64::from(big32(bytes, 32)),
        utf8: big32(bytes, 56) <= 1,
    })
}

impl Head {
    /// Pages that hold the map of who points to whom, in databases that shrink by themselves.
    fn is_map_page(&self, page: u64) -> bool {
        let each = self.usable as u64 / 5 + 1;
        self.first_map_page.is_some_and(|first| page >= first && (page - first).is_multiple_of(each))
    }

    /// The page around byte 2^30 is never used: file locks live there.
    fn is_lock_page(&self, page: u64) -> bool {
        page == (1 << 30) / self.page_size as u64 + 1
    }
}

/// One bit for each page.
struct Pages(Vec<u64>);

impl Pages {
    fn new(count: u64) -> Pages {
        Pages(vec![0; usize::try_from(count / 64 + 1).expect("at most PAGES_MAX")])
    }

    fn place(page: u64) -> (usize, u64) {
        (usize::try_from(page / 64).unwrap_or(usize::MAX), page % 64)
    }

    /// Pages behind the end are ignored: whoever asks has checked, or reports it.
    fn insert(&mut self, page: u64) -> bool {
        let (word, bit) = Pages::place(page);
        let Some(word) = self.0.get_mut(word) else { return false };
        let new = *word >> bit & 1 == 0;
        *word |= 1 << bit;
        new
    }

    fn contains(&self, page: u64) -> bool {
        let (word, bit) = Pages::place(page);
        self.0.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }
}

/// For the comparison with a previous version: pages of the same size, and those that were free before.
pub(super) struct Frames {
    page_size: usize,
    free: Pages,
}

pub(super) fn pages_of(now: &mut dyn Source, before: &mut dyn Source) -> std::io::Result<Option<Frames>> {
    let head_of = |source: &mut dyn Source| -> std::io::Result<Option<Head>> {
        let mut bytes = [0; 100];
        let read = source.read_at(0, &mut bytes)?;
        let length = source.length();
        Ok(if read == 100 { read_head(&bytes, length).ok() } else { None })
    };
    let (Some(new), Some(old)) = (head_of(now)?, head_of(before)?) else { return Ok(None) };
    if new.page_size != old.page_size || old.pages > PAGES_MAX {
        return Ok(None);
    }
    Ok(Some(Frames { page_size: new.page_size, free: free_pages(before, &old)? }))
}

impl kept_pages::Pages for Frames {
    fn size(&self) -> usize {
        self.page_size
    }

    /// Of a tree page behind its pointers, if they are the same; of any other behind the number of the page that
    /// continues it.
    fn content(&self, number: u64, now: &[u8], before: &[u8]) -> Option<std::ops::Range<usize>> {
        if self.free.contains(number + 1) {
            return None;
        }
        let frame = if number == 0 { 100 } else { 0 };
        let inner = match before[frame] {
            2 | 5 => true,
            10 | 13 => false,
            _ => return (frame == 0 && now[..4] == before[..4]).then_some(4..before.len()),
        };
        let behind = frame + if inner { 12 } else { 8 } + 2 * usize::from(big16(before, frame + 3));
        let same = now.get(frame..behind)? == before.get(frame..behind)?;
        same.then_some(behind..before.len())
    }
}

/// Pages on the free list keep old content, so they prove nothing.
fn free_pages(source: &mut dyn Source, head: &Head) -> std::io::Result<Pages> {
    let mut free = Pages::new(head.pages);
    let mut next = head.free_list;
    let mut page = vec![0; head.page_size];
    // A list that runs in circles ends at the first page met twice.
    while next != 0 && next <= head.pages && free.insert(next) {
        source.read_at((next - 1) * head.page_size as u64, &mut page)?;
        let leaves = usize::try_from(big32(&page, 4)).unwrap_or(usize::MAX).min(head.usable / 4 - 2);
        for leaf in 0..leaves {
            free.insert(u64::from(big32(&page, 8 + leaf * 4)));
        }
        next = u64::from(big32(&page, 0));
    }
    Ok(free)
}

/// What the pages say of each other.
struct PageCensus {
    pages: u64,
    utf8: bool,
    /// By a tree page, as its child.
    pointed_to: Pages,
    /// First page and number of pages of what did not fit beside its record.
    continued: Vec<(u64, u64)>,
    /// For pages that are no tree pages: the page that they name as the next one. Not kept for huge databases.
    next: Vec<u32>,
}

fn walk(source: &mut dyn Source, head: &Head, free: &Pages) -> std::io::Result<Option<Trouble>> {
    let mut trees = Pages::new(head.pages);
    let kept = if head.pages <= CHAINED_MAX { head.pages + 1 } else { 0 };
    let mut found = PageCensus {
        pages: head.pages,
        utf8: head.utf8,
        pointed_to: Pages::new(head.pages),
        continued: Vec::new(),
        next: vec![0; usize::try_from(kept).expect("at most CHAINED_MAX")],
    };
    let mut wiped = Pages::new(head.pages);
    let mut page = vec![0; head.page_size];
    for number in 1..=head.pages {
        if free.contains(number) || head.is_map_page(number) || head.is_lock_page(number) {
            continue;
        }
        let read = source.read_at((number - 1) * head.page_size as u64, &mut page)?;
        if read < page.len() {
            return Ok(Some(Trouble::Torn(number)));
        }
        let frame = if number == 1 { 100 } else { 0 };
        match tree_page(&page[..head.usable], frame, &mut found) {
            Ok(true) => {
                trees.insert(number);
            }
            Ok(false) if number == 1 => {
                return Ok(Some(Trouble::Page(1, "holds no list of tables".to_owned())));
            }
            Ok(false) if u64::from(big32(&page, 0)) > head.pages => {
                return Ok(Some(Trouble::Page(number, "is no page of a database".to_owned())));
            }
            Ok(false) => {
                if let Some(next) = found.next.get_mut(usize::try_from(number).unwrap_or(usize::MAX)) {
                    *next = big32(&page, 0);
                }
                if page.iter().all(|byte| *byte == 0) {
                    wiped.insert(number);
                }
            }
            Err(why) => return Ok(Some(Trouble::Page(number, why.to_owned()))),
        }
    }
    for number in 1..=head.pages {
        if found.pointed_to.contains(number) && !trees.contains(number) {
            let trouble =
                if wiped.contains(number) { Trouble::Zeroed(number) } else { Trouble::Torn(number) };
            return Ok(Some(trouble));
        }
    }
    Ok(broken_chain(&found, &trees, &wiped))
}

/// Every long record continues over exactly as many pages as its length needs.
fn broken_chain(found: &PageCensus, trees: &Pages, wiped: &Pages) -> Option<Trouble> {
    if found.next.is_empty() {
        return None;
    }
    let mut used = Pages::new(found.pages);
    for (first, pages) in &found.continued {
        let mut number = *first;
        for left in (0..*pages).rev() {
            if wiped.contains(number) && left > 0 {
                return Some(Trouble::Zeroed(number));
            }
            if trees.contains(number) || !used.insert(number) {
                return Some(Trouble::Torn(number));
            }
            let next = usize::try_from(number).ok().and_then(|number| found.next.get(number).copied())?;
            let ends = next == 0;
            if ends != (left == 0) || u64::from(next) > found.pages {
                return Some(Trouble::Torn(number));
            }
            number = u64::from(next);
        }
    }
    None
}

/// `Ok(false)`: not a tree page. An error: it says that it is one, and is not.
fn tree_page(page: &[u8], frame: usize, found: &mut PageCensus) -> Result<bool, &'static str> {
    let pages = found.pages;
    let kind = page[frame];
    let inner = match kind {
        2 | 5 => true,
        10 | 13 => false,
        _ => return Ok(false),
    };
    let cells = usize::from(big16(page, frame + 3));
    let content = match big16(page, frame + 5) {
        0 => 65_536,
        at => usize::from(at),
    };
    let pointers = frame + if inner { 12 } else { 8 };
    let behind_pointers = pointers + 2 * cells;
    if behind_pointers > page.len() || content < behind_pointers || (content > page.len() && cells > 0) {
        // A page that continues a record may begin with such a byte only in databases of 2^25 pages.
        return Err("has a frame that cannot be");
    }
    if page[frame + 7] > 60 {
        return Err("has more loose bytes than a page may have");
    }
    free_blocks(page, usize::from(big16(page, frame + 1)), content)?;
    for cell in 0..cells {
        let at = usize::from(big16(page, pointers + 2 * cell));
        if at < content || at + 4 > page.len() {
            return Err("points to records outside of itself");
        }
        if inner {
            let child = u64::from(big32(page, at));
            if child == 0 || child > pages {
                return Err("points to pages that do not exist");
            }
            found.pointed_to.insert(child);
        }
        if kind != 5 {
            record(page, at + if inner { 4 } else { 0 }, kind, found)?;
        }
    }
    if inner {
        let last = u64::from(big32(page, frame + 8));
        if last == 0 || last > pages {
            return Err("points to pages that do not exist");
        }
        found.pointed_to.insert(last);
    }
    Ok(true)
}

/// The chain of unused pieces: ever further back in the page, never in circles.
fn free_blocks(page: &[u8], mut at: usize, content: usize) -> Result<(), &'static str> {
    while at != 0 {
        if at < content || at + 4 > page.len() {
            return Err("has free space outside of itself");
        }
        let next = usize::from(big16(page, at));
        let size = usize::from(big16(page, at + 2));
        if size < 4 || at + size > page.len() || (next != 0 && next < at + size) {
            return Err("has free space that cannot be");
        }
        at = next;
    }
    Ok(())
}

/// A record: its length, the types of its columns, which must add up to that length, and its texts. What
/// does not fit into the page continues on others, which are remembered.
fn record(page: &[u8], at: usize, kind: u8, found: &mut PageCensus) -> Result<(), &'static str> {
    let wrong = "holds records that cannot be";
    let (payload, used) = variable(page, at).ok_or(wrong)?;
    let mut at = at + used;
    if kind == 13 {
        let (_, used) = variable(page, at).ok_or(wrong)?;
        at += used;
    }
    let payload = usize::try_from(payload).ok().filter(|payload| *payload <= RECORD_MAX).ok_or(wrong)?;
    let local = local_part(page.len(), payload, kind);
    let body = page.get(at..at + local).ok_or(wrong)?;
    if local < payload {
        let next = page.get(at + local..at + local + 4).map(|four| big32(four, 0)).ok_or(wrong)?;
        let pages = (payload - local).div_ceil(page.len() - 4) as u64;
        if next == 0 || u64::from(next) > found.pages {
            return Err("continues a record on a page that does not exist");
        }
        found.continued.push((u64::from(next), pages));
    }
    let (head, used) = variable(body, 0).ok_or(wrong)?;
    let head = usize::try_from(head).ok().filter(|head| *head <= payload && *head >= used).ok_or(wrong)?;
    // A head that itself continues elsewhere is not followed.
    if head > local {
        return Ok(());
    }
    let (mut column, mut content) = (used, head);
    while column < head {
        let (code, used) = variable(&body[..head], column).ok_or(wrong)?;
        column += used;
        let size = column_size(code).ok_or(wrong)?;
        if code >= 13 && code % 2 == 1 && found.utf8 {
            let text = &body[content.min(local)..content.saturating_add(size).min(local)];
            if no_text(text) {
                return Err("holds random bytes where its records have text");
            }
        }
        content = content.saturating_add(size);
    }
    if content == payload { Ok(()) } else { Err(wrong) }
}

/// How much of a record of this length its page keeps.
fn local_part(usable: usize, payload: usize, kind: u8) -> usize {
    let most = if kind == 13 { usable - 35 } else { (usable - 12) * 64 / 255 - 23 };
    if payload <= most {
        return payload;
    }
    let least = (usable - 12) * 32 / 255 - 23;
    let fitting = least + (payload - least) % (usable - 4);
    if fitting <= most { fitting } else { least }
}

fn column_size(code: u64) -> Option<usize> {
    Some(match code {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(code).expect("small"),
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => usize::try_from((code - 12) / 2).ok()?,
    })
}

/// Not in any encoding: people do store other encodings than the one that is declared.
fn no_text(bytes: &[u8]) -> bool {
    let controls =
        || bytes.iter().filter(|byte| matches!(byte, 0..=6 | 0x0e..=0x19 | 0x1c..=0x1f | 0x7f)).count();
    bytes.len() >= 32
        && std::str::from_utf8(bytes).is_err()
        && controls() * 32 >= bytes.len()
        && controls() >= 3
}

/// A number of one to nine bytes, seven bits each, the ninth in full.
fn variable(page: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value: u64 = 0;
    for used in 0..8 {
        let byte = *page.get(at + used)?;
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, used + 1));
        }
    }
    Some((value << 8 | u64::from(*page.get(at + 8)?), 9))
}
