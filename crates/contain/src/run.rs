//! Makes the cut: intent on disk, act, outcome on disk, then a probe from outside, because a cut that nobody tried to
//! get through is not a cut. Every act may be repeated, so a run that was killed is simply run again.

use std::path::Path;

use crate::decide::{self, Refusal};
use estate::model::{Door, Estate, Probe, Run, Service};
use incident::Event;
use incident::View;
use incident::contain::CutState;
use incident::event::{ContainEvent, CutAct};
use incident::log::{self, Log, LogFault};
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

/// Where the work is done: the doors, the estate, and the folder that takes the output of commands.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub world: &'a dyn World,
    pub estate: &'a Estate,
    pub folder: &'a Path,
}

/// Does every act that is not known to hold. Returns whether all of them hold.
pub fn run(
    log: &mut dyn Log,
    place: Place<'_>,
    acts: &[CutAct],
    watcher: &mut dyn Watcher,
) -> Result<bool, LogFault> {
    let mut all_hold = true;
    for act in acts {
        watcher.begun(act);
        let (holds, detail) = match bring_about(log, place, act)? {
            Ok(done) => done,
            // The other acts go on: each closed door counts.
            Err(refusal) => (false, refusal.to_string()),
        };
        watcher.probed(act, holds, &detail);
        all_hold &= holds;
    }
    Ok(all_hold)
}

/// Knocks on what was done, does what was not, and knocks again. Whether it holds is what the table of states makes of
/// it: an act that failed does not, whatever answers. An act that was begun and has no outcome is done again: nobody
/// knows whether it was done, and every act may be repeated.
fn bring_about(
    log: &mut dyn Log,
    place: Place<'_>,
    act: &CutAct,
) -> Result<Result<(bool, String), Refusal>, LogFault> {
    log.refresh()?;
    match log.view().contain.state_of(act) {
        CutState::Intended => {
            probed(log, place, act, false, "it was cut off while it was done: it is done again")?;
        }
        CutState::Done | CutState::Holds | CutState::Leaks => {
            let (quiet, detail) = probe(log.view(), place, act, 0);
            probed(log, place, act, quiet, &detail)?;
            if log.view().contain.state_of(act) == CutState::Holds {
                return Ok(Ok((true, detail)));
            }
        }
        CutState::Open | CutState::Decided | CutState::Failed | CutState::Lifted => {}
    }
    let begun = log::decide(log, place.world.now_ms(), |view| decide::begin(place.estate, act, view))?;
    if let Err(refusal) = begun {
        return Ok(Err(refusal));
    }
    let outcome = perform(log.view(), place, act);
    let (ok, done) = match &outcome {
        Ok(what) => (true, what.clone()),
        Err(why) => (false, why.clone()),
    };
    record(log, place, ContainEvent::ActFinished { act: act.clone(), ok, detail: done })?;
    let (quiet, mut detail) = probe(log.view(), place, act, PROBE_MS_MAX);
    if let Err(why) = outcome {
        detail = format!("{why}; {detail}");
    }
    probed(log, place, act, quiet, &detail)?;
    Ok(Ok((log.view().contain.state_of(act) == CutState::Holds, detail)))
}

fn probed(
    log: &mut dyn Log,
    place: Place<'_>,
    act: &CutAct,
    holds: bool,
    detail: &str,
) -> Result<(), LogFault> {
    record(log, place, ContainEvent::CutProbed { act: act.clone(), holds, detail: detail.to_owned() })
}

fn record(log: &mut dyn Log, place: Place<'_>, event: ContainEvent) -> Result<(), LogFault> {
    log::record(log, &[Event::Contain(event)], place.world.now_ms())
}

/// The act itself. `Err` says why it did not work; the probe has the last word.
fn perform(view: &View, place: Place<'_>, act: &CutAct) -> Result<String, String> {
    match act {
        CutAct::CloseDoor { site, door } => {
            let door = find_door(place.estate, act).ok_or_else(|| format!("{site} has no door {door}"))?;
            if door.close.is_empty() {
                return Err("the estate does not say how to close it".to_owned());
            }
            command(place, &door.close, &Run::default(), &format!("close-{}-{}", site.name(), door.name))
        }
        CutAct::StopService { service } => {
            let known = place
                .estate
                .services
                .get(service)
                .ok_or_else(|| format!("{service} is not in the estate"))?;
            stop(view, place, known, act)
        }
    }
}

fn stop(view: &View, place: Place<'_>, service: &Service, act: &CutAct) -> Result<String, String> {
    let run = service.run.clone().unwrap_or_default();
    let mut done = Vec::new();
    if !run.stop.is_empty() {
        let name = format!("stop-{}", act.target().name());
        done.push(command(place, &run.stop, &run, &name)?);
    }
    for mark in processes(view, place.world, &run, act)? {
        place.world.stop(&mark, GRACE_MS).map_err(|fault| fault.to_string())?;
        done.push(format!("process {} stopped", mark.pid));
    }
    if done.is_empty() && !is_process_known(view, &run, act) {
        return Err("the estate does not say how to stop it, or which process it is".to_owned());
    }
    Ok(if done.is_empty() { "it was not running".to_owned() } else { done.join(", ") })
}

