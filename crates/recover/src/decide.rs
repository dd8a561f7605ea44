//! What may be done next, and what forbids the rest. Pure: the same view gives the same answer.
//!
//! Read `next` first: it goes through the plan in its own order, and for each step either says what to do
//! or adds the reason why not. What follows from a failure (stop the service, park what depends on it) is
//! computed from the view each time, so a crash between two of those acts forgets nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::refusal::Refusal;
use estate::ignorance::Ignorance;
use estate::model::{EdgeKind, Service, StartClass, Store};
use estate::{Estate, Id, Kind, canonical};
use incident::event::{CommandEvent, Found, ProcessMark, RecoverEvent};
use incident::plan::file::{Plan, Step, StepKind, step_id};
use incident::recover::step::{Move, State};
use incident::{Event, View};

/// Everything a decision rests on.
pub struct Ground<'a> {
    pub view: &'a View,
    pub estate: &'a Estate,
    pub plan: &'a Plan,
    pub plan_hash: &'a str,
    /// Things whose part of the estate is not the one that was planned for.
    pub changed: &'a BTreeSet<Id>,
    pub now: &'a Now,
}

/// What only the running program knows. All of it may be lost: it is found out again.
#[derive(Debug, Default)]
pub struct Now {
    /// Steps that somebody is at work on.
    pub busy: BTreeMap<String, Task>,
    /// Services that are being stopped.
    pub stopping: BTreeSet<Id>,
    /// Services that could not be stopped, and why.
    pub not_stopped: BTreeMap<Id, String>,
    /// What looking at the providers of a step gave, a moment ago.
    pub looked: BTreeMap<String, Inspection>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Inspection {
    Healthy,
    Unhealthy { provider: Id, why: String },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Check whether the providers of a step are healthy. Changes nothing, so it needs no intent.
    Look(Task),
    /// Find out whether a step that was begun has happened. Changes nothing.
    Settle(Task),
    /// Ask the gate of a service that a person starts whether she has. Changes nothing.
    Ask(Task),
    /// Do the step. Its intent must be on disk first.
    Perform(Task),
    Stop(Stop),
}

/// All that is needed to work on a step, as values.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub step: Step,
    pub attempt: u32,
    /// For a start or an admission: services that must be healthy at that moment.
    pub providers: Vec<Provider>,
    /// For a restore or its verification: the snapshot, or why there is none.
    pub point: Result<String, String>,
    /// For a gate: the process it is about.
    pub process: Option<ProcessMark>,
    /// For a start: what was to come before it, failed, and is only an order.
    pub without: Vec<Id>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    pub service: Id,
    pub process: Option<ProcessMark>,
    pub planned: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    pub service: Id,
    /// `None`: its start has ended and left something running; only its stop command ends that.
    pub process: Option<ProcessMark>,
    pub why: String,
}

/// The answer of `next`. If there are events, they are appended and the question is asked again.
#[derive(Debug, Default)]
pub struct Next {
    pub events: Vec<Event>,
    pub acts: Vec<Act>,
    /// Services whose work in progress must end early, because they are about to be stopped.
    pub interrupt: BTreeSet<Id>,
    pub refusals: Vec<Refusal>,
}

/// How a run of this plan is called: by the approval it rests on. After a crash it is the same one; a plan that goes on
/// with a run is part of that run, and its steps keep what is known of them.
pub fn run_name(view: &View, plan: &Plan, plan_hash: &str) -> String {
    if let Some(continues) = &plan.continues {
        return continues.run.clone();
    }
    let approved = view.plan.approved_at_entry.unwrap_or(0);
    if let Some(run) = view.recover.run.as_ref().filter(|run| run.plan == plan_hash) {
        let ended = run.ended.as_ref().filter(|ended| ended.complete);
        if ended.is_none_or(|ended| ended.at_entry > approved) {
            return run.run.clone();
        }
    }
    format!("{}-{approved}", plan_hash.get(..12).unwrap_or(plan_hash))
}

