//! In which order does everything come back, and when?
//!
//! Reads the estate and what is lost. Records plans and their approval. A plan is a value: immutable,
//! printed, compared, and run only by its approved hash.

pub mod file;
pub mod part;
pub mod view;

pub use file::Plan;
