//! Builds and starts the other crates: `cargo xtask ci`, `cargo xtask drill`, and the long campaigns.
//!
//! Standard library only, so that it builds in a second and can never be the reason why nothing works.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

mod ci;
mod package;
mod tests_run;

const HELP: &str = "\
cargo xtask test                all tests and a short drill, on one debug build; says what each part costs
cargo xtask lint                format, lints, licences
cargo xtask ci                  both, as CI runs them
cargo xtask drill [ARGS]        build what is needed and play the whole incident
                                --seed N  --funds N  --attack PATTERN  --out DIR  --keep
                                --release: on the build that is delivered, which takes more than twice as long to make
cargo xtask crash [--runs N]    long campaigns, each of N runs (default 10000): power cuts while the journal is
                                written; failures, kills and reboots while a restart is run
cargo xtask properties [--cases N]  the property tests with N cases each (default 2000), drawn anew
cargo xtask bench-import        importing ten thousand services from every source, and once more; compose beside its YAML alone
cargo xtask bench-journal       durable appends against a plain preallocated file, in the same run
cargo xtask eval-scan FOLDER    attacked copies of clean files: what the scan finds, and whom it accuses
                                --json  --seed N  --holdout SOURCE,..  --except SOURCE,..  --patterns NAME,..
cargo xtask eval-histories [FOLDER] [--runs N] [--seed S]
                                made-up histories: is the right snapshot named, is an ordinary day an alarm
cargo xtask bench-scan [FOLDER] [--size MB] [--rounds N]
                                first scan and rescan against `restic check --read-data`, in the same run
cargo xtask bench-watch [--files N] [--runs N] [--every-ms N] [--quick] [--in FOLDER]
                                files lost before the alarm at each attack, and alarms at ordinary bursts
cargo xtask fuzz-scan [--runs N] long campaign: hostile files for every parser of the scan (default 200000)
cargo xtask remote              the scan built with the feature `remote`, on a repository served by rclone; its licences
cargo xtask package             a Debian package (release), and the proof that it works in an empty root
                                --binary FILE  --out DIR  --quick
cargo xtask psplib FOLDER       the planner on published problems: --schedules N  --seed N  --weighted  --json
cargo xtask bench-plan [ARGS]   plans of made estates against the usual orders: --seed N  --schedules N  --psplib FOLDER";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (task, rest) = match args.split_first() {
        Some((task, rest)) => (task.as_str(), rest),
        None => ("help", &args[..]),
    };
    let done = match task {
        "ci" => ci::run(),
        "test" => ci::test(),
        "lint" => ci::lint(),
        "drill" => drill(rest),
        "crash" => crash(rest),
        "properties" => properties(rest),
        "bench-import" => bench(&["import"], rest),
        "psplib" => bench(&["psplib"], rest),
        "bench-plan" => bench(&["plan"], rest),
        "bench-journal" => bench(&["journal"], rest),
        "eval-scan" => bench(&["eval-scan"], rest),
        "eval-histories" => bench(&["eval-histories"], rest),
        "bench-scan" => bench_scan(rest),
        "bench-watch" => bench_watch(rest),
        "fuzz-scan" => fuzz_scan(rest),
        "remote" => remote(rest),
        "package" => package::run(rest),
        "help" | "-h" | "--help" => {
            say(HELP);
            Ok(())
        }
        unknown => Err(format!("`{unknown}` is not a task of xtask.\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            say(&message);
            ExitCode::FAILURE
        }
    }
}

/// The whole story. On the debug build: it is there sooner, the tests have made it anyway, and what would make the drill
/// slow is optimised in it too.
fn drill(args: &[String]) -> Result<(), String> {
    let release = args.iter().any(|arg| arg == "--release");
    let args = args.iter().filter(|arg| *arg != "--release");
    let mut build = cargo(&["build", "--package", "blackstart", "--package", "drill", "--bins"]);
    if release {
        build.arg("--release");
    }
    step("build", build)?;
    let folder = if release { "release" } else { "debug" };
    let binary = target_folder().join(folder).join("blackstart-drill");
    let status = Command::new(&binary)
        .arg("run")
        .args(args)
        .status()
        .map_err(|error| format!("cannot start {}: {error}", binary.display()))?;
    // The drill has already said what did not hold.
    if status.success() { Ok(()) } else { Err(format!("the drill ended with {status}")) }
}

