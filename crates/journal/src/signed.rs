//! Everything that the journal has ever signed: the newest checkpoint and all before it, read together and held
//! against each other. Who opens a journal and who verifies it both begin here, so that neither believes what the
//! other would refuse.
//!
//! Whoever has every file but the key can take signed checkpoints away and cannot make one. So what is missing is
//! as telling as what is there:
//! - the first thing a journal ever holds is a signed checkpoint over no records, in `checkpoints` and then in
//!   `checkpoint`, before its first record. Records without any checkpoint were never written like this;
//! - a checkpoint enters `checkpoints` (synced) before it replaces `checkpoint`. So `checkpoint` is behind by one
//!   at most, after a power cut, and `checkpoints` never by a whole step.
//!
//! Journals of the first version of this program did not sync `checkpoints` and did not begin it with the
//! checkpoint over no records. A power cut may have taken the end of theirs, so for them that is a note, as long
//! as the newest checkpoint proves every record there is.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::checkpoint::HISTORY_STEP;
use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::disk::{Disk, RealDisk, read_whole};
use crate::files::{self, CHECKPOINT, CHECKPOINTS};
use crate::finding::{Finding, Grade, Problem};
use crate::key::PublicKey;
use crate::segment::Place;

const HISTORY_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// How often the two files are read again while a writer changes them.
const LOOKS_MAX: usize = 8;

/// What stands in the file `checkpoint`.
#[derive(Clone, Debug)]
pub(crate) enum Newest {
    Missing,
    /// There is something, and it is not a checkpoint by this key.
    NotBelieved(CheckpointError),
    Believed(Checkpoint),
}

/// A signed checkpoint in the file `checkpoints`.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    /// Where it begins.
    offset: u64,
    pub(crate) checkpoint: Checkpoint,
}

/// Bytes in the file `checkpoints` that are no checkpoint by this key.
#[derive(Clone, Copy, Debug)]
struct Scrap {
    offset: u64,
    end: u64,
    /// A whole checkpoint that this key did not sign: no power cut leaves that.
    altered: bool,
}

/// Both files, read and checked with the public key.
#[derive(Clone, Debug)]
pub(crate) struct Signed {
    pub(crate) newest: Newest,
    pub(crate) history: Vec<Noted>,
    scraps: Vec<Scrap>,
    /// Length of the file `checkpoints`; `None` when there is none.
    length: Option<u64>,
    /// Whether the two were read as they stood at one moment, so that they may be compared.
    together: bool,
}

impl Signed {
    /// Reads both files. A writer may change them meanwhile: then they are read again.
    pub(crate) fn read(disk: &dyn Disk, folder: &Path, key: &PublicKey) -> io::Result<Signed> {
        let mut before = read_history(disk, folder)?;
        for look in 1.. {
            let newest = read_newest(disk, folder, key)?;
            let after = read_history(disk, folder)?;
            let together = before == after;
            if together || look == LOOKS_MAX {
                let length = after.as_ref().map(|bytes| bytes.len() as u64);
                let (history, scraps) = take_apart(&after.unwrap_or_default(), key);
                return Ok(Signed { newest, history, scraps, length, together });
            }
            before = after;
        }
        unreachable!("the loop returns at its last look")
    }

    /// The believed checkpoint that covers most.
    pub(crate) fn strongest(&self) -> Option<&Checkpoint> {
        let newest = match &self.newest {
            Newest::Believed(checkpoint) => Some(checkpoint),
            Newest::Missing | Newest::NotBelieved(_) => None,
        };
        // At the same size the file `checkpoint` counts: its text is the one people were shown.
        let history = self.history.iter().map(|noted| &noted.checkpoint);
        history.chain(newest).max_by_key(|checkpoint| checkpoint.size)
    }

    /// Every believed checkpoint with the name of the file it stands in, by size.
    pub(crate) fn all(&self) -> Vec<(&Checkpoint, &'static str)> {
        let mut all: Vec<_> =
            self.history.iter().map(|noted| (&noted.checkpoint, "file `checkpoints`")).collect();
        if let Newest::Believed(newest) = &self.newest {
            all.push((newest, "checkpoint"));
        }
        all.sort_by_key(|(checkpoint, _)| checkpoint.size);
        all
    }

