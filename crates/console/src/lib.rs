//! What does everybody who works on the incident see in a browser?
//!
//! Reads: the journal of the incident as it grows, and the estate that it puts in force; says what `situation` says, so that
//! a browser and `blackstart status` never differ. Records: nothing. No page needs a script, and nothing comes from elsewhere.
//!
//! - `as_of`: everything known at one entry, and what was read beside it; `current` keeps the newest.
//! - `phase`: in which phase an incident is, in a word.
//! - `screen`: the one screen that the commander has open. `tenants`, `run`, `cuts`, `findings`, `points`, `bridge`, `entries`:
//!   the pages behind its numbers. `frame`: what stands around all of them.
//! - `access`: who may look; `door`: what everybody sees; `edge`: addresses, headers, limits; `places`: who stays connected; `live`: the line on which a
//!   browser hears that something new was recorded.

mod access;
mod as_of;
mod bridge;
mod current;
mod cuts;
mod door;
mod edge;
mod entries;
mod findings;
mod frame;
mod live;
mod phase;
mod places;
mod points;
mod run;
mod screen;
mod tenants;

pub use access::{Access, Code};
pub use as_of::{Owed, Say};
pub use current::Current;
pub use edge::{Console, ServeFault, bind, serve};
