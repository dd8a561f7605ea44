//! The run is killed at every act and after every entry, and must come to the same end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::refusal::Refusal;
use super::run::{Executor, Patience, RunFault, RunResult, Workers, draw};
use estate::fingerprint;
use estate::model::{Edge, EdgeKind, Evidence, Gate, Probe, Run, Secret, Service, Source, StartClass, Store};
use estate::{Estate, Id, Kind};
use incident::Event;
use incident::event::{CommandEvent, Found, PlanEvent, RecoverEvent, ScanEvent};
use incident::log::{Log, LogFault};
use incident::memory::{Memory, view_of};
use incident::plan::file::{Plan, Step, StepKind, VERSION, step_id};
use incident::recover::ServiceState;
use incident::recover::step::State;
use world::sim::{CrashPoint, Health, Sim};

pub(super) fn id(text: &str) -> Id {
    text.parse().unwrap()
}

// Estates

fn service(estate: &mut Estate, name: &str, class: StartClass, job: bool) -> Id {
    let name = id(&format!("service:{name}"));
    let command = |word: &str| vec![word.to_owned(), name.to_string()];
    let gate = Gate {
        probe: Probe::Command(command("probe")),
        hold_ms: 1_000,
        deadline_ms: 20_000,
        every_ms: 500,
        uses: Vec::new(),
    };
    let run = Run { start: command("start"), admit: command("admit"), job, ..Run::default() };
    let made = Service {
        start_class: class,
        run: Some(run),
        gates: if job { Vec::new() } else { vec![gate] },
        ..Service::default()
    };
    estate.services.insert(name.clone(), made);
    name
}

fn store(estate: &mut Estate, name: &str) -> Id {
    let store_id = id(&format!("store:{name}"));
    let source = Source {
        host: None,
        paths: Vec::new(),
        repository: "restic:/nowhere".to_owned(),
        secret: Secret::Environment("SECRET".to_owned()),
        resource: None,
    };
    let made = Store { path: Some(format!("/data/{name}")), source: Some(source), ..Store::default() };
    estate.stores.insert(store_id.clone(), made);
    store_id
}

fn needs(estate: &mut Estate, from: &Id, kind: EdgeKind, to: &Id) {
    estate.edges.push(Edge {
        from: from.clone(),
        to: to.clone(),
        kind,
        evidence: Evidence::Declared,
        by: None,
        confidence: 1000,
    });
}

/// Identity, a database with its store, core on both, a month-end job that must run once, an intake that
/// needs core only to start, mail that can do without, and a second branch that shares nothing but identity.
pub(super) fn provider() -> Estate {
    let mut estate = Estate::default();
    let identity = service(&mut estate, "identity", StartClass::Probe, false);
    let data = store(&mut estate, "db");
    let db = service(&mut estate, "db", StartClass::Probe, false);
    let core = service(&mut estate, "core", StartClass::Probe, false);
    let job = service(&mut estate, "month-end", StartClass::Once, true);
    let intake = service(&mut estate, "intake", StartClass::Repeatable, false);
    let mail = service(&mut estate, "mail", StartClass::Probe, false);
    let other_data = store(&mut estate, "payments");
    let payments = service(&mut estate, "payments", StartClass::Probe, false);
    let portal = service(&mut estate, "portal", StartClass::Once, false);
    needs(&mut estate, &db, EdgeKind::Data, &data);
    needs(&mut estate, &core, EdgeKind::Hard, &identity);
    needs(&mut estate, &core, EdgeKind::Hard, &db);
    needs(&mut estate, &job, EdgeKind::Hard, &core);
    needs(&mut estate, &intake, EdgeKind::StartOnly, &core);
    needs(&mut estate, &intake, EdgeKind::Hard, &identity);
    needs(&mut estate, &core, EdgeKind::Soft, &mail);
    needs(&mut estate, &payments, EdgeKind::Hard, &identity);
    needs(&mut estate, &payments, EdgeKind::Data, &other_data);
    needs(&mut estate, &portal, EdgeKind::Hard, &payments);
    estate
}

