//! What can go wrong with an incident folder: which file, which key, which journal.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreFault {
    #[error("cannot {doing} {path}")]
    File { doing: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{0} is not an incident folder: it has no journal")]
    NoIncident(PathBuf),
    #[error("the incident in {0} was ended as damaged and goes on in {1}")]
    Succeeded(PathBuf, PathBuf),
    #[error("the journal in {0} is empty: its records, or the folder's content, were taken away")]
    Emptied(PathBuf),
    #[error("{0} already holds an incident")]
    AlreadyThere(PathBuf),
    #[error("cannot use the signing key {path}")]
    Key { path: PathBuf, source: journal::key::KeyError },
    #[error("cannot open the journal for writing")]
    Open(#[source] journal::OpenError),
    #[error("cannot append to the journal")]
    Append(#[source] journal::AppendError),
    #[error("cannot read the journal")]
    Read(#[source] journal::ReadError),
}

impl StoreFault {
    /// Somebody appended meanwhile what this decision depends on: look again and decide again.
    pub fn is_outdated(&self) -> bool {
        matches!(self, StoreFault::Append(journal::AppendError::Refused { .. }))
    }
}
