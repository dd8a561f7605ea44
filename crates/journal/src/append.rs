//! The door for everybody who records: becomes the writer, or hands over to it, and changes from the second to
//! the first when the writer dies.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::handover::{Client, Server, perform, try_lock};
use crate::lead::lock;
use crate::offer::{AppendError, Appended, Expect, Offer};
use crate::options::Options;
use crate::record::{BatchId, Draft, KIND_ERASED};
use crate::recover::{encode_decision, recover};
use crate::segment::SEGMENT_BYTES_RANGE;
use crate::wire::{Reply, Request};
use crate::writer::Writer;
use crate::{Checkpoint, OpenError};

/// How often we check whether the lock is free or the writer answers.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Records things. Cheap to clone; many threads may append at once and share one sync.
#[derive(Clone)]
pub struct Appender {
    inner: Arc<Inner>,
}

struct Inner {
    folder: PathBuf,
    options: Options,
    role: Mutex<Role>,
}

#[derive(Clone)]
enum Role {
    Writes(Arc<Writing>),
    HandsOver(Arc<Client>),
}

impl fmt::Debug for Appender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender").field("folder", &self.inner.folder).finish_non_exhaustive()
    }
}

impl Appender {
    /// Opens the journal in `folder`, or begins one. If another process (or another `Appender` of this one) already
    /// writes it, everything is handed over to that one.
    pub fn open(folder: &Path, options: Options) -> Result<Appender, OpenError> {
        let mut options = options;
        options.segment_bytes =
            options.segment_bytes.clamp(*SEGMENT_BYTES_RANGE.start(), *SEGMENT_BYTES_RANGE.end());
        let role = Role::find(folder, &options)?;
        Ok(Appender { inner: Arc::new(Inner { folder: folder.to_owned(), options, role: Mutex::new(role) }) })
    }

    /// Records the drafts, all or none, next to each other, and returns when they are on disk. If the writer dies
    /// on the way, the batch is offered to the next one, which knows it if it was already recorded.
    pub fn append(&self, drafts: Vec<Draft>, expect: Expect) -> Result<Appended, AppendError> {
        let offer = Offer::new(self.batch_id(), drafts, expect, false)?;
        self.appended(Request::Append(offer))
    }

    /// Records the decision to erase the payloads of these records, then overwrites them with zeros. Their headers
    /// and digests stay and stay proven. What a disk keeps of overwritten blocks is beyond this crate.
    pub fn erase(
        &self,
        time_ms: i64,
        actor: &str,
        sequences: &[u64],
        reason: &str,
    ) -> Result<Appended, AppendError> {
        let sequences: BTreeSet<u64> = sequences.iter().copied().collect();
        let payload = encode_decision(&sequences, reason);
        let draft =
            Draft { time_ms, actor: actor.to_owned(), kind: KIND_ERASED.to_owned(), version: 1, payload };
        let offer = Offer::new(self.batch_id(), vec![draft], Expect::Anything, true)?;
        self.appended(Request::Erase(offer))
    }

    /// Signs and writes a checkpoint over all that is on disk, now.
    pub fn checkpoint(&self) -> Result<Checkpoint, AppendError> {
        match self.call(Request::Checkpoint)? {
            Reply::Checkpoint(result) => result,
            Reply::Appended(Err(error)) => Err(error),
            Reply::Appended(Ok(_)) => {
                Err(AppendError::Failed("the writer answered another question".to_owned()))
            }
        }
    }

    /// Whether this `Appender` writes the journal itself now, rather than handing over.
    pub fn is_writer(&self) -> bool {
        matches!(*lock(&self.inner.role), Role::Writes(_))
    }

    /// Ends the use of the journal. The last `Appender` to be closed or dropped writes the final checkpoint; to
    /// know that it succeeded, call [`Appender::checkpoint`] before.
    pub fn close(self) {}

    #[cfg(test)]
    pub(crate) fn append_together(&self, batches: Vec<Vec<Draft>>) -> Vec<crate::offer::Answer> {
        let Role::Writes(writing) = lock(&self.inner.role).clone() else { panic!("only the writer can") };
        let offer = |drafts| Offer::new(self.batch_id(), drafts, Expect::Anything, false).unwrap();
        writing.writer.append_together(batches.into_iter().map(offer).collect())
    }

    fn batch_id(&self) -> BatchId {
        let mut batch = BatchId::default();
        (self.inner.options.random)(&mut batch);
        batch
    }

    fn appended(&self, request: Request) -> Result<Appended, AppendError> {
        match self.call(request)? {
            Reply::Appended(result) => result,
            Reply::Checkpoint(_) => {
                Err(AppendError::InDoubt { why: "the writer answered another question".to_owned() })
            }
        }
    }

