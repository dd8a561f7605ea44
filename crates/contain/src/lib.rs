//! What do we cut off, so that the fewest people lose service?
//!
//! Reads the estate and what is infected. Records the cut that was decided, every act on the world before and after it
//! happens, and what the probe from outside saw. `decide` is pure; `run` is the file that performs.
//!
//! First form: everything infected is stopped and the doors of infected sites are closed; it does not choose between
//! cuts yet.

pub mod decide;
pub mod run;

#[cfg(test)]
mod tests;
