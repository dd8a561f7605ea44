//! A restart of real processes by the built binary, killed in the middle again and again.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use incident::event::PlanEvent;
use incident::plan::file::Plan;
use incident::recover::ServiceState;
use incident::recover::step::State;
use incident::store::Incident;
use incident::{Event, View, store};
use world::World;
use world::real::Real;

pub(crate) struct Provider {
    folder: tempfile::TempDir,
}

impl Provider {
    pub(crate) fn new() -> Provider {
        let provider = Provider { folder: tempfile::tempdir().unwrap() };
        let root = provider.root().display();
        let service = |name: &str, more: &str| {
            format!(
                r#"
[service.{name}]
site = "here"
boot_s = 1
{more}
[service.{name}.run]
start = ["/bin/sh", "-c", "echo x >> {root}/{name}.starts; touch {root}/{name}.up; exec sleep 600"]
admit = ["/bin/sh", "-c", "echo x >> {root}/{name}.admits"]
[[service.{name}.gates]]
command = ["/bin/sh", "-c", "test -e {root}/{name}.up && ! test -e {root}/{name}.ill"]
hold_ms = 30
deadline_ms = 2000
every_ms = 10
"#
            )
        };
        let job = format!(
            r#"
[service.month-end]
site = "here"
boot_s = 1
start_class = "once"
needs.hard = ["core"]
[service.month-end.run]
job = true
start = ["/bin/sh", "-c", "echo x >> {root}/month-end.starts"]
"#
        );
        let estate = [
            "provider = \"P\"\n[site.here]\nname = \"Here\"\n".to_owned(),
            service("identity", ""),
            service("core", "needs.hard = [\"identity\"]"),
            service("portal", "needs.start_only = [\"core\"]\nneeds.hard = [\"identity\"]"),
            service("mail", ""),
            job,
            "[capability.eau]\nname = { de = \"AU\" }\nurgency = 5\n[[capability.eau.served_by]]\nservice = \"portal\"\n".to_owned(),
            "[tenant.a]\nname = \"A\"\ninsured = 1000\nsite = \"here\"\n".to_owned(),
        ];
        fs::create_dir(provider.estate()).unwrap();
        fs::write(provider.estate().join("estate.toml"), estate.concat()).unwrap();
        provider
    }

    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    fn estate(&self) -> PathBuf {
        self.root().join("estate")
    }

    fn incident(&self) -> PathBuf {
        self.root().join("incident")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blackstart"));
        command.args(arguments).current_dir(self.root()).env_remove("BLACKSTART_DIR").stdin(Stdio::null());
        command
    }

