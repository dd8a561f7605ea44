//! What a unit becomes in the estate: a service with its start, its gates and its limits, or a store.

use std::collections::BTreeMap;

use super::super::secrets;
use super::amount;
use super::boot::Boot;
use super::name::{self, Backslash, UnitKind};
use super::text::Setting;
use super::unit::Unit;
use estate::hands::{self, Driver};
use estate::model::{Gate, Probe, Run, Service, StartClass};

/// How services are to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartBy {
    /// By its host's systemd, which Blackstart reaches as the estate says.
    Driver,
    /// `systemctl start` on the machine on which Blackstart runs.
    Local,
    /// `ssh HOST systemctl start`.
    Ssh,
    /// The unit's own `ExecStart`, without systemd.
    Exec,
    /// By hand: no command is written.
    Hand,
}

const HOLD_MS: u64 = 2_000;
const DEADLINE_MS: u64 = 120_000;
const EVERY_MS: u64 = 500;
/// A watchdog longer than this says nothing about a start.
const WATCHDOG_MS_MAX: u64 = 60_000;
const PORTS_MAX: usize = 4;

/// The host a unit is on, and how it is reached.
#[derive(Clone, Copy, Debug)]
pub struct Where<'h> {
    /// `None`: nobody said what the host is called.
    pub host: Option<&'h str>,
    /// Where its ports are knocked on; `None`: on this machine.
    pub knocked: Option<&'h str>,
    pub start_by: StartBy,
}

impl Where<'_> {
    fn systemctl(self, verb: &[&str], unit: &str) -> Option<Vec<String>> {
        let mut command: Vec<String> = match (self.start_by, self.host) {
            (StartBy::Hand | StartBy::Driver, _) | (StartBy::Ssh, None) => return None,
            (StartBy::Local | StartBy::Exec, _) => Vec::new(),
            (StartBy::Ssh, Some(host)) => {
                ["ssh", "-o", "BatchMode=yes", "--", host].map(str::to_owned).to_vec()
            }
        };
        command.push("systemctl".to_owned());
        command.extend(verb.iter().map(|word| (*word).to_owned()));
        command.push(unit.to_owned());
        Some(command)
    }
}

/// What a service is made of: the unit itself, and the sockets, timers and paths that start it.
#[derive(Clone, Copy, Debug)]
pub struct Pieces<'u> {
    pub unit: &'u Unit,
    pub activators: &'u [&'u Unit],
    /// Somebody starts the service itself too, not only its socket, timer or path.
    pub started_itself: bool,
}

impl<'u> Pieces<'u> {
    /// The unit to start: what the clock or a caller starts must not be started at once.
    fn begun_by(self) -> &'u Unit {
        let timer = self.activators.iter().find(|unit| unit.kind == UnitKind::Timer);
        let other = self.activators.iter().find(|_| !self.started_itself);
        timer.or(other).copied().unwrap_or(self.unit)
    }

    /// The unit that is held and let go on: the service itself, with whose sockets the driver begins. What the clock
    /// starts is begun by its timer alone.
    fn driven(self) -> &'u Unit {
        let begins = self.begun_by();
        if begins.kind == UnitKind::Socket { self.unit } else { begins }
    }

    /// Is over once it has run: starting it is a job, and whether it ran cannot be seen afterwards.
    fn ends(self) -> bool {
        let kind = self.unit.one("Service", "Type").map_or("simple", |setting| setting.value.as_str());
        kind == "oneshot" && !self.unit.is("Service", "RemainAfterExit", false)
    }
}

/// What could not be taken over.
#[derive(Clone, Copy, Debug)]
pub enum NotTaken<'u> {
    /// The command seems to hold a password.
    Secret,
    /// A setting whose value cannot be read, by its name.
    Unread(&'static str, &'u Setting),
}

