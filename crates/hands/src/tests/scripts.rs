//! Every script as it is sent, and what real programs have answered.

use estate::hands::{Become, Driver, Workload};

use crate::{UnitState, Verb, reading, script, way};

fn golden(name: &str, driver: &Driver) {
    for becomes in [Become::Nobody, Become::Sudo] {
        let scripts = Verb::ALL.map(|verb| script(verb, driver, becomes, false).unwrap().text);
        insta::assert_snapshot!(format!("{name}_{becomes:?}"), scripts.join("\n"));
    }
}

#[test]
fn the_scripts_for_a_unit_are_what_was_read_and_agreed() {
    golden("systemd", &Driver::Systemd("nginx.service".to_owned()));
}

#[test]
fn the_scripts_for_containers_are_what_was_read_and_agreed() {
    let compose = |file: Option<&str>| Driver::Compose {
        project: "shop".to_owned(),
        service: "cart".to_owned(),
        file: file.map(str::to_owned),
    };
    golden("compose", &compose(None));
    let job = script(Verb::Start, &compose(Some("/srv/shop/compose.yaml")), Become::Sudo, true).unwrap();
    insta::assert_snapshot!("compose_job_with_a_file", job.text);
}

#[test]
fn the_scripts_for_workloads_and_machines_are_what_was_read_and_agreed() {
    golden("kubernetes", &Driver::Kubernetes(cart_in_a_cluster()));
    golden("libvirt", &Driver::Libvirt("old-db".to_owned()));
    for driver in [Driver::Kubernetes(cart_in_a_cluster()), Driver::Libvirt("old-db".to_owned())] {
        assert!(script(Verb::Start, &driver, Become::Nobody, true).is_err(), "how it ended nobody could say");
    }
}

fn cart_in_a_cluster() -> Workload {
    Workload {
        context: Some("prod".to_owned()),
        namespace: "shop".to_owned(),
        kind: "deployment".to_owned(),
        name: "cart".to_owned(),
        replicas: 3,
    }
}

#[test]
fn a_workload_is_read_as_the_cluster_says_it_stands() {
    let cart = Driver::Kubernetes(cart_in_a_cluster());
    let stands = |wanted: &str, there: &str, ready: &str, observed: u32| {
        let facts =
            [("uid", "u1"), ("generation", "7"), ("wanted", wanted), ("there", there), ("ready", ready)];
        let lines: Vec<String> =
            facts.iter().map(|(name, value)| format!("after {name}={value}\n")).collect();
        reading(&cart, &format!("{}after observed={observed}\nafter held=\n", lines.concat()))
    };
    assert_eq!(stands("3", "3", "3", 7).standing, UnitState::Up);
    assert_eq!(stands("3", "3", "3", 7).mark, "u1@7");
    assert_eq!(stands("3", "3", "2", 7).standing, UnitState::Moving);
    assert_eq!(stands("3", "3", "3", 6).standing, UnitState::Moving, "the change is not taken up yet");
    assert_eq!(stands("0", "2", "2", 7).standing, UnitState::Moving);
    assert_eq!(stands("0", "", "", 7).standing, UnitState::Down);
    assert_eq!(stands("", "", "", 7).standing, UnitState::NotKnown);
    assert_eq!(stands("many", "3", "3", 7).standing, UnitState::NotKnown);
    assert_eq!(reading(&cart, "after found no\n").standing, UnitState::Missing);
    assert_eq!(reading(&cart, "").standing, UnitState::NotKnown);
}

#[test]
fn a_virtual_machine_is_read_as_libvirt_says_it_stands() {
    let domain = Driver::Libvirt("old-db".to_owned());
    let stands = |state: &str| {
        reading(&domain, &format!("after boot b1\nafter id 3\nafter uuid u1\nafter state {state}\n"))
    };
    assert_eq!((stands("running").standing, stands("running").mark.as_str()), (UnitState::Up, "u1@3"));
    assert_eq!(stands("shut off").standing, UnitState::Down);
    assert_eq!(stands("in shutdown").standing, UnitState::Moving);
    assert_eq!(stands("paused").standing, UnitState::Moving);
    assert_eq!(stands("crashed").standing, UnitState::Failed);
    assert_eq!(stands("no state").standing, UnitState::NotKnown);
    assert_eq!(reading(&domain, "after found no\n").standing, UnitState::Missing);
}

