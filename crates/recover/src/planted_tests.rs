//! What an attacker left for us to find: marks in infected data, processes that look like ours.
//!
//! He knows the incident, the run and the steps; they stand in the journal and on pages.

use super::crash_tests::{Stage, id, provider, stage};
use super::run::incident_label;
use super::{decide, perform};
use incident::Event;
use incident::event::{Found, ProcessMark, RecoverEvent};
use incident::log::Log;
use world::sim::CrashPoint;
use world::{Restored, World};

/// All labels that can be computed for a step of this incident, under the rules of today and of yesterday.
fn labels(stage: &Stage, step: &str) -> [String; 3] {
    let incident = incident_label(stage.log.view());
    let plan = &stage.executor.plan;
    let run = decide::run_name(stage.log.view(), plan, &plan.hash());
    [format!("{incident}/{step}"), format!("{incident}/{run}/{step}"), format!("{incident}/{run}/{step}/")]
}

fn plant_mark(stage: &Stage, label: &str) {
    let planted = Restored { snapshot: "clean-db".to_owned(), run: label.to_owned() };
    stage.sim.state().stores.insert("/data/db".to_owned(), planted);
}

fn effect(stage: &Stage, name: &str) -> u32 {
    stage.sim.state().effects.get(name).copied().unwrap_or_default()
}

#[test]
fn a_mark_planted_in_infected_data_does_not_count_as_restored() {
    for which in 0..3 {
        let mut stage = stage(&provider(), 0);
        plant_mark(&stage, &labels(&stage, "restore:store:db")[which]);
        assert!(stage.run().unwrap().complete);
        assert_eq!(effect(&stage, "restore /data/db"), 1);
    }
}

#[test]
fn a_planted_mark_does_not_settle_a_doubt_either() {
    let estate = provider();
    let mut undisturbed = stage(&estate, 0);
    undisturbed.run().unwrap();
    let acts = undisturbed.sim.state().acts;
    let mut doubts = 0;
    for act in 1..=acts {
        let mut stage = stage(&estate, 0);
        stage.sim.crash_at(act, CrashPoint::HalfDone);
        stage.run().unwrap_err();
        if effect(&stage, "restore /data/db") == 0 {
            doubts += 1;
            plant_mark(&stage, &labels(&stage, "restore:store:db")[1]);
        }
        stage.sim.revive();
        stage.run_to_the_end();
        assert_eq!(effect(&stage, "restore /data/db"), 1, "killed at act {act}");
    }
    assert!(doubts > 0);
}

#[test]
fn what_an_earlier_attempt_restored_is_not_believed_by_a_later_one() {
    let mut stage = stage(&provider(), 0);
    let begun = stage.log.entries.len();
    assert!(stage.run().unwrap().complete);
    let earlier = stage.sim.state().stores["/data/db"].clone();
    assert!(!labels(&stage, "restore:store:db").contains(&earlier.run), "nobody can compute it");
    // The mark is copied into data that was infected since, and the restore is due once more.
    stage.log.cut(begun);
    let (step, target) = ("restore:store:db".to_owned(), id("store:db"));
    let intended = RecoverEvent::StepIntended { step: step.clone(), target: target.clone(), attempt: 1 };
    let failed = RecoverEvent::StepProbed {
        step,
        target,
        found: Found::NotDone,
        detail: "infected again".to_owned(),
        process: None,
    };
    stage.log.put(&Event::Recover(begin(&stage)));
    stage.log.put(&Event::Recover(intended));
    stage.log.put(&Event::Recover(failed));
    assert!(stage.run().unwrap().complete);
    assert_eq!(effect(&stage, "restore /data/db"), 2);
    assert_ne!(stage.sim.state().stores["/data/db"], earlier);
}

fn begin(stage: &Stage) -> RecoverEvent {
    let plan = &stage.executor.plan;
    match decide::begin(stage.log.view(), plan, &plan.hash()) {
        Ok(Event::Recover(begun)) => begun,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_planted_process_is_not_taken_for_the_service() {
    for which in 0..3 {
        let mut stage = stage(&provider(), 0);
        let step = "start:service:core";
        stage.sim.plant(&id("service:core"), &labels(&stage, step)[which]);
        let result = stage.run().unwrap();
        assert!(result.complete, "{result:?}");
        assert_eq!(effect(&stage, "start service:core"), 1);
        assert!(stage.sim.running().contains(&id("service:core")));
    }
}

#[test]
fn a_planted_process_does_not_settle_a_doubt_either() {
    let estate = provider();
    let mut undisturbed = stage(&estate, 0);
    undisturbed.run().unwrap();
    let acts = undisturbed.sim.state().acts;
    for act in 1..=acts {
        let mut stage = stage(&estate, 0);
        stage.sim.crash_at(act, CrashPoint::NotBegun);
        stage.run().unwrap_err();
        stage.sim.revive();
        stage.sim.plant(&id("service:core"), &labels(&stage, "start:service:core")[0]);
        assert!(stage.run_to_the_end().complete);
        assert_eq!(effect(&stage, "start service:core"), 1, "killed at act {act}");
    }
}

#[test]
fn what_is_older_than_a_process_is_not_what_it_left_behind() {
    let stage = stage(&provider(), 0);
    stage.sim.plant(&id("service:core"), "known");
    stage.sim.wait_ms(10);
    let gone = ProcessMark { pid: 77, start_ticks: 10, run: "known".to_owned() };
    assert!(!perform::lives(&*stage.sim, &gone));
}