/// A restart without known dependencies finds them by failing. Whoever wants that has to say so (`despite`).
pub fn enough_known(estate: &Estate, despite: bool) -> Result<(), Refusal> {
    let ignorance = Ignorance::of(estate);
    if !ignorance.too_much() || despite {
        return Ok(());
    }
    let Ignorance { alone, services } = ignorance;
    Err(Refusal::TooLittleKnown { alone, services, percent: ignorance.percent() })
}

/// What begins a run on this estate. Where another is in force it is put in force by the same append: a run that is refused
/// changes nothing.
pub fn begin_on(view: &View, estate: &Estate, plan: &Plan, plan_hash: &str) -> Result<Vec<Event>, Refusal> {
    let begun = begin(view, plan, plan_hash)?;
    let hash = canonical::hash(estate);
    if view.command.estate_hash.as_ref() == Some(&hash) {
        return Ok(vec![begun]);
    }
    let adopted = CommandEvent::EstateAdopted { hash: hash.clone(), text: canonical::text(estate) };
    let begun = match begun {
        Event::Recover(RecoverEvent::RunBegun { run, plan, .. }) => {
            Event::Recover(RecoverEvent::RunBegun { run, plan, estate_hash: hash })
        }
        other => other,
    };
    Ok(vec![Event::Command(adopted), begun])
}

pub fn begin(view: &View, plan: &Plan, plan_hash: &str) -> Result<Event, Refusal> {
    approved(view, plan_hash)?;
    if let Some(continues) = &plan.continues {
        // Under another run its done steps would count as waiting, and be done a second time.
        let current = view.recover.run.as_ref().map(|run| run.run.clone());
        if current.as_ref() != Some(&continues.run) {
            return Err(Refusal::OtherRun { planned: continues.run.clone(), current });
        }
    }
    Ok(Event::Recover(RecoverEvent::RunBegun {
        run: run_name(view, plan, plan_hash),
        plan: plan_hash.to_owned(),
        estate_hash: view.command.estate_hash.clone().unwrap_or_else(|| plan.estate_hash.clone()),
    }))
}

fn approved(view: &View, plan_hash: &str) -> Result<(), Refusal> {
    if view.plan.approved.as_deref() == Some(plan_hash) {
        return Ok(());
    }
    Err(Refusal::NotApproved { plan: plan_hash.to_owned(), approved: view.plan.approved.clone() })
}

/// Starts on one host that are worked on at the same time: whoever hangs holds up his own host only.
const ON_A_HOST_MAX: usize = 4;
/// The same on all hosts together; each waits in a process of its own.
const ON_HOSTS_MAX: usize = 256;

/// At most `at_once` steps are worked on at the same time on this machine. Starts that hosts carry out do not count: they
/// cost nothing here but the waiting.
pub fn next(ground: &Ground<'_>, at_once: usize) -> Next {
    let mut next = Next::default();
    if let Err(refusal) = approved(ground.view, ground.plan_hash) {
        next.refusals.push(refusal);
        return next;
    }
    next.events = ground.parking();
    if !next.events.is_empty() {
        return next;
    }
    ground.stops(&mut next);
    let mut working: Vec<&Step> = ground.now.busy.values().map(|task| &task.step).collect();
    let mut on_hosts: BTreeMap<&Id, usize> = BTreeMap::new();
    working
        .iter()
        .filter_map(|step| ground.far_host(step))
        .for_each(|host| *on_hosts.entry(host).or_default() += 1);
    let mut at_work = working.len() - on_hosts.values().sum::<usize>();
    for step in &ground.plan.steps {
        match ground.consider(step, &next) {
            Verdict::Nothing => {}
            Verdict::Refused(refusal) => next.refusals.push(refusal),
            Verdict::Record(event) => next.events.push(event),
            Verdict::Do(act) => {
                let looks = matches!(act, Act::Look(_) | Act::Settle(_) | Act::Ask(_));
                let far = ground.far_host(step);
                let is_full = far.map_or(at_work >= at_once, |host| {
                    on_hosts.get(host).is_some_and(|count| *count >= ON_A_HOST_MAX)
                        || on_hosts.values().sum::<usize>() >= ON_HOSTS_MAX
                });
                if is_full {
                    continue;
                }
                if looks || ground.has_room(step, &working) {
                    match far {
                        Some(host) => *on_hosts.entry(host).or_default() += 1,
                        None => at_work += 1,
                    }
                    next.acts.push(act);
                }
                // What could begin and only lacks room keeps its place in the queue: else small steps that come
                // later in the plan would go first again and again, and a large one would never begin.
                working.push(step);
            }
        }
    }
    next
}

