//! What was recorded? Every entry as a sentence, found by words, and one entry with all that stands in it.

use std::collections::VecDeque;
use std::path::Path;

use askama::Template;
use estate::Id;
use incident::fault::StoreFault;
use incident::record;
use incident::store;
use journal::{Payload, Record};
use page::words::utc;
use page::{Html, filled};
use serde::Deserialize;

use crate::as_of::{AsOf, Line, Say};
use crate::frame::suffix;

/// Entries on one page.
const ON_A_PAGE: usize = 100;
/// Of a longer content only the beginning is shown.
const CONTENT_LETTERS_MAX: usize = 40_000;

/// Which entries are wanted. The newest come first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Wanted {
    /// Stands in the sentence, the name of who acted, the kind or the time.
    pub(crate) q: String,
    /// Only entries before this one.
    pub(crate) before: Option<u64>,
}

/// What was found, newest first, and whether there may be more.
pub(crate) struct Found {
    lines: Vec<Line>,
    more: bool,
}

/// Reads the journal; without words only its end.
pub(crate) fn find(folder: &Path, say: Say, wanted: &Wanted, entries: u64) -> Result<Found, StoreFault> {
    let end = wanted.before.map_or(entries, |before| before.min(entries));
    let words = wanted.q.trim().to_lowercase();
    let from = if words.is_empty() { end.saturating_sub(ON_A_PAGE as u64) } else { 0 };
    let mut kept: VecDeque<Line> = VecDeque::new();
    let mut more = from > 0;
    store::each_record(folder, from, |record| {
        if record.sequence >= end {
            return;
        }
        let line = Line::of(&record, say);
        if words.is_empty() || holds(&line, &words) {
            kept.push_back(line);
            if kept.len() > ON_A_PAGE {
                kept.pop_front();
                more = true;
            }
        }
    })?;
    Ok(Found { lines: kept.into_iter().rev().collect(), more })
}

fn holds(line: &Line, words: &str) -> bool {
    let texts = [&line.sentence, &line.actor, &line.kind];
    texts.iter().any(|text| text.to_lowercase().contains(words))
        || utc(line.time_ms).to_lowercase().contains(words)
}

#[derive(Template)]
#[template(path = "journal.html")]
struct Sheet<'a> {
    suffix: String,
    at: Option<u64>,
    q: &'a str,
    lines: Vec<EntryLine<'a>>,
    /// Where the next page begins.
    older: Option<u64>,
    fault: Option<&'a str>,
}

struct EntryLine<'a> {
    line: &'a Line,
    when: String,
}

pub(crate) fn list(seen: &AsOf, wanted: &Wanted, found: Result<&Found, &str>) -> Html {
    let nothing = Found { lines: Vec::new(), more: false };
    let kept = found.unwrap_or(&nothing);
    filled(&Sheet {
        suffix: suffix(seen),
        at: seen.at,
        q: &wanted.q,
        lines: kept.lines.iter().map(|line| EntryLine { line, when: utc(line.time_ms) }).collect(),
        older: kept.lines.last().map(|line| line.sequence).filter(|_| kept.more),
        fault: found.err(),
    })
}

#[derive(Template)]
#[template(path = "entry.html")]
struct EntrySheet {
    suffix: String,
    line: Line,
    when: String,
    version: u16,
    about: Vec<Id>,
    content: String,
    previous: Option<u64>,
    next: Option<u64>,
}

/// One record of the journal; `None`: there is none of this number.
pub(crate) fn record(folder: &Path, sequence: u64) -> Result<Option<Record>, StoreFault> {
    let mut reader = journal::Reader::open(&store::journal_path(folder)).map_err(StoreFault::Read)?;
    reader.read(sequence).next().transpose().map_err(StoreFault::Read)
}

pub(crate) fn one(seen: &AsOf, record: &Record, say: Say) -> Html {
    let about = match record::entry(record.clone()).content {
        record::Content::Known(event) => event.about(),
        record::Content::Unknown(unknown) => unknown.about.unwrap_or_default(),
    };
    filled(&EntrySheet {
        suffix: suffix(seen),
        line: Line::of(record, say),
        when: utc(record.time_ms),
        version: record.version,
        about,
        content: content(&record.payload),
        previous: record.sequence.checked_sub(1),
        next: record.sequence.checked_add(1).filter(|next| *next < seen.view.entries),
    })
}

fn content(payload: &Payload) -> String {
    let Payload::Present(bytes) = payload else { return "erased by a recorded decision".to_owned() };
    let value = serde_json::from_slice::<serde_json::Value>(bytes);
    let text = value.and_then(|value| serde_json::to_string_pretty(&value));
    let text = text.unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned());
    let mut shown: String = text.chars().take(CONTENT_LETTERS_MAX).collect();
    if shown.len() < text.len() {
        shown.push_str("\n… the rest stands in the journal");
    }
    shown
}
