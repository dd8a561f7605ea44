//! Services that drivers start on hosts: killed anywhere, on hosts that are silent or away.

use std::collections::BTreeSet;

use super::crash_tests::{End, Stage, fall_ill, id, provider, stage, undisturbed};
use super::refusal::Refusal;
use super::run::RunFault;
use estate::hands::Driver;
use estate::model::{Host, Run, StartClass};
use estate::{Estate, Id};
use incident::Event;
use incident::event::HandsEvent;
use incident::log::{Log, LogFault};
use incident::plan::file::{StepKind, step_id};
use incident::record::Content;
use incident::recover::step::State;
use world::sim::{CrashPoint, Health};

/// Identity, the database, core and the portal are units on a host; the rest are commands of this machine.
fn of_units() -> Estate {
    let mut estate = provider();
    let host = id("host:h");
    estate.hosts.insert(host.clone(), Host { local: true, ..Host::default() });
    for name in ["identity", "db", "core", "portal"] {
        let service = estate.services.get_mut(&id(&format!("service:{name}"))).unwrap();
        service.host = Some(host.clone());
        let admit = service.run.as_ref().unwrap().admit.clone();
        let driver = Some(Driver::Systemd(format!("{name}.service")));
        service.run = Some(Run { driver, admit, ..Run::default() });
    }
    estate
}

fn hands(stage: &Stage) -> Vec<HandsEvent> {
    let of = |content: &Content| match content {
        Content::Known(Event::Hands(event)) => Some(event.clone()),
        Content::Known(_) | Content::Unknown(_) => None,
    };
    stage.log.entries.iter().filter_map(|entry| of(&entry.content)).collect()
}

fn state_of(stage: &Stage, kind: StepKind, service: &str) -> State {
    stage.log.view().recover.state_of(&step_id(kind, &id(service)))
}

fn only_names(end: &End) -> BTreeSet<String> {
    end.running.iter().map(|id| id.name().to_owned()).collect()
}

#[test]
fn units_come_back_each_started_once_and_every_script_is_on_disk_before_it_leaves() {
    let mut stage = stage(&of_units(), 1);
    assert!(stage.run().unwrap().complete);
    let end = stage.end();
    assert_eq!(end.running.len(), 7);
    assert!(end.effects.values().all(|count| *count == 1), "{:?}", end.effects);
    let sent: Vec<HandsEvent> = hands(&stage);
    assert_eq!(sent.len(), 8, "four scripts and four answers: {sent:?}");
    for service in ["service:identity", "service:db", "service:core", "service:portal"] {
        let last = stage.log.view().hands.last[&id(service)].clone();
        let answer = last.answer.unwrap();
        assert_eq!((last.verb.as_str(), answer.code), ("start", Some(0)));
        assert_eq!(answer.before["ActiveState"], "inactive");
        assert_eq!(answer.after["ActiveState"], "active");
        assert!(!answer.mark.is_empty() && answer.boot == "1");
    }
    assert!(sent.iter().all(|event| match event {
        HandsEvent::Sent { script, .. } => script.contains("systemctl start"),
        HandsEvent::Answered(_) => true,
    }));
}

#[test]
fn a_run_with_units_killed_at_any_act_comes_to_the_same_end() {
    for health in [&[][..], &[("service:core", Health::Bad)]] {
        let estate = of_units();
        let (expected, acts, _) = undisturbed(&estate, health, 3);
        for act in 1..=acts {
            for point in [CrashPoint::NotBegun, CrashPoint::HalfDone, CrashPoint::Done] {
                let mut stage = stage(&estate, 3);
                fall_ill(&stage, health);
                stage.sim.crash_at(act, point);
                assert!(matches!(stage.run(), Err(RunFault::Log(LogFault::Gone))), "act {act}");
                stage.sim.revive();
                stage.run_to_the_end();
                stage.answer_doubts();
                stage.run_to_the_end();
                assert_eq!(stage.end(), expected, "killed at act {act}, {point:?}");
            }
        }
    }
}

#[test]
fn a_run_with_units_killed_after_any_entry_comes_to_the_same_end() {
    let estate = of_units();
    let (expected, _, entries) = undisturbed(&estate, &[], 5);
    for at in 1..entries {
        let mut stage = stage(&estate, 5);
        if at <= stage.log.entries.len() {
            continue;
        }
        stage.log.crash_at = Some(at);
        stage.run_to_the_end();
        stage.answer_doubts();
        stage.run_to_the_end();
        assert_eq!(stage.end(), expected, "killed after entry {at}");
    }
}

