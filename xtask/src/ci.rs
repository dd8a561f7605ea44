//! What CI runs, and nothing else: `.ci/run` calls the README's test command, which is this.

use std::process::Command;

use crate::{cargo, say, step, target_folder};

pub(crate) fn run() -> Result<(), String> {
    step("format", cargo(&["fmt", "--all", "--check"]))?;
    step("lints", cargo(&["clippy", "--quiet", "--workspace", "--all-targets", "--", "--deny", "warnings"]))?;
    licences()?;
    step("tests", repeatable(cargo(&["test", "--workspace"])))?;
    short_drill()
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
fn licences() -> Result<(), String> {
    let installed = Command::new("cargo-deny").arg("--version").output().is_ok();
    if !installed && std::env::var_os("CI").is_some() {
        step("install cargo-deny", cargo(&["install", "--quiet", "--locked", "cargo-deny"]))?;
    } else if !installed {
        say("==> licences: SKIPPED, cargo-deny is missing. Install it: cargo install --locked cargo-deny");
        return Ok(());
    }
    step("licences", cargo(&["deny", "check", "bans", "licenses", "sources"]))
}

/// A small drill on the debug build that the tests have made anyway.
fn short_drill() -> Result<(), String> {
    step("build for the drill", cargo(&["build", "--package", "blackstart", "--package", "drill"]))?;
    let mut drill = Command::new(target_folder().join("debug/blackstart-drill"));
    drill.arg("run").args(["--funds", "6", "--seed", "1", "--out"]).arg(target_folder().join("drill-ci"));
    step("short drill", drill)
}
