//! What do we cut off, so that the fewest people lose service?
//!
//! Reads the estate and what is infected. Records the cut that was decided, every act on the world before and after it
//! happens, what answered before and what answers after it, and that somebody ended it. `decide` and `lift` are pure; `run`
//! is the file that performs, `on_hosts` the same for what drivers stop on their hosts, `knocking` its ear.
//!
//! First form: everything infected is stopped and the doors of infected sites are closed; it does not choose between
//! cuts yet.

pub mod decide;
pub mod knocking;
pub mod lift;
mod on_hosts;
pub mod place;
mod recorded;
pub mod run;

#[cfg(test)]
mod tests;
