//! What lies outside of the journal and is vouched for in it: artefacts by their hash, with where they are from and who has them.

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::stamp::Stamp;

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[("evidence.attached", 1)];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum EvidenceEvent {
    /// `sha256` in hexadecimal digits. The same content attached again is a further link of its custody.
    #[serde(rename = "evidence.attached")]
    Attached {
        name: String,
        sha256: String,
        bytes: u64,
        /// Where it is from and how it was made.
        origin: String,
        /// Who has it from now on, and where.
        custody: String,
        /// Whom it concerns alone, if it is one tenant.
        tenant: Option<Id>,
    },
}

impl EvidenceEvent {
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            EvidenceEvent::Attached { tenant, .. } => tenant.iter().cloned().collect(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub attached: Vec<Attached>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Attached {
    pub sequence: u64,
    pub sha256: String,
    pub name: String,
    pub custody: String,
}

impl View {
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &EvidenceEvent) {
        match event {
            EvidenceEvent::Attached { name, sha256, custody, .. } => self.attached.push(Attached {
                sequence: entry.sequence,
                sha256: sha256.clone(),
                name: name.clone(),
                custody: custody.clone(),
            }),
        }
    }
}
