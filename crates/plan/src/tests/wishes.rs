//! Wishes: what they mean, what they cost, and that more is never priced as worse.

use proptest::prelude::*;

use super::*;
use crate::compare::{self, Comparison, Wished};
use crate::wish::{self, WishFault};
use incident::plan::file::HORIZON_S;

fn compared(estate: &Estate, base: &Question, wish: Question, typed: &[&str]) -> Comparison {
    let typed: Vec<String> = typed.iter().map(|text| (*text).to_owned()).collect();
    let (changed, words) = wish::granted(estate, &typed).expect("a wish that means something");
    let wished = Wished { estate: &changed, question: wish, words };
    let mut effort = Effort {
        schedules: 30,
        seed: 3,
        samples: 0,
        bound: Bound::Quick,
        advice: 3,
        watch: &mut |_| Then::Continue,
    };
    let comparison = compare::compare(estate, "", base, &wished, &mut effort).expect("two plans");
    assert_eq!(check::faults(estate, &comparison.base.plan), Vec::<String>::new());
    assert_eq!(check::faults(&changed, &comparison.wish.plan), Vec::<String>::new());
    comparison
}

fn fault(typed: &str) -> WishFault {
    wish::granted(&estate(), &[typed.to_owned()]).expect_err("nothing is meant by that")
}

#[test]
fn a_name_means_an_id_a_thing_a_kind_or_part_of_one_name() {
    let mut estate = estate();
    for (name, kind) in [("dba", ResourceKind::Crew), ("net-people", ResourceKind::Crew)] {
        let resource = Resource { kind, capacity: 3, ..Resource::default() };
        estate.resources.insert(id(&format!("resource:{name}")), resource);
    }
    let host = Host { site: Some(id("site:muc")), cpu: Some(4), ..Host::default() };
    estate.hosts.insert(id("host:muc-a"), host);
    let words =
        |typed: &str| wish::granted(&estate, &[typed.to_owned()]).expect("it means something").1.join("; ");
    assert_eq!(words("resource:dba=5"), "resource:dba is 5 instead of 3");
    assert_eq!(words("dba=+2"), "resource:dba is 5 instead of 3");
    assert_eq!(words("net=-1"), "resource:net-people is 2 instead of 3");
    assert_eq!(words("crew=2"), "resource:dba is 2 instead of 3; resource:net-people is 2 instead of 3");
    assert_eq!(words("host:muc-a=8"), "the cores of host:muc-a is 8 instead of 4");
    assert_eq!(words("muc=8"), "the cores of host:muc-a is 8 instead of 4", "a site by its name alone");
    assert_eq!(words("site:muc.memory=9"), "the memory of host:muc-a is 9 instead of no limit");
    assert_eq!(
        words("dba=1, restore=70"),
        "resource:dba is 1 instead of 3; resource:restore is 70 instead of 50"
    );
}

#[test]
fn nonsense_is_refused_with_what_would_be_understood() {
    for typed in
        ["crew", "restore=NaN", "restore=1e9", "restore=-", "restore=", "restore=0x10", "restore=+-3"]
    {
        assert!(
            fault(typed).message().to_do.to_string().contains("NAME=NUMBER"),
            "{typed}: {}",
            fault(typed)
        );
    }
    assert!(matches!(fault("restore=99999999999999999999999"), WishFault::NotANumber { .. }));
    assert!(matches!(fault("restore=1000000000001"), WishFault::NotANumber { .. }));
    assert!(matches!(fault("restore=-51"), WishFault::LessThanNothing { has: 50, .. }));
    assert!(matches!(fault("restore=1,resource:restore=2"), WishFault::Twice(_)));
    assert!(fault("dragons=3").message().to_do.to_string().contains("resource:restore"));
    assert!(matches!(fault("=3"), WishFault::Unknown { .. }));
    let mut two = estate();
    two.resources.insert(id("resource:restore-2"), Resource::default());
    let found = wish::granted(&two, &["rest=1".to_owned()]).expect_err("two are meant");
    assert_eq!(found.to_string(), "`rest` could be resource:restore or resource:restore-2");
}

#[test]
fn more_bandwidth_is_priced_as_a_comparison_of_two_plans() {
    let comparison = compared(&estate(), &lost(&[]), lost(&[]), &["restore=100"]);
    // Both stores are restored at once: Essen no longer waits for Munich.
    assert_eq!(comparison.moved.len(), 1);
    assert_eq!(comparison.moved[0].tenants, ids(&["tenant:fund-ess"]));
    assert_eq!((comparison.moved[0].base_s, comparison.moved[0].wish_s), (Some(335), Some(215)));
    let saved = comparison.base.plan.insured_seconds - comparison.wish.plan.insured_seconds;
    assert_eq!(saved, 5 * 1_000 * 120);
    insta::assert_snapshot!("comparison", compare::page(&estate(), &comparison));
}

