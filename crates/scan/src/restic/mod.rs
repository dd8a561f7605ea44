//! A restic repository, opened to be read and nothing else: in a local folder, or, built with the feature `remote`,
//! behind a REST server or wherever rclone reaches.
//!
//! - `read_only`: the door; what would write is refused.
//! - `mixed`: blobs that the library does not find; `vault`: blobs out of packs, decrypted, unpacked, verified; `reading`: in the order of the disk, on all cores.
//! - `trees`: folders out of trees; `stored`: the repository as a history reads it; `scan`: from there to the answer.
//! - `inside`: which snapshots are a store's own, and where in one it lies; `restore`: from there back into a folder,
//!   with what `kept` says; `bring`: file by file to a new place.
//!
//! All use of the repository library stands in this folder, because its interface is young and may
//! change. No lock is taken and none is left behind: what disappears while we read (a prune by somebody
//! else) is reported as unread.

mod attributes;
pub mod bring;
mod content;
pub mod inside;
mod mixed;
mod read_only;
mod reading;
mod restore;
mod scan;
mod stored;
#[cfg(test)]
mod tests;
mod trees;
mod vault;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rustic_core::repofile::{BlobType, Node, NodeType, SnapshotFile, SnapshotId, Tree};
use rustic_core::{
    BlobId, Credentials, DataId, FileType, Id, IndexedFullStatus, PackedId, Repository, RepositoryBackends,
    RepositoryOptions, RusticError, TreeId,
};
use sha2::{Digest, Sha256};

use estate::model::shown_address;
use inside::{Entry, Folders, Own, Piece};
use mixed::{Location, Mixed};
use read_only::ReadOnly;
pub use restore::{RestoreFault, Restored, read_repository, restore_snapshot, secret};
pub use scan::{Progress, Request, scan};
use vault::Vault;

/// Prefix of a repository in estates and on the command line.
pub const PREFIX: &str = "restic:";

/// Why a repository cannot be opened at all. What can be opened but not read in full is an answer, not a fault.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryFault {
    #[error("`{0}` is not a folder on this machine, and this build reads repositories {READS}")]
    NotLocal(String),
    #[error("there is no folder {0}")]
    NotThere(PathBuf),
    #[error("{0} is not a folder, and a repository is one")]
    NotAFolder(PathBuf),
    #[error("{path} is not a restic repository: it has no `{missing}`")]
    NotARepository { path: PathBuf, missing: &'static str },
    #[error("the password does not fit any key of the repository {0}")]
    WrongPassword(PathBuf),
    #[error("cannot open the repository {path}: {cause}")]
    Open { path: PathBuf, cause: String },
    #[error("cannot look at {path}")]
    Look { path: PathBuf, source: std::io::Error },
}

/// Something in the repository that could not be read, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

/// A snapshot file that could be read.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub id: String,
    /// What the client that wrote it said the time was, UTC milliseconds. It can be forged.
    pub claims_ms: i64,
    /// When the file arrived in the repository's folder, UTC milliseconds; what it claims if the folder is elsewhere.
    pub arrived_ms: i64,
    /// Host and paths: snapshots that agree in these are versions of the same thing.
    pub series: (String, Vec<String>),
    /// Ids of snapshots that were there when it was made.
    pub parents: Vec<String>,
    /// The snapshot that it is a new form of.
    pub original: Option<String>,
    tree: TreeId,
}

/// An opened repository with its index in memory.
pub struct Opened {
    /// Where it lies on this machine, if it does.
    folder: Option<PathBuf>,
    repository: Repository<IndexedFullStatus>,
    door: Arc<ReadOnly>,
    snapshots: Vec<Snapshot>,
    unread_snapshots: Vec<(String, String)>,
    writers: Vec<String>,
    is_without_index: bool,
    mixed: Mixed,
}

/// Whether this build reaches repositories on other machines.
const REMOTE: bool = cfg!(feature = "remote");
const READS: &str =
    if REMOTE { "in local folders, as rest:URL, or as rclone:REMOTE:PATH" } else { "in local folders only" };

/// Where a repository is.
enum Place {
    Folder(PathBuf),
    /// As the library names it.
    Elsewhere(String),
}

