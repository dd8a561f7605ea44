//! What the verifier finds, and where.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::faults::{Choices, FOLDER, closed_journal, options_on, read_all};
use super::{draft, options};
use crate::faulty::FaultyDisk;
use crate::record::{Frame, SALT_BYTES, digest, encode};
use crate::segment::{WalkItem, list_segments, parse_segment_header, walk};
use crate::verify::verify_on;
use crate::*;

/// Every record of a journal with its frame and bytes, by segment.
fn frames(disk: &FaultyDisk) -> Vec<(Place, Frame, Vec<u8>)> {
    let mut found = Vec::new();
    walk(disk, Path::new(FOLDER), &mut |seen| {
        if let WalkItem::Record { place, frame, bytes } = seen {
            found.push((place, frame, bytes.to_vec()));
        }
    })
    .unwrap();
    found
}

fn check(disk: &FaultyDisk, remembered: Option<&Checkpoint>) -> Verification {
    verify_on(disk, Path::new(FOLDER), &options().key.public(), remembered)
}

fn damages(verification: &Verification) -> Vec<&Finding> {
    verification.findings.iter().filter(|finding| finding.grade == Grade::Damage).collect()
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

/// Puts these frames in place of those in the segment that the first of them came from.
fn rewrite(disk: &FaultyDisk, segment: &str, frames: &[Vec<u8>]) {
    let header = disk.content(&path(segment))[..64].to_vec();
    disk.put(&path(segment), &[header, frames.concat()].concat());
}

/// The frames of the second segment, which has records before and behind it.
fn middle(disk: &FaultyDisk) -> (String, u64, Vec<Vec<u8>>) {
    let (first, name) = list_segments(disk, Path::new(FOLDER)).unwrap()[1].clone();
    let inside = frames(disk).into_iter().filter(|(place, ..)| place.file == name);
    let frames: Vec<_> = inside.map(|(.., bytes)| bytes).collect();
    assert!(frames.len() > 4);
    (name, first, frames)
}

/// The frame again with another payload, and everything made to agree with it, as somebody without the key can.
fn forge(disk: &FaultyDisk, frame: &Frame, payload: &[u8]) -> (Vec<u8>, Hash) {
    let (first, name) = list_segments(disk, Path::new(FOLDER)).unwrap()[0].clone();
    let journal = parse_segment_header(&disk.content(&path(&name)), first).unwrap();
    let mut header = frame.header.clone();
    header.payload_length = u32::try_from(payload.len()).unwrap();
    let salt = [7; SALT_BYTES];
    let mut bytes = Vec::new();
    let leaf = encode(&mut bytes, &journal, &header, &digest(&salt, payload), &salt, payload);
    (bytes, leaf)
}

#[test]
fn an_untouched_journal_has_no_findings() {
    for seed in 1..20 {
        let (disk, records, checkpoint) = closed_journal(seed);
        let verification = check(&disk, Some(&checkpoint));
        assert!(verification.findings.is_empty(), "{:?}", verification.findings);
        assert_eq!(
            (verification.records, verification.covered),
            (records.len() as u64, records.len() as u64)
        );
        let erased = records.iter().filter(|record| record.payload == Payload::Erased).count() as u64;
        assert_eq!(verification.erased, erased);
    }
}

#[test]
fn any_flipped_bit_is_located_at_its_record_and_never_cut() {
    let (good, ..) = closed_journal(2);
    let frames = frames(&good);
    let segments = list_segments(&good, Path::new(FOLDER)).unwrap();
    assert!(segments.len() > 2);
    let mut choices = Choices(99);
    for round in 0..300 {
        let (first, name) = &segments[usize::try_from(choices.below(segments.len() as u64)).unwrap()];
        let length = good.content(&path(name)).len() as u64;
        // Headers are a small part; look there often enough.
        let bit = choices.below(if round % 10 == 0 { 64 * 8 } else { length * 8 });
        let record = frames.iter().find(|(place, _, bytes)| {
            place.file == *name && (place.offset..place.offset + bytes.len() as u64).contains(&(bit / 8))
        });
        let (sequence, offset) = record.map_or((*first, 0), |(place, ..)| (place.sequence, place.offset));
        let disk = good.copy();
        disk.flip_bit(&path(name), usize::try_from(bit).unwrap());

        let verification = check(&disk, None);
        let zeros =
            record.filter(|(place, frame, _)| frame.erased && bit / 8 >= place.offset + frame.body_at as u64);
        if zeros.is_some() {
            // Nothing is lost where a payload was erased: said as a note, and put right when the journal is opened.
            let place = Place { file: name.clone(), offset, sequence };
            let problem = Problem::ErasureUnfinished;
            assert_eq!(verification.findings, [Finding { grade: Grade::Note, place, problem }]);
            drop(Appender::open(Path::new(FOLDER), options_on(&disk, 1)).unwrap());
            assert!(check(&disk, None).findings.is_empty());
            continue;
        }
        // If it was a decision to erase that was damaged, what it erased is now erased by nobody.
        let consequence = Problem::Damaged(Damage::ErasedUndecided);
        let found: Vec<_> =
            damages(&verification).into_iter().filter(|one| one.problem != consequence).collect();
        assert!(!found.is_empty(), "bit {bit} of {name}");
        let there = |finding: &&Finding| finding.place == Place { file: name.clone(), offset, sequence };
        assert!(found.iter().any(there), "bit {bit} of {name}: {found:?}");
        assert_eq!(found.len(), 1, "bit {bit} of {name}: {found:?}");

        let before = disk.content(&path(name));
        match Appender::open(Path::new(FOLDER), options_on(&disk, 1)) {
            Err(OpenError::Damaged { place, .. }) => {
                assert_eq!((place.sequence, place.offset), (sequence, offset));
            }
            other => panic!("bit {bit} of {name}: {:?}", other.map(|_| "opened")),
        }
        assert_eq!(disk.content(&path(name)), before);
        if record.is_some() {
            let mut reader = Reader::open_on(Arc::new(disk), Path::new(FOLDER)).unwrap();
            let error = reader.read(sequence).next().unwrap().unwrap_err();
            assert!(
                matches!(&error, ReadError::Damaged { place, .. } if place.sequence == sequence),
                "{error}"
            );
        }
    }
}

#[test]
fn what_is_left_of_a_damaged_journal_is_read_and_every_gap_is_named() {
    let (good, records, _) = closed_journal(2);
    let salvage = |disk: &FaultyDisk| {
        let (mut found, mut lost) = (Vec::new(), Vec::new());
        let visit = &mut |salvaged| match salvaged {
            Salvaged::Record(record) => found.push(record),
            Salvaged::Lost { records, .. } => lost.push((records.start, records.end)),
        };
        crate::salvage::salvage_on(disk, Path::new(FOLDER), records.len() as u64, visit).unwrap();
        (found, lost)
    };
    assert_eq!(salvage(&good), (records.clone(), Vec::new()));
    let (name, first, frames) = middle(&good);
    let end = first + frames.len() as u64;
    let but = |from: u64, until: u64| {
        records.iter().filter(|one| !(from..until).contains(&one.sequence)).cloned().collect::<Vec<_>>()
    };
    let disk = good.copy();
    rewrite(&disk, &name, &[&frames[..2], &frames[3..]].concat());
    assert_eq!(salvage(&disk), (but(first + 2, first + 3), vec![(first + 2, first + 3)]));
    let disk = good.copy();
    disk.flip_bit(&path(&name), (64 + 20) * 8);
    assert_eq!(salvage(&disk), (but(first, first + 1), vec![(first, first + 1)]));
    let disk = good.copy();
    disk.take_away(&path(&name));
    assert_eq!(salvage(&disk), (but(first, end), vec![(first, end)]));
    let (last, name) = list_segments(&good, Path::new(FOLDER)).unwrap().pop().unwrap();
    good.take_away(&path(&name));
    assert_eq!(salvage(&good), (but(last, u64::MAX), vec![(last, records.len() as u64)]));
}

#[test]
fn a_removed_record_is_found_where_it_was() {
    let (disk, ..) = closed_journal(2);
    let (name, first, mut frames) = middle(&disk);
    frames.remove(2);
    rewrite(&disk, &name, &frames);
    let verification = check(&disk, None);
    let found = damages(&verification);
    assert_eq!(found[0].place.sequence, first + 2, "{found:?}");
    assert_eq!(found[0].problem, Problem::Damaged(Damage::OutOfOrder { found: first + 3 }));
}

#[test]
fn exchanged_and_doubled_records_are_found() {
    let (good, ..) = closed_journal(2);
    let (name, first, frames) = middle(&good);

    let disk = good.copy();
    let mut exchanged = frames.clone();
    exchanged.swap(1, 2);
    rewrite(&disk, &name, &exchanged);
    let verification = check(&disk, None);
    assert_eq!(damages(&verification)[0].place.sequence, first + 1);
    assert_eq!(damages(&verification)[0].problem, Problem::Damaged(Damage::OutOfOrder { found: first + 2 }));

    let disk = good.copy();
    let mut doubled = frames;
    doubled.insert(2, doubled[1].clone());
    rewrite(&disk, &name, &doubled);
    let verification = check(&disk, None);
    assert_eq!(damages(&verification)[0].place.sequence, first + 2);
    assert_eq!(damages(&verification)[0].problem, Problem::Damaged(Damage::OutOfOrder { found: first + 1 }));
}

#[test]
fn a_removed_segment_is_found() {
    let (disk, ..) = closed_journal(2);
    let (name, first, frames) = middle(&disk);
    disk.take_away(&path(&name));
    let verification = check(&disk, None);
    let found = damages(&verification);
    assert_eq!(found[0].place.sequence, first);
    assert_eq!(found[0].problem, Problem::Damaged(Damage::Missing { before: first + frames.len() as u64 }));
}

#[test]
fn a_record_changed_with_care_is_located() {
    let (disk, ..) = closed_journal(2);
    let (name, first, mut inside) = middle(&disk);
    let (_, frame, _) = frames(&disk).into_iter().find(|(place, ..)| place.sequence == first + 1).unwrap();
    let (forged, leaf) = forge(&disk, &frame, b"nothing happened");
    inside[1] = forged;
    rewrite(&disk, &name, &inside);
    let verification = check(&disk, None);
    let found = damages(&verification);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].place.sequence, first + 1);
    assert_eq!(found[0].problem, Problem::Changed("checkpoint"));
    assert!(matches!(
        Appender::open(Path::new(FOLDER), options_on(&disk, 1)),
        Err(OpenError::NotTheSigned { .. })
    ));

    // Who also changes the aid for locating is still found, between two signed checkpoints.
    let mut leaves = disk.content(&path("leaves"));
    let at = usize::try_from(first + 1).unwrap() * 32;
    leaves[at..at + 32].copy_from_slice(&leaf);
    disk.put(&path("leaves"), &leaves);
    let verification = check(&disk, None);
    let found = damages(&verification);
    assert_eq!(found.len(), 1, "{found:?}");
    let Problem::ChangedBetween { from, until, .. } = found[0].problem else { panic!("{found:?}") };
    assert!((from..until).contains(&(first + 1)));
}

