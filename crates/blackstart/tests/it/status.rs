//! `blackstart status`, `note`, `hold`, `resume`: what a commander is told at each point of an incident.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use super::restart::Provider;

/// The lines below a heading, up to the next empty line.
fn section<'a>(page: &'a str, head: &str) -> Vec<&'a str> {
    let below = page.lines().skip_while(|line| *line != head).skip(1);
    below.take_while(|line| !line.is_empty()).collect()
}

fn json(provider: &Provider) -> Value {
    serde_json::from_str(&provider.works(&["status", "incident", "--json"])).unwrap()
}

#[test]
fn a_quiet_incident_says_that_nothing_waits() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    let page = provider.works(&["status", "incident"]);
    assert_eq!(section(&page, "DECIDE NEXT"), ["  nothing waits for a decision"]);
    assert_eq!(section(&page, "NOT SERVED NORMALLY"), ["  everything works for everybody"]);
    assert!(page.contains("served    100.0 %"), "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 80), "a serial line has 80 columns:\n{page}");
}

#[test]
fn an_incident_opens_for_a_user_who_has_never_run_anything() {
    let provider = Provider::new();
    let home = provider.root().join("home");
    let init = |folder: &str, more: &[&str]| {
        let mut command = provider.command(&[&["init", folder, "--estate", "estate"], more].concat());
        command.env("HOME", &home).env_remove("XDG_STATE_HOME").output().unwrap()
    };
    let output = init("incident", &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let keys = home.join(".local/state/blackstart");
    assert_eq!(fs::read_dir(&keys).unwrap().count(), 1);
    assert_eq!(fs::metadata(&keys).unwrap().permissions().mode() & 0o777, 0o700);
    // A stick that is not plugged in is not made up.
    let output = init("second", &["--key", "stick/key"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        told.contains("the incident was not opened") && told.contains("is its medium plugged in"),
        "{told}"
    );
    assert!(!provider.root().join("second").exists() && !provider.root().join("stick").exists());
}

#[test]
fn a_plan_without_approval_is_what_to_decide_next() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    provider.works(&["plan", "estate", "--journal", "incident", "-o", "plan", "--by", "anna"]);
    let page = provider.works(&["status", "incident"]);
    let next = section(&page, "DECIDE NEXT").join("\n");
    let command = next.lines().last().unwrap().trim().trim_start_matches("blackstart ").to_owned();
    assert!(next.contains("waits for approval") && command.starts_with("approve incident "), "{page}");
    // What it proposes is a command that works as it stands.
    let words: Vec<&str> = command.split(' ').chain(["--yes", "--by", "bert"]).collect();
    provider.works(&words);
    let page = provider.works(&["status", "incident"]);
    assert_eq!(section(&page, "DECIDE NEXT"), ["  nothing waits for a decision"]);
}

#[test]
fn a_plan_can_be_approved_by_its_file_and_a_file_that_is_none_is_not() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    provider.works(&["plan", "estate", "--journal", "incident", "-o", "plan", "--by", "anna"]);
    let output = provider.call(&["approve", "incident", "estate/estate.toml", "--yes"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("estate.toml"));
    let told = provider.works(&["approve", "incident", "plan", "--yes", "--by", "anna"]);
    let text = fs::read_to_string(provider.root().join("plan")).unwrap();
    assert_eq!(told.trim(), format!("approved {}", incident::plan::file::Plan::read(&text).unwrap().hash()));
}

#[test]
fn a_failed_gate_is_told_with_who_is_down_and_with_the_command_that_goes_on() {
    let provider = Provider::new();
    provider.prepare();
    fs::write(provider.root().join("core.ill"), "").unwrap();
    assert_eq!(provider.recover().status.code(), Some(1));
    let page = provider.works(&["status", "incident"]);
    let not_served = section(&page, "NOT SERVED NORMALLY").join("\n");
    assert!(not_served.contains("1 000 insured") && not_served.contains("AU"), "{page}");
    let waiting = section(&page, "WAITING").join("\n");
    assert!(waiting.contains("gate:service:core for somebody"), "{page}");
    assert!(waiting.contains("service:month-end for service:core to be healthy"), "{page}");
    let now = json(&provider);
    assert_eq!((&now["served_thousandths"], &now["run"]["complete"]), (&Value::from(0), &Value::from(false)));
    assert_eq!(now["not_served"][0]["tenants"][0], "tenant:a");
    assert!(now["decide_next"][0]["command"].as_str().unwrap().contains("resume incident service:core"));

    fs::remove_file(provider.root().join("core.ill")).unwrap();
    provider.works(&["resume", "incident", "service:core", "--reason", "disk replaced"]);
    assert!(provider.recover().status.success());
    let now = json(&provider);
    assert_eq!(
        (&now["served_thousandths"], &now["run"]["complete"]),
        (&Value::from(1000), &Value::from(true))
    );
    assert_eq!(now["waiting"].as_array().unwrap().len() + now["decide_next"].as_array().unwrap().len(), 0);
}

#[test]
fn a_hold_names_who_placed_it_and_why_and_a_note_is_in_the_journal() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    provider.works(&["hold", "incident", "service:mail", "--reason", "forensics", "--by", "carl"]);
    provider.works(&["note", "incident", "called the fund, they know", "--by", "carl"]);
    let page = provider.works(&["status", "incident"]);
    assert!(section(&page, "HELD").join("\n").contains("service:mail by carl since entry"), "{page}");
    let shown = provider.works(&["journal", "show", "incident"]);
    assert!(shown.contains("called the fund, they know"), "{shown}");
    provider.works(&["resume", "incident", "service:mail", "--reason", "images taken"]);
    let again = provider.call(&["resume", "incident", "service:mail", "--reason", "images taken"]);
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("service:mail is not on hold, no step on it has failed"), "{said}");
    assert_eq!(json(&provider)["held"].as_array().unwrap().len(), 0);
}

