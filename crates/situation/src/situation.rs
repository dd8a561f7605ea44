//! The situation at one entry, as values: computed from the views, printed by `status`, served to programs as JSON.

use std::collections::BTreeMap;

use message::{Command, Remedy};
use serde::Serialize;

use crate::decide::settle_by_hand;
use estate::{Estate, Id};
use incident::View;
use incident::contain::CutState;
use incident::event::CutAct;
use incident::recover::step::State;
use incident::standing::{Standing, services_down, standings};
use message::counted;

/// Everything `status` says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Situation {
    pub incident: Option<String>,
    pub opened_ms: Option<i64>,
    /// Number of entries this is based on, and the time of the newest.
    pub entries: u64,
    pub last_time_ms: i64,
    pub decide_next: Vec<Decision>,
    /// Share of insured × urgency that is served now, in thousandths.
    pub served_thousandths: u64,
    /// Most insured × urgency first.
    pub not_served: Vec<NotServed>,
    pub held: Vec<Held>,
    pub waiting: Vec<Waiting>,
    pub cuts: Vec<CutLine>,
    pub alarms: Vec<AlarmLine>,
    pub run: Option<RunLine>,
    pub bridge: Option<BridgeLine>,
    pub not_read: usize,
    pub illegal: usize,
}

/// Something a person has to decide, and the command for it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    pub what: String,
    /// The remedy as one text, with the folder in it.
    pub command: String,
    #[serde(skip)]
    pub remedy: Remedy,
}

/// One capability that does not work normally for some tenants.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotServed {
    pub capability: Id,
    pub name: String,
    /// `emergency`, `diverted` or `down`.
    pub standing: &'static str,
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
pub struct AlarmLine {
    pub store: Id,
    pub files: u64,
    pub time_ms: i64,
    pub entry: u64,
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
    Situation {
        incident: view.command.name.clone(),
        opened_ms: view.command.opened_ms,
        entries: view.entries,
        last_time_ms: view.last_time_ms,
        decide_next: decisions(estate, view, folder),
        served_thousandths: served_thousandths(estate, view),
        not_served: not_served(estate, view),
        held: held(view),
        waiting: waiting(view),
        cuts: cuts(view),
        alarms: alarms(view),
        run: run(view),
        bridge: bridge(view),
        not_read: view.unknown.iter().filter(|unknown| !unknown.accepted).count(),
        illegal: view.illegal.len(),
    }
}

