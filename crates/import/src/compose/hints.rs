//! Dependencies that stand nowhere and show all the same: addresses in settings, environment files, command lines
//! and health checks, volumes and secrets that several services share, log drivers. All of them are proposals.

use std::collections::{BTreeMap, BTreeSet};

use super::super::draft::Draft;
use super::super::fault::Unreadable;
use super::super::mentions::{self, Hint, Reach};
use super::super::origin::Origin;
use super::super::roles::{Role, role};
use super::super::sources::Fetched;
use super::super::yaml::{Entry, Node};
use super::project::{Project, each};
use super::services::{ComposeIds, container_ports};
use super::{Fetch, variables};
use estate::finding::Grade;
use estate::id::Id;

/// Of more services that share something, nothing follows any more.
const SHARERS_MAX: usize = 5;

pub(super) fn propose(
    project: &Project,
    made: &ComposeIds,
    fetch: &Fetch<'_>,
    draft: &mut Draft,
) -> Result<(), Unreadable> {
    let reach = reach(project, made);
    let mut outside: BTreeMap<String, Origin> = BTreeMap::new();
    for entry in project.services.iter() {
        let Some(id) = made.services.id(&entry.key) else { continue };
        let mut one = One { id, entry, reach: &reach, draft: &mut *draft, outside: &mut outside };
        one.environment(project);
        one.environment_files(project, fetch)?;
        one.commands();
        one.extra_hosts();
        one.logging();
    }
    shared_volumes(made, draft);
    shared_files(project, made, draft);
    if let Some((_, origin)) = outside.iter().next() {
        let names: Vec<String> = outside.iter().map(|(host, origin)| format!("{host} at {origin}")).collect();
        draft.note(
            Grade::Note,
            "outside-host",
            Some(&origin.clone()),
            format!("addresses lead to hosts that are not services here: {}", names.join(", ")),
            "a party outside may be needed, and nobody has written it down",
            "for each that is needed, add [external.NAME] to the estate and name it in `needs`",
        );
    }
    Ok(())
}

/// The names under which services are reached, with the ports they listen on.
fn reach(project: &Project, made: &ComposeIds) -> Reach {
    let mut reach = Reach::default();
    for entry in project.services.iter() {
        let Some(id) = made.services.id(&entry.key) else { continue };
        reach.host(&entry.key, id);
        let text = |field: &str| entry.node.get(field).and_then(Node::as_text);
        text("container_name").into_iter().chain(text("hostname")).for_each(|name| reach.host(name, id));
        let networks = entry.node.get("networks").and_then(Node::as_map);
        for network in networks.into_iter().flat_map(|networks| networks.iter()) {
            let aliases = network.node.get("aliases").map(each).unwrap_or_default();
            aliases.into_iter().filter_map(Node::as_text).for_each(|name| reach.host(name, id));
        }
        for field in ["ports", "expose"] {
            for node in entry.node.get(field).map(each).unwrap_or_default() {
                let port = node.as_text().or_else(|| node.get("target")?.as_text()).unwrap_or_default();
                container_ports(port).into_iter().for_each(|port| reach.port(id, port));
            }
        }
        // An alias of a link holds for the linking service alone; that another one means something else by the
        // same name is rare enough for a proposal.
        for node in entry.node.get("links").map(each).unwrap_or_default() {
            let Some((other, alias)) = node.as_text().and_then(|text| text.split_once(':')) else { continue };
            if let Some(id) = made.services.id(other) {
                reach.host(alias, id);
            }
        }
    }
    reach
}

/// A service that is looked through.
struct One<'p> {
    id: &'p Id,
    entry: &'p Entry,
    reach: &'p Reach,
    draft: &'p mut Draft,
    outside: &'p mut BTreeMap<String, Origin>,
}

