//! The built binary and a real host: units started, cut off over a reboot, let go on, by a user who may do just that.

use std::fs;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use incident::contain::CutState;
use incident::plan::file::Plan;
use incident::recover::ServiceState;
use incident::{View, store};

use crate::host_rig::{HOST, Host};

const WEB: &str = "[Unit]\nDescription=web\n[Service]\nExecStart=/usr/bin/python3 -m http.server 8080 --directory /usr/share/doc\n[Install]\nWantedBy=multi-user.target\n";
const LATE_SOCKET: &str = "[Socket]\nListenStream=8081\n[Install]\nWantedBy=sockets.target\n";
const LATE: &str = "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd 127.0.0.1:8080\n";
/// Takes its time to start, and counts how often it was.
const SLOW: &str = "[Service]\nExecStartPre=/bin/sh -c 'echo x >> /var/lib/slow.starts; sleep 4'\nExecStart=/bin/sleep 1000\n";
/// What `blackstart` needs for the two units, and nothing else.
const SUDOERS: &str = "ops ALL=(root) NOPASSWD: \
/usr/bin/systemctl start web.service, /usr/bin/systemctl stop web.service, \
/usr/bin/systemctl start late.service, /usr/bin/systemctl stop late.service, \
/usr/bin/systemctl start late.socket, /usr/bin/systemctl stop late.socket, \
/usr/bin/systemctl start slow.service, /usr/bin/systemctl stop slow.service, \
/usr/bin/mkdir -p /etc/systemd/system.control, /usr/bin/systemctl daemon-reload, \
/usr/bin/ln -s /dev/null /etc/systemd/system.control/web.service, /usr/bin/rm /etc/systemd/system.control/web.service, \
/usr/bin/ln -s /dev/null /etc/systemd/system.control/late.service, /usr/bin/rm /etc/systemd/system.control/late.service\n";

struct Crew {
    host: Host,
    /// What its estate says besides.
    more: &'static str,
}

impl Crew {
    fn new() -> Option<Crew> {
        Crew::with("")
    }

    fn with(more: &'static str) -> Option<Crew> {
        let host = Host::boot(&[
            ("etc/systemd/system/web.service", WEB),
            ("etc/systemd/system/late.service", LATE),
            ("etc/systemd/system/late.socket", LATE_SOCKET),
            ("etc/systemd/system/slow.service", SLOW),
            ("etc/sudoers.d/ops", SUDOERS),
        ])?;
        let crew = Crew { host, more };
        crew.describe(&crew.host.host_key());
        Some(crew)
    }

    fn describe(&self, host_key: &str) {
        let key = self.host.key();
        let estate = format!(
            r#"
provider = "P"
[site.here]
[host.web]
site = "here"
ssh = {{ address = "{HOST}", user = "ops", become = "sudo", host_key = "{host_key}", identity = "{key}" }}
[service.web]
host = "web"
run.systemd = "web.service"
[[service.web.gates]]
tcp = "{HOST}:8080"
hold_ms = 200
deadline_ms = 30000
[service.late]
host = "web"
needs.hard = ["web"]
run.systemd = "late"
[[service.late.gates]]
http = "http://{HOST}:8081/"
hold_ms = 200
deadline_ms = 30000
[service.logon]
site = "here"
[[service.logon.gates]]
tcp = "{HOST}:22"
hold_ms = 0
[capability.c]
name = {{ de = "C" }}
served_by = [{{ service = "late" }}]
[tenant.a]
insured = 1000
site = "here"
"#,
            key = key.display()
        );
        let estate = estate + self.more;
        fs::create_dir_all(self.host.root().join("estate")).unwrap();
        fs::write(self.host.root().join("estate/estate.toml"), estate).unwrap();
    }

    fn call(&self, line: &str) -> Output {
        let mut command = self.host.at_the_crew(env!("CARGO_BIN_EXE_blackstart"));
        command.args(line.split(' ').map(|word| word.replace('_', " ")));
        command.output().unwrap()
    }

    fn works(&self, line: &str) -> String {
        let output = self.call(line);
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{line}: {said}");
        said
    }

    fn view(&self) -> View {
        store::read(&self.host.root().join("incident")).unwrap()
    }

