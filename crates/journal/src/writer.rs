//! The one writer of a journal: takes batches from many callers, writes them together, syncs once, answers all.
//!
//! Whoever comes while nobody writes becomes the leader: it takes what is waiting, writes and syncs it, answers,
//! and passes the lead to somebody who came meanwhile. So one caller alone has no thread to wait for, and a
//! hundred callers share one sync.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::OpenError;
use crate::checkpoint::{Checkpoint, HISTORY_STEP};
use crate::disk::{Access, replace_whole};
use crate::files;
use crate::lead::{Caller, Core, Queue, State, lock};
use crate::offer::{Answer, AppendError, Offer};
use crate::options::Options;
use crate::record::{SALT_BYTES, digest, frame_length};
use crate::recover::{Ground, create_segment, decided, erase_bodies};
use crate::segment::{SEGMENT_HEADER_BYTES, WalkItem, walk, with_room};
use crate::staged::Staged;
use crate::tree::{Hash, Tree};

/// At most this much is handed to the disk before a sync; the rest of the callers get the next one.
const WRITE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The buffer for one write is kept for the next if it is not larger than this.
const BUFFER_BYTES_MAX: usize = 1024 * 1024;
/// What is on disk for certain, and not yet in a checkpoint.
struct Settled {
    length: u64,
    leaves: Vec<Hash>,
    /// [`Writer::keep_checkpoints`] waits for a record and wants to be woken. While it pauses it is left alone:
    /// waking it for every append would cost each caller a change of thread.
    awaited: bool,
    closing: bool,
}

struct Signed {
    tree: Tree,
    /// The last leaves of the tree, which are not yet in the file `leaves`.
    unwritten: Vec<Hash>,
    last: Option<Checkpoint>,
    /// Stands in the history, and for lack of room not yet in `checkpoint`.
    owed: Option<Checkpoint>,
    history_size: u64,
    /// Where the next checkpoint enters the history.
    history_end: u64,
}

pub(crate) struct Writer {
    folder: PathBuf,
    options: Options,
    queue: Mutex<Queue>,
    core: Mutex<Core>,
    settled: Mutex<Settled>,
    settled_more: Condvar,
    signed: Mutex<Signed>,
    stopped: OnceLock<String>,
}

impl Writer {
    pub(crate) fn new(folder: PathBuf, options: Options, ground: Ground) -> Result<Writer, OpenError> {
        let path = folder.join(&ground.segment);
        let segment = options.disk.open(&path, Access::Write).map_err(OpenError::file("open", &path))?;
        let room = segment.length().map_err(OpenError::file("look at", &path))?;
        let path = folder.join(files::DURABLE);
        // Synced once, so that later writes of these 24 bytes need no new block.
        let durable = files::open_or_create(&*options.disk, &path)
            .and_then(|file| file.write_at(&files::encode_durable(ground.next), 0).map(|()| file))
            .and_then(|file| file.sync().map(|()| file))
            .map_err(OpenError::file("write", &path))?;
        let core = Core {
            journal: ground.journal,
            segment,
            end: ground.end,
            room,
            filled_to: ground.end,
            smeared_to: ground.end,
            next: ground.next,
            kinds: ground.kinds,
            recent: ground.recent,
            durable,
            buffer: Vec::new(),
        };
        Ok(Writer {
            folder,
            options,
            queue: Mutex::default(),
            core: Mutex::new(core),
            settled: Mutex::new(Settled {
                length: ground.next,
                leaves: Vec::new(),
                awaited: false,
                closing: false,
            }),
            settled_more: Condvar::new(),
            signed: Mutex::new(Signed {
                tree: ground.tree,
                unwritten: Vec::new(),
                last: ground.checkpoint,
                owed: None,
                history_size: ground.history_size,
                history_end: ground.history_end,
            }),
            stopped: OnceLock::new(),
        })
    }

    /// The number of records on disk.
    pub(crate) fn length(&self) -> u64 {
        lock(&self.settled).length
    }

