//! Every script as it is sent, and what real programs have answered.

use estate::hands::{Become, Driver};

use crate::{Standing, Verb, reading, script, way};

fn golden(name: &str, driver: &Driver) {
    for becomes in [Become::Nobody, Become::Sudo] {
        let scripts = Verb::ALL.map(|verb| script(verb, driver, becomes).unwrap().text);
        insta::assert_snapshot!(format!("{name}_{becomes:?}"), scripts.join("\n"));
    }
}

#[test]
fn the_scripts_for_a_unit_are_what_was_read_and_agreed() {
    golden("systemd", &Driver::Systemd("nginx.service".to_owned()));
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
    assert_eq!((read.stood, read.standing), (Standing::Down, Standing::Up));
    assert_eq!(read.mark, "5b8d0c7f4b5d4e0a8d1b3b6c8a7d2f10");
    assert_eq!(read.boot, "8c2c9b6f-8a4e-4f2c-9d3e-1f5b1c6a7d10");
    let stands = |load: &str, active: &str| {
        reading(&unit, &format!("after LoadState={load}\nafter ActiveState={active}\n")).standing
    };
    assert_eq!(stands("not-found", "inactive"), Standing::Missing);
    assert_eq!(stands("masked", "inactive"), Standing::Down);
    assert_eq!(stands("not-found", "active"), Standing::Up, "its file is gone, and it runs");
    assert_eq!(stands("loaded", "failed"), Standing::Failed);
    assert_eq!(stands("loaded", "activating"), Standing::Moving);
    assert_eq!(stands("bad-setting", "inactive"), Standing::NotKnown);
}

#[test]
fn nothing_said_is_nothing_known() {
    let unit = Driver::Systemd("a.service".to_owned());
    for output in ["", "Failed to connect to bus: No such file or directory\n", "before ActiveState=active\n"]
    {
        let read = reading(&unit, output);
        assert_eq!(
            (read.standing, read.mark.as_str(), read.boot.as_str()),
            (Standing::NotKnown, "", ""),
            "{output}"
        );
    }
}
