//! From the services of a project to services, stores, gates and stated dependencies of an estate.

use std::collections::{BTreeMap, BTreeSet};

use super::super::draft::Draft;
use super::super::names::Names;
use super::super::origin::Origin;
use super::super::yaml::{Entry, Node};
use super::health::{Checked, gate, published, truth};
use super::missed::listed;
use super::project::{Project, each};
use super::{OnHost, Options, layers};
use estate::finding::Grade;
use estate::hands::{self, Driver};
use estate::id::{Id, Kind};
use estate::model::{EdgeKind, External, Run, Service};

/// The ids that services and volumes got, and who shares what.
#[derive(Debug, Default)]
pub(super) struct ComposeIds {
    pub(super) services: Names,
    /// Containers that no service here is called.
    externals: Names,
    /// Named volume to those that mount it: service, and whether it may write.
    pub(super) volumes: BTreeMap<String, Vec<(Id, bool)>>,
}

pub(super) fn make(project: &Project, options: &Options, draft: &mut Draft) -> ComposeIds {
    let names = project.services.iter().map(|entry| entry.key.as_str());
    let strangers = project.services.iter().flat_map(|entry| containers(&entry.node));
    let mut made = ComposeIds {
        services: Names::new(Kind::Service, names),
        externals: Names::new(Kind::External, strangers),
        ..ComposeIds::default()
    };
    if let Some(on) = &options.on {
        let id = host_of(on);
        draft.enter(&id, &on.name, &Origin::file(&on.name));
        draft.estate.hosts.insert(id, on.login.host(&on.name, &[]));
    }
    for entry in project.services.iter() {
        let Some(id) = made.services.id(&entry.key).cloned() else { continue };
        service(&id, entry, project, options, draft);
    }
    for entry in project.services.iter() {
        let Some(id) = made.services.id(&entry.key).cloned() else { continue };
        let one = One { id, entry, project, made: &made };
        one.depends_on(draft);
        one.shared_spaces(draft);
        one.links(draft);
    }
    stores(project, &mut made, draft);
    made
}

fn service(id: &Id, entry: &Entry, project: &Project, options: &Options, draft: &mut Draft) {
    let node = &entry.node;
    let check = gate(&entry.key, node, project, options, draft);
    if ["image", "build", "provider"].into_iter().all(|field| node.get(field).is_none()) {
        draft.note(
            Grade::Note,
            "no-image",
            Some(&entry.origin),
            format!("{} has neither image nor build", entry.key),
            "compose would not start it: a file that belongs to the project may be missing",
            "name all files of the project, in their order",
        );
    }
    let memory = node
        .at(&["deploy", "resources", "limits", "memory"])
        .or_else(|| node.get("mem_limit"))
        .or_else(|| node.at(&["deploy", "resources", "reservations", "memory"]))
        .or_else(|| node.get("mem_reservation"));
    let cpus = node.at(&["deploy", "resources", "limits", "cpus"]).or_else(|| node.get("cpus"));
    let none = "none is taken to be set";
    let memory = draft.read(memory, &format!("the memory limit of {}", entry.key), none, mebibytes);
    let cpus = draft.read(cpus, &format!("the limit of processors of {}", entry.key), none, cores);
    let ports = node.get("ports").and_then(Node::as_list).unwrap_or_default();
    let service = draft.service(id, &entry.key, &entry.origin);
    service.image =
        node.get("image").and_then(Node::as_text).filter(|image| !image.is_empty()).map(str::to_owned);
    service.ports = ports.iter().filter_map(port).collect();
    service.memory = memory.unwrap_or(0);
    service.cpu_boot = cpus.unwrap_or(0);
    let (has_check, gate) = match check {
        Checked::By(gate) => (true, Some(gate)),
        Checked::LeftOut => (true, None),
        Checked::Nothing => (false, published(&service.ports, None)),
    };
    service.gates = gate.into_iter().collect();
    if let Some(on) = &options.on {
        on_its_host(service, &entry.key, project, on, has_check);
        return;
    }
    // `docker compose` itself ends; what it started goes on until it is stopped.
    let is_awaited = project.services.iter().any(|other| waits_for_its_end(&other.node, &entry.key));
    let compose = |words: &[&str]| {
        let words = words.iter().map(|word| (*word).to_owned());
        options.compose.iter().cloned().chain(words).chain([entry.key.clone()]).collect::<Vec<String>>()
    };
    let run = match (is_awaited, has_check && service.gates.is_empty()) {
        (true, _) => {
            Run { start: compose(&["up", "--no-deps", "--exit-code-from", &entry.key]), ..Run::default() }
        }
        (false, true) => Run {
            start: compose(&["up", "--detach", "--no-deps", "--wait"]),
            stop: compose(&["stop"]),
            ..Run::default()
        },
        (false, false) => Run {
            start: compose(&["up", "--detach", "--no-deps"]),
            stop: compose(&["stop"]),
            ..Run::default()
        },
    };
    service.run = Some(Run { job: true, ..run }).filter(|_| !options.compose.is_empty());
}