/// The plainest plan there is: everything lost, in an order that respects the edges.
fn plan(estate: &Estate) -> Plan {
    let mut steps: Vec<Step> = Vec::new();
    let mut open: Vec<Id> = estate.stores.keys().chain(estate.services.keys()).cloned().collect();
    let blocks = |kind: EdgeKind| kind.blocks_start() || kind == EdgeKind::Order;
    while !open.is_empty() {
        let ready = open
            .iter()
            .position(|one| !estate.needs(one).any(|edge| blocks(edge.kind) && open.contains(&edge.to)))
            .expect("no cycles");
        let target = open.remove(ready);
        let last = |provider: &Id| {
            let kind = if provider.kind() == Kind::Store { StepKind::Restore } else { StepKind::Gate };
            step_id(kind, provider)
        };
        let first: Vec<String> = estate
            .needs(&target)
            .filter(|edge| blocks(edge.kind) && edge.to.kind() != Kind::External)
            .map(|edge| last(&edge.to))
            .collect();
        let kinds: &[StepKind] = match target.kind() {
            Kind::Store => &[StepKind::Verify, StepKind::Restore],
            _ => &[StepKind::Start, StepKind::Gate, StepKind::Admit],
        };
        let mut after = first;
        for kind in kinds {
            let name = step_id(*kind, &target);
            let at = u64::try_from(steps.len()).unwrap();
            let next = vec![name.clone()];
            steps.push(Step {
                id: name,
                service: target.clone(),
                kind: *kind,
                start_s: at,
                end_s: at + 1,
                after: std::mem::replace(&mut after, next),
                recovery_point: None,
            });
        }
    }
    let targets: BTreeSet<Id> = steps.iter().map(|step| step.service.clone()).collect();
    let plan = Plan {
        version: VERSION,
        estate_hash: "e".repeat(64),
        parts: targets.iter().map(|target| (target.clone(), fingerprint::hash(estate, target))).collect(),
        lost: targets.into_iter().collect(),
        seed: 1,
        schedules: 1,
        steps,
        ..Plan::default()
    };
    plan.consistent().unwrap();
    plan
}

// A simulated incident

pub(super) struct Stage {
    pub(super) sim: Arc<Sim>,
    pub(super) log: Memory,
    pub(super) executor: Executor,
}

pub(super) fn stage(estate: &Estate, seed: u64) -> Stage {
    let sim = Arc::new(Sim::new(estate));
    let plan = plan(estate);
    let mut log = Memory::new(&sim.crashed);
    log.put(&Event::Command(CommandEvent::IncidentOpened { name: "test".to_owned() }));
    for store in estate.stores.keys() {
        let snapshot = format!("clean-{}", store.name());
        let (store, claims_time) = (store.clone(), String::new());
        log.put(&Event::Scan(ScanEvent::SnapshotFirstSeen {
            store: store.clone(),
            snapshot: snapshot.clone(),
            claims_time,
        }));
        log.put(&Event::Scan(ScanEvent::SnapshotJudged {
            store: store.clone(),
            snapshot: snapshot.clone(),
            clean: true,
            counts: BTreeMap::new(),
            reasons: Vec::new(),
        }));
        sim.state().clean.insert(snapshot.clone());
        log.put(&Event::Scan(ScanEvent::RecoveryPointChosen { store, snapshot: Some(snapshot) }));
    }
    log.put(&Event::Plan(PlanEvent::Recorded {
        hash: plan.hash(),
        estate_hash: plan.estate_hash.clone(),
        text: plan.to_text(),
    }));
    log.put(&Event::Plan(PlanEvent::Approved { hash: plan.hash() }));
    let executor = Executor {
        world: Arc::clone(&sim) as Arc<dyn world::World>,
        estate: Arc::new(estate.clone()),
        plan: Arc::new(plan),
        changed: BTreeSet::new(),
        folder: PathBuf::from("/incident"),
        workers: Workers::InTurn { seed, at_once: 3 },
        patience: Patience::Ends,
    };
    Stage { sim, log, executor }
}

impl Stage {
    pub(super) fn run(&mut self) -> Result<RunResult, RunFault> {
        self.executor.run(&mut self.log, &mut |_, _| {})
    }

    /// Starts the program again after each crash, until it ends by itself.
    pub(super) fn run_to_the_end(&mut self) -> RunResult {
        for _ in 0..10 {
            match self.run() {
                Ok(result) => return result,
                Err(RunFault::Log(LogFault::Gone)) => {
                    self.log.crash_at = None;
                    self.sim.revive();
                }
                Err(fault) => panic!("{fault}"),
            }
        }
        panic!("it never ends");
    }

