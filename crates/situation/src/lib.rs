//! What is the situation, and what has to be decided now?
//!
//! Reads every view and the estate in force. Records nothing. Whoever commands at night reads this and nothing else:
//! what is down for whom, what is held and for what, what to decide next. `map` draws the estate for them.

pub mod decide;
pub mod map;
pub mod progress;
pub mod situation;

#[cfg(test)]
mod map_tests;

#[cfg(test)]
mod situation_tests;
