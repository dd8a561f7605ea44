//! The package is installed where nothing else is, and its program runs there: what it needs and does not bring is seen.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::said;
use crate::say;

/// Installs, then calls what an operator calls first, and starts what the units start.
pub(super) fn prove(package: &Path, empty: &Path, version: &str) -> Result<(), String> {
    if let Some(missing) = missing() {
        say(&format!("==> installed into an empty root: SKIPPED, {missing}"));
        return Ok(());
    }
    if empty.exists() {
        fs::remove_dir_all(empty).map_err(|error| format!("cannot empty {}: {error}", empty.display()))?;
    }
    let inside = Inside { root: empty.to_owned() };
    inside.install(package)?;
    inside.borrow_libraries()?;
    let told = inside.call(&["--version"])?;
    if told.trim() != format!("blackstart {version}") {
        return Err(format!("installed, it says that it is {told}"));
    }
    const GKV: &str = "/usr/share/doc/blackstart/examples/gkv";
    let checked = inside.call(&["check", GKV])?;
    if !checked.contains("0 blocking") {
        return Err(format!("installed, it finds the example estate blocked:\n{checked}"));
    }
    let planned = inside.call(&["plan", GKV, "--lost", "site:muc", "--schedules", "10", "--samples", "0"])?;
    if !planned.contains("insured-hours") {
        return Err(format!("installed, it does not plan:\n{planned}"));
    }
    say("==> installed into an empty root: version, check and plan work");
    inside.start_bridge()?;
    inside.start_watch()?;
    say("==> installed into an empty root: what the units start, starts");
    Ok(())
}

/// What keeps this machine from proving it.
fn missing() -> Option<String> {
    let is_root = said(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root {
        return Some("only root can change into another root: sudo cargo xtask package".to_owned());
    }
    let tools = [("dpkg", "dpkg"), ("chroot", "coreutils"), ("ldd", "libc-bin")];
    let missing = tools.iter().find(|(tool, _)| Command::new(tool).arg("--version").output().is_err());
    missing.map(|(tool, package)| format!("{tool} is missing: apt-get install {package}"))
}

struct Inside {
    root: PathBuf,
}

impl Inside {
    fn install(&self, package: &Path) -> Result<(), String> {
        for folder in ["var/lib/dpkg/updates", "var/lib/dpkg/info", "var/lib/dpkg/triggers", "tmp"] {
            self.folder(folder)?;
        }
        for file in ["status", "available"] {
            self.write(&format!("var/lib/dpkg/{file}"), "")?;
        }
        // The libraries that it depends on belong to packages that are not there.
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", self.root.display()));
        dpkg.args(["--force-depends", "--force-bad-path", "--install"]).arg(package);
        said(&mut dpkg).map(drop)
    }

    /// Nothing but what the loader asks for.
    fn borrow_libraries(&self) -> Result<(), String> {
        let asked = said(Command::new("ldd").arg(self.root.join("usr/bin/blackstart")))?;
        for library in asked.split_whitespace().filter(|word| word.starts_with('/')) {
            let bytes = fs::read(library).map_err(|error| format!("{library}: {error}"))?;
            let to = self.path(library);
            self.folder(&to.parent().unwrap_or(&self.root).display().to_string())?;
            fs::write(&to, bytes).map_err(|error| format!("{}: {error}", to.display()))?;
            // The loader is a program.
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(&to, mode).map_err(|error| format!("{}: {error}", to.display()))?;
        }
        Ok(())
    }

    fn path(&self, inside: &str) -> PathBuf {
        let inside = Path::new(inside);
        let inside = inside.strip_prefix(&self.root).unwrap_or(inside);
        self.root.join(inside.strip_prefix("/").unwrap_or(inside))
    }

    fn folder(&self, inside: &str) -> Result<(), String> {
        let path = self.path(inside);
        fs::create_dir_all(&path).map_err(|error| format!("cannot make {}: {error}", path.display()))
    }

    fn write(&self, inside: &str, text: &str) -> Result<(), String> {
        let path = self.path(inside);
        self.folder(&path.parent().unwrap_or(&self.root).display().to_string())?;
        fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn read(&self, inside: &str) -> Result<String, String> {
        let path = self.path(inside);
        fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("chroot");
        command
            .arg(&self.root)
            .args(words)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", "/root");
        command
    }

    fn call(&self, words: &[&str]) -> Result<String, String> {
        said(&mut self.command(&[&["/usr/bin/blackstart"], words].concat()))
    }

    /// The example configuration with the tenant that it describes, and the folder that the unit provides.
    fn start_bridge(&self) -> Result<(), String> {
        self.folder("var/lib/blackstart-bridge")?;
        let recipient = self.call(&["handback", "keygen", "-o", "/tmp/x.identity"])?;
        let example = self.read("usr/share/doc/blackstart/examples/bridge.toml")?;
        let (plain, tenant) = example.split_once("# [tenant.x]").ok_or("the example names no tenant")?;
        let tenant = format!("# [tenant.x]{tenant}").replace("\n# ", "\n").replace("\n#\n", "\n");
        let tenant = tenant.trim_start_matches("# ").replace("age1...", recipient.trim());
        // Any free port: the machine that proves this may have a bridge of its own.
        let plain = plain.replace("127.0.0.1:8080", "127.0.0.1:0");
        self.write("etc/blackstart/bridge.toml", &format!("{plain}{tenant}"))?;
        self.start("blackstart-bridge.service", "", "the bridge accepts on")
    }

    /// An incident of the name `test`, as the head of the unit says.
    fn start_watch(&self) -> Result<(), String> {
        self.write("srv/data/letter.txt", "Dear Sir or Madam")?;
        let estate = "[site.here]\nname = \"Here\"\n[store.data]\nsite = \"here\"\npath = \"/srv/data\"\n";
        self.write("etc/blackstart/estate/estate.toml", estate)?;
        self.folder("var/lib/blackstart")?;
        self.folder("root")?;
        self.call(&["init", "/var/lib/blackstart/test", "--estate", "/etc/blackstart/estate"])?;
        self.start("blackstart-watch@.service", "test", "watching 1 file in 1 store")
    }

    /// Starts the program with the words and variables of a unit, and waits until it says what it says when it works.
    fn start(&self, unit: &str, instance: &str, works: &str) -> Result<(), String> {
        let text = self.read(&format!("usr/lib/systemd/system/{unit}"))?;
        let values = |key: &'static str| {
            text.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('=').map(str::to_owned))
        };
        let variables: Vec<(String, String)> = values("Environment")
            .map(|value| value.replace("%i", instance))
            .filter_map(|value| {
                value.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()))
            })
            .collect();
        let line =
            values("ExecStart").next().ok_or(format!("{unit} starts nothing"))?.replace("%i", instance);
        let line =
            variables.iter().fold(line, |line, (name, value)| line.replace(&format!("${{{name}}}"), value));
        let words: Vec<&str> = line.split(' ').collect();
        let mut command = self.command(&words);
        command.envs(variables).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut started = command.spawn().map_err(|error| format!("cannot start {line}: {error}"))?;
        let talk = started.stderr.take().ok_or("its talk is not there")?;
        // It ends, or it says that it works: there is nothing to wait for by the clock.
        let mut heard = String::new();
        for said in BufReader::new(talk).lines().map_while(Result::ok) {
            heard.push_str(&format!("{said}\n"));
            if said.contains(works) {
                break;
            }
        }
        let _ = started.kill();
        let _ = started.wait();
        if heard.contains(works) {
            return Ok(());
        }
        Err(format!("{unit} does not start ({line}):\n{heard}"))
    }
}
