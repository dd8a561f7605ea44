//! Does the acts of a cut, and knocks on the result from outside.
//!
//! The intent is on disk before each act, the outcome after it. Both acts may be repeated: stopping what is
//! stopped and closing what is closed is done. So an act that is in doubt after a crash is looked at, and done
//! again if it was not done. One act that fails keeps no other from being done.

use std::path::PathBuf;

use super::cut::Proposal;
use super::decide::{self, Blocked};
use super::view::{Cut, CutState};
use crate::estate::model::{Door, Estate, Probe, Run, Service};
use crate::estate::Id;
use crate::incident::View;
use crate::incident::event::{ContainEvent, CutAct, Event, ProcessMark};
use crate::incident::store::{Incident, StoreFault};
use crate::world::{Answer, Launch, World};

/// Longest time that a command which stops a service or closes a door may take.
const COMMAND_MS_MAX: u64 = 30_000;
/// Between asking a process to end and ending it.
const STOP_GRACE_MS: u64 = 5_000;
/// Longest wait for one answer when knocking.
const KNOCK_MS_MAX: u64 = 2_000;
/// A door or port may take a moment to close after the command has ended.
const SETTLE_MS_MAX: u64 = 5_000;
const SETTLE_EVERY_MS: u64 = 100;

/// What was seen: it holds, or why it is not known to hold.
struct Seen {
    holds: bool,
    detail: String,
}

/// Decides, acts and knocks; returns the acts of the proposal as they stand then. Called again after a crash it
/// goes on where it was.
pub fn apply(
    incident: &mut Incident,
    world: &dyn World,
    estate: &Estate,
    estate_hash: &str,
    proposal: &Proposal,
    watch: &mut dyn FnMut(&Cut),
) -> Result<Result<Vec<Cut>, Blocked>, StoreFault> {
    let decided = incident.decide(world.now_ms(), |view| decide::cut(view, proposal, estate_hash))?;
    if let Err(blocked) = decided {
        return Ok(Err(blocked));
    }
    for act in &proposal.acts {
        bring_about(incident, world, estate, act)?;
    }
    let mut cuts = Vec::new();
    for act in &proposal.acts {
        let seen = knock_until_settled(incident.view(), world, estate, act);
        let probed = ContainEvent::CutProbed { act: act.clone(), holds: seen.holds, detail: seen.detail };
        // What failed and leaks stays what it is: failed. What failed and holds all the same, holds.
        if seen.holds || decide::state(incident.view(), act) != Some(CutState::Failed) {
            incident.record(&[Event::Contain(probed)], world.now_ms())?;
        }
        for cut in incident.view().contain.cuts.iter().filter(|cut| cut.act == *act) {
            watch(cut);
            cuts.push(cut.clone());
        }
    }
    Ok(Ok(cuts))
}

/// Takes one act to `done` or `failed`, whatever state it was left in.
fn bring_about(
    incident: &mut Incident,
    world: &dyn World,
    estate: &Estate,
    act: &CutAct,
) -> Result<(), StoreFault> {
    match decide::state(incident.view(), act) {
        Some(CutState::Done | CutState::Holds) => return Ok(()),
        Some(CutState::Intended) => {
            let seen = knock(incident.view(), world, estate, act);
            if seen.holds {
                let detail = format!("was begun before and found done: {}", seen.detail);
                return finished(incident, world, act, Ok(detail));
            }
        }
        Some(CutState::Decided | CutState::Failed | CutState::Leaks | CutState::Lifted) | None => {
            let intent = ContainEvent::ActIntended { act: act.clone() };
            incident.record(&[Event::Contain(intent)], world.now_ms())?;
        }
    }
    let outcome = perform(incident, world, estate, act);
    finished(incident, world, act, outcome)
}

fn finished(
    incident: &mut Incident,
    world: &dyn World,
    act: &CutAct,
    outcome: Result<String, String>,
) -> Result<(), StoreFault> {
    let (ok, detail) = match outcome {
        Ok(detail) => (true, detail),
        Err(detail) => (false, detail),
    };
    let event = ContainEvent::ActFinished { act: act.clone(), ok, detail };
    incident.record(&[Event::Contain(event)], world.now_ms())
}

fn perform(incident: &Incident, world: &dyn World, estate: &Estate, act: &CutAct) -> Result<String, String> {
    match act {
        CutAct::StopService { service } => {
            let known = estate.services.get(service).ok_or("it is not in this estate")?;
            stop(incident, world, service, known)
        }
        CutAct::CloseDoor { site, door } => {
            let known = door_of(estate, site, door).ok_or("it is not in this estate")?;
            close(incident, world, site, known)
        }
    }
}

/// Its own way of stopping first, then signals to whatever is left of it.
fn stop(incident: &Incident, world: &dyn World, id: &Id, service: &Service) -> Result<String, String> {
    let run = service.run.clone().unwrap_or_default();
    let before = processes(incident.view(), world, id, service)?;
    let mut done = Vec::new();
    if !run.stop.is_empty() {
        done.push(command(incident, world, &format!("stop.{}", id.name()), &run.stop, &run)?);
    }
    for process in before.iter().filter(|process| world.is_alive(process)) {
        world.stop(process, STOP_GRACE_MS).map_err(|fault| fault.to_string())?;
        done.push(format!("ended process {}", process.pid));
    }
    if !done.is_empty() {
        return Ok(done.join("; "));
    }
    if before.is_empty() && run.pid_file.is_none() {
        return Err("nothing says which process it is or how to stop it: it has no stop command, no pid file, and \
                    was not started by a recovery"
            .to_owned());
    }
    Ok("no process of it is there".to_owned())
}

