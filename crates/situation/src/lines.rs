//! How does one thing stand: an alarm, a cut, a step that waits for a person?

use serde::Serialize;

use estate::model::{Service, Store};
use estate::{Estate, Id};
use incident::View;
use incident::contain::{Cut, CutState};
use incident::plan::file::StepKind;
use incident::recover::StepView;
use incident::scan::{About, Writer};
use incident::standing::cut_state;

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlarmLine {
    pub store: Id,
    /// As many as it has grown to.
    pub files: u64,
    pub about: About,
    /// Who wrote its files, as far as the kernel told it.
    pub writers: Vec<Writer>,
    /// Why nobody knows, or not of all of them, who wrote them. `null` with no writers: nobody has looked yet.
    pub not_traced: Option<String>,
    /// Nobody was woken by it, and why.
    pub not_heard: Option<String>,
    pub time_ms: i64,
    pub entry: u64,
}

pub(crate) fn alarms(view: &View) -> Vec<AlarmLine> {
    view.scan
        .stores
        .iter()
        .flat_map(|(store, known)| {
            known.alarms.iter().map(|alarm| AlarmLine {
                store: store.clone(),
                files: alarm.files,
                about: alarm.about,
                writers: alarm.writers.clone(),
                not_traced: alarm.not_traced.clone(),
                not_heard: alarm.not_heard.clone(),
                time_ms: alarm.time_ms,
                entry: alarm.sequence,
            })
        })
        .collect()
}

/// How the cut stands in the light of what was done since, and why.
pub(crate) fn seen(estate: &Estate, view: &View, cut: &Cut) -> (CutState, String) {
    let state = cut_state(estate, view, cut);
    let started = || {
        let known = view.recover.services.get(cut.act.target());
        let entry = known.map_or(cut.since_entry, |known| known.since_entry);
        format!("{} serves since entry {entry}", cut.act.target())
    };
    (state, if state == cut.state { cut.detail.clone() } else { started() })
}

/// A person starts it, and has not been seen to.
pub(crate) fn is_by_hand(estate: &Estate, step: &StepView) -> bool {
    step.kind == StepKind::Start && estate.services.get(&step.target).is_some_and(Service::is_started_by_hand)
}

/// A person brings its data back, and has not said that it is there.
pub(crate) fn is_brought_back(estate: &Estate, step: &StepView) -> bool {
    matches!(step.kind, StepKind::Verify | StepKind::Restore)
        && estate.stores.get(&step.target).is_some_and(Store::is_brought_back_by_hand)
}
