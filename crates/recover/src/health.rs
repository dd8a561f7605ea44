//! Is it healthy? Providers before a start, gates after it, and what people start meanwhile. Asks; changes nothing.

use std::sync::atomic::{AtomicBool, Ordering};

use super::decide::{Provider, Task};
use super::perform::{Outcome, POLL_MS, Place, lives};
use estate::Id;
use estate::model::{Gate, Run};
use incident::event::{Found, ProcessMark};
use incident::plan::file::{StepKind, step_id};
use world::Answer;

/// A single probe that takes longer is a `no`.
const PROBE_TIMEOUT_MS: u64 = 5_000;

impl Place<'_> {
    /// Whether every provider is healthy. One that is not in the plan is given as long as its gate says.
    pub(super) fn look(&self, providers: &[Provider], interrupt: &AtomicBool) -> Outcome {
        let began_ms = self.world.elapsed_ms();
        loop {
            let Some((unhealthy, why)) = self.unhealthy(providers) else { return Outcome::Healthy };
            let planned = providers.iter().any(|provider| provider.planned && provider.service == unhealthy);
            let patience_ms = if planned { 0 } else { self.patience_ms(&unhealthy) };
            if self.world.elapsed_ms().saturating_sub(began_ms) >= patience_ms {
                return Outcome::Unhealthy { provider: unhealthy, why };
            }
            if interrupt.load(Ordering::SeqCst) {
                return Outcome::Interrupted;
            }
            self.world.wait_ms(POLL_MS);
        }
    }

    fn patience_ms(&self, service: &Id) -> u64 {
        let gates = self.estate.services.get(service).map(|service| service.gates.as_slice());
        gates.unwrap_or_default().iter().map(|gate| gate.deadline_ms).max().unwrap_or(0)
    }

    pub(super) fn unhealthy(&self, providers: &[Provider]) -> Option<(Id, String)> {
        providers.iter().find_map(|provider| Some((provider.service.clone(), self.ill(provider)?)))
    }

    /// Why it is not known to be healthy at this moment.
    fn ill(&self, provider: &Provider) -> Option<String> {
        let Some(service) = self.estate.services.get(&provider.service) else {
            return Some("it is not in the estate".to_owned());
        };
        let run = service.run.as_ref();
        let job = run.is_some_and(|run| run.job);
        if let Some(process) = &provider.process
            && !self.is_living(process)
        {
            return Some("its process has ended".to_owned());
        }
        let by_file = || {
            let path = run?.pid_file.as_ref()?;
            self.world.find_by_pid_file(path).ok()?
        };
        // In the plan, and so far that its dependents may begin: a person has said that it runs.
        let is_said = provider.planned && service.is_started_by_hand();
        if service.gates.is_empty() && !job && service.is_driven() {
            return self.driven_is_down(&provider.service);
        }
        if service.gates.is_empty() && !job && !is_said && provider.process.is_none() && by_file().is_none() {
            return Some("it has no gate, and no process of it is known: nobody can tell".to_owned());
        }
        service.gates.iter().find_map(|gate| self.ask(gate).err())
    }

    pub(super) fn ask(&self, gate: &Gate) -> Result<(), String> {
        match self.world.probe(&gate.probe, PROBE_TIMEOUT_MS.min(gate.deadline_ms.max(1))) {
            Answer::Yes => Ok(()),
            Answer::No(why) => Err(why),
        }
    }

    /// After a person has said that it was started, only its label or its pid file leads to the process. One of another
    /// user, which `find` reports as a fault, is not ruled out then: she has looked.
    fn has_process(&self, task: &Task, run: &Run) -> bool {
        let by_file = || run.pid_file.as_ref().map(|path| self.world.find_by_pid_file(path));
        match &task.process {
            Some(process) => self.is_living(process),
            None => {
                let start = step_id(StepKind::Start, &task.step.service);
                !matches!(self.running(&start), Ok(None)) || matches!(by_file(), Some(Ok(Some(_))))
            }
        }
    }

    pub(super) fn is_living(&self, process: &ProcessMark) -> bool {
        lives(self.world, process)
    }

    /// Every condition must hold for its time without a break, all at once, before the last deadline.
    pub(super) fn gate(&self, task: &Task, interrupt: &AtomicBool) -> Outcome {
        let Some(service) = self.estate.services.get(&task.step.service) else {
            return Outcome::failed(format!("{} is not in the estate", task.step.service));
        };
        let nothing = Run::default();
        let run = service.run.as_ref().unwrap_or(&nothing);
        let by_hand = service.is_started_by_hand();
        if by_hand && service.gates.is_empty() {
            return Outcome::done("it has no gate: a person says that it runs");
        }
        if service.is_driven() && service.gates.is_empty() && !run.job {
            return match self.driven_is_down(&task.step.service) {
                None => Outcome::done(
                    "its host says that it runs; it has no gate, so nothing shows that it works",
                ),
                Some(why) => Outcome::failed(why),
            };
        }
        let began_ms = self.world.elapsed_ms();
        let deadline_ms = service.gates.iter().map(|gate| gate.deadline_ms).max().unwrap_or(0);
        let every_ms = service.gates.iter().map(|gate| gate.every_ms).min().unwrap_or(POLL_MS).max(1);
        let mut holds_since: Vec<Option<u64>> = vec![None; service.gates.len()];
        loop {
            if !run.job && !by_hand && !service.is_driven() && !self.has_process(task, run) {
                return Outcome::failed("its process has ended");
            }
            let mut why = None;
            for (gate, since) in service.gates.iter().zip(&mut holds_since) {
                match self.ask(gate) {
                    Ok(()) => *since = since.or(Some(self.world.elapsed_ms())),
                    Err(not) => {
                        *since = None;
                        why = Some(not);
                    }
                }
            }
            let now_ms = self.world.elapsed_ms();
            let held = |(gate, since): (&Gate, &Option<u64>)| {
                since.is_some_and(|since| now_ms.saturating_sub(since) >= gate.hold_ms)
            };
            if service.gates.iter().zip(&holds_since).all(held) {
                return Outcome::done(match service.gates.is_empty() {
                    false => "healthy",
                    true => "it runs; it has no gate, so nothing shows that it works",
                });
            }
            if now_ms.saturating_sub(began_ms) >= deadline_ms {
                let why = why.unwrap_or_else(|| "it did not hold long enough".to_owned());
                return Outcome::failed(format!("not healthy within {deadline_ms} ms: {why}"));
            }
            if interrupt.load(Ordering::SeqCst) {
                return Outcome::Interrupted;
            }
            self.world.wait_ms(every_ms);
        }
    }

    /// Whether its gate passes: then somebody has started it. Without a gate only her word counts.
    pub(super) fn ask_by_hand(&self, task: &Task) -> Outcome {
        let gates = self.estate.services.get(&task.step.service).map(|service| service.gates.as_slice());
        let gates = gates.unwrap_or_default();
        match gates.iter().find_map(|gate| self.ask(gate).err()) {
            None if gates.is_empty() => Outcome::NotYet { why: "it has no gate".to_owned() },
            None => Outcome::found(Found::Done, "its gate passes: somebody has started it"),
            Some(why) => Outcome::NotYet { why },
        }
    }
}
