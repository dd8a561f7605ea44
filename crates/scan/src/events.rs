//! Has anything in this folder changed since it was asked last? The kernel tells (inotify), so that a quiet store costs nothing.
//!
//! It tells where, and looking there tells what. What it cannot tell is what comes through a mapping of memory or from another
//! machine on a network share; so a look at everything still follows at intervals. Where it cannot watch every folder (a
//! limit, a file system), it says why, and then nobody relies on it.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

use crate::shown;

/// More folders than anybody has, and fewer than would fill our memory.
const FOLDERS_MAX: usize = 1_000_000;
/// Events of one call; the rest is told at the next.
const EVENTS_AT_ONCE: usize = 1024;

#[derive(Debug)]
pub struct Events {
    descriptor: OwnedFd,
    folders: HashMap<i32, PathBuf>,
    /// What the root was when it was watched.
    root: (PathBuf, u64, u64),
}

/// What was told since it was asked last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    Nothing,
    Changes(Changes),
    /// More has happened than the kernel kept: everything has to be looked at, and a new queue to be asked for.
    TooMuch,
    /// Not everything can be told any more, and why.
    Blind(String),
}

/// Where something has changed. What, only looking tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files that a writer has closed, or that were moved to this name; in this order, each once.
    pub written: Vec<PathBuf>,
    /// Files that were deleted, or moved away from this name.
    pub removed: Vec<PathBuf>,
    /// Files that were made, or moved to this name.
    pub created: Vec<PathBuf>,
    /// Files whose content or metadata changed.
    pub files: BTreeSet<PathBuf>,
    /// Folders in which files came or went.
    pub folders: BTreeSet<PathBuf>,
    /// Folders that came, went or changed themselves, with everything below.
    pub trees: BTreeSet<PathBuf>,
}

