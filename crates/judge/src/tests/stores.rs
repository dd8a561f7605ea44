//! Databases, their logs, and disks: what is whole is not accused, and what was hit in them is.

use super::specimens::{Dice, text};
use crate::crc32c::crc32c;
use crate::*;

fn judged(name: &str, bytes: &[u8]) -> Judgement {
    judge_bytes(name, bytes)
}

fn beside(name: &str, now: &[u8], before: &[u8]) -> Verdict {
    compare(name, &mut &*now, &judged(name, now), &mut &*before, &judged(name, before).facts).verdict
}

fn hit(bytes: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[from..to].copy_from_slice(&Dice::new(from as u64 + 3).bytes(to - from));
    bytes
}

/// A tablespace as MariaDB lays it out; every third page holds packed bytes, and the second half of it nothing yet.
fn tablespace(flags: u32, size: usize, pages: u32) -> Vec<u8> {
    let mut file = Vec::new();
    for number in 0..pages {
        let mut page = vec![0; size];
        if number < pages / 2 {
            page[4..8].copy_from_slice(&number.to_be_bytes());
            page[24..26].copy_from_slice(if number == 0 { &[0, 8] } else { &[0x45, 0xbf] });
            page[34..38].copy_from_slice(&7_u32.to_be_bytes());
            let content = if number % 3 == 1 {
                Dice::new(number.into()).bytes(size)
            } else {
                text(number.into(), size)
            };
            page[120..size - 300].copy_from_slice(&content[..size - 420]);
            if number == 0 {
                page[38..42].copy_from_slice(&7_u32.to_be_bytes());
                page[46..50].copy_from_slice(&pages.to_be_bytes());
                page[54..58].copy_from_slice(&flags.to_be_bytes());
            }
            // Its folder: places that fall in equal steps.
            for at in 0..120 {
                let place = (size - 400 - at * 24) as u16;
                page[size - 250 + at * 2..][..2].copy_from_slice(&place.to_be_bytes());
            }
            if flags & 16 != 0 {
                let sum = crc32c(&page[..size - 4]);
                page[size - 4..].copy_from_slice(&sum.to_be_bytes());
            } else {
                let sum = crc32c(&page[4..26]) ^ crc32c(&page[38..size - 8]);
                page[..4].copy_from_slice(&sum.to_be_bytes());
            }
        }
        file.extend(page);
    }
    file
}

#[test]
fn pages_of_innodb_fit_their_sums_whatever_lies_in_them() {
    for (flags, size) in [(16 | 5, 16_384), (0, 16_384), (3 << 6, 4096)] {
        let clean = tablespace(flags, size, 24);
        for name in ["orders.ibd", "ibdata1", "undo001"] {
            let judgement = judged(name, &clean);
            assert_eq!(
                (judgement.verdict, judgement.facts.is_sealed()),
                (Verdict::Clean, true),
                "{name}: {judgement:?}"
            );
        }
        for (from, to) in [(size + 200, size + 712), (5 * size, 6 * size), (3 * size + 64, clean.len())] {
            let judgement = judged("orders.ibd", &hit(&clean, from, to));
            assert!(
                matches!(judgement.verdict, Verdict::Encrypted | Verdict::Damaged),
                "{from}: {judgement:?}"
            );
        }
        assert_eq!(judged("orders.ibd", &hit(&clean, 64, clean.len())).verdict, Verdict::Encrypted);
        assert_eq!(judged("orders.ibd", &hit(&clean, 0, clean.len())).verdict, Verdict::Encrypted);
    }
    // Sums of another kind fit nowhere, and are no damage.
    let mut other = tablespace(0, 16_384, 24);
    other.chunks_mut(16_384).filter(|page| page[3] != 0).for_each(|page| page[0] ^= 1);
    assert_eq!(judged("orders.ibd", &other).verdict, Verdict::CleanUnverified);
}

/// One batch of Kafka, as its documentation has it.
fn batch(offset: u64, records: &[u8]) -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend(1_u32.to_be_bytes());
    body.extend([0; 16]);
    body.extend([0xff; 14]);
    body.extend(2_u32.to_be_bytes());
    body.extend(records);
    let mut batch = offset.to_be_bytes().to_vec();
    batch.extend((body.len() as u32 + 9).to_be_bytes());
    batch.extend([0, 0, 0, 0, 2]);
    batch.extend(crc32c(&body).to_be_bytes());
    batch.extend(body);
    batch
}

