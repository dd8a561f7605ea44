//! Which funds, sites, services, stores and ports the practice provider has, and the files that describe it to the
//! product: the estate, the bridge's config, the hand-back's.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::fault::During as _;
use crate::practice::documents::{Filling, fill};
use crate::practice::{month_end, payments};
use crate::rng::Rng;
use crate::{Fault, Result, snapshot};

mod files;
pub mod funds;
mod ports;

pub use funds::{Fund, funds};
pub use ports::Ports;

/// Id and name of the two sites.
pub const SITES: [(&str, &str); 2] = [("ess", "Essen"), ("muc", "München")];

/// What is chosen for one drill.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The marked folder everything lives in; absolute.
    pub root: PathBuf,
    pub seed: u64,
    pub funds: usize,
    pub persons_per_fund: u32,
    pub documents_per_store: u32,
    /// Absolute path of `blackstart-drill`.
    pub program: PathBuf,
}

/// A practice process: how it is started and where it leaves its traces.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// `core-muc`; the same name as `service:core-muc` in the estate.
    pub name: String,
    /// `ess`, `muc`, or `None` for the bank, which is outside.
    pub site: Option<String>,
    pub start: Vec<String>,
    /// Lets load in; empty when there is nothing to let in.
    pub admit: Vec<String>,
    /// 0 for a job and for a door, which have no port of their own.
    pub port: u16,
    pub pid_file: PathBuf,
    pub log: PathBuf,
    /// While this file exists, `/health` answers 500.
    pub fail_gate: PathBuf,
    /// Runs to its end instead of staying.
    pub job: bool,
}

impl Unit {
    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A store: a folder, its database, its backups.
#[derive(Clone, Debug, PartialEq)]
pub struct StoreAt {
    /// `core-muc`.
    pub name: String,
    pub site: String,
    pub folder: PathBuf,
    pub database: PathBuf,
    pub repository: PathBuf,
    pub password: String,
    pub password_file: PathBuf,
    /// The unit that writes to it.
    pub unit: String,
}

/// The door of a site.
#[derive(Clone, Debug, PartialEq)]
pub struct DoorAt {
    pub site: String,
    pub unit: Unit,
    /// `127.0.0.1:PORT` that refuses once the door is closed.
    pub probe: String,
    pub close: Vec<String>,
    pub open: Vec<String>,
    /// Unit name to the public port that leads to it.
    pub public: BTreeMap<String, u16>,
}

/// Where the bridge lives and what it answers to.
#[derive(Clone, Debug)]
pub struct BridgeAt {
    pub config: PathBuf,
    pub folder: PathBuf,
    pub key: PathBuf,
    /// `http://127.0.0.1:PORT`
    pub url: String,
    pub control_token_file: PathBuf,
}

/// Where everything is. Chosen once, before anything starts.
#[derive(Clone, Debug)]
pub struct Layout {
    pub settings: Settings,
    pub funds: Vec<Fund>,
    /// In an order in which they can be started.
    pub units: Vec<Unit>,
    pub stores: Vec<StoreAt>,
    pub doors: Vec<DoorAt>,
    pub bank: Unit,
    /// The bank's book of payments made.
    pub bank_book: PathBuf,
    /// The jobs that must run once: one for each site.
    pub jobs: Vec<Unit>,
    /// Folder with the estate.
    pub estate: PathBuf,
    pub bridge: BridgeAt,
}

impl Layout {
    /// Chooses ports and paths; makes nothing yet.
    pub fn choose(settings: Settings) -> Result<Layout> {
        for path in [&settings.root, &settings.program] {
            if !path.is_absolute() || path.to_str().is_none() {
                return Err(Fault::new(format!("{} must be an absolute path in plain text", path.display())));
            }
        }
        let funds = funds(settings.funds)?;
        let root = settings.root.clone();
        let make = Make { settings: &settings, root: &root };
        let ports = Ports::new();
        let bank_book = root.join("outside").join("bank.jsonl");
        let bank = make.service("bank", None, ports.free()?, &[("--book", text(&bank_book))]);
        let (mut units, mut stores, mut doors, mut jobs) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (site, _) in SITES {
            let site_units = make.site(site, &ports, &bank)?;
            doors.push(make.door(site, &ports, &site_units)?);
            units.extend(site_units);
            stores.extend([make.store("core", site, "core.db"), make.store("payments", site, "payments.db")]);
            jobs.push(make.job(site));
        }
        let bridge = root.join("bridge");
        let bridge = BridgeAt {
            config: bridge.join("bridge.toml"),
            key: bridge.join("bridge.key"),
            control_token_file: bridge.join("control-token"),
            folder: bridge.join("folder"),
            url: format!("http://127.0.0.1:{}", ports.free()?),
        };
        let estate = root.join("estate");
        Ok(Layout { settings, funds, units, stores, doors, bank, bank_book, jobs, estate, bridge })
    }

