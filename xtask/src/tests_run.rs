//! All tests, and what of them could not be tried on this machine.
//!
//! A test that needs something the machine may lack prints a line `NOT TESTED: why` and passes; the harness hides what passing
//! tests print. Here it is asked to show it (`--show-output`), only those lines are kept, and they stand at the end.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::say;

const MARK: &str = "NOT TESTED: ";

/// Runs the tests; what could not be tried, once each.
pub(crate) fn run(name: &str, mut tests: Command) -> Result<BTreeSet<String>, String> {
    let begun = Instant::now();
    say(&format!("==> {name}"));
    tests.args(["--", "--show-output"]).stdout(Stdio::piped());
    let mut child = tests.spawn().map_err(|error| format!("{name}: cannot start it: {error}"))?;
    let mut left_out = BTreeSet::new();
    if let Some(out) = child.stdout.take() {
        let mut shown = Shown::default();
        let mut terminal = std::io::stdout().lock();
        for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            left_out.extend(line.split_once(MARK).map(|(_, why)| why.to_owned()));
            if shown.is_shown(&line) {
                let _ = writeln!(terminal, "{line}");
            }
        }
    }
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    if !status.success() {
        return Err(format!("{name} did not pass ({status})"));
    }
    say(&format!("==> {name}: passed in {} s", begun.elapsed().as_secs()));
    Ok(left_out)
}

/// What passing tests print is left out, between a line `successes:` and what follows it.
#[derive(Default)]
struct Shown {
    is_of_passing: bool,
}

impl Shown {
    fn is_shown(&mut self, line: &str) -> bool {
        match line {
            "successes:" => self.is_of_passing = true,
            "failures:" => self.is_of_passing = false,
            line if line.starts_with("test result: ") => self.is_of_passing = false,
            _ => {}
        }
        !self.is_of_passing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_passing_tests_print_is_left_out() {
        let lines = [
            ("running 2 tests", true),
            ("test a ... ok", true),
            ("test b ... FAILED", true),
            ("successes:", false),
            ("---- a stdout ----", false),
            ("NOT TESTED: no sshd", false),
            ("failures:", true),
            ("---- b stdout ----", true),
            ("test result: FAILED. 1 passed", true),
            ("running 0 tests", true),
        ];
        let mut shown = Shown::default();
        let met: Vec<(&str, bool)> = lines.iter().map(|(line, _)| (*line, shown.is_shown(line))).collect();
        assert_eq!(met, lines);
    }
}
