//! Files to test on, made here from a seed: real structure, nothing from elsewhere. And what attackers do to them.

#![allow(
    clippy::unwrap_used,
    clippy::should_implement_trait,
    reason = "test code, also when it is lent to others"
)]

use std::io::Write;

/// A small generator of numbers; the same seed gives the same file on every machine.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap() % bound
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.next() >> 56).unwrap()).collect()
    }
}

const WORDS: &[&str] = &[
    "Versicherte",
    "Krankmeldung",
    "Bescheid",
    "Frist",
    "Antrag",
    "Straße",
    "Kasse",
    "eingegangen",
    "am",
    "der",
    "für",
    "Zahlung",
    "offen",
    "Müller",
    "Essen",
    "München",
    "Arzt",
    "Diagnose",
    "und",
    "nicht",
    "geprüft",
    "1234567890",
    "2023-04-26",
    "Betrag",
    "EUR",
    "12,50",
    "wird",
    "gesendet",
    "Rückfrage",
    "Telefon",
];

pub fn text(seed: u64, length: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut text = String::new();
    while text.len() < length {
        text.push_str(WORDS[dice.below(WORDS.len())]);
        text.push(if dice.below(9) == 0 { '\n' } else { ' ' });
    }
    text.into_bytes()
}

pub fn csv(seed: u64, rows: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut text = "id;name;insured;since\n".to_owned();
    for row in 0..rows {
        let (word, number) = (WORDS[dice.below(WORDS.len())], dice.below(1_000_000));
        text.push_str(&format!("{row};{word};{number};2023-04-{:02}\n", 1 + dice.below(30)));
    }
    text.into_bytes()
}

pub fn json(seed: u64, items: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let items: Vec<serde_json::Value> = (0..items)
        .map(|at| serde_json::json!({ "id": at, "what": WORDS[dice.below(WORDS.len())], "sum": dice.below(99_999) }))
        .collect();
    serde_json::to_vec(&items).unwrap()
}

pub fn sqlite(seed: u64, rows: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("practice.sqlite");
    let database = rusqlite::Connection::open(&path).unwrap();
    let mut dice = Dice::new(seed);
    database
        .execute_batch(
            "PRAGMA synchronous=OFF; BEGIN; CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, fund TEXT, note BLOB);
             CREATE INDEX by_fund ON person (fund, name);",
        )
        .unwrap();
    for row in 0..rows {
        let name = String::from_utf8(text(dice.next(), 12)).unwrap();
        let note = if row % 50 == 0 { dice.bytes(9000) } else { text(dice.next(), 80) };
        let fund = WORDS[dice.below(WORDS.len())];
        database
            .execute("INSERT INTO person (name, fund, note) VALUES (?, ?, ?)", (name, fund, note))
            .unwrap();
    }
    database.execute_batch("DELETE FROM person WHERE id % 7 = 3; COMMIT;").unwrap();
    drop(database);
    std::fs::read(path).unwrap()
}

/// The same database a day later: some rows changed, some gone, some new, in place as SQLite does it.
pub fn sqlite_next_day(bytes: &[u8], seed: u64) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("practice.sqlite");
    std::fs::write(&path, bytes).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    let mut dice = Dice::new(seed);
    database.execute_batch("PRAGMA synchronous=OFF; BEGIN; DELETE FROM person WHERE id % 11 = 5;").unwrap();
    for row in 0..60 {
        let note = if row % 20 == 0 { dice.bytes(9000) } else { text(dice.next(), 70) };
        database
            .execute("UPDATE person SET note = ? WHERE id = ?", (note, 1 + dice.below(500) as i64))
            .unwrap();
    }
    database.execute_batch("COMMIT;").unwrap();
    drop(database);
    std::fs::read(path).unwrap()
}

pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn pdf(seed: u64, pages: usize) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    let object = |file: &mut Vec<u8>, places: &mut Vec<usize>, body: &[u8]| {
        places.push(file.len());
        file.extend(format!("{} 0 obj\n", places.len()).bytes());
        file.extend(body);
        file.extend(b"\nendobj\n");
    };
    object(&mut file, &mut places, b"<< /Type /Catalog /Pages 2 0 R >>");
    object(&mut file, &mut places, format!("<< /Type /Pages /Count {pages} /Kids [] >>").as_bytes());
    for page in 0..pages {
        let packed = zlib(&text(seed + page as u64, 9000));
        let mut body = format!("<< /Length {} /Filter /FlateDecode >>\nstream\n", packed.len()).into_bytes();
        body.extend(packed);
        body.extend(b"\nendstream");
        object(&mut file, &mut places, &body);
    }
    let table = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", places.len() + 1).bytes());
    for place in &places {
        file.extend(format!("{place:010} 00000 n \n").bytes());
    }
    file.extend(
        format!("trailer << /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n", places.len() + 1).bytes(),
    );
    file
}

