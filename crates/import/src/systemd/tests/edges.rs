//! Which dependency follows from which setting.

use super::{codes, copy, draft, dump, gathered, proposed, read, stated};
use crate::systemd::Options;
use crate::systemd::describe::StartBy;

#[test]
fn each_setting_becomes_its_kind_of_dependency() {
    for (settings, expected) in [
        ("Requires=db.service\nAfter=db.service", vec!["web hard db"]),
        ("BindsTo=db.service\nAfter=db.service", vec!["web hard db"]),
        ("Requisite=db.service\nAfter=db.service", vec!["web hard db"]),
        ("Wants=db.service", vec!["web soft db"]),
        ("Wants=db.service\nAfter=db.service", vec!["web soft db"]),
        ("Upholds=db.service", vec!["web soft db"]),
        ("After=db.service", vec!["web order db"]),
        ("Before=db.service", vec!["db order web"]),
        ("Requires=db.service", vec!["web hard db"]),
        ("Requires=db.service\nBefore=db.service", vec!["db order web", "web soft db"]),
        ("PartOf=db.service\nAfter=db.service", vec!["web order db"]),
        ("Conflicts=db.service", vec![]),
        ("", vec![]),
    ] {
        let text = format!("[Unit]\n{settings}\n[Service]\nExecStart=/bin/web\n");
        let draft = draft(&[("web.service", &text), ("db.service", "[Service]\nExecStart=/bin/db\n")]);
        assert_eq!(stated(&draft), expected, "{settings}");
    }
}

#[test]
fn every_dependency_says_where_it_was_written() {
    let draft = draft(&[
        (
            "etc/systemd/system/web.service",
            "# web\n[Unit]\nWants=db.service \\\n# in between\n  cache.service\n[Service]\n",
        ),
        ("etc/systemd/system/web.service.d/10-after.conf", "[Unit]\n\nAfter=mail.service\n"),
        ("etc/systemd/system/web.service.requires/log.service", "-> ../log.service"),
        ("etc/systemd/system/db.service", "[Service]\n"),
        ("etc/systemd/system/cache.service", "[Service]\n"),
        ("etc/systemd/system/mail.service", "[Service]\n"),
        ("etc/systemd/system/log.service", "[Service]\n"),
    ]);
    let lines: Vec<String> =
        draft.edges.iter().map(|stated| format!("{} {}", stated.edge.to.name(), stated.origin)).collect();
    assert_eq!(
        lines,
        [
            "cache etc/systemd/system/web.service:3",
            "db etc/systemd/system/web.service:3",
            "log etc/systemd/system/web.service.requires/log.service",
            "mail etc/systemd/system/web.service.d/10-after.conf:3",
        ]
    );
    assert_eq!(draft.edges[0].edge.by.as_deref(), Some("Wants=cache.service"));
}

#[test]
fn part_of_without_more_is_only_proposed() {
    let draft = draft(&[
        ("side.service", "[Unit]\nPartOf=main.service\n[Service]\n"),
        ("main.service", "[Service]\n"),
    ]);
    assert_eq!((stated(&draft), proposed(&draft)), (vec![], vec!["side hard main 600".to_owned()]));
}

#[test]
fn what_is_said_about_a_target_is_said_about_what_belongs_to_it() {
    let draft = draft(&[
        ("web.service", "[Unit]\nRequires=app.target\nAfter=app.target\nWants=late.target\n[Service]\n"),
        ("app.target", "[Unit]\nRequires=db.service\nWants=cache.service\n"),
        ("app.target.wants/mail.service", "-> ../mail.service"),
        ("late.target", "[Unit]\nRequires=report.service\n"),
        ("db.service", "[Service]\n"),
        ("cache.service", "[Service]\n"),
        ("mail.service", "[Service]\n"),
        ("report.service", "[Service]\n"),
        ("early.service", "[Unit]\nBefore=app.target\n[Service]\n"),
    ]);
    assert_eq!(
        stated(&draft),
        ["web soft cache", "web hard db", "web order early", "web soft mail", "web soft report"]
    );
    let hard = draft.edges.iter().find(|stated| stated.edge.kind.blocks_start()).unwrap();
    assert!(hard.edge.by.as_ref().unwrap().contains("app.target, which stands for db.service"), "{hard:?}");
}

#[test]
fn waiting_for_the_whole_system_is_no_dependency_on_everything() {
    let draft = draft(&[
        (
            "last.service",
            "[Unit]\nAfter=multi-user.target network-online.target\nWants=network-online.target\n[Service]\n",
        ),
        ("multi-user.target.wants/a.service", "-> ../a.service"),
        ("multi-user.target.wants/last.service", "-> ../last.service"),
        ("network-online.target.wants/vpn.service", "-> ../vpn.service"),
        ("a.service", "[Service]\n"),
        ("vpn.service", "[Unit]\nBefore=network-online.target\n[Service]\n"),
    ]);
    assert_eq!(stated(&draft), ["last soft vpn"]);
}

