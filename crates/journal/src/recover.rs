//! What a writer does before it writes: read everything, prove it against every checkpoint that was ever signed, and
//! deal with what an interrupted write left behind.
//!
//! Records without a signed checkpoint before them are not gone on with, and neither is a journal of which one
//! checkpoint says something else than the records: the next signature would make a forgery look whole. `signed`
//! has the rules for the checkpoints themselves.
//!
//! The rule for damage, in the order in which it is applied:
//! 1. Damage at a record that the newest checkpoint covers, or that was published as durable, is never cut. Those
//!    records were acknowledged; somebody relies on them. The journal does not open, and says where it is broken.
//! 2. Damage above is the mark of an interrupted write, unless a valid record follows that was written when the
//!    damaged one was already on disk (its `written_at` says so). Then the damaged one had been acknowledged too,
//!    and the journal does not open. Records that were handed to the disk in the same write prove nothing: a power
//!    cut may keep the end of a write and lose its middle.
//! 3. Otherwise the tail is cut from the damage on, and the cut is recorded in its place, in the same write.
//!
//! After a failed sync the system may show bytes that never reached the disk. So everything above the checkpoint
//! is written once more and synced before anybody is told that it is there.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;

use crate::batches::Recent;
use crate::checkpoint::Checkpoint;
use crate::disk::{Access, Disk, read_whole, replace_whole};
use crate::files;
use crate::finding::{Finding, Grade};
use crate::options::Options;
use crate::record::{
    BatchId, Body, Frame, Header, JournalId, KIND_ERASED, KIND_TAIL_CUT, MAGIC_ERASED, SALT_BYTES, digest,
    encode, take,
};
use crate::refusal::OpenError;
use crate::segment::{
    Damage, Place, SEGMENT_BYTES_MAX, SEGMENT_HEADER_BYTES, WalkItem, encode_segment_header, segment_name,
    used, walk, with_room,
};
use crate::signed::{Newest, Signed};
use crate::tree::{Hash, Tree};

/// All that a writer needs to know about the journal before it goes on.
pub(crate) struct Ground {
    pub(crate) journal: JournalId,
    /// The number of records, all of them on disk.
    pub(crate) next: u64,
    /// The segment to append to, and the place in it.
    pub(crate) segment: String,
    pub(crate) end: u64,
    pub(crate) kinds: HashMap<String, u64>,
    pub(crate) recent: Recent,
    pub(crate) tree: Tree,
    pub(crate) checkpoint: Option<Checkpoint>,
    pub(crate) history_size: u64,
    pub(crate) history_end: u64,
}

/// Reads, judges and repairs the journal in `folder`, or begins it.
pub(crate) fn recover(folder: &Path, options: &Options) -> Result<Ground, OpenError> {
    let disk = &*options.disk;
    disk.create_folder(folder).map_err(OpenError::file("make the folder", folder))?;
    let signed = Signed::read(disk, folder, &options.key.public())
        .map_err(OpenError::file("read the checkpoints in", folder))?;
    let checkpoint = trusted_checkpoint(folder, options, &signed)?;
    let covered = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
    let promised = covered.max(published(disk, folder)?);

    let mut kept = WalkResult::collect(disk, folder, covered, u64::MAX)?;
    if checkpoint.is_none() && (promised > 0 || kept.next() > 0 || holds_bytes(disk, folder, &kept.segments)?)
    {
        return Err(OpenError::Unsigned { folder: folder.to_owned(), records: promised.max(kept.next()) });
    }
    let mut cut = false;
    while let Some(from) = kept.judge(folder, promised)? {
        cut = true;
        kept = WalkResult::collect(disk, folder, covered, from)?;
    }
    if kept.next() < promised {
        return Err(OpenError::CutOff { folder: folder.to_owned(), found: kept.next(), promised });
    }
    let mut tree = prove(folder, &signed, &kept.leaves)?;
    if !signed.is_of_the_beginning()
        && let Some(finding) = first_damage(&signed, kept.next())
    {
        return Err(OpenError::Checkpoints { folder: folder.to_owned(), finding });
    }

    kept.repair(folder, options, cut, &mut tree)?;
    let undone: BTreeSet<u64> = kept.decided.difference(&kept.erased).copied().collect();
    if !undone.is_empty() {
        erase_bodies(disk, folder, &undone).map_err(OpenError::file("finish an erasure in", folder))?;
    }
    let leaves = kept.leaves.as_flattened();
    replace_whole(disk, folder, files::LEAVES, leaves)
        .map_err(OpenError::file("write `leaves` in", folder))?;
    settle_checkpoints(disk, folder, &signed)
        .map_err(OpenError::file("settle the checkpoints in", folder))?;
    let current = kept.segments.pop().expect("repair leaves at least one segment");
    Ok(Ground {
        journal: kept.journal.expect("repair gives a new journal its id"),
        next: kept.next(),
        segment: current.name,
        end: current.end,
        kinds: kept.kinds,
        recent: kept.recent,
        tree,
        checkpoint,
        history_size: signed.history_size(),
        history_end: signed.history_end(),
    })
}

