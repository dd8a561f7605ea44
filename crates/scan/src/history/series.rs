//! One series of snapshots, one after the other: what is bad now, since when, and where it was last clean.
//!
//! Only what is bad is remembered by path; that a file is clean follows from the tree and the verdicts. A file
//! is compared with its *last good version*, which may be older than its previous one, so that damage does not
//! become normal by being saved once more. The previous version of a file that is new under its name is looked
//! for in this order:
//!
//! 1. the same name, from when it was last there;
//! 2. the name without what was appended to it (`letter.docx.locked`, `letter.docx.age`), if that is gone;
//! 3. the same bytes under a name that is gone: the file was moved, and what was clean stays clean;
//! 4. for a file that is bad: one of its name that is gone from another folder since the snapshot before: it was changed
//!    and moved at once;
//! 5. one that is gone from the same folder since the snapshot before: for a file that is bad, of about its size; for
//!    one of a type that cannot be verified, of exactly its size.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::lookup::{holds_anything, version_in};
use super::loss::{self, Loss, MassLoss, Vanished};
use super::outcome::{Bad, BadVersion, Ended, Lost, unread_part};
use super::renamed::{also_renamed, is_renamed_by};
use super::signs::{Signs, Usual};
use super::vanished::{Departures, Good, PathHistory, VanishedPaths};
use super::{Archive, Change, Version, Walk, changes};
use crate::snapshots::{Past, Tally, Weight, weigh};
use judge::name_before;
use judge::{Judgement, Verdict};

/// How far back versions of a file are looked for beyond the snapshots that are judged.
const OLDER_MAX: usize = 50;
/// Files that vanished in snapshots that are not clean, named in the answer.
const LOST_MAX: usize = 100_000;

/// What one snapshot came to.
#[derive(Clone, Debug)]
pub struct Step {
    pub tally: Tally,
    pub signs: Vec<String>,
    /// Many files vanished, in this snapshot or before, and are not back.
    pub missing: Vec<Missing>,
}

/// Many files that vanished together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The first snapshot without them.
    pub gone_in: usize,
    pub files: usize,
    /// Files that there were before.
    pub of: u64,
}

/// Where a file that is new under its name comes from.
enum Origin<C> {
    Nowhere,
    /// A version of the same file.
    Before(PathHistory<C>),
    /// The same bytes under another name.
    Moved(PathHistory<C>),
    /// It stands where another one of its size stood.
    InPlaceOf(Rc<Path>, PathHistory<C>),
    /// Nothing like it was there, and files vanished around it in the same step.
    AmidLoss(Loss),
}

/// What has to wait until all differences are known: one may be the past of another.
struct Waiting<C> {
    removed: Vec<(Rc<Path>, Version<C>)>,
    added: Vec<(Rc<Path>, Version<C>)>,
}

pub struct Series<A: Archive> {
    tree: Option<A::Tree>,
    last: usize,
    tally: Tally,
    bad: BTreeMap<Rc<Path>, Bad<A::Content>>,
    /// Files that count as good and whose verdict is not clean on their bytes alone: clean beside their past, or accepted.
    settled: BTreeMap<Rc<Path>, Verdict>,
    unread: BTreeMap<Rc<Path>, (String, usize)>,
    /// Files in parts that cannot be read: nobody knows whether they are gone.
    hidden: BTreeSet<Rc<Path>>,
    gone: VanishedPaths<A::Content>,
    usual: Usual,
    /// Snapshots before the first one that is judged, newest first: place in the order, and tree.
    older: Vec<(usize, A::Tree)>,
    over: Vec<BadVersion>,
    lost: Vec<Lost>,
    mass_losses: Vec<MassLoss>,
}

impl<A: Archive> Series<A> {
    /// `older`: snapshots of the series before the first that will be judged, newest first.
    pub fn new(mut older: Vec<(usize, A::Tree)>) -> Series<A> {
        older.truncate(OLDER_MAX);
        Series {
            tree: None,
            last: 0,
            tally: Tally::default(),
            bad: BTreeMap::new(),
            settled: BTreeMap::new(),
            unread: BTreeMap::new(),
            hidden: BTreeSet::new(),
            gone: VanishedPaths { known: HashMap::new(), order: VecDeque::new() },
            usual: Usual::default(),
            older,
            over: Vec::new(),
            lost: Vec::new(),
            mass_losses: Vec::new(),
        }
    }