/// The service without its host; `left` is called for whatever could not be taken over.
pub fn service<'u>(pieces: Pieces<'u>, place: Where<'_>, mut left: impl FnMut(NotTaken<'u>)) -> Service {
    let unit = pieces.unit;
    let to_start = pieces.begun_by();
    let alone = std::ptr::eq(to_start, unit);
    let ends = alone && pieces.ends();
    let mut service = Service {
        memory: memory(unit, &mut left),
        cpu_boot: cores(unit, &mut left).unwrap_or(0),
        ..Service::default()
    };
    if ends {
        service.start_class = StartClass::Once;
    }
    let by_exec = place.start_by == StartBy::Exec && alone;
    service.run = match place.start_by {
        StartBy::Exec if by_exec => exec(unit, &mut || left(NotTaken::Secret)),
        StartBy::Driver if hands::is_unit(&pieces.driven().name) => {
            let driver = Some(Driver::Systemd(pieces.driven().name.clone()));
            Some(Run { driver, job: ends, ..Run::default() })
        }
        StartBy::Driver | StartBy::Exec | StartBy::Local | StartBy::Ssh | StartBy::Hand => None,
    };
    if service.run.is_none() {
        service.run = place.systemctl(&["start"], &to_start.name).map(|start| Run {
            start,
            stop: place.systemctl(&["stop"], &to_start.name).unwrap_or_default(),
            // `systemctl` itself ends; what it started goes on and is seen by the gate.
            job: true,
            ..Run::default()
        });
    }
    let starts_directly = service.run.as_ref().is_some_and(|run| !run.job);
    let timing = Timing::of(unit, &mut left);
    if !ends && !starts_directly {
        let is_active = place.systemctl(&["is-active", "--quiet"], &to_start.name);
        service.gates.extend(is_active.map(|command| timing.gate(Probe::Command(command))));
    }
    for socket in pieces.activators.iter().filter(|unit| unit.kind == UnitKind::Socket) {
        let gates = addresses(socket, place).into_iter().map(|address| timing.gate(Probe::Tcp(address)));
        service.gates.extend(gates);
    }
    service
}

/// What nobody limits is no mistake: `infinity`, or the largest number as `systemctl show` writes it.
fn is_without_limit(value: &str) -> bool {
    value.trim() == "infinity" || value.trim() == u64::MAX.to_string()
}

/// A setting as `parse` understands it; `left` is told if it does not.
fn read<'u>(
    unit: &'u Unit,
    key: &'static str,
    parse: impl Fn(&str) -> Option<u64>,
    left: &mut impl FnMut(NotTaken<'u>),
) -> Option<u64> {
    let said = unit.one("Service", key).filter(|said| !is_without_limit(&said.value))?;
    let value = parse(&said.value);
    if value.is_none() {
        left(NotTaken::Unread(key, said));
    }
    value
}

fn memory<'u>(unit: &'u Unit, left: &mut impl FnMut(NotTaken<'u>)) -> u64 {
    read(unit, "MemoryMax", amount::mebibytes, left).unwrap_or(0)
}

/// Cores from `CPUQuota=150%`, rounded up.
fn cores<'u>(unit: &'u Unit, left: &mut impl FnMut(NotTaken<'u>)) -> Option<u64> {
    let percent = |value: &str| Some(value.strip_suffix('%')?.trim().parse::<u64>().ok()?.div_ceil(100));
    let shown =
        |value: &str| Some(amount::milliseconds(value).or_else(|| fraction_ms(value))?.div_ceil(1000));
    if unit.one("Service", "CPUQuota").is_some() {
        return read(unit, "CPUQuota", percent, left);
    }
    read(unit, "CPUQuotaPerSec", shown, left)
}

/// `1.5s`, as `systemctl show` writes it.
fn fraction_ms(value: &str) -> Option<u64> {
    let (whole, part) = value.strip_suffix('s')?.split_once('.')?;
    let part: u64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
    Some(whole.parse::<u64>().ok()?.saturating_mul(1000).saturating_add(part))
}

#[derive(Clone, Copy)]
struct Timing {
    hold_ms: u64,
    deadline_ms: u64,
}

impl Timing {
    /// A service with a watchdog has to stay up for one of its periods: then systemd would have killed it.
    fn of<'u>(unit: &'u Unit, left: &mut impl FnMut(NotTaken<'u>)) -> Timing {
        let mut time = |key: &'static str| {
            let parse = |value: &str| amount::milliseconds(value).or_else(|| fraction_ms(value));
            read(unit, key, parse, left).filter(|ms| *ms > 0)
        };
        let hold_ms = time("WatchdogSec").map_or(HOLD_MS, |ms| ms.clamp(HOLD_MS, WATCHDOG_MS_MAX));
        let start_ms = time("TimeoutStartSec").or_else(|| time("TimeoutSec"));
        let deadline_ms = start_ms.unwrap_or(DEADLINE_MS).max(DEADLINE_MS).saturating_add(hold_ms - HOLD_MS);
        Timing { hold_ms, deadline_ms: deadline_ms.min(86_400_000) }
    }

    fn gate(self, probe: Probe) -> Gate {
        Gate {
            probe,
            hold_ms: self.hold_ms,
            deadline_ms: self.deadline_ms,
            every_ms: EVERY_MS,
            uses: Vec::new(),
        }
    }
}

