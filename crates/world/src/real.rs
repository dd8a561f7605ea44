//! The real machine: Linux, `/proc`, sessions, signals, TCP and HTTP.

#![allow(clippy::disallowed_methods, reason = "the door itself: every other module goes through it")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::{Answer, Ended, Knock, Launch, Nonce, ProcessMark, Restored, Trace, World, WorldFault};
use super::{knock, nonce, processes, put_back, session};
use estate::model::{Probe, Run, Source};
use hands::Script;
use hands::reach::{Heard, Reach};
use hands::way::Way;

/// A started process must have become its command within this time, or the machine is in no state to start anything.
const BECOME_MS: u64 = 10_000;
/// A command that overran its deadline gets this long to end by itself.
const OVERRUN_GRACE_MS: u64 = 2_000;
/// How much of the end of an output is shown to people.
const TAIL_BYTES: u64 = 2_000;
/// All that is handed on of our own environment: where programs lie, where their user is at home, how to speak, and
/// what time it is. The rest may open the backups, or be from a shell that the attacker has had in his hands; what a
/// service needs beyond this the estate says.
const HANDED_ON: &[&str] = &["PATH", "HOME", "LANG", "TZ"];

/// Writes the files of a snapshot of a repository into a folder, or says why not. Which programs' repositories can be
/// read is not this crate's business: whoever makes the door hands it in.
pub type ReadRepository = fn(source: &Source, folder: &str, snapshot: &str, to: &Path) -> Result<(), String>;

/// This machine.
pub struct Real {
    read_repository: ReadRepository,
    /// Our own binary, which makes sessions (`session`).
    doorstep: PathBuf,
    /// Where the output of probes goes.
    scratch: PathBuf,
    probes: AtomicU64,
    began: Instant,
    /// Through which scripts get to hosts.
    door: Reach,
    /// Processes that we started and that are still ours to collect when they end.
    children: Mutex<Vec<Child>>,
}

impl Real {
    /// `scratch` is a folder for the output of probes; it is made when it is needed.
    pub fn new(scratch: &Path, read_repository: ReadRepository) -> Result<Real, WorldFault> {
        let doorstep =
            std::env::current_exe().map_err(|error| WorldFault::new("finding this program", error))?;
        Ok(Real::with_doorstep(scratch, read_repository, doorstep))
    }

    /// With another binary that calls `session::enter` first: tests are not the program they test.
    pub fn with_doorstep(scratch: &Path, read_repository: ReadRepository, doorstep: PathBuf) -> Real {
        Real {
            read_repository,
            doorstep,
            scratch: scratch.to_owned(),
            probes: AtomicU64::new(0),
            began: Instant::now(),
            door: Reach::new(&scratch.join("ssh")),
            children: Mutex::default(),
        }
    }

