//! Repositories that hold more than one thing, and stores that lie somewhere inside a backup.

use super::*;

fn put(folder: &Path, files: &[&str]) {
    for file in files {
        let path = folder.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("content of {file}\n")).unwrap();
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut all: Vec<String> = fingerprint(folder)
        .keys()
        .filter(|path| path.is_file())
        .map(|path| path.strip_prefix(folder).unwrap().display().to_string())
        .collect();
    all.sort();
    all
}

#[test]
fn of_two_hosts_in_one_repository_nothing_is_restored_until_it_is_said_which() {
    let practice = Practice::new();
    put(&practice.data(), &["one"]);
    let own = practice.snapshot_of("h1", &practice.data(), "/srv/data");
    put(&practice.data(), &["two"]);
    let other = practice.snapshot_of("h2", &practice.data(), "/srv/data");
    let to = practice.folder.path().join("to");
    let restore =
        |source: &Source, snapshot: &str| restore_snapshot(source, Some("/srv/data"), snapshot, &to);

    let source = practice.source();
    assert!(matches!(restore(&source, &own), Err(RestoreFault::NotSaid { .. })));
    assert!(!to.exists(), "nothing was begun");
    let source = Source { host: Some("h1".to_owned()), ..source };
    let of_another = restore(&source, &other).unwrap_err();
    assert!(matches!(of_another, RestoreFault::OfAnother { .. }), "{of_another}");
    restore(&source, &own).unwrap();
    assert_eq!(files(&to), ["one"]);
    let opened = open(&practice.name(), PASSWORD).unwrap();
    let own_one = inside::Own { host: Some("h1"), ..inside::Own::default() };
    assert_eq!(opened.found(Some(own_one)).iter().map(|found| &found.id).collect::<Vec<_>>(), [&own]);
}

#[test]
fn a_store_inside_a_larger_backup_arrives_at_its_own_depth() {
    let practice = Practice::new();
    put(&practice.data(), &["app/data/a", "app/data/b/c", "app/bin/x", "etc/y"]);
    let id = practice.snapshot_of("h", &practice.data(), "/srv");
    let restore = |folder: &str, paths: &[&str]| {
        let to = tempfile::tempdir().unwrap();
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let source = Source { paths, ..practice.source() };
        restore_snapshot(&source, Some(folder), &id, &to.path().join("to"))
            .map(|_| files(&to.path().join("to")))
    };
    assert_eq!(restore("/srv/app/data", &[]).unwrap(), ["a", "b/c"]);
    assert_eq!(restore("/new/place", &["/srv/app/data"]).unwrap(), ["a", "b/c"]);
    assert_eq!(restore("/srv/app/data", &["/srv"]).unwrap(), ["a", "b/c"], "the root of the backup is named");
    let part = restore("/srv/app", &["/srv/app/data"]).unwrap_err();
    assert!(part.to_string().contains("/srv/app/data is a part of /srv/app"), "{part}");
    assert_eq!(
        restore("/new", &["/srv/app/data", "/srv/etc"]).unwrap(),
        ["app/data/a", "app/data/b/c", "etc/y"]
    );
    let file = restore("/srv/app/data/a", &["/srv/app/data/a"]).unwrap_err();
    assert!(file.to_string().contains("single file"), "a folder must not take the place of a file: {file}");
    let missing = restore("/srv/app/gone", &[]).unwrap_err();
    assert!(matches!(missing, RestoreFault::NotInside { .. }), "{missing}");
}

#[test]
fn a_backup_called_in_the_folder_itself_is_restored_as_well() {
    let practice = Practice::new();
    put(&practice.data(), &["a", "b/c"]);
    let relative = practice.snapshot_of("h", &practice.data(), ".");
    let to = practice.folder.path().join("to");
    restore_snapshot(&practice.source(), None, &relative, &to).unwrap();
    assert_eq!(files(&to), ["a", "b/c"]);
}

#[test]
fn a_snapshot_without_the_store_is_no_recovery_point() {
    let practice = Practice::new();
    put(&practice.data(), &["app/a", "web/b"]);
    let with = practice.snapshot_of("h", &practice.data(), "/srv");
    fs::remove_dir_all(practice.data().join("app")).unwrap();
    let without = practice.snapshot_of("h", &practice.data(), "/srv");
    let opened = open(&practice.name(), PASSWORD).unwrap();
    let own = inside::Own { folder: Some("/srv/app"), ..inside::Own::default() };
    let order = crate::snapshots::by_arrival(opened.found(Some(own)));
    let request = Request {
        order: &order,
        newest: None,
        tolerate: None,
        rules: None,
        own: Some(own),
        accepted: &BTreeSet::new(),
    };
    let report = scan(opened, &request, Ledger::in_memory(), &mut |_| {});
    assert_eq!(report.last_clean, Some(with));
    let newest = report.snapshots.iter().find(|snapshot| snapshot.id == without).unwrap();
    assert!(newest.reasons[0].contains("nothing could be restored from it"), "{:?}", newest.reasons);
}

#[test]
fn owner_mode_times_links_attributes_and_holes_come_back_and_rights_of_programs_do_not() {
    use std::os::unix::fs::MetadataExt;
    let practice = Practice::new();
    let data = practice.data();
    put(&data, &["shared/form", "program"]);
    fs::hard_link(data.join("shared/form"), data.join("other name")).unwrap();
    std::os::unix::fs::symlink("shared/form", data.join("link")).unwrap();
    let disk = fs::File::create(data.join("disk")).unwrap();
    disk.set_len(20_000_000).unwrap();
    std::os::unix::fs::FileExt::write_at(&disk, b"in the middle", 9_000_000).unwrap();
    fs::set_permissions(data.join("shared"), fs::Permissions::from_mode(0o2775)).unwrap();
    fs::set_permissions(data.join("program"), fs::Permissions::from_mode(0o4755)).unwrap();
    let attribute = rustix::fs::lsetxattr(
        data.join("program"),
        "user.origin",
        b"the archive",
        rustix::fs::XattrFlags::empty(),
    );
    let id = practice.snapshot();
    let to = practice.folder.path().join("to");
    restore_snapshot(&practice.source(), None, &id, &to).unwrap();
    assert!(fs::read(to.join("disk")).unwrap() == fs::read(data.join("disk")).unwrap());
    let of = |name: &str| fs::symlink_metadata(to.join(name)).unwrap();
    assert!(of("disk").blocks() * 512 < 5_000_000, "{} blocks", of("disk").blocks());
    assert_eq!(of("shared/form").ino(), of("other name").ino());
    assert_eq!(of("shared").mode() & 0o7777, 0o2775);
    assert_eq!(of("program").mode() & 0o7777, 0o755, "no set-user-id bit from a backup");
    let before = fs::symlink_metadata(data.join("link")).unwrap();
    assert_eq!((of("link").mtime(), of("link").mtime_nsec()), (before.mtime(), before.mtime_nsec()));
    if attribute.is_ok() {
        let mut value = [0; 32];
        let length = rustix::fs::lgetxattr(to.join("program"), "user.origin", &mut value).unwrap();
        assert_eq!(&value[..length], b"the archive");
    }
}
