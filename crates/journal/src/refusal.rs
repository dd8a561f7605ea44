//! Why a journal is not opened for appending, in words. What is found by whom is in `recover` and `signed`.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::checkpoint::CheckpointError;
use crate::finding::Finding;
use crate::segment::{Damage, Place};

/// Why a journal could not be opened for appending. Nothing in it was changed.
#[derive(Debug, Error)]
pub enum OpenError {
    /// A file could not be read or written.
    #[error(
        "could not {doing} {path}; nothing was changed. Check the disk and its permissions, then try again"
    )]
    File {
        /// What we were doing.
        doing: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another process holds the journal and does not answer.
    #[error(
        "another process holds the journal in {folder} and did not answer within {waited_ms} ms; \
         nothing was changed. Look for a process that hangs, end it, then try again"
    )]
    Busy {
        /// The journal's folder.
        folder: PathBuf,
        /// How long we tried.
        waited_ms: u128,
    },
    /// An acknowledged record is damaged.
    #[error(
        "the journal in {folder} is damaged at {place}: {damage}. This record had been acknowledged, so nothing was \
         cut and nothing can be appended"
    )]
    Damaged {
        /// The journal's folder.
        folder: PathBuf,
        /// Where.
        place: Place,
        /// What is wrong there.
        damage: Damage,
    },
    /// Acknowledged records are gone from the end.
    #[error(
        "the journal in {folder} holds {found} records, but {promised} had been acknowledged: its end was cut off. \
         Nothing was changed and nothing can be appended"
    )]
    CutOff {
        /// The journal's folder.
        folder: PathBuf,
        /// How many records there are.
        found: u64,
        /// How many there were.
        promised: u64,
    },
    /// The records are well formed, but not those that were signed.
    #[error(
        "the first {size} records of the journal in {folder} are not those that the {by} signs: one or more of the \
         records {from} to {to} were changed with care. Nothing was changed now and nothing can be appended", to = size.saturating_sub(1)
    )]
    NotTheSigned {
        /// The journal's folder.
        folder: PathBuf,
        /// Which checkpoint says so.
        by: &'static str,
        /// The first record that may be changed; those before it are proven.
        from: u64,
        /// How many records the checkpoint covers.
        size: u64,
    },
    /// There are records, and no checkpoint that was signed before them.
    #[error(
        "the journal in {folder} holds {records} records and no signed checkpoint. A journal is begun by signing one, \
         so it was taken away: nothing proves that these are the records that were written. Nothing was changed and \
         nothing can be appended"
    )]
    Unsigned {
        /// The journal's folder.
        folder: PathBuf,
        /// How many records there are, or were according to the published length.
        records: u64,
    },
    /// The checkpoints are not all there, or not those that were signed.
    #[error(
        "the checkpoints of the journal in {folder} are damaged at {file}, byte {offset}: {problem}. Nothing was \
         changed and nothing can be appended",
        file = finding.place.file, offset = finding.place.offset, problem = finding.problem
    )]
    Checkpoints {
        /// The journal's folder.
        folder: PathBuf,
        /// What is wrong, and where.
        finding: Box<Finding>,
    },
    /// The checkpoint cannot be relied on.
    #[error(
        "the file `checkpoint` in {folder} cannot be relied on, so it is not known which records must be there. \
         Nothing was changed and nothing can be appended. Either this is not the key that the journal was begun with, \
         or the file was changed"
    )]
    Checkpoint {
        /// The journal's folder.
        folder: PathBuf,
        /// What is wrong with it.
        source: CheckpointError,
    },
    /// The checkpoint is about another journal.
    #[error("the journal in {folder} calls itself {found:?}, not {expected:?}; nothing was changed")]
    OtherOrigin {
        /// The journal's folder.
        folder: PathBuf,
        /// The origin in its checkpoint.
        found: String,
        /// The origin asked for.
        expected: String,
    },
}

impl OpenError {
    pub(crate) fn file(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
        let path = path.to_owned();
        move |source| OpenError::File { doing, path, source }
    }
}
