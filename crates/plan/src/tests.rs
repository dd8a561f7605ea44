//! Plans on small estates made in code, and on random ones: never infeasible, never different twice.

mod replanning;
mod shown;
mod tampering;
mod wishes;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::bound::Effort as Bound;
use super::instance::RecoveryPoints;
use super::search::Then;
use super::{Effort, Made, Question, Refusal, check, decide, json, make, page};
use estate::Id;
use estate::model::{
    Capability, Edge, EdgeKind, Estate, Evidence, External, Gate, Host, Probe, Resource, ResourceKind, Run,
    Secret, Service, Serving, Site, Source, Store, Tenant, Tenants,
};
use incident::View;
use incident::event::{Event, PlanEvent};
use incident::memory::follow;
use incident::plan::file::StepKind;

fn id(text: &str) -> Id {
    text.parse().expect("a valid id")
}

fn edge(from: &str, to: &str, kind: EdgeKind) -> Edge {
    Edge { from: id(from), to: id(to), kind, evidence: Evidence::Declared, by: None, confidence: 1000 }
}

fn gate(hold_s: u64) -> Gate {
    let probe = Probe::Tcp("127.0.0.1:1".to_owned());
    Gate { probe, hold_ms: hold_s * 1000, deadline_ms: 60_000, every_ms: 100, uses: Vec::new() }
}

fn service(boot_s: u64, site: &str) -> Service {
    Service { site: Some(id(site)), boot_s, gates: vec![gate(5)], ..Service::default() }
}

fn store(size: u64, site: &str) -> Store {
    Store {
        site: Some(id(site)),
        size,
        restore_rate: Some(50),
        source: Some(Source {
            host: None,
            paths: Vec::new(),
            repository: "restic:/backup".to_owned(),
            secret: Secret::Environment("RESTIC_PASSWORD".to_owned()),
            resource: Some(id("resource:restore")),
        }),
        ..Store::default()
    }
}

/// Two sites with an identity, a core and its store each; a small and a large fund.
fn estate() -> Estate {
    let mut estate = Estate::default();
    estate.resources.insert(
        id("resource:restore"),
        Resource { kind: ResourceKind::RestoreBandwidth, capacity: 50, ..Resource::default() },
    );
    estate.externals.insert(id("external:bank"), External::default());
    let mut sick_note = Capability { urgency: 5, ..Capability::default() };
    for site in ["ess", "muc"] {
        let at = format!("site:{site}");
        estate.sites.insert(id(&at), Site::default());
        estate.services.insert(id(&format!("service:identity-{site}")), service(20, &at));
        estate.services.insert(id(&format!("service:core-{site}")), service(60, &at));
        estate.stores.insert(id(&format!("store:core-{site}")), store(6000, &at));
        let core = format!("service:core-{site}");
        estate.edges.push(edge(&core, &format!("service:identity-{site}"), EdgeKind::Hard));
        estate.edges.push(edge(&core, &format!("store:core-{site}"), EdgeKind::Data));
        estate.edges.push(edge(&core, "external:bank", EdgeKind::Hard));
        sick_note.served_by.push(Serving { service: id(&core), to: Tenants::Site(id(&at)) });
        let insured = if site == "ess" { 1_000 } else { 9_000_000 };
        let tenant = Tenant { insured, site: Some(id(&at)), ..Tenant::default() };
        estate.tenants.insert(id(&format!("tenant:fund-{site}")), tenant);
    }
    estate.capabilities.insert(id("capability:eau"), sick_note);
    estate
}

fn ids(named: &[&str]) -> Vec<Id> {
    named.iter().map(|text| id(text)).collect()
}

fn lost(named: &[&str]) -> Question {
    Question { lost: ids(named), ..Question::default() }
}

/// A plan from few schedules, without draws.
fn asked(estate: &Estate, question: &Question) -> Result<Made, Refusal> {
    asked_with(estate, question, 40, 0)
}

fn asked_with(estate: &Estate, question: &Question, schedules: u64, samples: u64) -> Result<Made, Refusal> {
    let mut effort = Effort {
        schedules,
        seed: 1,
        samples,
        bound: Bound::Quick,
        advice: 3,
        watch: &mut |_| Then::Continue,
    };
    make(estate, &"e".repeat(64), question, &mut effort)
}

