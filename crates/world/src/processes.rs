//! Living processes, as `/proc` shows them.
//!
//! A process number alone proves nothing: numbers are used again. A process is known by its number, the
//! moment it started (clock ticks after boot) and, if we started it, the run id in its environment.

#![allow(clippy::disallowed_methods, reason = "a door of the world: stopping waits for processes to go")]

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::{ProcessMark, WorldFault};

/// Name of the run id in the environment of what we start.
pub(super) const RUN: &str = "BLACKSTART_RUN";

/// After SIGKILL only a process stuck in the kernel stays; longer than this we do not wait for it.
const GONE_AFTER_KILL_MS: u64 = 10_000;
/// How much older than its process a pid file may look, because of clock steps and coarse file times.
const PID_FILE_SLACK_MS: i64 = 2_000;

pub(super) struct Status {
    pub(super) zombie: bool,
    pub(super) session: u32,
    pub(super) start_ticks: u64,
}

/// `None`: there is no such process (any more).
pub(super) fn status(pid: u32) -> Option<Status> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, even parentheses: fields are counted from the last one.
    let fields: Vec<&str> = text.get(text.rfind(')')? + 1..)?.split_whitespace().collect();
    Some(Status {
        zombie: matches!(*fields.first()?, "Z" | "X" | "x"),
        session: fields.get(3)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
    })
}

fn pids() -> Result<Vec<u32>, WorldFault> {
    let entries = std::fs::read_dir("/proc").map_err(|error| WorldFault::new("listing processes", error))?;
    let mut pids: Vec<u32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    Ok(pids)
}

/// Value of a variable in the environment that the process was started with. `None` also if it is hidden from us.
pub(super) fn variable(pid: u32, name: &str) -> Option<String> {
    value_in(&environment(pid)?, name)
}

/// As it was when the process became what it is; empty while it ends.
pub(super) fn environment(pid: u32) -> Option<Vec<u8>> {
    std::fs::read(format!("/proc/{pid}/environ")).ok()
}

fn value_in(environment: &[u8], name: &str) -> Option<String> {
    environment
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .map(|value| String::from_utf8_lossy(value).into_owned())
}

/// Whether this is the environment of what was started under the run id, and no longer that of the doorstep. Both from
/// one reading: a process that could not become its command and ends has no variables, so it lacks the doorstep's, too.
pub(super) fn has_left_the_doorstep(environment: &[u8], run: &str, doorstep: &str) -> bool {
    value_in(environment, RUN).is_some_and(|value| value == run) && value_in(environment, doorstep).is_none()
}

fn living(pid: u32) -> Option<Status> {
    status(pid).filter(|status| !status.zombie)
}

pub(super) fn is_alive(mark: &ProcessMark) -> bool {
    let same = living(mark.pid).is_some_and(|status| status.start_ticks == mark.start_ticks);
    // After a reboot number and start could agree by chance; the run id cannot.
    same && (mark.run.is_empty() || variable(mark.pid, RUN).is_none_or(|run| run == mark.run))
}

/// Whether it runs under our own user, as everything does that we start. The real user counts, too: a program that runs
/// as root whoever calls it keeps the environment of its caller.
fn is_of_our_user(pid: u32) -> bool {
    let ours = [rustix::process::getuid().as_raw(), rustix::process::geteuid().as_raw()];
    std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|text| users(&text) == Some(ours))
}

/// The real and the effective user in what `/proc/PID/status` says.
fn users(status: &str) -> Option<[u32; 2]> {
    let mut ids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace();
    Some([ids.next()?.parse().ok()?, ids.next()?.parse().ok()?])
}

/// The process started under this run id: the leader of its session if it lives, else the oldest. One of another user
/// is not taken for it, nor passed over: it may be a service that gave up its rights, and must not be started twice.
pub(super) fn find(run: &str) -> Result<Option<ProcessMark>, WorldFault> {
    let mut found: Vec<(bool, ProcessMark)> = Vec::new();
    let mut of_another = None;
    for pid in pids()? {
        if variable(pid, RUN).is_some_and(|value| value == run)
            && let Some(status) = living(pid)
        {
            if !is_of_our_user(pid) {
                of_another = Some(pid);
                continue;
            }
            let mark = ProcessMark { pid, start_ticks: status.start_ticks, run: run.to_owned() };
            found.push((status.session != pid, mark));
        }
    }
    if let (true, Some(pid)) = (found.is_empty(), of_another) {
        return Err(WorldFault::new(
            "looking for the process that was started",
            format!(
                "process {pid} carries the label of this start but runs under another user than we do, so it may be \
                 planted; look at it, and stop it if it is not the service"
            ),
        ));
    }
    found.sort_by_key(|(follower, mark)| (*follower, mark.start_ticks, mark.pid));
    Ok(found.into_iter().next().map(|(_, mark)| mark))
}

