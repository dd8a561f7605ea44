//! Is somebody destroying this store right now?
//!
//! Looks at the metadata of every file again and again, and judges those that changed. One broken file is
//! an accident; an alarm is a burst: files that were clean and no longer are, files that got one unknown ending and
//! other content at once, or most of a store gone. What to do about it is not decided here.
//!
//! A store that cannot be looked at is not quiet: `Look::not_watched` says why, and nothing is concluded from what cannot be
//! seen there.
//!
//! What it cannot see: an attack slower than the burst (the scan of backups finds that), and whatever happens to a file that
//! nobody but the attacker can read.

#![allow(clippy::disallowed_methods, reason = "a watch rests in proportion to what a look costs")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::events::{Events, Told};
use super::folder::{Entry, EntryKind, judge_file, walk};
use super::shown;
use estate::Id;
use incident::event::Suspicion;
use incident::scan::About;
use judge::{Beside, Verdict};
use judge::{name_before, unknown_ending};
use message::counted_as;

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

/// A file is judged again at the earliest after this many times as long as judging it took.
const REST_FACTOR: u32 = 20;
/// Of a store that is gone as a whole, so few files are enough.
const WHOLE_MIN: usize = 10;
/// Times on disk are written in steps; a change within one step of the last look may not show in them.
const TIME_STEP_MS: i64 = 50;
/// Names in an alarm.
const EXAMPLES_MAX: usize = 5;

/// What is seen of a file without opening it. The change time cannot be set back, the others can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified_ns: i128,
    changed_ns: i128,
    bytes: u64,
    inode: u64,
}

impl Stamp {
    /// A rename alone changes neither.
    fn has_the_content_of(&self, other: &Stamp) -> bool {
        (self.inode, self.bytes, self.modified_ns) == (other.inode, other.bytes, other.modified_ns)
    }

    fn of(metadata: &Metadata) -> Stamp {
        let ns = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Stamp {
            modified_ns: ns(metadata.mtime(), metadata.mtime_nsec()),
            changed_ns: ns(metadata.ctime(), metadata.ctime_nsec()),
            bytes: metadata.len(),
            inode: metadata.ino(),
        }
    }
}

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    /// The stamp whose content was judged.
    judged: Option<Stamp>,
    /// It was clean when last judged, or the file it was renamed from was.
    was_clean: bool,
    /// Not judged before this instant.
    rest_until: Option<Instant>,
}

/// Something that counts towards a burst.
#[derive(Debug)]
struct Sign {
    at_ms: i64,
    path: PathBuf,
    what: What,
}

#[derive(Debug, PartialEq)]
enum What {
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
}

/// A burst, not yet recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Burst {
    pub store: Id,
    pub about: About,
    /// In this burst.
    pub files: u64,
    /// The same with all that led to earlier ones of this kind: what an alarm that is open has grown to.
    pub total: u64,
    /// Of so many files that the store had.
    pub of_files: u64,
    pub examples: Vec<String>,
    pub seconds_observed: u64,
}

/// One store being watched.
#[derive(Debug)]
pub struct StoreWatch {
    pub store: Id,
    root: PathBuf,
    limits: Limits,
    known: BTreeMap<PathBuf, Known>,
    signs: VecDeque<Sign>,
    begun: bool,
    /// What the root was at the first look: its device, and whether it is a link.
    place: Option<(u64, bool)>,
    /// Files of bursts that were reported, by what became of them.
    reported: BTreeMap<About, u64>,
    told: TellTale,
    looked_at: Option<Instant>,
    /// Something could not be judged yet, or could not be looked at: it has to be looked at again, told or not.
    is_open: bool,
}

/// How it is known that something has changed.
#[derive(Debug)]
enum TellTale {
    /// Not asked for yet.
    Unknown,
    Kernel(Box<Events>),
    /// Only looking tells; why.
    Looking(String),
}

/// A look at everything follows at the latest after this time, whatever the kernel tells: what is written through a mapping of
/// memory, or from another machine, it does not tell.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(10);

/// How a look goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A file was judged, and counts towards nothing.
    Judged,
    /// Something was seen that may count towards a burst.
    Sign,
}

