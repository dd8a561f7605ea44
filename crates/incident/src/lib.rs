//! What has happened, and what do we know because of it?
//!
//! Reads: journal records. Records: nothing of its own accord; `store` is the one place through which
//! every part appends. The events are in `event`, their bytes in `record`, what follows from them in
//! `view`. A journal that is damaged is read in `damaged`, and continued in another by `succession`.

pub mod bridge;
pub mod command;
pub mod contain;
pub mod continued;
pub mod damaged;
pub mod duty;
pub mod event;
pub mod evidence;
pub mod fault;
pub mod follow;
pub mod frozen;
pub mod hands;
pub mod log;
#[cfg(any(test, feature = "sim"))]
pub mod memory;
pub mod notice;
pub mod plan;
pub mod record;
pub mod recover;
pub mod scan;
pub mod stamp;
pub mod standing;
pub mod store;
pub mod succession;
#[cfg(test)]
mod table;
pub mod view;

pub use event::Event;
pub use record::Entry;
pub use view::View;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod standing_tests;
