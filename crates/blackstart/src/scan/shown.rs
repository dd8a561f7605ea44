//! Paths for people and for JSON: UTF-8 as it is, every other byte as `\xHH`.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// A backslash that stands in the name itself is left alone; only bytes that are not UTF-8 are escaped.
pub fn path(path: impl AsRef<OsStr>) -> String {
    let mut text = String::new();
    for chunk in path.as_ref().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("writing into a string cannot fail");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_utf8_are_escaped_and_the_rest_is_left_alone() {
        assert_eq!(path(OsStr::from_bytes(b"a/m\xe4rz \xff.txt")), "a/m\\xe4rz \\xff.txt");
        assert_eq!(path("märz\\x.txt"), "märz\\x.txt");
    }
}
