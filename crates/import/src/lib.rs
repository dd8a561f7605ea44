//! How does what people already have become an estate, and what does it not say?
//!
//! Reads compose files (and the other forms beside it), answers with a draft: things, declared dependencies,
//! and dependencies that are only proposed, each with where it was seen. A draft is merged into a folder of
//! estate files; what people changed there by hand stays. Records nothing in the journal.
//!
//! Every source is one folder here with a pure reader: texts with their names in, `Draft` or `Unreadable` out.
//! What all of them share:
//! - `draft`: what a reader answers with. `origin`: the line that says it. `names`: any name to an id. `yaml`: YAML with line numbers (`brackets` helps it).
//! - `mentions`: host names and addresses in values and command lines. `roles`: what only watches, what keeps data.
//! - `sources`: the texts themselves, the only door to the disk on this side.
//! - `merge`: last import, folder and new import to one estate. `pages`: the text of its files.
//! - `update`: the new texts of an estate, read back before they count. `folder`: the folder as a whole or not at all.
//! - `json`: the numbers for programs. `score`: what is not known, and whom to ask.

mod brackets;
pub mod compose;
pub mod draft;
pub mod fault;
pub mod folder;
pub mod json;
pub mod kubernetes;
pub mod login;
pub mod mentions;
pub mod merge;
pub mod names;
pub mod origin;
pub mod pages;

pub mod roles;
pub mod score;
mod secrets;
pub mod sources;
pub mod systemd;
pub mod table;
pub mod update;
pub mod yaml;

#[cfg(test)]
mod draft_lines;
#[cfg(test)]
mod tests;

pub use draft::{Draft, Noted};
pub use fault::Unreadable;
pub use origin::Origin;
