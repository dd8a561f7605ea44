//! Real repositories, written by the library with which others write theirs, in temporary folders.

mod others;
mod series;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustic_core::{
    BackupOptions, ConfigOptions, Credentials, KeyOptions, PathList, Repository, RepositoryOptions,
    SnapshotOptions,
};
use sha2::{Digest, Sha256};

use super::*;
use estate::model::{Secret, Source};

pub(super) const PASSWORD: &str = "correct horse";

/// A repository and the folder it is a copy of.
pub(super) struct Practice {
    pub(super) folder: tempfile::TempDir,
    /// Opening by password takes half a second on purpose; opening by the key itself does not.
    key: Option<Credentials>,
}

impl Practice {
    pub(super) fn new() -> Practice {
        let folder = tempfile::tempdir().unwrap();
        let mut practice = Practice { folder, key: None };
        fs::create_dir(practice.data()).unwrap();
        fs::create_dir(practice.repository()).unwrap();
        let made = practice
            .closed()
            .init(&Credentials::password(PASSWORD), &KeyOptions::default(), &ConfigOptions::default())
            .unwrap();
        practice.key = Some(Credentials::Masterkey(made.key()));
        practice
    }

    fn credentials(&self) -> &Credentials {
        self.key.as_ref().unwrap()
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub(super) fn name(&self) -> String {
        format!("restic:{}", self.repository().display())
    }

    fn closed(&self) -> Repository<()> {
        let backends = rustic_backend::BackendOptions::default()
            .repository(format!("local:{}", self.repository().display()))
            .to_backends()
            .unwrap();
        Repository::new(&RepositoryOptions::default().no_cache(true), &backends).unwrap()
    }

    /// A snapshot of the folder as it is now; its id.
    pub(super) fn snapshot(&self) -> String {
        self.snapshot_claiming(None)
    }

    pub(super) fn snapshot_claiming(&self, time: Option<&str>) -> String {
        let repository = self.closed().open(self.credentials()).unwrap().to_indexed_ids().unwrap();
        let mut snapshot = SnapshotOptions::default().to_snapshot().unwrap();
        if let Some(time) = time {
            snapshot.time = time.parse::<jiff::Timestamp>().unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        }
        let source = PathList::from_string(self.data().to_str().unwrap()).unwrap();
        let made = repository.backup(&BackupOptions::default(), &source, snapshot).unwrap();
        made.id.to_hex().as_str().to_owned()
    }

    /// A snapshot of this folder by this host; `as_path`: as if it lay there.
    pub(super) fn snapshot_of(&self, host: &str, folder: &Path, as_path: &str) -> String {
        let repository = self.closed().open(self.credentials()).unwrap().to_indexed_ids().unwrap();
        let mut snapshot = SnapshotOptions::default().to_snapshot().unwrap();
        host.clone_into(&mut snapshot.hostname);
        let source = PathList::from_string(folder.to_str().unwrap()).unwrap();
        let options = BackupOptions::default().as_path(PathBuf::from(as_path));
        let made = repository.backup(&options, &source, snapshot).unwrap();
        made.id.to_hex().as_str().to_owned()
    }

    pub(super) fn source(&self) -> Source {
        let secret = self.folder.path().join("secret");
        fs::write(&secret, format!("{PASSWORD}\n")).unwrap();
        Source {
            repository: self.name(),
            host: None,
            paths: Vec::new(),
            secret: Secret::File(secret.display().to_string()),
            resource: None,
        }
    }
}

/// Path to hash of everything under a folder.
pub(super) fn fingerprint(folder: &Path) -> BTreeMap<PathBuf, [u8; 32]> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.insert(path.clone(), [0; 32]);
            all.extend(fingerprint(&path));
        } else {
            all.insert(path.clone(), Sha256::digest(fs::read(&path).unwrap()).into());
        }
    }
    all
}

