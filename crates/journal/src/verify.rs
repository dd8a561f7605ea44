//! Verifying: reads every byte of a journal and lists everything that is wrong, with its place. Needs the public
//! key and nothing else, changes nothing, and any bytes are safe.
//!
//! Four things are compared, each catching what the one before cannot:
//! - every frame with its check, every payload with its digest: flipped bits, torn writes;
//! - the sequence numbers: removed, moved and doubled records;
//! - all records with the signed checkpoints: changes made with care, and a cut-off end. The file `leaves`, itself
//!   proven by the checkpoint, says which record was changed; if it was changed too, older checkpoints bracket it;
//! - the journal with a checkpoint remembered elsewhere: a journal cut back together with its own checkpoints.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::Path;

use thiserror::Error;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::disk::{Access, Disk, RealDisk};
use crate::files;
use crate::key::PublicKey;
use crate::record::{Body, Frame};
use crate::recover::{KIND_ERASED, decided};
use crate::segment::{Damage, Place, Seen, walk};
use crate::tree::{Hash, Tree};

/// More findings than this help nobody.
const FINDINGS_MAX: usize = 1000;
/// How often a journal that is being written is looked at again before what looks damaged above its published
/// length is called damaged.
const LOOKS_MAX: usize = 3;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// What was acknowledged or signed is not there as it was.
    Damage,
    /// Nothing that was acknowledged or signed is touched.
    Note,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub grade: Grade,
    /// Where: the file, the byte in it, and the record that is or should be there.
    pub place: Place,
    /// What it is.
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Damage => "damage",
            Grade::Note => "note",
        };
        write!(f, "{grade} at {}: {}", self.place, self.problem)
    }
}

/// What a finding is about. The texts are for people.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Problem {
    /// There is no journal in this folder.
    #[error("there is no journal here")]
    NoJournal,
    /// A file could not be read.
    #[error("the file could not be read: {0}")]
    Unreadable(String),
    /// Something is wrong with the bytes of a record or segment.
    #[error("{0}")]
    Damaged(Damage),
    /// The same, above everything that was acknowledged.
    #[error(
        "a write was interrupted here ({0}); nothing acknowledged is touched, and the next writer cuts it off"
    )]
    Interrupted(Damage),
    /// An erasure was decided and not finished.
    #[error("the erasure of this payload was decided and is not finished; the next writer finishes it")]
    ErasureUnfinished,
    /// The record is well formed but not the one that was signed.
    #[error("this record was changed: it is not the one that the {0} signs")]
    Changed(&'static str),
    /// The records are not those that were signed, and the place can only be bracketed.
    #[error("one or more of the records {from} to {to} were changed: they are not those that the {by} signs", to = until - 1)]
    ChangedBetween {
        /// Which checkpoint says so.
        by: &'static str,
        /// The first record that may be changed.
        from: u64,
        /// The first record after those that may be changed.
        until: u64,
    },
    /// Records are missing at the end.
    #[error(
        "the journal ends here, but {size} records were there according to the {by}: its end was cut off"
    )]
    CutOff {
        /// Which checkpoint or file says so.
        by: &'static str,
        /// How many records there were.
        size: u64,
    },
    /// There is no checkpoint.
    #[error("there is no checkpoint, so nothing proves that the records are those that were written")]
    NoCheckpoint,
    /// A checkpoint is not to be relied on.
    #[error("the {by} cannot be relied on: {error}")]
    Checkpoint {
        /// Which checkpoint.
        by: &'static str,
        /// What is wrong with it.
        error: CheckpointError,
    },
    /// A checkpoint remembered elsewhere is about another journal.
    #[error("the remembered checkpoint is of the journal {remembered:?}, this one calls itself {here:?}")]
    OtherOrigin {
        /// The origin in the remembered checkpoint.
        remembered: String,
        /// The origin in the journal's own.
        here: String,
    },
    /// The aid for locating changes is itself not right.
    #[error("the file `leaves` is not right from here on; the records are proven without it")]
    Leaves,
    /// The damaged records keep the others from being proven together.
    #[error(
        "because of the damage, the undamaged records could only be checked one by one, not against the checkpoint"
    )]
    Unproven,
    /// The list was cut.
    #[error("there are more findings than can be listed")]
    More,
}

