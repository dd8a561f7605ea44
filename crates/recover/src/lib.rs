//! How does everything come back, without falling over again?
//!
//! Reads the estate, an approved plan and the journal. Records each step before it is begun and after it
//! has ended. A crash at any instant loses nothing: a step with intent and no outcome is in doubt, and is
//! probed before anything else happens to it.
//!
//! The table of states and what the journal says stand in `incident::recover`. Here, `decide` says what may be done next
//! (pure), `refusal` what may not and why, `fallout` what waits when something fails; `perform` does a step, `driven` sends scripts to hosts, `health` asks, `run` the loop that puts intents on disk before and outcomes after. Nothing is ever undone: what fails is stopped and held, what depends on it is parked,
//! everything else goes on.

pub mod decide;
mod driven;
mod fallout;
mod health;
pub mod perform;
pub mod refusal;
pub mod run;

#[cfg(test)]
mod by_hand_tests;
#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod driven_tests;
#[cfg(test)]
mod planted_tests;
#[cfg(test)]
mod queue_tests;
