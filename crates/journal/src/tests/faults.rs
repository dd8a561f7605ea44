//! What the journal keeps when the disk misbehaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::{draft, options};
use crate::faulty::FaultyDisk;
use crate::segment::list_segments;
use crate::verify::verify_on;
use crate::*;

pub(super) const FOLDER: &str = "/journal";

/// Options on a faulty disk; ids and salts come from the seed too.
pub(super) fn options_on(disk: &FaultyDisk, seed: u64) -> Options {
    let mut state = seed;
    let draw = move |bytes: &mut [u8]| {
        for byte in bytes {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (state >> 56) as u8;
        }
    };
    let draw = Mutex::new(draw);
    Options {
        disk: Arc::new(disk.clone()),
        segment_bytes: 8192,
        random: Arc::new(move |bytes| draw.lock().unwrap()(bytes)),
        ..options()
    }
}

pub(super) fn read_all(disk: &FaultyDisk) -> Vec<Record> {
    let mut reader = Reader::open_on(Arc::new(disk.clone()), Path::new(FOLDER)).unwrap();
    reader.read(0).map(Result::unwrap).collect()
}

fn last_segment(disk: &FaultyDisk) -> PathBuf {
    let (_, name) = list_segments(disk, Path::new(FOLDER)).unwrap().pop().unwrap();
    Path::new(FOLDER).join(name)
}

/// A source of choices for a test.
pub(super) struct Choices(pub(super) u64);

