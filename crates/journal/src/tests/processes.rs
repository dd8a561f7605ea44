//! Several processes on one journal: handing over, taking over, and being killed.

#![allow(clippy::disallowed_methods, reason = "the journal is tried by processes that are killed")]

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{draft, options, payloads};
use crate::offer::Offer;
use crate::wire::{Reply, Request, decode_reply, encode_request, read_message};
use crate::*;

const CHILD: &str = "JOURNAL_TEST_CHILD";

#[test]
fn a_second_instance_hands_over_to_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let first = Appender::open(folder.path(), options()).unwrap();
    let second = Appender::open(folder.path(), options()).unwrap();
    assert!(first.is_writer() && !second.is_writer());
    first.append(vec![draft("a", b"1")], Expect::Anything).unwrap();
    let appended = second.append(vec![draft("a", b"2"), draft("b", b"3")], Expect::NothingSince(1)).unwrap();
    assert_eq!(appended, Appended { first: 1, next: 3 });
    let refused =
        second.append(vec![draft("a", b"4")], Expect::NoneOfSince { at: 2, kinds: vec!["b".into()] });
    assert_eq!(refused, Err(AppendError::Refused { decided_at: 2, sequence: 2, kind: Some("b".into()) }));
    assert_eq!(second.checkpoint().unwrap().size, 3);
    second.erase(0, "tester", &[1], "asked for").unwrap();
    assert_eq!(payloads(folder.path())[..3], [b"1".to_vec(), b"erased".to_vec(), b"3".to_vec()]);
}

#[test]
fn when_the_writer_closes_the_next_takes_over() {
    let folder = tempfile::tempdir().unwrap();
    let first = Appender::open(folder.path(), options()).unwrap();
    let second = Appender::open(folder.path(), options()).unwrap();
    second.append(vec![draft("a", b"1")], Expect::Anything).unwrap();
    first.close();
    second.append(vec![draft("a", b"2")], Expect::NothingSince(1)).unwrap();
    assert!(second.is_writer());
    drop(second);
    assert_eq!(payloads(folder.path()), [b"1", b"2"]);
    assert!(verify(folder.path(), &options().key.public(), None).findings.is_empty());
}

#[test]
fn a_decision_based_on_what_has_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let appender = Appender::open(folder.path(), options()).unwrap();
    appender.append(vec![draft("a", b""), draft("b", b"")], Expect::Anything).unwrap();
    let none = |at, kind: &str| Expect::NoneOfSince { at, kinds: vec!["x".into(), kind.into()] };
    for (expect, good) in [
        (Expect::NothingSince(2), true),
        (Expect::NothingSince(1), false),
        (Expect::NothingSince(3), false),
        (none(0, "c"), true),
        (none(1, "a"), true),
        (none(1, "b"), false),
        (none(9, "b"), false),
    ] {
        // An empty batch asks without recording.
        assert_eq!(appender.append(Vec::new(), expect.clone()).is_ok(), good, "{expect:?}");
    }
    assert_eq!(payloads(folder.path()).len(), 2);
}

