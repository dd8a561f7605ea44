//! Makes the cut: intent on disk, act, outcome on disk, then a probe from outside, because a cut that nobody tried to
//! get through is not a cut. Every act may be repeated, so a run that was killed is simply run again.

use crate::decide::{self, Refusal};
use crate::knocking::{self, PATIENCE_MS, Proof};
use crate::on_hosts;
pub use crate::place::Place;
use crate::place::find_door;
pub use crate::recorded::Watcher;
use crate::recorded::{probed, record};
use estate::model::{Run, Service};
use incident::View;
use incident::contain::CutState;
use incident::event::{ContainEvent, CutAct};
use incident::log::{self, Log, LogFault};
use world::Launch;

/// A stop or close command gets this long.
const COMMAND_MS_MAX: u64 = 20_000;
/// A process that does not end by itself is killed after this.
const GRACE_MS: u64 = 2_000;

/// Does every act that is not known to hold. Returns whether all of them hold.
pub fn run(
    log: &mut dyn Log,
    place: Place<'_>,
    acts: &[CutAct],
    watcher: &mut dyn Watcher,
) -> Result<bool, LogFault> {
    let mut all_hold = true;
    let (on_hosts, others): (Vec<&CutAct>, Vec<&CutAct>) =
        acts.iter().partition(|act| on_hosts::is_driven(place, act));
    // Doors are among the others: they are closed before anything inside is stopped.
    for act in others {
        watcher.begun(act);
        let (proof, detail) = match bring_about(log, place, act)? {
            Ok(done) => done,
            // The other acts go on: each closed door counts.
            Err(refusal) => (Proof::Leaks, refusal.to_string()),
        };
        watcher.probed(act, proof, &detail);
        all_hold &= proof == Proof::Holds;
    }
    if !on_hosts.is_empty() {
        all_hold &= on_hosts::run(log, place, &on_hosts, watcher)?;
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
) -> Result<Result<(Proof, String), Refusal>, LogFault> {
    log.refresh()?;
    match log.view().contain.state_of(act) {
        CutState::Intended => {
            let cut_off = "it was cut off while it was done: it is done again";
            probed(log, place, act, Proof::Leaks, cut_off)?;
        }
        CutState::Done | CutState::Holds | CutState::Leaks => {
            let (proof, detail) = knocking::proof(log.view(), place, act, 0);
            probed(log, place, act, proof, &detail)?;
            // What is done and cannot be proven is not made better by doing it again; what leaked is.
            let leaks = log.view().contain.state_of(act) == CutState::Leaks;
            if !leaks {
                return Ok(Ok((proof, detail)));
            }
        }
        CutState::Open | CutState::Decided | CutState::Failed | CutState::Lifting | CutState::Lifted => {}
    }
    let knocks = knocking::heard(log.view(), place, act);
    if !knocks.is_empty() {
        record(log, place, ContainEvent::Answered { act: act.clone(), knocks })?;
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
    let (proof, mut detail) = knocking::proof(log.view(), place, act, PATIENCE_MS);
    if let Err(why) = &outcome {
        detail = format!("{why}; {detail}");
    }
    probed(log, place, act, proof, &detail)?;
    // An act that failed never holds, whatever has fallen silent.
    let proof = if outcome.is_err() { Proof::Leaks } else { proof };
    Ok(Ok((proof, detail)))
}

/// Ends cuts whose lifting stands in the journal: opens doors, and checks whether what was cut off is there again. A
/// service is not started: that is the restart's, or a person's. Returns whether every door is open.
pub fn lift(
    log: &mut dyn Log,
    place: Place<'_>,
    acts: &[CutAct],
    watcher: &mut dyn Watcher,
) -> Result<bool, LogFault> {
    let mut all_open = true;
    let mut released = on_hosts::release(log, place, acts)?;
    for act in acts {
        watcher.begun(act);
        let (opened, patience_ms) = match act {
            CutAct::CloseDoor { .. } => (open(place, act), PATIENCE_MS),
            CutAct::StopService { service } => {
                (released.remove(service).unwrap_or_else(|| Ok("it may be started".to_owned())), 0)
            }
        };
        let is_released = opened.is_ok();
        let back = knocking::is_back(log.view(), place, act, patience_ms);
        let (is_back, detail) = match (opened, back, act) {
            (Ok(done), Ok(seen), _) => (true, format!("{done}; {seen}")),
            (Err(why), Ok(seen), _) => (true, format!("{seen}, although {why}")),
            (Ok(done), Err(_), CutAct::StopService { .. }) => (false, format!("{done}; it does not run yet")),
            (Ok(done), Err(not), CutAct::CloseDoor { .. }) => (false, format!("{done}; but {not}")),
            (Err(why), Err(not), _) => (false, format!("{why}; {not}")),
        };
        let (act, said) = (act.clone(), detail.clone());
        let event = if is_back {
            ContainEvent::CutLifted { act, reason: said }
        } else {
            ContainEvent::LiftFailed { act, detail: said }
        };
        let is_door = matches!(event, ContainEvent::LiftFailed { act: CutAct::CloseDoor { .. }, .. });
        all_open &= !is_door && is_released;
        watcher.lifted(&event, is_back, &detail);
        record(log, place, event)?;
    }
    Ok(all_open)
}

fn open(place: Place<'_>, act: &CutAct) -> Result<String, String> {
    let CutAct::CloseDoor { site, door: name } = act else { return Err("it is no door".to_owned()) };
    let door = find_door(place.estate, act).ok_or_else(|| format!("{site} has no door {name}"))?;
    if door.open.is_empty() {
        return Err("the estate does not say how to open it".to_owned());
    }
    command(place, &door.open, &Run::default(), &format!("open-{}-{}", site.name(), door.name))
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

/// Its own way of stopping first, then signals to whatever lives, also if its own way failed: then all the more.
fn stop(view: &View, place: Place<'_>, service: &Service, act: &CutAct) -> Result<String, String> {
    let run = service.run.clone().unwrap_or_default();
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    if !run.stop.is_empty() {
        let name = format!("stop-{}", act.target().name());
        match command(place, &run.stop, &run, &name) {
            Ok(what) => done.push(what),
            Err(why) => failed.push(why),
        }
    }
    match knocking::processes(view, place, act) {
        Ok(marks) => {
            for mark in marks {
                match place.world.stop(&mark, GRACE_MS) {
                    Ok(()) => done.push(format!("process {} stopped", mark.pid)),
                    Err(fault) => failed.push(fault.to_string()),
                }
            }
        }
        Err(why) => failed.push(why),
    }
    if !failed.is_empty() {
        failed.extend(done);
        return Err(failed.join("; "));
    }
    if done.is_empty() && !is_process_known(view, &run, act) {
        return Err("the estate does not say how to stop it, or which process it is".to_owned());
    }
    Ok(if done.is_empty() { "no process of it was found".to_owned() } else { done.join(", ") })
}

/// Whether a process of it would be found if it lived. That we could start it does not mean that we did. A job keeps
/// no process between its runs, so there is nothing to look for unless we ran it.
fn is_process_known(view: &View, run: &Run, act: &CutAct) -> bool {
    run.job || run.pid_file.is_some() || view.recover.services.contains_key(act.target())
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
        Some(code) => Err(format!("`{}` ended with {code}{}", command.join(" "), said(&ended.tail))),
        None => Err(format!(
            "`{}` was ended after {} s{}",
            command.join(" "),
            COMMAND_MS_MAX / 1000,
            said(&ended.tail)
        )),
    }
}

/// What a program on a host that may be infected says, as one line: it must not look like lines of ours.
fn said(text: &str) -> String {
    let lines: Vec<&str> =
        text.split(char::is_control).map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.is_empty() { String::new() } else { format!(": {}", lines.join(" / ")) }
}
