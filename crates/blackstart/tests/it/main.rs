//! What is held by running the binary, or by reading the source. One program, so that it links once.
//!
//! - `bridge`, `bridge_hostile` on `bridge_rig`: business while the core is gone, and its return.
//! - `check`: what is said about an estate, as text and as JSON, and the exit code.
//! - `contain`: what is cut off stays off until somebody lifts it; silence alone proves nothing.
//! - `help`: the words of the whole command line, its completions and manual pages.
//! - `import`: from compose files to a folder that checks and plans.
//! - `import_systemd`, `import_kubernetes`, `import_csv` on `import_rig`: estates from what is there already.
//! - `on_hosts` on `host_rig`: units on real hosts, started, cut off and let go on.
//! - `reach`: what would be done on which host, and what is missing there.
//! - `place`: which incident and which thing is meant, where they are not named in full.
//! - `journal`: read by people, damaged, and going on in another folder.
//! - `notice`: pages replace pages, and nothing else.
//! - `plan`: the planner's contract, wishes, plan files, and what is refused.
//! - `restart`: a restart of real processes, killed in the middle.
//! - `scan` on `scan_rig`: judging folders and repositories, and the watch.
//! - `scan_broken` on `scan_rig`: what is damaged, is not a file, or is being written.
//! - `scan_remote` on `scan_rig`: repositories behind a server; only with the feature `remote`.
//! - `serve`: what a browser is shown, to whom, and in whose way it does not stand.
//! - `status`: what a commander is told at each point of an incident, on a serial line.
//! - `tidy`: rules about the source that the compiler does not see.
//! - `world`: the real machine, asked what the simulation only claims.

#![allow(clippy::disallowed_methods, reason = "tests are outside, and look at the product from there")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on may panic")]

mod accept;
mod bridge;
mod bridge_hostile;
mod bridge_rig;
mod check;
mod contain;
mod duty;
mod evidence;
mod help;
mod host_rig;
mod import;
mod import_csv;
mod import_kubernetes;
mod import_rig;
mod import_systemd;
mod journal;
mod notice;
mod on_hosts;
mod place;

mod plan;
mod reach;
mod restart;
mod restore;
mod scan;
mod scan_broken;
#[cfg(feature = "remote")]
mod scan_remote;
mod scan_rig;
mod serve;
mod status;
mod tidy;
mod watch;
mod world;
