//! How far has it come, and what cannot come back?
//!
//! A plan may begin in the middle: steps are done, others are being worked on, some have failed or are on hold,
//! and a person may say that a copy cannot be used. All of that comes in here as plain values, and goes out as what
//! is still to be done, what has been begun, and what never comes back because of what.

use std::collections::{BTreeMap, BTreeSet};

use super::lost::{Lost, services_at, stores_at};
use super::refusal::Refusal;
use estate::model::Service;
use estate::{Estate, Id, Kind};
use incident::plan::file::{StepKind, step_id};

/// Where the run of a plan stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Progress {
    pub run: String,
    /// Entries of the journal this was read from.
    pub entries: u64,
    /// Ids of steps that are done.
    pub done: BTreeSet<String>,
    /// Ids of steps that are being worked on, and the seconds they have taken so far.
    pub running: BTreeMap<String, u64>,
    /// Things that failed, are in doubt or on hold: nothing is planned on them.
    pub stuck: BTreeSet<Id>,
    /// Healthy services that could not let people in. What depends on them is not concerned.
    pub not_open: BTreeSet<Id>,
}

/// How far one thing has come, if it is neither untouched nor back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Its copy is being judged.
    Verifying(u64),
    /// Its copy was judged.
    Verified,
    Restoring(u64),
    Starting(u64),
    /// It runs; nobody waits at its gate.
    Started,
    Gating(u64),
}

/// What is still to be done.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Todo {
    /// What has to come back and can.
    pub lost: Lost,
    /// Was lost, and is back.
    pub back: BTreeSet<Id>,
    /// Of `lost`, what has been begun.
    pub begun: BTreeMap<Id, Begun>,
    /// What cannot come back, with what it waits for in vain: something in `without`.
    pub never: BTreeMap<Id, Id>,
    /// What cannot be used, with what is stuck.
    pub without: BTreeSet<Id>,
    /// Of `without`, what a person has named.
    pub named: BTreeSet<Id>,
    pub not_open: BTreeSet<Id>,
}

impl Todo {
    /// Nothing has been done yet, and everything can be used.
    pub fn all(lost: &Lost) -> Todo {
        Todo { lost: lost.clone(), ..Todo::default() }
    }

    /// What is left out though nobody has named it.
    pub fn stuck(&self) -> impl Iterator<Item = &Id> {
        self.without.iter().chain(&self.not_open).filter(|id| !self.named.contains(*id))
    }

    /// Why people never get what this service serves; `None`: they do.
    pub fn never_because(&self, service: &Id) -> Option<&Id> {
        self.never.get(service).or_else(|| self.not_open.get(service))
    }
}

/// Seconds that are left of a step that has taken `elapsed_s` of the `expected_s` it was planned with. One that is
/// overdue is taken to need a quarter more of what it has had.
pub fn left_s(expected_s: u64, elapsed_s: u64) -> u64 {
    match expected_s.checked_sub(elapsed_s) {
        Some(left @ 1..) => left,
        Some(0) | None => (elapsed_s / 4).max(1),
    }
}

/// The seconds of the start that are left, before the gate.
pub fn boot_left_s(service: &Service, begun: Option<Begun>) -> u64 {
    match begun {
        Some(Begun::Starting(elapsed_s)) => left_s(service.boot_s, elapsed_s),
        Some(Begun::Started | Begun::Gating(_)) => 0,
        Some(Begun::Verifying(_) | Begun::Verified | Begun::Restoring(_)) | None => service.boot_s,
    }
}

/// What remains of `lost` when `without` cannot be used and the run stands at `progress`.
pub fn todo(
    estate: &Estate,
    lost: &Lost,
    without: &[Id],
    progress: Option<&Progress>,
) -> Result<Todo, Refusal> {
    let mut todo = Todo::all(lost);
    if let Some(progress) = progress {
        take_off(&mut todo, progress);
    }
    for named in without {
        let meant = unusable(estate, &todo, named)?;
        todo.named.extend(meant.iter().cloned());
        todo.without.extend(meant);
    }
    todo.never = in_vain(estate, &todo);
    todo.lost.services.retain(|id| !todo.never.contains_key(id));
    todo.lost.stores.retain(|id| !todo.never.contains_key(id));
    todo.lost.fallen.retain(|id, _| todo.lost.services.contains(id));
    todo.begun.retain(|id, _| !todo.never.contains_key(id));
    Ok(todo)
}

