//! Hostile bytes for every checker: whole small files of each type, and mutations of them.
//!
//! A short slice runs with the tests; `cargo xtask fuzz-scan --runs N` runs as many as asked for. The files in
//! `fuzz/scan` are the beginnings; one that once was interesting is put there and stays.

use super::specimens::{self, Dice};
use crate::*;

/// Any name and any bytes: must return, always the same, with a reason for whatever is not clean.
pub(crate) fn fuzz_judge(name: &str, bytes: &[u8]) -> Judgement {
    let first = judge_bytes(name, bytes);
    assert_eq!(first, judge_bytes(name, bytes), "the same bytes give the same verdict");
    assert!(!first.reasons.is_empty() || first.verdict.is_clean(), "whatever is not clean has a reason");
    assert!(
        !first.reasons.iter().any(|reason| reason.contains("a fault of its own")),
        "a checker stopped: {:?}",
        first.reasons
    );
    first
}

/// The comparison must return as well, and never makes a verdict better.
fn fuzz_compare(name: &str, now: &[u8], judgement: &Judgement, before: &[u8]) {
    let facts = judge_bytes(name, before).facts;
    let compared = compare(name, &mut &*now, judgement, &mut &*before, &facts);
    assert!(
        !compared.verdict.is_clean() || judgement.verdict.is_clean(),
        "{name}: {judgement:?} became {compared:?}"
    );
}

pub(super) fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/scan");
    let mut seeds: Vec<(String, Vec<u8>)> = std::fs::read_dir(&folder)
        .expect("the corpus is part of the tree")
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    seeds.extend(small().into_iter().map(|(name, bytes)| (name.to_owned(), bytes)));
    seeds.sort();
    seeds.dedup();
    seeds
}

#[test]
fn no_bytes_make_the_judge_panic_or_change_its_mind() {
    let seeds = corpus();
    assert!(seeds.len() >= 20, "the corpus is part of the tree");
    let runs =
        std::env::var("BLACKSTART_CAMPAIGN_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(1500);
    let mut dice = Dice::new(2023);
    for round in 0..runs {
        let (name, clean) = &seeds[round % seeds.len()];
        let mut bytes = clean.clone();
        for _ in 0..=dice.below(6) {
            mutate(&mut bytes, &mut dice);
        }
        let judgement = fuzz_judge(name, &bytes);
        if round % 4 == 0 {
            fuzz_compare(name, &bytes, &judgement, clean);
        }
    }
}

#[test]
fn every_small_file_of_the_corpus_is_what_its_name_says_and_not_accused() {
    for (name, bytes) in corpus() {
        let judgement = fuzz_judge(&name, &bytes);
        if name.starts_with("broken") {
            assert!(!judgement.verdict.is_clean(), "{name}: {judgement:?}");
            continue;
        }
        let declared = name.starts_with("locked") || name.ends_with(".gpg");
        let expected = if declared {
            judgement.verdict == Verdict::DeclaredEncrypted
        } else {
            judgement.verdict.is_clean()
        };
        assert!(expected, "{name}: {judgement:?}");
        // Of these the frame is verified, not what stands in it.
        // The tables of codes of the picture stand beside its strips.
        let framed = [".rar", ".ts", ".sql", "jpeg.tif"].iter().any(|ending| name.ends_with(ending));
        let heads_only = framed && judgement.facts.state == State::Partly;
        let verified = declared || heads_only || judgement.facts.is_valid();
        assert!(verified, "{name} is not verified: {judgement:?}");
        let kept = serde_json::to_string(&judgement.facts).unwrap();
        assert!(kept.len() <= 200, "{name}: {} bytes in a ledger: {kept}", kept.len());
        assert_eq!(serde_json::from_str::<Facts>(&kept).unwrap(), judgement.facts);
    }
}

fn mutate(bytes: &mut Vec<u8>, dice: &mut Dice) {
    if bytes.is_empty() {
        bytes.push(0);
    }
    let at = dice.below(bytes.len());
    match dice.below(7) {
        0 => bytes[at] = (dice.next() >> 56) as u8,
        1 => bytes[at] ^= 1 << dice.below(8),
        2 => bytes.truncate(at),
        3 => {
            let to = at + dice.below(bytes.len() - at);
            let copied = bytes[at..to].to_vec();
            bytes.splice(at..at, copied);
        }
        4 => {
            let edges: [&[u8]; 6] =
                [&[0xff; 4], &[0; 4], &[0x7f, 0xff, 0xff, 0xff], &[0x80], &[0xff, 0xff], &[0; 8]];
            let edge = edges[dice.below(6)];
            let end = (at + edge.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&edge[..end - at]);
        }
        5 => {
            let to = (at + 1 + dice.below(64)).min(bytes.len());
            bytes.drain(at..to);
        }
        _ => {
            let random = dice.bytes(16);
            bytes.splice(at..at, random);
        }
    }
}

/// The smallest whole file of every type that can be made here.
fn small() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("s.txt", specimens::text(1, 700)),
        ("s.json", specimens::json(1, 12)),
        ("s.xml", b"<?xml version=\"1.0\"?><a><b/></a>\n".to_vec()),
        ("s.sqlite", specimens::sqlite(1, 20)),
        ("s.pdf", specimens::pdf(1, 1)),
        ("s.docx", specimens::docx(1, 900)),
        ("s.png", specimens::png(1, 12)),
        ("s.jpg", specimens::jpeg(1, 600)),
        ("marked.jpg", specimens::jpeg_in(1, 600, specimens::Passes::Marked(3))),
        ("passes.jpg", specimens::jpeg_in(1, 600, specimens::Passes::Several)),
        ("lossless.jpg", specimens::jpeg_in(1, 600, specimens::Passes::Lossless)),
        ("s.gif", specimens::gif(1, 600)),
        ("s.gz", specimens::gzip(&specimens::text(1, 2000))),
        ("s.tif", tiff()),
        ("s.bmp", bitmap()),
        ("s.mp4", film()),
        ("s.mp3", [0xff, 0xfb, 0x10, 0xc0].into_iter().chain([0; 100]).collect::<Vec<u8>>().repeat(12)),
        ("s.flac", flac()),
        ("s.ogg", ogg()),
        ("16384", postgres()),
    ]
}

