//! What lies in the store of a core system before anything happens: insured persons in a database and a few hundred
//! real documents of the usual types, the same for the same seed.

use std::fs;
use std::path::Path;

use rusqlite::params;

use super::book;
use super::desk::Desk;
use crate::fault::During as _;
use crate::rng::Rng;
use crate::{Fault, Result};

mod types;

/// What a store is filled with.
#[derive(Clone, Debug)]
pub struct Filling {
    pub seed: u64,
    /// Names the store, so that two sites do not hold the same papers.
    pub name: String,
    /// Fund ids whose persons are insured here.
    pub funds: Vec<String>,
    pub persons_per_fund: u32,
    pub documents: u32,
}

/// The id of a person; sender and core both know it.
pub fn person_id(fund: &str, number: u32) -> String {
    format!("{fund}-{number:05}")
}

/// Fills an empty folder with `docs/` and `core.db`.
pub fn fill(store: &Path, filling: &Filling) -> Result<()> {
    for number in 0..filling.documents {
        let mut rng = Rng::named(filling.seed, &format!("{}/{number}", filling.name));
        let (folder, ending, bytes) = types::document(&mut rng, number);
        let folder = store.join("docs").join(folder).join(format!("{:02}", number % 12 + 1));
        let file = folder.join(format!("{number:05}.{ending}"));
        fs::create_dir_all(&folder)
            .and_then(|()| fs::write(&file, bytes))
            .during(|| format!("cannot write the document {}", file.display()))?;
    }
    fs::create_dir_all(store.join("docs").join("letters"))
        .during(|| format!("cannot make folders in {}", store.display()))?;
    persons(store, filling)
}

fn persons(store: &Path, filling: &Filling) -> Result<()> {
    let desk = Desk::open(&store.join("core.db"), book::SCHEMA)?;
    let filling = filling.clone();
    desk.with(move |tables| {
        let mut insert = tables.prepare(
            "INSERT INTO person (id, tenant, name, born, street, city, version) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)",
        )?;
        for fund in &filling.funds {
            for number in 0..filling.persons_per_fund {
                let id = person_id(fund, number);
                let mut rng = Rng::named(filling.seed, &id);
                let born = format!("{}-{:02}-{:02}", 1930 + rng.below(90), 1 + rng.below(12), 1 + rng.below(28));
                let (name, street, city) = (types::name(&mut rng), types::street(&mut rng), types::city(&mut rng));
                insert.execute(params![id, fund, name, born, street, city])?;
            }
        }
        Ok(())
    })
    .map_err(|why| Fault::new(format!("cannot fill the database in {}: {why}", store.display())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn filled(seed: u64) -> (tempfile::TempDir, BTreeMap<String, Vec<u8>>) {
        let folder = tempfile::tempdir().unwrap();
        let funds = vec!["aok-probe".to_owned()];
        let filling = Filling { seed, name: "core-muc".into(), funds, persons_per_fund: 3, documents: 60 };
        fill(folder.path(), &filling).unwrap();
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.path().join("docs")];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder.path()).unwrap().display().to_string();
                    files.insert(name, fs::read(path).unwrap());
                }
            }
        }
        (folder, files)
    }

    #[test]
    fn the_same_seed_gives_the_same_documents_and_another_seed_others() {
        let (one, two, other) = (filled(7).1, filled(7).1, filled(8).1);
        assert_eq!(one.len(), 60);
        assert_eq!(one, two);
        assert_ne!(one, other);
    }

    #[test]
    fn every_type_begins_as_its_ending_promises() {
        let (_folder, files) = filled(7);
        for ending in ["txt", "json", "csv", "pdf", "docx", "png"] {
            let of_type: Vec<_> = files.iter().filter(|(name, _)| name.ends_with(ending)).collect();
            assert!(!of_type.is_empty(), "no {ending} among the documents");
            for (name, bytes) in of_type {
                let right = match ending {
                    "pdf" => bytes.starts_with(b"%PDF-1.4") && bytes.ends_with(b"%%EOF\n"),
                    "docx" => bytes.starts_with(b"PK\x03\x04"),
                    "png" => {
                        bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.ends_with(b"IEND\xae\x42\x60\x82")
                    }
                    "json" => serde_json::from_slice::<serde_json::Value>(bytes).is_ok(),
                    _ => std::str::from_utf8(bytes).is_ok(),
                };
                assert!(right, "{name} is not a {ending}");
            }
        }
    }
}
