//! Has anything in this folder changed since it was asked last? The kernel tells (inotify), so that a quiet store costs nothing.
//!
//! It tells that, never what: whoever is told looks at everything, as without it. What it cannot tell is what comes through a
//! mapping of memory or from another machine on a network share; so a look at everything still follows at intervals. Where
//! it cannot watch every folder (a limit, a file system), it says why, and then nobody relies on it.

use std::collections::HashMap;
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

use crate::shown;

/// More folders than anybody has, and fewer than would fill our memory.
const FOLDERS_MAX: usize = 1_000_000;

#[derive(Debug)]
pub struct Events {
    descriptor: OwnedFd,
    folders: HashMap<i32, PathBuf>,
    /// What the root was when it was watched.
    root: (PathBuf, u64, u64),
}

/// What was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    Nothing,
    Something,
    /// Not everything can be told any more, and why.
    Blind(String),
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

    /// Everything that was told since the last call.
    pub fn told(&mut self) -> Told {
        let mut told = Told::Nothing;
        let mut fresh = Vec::new();
        let mut has_run_over = false;
        let mut buffer = [MaybeUninit::uninit(); 16 * 1024];
        let mut reader = Reader::new(&self.descriptor, &mut buffer);
        loop {
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::WOULDBLOCK) => break,
                Err(Errno::INTR) => continue,
                Err(error) => return Told::Blind(format!("the queue of events cannot be read: {error}")),
            };
            told = Told::Something;
            has_run_over |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
            let created = event.events().intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO);
            if created
                && event.events().contains(ReadFlags::ISDIR)
                && let (Some(folder), Some(name)) = (self.folders.get(&event.wd()), event.file_name())
            {
                use std::os::unix::ffi::OsStrExt;
                fresh.push(folder.join(std::ffi::OsStr::from_bytes(name.to_bytes())));
            }
            if event.events().contains(ReadFlags::IGNORED) {
                self.folders.remove(&event.wd());
            }
        }
        if has_run_over {
            // What was lost may have been a new folder. A folder that is watched already stays as it is.
            fresh = vec![self.root.0.clone()];
        }
        for folder in fresh {
            // Before anybody looks, so that nothing falls between.
            if let Err(why) = self.add(&folder) {
                return Told::Blind(why);
            }
        }
        told
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
        assert_eq!(events.told(), Told::Nothing);
        let mut does = |what: &str, change: &dyn Fn()| {
            change();
            assert_eq!(events.told(), Told::Something, "{what}");
            assert_eq!(events.told(), Told::Nothing, "after {what}");
        };
        does("write", &|| fs::write(root.join("a/b/letter"), "y").unwrap());
        does("mode", &|| {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(root.join("a/b/letter"), fs::Permissions::from_mode(0o600)).unwrap();
        });
        does("rename", &|| fs::rename(root.join("a/b/letter"), root.join("a/b/letter.locked")).unwrap());
        does("new folder", &|| fs::create_dir_all(root.join("c")).unwrap());
        does("in the new folder", &|| fs::write(root.join("c/letter"), "x").unwrap());
        does("deep at once", &|| fs::create_dir_all(root.join("c/d/e/f")).unwrap());
        does("deep in it", &|| fs::write(root.join("c/d/e/f/letter"), "x").unwrap());
        does("delete", &|| fs::remove_dir_all(root.join("a")).unwrap());
        assert!(events.is_of(root));
    }

    #[test]
    fn folders_that_came_while_the_queue_ran_over_are_watched_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let mut events = Events::of(root).unwrap();
        let most = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let most: usize = most.trim().parse().unwrap();
        // Each turn is two events that cannot be made one.
        for _ in 0..=most / 2 {
            fs::write(root.join("letter"), "x").unwrap();
            fs::remove_file(root.join("letter")).unwrap();
        }
        fs::create_dir_all(root.join("late/deep")).unwrap();
        assert_eq!(events.told(), Told::Something);
        events.told();
        assert_eq!(events.told(), Told::Nothing);
        fs::write(root.join("late/deep/letter"), "x").unwrap();
        assert_eq!(events.told(), Told::Something);
    }

    #[test]
    fn a_folder_that_took_the_place_of_the_watched_one_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        fs::create_dir(&root).unwrap();
        let mut events = Events::of(&root).unwrap();
        fs::rename(&root, folder.path().join("store.dirty-1")).unwrap();
        assert_eq!(events.told(), Told::Something);
        fs::create_dir(&root).unwrap();
        assert!(!events.is_of(&root));
        assert!(Events::of(&folder.path().join("nothing")).is_err());
    }
}
