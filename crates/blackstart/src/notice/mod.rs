//! What do we tell whom?
//!
//! Reads the estate and the public part of what is known. Writes static pages per tenant and language
//! that need nothing else to be read. Records which version was published.

pub mod view;