#[test]
fn without_a_store_what_needs_it_never_comes_back_and_is_priced_for_thirty_days() {
    let wish = Question { without: ids(&["store:core-muc"]), ..lost(&[]) };
    let comparison = compared(&estate(), &lost(&[]), wish, &[]);
    let plan = &comparison.wish.plan;
    assert!(
        plan.steps
            .iter()
            .all(|step| step.service != id("store:core-muc") && step.service != id("service:core-muc"))
    );
    assert!(plan.step("start:service:identity-muc").is_some(), "what does not need it comes back");
    let never: Vec<_> = plan.never.iter().map(|never| (&never.tenant, &never.because)).collect();
    assert_eq!(never, [(&id("tenant:fund-muc"), &id("store:core-muc"))]);
    assert_eq!(plan.insured_seconds, 5 * (9_000_000 * HORIZON_S + 1_000 * 215));
    assert_eq!(comparison.moved[0].wish_s, None);
    let page = compare::page(&estate(), &comparison);
    assert!(page.contains("service:core-muc, because of store:core-muc"), "{page}");
    assert!(page.contains("priced as missing for 30 days"), "{page}");
}

#[test]
fn without_a_repository_means_every_store_behind_it() {
    let question = Question { without: ids(&["resource:restore"]), ..lost(&[]) };
    let made = asked(&estate(), &question).expect("a plan");
    assert_eq!(made.plan.without, ids(&["store:core-ess", "store:core-muc"]));
    assert!(made.plan.served.is_empty());
    assert_eq!(check::faults(&estate(), &made.plan), Vec::<String>::new());
}

#[test]
fn a_tenant_that_comes_first_is_back_as_early_as_it_can_be() {
    let wish = Question { first: ids(&["tenant:fund-ess"]), ..lost(&[]) };
    let comparison = compared(&estate(), &lost(&[]), wish, &[]);
    assert_eq!(at_s(&comparison.wish, "tenant:fund-ess"), 215);
    assert_eq!(at_s(&comparison.wish, "tenant:fund-muc"), 335);
    // Priced with what everybody really weighs.
    assert_eq!(comparison.wish.plan.insured_seconds, 5 * (9_000_000 * 335 + 1_000 * 215));
    assert!(comparison.wish.plan.lower_bound <= comparison.wish.plan.insured_seconds);
}

#[test]
fn wishes_about_nothing_are_refused() {
    let refusal = |question| asked(&estate(), &question).expect_err("no plan");
    let without = |name: &str| Question { without: ids(&[name]), ..lost(&["site:muc"]) };
    assert!(matches!(refusal(without("store:core-ess")), Refusal::NotLost { .. }));
    assert!(matches!(refusal(without("tenant:fund-ess")), Refusal::CannotBeWithout { .. }));
    assert!(matches!(refusal(without("store:gone")), Refusal::NotInEstate { .. }));
    let first = |name: &str| Question { first: ids(&[name]), ..lost(&[]) };
    assert!(matches!(refusal(first("service:core-muc")), Refusal::CannotBeFirst { .. }));
    assert!(matches!(refusal(first("tenant:gone")), Refusal::NotInEstate { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn more_of_something_is_never_priced_as_worse(seed: u64, services in 1_u64..30, which in 0_usize..4) {
        let estate = random_estate(seed, services);
        let typed = ["crew=+1", "scan=+1", "host:h0=+2", "crew=9,scan=9,site:s1=99"][which];
        let comparison = compared(&estate, &lost(&[]), lost(&[]), &[typed]);
        prop_assert!(comparison.wish.plan.insured_seconds <= comparison.base.plan.insured_seconds);
    }

    #[test]
    fn whatever_cannot_be_used_the_rest_is_planned_without_a_fault(seed: u64, services in 2_u64..30, which: usize) {
        let estate = random_estate(seed, services);
        let stores: Vec<&Id> = estate.stores.keys().chain(estate.services.keys()).collect();
        let without = vec![stores[which % stores.len()].clone()];
        let question = Question { without: without.clone(), ..Question::default() };
        let made = asked(&estate, &question).expect("the rest can be planned");
        prop_assert_eq!(check::faults(&estate, &made.plan), Vec::<String>::new());
        prop_assert!(made.plan.steps.iter().all(|step| step.service != without[0]));
    }
}
