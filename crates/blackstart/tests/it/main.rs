//! What is held by running the binary, or by reading the source. One program, so that it links once.
//!
//! - `check`: what is said about an estate, as text and as JSON, and the exit code.
//! - `tidy`: rules about the source that the compiler does not see.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

mod check;
mod tidy;