    fn approved(&self, plan: &str) {
        self.works(&format!("plan estate --journal incident -o {plan} --schedules 5 --by anna"));
        let text = fs::read_to_string(self.host.root().join(plan)).unwrap();
        self.works(&format!("approve incident {} --yes --by bert", Plan::read(&text).unwrap().hash()));
    }

    fn state(&self, service: &str) -> ServiceState {
        self.view().recover.services[&service.parse().unwrap()].state
    }
}

#[test]
fn units_on_a_real_host_come_back_are_cut_off_over_a_reboot_and_come_back_again() {
    let Some(crew) = Crew::new() else { return };
    let host = &crew.host;
    // The disaster: everything of it is down.
    host.as_root("systemctl stop late.socket late.service web.service");
    crew.works("init incident --estate estate --key key --by anna");
    crew.approved("plan");
    crew.works("recover estate --plan plan --journal incident --by anna");
    assert_eq!(
        (crew.state("service:web"), crew.state("service:late")),
        (ServiceState::Healthy, ServiceState::Healthy)
    );
    assert_eq!(
        host.said("systemctl is-active web.service late.socket late.service"),
        "active\nactive\nactive"
    );
    let answer = crew.view().hands.last[&"service:web".parse().unwrap()].answer.clone().unwrap();
    assert_eq!(answer.mark, host.said("systemctl show -p InvocationID --value web.service"));
    assert_eq!(answer.boot, host.said("cat /proc/sys/kernel/random/boot_id"));
    assert_eq!(
        (answer.before["ActiveState"].as_str(), answer.after["ActiveState"].as_str()),
        ("inactive", "active")
    );

    // Cut off: it stays down whatever tries to start it, also over a reboot.
    let said = crew.works("contain estate --infected host:web --journal incident --apply --yes --by anna");
    assert!(crew.view().contain.cuts.iter().all(|cut| cut.state == CutState::Holds), "{said}");
    assert!(!host.is_open(8080) && !host.is_open(8081));
    assert!(!host.as_root("systemctl start web.service").status.success());
    assert!(!host.as_root("systemctl start late.socket").status.success());
    host.reboot();
    assert_eq!(
        host.said("systemctl is-active web.service late.socket late.service"),
        "inactive\ninactive\ninactive"
    );
    let refused = crew.call("recover estate --plan plan --journal incident --by anna");
    assert_eq!(refused.status.code(), Some(1), "a cut in force keeps it from being started");

    // Let go on, and started again.
    crew.works("contain lift incident host:web --reason clean --yes --by anna");
    assert_eq!(host.said("ls -A /etc/systemd/system.control"), "", "nothing of ours is left");
    assert_eq!(host.said("systemctl is-active web.service"), "inactive", "a lift starts nothing");
    crew.works("recover estate --plan plan --journal incident --by anna");
    assert_eq!(
        host.said("systemctl is-active web.service late.socket late.service"),
        "active\nactive\nactive"
    );
    host.answers("late", 8081);
    crew.works("journal verify incident");
    let shown = crew.works("journal show incident");
    assert!(shown.contains("sends to host:web: hold service:web by systemd"), "{shown}");
}

#[test]
fn a_host_whose_key_has_changed_is_not_spoken_to_and_nothing_is_claimed() {
    let Some(crew) = Crew::new() else { return };
    crew.host.as_root("systemctl stop late.socket late.service web.service");
    crew.describe("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHaUqLRdzXPCHsHxQUwhqSyVhGYcvpAB8N3PuTWVeXJG");
    crew.works("init incident --estate estate --key key --by anna");
    crew.approved("plan");
    let output = crew.call("recover estate --plan plan --journal incident --by anna");
    assert_eq!(output.status.code(), Some(1));
    let said =
        String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("host:web was not reached") && said.contains("verification failed"), "{said}");
    assert_eq!(crew.host.said("systemctl is-active web.service"), "inactive");
    let cut = crew.call("contain estate --infected host:web --journal incident --apply --yes --by anna");
    assert_eq!(cut.status.code(), Some(1));
    assert!(crew.view().contain.cuts.iter().all(|cut| cut.state != CutState::Holds));
}

