//! Starts, stops and kills processes as a provider's own init would, and leaves nothing behind.

use std::path::Path;
use std::time::Duration;

use crate::Result;
use crate::estate::{Layout, StoreAt, Unit};
use crate::snapshot::Snapshot;

/// The marked folder, and every process that runs in it. Dropping it ends them all.
pub struct World {}

/// A process of the product that the drill started.
pub struct Running {}

/// What a process that has ended left.
#[derive(Clone, Debug)]
pub struct Finished {
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    /// Marks `root` (must be absent, empty or a former drill) and takes it.
    pub fn create(_root: &Path) -> Result<World> {
        todo!()
    }
    /// Starts a unit and waits until it is healthy; does not admit load.
    pub fn start(&self, _unit: &Unit) -> Result<()> {
        todo!()
    }
    /// Lets load in.
    pub fn admit(&self, _unit: &Unit) -> Result<()> {
        todo!()
    }
    /// Bank, doors and all units, in order, admitted.
    pub fn start_all(&self, _layout: &Layout) -> Result<()> {
        todo!()
    }
    /// SIGTERM, and waits for the end.
    pub fn stop(&self, _unit: &Unit) -> Result<()> {
        todo!()
    }
    /// SIGKILL, and waits for the end.
    pub fn kill(&self, _unit: &Unit) -> Result<()> {
        todo!()
    }
    pub fn is_running(&self, _unit: &Unit) -> bool {
        todo!()
    }
    /// Starts any program in its own session, output to `root/log/NAME.{out,err}`.
    pub fn spawn(&self, _name: &str, _argv: &[String], _environment: &[(&str, &str)]) -> Result<Running> {
        todo!()
    }
    /// Runs a program to its end, or kills it at the deadline (then it is an error).
    pub fn run(
        &self,
        _argv: &[String],
        _environment: &[(&str, &str)],
        _deadline: Duration,
    ) -> Result<Finished> {
        todo!()
    }
    /// Quiesces the unit that writes to the store, backs it up, lets it go on.
    pub fn snapshot(&self, _layout: &Layout, _store: &StoreAt) -> Result<Snapshot> {
        todo!()
    }
}

impl Running {
    pub fn pid(&self) -> u32 {
        todo!()
    }
    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) -> Result<()> {
        todo!()
    }
    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) -> Result<()> {
        todo!()
    }
    /// `None` while it runs.
    pub fn finished(&mut self) -> Result<Option<Finished>> {
        todo!()
    }
    /// Waits for its end.
    pub fn wait(&mut self, _deadline: Duration) -> Result<Finished> {
        todo!()
    }
    /// Everything it has printed so far.
    pub fn stdout(&self) -> Result<String> {
        todo!()
    }
}

/// Asks `is_so` until it says yes. Fails with `what` when the deadline is over.
pub fn wait_until(_what: &str, _deadline: Duration, _is_so: impl FnMut() -> bool) -> Result<()> {
    todo!()
}
