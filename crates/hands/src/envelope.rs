//! The frame around a script on its way: how it is known that all of it arrived, and that it ran to its end.
//!
//! A script is one compound command: a shell that gets only a part of it finds no end, and carries out nothing. It reads
//! nothing of what follows it. Its first and last line carry a word drawn for this one time; where the last line is
//! missing, nobody knows what was done, whatever the exit code is: ssh ends with 255 for a host that was never reached
//! and for one that was cut off in the middle.

use crate::Script;

const BEGIN: &str = "BLACKSTART-BEGIN";
const END: &str = "BLACKSTART-END";

/// What is given to a shell as its input.
pub fn sealed(script: &Script, mark: &str) -> String {
    let mark: String = mark.chars().filter(char::is_ascii_alphanumeric).collect();
    format!(
        "{{\nprintf '%s\\n' '{BEGIN} {mark}'\n(\nset -u -f\n{}\n) </dev/null\nprintf '\\n%s\\n' \"{END} {mark} $?\"\nexit 0\n}}\n",
        script.text.trim_end()
    )
}

/// What came back of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Its first line was seen: it has begun.
    pub has_begun: bool,
    /// Its last line was seen, with this exit code.
    pub code: Option<i32>,
    /// What lies between the two.
    pub output: String,
}

/// Reads what was printed. Bytes that are no text are replaced: they come from a host that may be infected.
pub fn opened(bytes: &[u8], mark: &str) -> Opened {
    let text = String::from_utf8_lossy(bytes);
    let begin = format!("{BEGIN} {mark}");
    let end = format!("{END} {mark} ");
    let mut opened = Opened::default();
    for line in text.lines() {
        if !opened.has_begun {
            // What the other side says before (a banner of its shell) is no answer.
            opened.has_begun = line == begin;
        } else if let Some(code) = line.strip_prefix(&end) {
            opened.code = code.parse().ok();
            break;
        } else {
            opened.output.push_str(line);
            opened.output.push('\n');
        }
    }
    opened
}