#[test]
fn what_ssh_is_told_is_what_was_read_and_agreed() {
    let estate = super::nasty::estate(
        "[host.gate]\nssh = { address = \"192.0.2.1\", user = \"ops\", host_key = \"@cert-authority ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHaU\" }\n\
         [host.web]\nssh = { address = \"2001:db8::7\", port = 2222, user = \"ops\", jump = \"gate\", identity = \"/root/my key\", host_key = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHxx\"] }",
    );
    let way::Way::Ssh(hops) = way::to(&estate, &"host:web".parse().unwrap()).unwrap() else {
        panic!("by ssh")
    };
    let folder = std::path::Path::new("/run/bs");
    let keys: Vec<String> = hops.iter().map(way::keys).collect();
    insta::assert_snapshot!(format!(
        "{}\n{}\n{}",
        way::settings(&hops, folder),
        keys.join("\n"),
        way::REMOTE
    ));
}

/// Printed by systemd 252 of Debian 12.
const RUNNING: &str = "before boot 8c2c9b6f-8a4e-4f2c-9d3e-1f5b1c6a7d10
before Type=simple
before Result=success
before NRestarts=0
before RequiredBy=
before BoundBy=
before TriggeredBy=
before LoadState=loaded
before ActiveState=inactive
before SubState=dead
before UnitFileState=enabled
before InvocationID=
after boot 8c2c9b6f-8a4e-4f2c-9d3e-1f5b1c6a7d10
after LoadState=loaded
after ActiveState=active
after SubState=running
after InvocationID=5b8d0c7f4b5d4e0a8d1b3b6c8a7d2f10
";

#[test]
fn a_unit_is_read_as_it_says_it_stands() {
    let unit = Driver::Systemd("a.service".to_owned());
    let read = reading(&unit, RUNNING);
    assert_eq!((read.stood, read.standing), (UnitState::Down, UnitState::Up));
    assert_eq!(read.mark, "5b8d0c7f4b5d4e0a8d1b3b6c8a7d2f10");
    assert_eq!(read.boot, "8c2c9b6f-8a4e-4f2c-9d3e-1f5b1c6a7d10");
    let stands = |load: &str, active: &str| {
        reading(&unit, &format!("after LoadState={load}\nafter ActiveState={active}\n")).standing
    };
    assert_eq!(stands("not-found", "inactive"), UnitState::Missing);
    assert_eq!(stands("masked", "inactive"), UnitState::Down);
    assert_eq!(stands("not-found", "active"), UnitState::Up, "its file is gone, and it runs");
    assert_eq!(stands("loaded", "failed"), UnitState::Failed);
    assert_eq!(stands("loaded", "activating"), UnitState::Moving);
    assert_eq!(stands("bad-setting", "inactive"), UnitState::NotKnown);
}

/// Printed with docker 20.10.24 of Debian 12.
const CONTAINERS: &str = "before boot faf16138-3964-4aff-adf8-24569fdfbd29
before container:9522c34823ce32b72589bff7e8d499c31d4bfcbb7485e49b519c064b1a98cfcd running 2026-12-01T05:14:54.592366534Z always
before containers 1
after boot faf16138-3964-4aff-adf8-24569fdfbd29
after container:9522c34823ce32b72589bff7e8d499c31d4bfcbb7485e49b519c064b1a98cfcd exited 2026-12-01T05:14:54.592366534Z no
after held yes
after containers 1
";

#[test]
fn containers_are_read_as_docker_says_they_stand() {
    let cart = Driver::Compose { project: "shop".to_owned(), service: "cart".to_owned(), file: None };
    let read = reading(&cart, CONTAINERS);
    assert_eq!((read.stood, read.standing, read.is_held), (UnitState::Up, UnitState::Down, true));
    assert_eq!(
        (read.marked.as_str(), read.mark.as_str()),
        ("9522c34823ce@2026-12-01T05:14:54.592366534Z", "")
    );
    let stands = |states: &[&str], count: usize| {
        let lines: Vec<String> =
            (0..).zip(states).map(|(at, state)| format!("after container:{at} {state} t no\n")).collect();
        reading(&cart, &format!("{}after containers {count}\n", lines.concat())).standing
    };
    assert_eq!(stands(&["running", "running"], 2), UnitState::Up);
    assert_eq!(stands(&["running", "exited"], 2), UnitState::Moving);
    assert_eq!(stands(&["paused"], 1), UnitState::Moving, "it keeps its ports and answers nobody");
    assert_eq!(stands(&["restarting"], 1), UnitState::Moving);
    assert_eq!(stands(&["running"], 2), UnitState::NotKnown, "of one nothing was said");
    assert_eq!(stands(&[], 0), UnitState::Missing);
}

#[test]
fn nothing_said_is_nothing_known() {
    let unit = Driver::Systemd("a.service".to_owned());
    for output in ["", "Failed to connect to bus: No such file or directory\n", "before ActiveState=active\n"]
    {
        let read = reading(&unit, output);
        assert_eq!(
            (read.standing, read.mark.as_str(), read.boot.as_str()),
            (UnitState::NotKnown, "", ""),
            "{output}"
        );
    }
}
