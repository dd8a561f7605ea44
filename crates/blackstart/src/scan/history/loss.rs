//! What vanished around a file that is new, and what that says about it.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use crate::scan::judge::{Judgement, Verdict};

/// This many files that vanish without a trace in one step: nothing new that is bad is let pass any more.
const MUCH_VANISHED: usize = 20;
/// This many from below a file's folder are as good as one from the folder itself.
const SEVERAL_VANISHED: usize = 3;

/// How much vanished in the step in which a file arrived. Whoever packs files into an archive with a password and deletes
/// them leaves one file that says itself that it is encrypted, and no version before it.
#[derive(Clone, Copy)]
pub(super) enum Loss {
    /// From its own folder, or several from below it.
    Near(usize),
    /// So much that nothing bad that is new may be let pass.
    Much(usize),
}

/// What vanished around a path, if it is worth a thought.
pub(super) fn around(path: &Path, vanished: &[PathBuf]) -> Option<Loss> {
    let folder = path.parent()?;
    let beside = vanished.iter().filter(|gone| gone.parent() == Some(folder)).count();
    let below = vanished.iter().filter(|gone| gone.starts_with(folder)).count();
    if vanished.len() >= MUCH_VANISHED {
        Some(Loss::Much(vanished.len()))
    } else if beside > 0 || below >= SEVERAL_VANISHED {
        Some(Loss::Near(below))
    } else {
        None
    }
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
