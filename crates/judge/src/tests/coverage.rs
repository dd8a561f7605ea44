//! What no sum covers is replaced by random bytes, in every type of the table: what is seen alone, and that all of it is
//! seen beside the previous version.

use std::collections::BTreeMap;

use super::specimens::{self, Dice, docx, png, text, zip};
use crate::kinds::Kind;
use crate::magic::MAGIC;
use crate::*;

fn beside(name: &str, now: &[u8], before: &[u8]) -> Judgement {
    compare(name, &mut &*now, &judge_bytes(name, now), &mut &*before, &judge_bytes(name, before).facts)
}

const BLOCK: usize = 256;

/// Every block that can be replaced without the file being accused, replaced.
fn replaced_where_nothing_covers(name: &str, clean: &[u8], seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut hit = clean.to_vec();
    // From large pieces to small ones, so that a file that nothing covers costs few looks.
    let mut pieces = vec![(0, clean.len())];
    while let Some((from, to)) = pieces.pop() {
        let mut tried = hit.clone();
        tried[from..to].copy_from_slice(&dice.bytes(to - from));
        if judge_bytes(name, &tried).verdict.is_clean() {
            hit = tried;
        } else if to - from > BLOCK {
            let middle = from + (to - from) / 2;
            pieces.extend([(from, middle), (middle, to)]);
        }
    }
    hit
}

fn share(now: &[u8], before: &[u8]) -> usize {
    now.iter().zip(before).filter(|(now, before)| now != before).count() * 100 / before.len().max(1)
}

/// Records of a program: nothing in them looks random.
fn records(length: usize) -> Vec<u8> {
    (0_u32..)
        .flat_map(|at| [(at % 23) as u8, 0, (at / 9) as u8, b'a' + (at % 7) as u8])
        .take(length)
        .collect()
}