impl Events {
    /// Watches every folder below `root`, or says why not.
    pub fn of(root: &Path) -> Result<Events, String> {
        let descriptor = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)
            .map_err(|error| format!("the kernel gives no queue of events: {error}"))?;
        let metadata = fs::metadata(root).map_err(|error| format!("{}: {error}", shown::path(root)))?;
        let root = (root.to_owned(), metadata.dev(), metadata.ino());
        let mut events = Events { descriptor, folders: HashMap::new(), root };
        let path = events.root.0.clone();
        events.add(&path)?;
        Ok(events)
    }

    /// Whether the root is still the one that is watched: after a restore another folder has its name.
    pub fn is_of(&self, root: &Path) -> bool {
        let (path, device, inode) = &self.root;
        path == root && fs::metadata(root).is_ok_and(|now| (now.dev(), now.ino()) == (*device, *inode))
    }

    fn add(&mut self, path: &Path) -> Result<(), String> {
        let changes = WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE
            | WatchFlags::MOVE_SELF;
        let cannot = |path: &Path, error: Errno| format!("{} cannot be watched: {error}", shown::path(path));
        let mut open = vec![path.to_owned()];
        while let Some(folder) = open.pop() {
            if self.folders.len() >= FOLDERS_MAX {
                return Err(format!("there are more than {FOLDERS_MAX} folders"));
            }
            match add_watch(&self.descriptor, &folder, changes) {
                Ok(number) => drop(self.folders.insert(number, folder.clone())),
                // Gone since it was listed; that was told.
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(cannot(&folder, error)),
            }
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            // Not through links: they lead elsewhere.
            let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
            open.extend(entries.flatten().filter(is_folder).map(|entry| entry.path()));
        }
        Ok(())
    }

    /// Where something has happened since the last call.
    pub fn told(&mut self) -> Notification {
        let mut changes = Changes::default();
        let mut listed = BTreeSet::new();
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = Reader::new(&self.descriptor, &mut buffer);
        let mut came = Vec::new();
        let mut told = 0;
        // Whoever writes on and on does not keep us from judging what he has written.
        while told < EVENTS_AT_ONCE {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => break,
                Err(Errno::INTR) => continue,
                Err(error) => {
                    return Notification::Blind(format!("the queue of events cannot be read: {error}"));
                }
            };
            told += 1;
            let what = event.events();
            if what.contains(ReadFlags::QUEUE_OVERFLOW) {
                return Notification::TooMuch;
            }
            if what.contains(ReadFlags::IGNORED) {
                self.folders.remove(&event.wd());
                continue;
            }
            let Some(folder) = self.folders.get(&event.wd()) else { continue };
            let Some(name) = event.file_name() else {
                // Of the folder itself, or of a root that is a file.
                changes.trees.insert(folder.clone());
                if what.contains(ReadFlags::CLOSE_WRITE) && listed.insert(folder.clone()) {
                    changes.written.push(folder.clone());
                }
                continue;
            };
            let path = folder.join(OsStr::from_bytes(name.to_bytes()));
            let came_or_went = what.intersects(
                ReadFlags::CREATE | ReadFlags::DELETE | ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO,
            );
            if what.contains(ReadFlags::ISDIR) {
                if what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                    came.push(path.clone());
                }
                changes.trees.insert(path);
                continue;
            }
            if came_or_went && !changes.folders.contains(folder) {
                changes.folders.insert(folder.clone());
            }
            if what.intersects(ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                changes.removed.push(path.clone());
            }
            if what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                changes.created.push(path.clone());
            }
            if what.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::MOVED_TO) && listed.insert(path.clone()) {
                changes.written.push(path.clone());
            }
            changes.files.insert(path);
        }
        for folder in came {
            // Before anybody looks, so that nothing falls between.
            if let Err(why) = self.add(&folder) {
                return Notification::Blind(why);
            }
        }
        if told > 0 { Notification::Changes(changes) } else { Notification::Nothing }
    }

    /// Becomes readable when there is something to tell.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_changes_is_told_also_in_folders_that_came_later_and_quiet_is_quiet() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::write(root.join("a/b/letter"), "x").unwrap();
        let mut events = Events::of(root).unwrap();
        assert_eq!(events.told(), Notification::Nothing);
        let mut does = |what: &str, change: &dyn Fn()| {
            change();
            let Notification::Changes(told) = events.told() else { panic!("{what} was not told") };
            assert_eq!(events.told(), Notification::Nothing, "after {what}");
            told
        };
        let told = does("write", &|| fs::write(root.join("a/b/letter"), "y").unwrap());
        assert_eq!(told.written, [root.join("a/b/letter")]);
        assert!(
            told.folders.is_empty() && told.trees.is_empty() && told.files.contains(&root.join("a/b/letter"))
        );
        does("mode", &|| {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(root.join("a/b/letter"), fs::Permissions::from_mode(0o600)).unwrap();
        });
        let told = does("rename", &|| {
            fs::rename(root.join("a/b/letter"), root.join("a/b/letter.locked")).unwrap();
        });
        assert_eq!(
            (told.removed, told.written),
            (vec![root.join("a/b/letter")], vec![root.join("a/b/letter.locked")])
        );
        assert_eq!(told.folders, BTreeSet::from([root.join("a/b")]));
        let told = does("new folder", &|| fs::create_dir_all(root.join("c")).unwrap());
        assert_eq!(told.trees, BTreeSet::from([root.join("c")]));
        does("in the new folder", &|| fs::write(root.join("c/letter"), "x").unwrap());
        does("deep at once", &|| fs::create_dir_all(root.join("c/d/e/f")).unwrap());
        does("deep in it", &|| fs::write(root.join("c/d/e/f/letter"), "x").unwrap());
        does("folder renamed", &|| fs::rename(root.join("c/d"), root.join("moved")).unwrap());
        let told = does("in the renamed folder", &|| fs::write(root.join("moved/e/f/letter"), "z").unwrap());
        assert_eq!(told.written, [root.join("moved/e/f/letter")]);
        does("delete", &|| fs::remove_dir_all(root.join("a")).unwrap());
        assert!(events.is_of(root));
    }

    #[test]
    fn a_queue_that_ran_over_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::of(folder.path()).unwrap();
        let held: usize = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(16_384);
        if held > 200_000 {
            return eprintln!("NOT TESTED: this machine keeps {held} events, too many to fill the queue");
        }
        let paths = [folder.path().join("a"), folder.path().join("b")];
        for at in 0..=held / 2 {
            fs::File::create(&paths[at % 2]).unwrap();
        }
        let last = (0..=held / EVENTS_AT_ONCE + 1)
            .map(|_| events.told())
            .find(|told| !matches!(told, Notification::Changes(_)));
        assert_eq!(last, Some(Notification::TooMuch));
    }

    #[test]
    fn a_folder_that_took_the_place_of_the_watched_one_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        fs::create_dir(&root).unwrap();
        let mut events = Events::of(&root).unwrap();
        fs::rename(&root, folder.path().join("store.dirty-1")).unwrap();
        assert!(matches!(events.told(), Notification::Changes(_)));
        fs::create_dir(&root).unwrap();
        assert!(!events.is_of(&root));
        assert!(Events::of(&folder.path().join("nothing")).is_err());
    }
}