#[test]
fn older_checkpoints_bracket_a_change_when_everything_else_was_made_to_agree() {
    let disk = FaultyDisk::new(1);
    for _ in 0..6 {
        let appender = Appender::open(Path::new(FOLDER), options_on(&disk, 5)).unwrap();
        for _ in 0..5 {
            appender.append(vec![draft("n", b"payload")], Expect::Anything).unwrap();
        }
    }
    let all = frames(&disk);
    let (place, frame, _) = all[17].clone();
    let (forged, _) = forge(&disk, &frame, b"payload");
    let inside: Vec<_> = all.iter().filter(|(other, ..)| other.file == place.file).collect();
    let frames: Vec<_> = inside
        .iter()
        .map(|(other, _, bytes)| if other.sequence == 17 { forged.clone() } else { bytes.clone() })
        .collect();
    rewrite(&disk, &place.file, &frames);
    disk.take_away(&path("leaves"));
    let verification = check(&disk, None);
    let found = damages(&verification);
    assert_eq!(
        found[0].problem,
        Problem::ChangedBetween { by: "checkpoint", from: 15, until: 20 },
        "{found:?}"
    );
}

#[test]
fn a_journal_cut_back_with_its_own_checkpoint_is_found_by_who_remembers_one() {
    let disk = FaultyDisk::new(1);
    let appender = Appender::open(Path::new(FOLDER), options_on(&disk, 5)).unwrap();
    appender.append(vec![draft("a", b"early")], Expect::Anything).unwrap();
    appender.close();
    let early = disk.copy();
    let appender = Appender::open(Path::new(FOLDER), options_on(&disk, 6)).unwrap();
    appender.append(vec![draft("b", b"late")], Expect::Anything).unwrap();
    let remembered = appender.checkpoint().unwrap();
    appender.close();

    assert!(check(&early, None).findings.is_empty(), "by itself the short journal is whole");
    let verification = check(&early, Some(&remembered));
    assert_eq!(damages(&verification).len(), 1);
    assert_eq!(damages(&verification)[0].problem, Problem::CutOff { by: "remembered checkpoint", size: 2 });
    assert_eq!(damages(&verification)[0].place.sequence, 1);

    // Going on from there does not hide it: the second record is another one.
    let appender = Appender::open(Path::new(FOLDER), options_on(&early, 7)).unwrap();
    appender.append(vec![draft("b", b"another story")], Expect::Anything).unwrap();
    appender.close();
    assert!(check(&early, None).intact());
    assert!(!check(&early, Some(&remembered)).intact());
}

