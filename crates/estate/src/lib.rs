//! What do we have, and who depends on what?
//!
//! Reads an estate (TOML files, tenants also as CSV) and answers with a model, its canonical text and hash,
//! and graded findings about what is missing, circular or alone. Records nothing itself: the journal keeps
//! estate texts by hash.
//!
//! - `read`: from files to `Reading`: the estate, findings about its form, the place of everything.
//! - `canonical`: the one text of an estate, its hash, and the way back.
//! - `graph`: start order, closures, who loses what when something is down.
//! - `check`: findings about the content.
//! - `inside`: what of a backup belongs to a store, and where it goes.
//! - `fingerprint`: what one thing rests on, as a hash, so that an edit elsewhere holds nothing up.

pub mod called;
pub mod canonical;
pub mod check;
mod csv;
mod fields;
pub mod files;
pub mod finding;
pub mod fingerprint;
pub mod graph;
pub mod hands;
mod hands_read;
mod hex;
pub mod id;
pub mod ignorance;
pub mod inside;
pub mod layers;
pub mod model;
pub mod place;
pub mod read;
mod things;
pub mod words;

#[cfg(test)]
mod tests;

pub use fields::{NUMBER_MAX, shown};
pub use finding::{Finding, Grade};
pub use hex::hex;
pub use id::{Id, Kind};
pub use model::Estate;
pub use read::{Reading, read};
