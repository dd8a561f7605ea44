//! The situation at one entry, as values: computed from the views, printed by `status`, served to programs as JSON.

use std::collections::{BTreeMap, BTreeSet};

use message::{Command, Remedy};
use serde::Serialize;

use crate::decide::settle_by_hand;
use estate::model::{Service, Store};
use estate::{Estate, Id, graph};
use incident::View;
use incident::contain::{Cut, CutState};
use incident::event::CutAct;
use incident::plan::file::{Plan, StepKind, step_id};
use incident::recover::step::State;
use incident::recover::{StepView, output_file};
use incident::scan::{About, SnapshotView, StoreView};
use incident::standing::{
    NotKnown, Standing, cut_state, lost_by_plan, not_described, services_down, standings,
};
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
    /// Share of insured × urgency that is known to be served now, in thousandths. 0 where it is not known.
    pub served_thousandths: u64,
    /// The share of which nobody knows whether it is served.
    pub not_known_thousandths: u64,
    /// Otherwise the two shares say nothing.
    pub served_known: bool,
    /// Why the share is not known, for people.
    #[serde(skip)]
    pub unshared: Option<&'static str>,
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
pub struct AlarmLine {
    pub store: Id,
    /// As many as it has grown to.
    pub files: u64,
    pub about: About,
    /// Nobody was woken by it, and why.
    pub not_heard: Option<String>,
    pub time_ms: i64,
    pub entry: u64,
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
        not_described,
        not_served: not_served(estate, standings),
        held: held(view),
        waiting: waiting(estate, view),
        cuts: cuts(estate, view),
        alarms: alarms(view),
        not_watched: not_watched(view),
        run: run(view),
        bridge: bridge(view),
        not_read: view.unknown.iter().filter(|unknown| !unknown.accepted).count(),
        illegal: view.illegal.len(),
    }
}

impl Situation {
    /// Nothing that is not bad may be relied on.
    pub fn distrust(&mut self, why: &'static str) {
        (self.served_thousandths, self.not_known_thousandths) = (0, 1000);
        (self.served_known, self.unshared) = (false, Some(why));
    }

    /// Why something is not known, for people; the first reason. `None`: all that is asked is known.
    pub fn not_known(&self) -> Option<&'static str> {
        let first = self.not_served.iter().filter_map(|line| line.why).min().map(NotKnown::sentence);
        self.unshared.or(first).or((!self.not_described.is_empty()).then_some(UNDESCRIBED))
    }
}

const UNREAD: &str = "entries that may be about anything could not be read";
const UNDESCRIBED: &str = "no services are described for some tenants";
const NOBODY: &str = "nobody insured is stated for anything";
const UNWEIGHED: &str = "what does not work has no insured or no urgency";

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

/// How the cut stands in the light of what was done since, and why.
fn seen(estate: &Estate, view: &View, cut: &Cut) -> (CutState, String) {
    let state = cut_state(estate, view, cut);
    let started = || {
        let known = view.recover.services.get(cut.act.target());
        let entry = known.map_or(cut.since_entry, |known| known.since_entry);
        format!("{} serves since entry {entry}", cut.act.target())
    };
    (state, if state == cut.state { cut.detail.clone() } else { started() })
}

fn alarms(view: &View) -> Vec<AlarmLine> {
    view.scan
        .stores
        .iter()
        .flat_map(|(store, known)| {
            known.alarms.iter().map(|alarm| AlarmLine {
                store: store.clone(),
                files: alarm.files,
                about: alarm.about,
                not_heard: alarm.not_heard.clone(),
                time_ms: alarm.time_ms,
                entry: alarm.sequence,
            })
        })
        .collect()
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

/// The most urgent first: what spreads, then what leaks, then what stands still, then what comes back.
fn decisions(estate: &Estate, view: &View, folder: &str) -> Vec<Decision> {
    let all = [spreading, leaking, lifting, unread, unchosen, stopped, unapproved];
    let asked = all.iter().flat_map(|asked| asked(estate, view));
    let asked = asked.chain(unplanned(estate, view, folder));
    asked.map(|(what, remedy)| Decision { what, command: remedy.shown(Some(folder)), remedy }).collect()
}

/// What is asked, and what answers it.
type Asked = Vec<(String, Remedy)>;

/// The estate in force counts: nobody has to say where its files lie.
fn contain(infected: &Id) -> Remedy {
    let contain = Command::new("contain").option("--infected", infected);
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
            let what = format!("{files} in {} {}: is it an attack?", alarm.store, alarm.about.words());
            let dismiss = Command::new("dismiss").incident().with(alarm.entry).reason();
            let answers = [("yes, cut it off", contain(&target)), ("no", Remedy::run(dismiss))];
            asked.push((what, Remedy::ask("", answers)));
        }
    }
    asked
}