enum Verdict {
    Nothing,
    Refused(Refusal),
    Record(Event),
    Do(Act),
}

impl Ground<'_> {
    fn state(&self, step: &Step) -> State {
        self.view.recover.state_of(&step.id)
    }

    /// The host that carries out this start, if a driver does it there.
    fn far_host(&self, step: &Step) -> Option<&Id> {
        let service = self.estate.services.get(&step.service).filter(|service| service.is_driven())?;
        service.host.as_ref().filter(|_| step.kind == StepKind::Start)
    }

    fn planned(&self, kind: StepKind, target: &Id) -> Option<&Step> {
        self.plan.step(&step_id(kind, target))
    }

    fn steps_of<'b>(&'b self, target: &'b Id) -> impl Iterator<Item = &'b Step> {
        self.plan.steps.iter().filter(move |step| step.service == *target)
    }

    fn consider(&self, step: &Step, so_far: &Next) -> Verdict {
        let state = self.state(step);
        let target = &step.service;
        if state == State::Done || self.now.busy.contains_key(&step.id) {
            return Verdict::Nothing;
        }
        if self.now.stopping.contains(target) || self.is_to_be_stopped(target, so_far) {
            return Verdict::Nothing;
        }
        if let Some(refusal) = self.forbidden(target) {
            return Verdict::Refused(refusal);
        }
        match state {
            State::Done => Verdict::Nothing,
            State::Intended => Verdict::Do(Act::Settle(self.task(step))),
            State::Failed => Verdict::Refused(Refusal::Failed {
                step: step.id.clone(),
                target: target.clone(),
                detail: self.detail(step),
            }),
            State::Held if self.is_started_by_hand(step) => self.consider_by_hand(step),
            State::Held if self.is_by_hand(step) => {
                Verdict::Refused(Refusal::BroughtBack { store: target.clone() })
            }
            State::Held => Verdict::Refused(Refusal::InDoubt {
                step: step.id.clone(),
                target: target.clone(),
                detail: self.detail(step),
            }),
            State::Waiting => self.consider_waiting(step),
        }
    }

    /// A person starts it. Meanwhile its gate is asked; without one only her word counts.
    fn consider_by_hand(&self, step: &Step) -> Verdict {
        let has_gate =
            self.estate.services.get(&step.service).is_some_and(|service| !service.gates.is_empty());
        let service = step.service.clone();
        match self.now.looked.get(&step.id) {
            None if has_gate => Verdict::Do(Act::Ask(self.task(step))),
            None | Some(Inspection::Healthy) => {
                Verdict::Refused(Refusal::ByHand { service, why: String::new() })
            }
            Some(Inspection::Unhealthy { why, .. }) => {
                Verdict::Refused(Refusal::ByHand { service, why: why.clone() })
            }
        }
    }

    /// What a person does and says: a start without a command, the data of a store without a source.
    pub(super) fn is_by_hand(&self, step: &Step) -> bool {
        match step.kind {
            StepKind::Verify | StepKind::Restore => {
                self.estate.stores.get(&step.service).is_some_and(Store::is_brought_back_by_hand)
            }
            StepKind::Start => self.is_started_by_hand(step),
            StepKind::Gate | StepKind::Admit => false,
        }
    }

    pub(super) fn is_started_by_hand(&self, step: &Step) -> bool {
        step.kind == StepKind::Start
            && self.estate.services.get(&step.service).is_some_and(Service::is_started_by_hand)
    }

    fn consider_waiting(&self, step: &Step) -> Verdict {
        if let Some(waits_for) = self.view.recover.parked.get(&step.service) {
            let (service, waits_for) = (step.service.clone(), waits_for.clone());
            return Verdict::Refused(Refusal::Parked { service, waits_for });
        }
        if let Some(refusal) = self.waits_for_steps(step) {
            return Verdict::Refused(refusal);
        }
        match step.kind {
            StepKind::Gate => Verdict::Do(Act::Perform(self.task(step))),
            StepKind::Verify => self.with_clean_snapshot(step),
            StepKind::Restore => self.consider_restore(step),
            StepKind::Start => self.consider_start(step),
            // Load is not let in on top of something that has failed meanwhile.
            StepKind::Admit => self.with_healthy_providers(step),
        }
    }

    /// Steps before it in the plan, and other steps of the same thing that a person has to deal with.
    fn waits_for_steps(&self, step: &Step) -> Option<Refusal> {
        let stuck = |other: &&Step| matches!(self.state(other), State::Failed | State::Held);
        let before = step
            .after
            .iter()
            .find(|id| self.view.recover.state_of(id) != State::Done && !self.goes_on_without(step, id))
            .cloned();
        let after =
            before.or_else(|| self.steps_of(&step.service).find(stuck).map(|other| other.id.clone()))?;
        Some(Refusal::After { step: step.id.clone(), after })
    }

    fn consider_restore(&self, step: &Step) -> Verdict {
        if let Some(user) = self.users(&step.service).find(|user| self.runs(user)) {
            // `stops` is at it, or says why it cannot be stopped.
            let after = format!("the stop of {user}");
            return Verdict::Refused(Refusal::After { step: step.id.clone(), after });
        }
        self.with_clean_snapshot(step)
    }

    /// Asked again right before the restore: a verdict may have changed since the verification.
    fn with_clean_snapshot(&self, step: &Step) -> Verdict {
        // Nobody can judge a copy that is not known: a person answers for the data that she brings back.
        if self.is_by_hand(step) {
            return Verdict::Do(Act::Perform(self.task(step)));
        }
        match recovery_point(self.view, step) {
            Ok(_) => Verdict::Do(Act::Perform(self.task(step))),
            Err(_) if waits_for_a_choice(self.view, step) => {
                Verdict::Refused(Refusal::NotChosen { store: step.service.clone() })
            }
            Err(why) => {
                let source = self.estate.stores.get(&step.service).and_then(|store| store.source.as_ref());
                let repository = source.map(|source| estate::model::shown_address(&source.repository));
                Verdict::Refused(Refusal::NotClean { store: step.service.clone(), why, repository })
            }
        }
    }

    fn consider_start(&self, step: &Step) -> Verdict {
        let known = self.view.recover.steps.get(&step.id);
        let Some(service) = self.estate.services.get(&step.service) else {
            return Verdict::Refused(Refusal::PartChanged { target: step.service.clone() });
        };
        if service.start_class == StartClass::Once && known.is_some_and(|known| known.last == Move::Stopped) {
            return Verdict::Record(probed(step, Found::Unknown, "it ran, and was stopped", None));
        }
        if let Some(cut) = self.view.contain.forbids_start(&step.service) {
            let (service, sequence) = (step.service.clone(), cut.since_entry);
            return Verdict::Refused(Refusal::CutOff { service, sequence });
        }
        if let Some(refusal) = self.second_person(&step.service, service.second_person) {
            return Verdict::Refused(refusal);
        }
        self.with_healthy_providers(step)
    }

    fn with_healthy_providers(&self, step: &Step) -> Verdict {
        if let Some(refusal) = self.providers_not_ready(step) {
            return Verdict::Refused(refusal);
        }
        match self.now.looked.get(&step.id) {
            None => Verdict::Do(Act::Look(self.task(step))),
            Some(Inspection::Healthy) => Verdict::Do(Act::Perform(self.task(step))),
            Some(Inspection::Unhealthy { provider, why }) => {
                let (step, provider, why) = (step.id.clone(), provider.clone(), why.clone());
                Verdict::Refused(Refusal::ProviderUnhealthy { step, provider, why })
            }
        }
    }

    fn second_person(&self, service: &Id, needed: bool) -> Option<Refusal> {
        let run = self.view.recover.run.as_ref()?;
        let released = self.view.recover.released.get(service);
        let by_another = released.is_some_and(|people| people.iter().any(|person| *person != run.by));
        (needed && !by_another)
            .then(|| Refusal::SecondPerson { service: service.clone(), by: run.by.clone() })
    }

    /// As the journal knows it; whether services answer is looked at separately, at the last moment.
    fn providers_not_ready(&self, step: &Step) -> Option<Refusal> {
        for edge in self.estate.needs(&step.service) {
            let planned = self.steps_of(&edge.to).next().is_some();
            let ordered = edge.kind == EdgeKind::Order
                && planned
                && step.kind == StepKind::Start
                && !self.has_failed(&edge.to);
            if edge.to.kind() == Kind::External || !(must_be_up(step.kind, edge.kind) || ordered) {
                continue;
            }
            if !planned && edge.to.kind() == Kind::Store && self.plan.lost.contains(&edge.to) {
                let (step, provider) = (step.id.clone(), edge.to.clone());
                return Some(Refusal::ProviderNotPlanned { step, provider });
            }
            let needed = [StepKind::Restore, StepKind::Start, StepKind::Gate];
            let open = needed
                .iter()
                .filter_map(|kind| self.planned(*kind, &edge.to))
                .find(|needed| self.state(needed) != State::Done);
            if let Some(open) = open {
                return Some(Refusal::After { step: step.id.clone(), after: open.id.clone() });
            }
        }
        None
    }

    fn providers(&self, step: &Step) -> Vec<Provider> {
        self.estate
            .needs(&step.service)
            .filter(|edge| must_be_up(step.kind, edge.kind) && edge.to.kind() == Kind::Service)
            .map(|edge| self.provider(&edge.to))
            .collect()
    }

    pub(super) fn provider(&self, service: &Id) -> Provider {
        Provider {
            service: service.clone(),
            process: self.view.recover.process_of(service).cloned(),
            planned: self.steps_of(service).next().is_some(),
        }
    }

    fn task(&self, step: &Step) -> Task {
        let known = self.view.recover.steps.get(&step.id);
        let attempt = known.map_or(0, |known| known.attempt);
        let begins = self.state(step) == State::Waiting;
        Task {
            step: step.clone(),
            attempt: if begins { attempt.saturating_add(1) } else { attempt },
            providers: self.providers(step),
            point: recovery_point(self.view, step),
            process: self.view.recover.process_of(&step.service).cloned(),
            without: self.without(step),
        }
    }

    /// Something of it runs, as the journal knows it.
    pub(super) fn runs(&self, service: &Id) -> bool {
        self.view.recover.process_of(service).is_some()
            || (self.estate.services.get(service).is_some_and(Service::leaves_something_running)
                && self.view.recover.state_of(&step_id(StepKind::Start, service)) == State::Done)
    }

    fn detail(&self, step: &Step) -> String {
        self.view.recover.steps.get(&step.id).map(|known| known.detail.clone()).unwrap_or_default()
    }

    /// What no step and no stop may pass: an entry nobody can read, a hold, a changed estate.
    pub(super) fn forbidden(&self, target: &Id) -> Option<Refusal> {
        if let Some(unread) = self.view.blocked_by(target) {
            return Some(Refusal::Unread { target: target.clone(), sequence: unread.sequence });
        }
        if let Some((on, hold)) = self.view.held(self.estate, target) {
            return Some(Refusal::OnHold {
                target: target.clone(),
                on: on.clone(),
                sequence: hold.sequence,
                by: hold.by.clone(),
                reason: hold.reason.clone(),
            });
        }
        self.changed.contains(target).then(|| Refusal::PartChanged { target: target.clone() })
    }

    /// Services whose start waits for this store: they work on its data.
    fn users<'b>(&'b self, store: &'b Id) -> impl Iterator<Item = &'b Id> {
        let uses = self.estate.edges.iter().filter(move |edge| edge.to == *store && edge.kind.blocks_start());
        uses.map(|edge| &edge.from)
    }
}

