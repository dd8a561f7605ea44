//! What the journal says about stores: alarms, snapshots in order of first sight, recovery points.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::estate::Id;
use crate::incident::Entry;
use crate::incident::event::{ScanEvent, Suspicion};

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub stores: BTreeMap<Id, StoreView>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StoreView {
    /// Open alarms, oldest first.
    pub alarms: Vec<Alarm>,
    /// How often a person has dismissed the alarms that were open.
    pub dismissals: u64,
    /// Oldest first by first sight, whatever time they claim.
    pub snapshots: Vec<SnapshotView>,
    pub recovery_point: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alarm {
    pub sequence: u64,
    pub time_ms: i64,
    pub suspicion: Suspicion,
    pub files: u64,
    pub examples: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SnapshotView {
    pub id: String,
    pub claims_time: String,
    pub first_seen_ms: i64,
    /// `None`: not judged yet, therefore not clean.
    pub clean: Option<bool>,
    pub reasons: Vec<String>,
}

impl View {
    pub(crate) fn apply(&mut self, entry: &Entry, event: &ScanEvent) {
        match event {
            ScanEvent::AlarmRaised { store, suspicion, files, examples, .. } => {
                self.stores.entry(store.clone()).or_default().alarms.push(Alarm {
                    sequence: entry.sequence,
                    time_ms: entry.time_ms,
                    suspicion: *suspicion,
                    files: *files,
                    examples: examples.clone(),
                });
            }
            ScanEvent::AlarmDismissed { store, .. } => {
                let store = self.stores.entry(store.clone()).or_default();
                store.alarms.clear();
                store.dismissals += 1;
            }
            ScanEvent::SnapshotFirstSeen { store, snapshot, claims_time } => {
                let store = self.stores.entry(store.clone()).or_default();
                if store.snapshots.iter().all(|known| known.id != *snapshot) {
                    store.snapshots.push(SnapshotView {
                        id: snapshot.clone(),
                        claims_time: claims_time.clone(),
                        first_seen_ms: entry.time_ms,
                        clean: None,
                        reasons: Vec::new(),
                    });
                }
            }
            ScanEvent::SnapshotJudged { store, snapshot, clean, reasons, .. } => {
                let store = self.stores.entry(store.clone()).or_default();
                for known in store.snapshots.iter_mut().filter(|known| known.id == *snapshot) {
                    known.clean = Some(*clean);
                    known.reasons.clone_from(reasons);
                }
            }
            ScanEvent::RecoveryPointChosen { store, snapshot } => {
                self.stores.entry(store.clone()).or_default().recovery_point.clone_from(snapshot);
            }
        }
    }
}
