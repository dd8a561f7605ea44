//! What was said to the public and published, and as of which entry.
//!
//! A statement that is corrected stays: the public has read it. A correction of one that was corrected before, or that
//! was never made, is kept and shown as what does not fit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::stamp::Stamp;

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[("notice.published", 1), ("notice.said", 1)];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum NoticeEvent {
    #[serde(rename = "notice.published")]
    Published { site: String, digest: String, pages: u64, as_of_entry: u64 },
    #[serde(rename = "notice.said")]
    Said(Statement),
}

/// One fact as it is told, entered once for every page that it belongs on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    pub claim: Claim,
    /// What the claim is about. Empty: all.
    pub capabilities: Vec<Id>,
    /// To whose people it is said. Empty: to all.
    pub tenants: Vec<Id>,
    /// For whom it is. Empty: for all.
    pub audiences: Vec<Audience>,
    /// By language: `de`, `fr`, `en`.
    pub texts: BTreeMap<String, String>,
    /// The newest entry that was known when it was said.
    pub as_of_entry: u64,
    /// The entries that it rests on.
    pub basis: Vec<u64>,
    /// When people hear more, at the latest.
    pub next_update_ms: Option<i64>,
    /// The entry of the statement that this one takes back.
    pub corrects: Option<u64>,
    /// Why it was said although it does not agree with what is known.
    pub despite: Option<String>,
}

/// What a statement claims, as far as it can be held against what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// Nothing that could be compared.
    News,
    /// The capabilities work.
    Works,
    /// They are not available.
    Down,
    /// No data has left.
    NoOutflow,
    /// Data has left.
    Outflow,
}

/// Who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    Insured,
    Practice,
    Pharmacy,
    Hospital,
    Employer,
    Press,
}

impl NoticeEvent {
    /// Pages are about what was known; nothing that is done rests on them.
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            NoticeEvent::Published { .. } | NoticeEvent::Said(_) => Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub published: Vec<Published>,
    /// In the order in which they were made.
    pub said: Vec<StatementView>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Published {
    pub sequence: u64,
    pub time_ms: i64,
    pub digest: String,
    pub pages: u64,
    pub as_of_entry: u64,
}

/// A statement that was made, by whom and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StatementView {
    pub sequence: u64,
    pub time_ms: i64,
    pub by: String,
    pub statement: Statement,
    /// The entry that took it back.
    pub corrected_by: Option<u64>,
}

impl View {
    /// The earliest next update that was promised to anybody by the newest statement for them: when, and by which entry.
    pub fn next_update(&self) -> Option<(i64, u64)> {
        let mut newest: BTreeMap<&[Id], &StatementView> = BTreeMap::new();
        for said in self.in_force() {
            newest.insert(&said.statement.tenants, said);
        }
        let promised =
            newest.values().filter_map(|said| Some((said.statement.next_update_ms?, said.sequence)));
        promised.min()
    }

    /// Statements that stand.
    pub fn in_force(&self) -> impl Iterator<Item = &StatementView> {
        self.said.iter().filter(|said| said.corrected_by.is_none())
    }

    /// `Err` says what does not fit what was recorded before.
    pub(crate) fn apply(
        &mut self,
        entry: Stamp<'_>,
        event: &NoticeEvent,
        here: impl Fn(u64) -> Option<u64>,
    ) -> Result<(), String> {
        match event {
            NoticeEvent::Published { digest, pages, as_of_entry, .. } => {
                self.published.push(Published {
                    sequence: entry.sequence,
                    time_ms: entry.time_ms,
                    digest: digest.clone(),
                    pages: *pages,
                    as_of_entry: *as_of_entry,
                });
                Ok(())
            }
            NoticeEvent::Said(statement) => {
                let mut statement = statement.clone();
                // What was carried over from a damaged journal has other numbers here.
                let named = statement.corrects;
                statement.corrects = named.and_then(&here);
                statement.as_of_entry =
                    here(statement.as_of_entry).unwrap_or(entry.sequence.saturating_sub(1));
                statement.basis = statement.basis.iter().filter_map(|basis| here(*basis)).collect();
                let corrects = statement.corrects;
                let by = entry.actor.to_owned();
                let said = StatementView {
                    sequence: entry.sequence,
                    time_ms: entry.time_ms,
                    by,
                    statement,
                    corrected_by: None,
                };
                let earlier = self
                    .said
                    .iter_mut()
                    .find(|earlier| Some(earlier.sequence) == corrects && earlier.corrected_by.is_none());
                let fits = match (named, earlier) {
                    (Some(_), Some(earlier)) => {
                        earlier.corrected_by = Some(entry.sequence);
                        Ok(())
                    }
                    (None, _) => Ok(()),
                    (Some(named), None) => {
                        Err(format!("entry {named} was corrected, but it is no statement that stood"))
                    }
                };
                self.said.push(said);
                fits
            }
        }
    }
}