/// A ZIP of members, deflated, or stored when that is shorter.
pub fn zip(members: &[(&str, Vec<u8>)], flags: u16) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let deflated = deflated(content);
        let (method, packed): (u16, &[u8]) =
            if deflated.len() < content.len() { (8, &deflated) } else { (0, content) };
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let at = file.len() as u32;
        let mut shared = Vec::new();
        for part in [20, flags, method, 0, 0x5a21] {
            shared.extend(u16::to_le_bytes(part));
        }
        for part in [crc.sum(), packed.len() as u32, content.len() as u32] {
            shared.extend(part.to_le_bytes());
        }
        shared.extend((name.len() as u16).to_le_bytes());
        shared.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&shared);
        file.extend(name.bytes());
        file.extend(packed);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&shared);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.bytes());
    }
    let at = file.len() as u32;
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    for _ in 0..2 {
        file.extend((members.len() as u16).to_le_bytes());
    }
    file.extend((directory.len() as u32).to_le_bytes());
    file.extend(at.to_le_bytes());
    file.extend([0, 0]);
    file
}

pub fn docx(seed: u64, length: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    zip(
        &[
            ("[Content_Types].xml", b"<?xml version=\"1.0\"?><Types/>".to_vec()),
            ("word/document.xml", text(seed, length)),
            ("word/media/image1.png", png(seed, 64)),
            ("word/media/blob.bin", dice.bytes(2000)),
        ],
        0,
    )
}

pub fn png(seed: u64, side: u32) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut rows = Vec::new();
    for row in 0..side {
        rows.push(0);
        rows.extend((0..side * 3).map(|column| (row * 3 + column) as u8 ^ (dice.next() >> 60) as u8));
    }
    let mut head = Vec::new();
    head.extend(side.to_be_bytes());
    head.extend(side.to_be_bytes());
    head.extend([8, 2, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let packed = zlib(&rows);
    let pieces = packed.chunks(8192).map(|piece| (b"IDAT", piece));
    for (name, body) in std::iter::once((b"IHDR", head.as_slice())).chain(pieces).chain([(b"IEND", &[][..])])
    {
        let mut crc = flate2::Crc::new();
        crc.update(name);
        crc.update(body);
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(name);
        file.extend(body);
        file.extend(crc.sum().to_be_bytes());
    }
    file
}

/// How a JPEG of one colour may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passes {
    One,
    /// With a mark after so many blocks.
    Marked(u16),
    /// Progressive: the first value of all blocks, then the others coarsely, then both more finely.
    Several,
    /// Every sample on its own.
    Lossless,
}

/// Bits from the highest down; a zero byte behind every byte FF.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    hold: u32,
    count: u32,
}

impl BitWriter {
    fn put(&mut self, value: u64, bits: u32) {
        for bit in (0..bits).rev() {
            self.hold = self.hold << 1 | (value >> bit & 1) as u32;
            self.count += 1;
            if self.count == 8 {
                self.bytes.push(self.hold as u8);
                if self.hold as u8 == 0xff {
                    self.bytes.push(0);
                }
                (self.hold, self.count) = (0, 0);
            }
        }
    }

    fn end(&mut self) -> Vec<u8> {
        while self.count > 0 {
            self.put(1, 1);
        }
        std::mem::take(&mut self.bytes)
    }
}

/// Sixteen symbols with codes of five bits. The first ends a block, the last two to three blocks (progressive only).
const JPEG_SYMBOLS: [u8; 16] = [0, 1, 2, 3, 4, 5, 6, 0x11, 0x12, 0x13, 0x21, 0x22, 0x31, 0x41, 0x51, 0x10];

/// A picture of noise in as many rows of `8 * across` pixels as give about `length` bytes.
pub fn jpeg(seed: u64, length: usize) -> Vec<u8> {
    jpeg_in(seed, length, Passes::One)
}

