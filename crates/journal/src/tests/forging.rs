//! Forging with every file in hand but the key: what is tried, and what comes of it. `docs/formats/journal.md` has
//! the same as a table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::faults::{FOLDER, options_on, read_all};
use super::{draft, options};
use crate::faulty::FaultyDisk;
use crate::record::{Frame, SALT_BYTES, digest, encode};
use crate::segment::{WalkItem, list_segments, parse_segment_header, walk};
use crate::tree::Tree;
use crate::verify::verify_on;
use crate::*;

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn open(disk: &FaultyDisk) -> Result<Appender, OpenError> {
    Appender::open(Path::new(FOLDER), options_on(disk, 77))
}

fn check(disk: &FaultyDisk, remembered: Option<&Checkpoint>) -> Verification {
    verify_on(disk, Path::new(FOLDER), &options().key.public(), remembered)
}

fn problems(disk: &FaultyDisk) -> Vec<Problem> {
    check(disk, None).damages().map(|finding| finding.problem.clone()).collect()
}

fn files(disk: &FaultyDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    disk.names().into_iter().map(|path| (path.clone(), disk.content(&path))).collect()
}

fn write(appender: &Appender, records: u64) {
    for number in 0..records {
        appender
            .append(vec![draft("work.done", format!("step {number}").as_bytes())], Expect::Anything)
            .unwrap();
    }
}

/// The same journal at three moments: closed with one step of records, closed with five, and killed with five more that
/// nobody signed. The checkpoint over four steps is the last in the history, that over five only in `checkpoint`.
struct Story {
    early: FaultyDisk,
    late: FaultyDisk,
    killed: FaultyDisk,
    remembered: Checkpoint,
}

fn story(step: u64) -> Story {
    let disk = FaultyDisk::new(3);
    let round = |last: bool| {
        let appender = open(&disk).unwrap();
        write(&appender, step);
        if last {
            appender.checkpoint().unwrap();
        }
        appender
    };
    round(false).close();
    let early = disk.copy();
    (0..3).for_each(|_| round(false).close());
    let appender = round(true);
    let remembered = appender.checkpoint().unwrap();
    appender.close();
    let late = disk.copy();
    let appender = open(&disk).unwrap();
    write(&appender, 5);
    let killed = disk.copy();
    Story { early, late, killed, remembered }
}

fn history(disk: &FaultyDisk) -> Vec<String> {
    let text = String::from_utf8(disk.content(&path("checkpoints"))).unwrap();
    let parts: Vec<&str> = text.split_terminator("\n\n").collect();
    parts.chunks(2).map(|note| format!("{}\n\n{}\n", note[0], note[1])).collect()
}

fn put_history(disk: &FaultyDisk, notes: &[String]) {
    let text: String = notes.iter().map(|note| format!("{note}\n")).collect();
    disk.put(&path("checkpoints"), text.as_bytes());
}

/// Puts another payload into a record and makes everything agree with it that can be made without the key.
fn rewrite(disk: &FaultyDisk, sequence: u64, payload: &[u8]) {
    let mut frames: Vec<(Place, Frame, Vec<u8>)> = Vec::new();
    walk(disk, Path::new(FOLDER), &mut |seen| {
        if let WalkItem::Record { place, frame, bytes } = seen {
            frames.push((place, frame, bytes.to_vec()));
        }
    })
    .unwrap();
    let (first, name) = list_segments(disk, Path::new(FOLDER)).unwrap()[0].clone();
    let Some(journal) = parse_segment_header(&disk.content(&path(&name)), first) else { return };
    let Some(at) = frames.iter().position(|(place, ..)| place.sequence == sequence) else { return };
    let mut header = frames[at].1.header.clone();
    header.payload_length = u32::try_from(payload.len()).unwrap();
    let (salt, mut bytes) = ([7; SALT_BYTES], Vec::new());
    let leaf = encode(&mut bytes, &journal, &header, &digest(&salt, payload), &salt, payload);
    let file = frames[at].0.file.clone();
    frames[at].2 = bytes;
    let header = disk.content(&path(&file))[..64].to_vec();
    let inside = frames.iter().filter(|(place, ..)| place.file == file).map(|(.., bytes)| bytes.clone());
    disk.put(&path(&file), &[header, inside.collect::<Vec<_>>().concat()].concat());
    let mut leaves = disk.content(&path("leaves"));
    let at = usize::try_from(sequence).unwrap() * 32;
    if leaves.len() >= at + 32 {
        leaves[at..at + 32].copy_from_slice(&leaf);
        disk.put(&path("leaves"), &leaves);
    }
}