/// What verifying found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// How many records were met.
    pub records: u64,
    /// How many of them have an erased payload, by a recorded decision.
    pub erased: u64,
    /// How many records the newest believable checkpoint covers. Those above it are checked, but not signed.
    pub covered: u64,
    /// The newest checkpoint in the folder, if it is signed by the key.
    pub checkpoint: Option<Checkpoint>,
    /// Everything that is not as it should be, in the order of the files.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// Whether everything that was acknowledged and signed is there as it was. Notes do not matter to this.
    pub fn intact(&self) -> bool {
        self.findings.iter().all(|finding| finding.grade == Grade::Note)
    }
}

/// Reads every byte of the journal in `folder`. `remembered` is a checkpoint that was kept somewhere else: on a
/// receipt, in a notice, by a witness.
pub fn verify(folder: &Path, key: &PublicKey, remembered: Option<&Checkpoint>) -> Verification {
    verify_on(&RealDisk, folder, key, remembered)
}

/// The same on another disk.
pub fn verify_on(
    disk: &dyn Disk,
    folder: &Path,
    key: &PublicKey,
    remembered: Option<&Checkpoint>,
) -> Verification {
    let mut looks = 1;
    loop {
        let published = published(disk, folder);
        let verification = Look::new(disk, folder, key, published).finish(remembered);
        // While somebody writes we may read the middle of a write before and its end after it happened.
        let moving =
            |finding: &Finding| finding.grade == Grade::Damage && finding.place.sequence >= published;
        if looks == LOOKS_MAX || !verification.findings.iter().any(moving) {
            return verification;
        }
        looks += 1;
    }
}

fn published(disk: &dyn Disk, folder: &Path) -> u64 {
    let file = disk.open(&folder.join(files::DURABLE), Access::Read);
    file.and_then(|file| files::read_durable(&*file)).ok().flatten().unwrap_or(0)
}

/// One reading of the whole journal.
struct Look<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    key: &'a PublicKey,
    published: u64,
    newest: Option<Checkpoint>,
    segments: Vec<String>,
    /// Per record met: its number, its leaf, its segment and the byte in it.
    records: Vec<(u64, Hash, usize, u64)>,
    end: Place,
    damages: Vec<(Place, Damage)>,
    decided: BTreeSet<u64>,
    written_at_max: u64,
    findings: Vec<Finding>,
}