#[test]
fn a_restored_snapshot_is_what_was_stored_byte_for_byte() {
    let practice = Practice::new();
    let data = practice.data();
    fs::create_dir_all(data.join("letters/2023")).unwrap();
    fs::write(data.join("letters/2023/märz.txt"), "Sehr geehrte Frau Beispiel,\n").unwrap();
    fs::write(data.join("empty"), "").unwrap();
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(data.join("large.bin"), &large).unwrap();
    fs::set_permissions(data.join("large.bin"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("large.bin", data.join("link")).unwrap();
    let modified = fs::metadata(data.join("large.bin")).unwrap().modified().unwrap();
    let before = fingerprint(&data);
    let id = practice.snapshot();
    fs::write(data.join("large.bin"), "overwritten later").unwrap();
    let repository_before = fingerprint(&practice.repository());

    let to = practice.folder.path().join("restored");
    let restored = restore_snapshot(&practice.source(), None, &id[..12], &to).unwrap();

    let relative = |all: &BTreeMap<PathBuf, [u8; 32]>, root: &Path| -> BTreeMap<PathBuf, [u8; 32]> {
        all.iter().map(|(path, hash)| (path.strip_prefix(root).unwrap().to_owned(), *hash)).collect()
    };
    assert_eq!(relative(&fingerprint(&to), &to), relative(&before, &data));
    assert_eq!(restored.files, 3);
    let metadata = fs::metadata(to.join("large.bin")).unwrap();
    assert_eq!(metadata.modified().unwrap(), modified);
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("large.bin"));
    assert_eq!(fingerprint(&practice.repository()), repository_before, "reading writes nothing");

    let again = restore_snapshot(&practice.source(), None, &id, &to);
    assert!(matches!(again, Err(RestoreFault::NotEmpty(_))), "never over existing files");
    let nowhere = restore_snapshot(&practice.source(), None, "ffff", &practice.folder.path().join("x"));
    assert!(matches!(nowhere, Err(RestoreFault::NoSnapshot { .. })));
}

#[test]
fn what_is_not_a_repository_or_not_ours_is_said() {
    let practice = Practice::new();
    fs::write(practice.data().join("a.txt"), "a").unwrap();
    practice.snapshot();
    let fails = |repository: &str, password: &str| open(repository, password).err().unwrap();
    assert!(matches!(fails(&practice.name(), "wrong"), RepositoryFault::WrongPassword(_)));
    assert!(matches!(fails("restic:/nonexistent/here", PASSWORD), RepositoryFault::NotThere(_)));
    assert!(matches!(fails("restic:s3:bucket", PASSWORD), RepositoryFault::NotLocal(_)));
    let secret = fails("restic:s3:http://user:secret@host/bucket", PASSWORD).to_string();
    assert!(secret.contains("***@host/bucket") && !secret.contains("secret"), "{secret}");
    let plain = format!("restic:{}", practice.data().display());
    assert!(matches!(fails(&plain, PASSWORD), RepositoryFault::NotARepository { missing: "config", .. }));
}

use crate::ledger::Ledger;
use crate::report::{File, RepositoryReport};
use crate::snapshots::by_arrival;
use judge::Verdict;
use judge::specimens::{self, Dice, PATTERNS, attacked};

impl Practice {
    fn opened(&self) -> Opened {
        open_with(&self.name(), self.credentials()).unwrap()
    }

    /// Scans with the ledger in the folder `ledger`; also how many bytes had to be read.
    fn scanned_again(&self) -> (RepositoryReport, u64) {
        let opened = self.opened();
        let (ledger, _) =
            Ledger::open(&self.folder.path().join("ledger"), opened.ledger_identity(None)).unwrap();
        let order = by_arrival(opened.found(None));
        let request = Request {
            order: &order,
            newest: None,
            tolerate: None,
            rules: None,
            own: None,
            accepted: &BTreeSet::new(),
        };
        let mut bytes = 0;
        let report = scan(opened, &request, ledger, &mut |progress| bytes = progress.bytes_done);
        (report, bytes)
    }
}

fn scanned(practice: &Practice, newest: usize) -> RepositoryReport {
    let opened = practice.opened();
    let order = by_arrival(opened.found(None));
    let request = Request {
        order: &order,
        newest: Some(newest),
        tolerate: None,
        rules: None,
        own: None,
        accepted: &BTreeSet::new(),
    };
    scan(opened, &request, Ledger::in_memory(), &mut |_| {})
}

fn files(report: &RepositoryReport) -> Vec<File> {
    report.files().collect()
}

/// Files of every promised type, small.
fn normal_day(practice: &Practice, seed: u64) {
    fs::create_dir_all(practice.data().join("letters")).unwrap();
    for (name, bytes) in specimens::promised(seed) {
        fs::write(practice.data().join("letters").join(name), bytes).unwrap();
    }
}

fn attack(practice: &Practice, pattern: &str, seed: u64, names: &[&str]) {
    for name in names {
        let path = practice.data().join("letters").join(name);
        let bytes = fs::read(&path).unwrap();
        fs::write(path, attacked(pattern, &bytes, seed)).unwrap();
    }
}

#[test]
fn the_last_clean_snapshot_is_the_one_before_the_attack_and_reading_changes_nothing() {
    let practice = Practice::new();
    normal_day(&practice, 1);
    let _first = practice.snapshot();
    fs::write(practice.data().join("letters/more.txt"), specimens::text(9, 5000)).unwrap();
    let second = practice.snapshot();
    attack(&practice, "full", 1, &["letter.docx", "core.sqlite"]);
    let third = practice.snapshot();
    let before = fingerprint(&practice.repository());
    let report = scanned(&practice, 3);
    assert_eq!(report.last_clean.as_deref(), Some(second.as_str()));
    assert_eq!(report.snapshots.len(), 3);
    assert_eq!((report.snapshots[2].clean, report.snapshots[2].not_clean), (9, 2));
    assert!(files(&report).iter().all(|file| file.snapshot.as_deref() == Some(third.as_str())));
    assert_eq!(report.counts["encrypted"], 2);
    assert_eq!(fingerprint(&practice.repository()), before, "a scan writes nothing, and leaves no lock");

    // The same attack once more, with the newest alone: without the past it is found as well.
    let alone = scanned(&practice, 1);
    assert_eq!(alone.last_clean, None);
    // Nothing is changed, another snapshot is made: what went bad stays bad.
    practice.snapshot();
    assert_eq!(scanned(&practice, 2).last_clean, None);
    assert_eq!(scanned(&practice, 4).last_clean.as_deref(), Some(second.as_str()));
}

#[test]
fn a_dirty_snapshot_is_never_called_clean_whatever_the_pattern() {
    let practice = Practice::new();
    normal_day(&practice, 40);
    let clean = practice.snapshot();
    let names: Vec<&str> = specimens::promised(40).into_iter().map(|(name, _)| name).collect();
    let mut dice = Dice::new(2023);
    for (round, pattern) in PATTERNS.iter().enumerate() {
        normal_day(&practice, 40);
        let name = names[dice.below(names.len())];
        attack(&practice, pattern, round as u64, &[name]);
        if dice.below(3) == 0 {
            let from = practice.data().join("letters").join(name);
            let to = practice.data().join("letters").join(format!("{name}.blackened"));
            fs::rename(from, to).unwrap();
        }
        let dirty = practice.snapshot();
        let report = scanned(&practice, 1);
        let answer = &report.snapshots[0];
        assert_eq!(answer.id, dirty);
        assert!(!answer.is_clean, "{pattern} on {name} was called clean");
        assert_ne!(report.last_clean.as_deref(), Some(dirty.as_str()));
        for file in fs::read_dir(practice.data().join("letters")).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
    }
    let all = scanned(&practice, PATTERNS.len() + 1);
    assert_eq!(all.last_clean, Some(clean));
}

#[test]
fn somebody_who_encrypts_a_letter_himself_is_seen_only_if_it_replaces_the_letter() {
    let practice = Practice::new();
    normal_day(&practice, 3);
    let mut sealed = b"age-encryption.org/v1\n-> X25519 abc\n".to_vec();
    sealed.extend(Dice::new(1).bytes(9000));
    fs::write(practice.data().join("letters/new.docx.age"), &sealed).unwrap();
    practice.snapshot();
    let report = scanned(&practice, 1);
    assert!(report.snapshots[0].is_clean, "{:?}", report.snapshots[0]);
    assert_eq!(files(&report)[0].verdict, Verdict::DeclaredEncrypted);
    assert!(report.snapshots[0].reasons[0].contains("tolerated up to 1"), "the limit is printed");

    fs::remove_file(practice.data().join("letters/letter.docx")).unwrap();
    sealed.extend(b"more");
    fs::write(practice.data().join("letters/letter.docx.age"), &sealed).unwrap();
    practice.snapshot();
    assert!(!scanned(&practice, 2).snapshots[1].is_clean);
    assert!(
        !scanned(&practice, 1).snapshots[0].is_clean,
        "also when the version before is not judged itself"
    );
}

#[test]
fn a_missing_or_damaged_pack_makes_what_was_in_it_unread_and_the_snapshot_not_clean() {
    let practice = Practice::new();
    normal_day(&practice, 5);
    practice.snapshot();
    let packs: Vec<PathBuf> =
        fingerprint(&practice.repository().join("data")).into_keys().filter(|path| path.is_file()).collect();
    let largest = packs.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let whole = fs::read(largest).unwrap();

    let mut damaged = whole.clone();
    damaged[200] ^= 1;
    fs::write(largest, &damaged).unwrap();
    let report = scanned(&practice, 1);
    assert_eq!(report.last_clean, None);
    assert_eq!(files(&report).len(), 1, "one blob, one file: {:?}", files(&report));
    assert_eq!(files(&report)[0].verdict, Verdict::Unread);

    fs::remove_file(largest).unwrap();
    let report = scanned(&practice, 1);
    assert_eq!(report.last_clean, None);
    assert!(files(&report).iter().all(|file| file.verdict == Verdict::Unread), "{:?}", files(&report));
    assert!(files(&report).iter().all(|file| file.path.contains("letters/") && !file.reasons.is_empty()));
    assert!(report.snapshots[0].reasons[0].contains("unread"), "{:?}", report.snapshots[0].reasons);

    // The trees gone as well: not even the names are known, and that is said.
    for pack in packs.iter().filter(|pack| pack.exists()) {
        fs::remove_file(pack).unwrap();
    }
    let report = scanned(&practice, 1);
    assert!(!report.snapshots[0].is_clean);
    assert_eq!((report.snapshots[0].clean, report.snapshots[0].not_clean), (0, 1));
}

#[test]
fn a_truncated_index_or_snapshot_file_is_named_and_the_rest_is_read() {
    let practice = Practice::new();
    normal_day(&practice, 6);
    let first = practice.snapshot();
    fs::write(practice.data().join("letters/more.txt"), specimens::text(2, 900)).unwrap();
    let second = practice.snapshot();
    let path = practice.repository().join("snapshots").join(&second);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let report = scanned(&practice, 3);
    assert_eq!(report.last_clean.as_deref(), Some(first.as_str()));
    assert!(report.unread.iter().any(|what| what.contains(&second)), "{:?}", report.unread);
    fs::write(&path, bytes).unwrap();

    for index in fs::read_dir(practice.repository().join("index")).unwrap() {
        let path = index.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    }
    let report = scanned(&practice, 3);
    assert_eq!(report.last_clean, None);
    assert!(report.unread.iter().any(|what| what.contains("index")), "{:?}", report.unread);
}

#[test]
fn a_snapshot_with_a_forged_time_stands_where_it_was_first_seen() {
    let practice = Practice::new();
    normal_day(&practice, 8);
    let first = practice.snapshot();
    attack(&practice, "full", 8, &["notice.pdf"]);
    let forged = practice.snapshot_claiming(Some("2001-01-01T00:00:00Z"));
    let report = scanned(&practice, 3);
    assert_eq!(report.snapshots.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), [&first, &forged]);
    assert_eq!(report.last_clean, Some(first));
    assert!(report.notes.iter().any(|note| note.contains("2001-01-01")), "{:?}", report.notes);
}