    /// What a person does about steps in doubt: looks at the world, and says what is there.
    pub(super) fn answer_doubts(&mut self) -> usize {
        let held: Vec<(String, Id)> = self
            .log
            .view()
            .recover
            .steps
            .iter()
            .filter(|(_, step)| step.state == State::Held)
            .map(|(id, step)| (id.clone(), step.target.clone()))
            .collect();
        for (step, target) in &held {
            let start = *step == step_id(StepKind::Start, target);
            let admitted = self.sim.state().effects.contains_key(&format!("admit {target}"));
            let done = if start { self.sim.running().contains(target) } else { admitted };
            let found = if done { Found::Done } else { Found::NotDone };
            // She has looked and made sure; from here on it may be begun once more.
            self.sim.state().begun.clear();
            self.log.put(&Event::Recover(RecoverEvent::StepProbed {
                step: step.clone(),
                target: target.clone(),
                found,
                detail: "looked".to_owned(),
                process: None,
            }));
        }
        held.len()
    }

    pub(super) fn end(&self) -> End {
        let view = self.log.view();
        assert_eq!(view.illegal, Vec::new(), "the executor recorded moves that the table does not allow");
        assert_eq!(self.sim.state().violations, Vec::<String>::new());
        End {
            steps: view.recover.steps.iter().map(|(id, step)| (id.clone(), step.state)).collect(),
            services: view.recover.services.iter().map(|(id, service)| (id.clone(), service.state)).collect(),
            parked: view.recover.parked.clone(),
            running: self.sim.running(),
            effects: self.sim.state().effects.clone(),
        }
    }
}

#[derive(Debug, PartialEq)]
pub(super) struct End {
    pub(super) steps: BTreeMap<String, State>,
    pub(super) services: BTreeMap<Id, ServiceState>,
    pub(super) parked: BTreeMap<Id, Id>,
    pub(super) running: BTreeSet<Id>,
    pub(super) effects: BTreeMap<String, u32>,
}

/// The end of a run that nobody disturbs, the number of its acts and of its entries.
pub(super) fn undisturbed(estate: &Estate, health: &[(&str, Health)], seed: u64) -> (End, u64, usize) {
    let mut stage = stage(estate, seed);
    fall_ill(&stage, health);
    stage.run().unwrap();
    let acts = stage.sim.state().acts;
    (stage.end(), acts, stage.log.entries.len())
}

pub(super) fn fall_ill(stage: &Stage, health: &[(&str, Health)]) {
    for (service, health) in health {
        stage.sim.state().health.insert(id(service), *health);
    }
}

#[test]
fn everything_comes_back_when_nothing_fails() {
    let estate = provider();
    let mut stage = stage(&estate, 1);
    let result = stage.run().unwrap();
    assert!(result.complete, "{result:?}");
    let end = stage.end();
    assert!(end.steps.values().all(|state| *state == State::Done));
    assert_eq!(end.running.len(), 7, "{:?}", end.running);
    assert!(end.effects.values().all(|count| *count == 1), "{:?}", end.effects);
}

/// Every act of the run x {not begun, half done, done}.
#[test]
fn a_run_killed_at_any_act_comes_to_the_same_end() {
    for health in [&[][..], &[("service:core", Health::Bad)], &[("service:payments", Health::Bad)]] {
        let estate = provider();
        for seed in 0..4 {
            let (expected, acts, _) = undisturbed(&estate, health, seed);
            assert!(acts > 10, "the run has acts to be killed at");
            for act in 1..=acts {
                for point in [CrashPoint::NotBegun, CrashPoint::HalfDone, CrashPoint::Done] {
                    let mut stage = stage(&estate, seed);
                    fall_ill(&stage, health);
                    stage.sim.crash_at(act, point);
                    assert!(matches!(stage.run(), Err(RunFault::Log(LogFault::Gone))), "act {act}");
                    stage.sim.revive();
                    stage.run_to_the_end();
                    let doubts = stage.answer_doubts();
                    assert!(doubts <= 1 && (doubts == 0 || point == CrashPoint::HalfDone));
                    stage.run_to_the_end();
                    assert_eq!(stage.end(), expected, "seed {seed}, killed at act {act}, {point:?}");
                }
            }
        }
    }
}

