//! Is somebody destroying this store right now?
//!
//! Knows the metadata of every file, and judges those that changed: a file that a writer has closed at once, where the kernel
//! tells of it, every other at the next look. What makes an alarm is in `signs`; what to do about it is not decided here.
//!
//! A store that cannot be looked at is not quiet: `Look::not_watched` says why, and nothing is concluded from what cannot be
//! seen there.
//!
//! What it cannot see: an attack slower than the burst (the scan of backups finds that), and whatever happens to a file that
//! nobody but the attacker can read.

#![allow(clippy::disallowed_methods, reason = "a watch rests in proportion to what a look costs")]

mod files;
mod names;
mod present;
mod signs;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::events::{Changes, Events, Notification};
use super::folder::{Entry, EntryKind, judge_file, list_one, look_at_one, walk};
use super::shown;
use crate::decoys::Decoy;
use estate::Id;
use files::{Files, Known, Stamp};
use incident::event::Suspicion;
use incident::scan::About;
use judge::unknown_ending;
use judge::{Beside, Verdict};
use names::{is_alarming, is_journal, renamed_from};
use present::Present;
pub use signs::{Burst, Limits};
use signs::{Signs, What};

/// A look follows the one before at the earliest after this many times as long as that one took.
const LOOK_REST: u32 = 4;
/// Times on disk are written in steps; a change within one step of the last look may not show in them.
const TIME_STEP_MS: i64 = 50;
/// A file that was closed is judged at once up to this size; a larger one at the next look, so that no giant holds up the rest.
const AT_ONCE_BYTES: u64 = 32 * 1024 * 1024;
/// A look at everything follows at the latest after this time, whatever the kernel tells: what is written through a mapping of
/// memory, or from another machine, it does not tell.
const LOOK_AT_LEAST_EVERY: Duration = Duration::from_secs(10);
/// Or, of a store that takes long to look at, after so many times as long as that took, up to half a minute.
const EVERYTHING_REST: u32 = 50;
const EVERYTHING_AT_LEAST_EVERY: Duration = Duration::from_secs(30);

/// Asked again and again while a look goes on, with what is known so far. `false`: break off, the program is to end.
pub type Beat<'b> = dyn FnMut(&mut StoreWatch) -> bool + 'b;

/// One store being watched.
#[derive(Debug)]
pub struct StoreWatch {
    pub store: Id,
    root: PathBuf,
    known: Files,
    signs: Signs,
    begun: bool,
    /// What the root was at the first look: its device, and whether it is a link.
    place: Option<(u64, bool)>,
    told: TellTale,
    pending: Pending,
    /// Files that nobody has reason to touch; taken out when somebody has.
    decoys: BTreeMap<PathBuf, Decoy>,
    /// Judged as soon as they were closed; the next look takes it from here.
    at_once: BTreeMap<PathBuf, (Stamp, Verdict)>,
    /// Why not everything is watched, as of the last look at everything.
    not_watched: Option<String>,
    everything: Option<Done>,
    last: Option<Done>,
}

/// When a look ended, and how long it took.
#[derive(Clone, Copy, Debug)]
struct Done {
    at: Instant,
    took: Duration,
}

/// What has to be looked at.
#[derive(Debug)]
struct Pending {
    everything: bool,
    /// Also those that could not be judged yet.
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
    trees: BTreeSet<PathBuf>,
}

impl Pending {
    fn all() -> Pending {
        Pending { everything: true, files: BTreeSet::new(), folders: BTreeSet::new(), trees: BTreeSet::new() }
    }

    fn is_empty(&self) -> bool {
        !self.everything && self.files.is_empty() && self.folders.is_empty() && self.trees.is_empty()
    }
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

/// What one look found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Files that the store has.
    pub files: usize,
    /// At the first look: files that are already encrypted.
    pub encrypted_at_start: Vec<PathBuf>,
    /// Folders and files that could not be looked at.
    pub unreadable: Vec<String>,
    /// Why nothing, or not all, of the store is watched at the moment.
    pub not_watched: Option<String>,
    /// It was broken off.
    pub is_broken_off: bool,
}

