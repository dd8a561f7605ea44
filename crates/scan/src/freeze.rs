//! Stop a process from writing on, so that it can still be looked at: freeze its cgroup, or stop it alone.
//!
//! A cgroup of the unified hierarchy is frozen as a whole, with all that its processes have started
//! (Documentation/admin-guide/cgroup-v2.rst, `cgroup.freeze`). Not frozen is a cgroup in which we run ourselves, and one that
//! holds unrelated things (the root, a slice): then the one process is stopped (SIGSTOP), by a descriptor that
//! cannot mean another process, and what it has started goes on.

#![allow(clippy::disallowed_methods, reason = "waits until the kernel has frozen it, with a deadline")]

use std::fs;
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use incident::frozen::Target;
use incident::scan::Writer;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::writers::is_alive;

/// The kernel freezes at once what does not wait for a disk; longer than this nobody waits for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Parents looked at, so that what we were started by is not stopped.
const PARENTS_MAX: usize = 64;

/// The number of the time since this machine was switched on.
pub fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// What would be frozen of a writer, or why nothing.
pub fn target(writer: &Writer) -> Result<Target, String> {
    let started = writer.started.ok_or("it had ended before it could be looked at")?;
    if writer.pid <= 1 || parents().contains(&writer.pid) {
        return Err("the watch itself runs under it".to_owned());
    }
    if writer.program.is_none() {
        return Err("it has no program: it is the kernel's own, or may not be looked at".to_owned());
    }
    let cgroup = writer.cgroup.clone().filter(|cgroup| is_its_own(cgroup) && folder_of(cgroup).is_some());
    Ok(Target { pid: writer.pid, started, cgroup, boot: boot() })
}

/// Whether everything in this cgroup belongs to what wrote.
fn is_its_own(cgroup: &str) -> bool {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(own) = own.lines().find_map(|line| line.strip_prefix("0::")) else { return false };
    let holds_us = own == cgroup || own.starts_with(&format!("{}/", cgroup.trim_end_matches('/')));
    let is_shared = cgroup == "/" || cgroup.ends_with(".slice") || cgroup.ends_with("init.scope");
    let leads_out = cgroup.split('/').any(|part| part == "..");
    !holds_us && !is_shared && !leads_out
}

fn folder_of(cgroup: &str) -> Option<PathBuf> {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].into_iter().map(Path::new).find_map(|root| {
        let folder = root.join(cgroup.trim_start_matches('/'));
        (root.join("cgroup.procs").is_file() && folder.join("cgroup.freeze").is_file()).then_some(folder)
    })
}

fn parents() -> Vec<i32> {
    let mut parents = vec![i32::try_from(std::process::id()).unwrap_or(0)];
    while let Some(parent) = parents.last().and_then(|pid| parent_of(*pid)) {
        if parent <= 0 || parents.len() >= PARENTS_MAX {
            break;
        }
        parents.push(parent);
    }
    parents
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

/// How something stands that was to be frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    Frozen,
    GoesOn,
    Ended,
}

pub fn now(target: &Target) -> Now {
    let folder = target.cgroup.as_deref().and_then(folder_of);
    let is_frozen = match &folder {
        Some(folder) => says(folder, "frozen 1"),
        None => state_of(target.pid) == Some('T'),
    };
    // Of a frozen cgroup others may be left although the process itself has ended.
    let is_there = is_alive(target.pid, target.started) || (folder.is_some() && is_frozen);
    match (boot() == target.boot && is_there, is_frozen) {
        (false, _) => Now::Ended,
        (true, true) => Now::Frozen,
        (true, false) => Now::GoesOn,
    }
}

fn says(folder: &Path, line: &str) -> bool {
    fs::read_to_string(folder.join("cgroup.events")).is_ok_and(|text| text.lines().any(|is| is == line))
}

