//! The one place where text becomes HTML.

use std::fmt::{self, Write};

use askama::Template;

/// What is written for a character that could be read as markup, or that could steer the reader: control characters
/// and those that turn the direction of writing are shown as their number (`\u{202e}`), because a name that was made by
/// an attacker must not rearrange the line it stands in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Escape;

impl askama::filters::Escaper for Escape {
    fn write_escaped_str<W: Write>(&self, mut to: W, text: &str) -> fmt::Result {
        text.chars().try_for_each(|letter| write_escaped(&mut to, letter))
    }
}

fn write_escaped(to: &mut impl Write, letter: char) -> fmt::Result {
    match letter {
        '&' => to.write_str("&amp;"),
        '<' => to.write_str("&lt;"),
        '>' => to.write_str("&gt;"),
        '"' => to.write_str("&quot;"),
        '\'' => to.write_str("&#39;"),
        '\n' | '\t' => to.write_char(letter),
        letter if steers(letter) => write!(to, "{}", letter.escape_unicode()),
        letter => to.write_char(letter),
    }
}

fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Text that is HTML already: everything in it that came from outside has been escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Html(String);

impl Html {
    /// Only for this crate's own writers.
    pub(crate) fn written(text: String) -> Html {
        Html(text)
    }

    /// Text from anywhere, escaped.
    pub fn escaped(text: &str) -> Html {
        let mut to = String::with_capacity(text.len() + text.len() / 8);
        for letter in text.chars() {
            write_escaped(&mut to, letter).expect("writing to a string does not fail");
        }
        Html(to)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Html {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// A template with its values filled in.
pub fn filled(template: &impl Template) -> Html {
    Html(template.render().expect("writing to a string does not fail, and no filter of ours does"))
}

/// For templates: `use page::filters;` beside the type that the template belongs to.
pub mod filters {
    use askama::filters::Safe;

    use super::Html;

    /// HTML as it is. Takes nothing but [`Html`], so text that was not escaped cannot slip through.
    #[askama::filter_fn]
    pub fn html<'a>(value: &'a Html, _: &dyn askama::Values) -> askama::Result<Safe<&'a str>> {
        Ok(Safe(value.as_str()))
    }
}