fn planned(estate: &Estate, named: &[&str]) -> Made {
    let made = asked(estate, &lost(named)).expect("a plan");
    assert_eq!(check::faults(estate, &made.plan), Vec::<String>::new());
    made
}

fn refused(estate: &Estate, named: &[&str]) -> Refusal {
    asked(estate, &lost(named)).expect_err("no plan")
}

fn at_s(made: &Made, tenant: &str) -> u64 {
    made.plan.served.iter().find(|served| served.tenant == id(tenant)).expect("listed").at_s
}

#[test]
fn the_large_fund_comes_first_and_the_usual_orders_cost_more() {
    let made = planned(&estate(), &[]);
    // The copy is judged in 30 s (6000 MiB at 200), restored in 120 s; then 60 s start and 5 s gate.
    assert_eq!(at_s(&made, "tenant:fund-muc"), 30 + 120 + 65);
    assert_eq!(at_s(&made, "tenant:fund-ess"), 30 + 120 + 120 + 65);
    assert_eq!(made.plan.insured_seconds, 5 * (9_000_000 * 215 + 1_000 * 335));
    assert_eq!(made.plan.baselines.fifo, 5 * (9_000_000 * 335 + 1_000 * 215));
    // Both copies are restored through one path: that nothing can be cheaper is seen at once.
    assert_eq!(made.plan.lower_bound, made.plan.insured_seconds);
}

#[test]
fn what_was_never_lost_is_served_at_zero_and_has_no_steps() {
    let made = planned(&estate(), &["site:muc"]);
    assert_eq!(at_s(&made, "tenant:fund-ess"), 0);
    assert_eq!(at_s(&made, "tenant:fund-muc"), 215);
    assert!(made.plan.steps.iter().all(|step| step.service.name().ends_with("muc")));
}

#[test]
fn a_service_falls_with_its_hard_provider_and_not_with_its_data() {
    let made = planned(&estate(), &["service:identity-muc"]);
    assert_eq!(made.plan.lost, vec![id("service:core-muc"), id("service:identity-muc")]);
    assert_eq!(
        made.explanation.fallen,
        BTreeMap::from([(id("service:core-muc"), id("service:identity-muc"))])
    );
    let made = planned(&estate(), &["store:core-muc"]);
    assert_eq!(made.plan.lost, vec![id("store:core-muc")]);
    let says = made.explanation.not_known.join("\n");
    assert!(says.contains("service:core-muc is not lost but rests on store:core-muc"), "{says}");
}

/// Rows of the contract's edge table that concern the order: (kind, dependent waits).
#[test]
fn each_kind_of_edge_delays_the_start_as_the_table_says() {
    for (kind, waits) in [
        (EdgeKind::Hard, true),
        (EdgeKind::Soft, false),
        (EdgeKind::StartOnly, true),
        (EdgeKind::Data, true),
        (EdgeKind::Order, true),
    ] {
        let mut estate = Estate::default();
        estate.sites.insert(id("site:one"), Site::default());
        estate.services.insert(id("service:a"), service(10, "site:one"));
        estate.services.insert(id("service:b"), service(10, "site:one"));
        estate.edges.push(edge("service:a", "service:b", kind));
        let start = |made: &Made, name: &str| {
            made.plan
                .steps
                .iter()
                .find(|step| step.id == format!("start:service:{name}"))
                .map(|step| step.start_s)
        };
        let made = planned(&estate, &[]);
        assert_eq!(start(&made, "a"), Some(if waits { 15 } else { 0 }), "{kind:?}");
        // With only the dependent in the plan nothing is waited for: the provider runs.
        assert_eq!(start(&planned(&estate, &["service:a"]), "a"), Some(0), "{kind:?}");
        // The dependent falls with the provider only along a hard edge.
        let fell = start(&planned(&estate, &["service:b"]), "a");
        assert_eq!(fell.is_some(), kind == EdgeKind::Hard, "{kind:?}");
    }
}

#[test]
fn a_circle_is_refused_by_name() {
    let mut estate = estate();
    estate.edges.push(edge("service:identity-muc", "service:core-muc", EdgeKind::StartOnly));
    let refusal = refused(&estate, &[]);
    let text = refusal.to_string();
    assert!(matches!(refusal, Refusal::Cycle { .. }), "{text}");
    assert!(text.contains("service:core-muc") && text.contains("service:identity-muc"), "{text}");
    assert!(!text.contains("ess"), "{text}");
    // What is outside the circle can still be planned.
    planned(&estate, &["site:ess"]);
}

