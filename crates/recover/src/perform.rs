//! Works on one step: the one file of this part that touches the world.
//!
//! Every act looks for its own traces first. The journal may know less than the world: an act may have
//! happened whose outcome, or even whose intent, never reached the disk. Processes and restored folders carry
//! a label that ends in a number drawn for the attempt (`world::Nonce`), jobs leave notes beside their output;
//! so what is found is known to be ours, and is taken over instead of being done twice. The number is what
//! makes it so: incident, run and step are public, and what carries only those may have been planted. Where
//! none was drawn, nothing was begun, and nothing that is found is believed.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use super::decide::{Act, Stop, Task};
use estate::model::{Edge, Run, Service, StartClass, Store};
use estate::{Estate, Id};
use incident::event::{Found, HandsEvent, ProcessMark};
use incident::plan::file::StepKind;
use incident::recover::output_file;
use world::{Ended, Launch, Nonce, World, WorldFault};

/// Between SIGTERM and SIGKILL.
const STOP_GRACE_MS: u64 = 10_000;
/// A job may take ten times its expected duration, and this long at least.
const JOB_DEADLINE_MIN_MS: u64 = 600_000;
/// A provider that is not in the plan is waited for at least once, at most as long as its own gate says.
pub(super) const POLL_MS: u64 = 200;

/// Where and for which run the work is done.
pub struct Place<'a> {
    pub world: &'a dyn World,
    pub estate: &'a Estate,
    /// The incident folder.
    pub folder: &'a Path,
    /// Name of the run: restored folders and output files belong to it.
    pub run: &'a str,
    /// Label of the incident: processes belong to it, and outlive a change of plan.
    pub incident: &'a str,
    /// What hosts have answered, to be recorded with the outcome.
    pub answers: RefCell<Vec<HandsEvent>>,
}

/// What came of an act.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Done {
        detail: String,
        process: Option<ProcessMark>,
    },
    Failed {
        detail: String,
    },
    Found {
        found: Found,
        detail: String,
        process: Option<ProcessMark>,
    },
    /// Nothing was begun, because a provider is not healthy.
    NotBegun {
        provider: Id,
        why: String,
    },
    /// All providers are healthy at this moment.
    Healthy,
    Unhealthy {
        provider: Id,
        why: String,
    },
    Stopped,
    NotStopped {
        why: String,
    },
    /// The gate of a service that a person starts does not pass.
    NotYet {
        why: String,
    },
    /// It was told to end early; nothing was changed.
    Interrupted,
}

impl Outcome {
    pub(super) fn done(detail: impl Into<String>) -> Outcome {
        Outcome::Done { detail: detail.into(), process: None }
    }

    pub(super) fn failed(detail: impl Into<String>) -> Outcome {
        Outcome::Failed { detail: detail.into() }
    }

    pub(super) fn found(found: Found, detail: impl Into<String>) -> Outcome {
        Outcome::Found { found, detail: detail.into(), process: None }
    }
}

/// Does it, and says what came of it. Blocks; `interrupt` ends waiting early.
pub fn perform(place: &Place<'_>, act: &Act, interrupt: &AtomicBool) -> Outcome {
    match act {
        Act::Look(task) => place.look(&task.providers, interrupt),
        Act::Ask(task) => place.ask_by_hand(task),
        Act::Settle(task) => match task.step.kind {
            StepKind::Verify | StepKind::Gate => {
                Outcome::found(Found::NotDone, "it changes nothing, so it is simply asked again")
            }
            StepKind::Restore => place.settle_restore(task),
            StepKind::Start => place.settle_start(task),
            StepKind::Admit => place.settle_admit(task),
        },
        Act::Perform(task) => match task.step.kind {
            StepKind::Verify if place.is_brought_back_by_hand(&task.step.service) => Outcome::found(
                Found::Unknown,
                "a person brings its data back and answers for it: the estate names no copy",
            ),
            StepKind::Restore if place.is_brought_back_by_hand(&task.step.service) => {
                Outcome::done("in place, as a person has said")
            }
            StepKind::Verify => match &task.point {
                Ok(snapshot) => Outcome::done(format!("snapshot {snapshot} was judged clean")),
                Err(why) => Outcome::failed(why.clone()),
            },
            StepKind::Restore => place.restore(task),
            StepKind::Start => place.start(task),
            StepKind::Gate => place.gate(task, interrupt),
            StepKind::Admit => place.admit(task),
        },
        Act::Stop(stop) => place.stop(stop),
    }
}