/// What a finding asks to be written, and with it everything is allowed.
#[test]
fn on_a_quiet_day_it_is_said_what_a_host_would_not_allow_and_the_rule_that_is_proposed_is_enough() {
    let Some(crew) = Crew::new() else { return };
    let host = &crew.host;
    let ready = crew.works("reach estate");
    assert!(ready.contains("2 services with a driver, 2 of them can be started"), "{ready}");

    host.as_root("rm /etc/sudoers.d/ops");
    let output = crew.call("reach estate --json");
    assert_eq!(output.status.code(), Some(1));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["findings"][0]["code"], "not-allowed");
    assert_eq!(said["hosts"][0]["services"][1]["stands"], "runs", "looking needs no right");
    let refused = crew.call("reach estate --host web");
    assert_eq!(refused.status.code(), Some(1));
    let to_do = said["findings"][0]["to_do"].as_str().unwrap();
    let rule = to_do.split_once("with visudo: ").unwrap().1;
    fs::write(host.root().join("rule"), format!("{rule}\n")).unwrap();
    host.as_root(&format!(
        "cat > /etc/sudoers.d/blackstart <<'END'\n{rule}\nEND\nchmod 440 /etc/sudoers.d/blackstart"
    ));
    assert!(host.as_root("visudo -c").status.success(), "{rule}");
    crew.works("reach estate");
    assert_eq!(
        host.said("systemctl is-active web.service late.socket"),
        "active\nactive",
        "nothing was changed"
    );

    // With that rule alone the cut and its end work.
    crew.works("init incident --estate estate --key key --by anna");
    crew.works("contain estate --infected host:web --journal incident --apply --yes --by anna");
    let held = crew.call("reach estate");
    assert!(
        String::from_utf8_lossy(&held.stdout)
            .contains("serious held: service:web is kept from being started")
    );
    crew.works("contain lift incident host:web --reason clean --yes --by anna");
    crew.works("reach estate");

    // A unit that the host does not know; a host that is off.
    let estate = fs::read_to_string(host.root().join("estate/estate.toml")).unwrap();
    fs::write(host.root().join("estate/estate.toml"), estate.replace("\"late\"", "\"later\"")).unwrap();
    let output = crew.call("reach estate");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        shown.contains("serious not-there: service:late: its host knows nothing of the unit later.service"),
        "{shown}"
    );
    fs::write(host.root().join("estate/estate.toml"), estate.replace(HOST, "10.77.1.99")).unwrap();
    let output = crew.call("reach estate");
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(shown.contains("serious host-silent") && shown.contains("1 not reached"), "{shown}");
}

/// From the copy of a host to its services started on the first day: nothing is written by hand.
#[test]
fn what_is_imported_from_the_copy_of_a_host_can_be_started_and_cut_off_at_once() {
    let Some(crew) = Crew::new() else { return };
    let host = &crew.host;
    let copied = host.as_root("tar -C / -c etc/hostname etc/ssh/ssh_host_ed25519_key.pub etc/systemd/system");
    fs::write(host.root().join("copy.tar"), copied.stdout).unwrap();
    fs::create_dir(host.root().join("copy")).unwrap();
    assert!(host.at_the_crew("tar").args(["-C", "copy", "-xf", "copy.tar"]).status().unwrap().success());
    crew.works(&format!(
        "import systemd copy --host web --address {HOST} --user ops --sudo --identity {} -o imported",
        host.key().display()
    ));
    let text: String = fs::read_dir(host.root().join("imported"))
        .unwrap()
        .filter_map(|entry| fs::read_to_string(entry.unwrap().path()).ok())
        .collect();
    assert!(
        text.contains("systemd = \"web.service\"") && text.contains("systemd = \"late.service\""),
        "{text}"
    );
    let said = crew.call("reach imported --json");
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).unwrap();
    assert_eq!(said["hosts"][0]["is_reached"], true, "{said}");
    let ready = |name: &str| {
        let services = said["hosts"][0]["services"].as_array().unwrap();
        let found = services.iter().find(|one| one["service"].as_str().unwrap().ends_with(name));
        found.is_some_and(|one| one["may_not"].as_array().unwrap().is_empty())
    };
    assert!(ready("web") && ready("late"), "{said}");

    crew.works("init incident --estate imported --key key --by anna");
    let web = said["hosts"][0]["services"].as_array().unwrap();
    let web = web.iter().find(|one| one["service"].as_str().unwrap().ends_with("web")).unwrap();
    let web = web["service"].as_str().unwrap();
    crew.call(&format!("contain imported --infected {web} --journal incident --apply --yes --by anna"));
    assert_eq!(host.said("systemctl is-active web.service"), "inactive");
    assert!(!host.as_root("systemctl start web.service").status.success());
    crew.works(&format!("contain lift incident {web} --reason clean --yes --by anna"));
    crew.works(&format!("plan imported --lost {web} --journal incident -o plan --schedules 5 --by anna"));
    let text = fs::read_to_string(host.root().join("plan")).unwrap();
    crew.works(&format!("approve incident {} --yes --by bert", Plan::read(&text).unwrap().hash()));
    crew.call("recover imported --plan plan --journal incident --despite-ignorance --by anna");
    assert_eq!(host.said("systemctl is-active web.service"), "active");
}

