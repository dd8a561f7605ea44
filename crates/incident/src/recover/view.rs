//! How far each step and each service has come, as the journal says.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::service::{ServiceMove, ServiceState};
use super::step::{Move, State};
use crate::event::{Found, ProcessMark, RecoverEvent};
use crate::plan::file::{StepKind, step_id};
use crate::stamp::Stamp;
use estate::Id;

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    /// The run of a plan that was begun last.
    pub run: Option<RunView>,
    /// Steps of that run that anything was recorded about, by id. One that is missing is waiting.
    pub steps: BTreeMap<String, StepView>,
    /// Services that anything was done to, in this run or an earlier one.
    pub services: BTreeMap<Id, ServiceView>,
    /// Service to the thing it waits for: that failed, and this one cannot work without it.
    pub parked: BTreeMap<Id, Id>,
    /// Who has said of which thing that work on it may go on, in this run.
    pub released: BTreeMap<Id, BTreeSet<String>>,
    /// The entry at which a store was restored last, in this run or an earlier one.
    pub restored: BTreeMap<Id, u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunView {
    /// The same run goes on under the same name after a crash.
    pub run: String,
    /// Hash of the plan.
    pub plan: String,
    pub estate_hash: String,
    pub by: String,
    pub begun_at_entry: u64,
    /// `None`: at work, or it crashed. Which of both is not in the journal.
    pub ended: Option<RunEnd>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunEnd {
    pub at_entry: u64,
    /// Every step is done.
    pub complete: bool,
    pub waiting_for: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepView {
    pub target: Id,
    #[serde(serialize_with = "word")]
    pub kind: StepKind,
    pub state: State,
    pub last: Move,
    /// Number of the last attempt, from 1; 0 if it was never begun.
    pub attempt: u32,
    pub detail: String,
    pub since_entry: u64,
    pub since_ms: i64,
}

fn word<S: serde::Serializer>(kind: &StepKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.word())
}

/// What is known of a service. Whether a stopped one is parked stands in `parked`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ServiceView {
    pub state: ServiceState,
    /// The process, while it is thought to live.
    pub process: Option<ProcessMark>,
    pub detail: String,
    pub since_entry: u64,
    pub since_ms: i64,
}

