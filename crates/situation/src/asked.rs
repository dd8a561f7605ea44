//! What waits for a person, and what answers it?

use std::collections::BTreeSet;

use message::{Command, Remedy, counted};
use serde::Serialize;

use crate::decide::settle_by_hand;
use crate::lines::{alarms, is_brought_back, is_by_hand, seen};
use estate::{Estate, Id, graph};
use incident::View;
use incident::contain::{Cut, CutState};
use incident::event::CutAct;
use incident::plan::file::{Plan, StepKind, step_id};
use incident::recover::step::State;
use incident::recover::{StepView, output_file};
use incident::scan::SnapshotView;
use incident::standing::{self, cut_state, lost_by_plan, services_down};

/// The most urgent first: what spreads, then what leaks, then what stands still, then what comes back.
pub(crate) fn decisions(estate: &Estate, view: &View, folder: &str) -> Vec<Decision> {
    let all =
        [spreading, frozen, unseen, dirty, leaking, lifting, unread, unchosen, held, stopped, unapproved];
    let asked = all.iter().flat_map(|asked| asked(estate, view));
    let asked = asked.chain(unplanned(estate, view, folder));
    // Fifty cuts that one command makes anew are one decision, and must not hide the next.
    let mut decisions: Vec<(Decision, usize)> = Vec::new();
    for (what, remedy) in asked {
        let command = remedy.shown(Some(folder));
        match decisions.iter_mut().find(|(one, _)| one.command == command) {
            Some((_, more)) => *more += 1,
            None => decisions.push((Decision { what, command, remedy }, 0)),
        }
    }
    decisions.into_iter().map(|(one, more)| one.with(more)).collect()
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

impl Decision {
    /// So many more are answered by the same.
    fn with(mut self, more: usize) -> Decision {
        if more > 0 {
            self.what = format!("{} (and {more} more that the same answers)", self.what);
        }
        self
    }
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

/// What was frozen stays so until a person has looked; for those who need the service that is an outage.
fn frozen(_: &Estate, view: &View) -> Asked {
    let waiting = view.scan.frozen.iter().filter(|known| known.state.waits());
    waiting
        .map(|known| {
            let pid = known.target.pid;
            let what = format!(
                "{} wrote to {} (alarm of entry {}) and is {}: is it an attack?",
                known.who,
                known.store,
                known.alarm,
                known.state.word()
            );
            let thaw = Remedy::run(Command::new("thaw").incident().with(pid).reason());
            let kill = Remedy::Do(format!("on that machine: look at it, then kill -KILL {pid}"));
            let ended = Command::new("thaw").incident().with(pid).reason();
            let end = Remedy::Steps(vec![kill, Remedy::run_to("record that it has ended", ended)]);
            (what, Remedy::ask("", [("no, let it go on", thaw), ("yes", end)]))
        })
        .collect()
}

/// What cannot be looked at is not known to be well, and no later alarm will say so.
fn unseen(estate: &Estate, view: &View) -> Asked {
    let unseen = view.scan.stores.iter().filter(|(_, store)| store.is_unseen());
    unseen
        .map(|(id, store)| {
            let why = store.not_watched.as_deref().unwrap_or_default();
            let path = estate.stores.get(id).and_then(|store| store.path.as_deref());
            let at = path.map(|path| format!(" at {path}")).unwrap_or_default();
            let site = estate.stores.get(id).and_then(|store| store.site.clone());
            let back =
                Remedy::Do(format!("bring it back{at}; the watch says by itself when it sees it again"));
            let cut = contain(&site.unwrap_or_else(|| id.clone()));
            let answers = [("yes, it was moved or unmounted", back), ("no, cut it off", cut)];
            (format!("{id} cannot be looked at ({why}): is that known?"), Remedy::ask("", answers))
        })
        .collect()
}

/// The newest copy of a store is not clean, and what it was made from may not be either.
fn dirty(estate: &Estate, view: &View) -> Asked {
    let is_cut = |id: &Id| {
        let site = estate.stores.get(id).and_then(|store| store.site.as_ref());
        view.contain.infected.contains(id) || site.is_some_and(|site| view.contain.infected.contains(site))
    };
    let dirty = standing::dirty(view).into_iter().filter(|id| !is_cut(id));
    dirty
        .filter_map(|id| {
            let newest = view.scan.stores.get(&id)?.snapshots.last()?;
            let why = newest.reasons.first().map(|why| format!(" ({why})")).unwrap_or_default();
            let what = format!(
                "{id}: its newest snapshot {} is not clean{why}: is what it was made from hit as well?",
                short(&newest.id)
            );
            let site = estate.stores.get(&id).and_then(|store| store.site.clone());
            let cut = contain(&site.unwrap_or_else(|| id.clone()));
            let accept = Command::new("accept").incident().with(&id).with(short(&newest.id)).reason();
            let answers = [
                ("yes, cut it off", cut),
                ("no, these files are known: accept exactly their contents", Remedy::run(accept)),
            ];
            Some((what, Remedy::ask("", answers)))
        })
        .collect()
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
    // The command that made the cut makes all of it anew; what holds is only probed.
    let reaches: Vec<(&Id, BTreeSet<Id>)> =
        view.contain.infected.iter().map(|id| (id, graph::expand(estate, [id]))).collect();
    let root = |target: &Id| {
        let reach = reaches.iter().find(|(id, reach)| *id == target || reach.contains(target));
        reach.map_or_else(|| target.clone(), |(id, _)| (*id).clone())
    };
    let cuts = view.contain.cuts.iter();
    cuts.filter_map(|cut| Some((what(cut)?, contain(&root(cut.act.target()))))).collect()
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

/// A hold on something that has failed: the failure waits for the hold.
fn held(_: &Estate, view: &View) -> Asked {
    let failed = |id: &Id| {
        view.recover.steps.iter().find(|(_, step)| step.target == *id && step.state == State::Failed)
    };
    view.command
        .holds
        .iter()
        .filter_map(|(id, hold)| {
            let (name, step) = failed(id)?;
            let what = format!(
                "{name} failed ({}), and {id} is on hold: {} (by {})",
                step.detail, hold.reason, hold.by
            );
            let why = "deal with the cause, and ask whoever placed the hold; when the reason is gone";
            Some((what, Remedy::run_to(why, Command::lift_hold(id))))
        })
        .collect()
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
            // Under a hold nothing is tried again, and what to say of the hold is asked about the hold.
            let held = view.command.holds.contains_key(&step.target);
            let remedy = match step.state {
                State::Failed if held => return None,
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