#[test]
fn nothing_unknown_is_passed_over() {
    let mut needs = estate();
    needs.edges.push(edge("service:core-muc", "service:directory", EdgeKind::StartOnly));
    assert!(refused(&needs, &[]).to_string().starts_with("service:core-muc refers to service:directory"));
    planned(&needs, &["site:ess"]);
    let mut serves = estate();
    let capability = serves.capabilities.get_mut(&id("capability:eau")).expect("it is there");
    capability.served_by[0].service = id("service:gone");
    assert!(refused(&serves, &[]).to_string().starts_with("capability:eau refers to service:gone"));
}

#[test]
fn a_gate_waits_for_what_its_probe_uses() {
    let mut estate = estate();
    let core = estate.services.get_mut(&id("service:core-muc")).expect("it is there");
    core.gates[0].uses = vec![id("service:core-ess"), id("service:core-muc")];
    let made = planned(&estate, &[]);
    let gate = made.plan.step("gate:service:core-ess").expect("a gate").end_s;
    assert!(made.plan.step("start:service:core-muc").expect("a start").start_s >= gate);
}

#[test]
fn what_can_never_start_is_refused_with_the_place() {
    let mut zero = estate();
    zero.resources.get_mut(&id("resource:restore")).expect("it is there").capacity = 0;
    let text = refused(&zero, &[]).to_string();
    assert_eq!(text, "store:core-ess needs 50 of resource:restore, which has 0");

    let mut crew = estate();
    crew.resources.insert(
        id("resource:dba"),
        Resource { kind: ResourceKind::Crew, capacity: 0, ..Resource::default() },
    );
    crew.services.get_mut(&id("service:core-muc")).expect("it is there").crew = vec![id("resource:dba")];
    assert_eq!(refused(&crew, &[]).to_string(), "service:core-muc needs 1 of resource:dba, which has 0");
    let mut two = crew.clone();
    two.resources.get_mut(&id("resource:dba")).unwrap().capacity = 1;
    two.services.get_mut(&id("service:core-muc")).unwrap().crew = ids(&["resource:dba", "resource:dba"]);
    assert_eq!(refused(&two, &[]).to_string(), "service:core-muc needs 2 of resource:dba, which has 1");

    let mut memory = estate();
    memory.hosts.insert(id("host:h"), Host { memory: Some(100), cpu: Some(2), ..Host::default() });
    for name in ["service:core-muc", "service:identity-muc"] {
        let service = memory.services.get_mut(&id(name)).expect("it is there");
        (service.host, service.memory) = (Some(id("host:h")), 60);
    }
    assert!(matches!(refused(&memory, &[]), Refusal::DoesNotFit { needs: 120, has: 100, .. }));
    // One of them alone does not fit either: the other still runs and keeps its memory.
    assert!(matches!(
        refused(&memory, &["service:core-muc"]),
        Refusal::DemandAboveCapacity { needs: 60, has: 40, .. }
    ));
    memory.services.get_mut(&id("service:core-muc")).expect("it is there").cpu_boot = 3;
    assert!(matches!(refused(&memory, &["site:muc"]), Refusal::DemandAboveCapacity { needs: 3, has: 2, .. }));

    let mut endless = estate();
    endless.stores.get_mut(&id("store:core-muc")).expect("it is there").size = u64::MAX;
    assert!(
        matches!(refused(&endless, &[]), Refusal::TooLong { target, .. } if target == id("store:core-muc"))
    );
    let mut stuck = estate();
    stuck.stores.get_mut(&id("store:core-muc")).expect("it is there").restore_rate = Some(0);
    assert!(matches!(refused(&stuck, &[]), Refusal::NoRate { .. }));
}

#[test]
fn names_that_cannot_be_lost_are_refused() {
    assert_eq!(refused(&estate(), &["site:bln"]).to_string(), "site:bln is not in this estate");
    assert!(matches!(refused(&estate(), &["external:bank"]), Refusal::CannotBeLost { .. }));
    assert!(matches!(refused(&estate(), &["tenant:fund-ess"]), Refusal::CannotBeLost { .. }));
}

