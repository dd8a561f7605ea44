//! What do we tell whom?
//!
//! Reads the estate and what outsiders may know of the incident (`public`). Writes static pages per tenant and
//! language (`page`) that need nothing else to be read: no script, no file from elsewhere, no server. Records which
//! version was published. `publish` is the file that performs.

pub mod page;
pub mod public;
pub mod publish;
pub mod words;

#[cfg(test)]
mod tests;
