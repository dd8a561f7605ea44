//! Which repository is meant, and which password opens it? As restic finds them, so that a shell in which restic works needs
//! nothing more.

#![allow(clippy::disallowed_methods, reason = "RESTIC_PASSWORD_COMMAND is run, as restic does")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use message::{Command, Remedy};

use super::super::Failure;
use scan::restic;
use scan::shown;

/// What a scan is asked to look at.
pub(super) enum Meant<'a> {
    /// As the library wants it named.
    Repository(String),
    /// A folder or a file.
    Place(&'a Path),
}

const REPOSITORY: &str = "RESTIC_REPOSITORY";
const REPOSITORY_FILE: &str = "RESTIC_REPOSITORY_FILE";
const PASSWORD: &str = "RESTIC_PASSWORD";
const PASSWORD_FILE: &str = "RESTIC_PASSWORD_FILE";
const PASSWORD_COMMAND: &str = "RESTIC_PASSWORD_COMMAND";

pub(super) fn meant(what: Option<&OsStr>) -> Result<Meant<'_>, Failure> {
    let Some(what) = what else { return from_environment().map(Meant::Repository) };
    if what.as_bytes().starts_with(restic::PREFIX.as_bytes()) {
        return name(what).map(Meant::Repository);
    }
    let place = Path::new(what);
    if restic::is_a_repository(place) {
        let command = Command::new("scan").with(format!("{}{}", restic::PREFIX, shown::path(place)));
        return Err(Failure::usage(
            format!("{} is a restic repository, named as if it were a folder of files", shown::path(place)),
            "nothing was judged: its files are encrypted by restic, so as a folder every one of them would look like an attack",
            Remedy::run_to("judge the snapshots in it", command),
        ));
    }
    Ok(Meant::Place(place))
}

fn name(what: &OsStr) -> Result<String, Failure> {
    what.to_str().map(str::to_owned).ok_or_else(|| {
        let what = shown::path(what);
        Failure::usage(
            format!(
                "the name of the repository, {what}, is not UTF-8, which the library that reads it needs"
            ),
            "nothing was read",
            "name it by another path, for example a link to it: ln -s REPOSITORY /tmp/repository",
        )
    })
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn read(variable: &str, file: &str) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::usage(
            format!("cannot read {file}, which {variable} names: {error}"),
            "nothing was read of the repository",
            "name a file that can be read, or unset the variable",
        )
    })?;
    Ok(text.trim().to_owned())
}

fn from_environment() -> Result<String, Failure> {
    let named = match (variable(REPOSITORY), variable(REPOSITORY_FILE)) {
        (Some(named), None) => named,
        (None, Some(file)) => read(REPOSITORY_FILE, &file)?,
        (Some(_), Some(_)) => return Err(both(REPOSITORY, REPOSITORY_FILE)),
        (None, None) => {
            return Err(Failure::usage(
                "nothing was named, and RESTIC_REPOSITORY is not set",
                "there is nothing to look at",
                Remedy::ask(
                    "",
                    [
                        ("a folder", Remedy::run(Command::new("scan").open("FOLDER"))),
                        ("a repository", Remedy::run(Command::new("scan").open("restic:REPO"))),
                        ("all stores of an estate", Remedy::run(Command::new("scan --all").open("ESTATE"))),
                    ],
                ),
            ));
        }
    };
    Ok(if named.starts_with(restic::PREFIX) { named } else { format!("{}{named}", restic::PREFIX) })
}

fn both(one: &str, other: &str) -> Failure {
    Failure::usage(
        format!("{one} and {other} are both set"),
        "nothing was read: which of them is meant is not known",
        format!("unset one of them: unset {other}"),
    )
}

/// Of all three ways only one may be set, but for the plain one, which restic takes last.
pub(super) fn password() -> Result<String, Failure> {
    // An empty password is one.
    match (variable(PASSWORD_FILE), variable(PASSWORD_COMMAND), std::env::var(PASSWORD).ok()) {
        (Some(_), Some(_), _) => Err(both(PASSWORD_FILE, PASSWORD_COMMAND)),
        (Some(file), None, _) => read(PASSWORD_FILE, &file),
        (None, Some(command), _) => output(&command),
        (None, None, Some(password)) => Ok(password),
        (None, None, None) => Err(Failure::usage(
            "no password is set: neither RESTIC_PASSWORD nor RESTIC_PASSWORD_FILE nor RESTIC_PASSWORD_COMMAND",
            "nothing was read",
            "set one of them, for example: export RESTIC_PASSWORD_FILE=/etc/backup-password",
        )),
    }
}

/// What a command prints, without a shell, as restic runs it.
fn output(command: &str) -> Result<String, Failure> {
    let failed = |why: String| {
        Failure::usage(
            format!("the command in {PASSWORD_COMMAND} gave no password: {why}"),
            "nothing was read",
            "run it by hand, and correct it",
        )
    };
    let words = shell_words::split(command).map_err(|error| failed(error.to_string()))?;
    let Some((program, arguments)) = words.split_first() else {
        return Err(failed("it is empty".to_owned()));
    };
    let ran = std::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let ran = ran.map_err(|error| failed(format!("{program}: {error}")))?;
    if !ran.status.success() {
        return Err(failed(format!("{program} ended with {}", ran.status)));
    }
    let text = String::from_utf8(ran.stdout).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    Ok(text.trim().to_owned())
}
