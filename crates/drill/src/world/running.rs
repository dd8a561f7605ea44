//! A program that the drill started and can look at, wait for, and kill.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::process::Signal;

use super::wait_until;
use crate::fault::During as _;
use crate::process::ProcessId;
use crate::{Fault, Result};

/// A program that the drill started. Dropping it kills it.
pub struct Running {
    name: String,
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What a program that has ended left.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Exit code; `None`: ended by a signal.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// An error that quotes what it said, unless it exited 0.
    pub fn well(self) -> Result<()> {
        if self.code == Some(0) {
            return Ok(());
        }
        let how = match (self.code, self.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, signal) => format!("signal {}", signal.unwrap_or(0)),
        };
        Err(Fault::new(format!("a program ended with {how}: {} {}", self.stderr.trim(), self.stdout.trim())))
    }
}

impl Running {
    pub(super) fn new(name: String, child: Child, stdout: PathBuf, stderr: PathBuf) -> Running {
        Running { name, child, stdout, stderr }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().during(|| format!("cannot kill {}", self.name))?;
        self.child.wait().during(|| format!("cannot wait for {}", self.name))?;
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) -> Result<()> {
        if let Some(known) = ProcessId::now(self.child.id()) {
            known.signal(Signal::TERM);
        }
        self.wait(Duration::from_secs(15)).map(drop)
    }

    /// `None` while it runs.
    pub fn finished(&mut self) -> Result<Option<Finished>> {
        let status = self.child.try_wait().during(|| format!("cannot look at {}", self.name))?;
        status.map(|status| self.left(status)).transpose()
    }

    /// Waits for its end. When the deadline is over it is killed, and that is an error.
    pub fn wait(&mut self, deadline: Duration) -> Result<Finished> {
        let mut finished = None;
        let waited = wait_until(&format!("{} has ended", self.name), deadline, || {
            finished = self.child.try_wait().ok().flatten();
            finished.is_some()
        });
        match (finished, waited) {
            (Some(status), _) => self.left(status),
            (None, waited) => {
                self.kill()?;
                let said = format!("{} {}", self.stderr()?.trim(), self.stdout()?.trim());
                waited.map_err(|why| Fault::new(format!("{why}; it was killed. It said: {said}")))?;
                Err(Fault::new(format!("{} was killed", self.name)))
            }
        }
    }

    fn left(&self, status: ExitStatus) -> Result<Finished> {
        let (stdout, stderr) = (self.stdout()?, self.stderr()?);
        Ok(Finished { code: status.code(), signal: status.signal(), stdout, stderr })
    }

    /// Everything it has printed so far.
    pub fn stdout(&self) -> Result<String> {
        read(&self.stdout)
    }

    /// Everything it has complained about so far.
    pub fn stderr(&self) -> Result<String> {
        read(&self.stderr)
    }
}

fn read(path: &PathBuf) -> Result<String> {
    let bytes = fs::read(path).during(|| format!("cannot read {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