#[test]
fn a_cut_off_end_is_found_by_the_own_checkpoint() {
    let (disk, records, _) = closed_journal(2);
    let (_, name) = list_segments(&disk, Path::new(FOLDER)).unwrap().pop().unwrap();
    disk.take_away(&path(&name));
    let verification = check(&disk, None);
    assert_eq!(
        damages(&verification)[0].problem,
        Problem::CutOff { by: "checkpoint", size: records.len() as u64 }
    );
    assert!(matches!(Appender::open(Path::new(FOLDER), options_on(&disk, 1)), Err(OpenError::CutOff { .. })));
}

#[test]
fn a_checkpoint_by_another_key_is_not_believed() {
    let (disk, records, _) = closed_journal(2);
    let other = SecretKey::from_seed("test.example/journal", &[2; 32]).unwrap();
    let forged = Checkpoint::sign("test.example/journal", records.len() as u64, [0; 32], &other);
    disk.put(&path("checkpoint"), forged.text.as_bytes());
    assert!(matches!(damages(&check(&disk, None))[0].problem, Problem::Checkpoint { .. }));
    assert!(matches!(
        Appender::open(Path::new(FOLDER), options_on(&disk, 1)),
        Err(OpenError::Checkpoint { .. })
    ));
    disk.take_away(&path("checkpoint"));
    assert_eq!(damages(&check(&disk, None))[0].problem, Problem::NoCheckpoint);
}