#[test]
fn a_sudo_that_would_ask_refuses_and_nothing_is_done_halfway() {
    let Some(crew) = Crew::new() else { return };
    let host = &crew.host;
    host.as_root("echo 'ops ALL=(root) ALL' > /etc/sudoers.d/ops");
    crew.works("init incident --estate estate --key key --by anna");
    let cut = crew.call("contain estate --infected host:web --journal incident --apply --yes --by anna");
    let said = String::from_utf8_lossy(&cut.stderr).into_owned();
    assert_eq!(cut.status.code(), Some(1));
    assert!(said.contains("a password is required"), "{said}");
    assert!(crew.view().contain.cuts.iter().all(|cut| cut.state == CutState::Failed), "{said}");
    assert_eq!(host.said("systemctl is-active web.service; ls -A /etc/systemd/system.control"), "active");
}

/// Killed while the host still starts it: the next run waits for what is under way, and starts nothing twice.
#[test]
fn a_start_that_goes_on_after_blackstart_was_killed_is_taken_over() {
    let slow = "[service.slow]\nhost = \"web\"\nrun.systemd = \"slow\"\n";
    let Some(crew) = Crew::with(slow) else { return };
    let host = &crew.host;
    crew.works("init incident --estate estate --key key --by anna");
    crew.works("plan estate --lost service:slow --journal incident -o plan --schedules 5 --by anna");
    let text = fs::read_to_string(host.root().join("plan")).unwrap();
    crew.works(&format!("approve incident {} --yes --by bert", Plan::read(&text).unwrap().hash()));
    let line = "recover estate --plan plan --journal incident --by anna";
    let mut first = host.at_the_crew(env!("CARGO_BIN_EXE_blackstart"));
    let mut first = first.args(line.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while host.said("systemctl is-active slow.service") != "activating" {
        assert!(Instant::now() < until && matches!(first.try_wait(), Ok(None)), "it was to be starting");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    crew.works(line);
    assert_eq!(host.said("systemctl is-active slow.service; cat /var/lib/slow.starts"), "active\nx");
    let shown = crew.works("journal show incident");
    assert!(shown.contains("sends to host:web: start service:slow by systemd"), "{shown}");
}

/// Held by another of its names it could be started by its own; held by its own it cannot be started by any.
#[test]
fn a_unit_is_held_by_its_own_name_only_and_then_by_all_of_them() {
    let Some(crew) = Crew::new() else { return };
    let host = &crew.host;
    host.as_root("ln -s web.service /etc/systemd/system/also.service; systemctl daemon-reload");
    let estate = fs::read_to_string(host.root().join("estate/estate.toml")).unwrap();
    let other = estate.replace("run.systemd = \"web.service\"", "run.systemd = \"also.service\"");
    fs::write(host.root().join("estate/estate.toml"), other).unwrap();
    let shown = String::from_utf8_lossy(&crew.call("reach estate").stdout).into_owned();
    assert!(
        shown.contains("serious another-name: service:web: also.service is another name of web.service"),
        "{shown}"
    );
    crew.works("init incident --estate estate --key key --by anna");
    let cut = crew.call("contain estate --infected service:web --journal incident --apply --yes --by anna");
    assert_eq!(cut.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("it is another name of web.service"));
    assert_eq!(host.said("systemctl is-active web.service; ls -A /etc/systemd/system.control"), "active");

    fs::write(host.root().join("estate/estate.toml"), estate).unwrap();
    crew.works("contain estate --infected service:web --journal incident --apply --yes --by anna");
    for name in ["web.service", "also.service"] {
        assert!(!host.as_root(&format!("systemctl start {name}")).status.success(), "{name}");
    }
    assert!(!host.is_open(8080));
}
