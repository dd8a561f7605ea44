//! The page in a bundle: what a person reads first.

use std::collections::VecDeque;

use askama::Template;
use page::{Html, Page, Style, filled, filters, words};
use proof::{Scope, Seal, line};

/// Beyond this many rows a page is no reading any more; the first and the last half stand on it.
const ROWS_MAX: usize = 2000;

/// The rows of the page, gathered as the entries come by.
#[derive(Default)]
pub(crate) struct Rows {
    first: Vec<Row>,
    last: VecDeque<Row>,
    left_out: u64,
}

pub(crate) struct Row {
    pub(crate) sequence: u64,
    pub(crate) time: String,
    pub(crate) actor: String,
    pub(crate) what: String,
    pub(crate) is_unsigned: bool,
}

impl Row {
    pub(crate) fn new(record: &journal::Record, what: &str, covered: u64) -> Row {
        Row {
            sequence: record.sequence,
            time: line::utc(record.time_ms),
            actor: message::harmless(&record.actor),
            what: message::harmless(what),
            is_unsigned: record.sequence >= covered,
        }
    }
}

impl Rows {
    pub(crate) fn push(&mut self, row: Row) {
        if self.first.len() < ROWS_MAX / 2 {
            return self.first.push(row);
        }
        if self.last.len() == ROWS_MAX / 2 {
            self.last.pop_front();
            self.left_out += 1;
        }
        self.last.push_back(row);
    }
}

#[derive(Template)]
#[template(path = "bundle.html")]
struct Bundle {
    title: Html,
    lead: String,
    limits: Vec<String>,
    covered: u64,
    journal_entries: u64,
    root: Html,
    gap: Option<String>,
    rows: Vec<Row>,
}

/// The page, complete.
pub(crate) fn written(seal: &Seal, root: &str, packed_at: &str, rows: Rows) -> String {
    let mut limits: Vec<String> = seal
        .damage
        .iter()
        .map(|damage| {
            format!("The journal was not whole when this was packed: {}.", message::harmless(damage))
        })
        .collect();
    let whom = match &seal.scope {
        Scope::Whole => "the whole journal".to_owned(),
        Scope::Tenant { id, withheld } => {
            if !withheld.is_empty() {
                limits.push(format!(
                    "{} concern {id} together with others, or name others; they are not in here.",
                    words::counted(withheld.len() as u64, "entry", "entries")
                ));
            }
            format!("what concerns {id} alone")
        }
    };
    let lead = format!(
        "{} of the journal {}: {whom}, packed {packed_at}.",
        words::counted(seal.entries, "entry", "entries"),
        message::harmless(&seal.origin)
    );
    let gap = (rows.left_out > 0).then(|| {
        format!(
            "The first and the last {} are shown; {} between them stand in entries.jsonl only.",
            ROWS_MAX / 2,
            words::counted(rows.left_out, "entry", "entries")
        )
    });
    let title = "Evidence from an incident journal";
    let bundle = Bundle {
        title: Html::escaped(title),
        lead,
        limits,
        covered: seal.covered,
        journal_entries: seal.journal_entries,
        root: words::hash(root),
        gap,
        rows: rows.first.into_iter().chain(rows.last).collect(),
    };
    Page { language: "en", title, style: Style::Text, body: &filled(&bundle) }.written()
}