    fn spawn(&self, launch: &Launch<'_>, how: &str) -> Result<Child, WorldFault> {
        let shown = launch.command.join(" ");
        let fault = |cause: &dyn std::fmt::Display| WorldFault::new(format!("starting `{shown}`"), cause);
        if launch.command.is_empty() {
            return Err(fault(&"the estate names no command"));
        }
        let output = std::path::absolute(launch.output).map_err(|error| fault(&error))?;
        let folder = output.parent().unwrap_or(Path::new("/"));
        std::fs::create_dir_all(folder).map_err(|error| fault(&error))?;
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&output)
            .map_err(|error| fault(&format!("its output file {}: {error}", output.display())))?;
        let errors = file.try_clone().map_err(|error| fault(&error))?;
        let mut command = Command::new(&self.doorstep);
        command
            .args(launch.command)
            .env_clear()
            .envs(HANDED_ON.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(&launch.settings.environment)
            .env(processes::RUN, launch.run)
            .env(session::EXEC, how)
            .env(session::OUTPUT, &output)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors);
        if let Some(directory) = &launch.settings.directory {
            command.current_dir(directory);
        }
        command.spawn().map_err(|error| fault(&error))
    }

    /// Waits until the process has left the doorstep and is the command itself.
    fn became(&self, child: &mut Child, launch: &Launch<'_>) -> Result<ProcessMark, WorldFault> {
        let shown = launch.command.join(" ");
        let until = Instant::now() + Duration::from_millis(BECOME_MS);
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                let fault = format!("it ended at once ({status}): {}", tail(launch.output));
                return Err(WorldFault::new(format!("starting `{shown}`"), fault));
            }
            let pid = child.id();
            if session::begun_path(launch.output).exists()
                && processes::environment(pid).is_some_and(|environment| {
                    processes::has_left_the_doorstep(&environment, launch.run, session::EXEC)
                })
                && let Some(status) = processes::status(pid).filter(|status| !status.zombie)
            {
                let run = launch.run.to_owned();
                return Ok(ProcessMark { pid, start_ticks: status.start_ticks, run });
            }
            if Instant::now() >= until {
                let _ = child.kill();
                let _ = child.wait();
                return Err(WorldFault::new(
                    format!("starting `{shown}`"),
                    format!("it had not begun after {BECOME_MS} ms"),
                ));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Collects those of our processes that have ended, so that they do not stay as zombies.
    fn collect(&self) {
        if let Ok(mut children) = self.children.lock() {
            children.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
        }
    }

    fn probe_command(&self, command: &[String], timeout_ms: u64) -> Answer {
        let number = self.probes.fetch_add(1, Ordering::Relaxed);
        let name = format!("probe-{}-{number}", std::process::id());
        let output = self.scratch.join(&name);
        let launch = Launch { run: &name, command, settings: &Run::default(), output: &output };
        let answer = match self.run(&launch, timeout_ms) {
            Ok(Ended { code: Some(0), .. }) => Answer::Yes,
            Ok(Ended { code: Some(code), tail }) if tail.is_empty() => Answer::No(format!("exit {code}")),
            Ok(Ended { code: Some(code), tail }) => Answer::No(format!("exit {code}: {tail}")),
            Ok(Ended { code: None, tail }) => Answer::No(format!("no end after {timeout_ms} ms: {tail}")),
            Err(fault) => Answer::No(fault.to_string()),
        };
        for file in [output.clone(), session::begun_path(&output), session::ended_path(&output)] {
            // What is left of a probe is of no use to anybody.
            let _ = std::fs::remove_file(file);
        }
        answer
    }
}

impl World for Real {
    fn now_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn wait_ms(&self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }

    fn random(&self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("Linux hands out random bytes once it has booted");
    }

    fn draw(&self, path: &Path, run: &str, attempt: u32) -> Result<Nonce, WorldFault> {
        nonce::draw(path, run, attempt)
    }

    fn drawn(&self, path: &Path) -> Result<Option<Nonce>, WorldFault> {
        nonce::drawn(path)
    }

    fn start(&self, launch: &Launch<'_>) -> Result<ProcessMark, WorldFault> {
        self.collect();
        // An old note must not be taken for that of this launch.
        let _ = std::fs::remove_file(session::begun_path(launch.output));
        let mut child = self.spawn(launch, session::STAYS)?;
        let mark = self.became(&mut child, launch)?;
        if let Ok(mut children) = self.children.lock() {
            children.push(child);
        }
        Ok(mark)
    }

