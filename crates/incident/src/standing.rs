//! What stands and what does not, at this entry: the one answer that pages, status and bridge counts share.
//!
//! A service is down when it was cut off, when its site was, when the plan that was approved or is being run names it as
//! lost and nothing has been done for it yet, when a run stopped or parked it, or when it is on its way up and load is
//! not let in yet.
//!
//! What is not known is never good (invariant 13). A capability that is not lost is not known to work, for these reasons,
//! of which the first is told: an entry that was not read may be about it (one that may be about anything is about all); a
//! store that it uses over hard and data edges has an open alarm; such a store should be watched and cannot be looked at as a
//! whole, so that nobody knows what lies there; the newest copy of such a store was judged not clean, and
//! the store was not restored since that copy was seen; such a store or service is infected and was neither
//! restored nor started since; it runs behind a closed door; its cut failed, and nobody has started it since; nothing is
//! known to serve it. Such a store of which nobody is known to use it may be used by all that runs at its site, and by all of which nobody
//! says where it runs.
//! What is lost stays lost: that is known. It is taken in and held only where a bridge has sent its account to this
//! incident: nobody promises receipts that nobody gives. Everything else is taken to work.
//!
//! What each says of it: `status` and `status --json` by `not_served`, and on the page the lead (the worst decides), the
//! row and its `status.json`.
//!
//! ```text
//! state      status     --json     lead            row        page.json
//! works      -          -          all_works       works      works
//! emergency  emergency  emergency  some_emergency  emergency  emergency
//! diverted   diverted   diverted   some_down       diverted   diverted
//! not_known  not_known  not_known  some_not_known  not_known  not_known
//! down       down       down       some_down       down       down
//! ```
//!
//! A tenant for whom nothing is described has no row; its lead is `nothing_described`, and `status` names it.

use std::collections::{BTreeMap, BTreeSet};

use crate::View;
use crate::contain::{Cut, CutState};
use crate::event::CutAct;
use crate::plan::file::{Plan, StepKind, step_id};
use crate::recover::ServiceState;
use crate::scan::StoreView;
use estate::graph::Links;
use estate::model::{CutBehaviour, EdgeKind, Estate, Service};
use estate::{Id, Kind, graph};

/// How a capability stands for a tenant, as an outsider would put it. The worst last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// It works.
    Works,
    /// It is taken in and held; nothing is lost, nothing is worked on yet.
    Emergency,
    /// It is taken in elsewhere.
    Diverted(String),
    /// Nobody knows whether it works.
    NotKnown(NotKnown),
    /// It is not available.
    Down { reason: Option<String> },
}

impl Standing {
    /// As programs read it.
    pub fn word(&self) -> &'static str {
        match self {
            Standing::Works => "works",
            Standing::Emergency => "emergency",
            Standing::Diverted(_) => "diverted",
            Standing::NotKnown(_) => "not_known",
            Standing::Down { .. } => "down",
        }
    }
}

/// Why it is not known. The first that holds is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotKnown {
    /// An entry that may be about it could not be read, and nobody let work go on without.
    Unread,
    /// A store it uses has an open alarm.
    Alarm,
    /// A store it uses should be watched and is not there, or another lies in its place: nobody knows what it holds.
    NotWatched,
    /// The newest copy of a store it uses is not clean: what it was made from may not be either.
    DirtyCopy,
    /// It, or what it uses, is infected and was not restored since.
    Infected,
    /// It runs behind a door that was closed and that nobody has opened.
    ClosedDoor,
    /// Its cut was begun and failed: it may have been stopped.
    FailedCut,
    /// It was started again, and has no gate that shows that it works.
    NoGate,
    /// Nothing is known to serve it.
    NothingServes,
}

impl NotKnown {
    pub const ALL: [NotKnown; 9] = [
        NotKnown::Unread,
        NotKnown::Alarm,
        NotKnown::NotWatched,
        NotKnown::DirtyCopy,
        NotKnown::Infected,
        NotKnown::ClosedDoor,
        NotKnown::FailedCut,
        NotKnown::NoGate,
        NotKnown::NothingServes,
    ];

