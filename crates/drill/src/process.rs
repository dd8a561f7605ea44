//! Knowing a process again. A process id alone is not enough, because the system gives it to others later.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal};

/// A process id with the moment its process began, in clock ticks since boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId {
    pub pid: u32,
    pub began: u64,
}

impl ProcessId {
    /// The process that has this id now, unless it has ended already.
    pub fn now(pid: u32) -> Option<ProcessId> {
        began(pid).map(|began| ProcessId { pid, began })
    }

    pub fn this() -> ProcessId {
        let pid = std::process::id();
        ProcessId { pid, began: began(pid).unwrap_or(0) }
    }

    /// Whether that very process still runs. A process that has ended but was not waited for does not run.
    pub fn runs(&self) -> bool {
        began(self.pid) == Some(self.began)
    }

    /// Two numbers, as written to files.
    pub fn line(&self) -> String {
        format!("{} {}", self.pid, self.began)
    }

    pub fn parse(line: &str) -> Option<ProcessId> {
        let (pid, began) = line.trim().split_once(' ')?;
        Some(ProcessId { pid: pid.parse().ok()?, began: began.parse().ok()? })
    }

    /// Sends a signal if that very process still runs. An error means that it has ended meanwhile.
    pub fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
            && self.runs()
        {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}

/// Field 22 of `/proc/PID/stat`; the name in field 2 may hold spaces and brackets, so it is read from the end of it.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The process named in a pid file, if it still runs and its command line holds all of `words`.
pub fn from_pid_file(pid_file: &Path, words: &[&str]) -> Option<ProcessId> {
    let pid: u32 = fs::read_to_string(pid_file).ok()?.trim().parse().ok()?;
    let known = ProcessId::now(pid)?;
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments: Vec<&[u8]> = command.split(|byte| *byte == 0).collect();
    let named = words.iter().all(|word| arguments.contains(&word.as_bytes()));
    (named && known.runs()).then_some(known)
}