fn take_off(todo: &mut Todo, progress: &Progress) {
    let all: Vec<Id> = todo.lost.services.iter().chain(&todo.lost.stores).cloned().collect();
    for id in all {
        let done = |kind| progress.done.contains(&step_id(kind, &id));
        let running = |kind| progress.running.get(&step_id(kind, &id)).copied();
        if progress.stuck.contains(&id) {
            todo.without.insert(id);
        } else if done(StepKind::Restore) || done(StepKind::Gate) {
            todo.lost.services.remove(&id);
            todo.lost.stores.remove(&id);
            todo.lost.fallen.remove(&id);
            todo.back.insert(id);
        } else if let Some(begun) = begun(done, running) {
            todo.begun.insert(id, begun);
        }
    }
    todo.not_open.clone_from(&progress.not_open);
}

fn begun(done: impl Fn(StepKind) -> bool, running: impl Fn(StepKind) -> Option<u64>) -> Option<Begun> {
    if let Some(elapsed_s) = running(StepKind::Gate) {
        return Some(Begun::Gating(elapsed_s));
    }
    if done(StepKind::Start) {
        return Some(Begun::Started);
    }
    if let Some(elapsed_s) = running(StepKind::Start) {
        return Some(Begun::Starting(elapsed_s));
    }
    if let Some(elapsed_s) = running(StepKind::Restore) {
        return Some(Begun::Restoring(elapsed_s));
    }
    if done(StepKind::Verify) {
        return Some(Begun::Verified);
    }
    running(StepKind::Verify).map(Begun::Verifying)
}

/// What of the lost is meant by something that cannot be used.
fn unusable(estate: &Estate, todo: &Todo, named: &Id) -> Result<BTreeSet<Id>, Refusal> {
    if !estate.contains(named) {
        return Err(Refusal::NotInEstate { ids: vec![named.clone()] });
    }
    let lost = &todo.lost;
    let meant: BTreeSet<Id> = match named.kind() {
        Kind::Site | Kind::Host | Kind::Service | Kind::Store => {
            let one = BTreeSet::from([named]);
            services_at(estate, &one).into_iter().chain(stores_at(estate, &one)).collect()
        }
        Kind::Resource => {
            let from = |id: &&Id| {
                let source = estate.stores.get(*id).and_then(|store| store.source.as_ref());
                source.and_then(|source| source.resource.as_ref()) == Some(named)
            };
            let by = |id: &&Id| estate.services.get(*id).is_some_and(|service| service.crew.contains(named));
            lost.stores.iter().filter(from).chain(lost.services.iter().filter(by)).cloned().collect()
        }
        Kind::Capability | Kind::Tenant | Kind::External => {
            return Err(Refusal::CannotBeWithout { id: named.clone() });
        }
    };
    let meant: BTreeSet<Id> = meant.into_iter().filter(|id| lost.contains(id)).collect();
    if meant.is_empty() { Err(Refusal::NotLost { id: named.clone() }) } else { Ok(meant) }
}

/// Everything lost that waits for something that cannot be used, directly or through others.
fn in_vain(estate: &Estate, todo: &Todo) -> BTreeMap<Id, Id> {
    let mut waiting: BTreeMap<&Id, Vec<&Id>> = BTreeMap::new();
    for edge in estate.edges.iter().filter(|edge| edge.kind.blocks_start()) {
        waiting.entry(&edge.to).or_default().push(&edge.from);
    }
    for (id, service) in &estate.services {
        for used in service.gates.iter().flat_map(|gate| &gate.uses).filter(|used| *used != id) {
            waiting.entry(used).or_default().push(id);
        }
    }
    let mut never: BTreeMap<Id, Id> = todo.without.iter().map(|id| (id.clone(), id.clone())).collect();
    let mut open: Vec<Id> = todo.without.iter().rev().cloned().collect();
    while let Some(provider) = open.pop() {
        let root = never[&provider].clone();
        for &dependent in waiting.get(&provider).into_iter().flatten() {
            if todo.lost.services.contains(dependent) && !never.contains_key(dependent) {
                never.insert(dependent.clone(), root.clone());
                open.push(dependent.clone());
            }
        }
    }
    never
}
