//! The only place that prints. Data to stdout, talk to stderr; a closed pipe is not an error.

use std::io::{IsTerminal, Write};

use serde::Serialize;

use super::{Failure, FailureKind};

/// One line (or several) of data for whoever reads the output.
pub fn data(text: impl AsRef<str>) {
    // Whoever closed the pipe has read enough; there is nobody left to tell.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
}

/// The value as JSON on stdout, one line, keys in the order of the type.
pub fn json(value: &impl Serialize) {
    data(
        serde_json::to_string(value)
            .expect("command answers hold only strings, numbers, lists and maps with string keys"),
    );
}

/// One line of talk for the person at the terminal.
pub fn say(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

/// What happened, what it means, what to do.
pub(super) fn failure(failure: &Failure) {
    let head = match failure.kind {
        FailureKind::Refused => "refused",
        FailureKind::Usage => "not understood",
        FailureKind::Fault => "failed",
    };
    say(format!("{head}: {}", failure.what));
    say(format!("  this means: {}", failure.means));
    say(format!("  what to do: {}", failure.to_do));
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
