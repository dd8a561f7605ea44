//! Paths for people and for JSON: UTF-8 as it is, every other byte as `\xHH`. Where a name itself holds such a sign, its
//! backslash is written as `\x5c`, so that every text stands for one name only.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// Only bytes that are not UTF-8 are escaped, and a backslash that would read as one of those.
pub fn path(path: impl AsRef<OsStr>) -> String {
    let mut text = String::new();
    for chunk in path.as_ref().as_bytes().utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find('\\') {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            text.push_str(if looks_escaped(from) { "\\x5c" } else { "\\" });
            rest = &from[1..];
        }
        text.push_str(rest);
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("writing into a string cannot fail");
        }
    }
    text
}

fn looks_escaped(text: &str) -> bool {
    matches!(text.as_bytes(), [b'\\', b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_utf8_are_escaped_and_the_rest_is_left_alone() {
        assert_eq!(path(OsStr::from_bytes(b"a/m\xe4rz \xff.txt")), "a/m\\xe4rz \\xff.txt");
        assert_eq!(path("märz\\x.txt"), "märz\\x.txt");
        assert_eq!(path("a\\xe4.txt"), "a\\x5cxe4.txt", "a name that holds the four letters themselves");
        assert_ne!(path("a\\xe4"), path(OsStr::from_bytes(b"a\xe4")));
    }
}
