//! Every finding about content, with the smallest estate that shows it.

use super::super::check::{content, judge};
use super::super::place::Sources;
use super::super::{Finding, Grade};
use super::{codes, id, marked, read_toml};
use message::spaced;

/// The findings with this code, and the text that the first of them marks.
fn found(text: &str, code: &str) -> (Vec<Finding>, String) {
    let reading = read_toml(text);
    assert_eq!(reading.findings, [], "the test's own estate must be well formed");
    let all = judge(&reading);
    let of_code: Vec<Finding> = all.iter().filter(|finding| finding.code == code).cloned().collect();
    let first = of_code.first().unwrap_or_else(|| panic!("no `{code}` among {:?}", codes(&all)));
    let mark = first.place.as_ref().map_or("", |_| marked(&reading, first)).to_owned();
    (of_code, mark)
}

/// One finding of this code and grade at this mark, whose text holds `says`.
fn check(text: &str, grade: Grade, code: &str, mark: &str, says: &str) {
    let (of_code, marked) = found(text, code);
    assert_eq!(of_code.len(), 1, "{of_code:?}");
    assert_eq!((of_code[0].grade, marked.as_str()), (grade, mark));
    let all =
        format!("{} | {} | {}", of_code[0].message.what, of_code[0].message.means, of_code[0].message.to_do);
    assert!(all.contains(says), "`{says}` is not in: {all}");
}

/// Nothing to find: what every part needs is there.
const SOUND: &str = r#"
provider = "P"
[site.s]
[[site.s.doors]]
name = "front"
close = ["c"]
open = ["o"]
probe = "127.0.0.1:1"
[service.base]
site = "s"
run.start = ["b"]
[[service.base.gates]]
tcp = "127.0.0.1:2"
[service.top]
site = "s"
run.start = ["t"]
needs.start_only = ["base"]
needs.data = ["store:d"]
[[service.top.gates]]
http = "http://127.0.0.1/health"
uses = ["base", "store:d"]
[store.d]
site = "s"
size = 1
path = "/d"
source = { repository = "restic:/r", secret_env = "S" }
[capability.c]
name = { de = "c", fr = "c", en = "c" }
served_by = [{ service = "top" }]
[tenant.t]
insured = 5
contacts = ["Tel 1"]
[[authority]]
may = "stop-service"
[[authority]]
may = "close-door"
"#;

/// The sound estate with one piece replaced.
fn but(from: &str, to: &str) -> String {
    assert_eq!(SOUND.matches(from).count(), 1, "`{from}` stands once in the sound estate");
    SOUND.replace(from, to)
}

#[test]
fn a_sound_estate_has_no_findings() {
    assert_eq!(judge(&read_toml(SOUND)), []);
}

#[test]
fn every_kind_of_reference_to_nothing_is_found_at_its_place() {
    let text = r#"
[host.h]
site = "no1"
[service.a]
host = "no2"
site = "no3"
crew = ["no4"]
needs.soft = ["no5", "store:no6"]
gates = [{ tcp = "127.0.0.1:1", uses = ["no7"] }]
[store.t]
site = "no8"
source = { repository = "restic:/r", secret_env = "S", resource = "no9" }
[capability.c]
served_by = [{ service = "no10" }, { service = "a", site = "no11" }, { service = "a", tenants = ["no12"] }]
[tenant.x]
site = "no13"
[[authority]]
may = "stop-service"
on = ["site:no14"]
"#;
    let reading = read_toml(text);
    let all = judge(&reading);
    let unknown: Vec<&Finding> = all.iter().filter(|finding| finding.code == "unknown-reference").collect();
    assert!(unknown.iter().all(|finding| finding.grade == Grade::Blocking));
    let placed: Vec<&str> = unknown
        .iter()
        .filter(|finding| finding.place.is_some())
        .map(|finding| marked(&reading, finding))
        .collect();
    assert_eq!(
        placed,
        [
            "\"no1\"",
            "\"no2\"",
            "\"no3\"",
            "\"no4\"",
            "\"no7\"",
            "\"no5\"",
            "\"store:no6\"",
            "\"no8\"",
            "\"no9\"",
            "\"no10\"",
            "\"no11\"",
            "\"no12\"",
            "\"no13\""
        ]
    );
    // An authority has no id, so its place is not known.
    assert_eq!(unknown.len(), 14);
}