    /// Whether the history began with the checkpoint over no records, and was synced ever since.
    fn is_sealed(&self) -> bool {
        self.history.first().is_some_and(|first| first.offset == 0 && first.checkpoint.size == 0)
    }

    /// How many records the history covers.
    pub(crate) fn history_size(&self) -> u64 {
        self.history.last().map_or(0, |noted| noted.checkpoint.size)
    }

    /// Where the next checkpoint enters the history: behind the last, over what an interrupted write left of one.
    pub(crate) fn history_end(&self) -> u64 {
        let length = self.length.unwrap_or(0);
        match self.scraps.last() {
            Some(scrap) if scrap.end == length && !scrap.altered => scrap.offset,
            _ => length,
        }
    }

    /// Whether no record was ever signed, as at a journal that is just being begun.
    pub(crate) fn is_of_the_beginning(&self) -> bool {
        let nothing = |noted: &Noted| noted.checkpoint.size == 0;
        matches!(self.newest, Newest::Missing)
            && self.history.iter().all(nothing)
            && !self.scraps.iter().any(|scrap| scrap.altered)
    }

    /// What the two files alone show, for a journal in which `records` records were met. Whether the records are
    /// those that were signed is another question.
    pub(crate) fn faults(&self, records: u64) -> Vec<Finding> {
        let mut faults = Vec::new();
        let at = |file: &str, offset| Place { file: file.to_owned(), offset, sequence: 0 };
        let newest = match &self.newest {
            Newest::Missing => {
                faults.push(finding(Grade::Damage, at(CHECKPOINT, 0), Problem::NoCheckpoint));
                None
            }
            Newest::NotBelieved(error) => {
                let problem = Problem::Checkpoint { by: "checkpoint", error: error.clone() };
                faults.push(finding(Grade::Damage, at(CHECKPOINT, 0), problem));
                None
            }
            Newest::Believed(newest) => Some(newest),
        };
        for scrap in &self.scraps {
            let torn = !scrap.altered && (Some(scrap.end) == self.length || !self.is_sealed());
            let grade = if torn { Grade::Note } else { Grade::Damage };
            faults.push(finding(
                grade,
                at(CHECKPOINTS, scrap.offset),
                Problem::Scrap { altered: scrap.altered },
            ));
        }
        for pair in self.history.windows(2) {
            let [one, next] = pair else { continue };
            if next.checkpoint.size < one.checkpoint.size {
                let problem = Problem::HistoryMoved { size: next.checkpoint.size };
                faults.push(finding(Grade::Damage, at(CHECKPOINTS, next.offset), problem));
            }
        }
        let first_origin = newest.map(|newest| &newest.origin);
        let first_origin = first_origin.or(self.history.first().map(|noted| &noted.checkpoint.origin));
        for noted in &self.history {
            if first_origin != Some(&noted.checkpoint.origin) {
                let problem = Problem::HistoryOfAnother { origin: noted.checkpoint.origin.clone() };
                faults.push(finding(Grade::Damage, at(CHECKPOINTS, noted.offset), problem));
            }
        }
        if let Some(newest) = newest.filter(|_| self.together) {
            faults.extend(self.compare(newest.size, records));
        }
        faults
    }

    /// Whether `checkpoint` and `checkpoints` can stand side by side.
    fn compare(&self, newest: u64, records: u64) -> Option<Finding> {
        let mut later: Vec<u64> =
            self.history.iter().map(|noted| noted.checkpoint.size).filter(|size| *size > newest).collect();
        later.dedup();
        if let [_, .., last] = later[..] {
            let place = Place { file: CHECKPOINT.to_owned(), offset: 0, sequence: 0 };
            return Some(finding(Grade::Damage, place, Problem::PutBack { newest, signed: last }));
        }
        let last = self.history_size();
        let missing = self.length.is_none() && newest > 0;
        if !missing && newest < last.saturating_add(HISTORY_STEP) {
            return None;
        }
        // A power cut can have cost an early journal the end of its history, but not the whole file, once it is long
        // enough to have one. Whatever lies above the newest checkpoint is taken on trust only beside a whole history.
        let early = !self.is_sealed() && newest >= records;
        let excused = if missing { newest < HISTORY_STEP } else { true };
        let grade = if early && excused { Grade::Note } else { Grade::Damage };
        let (offset, missing) = (self.length.unwrap_or(0), self.length.is_none());
        let place = Place { file: CHECKPOINTS.to_owned(), offset, sequence: 0 };
        Some(finding(grade, place, Problem::HistoryShort { missing, last, newest }))
    }
}