/// One page with one row, of a cluster without checksums.
fn postgres() -> Vec<u8> {
    let mut page = vec![0; 8192];
    for (at, value) in [(12, 28_u16), (14, 8100), (16, 8192), (18, 0x2004)] {
        page[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    page[24..28].copy_from_slice(&(8100_u32 | 1 << 15 | 92 << 17).to_le_bytes());
    page[8100..].copy_from_slice(&specimens::text(1, 92)[..92]);
    // Two columns, none of them empty; the data begins at byte 24.
    page[8118..8124].copy_from_slice(&[2, 0, 2, 9, 24, 0]);
    page
}

fn tiff() -> Vec<u8> {
    let mut file = b"II*\0\x08\0\0\0\x04\0".to_vec();
    for (tag, value) in [(256_u16, 8_u32), (259, 1), (273, 62), (279, 64)] {
        file.extend(tag.to_le_bytes());
        file.extend(4_u16.to_le_bytes());
        file.extend(1_u32.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file.extend(specimens::text(1, 64).into_iter().take(64));
    file
}

fn bitmap() -> Vec<u8> {
    let mut file = b"BM\x76\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x04\0\0\0\x05\0\0\0\x01\0\x18\0".to_vec();
    file.resize(54, 0);
    file.extend(specimens::text(1, 60).into_iter().take(60));
    file
}

fn boxed(name: &[u8; 4], inside: &[u8]) -> Vec<u8> {
    [&(inside.len() as u32 + 8).to_be_bytes()[..], name, inside].concat()
}

/// One track of two coded pictures.
fn film() -> Vec<u8> {
    let picture = [&5_u32.to_be_bytes()[..], &[0x65, 1, 2, 3, 4], &2_u32.to_be_bytes(), &[0x41, 9]].concat();
    let start = boxed(b"ftyp", b"isom\0\0\0\0");
    let media = boxed(b"mdat", &picture.repeat(2));
    let numbers =
        |numbers: &[u32]| numbers.iter().flat_map(|number| number.to_be_bytes()).collect::<Vec<u8>>();
    let settings = boxed(b"avcC", &[1, 66, 0, 30, 0xff]);
    let entry = boxed(b"avc1", &[vec![0; 78], settings].concat());
    let size = picture.len() as u32;
    let table = [
        boxed(b"stsd", &[numbers(&[0, 1]), entry].concat()),
        boxed(b"stsz", &numbers(&[0, 0, 2, size, size])),
        boxed(b"stsc", &numbers(&[0, 1, 1, 2, 1])),
        boxed(b"stco", &numbers(&[0, 1, start.len() as u32 + 8])),
    ];
    let movie =
        boxed(b"moov", &boxed(b"trak", &boxed(b"mdia", &boxed(b"minf", &boxed(b"stbl", &table.concat())))));
    [start, media, movie].concat()
}

fn flac() -> Vec<u8> {
    let mut file = b"fLaC\x80\0\0\x22".to_vec();
    file.extend([0; 34]);
    for number in 0..3_u8 {
        let mut frame = vec![0xff, 0xf8, 0x69, 0x08, number, 15];
        frame.push(frame.iter().fold(0_u8, |sum, byte| {
            (0..8).fold(sum ^ byte, |sum, _| if sum & 0x80 == 0 { sum << 1 } else { sum << 1 ^ 7 })
        }));
        frame.extend(specimens::text(u64::from(number), 40));
        let sum = frame.iter().fold(0_u16, |sum, byte| {
            (0..8).fold(sum ^ u16::from(*byte) << 8, |sum, _| {
                if sum >> 15 == 0 { sum << 1 } else { sum << 1 ^ 0x8005 }
            })
        });
        frame.extend(sum.to_be_bytes());
        file.extend(frame);
    }
    file
}

fn ogg() -> Vec<u8> {
    let mut file = Vec::new();
    for number in 0..3_u32 {
        let mut page = b"OggS\0\0\0\0\0\0\0\0\0\0\x07\0\0\0".to_vec();
        page.extend(number.to_le_bytes());
        page.extend([0, 0, 0, 0, 1, 60]);
        page.extend(specimens::text(u64::from(number), 60).into_iter().take(60));
        let sum = page.iter().fold(0_u32, |sum, byte| {
            (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
                if sum >> 31 == 0 { sum << 1 } else { sum << 1 ^ 0x04c1_1db7 }
            })
        });
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        file.extend(page);
    }
    file
}