#[test]
fn an_unknown_reference_comes_with_the_nearest_name() {
    check(
        &but("[\"base\"]\nneeds.data", "[\"bsae\"]\nneeds.data").replace("uses", "# uses"),
        Grade::Blocking,
        "unknown-reference",
        "\"bsae\"",
        "did you mean `base`?",
    );
}

#[test]
fn a_ring_is_named_with_the_softest_edge_to_cut() {
    let text = "[service.a]\nneeds.hard = [\"b\"]\n[service.b]\nneeds.data = [{ on = \"c\", confidence = 0.4 }]\n\
                [service.c]\nneeds.data = [\"a\"]\n";
    check(
        text,
        Grade::Blocking,
        "ring",
        "{ on = \"c\", confidence = 0.4 }",
        "`data` from service:b to service:c",
    );
}

#[test]
fn a_link_between_two_is_as_firm_as_the_hardest_of_its_edges() {
    let text =
        "[service.a]\nneeds.hard = [\"b\"]\nneeds.start_only = [\"b\"]\n[service.b]\nneeds.data = [\"a\"]\n";
    check(text, Grade::Blocking, "ring", "\"a\"", "`data` from service:b to service:a");
}

#[test]
fn each_ring_is_found_once_and_soft_rings_are_none() {
    let text = "[service.a]\nneeds.hard = [\"b\"]\n[service.b]\nneeds.hard = [\"a\"]\n[service.c]\nneeds.hard = [\"d\"]\n\
                [service.d]\nneeds.order = [\"c\"]\n[service.e]\nneeds.soft = [\"f\"]\n[service.f]\nneeds.hard = [\"e\"]\n";
    let (rings, _) = found(text, "ring");
    let paths: Vec<&str> = rings.iter().map(|ring| ring.message.what.split(": ").nth(1).unwrap()).collect();
    assert_eq!(paths, ["service:a -> service:b -> service:a", "service:c -> service:d -> service:c"]);
}

#[test]
fn a_need_of_itself_blocks_unless_it_is_soft() {
    check("[service.a]\nneeds.hard = [\"a\"]\n", Grade::Blocking, "self-need", "\"a\"", "never start");
    check("[service.a]\nneeds.soft = [\"a\"]\n", Grade::Note, "self-need", "\"a\"", "remove it");
}

#[test]
fn a_gate_may_not_use_what_waits_for_its_service() {
    let text = but("tcp = \"127.0.0.1:2\"", "tcp = \"127.0.0.1:2\"\nuses = [\"top\"]");
    check(&text, Grade::Blocking, "gate-uses-later", "\"top\"", "it waits for this very service");
}

#[test]
fn a_gate_may_not_use_what_nothing_puts_earlier() {
    let text = but("needs.start_only = [\"base\"]", "needs.soft = [\"base\"]");
    check(&text, Grade::Blocking, "gate-uses-later", "\"base\"", "nothing makes it start earlier");
    // What is outside is never restored, and an order edge puts the provider first.
    let outside =
        but("uses = [\"base\", \"store:d\"]", "uses = [\"external:e\", \"top\"]") + "[external.e]\n";
    assert_eq!(judge(&read_toml(&outside)), []);
    let ordered = but("needs.start_only = [\"base\"]", "needs.order = [\"base\"]");
    assert_eq!(judge(&read_toml(&ordered)), []);
}

#[test]
fn a_gate_that_cannot_pass_or_be_asked_is_found() {
    let long = but("uses = [\"base\", \"store:d\"]", "hold_s = 200");
    check(&long, Grade::Blocking, "gate-cannot-pass", "[[service.top.gates]]", "200000 ms within 120000 ms");
    for (from, to) in [
        ("tcp = \"127.0.0.1:2\"", "tcp = \"127.0.0.1\""),
        ("tcp = \"127.0.0.1:2\"", "tcp = \":80\""),
        ("http = \"http://127.0.0.1/health\"", "http = \"https://127.0.0.1/\""),
        ("http = \"http://127.0.0.1/health\"", "http = \"http://\""),
    ] {
        let (all, _) = found(&but(from, to), "gate-address");
        assert_eq!((all.len(), all[0].grade), (1, Grade::Serious), "{to}");
    }
    check(
        &but("127.0.0.1:2", "base.example:2"),
        Grade::Serious,
        "gate-needs-names",
        "[[service.base.gates]]",
        "service:base",
    );
}

