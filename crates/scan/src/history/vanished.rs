//! What left a place, and what is known of it? So that whatever comes to stand elsewhere finds its past.
//!
//! `VanishedPaths` remembers over many snapshots, `Departures` is what left between two of them. After an attack that renames
//! everything, everything has left: paths and good versions are kept once and shared.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Version;
use crate::snapshots::Past;
use judge::Verdict;
use judge::name_before;

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
pub(super) struct PathHistory<C> {
    pub(super) past: Past,
    pub(super) verdict: Verdict,
    pub(super) good: Option<Rc<Good<C>>>,
    /// Somebody's own archive: it arrived while nothing vanished.
    pub(super) is_own: bool,
}

/// Paths that are gone, oldest first.
pub(super) struct VanishedPaths<C> {
    pub(super) known: HashMap<Rc<Path>, PathHistory<C>>,
    pub(super) order: VecDeque<Rc<Path>>,
}

/// What left in one step, for those who look for their past. Each index is made when it is asked for the first time, and
/// holds places in `all`: it may be half of a large archive that left at once.
pub(super) struct Departures<C> {
    /// With the size; none if the file was gone already when its part could be read again.
    all: Vec<(Rc<Path>, Option<u64>)>,
    by_content: HashMap<C, u32>,
    /// Sorted by name.
    by_name: Option<Vec<u32>>,
    /// By folder, then size.
    by_folder: Option<HashMap<PathBuf, BTreeSet<(u64, u32)>>>,
    /// Those of which it is known what became of them.
    found: HashSet<Rc<Path>>,
}

impl<C> VanishedPaths<C> {
    pub(super) fn add(&mut self, path: Rc<Path>, known: PathHistory<C>) {
        if self.known.insert(path.clone(), known).is_none() {
            self.order.push_back(path);
        }
    }

    /// One of which it is known what became of it. After an attack that renames everything there are millions of them, and
    /// hardly one is needed to explain another file; remembered are as many as will be after the step.
    pub(super) fn add_explained(&mut self, path: Rc<Path>, known: PathHistory<C>) {
        if self.order.len() < GONE_MAX {
            self.add(path, known);
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
        if self.known.capacity() > 4 * GONE_MAX {
            self.known.shrink_to(GONE_MAX);
        }
    }

    pub(super) fn take(&mut self, path: &Path) -> Option<PathHistory<C>> {
        self.known.remove(path)
    }
}

impl<C: Clone + Eq + std::hash::Hash> Departures<C> {
    pub(super) fn new() -> Departures<C> {
        Departures {
            all: Vec::new(),
            by_content: HashMap::new(),
            by_name: None,
            by_folder: None,
            found: HashSet::new(),
        }
    }

    /// `came_elsewhere`: the same bytes arrived under another name.
    pub(super) fn add(&mut self, path: &Rc<Path>, before: &Version<C>, came_elsewhere: bool) {
        if came_elsewhere {
            let at = u32::try_from(self.all.len()).expect("a snapshot holds fewer entries");
            self.by_content.insert(before.content.clone(), at);
        }
        self.all.push((path.clone(), Some(before.bytes)));
    }

    /// What was only moved stands in nobody's place.
    pub(super) fn find_moved(&mut self) {
        let moved = self.by_content.values().map(|at| self.all[*at as usize].0.clone());
        self.found.extend(moved);
    }

    /// A file that is gone, nobody knows since when.
    pub(super) fn add_gone_before(&mut self, path: Rc<Path>) {
        self.all.push((path, None));
    }

    /// The one that held the same bytes.
    pub(super) fn of_its_content(&self, content: &C) -> Option<&Rc<Path>> {
        self.by_content.get(content).map(|at| &self.all[*at as usize].0)
    }

    pub(super) fn mark_found(&mut self, path: Rc<Path>) {
        self.found.insert(path);
    }

    /// Those of which nobody can say what became of them.
    pub(super) fn unexplained(&self) -> impl Iterator<Item = &Rc<Path>> {
        self.all.iter().map(|(path, _)| path).filter(|path| !self.found.contains(*path))
    }

    /// The one of its name, or of its name before something was appended, that is gone from another folder; none if there
    /// are several. Taken only once.
    pub(super) fn of_its_name(&mut self, path: &Path, sizes: &RangeInclusive<u64>) -> Option<Rc<Path>> {
        let all = &self.all;
        let by_name = self.by_name.get_or_insert_with(|| {
            let with_size = |at: &u32| all[*at as usize].1.is_some();
            let mut places: Vec<u32> = (0..all.len() as u32).filter(with_size).collect();
            places.sort_by_key(|at| all[*at as usize].0.file_name());
            places
        });
        let of_name = |name: &OsStr| {
            let start = by_name.partition_point(|at| all[*at as usize].0.file_name() < Some(name));
            let end = by_name[start..].partition_point(|at| all[*at as usize].0.file_name() == Some(name));
            &by_name[start..start + end]
        };
        let name = path.file_name()?;
        let before = name.to_str().and_then(name_before).map(OsStr::new);
        let gone = std::iter::once(name).chain(before).map(of_name).find(|places| !places.is_empty())?;
        let mut open = gone.iter().map(|at| &all[*at as usize]).filter(|(path, bytes)| {
            bytes.is_some_and(|bytes| sizes.contains(&bytes)) && !self.found.contains(path)
        });
        let (former, _) = open.next()?;
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
        let all = &self.all;
        let by_folder = self.by_folder.get_or_insert_with(|| {
            let mut by_folder: HashMap<PathBuf, BTreeSet<(u64, u32)>> = HashMap::new();
            for (at, (path, bytes)) in (0..).zip(all) {
                let folder = path.parent().unwrap_or(Path::new("/"));
                let Some(bytes) = bytes else { continue };
                match by_folder.get_mut(folder) {
                    Some(sizes) => sizes.insert((*bytes, at)),
                    None => by_folder.entry(folder.to_owned()).or_default().insert((*bytes, at)),
                };
            }
            by_folder
        });
        let gone = by_folder.get_mut(path.parent()?)?;
        let range = (*sizes.start(), 0)..=(*sizes.end(), u32::MAX);
        while let Some(nearest) = gone.range(range.clone()).next_back().copied() {
            gone.remove(&nearest);
            let former = &all[nearest.1 as usize].0;
            if self.found.insert(former.clone()) {
                return Some(former.clone());
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
        let mut gone: VanishedPaths<u32> = VanishedPaths { known: HashMap::new(), order: VecDeque::new() };
        let path = |number: usize| -> Rc<Path> { PathBuf::from(format!("/{number}")).into() };
        for number in 0..=GONE_MAX {
            let known = PathHistory { past: Past::Good, verdict: Verdict::Clean, good: None, is_own: false };
            gone.add(path(number), known);
        }
        assert!(gone.known.contains_key(&path(0)));
        gone.forget_the_oldest();
        assert!(!gone.known.contains_key(&path(0)) && gone.known.contains_key(&path(GONE_MAX)));
        assert_eq!(gone.known.len(), GONE_MAX);
    }
}
