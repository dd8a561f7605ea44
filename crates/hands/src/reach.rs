//! The door: carries a script to where it is carried out, and says what came back. The one file of this crate that acts.
//!
//! A host that does not answer, answers without an end or says too much costs its own caller the deadline and nobody else
//! anything: each script has processes of its own, which end with it. What may have begun is told apart from what
//! certainly has not: ssh itself writes down, in a file of its own, that the other side has let us in.

#![allow(clippy::disallowed_methods, reason = "a door to the outside: scripts reach hosts through here only")]

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Script;
use crate::envelope::{self, Opened};
use crate::facts::plain;
use crate::way::{self, Hop, Way};

/// So many scripts at once to or through one host: its sshd turns more away.
const AT_ONCE_MAX: usize = 8;
/// More than this is no answer of ours.
const OUTPUT_BYTES_MAX: usize = 256 * 1024;
/// How much of what was said besides is kept.
const SAID_LETTERS_MAX: usize = 600;
/// After its end was seen ssh gets this long to end by itself: what was started there may keep its line open.
const AFTER_END_MS: u64 = 300;
const LOOK_EVERY: Duration = Duration::from_millis(10);
const PATHS: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// All that is handed on of our own environment.
const HANDED_ON: [&str; 3] = ["HOME", "SSH_AUTH_SOCK", "KUBECONFIG"];

/// What came back from a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// It may have begun. Without this it certainly has not.
    pub may_have_begun: bool,
    /// Its end was seen, with this exit code. `None` and it may have begun: nobody knows what was done.
    pub code: Option<i32>,
    pub output: String,
    /// What was said besides, by the host and by ssh, as one line.
    pub said: String,
    /// Why nothing more came, if its end was not seen.
    pub broke_off: String,
}

#[derive(Debug, thiserror::Error)]
#[error("{doing} failed: {cause}")]
pub struct ReachFault {
    pub doing: String,
    pub cause: String,
}

fn fault(doing: impl Into<String>, cause: impl std::fmt::Display) -> ReachFault {
    ReachFault { doing: doing.into(), cause: cause.to_string() }
}

/// Made once; used by many threads at a time.
pub struct Reach {
    /// Where what ssh is told is written to; for us alone.
    folder: PathBuf,
    in_use: Mutex<BTreeMap<String, usize>>,
    freed: Condvar,
    count: AtomicU64,
}

enum Chunk {
    Output(Vec<u8>),
    Said(Vec<u8>),
}

impl Reach {
    /// `folder` is made when it is needed.
    pub fn new(folder: &Path) -> Reach {
        Reach {
            folder: folder.to_owned(),
            in_use: Mutex::default(),
            freed: Condvar::new(),
            count: AtomicU64::new(0),
        }
    }

    /// Carries it there and waits for what comes back, at most `deadline_ms`. A fault: it was not even sent off.
    pub fn carry(&self, way: &Way, script: &Script, deadline_ms: u64) -> Result<Heard, ReachFault> {
        let until = Instant::now() + Duration::from_millis(deadline_ms);
        let Some(_slot) = self.slot(way, until) else {
            let cause = format!("{AT_ONCE_MAX} scripts were under way to it for {deadline_ms} ms");
            return Err(fault("reaching the host", cause));
        };
        let mut random = [0_u8; 12];
        getrandom::fill(&mut random).map_err(|error| fault("drawing a mark", error))?;
        let mark = estate::hex(&random);
        let input = envelope::sealed(script, &mark);
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (mut command, log) = match way {
            Way::Here => (here()?, None),
            Way::Ssh(hops) => {
                let log = self.folder.join(format!("log-{}-{number}", std::process::id()));
                (self.ssh(hops, &log)?, Some(log))
            }
        };
        let child = command.spawn().map_err(|error| fault("starting ssh or a shell", error))?;
        let mut heard = conversation(child, input, &mark, until, deadline_ms);
        heard.may_have_begun |= log.is_none();
        if let Some(log) = log {
            let written = fs::read_to_string(&log).unwrap_or_default();
            let _ = fs::remove_file(&log);
            let (let_in, others): (Vec<&str>, Vec<&str>) =
                written.lines().partition(|line| line.starts_with("Authenticated to "));
            heard.may_have_begun |= !let_in.is_empty();
            let talk = others.into_iter().filter(|line| !line.starts_with("Transferred: "));
            let talk: Vec<&str> = talk.filter(|line| !line.starts_with("Bytes per second: ")).collect();
            heard.said = plain(&format!("{}\n{}", heard.said, talk.join("\n")), SAID_LETTERS_MAX);
        }
        Ok(heard)
    }

