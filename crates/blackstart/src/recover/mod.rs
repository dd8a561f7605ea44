//! How does everything come back, without falling over again?
//!
//! Reads the estate, an approved plan and the journal. Records each step before it is begun and after it
//! has ended. A crash at any instant loses nothing: a step with intent and no outcome is in doubt, and is
//! probed before anything else happens to it.

pub mod step;
pub mod view;