#[test]
fn what_does_not_fit_on_its_host_blocks() {
    let text = "[host.h]\nmemory = 10\ncpu = 2\n[service.a]\nhost = \"h\"\nmemory = 6\n[service.b]\nhost = \"h\"\nmemory = 5\n";
    check(text, Grade::Blocking, "host-too-small", "10", "keep 11 MiB, it has 10");
    let text = "[host.h]\ncpu = 2\n[service.a]\nhost = \"h\"\ncpu_boot = 3\n";
    check(text, Grade::Blocking, "host-too-small", "3", "boots on 3 cores");
}

#[test]
fn crews_and_bandwidth_must_exist_and_be_of_their_kind() {
    let service = "[service.a]\ncrew = [\"r\"]\n[resource.r]\n";
    let store = "[store.t]\nrestore_rate = 9\nsource = { repository = \"r\", secret_env = \"S\", resource = \"r\" }\n[resource.r]\n";
    check(
        &format!("{service}kind = \"cpu\"\ncapacity = 1"),
        Grade::Blocking,
        "no-crew",
        "\"r\"",
        "not of kind crew",
    );
    check(
        &format!("{service}kind = \"crew\"\ncapacity = 0"),
        Grade::Blocking,
        "no-crew",
        "\"r\"",
        "there are none",
    );
    check(
        &format!("{store}kind = \"crew\"\ncapacity = 9"),
        Grade::Blocking,
        "no-bandwidth",
        "9",
        "not of kind",
    );
    check(
        &format!("{store}kind = \"restore_bandwidth\"\ncapacity = 0"),
        Grade::Blocking,
        "no-bandwidth",
        "9",
        "carries nothing",
    );
    check(
        &format!("{store}kind = \"restore_bandwidth\"\ncapacity = 8"),
        Grade::Serious,
        "rate-above-bandwidth",
        "9",
        "carries 8",
    );
}

#[test]
fn services_that_cannot_be_started_or_seen_are_found() {
    check(
        &but("run.start = [\"b\"]", "run.stop = [\"b\"]"),
        Grade::Serious,
        "run-without-start",
        "run",
        "service:base",
    );
    let blind = but("[[service.base.gates]]\ntcp = \"127.0.0.1:2\"", "");
    check(&blind, Grade::Serious, "run-without-gate", "run", "service:base");
    let job = blind.replace("run.start = [\"b\"]", "run.start = [\"b\"]\nrun.job = true");
    assert_eq!(judge(&read_toml(&job)), [], "a job is done when it exits 0");
    check(&but("run.start = [\"b\"]", ""), Grade::Note, "start-by-hand", "base", "service:base");
    check(
        &blind.replace("run.start = [\"b\"]", ""),
        Grade::Note,
        "service-without-gate",
        "base",
        "service:base",
    );
}

#[test]
fn two_stores_in_one_repository() {
    let other = "[store.e]\nsize = 1\npath = \"/e\"\nsource = { repository = \"restic:/r/\", secret_env = \"S\", paths = [\"/e\"] }\n";
    let mark = r#"{ repository = "restic:/r", secret_env = "S" }"#;
    let says = "write paths = [\"/d\"]";
    check(&format!("{SOUND}\n{other}"), Grade::Serious, "store-shares-copies", mark, says);
}

