//! Why a source cannot be imported: where, what, and what to do. Then nothing is written at all.

use message::{Remedy, harmless};

use super::origin::Origin;

/// A source that cannot be understood. Less than that is a finding of the draft.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {what}")]
pub struct Unreadable {
    /// The file, and the line if one is to blame (0: the file as a whole).
    pub origin: Origin,
    pub what: String,
    pub to_do: Remedy,
}

impl Unreadable {
    /// Names in a message come from other people's files: nothing in them may steer a terminal.
    pub fn new(origin: &Origin, what: impl Into<String>, to_do: impl Into<String>) -> Unreadable {
        Unreadable {
            origin: origin.clone(),
            what: harmless(&what.into()),
            to_do: Remedy::Do(harmless(&to_do.into())),
        }
    }
}
