//! The commands: one file each, whose doc comment is the manual.
//!
//! Data goes to stdout, talk and progress to stderr. Exit 0: done. 1: the answer is no (blocking
//! findings, not clean, refused). 2: usage, or something failed. Decided here, once, for all of them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use message::{Message, Remedy};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use self::color::Choice;

pub mod accept;
pub mod adopt;
pub mod approve;
pub mod attach;
pub mod bridge;
pub mod check;
pub mod choose;
pub mod color;
pub mod completions;
pub mod contain;
pub mod dismiss;
pub mod drill;
pub mod duty;
pub mod evidence;
pub mod folder;
pub mod forecast;
pub mod handback;
pub mod harm;
pub mod hold;
pub mod import;
pub mod init;
pub mod journal;
pub mod man;
pub mod named;
pub mod note;
pub mod notice;
pub mod person;
pub mod place;
pub mod plan;
pub mod reach;
pub mod read_estate;
pub mod recover;
pub mod report;
pub mod restore;
pub mod resume;
pub mod scan;
pub mod sentence;
pub mod serve;
pub mod status;
pub mod succeed;
pub mod talk;
pub mod thaw;
pub mod watch;
mod whole_file;

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident => $module:ident),* $(,)?) => {
        #[derive(Debug, Subcommand)]
        enum Command {
            $($(#[$doc])* $variant($module::Args)),*
        }

        fn dispatch(command: &Command) -> Result<Answer, Failure> {
            match command {
                $(Command::$variant(args) => $module::run(args)),*
            }
        }

        /// In lists and in the short help a command is one line; its whole help is the manual in its file.
        fn with_manuals(line: clap::Command) -> clap::Command {
            $(let line = line.mut_subcommand(stringify!($module), |command| {
                let own = <$module::Args as clap::Args>::augment_args(clap::Command::new(""));
                let manual = own.get_long_about().or(own.get_about()).cloned();
                match manual {
                    Some(manual) => command.long_about(manual),
                    None => command,
                }
            });)*
            line
        }
    };
}

commands! {
    /// What is wrong with this estate?
    Check => check,
    /// On a quiet day: is every host reached, and would it allow what the incident would ask for?
    Reach => reach,
    /// Make an estate from compose files and other descriptions.
    Import => import,
    /// Open an incident: make its folder, journal and key.
    Init => init,
    /// What is down for whom, what is held and for what, what to decide next.
    Status => status,
    /// The incident in a browser on this machine.
    Serve => serve,
    /// Write into the commander's log.
    Note => note,
    /// In which order does everything come back, and when?
    Plan => plan,
    /// Allow a plan to be run, by its hash.
    Approve => approve,
    /// Put an edited estate in force.
    Adopt => adopt,
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
    /// Bring the clean files of a store to a new place, file by file.
    Restore => restore,
    /// Accept contents that are not clean, because somebody has looked at them.
    Accept => accept,
    /// Watch live stores and raise the alarm.
    Watch => watch,
    /// Close an alarm: somebody has looked, and it was not an attack.
    Dismiss => dismiss,
    Thaw => thaw,
    /// What to cut off, at which price; with --apply, cut it off.
    Contain => contain,
    /// Pages for the public.
    Notice => notice,
    /// Accept, seal and hold business while the upstream systems are down.
    Bridge => bridge,
    /// The tenant's side: bring back what the bridge holds.
    Handback => handback,
    /// Look into the journal, and prove that it is whole.
    Journal => journal,
    /// What has to be reported to whom, and until when.
    Duty => duty,
    /// A report to an authority or a tenant, filled in as far as the journal knows.
    Report => report,
    /// Vouch for a file outside of the journal, by its hash.
    Attach => attach,
    /// Hand the proof to others, and check what was handed over.
    Evidence => evidence,
    /// The whole story on this machine: attack, containment, restart, hand-back, proof.
    Drill => drill,
    /// What the shell needs to complete commands and options.
    Completions => completions,
    /// The manual pages.
    Man => man,
}

/// What holds for every command. Lines are broken here: this part is printed as it stands.
const FOR_ALL: &str = "\
The incident: commands find it from the working folder (the incident or any folder in it), or in the
environment variable BLACKSTART_DIR. Wherever a call takes DIR, it can be named instead. Inside an
incident `blackstart` alone shows its status.

Names: things of the estate are written as kind:name, for example service:identity-muc, or as the
name alone where only one of those that can be meant has it.

Exit code: 0 done; 1 the answer is no (blocking findings, not clean, refused); 2 the call was wrong,
or something failed.";

#[derive(Debug, Parser)]
#[command(name = "blackstart", version, about, max_term_width = 100, after_long_help = FOR_ALL)]
struct Line {
    /// Colour: always, never or auto (the default: on a terminal, unless NO_COLOR is set).
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        display_order = 999
    )]
    color: Choice,
    #[command(subcommand)]
    command: Option<Command>,
}

