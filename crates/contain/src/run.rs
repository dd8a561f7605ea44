//! Makes the cut: intent on disk, act, outcome on disk, then a probe from outside, because a cut that nobody tried to
//! get through is not a cut. Every act may be repeated, so a run that was killed is simply run again.

use std::path::Path;

use journal::Expect;

use estate::model::{Door, Estate, Probe, Run, Service};
use incident::Event;
use incident::contain::CutState;
use incident::event::{ContainEvent, CutAct};
use incident::store::{Incident, StoreFault};
use world::{Answer, Launch, ProcessMark, World};

/// A stop or close command gets this long.
const COMMAND_MS_MAX: u64 = 20_000;
/// A process that does not end by itself is killed after this.
const GRACE_MS: u64 = 2_000;
/// How long the probe keeps trying until nothing answers any more.
const PROBE_MS_MAX: u64 = 5_000;
const PROBE_EVERY_MS: u64 = 50;

/// Sees each act as it is done.
pub trait Watcher {
    fn begun(&mut self, act: &CutAct);
    fn probed(&mut self, act: &CutAct, holds: bool, detail: &str);
}

/// Does every act that is not known to hold. Returns whether all of them hold.
pub fn run(
    incident: &mut Incident,
    world: &dyn World,
    estate: &Estate,
    acts: &[CutAct],
    watcher: &mut dyn Watcher,
) -> Result<bool, StoreFault> {
    let mut all_hold = true;
    for act in acts {
        watcher.begun(act);
        let state = incident.view().contain.cuts.iter().find(|cut| cut.act == *act).map(|cut| cut.state);
        let in_doubt = match state {
            Some(CutState::Intended | CutState::Done | CutState::Holds | CutState::Leaks) => true,
            Some(CutState::Decided | CutState::Failed | CutState::Lifted) | None => false,
        };
        let (mut holds, mut detail) =
            if in_doubt { probe(incident, world, estate, act, 0) } else { (false, String::new()) };
        if !holds {
            record(incident, world, ContainEvent::ActIntended { act: act.clone() })?;
            let outcome = perform(incident, world, estate, act);
            let (ok, what) = match &outcome {
                Ok(what) => (true, what.clone()),
                Err(why) => (false, why.clone()),
            };
            record(incident, world, ContainEvent::ActFinished { act: act.clone(), ok, detail: what })?;
            (holds, detail) = probe(incident, world, estate, act, PROBE_MS_MAX);
            if let (false, Err(why)) = (holds, outcome) {
                detail = format!("{why}; {detail}");
            }
        }
        record(incident, world, ContainEvent::CutProbed { act: act.clone(), holds, detail: detail.clone() })?;
        watcher.probed(act, holds, &detail);
        all_hold &= holds;
    }
    Ok(all_hold)
}

fn record(incident: &mut Incident, world: &dyn World, event: ContainEvent) -> Result<(), StoreFault> {
    incident.append(&[Event::Contain(event)], Expect::Anything, world.now_ms())
}

/// The act itself. `Err` says why it did not work; the probe has the last word.
fn perform(incident: &Incident, world: &dyn World, estate: &Estate, act: &CutAct) -> Result<String, String> {
    match act {
        CutAct::CloseDoor { site, door } => {
            let door = find_door(estate, act).ok_or_else(|| format!("{site} has no door {door}"))?;
            if door.close.is_empty() {
                return Err("the estate does not say how to close it".to_owned());
            }
            command(
                incident.folder(),
                world,
                &door.close,
                &Run::default(),
                &format!("close-{}-{}", site.name(), door.name),
            )
        }
        CutAct::StopService { service } => {
            let known =
                estate.services.get(service).ok_or_else(|| format!("{service} is not in the estate"))?;
            stop(incident, world, known, act)
        }
    }
}

fn stop(incident: &Incident, world: &dyn World, service: &Service, act: &CutAct) -> Result<String, String> {
    let run = service.run.clone().unwrap_or_default();
    let mut done = Vec::new();
    if !run.stop.is_empty() {
        let name = format!("stop-{}", act.target().name());
        done.push(command(incident.folder(), world, &run.stop, &run, &name)?);
    }
    for mark in processes(incident, world, &run, act)? {
        world.stop(&mark, GRACE_MS).map_err(|fault| fault.to_string())?;
        done.push(format!("process {} stopped", mark.pid));
    }
    if done.is_empty() && !is_process_known(incident, &run, act) {
        return Err("the estate does not say how to stop it, or which process it is".to_owned());
    }
    Ok(if done.is_empty() { "it was not running".to_owned() } else { done.join(", ") })
}