/// By its containers, where they are. A check that runs inside one is asked only where its host is this machine;
/// elsewhere it is knocked on.
fn on_its_host(service: &mut Service, key: &str, project: &Project, on: &OnHost, has_check: bool) {
    service.host = Some(host_of(on));
    let name = project.name.clone().unwrap_or_else(|| on.project.clone());
    let is_awaited = project.services.iter().any(|other| waits_for_its_end(&other.node, key));
    if !(on.login.here && has_check) {
        let address = if on.login.here { None } else { on.login.address.as_deref().or(Some(&on.name)) };
        service.gates = published(&service.ports, address).into_iter().collect();
    }
    let is_fit = hands::is_name(&name) && hands::is_name(key);
    service.run = is_fit.then(|| Run {
        driver: Some(Driver::Compose {
            project: name,
            service: key.to_owned(),
            file: on.file.clone().filter(|file| hands::is_path(file)),
        }),
        job: is_awaited,
        ..Run::default()
    });
}

fn host_of(on: &OnHost) -> Id {
    Names::new(Kind::Host, [on.name.as_str()])
        .id(&on.name)
        .cloned()
        .expect("a name that was just entered has an id")
}

/// Another service starts only after this one has ended well: it is a job.
fn waits_for_its_end(other: &Node, name: &str) -> bool {
    let condition = other.at(&["depends_on", name, "condition"]).and_then(Node::as_text);
    condition == Some("service_completed_successfully")
}

/// A port in its short form, whichever way it was written.
fn port(node: &Node) -> Option<String> {
    if let Some(text) = node.as_text() {
        return Some(text.to_owned()).filter(|text| text.bytes().any(|letter| letter.is_ascii_digit()));
    }
    let field = |name: &str| node.get(name).and_then(Node::as_text);
    let target = field("target")?;
    let published = field("published").map_or_else(String::new, |port| format!("{port}:"));
    let address = field("host_ip").map_or_else(String::new, |address| format!("{address}:"));
    let protocol =
        field("protocol").filter(|word| *word != "tcp").map_or_else(String::new, |word| format!("/{word}"));
    Some(format!("{address}{published}{target}{protocol}"))
}

/// The ports inside the container that a short form means; ranges up to a hundred.
pub(super) fn container_ports(text: &str) -> Vec<u16> {
    let inside = text.rsplit(':').next().unwrap_or_default();
    let inside = inside.split('/').next().unwrap_or_default();
    let (first, last) = inside.split_once('-').unwrap_or((inside, inside));
    match (first.parse::<u16>(), last.parse::<u16>()) {
        (Ok(first), Ok(last)) if first <= last && last - first < 100 => (first..=last).collect(),
        _ => Vec::new(),
    }
}

/// `300M`, `1.5g`, `1073741824` in mebibytes, rounded up.
fn mebibytes(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = number.parse().ok()?;
    let bytes = match unit.trim().trim_end_matches("ib").trim_end_matches('b') {
        "" => number,
        "k" => number * 1024.0,
        "m" => number * 1024.0 * 1024.0,
        "g" => number * 1024.0 * 1024.0 * 1024.0,
        "t" => number * 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let size = (bytes / (1024.0 * 1024.0)).ceil();
    // Larger is no memory of one service; the estate refuses it too.
    (size.is_finite() && (0.0..1e12).contains(&size)).then_some(size as u64)
}

fn cores(text: &str) -> Option<u64> {
    let number: f64 = text.trim().parse().ok()?;
    (number.is_finite() && (0.0..1e6).contains(&number)).then_some(number.ceil() as u64)
}

/// A service on its way to dependencies.
struct One<'p> {
    id: Id,
    entry: &'p Entry,
    project: &'p Project,
    made: &'p ComposeIds,
}

