//! Copies that are broken, endless or meant to harm.

use super::super::gather::{Content, HostCopy, gather};
use super::{codes, copy, draft, dump, gathered, read, services, stated, write};
use crate::systemd::Options;
use crate::systemd::boot::Width;

#[test]
fn names_that_stand_for_each_other_in_a_ring_are_named() {
    let draft = draft(&[
        ("a.service", "-> b.service"),
        ("b.service", "-> c.service"),
        ("c.service", "-> a.service"),
        ("web.service", "[Unit]\nRequires=a.service\nAfter=a.service\n[Service]\n"),
    ]);
    assert_eq!((services(&draft), stated(&draft)), (vec!["web"], vec![]));
    assert!(codes(&draft).contains(&"unit-alias-ring"), "{:?}", codes(&draft));
}

#[test]
fn targets_that_want_each_other_end() {
    let draft = draft(&[
        ("a.target", "[Unit]\nWants=b.target\nAfter=b.target\n"),
        ("b.target", "[Unit]\nRequires=a.target\nAfter=a.target\nWants=db.service\n"),
        ("db.service", "[Service]\n"),
        ("web.service", "[Unit]\nRequires=a.target\nAfter=a.target\n[Service]\n"),
    ]);
    assert_eq!(stated(&draft), ["web soft db"]);
}

#[test]
fn instances_without_end_are_cut_off() {
    let draft = draft(&[
        ("a@.service", "[Unit]\nWants=a@x%i.service a@y%i.service\n[Service]\n"),
        ("start.service", "[Unit]\nWants=a@.service a@1.service\n[Service]\n"),
    ]);
    assert!(codes(&draft).contains(&"unit-instance-chain"), "{:?}", codes(&draft));
}

#[test]
fn lines_that_are_not_understood_are_named_and_the_rest_is_read() {
    let draft = draft(&[
        (
            "web.service",
            "Wants=early.service\n[Unit\nnonsense\n[Unit]\n=\nWants=\"open\nAfter=db.service\n[Service]\nExecStart=/x \\",
        ),
        ("db.service", "[Service]\n"),
    ]);
    assert_eq!(stated(&draft), ["web order db"]);
    let lines: Vec<usize> = draft
        .findings
        .iter()
        .filter(|noted| ["unit-line", "unit-quote"].contains(&noted.finding.code))
        .map(|noted| noted.origin.as_ref().unwrap().line)
        .collect();
    assert_eq!(lines, [1, 2, 3, 6]);
}

#[test]
fn a_link_is_never_followed_out_of_the_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (copy, outside) = (folder.path().join("copy"), folder.path().join("outside.service"));
    std::fs::write(&outside, "[Unit]\nDescription=secret-of-the-host\n[Service]\n").unwrap();
    let outside = format!("-> {}", outside.display());
    write(&copy, "etc/systemd/system/web.service", "[Service]\n");
    write(&copy, "etc/systemd/system/outside.service", &outside);
    write(&copy, "etc/systemd/system/shadow.service", "-> /etc/shadow");
    write(&copy, "etc/systemd/system/web.service.d/x.conf", &outside);
    write(&copy, "etc/systemd/system/loop.service", "-> loop.service");
    write(&copy, "run/systemd/system", "-> /usr/lib/systemd/system");
    write(&copy, "etc/hostname", "-> /etc/hostname");
    write(&copy, "dump.txt", "-> /proc/self/environ");
    rustix::fs::mkfifoat(rustix::fs::CWD, copy.join("etc/systemd/system/pipe.service"), 0o600.into())
        .unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, copy.join("pipe.txt"), 0o600.into()).unwrap();
    std::fs::create_dir(copy.join("etc/systemd/system/folder.service")).unwrap();
    let gathered = gather(&copy).unwrap();
    assert_eq!(gathered.hosts[0].name.as_deref(), Some("copy"));
    assert!(!format!("{gathered:?}").contains("secret-of-the-host"));
    let skipped: Vec<String> = gathered.skipped.iter().map(|(origin, _)| origin.to_string()).collect();
    assert_eq!(skipped, ["etc/systemd/system/pipe.service"]);
    let draft = read(&gathered, &Options::default());
    assert_eq!(services(&draft), ["web"]);
    assert!(codes(&draft).contains(&"unit-elsewhere"), "{:?}", codes(&draft));
}

#[test]
fn the_forms_a_folder_can_have_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path, "web1/etc/systemd/system/web.service", "[Service]\n");
    write(path, "db1/db.service", "[Service]\n");
    write(path, "old.txt", "Type=notify\nId=mail.service\nLoadState=loaded\nActiveState=active\n");
    write(path, "readme.md", "# nothing\n");
    let names = |path: &std::path::Path| -> Vec<String> {
        gather(path).unwrap().hosts.into_iter().map(|host| host.name.unwrap_or_default()).collect()
    };
    assert_eq!(names(path), ["db1", "old", "web1"]);
    assert_eq!(names(&path.join("web1")), ["web1"]);
    assert_eq!(names(&path.join("db1")), [""]);
    assert_eq!(names(&path.join("old.txt")), ["old"]);
    write(path, "web1/etc/hostname", "# the host\nweb-one\n");
    assert_eq!(names(&path.join("web1")), ["web-one"]);
    for nothing in ["readme.md", "none"] {
        let fault = gather(&path.join(nothing)).unwrap_err();
        assert!(!fault.what.is_empty() && !fault.to_do.to_string().is_empty());
    }
}

