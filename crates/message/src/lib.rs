//! What is said to people: what happened, what it means for the incident, what to do.
//!
//! Every finding, refusal and fault speaks through `Message`, whoever shows it: the terminal prints lines, a page can
//! make a button of the same remedy. What to do is therefore no text but a value (`Remedy`): a command with its
//! arguments, an edit with its place, a question with its answers, or something that only a person can do.
//!
//! - `remedy`: what can be done, and how it reads.
//! - `command`: a command of this program that can be pasted.
//! - `reason`: why a person decided something.
//! - `words`: numbers and plurals in text.
//! - `terminal`: what in a text may steer a terminal.
//!
//! Knows nothing of ours, and nothing of what it speaks about.

mod command;
mod reason;
mod remedy;
mod terminal;
mod words;

pub use command::{Command, quoted};
pub use reason::Reason;
pub use remedy::{Answer, Remedy};
pub use terminal::{harmless, steers};
pub use words::{counted, counted_as, size, spaced};

/// One thing said to a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What happened.
    pub what: String,
    /// What it means for the incident.
    pub means: String,
    pub to_do: Remedy,
}

impl Message {
    pub fn new(what: impl Into<String>, means: impl Into<String>, to_do: impl Into<Remedy>) -> Message {
        Message { what: what.into(), means: means.into(), to_do: to_do.into() }
    }
}

#[cfg(test)]
mod tests;