#[test]
fn a_known_recovery_point_is_restored_without_judging_it_again() {
    let points = RecoveryPoints::from([(id("store:core-muc"), "a1b2".to_owned())]);
    let estate = estate();
    let question = Question { points: Some(points), ..lost(&["site:muc"]) };
    let made = asked(&estate, &question).expect("a plan");
    assert_eq!(check::faults(&estate, &made.plan), Vec::<String>::new());
    let restore = made.plan.step("restore:store:core-muc").expect("a restore");
    assert_eq!((restore.start_s, restore.recovery_point.as_deref()), (0, Some("a1b2")));
}

#[test]
fn who_starts_a_service_stays_until_its_gate_has_passed() {
    let mut estate = estate();
    estate.resources.insert(
        id("resource:crew"),
        Resource { kind: ResourceKind::Crew, capacity: 1, ..Resource::default() },
    );
    for service in estate.services.values_mut() {
        service.crew = vec![id("resource:crew")];
    }
    let made = planned(&estate, &[]);
    let mut busy: Vec<(u64, u64)> = ["identity-ess", "identity-muc", "core-ess", "core-muc"]
        .map(|name| {
            let step = |kind: &str| made.plan.step(&format!("{kind}:service:{name}")).expect("a step");
            (step("start").start_s, step("gate").end_s)
        })
        .to_vec();
    busy.sort_unstable();
    assert!(busy.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{busy:?}");
}

#[test]
fn the_page_says_who_is_back_when_and_what_is_not_known() {
    let question = lost(&["site:muc", "service:core-ess"]);
    let mut made = asked_with(&estate(), &question, 40, 50).expect("a plan");
    // How many schedules the search needs is its own matter.
    made.plan.schedules = 40;
    let hash = made.plan.hash();
    insta::assert_snapshot!(page::page(&estate(), &made).replace(&hash, "HASH"));
    let json = serde_json::to_string_pretty(&json::of_made(&estate(), &made)).expect("plain data");
    insta::assert_snapshot!("json", json.replace(&hash, "HASH"));
}

#[test]
fn the_checker_finds_planted_faults() {
    let estate = estate();
    let good = planned(&estate, &[]).plan;
    let mut early = good.clone();
    let start = early.steps.iter_mut().find(|step| step.id == "start:service:core-muc").expect("a start");
    start.start_s -= 10;
    assert!(check::faults(&estate, &early).iter().any(|fault| fault.contains("begins before")));
    let mut both = good.clone();
    for step in both.steps.iter_mut().filter(|step| step.kind == StepKind::Restore) {
        (step.start_s, step.end_s) = (30, 150);
    }
    assert!(check::faults(&estate, &both).iter().any(|fault| fault.contains("resource:restore are taken")));
    let mut cheap = good.clone();
    cheap.insured_seconds -= 1;
    assert!(check::faults(&estate, &cheap).iter().any(|fault| fault.contains("price")));
    let mut short = good;
    short.steps.pop();
    assert!(!check::faults(&estate, &short).is_empty());
}

fn recorded(view: &mut View, events: &[Event]) {
    events.iter().for_each(|event| follow(view, event));
}

#[test]
fn only_a_recorded_plan_for_the_adopted_estate_is_approved() {
    let plan = planned(&estate(), &[]).plan;
    let mut view = View::default();
    assert!(matches!(decide::approve(&view, &plan.hash()), Err(decide::ApprovalRefusal::Unknown(_))));
    let events = decide::record(&view, &plan);
    recorded(&mut view, &events);
    assert_eq!(decide::record(&view, &plan), Vec::new());
    assert!(matches!(decide::approve(&view, &plan.hash()), Err(decide::ApprovalRefusal::OtherEstate { .. })));
    view.command.estate_hash = Some(plan.estate_hash.clone());
    assert!(matches!(decide::approve(&view, &plan.hash()[..11]), Err(decide::ApprovalRefusal::NotAHash(_))));
    let events = decide::approve(&view, &plan.hash()[..12]).expect("approved");
    assert_eq!(events, vec![Event::Plan(PlanEvent::Approved { hash: plan.hash() })]);
    recorded(&mut view, &events);
    assert_eq!(view.plan.approved, Some(plan.hash()));
}

/// An estate of `seed`: sparse edges of every kind towards services with a smaller number, so without circles.
fn random_estate(seed: u64, services: u64) -> Estate {
    let mut state = seed;
    let mut roll = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut estate = Estate::default();
    for site in 0..2 {
        estate.sites.insert(id(&format!("site:s{site}")), Site::default());
        let host = Host {
            site: Some(id(&format!("site:s{site}"))),
            cpu: Some(4),
            memory: Some(1_000_000),
            ..Host::default()
        };
        estate.hosts.insert(id(&format!("host:h{site}")), host);
    }
    for (name, kind, capacity) in [
        ("restore", ResourceKind::RestoreBandwidth, 100),
        ("crew", ResourceKind::Crew, 2),
        ("scan", ResourceKind::ScanSlots, 1),
    ] {
        estate
            .resources
            .insert(id(&format!("resource:{name}")), Resource { kind, capacity, ..Resource::default() });
    }
    for number in 0..services {
        let me = format!("service:n{number:03}");
        let mut made = service(roll(60), "site:s0");
        made.site = None;
        made.host = (roll(4) > 0).then(|| id(&format!("host:h{}", roll(2))));
        made.cpu_boot = roll(5);
        made.memory = roll(1000);
        made.tier = (roll(2) == 0).then(|| roll(4));
        made.crew = if roll(3) == 0 { vec![id("resource:crew")] } else { Vec::new() };
        let admit = if roll(2) == 0 { vec!["open".to_owned()] } else { Vec::new() };
        made.run = (roll(3) > 0).then(|| Run { admit, job: roll(4) == 0, ..Run::default() });
        estate.services.insert(id(&me), made);
        for _ in 0..roll(4) {
            let kind = EdgeKind::ALL[roll(5) as usize];
            if number > 0 {
                estate.edges.push(edge(&me, &format!("service:n{:03}", roll(number)), kind));
            }
        }
        if roll(2) == 0 {
            let mut data = store(roll(5000), "site:s1");
            data.restore_rate = (roll(4) > 0).then(|| 10 + roll(200));
            data.source = data.source.filter(|_| roll(4) > 0);
            estate.stores.insert(id(&format!("store:n{number:03}")), data);
            let kind = if roll(3) == 0 { EdgeKind::Hard } else { EdgeKind::Data };
            estate.edges.push(edge(&me, &format!("store:n{number:03}"), kind));
        }
    }
    for number in 0..5 {
        let tenant = Tenant { insured: 1 + roll(1_000_000), ..Tenant::default() };
        estate.tenants.insert(id(&format!("tenant:t{number}")), tenant);
        let mut capability = Capability { urgency: 1 + roll(10), ..Capability::default() };
        for tenant in 0..roll(5) {
            let service = id(&format!("service:n{:03}", roll(services)));
            let to = if roll(2) == 0 {
                Tenants::All
            } else {
                Tenants::Listed(vec![id(&format!("tenant:t{tenant}"))])
            };
            capability.served_by.push(Serving { service, to });
        }
        estate.capabilities.insert(id(&format!("capability:c{number}")), capability);
    }
    estate
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_is_ever_infeasible_or_worse_than_the_usual_orders(seed: u64, services in 1_u64..40, lost in 0_usize..6) {
        let estate = random_estate(seed, services);
        let named: Vec<Id> = match lost {
            0 => Vec::new(),
            1 => vec![id("site:s0")],
            2 => vec![id("host:h1")],
            3 => vec![id("service:n000")],
            4 => estate.stores.keys().next().cloned().into_iter().collect(),
            _ => vec![id("site:s0"), id("site:s1")],
        };
        let question = Question { lost: named, ..Question::default() };
        let made = asked(&estate, &question).expect("everything fits in a random estate");
        prop_assert_eq!(check::faults(&estate, &made.plan), Vec::<String>::new());
        let plan = &made.plan;
        for usual in [plan.baselines.fifo, plan.baselines.tier, plan.baselines.size] {
            prop_assert!(plan.insured_seconds <= usual);
        }
        prop_assert!(plan.lower_bound <= plan.insured_seconds);
        let again = asked(&estate, &question).expect("as before");
        prop_assert_eq!(again.plan.to_text(), plan.to_text());
        prop_assert_eq!(super::Plan::read(&plan.to_text()).expect("its own text is readable"), made.plan);
    }
}
