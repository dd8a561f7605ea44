//! Does anything answer, and what does that say about the cut? Knocks; changes nothing.
//!
//! Silence proves nothing by itself: a pulled cable, a name that does not resolve and a closed door sound alike. A cut
//! holds where something answered before it was made (that stands in the journal), nothing of it answers now, and
//! somebody else still answers whoever knocks. Everything short of that is not known.

use std::net::SocketAddr;

use estate::model::{Estate, Probe, Run, Service};
use hands::UnitState;
use incident::View;
use incident::event::{CutAct, Knocked, ProcessMark};
use world::{Answer, Knock, World};

use crate::place::{Place, find_door};

/// How long one knock may take.
const KNOCK_MS_MAX: u64 = 1_000;
/// The same where many are tried until one answers.
const CONTROL_MS_MAX: u64 = 300;
/// So many are tried before it is said that nothing else answers.
const CONTROLS_MAX: usize = 8;
/// How long is knocked until nothing answers any more, or until something does.
pub(crate) const PATIENCE_MS: u64 = 5_000;
const EVERY_MS: u64 = 50;

/// What knocking says about a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    Holds,
    /// Something still answers.
    Leaks,
    /// Nobody can say.
    NotKnown,
}

/// Everything of it that answers now.
pub(crate) fn heard(view: &View, place: Place<'_>, act: &CutAct) -> Vec<Knocked> {
    let living = processes(view, place, act).unwrap_or_default();
    let mut heard: Vec<Knocked> = living.into_iter().map(|mark| Knocked::Process { mark }).collect();
    for probe in probes(place.estate, act) {
        if let Knock::Answered(_) = place.world.knock(&probe, KNOCK_MS_MAX) {
            heard.extend(knocked(&probe));
        }
    }
    heard
}

/// Knocks until nothing answers any more, at most for `patience_ms`.
pub(crate) fn proof(view: &View, place: Place<'_>, act: &CutAct, patience_ms: u64) -> (Proof, String) {
    let began_ms = place.world.elapsed_ms();
    loop {
        match answering(view, place, act) {
            Ok(None) => return silence(view, place, act),
            Ok(Some(what)) if place.world.elapsed_ms().saturating_sub(began_ms) >= patience_ms => {
                return (Proof::Leaks, what);
            }
            Ok(Some(_)) => place.world.wait_ms(EVERY_MS),
            Err(why) => return (Proof::NotKnown, why),
        }
    }
}

/// Knocks until something answers, at most for as long as a cut is given to fall silent.
pub(crate) fn is_back(
    view: &View,
    place: Place<'_>,
    act: &CutAct,
    patience_ms: u64,
) -> Result<String, String> {
    let began_ms = place.world.elapsed_ms();
    loop {
        match answering(view, place, act) {
            Ok(Some(what)) => return Ok(what),
            Ok(None) if place.world.elapsed_ms().saturating_sub(began_ms) >= patience_ms => {
                return Err("nothing answers".to_owned());
            }
            Ok(None) => place.world.wait_ms(EVERY_MS),
            Err(why) => return Err(why),
        }
    }
}

/// What still answers, if anything. `Err`: it cannot be looked at.
fn answering(view: &View, place: Place<'_>, act: &CutAct) -> Result<Option<String>, String> {
    if let Some(mark) = processes(view, place, act)?.first() {
        return Ok(Some(format!("its process {} lives", mark.pid)));
    }
    for probe in probes(place.estate, act) {
        if let Knock::Answered(what) = place.world.knock(&probe, KNOCK_MS_MAX) {
            return Ok(Some(what));
        }
    }
    if let Some(what) = passing(view, place, act) {
        return Ok(Some(what));
    }
    Ok(running(place, act))
}

/// What its host itself says. Its word that something runs is enough; that nothing runs it could say and be infected.
fn running(place: Place<'_>, act: &CutAct) -> Option<String> {
    let CutAct::StopService { service } = act else { return None };
    if !place.estate.services.get(service).is_some_and(Service::is_driven) {
        return None;
    }
    let (read, said) = world::act::looked_at(place.world, place.estate, service, 0).ok()?;
    matches!(read.standing, UnitState::Up | UnitState::Moving).then_some(said)
}