/// Tries to go on with the journal: it must refuse and leave every byte as it is.
fn refused(disk: &FaultyDisk) -> OpenError {
    let before = files(disk);
    let Err(error) = open(disk) else { panic!("opened") };
    assert!(files(disk) == before, "something was changed: {error}");
    assert!(!check(disk, None).intact(), "refused, and verified as whole: {error}");
    error
}

/// What is wrong with the checkpoints, when that is why it was refused.
fn checkpoints(error: OpenError) -> Finding {
    let OpenError::Checkpoints { finding, .. } = error else { panic!("{error}") };
    *finding
}

#[test]
fn a_record_rewritten_after_the_newest_checkpoint_was_deleted_is_refused_and_never_signed_again() {
    let Story { late, .. } = story(100);
    late.take_away(&path("checkpoint"));
    rewrite(&late, 130, b"nothing happened");
    let error = refused(&late);
    assert!(matches!(error, OpenError::NotTheSigned { from: 100, size: 200, .. }), "{error}");
    let problems = problems(&late);
    assert!(problems.contains(&Problem::NoCheckpoint), "{problems:?}");
    assert!(
        problems
            .iter()
            .any(|problem| matches!(problem, Problem::ChangedBetween { from: 100, until: 200, .. })),
        "{problems:?}"
    );
}

#[test]
fn records_without_any_checkpoint_are_refused_whatever_else_was_taken_away() {
    let Story { late, .. } = story(100);
    for also in [&[][..], &["durable"], &["leaves"], &["durable", "leaves"]] {
        let disk = late.copy();
        for name in ["checkpoint", "checkpoints"].iter().chain(also) {
            disk.take_away(&path(name));
        }
        let error = refused(&disk);
        assert!(matches!(error, OpenError::Unsigned { records: 500, .. }), "{error}");
        assert!(problems(&disk).contains(&Problem::NoCheckpoint));
        assert_eq!((check(&disk, None).trusted, check(&disk, None).proven), (None, Vec::new()));
    }
    // Not even records that can no longer be told from other bytes are written over.
    for name in ["checkpoint", "checkpoints", "durable", "leaves"] {
        late.take_away(&path(name));
    }
    for (_, name) in list_segments(&late, Path::new(FOLDER)).unwrap() {
        late.flip_bit(&path(&name), 9);
    }
    assert!(matches!(refused(&late), OpenError::Unsigned { .. }));
}

#[test]
fn a_checkpoint_taken_away_alone_is_refused_and_what_the_history_proves_is_still_proven() {
    let Story { late, .. } = story(100);
    late.take_away(&path("checkpoint"));
    let error = refused(&late);
    assert_eq!(checkpoints(error).problem, Problem::NoCheckpoint);
    let last = history(&late).pop().unwrap();
    let verification = check(&late, None);
    assert_eq!(verification.trusted, Some(Checkpoint::parse(&last).unwrap()));
    assert!(verification.proven.iter().eq([&(0..verification.covered)]));
}

