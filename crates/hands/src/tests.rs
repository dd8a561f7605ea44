//! What the drivers promise: scripts as golden files, what real programs printed as transcripts, and the real ssh.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod docker;
mod nasty;
mod reach;
mod scripts;
mod sshd;