    /// Folders, stores with their documents and databases, empty repositories, the estate folder.
    pub fn make(&self) -> Result<()> {
        let root = &self.settings.root;
        for folder in ["run", "log", "outside", "effects", "secret", "bridge", "handback"] {
            let folder = root.join(folder);
            fs::create_dir_all(&folder).during(|| format!("cannot make {}", folder.display()))?;
        }
        // A new repository costs a second of key derivation, by design; side by side that is spent once.
        std::thread::scope(|scope| {
            let made: Vec<_> =
                self.stores.iter().map(|store| scope.spawn(|| self.make_store(store))).collect();
            let broken = || Fault::new("making a store broke off");
            made.into_iter().try_for_each(|store| store.join().map_err(|_| broken())?)
        })?;
        files::write_estate(self)
    }

    fn make_store(&self, store: &StoreAt) -> Result<()> {
        fs::create_dir_all(&store.folder).during(|| format!("cannot make {}", store.folder.display()))?;
        write_secret(&store.password_file, &store.password)?;
        snapshot::init(&store.repository, &store.password)?;
        if store.unit.starts_with("payments-") {
            return payments::seed(&store.database);
        }
        let at_site = self.funds.iter().filter(|fund| fund.site == store.site);
        fill(
            &store.folder,
            &Filling {
                seed: self.settings.seed,
                name: store.name.clone(),
                funds: at_site.map(|fund| fund.id.clone()).collect(),
                persons_per_fund: self.settings.persons_per_fund,
                documents: self.settings.documents_per_store,
            },
        )
    }

    /// Writes the bridge's config. `recipients`: fund id to the `age1…` line of its hand-back identity.
    pub fn write_bridge(&self, recipients: &BTreeMap<String, String>) -> Result<()> {
        files::write_bridge(self, recipients)
    }

    /// Writes the hand-back config of a fund and says where it is.
    pub fn write_handback(&self, fund: &str, identity: &Path) -> Result<PathBuf> {
        files::write_handback(self, fund, identity)
    }

    /// The unit of that name, also a job, a door or the bank.
    pub fn unit(&self, name: &str) -> Result<&Unit> {
        let doors = self.doors.iter().map(|door| &door.unit);
        let mut all = self.units.iter().chain(&self.jobs).chain(doors).chain([&self.bank]);
        all.find(|unit| unit.name == name).ok_or_else(|| Fault::new(format!("the drill has no unit {name}")))
    }

    pub fn store(&self, name: &str) -> Result<&StoreAt> {
        let found = self.stores.iter().find(|store| store.name == name);
        found.ok_or_else(|| Fault::new(format!("the drill has no store {name}")))
    }

    pub fn door(&self, site: &str) -> Result<&DoorAt> {
        let found = self.doors.iter().find(|door| door.site == site);
        found.ok_or_else(|| Fault::new(format!("the drill has no site {site}")))
    }

    /// How often the month was closed for a site.
    pub fn month_ends(&self, site: &str) -> usize {
        month_end::executions(&effects(&self.settings.root, site))
    }
}

fn effects(root: &Path, site: &str) -> PathBuf {
    root.join("effects").join(format!("month-end-{site}.log"))
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn write_secret(file: &Path, secret: &str) -> Result<()> {
    let doing = || format!("cannot write {}", file.display());
    let mut open = fs::OpenOptions::new();
    let mut open = open.write(true).create(true).truncate(true).mode(0o600).open(file).during(doing)?;
    std::io::Write::write_all(&mut open, secret.as_bytes()).during(doing)
}

/// Puts units together.
struct Make<'a> {
    settings: &'a Settings,
    root: &'a Path,
}

impl Make<'_> {
    /// A service `KIND-SITE` (or `KIND` outside), started with its common arguments and `more`.
    fn service(&self, kind: &str, site: Option<&str>, port: u16, more: &[(&str, String)]) -> Unit {
        let name = site.map_or_else(|| kind.to_owned(), |site| format!("{kind}-{site}"));
        let mut start = self.practice(&[kind, "--root", &text(self.root), "--name", &name]);
        start.extend(["--port".to_owned(), port.to_string()]);
        for (flag, value) in more {
            start.extend([(*flag).to_owned(), value.clone()]);
        }
        let admit = match kind {
            // Nothing to let in: everything else needs identity to start, and the bank is not ours.
            "identity" | "bank" => Vec::new(),
            _ => self.practice(&["admit", "--port", &port.to_string()]),
        };
        Unit { start, admit, port, ..self.unit(name, site) }
    }