#[test]
fn a_socket_stands_for_the_service_it_starts() {
    let draft = draft(&[
        ("web.service", "[Unit]\nRequires=db.socket\nAfter=db.socket\n[Service]\n"),
        ("db.socket", "[Socket]\nListenStream=127.0.0.1:5432\nService=database.service\n"),
        ("database.service", "[Unit]\nAfter=db.socket\n[Service]\n"),
    ]);
    assert_eq!(stated(&draft), ["web hard database"]);
}

#[test]
fn a_mount_is_a_store_and_who_needs_it_waits_for_its_data() {
    let draft = draft(&[
        ("db.service", "[Unit]\nRequiresMountsFor=/srv/data/db\n[Service]\n"),
        ("files.service", "[Service]\nWorkingDirectory=/srv/data\n"),
        ("logs.service", "[Unit]\nAfter=srv-data.mount\n[Service]\n"),
        ("srv-data.mount", "[Mount]\nWhat=/dev/vg/data\nWhere=/srv/data\nType=ext4\n"),
        ("tmp.mount", "[Mount]\nWhat=tmpfs\nWhere=/tmp\nType=tmpfs\n"),
    ]);
    assert_eq!(stated(&draft), ["db data store:srv-data", "files data store:srv-data"]);
    assert_eq!(proposed(&draft), ["logs data srv-data 500"]);
    let store = draft.estate.stores.values().next().unwrap();
    assert_eq!((store.path.as_deref(), store.name.as_str()), (Some("/srv/data"), "srv/data"));
}

#[test]
fn services_that_require_each_other_are_no_ring_unless_they_wait_for_each_other() {
    let pair = |after: &str| {
        draft(&[
            ("a.service", &format!("[Unit]\nRequires=b.service\n{after}[Service]\n")),
            ("b.service", "[Unit]\nRequires=a.service\n[Service]\n"),
        ])
    };
    assert_eq!(stated(&pair("")), ["a soft b", "b soft a"], "started together, as systemd does");
    assert_eq!(stated(&pair("After=b.service\n")), ["a hard b", "b soft a"]);
    let ring = draft(&[
        ("a.service", "[Unit]\nRequires=b.service\nAfter=b.service\n[Service]\n"),
        ("b.service", "[Unit]\nRequires=a.service\nAfter=a.service\n[Service]\n"),
    ]);
    assert_eq!(stated(&ring), ["a hard b", "b hard a"], "a true ring stays, and `check` shows it");
}

#[test]
fn orders_in_a_ring_are_left_out_and_said() {
    let draft = draft(&[
        ("a.service", "[Unit]\nAfter=b.service\n[Service]\n"),
        ("b.service", "[Unit]\nAfter=c.service\n[Service]\n"),
        ("c.service", "[Unit]\nRequires=a.service\nAfter=a.service\n[Service]\n"),
    ]);
    assert_eq!(stated(&draft), ["c hard a"]);
    assert!(codes(&draft).contains(&"units-order-ring"));
}

#[test]
fn what_is_required_and_not_there_is_named_with_its_line() {
    let draft =
        draft(&[("web.service", "[Unit]\nRequires=gone.service\nWants=perhaps.service\n[Service]\n")]);
    let noted = draft.findings.iter().find(|noted| noted.finding.code == "unit-missing").unwrap();
    assert_eq!(noted.origin.as_ref().unwrap().to_string(), "web.service:2");
    assert!(
        noted.finding.message.what.contains("gone.service is required by web.service"),
        "{}",
        noted.finding.message.what
    );
}