/// Holds the records against every checkpoint that was ever signed, oldest first. All of them cover records that are there.
fn prove(folder: &Path, signed: &Signed, leaves: &[Hash]) -> Result<Tree, OpenError> {
    let mut tree = Tree::default();
    let mut rest = leaves.iter();
    let mut proven = 0;
    for (checkpoint, by) in signed.all() {
        let size = checkpoint.size;
        while tree.size() < size
            && let Some(leaf) = rest.next()
        {
            tree.push(*leaf);
        }
        if tree.root() != checkpoint.root {
            return Err(OpenError::NotTheSigned { folder: folder.to_owned(), by, from: proven, size });
        }
        proven = size;
    }
    rest.for_each(|leaf| tree.push(*leaf));
    Ok(tree)
}

/// Whether anything stands where records would, readable or not.
fn holds_bytes(disk: &dyn Disk, folder: &Path, segments: &[Segment]) -> Result<bool, OpenError> {
    for segment in segments {
        let path = folder.join(&segment.name);
        let bytes = read_whole(disk, &path, SEGMENT_BYTES_MAX).map_err(OpenError::file("read", &path))?;
        if used(&bytes) > SEGMENT_HEADER_BYTES {
            return Ok(true);
        }
    }
    Ok(false)
}

fn first_damage(signed: &Signed, records: u64) -> Option<Box<Finding>> {
    signed.faults(records).into_iter().find(|finding| finding.grade == Grade::Damage).map(Box::new)
}

/// Finishes what was interrupted between `checkpoints` and `checkpoint`.
fn settle_checkpoints(disk: &dyn Disk, folder: &Path, signed: &Signed) -> io::Result<()> {
    files::trim_history(disk, folder, signed.history_end())?;
    match (&signed.newest, signed.strongest()) {
        (Newest::Believed(newest), Some(strongest)) if newest.size < strongest.size => {
            replace_whole(disk, folder, files::CHECKPOINT, strongest.text.as_bytes())
        }
        _ => Ok(()),
    }
}

/// The checkpoint that covers most, believed; `None` when the journal is only being begun. An unreadable one is an
/// error: it may cover records whose damage we would otherwise take for an interrupted write.
fn trusted_checkpoint(
    folder: &Path,
    options: &Options,
    signed: &Signed,
) -> Result<Option<Checkpoint>, OpenError> {
    let checkpoint = match &signed.newest {
        Newest::NotBelieved(source) => {
            return Err(OpenError::Checkpoint { folder: folder.to_owned(), source: source.clone() });
        }
        Newest::Missing if signed.is_of_the_beginning() => return Ok(None),
        // Said as damage of the checkpoints, once it is known what the records are.
        Newest::Missing | Newest::Believed(_) => signed.strongest().cloned(),
    };
    if let Some(checkpoint) = &checkpoint
        && checkpoint.origin != options.origin
    {
        let (found, expected) = (checkpoint.origin.clone(), options.origin.clone());
        return Err(OpenError::OtherOrigin { folder: folder.to_owned(), found, expected });
    }
    Ok(checkpoint)
}