fn leaking(estate: &Estate, view: &View) -> Asked {
    let what = |cut: &Cut| {
        let target = cut.act.target();
        let (state, detail) = seen(estate, view, cut);
        match state {
            CutState::Leaks => Some(format!("the cut of {target} does not hold: {detail}")),
            CutState::Failed => Some(format!("the cut of {target} failed: {detail}")),
            CutState::Decided => Some(format!("the cut of {target} was decided and not begun")),
            CutState::Intended => {
                Some(format!("the cut of {target} was begun, and nobody knows whether it was done"))
            }
            CutState::Done => Some(format!("the cut of {target} is not known to hold: {detail}")),
            CutState::Open | CutState::Holds | CutState::Lifting | CutState::Lifted => None,
        }
    };
    view.contain.cuts.iter().filter_map(|cut| Some((what(cut)?, contain(cut.act.target())))).collect()
}

/// The approved plan was run, and nothing of it is left to do.
fn is_run_to_its_end(view: &View) -> bool {
    let run = view.recover.run.as_ref().filter(|run| view.plan.approved.as_ref() == Some(&run.plan));
    let ended = run.and_then(|run| run.ended.as_ref()).filter(|ended| ended.complete);
    ended.is_some_and(|ended| view.plan.approved_at_entry.is_none_or(|approved| approved < ended.at_entry))
}

fn lift(what: impl std::fmt::Display) -> Command {
    Command::new("contain lift").incident().with(what)
}

/// Cuts that are to end: doors that nobody has seen open, services that nobody has seen run; and what the plan starts
/// while it is cut off.
fn lifting(estate: &Estate, view: &View) -> Asked {
    let ends = view.contain.cuts.iter().filter(|cut| cut_state(estate, view, cut) == CutState::Lifting);
    let mut asked = Asked::new();
    let mut waiting = Vec::new();
    for cut in ends {
        match &cut.act {
            CutAct::CloseDoor { site, door } => asked.push((
                format!("door {door} of {site} is to be open, and nobody has seen it open: {}", cut.detail),
                Remedy::run_to("open it, try it from outside, then", lift(site).with("--seen").reason()),
            )),
            CutAct::StopService { service } => waiting.push(service),
        }
    }
    if let Some(first) = waiting.first() {
        let what = match waiting.len() {
            1 => format!("{first} may be started again, and nobody has seen it run"),
            many => format!("{many} services may be started again ({first} first); nobody has seen them run"),
        };
        let seen = lift(first).with("--seen").reason();
        asked.push((what, Remedy::run_to("recover starts what the plan names; or start it, then", seen)));
    }
    let planned = if is_run_to_its_end(view) { BTreeSet::new() } else { lost_by_plan(view) };
    let kept: Vec<&Id> = planned.iter().filter(|id| view.contain.forbids_start(id).is_some()).collect();
    match kept.as_slice() {
        [] => {}
        [one] => {
            let what = format!("the approved plan starts {one}, and a cut keeps it off: is it clean?");
            asked.push((what, Remedy::run(lift(one).reason())));
        }
        [first, ..] => {
            let what = format!(
                "the approved plan starts {} services that a cut keeps off ({first} first): are they clean?",
                kept.len()
            );
            asked.push((what, Remedy::run(lift("all").with("--services").reason())));
        }
    }
    asked
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
        .map(|(store, known)| {
            let clean = || known.snapshots.iter().rev().filter(|snapshot| snapshot.clean == Some(true));
            let choose = |snapshot: &SnapshotView| {
                let id: String = snapshot.id.chars().take(12).collect();
                Command::new("choose").incident().with(store).with(id)
            };
            if let Some(snapshot) = clean().next().filter(|snapshot| snapshot.needs_a_word()) {
                let what = format!(
                    "{store}: nothing speaks against snapshot {}, but the content of its disk images was not looked at; may it be \
                     restored?",
                    short(&snapshot.id)
                );
                let why = "look inside it, then say what you saw";
                return (what, Remedy::run_to(why, choose(snapshot).reason()));
            }
            let what =
                format!("{store}: files vanished before its newest clean snapshot; which is restored?");
            let answer = |snapshot: &SnapshotView| {
                let of = format!("the one of {}", message::harmless(&snapshot.claims_time));
                (of, Remedy::run(choose(snapshot)))
            };
            (what, Remedy::ask("", clean().take(CHOICES_MAX).map(answer)))
        })
        .collect()
}

/// Newest clean snapshots that are offered; the scan lists all.
const CHOICES_MAX: usize = 3;

/// A person starts it, and has not been seen to.
fn is_by_hand(estate: &Estate, step: &StepView) -> bool {
    step.kind == StepKind::Start && estate.services.get(&step.target).is_some_and(Service::is_started_by_hand)
}

