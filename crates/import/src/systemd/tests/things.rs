//! Which units become services, and with what.

use super::{codes, copy, draft, gathered, read, services, stated};
use crate::login::Login;
use crate::systemd::Options;
use crate::systemd::boot::Width;
use crate::systemd::describe::StartBy;
use estate::hands::{Become, Driver};
use estate::model::{Probe, Service, StartClass};

fn only(files: &[(&str, &str)]) -> Service {
    let draft = draft(files);
    assert_eq!(draft.estate.services.len(), 1, "{:?}", services(&draft));
    draft.estate.services.into_values().next().unwrap()
}

#[test]
fn the_strongest_folder_wins_and_drop_ins_come_on_top_in_the_order_of_their_names() {
    let service = only(&[
        ("usr/lib/systemd/system/web.service", "[Service]\nExecStart=/old\nMemoryMax=1G\n"),
        ("etc/systemd/system/web.service", "[Service]\nExecStart=/bin/web\nMemoryMax=2G\n"),
        ("usr/lib/systemd/system/web.service.d/20-b.conf", "[Service]\nMemoryMax=3G\n"),
        ("etc/systemd/system/web.service.d/20-b.conf", "[Service]\nMemoryMax=4G\n"),
        ("etc/systemd/system/web.service.d/10-a.conf", "[Service]\nMemoryMax=5G\n"),
        ("etc/systemd/system/service.d/00-all.conf", "[Service]\nCPUQuota=250%\n"),
    ]);
    assert_eq!((service.memory, service.cpu_boot), (4096, 3));
}

#[test]
fn an_empty_assignment_throws_a_list_away_but_takes_no_dependency() {
    let draft = draft(&[
        ("etc/systemd/system/a.service", "[Unit]\nWants=b.service\n[Service]\nExecStart=/one\n"),
        (
            "etc/systemd/system/a.service.d/x.conf",
            "[Unit]\nWants=\n[Service]\nExecStart=\nExecStart=/two --x\n",
        ),
        ("etc/systemd/system/b.service", "[Service]\n"),
    ]);
    assert_eq!(stated(&draft), ["a soft b"]);
    assert!(codes(&draft).contains(&"unit-no-reset"));
    let options = Options { start_by: Some(StartBy::Exec), ..Options::default() };
    let copy = copy(&[
        ("etc/systemd/system/a.service", "[Service]\nExecStart=/one\nUser=app\n"),
        ("etc/systemd/system/a.service.d/x.conf", "[Service]\nExecStart=\nExecStart=-/two \"with blank\"\n"),
    ]);
    let draft = read(&gathered(vec![copy]), &options);
    let run = draft.estate.services.values().next().unwrap().run.clone().unwrap();
    assert_eq!(run.start, ["runuser", "-u", "app", "--", "/two", "with blank"]);
}

#[test]
fn masked_units_and_those_nothing_starts_are_left_out_and_said() {
    let files = [
        ("etc/systemd/system/off.service", "-> /dev/null"),
        ("usr/lib/systemd/system/off.service", "[Service]\n"),
        ("usr/lib/systemd/system/installed.service", "[Service]\n[Install]\nWantedBy=multi-user.target\n"),
        ("usr/lib/systemd/system/on.service", "[Unit]\nWants=helper.service\n[Service]\n"),
        ("usr/lib/systemd/system/helper.service", "[Service]\n"),
        ("etc/systemd/system/multi-user.target.wants/on.service", "-> /usr/lib/systemd/system/on.service"),
        ("usr/lib/systemd/system/systemd-journald.service", "[Service]\n"),
        (
            "usr/lib/systemd/system/sysinit.target.wants/systemd-journald.service",
            "-> ../systemd-journald.service",
        ),
        ("usr/lib/systemd/system/rescue.target.wants/shell.service", "-> ../shell.service"),
        ("usr/lib/systemd/system/shell.service", "[Service]\n"),
    ];
    let draft = draft(&files);
    assert_eq!(services(&draft), ["helper", "on"]);
    for code in ["units-basic", "units-idle", "units-masked"] {
        assert!(codes(&draft).contains(&code), "{code}: {:?}", codes(&draft));
    }
    let options = Options { width: Width::AllUnits, ..Options::default() };
    let draft = read(&gathered(vec![copy(&files)]), &options);
    assert_eq!(services(&draft), ["helper", "installed", "on", "shell", "systemd-journald"]);
}

#[test]
fn instances_come_from_their_template_with_specifiers_filled_in() {
    let draft = draft(&[
        (
            "worker@.service",
            "[Unit]\nRequires=queue-%i.service\nAfter=queue-%i.service\n[Service]\nMemoryMax=1G\n",
        ),
        ("worker@.service.d/x.conf", "[Service]\nMemoryMax=2G\n"),
        ("multi-user.target.wants/worker@a.service", "-> ../worker@.service"),
        ("multi-user.target.wants/worker@b.service", "-> ../worker@.service"),
        ("queue-a.service", "[Service]\n"),
        ("queue-b.service", "[Service]\n"),
    ]);
    assert_eq!(stated(&draft), ["worker-a hard queue-a", "worker-b hard queue-b"]);
    assert_eq!(draft.estate.services.values().filter(|service| service.memory == 2048).count(), 2);
    assert_eq!(draft.renamed.values().map(String::as_str).collect::<Vec<_>>(), ["worker@a", "worker@b"]);
}

