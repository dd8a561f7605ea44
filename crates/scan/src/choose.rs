//! A person chooses the recovery point of a store. `scan` chooses by itself only where nothing has to be weighed: where
//! many files vanished before the newest clean snapshot was made, somebody has to say whether they are wanted back.
//! What a person chose stands until a person chooses again.

use message::{Command, Message, Remedy, harmless};

use crate::snapshots::short;
use estate::Id;
use incident::event::ScanEvent;
use incident::scan::SnapshotView;
use incident::{Event, View};

/// Why a snapshot cannot be chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChoiceRefusal {
    #[error("entry {sequence} of the journal cannot be read by this version and may be about {store}")]
    Unread { store: Id, sequence: u64 },
    #[error("no scan of {0} is recorded in this incident")]
    NeverScanned(Id),
    #[error("{store} has no snapshot whose id begins with `{start}`")]
    NoSnapshot { store: Id, start: String },
    #[error("several snapshots of {store} begin with `{start}`")]
    NotUnique { store: Id, start: String },
    #[error("snapshot {snapshot} was judged not clean: {why}")]
    NotClean { snapshot: String, why: String },
    #[error("snapshot {0} was never judged, and what was not read is not clean")]
    NotJudged(String),
    #[error("snapshot {snapshot} cannot be chosen without a reason: {inside}")]
    NeedsAReason { snapshot: String, inside: String },
}

impl ChoiceRefusal {
    /// `store` and `reason` are what was asked for, so that the call can be made again as it was meant.
    pub fn message(&self, store: &Id, reason: &str) -> Message {
        let again = || {
            let again = Command::new("choose").incident().with(store).open("SNAPSHOT");
            if reason.is_empty() { again } else { again.option("--reason", reason) }
        };
        let to_do = match self {
            ChoiceRefusal::Unread { sequence, .. } => Remedy::run_to(
                "use the newer program that wrote it, or accept it",
                Command::accept_entry(*sequence),
            ),
            ChoiceRefusal::NeverScanned(_) | ChoiceRefusal::NotJudged(_) => Remedy::run_to(
                "judge its snapshots",
                Command::new("scan")
                    .open("restic:REPO")
                    .with("--journal")
                    .incident()
                    .option("--store", store),
            ),
            ChoiceRefusal::NoSnapshot { .. } | ChoiceRefusal::NotUnique { .. } => {
                Remedy::run_to("give more of the id, as the scan printed it", again())
            }
            ChoiceRefusal::NeedsAReason { snapshot, .. } => Remedy::run_to(
                "look inside it (start it on a machine without a network, or mount it read-only), then choose it and say what \
                 you saw",
                Command::new("choose").incident().with(store).with(snapshot).reason(),
            ),
            ChoiceRefusal::NotClean { .. } => Remedy::run_to(
                "single files of this one can be brought back from where they are last clean; for the whole store choose \
                 one that is clean",
                again(),
            ),
        };
        let means = "nothing was recorded; what was chosen before still counts";
        Message::new(harmless(&self.to_string()), means, to_do)
    }
}

/// The snapshot that is meant, if it may be chosen.
pub fn find<'a>(view: &'a View, store: &Id, start: &str) -> Result<&'a SnapshotView, ChoiceRefusal> {
    if let Some(unknown) = view.blocked_by(store) {
        return Err(ChoiceRefusal::Unread { store: store.clone(), sequence: unknown.sequence });
    }
    let known = view
        .scan
        .stores
        .get(store)
        .filter(|known| !known.snapshots.is_empty())
        .ok_or_else(|| ChoiceRefusal::NeverScanned(store.clone()))?;
    let mut found = known.snapshots.iter().filter(|snapshot| snapshot.id.starts_with(start));
    let (store, start) = (store.clone(), start.to_owned());
    let snapshot = match (found.next().filter(|_| !start.is_empty()), found.next()) {
        (Some(snapshot), None) => snapshot,
        (Some(_), Some(_)) => return Err(ChoiceRefusal::NotUnique { store, start }),
        (None, _) => return Err(ChoiceRefusal::NoSnapshot { store, start }),
    };
    match snapshot.clean {
        Some(true) => Ok(snapshot),
        Some(false) => Err(ChoiceRefusal::NotClean {
            snapshot: short(&snapshot.id).to_owned(),
            why: snapshot.reasons.join("; "),
        }),
        None => Err(ChoiceRefusal::NotJudged(short(&snapshot.id).to_owned())),
    }
}