impl View {
    /// `Err` says which move the table does not allow; the view is left as it was.
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &RecoverEvent) -> Result<(), String> {
        match event {
            RecoverEvent::RunBegun { run, plan, estate_hash } => self.begin(entry, run, plan, estate_hash),
            RecoverEvent::StepIntended { step, target, attempt } => {
                self.advance(entry, step, target, Move::Intended, "", None)?;
                if let Some(known) = self.steps.get_mut(step) {
                    known.attempt = *attempt;
                }
            }
            RecoverEvent::StepDone { step, target, detail, process } => {
                self.advance(entry, step, target, Move::Done, detail, process.as_ref())?;
            }
            RecoverEvent::StepFailed { step, target, detail } => {
                self.advance(entry, step, target, Move::Failed, detail, None)?;
            }
            RecoverEvent::StepProbed { step, target, found, detail, process } => {
                let found = match found {
                    Found::Done => Move::FoundDone,
                    Found::NotDone => Move::FoundNotDone,
                    Found::Unknown => Move::FoundUnknown,
                };
                self.advance(entry, step, target, found, detail, process.as_ref())?;
            }
            RecoverEvent::ServiceStopped { service, why } => self.stop(entry, service, why)?,
            RecoverEvent::ServiceParked { service, waits_for } => {
                self.parked.insert(service.clone(), waits_for.clone());
            }
            RecoverEvent::ServiceUnparked { service } => {
                if self.parked.remove(service).is_none() {
                    return Err(format!("{service} was let go on, but it was not parked"));
                }
            }
            RecoverEvent::TargetResumed { target, .. } => self.resume(entry, target),
            RecoverEvent::RunEnded { run, complete, waiting_for } => {
                let current = self.run.as_mut().filter(|current| current.run == *run);
                let current =
                    current.ok_or_else(|| format!("run {run} ended, but it is not the current one"))?;
                current.ended = Some(RunEnd {
                    at_entry: entry.sequence,
                    complete: *complete,
                    waiting_for: waiting_for.clone(),
                });
            }
        }
        Ok(())
    }

    /// The same name: the run goes on where it was. Another name: its steps start from nothing, while
    /// what is known of processes stays true.
    fn begin(&mut self, entry: Stamp<'_>, run: &str, plan: &str, estate_hash: &str) {
        if self.run.as_ref().is_none_or(|current| current.run != run) {
            self.steps.clear();
            self.parked.clear();
            self.released.clear();
        }
        self.run = Some(RunView {
            run: run.to_owned(),
            plan: plan.to_owned(),
            estate_hash: estate_hash.to_owned(),
            by: entry.actor.to_owned(),
            begun_at_entry: entry.sequence,
            ended: None,
        });
    }

    fn advance(
        &mut self,
        entry: Stamp<'_>,
        step: &str,
        target: &Id,
        to: Move,
        detail: &str,
        process: Option<&ProcessMark>,
    ) -> Result<(), String> {
        let kind = StepKind::ALL
            .into_iter()
            .find(|kind| step_id(*kind, target) == step)
            .ok_or_else(|| format!("`{step}` is not the name of a step of {target}"))?;
        let known = self.steps.get(step);
        let from = known.map_or(State::Waiting, |known| known.state);
        let state = from
            .after(to)
            .ok_or_else(|| format!("step {step} is {}: `{}` is not allowed then", from.word(), to.word()))?;
        let next = StepView {
            target: target.clone(),
            kind,
            state,
            last: to,
            attempt: known.map_or(0, |known| known.attempt),
            detail: detail.to_owned(),
            since_entry: entry.sequence,
            since_ms: entry.time_ms,
        };
        self.steps.insert(step.to_owned(), next);
        if (kind, state) == (StepKind::Restore, State::Done) {
            self.restored.insert(target.clone(), entry.sequence);
        }
        self.follow(entry, kind, target, to, state, detail, process);
        Ok(())
    }

    /// What a move of a step says about its service.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one entry; a type for them would be used once"
    )]
    fn follow(
        &mut self,
        entry: Stamp<'_>,
        kind: StepKind,
        target: &Id,
        to: Move,
        state: State,
        detail: &str,
        process: Option<&ProcessMark>,
    ) {
        let before = self.services.get(target).map(|known| known.state).unwrap_or_default();
        let Some(next) = before.after(ServiceMove::Step(kind, state)) else { return };
        let service = self.services.entry(target.clone()).or_default();
        service.state = next;
        detail.clone_into(&mut service.detail);
        service.since_entry = entry.sequence;
        service.since_ms = entry.time_ms;
        if kind == StepKind::Start {
            match to {
                Move::Done | Move::FoundDone => service.process = process.cloned(),
                Move::FoundNotDone | Move::Failed | Move::FoundUnknown => service.process = None,
                Move::Intended | Move::Stopped | Move::Resumed => {}
            }
        }
    }

    fn stop(&mut self, entry: Stamp<'_>, service: &Id, why: &str) -> Result<(), String> {
        let before = self.services.get(service).map(|known| known.state).unwrap_or_default();
        let state = before
            .after(ServiceMove::Stopped)
            .ok_or_else(|| format!("{service} was stopped, but nothing was recorded that started it"))?;
        for kind in [StepKind::Start, StepKind::Gate, StepKind::Admit] {
            if let Some(step) = self.steps.get_mut(&step_id(kind, service))
                && let Some(state) = step.state.after(Move::Stopped)
            {
                step.state = state;
                step.last = Move::Stopped;
                step.since_entry = entry.sequence;
                step.since_ms = entry.time_ms;
            }
        }
        self.services.insert(
            service.clone(),
            ServiceView {
                state,
                process: None,
                detail: why.to_owned(),
                since_entry: entry.sequence,
                since_ms: entry.time_ms,
            },
        );
        Ok(())
    }

    fn resume(&mut self, entry: Stamp<'_>, target: &Id) {
        self.released.entry(target.clone()).or_default().insert(entry.actor.to_owned());
        for step in self.steps.values_mut().filter(|step| step.target == *target) {
            if let Some(state) = step.state.after(Move::Resumed)
                && state != step.state
            {
                step.state = state;
                step.last = Move::Resumed;
                step.since_entry = entry.sequence;
                step.since_ms = entry.time_ms;
            }
        }
        if let Some(service) = self.services.get_mut(target) {
            let moved = ServiceMove::LetTryAgain { runs: service.process.is_some() };
            service.state = service.state.after(moved).unwrap_or(service.state);
        }
    }

    pub fn state_of(&self, step: &str) -> State {
        self.steps.get(step).map_or(State::Waiting, |step| step.state)
    }

    /// The process of this service, if it is thought to live.
    pub fn process_of(&self, service: &Id) -> Option<&ProcessMark> {
        self.services.get(service)?.process.as_ref()
    }
}
