//! What vanished around a file that is new, and what that says about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use judge::name_before;
use judge::{Judgement, Verdict};

/// This many files that vanish without a trace in one step: nothing new that is bad is tolerated any longer.
const MUCH_VANISHED: usize = 20;
/// This many from below a file's folder are as good as one from the folder itself.
const SEVERAL_VANISHED: usize = 3;

/// Fewer files gone are an ordinary day, however small the folder.
pub(crate) const MASS_MIN: usize = 10;

/// Files that vanished together, so many that it has to be said in every snapshot without them.
#[derive(Clone)]
pub(super) struct MassLoss {
    /// The first snapshot without them.
    pub(super) at: usize,
    /// Files that there were before.
    pub(super) files_before: u64,
    vanished: usize,
    missing: BTreeSet<Rc<Path>>,
}

impl MassLoss {
    /// A fifth of all files, or all of a folder. `is_left`: whether a folder still holds anything.
    pub(super) fn of(
        at: usize,
        files_before: u64,
        vanished: &[Rc<Path>],
        is_left: impl Fn(&Path) -> bool,
    ) -> Option<MassLoss> {
        let much = vanished.len() as u64 * 5 >= files_before;
        if vanished.len() < MASS_MIN || !(much || folders(vanished).any(|folder| !is_left(folder))) {
            return None;
        }
        let missing = vanished.iter().cloned().collect();
        Some(MassLoss { at, files_before, vanished: vanished.len(), missing })
    }

    pub(super) fn is_back(&mut self, path: &Path) {
        self.missing.remove(path);
    }

    /// How many are missing still; `None` once most of them are back.
    pub(super) fn missing(&self) -> Option<usize> {
        (self.missing.len() * 2 > self.vanished).then_some(self.missing.len())
    }
}

/// Folders below which many vanished.
fn folders(vanished: &[Rc<Path>]) -> impl Iterator<Item = &Path> {
    let mut counts: BTreeMap<&Path, usize> = BTreeMap::new();
    for folder in vanished.iter().flat_map(|path| path.ancestors().skip(1)) {
        *counts.entry(folder).or_default() += 1;
    }
    counts.into_iter().filter(|(_, count)| *count >= MASS_MIN).map(|(folder, _)| folder)
}

/// What vanished in one step, for many questions about it.
pub(super) struct Vanished<'a> {
    paths: BTreeSet<&'a Path>,
    beside: BTreeMap<&'a Path, usize>,
}

impl<'a> Vanished<'a> {
    pub(super) fn new(vanished: &'a [Rc<Path>]) -> Vanished<'a> {
        let mut beside = BTreeMap::new();
        for folder in vanished.iter().filter_map(|gone| gone.parent()) {
            *beside.entry(folder).or_default() += 1;
        }
        Vanished { paths: vanished.iter().map(|gone| &**gone).collect(), beside }
    }

    /// Whether an archive with a password stands for what vanished only now: the file that it is named after, the folder
    /// that it is named after, or much from beside it.
    pub(super) fn is_what_stands_in(&self, path: &Path) -> bool {
        let named_after = path.file_name().and_then(|name| name.to_str()).and_then(name_before);
        let file = named_after.map(|name| path.with_file_name(name));
        let folder = path.with_extension("");
        // Whatever lies below a folder follows it in the order of paths.
        let below = self.paths.range(folder.as_path()..).take_while(|gone| gone.starts_with(&folder));
        let beside = path.parent().and_then(|folder| self.beside.get(folder)).copied().unwrap_or(0);
        file.is_some_and(|file| self.paths.contains(file.as_path()))
            || below.take(SEVERAL_VANISHED).count() >= SEVERAL_VANISHED
            || beside >= MUCH_VANISHED
    }
}

/// How much vanished in the step in which a file arrived. Whoever packs files into an archive with a password and deletes
/// them leaves one file that says itself that it is encrypted, and no version before it.
#[derive(Clone, Copy)]
pub(super) enum Loss {
    /// From its own folder, or several from below it.
    Near(usize),
    /// So much that nothing bad that is new may be tolerated.
    Much(usize),
}

/// What vanished around a path, if it is worth a thought.
pub(super) fn around(path: &Path, vanished: &[Rc<Path>]) -> Option<Loss> {
    let folder = path.parent()?;
    if vanished.len() >= MUCH_VANISHED {
        return Some(Loss::Much(vanished.len()));
    }
    let beside = vanished.iter().filter(|gone| gone.parent() == Some(folder)).count();
    let below = vanished.iter().filter(|gone| gone.starts_with(folder)).count();
    if beside > 0 || below >= SEVERAL_VANISHED { Some(Loss::Near(below)) } else { None }
}

/// Whether a new file of this verdict counts as standing in the place of what vanished around it.
pub(super) fn stands_for_what_vanished(loss: Loss, verdict: Verdict) -> bool {
    match (loss, verdict) {
        (Loss::Near(_), Verdict::DeclaredEncrypted) => true,
        (Loss::Much(_), Verdict::DeclaredEncrypted | Verdict::Suspicious | Verdict::Damaged) => true,
        (
            Loss::Near(_) | Loss::Much(_),
            Verdict::Clean
            | Verdict::CleanUnverified
            | Verdict::Suspicious
            | Verdict::Damaged
            | Verdict::Encrypted
            | Verdict::Malware
            | Verdict::Unread,
        ) => false,
    }
}

pub(super) fn beside(alone: &Rc<Judgement>, loss: Loss) -> Rc<Judgement> {
    let (Loss::Near(count) | Loss::Much(count)) = loss;
    let mut judgement = (**alone).clone();
    judgement.reasons.push(format!("is new, and {count} files vanished around it at the same time"));
    Rc::new(judgement)
}