pub(super) fn find_by_pid_file(path: &Path) -> Result<Option<ProcessMark>, WorldFault> {
    let doing = || format!("reading the process number in {}", path.display());
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(WorldFault::new(doing(), error)),
    };
    let Ok(pid) = text.trim().parse::<u32>() else {
        return Err(WorldFault::new(doing(), "it does not hold a process number"));
    };
    let Some(status) = living(pid) else { return Ok(None) };
    let written = std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .map_err(|error| WorldFault::new(doing(), error))?;
    let written_ms = written
        .duration_since(std::time::UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(0);
    let started_ms = started_ms(status.start_ticks)?;
    if started_ms > written_ms.saturating_add(PID_FILE_SLACK_MS) {
        // Younger than the file: the number was used again by somebody else.
        return Ok(None);
    }
    let run = variable(pid, RUN).unwrap_or_default();
    Ok(Some(ProcessMark { pid, start_ticks: status.start_ticks, run }))
}

/// UTC milliseconds at which a process with this start tick began.
fn started_ms(start_ticks: u64) -> Result<i64, WorldFault> {
    let doing = "reading when this machine was booted";
    let text = std::fs::read_to_string("/proc/stat").map_err(|error| WorldFault::new(doing, error))?;
    let boot_s: i64 = text
        .lines()
        .find_map(|line| line.strip_prefix("btime "))
        .and_then(|value| value.trim().parse().ok())
        .ok_or_else(|| WorldFault::new(doing, "/proc/stat does not say so"))?;
    let after_ms = start_ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second().max(1);
    Ok(boot_s.saturating_mul(1000).saturating_add(i64::try_from(after_ms).unwrap_or(i64::MAX)))
}

/// Everything that belongs to this mark and lives: its process, its session, all that carry its run id.
fn members(mark: &ProcessMark) -> Result<Vec<u32>, WorldFault> {
    let itself = std::process::id();
    let number_used_again = status(mark.pid).is_some_and(|status| status.start_ticks != mark.start_ticks);
    let belongs = |pid: u32, status: &Status| {
        let by_number = !number_used_again && (pid == mark.pid || status.session == mark.pid);
        let by_run = !mark.run.is_empty() && variable(pid, RUN).is_some_and(|run| run == mark.run);
        by_number || by_run
    };
    Ok(pids()?
        .into_iter()
        .filter(|pid| *pid != itself && *pid > 1)
        .filter(|pid| living(*pid).is_some_and(|status| belongs(*pid, &status)))
        .collect())
}

/// SIGTERM, and SIGKILL for what is still there after `grace_ms`. Returns when nothing is left.
pub(super) fn stop(mark: &ProcessMark, grace_ms: u64) -> Result<(), WorldFault> {
    if !end(mark, Signal::TERM, grace_ms)? && !end(mark, Signal::KILL, GONE_AFTER_KILL_MS)? {
        return Err(WorldFault::new(
            format!("stopping process {}", mark.pid),
            "it is still there after SIGKILL (not ours to stop, or stuck in the kernel)",
        ));
    }
    Ok(())
}

/// `false`: some of it is still alive after `patience_ms`.
fn end(mark: &ProcessMark, signal: Signal, patience_ms: u64) -> Result<bool, WorldFault> {
    for pid in members(mark)? {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            // It may have ended meanwhile, or not be ours to stop; the loop below sees which.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
    let until = Instant::now() + Duration::from_millis(patience_ms);
    loop {
        if members(mark)?.is_empty() {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_a_process_is_the_real_and_the_effective_one() {
        let status = "Name:\tsudo\nUid:\t65534\t0\t0\t0\nGid:\t1\t1\t1\t1\n";
        assert_eq!(users(status), Some([65_534, 0]));
        assert!(is_of_our_user(std::process::id()));
    }

    #[test]
    fn a_process_that_ends_on_the_doorstep_has_not_left_it() {
        let left = |text: &str| has_left_the_doorstep(text.as_bytes(), "a", "EXEC");
        assert!(left(&format!("X=1\0{RUN}=a\0")));
        assert!(!left(&format!("{RUN}=a\0EXEC=stays\0")) && !left(&format!("{RUN}=b\0")));
        assert!(!left(""), "its memory is gone already, and it is no zombie yet");
    }
}