impl One<'_> {
    /// The id of another service, or a finding that it is not there.
    fn other(&self, name: &str, word: &str, origin: &Origin, draft: &mut Draft) -> Option<Id> {
        if let Some(id) = self.made.services.id(name) {
            return Some(id.clone());
        }
        let hidden = self.project.hidden.get(name).is_some();
        let (what, to_do) = if hidden {
            ("is behind a profile that was not asked for", "import with --all-profiles or --profile NAME")
        } else {
            ("is in none of the files", "name all files of the project, or correct the name")
        };
        draft.note(
            Grade::Serious,
            "provider-missing",
            Some(origin),
            format!("{} needs {name} ({word}), which {what}", self.entry.key),
            "this dependency is not in the estate",
            to_do,
        );
        None
    }

    fn depends_on(&self, draft: &mut Draft) {
        let Some(node) = self.entry.node.get("depends_on").filter(|node| !node.is_null()) else { return };
        let Some(needed) = node.as_map() else {
            draft.note(
                Grade::Serious,
                "not-a-list",
                Some(&node.origin),
                format!("`depends_on` of {} is neither a list of services nor a table", self.entry.key),
                "what it needs is not known from here, and would be started without it",
                "write depends_on: [name], then import again",
            );
            return;
        };
        for entry in needed.iter() {
            let required = entry.node.get("required").and_then(|node| truth(node, draft)).unwrap_or(true);
            if !required && self.made.services.id(&entry.key).is_none() {
                continue;
            }
            let Some(to) = self.other(&entry.key, "depends_on", &entry.origin, draft) else { continue };
            let stated = entry.node.get("condition");
            let condition = stated.and_then(Node::as_text).unwrap_or("service_started");
            let short = stated.is_some_and(|node| node.tag.as_deref() == Some(layers::IMPLIED));
            let kind = match condition {
                "service_healthy" | "service_completed_successfully" => EdgeKind::Hard,
                "service_started" => EdgeKind::StartOnly,
                other => {
                    draft.note(
                        Grade::Serious,
                        "unknown-condition",
                        Some(&entry.origin),
                        format!(
                            "{} depends on {} under the unknown condition `{other}`",
                            self.entry.key, entry.key
                        ),
                        "it is taken as service_started: only the order of the start counts",
                        "correct the condition, or the kind of the dependency in the estate",
                    );
                    EdgeKind::StartOnly
                }
            };
            let (kind, by) = match (required, short) {
                (false, _) => (EdgeKind::Soft, format!("compose: depends_on, {condition}, not required")),
                (true, true) => (kind, "compose: depends_on".to_owned()),
                (true, false) => (kind, format!("compose: depends_on, {condition}")),
            };
            // Another file may have the last word about the condition.
            let origin = stated.map_or(&entry.origin, |node| &node.origin);
            let origin = if origin.file == entry.origin.file { &entry.origin } else { origin };
            draft.declare(&self.id, &to, kind, &by, origin);
        }
    }

    /// `network_mode: service:x` and its like: the one lives inside the other.
    fn shared_spaces(&self, draft: &mut Draft) {
        for field in ["network_mode", "pid", "ipc", "uts"] {
            let Some(node) = self.entry.node.get(field) else { continue };
            let text = node.as_text().unwrap_or_default();
            let to = match text.split_once(':') {
                Some(("service", name)) => self.other(name, field, &node.origin, draft),
                Some(("container", name)) => self.container(name, &node.origin, draft),
                _ => None,
            };
            if let Some(to) = to {
                draft.declare(&self.id, &to, EdgeKind::Hard, &format!("compose: {field}"), &node.origin);
            }
        }
    }

    fn links(&self, draft: &mut Draft) {
        for field in ["links", "volumes_from", "external_links"] {
            for node in self.entry.node.get(field).map(each).unwrap_or_default() {
                let Some(text) = node.as_text() else {
                    self.unclear(field, node, draft);
                    continue;
                };
                let first = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
                let to = match text.strip_prefix("container:") {
                    Some(rest) => self.container(&first(rest), &node.origin, draft),
                    None if field == "external_links" => self.container(&first(text), &node.origin, draft),
                    None => self.other(&first(text), field, &node.origin, draft),
                };
                if let Some(to) = to {
                    let by = format!("compose: {field}");
                    draft.declare(&self.id, &to, EdgeKind::StartOnly, &by, &node.origin);
                }
            }
        }
    }

    /// An entry of a list that has a form in which nothing can be read from it.
    fn unclear(&self, field: &str, node: &Node, draft: &mut Draft) {
        draft.note(
            Grade::Serious,
            "entry-not-read",
            Some(&node.origin),
            format!("an entry in `{field}` of {} is {} and cannot be read", self.entry.key, node.sort()),
            "compose refuses it; whatever it was meant to say is not in the estate",
            format!("write `{field}` as a list of texts, then import again"),
        );
    }

    /// The service whose container has this name; otherwise somebody else runs it.
    fn container(&self, name: &str, origin: &Origin, draft: &mut Draft) -> Option<Id> {
        let called = |entry: &&Entry| entry.node.get("container_name").and_then(Node::as_text) == Some(name);
        if let Some(entry) = self.project.services.iter().find(called) {
            return self.made.services.id(&entry.key).cloned();
        }
        let id = self.made.externals.id(name)?;
        draft.enter(id, name, origin);
        draft.estate.externals.entry(id.clone()).or_insert_with(|| External { name: name.to_owned() });
        Some(id.clone())
    }
}

