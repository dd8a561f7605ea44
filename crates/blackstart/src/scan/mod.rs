//! Is this copy clean? Which is the last clean one?
//!
//! Reads files, restic repositories and live folders. Records what a snapshot was found to be, which
//! recovery point was chosen, and alarms.

pub mod judge;
pub mod restic;
pub mod view;
