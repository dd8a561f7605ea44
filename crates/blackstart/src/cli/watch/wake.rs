//! Wakes somebody: runs the operator's command at an alarm, beside the watch, and says when that did not work.

#![allow(clippy::disallowed_methods, reason = "runs the operator's command, with a time limit")]

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::super::Failure;
use estate::Id;

/// Whoever has not woken somebody in this time has not.
const TIME_MAX: Duration = Duration::from_secs(60);

/// What the command finds of our own environment. The rest may be secrets of backups, and is nobody's business.
const HANDED_ON: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

pub(super) struct Wake {
    words: Vec<String>,
    journal: PathBuf,
    tell: Sender<Failed>,
    told: Receiver<Failed>,
}

/// A command that did not do it.
pub(super) struct Failed {
    pub(super) store: Id,
    pub(super) alarm: u64,
    pub(super) why: String,
}

impl Wake {
    pub(super) fn new(command: &str, journal: &Path) -> Result<Wake, Failure> {
        let words = shell_words::split(command).ok().filter(|words| !words.is_empty());
        let words = words.ok_or_else(|| {
            Failure::usage(
                format!("`{command}` cannot be read as a command"),
                "nothing is watched yet: an alarm that wakes nobody is none",
                "name a program with its arguments, for example --on-alarm \"/usr/local/bin/wake-the-crew --urgent\"",
            )
        })?;
        let (tell, told) = channel();
        Ok(Wake { words, journal: journal.to_owned(), tell, told })
    }

    pub(super) fn somebody(&self, alarm: u64, store: &Id, what: &str, files: u64) {
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..])
            .env_clear()
            .envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .env("BLACKSTART_ALARM", alarm.to_string())
            .env("BLACKSTART_STORE", store.to_string())
            .env("BLACKSTART_WHAT", format!("{files} files {what}"))
            .env("BLACKSTART_FILES", files.to_string())
            .env("BLACKSTART_JOURNAL", &self.journal)
            .stdin(Stdio::null())
            // stdout is for alarms.
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            // Whatever it starts can be ended with it.
            .process_group(0);
        let (tell, store) = (self.tell.clone(), store.clone());
        std::thread::spawn(move || {
            if let Err(why) = ran(&mut command) {
                // The watch is ending: nobody is left to hear it.
                drop(tell.send(Failed { store, alarm, why }));
            }
        });
    }

    /// Since this was asked last.
    pub(super) fn failed(&self) -> Vec<Failed> {
        self.told.try_iter().collect()
    }
}

fn ran(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(|error| format!("{program} cannot be started: {error}"))?;
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(()),
            Ok(Some(status)) => return Err(format!("{program} ended with {status}")),
            Ok(None) if begun.elapsed() < TIME_MAX => std::thread::sleep(Duration::from_millis(50)),
            Ok(None) => {
                if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
                    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
                }
                drop(child.wait());
                return Err(format!("{program} did not end within {} s", TIME_MAX.as_secs()));
            }
            Err(error) => return Err(format!("{program} cannot be waited for: {error}")),
        }
    }
}
