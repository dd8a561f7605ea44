//! What is read from files, and how mistakes of form are named.

use super::super::model::{CutBehaviour, Evidence, Probe, Secret, StartClass, Tenants};
use super::super::read::read_files;
use super::super::{Grade, canonical, read};
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
fn tenants_come_from_a_spreadsheet_with_commas_or_semicolons() {
    let comma = "id,name,insured,site,languages,contacts\nnord,\"Kasse \"\"Nord\"\", eG\",1200,ess,de en,Tel 1 | Fax 2\n";
    let semicolon = "\u{feff}site;contacts;languages;insured;name;id\r\ness;Tel 1|Fax 2;de|en;1200;\"Kasse \"\"Nord\"\", eG\";nord\r\n";
    let toml = "[tenant.nord]\nname = 'Kasse \"Nord\", eG'\ninsured = 1200\nsite = \"ess\"\nlanguages = [\"de\", \"en\"]\ncontacts = [\"Tel 1\", \"Fax 2\"]";
    for csv in [comma, semicolon] {
        let reading = read_files(&[file("tenants.csv", csv.as_bytes())]);
        assert_eq!(reading.findings, []);
        assert_eq!(reading.estate, estate(toml));
    }
}

#[test]
fn a_cell_may_hold_a_line_break_and_still_has_its_place() {
    let csv = "id,insured,name\na,7,\"two\nlines\"\nb,x,B\n";
    let reading = read_files(&[file("tenants.csv", csv.as_bytes())]);
    assert_eq!(reading.estate.tenants[&id("tenant:a")].name, "two\nlines");
    assert_eq!(codes(&reading.findings), ["wrong-type"]);
    assert_eq!(marked(&reading, &reading.findings[0]), "x");
    let place = reading.sources.place(&id("tenant:b"), "insured").unwrap();
    assert_eq!(reading.sources.line(place), Some(("tenants.csv", 4, 3)));
}

#[test]
fn a_wrong_row_is_named_and_the_others_are_read() {
    let csv = "id,insured,colur,site\nA B,1,,\na,2,red\nb,3,,\nb,4,,\nc,1.000,,x y\n";
    let reading = read_files(&[file("tenants.csv", csv.as_bytes())]);
    assert_eq!(
        codes(&reading.findings),
        ["unknown-field", "bad-id", "row-length", "wrong-type", "bad-id", "duplicate-id"]
    );
    assert!(reading.findings[0].message.to_do.to_string().contains("`colour`"));
    assert_eq!(reading.estate.tenants.len(), 3);
    assert_eq!(reading.estate.tenants[&id("tenant:b")].insured, 3);
}

#[test]
fn a_table_without_ids_or_with_an_open_quote_is_not_guessed_at() {
    for csv in ["name,insured\nA,1\n", "id,name\na,\"open\nb,x\n"] {
        let reading = read_files(&[file("tenants.csv", csv.as_bytes())]);
        assert!(reading.incomplete && reading.estate.tenants.is_empty());
        assert_eq!(reading.findings[0].grade, Grade::Blocking);
    }
}

#[test]
fn an_unknown_field_is_named_with_the_nearest_known_one() {
    let reading = read_toml("[service.a]\nmemroy = 1\n[service.a.run]\nstrat = [\"x\"]\n[sevice.b]\n");
    let advice: Vec<String> =
        reading.findings.iter().map(|finding| finding.message.to_do.to_string()).collect();
    assert_eq!(codes(&reading.findings), ["unknown-field"; 3]);
    assert_eq!(advice, ["did you mean `start`?", "did you mean `memory`?", "did you mean `service`?"]);
    assert_eq!(marked(&reading, &reading.findings[1]), "memroy");
}

