//! Fetches the files of an estate from disk. The only place of this part that touches the world.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Longest file read. The largest real estate seen has a tenth of a mebibyte.
pub const FILE_BYTES_MAX: u64 = 16 << 20;
/// Most files read from one folder, so that a call on the wrong folder ends.
pub const FILES_MAX: usize = 1000;
/// The one CSV file that is read.
pub const TENANTS: &str = "tenants.csv";

/// Nothing could be read at all. Everything less than that is a finding.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    #[error("there is no {0}")]
    Missing(PathBuf),
    #[error("{0} holds no file that ends in .toml")]
    Empty(PathBuf),
    #[error("{0} holds more than {FILES_MAX} estate files")]
    TooMany(PathBuf),
    #[error("cannot read {path}")]
    Unreadable { path: PathBuf, source: std::io::Error },
}

/// The bytes of a file, or why there are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    TooLarge,
    Unreadable(String),
}

/// A file of an estate, not yet looked into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFile {
    pub name: String,
    pub content: Content,
}

/// All `*.toml` of a folder in the order of their names, then its `tenants.csv`; or the one file named.
pub fn fetch(path: &Path) -> Result<Vec<RawFile>, ReadFault> {
    let unreadable = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => ReadFault::Missing(path.to_owned()),
        _ => ReadFault::Unreadable { path: path.to_owned(), source },
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return match one(path) {
            RawFile { content: Content::Unreadable(why), .. } => Err(unreadable(std::io::Error::other(why))),
            file => Ok(vec![file]),
        };
    }
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?.path();
        if is_estate_file(&entry) {
            paths.push(entry);
        }
        if paths.len() > FILES_MAX {
            return Err(ReadFault::TooMany(path.to_owned()));
        }
    }
    if paths.is_empty() {
        return Err(ReadFault::Empty(path.to_owned()));
    }
    paths.sort();
    let tenants = path.join(TENANTS);
    if tenants.exists() {
        paths.push(tenants);
    }
    Ok(paths.iter().map(|path| one(path)).collect())
}

/// Hidden files are left out: editors keep their copies there.
fn is_estate_file(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|extension| extension == "toml")
}

fn one(path: &Path) -> RawFile {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let content = content(path).unwrap_or_else(|error| Content::Unreadable(error.to_string()));
    RawFile { name, content }
}

/// Looks at the kind first: opening a pipe would wait for ever.
fn content(path: &Path) -> std::io::Result<Content> {
    if !fs::metadata(path)?.is_file() {
        return Ok(Content::Unreadable("it is not a plain file".to_owned()));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let fits = bytes.len() as u64 <= FILE_BYTES_MAX;
    Ok(if fits { Content::Bytes(bytes) } else { Content::TooLarge })
}
