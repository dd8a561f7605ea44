//! The canonical text holds everything, reads back to itself, and never changes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::canonical::{from_text, hash, text};
use super::super::hands::{Become, Driver, Ssh, Workload};
use super::super::id::Kind;
use super::super::model::*;
use super::super::read::{normalise, read_files};
use super::super::things::{EVIDENCE, RESOURCE_KINDS, START_CLASSES};
use super::reading::FULL;
use super::{Id, estate, file, read_toml};

#[test]
fn the_canonical_text_reads_back_to_the_same_estate_and_the_same_text() {
    let estate = estate(FULL);
    let text = text(&estate);
    let again = from_text(&text).unwrap();
    assert_eq!(again, estate);
    assert_eq!(super::super::canonical::text(&again), text);
}

#[test]
fn the_hash_does_not_see_files_comments_spacing_and_the_order_of_definitions() {
    let whole = read_toml(
        "provider = \"P\"\n[site.a]\n[site.b]\nname = \"B\"\n[service.s]\nsite = \"a\"\nneeds.soft = [\"u\", \"t\"]\n",
    );
    let first = file("1.toml", b"# nothing\n[service.s]\nneeds . soft=['t','u']\nsite='site:a'\n\n\n");
    let second = file("2.toml", b"provider='P'\n[site.b] # b\n name='B'\n[site.a]");
    assert_eq!(hash(&whole.estate), hash(&read_files(&[first.clone(), second.clone()]).estate));
    assert_eq!(hash(&whole.estate), hash(&read_files(&[second, first]).estate));
}

#[test]
fn no_line_can_be_taken_out_unnoticed() {
    let whole = hash(&estate(FULL));
    let lines: Vec<&str> = FULL.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        if !line.contains(" = ") {
            continue;
        }
        let mut without = lines.clone();
        without.remove(at);
        let reading = read_toml(&without.join("\n"));
        let seen = hash(&reading.estate) != whole || !reading.findings.is_empty();
        assert!(seen, "without `{line}`");
    }
}

#[test]
fn a_frozen_estate_keeps_its_text_and_hash() {
    insta::assert_snapshot!(format!("{}\nhash {}", text(&estate(FULL)), hash(&estate(FULL))));
}

#[test]
fn a_text_that_is_not_whole_is_refused() {
    for text in ["[service.a", "[service.a]\nmemory = \"x\"", "[service.\"A\"]"] {
        assert!(from_text(text).is_err(), "{text}");
    }
}

const NAMES: [&str; 4] = ["a", "b-1", "c.d", "e_f"];

fn an_id(kind: Kind) -> impl Strategy<Value = Id> {
    prop::sample::select(NAMES.to_vec()).prop_map(move |name| Id::new(kind, name).unwrap())
}

fn ids(kind: Kind) -> impl Strategy<Value = Vec<Id>> {
    prop::collection::vec(an_id(kind), 0..3)
}

fn words() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(any::<String>(), 0..3)
}

fn maybe<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Option<T>> {
    prop::option::of(of)
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), Just(1), 0..=super::super::fields::NUMBER_MAX]
}

fn things<T: std::fmt::Debug>(
    kind: Kind,
    of: impl Strategy<Value = T>,
) -> impl Strategy<Value = BTreeMap<Id, T>> {
    prop::collection::btree_map(an_id(kind), of, 0..4)
}

fn a_site() -> impl Strategy<Value = Site> {
    let door = (any::<String>(), words(), words(), any::<String>())
        .prop_map(|(name, close, open, probe)| Door { name, close, open, probe });
    (any::<String>(), prop::collection::vec(door, 0..3)).prop_map(|(name, doors)| Site { name, doors })
}

fn a_gate() -> impl Strategy<Value = Gate> {
    let probe = prop_oneof![
        any::<String>().prop_map(Probe::Tcp),
        (any::<String>(), any::<u16>()).prop_map(|(url, status)| Probe::Http { url, status }),
        prop::collection::vec(any::<String>(), 1..3).prop_map(Probe::Command),
    ];
    (probe, number(), number(), 1..9999u64, ids(Kind::Store)).prop_map(
        |(probe, hold_ms, deadline_ms, every_ms, uses)| Gate { probe, hold_ms, deadline_ms, every_ms, uses },
    )
}

