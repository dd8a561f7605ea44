//! What `scan` answers, as the JSON contract has it.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::history::Digest;
use super::shown;
use incident::scan::NotLookedAt;
use judge::{Judgement, Verdict};

/// Said in every answer, so that nobody takes more from it than it holds.
pub const FORM: &str = "every byte is read, and where a type has a checker its structure is verified; in repositories what \
changed is compared with its last good version; what has no checker, or holds packed sound and films, is at best clean-unverified. Not seen: the files in disk images, malware without \
--rules, encryption inside a database's own columns, encryption by the machine itself, two files of a type exchanged";

/// A file that is neither `clean` nor `clean-unverified`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct File {
    pub path: String,
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// The newest snapshot before this one in which the file is clean.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_clean: Option<String>,
    /// The name it has there, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_clean_path: Option<String>,
}

/// A folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct FolderReport {
    pub files: Vec<File>,
    /// Every verdict, also those of which there are none.
    pub counts: BTreeMap<&'static str, u64>,
    /// Of how much only the frame was looked at.
    pub not_looked_at: NotLookedAt,
    pub form: &'static str,
}

impl FolderReport {
    pub fn outcome(&self) -> Outcome {
        match (self.counts.values().sum::<u64>(), self.files.is_empty()) {
            (0, _) => Outcome::Nothing,
            (_, false) => Outcome::NotClean,
            (_, true) if self.not_looked_at.is_too_much() => Outcome::NotKnown,
            (_, true) => Outcome::Clean,
        }
    }
}

/// What a folder came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Clean,
    NotClean,
    /// Nothing speaks against it, and of more than a tenth only the frame was looked at.
    NotKnown,
    /// It holds no file.
    Nothing,
}

/// A version of a file that is not clean, in every snapshot in which it stands. After an attack on everything there are
/// millions of them, so what they have in common is kept once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub path: Rc<Path>,
    pub judgement: Rc<Judgement>,
    /// Of its content.
    pub digest: Digest,
    pub last_clean: Option<Rc<str>>,
    /// The name it has there, if it is another one.
    pub last_clean_path: Option<Rc<Path>>,
    /// Which series of snapshots it belongs to.
    pub series: usize,
    /// Places in the order: from the first to before the second.
    pub from: usize,
    pub until: usize,
    /// Never seen good.
    pub tolerable: bool,
}

/// A file that vanished in a snapshot that is not clean, or together with many others.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gone {
    pub path: String,
    /// The first snapshot without it.
    pub snapshot: String,
    pub last_clean: String,
}

/// A repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepositoryReport {
    /// By path within each series; `files` gives them snapshot by snapshot.
    pub bad: Vec<Bad>,
    pub gone: Vec<Gone>,
    /// Over all snapshots that were judged.
    pub counts: BTreeMap<&'static str, u64>,
    /// Oldest first, by first sight.
    pub snapshots: Vec<SnapshotReport>,
    /// The newest clean one of those that were judged and looked at.
    pub last_clean: Option<String>,
    /// A newer one that nothing speaks against, and of which so much was not looked at that nobody can call it clean.
    pub last_not_known: Option<String>,
    /// Where many files vanished before or in that one: the newest clean snapshot that still has them.
    pub before_loss: Option<String>,
    /// The same for each series: a repository may hold copies of several things.
    pub series: Vec<SeriesReport>,
    /// What could not be read of the repository itself.
    pub unread: Vec<String>,
    /// What a person should know beside the verdicts.
    pub notes: Vec<String>,
    pub form: &'static str,
}