    /// Everything that would be asked of the archive for the next snapshot, as far as trees alone can tell: files
    /// to be judged, and files to be compared with their previous version. Keeps nothing but the tree.
    pub fn foresee(&mut self, archive: &A, tree: A::Tree, tell: &mut dyn FnMut(Change<A::Content>)) {
        let older = self.older.first().map(|(_, tree)| *tree);
        let (old, walk) = match (self.tree, older) {
            (None, Some(older)) => (Some(older), Walk::Everything),
            (old, _) => (old, Walk::Differences),
        };
        changes::between(archive, old, tree, walk, &mut |change| match (change, walk) {
            // Nothing that came before has been judged, so what is gone has to be as well.
            (Change::Removed { path, before }, Walk::Everything) => tell(Change::Same { path, now: before }),
            (Change::Renamed { former, before, path, now }, Walk::Everything) => {
                tell(Change::Same { path: former.clone(), now: before.clone() });
                tell(Change::Renamed { former, before, path, now });
            }
            (change, _) => tell(change),
        });
        self.tree = Some(tree);
    }

    /// Judges the next snapshot of the series; `at` is its place in the order.
    pub fn step(&mut self, archive: &A, at: usize, tree: A::Tree) -> Step {
        let mut signs = Signs::default();
        let older = self.older.first().copied();
        match (self.tree, older) {
            (None, None) => self.first(archive, at, tree),
            (None, Some((seen, older))) => {
                self.last = seen;
                self.differences(archive, at, Some(older), tree, &mut signs);
                self.unchanged(archive, at, older, tree);
            }
            (Some(old), _) => self.differences(archive, at, Some(old), tree, &mut signs),
        }
        self.tally.unread_parts = self.unread.len() as u64;
        self.tree = Some(tree);
        self.last = at;
        self.mass_losses.retain(|loss| loss.missing().is_some());
        let missing = self.mass_losses.iter().map(|loss| Missing {
            gone_in: loss.at,
            files: loss.missing().unwrap_or(0),
            of: loss.files_before,
        });
        let missing = missing.collect();
        Step { tally: self.tally.clone(), signs: signs.said(&mut self.usual, self.tally.files()), missing }
    }

    /// All that was bad, and all that vanished from snapshots that are not clean.
    pub fn end(self) -> Ended<A::Content> {
        Ended { over: self.over, bad: self.bad, unread: self.unread, lost: self.lost }
    }

    /// Nothing came before: nothing is removed, so every file is settled as it is met.
    fn first(&mut self, archive: &A, at: usize, tree: A::Tree) {
        changes::between(archive, None, tree, Walk::Differences, &mut |change| match change {
            Change::Added { path, now } => self.arrive(archive, at, path, &now, Origin::Nowhere),
            Change::Unread { path, why } => {
                self.unread.insert(path, (why, at));
            }
            Change::Changed { .. }
            | Change::Removed { .. }
            | Change::Renamed { .. }
            | Change::Same { .. }
            | Change::Renewed { .. } => {}
        });
    }

    /// Files that are the same as in the newest snapshot that is not judged itself.
    fn unchanged(&mut self, archive: &A, at: usize, older: A::Tree, tree: A::Tree) {
        changes::between(archive, Some(older), tree, Walk::Everything, &mut |change| {
            if let Change::Same { path, now } = change {
                self.arrive(archive, at, path, &now, Origin::Nowhere);
            }
        });
    }

