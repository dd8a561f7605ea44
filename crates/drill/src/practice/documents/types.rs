//! Documents of the types an office has: text, JSON, CSV, PDF, a word processor's zip, and scanned pages as PNG.
//! Each is valid, so that whatever judges files finds nothing wrong with them before the attack.

use crate::rng::Rng;

const WORDS: [&str; 40] = [
    "the",
    "insured",
    "person",
    "has",
    "sent",
    "a",
    "request",
    "for",
    "care",
    "benefit",
    "and",
    "we",
    "have",
    "paid",
    "sick",
    "pay",
    "from",
    "first",
    "of",
    "month",
    "doctor",
    "hospital",
    "stay",
    "was",
    "approved",
    "please",
    "return",
    "form",
    "within",
    "two",
    "weeks",
    "contribution",
    "account",
    "employer",
    "notice",
    "family",
    "member",
    "since",
    "treatment",
    "plan",
];
const FIRST: [&str; 16] = [
    "Anna", "Bernd", "Clara", "David", "Elif", "Franz", "Greta", "Hasan", "Ida", "Jonas", "Karin", "Luca",
    "Mira", "Nils", "Olga", "Paul",
];
const LAST: [&str; 16] = [
    "Ahrens", "Bauer", "Celik", "Dorn", "Ebert", "Fink", "Graf", "Huber", "Imhof", "Jung", "Kaya", "Lorenz",
    "Moser", "Nowak", "Otto", "Pohl",
];
const STREETS: [&str; 8] =
    ["Lindenweg", "Am Markt", "Bergstr.", "Hafengasse", "Ringstr.", "Schulweg", "Talstr.", "Parkallee"];
const CITIES: [&str; 8] = ["Essen", "Passau", "Hagen", "Fürth", "Trier", "Kiel", "Jena", "Lahr"];

pub(super) fn name(rng: &mut Rng) -> String {
    format!("{} {}", rng.pick(&FIRST), rng.pick(&LAST))
}

pub(super) fn street(rng: &mut Rng) -> String {
    format!("{} {}", rng.pick(&STREETS), 1 + rng.below(120))
}

pub(super) fn city(rng: &mut Rng) -> String {
    format!("{:05} {}", 10_000 + rng.below(89_000), rng.pick(&CITIES))
}

/// Folder, ending and bytes of a document. The types come in turn, so that even few documents have all of them.
pub(super) fn document(rng: &mut Rng, number: u32) -> (&'static str, &'static str, Vec<u8>) {
    match number % 6 {
        0 => ("notes", "txt", text(rng, 400, 6_000).into_bytes()),
        1 => ("claims", "json", json(rng).into_bytes()),
        2 => ("lists", "csv", csv(rng).into_bytes()),
        3 => ("decisions", "pdf", pdf(rng)),
        4 => ("forms", "docx", docx(rng)),
        _ => ("scans", "png", png(rng)),
    }
}

fn text(rng: &mut Rng, least: u64, spread: u64) -> String {
    let mut text = format!("{}\n{}, {}\n\n", name(rng), street(rng), city(rng));
    let length = usize::try_from(least + rng.below(spread)).unwrap_or(usize::MAX);
    while text.len() < length {
        for _ in 0..8 + rng.below(8) {
            text.push_str(rng.pick(&WORDS));
            text.push(' ');
        }
        text.push_str(&format!("ref {}.\n", rng.below(1_000_000)));
    }
    text
}

fn json(rng: &mut Rng) -> String {
    let entries: Vec<serde_json::Value> = (0..5 + rng.below(60))
        .map(|entry| {
            serde_json::json!({
                "claim": rng.below(10_000_000), "line": entry, "name": name(rng),
                "amount_cents": rng.below(900_000), "kind": rng.pick(&WORDS), "paid": rng.percent(80)
            })
        })
        .collect();
    serde_json::to_string_pretty(&entries).expect("plain values can be written")
}

fn csv(rng: &mut Rng) -> String {
    let mut table = String::from("member;name;street;city;contribution_cents\n");
    for _ in 0..20 + rng.below(300) {
        let member = rng.below(99_999_999);
        table.push_str(&format!(
            "{member};{};{};{};{}\n",
            name(rng),
            street(rng),
            city(rng),
            rng.below(90_000)
        ));
    }
    table
}

