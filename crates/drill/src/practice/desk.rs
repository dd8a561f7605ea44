//! One writer for one database. Requests that arrive together share one transaction and therefore one wait for the
//! disk, which is what lets a small service answer hundreds a second and still mean it.

use std::any::Any;
use std::path::Path;
use std::sync::{Mutex, mpsc};
use std::time::Duration;

use rusqlite::Connection;
use serde_json::json;
use tokio::sync::oneshot;

use crate::fault::During as _;
use crate::wire::Reply;
use crate::{Fault, Result};

/// Requests that share a transaction at most.
const BATCH_MAX: usize = 128;
/// A quiesced service that nobody wakes goes on by itself after this time.
const QUIET_MAX: Duration = Duration::from_secs(60);

type Made = Box<dyn Any + Send>;
type Work = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Made> + Send>;

enum Job {
    Work(Work, oneshot::Sender<std::result::Result<Made, String>>),
    /// Say that everything is on disk, then wait until told to go on.
    Quiet(mpsc::Sender<()>, mpsc::Receiver<()>),
}

/// Where requests for one database are handed in.
pub struct Desk {
    queue: mpsc::Sender<Job>,
}

impl Desk {
    /// Opens the database in the plain mode that leaves one complete file after each commit, so that a quiesced
    /// database is consistent as a copied file.
    pub fn open(database: &Path, schema: &'static str) -> Result<Desk> {
        let connection = connect(database)?;
        connection
            .execute_batch(schema)
            .during(|| format!("cannot use the database {}", database.display()))?;
        let (queue, jobs) = mpsc::channel();
        std::thread::spawn(move || work_off(&connection, &jobs));
        Ok(Desk { queue })
    }

    /// Does `work` within a transaction and returns once it is on disk. An error means that nothing of it is.
    pub fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> std::result::Result<T, String> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move |connection| work(connection).map(|made| Box::new(made) as Made));
        self.queue.send(Job::Work(work, answer)).map_err(|_| "the database thread has ended".to_owned())?;
        let made = answered.blocking_recv().map_err(|_| "the database thread has ended".to_owned())??;
        Ok(*made.downcast::<T>().expect("a job makes what its own work returns"))
    }

    /// Waits until everything handed in is on disk and nothing more is written. Dropping the result lets it go on.
    pub fn quiet(&self) -> Result<Quiet> {
        let (at_rest, rests) = mpsc::channel();
        let (go_on, wake) = mpsc::channel();
        self.queue.send(Job::Quiet(at_rest, wake)).during(|| "cannot quiesce".to_owned())?;
        rests
            .recv_timeout(QUIET_MAX)
            .during(|| "cannot quiesce: the database does not come to rest".to_owned())?;
        Ok(Quiet { _go_on: go_on })
    }
}

/// While this lives, nothing is written.
pub struct Quiet {
    _go_on: mpsc::Sender<()>,
}

/// The switch behind `/admin/quiesce` and `/admin/resume`.
#[derive(Default)]
pub struct Rest(Mutex<Option<Quiet>>);

impl Rest {
    /// 200 once nothing is written any more; what comes in waits. 409 if that is so already.
    pub fn quiesce(&self, desk: &Desk) -> Reply {
        let Ok(mut held) = self.0.lock() else { return Reply::because(500, "the switch is broken") };
        if held.is_some() {
            return Reply::because(409, "already quiesced; resume first");
        }
        match desk.quiet() {
            Ok(quiet) => {
                *held = Some(quiet);
                Reply::new(200, json!({ "quiet": true }))
            }
            Err(why) => Reply::because(503, why.to_string()),
        }
    }

    /// What has waited goes on.
    pub fn resume(&self) -> Reply {
        let held = self.0.lock().ok().and_then(|mut held| held.take());
        Reply::new(200, json!({ "was_quiet": held.is_some() }))
    }
}

fn connect(database: &Path) -> Result<Connection> {
    let doing = || format!("cannot open the database {}", database.display());
    let connection = Connection::open(database).during(doing)?;
    connection.busy_timeout(Duration::from_secs(5)).during(doing)?;
    connection.pragma_update(None, "journal_mode", "DELETE").during(doing)?;
    connection.pragma_update(None, "synchronous", "FULL").during(doing)?;
    Ok(connection)
}

fn work_off(connection: &Connection, jobs: &mpsc::Receiver<Job>) {
    let mut next = jobs.recv().ok();
    while let Some(job) = next.take() {
        match job {
            Job::Quiet(at_rest, wake) => {
                let _ = at_rest.send(());
                let _ = wake.recv_timeout(QUIET_MAX);
            }
            Job::Work(work, answer) => {
                let mut batch = vec![(work, answer)];
                while batch.len() < BATCH_MAX {
                    match jobs.try_recv() {
                        Ok(Job::Work(work, answer)) => batch.push((work, answer)),
                        Ok(other @ Job::Quiet(..)) => {
                            next = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                commit(connection, batch);
            }
        }
        if next.is_none() {
            next = jobs.recv().ok();
        }
    }
}

type Answer = oneshot::Sender<std::result::Result<Made, String>>;

/// Each piece of work stands or falls for itself (a savepoint); all are answered after the one commit.
fn commit(connection: &Connection, batch: Vec<(Work, Answer)>) {
    let mut done = Vec::with_capacity(batch.len());
    let mut state = connection.execute_batch("BEGIN IMMEDIATE");
    for (work, answer) in batch {
        let made = match &state {
            Ok(()) => one(connection, work),
            Err(cause) => Err(cause.to_string()),
        };
        done.push((made, answer));
    }
    if state.is_ok() {
        state = connection.execute_batch("COMMIT");
    }
    if state.is_err() && !connection.is_autocommit() {
        let _ = connection.execute_batch("ROLLBACK");
    }
    for (made, answer) in done {
        let said = match &state {
            Ok(()) => made,
            Err(cause) => Err(format!("the database did not take it: {cause}")),
        };
        let _ = answer.send(said);
    }
}

fn one(connection: &Connection, work: Work) -> std::result::Result<Made, String> {
    let say = |cause: rusqlite::Error| format!("the database did not take it: {cause}");
    connection.execute_batch("SAVEPOINT one").map_err(say)?;
    let made = work(connection).map_err(say);
    let end = if made.is_ok() { "RELEASE one" } else { "ROLLBACK TO one; RELEASE one" };
    connection.execute_batch(end).map_err(say)?;
    made
}

/// Opens a database that nobody may change, to count what is in it.
pub fn read_only(database: &Path) -> Result<Connection> {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY | rusqlite::OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(database, flags)
        .map_err(|cause| Fault::new(format!("cannot read the database {}: {cause}", database.display())))?;
    connection
        .busy_timeout(Duration::from_secs(5))
        .during(|| format!("cannot read the database {}", database.display()))?;
    Ok(connection)
}
