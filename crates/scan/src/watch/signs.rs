//! Is what happened to the files of a store an attack?
//!
//! One broken file is an accident; an alarm is a burst: files that were clean and no longer are, files that got one unknown
//! ending and other content at once, or most of a store gone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::files::{Files, kind_of};
use crate::shown;
use estate::Id;
use incident::event::Suspicion;
use incident::scan::About;
use judge::Verdict;

/// When it is an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files that were clean and are not any more.
    pub files: usize,
    /// Files renamed so that they end in the same unknown ending, with other content than before.
    pub renames: usize,
    /// Files that vanished, and nothing came in their place: so many, and more than half of the store or of one kind.
    pub vanished: usize,
    /// Milliseconds within which they have to happen.
    pub window_ms: i64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { files: 3, renames: 10, vanished: 100, window_ms: 60_000 }
    }
}

/// Of a store that is gone as a whole, so few files are enough.
const WHOLE_MIN: usize = 10;
/// Whether files that leave are a burst is weighed each time when one more in so many leaves.
const WEIGH_SHARE: usize = 16;
/// Names in an alarm.
const EXAMPLES_MAX: usize = 5;

/// Something that counts towards a burst.
#[derive(Debug)]
struct Sign {
    at_ms: i64,
    path: PathBuf,
    what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum What {
    /// Was clean, is not.
    WentBad(Verdict),
    /// Was not there before, and is bad.
    BadFromBirth(Verdict),
    /// Was clean, is gone.
    Gone,
    /// Was not there before.
    Arrived,
    Renamed {
        ending: String,
    },
    /// A file that nobody has reason to touch holds something else, or is gone.
    Decoy(About),
}

/// A burst, not yet recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    pub store: Id,
    pub about: About,
    /// In this burst.
    pub files: u64,
    /// The same with all that led to earlier ones of its sort: what an alarm that is open has grown to.
    pub total: u64,
    /// Of so many files that the store had.
    pub of_files: u64,
    pub examples: Vec<String>,
    /// All of them.
    pub paths: Vec<PathBuf>,
    /// Of exactly these files as they are, if they lay there when the watch began; else empty.
    pub digest: String,
    pub seconds_observed: u64,
}

/// What happened in the last while.
#[derive(Debug)]
pub(super) struct Signs {
    store: Id,
    limits: Limits,
    all: VecDeque<Sign>,
    /// Clean files that are told to be gone, before anybody has looked at their folder: they may have another name now.
    leaving: BTreeSet<PathBuf>,
    /// Files that are told to be new, likewise.
    coming: BTreeSet<PathBuf>,
    /// So many have to be leaving before it is weighed again whether that is a burst.
    weighed_at: usize,
    /// Files that are bad and were not there before, likewise.
    arriving: BTreeMap<PathBuf, Verdict>,
    /// Files of bursts that were reported, by what became of them.
    reported: BTreeMap<About, u64>,
    /// Something was added that may make a burst.
    is_news: bool,
}

impl Signs {
    pub(super) fn new(store: Id, limits: Limits) -> Signs {
        Signs {
            store,
            limits,
            all: VecDeque::new(),
            leaving: BTreeSet::new(),
            coming: BTreeSet::new(),
            weighed_at: 0,
            arriving: BTreeMap::new(),
            reported: BTreeMap::new(),
            is_news: false,
        }
    }

    /// An alarm about so many is open from before: it goes on growing from there.
    pub(super) fn go_on(&mut self, about: About, files: u64) {
        let known = self.reported.entry(about).or_default();
        *known = files.max(*known);
    }

    pub(super) fn add(&mut self, at_ms: i64, path: PathBuf, what: What) {
        self.is_news |= what != What::Arrived;
        self.all.push_back(Sign { at_ms, path, what });
    }

    pub(super) fn leaves(&mut self, path: PathBuf) {
        self.leaving.insert(path);
        // Weighing costs as much as there is to weigh, so of many not each is one occasion.
        if self.leaving.len() >= self.weighed_at {
            self.is_news = true;
            self.weighed_at = self.leaving.len() + self.leaving.len() / WEIGH_SHARE + 1;
        }
    }

    pub(super) fn comes(&mut self, path: PathBuf) {
        self.coming.insert(path);
    }

    pub(super) fn does_not_come(&mut self, path: &Path) {
        self.coming.remove(path);
    }

    pub(super) fn arrives(&mut self, path: PathBuf, verdict: Verdict) {
        self.is_news = true;
        self.arriving.insert(path, verdict);
    }

    /// Somebody has looked: what was told of these files stands elsewhere now.
    pub(super) fn looked(&mut self, files: &Files) {
        self.leaving.retain(|path| files.get(path).is_some());
        self.coming.retain(|path| files.get(path).is_none());
        self.weighed_at = 0;
        self.arriving.retain(|path, _| files.get(path).is_none());
    }

