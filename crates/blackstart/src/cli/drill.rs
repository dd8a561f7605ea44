//! `blackstart drill`: hands over to the program beside this one.
//!
//! The drill is a program of its own that shares no code with this one, so that neither can hide the other's mistakes.
//! This command only finds it and becomes it; its exit code and its output are the drill's.

#![allow(clippy::disallowed_methods, reason = "becomes the drill, which is another program")]

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::{Answer, Failure};

/// The program that plays the incident.
const PROGRAM: &str = "blackstart-drill";

#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Options of the drill: --seed N, --funds N, --attack PATTERN, --out DIR, --keep, --help.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<OsString>,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let own = std::env::current_exe().map_err(|cause| {
        Failure::fault(
            format!("this program cannot find its own place: {cause}"),
            "the drill beside it cannot be found either; nothing was done",
            format!("start `{PROGRAM} run` yourself, with --blackstart and the path of this program"),
        )
    })?;
    let program = own.with_file_name(PROGRAM);
    if !program.is_file() {
        return Err(missing(&program));
    }
    let cause = Command::new(&program).arg("run").arg("--blackstart").arg(&own).args(&args.options).exec();
    Err(Failure::fault(
        format!("{} could not be started: {cause}", program.display()),
        "no drill was played; nothing was changed",
        "make it executable, or build it again with `cargo build --release --package drill`",
    ))
}

fn missing(program: &Path) -> Failure {
    Failure::fault(
        format!("there is no {}", program.display()),
        "the drill is a program of its own and is not installed beside this one; nothing was done",
        "in a clone, `cargo drill` builds both and starts it; otherwise put blackstart-drill beside blackstart",
    )
}
