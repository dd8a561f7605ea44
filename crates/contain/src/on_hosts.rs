//! The same as in `run` for services that drivers stop on their hosts, many of them side by side: a host that does not
//! answer must not keep the others connected. Each script is on disk before it leaves, each outcome as it comes.

use std::collections::BTreeMap;

use estate::Id;
use estate::model::Service;
use hands::{NoOrder, Order, OrderOutcome, Verb, side_by_side};
use incident::Event;
use incident::contain::CutState;
use incident::event::{ContainEvent, CutAct};
use incident::log::{self, Log, LogFault};
use world::act::{self, Acted};

use crate::decide;
use crate::knocking::{self, PATIENCE_MS, Proof};
use crate::place::Place;
use crate::recorded::{Watcher, probed, record};

/// A script on a host gets this long: what it stops may take its time.
const ORDER_MS_MAX: u64 = 180_000;

/// A driver stops it on its host.
pub(crate) fn is_driven(place: Place<'_>, act: &CutAct) -> bool {
    match act {
        CutAct::StopService { service } => place.estate.services.get(service).is_some_and(Service::is_driven),
        CutAct::CloseDoor { .. } => false,
    }
}

/// What there is to do about one act.
enum Begun {
    /// It is done, and this is what knocking says.
    Settled,
    /// It may not be begun now.
    Refused(String),
    /// Its script can leave.
    Order(Box<Order>),
    /// No script can be made for it.
    NoOrder(String),
}

/// Whether all of them hold.
pub(crate) fn run(
    log: &mut dyn Log,
    place: Place<'_>,
    acts: &[&CutAct],
    watcher: &mut dyn Watcher,
) -> Result<bool, LogFault> {
    acts.iter().for_each(|act| watcher.begun(act));
    let begun = begin(log, place, acts)?;
    let done = carry(log, place, acts, &begun)?;
    // Now that all are on their way, each is knocked on.
    let mut all_hold = true;
    let view = log.view().clone();
    let patience_ms = |at: usize| if matches!(begun[at], Begun::Settled) { 0 } else { PATIENCE_MS };
    let proven = |at: usize| knocking::proof(&view, place, acts[at], patience_ms(at));
    side_by_side(acts.len(), proven, |at, (mut proof, mut detail)| {
        let act = acts[at];
        if let Begun::Refused(why) = &begun[at] {
            watcher.probed(act, Proof::Leaks, why);
            all_hold = false;
            return Ok(());
        }
        if let Some(Err(why)) = &done[at] {
            detail = format!("{why}; {detail}");
        }
        probed(log, place, act, proof, &detail)?;
        // An act that failed never holds, whatever has fallen silent.
        if matches!(done[at], Some(Err(_))) {
            proof = Proof::Leaks;
        }
        watcher.probed(act, proof, &detail);
        all_hold &= proof == Proof::Holds;
        Ok(())
    })?;
    Ok(all_hold)
}

fn begin(log: &mut dyn Log, place: Place<'_>, acts: &[&CutAct]) -> Result<Vec<Begun>, LogFault> {
    log.refresh()?;
    let view = log.view().clone();
    let is_done = |act: &CutAct| {
        matches!(view.contain.state_of(act), CutState::Done | CutState::Holds | CutState::Leaks)
    };
    let mut leaks = vec![true; acts.len()];
    let mut heard = vec![Vec::new(); acts.len()];
    let look = |at: usize| {
        let proof = is_done(acts[at]).then(|| knocking::proof(&view, place, acts[at], 0).0);
        (proof, knocking::heard(&view, place, acts[at]))
    };
    side_by_side(acts.len(), look, |at, (proof, knocks)| {
        // What is done and cannot be proven is not made better by doing it again; what leaked is.
        leaks[at] = proof.is_none_or(|proof| proof == Proof::Leaks);
        heard[at] = knocks;
        Ok::<(), LogFault>(())
    })?;
    let mut begun = Vec::new();
    for (at, act) in acts.iter().enumerate() {
        if !leaks[at] {
            begun.push(Begun::Settled);
            continue;
        }
        let act: &CutAct = act;
        match view.contain.state_of(act) {
            CutState::Intended => {
                let cut_off = "it was cut off while it was done: it is done again";
                probed(log, place, act, Proof::Leaks, cut_off)?;
            }
            CutState::Done | CutState::Holds => {
                probed(log, place, act, Proof::Leaks, "something of it answers")?;
            }
            CutState::Leaks
            | CutState::Open
            | CutState::Decided
            | CutState::Failed
            | CutState::Lifting
            | CutState::Lifted => {}
        }
        let knocks = std::mem::take(&mut heard[at]);
        if !knocks.is_empty() {
            record(log, place, ContainEvent::Answered { act: act.clone(), knocks })?;
        }
        begun.push(begin_one(log, place, act)?);
    }
    Ok(begun)
}

