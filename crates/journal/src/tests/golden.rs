//! The journal of version 1 as it was first written, kept in `docs/formats/golden`. What reads it must always read
//! it, and the same drafts with the same random bytes must always give the same files.

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

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/golden/journal-v1")
}

/// Random bytes that are not: the n-th drawing is the byte n, repeated.
fn counting() -> Random {
    let drawn = AtomicU8::new(0);
    Arc::new(move |bytes| bytes.fill(drawn.fetch_add(1, Ordering::Relaxed) + 1))
}

fn write(folder: &Path) {
    let key = SecretKey::from_seed("golden.example/journal", &[7; 32]).unwrap();
    let options = Options {
        segment_bytes: 4096,
        checkpoint_every: None,
        clock: Arc::new(|| 1_682_000_000_000),
        random: counting(),
        ..Options::new(key, "golden.example/journal")
    };
    let appender = Appender::open(folder, options).unwrap();
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
fn the_golden_journal_is_read_and_verifies() {
    let mut reader = Reader::open(&golden()).unwrap();
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

    let key = std::fs::read_to_string(golden().join("public-key")).unwrap();
    let key = PublicKey::parse(&key).unwrap();
    let remembered = std::fs::read_to_string(golden().join("checkpoint")).unwrap();
    let remembered = Checkpoint::parse(&remembered).unwrap();
    let verification = verify(&golden(), &key, Some(&remembered));
    assert!(verification.findings.is_empty(), "{:?}", verification.findings);
    assert_eq!((verification.records, verification.covered, verification.erased), (6, 6, 1));
}

#[test]
fn the_same_drafts_and_random_bytes_give_the_bytes_of_the_golden_journal() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
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
    let mut names: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| !name.starts_with("append."));
    names.sort();
    assert_eq!(names, FILES);
}
