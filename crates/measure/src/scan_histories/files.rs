//! Files that histories are made of: from a folder of clean files, or made up here.

use std::path::Path;

use drill::rng::Rng;

/// A file that was clean when it was met.
#[derive(Clone)]
pub(crate) struct Base {
    pub(crate) ending: String,
    pub(crate) bytes: Vec<u8>,
    /// The type that its content shows, once it was judged.
    pub(super) kind: String,
}

/// At most so many files of the folder, evenly taken, none larger than `bytes_max`.
pub(super) fn from_folder(folder: &Path, files_max: usize, bytes_max: u64) -> Result<Vec<Base>, String> {
    let mut paths = Vec::new();
    walk(folder, &mut paths)?;
    paths.sort();
    let step = paths.len().div_ceil(files_max.max(1)).max(1);
    let mut all = Vec::new();
    for path in paths.iter().step_by(step) {
        let wrong = |error: std::io::Error| format!("cannot read {}: {error}", path.display());
        if path.metadata().map_err(wrong)?.len() > bytes_max {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending).to_owned();
        all.push(Base { ending, bytes: std::fs::read(path).map_err(wrong)?, kind: String::new() });
    }
    Ok(all)
}

fn walk(folder: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<(), String> {
    let wrong = |error: std::io::Error| format!("cannot list {}: {error}", folder.display());
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let kind = entry.file_type().map_err(wrong)?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

const WORDS: [&str; 16] = [
    "Antrag",
    "Bescheid",
    "Frist",
    "Kasse",
    "Arzt",
    "und",
    "der",
    "am",
    "nicht",
    "geprüft",
    "Straße",
    "Betrag",
    "offen",
    "EUR",
    "Versicherte",
    "gesendet",
];

/// Text, tables, JSON, XML, ZIP and gzip, from a seed.
pub(crate) fn made_up(seed: u64, count: usize) -> Vec<Base> {
    (0..count)
        .map(|number| {
            let mut rng = Rng::named(seed, &format!("file {number}"));
            let length = 1500 + usize::try_from(rng.below(30_000)).unwrap_or(0);
            let base =
                |ending: &str, bytes: Vec<u8>| Base { ending: ending.to_owned(), bytes, kind: String::new() };
            match number % 6 {
                0 => base("txt", text(&mut rng, length, '\n')),
                1 => base("csv", text(&mut rng, length, ';')),
                2 => base("json", json(&mut rng, length)),
                3 => base("xml", xml(&mut rng, length)),
                4 => base(
                    "zip",
                    zip(&[("a.txt", text(&mut rng, length, '\n')), ("b.xml", xml(&mut rng, 900))]),
                ),
                _ => base("gz", gzip(&text(&mut rng, length, '\n'))),
            }
        })
        .collect()
}

pub(super) fn word(rng: &mut Rng) -> &'static str {
    WORDS[usize::try_from(rng.below(16)).unwrap_or(0)]
}

pub(crate) fn text(rng: &mut Rng, length: usize, between: char) -> Vec<u8> {
    let mut text = String::new();
    while text.len() < length {
        text.push_str(word(rng));
        text.push_str(&rng.below(1000).to_string());
        text.push(if rng.percent(12) {
            '\n'
        } else if between == '\n' {
            ' '
        } else {
            between
        });
    }
    text.push('\n');
    text.into_bytes()
}

fn json(rng: &mut Rng, length: usize) -> Vec<u8> {
    let items: Vec<_> = (0..length / 40)
        .map(|id| serde_json::json!({ "id": id, "what": word(rng), "sum": rng.below(99_999) }))
        .collect();
    serde_json::to_vec(&items).unwrap_or_default()
}

fn xml(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<list>\n".to_owned();
    while text.len() < length {
        text.push_str(&format!("<item id=\"{}\">{} {}</item>\n", rng.below(9999), word(rng), word(rng)));
    }
    text.push_str("</list>\n");
    text.into_bytes()
}

pub(crate) fn random(rng: &mut Rng, length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(rng.next().to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// CRC-32 as ZIP and gzip have it, bit by bit: short, and quick enough here.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// Members are stored, not compressed.
fn zip(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let at = size(&all);
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x50];
        common.extend(crc32(bytes).to_le_bytes());
        common.extend(size(bytes).to_le_bytes());
        common.extend(size(bytes).to_le_bytes());
        common.extend(u16::try_from(name.len()).unwrap_or(0).to_le_bytes());
        common.extend([0, 0]);
        all.extend(b"PK\x03\x04");
        all.extend(&common);
        all.extend(name.as_bytes());
        all.extend(bytes);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let at = size(&all);
    all.extend(&directory);
    all.extend(b"PK\x05\x06\0\0\0\0");
    let count = u16::try_from(members.len()).unwrap_or(0).to_le_bytes();
    all.extend(count);
    all.extend(count);
    all.extend(size(&directory).to_le_bytes());
    all.extend(at.to_le_bytes());
    all.extend([0, 0]);
    all
}

/// In stored blocks, which any program reads.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    let mut left = bytes.chunks(65_535).peekable();
    while let Some(block) = left.next() {
        all.push(u8::from(left.peek().is_none()));
        let length = u16::try_from(block.len()).unwrap_or(0);
        all.extend(length.to_le_bytes());
        all.extend((!length).to_le_bytes());
        all.extend(block);
    }
    all.extend(crc32(bytes).to_le_bytes());
    all.extend(size(bytes).to_le_bytes());
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use judge::{Verdict, judge_bytes};

    #[test]
    fn made_up_files_are_clean() {
        for base in made_up(7, 12) {
            let judgement = judge_bytes(&format!("a.{}", base.ending), &base.bytes);
            assert_eq!(judgement.verdict, Verdict::Clean, "{}: {:?}", base.ending, judgement.reasons);
        }
    }
}