#[test]
fn a_slow_attack_is_undone_file_by_file_each_from_the_snapshot_in_which_it_is_last_clean() {
    let practice = Practice::new();
    normal_day(&practice, 11);
    let mut ids = vec![practice.snapshot()];
    let letters = practice.data().join("letters");
    for (round, name) in ["letter.docx", "notice.pdf", "core.sqlite"].into_iter().enumerate() {
        let path = letters.join(name);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        attack(&practice, "full", round as u64, &[name]);
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        if name == "core.sqlite" {
            fs::rename(&path, letters.join("core.sqlite.locked")).unwrap();
        }
        ids.push(practice.snapshot());
    }
    let report = scanned(&practice, 9);
    assert_eq!(report.last_clean.as_ref(), Some(&ids[0]));
    let newest: Vec<(String, String, Option<String>)> = report
        .files()
        .filter(|file| file.snapshot.as_ref() == ids.last())
        .map(|file| {
            (file.path.rsplit('/').next().unwrap().to_owned(), file.last_clean.unwrap(), file.last_clean_path)
        })
        .collect();
    let before = practice.data().join("letters/core.sqlite").display().to_string();
    assert_eq!(
        newest,
        [
            ("core.sqlite.locked".to_owned(), ids[2].clone(), Some(before)),
            ("letter.docx".to_owned(), ids[0].clone(), None),
            ("notice.pdf".to_owned(), ids[1].clone(), None),
        ]
    );
    assert_eq!(
        report.files().filter(|file| file.path.ends_with("letter.docx")).count(),
        3,
        "in each snapshot"
    );
}

