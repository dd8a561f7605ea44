//! What do we tell whom?
//!
//! Reads the estate and what outsiders may know of the incident (`public`). Writes static pages per tenant and
//! language (`page`) that need nothing else to be read: no script, no file from elsewhere, no server. Records which
//! was said, and which version was published. `say` decides what may be said, `site` is all files as values, `mark` says which
//! folder is ours, `decide` what is recorded; `publish` performs.

pub mod contact;
pub mod decide;
pub mod feed;
pub mod manifest;
pub mod mark;
pub mod order;
pub mod page;
pub mod public;
pub mod publish;
pub mod say;
pub mod site;
pub mod spoken;
pub mod statuspage;
pub mod told;
pub mod words;

#[cfg(test)]
mod feed_tests;
#[cfg(test)]
mod publish_tests;
#[cfg(test)]
mod say_tests;
#[cfg(test)]
mod tests;