/// Whether a process of it would be found if it lived. That we could start it does not mean that we did. A job keeps
/// no process between its runs, so there is nothing to look for unless we ran it.
fn is_process_known(incident: &Incident, run: &Run, act: &CutAct) -> bool {
    run.job || run.pid_file.is_some() || incident.view().recover.services.contains_key(act.target())
}

/// Its living processes: the one we started, and the one that wrote its number down.
fn processes(
    incident: &Incident,
    world: &dyn World,
    run: &Run,
    act: &CutAct,
) -> Result<Vec<ProcessMark>, String> {
    let mut marks = Vec::new();
    let ours = incident.view().recover.services.get(act.target()).and_then(|service| service.process.clone());
    marks.extend(ours.filter(|mark| world.is_alive(mark)));
    if let Some(file) = &run.pid_file {
        marks.extend(world.find_by_pid_file(file).map_err(|fault| fault.to_string())?);
    }
    marks.dedup_by_key(|mark| mark.pid);
    Ok(marks)
}

fn command(
    folder: &Path,
    world: &dyn World,
    command: &[String],
    run: &Run,
    name: &str,
) -> Result<String, String> {
    // Doors have free names; the output stays in the folder all the same.
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let name: String = name.chars().map(plain).collect();
    let output = folder.join("runs").join(format!("contain-{name}.out"));
    if let Some(parent) = output.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|error| format!("cannot make {}: {error}", parent.display()))?;
    }
    let launch = Launch { run: &name, command, settings: run, output: &output };
    let ended = world.run(&launch, COMMAND_MS_MAX).map_err(|fault| fault.to_string())?;
    match ended.code {
        Some(0) => Ok(format!("`{}` done", command.join(" "))),
        code => Err(format!("`{}` ended with {code:?}: {}", command.join(" "), ended.tail.trim())),
    }
}

fn find_door<'e>(estate: &'e Estate, act: &CutAct) -> Option<&'e Door> {
    match act {
        CutAct::CloseDoor { site, door } => {
            estate.sites.get(site)?.doors.iter().find(|known| known.name == *door)
        }
        CutAct::StopService { .. } => None,
    }
}

/// Knocks until nothing answers any more, at most for `patience_ms`. Returns whether the cut holds, and what was seen.
fn probe(
    incident: &Incident,
    world: &dyn World,
    estate: &Estate,
    act: &CutAct,
    patience_ms: u64,
) -> (bool, String) {
    let began_ms = world.elapsed_ms();
    loop {
        let answers = answering(incident, world, estate, act);
        match answers {
            Ok(None) => return (true, "nothing answers".to_owned()),
            Ok(Some(what)) if world.elapsed_ms().saturating_sub(began_ms) >= patience_ms => {
                return (false, what);
            }
            Ok(Some(_)) => world.wait_ms(PROBE_EVERY_MS),
            // What cannot be probed is not known to hold.
            Err(why) => return (false, why),
        }
    }
}

/// What still answers behind the cut, if anything.
fn answering(
    incident: &Incident,
    world: &dyn World,
    estate: &Estate,
    act: &CutAct,
) -> Result<Option<String>, String> {
    if let CutAct::CloseDoor { site, door } = act {
        let door = find_door(estate, act).ok_or_else(|| format!("{site} has no door {door}"))?;
        // Nobody answers at an address that does not exist either; that must not count as closed. Names are not
        // looked up in an incident.
        if door.probe.parse::<std::net::SocketAddr>().is_err() {
            return Err(format!(
                "`{}` is not an address to knock on: write it in numbers, such as 192.0.2.7:443",
                door.probe
            ));
        }
        return Ok(match world.probe(&Probe::Tcp(door.probe.clone()), 1_000) {
            Answer::Yes => Some(format!("{} still accepts connections", door.probe)),
            Answer::No(_) => None,
        });
    }
    let service =
        estate.services.get(act.target()).ok_or_else(|| format!("{} is not in the estate", act.target()))?;
    let run = service.run.clone().unwrap_or_default();
    if let Some(mark) = processes(incident, world, &run, act)?.first() {
        return Ok(Some(format!("its process {} lives", mark.pid)));
    }
    for gate in &service.gates {
        let knocks = match &gate.probe {
            Probe::Tcp(_) | Probe::Http { .. } => world.probe(&gate.probe, 1_000),
            // A command looks from inside: what it says proves nothing about the outside.
            Probe::Command(_) => continue,
        };
        if knocks == Answer::Yes {
            return Ok(Some(format!("its gate still answers: {:?}", gate.probe)));
        }
    }
    let knocked = service.gates.iter().any(|gate| matches!(gate.probe, Probe::Tcp(_) | Probe::Http { .. }));
    if !knocked && !is_process_known(incident, &run, act) {
        return Err("the estate gives nothing to probe: nobody can say that it is off".to_owned());
    }
    Ok(None)
}