    /// Tells `signs` of every difference and settles at once what needs nothing but itself.
    fn meet(
        &mut self,
        archive: &A,
        at: usize,
        old: Option<A::Tree>,
        tree: A::Tree,
        signs: &mut Signs<A::Content>,
    ) -> Waiting<A::Content> {
        let (mut unread, mut removed, mut added) = (vec![], vec![], vec![]);
        changes::between(archive, old, tree, Walk::Differences, &mut |change| match change {
            Change::Renewed { path } => {
                if let Some((why, from)) = self.unread.remove(&path) {
                    self.over.push(unread_part(path, why, from, Some(at)));
                }
            }
            Change::Unread { path, why } => unread.push((path, (why, at))),
            Change::Removed { path, before } => removed.push((path, before)),
            // It is itself its past, so it need not wait for all the others.
            Change::Changed { path, before, now } => {
                signs.changed(&path, &before, &now);
                let known = self.leave(archive, at, &path, &before);
                self.arrive(archive, at, path, &now, Origin::Before(known));
            }
            // So is its former version, unless the bytes or the name have another past.
            Change::Renamed { former, before, path, now }
                if before.content != now.content && !self.gone.known.contains_key(&path) =>
            {
                signs.removed();
                signs.renamed(&former, &path, &before, &now);
                let known = self.leave(archive, at, &former, &before);
                self.gone.add_explained(former, known.clone());
                self.mass_losses.iter_mut().for_each(|loss| loss.is_back(&path));
                self.arrive(archive, at, path, &now, Origin::Before(known));
            }
            Change::Renamed { former, before, path, now } => {
                removed.push((former, before));
                added.push((path, now));
            }
            Change::Added { path, now } => added.push((path, now)),
            Change::Same { .. } => {}
        });
        self.unread.extend(unread);
        Waiting { removed, added }
    }

    fn differences(
        &mut self,
        archive: &A,
        at: usize,
        old: Option<A::Tree>,
        tree: A::Tree,
        signs: &mut Signs<A::Content>,
    ) {
        let mut files_before = self.tally.files();
        let Waiting { removed, added } = self.meet(archive, at, old, tree, signs);
        let mut left = Departures::new();
        let hidden = self.hidden.len();
        let vanished_while_hidden = self.no_longer_hidden(&added);
        files_before += (hidden - self.hidden.len()) as u64;
        for path in vanished_while_hidden {
            signs.removed();
            left.add_gone_before(path);
        }
        let arrived: HashSet<&A::Content> =
            added.iter().filter(|(_, now)| now.bytes > 0).map(|(_, now)| &now.content).collect();
        for (path, before) in removed {
            let known = self.leave(archive, at, &path, &before);
            if self.is_in_an_unread_part(&path) {
                self.hidden.insert(path.clone());
            } else {
                signs.removed();
                left.add(&path, &before, arrived.contains(&before.content));
            }
            self.gone.add(path, known);
        }
        drop(arrived);
        left.find_moved();
        // First all that came back, so that nobody takes a file that is there for one that is gone.
        let mut back: BTreeMap<usize, PathHistory<A::Content>> = added
            .iter()
            .enumerate()
            .filter_map(|(number, (path, _))| Some((number, self.gone.take(path)?)))
            .collect();
        for loss in &mut self.mass_losses {
            added.iter().for_each(|(path, _)| loss.is_back(path));
        }
        let mut from_nowhere = Vec::new();
        for (number, (path, now)) in added.into_iter().enumerate() {
            match self.origin(archive, &path, &now, back.remove(&number), &mut left, signs) {
                Origin::Nowhere => from_nowhere.push((path, now)),
                origin => self.arrive(archive, at, path, &now, origin),
            }
        }
        // Only now it is known of which files nobody can say what became of them.
        let vanished: Vec<Rc<Path>> = left.unexplained().cloned().collect();
        for (path, now) in from_nowhere {
            let origin = loss::around(&path, &vanished).map_or(Origin::Nowhere, Origin::AmidLoss);
            self.arrive(archive, at, path, &now, origin);
        }
        self.later_losses(&vanished);
        let is_left = |folder: &Path| holds_anything(archive, tree, folder);
        let mass = MassLoss::of(at, files_before, &vanished, is_left).filter(|_| files_before > 0);
        if mass.is_some() || self.tally.is_blocked() {
            self.remember_lost(at, &left);
        }
        self.mass_losses.extend(mass);
        self.gone.forget_the_oldest();
    }

    fn is_in_an_unread_part(&self, path: &Path) -> bool {
        !self.unread.is_empty() && path.ancestors().any(|part| self.unread.contains_key(part))
    }

