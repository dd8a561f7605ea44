//! How commands open an incident folder: the same arguments, the same messages everywhere.

#![allow(
    clippy::disallowed_methods,
    reason = "the time of an entry that a person makes is the time of this machine"
)]

use std::path::Path;

use message::{Command, Remedy};

use super::{Failure, person};
use incident::log::LogFault;
use incident::store::{self, Incident, StoreFault};
use incident::{Event, View};

/// Who is written beside the entries.
#[derive(Debug, clap::Args)]
pub struct By {
    /// Who decides this; written beside the entry. Default: the login that this process runs under, as the machine knows
    /// it ($USER is not asked: it is only a text).
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

impl By {
    pub fn name(&self) -> String {
        self.by.clone().filter(|name| !name.is_empty()).unwrap_or_else(person::login)
    }
}

/// UTC milliseconds since 1970, for entries that people make.
pub fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// `2023-04-24T22:00:00Z`, the form in which the terminal shows times; pages have `page::words::utc`.
pub fn time(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| format!("{ms} ms"), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// What is known now. Touches nothing.
pub fn read(folder: &Path) -> Result<View, Failure> {
    store::read(folder).map_err(|fault| failure(folder, &fault))
}

pub fn open(folder: &Path, by: &By) -> Result<Incident, Failure> {
    Incident::open(folder, &by.name()).map_err(|fault| failure(folder, &fault))
}

/// Decides on the newest view and records it: the one door for what rests on a view.
pub fn decide<R>(
    incident: &mut Incident,
    decide: impl Fn(&View) -> Result<Vec<Event>, R>,
) -> Result<Result<Vec<Event>, R>, Failure> {
    let decided = incident.decide(now_ms(), decide);
    decided.map_err(|fault| failure(incident.folder(), &fault))
}

/// Appends a fact that depends on nothing.
pub fn record(incident: &mut Incident, events: &[Event]) -> Result<(), Failure> {
    incident.record(events, now_ms()).map_err(|fault| failure(incident.folder(), &fault))
}

/// Every cause, once, from the outside in.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

pub fn log_failure(folder: &Path, fault: LogFault) -> Failure {
    match fault {
        LogFault::Store(fault) => failure(folder, &fault),
        LogFault::Gone => unreachable!("only a simulated journal is ever gone"),
    }
}

pub fn failure(folder: &Path, fault: &StoreFault) -> Failure {
    let what = chain(fault);
    let failure = match fault {
        StoreFault::NoIncident(_) => Failure::usage(
            what,
            "there is no incident to read or to write to here",
            Remedy::run_to(
                "name the folder that `blackstart init` made, or make one",
                Command::new("init").incident().with("--estate").open("ESTATE"),
            ),
        ),
        StoreFault::AlreadyThere(_) => Failure::refused(
            what,
            "an incident is never overwritten",
            Remedy::run_to("choose another folder, or look at this one", Command::new("status").incident()),
        ),
        StoreFault::Key { .. } => Failure::fault(
            what,
            "without the signing key nothing can be recorded; reading still works",
            "bring the key back to that place (it is never inside the incident folder), readable by you alone (chmod 600)",
        ),
        StoreFault::File { .. } => Failure::fault(
            what,
            "nothing was recorded",
            "look at the path, its permissions and the free space, then call again",
        ),
        StoreFault::Succeeded(_, next) => Failure::refused(
            what,
            "nothing is recorded here any more; it can still be read",
            Remedy::run_to(
                "call again with the folder in which it goes on; look at it",
                Command::new("status").with(next.display()),
            ),
        ),
        StoreFault::Emptied(_) => Failure::fault(
            what,
            "nothing was recorded, and nothing is known of this incident: an incident has entries from its first moment on",
            Remedy::ask(
                "put the folder back from a copy.",
                [
                    ("To look at this one", Remedy::run(Command::new("journal verify").incident())),
                    (
                        "if there was nothing in it yet, open it anew in another",
                        Remedy::run(Command::new("init").open("NEW").with("--estate").open("ESTATE")),
                    ),
                ],
            ),
        ),
        StoreFault::Open(_) | StoreFault::Read(_) => not_opened(folder, fault, what),
        StoreFault::Append(_) => Failure::fault(
            what,
            "this entry is not in the journal and must not be acted on",
            "look at the free space and at the disk, then call again",
        ),
    };
    failure.of(folder)
}

/// A journal that is busy, out of reach, of another key, or damaged.
fn not_opened(folder: &Path, fault: &StoreFault, what: String) -> Failure {
    match fault {
        StoreFault::Open(journal::OpenError::Busy { .. }) => Failure::fault(
            what,
            "nothing was recorded; what is in the journal is not touched",
            "find and end the process that holds it, then call again; reading works meanwhile",
        ),
        StoreFault::Open(journal::OpenError::File { .. })
        | StoreFault::Read(journal::ReadError::File { .. }) => Failure::fault(
            what,
            "nothing was recorded; what is in the journal is not touched",
            "look at the path, its permissions, the disk and the free space, then call again",
        ),
        StoreFault::Open(journal::OpenError::OtherOrigin { .. }) => Failure::fault(
            what,
            "the key beside it is of another incident; nothing was recorded",
            format!(
                "put the path of this incident's key into {}, then call again",
                store::key_location_path(folder).display()
            ),
        ),
        _ => Failure::fault(
            what,
            "this incident can be read, and nothing can be recorded in it: what would follow could not be relied on",
            Remedy::ask(
                "",
                [
                    ("see what is left", Remedy::run(Command::new("status").incident())),
                    ("see every place", Remedy::run(Command::new("journal verify").incident())),
                    (
                        "go on in a new folder with all that is proven",
                        Remedy::run(Command::succeed(folder.display())),
                    ),
                ],
            ),
        ),
    }
}
