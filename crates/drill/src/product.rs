//! The product as a program: how the drill calls it, reads its answers, and kills it.
//!
//! The drill knows commands, exit codes and JSON, as a script of an operator would. Nothing else of the product.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::fault::During;
use crate::world::{Finished, World};
use crate::{Fault, Result};

/// How long a command may take before the drill gives up on it.
const DEADLINE: Duration = Duration::from_secs(120);

/// The built `blackstart`, not running.
#[derive(Clone, Debug)]
pub struct Product {
    binary: PathBuf,
}

impl Product {
    /// Takes the given binary, or the sibling of the running one.
    pub fn find(given: Option<&Path>) -> Result<Product> {
        let binary = match given {
            Some(path) => path.to_owned(),
            None => std::env::current_exe()
                .during(|| "finding the place of this program".to_owned())?
                .with_file_name("blackstart"),
        };
        let binary = std::path::absolute(&binary).during(|| format!("finding {}", binary.display()))?;
        if !binary.is_file() {
            return Err(Fault::new(format!(
                "there is no program {}: the drill has nothing to try out and nothing was started. Build it \
                 (`cargo build --release --package blackstart`) or name it with --blackstart PATH.",
                binary.display()
            )));
        }
        Ok(Product { binary })
    }

    /// Where it lies.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// The whole command line.
    pub fn line(&self, args: &[&str]) -> Vec<String> {
        let binary = self.binary.to_string_lossy().into_owned();
        std::iter::once(binary).chain(args.iter().map(|arg| (*arg).to_owned())).collect()
    }

    /// Runs a command to its end, whatever its exit code.
    pub fn run(&self, world: &World, args: &[&str], environment: &[(&str, &str)]) -> Result<Finished> {
        world.run(&self.line(args), environment, DEADLINE)
    }

    /// Runs a command that must say yes (exit 0).
    pub fn must(&self, world: &World, args: &[&str]) -> Result<Finished> {
        let finished = self.run(world, args, &[])?;
        if finished.code == Some(0) { Ok(finished) } else { Err(unexpected(args, &finished, "0")) }
    }

    /// Runs a command that answers with JSON and exit code 0 or 1.
    pub fn ask(&self, world: &World, args: &[&str], environment: &[(&str, &str)]) -> Result<(Value, bool)> {
        let finished = self.run(world, args, environment)?;
        match finished.code {
            Some(code @ (0 | 1)) => {
                let value = json(&finished.stdout).map_err(|why| {
                    Fault::new(format!("`blackstart {}` answered with no JSON: {why}", args.join(" ")))
                })?;
                Ok((value, code == 0))
            }
            _ => Err(unexpected(args, &finished, "0 or 1")),
        }
    }
}

/// One JSON value, or the values of several lines as a list.
fn json(text: &str) -> std::result::Result<Value, String> {
    serde_json::from_str(text).or_else(|cause| {
        let lines: std::result::Result<Vec<Value>, _> =
            text.lines().filter(|line| !line.trim().is_empty()).map(serde_json::from_str).collect();
        match lines {
            Ok(values) if !values.is_empty() => Ok(Value::Array(values)),
            _ => Err(format!("{cause}; it begins with {:?}", short(text))),
        }
    })
}

fn unexpected(args: &[&str], finished: &Finished, wanted: &str) -> Fault {
    Fault::new(format!(
        "`blackstart {}` ended with {}, expected {wanted}. It said: {}",
        args.join(" "),
        ended(finished),
        said(finished)
    ))
}

/// `exit code 1`, or that a signal ended it.
pub fn ended(finished: &Finished) -> String {
    finished.code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}"))
}

/// What it told the person at the terminal, on one line; if it told nothing, its data. Of a long text the end: that
/// is where the outcome stands.
pub fn said(finished: &Finished) -> String {
    let text = if finished.stderr.trim().is_empty() { &finished.stdout } else { &finished.stderr };
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let from = words.char_indices().rev().nth(SHOWN_CHARS_MAX - 1).map_or(0, |(at, _)| at);
    if from == 0 { words } else { format!("…{}", &words[from..]) }
}

/// Evidence is read by people; the whole text stands in the logs that `--keep` keeps.
const SHOWN_CHARS_MAX: usize = 400;

/// The beginning of a text on one line.
pub fn short(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut cut: String = words.chars().take(SHOWN_CHARS_MAX).collect();
    if cut.len() < words.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_binary_is_said_with_its_path_and_what_to_do() {
        let fault = Product::find(Some(Path::new("/nowhere/blackstart"))).expect_err("it is not there");
        let text = fault.to_string();
        assert!(text.contains("/nowhere/blackstart") && text.contains("--blackstart"), "{text}");
    }

    #[test]
    fn one_value_and_one_value_a_line_are_both_read() {
        assert_eq!(json("{\"a\":1}\n").expect("one value")["a"], 1);
        assert_eq!(json("{\"a\":1}\n{\"a\":2}\n").expect("two values")[1]["a"], 2);
        assert!(json("").is_err() && json("certainly").is_err());
    }
}
