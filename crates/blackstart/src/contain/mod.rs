//! What do we cut off, so that the fewest people lose service?
//!
//! Reads the estate and what is infected. Records the cut that was decided, every act on the world before
//! and after it happens, and what the probe from outside saw.
//!
//! First form: it makes no choice between cuts. What is infected is stopped, the doors of infected sites are
//! closed, and the price of that is said. `cut` proposes, `authority` says what may be done at an alarm
//! without asking, `decide` turns a proposal into entries, `perform` is the one file that acts.
//!
//! | state | what follows |
//! |---|---|
//! | decided | the intent is written, then the act is done |
//! | intended | in doubt: looked at first; done already, or done again, because both acts may be repeated |
//! | done | knocked on from outside |
//! | holds | knocked on again |
//! | leaks, failed | done again |
//! | lifted | decided anew |

pub mod authority;
pub mod cut;
pub mod decide;
pub mod perform;
pub mod view;

#[cfg(test)]
mod tests;

pub use cut::{Proposal, Refusal, propose};
