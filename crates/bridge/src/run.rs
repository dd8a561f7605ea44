//! Brings the bridge up and down: keys, folder, journal, writer thread, edge.

#![allow(clippy::disallowed_methods, reason = "waits for answers on their way, with a deadline")]

use std::fs::{File, OpenOptions, TryLockError};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use journal::key::SecretKey;
use journal::{Appender, Options, Reader};
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::config::Config;
use super::desk::Desk;
use super::edge::{self, Edge};
use super::fact::Fact;
use super::keys::{self, MarkKey, SecretFault};
use super::upstream::Client;
use super::writer::{Clocks, Job, Writer};

/// In the folder, as for an incident: the journal and the key that proves it.
pub const JOURNAL: &str = "journal";
const PUBLIC_KEY: &str = "public-key";
const MARKS: &str = "marks-secret";
const LOCK: &str = "lock";
/// Whoever does not say in this time that it is well is not.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);
/// After a stop, answers on their way get this long to reach their senders.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

#[derive(Debug, thiserror::Error)]
pub enum RunFault {
    #[error("cannot {doing} {path}")]
    File { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("another bridge is using {0}")]
    InUse(PathBuf),
    #[error("cannot use the signing key {path}")]
    Key { path: PathBuf, source: journal::key::KeyError },
    #[error("cannot use a secret of the bridge")]
    Secret(#[source] SecretFault),
    #[error("cannot open the bridge's journal")]
    Open(#[source] journal::OpenError),
    #[error("cannot read the bridge's journal")]
    Read(#[source] journal::ReadError),
    #[error("cannot start: {0}")]
    Start(String),
    #[error("the bridge's journal stopped: {0}")]
    Stopped(String),
}

/// A bridge that has read its journal and can be served.
pub struct Bridge {
    pub edge: Arc<Edge>,
    connections_max: usize,
    stop: watch::Receiver<Option<String>>,
    _lock: File,
}

fn file_fault<'a>(doing: &'static str, path: &'a Path) -> impl FnOnce(std::io::Error) -> RunFault + 'a {
    move |source| RunFault::File { doing, path: path.to_owned(), source }
}

/// Only one process may serve a folder. The lock goes with the process, however it ends.
fn lock(folder: &Path) -> Result<File, RunFault> {
    let path = folder.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(file_fault("open", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(RunFault::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(file_fault("lock", &path)(source)),
    }
}

/// As many open files as the system lets this process have.
fn raised_file_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it may not be raised, what there is has to do, and is counted.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let now = if raised.is_ok() { limit.maximum } else { limit.current };
    now.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX))
}

fn signing_key(config: &Config) -> Result<SecretKey, RunFault> {
    let key = if config.key.exists() {
        SecretKey::load(&config.key)
    } else {
        SecretKey::generate(&config.name).and_then(|key| key.save(&config.key).map(|()| key))
    };
    key.map_err(|source| RunFault::Key { path: config.key.clone(), source })
}

impl Bridge {
    pub fn open(config: Config, clocks: Clocks) -> Result<Bridge, RunFault> {
        let connections_max = edge::connections_below(raised_file_limit()).map_err(|least| {
            RunFault::Start(format!(
                "this process may have too few files open; {least} are the least (ulimit -n {least}, or LimitNOFILE={least} in its unit)"
            ))
        })?;
        let folder = config.folder.clone();
        let journal = folder.join(JOURNAL);
        std::fs::create_dir_all(&journal).map_err(file_fault("make", &journal))?;
        let lock = lock(&folder)?;
        let key = signing_key(&config)?;
        let public = folder.join(PUBLIC_KEY);
        std::fs::write(&public, format!("{}\n", key.public())).map_err(file_fault("write", &public))?;
        let marks_secret = keys::load_or_make(&folder.join(MARKS)).map_err(RunFault::Secret)?;
        let control_token = keys::load_or_make(&config.control_token_file).map_err(RunFault::Secret)?;
        let session_key = keys::random().map_err(RunFault::Secret)?;

        let origin = key.public().name().to_owned();
        let appender = Appender::open(&journal, Options::new(key.clone(), origin)).map_err(RunFault::Open)?;
        let reader = Reader::open(&journal).map_err(RunFault::Read)?;
        let (elapsed_ms, (stop_sender, stop)) = (Arc::clone(&clocks.elapsed_ms), watch::channel(None));
        let tenants = config.tenants.keys().cloned();
        let (writer, shared) =
            Writer::open(appender, reader, tenants, clocks, stop_sender).map_err(RunFault::Read)?;
        let (jobs, taken) = mpsc::channel();
        std::thread::Builder::new()
            .name("bridge journal".to_owned())
            .spawn(move || writer.run(&taken))
            .map_err(|error| RunFault::Start(error.to_string()))?;

        let config = Arc::new(config);
        let marks = config.tenants.keys().map(|id| (id.clone(), MarkKey::of(&marks_secret, id))).collect();
        record_start(&config, &jobs)?;
        let (memory, forwarded, reads) = Edge::limits();
        let edge = Edge {
            desk: Arc::new(Desk::new(Arc::clone(&config), shared, jobs, elapsed_ms, stop.clone())),
            client: Client::new(Duration::from_millis(config.upstream_timeout_ms)),
            health_client: Client::new(HEALTH_TIMEOUT.min(Duration::from_millis(config.upstream_timeout_ms))),
            config,
            key,
            marks,
            control_token,
            session_key,
            journal,
            memory,
            forwarded,
            reads,
        };
        Ok(Bridge { edge: Arc::new(edge), connections_max, stop, _lock: lock })
    }

    /// Serves until `shutdown` is set or the journal fails. What was accepted is on disk either way.
    pub async fn serve(
        self,
        listener: TcpListener,
        control: TcpListener,
        shutdown: watch::Receiver<bool>,
    ) -> Result<(), RunFault> {
        let Bridge { edge, connections_max, stop, _lock } = self;
        edge::serve(listener, control, Arc::clone(&edge), connections_max, stop.clone(), shutdown).await;
        // Requests that are being forwarded may still get their outcome on disk; those that do not are pending.
        let patience = Duration::from_millis(edge.config.upstream_timeout_ms);
        let quiet = async {
            while edge.desk.with(|shared| !shared.in_flight.is_empty()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let cause = stop.borrow().clone();
        match cause {
            Some(cause) => {
                tokio::time::sleep(LAST_ANSWERS).await;
                Err(RunFault::Stopped(cause))
            }
            None => {
                drop(tokio::time::timeout(patience, quiet).await);
                // So that the last entries are proven as well. The journal is whole without it.
                drop(edge.desk.statement().await);
                Ok(())
            }
        }
    }
}

/// The first entry of every start: which program, and who can open what is sealed from now on.
fn record_start(config: &Config, jobs: &mpsc::Sender<Job>) -> Result<(), RunFault> {
    let recipients =
        config.tenants.iter().map(|(id, tenant)| (id.clone(), tenant.recipient.to_string())).collect();
    let started = Fact::Started { program: env!("CARGO_PKG_VERSION").to_owned(), recipients };
    let (done, answer) = tokio::sync::oneshot::channel();
    let failed = || RunFault::Start("the writer ended at once".to_owned());
    jobs.send(Job::Decide { decide: Box::new(move |_| vec![started]), done }).map_err(|_| failed())?;
    match answer.blocking_recv() {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(fault)) => Err(RunFault::Start(fault.to_string())),
        Err(_) => Err(failed()),
    }
}

/// Where the running bridge really listens: `listen` and `control_listen` may leave the port open.
const ADDRESS: &str = "address";
const CONTROL_ADDRESS: &str = "control-address";

pub fn write_addresses(folder: &Path, senders: &SocketAddr, control: &SocketAddr) -> Result<(), RunFault> {
    for (name, address) in [(CONTROL_ADDRESS, control), (ADDRESS, senders)] {
        let path = folder.join(name);
        std::fs::write(&path, format!("{address}\n")).map_err(file_fault("write", &path))?;
    }
    Ok(())
}

/// For the calls of the operator: as the running bridge has written it, otherwise as the configuration says.
pub fn read_control_address(config: &Config) -> SocketAddr {
    let written = std::fs::read_to_string(config.folder.join(CONTROL_ADDRESS)).ok();
    let mut address = written.and_then(|text| text.trim().parse().ok()).unwrap_or(config.control_listen);
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    address
}