/// A command looks from inside, and a file that was left behind can make it pass. It is asked only where no process of
/// the service can be known: what passes its own gate is taken to run then.
fn passing(view: &View, place: Place<'_>, act: &CutAct) -> Option<String> {
    let CutAct::StopService { service } = act else { return None };
    let run = place.estate.services.get(service)?.run.as_ref();
    let has_process = run.is_some_and(|run| !run.job && run.pid_file.is_some())
        || view.recover.services.get(service).is_some_and(|_| run.is_some_and(|run| !run.job));
    if has_process {
        return None;
    }
    probes(place.estate, act).into_iter().find_map(|probe| match &probe {
        Probe::Command(words) if place.world.probe(&probe, KNOCK_MS_MAX) == Answer::Yes => {
            Some(format!("its gate still passes: {}", words.join(" ")))
        }
        Probe::Command(_) | Probe::Tcp(_) | Probe::Http { .. } => None,
    })
}

/// Nothing answers: what that proves.
fn silence(view: &View, place: Place<'_>, act: &CutAct) -> (Proof, String) {
    if is_resting(place.estate, act) {
        return (Proof::Holds, "a job: nothing of it runs between its runs".to_owned());
    }
    if let Some(why) = cannot_be_knocked_on(place.estate, act) {
        return (Proof::NotKnown, why);
    }
    let answered = view.contain.cuts.iter().find(|cut| cut.act == *act).map(|cut| cut.answered.as_slice());
    let answered = answered.unwrap_or_default();
    if answered.is_empty() {
        let why = "nothing answers, and nothing answered before the cut either";
        return (Proof::NotKnown, why.to_owned());
    }
    let (mut said, mut is_far) = (Vec::new(), false);
    for knocked in answered {
        let probe = match knocked {
            Knocked::Process { mark } => {
                said.push(format!("its process {} has ended", mark.pid));
                continue;
            }
            Knocked::Tcp { address } => Probe::Tcp(address.clone()),
            Knocked::Http { url } => Probe::Http { url: url.clone(), status: 200 },
        };
        match place.world.knock(&probe, KNOCK_MS_MAX) {
            Knock::Answered(what) => return (Proof::Leaks, what),
            Knock::NotTried(why) => return (Proof::NotKnown, why),
            Knock::Refused(_) => {
                // On this machine nothing lies between the one who knocks and the one who refuses.
                is_far |= !is_here(&probe);
                said.push(format!("{} answered before, and refuses now", address(&probe)));
            }
            Knock::Silent(_) => {
                is_far = true;
                said.push(format!("{} answered before, and is silent now", address(&probe)));
            }
        }
    }
    let said = said.join("; ");
    match control(view, place, act).filter(|_| is_far) {
        Some(other) => (Proof::Holds, format!("{said}; {other} answers")),
        None if is_far => (
            Proof::NotKnown,
            format!("{said}; but nothing else answers either: it may be we who are cut off"),
        ),
        None => (Proof::Holds, said),
    }
}

/// Somebody who has nothing to do with any cut and answers: then whoever knocks is heard.
fn control(view: &View, place: Place<'_>, act: &CutAct) -> Option<String> {
    let estate = place.estate;
    let is_cut = |other: &CutAct| {
        other == act || view.contain.cuts.iter().any(|cut| cut.act == *other && cut.state.is_in_force())
    };
    let doors = estate.sites.iter().flat_map(|(site, known)| {
        known.doors.iter().map(|door| CutAct::CloseDoor { site: site.clone(), door: door.name.clone() })
    });
    let services = estate.services.keys().map(|service| CutAct::StopService { service: service.clone() });
    let others = doors.chain(services).filter(|other| !is_cut(other));
    let addresses = others.flat_map(|other| probes(estate, &other));
    let addresses = addresses.filter(|probe| knocked(probe).is_some() && !is_here(probe));
    addresses
        .take(CONTROLS_MAX)
        .find(|probe| matches!(place.world.knock(probe, CONTROL_MS_MAX), Knock::Answered(_)))
        .map(|probe| address(&probe))
}