    /// Records a batch, together with others' that come at the same time. Returns after the sync.
    pub(crate) fn append(&self, offer: Offer) -> Answer {
        let (mine, lead) = self.wait_in_queue(offer);
        if lead {
            self.lead();
        }
        loop {
            let mut state = lock(&mine.state);
            while matches!(*state, State::Awake | State::Sleeps) {
                *state = State::Sleeps;
                state = mine.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            match std::mem::replace(&mut *state, State::Awake) {
                State::Answered(answer) => return answer,
                State::Leads => {
                    drop(state);
                    self.lead();
                }
                State::Awake | State::Sleeps => {
                    unreachable!("the loop above ends only when the state has changed")
                }
            }
        }
    }

    fn wait_in_queue(&self, offer: Offer) -> (Arc<Caller>, bool) {
        let mut salts = vec![0; offer.drafts.len() * SALT_BYTES];
        (self.options.random)(&mut salts);
        let sealed = offer.drafts.iter().zip(salts.as_chunks().0);
        let sealed = sealed.map(|(draft, salt)| (*salt, digest(salt, &draft.payload))).collect();
        let bytes = offer.drafts.iter().map(frame_length).sum();
        let (state, changed) = (Mutex::new(State::Awake), Condvar::new());
        let mine = Arc::new(Caller { offer, bytes, sealed, state, changed });
        let mut queue = lock(&self.queue);
        queue.waiting.push(Arc::clone(&mine));
        (mine, !std::mem::replace(&mut queue.led, true))
    }

    /// What happens to batches of several callers that come at the same moment.
    #[cfg(test)]
    pub(crate) fn append_together(&self, offers: Vec<Offer>) -> Vec<Answer> {
        let waiting: Vec<_> = offers.into_iter().map(|offer| self.wait_in_queue(offer).0).collect();
        self.lead();
        let answer = |one: &Arc<Caller>| match &*lock(&one.state) {
            State::Answered(answer) => answer.clone(),
            _ => panic!("everybody is answered"),
        };
        waiting.iter().map(answer).collect()
    }

    /// Writes what is waiting, passes the lead on, and answers. In this order: waking many callers takes as long as
    /// a quick sync, and the next write need not wait for it.
    fn lead(&self) {
        let mut led = Led { writer: self, waiting: std::mem::take(&mut lock(&self.queue).waiting) };
        let mut core = lock(&self.core);
        let mut answers = Vec::new();
        while answers.len() < led.waiting.len() {
            led.answer(answers);
            answers = self.write_some(&mut core, &led.waiting);
        }
        drop(core);
        let mut queue = lock(&self.queue);
        match queue.waiting.first() {
            Some(next) => next.set(State::Leads),
            None => queue.led = false,
        }
        drop(queue);
        led.answer(answers);
    }

    /// Writes as many of these as fit into one write, at least one, and returns their answers.
    fn write_some(&self, core: &mut Core, waiting: &[Arc<Caller>]) -> Vec<Answer> {
        if let Some(cause) = self.stopped.get() {
            return vec![Err(AppendError::Stopped { cause: cause.clone() }); waiting.len()];
        }
        let mut staged =
            Staged { next: core.next, bytes: std::mem::take(&mut core.buffer), ..Staged::default() };
        for one in waiting {
            if let Some(answer) = staged.examine(core, &one.offer) {
                staged.answers.push(answer);
            } else if staged.bytes.is_empty() {
                match self.make_room(core, one.bytes) {
                    Ok(()) => staged.add(core, one),
                    Err(error) => staged.answers.push(Err(error)),
                }
            } else if Self::fits(core, staged.bytes.len() + one.bytes) {
                staged.add(core, one);
            } else {
                break;
            }
        }
        let written = self.write(core, &mut staged);
        if staged.bytes.capacity() <= BUFFER_BYTES_MAX {
            staged.bytes.clear();
            core.buffer = staged.bytes;
        }
        match written {
            Ok(()) => staged.answers,
            // A refusal may rest on a record of the same write, so it falls with it.
            Err(error) => vec![Err(error); staged.answers.len()],
        }
    }

    fn fits(core: &Core, need: usize) -> bool {
        need <= WRITE_BYTES_MAX && core.end + need as u64 <= core.room
    }

    /// Sees to it that `need` bytes can be written at `core.end`.
    fn make_room(&self, core: &mut Core, need: usize) -> Result<(), AppendError> {
        let segment_bytes = self.options.segment_bytes;
        let empty = core.end == SEGMENT_HEADER_BYTES as u64;
        let wanted = core.end + need as u64;
        let made = if wanted <= core.room {
            return Ok(());
        } else if wanted <= segment_bytes || empty {
            let length = with_room(wanted, segment_bytes);
            let longer = core.segment.preallocate(length).map(|()| length);
            // On a nearly full disk what is needed may still fit.
            let made = longer.or_else(|_| core.segment.preallocate(wanted).map(|()| wanted));
            made.map(|length| core.room = length)
        } else {
            let bytes = with_room((SEGMENT_HEADER_BYTES + need) as u64, segment_bytes);
            let disk = &*self.options.disk;
            let clean = core.clean_up();
            clean.and_then(|()| create_segment(disk, &self.folder, &core.journal, core.next, bytes)).map(
                |segment| {
                    // The old segment gives back what it did not use. If that fails it only stays larger.
                    let _ = core.segment.set_length(core.end);
                    core.segment = segment;
                    core.room = bytes;
                    core.end = SEGMENT_HEADER_BYTES as u64;
                    core.filled_to = core.end;
                    core.smeared_to = core.end;
                },
            )
        };
        made.map_err(|error| self.failed("make room in the journal", &error))
    }

    fn write(&self, core: &mut Core, staged: &mut Staged) -> Result<(), AppendError> {
        if staged.leaves.is_empty() {
            return Ok(());
        }
        let length = staged.bytes.len();
        let smear = usize::try_from(core.smeared_to.saturating_sub(core.end)).unwrap_or(0);
        staged.bytes.resize(length.max(smear), 0);
        core.smeared_to = core.end + staged.bytes.len() as u64;
        let write = core.segment.write_at(&staged.bytes, core.end);
        write.map_err(|error| self.failed("write to the journal", &error))?;
        core.fill_ahead(core.smeared_to, staged.bytes.len());
        core.segment.sync().map_err(|error| self.stop("sync the journal", &error))?;
        core.end += length as u64;
        core.smeared_to = core.end;
        core.next = staged.next;
        core.kinds.extend(staged.kinds.drain());
        for (batch, place) in staged.batches.drain(..) {
            core.recent.insert(batch, place.first, place.next);
        }
        let mut settled = lock(&self.settled);
        settled.length = core.next;
        settled.leaves.append(&mut staged.leaves);
        let awaited = std::mem::take(&mut settled.awaited);
        drop(settled);
        if awaited {
            self.settled_more.notify_all();
        }
        // The batch is on disk and will be answered as such; a disk that cannot take 24 bytes is not trusted further.
        if let Err(error) = core.durable.write_at(&files::encode_durable(core.next), 0) {
            self.stop("publish the length of the journal", &error);
        }
        Ok(())
    }

    /// No room is a refusal; anything else that fails on this disk stops the journal.
    fn failed(&self, doing: &str, error: &io::Error) -> AppendError {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => AppendError::DiskFull,
            _ => self.stop(doing, error),
        }
    }