fn place(repository: &str) -> Result<Place, RepositoryFault> {
    let name = repository.strip_prefix(PREFIX).unwrap_or(repository);
    if REMOTE && (name.starts_with("rest:") || name.starts_with("rclone:")) {
        return Ok(Place::Elsewhere(name.to_owned()));
    }
    local_path(repository).map(Place::Folder)
}

/// The folder behind `restic:/path` or a plain path.
pub fn local_path(repository: &str) -> Result<PathBuf, RepositoryFault> {
    let path = repository.strip_prefix(PREFIX).unwrap_or(repository);
    let path = path.strip_prefix("local:").unwrap_or(path);
    let remote = ["rest:", "s3:", "sftp:", "rclone:", "opendal:", "b2:", "azure:", "gs:", "swift:"];
    if remote.iter().any(|prefix| path.starts_with(prefix)) {
        return Err(RepositoryFault::NotLocal(shown_address(repository)));
    }
    Ok(PathBuf::from(path))
}

/// Opens without writing: no lock, no cache.
pub fn open(repository: &str, password: &str) -> Result<Opened, RepositoryFault> {
    open_with(repository, &Credentials::password(password))
}

fn open_with(repository: &str, credentials: &Credentials) -> Result<Opened, RepositoryFault> {
    let place = place(repository)?;
    let (folder, address) = match &place {
        Place::Folder(path) => {
            looks_like_a_repository(path)?;
            let name = path.to_str().ok_or_else(|| RepositoryFault::Open {
                path: path.clone(),
                cause: "the path is not UTF-8, which the repository library needs".to_owned(),
            })?;
            (Some(path.clone()), format!("local:{name}"))
        }
        Place::Elsewhere(address) => (None, address.clone()),
    };
    let path = folder.clone().unwrap_or_else(|| PathBuf::from(shown_address(&address)));
    let fault = |error: &RusticError| RepositoryFault::Open { path: path.clone(), cause: brief(error) };
    let backends = rustic_backend::BackendOptions::default()
        .repository(address)
        .to_backends()
        .map_err(|error| fault(&error))?;
    let door = Arc::new(ReadOnly::new(backends.repository(), folder.as_deref()));
    let backends = RepositoryBackends::new(door.clone(), None);
    let options = RepositoryOptions::default().no_cache(true);
    let opened = Repository::new(&options, &backends)
        .and_then(|repository| repository.open(credentials))
        .map_err(|error| cannot_open(&error, &path, &door))?;
    // Snapshots before the index: a writer stores packs, then index, then snapshot. What is listed now
    // is therefore covered by the index that is read after it.
    let ids: Vec<SnapshotId> = opened.list::<SnapshotId>().map_err(|error| fault(&error))?.collect();
    let (mut snapshots, mut unread_snapshots) = (Vec::new(), Vec::new());
    for id in ids {
        match opened.get_file::<SnapshotFile>(&id) {
            Ok(file) => snapshots.push(snapshot(folder.as_deref(), id, &file)),
            Err(error) => unread_snapshots.push((id.to_hex().as_str().to_owned(), brief(&error))),
        }
    }
    unread_snapshots.sort();
    let writers = folder.as_deref().map(|folder| names(&folder.join("locks"))).unwrap_or_default();
    let is_without_index =
        !snapshots.is_empty() && door.has_none(FileType::Index).map_err(|error| fault(&error))?;
    let repository = opened.to_indexed().map_err(|error| fault(&error))?;
    let mixed = Mixed::default();
    Ok(Opened { folder, repository, door, snapshots, unread_snapshots, writers, is_without_index, mixed })
}

/// What the library could not open, as far as its own words can be bettered.
fn cannot_open(error: &RusticError, path: &Path, door: &ReadOnly) -> RepositoryFault {
    let fault = |cause: String| RepositoryFault::Open { path: path.to_owned(), cause };
    if error.is_incorrect_password() {
        // A damaged key file was left out of the listing; then the password cannot be blamed.
        return match door.has_none(FileType::Key) {
            _ if !door.left_out().is_empty() => fault(door.left_out().join("; ")),
            Ok(true) => fault("it holds no key file, and without one no password opens it".to_owned()),
            Ok(false) => RepositoryFault::WrongPassword(path.to_owned()),
            Err(error) => fault(brief(&error)),
        };
    }
    if brief(error).contains("Config") {
        return fault("its file `config` is damaged or cut off: it cannot be decrypted".to_owned());
    }
    fault(brief(error))
}