    /// Whether anything that may make a burst was added since this was asked last.
    pub(super) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.is_news)
    }

    pub(super) fn forget(&mut self, now_ms: i64) {
        let since = now_ms - self.limits.window_ms;
        self.all.retain(|sign| sign.at_ms >= since);
    }

    fn of(&self, is_it: fn(&What) -> bool) -> impl Iterator<Item = &Sign> {
        self.all.iter().filter(move |sign| is_it(&sign.what))
    }

    fn gone(&self) -> usize {
        self.of(|what| *what == What::Gone).count() + self.leaving.len()
    }

    /// The bursts that the signs amount to, one of a sort.
    pub(super) fn bursts(&self, now_ms: i64, files: &Files) -> Vec<Burst> {
        let mut all: Vec<Burst> =
            [self.bad(now_ms, files), self.renamed(now_ms, files), self.vanished(now_ms, files)]
                .into_iter()
                .flatten()
                .collect();
        // What is in a burst of its kind anyhow is told with that.
        let decoys = self.decoys(now_ms, files);
        all.extend(
            decoys
                .into_iter()
                .filter(|one| !all.iter().any(|other| other.about == one.about))
                .collect::<Vec<_>>(),
        );
        all
    }

    /// One is enough.
    fn decoys(&self, now_ms: i64, files: &Files) -> Vec<Burst> {
        let mut touched: BTreeMap<About, Vec<(i64, &Path)>> = BTreeMap::new();
        for sign in &self.all {
            if let What::Decoy(about) = sign.what {
                touched.entry(about).or_default().push((sign.at_ms, &sign.path));
            }
        }
        touched
            .into_iter()
            .map(|(about, paths)| {
                let mut burst = self.make(now_ms, files, about, paths);
                burst.examples.iter_mut().for_each(|example| example.push_str(" (a decoy)"));
                burst
            })
            .collect()
    }

    fn bad(&self, now_ms: i64, files: &Files) -> Option<Burst> {
        let mut verdicts = BTreeSet::new();
        let mut paths: Vec<(i64, &Path)> = Vec::new();
        for sign in &self.all {
            if let What::WentBad(verdict) = sign.what {
                verdicts.insert(verdict);
                paths.push((sign.at_ms, &sign.path));
            }
        }
        // A new bad file counts only for a clean one that went away: somebody's new archives do not.
        let born = self.all.iter().filter_map(|sign| match sign.what {
            What::BadFromBirth(verdict) => Some((sign.at_ms, sign.path.as_path(), verdict)),
            _ => None,
        });
        let arriving = self.arriving.iter().map(|(path, verdict)| (now_ms, path.as_path(), *verdict));
        for (at_ms, path, verdict) in born.chain(arriving).take(self.gone()) {
            verdicts.insert(verdict);
            paths.push((at_ms, path));
        }
        // Of a store with a single file, that one is all there is to lose.
        let is_burst = paths.len() >= self.limits.files.min(files.len().max(1));
        is_burst.then(|| self.make(now_ms, files, About::Bad(suspicion(&verdicts)), paths))
    }

    fn renamed(&self, now_ms: i64, files: &Files) -> Option<Burst> {
        let mut endings: BTreeMap<&str, Vec<(i64, &Path)>> = BTreeMap::new();
        for sign in &self.all {
            if let What::Renamed { ending } = &sign.what {
                endings.entry(ending).or_default().push((sign.at_ms, &sign.path));
            }
        }
        let paths = endings.into_values().find(|paths| paths.len() >= self.limits.renames)?;
        Some(self.make(now_ms, files, About::Bad(Suspicion::Suspicious), paths))
    }

    /// Files that are gone and in whose place nothing came, if they are most of the store or of one kind of file in it.
    fn vanished(&self, now_ms: i64, files: &Files) -> Option<Burst> {
        let arrived = self.of(|what| *what == What::Arrived).count() + self.coming.len();
        let mut gone: Vec<(i64, &Path)> =
            self.of(|what| *what == What::Gone).map(|sign| (sign.at_ms, sign.path.as_path())).collect();
        gone.extend(self.leaving.iter().map(|path| (now_ms, path.as_path())));
        let lost = gone.len().saturating_sub(arrived);
        let remaining = files.len().saturating_sub(self.leaving.len());
        let burst = |paths| Some(self.make(now_ms, files, About::Vanished, paths));
        if remaining == 0 && lost >= WHOLE_MIN {
            return burst(gone);
        }
        if lost < self.limits.vanished {
            return None;
        }
        if lost > remaining {
            return burst(gone);
        }
        let mut kinds: BTreeMap<OsString, Vec<(i64, &Path)>> = BTreeMap::new();
        for (at_ms, path) in gone {
            kinds.entry(kind_of(path)).or_default().push((at_ms, path));
        }
        let is_most = |(kind, paths): &(OsString, Vec<(i64, &Path)>)| {
            let leaving = paths.iter().filter(|(_, path)| self.leaving.contains(*path)).count();
            let remaining = files.of_kind(kind).saturating_sub(leaving);
            paths.len() >= self.limits.vanished && paths.len() > remaining
        };
        burst(kinds.into_iter().find(is_most)?.1)
    }

    fn make(&self, now_ms: i64, files: &Files, about: About, paths: Vec<(i64, &Path)>) -> Burst {
        let first = paths.iter().map(|(at_ms, _)| *at_ms).min().unwrap_or(now_ms);
        let count = paths.len() as u64;
        let reported = self.reported.get(&about).unwrap_or(&0);
        Burst {
            store: self.store.clone(),
            about,
            files: count,
            total: reported + count,
            of_files: (files.len() + self.of(|what| *what == What::Gone).count()) as u64,
            examples: paths.iter().take(EXAMPLES_MAX).map(|(_, path)| shown::path(path)).collect(),
            paths: paths.into_iter().map(|(_, path)| path.to_owned()).collect(),
            digest: String::new(),
            seconds_observed: u64::try_from((now_ms - first) / 1000).unwrap_or(0),
        }
    }

    /// The burst is recorded, or known: what led to it does not count again as new, only towards how far it has grown. What is of
    /// another sort goes on counting.
    pub(super) fn settled(&mut self, burst: &Burst, files: &mut Files) {
        self.reported.insert(burst.about, burst.total);
        match burst.about {
            About::Bad(_) => {
                let paths: BTreeSet<&PathBuf> = burst.paths.iter().collect();
                // As many as were replaced have done their part.
                let is_new =
                    |sign: &&Sign| matches!(sign.what, What::BadFromBirth(_)) && paths.contains(&sign.path);
                let mut replaced = self.all.iter().filter(is_new).count();
                replaced += self.arriving.keys().filter(|path| paths.contains(path)).count();
                self.all.retain(|sign| match sign.what {
                    What::Gone if replaced > 0 => {
                        replaced -= 1;
                        false
                    }
                    What::Gone | What::Arrived => true,
                    What::Decoy(about) if about != burst.about => true,
                    What::WentBad(_) | What::BadFromBirth(_) | What::Renamed { .. } | What::Decoy(_) => {
                        !paths.contains(&sign.path)
                    }
                });
                self.arriving.retain(|path, _| !paths.contains(path));
                while replaced > 0
                    && let Some(path) = self.leaving.pop_first()
                {
                    count_as_lost(&path, files);
                    replaced -= 1;
                }
            }
            About::Vanished => {
                // A decoy alone says nothing of what else came and went.
                let is_decoy = |path: &PathBuf| {
                    self.all.iter().any(|sign| matches!(sign.what, What::Decoy(_)) && sign.path == *path)
                };
                if burst.paths.iter().all(is_decoy) {
                    self.all.retain(|sign| sign.what != What::Decoy(About::Vanished));
                    return;
                }
                self.all.retain(|sign| {
                    !matches!(sign.what, What::Gone | What::Arrived | What::Decoy(About::Vanished))
                });
                std::mem::take(&mut self.leaving).iter().for_each(|path| count_as_lost(path, files));
                self.coming.clear();
            }
        }
    }

    /// At the first look: so many files are encrypted that an attack happened while nobody watched.
    pub(super) fn at_start(&self, files: usize, encrypted: &[PathBuf], known: &Files) -> Option<Burst> {
        let found = encrypted.len();
        let about = About::Bad(Suspicion::Encrypted);
        let total = self.reported.get(&about).copied().unwrap_or(0).max(found as u64);
        let least = self.limits.files.min(files.max(1));
        (found >= least && found * 100 >= files).then(|| Burst {
            store: self.store.clone(),
            about,
            files: found as u64,
            total,
            of_files: files as u64,
            examples: encrypted.iter().take(EXAMPLES_MAX).map(shown::path).collect(),
            paths: encrypted.to_vec(),
            digest: known.digest(encrypted),
            seconds_observed: 0,
        })
    }
}

/// Told to be gone, and counted: nobody counts it a second time when somebody looks.
fn count_as_lost(path: &Path, files: &mut Files) {
    if let Some(known) = files.get_mut(path) {
        known.was_clean = false;
    }
}

fn suspicion(all: &BTreeSet<Verdict>) -> Suspicion {
    if all.contains(&Verdict::Malware) {
        Suspicion::Malware
    } else if all.contains(&Verdict::Encrypted) {
        Suspicion::Encrypted
    } else if all.contains(&Verdict::Damaged) {
        Suspicion::Damaged
    } else {
        Suspicion::Suspicious
    }
}
