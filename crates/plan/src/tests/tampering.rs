//! Plans that were changed and hashed again: the check finds each kind of lie. And plans of any shape never break it.

use proptest::prelude::*;

use super::*;
use incident::plan::file::Never;
use incident::plan::file::Plan;

/// An estate with every kind of limit, and a sound plan for it.
fn sound() -> (Estate, Plan) {
    let mut estate = estate();
    let crew = Resource { kind: ResourceKind::Crew, capacity: 1, ..Resource::default() };
    estate.resources.insert(id("resource:crew"), crew);
    let slots = Resource { kind: ResourceKind::ScanSlots, capacity: 1, ..Resource::default() };
    estate.resources.insert(id("resource:scan"), slots);
    estate.hosts.insert(id("host:h"), Host { memory: Some(200), cpu: Some(2), ..Host::default() });
    for service in estate.services.values_mut() {
        service.crew = vec![id("resource:crew")];
        (service.host, service.memory, service.cpu_boot) = (Some(id("host:h")), 40, 2);
        service.run = Some(Run { admit: vec!["open".to_owned()], ..Run::default() });
    }
    let plan = planned(&estate, &[]).plan;
    (estate, plan)
}

/// Changes a sound plan, hashes it again, and says what the check finds.
fn found(change: impl FnOnce(&mut Plan)) -> String {
    let (estate, mut plan) = sound();
    change(&mut plan);
    check::faults(&estate, &plan).join("\n")
}

fn moved(plan: &mut Plan, id: &str, by: i64) {
    let step = plan.steps.iter_mut().find(|step| step.id == id).expect("the step is there");
    step.start_s = step.start_s.saturating_add_signed(by);
    step.end_s = step.end_s.saturating_add_signed(by);
}

#[test]
fn a_sound_plan_has_no_faults() {
    let (estate, plan) = sound();
    assert_eq!(check::faults(&estate, &plan), Vec::<String>::new());
}

fn each_says(lies: Vec<(&str, String)>) {
    for (says, text) in lies {
        assert!(text.contains(says), "looked for `{says}` in:\n{text}");
    }
}

#[test]
fn each_step_at_a_wrong_time_is_found() {
    let start = |plan: &Plan, step: &str| plan.step(step).expect("the step is there").start_s;
    each_says(vec![
        ("begins before", found(|plan| moved(plan, "start:service:core-muc", -70))),
        (
            "resource:restore are taken",
            found(|plan| {
                let (muc, ess) = ("restore:store:core-muc", "restore:store:core-ess");
                let to = i64::try_from(start(plan, muc)).unwrap() - i64::try_from(start(plan, ess)).unwrap();
                moved(plan, ess, to);
            }),
        ),
        (
            "scan slots are taken",
            found(|plan| {
                let (muc, ess) = ("verify:store:core-muc", "verify:store:core-ess");
                let to = i64::try_from(start(plan, muc)).unwrap() - i64::try_from(start(plan, ess)).unwrap();
                moved(plan, ess, to);
            }),
        ),
        (
            "resource:crew are taken",
            found(|plan| {
                for kind in ["start", "gate", "admit"] {
                    let to = start(plan, "start:service:identity-ess")
                        .abs_diff(start(plan, "start:service:identity-muc"));
                    moved(plan, &format!("{kind}:service:identity-muc"), i64::try_from(to).unwrap());
                    moved(plan, &format!("{kind}:service:identity-ess"), 0);
                }
                let same = start(plan, "start:service:identity-ess");
                let by = i64::try_from(same).unwrap()
                    - i64::try_from(start(plan, "start:service:identity-muc")).unwrap();
                for kind in ["start", "gate", "admit"] {
                    moved(plan, &format!("{kind}:service:identity-muc"), by);
                }
            }),
        ),
    ]);
}

#[test]
fn each_wrong_number_and_name_is_found() {
    each_says(vec![
        ("price", found(|plan| plan.insured_seconds += 1)),
        ("cheaper than the bound", found(|plan| plan.lower_bound = plan.insured_seconds + 1)),
        ("cheaper than the bound", found(|plan| plan.baselines.size = 0)),
        ("says otherwise", found(|plan| plan.served[0].at_s += 5)),
        ("later than at the latest", found(|plan| plan.served[0].early_s = u64::MAX)),
        ("instead of", found(|plan| drop(plan.served.pop()))),
        ("has no step", found(|plan| drop(plan.steps.pop()))),
        (
            "takes 61 s",
            found(|plan| {
                plan.steps.iter_mut().find(|step| step.id == "start:service:core-muc").unwrap().end_s += 1;
            }),
        ),
        ("nobody stays", found(|plan| moved(plan, "gate:service:core-muc", 3))),
        (
            "does not wait for",
            found(|plan| {
                plan.steps.iter_mut().find(|step| step.id == "gate:service:core-muc").unwrap().after.clear();
            }),
        ),
        ("is not in the estate", found(|plan| plan.lost.push(id("service:ghost")))),
        ("though store:core-muc cannot be used", found(|plan| plan.without.push(id("store:core-muc")))),
        ("the plan does not say so", found(|plan| plan.without.push(id("store:core-muc")))),
        ("cannot be used, and is not among", found(|plan| plan.without.push(id("store:ghost")))),
        (
            "given up capabilities",
            found(|plan| {
                let served = plan.served.remove(0);
                let because = id("store:core-muc");
                plan.never.push(Never { tenant: served.tenant, capability: served.capability, because });
            }),
        ),
        ("appears twice", found(|plan| plan.steps.push(plan.steps[0].clone()))),
    ]);
}

#[test]
fn memory_that_is_kept_for_good_is_counted() {
    let (mut estate, plan) = sound();
    estate.hosts.get_mut(&id("host:h")).expect("it is there").memory = Some(100);
    let text = check::faults(&estate, &plan).join("\n");
    assert!(text.contains("memory of host:h are taken, it has 100"), "{text}");
    estate.hosts.get_mut(&id("host:h")).expect("it is there").cpu = Some(1);
    assert!(check::faults(&estate, &plan).join("\n").contains("cores of host:h"));
}

#[test]
fn a_plan_for_another_estate_is_recognised_and_the_changed_part_named() {
    let (mut estate, plan) = sound();
    assert_eq!(check::estate_faults(&estate, &plan.estate_hash, &plan), Vec::<String>::new());
    estate.services.get_mut(&id("service:core-muc")).expect("it is there").boot_s = 9;
    let text = check::estate_faults(&estate, "another", &plan).join("\n");
    assert!(
        text.contains("this one is another") && text.contains("service:core-muc is not as it was"),
        "{text}"
    );
    assert!(!text.contains("core-ess"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_made_up_plan_breaks_the_check(seed: u64, which: usize, value: u64, field in 0_usize..9) {
        let (_, mut plan) = sound();
        let count = plan.steps.len();
        let step = &mut plan.steps[which % count];
        match field {
            0 => step.start_s = value,
            1 => step.end_s = value,
            2 => step.service = id("host:h"),
            3 => step.service = id("store:ghost"),
            4 => plan.horizon_s = value,
            5 => plan.served[which % 2].at_s = value,
            6 => plan.lost.clear(),
            7 => plan.insured_seconds = value,
            _ => plan.steps.clear(),
        }
        let estate = random_estate(seed, 5);
        let _ = check::faults(&estate, &plan);
        let (own, _) = sound();
        let changed = check::faults(&own, &plan);
        if matches!(field, 2 | 3 | 6 | 8) {
            prop_assert!(!changed.is_empty());
        }
    }
}