#[test]
fn with_a_ledger_the_second_scan_reads_nothing_and_says_the_same() {
    let practice = Practice::new();
    normal_day(&practice, 12);
    practice.snapshot();
    attack(&practice, "full", 12, &["letter.docx"]);
    practice.snapshot();
    let (first, read) = practice.scanned_again();
    assert!(read > 0);
    assert_eq!(practice.scanned_again(), (first.clone(), 0));
    assert_eq!(scanned(&practice, 9), first, "and so does a scan without one");

    // Only what is new is read.
    fs::write(practice.data().join("letters/more.txt"), specimens::text(9, 5000)).unwrap();
    practice.snapshot();
    assert_eq!(
        practice.scanned_again().1,
        5000_u64.max(fs::metadata(practice.data().join("letters/more.txt")).unwrap().len())
    );

    // What is known to the ledger has to be there all the same.
    let packs = fingerprint(&practice.repository().join("data"));
    let largest =
        packs.keys().filter(|path| path.is_file()).max_by_key(|path| fs::metadata(path).unwrap().len());
    fs::remove_file(largest.unwrap()).unwrap();
    let (report, _) = practice.scanned_again();
    assert_eq!(report.last_clean, None);
    assert!(
        report.files().any(|file| file.verdict == Verdict::Unread && file.reasons[0].contains("missing"))
    );
}

