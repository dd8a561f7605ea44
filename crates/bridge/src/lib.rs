//! How does business go on meanwhile, and how does it return?
//!
//! The bridge stands in the path from the normal day on. What changes anything is sealed to its tenant
//! and on the bridge's own disk before it is forwarded or answered. Hand-back is the tenant's own process.

pub mod account;
pub mod books;
pub mod clock;
pub mod config;
pub mod core_health;
pub mod desk;
pub mod edge;
pub mod fact;
pub mod handback;
pub mod keys;
pub mod line;
pub mod receipt;
pub mod run;
pub mod seal;
pub mod upstream;
pub mod writer;

#[cfg(test)]
mod crash_tests;
#[cfg(test)]
mod tests;
