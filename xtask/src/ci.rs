//! What says whether a change may land. `cargo xtask test` is the README's test command: all tests and a short drill, on
//! one debug build. `cargo xtask lint` is what a reader would object to: form, lints, licences. `cargo xtask ci` is both,
//! the tests first. Each says at the end what its steps cost.

use std::process::Command;
use std::time::Instant;

use crate::tests_run;
use crate::{cargo, say, step, target_folder};

/// Steps with what each of them cost.
#[derive(Default)]
struct Costs(Vec<(String, u64)>);

impl Costs {
    fn step(&mut self, name: &str, command: impl std::borrow::BorrowMut<Command>) -> Result<(), String> {
        let begun = Instant::now();
        let done = step(name, command);
        self.0.push((name.to_owned(), begun.elapsed().as_secs()));
        done
    }

    fn say(&self) {
        let all: u64 = self.0.iter().map(|(_, seconds)| seconds).sum();
        let steps: Vec<String> = self.0.iter().map(|(name, seconds)| format!("{name} {seconds} s")).collect();
        say(&format!("==> {all} s: {}", steps.join(", ")));
    }
}

pub(crate) fn run() -> Result<(), String> {
    test()?;
    lint()
}

/// All tests and a short drill. The tests are built first, so that what building costs is not taken for what they cost.
pub(crate) fn test() -> Result<(), String> {
    let mut costs = Costs::default();
    let tested: Result<_, String> = (|| {
        costs.step("build tests", cargo(&["test", "--quiet", "--workspace", "--no-run"]))?;
        let begun = Instant::now();
        let left_out = tests_run::run("tests", repeatable(cargo(&["test", "--workspace"])))?;
        costs.0.push(("tests".to_owned(), begun.elapsed().as_secs()));
        costs.step("short drill", short_drill()?)?;
        Ok(left_out)
    })();
    costs.say();
    let left_out = tested?;
    if left_out.is_empty() {
        say("==> every test was carried out on this machine");
    }
    for why in left_out {
        say(&format!("==> NOT TESTED here: {why}"));
    }
    Ok(())
}

/// Form, lints, licences.
pub(crate) fn lint() -> Result<(), String> {
    let mut costs = Costs::default();
    let linted = (|| {
        costs.step("format", cargo(&["fmt", "--all", "--check"]))?;
        let clippy = ["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"];
        costs.step("lints", cargo(&clippy))?;
        licences(&mut costs)
    })();
    costs.say();
    linted
}

/// The same commit gets the same answer: property tests draw from a fixed seed here, so that nobody is stopped by a
/// mistake that another has made long ago. `cargo xtask properties` looks for those, with new draws each time.
fn repeatable(mut tests: Command) -> Command {
    const SEED: &str = "PROPTEST_RNG_SEED";
    if std::env::var_os(SEED).is_none() {
        tests.env(SEED, "2023");
    }
    tests
}

/// Bans, licences and sources. The advisory database is a matter for a machine that reaches it.
fn licences(costs: &mut Costs) -> Result<(), String> {
    let installed = Command::new("cargo-deny").arg("--version").output().is_ok();
    if !installed && std::env::var_os("CI").is_some() {
        costs.step("install cargo-deny", cargo(&["install", "--quiet", "--locked", "cargo-deny"]))?;
    } else if !installed {
        say("==> licences: SKIPPED, cargo-deny is missing. Install it: cargo install --locked cargo-deny");
        return Ok(());
    }
    costs.step("licences", cargo(&["deny", "check", "bans", "licenses", "sources"]))
}

/// A small drill on the debug build that the tests have made anyway.
fn short_drill() -> Result<Command, String> {
    step(
        "build for the drill",
        cargo(&["build", "--quiet", "--package", "blackstart", "--package", "drill"]),
    )?;
    let mut drill = Command::new(target_folder().join("debug/blackstart-drill"));
    drill.arg("run").args(["--funds", "6", "--seed", "1", "--out"]).arg(target_folder().join("drill-ci"));
    Ok(drill)
}