    fn call(&self, mut request: Request) -> Result<Reply, AppendError> {
        let deadline = Instant::now() + self.inner.options.wait;
        loop {
            let role = lock(&self.inner.role).clone();
            let client = match role {
                Role::Writes(writing) => return Ok(perform(&writing.writer, request)),
                Role::HandsOver(client) => client,
            };
            match client.call(&self.inner.folder, &request) {
                Ok(reply) => return Ok(reply),
                Err(lost) => {
                    if let (Some(lost), Request::Append(offer) | Request::Erase(offer)) = (lost, &mut request)
                    {
                        offer.again_since.get_or_insert(lost.since);
                    }
                }
            }
            let why = match self.inner.find_another(&client) {
                Err(error) => error.to_string(),
                Ok(()) if Instant::now() > deadline => "the writer does not answer".to_owned(),
                Ok(()) => continue,
            };
            return Err(match request {
                Request::Append(Offer { again_since: Some(_), .. })
                | Request::Erase(Offer { again_since: Some(_), .. }) => AppendError::InDoubt { why },
                _ => AppendError::Failed(why),
            });
        }
    }
}

impl Inner {
    /// Finds a new role in place of this lost client, unless another thread already has.
    fn find_another(&self, lost: &Arc<Client>) -> Result<(), OpenError> {
        let mut role = lock(&self.role);
        if matches!(&*role, Role::HandsOver(client) if Arc::ptr_eq(client, lost)) {
            *role = Role::find(&self.folder, &self.options)?;
        }
        Ok(())
    }
}

impl Role {
    fn find(folder: &Path, options: &Options) -> Result<Role, OpenError> {
        if !options.disk.shared() {
            return Writing::start(folder, options, None).map(|writing| Role::Writes(Arc::new(writing)));
        }
        options.disk.create_folder(folder).map_err(OpenError::file("make the folder", folder))?;
        let begun = Instant::now();
        loop {
            if let Some(lock) = try_lock(folder).map_err(OpenError::file("lock", folder))? {
                let writing = Writing::start(folder, options, Some(lock))?;
                return Ok(Role::Writes(Arc::new(writing)));
            }
            if let Ok(client) = Client::connect(folder, options.wait) {
                return Ok(Role::HandsOver(Arc::new(client)));
            }
            // The holder of the lock is still reading the journal, or just dying.
            if begun.elapsed() > options.wait {
                let waited_ms = begun.elapsed().as_millis();
                return Err(OpenError::Busy { folder: folder.to_owned(), waited_ms });
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// The writer and what goes with it. Dropping it closes the journal.
struct Writing {
    writer: Arc<Writer>,
    server: Option<Server>,
    checkpoints: Option<JoinHandle<()>>,
    /// Released last, when everything is on disk.
    _lock: Option<File>,
}

impl Writing {
    fn start(folder: &Path, options: &Options, held: Option<File>) -> Result<Writing, OpenError> {
        let ground = recover(folder, options)?;
        let writer = Arc::new(Writer::new(folder.to_owned(), options.clone(), ground)?);
        let mut writing = Writing { writer, server: None, checkpoints: None, _lock: held };
        writing.writer.checkpoint().map_err(io::Error::other).map_err(OpenError::file("begin", folder))?;
        if let Some(every) = options.checkpoint_every {
            let writer = Arc::clone(&writing.writer);
            let thread = std::thread::Builder::new().name("journal checkpoints".to_owned());
            let thread = thread.spawn(move || writer.keep_checkpoints(every));
            writing.checkpoints = Some(thread.map_err(OpenError::file("start a thread for", folder))?);
        }
        if writing._lock.is_some() {
            let server = Server::start(folder, Arc::clone(&writing.writer));
            writing.server = Some(server.map_err(OpenError::file("listen in", folder))?);
        }
        Ok(writing)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.writer.closing();
        if let Some(server) = &mut self.server {
            server.stop();
        }
        if let Some(thread) = self.checkpoints.take() {
            let _ = thread.join();
        }
        self.writer.close();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::options::draw_random;

    #[test]
    fn random_bytes_fetched_ahead_are_handed_out_once() {
        let draw = |length: usize| {
            let mut bytes = vec![0; length];
            draw_random(&mut bytes);
            bytes
        };
        let lengths = (0..2000).map(|number| 16 + number % 40);
        let drawn: HashSet<Vec<u8>> =
            lengths.map(draw).map(|bytes| bytes[bytes.len() - 16..].to_vec()).collect();
        assert_eq!(drawn.len(), 2000);
        let long = draw(5000);
        assert!(!long.windows(16).any(|window| window == [0; 16]));
    }
}