/// Whether the provider of such an edge must be healthy when such a step is done.
fn must_be_up(step: StepKind, edge: EdgeKind) -> bool {
    match step {
        StepKind::Verify | StepKind::Restore | StepKind::Gate => false,
        StepKind::Start => edge.blocks_start(),
        StepKind::Admit => edge.parks_dependent(),
    }
}

/// There are clean snapshots, and a person has to say which is restored.
fn waits_for_a_choice(view: &View, step: &Step) -> bool {
    step.recovery_point.is_none()
        && view.scan.stores.get(&step.service).is_some_and(|store| store.waits_for_a_choice())
}

/// The snapshot to restore: the plan's, else the one chosen in the journal; in any case one that was judged clean.
fn recovery_point(view: &View, step: &Step) -> Result<String, String> {
    match step.kind {
        StepKind::Verify | StepKind::Restore => {}
        StepKind::Start | StepKind::Gate | StepKind::Admit => {
            return Err("a service is not restored from a snapshot".to_owned());
        }
    }
    let store = view.scan.stores.get(&step.service);
    let chosen = store.and_then(|store| store.recovery_point.as_ref());
    let snapshot = step
        .recovery_point
        .as_ref()
        .or(chosen)
        .ok_or("no recovery point was chosen: none of its snapshots is known to be clean")?;
    let judged = store.and_then(|store| store.snapshots.iter().find(|known| known.id == *snapshot));
    match judged.and_then(|judged| judged.clean) {
        Some(true) => Ok(snapshot.clone()),
        Some(false) => Err(format!("snapshot {snapshot} was judged not clean")),
        None => Err(format!("snapshot {snapshot} was never judged, and what was not read is not clean")),
    }
}