/// What a command that was begun once has come to.
enum Past {
    NeverBegun,
    Ended(Ended),
    Gone,
}

impl Place<'_> {
    /// One file for each step of the incident, whatever the run: processes outlive a change of plan.
    fn nonce_path(&self, step: &str) -> PathBuf {
        self.folder.join("output").join(format!("{}.nonce", step.replace(':', ".")))
    }

    /// Before the attempt begins: what carries this was not there earlier.
    pub(super) fn draw(&self, task: &Task) -> Result<Nonce, WorldFault> {
        self.world.draw(&self.nonce_path(&task.step.id), self.run, task.attempt)
    }

    /// Whether this very attempt has drawn its number: then it may have begun.
    pub(super) fn is_drawn(&self, task: &Task) -> Result<bool, WorldFault> {
        let drawn = self.world.drawn(&self.nonce_path(&task.step.id))?;
        Ok(drawn.is_some_and(|nonce| nonce.run == self.run && nonce.attempt >= task.attempt))
    }

    fn label(&self, step: &str, nonce: &Nonce) -> String {
        format!("{}/{step}/{}", self.incident, nonce.word)
    }

    /// The living process of the last attempt at this step.
    pub(super) fn running(&self, step: &str) -> Result<Option<ProcessMark>, WorldFault> {
        let Some(nonce) = self.world.drawn(&self.nonce_path(step))? else { return Ok(None) };
        let found = self.world.find(&self.label(step, &nonce))?;
        Ok(found.filter(|process| process.start_ticks >= nonce.since_ticks))
    }

    fn output(&self, task: &Task) -> PathBuf {
        output_path(self.folder, self.run, &task.step.id, task.attempt)
    }

    fn service(&self, id: &Id) -> Result<(&Service, &Run), Outcome> {
        self.estate
            .services
            .get(id)
            .and_then(|service| Some((service, service.run.as_ref()?)))
            .ok_or_else(|| Outcome::failed(format!("the estate does not say how {id} is started")))
    }

    // Restoring data

    fn is_brought_back_by_hand(&self, store: &Id) -> bool {
        self.estate.stores.get(store).is_some_and(Store::is_brought_back_by_hand)
    }

    fn restore(&self, task: &Task) -> Outcome {
        let snapshot = match &task.point {
            Ok(snapshot) => snapshot,
            Err(why) => return Outcome::failed(why.clone()),
        };
        let store = self.estate.stores.get(&task.step.service);
        let Some((source, path)) =
            store.and_then(|store| Some((store.source.as_ref()?, store.path.as_ref()?)))
        else {
            return Outcome::failed("the estate does not say where it is restored from, or where to");
        };
        let label = match self.restored_under(task, path, snapshot) {
            Ok(Some(label)) => label,
            Ok(None) => {
                if let Some(why) = self.still_used(&task.step.service) {
                    return Outcome::failed(why);
                }
                match self.draw(task) {
                    Ok(nonce) => self.restore_label(task, &nonce),
                    Err(fault) => return Outcome::failed(fault.to_string()),
                }
            }
            Err(fault) => return Outcome::failed(fault.to_string()),
        };
        // If it is there already, this only tidies up.
        match self.world.restore(source, snapshot, path, &label) {
            Ok(kept) => Outcome::done(restored(snapshot, &kept)),
            Err(fault) => Outcome::failed(fault.to_string()),
        }
    }

    fn restore_label(&self, task: &Task, nonce: &Nonce) -> String {
        format!("{}/{}/{}/{}", self.incident, self.run, task.step.id, nonce.word)
    }

    /// The label under which this very attempt has put this snapshot there. That its number was drawn before says that
    /// the attempt is in doubt, also if the journal has lost its intent; the mark in the data has to agree with it.
    /// Of an earlier attempt nothing is believed: it may be infected since.
    fn restored_under(&self, task: &Task, path: &str, snapshot: &str) -> Result<Option<String>, WorldFault> {
        let drawn = self.world.drawn(&self.nonce_path(&task.step.id))?;
        let Some(nonce) = drawn.filter(|nonce| nonce.run == self.run && nonce.attempt >= task.attempt) else {
            return Ok(None);
        };
        let label = self.restore_label(task, &nonce);
        let found = self.world.restored_from(path)?;
        Ok(found.filter(|found| found.run == label && found.snapshot == snapshot).map(|_| label))
    }

    fn settle_restore(&self, task: &Task) -> Outcome {
        if self.is_brought_back_by_hand(&task.step.service) {
            return Outcome::found(Found::NotDone, "it changes nothing, so it is simply said again");
        }
        let store = self.estate.stores.get(&task.step.service);
        let Some(path) = store.and_then(|store| store.path.as_ref()) else {
            return Outcome::failed("the estate does not say where it is restored to");
        };
        let (Some(source), Ok(snapshot)) = (store.and_then(|store| store.source.as_ref()), &task.point)
        else {
            return Outcome::found(Found::NotDone, "nothing is known from which it could have been restored");
        };
        match self.restored_under(task, path, snapshot) {
            // Tidies up if the crash came between the exchange and the naming of the old files.
            Ok(Some(label)) => match self.world.restore(source, snapshot, path, &label) {
                Ok(kept) => Outcome::found(Found::Done, restored(snapshot, &kept)),
                Err(fault) => Outcome::failed(fault.to_string()),
            },
            Ok(None) => Outcome::found(Found::NotDone, "the data in place is not from this restore"),
            Err(fault) => Outcome::failed(fault.to_string()),
        }
    }

    /// A process that we did not start but that works on this store: swapping its data away could corrupt both.
    fn still_used(&self, store: &Id) -> Option<String> {
        let works_on = |edge: &&Edge| edge.to == *store && edge.kind.blocks_start();
        let users = self.estate.edges.iter().filter(works_on).map(|edge| &edge.from);
        users
            .filter_map(|user| Some((user, self.stranger(user)?)))
            .map(|(user, why)| format!("{user}: {why}"))
            .next()
    }

    /// The process of this service that somebody else started, if it still runs.
    fn stranger(&self, service: &Id) -> Option<String> {
        if self.is_driven(service) {
            return self.driven_may_run(service);
        }
        let path = self.estate.services.get(service)?.run.as_ref()?.pid_file.as_ref()?;
        match self.world.find_by_pid_file(path) {
            Ok(Some(process)) => Some(format!(
                "a process that was not started by this recovery still runs (number {}, from {path}); stop it first",
                process.pid
            )),
            Ok(None) => None,
            Err(fault) => Some(fault.to_string()),
        }
    }

    // Starting

    /// Nothing says how it is started. It may run already; else a person is asked.
    fn start_by_hand(&self, task: &Task) -> Outcome {
        if let Some((provider, why)) = self.unhealthy(&task.providers) {
            return Outcome::NotBegun { provider, why };
        }
        match self.ask_by_hand(task) {
            Outcome::Found { detail, .. } => Outcome::done(detail),
            _ => Outcome::found(Found::Unknown, "a person starts it: the estate names no command for that"),
        }
    }

    fn is_driven(&self, id: &Id) -> bool {
        self.estate.services.get(id).is_some_and(Service::is_driven)
    }

    fn is_started_by_hand(&self, id: &Id) -> bool {
        self.estate.services.get(id).is_some_and(Service::is_started_by_hand)
    }

    fn start(&self, task: &Task) -> Outcome {
        if self.is_started_by_hand(&task.step.service) {
            return self.start_by_hand(task);
        }
        let (service, run) = match self.service(&task.step.service) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        if service.is_driven() {
            return self.start_driven(task, service, job_deadline_ms(service));
        }
        if run.job {
            return self.job(task, service, run);
        }
        match self.running(&task.step.id) {
            Ok(Some(process)) => {
                return Outcome::Done { detail: running(&process), process: Some(process) };
            }
            Ok(None) => {}
            Err(fault) => return Outcome::failed(fault.to_string()),
        }
        let output = self.output(task);
        if service.start_class == StartClass::Once
            && let Some(doubt) = self.may_have_begun(&output)
        {
            return doubt;
        }
        if let Some(why) = self.stranger(&task.step.service) {
            return Outcome::failed(why);
        }
        if let Some((provider, why)) = self.unhealthy(&task.providers) {
            return Outcome::NotBegun { provider, why };
        }
        let label = match self.draw(task) {
            Ok(nonce) => self.label(&task.step.id, &nonce),
            Err(fault) => return Outcome::failed(fault.to_string()),
        };
        let launch = Launch { run: &label, command: &run.start, settings: run, output: &output };
        match self.world.start(&launch) {
            Ok(process) => {
                let detail = format!("{}{}", running(&process), without(&task.without));
                Outcome::Done { detail, process: Some(process) }
            }
            Err(fault) => Outcome::failed(fault.to_string()),
        }
    }

    fn may_have_begun(&self, output: &Path) -> Option<Outcome> {
        match self.world.trace(output) {
            Ok(trace) if !trace.begun => None,
            Ok(_) => Some(Outcome::found(Found::Unknown, "it may have begun, and it does not run now")),
            Err(fault) => Some(Outcome::found(Found::Unknown, fault.to_string())),
        }
    }

    fn settle_start(&self, task: &Task) -> Outcome {
        if self.is_started_by_hand(&task.step.service) {
            return match self.ask_by_hand(task) {
                found @ Outcome::Found { .. } => found,
                _ => Outcome::found(Found::NotDone, "nobody is known to have started it"),
            };
        }
        let (service, run) = match self.service(&task.step.service) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        if service.is_driven() {
            return self.settle_driven(task, service);
        }
        if run.job {
            return self.settle_command(task, service, job_deadline_ms(service));
        }
        match self.running(&task.step.id) {
            Ok(Some(process)) => {
                let detail = running(&process);
                Outcome::Found { found: Found::Done, detail, process: Some(process) }
            }
            Ok(None) if service.start_class == StartClass::Once => self
                .may_have_begun(&self.output(task))
                .unwrap_or_else(|| Outcome::found(Found::NotDone, "it has not begun")),
            Ok(None) => Outcome::found(Found::NotDone, "it does not run"),
            Err(fault) => Outcome::failed(fault.to_string()),
        }
    }

    // Commands that end: jobs and admissions

    fn job(&self, task: &Task, service: &Service, run: &Run) -> Outcome {
        self.command(task, service, run, &run.start, job_deadline_ms(service))
    }

    fn admit(&self, task: &Task) -> Outcome {
        if self.estate.services.get(&task.step.service).is_some_and(|service| service.run.is_none()) {
            return Outcome::done("load comes by itself: the estate names no command for it");
        }
        let (service, run) = match self.service(&task.step.service) {
            Ok(found) => found,
            Err(outcome) => return outcome,
        };
        if run.admit.is_empty() {
            return Outcome::done("load comes by itself: the estate names no command for it");
        }
        self.command(task, service, run, &run.admit, JOB_DEADLINE_MIN_MS)
    }

    fn settle_admit(&self, task: &Task) -> Outcome {
        match self.service(&task.step.service) {
            Ok((service, _)) => self.settle_command(task, service, JOB_DEADLINE_MIN_MS),
            Err(outcome) => outcome,
        }
    }

    fn command(
        &self,
        task: &Task,
        service: &Service,
        run: &Run,
        command: &[String],
        deadline_ms: u64,
    ) -> Outcome {
        // The journal may have lost its end while the world went on: then this very attempt left notes.
        match self.past(task, deadline_ms) {
            Ok(Past::Ended(Ended { code: Some(0), .. })) => return Outcome::done("it had ended with code 0"),
            Ok(Past::Ended(ended)) if service.start_class == StartClass::Once => {
                return Outcome::failed(how_it_ended(&ended));
            }
            Ok(Past::Gone) if service.start_class == StartClass::Once => {
                return Outcome::found(Found::Unknown, "it has begun, and nothing says how it ended");
            }
            Ok(Past::NeverBegun | Past::Ended(_) | Past::Gone) => {}
            Err(fault) => return Outcome::failed(fault.to_string()),
        }
        if let Some((provider, why)) = self.unhealthy(&task.providers) {
            return Outcome::NotBegun { provider, why };
        }
        let label = match self.draw(task) {
            Ok(nonce) => self.label(&task.step.id, &nonce),
            Err(fault) => return Outcome::failed(fault.to_string()),
        };
        let output = self.output(task);
        let launch = Launch { run: &label, command, settings: run, output: &output };
        match self.world.run(&launch, deadline_ms) {
            Ok(Ended { code: Some(0), .. }) => {
                Outcome::done(format!("ended with code 0{}", without(&task.without)))
            }
            Ok(ended) => Outcome::failed(how_it_ended(&ended)),
            Err(fault) => Outcome::failed(fault.to_string()),
        }
    }

    fn settle_command(&self, task: &Task, service: &Service, deadline_ms: u64) -> Outcome {
        match self.past(task, deadline_ms) {
            Ok(Past::NeverBegun) => Outcome::found(Found::NotDone, "it has not begun"),
            Ok(Past::Ended(Ended { code: Some(0), .. })) => {
                Outcome::found(Found::Done, "it has ended with code 0")
            }
            Ok(Past::Ended(ended)) => Outcome::failed(how_it_ended(&ended)),
            Ok(Past::Gone) if service.start_class == StartClass::Once => {
                Outcome::found(Found::Unknown, "it has begun, and nothing says how it ended")
            }
            Ok(Past::Gone) => Outcome::found(Found::NotDone, "it has begun and was cut off"),
            Err(fault) => Outcome::failed(fault.to_string()),
        }
    }

    /// Waits for the command if it still runs, at most `deadline_ms`.
    fn past(&self, task: &Task, deadline_ms: u64) -> Result<Past, WorldFault> {
        let output = self.output(task);
        let until_ms = self.world.elapsed_ms().saturating_add(deadline_ms);
        loop {
            // Inspection for first: if it ends between the two looks, its note is there for the second.
            let alive = self.running(&task.step.id)?;
            let trace = self.world.trace(&output)?;
            if let Some(ended) = trace.ended {
                return Ok(Past::Ended(ended));
            }
            let Some(process) = alive else {
                return Ok(if trace.begun { Past::Gone } else { Past::NeverBegun });
            };
            if self.world.elapsed_ms() >= until_ms {
                self.world.stop(&process, STOP_GRACE_MS)?;
                let tail = "it still ran at its deadline and was stopped".to_owned();
                return Ok(Past::Ended(Ended { code: None, tail }));
            }
            self.world.wait_ms(POLL_MS);
        }
    }

    // Stopping

    fn stop(&self, stop: &Stop) -> Outcome {
        if self.is_driven(&stop.service) {
            return self.stop_driven(stop);
        }
        let run = self.estate.services.get(&stop.service).and_then(|service| service.run.as_ref());
        let lives = stop.process.as_ref().is_none_or(|process| self.is_living(process));
        let ended = run.filter(|run| !run.stop.is_empty() && lives).map(|run| {
            let label = format!("{}/stop:{}", self.incident, stop.service);
            let name = format!("stop.{}.out", stop.service.to_string().replace(':', "."));
            let output = self.folder.join("output").join(self.run).join(name);
            let launch = Launch { run: &label, command: &run.stop, settings: run, output: &output };
            self.world.run(&launch, STOP_GRACE_MS)
        });
        match (&stop.process, ended) {
            // Its own way of stopping is tried first; whether it worked, the signals make sure.
            (Some(process), _) => match self.world.stop(process, STOP_GRACE_MS) {
                Ok(()) => Outcome::Stopped,
                Err(fault) => Outcome::NotStopped { why: fault.to_string() },
            },
            // Nothing but its own command can end it.
            (None, Some(Ok(Ended { code: Some(0), .. }))) => Outcome::Stopped,
            (None, Some(Ok(ended))) => {
                Outcome::NotStopped { why: format!("its stop command {}", how_it_ended(&ended)) }
            }
            (None, Some(Err(fault))) => Outcome::NotStopped { why: fault.to_string() },
            (None, None) => {
                Outcome::NotStopped { why: "the estate names no command that stops it".to_owned() }
            }
        }
    }
}

