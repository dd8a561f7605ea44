//! Files to test on, made here from a seed: real structure, nothing from elsewhere. And what attackers do to them.

use std::io::Write;

/// A small generator of numbers; the same seed gives the same file on every machine.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 11).unwrap() % bound
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Vec<u8> {
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

pub(crate) fn text(seed: u64, length: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut text = String::new();
    while text.len() < length {
        text.push_str(WORDS[dice.below(WORDS.len())]);
        text.push(if dice.below(9) == 0 { '\n' } else { ' ' });
    }
    text.into_bytes()
}

pub(crate) fn csv(seed: u64, rows: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut text = "id;name;insured;since\n".to_owned();
    for row in 0..rows {
        let (word, number) = (WORDS[dice.below(WORDS.len())], dice.below(1_000_000));
        text.push_str(&format!("{row};{word};{number};2023-04-{:02}\n", 1 + dice.below(30)));
    }
    text.into_bytes()
}

pub(crate) fn json(seed: u64, items: usize) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let items: Vec<serde_json::Value> = (0..items)
        .map(|at| serde_json::json!({ "id": at, "what": WORDS[dice.below(WORDS.len())], "sum": dice.below(99_999) }))
        .collect();
    serde_json::to_vec(&items).unwrap()
}

pub(crate) fn sqlite(seed: u64, rows: usize) -> Vec<u8> {
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
pub(crate) fn sqlite_next_day(bytes: &[u8], seed: u64) -> Vec<u8> {
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

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn pdf(seed: u64, pages: usize) -> Vec<u8> {
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
pub(crate) fn zip(members: &[(&str, Vec<u8>)], flags: u16) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        let deflated = encoder.finish().unwrap();
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

pub(crate) fn docx(seed: u64, length: usize) -> Vec<u8> {
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

pub(crate) fn png(seed: u64, side: u32) -> Vec<u8> {
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

/// Not a picture anybody could look at, but every segment and the coded data obey the rules.
pub(crate) fn jpeg(seed: u64, length: usize) -> Vec<u8> {
    let mut file = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec();
    file.extend(b"\xff\xdb\0\x43\0");
    file.extend([1; 64]);
    file.extend(b"\xff\xda\0\x0c\x03\x01\0\x02\x11\x03\x11\0\x3f\0");
    for byte in Dice::new(seed).bytes(length) {
        file.push(byte);
        if byte == 0xff {
            file.push(0);
        }
    }
    file.extend(b"\xff\xd9");
    file
}

pub(crate) fn gif(seed: u64, length: usize) -> Vec<u8> {
    let mut file = b"GIF89a\x40\0\x40\0\x80\0\0\0\0\0\xff\xff\xff\x2c\0\0\0\0\x40\0\x40\0\0\x08".to_vec();
    for block in Dice::new(seed).bytes(length).chunks(255) {
        file.push(block.len() as u8);
        file.extend(block);
    }
    file.extend(b"\0\x3b");
    file
}

/// Every type for which detection is promised, with a name.
pub(crate) fn promised(seed: u64) -> Vec<(&'static str, Vec<u8>)> {
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
pub(crate) const PATTERNS: &[&str] = &[
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

pub(crate) fn attacked(pattern: &str, clean: &[u8], seed: u64) -> Vec<u8> {
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