/// The long form of the journal's power cuts and of the restart on random estates: as many seeds as asked for. The
/// kills of the example restart are complete in the ordinary tests: they are enumerated, not drawn.
fn crash(args: &[String]) -> Result<(), String> {
    let runs = match args {
        [] => "10000",
        [flag, runs] if flag == "--runs" => runs,
        _ => return Err("call `cargo xtask crash [--runs N]`".to_owned()),
    };
    for (what, package) in [("journal: power cuts", "journal"), ("restart: failures and kills", "recover")] {
        let mut campaign =
            cargo(&["test", "--release", "--package", package, "--lib", "campaign", "--", "--nocapture"]);
        step(what, campaign.env("BLACKSTART_CAMPAIGN_RUNS", runs))?;
    }
    Ok(())
}

/// The long form of the property tests. A failure names the draws that led to it, made as small as possible.
fn properties(args: &[String]) -> Result<(), String> {
    let cases = match args {
        [] => "2000",
        [flag, cases] if flag == "--cases" => cases,
        _ => return Err("call `cargo xtask properties [--cases N]`".to_owned()),
    };
    step("property tests", cargo(&["test", "--workspace", "--lib"]).env("PROPTEST_CASES", cases))
}

/// The long form of the scan's fuzzing: as many mutations as asked for, each judged twice.
fn fuzz_scan(args: &[String]) -> Result<(), String> {
    let runs = match args {
        [] => "200000",
        [flag, runs] if flag == "--runs" => runs,
        _ => return Err("call `cargo xtask fuzz-scan [--runs N]`".to_owned()),
    };
    let mut fuzz =
        cargo(&["test", "--release", "--package", "judge", "--lib", "tests::fuzz", "--", "--nocapture"]);
    step("scan: hostile files", fuzz.env("BLACKSTART_CAMPAIGN_RUNS", runs))
}

/// The feature that ordinary builds are without, because it doubles what has to be compiled.
fn remote(args: &[String]) -> Result<(), String> {
    if !args.is_empty() {
        return Err("call `cargo xtask remote`".to_owned());
    }
    if Command::new("rclone").arg("version").output().is_err() {
        return Err(
            "rclone is missing, and it serves the repository of this test: apt-get install rclone".to_owned()
        );
    }
    step(
        "scan of a served repository",
        cargo(&["test", "--package", "blackstart", "--features", "remote", "--test", "it", "scan_remote"]),
    )?;
    step(
        "licences",
        cargo(&["deny", "--features", "blackstart/remote", "check", "bans", "licenses", "sources"]),
    )
}

fn bench_scan(args: &[String]) -> Result<(), String> {
    step("build", cargo(&["build", "--release", "--package", "blackstart"]))?;
    let program = target_folder().join("release/blackstart").display().to_string();
    bench(&["bench-scan", "--blackstart", &program], args)
}

fn bench_watch(args: &[String]) -> Result<(), String> {
    step("build", cargo(&["build", "--release", "--package", "blackstart"]))?;
    let program = target_folder().join("release/blackstart").display().to_string();
    bench(&["bench-watch", "--blackstart", &program], args)
}

fn bench(which: &[&str], args: &[String]) -> Result<(), String> {
    let mut command = cargo(&["run", "--release", "--quiet", "--package", "measure", "--"]);
    // It runs in the workspace's folder; what is named from where the person stands has to stay the same.
    let whole = |arg: &String| match std::path::absolute(arg) {
        Ok(path) if path.exists() => path.into_os_string(),
        _ => arg.into(),
    };
    step("bench", command.args(which).args(args.iter().map(whole)))
}

pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(args).current_dir(root());
    command
}

/// Runs one step and says how long it took.
pub(crate) fn step(name: &str, mut command: impl std::borrow::BorrowMut<Command>) -> Result<(), String> {
    let begun = Instant::now();
    say(&format!("==> {name}"));
    let status =
        command.borrow_mut().status().map_err(|error| format!("{name}: cannot start it: {error}"))?;
    if !status.success() {
        return Err(format!("{name} did not pass ({status})"));
    }
    say(&format!("==> {name}: passed in {} s", begun.elapsed().as_secs()));
    Ok(())
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace root").to_owned()
}

pub(crate) fn target_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

#[expect(clippy::print_stderr, reason = "xtask talks to the person at the terminal")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
