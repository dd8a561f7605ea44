//! Repositories as the tool writes them that most people use, in its forms and after what people do to them. Debian:
//! `apt-get install restic`; without it these tests say that nothing was tested.

#![allow(
    clippy::disallowed_methods,
    reason = "a test is outside, and makes what it reads with another program"
)]

use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};

use super::*;
use crate::snapshots::Sighting;

/// A repository in a folder, and the program for it.
struct Restic {
    repository: PathBuf,
}

impl Restic {
    /// `None`: the program is not installed.
    fn init(practice: &Practice, name: &str, options: &[&str]) -> Option<Restic> {
        let restic = Restic { repository: practice.folder.path().join(name) };
        let mut command = restic.command(&[&["init"], options].concat());
        match command.output() {
            Ok(made) => assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr)),
            Err(error) => {
                eprintln!(
                    "SKIPPED, restic is not installed ({error}): nothing was tested with restic itself"
                );
                return None;
            }
        }
        Some(restic)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("restic");
        command.args(["--no-cache", "--quiet", "--repo", self.repository.to_str().unwrap()]).args(args);
        command.env("RESTIC_PASSWORD", PASSWORD).env("RESTIC_FROM_PASSWORD", PASSWORD);
        command
    }

    fn run(&self, args: &[&str]) {
        let output = self.command(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// The answer, after seeing to it that asking changed nothing.
    fn judged(&self) -> (Vec<Sighting>, RepositoryReport) {
        let before = fingerprint(&self.repository);
        let opened = open(&format!("restic:{}", self.repository.display()), PASSWORD).unwrap();
        let order = by_arrival(opened.found(None));
        let request = Request {
            order: &order,
            newest: None,
            tolerate: None,
            rules: None,
            own: None,
            accepted: &BTreeSet::new(),
        };
        let report = scan(opened, &request, Ledger::in_memory(), &mut |_| {});
        assert_eq!(fingerprint(&self.repository), before, "a repository is only read");
        assert_eq!(report.unread, Vec::<String>::new());
        (order, report)
    }
}

/// Names and kinds of entries that backups hold and few people think of.
fn odd_entries(data: &Path) {
    let odd: [&[u8]; 6] = [
        b"new\nline.txt",
        b"quote\"'.txt",
        "left\u{202e}txt.exe.txt".as_bytes(),
        b"m\xe4rz.txt",
        b"back\\slash.txt",
        b" .txt",
    ];
    for name in odd {
        fs::write(data.join(std::ffi::OsStr::from_bytes(name)), "Sehr geehrte Damen und Herren,\n").unwrap();
    }
    fs::write(data.join("one.txt"), "einmal\n").unwrap();
    fs::hard_link(data.join("one.txt"), data.join("the-same.txt")).unwrap();
    std::os::unix::fs::symlink("one.txt", data.join("link.txt")).unwrap();
    std::os::unix::fs::symlink("/nowhere", data.join("dangling")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, data.join("pipe"), rustix::fs::Mode::RWXU).unwrap();
    fs::File::create(data.join("sparse.dat")).unwrap().set_len(3_000_000).unwrap();
    fs::create_dir(data.join("empty")).unwrap();
}

#[test]
fn every_form_of_repository_is_judged_alike() {
    let forms: [(&[&str], &[&str]); 3] = [
        (&["--repository-version", "1"], &["--pack-size", "4"]),
        (&["--repository-version", "2"], &["--compression", "off", "--pack-size", "64"]),
        (&["--repository-version", "2"], &["--compression", "max", "--pack-size", "128"]),
    ];
    let practice = Practice::new();
    odd_entries(&practice.data());
    for (round, (form, backup)) in forms.into_iter().enumerate() {
        let Some(restic) = Restic::init(&practice, &format!("with a space {round}"), form) else { return };
        normal_day(&practice, 17);
        let data = practice.data();
        let backup = [&["backup", data.to_str().unwrap()], backup].concat();
        restic.run(&backup);
        attack(&practice, "full", 17, &["letter.docx"]);
        restic.run(&backup);
        // What an upload leaves that was broken off.
        let pack =
            fingerprint(&restic.repository.join("data")).into_keys().find(|path| path.is_file()).unwrap();
        fs::write(pack.with_extension("restic-temp-1"), "half").unwrap();
        let (order, report) = restic.judged();
        assert_eq!(report.last_clean.as_ref(), Some(&order[0].id), "{form:?}: {:?}", report.snapshots);
        let bad = files(&report);
        assert!(bad.iter().all(|file| file.path.ends_with("letter.docx")), "{form:?}: {bad:?}");
        assert_eq!(report.snapshots[0].clean, 10 + 9, "{form:?}: links and pipes hold nothing");
    }
}

#[test]
fn tagging_copying_and_forgetting_change_no_verdict_and_no_order() {
    let practice = Practice::new();
    let Some(first) = Restic::init(&practice, "first", &[]) else { return };
    let data = practice.data();
    let backup = ["backup", data.to_str().unwrap()];
    normal_day(&practice, 18);
    first.run(&backup);
    fs::write(data.join("letters/more.txt"), specimens::text(9, 5000)).unwrap();
    first.run(&backup);
    attack(&practice, "full", 18, &["letter.docx", "core.sqlite"]);
    first.run(&backup);
    let second = Restic::init(&practice, "second", &[]).unwrap();
    let is_right = |restic: &Restic, note: &str| {
        let (order, report) = restic.judged();
        let claims: Vec<i64> = order.iter().map(|seen| seen.claims_ms).collect();
        assert!(claims.is_sorted(), "{note}: {claims:?}");
        let clean: Vec<bool> = report.snapshots.iter().map(|snapshot| snapshot.is_clean).collect();
        assert_eq!(clean[clean.len() - 2..], [true, false], "{note}: {:?}", report.snapshots);
        assert_eq!(report.last_clean.as_ref(), Some(&order[order.len() - 2].id), "{note}");
        assert!(report.notes.iter().any(|said| said.contains("new forms of older ones")), "{note}");
    };
    second.run(&["copy", "--from-repo", first.repository.to_str().unwrap()]);
    is_right(&second, "copied");
    first.run(&["tag", "--add", "kept"]);
    is_right(&first, "tagged");
    first.run(&["forget", "--keep-last", "2", "--prune"]);
    is_right(&first, "pruned");
}

#[test]
fn a_repository_that_was_copied_without_the_times_of_its_files_keeps_its_order() {
    let practice = Practice::new();
    normal_day(&practice, 19);
    let mut ids = vec![practice.snapshot(), practice.snapshot()];
    attack(&practice, "full", 19, &["letter.docx"]);
    ids.push(practice.snapshot());
    // The newest arrives first.
    let now = std::time::SystemTime::now();
    for (age, id) in ids.iter().rev().enumerate() {
        let path = practice.repository().join("snapshots").join(id);
        let file = fs::File::open(path).unwrap();
        file.set_modified(now + std::time::Duration::from_secs(age as u64)).unwrap();
    }
    let report = scanned(&practice, 9);
    assert_eq!(
        report.snapshots.iter().map(|one| &one.id).collect::<Vec<_>>(),
        ids.iter().collect::<Vec<_>>()
    );
    assert_eq!(report.last_clean.as_ref(), Some(&ids[1]));
    assert!(report.notes.iter().any(|note| note.contains("arrived before the one they were made from")));
}

#[test]
fn snapshots_of_several_hosts_and_paths_and_from_a_pipe_stand_in_series_of_their_own() {
    let practice = Practice::new();
    let Some(restic) = Restic::init(&practice, "several", &[]) else { return };
    normal_day(&practice, 20);
    let (letters, data) = (practice.data().join("letters"), practice.data());
    let (letters, data) = (letters.to_str().unwrap(), data.to_str().unwrap());
    restic.run(&["backup", "--host", "one", data]);
    restic.run(&["backup", "--host", "two", data, letters]);
    let mut dump = restic.command(&["backup", "--host", "one", "--stdin", "--stdin-filename", "dump.sql"]);
    let mut running = dump.stdin(Stdio::piped()).spawn().unwrap();
    let statements = "INSERT INTO letters VALUES (1, 'Krankmeldung');\n".repeat(500);
    std::io::Write::write_all(running.stdin.as_mut().unwrap(), statements.as_bytes()).unwrap();
    assert!(running.wait().unwrap().success());
    restic.run(&["backup", "--host", "one", "--time", "2001-01-01 00:00:00", data]);
    let (_, report) = restic.judged();
    let series: Vec<(&str, usize, u64)> =
        report.series.iter().map(|one| (one.host.as_str(), one.paths.len(), one.snapshots)).collect();
    assert_eq!(series, [("one", 1, 2), ("two", 2, 1), ("one", 1, 1)]);
    assert_eq!(report.series[2].paths, ["/dump.sql"]);
    assert!(report.snapshots.iter().all(|snapshot| snapshot.is_clean), "{:?}", report.snapshots);
    assert!(report.snapshots[3].time.starts_with("2001") || report.snapshots[3].time.starts_with("2000"));
}

/// Puts all packs of the repository into one, and one index in the place of all, as restic did before version 0.8.
fn mix_packs(practice: &Practice) {
    use aes256ctr_poly1305aes::aead::AeadInPlace;
    use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce};
    use rustic_core::repofile::{IndexFile, IndexId};
    let opened = open(&practice.name(), PASSWORD).unwrap();
    let repository = practice.repository();
    let ids: Vec<IndexId> = opened.repository.list::<IndexId>().unwrap().collect();
    let packs = ids.iter().flat_map(|id| opened.repository.get_file::<IndexFile>(id).unwrap().packs);
    let (mut bytes, mut blobs) = (Vec::new(), Vec::new());
    for pack in packs {
        let hex = pack.id.to_hex().as_str().to_owned();
        let path = repository.join("data").join(&hex[..2]).join(&hex);
        let content = fs::read(&path).unwrap();
        for mut blob in pack.blobs {
            let (from, length) = (blob.location.offset as usize, blob.location.length as usize);
            blob.location.offset = u32::try_from(bytes.len()).unwrap();
            bytes.extend_from_slice(&content[from..from + length]);
            blobs.push(serde_json::to_value(blob).unwrap());
        }
        fs::remove_file(&path).unwrap();
    }
    let hex =
        |bytes: &[u8]| Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let id = hex(&bytes);
    fs::create_dir_all(repository.join("data").join(&id[..2])).unwrap();
    fs::write(repository.join("data").join(&id[..2]).join(&id), &bytes).unwrap();
    let index = serde_json::json!({ "packs": [{ "id": id, "blobs": blobs }] }).to_string();
    let key = opened.repository.key();
    let key = [&key.encrypt[..], &key.mac.k, &key.mac.r].concat();
    let key: [u8; 64] = key.try_into().unwrap();
    let (nonce, mut sealed) = ([7_u8; 16], index.into_bytes());
    let tag = Aes256CtrPoly1305Aes::new(Key::from_slice(&key))
        .encrypt_in_place_detached(Nonce::from_slice(&nonce), b"", &mut sealed)
        .unwrap();
    let file = [&nonce[..], &sealed, &tag].concat();
    for old in fs::read_dir(repository.join("index")).unwrap() {
        fs::remove_file(old.unwrap().path()).unwrap();
    }
    fs::write(repository.join("index").join(hex(&file)), file).unwrap();
}

#[test]
fn packs_that_hold_trees_and_data_together_are_read_and_restored() {
    let practice = Practice::new();
    let letters: Vec<String> = (0..6).map(|number| format!("letter-{number}.txt")).collect();
    for letter in &letters {
        fs::write(practice.data().join(letter), format!("Sehr geehrte Frau Beispiel, {letter}\n").repeat(50))
            .unwrap();
    }
    fs::create_dir(practice.data().join("folder")).unwrap();
    fs::write(practice.data().join("folder/more.txt"), "noch einer\n").unwrap();
    let id = practice.snapshot();
    mix_packs(&practice);
    let report = scanned(&practice, 10);
    assert_eq!(report.last_clean, Some(id.clone()), "{:?} {:?}", report.unread, report.snapshots);
    assert_eq!(report.snapshots[0].clean, 7);
    let to = practice.folder.path().join("to");
    restore_snapshot(&practice.source(), None, &id, &to).unwrap();
    assert_eq!(fingerprint(&to).len(), fingerprint(&practice.data()).len());
    assert_eq!(fs::read(to.join("folder/more.txt")).unwrap(), b"noch einer\n");
}
