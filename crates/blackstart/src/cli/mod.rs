//! The commands: one file each, whose doc comment is the manual.
//!
//! Data goes to stdout, talk and progress to stderr. Exit 0: done. 1: the answer is no (blocking
//! findings, not clean, refused). 2: usage, or something failed. Decided here, once, for all of them.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub mod folder;
pub mod forecast;
pub mod harm;
pub mod person;
pub mod read_estate;
pub mod sentence;
pub mod succeed;
pub mod talk;
mod whole_file;

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident => $module:ident),* $(,)?) => {
        $(pub mod $module;)*

        #[derive(Debug, Subcommand)]
        enum Command {
            $($(#[$doc])* $variant($module::Args)),*
        }

        fn dispatch(command: &Command) -> Result<Answer, Failure> {
            match command {
                $(Command::$variant(args) => $module::run(args)),*
            }
        }
    };
}

commands! {
    /// What is wrong with this estate?
    Check => check,
    /// Make an estate from compose files and other descriptions.
    Import => import,
    /// Open an incident: make its folder, journal and key.
    Init => init,
    /// What is down for whom, what is held and for what, what to decide next.
    Status => status,
    /// Write into the commander's log.
    Note => note,
    /// In which order does everything come back, and when?
    Plan => plan,
    /// Allow a plan to be run, by its hash.
    Approve => approve,
    /// Do nothing to this thing until it is resumed.
    Hold => hold,
    /// Lift a hold, or allow a failed step to be tried again.
    Resume => resume,
    /// Run the approved plan.
    Recover => recover,
    /// Is this folder or repository clean?
    Scan => scan,
    /// Which snapshot of a store is restored.
    Choose => choose,
    /// Watch live stores and raise the alarm.
    Watch => watch,
    /// What to cut off, at which price; with --apply, cut it off.
    Contain => contain,
    /// Pages for the public.
    Notice => notice,
    /// Accept, seal and hold business while what is behind is down.
    Bridge => bridge,
    /// The tenant's side: bring back what the bridge holds.
    Handback => handback,
    /// Look into the journal, and prove that it is whole.
    Journal => journal,
    /// The whole story on this machine: attack, containment, restart, hand-back, proof.
    Drill => drill,
}

#[derive(Debug, Parser)]
#[command(name = "blackstart", version, about, max_term_width = 100)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

/// How a command that worked ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Exit 0.
    Done,
    /// Exit 1: the question was answered, and the answer is no. What was printed says why.
    No,
}

/// Why a command did not do what was asked: what happened, what it means, what to do.
#[derive(Debug)]
pub struct Failure {
    pub kind: FailureKind,
    pub what: String,
    pub means: String,
    pub to_do: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// Exit 1: not allowed now.
    Refused,
    /// Exit 2: the call was wrong.
    Usage,
    /// Exit 2: the machine, a file or another program failed.
    Fault,
}

impl Failure {
    pub fn new(
        kind: FailureKind,
        what: impl Into<String>,
        means: impl Into<String>,
        to_do: impl Into<String>,
    ) -> Failure {
        Failure { kind, what: what.into(), means: means.into(), to_do: to_do.into() }
    }

    pub fn refused(what: impl Into<String>, means: impl Into<String>, to_do: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Refused, what, means, to_do)
    }

    pub fn usage(what: impl Into<String>, means: impl Into<String>, to_do: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Usage, what, means, to_do)
    }

    pub fn fault(what: impl Into<String>, means: impl Into<String>, to_do: impl Into<String>) -> Failure {
        Failure::new(FailureKind::Fault, what, means, to_do)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let line = match Line::try_parse() {
        Ok(line) => line,
        Err(error) => {
            // clap prints help to stdout with code 0 and misuse to stderr with code 2: as ours.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let answer = dispatch(&line.command);
    if answer.is_ok() && talk::is_cut_off() {
        return ExitCode::from(2);
    }
    match answer {
        Ok(Answer::Done) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(failure) => {
            talk::failure(&failure);
            match failure.kind {
                FailureKind::Refused => ExitCode::from(1),
                FailureKind::Usage | FailureKind::Fault => ExitCode::from(2),
            }
        }
    }
}
