//! A simulated world: small, seeded, and it can be killed in the middle of any act.
//!
//! It keeps what really happened (processes, restored stores, how often each effect came about) apart from
//! what the journal says, so that tests can compare the two. Time passes only by waiting. The wall clock
//! jumps by hours, because nothing may rest on it. When it is told to crash, the act of that number is
//! not begun, half done or done, and from then on every door is shut and the journal with it: the program
//! ends as if it had been killed, and the world goes on being what it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Answer, Ended, Knock, Launch, Nonce, ProcessMark, Restored, Trace, World, WorldFault};
use estate::hands::Driver;
use estate::model::{EdgeKind, Probe, Source, StartClass};
use estate::{Estate, Id, Kind};
use hands::reach::Heard;
use hands::way::Way;
use hands::{Script, Verb};

/// How far the act got in which the crash came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CrashPoint {
    NotBegun,
    HalfDone,
    Done,
}

/// How a service behaves once it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    Good,
    /// Its gate never passes.
    Bad,
    /// Healthy for this long, ill for that long, again and again.
    Flapping {
        good_ms: u64,
        bad_ms: u64,
    },
    /// Its process ends by itself this long after its start.
    Dies {
        after_ms: u64,
    },
}

#[derive(Default)]
pub struct State {
    clock_ms: u64,
    pids: u32,
    pub processes: BTreeMap<u32, Process>,
    traces: BTreeMap<PathBuf, Trace>,
    nonces: BTreeMap<PathBuf, Nonce>,
    drawn: u32,
    pub stores: BTreeMap<String, Restored>,
    pub health: BTreeMap<Id, Health>,
    /// Services that run although this recovery did not start them.
    pub outside: BTreeSet<Id>,
    /// Services whose host does what it is told, and whose answer never comes.
    pub mute: BTreeSet<Id>,
    /// Services whose host is not reached.
    pub away: BTreeSet<Id>,
    /// Units that a cut keeps from being started.
    pub held: BTreeSet<Id>,
    /// Snapshots that may be restored.
    pub clean: BTreeSet<String>,
    /// How often each effect came about in full.
    pub effects: BTreeMap<String, u32>,
    /// How often it was begun.
    pub begun: BTreeMap<String, u32>,
    /// What must never happen, and did.
    pub violations: Vec<String>,
    /// Acts so far; each changes the world.
    pub acts: u64,
    crash: Option<(u64, CrashPoint)>,
}

pub struct Process {
    pub service: Id,
    label: String,
    start_ms: u64,
    ended: bool,
    /// It only looks like one of ours: it is not the service, and does not answer for it.
    planted: bool,
}

pub struct Sim {
    estate: Estate,
    state: Mutex<State>,
    /// Shared with the journal in memory: both end at the same instant.
    pub crashed: Arc<AtomicBool>,
}

/// A simulated run that takes longer than this hangs.
const FOREVER_MS: u64 = 10_000_000_000;

impl Sim {
    pub fn new(estate: &Estate) -> Sim {
        Sim { estate: estate.clone(), state: Mutex::default(), crashed: Arc::default() }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the world")
    }

    pub fn crash_at(&self, act: u64, point: CrashPoint) {
        self.state().crash = Some((act, point));
    }

    /// The program may be started again.
    pub fn revive(&self) {
        self.state().crash = None;
        self.crashed.store(false, Ordering::SeqCst);
    }

    /// Somebody else has a process that carries this label.
    pub fn plant(&self, service: &Id, label: &str) {
        let mut state = self.state();
        state.pids += 1;
        let (pid, start_ms) = (state.pids, state.clock_ms);
        let planted = Process {
            service: service.clone(),
            label: label.to_owned(),
            start_ms,
            ended: false,
            planted: true,
        };
        state.processes.insert(pid, planted);
    }

    /// The power was gone: nothing runs any more.
    pub fn reboot(&self) {
        self.state().processes.clear();
    }

    pub fn running(&self) -> BTreeSet<Id> {
        let state = self.state();
        let lives = |pid: &u32, process: &Process| state.lives(*pid) && !process.planted;
        state.processes.iter().filter(|(pid, p)| lives(pid, p)).map(|(_, p)| p.service.clone()).collect()
    }

    pub fn is_healthy(&self, service: &Id) -> bool {
        self.state().is_healthy(service)
    }

