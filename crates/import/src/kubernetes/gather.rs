//! Fetches manifests from disk: the only file of this reader that touches the world. In folders links are not
//! followed, and nothing but plain files is opened.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::super::{Origin, Unreadable};

/// Longest file (a dump of a large cluster), most files, deepest folder.
const FILE_BYTES_MAX: u64 = 256 << 20;
const FILES_MAX: usize = 20_000;
const DEPTH_MAX: usize = 16;

/// A file with its name from the named folder on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    pub name: String,
    pub text: String,
}

/// The files named, and every *.yaml, *.yml and *.json below the folders named.
pub fn gather(paths: &[PathBuf]) -> Result<Vec<Text>, Unreadable> {
    let mut texts = Vec::new();
    for path in paths {
        let here = Origin::file(&path.to_string_lossy());
        let kind = fs::metadata(path).map_err(|error| {
            Unreadable::new(
                &here,
                format!("it cannot be read: {error}"),
                "name a manifest, or a folder with manifests",
            )
        })?;
        if !kind.is_dir() {
            texts.push(one(path, &path.to_string_lossy(), kind.is_file())?);
            continue;
        }
        let mut found = Vec::new();
        walk(path, 0, &mut found);
        found.sort();
        if found.is_empty() || found.len() > FILES_MAX {
            let what = match found.len() {
                0 => "no file in this folder ends in .yaml, .yml or .json".to_owned(),
                _ => format!("more than {FILES_MAX} manifests are in this folder"),
            };
            return Err(Unreadable::new(&here, what, "name the folder that holds the manifests"));
        }
        for file in found {
            let name = file.strip_prefix(path).unwrap_or(&file).to_string_lossy().into_owned();
            texts.push(one(&file, &name, true)?);
        }
    }
    Ok(texts)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let Ok(kind) = fs::symlink_metadata(&path) else { continue };
        if hidden || found.len() > FILES_MAX {
            continue;
        }
        let end = path.extension().map(|end| end.to_ascii_lowercase()).unwrap_or_default();
        if kind.is_dir() && depth < DEPTH_MAX {
            walk(&path, depth + 1, found);
        } else if kind.is_file() && (end == "yaml" || end == "yml" || end == "json") {
            found.push(path);
        }
    }
}

fn one(path: &Path, name: &str, is_plain: bool) -> Result<Text, Unreadable> {
    let origin = Origin::file(name);
    let fault = |what: String, to_do: &str| Unreadable::new(&origin, what, to_do);
    if !is_plain {
        return Err(fault(
            "it is not a plain file, and was not opened".to_owned(),
            "save the manifests into a file first",
        ));
    }
    let unreadable =
        |error: std::io::Error| fault(format!("it cannot be read: {error}"), "look at its permissions");
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(unreadable)?
        .take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(fault(
            format!("it is larger than {} MiB", FILE_BYTES_MAX >> 20),
            "import it namespace by namespace",
        ));
    }
    text(name, bytes)
}

/// Bytes as text, if they are text.
pub fn text(name: &str, bytes: Vec<u8>) -> Result<Text, Unreadable> {
    let line = |bytes: &[u8]| 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let origin = Origin::new(name, line(&bytes[..at]));
        return Err(Unreadable::new(
            &origin,
            "this is not text: it holds a zero byte",
            "check whether this is the right file",
        ));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Text { name: name.to_owned(), text }),
        Err(error) => {
            let origin = Origin::new(name, line(&error.as_bytes()[..error.utf8_error().valid_up_to()]));
            Err(Unreadable::new(&origin, "this is not UTF-8 text", "save it as UTF-8"))
        }
    }
}