    fn ssh(&self, hops: &[Hop], log: &Path) -> Result<Command, ReachFault> {
        let Some(last) = hops.last() else { return Err(fault("reaching the host", "the way is empty")) };
        let mut folder = DirBuilder::new();
        folder.recursive(true).mode(0o700);
        let made = folder.create(&self.folder);
        made.map_err(|error| fault(format!("making {}", self.folder.display()), error))?;
        // ssh is told by an absolute path: it may be somewhere else by the time it opens it.
        let base = std::path::absolute(&self.folder).map_err(|error| fault("finding our folder", error))?;
        if base.to_string_lossy().contains(['"', '%', '$', '\\', '\n']) {
            let cause = "its path has signs that ssh gives a meaning: name another folder for the incident";
            return Err(fault(format!("writing settings into {}", base.display()), cause));
        }
        for hop in hops {
            written(&way::keys_file(&base, &hop.host), &way::keys(hop))?;
        }
        let settings = base.join(format!("{}.ssh", last.host.name()));
        written(&settings, &way::settings(hops, &base))?;
        let mut command = Command::new(program("ssh")?);
        command.arg("-F").arg(&settings);
        command.arg("-E").arg(std::path::absolute(log).unwrap_or_else(|_| log.to_owned()));
        command.args(["-o", "LogLevel=VERBOSE", "-T", "--"]);
        command.arg(way::alias(&last.host)).arg(way::REMOTE);
        Ok(prepared(command))
    }

    /// Waits until there is room at every host on the way.
    fn slot<'d>(&'d self, way: &Way, until: Instant) -> Option<Slot<'d>> {
        let hosts: Vec<String> = match way {
            Way::Here => vec![String::new()],
            Way::Ssh(hops) => hops.iter().map(|hop| hop.host.to_string()).collect(),
        };
        let mut in_use = self.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if hosts.iter().all(|host| in_use.get(host).is_none_or(|count| *count < AT_ONCE_MAX)) {
                hosts.iter().for_each(|host| *in_use.entry(host.clone()).or_default() += 1);
                return Some(Slot { door: self, hosts });
            }
            let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
            in_use = self.freed.wait_timeout(in_use, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Room at the hosts of a way, until it is dropped.
struct Slot<'d> {
    door: &'d Reach,
    hosts: Vec<String>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut in_use = self.door.in_use.lock().unwrap_or_else(PoisonError::into_inner);
        for host in &self.hosts {
            if let Some(count) = in_use.get_mut(host) {
                *count = count.saturating_sub(1);
            }
        }
        self.door.freed.notify_all();
    }
}

