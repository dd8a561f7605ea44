//! Starts, stops and kills processes as a provider's own init would, and leaves nothing behind.
//!
//! A drill kills on purpose, may be interrupted, and may itself be killed. Therefore nothing depends on it ending
//! well: practice services watch the drill, a keeper watches for the programs of the product.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::attack::attacker::{MARKED, MARKER};
use crate::estate::{DoorAt, Layout, StoreAt, Unit};
use crate::fault::During as _;
use crate::process::{ProcessId, from_pid_file};
use crate::snapshot::{self, Snapshot};
use crate::wire::Caller;
use crate::{Fault, Result};

mod running;

pub use running::{Finished, Running};

/// How long a practice process may take to come up or to end.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// The marked folder, and every process that runs in it. Dropping it ends them all.
pub struct World {
    root: PathBuf,
    program: PathBuf,
    /// Children by unit name; they are waited for, so that the ended ones do not stay as zombies.
    children: Mutex<BTreeMap<String, Child>>,
    keeper: Mutex<Option<Child>>,
    caller: Caller,
    /// For file names of programs that are started several times.
    count: Mutex<u64>,
}

impl World {
    /// Marks `root` and takes it. It must be absent, empty, or the folder of a drill that has ended, which is then
    /// emptied: nobody else's files may ever lie under a marker.
    pub fn create(root: &Path, program: &Path) -> Result<World> {
        prepare(root)?;
        let root = fs::canonicalize(root).during(|| format!("cannot use {}", root.display()))?;
        let world = World {
            root,
            program: program.to_owned(),
            children: Mutex::new(BTreeMap::new()),
            keeper: Mutex::new(None),
            caller: Caller::new(Duration::from_secs(70)),
            count: Mutex::new(0),
        };
        let argv = [world.program(), "practice".into(), "keeper".into(), "--root".into(), world.root_text()];
        let keeper =
            world.command(&argv, "keeper")?.spawn().during(|| "cannot start the keeper".to_owned())?;
        *world.keeper.lock().expect(WHOLE) = Some(keeper);
        Ok(world)
    }