#[test]
fn a_value_of_the_wrong_type_is_marked_and_the_thing_stays() {
    let reading = read_toml(
        "[service.a]\nmemory = \"much\"\ncrew = \"x\"\nsecond_person = 1\nstart_class = \"twice\"\nhost = 3\n\
         needs.hard = [7, { by = \"me\" }, { on = \"b\", confidence = 2 }]\nboot_s = -1\ntier = 1_000_000_000_001\n\
         gates = [{ hold_s = 1 }]\n[site.s]\ndoors = 3\n[capability.c]\ncut = \"maybe\"\nname = { fr = \"x\" }\n\
         served_by = [{ service = \"a\", site = \"s\", tenants = [] }]\n[store.t]\nsource = { repository = \"restic:/x\" }\n\
         [resource.r]\n[host]\nh = 1\n",
    );
    assert!(
        reading.findings.iter().all(|finding| finding.grade == Grade::Blocking && finding.place.is_some())
    );
    let mut found: Vec<(&str, &str)> =
        reading.findings.iter().map(|finding| (finding.code, marked(&reading, finding))).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("missing-field", "r"),
            ("missing-field", "r"),
            ("missing-field", "{ by = \"me\" }"),
            ("missing-field", "{ fr = \"x\" }"),
            ("missing-field", "{ hold_s = 1 }"),
            ("missing-field", "{ repository = \"restic:/x\" }"),
            ("missing-field", "{ service = \"a\", site = \"s\", tenants = [] }"),
            ("unknown-value", "\"twice\""),
            ("wrong-type", "\"maybe\""),
            ("wrong-type", "\"much\""),
            ("wrong-type", "\"x\""),
            ("wrong-type", "-1"),
            ("wrong-type", "1"),
            ("wrong-type", "1_000_000_000_001"),
            ("wrong-type", "2"),
            ("wrong-type", "3"),
            ("wrong-type", "3"),
            ("wrong-type", "7"),
            ("wrong-type", "h"),
        ]
    );
    let ids: Vec<String> = reading.estate.services.keys().map(ToString::to_string).collect();
    assert_eq!(ids, ["service:a"]);
    assert_eq!(codes(&read_toml("site = 3\nprovider = []\nauthority = [{ on = [] }]").findings).len(), 3);
}

#[test]
fn a_gate_that_asks_two_things_a_door_without_a_name_and_words_nobody_knows_are_marked() {
    let reading = read_toml(
        "[service.a]\nneeds.hard = [{ on = \"b\", evidence = \"rumour\" }]\n\
         gates = [{ tcp = \"127.0.0.1:1\", http = \"http://127.0.0.1:2/\" }]\n[service.b]\n\
         [site.s]\ndoors = [{ close = [\"x\"] }]\n[resource.r]\nkind = \"luck\"\ncapacity = 1\n",
    );
    let mut found: Vec<(&str, &str)> =
        reading.findings.iter().map(|finding| (finding.code, marked(&reading, finding))).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            ("missing-field", "{ close = [\"x\"] }"),
            ("missing-field", "{ tcp = \"127.0.0.1:1\", http = \"http://127.0.0.1:2/\" }"),
            ("unknown-value", "\"luck\""),
            ("unknown-value", "\"rumour\""),
        ]
    );
    assert!(reading.findings.iter().all(|finding| finding.grade == Grade::Blocking));
    assert_eq!(reading.estate.edges[0].evidence, Evidence::Declared, "the edge itself is kept");
}

#[test]
fn a_column_that_is_there_twice_is_marked() {
    let reading = read_files(&[file("tenants.csv", b"id,insured,insured\na,1,2\n")]);
    assert_eq!(codes(&reading.findings), ["duplicate-column"]);
    assert_eq!(reading.findings[0].grade, Grade::Blocking);
    assert_eq!(marked(&reading, &reading.findings[0]), "insured");
}

#[test]
fn names_that_are_no_ids_and_references_of_the_wrong_kind_are_marked() {
    let reading = read_toml(
        "[service.\"A B\"]\n[service.a]\nhost = \"site:x\"\nneeds.hard = [\"tenant:x\", \"what:x\"]\n",
    );
    let found: Vec<_> = reading.findings.iter().map(|finding| marked(&reading, finding)).collect();
    assert_eq!(codes(&reading.findings), ["bad-id"; 4]);
    assert_eq!(found, ["\"A B\"", "\"site:x\"", "\"tenant:x\"", "\"what:x\""]);
}

#[test]
fn a_thing_defined_in_two_files_is_found_at_the_second_with_the_place_of_the_first() {
    let reading = read_files(&[
        file("a.toml", b"provider = \"P\"\n[site.x]\nname = \"first\"\n"),
        file("b.toml", b"provider = \"Q\"\n[site.x]\nname = \"second\"\n"),
    ]);
    assert_eq!(codes(&reading.findings), ["duplicate-id", "duplicate-id"]);
    assert!(
        reading.findings[1].message.what.contains("first in a.toml line 2"),
        "{}",
        reading.findings[1].message.what
    );
    assert_eq!(reading.findings[1].place.as_ref().unwrap().file, 1);
    assert_eq!(reading.estate.sites[&id("site:x")].name, "first");
}

