//! The files that are watched: made up from a seed, a hundred in each folder, and put back after each deed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use drill::rng::Rng;

use crate::scan_histories::files::{self, Base};

/// So many different contents.
const CONTENTS: usize = 60;
const IN_A_FOLDER: usize = 100;
/// The bursts want a few whole folders.
pub(super) const FILES_MIN: usize = 400;
/// Attacked on purpose after an ordinary burst.
const SENTINELS: usize = 5;

pub struct Tree {
    root: PathBuf,
    contents: Vec<Base>,
    files: Vec<PathBuf>,
}

fn wrong(path: &Path) -> impl Fn(std::io::Error) -> String + '_ {
    move |error| format!("cannot write {}: {error}", path.display())
}

impl Tree {
    pub fn make(root: &Path, count: usize) -> Result<Tree, String> {
        let contents = files::made_up(1, CONTENTS);
        let mut files = Vec::with_capacity(count);
        for number in 0..count {
            let folder = root.join(format!("d{:04}", number / IN_A_FOLDER));
            let content = &contents[number % contents.len()];
            files.push(folder.join(format!("f{number:06}.{}", content.ending)));
        }
        let tree = Tree { root: root.to_owned(), contents, files };
        tree.put_back()?;
        Ok(tree)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    pub fn folders(&self) -> usize {
        self.files.len().div_ceil(IN_A_FOLDER)
    }

    pub(super) fn contents(&self) -> &[Base] {
        &self.contents
    }

    /// In the order of a walk that begins at some folder: nobody knows where an attacker starts.
    pub(super) fn beginning_somewhere(&self, rng: &mut Rng) -> Vec<PathBuf> {
        let folder = usize::try_from(rng.below(self.folders() as u64)).unwrap_or(0);
        let at = folder * IN_A_FOLDER;
        self.files[at..].iter().chain(&self.files[..at]).cloned().collect()
    }

    /// The last folder: no burst touches what stands in its files.
    pub(super) fn sentinel_folder(&self) -> PathBuf {
        self.sentinels()[0].parent().map(Path::to_owned).unwrap_or_default()
    }

    pub(super) fn sentinels(&self) -> &[PathBuf] {
        let last = (self.files.len() - 1) / IN_A_FOLDER * IN_A_FOLDER;
        let last = last.min(self.files.len() - SENTINELS);
        &self.files[last..last + SENTINELS]
    }

    /// Everything as it was made: what is missing or other is written, what was never there is taken away.
    pub(super) fn put_back(&self) -> Result<(), String> {
        let mut there = BTreeMap::new();
        if self.root.exists() {
            walk(&self.root, &mut |path, bytes| {
                there.insert(path, bytes);
            })?;
        }
        for (number, path) in self.files.iter().enumerate() {
            let content = &self.contents[number % self.contents.len()].bytes;
            let is_long_as_made = there.remove(path) == Some(content.len() as u64);
            if is_long_as_made && fs::read(path).is_ok_and(|bytes| bytes == *content) {
                continue;
            }
            if number % IN_A_FOLDER == 0 || !path.exists() {
                let folder = path.parent().unwrap_or(&self.root);
                fs::create_dir_all(folder).map_err(wrong(folder))?;
            }
            fs::write(path, content).map_err(wrong(path))?;
        }
        for stranger in there.keys() {
            fs::remove_file(stranger).map_err(wrong(stranger))?;
        }
        Ok(())
    }

    /// Every file and what stands in it.
    #[cfg(test)]
    pub(super) fn fingerprint(&self) -> Result<BTreeMap<PathBuf, Vec<u8>>, String> {
        let mut all = BTreeMap::new();
        walk(&self.root, &mut |path, _| {
            let bytes = fs::read(&path).unwrap_or_default();
            all.insert(path, bytes);
        })?;
        Ok(all)
    }
}

/// Calls with every file and its length; folders are not followed through links.
pub(super) fn walk(folder: &Path, met: &mut dyn FnMut(PathBuf, u64)) -> Result<(), String> {
    for entry in fs::read_dir(folder).map_err(wrong(folder))? {
        let entry = entry.map_err(wrong(folder))?;
        let (path, metadata) = (entry.path(), entry.metadata().map_err(wrong(folder))?);
        if metadata.is_dir() {
            walk(&path, met)?;
        } else {
            met(path, metadata.len());
        }
    }
    Ok(())
}