/// The names of containers that a service refers to instead of services.
fn containers(node: &Node) -> Vec<&str> {
    let texts =
        |field: &str| node.get(field).map(each).unwrap_or_default().into_iter().filter_map(Node::as_text);
    let inside = ["network_mode", "pid", "ipc", "uts", "volumes_from"].into_iter().flat_map(texts);
    let inside = inside.filter_map(|text| text.strip_prefix("container:"));
    let names = inside.chain(texts("external_links"));
    names.map(|text| text.split(':').next().unwrap_or_default()).filter(|name| !name.is_empty()).collect()
}

/// A mounted named volume.
struct Mount<'n> {
    source: &'n str,
    target: &'n str,
    writes: bool,
}

/// What an entry of `volumes` brings.
enum Mounted<'n> {
    Store(Mount<'n>),
    /// A path of the host, with whether it may be written.
    Folder(&'n str, bool),
    /// A volume without a name, or something in memory: gone with the container.
    Passing,
    Unclear,
}

fn mount(node: &Node) -> Mounted<'_> {
    if let Some(text) = node.as_text() {
        let Some((source, rest)) = text.split_once(':') else {
            return if text.is_empty() { Mounted::Unclear } else { Mounted::Passing };
        };
        let drive = rest.starts_with('\\');
        let target = layers::volume_target(text);
        if source.is_empty() || target.is_empty() {
            return Mounted::Unclear;
        }
        let mode = text.rsplit(':').next().unwrap_or_default();
        let writes = !mode.split(',').any(|word| word == "ro");
        let named = source.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && !source.contains(['/', '\\'])
            && !drive;
        return if named {
            Mounted::Store(Mount { source, target, writes })
        } else {
            Mounted::Folder(if drive { text } else { source }, writes)
        };
    }
    if node.as_map().is_none() {
        return Mounted::Unclear;
    }
    let field = |name: &str| node.get(name).and_then(Node::as_text);
    let writes = field("read_only").is_none_or(|word| !matches!(word, "true" | "yes" | "on"));
    let source = field("source").filter(|source| !source.is_empty());
    match (field("type").unwrap_or("volume"), source) {
        ("volume", Some(source)) => {
            Mounted::Store(Mount { source, target: field("target").unwrap_or_default(), writes })
        }
        ("bind", Some(source)) => Mounted::Folder(source, writes),
        ("bind", None) => Mounted::Unclear,
        _ => Mounted::Passing,
    }
}