impl Choices {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What a test knows about the records it offered: by payload, whether it was acknowledged, and its batch.
#[derive(Default)]
struct Known {
    acknowledged: BTreeMap<u64, Vec<u8>>,
    batches: Vec<Vec<Vec<u8>>>,
    erased: Vec<u64>,
    maybe_erased: Vec<u64>,
    checkpoint: Option<Checkpoint>,
}

fn some_batch(choices: &mut Choices, known: &mut Known) -> Vec<Draft> {
    let count = 1 + choices.below(4);
    let name = known.batches.len();
    let payload = |part: u64, size: u64| {
        let mut payload = format!("batch {name} part {part} ").into_bytes();
        payload.resize(20 + usize::try_from(size).unwrap(), part as u8);
        payload
    };
    let payloads: Vec<_> = (0..count).map(|part| payload(part, choices.below(1500))).collect();
    let drafts = payloads.iter().map(|payload| draft("work.done", payload)).collect();
    known.batches.push(payloads);
    drafts
}

/// Appends until the disk fails or enough is done.
fn work(appender: &Appender, choices: &mut Choices, known: &mut Known) -> Result<(), AppendError> {
    for _ in 0..20 {
        match choices.below(10) {
            0 => known.checkpoint = Some(appender.checkpoint()?),
            1 if !known.acknowledged.is_empty() => {
                let nth = usize::try_from(choices.below(known.acknowledged.len() as u64)).unwrap();
                let target = *known.acknowledged.keys().nth(nth).unwrap();
                known.maybe_erased.push(target);
                appender.erase(0, "tester", &[target], "asked for")?;
                known.erased.push(target);
            }
            _ => {
                let first_name = known.batches.len();
                let batches: Vec<_> = (0..1 + choices.below(3)).map(|_| some_batch(choices, known)).collect();
                for (number, answer) in appender.append_together(batches).into_iter().enumerate() {
                    let place = answer?;
                    let payloads = known.batches[first_name + number].clone();
                    known.acknowledged.extend((place.first..place.next).zip(payloads));
                }
            }
        }
    }
    Ok(())
}

fn check(disk: &FaultyDisk, known: &Known, seed: u64) {
    let records = read_all(disk);
    for (sequence, payload) in &known.acknowledged {
        let record = records.get(usize::try_from(*sequence).unwrap());
        let record = record.unwrap_or_else(|| panic!("seed {seed}: acknowledged record {sequence} is gone"));
        match &record.payload {
            Payload::Present(present) => {
                assert_eq!(present, payload, "seed {seed}, record {sequence}");
                assert!(!known.erased.contains(sequence), "seed {seed}: {sequence} was erased and is there");
            }
            Payload::Erased => {
                assert!(known.maybe_erased.contains(sequence), "seed {seed}: {sequence} is erased");
            }
        }
    }
    // Whatever else is there was offered, and each batch is whole.
    let mut rest = records.iter().filter(|record| !record.kind.starts_with("journal.")).peekable();
    while let Some(first) = rest.next() {
        let Payload::Present(payload) = &first.payload else { continue };
        let Some(batch) = known.batches.iter().find(|batch| batch[0] == *payload) else {
            assert!(
                known.batches.iter().flatten().any(|offered| offered == payload),
                "seed {seed}: never offered"
            );
            continue;
        };
        for part in &batch[1..] {
            let record = rest.next().unwrap_or_else(|| panic!("seed {seed}: half a batch"));
            assert!(
                record.payload == Payload::Erased || record.payload == Payload::Present(part.clone()),
                "seed {seed}"
            );
        }
    }
    let key = options().key.public();
    let verification = verify_on(disk, Path::new(FOLDER), &key, known.checkpoint.as_ref());
    assert!(verification.intact(), "seed {seed}: {:?}", verification.findings);
}

#[test]
fn in_a_campaign_of_power_cuts_acknowledged_records_survive_and_no_other_appears_half() {
    // `cargo xtask crash` asks for many more.
    let runs =
        std::env::var("BLACKSTART_CAMPAIGN_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(120_u64);
    let (mut cuts_recorded, mut survived_unacknowledged) = (0, 0);
    for seed in 1..=runs {
        let disk = FaultyDisk::new(seed);
        let mut choices = Choices(seed * 7919);
        let mut known = Known::default();
        for _ in 0..4 {
            disk.set_short_reads(choices.below(2) == 0);
            disk.lose_power_after(choices.below(120));
            // The power may go while the journal is opened and repaired, too.
            if let Ok(appender) =
                Appender::open(Path::new(FOLDER), options_on(&disk, choices.below(u64::MAX)))
            {
                let _ = work(&appender, &mut choices, &mut known);
            }
            disk.cut_power();
            let appender = Appender::open(Path::new(FOLDER), options_on(&disk, choices.below(u64::MAX)))
                .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            check(&disk, &known, seed);
            let records = read_all(&disk);
            cuts_recorded += records.iter().filter(|record| record.kind == KIND_TAIL_CUT).count();
            survived_unacknowledged +=
                usize::from(records.len() > known.acknowledged.len() + known.erased.len());
            drop(appender);
        }
    }
    // The test means something only if such things happened.
    let enough = runs / 4;
    assert!(cuts_recorded as u64 > enough, "{cuts_recorded} cuts");
    assert!(
        survived_unacknowledged as u64 > enough,
        "{survived_unacknowledged} times more than acknowledged survived"
    );
}

#[test]
fn after_a_failed_sync_nothing_more_is_accepted_and_nothing_acknowledged_is_lost() {
    for seed in 1..=200 {
        let disk = FaultyDisk::new(seed);
        let mut choices = Choices(seed);
        let mut known = Known::default();
        let appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed)).unwrap();
        disk.fail_sync_after(choices.below(12));
        let failed = loop {
            match work(&appender, &mut choices, &mut known) {
                Ok(()) => {}
                // It was the sync of a checkpoint: that one is made again, and stops nothing.
                Err(AppendError::Failed(why)) if why.contains("checkpoint") => {
                    disk.fail_sync_after(choices.below(12));
                }
                Err(error) => break error,
            }
        };
        assert!(matches!(failed, AppendError::Stopped { .. }), "{failed}");
        let again = appender.append(vec![draft("late", b"")], Expect::Anything);
        assert!(matches!(again, Err(AppendError::Stopped { .. })), "{again:?}");
        drop(appender);
        // The process starts again first, believes what the disk shows, and must make it true.
        let appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed + 1)).unwrap();
        let place = appender.append(vec![draft("after", b"new")], Expect::Anything).unwrap();
        known.acknowledged.insert(place.first, b"new".to_vec());
        known.batches.push(vec![b"new".to_vec()]);
        let shown = read_all(&disk);
        disk.cut_power();
        let _appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed + 2)).unwrap();
        check(&disk, &known, seed);
        assert_eq!(
            read_all(&disk)[..shown.len()],
            shown,
            "seed {seed}: what was shown after the restart is kept"
        );
    }
}

#[test]
fn a_full_disk_refuses_and_accepts_again_when_there_is_room() {
    for seed in 1..=60 {
        let disk = FaultyDisk::new(seed);
        let mut choices = Choices(seed);
        let mut known = Known::default();
        let appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed)).unwrap();
        disk.set_capacity(Some(24_000));
        let refused = loop {
            if let Err(error) = work(&appender, &mut choices, &mut known) {
                break error;
            }
        };
        assert_eq!(refused, AppendError::DiskFull);
        let length = read_all(&disk).len();
        assert_eq!(
            appender.append(vec![draft("big", &[0; 9000])], Expect::Anything),
            Err(AppendError::DiskFull)
        );
        assert_eq!(read_all(&disk).len(), length, "a refused record appeared");
        disk.set_capacity(None);
        work(&appender, &mut choices, &mut known).unwrap();
        drop(appender);
        disk.cut_power();
        let _appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed + 1)).unwrap();
        check(&disk, &known, seed);
    }
}

