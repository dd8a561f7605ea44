//! Whatever the bytes are: one clear finding, no panic, and the canonical text never disagrees.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::super::check::judge;
use super::super::files::{ReadFault, TENANTS};
use super::super::read::read_files;
use super::super::{Grade, canonical, read};
use super::{codes, file, marked, read_toml};

/// Reading, judging and the way through the canonical text must neither panic nor disagree, whatever the bytes are.
fn read_anything(bytes: &[u8]) {
    for name in ["estate.toml", TENANTS] {
        let reading = read_files(&[file(name, bytes)]);
        let findings = judge(&reading);
        for place in findings.iter().filter_map(|finding| finding.place.as_ref()) {
            let file = &reading.sources.files[place.file];
            assert!(file.text.get(place.bytes.clone()).is_some(), "a finding points outside of {name}");
        }
        let text = canonical::text(&reading.estate);
        let again = canonical::from_text(&text).expect("a canonical text can be read");
        assert_eq!(again, reading.estate, "the canonical text must give the same estate");
    }
}

/// The one blocking finding about a text that cannot be read, and nothing else but that the rest is not judged.
fn refused(text: &[u8]) -> String {
    let reading = read_files(&[file("estate.toml", text)]);
    assert!(reading.incomplete);
    let found = judge(&reading);
    assert_eq!(codes(&found)[1..], ["not-judged"]);
    assert_eq!(found[0].grade, Grade::Blocking);
    found[0].code.to_owned()
}

#[test]
fn a_million_nested_brackets_are_one_finding() {
    const MILLION: usize = 1_000_000;
    for (start, bracket, times) in [
        ("", "[", MILLION),
        ("a = ", "[", MILLION),
        ("a = ", "{a=", 100_000),
        ("", "a.", 100_000),
        ("[", "a.", 100_000),
    ] {
        let text = format!("{start}{}", bracket.repeat(times));
        assert_eq!(refused(text.as_bytes()), "syntax", "{start}{bracket}");
    }
    let closed = format!("a = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(refused(closed.as_bytes()), "syntax");
}

#[test]
fn a_file_that_is_not_text_is_one_finding() {
    assert_eq!(refused(b"[site.ess]\nname = \"\xff\""), "not-utf8");
    assert_eq!(refused(b"\0\0\0\0"), "syntax");
}

#[test]
fn the_place_of_a_syntax_error_is_marked() {
    let reading = read_toml("[site.ess]\nname = Essen\n");
    assert_eq!(codes(&reading.findings), ["syntax"]);
    assert_eq!(marked(&reading, &reading.findings[0]), "Essen");
}

#[test]
fn a_huge_file_is_named_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.toml"), "[site.a]\n").unwrap();
    fs::File::create(folder.path().join("b.toml")).unwrap().set_len(100 << 20).unwrap();
    let reading = read(folder.path()).unwrap();
    assert_eq!(codes(&reading.findings), ["file-too-large"]);
    assert!(reading.findings[0].message.what.starts_with("b.toml"));
}

#[test]
fn what_is_no_plain_file_is_named_and_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a.toml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("b.toml")).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", folder.path().join("c.toml")).unwrap();
    let reading = read(folder.path()).unwrap();
    assert_eq!(codes(&reading.findings), ["file-unreadable"; 3]);
    assert!(matches!(read(Path::new("/dev/zero")), Err(ReadFault::Unreadable { .. })));
}

#[test]
fn a_missing_and_an_empty_folder_are_faults() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(read(folder.path()), Err(ReadFault::Empty(_))));
    assert!(matches!(read(&folder.path().join("none")), Err(ReadFault::Missing(_))));
}

#[test]
fn one_mistake_repeated_ten_thousand_times_is_counted_and_still_blocks() {
    let serious: String = (0..300).map(|at| format!("[service.s{at}]\nx = 1\n")).collect();
    let blocking: String = (0..10_000).map(|at| format!("[service.t{at}]\nmemory = \"x\"\n")).collect();
    let reading = read_toml(&format!("{serious}{blocking}"));
    assert_eq!(reading.findings.len(), 201);
    let last = reading.findings.last().unwrap();
    assert_eq!((last.code, last.grade), ("more-findings", Grade::Blocking));
    assert!(last.message.what.starts_with("10100 more"), "{}", last.message.what);
}

/// Small and seeded, so that a failure is repeated by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below.max(1)
    }
}

/// Cuts, doubles, swaps and overwrites pieces; some of the new bytes are those that the form turns on.
fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.roll(4) {
        let at = dice.roll(bytes.len());
        let end = (at + dice.roll(40)).min(bytes.len());
        match dice.roll(5) {
            0 => drop(bytes.drain(at..end)),
            1 => {
                let piece = bytes[at..end].to_vec();
                let to = dice.roll(bytes.len());
                bytes.splice(to..to, piece);
            }
            2 => {
                let sign = b"[]{}\"'=.,;:\n#\\-0 \xff"[dice.roll(18)];
                bytes.insert(at, sign);
            }
            3 => bytes.truncate(at),
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << dice.roll(8);
                }
            }
        }
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<PathBuf> = [here.join("fuzz/estate"), here.join("../../estates/gkv")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() > 8, "the corpus is there");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn the_corpus_and_seeded_mutations_of_it_never_panic_and_always_round_trip() {
    for (at, bytes) in (0u64..).zip(corpus()) {
        read_anything(&bytes);
        // Large files are cut into pieces: more mutations in the same time.
        let mut dice = Dice(at);
        for _ in 0..60 {
            let from = dice.roll(bytes.len());
            let mut piece = bytes[from..(from + 1500).min(bytes.len())].to_vec();
            mutate(&mut piece, &mut dice);
            read_anything(&piece);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_an_estate_with_findings(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_anything(&bytes);
    }

    #[test]
    fn any_text_of_the_right_signs_is_an_estate_with_findings(
        text in "(\\[?(site|service|tenant|capability)\\.[a-c ]\\]?\n|(name|needs.hard|site|insured) = [\"\\[{a-c0-9}\\]]{0,6}\n){0,12}"
    ) {
        read_anything(text.as_bytes());
    }
}