/// What to record. Where a program can say little about a snapshot, the word of the person who chooses it is all that will ever
/// be known, so it has to be given.
pub fn choose(view: &View, store: &Id, start: &str, reason: &str) -> Result<Vec<Event>, ChoiceRefusal> {
    let found = find(view, store, start)?;
    let inside = found.not_looked_at.filter(|_| found.needs_a_word() && reason.trim().is_empty());
    if let Some(inside) = inside.and_then(|inside| crate::report::not_looked_at(&inside)) {
        return Err(ChoiceRefusal::NeedsAReason { snapshot: short(&found.id).to_owned(), inside });
    }
    let snapshot = found.id.clone();
    let (store, reason) = (store.clone(), reason.to_owned());
    Ok(vec![Event::Scan(ScanEvent::RecoveryPointDecided { store, snapshot, reason })])
}

#[cfg(test)]
mod tests {
    use super::*;
    use incident::scan::NotLookedAt;

    fn snapshot(id: &str, clean: Option<bool>) -> SnapshotView {
        let reasons = vec!["2 files are encrypted".to_owned()];
        SnapshotView {
            id: id.to_owned(),
            claims_time: String::new(),
            first_seen_ms: 0,
            clean,
            reasons,
            not_looked_at: None,
        }
    }

    #[test]
    fn what_was_not_looked_at_is_chosen_with_a_reason_only() {
        let store: Id = "store:disks".parse().unwrap();
        let mut view = View::default();
        let inside = |bytes| Some(NotLookedAt { files: 1, bytes, of_bytes: 1_000 });
        let snapshots = [("mostly", inside(101)), ("little", inside(100)), ("all", None)];
        view.scan.stores.entry(store.clone()).or_default().snapshots = snapshots
            .map(|(id, not_looked_at)| SnapshotView { not_looked_at, ..snapshot(id, Some(true)) })
            .to_vec();
        let refusal = choose(&view, &store, "mostly", " ").unwrap_err();
        assert!(matches!(refusal, ChoiceRefusal::NeedsAReason { .. }), "{refusal}");
        assert!(choose(&view, &store, "mostly", "looked at on a bench").is_ok());
        assert!(choose(&view, &store, "little", "").is_ok() && choose(&view, &store, "all", "").is_ok());
    }

    #[test]
    fn only_a_snapshot_that_was_judged_clean_can_be_chosen_and_only_without_doubt_which() {
        let store: Id = "store:core".parse().unwrap();
        let mut view = View::default();
        let refusal = |view: &View, start: &str| find(view, &store, start).unwrap_err();
        assert_eq!(refusal(&view, "ab"), ChoiceRefusal::NeverScanned(store.clone()));
        view.scan.stores.entry(store.clone()).or_default().snapshots =
            vec![snapshot("ab1", Some(true)), snapshot("ab2", Some(false)), snapshot("cd3", None)];
        assert!(matches!(refusal(&view, "ab"), ChoiceRefusal::NotUnique { .. }));
        assert!(matches!(refusal(&view, "ff"), ChoiceRefusal::NoSnapshot { .. }));
        assert!(matches!(refusal(&view, ""), ChoiceRefusal::NoSnapshot { .. }));
        assert!(refusal(&view, "ab2").to_string().contains("2 files are encrypted"));
        assert!(matches!(refusal(&view, "cd"), ChoiceRefusal::NotJudged(_)));
        assert_eq!(find(&view, &store, "ab1").unwrap().id, "ab1");
    }
}
