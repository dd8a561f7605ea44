//! The promises of the crate as a whole, on the real disk.

mod faults;
mod forging;
mod golden;
mod processes;
mod tampering;

use std::path::Path;

use crate::*;

pub(crate) fn options() -> Options {
    let key = SecretKey::from_seed("test.example/journal", &[1; 32]).unwrap();
    Options { checkpoint_every: None, segment_bytes: 64 * 1024, ..Options::new(key, "test.example/journal") }
}

pub(crate) fn draft(kind: &str, payload: &[u8]) -> Draft {
    Draft {
        time_ms: 1_682_000_000_000,
        actor: "tester".into(),
        kind: kind.into(),
        version: 1,
        payload: payload.into(),
    }
}

fn payloads(folder: &Path) -> Vec<Vec<u8>> {
    let mut reader = Reader::open(folder).unwrap();
    let payload = |record: Result<Record, ReadError>| match record.unwrap().payload {
        Payload::Present(payload) => payload,
        Payload::Erased => b"erased".to_vec(),
    };
    reader.read(0).map(payload).collect()
}

#[test]
fn what_was_appended_is_read_back_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let appender = Appender::open(folder.path(), options()).unwrap();
    for number in 0..300_u32 {
        let appended =
            appender.append(vec![draft("n", &number.to_be_bytes().repeat(200))], Expect::Anything).unwrap();
        assert_eq!(appended, Appended { first: u64::from(number), next: u64::from(number) + 1 });
    }
    let read = payloads(folder.path());
    assert_eq!(read.len(), 300);
    assert!(read.iter().zip(0_u32..).all(|(payload, number)| *payload == number.to_be_bytes().repeat(200)));
    appender.close();
    let verification = verify(folder.path(), &options().key.public(), None);
    assert!(verification.findings.is_empty(), "{:?}", verification.findings);
    assert_eq!((verification.records, verification.covered), (300, 300));
}

#[test]
fn a_journal_goes_on_where_it_was_closed() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..5_u64 {
        let appender = Appender::open(folder.path(), options()).unwrap();
        let appended = appender
            .append(vec![draft("a", b"x"), draft("b", b"y")], Expect::NothingSince(round * 2))
            .unwrap();
        assert_eq!(appended.first, round * 2);
    }
    assert_eq!(payloads(folder.path()).len(), 10);
    assert!(verify(folder.path(), &options().key.public(), None).intact());
}

#[test]
fn the_newest_checkpoint_at_a_close_is_kept_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    for round in 1..=3_u64 {
        let appender = Appender::open(folder.path(), options()).unwrap();
        appender.append(vec![draft("a", b"x")], Expect::Anything).unwrap();
        // It is signed already when the journal is closed.
        let newest = appender.checkpoint().unwrap();
        appender.close();
        let kept = std::fs::read_to_string(folder.path().join("checkpoints")).unwrap();
        assert!(kept.ends_with(&format!("{}\n", newest.text)) && newest.size == round, "{kept}");
    }
}

#[test]
fn a_journal_that_is_being_written_is_read_and_verified_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let every = Some(std::time::Duration::from_millis(5));
    let appender = Appender::open(folder.path(), Options { checkpoint_every: every, ..options() }).unwrap();
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    appender
                        .append(vec![draft("a", &[1; 300]), draft("b", &[2; 900])], Expect::Anything)
                        .unwrap();
                }
            });
        }
        let mut reader = Reader::open(folder.path()).unwrap();
        let mut seen = 0;
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut remembered = None;
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
            for round in 0.. {
                if round >= 12 && seen >= 200 {
                    break;
                }
                assert!(std::time::Instant::now() < deadline, "only {seen} records in a minute");
                let before = reader.durable_length().unwrap();
                let verification = verify(folder.path(), &options().key.public(), remembered.as_ref());
                assert!(verification.intact(), "{:?}", verification.findings);
                assert!(verification.records >= before);
                remembered = verification.checkpoint;
                for record in reader.read(seen) {
                    assert_eq!(record.unwrap().sequence, seen);
                    seen += 1;
                }
                assert!(seen >= before);
            }
        }));
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        result.unwrap();
    });
}