/// Whether a process of it would be found if it lived. That we could start it does not mean that we did. A job keeps
/// no process between its runs, so there is nothing to look for unless we ran it.
fn is_process_known(view: &View, run: &Run, act: &CutAct) -> bool {
    run.job || run.pid_file.is_some() || view.recover.services.contains_key(act.target())
}

/// Its living processes: the one we started, and the one that wrote its number down.
fn processes(view: &View, world: &dyn World, run: &Run, act: &CutAct) -> Result<Vec<ProcessMark>, String> {
    let mut marks = Vec::new();
    let ours = view.recover.services.get(act.target()).and_then(|service| service.process.clone());
    marks.extend(ours.filter(|mark| world.is_alive(mark)));
    if let Some(file) = &run.pid_file {
        marks.extend(world.find_by_pid_file(file).map_err(|fault| fault.to_string())?);
    }
    marks.dedup_by_key(|mark| mark.pid);
    Ok(marks)
}

fn command(place: Place<'_>, command: &[String], run: &Run, name: &str) -> Result<String, String> {
    // Doors have free names; the output stays in the folder all the same.
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '-' { letter } else { '_' };
    let name: String = name.chars().map(plain).collect();
    let output = place.folder.join("runs").join(format!("contain-{name}.out"));
    if let Some(parent) = output.parent() {
        std::fs::create_dir_all(parent)
            .map_err(|error| format!("cannot make {}: {error}", parent.display()))?;
    }
    let launch = Launch { run: &name, command, settings: run, output: &output };
    let ended = place.world.run(&launch, COMMAND_MS_MAX).map_err(|fault| fault.to_string())?;
    match ended.code {
        Some(0) => Ok(format!("`{}` done", command.join(" "))),
        Some(code) => Err(format!("`{}` ended with {code}: {}", command.join(" "), one_line(&ended.tail))),
        None => Err(format!(
            "`{}` was ended after {} s: {}",
            command.join(" "),
            COMMAND_MS_MAX / 1000,
            one_line(&ended.tail)
        )),
    }
}

/// What a program on a host that may be infected says, as one line: it must not look like lines of ours.
fn one_line(text: &str) -> String {
    text.split(char::is_control)
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" / ")
}

/// Where a probe knocks.
fn address(probe: &Probe) -> String {
    match probe {
        Probe::Tcp(address) => address.clone(),
        Probe::Http { url, .. } => url.clone(),
        Probe::Command(words) => words.join(" "),
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
fn probe(view: &View, place: Place<'_>, act: &CutAct, patience_ms: u64) -> (bool, String) {
    let began_ms = place.world.elapsed_ms();
    loop {
        let answers = answering(view, place, act);
        match answers {
            Ok(None) => return (true, "nothing answers".to_owned()),
            Ok(Some(what)) if place.world.elapsed_ms().saturating_sub(began_ms) >= patience_ms => {
                return (false, what);
            }
            Ok(Some(_)) => place.world.wait_ms(PROBE_EVERY_MS),
            // What cannot be probed is not known to hold.
            Err(why) => return (false, why),
        }
    }
}

/// What still answers behind the cut, if anything.
fn answering(view: &View, place: Place<'_>, act: &CutAct) -> Result<Option<String>, String> {
    if let CutAct::CloseDoor { site, door } = act {
        let door = find_door(place.estate, act).ok_or_else(|| format!("{site} has no door {door}"))?;
        // Nobody answers at an address that does not exist either; that must not count as closed. Names are not
        // looked up in an incident.
        if door.probe.parse::<std::net::SocketAddr>().is_err() {
            return Err(format!(
                "`{}` is not an address to knock on: write it in numbers, such as 192.0.2.7:443",
                door.probe
            ));
        }
        return Ok(match place.world.probe(&Probe::Tcp(door.probe.clone()), 1_000) {
            Answer::Yes => Some(format!("{} still accepts connections", door.probe)),
            Answer::No(_) => None,
        });
    }
    let service = place
        .estate
        .services
        .get(act.target())
        .ok_or_else(|| format!("{} is not in the estate", act.target()))?;
    let run = service.run.clone().unwrap_or_default();
    if let Some(mark) = processes(view, place.world, &run, act)?.first() {
        return Ok(Some(format!("its process {} lives", mark.pid)));
    }
    for gate in &service.gates {
        let knocks = match &gate.probe {
            Probe::Tcp(_) | Probe::Http { .. } => place.world.probe(&gate.probe, 1_000),
            // A command looks from inside: what it says proves nothing about the outside.
            Probe::Command(_) => continue,
        };
        if knocks == Answer::Yes {
            return Ok(Some(format!("its gate still answers: {}", address(&gate.probe))));
        }
    }
    let knocked = service.gates.iter().any(|gate| matches!(gate.probe, Probe::Tcp(_) | Probe::Http { .. }));
    if !knocked && !is_process_known(view, &run, act) {
        return Err("the estate gives nothing to probe: nobody can say that it is off".to_owned());
    }
    Ok(None)
}
