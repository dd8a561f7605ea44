//! The loop: look at the journal, decide, put intents on disk, let the work be done, put outcomes on disk.
//!
//! Several steps are worked on at once, each in a thread of its own, but decisions and appends happen in
//! this one loop. If an append fails the loop ends at once and lets the work in progress be: what has no
//! outcome on disk is in doubt, and the next run finds out. That is also all there is to a crash.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::decide::{self, Act, Ground, Inspection, Next, Now, Task, probed};
use super::driven;
use super::perform::{self, Outcome, Place};
use super::refusal::Refusal;
use estate::{Estate, Id};
use incident::event::{Found, HandsEvent, RecoverEvent};
use incident::log::{self, Append, Basis, Log, LogFault};
use incident::plan::file::{Plan, StepKind};
use incident::recover::step::State;
use incident::{Event, View};
use world::World;

/// While work is in progress the journal is looked at this often: a person may place a hold.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Gates of what people start are asked this often.
const ASK_EVERY_MS: u64 = 2_000;

/// Who does the work.
#[derive(Clone, Copy, Debug)]
pub enum Workers {
    /// Each act in a thread of its own, at most this many at once.
    Threads(usize),
    /// One act after the other, in an order drawn from the seed, as if `at_once` were being worked on.
    InTurn { seed: u64, at_once: usize },
}

/// What is run, and where.
pub struct Executor {
    pub world: Arc<dyn World>,
    pub estate: Arc<Estate>,
    pub plan: Arc<Plan>,
    /// Things whose part of the estate is not the one that was planned for.
    pub changed: BTreeSet<Id>,
    /// The incident folder; the output of what is started goes below it.
    pub folder: PathBuf,
    pub workers: Workers,
    /// What is done where people have to do something before anything goes on.
    pub patience: Patience,
}

/// How long a run waits for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// It ends, and says what it waits for.
    Ends,
    /// It stays: what people start or say is taken up as it comes.
    Stays,
}

/// How the run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct RunResult {
    /// Every step of the plan is done.
    pub complete: bool,
    /// What people have to deal with; empty if complete.
    pub waits: Vec<Refusal>,
    /// How many steps wait behind those.
    pub behind: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum RunFault {
    #[error("the run was not begun: {0}")]
    Refused(Refusal),
    #[error("the run was broken off: its journal cannot be written or read")]
    Log(#[source] LogFault),
}

/// Label of the incident, for what must be recognised as started by it.
pub fn incident_label(view: &View) -> String {
    let name = view.command.name.as_deref().unwrap_or_default();
    let text = format!("{name}|{}", view.command.opened_ms.unwrap_or_default());
    estate::hex(&Sha256::digest(text.as_bytes())[..6])
}

impl Executor {
    /// Runs the plan as far as it goes. `watch` sees each event once it is on disk, and what is known with it.
    pub fn run(
        &self,
        log: &mut dyn Log,
        watch: &mut dyn FnMut(&View, &Event),
    ) -> Result<RunResult, RunFault> {
        log.refresh().map_err(RunFault::Log)?;
        let plan_hash = self.plan.hash();
        let now_ms = self.world.now_ms();
        let begun =
            log::decide(log, now_ms, |view| decide::begin_on(view, &self.estate, &self.plan, &plan_hash));
        let begun = begun.map_err(RunFault::Log)?.map_err(RunFault::Refused)?;
        let (results, inbox) = channel();
        let mut at_work = AtWork {
            executor: self,
            run: decide::run_name(log.view(), &self.plan, &plan_hash),
            incident: incident_label(log.view()),
            plan_hash,
            now: Now::default(),
            in_progress: BTreeMap::new(),
            in_turn: Vec::new(),
            drawn: 0,
            results,
            inbox,
            flaps: BTreeMap::new(),
            checked_at_the_end: false,
            asked_ms: self.world.elapsed_ms(),
            log,
            watch,
        };
        begun.iter().for_each(|event| at_work.shown(event));
        at_work.survey().map_err(RunFault::Log)?;
        at_work.work().map_err(RunFault::Log)
    }
}

/// An act that has ended, what came of it, and what hosts have answered.
type Ended = (Act, Outcome, Vec<HandsEvent>);

/// One call of `run`. Everything in here may be lost at any instant.
struct AtWork<'a> {
    executor: &'a Executor,
    run: String,
    incident: String,
    plan_hash: String,
    now: Now,
    /// Acts in progress by key, with the flag that ends them early.
    in_progress: BTreeMap<String, Arc<AtomicBool>>,
    /// With `Workers::InTurn`: acts whose intent is on disk and that wait for their turn.
    in_turn: Vec<Act>,
    drawn: u64,
    results: Sender<Ended>,
    inbox: Receiver<Ended>,
    /// How often each provider lost its health after its gate.
    flaps: BTreeMap<Id, u32>,
    checked_at_the_end: bool,
    /// When what people start was asked last.
    asked_ms: u64,
    log: &'a mut dyn Log,
    watch: &'a mut dyn FnMut(&View, &Event),
}

