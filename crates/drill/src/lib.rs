//! The practice world: a small shared provider made of real processes, real files and real databases, an attack
//! on it, and the people who go on sending in their business meanwhile.
//!
//! Nothing in here uses the product's code. The drill runs the built `blackstart` binary as anybody would, and what
//! it counts, it counts itself; otherwise a mistake shared by both sides would be invisible.

pub mod acts;
pub mod attack;
pub mod choice;
pub mod clock;
pub mod curve;
pub mod display;
pub mod drawing;
pub mod estate;
pub mod fault;
pub mod oracle;
pub mod practice;
pub mod process;
pub mod product;
pub mod report;
pub mod report_html;
pub mod rng;
pub mod snapshot;
pub mod stage;
pub mod story;
pub mod traffic;
pub mod wire;
pub mod world;

pub use fault::{Fault, Result};