#[test]
fn a_run_killed_after_any_entry_comes_to_the_same_end() {
    for health in [&[][..], &[("service:core", Health::Bad)]] {
        let estate = provider();
        for seed in 0..4 {
            let (expected, _, entries) = undisturbed(&estate, health, seed);
            let first = stage(&estate, seed).log.entries.len();
            for entry in first + 1..=entries {
                let mut stage = stage(&estate, seed);
                fall_ill(&stage, health);
                stage.log.crash_at = Some(entry);
                stage.run_to_the_end();
                stage.run_to_the_end();
                assert_eq!(stage.end(), expected, "seed {seed}, killed after entry {entry}");
            }
        }
    }
}

/// The journal loses its tail, the world does not: what happened is found, not repeated.
#[test]
fn a_journal_cut_after_any_entry_leads_to_the_same_end() {
    let estate = provider();
    for seed in 0..4 {
        let (expected, _, entries) = undisturbed(&estate, &[], seed);
        let first = stage(&estate, seed).log.entries.len();
        for length in first..entries {
            let mut stage = stage(&estate, seed);
            stage.run().unwrap();
            stage.log.cut(length);
            let result = stage.run().unwrap();
            assert!(result.complete, "cut after {length}: {result:?}");
            assert_eq!(stage.end(), expected, "seed {seed}, cut after entry {length}");
        }
    }
}

#[test]
fn after_a_power_failure_everything_is_started_again_but_nothing_restored_again() {
    let estate = provider();
    let (_, acts, _) = undisturbed(&estate, &[], 0);
    for act in 1..=acts {
        let mut stage = stage(&estate, 0);
        stage.sim.crash_at(act, CrashPoint::Done);
        assert!(stage.run().is_err());
        stage.sim.reboot();
        stage.sim.revive();
        stage.run_to_the_end();
        let doubts = stage.answer_doubts();
        assert!(doubts <= 1, "only the portal, which must not be started twice, is in doubt");
        let result = stage.run_to_the_end();
        assert!(result.complete, "act {act}: {result:?}");
        let end = stage.end();
        assert!(end.effects.iter().all(|(effect, count)| !effect.starts_with("restore") || *count == 1));
        assert_eq!(end.effects["start service:month-end"], 1);
    }
}

#[test]
fn a_failed_gate_stops_the_service_parks_what_needs_it_and_lets_the_rest_go_on() {
    let estate = provider();
    let mut stage = stage(&estate, 3);
    fall_ill(&stage, &[("service:payments", Health::Bad)]);
    let result = stage.run().unwrap();
    assert!(!result.complete);
    assert!(
        matches!(&result.waits[..], [Refusal::Failed { step, .. }] if step == "gate:service:payments"),
        "{result:?}"
    );
    let end = stage.end();
    assert!(!end.running.contains(&id("service:payments")));
    assert_eq!(end.parked, BTreeMap::from([(id("service:portal"), id("service:payments"))]));
    assert_eq!(end.steps["admit:service:core"], State::Done, "the other branch goes on");

    // A person repairs it and says so.
    stage.sim.state().health.clear();
    stage.log.put(&Event::Recover(RecoverEvent::TargetResumed {
        target: id("service:payments"),
        reason: "repaired".to_owned(),
    }));
    assert!(stage.run().unwrap().complete);
    assert_eq!(stage.end().parked, BTreeMap::new());
}

#[test]
fn when_a_provider_dies_later_its_hard_dependents_are_stopped_and_start_only_ones_keep_running() {
    let mut estate = provider();
    // Something that starts late enough to notice.
    let late = service(&mut estate, "late", StartClass::Probe, false);
    needs(&mut estate, &late, EdgeKind::Hard, &id("service:core"));
    needs(&mut estate, &late, EdgeKind::Order, &id("service:intake"));
    needs(&mut estate, &late, EdgeKind::Order, &id("service:month-end"));
    let mut stage = stage(&estate, 0);
    fall_ill(&stage, &[("service:core", Health::Dies { after_ms: 2_500 })]);
    let result = stage.run().unwrap();
    assert!(!result.complete);
    let end = stage.end();
    assert_eq!(end.parked.get(&late), Some(&id("service:core")), "{result:?}");
    assert!(!end.running.contains(&late));
    assert!(end.running.contains(&id("service:intake")), "it needed core only to start");
}