    /// Files of parts that could not be read before and can be now, as far as they are not there: those are gone.
    fn no_longer_hidden(&mut self, added: &[(Rc<Path>, Version<A::Content>)]) -> Vec<Rc<Path>> {
        if self.hidden.is_empty() {
            return Vec::new();
        }
        let (hidden, seen): (BTreeSet<Rc<Path>>, BTreeSet<Rc<Path>>) =
            std::mem::take(&mut self.hidden).into_iter().partition(|path| self.is_in_an_unread_part(path));
        self.hidden = hidden;
        let there: BTreeSet<&Path> = added.iter().map(|(path, _)| &**path).collect();
        seen.into_iter().filter(|path| !there.contains(&**path)).collect()
    }

    /// Archives that were tolerated while nothing was missing, and of which that is no longer true.
    fn later_losses(&mut self, vanished: &[Rc<Path>]) {
        let vanished = Vanished::new(vanished);
        for (path, bad) in &mut self.bad {
            if bad.weight != Weight::Own || !vanished.is_what_stands_in(path) {
                continue;
            }
            self.tally.remove(bad.judgement.verdict, bad.weight);
            (bad.weight, bad.known.past, bad.known.is_own) = (Weight::Blocks, Past::WentBad, false);
            self.tally.add(bad.judgement.verdict, bad.weight);
            let mut judgement = (*bad.judgement).clone();
            judgement.reasons.push("what it stands beside vanished later".to_owned());
            bad.judgement = Rc::new(judgement);
            let former = without_appended(path).and_then(|former| self.gone.known.get(former.as_path()));
            if bad.known.good.is_none() {
                bad.known.good = former.and_then(|known| known.good.clone());
            }
        }
    }

    /// The former version is no longer there: takes it out of the sums and returns what was known of it.
    fn leave(
        &mut self,
        archive: &A,
        at: usize,
        path: &Rc<Path>,
        before: &Version<A::Content>,
    ) -> PathHistory<A::Content> {
        let name = path.file_name().unwrap_or_default();
        let good = || Rc::new(Good { path: path.clone(), version: before.clone(), snapshot: self.last });
        if self.tree.is_none() {
            // The snapshot before is not judged itself; only this file of it is.
            let verdict = archive.judged(name, before).verdict;
            let past = past_of(verdict);
            return PathHistory { past, verdict, good: verdict.is_clean().then(good), is_own: false };
        }
        self.tally.remove_bytes(before.bytes, archive.not_looked_at(name, before));
        if let Some(bad) = self.bad.remove(&**path) {
            self.tally.remove(bad.judgement.verdict, bad.weight);
            let mut known = bad.known.clone();
            // Nothing speaks against an archive with a password that was tolerated: a later version is compared with it.
            if is_let_pass(known.verdict, bad.weight) && known.good.is_none() {
                known.good = Some(good());
            }
            self.over.push(bad.ended(path.clone(), Some(at)));
            return known;
        }
        let verdict = self.settled.remove(&**path).unwrap_or_else(|| archive.judged(name, before).verdict);
        let known = PathHistory { past: Past::Good, verdict, good: Some(good()), is_own: false };
        self.tally.remove(verdict, if verdict.is_clean() { Weight::Good } else { Weight::Accepted });
        known
    }