#[test]
fn a_failed_gate_stops_the_unit_on_its_host() {
    let mut stage = stage(&of_units(), 1);
    fall_ill(&stage, &[("service:core", Health::Bad)]);
    assert!(!stage.run().unwrap().complete);
    let end = stage.end();
    assert!(!only_names(&end).contains("core"), "{:?}", end.running);
    let last = stage.log.view().hands.last[&id("service:core")].clone();
    assert_eq!(
        (last.verb.as_str(), last.answer.unwrap().after["ActiveState"].as_str()),
        ("stop", "inactive")
    );
}

/// The host did what it was told, and its answer never came: a look over a new connection is all that can tell.
#[test]
fn an_answer_without_an_end_is_never_taken_for_done() {
    let mut stage = stage(&of_units(), 1);
    stage.sim.state().mute.insert(id("service:core"));
    let result = stage.run().unwrap();
    assert!(!result.complete);
    assert_eq!(state_of(&stage, StepKind::Start, "service:core"), State::Held);
    assert!(stage.sim.running().contains(&id("service:core")), "it runs, and nobody can know it");
    assert!(result.waits.iter().any(|wait| matches!(wait, Refusal::InDoubt { .. })), "{:?}", result.waits);
    // The host speaks again, and she has looked: nothing is started twice.
    stage.sim.state().mute.clear();
    stage.answer_doubts();
    assert!(stage.run_to_the_end().complete);
    assert_eq!(stage.end().effects["start service:core"], 1);
}

#[test]
fn a_host_that_is_not_reached_has_begun_nothing_and_everything_else_goes_on() {
    let mut stage = stage(&of_units(), 1);
    stage.sim.state().away.insert(id("service:core"));
    assert!(!stage.run().unwrap().complete);
    assert_eq!(state_of(&stage, StepKind::Start, "service:core"), State::Failed);
    let answer = stage.log.view().hands.last[&id("service:core")].answer.clone().unwrap();
    assert!(!answer.may_have_begun && answer.detail.contains("was not reached"), "{answer:?}");
    assert!(only_names(&stage.end()).contains("payments"));
}

#[test]
fn data_is_not_swapped_under_a_unit_that_runs_or_cannot_be_looked_at() {
    for away in [false, true] {
        let mut stage = stage(&of_units(), 1);
        let db: Id = id("service:db");
        if away {
            stage.sim.state().away.insert(db.clone());
        } else {
            let order = hands::order(&of_units(), &db, hands::Verb::Start).unwrap();
            world::World::carry(&*stage.sim, &order.way, &order.script, 1).unwrap();
            // It was begun by somebody else.
            let mut state = stage.sim.state();
            state.begun.clear();
            state.effects.clear();
            state.violations.clear();
        }
        stage.run().unwrap();
        assert_eq!(state_of(&stage, StepKind::Restore, "store:db"), State::Failed, "away: {away}");
        assert!(!stage.sim.state().effects.contains_key("restore /data/db"));
    }
}

#[test]
fn a_unit_that_must_start_once_is_not_started_again_when_nobody_knows() {
    let mut estate = of_units();
    let portal = id("service:portal");
    estate.services.get_mut(&portal).unwrap().start_class = StartClass::Once;
    let mut stage = stage(&estate, 1);
    stage.sim.state().away.clear();
    stage.sim.state().mute.insert(portal.clone());
    stage.run().unwrap();
    assert_eq!(state_of(&stage, StepKind::Start, "service:portal"), State::Held);
    stage.run().unwrap();
    assert_eq!(stage.sim.state().effects["start service:portal"], 1);
}

#[test]
fn after_a_reboot_of_its_host_a_unit_is_started_again() {
    let mut stage = stage(&of_units(), 1);
    assert!(stage.run().unwrap().complete);
    stage.sim.reboot();
    stage.sim.state().begun.clear();
    let result = stage.run().unwrap();
    // What must start only once waits for a person; everything else is there again.
    let waits: Vec<String> = result.waits.iter().map(ToString::to_string).collect();
    assert!(waits.len() == 1 && waits[0].contains("service:portal"), "{waits:?}");
    for name in ["identity", "db", "core"] {
        assert!(stage.sim.running().contains(&id(&format!("service:{name}"))), "{name}");
    }
}
