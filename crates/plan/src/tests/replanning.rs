//! Planning from the middle of a run: what is done stays done, what runs keeps its time, what failed stays out.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::compare::order_of;
use crate::diff;
use crate::forecast::forecast;
use crate::progress::{Progress, left_s};

/// Where a run stands that has kept exactly to its plan for so many seconds.
fn after(made: &Made, second: u64) -> Progress {
    let steps = || made.plan.steps.iter();
    Progress {
        run: "run-1".to_owned(),
        entries: 9,
        done: steps().filter(|step| step.end_s <= second).map(|step| step.id.clone()).collect(),
        running: steps()
            .filter(|step| step.start_s < second && second < step.end_s)
            .map(|step| (step.id.clone(), second - step.start_s))
            .collect(),
        ..Progress::default()
    }
}

fn again(estate: &Estate, made: &Made, progress: Progress) -> Made {
    let question = Question {
        lost: made.plan.lost.clone(),
        progress: Some(progress),
        order: order_of(&made.plan),
        ..Question::default()
    };
    let again = asked(estate, &question).expect("a plan");
    assert_eq!(check::faults(estate, &again.plan), Vec::<String>::new());
    again
}

#[test]
fn what_is_done_takes_no_time_and_what_runs_takes_only_what_is_left() {
    let estate = estate();
    let made = planned(&estate, &["site:muc"]);
    // Judged until 30, restored until 150, started until 210, gate until 215.
    let later = again(&estate, &made, after(&made, 100));
    let step = |id: &str| later.plan.step(id).map(|step| (step.start_s, step.end_s));
    assert_eq!(step("verify:store:core-muc"), Some((0, 0)));
    assert_eq!(step("restore:store:core-muc"), Some((0, 50)));
    assert_eq!(step("start:service:core-muc"), Some((50, 110)));
    assert_eq!(step("gate:service:identity-muc"), Some((0, 0)));
    assert_eq!(at_s(&later, "tenant:fund-muc"), 115);
    let continues = later.plan.continues.as_ref().expect("it goes on with a run");
    assert_eq!(continues.running.get("restore:store:core-muc"), Some(&70));
    assert!(!diff::is_reordered(&made.plan, &later.plan), "the same order needs no approval");
}

#[test]
fn in_the_middle_of_a_start_the_gate_is_still_to_come() {
    let estate = estate();
    let made = planned(&estate, &["site:muc"]);
    let later = again(&estate, &made, after(&made, 160));
    let step = |id: &str| later.plan.step(id).map(|step| (step.start_s, step.end_s));
    assert_eq!(step("start:service:core-muc"), Some((0, 50)));
    assert_eq!(step("gate:service:core-muc"), Some((50, 55)));
    let at_the_gate = again(&estate, &made, after(&made, 212));
    let step = |id: &str| at_the_gate.plan.step(id).map(|step| (step.start_s, step.end_s));
    assert_eq!(step("start:service:core-muc"), Some((0, 0)));
    assert_eq!(step("gate:service:core-muc"), Some((0, 3)));
}

#[test]
fn who_waits_at_the_gate_has_given_the_cores_back_and_hides_nobody_who_still_boots() {
    let mut estate = estate();
    estate.hosts.insert(id("host:h0"), Host { cpu: Some(4), ..Host::default() });
    let on_the_host = |boot_s, cores| {
        let mut made = service(boot_s, "site:muc");
        (made.host, made.cpu_boot) = (Some(id("host:h0")), cores);
        made
    };
    estate.services.insert(id("service:a-at-the-gate"), on_the_host(10, 3));
    estate.services.insert(id("service:b-boots"), on_the_host(60, 3));
    estate.services.insert(id("service:c-waits"), on_the_host(20, 3));
    let lost = ids(&["service:a-at-the-gate", "service:b-boots", "service:c-waits"]);
    let made = planned(&estate, &["service:a-at-the-gate", "service:b-boots", "service:c-waits"]);
    let mut progress = Progress { run: "run-1".to_owned(), ..Progress::default() };
    progress.done.insert("start:service:a-at-the-gate".to_owned());
    progress.running.insert("gate:service:a-at-the-gate".to_owned(), 1);
    progress.running.insert("start:service:b-boots".to_owned(), 10);
    assert_eq!(made.plan.lost, lost);
    let later = again(&estate, &made, progress);
    assert_eq!(later.plan.step("start:service:c-waits").map(|step| step.start_s), Some(50));
}