fn a_driver() -> impl Strategy<Value = Driver> {
    let name = || "[a-z0-9_][a-z0-9_.-]{0,9}";
    let workload = (maybe(name()), name(), any::<bool>(), name(), number()).prop_map(
        |(context, namespace, is_set, name, replicas)| {
            let kind = if is_set { "statefulset" } else { "deployment" }.to_owned();
            Driver::Kubernetes(Workload { context, namespace, kind, name, replicas })
        },
    );
    prop_oneof![
        r"[a-zA-Z0-9@:_][a-zA-Z0-9:_.\\\\@-]{0,9}\.(service|timer)".prop_map(Driver::Systemd),
        (name(), name(), maybe("/[a-zA-Z0-9/._ -]{0,9}"))
            .prop_map(|(project, service, file)| Driver::Compose { project, service, file }),
        workload,
        name().prop_map(Driver::Libvirt),
    ]
}

fn an_ssh() -> impl Strategy<Value = Ssh> {
    let key = "(@cert-authority )?ssh-ed25519 [A-Za-z0-9+/]{16,20}=";
    let port = maybe(1..u16::MAX);
    let parts = (port, maybe("[a-z_]{1,9}"), any::<bool>(), maybe(an_id(Kind::Host)));
    ("[a-z0-9.:]{0,9}[a-z0-9]", parts, prop::collection::vec(key, 0..3), maybe("/[a-zA-Z0-9/._ -]{0,9}"))
        .prop_map(|(address, (port, user, asks, jump), host_key, identity)| {
            let becomes = if asks { Become::Sudo } else { Become::Nobody };
            Ssh { address, port, user, becomes, jump, host_key, identity }
        })
}

fn a_run() -> impl Strategy<Value = Run> {
    prop_oneof![
        commands(),
        (a_driver(), words(), any::<bool>()).prop_map(|(driver, admit, job)| Run {
            driver: Some(driver),
            admit,
            job,
            ..Run::default()
        }),
    ]
}

fn commands() -> impl Strategy<Value = Run> {
    let environment = prop::collection::btree_map(any::<String>(), any::<String>(), 0..3);
    (words(), words(), words(), maybe(any::<String>()), environment, maybe(any::<String>()), any::<bool>())
        .prop_map(|(start, stop, admit, directory, environment, pid_file, job)| Run {
            driver: None,
            start,
            stop,
            admit,
            directory,
            environment,
            pid_file,
            job,
        })
}

fn a_service() -> impl Strategy<Value = Service> {
    let numbers = (maybe(number()), number(), number(), maybe(number()), maybe(number()), number());
    let class = prop::sample::select(START_CLASSES.map(|(_, class)| class).to_vec());
    let gates = prop::collection::vec(a_gate(), 0..3);
    let places = (maybe(an_id(Kind::Host)), maybe(an_id(Kind::Site)), ids(Kind::Resource));
    let made_from = (maybe(any::<String>()), prop::collection::vec(any::<String>(), 0..3));
    (any::<String>(), made_from, places, numbers, class, any::<bool>(), maybe(a_run()), gates).prop_map(
        |(name, (image, ports), (host, site, crew), numbers, start_class, second_person, run, gates)| {
            let (tier, memory, cpu_boot, capacity, cold_load, boot_s) = numbers;
            Service {
                name,
                image,
                ports,
                host,
                site,
                tier,
                memory,
                cpu_boot,
                crew,
                capacity,
                cold_load,
                boot_s,
                start_class,
                second_person,
                run,
                gates,
            }
        },
    )
}

fn a_store() -> impl Strategy<Value = Store> {
    let secret =
        prop_oneof![any::<String>().prop_map(Secret::Environment), any::<String>().prop_map(Secret::File)];
    let paths = proptest::collection::vec(any::<String>(), 0..3);
    let source = (any::<String>(), maybe(any::<String>()), paths, secret, maybe(an_id(Kind::Resource)))
        .prop_map(|(repository, host, paths, secret, resource)| Source {
            repository,
            host,
            paths,
            secret,
            resource,
        });
    (
        any::<String>(),
        maybe(an_id(Kind::Site)),
        number(),
        maybe(number()),
        maybe(any::<String>()),
        maybe(source),
    )
        .prop_map(|(name, site, size, restore_rate, path, source)| Store {
            name,
            site,
            size,
            restore_rate,
            path,
            source,
        })
}

