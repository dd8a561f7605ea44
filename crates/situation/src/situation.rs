//! The situation at one entry, as values: computed from the views, printed by `status`, served to programs as JSON.

use std::collections::BTreeMap;

use message::{Command, Remedy};
use serde::Serialize;

pub use crate::asked::Decision;
use crate::asked::decisions;
pub use crate::lines::AlarmLine;
use crate::lines::{alarms, is_brought_back, is_by_hand, seen};
use estate::{Estate, Id};
use incident::View;
use incident::contain::{Cut, CutState};
use incident::event::CutAct;
use incident::recover::step::State;
use incident::scan::StoreView;
use incident::standing::{NotKnown, Standing, not_described, standings};

/// Everything `status` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Situation {
    pub incident: Option<String>,
    pub opened_ms: Option<i64>,
    /// Number of entries this is based on, and the time of the newest.
    pub entries: u64,
    pub last_time_ms: i64,
    pub decide_next: Vec<Decision>,
    /// Share of insured × urgency that is known to be served now, in thousandths. 0 where it is not known.
    pub served_thousandths: u64,
    /// The share of which nobody knows whether it is served.
    pub not_known_thousandths: u64,
    /// Otherwise the two shares say nothing.
    pub served_known: bool,
    /// Why the share is not known, for people.
    #[serde(skip)]
    pub unshared: Option<&'static str>,
    /// Why there may be more than is listed here: an empty list says nothing then. `None`: every entry counts.
    #[serde(skip)]
    pub incomplete: Option<&'static str>,
    /// Tenants for whom no capability is described.
    pub not_described: Vec<Id>,
    /// Most insured × urgency first.
    pub not_served: Vec<NotServed>,
    pub held: Vec<Held>,
    pub waiting: Vec<Waiting>,
    pub cuts: Vec<CutLine>,
    pub alarms: Vec<AlarmLine>,
    /// Stores of which the watch sees nothing, or not all.
    pub not_watched: Vec<NotWatchedLine>,
    pub run: Option<RunLine>,
    pub bridge: Option<BridgeLine>,
    /// When the public was promised to hear next.
    pub next_update: Option<NextUpdate>,
    pub not_read: usize,
    pub illegal: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct NextUpdate {
    pub due_ms: i64,
    /// The statement that promised it.
    pub entry: u64,
}

/// One capability that does not work normally for some tenants.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotServed {
    pub capability: Id,
    pub name: String,
    /// `emergency`, `diverted`, `not_known` or `down`.
    pub standing: &'static str,
    /// Why it is not known.
    pub because: Option<&'static str>,
    #[serde(skip)]
    pub why: Option<NotKnown>,
    pub tenants: Vec<Id>,
    pub insured: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    pub on: Id,
    pub by: String,
    pub reason: String,
    pub since_entry: u64,
}