    /// Where a file that is new under its name comes from.
    fn origin(
        &self,
        archive: &A,
        path: &Path,
        now: &Version<A::Content>,
        back: Option<PathHistory<A::Content>>,
        left: &mut Departures<A::Content>,
        signs: &mut Signs<A::Content>,
    ) -> Origin<A::Content> {
        if let Some(known) = back {
            signs.added(path, now);
            return Origin::Before(known);
        }
        if let Some(former) = left.of_its_content(&now.content).filter(|_| now.bytes > 0)
            && let Some(known) = self.gone.known.get(former)
        {
            signs.moved();
            return Origin::Moved(known.clone());
        }
        if let Some(former) = without_appended(path)
            && let Some((former, known)) = self.gone.known.get_key_value(former.as_path())
        {
            if let Some(good) = &known.good {
                signs.renamed(former, path, &good.version, now);
            }
            left.mark_found(former.clone());
            return Origin::Before(known.clone());
        }
        signs.added(path, now);
        let verdict = archive.judged(path.file_name().unwrap_or_default(), now).verdict;
        let former = match verdict {
            Verdict::Clean => None,
            // Of no known type under a new name: beside what stood there it may show what it hides alone.
            Verdict::CleanUnverified => {
                let same = now.bytes..=now.bytes;
                left.of_its_name(path, &same).or_else(|| left.of_a_size(path, same))
            }
            _ => left.of_its_name(path, &(0..=u64::MAX)).or_else(|| left.of_its_size(path, now.bytes)),
        };
        match former {
            Some(former) => match self.gone.known.get(&former) {
                Some(known) if verdict.is_clean() => Origin::Before(known.clone()),
                Some(known) => Origin::InPlaceOf(former, known.clone()),
                None => Origin::Nowhere,
            },
            None => Origin::Nowhere,
        }
    }

    fn arrive(
        &mut self,
        archive: &A,
        at: usize,
        path: Rc<Path>,
        now: &Version<A::Content>,
        origin: Origin<A::Content>,
    ) {
        let name = path.file_name().unwrap_or_default();
        let alone = archive.judged(name, now);
        self.tally.add_bytes(now.bytes, archive.not_looked_at(name, now));
        let may_be_accepted = may_be_accepted(&origin, now);
        let mut amid_loss = false;
        let mut is_own = self.tree.is_some() && matches!(origin, Origin::Nowhere);
        let (mut judgement, mut known) = match origin {
            Origin::Nowhere => (alone.clone(), None),
            Origin::AmidLoss(loss) => {
                amid_loss = loss::stands_for_what_vanished(loss, alone.verdict);
                (if amid_loss { loss::beside(&alone, loss) } else { alone.clone() }, None)
            }
            Origin::Before(known) => (self.beside_its_past(archive, name, now, &alone, &known), Some(known)),
            // The same bytes cannot have become worse by another name.
            Origin::Moved(known) if known.verdict.is_clean() && !alone.verdict.is_clean() => {
                let reasons = vec!["the same bytes were clean under their former name".to_owned()];
                (Rc::new(Judgement { verdict: known.verdict, reasons, ..(*alone).clone() }), Some(known))
            }
            Origin::Moved(known) => (alone.clone(), Some(known)),
            Origin::InPlaceOf(former, known) => (in_place_of(&alone, &former, &known), Some(known)),
        };
        if !judgement.verdict.is_clean()
            && self.tree.is_none()
            && known.as_ref().is_none_or(|known| known.good.is_none())
        {
            known = self.in_older(archive, &path, now).or(known);
            if let Some(known) = &known {
                judgement = self.beside_its_past(archive, name, now, &judgement, known);
            }
        }
        let is_accepted = || {
            (may_be_accepted && archive.is_accepted(&now.content))
                || archive.is_accepted_at(&now.content, &path)
        };
        if !judgement.verdict.is_clean() && is_accepted() {
            self.tally.add(judgement.verdict, Weight::Accepted);
            self.settled.insert(path, judgement.verdict);
            return;
        }
        let before = known.as_ref().map(|known| known.past);
        let (weight, past) =
            weigh(judgement.verdict, before.or(if amid_loss { Some(Past::Good) } else { None }));
        is_own = weight == Weight::Tolerable
            && judgement.verdict == Verdict::DeclaredEncrypted
            && known.as_ref().map_or(is_own, |known| known.is_own);
        let weight = if is_own { Weight::Own } else { weight };
        self.tally.add(judgement.verdict, weight);
        if !judgement.verdict.is_clean() {
            // What was tolerated may be compared with, but is not said to be the last clean version.
            let good = known.and_then(|known| known.good).filter(|_| !is_let_pass(judgement.verdict, weight));
            let known = PathHistory { past, verdict: judgement.verdict, good, is_own };
            let digest = archive.digest(&now.content);
            self.bad.insert(path, Bad { judgement, digest, weight, known, from: at });
        } else if judgement.verdict != alone.verdict {
            self.settled.insert(path, judgement.verdict);
        }
    }