#[test]
fn types_that_are_only_recognised_by_their_first_bytes_are_seen_beside_the_previous_version() {
    let mut missed = Vec::new();
    for (kind, offset, mark) in MAGIC {
        let (Kind::Packed(word) | Kind::Plain(word)) = *kind else { continue };
        for (what, content) in [("records", records(40_000)), ("packed", specimens::zlib(&text(3, 120_000)))]
        {
            let mut clean = content;
            clean[..64].fill(0);
            clean[*offset..*offset + mark.len()].copy_from_slice(mark);
            let name = "7f3a9c";
            let shown = judge_bytes(name, &clean);
            // Fields behind a short mark, and other types that stand before it in the table.
            if shown.facts.kind != word || !shown.verdict.is_clean() {
                continue;
            }
            let from = *offset + mark.len();
            let mut hit = clean.clone();
            let length = hit.len();
            hit[from..].copy_from_slice(&Dice::new(*offset as u64 + 5).bytes(length - from));
            let found = beside(name, &hit, &clean);
            // A store that looks random is rewritten piece by piece, and nobody can tell by whom.
            let store =
                ["Outlook store", "database", "disk image"].iter().any(|store| word.starts_with(store));
            let open = store && what == "packed";
            let right = match what {
                "records" => found.verdict == Verdict::Encrypted,
                _ => open || !found.verdict.is_clean(),
            };
            if !right {
                missed.push(format!("{word} ({what}): {found:?}"));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn what_the_sums_of_a_type_leave_open_is_seen_beside_the_previous_version() {
    let mut files: BTreeMap<String, Vec<u8>> = super::fuzz::corpus().into_iter().collect();
    files.extend(
        specimens::promised(3)
            .into_iter()
            .map(|(name, bytes)| (format!("promised.{}", name.rsplit('.').next().unwrap_or(name)), bytes)),
    );
    let mut missed = Vec::new();
    for (name, clean) in files {
        let untouched = judge_bytes(&name, &clean);
        // Of a few hundred bytes nothing can be said.
        if !untouched.verdict.is_clean() || clean.len() < 1500 || clean.len() > 30_000 {
            continue;
        }
        let hit = replaced_where_nothing_covers(&name, &clean, 11);
        let changed = share(&hit, &clean);
        if changed < 25 {
            continue;
        }
        let found = beside(&name, &hit, &clean);
        if found.verdict.is_clean() {
            missed.push(format!("{name}: {changed} % of {} bytes: {found:?}", clean.len()));
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The values of all blobs become random, and nothing else changes: as the engine writes them in place.
fn with_random_blobs(database: &[u8], seed: u64) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.sqlite");
    std::fs::write(&path, database).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    let rows: Vec<(i64, i64)> = connection
        .prepare("SELECT id, length(note) FROM person")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let mut dice = Dice::new(seed);
    connection.execute_batch("PRAGMA synchronous=OFF; BEGIN").unwrap();
    for (id, length) in rows {
        connection
            .execute("UPDATE person SET note = ? WHERE id = ?", (dice.bytes(length as usize), id))
            .unwrap();
    }
    connection.execute_batch("COMMIT").unwrap();
    drop(connection);
    std::fs::read(path).unwrap()
}

#[test]
fn blobs_of_a_database_that_became_random_are_an_attack_and_a_day_of_work_is_none() {
    for seed in 1..=5 {
        let before = specimens::sqlite(seed, 600);
        let hit = with_random_blobs(&before, seed);
        assert!(judge_bytes("core.sqlite", &hit).verdict.is_clean(), "its frame is whole");
        let found = beside("core.sqlite", &hit, &before);
        assert_eq!(found.verdict, Verdict::Encrypted, "{seed}: {found:?}");
        for day in 1..=4 {
            let found = beside("core.sqlite", &specimens::sqlite_next_day(&before, seed * 10 + day), &before);
            assert!(found.verdict.is_clean(), "{seed} {day}: {found:?}");
        }
    }
}

/// Pages of rows as PostgreSQL writes them without checksums (`bufpage.h`, `htup_details.h`).
fn heap(pages: usize, seed: u64) -> Vec<u8> {
    let mut table = Vec::new();
    for page_number in 0..pages {
        let mut page = vec![0; 8192];
        let (mut lower, mut upper) = (24, 8192);
        for row in 0_u16..60 {
            let content = text(seed + (page_number * 60) as u64 + u64::from(row), 90);
            let size = 24 + content.len();
            upper -= size.next_multiple_of(8);
            page[upper + 18..upper + 24].copy_from_slice(&[3, 0, 2, 9, 24, 0]);
            page[upper + 24..upper + size].copy_from_slice(&content);
            let item = upper as u32 | 1 << 15 | (size as u32) << 17;
            page[lower..lower + 4].copy_from_slice(&item.to_le_bytes());
            lower += 4;
        }
        for (at, value) in [(12, lower), (14, upper), (16, 8192), (18, 0x2004)] {
            page[at..at + 2].copy_from_slice(&(value as u16).to_le_bytes());
        }
        table.extend(page);
    }
    table
}

#[test]
fn rows_of_a_table_without_checksums_that_became_random_are_an_attack() {
    let clean = heap(12, 5);
    let untouched = judge_bytes("16384", &clean);
    assert_eq!((untouched.verdict, untouched.facts.is_sealed()), (Verdict::Clean, false));
    for (from, to) in [(4096, 8192), (6144, 8192), (3000, 7000), (24, 8192), (24, 4096)] {
        let mut hit = clean.clone();
        for (page, seed) in hit.chunks_mut(8192).zip(1..) {
            page[from..to].copy_from_slice(&Dice::new(seed).bytes(to - from));
        }
        let alone = judge_bytes("16384", &hit);
        assert!(!alone.verdict.is_clean(), "{from}..{to}: {alone:?}");
        let found = beside("16384", &hit, &clean);
        assert_eq!(found.verdict, Verdict::Encrypted, "{from}..{to}: {found:?}");
    }
    // Heads of rows are left, their columns are not: nothing alone tells that from packed columns.
    let mut values = clean.clone();
    for (page, seed) in values.chunks_mut(8192).zip(1..) {
        for at in (24..264).step_by(4) {
            let item = u32::from_le_bytes(page[at..at + 4].try_into().unwrap());
            let (offset, size) = ((item & 0x7fff) as usize, (item >> 17) as usize);
            page[offset + 24..offset + size]
                .copy_from_slice(&Dice::new(seed * 1000 + at as u64).bytes(size - 24));
        }
    }
    let found = beside("16384", &values, &clean);
    assert_eq!(found.verdict, Verdict::Encrypted, "{found:?}");
    // A day: rows are added, and every pointer with them.
    let grown = [heap(12, 5), heap(4, 900)].concat();
    assert!(beside("16384", &grown, &clean).verdict.is_clean());
}

fn disguised(seed: u64, name: &str, bytes: usize) -> Vec<u8> {
    let types = [&b"<?xml version=\"1.0\"?><Types/>"[..], &vec![b' '; 4_000_000]].concat();
    zip(&[("[Content_Types].xml", types), (name, Dice::new(seed).bytes(bytes))], 0)
}

#[test]
fn members_that_became_cipher_text_under_a_harmless_name_are_an_attack_however_much_is_padded() {
    let before = docx(3, 60_000);
    for name in ["word/media/image1", "word/document.bin", "customXml/item1", "a"] {
        let hit = disguised(5, name, 30_000);
        let alone = judge_bytes("letter.docx", &hit);
        assert_eq!(alone.verdict, Verdict::Encrypted, "{name}: {alone:?}");
        assert_eq!(beside("letter.docx", &hit, &before).verdict, Verdict::Encrypted, "{name}");
    }
    assert_eq!(
        judge_bytes("letter.docx", &disguised(6, "word/media/image1", 3000)).verdict,
        Verdict::Encrypted
    );
    // Only its text is gone, and pictures that stayed outweigh it.
    let picture = || ("word/media/image1.png", png(7, 200));
    let types = || ("[Content_Types].xml", b"<?xml version=\"1.0\"?><Types/>".to_vec());
    let before = zip(&[types(), ("word/document.xml", text(4, 20_000)), picture()], 0);
    let hit = zip(&[types(), ("word/media/image2", Dice::new(8).bytes(9000)), picture()], 0);
    let found = beside("letter.docx", &hit, &before);
    assert_eq!(found.verdict, Verdict::Encrypted, "{found:?}");
    let edited = zip(&[types(), ("word/document.xml", text(9, 20_000)), picture()], 0);
    assert!(beside("letter.docx", &edited, &before).verdict.is_clean());
}

#[test]
fn members_of_an_archive_that_became_random_are_an_attack_and_another_backup_is_none() {
    let data = |seed: usize| ("data/rows.dat", records(50_000 + seed));
    let before = zip(&[data(1), ("data/notes.txt", text(1, 9000))], 0);
    let hit = zip(&[("data/rows.dat", Dice::new(1).bytes(50_001)), ("data/notes.txt", text(1, 9000))], 0);
    let found = beside("backup.zip", &hit, &before);
    assert_eq!(found.verdict, Verdict::Encrypted, "{found:?}");
    let next = zip(&[data(900), ("data/notes.txt", text(2, 9000)), ("data/new.txt", text(3, 9000))], 0);
    assert!(beside("backup.zip", &next, &before).verdict.is_clean());
    let with_key =
        zip(&[data(1), ("data/notes.txt", text(1, 9000)), ("data/key", Dice::new(1).bytes(64))], 0);
    assert!(beside("backup.zip", &with_key, &before).verdict.is_clean());
}
