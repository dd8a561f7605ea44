//! The one thread that writes the bridge's journal, and applies to the books what is safely on disk.
//!
//! Everybody hands it jobs and waits. What has come while the disk was busy is written together and synced
//! once, so many senders share one sync; and because one thread applies in the order of the journal, "in
//! order of acceptance" has one meaning. A failed sync is not repeated: what is on the disk is then unknown,
//! so nothing more is accepted and the process ends; the next start reads what is really there.

#![allow(
    clippy::disallowed_methods,
    reason = "the clocks of the machine come in here; a checkpoint has an age"
)]

use std::collections::{HashMap, HashSet};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use journal::{AppendError, Appender, Draft, Expect, Payload, Reader, Record};
use tokio::sync::{oneshot, watch};

use super::books::{Books, NotSettled};
use super::clock::Clock;
use super::fact::{self, Accepted, Fact, Mark, Settled};
use estate::Id;

/// At most this much is handed to the disk at once; the rest waits for the next sync.
const BATCH_BYTES_MAX: usize = 4 * 1024 * 1024;
const BATCH_JOBS_MAX: usize = 4_096;
/// Receipts carry a checkpoint that is at most about this old.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);

/// What all parts of the running bridge look at.
#[derive(Default)]
pub struct Shared {
    pub books: Books,
    /// Items that a request of this process is still busy with, and who waits for it to be done with them.
    pub in_flight: HashMap<u64, Vec<oneshot::Sender<()>>>,
    /// Idempotency keys of submissions that are on their way to the disk.
    pub reserved: HashSet<(Id, Mark)>,
    /// The newest checkpoint, as text.
    pub checkpoint: String,
}

pub type SharedState = Arc<Mutex<Shared>>;

/// Nothing behind this lock can be left half done by a panic: each holder changes it in one go or not at all.
pub fn look(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// Nothing was recorded; goes on by itself when there is room.
    #[error("the bridge's disk is full")]
    Full,
    /// All that was recorded is on disk, and goes on being recorded; what was asked for is a proof of it.
    #[error("the bridge cannot sign a checkpoint at the moment: {0}")]
    Unproven(String),
    /// The bridge is ending.
    #[error("the bridge's journal has stopped: {0}")]
    Stopped(String),
}

/// Decided on the newest books, with nothing coming in between.
pub type Decide = Box<dyn FnOnce(&Books) -> Vec<Fact> + Send>;
/// Decides about one item whose outcome is reported; `Err` says why it is not recorded.
pub type Judge = Box<dyn FnOnce(&Books) -> Result<Settled, NotSettled> + Send>;
pub type Judged = Result<Result<(), NotSettled>, WriteFault>;

pub enum Job {
    Accept {
        accepted: Accepted,
        sealed: Vec<u8>,
        done: oneshot::Sender<Result<u64, WriteFault>>,
    },
    Settle {
        settled: Settled,
        reason: Vec<u8>,
        done: oneshot::Sender<Result<(), WriteFault>>,
    },
    /// An outcome that hand-back reports.
    Report {
        judge: Judge,
        reason: Vec<u8>,
        done: oneshot::Sender<Judged>,
    },
    Decide {
        decide: Decide,
        done: oneshot::Sender<Result<Vec<Fact>, WriteFault>>,
    },
    /// Runs on a books that the returned checkpoint covers exactly.
    Checkpoint {
        look: Box<dyn FnOnce(&Books) + Send>,
        done: oneshot::Sender<Result<String, WriteFault>>,
    },
}

impl Job {
    /// Must not share a batch: it looks at what all earlier jobs have done.
    fn alone(&self) -> bool {
        match self {
            Job::Decide { .. } | Job::Checkpoint { .. } => true,
            Job::Accept { .. } | Job::Settle { .. } | Job::Report { .. } => false,
        }
    }
}