#[test]
fn many_callers_share_the_journal_and_each_finds_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Appender::open(folder.path(), options()).unwrap();
    let client = Appender::open(folder.path(), options()).unwrap();
    let done: Vec<(u64, Vec<u8>)> = std::thread::scope(|scope| {
        let caller = |number: usize, appender: Appender| {
            move || {
                let append = |round: usize| {
                    let payload = format!("{number}/{round}").into_bytes();
                    let place = appender.append(vec![draft("n", &payload)], Expect::Anything).unwrap();
                    (place.first, payload)
                };
                (0..20).map(append).collect::<Vec<_>>()
            }
        };
        let appender = |number: usize| if number.is_multiple_of(2) { writer.clone() } else { client.clone() };
        let threads: Vec<_> = (0..16).map(|number| scope.spawn(caller(number, appender(number)))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    let read = payloads(folder.path());
    assert_eq!(read.len(), 320);
    assert!(done.iter().all(|(sequence, payload)| read[usize::try_from(*sequence).unwrap()] == *payload));
}

#[test]
fn a_record_that_is_refused_or_too_large_is_said_so_and_not_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let appender = Appender::open(folder.path(), options()).unwrap();
    let client = Appender::open(folder.path(), options()).unwrap();
    let largest = vec![1; PAYLOAD_BYTES_MAX];
    for appender in [&appender, &client] {
        let long = "x".repeat(2000);
        for bad in [
            draft("journal.own", b""),
            draft("", b""),
            draft(&long, b""),
            Draft { actor: long.clone(), ..draft("a", b"") },
        ] {
            assert!(matches!(appender.append(vec![bad], Expect::Anything), Err(AppendError::Invalid(_))));
        }
        let mut larger = largest.clone();
        larger.push(1);
        assert!(matches!(
            appender.append(vec![draft("a", &larger)], Expect::Anything),
            Err(AppendError::Invalid(_))
        ));
        let three = vec![draft("a", &largest); 3];
        assert!(matches!(appender.append(three, Expect::Anything), Err(AppendError::Invalid(_))));
        appender.append(vec![draft("a", &largest)], Expect::Anything).unwrap();
    }
    assert_eq!(payloads(folder.path()), [largest.clone(), largest]);
}

fn connect(folder: &Path) -> (UnixStream, u64) {
    let mut stream = UnixStream::connect(folder.join("append.sock")).unwrap();
    let mut greeting = [0; 16];
    stream.read_exact(&mut greeting).unwrap();
    (stream, u64::from_be_bytes(greeting[8..].try_into().unwrap()))
}

fn ask(stream: &mut UnixStream, again_since: Option<u64>) -> Reply {
    let mut offer =
        Offer::new([42; 16], vec![draft("a", b"once"), draft("a", b"twice")], Expect::NothingSince(1), false)
            .unwrap();
    offer.again_since = again_since;
    stream.write_all(&encode_request(&Request::Append(offer))).unwrap();
    decode_reply(&read_message(stream, 1 << 16).unwrap().unwrap()).unwrap()
}

#[test]
fn a_batch_whose_answer_was_lost_is_recorded_once() {
    let folder = tempfile::tempdir().unwrap();
    let appender = Appender::open(folder.path(), options()).unwrap();
    appender.append(vec![draft("a", b"first")], Expect::Anything).unwrap();
    let (mut stream, length) = connect(folder.path());
    assert_eq!(length, 1);
    let place = Reply::Appended(Ok(Appended { first: 1, next: 3 }));
    assert_eq!(ask(&mut stream, None), place);
    // The same writer knows it, and so does the next one.
    let (mut stream, _) = connect(folder.path());
    assert_eq!(ask(&mut stream, Some(1)), place);
    drop(appender);
    let _next = Appender::open(folder.path(), options()).unwrap();
    let (mut stream, _) = connect(folder.path());
    assert_eq!(ask(&mut stream, Some(1)), place);
    assert_eq!(payloads(folder.path()).len(), 3);
}

#[test]
fn hostile_bytes_on_the_socket_are_refused_and_harm_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let appender = Appender::open(folder.path(), options()).unwrap();
    let mut seed = 1_u64;
    for round in 0..100 {
        let (mut stream, _) = connect(folder.path());
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut bytes = match round % 4 {
            0 => u32::MAX.to_be_bytes().to_vec(),
            1 => vec![0, 0, 0, 60, 1],
            2 => vec![0, 0, 0, 0],
            _ => vec![0, 0, 1, 0],
        };
        for _ in 0..300 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push((seed >> 56) as u8);
        }
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
    }
    // The journal's own kinds are not for sale either.
    let (mut stream, _) = connect(folder.path());
    let own = Offer::new([1; 16], vec![draft("journal.tail_cut", b"")], Expect::Anything, true).unwrap();
    stream.write_all(&encode_request(&Request::Append(own))).unwrap();
    let reply = decode_reply(&read_message(&mut stream, 1 << 16).unwrap().unwrap()).unwrap();
    assert!(matches!(reply, Reply::Appended(Err(AppendError::Invalid(_)))), "{reply:?}");
    appender.append(vec![draft("a", b"still here")], Expect::NothingSince(0)).unwrap();
}