    /// One change of the world, in which the crash may come.
    fn act<T>(
        &self,
        doing: &str,
        half: impl FnOnce(&mut State),
        whole: impl FnOnce(&mut State) -> T,
    ) -> Result<T, WorldFault> {
        if self.crashed.load(Ordering::SeqCst) {
            return Err(WorldFault::new(doing, "the program is dead"));
        }
        let mut state = self.state();
        state.acts += 1;
        let Some((_, point)) = state.crash.filter(|(at, _)| *at == state.acts) else {
            return Ok(whole(&mut state));
        };
        match point {
            CrashPoint::NotBegun => {}
            CrashPoint::HalfDone => half(&mut state),
            CrashPoint::Done => drop(whole(&mut state)),
        }
        self.crashed.store(true, Ordering::SeqCst);
        Err(WorldFault::new(doing, "the program was killed"))
    }

    /// What must hold at the moment something is started.
    fn examine(&self, state: &mut State, effect: &str, target: &Id) {
        for edge in self.estate.needs(target).filter(|edge| edge.kind == EdgeKind::Hard) {
            let ready = match edge.to.kind() {
                Kind::Service => state.is_healthy(&edge.to) || self.is_done_job(state, &edge.to),
                _ => true,
            };
            if !ready {
                state.violations.push(format!("{effect} while {} is not healthy", edge.to));
            }
        }
        let once =
            self.estate.services.get(target).is_some_and(|service| service.start_class == StartClass::Once);
        let begun = state.begun.entry(effect.to_owned()).or_default();
        *begun += 1;
        if once && *begun > 1 {
            state.violations.push(format!("{effect} a second time"));
        }
    }

    /// Simulated units are called after their services, and the first line of a script names its unit.
    fn of_unit(&self, script: &Script) -> Id {
        let unit = script.text.lines().next().and_then(|line| line.rsplit(' ').next());
        let is_it = |driver: &Driver| matches!(driver, Driver::Systemd(name) if Some(name.as_str()) == unit);
        let mut found = self.estate.services.iter().filter(|(_, service)| {
            service.run.as_ref().and_then(|run| run.driver.as_ref()).is_some_and(is_it)
        });
        found.next().map(|(id, _)| id.clone()).expect("a simulated script is about a unit of the estate")
    }

    /// What systemd does: nothing if it runs already.
    fn done_to_unit(&self, state: &mut State, verb: Verb, effect: &str, service: &Id) {
        let runs = state.processes.iter().find(|(pid, one)| one.service == *service && state.lives(**pid));
        let runs = runs.map(|(pid, _)| *pid);
        match (verb, runs) {
            (Verb::Start, None) => {
                self.examine(state, effect, service);
                *state.effects.entry(effect.to_owned()).or_default() += 1;
                state.pids += 1;
                let (pid, start_ms) = (state.pids, state.clock_ms);
                let label = format!("unit {service}");
                let made =
                    Process { service: service.clone(), label, start_ms, ended: false, planted: false };
                state.processes.insert(pid, made);
            }
            (Verb::Stop | Verb::Hold, Some(pid)) => {
                state.processes.get_mut(&pid).expect("it was just found").ended = true;
            }
            (Verb::Start | Verb::Stop | Verb::Hold | Verb::Release | Verb::Probe | Verb::Rehearse, _) => {}
        }
        match verb {
            Verb::Hold => drop(state.held.insert(service.clone())),
            Verb::Release => drop(state.held.remove(service)),
            Verb::Start | Verb::Stop | Verb::Probe | Verb::Rehearse => {}
        }
    }

    fn is_done_job(&self, state: &State, service: &Id) -> bool {
        let run = self.estate.services.get(service).and_then(|service| service.run.as_ref());
        run.is_some_and(|run| run.job) && state.effects.contains_key(&format!("start {service}"))
    }

    fn guarded<T>(&self, doing: &str, read: impl FnOnce(&State) -> T) -> Result<T, WorldFault> {
        if self.crashed.load(Ordering::SeqCst) {
            return Err(WorldFault::new(doing, "the program is dead"));
        }
        Ok(read(&self.state()))
    }
}

impl State {
    fn lives(&self, pid: u32) -> bool {
        self.processes.get(&pid).is_some_and(|process| {
            let age_ms = self.clock_ms.saturating_sub(process.start_ms);
            let died = match self.health.get(&process.service) {
                Some(Health::Dies { after_ms }) => age_ms >= *after_ms,
                Some(Health::Good | Health::Bad | Health::Flapping { .. }) | None => false,
            };
            !process.ended && !died
        })
    }

