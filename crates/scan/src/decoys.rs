//! Files that nobody has reason to touch, put into a store so that whoever touches everything is seen at once.
//!
//! They are there only while somebody watches. The list of them is on disk before the first is made, so that none is ever left
//! that nobody knows of; what was changed is never removed, because it is evidence.

#![allow(clippy::disallowed_methods, reason = "no two decoys are alike, so they hold the time")]

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::history::loss::MASS_MIN;
use estate::Id;

/// Folders of one store that get decoys; two files each.
const FOLDERS_MAX: usize = 4;
/// How deep they lie.
const DEPTH_MAX: usize = 3;
/// First and last in a list of names, because people and programs go through one from either end.
const NAMES: [&str; 2] = ["000-index-archive.csv", "zz-correspondence-archive.txt"];
// When the watch ends they vanish together from the store, and from the backup after it: that must not look like a loss.
const _: () =
    assert!(FOLDERS_MAX * NAMES.len() < MASS_MIN, "fewer than the scan of backups takes for a loss");
/// More than any of them has.
const BYTES_MAX: u64 = 64 * 1024;
/// Of their list: far more than a large estate has.
const LIST_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Lines of one.
const LINES: usize = 120;

/// A file that nobody has reason to touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decoy {
    pub store: Id,
    pub path: PathBuf,
    /// Hex digits of what it holds.
    pub sha256: String,
}

