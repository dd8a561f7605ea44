//! Fetches the texts that an importer reads. The only place of the readers that touches the disk.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::fault::Unreadable;
use super::origin::Origin;

/// Longest source file read. A compose file of ten thousand services has a quarter of it.
pub const SOURCE_BYTES_MAX: u64 = 16 << 20;

/// What lies under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    Text(String),
    Missing,
}

/// The text of a file, by its name as people wrote it. A file that is there and is not text is an error.
pub fn fetch(name: &str) -> Result<Fetched, Unreadable> {
    let fault = |what: String, to_do: &str| Unreadable::new(&Origin::file(name), what, to_do);
    let path = Path::new(name);
    let unreadable =
        |error: std::io::Error| fault(format!("cannot be read: {error}"), "look at its permissions");
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Fetched::Missing),
        Err(error) => return Err(unreadable(error)),
        // Looked at before opening: a pipe would be waited for, for ever.
        Ok(found) if !found.is_file() => {
            return Err(fault("is not a file".to_owned(), "name the file itself, not its folder"));
        }
        Ok(_) => {}
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(SOURCE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    decode(name, bytes).map(Fetched::Text)
}

/// Bytes as text, if they are text of a size that makes sense.
pub fn decode(name: &str, bytes: Vec<u8>) -> Result<String, Unreadable> {
    let line_at = |bytes: &[u8]| 1 + bytes.iter().filter(|byte| **byte == b'\n').count();
    if bytes.len() as u64 > SOURCE_BYTES_MAX {
        let what = format!("is larger than {} MiB", SOURCE_BYTES_MAX >> 20);
        return Err(Unreadable::new(&Origin::file(name), what, "check whether this is the right file"));
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let origin = Origin::new(name, line_at(&bytes[..at]));
        let to_do = "check whether this is the right file; a text saved as UTF-16 has to be saved as UTF-8";
        return Err(Unreadable::new(&origin, "is not a text: it holds a zero byte", to_do));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let origin = Origin::new(name, line_at(&error.as_bytes()[..good]));
        Unreadable::new(&origin, "is not UTF-8 text", "save it as UTF-8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let fault = |bytes: &[u8]| decode("a.yaml", bytes.to_vec()).unwrap_err().to_string();
        assert_eq!(fault(b"a: 1\nb: \0"), "a.yaml:2: is not a text: it holds a zero byte");
        assert_eq!(fault(b"a: 1\n\nb: \xff"), "a.yaml:3: is not UTF-8 text");
        let large = vec![b'a'; SOURCE_BYTES_MAX as usize + 1];
        assert!(fault(&large).contains("16 MiB"));
        assert_eq!(decode("a", "ä".into()).unwrap(), "ä");
    }
}