/// The whole command line, for manuals, completions and whoever looks at its words.
pub fn line() -> clap::Command {
    with_manuals(Line::command())
}

/// How a command that worked ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Exit 0.
    Done,
    /// Exit 1: the question was answered, and the answer is no. What was printed says why.
    No,
}

/// Why a command did not do what was asked.
#[derive(Debug)]
pub struct Failure {
    pub kind: FailureKind,
    pub message: Box<Message>,
    /// The folder that the commands of the remedy name.
    pub incident: Option<PathBuf>,
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
        to_do: impl Into<Remedy>,
    ) -> Failure {
        Failure::says(kind, Message::new(what, means, to_do))
    }

    /// What a part says, as it says it.
    pub fn says(kind: FailureKind, message: Message) -> Failure {
        Failure { kind, message: Box::new(message), incident: None }
    }

    /// The commands of the remedy name this incident.
    pub fn of(mut self, incident: &Path) -> Failure {
        self.incident = Some(incident.to_owned());
        self
    }

    pub fn refused(what: impl Into<String>, means: impl Into<String>, to_do: impl Into<Remedy>) -> Failure {
        Failure::new(FailureKind::Refused, what, means, to_do)
    }

    pub fn usage(what: impl Into<String>, means: impl Into<String>, to_do: impl Into<Remedy>) -> Failure {
        Failure::new(FailureKind::Usage, what, means, to_do)
    }

    pub fn fault(what: impl Into<String>, means: impl Into<String>, to_do: impl Into<Remedy>) -> Failure {
        Failure::new(FailureKind::Fault, what, means, to_do)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let typed: Vec<OsString> = std::env::args_os().collect();
    color::choose(color::typed(&typed));
    let line = match read(&typed) {
        Ok(line) => line,
        Err(error) => return misread(&error),
    };
    color::choose(line.color);
    let answer = match &line.command {
        Some(command) => dispatch(command),
        None => match alone(line.color) {
            Ok(answer) => answer,
            Err(error) => return misread(&error),
        },
    };
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

fn read(typed: &[OsString]) -> Result<Line, clap::Error> {
    let mut line = line().color(color::typed(typed).of_help());
    let matches = line.try_get_matches_from_mut(color::to_front(typed))?;
    Line::from_arg_matches(&matches).map_err(|error| error.format(&mut line))
}

/// clap prints help to stdout with code 0 and misuse to stderr with code 2: as ours.
fn misread(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Without a command: the status of the incident one stands in. Without one the short help, which is no answer.
fn alone(color: Choice) -> Result<Result<Answer, Failure>, clap::Error> {
    match place::is_found() {
        Ok(true) => {
            let status = read(&["blackstart", "status"].map(OsString::from))?;
            Ok(dispatch(&status.command.expect("the words name a command")))
        }
        Ok(false) => {
            let needy = line().color(color.of_help()).arg_required_else_help(true);
            let nothing = needy.try_get_matches_from(["blackstart"]);
            Err(nothing.expect_err("a call without words is an error where words are required"))
        }
        Err(failure) => Ok(Err(failure)),
    }
}
