//! Fetches tables from disk: the only file of this reader that touches the world. Links are not followed, and
//! nothing but plain files is opened.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::{Origin, Unreadable};

/// Longest table read, and most tables.
const TABLE_BYTES_MAX: u64 = 256 << 20;
const TABLES_MAX: usize = 500;

/// The bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Every table of a folder by name, or the one file.
pub fn gather(path: &Path) -> Result<Vec<Raw>, Unreadable> {
    let here = Origin::file(&path.to_string_lossy());
    let unreadable = |error: &std::io::Error| {
        Unreadable::new(
            &here,
            format!("it cannot be read: {error}"),
            "name the folder that holds the tables (*.csv)",
        )
    };
    let kind = fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !kind.is_dir() {
        return Ok(vec![one(path)?]);
    }
    let mut paths: Vec<PathBuf> = fs::read_dir(path)
        .map_err(|error| unreadable(&error))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_table(path))
        .take(TABLES_MAX + 1)
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(Unreadable::new(
            &here,
            "no table is in this folder: no file ends in .csv or .tsv",
            "export services and relations as CSV into one folder, and name that folder",
        ));
    }
    if paths.len() > TABLES_MAX {
        let what = format!("more than {TABLES_MAX} tables are in this folder");
        return Err(Unreadable::new(&here, what, "name the folder of the export itself"));
    }
    paths.iter().map(|path| one(path)).collect()
}

fn is_table(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let end = path.extension().map(|end| end.to_ascii_lowercase());
    !hidden && end.is_some_and(|end| end == "csv" || end == "tsv")
}

fn one(path: &Path) -> Result<Raw, Unreadable> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let origin = Origin::file(&name);
    let fault = |what: String| {
        Unreadable::new(&origin, what, "put the table itself there, or take the file out of the folder")
    };
    let kind = fs::symlink_metadata(path).map_err(|error| fault(format!("it cannot be read: {error}")))?;
    if !kind.is_file() {
        return Err(fault("it is a link or no plain file, and was not opened".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| fault(format!("it cannot be read: {error}")))?;
    file.take(TABLE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| fault(format!("it cannot be read: {error}")))?;
    if bytes.len() as u64 > TABLE_BYTES_MAX {
        return Err(fault(format!("it is larger than {} MiB", TABLE_BYTES_MAX >> 20)));
    }
    Ok(Raw { name, bytes })
}
