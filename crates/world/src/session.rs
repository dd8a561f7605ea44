//! The doorstep between Blackstart and what it starts: a session of its own, and a note of how far it came.
//!
//! A started service must outlive Blackstart: no signal meant for our terminal may reach it, and no file
//! it writes to may end when we do. That takes `setsid`, which a program can only call for itself. So
//! Blackstart runs its own binary again with `BLACKSTART_SESSION_EXEC` set; `enter` is the first thing
//! `main` calls, makes the session, and becomes the command. The alternatives were `pre_exec`, which is
//! `unsafe`, and the program `setsid`, which need not be on a rescue system.
//!
//! Before the command begins, `OUTPUT.begun` is put on disk: without it the command has certainly not
//! begun. A job is not replaced but watched, and `OUTPUT.ended` says with which code it ended; so even if
//! Blackstart is killed while a job runs, whoever comes next can tell that it is done.

#![allow(clippy::disallowed_methods, reason = "a door of the world: this is where processes are begun")]

use std::fs::File;
use std::io::Write;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Set by `real` for its own binary only; the command does not see it.
pub(super) const EXEC: &str = "BLACKSTART_SESSION_EXEC";
/// Where the output of the command goes; the notes stand beside it.
pub(super) const OUTPUT: &str = "BLACKSTART_SESSION_OUTPUT";
/// `EXEC` for something that stays, and for something that ends by itself.
pub(super) const STAYS: &str = "stays";
pub(super) const ENDS: &str = "ends";

/// As shells do when a command cannot be found or run.
const CANNOT_RUN: u8 = 127;

pub(super) fn begun_path(output: &Path) -> PathBuf {
    beside(output, ".begun")
}

pub(super) fn ended_path(output: &Path) -> PathBuf {
    beside(output, ".ended")
}

fn beside(output: &Path, ending: &str) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Becomes the command, if this process was called for that. `None`: an ordinary call of the program.
pub fn enter() -> Option<ExitCode> {
    let how = std::env::var_os(EXEC)?;
    let output = PathBuf::from(std::env::var_os(OUTPUT).unwrap_or_default());
    let mut arguments = std::env::args_os().skip(1);
    let Some(program) = arguments.next() else {
        return Some(say(&output, "there is no command to run"));
    };
    // Fails only if we lead a process group already, and then we are in a session that suits as well.
    let _ = rustix::process::setsid();
    if let Err(error) = note_begun(&output) {
        return Some(say(&output, &format!("cannot note that it begins: {error}")));
    }
    let mut command = Command::new(&program);
    command.args(arguments).env_remove(EXEC).env_remove(OUTPUT);
    if how == STAYS {
        let error = command.exec();
        return Some(say(&output, &format!("cannot run {}: {error}", program.display())));
    }
    Some(match command.status() {
        Ok(status) => {
            let code = status.code().map_or_else(
                || format!("signal {}", status.signal().unwrap_or_default()),
                |code| code.to_string(),
            );
            let noted = note(&ended_path(&output), &code);
            let shown = status.code().and_then(|code| u8::try_from(code).ok());
            if noted.is_ok() { ExitCode::from(shown.unwrap_or(1)) } else { ExitCode::from(CANNOT_RUN) }
        }
        Err(error) => say(&output, &format!("cannot run {}: {error}", program.display())),
    })
}

/// The standard error is the output file. What could not be begun is noted as ended.
fn say(output: &Path, text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "blackstart: {text}");
    let _ = note(&ended_path(output), &CANNOT_RUN.to_string());
    ExitCode::from(CANNOT_RUN)
}

fn note_begun(output: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(ended_path(output)) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    note(&begun_path(output), "")
}

/// On disk when it returns, and never half there.
fn note(path: &Path, text: &str) -> std::io::Result<()> {
    let new = beside(path, ".new");
    let mut file = File::create(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