#[test]
fn a_stopped_scan_goes_on_where_it_was() {
    let practice = Practice::new();
    fs::create_dir_all(practice.data()).unwrap();
    for number in 0..40 {
        fs::write(practice.data().join(format!("{number}.bin")), specimens::Dice::new(number).bytes(400_000))
            .unwrap();
    }
    practice.snapshot();
    let ledger = practice.folder.path().join("ledger");
    let stopped = std::panic::catch_unwind(|| {
        let opened = practice.opened();
        let (ledger, _) = Ledger::open(&ledger, opened.ledger_identity(None)).unwrap();
        let order = by_arrival(opened.found(None));
        let request = Request {
            order: &order,
            newest: None,
            tolerate: None,
            rules: None,
            own: None,
            accepted: &BTreeSet::new(),
        };
        scan(opened, &request, ledger, &mut |_| panic!("the power went off"));
    });
    assert!(stopped.is_err());
    let (report, read) = practice.scanned_again();
    assert!(read < 40 * 400_000, "nothing was kept");
    assert!(read > 0, "the test must stop the scan in the middle");
    assert_eq!(report, scanned(&practice, 9));
}

#[test]
fn a_ledger_of_another_repository_or_version_is_not_believed() {
    let (one, other) = (Practice::new(), Practice::new());
    for practice in [&one, &other] {
        normal_day(practice, 13);
        practice.snapshot();
    }
    one.scanned_again();
    let ledger = |practice: &Practice| {
        let mut files: Vec<PathBuf> =
            fingerprint(&practice.folder.path().join("ledger")).into_keys().collect();
        files.remove(0)
    };
    let (_, all) = other.scanned_again();
    let (_, none) = other.scanned_again();
    assert!(all > 0 && none == 0);
    fs::copy(ledger(&one), ledger(&other)).unwrap();
    let (_, again) = other.scanned_again();
    assert_eq!(again, all, "everything is read anew");
}

