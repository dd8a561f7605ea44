//! What `scan` answers, as the JSON contract has it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::judge::{Judgement, Verdict};

/// Said in every answer, so that nobody takes more from it than it holds.
pub const FORM: &str = "first form: reads every byte; checks the structure of ZIP/Office, PDF, PNG, JPEG, GIF, \
gzip, SQLite, JSON, XML and text; knows no malware; does not see small damage inside old Office documents, \
other archives, films, sound and other databases, nor encryption inside a database's own records";

/// A file that is neither `clean` nor `clean-unverified`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    pub path: String,
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
}

/// A folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FolderReport {
    pub files: Vec<File>,
    /// Every verdict, also those of which there are none.
    pub counts: BTreeMap<&'static str, u64>,
    pub form: &'static str,
}

/// A repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RepositoryReport {
    pub files: Vec<File>,
    /// Over all snapshots that were judged.
    pub counts: BTreeMap<&'static str, u64>,
    /// Oldest first, by first sight.
    pub snapshots: Vec<SnapshotReport>,
    /// The newest clean one of those that were judged.
    pub last_clean: Option<String>,
    /// What could not be read of the repository itself.
    pub unread: Vec<String>,
    /// What a person should know beside the verdicts.
    pub notes: Vec<String>,
    pub form: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SnapshotReport {
    pub id: String,
    /// What the snapshot claims.
    pub time: String,
    pub first_seen: String,
    /// Files.
    pub clean: u64,
    /// Files and unread parts.
    pub not_clean: u64,
    pub is_clean: bool,
    /// Why it is not clean, or what was tolerated.
    pub reasons: Vec<String>,
    pub counts: BTreeMap<&'static str, u64>,
}

/// Every verdict with its number, zeros included.
pub fn counts(found: &BTreeMap<Verdict, u64>) -> BTreeMap<&'static str, u64> {
    Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict.word(), found.get(&verdict).copied().unwrap_or(0)))
        .collect()
}

impl File {
    pub fn new(path: String, judgement: &Judgement, snapshot: Option<&str>) -> File {
        File {
            path,
            verdict: judgement.verdict,
            reasons: judgement.reasons.clone(),
            snapshot: snapshot.map(str::to_owned),
        }
    }
}