fn not_served(estate: &Estate, view: &View) -> Vec<NotServed> {
    let mut groups: BTreeMap<(Id, &'static str), Vec<Id>> = BTreeMap::new();
    for (tenant, capability, standing) in standings(estate, view) {
        let word = match standing {
            Standing::Works => continue,
            Standing::Emergency => "emergency",
            Standing::Diverted(_) => "diverted",
            Standing::Down { .. } => "down",
        };
        groups.entry((capability, word)).or_default().push(tenant);
    }
    let insured = |tenant: &Id| estate.tenants.get(tenant).map_or(0, |tenant| tenant.insured);
    let mut lines: Vec<(u128, NotServed)> = groups
        .into_iter()
        .map(|((id, standing), tenants)| {
            let capability = estate.capabilities.get(&id);
            let insured: u64 = tenants.iter().map(insured).sum();
            let weight = u128::from(insured) * u128::from(capability.map_or(0, |known| known.urgency));
            let name = capability.map_or_else(|| id.to_string(), |known| best_name(known, &id));
            (weight, NotServed { capability: id, name, standing, tenants, insured })
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

fn served_thousandths(estate: &Estate, view: &View) -> u64 {
    let (mut all, mut served) = (0u128, 0u128);
    for (tenant, capability, standing) in standings(estate, view) {
        let insured = estate.tenants.get(&tenant).map_or(0, |tenant| tenant.insured);
        let urgency = estate.capabilities.get(&capability).map_or(0, |known| known.urgency);
        let weight = u128::from(insured) * u128::from(urgency);
        all += weight;
        if standing == Standing::Works {
            served += weight;
        }
    }
    let share = (served * 1000).checked_div(all).unwrap_or(1000);
    u64::try_from(share).expect("a share is at most 1000 thousandths")
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

fn waiting(view: &View) -> Vec<Waiting> {
    let steps = view.recover.steps.iter().filter_map(|(id, step)| {
        let for_what = match step.state {
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

fn cuts(view: &View) -> Vec<CutLine> {
    view.contain
        .cuts
        .iter()
        .map(|cut| CutLine { act: cut.act.clone(), state: cut.state, detail: cut.detail.clone() })
        .collect()
}

fn alarms(view: &View) -> Vec<AlarmLine> {
    view.scan
        .stores
        .iter()
        .flat_map(|(store, known)| {
            known.alarms.iter().map(|alarm| AlarmLine {
                store: store.clone(),
                files: alarm.files,
                time_ms: alarm.time_ms,
                entry: alarm.sequence,
            })
        })
        .collect()
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

/// The most urgent first: what spreads, then what leaks, then what stands still, then what comes back.
fn decisions(estate: &Estate, view: &View, folder: &str) -> Vec<Decision> {
    let all = [spreading, leaking, unread, unchosen, stopped, unapproved, unplanned];
    let asked = all.iter().flat_map(|asked| asked(estate, view));
    asked.map(|(what, remedy)| Decision { what, command: remedy.shown(Some(folder)), remedy }).collect()
}

/// What is asked, and what answers it.
type Asked = Vec<(String, Remedy)>;

fn contain(infected: &Id) -> Remedy {
    let contain = Command::new("contain").open("ESTATE").option("--infected", infected);
    Remedy::run(contain.with("--journal").incident().with("--apply"))
}

fn resume(what: &str) -> Remedy {
    Remedy::run(Command::resume(what))
}

fn spreading(estate: &Estate, view: &View) -> Asked {
    let mut asked = Vec::new();
    for alarm in alarms(view) {
        let site = estate.stores.get(&alarm.store).and_then(|store| store.site.clone());
        let target = site.unwrap_or_else(|| alarm.store.clone());
        if !view.contain.infected.contains(&target) && !view.contain.infected.contains(&alarm.store) {
            let files = counted(alarm.files, "file");
            let what = format!("{files} in {} not clean any more: cut it off?", alarm.store);
            asked.push((what, contain(&target)));
        }
    }
    asked
}

fn leaking(_: &Estate, view: &View) -> Asked {
    let open = view.contain.cuts.iter().filter(|cut| matches!(cut.state, CutState::Leaks | CutState::Failed));
    open.map(|cut| {
        let what = format!("the cut of {} does not hold: {}", cut.act.target(), cut.detail);
        (what, contain(cut.act.target()))
    })
    .collect()
}

fn unread(_: &Estate, view: &View) -> Asked {
    let unread = view.unknown.iter().filter(|unknown| !unknown.accepted);
    unread
        .map(|unknown| {
            let what = match unknown.kind.as_str() {
                "command.journal_succeeded" => format!("{}. Can work go on without?", unknown.why),
                _ => format!(
                    "entry {} cannot be read ({}) and blocks what it names",
                    unknown.sequence, unknown.why
                ),
            };
            (what, resume(&format!("entry:{}", unknown.sequence)))
        })
        .collect()
}

fn unchosen(_: &Estate, view: &View) -> Asked {
    let waiting = view.scan.stores.iter().filter(|(_, store)| store.waits_for_a_choice());
    waiting
        .map(|(store, _)| {
            let what =
                format!("{store}: files vanished before its newest clean snapshot; which is restored?");
            (what, Remedy::run(Command::new("choose").incident().with(store).open("SNAPSHOT")))
        })
        .collect()
}

fn stopped(_: &Estate, view: &View) -> Asked {
    let stopped = view.recover.steps.iter();
    stopped
        .filter_map(|(name, step)| {
            let remedy = match step.state {
                State::Held => settle_by_hand(&step.target),
                State::Failed => resume(&step.target.to_string()),
                State::Waiting | State::Intended | State::Done => return None,
            };
            Some((format!("{name} {}: {}", step.state.word(), step.detail), remedy))
        })
        .collect()
}

fn unapproved(_: &Estate, view: &View) -> Asked {
    let waiting = view.plan.plans.keys().next_back().filter(|_| view.plan.approved.is_none());
    let approve =
        |hash: &String| Remedy::run(Command::new("approve").incident().with(&hash[..hash.len().min(12)]));
    waiting
        .map(|hash| ("a plan is recorded and waits for approval".to_owned(), approve(hash)))
        .into_iter()
        .collect()
}

fn unplanned(estate: &Estate, view: &View) -> Asked {
    let in_force = view.contain.cuts.iter().filter(|cut| cut.state.is_in_force());
    let newest_cut = in_force.map(|cut| cut.since_entry).max();
    let newest_plan = view.plan.plans.values().map(|plan| plan.recorded_at_entry).max();
    if newest_cut.is_none() || newest_plan >= newest_cut || services_down(estate, view).is_empty() {
        return Vec::new();
    }
    let plan = Command::new("plan").open("ESTATE").with("--lost").open("ID").with("--journal").incident();
    let what = "services are cut off and there is no plan to bring them back".to_owned();
    vec![(what, Remedy::run(plan.with("-o").open("PLAN")))]
}