fn state_of(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Says what was done, or why nothing is frozen.
pub fn freeze(target: &Target) -> Result<String, String> {
    set(target, "1", Signal::STOP)?;
    wait_for(target, Now::Frozen)?;
    Ok(match &target.cgroup {
        Some(cgroup) => format!("cgroup {cgroup} is frozen, with all that runs in it"),
        None => format!("process {} is stopped; what it has started goes on", target.pid),
    })
}

/// It goes on, or has ended.
pub fn thaw(target: &Target) -> Result<String, String> {
    if now(target) == Now::Ended {
        return Ok("it has ended".to_owned());
    }
    set(target, "0", Signal::CONT)?;
    wait_for(target, Now::GoesOn)?;
    Ok("it goes on".to_owned())
}

fn set(target: &Target, freeze: &str, signal: Signal) -> Result<(), String> {
    if boot() != target.boot {
        return Err("it ran on another machine, or before this one was started anew".to_owned());
    }
    let done = match target.cgroup.as_deref() {
        Some(cgroup) => {
            let folder = folder_of(cgroup).ok_or_else(|| format!("cgroup {cgroup} is not there any more"))?;
            fs::write(folder.join("cgroup.freeze"), freeze)
        }
        None => send(target, signal),
    };
    done.map_err(|error| error.to_string())
}

fn send(target: &Target, signal: Signal) -> std::io::Result<()> {
    let pid = Pid::from_raw(target.pid).ok_or_else(|| Error::from(ErrorKind::InvalidInput))?;
    let descriptor = pidfd_open(pid, PidfdFlags::empty())?;
    // Asked after the descriptor was opened: it cannot come to mean another process.
    if !is_alive(target.pid, target.started) {
        return Err(Error::new(ErrorKind::NotFound, "it has ended"));
    }
    Ok(pidfd_send_signal(descriptor, signal)?)
}

fn wait_for(target: &Target, wanted: Now) -> Result<(), String> {
    let until = Instant::now() + PATIENCE;
    loop {
        match now(target) {
            is if is == wanted => return Ok(()),
            Now::Ended => return Err("it has ended".to_owned()),
            Now::Frozen | Now::GoesOn if Instant::now() > until => {
                return Err(format!("the kernel has not done it within {} s", PATIENCE.as_secs()));
            }
            Now::Frozen | Now::GoesOn => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::writers::Process;

    struct Sleeper(Child);

    impl Sleeper {
        fn new() -> Sleeper {
            Sleeper(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
        }

        fn writer(&self) -> Writer {
            let pid = i32::try_from(self.0.id()).unwrap();
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                let writer = Process::of(pid).unwrap().as_writer(pid, 3);
                if writer.program.as_ref().is_some_and(|program| program.contains("sleep")) {
                    return writer;
                }
                assert!(Instant::now() < until);
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_process_is_stopped_and_goes_on_and_one_that_has_ended_is_said_to_have() {
        let sleeper = Sleeper::new();
        let target = Target { cgroup: None, ..target(&sleeper.writer()).unwrap() };
        assert_eq!(now(&target), Now::GoesOn);
        freeze(&target).unwrap();
        assert_eq!(now(&target), Now::Frozen);
        assert_eq!(freeze(&target).unwrap(), freeze(&target).unwrap(), "safe to repeat");
        assert_eq!(thaw(&target).unwrap(), "it goes on");
        assert_eq!(now(&target), Now::GoesOn);
        // The number alone is not the process.
        let other = Target { started: target.started + 1, ..target.clone() };
        assert!(freeze(&other).is_err() && now(&target) == Now::GoesOn);
        let before = Target { boot: "another".to_owned(), ..target.clone() };
        assert!(freeze(&before).is_err() && now(&target) == Now::GoesOn);
        drop(sleeper);
        assert_eq!((now(&target), thaw(&target).unwrap().as_str()), (Now::Ended, "it has ended"));
    }

    #[test]
    fn a_cgroup_of_its_own_is_frozen_as_a_whole() {
        let roots = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(Path::new);
        let Some(root) = roots.into_iter().find(|root| root.join("cgroup.procs").is_file()) else {
            return eprintln!("NOT TESTED: this machine has no unified cgroups");
        };
        let name = format!("blackstart-test-{}", std::process::id());
        let folder = root.join(&name);
        if let Err(error) = fs::create_dir(&folder) {
            return eprintln!("NOT TESTED: no cgroup can be made: {error}");
        }
        let sleepers = [Sleeper::new(), Sleeper::new()];
        let put = || {
            sleepers.iter().try_for_each(|one| fs::write(folder.join("cgroup.procs"), one.0.id().to_string()))
        };
        let result = std::panic::catch_unwind(|| {
            put().unwrap();
            let target = target(&sleepers[0].writer()).unwrap();
            assert_eq!(target.cgroup, Some(format!("/{name}")));
            assert!(freeze(&target).unwrap().contains("with all that runs in it"));
            assert_eq!(now(&target), Now::Frozen);
            assert_eq!(thaw(&target).unwrap(), "it goes on");
        });
        let _ = fs::write(folder.join("cgroup.freeze"), "0");
        drop(sleepers);
        let until = Instant::now() + Duration::from_secs(20);
        while fs::remove_dir(&folder).is_err() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        result.unwrap();
    }

    #[test]
    fn nothing_is_frozen_that_would_stop_the_watch_or_unrelated_things() {
        let own = i32::try_from(std::process::id()).unwrap();
        let writer = Process::of(own).unwrap().as_writer(own, 1);
        assert!(target(&writer).is_err());
        assert!(target(&Writer { pid: 1, ..writer.clone() }).is_err());
        assert!(target(&Writer { pid: 99, started: None, ..writer }).is_err());
        for shared in ["/", "/system.slice", "/init.scope", "/a/../../etc"] {
            assert!(!is_its_own(shared), "{shared}");
        }
    }
}
