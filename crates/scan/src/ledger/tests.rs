//! What the ledger keeps, and what it does not believe.

use super::*;

fn identity(repository: &str) -> Identity {
    Identity::new(repository, "1", "", b"master key")
}

fn found(number: u8, verdict: Verdict) -> (Key, Judgement) {
    let reasons = vec![format!("reason {number}"), "märz".to_owned()];
    let facts = Facts {
        kind: "ZIP or Office document".to_owned(),
        state: State::Broken,
        length: u64::MAX,
        windows: 300,
        even: 127,
        run: 128,
        entropy: 799,
        zeros: 0,
    };
    (Key::of([&[number][..]]), Judgement { verdict, reasons, facts })
}

/// A ledger with a few verdicts in it; its file.
fn filled(folder: &Path) -> PathBuf {
    let (mut ledger, note) = Ledger::open(folder, identity("abcd")).unwrap();
    assert_eq!(note, None);
    for number in 0..9 {
        let (key, judgement) = found(number, Verdict::Encrypted);
        ledger.put(key, &judgement);
    }
    ledger.flush();
    fs::read_dir(folder).unwrap().next().unwrap().unwrap().path()
}

#[test]
fn what_was_kept_is_there_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let (mut ledger, note) = Ledger::open(folder.path(), identity("abcd")).unwrap();
    assert_eq!((note, ledger.found()), (None, 9));
    let (key, judgement) = found(3, Verdict::Encrypted);
    assert_eq!(ledger.get(&key), Some(judgement));
    // Before it is written, too, and in a scan that keeps nothing.
    for ledger in [&mut ledger, &mut Ledger::in_memory()] {
        let (key, judgement) = found(99, Verdict::Damaged);
        assert_eq!(ledger.get(&key), None);
        ledger.put(key, &judgement);
        assert_eq!((ledger.get(&key), ledger.verdict(&key)), (Some(judgement), Some(Verdict::Damaged)));
        // However often it is packed, the last word counts.
        for (verdict, pack) in
            [(Verdict::Suspicious, true), (Verdict::Encrypted, false), (Verdict::Damaged, true)]
        {
            let (_, judgement) = found(98, verdict);
            ledger.put(key, &judgement);
            if pack {
                ledger.pack();
            }
            assert_eq!((ledger.get(&key), ledger.verdict(&key)), (Some(judgement), Some(verdict)));
        }
    }
}

#[test]
fn a_torn_end_costs_the_last_verdict_and_a_flipped_bit_those_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let whole = fs::read(&path).unwrap();
    let record = (whole.len() - HEAD_BYTES) / 9;
    for cut in 1..record {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let (mut ledger, note) = Ledger::open(folder.path(), identity("abcd")).unwrap();
        assert_eq!(ledger.found(), 8);
        assert!(note.unwrap().contains("cut off"));
        // What is written now stands behind what counts.
        let (key, judgement) = found(50, Verdict::Suspicious);
        ledger.put(key, &judgement);
        ledger.flush();
        drop(ledger);
        let (ledger, note) = Ledger::open(folder.path(), identity("abcd")).unwrap();
        assert_eq!((ledger.found(), note, ledger.get(&key)), (9, None, Some(judgement)));
    }
    for at in HEAD_BYTES..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 4;
        fs::write(&path, &flipped).unwrap();
        let (ledger, _) = Ledger::open(folder.path(), identity("abcd")).unwrap();
        assert_eq!(ledger.found(), (at - HEAD_BYTES) / record, "a bit at byte {at}");
    }
}

#[test]
fn a_damaged_head_another_repository_or_another_key_discard_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let whole = fs::read(&path).unwrap();
    let strangers = [
        identity("abce"),
        Identity::new("abcd", "2", "", b"master key"),
        Identity::new("abcd", "1", "", b"x"),
    ];
    for stranger in strangers {
        let at = folder.path().join(&stranger.name);
        fs::write(&at, &whole).unwrap();
        let (ledger, note) = Ledger::open(folder.path(), stranger).unwrap();
        assert_eq!(ledger.found(), 0);
        assert!(note.unwrap().contains("discarded"));
    }
    for at in 0..HEAD_BYTES {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        fs::write(&path, &flipped).unwrap();
        assert_eq!(Ledger::open(folder.path(), identity("abcd")).unwrap().0.found(), 0);
    }
    for length in 0..HEAD_BYTES {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(Ledger::open(folder.path(), identity("abcd")).unwrap().0.found(), 0);
    }
}

#[test]
fn two_scans_at_once_do_not_tear_each_others_records() {
    let folder = tempfile::tempdir().unwrap();
    let (_first, _) = Ledger::open(folder.path(), identity("abcd")).unwrap();
    let (second, note) = Ledger::open(folder.path(), identity("abcd")).unwrap();
    assert!(note.unwrap().contains("another scan") && matches!(second.keep, Keep::Memory(_)));
}

#[test]
fn a_reason_without_end_is_cut_between_two_letters() {
    let mut ledger = Ledger::in_memory();
    let (key, mut judgement) = found(1, Verdict::Damaged);
    judgement.reasons = vec!["ä".repeat(10_000), "more".to_owned()];
    ledger.put(key, &judgement);
    let kept = ledger.get(&key).unwrap();
    assert!(kept.reasons[0].len() > 3000 && kept.reasons[0].chars().all(|letter| letter == 'ä'));
}

#[test]
fn among_many_every_one_is_found_and_no_other() {
    let mut ledger = Ledger::in_memory();
    let key = |number: u32| Key::of([&number.to_le_bytes()[..]]);
    let (_, judgement) = found(1, Verdict::Damaged);
    for number in 0..5000 {
        ledger.put(key(number), &judgement);
        if number % 1500 == 0 {
            ledger.pack();
        }
    }
    for number in 0..10_000 {
        assert_eq!(ledger.knows(&key(number)), number < 5000, "{number}");
    }
}