    /// As programs read it.
    pub fn word(self) -> &'static str {
        match self {
            NotKnown::Unread => "unread",
            NotKnown::Alarm => "alarm",
            NotKnown::NotWatched => "not_watched",
            NotKnown::DirtyCopy => "dirty_copy",
            NotKnown::Infected => "infected",
            NotKnown::ClosedDoor => "closed_door",
            NotKnown::FailedCut => "failed_cut",
            NotKnown::NoGate => "no_gate",
            NotKnown::NothingServes => "nothing_serves",
        }
    }

    /// For those in command. The public is not told.
    pub fn sentence(self) -> &'static str {
        match self {
            NotKnown::Unread => "an entry that was not read may be about this",
            NotKnown::Alarm => "an alarm is open on a store that is used",
            NotKnown::NotWatched => "a store that is used cannot be looked at",
            NotKnown::DirtyCopy => "the newest copy of a store that is used is not clean",
            NotKnown::Infected => "infected, and not restored since",
            NotKnown::ClosedDoor => "behind a closed door",
            NotKnown::FailedCut => "a cut failed, and may have been made",
            NotKnown::NoGate => "it was started again, and has no gate that shows that it works",
            NotKnown::NothingServes => "nothing is known to serve it",
        }
    }
}

/// Services that do not serve now, as far as that is known.
pub fn services_down(estate: &Estate, view: &View) -> BTreeSet<Id> {
    let mut down = BTreeSet::new();
    // A decided cut counts as made: whoever relies on the service must not wait for the proof.
    // Whether something runs that could not be stopped nobody knows: that is not known, not down.
    // What was stopped stays down after its cut is lifted, until somebody has seen it again; an open door stops nothing.
    let is_down = |cut: &&crate::contain::Cut| match (cut.state, &cut.act) {
        (CutState::Failed, _) | (CutState::Lifting, CutAct::CloseDoor { .. }) => false,
        (state, CutAct::CloseDoor { .. } | CutAct::StopService { .. }) => state.is_in_force(),
    };
    for cut in view.contain.cuts.iter().filter(is_down) {
        let services = touched(estate, cut).into_iter().filter(|id| id.kind() == Kind::Service);
        down.extend(services.filter(|service| !is_up_since(estate, view, service, cut.since_entry)));
    }
    let untouched = |service: &Id| !view.recover.services.contains_key(service);
    down.extend(lost_by_plan(view).into_iter().filter(untouched));
    for (service, known) in &view.recover.services {
        if !serves(estate, service, known.state) {
            down.insert(service.clone());
        }
    }
    down.extend(view.recover.parked.keys().cloned());
    down
}

/// The services and stores that an act of a cut takes away.
fn touched(estate: &Estate, cut: &Cut) -> BTreeSet<Id> {
    graph::expand(estate, [cut.act.target()])
}

/// It was brought up after this entry, and serves.
fn is_up_since(estate: &Estate, view: &View, service: &Id, entry: u64) -> bool {
    let known = view.recover.services.get(service);
    known.is_some_and(|known| known.since_entry > entry && serves(estate, service, known.state))
}

/// How this cut stands in the light of what was done since. What a cut stops and a run has brought up is not cut off: with
/// the cut still in force it does not hold, and with a decision to lift it the cut has ended.
pub fn cut_state(estate: &Estate, view: &View, cut: &Cut) -> CutState {
    let is_up = match &cut.act {
        CutAct::StopService { service } => is_up_since(estate, view, service, cut.since_entry),
        CutAct::CloseDoor { .. } => false,
    };
    match cut.state {
        CutState::Lifting if is_up => CutState::Lifted,
        CutState::Decided
        | CutState::Intended
        | CutState::Done
        | CutState::Failed
        | CutState::Holds
        | CutState::Leaks
            if is_up =>
        {
            CutState::Leaks
        }
        state => state,
    }
}

/// Services that somebody has accepted as lost by approving the plan that brings them back. A plan that is only
/// recorded says nothing: it may answer a question that begins with "what if".
pub fn lost_by_plan(view: &View) -> BTreeSet<Id> {
    let of_the_run = view.recover.run.as_ref().map(|run| &run.plan);
    let plans: BTreeSet<&String> = view.plan.approved.iter().chain(of_the_run).collect();
    plans
        .into_iter()
        .filter_map(|hash| Plan::read(&view.plan.plans.get(hash)?.text).ok())
        .flat_map(|plan| plan.lost)
        .filter(|id| id.kind() == Kind::Service)
        .collect()
}

fn serves(estate: &Estate, service: &Id, state: ServiceState) -> bool {
    match state {
        ServiceState::Admitted => true,
        // Without an admission of its own a service serves as soon as it is healthy.
        ServiceState::Healthy => estate
            .services
            .get(service)
            .and_then(|service| service.run.as_ref())
            .is_none_or(|run| run.admit.is_empty()),
        ServiceState::Stopped
        | ServiceState::Starting
        | ServiceState::Running
        | ServiceState::Failed
        | ServiceState::Held => false,
    }
}

