//! Brings a store's files to a new place: those of one snapshot, or of every file the last clean version.
//!
//! What is not clean in the snapshot is not brought from it. With `Wanted::Mix` it comes from the snapshot in which it was last
//! clean, under the name that it had there put back under the name it has now, and what vanished comes from where it was
//! last; without, it is left out. Either way the account says of each file where it is from, or that no clean version exists.
//!
//! It can be killed at any time and called again: what is there already is read back and compared, not believed. A finished
//! one has been read back as a whole, from the disk as far as the system lets us.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustic_core::repofile::{Node, NodeType};
use rustic_core::{DataId, Id, TreeId};
use sha2::{Digest, Sha256};

use super::attributes::{Attributes, Kind, write_with_holes};
use super::inside::Own;
use super::restore::{RestoreFault, fault, pieces, sync};
use super::{Opened, Unreadable, plain_name};
use crate::report::RepositoryReport;
use crate::shown;

/// In the new place while it is being filled.
const STATE: &str = ".blackstart-restore";
/// Names in an account that people read.
pub const NAMED_MAX: usize = 1_000;

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The clean files of this snapshot, and no others.
    OnePoint,
    /// Of each file the last clean version, from whatever snapshot.
    Mix,
}

/// What was brought, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Account {
    pub files: u64,
    pub bytes: u64,
    /// Files by the snapshot that they are from.
    pub from: BTreeMap<String, u64>,
    /// Not clean there, and not brought: no clean version exists, or none was asked for.
    pub not_brought: u64,
    /// The first of them.
    pub named: Vec<String>,
    /// Files that were there already from an earlier call, and are right.
    pub found_there: u64,
    /// Devices, pipes and sockets, and attributes that were not set.
    pub left_out: Vec<String>,
    /// Everything was read back after it was written, and is what the repository holds.
    pub read_back: bool,
}

/// Where a file comes from.
#[derive(Clone, Debug)]
struct Item {
    node: Node,
    /// Below the new place.
    to: PathBuf,
    snapshot: String,
}

#[derive(Default)]
struct List {
    folders: Vec<Item>,
    files: Vec<Item>,
    links: Vec<Item>,
    account: Account,
}

/// What of a snapshot must not come from it: by its path there; `Some`: where it was last clean.
type Swaps = HashMap<PathBuf, Option<(String, PathBuf)>>;

fn relative(path: &Path) -> PathBuf {
    path.strip_prefix("/").unwrap_or(path).to_owned()
}

