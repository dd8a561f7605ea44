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

/// Ends with the test, also when the test fails.
struct Running(std::process::Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
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
    assert_eq!(section(&page, "NOT SERVED NORMALLY"), ["  nobody has reported anything that does not work"]);
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
    let next = section(&page, "DECIDE NEXT").join(" ");
    let output =
        next.split_whitespace().find(|word| word.starts_with("output/")).unwrap().trim_end_matches(';');
    assert!(provider.root().join("incident").join(output).is_file(), "{page}");
    let waiting = section(&page, "WAITING").join("\n");
    assert!(waiting.contains("gate:service:core for somebody"), "{page}");
    assert!(waiting.contains("service:month-end for service:core to be healthy"), "{page}");
    let now = json(&provider);
    assert_eq!((&now["served_thousandths"], &now["run"]["complete"]), (&Value::from(0), &Value::from(false)));
    assert_eq!(now["not_served"][0]["tenants"][0], "tenant:a");
    assert!(now["decide_next"][0]["command"].as_str().unwrap().contains("resume incident service:core"));

    // Under a hold the failure waits for the hold: repairing it does not lift what somebody else placed.
    provider.works(&["hold", "incident", "service:core", "--reason", "images", "--by", "carl"]);
    let now = json(&provider);
    let next: Vec<&str> =
        now["decide_next"].as_array().unwrap().iter().map(|one| one["command"].as_str().unwrap()).collect();
    assert!(
        next.iter().any(|command| command.contains("resume incident service:core --lift-hold")),
        "{next:?}"
    );
    assert!(
        !next.iter().any(|command| command.contains("resume incident service:core --reason")),
        "{next:?}"
    );

    fs::remove_file(provider.root().join("core.ill")).unwrap();
    let resume = ["resume", "incident", "service:core", "--reason", "disk replaced"];
    let said = provider.call(&resume);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("stays on hold (images, by carl)"), "{said}");
    assert_eq!(provider.recover().status.code(), Some(1), "it is held");
    provider.works(&["resume", "incident", "service:core", "--lift-hold", "--reason", "images taken"]);
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