/// How every capability stands for every tenant that has it: (tenant, capability, standing). What nothing serves for
/// anybody stands there for everybody: it is described, so somebody is meant to have it.
pub fn standings(estate: &Estate, view: &View) -> Vec<(Id, Id, Standing)> {
    let lost = graph::lost_when_down(estate, &services_down(estate, view));
    let doubts = Doubts::of(estate, view);
    let mut standings = Vec::new();
    for tenant in estate.tenants.keys() {
        for (id, capability) in &estate.capabilities {
            let serving = estate.serving(id, tenant);
            if serving.is_none() && !capability.served_by.is_empty() {
                continue;
            }
            let serving = serving.filter(|service| estate.services.contains_key(*service));
            let is_lost = lost.contains(&(tenant.clone(), id.clone()));
            let standing = match (&capability.cut, doubts.about(tenant, id, serving)) {
                // Without a bridge that has ever counted what it holds nobody is known to take anything in.
                (CutBehaviour::Hold, _) if is_lost && view.bridge.as_of_ms.is_some() => Standing::Emergency,
                (CutBehaviour::Hold, _) if is_lost => Standing::Down { reason: None },
                (CutBehaviour::Divert(to), _) if is_lost => Standing::Diverted(to.clone()),
                (CutBehaviour::Reject { reason }, _) if is_lost => {
                    Standing::Down { reason: Some(reason.clone()) }
                }
                (_, Some(why)) => Standing::NotKnown(why),
                (_, None) => Standing::Works,
            };
            standings.push((tenant.clone(), id.clone(), standing));
        }
    }
    standings
}

/// Tenants for whom no capability is described at all: nobody can say what works for them.
pub fn not_described(estate: &Estate, standings: &[(Id, Id, Standing)]) -> Vec<Id> {
    let described: BTreeSet<&Id> = standings.iter().map(|(tenant, _, _)| tenant).collect();
    estate.tenants.keys().filter(|tenant| !described.contains(tenant)).cloned().collect()
}

/// What nobody knows whether it works.
struct Doubts {
    /// Services, with the first reason.
    services: BTreeMap<Id, NotKnown>,
    /// What an entry is about that was not read: of any kind.
    unread: BTreeSet<Id>,
    /// Such an entry may be about anything.
    all: bool,
}

impl Doubts {
    fn of(estate: &Estate, view: &View) -> Doubts {
        let open = || view.unknown.iter().filter(|unknown| !unknown.accepted);
        let unread: BTreeSet<Id> =
            open().flat_map(|unknown| unknown.about.iter().flatten()).cloned().collect();
        let links = Links::new(estate);
        let mut services = BTreeMap::new();
        let mut doubt = |why, things: BTreeSet<Id>, follow: fn(EdgeKind) -> bool| {
            let dependents = links.dependents(&things, follow);
            for id in things.into_iter().chain(dependents).filter(|id| id.kind() == Kind::Service) {
                services.entry(id).or_insert(why);
            }
        };
        doubt(NotKnown::Unread, graph::expand(estate, &unread), cannot_serve_without);
        let rests_on = |stores: BTreeSet<Id>| {
            stores.iter().flat_map(|store| what_rests_on(estate, &links, store)).collect::<BTreeSet<Id>>()
        };
        doubt(NotKnown::Alarm, rests_on(alarmed(view)), uses);
        doubt(NotKnown::NotWatched, rests_on(away(view)), uses);
        doubt(NotKnown::DirtyCopy, rests_on(dirty(view)), uses);
        doubt(NotKnown::Infected, infected(estate, view), uses);
        doubt(NotKnown::ClosedDoor, behind_doors(estate, view), cannot_serve_without);
        doubt(NotKnown::FailedCut, half_cut(estate, view), cannot_serve_without);
        doubt(NotKnown::NoGate, without_gate(estate, view), cannot_serve_without);
        Doubts { services, unread, all: open().any(|unknown| unknown.about.is_none()) }
    }

    fn about(&self, tenant: &Id, capability: &Id, serving: Option<&Id>) -> Option<NotKnown> {
        if self.all || self.unread.contains(tenant) || self.unread.contains(capability) {
            return Some(NotKnown::Unread);
        }
        serving.map_or(Some(NotKnown::NothingServes), |service| self.services.get(service).copied())
    }
}

/// Services that a command started in a run, and that nothing asks how they are. Of what a person starts the person says
/// that it runs.
fn without_gate(estate: &Estate, view: &View) -> BTreeSet<Id> {
    let is_so = |id: &&Id| {
        let service = estate.services.get(*id);
        service.is_some_and(|service| service.gates.is_empty() && !service.is_started_by_hand())
    };
    view.recover.services.keys().filter(is_so).cloned().collect()
}