/// Whether a folder is a repository by what lies in it.
pub fn is_a_repository(folder: &Path) -> bool {
    looks_like_a_repository(folder).is_ok()
}

fn looks_like_a_repository(path: &Path) -> Result<(), RepositoryFault> {
    let look =
        |part: &Path| std::fs::metadata(part).map_err(|source| (source.kind(), look_fault(part, source)));
    match look(path) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(RepositoryFault::NotAFolder(path.to_owned())),
        Err((std::io::ErrorKind::NotFound, _)) => return Err(RepositoryFault::NotThere(path.to_owned())),
        Err((_, fault)) => return Err(fault),
    }
    for missing in ["config", "keys", "snapshots", "index", "data"] {
        let part = path.join(missing);
        match look(&part) {
            Ok(metadata) if missing == "config" && metadata.is_file() => {}
            // The library only logs what it cannot list; a folder that cannot be read would look empty.
            Ok(metadata) if missing != "config" && metadata.is_dir() => {
                std::fs::read_dir(&part).map_err(|source| look_fault(&part, source))?;
            }
            Ok(_) | Err((std::io::ErrorKind::NotFound, _)) => {
                return Err(RepositoryFault::NotARepository { path: path.to_owned(), missing });
            }
            Err((_, fault)) => return Err(fault),
        }
    }
    Ok(())
}

