//! The journal of version 1 as it was first written, and of version 1.1 (`checkpoints` begins with the checkpoint over
//! no records), kept in `docs/formats/golden`. What reads them must always read them, and the same drafts with the same
//! random bytes must always give the same files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::draft;
use crate::*;

/// Everything of a journal but its lock and its socket.
const FILES: [&str; 6] = [
    "checkpoint",
    "checkpoints",
    "durable",
    "leaves",
    "segment-00000000000000000000.bsj",
    "segment-00000000000000000004.bsj",
];

const VERSIONS: [&str; 2] = ["journal-v1", "journal-v1.1"];

fn golden(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/golden").join(version)
}

/// Random bytes that are not: the n-th drawing is the byte n, repeated.
fn counting() -> Random {
    let drawn = AtomicU8::new(0);
    Arc::new(move |bytes| bytes.fill(drawn.fetch_add(1, Ordering::Relaxed) + 1))
}

fn options() -> Options {
    let key = SecretKey::from_seed("golden.example/journal", &[7; 32]).unwrap();
    Options {
        segment_bytes: 4096,
        checkpoint_every: None,
        clock: Arc::new(|| 1_682_000_000_000),
        random: counting(),
        ..Options::new(key, "golden.example/journal")
    }
}

fn write(folder: &Path) {
    let appender = Appender::open(folder, options()).unwrap();
    appender
        .append(vec![draft("note.written", "Erste Meldung".as_bytes())], Expect::NothingSince(0))
        .unwrap();
    appender
        .append(vec![draft("step.intended", b"{\"step\":1}"), draft("step.done", b"")], Expect::Anything)
        .unwrap();
    appender.append(vec![draft("person.named", b"insured person 4711")], Expect::Anything).unwrap();
    appender.append(vec![draft("file.kept", &[b'x'; 3500])], Expect::Anything).unwrap();
    appender.erase(1_682_000_001_000, "officer", &[3], "asked for by the person").unwrap();
    appender.close();
}

#[test]
fn the_golden_journals_are_read_and_verify() {
    for golden in VERSIONS.map(golden) {
        let mut reader = Reader::open(&golden).unwrap();
        let records: Vec<Record> = reader.read(0).map(Result::unwrap).collect();
        let kinds: Vec<&str> = records.iter().map(|record| record.kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["note.written", "step.intended", "step.done", "person.named", "file.kept", KIND_ERASED]
        );
        assert_eq!(records[0].payload, Payload::Present("Erste Meldung".as_bytes().to_vec()));
        assert_eq!(records[2].payload, Payload::Present(Vec::new()));
        assert_eq!(records[3].payload, Payload::Erased);
        assert_eq!((records[1].sequence, records[1].time_ms, records[1].version), (1, 1_682_000_000_000, 1));
        assert_eq!((records[5].actor.as_str(), records[0].actor.as_str()), ("officer", "tester"));

        let key = std::fs::read_to_string(golden.join("public-key")).unwrap();
        let key = PublicKey::parse(&key).unwrap();
        let remembered = std::fs::read_to_string(golden.join("checkpoint")).unwrap();
        let remembered = Checkpoint::parse(&remembered).unwrap();
        let verification = verify(&golden, &key, Some(&remembered));
        assert!(verification.findings.is_empty(), "{:?}", verification.findings);
        assert_eq!((verification.records, verification.covered, verification.erased), (6, 6, 1));
        assert_eq!(verification.trusted, Some(remembered));
        assert!(verification.proven.iter().eq([&(0..6)]));
    }
}

#[test]
fn a_journal_of_the_first_form_without_the_checkpoint_over_no_records_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    for name in FILES {
        std::fs::copy(golden("journal-v1").join(name), folder.path().join(name)).unwrap();
    }
    let appender = Appender::open(folder.path(), options()).unwrap();
    let appended = appender.append(vec![draft("more", b"later")], Expect::NothingSince(6)).unwrap();
    assert_eq!(appended.first, 6);
    appender.close();
    let verification = verify(folder.path(), &options().key.public(), None);
    assert!(verification.findings.is_empty(), "{:?}", verification.findings);
    // Also one that was killed before it first wrote a checkpoint into `checkpoints`.
    std::fs::remove_file(folder.path().join("checkpoints")).unwrap();
    let appender = Appender::open(folder.path(), options()).unwrap();
    appender.append(vec![draft("more", b"later")], Expect::NothingSince(7)).unwrap();
}

#[test]
fn the_same_drafts_and_random_bytes_give_the_bytes_of_the_golden_journal() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let (golden_of, golden) = (golden, || golden("journal-v1.1"));
    if std::env::var_os("BLACKSTART_WRITE_GOLDEN").is_some() {
        std::fs::create_dir_all(golden()).unwrap();
        for name in FILES {
            std::fs::copy(folder.path().join(name), golden().join(name)).unwrap();
        }
        let key = SecretKey::from_seed("golden.example/journal", &[7; 32]).unwrap();
        std::fs::write(golden().join("public-key"), format!("{}\n", key.public())).unwrap();
    }
    for name in FILES {
        let (new, old) = (std::fs::read(folder.path().join(name)), std::fs::read(golden().join(name)));
        assert!(
            new.unwrap() == old.unwrap(),
            "the bytes of `{name}` have changed: a new format needs a new version"
        );
    }
    for name in FILES.into_iter().filter(|name| *name != "checkpoints") {
        let early = std::fs::read(golden_of("journal-v1").join(name)).unwrap();
        assert!(early == std::fs::read(folder.path().join(name)).unwrap(), "`{name}` is as in version 1");
    }
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with("append."));
    names.sort();
    assert_eq!(names, FILES);
}
