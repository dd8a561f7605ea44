//! A folder, file by file. Follows no links, opens nothing but plain files, changes nothing.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::rules::Rules;
use super::shown;
use judge::{Beside, Judgement, Source, Verdict, judge};

/// A plain file, read where the checkers want to read.
pub struct OpenFile {
    file: fs::File,
    length: u64,
}

impl OpenFile {
    pub fn open(path: &Path) -> io::Result<OpenFile> {
        use std::os::unix::fs::OpenOptionsExt;
        // A pipe put in the place of a file since the listing must not make us wait for its writer.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::CLOEXEC;
        let flags = i32::try_from(flags.bits()).expect("flags of open fit into an int");
        let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("is no longer a plain file"));
        }
        Ok(OpenFile { file, length: metadata.len() })
    }
}

impl Source for OpenFile {
    fn length(&self) -> u64 {
        self.length
    }

    /// Never beyond the length it had when it was opened: a file that grows is judged as it was then.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let mut done = 0;
        while done < wanted {
            match self.file.read_at(&mut into[done..wanted], offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

/// What a walk comes to: a file, or something that cannot be looked at.
#[derive(Debug)]
pub struct Entry {
    pub path: PathBuf,
    pub kind: EntryKind,
}

#[derive(Debug)]
pub enum EntryKind {
    File {
        metadata: fs::Metadata,
        beside: Beside,
    },
    /// A folder or an entry that could not be looked at.
    Unreadable(io::Error),
}

impl Entry {
    fn unreadable(path: &Path, error: io::Error) -> Entry {
        Entry { path: path.to_owned(), kind: EntryKind::Unreadable(error) }
    }
}

/// All plain files under `root`, sorted; `root` itself may be a file. Links, devices, pipes and sockets
/// are passed over: they hold no content that could be restored.
pub fn walk(root: &Path) -> Vec<Entry> {
    // The root may be a link: whoever names it means what it leads to.
    let metadata = match fs::metadata(root) {
        Ok(metadata) => metadata,
        Err(error) => return vec![Entry::unreadable(root, error)],
    };
    if metadata.is_file() {
        return vec![Entry {
            path: root.to_owned(),
            kind: EntryKind::File { metadata, beside: Beside::Nothing },
        }];
    }
    let (mut met, mut open) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = open.pop() {
        let begun = met.len();
        if let Err(error) = list(&folder, &mut met, &mut open) {
            met.push(Entry::unreadable(&folder, error));
        }
        mark_databases(&mut met[begun..]);
    }
    met.sort_by(|a, b| a.path.cmp(&b.path));
    met
}

/// The plain files that lie in this folder itself. One that is gone has none.
pub fn list_one(folder: &Path) -> Vec<Entry> {
    let mut met = Vec::new();
    match list(folder, &mut met, &mut Vec::new()) {
        Ok(()) => mark_databases(&mut met),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => met.push(Entry::unreadable(folder, error)),
    }
    met
}

/// This one plain file, if it is there and is one.
pub fn look_at_one(path: &Path) -> Option<Entry> {
    let metadata = fs::symlink_metadata(path).ok().filter(fs::Metadata::is_file)?;
    let with_ending = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        fs::symlink_metadata(name).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
    };
    let has_journal = with_ending("-journal") || with_ending("-wal");
    let beside = if has_journal { Beside::Journal } else { Beside::Nothing };
    Some(Entry { path: path.to_owned(), kind: EntryKind::File { metadata, beside } })
}

fn list(folder: &Path, met: &mut Vec<Entry>, open: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => open.push(path),
            Ok(metadata) if metadata.is_file() => {
                met.push(Entry { path, kind: EntryKind::File { metadata, beside: Beside::Nothing } });
            }
            Ok(_) => {}
            // It was deleted between listing and looking: then it is no part of the folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => met.push(Entry::unreadable(&path, error)),
        }
    }
    Ok(())
}

/// Marks files beside which a journal of theirs lies and holds something.
fn mark_databases(met: &mut [Entry]) {
    let journal_of = |met: &Entry| {
        let EntryKind::File { metadata, .. } = &met.kind else { return None };
        let name = met.path.as_os_str().as_bytes();
        let stem = name.strip_suffix(b"-journal").or_else(|| name.strip_suffix(b"-wal"))?;
        (metadata.len() > 0).then(|| PathBuf::from(OsStr::from_bytes(stem)))
    };
    let owners: BTreeSet<PathBuf> = met.iter().filter_map(journal_of).collect();
    if owners.is_empty() {
        return;
    }
    for one in met {
        if let EntryKind::File { beside, .. } = &mut one.kind
            && owners.contains(&one.path)
        {
            *beside = Beside::Journal;
        }
    }
}

/// Judges one file on disk.
pub fn judge_file(path: &Path, beside: Beside) -> Judgement {
    judge_file_by(path, beside, None)
}

/// The same with rules applied to it.
pub fn judge_file_by(path: &Path, beside: Beside, rules: Option<&Rules>) -> Judgement {
    let name = path.file_name().map(shown::path).unwrap_or_default();
    match OpenFile::open(path) {
        Ok(mut file) => {
            let judgement = judge(&name, &mut file, beside);
            match rules {
                Some(rules) if judgement.verdict != Verdict::Unread => rules.judge(&mut file, judgement),
                _ => judgement,
            }
        }
        Err(error) => Judgement::unread(format!("cannot be opened: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_pipes_and_loops_are_passed_over_and_what_cannot_be_read_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("inner")).unwrap();
        fs::write(root.join("inner/a.txt"), "text\n").unwrap();
        std::os::unix::fs::symlink("..", root.join("inner/loop")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", root.join("outside.txt")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, root.join("pipe.txt"), rustix::fs::Mode::RWXU).unwrap();
        let met = walk(root);
        assert_eq!(met.len(), 1, "{met:?}");
        assert_eq!(judge_file(&met[0].path, Beside::Nothing).verdict, Verdict::Clean);
        assert_eq!(judge_file(&root.join("pipe.txt"), Beside::Nothing).verdict, Verdict::Unread);
        assert_eq!(judge_file(&root.join("gone.txt"), Beside::Nothing).verdict, Verdict::Unread);
        let missing = walk(&root.join("nothing"));
        assert!(matches!(missing[0].kind, EntryKind::Unreadable(_)));
    }
}
