//! Who wrote this file? The kernel tells which process has closed a file that it had open for writing (fanotify).
//!
//! Kept by the file itself (device and inode), not by a name: it stays the same under a new name, and a program in another
//! container, which knows it by another path, is found too. A process may have ended when it is looked at; then only its
//! number is known, and that is said. Who deletes or renames a file is not told here.
//!
//! Needs the right CAP_SYS_ADMIN. Nothing rests on it: an alarm is raised without it, and says that it does not know.

#![allow(
    clippy::disallowed_methods,
    reason = "waits for the kernel beside the watch, for as long as that runs"
)]

mod process;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use incident::scan::Writer;
use nix::sys::fanotify::{EventFFlags, Fanotify, InitFlags, MarkFlags, MaskFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

pub use process::{Process, is_alive};

use crate::shown;

/// Files of which the writer is kept; older ones are forgotten. One takes about 100 bytes.
const FILES_MAX: usize = 65_536;
/// Processes of which it is kept who they are.
const PROCESSES_MAX: usize = 4_096;
/// How long an alarm's files are waited for.
const SOON: Duration = Duration::from_millis(300);
/// Writers that an alarm names.
const NAMED_MAX: usize = 5;

/// A file, whatever it is called.
type File = (u64, u64);

#[derive(Default)]
struct Book {
    files: HashMap<File, i32>,
    /// In the order in which they came; the oldest is forgotten first.
    order: VecDeque<File>,
    processes: HashMap<i32, Process>,
}

/// Listens beside the watch, so that a process is looked at while it is still there.
pub struct Writers {
    book: Arc<Mutex<Book>>,
    stop: Arc<AtomicBool>,
}

/// Who wrote a set of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traced {
    /// Whoever wrote most of them first; at most five.
    pub writers: Vec<Writer>,
    /// Of so many files nobody knows who wrote them.
    pub not_traced: u64,
}

impl Writers {
    /// Listens on the file systems of these folders, or says why it cannot.
    pub fn listen(roots: &[PathBuf]) -> Result<Writers, String> {
        let cannot = |what: &str, error: nix::Error| format!("{what}: {}", error.desc());
        let group = Fanotify::init(
            InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK,
            EventFFlags::O_RDONLY | EventFFlags::O_LARGEFILE | EventFFlags::O_CLOEXEC,
        )
        .map_err(|error| cannot("the kernel tells only whoever has the right CAP_SYS_ADMIN", error))?;
        for root in roots.iter().filter(|root| root.exists()) {
            mark(&group, root).map_err(|error| cannot(&shown::path(root), error))?;
        }
        let (book, stop) = (Arc::<Mutex<Book>>::default(), Arc::new(AtomicBool::new(false)));
        let (heard, ended) = (Arc::clone(&book), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                wait(&group);
                hear(&group, &heard);
            }
        });
        Ok(Writers { book, stop })
    }

    /// Who wrote these files last.
    pub fn of(&self, paths: &[PathBuf]) -> Traced {
        let book = lock(&self.book);
        let mut files: BTreeMap<i32, u64> = BTreeMap::new();
        let mut not_traced = 0;
        for path in paths {
            match std::fs::symlink_metadata(path).ok().and_then(|now| book.files.get(&(now.dev(), now.ino())))
            {
                Some(pid) => *files.entry(*pid).or_default() += 1,
                None => not_traced += 1,
            }
        }
        let mut writers: Vec<Writer> = files
            .into_iter()
            .map(|(pid, files)| match book.processes.get(&pid) {
                Some(process) => process.as_writer(pid, files),
                None => Writer { pid, files, ..Writer::default() },
            })
            .collect();
        writers.sort_by_key(|writer| std::cmp::Reverse(writer.files));
        not_traced += writers.iter().skip(NAMED_MAX).map(|writer| writer.files).sum::<u64>();
        writers.truncate(NAMED_MAX);
        Traced { writers, not_traced }
    }

    /// The same as soon as anybody is known; waits a moment for what the kernel has told and nobody has noted yet.
    pub fn first_of(&self, paths: &[PathBuf]) -> Traced {
        self.wait(paths, |traced| !traced.writers.is_empty())
    }

    /// The same as soon as all are known, or after a moment.
    pub fn all_of(&self, paths: &[PathBuf]) -> Traced {
        self.wait(paths, |traced| traced.not_traced == 0)
    }

    fn wait(&self, paths: &[PathBuf], is_enough: fn(&Traced) -> bool) -> Traced {
        let until = Instant::now() + SOON;
        loop {
            let traced = self.of(paths);
            if is_enough(&traced) || Instant::now() > until {
                return traced;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// The whole file system, also as containers see it; where the kernel does not allow that, as it is mounted here.
fn mark(group: &Fanotify, root: &Path) -> nix::Result<()> {
    let add = |flags| {
        group.mark(
            MarkFlags::FAN_MARK_ADD | flags,
            MaskFlags::FAN_CLOSE_WRITE,
            nix::fcntl::AT_FDCWD,
            Some(root),
        )
    };
    add(MarkFlags::FAN_MARK_FILESYSTEM).or_else(|_| add(MarkFlags::FAN_MARK_MOUNT))
}

fn wait(group: &Fanotify) {
    let mut open = [PollFd::from_borrowed_fd(group.as_fd(), PollFlags::IN)];
    // Returns at the latest after this, so that the end of the watch is heard.
    let timeout = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    if poll(&mut open, Some(&timeout)).is_err() {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn hear(group: &Fanotify, book: &Mutex<Book>) {
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    while let Ok(events) = group.read_events() {
        for event in events {
            // More was written than the kernel kept: of those files nobody will know.
            let Some(descriptor) = event.fd() else { continue };
            let pid = event.pid();
            let Ok(file) = rustix::fs::fstat(descriptor) else { continue };
            if pid != own {
                // Looked at before the lock is taken: it may be gone in a moment.
                let known = lock(book).processes.get(&pid).cloned();
                let process = known.filter(|known| known.is_still(pid)).or_else(|| Process::of(pid));
                lock(book).wrote((file.st_dev, file.st_ino), pid, process);
            }
        }
    }
}

impl Book {
    fn wrote(&mut self, file: File, pid: i32, process: Option<Process>) {
        // Gone already: what is known of it is what was seen at the file before. Numbers come round only after millions of
        // processes, and nothing is done to a process that was not started when it was seen.
        if let Some(process) = process {
            self.processes.insert(pid, process);
        }
        if self.files.insert(file, pid).is_none() {
            self.order.push_back(file);
        }
        while self.order.len() > FILES_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.files.remove(&oldest);
            }
        }
        if self.processes.len() > PROCESSES_MAX {
            let named: std::collections::HashSet<i32> = self.files.values().copied().collect();
            self.processes.retain(|pid, _| named.contains(pid));
        }
        if self.processes.len() > PROCESSES_MAX {
            self.processes.clear();
        }
    }
}

/// What is in the book stays true if a thread that held it panicked.
fn lock(book: &Mutex<Book>) -> MutexGuard<'_, Book> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
