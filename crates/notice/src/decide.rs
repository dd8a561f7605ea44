//! What is recorded of publications? Pure.
//!
//! The exchange of the two folders and the entry in the journal are two steps, and a machine can stop in between. The
//! mark, which is on disk before readers see the site, is the intent; the entry is the outcome. A site that stands and has
//! no entry is recorded by the next call before that publishes anything itself.

use super::mark::About;
use incident::View;
use incident::event::NoticeEvent;

/// The entry of a publication.
pub fn published(site: String, about: &About, pages: u64) -> NoticeEvent {
    NoticeEvent::Published { site, digest: about.digest.clone(), pages, as_of_entry: about.as_of_entry }
}

/// The entry that is missing for what stands at `site`, if it was made from this journal and the journal does not have it.
pub fn missing(
    site: String,
    standing: Option<(About, u64)>,
    view: &View,
    journal: &str,
) -> Option<NoticeEvent> {
    let (about, pages) = standing?;
    let is_of_this_journal =
        !journal.is_empty() && about.journal == journal && about.as_of_entry < view.entries;
    let is_recorded = view.notice.published.iter().any(|known| known.digest == about.digest);
    (is_of_this_journal && !is_recorded).then(|| published(site, &about, pages))
}

#[cfg(test)]
mod tests {
    use super::*;
    use incident::notice::Published;

    fn about() -> About {
        About { journal: "blackstart/a".to_owned(), as_of_entry: 3, digest: "d".to_owned() }
    }

    fn ask(about: About, view: &View) -> Option<NoticeEvent> {
        missing("site".to_owned(), Some((about, 4)), view, "blackstart/a")
    }

    #[test]
    fn a_site_without_an_entry_gets_one_and_only_one() {
        let mut view = View { entries: 4, ..View::default() };
        assert_eq!(ask(about(), &view), Some(published("site".to_owned(), &about(), 4)));
        view.notice.published.push(Published {
            sequence: 4,
            time_ms: 0,
            digest: "d".to_owned(),
            pages: 4,
            as_of_entry: 3,
        });
        assert_eq!(ask(about(), &view), None);
        assert_eq!(missing("site".to_owned(), None, &View::default(), "blackstart/a"), None);
    }

    #[test]
    fn a_site_of_another_journal_or_of_an_entry_that_is_not_there_is_not_recorded() {
        let view = View { entries: 4, ..View::default() };
        assert_eq!(ask(About { journal: "blackstart/b".to_owned(), ..about() }, &view), None);
        assert_eq!(ask(About { as_of_entry: 4, ..about() }, &view), None);
        let of_none = Some((About { journal: String::new(), ..about() }, 4));
        assert_eq!(missing("site".to_owned(), of_none, &view, ""), None);
    }
}