impl<'a> Look<'a> {
    fn new(disk: &'a dyn Disk, folder: &'a Path, key: &'a PublicKey, published: u64) -> Look<'a> {
        let end = Place { file: String::new(), offset: 0, sequence: 0 };
        let mut look = Look {
            disk,
            folder,
            key,
            published,
            newest: None,
            segments: Vec::new(),
            records: Vec::new(),
            end,
            damages: Vec::new(),
            decided: BTreeSet::new(),
            written_at_max: 0,
            findings: Vec::new(),
        };
        // Before the records: a checkpoint written meanwhile would cover records we have not met.
        look.newest = look.newest_checkpoint();
        if let Err(error) = walk(disk, folder, &mut |seen| look.see(seen)) {
            let problem = match error.kind() {
                io::ErrorKind::NotFound => Problem::NoJournal,
                _ => Problem::Unreadable(error.to_string()),
            };
            look.find(Grade::Damage, look.end.clone(), problem);
        } else if look.segments.is_empty() {
            look.find(Grade::Damage, look.end.clone(), Problem::NoJournal);
        }
        look
    }

    fn find(&mut self, grade: Grade, place: Place, problem: Problem) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(Finding { grade, place, problem });
        } else if self.findings.len() == FINDINGS_MAX {
            self.findings.push(Finding { grade: Grade::Damage, place, problem: Problem::More });
        }
    }

    fn newest_checkpoint(&mut self) -> Option<Checkpoint> {
        let place = Place { file: files::CHECKPOINT.to_owned(), offset: 0, sequence: 0 };
        let problem = match files::read_checkpoint(self.disk, self.folder) {
            Ok(Some(Ok(checkpoint))) => match checkpoint.verify(self.key) {
                Ok(()) => return Some(checkpoint),
                Err(error) => Problem::Checkpoint { by: "checkpoint", error },
            },
            Ok(Some(Err(error))) => Problem::Checkpoint { by: "checkpoint", error },
            Ok(None) => Problem::NoCheckpoint,
            Err(error) => Problem::Unreadable(error.to_string()),
        };
        self.find(Grade::Damage, place, problem);
        None
    }

    fn see(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Segment { name, .. } => self.segments.push(name.to_owned()),
            Seen::Damage { place, damage } => self.damages.push((place, damage)),
            Seen::Record { place, frame, bytes } => self.see_record(place, &frame, bytes),
            Seen::Unreadable { place, error } => {
                self.segments.push(place.file.clone());
                self.find(Grade::Damage, place, Problem::Unreadable(error.to_string()));
            }
        }
    }

    fn see_record(&mut self, place: Place, frame: &Frame, bytes: &[u8]) {
        self.written_at_max = self.written_at_max.max(frame.header.written_at);
        let segment = self.segments.len().saturating_sub(1);
        self.records.push((place.sequence, frame.leaf_hash, segment, place.offset));
        self.end = Place {
            file: place.file.clone(),
            offset: place.offset + bytes.len() as u64,
            sequence: place.sequence.saturating_add(1),
        };
        match frame.body(bytes) {
            Body::Present(payload) if frame.header.kind == KIND_ERASED => {
                self.decided.extend(decided(payload));
            }
            Body::Present(_) => {}
            Body::Erased => self.damages.push((place, Damage::ErasedUndecided)),
            Body::HalfErased | Body::Damaged => self.damages.push((place, Damage::Payload)),
        }
    }

    fn finish(mut self, remembered: Option<&Checkpoint>) -> Verification {
        let remembered = remembered.filter(|remembered| self.believe(remembered));
        let covered = self.newest.as_ref().map_or(0, |checkpoint| checkpoint.size);
        let acknowledged =
            [covered, remembered.map_or(0, |one| one.size), self.published, self.written_at_max];
        let acknowledged = acknowledged.into_iter().max().unwrap_or(0);
        let (erased, whole) = self.judge(acknowledged);
        let newest = self.newest.clone();
        for (checkpoint, by) in [(newest.as_ref(), "checkpoint"), (remembered, "remembered checkpoint")] {
            if let Some(checkpoint) = checkpoint {
                self.prove(checkpoint, by, whole);
            }
        }
        // A missing end is told once, by the strongest witness.
        let told = self.findings.iter().any(|finding| matches!(finding.problem, Problem::CutOff { .. }));
        if whole && !told && self.end.sequence < self.published {
            let problem = Problem::CutOff { by: "published length", size: self.published };
            self.find(Grade::Damage, self.end.clone(), problem);
        }
        Verification {
            records: self.records.len() as u64,
            erased,
            covered,
            checkpoint: self.newest,
            findings: self.findings,
        }
    }

    fn believe(&mut self, remembered: &Checkpoint) -> bool {
        let place = Place { file: files::CHECKPOINT.to_owned(), offset: 0, sequence: 0 };
        if let Err(error) = remembered.verify(self.key) {
            self.find(Grade::Damage, place, Problem::Checkpoint { by: "remembered checkpoint", error });
            return false;
        }
        if let Some(newest) = &self.newest
            && newest.origin != remembered.origin
        {
            let (remembered, here) = (remembered.origin.clone(), newest.origin.clone());
            self.find(Grade::Damage, place, Problem::OtherOrigin { remembered, here });
            return false;
        }
        true
    }

    /// Grades what the walk found. Returns the number of rightly erased payloads, and whether all acknowledged
    /// records were met in order, so that they can be proven together.
    fn judge(&mut self, acknowledged: u64) -> (u64, bool) {
        let (mut erased, mut whole) = (0, true);
        for (place, damage) in std::mem::take(&mut self.damages) {
            let decided = self.decided.contains(&place.sequence);
            match damage {
                Damage::ErasedUndecided if decided => erased += 1,
                Damage::Payload if decided => self.find(Grade::Note, place, Problem::ErasureUnfinished),
                damage if place.sequence < acknowledged => {
                    // A payload is not in the leaf, so its damage hides no other record.
                    whole &= matches!(damage, Damage::Payload | Damage::ErasedUndecided);
                    self.find(Grade::Damage, place, Problem::Damaged(damage));
                }
                damage => self.find(Grade::Note, place, Problem::Interrupted(damage)),
            }
        }
        (erased, whole)
    }

    /// Compares the records with a believed checkpoint.
    fn prove(&mut self, checkpoint: &Checkpoint, by: &'static str, whole: bool) {
        let size = checkpoint.size;
        if whole && self.end.sequence < size {
            let problem = Problem::CutOff { by, size };
            return self.find(Grade::Damage, self.end.clone(), problem);
        }
        let right = whole && self.root(size) == Some(checkpoint.root);
        let leaves = files::read_leaves(self.disk, self.folder, size);
        let leaves = usize::try_from(size).ok().and_then(|size| leaves.get(..size));
        let leaves = leaves.filter(|leaves| root_of(leaves) == checkpoint.root).map(<[Hash]>::to_vec);
        match leaves {
            None if right => {
                // Not an alarm: after a power cut this file may be old until a writer opens the journal.
                let place = Place { file: files::LEAVES.to_owned(), offset: 0, sequence: 0 };
                self.find(Grade::Note, place, Problem::Leaves);
            }
            Some(_) if right => {}
            Some(leaves) => self.compare(&leaves, by),
            None if whole => self.bracket(checkpoint, by),
            None => self.find(Grade::Note, self.end.clone(), Problem::Unproven),
        }
    }

    fn compare(&mut self, leaves: &[Hash], by: &'static str) {
        let told: BTreeSet<u64> = self.findings.iter().map(|finding| finding.place.sequence).collect();
        let changed = |(sequence, leaf, ..): &&(u64, Hash, usize, u64)| {
            let signed = usize::try_from(*sequence).ok().and_then(|sequence| leaves.get(sequence));
            signed.is_some_and(|signed| signed != leaf) && !told.contains(sequence)
        };
        let changed: Vec<_> = self.records.iter().filter(changed).copied().collect();
        for (sequence, _, segment, offset) in changed {
            let place = self.place(sequence, segment, offset);
            self.find(Grade::Damage, place, Problem::Changed(by));
        }
    }

    /// Neither the records nor `leaves` are what was signed: older checkpoints narrow down where it begins.
    fn bracket(&mut self, checkpoint: &Checkpoint, by: &'static str) {
        let mut from = 0;
        let mut until = checkpoint.size;
        for older in files::read_history(self.disk, self.folder, self.key) {
            if older.size < until {
                match self.root(older.size) == Some(older.root) {
                    true => from = from.max(older.size),
                    false => until = older.size,
                }
            }
        }
        let met = self.records.iter().find(|(sequence, ..)| *sequence == from).copied();
        let place = met
            .map_or(self.end.clone(), |(sequence, _, segment, offset)| self.place(sequence, segment, offset));
        self.find(Grade::Damage, place, Problem::ChangedBetween { by, from, until });
    }

    fn place(&self, sequence: u64, segment: usize, offset: u64) -> Place {
        let file = self.segments.get(segment).cloned().unwrap_or_default();
        Place { file, offset, sequence }
    }

    fn root(&self, size: u64) -> Option<Hash> {
        let records = self.records.get(..usize::try_from(size).ok()?)?;
        let mut tree = Tree::default();
        records.iter().for_each(|(_, leaf, ..)| tree.push(*leaf));
        Some(tree.root())
    }
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}
