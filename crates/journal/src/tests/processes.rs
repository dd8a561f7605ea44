//! Several processes on one journal.