fn pdf(rng: &mut Rng) -> Vec<u8> {
    let mut page = String::from("BT /F1 11 Tf 14 TL 60 780 Td\n");
    for line in text(rng, 1_000, 9_000).lines().map(|line| line.replace(['(', ')', '\\'], " ")) {
        let plain: String = line.chars().map(|sign| if sign.is_ascii() { sign } else { '?' }).collect();
        page.push_str(&format!("({plain}) Tj T*\n"));
    }
    page.push_str("ET\n");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{page}endstream", page.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut places = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        places.push(file.len());
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let table = file.len();
    file.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    for place in places {
        file.push_str(&format!("{place:010} 00000 n \n"));
    }
    file.push_str(&format!(
        "trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n",
        objects.len() + 1
    ));
    file.into_bytes()
}

/// A word processor's document: a zip with the parts it must have. The parts are stored, not compressed.
fn docx(rng: &mut Rng) -> Vec<u8> {
    let paragraphs: String = text(rng, 800, 12_000)
        .lines()
        .map(|line| format!("<w:p><w:r><w:t>{line}</w:t></w:r></w:p>"))
        .collect();
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
    let types = format!(
        "{head}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default \
         Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Override \
         PartName=\"/word/document.xml\" \
         ContentType=\"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml\"/></Types>"
    );
    let relations = format!(
        "{head}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship \
         Id=\"r1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" \
         Target=\"word/document.xml\"/></Relationships>"
    );
    let body = format!(
        "{head}<w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>\
         {paragraphs}</w:body></w:document>"
    );
    zip(&[("[Content_Types].xml", &types), ("_rels/.rels", &relations), ("word/document.xml", &body)])
}

fn zip(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut directory = Vec::new();
    for (name, content) in parts {
        let place = small(file.len());
        let mut common = Vec::new();
        // Version 2.0, no flags, stored, 1 January 2026.
        common.extend([20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x5c]);
        common.extend(crc32(&[content.as_bytes()]).to_le_bytes());
        common.extend(small(content.len()).to_le_bytes());
        common.extend(small(content.len()).to_le_bytes());
        common.extend(small(name.len()).to_le_bytes()[..2].iter());
        common.extend([0, 0]);
        file.extend(b"PK\x03\x04");
        file.extend(&common);
        file.extend(name.as_bytes());
        file.extend(content.as_bytes());
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(place.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, count) = (small(file.len()), small(parts.len()).to_le_bytes());
    file.extend(&directory);
    file.extend(b"PK\x05\x06\0\0\0\0");
    file.extend([count[0], count[1], count[0], count[1]]);
    file.extend(small(directory.len()).to_le_bytes());
    file.extend(start.to_le_bytes());
    file.extend([0, 0]);
    file
}

/// A scanned page in grey: paper with noise and darker lines. Its bytes look random to a naive test, as real scans do.
fn png(rng: &mut Rng) -> Vec<u8> {
    let (width, height) = (64 + small_of(rng.below(96)), 64 + small_of(rng.below(160)));
    let mut rows = Vec::new();
    for row in 0..height {
        rows.push(0);
        for _ in 0..width {
            let noise = rng.next().to_le_bytes();
            let paper: u8 = if row % 12 < 3 { 60 } else { 190 };
            rows.push(paper.wrapping_add(noise[0] / 8).wrapping_add(noise[1] / 8));
        }
    }
    let mut head = Vec::new();
    head.extend(width.to_be_bytes());
    head.extend(height.to_be_bytes());
    head.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", head), (b"IDAT", zlib(&rows)), (b"IEND", Vec::new())] {
        file.extend(small(data.len()).to_be_bytes());
        file.extend(kind);
        file.extend(&data);
        file.extend(crc32(&[kind, &data]).to_be_bytes());
    }
    file
}

/// A zlib stream of stored blocks.
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).expect("a block has at most 65,535 bytes");
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    let (mut low, mut high) = (1_u32, 0_u32);
    for byte in data {
        low = (low + u32::from(*byte)) % 65_521;
        high = (high + low) % 65_521;
    }
    stream.extend((high << 16 | low).to_be_bytes());
    stream
}

fn crc32(parts: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

fn small(length: usize) -> u32 {
    u32::try_from(length).expect("documents are made smaller than 4 GiB")
}

fn small_of(number: u64) -> u32 {
    u32::try_from(number).expect("sides of a scan are small")
}
