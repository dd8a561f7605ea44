//! Is this copy of the pages ours, whole and unchanged? Pure.
//!
//! `manifest.txt` names every file with its SHA-256, the journal and the entry that the pages were made from, and carries a
//! signature by the incident's key. Whoever has the public key tells a copy from a forgery without us:
//!
//! ```text
//! blackstart-notice 1
//! journal provider.example/incident
//! as_of_entry 42
//! file <sha256, hex> alpha/de.html
//! …
//!
//! — provider.example/incident <signature of all above the empty line, hex>
//! ```
//!
//! The first line holds a space, which no name of a journal does: no manifest can be taken for a checkpoint.
//! A manifest says nothing of its age: an old copy is ours too, and is told by its entry.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::mark;
use super::site::Files;

pub const NAME: &str = "manifest.txt";
const HEAD: &str = "blackstart-notice 1";

/// What the manifest says and who signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    pub journal: String,
    pub as_of_entry: u64,
    /// Path to SHA-256 in hexadecimal digits.
    pub files: BTreeMap<String, String>,
    pub signed_by: String,
    /// What was signed, and the signature.
    pub body: String,
    pub signature: [u8; 64],
}

/// What is to be signed.
pub fn body(files: &Files, journal: &str, as_of_entry: u64) -> String {
    let mut text = format!("{HEAD}\njournal {journal}\nas_of_entry {as_of_entry}\n");
    for (path, contents) in files {
        text.push_str(&format!("file {} {path}\n", sum(contents.as_bytes())));
    }
    text
}

/// The file.
pub fn signed(body: &str, name: &str, signature: &[u8; 64]) -> String {
    format!("{body}\n— {name} {}\n", estate::hex(signature))
}

fn sum(bytes: &[u8]) -> String {
    estate::hex(&Sha256::digest(bytes))
}

impl Manifest {
    /// `None`: it is not in this form.
    pub fn read(text: &str) -> Option<Manifest> {
        let (body, signature) = text.split_once("\n\n— ")?;
        let (signed_by, signature) = signature.strip_suffix('\n')?.split_once(' ')?;
        let mut lines = body.lines();
        if lines.next()? != HEAD {
            return None;
        }
        let journal = lines.next()?.strip_prefix("journal ")?.to_owned();
        let as_of_entry = lines.next()?.strip_prefix("as_of_entry ")?.parse().ok()?;
        let mut files = BTreeMap::new();
        for line in lines {
            let (sum, path) = line.strip_prefix("file ")?.split_once(' ')?;
            if !mark::stays_inside(path) || files.insert(path.to_owned(), sum.to_owned()).is_some() {
                return None;
            }
        }
        Some(Manifest {
            journal,
            as_of_entry,
            files,
            signed_by: signed_by.to_owned(),
            body: format!("{body}\n"),
            signature: from_hex(signature)?,
        })
    }
}

fn from_hex(text: &str) -> Option<[u8; 64]> {
    let mut bytes = [0; 64];
    if text.len() != 128 || !text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// What is wrong with a folder. Empty: it is a whole copy of what was signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub missing: Vec<String>,
    pub changed: Vec<String>,
    /// Named by nobody: a page that somebody has added looks like one of ours.
    pub foreign: Vec<String>,
}

impl Found {
    pub fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty() && self.foreign.is_empty()
    }
}

/// Holds the files of a folder, by their paths, against what was signed.
pub fn compare(manifest: &Manifest, files: &BTreeMap<String, Vec<u8>>) -> Found {
    let mut found = Found::default();
    for (path, wanted) in &manifest.files {
        match files.get(path) {
            None => found.missing.push(path.clone()),
            Some(bytes) if sum(bytes) != *wanted => found.changed.push(path.clone()),
            Some(_) => {}
        }
    }
    let ours = |path: &&String| *path == NAME || *path == mark::NAME || manifest.files.contains_key(*path);
    found.foreign = files.keys().filter(|path| !ours(path)).cloned().collect();
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]
mod tests {
    use super::*;

    fn site() -> Files {
        [("index.html", "a"), ("alpha/de.html", "b")]
            .map(|(path, text)| (path.to_owned(), text.to_owned()))
            .into()
    }

    fn text() -> String {
        signed(&body(&site(), "blackstart/x", 7), "blackstart/x", &[7; 64])
    }

    fn bytes() -> BTreeMap<String, Vec<u8>> {
        site().into_iter().map(|(path, text)| (path, text.into_bytes())).collect()
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written_and_a_torn_one_is_none() {
        let manifest = Manifest::read(&text()).unwrap();
        assert_eq!(
            (manifest.journal.as_str(), manifest.as_of_entry, manifest.files.len()),
            ("blackstart/x", 7, 2)
        );
        assert_eq!(
            (manifest.body.as_str(), manifest.signature),
            (body(&site(), "blackstart/x", 7).as_str(), [7; 64])
        );
        for end in (0..text().len()).filter(|end| text().is_char_boundary(*end)) {
            assert_eq!(Manifest::read(&text()[..end]), None, "torn at {end}");
        }
    }

    #[test]
    fn whatever_was_changed_added_or_taken_away_is_found() {
        let manifest = Manifest::read(&text()).unwrap();
        assert!(compare(&manifest, &bytes()).is_whole());
        let mut forged = bytes();
        forged.insert("index.html".to_owned(), b"pay here".to_vec());
        forged.insert("beta/de.html".to_owned(), b"pay here".to_vec());
        forged.remove("alpha/de.html");
        let found = compare(&manifest, &forged);
        assert_eq!(found.changed, ["index.html"]);
        assert_eq!(
            (found.foreign, found.missing),
            (vec!["beta/de.html".to_owned()], vec!["alpha/de.html".to_owned()])
        );
    }

    #[test]
    fn a_manifest_names_nothing_outside_and_nothing_twice() {
        assert_eq!(Manifest::read(&text().replace("alpha/de.html", "../x")), None);
        assert_eq!(Manifest::read(&text().replace("alpha/de.html", "index.html")), None);
    }
}