/// In one step, so that another process of ours never reads half of it.
fn written(path: &Path, text: &str) -> Result<(), ReachFault> {
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("new-{}-{number}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(text.as_bytes())?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| fault(format!("writing {}", path.display()), error))
}

/// From the usual places only: what our own `PATH` says may be from the attacker.
fn program(name: &str) -> Result<PathBuf, ReachFault> {
    let mut places = PATHS.split(':').map(|place| Path::new(place).join(name));
    places
        .find(|path| path.is_file())
        .ok_or_else(|| fault(format!("finding {name}"), format!("it is not in {PATHS}")))
}

fn here() -> Result<Command, ReachFault> {
    let mut command = Command::new(program("sh")?);
    command.arg("-s");
    Ok(prepared(command))
}

/// With a clean environment, and in a group of its own, so that all of it can be ended together.
fn prepared(mut command: Command) -> Command {
    command
        .env_clear()
        .env("PATH", PATHS)
        .env("LC_ALL", "C")
        .envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn ended_with_all_of_its_group(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended by itself in this moment.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
}

/// Writes the script, reads what comes, and ends everything at the deadline.
fn conversation(mut child: Child, input: String, mark: &str, until: Instant, deadline_ms: u64) -> Heard {
    let (sender, inbox) = channel();
    if let Some(mut stdin) = child.stdin.take() {
        // In a thread: whoever does not read must not keep us waiting. It ends with the process.
        std::thread::spawn(move || {
            let _ = stdin.write_all(input.as_bytes());
        });
    }
    reads(child.stdout.take(), &sender, Chunk::Output);
    reads(child.stderr.take(), &sender, Chunk::Said);
    drop(sender);
    let (mut output, mut said) = (Vec::new(), Vec::new());
    let mut end_seen: Option<Instant> = None;
    let mut ended = None;
    let broke_off = loop {
        take(&inbox, &mut output, &mut said);
        if output.len() > OUTPUT_BYTES_MAX || said.len() > OUTPUT_BYTES_MAX {
            break format!("it said more than {} KiB", OUTPUT_BYTES_MAX / 1024);
        }
        if end_seen.is_none() && envelope::opened(&output, mark).code.is_some() {
            end_seen = Some(Instant::now());
        }
        if end_seen.is_some_and(|seen| seen.elapsed() >= Duration::from_millis(AFTER_END_MS)) {
            break String::new();
        }
        if let Ok(Some(status)) = child.try_wait() {
            ended = Some(status);
            // What it had written before is on its way through the threads that read.
            drain(&inbox, &mut output, &mut said);
            break match status.code() {
                Some(255) => "the connection was not made, or broke off".to_owned(),
                Some(code) => format!("it ended with {code} before its end was seen"),
                None => "it was killed".to_owned(),
            };
        }
        if Instant::now() >= until {
            break format!("there was no end after {deadline_ms} ms");
        }
    };
    if ended.is_none() {
        ended_with_all_of_its_group(&mut child);
    }
    let Opened { has_begun, code, output } = envelope::opened(&output, mark);
    Heard {
        may_have_begun: has_begun,
        code,
        output,
        said: plain(&String::from_utf8_lossy(&said), SAID_LETTERS_MAX),
        broke_off: if code.is_some() { String::new() } else { broke_off },
    }
}

fn reads(from: Option<impl Read + Send + 'static>, to: &Sender<Chunk>, kind: fn(Vec<u8>) -> Chunk) {
    let Some(mut from) = from else { return };
    let to = to.clone();
    std::thread::spawn(move || {
        let mut bytes = [0_u8; 8192];
        let mut count = 0;
        while let Ok(read) = from.read(&mut bytes) {
            count += read;
            // Whoever says too much is heard no further.
            if read == 0 || count > 2 * OUTPUT_BYTES_MAX || to.send(kind(bytes[..read].to_vec())).is_err() {
                break;
            }
        }
    });
}

fn take(inbox: &Receiver<Chunk>, output: &mut Vec<u8>, said: &mut Vec<u8>) {
    let first = inbox.recv_timeout(LOOK_EVERY);
    if matches!(first, Err(std::sync::mpsc::RecvTimeoutError::Disconnected)) {
        // Both lines are closed; only its end is still to come.
        std::thread::sleep(LOOK_EVERY);
    }
    for chunk in first.into_iter().chain(inbox.try_iter()) {
        match chunk {
            Chunk::Output(bytes) => output.extend(bytes),
            Chunk::Said(bytes) => said.extend(bytes),
        }
    }
}

/// Until both lines are closed, at most for as long as a process that it left behind may keep them open.
fn drain(inbox: &Receiver<Chunk>, output: &mut Vec<u8>, said: &mut Vec<u8>) {
    let until = Instant::now() + Duration::from_millis(AFTER_END_MS);
    while Instant::now() < until && output.len() <= OUTPUT_BYTES_MAX {
        match inbox.recv_timeout(LOOK_EVERY) {
            Ok(Chunk::Output(bytes)) => output.extend(bytes),
            Ok(Chunk::Said(bytes)) => said.extend(bytes),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return,
        }
    }
}
