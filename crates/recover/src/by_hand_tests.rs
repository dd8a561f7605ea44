//! What people start, what a stop command alone can end, what a cut keeps off, and who goes on without whom.

use std::collections::BTreeMap;

use super::crash_tests::{Stage, id, provider, stage};
use super::refusal::Refusal;
use super::run::Patience;
use estate::Estate;
use estate::model::{Edge, EdgeKind, Evidence, Run};
use incident::Event;
use incident::event::{ContainEvent, CutAct, Found, RecoverEvent};
use incident::log::Log;
use incident::recover::step::State;
use world::sim::Health;

/// Identity has no start command: everything but mail waits for it, directly or not.
fn by_hand() -> Estate {
    let mut estate = provider();
    estate.services.get_mut(&id("service:identity")).unwrap().run = None;
    estate
}

fn state(stage: &Stage, step: &str) -> State {
    stage.log.view().recover.state_of(step)
}

fn waits(stage: &mut Stage) -> Vec<Refusal> {
    let result = stage.run().unwrap();
    assert!(!result.complete);
    result.waits
}

#[test]
fn what_no_command_starts_waits_for_a_person_and_goes_on_when_its_gate_passes() {
    let mut stage = stage(&by_hand(), 0);
    let waits = waits(&mut stage);
    assert!(
        matches!(waits.as_slice(), [Refusal::ByHand { service, why }] if *service == id("service:identity") && !why.is_empty()),
        "{waits:?}"
    );
    let shown = waits[0].message().to_do.shown(Some("/i"));
    assert!(shown.contains("blackstart resume /i service:identity --found done --reason TEXT"), "{shown}");
    assert_eq!(state(&stage, "start:service:db"), State::Done, "what does not need it goes on");
    assert_eq!(stage.log.view().recover.parked, BTreeMap::new(), "it has not failed");
    // She starts it, and says nothing.
    stage.sim.state().outside.insert(id("service:identity"));
    assert!(stage.run().unwrap().complete);
    assert_eq!(stage.log.view().illegal, Vec::new());
}

#[test]
fn without_a_gate_her_word_counts_and_what_runs_already_is_not_asked_for() {
    let mut estate = by_hand();
    estate.services.get_mut(&id("service:identity")).unwrap().gates.clear();
    let mut said = stage(&estate, 0);
    assert!(matches!(waits(&mut said).as_slice(), [Refusal::ByHand { why, .. }] if why.is_empty()));
    // The simulation knows whether it runs; the program has only her word.
    said.sim.state().outside.insert(id("service:identity"));
    said.log.put(&Event::Recover(RecoverEvent::StepProbed {
        step: "start:service:identity".to_owned(),
        target: id("service:identity"),
        found: Found::Done,
        detail: "anna looked: it runs".to_owned(),
        process: None,
    }));
    assert!(said.run().unwrap().complete);

    let mut running = stage(&by_hand(), 0);
    running.sim.state().outside.insert(id("service:identity"));
    assert!(running.run().unwrap().complete);
}

#[test]
fn a_run_that_stays_takes_up_what_people_start() {
    let mut stage = stage(&by_hand(), 0);
    stage.executor.patience = Patience::Stays;
    let sim = std::sync::Arc::clone(&stage.sim);
    let result = stage.executor.run(&mut stage.log, &mut |view, _| {
        // Somebody sees that it waits, and starts it a while later.
        if view.recover.state_of("start:service:identity") == State::Held {
            sim.state().outside.insert(id("service:identity"));
        }
    });
    assert!(result.unwrap().complete);
}

#[test]
fn what_is_cut_off_is_not_started_and_its_dependents_wait() {
    let mut stage = stage(&provider(), 0);
    let act = CutAct::StopService { service: id("service:core") };
    stage.log.put(&Event::Contain(ContainEvent::CutDecided {
        infected: vec![id("service:core")],
        acts: vec![act.clone()],
        cost_insured: 0,
        tenants: Vec::new(),
        estate_hash: String::new(),
    }));
    let waits = waits(&mut stage);
    assert!(matches!(waits.as_slice(), [Refusal::CutOff { .. }]), "{waits:?}");
    assert!(!stage.sim.running().contains(&id("service:core")));
    assert!(stage.sim.running().contains(&id("service:payments")));
    stage.log.put(&Event::Contain(ContainEvent::LiftBegun { act, reason: "clean".to_owned() }));
    assert!(stage.run().unwrap().complete);
}

fn order(estate: &mut Estate, from: &str, to: &str) {
    let (kind, evidence) = (EdgeKind::Order, Evidence::Declared);
    estate.edges.push(Edge { from: id(from), to: id(to), kind, evidence, by: None, confidence: 1000 });
}

#[test]
fn what_was_only_to_come_later_goes_on_without_what_failed_and_says_so() {
    let mut estate = provider();
    order(&mut estate, "service:mail", "service:payments");
    // Portal cannot work without payments; identity is not touched.
    let mut stage = stage(&estate, 0);
    stage.sim.state().health.insert(id("service:payments"), Health::Bad);
    let result = stage.run().unwrap();
    assert!(!result.complete);
    assert_eq!(state(&stage, "gate:service:mail"), State::Done);
    assert_ne!(state(&stage, "start:service:portal"), State::Done);
    let detail = &stage.log.view().recover.steps["start:service:mail"].detail;
    assert!(detail.contains("was to come after service:payments, which failed"), "{detail}");
}

#[test]
fn what_its_start_left_running_is_stopped_by_its_own_command_when_its_gate_fails() {
    let mut estate = provider();
    let payments = id("service:payments");
    let service = estate.services.get_mut(&payments).unwrap();
    let word = |word: &str| vec![word.to_owned(), payments.to_string()];
    service.run = Some(Run { start: word("start"), stop: word("stop"), job: true, ..Run::default() });
    let mut stage = stage(&estate, 0);
    // Its start ends well and its gate never passes: nobody in this world runs it.
    let waits = waits(&mut stage);
    assert!(matches!(waits.as_slice(), [Refusal::Failed { .. }]), "{waits:?}");
    assert_eq!(stage.sim.state().effects.get("stop service:payments"), Some(&1));
    assert_eq!(state(&stage, "start:service:payments"), State::Waiting, "it would be started again");
}

#[test]
fn data_of_which_no_copy_is_known_waits_for_a_person_who_answers_for_it() {
    let mut estate = provider();
    estate.stores.get_mut(&id("store:db")).unwrap().source = None;
    let mut stage = stage(&estate, 0);
    let waits = waits(&mut stage);
    assert!(
        matches!(waits.as_slice(), [Refusal::BroughtBack { store }] if *store == id("store:db")),
        "{waits:?}"
    );
    assert_eq!(stage.log.view().recover.parked, BTreeMap::new(), "nothing has failed");
    assert!(!stage.sim.running().contains(&id("service:db")), "its data is not there");
    stage.log.put(&Event::Recover(RecoverEvent::StepProbed {
        step: "verify:store:db".to_owned(),
        target: id("store:db"),
        found: Found::Done,
        detail: "anna looked: from the tape of Monday".to_owned(),
        process: None,
    }));
    assert!(stage.run().unwrap().complete);
    assert_eq!(stage.sim.state().effects.get("restore /data/db"), None, "the program has restored nothing");
    assert!(stage.log.view().recover.restored.contains_key(&id("store:db")));
}