#[test]
fn a_write_that_finds_no_room_half_way_leaves_nothing_behind() {
    for seed in 1..=100 {
        let disk = FaultyDisk::new(seed);
        let mut choices = Choices(seed);
        let mut known = Known::default();
        let appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed)).unwrap();
        work(&appender, &mut choices, &mut known).unwrap();
        disk.fill_during_writes(1 + choices.below(3));
        let mut refused = 0;
        for _ in 0..8 {
            match work(&appender, &mut choices, &mut known) {
                Ok(()) => {}
                Err(AppendError::DiskFull) => refused += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
            if choices.below(4) == 0 {
                break;
            }
        }
        assert!(refused > 0);
        if choices.below(2) == 0 {
            drop(appender);
        } else {
            std::mem::forget(appender);
        }
        disk.cut_power();
        let _appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed + 1))
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        check(&disk, &known, seed);
    }
}

#[test]
fn room_is_reserved_in_steps_in_every_segment() {
    const MIB: usize = 1024 * 1024;
    let disk = FaultyDisk::new(1);
    let options = Options { segment_bytes: 9 * MIB as u64, ..options_on(&disk, 1) };
    let appender = Appender::open(Path::new(FOLDER), options).unwrap();
    let mut lengths = Vec::new();
    let payload = vec![1; MIB];
    for _ in 0..20 {
        appender.append(vec![draft("a", &payload)], Expect::Anything).unwrap();
        lengths.push(disk.content(&last_segment(&disk)).len() / MIB);
    }
    assert_eq!(lengths, [4, 4, 4, 8, 8, 8, 8, 9, 4, 4, 4, 8, 8, 8, 8, 9, 4, 4, 4, 8]);
    // What is larger than a segment gets one of its own.
    appender.append(vec![draft("a", &vec![1; 12 * MIB])], Expect::Anything).unwrap();
    assert!(disk.content(&last_segment(&disk)).len() > 12 * MIB);
    appender.append(vec![draft("a", &payload)], Expect::Anything).unwrap();
    assert_eq!(disk.content(&last_segment(&disk)).len(), 4 * MIB);
    assert_eq!(read_all(&disk).len(), 22);
}

#[test]
fn remains_of_a_write_without_room_do_not_look_like_damage_in_a_finished_segment() {
    for seed in 1..=200 {
        let disk = FaultyDisk::new(seed);
        let options = Options { segment_bytes: 4096, ..options_on(&disk, seed) };
        let appender = Appender::open(Path::new(FOLDER), options.clone()).unwrap();
        appender.append(vec![draft("a", &[1; 200])], Expect::Anything).unwrap();
        disk.fill_during_writes(1);
        assert_eq!(
            appender.append(vec![draft("b", &[2; 3000])], Expect::Anything),
            Err(AppendError::DiskFull)
        );
        // This one no longer fits into the segment and begins another.
        appender.append(vec![draft("c", &[3; 3800])], Expect::Anything).unwrap();
        std::mem::forget(appender);
        disk.cut_power();
        Appender::open(Path::new(FOLDER), options).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        let kinds: Vec<String> = read_all(&disk).into_iter().map(|record| record.kind).collect();
        assert_eq!(kinds, ["a", "c"], "seed {seed}");
    }
}

#[test]
fn an_interrupted_erasure_is_finished_when_the_journal_is_opened() {
    let secret = b"insured person 4711".repeat(60);
    let mut unfinished = 0;
    for seed in 1..=200_u64 {
        let disk = FaultyDisk::new(seed);
        let appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed)).unwrap();
        appender.append(vec![draft("a", b"x"), draft("b", &secret)], Expect::Anything).unwrap();
        let checkpoint = appender.checkpoint().unwrap();
        disk.lose_power_after(seed % 8);
        let erased = appender.erase(0, "officer", &[1], "asked for");
        drop(appender);
        disk.cut_power();
        let left = |disk: &FaultyDisk| {
            disk.names()
                .iter()
                .any(|path| disk.content(path).windows(19).any(|window| *window == secret[..19]))
        };
        assert!(erased.is_err() || !left(&disk), "seed {seed}: acknowledged and not erased");
        let left_before = left(&disk);
        drop(Appender::open(Path::new(FOLDER), options_on(&disk, seed + 1)).unwrap());
        let records = read_all(&disk);
        let decided = records.iter().any(|record| record.kind == KIND_ERASED);
        assert_eq!(records[1].payload == Payload::Erased, decided, "seed {seed}");
        assert_eq!(left(&disk), !decided, "seed {seed}");
        unfinished += usize::from(left_before && decided);
        let verification = verify_on(&disk, Path::new(FOLDER), &options().key.public(), Some(&checkpoint));
        assert!(verification.findings.is_empty(), "seed {seed}: {:?}", verification.findings);
    }
    assert!(unfinished > 10, "{unfinished}");
}