impl AtWork<'_> {
    /// Appends what has happened; it depends on nothing.
    fn record(&mut self, events: &[Event]) -> Result<(), LogFault> {
        self.append(events, Basis::Fact).map(|_| ())
    }

    fn append(&mut self, events: &[Event], basis: Basis) -> Result<Append, LogFault> {
        if events.is_empty() {
            return Ok(Append::Done);
        }
        let appended = self.log.append(events, basis, self.executor.world.now_ms())?;
        if appended == Append::Done {
            events.iter().for_each(|event| self.shown(event));
        }
        Ok(appended)
    }

    fn shown(&mut self, event: &Event) {
        (self.watch)(self.log.view(), event);
    }

    fn ground(&self) -> Ground<'_> {
        Ground {
            view: self.log.view(),
            estate: &self.executor.estate,
            plan: &self.executor.plan,
            plan_hash: &self.plan_hash,
            changed: &self.executor.changed,
            now: &self.now,
        }
    }

    /// Processes may have died while nobody looked, a reboot kills all of them: what is gone is started again.
    fn survey(&mut self) -> Result<(), LogFault> {
        let gone: Vec<Event> = self
            .log
            .view()
            .recover
            .services
            .iter()
            .filter(|(_, service)| {
                service
                    .process
                    .as_ref()
                    .is_some_and(|process| !perform::lives(&*self.executor.world, process))
            })
            .map(|(service, _)| {
                let why = "its process was gone when the run was taken up".to_owned();
                Event::Recover(RecoverEvent::ServiceStopped { service: service.clone(), why })
            })
            .collect();
        self.record(&gone)?;
        let (world, estate) = (&*self.executor.world, &*self.executor.estate);
        let down = driven::down(world, estate, &self.log.view().recover);
        let stopped = |(service, why)| Event::Recover(RecoverEvent::ServiceStopped { service, why });
        let down: Vec<Event> = down.into_iter().map(stopped).collect();
        self.record(&down)
    }

    fn work(&mut self) -> Result<RunResult, LogFault> {
        loop {
            let before = self.log.view().entries;
            self.log.refresh()?;
            if self.log.view().entries != before {
                // Somebody else has recorded something: what was not healthy may be looked at again.
                self.now.looked.clear();
            }
            self.ask_again();
            let next = decide::next(&self.ground(), self.at_once());
            if !next.events.is_empty() {
                self.append(&next.events, Basis::View(self.log.view().entries))?;
                continue;
            }
            self.interrupt(&next);
            let begun = self.begin(&next.acts)?;
            if self.in_progress.is_empty() && !begun {
                if self.is_complete() && !self.checked_at_the_end {
                    self.check_at_the_end()?;
                    continue;
                }
                if self.executor.patience == Patience::Stays && !self.is_complete() {
                    self.executor.world.wait_ms(ASK_EVERY_MS);
                    continue;
                }
                return self.end(next.refusals);
            }
            if let Some((act, outcome, answers)) = self.wait_for_a_result() {
                self.take(&act, outcome, answers)?;
            }
        }
    }

    /// The gates of what people start, and what was not healthy, are asked again from time to time.
    fn ask_again(&mut self) {
        let now_ms = self.executor.world.elapsed_ms();
        if now_ms.saturating_sub(self.asked_ms) < ASK_EVERY_MS {
            return;
        }
        self.asked_ms = now_ms;
        let stays = self.executor.patience == Patience::Stays;
        let (plan, recover) = (&self.executor.plan, &self.log.view().recover);
        let waits =
            |step: &str| plan.step(step).is_some_and(|step| recover.state_of(&step.id) == State::Held);
        self.now
            .looked
            .retain(|step, looked| matches!(looked, Inspection::Healthy) || !(stays || waits(step)));
    }

    fn at_once(&self) -> usize {
        match self.executor.workers {
            Workers::Threads(at_once) | Workers::InTurn { at_once, .. } => at_once.max(1),
        }
    }

    fn is_complete(&self) -> bool {
        let recover = &self.log.view().recover;
        self.executor.plan.steps.iter().all(|step| recover.state_of(&step.id) == State::Done)
    }

    fn interrupt(&self, next: &Next) {
        for (step, task) in &self.now.busy {
            if next.interrupt.contains(&task.step.service)
                && let Some(flag) = self.in_progress.get(step)
            {
                flag.store(true, Ordering::SeqCst);
            }
        }
    }

    /// Puts all intents on disk together, then begins. `false`: there was nothing to begin.
    fn begin(&mut self, acts: &[Act]) -> Result<bool, LogFault> {
        let intents: Vec<Event> = acts
            .iter()
            .flat_map(|act| {
                let begins = match act {
                    Act::Perform(task) => Some(intended(task)),
                    Act::Look(_) | Act::Settle(_) | Act::Ask(_) | Act::Stop(_) => None,
                };
                let order = driven::order(&self.executor.estate, act);
                begins.into_iter().chain(order.map(|order| Event::Hands(world::act::sent(&order))))
            })
            .collect();
        if self.append(&intents, Basis::View(self.log.view().entries))? == Append::Outdated {
            // Nothing was begun; the loop decides again on what has come in between.
            return Ok(true);
        }
        for act in acts {
            let flag = Arc::new(AtomicBool::new(false));
            self.in_progress.insert(key(act), Arc::clone(&flag));
            match act {
                Act::Look(task) | Act::Settle(task) | Act::Ask(task) | Act::Perform(task) => {
                    self.now.looked.remove(&task.step.id);
                    self.now.busy.insert(task.step.id.clone(), task.clone());
                }
                Act::Stop(stop) => {
                    self.now.stopping.insert(stop.service.clone());
                }
            }
            match self.executor.workers {
                Workers::Threads(_) => self.in_a_thread(act.clone(), flag),
                Workers::InTurn { .. } => self.in_turn.push(act.clone()),
            }
        }
        Ok(!acts.is_empty())
    }

    fn in_a_thread(&self, act: Act, flag: Arc<AtomicBool>) {
        let executor = self.executor;
        let (world, estate) = (Arc::clone(&executor.world), Arc::clone(&executor.estate));
        let (folder, run, incident) = (executor.folder.clone(), self.run.clone(), self.incident.clone());
        let results = self.results.clone();
        // Not joined: if the journal fails, this program ends without waiting for a restore of hours.
        std::thread::spawn(move || {
            let place = Place {
                world: &*world,
                estate: &estate,
                folder: &folder,
                run: &run,
                incident: &incident,
                answers: RefCell::default(),
            };
            let outcome = perform::perform(&place, &act, &flag);
            // Nobody listens any more: then the outcome is found out by the next run.
            let _ = results.send((act, outcome, place.answers.into_inner()));
        });
    }

    fn wait_for_a_result(&mut self) -> Option<Ended> {
        if let Workers::InTurn { seed, .. } = self.executor.workers {
            if self.in_turn.is_empty() {
                return None;
            }
            self.drawn += 1;
            let place = draw(seed, self.drawn, self.in_turn.len());
            let act = self.in_turn.remove(place);
            let flag = self.in_progress.get(&key(&act)).cloned().unwrap_or_default();
            let (outcome, answers) = self.perform_here(&act, &flag);
            return Some((act, outcome, answers));
        }
        // Nothing yet, or nobody is at work any more: both mean that there is no outcome now.
        self.inbox.recv_timeout(LOOK_EVERY).ok()
    }

    fn perform_here(&self, act: &Act, flag: &AtomicBool) -> (Outcome, Vec<HandsEvent>) {
        let executor = self.executor;
        let place = Place {
            world: &*executor.world,
            estate: &executor.estate,
            folder: &executor.folder,
            run: &self.run,
            incident: &self.incident,
            answers: RefCell::default(),
        };
        let outcome = perform::perform(&place, act, flag);
        (outcome, place.answers.into_inner())
    }

    /// Records what came of an act.
    fn take(&mut self, act: &Act, outcome: Outcome, answers: Vec<HandsEvent>) -> Result<(), LogFault> {
        self.in_progress.remove(&key(act));
        let mut answered: Vec<Event> = answers.into_iter().map(Event::Hands).collect();
        if answered.is_empty() {
            let unsent = driven::order(&self.executor.estate, act);
            answered.extend(unsent.map(|order| Event::Hands(world::act::not_sent(&order))));
        }
        match act {
            Act::Stop(stop) => {
                self.now.stopping.remove(&stop.service);
                if let Outcome::NotStopped { why } = outcome {
                    self.now.not_stopped.insert(stop.service.clone(), why);
                    return self.record(&answered);
                }
                let (service, why) = (stop.service.clone(), stop.why.clone());
                answered.push(Event::Recover(RecoverEvent::ServiceStopped { service, why }));
                self.record(&answered)
            }
            Act::Look(task) | Act::Settle(task) | Act::Ask(task) | Act::Perform(task) => {
                self.now.busy.remove(&task.step.id);
                answered.extend(recorded(task, &outcome));
                self.record(&answered)?;
                match outcome {
                    Outcome::Healthy => {
                        self.now.looked.insert(task.step.id.clone(), Inspection::Healthy);
                        Ok(())
                    }
                    Outcome::NotBegun { provider, why } | Outcome::Unhealthy { provider, why } => {
                        self.demote(Some(task), provider, why)
                    }
                    Outcome::NotYet { why } => {
                        let provider = task.step.service.clone();
                        self.now.looked.insert(task.step.id.clone(), Inspection::Unhealthy { provider, why });
                        Ok(())
                    }
                    Outcome::Done { .. }
                    | Outcome::Failed { .. }
                    | Outcome::Found { .. }
                    | Outcome::Stopped
                    | Outcome::NotStopped { .. }
                    | Outcome::Interrupted => Ok(()),
                }
            }
        }
    }

    /// A provider is not healthy: its gate is asked again, or, if it is not ours, its dependent waits.
    fn demote(&mut self, dependent: Option<&Task>, provider: Id, why: String) -> Result<(), LogFault> {
        let times = self.flaps.get(&provider).map_or(1, |times| times + 1);
        let events = decide::demoted(&self.ground(), &provider, &why, times);
        if events.is_empty() {
            let open = self.ground().provider(&provider).planned
                && self.log.view().recover.state_of(&gate_of(&provider)) != State::Done;
            if let Some(task) = dependent.filter(|_| !open) {
                self.now.looked.insert(task.step.id.clone(), Inspection::Unhealthy { provider, why });
            }
            return Ok(());
        }
        self.flaps.insert(provider, times);
        self.record(&events)
    }

    /// Before it is called complete, everything that was brought back is asked once more.
    fn check_at_the_end(&mut self) -> Result<(), LogFault> {
        self.checked_at_the_end = true;
        let started: Vec<Id> = self
            .executor
            .plan
            .steps
            .iter()
            .filter(|step| step.kind == StepKind::Start)
            .map(|step| step.service.clone())
            .collect();
        for service in started {
            let Some(step) = self.executor.plan.step(&gate_of(&service)).cloned() else { continue };
            let providers = vec![self.ground().provider(&service)];
            let point = Err("a service is not restored from a snapshot".to_owned());
            let look =
                Act::Look(Task { step, attempt: 0, providers, point, process: None, without: Vec::new() });
            if let (Outcome::Unhealthy { provider, why }, _) =
                self.perform_here(&look, &AtomicBool::new(false))
            {
                self.demote(None, provider, why)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, refusals: Vec<Refusal>) -> Result<RunResult, LogFault> {
        let complete = self.is_complete();
        let behind = refusals.iter().filter(|refusal| refusal.follows_from_another()).count();
        let mut waits: Vec<Refusal> = Vec::new();
        for refusal in refusals {
            if !refusal.follows_from_another() && !waits.contains(&refusal) {
                waits.push(refusal);
            }
        }
        let waiting_for = waits.iter().map(ToString::to_string).collect();
        let run = self.run.clone();
        self.record(&[Event::Recover(RecoverEvent::RunEnded { run, complete, waiting_for })])?;
        Ok(RunResult { complete, waits, behind })
    }
}

fn gate_of(service: &Id) -> String {
    incident::plan::file::step_id(StepKind::Gate, service)
}

fn key(act: &Act) -> String {
    match act {
        Act::Look(task) | Act::Settle(task) | Act::Ask(task) | Act::Perform(task) => task.step.id.clone(),
        Act::Stop(stop) => format!("stop:{}", stop.service),
    }
}

fn intended(task: &Task) -> Event {
    Event::Recover(RecoverEvent::StepIntended {
        step: task.step.id.clone(),
        target: task.step.service.clone(),
        attempt: task.attempt,
    })
}

/// What is recorded of an outcome. What was only looked at leaves nothing.
fn recorded(task: &Task, outcome: &Outcome) -> Vec<Event> {
    let (step, target) = (task.step.id.clone(), task.step.service.clone());
    let event = match outcome {
        Outcome::Done { detail, process } => {
            RecoverEvent::StepDone { step, target, detail: detail.clone(), process: process.clone() }
        }
        Outcome::Failed { detail } => RecoverEvent::StepFailed { step, target, detail: detail.clone() },
        Outcome::Found { found, detail, process } => {
            return vec![probed(&task.step, *found, detail, process.clone())];
        }
        Outcome::NotBegun { provider, why } => {
            let detail = format!("nothing was begun: {provider} is not healthy: {why}");
            return vec![probed(&task.step, Found::NotDone, &detail, None)];
        }
        Outcome::Interrupted if task.step.kind == StepKind::Gate => {
            return vec![probed(
                &task.step,
                Found::NotDone,
                "interrupted: the service is to be stopped",
                None,
            )];
        }
        Outcome::Interrupted
        | Outcome::Healthy
        | Outcome::Unhealthy { .. }
        | Outcome::NotYet { .. }
        | Outcome::Stopped
        | Outcome::NotStopped { .. } => return Vec::new(),
    };
    vec![Event::Recover(event)]
}

/// A number below `below` that depends only on the seed and the count.
pub(super) fn draw(seed: u64, count: u64, below: usize) -> usize {
    let mut mixed = seed.wrapping_add(count.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(below.max(1)).unwrap_or(1)).unwrap_or(0)
}