/// Judged by `report`, which is of the same repository.
pub fn bring(
    opened: &Opened,
    report: &RepositoryReport,
    own: Own<'_>,
    snapshot: &str,
    wanted: Wanted,
    to: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<Account, RestoreFault> {
    let list = list(opened, report, own, snapshot, wanted)?;
    let label = format!("{snapshot}\n{wanted:?}\n");
    begin(to, &label)?;
    let mut bringing = Bringing { opened, to, kept: Attributes::new(), account: list.account };
    bringing.all(&list.folders, &list.files, &list.links, progress)?;
    fs::remove_file(to.join(STATE)).map_err(|source| fault("remove", &to.join(STATE), source))?;
    sync(to)?;
    bringing.account.read_back = true;
    Ok(bringing.account)
}

fn list(
    opened: &Opened,
    report: &RepositoryReport,
    own: Own<'_>,
    snapshot: &str,
    wanted: Wanted,
) -> Result<List, RestoreFault> {
    let found = opened.find(snapshot).ok_or_else(|| RestoreFault::NoSnapshot {
        repository: "the store's".to_owned(),
        snapshot: snapshot.to_owned(),
    })?;
    let judged = report.snapshots.iter().find(|one| one.id == found.id);
    let judged = judged.ok_or_else(|| RestoreFault::NotInside {
        snapshot: snapshot.to_owned(),
        why: "it was not judged, and what was not judged is not clean".to_owned(),
    })?;
    let swaps: Swaps = report
        .bad_in(judged)
        .map(|bad| {
            let clean = bad.last_clean.as_ref().filter(|_| wanted == Wanted::Mix).map(|clean| {
                let path = bad.last_clean_path.as_ref().unwrap_or(&bad.path);
                (clean.to_string(), relative(path))
            });
            (relative(&bad.path), clean)
        })
        .collect();
    let mut listing = Listing { opened, swaps, list: List::default(), taken: BTreeSet::new() };
    let places = pieces(opened, found, own)?;
    for piece in &places {
        let (node, tree) = at(opened, found.tree, &piece.inside)?;
        match node {
            Some(node) if node.subtree.is_none() => {
                let to = piece.to.join(piece.inside.file_name().unwrap_or_default());
                listing.node(node, &piece.inside, to, &found.id)?;
            }
            node => {
                if let Some(node) = node.filter(|_| !piece.to.as_os_str().is_empty()) {
                    listing.list.folders.push(Item {
                        node,
                        to: piece.to.clone(),
                        snapshot: found.id.clone(),
                    });
                }
                listing.folder(tree, &piece.inside, &piece.to, &found.id)?;
            }
        }
    }
    if wanted == Wanted::Mix {
        let series = judged.at;
        let before = |id: &str| report.snapshots.iter().any(|one| one.id == id && one.at <= series);
        for gone in report.gone.iter().filter(|gone| before(&gone.snapshot)) {
            let path = relative(Path::new(&gone.path));
            let below =
                places.iter().find_map(|piece| Some(piece.to.join(path.strip_prefix(&piece.inside).ok()?)));
            if let Some(to) = below.filter(|to| !listing.taken.contains(to)) {
                listing.swapped(&path, to, Some(&(gone.last_clean.clone(), path.clone())))?;
            }
        }
    }
    Ok(listing.list)
}

/// The entry at a path, and its folder if it is one.
fn at(opened: &Opened, root: TreeId, path: &Path) -> Result<(Option<Node>, TreeId), RestoreFault> {
    let unread = |source| RestoreFault::Unread { path: path.to_owned(), source };
    let (mut found, mut tree) = (None, root);
    for part in path {
        let nodes = opened.tree(tree).map_err(unread)?.nodes;
        let node = nodes.into_iter().find(|node| node.name() == part);
        let node = node.ok_or_else(|| unread(Unreadable(format!("`{}` is not in it", part.display()))))?;
        tree = node.subtree.unwrap_or(tree);
        found = Some(node);
    }
    Ok((found, tree))
}

struct Listing<'a> {
    opened: &'a Opened,
    swaps: Swaps,
    list: List,
    /// Places that have a file.
    taken: BTreeSet<PathBuf>,
}

