//! The built binary and a real host: units started, cut off over a reboot, let go on, by a user who may do just that.

use std::fs;
use std::process::Output;

use incident::contain::CutState;
use incident::plan::file::Plan;
use incident::recover::ServiceState;
use incident::{View, store};

use crate::host_rig::{HOST, Host};

const WEB: &str = "[Unit]\nDescription=web\n[Service]\nExecStart=/usr/bin/python3 -m http.server 8080 --directory /usr/share/doc\n[Install]\nWantedBy=multi-user.target\n";
const LATE_SOCKET: &str = "[Socket]\nListenStream=8081\n[Install]\nWantedBy=sockets.target\n";
const LATE: &str = "[Service]\nExecStart=/lib/systemd/systemd-socket-proxyd 127.0.0.1:8080\n";
/// What `blackstart` needs for the two units, and nothing else.
const SUDOERS: &str = "ops ALL=(root) NOPASSWD: \
/usr/bin/systemctl start web.service, /usr/bin/systemctl stop web.service, \
/usr/bin/systemctl start late.service, /usr/bin/systemctl stop late.service, \
/usr/bin/systemctl start late.socket, /usr/bin/systemctl stop late.socket, \
/usr/bin/mkdir -p /etc/systemd/system.control, /usr/bin/systemctl daemon-reload, \
/usr/bin/ln -s /dev/null /etc/systemd/system.control/web.service, /usr/bin/rm /etc/systemd/system.control/web.service, \
/usr/bin/ln -s /dev/null /etc/systemd/system.control/late.service, /usr/bin/rm /etc/systemd/system.control/late.service\n";

struct Crew {
    host: Host,
}

impl Crew {
    fn new() -> Option<Crew> {
        let host = Host::boot(&[
            ("etc/systemd/system/web.service", WEB),
            ("etc/systemd/system/late.service", LATE),
            ("etc/systemd/system/late.socket", LATE_SOCKET),
            ("etc/sudoers.d/ops", SUDOERS),
        ])?;
        let crew = Crew { host };
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
