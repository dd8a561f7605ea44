//! Is this copy clean? Which is the last clean one?
//!
//! Reads files, restic repositories and live folders. Records what a snapshot was found to be, which
//! recovery point was chosen, and alarms.

pub mod accept;
pub mod choose;
pub mod decide;
pub mod decoys;
pub mod events;
pub mod folder;
pub mod freeze;
pub mod frozen;
pub mod history;
pub mod ledger;
pub mod report;
pub mod restic;
pub mod rules;
pub mod shown;
pub mod snapshots;
pub mod timeline;
pub mod watch;
pub mod writers;