    /// With a good version to compare with, the verdict of both; what is encrypted already needs none.
    fn beside_its_past(
        &self,
        archive: &A,
        name: &OsStr,
        now: &Version<A::Content>,
        alone: &Rc<Judgement>,
        known: &PathHistory<A::Content>,
    ) -> Rc<Judgement> {
        let settled = matches!(alone.verdict, Verdict::Encrypted | Verdict::Malware | Verdict::Unread);
        let Some(good) = known.good.as_ref().filter(|good| !settled && good.version.content != now.content)
        else {
            return alone.clone();
        };
        let former = good.path.file_name().unwrap_or_default();
        let judgement = archive.compared(name, now, (former, &good.version));
        let at_once = good.snapshot == self.last && is_renamed_by(name, former);
        if at_once { also_renamed(judgement) } else { judgement }
    }

    /// The last good version in snapshots before those that are judged, else whatever version there was.
    fn in_older(
        &self,
        archive: &A,
        path: &Path,
        now: &Version<A::Content>,
    ) -> Option<PathHistory<A::Content>> {
        let former = without_appended(path);
        let mut other = None;
        for (snapshot, tree) in &self.older {
            for path in std::iter::once(path).chain(former.as_deref()) {
                let Some(version) = version_in(archive, *tree, path) else { continue };
                if version.content == now.content {
                    continue;
                }
                let verdict = archive.judged(path.file_name().unwrap_or_default(), &version).verdict;
                let past = past_of(verdict);
                if verdict.is_clean() {
                    let good = Rc::new(Good { path: path.into(), version, snapshot: *snapshot });
                    return Some(PathHistory { past, verdict, good: Some(good), is_own: false });
                }
                other.get_or_insert(PathHistory { past, verdict, good: None, is_own: false });
            }
        }
        other
    }

    /// Whatever vanished together with an attack may have been taken by it, and so much at once is worth its names.
    fn remember_lost(&mut self, at: usize, left: &Departures<A::Content>) {
        for path in left.unexplained() {
            if self.lost.len() >= LOST_MAX {
                return;
            }
            if let Some(good) = self.gone.known.get(path).and_then(|known| known.good.as_ref()) {
                self.lost.push(Lost { path: path.clone(), gone_in: at, last_clean: good.snapshot });
            }
        }
    }
}

/// What a person accepted is accepted where it stands for itself. Where it has taken the place of something else that was good, the
/// other is what is missed: whoever overwrites every file with one accepted content has destroyed them all.
fn may_be_accepted<C: PartialEq>(origin: &Origin<C>, now: &Version<C>) -> bool {
    match origin {
        Origin::Nowhere | Origin::Moved(_) => true,
        Origin::Before(known) => known.good.as_ref().is_none_or(|good| good.version.content == now.content),
        Origin::InPlaceOf(..) | Origin::AmidLoss(_) => false,
    }
}

/// An archive with a password that nothing speaks against.
fn is_let_pass(verdict: Verdict, weight: Weight) -> bool {
    verdict == Verdict::DeclaredEncrypted && weight != Weight::Blocks
}

fn in_place_of<C>(alone: &Rc<Judgement>, former: &Path, known: &PathHistory<C>) -> Rc<Judgement> {
    if known.good.is_none() {
        return alone.clone();
    }
    let former = crate::shown::path(former.file_name().unwrap_or_default());
    let mut judgement = (**alone).clone();
    judgement.reasons.push(format!("stands where {former} stood, which was clean, and is gone"));
    Rc::new(judgement)
}

fn past_of(verdict: Verdict) -> Past {
    match verdict {
        Verdict::Clean | Verdict::CleanUnverified => Past::Good,
        Verdict::Encrypted | Verdict::Malware => Past::WentBad,
        Verdict::DeclaredEncrypted | Verdict::Suspicious | Verdict::Damaged | Verdict::Unread => {
            Past::AlwaysBad(verdict)
        }
    }
}

/// `letter.docx.locked` as `letter.docx`, if `.locked` is no ending that anybody uses.
fn without_appended(path: &Path) -> Option<PathBuf> {
    Some(path.with_file_name(name_before(path.file_name()?.to_str()?)?))
}
