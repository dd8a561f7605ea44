//! Who leads, and who waits: the callers in the queue, and what only the one who leads them touches.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::batches::Recent;
use crate::disk::DiskFile;
use crate::offer::{Answer, Offer};
use crate::record::{JournalId, SALT_BYTES};
use crate::tree::Hash;

/// Blocks that are reserved but were never written cost a sync twice: the file system has to record that they now
/// hold something. So zeros are written this far ahead of the records, in one piece. A larger write than
/// `FILL_BELOW_BYTES` shares that cost among its many records and does without: zeros would double its bytes.
const FILL_BYTES: u64 = 1024 * 1024;
const FILL_BELOW_BYTES: usize = 64 * 1024;

/// One caller in the queue.
pub(crate) struct Caller {
    pub(crate) offer: Offer,
    /// What its records will take on disk.
    pub(crate) bytes: usize,
    /// Salt and digest per draft, made in the caller's own thread.
    pub(crate) sealed: Vec<([u8; SALT_BYTES], Hash)>,
    pub(crate) state: Mutex<State>,
    pub(crate) changed: Condvar,
}

pub(crate) enum State {
    /// Not yet answered, and this caller need not be woken to learn of a change.
    Awake,
    Sleeps,
    /// Nobody leads; this caller shall.
    Leads,
    Answered(Answer),
}

impl Caller {
    pub(crate) fn set(&self, state: State) {
        let before = std::mem::replace(&mut *lock(&self.state), state);
        // The lock is free again: whoever is woken needs it at once.
        if let State::Sleeps = before {
            self.changed.notify_one();
        }
    }
}

#[derive(Default)]
pub(crate) struct Queue {
    pub(crate) waiting: Vec<Arc<Caller>>,
    pub(crate) led: bool,
}

/// Only the leader touches this.
pub(crate) struct Core {
    pub(crate) journal: JournalId,
    pub(crate) segment: Box<dyn DiskFile>,
    /// Where the next record goes.
    pub(crate) end: u64,
    /// Up to here room is reserved.
    pub(crate) room: u64,
    /// Up to here blocks have been written, with records or with zeros.
    pub(crate) filled_to: u64,
    /// Up to here the segment may hold remains of a write that failed for lack of room; zero again with the next.
    pub(crate) smeared_to: u64,
    pub(crate) next: u64,
    pub(crate) kinds: HashMap<String, u64>,
    pub(crate) recent: Recent,
    pub(crate) durable: Box<dyn DiskFile>,
    /// Empty; kept for its room.
    pub(crate) buffer: Vec<u8>,
}

impl Core {
    /// Zeroes what a failed write left behind the last record. Before a new segment is begun this must be on disk:
    /// remains in the middle of the journal would later look like damage.
    pub(crate) fn clean_up(&mut self) -> io::Result<()> {
        if self.smeared_to > self.end {
            let length = usize::try_from(self.smeared_to - self.end).expect("one write fits into memory");
            self.segment.write_at(&vec![0; length], self.end)?;
            self.segment.sync()?;
            self.smeared_to = self.end;
        }
        Ok(())
    }
}

impl Core {
    /// After a write of `length` bytes that ends at `from`: zeros ahead of it, if it used up those of the last time.
    /// Only an aid: if it fails, the write or the sync of the records meets the same disk and says so.
    pub(crate) fn fill_ahead(&mut self, from: u64, length: usize) {
        if from <= self.filled_to {
            return;
        }
        self.filled_to = from;
        let ahead = FILL_BYTES.min(self.room.saturating_sub(from));
        if length < FILL_BELOW_BYTES && ahead > 0 {
            let zeros = vec![0; usize::try_from(ahead).expect("a megabyte fits into memory")];
            if self.segment.write_at(&zeros, from).is_ok() {
                self.filled_to = from + ahead;
            }
        }
    }
}

/// A panic in one caller must not silence the others; every value behind these locks is whole between statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