    pub(crate) fn call(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    pub(crate) fn works(&self, arguments: &[&str]) -> String {
        let output = self.call(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Opens the incident, plans that everything is lost, approves.
    pub(crate) fn prepare(&self) {
        self.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
        self.works(&[
            "plan",
            "estate",
            "--journal",
            "incident",
            "-o",
            "plan",
            "--schedules",
            "20",
            "--by",
            "anna",
        ]);
        let hash = Plan::read(&fs::read_to_string(self.root().join("plan")).unwrap()).unwrap().hash();
        self.works(&["approve", "incident", &hash, "--yes", "--by", "bert"]);
    }

    pub(crate) fn recover(&self) -> Output {
        self.call(&["recover", "estate", "--plan", "plan", "--journal", "incident", "--by", "anna"])
    }

    fn recover_in_the_background(&self) -> Child {
        self.command(&["recover", "estate", "--plan", "plan", "--journal", "incident", "--by", "anna"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    pub(crate) fn view(&self) -> View {
        store::read(&self.incident()).unwrap()
    }

    fn count(&self, file: &str) -> usize {
        fs::read_to_string(self.root().join(file)).map_or(0, |text| text.lines().count())
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let Ok(view) = store::read(&self.incident()) else { return };
        let world = Real::with_doorstep(
            self.root(),
            scan::restic::read_repository,
            env!("CARGO_BIN_EXE_blackstart").into(),
        );
        for process in view.recover.services.values().filter_map(|service| service.process.as_ref()) {
            let _ = world.stop(process, 500);
        }
    }
}

#[test]
fn everything_is_started_once_however_often_the_restart_is_killed() {
    let provider = Provider::new();
    provider.prepare();
    let mut kills = 0;
    for round in 0..60 {
        let before = provider.view().entries;
        let mut recover = provider.recover_in_the_background();
        // Killed a few entries later each time: in the middle of starts, gates, appends.
        let until = Instant::now() + Duration::from_secs(60);
        let ended = loop {
            if recover.try_wait().unwrap().is_some() {
                break true;
            }
            if provider.view().entries > before + 1 + round % 3 {
                break false;
            }
            assert!(Instant::now() < until, "the restart makes no progress");
            std::thread::sleep(Duration::from_millis(1));
        };
        if ended {
            break;
        }
        recover.kill().unwrap();
        recover.wait().unwrap();
        kills += 1;
        let in_doubt = provider.view().recover.steps.values().any(|step| step.state == State::Held);
        if in_doubt {
            // A person looks, and says what is there.
            let found = if provider.count("month-end.starts") > 0 { "done" } else { "not-done" };
            let blind = provider.call(&["resume", "incident", "service:month-end", "--reason", "go"]);
            assert_eq!(blind.status.code(), Some(1), "a doubt is not settled by saying go on");
            provider.works(&[
                "resume",
                "incident",
                "service:month-end",
                "--found",
                found,
                "--reason",
                "seen",
            ]);
        }
    }
    assert!(kills > 5, "it was killed only {kills} times");
    let output = provider.recover();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    for name in ["identity", "core", "portal", "mail", "month-end"] {
        assert_eq!(provider.count(&format!("{name}.starts")), 1, "{name} after {kills} kills");
    }
    let view = provider.view();
    assert_eq!(view.illegal, Vec::new());
    let services = &view.recover.services;
    let up = [ServiceState::Healthy, ServiceState::Admitted];
    assert!(services.values().all(|service| up.contains(&service.state)), "{services:?}");
    assert_eq!((services.len(), provider.count("portal.admits")), (5, 1));
    assert!(provider.works(&["journal", "verify", "incident"]).len() > 1);
}

#[test]
fn a_process_that_only_looks_like_the_service_is_not_taken_over() {
    let provider = Provider::new();
    provider.prepare();
    let label = recover::run::incident_label(&provider.view());
    let mut planted = Command::new("/bin/sleep")
        .arg("600")
        .env("BLACKSTART_RUN", format!("{label}/start:service:core"))
        .spawn()
        .unwrap();
    let output = provider.recover();
    planted.kill().unwrap();
    planted.wait().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(provider.count("core.starts"), 1);
    let view = provider.view();
    let process = view.recover.process_of(&"service:core".parse().unwrap()).unwrap();
    assert_ne!(process.pid, planted.id());
}

#[test]
fn a_dead_process_is_started_again_and_only_that_one() {
    let provider = Provider::new();
    provider.prepare();
    assert!(provider.recover().status.success());
    let view = provider.view();
    let mail = view.recover.process_of(&"service:mail".parse().unwrap()).unwrap();
    let world = Real::with_doorstep(
        provider.root(),
        scan::restic::read_repository,
        env!("CARGO_BIN_EXE_blackstart").into(),
    );
    world.stop(mail, 500).unwrap();
    assert!(provider.recover().status.success());
    assert_eq!((provider.count("mail.starts"), provider.count("core.starts")), (2, 1));
    assert_eq!(provider.count("month-end.starts"), 1);
}

#[test]
fn what_fails_is_stopped_and_held_until_a_person_resumes_it() {
    let provider = Provider::new();
    provider.prepare();
    fs::write(provider.root().join("core.ill"), "").unwrap();
    let output = provider.recover();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("gate:service:core") && said.contains("blackstart resume incident"), "{said}");
    let view = provider.view();
    let core = "service:core".parse().unwrap();
    assert!(view.recover.process_of(&core).is_none(), "it was stopped");
    assert_eq!(view.recover.parked.get(&"service:month-end".parse().unwrap()), Some(&core));
    assert_eq!(provider.count("month-end.starts") + provider.count("portal.starts"), 0);
    assert_eq!(provider.count("mail.admits"), 1, "the other branch is there");

    fs::remove_file(provider.root().join("core.ill")).unwrap();
    assert_eq!(provider.recover().status.code(), Some(1), "nobody has said that the cause is gone");
    provider.works(&["resume", "incident", "service:core", "--reason", "disk replaced"]);
    assert!(provider.recover().status.success());
    assert_eq!(provider.count("portal.admits"), 1);
}

#[test]
fn what_is_not_approved_or_on_hold_is_not_run() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    provider.works(&[
        "plan",
        "estate",
        "--journal",
        "incident",
        "-o",
        "plan",
        "--schedules",
        "20",
        "--by",
        "anna",
    ]);
    let output = provider.recover();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("blackstart approve"));
    assert_eq!(provider.count("identity.starts"), 0);

    let plan = provider.root().join("plan");
    let text = fs::read_to_string(&plan).unwrap();
    let hash = Plan::read(&text).unwrap().hash();
    provider.works(&["approve", "incident", &hash, "--yes", "--by", "bert"]);
    fs::write(&plan, text.replacen("\"seed\": ", "\"seed\": 1", 1)).unwrap();
    assert_eq!(provider.recover().status.code(), Some(2), "a changed plan file");
    fs::write(&plan, text).unwrap();

    provider.works(&["hold", "incident", "site:here", "--reason", "forensics", "--by", "carl"]);
    let output = provider.recover();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("forensics"));
    assert_eq!(provider.count("identity.starts"), 0);
    provider.works(&["resume", "incident", "site:here", "--reason", "images taken"]);
    assert!(provider.recover().status.success());
}

/// Plans again from where the run stands, and allows that plan if it has to be allowed.
fn plan_again(provider: &Provider, file: &str) {
    provider.works(&[
        "plan",
        "estate",
        "--continue",
        "--journal",
        "incident",
        "-o",
        file,
        "--schedules",
        "20",
        "--by",
        "anna",
    ]);
    let text = fs::read_to_string(provider.root().join(file)).unwrap();
    let hash = Plan::read(&text).unwrap().hash();
    provider.works(&["approve", "incident", &hash, "--yes", "--by", "bert"]);
}

#[test]
fn what_cannot_be_used_stays_out_of_the_next_plan_until_somebody_says_otherwise() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    let plan = |more: &[&str], file: &str| {
        let common =
            ["plan", "estate", "--journal", "incident", "--schedules", "20", "--by", "anna", "-o", file];
        provider.works(&[&common, more].concat());
        let text = fs::read_to_string(provider.root().join(file)).unwrap();
        Plan::read(&text).unwrap()
    };
    let first = plan(&["--without", "service:core"], "plan");
    provider.works(&["approve", "incident", &first.hash(), "--yes", "--by", "bert"]);
    provider.recover();
    assert_eq!(plan(&["--continue"], "plan2").without, first.without);
    assert!(plan(&["--continue", "--with", "service:core"], "plan3").without.is_empty());
    let unknown =
        ["plan", "estate", "--journal", "incident", "--continue", "--with", "service:mail", "--by", "anna"];
    let output = provider.call(&unknown);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not leave out"));
}

#[test]
fn a_plan_that_goes_on_with_a_run_does_nothing_twice_and_leaves_out_what_failed() {
    let provider = Provider::new();
    provider.prepare();
    fs::write(provider.root().join("core.ill"), "").unwrap();
    let output = provider.recover();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("expect"), "it says when everybody is back");