pub(crate) fn record(provider: &Provider, event: incident::Event) {
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

#[test]
fn a_run_at_work_is_told_from_one_that_was_interrupted_and_what_goes_on_is_said() {
    let provider = Provider::new();
    provider.prepare();
    fs::write(provider.root().join("core.ill"), "").unwrap();
    let talk = fs::File::create(provider.root().join("talk")).unwrap();
    let mut running = Running(
        provider
            .command(&["recover", "--journal", "incident", "--wait", "--by", "anna"])
            .stdout(std::process::Stdio::null())
            .stderr(talk)
            .spawn()
            .unwrap(),
    );
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let talk = || fs::read_to_string(provider.root().join("talk")).unwrap();
    while !talk().contains("stopped service:core") {
        assert!(std::time::Instant::now() < until, "{}", talk());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let page = provider.works(&["status", "incident"]);
    // Its newest entry may not be signed yet, which the section about signatures says in its own words.
    let restart = section(&page, "RESTART").join(" ");
    assert!(restart.contains("at work") && !restart.contains("was killed"), "{page}");
    let pid = rustix::process::Pid::from_child(&running.0);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(running.0.wait().unwrap().code(), Some(130));
    let told = talk();
    assert!(told.contains("/14  begin   start:service:"), "times and how far it is: {told}");
    assert!(told.contains("its output, incident/output/"), "where the failed one has written to: {told}");
    assert!(told.contains("does not end with this program"), "{told}");
    assert!(told.contains("to go on: blackstart recover --journal incident"), "{told}");
    let page = provider.works(&["status", "incident"]);
    assert!(section(&page, "RESTART").join(" ").contains("it was killed or the power failed"), "{page}");
}

#[test]
fn everything_that_status_proposes_after_a_cut_can_be_pasted() {
    let provider = Provider::new();
    provider.prepare();
    assert!(provider.recover().status.success());
    let cut = ["contain", "--infected", "mail", "--apply", "--yes", "--journal", "incident"];
    provider.works(&cut);
    let page = provider.works(&["status", "incident"]);
    let next = section(&page, "DECIDE NEXT").join("\n");
    for open in ["ESTATE", " ID", "PLAN"] {
        assert!(!next.contains(open), "{open} in {next}");
    }
    let command = next.lines().map(str::trim).find(|line| line.starts_with("blackstart plan ")).unwrap();
    let words: Vec<&str> = command.split(' ').skip(1).collect();
    provider.works(&words);
    let page = provider.works(&["status", "incident"]);
    assert!(section(&page, "DECIDE NEXT").join("\n").contains("waits for approval"), "{page}");
}

#[test]
fn an_edited_estate_is_put_in_force_by_one_command_and_then_plans_on_it_are_approved() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    let path = provider.root().join("estate/estate.toml");
    let text = fs::read_to_string(&path).unwrap().replacen("boot_s = 1", "boot_s = 2", 1);
    fs::write(&path, text + "[service.new]\n").unwrap();
    let planned = provider.call(&["plan", "estate", "--journal", "incident", "-o", "plan", "--by", "anna"]);
    let told = String::from_utf8_lossy(&planned.stderr).into_owned();
    assert!(told.contains("blackstart adopt incident ESTATE"), "{told}");
    let refused = provider.call(&["approve", "incident", "plan", "--yes"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && told.contains("blackstart adopt incident ESTATE --reason TEXT")
    );
    let asked = provider.call(&["adopt", "incident", "estate", "--reason", "disk replaced"]);
    assert_eq!(asked.status.code(), Some(1), "nobody agreed");
    let shown = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(
        shown.contains("new: 1 service and 0 stores: service:new") && shown.contains("changed"),
        "{shown}"
    );
    provider.works(&["adopt", "incident", "estate", "--reason", "disk replaced", "--yes"]);
    provider.works(&["approve", "incident", "plan", "--yes", "--by", "bert"]);
    let shown = provider.works(&["journal", "show", "incident", "--about", "core"]);
    assert!(!shown.contains("disk replaced"), "a name alone is understood: {shown}");
    assert!(provider.works(&["journal", "show", "incident"]).contains("disk replaced"));
    let again = provider.works(&["adopt", "incident", "estate", "--reason", "x"]);
    assert!(again.contains("in force already"));
}

#[test]
fn a_choice_after_the_restore_says_that_it_changes_nothing_and_what_would() {
    let provider = opened(|text| text + "[store.data]\nsite = \"here\"\n");
    let store: estate::Id = "store:data".parse().unwrap();
    for snapshot in ["aa11", "bb22"] {
        let (store, snapshot) = (store.clone(), snapshot.to_owned());
        let seen = incident::event::ScanEvent::SnapshotFirstSeen {
            store: store.clone(),
            snapshot: snapshot.clone(),
            claims_time: "2023-04-24T22:00:00Z".to_owned(),
        };
        let (counts, reasons) = (std::collections::BTreeMap::new(), Vec::new());
        let judged =
            incident::event::ScanEvent::SnapshotJudged { store, snapshot, clean: true, counts, reasons };
        record(&provider, incident::Event::Scan(seen));
        record(&provider, incident::Event::Scan(judged));
    }
    let choose = |snapshot: &str| {
        let output = provider.call(&["choose", "incident", "data", snapshot, "--yes", "--by", "anna"]);
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    // What waits for a choice is proposed with snapshots that are there.
    let page = provider.works(&["status", "incident"]);
    let next = section(&page, "DECIDE NEXT").join("\n");
    assert!(next.contains("blackstart choose incident store:data bb22"), "{page}");
    assert!(!choose("aa11").contains("restored already"));
    let (step, target) = ("restore:store:data".to_owned(), store);
    let intended = incident::event::RecoverEvent::StepIntended {
        step: step.clone(),
        target: target.clone(),
        attempt: 1,
    };
    let done = incident::event::RecoverEvent::StepDone { step, target, detail: String::new(), process: None };
    record(&provider, incident::Event::Recover(intended));
    record(&provider, incident::Event::Recover(done));
    let told = choose("bb22");
    assert!(told.contains("store:data was restored already, in entry"), "{told}");
    let command = told.lines().last().unwrap();
    assert!(
        command.contains("blackstart plan --lost store:data --journal incident -o incident/plan-"),
        "{told}"
    );
    let words: Vec<&str> = command.split("blackstart ").nth(1).unwrap().split(' ').collect();
    provider.works(&words);
}

/// The folder as a kill at this instant would leave it.
fn as_if_killed(from: &std::path::Path, to: &std::path::Path) {
    drop(fs::remove_dir_all(to));
    fs::create_dir_all(to.join("journal")).unwrap();
    for folder in ["", "journal"] {
        for entry in fs::read_dir(from.join(folder)).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), to.join(folder).join(entry.file_name())).unwrap();
            }
        }
    }
}

#[test]
fn entries_that_nobody_has_signed_are_not_passed_over_in_silence() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key"]);
    assert!(!provider.works(&["status", "incident"]).contains("NOT SIGNED"), "what ends in order is signed");
    let (folder, killed) = (provider.root().join("incident"), provider.root().join("killed"));
    let mut incident = incident::store::Incident::open(&folder, "test").unwrap();
    let note = || {
        let text = "as typed".to_owned();
        [incident::Event::Command(incident::event::CommandEvent::NoteWritten { text })]
    };
    // A signature follows within a second: of two entries right after one another the second is without for a while.
    let unsigned = (0..50).any(|_| {
        incident.record(&note(), 1).unwrap();
        incident.record(&note(), 1).unwrap();
        as_if_killed(&folder, &killed);
        let text = fs::read_to_string(killed.join("journal/checkpoint")).unwrap();
        let signed = journal::Checkpoint::parse(&text).unwrap().size;
        signed < incident::store::read(&killed).unwrap().entries
    });
    assert!(unsigned, "no copy was taken before the signature");
    let page = provider.works(&["status", "killed"]);
    assert!(page.contains("NOT SIGNED") && page.contains("journal show killed --from"), "{page}");
}

#[test]
fn a_restart_that_is_refused_puts_no_edited_estate_in_force() {
    let provider = Provider::new();
    provider.prepare();
    let adopted = || {
        let shown = provider.works(&["journal", "show", "incident", "--json"]);
        shown.matches("command.estate_adopted").count()
    };
    let before = adopted();
    let path = provider.root().join("estate/estate.toml");
    let text = fs::read_to_string(&path).unwrap().replacen("boot_s = 1", "boot_s = 2", 1);
    fs::write(&path, text).unwrap();
    provider.works(&["plan", "estate", "-o", "other"]);
    let refused = provider.call(&["recover", "estate", "--plan", "other", "--journal", "incident"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && said.contains("when the run begins it is put in force"),
        "{said}"
    );
    assert_eq!(adopted(), before, "it was refused: nothing has changed");
}
