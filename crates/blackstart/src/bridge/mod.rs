//! How does business go on meanwhile, and how does it return?
//!
//! The bridge stands in the path from the normal day on. What changes anything is sealed to its tenant
//! and on the bridge's own disk before it is forwarded or answered. Hand-back is the tenant's own process.

pub mod clock;
pub mod counted;
pub mod fact;
pub mod keys;
pub mod ledger;
pub mod seal;