impl StoreWatch {
    pub fn new(store: Id, root: PathBuf, limits: Limits) -> StoreWatch {
        StoreWatch {
            signs: Signs::new(store.clone(), limits),
            store,
            root,
            known: Files::default(),
            begun: false,
            place: None,
            told: TellTale::Unknown,
            pending: Pending::all(),
            decoys: BTreeMap::new(),
            at_once: BTreeMap::new(),
            not_watched: None,
            everything: None,
            last: None,
        }
    }

    /// An alarm about so many files is open from before: it goes on growing from there.
    pub fn go_on(&mut self, about: About, files: u64) {
        self.signs.go_on(about, files);
    }

    /// Files of this store that nobody has reason to touch: one that is touched is an alarm.
    pub fn expect_untouched(&mut self, decoys: impl IntoIterator<Item = Decoy>) {
        self.decoys.extend(decoys.into_iter().map(|decoy| (decoy.path.clone(), decoy)));
    }

    /// Other content or nothing at all: other times or rights are no sign.
    fn look_at_decoy(&mut self, now_ms: i64, path: &Path) {
        let about = match self.decoys.get(path).map(Decoy::is_untouched) {
            Some(Ok(Some(false))) => match judge_file(path, Beside::default()).verdict {
                Verdict::Encrypted => About::Bad(Suspicion::Encrypted),
                Verdict::Malware => About::Bad(Suspicion::Malware),
                Verdict::Damaged => About::Bad(Suspicion::Damaged),
                Verdict::Suspicious
                | Verdict::Clean
                | Verdict::CleanUnverified
                | Verdict::DeclaredEncrypted
                | Verdict::Unread => About::Bad(Suspicion::Suspicious),
            },
            // Of a store that is not there nothing is concluded from one file.
            Some(Ok(None)) if self.root.exists() => About::Vanished,
            Some(Ok(None | Some(true)) | Err(_)) | None => return,
        };
        self.decoys.remove(path);
        self.signs.add(now_ms, path.to_owned(), What::Decoy(about));
    }