    /// Absolute, without links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn root_text(&self) -> String {
        self.root.display().to_string()
    }

    fn program(&self) -> String {
        self.program.display().to_string()
    }

    /// Starts a unit and waits until it is healthy (a job: until it has ended well). Does not let load in. A unit
    /// that runs already is an error.
    pub fn start(&self, unit: &Unit) -> Result<()> {
        if self.is_running(unit) {
            return Err(Fault::new(format!("{} runs already", unit.name)));
        }
        let mut child = self
            .command(&unit.start, &unit.name)?
            .spawn()
            .during(|| format!("cannot start {} with {}", unit.name, unit.start.join(" ")))?;
        let url = format!("{}/health", unit.url());
        let mut ended = None;
        let up = wait_until(&format!("{} is up", unit.name), PATIENCE, || {
            ended = child.try_wait().ok().flatten();
            let healthy = match unit.port {
                _ if unit.job => false,
                0 => fs::read_to_string(self.root.join("run").join(format!("{}.is", unit.name)))
                    .is_ok_and(|is| is == "open" || is == "closed"),
                _ => self.is_running(unit) && self.caller.get(&url).is_ok_and(|reply| reply.status == 200),
            };
            ended.is_some() || healthy
        });
        self.children.lock().expect(WHOLE).insert(unit.name.clone(), child);
        match ended {
            Some(status) if unit.job && status.success() => Ok(()),
            Some(status) => {
                Err(Fault::new(format!("{} ended with {status}: {}", unit.name, self.last_words(&unit.name))))
            }
            None => up,
        }
    }

    /// What a process printed last.
    fn last_words(&self, name: &str) -> String {
        let said = fs::read_to_string(self.output(name, "err")).unwrap_or_default();
        said.trim().lines().next_back().unwrap_or("it said nothing").to_owned()
    }

    fn output(&self, name: &str, ending: &str) -> PathBuf {
        self.root.join("log").join(format!("{name}.{ending}"))
    }

    fn command(&self, argv: &[String], name: &str) -> Result<Command> {
        let (program, arguments) =
            argv.split_first().ok_or_else(|| Fault::new(format!("{name} has no program")))?;
        let open = |ending: &str| {
            let path = self.output(name, ending);
            let made: std::io::Result<File> = OpenOptions::new().create(true).append(true).open(&path);
            made.during(|| format!("cannot write {}", path.display()))
        };
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(open("out")?).stderr(open("err")?);
        Ok(command)
    }

    /// Lets load in. A unit that has nothing to let in is left as it is.
    pub fn admit(&self, unit: &Unit) -> Result<()> {
        if unit.admit.is_empty() {
            return Ok(());
        }
        let reply = self.caller.post(&format!("{}/admin/admit", unit.url()), &[], "{}");
        match reply {
            Ok(reply) if reply.status == 200 => Ok(()),
            Ok(reply) => Err(Fault::new(format!("{} answered {} to `admit`", unit.name, reply.status))),
            Err(why) => Err(Fault::new(format!("{} takes no load: {why}", unit.name))),
        }
    }

    /// Bank, doors and all units, in order, with load.
    pub fn start_all(&self, layout: &Layout) -> Result<()> {
        let doors = layout.doors.iter().map(|door| &door.unit);
        for unit in [&layout.bank].into_iter().chain(doors) {
            self.start(unit)?;
        }
        for unit in &layout.units {
            self.start(unit)?;
            self.admit(unit)?;
        }
        Ok(())
    }

    /// SIGTERM, and waits for the end. Nothing to do for what does not run.
    pub fn stop(&self, unit: &Unit) -> Result<()> {
        self.end(unit, Signal::TERM)
    }

    /// SIGKILL, and waits for the end. Nothing to do for what does not run.
    pub fn kill(&self, unit: &Unit) -> Result<()> {
        self.end(unit, Signal::KILL)
    }

    fn end(&self, unit: &Unit, signal: Signal) -> Result<()> {
        if let Some(known) = self.known(unit) {
            known.signal(signal);
            wait_until(&format!("{} has ended", unit.name), PATIENCE, || !known.runs())?;
        }
        if let Some(mut child) = self.children.lock().expect(WHOLE).remove(&unit.name) {
            let _ = child.try_wait();
        }
        Ok(())
    }

    /// Whoever started it.
    pub fn is_running(&self, unit: &Unit) -> bool {
        self.known(unit).is_some()
    }

    fn known(&self, unit: &Unit) -> Option<ProcessId> {
        from_pid_file(&unit.pid_file, &["practice", &self.root_text(), &unit.name])
    }

    /// Closes the door of a site and returns when nobody can get in.
    pub fn close(&self, door: &DoorAt) -> Result<()> {
        self.run(&door.close, &[], PATIENCE)?.well()
    }

    /// Opens the door of a site.
    pub fn open(&self, door: &DoorAt) -> Result<()> {
        self.run(&door.open, &[], PATIENCE)?.well()
    }

    /// Starts any program in a session of its own. Its output goes to `root/log/NAME-N.out` and `.err`.
    pub fn spawn(&self, name: &str, argv: &[String], environment: &[(&str, &str)]) -> Result<Running> {
        let number = {
            let mut count = self.count.lock().expect(WHOLE);
            *count += 1;
            *count
        };
        let name = format!("{name}-{number}");
        let exec = [self.program(), "practice".into(), "exec".into(), "--".into()];
        let whole: Vec<String> = exec.into_iter().chain(argv.iter().cloned()).collect();
        let child = self
            .command(&whole, &name)?
            .envs(environment.iter().copied())
            .spawn()
            .during(|| format!("cannot start {}", argv.join(" ")))?;
        self.remember(child.id())?;
        Ok(Running::new(name.clone(), child, self.output(&name, "out"), self.output(&name, "err")))
    }

    /// The keeper reads this list when the drill has ended.
    fn remember(&self, pid: u32) -> Result<()> {
        let Some(known) = ProcessId::now(pid) else { return Ok(()) };
        let list = self.root.join("run").join("spawned");
        let doing = || format!("cannot write {}", list.display());
        let mut file = OpenOptions::new().create(true).append(true).open(&list).during(doing)?;
        file.write_all(format!("{}\n", known.line()).as_bytes()).during(doing)
    }

    /// Runs a program to its end. When the deadline is over it is killed, and that is an error.
    pub fn run(&self, argv: &[String], environment: &[(&str, &str)], deadline: Duration) -> Result<Finished> {
        self.spawn("run", argv, environment)?.wait(deadline)
    }

    /// Quiesces the unit that writes to the store, backs the store up, lets the unit go on.
    pub fn snapshot(&self, layout: &Layout, store: &StoreAt) -> Result<Snapshot> {
        let unit = layout.unit(&store.unit)?;
        let ask = |word: &str| match self.caller.post(&format!("{}/admin/{word}", unit.url()), &[], "{}") {
            Ok(reply) if reply.status == 200 => Ok(reply),
            Ok(reply) => Err(Fault::new(format!("{} answered {} to `{word}`", unit.name, reply.status))),
            Err(why) => Err(Fault::new(format!("{} does not {word}: {why}", unit.name))),
        };
        ask("quiesce")?;
        let made = snapshot::backup(&store.repository, &store.password, &store.folder);
        let resumed = ask("resume")?;
        // A service that woke by itself meanwhile has changed what was being copied.
        if resumed.body["was_quiet"] != serde_json::Value::Bool(true) {
            return Err(Fault::new(format!("{} did not stay quiet while it was backed up", unit.name)));
        }
        made
    }

    /// Ends everything, in whatever state it is.
    fn end_all(&self) {
        let run = self.root.join("run");
        let spawned = fs::read_to_string(run.join("spawned")).unwrap_or_default();
        let mut all: Vec<ProcessId> = spawned.lines().filter_map(ProcessId::parse).collect();
        for entry in fs::read_dir(&run).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "pid") {
                all.extend(from_pid_file(&entry.path(), &["practice", &self.root_text()]));
            }
        }
        for known in &all {
            known.signal(Signal::KILL);
        }
        // Whatever recovery starts in this moment sees that the owner is gone and ends by itself.
        let _ = fs::remove_file(self.root.join("owner"));
        for child in self.children.lock().iter_mut().flat_map(|children| children.values_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
        if let Some(mut keeper) = self.keeper.lock().ok().and_then(|mut keeper| keeper.take()) {
            let _ = keeper.kill();
            let _ = keeper.wait();
        }
        let _ = wait_until("all practice processes have ended", PATIENCE, || {
            all.iter().all(|known| !known.runs())
        });
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.end_all();
    }
}

