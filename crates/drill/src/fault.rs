//! What went wrong with the drill itself, in words for the person who started it.

use std::fmt;

/// The drill could not do something: what it was doing, and why that failed.
#[derive(Debug)]
pub struct Fault(String);

/// Result of everything in the drill that touches files, processes or the network.
pub type Result<T> = std::result::Result<T, Fault>;

impl Fault {
    /// `what` is a whole sentence: what happened, what it means, what to do.
    pub fn new(what: impl Into<String>) -> Fault {
        Fault(what.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

/// Says what was being done when something failed.
pub trait During<T> {
    /// `doing` completes the sentence "while …".
    fn during(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: fmt::Display> During<T> for std::result::Result<T, E> {
    fn during(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|cause| Fault(format!("{}: {cause}", doing())))
    }
}