    /// Becomes readable when the kernel has something to tell.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match &self.told {
            TellTale::Kernel(events) => Some(events.descriptor()),
            TellTale::Unknown | TellTale::Looking(_) => None,
        }
    }

    /// Why only looking tells, if it does.
    pub fn is_only_looked_at(&self) -> Option<&str> {
        match &self.told {
            TellTale::Looking(why) => Some(why),
            TellTale::Kernel(_) | TellTale::Unknown => None,
        }
    }

    /// Hears what the kernel tells, and judges at once what a writer has closed.
    pub fn hear(&mut self, now_ms: i64, beat: &mut Beat<'_>) {
        let told = match &mut self.told {
            TellTale::Kernel(events) => events.told(),
            TellTale::Unknown | TellTale::Looking(_) => return,
        };
        match told {
            Notification::Nothing => {}
            Notification::TooMuch => {
                self.told = TellTale::Unknown;
                self.pending.everything = true;
            }
            Notification::Blind(why) => {
                self.told = TellTale::Looking(why);
                self.pending.everything = true;
            }
            Notification::Changes(changes) => self.note(now_ms, changes, beat),
        }
    }

    fn note(&mut self, now_ms: i64, changes: Changes, beat: &mut Beat<'_>) {
        if changes.trees.contains(&self.root) {
            self.pending.everything = true;
        }
        self.pending.files.extend(changes.files);
        self.pending.folders.extend(changes.folders);
        self.pending.trees.extend(changes.trees);
        for path in changes.created {
            if self.known.get(&path).is_none() {
                self.signs.comes(path);
            }
        }
        for path in changes.removed {
            self.look_at_decoy(now_ms, &path);
            self.signs.does_not_come(&path);
            let was_clean = self.known.get(&path).is_some_and(|known| known.was_clean);
            if was_clean && !path.exists() {
                self.signs.leaves(path);
                if !beat(self) {
                    return;
                }
            }
        }
        for path in changes.written {
            self.look_at_decoy(now_ms, &path);
            self.judge_at_once(now_ms, &path);
            if !beat(self) {
                return;
            }
        }
    }

    /// Whoever has closed a file has written what he wanted to. That it is encrypted counts now; anything less only at a look,
    /// because some programs write one file in several turns.
    fn judge_at_once(&mut self, now_ms: i64, path: &Path) {
        let Some(Entry { kind: EntryKind::File { metadata, beside }, .. }) = look_at_one(path) else {
            return;
        };
        let stamp = Stamp::of(&metadata);
        let is_known = self.known.get(path).is_some_and(|known| known.judged == Some(stamp) || known.rests());
        if is_known || is_journal(path) || metadata.len() > AT_ONCE_BYTES {
            return;
        }
        let begun = Instant::now();
        let verdict = judge_file(path, beside).verdict;
        if let Some(known) = self.known.get_mut(path) {
            known.rest_after(begun.elapsed());
        }
        let unchanged = std::fs::symlink_metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == stamp);
        if verdict == Verdict::Unread || !unchanged {
            return;
        }
        if verdict == Verdict::Encrypted || verdict == Verdict::Malware {
            match self.known.get_mut(path) {
                Some(known) => bad(&mut self.signs, known, now_ms, path, verdict),
                None => self.signs.arrives(path.to_owned(), verdict),
            }
        }
        if !is_fresh(now_ms, stamp) {
            self.at_once.insert(path.to_owned(), (stamp, verdict));
        }
    }

    /// Whether there is reason to look, and the last look is long enough ago.
    pub fn is_due(&self) -> bool {
        let looks = matches!(self.told, TellTale::Looking(_) | TellTale::Unknown);
        let has_reason = looks || !self.pending.is_empty() || self.is_everything_due();
        has_reason && has_rested(self.last, LOOK_REST, Duration::ZERO, LOOK_AT_LEAST_EVERY)
    }

    fn is_everything_due(&self) -> bool {
        has_rested(self.everything, EVERYTHING_REST, LOOK_AT_LEAST_EVERY, EVERYTHING_AT_LEAST_EVERY)
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

    /// Looks once, at everything or where something was told. The first look judges everything, so that later ones know what was
    /// clean.
    pub fn look(&mut self, now_ms: i64, beat: &mut Beat<'_>) -> Look {
        let begun = Instant::now();
        let mut pending =
            std::mem::replace(&mut self.pending, Pending { everything: false, ..Pending::all() });
        pending.everything |= self.is_everything_due()
            || !self.begun
            || self.is_only_looked_at().is_some()
            || self.root.is_file();
        if let Err(why) = self.place() {
            self.not_watched = Some(why);
            self.pending.everything = true;
            self.last = Some(Done { at: Instant::now(), took: begun.elapsed() });
            return Look {
                files: self.known.len(),
                not_watched: self.not_watched.clone(),
                ..Look::default()
            };
        }
        if pending.everything {
            self.be_told();
        }
        let look = self.look_at(now_ms, &pending, beat);
        let done = Done { at: Instant::now(), took: begun.elapsed() };
        self.last = Some(done);
        if look.is_broken_off {
            self.pending = pending;
        } else if pending.everything {
            self.everything = Some(done);
        }
        look
    }

    fn look_at(&mut self, now_ms: i64, pending: &Pending, beat: &mut Beat<'_>) -> Look {
        let present = self.present(pending);
        let mut look = Look { unreadable: present.complaints.clone(), ..Look::default() };
        if pending.everything {
            self.not_watched = present.why_not_watched(&self.root);
        } else if !present.unread.is_empty() {
            self.pending.everything = true;
        }
        let newly = self.take_names(now_ms, pending, &present);
        if pending.everything {
            let decoys: Vec<PathBuf> = self.decoys.keys().cloned().collect();
            decoys.iter().for_each(|path| self.look_at_decoy(now_ms, path));
        }
        if !beat(self) {
            look.is_broken_off = true;
            return look;
        }
        for (path, (stamp, beside)) in &present.files {
            let verdict = self.judge_if_due(now_ms, path, *stamp, *beside, newly.contains(path));
            if !self.begun && verdict == Some(Verdict::Encrypted) {
                look.encrypted_at_start.push(path.clone());
            }
            if !beat(self) {
                look.is_broken_off = true;
                return look;
            }
        }
        let open = |path: &PathBuf| self.known.get(path).is_some_and(|known| !known.is_judged());
        self.pending.files.extend(present.files.keys().filter(|path| open(path)).cloned());
        self.pending.everything |= self.not_watched.is_some();
        self.begun = true;
        self.at_once.clear();
        self.signs.looked(&self.known);
        self.signs.forget(now_ms);
        look.files = self.known.len();
        look.not_watched.clone_from(&self.not_watched);
        look
    }

    /// What lies at the places to look at.
    fn present(&self, pending: &Pending) -> Present {
        let mut present = Present::default();
        if pending.everything {
            present.add(walk(&self.root), &self.root);
            return present;
        }
        for tree in &pending.trees {
            let is_folder = std::fs::symlink_metadata(tree).is_ok_and(|metadata| metadata.is_dir());
            present.add(
                if is_folder { walk(tree) } else { look_at_one(tree).into_iter().collect() },
                &self.root,
            );
        }
        for folder in &pending.folders {
            present.add(list_one(folder), &self.root);
        }
        let is_listed = |path: &Path| path.parent().is_some_and(|folder| pending.folders.contains(folder));
        for path in pending.files.iter().filter(|path| !is_listed(path)) {
            present.add(look_at_one(path).into_iter().collect(), &self.root);
        }
        present
    }

    /// Which files are new, have another name or are gone. Nothing is read for it, so it comes before all judging.
    fn take_names(&mut self, now_ms: i64, pending: &Pending, present: &Present) -> BTreeSet<PathBuf> {
        let gone = self.take_gone(pending, present);
        let by_inode: BTreeMap<u64, &PathBuf> =
            gone.iter().map(|(path, known)| (known.stamp.inode, path)).collect();
        let (mut newly, mut claimed) = (BTreeSet::new(), BTreeSet::new());
        for (path, (stamp, _)) in &present.files {
            if self.known.get(path).is_none() {
                let from = renamed_from(path, *stamp, &gone, &by_inode);
                self.meet(now_ms, path, *stamp, from);
                claimed.extend(from.map(|(from, _)| from.clone()));
                newly.insert(path.clone());
            }
        }
        for (path, known) in gone {
            if known.was_clean && !claimed.contains(&path) {
                self.signs.add(now_ms, path, What::Gone);
            }
        }
        newly
    }

    /// What lies in a part that cannot be read may be there all the same.
    fn take_gone(&mut self, pending: &Pending, present: &Present) -> BTreeMap<PathBuf, Known> {
        let is_gone = |path: &Path| {
            let is_hidden = || path.ancestors().any(|part| present.unread.contains(part));
            !present.files.contains_key(path) && (present.unread.is_empty() || !is_hidden())
        };
        let mut gone = Vec::new();
        if pending.everything {
            gone.extend(self.known.take_below(&self.root, is_gone));
            if is_gone(&self.root) {
                gone.extend(self.known.take(&self.root));
            }
        } else {
            pending.trees.iter().for_each(|tree| gone.extend(self.known.take_below(tree, is_gone)));
            pending.folders.iter().for_each(|folder| gone.extend(self.known.take_in(folder, is_gone)));
            let files = pending.files.iter().chain(&pending.trees);
            files.filter(|path| is_gone(path)).for_each(|path| gone.extend(self.known.take(path)));
        }
        gone.into_iter().collect()
    }

    /// A file that was not there at the last look.
    fn meet(&mut self, now_ms: i64, path: &Path, stamp: Stamp, from: Option<(&PathBuf, &Known)>) {
        match from {
            // What only has another name is what it was: nobody lost anything by it.
            Some((_, before)) if before.stamp.has_the_content_of(&stamp) => {}
            Some(_) => {
                if let Some(ending) = path.file_name().and_then(|name| name.to_str()).and_then(unknown_ending)
                {
                    self.signs.add(now_ms, path.to_owned(), What::Renamed { ending });
                }
            }
            None if self.begun => self.signs.add(now_ms, path.to_owned(), What::Arrived),
            None => {}
        }
        let was_clean = from.is_some_and(|(_, before)| before.was_clean);
        let known = Known { stamp, judged: None, was_clean, has_counted: false, rest_until: None };
        self.known.insert(path, known);
    }

    /// Judges a file whose stamp is new and has not moved since the last look: one being written is not
    /// accused of being half a file.
    fn judge_if_due(
        &mut self,
        now_ms: i64,
        path: &Path,
        stamp: Stamp,
        beside: Beside,
        newly: bool,
    ) -> Option<Verdict> {
        let known = self.known.get_mut(path)?;
        let still = known.stamp == stamp && !newly;
        known.stamp = stamp;
        if known.judged == Some(stamp) {
            return None;
        }
        let at_once =
            self.at_once.get(path).filter(|(judged, _)| *judged == stamp).map(|(_, verdict)| *verdict);
        let verdict = match at_once {
            Some(verdict) => verdict,
            None => {
                if known.rests() || (self.begun && !still) {
                    return None;
                }
                let begun = Instant::now();
                let verdict = judge_file(path, beside).verdict;
                known.rest_after(begun.elapsed());
                let unchanged =
                    std::fs::symlink_metadata(path).is_ok_and(|metadata| Stamp::of(&metadata) == stamp);
                if verdict == Verdict::Unread || !unchanged {
                    return None;
                }
                verdict
            }
        };
        // Written a moment ago: another write may hide behind the same time, so it is judged once more.
        let fresh = is_fresh(now_ms, stamp);
        known.judged = (!fresh).then_some(stamp);
        let is_bad = is_alarming(verdict, path);
        if verdict.is_clean() {
            (known.was_clean, known.has_counted) = (true, false);
        } else if is_bad && !self.begun {
            known.has_counted = true;
        } else if is_bad && !fresh {
            bad(&mut self.signs, known, now_ms, path, verdict);
        }
        Some(verdict)
    }

    /// Whether anything that may make a burst has happened since this was asked last.
    pub fn has_news(&mut self) -> bool {
        self.begun && self.signs.take_news()
    }

    /// The bursts that the signs of the last while amount to, one of a sort.
    pub fn bursts(&self, now_ms: i64) -> Vec<Burst> {
        self.signs.bursts(now_ms, &self.known)
    }

    /// The burst is recorded, or known.
    pub fn settled(&mut self, burst: &Burst) {
        self.signs.settled(burst, &mut self.known);
    }

    /// At the first look: so many files are encrypted that an attack happened while nobody watched.
    pub fn burst_at_start(&self, look: &Look) -> Option<Burst> {
        self.signs.at_start(look.files, &look.encrypted_at_start, &self.known)
    }
}

fn has_rested(done: Option<Done>, times: u32, least: Duration, most: Duration) -> bool {
    done.is_none_or(|done| done.at.elapsed() >= (done.took * times).clamp(least, most))
}

/// Counts once, until it is clean again.
fn bad(signs: &mut Signs, known: &mut Known, now_ms: i64, path: &Path, verdict: Verdict) {
    let was_clean = std::mem::replace(&mut known.was_clean, false);
    if !std::mem::replace(&mut known.has_counted, true) {
        let what = if was_clean { What::WentBad(verdict) } else { What::BadFromBirth(verdict) };
        signs.add(now_ms, path.to_owned(), what);
    }
}

fn is_fresh(now_ms: i64, stamp: Stamp) -> bool {
    let age_ms = i128::from(now_ms) - stamp.changed_ns / 1_000_000;
    age_ms.abs() <= i128::from(TIME_STEP_MS)
}

#[cfg(test)]
mod tests;