/// Where what is started for this attempt at a step writes to.
pub fn output_path(folder: &Path, run: &str, step: &str, attempt: u32) -> PathBuf {
    folder.join(output_file(run, step, attempt))
}

/// The process itself, or one it left behind under its label (a daemon that detached), which may have given up its
/// rights: what cannot be told from our own is not started a second time, and its gate says whether it is healthy.
pub fn lives(world: &dyn World, process: &ProcessMark) -> bool {
    world.is_alive(process)
        || (!process.run.is_empty()
            && world
                .find(&process.run)
                .map_or(true, |found| found.is_some_and(|found| found.start_ticks >= process.start_ticks)))
}

fn restored(snapshot: &str, kept: &[PathBuf]) -> String {
    let kept: Vec<String> = kept.iter().map(|path| path.display().to_string()).collect();
    if kept.is_empty() {
        return format!("restored from snapshot {snapshot}");
    }
    format!("restored from snapshot {snapshot}; what was there is kept as {}", kept.join(", "))
}

pub(super) fn without(without: &[Id]) -> String {
    match without {
        [] => String::new(),
        without => {
            let names: Vec<String> = without.iter().map(Id::to_string).collect();
            format!("; it was to come after {}, which failed, and goes on without", names.join(", "))
        }
    }
}

fn running(process: &ProcessMark) -> String {
    format!("runs as process {}", process.pid)
}

fn how_it_ended(ended: &Ended) -> String {
    match ended.code {
        Some(code) => format!("ended with code {code}: {}", ended.tail),
        None => format!("was cut off: {}", ended.tail),
    }
}

fn job_deadline_ms(service: &Service) -> u64 {
    service.boot_s.saturating_mul(10_000).max(JOB_DEADLINE_MIN_MS)
}
