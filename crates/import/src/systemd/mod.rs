//! Which services do copied systemd units describe, and what do they say about each other?
//!
//! Reads unit folders (of one host or several) and the output of `systemctl show '*'`, so that it works on a host
//! that is off. Answers with a draft. Records nothing.
//!
//! - `gather`: the files, from disk; the only part that touches the world.
//! - `text`, `show`: one unit file, one output of `systemctl show`. `name`, `amount`: names, times, sizes.
//! - `unit`: what stands behind a name: folders, drop-ins, links, templates.
//! - `boot`: what a boot starts. `basic`: what belongs to the operating system.
//! - `needs`: who needs whom. `hints`: who is named in settings and commands. `describe`: what a unit becomes.
//! - `remarks`: what a person should know.

pub mod amount;
pub mod basic;
pub mod boot;
pub mod describe;
pub mod gather;
pub mod hints;
pub mod name;
pub mod needs;
pub mod remarks;
pub mod show;
#[cfg(test)]
mod tests;
pub mod text;
pub mod unit;

use super::login::Login;
use super::names::Names;
use super::{Draft, Origin};
use boot::{Boot, Width};
use describe::{Pieces, StartBy, Where};
use estate::id::{Id, Kind};
use estate::model::{Host, StartClass, Store};
use gather::{HostCopy, UnitSources};
use name::UnitKind;
use needs::{Certainty, Graph, Needs, Part};
use unit::Units;

/// What the person who imports decides.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The name of the host, where the copy is of one.
    pub host: Option<String>,
    pub width: Width,
    /// `None`: by the driver where the host has a name, else by `systemctl` here.
    pub start_by: Option<StartBy>,
    pub login: Login,
}

/// One host, looked through.
struct HostUnits<'c> {
    /// As people call it; `None`: nobody said.
    name: Option<String>,
    units: Units<'c>,
    boot: Boot,
    parts: Vec<Part>,
    needs: Needs,
    without_generated: bool,
    host_keys: &'c [String],
}

/// From the copies of all hosts to a draft. Pure and total.
pub fn read(gathered: &UnitSources, options: &Options) -> Draft {
    let mut draft = Draft::default();
    remarks::skipped(gathered, &mut draft);
    let many = gathered.hosts.len() > 1;
    let seen: Vec<HostUnits<'_>> =
        gathered.hosts.iter().map(|copy| look_through(copy, options, many)).collect();
    let telling = many || options.host.is_some();
    let names = all_names(&seen, telling);
    for host in &seen {
        let ids = Ids { names: &names, host: host.name.as_deref(), telling };
        remarks::host(host.name.as_deref(), &host.units, &host.boot, options.width, &mut draft);
        if host.without_generated {
            remarks::without_generated(host.name.as_deref(), &mut draft);
        }
        let usual = if host.name.is_some() { StartBy::Driver } else { StartBy::Local };
        things(host, &ids, options.start_by.unwrap_or(usual), &options.login, &mut draft);
        dependencies(host, &ids, &mut draft);
    }
    hints::propose(&seen, &names, telling, &mut draft);
    draft.normalise();
    draft
}

fn look_through<'c>(copy: &'c HostCopy, options: &Options, many: bool) -> HostUnits<'c> {
    let name = match &options.host {
        Some(host) if !many => Some(host.clone()),
        _ => copy.name.clone(),
    };
    let mut units = Units::new(copy, name.as_deref().unwrap_or_default());
    let boot = boot::boot(&mut units, options.width);
    let mut parts = parts(&units, &boot, options.width);
    let gathering = Graph::new(&units, &boot, parts.clone()).gathering();
    for target in gathering {
        parts[target] = Part::Gathering;
    }
    let needs = Graph::new(&units, &boot, parts.clone()).needs();
    HostUnits {
        name,
        units,
        boot,
        parts,
        needs,
        without_generated: copy.without_generated,
        host_keys: &copy.host_keys,
    }
}

fn parts(units: &Units<'_>, boot: &Boot, width: Width) -> Vec<Part> {
    let part = |(at, unit): (usize, &unit::Unit)| match unit.kind {
        UnitKind::Service if !boot.started[at] => Part::Through,
        UnitKind::Service if width == Width::Services && basic::is_basic(&unit.name) => Part::Through,
        UnitKind::Service => Part::Service,
        UnitKind::Mount => {
            let path = describe::mount_setting(unit, "Where").unwrap_or_default();
            let filesystem = describe::mount_setting(unit, "Type").unwrap_or_default();
            if basic::holds_data(path, filesystem) { Part::Store } else { Part::Nothing }
        }
        UnitKind::Target | UnitKind::Socket | UnitKind::Path => Part::Through,
        UnitKind::Timer | UnitKind::Other => Part::Nothing,
    };
    units.units.iter().enumerate().map(part).collect()
}

/// The ids of everything, over all hosts.
struct AllNames {
    services: Names,
    stores: Names,
    hosts: Names,
}

/// The ids of the units of one host.
struct Ids<'n> {
    names: &'n AllNames,
    host: Option<&'n str>,
    telling: bool,
}

impl Ids<'_> {
    fn id(&self, seen: &HostUnits<'_>, at: usize) -> Id {
        let name = called(self.host, self.telling, seen, at);
        let names = if seen.parts[at] == Part::Store { &self.names.stores } else { &self.names.services };
        names.id(&name).cloned().expect("every unit that is a thing of the estate was given a name")
    }
}

