//! The only place that prints. Data to stdout, talk to stderr; a closed pipe is not an error, a full disk is.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use super::color::{self, Tone};
use super::{Failure, FailureKind};

/// One line (or several) of data for whoever reads the output.
pub fn data(text: impl AsRef<str>) {
    written(writeln!(io::stdout().lock(), "{}", steady(text.as_ref())));
}

/// The value as JSON on stdout, one line, keys in the order of the type. Written while it is made: the answer about a
/// repository can be longer than the memory that it took to find it.
pub fn json(value: &impl Serialize) {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let made = serde_json::to_writer(&mut out, value).map_err(|error| match error.io_error_kind() {
        Some(_) => io::Error::from(error),
        None => unreachable!("command answers hold only strings, numbers, lists and maps with string keys"),
    });
    written(made.and_then(|()| writeln!(out)).and_then(|()| out.flush()));
}

/// Set once data could not be written.
static IS_CUT_OFF: AtomicBool = AtomicBool::new(false);

/// Whether the reader of stdout got less than there was to say.
pub(super) fn is_cut_off() -> bool {
    IS_CUT_OFF.load(Ordering::Relaxed)
}

/// Whoever closed the pipe has read enough. Whoever sent the answer into a file on a full disk must not take what is
/// there for all of it.
fn written(result: io::Result<()>) {
    let Err(error) = result else { return };
    if error.kind() != io::ErrorKind::BrokenPipe && !IS_CUT_OFF.swap(true, Ordering::Relaxed) {
        failure(&Failure::fault(
            format!("the answer could not be written to the standard output: {error}"),
            "the output is cut off; what the command did is done, and is in the journal if it has one",
            "make room or name another place, then ask again",
        ));
    }
}

/// One line of talk for the person at the terminal.
pub fn say(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", steady(text.as_ref()));
}

/// What reaches a terminal cannot steer it, whoever wrote it: the output of a program on an infected host, a name, a
/// reason. Lines, tabs, new pages and colours pass; every other control character, what hides text, and what turns the direction of
/// a line, is shown as it is written in Rust.
fn steady(text: &str) -> String {
    let mut steady = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if let Some(length) = colour(rest) {
            steady.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        if message::steers(letter) && !matches!(letter, '\n' | '\t' | '\u{c}') {
            steady.extend(letter.escape_default());
        } else {
            steady.push(letter);
        }
        rest = &rest[letter.len_utf8()..];
    }
    steady
}

/// Bytes of the colour (ECMA-48, SGR) that begins here. Concealed text (parameter 8) is none.
fn colour(text: &str) -> Option<usize> {
    let inside = text.strip_prefix("\u{1b}[")?;
    let end = inside.find(|letter: char| !letter.is_ascii_digit() && letter != ';')?;
    let is_colour = inside[end..].starts_with('m') && inside[..end].split(';').all(|number| number != "8");
    is_colour.then_some(2 + end + 1)
}

/// What happened, what it means, what to do.
pub(super) fn failure(failure: &Failure) {
    let head = match failure.kind {
        FailureKind::Refused => "refused",
        FailureKind::Usage => "not understood",
        FailureKind::Fault => "failed",
    };
    let head = color::painted(head, Tone::Bad, color::on_stderr());
    say(format!("{head}: {}", failure.message.what));
    say(format!("  this means: {}", failure.message.means));
    let incident = failure.incident.as_ref().map(|folder| folder.display().to_string());
    say(format!("  what to do: {}", failure.message.to_do.shown(incident.as_deref())));
}

/// Asks before acting. `yes` skips the asking, never what was shown before. Without a terminal and
/// without `yes` the answer is no.
pub fn agreed(question: &str, yes: bool) -> bool {
    if yes {
        return true;
    }
    if !std::io::stdin().is_terminal() {
        say(format!("{question} Nobody can answer here: call again with --yes."));
        return false;
    }
    let _ = write!(std::io::stderr().lock(), "{question} [y/N] ");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).is_ok() && matches!(line.trim(), "y" | "yes" | "j" | "ja" | "oui")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_steers_the_terminal_but_our_own_colours() {
        let bad = color::painted("failed", Tone::Bad, true);
        assert_eq!(steady(&bad), bad);
        assert_eq!(
            steady("a\tb\n\u{1b}[2Jc\rd\u{202e}e\u{9b}5m\u{1b}[8m"),
            "a\tb\n\\u{1b}[2Jc\\rd\\u{202e}e\\u{9b}5m\\u{1b}[8m"
        );
    }
}