#[test]
fn doubtful_values_are_said_and_left_out() {
    let reading = read_toml(
        "[tenant.t]\nlanguages = [\"de\", \"it\", \"de\"]\ncolour = \"blue\"\n[service.a]\nneeds.soft = [\"b\", \"b\"]\n\
         [service.b]\n[[authority]]\nmay = \"everything\"\n",
    );
    let mut found = codes(&reading.findings);
    found.sort_unstable();
    assert_eq!(found, ["bad-colour", "duplicate-need", "unknown-authority", "unknown-language"]);
    let tenant = &reading.estate.tenants[&id("tenant:t")];
    assert_eq!((tenant.languages.as_slice(), &tenant.colour), (["de".to_owned()].as_slice(), &None));
    assert_eq!(reading.estate.edges.len(), 1);
}

#[test]
fn a_folder_is_read_as_a_whole_and_a_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("b.toml"), "[site.b]\n").unwrap();
    std::fs::write(folder.path().join("a.toml"), "[site.a]\n").unwrap();
    std::fs::write(folder.path().join(".a.toml"), "[[[ an editor's copy").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "[[[").unwrap();
    std::fs::write(folder.path().join("tenants.csv"), "id\nx\n").unwrap();
    let whole = read(folder.path()).unwrap();
    assert_eq!(whole.findings, []);
    assert_eq!(whole.estate, estate("[site.a]\n[site.b]\n[tenant.x]\n"));
    assert_eq!(read(&folder.path().join("a.toml")).unwrap().estate, estate("[site.a]"));
    let text = canonical::text(&whole.estate);
    std::fs::write(folder.path().join("again"), &text).unwrap();
    assert_eq!(read(&folder.path().join("again")).unwrap().estate, whole.estate);
}

#[test]
fn a_provider_calls_those_whom_it_serves_in_its_own_words_and_others_keep_their_hash() {
    let text = "provider = \"P\"\n[words]\ntenants = { en = \"clinics\", de = \"Kliniken\" }\npeople = { en = \"patients\" }\n";
    let estate = crate::canonical::from_text(text).unwrap();
    assert_eq!((estate.words.tenants(), estate.words.tenant()), ("clinics", "fund"));
    assert_eq!((estate.words.people(), estate.words.hours()), ("patients", "person-hours"));
    assert_eq!(estate.words.tenants_in("de"), Some("Kliniken"));
    let written = crate::canonical::text(&estate);
    assert_eq!(crate::canonical::from_text(&written).unwrap().words, estate.words, "{written}");
    let usual = crate::canonical::from_text("provider = \"P\"\n").unwrap();
    assert!(!crate::canonical::text(&usual).contains("words"));
    assert_eq!((usual.words.tenants(), usual.words.hours()), ("funds", "insured-hours"));
}

#[test]
fn a_ready_set_of_words_says_what_was_not_said() {
    let read = |lines: &str| crate::canonical::from_text(&format!("provider = \"P\"\n[words]\n{lines}"));
    let estate = read("set = \"hospitals\"\ntenants = { en = \"clinics\" }\n").unwrap();
    assert_eq!(
        (estate.words.tenants(), estate.words.tenant()),
        ("clinics", "hospital"),
        "what was said stays"
    );
    assert_eq!(estate.words.tenants_in("de"), Some("Krankenhäuser"));
    assert_eq!((estate.words.people(), estate.words.hours()), ("patients", "person-hours"));
    for set in ["municipalities", "hospitals", "banks"] {
        let words = read(&format!("set = \"{set}\"\n")).unwrap().words;
        for language in ["de", "fr", "en"] {
            let all = [&words.tenant, &words.tenants, &words.people];
            assert!(all.iter().all(|word| word.contains_key(language)), "{set} in {language}");
        }
    }
    assert!(read("set = \"health-funds\"\n").unwrap().words.is_usual(), "and its hash stays");
    assert!(read("set = \"pirates\"\n").is_err());
}