impl Decoy {
    /// `None`: it is not there. `Some(false)`: it holds something else.
    pub fn is_untouched(&self) -> std::io::Result<Option<bool>> {
        // Whoever put a pipe or a giant in its place must not keep the watch waiting.
        let file = open_now(&self.path);
        let file = match file {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(_) if fs::symlink_metadata(&self.path).is_ok_and(|meta| !meta.is_file()) => {
                return Ok(Some(false));
            }
            Err(error) => return Err(error),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() || metadata.len() > BYTES_MAX {
            return Ok(Some(false));
        }
        let mut bytes = Vec::new();
        file.take(BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(Some(estate::hex(&Sha256::digest(&bytes)) == self.sha256))
    }
}

/// Follows no link, and waits for nobody at the other end of a pipe.
fn open_now(path: &Path) -> std::io::Result<File> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Decoys as they would be, with what they hold. Nothing is written.
pub fn planned(store: &Id, root: &Path) -> Vec<(Decoy, Vec<u8>)> {
    let mut planned = Vec::new();
    for folder in folders(root) {
        for name in NAMES {
            let path = folder.join(name);
            if fs::symlink_metadata(&path).is_err() {
                let bytes = content(&path);
                let sha256 = estate::hex(&Sha256::digest(&bytes));
                planned.push((Decoy { store: store.clone(), path, sha256 }, bytes));
            }
        }
    }
    planned
}

/// The root and the first folders below it, without following links and without hidden ones.
fn folders(root: &Path) -> Vec<PathBuf> {
    let (mut found, mut open) = (Vec::new(), VecDeque::from([(root.to_owned(), 0)]));
    while let Some((folder, depth)) = open.pop_front() {
        if found.len() >= FOLDERS_MAX {
            break;
        }
        let mut below: Vec<PathBuf> = match fs::read_dir(&folder) {
            Ok(entries) => entries
                .flatten()
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
                .map(|entry| entry.path())
                .collect(),
            Err(_) => continue,
        };
        below.sort();
        if depth < DEPTH_MAX {
            open.extend(below.into_iter().map(|folder| (folder, depth + 1)));
        }
        found.push(folder);
    }
    found
}

/// Plain text that reads like an old list, each different.
fn content(path: &Path) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut text = String::from("number;date;case;amount;remark\n");
    for line in 0..LINES {
        let mut hash = Sha256::new();
        hash.update(path.as_os_str().as_encoded_bytes());
        hash.update(now.to_le_bytes());
        hash.update(line.to_le_bytes());
        let digits = hash.finalize();
        let number = |at: usize, below: u32| {
            u32::from_le_bytes([digits[at], digits[at + 1], digits[at + 2], digits[at + 3]]) % below
        };
        text.push_str(&format!(
            "{};20{:02}-{:02}-{:02};case {};{}.{:02};settled and closed, kept for the records\n",
            line + 1,
            10 + number(0, 9),
            1 + number(4, 12),
            1 + number(8, 28),
            number(12, 900_000) + 100_000,
            number(16, 5_000),
            number(20, 100),
        ));
    }
    text.into_bytes()
}

/// Makes one; whoever may write in its folder may write it.
pub fn put(decoy: &Decoy, bytes: &[u8]) -> std::io::Result<()> {
    // `create_new` opens nothing that exists, and follows no link.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o640).open(&decoy.path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    let folder = decoy.path.parent().unwrap_or(Path::new("/"));
    let owner = fs::metadata(folder)?;
    match chown(&decoy.path, Some(owner.uid()), Some(owner.gid())) {
        Err(error) if error.kind() != ErrorKind::PermissionDenied => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether this may be one of ours: the list lies in a folder that others may write to, and what it names is deleted.
pub fn may_be_ours(decoy: &Decoy, roots: &[PathBuf]) -> bool {
    let is_named = decoy.path.file_name().is_some_and(|name| NAMES.iter().any(|own| *own == name));
    let leads_out = decoy.path.components().any(|part| matches!(part, std::path::Component::ParentDir));
    is_named && !leads_out && roots.iter().any(|root| decoy.path.starts_with(root))
}

/// What became of one that was to be removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    Removed,
    WasGone,
    /// It holds something else now, and stays where it is.
    WasTouched,
}

pub fn remove(decoy: &Decoy) -> std::io::Result<Removed> {
    match decoy.is_untouched()? {
        None => Ok(Removed::WasGone),
        Some(false) => Ok(Removed::WasTouched),
        Some(true) => fs::remove_file(&decoy.path).map(|()| Removed::Removed),
    }
}

/// The list in the folder of an incident. An empty one where there is none.
pub fn listed(incident: &Path) -> std::io::Result<Vec<Decoy>> {
    let file = match open_now(&list_of(incident)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() || metadata.len() > LIST_BYTES_MAX {
        return Err(std::io::Error::other("it is no list that was written here"));
    }
    let mut bytes = Vec::new();
    file.take(LIST_BYTES_MAX).read_to_end(&mut bytes)?;
    serde_json::from_slice(&bytes).map_err(std::io::Error::other)
}

/// On disk when this returns.
pub fn list(incident: &Path, decoys: &[Decoy]) -> std::io::Result<()> {
    let (path, new) = (list_of(incident), incident.join("decoys.new"));
    match fs::remove_file(&new) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // `create_new` opens nothing that exists: no link, no pipe.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(decoys).map_err(std::io::Error::other)?)?;
    file.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(incident)?.sync_all()
}

fn list_of(incident: &Path) -> PathBuf {
    incident.join("decoys.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use judge::Verdict;

    #[test]
    fn decoys_read_as_clean_text_are_all_different_and_are_removed_unless_somebody_touched_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("store");
        fs::create_dir_all(root.join("a/b")).unwrap();
        fs::create_dir_all(root.join(".hidden")).unwrap();
        let store: Id = "store:core".parse().unwrap();
        let planned = planned(&store, &root);
        assert_eq!(planned.len(), 6);
        let all: Vec<Decoy> = planned.iter().map(|(decoy, _)| decoy.clone()).collect();
        list(folder.path(), &all).unwrap();
        assert_eq!(listed(folder.path()).unwrap(), all);
        for (decoy, bytes) in &planned {
            put(decoy, bytes).unwrap();
            let judged = crate::folder::judge_file(&decoy.path, judge::Beside::default());
            assert!(matches!(judged.verdict, Verdict::Clean | Verdict::CleanUnverified), "{judged:?}");
            assert!(put(decoy, b"x").is_err(), "never over something that exists");
        }
        let different: std::collections::BTreeSet<&String> = all.iter().map(|decoy| &decoy.sha256).collect();
        assert_eq!(different.len(), 6);
        assert_eq!(super::planned(&store, &root), Vec::new(), "where one lies there comes no other");
        fs::write(&all[0].path, "encrypted").unwrap();
        fs::remove_file(&all[1].path).unwrap();
        let removed: Vec<Removed> = all.iter().map(|decoy| remove(decoy).unwrap()).collect();
        assert_eq!(removed[..3], [Removed::WasTouched, Removed::WasGone, Removed::Removed]);
        assert!(all[0].path.exists() && !all[2].path.exists());
        assert_eq!(listed(&root).unwrap(), Vec::new());
        let broken = root.join("decoys.json");
        fs::write(&broken, "{broken").unwrap();
        assert!(listed(&root).is_err());
        fs::remove_file(&broken).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &broken, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(listed(&root).is_err(), "a pipe: nobody waits for it");
        fs::remove_file(&broken).unwrap();
        // Something else in its place, whatever it is, is a touch, and nobody waits for it.
        let at = &all[3].path;
        fs::remove_file(at).unwrap_or_default();
        rustix::fs::mknodat(rustix::fs::CWD, at, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert_eq!(all[3].is_untouched().unwrap(), Some(false), "a pipe");
        fs::remove_file(at).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", at).unwrap();
        assert_eq!(all[3].is_untouched().unwrap(), Some(false), "a link");
        fs::remove_file(at).unwrap();
        fs::create_dir(at).unwrap();
        assert_eq!(all[3].is_untouched().unwrap(), Some(false), "a folder");
        // A list that somebody else wrote deletes nothing that is not a decoy.
        let roots = [root.clone()];
        assert!(may_be_ours(&all[2], &roots));
        for path in ["/etc/passwd", "/etc/000-index-archive.csv", "/letter.txt", "/../000-index-archive.csv"]
        {
            let path = if path.starts_with("/etc") { PathBuf::from(path) } else { root.join(&path[1..]) };
            assert!(!may_be_ours(&Decoy { path: path.clone(), ..all[2].clone() }, &roots), "{path:?}");
        }
    }
}
