//! What a scan and a watch record: pure decisions on the view. Choosing by a person is in `choose`.

use estate::Id;
use incident::event::ScanEvent;
use incident::scan::{NotLookedAt, StoreView};
use incident::{Event, View};

use crate::report::{RepositoryReport, SnapshotReport};
use crate::watch::Burst;

/// What is new of a scan. Verdicts are always recorded; a recovery point only where nothing forbids choosing: no entry
/// that this version cannot read, and no choice by a person, which stands.
pub fn scanned(view: &View, store: &Id, report: &RepositoryReport) -> Vec<Event> {
    let known = view.scan.stores.get(store);
    let fresh = report.snapshots.iter().filter(|snapshot| !is_recorded(known, snapshot));
    let mut events: Vec<Event> = fresh.flat_map(|snapshot| judged(store, snapshot)).collect();
    let chosen = known.and_then(|known| known.recovery_point.as_ref());
    let by_hand = known.is_some_and(|known| known.chosen_by.is_some());
    let snapshot = recovery_point(report).cloned();
    let is_new = chosen != snapshot.as_ref() || chosen.is_none();
    if view.blocked_by(store).is_none() && !by_hand && is_new {
        events.push(Event::Scan(ScanEvent::RecoveryPointChosen { store: store.clone(), snapshot }));
    }
    events
}

/// What a scan may choose by itself: the last clean snapshot, unless many files vanished before it was made. Whether
/// those are wanted back only a person can say.
fn recovery_point(report: &RepositoryReport) -> Option<&String> {
    report.last_clean.as_ref().filter(|_| report.before_loss.is_none())
}

fn is_recorded(known: Option<&StoreView>, snapshot: &SnapshotReport) -> bool {
    known.is_some_and(|known| {
        known.snapshots.iter().any(|known| {
            known.id == snapshot.id
                && known.clean == Some(snapshot.is_clean)
                && known.reasons == snapshot.reasons
                && known.not_looked_at == inside(snapshot)
        })
    })
}

/// What the verdict says nothing about.
fn inside(snapshot: &SnapshotReport) -> Option<NotLookedAt> {
    Some(snapshot.not_looked_at).filter(|inside| inside.files > 0)
}

fn judged(store: &Id, snapshot: &SnapshotReport) -> Vec<Event> {
    let counts = snapshot.counts.iter().filter(|(_, count)| **count > 0);
    let judged = ScanEvent::SnapshotJudged {
        store: store.clone(),
        snapshot: snapshot.id.clone(),
        clean: snapshot.is_clean,
        counts: counts.map(|(word, count)| ((*word).to_owned(), *count)).collect(),
        reasons: snapshot.reasons.clone(),
    };
    let limit = inside(snapshot).map(|not_looked_at| ScanEvent::InsideNotLookedAt {
        store: store.clone(),
        snapshot: snapshot.id.clone(),
        not_looked_at,
    });
    std::iter::once(judged).chain(limit).map(Event::Scan).collect()
}

/// When a burst was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenWhen {
    /// While watching.
    Now,
    /// Already so when the watch began. Whoever has dismissed it once is not told again at every start.
    AtStart,
}

/// One alarm is open for the store already, or was dismissed: nothing new is raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known;

/// Raises the burst.
pub fn alarm(view: &View, burst: &Burst, when: SeenWhen) -> Result<Vec<Event>, Known> {
    let known =
        view.scan.stores.get(&burst.store).is_some_and(|store| {
            !store.alarms.is_empty() || (when == SeenWhen::AtStart && store.dismissals > 0)
        });
    if known {
        return Err(Known);
    }
    Ok(vec![Event::Scan(ScanEvent::AlarmRaised {
        store: burst.store.clone(),
        suspicion: burst.suspicion,
        files: burst.files,
        examples: burst.examples.clone(),
        seconds_observed: burst.seconds_observed,
    })])
}