impl One<'_> {
    fn add(&mut self, hints: Vec<Hint>, seen_in: &str, origin: &Origin) {
        for hint in hints {
            let Some(service) = self.draft.estate.services.get(&hint.to) else { continue };
            let kind = role(&service.name, service.image.as_deref()).proposed_kind();
            let evidence = format!("{seen_in} names {} ({origin})", hint.seen);
            self.draft.propose(self.id, &hint.to, kind, evidence, hint.confidence);
        }
    }

    fn leads_outside(&mut self, value: &str, origin: &Origin) {
        for host in mentions::outside(self.reach, value) {
            self.outside.entry(host).or_insert_with(|| origin.clone());
        }
    }

    fn environment(&mut self, project: &Project) {
        let Some(settings) = self.entry.node.get("environment").and_then(Node::as_map) else { return };
        for setting in settings.iter() {
            let value = match setting.node.as_text() {
                Some(text) => text.to_owned(),
                None => project.variables.get(&setting.key).unwrap_or_default().to_owned(),
            };
            let mut hints = mentions::in_setting(self.reach, &setting.key, &value, &setting.node.unset);
            // A whole configuration file in one variable.
            if value.contains('\n') {
                let inner = mentions::settings_in(&value);
                hints.extend(
                    inner.flat_map(|(name, value)| mentions::in_setting(self.reach, name, value, &[])),
                );
            }
            self.add(hints, &format!("environment {}", setting.key), &setting.origin);
            self.leads_outside(&value, &setting.origin);
        }
    }

    fn environment_files(&mut self, project: &Project, fetch: &Fetch<'_>) -> Result<(), Unreadable> {
        for node in self.entry.node.get("env_file").map(each).unwrap_or_default() {
            let Some(path) = node.as_text().or_else(|| node.get("path")?.as_text()) else { continue };
            let optional = node.get("required").and_then(Node::as_text).is_some_and(|word| word == "false");
            match fetch(path)? {
                Fetched::Text(text) => {
                    for setting in variables::settings(path, &text, &project.variables)? {
                        let value = setting.value.unwrap_or_default();
                        let origin = Origin::new(path, setting.line);
                        let hints = mentions::in_setting(self.reach, &setting.name, &value, &setting.unset);
                        self.add(hints, &format!("env_file {}", setting.name), &origin);
                        self.leads_outside(&value, &origin);
                    }
                }
                Fetched::Missing if optional => {}
                Fetched::Missing => self.draft.note(
                    Grade::Serious,
                    "env-file-missing",
                    Some(&node.origin),
                    format!("{} reads its settings from {path}, which does not exist", self.entry.key),
                    "addresses in it propose nothing, and the service would not start",
                    "put the file there and import again",
                ),
            }
        }
        Ok(())
    }

    fn commands(&mut self) {
        for (path, called) in [
            (&["command"][..], "command"),
            (&["entrypoint"], "entrypoint"),
            (&["healthcheck", "test"], "health check"),
        ] {
            let Some(node) = self.entry.node.at(path) else { continue };
            let texts: Vec<&str> = each(node).into_iter().filter_map(Node::as_text).collect();
            let words: Vec<&str> = texts.iter().flat_map(|text| text.split_whitespace()).collect();
            let hints = mentions::in_command(self.reach, &words);
            self.add(hints, called, &node.origin);
        }
    }

    fn extra_hosts(&mut self) {
        let Some(hosts) = self.entry.node.get("extra_hosts").and_then(Node::as_map) else { return };
        for host in hosts.iter() {
            let value = host.node.as_text().unwrap_or_default();
            let hints = mentions::in_setting(self.reach, "host", value, &[]);
            self.add(hints, "extra_hosts", &host.origin);
        }
        for node in self.entry.node.get("external_links").map(each).unwrap_or_default() {
            let name = node.as_text().unwrap_or_default().split(':').next().unwrap_or_default();
            let hints = mentions::in_setting(self.reach, "host", name, &[]);
            self.add(hints, "external_links", &node.origin);
        }
    }

    /// A log driver of the name of a service that watches: its logs go there.
    fn logging(&mut self) {
        let Some(driver) = self.entry.node.at(&["logging", "driver"]) else { return };
        let word = driver.as_text().unwrap_or_default();
        if !matches!(word, "fluentd" | "loki" | "gelf" | "syslog" | "splunk") {
            return;
        }
        let options = self.entry.node.at(&["logging", "options"]).and_then(Node::as_map);
        for option in options.into_iter().flat_map(|options| options.iter()) {
            let value = option.node.as_text().unwrap_or_default();
            let hints = mentions::in_setting(self.reach, "address", value, &option.node.unset);
            self.add(hints, &format!("logging {}", option.key), &option.origin);
        }
        let named: Vec<Id> = self
            .draft
            .estate
            .services
            .iter()
            .filter(|(_, service)| {
                role(&service.name, service.image.as_deref()) == Role::Watches
                    && (service.name.contains(word)
                        || service.image.as_ref().is_some_and(|image| image.contains(word)))
            })
            .map(|(id, _)| id.clone())
            .collect();
        let hints = named.into_iter().map(|to| Hint { to, confidence: 600, seen: word.to_owned() }).collect();
        self.add(hints, "logging driver", &driver.origin);
    }
}

