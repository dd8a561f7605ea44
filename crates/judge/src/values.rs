//! Were values of a database replaced by random bytes, and all that points to them left as it was?

use std::io;

use crate::difference::Difference;
use crate::facts::Facts;
use crate::kept_pages;
use crate::postgres;
use crate::source::Source;
use crate::sqlite;
use crate::statistics::WINDOW;
use crate::votes::{Leaning, Vote, vote};

/// Fewer random bytes in the place of values may be a key that was changed.
const VALUES_MIN: u64 = 1024;

/// Of a database of pages, if it was one before: what differs in pages whose frame is the same.
pub(super) fn in_kept_pages(
    now: &mut dyn Source,
    before: &mut dyn Source,
    present: &Facts,
    facts: &Facts,
) -> io::Result<Option<Difference>> {
    let same = present.kind == facts.kind && present.is_valid();
    let pages: Option<Box<dyn kept_pages::Pages>> = match present.kind.as_str() {
        "SQLite database" if same => sqlite::pages_of(now, before)?.map(|pages| Box::new(pages) as _),
        "PostgreSQL table" if same => postgres::pages_of(now, before)?.map(|pages| Box::new(pages) as _),
        _ => None,
    };
    pages.map(|pages| kept_pages::over(&*pages, now, before)).transpose()
}

/// Values were exchanged for random bytes and nothing around them changed.
pub(super) fn replaced(kept: &Difference) -> Option<Vote> {
    let bytes = kept.dense_bytes();
    let pages = kept.newly_random >= 2 && kept.newly_random * 2 >= kept.changed_windows;
    let random = kept.is_random_now() && bytes >= VALUES_MIN;
    if pages || (random && kept.was_not_random()) {
        let reason = format!(
            "compared with its previous version {bytes} bytes of values were replaced in place by bytes that look random, \
and the frame around them is the same"
        );
        return Some(vote(Leaning::Random, reason));
    }
    (random && bytes >= 64 * 1024 && bytes * 4 >= kept.common * 3).then(|| {
        let reason =
            format!("{bytes} bytes of values were replaced in place by others that look random as well");
        vote(Leaning::Odd, reason)
    })
}

/// It holds far more random windows than before, and did not grow by them.
pub(super) fn became_random(present: &Facts, facts: &Facts) -> Option<Vote> {
    let more = present.even.saturating_sub(facts.even) * WINDOW as u64;
    let grown = present.length.abs_diff(facts.length);
    let much = more >= 64 * 1024 && more * 10 >= present.length;
    let enough = (much || more * 2 >= present.length) && more > 2 * grown;
    enough.then(|| {
        let reason = format!(
            "{} of its {} windows of 4 KiB look random; in its previous version, of {} bytes, {} did",
            present.even, present.windows, facts.length, facts.even
        );
        vote(Leaning::Random, reason)
    })
}
