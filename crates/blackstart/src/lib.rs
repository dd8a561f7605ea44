//! Blackstart brings a shared IT provider, and everyone who depends on it, through a cyberattack.
//!
//! One append-only incident journal; everything else is a view of it. `decide` (pure: view and wish to
//! events, or a refusal), `append` (the only write), `apply` (pure and total), `perform` (touch the world,
//! after the intent is on disk). ARCHITECTURE.md is the map.

pub mod bridge;
pub mod cli;
pub mod command;
pub mod contain;
pub mod estate;
pub mod incident;
pub mod notice;
pub mod plan;
pub mod recover;
pub mod scan;
pub mod world;
