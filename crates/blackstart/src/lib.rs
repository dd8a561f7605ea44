//! The commands of the one binary. What a command decides and does is in the crate of its part.
//!
//! ARCHITECTURE.md is the map.

pub mod cli;