    fn is_healthy(&self, service: &Id) -> bool {
        let up = self.outside.contains(service)
            || self
                .processes
                .iter()
                .any(|(pid, process)| process.service == *service && !process.planted && self.lives(*pid));
        up && match self.health.get(service) {
            Some(Health::Bad) => false,
            Some(Health::Flapping { good_ms, bad_ms }) => {
                self.clock_ms % (good_ms + bad_ms).max(1) < *good_ms
            }
            Some(Health::Good | Health::Dies { .. }) | None => true,
        }
    }

    /// What systemd says of a unit.
    fn unit(&self, service: &Id, when: &str) -> String {
        let runs = self.processes.iter().find(|(pid, one)| one.service == *service && self.lives(**pid));
        let (active, invocation) = runs.map_or(("inactive", 0), |(pid, _)| ("active", *pid));
        let held = if self.held.contains(service) { format!("{when} held yes\n") } else { String::new() };
        format!(
            "{held}{when} boot 1\n{when} LoadState=loaded\n{when} ActiveState={active}\n{when} InvocationID={invocation}\n"
        )
    }

    fn mark(&self, pid: u32) -> Option<ProcessMark> {
        let process = self.processes.get(&pid)?;
        Some(ProcessMark { pid, start_ticks: process.start_ms, run: process.label.clone() })
    }
}

/// Simulated commands are `[word, id]`.
fn subject(command: &[String]) -> (String, Id) {
    let id = command[1].parse().expect("simulated commands name a thing");
    (format!("{} {}", command[0], command[1]), id)
}

impl World for Sim {
    fn now_ms(&self) -> i64 {
        let state = self.state();
        // Forward and backward by up to a day, at every act.
        let jump = i64::try_from(state.acts.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 172_800_000).unwrap_or(0);
        1_700_000_000_000 + i64::try_from(state.clock_ms).unwrap_or(0) + jump - 86_400_000
    }

    fn elapsed_ms(&self) -> u64 {
        self.state().clock_ms
    }

    fn wait_ms(&self, ms: u64) {
        let mut state = self.state();
        state.clock_ms += ms;
        assert!(state.clock_ms < FOREVER_MS, "the simulated run hangs");
    }

