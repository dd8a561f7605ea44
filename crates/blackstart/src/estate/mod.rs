//! What do we have, and who depends on what?
//!
//! Reads an estate (TOML files, tenants also as CSV) and answers with a model, its canonical hash and
//! graded findings about what is missing, circular or alone. Records nothing itself: the journal keeps
//! estate texts by hash.

pub mod id;
pub mod model;

pub use id::{Id, Kind};
pub use model::Estate;