pub fn jpeg_in(seed: u64, length: usize, passes: Passes) -> Vec<u8> {
    // A block takes fifty bits on average, a sample without loss eight.
    let (across, per_row) = match passes {
        Passes::Lossless => (64_usize, 64),
        _ => (10, 64),
    };
    let down = (length / per_row).max(1);
    let mut file = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    file.extend(b"\xff\xdb\0\x43\0");
    file.extend([1; 64]);
    let (mark, side) = match passes {
        Passes::One | Passes::Marked(_) => (0xc0, 8),
        Passes::Several => (0xc2, 8),
        Passes::Lossless => (0xc3, 1),
    };
    file.extend([0xff, mark, 0, 11, 8]);
    file.extend(((down * side) as u16).to_be_bytes());
    file.extend(((across * side) as u16).to_be_bytes());
    file.extend([1, 1, 0x11, 0]);
    for kind in [0, 0x10] {
        file.extend([0xff, 0xc4, 0, 35, kind, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(if kind == 0 { std::array::from_fn(|at| at as u8) } else { JPEG_SYMBOLS });
    }
    if let Passes::Marked(blocks) = passes {
        file.extend([0xff, 0xdd, 0, 4]);
        file.extend(blocks.to_be_bytes());
    }
    let mut dice = Dice::new(seed);
    let blocks = across * down;
    let mut known = vec![0_u64; blocks];
    let passes_of = |spectrum: [u8; 3]| [&[0xff, 0xda, 0, 8, 1, 1, 0][..], &spectrum].concat();
    let all: &[[u8; 3]] = match passes {
        Passes::Several => &[[0, 0, 1], [1, 63, 1], [0, 0, 0x10], [1, 63, 0x10]],
        Passes::One | Passes::Marked(_) => &[[0, 63, 0]],
        Passes::Lossless => &[[1, 0, 0]],
    };
    for spectrum in all {
        file.extend(passes_of(*spectrum));
        let mut bits = BitWriter::default();
        let (mut mark, mut empty) = (0, 0);
        for (block, known) in known.iter_mut().enumerate() {
            if let Passes::Marked(every) = passes
                && block > 0
                && block % usize::from(every) == 0
            {
                file.extend(bits.end());
                file.extend([0xff, 0xd0 + mark]);
                mark = (mark + 1) % 8;
            }
            if spectrum[2] == 0x10 && spectrum[0] == 0 {
                bits.put(dice.next() >> 63, 1);
                continue;
            }
            if spectrum[0] == 0 || passes == Passes::Lossless {
                let size = dice.below(7) as u32;
                bits.put(size.into(), 5);
                bits.put(dice.next(), size);
            }
            if spectrum[1] == 63 {
                let last_of = blocks - block;
                jpeg_block(&mut bits, &mut dice, known, *spectrum, &mut empty, last_of);
            }
        }
        file.extend(bits.end());
    }
    file.extend(b"\xff\xd9");
    file
}

/// All but the first value of a block. What refines writes a bit more for each that is known, and one new one.
fn jpeg_block(
    bits: &mut BitWriter,
    dice: &mut Dice,
    known: &mut u64,
    spectrum: [u8; 3],
    empty: &mut usize,
    last_of: usize,
) {
    if *empty > 0 {
        *empty -= 1;
        let count = if spectrum[2] == 0x10 { known.count_ones() } else { 0 };
        bits.put(dice.next(), count);
        return;
    }
    if spectrum[2] == 0x10 {
        // A new one at the first place that is not known.
        let at = (1..64).find(|at| *known >> at & 1 == 0).unwrap();
        bits.put(1, 5);
        bits.put(dice.next(), 1);
        bits.put(dice.next(), (1..at).filter(|at| *known >> at & 1 == 1).count() as u32);
        jpeg_end(bits, dice, empty, last_of);
        bits.put(dice.next(), (at..64).filter(|at| *known >> at & 1 == 1).count() as u32);
        *known |= 1 << at;
        return;
    }
    let mut at = 1;
    loop {
        let code = 1 + dice.below(14);
        let (run, size) = (usize::from(JPEG_SYMBOLS[code] >> 4), u32::from(JPEG_SYMBOLS[code] & 15));
        if dice.below(6) == 0 || at + run > 63 {
            break;
        }
        bits.put(code as u64, 5);
        bits.put(dice.next(), size);
        at += run;
        *known |= 1 << at;
        at += 1;
    }
    match spectrum[2] {
        1 if at <= 63 => jpeg_end(bits, dice, empty, last_of),
        _ if at <= 63 => bits.put(0, 5),
        _ => {}
    }
}

/// Progressive: the end of this block, or of it and the next ones.
fn jpeg_end(bits: &mut BitWriter, dice: &mut Dice, empty: &mut usize, last_of: usize) {
    if last_of > 3 && dice.below(4) == 0 {
        *empty = 1 + dice.below(2);
        bits.put(15, 5);
        bits.put(*empty as u64 - 1, 1);
    } else {
        bits.put(0, 5);
    }
}

/// Packed with LZW, by the plainest encoder there is.
pub(crate) fn lzw(bytes: &[u8], form: crate::lzw::Form) -> Vec<u8> {
    use crate::lzw::Form;
    let (symbol, early) = match form {
        Form::Gif(bits) => (bits, 0),
        Form::Tiff => (8, 1),
    };
    let (mut packed, mut hold, mut held) = (Vec::new(), 0_u64, 0);
    let mut put = |code: u32, size: u32| {
        match form {
            Form::Gif(_) => hold |= u64::from(code) << held,
            Form::Tiff => hold = hold << size | u64::from(code),
        }
        held += size;
        while held >= 8 {
            match form {
                Form::Gif(_) => {
                    packed.push(hold as u8);
                    hold >>= 8;
                }
                Form::Tiff => packed.push((hold >> (held - 8)) as u8),
            }
            held -= 8;
        }
    };
    let (clear, end) = (1_u32 << symbol, (1 << symbol) + 1);
    let mut table = std::collections::HashMap::new();
    let (mut next, mut size) = (end + 1, symbol + 1);
    put(clear, size);
    let mut before: Option<u32> = None;
    for byte in bytes {
        let Some(prefix) = before else {
            before = Some(u32::from(*byte));
            continue;
        };
        if let Some(known) = table.get(&(prefix, *byte)) {
            before = Some(*known);
            continue;
        }
        put(prefix, size);
        table.insert((prefix, *byte), next);
        next += 1;
        // The reader of codes is one entry behind.
        if next + early > 1 << size && size < 12 {
            size += 1;
        }
        if next >= 4094 {
            put(clear, size);
            table.clear();
            (next, size) = (end + 1, symbol + 1);
        }
        before = Some(u32::from(*byte));
    }
    put(before.unwrap_or(0), size);
    if next + 1 + early > 1 << size && size < 12 {
        size += 1;
    }
    put(end, size);
    put(0, 7);
    packed
}

pub fn gif(seed: u64, length: usize) -> Vec<u8> {
    let mut file = b"GIF89a\x40\0\x40\0\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\x40\0\x40\0\0\x08".to_vec();
    let packed = lzw(&Dice::new(seed).bytes(length), crate::lzw::Form::Gif(8));
    for block in packed.chunks(255) {
        file.push(block.len() as u8);
        file.extend(block);
    }
    file.extend(b"\0\x3b");
    file
}

/// Every type for which detection is promised, with a name.
pub fn promised(seed: u64) -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("letter.txt", text(seed, 60_000)),
        ("persons.csv", csv(seed, 2_000)),
        ("cases.json", json(seed, 1_500)),
        ("core.sqlite", sqlite(seed, 600)),
        ("notice.pdf", pdf(seed, 12)),
        ("letter.docx", docx(seed, 120_000)),
        ("scan.png", png(seed, 160)),
        ("photo.jpg", jpeg(seed, 50_000)),
        ("sign.gif", gif(seed, 40_000)),
        ("log.gz", gzip(&text(seed, 200_000))),
    ]
}

