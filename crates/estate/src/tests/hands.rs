//! How hosts are reached and services are started: what may stand there, and what is found.

use super::super::check::judge;
use super::super::hands::{Become, Driver};
use super::super::{Grade, canonical, fingerprint};
use super::{codes, estate, id, read_toml};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHaUqLRdzXPCHsHxQUwhqSyVhGYcvpAB8N3PuTWVeXJG";

fn reached() -> String {
    format!(
        r#"
[host.gate]
ssh = {{ address = "192.0.2.1", user = "ops", host_key = "{KEY} root@gate" }}
[host.web]
ssh = {{ address = "192.0.2.7", port = 2222, user = "ops", become = "sudo", jump = "gate", host_key = ["{KEY}"] }}
[host.here]
local = true
[service.a]
host = "web"
run.systemd = "nginx"
[service.b]
host = "here"
run.compose = {{ project = "shop", service = "cart", file = "/srv/shop/compose.yaml" }}
[service.c]
run.kubernetes = {{ namespace = "shop", kind = "deployment", name = "cart", replicas = 3 }}
[service.d]
host = "web"
run.libvirt = "old-db"
run.admit = ["true"]
"#
    )
}

#[test]
fn every_way_of_reaching_and_starting_is_read_and_kept_in_the_canonical_text() {
    let known = estate(&reached());
    let ssh = known.hosts[&id("host:web")].ssh.clone().unwrap();
    assert_eq!((ssh.port, ssh.becomes, ssh.jump), (Some(2222), Become::Sudo, Some(id("host:gate"))));
    let gate = known.hosts[&id("host:gate")].ssh.clone().unwrap();
    assert_eq!(gate.host_key, [KEY], "the comment of a key says nothing");
    let run = known.services[&id("service:a")].run.clone().unwrap();
    assert_eq!(run.driver, Some(Driver::Systemd("nginx.service".to_owned())));
    assert_eq!(canonical::from_text(&canonical::text(&known)).unwrap(), known);
    insta::assert_snapshot!(canonical::text(&known));
}

#[test]
fn a_name_that_could_be_more_than_a_name_is_never_part_of_an_estate() {
    let nasty = [
        "",
        "-x",
        "--help",
        "a b",
        "a;reboot",
        "$(reboot)",
        "`reboot`",
        "a'b",
        "a|b",
        "a&b",
        "a>b",
        "a*",
        "~x",
        "a\\nb",
        "ä",
        "a%h",
        "a{b,c}",
        "a!b",
        "#a",
    ];
    for name in nasty {
        for field in [
            format!("[host.h]\nssh = {{ address = \"{name}\" }}"),
            format!("[host.h]\nssh = {{ address = \"192.0.2.1\", user = \"{name}\" }}"),
            format!("[host.h]\nssh = {{ address = \"192.0.2.1\", host_key = \"{name}\" }}"),
            format!("[host.h]\nssh = {{ address = \"192.0.2.1\", identity = \"{name}\" }}"),
            format!("[service.s]\nrun.systemd = \"{name}.service\""),
            format!("[service.s]\nrun.libvirt = \"{name}\""),
            format!("[service.s]\nrun.compose = {{ project = \"{name}\", service = \"s\" }}"),
            format!("[service.s]\nrun.compose = {{ project = \"p\", service = \"{name}\" }}"),
            format!(
                "[service.s]\nrun.kubernetes = {{ namespace = \"{name}\", kind = \"deployment\", name = \"s\" }}"
            ),
            format!(
                "[service.s]\nrun.kubernetes = {{ namespace = \"n\", kind = \"deployment\", name = \"{name}\" }}"
            ),
            format!(
                "[service.s]\nrun.kubernetes = {{ context = \"{name}\", namespace = \"n\", kind = \"deployment\", name = \"x\" }}"
            ),
        ] {
            let reading = read_toml(&field);
            assert_eq!(codes(&reading.findings), ["unfit-name"], "{field}");
            assert_eq!(reading.findings[0].grade, Grade::Blocking);
            let service = reading.estate.services.values().next();
            assert!(service.is_none_or(|service| service.run.as_ref().unwrap().driver.is_none()), "{field}");
        }
    }
}

#[test]
fn a_port_that_is_none_and_a_key_that_is_none_are_found() {
    for field in [
        "port = 0",
        "port = 65536",
        "host_key = \"ssh-ed25519\"",
        "host_key = [\"rot13 AAAAAAAAAAAAAAAAAAAA\"]",
    ] {
        let reading = read_toml(&format!("[host.h]\nssh = {{ address = \"192.0.2.1\", {field} }}"));
        assert_eq!(codes(&reading.findings), ["unfit-name"], "{field}");
    }
}

#[test]
fn two_ways_of_starting_are_one_too_many() {
    for second in [
        "start = [\"true\"]",
        "stop = [\"true\"]",
        "libvirt = \"x\"",
        "pid_file = \"/x\"",
        "directory = \"/\"",
    ] {
        let reading = read_toml(&format!("[service.s]\n[service.s.run]\nsystemd = \"x\"\n{second}"));
        assert_eq!(codes(&reading.findings), ["run-said-twice"], "{second}");
        assert_eq!(reading.findings[0].grade, Grade::Blocking);
    }
}

#[test]
fn what_keeps_commands_from_a_host_is_found() {
    let cases = [
        ("[service.s]\nrun.systemd = \"x\"", "run-without-host"),
        ("[host.h]\n[service.s]\nhost = \"h\"\nrun.systemd = \"x\"", "host-not-reached"),
        ("[host.h]\nssh = { address = \"192.0.2.1\" }", "host-without-key"),
        ("[host.h]\nssh = { address = \"192.0.2.1\" }", "host-without-user"),
        ("[host.h]\nssh = { address = \"web.example\" }", "host-needs-names"),
        ("[host.h]\nlocal = true\nssh = { address = \"192.0.2.1\" }", "host-two-ways"),
        ("[host.h]\nssh = { address = \"192.0.2.1\", jump = \"g\" }", "unknown-reference"),
        ("[host.h]\nssh = { address = \"192.0.2.1\", jump = \"g\" }\n[host.g]", "host-beyond-reach"),
        ("[host.h]\nssh = { address = \"192.0.2.1\", jump = \"h\" }", "host-beyond-reach"),
    ];
    for (text, code) in cases {
        let found = judge(&read_toml(text));
        assert!(codes(&found).contains(&code), "{code} is not among {:?} for {text}", codes(&found));
    }
    let sound = judge(&read_toml(&reached()));
    let of_hands = |code: &&&str| code.starts_with("host-") || code.starts_with("run-without-host");
    assert_eq!(codes(&sound).iter().filter(of_hands).count(), 0, "{:?}", codes(&sound));
}

#[test]
fn another_host_key_on_the_way_is_another_part_of_the_estate() {
    let before = fingerprint::hash(&estate(&reached()), &id("service:a"));
    let changed = reached().replacen("AAAAC3", "BBBBC3", 1);
    assert_ne!(fingerprint::hash(&estate(&changed), &id("service:a")), before);
}