/// Snapshots of the same host and paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SeriesReport {
    pub host: String,
    pub paths: Vec<String>,
    pub snapshots: u64,
    pub last_clean: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotReport {
    pub id: String,
    /// What the snapshot claims.
    pub time: String,
    pub first_seen: String,
    /// What the snapshot says it is a copy of: host and paths.
    pub host: String,
    pub paths: Vec<String>,
    /// Files.
    pub clean: u64,
    /// Files and unread parts.
    pub not_clean: u64,
    pub is_clean: bool,
    /// Why it is not clean, or what was tolerated.
    pub reasons: Vec<String>,
    /// What the changes since its predecessor look like. Explains; decides nothing.
    pub signs: Vec<String>,
    /// Its time does not agree with when it was first seen.
    pub time_disagrees: bool,
    pub counts: BTreeMap<&'static str, u64>,
    /// Of how much only the frame was looked at: the files in disk images are not judged.
    pub not_looked_at: NotLookedAt,
    /// Where many files have vanished: the newest clean snapshot that still has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_loss: Option<String>,
    #[serde(skip)]
    pub series: usize,
    /// Its place in the order of all snapshots.
    #[serde(skip)]
    pub at: usize,
}

impl SnapshotReport {
    pub fn verdict(&self) -> Whole {
        match (self.is_clean, self.not_looked_at.is_too_much()) {
            (true, false) => Whole::Clean,
            (true, true) => Whole::NotKnown,
            (false, _) => Whole::NotClean,
        }
    }
}

/// What a snapshot as a whole came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Clean,
    NotClean,
    /// Nothing speaks against it, and of more than a tenth only the frame was looked at.
    NotKnown,
}

/// In words; `None`: there is nothing of that kind.
pub fn not_looked_at(inside: &NotLookedAt) -> Option<String> {
    (inside.files > 0).then(|| {
        format!(
            "the content of {} was not looked at: {} of {}",
            message::counted(inside.files, "disk image"),
            message::size(inside.bytes),
            message::size(inside.of_bytes)
        )
    })
}

/// Every verdict with its number, zeros included.
pub fn counts(found: &BTreeMap<Verdict, u64>) -> BTreeMap<&'static str, u64> {
    Verdict::ALL
        .into_iter()
        .map(|verdict| (verdict.word(), found.get(&verdict).copied().unwrap_or(0)))
        .collect()
}

impl File {
    pub fn new(path: String, judgement: &Judgement) -> File {
        File {
            path,
            verdict: judgement.verdict,
            reasons: judgement.reasons.clone(),
            snapshot: None,
            last_clean: None,
            last_clean_path: None,
        }
    }
}

impl Bad {
    pub fn file(&self) -> File {
        File {
            last_clean: self.last_clean.as_deref().map(str::to_owned),
            last_clean_path: self.last_clean_path.as_deref().map(shown::path),
            ..File::new(shown::path(&*self.path), &self.judgement)
        }
    }
}

impl RepositoryReport {
    /// Every file that is not clean in every snapshot in which it stands, oldest snapshot first.
    pub fn files(&self) -> impl Iterator<Item = File> + '_ {
        self.snapshots.iter().flat_map(|snapshot| {
            self.bad_in(snapshot).map(|bad| File { snapshot: Some(snapshot.id.clone()), ..bad.file() })
        })
    }

    pub fn bad_in<'a>(&'a self, snapshot: &'a SnapshotReport) -> impl Iterator<Item = &'a Bad> + 'a {
        self.bad
            .iter()
            .filter(|bad| bad.series == snapshot.series && (bad.from..bad.until).contains(&snapshot.at))
    }
}

/// The list of files is made while it is written: a file that is bad in a hundred snapshots is kept once.
struct Files<'a>(&'a RepositoryReport);

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.files())
    }
}

impl Serialize for RepositoryReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut all = serializer.serialize_struct("RepositoryReport", 11)?;
        all.serialize_field("files", &Files(self))?;
        all.serialize_field("gone", &self.gone)?;
        all.serialize_field("counts", &self.counts)?;
        all.serialize_field("snapshots", &self.snapshots)?;
        all.serialize_field("last_clean", &self.last_clean)?;
        all.serialize_field("last_not_known", &self.last_not_known)?;
        all.serialize_field("before_loss", &self.before_loss)?;
        all.serialize_field("series", &self.series)?;
        all.serialize_field("unread", &self.unread)?;
        all.serialize_field("notes", &self.notes)?;
        all.serialize_field("form", &self.form)?;
        all.end()
    }
}
