//! Who is this process? What the kernel says in /proc (proc_pid_stat(5), proc_pid_status(5)).

use std::fs;
use std::path::Path;

use incident::scan::Writer;
use message::harmless;

/// Characters of a command line that are kept.
const COMMAND_MAX: usize = 300;
/// What follows one of these in a command line is somebody's secret, and a journal forgets nothing.
const SECRETS: [&str; 6] = ["pass", "secret", "token", "apikey", "api-key", "credential"];

/// A process as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Clock ticks since the machine was started: with the number, this process and no later one.
    started: u64,
    uid: Option<u32>,
    user: Option<String>,
    program: Option<String>,
    command: Option<String>,
    cgroup: Option<String>,
}

impl Process {
    /// `None`: it has ended.
    pub fn of(pid: i32) -> Option<Process> {
        let folder = format!("/proc/{pid}");
        let folder = Path::new(&folder);
        let started = started(pid)?;
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        let uid = uids.and_then(|uids| uids.split_whitespace().next()?.parse().ok());
        let program = fs::read_link(folder.join("exe")).ok();
        let command = fs::read(folder.join("cmdline")).ok().filter(|text| !text.is_empty());
        let cgroups = fs::read_to_string(folder.join("cgroup")).unwrap_or_default();
        Some(Process {
            started,
            uid,
            user: uid.and_then(user),
            program: program.map(|path| harmless(&path.display().to_string())),
            command: command.map(|text| command_line(&text)),
            cgroup: cgroups.lines().find_map(|line| line.strip_prefix("0::")).map(harmless),
        })
    }

    /// Whether the process that has this number now is this one.
    pub fn is_still(&self, pid: i32) -> bool {
        started(pid) == Some(self.started)
    }

    pub fn as_writer(&self, pid: i32, files: u64) -> Writer {
        let Process { started, uid, user, program, command, cgroup } = self.clone();
        Writer { pid, started: Some(started), uid, user, program, command, cgroup, files }
    }
}

/// Whether the process of this number that was started then still runs.
pub fn is_alive(pid: i32, since: u64) -> bool {
    started(pid) == Some(since)
}

/// The 22nd field of /proc/PID/stat; the second, a name in brackets, may hold anything.
fn started(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

/// As this machine's list of users has it; a directory elsewhere is not asked, because it may be down.
fn user(uid: u32) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| harmless(name))
    })
}

/// The words of a command line, without what looks like a secret.
fn command_line(text: &[u8]) -> String {
    let mut is_secret = false;
    let mut words = Vec::new();
    for word in text.split(|byte| *byte == 0).filter(|word| !word.is_empty()) {
        let word = harmless(&String::from_utf8_lossy(word));
        let lower = word.to_lowercase();
        let names_one = SECRETS.iter().any(|secret| lower.contains(secret));
        words.push(match (is_secret, word.split_once('=')) {
            (true, _) => "…".to_owned(),
            (false, Some((name, _))) if names_one => format!("{name}=…"),
            (false, _) => word.clone(),
        });
        is_secret = !is_secret && names_one && word.starts_with('-') && !word.contains('=');
    }
    let line = words.join(" ");
    match line.char_indices().nth(COMMAND_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_and_one_that_never_was_is_not() {
        let own = i32::try_from(std::process::id()).unwrap();
        let process = Process::of(own).unwrap();
        assert!(process.is_still(own) && is_alive(own, process.started));
        assert!(process.program.unwrap().contains("scan") && process.uid.is_some());
        assert_eq!(Process::of(i32::MAX), None);
    }

    #[test]
    fn secrets_and_endless_lines_stay_out_of_the_journal() {
        let line = |words: &[&str]| command_line(words.join("\0").as_bytes());
        assert_eq!(
            line(&["restic", "--password-file", "/root/p", "backup"]),
            "restic --password-file … backup"
        );
        assert_eq!(line(&["db", "DB_PASSWORD=hunter2", "go"]), "db DB_PASSWORD=… go");
        assert_eq!(line(&["openssl", "enc", "-in", "a\nb"]), "openssl enc -in a\\nb");
        assert_eq!(line(&["x"; 4000]).chars().count(), COMMAND_MAX + 1);
    }
}
