//! The lock and the socket: how many processes append to one journal.
//!
//! Whoever holds `append.lock` writes, and listens on `append.sock`. Everybody else connects there. The system
//! releases the lock when its holder dies, however it dies; the socket file may stay and is replaced by the next.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};

use crate::lead::lock;
use crate::wire::{
    GREETING, REPLY_BYTES_MAX, REQUEST_BYTES_MAX, Reply, Request, decode_reply, decode_request, encode_reply,
    encode_request, read_message,
};
use crate::writer::Writer;

const LOCK: &str = "append.lock";
const SOCKET: &str = "append.sock";
/// More clients than this are turned away and try again.
const CONNECTIONS_MAX: usize = 512;
/// A client that does not take its answer must not hold up the closing of the journal for long.
const WRITE_WAIT: Duration = Duration::from_secs(5);
const STACK_BYTES: usize = 512 * 1024;

/// Takes the lock if nobody has it. It is held until the file is dropped.
pub(crate) fn try_lock(folder: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o640);
    let file = options.open(folder.join(LOCK))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The address of a socket holds only about 100 bytes, the path of a folder can be longer. Then the folder is opened
/// and named by its descriptor.
fn with_socket<T>(folder: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let path = folder.join(SOCKET);
    if path.as_os_str().len() < 100 {
        return act(&path);
    }
    let open = File::open(folder)?;
    act(Path::new(&format!("/proc/self/fd/{}/{SOCKET}", open.as_raw_fd())))
}

/// The writer's side of the socket. Must be told to [`Server::stop`].
pub(crate) struct Server {
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    writer: Arc<Writer>,
    listener: UnixListener,
    stopping: AtomicBool,
    connections: Mutex<HashMap<u64, Served>>,
}

/// A connection and the thread that serves it.
struct Served {
    stream: UnixStream,
    thread: JoinHandle<()>,
}

impl Server {
    /// Listens in the folder. The caller holds the lock.
    pub(crate) fn start(folder: &Path, writer: Arc<Writer>) -> io::Result<Server> {
        match std::fs::remove_file(folder.join(SOCKET)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = with_socket(folder, |path| UnixListener::bind(path))?;
        std::fs::set_permissions(folder.join(SOCKET), std::fs::Permissions::from_mode(0o600))?;
        let connections = Mutex::default();
        let shared = Arc::new(Shared { writer, listener, stopping: AtomicBool::new(false), connections });
        let accepting = spawn("journal accept", {
            let shared = Arc::clone(&shared);
            move || accept(&shared)
        })?;
        Ok(Server { shared, accepting: Some(accepting) })
    }

    /// Answers what has been asked, then ends all connections.
    pub(crate) fn stop(&mut self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = rustix::net::shutdown(&self.shared.listener, rustix::net::Shutdown::Both);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
        let connections = std::mem::take(&mut *lock(&self.shared.connections));
        for Served { stream, .. } in connections.values() {
            // Only the reading side: an answer on its way still goes out.
            let _ = stream.shutdown(std::net::Shutdown::Read);
        }
        for Served { thread, .. } in connections.into_values() {
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES).spawn(work)
}

fn accept(shared: &Arc<Shared>) {
    for number in 0_u64.. {
        let accepted = shared.listener.accept();
        if shared.stopping.load(Ordering::SeqCst) {
            return;
        }
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, or a client that was gone at once. Clients try again, and so do we.
            std::thread::sleep(Duration::from_millis(5));
            continue;
        };
        let mut connections = lock(&shared.connections);
        if connections.len() >= CONNECTIONS_MAX {
            continue;
        }
        let Ok(copy) = stream.try_clone() else { continue };
        let worker = Arc::clone(shared);
        let thread = spawn("journal client", move || {
            // A connection that fails is the client's to notice; it offers its batch again.
            let _ = serve(&worker.writer, stream);
            lock(&worker.connections).remove(&number);
        });
        // The thread cannot remove its entry before it is there: this lock is held.
        if let Ok(thread) = thread {
            connections.insert(number, Served { stream: copy, thread });
        }
    }
}

fn serve(writer: &Writer, mut stream: UnixStream) -> io::Result<()> {
    stream.set_write_timeout(Some(WRITE_WAIT))?;
    let mut greeting = GREETING.to_vec();
    greeting.extend_from_slice(&writer.length().to_be_bytes());
    stream.write_all(&greeting)?;
    while let Some(message) = read_message(&mut stream, REQUEST_BYTES_MAX)? {
        let Some(request) = decode_request(&message) else { return Ok(()) };
        let reply = match request {
            Ok(request) => perform(writer, request),
            Err(refusal) => Reply::Appended(Err(refusal)),
        };
        stream.write_all(&encode_reply(&reply))?;
    }
    Ok(())
}

/// Does what is asked, whoever asks.
pub(crate) fn perform(writer: &Writer, request: Request) -> Reply {
    match request {
        Request::Append(offer) => Reply::Appended(writer.append(offer)),
        Request::Erase(offer) => Reply::Appended(writer.erase(offer)),
        Request::Checkpoint => Reply::Checkpoint(writer.checkpoint()),
    }
}

/// The side of those who hand over.
pub(crate) struct Client {
    wait: Duration,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    stream: UnixStream,
    /// The journal had at least this many records when the connection was last used.
    length: u64,
}

/// The connection ended before the answer. The batch may or may not be recorded.
pub(crate) struct ConnectionLost {
    /// The number of records when it was sent.
    pub(crate) since: u64,
}

impl Client {
    /// Connects to the writer, if there is one that answers.
    pub(crate) fn connect(folder: &Path, wait: Duration) -> io::Result<Client> {
        let first = Connection::open(folder, wait)?;
        Ok(Client { wait, idle: Mutex::new(vec![first]) })
    }

    /// Hands over a request. `Err` before anything was sent says so with the `since` of the last known length.
    pub(crate) fn call(&self, folder: &Path, request: &Request) -> Result<Reply, Option<ConnectionLost>> {
        let pooled = lock(&self.idle).pop();
        let mut connection = match pooled {
            Some(connection) => connection,
            None => Connection::open(folder, self.wait).map_err(|_| None)?,
        };
        let since = connection.length;
        let reply = connection.call(request).map_err(|_| Some(ConnectionLost { since }))?;
        if let Reply::Appended(Ok(place)) = &reply {
            connection.length = connection.length.max(place.next);
        }
        lock(&self.idle).push(connection);
        Ok(reply)
    }
}

impl Connection {
    fn open(folder: &Path, wait: Duration) -> io::Result<Connection> {
        let mut stream = with_socket(folder, |path| UnixStream::connect(path))?;
        stream.set_read_timeout(Some(wait))?;
        stream.set_write_timeout(Some(wait))?;
        let mut greeting = [0; 16];
        stream.read_exact(&mut greeting)?;
        let (magic, length) = greeting.split_at(8);
        if magic != GREETING {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the writer is of another version"));
        }
        let length = u64::from_be_bytes(length.try_into().expect("eight bytes"));
        Ok(Connection { stream, length })
    }

    fn call(&mut self, request: &Request) -> io::Result<Reply> {
        self.stream.write_all(&encode_request(request))?;
        let message = read_message(&mut self.stream, REPLY_BYTES_MAX)?;
        let reply = message.as_deref().and_then(decode_reply);
        reply.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "no answer"))
    }
}