#[test]
fn a_target_between_many_and_many_becomes_a_thing_of_its_own() {
    let mut files: Vec<(String, String)> = vec![("ready.target".to_owned(), "[Unit]\n".to_owned())];
    for number in 0..30 {
        files.push((format!("first{number}.service"), "[Service]\n".to_owned()));
        files.push((format!("ready.target.wants/first{number}.service"), "-> x".to_owned()));
        files.push((
            format!("then{number}.service"),
            "[Unit]\nAfter=ready.target\nWants=ready.target\n[Service]\n".to_owned(),
        ));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let draft = draft(&files);
    assert_eq!(draft.edges.len(), 60, "30 to the target, 30 from it, and not 900");
    assert!(stated(&draft).contains(&"then3 soft ready-target".to_owned()));
    assert!(stated(&draft).contains(&"ready-target order first3".to_owned()), "{:?}", stated(&draft));
}

const SHOWN: &str = "\
Id=web.service\nNames=web.service www.service\nRequires=sysinit.target db.service system.slice\nWants=cache.service
After=basic.target db.service system.slice\nBefore=shutdown.target multi-user.target\nLoadState=loaded\nActiveState=active
UnitFileState=enabled\nType=notify\nMemoryMax=536870912\nTimeoutStartUSec=5min\nWatchdogUSec=30s
ExecStart={ path=/usr/sbin/web ; argv[]=/usr/sbin/web --port 80 ; ignore_errors=no ; pid=1 }

Id=db.service\nNames=db.service\nLoadState=loaded\nActiveState=failed\nMemoryMax=infinity\nUnitFileState=enabled

Id=cache.service\nNames=cache.service\nLoadState=not-found\nActiveState=inactive

Id=old.service\nNames=old.service\nLoadState=loaded\nActiveState=inactive\nUnitFileState=disabled

Id=basic.target\nNames=basic.target\nLoadState=loaded\nActiveState=active\nAfter=sysinit.target
";

#[test]
fn the_output_of_systemctl_show_is_read_like_the_files() {
    let here = Options { start_by: Some(StartBy::Local), ..Options::default() };
    let draft = read(&gathered(vec![dump("host", SHOWN)]), &here);
    assert_eq!(stated(&draft), ["web hard db"]);
    assert_eq!(draft.edges[0].origin.to_string(), "host.txt:3");
    assert_eq!(super::services(&draft), ["db", "web"], "what is disabled and was not running is left out");
    let web = draft.estate.services.values().next_back().unwrap();
    assert_eq!((web.memory, web.gates[0].hold_ms, web.gates[0].deadline_ms), (512, 30_000, 328_000));
}

#[test]
fn several_hosts_keep_their_units_apart() {
    let mut a = copy(&[
        ("web.service", "[Unit]\nRequires=db.service\nAfter=db.service\n[Service]\n"),
        ("db.service", "[Service]\n"),
    ]);
    a.name = Some("Web 1".to_owned());
    let b = dump("db1", "Id=db.service\nLoadState=loaded\nActiveState=active\n");
    let draft = read(&gathered(vec![a, b]), &Options::default());
    assert_eq!(super::services(&draft), ["db1-db", "web-1-db", "web-1-web"]);
    assert_eq!(stated(&draft), ["web-1-web hard web-1-db"]);
    assert_eq!(draft.renamed.values().next_back().map(String::as_str), Some("Web 1/web"), "the way back");
    assert_eq!(draft.estate.hosts.len(), 2);
}

#[test]
fn an_address_on_another_host_proposes_the_service_that_listens_there() {
    let mut web = copy(&[
        (
            "shop.service",
            "[Service]\nEnvironment=\"DB=postgres://u:hunter2@db1:5432/x\" MQ_HOST=mq1 LOG=db1:9999\nExecStart=/bin/shop --cache db1.example:6379 --self localhost:8080\n",
        ),
        ("gate.service", "[Service]\nExecStart=/bin/gate --to http://localhost:8080/\n"),
        ("shop.socket", "[Socket]\nListenStream=8080\n"),
        ("sockets.target.wants/shop.socket", "-> ../shop.socket"),
    ]);
    let mut db = copy(&[
        ("postgresql.service", "[Service]\n"),
        ("redis.service", "[Service]\n"),
        ("tidy.service", "[Service]\n"),
    ]);
    let mut mq = copy(&[("rabbitmq-server.service", "[Service]\n")]);
    (web.name, db.name, mq.name) = (Some("web1".into()), Some("db1.example".into()), Some("mq1".into()));
    let draft = read(&gathered(vec![web, db, mq]), &Options::default());
    assert_eq!(
        proposed(&draft),
        [
            "web1-gate soft web1-shop 900",
            "web1-shop hard db1.example-postgresql 900",
            "web1-shop hard db1.example-redis 900",
            "web1-shop hard mq1-rabbitmq-server 600",
        ]
    );
    assert!(!format!("{draft:?}").contains("hunter2"));
}

#[test]
fn in_a_folder_without_links_the_install_section_counts() {
    let draft = draft(&[
        ("web.service", "[Unit]\nRequires=app.target\nAfter=app.target\nWants=queue.service\n[Service]\n"),
        ("db.service", "[Service]\n[Install]\nRequiredBy=app.target\n"),
        ("rabbit.service", "[Service]\n[Install]\nAlias=queue.service\nWantedBy=multi-user.target\n"),
    ]);
    assert_eq!(stated(&draft), ["web hard db", "web soft rabbit"]);
}