fn look_fault(path: &Path, source: std::io::Error) -> RepositoryFault {
    RepositoryFault::Look { path: path.to_owned(), source }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn snapshot(folder: Option<&Path>, id: SnapshotId, file: &SnapshotFile) -> Snapshot {
    let id = id.to_hex().as_str().to_owned();
    let arrived = folder
        .and_then(|folder| std::fs::metadata(folder.join("snapshots").join(&id)).ok())
        .and_then(|metadata| metadata.modified().ok())
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .and_then(|since| i64::try_from(since.as_millis()).ok());
    let claims_ms = file.time.timestamp().as_millisecond();
    let hex = |id: &SnapshotId| id.to_hex().as_str().to_owned();
    Snapshot {
        id,
        claims_ms,
        arrived_ms: arrived.unwrap_or(claims_ms),
        series: (file.hostname.clone(), file.paths.iter().cloned().collect()),
        parents: file.parent.iter().chain(&file.parents).map(hex).collect(),
        original: file.original.as_ref().map(hex),
        tree: file.tree,
    }
}

impl Opened {
    /// Whether it lies on this machine, so that it is known when its files arrived.
    pub fn is_local(&self) -> bool {
        self.folder.is_some()
    }

    /// In no particular order.
    pub fn snapshots(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// What could not be read while opening, in words, for the person who has to decide.
    pub fn unread(&self) -> Vec<String> {
        let mut all = self.door.left_out();
        all.extend(self.unread_snapshots.iter().map(|(id, why)| format!("snapshot {id}: {why}")));
        if self.is_without_index {
            all.push("the index: there is no index file, so nobody knows where anything lies".to_owned());
        }
        all
    }

    /// Not all of the index is there, and what is stored may well be whole.
    fn index_is_short(&self) -> bool {
        self.is_without_index || self.door.left_out().iter().any(|what| what.starts_with("index"))
    }

    /// Where in a snapshot the store lies.
    pub fn pieces(&self, snapshot: &Snapshot, own: Own<'_>) -> Result<Vec<Piece>, String> {
        own.pieces(self, snapshot.tree, &snapshot.series.1)
    }

    /// Names of locks that others hold: somebody may be writing.
    pub fn writers(&self) -> &[String] {
        &self.writers
    }

    /// The snapshot whose id starts with `start`, if there is exactly one.
    pub fn find(&self, start: &str) -> Option<&Snapshot> {
        let mut found = self.snapshots.iter().filter(|snapshot| snapshot.id.starts_with(start));
        let first = found.next().filter(|_| !start.is_empty())?;
        found.next().is_none().then_some(first)
    }

    /// Where the index says that a blob lies.
    fn location<T: PackedId>(&self, id: &T) -> Option<Location> {
        match self.repository.get_index_entry(id) {
            Ok(entry) => Some(Location {
                pack: *entry.pack,
                offset: entry.location.offset,
                length: entry.location.length,
                unpacked: entry.location.uncompressed_length,
            }),
            Err(_) => self.mixed.location(&self.repository, (*id).into(), T::TYPE),
        }
    }

    fn blob(&self, id: BlobId, kind: BlobType) -> Result<Bytes, Unreadable> {
        let hex = || id.to_hex().as_str()[..12].to_owned();
        let bytes = match (self.repository.get_blob_cached(&id, kind), kind) {
            (Ok(bytes), _) => bytes,
            (Err(error), kind) => match self.mixed.location(&self.repository, id, kind) {
                None => return Err(Unreadable(format!("blob {}: {}", hex(), brief(&error)))),
                Some(at) => {
                    let vault = || Vault::new(self.door.clone(), &self.repository.key()).ok();
                    self.mixed.blob(vault, id, kind, at).map_err(Unreadable)?.into()
                }
            },
        };
        // The seal shows that somebody with the key wrote these bytes, the hash that they are the right ones.
        if Id::new(Sha256::digest(&bytes).into()) != *id {
            return Err(Unreadable(format!("blob {} holds other bytes than it was stored with", hex())));
        }
        Ok(bytes)
    }

    fn data(&self, id: DataId) -> Result<Bytes, Unreadable> {
        self.blob(id.into(), BlobType::Data)
    }

    /// Bytes of a blob, as the index says.
    fn data_length(&self, id: DataId) -> Result<u64, Unreadable> {
        let at = self.location(&id).ok_or_else(|| Unreadable("a blob of it is in no index".to_owned()))?;
        Ok(vault::content_length(at.length, at.unpacked))
    }

    fn tree(&self, id: TreeId) -> Result<Tree, Unreadable> {
        let bytes = self.blob(id.into(), BlobType::Tree)?;
        serde_json::from_slice(&bytes)
            .map_err(|error| Unreadable(format!("tree {}: {error}", &id.to_hex().as_str()[..12])))
    }
}

impl Folders for Opened {
    type Tree = TreeId;

    fn entries(&self, tree: TreeId) -> Result<Vec<(OsString, Entry<TreeId>)>, String> {
        let tree = self.tree(tree).map_err(|why| why.to_string())?;
        let entry = |node: &Node| match (&node.node_type, node.subtree) {
            (NodeType::Dir, Some(subtree)) => Entry::Folder(subtree),
            (NodeType::File, _) => Entry::File,
            _ => Entry::Other,
        };
        Ok(tree.nodes.iter().map(|node| (node.name().into_owned(), entry(node))).collect())
    }
}

/// `host:/srv/a, /srv/b`.
pub fn series_name((host, paths): &inside::SeriesName) -> String {
    let paths = if paths.is_empty() { "any path".to_owned() } else { paths.join(", ") };
    format!("{host}:{paths}")
}

/// The name if it is a plain name. A repository that somebody has tampered with may hold
/// names such as `../x`; those are never joined to a path.
fn plain_name(name: OsString) -> Option<OsString> {
    let mut parts = Path::new(&name).components();
    match (parts.next(), parts.next()) {
        (Some(std::path::Component::Normal(part)), None) if part == name => Some(name),
        _ => None,
    }
}

/// Of the many lines in which the library writes an error down, the one that says what happened.
fn one_line(text: &str) -> String {
    let mut lines = text.lines().skip_while(|line| line.trim() != "Message:").skip(1);
    let message = lines.next().or_else(|| text.lines().find(|line| !line.trim().is_empty()));
    message.unwrap_or("unknown error").trim().to_owned()
}

/// The message of a library error in one line, with its innermost cause.
fn brief(error: &RusticError) -> String {
    let text = error.to_string();
    let message = one_line(&text);
    let mut innermost: Option<&dyn std::error::Error> = std::error::Error::source(error);
    while let Some(next) = innermost.and_then(|cause| cause.source()) {
        innermost = Some(next);
    }
    match innermost {
        Some(cause) => format!("{message} ({})", one_line(&cause.to_string())),
        None => message,
    }
}
