use proptest::prelude::*;

use super::super::canonical::{from_text, hash, text};
use super::super::files::{Content, RawFile};
use super::super::model::{CutBehaviour, Evidence, Probe, Secret, StartClass, Tenants};
use super::super::read::read_files;
use super::super::{Grade, files, read};
use super::{codes, estate, file, id, marked, read_toml};

/// Every field there is, once.
pub(super) const FULL: &str = r##"
provider = "Verbund \"Nord\""
[site.ess]
name = "Essen"
[[site.ess.doors]]
name = "front"
probe = "127.0.0.1:9000"
close = ["fw", "close"]
open = ["fw", "open"]
[host.a]
name = "A"
site = "ess"
cpu = 16
memory = 65536
[service.core]
name = "Core"
host = "a"
site = "site:ess"
tier = 6
memory = 2048
cpu_boot = 2
crew = ["operators"]
capacity = 400
cold_load = 300
boot_s = 90
start_class = "once"
second_person = true
needs.hard = ["identity", { on = "store:cases", evidence = "inferred", by = "socket seen", confidence = 0.8 }]
needs.soft = ["external:bank"]
[service.core.run]
start = ["core", "--serve"]
stop = ["core", "--stop"]
admit = ["core", "--open"]
directory = "/srv/core"
environment = { LANG = "C", "a b" = "\u0001" }
pid_file = "/run/core.pid"
job = true
[[service.core.gates]]
http = "http://127.0.0.1:1/health"
status = 204
hold_s = 3
deadline_s = 60
every_ms = 100
uses = ["identity"]
[[service.core.gates]]
command = ["check", "core"]
hold_ms = 5
deadline_ms = 70
[service.identity]
[[service.identity.gates]]
tcp = "127.0.0.1:2"
[store.cases]
name = "Cases"
site = "ess"
size = 1000
restore_rate = 50
path = "/srv/cases"
source = { repository = "restic:/b", secret_env = "RESTIC_PASSWORD", resource = "line" }
[capability.eau]
name = { de = "Krankmeldung", fr = "arrêt", en = "sick note" }
urgency = 5
cut = { reject = "paper works" }
rto_s = 3600
[[capability.eau.served_by]]
service = "core"
tenants = ["x"]
[[capability.eau.served_by]]
service = "core"
site = "ess"
[[capability.eau.served_by]]
service = "core"
[tenant.x]
name = "X"
insured = 7
site = "ess"
controller = "X KdöR"
supervisor = "BAS"
contacts = ["Tel 1", "Fax 2"]
languages = ["de", "en"]
colour = "#00ff0a"
[external.bank]
name = "Bank"
[resource.line]
kind = "restore_bandwidth"
capacity = 500
[resource.operators]
kind = "crew"
capacity = 3
[[authority]]
may = "stop-service"
on = ["site:ess"]
granted_by = "board"
"##;

#[test]
fn every_field_is_read_and_kept() {
    let estate = estate(FULL);
    let core = &estate.services[&id("service:core")];
    assert_eq!((core.tier, core.memory, core.cpu_boot), (Some(6), 2048, 2));
    assert_eq!((core.capacity, core.cold_load, core.boot_s), (Some(400), Some(300), 90));
    assert_eq!(core.crew, [id("resource:operators")]);
    assert_eq!((core.start_class, core.second_person), (StartClass::Once, true));
    let run = core.run.as_ref().unwrap();
    assert_eq!(run.environment["a b"], "\u{1}");
    assert!(run.job && run.pid_file.is_some() && run.directory.is_some());
    assert_eq!(core.gates[0].probe, Probe::Http { url: "http://127.0.0.1:1/health".into(), status: 204 });
    assert_eq!(
        (core.gates[0].hold_ms, core.gates[0].deadline_ms, core.gates[0].every_ms),
        (3000, 60_000, 100)
    );
    assert_eq!(core.gates[1].probe, Probe::Command(vec!["check".into(), "core".into()]));
    assert_eq!((core.gates[1].hold_ms, core.gates[1].deadline_ms), (5, 70));
    let inferred = estate.edges.iter().find(|edge| edge.evidence == Evidence::Inferred).unwrap();
    assert_eq!((inferred.confidence, inferred.by.as_deref()), (800, Some("socket seen")));
    let source = estate.stores[&id("store:cases")].source.as_ref().unwrap();
    assert_eq!(source.secret, Secret::Environment("RESTIC_PASSWORD".into()));
    assert_eq!(source.resource, Some(id("resource:line")));
    let eau = &estate.capabilities[&id("capability:eau")];
    assert_eq!(eau.cut, CutBehaviour::Reject { reason: "paper works".into() });
    assert_eq!(eau.served_by[0].to, Tenants::Listed(vec![id("tenant:x")]));
    assert_eq!(eau.served_by[1].to, Tenants::Site(id("site:ess")));
    assert_eq!(estate.tenants[&id("tenant:x")].languages, ["de", "en"]);
    assert_eq!(estate.authority[0].on, [id("site:ess")]);
    assert_eq!(estate.sites[&id("site:ess")].doors[0].close, ["fw", "close"]);
}

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