#[test]
fn another_name_of_a_unit_is_the_unit() {
    let draft = draft(&[
        ("etc/systemd/system/postgres.service", "-> /usr/lib/systemd/system/postgresql.service"),
        (
            "etc/systemd/system/web.service",
            "[Unit]\nRequires=postgres.service\nAfter=postgresql.service\n[Service]\n",
        ),
        ("usr/lib/systemd/system/postgresql.service", "[Service]\n"),
    ]);
    assert_eq!(stated(&draft), ["web hard postgresql"]);
    assert_eq!(services(&draft), ["postgresql", "web"]);
}

#[test]
fn a_service_is_started_by_systemctl_and_its_gate_asks_systemctl() {
    let service = only(&[("web.service", "[Service]\nExecStart=/bin/web\nWatchdogSec=10\n")]);
    let run = service.run.unwrap();
    assert_eq!(
        (run.start, run.job),
        (["systemctl", "start", "web.service"].map(str::to_owned).to_vec(), true)
    );
    let gate = &service.gates[0];
    assert_eq!(
        gate.probe,
        Probe::Command(["systemctl", "is-active", "--quiet", "web.service"].map(str::to_owned).to_vec())
    );
    assert_eq!(gate.hold_ms, 10_000, "one period of its watchdog");
}

#[test]
fn a_timer_is_started_instead_of_its_job_and_a_socket_is_knocked_on() {
    let service = only(&[
        ("billing.service", "[Service]\nType=oneshot\nExecStart=/bin/billing\n"),
        ("billing.timer", "[Timer]\nOnCalendar=daily\n"),
        ("timers.target.wants/billing.timer", "-> ../billing.timer"),
    ]);
    assert_eq!(service.run.unwrap().start[2], "billing.timer");
    assert_eq!(service.start_class, StartClass::Probe);
    let service = only(&[
        ("web.service", "[Service]\nExecStart=/bin/web\n"),
        (
            "web.socket",
            "[Socket]\nListenStream=8080\nListenStream=/run/web.sock\nListenStream=10.0.0.1:9090\n",
        ),
        ("sockets.target.wants/web.socket", "-> ../web.socket"),
    ]);
    let ports: Vec<&Probe> = service.gates[1..].iter().map(|gate| &gate.probe).collect();
    assert_eq!(ports, [&Probe::Tcp("10.0.0.1:9090".to_owned()), &Probe::Tcp("127.0.0.1:8080".to_owned())]);
}

#[test]
fn a_job_that_leaves_no_trace_is_never_repeated_without_a_person() {
    let service = only(&[("job.service", "[Service]\nType=oneshot\nExecStart=/bin/job\n")]);
    assert_eq!((service.start_class, service.gates.len()), (StartClass::Once, 0));
    let service =
        only(&[("job.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/job\n")]);
    assert_eq!((service.start_class, service.gates.len()), (StartClass::Probe, 1));
}

#[test]
fn a_password_in_a_command_is_not_copied() {
    let options = Options { start_by: Some(StartBy::Exec), ..Options::default() };
    let copy = copy(&[(
        "web.service",
        "[Service]\nExecStart=/bin/web --db-password=hunter2\nEnvironment=TOKEN=hunter2\n",
    )]);
    let draft = read(&gathered(vec![copy]), &options);
    assert!(codes(&draft).contains(&"unit-secret"));
    assert!(!format!("{draft:?}").contains("hunter2"));
}

#[test]
fn the_services_of_several_hosts_are_started_on_each_by_its_own_systemd() {
    let mut hosts = vec![copy(&[("web.service", "[Service]\n")]), copy(&[("db.service", "[Service]\n")])];
    (hosts[0].name, hosts[1].name) = (Some("web1".to_owned()), Some("db1".to_owned()));
    hosts[1].host_keys = vec!["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHaU".to_owned(), "no key".to_owned()];
    let login = Login { user: Some("ops".to_owned()), sudo: true, ..Login::default() };
    let draft = read(&gathered(hosts.clone()), &Options { login, ..Options::default() });
    let service = draft.estate.services.values().next().unwrap();
    let run = service.run.clone().unwrap();
    assert_eq!((run.driver, run.job), (Some(Driver::Systemd("db.service".to_owned())), false));
    let ssh = draft.estate.hosts[service.host.as_ref().unwrap()].ssh.clone().unwrap();
    assert_eq!((ssh.address.as_str(), ssh.user.as_deref(), ssh.becomes), ("db1", Some("ops"), Become::Sudo));
    assert_eq!(
        ssh.host_key,
        ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHaU"],
        "from the copy of the host itself"
    );
    let by_ssh = Options { start_by: Some(StartBy::Ssh), ..Options::default() };
    let draft = read(&gathered(hosts), &by_ssh);
    let run = draft.estate.services.values().next().unwrap().run.clone().unwrap();
    assert_eq!(run.start, ["ssh", "-o", "BatchMode=yes", "--", "db1", "systemctl", "start", "db.service"]);
}

