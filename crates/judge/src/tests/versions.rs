//! What a previous version tells: of small files, of files that are another file of their type now, of encrypted ones.

use super::specimens::{Dice, pdf, text};
use crate::*;

fn beside(name: &str, now: &[u8], before: &[u8]) -> Judgement {
    compare(name, &mut &*now, &judge_bytes(name, now), &mut &*before, &judge_bytes(name, before).facts)
}

/// A file of no known type, in which nothing looks random.
fn plain(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(|at| [(at % 23) as u8, 0, (at / 9) as u8]).take(length).collect()
}

fn encrypted(bytes: &[u8], from: usize, to: usize, seed: u64) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[from..to].copy_from_slice(&Dice::new(seed).bytes(to - from));
    bytes
}

/// So many bytes are encrypted, so many are left, and so on.
fn in_a_rhythm(bytes: &[u8], on: usize, off: usize, seed: u64) -> Vec<u8> {
    let (mut bytes, mut dice) = (bytes.to_vec(), Dice::new(seed));
    for at in (0..bytes.len()).step_by(on + off) {
        let to = (at + on).min(bytes.len());
        bytes[at..to].copy_from_slice(&dice.bytes(to - at));
    }
    bytes
}

fn base64_text(bytes: &[u8]) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes).into_bytes()
}

#[test]
fn a_few_hundred_random_bytes_in_a_small_file_count_and_a_signature_in_a_larger_one_does_not() {
    for seed in 1..=20 {
        let before = plain(1400);
        let judgement = beside("a.fli", &in_a_rhythm(&before, 64, 128, seed), &before);
        assert_eq!(judgement.verdict, Verdict::Encrypted, "{seed}: {judgement:?}");
        let unsigned = plain(20_000);
        let signed = encrypted(&unsigned, 4000, 4256, seed);
        assert!(beside("a.fli", &signed, &unsigned).verdict.is_clean(), "{seed}");
    }
}

#[test]
fn another_file_of_the_same_type_is_no_attack() {
    // Of nearly the same length, so that it might be its previous version with a footer.
    let (before, now) = (pdf(1, 3), pdf(7, 3));
    assert!(before.len() < now.len() && now.len() - before.len() < 4096);
    let judgement = beside("a.pdf", &now, &before);
    assert_eq!(judgement.verdict, Verdict::Clean, "{judgement:?}");
    let settings: (&[u8], &[u8]) = (b"{ \"a\": 1, \"b\": [1, 2] }\n", b"{\n  // as agreed\n  \"a\": 2\n}\n");
    let judgement = beside("a.json", settings.1, settings.0);
    assert!(judgement.verdict.is_clean(), "{judgement:?}");
}

#[test]
fn an_older_state_of_a_document_that_grows_by_a_new_end_is_whole() {
    let before = pdf(1, 3);
    // An incremental update, as PDF has it: objects, a table and an end of their own.
    let table = before.len() + 34;
    let update = format!(
        "9 0 obj\n<< /Type /Metadata >>\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer << /Size 10 >>\nstartxref\n{table}\n%%EOF\n"
    );
    let updated = [&*before, update.as_bytes()].concat();
    assert_eq!(judge_bytes("a.pdf", &updated).verdict, Verdict::Clean);
    assert_eq!(beside("a.pdf", &before, &updated).verdict, Verdict::Clean);
}

#[test]
fn a_piece_taken_out_of_json_or_xml_spoils_it() {
    let json = format!("{{\"lines\": [{}]}}", vec!["\"word\""; 500].join(", "));
    let mut torn = json.clone().into_bytes();
    torn.drain(1001..1404);
    let judgement = beside("a.json", &torn, json.as_bytes());
    assert_eq!(judgement.verdict, Verdict::Suspicious, "{judgement:?}");
    // What is still valid was edited.
    let fewer = format!("{{\"lines\": [{}]}}", vec!["\"word\""; 400].join(", "));
    assert!(beside("a.json", fewer.as_bytes(), json.as_bytes()).verdict.is_clean());
}

#[test]
fn the_mark_of_utf8_comes_and_goes() {
    let unmarked = text(5, 3000);
    let marked = [b"\xef\xbb\xbf", &*unmarked].concat();
    assert!(beside("a.txt", &unmarked, &marked).verdict.is_clean());
    assert!(beside("a.txt", &marked, &unmarked).verdict.is_clean());
    let judgement = beside("a.txt", &unmarked[3..], &unmarked);
    assert_eq!(judgement.verdict, Verdict::Suspicious, "{judgement:?}");
}