fn begin_one(log: &mut dyn Log, place: Place<'_>, act: &CutAct) -> Result<Begun, LogFault> {
    let allowed = log::decide(log, place.world.now_ms(), |view| decide::begin(place.estate, act, view))?;
    if let Err(refusal) = allowed {
        return Ok(Begun::Refused(refusal.to_string()));
    }
    match hands::order(place.estate, act.target(), Verb::Hold) {
        Err(no) => Ok(Begun::NoOrder(no.to_string())),
        Ok(order) => {
            log::record(log, &[Event::Hands(act::sent(&order))], place.world.now_ms())?;
            Ok(Begun::Order(Box::new(order)))
        }
    }
}

type Done = Option<Result<String, String>>;

/// Sends every script, and records what comes as it comes. `None`: there was nothing to do.
fn carry(
    log: &mut dyn Log,
    place: Place<'_>,
    acts: &[&CutAct],
    begun: &[Begun],
) -> Result<Vec<Done>, LogFault> {
    let mut done: Vec<Done> = vec![None; acts.len()];
    let work = |at: usize| match &begun[at] {
        Begun::Order(order) => Some(act::carried_out(place.world, place.estate, order, ORDER_MS_MAX)),
        Begun::NoOrder(why) => Some(Acted { came: OrderOutcome::NotBegun(why.clone()), answers: Vec::new() }),
        Begun::Settled | Begun::Refused(_) => None,
    };
    side_by_side(acts.len(), work, |at, acted| {
        let Some(acted) = acted else { return Ok(()) };
        let outcome = recorded(log, place, acted)?;
        let (ok, detail) = match &outcome {
            Ok(what) => (true, what.clone()),
            Err(why) => (false, why.clone()),
        };
        record(log, place, ContainEvent::ActFinished { act: acts[at].clone(), ok, detail })?;
        done[at] = Some(outcome);
        Ok(())
    })?;
    Ok(done)
}

/// The answers on disk. `Err` inside: why it is not known to have come about.
fn recorded(log: &mut dyn Log, place: Place<'_>, acted: Acted) -> Result<Result<String, String>, LogFault> {
    let answers: Vec<Event> = acted.answers.into_iter().map(Event::Hands).collect();
    log::record(log, &answers, place.world.now_ms())?;
    Ok(match acted.came {
        OrderOutcome::Done(said) => Ok(said),
        OrderOutcome::Failed(why) | OrderOutcome::NotBegun(why) | OrderOutcome::InDoubt(why) => Err(why),
    })
}

/// Takes away what keeps services from being started on their hosts, side by side. Nothing is started.
pub(crate) fn release(
    log: &mut dyn Log,
    place: Place<'_>,
    acts: &[CutAct],
) -> Result<BTreeMap<Id, Result<String, String>>, LogFault> {
    let services: Vec<&Id> = acts.iter().filter(|act| is_driven(place, act)).map(CutAct::target).collect();
    let order = |service: &&Id| hands::order(place.estate, service, Verb::Release);
    let orders: Vec<Result<Order, NoOrder>> = services.iter().map(order).collect();
    let sent: Vec<Event> = orders.iter().flatten().map(|order| Event::Hands(act::sent(order))).collect();
    log::record(log, &sent, place.world.now_ms())?;
    let work = |at: usize| match &orders[at] {
        Ok(order) => act::carried_out(place.world, place.estate, order, ORDER_MS_MAX),
        Err(no) => Acted { came: OrderOutcome::NotBegun(no.to_string()), answers: Vec::new() },
    };
    let mut released = BTreeMap::new();
    side_by_side(services.len(), work, |at, acted| {
        let came = recorded(log, place, acted)?
            .map(|said| format!("it may be started; {said}"))
            .map_err(|why| format!("what holds it on its host was not taken away: {why}"));
        released.insert(services[at].clone(), came);
        Ok(())
    })?;
    Ok(released)
}