#[test]
fn nothing_is_done_to_what_is_on_hold_or_not_understood() {
    let estate = provider();
    let mut held = stage(&estate, 0);
    held.log.put(&Event::Command(CommandEvent::HoldPlaced {
        on: id("service:db"),
        reason: "forensics".to_owned(),
    }));
    let result = held.run().unwrap();
    assert!(result.waits.iter().any(|wait| matches!(wait, Refusal::OnHold { .. })), "{result:?}");
    assert!(!held.end().running.contains(&id("service:db")));
    assert!(held.end().running.contains(&id("service:payments")));

    let mut unread = stage(&estate, 0);
    let payload = br#"{"about":["store:db"],"data":{}}"#;
    unread.log.put_bytes("recover.from_the_future", 1, payload);
    let result = unread.run().unwrap();
    assert!(result.waits.iter().any(|wait| matches!(wait, Refusal::Unread { .. })), "{result:?}");
    assert_eq!(unread.end().effects.get("restore /data/db"), None);
}

#[test]
fn only_an_approved_plan_is_run() {
    let mut stage = stage(&provider(), 0);
    stage.log.put(&Event::Plan(PlanEvent::Approved { hash: "another".to_owned() }));
    let before = stage.log.entries.len();
    assert!(matches!(stage.run(), Err(RunFault::Refused(Refusal::NotApproved { .. }))));
    assert_eq!((stage.log.entries.len(), stage.sim.state().acts), (before, 0));
}

#[test]
fn steps_whose_part_of_the_estate_has_changed_wait_and_the_others_go_on() {
    let mut stage = stage(&provider(), 0);
    stage.executor.changed.insert(id("service:payments"));
    let result = stage.run().unwrap();
    assert_eq!(result.waits, vec![Refusal::PartChanged { target: id("service:payments") }]);
    assert!(stage.end().running.contains(&id("service:intake")));
    assert!(!stage.end().running.contains(&id("service:portal")));
}

#[test]
fn nothing_is_restored_from_a_snapshot_that_nobody_judged() {
    let mut stage = stage(&provider(), 0);
    stage.log.put(&Event::Scan(ScanEvent::SnapshotJudged {
        store: id("store:db"),
        snapshot: "clean-db".to_owned(),
        clean: false,
        counts: BTreeMap::new(),
        reasons: Vec::new(),
    }));
    stage.sim.state().clean.remove("clean-db");
    let result = stage.run().unwrap();
    assert!(result.waits.iter().any(|wait| matches!(wait, Refusal::NotClean { .. })), "{result:?}");
    assert!(!stage.end().running.contains(&id("service:db")), "it waits for its data");
}

#[test]
fn where_a_person_has_to_choose_a_snapshot_a_restore_waits_and_goes_on_with_the_chosen_one() {
    let mut stage = stage(&provider(), 0);
    let store = id("store:db");
    stage.log.put(&Event::Scan(ScanEvent::RecoveryPointChosen { store: store.clone(), snapshot: None }));
    let result = stage.run().unwrap();
    assert!(result.waits.contains(&Refusal::NotChosen { store: store.clone() }), "{result:?}");
    assert!(!stage.end().running.contains(&id("service:db")), "it waits for its data");
    stage.log.put(&Event::Scan(ScanEvent::RecoveryPointDecided {
        store: store.clone(),
        snapshot: "clean-db".to_owned(),
        reason: "they are wanted".to_owned(),
    }));
    // A scan that found another one does not overrule a person.
    stage.log.put(&Event::Scan(ScanEvent::RecoveryPointChosen { store, snapshot: None }));
    stage.run().unwrap();
    assert!(stage.end().running.contains(&id("service:db")));
}

#[test]
fn an_entry_in_between_makes_it_decide_again() {
    let estate = provider();
    let (expected, _, entries) = undisturbed(&estate, &[], 2);
    for at in 0..entries {
        let mut stage = stage(&estate, 2);
        stage.log.intrude_at = Some(at);
        stage.run().unwrap();
        assert_eq!(stage.end(), expected);
    }
}

