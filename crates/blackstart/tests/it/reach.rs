//! `blackstart reach` without any host: what it would do, line by line, and what it says where nobody is there.

use std::fs;
use std::process::{Command, Output};

const ESTATE: &str = r#"
[host.web]
ssh = { address = "127.0.0.1", port = 1, user = "ops", become = "sudo", host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHaUqLRdzXPCHsHxQUwhqSyVhGYcvpAB8N3PuTWVeXJG" }
[host.bare]
[service.web]
host = "web"
run.systemd = "web"
[service.lost]
host = "bare"
run.systemd = "lost"
[service.report]
[service.report.run]
start = ["/bin/report", "a b"]
stop = ["/bin/end"]
[service.paper]
"#;

fn called(estate: &str, more: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("estate.toml"), estate).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_blackstart"));
    command.arg("reach").arg("estate.toml").args(more).current_dir(folder.path());
    command.env_remove("BLACKSTART_DIR").output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn what_would_be_done_is_printed_host_by_host_and_nobody_is_asked() {
    let output = called(ESTATE, &["--print"]);
    assert_eq!(output.status.code(), Some(0));
    insta::assert_snapshot!(out(&output));
}

#[test]
fn a_host_that_is_not_there_and_one_without_a_way_are_findings_and_nothing_is_shown_as_good() {
    let output = called(ESTATE, &[]);
    assert_eq!(output.status.code(), Some(1));
    let shown = out(&output);
    assert!(shown.contains("serious host-silent: host:web was not reached"), "{shown}");
    assert!(shown.contains("serious no-way: the estate does not say how host:bare is reached"), "{shown}");
    assert!(
        shown.contains("2 hosts, 2 not reached; 2 services with a driver, 0 of them can be started"),
        "{shown}"
    );
    assert!(shown.contains("1 service with commands of this machine, 1 that people start"), "{shown}");
}

#[test]
fn one_host_is_asked_alone_and_one_that_nobody_knows_is_a_mistake() {
    let output = called(ESTATE, &["--host", "web", "--json"]);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["hosts"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&said["hosts"][0]["host"], &said["hosts"][0]["is_reached"]),
        (&"host:web".into(), &false.into())
    );
    let output = called(ESTATE, &["--host", "wub"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("name one of: host:bare, host:web"));
}

#[test]
fn an_estate_of_which_a_name_cannot_be_read_asks_nobody() {
    let output = called("[service.s]\nrun.systemd = \"a b\"\n", &["--print"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("`systemd` of service:s is `a b`"));
    assert_eq!(out(&output), "");
}

#[test]
fn an_estate_in_which_nothing_can_be_asked_is_not_called_ready() {
    let output = called("[service.paper]\n", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("nothing is known of whether a restart would work")
    );
}