/// Every checkpoint in the folder that this key has signed, by size, one for each size.
pub fn checkpoints(folder: &Path, key: &PublicKey) -> io::Result<Vec<Checkpoint>> {
    let signed = Signed::read(&RealDisk, folder, key)?;
    // At the same size the file `checkpoint` counts, and stands last: its text is the one people were shown.
    let by_size: BTreeMap<u64, Checkpoint> =
        signed.all().into_iter().map(|(checkpoint, _)| (checkpoint.size, checkpoint.clone())).collect();
    Ok(by_size.into_values().collect())
}

fn finding(grade: Grade, place: Place, problem: Problem) -> Finding {
    Finding { grade, place, problem }
}

fn read_newest(disk: &dyn Disk, folder: &Path, key: &PublicKey) -> io::Result<Newest> {
    let Some(read) = files::read_checkpoint(disk, folder)? else { return Ok(Newest::Missing) };
    let verified = read.and_then(|checkpoint| checkpoint.verify(key).map(|()| checkpoint));
    Ok(verified.map_or_else(Newest::NotBelieved, Newest::Believed))
}

fn read_history(disk: &dyn Disk, folder: &Path) -> io::Result<Option<Vec<u8>>> {
    match read_whole(disk, &folder.join(CHECKPOINTS), HISTORY_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Notes are separated by an empty line after their signatures: body, empty line, signatures, empty line.
fn take_apart(bytes: &[u8], key: &PublicKey) -> (Vec<Noted>, Vec<Scrap>) {
    let (mut history, mut scraps) = (Vec::new(), Vec::<Scrap>::new());
    let ends: Vec<usize> = empty_lines(bytes).collect();
    let (mut at, mut next) = (0, 0);
    while at < bytes.len() {
        // After a torn note the empty lines are out of step by one.
        while ends.get(next).is_some_and(|end| *end <= at) {
            next += 1;
        }
        let end = ends.get(next + 1).copied();
        let read = end.map(|end| note(&bytes[at..end - 1], key));
        match (read, end) {
            (Some(Ok(checkpoint)), Some(end)) => {
                history.push(Noted { offset: at as u64, checkpoint });
                at = end;
            }
            (read, _) => {
                let altered = matches!(
                    read,
                    Some(Err(CheckpointError::Forged { .. } | CheckpointError::Unsigned { .. }))
                );
                let until = match (altered, end) {
                    (true, Some(end)) => end,
                    _ => ends.get(next).copied().unwrap_or(bytes.len()),
                };
                let (offset, end) = (at as u64, until as u64);
                match scraps.last_mut() {
                    Some(last) if last.end == offset && last.altered == altered => last.end = end,
                    _ => scraps.push(Scrap { offset, end, altered }),
                }
                at = until;
            }
        }
    }
    (history, scraps)
}

/// Where the bytes behind each empty line begin.
fn empty_lines(bytes: &[u8]) -> impl Iterator<Item = usize> + '_ {
    bytes.windows(2).enumerate().filter(|(_, two)| *two == b"\n\n").map(|(at, _)| at + 2)
}

fn note(bytes: &[u8], key: &PublicKey) -> Result<Checkpoint, CheckpointError> {
    let text = std::str::from_utf8(bytes).map_err(|_| CheckpointError::Form("it is not text"))?;
    let checkpoint = Checkpoint::parse(text)?;
    checkpoint.verify(key).map(|()| checkpoint)
}