/// A closed journal on a disk, with some records in several segments.
pub(super) fn closed_journal(seed: u64) -> (FaultyDisk, Vec<Record>, Checkpoint) {
    let disk = FaultyDisk::new(seed);
    let mut choices = Choices(seed);
    let mut known = Known::default();
    let appender = Appender::open(Path::new(FOLDER), options_on(&disk, seed)).unwrap();
    work(&appender, &mut choices, &mut known).unwrap();
    work(&appender, &mut choices, &mut known).unwrap();
    let checkpoint = appender.checkpoint().unwrap();
    appender.close();
    let records = read_all(&disk);
    (disk, records, checkpoint)
}

/// Leaves of all that was signed and published only the first checkpoint, over no records.
pub(super) fn keep_only_the_first_checkpoint(disk: &FaultyDisk) {
    for name in ["checkpoint", "checkpoints", "durable", "leaves"] {
        disk.take_away(&Path::new(FOLDER).join(name));
    }
    let Options { key, origin, .. } = options();
    let nothing = crate::tree::Tree::default().root();
    let first = Checkpoint::sign(&origin, 0, nothing, &key);
    disk.put(&Path::new(FOLDER).join("checkpoint"), first.text.as_bytes());
}

#[test]
fn any_prefix_of_a_journal_with_only_its_first_checkpoint_is_a_valid_journal() {
    let (whole, records, _) = closed_journal(3);
    let last = last_segment(&whole);
    let content = whole.content(&last);
    for end in (0..content.len()).step_by(17) {
        let disk = whole.copy();
        keep_only_the_first_checkpoint(&disk);
        disk.put(&last, &content[..end]);
        let appender = Appender::open(Path::new(FOLDER), options_on(&disk, 5)).unwrap();
        let left: Vec<_> =
            read_all(&disk).into_iter().filter(|record| record.kind != KIND_TAIL_CUT).collect();
        let same = |(left, right): (&Record, &Record)| left.digest == right.digest && left.kind == right.kind;
        assert!(left.len() <= records.len() && left.iter().zip(&records).all(same), "cut at byte {end}");
        appender.append(vec![draft("more", b"")], Expect::Anything).unwrap();
        drop(appender);
        assert!(
            verify_on(&disk, Path::new(FOLDER), &options().key.public(), None).intact(),
            "cut at byte {end}"
        );
    }
}

#[test]
fn a_cut_tail_is_recorded_and_only_once() {
    let disk = FaultyDisk::new(9);
    let appender = Appender::open(Path::new(FOLDER), options_on(&disk, 9)).unwrap();
    appender.append(vec![draft("a", b"kept")], Expect::Anything).unwrap();
    drop(appender);
    let path = last_segment(&disk);
    let mut content = disk.content(&path);
    content.extend_from_slice(b"BSr1 the beginning of a record that was never finished");
    disk.put(&path, &content);
    for _ in 0..3 {
        drop(Appender::open(Path::new(FOLDER), options_on(&disk, 10)).unwrap());
    }
    let records = read_all(&disk);
    assert_eq!(records.iter().map(|record| record.kind.as_str()).collect::<Vec<_>>(), ["a", KIND_TAIL_CUT]);
    let Payload::Present(payload) = &records[1].payload else { panic!() };
    assert!(
        String::from_utf8_lossy(payload).contains("\"bytes\":54"),
        "{}",
        String::from_utf8_lossy(payload)
    );
}

#[test]
fn damage_below_a_later_acknowledged_write_is_never_cut() {
    // No checkpoint and no published length protect these records: the next write alone proves them.
    let (whole, records, _) = closed_journal(4);
    keep_only_the_first_checkpoint(&whole);
    let segments = list_segments(&whole, Path::new(FOLDER)).unwrap();
    let path = Path::new(FOLDER).join(&segments[0].1);
    let disk = whole.copy();
    disk.flip_bit(&path, 64 * 8 + 300);
    let before = disk.content(&path);
    let error = Appender::open(Path::new(FOLDER), options_on(&disk, 5)).unwrap_err();
    let OpenError::Damaged { place, .. } = &error else { panic!("{error}") };
    assert_eq!((place.sequence, place.offset), (0, 64));
    assert_eq!(disk.content(&path), before, "nothing was changed");
    assert!(records.len() > 10);
}

