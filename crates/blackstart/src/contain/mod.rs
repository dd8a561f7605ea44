//! What do we cut off, so that the fewest people lose service?
//!
//! Reads the estate and what is infected. Records the cut that was decided, every act on the world before
//! and after it happens, and what the probe from outside saw.

pub mod view;