fn close(incident: &Incident, world: &dyn World, site: &Id, door: &Door) -> Result<String, String> {
    if door.close.is_empty() {
        return Err("nothing says how to close it: it has no close command".to_owned());
    }
    let name = format!("close.{}.{}", site.name(), door.name);
    command(incident, world, &name, &door.close, &Run::default())
}

/// Runs a command to its end; anything but exit 0 is a failure.
fn command(
    incident: &Incident,
    world: &dyn World,
    name: &str,
    command: &[String],
    settings: &Run,
) -> Result<String, String> {
    // The number of entries tells one try from the next, also after a crash.
    let label = format!("contain.{}.{name}", incident.view().entries);
    let output: PathBuf = incident.folder().join("output").join(format!("{}.out", file_name(&label)));
    let launch = Launch { run: &label, command, settings, output: &output };
    let ended = world.run(&launch, COMMAND_MS_MAX).map_err(|fault| fault.to_string())?;
    let shown = command.join(" ");
    match ended.code {
        Some(0) => Ok(format!("`{shown}` ended well")),
        Some(code) => Err(format!("`{shown}` ended with {code}: {}", ended.tail)),
        None => Err(format!("`{shown}` was ended after {COMMAND_MS_MAX} ms: {}", ended.tail)),
    }
}

/// Door names are free text.
fn file_name(label: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-' | '_');
    label.chars().map(|letter| if fits(letter) { letter } else { '_' }).collect()
}

/// Every living process known of a service: as a recovery started it, and as it says itself.
fn processes(
    view: &View,
    world: &dyn World,
    id: &Id,
    service: &Service,
) -> Result<Vec<ProcessMark>, String> {
    let mut found: Vec<ProcessMark> = Vec::new();
    found.extend(view.recover.process_of(id).filter(|process| world.is_alive(process)).cloned());
    if let Some(file) = service.run.as_ref().and_then(|run| run.pid_file.as_ref()) {
        let process = world.find_by_pid_file(file).map_err(|fault| fault.to_string())?;
        found.extend(process.filter(|process| found.iter().all(|known| known.pid != process.pid)));
    }
    Ok(found)
}

/// Knocks until it holds or the time to settle is over.
fn knock_until_settled(view: &View, world: &dyn World, estate: &Estate, act: &CutAct) -> Seen {
    let until_ms = world.elapsed_ms().saturating_add(SETTLE_MS_MAX);
    loop {
        let seen = knock(view, world, estate, act);
        if seen.holds || world.elapsed_ms() >= until_ms {
            return seen;
        }
        world.wait_ms(SETTLE_EVERY_MS);
    }
}

/// Looks once, from outside. Not known to be closed is not closed.
fn knock(view: &View, world: &dyn World, estate: &Estate, act: &CutAct) -> Seen {
    match act {
        CutAct::StopService { service } => match estate.services.get(service) {
            Some(known) => knock_service(view, world, service, known),
            None => Seen { holds: false, detail: "it is not in this estate".to_owned() },
        },
        CutAct::CloseDoor { site, door } => match door_of(estate, site, door) {
            Some(known) => knock_door(world, known),
            None => Seen { holds: false, detail: "it is not in this estate".to_owned() },
        },
    }
}

/// Stopped: no process of it is left, no port or address of its gates answers, and not all its gates pass.
fn knock_service(view: &View, world: &dyn World, id: &Id, service: &Service) -> Seen {
    let leaks = |detail: String| Seen { holds: false, detail };
    match processes(view, world, id, service) {
        Err(cause) => return leaks(cause),
        Ok(processes) => {
            if let Some(process) = processes.first() {
                return leaks(format!("process {} still runs", process.pid));
            }
        }
    }
    let mut passing = 0;
    for gate in &service.gates {
        if world.probe(&gate.probe, KNOCK_MS_MAX) == Answer::Yes {
            passing += 1;
            match &gate.probe {
                Probe::Tcp(address) => return leaks(format!("{address} still answers")),
                Probe::Http { url, .. } => return leaks(format!("{url} still answers")),
                Probe::Command(_) => {}
            }
        }
    }
    if passing > 0 && passing == service.gates.len() {
        return leaks("its gate still passes".to_owned());
    }
    let has_pid_file = service.run.as_ref().is_some_and(|run| run.pid_file.is_some());
    if service.gates.is_empty() && !has_pid_file && view.recover.process_of(id).is_none() {
        return leaks("nothing can be looked at: it has no gate, no pid file and no known process".to_owned());
    }
    Seen { holds: true, detail: format!("no process, and {} of {} gates refuse", service.gates.len() - passing, service.gates.len()) }
}

fn knock_door(world: &dyn World, door: &Door) -> Seen {
    // An address that nobody can knock on also gives no answer; that must not count as closed.
    if !is_address(&door.probe) {
        return Seen { holds: false, detail: format!("`{}` is not an address to knock on", door.probe) };
    }
    match world.probe(&Probe::Tcp(door.probe.clone()), KNOCK_MS_MAX) {
        Answer::Yes => Seen { holds: false, detail: format!("{} still answers", door.probe) },
        Answer::No(why) => Seen { holds: true, detail: format!("{} does not answer: {why}", door.probe) },
    }
}

/// `address:port`, with the address in numbers: names are not looked up in an incident.
fn is_address(text: &str) -> bool {
    text.parse::<std::net::SocketAddr>().is_ok_and(|address| address.port() != 0)
}

fn door_of<'a>(estate: &'a Estate, site: &Id, door: &str) -> Option<&'a Door> {
    estate.sites.get(site)?.doors.iter().find(|known| known.name == door)
}