impl Listing<'_> {
    fn folder(&mut self, tree: TreeId, inside: &Path, to: &Path, snapshot: &str) -> Result<(), RestoreFault> {
        let unread = |source| RestoreFault::Unread { path: inside.to_owned(), source };
        for node in self.opened.tree(tree).map_err(unread)?.nodes {
            let name = plain_name(node.name().into_owned()).ok_or_else(|| RestoreFault::BadName {
                path: inside.to_owned(),
                name: node.name().to_string_lossy().into_owned(),
            })?;
            let (inside, to) = (inside.join(&name), to.join(&name));
            self.node(node, &inside, to, snapshot)?;
        }
        Ok(())
    }

    fn node(&mut self, node: Node, inside: &Path, to: PathBuf, snapshot: &str) -> Result<(), RestoreFault> {
        if let Some(clean) = self.swaps.get(inside).cloned() {
            return self.swapped(inside, to, clean.as_ref());
        }
        match (&node.node_type, node.subtree) {
            (NodeType::Dir, Some(subtree)) => {
                self.list.folders.push(Item { node, to: to.clone(), snapshot: snapshot.to_owned() });
                self.folder(subtree, inside, &to, snapshot)?;
            }
            (NodeType::Dir, None) => self.not_brought(inside),
            (NodeType::File, _) => self.file(Item { node, to, snapshot: snapshot.to_owned() }),
            (NodeType::Symlink { .. }, _) => {
                self.list.links.push(Item { node, to, snapshot: snapshot.to_owned() });
            }
            (NodeType::Dev { .. } | NodeType::Chardev { .. } | NodeType::Fifo | NodeType::Socket, _) => {
                self.list.account.left_out.push(shown::path(inside));
            }
        }
        Ok(())
    }

    /// Not from the snapshot, but from where it was last clean, if that is known.
    fn swapped(
        &mut self,
        inside: &Path,
        to: PathBuf,
        clean: Option<&(String, PathBuf)>,
    ) -> Result<(), RestoreFault> {
        let Some((snapshot, path)) = clean else {
            self.not_brought(inside);
            return Ok(());
        };
        let from = self.opened.find(snapshot).map(|found| at(self.opened, found.tree, path)).transpose()?;
        match from {
            Some((Some(node), _)) if node.subtree.is_none() && node.node_type == NodeType::File => {
                self.file(Item { node, to, snapshot: snapshot.clone() });
            }
            _ => self.not_brought(inside),
        }
        Ok(())
    }

    fn file(&mut self, item: Item) {
        self.taken.insert(item.to.clone());
        self.list.files.push(item);
    }

    fn not_brought(&mut self, inside: &Path) {
        let account = &mut self.list.account;
        account.not_brought += 1;
        if account.named.len() < NAMED_MAX {
            account.named.push(shown::path(inside));
        }
    }
}

/// A new or empty folder, closed to others; or what an earlier call of the same has left.
fn begin(to: &Path, label: &str) -> Result<(), RestoreFault> {
    let state = to.join(STATE);
    let of = |source| fault("look at", to, source);
    match to.symlink_metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(to)
                .map_err(|source| fault("make", to, source))?;
        }
        Err(error) => return Err(of(error)),
        Ok(there) if !there.is_dir() => return Err(RestoreFault::NotEmpty(to.to_owned())),
        Ok(there) => {
            let is_empty = fs::read_dir(to).map_err(of)?.next().is_none();
            let ours = there.uid() == rustix::process::geteuid().as_raw() && there.mode() & 0o022 == 0;
            let noted = fs::symlink_metadata(&state).is_ok_and(|noted| noted.is_file());
            let same = noted && fs::read_to_string(&state).is_ok_and(|text| text == label);
            match (is_empty, same && ours) {
                (false, true) => return Ok(()),
                (false, false) => return Err(RestoreFault::NotEmpty(to.to_owned())),
                (true, _) => {}
            }
        }
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&state);
    let written = file.as_mut().map(|file| file.write_all(label.as_bytes()).and_then(|()| file.sync_all()));
    match written {
        Ok(Ok(())) => Ok(()),
        Ok(Err(source)) => Err(fault("write", &state, source)),
        Err(_) => Err(fault("make", &state, file.err().unwrap_or_else(|| ErrorKind::Other.into()))),
    }
}

struct Bringing<'a> {
    opened: &'a Opened,
    to: &'a Path,
    kept: Attributes,
    account: Account,
}

