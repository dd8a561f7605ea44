//! What was found: alarms, what nobody watches, what the journal holds that should not be there, what the estate lacks.

use askama::Template;
use estate::check;
use estate::place::Sources;
use estate::{Finding, Grade};
use page::words::{counted, unbroken, utc};
use page::{Html, filled};
use situation::situation::NotWatchedLine;

use crate::as_of::AsOf;
use crate::frame::suffix;

/// Findings about the estate that are listed; `check` lists all.
const FINDINGS_MAX: usize = 200;

#[derive(Template)]
#[template(path = "findings.html")]
struct Sheet<'a> {
    suffix: String,
    alarms: Vec<Alarm<'a>>,
    not_watched: &'a [NotWatchedLine],
    unread: Vec<(u64, &'a str, bool)>,
    illegal: Vec<(u64, &'a str)>,
    findings: Vec<Found>,
    left_out: usize,
    is_known: bool,
}

struct Alarm<'a> {
    store: String,
    files: String,
    about: &'static str,
    when: String,
    entry: u64,
    not_heard: Option<&'a str>,
    examples: Vec<&'a str>,
    written_by: Vec<String>,
    not_traced: Option<&'a str>,
}

struct Found {
    grade: &'static str,
    class: &'static str,
    what: String,
    means: String,
    to_do: String,
}

pub(crate) fn body(seen: &AsOf) -> Html {
    let alarms = seen.situation.alarms.iter().map(|alarm| {
        let store = seen.view.scan.stores.get(&alarm.store);
        let open = store.and_then(|store| store.alarms.iter().find(|open| open.sequence == alarm.entry));
        Alarm {
            store: alarm.store.to_string(),
            files: unbroken(&counted(alarm.files, "file", "files")),
            about: alarm.about.words(),
            when: utc(alarm.time_ms),
            entry: alarm.entry,
            not_heard: alarm.not_heard.as_deref(),
            written_by: alarm
                .writers
                .iter()
                .map(|writer| {
                    format!("{} written by {}", counted(writer.files, "file", "files"), writer.line())
                })
                .collect(),
            not_traced: alarm.not_traced.as_deref(),
            examples: open
                .map(|open| open.examples.iter().take(5).map(String::as_str).collect())
                .unwrap_or_default(),
        }
    });
    let findings = check::content(&seen.estate, &Sources::default());
    filled(&Sheet {
        suffix: suffix(seen),
        alarms: alarms.collect(),
        not_watched: &seen.situation.not_watched,
        unread: seen
            .view
            .unknown
            .iter()
            .map(|entry| (entry.sequence, entry.why.as_str(), entry.accepted))
            .collect(),
        illegal: seen.view.illegal.iter().map(|found| (found.sequence, found.what.as_str())).collect(),
        left_out: findings.len().saturating_sub(FINDINGS_MAX),
        findings: findings.iter().take(FINDINGS_MAX).map(found).collect(),
        is_known: seen.harm.is_none(),
    })
}

fn found(finding: &Finding) -> Found {
    Found {
        grade: finding.grade.word(),
        class: if finding.grade == Grade::Blocking { "bad" } else { "warn" },
        what: finding.message.what.clone(),
        means: finding.message.means.clone(),
        to_do: finding.message.to_do.shown(None),
    }
}
