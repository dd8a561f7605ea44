//! Puts the files of a snapshot into an empty folder, each verified against its hash while it is written.
//!
//! What comes back besides the bytes says `kept`. Devices, pipes and sockets are not made; they are listed. When this returns
//! everything is on disk.

use std::fs;
use std::path::{Path, PathBuf};

use rustic_core::TreeId;
use rustic_core::repofile::{Metadata, Node, NodeType};

use super::attributes::{Attributes, Kind, write_with_holes};
use super::inside::{Own, Piece};
use super::{Opened, RepositoryFault, Snapshot, Unreadable, open, plain_name, series_name};
use crate::snapshots::short;
use estate::model::{Secret, Source, shown_address};

/// What was put back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    pub files: u64,
    pub bytes: u64,
    /// Devices, pipes and sockets, which are not made, and attributes that were not set.
    pub left_out: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum RestoreFault {
    #[error("the password for {repository} is not there: {cause}")]
    NoSecret { repository: String, cause: String },
    #[error("cannot use the repository")]
    Repository(#[from] RepositoryFault),
    #[error("the repository {repository} has no snapshot `{snapshot}` that can be read")]
    NoSnapshot { repository: String, snapshot: String },
    #[error(
        "the repository holds backups of several kinds ({kinds}), and the store does not say which are its own: nothing was restored. \
         Write `host` and `paths` into its `source`"
    )]
    NotSaid { kinds: String },
    #[error("snapshot {snapshot} is of {of}, and the store says that its backups are of {own}")]
    OfAnother { snapshot: String, of: String, own: String },
    #[error("the store is not found in snapshot {snapshot}: {why}")]
    NotInside { snapshot: String, why: String },
    #[error("{0} already holds files: restore only into a new or empty folder")]
    NotEmpty(PathBuf),
    #[error("cannot read {path} from the snapshot")]
    Unread { path: PathBuf, source: Unreadable },
    #[error(
        "the snapshot holds an entry named `{name}` under {path}: that is not a file name, so nothing of this copy is trusted"
    )]
    BadName { path: PathBuf, name: String },
    #[error("{path} has {found} bytes in the repository, its entry says {expected}")]
    Length { path: PathBuf, found: u64, expected: u64 },
    #[error("cannot {doing} {path}")]
    File { doing: &'static str, path: PathBuf, source: std::io::Error },
}

/// The same for the door to the world: what went wrong as one text, with every cause. `folder` is where the store lives,
/// `to` the new folder that will take its place.
pub fn read_repository(source: &Source, folder: &str, snapshot: &str, to: &Path) -> Result<(), String> {
    restore_snapshot(source, Some(folder), snapshot, to).map(|_| ()).map_err(|fault| {
        let causes = std::iter::successors(std::error::Error::source(&fault), |error| error.source());
        causes.fold(fault.to_string(), |text, error| format!("{text}: {error}"))
    })
}

/// Restores of `snapshot` (its id, or an unambiguous start of it) what belongs to the store that lives in `folder` into `to`,
/// which must be absent or empty: the content of that folder is what arrives in `to`, whatever else the backup holds. Where
/// it lies says `inside`; where that is not said, nothing is restored.
pub fn restore_snapshot(
    source: &Source,
    folder: Option<&str>,
    snapshot: &str,
    to: &Path,
) -> Result<Restored, RestoreFault> {
    let password = secret(&source.secret)
        .map_err(|cause| RestoreFault::NoSecret { repository: shown_address(&source.repository), cause })?;
    let opened = open(&source.repository, &password)?;
    let found = opened.find(snapshot).ok_or_else(|| RestoreFault::NoSnapshot {
        repository: shown_address(&source.repository),
        snapshot: snapshot.to_owned(),
    })?;
    // Who else is in the repository was asked when the recovery point was judged.
    let own = Own { host: source.host.as_deref(), paths: &source.paths, folder, is_shared: false };
    let pieces = pieces(&opened, found, own)?;
    fs::create_dir_all(to).map_err(|source| fault("make", to, source))?;
    let mut inside = fs::read_dir(to).map_err(|source| fault("read", to, source))?;
    if inside.next().is_some() {
        return Err(RestoreFault::NotEmpty(to.to_owned()));
    }
    let mut restore = Restore { opened: &opened, done: Restored::default(), kept: Attributes::new() };
    for piece in pieces {
        restore.piece(found.tree, &piece, to)?;
    }
    sync(to)?;
    Ok(restore.done)
}

/// Where the store lies in the snapshot, if the snapshot is one of its own.
pub(super) fn pieces(opened: &Opened, found: &Snapshot, own: Own<'_>) -> Result<Vec<Piece>, RestoreFault> {
    own.chosen(opened.snapshots.iter().map(|snapshot| &snapshot.series)).map_err(|kinds| {
        RestoreFault::NotSaid { kinds: kinds.into_iter().map(series_name).collect::<Vec<_>>().join("; ") }
    })?;
    let snapshot = || short(&found.id).to_owned();
    if !own.may_be(&found.series) {
        let host = own.host.unwrap_or("any host").to_owned();
        let own = series_name(&(host, own.paths.to_vec()));
        return Err(RestoreFault::OfAnother { snapshot: snapshot(), of: series_name(&found.series), own });
    }
    opened.pieces(found, own).map_err(|why| RestoreFault::NotInside { snapshot: snapshot(), why })
}

