//! `blackstart import systemd`: the golden JSON, what is refused, and that the estate can be used.

use crate::import_rig::{Rig, talk};

const HOST: [(&str, &str); 12] = [
    ("in/etc/hostname", "app-1\n"),
    (
        "in/etc/systemd/system/portal.service",
        "[Unit]\nDescription=Portal\nRequires=postgres.service\nAfter=postgres.service network-online.target\nWants=network-online.target cache.service\n\n[Service]\nExecStart=/opt/portal/bin/portal --port 8080\nMemoryMax=2G\n",
    ),
    ("in/etc/systemd/system/portal.service.d/10-mail.conf", "[Unit]\nAfter=mail@out.service\n"),
    ("in/etc/systemd/system/multi-user.target.wants/portal.service", "-> /etc/systemd/system/portal.service"),
    (
        "in/etc/systemd/system/multi-user.target.wants/mail@out.service",
        "-> /etc/systemd/system/mail@.service",
    ),
    ("in/etc/systemd/system/postgres.service", "-> /usr/lib/systemd/system/postgresql.service"),
    (
        "in/usr/lib/systemd/system/postgresql.service",
        "[Unit]\nRequiresMountsFor=/srv/db\n[Service]\nType=notify\n",
    ),
    ("in/usr/lib/systemd/system/srv-db.mount", "[Mount]\nWhat=/dev/vg/db\nWhere=/srv/db\nType=ext4\n"),
    ("in/usr/lib/systemd/system/cache.service", "[Service]\n"),
    ("in/usr/lib/systemd/system/cache.socket", "[Socket]\nListenStream=127.0.0.1:6379\n"),
    ("in/etc/systemd/system/mail@.service", "[Service]\nExecStart=/usr/bin/mail %i\n"),
    ("in/usr/lib/systemd/system/installed.service", "[Service]\n"),
];

#[test]
fn units_of_a_host_as_json() {
    let rig = Rig::new(&HOST);
    insta::assert_snapshot!(rig.answer("systemd", "in", &[]));
    rig.is_usable();
}

#[test]
fn a_dump_of_a_host_that_is_off_is_enough() {
    let rig = Rig::new(&[(
        "db-1.txt",
        "Id=db.service\nNames=db.service\nLoadState=loaded\nActiveState=active\n\nId=web.service\nNames=web.service\nRequires=db.service sysinit.target\nAfter=db.service basic.target\nLoadState=loaded\nActiveState=active\n",
    )]);
    let answer: serde_json::Value =
        serde_json::from_str(&rig.answer("systemd", "db-1.txt", &["--host", "db-1"])).unwrap();
    assert_eq!((&answer["services"], &answer["edges"]["hard"]), (&2.into(), &1.into()));
    rig.is_usable();
    let estate = std::fs::read_to_string(rig.path("estate/systemd-db-1.toml")).unwrap();
    assert!(estate.contains("[service.\"db-1-web\"]") && estate.contains("db-1.txt:8"), "{estate}");
}

#[test]
fn importing_again_after_the_host_changed_keeps_what_was_written_by_hand() {
    let rig = Rig::new(&HOST);
    rig.answer("systemd", "in", &[]);
    let file = rig.path("estate/systemd-in.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("name = \"cache\"", "name = \"cache\"\ntier = 3")).unwrap();
    rig.write("in/etc/systemd/system/cache.service.d/x.conf", b"[Service]\nMemoryMax=512M\n");
    rig.answer("systemd", "in", &[]);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("tier = 3") && text.contains("memory = 512"), "{text}");
}

#[test]
fn what_is_no_copy_of_units_is_refused() {
    let rig = Rig::new(&[
        ("in/readme.txt", "nothing\n"),
        ("two/a/a.service", "[Service]\n"),
        ("two/b/b.service", "[Service]\n"),
    ]);
    rig.is_refused("systemd", "in", &["no unit file"]);
    rig.is_refused("systemd", "nowhere", &["nowhere"]);
    let output = rig.import("systemd", "two", &["--host", "x"]);
    assert_eq!(output.status.code(), Some(2), "{}", talk(&output));
}