    fn run(&self, launch: &Launch<'_>, deadline_ms: u64) -> Result<Ended, WorldFault> {
        let mut child = self.spawn(launch, session::ENDS)?;
        let doing = || format!("waiting for `{}`", launch.command.join(" "));
        let until = Instant::now() + Duration::from_millis(deadline_ms);
        let mut pause = Duration::from_millis(1);
        loop {
            match child.try_wait() {
                Ok(Some(_)) => {
                    let ended = self.trace(launch.output)?.ended;
                    return Ok(ended.unwrap_or_else(|| Ended { code: None, tail: tail(launch.output) }));
                }
                Ok(None) if Instant::now() < until => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(100));
                }
                Ok(None) => {
                    let start_ticks = processes::status(child.id()).map_or(0, |status| status.start_ticks);
                    let run = launch.run.to_owned();
                    let stopped =
                        processes::stop(&ProcessMark { pid: child.id(), start_ticks, run }, OVERRUN_GRACE_MS);
                    let _ = child.try_wait();
                    return stopped.map(|()| Ended { code: None, tail: tail(launch.output) });
                }
                Err(error) => return Err(WorldFault::new(doing(), error)),
            }
        }
    }

    fn carry(&self, way: &Way, script: &Script, deadline_ms: u64) -> Result<Heard, WorldFault> {
        let carried = self.door.carry(way, script, deadline_ms);
        carried.map_err(|fault| WorldFault { doing: fault.doing, cause: fault.cause })
    }

    fn trace(&self, output: &Path) -> Result<Trace, WorldFault> {
        let doing = || format!("reading what {} left", output.display());
        let exists = |path: PathBuf| path.try_exists().map_err(|error| WorldFault::new(doing(), error));
        let ended = match std::fs::read_to_string(session::ended_path(output)) {
            Ok(text) => Some(Ended { code: text.trim().parse().ok(), tail: tail(output) }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(WorldFault::new(doing(), error)),
        };
        Ok(Trace { begun: exists(session::begun_path(output))?, ended })
    }

    fn find(&self, run: &str) -> Result<Option<ProcessMark>, WorldFault> {
        processes::find(run)
    }

    fn find_by_pid_file(&self, path: &str) -> Result<Option<ProcessMark>, WorldFault> {
        processes::find_by_pid_file(Path::new(path))
    }

    fn is_alive(&self, mark: &ProcessMark) -> bool {
        self.collect();
        processes::is_alive(mark)
    }

    fn stop(&self, mark: &ProcessMark, grace_ms: u64) -> Result<(), WorldFault> {
        let stopped = processes::stop(mark, grace_ms);
        self.collect();
        stopped
    }

    fn probe(&self, probe: &Probe, timeout_ms: u64) -> Answer {
        match probe {
            Probe::Tcp(address) => probe_tcp(address, Duration::from_millis(timeout_ms)),
            Probe::Http { url, status } => probe_http(url, *status, Duration::from_millis(timeout_ms)),
            Probe::Command(command) => self.probe_command(command, timeout_ms),
        }
    }

    fn knock(&self, probe: &Probe, timeout_ms: u64) -> Knock {
        match probe {
            Probe::Tcp(address) => knock::tcp(address, Duration::from_millis(timeout_ms)),
            Probe::Http { url, .. } => knock::http(url, Duration::from_millis(timeout_ms)),
            Probe::Command(_) => Knock::NotTried("a command looks from inside".to_owned()),
        }
    }

    fn restore(
        &self,
        source: &Source,
        snapshot: &str,
        target: &str,
        run: &str,
    ) -> Result<Vec<PathBuf>, WorldFault> {
        put_back::put_back(Path::new(target), snapshot, run, |to| {
            (self.read_repository)(source, target, snapshot, to)
        })
    }

    fn restored_from(&self, target: &str) -> Result<Option<Restored>, WorldFault> {
        put_back::restored_from(Path::new(target))
    }
}

fn probe_tcp(address: &str, timeout: Duration) -> Answer {
    let addresses = match address.to_socket_addrs() {
        Ok(addresses) => addresses,
        Err(error) => return Answer::No(format!("{address} is not an address: {error}")),
    };
    let mut why = format!("{address} has no address");
    for one in addresses {
        match TcpStream::connect_timeout(&one, timeout.max(Duration::from_millis(1))) {
            Ok(_) => return Answer::Yes,
            Err(error) => why = format!("{one}: {error}"),
        }
    }
    Answer::No(why)
}

/// No redirects: a login page at the end of one is not health. No proxy: it may be down.
fn probe_http(url: &str, status: u16, timeout: Duration) -> Answer {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into();
    match agent.get(url).call() {
        Ok(response) if response.status().as_u16() == status => Answer::Yes,
        Ok(response) => Answer::No(format!("{url} answers {}, not {status}", response.status().as_u16())),
        Err(error) => Answer::No(format!("{url}: {error}")),
    }
}

/// The last lines of an output. What cannot be read is no reason to fail: it is only for people.
fn tail(output: &Path) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(output)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    read().map_or_else(
        |error| format!("(its output cannot be read: {error})"),
        |bytes| String::from_utf8_lossy(&bytes).trim().to_owned(),
    )
}