#[test]
fn on_a_named_host_jobs_stay_jobs_timers_begin_alone_and_sockets_are_knocked_on_there() {
    let copy = copy(&[
        ("job.service", "[Service]\nType=oneshot\nExecStart=/bin/job\n"),
        ("billing.service", "[Service]\nType=oneshot\nExecStart=/bin/billing\n"),
        ("billing.timer", "[Timer]\nOnCalendar=daily\n"),
        ("timers.target.wants/billing.timer", "-> ../billing.timer"),
        ("web.service", "[Service]\nExecStart=/bin/web\n"),
        ("web.socket", "[Socket]\nListenStream=8080\n"),
        ("sockets.target.wants/web.socket", "-> ../web.socket"),
    ]);
    let login = Login { address: Some("192.0.2.7".to_owned()), ..Login::default() };
    let options = Options { host: Some("app1".to_owned()), login, ..Options::default() };
    let draft = read(&gathered(vec![copy.clone()]), &options);
    let of = |name: &str| {
        let found = draft.estate.services.iter().find(|(id, _)| id.name().ends_with(name));
        found.unwrap().1.clone()
    };
    let driver = |name: &str| of(name).run.unwrap().driver;
    assert_eq!(driver("job"), Some(Driver::Systemd("job.service".to_owned())));
    assert!(of("job").run.unwrap().job && of("job").start_class == StartClass::Once);
    assert_eq!(driver("billing"), Some(Driver::Systemd("billing.timer".to_owned())));
    assert_eq!(driver("web"), Some(Driver::Systemd("web.service".to_owned())));
    let probes: Vec<Probe> = of("web").gates.into_iter().map(|gate| gate.probe).collect();
    assert_eq!(probes, [Probe::Tcp("192.0.2.7:8080".to_owned())]);
    let here = Options { login: Login { here: true, ..Login::default() }, ..options };
    let draft = read(&gathered(vec![copy]), &here);
    assert!(draft.estate.hosts.values().all(|host| host.local && host.ssh.is_none()));
}

#[test]
fn an_amount_that_cannot_be_read_is_said_with_its_line() {
    let draft = draft(&[(
        "etc/systemd/system/web.service",
        "[Service]\nExecStart=/bin/web\nMemoryMax=half\nCPUQuota=infinity\nTimeoutStartSec=infinity\n",
    )]);
    let said: Vec<String> = draft
        .findings
        .iter()
        .filter(|noted| noted.finding.code == "value-not-read")
        .map(|noted| format!("{} {}", noted.origin.as_ref().unwrap(), noted.finding.message.what))
        .collect();
    assert_eq!(
        said,
        [
            "etc/systemd/system/web.service:3 `MemoryMax` of web.service is written `half`, and that cannot be read"
        ]
    );
}

#[test]
fn a_unit_that_needs_itself_is_said_with_its_line() {
    let draft = draft(&[(
        "etc/systemd/system/web.service",
        "[Unit]\nRequires=web.service\n[Service]\nExecStart=/x\n",
    )]);
    let said = draft.findings.iter().find(|noted| noted.finding.code == "needs-itself").unwrap();
    assert_eq!(said.origin.as_ref().unwrap().to_string(), "etc/systemd/system/web.service:2");
    assert!(draft.edges.is_empty());
}

#[test]
fn where_no_link_was_copied_a_unit_counts_as_enabled_by_its_install_section() {
    let portal = "[Service]\nExecStart=/usr/bin/portal\n[Install]\nWantedBy=multi-user.target\n";
    let loose = "[Service]\nExecStart=/usr/bin/loose\n";
    let both = [("etc/systemd/system/portal.service", portal), ("etc/systemd/system/loose.service", loose)];
    let names = |files: &[(&str, &str)]| {
        let draft = draft(files);
        let noted = draft.findings.iter().find(|noted| noted.finding.code == "units-not-enabled");
        noted.map_or_else(String::new, |noted| noted.finding.message.what.clone())
    };
    let said = names(&both);
    assert!(said.contains("loose.service") && !said.contains("portal.service"), "{said}");
    // Links were copied, and none leads to it: it is not enabled.
    let link = ("etc/systemd/system/multi-user.target.wants/loose.service", "-> ../loose.service");
    let said = names(&[both[0], both[1], link]);
    assert!(said.contains("portal.service") && !said.contains("loose.service"), "{said}");
}