#[test]
fn a_scan_changes_nothing_even_where_it_could_and_works_where_nothing_can_be_written() {
    let practice = Practice::new();
    normal_day(&practice, 14);
    practice.snapshot();
    let state = |folder: &Path| -> Vec<(PathBuf, [u8; 32], std::time::SystemTime, u32)> {
        fingerprint(folder)
            .into_iter()
            .map(|(path, hash)| {
                let metadata = fs::metadata(&path).unwrap();
                (path, hash, metadata.modified().unwrap(), metadata.permissions().mode())
            })
            .collect()
    };
    let before = state(&practice.repository());
    assert!(scanned(&practice, 9).last_clean.is_some());
    assert_eq!(state(&practice.repository()), before, "no byte, no time, no lock");
    let all: Vec<PathBuf> = fingerprint(&practice.repository()).into_keys().collect();
    let set = |writable: u32| {
        for path in &all {
            let mode = if path.is_dir() { 0o555 } else { 0o444 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode | writable)).unwrap();
        }
    };
    set(0);
    let report = scanned(&practice, 9);
    set(0o200);
    assert!(report.last_clean.is_some());
}

#[test]
fn a_repository_that_is_being_written_gives_a_partial_answer_that_says_so() {
    let practice = Practice::new();
    normal_day(&practice, 15);
    let whole = practice.snapshot();
    let known: Vec<PathBuf> = fingerprint(&practice.repository().join("data")).into_keys().collect();
    fs::write(practice.data().join("letters/more.txt"), specimens::text(9, 70_000)).unwrap();
    let half = practice.snapshot();
    // The newest packs have not arrived yet, the index that names them has: a copy in the wrong order.
    for path in fingerprint(&practice.repository().join("data")).into_keys() {
        if path.is_file() && !known.contains(&path) {
            fs::remove_file(path).unwrap();
        }
    }
    fs::create_dir_all(practice.repository().join("locks")).unwrap();
    fs::write(practice.repository().join("locks/0123"), "somebody's").unwrap();
    let report = scanned(&practice, 9);
    assert_eq!(report.last_clean, Some(whole));
    assert!(!report.snapshots.iter().find(|one| one.id == half).unwrap().is_clean);
    assert!(report.notes.iter().any(|note| note.contains("lock")), "{:?}", report.notes);
}

/// With the tool that most people use. Debian: `apt-get install restic`.
#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a test is outside, and makes what it reads with another program"
)]
fn a_repository_made_by_restic_itself_is_judged() {
    let practice = Practice::new();
    let restic = |args: &[&str]| {
        std::process::Command::new("restic")
            .args([
                "--repo",
                practice.folder.path().join("by-restic").to_str().unwrap(),
                "--no-cache",
                "--quiet",
            ])
            .args(args)
            .env("RESTIC_PASSWORD", PASSWORD)
            .output()
    };
    match restic(&["init"]) {
        Ok(made) => assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr)),
        Err(error) => {
            eprintln!("NOT TESTED: nothing was tried with restic itself, which cannot be started: {error}");
            return;
        }
    }
    normal_day(&practice, 16);
    let large: Vec<u8> = specimens::text(1, 5_000_000);
    fs::write(practice.data().join("letters/large.txt"), &large).unwrap();
    let backup = || assert!(restic(&["backup", practice.data().to_str().unwrap()]).unwrap().status.success());
    backup();
    attack(&practice, "full", 16, &["letter.docx"]);
    backup();
    let path = practice.folder.path().join("by-restic");
    let before = fingerprint(&path);
    let opened = open(&format!("restic:{}", path.display()), PASSWORD).unwrap();
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
    assert_eq!(report.last_clean.as_ref(), Some(&order[0].id), "{:?}", report.snapshots);
    assert!(!report.snapshots[1].is_clean);
    assert!(files(&report).iter().all(|file| file.path.ends_with("letter.docx")), "{:?}", files(&report));
    assert_eq!(fingerprint(&path), before);
}
