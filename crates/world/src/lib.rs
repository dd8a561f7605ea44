//! The only door outside: clock, processes, probes, files that are restored, randomness.
//!
//! Everything that decides is pure and gets what it needs as values; everything that acts goes through
//! this trait, so that the same code runs on the real machine (`real`) and in the simulation that kills
//! it at every instant (`sim`). `clippy.toml` bans the direct ways by name; who has
//! a door of its own (the journal, restic repositories, the web edges) allows it at the head of its file, with the reason.

use std::path::{Path, PathBuf};

use estate::model::{Probe, Run, Source};
use hands::Script;
use hands::reach::Heard;
use hands::way::Way;
pub use incident::event::ProcessMark;

pub mod act;
mod knock;
mod nonce;
mod processes;
mod put_back;
pub use knock::authority;
pub mod real;
pub mod session;
#[cfg(any(test, feature = "sim"))]
pub mod sim;

/// What a start needs. Output goes to `output`, a file, never a pipe: a pipe dies with its reader.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch<'a> {
    /// Found again in the environment of the process as `BLACKSTART_RUN`.
    pub run: &'a str,
    pub command: &'a [String],
    pub settings: &'a Run,
    /// What has become of the launch is written beside it, so that somebody who comes later can tell.
    pub output: &'a Path,
}

/// How a command that ends by itself ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// `None`: killed by a signal, or by us at the deadline.
    pub code: Option<i32>,
    /// Last lines of its output, for the person who has to find out why.
    pub tail: String,
}

/// What a launch left beside its output file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// The command may have begun. Without this it certainly has not.
    pub begun: bool,
    /// The command has ended, with this exit code. A long-running service never says so itself.
    pub ended: Option<Ended>,
}

/// What a restored folder says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    pub snapshot: String,
    /// The label under which it was restored.
    pub run: String,
}

/// A number drawn for one attempt at a step (`nonce`): what carries it was not there before, and nobody planted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce {
    pub run: String,
    pub attempt: u32,
    pub word: String,
    /// No process of this attempt has an earlier start tick. After a reboot: none has any.
    pub since_ticks: u64,
}

/// What a probe saw. A probe that could not be carried out is a `No`: not known to be healthy is not healthy.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Yes,
    No(String),
}

/// What knocking gave. Whoever knocks wants to know whether anything is there at all, not whether it is healthy: an error
/// page is an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Knock {
    /// Something took the connection.
    Answered(String),
    /// The machine there says that nobody listens.
    Refused(String),
    /// No word came back in time.
    Silent(String),
    /// It says nothing about what is there: no network, no such name, or nothing that can be knocked on.
    NotTried(String),
}

#[derive(Debug, thiserror::Error)]
#[error("{doing} failed: {cause}")]
pub struct WorldFault {
    /// What we were doing, to which path, process or address.
    pub doing: String,
    pub cause: String,
}

/// The doors. Every method may block; none panics on what the world answers.
pub trait World: Send + Sync {
    /// UTC milliseconds since 1970. May jump; never used for order or for waiting.
    fn now_ms(&self) -> i64;
    /// Milliseconds on a clock that never goes back.
    fn elapsed_ms(&self) -> u64;
    fn wait_ms(&self, ms: u64);
    fn random(&self, bytes: &mut [u8]);

    /// Draws a nonce for this attempt and puts it on disk at `path`, in place of an earlier one, for us alone to read.
    fn draw(&self, path: &Path, run: &str, attempt: u32) -> Result<Nonce, WorldFault>;
    /// The last one that was drawn there.
    fn drawn(&self, path: &Path) -> Result<Option<Nonce>, WorldFault>;

    /// Starts a process in a session of its own, and returns its mark once it exists. On a fault
    /// nothing has been left running.
    fn start(&self, launch: &Launch<'_>) -> Result<ProcessMark, WorldFault>;
    /// Runs a command to its end, at most `deadline_ms`; then it is stopped.
    fn run(&self, launch: &Launch<'_>, deadline_ms: u64) -> Result<Ended, WorldFault>;
    /// Carries a script to where it is carried out, and waits for its end, at most `deadline_ms`. On a fault it was not
    /// sent off.
    fn carry(&self, way: &Way, script: &Script, deadline_ms: u64) -> Result<Heard, WorldFault>;
    /// What an earlier launch with this output file left behind.
    fn trace(&self, output: &Path) -> Result<Trace, WorldFault>;
    /// The living process that was started under this run id, if there is one. A fault if there is one but it runs
    /// under another user than we do.
    fn find(&self, run: &str) -> Result<Option<ProcessMark>, WorldFault>;
    /// The living process whose number stands in this file, if it is alive and not younger than the file.
    fn find_by_pid_file(&self, path: &str) -> Result<Option<ProcessMark>, WorldFault>;
    /// Still the same process, and alive (a zombie is not).
    fn is_alive(&self, mark: &ProcessMark) -> bool;
    /// SIGTERM to its session, SIGKILL after `grace_ms`; returns when it is gone.
    fn stop(&self, mark: &ProcessMark, grace_ms: u64) -> Result<(), WorldFault>;

    fn probe(&self, probe: &Probe, timeout_ms: u64) -> Answer;
    /// Knocks where the probe would look. A command looks from inside and is not run.
    fn knock(&self, probe: &Probe, timeout_ms: u64) -> Knock;

    /// Puts the snapshot's files where `target` is, in one step: the old content is kept beside it, and
    /// at no instant does `target` hold a mixture. `run` is written down with it. It ends
    /// in `/` and a nonce: if `target` holds what was restored under this very `run`, there is nothing left to do.
    /// Returns where what was there before is kept.
    fn restore(
        &self,
        source: &Source,
        snapshot: &str,
        target: &str,
        run: &str,
    ) -> Result<Vec<PathBuf>, WorldFault>;
    /// What `target` was last restored from, as `restore` left it written there. Anybody can have written it who
    /// could write in `target`; only the nonce at the end of `run` says that it was us.
    fn restored_from(&self, target: &str) -> Result<Option<Restored>, WorldFault>;
}

impl WorldFault {
    pub(crate) fn new(doing: impl Into<String>, cause: impl std::fmt::Display) -> WorldFault {
        WorldFault { doing: doing.into(), cause: cause.to_string() }
    }
}