/// Where a socket can be knocked on from where Blackstart runs.
fn addresses(socket: &Unit, place: Where<'_>) -> Vec<String> {
    let here = place.knocked.unwrap_or("127.0.0.1");
    let mut addresses = Vec::new();
    for text in listening(socket) {
        let Some((address, port)) = amount::port(&text) else { continue };
        let is_loopback = address.is_some_and(|address| address.starts_with("127.") || address == "[::1]");
        let is_reachable = !is_loopback || place.knocked.is_none();
        if is_reachable {
            addresses.push(format!("{}:{port}", address.unwrap_or(here)));
        }
    }
    addresses.sort();
    addresses.dedup();
    addresses.truncate(PORTS_MAX);
    addresses
}

/// The stream addresses of a socket, from its file or from `systemctl show`.
pub fn listening(socket: &Unit) -> Vec<String> {
    let files = socket.all("Socket", "ListenStream").into_iter().map(|said| said.value.clone());
    let shown = socket.all("Unit", "Listen").into_iter();
    let shown = shown.filter_map(|said| Some(said.value.strip_suffix(" (Stream)")?.to_owned()));
    files.chain(shown).collect()
}

/// Ports that sockets of a service listen on, with the address if it is a particular one.
pub fn ports(pieces: Pieces<'_>) -> Vec<String> {
    let sockets = pieces.activators.iter().filter(|unit| unit.kind == UnitKind::Socket);
    let mut ports: Vec<String> = sockets
        .flat_map(|socket| listening(socket))
        .filter(|listen| amount::port(listen).is_some())
        .collect();
    ports.sort();
    ports.dedup();
    ports
}

/// The unit's own command. `None` where it would not be the same without systemd, or holds a secret.
fn exec(unit: &Unit, secret: &mut impl FnMut()) -> Option<Run> {
    let kind = unit.one("Service", "Type").map_or("simple", |setting| setting.value.as_str());
    let commands = unit.all("Service", "ExecStart");
    let [command] = commands[..] else { return None };
    let words = name::words(&command.value, Backslash::Meant)?;
    if words.iter().any(|word| secrets::is_name(word)) || secrets::are_in(&words, &BTreeMap::new()) {
        secret();
        return None;
    }
    let (first, rest) = words.split_first()?;
    // `-`, `@`, `+`, `!`, `:` before the command change how systemd runs it; `$` is put in by systemd.
    let program = first.trim_start_matches(['-', ':']);
    let plain = program.starts_with('/') && !words.iter().any(|word| word.contains('$'));
    let job = kind == "oneshot";
    if !plain || !matches!(kind, "simple" | "exec" | "idle" | "oneshot") {
        return None;
    }
    let user = unit.one("Service", "User").map(|said| said.value.clone()).filter(|user| user != "root");
    let mut start: Vec<String> = Vec::new();
    if let Some(user) = user {
        start.extend(["runuser".to_owned(), "-u".to_owned(), user, "--".to_owned()]);
    }
    start.push(program.to_owned());
    start.extend(rest.iter().cloned());
    let directory =
        unit.one("Service", "WorkingDirectory").map(|said| said.value.trim_start_matches('-').to_owned());
    let pid_file = unit.one("Service", "PIDFile").map(|said| said.value.clone());
    Some(Run {
        start,
        directory: directory.filter(|path| path.starts_with('/')),
        pid_file,
        job,
        ..Run::default()
    })
}

/// A setting of a mount, from its file or from `systemctl show`.
pub fn mount_setting<'u>(unit: &'u Unit, key: &str) -> Option<&'u str> {
    ["Mount", "Unit", "Service"]
        .iter()
        .find_map(|section| unit.one(section, key))
        .map(|said| said.value.as_str())
}

/// Sockets, timers and paths by the service they start.
pub fn activators<'u>(units: &'u [Unit], boot: &Boot) -> std::collections::BTreeMap<usize, Vec<&'u Unit>> {
    let mut activators: std::collections::BTreeMap<usize, Vec<&'u Unit>> = std::collections::BTreeMap::new();
    for (at, service) in boot.activates.iter().enumerate() {
        if let Some(service) = service {
            activators.entry(*service).or_default().push(&units[at]);
        }
    }
    activators
}

/// A target that many wait for: nothing to start, done at once.
pub fn gathering() -> Service {
    let run = Run { start: vec!["/bin/true".to_owned()], job: true, ..Run::default() };
    Service { start_class: StartClass::Repeatable, run: Some(run), ..Service::default() }
}
