//! Start order, closures, and who loses what.

use super::super::graph::{self, Cycle};
use super::{estate, id, ids};

/// Two sites; identity stands at each, core needs identity and its store, the intake needs core.
const SMALL: &str = r#"
[site.ess]
[site.muc]
[host.h] 
site = "muc"
[service.identity]
site = "ess"
[service.core]
host = "h"
needs.hard = ["identity"]
needs.data = ["store:cases"]
[service.intake]
site = "muc"
needs.hard = ["core"]
needs.soft = ["mail"]
needs.start_only = ["clock"]
[service.mail]
site = "ess"
needs.order = ["intake"]
[service.clock]
site = "ess"
[store.cases]
site = "muc"
[tenant.a]
insured = 100
site = "muc"
[tenant.b]
insured = 10
site = "ess"
[capability.notes]
urgency = 5
[[capability.notes.served_by]]
service = "intake"
[capability.letters]
urgency = 2
[[capability.letters.served_by]]
service = "mail"
site = "ess"
"#;

fn names(ids: impl IntoIterator<Item = super::Id>) -> Vec<String> {
    ids.into_iter().map(|id| id.to_string()).collect()
}

#[test]
fn providers_start_before_dependents_and_order_counts_when_both_start() {
    let order = graph::start_order(&estate(SMALL)).unwrap();
    assert_eq!(
        names(order),
        [
            "service:clock",
            "service:identity",
            "store:cases",
            "service:core",
            "service:intake",
            "service:mail"
        ]
    );
}

#[test]
fn an_order_edge_does_not_hold_up_a_dependent_that_starts_alone() {
    let estate = estate(SMALL);
    assert_eq!(graph::providers_blocking_start(&estate, &id("service:mail")), ids([]));
    assert_eq!(
        graph::providers_blocking_start(&estate, &id("service:intake")),
        ids(["service:core", "service:clock"])
    );
    let alone = graph::start_order_of(&estate, &ids(["service:mail", "service:core"])).unwrap();
    assert_eq!(names(alone), ["service:core", "service:mail"]);
}

#[test]
fn the_shortest_ring_is_named_from_its_smallest_id() {
    let estate = estate(
        "[service.a]\nneeds.hard = [\"b\"]\n[service.b]\nneeds.hard = [\"c\"]\n[service.c]\nneeds.hard = [\"a\"]\n\
         [service.z]\nneeds.data = [\"y\"]\n[service.y]\nneeds.start_only = [\"z\", \"a\"]\n",
    );
    let cycle = graph::start_order(&estate).unwrap_err();
    assert_eq!(cycle, Cycle { ids: vec![id("service:y"), id("service:z")] });
    assert_eq!(cycle.path(), "service:y -> service:z -> service:y");
}

#[test]
fn a_ring_of_soft_needs_is_no_ring() {
    let estate = estate("[service.a]\nneeds.soft = [\"b\"]\n[service.b]\nneeds.hard = [\"a\"]\n");
    assert_eq!(names(graph::start_order(&estate).unwrap()), ["service:a", "service:b"]);
}

#[test]
fn what_needs_the_lost_thing_hard_is_lost_with_it_and_soft_needs_are_not() {
    let estate = estate(SMALL);
    let lost = graph::lost_when_down(&estate, &ids(["service:identity"]));
    let notes = id("capability:notes");
    assert_eq!(lost, [(id("tenant:a"), notes.clone()), (id("tenant:b"), notes.clone())].into());
    assert_eq!(graph::loss(&estate, &lost), graph::Loss { insured: 110, weight: 550 });
    let mail = graph::lost_when_down(&estate, &ids(["service:mail"]));
    assert_eq!(mail, [(id("tenant:b"), id("capability:letters"))].into());
}

#[test]
fn a_running_service_outlives_its_data_but_cannot_start_without_it() {
    let estate = estate(SMALL);
    assert_eq!(graph::down_with(&estate, &ids(["store:cases"])), ids([]));
    assert_eq!(graph::unstartable(&estate, &ids(["store:cases"])), ids(["service:core", "service:intake"]));
}

#[test]
fn a_site_means_what_runs_and_lies_there_also_by_way_of_its_hosts() {
    let estate = estate(SMALL);
    assert_eq!(
        graph::expand(&estate, &ids(["site:muc"])),
        ids(["service:core", "service:intake", "store:cases"])
    );
    assert_eq!(graph::expand(&estate, &ids(["host:h"])), ids(["service:core"]));
    assert_eq!(graph::down_with(&estate, &ids(["site:ess"])).len(), 5);
}

#[test]
fn closures_follow_others() {
    let estate = estate(SMALL);
    assert_eq!(
        graph::hard_closure(&estate, &id("service:intake")),
        ids(["service:core", "service:identity"])
    );
    assert_eq!(
        graph::start_closure(&estate, &id("service:intake")),
        ids(["service:clock", "service:core", "service:identity", "store:cases"])
    );
}