/// The password, from where the estate says it lies; or why not.
pub fn secret(secret: &Secret) -> Result<String, String> {
    match secret {
        Secret::Environment(name) => {
            std::env::var(name).map_err(|error| format!("environment variable {name}: {error}"))
        }
        Secret::File(path) => fs::read_to_string(path)
            .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
            .map_err(|error| format!("file {path}: {error}")),
    }
}

struct Restore<'a> {
    opened: &'a Opened,
    done: Restored,
    kept: Attributes,
}

impl Restore<'_> {
    /// What lies at one place of the snapshot, to its place below `to`.
    fn piece(&mut self, root: TreeId, piece: &Piece, to: &Path) -> Result<(), RestoreFault> {
        let mut found = None;
        let mut tree = root;
        for part in &piece.inside {
            let unread = |source| RestoreFault::Unread { path: piece.inside.clone(), source };
            let nodes = self.opened.tree(tree).map_err(unread)?.nodes;
            let node = nodes.into_iter().find(|node| node.name() == part);
            let node =
                node.ok_or_else(|| unread(Unreadable(format!("`{}` is not in it", part.display()))))?;
            tree = node.subtree.unwrap_or(tree);
            found = Some(node);
        }
        let place = to.join(&piece.to);
        match found {
            // Its name is the one it has in the snapshot.
            Some(node) if node.subtree.is_none() => {
                let parent = if piece.to.as_os_str().is_empty() { to } else { parent(&place) };
                fs::create_dir_all(parent).map_err(|source| fault("make", parent, source))?;
                self.node(&node, parent)
            }
            found => {
                fs::create_dir_all(&place).map_err(|source| fault("make", &place, source))?;
                self.folder(tree, &place)?;
                match found {
                    Some(node) => self.settle(&place, &node.meta, Kind::Folder),
                    None => Ok(()),
                }
            }
        }
    }

    fn folder(&mut self, tree: TreeId, to: &Path) -> Result<(), RestoreFault> {
        let tree =
            self.opened.tree(tree).map_err(|source| RestoreFault::Unread { path: to.to_owned(), source })?;
        for node in &tree.nodes {
            self.node(node, to)?;
        }
        Ok(())
    }

    fn node(&mut self, node: &Node, parent: &Path) -> Result<(), RestoreFault> {
        let name = plain_name(node.name().into_owned()).ok_or_else(|| RestoreFault::BadName {
            path: parent.to_owned(),
            name: node.name().to_string_lossy().into_owned(),
        })?;
        let to = parent.join(name);
        match (&node.node_type, node.subtree) {
            (NodeType::Dir, Some(subtree)) => {
                fs::create_dir(&to).map_err(|source| fault("make", &to, source))?;
                self.folder(subtree, &to)?;
                self.settle(&to, &node.meta, Kind::Folder)
            }
            (NodeType::Dir, None) => Err(RestoreFault::Unread {
                path: to,
                source: Unreadable("the entry is a folder without content".to_owned()),
            }),
            (NodeType::File, _) => self.file(node, &to),
            (NodeType::Symlink { .. }, _) => {
                std::os::unix::fs::symlink(node.node_type.to_link(), &to)
                    .map_err(|source| fault("link", &to, source))?;
                self.settle(&to, &node.meta, Kind::Link)
            }
            (NodeType::Dev { .. } | NodeType::Chardev { .. } | NodeType::Fifo | NodeType::Socket, _) => {
                self.done.left_out.push(to.display().to_string());
                Ok(())
            }
        }
    }

    fn file(&mut self, node: &Node, to: &Path) -> Result<(), RestoreFault> {
        if let Some(first) = self.kept.first_name(node, to) {
            fs::hard_link(&first, to).map_err(|source| fault("link", to, source))?;
            self.done.files += 1;
            return Ok(());
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(to)
            .map_err(|source| fault("make", to, source))?;
        let mut bytes = 0;
        for id in node.content.iter().flatten() {
            let blob = self
                .opened
                .data(*id)
                .map_err(|source| RestoreFault::Unread { path: to.to_owned(), source })?;
            write_with_holes(&mut file, &blob).map_err(|source| fault("write", to, source))?;
            bytes += blob.len() as u64;
        }
        if bytes != node.meta.size {
            return Err(RestoreFault::Length { path: to.to_owned(), found: bytes, expected: node.meta.size });
        }
        file.set_len(bytes).map_err(|source| fault("write", to, source))?;
        self.done.files += 1;
        self.done.bytes += bytes;
        self.settle(to, &node.meta, Kind::File)
    }

    fn settle(&mut self, to: &Path, metadata: &Metadata, kind: Kind) -> Result<(), RestoreFault> {
        let left_out = self.kept.settle(to, metadata, kind);
        self.done.left_out.extend(left_out.map_err(|(doing, source)| fault(doing, to, source))?);
        Ok(())
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// One call for the file system that `to` lies on: far cheaper than one for each of many small files.
pub(super) fn sync(to: &Path) -> Result<(), RestoreFault> {
    let folder = fs::File::open(to).map_err(|source| fault("open", to, source))?;
    rustix::fs::syncfs(&folder).map_err(|error| fault("write to disk", to, error.into()))?;
    folder.sync_all().map_err(|source| fault("write to disk", to, source))
}

pub(super) fn fault(doing: &'static str, path: &Path, source: std::io::Error) -> RestoreFault {
    RestoreFault::File { doing, path: path.to_owned(), source }
}