/// A step that failed or is in doubt, or a service that is parked.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Waiting {
    pub what: String,
    pub for_what: String,
    pub since_entry: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CutLine {
    pub act: CutAct,
    pub state: CutState,
    pub detail: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotWatchedLine {
    pub store: Id,
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunLine {
    pub plan: String,
    pub done: usize,
    pub begun: usize,
    /// `None`: at work, or it crashed.
    pub complete: Option<bool>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct BridgeLine {
    pub accepted: u64,
    pub pending: u64,
    pub conflict: u64,
    pub refused: u64,
    pub as_of_ms: Option<i64>,
}

/// The situation. `folder` is only for the commands that are proposed.
pub fn situation(estate: &Estate, view: &View, folder: &str) -> Situation {
    let standings = standings(estate, view);
    let not_described = not_described(estate, &standings);
    let share = share(estate, view, &standings, &not_described);
    Situation {
        incident: view.command.name.clone(),
        opened_ms: view.command.opened_ms,
        entries: view.entries,
        last_time_ms: view.last_time_ms,
        decide_next: decisions(estate, view, folder),
        served_thousandths: share.served,
        not_known_thousandths: share.not_known,
        served_known: share.unknown.is_none(),
        unshared: share.unknown,
        incomplete: incomplete(view),
        not_described,
        not_served: not_served(estate, standings),
        held: held(view),
        waiting: waiting(estate, view),
        cuts: cuts(estate, view),
        alarms: alarms(view),
        not_watched: not_watched(view),
        run: run(view),
        bridge: bridge(view),
        next_update: view.notice.next_update().map(|(due_ms, entry)| NextUpdate { due_ms, entry }),
        not_read: view.unknown.iter().filter(|unknown| !unknown.accepted).count(),
        illegal: view.illegal.len(),
    }
}

impl Situation {
    /// Nothing that is not bad may be relied on.
    pub fn distrust(&mut self, why: &'static str) {
        (self.served_thousandths, self.not_known_thousandths) = (0, 1000);
        (self.served_known, self.unshared) = (false, Some(why));
        self.incomplete = Some(why);
    }

    /// The journal it was read from is damaged: nothing good is known, and nothing can be decided in it any more but to go on in
    /// another. `folder`: that of the incident.
    pub fn mark_damaged(&mut self, folder: &str) {
        self.distrust("the journal is damaged");
        let remedy = Remedy::run(Command::succeed(folder));
        self.decide_next = vec![Decision {
            what: "the journal is damaged: continue in a new folder with all that is proven?".to_owned(),
            command: remedy.shown(Some(folder)),
            remedy,
        }];
    }

    /// Why something is not known, for people; the first reason. `None`: all that is asked is known.
    pub fn not_known(&self) -> Option<&'static str> {
        let first = self.not_served.iter().filter_map(|line| line.why).min().map(NotKnown::sentence);
        self.unshared.or(first).or((!self.not_described.is_empty()).then_some(UNDESCRIBED))
    }
}

const UNREAD: &str = "entries that may be about anything could not be read";
const SOME_UNREAD: &str = "not every entry could be read";
const UNDESCRIBED: &str = "no services are described for some tenants";
const NOBODY: &str = "nobody insured is stated for anything";
const UNWEIGHED: &str = "what does not work has no insured or no urgency";

/// What was not read may have been an alarm, a cut, a clock. One that a person accepted was looked at.
fn incomplete(view: &View) -> Option<&'static str> {
    view.unknown.iter().any(|unknown| !unknown.accepted).then_some(SOME_UNREAD)
}

fn not_served(estate: &Estate, standings: Vec<(Id, Id, Standing)>) -> Vec<NotServed> {
    let mut groups: BTreeMap<(Id, &'static str, Option<NotKnown>), Vec<Id>> = BTreeMap::new();
    for (tenant, capability, standing) in standings {
        let why = match standing {
            Standing::Works => continue,
            Standing::NotKnown(why) => Some(why),
            Standing::Emergency | Standing::Diverted(_) | Standing::Down { .. } => None,
        };
        groups.entry((capability, standing.word(), why)).or_default().push(tenant);
    }
    let insured = |tenant: &Id| estate.tenants.get(tenant).map_or(0, |tenant| tenant.insured);
    let mut lines: Vec<(u128, NotServed)> = groups
        .into_iter()
        .map(|((id, standing, why), tenants)| {
            let capability = estate.capabilities.get(&id);
            let insured: u64 = tenants.iter().map(insured).sum();
            let weight = u128::from(insured) * u128::from(capability.map_or(0, |known| known.urgency));
            let name = capability.map_or_else(|| id.to_string(), |known| best_name(known, &id));
            let because = why.map(NotKnown::word);
            (weight, NotServed { capability: id, name, standing, because, why, tenants, insured })
        })
        .collect();
    lines
        .sort_by(|(a, line_a), (b, line_b)| b.cmp(a).then_with(|| line_a.capability.cmp(&line_b.capability)));
    lines.into_iter().map(|(_, line)| line).collect()
}

fn best_name(capability: &estate::model::Capability, id: &Id) -> String {
    let name = capability.name.en.as_ref().unwrap_or(&capability.name.de);
    if name.is_empty() { id.to_string() } else { name.clone() }
}

/// Of insured × urgency, in thousandths.
struct Share {
    served: u64,
    not_known: u64,
    /// Why nobody can say.
    unknown: Option<&'static str>,
}

fn share(estate: &Estate, view: &View, standings: &[(Id, Id, Standing)], not_described: &[Id]) -> Share {
    let (mut all, mut served, mut not_known, mut unweighed) = (0u128, 0u128, 0u128, false);
    for (tenant, capability, standing) in standings {
        let insured = estate.tenants.get(tenant).map_or(0, |tenant| tenant.insured);
        let urgency = estate.capabilities.get(capability).map_or(0, |known| known.urgency);
        let weight = u128::from(insured) * u128::from(urgency);
        all += weight;
        match standing {
            Standing::Works => served += weight,
            Standing::NotKnown(_) => not_known += weight,
            Standing::Emergency | Standing::Diverted(_) | Standing::Down { .. } => {}
        }
        unweighed |= weight == 0 && *standing != Standing::Works;
    }
    // Rounded so that neither is said to be better than it is.
    let small = |share: u128| u64::try_from(share).expect("a share is at most 1000 thousandths");
    let not_known = small(if all == 0 { 0 } else { (not_known * 1000).div_ceil(all) });
    let unread = view.unknown.iter().any(|unknown| !unknown.accepted && unknown.about.is_none());
    // One entry that may have been about anything is enough. And a share of nothing, or one that is whole only because
    // what is missing weighs nothing, is no share.
    let unknown = match (unread, all, served == all) {
        (true, _, _) => Some(UNREAD),
        (false, 0, _) => Some(NOBODY),
        (false, _, true) if unweighed => Some(UNWEIGHED),
        (false, _, true) if !not_described.is_empty() => Some(UNDESCRIBED),
        (false, _, _) => None,
    };
    let known = (served * 1000).checked_div(all).filter(|_| unknown.is_none());
    Share { served: small(known.unwrap_or(0)), not_known, unknown }
}

fn held(view: &View) -> Vec<Held> {
    view.command
        .holds
        .iter()
        .map(|(on, hold)| Held {
            on: on.clone(),
            by: hold.by.clone(),
            reason: hold.reason.clone(),
            since_entry: hold.sequence,
        })
        .collect()
}

fn waiting(estate: &Estate, view: &View) -> Vec<Waiting> {
    let steps = view.recover.steps.iter().filter_map(|(id, step)| {
        let for_what = match step.state {
            State::Held if is_by_hand(estate, step) => "somebody who starts it: no command does".to_owned(),
            State::Held if is_brought_back(estate, step) => {
                "somebody who brings its data back: no copy is known".to_owned()
            }
            State::Failed => format!("somebody who deals with: {}", step.detail),
            State::Held => format!("somebody who says whether it happened: {}", step.detail),
            State::Waiting | State::Intended | State::Done => return None,
        };
        Some(Waiting { what: id.clone(), for_what, since_entry: Some(step.since_entry) })
    });
    let parked = view.recover.parked.iter().map(|(service, provider)| Waiting {
        what: service.to_string(),
        for_what: format!("{provider} to be healthy"),
        since_entry: None,
    });
    steps.chain(parked).collect()
}

fn cuts(estate: &Estate, view: &View) -> Vec<CutLine> {
    let line = |cut: &Cut| {
        let (state, detail) = seen(estate, view, cut);
        CutLine { act: cut.act.clone(), state, detail }
    };
    view.contain.cuts.iter().map(line).collect()
}

fn not_watched(view: &View) -> Vec<NotWatchedLine> {
    let line = |(store, known): (&Id, &StoreView)| {
        Some(NotWatchedLine { store: store.clone(), why: known.not_watched.clone()? })
    };
    view.scan.stores.iter().filter_map(line).collect()
}

fn run(view: &View) -> Option<RunLine> {
    let run = view.recover.run.as_ref()?;
    let done = view.recover.steps.values().filter(|step| step.state == State::Done).count();
    Some(RunLine {
        plan: run.plan.clone(),
        done,
        begun: view.recover.steps.len(),
        complete: run.ended.as_ref().map(|end| end.complete),
    })
}

fn bridge(view: &View) -> Option<BridgeLine> {
    view.bridge.as_of_ms?;
    let mut line = BridgeLine { as_of_ms: view.bridge.as_of_ms, ..BridgeLine::default() };
    for account in view.bridge.accounts.values() {
        line.accepted += account.accepted;
        line.pending += account.pending;
        line.conflict += account.conflict;
        line.refused += account.refused;
    }
    Some(line)
}