    let status: serde_json::Value =
        serde_json::from_str(&provider.works(&["status", "incident", "--json"])).unwrap();
    assert_eq!(status["forecast"]["never"][0]["because"], "service:core");
    assert!(status["forecast"]["served"].as_array().unwrap().is_empty());
    assert!(provider.works(&["status", "incident"]).contains("not before service:core is dealt with"));

    plan_again(&provider, "plan2");
    let plan = Plan::read(&fs::read_to_string(provider.root().join("plan2")).unwrap()).unwrap();
    assert!(plan.steps.iter().all(|step| step.service.to_string() != "service:core"));
    let run = |plan: &str| {
        provider.call(&["recover", "estate", "--plan", plan, "--journal", "incident", "--by", "anna"])
    };
    let output = run("plan2");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(
        (provider.count("identity.starts"), provider.count("mail.starts")),
        (1, 1),
        "nothing is done twice"
    );
    assert_eq!(provider.count("core.starts"), 1);

    fs::remove_file(provider.root().join("core.ill")).unwrap();
    provider.works(&["resume", "incident", "service:core", "--reason", "disk replaced"]);
    plan_again(&provider, "plan3");
    let output = run("plan3");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!((provider.count("identity.starts"), provider.count("mail.starts")), (1, 1), "still not twice");
    assert_eq!((provider.count("core.starts"), provider.count("portal.admits")), (2, 1));
    assert_eq!(provider.count("month-end.starts"), 1);
    // The plan that was made in the middle of one run is not a plan for another.
    let checked = provider.call(&["plan", "check", "plan3", "estate"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// As an older program left it: what it noted as the parts of the estate can be compared by no other build.
#[test]
fn a_plan_approved_before_an_upgrade_is_run_and_holds_only_what_was_edited() {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    provider.works(&["plan", "estate", "-o", "plan", "--schedules", "20"]);
    let mut plan = Plan::read(&fs::read_to_string(provider.root().join("plan")).unwrap()).unwrap();
    plan.version = 2;
    plan.parts.values_mut().for_each(|part| *part = "0".repeat(64));
    fs::write(provider.root().join("plan"), plan.to_text()).unwrap();
    let recorded = PlanEvent::Recorded {
        hash: plan.hash(),
        estate_hash: plan.estate_hash.clone(),
        text: plan.to_text(),
    };
    let mut incident = Incident::open(&provider.incident(), "anna").unwrap();
    incident.record(&[Event::Plan(recorded)], 0).unwrap();
    drop(incident);
    provider.works(&["approve", "incident", &plan.hash(), "--yes", "--by", "bert"]);

    let file = provider.root().join("estate/estate.toml");
    let text = fs::read_to_string(&file).unwrap();
    let edited = text.replacen(
        "[service.mail]\nsite = \"here\"\nboot_s = 1",
        "[service.mail]\nsite = \"here\"\nboot_s = 2",
        1,
    );
    assert_ne!(edited, text);
    fs::write(&file, edited).unwrap();
    let output = provider.recover();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("service:mail: the estate was changed here"), "{said}");
    assert_eq!((provider.count("identity.starts"), provider.count("mail.starts")), (1, 0));
}

#[test]
fn a_second_restart_at_the_same_time_is_refused() {
    let provider = Provider::new();
    provider.prepare();
    // As the first one does, for as long as it lives.
    let lock = fs::File::create(provider.incident().join("recover.lock")).unwrap();
    lock.lock().unwrap();
    let second = provider.recover();
    assert!(String::from_utf8_lossy(&second.stderr).contains("another"), "{second:?}");
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(provider.count("identity.starts"), 0);
    drop(lock);
    assert!(provider.recover().status.success());
}