/// Bytes `from..to` replaced by what a cipher would leave.
fn encrypt(bytes: &mut [u8], dice: &mut Dice, from: usize, to: usize) {
    let to = to.min(bytes.len());
    if from < to {
        for byte in &mut bytes[from..to] {
            *byte ^= (dice.next() >> 56) as u8;
        }
    }
}

/// What is done to a file, by the names under which it is known.
pub const PATTERNS: &[&str] = &[
    "full",
    "head-4k",
    "16/16",
    "64/128",
    "64/192",
    "percent",
    "skip-step",
    "1m-alternate",
    "keep-head-4k",
    "keep-head-16k",
    "dot",
    "same-block",
];

pub fn attacked(pattern: &str, clean: &[u8], seed: u64) -> Vec<u8> {
    let mut bytes = clean.to_vec();
    let (dice, length) = (&mut Dice::new(seed ^ 0xa77a), clean.len());
    let mut every = |bytes: &mut [u8], from: usize, on: usize, off: usize| {
        for at in (from..length).step_by(on + off) {
            encrypt(bytes, dice, at, at + on);
        }
    };
    match pattern {
        "full" => every(&mut bytes, 0, length, 0),
        "head-4k" => every(&mut bytes[..length.min(4096)], 0, 4096, length),
        "16/16" => every(&mut bytes, 0, 16, 16),
        "64/128" => every(&mut bytes, 0, 64, 128),
        "64/192" => every(&mut bytes, 0, 64, 192),
        // Ten blocks, the first tenth of each.
        "percent" => every(&mut bytes, 0, (length / 100).max(1), length / 10 - length / 100),
        "skip-step" => every(&mut bytes, 4096, 4096, 8192),
        "1m-alternate" => every(&mut bytes, 0, 1 << 20, 1 << 20),
        "keep-head-4k" => every(&mut bytes, 4096, length, 0),
        "keep-head-16k" => every(&mut bytes, 16_384, length, 0),
        "dot" => every(&mut bytes, 0, 1024, 15_360),
        // The first 5,000 bytes, then 64 of every 192, all with the same 64 bytes of key.
        "same-block" => {
            let key = Dice::new(seed).bytes(64);
            let pieces = (0..5000).step_by(64).chain((5000..length).step_by(192));
            for at in pieces {
                for (byte, key) in bytes[at..(at + 64).min(length)].iter_mut().zip(&key) {
                    *byte ^= key;
                }
            }
        }
        other => panic!("no such pattern: {other}"),
    }
    bytes
}