/// A job leaves nothing behind between its runs, so there is nothing to stop and nothing to knock on.
fn is_resting(estate: &Estate, act: &CutAct) -> bool {
    let CutAct::StopService { service } = act else { return false };
    estate.services.get(service).is_some_and(|service| {
        let leaves_nothing =
            |run: &Run| run.job && run.stop.is_empty() && run.pid_file.is_none() && run.driver.is_none();
        service.gates.is_empty() && service.run.as_ref().is_some_and(leaves_nothing)
    })
}

fn cannot_be_knocked_on(estate: &Estate, act: &CutAct) -> Option<String> {
    match act {
        CutAct::CloseDoor { site, door } => {
            let Some(door) = find_door(estate, act) else {
                return Some(format!("{site} has no door {door}"));
            };
            // Names are not looked up in an incident: who answers for them may be the attacker.
            if door.probe.is_empty() {
                return Some("the estate names no address that this door can be knocked on".to_owned());
            }
            door.probe.parse::<SocketAddr>().err().map(|_| {
                format!(
                    "`{}` is not an address that can be knocked on: write it in numbers, such as 192.0.2.7:443",
                    door.probe
                )
            })
        }
        CutAct::StopService { service } => match estate.services.get(service) {
            None => Some(format!("{service} is not in the estate")),
            Some(_) => None,
        },
    }
}

/// Its living processes: the one we started, and the one that wrote its number down.
pub(crate) fn processes(view: &View, place: Place<'_>, act: &CutAct) -> Result<Vec<ProcessMark>, String> {
    let CutAct::StopService { service } = act else { return Ok(Vec::new()) };
    let world: &dyn World = place.world;
    let mut marks = Vec::new();
    let ours = view.recover.services.get(service).and_then(|service| service.process.clone());
    marks.extend(ours.filter(|mark| world.is_alive(mark)));
    let run = place.estate.services.get(service).and_then(|service| service.run.as_ref());
    if let Some(file) = run.and_then(|run| run.pid_file.as_ref()) {
        marks.extend(world.find_by_pid_file(file).map_err(|fault| fault.to_string())?);
    }
    marks.dedup_by_key(|mark| mark.pid);
    Ok(marks)
}

/// Where it can be looked at from outside, and by its own gates.
fn probes(estate: &Estate, act: &CutAct) -> Vec<Probe> {
    match act {
        CutAct::CloseDoor { .. } => {
            let door = find_door(estate, act).filter(|door| door.probe.parse::<SocketAddr>().is_ok());
            door.map(|door| Probe::Tcp(door.probe.clone())).into_iter().collect()
        }
        CutAct::StopService { service } => {
            let gates = estate.services.get(service).map(|service| service.gates.as_slice());
            gates.unwrap_or_default().iter().map(|gate| gate.probe.clone()).collect()
        }
    }
}

fn knocked(probe: &Probe) -> Option<Knocked> {
    match probe {
        Probe::Tcp(address) => Some(Knocked::Tcp { address: address.clone() }),
        Probe::Http { url, .. } => Some(Knocked::Http { url: url.clone() }),
        Probe::Command(_) => None,
    }
}

fn address(probe: &Probe) -> String {
    match probe {
        Probe::Tcp(address) => address.clone(),
        Probe::Http { url, .. } => url.clone(),
        Probe::Command(words) => words.join(" "),
    }
}

/// Whether it is an address of this very machine that never leaves it.
fn is_here(probe: &Probe) -> bool {
    let at = match probe {
        Probe::Tcp(address) => Some(address.clone()),
        Probe::Http { url, .. } => world::authority(url),
        Probe::Command(_) => None,
    };
    at.is_some_and(|at| {
        at.starts_with("localhost:") || at.parse::<SocketAddr>().is_ok_and(|at| at.ip().is_loopback())
    })
}
