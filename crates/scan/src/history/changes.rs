//! What differs between two trees? Folders that are the same are passed over without being read.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::{Archive, Node, Version};
use judge::name_before;

/// A repository that somebody forged can nest the same folder in itself again and again.
const DEPTH_MAX: usize = 1000;
const ENTRIES_MAX: u64 = 100_000_000;

/// One difference. A file that became a folder is removed, and what is in the folder is added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<C> {
    Added {
        path: Rc<Path>,
        now: Version<C>,
    },
    Changed {
        path: Rc<Path>,
        before: Version<C>,
        now: Version<C>,
    },
    Removed {
        path: Rc<Path>,
        before: Version<C>,
    },
    /// A file is gone, and in the same folder stands one that is called like it with an ending appended.
    Renamed {
        former: Rc<Path>,
        before: Version<C>,
        path: Rc<Path>,
        now: Version<C>,
    },
    /// The same as before; only told when asked for.
    Same {
        path: Rc<Path>,
        now: Version<C>,
    },
    /// This part cannot be read now.
    Unread {
        path: Rc<Path>,
        why: String,
    },
    /// This part was looked at again, or is gone: what was said of it before no longer counts.
    Renewed {
        path: Rc<Path>,
    },
}

/// Which differences are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    Differences,
    /// Also files that are the same.
    Everything,
}

type ByName<T, C> = BTreeMap<OsString, Node<T, C>>;
/// A folder as it was, and as it is.
type Both<T> = (PathBuf, Option<T>, Option<T>);

/// Tells every difference between two trees, folder by folder, in no particular order.
pub(super) fn between<A: Archive>(
    archive: &A,
    old: Option<A::Tree>,
    new: A::Tree,
    walk: Walk,
    tell: &mut dyn FnMut(Change<A::Content>),
) {
    let mut walker =
        Walker { archive, walk, entries: 0, open: vec![(PathBuf::from("/"), old, Some(new))], tell };
    while let Some((path, old, new)) = walker.open.pop() {
        if old == new && walk == Walk::Differences {
            continue;
        }
        walker.folder(&path, old, new);
    }
}

/// For files that are new under their name and called like one that is gone: its name and version. Each stands for one
/// file only.
fn take_renamed<T, C>(
    before: &mut ByName<T, C>,
    now: &ByName<T, C>,
) -> HashMap<OsString, (OsString, Version<C>)> {
    let mut renamed = HashMap::new();
    if before.is_empty() {
        return renamed;
    }
    let new = now.iter().filter(|(_, node)| matches!(node, Node::File(_)));
    for name in new.map(|(name, _)| name) {
        if before.contains_key(name) {
            continue;
        }
        let Some(former) = name.to_str().and_then(name_before).map(OsString::from) else { continue };
        if now.contains_key(&former) {
            continue;
        }
        match before.remove(&former) {
            Some(Node::File(version)) => {
                renamed.insert(name.clone(), (former, version));
            }
            Some(other) => {
                before.insert(former, other);
            }
            None => {}
        }
    }
    renamed
}

struct Walker<'a, A: Archive> {
    archive: &'a A,
    walk: Walk,
    entries: u64,
    open: Vec<Both<A::Tree>>,
    tell: &'a mut dyn FnMut(Change<A::Content>),
}

impl<A: Archive> Walker<'_, A> {
    fn folder(&mut self, path: &Path, old: Option<A::Tree>, new: Option<A::Tree>) {
        let before = old.map(|tree| self.read(tree).0).unwrap_or_default();
        if old.is_some() {
            (self.tell)(Change::Renewed { path: path.into() });
        }
        let (now, trouble) = new.map(|tree| self.read(tree)).unwrap_or_default();
        if let Some(why) = trouble {
            (self.tell)(Change::Unread { path: path.into(), why });
        }
        if path.components().count() > DEPTH_MAX {
            // Nothing of it was told when it came, so nothing is told when it goes.
            if !now.is_empty() {
                let why = format!("nested deeper than {DEPTH_MAX} folders; what is in it was not read");
                (self.tell)(Change::Unread { path: path.into(), why });
            }
            return;
        }
        self.entries += now.len() as u64;
        if self.entries > ENTRIES_MAX {
            let why = format!("the snapshot holds more than {ENTRIES_MAX} entries; the rest was not read");
            (self.tell)(Change::Unread { path: path.into(), why });
            self.open.clear();
            return;
        }
        self.pair(path, before, now);
    }

    fn pair(
        &mut self,
        folder: &Path,
        mut before: ByName<A::Tree, A::Content>,
        now: ByName<A::Tree, A::Content>,
    ) {
        let mut renamed = take_renamed(&mut before, &now);
        for (name, node) in now {
            let path = folder.join(&name);
            let old = before.remove(&name);
            match node {
                Node::Folder(tree) => {
                    let old = self.folder_or_gone(&path, old);
                    self.open.push((path, old, Some(tree)));
                }
                Node::Unread(why) => {
                    if let Some(old) = self.folder_or_gone(&path, old) {
                        self.open.push((path.clone(), Some(old), None));
                    }
                    (self.tell)(Change::Unread { path: path.into(), why });
                }
                Node::File(now) => match renamed.remove(&name) {
                    Some((former, before)) => {
                        let former = folder.join(former).into();
                        (self.tell)(Change::Renamed { former, before, path: path.into(), now });
                    }
                    None => self.file(&path, old, now),
                },
            }
        }
        for (name, old) in before {
            let path = folder.join(name);
            if let Some(tree) = self.folder_or_gone(&path, Some(old)) {
                self.open.push((path, Some(tree), None));
            }
        }
    }

    fn file(&mut self, path: &Path, old: Option<Node<A::Tree, A::Content>>, now: Version<A::Content>) {
        match old {
            Some(Node::File(before)) if before.content == now.content && before.beside == now.beside => {
                if self.walk == Walk::Everything {
                    (self.tell)(Change::Same { path: path.into(), now });
                }
            }
            Some(Node::File(before)) => (self.tell)(Change::Changed { path: path.into(), before, now }),
            other => {
                if let Some(tree) = self.folder_or_gone(path, other) {
                    self.open.push((path.to_owned(), Some(tree), None));
                }
                (self.tell)(Change::Added { path: path.into(), now });
            }
        }
    }

    /// The folder that stood here before; anything else that stood here is told to be gone.
    fn folder_or_gone(&mut self, path: &Path, old: Option<Node<A::Tree, A::Content>>) -> Option<A::Tree> {
        match old? {
            Node::Folder(tree) => return Some(tree),
            Node::File(before) => (self.tell)(Change::Removed { path: path.into(), before }),
            Node::Unread(_) => (self.tell)(Change::Renewed { path: path.into() }),
        }
        None
    }

    /// The entries by name, and what was wrong with the folder.
    fn read(&self, tree: A::Tree) -> (ByName<A::Tree, A::Content>, Option<String>) {
        let mut nodes = match self.archive.folder(tree) {
            Ok(nodes) => nodes,
            Err(why) => return (ByName::new(), Some(format!("this folder could not be read: {why}"))),
        };
        nodes.sort_by(|(a, _), (b, _)| a.cmp(b));
        let twice = nodes.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| pair[0].0.display());
        let trouble = twice.map(|name| format!("two entries are called {name}, so one hides the other"));
        (nodes.into_iter().collect(), trouble)
    }
}
