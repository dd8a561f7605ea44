//! Why a person decided something: never empty, and nothing in it steers a terminal.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use crate::steers;

/// A journal forgets nothing; longer texts are attached as a file.
const BYTES_MAX: usize = 4_000;

/// The reason of a decision, as somebody typed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// `Err` says what is wrong with it, in words for whoever typed it.
    pub fn new(text: &str) -> Result<Reason, String> {
        let text = text.trim();
        if !text.chars().any(char::is_alphanumeric) {
            return Err("nobody can later see from it why this was decided: write a few words".to_owned());
        }
        if text.len() > BYTES_MAX {
            return Err(format!(
                "it has {} bytes, more than {BYTES_MAX}: write the short form, and attach the rest as a file",
                text.len()
            ));
        }
        if text.chars().any(steers) {
            return Err(
                "it holds characters that steer a terminal or end a line: write it as one line".to_owned()
            );
        }
        Ok(Reason(text.to_owned()))
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Reason, String> {
        Reason::new(text)
    }
}

impl Deref for Reason {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_is_no_reason() {
        for text in ["", "  ", "\t", ".", "-- --", "a\nb", "a\u{1b}[2J", "\u{202e}abc"] {
            assert!(Reason::new(text).is_err(), "{text:?}");
        }
        assert!(Reason::new(&"a".repeat(BYTES_MAX + 1)).is_err());
        assert_eq!(&*Reason::new(" Platte getauscht ").unwrap(), "Platte getauscht");
        assert!(Reason::new("x").is_ok());
    }
}
