//! Why no bundle was written.

use std::io;
use std::path::PathBuf;

use incident::fault::StoreFault;
use message::{Command, Message, Remedy};
use thiserror::Error;

#[derive(Debug, Error)]
pub enum PackFault {
    /// A bundle that somebody was given is not replaced by another of the same name.
    #[error("{} is there already", .0.display())]
    AlreadyThere(PathBuf),
    #[error("no signature in the journal in {} can be believed", .0.display())]
    NothingSigned(PathBuf),
    #[error("no estate in this journal names {0}")]
    NoSuchTenant(String),
    #[error("an estate in this journal cannot be read, so it is not known who else is served")]
    EstateNotRead,
    #[error("the signing key and the public key in {} do not belong together", .0.display())]
    OtherKey(PathBuf),
    #[error(transparent)]
    Store(#[from] StoreFault),
    #[error("could not {doing} {}", path.display())]
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

impl PackFault {
    /// Whether it is an answer (exit 1) and no failure.
    pub fn is_refusal(&self) -> bool {
        match self {
            PackFault::AlreadyThere(_)
            | PackFault::NothingSigned(_)
            | PackFault::NoSuchTenant(_)
            | PackFault::EstateNotRead
            | PackFault::OtherKey(_) => true,
            PackFault::Store(_) | PackFault::File { .. } => false,
        }
    }

    /// What it means and what to do; faults of the store are said by whoever knows them.
    pub fn message(&self) -> Message {
        let (means, to_do): (&str, Remedy) = match self {
            PackFault::AlreadyThere(_) => (
                "a bundle may have been given to somebody, so it is never replaced; nothing was written",
                "name another file".into(),
            ),
            PackFault::NothingSigned(_) => (
                "there is nothing that a bundle could prove; nothing was written",
                Remedy::run_to("see what is wrong", Command::new("journal verify").incident()),
            ),
            PackFault::NoSuchTenant(_) => (
                "it is not known whose entries these would be; nothing was written",
                Remedy::run_to("see who is served", Command::new("status").incident()),
            ),
            PackFault::EstateNotRead => (
                "entries could name tenants that are not known here, and would be given to somebody else; nothing was written",
                "use the version of this program that wrote the journal; a bundle of the whole journal can be made here".into(),
            ),
            PackFault::OtherKey(_) => (
                "nobody could check the bundle with the public key that was given away; nothing was written",
                "bring the right signing key to the place that `signing-key-location` names".into(),
            ),
            PackFault::Store(_) => ("nothing was written", "look at the journal, then call again".into()),
            PackFault::File { .. } => (
                "there is no bundle, not even a part of one",
                "look at the path, its permissions and the free space, then call again".into(),
            ),
        };
        Message::new(chain(self), means, to_do)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