const WHOLE: &str = "no thread panics while it holds this lock";

fn prepare(root: &Path) -> Result<()> {
    let doing = || format!("cannot prepare {}", root.display());
    let marker = root.join(MARKER);
    if root.exists() && !is_empty(root).during(doing)? {
        let ours = fs::read_to_string(&marker).is_ok_and(|text| text.lines().next() == Some(MARKED));
        if !ours {
            return Err(Fault::new(format!(
                "{} holds files and is not the folder of an earlier drill. A drill encrypts and deletes what lies in \
                 its folder; choose an empty one.",
                root.display()
            )));
        }
        if let Some(owner) = crate::practice::post::owner(root).filter(ProcessId::runs) {
            return Err(Fault::new(format!(
                "another drill (process {}) works in {}; wait for it or choose another folder",
                owner.pid,
                root.display()
            )));
        }
        fs::remove_dir_all(root).during(doing)?;
    }
    for folder in ["run", "log"] {
        fs::create_dir_all(root.join(folder)).during(doing)?;
    }
    fs::write(&marker, format!("{MARKED}\n")).during(doing)?;
    fs::write(root.join("owner"), ProcessId::this().line()).during(doing)
}

fn is_empty(folder: &Path) -> std::io::Result<bool> {
    Ok(fs::read_dir(folder)?.next().is_none())
}

/// Asks `is_so` until it says yes. When the deadline is over, the error names what was waited for.
pub fn wait_until(what: &str, deadline: Duration, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let until = Instant::now() + deadline;
    while !is_so() {
        if Instant::now() > until {
            return Err(Fault::new(format!("after {} s it is still not so that {what}", deadline.as_secs())));
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}
