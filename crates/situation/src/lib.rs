//! What is the situation, and what has to be decided now?
//!
//! Reads every view and the estate in force. Whoever commands at night reads this and nothing else: what is down for whom,
//! what is held and for what, what to decide next (`situation`, `asked`), how far a run is and when everybody is back
//! (`progress`), where everything stands (`map`, which draws the estate). Records what belongs to no other part, by
//! `decide`: notes, holds and what lifts them, entries accepted, estates adopted.

mod asked;
pub mod decide;
mod lines;
pub mod map;
pub mod progress;
pub mod situation;

#[cfg(test)]
mod map_tests;

#[cfg(test)]
mod situation_tests;