#[test]
fn a_folder_with_a_very_long_path_works_too() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("d".repeat(100)).join("e".repeat(100));
    let _first = Appender::open(&deep, options()).unwrap();
    let second = Appender::open(&deep, options()).unwrap();
    assert!(!second.is_writer());
    second.append(vec![draft("a", b"")], Expect::Anything).unwrap();
}

#[test]
fn a_holder_that_does_not_answer_is_named_after_the_wait() {
    let folder = tempfile::tempdir().unwrap();
    let _held = crate::handover::try_lock(folder.path()).unwrap().unwrap();
    let impatient = Options { wait: Duration::from_millis(50), ..options() };
    assert!(matches!(Appender::open(folder.path(), impatient), Err(OpenError::Busy { .. })));
}

/// Not a test of its own: the process that the next test starts and kills. Appends until it is killed, and notes
/// in a file of its own what was acknowledged.
#[test]
fn child_that_appends_until_it_is_killed() {
    let Ok(told) = std::env::var(CHILD) else { return };
    let (folder, name) = told.split_once('|').unwrap();
    let options = Options { checkpoint_every: Some(Duration::from_millis(20)), ..options() };
    let appender = Appender::open(&Path::new(folder).join("journal"), options).unwrap();
    let mut noted = OpenOptions::new().append(true).create(true).open(Path::new(folder).join(name)).unwrap();
    for round in 0.. {
        let payload = format!("{name} {round}");
        let place = appender.append(vec![draft("n", payload.as_bytes())], Expect::Anything).unwrap();
        writeln!(noted, "{} {payload}", place.first).unwrap();
    }
}

fn start_child(folder: &Path, name: &str) -> Child {
    let log = File::create(folder.join(format!("{name}.log"))).unwrap();
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::processes::child_that_appends_until_it_is_killed", "--nocapture"])
        .env(CHILD, format!("{}|{name}", folder.display()))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

fn acknowledged(folder: &Path) -> Vec<(u64, String)> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some() || path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        // A line without its end was being written when the process was killed.
        let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        all.extend(
            lines.map(|line| line.split_once(' ').unwrap()).map(|(n, p)| (n.parse().unwrap(), p.to_owned())),
        );
    }
    all
}

#[test]
fn killing_processes_in_the_middle_of_appending_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut children = Vec::new();
    for round in 0..8 {
        children.push(start_child(folder.path(), &format!("child{round}")));
        if round < 2 {
            continue;
        }
        // Everybody alive has gone on: the writer, and those who hand over to it or take over from it.
        let before = acknowledged(folder.path()).len();
        let deadline = Instant::now() + Duration::from_secs(60);
        while acknowledged(folder.path()).len() < before + 60 {
            assert!(Instant::now() < deadline, "no progress in round {round}");
            std::thread::sleep(Duration::from_millis(1));
        }
        // The oldest is the writer, most of the time; sometimes one who hands over.
        let mut victim = children.remove(if round % 3 == 2 { 1 } else { 0 });
        victim.kill().unwrap();
        victim.wait().unwrap();
    }
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let journal = folder.path().join("journal");
    drop(Appender::open(&journal, options()).unwrap());
    let read: Vec<String> = payloads(&journal)
        .into_iter()
        .map(|payload| String::from_utf8_lossy(&payload).into_owned())
        .collect();
    for (sequence, payload) in acknowledged(folder.path()) {
        assert_eq!(read[usize::try_from(sequence).unwrap()], payload);
    }
    let mut counts = BTreeMap::new();
    read.iter().for_each(|payload| *counts.entry(payload).or_insert(0) += 1);
    let doubled: Vec<_> =
        counts.iter().filter(|(payload, count)| **count > 1 && payload.starts_with("child")).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    let verification = verify(&journal, &options().key.public(), None);
    assert!(verification.findings.is_empty(), "{:?}", verification.findings);
}