#[test]
fn paths_that_do_not_say_where_they_go() {
    let source =
        |paths: &str| format!("{{ repository = \"restic:/r\", paths = {paths}, secret_env = \"S\" }}");
    let paths = |paths: &str| but(r#"{ repository = "restic:/r", secret_env = "S" }"#, &source(paths));
    let check = |of: &str, says| check(&paths(of), Grade::Blocking, "store-paths", &source(of), says);
    check(r#"["/d/a"]"#, "write `path = \"/d/a\"`");
    check(r#"["/d", "/etc"]"#, "write `paths = [\"/d\"]`");
    let above = judge(&read_toml(&paths(r#"["/"]"#)));
    assert_eq!(above, [], "the root that is backed up may be named");
}

#[test]
fn stores_that_cannot_be_restored_are_found() {
    check(&but("source = {", "# {"), Grade::Serious, "store-without-source", "d", "gone");
    let (all, _) = found(&but("path = \"/d\"", ""), "store-without-path");
    assert_eq!(all[0].ids, [id("store:d")]);
    check(&but("size = 1", ""), Grade::Note, "store-without-size", "d", "too early");
    check(
        &format!(
            "{SOUND}[store.e]\nsize = 1\npath = \"/e\"\nsource = {{ repository = \"r\", secret_file = \"s\" }}"
        ),
        Grade::Note,
        "store-unneeded",
        "e",
        "store:e",
    );
}

#[test]
fn doors_that_cannot_be_closed_or_seen_are_found() {
    check(&format!("{SOUND}[site.bare]\n"), Grade::Serious, "site-without-door", "bare", "site:bare");
    let second = "[[site.s.doors]]\nname = \"back\"\n";
    let text = |fields: &str| but("[service.base]\n", &format!("{second}{fields}[service.base]\n"));
    let mark = "[[site.s.doors]]";
    check(&text("open = [\"o\"]\nprobe = \"p\"\n"), Grade::Serious, "door-without-close", mark, "`back`");
    check(&text("open = [\"o\"]\nclose = [\"c\"]\n"), Grade::Serious, "door-without-probe", mark, "`back`");
    check(&text("close = [\"c\"]\nprobe = \"p\"\n"), Grade::Serious, "door-without-open", mark, "`back`");
}

#[test]
fn what_ties_sites_together_is_found() {
    let text = "[site.s]\n[site.t]\n[service.a]\nsite = \"s\"\nneeds.hard = [\"b\", \"store:x\"]\n[service.b]\nsite = \"t\"\n[store.x]\nsite = \"s\"\n";
    check(text, Grade::Note, "crosses-sites", "\"b\"", "service:a needs service:b");
}

#[test]
fn how_well_dependencies_are_known_is_said() {
    check(
        &format!("{SOUND}[service.lone]\n"),
        Grade::Serious,
        "no-known-dependency",
        "lone",
        "1 of 3 services, 33 %",
    );
    let inferred = but("[\"base\"]\nneeds.data", "[{ on = \"base\", evidence = \"inferred\" }]\nneeds.data");
    check(
        &inferred,
        Grade::Note,
        "uncertain-need",
        "{ on = \"base\", evidence = \"inferred\" }",
        "service:top on service:base",
    );
}

#[test]
fn tiers_that_contradict_the_dependencies_are_found() {
    let text =
        but("run.start = [\"b\"]", "run.start = [\"b\"]\ntier = 3").replace("[\"t\"]", "[\"t\"]\ntier = 2");
    check(&text, Grade::Note, "tier-upside-down", "2", "service:top");
}

#[test]
fn what_nobody_may_do_at_an_alarm_is_said() {
    check(
        &but("[[authority]]\nmay = \"close-door\"", ""),
        Grade::Note,
        "no-authority",
        "",
        "nobody may close-door at",
    );
}

#[test]
fn a_capability_that_nothing_serves_is_found_with_its_people() {
    check(
        &but("served_by = [{ service = \"top\" }]", ""),
        Grade::Serious,
        "capability-unserved",
        "c",
        "for 5 insured people",
    );
    let text = but("{ service = \"top\" }", "{ service = \"top\", tenants = [\"t\"] }")
        + "[tenant.u]\ninsured = 1234567\ncontacts = [\"Tel 2\"]\n";
    let (all, _) = found(&text, "capability-unserved");
    assert_eq!(
        (all[0].grade, all[0].ids.as_slice()),
        (Grade::Note, [id("capability:c"), id("tenant:u")].as_slice())
    );
    assert!(
        all[0].message.what.contains("1 tenant with 1 234 567 insured people: tenant:u"),
        "{}",
        all[0].message.what
    );
}

#[test]
fn single_points_of_failure_come_by_weight_and_outsiders_are_not_ours_to_restore() {
    let text = r#"
[external.x]
[service.small]
needs.hard = ["base"]
[service.large]
needs.hard = ["base", "external:x"]
[service.base]
[capability.c]
urgency = 2
served_by = [{ service = "small", tenants = ["a"] }, { service = "large" }]
[tenant.a]
insured = 10
[tenant.b]
insured = 90
"#;
    let (all, mark) = found(text, "single-point");
    let about: Vec<_> = all.iter().map(|finding| (finding.ids[0].to_string(), finding.grade)).collect();
    assert_eq!(
        about,
        [("service:base".to_owned(), Grade::Serious), ("external:x".to_owned(), Grade::Serious)]
    );
    assert_eq!(mark, "base");
    assert!(
        all[0]
            .message
            .what
            .contains("2 more services stop: 100 % of all service, 100 insured people of 2 tenants"),
        "{}",
        all[0].message.what
    );
    assert!(
        all[1].message.what.contains("90 % of all service, 90 insured people of 1 tenant"),
        "{}",
        all[1].message.what
    );
    assert!(all[1].message.means.contains("not ours to restore"));
}

#[test]
fn only_the_heaviest_single_points_are_shown_one_by_one() {
    let mut text =
        "[capability.c]\nserved_by = [{ service = \"s00\" }]\n[tenant.t]\ninsured = 1\n[service.s12]\n"
            .to_owned();
    for at in 0..12 {
        text += &format!("[service.s{at:02}]\nneeds.hard = [\"s{:02}\"]\n", at + 1);
    }
    assert_eq!(found(&text, "single-point").0.len(), 10);
    assert_eq!(found(&text, "single-points-more").0[0].ids.len(), 2);
}

#[test]
fn a_service_that_nobody_needs_is_found_and_needs_count_through_others() {
    let text = format!(
        "{SOUND}[service.watch]\nneeds.soft = [\"base\"]\nrun.start = [\"w\"]\ngates = [{{ tcp = \"127.0.0.1:3\" }}]\n"
    );
    check(&text, Grade::Note, "service-unneeded", "watch", "service:watch");
}

#[test]
fn tenants_without_number_or_contact_are_found() {
    check(&but("insured = 5", ""), Grade::Serious, "tenant-without-insured", "t", "tenant:t");
    check(&but("contacts = [\"Tel 1\"]", ""), Grade::Note, "tenant-without-contact", "t", "whom to call");
}

#[test]
fn capabilities_that_lack_something_are_found() {
    let name = "{ de = \"c\", fr = \"c\", en = \"c\" }";
    check(
        &but(name, "{ de = \"c\", fr = \"c\" }"),
        Grade::Note,
        "untranslated",
        "{ de = \"c\", fr = \"c\" }",
        "capability:c",
    );
    check(
        &but("[capability.c]", "[capability.c]\nurgency = 0"),
        Grade::Serious,
        "no-urgency",
        "0",
        "capability:c",
    );
    let rejects = but("[capability.c]", "[capability.c]\ncut = { reject = \"no\" }");
    check(&rejects, Grade::Note, "cut-rejects", "{ reject = \"no\" }", "capability:c");
}

#[test]
fn an_estate_with_nothing_in_it_is_no_estate() {
    check(
        "provider = \"P\"",
        Grade::Serious,
        "nothing-there",
        "",
        "no services, no capabilities, no tenants",
    );
}

#[test]
fn findings_come_worst_first_and_need_no_files() {
    let reading = read_toml("[service.a]\nneeds.hard = [\"a\", \"b\"]\n[service.c]\n[site.x]\n");
    let all = judge(&reading);
    assert!(all.is_sorted_by_key(|finding| finding.grade));
    let bare = content(&reading.estate, &Sources::default());
    assert_eq!(codes(&bare), codes(&all));
    assert!(bare.iter().all(|finding| finding.place.is_none()));
}

#[test]
fn an_estate_beyond_all_measure_is_refused_and_one_just_below_is_judged() {
    let chain = |length: usize| -> String {
        (0..length)
            .map(|at| format!("[service.s{at}]\nneeds.hard = [\"s{}\"]\n", (at + 1) % length))
            .collect()
    };
    assert_eq!(codes(&judge(&read_toml(&chain(20_001)))), ["too-large"]);
    assert!(codes(&judge(&read_toml(&chain(300)))).contains(&"ring"));
}

#[test]
fn numbers_are_grouped() {
    assert_eq!([0, 999, 1000, 25_000_000].map(spaced), ["0", "999", "1 000", "25 000 000"]);
}
