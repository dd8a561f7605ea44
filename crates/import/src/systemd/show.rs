//! The output of `systemctl show '*'`: for every unit a block of `Key=Value` lines, blocks apart by an empty line.
//!
//! It is what the running system really used, with drop-ins and defaults worked in; so it needs no unit files and
//! can be saved on the normal day, or read from a host that is off by now.

use std::sync::Arc;

use super::super::Origin;
use super::gather::Dump;
use super::text::Setting;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadState {
    Loaded,
    Masked,
    /// Only named by others.
    NotThere,
}

/// A unit as it was shown.
#[derive(Clone, Debug, PartialEq)]
pub struct Dumped {
    /// Its own name first, then its other names.
    pub names: Vec<String>,
    pub load: LoadState,
    /// It ran, or would be started at boot.
    pub started: bool,
    pub settings: Vec<Setting>,
    pub origin: Origin,
}

/// Sections are not shown; each property is put where a unit file would have it.
const IN_SERVICE: [&str; 16] = [
    "Type",
    "ExecStart",
    "ExecStop",
    "RemainAfterExit",
    "MemoryMax",
    "WorkingDirectory",
    "RootDirectory",
    "StateDirectory",
    "CacheDirectory",
    "LogsDirectory",
    "PIDFile",
    "User",
    "Environment",
    "CPUQuotaPerSecUSec",
    "WatchdogUSec",
    "TimeoutStartUSec",
];

/// Properties of the unit itself that are kept; a block has two hundred more.
const IN_UNIT: [&str; 15] = [
    "Requires",
    "Requisite",
    "BindsTo",
    "Wants",
    "Upholds",
    "PartOf",
    "After",
    "Before",
    "RequiresMountsFor",
    "WantsMountsFor",
    "DefaultDependencies",
    "Triggers",
    "Listen",
    "Where",
    "What",
];

/// Reads every block that names a unit.
pub fn units(dump: &Dump) -> Vec<Dumped> {
    let section = Sections::new();
    let mut units = Vec::new();
    let mut block: Vec<(usize, &str, &str)> = Vec::new();
    for (number, line) in dump.text.lines().enumerate() {
        let line = line.trim_end();
        if line.is_empty() {
            units.extend(unit(dump, &section, &std::mem::take(&mut block)));
        } else if let Some((key, value)) = line.split_once('=') {
            block.push((number + 1, key, value));
        }
    }
    units.extend(unit(dump, &section, &block));
    units
}

struct Sections {
    unit: Arc<str>,
    service: Arc<str>,
}

impl Sections {
    fn new() -> Sections {
        Sections { unit: Arc::from("Unit"), service: Arc::from("Service") }
    }
}

fn unit(dump: &Dump, sections: &Sections, block: &[(usize, &str, &str)]) -> Option<Dumped> {
    let said = |key: &str| {
        block.iter().find(|(_, known, _)| *known == key).map(|(line, _, value)| (*line, value.trim()))
    };
    let (line, id) = said("Id").filter(|(_, id)| super::name::kind(id).is_some())?;
    let value = |key: &str| said(key).map_or("", |(_, value)| value);
    let mut names = vec![id.to_owned()];
    names.extend(value("Names").split_whitespace().filter(|name| *name != id).map(str::to_owned));
    let load = match value("LoadState") {
        "masked" => LoadState::Masked,
        "" | "loaded" => LoadState::Loaded,
        _ => LoadState::NotThere,
    };
    let runs =
        matches!(value("ActiveState"), "active" | "activating" | "reloading" | "failed" | "deactivating");
    let enabled =
        matches!(value("UnitFileState"), "enabled" | "enabled-runtime" | "linked" | "linked-runtime");
    let settings = block.iter().filter_map(|(line, key, value)| {
        let service = IN_SERVICE.contains(key).then_some(&sections.service);
        let section = Arc::clone(service.or(IN_UNIT.contains(key).then_some(&sections.unit))?);
        let (key, value) = translated(key, value)?;
        let at = Origin { file: Arc::clone(&dump.shown), line: *line };
        Some(Setting { section, key, value, at })
    });
    Some(Dumped {
        names,
        load,
        started: runs || enabled || (value("ActiveState").is_empty() && value("UnitFileState").is_empty()),
        settings: settings.collect(),
        origin: Origin { file: Arc::clone(&dump.shown), line },
    })
}

/// A property in the words of a unit file; `None` if it says nothing.
fn translated(key: &str, value: &str) -> Option<(String, String)> {
    let value = value.trim();
    if value.is_empty() || value == "infinity" || value == "[not set]" {
        return None;
    }
    let (key, value) = match key {
        "ExecStart" | "ExecStop" => (key, command(value)?),
        "WatchdogUSec" => ("WatchdogSec", value.to_owned()),
        "TimeoutStartUSec" => ("TimeoutStartSec", value.to_owned()),
        // Seconds of processor time in each second: `1.5s` is one and a half cores.
        "CPUQuotaPerSecUSec" => ("CPUQuotaPerSec", value.to_owned()),
        // The order in the output is alphabetical, so what a list begins with has no meaning here.
        _ => (key, value.to_owned()),
    };
    Some((key.to_owned(), value))
}

/// `{ path=/usr/bin/x ; argv[]=/usr/bin/x -v ; ignore_errors=no ; … }`: the arguments.
fn command(value: &str) -> Option<String> {
    let (_, rest) = value.split_once("argv[]=")?;
    let (arguments, _) = rest.split_once(" ; ignore_errors=").or_else(|| rest.split_once(" ;"))?;
    Some(arguments.to_owned())
}