/// What one look found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub files: usize,
    /// At the first look: files that are already encrypted.
    pub encrypted_at_start: Vec<String>,
    /// Folders and files that could not be looked at.
    pub unreadable: Vec<String>,
    /// Why nothing, or not all, of the store is watched at the moment.
    pub not_watched: Option<String>,
}

impl StoreWatch {
    pub fn new(store: Id, root: PathBuf, limits: Limits) -> StoreWatch {
        StoreWatch {
            store,
            root,
            limits,
            known: BTreeMap::new(),
            signs: VecDeque::new(),
            begun: false,
            place: None,
            reported: BTreeMap::new(),
            told: TellTale::Unknown,
            looked_at: None,
            is_open: true,
        }
    }

    /// Whether there is reason to look.
    pub fn is_due(&mut self) -> bool {
        let is_late = self.looked_at.is_none_or(|looked| looked.elapsed() >= LOOK_AT_LEAST_EVERY);
        let told = match &mut self.told {
            TellTale::Kernel(events) => events.told(),
            TellTale::Unknown | TellTale::Looking(_) => Told::Something,
        };
        if let Told::Blind(why) = &told {
            self.told = TellTale::Looking(why.clone());
        }
        told != Told::Nothing || is_late || self.is_open
    }

    /// Why only looking tells, if it does.
    pub fn is_only_looked_at(&self) -> Option<&str> {
        match &self.told {
            TellTale::Looking(why) => Some(why),
            TellTale::Kernel(_) | TellTale::Unknown => None,
        }
    }

    /// Before everything is looked at, so that nothing falls between. What could not be told once is not tried again and again.
    fn be_told(&mut self) {
        let is_right = match &self.told {
            TellTale::Unknown => false,
            TellTale::Kernel(events) => events.is_of(&self.root),
            TellTale::Looking(_) => true,
        };
        if !is_right && self.root.exists() {
            self.told = match Events::of(&self.root) {
                Ok(events) => TellTale::Kernel(Box::new(events)),
                Err(why) => TellTale::Looking(why),
            };
        }
    }