#[test]
fn an_erased_payload_is_gone_from_the_disk_and_everything_still_verifies() {
    let disk = FaultyDisk::new(1);
    let appender = Appender::open(Path::new(FOLDER), options_on(&disk, 5)).unwrap();
    let secret = b"insured person 4711 is ill";
    appender
        .append(vec![draft("a", b"before"), draft("b", secret), draft("c", b"after")], Expect::Anything)
        .unwrap();
    let remembered = appender.checkpoint().unwrap();
    let digest = read_all(&disk)[1].digest;
    appender.erase(0, "officer", &[1], "asked for by the person").unwrap();
    let there = |disk: &FaultyDisk| {
        disk.names()
            .iter()
            .any(|path| disk.content(path).windows(secret.len()).any(|window| window == secret))
    };
    assert!(!there(&disk));
    appender.close();
    let records = read_all(&disk);
    assert_eq!((&records[1].payload, records[1].digest), (&Payload::Erased, digest));
    let verification = check(&disk, Some(&remembered));
    assert!(verification.findings.is_empty(), "{:?}", verification.findings);
    assert_eq!(verification.erased, 1);
    let refused =
        Appender::open(Path::new(FOLDER), options_on(&disk, 6)).unwrap().erase(0, "x", &[3], "the decision");
    assert!(matches!(refused, Err(AppendError::Invalid(_))), "{refused:?}");
}

#[test]
fn an_erasure_that_nobody_decided_is_found() {
    let (disk, ..) = closed_journal(2);
    let (name, first, mut inside) = middle(&disk);
    let (_, frame, _) = frames(&disk).into_iter().find(|(place, ..)| place.sequence == first + 1).unwrap();
    inside[1][..4].copy_from_slice(b"BSe1");
    inside[1][frame.body_at..].fill(0);
    rewrite(&disk, &name, &inside);
    let verification = check(&disk, None);
    assert_eq!(damages(&verification)[0].problem, Problem::Damaged(Damage::ErasedUndecided));
    assert_eq!(damages(&verification)[0].place.sequence, first + 1);
}

#[test]
fn a_damaged_aid_for_locating_is_a_note_and_made_again() {
    let (disk, ..) = closed_journal(2);
    disk.flip_bit(&path("leaves"), 77);
    let verification = check(&disk, None);
    assert!(verification.intact());
    assert_eq!(verification.findings[0].problem, Problem::Leaves);
    drop(Appender::open(Path::new(FOLDER), options_on(&disk, 1)).unwrap());
    assert!(check(&disk, None).findings.is_empty());
}

#[test]
fn a_folder_without_journal_is_said_to_be_one() {
    let disk = FaultyDisk::new(1);
    assert!(check(&disk, None).findings.iter().any(|finding| finding.problem == Problem::NoJournal));
    assert!(matches!(Reader::open_on(Arc::new(disk), Path::new(FOLDER)), Err(ReadError::NoJournal { .. })));
    let nowhere = verify(Path::new("/no/such/folder"), &options().key.public(), None);
    assert!(nowhere.findings.iter().any(|finding| finding.problem == Problem::NoJournal));
}