#[test]
fn a_folder_that_is_no_incident_gets_one_clear_message() {
    let provider = Provider::new();
    let output = provider.call(&["status", "nowhere"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("nowhere") && said.contains("what to do: "), "{said}");
}

/// No page of the public and no line of `status` says that all is well.
fn nothing_good_is_claimed(provider: &Provider, folder: &str) {
    let page = provider.works(&["status", folder]);
    for good in ["100.0 %", "everything works", "nothing waits"] {
        assert!(!page.contains(good), "{good} in {page}");
    }
    assert!(page.contains("not known: "), "{page}");
    assert!(page.lines().all(|line| line.chars().count() <= 80 || line.contains("tenant")), "{page}");
    provider.works(&["notice", "build", "estate", "--journal", folder, "-o", "site", "--by", "anna"]);
    let told = fs::read_to_string(provider.root().join("site/a/en.html")).unwrap();
    assert!(!told.contains("All services are available."), "{told}");
    let told = fs::read_to_string(provider.root().join("site/a/status.json")).unwrap();
    assert!(!told.contains("\"works\""), "{told}");
}

/// An incident on the estate as it is after this change of its text.
fn opened(change: impl Fn(String) -> String) -> Provider {
    let provider = Provider::new();
    let path = provider.root().join("estate/estate.toml");
    fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    provider
}

fn record(provider: &Provider, event: incident::Event) {
    let mut open = incident::store::Incident::open(&provider.root().join("incident"), "anna").unwrap();
    open.record(&[event], 1_682_373_600_000).unwrap();
}

#[test]
fn an_open_alarm_is_not_beside_a_page_on_which_all_works() {
    for edge in ["needs.data = [\"store:data\"]\n", ""] {
        let store = |text: String| {
            text.replace("[service.portal]\n", &format!("[service.portal]\n{edge}"))
                + "[store.data]\nsite = \"here\"\n"
        };
        let provider = opened(store);
        let alarm = incident::event::ScanEvent::AlarmRaised {
            store: "store:data".parse().unwrap(),
            suspicion: incident::event::Suspicion::Encrypted,
            files: 20,
            examples: Vec::new(),
            seconds_observed: 1,
        };
        record(&provider, incident::Event::Scan(alarm));
        nothing_good_is_claimed(&provider, "incident");
        let now = json(&provider);
        assert_eq!(
            (&now["served_thousandths"], &now["not_known_thousandths"]),
            (&Value::from(0), &Value::from(1000))
        );
        assert_eq!(now["not_served"][0]["because"], "alarm");
    }
}

#[test]
fn a_fund_for_which_nothing_is_described_or_nobody_is_insured_is_not_served_whole() {
    let nothing =
        opened(|text| text.replace("service = \"portal\"\n", "service = \"portal\"\ntenants = []\n"));
    nothing_good_is_claimed(&nothing, "incident");
    let told = fs::read_to_string(nothing.root().join("site/a/en.html")).unwrap();
    assert!(told.contains("No services are described here for you."), "{told}");
    assert_eq!(json(&nothing)["not_described"][0], "tenant:a");

    let nobody = opened(|text| text.replace("insured = 1000\n", ""));
    let page = nobody.works(&["status", "incident"]);
    assert!(page.contains("served    not known: ") && !page.contains("100.0 %"), "{page}");
    assert_eq!(json(&nobody)["served_known"], false);
}