    fn practice(&self, words: &[&str]) -> Vec<String> {
        let program = text(&self.settings.program);
        [program, "practice".to_owned()]
            .into_iter()
            .chain(words.iter().map(|word| (*word).to_owned()))
            .collect()
    }

    fn unit(&self, name: String, site: Option<&str>) -> Unit {
        let run = self.root.join("run");
        Unit {
            pid_file: run.join(format!("{name}.pid")),
            log: self.root.join("log").join(format!("{name}.log")),
            fail_gate: run.join(format!("{name}.fail")),
            site: site.map(str::to_owned),
            start: Vec::new(),
            admit: Vec::new(),
            port: 0,
            job: false,
            name,
        }
    }

    fn site(&self, site: &str, ports: &Ports, bank: &Unit) -> Result<Vec<Unit>> {
        let here = Some(site);
        let identity = self.service("identity", here, ports.free()?, &[]);
        let outbox = self.root.join("outside").join(format!("mail-{site}.jsonl"));
        let mail = self.service("mail", here, ports.free()?, &[("--outbox", text(&outbox))]);
        let login = ("--identity", identity.url());
        let folder = |kind: &str| ("--store", text(&self.root.join("store").join(format!("{kind}-{site}"))));
        let core = self.service("core", here, ports.free()?, &[folder("core"), login.clone()]);
        let to_core = ("--core", core.url());
        let intake = self.service("intake", here, ports.free()?, &[login.clone(), to_core.clone()]);
        let more = [folder("payments"), login, to_core, ("--bank", bank.url())];
        let payments = self.service("payments", here, ports.free()?, &more);
        Ok(vec![identity, mail, core, intake, payments])
    }

    /// The services that take business from outside have a public port each; identity and mail have none.
    fn door(&self, site: &str, ports: &Ports, units: &[Unit]) -> Result<DoorAt> {
        let name = format!("door-{site}");
        let which = ["--root", &text(self.root), "--name", &name];
        let command = |word: &str| self.practice(&[&["door", word], &which[..]].concat());
        let mut start = command("run");
        let mut public = BTreeMap::new();
        for unit in
            units.iter().filter(|unit| !unit.name.starts_with("identity") && !unit.name.starts_with("mail"))
        {
            let port = ports.free()?;
            start.extend(["--forward".to_owned(), format!("{port}={}", unit.port)]);
            public.insert(unit.name.clone(), port);
        }
        let probe = public.values().next().map(|port| format!("127.0.0.1:{port}")).unwrap_or_default();
        let unit = Unit { start, ..self.unit(name.clone(), Some(site)) };
        Ok(DoorAt {
            site: site.to_owned(),
            unit,
            probe,
            close: command("close"),
            open: command("open"),
            public,
        })
    }

    fn job(&self, site: &str) -> Unit {
        let (root, effects) = (text(self.root), text(&effects(self.root, site)));
        let start = self.practice(&["month-end", "--root", &root, "--effects", &effects, "--site", site]);
        Unit { start, job: true, ..self.unit(format!("month-end-{site}"), Some(site)) }
    }

    fn store(&self, kind: &str, site: &str, database: &str) -> StoreAt {
        let name = format!("{kind}-{site}");
        let folder = self.root.join("store").join(&name);
        let mut rng = Rng::named(self.settings.seed, &format!("password of {name}"));
        StoreAt {
            database: folder.join(database),
            repository: self.root.join("backup").join(&name),
            password: format!("{:016x}{:016x}", rng.next(), rng.next()),
            password_file: self.root.join("secret").join(&name),
            site: site.to_owned(),
            unit: name.clone(),
            folder,
            name,
        }
    }
}

#[cfg(test)]
mod tests;