/// A person brings its data back, and has not said that it is there.
fn is_brought_back(estate: &Estate, step: &StepView) -> bool {
    matches!(step.kind, StepKind::Verify | StepKind::Restore)
        && estate.stores.get(&step.target).is_some_and(Store::is_brought_back_by_hand)
}

/// Where the output of a failed step lies. A gate writes nothing: then what it asked about has.
fn output_of(estate: &Estate, view: &View, step: &StepView) -> Option<String> {
    let run = view.recover.run.as_ref()?;
    let service = estate.services.get(&step.target).filter(|service| !service.is_started_by_hand());
    let kind = match step.kind {
        StepKind::Start | StepKind::Gate => StepKind::Start,
        StepKind::Admit => StepKind::Admit,
        StepKind::Verify | StepKind::Restore => return None,
    };
    let id = step_id(kind, &step.target);
    let attempt = view.recover.steps.get(&id).map(|own| own.attempt).filter(|attempt| *attempt > 0)?;
    service.map(|_| output_file(&run.run, &id, attempt))
}

fn stopped(estate: &Estate, view: &View) -> Asked {
    let stopped = view.recover.steps.iter();
    stopped
        .filter_map(|(name, step)| {
            if step.state == State::Held && is_by_hand(estate, step) {
                let what = format!("{} waits for somebody who starts it", step.target);
                let found =
                    Command::new("resume").incident().with(&step.target).option("--found", "done").reason();
                let why = "start it; recover goes on when its gate passes, or when you say so";
                return Some((what, Remedy::run_to(why, found)));
            }
            if step.state == State::Held && is_brought_back(estate, step) {
                let what = format!("{} waits for somebody who brings its data back", step.target);
                let found =
                    Command::new("resume").incident().with(&step.target).option("--found", "done").reason();
                return Some((what, Remedy::run_to("put clean data in its place, look at it, then", found)));
            }
            let remedy = match step.state {
                State::Held => settle_by_hand(&step.target),
                State::Failed => match output_of(estate, view, step) {
                    Some(file) => Remedy::run_to(
                        format!("its output lies in the incident, in {file}; deal with the cause, then"),
                        Command::resume(&step.target),
                    ),
                    None => resume(&step.target.to_string()),
                },
                State::Waiting | State::Intended | State::Done => return None,
            };
            Some((format!("{name} {}: {}", step.state.word(), step.detail), remedy))
        })
        .collect()
}

/// The newest plan, if it came after whatever was approved last.
fn unapproved(_: &Estate, view: &View) -> Asked {
    let newest = view.plan.plans.iter().max_by_key(|(_, plan)| plan.recorded_at_entry);
    let waits = newest.filter(|(hash, plan)| {
        view.plan.approved.as_ref() != Some(*hash)
            && view.plan.approved_at_entry.is_none_or(|approved| approved < plan.recorded_at_entry)
    });
    let approve =
        |hash: &str| Remedy::run(Command::new("approve").incident().with(&hash[..hash.len().min(12)]));
    let asked =
        waits.map(|(hash, _)| ("a plan is recorded and waits for approval".to_owned(), approve(hash)));
    asked.into_iter().collect()
}

fn unplanned(estate: &Estate, view: &View, folder: &str) -> Asked {
    let newest = view.plan.plans.values().max_by_key(|plan| plan.recorded_at_entry);
    let lost = newest.and_then(|plan| Plan::read(&plan.text).ok()).map(|plan| plan.lost).unwrap_or_default();
    let recorded = newest.map(|plan| plan.recorded_at_entry);
    let down = services_down(estate, view);
    let in_force = view.contain.cuts.iter().filter(|cut| cut.state.is_in_force());
    let is_planned = |cut: &Cut| {
        // A site counts by what is down there. A plan from before the cut knows nothing of it.
        let there: Vec<Id> =
            graph::expand(estate, [cut.act.target()]).into_iter().filter(|id| down.contains(id)).collect();
        let knows = recorded > Some(cut.decided_entry) && there.iter().all(|service| lost.contains(service));
        there.is_empty() || knows
    };
    if in_force.clone().all(is_planned) {
        return Vec::new();
    }
    let mut plan = Command::new("plan");
    for lost in &view.contain.infected {
        plan = plan.option("--lost", lost);
    }
    if view.contain.infected.is_empty() {
        for cut in in_force {
            plan = plan.option("--lost", cut.act.target());
        }
    }
    let what = "services are cut off and there is no plan to bring them back".to_owned();
    let file = format!("{}/plan-{}.json", folder.trim_end_matches('/'), view.entries);
    vec![(what, Remedy::run(plan.with("--journal").incident().option("-o", file)))]
}

/// The first characters of a snapshot's id, as people write it.
fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