#[test]
fn what_is_overdue_is_taken_to_need_a_quarter_more_of_what_it_has_had() {
    assert_eq!([left_s(100, 60), left_s(100, 100), left_s(100, 400), left_s(0, 0)], [40, 25, 100, 1]);
    let estate = estate();
    let made = planned(&estate, &["site:muc"]);
    let mut progress = after(&made, 100);
    progress.running.insert("restore:store:core-muc".to_owned(), 800);
    let later = again(&estate, &made, progress);
    assert_eq!(later.plan.step("restore:store:core-muc").map(|step| step.end_s), Some(200));
}

#[test]
fn dependents_of_what_failed_are_named_as_not_coming_back() {
    let estate = estate();
    let made = planned(&estate, &["site:muc"]);
    let mut progress = after(&made, 22);
    progress.stuck.insert(id("service:identity-muc"));
    let later = again(&estate, &made, progress);
    assert!(later.plan.steps.iter().all(|step| step.service.kind() == estate::Kind::Store));
    assert_eq!(later.plan.never[0].because, id("service:identity-muc"));
    assert_eq!(later.explanation.never.get(&id("service:core-muc")), Some(&id("service:identity-muc")));
}

#[test]
fn what_a_person_leaves_out_is_told_from_what_has_failed() {
    let estate = estate();
    let made = planned(&estate, &["site:muc"]);
    let mut progress = after(&made, 22);
    progress.stuck.extend([id("service:identity-muc"), id("service:core-muc")]);
    let question = Question {
        lost: made.plan.lost.clone(),
        without: ids(&["service:core-muc"]),
        progress: Some(progress),
        ..Question::default()
    };
    let later = asked(&estate, &question).expect("a plan").plan;
    assert_eq!(later.without, ids(&["service:core-muc", "service:identity-muc"]));
    assert_eq!(later.named_without().cloned().collect::<Vec<_>>(), ids(&["service:core-muc"]));
    let read = incident::plan::file::Plan::read(&later.to_text()).expect("a whole file");
    assert_eq!(read, later);
}

#[test]
fn a_healthy_service_that_lets_nobody_in_serves_nobody_and_still_carries_others() {
    let mut estate = estate();
    let run = Run { admit: vec!["open".to_owned()], ..Run::default() };
    estate.services.get_mut(&id("service:core-muc")).expect("it is there").run = Some(run);
    let mut desk = service(10, "site:muc");
    desk.boot_s = 10;
    estate.services.insert(id("service:desk"), desk);
    estate.edges.push(edge("service:desk", "service:core-muc", EdgeKind::Hard));
    let made = planned(&estate, &["site:muc"]);
    let mut progress = after(&made, 215);
    progress.done.remove("admit:service:core-muc");
    progress.not_open.insert(id("service:core-muc"));
    let later = again(&estate, &made, progress);
    assert_eq!(later.plan.never.len(), 1);
    assert!(later.plan.step("start:service:desk").is_some());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn at_any_moment_with_anything_failed_the_rest_is_planned_without_a_fault(
        seed: u64, services in 1_u64..30, tenths in 0_u64..10, failed: usize,
    ) {
        let estate = random_estate(seed, services);
        let made = planned(&estate, &[]);
        let end_s = made.plan.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
        let mut progress = after(&made, end_s * tenths / 10);
        let open: Vec<&Id> = made.plan.lost.iter().filter(|lost| {
            made.plan.steps.iter().any(|step| step.service == **lost && !progress.done.contains(&step.id))
        }).collect();
        if let (Some(stuck), 0..3) = (open.get(failed % open.len().max(1)), failed % 5) {
            progress.stuck.insert((*stuck).clone());
        }
        let later = again(&estate, &made, progress.clone());
        let gone: BTreeSet<&Id> = later.explanation.never.keys().collect();
        for step in &later.plan.steps {
            prop_assert!(!gone.contains(&step.service), "{} is planned, and can never come", step.id);
            if progress.done.contains(&step.id) {
                prop_assert_eq!((step.start_s, step.end_s), (0, 0), "{}", &step.id);
            }
            if progress.running.contains_key(&step.id) {
                prop_assert_eq!(step.start_s, 0, "{}", &step.id);
            }
        }
        for stuck in &progress.stuck {
            prop_assert!(gone.contains(stuck));
        }
    }

    #[test]
    fn a_run_that_keeps_to_its_plan_is_forecast_as_planned_or_better(
        seed: u64, services in 1_u64..30, tenths in 0_u64..10,
    ) {
        let estate = random_estate(seed, services);
        let made = planned(&estate, &[]);
        let end_s = made.plan.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
        let second = end_s * tenths / 10;
        let seen = forecast(&estate, &made.plan, &RecoveryPoints::new(), after(&made, second), 0).expect("a forecast");
        for (was, now) in made.plan.served.iter().zip(&seen.served) {
            prop_assert!(now.at_s <= was.at_s.saturating_sub(second), "{:?} {:?} at {}", was, now, second);
        }
    }
}
