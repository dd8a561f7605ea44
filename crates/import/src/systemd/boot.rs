//! Which units a boot starts, so that what is merely installed does not flood the estate.
//!
//! Begun with: what is linked into a target, what people of the host wrote themselves, what ran or is enabled by
//! the output of `systemctl show`; then followed along everything that is pulled in or activated.

use std::collections::BTreeSet;

use super::basic;
use super::gather::UnitAuthor;
use super::name::{self, UnitKind};
use super::unit::{Relation, Unit, UnitLookup, Units};

/// Whether units that no boot starts and units of the operating system become services too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    #[default]
    Services,
    AllUnits,
}

/// What a boot does with the units of a host.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// For every unit read: a boot starts it.
    pub started: Vec<bool>,
    /// For every unit read: the service it starts when somebody calls, the clock strikes or a file appears.
    pub activates: Vec<Option<usize>>,
    /// Services that are installed, and nothing starts them.
    pub idle: Vec<String>,
    pub masked: BTreeSet<String>,
    /// Written by the people of the host, but nothing starts them: taken all the same.
    pub not_enabled: Vec<usize>,
}

pub fn boot(units: &mut Units<'_>, width: Width) -> Boot {
    let mut boot = Boot::default();
    let mut waiting: Vec<usize> = Vec::new();
    let mut handmade: Vec<usize> = Vec::new();
    waiting.extend(roots(units).iter().filter_map(|name| found(units.find(name))));
    for (name, written) in units.names() {
        if name::is_template(&name) {
            continue;
        }
        match units.find(&name) {
            UnitLookup::Masked => drop(boot.masked.insert(name)),
            UnitLookup::Missing => {}
            UnitLookup::Unit(at) => {
                let unit = &units.units[at];
                match unit.started {
                    Some(true) => waiting.push(at),
                    Some(false) => {}
                    None if written == UnitAuthor::Here && is_root_kind(unit.kind) => handmade.push(at),
                    // From fstab: the system mounts it at boot.
                    None if written == UnitAuthor::Generated && unit.kind == UnitKind::Mount => {
                        waiting.push(at);
                    }
                    None => {}
                }
                if width == Width::AllUnits && unit.kind == UnitKind::Service {
                    waiting.push(at);
                }
            }
        }
    }
    follow(units, &mut boot, waiting);
    boot.not_enabled = handmade.iter().copied().filter(|at| !is_started(&boot, *at)).collect();
    boot.not_enabled.sort_unstable();
    boot.not_enabled.dedup();
    let installed: Vec<usize> =
        boot.not_enabled.iter().filter_map(|at| units.install(*at)).flatten().collect();
    follow(units, &mut boot, handmade);
    follow(units, &mut boot, installed);
    boot.started.resize(units.units.len(), false);
    boot.activates.resize(units.units.len(), None);
    // Only services that run because of a socket, timer or path need not be enabled themselves.
    let activated: BTreeSet<usize> = boot.activates.iter().flatten().copied().collect();
    boot.not_enabled.retain(|at| !activated.contains(at) && units.units[*at].kind == UnitKind::Service);
    // Where no link was copied at all, a unit counts as enabled by what it says of its installation.
    if units.owners_of_links().is_empty() {
        boot.not_enabled.retain(|at| !is_installed(&units.units[*at]));
    }
    boot.idle = units
        .units
        .iter()
        .enumerate()
        .filter(|(at, unit)| unit.kind == UnitKind::Service && !boot.started[*at])
        .map(|(_, unit)| unit.name.clone())
        .collect();
    boot
}

fn is_installed(unit: &Unit) -> bool {
    ["WantedBy", "RequiredBy", "UpheldBy"].iter().any(|key| !unit.all("Install", key).is_empty())
}

fn is_started(boot: &Boot, at: usize) -> bool {
    boot.started.get(at).copied().unwrap_or_default()
}

/// Units that make sense alone. Targets count by what is linked into them, mounts by who needs them.
fn is_root_kind(kind: UnitKind) -> bool {
    matches!(kind, UnitKind::Service | UnitKind::Socket | UnitKind::Timer | UnitKind::Path | UnitKind::Mount)
}

/// Where a boot begins: the default target, and everything that links are made into.
fn roots(units: &mut Units<'_>) -> Vec<String> {
    let mut roots: Vec<String> =
        ["default.target", "multi-user.target", "graphical.target"].map(str::to_owned).to_vec();
    let owners = units.owners_of_links();
    roots.extend(owners.into_iter().filter(|owner| {
        name::kind(owner) == Some(UnitKind::Target)
            && !basic::is_other_mode(owner)
            && !name::is_template(owner)
    }));
    roots
}

fn found(found: UnitLookup) -> Option<usize> {
    match found {
        UnitLookup::Unit(at) => Some(at),
        UnitLookup::Masked | UnitLookup::Missing => None,
    }
}

/// Everything that is started because of `waiting`, each unit once.
fn follow(units: &mut Units<'_>, boot: &mut Boot, mut waiting: Vec<usize>) {
    while let Some(at) = waiting.pop() {
        if boot.started.len() < units.units.len() {
            boot.started.resize(units.units.len(), false);
            boot.activates.resize(units.units.len(), None);
        }
        if std::mem::replace(&mut boot.started[at], true) {
            continue;
        }
        let references: Vec<(Relation, String)> = units.units[at]
            .references
            .iter()
            .map(|reference| (reference.relation, reference.to.clone()))
            .collect();
        for (relation, to) in references {
            // What is only waited for is looked up as well: it may stand between two services.
            let other = units.find_from(at, &to);
            if let UnitLookup::Unit(other) = other
                && (relation.pulls() || relation == Relation::Requisite)
                && !basic::is_other_mode(&units.units[other].name)
            {
                waiting.push(other);
            }
        }
        if let Some(service) = activated(units, at) {
            if boot.activates.len() < units.units.len() {
                boot.activates.resize(units.units.len(), None);
            }
            boot.activates[at] = Some(service);
            waiting.push(service);
        }
    }
}

/// The service that a socket, timer or path starts.
fn activated(units: &mut Units<'_>, at: usize) -> Option<usize> {
    let unit = &units.units[at];
    let (section, key) = match unit.kind {
        UnitKind::Socket => ("Socket", "Service"),
        UnitKind::Timer => ("Timer", "Unit"),
        UnitKind::Path => ("Path", "Unit"),
        UnitKind::Service | UnitKind::Target | UnitKind::Mount | UnitKind::Other => return None,
    };
    let named = unit.one(section, key).or_else(|| unit.one("Unit", "Triggers"));
    let named = named.and_then(|setting| setting.value.split_whitespace().next().map(str::to_owned));
    let stem = unit.name.rsplit_once('.').map_or(unit.name.as_str(), |(stem, _)| stem).to_owned();
    let name = named.unwrap_or_else(|| format!("{stem}.service"));
    let per_connection = unit.is("Socket", "Accept", false);
    match found(units.find_from(at, &name)) {
        Some(service) => Some(service),
        // A service for each connection: the template stands for all of them.
        None if per_connection => found(units.find_from(at, &format!("{stem}@.service"))),
        None => None,
    }
}
