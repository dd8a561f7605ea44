//! What differs between two versions of a database in pages whose frame stayed as it was.
//!
//! A program that changes a row changes the frame around it: pointers, counts, free space, the chain of pages behind a long
//! value. Whoever encrypts values in place leaves all that alone. So of two versions only those pages are compared that were
//! in use before and have the same frame now; what a program moved, freed or used again does not count.

use std::io;

use crate::difference::Difference;
use crate::source::Source;

/// What of a page is content, if its frame is the same in both versions.
pub(super) trait Pages {
    fn size(&self) -> usize;
    /// `None`: the frame differs, or the page held nothing that counts.
    fn content(&self, number: u64, now: &[u8], before: &[u8]) -> Option<std::ops::Range<usize>>;
}

/// Read side by side, page by page.
pub(super) fn over(
    pages: &dyn Pages,
    now: &mut dyn Source,
    before: &mut dyn Source,
) -> io::Result<Difference> {
    let size = pages.size();
    let mut difference = Difference::nothing(now.length().min(before.length()));
    let (mut new, mut old) = (vec![0; size], vec![0; size]);
    for (number, at) in (0..difference.common).step_by(size).enumerate() {
        let read = now.read_at(at, &mut new)?;
        if before.read_at(at, &mut old)? != read || read < size {
            break;
        }
        if new != old
            && let Some(content) = pages.content(number as u64, &new, &old)
        {
            difference.piece(at + content.start as u64, &new[content.clone()], &old[content]);
        }
    }
    difference.end_run();
    Ok(difference)
}
