//! Every pattern on every promised type is found; what only looks like it is not.

use super::specimens::{self, Dice, PATTERNS, attacked, promised};
use std::io;

use crate::*;

fn verdict(name: &str, bytes: &[u8]) -> Verdict {
    judge_bytes(name, bytes).verdict
}

#[test]
fn every_attack_pattern_is_found_in_every_promised_type() {
    let mut missed = Vec::new();
    for seed in 1..=3 {
        for (name, clean) in promised(seed) {
            for pattern in PATTERNS {
                let bytes = attacked(pattern, &clean, seed);
                let judgement = judge_bytes(name, &bytes);
                if judgement.verdict.is_clean() {
                    missed.push(format!("{name} {pattern} seed {seed}: {judgement:?}"));
                }
                if *pattern == "full" && judgement.verdict != Verdict::Encrypted {
                    missed
                        .push(format!("{name} {pattern} seed {seed} is not called encrypted: {judgement:?}"));
                }
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn renamed_and_fully_encrypted_files_are_encrypted_not_just_suspicious() {
    for (name, clean) in promised(5) {
        let bytes = attacked("full", &clean, 5);
        let judgement = judge_bytes(&format!("{name}.locked"), &bytes);
        assert_eq!(judgement.verdict, Verdict::Encrypted, "{name}: {judgement:?}");
        let judgement = judge_bytes("7f3a9c", &bytes);
        assert_eq!(judgement.verdict, Verdict::Suspicious, "{name}: {judgement:?}");
    }
}

#[test]
fn untouched_files_are_clean_whatever_their_bytes_look_like() {
    for seed in 11..=14 {
        for (name, clean) in promised(seed) {
            let judgement = judge_bytes(name, &clean);
            assert_eq!(judgement.verdict, Verdict::Clean, "{name}: {judgement:?}");
        }
    }
    let mut dice = Dice::new(7);
    let mut archive = b"MSCF\0\0\0\0".to_vec();
    archive.extend(dice.bytes(40_000));
    assert_eq!(verdict("backup.cab", &archive), Verdict::CleanUnverified);
    let mut film = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11".to_vec();
    film.extend(dice.bytes(40_000));
    assert_eq!(verdict("clip.wmv", &film), Verdict::CleanUnverified);
    let module = [&b"JM\x01\0PK\x03\x04"[..], &dice.bytes(9000)].concat();
    assert_eq!(
        verdict("java.xml.jmod", &module),
        Verdict::CleanUnverified,
        "an ending in the middle is none"
    );
    assert_eq!(verdict("empty.docx", b""), Verdict::Clean);
    assert_eq!(verdict("README", b"read me\n"), Verdict::Clean);
    assert_eq!(
        verdict(
            "latin1.txt",
            "Grüße aus Köln, schöne Straße. "
                .repeat(9)
                .chars()
                .map(|c| c as u8)
                .collect::<Vec<_>>()
                .as_slice()
        ),
        Verdict::Clean
    );
    let utf16: Vec<u8> =
        "\u{feff}Grüße aus Köln".repeat(20).encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(verdict("wide.txt", &utf16), Verdict::Clean);
    assert_eq!(verdict("settings.json", b"{ // why\n \"a\": 1 }"), Verdict::CleanUnverified);
    assert!(verdict("syslog.1", &specimens::text(3, 9000)).is_clean());
    assert_eq!(verdict("picture.jpg", &specimens::png(1, 40)), Verdict::Clean, "the wrong name, but whole");
}

#[test]
fn encryption_that_says_so_is_named_and_not_called_an_attack_unless_it_replaced_something() {
    let mut dice = Dice::new(9);
    let mut salted = b"Salted__".to_vec();
    salted.extend(dice.bytes(5000));
    assert_eq!(verdict("archive.enc", &salted), Verdict::DeclaredEncrypted);
    assert_eq!(verdict("letter.docx", &salted), Verdict::Encrypted);
    assert_eq!(verdict("letter.docx.locked", &salted), Verdict::Encrypted);
    let mut age = b"age-encryption.org/v1\n-> X25519 abc\n".to_vec();
    age.extend(dice.bytes(5000));
    assert_eq!(verdict("letter.docx.age", &age), Verdict::DeclaredEncrypted);
    assert_eq!(verdict("secret", &age), Verdict::DeclaredEncrypted);
    let locked = specimens::zip(&[("a.txt", specimens::text(1, 5000))], 1);
    assert_eq!(verdict("locked.zip", &locked), Verdict::DeclaredEncrypted);
    let mut pgp = vec![0x85, 0x01, 0x0c, 3];
    pgp.extend(dice.bytes(8));
    pgp.push(1);
    pgp.extend(dice.bytes(0x10c - 10));
    pgp.push(0xd2);
    pgp.extend(dice.bytes(3000));
    assert_eq!(verdict("letter.pdf.gpg", &pgp), Verdict::DeclaredEncrypted);
}

#[test]
fn damage_that_is_no_encryption_is_called_damage() {
    for (name, clean) in promised(21) {
        let cut = &clean[..clean.len() * 2 / 3];
        let judgement = judge_bytes(name, cut);
        let textual = name.ends_with(".txt") || name.ends_with(".csv");
        if !textual {
            assert_eq!(judgement.verdict, Verdict::Damaged, "{name} cut: {judgement:?}");
        }
        let mut wiped = clean.clone();
        let middle = clean.len() / 2 / 4096 * 4096;
        wiped[middle..middle + 4096].fill(0);
        let judgement = judge_bytes(name, &wiped);
        assert!(!judgement.verdict.is_clean(), "{name} wiped: {judgement:?}");
        assert_ne!(judgement.verdict, Verdict::Encrypted, "{name} wiped: {judgement:?}");
    }
}

#[test]
fn base64_in_the_place_of_text_is_suspicious() {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut dice = Dice::new(4);
    let encoded: Vec<u8> = (0..9000).map(|_| letters[dice.below(64)]).collect();
    assert_eq!(verdict("letter.txt", &encoded), Verdict::Suspicious);
    assert_eq!(verdict("letter.docx", &encoded), Verdict::Suspicious);
}

#[test]
fn a_database_between_two_states_is_not_called_damaged_while_its_journal_lies_beside_it() {
    let mut database = specimens::sqlite(3, 300);
    let cut = database.len() - 4096;
    database.truncate(cut);
    assert_eq!(judge("a.sqlite", &mut database.as_slice(), Beside::Nothing).verdict, Verdict::Damaged);
    assert_eq!(
        judge("a.sqlite", &mut database.as_slice(), Beside::Journal).verdict,
        Verdict::CleanUnverified
    );
    let encrypted = attacked("16/16", &specimens::sqlite(3, 300), 1);
    assert_eq!(judge("a.db", &mut encrypted.as_slice(), Beside::Journal).verdict, Verdict::Encrypted);
}

#[test]
fn a_source_that_cannot_be_read_to_its_end_is_unread() {
    struct Failing;
    impl Source for Failing {
        fn length(&self) -> u64 {
            10_000
        }
        fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
            if offset > 0 {
                Err(io::Error::other("bad sector"))
            } else {
                into.fill(b'a');
                Ok(into.len().min(100))
            }
        }
    }
    assert_eq!(judge("a.txt", &mut Failing, Beside::Nothing).verdict, Verdict::Unread);
}

/// Judged as a scan does that knows the version before.
fn beside(name: &str, now: &[u8], before: &[u8]) -> Judgement {
    let judgement = judge_bytes(name, now);
    compare(name, &mut &*now, &judgement, &mut &*before, &judge_bytes(name, before).facts)
}

/// 4 KiB in every 64 KiB behind the first: so little that structure alone misses some.
fn sparse(clean: &[u8], seed: u64) -> Vec<u8> {
    let (mut bytes, mut dice) = (clean.to_vec(), Dice::new(seed));
    let first = if clean.len() > 66_000 { 65_536 } else { clean.len() / 2 / 512 * 512 };
    for at in (first..clean.len()).step_by(65_536) {
        let to = (at + 4096).min(clean.len());
        bytes[at..to].iter_mut().for_each(|byte| *byte ^= (dice.next() >> 56) as u8);
    }
    bytes
}

#[test]
fn sparse_damage_is_found_beside_the_previous_version() {
    for seed in 1..=4 {
        let mut files = promised(seed);
        files.push(("plain.dat", [specimens::csv(seed, 4000), vec![0; 5000]].concat()));
        for (name, clean) in files {
            let judgement = beside(name, &sparse(&clean, seed), &clean);
            assert!(!judgement.verdict.is_clean(), "{name}: {judgement:?}");
        }
    }
}

#[test]
fn a_film_encrypted_behind_its_head_is_found_beside_the_previous_version() {
    let mut dice = Dice::new(3);
    let mut film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom\0\x03\x0d\x48mdat".to_vec();
    film.extend(dice.bytes(200_000));
    for pattern in ["keep-head-4k", "16/16", "64/128", "dot"] {
        let mut bytes = attacked(pattern, &film, 9);
        bytes[..64].copy_from_slice(&film[..64]);
        assert!(judge_bytes("a.mp4", &bytes).verdict.is_clean(), "alone it cannot be told");
        let judgement = beside("a.mp4", &bytes, &film);
        assert!(!judgement.verdict.is_clean(), "{pattern}: {judgement:?}");
    }
    let mut other = film[..32].to_vec();
    other.extend(dice.bytes(190_000));
    assert!(beside("a.mp4", &film, &other).verdict.is_clean(), "another film under the same name");
}

#[test]
fn wiped_cut_and_shifted_files_are_damaged_beside_the_previous_version() {
    let mut dice = Dice::new(8);
    let mut sound = b"wvpk".to_vec();
    sound.extend(dice.bytes(90_000));
    let mut wiped = sound.clone();
    wiped[20_000..30_000].fill(0);
    assert_eq!(beside("a.wv", &wiped, &sound).verdict, Verdict::Damaged);
    assert_eq!(beside("a.wv", &sound[..50_000], &sound).verdict, Verdict::Damaged);
    assert_eq!(beside("a.wv", b"", &sound).verdict, Verdict::Damaged);
    let mut shifted = sound.clone();
    shifted.drain(1000..1037);
    assert_eq!(beside("a.wv", &shifted, &sound).verdict, Verdict::Damaged);
    let jpeg = specimens::jpeg(5, 60_000);
    let mut wiped = jpeg.clone();
    wiped[30_000..38_192].fill(0);
    assert_eq!(beside("a.jpg", &wiped, &jpeg).verdict, Verdict::Damaged);
    let text = specimens::text(1, 9000);
    assert!(beside("a.log", b"", &text).verdict.is_clean(), "logs are emptied");
}

#[test]
fn what_happens_on_ordinary_days_is_no_alarm() {
    for seed in 1..=5 {
        let mut calm: Vec<(&str, Vec<u8>, Vec<u8>)> = Vec::new();
        // Upgrades, new photos, documents saved anew.
        for ((name, before), (_, now)) in promised(seed).into_iter().zip(promised(seed + 100)) {
            calm.push((name, now, before));
        }
        let database = specimens::sqlite(seed, 600);
        calm.push(("core.sqlite", specimens::sqlite_next_day(&database, seed), database));
        let log = specimens::text(seed, 50_000);
        let half = log.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        calm.push(("app.log", log[..half].to_vec(), log.clone()));
        calm.push(("app.log", log[half..].to_vec(), log.clone()));
        calm.push(("app.log", [log.clone(), specimens::text(seed, 900)].concat(), log.clone()));
        // A dump that is compressed from now on, under a name that promises nothing.
        calm.push(("backup", specimens::gzip(&log), log.clone()));
        let pdf = specimens::pdf(seed, 3);
        let appended =
            [&pdf[..], b"1 0 obj\n<< /Type /Catalog >>\nendobj\n", &pdf[pdf.len() - 400..]].concat();
        calm.push(("saved.pdf", appended, pdf));
        for (name, now, before) in calm {
            let judgement = beside(name, &now, &before);
            assert!(judgement.verdict.is_clean(), "{name} with seed {seed}: {judgement:?}");
        }
    }
}

#[test]
fn a_bomb_costs_no_more_than_its_share_and_is_not_called_clean() {
    let bomb = specimens::gzip(&vec![0; 70 << 20]);
    let judgement = judge_within("a.gz", &mut bomb.as_slice(), Beside::Nothing, 8 << 20);
    assert_eq!(judgement.verdict, Verdict::CleanUnverified);
    assert!(judgement.reasons[0].contains("more work"), "{judgement:?}");
    assert_eq!(judgement.facts.state, State::Partly);
}

#[test]
fn packed_files_whose_end_was_encrypted_are_not_merely_unread() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/scan");
    for name in ["a.xz", "a.bz2", "a.zst", "a.7z", "a.gz", "a.lz4", "a.lzma", "a.zlib", "a.br"] {
        let clean = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(judge_bytes(name, &clean).verdict, Verdict::Clean, "{name}");
        assert!(!judge_bytes(name, &clean[..clean.len() - 9]).verdict.is_clean(), "{name}, cut off");
        for seed in 0..20 {
            let (mut bytes, mut dice) = (clean.clone(), Dice::new(seed));
            let half = bytes.len() / 2;
            bytes[half..].iter_mut().for_each(|byte| *byte ^= (dice.next() >> 56) as u8 | 1);
            let judgement = judge_bytes(name, &bytes);
            assert!(
                matches!(judgement.verdict, Verdict::Damaged | Verdict::Encrypted),
                "{name}: {judgement:?}"
            );
        }
    }
}

#[test]
fn a_wiped_range_counts_even_if_much_of_it_was_empty_and_a_field_that_a_program_emptied_does_not() {
    let mut dice = Dice::new(21);
    let mut before = b"wvpk".to_vec();
    before.extend(dice.bytes(20_000));
    // Mostly empty already: only a few bytes in it held anything.
    before[8000..12_096].fill(0);
    before[8001..8030].fill(7);
    before[12_090] = 7;
    let mut wiped = before.clone();
    wiped[8000..12_096].fill(0);
    assert_eq!(beside("a.wv", &wiped, &before).verdict, Verdict::Damaged);
    let mut emptied = before.clone();
    emptied[3000..3186].fill(0);
    assert!(beside("a.wv", &emptied, &before).verdict.is_clean(), "less than a sector");
    let mut saved = wiped.clone();
    saved[50] ^= 1;
    assert!(beside("a.wv", &saved, &before).verdict.is_clean(), "something else changed as well");
}

#[test]
fn a_file_that_lost_its_beginning_is_the_end_of_its_previous_version() {
    // Zeros and repeated pieces, in which no place can be told from another.
    let mut before = b"wvpk".to_vec();
    before.extend([7; 4000]);
    before.extend([0; 9000]);
    let judgement = beside("a.wv", &before[37..], &before);
    assert!(!judgement.verdict.is_clean(), "{judgement:?}");
    assert!(judgement.reasons.iter().any(|why| why.contains("first 37 bytes are gone")), "{judgement:?}");
}

#[test]
fn what_is_packed_has_to_be_what_it_is_called() {
    let mut dice = Dice::new(4);
    let mut random = |length| dice.bytes(length);
    let types = |ending: &str| format!("<Types>{ending}</Types>").into_bytes();
    let docx = |document: Vec<u8>| {
        specimens::zip(&[("[Content_Types].xml", types("x")), ("word/document.xml", document)], 0)
    };
    let xml = b"<document>Antrag</document>".to_vec();
    assert_eq!(judge_bytes("a.docx", &docx(xml.clone())).verdict, Verdict::Clean);
    assert_eq!(judge_bytes("a.docx", &docx(random(9000))).verdict, Verdict::Encrypted);
    let nameless = specimens::zip(&[("word/document.xml", xml)], 0);
    assert_eq!(judge_bytes("a.docx", &nameless).verdict, Verdict::Suspicious);
    assert_eq!(judge_bytes("a.zip", &nameless).verdict, Verdict::Clean);
    let data = specimens::zip(&[("1", random(20_000)), ("2", random(20_000))], 0);
    assert_eq!(judge_bytes("a.zip", &data).verdict, Verdict::Suspicious);
    let picture = specimens::zip(&[("a.jpg", specimens::jpeg(1, 20_000))], 0);
    assert_eq!(judge_bytes("a.zip", &picture).verdict, Verdict::Clean);
    assert_eq!(judge_bytes("letter.txt.gz", &specimens::gzip(&random(9000))).verdict, Verdict::Encrypted);
    assert_eq!(judge_bytes("backup.gz", &specimens::gzip(&random(9000))).verdict, Verdict::Suspicious);
    assert_eq!(judge_bytes("a.jpg.gz", &specimens::gzip(&specimens::jpeg(2, 9000))).verdict, Verdict::Clean);
    assert_eq!(
        judge_bytes("app.log.1.gz", &specimens::gzip(&specimens::text(1, 9000))).verdict,
        Verdict::Clean
    );
}

#[test]
fn random_bytes_written_as_digits_are_suspicious_and_tables_of_numbers_are_not() {
    let mut dice = Dice::new(6);
    let random = dice.bytes(4000);
    let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers = random.iter().map(u8::to_string).collect::<Vec<_>>().join(" ");
    let upper = hex.to_uppercase().as_bytes().chunks(64).map(<[u8]>::to_vec).collect::<Vec<_>>().join(&b'\n');
    for written in [hex.as_bytes(), numbers.as_bytes(), &upper] {
        let judgement = judge_bytes("a.txt", written);
        assert_eq!(judgement.verdict, Verdict::Suspicious, "{judgement:?}");
    }
    let text = specimens::text(3, 4000);
    let hex: String = text.iter().map(|byte| format!("{byte:02x}")).collect();
    let table: String = (0..2000).map(|row| format!("{},{},{}\n", row, row % 250, row * 7 % 200)).collect();
    for written in [hex, table] {
        assert_eq!(judge_bytes("a.txt", written.as_bytes()).verdict, Verdict::Clean);
    }
}

/// Every letter as frequent as every other, and still nothing that was encrypted and written down.
#[test]
fn lists_of_digests_and_passwords_and_words_of_any_letters_are_clean() {
    let mut dice = Dice::new(11);
    let mut word = |letters: &[u8], length: usize| -> String {
        (0..length).map(|_| char::from(letters[dice.below(letters.len())])).collect()
    };
    let (hex, base64) =
        (b"0123456789abcdef", b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    let digests: Vec<String> = (0..100).map(|_| word(hex, 40)).collect();
    let passwords: Vec<String> = (0..100).map(|_| word(base64, 20)).collect();
    let words: Vec<String> = (0..900).map(|at| word(b"abcdefghijklmnopqrstuvwxyz", 1 + at % 9)).collect();
    for text in [digests.join("\n"), passwords.join("\r\n"), words.join(" "), words.join("\n")] {
        let judgement = judge_bytes("a.txt", text.as_bytes());
        assert_eq!(judgement.verdict, Verdict::Clean, "{judgement:?}\n{text}");
    }
    let pairs: Vec<String> = (0..2000).map(|_| word(hex, 2)).collect();
    let lines: Vec<String> = (0..90).map(|_| word(base64, 76)).collect();
    for text in [pairs.join(" "), pairs.concat(), lines.join("\n"), lines.concat()] {
        assert_eq!(judge_bytes("a.txt", text.as_bytes()).verdict, Verdict::Suspicious, "{text}");
    }
}

#[test]
fn notes_that_programs_leave_beside_a_document_are_no_documents() {
    let mut owner = b"\x06Meyer ".to_vec();
    owner.resize(54, b' ');
    owner.extend(*b"\x06\0M\0e\0y\0e\0r\0 \0");
    owner.resize(162, 0);
    assert!(judge_bytes("~$letter.docx", &owner).verdict.is_clean());
    let fork = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        \0\x02\0\0\0\x09".repeat(4);
    assert!(judge_bytes("._letter.docx", &fork).verdict.is_clean());
    assert!(
        judge_bytes(".~lock.letter.docx#", b",meyer,pc7,28.11.2026 10:00,file:///home;").verdict.is_clean()
    );
    let random = Dice::new(7).bytes(9000);
    for name in ["~$letter.docx", "._letter.docx"] {
        assert!(!judge_bytes(name, &random).verdict.is_clean(), "{name}");
    }
}

#[test]
fn frames_without_content_and_unclosed_elements_are_damage() {
    let mut film = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".to_vec();
    film.resize(9000, 0);
    assert_eq!(judge_bytes("a.mp4", &film).verdict, Verdict::Damaged);
    assert!(!judge_bytes("a.tar", &[0xff; 10_240]).verdict.is_clean());
    assert!(judge_bytes("a.tar", &[0; 10_240]).verdict.is_clean(), "a tar without members");
    let open = b"<?xml version=\"1.0\"?>\n<list>\n<item a=\"1 > 0\">x</item>\n<item/>\n";
    assert_eq!(judge_bytes("a.xml", open).verdict, Verdict::Damaged);
    let whole = [&open[..], b"<!-- <b> --><![CDATA[<c>]]></list>\n"].concat();
    assert_eq!(judge_bytes("a.xml", &whole).verdict, Verdict::Clean);
    assert!(judge_bytes("a.xml", b"<p>one<br>two</p>\n").verdict.is_clean(), "not XML, and not cut off");
}

#[test]
fn letters_and_mails_are_read_to_their_end() {
    let body = String::from_utf8(specimens::text(5, 3000)).unwrap().replace(['{', '}', '\\'], " ");
    let rtf = format!("{{\\rtf1\\ansi{{\\fonttbl{{\\f0 Arial;}}}}\\'e4 \\{{ {body}\\par}}\n");
    assert_eq!(judge_bytes("a.rtf", rtf.as_bytes()).verdict, Verdict::Clean);
    assert_eq!(judge_bytes("a.rtf", &rtf.as_bytes()[..2000]).verdict, Verdict::Damaged);
    assert!(!judge_bytes("a.rtf", &rtf.as_bytes()[100..]).verdict.is_clean());
    let mail = format!(
        "From: a@example.org\nContent-Type: multipart/mixed;\n boundary=\"x1\"\n\n--x1\nContent-Type: text/plain\n\n{body}\n--x1--\n"
    );
    assert_eq!(judge_bytes("a.eml", mail.as_bytes()).verdict, Verdict::Clean);
    assert_eq!(judge_bytes("a.eml", &mail.as_bytes()[..1500]).verdict, Verdict::CleanUnverified);
    for (name, clean) in [("a.rtf", rtf), ("a.eml", mail)] {
        let mut bytes = clean.into_bytes();
        let random = Dice::new(9).bytes(700);
        bytes[1000..1700].copy_from_slice(&random);
        assert!(!judge_bytes(name, &bytes).verdict.is_clean(), "{name}");
    }
}

/// A head of RAR 5: its checksum, its length, and what it says.
fn rar_head(body: &[u8]) -> Vec<u8> {
    let counted = [&[body.len() as u8][..], body].concat();
    let mut crc = flate2::Crc::new();
    crc.update(&counted);
    [&crc.sum().to_le_bytes()[..], &counted].concat()
}

#[test]
fn the_heads_of_a_rar_and_what_is_only_stored_in_it_fit_their_checksums() {
    let mut content = specimens::text(1, 100);
    content.truncate(100);
    let mut crc = flate2::Crc::new();
    crc.update(&content);
    let mut file = vec![2, 2, 100, 4, 100, 0];
    file.extend(crc.sum().to_le_bytes());
    file.extend([0, 1, 1, b'a']);
    let rar = |head: &[u8], data: &[u8]| {
        [&b"Rar!\x1a\x07\x01\0"[..], &rar_head(&[1, 0, 0]), &rar_head(head), data, &rar_head(&[5, 0, 0])]
            .concat()
    };
    let clean = rar(&file, &content);
    let judgement = judge_bytes("a.rar", &clean);
    assert!(judgement.verdict.is_clean() && judgement.reasons[0].contains("3 heads"), "{judgement:?}");
    assert_eq!(judge_bytes("a.rar", &clean[..clean.len() - 20]).verdict, Verdict::Damaged);
    for at in [12, 30, 60] {
        let mut bytes = clean.clone();
        bytes[at] ^= 1;
        assert_eq!(judge_bytes("a.rar", &bytes).verdict, Verdict::Damaged, "byte {at}");
    }
    let locked = [&[2, 3, 4, 100][..], &file[3..], &[3, 1, 0, 0]].concat();
    assert_eq!(judge_bytes("a.rar", &rar(&locked, &content)).verdict, Verdict::DeclaredEncrypted);
}

#[test]
fn the_elements_of_a_film_follow_each_other() {
    let element = |name: &[u8], content: &[u8]| {
        let size = (content.len() as u64 | 1 << 56).to_be_bytes();
        [name, &size, content].concat()
    };
    let mut dice = Dice::new(12);
    let blocks: Vec<u8> = (0..40).flat_map(|_| element(&[0xa3], &dice.bytes(900))).collect();
    let cluster = element(&[0x1f, 0x43, 0xb6, 0x75], &[element(&[0xe7], &[0]), blocks].concat());
    let film =
        [element(&[0x1a, 0x45, 0xdf, 0xa3], b"B\x82\x84webm"), element(&[0x18, 0x53, 0x80, 0x67], &cluster)]
            .concat();
    // Its blocks are packed and not decoded: these are dice.
    assert_eq!(judge_bytes("a.webm", &film).verdict, Verdict::CleanUnverified);
    assert_eq!(judge_bytes("a.webm", &film[..20_000]).verdict, Verdict::Damaged);
    for pattern in ["keep-head-4k", "16/16", "dot"] {
        let mut bytes = attacked(pattern, &film, 5);
        bytes[..64].copy_from_slice(&film[..64]);
        let judgement = judge_bytes("a.webm", &bytes);
        assert!(!judgement.verdict.is_clean(), "{pattern}: {judgement:?}");
    }
}

#[test]
fn a_small_piece_that_was_wiped_counts_if_the_zeros_around_it_are_many() {
    let mut dice = Dice::new(22);
    let mut before = b"wvpk".to_vec();
    before.extend(dice.bytes(20_000));
    before[8000..12_096].fill(0);
    before[9000..9200].copy_from_slice(&dice.bytes(200));
    let mut wiped = before.clone();
    wiped[8000..12_096].fill(0);
    assert_eq!(beside("a.wv", &wiped, &before).verdict, Verdict::Damaged);
}

#[test]
fn four_random_kilobytes_are_no_stray_bytes_even_in_a_megabyte_of_text() {
    for at in [0, 65_536] {
        let mut bytes = specimens::text(1, 1_000_000);
        bytes[at..at + 4096].copy_from_slice(&Dice::new(2).bytes(4096));
        assert_eq!(verdict("persons.csv", &bytes), Verdict::Encrypted, "at {at}");
    }
}

#[test]
fn an_image_of_a_disc_begins_with_zeros_and_says_what_it_is_behind_them() {
    let mut disc = vec![0; 0x8000];
    disc.extend(b"\x01CD001\x01\0");
    disc.extend(specimens::text(1, 40_000));
    assert_eq!(verdict("setup.iso", &disc), Verdict::CleanUnverified);
    disc[0x8001] = 0;
    assert_eq!(verdict("setup.iso", &disc), Verdict::Damaged);
}

#[test]
fn a_file_with_holes_has_more_than_one_head_in_a_tar() {
    let mut head = [0; 512];
    head[..4].copy_from_slice(b"hole");
    head[124..136].copy_from_slice(b"00000001000\0");
    head[156] = b'S';
    head[482] = 1;
    let sum: u64 = head.iter().map(|byte| u64::from(*byte)).sum::<u64>() + 8 * 32;
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut map = [b'7'; 512];
    map[504] = 0;
    let tar = [&head[..], &map, &specimens::text(1, 512)[..512], &[0; 1024]].concat();
    assert_eq!(
        verdict("a.tar", &tar),
        Verdict::CleanUnverified,
        "what a file with holes holds is not looked at"
    );
}