/// The two clocks of the machine. Tests put others here.
#[derive(Clone)]
pub struct Clocks {
    pub wall_ms: Arc<dyn Fn() -> i64 + Send + Sync>,
    pub elapsed_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl Clocks {
    pub fn real() -> Clocks {
        let begun = Instant::now();
        Clocks {
            wall_ms: Arc::new(|| {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
            }),
            elapsed_ms: Arc::new(move || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// Who gets the answer once the batch is on disk.
enum Waiting {
    Accept {
        key: Option<(Id, Mark)>,
        done: oneshot::Sender<Result<u64, WriteFault>>,
    },
    Settle(oneshot::Sender<Result<(), WriteFault>>),
    Report(oneshot::Sender<Judged>),
    /// An entry about the clock, which nobody asked for.
    Nobody,
}

#[derive(Default)]
struct Batch {
    entries: Vec<(Draft, Fact, Waiting)>,
    bytes: usize,
    settling: HashSet<u64>,
}

pub struct Writer {
    appender: Appender,
    reader: Reader,
    shared: SharedState,
    clock: Clock,
    clocks: Clocks,
    checkpoint_at: Instant,
    stopped: Option<String>,
    stop: watch::Sender<Option<String>>,
}

/// Applies one journal record. Total: what cannot be read is counted.
pub fn apply(books: &mut Books, record: &Record) {
    let payload = match &record.payload {
        Payload::Present(payload) => payload.as_slice(),
        Payload::Erased => return books.apply_unknown(record.sequence, record.time_ms),
    };
    if journal::is_own(&record.kind) {
        return books.passed(record.sequence, record.time_ms);
    }
    match fact::decode(&record.kind, record.version, payload) {
        Ok((fact, _)) => books.apply(record.sequence, record.time_ms, &fact),
        Err(_) => books.apply_unknown(record.sequence, record.time_ms),
    }
}

impl Writer {
    /// Folds the whole journal. `stop` is set when the journal fails.
    pub fn open(
        appender: Appender,
        mut reader: Reader,
        tenants: impl Iterator<Item = Id>,
        clocks: Clocks,
        stop: watch::Sender<Option<String>>,
    ) -> Result<(Writer, SharedState), journal::ReadError> {
        let mut books = Books::default();
        for record in reader.read(0) {
            apply(&mut books, &record?);
        }
        books.open_books(tenants);
        let clock = Clock::after(books.last_ms, books.clock_behind, (clocks.elapsed_ms)());
        let shared = Arc::new(Mutex::new(Shared { books, ..Shared::default() }));
        let writer = Writer {
            appender,
            reader,
            shared: Arc::clone(&shared),
            clock,
            clocks,
            checkpoint_at: Instant::now(),
            stopped: None,
            stop,
        };
        Ok((writer, shared))
    }

    /// Works until nobody can hand in jobs any more.
    pub fn run(mut self, jobs: &Receiver<Job>) {
        let mut held_back = None;
        self.renew_checkpoint();
        loop {
            let job = match held_back.take() {
                Some(job) => job,
                None => match jobs.recv_timeout(CHECKPOINT_EVERY) {
                    Ok(job) => job,
                    Err(RecvTimeoutError::Timeout) => {
                        self.renew_checkpoint();
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => return,
                },
            };
            if job.alone() {
                self.alone(job);
                continue;
            }
            let mut batch = Batch::default();
            self.add(&mut batch, job);
            while batch.entries.len() < BATCH_JOBS_MAX && batch.bytes < BATCH_BYTES_MAX {
                match jobs.try_recv() {
                    Ok(job) if job.alone() => {
                        held_back = Some(job);
                        break;
                    }
                    Ok(job) => self.add(&mut batch, job),
                    Err(_) => break,
                }
            }
            self.commit(batch);
            if self.checkpoint_at.elapsed() >= CHECKPOINT_EVERY {
                self.renew_checkpoint();
            }
        }
    }

    fn add(&mut self, batch: &mut Batch, job: Job) {
        match job {
            Job::Accept { accepted, sealed, done } => {
                let key = accepted.idempotency.map(|key| (accepted.tenant.clone(), key));
                self.draft(batch, Fact::Accepted(accepted), &sealed, Waiting::Accept { key, done });
            }
            Job::Settle { settled, reason, done } => {
                batch.settling.insert(settled.item);
                self.draft(batch, Fact::Settled(settled), &reason, Waiting::Settle(done));
            }
            Job::Report { judge, reason, done } => {
                let judged = judge(&look(&self.shared).books);
                match judged {
                    Ok(settled) if batch.settling.insert(settled.item) => {
                        self.draft(batch, Fact::Settled(settled), &reason, Waiting::Report(done));
                    }
                    // Two reports about one item at the same instant: the second one asks again.
                    Ok(_) => drop(done.send(Ok(Err(NotSettled::Busy)))),
                    Err(why) => drop(done.send(Ok(Err(why)))),
                }
            }
            Job::Decide { .. } | Job::Checkpoint { .. } => {
                unreachable!("jobs that must be alone are never added to a batch")
            }
        }
    }

    fn draft(&mut self, batch: &mut Batch, fact: Fact, sealed: &[u8], waiting: Waiting) {
        let stamp = self.clock.stamp((self.clocks.wall_ms)(), (self.clocks.elapsed_ms)());
        let mut push = |fact: Fact, sealed: &[u8], waiting| {
            let (kind, payload) = fact::encode(&fact, sealed);
            batch.bytes += payload.len();
            let actor = fact::ACTOR.to_owned();
            let draft = Draft { time_ms: stamp.time_ms, actor, kind, version: fact::VERSION, payload };
            batch.entries.push((draft, fact, waiting));
        };
        if let Some(noticed) = stamp.noticed {
            push(noticed, b"", Waiting::Nobody);
        }
        push(fact, sealed, waiting);
    }

    /// Writes, syncs, applies, answers: in this order.
    fn commit(&mut self, batch: Batch) -> Option<WriteFault> {
        if batch.entries.is_empty() {
            return None;
        }
        let mut drafts = Vec::with_capacity(batch.entries.len());
        let mut facts = Vec::with_capacity(batch.entries.len());
        for (draft, fact, waiting) in batch.entries {
            facts.push((draft.time_ms, fact, waiting));
            drafts.push(draft);
        }
        match self.append(drafts) {
            Ok(first) => {
                let shared = Arc::clone(&self.shared);
                let mut shared = look(&shared);
                for (sequence, (time_ms, fact, waiting)) in (first..).zip(facts) {
                    shared.books.apply(sequence, time_ms, &fact);
                    answer(&mut shared, waiting, Ok(sequence));
                }
                None
            }
            Err(fault) => {
                let mut shared = look(&self.shared);
                for (_, _, waiting) in facts {
                    answer(&mut shared, waiting, Err(fault.clone()));
                }
                Some(fault)
            }
        }
    }

    /// The sequence of the first draft, once all are on disk and everything before them is in the books.
    fn append(&mut self, drafts: Vec<Draft>) -> Result<u64, WriteFault> {
        if let Some(cause) = &self.stopped {
            return Err(WriteFault::Stopped(cause.clone()));
        }
        let appended = match self.appender.append(drafts, Expect::Anything) {
            Ok(appended) => appended,
            Err(AppendError::DiskFull) => return Err(WriteFault::Full),
            Err(error) => return Err(self.stop_for(error.to_string())),
        };
        if look(&self.shared).books.entries < appended.first {
            // The journal's own entries (an erasure, a cut tail) may have come in between.
            let mut shared = look(&self.shared);
            for record in self.reader.read(shared.books.entries) {
                match record {
                    Ok(record) if record.sequence < appended.first => apply(&mut shared.books, &record),
                    Ok(_) => break,
                    Err(error) => {
                        drop(shared);
                        return Err(self.stop_for(error.to_string()));
                    }
                }
            }
        }
        Ok(appended.first)
    }

    fn stop_for(&mut self, cause: String) -> WriteFault {
        self.stopped = Some(cause.clone());
        self.stop.send_replace(Some(cause.clone()));
        WriteFault::Stopped(cause)
    }

    fn alone(&mut self, job: Job) {
        match job {
            Job::Decide { decide, done } => {
                let facts = decide(&look(&self.shared).books);
                let mut batch = Batch::default();
                for fact in &facts {
                    self.draft(&mut batch, fact.clone(), b"", Waiting::Nobody);
                }
                let fault = self.commit(batch);
                drop(done.send(fault.map_or(Ok(facts), Err)));
            }
            Job::Checkpoint { look: visit, done } => {
                let checkpoint = match (&self.stopped, self.appender.checkpoint()) {
                    (Some(cause), _) => Err(WriteFault::Stopped(cause.clone())),
                    (None, Ok(checkpoint)) => Ok(checkpoint.text),
                    (None, Err(AppendError::DiskFull)) => Err(WriteFault::Full),
                    (None, Err(AppendError::Failed(why))) => Err(WriteFault::Unproven(why)),
                    (None, Err(error)) => Err(WriteFault::Stopped(error.to_string())),
                };
                visit(&look(&self.shared).books);
                drop(done.send(checkpoint));
            }
            Job::Accept { .. } | Job::Settle { .. } | Job::Report { .. } => {
                unreachable!("only jobs that must be alone come here")
            }
        }
    }

    /// An old checkpoint is no harm: it says less, and what it says stays true.
    fn renew_checkpoint(&mut self) {
        self.checkpoint_at = Instant::now();
        if let Ok(checkpoint) = self.appender.checkpoint() {
            look(&self.shared).checkpoint = checkpoint.text;
        }
    }
}

impl Drop for Writer {
    /// However it ends, also by a panic: without it nothing can be accepted, and everybody must know.
    fn drop(&mut self) {
        self.stop.send_if_modified(|cause| {
            let first = cause.is_none();
            cause.get_or_insert_with(|| "the thread that writes it has ended".to_owned());
            first
        });
    }
}

/// Tells whoever waits. A waiter that has gone away is no fault: the entry is on disk all the same.
fn answer(shared: &mut Shared, waiting: Waiting, result: Result<u64, WriteFault>) {
    match waiting {
        Waiting::Accept { key, done } => {
            if let Some(key) = key {
                shared.reserved.remove(&key);
            }
            if let Ok(sequence) = &result {
                // From this instant on nobody else may offer it, until the request lets go of it.
                shared.in_flight.insert(*sequence, Vec::new());
            }
            if let Err(Ok(sequence)) = done.send(result) {
                shared.in_flight.remove(&sequence);
            }
        }
        Waiting::Settle(done) => drop(done.send(result.map(drop))),
        Waiting::Report(done) => drop(done.send(result.map(|_| Ok(())))),
        Waiting::Nobody => {}
    }
}
