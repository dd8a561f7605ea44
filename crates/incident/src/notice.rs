//! What was published, and as of which entry.

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::stamp::Stamp;

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[("notice.published", 1)];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum NoticeEvent {
    #[serde(rename = "notice.published")]
    Published { site: String, digest: String, pages: u64, as_of_entry: u64 },
}

impl NoticeEvent {
    /// Pages are about what was known; nothing that is done rests on them.
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            NoticeEvent::Published { .. } => Vec::new(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub published: Vec<Published>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Published {
    pub sequence: u64,
    pub time_ms: i64,
    pub digest: String,
    pub pages: u64,
    pub as_of_entry: u64,
}

impl View {
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &NoticeEvent) {
        match event {
            NoticeEvent::Published { digest, pages, as_of_entry, .. } => self.published.push(Published {
                sequence: entry.sequence,
                time_ms: entry.time_ms,
                digest: digest.clone(),
                pages: *pages,
                as_of_entry: *as_of_entry,
            }),
        }
    }
}