    fn random(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn draw(&self, path: &Path, run: &str, attempt: u32) -> Result<Nonce, WorldFault> {
        let whole = |state: &mut State| {
            state.drawn += 1;
            let word = format!("drawn-{}", state.drawn);
            let nonce = Nonce { run: run.to_owned(), attempt, word, since_ticks: state.clock_ms };
            state.nonces.insert(path.to_owned(), nonce.clone());
            nonce
        };
        // Half drawn: it has another name until it is on disk.
        self.act("drawing a number", |_| {}, whole)
    }

    fn drawn(&self, path: &Path) -> Result<Option<Nonce>, WorldFault> {
        self.guarded("reading a number", |state| state.nonces.get(path).cloned())
    }

    fn start(&self, launch: &Launch<'_>) -> Result<ProcessMark, WorldFault> {
        let (effect, service) = subject(launch.command);
        let output = launch.output.to_owned();
        let half = |state: &mut State| {
            self.examine(state, &effect, &service);
            state.traces.insert(output.clone(), Trace { begun: true, ended: None });
        };
        let whole = |state: &mut State| {
            self.examine(state, &effect, &service);
            state.traces.insert(output.clone(), Trace { begun: true, ended: None });
            *state.effects.entry(effect.clone()).or_default() += 1;
            if state
                .processes
                .iter()
                .any(|(pid, known)| known.service == service && !known.planted && state.lives(*pid))
            {
                state.violations.push(format!("{service} runs twice"));
            }
            state.pids += 1;
            let (pid, label) = (state.pids, launch.run.to_owned());
            let start_ms = state.clock_ms;
            state.processes.insert(
                pid,
                Process { service: service.clone(), label, start_ms, ended: false, planted: false },
            );
            state.mark(pid).expect("it was just put there")
        };
        self.act("starting", half, whole)
    }

    fn run(&self, launch: &Launch<'_>, _deadline_ms: u64) -> Result<Ended, WorldFault> {
        let (effect, target) = subject(launch.command);
        let output = launch.output.to_owned();
        let half = |state: &mut State| {
            self.examine(state, &effect, &target);
            state.traces.insert(output.clone(), Trace { begun: true, ended: None });
        };
        let whole = |state: &mut State| {
            self.examine(state, &effect, &target);
            let bad = state.health.get(&target) == Some(&Health::Bad) && effect.starts_with("start ");
            if !bad {
                *state.effects.entry(effect.clone()).or_default() += 1;
            }
            let ended = Ended { code: Some(i32::from(bad)), tail: String::new() };
            state.traces.insert(output.clone(), Trace { begun: true, ended: Some(ended.clone()) });
            ended
        };
        self.act("running a command", half, whole)
    }

    fn carry(&self, _way: &Way, script: &Script, _deadline_ms: u64) -> Result<Heard, WorldFault> {
        let service = self.of_unit(script);
        if self.state().away.contains(&service) {
            return Ok(Heard { said: "No route to host".to_owned(), ..Heard::default() });
        }
        let look = |state: &State, when: &str| state.unit(&service, when);
        let mut output = self.guarded("looking at a unit", |state| look(state, "before"))?;
        if !script.verb.only_looks() {
            let effect = format!("{} {service}", script.verb.word());
            let whole = |state: &mut State| self.done_to_unit(state, script.verb, &effect, &service);
            // Half done: the connection broke, and the host goes on with what it was told.
            let half = |state: &mut State| self.done_to_unit(state, script.verb, &effect, &service);
            self.act("carrying a script", half, whole)?;
        }
        if self.state().mute.contains(&service) {
            let broke_off = "there was no end".to_owned();
            return Ok(Heard { may_have_begun: true, broke_off, ..Heard::default() });
        }
        output += &self.guarded("looking at a unit", |state| look(state, "after"))?;
        Ok(Heard { may_have_begun: true, code: Some(0), output, ..Heard::default() })
    }

    fn trace(&self, output: &Path) -> Result<Trace, WorldFault> {
        self.guarded("reading a trace", |state| state.traces.get(output).cloned().unwrap_or_default())
    }

    fn find(&self, run: &str) -> Result<Option<ProcessMark>, WorldFault> {
        self.guarded("finding a process", |state| {
            let mut pids =
                state.processes.iter().filter(|(pid, process)| process.label == run && state.lives(**pid));
            pids.next().and_then(|(pid, _)| state.mark(*pid))
        })
    }

    fn find_by_pid_file(&self, _path: &str) -> Result<Option<ProcessMark>, WorldFault> {
        Ok(None)
    }

    fn is_alive(&self, mark: &ProcessMark) -> bool {
        let state = self.state();
        state.lives(mark.pid) && state.mark(mark.pid).is_some_and(|known| known == *mark)
    }

    fn stop(&self, mark: &ProcessMark, _grace_ms: u64) -> Result<(), WorldFault> {
        let whole = |state: &mut State| {
            if let Some(process) = state.processes.get_mut(&mark.pid) {
                process.ended = true;
            }
        };
        // Half stopped: the signal was sent, and the process has not looked at it yet.
        self.act("stopping", |_| {}, whole)
    }

    fn probe(&self, probe: &Probe, _timeout_ms: u64) -> Answer {
        let Probe::Command(command) = probe else {
            return Answer::No("the simulation only knows commands".to_owned());
        };
        let (_, service) = subject(command);
        if self.crashed.load(Ordering::SeqCst) {
            return Answer::No("the program is dead".to_owned());
        }
        if self.is_healthy(&service) { Answer::Yes } else { Answer::No("it does not answer".to_owned()) }
    }

    fn knock(&self, _probe: &Probe, _timeout_ms: u64) -> Knock {
        Knock::NotTried("the simulation only knows commands".to_owned())
    }

    fn restore(
        &self,
        _source: &Source,
        snapshot: &str,
        target: &str,
        run: &str,
    ) -> Result<Vec<PathBuf>, WorldFault> {
        let restored = Restored { snapshot: snapshot.to_owned(), run: run.to_owned() };
        if self.state().stores.get(target) == Some(&restored) {
            return Ok(Vec::new());
        }
        let whole = |state: &mut State| {
            if !state.clean.contains(snapshot) {
                state
                    .violations
                    .push(format!("{target} restored from {snapshot}, which is not judged clean"));
            }
            *state.effects.entry(format!("restore {target}")).or_default() += 1;
            state.stores.insert(target.to_owned(), restored.clone());
            Vec::new()
        };
        // Half restored: the copy beside the target is incomplete, the target is as it was.
        self.act("restoring", |_| {}, whole)
    }

    fn restored_from(&self, target: &str) -> Result<Option<Restored>, WorldFault> {
        self.guarded("reading where it was restored from", |state| state.stores.get(target).cloned())
    }
}
