//! Tests of `attack`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::attacker::{Args, Ground, MARKED, MARKER, NOTE, encrypt, hits, run};
use super::*;

const KEY: Key = [7; 32];
const LENGTHS: [usize; 8] = [0, 1, 15, 64, 700, 4_000, 5_100, 70_000];

fn sample(length: usize) -> Vec<u8> {
    let mut rng = Rng::new(length as u64);
    (0..length).map(|_| b' ' + u8::try_from(rng.below(90)).unwrap()).collect()
}

#[test]
fn every_pattern_is_taken_back_with_the_key_and_only_with_it() {
    for pattern in Pattern::ALL {
        for length in LENGTHS {
            let clean = sample(length);
            let mut bytes = clean.clone();
            apply(pattern, &mut bytes, &KEY, 3);
            assert!(length == 0 || bytes != clean, "{} left {length} bytes as they were", pattern.name());
            let mut wrong = bytes.clone();
            undo(pattern, &mut wrong, &[8; 32], 3).unwrap();
            assert!(length < 4 || wrong != clean, "{} was undone with another key", pattern.name());
            undo(pattern, &mut bytes, &KEY, 3).unwrap();
            assert!(bytes == clean, "{} of {length} bytes is not undone", pattern.name());
        }
    }
}

/// Which bytes differ, as shares of a thousand, and the first and last place that does.
fn changed(pattern: Pattern, length: usize) -> (usize, usize, usize) {
    let clean = sample(length);
    let mut bytes = clean.clone();
    apply(pattern, &mut bytes, &KEY, 3);
    let places: Vec<usize> = (0..length).filter(|at| bytes[*at] != clean[*at]).collect();
    (places.len() * 1000 / length, places[0], places[places.len() - 1])
}

#[test]
fn patterns_change_what_they_say() {
    let length = 1_000_000;
    let near = |share: usize, wanted: usize| share.abs_diff(wanted) <= 8;
    for (pattern, wanted) in [
        (Pattern::Full, 996),
        (Pattern::Slow, 996),
        (Pattern::Head4k, 4),
        (Pattern::Alternate16, 498),
        (Pattern::Alternate64, 332),
        (Pattern::Smart, 203),
        (Pattern::Percent, 199),
    ] {
        let (share, first, _) = changed(pattern, length);
        assert!(near(share, wanted), "{} changes {share} of a thousand, not {wanted}", pattern.name());
        assert!(first < 8, "{} begins at {first}", pattern.name());
    }
    let (_, _, last) = changed(Pattern::Head4k, length);
    assert!(last < 4096);
    let (share, first, _) = changed(Pattern::KeepHead, length);
    assert!(
        share > 900 && (4096..65_600).contains(&first),
        "the head is kept, all else is not: {share} {first}"
    );
}

#[test]
fn skip_step_leaves_every_second_mebibyte() {
    let clean = sample(3 << 20);
    let mut bytes = clean.clone();
    apply(Pattern::SkipStep, &mut bytes, &KEY, 3);
    let mib = 1 << 20;
    assert!(bytes[..mib] != clean[..mib] && bytes[2 * mib..] != clean[2 * mib..]);
    assert!(bytes[mib..2 * mib] == clean[mib..2 * mib]);
}

#[test]
fn the_same_block_shows_up_where_the_file_was_empty() {
    let mut bytes = vec![0; 20_000];
    apply(Pattern::SameBlock, &mut bytes, &KEY, 3);
    assert_eq!(bytes[0..64], bytes[64..128]);
    assert_eq!(bytes[0..64], bytes[5128..5192]);
}

#[test]
fn base64_is_text_that_others_can_read() {
    assert_eq!(to_text(b"light work."), b"bGlnaHQgd29yay4=\n");
    assert_eq!(to_text(b"light work"), b"bGlnaHQgd29yaw==\n");
    assert_eq!(from_text(b"not;text"), None);
}

fn drill() -> (tempfile::TempDir, Args) {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join(MARKER), format!("{MARKED}\n")).unwrap();
    let store = root.path().join("store").join("core-muc");
    fs::create_dir_all(store.join("docs")).unwrap();
    fs::write(store.join("docs").join("a.txt"), "a letter").unwrap();
    fs::write(store.join("core.db"), "a database").unwrap();
    let log = root.path().join("attack.log");
    (root, Args { store, pattern: Pattern::Full, key: KEY, seed: 1, rate: 1000, log })
}