/// What is recorded when a provider that had passed its gate is found unhealthy: its gate is asked again,
/// and if that has happened `times` too often, it has failed.
pub fn demoted(ground: &Ground<'_>, provider: &Id, why: &str, times: u32) -> Vec<Event> {
    let gate = [StepKind::Gate, StepKind::Start].iter().find_map(|kind| ground.planned(*kind, provider));
    let Some(gate) = gate.filter(|gate| ground.state(gate) == State::Done) else { return Vec::new() };
    if ground.forbidden(provider).is_some() {
        return Vec::new();
    }
    let mut events = vec![probed(gate, Found::NotDone, why, None)];
    if times >= FLAPS_MAX {
        let attempt = ground.task(gate).attempt.saturating_add(1);
        let (step, target) = (gate.id.clone(), gate.service.clone());
        let detail = format!("it was healthy and unhealthy {times} times; the last time: {why}");
        events.push(Event::Recover(RecoverEvent::StepIntended {
            step: step.clone(),
            target: target.clone(),
            attempt,
        }));
        events.push(Event::Recover(RecoverEvent::StepFailed { step, target, detail }));
    }
    events
}

/// A service that passes its gate and loses its health this often in one run is not healthy.
pub const FLAPS_MAX: u32 = 3;

pub(super) fn probed(step: &Step, found: Found, detail: &str, process: Option<ProcessMark>) -> Event {
    Event::Recover(RecoverEvent::StepProbed {
        step: step.id.clone(),
        target: step.service.clone(),
        found,
        detail: detail.to_owned(),
        process,
    })
}