#[test]
fn a_unit_file_without_end_is_named_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.service", "[Service]\n");
    std::fs::File::create(folder.path().join("b.service")).unwrap().set_len(1 << 40).unwrap();
    let gathered = gather(folder.path()).unwrap();
    assert!(gathered.skipped[0].1.contains("larger than 1 MiB"), "{:?}", gathered.skipped);
}

/// xorshift: the same bytes on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % (limit.max(1) as u64)).unwrap()
    }
}

const SEEDS: [&str; 4] = [
    "[Unit]\nRequires=b.service a@%i.service\nAfter=b.service t.target\nBefore=c.service\nRequiresMountsFor=/srv/x /\n[Service]\nType=oneshot\nExecStart=/bin/x \"y\\x41\" %i\nWatchdogSec=1min 2s\nMemoryMax=5G\n",
    "[Socket]\nListenStream=[::]:80\nService=a.service\n[Timer]\nUnit=b.service\n[Mount]\nWhere=/srv/x\nWhat=h:/y\n[Install]\nAlias=c.service\nWantedBy=t.target a.service\n",
    "-> b.service",
    "-> /dev/null",
];
const NAMES: [&str; 11] = [
    "a.service",
    "b.service",
    "a@.service",
    "c.service",
    "t.target",
    "a.socket",
    "b.timer",
    "srv-x.mount",
    "t.target.wants/a@1.service",
    "a.service.d/x.conf",
    "t.target.requires/b.service",
];
const PIECES: &str = "= %|\\\n|\"|@|[|]|\0|é|-> |a@%i.service |Requires=|\u{feff}|infinity";

/// A unit file with up to five small damages.
fn damaged(dice: &mut Dice) -> String {
    let pieces: Vec<&str> = PIECES.split('|').collect();
    let mut text = SEEDS[dice.below(SEEDS.len())].to_owned();
    for _ in 0..dice.below(6) {
        let cut = (0..=dice.below(text.len() + 1)).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let (one, other) = (pieces[dice.below(pieces.len())], pieces[dice.below(pieces.len())]);
        match dice.below(3) {
            0 => text.insert_str(cut, one),
            1 => text.truncate(cut),
            _ => text = text.replacen(one, other, 1),
        }
    }
    text
}

#[test]
fn whatever_the_bytes_are_there_is_a_draft_with_edges_between_things_that_are_there() {
    let mut dice = Dice(0x5eed_0bad_cafe_0001);
    for round in 0..400 {
        let files: Vec<(&str, String)> = NAMES.iter().map(|name| (*name, damaged(&mut dice))).collect();
        let shown = files
            .iter()
            .map(|(_, text)| format!("Id=a{}.service\n{text}\n", text.len() % 3))
            .collect::<Vec<_>>()
            .join("\n");
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let mut copy = copy(&files);
        if round % 2 == 0 {
            copy.dumps = dump("x", &shown).dumps;
        }
        let width = if round % 3 == 0 { Width::AllUnits } else { Width::Services };
        let draft = read(&gathered(vec![copy.clone()]), &Options { width, ..Options::default() });
        let estate = draft.whole();
        for edge in &estate.edges {
            assert!(estate.contains(&edge.from) && estate.contains(&edge.to), "round {round}: {edge:?}");
        }
        assert_eq!(
            draft,
            read(&gathered(vec![copy]), &Options { width, ..Options::default() }),
            "same bytes, same draft"
        );
    }
}

#[test]
fn an_empty_file_in_place_of_a_unit_masks_it() {
    let mut host = copy(&[
        ("usr/lib/systemd/system/a.service", "[Service]\n"),
        ("etc/systemd/system/b.service", "[Service]\n"),
    ]);
    let mask = copy(&[("etc/systemd/system/a.service", "")]).entries.remove(0);
    assert_eq!(mask.content, Content::Text(String::new()));
    host.entries.push(mask);
    let draft = read(&gathered(vec![HostCopy { name: Some("h".to_owned()), ..host }]), &Options::default());
    assert_eq!(services(&draft), ["b"]);
}

#[test]
fn what_the_copy_holds_elsewhere_is_found_there_and_mounts_come_from_fstab() {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path();
    write(copy, "etc/systemd/system/app.service", "-> /opt/app/app.service");
    write(copy, "opt/app/app.service", "[Service]\nWorkingDirectory=/srv/app\n");
    write(copy, "etc/systemd/system/far.service", "-> /opt/link/far.service");
    write(copy, "opt/real/far.service", "[Service]\n");
    write(copy, "opt/link", "-> real");
    write(
        copy,
        "etc/fstab",
        "# disks\nUUID=1 / ext4 defaults 0 1\nUUID=2\t/srv ext4 defaults 0 2\nnas:/x /mnt/x nfs4 _netdev 0 0\ntmpfs /tmp tmpfs x 0 0\n",
    );
    let draft = read(&gather(copy).unwrap(), &Options::default());
    assert_eq!((services(&draft), stated(&draft)), (vec!["app"], vec!["app data store:srv".to_owned()]));
    for code in ["unit-elsewhere", "units-no-generated"] {
        assert!(codes(&draft).contains(&code), "{code}: {:?}", codes(&draft));
    }
}