/// Named volumes are stores; who mounts one needs its data.
fn stores(project: &Project, made: &mut ComposeIds, draft: &mut Draft) {
    let mut mounts: Vec<(&Entry, &Node, Mount<'_>)> = Vec::new();
    let mut folders = Vec::new();
    for entry in project.services.iter() {
        for node in entry.node.get("volumes").map(each).unwrap_or_default() {
            match mount(node) {
                Mounted::Store(mount) => mounts.push((entry, node, mount)),
                Mounted::Folder(path, true) if may_hold_data(path) => {
                    folders.push((format!("{path} in {} ({})", entry.key, node.origin), &node.origin));
                }
                Mounted::Folder(..) | Mounted::Passing => {}
                Mounted::Unclear => {
                    let called = format!("an entry in `volumes` of {}", entry.key);
                    let text = node.as_text().unwrap_or_else(|| node.sort());
                    draft.unread(&node.origin, &called, text, "it is not a store in the estate");
                }
            }
        }
    }
    of_the_host(&folders, draft);
    of_hidden_services(project, &mounts, draft);
    let used = mounts.iter().map(|(_, _, mount)| mount.source);
    let names = Names::new(Kind::Store, project.volumes.iter().map(|entry| entry.key.as_str()).chain(used));
    for entry in project.volumes.iter() {
        let Some(id) = names.id(&entry.key) else { continue };
        let store = draft.store(id, &entry.key, &entry.origin);
        let device = entry.node.at(&["driver_opts", "device"]).and_then(Node::as_text);
        store.path = device.filter(|path| path.starts_with('/')).map(str::to_owned);
    }
    for (entry, node, mount) in mounts {
        let (Some(from), Some(to)) = (made.services.id(&entry.key), names.id(mount.source)) else { continue };
        draft.store(to, mount.source, &node.origin);
        draft.declare(
            from,
            to,
            EdgeKind::Data,
            &format!("compose: volume at {}", mount.target),
            &node.origin,
        );
        let users = made.volumes.entry(mount.source.to_owned()).or_default();
        match users.iter_mut().find(|(id, _)| id == from) {
            Some((_, writes)) => *writes |= mount.writes,
            None => users.push((from.clone(), mount.writes)),
        }
    }
}

/// Whether a folder of the host may hold what has to come back. Single files are settings, and the system's own
/// folders come back with the host.
fn may_hold_data(path: &str) -> bool {
    const SYSTEM: [&str; 9] =
        ["/var/run", "/run", "/proc", "/sys", "/dev", "/etc", "/lib", "/usr", "/var/lib/docker"];
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let is_file = last.trim_start_matches('.').contains('.');
    let is_system = SYSTEM
        .iter()
        .any(|folder| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    !is_file && !is_system && path != "/"
}

/// Folders of the host that are mounted and may be written: data that nothing here restores.
fn of_the_host(folders: &[(String, &Origin)], draft: &mut Draft) {
    let Some((_, first)) = folders.first() else { return };
    let names = folders.iter().map(|(name, _)| name.clone());
    draft.note(
        Grade::Note,
        "host-folder",
        Some(first),
        format!("folders of the host are mounted and may be written: {}", listed(names)),
        "what lies there is not a store in the estate, so no plan restores it",
        "for each that holds data, add [store.NAME] to the estate and name it in `needs.data`",
    );
}

/// Stores that only services behind profiles use.
fn of_hidden_services(project: &Project, mounts: &[(&Entry, &Node, Mount<'_>)], draft: &mut Draft) {
    let used: BTreeSet<&str> = mounts.iter().map(|(_, _, mount)| mount.source).collect();
    let mut hidden: BTreeMap<&str, String> = BTreeMap::new();
    let mut first = None;
    for entry in project.hidden.iter() {
        for node in entry.node.get("volumes").map(each).unwrap_or_default() {
            let Mounted::Store(mount) = mount(node) else { continue };
            if !used.contains(mount.source) {
                first.get_or_insert(&node.origin);
                hidden
                    .entry(mount.source)
                    .or_insert_with(|| format!("{} ({}, {})", mount.source, entry.key, node.origin));
            }
        }
    }
    let Some(first) = first else { return };
    draft.note(
        Grade::Serious,
        "stores-behind-profiles",
        Some(first),
        format!("only services behind profiles use these volumes: {}", listed(hidden.into_values())),
        "nothing in the estate needs their data, so it comes back last or not at all",
        "import with --all-profiles, or name those that are in use: --profile NAME",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_times_and_ports_are_read_in_all_their_forms() {
        assert_eq!(
            ["300M", "1.5g", "1073741824", "1Gib", "2kb", "x"].map(mebibytes),
            [Some(300), Some(1536), Some(1024), Some(1024), Some(1), None]
        );
        assert_eq!(
            ["1m30s", "500ms", "10", "1h", "", "10x"].map(super::super::health::duration_ms),
            [Some(90_000), Some(500), Some(10_000), Some(3_600_000), None, None]
        );
        assert_eq!(container_ports("127.0.0.1:8080-8082:80-82/udp"), [80, 81, 82]);
        assert_eq!(container_ports("5432"), [5432]);
        assert_eq!(container_ports("1-9999"), Vec::<u16>::new());
        assert_eq!((cores("0.5"), cores("many")), (Some(1), None));
    }
}