fn published(disk: &dyn Disk, folder: &Path) -> Result<u64, OpenError> {
    let path = folder.join(files::DURABLE);
    match disk.open(&path, Access::Read).and_then(|file| files::read_durable(&*file)) {
        Ok(length) => Ok(length.unwrap_or(0)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(OpenError::file("read", &path)(error)),
    }
}

/// One segment as far as it is kept.
struct Segment {
    name: String,
    first: u64,
    valid: bool,
    /// Where the next record goes.
    end: u64,
    /// Where the first record above the checkpoint starts.
    uncovered_from: Option<u64>,
}

/// What the walk found, up to a limit.
struct WalkResult {
    limit: u64,
    covered: u64,
    journal: Option<JournalId>,
    segments: Vec<Segment>,
    leaves: Vec<Hash>,
    kinds: HashMap<String, u64>,
    recent: Recent,
    decided: BTreeSet<u64>,
    erased: BTreeSet<u64>,
    damages: Vec<(Place, Damage)>,
    /// The first record of a batch of which not all records have been met.
    open_batch: Option<Place>,
    /// The largest `written_at` met anywhere, behind the limit too.
    written_at_max: u64,
    behind: bool,
    unreadable: Option<(Place, io::Error)>,
}

impl WalkResult {
    fn next(&self) -> u64 {
        self.leaves.len() as u64
    }

    fn collect(disk: &dyn Disk, folder: &Path, covered: u64, limit: u64) -> Result<WalkResult, OpenError> {
        let mut kept = WalkResult {
            limit,
            covered,
            journal: None,
            segments: Vec::new(),
            leaves: Vec::new(),
            kinds: HashMap::new(),
            recent: Recent::default(),
            decided: BTreeSet::new(),
            erased: BTreeSet::new(),
            damages: Vec::new(),
            open_batch: None,
            written_at_max: 0,
            behind: limit == 0,
            unreadable: None,
        };
        let journal = walk(disk, folder, &mut |seen| kept.see(seen));
        kept.journal = journal.map_err(OpenError::file("list", folder))?;
        if let Some((place, source)) = kept.unreadable {
            return Err(OpenError::File { doing: "read", path: folder.join(place.file), source });
        }
        Ok(kept)
    }

    fn see(&mut self, seen: WalkItem<'_>) {
        match seen {
            WalkItem::Segment { name, first, valid } => {
                let end = SEGMENT_HEADER_BYTES as u64;
                self.segments.push(Segment {
                    name: name.to_owned(),
                    first,
                    valid,
                    end,
                    uncovered_from: None,
                });
            }
            WalkItem::Damage { place, damage } => {
                self.behind |= place.sequence >= self.limit;
                if !self.behind {
                    self.damages.push((place, damage));
                }
            }
            WalkItem::Record { place, frame, bytes } => self.see_record(place, frame, bytes),
            WalkItem::Unreadable { place, error } => {
                self.unreadable.get_or_insert((place, error));
            }
        }
    }

    fn see_record(&mut self, place: Place, frame: Frame, bytes: &[u8]) {
        self.written_at_max = self.written_at_max.max(frame.header.written_at);
        self.behind |= place.sequence >= self.limit;
        if self.behind {
            return;
        }
        let sequence = place.sequence;
        match frame.body(bytes) {
            Body::Present(payload) if frame.header.kind == KIND_ERASED => {
                self.decided.extend(decided(payload));
            }
            Body::Present(_) => {}
            Body::Erased => {
                self.erased.insert(sequence);
                self.damages.push((place.clone(), Damage::ErasedUndecided));
            }
            Body::HalfErased | Body::Damaged => self.damages.push((place.clone(), Damage::Payload)),
        }
        if let Some(segment) = self.segments.last_mut() {
            segment.end = place.offset + bytes.len() as u64;
            if sequence >= self.covered {
                segment.uncovered_from.get_or_insert(place.offset);
            }
        }
        self.leaves.push(frame.leaf_hash);
        let Header { batch, batch_left, kind, .. } = frame.header;
        self.kinds.insert(kind.into_owned(), sequence);
        let first = self.open_batch.get_or_insert(place).sequence;
        if batch_left == 0 {
            self.recent.insert(batch, first, sequence + 1);
            self.open_batch = None;
        }
    }

    /// From which record on the tail is to be cut, `None` when all is well, or why the journal must not open.
    fn judge(&mut self, folder: &Path, promised: u64) -> Result<Option<u64>, OpenError> {
        let decided = &self.decided;
        self.damages.retain(|(place, damage)| {
            !(matches!(damage, Damage::Payload | Damage::ErasedUndecided)
                && decided.contains(&place.sequence))
        });
        if let Some(place) = self.open_batch.take() {
            self.damages.push((place, Damage::BatchCut));
        }
        let acknowledged = promised.max(self.written_at_max);
        let mut from: Option<u64> = None;
        // A payload that seems erased by nobody may be so because the decision itself is damaged: name that first.
        self.damages.sort_by_key(|(_, damage)| *damage == Damage::ErasedUndecided);
        for (place, damage) in self.damages.drain(..) {
            if place.sequence < acknowledged {
                return Err(OpenError::Damaged { folder: folder.to_owned(), place, damage });
            }
            from = Some(from.map_or(place.sequence, |from| from.min(place.sequence)));
        }
        Ok(from)
    }

    /// Makes the disk hold exactly what is kept, and the record of the cut if there was one.
    fn repair(
        &mut self,
        folder: &Path,
        options: &Options,
        cut: bool,
        tree: &mut Tree,
    ) -> Result<(), OpenError> {
        let disk = &*options.disk;
        let next = self.next();
        let mut lost = 0;
        for segment in self.segments.extract_if(.., |segment| !segment.valid || segment.first > next) {
            let path = folder.join(&segment.name);
            lost += used(&read_whole(disk, &path, SEGMENT_BYTES_MAX).unwrap_or_default());
            disk.remove(&path).map_err(OpenError::file("remove an interrupted segment", &path))?;
        }
        if self.segments.is_empty() {
            self.begin(folder, options)?;
        }
        let count = self.segments.len();
        for index in 0..count {
            let segment = &self.segments[index];
            if index + 1 < count && segment.uncovered_from.is_none() {
                continue;
            }
            let (name, path) = (segment.name.clone(), folder.join(&segment.name));
            let bytes = read_whole(disk, &path, SEGMENT_BYTES_MAX).map_err(OpenError::file("read", &path))?;
            let end = usize::try_from(segment.end).map_or(bytes.len(), |end| end.min(bytes.len()));
            let rubbish = used(&bytes[end..]);
            let from = segment.uncovered_from.and_then(|from| usize::try_from(from).ok()).unwrap_or(end);
            let mut again = bytes[from..end].to_vec();
            if index + 1 == count && cut && rubbish + lost > 0 {
                self.record_cut(options, &name, rubbish + lost, &mut again, tree);
            }
            let length = again.len();
            again.resize(length.max(end + rubbish - from), 0);
            if !again.is_empty() {
                let file = disk.open(&path, Access::Write).map_err(OpenError::file("open", &path))?;
                file.write_at(&again, from as u64).map_err(OpenError::file("write", &path))?;
                file.sync().map_err(OpenError::file("sync", &path))?;
            }
            self.segments[index].end = (from + length) as u64;
        }
        disk.sync_folder(folder).map_err(OpenError::file("sync", folder))
    }

    fn record_cut(
        &mut self,
        options: &Options,
        file: &str,
        bytes: usize,
        out: &mut Vec<u8>,
        tree: &mut Tree,
    ) {
        let (sequence, mut salt, mut batch) = (self.next(), [0; SALT_BYTES], BatchId::default());
        (options.random)(&mut salt);
        (options.random)(&mut batch);
        let place = self.segments.last().map_or(0, |segment| segment.end);
        let payload = format!("{{\"file\":\"{file}\",\"offset\":{place},\"bytes\":{bytes}}}").into_bytes();
        let header = Header {
            sequence,
            time_ms: (options.clock)(),
            written_at: sequence,
            batch,
            batch_left: 0,
            payload_length: u32::try_from(payload.len()).expect("a few dozen bytes"),
            version: 1,
            actor: "journal".into(),
            kind: KIND_TAIL_CUT.into(),
        };
        let journal = self.journal.expect("what was cut was found by the journal's id");
        let leaf = encode(out, &journal, &header, &digest(&salt, &payload), &salt, &payload);
        self.leaves.push(leaf);
        tree.push(leaf);
        self.kinds.insert(KIND_TAIL_CUT.to_owned(), sequence);
    }

    /// Makes the first segment. The journal's id is drawn here, once.
    fn begin(&mut self, folder: &Path, options: &Options) -> Result<(), OpenError> {
        let first = self.next();
        let mut journal = JournalId::default();
        (options.random)(&mut journal);
        let journal = *self.journal.get_or_insert(journal);
        create_segment(&*options.disk, folder, &journal, first, with_room(1, options.segment_bytes))
            .map_err(OpenError::file("make a segment in", folder))?;
        let end = SEGMENT_HEADER_BYTES as u64;
        self.segments.push(Segment {
            name: segment_name(first),
            first,
            valid: true,
            end,
            uncovered_from: None,
        });
        Ok(())
    }
}

/// Makes a segment that survives a power cut before anything is put into it.
pub(crate) fn create_segment(
    disk: &dyn Disk,
    folder: &Path,
    journal: &JournalId,
    first: u64,
    bytes: u64,
) -> io::Result<Box<dyn crate::disk::DiskFile>> {
    let path = folder.join(segment_name(first));
    let file = disk.open(&path, Access::Create)?;
    let made = file
        .preallocate(bytes)
        .and_then(|()| file.write_at(&encode_segment_header(journal, first), 0))
        .and_then(|()| file.sync())
        .and_then(|()| disk.sync_folder(folder));
    match made {
        Ok(()) => Ok(file),
        Err(error) => {
            // Best effort: an empty segment that stays is removed when the journal is next opened.
            let _ = disk.remove(&path);
            Err(error)
        }
    }
}

/// The payload of a record of kind [`KIND_ERASED`]: how many, which records, why.
pub(crate) fn encode_decision(sequences: &BTreeSet<u64>, reason: &str) -> Vec<u8> {
    let mut payload = (sequences.len() as u32).to_be_bytes().to_vec();
    payload.extend(sequences.iter().flat_map(|sequence| sequence.to_be_bytes()));
    payload.extend_from_slice(reason.as_bytes());
    payload
}

/// The records that a decision erases. A payload in another form decides nothing.
pub(crate) fn decided(payload: &[u8]) -> Vec<u64> {
    let mut rest = payload;
    let Some(count) = take(&mut rest).map(u32::from_be_bytes) else { return Vec::new() };
    let numbers = rest.as_chunks::<8>().0;
    numbers.iter().take(count as usize).map(|bytes| u64::from_be_bytes(*bytes)).collect()
}

/// Overwrites salt and payload of these records with zeros. What names them must be on disk before.
pub(crate) fn erase_bodies(disk: &dyn Disk, folder: &Path, sequences: &BTreeSet<u64>) -> io::Result<()> {
    let mut places = Vec::new();
    walk(disk, folder, &mut |seen| {
        if let WalkItem::Record { place, frame, bytes } = seen
            && sequences.contains(&place.sequence)
            && frame.body(bytes) != Body::Erased
        {
            places.push((place, frame.body_at, bytes.len()));
        }
    })?;
    for (place, body_at, length) in places {
        let file = disk.open(&folder.join(&place.file), Access::Write)?;
        // The mark first: a reader that meets a half erased body looks at the mark again.
        file.write_at(&MAGIC_ERASED, place.offset)?;
        file.write_at(&vec![0; length - body_at], place.offset + body_at as u64)?;
        file.sync()?;
    }
    Ok(())
}
