//! How commands open an incident folder: the same arguments, the same messages everywhere.

#![allow(
    clippy::disallowed_methods,
    reason = "the time of an entry that a person makes is the time of this machine"
)]

use std::path::Path;

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

/// `2023-04-24T22:00:00Z`, the only form in which times are shown.
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
    let shown = folder.display();
    match fault {
        StoreFault::NoIncident(_) => Failure::usage(
            what,
            "there is no incident to read or to write to here",
            format!(
                "name the folder that `blackstart init` made, or make one: blackstart init {shown} --estate ESTATE"
            ),
        ),
        StoreFault::AlreadyThere(_) => Failure::refused(
            what,
            "an incident is never overwritten",
            format!("choose another folder, or look at this one: blackstart status {shown}"),
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
            format!(
                "call again with the folder in which it goes on; look at it: blackstart status {}",
                next.display()
            ),
        ),
        StoreFault::Emptied(_) => Failure::fault(
            what,
            "nothing was recorded, and nothing is known of this incident: an incident has entries from its first moment on",
            format!(
                "put the folder back from a copy; if there was nothing in it yet, open it anew in another: \
                 blackstart init NEW --estate ESTATE (and look at this one: blackstart journal verify {shown})"
            ),
        ),
        StoreFault::Open(_) | StoreFault::Read(_) => not_opened(folder, fault, what),
        StoreFault::Append(_) => Failure::fault(
            what,
            "this entry is not in the journal and must not be acted on",
            "look at the free space and at the disk, then call again",
        ),
    }
}

/// A journal that is busy, out of reach, of another key, or damaged.
fn not_opened(folder: &Path, fault: &StoreFault, what: String) -> Failure {
    let shown = folder.display();
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
            format!("put the path of this incident's key into {shown}/signing-key-location, then call again"),
        ),
        _ => Failure::fault(
            what,
            "this incident can be read, and nothing can be recorded in it: what would follow could not be relied on",
            format!(
                "see what is left: blackstart status {shown}; every place: blackstart journal verify {shown}; \
                 go on in a new folder with all that is proven: blackstart journal succeed {shown} {shown}-2 --reason TEXT"
            ),
        ),
    }
}