    fn stop(&self, doing: &str, error: &io::Error) -> AppendError {
        let cause = self.stopped.get_or_init(|| format!("could not {doing}: {error}"));
        AppendError::Stopped { cause: cause.clone() }
    }

    /// Signs and writes a checkpoint over all that is on disk. A failure (no file left to open, a full disk) takes nothing from
    /// what was acknowledged and does not stop the journal: the next call writes everything again, from its first byte, so
    /// nothing rests on a sync that failed.
    pub(crate) fn checkpoint(&self) -> Result<Checkpoint, AppendError> {
        let mut signed = lock(&self.signed);
        if let Some(cause) = self.stopped.get() {
            return Err(AppendError::Stopped { cause: cause.clone() });
        }
        let leaves = std::mem::take(&mut lock(&self.settled).leaves);
        leaves.iter().for_each(|leaf| signed.tree.push(*leaf));
        signed.unwritten.extend(leaves);
        if let Some(last) = signed.last.clone().filter(|last| last.size == signed.tree.size()) {
            // At a close the history gets the newest one too: what a later change is bracketed by.
            if signed.history_size < last.size && lock(&self.settled).closing {
                self.enter_history(&mut signed, &last)?;
            }
            return Ok(last);
        }
        let (size, disk, folder) = (signed.tree.size(), &*self.options.disk, &self.folder);
        let leaves_at = (size - signed.unwritten.len() as u64) * 32;
        let checkpoint = Checkpoint::sign(&self.options.origin, size, signed.tree.root(), &self.options.key);
        // The first of all, over no records, is what tells a journal without records from one that lost its proof.
        let enters_history =
            size == 0 || size >= signed.history_size + HISTORY_STEP || lock(&self.settled).closing;
        let failed = |error: io::Error| unproven(&error);
        // Not synced: an aid to the verifier, made again when the journal is next opened.
        files::open_or_create(disk, &folder.join(files::LEAVES))
            .and_then(|file| file.write_at(signed.unwritten.as_flattened(), leaves_at))
            .map_err(failed)?;
        signed.unwritten.clear();
        if let Some(owed) = &signed.owed {
            replace_whole(disk, folder, files::CHECKPOINT, owed.text.as_bytes()).map_err(failed)?;
            signed.owed = None;
        }
        if enters_history {
            self.enter_history(&mut signed, &checkpoint)?;
            signed.owed = Some(checkpoint.clone());
        }
        replace_whole(disk, folder, files::CHECKPOINT, checkpoint.text.as_bytes()).map_err(failed)?;
        signed.owed = None;
        signed.last = Some(checkpoint.clone());
        Ok(checkpoint)
    }