#[test]
fn segments_of_kafka_and_journals_of_leveldb_are_logs_that_are_no_text() {
    let packed = |at: u64| Dice::new(at).bytes(700);
    let segment: Vec<u8> = (0..40).flat_map(|at| batch(at, &packed(at))).collect();
    let name = "00000000000000000000.log";
    assert_eq!(judged(name, &segment).verdict, Verdict::Clean);
    assert_eq!(
        judged(name, &[&segment[..], &[0; 9000]].concat()).verdict,
        Verdict::Clean,
        "room taken in advance"
    );
    assert_ne!(judged(name, &hit(&segment, 9000, 9400)).verdict, Verdict::Clean);
    assert_eq!(judged(name, &hit(&segment, 0, segment.len())).verdict, Verdict::Encrypted);

    let mut journal = Vec::new();
    for at in 0..200_u64 {
        let content = packed(at);
        let left = 32_768 - journal.len() % 32_768;
        if left < 7 + content.len() {
            // The last record of a block fills it.
            let content = &content[..left - 7];
            journal.extend(level_record(content));
            continue;
        }
        journal.extend(level_record(&content));
    }
    for name in ["000017.log", "MANIFEST-000016"] {
        assert_eq!(judged(name, &journal).verdict, Verdict::Clean, "{name}");
        assert!(!judged(name, &hit(&journal, 40_000, 44_096)).verdict.is_clean(), "{name}");
    }
    assert_eq!(judged("000017.log", &hit(&journal, 0, journal.len())).verdict, Verdict::Encrypted);
    let numbers: Vec<u8> = (0_u32..3000).flat_map(|at| (at % 500).to_le_bytes()).collect();
    assert!(judged("ddl_recovery.log", &numbers).verdict.is_clean());
    assert!(!judged("app.log", &hit(&text(1, 30_000), 9000, 21_000)).verdict.is_clean());
}

fn level_record(content: &[u8]) -> Vec<u8> {
    let mut body = vec![1];
    body.extend(content);
    let sum = crc32c(&body).rotate_right(15).wrapping_add(0xa282_ead8);
    [&sum.to_le_bytes()[..], &(content.len() as u16).to_le_bytes(), &body].concat()
}

#[test]
fn commands_of_redis_with_values_of_any_bytes_are_followed_to_the_end() {
    let mut log = Vec::new();
    for at in 0..60_u64 {
        let value = Dice::new(at).bytes(900);
        log.extend(format!("*3\r\n$3\r\nSET\r\n$5\r\nkey{:02}\r\n${}\r\n", at % 90, value.len()).bytes());
        log.extend(value);
        log.extend(b"\r\n");
    }
    for name in ["appendonly.aof", "appendonly.aof.1.incr.aof"] {
        assert_eq!(judged(name, &log).verdict, Verdict::Clean);
        assert!(!judged(name, &hit(&log, 9000, 13_096)).verdict.is_clean());
    }
}

#[test]
fn a_transport_stream_is_no_typescript() {
    let packets: Vec<u8> =
        (0..300_u64).flat_map(|at| [&[0x47][..], &Dice::new(at).bytes(187)].concat()).collect();
    assert_eq!(judged("camera.ts", &packets).verdict, Verdict::CleanUnverified);
    assert_eq!(judged("camera.ts", &hit(&packets, 9000, 30_000)).verdict, Verdict::Encrypted);
    assert_eq!(judged("camera.ts", &hit(&packets, 0, packets.len())).verdict, Verdict::Encrypted);
}

