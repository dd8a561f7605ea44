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

/// For a terminal: a file's name is written by whoever made the file, and must not steer what is shown.
pub fn harmless(text: &str) -> String {
    text.chars()
        .flat_map(|letter| {
            let steers =
                letter.is_control() || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let (escaped, plain) =
                if steers { (Some(letter.escape_default()), None) } else { (None, Some(letter)) };
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(harmless("a\u{1b}[2Jclean\nb ä"), "a\\u{1b}[2Jclean\\nb ä");
    }

    #[test]
    fn bytes_that_are_no_utf8_are_escaped_and_the_rest_is_left_alone() {
        assert_eq!(path(OsStr::from_bytes(b"a/m\xe4rz \xff.txt")), "a/m\\xe4rz \\xff.txt");
        assert_eq!(path("märz\\x.txt"), "märz\\x.txt");
    }
}