#[test]
fn damage_to_the_last_acknowledged_record_is_not_taken_for_an_interrupted_write() {
    let disk = FaultyDisk::new(1);
    let appender = Appender::open(Path::new(FOLDER), options_on(&disk, 1)).unwrap();
    appender.append(vec![draft("a", b"x"), draft("b", b"the last one")], Expect::Anything).unwrap();
    // Killed: no checkpoint covers the record, only the published length says that it was acknowledged.
    std::mem::forget(appender);
    let path = last_segment(&disk);
    let at = disk.content(&path).windows(12).position(|window| window == b"the last one").unwrap();
    disk.flip_bit(&path, at * 8);
    let error = Appender::open(Path::new(FOLDER), options_on(&disk, 2)).unwrap_err();
    assert!(matches!(&error, OpenError::Damaged { place, .. } if place.sequence == 1), "{error}");
    let verification = verify_on(&disk, Path::new(FOLDER), &options().key.public(), None);
    assert!(!verification.intact());
    assert_eq!(verification.findings[0].place.sequence, 1);
}

#[test]
fn random_bytes_never_make_anything_panic() {
    let (good, ..) = closed_journal(6);
    for seed in 1..=500 {
        let mut choices = Choices(seed * 31);
        let disk = good.copy();
        for path in disk.names() {
            let mut content = disk.content(&path);
            match choices.below(4) {
                0 => continue,
                1 => content = (0..choices.below(3000)).map(|_| choices.below(256) as u8).collect(),
                2 => content.truncate(usize::try_from(choices.below(1 + content.len() as u64)).unwrap()),
                _ => {
                    for _ in 0..choices.below(8) {
                        if !content.is_empty() {
                            let at = usize::try_from(choices.below(content.len() as u64)).unwrap();
                            content[at] = choices.below(256) as u8;
                        }
                    }
                }
            }
            disk.put(&path, &content);
        }
        let folder = Path::new(FOLDER);
        let _ = verify_on(&disk, folder, &options().key.public(), None);
        if let Ok(mut reader) = Reader::open_on(Arc::new(disk.clone()), folder) {
            let _ = reader.read(choices.below(50)).count();
        }
        if let Ok(appender) = Appender::open(folder, options_on(&disk, seed)) {
            appender.append(vec![draft("more", b"")], Expect::Anything).unwrap();
        }
    }
}

#[test]
fn a_checkpoint_that_fails_is_made_again_and_stops_nothing() {
    let key = options().key.public();
    let whole = |disk: &FaultyDisk, checkpoint: &Checkpoint| {
        let verification = verify_on(disk, Path::new(FOLDER), &key, Some(checkpoint));
        let damage = verification.findings.iter().find(|finding| finding.grade == Grade::Damage);
        assert!(damage.is_none(), "{damage:?}");
    };
    // Every sync that a checkpoint needs fails once, and once no file can be opened for it.
    for failing in (0..8).map(Some).chain([None]) {
        let disk = FaultyDisk::new(7);
        let appender =
            Appender::open(Path::new(FOLDER), Options { checkpoint_every: None, ..options_on(&disk, 7) })
                .unwrap();
        let before = appender.append(vec![draft("work.done", b"before")], Expect::Anything).unwrap();
        match failing {
            Some(good) => disk.fail_sync_after(good),
            None => disk.set_no_more_files(true),
        }
        match appender.checkpoint() {
            Err(AppendError::Failed(why)) => assert!(why.contains("checkpoint"), "{why}"),
            // So many syncs it does not need.
            Ok(_) => assert!(failing.is_some_and(|good| good > 0), "{failing:?}"),
            Err(other) => panic!("{failing:?}: {other}"),
        }
        if failing.is_none() {
            appender.append(vec![draft("work.done", b"meanwhile")], Expect::Anything).unwrap();
        }
        disk.set_no_more_files(false);
        disk.fail_sync_after(u64::MAX);
        let after = appender.append(vec![draft("work.done", b"after")], Expect::Anything).unwrap();
        let checkpoint = appender.checkpoint().unwrap();
        assert!(before.first < after.first && checkpoint.size == after.next, "{failing:?}");
        std::mem::forget(appender);
        disk.cut_power();
        whole(&disk, &checkpoint);
        drop(Appender::open(Path::new(FOLDER), options_on(&disk, 8)).unwrap());
        whole(&disk, &checkpoint);
    }
}
