//! A folder, file by file. Follows no links, opens nothing but plain files, changes nothing.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::judge::{Beside, Judgement, Source, judge};
use super::shown;

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

/// What the walk met.
#[derive(Debug)]
pub struct Met {
    pub path: PathBuf,
    pub kind: MetKind,
}

#[derive(Debug)]
pub enum MetKind {
    File {
        bytes: u64,
        beside: Beside,
    },
    /// A folder or an entry that could not be looked at.
    Unreadable(io::Error),
}

/// All plain files under `root`, sorted; `root` itself may be a file. Links, devices, pipes and sockets
/// are passed over: they hold no content that could be restored.
pub fn walk(root: &Path) -> Vec<Met> {
    let mut met = Vec::new();
    let mut open = vec![root.to_owned()];
    match fs::symlink_metadata(root) {
        Ok(metadata) if metadata.is_file() => {
            let kind = MetKind::File { bytes: metadata.len(), beside: beside(root) };
            return vec![Met { path: root.to_owned(), kind }];
        }
        // The root may be a link: whoever names it means what it leads to.
        Ok(_) => {}
        Err(error) => return vec![Met { path: root.to_owned(), kind: MetKind::Unreadable(error) }],
    }
    while let Some(folder) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                met.push(Met { path: folder, kind: MetKind::Unreadable(error) });
                continue;
            }
        };
        for entry in entries {
            let path = match &entry {
                Ok(entry) => entry.path(),
                Err(_) => folder.clone(),
            };
            match entry.and_then(|entry| entry.metadata()) {
                Ok(metadata) if metadata.is_dir() => open.push(path),
                Ok(metadata) if metadata.is_file() => {
                    let kind = MetKind::File { bytes: metadata.len(), beside: beside(&path) };
                    met.push(Met { path, kind });
                }
                Ok(_) => {}
                Err(error) => met.push(Met { path, kind: MetKind::Unreadable(error) }),
            }
        }
    }
    met.sort_by(|a, b| a.path.cmp(&b.path));
    met
}

/// Whether a journal of this database lies beside it and holds something.
pub fn beside(path: &Path) -> Beside {
    let has = |ending: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        fs::symlink_metadata(name).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0)
    };
    if has("-journal") || has("-wal") { Beside::Journal } else { Beside::Nothing }
}

/// Judges one file on disk.
pub fn judge_file(path: &Path, beside: Beside) -> Judgement {
    let name = path.file_name().map(shown::path).unwrap_or_default();
    match OpenFile::open(path) {
        Ok(mut file) => judge(&name, &mut file, beside),
        Err(error) => Judgement::unread(format!("cannot be opened: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::judge::Verdict;

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
        assert!(matches!(missing[0].kind, MetKind::Unreadable(_)));
    }
}