fn a_capability() -> impl Strategy<Value = Capability> {
    let name = (any::<String>(), maybe(any::<String>()), maybe(any::<String>()))
        .prop_map(|(de, fr, en)| Translated { de, fr, en });
    let cut = prop_oneof![
        Just(CutBehaviour::Hold),
        any::<String>().prop_map(CutBehaviour::Divert),
        any::<String>().prop_map(|reason| CutBehaviour::Reject { reason }),
    ];
    let to = prop_oneof![
        Just(Tenants::All),
        an_id(Kind::Site).prop_map(Tenants::Site),
        ids(Kind::Tenant).prop_map(Tenants::Listed),
    ];
    let serving = (an_id(Kind::Service), to).prop_map(|(service, to)| Serving { service, to });
    (name, number(), cut, maybe(number()), prop::collection::vec(serving, 0..3)).prop_map(
        |(name, urgency, cut, rto_s, served_by)| Capability { name, urgency, cut, rto_s, served_by },
    )
}

fn a_tenant() -> impl Strategy<Value = Tenant> {
    let languages = prop::sample::subsequence(vec!["en".to_owned(), "de".to_owned(), "fr".to_owned()], 0..=3);
    let colour = maybe("#[0-9a-f]{6}");
    let texts = (any::<String>(), maybe(any::<String>()), maybe(any::<String>()));
    (texts, number(), maybe(an_id(Kind::Site)), words(), languages, colour).prop_map(
        |((name, controller, supervisor), insured, site, contacts, languages, colour)| Tenant {
            name,
            insured,
            site,
            controller,
            supervisor,
            contacts,
            languages,
            colour,
        },
    )
}

fn an_edge() -> impl Strategy<Value = Edge> {
    let to = prop_oneof![an_id(Kind::Service), an_id(Kind::Store), an_id(Kind::External)];
    let kind = prop::sample::select(EdgeKind::ALL.to_vec());
    let evidence = prop::sample::select(EVIDENCE.map(|(_, evidence)| evidence).to_vec());
    (an_id(Kind::Service), to, kind, evidence, maybe(any::<String>()), 0..=1000u16).prop_map(
        |(from, to, kind, evidence, by, confidence)| Edge { from, to, kind, evidence, by, confidence },
    )
}

prop_compose! {
    fn an_estate()(
        provider in any::<String>(),
        sites in things(Kind::Site, a_site()),
        hosts in things(Kind::Host, (
            (any::<String>(), maybe(an_id(Kind::Site)), maybe(number()), maybe(number())),
            maybe(an_ssh()), any::<bool>(),
        )),
        services in things(Kind::Service, a_service()),
        stores in things(Kind::Store, a_store()),
        capabilities in things(Kind::Capability, a_capability()),
        tenants in things(Kind::Tenant, a_tenant()),
        externals in things(Kind::External, any::<String>()),
        resources in things(
            Kind::Resource,
            (any::<String>(), prop::sample::select(RESOURCE_KINDS.map(|(_, kind)| kind).to_vec()), number()),
        ),
        edges in prop::collection::vec(an_edge(), 0..12),
        authority in prop::collection::vec(("[a-z]{1,9}", ids(Kind::Site), any::<String>()), 0..3),
    ) -> Estate {
        let host = |((name, site, cpu, memory), ssh, local)| Host { name, site, cpu, memory, ssh, local };
        let resource = |(name, kind, capacity)| Resource { name, kind, capacity };
        Estate {
            words: crate::words::Words::default(),
            provider, sites, stores, capabilities, tenants,
            hosts: hosts.into_iter().map(|(id, parts)| (id, host(parts))).collect(),
            externals: externals.into_iter().map(|(id, name)| (id, External { name })).collect(),
            resources: resources.into_iter().map(|(id, parts)| (id, resource(parts))).collect(),
            edges: edges.into_iter().filter(|edge| services.contains_key(&edge.from)).collect(),
            services,
            authority: authority.into_iter().map(|(may, on, granted_by)| Authority { may, on, granted_by }).collect(),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_estate_comes_back_from_its_text(mut estate in an_estate()) {
        let written = text(&estate);
        normalise(&mut estate);
        let again = from_text(&written).unwrap();
        prop_assert_eq!(&again, &estate);
        prop_assert_eq!(text(&again), written);
    }
}