#[test]
fn the_inside_of_a_disk_is_said_not_to_have_been_looked_at() {
    let files = text(2, 200_000);
    let disk = |place: usize, mark: &[u8]| {
        let mut bytes = [&vec![0; 70_000][..], &files].concat();
        bytes[place..place + mark.len()].copy_from_slice(mark);
        bytes
    };
    let marked: [(&str, usize, &[u8]); 8] = [
        ("a.img", 0, b"XFSB"),
        ("a.img", 0x1_0040, b"_BHRfS_M"),
        ("a.img", 512, b"LABELONE"),
        ("a.vdi", 0x40, b"\x7f\x10\xda\xbe"),
        ("a.img", 4086, b"SWAPSPACE2"),
        ("a.raw", 1080, b"\x53\xef"),
        ("a.qcow2", 0, b"QFI\xfb"),
        ("blank.img", 9, b"\0"),
    ];
    for (name, place, mark) in marked {
        let bytes = disk(place, mark);
        let judgement = judged(name, &bytes);
        assert_eq!(judgement.verdict, Verdict::CleanUnverified, "{name}: {judgement:?}");
        assert_eq!(judgement.bytes_not_looked_at(), bytes.len() as u64, "{name}");
        assert!(judgement.reasons.iter().any(|reason| reason.contains("was not looked at")), "{judgement:?}");
    }
    assert_eq!(judged("blank.img", &[0; 90_000]).verdict, Verdict::CleanUnverified);
    assert_eq!(judged("letter.txt", &files).bytes_not_looked_at(), 0);
    assert_eq!(judged("a.img", &hit(&disk(0, b"XFSB"), 0, 200_000)).verdict, Verdict::Encrypted);
}

#[test]
fn an_encrypted_partition_is_named_and_not_suspected() {
    let mut disk = vec![0; 1024];
    disk[510..512].copy_from_slice(b"\x55\xaa");
    disk[446 + 8..446 + 12].copy_from_slice(&2_u32.to_le_bytes());
    let disk = [&disk[..], b"LUKS\xba\xbe\0\x02", &[0; 504], &Dice::new(1).bytes(200_000)].concat();
    let judgement = judged("disk.img", &disk);
    assert_eq!(judgement.verdict, Verdict::DeclaredEncrypted, "{judgement:?}");
    assert!(judgement.reasons[0].contains("partition 1"), "{judgement:?}");
    // GPT: the list of partitions lies in the third sector.
    let mut table = vec![0; 2048];
    table[510..512].copy_from_slice(b"\x55\xaa");
    table[512..520].copy_from_slice(b"EFI PART");
    for (at, value) in [(72, 2_u32), (80, 4), (84, 128)] {
        table[512 + at..512 + at + 4].copy_from_slice(&value.to_le_bytes());
    }
    table[1024 + 128] = 1;
    table[1024 + 128 + 32] = 4;
    let disk = [&table[..], b"\xeb\x58\x90-FVE-FS-", &[0; 501], &Dice::new(1).bytes(200_000)].concat();
    let judgement = judged("disk.raw", &disk);
    assert_eq!(judgement.verdict, Verdict::DeclaredEncrypted, "{judgement:?}");
    assert!(judgement.reasons[0].contains("partition 2"), "{judgement:?}");
}

#[test]
fn a_disk_of_zeros_with_a_little_in_it_did_not_move() {
    let mut before = vec![0; 600_000];
    before[100..90_000].copy_from_slice(&text(1, 89_900)[..89_900]);
    let mut now = before.clone();
    now[300_000..300_900].copy_from_slice(&text(5, 900)[..900]);
    for name in ["disk.raw", "data.mdb", "ibdata1"] {
        assert!(beside(name, &now, &before).is_clean(), "{name}");
        assert!(beside(name, &before, &before).is_clean(), "{name}");
    }
    // What was really moved is still seen.
    let varied = [text(1, 200_000), Dice::new(2).bytes(90_000), text(4, 300_000)].concat();
    let mut moved = varied.clone();
    moved.drain(1000..1037);
    assert!(
        !beside("store.xyz", &[b"\0".as_slice(), &moved].concat(), &[b"\0".as_slice(), &varied].concat())
            .is_clean()
    );
}

#[test]
fn steps_that_return_are_a_table_and_random_blocks_that_return_are_a_key() {
    let row: Vec<u8> = (0..64).collect();
    let words: Vec<u8> = (0..32_u16).flat_map(|at| (9000 - at * 6).to_be_bytes()).collect();
    let random = Dice::new(1).bytes(64);
    for (block, expected) in [(row, false), (words, false), (random, true)] {
        let bytes: Vec<u8> =
            (0..60_u64).flat_map(|at| [text(at, 900)[..896].to_vec(), block.clone()].concat()).collect();
        let bytes = [vec![1; 64], bytes].concat();
        let judgement = judged("rows.dbf", &bytes);
        assert_eq!(judgement.verdict == Verdict::Encrypted, expected, "{judgement:?}");
    }
}