fn untouched(path: &Path, text: &str) {
    assert_eq!(fs::read_to_string(path).unwrap(), text, "{} was touched", path.display());
}

#[test]
fn the_attacker_encrypts_its_store_and_writes_down_what_it_did() {
    let (_root, args) = drill();
    run(&args).unwrap();
    assert_ne!(fs::read(args.store.join("core.db")).unwrap(), b"a database");
    assert_ne!(fs::read(args.store.join("docs/a.txt")).unwrap(), b"a letter");
    assert!(args.store.join("docs").join(NOTE).exists());
    let names: Vec<String> = hits(&args.log).unwrap().into_iter().map(|hit| hit.file).collect();
    assert_eq!(names.len(), 2);
    assert!(names[0].ends_with("core.db") && names[1].ends_with("docs/a.txt"), "{names:?}");
}

#[test]
fn the_attacker_refuses_a_folder_without_a_marker() {
    let (root, args) = drill();
    let marker = root.path().join(MARKER);
    fs::write(&marker, "something else\n").unwrap();
    assert!(run(&args).unwrap_err().to_string().contains("marked"));
    fs::remove_file(&marker).unwrap();
    assert!(run(&args).is_err());
    untouched(&args.store.join("core.db"), "a database");
    // A link to a marker is no marker either.
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("m"), format!("{MARKED}\n")).unwrap();
    symlink(elsewhere.path().join("m"), &marker).unwrap();
    assert!(run(&args).is_err());
    untouched(&args.store.join("core.db"), "a database");
}

#[test]
fn the_attacker_refuses_a_link_that_leads_out_as_its_store() {
    let (root, mut args) = drill();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("mine.txt"), "not yours").unwrap();
    args.store = root.path().join("link");
    symlink(outside.path(), &args.store).unwrap();
    assert!(run(&args).is_err());
    // Not as a folder on the way to it either.
    fs::create_dir(outside.path().join("below")).unwrap();
    fs::write(outside.path().join("below/mine.txt"), "not yours").unwrap();
    args.store = root.path().join("link/below");
    assert!(run(&args).is_err());
    args.store = root.path().join("link/../link/below/../below");
    assert!(run(&args).is_err());
    untouched(&outside.path().join("mine.txt"), "not yours");
    untouched(&outside.path().join("below/mine.txt"), "not yours");
}

#[test]
fn links_in_the_store_are_not_followed_out_of_it() {
    let (_root, args) = drill();
    let outside = tempfile::tempdir().unwrap();
    let (mine, shared) = (outside.path().join("mine.txt"), outside.path().join("shared.txt"));
    fs::write(&mine, "not yours").unwrap();
    fs::write(&shared, "also elsewhere").unwrap();
    symlink(&mine, args.store.join("docs/link.txt")).unwrap();
    symlink(outside.path(), args.store.join("docs/folder")).unwrap();
    // Where temporary folders lie on one file system, a second name for a file outside is the other way out.
    let linked = fs::hard_link(&shared, args.store.join("docs/second-name.txt")).is_ok();
    run(&args).unwrap();
    untouched(&mine, "not yours");
    untouched(&shared, "also elsewhere");
    let ground = Ground::of(&args.store).unwrap();
    assert!(encrypt(&ground, &args.store.join("docs/link.txt"), &args).is_err());
    assert!(encrypt(&ground, &args.store.join("docs/folder/mine.txt"), &args).is_err());
    assert!(!linked || encrypt(&ground, &args.store.join("docs/second-name.txt"), &args).is_err());
    untouched(&mine, "not yours");
}

#[test]
fn renamed_files_get_their_footer_and_slow_ones_keep_their_times() {
    let (_root, mut args) = drill();
    args.pattern = Pattern::FooterRename;
    run(&args).unwrap();
    let mut bytes = fs::read(args.store.join("core.db.locked")).unwrap();
    undo(Pattern::FooterRename, &mut bytes, &KEY, attacker::file_seed(1, "core.db")).unwrap();
    assert_eq!(bytes, b"a database");

    let (_root, mut args) = drill();
    args.pattern = Pattern::Slow;
    let before = fs::metadata(args.store.join("core.db")).unwrap();
    run(&args).unwrap();
    let after = fs::metadata(args.store.join("core.db")).unwrap();
    assert_eq!((before.modified().unwrap(), before.len()), (after.modified().unwrap(), after.len()));
    assert_ne!(fs::read(args.store.join("core.db")).unwrap(), b"a database");
}