    fn enter_history(&self, signed: &mut Signed, checkpoint: &Checkpoint) -> Result<(), AppendError> {
        files::append_history(&*self.options.disk, &self.folder, checkpoint, signed.history_end)
            .map_err(|error| unproven(&error))?;
        signed.history_size = checkpoint.size;
        signed.history_end += checkpoint.text.len() as u64 + 1;
        Ok(())
    }

    /// Writes checkpoints while records come, at most one per `every`, until the journal closes.
    pub(crate) fn keep_checkpoints(&self, every: Duration) {
        let mut covered = 0;
        loop {
            let before = covered;
            let idle = |settled: &mut Settled| {
                settled.awaited = settled.length == covered && !settled.closing;
                settled.awaited
            };
            let settled = lock(&self.settled);
            let settled = self.settled_more.wait_while(settled, idle).unwrap_or_else(PoisonError::into_inner);
            if settled.closing {
                return;
            }
            covered = settled.length;
            drop(settled);
            // A full disk is told to whoever appends. What failed is tried again after the same time, also if nothing more
            // comes; the next checkpoint covers what this one would have.
            if self.checkpoint().is_err() && self.stopped.get().is_none() {
                covered = before;
            }
            let open = |settled: &mut Settled| !settled.closing;
            let settled = lock(&self.settled);
            let waited = self.settled_more.wait_timeout_while(settled, every, open);
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Records the decision to erase payloads, then erases them.
    pub(crate) fn erase(&self, offer: Offer) -> Answer {
        let targets: BTreeSet<u64> = offer.drafts.iter().flat_map(|draft| decided(&draft.payload)).collect();
        let mut found = BTreeSet::new();
        let disk = &*self.options.disk;
        walk(disk, &self.folder, &mut |seen| {
            if let WalkItem::Record { frame, .. } = seen
                && !crate::record::is_own(&frame.header.kind)
            {
                found.insert(frame.header.sequence);
            }
        })
        .map_err(|error| AppendError::Failed(format!("the journal could not be read: {error}")))?;
        if let Some(missing) = targets.difference(&found).next() {
            let why = format!("record {missing} cannot be erased: it does not exist or is the journal's own");
            return Err(AppendError::Invalid(why));
        }
        let place = self.append(offer)?;
        erase_bodies(disk, &self.folder, &targets).map_err(|error| self.stop("erase payloads", &error))?;
        Ok(place)
    }

    /// Lets [`Writer::keep_checkpoints`] end.
    pub(crate) fn closing(&self) {
        lock(&self.settled).closing = true;
        self.settled_more.notify_all();
    }

    /// The last checkpoint, and the room given back that was not used.
    pub(crate) fn close(&self) {
        if self.checkpoint().is_ok() {
            let core = lock(&self.core);
            let _ = core.segment.set_length(core.end);
        }
    }
}

/// A checkpoint could not be written; all records are as safe as before.
fn unproven(error: &io::Error) -> AppendError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => AppendError::DiskFull,
        _ => AppendError::Failed(format!("could not write a checkpoint: {error}")),
    }
}

/// The callers that a leader has taken on and not yet answered, in order. If it panics (a bug), none of them may wait
/// forever, and nothing may be built on what it left.
struct Led<'a> {
    writer: &'a Writer,
    waiting: Vec<Arc<Caller>>,
}

impl Led<'_> {
    /// Answers the first ones, and lets go of each at once: then it is the caller that frees what it has handed in,
    /// in its own thread, where that is cheap.
    fn answer(&mut self, answers: Vec<Answer>) {
        for (one, answer) in self.waiting.drain(..answers.len()).zip(answers) {
            one.set(State::Answered(answer));
        }
    }
}

impl Drop for Led<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = self
                .writer
                .stop("go on after a bug in the journal", &io::Error::other("see the panic message"));
            answer_all(&self.waiting, &error);
            let mut queue = lock(&self.writer.queue);
            answer_all(&std::mem::take(&mut queue.waiting), &error);
            queue.led = false;
        }
    }
}

fn answer_all(waiting: &[Arc<Caller>], error: &AppendError) {
    for one in waiting {
        one.set(State::Answered(Err(error.clone())));
    }
}