    /// Whether the place is still the one that was looked at first. `Err`: nothing is concluded from what lies there now.
    fn place(&mut self) -> Result<(), String> {
        let shown = || shown::path(&self.root);
        let is_link = std::fs::symlink_metadata(&self.root).is_ok_and(|metadata| metadata.is_symlink());
        let device = match std::fs::metadata(&self.root) {
            Ok(metadata) => metadata.dev(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(format!("{} cannot be looked at: {error}", shown())),
        };
        match self.place {
            None => self.place = Some((device, is_link)),
            Some((_, was_link)) if is_link && !was_link => {
                return Err(format!("{} was replaced by a link", shown()));
            }
            Some((before, _)) if before != device => {
                return Err(format!("another file system lies at {} than when the watch began", shown()));
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// Looks once. The first look judges everything, so that later ones know what was clean.
    pub fn look(&mut self, now_ms: i64) -> Look {
        self.look_while(now_ms, &mut |_, _| {})
    }

    /// The same, and whoever waits hears of every step: an alarm must not wait until everything else was judged.
    pub fn look_while(&mut self, now_ms: i64, hear: &mut dyn FnMut(&mut StoreWatch, Step)) -> Look {
        let begun = Instant::now();
        let now = || now_ms.saturating_add(i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX));
        let mut look = Look::default();
        self.looked_at = Some(Instant::now());
        self.is_open = true;
        if let Err(why) = self.place() {
            look.not_watched = Some(why);
            return look;
        }
        self.be_told();
        let mut present = BTreeMap::new();
        let mut unread = BTreeSet::new();
        for met in walk(&self.root) {
            match met {
                Entry { path, kind: EntryKind::File { metadata, beside } } if !is_journal(&path) => {
                    present.insert(path, (Stamp::of(&metadata), beside));
                }
                Entry { kind: EntryKind::File { .. }, .. } => {}
                Entry { path, kind: EntryKind::Unreadable(error) } => {
                    look.unreadable.push(format!("{}: {error}", shown::path(&path)));
                    if path == self.root && error.kind() == std::io::ErrorKind::NotFound {
                        look.not_watched = Some(format!("{} is not there", shown::path(&path)));
                    } else {
                        unread.insert(path);
                    }
                }
            }
        }
        look.files = present.len();
        if let (Some(first), None) = (look.unreadable.first(), &look.not_watched) {
            let parts = counted_as(look.unreadable.len(), "part", "parts");
            look.not_watched = Some(format!("{parts} cannot be read, such as {first}"));
        }
        let gone = self.take_gone(&present, &unread);
        let fresh = self.take_names(now(), &present, gone);
        hear(self, Step::Sign);
        for (path, (stamp, beside)) in &present {
            let settled = !self.begun || !fresh.contains(path);
            let before = self.signs.len();
            let Some(verdict) = self.judge_if_due(now(), path, *stamp, *beside, settled) else { continue };
            if !self.begun && verdict == Verdict::Encrypted {
                look.encrypted_at_start.push(shown::path(path));
            }
            hear(self, if self.signs.len() > before { Step::Sign } else { Step::Judged });
        }
        let is_judged = |known: &Known| known.judged == Some(known.stamp);
        self.is_open = !self.begun || look.not_watched.is_some() || !self.known.values().all(is_judged);
        self.begun = true;
        self.forget(now());
        look
    }

    /// Which files are new, and which have another name or are gone. Nothing is read for it, so it comes before all judging.
    fn take_names(
        &mut self,
        now_ms: i64,
        present: &BTreeMap<PathBuf, (Stamp, Beside)>,
        gone: BTreeMap<PathBuf, Known>,
    ) -> BTreeSet<PathBuf> {
        let mut fresh = BTreeSet::new();
        let mut claimed = BTreeSet::new();
        for (path, (stamp, _)) in present {
            if self.known.contains_key(path) {
                continue;
            }
            let from = renamed_from(path, *stamp, &gone);
            let was_clean = from.is_some_and(|from| gone[from].was_clean);
            if let Some(from) = from {
                claimed.insert(from.clone());
                // What only has another name is what it was: nobody lost anything by it.
                if !gone[from].stamp.has_the_content_of(stamp) {
                    self.note_rename(now_ms, path);
                }
            } else if self.begun {
                self.signs.push_back(Sign { at_ms: now_ms, path: path.clone(), what: What::Arrived });
            }
            let known = Known { stamp: *stamp, judged: None, was_clean, rest_until: None };
            self.known.insert(path.clone(), known);
            fresh.insert(path.clone());
        }
        for (path, _) in gone.into_iter().filter(|(path, known)| known.was_clean && !claimed.contains(path)) {
            self.signs.push_back(Sign { at_ms: now_ms, path, what: What::Gone });
        }
        fresh
    }

    /// What lies in a part that cannot be read may be there all the same.
    fn take_gone(
        &mut self,
        present: &BTreeMap<PathBuf, (Stamp, Beside)>,
        unread: &BTreeSet<PathBuf>,
    ) -> BTreeMap<PathBuf, Known> {
        let is_hidden =
            |path: &Path| !unread.is_empty() && path.ancestors().any(|part| unread.contains(part));
        self.known.extract_if(.., |path, _| !present.contains_key(path) && !is_hidden(path)).collect()
    }

    fn note_rename(&mut self, now_ms: i64, path: &Path) {
        if let Some(ending) = path.file_name().and_then(|name| name.to_str()).and_then(unknown_ending) {
            self.signs.push_back(Sign {
                at_ms: now_ms,
                path: path.to_owned(),
                what: What::Renamed { ending },
            });
        }
    }

    /// Judges a file whose stamp is new and has not moved since the last look: one being written is not
    /// accused of being half a file.
    fn judge_if_due(
        &mut self,
        now_ms: i64,
        path: &Path,
        stamp: Stamp,
        beside: Beside,
        settled: bool,
    ) -> Option<Verdict> {
        let known = self.known.get_mut(path)?;
        let still = known.stamp == stamp;
        known.stamp = stamp;
        let rests = known.rest_until.is_some_and(|until| Instant::now() < until);
        if known.judged == Some(stamp) || rests || (self.begun && !(still && settled)) {
            return None;
        }
        let begun = Instant::now();
        let verdict = judge_file(path, beside).verdict;
        known.rest_until = Some(Instant::now() + begun.elapsed() * REST_FACTOR);
        let unchanged = std::fs::symlink_metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == stamp);
        if verdict == Verdict::Unread || !unchanged {
            return None;
        }
        // Written a moment ago: another write may hide behind the same time, so it is judged once more.
        let age_ms = i128::from(now_ms) - stamp.changed_ns / 1_000_000;
        let fresh = age_ms.abs() <= i128::from(TIME_STEP_MS);
        known.judged = (!fresh).then_some(stamp);
        let bad = is_alarming(verdict, path);
        let first = known.was_clean;
        if verdict.is_clean() {
            known.was_clean = true;
        } else if bad && !fresh {
            known.was_clean = false;
        }
        if bad && self.begun && !fresh {
            let what = if first { What::WentBad(verdict) } else { What::BadFromBirth(verdict) };
            self.note_bad(now_ms, path, what);
        }
        Some(verdict)
    }

    fn note_bad(&mut self, now_ms: i64, path: &Path, what: What) {
        let again = self
            .signs
            .iter()
            .any(|sign| sign.path == path && matches!(sign.what, What::WentBad(_) | What::BadFromBirth(_)));
        if !again {
            self.signs.push_back(Sign { at_ms: now_ms, path: path.to_owned(), what });
        }
    }

    fn forget(&mut self, now_ms: i64) {
        let since = now_ms - self.limits.window_ms;
        self.signs.retain(|sign| sign.at_ms >= since);
    }

    /// The burst that the signs of the last while amount to.
    pub fn burst(&self, now_ms: i64) -> Option<Burst> {
        let of = |wanted: fn(&What) -> Option<Verdict>| -> Vec<(&Sign, Verdict)> {
            self.signs.iter().filter_map(|sign| Some((sign, wanted(&sign.what)?))).collect()
        };
        let bad = of(|what| if let What::WentBad(verdict) = what { Some(*verdict) } else { None });
        let born = of(|what| if let What::BadFromBirth(verdict) = what { Some(*verdict) } else { None });
        // A new bad file counts only for a clean one that went away: somebody's new archives do not.
        let gone = self.signs.iter().filter(|sign| sign.what == What::Gone).count();
        let replaced = born.len().min(gone);
        let counted: Vec<(&Sign, Verdict)> = bad.into_iter().chain(born.into_iter().take(replaced)).collect();
        // Of a store with a single file, that one is all there is to lose.
        if counted.len() >= self.limits.files.min(self.known.len().max(1)) {
            let about = About::Bad(suspicion(counted.iter().map(|(_, verdict)| *verdict)));
            return Some(self.make(now_ms, about, counted.iter().map(|(sign, _)| *sign)));
        }
        if let Some(signs) = self.renamed() {
            return Some(self.make(now_ms, About::Bad(Suspicion::Suspicious), signs.into_iter()));
        }
        self.vanished().map(|signs| self.make(now_ms, About::Vanished, signs.into_iter()))
    }

    /// Files that are gone and in whose place nothing came, if they are most of the store or of one kind of file in it.
    fn vanished(&self) -> Option<Vec<&Sign>> {
        let arrived = self.signs.iter().filter(|sign| sign.what == What::Arrived).count();
        let gone: Vec<&Sign> = self.signs.iter().filter(|sign| sign.what == What::Gone).collect();
        let lost = gone.len().saturating_sub(arrived);
        if self.known.is_empty() && lost >= WHOLE_MIN {
            return Some(gone);
        }
        if lost < self.limits.vanished {
            return None;
        }
        if lost > self.known.len() {
            return Some(gone);
        }
        let mut kinds: BTreeMap<&std::ffi::OsStr, Vec<&Sign>> = BTreeMap::new();
        for sign in gone {
            kinds.entry(sign.path.extension().unwrap_or_default()).or_default().push(sign);
        }
        let is_left = |kind: &std::ffi::OsStr| {
            self.known.keys().filter(|path| path.extension().unwrap_or_default() == kind).count()
        };
        kinds.into_iter().find_map(|(kind, signs)| {
            (signs.len() >= self.limits.vanished && signs.len() > is_left(kind)).then_some(signs)
        })
    }

    fn renamed(&self) -> Option<Vec<&Sign>> {
        let mut endings: BTreeMap<&str, Vec<&Sign>> = BTreeMap::new();
        for sign in &self.signs {
            if let What::Renamed { ending } = &sign.what {
                endings.entry(ending).or_default().push(sign);
            }
        }
        endings.into_values().find(|signs| signs.len() >= self.limits.renames)
    }

    fn make<'a>(&self, now_ms: i64, about: About, signs: impl Iterator<Item = &'a Sign>) -> Burst {
        let signs: Vec<&Sign> = signs.collect();
        let first = signs.iter().map(|sign| sign.at_ms).min().unwrap_or(now_ms);
        let files = signs.len() as u64;
        let gone = self.signs.iter().filter(|sign| sign.what == What::Gone).count();
        Burst {
            store: self.store.clone(),
            about,
            files,
            total: self.reported.get(&about).unwrap_or(&0) + files,
            of_files: (self.known.len() + gone) as u64,
            examples: signs.iter().take(EXAMPLES_MAX).map(|sign| shown::path(&sign.path)).collect(),
            seconds_observed: u64::try_from((now_ms - first) / 1000).unwrap_or(0),
        }
    }

    /// The burst is recorded, or known: what led to it does not count again as new, only towards how far it has grown.
    pub fn settled(&mut self, burst: &Burst) {
        self.reported.insert(burst.about, burst.total);
        self.signs.clear();
    }

    /// At the first look: so many files are encrypted that an attack happened while nobody watched.
    pub fn burst_at_start(&self, look: &Look) -> Option<Burst> {
        let found = look.encrypted_at_start.len();
        let least = self.limits.files.min(look.files.max(1));
        (found >= least && found * 100 >= look.files).then(|| Burst {
            store: self.store.clone(),
            about: About::Bad(Suspicion::Encrypted),
            files: found as u64,
            total: found as u64,
            of_files: look.files as u64,
            examples: look.encrypted_at_start.iter().take(EXAMPLES_MAX).cloned().collect(),
            seconds_observed: 0,
        })
    }
}

fn suspicion(verdicts: impl Iterator<Item = Verdict>) -> Suspicion {
    let all: BTreeSet<Verdict> = verdicts.collect();
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

/// People encrypt files themselves, and logs are cut, rotated and half written as a matter of course.
fn is_alarming(verdict: Verdict, path: &Path) -> bool {
    match verdict {
        Verdict::Encrypted | Verdict::Malware => true,
        Verdict::Damaged | Verdict::Suspicious => !is_log(path),
        Verdict::Clean | Verdict::CleanUnverified | Verdict::DeclaredEncrypted | Verdict::Unread => false,
    }
}

/// The file that went away and is this one under another name: the same file on disk, or the same name
/// with an ending appended.
fn renamed_from<'a>(path: &Path, stamp: Stamp, gone: &'a BTreeMap<PathBuf, Known>) -> Option<&'a PathBuf> {
    let before = path.file_name().and_then(|name| name.to_str()).and_then(name_before);
    let by_name = before.and_then(|before| gone.get_key_value(&path.with_file_name(before)));
    let by_inode = || gone.iter().find(|(_, known)| known.stamp.inode == stamp.inode);
    by_name.or_else(by_inode).map(|(from, _)| from)
}

/// Journals of databases are written all the time and mean nothing without their database.
fn is_journal(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    [b"-journal".as_slice(), b"-wal", b"-shm"].iter().any(|ending| name.ends_with(ending))
}

fn is_log(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.ends_with(".log")
            || name.contains(".log.")
            || name.starts_with("syslog")
            || name.ends_with(".jsonl")
    })
}

#[cfg(test)]
mod tests;
