//! What is known of the files of a store, folder by folder, so that a look at one folder costs what that folder has.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

/// A file is judged again at the earliest after this many times as long as judging it took.
const REST_FACTOR: u32 = 20;

/// What is seen of a file without opening it. The change time cannot be set back, the others can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    modified_ns: i128,
    pub(super) changed_ns: i128,
    bytes: u64,
    pub(super) inode: u64,
    /// When the file was made; an inode that is used again has another. `None`: the file system does not say.
    born_ns: Option<u128>,
}

impl Stamp {
    pub(super) fn of(metadata: &Metadata) -> Stamp {
        let ns = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        let born = metadata.created().ok();
        let born = born.and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
        Stamp {
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            bytes: metadata.len(),
            inode: metadata.ino(),
            born_ns: born.map(|born| born.as_nanos()),
        }
    }

    /// A rename alone changes neither.
    pub(super) fn has_the_content_of(&self, other: &Stamp) -> bool {
        self.is_the_file_of(other) && (self.bytes, self.modified_ns) == (other.bytes, other.modified_ns)
    }

    /// The same file on disk, and not another that got its number.
    pub(super) fn is_the_file_of(&self, other: &Stamp) -> bool {
        (self.inode, self.born_ns) == (other.inode, other.born_ns)
    }
}

#[derive(Debug)]
pub(super) struct Known {
    pub(super) stamp: Stamp,
    /// The stamp whose content was judged.
    pub(super) judged: Option<Stamp>,
    /// It was clean when last judged, or the file it was renamed from was.
    pub(super) was_clean: bool,
    /// It is bad, and has counted as that.
    pub(super) has_counted: bool,
    /// Not judged before this instant.
    pub(super) rest_until: Option<Instant>,
}

impl Known {
    pub(super) fn is_judged(&self) -> bool {
        self.judged == Some(self.stamp)
    }

    pub(super) fn rests(&self) -> bool {
        self.rest_until.is_some_and(|until| Instant::now() < until)
    }

    /// A large file that is always written to does not keep the disk busy.
    pub(super) fn rest_after(&mut self, judging: Duration) {
        self.rest_until = Some(Instant::now() + judging * REST_FACTOR);
    }
}

/// Files by folder and name.
#[derive(Debug, Default)]
pub(super) struct Files {
    folders: BTreeMap<PathBuf, BTreeMap<OsString, Known>>,
    count: usize,
    /// How many end like this.
    kinds: HashMap<OsString, usize>,
}

fn parts(path: &Path) -> (&Path, OsString) {
    (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default().to_owned())
}

/// What a name ends in; empty where it has no ending.
pub(super) fn kind_of(path: &Path) -> OsString {
    path.extension().unwrap_or_default().to_owned()
}

impl Files {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, path: &Path) -> Option<&Known> {
        let (folder, name) = parts(path);
        self.folders.get(folder)?.get(&name)
    }

    pub(super) fn get_mut(&mut self, path: &Path) -> Option<&mut Known> {
        let (folder, name) = parts(path);
        self.folders.get_mut(folder)?.get_mut(&name)
    }

    pub(super) fn insert(&mut self, path: &Path, known: Known) {
        let (folder, name) = parts(path);
        let names = match self.folders.get_mut(folder) {
            Some(names) => names,
            None => self.folders.entry(folder.to_owned()).or_default(),
        };
        let kind = kind_of(Path::new(&name));
        if names.insert(name, known).is_none() {
            self.count += 1;
            *self.kinds.entry(kind).or_default() += 1;
        }
    }

    /// How many files end like this.
    pub(super) fn of_kind(&self, kind: &OsStr) -> usize {
        self.kinds.get(kind).copied().unwrap_or(0)
    }

    /// Of exactly these files as they are: names, sizes and times, of which the change time cannot be set back. Hex digits.
    pub(super) fn digest(&self, of: &[PathBuf]) -> String {
        let mut sorted: Vec<&PathBuf> = of.iter().collect();
        sorted.sort();
        let mut digest = Sha256::new();
        for path in sorted {
            let bytes = path.as_os_str().as_bytes();
            digest.update((bytes.len() as u64).to_le_bytes());
            digest.update(bytes);
            if let Some(Known { stamp, .. }) = self.get(path) {
                digest.update(stamp.bytes.to_le_bytes());
                digest.update(stamp.modified_ns.to_le_bytes());
                digest.update(stamp.changed_ns.to_le_bytes());
            }
        }
        estate::hex(&digest.finalize())
    }

    #[cfg(test)]
    pub(super) fn iter(&self) -> impl Iterator<Item = (PathBuf, &Known)> {
        self.folders
            .iter()
            .flat_map(|(folder, names)| names.iter().map(move |(name, known)| (folder.join(name), known)))
    }

    /// Takes out those of one folder, and of no folder in it, that the test names.
    pub(super) fn take_in(
        &mut self,
        folder: &Path,
        is_taken: impl Fn(&Path) -> bool,
    ) -> Vec<(PathBuf, Known)> {
        let Some(names) = self.folders.get_mut(folder) else { return Vec::new() };
        let taken: Vec<_> = names
            .extract_if(.., |name, _| is_taken(&folder.join(name)))
            .map(|(name, known)| (folder.join(name), known))
            .collect();
        if names.is_empty() {
            self.folders.remove(folder);
        }
        self.count -= taken.len();
        for (path, _) in &taken {
            let kind = kind_of(path);
            if let Some(count) = self.kinds.get_mut(&kind) {
                *count -= 1;
                if *count == 0 {
                    self.kinds.remove(&kind);
                }
            }
        }
        taken
    }

    /// The same with everything below it.
    pub(super) fn take_below(
        &mut self,
        tree: &Path,
        is_taken: impl Fn(&Path) -> bool,
    ) -> Vec<(PathBuf, Known)> {
        let below = self.folders.range(tree.to_owned()..).map(|(folder, _)| folder);
        let folders: Vec<PathBuf> = below.take_while(|folder| folder.starts_with(tree)).cloned().collect();
        folders.iter().flat_map(|folder| self.take_in(folder, &is_taken)).collect()
    }

    pub(super) fn take(&mut self, path: &Path) -> Option<(PathBuf, Known)> {
        self.take_in(path.parent().unwrap_or(Path::new("")), |one| one == path).pop()
    }

    #[cfg(test)]
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.folders.values_mut().flat_map(BTreeMap::values_mut)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        let stamp = Stamp::of(&std::fs::metadata("/").unwrap());
        Known { stamp, judged: None, was_clean: true, has_counted: false, rest_until: None }
    }

    #[test]
    fn what_lies_below_a_folder_is_not_what_only_begins_like_it() {
        let mut files = Files::default();
        for path in ["/a/one", "/a/b/two", "/a/b/c/three", "/a/b-side/four", "/ab/five"] {
            files.insert(Path::new(path), known());
        }
        assert_eq!(files.len(), 5);
        let mut taken: Vec<PathBuf> =
            files.take_below(Path::new("/a/b"), |_| true).into_iter().map(|(path, _)| path).collect();
        taken.sort();
        assert_eq!(taken, [PathBuf::from("/a/b/c/three"), PathBuf::from("/a/b/two")]);
        assert_eq!(files.take_in(Path::new("/a"), |_| true).len(), 1);
        assert!(files.take(Path::new("/ab/five")).is_some() && files.take(Path::new("/ab/five")).is_none());
        assert_eq!(files.len(), 1);
        assert_eq!(files.iter().next().unwrap().0, Path::new("/a/b-side/four"));
    }
}