#[test]
fn what_was_of_a_known_type_does_not_become_something_unknown_of_its_own_length() {
    for seed in 1..=20 {
        let store = [b"\xfe\xed\xfe\xed\0\0\0\x02", &*plain(1500)].concat();
        // Too few bytes, and too scattered, to look random.
        let hit = in_a_rhythm(&store, 16, 240, seed);
        // Whoever takes the key for himself leaves it behind the file.
        let with_footer = [&*hit, &*Dice::new(seed).bytes(512)].concat();
        for now in [&hit, &with_footer] {
            let judgement = beside("a.jks", now, &store);
            assert!(!judgement.verdict.is_clean(), "{judgement:?}");
        }
        // Another file, which nobody knows, in its place.
        let other = [b"another!", &*text(seed, 1700), &[0, 1]].concat();
        assert!(beside("a.jks", &other, &store).verdict.is_clean());
    }
}

#[test]
fn a_journal_whose_head_its_database_emptied_is_clean() {
    let head = [b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7\0\0\0\x01", &*plain(16), &[0; 484]].concat();
    let open = [&*head, &*plain(4096)].concat();
    let mut closed = open.clone();
    closed[..28].fill(0);
    let judgement = beside("a.db-journal", &closed, &open);
    assert!(judgement.verdict.is_clean(), "{judgement:?}");
}

#[test]
fn a_footer_does_not_hide_what_was_encrypted_behind_a_head_that_was_left() {
    for seed in 1..=10 {
        let mut bitmap = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\0\x01\0\0\0\x01\0\0\x01\0\x08\0".to_vec();
        bitmap.extend(plain(65_536));
        let hit = [&*encrypted(&bitmap, 4096, bitmap.len(), seed), &*Dice::new(seed).bytes(512)].concat();
        let judgement = beside("a.bin", &hit, &bitmap);
        assert!(!judgement.verdict.is_clean(), "{judgement:?}");
    }
}

#[test]
fn what_is_encrypted_anyway_is_not_rewritten_in_a_rhythm() {
    let mut dice = Dice::new(4);
    let before = [b"age-encryption.org/v1\n-> X25519 c2FsdA\n--- ", &*dice.bytes(40_000)].concat();
    let mut hit = in_a_rhythm(&before, 64, 128, 5);
    hit[..48].copy_from_slice(&before[..48]);
    assert_eq!(judge_bytes("a.age", &hit).verdict, Verdict::DeclaredEncrypted, "alone nothing can be seen");
    let judgement = beside("a.age", &hit, &before);
    assert_eq!(judgement.verdict, Verdict::Encrypted, "{judgement:?}");
    // Whoever encrypts it once more, or writes it as text, leaves nothing that says what it is.
    for other in [encrypted(&before, 0, 4096, 6), base64_text(&before)] {
        let judgement = beside("a.age", &other, &before);
        assert!(!matches!(judgement.verdict, Verdict::Clean | Verdict::CleanUnverified), "{judgement:?}");
        assert!(judgement.verdict != Verdict::DeclaredEncrypted, "{judgement:?}");
    }
    let again = [&before[..48], &*dice.bytes(before.len() - 48)].concat();
    assert_eq!(beside("a.age", &again, &before).verdict, Verdict::DeclaredEncrypted);
}

#[test]
fn what_was_encrypted_with_a_mark_and_is_random_now_was_encrypted_once_more() {
    let safe = [&b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5\x01\0\x04\0"[..], &*Dice::new(1).bytes(9000)].concat();
    let judgement = beside("safe.kdbx", &Dice::new(2).bytes(safe.len() + 256), &safe);
    assert_eq!(judgement.verdict, Verdict::Encrypted, "{judgement:?}");
    let saved = [&safe[..12], &*Dice::new(3).bytes(9100)].concat();
    assert_eq!(beside("safe.kdbx", &saved, &safe).verdict, Verdict::DeclaredEncrypted);
}

#[test]
fn a_beginning_of_another_type_does_not_hide_what_took_the_place_of_a_document() {
    let before = pdf(1, 3);
    for mark in [&b"wOF2"[..], b"8BPS", b"PACK\0\0\0\x02"] {
        let now = [mark, &*Dice::new(4).bytes(before.len())].concat();
        for name in ["a.pdf", "a"] {
            let judgement = beside(name, &now, &before);
            assert_eq!(judgement.verdict, Verdict::Encrypted, "{name}: {judgement:?}");
        }
    }
}