#[test]
fn an_older_checkpoint_put_back_is_refused() {
    let Story { early, late, .. } = story(100);
    let notes = history(&late);
    assert!(notes.len() > 3, "{}", notes.len());
    for note in &notes[..notes.len() - 2] {
        let disk = late.copy();
        disk.put(&path("checkpoint"), note.as_bytes());
        let error = refused(&disk);
        assert!(matches!(checkpoints(error).problem, Problem::PutBack { .. }));
        // And with a record changed above it, the later checkpoints still stand against that.
        rewrite(&disk, 310, b"nothing happened");
        assert!(matches!(refused(&disk), OpenError::NotTheSigned { from: 300, size: 400, .. }));
    }
    let disk = late.copy();
    disk.put(&path("checkpoint"), &early.content(&path("checkpoint")));
    rewrite(&disk, 310, b"nothing happened");
    refused(&disk);
}

#[test]
fn a_missing_or_shortened_history_of_checkpoints_is_refused() {
    let Story { late, killed, .. } = story(100);
    for whole in [&late, &killed] {
        let disk = whole.copy();
        disk.take_away(&path("checkpoints"));
        let error = refused(&disk);
        let Finding { place, problem, .. } = checkpoints(error);
        assert!(matches!(problem, Problem::HistoryShort { missing: true, .. }), "{problem}");
        assert_eq!(place.file, "checkpoints");

        let notes = history(whole);
        let disk = whole.copy();
        put_history(&disk, &notes[..2]);
        let error = refused(&disk);
        let problem = Problem::HistoryShort { missing: false, last: 100, newest: 500 };
        assert_eq!(checkpoints(error).problem, problem);
        // The records are proven all the same.
        assert!(check(&disk, None).proven.iter().eq([&(0..500)]));
    }
    // Short enough to have none, but with records that nobody signed: those are not taken on trust.
    let disk = FaultyDisk::new(4);
    let appender = open(&disk).unwrap();
    write(&appender, 20);
    appender.checkpoint().unwrap();
    write(&appender, 2);
    let killed = disk.copy();
    killed.take_away(&path("checkpoints"));
    refused(&killed);
}

#[test]
fn a_changed_foreign_or_moved_mark_in_the_history_is_refused_and_located() {
    let Story { late, .. } = story(100);
    let notes = history(&late);
    let located = |disk: &FaultyDisk, offset: u64| {
        let error = refused(disk);
        let Finding { place, problem, .. } = checkpoints(error);
        assert_eq!((place.file.as_str(), place.offset), ("checkpoints", offset), "{problem}");
        problem
    };
    let offset_of = |at: usize| notes[..at].iter().map(|note| note.len() as u64 + 1).sum::<u64>();

    for (at, note) in notes.iter().enumerate() {
        let disk = late.copy();
        let mut changed = notes.clone();
        changed[at] = note.replacen("test.example/journal\n", "test.example/journey\n", 1);
        put_history(&disk, &changed);
        assert_eq!(located(&disk, offset_of(at)), Problem::Scrap { altered: true });
    }

    let other = SecretKey::from_seed("test.example/other", &[9; 32]).unwrap();
    let foreign = [
        // By another key; by our key for another journal.
        (Checkpoint::sign("test.example/journal", 310, [1; 32], &other), Problem::Scrap { altered: true }),
        (
            Checkpoint::sign("test.example/other", 0, Tree::default().root(), &options().key),
            Problem::HistoryOfAnother { origin: "test.example/other".to_owned() },
        ),
    ];
    for (checkpoint, problem) in foreign {
        let disk = late.copy();
        let mut changed = notes.clone();
        changed.insert(1, checkpoint.text);
        put_history(&disk, &changed);
        assert_eq!(located(&disk, offset_of(1)), problem);
    }

    let disk = late.copy();
    let mut moved = notes.clone();
    moved.swap(1, 2);
    put_history(&disk, &moved);
    let problem = located(&disk, offset_of(1) + notes[2].len() as u64 + 1);
    assert_eq!(problem, Problem::HistoryMoved { size: 100 });

    // Not a checkpoint at all, in the middle.
    let disk = late.copy();
    let mut scrap = notes.clone();
    scrap[1] = "something else".to_owned();
    put_history(&disk, &scrap);
    assert_eq!(located(&disk, offset_of(1)), Problem::Scrap { altered: false });
}