/// What a unit is called in the estate: with its host where there are several.
fn called(host: Option<&str>, telling: bool, seen: &HostUnits<'_>, at: usize) -> String {
    let unit = &seen.units.units[at];
    let stem = unit.name.strip_suffix(".service").unwrap_or(&unit.name);
    let own = match seen.parts[at] {
        Part::Store => {
            describe::mount_setting(unit, "Where").unwrap_or(stem).trim_start_matches('/').to_owned()
        }
        Part::Gathering => stem.replace(".target", " target"),
        Part::Service | Part::Through | Part::Nothing => stem.to_owned(),
    };
    match host {
        Some(host) if telling => format!("{host}/{own}"),
        _ => own,
    }
}

fn is_thing(seen: &HostUnits<'_>, at: usize) -> bool {
    match seen.parts[at] {
        Part::Service | Part::Gathering => true,
        Part::Store => seen.boot.started[at] || seen.needs.needs.iter().any(|need| need.to == at),
        Part::Through | Part::Nothing => false,
    }
}

fn all_names(seen: &[HostUnits<'_>], telling: bool) -> AllNames {
    let mut services: Vec<String> = Vec::new();
    let mut stores: Vec<String> = Vec::new();
    for host in seen {
        for at in 0..host.parts.len() {
            let name = || called(host.name.as_deref(), telling, host, at);
            match host.parts[at] {
                Part::Service | Part::Gathering => services.push(name()),
                Part::Store => stores.push(name()),
                Part::Through | Part::Nothing => {}
            }
        }
    }
    AllNames {
        services: Names::new(Kind::Service, services.iter().map(String::as_str)),
        stores: Names::new(Kind::Store, stores.iter().map(String::as_str)),
        hosts: Names::new(Kind::Host, seen.iter().filter_map(|host| host.name.as_deref())),
    }
}

fn things(seen: &HostUnits<'_>, ids: &Ids<'_>, start_by: StartBy, login: &Login, draft: &mut Draft) {
    let host = seen.name.as_deref().and_then(|name| Some((name, ids.names.hosts.id(name)?.clone())));
    if let Some((name, id)) = &host {
        draft.enter(id, name, &Origin::file(name));
        let known = match start_by {
            StartBy::Driver => login.host(name, seen.host_keys),
            StartBy::Local | StartBy::Ssh | StartBy::Exec | StartBy::Hand => {
                Host { name: (*name).to_owned(), ..Host::default() }
            }
        };
        draft.estate.hosts.insert(id.clone(), known);
    }
    let host_name = seen.name.as_deref();
    let knocked = match start_by {
        StartBy::Driver if !login.here => login.address.as_deref().or(host_name),
        StartBy::Ssh => host_name,
        StartBy::Driver | StartBy::Local | StartBy::Exec | StartBy::Hand => None,
    };
    let place = Where { host: host_name, knocked, start_by };
    let activators = describe::activators(&seen.units.units, &seen.boot);
    let pulled = pulled_in(seen);
    for at in (0..seen.parts.len()).filter(|at| is_thing(seen, *at)) {
        let unit = &seen.units.units[at];
        let (id, name) = (ids.id(seen, at), called(seen.name.as_deref(), ids.telling, seen, at));
        if seen.parts[at] == Part::Store {
            store(&id, &name, unit, draft);
            continue;
        }
        let pieces = Pieces {
            unit,
            activators: activators.get(&at).map_or(&[], Vec::as_slice),
            started_itself: pulled.contains(&at),
        };
        let mut left = Vec::new();
        let described = if seen.parts[at] == Part::Gathering {
            describe::gathering()
        } else {
            describe::service(pieces, place, |one| left.push(one))
        };
        remarks::left(unit, &left, draft);
        remarks::own_needs(unit, draft);
        if described.start_class == StartClass::Once {
            remarks::once(&id, draft);
        }
        let service = draft.service(&id, &name, &unit.origin);
        *service = described;
        service.name = name;
        service.host = host.as_ref().map(|(_, id)| id.clone());
        service.ports = describe::ports(pieces);
    }
    remarks::needs(seen.name.as_deref(), &seen.units, &seen.needs, draft);
}

/// Services that something other than their own socket, timer or path starts.
fn pulled_in(seen: &HostUnits<'_>) -> std::collections::BTreeSet<usize> {
    let mut pulled: std::collections::BTreeSet<usize> = seen
        .units
        .units
        .iter()
        .enumerate()
        .filter(|(at, _)| seen.boot.started[*at])
        .flat_map(|(_, unit)| unit.references.iter())
        .filter(|reference| reference.relation.pulls())
        .filter_map(|reference| seen.units.at(&reference.to))
        .collect();
    pulled.extend(seen.boot.not_enabled.iter().copied());
    pulled
}

fn store(id: &Id, name: &str, unit: &unit::Unit, draft: &mut Draft) {
    let path = describe::mount_setting(unit, "Where").map(str::to_owned);
    let what = describe::mount_setting(unit, "What").unwrap_or_default();
    let remote = what
        .split_once(":/")
        .map(|(server, _)| server)
        .or_else(|| what.strip_prefix("//")?.split('/').next());
    if let Some(server) = remote {
        remarks::remote_store(id, server, &unit.origin, draft);
    }
    let store: &mut Store = draft.store(id, name, &unit.origin);
    store.path = path;
}

fn dependencies(seen: &HostUnits<'_>, ids: &Ids<'_>, draft: &mut Draft) {
    for need in &seen.needs.needs {
        let (from, to) = (ids.id(seen, need.from), ids.id(seen, need.to));
        match need.certainty {
            Certainty::StatedEdge => draft.declare(&from, &to, need.kind, &need.by, &need.origin),
            Certainty::Proposed(confidence) => {
                draft.propose(&from, &to, need.kind, format!("{} ({})", need.by, need.origin), confidence);
            }
        }
    }
}
