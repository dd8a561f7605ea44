//! What the example estate promises to the guide, the drill and other tests.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::check::{judge, summary};
use super::super::{Grade, Reading, canonical, graph, read};
use super::{id, ids};

fn gkv() -> Reading {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../estates/gkv")).unwrap()
}

#[test]
fn the_example_is_well_formed_and_nothing_in_it_blocks() {
    let reading = gkv();
    assert_eq!(reading.findings, []);
    let worst: Vec<String> = judge(&reading)
        .into_iter()
        .filter(|found| found.grade == Grade::Blocking)
        .map(|found| found.message.what)
        .collect();
    assert_eq!(worst, [""; 0]);
    assert!(graph::start_order(&reading.estate).is_ok());
}

#[test]
fn the_example_has_two_sites_86_funds_and_25_million_insured_a_third_of_them_in_munich() {
    let estate = gkv().estate;
    let numbers = summary(&estate);
    assert_eq!((numbers.sites, numbers.tenants, numbers.insured), (2, 86, 25_000_000));
    assert_eq!(estate.sites.keys().cloned().collect::<BTreeSet<_>>(), ids(["site:ess", "site:muc"]));
    let munich = estate.tenants.values().filter(|tenant| tenant.site == Some(id("site:muc")));
    let munich: u64 = munich.map(|tenant| tenant.insured).sum();
    assert!((7_500_000..9_200_000).contains(&munich), "{munich}");
    let largest = estate.tenants.values().map(|tenant| tenant.insured).max().unwrap();
    assert!(largest > 4_000_000, "few large funds and many small ones");
}

#[test]
fn the_example_speaks_three_languages() {
    for (id, capability) in &gkv().estate.capabilities {
        assert!(capability.name.fr.is_some() && capability.name.en.is_some(), "{id}");
    }
}

#[test]
fn the_example_shows_the_findings_that_it_was_made_to_show() {
    insta::assert_snapshot!(
        judge(&gkv())
            .iter()
            .map(|found| format!("{} {}: {}", found.grade, found.code, found.message.what))
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[test]
fn cutting_munich_off_costs_the_others_what_stands_only_there() {
    let estate = gkv().estate;
    let lost = graph::lost_when_down(&estate, &ids(["site:muc"]));
    let away: BTreeSet<_> = lost
        .iter()
        .filter(|(tenant, _)| estate.tenants[tenant].site == Some(id("site:ess")))
        .map(|(_, capability)| capability.clone())
        .collect();
    assert_eq!(away, ids(["capability:app", "capability:online-office", "capability:patient-record"]));
}

#[test]
fn the_canonical_text_of_the_example_reads_back() {
    let estate = gkv().estate;
    let text = canonical::text(&estate);
    assert_eq!(canonical::from_text(&text).unwrap(), estate);
}
