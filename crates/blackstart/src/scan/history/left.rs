//! What left a place, and what is known of it? So that whatever comes to stand elsewhere finds its past.
//!
//! `Gone` remembers over many snapshots, `Left` is what left between two of them. After an attack that renames
//! everything, everything has left: paths and good versions are kept once and shared.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Version;
use crate::scan::judge::Verdict;
use crate::scan::judge::kind::name_before;
use crate::scan::snapshots::Past;

/// Paths that are gone and are remembered from one step to the next. Beyond that the oldest are forgotten.
const GONE_MAX: usize = 200_000;

/// A good version, and where it was seen last.
pub(super) struct Good<C> {
    pub(super) path: Rc<Path>,
    pub(super) version: Version<C>,
    pub(super) snapshot: usize,
}

/// What is known of a path from before.
#[derive(Clone)]
pub(super) struct Known<C> {
    pub(super) past: Past,
    pub(super) verdict: Verdict,
    pub(super) good: Option<Rc<Good<C>>>,
    /// Somebody's own archive: it arrived while nothing vanished.
    pub(super) is_own: bool,
}

/// Paths that are gone, oldest first.
pub(super) struct Gone<C> {
    pub(super) known: HashMap<Rc<Path>, Known<C>>,
    pub(super) order: VecDeque<Rc<Path>>,
}

/// What left in one step, for those who look for their past.
pub(super) struct Left<C> {
    pub(super) by_content: HashMap<C, Rc<Path>>,
    by_name: HashMap<OsString, Vec<(u64, Rc<Path>)>>,
    /// By folder and size.
    by_folder: HashMap<PathBuf, BTreeSet<(u64, Rc<Path>)>>,
    /// Those of which it is known what became of them.
    pub(super) found: HashSet<Rc<Path>>,
    pub(super) all: Vec<Rc<Path>>,
}

impl<C> Gone<C> {
    pub(super) fn add(&mut self, path: Rc<Path>, known: Known<C>) {
        if self.known.insert(path.clone(), known).is_none() {
            self.order.push_back(path);
        }
    }

    /// After a step, not within it: whatever left in a step may be needed by what arrives in it, however much it is.
    pub(super) fn forget_the_oldest(&mut self) {
        // Entries that came back are still in the order; those are dropped here as well.
        while self.order.len() > GONE_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    pub(super) fn take(&mut self, path: &Path) -> Option<Known<C>> {
        self.known.remove(path)
    }
}

impl<C: Clone + Eq + std::hash::Hash> Left<C> {
    pub(super) fn new() -> Left<C> {
        Left {
            by_content: HashMap::new(),
            by_name: HashMap::new(),
            by_folder: HashMap::new(),
            found: HashSet::new(),
            all: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, path: &Rc<Path>, before: &Version<C>) {
        self.all.push(path.clone());
        self.by_content.insert(before.content.clone(), path.clone());
        let name = path.file_name().unwrap_or_default().to_owned();
        self.by_name.entry(name).or_default().push((before.bytes, path.clone()));
        let folder = path.parent().unwrap_or(Path::new("/")).to_owned();
        self.by_folder.entry(folder).or_default().insert((before.bytes, path.clone()));
    }

    /// What was only moved stands in nobody's place.
    pub(super) fn find_moved<'a>(&mut self, added: impl Iterator<Item = &'a Version<C>>)
    where
        C: 'a,
    {
        for now in added.filter(|now| now.bytes > 0) {
            if let Some(former) = self.by_content.get(&now.content) {
                self.found.insert(former.clone());
            }
        }
    }

    /// Those of which nobody can say what became of them.
    pub(super) fn unexplained(&self) -> Vec<Rc<Path>> {
        self.all.iter().filter(|path| !self.found.contains(*path)).cloned().collect()
    }

    /// The one of its name, or of its name before something was appended, that is gone from another folder; none if there
    /// are several. Taken only once.
    pub(super) fn of_its_name(&mut self, path: &Path, sizes: &RangeInclusive<u64>) -> Option<Rc<Path>> {
        let name = path.file_name()?;
        let before = name.to_str().and_then(name_before).map(OsStr::new);
        let gone = std::iter::once(name).chain(before).find_map(|name| self.by_name.get(name))?;
        let mut open =
            gone.iter().filter(|(bytes, path)| sizes.contains(bytes) && !self.found.contains(path));
        let (_, former) = open.next()?;
        if open.next().is_some() {
            return None;
        }
        let former = former.clone();
        self.found.insert(former.clone());
        Some(former)
    }

    /// One that is gone from the same folder and had about this size; taken only once.
    pub(super) fn of_its_size(&mut self, path: &Path, bytes: u64) -> Option<Rc<Path>> {
        sizes_before(bytes).into_iter().find_map(|sizes| self.of_a_size(path, sizes))
    }

    /// The nearest size first; those whose fate is known by now are dropped on the way.
    pub(super) fn of_a_size(&mut self, path: &Path, sizes: RangeInclusive<u64>) -> Option<Rc<Path>> {
        let gone = self.by_folder.get_mut(path.parent()?)?;
        let nothing: Rc<Path> = Rc::from(Path::new(""));
        let range = (*sizes.start(), nothing.clone())..(sizes.end().saturating_add(1), nothing);
        while let Some(nearest) = gone.range(range.clone()).next_back().cloned() {
            gone.remove(&nearest);
            if self.found.insert(nearest.1.clone()) {
                return Some(nearest.1);
            }
        }
        None
    }
}

/// Sizes a file of `bytes` may have had before somebody encrypted it: the same or a little less, because of a head or
/// footer of at most 4 KiB (in small files a share of them), or three quarters, because it was written in base64.
fn sizes_before(bytes: u64) -> [RangeInclusive<u64>; 2] {
    let added = (bytes / 4 + 600).min(4096);
    let as_text = bytes / 4 * 3;
    [bytes.saturating_sub(added)..=bytes, as_text.saturating_sub(as_text / 16 + 256)..=as_text]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_much_leaves_in_a_step_is_known_until_the_step_is_over() {
        let mut gone: Gone<u32> = Gone { known: HashMap::new(), order: VecDeque::new() };
        let path = |number: usize| -> Rc<Path> { PathBuf::from(format!("/{number}")).into() };
        for number in 0..=GONE_MAX {
            let known = Known { past: Past::Good, verdict: Verdict::Clean, good: None, is_own: false };
            gone.add(path(number), known);
        }
        assert!(gone.known.contains_key(&path(0)));
        gone.forget_the_oldest();
        assert!(!gone.known.contains_key(&path(0)) && gone.known.contains_key(&path(GONE_MAX)));
        assert_eq!(gone.known.len(), GONE_MAX);
    }
}