impl Bringing<'_> {
    fn all(
        &mut self,
        folders: &[Item],
        files: &[Item],
        links: &[Item],
        progress: &mut dyn FnMut(u64),
    ) -> Result<(), RestoreFault> {
        for folder in folders {
            self.make_folder(&self.to.join(&folder.to))?;
        }
        for item in files {
            self.file(item)?;
            progress(self.account.bytes);
        }
        for item in links {
            let place = self.to.join(&item.to);
            self.make_way(&place)?;
            std::os::unix::fs::symlink(item.node.node_type.to_link(), &place)
                .map_err(|source| fault("link", &place, source))?;
            self.settle(&place, item, Kind::Link)?;
        }
        for folder in folders.iter().rev() {
            self.settle(&self.to.join(&folder.to), folder, Kind::Folder)?;
        }
        sync(self.to)?;
        for item in files {
            let place = self.to.join(&item.to);
            if !self.holds(&place, &item.node)? {
                let source =
                    Unreadable("what was written does not read back as what the repository holds".to_owned());
                return Err(RestoreFault::Unread { path: place, source });
            }
        }
        Ok(())
    }

    /// Folders on the way to a file that was gone may be gone too.
    fn make_folder(&self, place: &Path) -> Result<(), RestoreFault> {
        match DirBuilder::new().mode(0o700).create(place) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let is_folder = place.symlink_metadata().is_ok_and(|there| there.is_dir());
                if is_folder { Ok(()) } else { Err(fault("make", place, error)) }
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                self.make_folder(place.parent().unwrap_or(self.to))?;
                self.make_folder(place)
            }
            Err(error) => Err(fault("make", place, error)),
        }
    }

    /// Half a file of an earlier call goes.
    fn make_way(&self, place: &Path) -> Result<(), RestoreFault> {
        match fs::remove_file(place) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(fault("replace", place, error)),
        }
    }

    fn file(&mut self, item: &Item) -> Result<(), RestoreFault> {
        let place = self.to.join(&item.to);
        self.make_folder(place.parent().unwrap_or(self.to))?;
        let there = self.holds(&place, &item.node)?;
        let first = self.kept.first_name(&item.node, &place);
        self.account.files += 1;
        self.account.bytes += item.node.meta.size;
        *self.account.from.entry(item.snapshot.clone()).or_default() += 1;
        if there {
            self.account.found_there += 1;
        } else {
            self.make_way(&place)?;
            match first {
                Some(first) => fs::hard_link(&first, &place).map_err(|source| fault("link", &place, source)),
                None => self.write(&place, &item.node),
            }?;
        }
        self.settle(&place, item, Kind::File)
    }

    fn write(&self, place: &Path, node: &Node) -> Result<(), RestoreFault> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(place)
            .map_err(|source| fault("make", place, source))?;
        let mut bytes = 0;
        for id in node.content.iter().flatten() {
            let unread = |source| RestoreFault::Unread { path: place.to_owned(), source };
            let blob = self.opened.data(*id).map_err(unread)?;
            write_with_holes(&mut file, &blob).map_err(|source| fault("write", place, source))?;
            bytes += blob.len() as u64;
        }
        if bytes != node.meta.size {
            return Err(RestoreFault::Length {
                path: place.to_owned(),
                found: bytes,
                expected: node.meta.size,
            });
        }
        file.set_len(bytes).map_err(|source| fault("write", place, source))
    }

    /// Whether a plain file there holds just these bytes: read, not believed.
    fn holds(&self, place: &Path, node: &Node) -> Result<bool, RestoreFault> {
        let flags = i32::try_from((rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits())
            .expect("both are small numbers on Linux");
        let Ok(mut file) = OpenOptions::new().read(true).custom_flags(flags).open(place) else {
            return Ok(false);
        };
        let is_so = file.metadata().is_ok_and(|there| there.is_file() && there.len() == node.meta.size);
        if !is_so {
            return Ok(false);
        }
        // So that the disk is asked, and not what we have just written into memory. A hint: not all file systems follow.
        let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed);
        for id in node.content.iter().flatten() {
            let unread = |source| RestoreFault::Unread { path: place.to_owned(), source };
            let length = self.opened.data_length(*id).map_err(unread)?;
            if !next_is(&mut file, *id, length).map_err(|source| fault("read back", place, source))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn settle(&mut self, place: &Path, item: &Item, kind: Kind) -> Result<(), RestoreFault> {
        let left_out = self.kept.settle(place, &item.node.meta, kind);
        let left_out = left_out.map_err(|(doing, source)| fault(doing, place, source))?;
        self.account.left_out.extend(left_out);
        Ok(())
    }
}

/// The next so many bytes are those of this blob.
fn next_is(file: &mut File, id: DataId, length: u64) -> std::io::Result<bool> {
    let mut bytes = Vec::new();
    let read = file.take(length).read_to_end(&mut bytes)?;
    Ok(read as u64 == length && Id::new(Sha256::digest(&bytes).into()) == *id)
}