#[test]
fn a_journal_that_was_signed_again_after_a_change_is_refused_because_of_its_older_checkpoints() {
    // What an earlier program did: it signed whatever it found when `checkpoint` was missing.
    let Story { late, .. } = story(100);
    rewrite(&late, 310, b"nothing happened");
    let mut tree = Tree::default();
    crate::files::read_leaves(&late, Path::new(FOLDER), 500).iter().for_each(|leaf| tree.push(*leaf));
    let again = Checkpoint::sign("test.example/journal", 500, tree.root(), &options().key);
    late.put(&path("checkpoint"), again.text.as_bytes());
    let error = refused(&late);
    let OpenError::NotTheSigned { from: 300, size, by, .. } = error else { panic!("{error}") };
    assert_eq!(by, "file `checkpoints`");
    let verification = check(&late, None);
    let found: Vec<_> = verification.damages().collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].place.sequence, &found[0].problem),
        (300, &Problem::SignedAgain { from: 300, size })
    );
}

#[test]
fn records_of_another_journal_by_the_same_key_are_not_taken_in() {
    let Story { late, .. } = story(100);
    let other = FaultyDisk::new(5);
    let appender = Appender::open(Path::new(FOLDER), options_on(&other, 4711)).unwrap();
    write(&appender, 500);
    appender.close();
    let segments = list_segments(&late, Path::new(FOLDER)).unwrap();
    for (_, name) in &segments {
        let disk = late.copy();
        disk.put(&path(name), &other.content(&path(name)));
        refused(&disk);
    }
    // All records of the other, and our checkpoints; all of the other but the history; all but the newest.
    for kept in [&["checkpoint", "checkpoints", "leaves"][..], &["checkpoints"], &["checkpoint"]] {
        let disk = other.copy();
        for name in kept {
            disk.put(&path(name), &late.content(&path(name)));
        }
        refused(&disk);
    }
}

#[test]
fn rolling_everything_back_is_found_only_by_who_remembers_a_checkpoint() {
    let Story { early, late, remembered, .. } = story(100);
    assert!(check(&early, None).intact());
    assert!(!check(&early, Some(&remembered)).intact());
    // The same without having kept a copy: an old checkpoint is taken out of the history, everything signed later is
    // taken away, and the story is told anew from there.
    let notes = history(&late);
    late.put(&path("checkpoint"), notes[1].as_bytes());
    put_history(&late, &notes[..2]);
    for name in ["durable", "leaves"] {
        late.take_away(&path(name));
    }
    rewrite(&late, 310, b"nothing happened");
    drop(open(&late).unwrap());
    assert!(check(&late, None).intact(), "nothing in the folder contradicts it");
    let verification = check(&late, Some(&remembered));
    assert!(!verification.intact());
    assert!(verification.damages().all(|finding| finding.place.sequence <= 310));
    // What was signed before is proven still.
    rewrite(&late, 99, b"nothing happened");
    refused(&late);
}

/// What somebody without the key can do to one file.
const WAYS: [&str; 7] = [
    "delete",
    "empty",
    "halve",
    "cut its last byte",
    "flip a bit",
    "older state",
    "change a record with care",
];

fn tamper(disk: &FaultyDisk, older: &FaultyDisk, name: &str, way: &str) {
    let content = disk.content(&path(name));
    match way {
        "delete" => disk.take_away(&path(name)),
        "empty" => disk.put(&path(name), b""),
        "halve" => disk.put(&path(name), &content[..content.len() / 2]),
        "cut its last byte" => disk.put(&path(name), &content[..content.len().saturating_sub(1)]),
        "flip a bit" => disk.flip_bit(&path(name), content.len() * 8 / 3),
        "older state" if older.names().contains(&path(name)) => {
            disk.put(&path(name), &older.content(&path(name)));
        }
        "older state" => disk.take_away(&path(name)),
        "change a record with care" => {
            let inside = list_segments(disk, Path::new(FOLDER)).unwrap();
            if let Some((first, _)) = inside.iter().find(|(_, segment)| segment == name) {
                rewrite(disk, first + 1, b"nothing happened");
            }
        }
        other => panic!("{other}"),
    }
}

