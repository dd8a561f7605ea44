//! Verifying: reads every byte of a journal and lists everything that is wrong, with its place. Needs the public
//! key and nothing else, changes nothing, and any bytes are safe.
//!
//! Five things are compared, each catching what the one before cannot:
//! - every frame with its check, every payload with its digest: flipped bits, torn writes;
//! - the sequence numbers: removed, moved and doubled records;
//! - all records with every checkpoint that was ever signed: changes made with care, a cut-off end, and a story that
//!   was changed and then signed again. The file `leaves`, itself proven by the checkpoint, says which record was
//!   changed; if it was changed too, older checkpoints bracket it;
//! - the checkpoints with each other: those that were taken away or put back (see `signed`);
//! - the journal with a checkpoint remembered elsewhere: a journal cut back together with its own checkpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::checkpoint::Checkpoint;
use crate::disk::{Access, Disk, RealDisk};
use crate::files;
use crate::finding::{Finding, Grade, Problem};
use crate::key::PublicKey;
use crate::record::KIND_ERASED;
use crate::record::{Body, Frame};
use crate::recover::decided;
use crate::segment::{Damage, Place, WalkItem, walk};
use crate::signed::Signed;
use crate::tree::{Hash, Tree};

/// More findings than this help nobody.
const FINDINGS_MAX: usize = 1000;
/// How often a journal that is being written is looked at again before what looks damaged above its published
/// length is called damaged.
const LOOKS_MAX: usize = 3;

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
    /// The newest signed checkpoint of which every record is there, undamaged, as it was signed.
    pub trusted: Option<Checkpoint>,
    /// The records that are there, undamaged, and proven to be those that were signed, in order and without overlap.
    /// The records of an intact journal that were written after its newest checkpoint are not among them.
    pub proven: Vec<Range<u64>>,
    /// Everything that is not as it should be, in the order of the files.
    pub findings: Vec<Finding>,
}

impl Verification {
    /// Whether everything that was acknowledged and signed is there as it was. Notes do not matter to this.
    pub fn intact(&self) -> bool {
        self.damages().next().is_none()
    }