#[test]
fn a_second_person_is_somebody_else() {
    let mut estate = provider();
    estate.services.get_mut(&id("service:portal")).unwrap().second_person = true;
    let mut stage = stage(&estate, 0);
    let resumed = Event::Recover(RecoverEvent::TargetResumed {
        target: id("service:portal"),
        reason: "fine".to_owned(),
    });
    assert!(matches!(&stage.run().unwrap().waits[..], [Refusal::SecondPerson { .. }]));
    stage.log.put(&resumed);
    assert!(!stage.run().unwrap().complete, "the same person cannot be the second one");
    stage.log.actor = "bert".to_owned();
    stage.log.put(&resumed);
    stage.log.actor = "anna".to_owned();
    assert!(stage.run().unwrap().complete);
}

// Random estates, random failures, random crashes

struct Dice {
    seed: u64,
    count: u64,
}

impl Dice {
    fn below(&mut self, below: usize) -> usize {
        self.count += 1;
        draw(self.seed, self.count, below)
    }
}

fn random_estate(dice: &mut Dice) -> Estate {
    let mut estate = Estate::default();
    let mut made: Vec<Id> = Vec::new();
    for number in 0..2 + dice.below(9) {
        if dice.below(5) == 0 {
            made.push(store(&mut estate, &format!("s{number}")));
            continue;
        }
        let class = [StartClass::Probe, StartClass::Repeatable, StartClass::Once][dice.below(3)];
        let job = dice.below(6) == 0;
        let new = service(&mut estate, &format!("x{number}"), class, job);
        for provider in &made {
            if dice.below(3) == 0 {
                let kind = EdgeKind::ALL[dice.below(EdgeKind::ALL.len())];
                needs(&mut estate, &new, kind, provider);
            }
        }
        made.push(new);
    }
    estate
}

fn random_health(dice: &mut Dice) -> Health {
    match dice.below(8) {
        0 => Health::Bad,
        1 => Health::Flapping { good_ms: 700 + 300 * dice.below(20) as u64, bad_ms: 500 },
        2 => Health::Dies { after_ms: 500 * dice.below(40) as u64 },
        _ => Health::Good,
    }
}

/// 0 starts of a dependent with an unhealthy hard dependency, no `once` twice, nothing from an unjudged
/// snapshot, nothing running twice, no illegal move: whatever fails, flaps, dies or is killed.
#[test]
fn in_a_campaign_of_failures_and_kills_the_rules_hold() {
    // `cargo xtask crash` asks for many more.
    let runs =
        std::env::var("BLACKSTART_CAMPAIGN_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(600_u64);
    for seed in 1..=runs {
        let mut dice = Dice { seed, count: 0 };
        let estate = random_estate(&mut dice);
        let mut stage = stage(&estate, seed);
        for service in estate.services.keys() {
            let health = random_health(&mut dice);
            stage.sim.state().health.insert(service.clone(), health);
        }
        let snapshots = stage.sim.state().clean.clone();
        for snapshot in snapshots {
            if dice.below(4) == 0 {
                let name = snapshot.trim_start_matches("clean-").to_owned();
                stage.sim.state().clean.remove(&snapshot);
                let (store, counts) = (id(&format!("store:{name}")), BTreeMap::new());
                let judged =
                    ScanEvent::SnapshotJudged { store, snapshot, clean: false, counts, reasons: vec![] };
                stage.log.put(&Event::Scan(judged));
            }
        }
        for _ in 0..3 {
            let points = [CrashPoint::NotBegun, CrashPoint::HalfDone, CrashPoint::Done];
            let act = stage.sim.state().acts + 1 + dice.below(12) as u64;
            stage.sim.crash_at(act, points[dice.below(3)]);
            let _ = stage.run();
            if dice.below(4) == 0 {
                stage.sim.reboot();
            }
            stage.sim.revive();
        }
        let result = stage.run_to_the_end();
        let view = stage.log.view();
        assert_eq!(view.illegal, Vec::new(), "seed {seed}");
        assert_eq!(stage.sim.state().violations, Vec::<String>::new(), "seed {seed}");
        assert_eq!(result.complete, result.waits.is_empty(), "seed {seed}: {result:?}");
        let replayed = view_of(&stage.log.entries);
        assert_eq!(replayed, *stage.log.view(), "seed {seed}: the journal alone gives the same view");
        for parked in stage.log.view().recover.parked.keys() {
            assert!(!stage.sim.running().contains(parked), "seed {seed}: {parked} is parked and runs");
        }
    }
}