/// Whose it most likely is: the only one that writes, the one after which it is called, the one that keeps data.
fn owner<'u>(name: &str, users: &'u [(Id, bool)], draft: &Draft) -> Option<(&'u Id, u16)> {
    let mut writers = users.iter().filter(|(_, writes)| *writes);
    if let (Some((writer, _)), None) = (writers.next(), writers.next()) {
        return Some((writer, 400));
    }
    let letters =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let called = |id: &Id| letters(name).starts_with(&letters(id.name()));
    if let Some((id, _)) = users.iter().filter(|(id, _)| called(id)).max_by_key(|(id, _)| id.name().len()) {
        return Some((id, 300));
    }
    let keeps = |id: &Id| {
        let service = draft.estate.services.get(id);
        service.is_some_and(|service| role(&service.name, service.image.as_deref()) == Role::Keeps)
    };
    let kept = users.iter().find(|(id, _)| keeps(id)).map(|(id, _)| (id, 250));
    kept.or_else(|| users.first().map(|(id, _)| (id, 150)))
}

fn shared(sort: &str, name: &str, users: &[(Id, bool)], draft: &mut Draft) {
    if users.len() < 2 || users.len() > SHARERS_MAX {
        return;
    }
    let Some((owner, confidence)) = owner(name, users, draft) else { return };
    let Some(service) = draft.estate.services.get(owner) else { return };
    let kind = role(&service.name, service.image.as_deref()).proposed_kind();
    for (id, _) in users {
        draft.propose(id, owner, kind, format!("both use the {sort} {name}"), confidence);
    }
}

fn shared_volumes(made: &ComposeIds, draft: &mut Draft) {
    for (name, users) in &made.volumes {
        shared("volume", name, users, draft);
    }
}

/// Configs and secrets: who gets the same password often talks to whom it belongs to.
fn shared_files(project: &Project, made: &ComposeIds, draft: &mut Draft) {
    for (field, sort) in [("secrets", "secret"), ("configs", "config")] {
        let mut users: BTreeMap<String, BTreeSet<Id>> = BTreeMap::new();
        for entry in project.services.iter() {
            let Some(id) = made.services.id(&entry.key) else { continue };
            for node in entry.node.get(field).map(each).unwrap_or_default() {
                let name = node.as_text().or_else(|| node.get("source")?.as_text());
                if let Some(name) = name {
                    users.entry(name.to_owned()).or_default().insert(id.clone());
                }
            }
        }
        for (name, ids) in users {
            // Nobody writes what is only handed in, so the owner is told by name or by what it keeps.
            let users: Vec<(Id, bool)> = ids.into_iter().map(|id| (id, false)).collect();
            shared(sort, &name, &users, draft);
        }
    }
}