#[test]
fn any_two_files_in_any_two_ways_never_bring_a_changed_record_into_a_journal_that_opens() {
    let Story { early, late, killed, remembered } = story(12);
    for whole in [late, killed] {
        let records = read_all(&whole);
        let names: Vec<String> =
            whole.names().iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
        let single: Vec<(&str, &str)> =
            names.iter().flat_map(|name| WAYS.map(|way| (name.as_str(), way))).collect();
        let (mut opened, mut tried) = (0, 0);
        for (at, one) in single.iter().enumerate() {
            for two in &single[at..] {
                if one.0 == two.0 && one != two {
                    continue;
                }
                let disk = whole.copy();
                tamper(&disk, &early, one.0, one.1);
                if one != two {
                    tamper(&disk, &early, two.0, two.1);
                }
                let what = format!("{one:?} and {two:?}");
                tried += 1;
                let before = files(&disk);
                let intact = check(&disk, None).intact();
                match open(&disk) {
                    Err(error) => {
                        assert!(files(&disk) == before, "{what}: changed, although {error}");
                        assert!(!intact, "{what}: refused and called whole: {error}");
                    }
                    Ok(appender) => {
                        opened += 1;
                        appender.close();
                        assert!(intact, "{what}: opened and not whole");
                        assert!(check(&disk, None).intact(), "{what}: opened and then not whole");
                        let now = read_all(&disk);
                        // The five above were never signed for.
                        let same = |(now, was): (&Record, &Record)| {
                            now.digest == was.digest || now.kind == KIND_TAIL_CUT
                        };
                        assert!(now.iter().zip(&records[..60]).all(same), "{what}: another record");
                        // Nothing that was signed is gone without whoever remembers it noticing.
                        let gone = now.len() < 60;
                        assert!(!gone || !check(&disk, Some(&remembered)).intact(), "{what}: unnoticed");
                        assert!(
                            !gone || one.1 == "older state" || two.1 == "older state",
                            "{what}: {}",
                            now.len()
                        );
                    }
                }
            }
        }
        // The test means something only if both happen.
        assert!(opened > 20 && tried - opened > 300, "{opened} of {tried} opened");
    }
}

#[test]
fn a_beginning_cut_off_by_the_power_at_any_moment_is_begun_again_and_signs_before_the_first_record() {
    let mut begun = 0;
    for seed in 1..=40 {
        for changes in 0..40 {
            let disk = FaultyDisk::new(seed);
            disk.lose_power_after(changes);
            let opened = Appender::open(Path::new(FOLDER), options_on(&disk, seed));
            let appended = opened
                .is_ok_and(|appender| appender.append(vec![draft("a", b"first")], Expect::Anything).is_ok());
            disk.cut_power();
            let names = disk.names();
            let holds_records = !list_segments(&disk, Path::new(FOLDER)).unwrap_or_default().is_empty()
                && Reader::open_on(std::sync::Arc::new(disk.clone()), Path::new(FOLDER))
                    .is_ok_and(|mut reader| reader.read(0).next().is_some());
            if holds_records {
                assert!(
                    names.contains(&path("checkpoint")),
                    "seed {seed}, {changes}: a record before its checkpoint"
                );
            }
            let appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed + 1))
                .unwrap_or_else(|error| panic!("seed {seed}, {changes}: {error}"));
            appender.append(vec![draft("b", b"second")], Expect::Anything).unwrap();
            appender.close();
            let verification = check(&disk, None);
            assert!(verification.findings.is_empty(), "seed {seed}, {changes}: {:?}", verification.findings);
            assert!(history(&disk)[0].starts_with("test.example/journal\n0\n"), "seed {seed}, {changes}");
            assert!(!appended || read_all(&disk).len() >= 2, "seed {seed}, {changes}");
            begun += 1;
        }
    }
    assert_eq!(begun, 1600);
}