    /// The findings that are damage.
    pub fn damages(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.grade == Grade::Damage)
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
    signed: Result<Signed, io::Error>,
    /// The roots over the first records, for every size that a believed checkpoint has.
    roots: BTreeMap<u64, Hash>,
    /// Records that are not what they were, by number.
    bad: BTreeSet<u64>,
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
            // Before the records: a checkpoint written meanwhile would cover records we have not met.
            signed: Signed::read(disk, folder, key),
            roots: BTreeMap::new(),
            bad: BTreeSet::new(),
            segments: Vec::new(),
            records: Vec::new(),
            end,
            damages: Vec::new(),
            decided: BTreeSet::new(),
            written_at_max: 0,
            findings: Vec::new(),
        };
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

    fn see(&mut self, seen: WalkItem<'_>) {
        match seen {
            WalkItem::Segment { name, .. } => self.segments.push(name.to_owned()),
            WalkItem::Damage { place, damage } => self.damages.push((place, damage)),
            WalkItem::Record { place, frame, bytes } => self.see_record(place, &frame, bytes),
            WalkItem::Unreadable { place, error } => {
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
        let signed = self.read_signed();
        let newest = signed.as_ref().and_then(Signed::strongest).cloned();
        let remembered = remembered.filter(|remembered| self.believe(remembered, newest.as_ref()));
        let covered = newest.as_ref().map_or(0, |checkpoint| checkpoint.size);
        let acknowledged =
            [covered, remembered.map_or(0, |one| one.size), self.published, self.written_at_max];
        let acknowledged = acknowledged.into_iter().max().unwrap_or(0);
        let (erased, whole) = self.judge(acknowledged);
        let older: Vec<Checkpoint> =
            signed.iter().flat_map(|signed| &signed.history).map(|noted| noted.checkpoint.clone()).collect();
        self.take_roots(older.iter().chain(newest.as_ref()).chain(remembered));
        let mut proven = Vec::new();
        for (checkpoint, by) in [(newest.as_ref(), "checkpoint"), (remembered, "remembered checkpoint")] {
            if let Some(checkpoint) = checkpoint {
                self.prove(checkpoint, by, whole, &older, &mut proven);
            }
        }
        self.prove_older(&older, &mut proven);
        // A missing end is told once, by the strongest witness.
        let told = self.findings.iter().any(|finding| matches!(finding.problem, Problem::CutOff { .. }));
        if whole && !told && self.end.sequence < self.published {
            let problem = Problem::CutOff { by: "published length", size: self.published };
            self.find(Grade::Damage, self.end.clone(), problem);
        }
        let proven = united(proven, &self.bad);
        let whole_until = proven.first().filter(|first| first.start == 0).map_or(0, |first| first.end);
        let fits = |one: &&Checkpoint| one.size <= whole_until && self.root(one.size) == Some(one.root);
        let trusted = older.iter().chain(newest.as_ref()).filter(fits).max_by_key(|one| one.size).cloned();
        Verification {
            records: self.records.len() as u64,
            erased,
            covered,
            checkpoint: newest,
            trusted,
            proven,
            findings: self.findings,
        }
    }

    /// The checkpoints of the journal, and what they alone show.
    fn read_signed(&mut self) -> Option<Signed> {
        let nowhere = Err(io::Error::from(io::ErrorKind::NotFound));
        match std::mem::replace(&mut self.signed, nowhere) {
            Ok(signed) => {
                for Finding { grade, place, problem } in signed.faults(self.end.sequence) {
                    self.find(grade, place, problem);
                }
                Some(signed)
            }
            Err(error) => {
                let place = Place { file: files::CHECKPOINT.to_owned(), offset: 0, sequence: 0 };
                self.find(Grade::Damage, place, Problem::Unreadable(error.to_string()));
                None
            }
        }
    }

    fn believe(&mut self, remembered: &Checkpoint, newest: Option<&Checkpoint>) -> bool {
        let place = Place { file: files::CHECKPOINT.to_owned(), offset: 0, sequence: 0 };
        if let Err(error) = remembered.verify(self.key) {
            self.find(Grade::Damage, place, Problem::Checkpoint { by: "remembered checkpoint", error });
            return false;
        }
        if let Some(newest) = newest
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
                    self.bad.insert(place.sequence);
                    self.find(Grade::Damage, place, Problem::Damaged(damage));
                }
                damage => self.find(Grade::Note, place, Problem::Interrupted(damage)),
            }
        }
        (erased, whole)
    }

    /// Compares the records with the newest believed checkpoint, or with a remembered one.
    fn prove(
        &mut self,
        checkpoint: &Checkpoint,
        by: &'static str,
        whole: bool,
        older: &[Checkpoint],
        proven: &mut Vec<Range<u64>>,
    ) {
        let size = checkpoint.size;
        let cut_off = whole && self.end.sequence < size;
        if cut_off {
            let problem = Problem::CutOff { by, size };
            self.find(Grade::Damage, self.end.clone(), problem);
        }
        let right = whole && self.root(size) == Some(checkpoint.root);
        if right {
            proven.push(0..size);
        }
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
            Some(leaves) => self.compare(&leaves, by, proven),
            None if cut_off => {}
            None if whole => self.bracket(checkpoint, by, older),
            None => self.find(Grade::Note, self.end.clone(), Problem::Unproven),
        }
    }

    fn compare(&mut self, leaves: &[Hash], by: &'static str, proven: &mut Vec<Range<u64>>) {
        let told: BTreeSet<u64> = self.findings.iter().map(|finding| finding.place.sequence).collect();
        let mut changed = Vec::new();
        for (sequence, leaf, segment, offset) in &self.records {
            match usize::try_from(*sequence).ok().and_then(|sequence| leaves.get(sequence)) {
                Some(signed) if signed == leaf => {
                    proven.push(*sequence..sequence + 1);
                }
                Some(_) => changed.push((*sequence, *segment, *offset)),
                None => {}
            }
        }
        for (sequence, segment, offset) in changed {
            self.bad.insert(sequence);
            if !told.contains(&sequence) {
                let place = self.place(sequence, segment, offset);
                self.find(Grade::Damage, place, Problem::Changed(by));
            }
        }
    }

    /// Neither the records nor `leaves` are what was signed: older checkpoints narrow down where it begins.
    fn bracket(&mut self, checkpoint: &Checkpoint, by: &'static str, older: &[Checkpoint]) {
        let mut from = 0;
        let mut until = checkpoint.size;
        for older in older.iter().filter(|older| older.size < checkpoint.size) {
            match self.root(older.size) == Some(older.root) {
                true if older.size < until => from = from.max(older.size),
                true => {}
                false => until = until.min(older.size),
            }
        }
        let place = self.place_of(from);
        self.find(Grade::Damage, place, Problem::ChangedBetween { by, from, until });
    }

    /// No older checkpoint may tell another story. What one of them proves is proven, whatever became of the rest.
    fn prove_older(&mut self, older: &[Checkpoint], proven: &mut Vec<Range<u64>>) {
        let changed = |finding: &Finding| {
            matches!(
                finding.problem,
                Problem::Changed(_) | Problem::ChangedBetween { .. } | Problem::CutOff { .. }
            )
        };
        // Then the newest checkpoint has already shown, and placed, what the older ones would.
        let told = self.findings.iter().any(changed);
        let mut from = 0;
        for older in older {
            let Some(root) = self.root(older.size) else { continue };
            if root == older.root {
                proven.push(from..older.size);
                from = from.max(older.size);
            } else if !told {
                let place = self.place_of(from);
                return self.find(Grade::Damage, place, Problem::SignedAgain { from, size: older.size });
            }
        }
    }

    fn place_of(&self, sequence: u64) -> Place {
        let met = self.records.iter().find(|(met, ..)| *met == sequence).copied();
        met.map_or(self.end.clone(), |(sequence, _, segment, offset)| self.place(sequence, segment, offset))
    }

    fn place(&self, sequence: u64, segment: usize, offset: u64) -> Place {
        let file = self.segments.get(segment).cloned().unwrap_or_default();
        Place { file, offset, sequence }
    }

    /// The roots at the sizes of these checkpoints, as far as the records lie end to end.
    fn take_roots<'c>(&mut self, checkpoints: impl Iterator<Item = &'c Checkpoint>) {
        let sizes: BTreeSet<u64> = checkpoints.map(|checkpoint| checkpoint.size).collect();
        let mut tree = Tree::default();
        if sizes.contains(&0) {
            self.roots.insert(0, tree.root());
        }
        for (index, (sequence, leaf, ..)) in (0_u64..).zip(&self.records) {
            if *sequence != index {
                return;
            }
            tree.push(*leaf);
            if sizes.contains(&tree.size()) {
                self.roots.insert(tree.size(), tree.root());
            }
        }
    }

    fn root(&self, size: u64) -> Option<Hash> {
        self.roots.get(&size).copied()
    }
}

/// All that is in one of the ranges and not bad: in order, without overlap.
fn united(mut all: Vec<Range<u64>>, bad: &BTreeSet<u64>) -> Vec<Range<u64>> {
    all.sort_by_key(|range| range.start);
    let mut united: Vec<Range<u64>> = Vec::new();
    for range in all {
        match united.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => united.push(range),
        }
    }
    for bad in bad {
        if let Some(at) = united.iter().position(|range| range.contains(bad)) {
            let range = united.remove(at);
            let parts = [range.start..*bad, bad + 1..range.end];
            united.splice(at..at, parts.into_iter().filter(|part| !part.is_empty()));
        }
    }
    united.retain(|range| !range.is_empty());
    united
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}
