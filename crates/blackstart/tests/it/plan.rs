//! `blackstart plan`: its contract as JSON, wishes, plan files shown, checked and compared, and what is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn here(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

fn gkv() -> String {
    here("../../estates/gkv")
}

fn plan_in(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_blackstart"));
    command.arg("plan").args(arguments).current_dir(folder).stdin(Stdio::null()).output().unwrap()
}

fn plan(arguments: &[&str]) -> Output {
    plan_in(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn talk(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", talk(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A small estate in a folder of its own: a core with its data, an identity, two funds.
fn small(more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        r#"provider = "P"
[site.here]
name = "Here"
[resource.crew]
kind = "crew"
capacity = 1
[service.identity]
site = "here"
boot_s = 20
crew = ["crew"]
[service.mail]
site = "here"
boot_s = 30
crew = ["crew"]
[service.core]
site = "here"
boot_s = 60
needs.hard = ["identity"]
needs.data = ["store:book"]
[store.book]
site = "here"
size = 600
restore_rate = 10
[capability.eau]
name = {{ de = "AU" }}
urgency = 5
rto_s = 60
[[capability.eau.served_by]]
service = "core"
[tenant.a]
name = "A"
insured = 1000
site = "here"
[tenant.b]
name = "B"
insured = 3000
site = "here"
{more}"#
    );
    fs::write(folder.path().join("estate.toml"), text).unwrap();
    folder
}

#[test]
fn the_answer_has_the_fields_that_scripts_rely_on() {
    let answer =
        json(&plan(&[&gkv(), "--lost", "site:muc", "--schedules", "12", "--samples", "10", "--json"]));
    for step in answer["steps"].as_array().unwrap() {
        for field in ["id", "service", "kind"] {
            assert!(step[field].is_string(), "{step}");
        }
        assert!(step["start_s"].as_u64().unwrap() <= step["end_s"].as_u64().unwrap());
    }
    for served in answer["served"].as_array().unwrap() {
        assert!(served["tenant"].is_string() && served["capability"].is_string() && served["at_s"].is_u64());
        assert!(served["early_s"].as_u64().unwrap() <= served["late_s"].as_u64().unwrap());
    }
    let hours = answer["insured_hours"].as_f64().unwrap();
    assert!(answer["lower_bound"].as_f64().unwrap() <= hours && answer["gap"].as_f64().unwrap() < 1.0);
    for usual in ["fifo", "tier", "size"] {
        assert!(answer["baselines"][usual].as_f64().unwrap() >= hours);
    }
    assert!(answer["schedules"].as_u64().unwrap() <= 12);
    assert!(
        !answer["decisions"].as_array().unwrap().is_empty()
            && !answer["not_known"].as_array().unwrap().is_empty()
    );
}

#[test]
fn the_same_seed_and_number_of_schedules_give_the_same_plan_file() {
    let folder = small("");
    for file in ["one", "two"] {
        json(&plan_in(
            folder.path(),
            &["estate.toml", "--schedules", "30", "--seed", "7", "-o", file, "--json"],
        ));
    }
    let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    assert_eq!(read("one"), read("two"));
    let difference = plan_in(folder.path(), &["diff", "one", "two", "estate.toml"]);
    assert!(out(&difference).contains("the two are the same"), "{}", out(&difference));
}

#[test]
fn a_wish_is_priced_as_a_comparison_and_several_combine() {
    let folder = small("");
    let what_if = |more: &[&str]| {
        let arguments = ["estate.toml", "--schedules", "20", "--json"];
        json(&plan_in(folder.path(), &[&arguments[..], more].concat()))
    };
    let answer = what_if(&["--what-if", "crew=2"]);
    assert!(answer["saves_insured_hours"].as_f64().unwrap() >= 0.0);
    assert_eq!(answer["wishes"][0], "resource:crew is 2 instead of 1");
    assert!(answer["base"]["insured_hours"].is_f64() && answer["steps"].is_array());
    let answer = what_if(&["--without", "store:book", "--what-if", "crew=2", "--first", "tenant:a"]);
    assert_eq!(answer["wishes"].as_array().unwrap().len(), 3);
    assert_eq!(answer["never"].as_array().unwrap().len(), 2);
    assert_eq!(answer["moved"][0]["wish_s"], Value::Null);
    assert!(answer["saves_insured_hours"].as_f64().unwrap() < 0.0);
}

#[test]
fn several_tenants_may_come_first_and_nobody_is_told_that_it_saves_anything() {
    let folder = small("");
    let output = plan_in(
        folder.path(),
        &[
            "estate.toml",
            "--schedules",
            "20",
            "--first",
            "tenant:a",
            "--first",
            "tenant:b",
            "--first",
            "tenant:a",
        ],
    );
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    let said = out(&output);
    assert!(said.contains("tenant:a and tenant:b come before all others"), "{said}");
    assert!(!said.contains("saved by it") || said.contains("0.0  saved by it"), "{said}");
}

#[test]
fn wishes_that_mean_nothing_are_refused_with_what_would_be_understood() {
    let folder = small("");
    for (arguments, code, says) in [
        (vec!["--what-if", "crew=NaN"], 2, "not a whole number"),
        (vec!["--what-if", "dragons=2"], 2, "resource:crew"),
        (vec!["--what-if", "crew=1", "crew=2"], 2, "twice"),
        (vec!["--what-if", "crew=0"], 1, "needs 1 of resource:crew, which has 0"),
        (vec!["--what-if", "crew=2", "-o", "plan"], 2, "write it into the estate"),
        (vec!["--first", "service:core"], 1, "only tenants"),
        (vec!["--without", "tenant:a"], 1, "cannot be done without"),
        (vec!["--lost", "service:core", "--without", "store:book"], 1, "not among what is lost"),
        (vec!["--lost", "nonsense"], 2, "as the estate does"),
        (vec!["--schedules", "0"], 2, "schedules"),
        (vec!["--seed", "NaN"], 2, "seed"),
        (vec!["--continue"], 2, "--journal"),
    ] {
        let output =
            plan_in(folder.path(), &[&["estate.toml", "--schedules", "5"][..1], &arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", talk(&output));
        assert!(talk(&output).contains(says), "{arguments:?}: {}", talk(&output));
        assert!(out(&output).is_empty() && !folder.path().join("plan").exists());
    }
}

#[test]
fn a_circle_is_named_with_the_softest_link_to_cut() {
    let folder = small("[[needs]]\n");
    let estate = fs::read_to_string(folder.path().join("estate.toml")).unwrap();
    let ring = estate.replace("[[needs]]\n", "").replacen(
        "boot_s = 20",
        "boot_s = 20\nneeds.start_only = [\"core\"]",
        1,
    );
    fs::write(folder.path().join("estate.toml"), ring).unwrap();
    let output = plan_in(folder.path(), &["estate.toml"]);
    assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
    let said = talk(&output);
    assert!(said.contains("service:core") && said.contains("in a circle"), "{said}");
    assert!(
        said.contains("cut the softest link, `start_only` from service:identity to service:core"),
        "{said}"
    );
}

#[test]
fn a_plan_file_is_shown_checked_printed_and_drawn() {
    let folder = small("");
    json(&plan_in(
        folder.path(),
        &["estate.toml", "--schedules", "30", "-o", "plan", "--html", "plan.html", "--json"],
    ));
    assert!(fs::read_to_string(folder.path().join("plan.html")).unwrap().ends_with("</html>\n"));
    let checked = plan_in(folder.path(), &["check", "plan", "estate.toml"]);
    assert_eq!(checked.status.code(), Some(0), "{}", out(&checked));
    assert!(out(&checked).contains("keep every dependency and every limit"));
    let shown = plan_in(folder.path(), &["show", "plan", "estate.toml"]);
    assert!(out(&shown).contains("4 000 insured people of tenant:a, tenant:b"), "{}", out(&shown));
    assert!(out(&shown).contains("Later than promised"));
    let shown = json(&plan_in(folder.path(), &["show", "plan", "--json"]));
    assert!(shown["steps"].is_array() && shown.get("not_known").is_none());
    let printed = plan_in(folder.path(), &["show", "plan", "estate.toml", "--print"]);
    let printed_out = out(&printed);
    let wide: Vec<&str> =
        printed_out.split(['\n', '\u{c}']).filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:#?}");
    assert!(out(&printed).contains("[ ]  0:00:00"));
}

#[test]
fn a_flipped_bit_and_another_estate_are_found() {
    let folder = small("");
    json(&plan_in(folder.path(), &["estate.toml", "--schedules", "10", "-o", "plan", "--json"]));
    let path = folder.path().join("plan");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(folder.path().join("flipped"), text.replacen("\"start_s\": 0", "\"start_s\": 1", 1)).unwrap();
    for command in ["check", "show"] {
        let output = plan_in(folder.path(), &[command, "flipped", "estate.toml"]);
        assert_eq!(output.status.code(), Some(1), "{}", talk(&output));
        assert!(talk(&output).contains("was changed after it was made"), "{}", talk(&output));
        assert!(out(&output).is_empty());
    }
    let estate = fs::read_to_string(folder.path().join("estate.toml")).unwrap();
    fs::write(folder.path().join("other.toml"), estate.replace("boot_s = 60", "boot_s = 61")).unwrap();
    let output = plan_in(folder.path(), &["check", "plan", "other.toml", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let faults = answer["faults"].to_string();
    assert!(
        faults.contains("made for estate") && faults.contains("service:core is not as it was"),
        "{faults}"
    );
    assert!(!faults.contains("service:mail"), "{faults}");
}

#[test]
fn numbers_at_the_edge_are_planned_or_refused_and_never_break_it() {
    for (from, to, code) in [
        ("boot_s = 60", "boot_s = 1000000000", 0),
        ("boot_s = 60", "boot_s = 9000000000000000000", 1),
        ("size = 600", "size = 9000000000000000000", 1),
        ("insured = 1000", "insured = 1000000000000", 0),
        ("insured = 1000", "insured = 9000000000000000000", 1),
        ("insured = 1000", "insured = 0", 0),
        ("urgency = 5", "urgency = 0", 0),
        ("restore_rate = 10", "restore_rate = 0", 1),
        ("capacity = 1", "capacity = 0", 1),
    ] {
        let folder = small("");
        let path = folder.path().join("estate.toml");
        let text = fs::read_to_string(&path).unwrap().replacen(from, to, 1);
        fs::write(&path, text).unwrap();
        let output =
            plan_in(folder.path(), &["estate.toml", "--schedules", "10", "-o", "plan", "--html", "html"]);
        let said = talk(&output);
        assert!(!said.contains("panicked"), "{to}: {said}");
        assert_eq!(output.status.code(), Some(code), "{to}: {said}");
        assert_eq!(folder.path().join("plan").exists(), code == 0, "{to}");
        if code == 0 {
            let checked = plan_in(folder.path(), &["check", "plan", "estate.toml"]);
            assert!(checked.status.success(), "{to}: {}", out(&checked));
        }
    }
}