fn cannot_serve_without(kind: EdgeKind) -> bool {
    !kind.serves_without()
}

/// What is wrong in the provider's data is wrong in what the dependent says.
fn uses(kind: EdgeKind) -> bool {
    match kind {
        EdgeKind::Hard | EdgeKind::Data => true,
        EdgeKind::Soft | EdgeKind::StartOnly | EdgeKind::Order => false,
    }
}

/// What may rest on a store. In place of one of which nobody is known to use it stands what runs at its site, with all of which
/// nobody says where it runs; or everything.
fn what_rests_on(estate: &Estate, links: &Links<'_>, store: &Id) -> BTreeSet<Id> {
    if !links.needed_by(store).is_empty() {
        return BTreeSet::from([store.clone()]);
    }
    let Some(site) = estate.stores.get(store).and_then(|store| store.site.as_ref()) else {
        return estate.services.keys().cloned().collect();
    };
    let has_no_place = |service: &Service| {
        let host = service.host.as_ref().and_then(|host| estate.hosts.get(host));
        service.site.is_none() && host.is_none_or(|host| host.site.is_none())
    };
    let anywhere = estate.services.iter().filter(|(_, service)| has_no_place(service));
    graph::expand(estate, [site]).into_iter().chain(anywhere.map(|(id, _)| id.clone())).collect()
}

/// Stores with an alarm that is open and newer than their last restore.
fn alarmed(view: &View) -> BTreeSet<Id> {
    let is_open = |id: &Id, store: &StoreView| {
        let restored = view.recover.restored.get(id);
        store.alarms.iter().any(|alarm| restored.is_none_or(|restored| alarm.sequence > *restored))
    };
    let stores = view.scan.stores.iter();
    stores.filter(|(id, store)| is_open(id, store)).map(|(id, _)| id.clone()).collect()
}

/// Stores that should be watched and of which nothing can be looked at. Of one of which a part cannot be read the rest is watched;
/// that is said where findings are said.
fn away(view: &View) -> BTreeSet<Id> {
    let stores = view.scan.stores.iter();
    stores.filter(|(_, store)| store.is_unseen()).map(|(id, _)| id.clone()).collect()
}

/// Stores whose newest copy is not clean, unless they were restored after it was seen.
pub fn dirty(view: &View) -> BTreeSet<Id> {
    let restored_ms = |id: &Id| {
        view.recover.restored.get(id)?;
        let step = view.recover.steps.get(&step_id(StepKind::Restore, id));
        Some(step.map_or(i64::MAX, |step| step.since_ms))
    };
    let is_dirty = |id: &Id, store: &StoreView| {
        let newest = store.snapshots.last().filter(|newest| newest.clean == Some(false));
        newest.is_some_and(|newest| restored_ms(id).is_none_or(|restored| newest.first_seen_ms > restored))
    };
    let stores = view.scan.stores.iter();
    stores.filter(|(id, store)| is_dirty(id, store)).map(|(id, _)| id.clone()).collect()
}

/// What is infected, and was neither restored nor brought up since somebody said so.
pub fn infected(estate: &Estate, view: &View) -> BTreeSet<Id> {
    let mut infected = BTreeSet::new();
    for id in &view.contain.infected {
        // Without the entry nothing was restored since, as far as is known.
        let entry = view.infected_at.get(id).copied().unwrap_or(u64::MAX);
        let is_restored = |thing: &Id| {
            is_up_since(estate, view, thing, entry)
                || view.recover.restored.get(thing).is_some_and(|restored| *restored > entry)
        };
        infected.extend(graph::expand(estate, [id]).into_iter().filter(|thing| !is_restored(thing)));
    }
    infected
}

/// What runs and lies behind a closed door. A start opens no door.
fn behind_doors(estate: &Estate, view: &View) -> BTreeSet<Id> {
    let doors = view.contain.cuts.iter().filter(|cut| cut.state.is_in_force());
    let doors = doors.filter(|cut| matches!(cut.act, CutAct::CloseDoor { .. }));
    doors.flat_map(|door| touched(estate, door)).collect()
}

/// What a cut touches that was begun and failed, unless it was brought up since.
fn half_cut(estate: &Estate, view: &View) -> BTreeSet<Id> {
    let failed = view.contain.cuts.iter().filter(|cut| cut.state == CutState::Failed);
    failed
        .flat_map(|cut| touched(estate, cut).into_iter().map(move |id| (id, cut.since_entry)))
        .filter(|(id, since_entry)| !is_up_since(estate, view, id, *since_entry))
        .map(|(id, _)| id)
        .collect()
}
