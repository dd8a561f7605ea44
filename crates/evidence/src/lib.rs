//! What can be shown to others, and to whom?
//!
//! Reads: the journal with its signatures, and the estates in it. Records: the
//! hash of an artefact that somebody vouches for (`attach`). Writes one file, the bundle, whose form
//! and checking are `proof`'s. `whose` (pure) says which entries a tenant may see; `pack` and `export`
//! are the files that perform.

pub mod attach;
pub mod export;
pub mod pack;
mod page;
pub mod refusal;
pub mod whose;

pub use pack::{Packed, Request, pack};
pub use refusal::PackFault;

#[cfg(test)]
mod tests;
