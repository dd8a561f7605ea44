//! From the services of a project to services, stores, gates and stated dependencies of an estate.

use std::collections::BTreeMap;

use super::super::draft::{Draft, Origin};
use super::super::names::Names;
use super::super::yaml::{Entry, Node};
use super::project::{Project, each};
use super::{Options, layers};
use crate::estate::finding::Grade;
use crate::estate::id::{Id, Kind};
use crate::estate::model::{EdgeKind, Gate, Probe};

/// What the files say about a health check that names no times.
const INTERVAL_MS: u64 = 30_000;
const TIMEOUT_MS: u64 = 30_000;
const RETRIES: u64 = 3;

/// The ids that services and volumes got, and who shares what.
#[derive(Debug, Default)]
pub(super) struct Made {
    pub(super) services: Names,
    /// Named volume to those that mount it: service, and whether it may write.
    pub(super) volumes: BTreeMap<String, Vec<(Id, bool)>>,
}

pub(super) fn make(project: &Project, options: &Options, draft: &mut Draft) -> Made {
    let names = project.services.iter().map(|entry| entry.key.as_str());
    let mut made = Made { services: Names::new(Kind::Service, names), ..Made::default() };
    for entry in project.services.iter() {
        let Some(id) = made.services.id(&entry.key).cloned() else { continue };
        service(&id, entry, options, draft);
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

fn service(id: &Id, entry: &Entry, options: &Options, draft: &mut Draft) {
    let node = &entry.node;
    let gate = gate(&entry.key, node, options, draft);
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
    let limit = |path: &[&str]| node.at(path).and_then(Node::as_text);
    let memory = limit(&["deploy", "resources", "limits", "memory"])
        .or_else(|| limit(&["mem_limit"]))
        .or_else(|| limit(&["deploy", "resources", "reservations", "memory"]))
        .or_else(|| limit(&["mem_reservation"]));
    let cpus = limit(&["deploy", "resources", "limits", "cpus"]).or_else(|| limit(&["cpus"]));
    let ports = node.get("ports").and_then(Node::as_list).unwrap_or_default();
    let service = draft.service(id, &entry.key, &entry.origin);
    service.image =
        node.get("image").and_then(Node::as_text).filter(|image| !image.is_empty()).map(str::to_owned);
    service.ports = ports.iter().filter_map(port).collect();
    service.memory = memory.and_then(mebibytes).unwrap_or(0);
    service.cpu_boot = cpus.and_then(cores).unwrap_or(0);
    service.gates = gate.into_iter().collect();
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

/// The ports inside of the container that a short form means; ranges up to a hundred.
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

/// `1m30s`, `500ms`, `10` (seconds) in milliseconds.
fn duration_ms(text: &str) -> Option<u64> {
    let mut total = 0.0;
    let mut left = text.trim();
    if left.is_empty() {
        return None;
    }
    while !left.is_empty() {
        let end = left.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(left.len());
        let (number, rest) = left.split_at(end);
        let number: f64 = number.parse().ok()?;
        let unit_end = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let (unit, rest) = rest.split_at(unit_end);
        total += number
            * match unit.trim() {
                "us" | "µs" => 0.001,
                "ms" => 1.0,
                "s" | "" => 1_000.0,
                "m" => 60_000.0,
                "h" => 3_600_000.0,
                _ => return None,
            };
        left = rest;
    }
    (total.is_finite() && (0.0..1e12).contains(&total)).then_some(total as u64)
}

/// A health check runs inside of the container, so the gate runs it there too.
fn gate(name: &str, node: &Node, options: &Options, draft: &mut Draft) -> Option<Gate> {
    let check = node.get("healthcheck")?;
    if check.get("disable").and_then(|node| truth(node, draft)) == Some(true) {
        return None;
    }
    let test = check.get("test")?;
    let words: Vec<String> = match (test.as_text(), test.as_list()) {
        (Some(script), _) => ["sh", "-c", script].map(str::to_owned).to_vec(),
        (None, Some(list)) => {
            let words: Vec<&str> = list.iter().filter_map(Node::as_text).collect();
            match words.as_slice() {
                ["CMD", words @ ..] if !words.is_empty() => {
                    words.iter().map(|word| (*word).to_owned()).collect()
                }
                ["CMD-SHELL", script @ ..] if !script.is_empty() => {
                    vec!["sh".to_owned(), "-c".to_owned(), script.join(" ")]
                }
                _ => return None,
            }
        }
        (None, None) => return None,
    };
    let time = |field: &str, usual| {
        check
            .get(field)
            .and_then(Node::as_text)
            .and_then(duration_ms)
            .filter(|time| *time > 0)
            .unwrap_or(usual)
    };
    let every_ms = time("interval", INTERVAL_MS);
    let retries =
        check.get("retries").and_then(Node::as_text).and_then(|text| text.parse().ok()).unwrap_or(RETRIES);
    let round = every_ms.saturating_add(time("timeout", TIMEOUT_MS));
    let patience = round.saturating_mul(retries.max(1)).saturating_add(time("start_period", 0));
    let command = options.compose.iter().cloned().chain(["exec", "-T", name].map(str::to_owned)).chain(words);
    Some(Gate {
        probe: Probe::Command(command.collect()),
        // Healthy twice in a row: one good answer may be the last one before it falls over.
        hold_ms: every_ms,
        deadline_ms: patience.saturating_add(every_ms).min(1_000_000_000_000),
        every_ms,
        uses: Vec::new(),
    })
}

/// A truth value, also in the words of YAML 1.1, which are then noted.
fn truth(node: &Node, draft: &mut Draft) -> Option<bool> {
    let text = node.as_text()?.to_ascii_lowercase();
    let value = match text.as_str() {
        "true" | "1" | "t" | "y" | "yes" | "on" => true,
        "false" | "0" | "f" | "n" | "no" | "off" => false,
        _ => return None,
    };
    if !matches!(text.as_str(), "true" | "false") {
        draft.note(
            Grade::Note,
            "old-truth",
            Some(&node.origin),
            format!("`{text}` stands for {value}"),
            "YAML 1.2 knows only true and false; other programs may read it as a text",
            format!("write {value}"),
        );
    }
    Some(value)
}

/// A service on its way to dependencies.
struct One<'p> {
    id: Id,
    entry: &'p Entry,
    project: &'p Project,
    made: &'p Made,
}

impl One<'_> {
    /// The id of another service, or a finding that it is not there.
    fn other(&self, name: &str, word: &str, origin: &Origin, draft: &mut Draft) -> Option<Id> {
        if let Some(id) = self.made.services.id(name) {
            return Some(id.clone());
        }
        let hidden = self.project.left_out.contains(name);
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
            let condition = entry.node.get("condition").and_then(Node::as_text).unwrap_or("service_started");
            let short = entry.node.get("short").is_some();
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
            draft.declare(&self.id, &to, kind, &by, &entry.origin);
        }
    }

    /// `network_mode: service:x` and its like: the one lives inside of the other.
    fn shared_spaces(&self, draft: &mut Draft) {
        for field in ["network_mode", "pid", "ipc", "uts"] {
            let Some(node) = self.entry.node.get(field) else { continue };
            let text = node.as_text().unwrap_or_default();
            let to = match text.split_once(':') {
                Some(("service", name)) => self.other(name, field, &node.origin, draft),
                Some(("container", name)) => self.container(name),
                _ => None,
            };
            if let Some(to) = to {
                draft.declare(&self.id, &to, EdgeKind::Hard, &format!("compose: {field}"), &node.origin);
            }
        }
    }

    fn links(&self, draft: &mut Draft) {
        for field in ["links", "volumes_from"] {
            for node in self.entry.node.get(field).map(each).unwrap_or_default() {
                let Some(text) = node.as_text() else { continue };
                let to = match text.strip_prefix("container:") {
                    Some(rest) => self.container(rest.split(':').next().unwrap_or_default()),
                    None => {
                        self.other(text.split(':').next().unwrap_or_default(), field, &node.origin, draft)
                    }
                };
                if let Some(to) = to {
                    draft.declare(
                        &self.id,
                        &to,
                        EdgeKind::StartOnly,
                        &format!("compose: {field}"),
                        &node.origin,
                    );
                }
            }
        }
    }

    /// The service whose container has this name.
    fn container(&self, name: &str) -> Option<Id> {
        let called = |entry: &&Entry| entry.node.get("container_name").and_then(Node::as_text) == Some(name);
        let entry = self.project.services.iter().find(called)?;
        self.made.services.id(&entry.key).cloned()
    }
}

/// A mounted named volume.
struct Mount<'n> {
    source: &'n str,
    target: &'n str,
    writes: bool,
}

fn mount(node: &Node) -> Option<Mount<'_>> {
    if let Some(text) = node.as_text() {
        let (source, rest) = text.split_once(':')?;
        let named = source.starts_with(|letter: char| letter.is_ascii_alphanumeric())
            && !source.contains(['/', '\\'])
            && !rest.starts_with('\\');
        let mode = text.rsplit(':').next().unwrap_or_default();
        let writes = !mode.split(',').any(|word| word == "ro");
        return named.then(|| Mount { source, target: layers::volume_target(text), writes });
    }
    let field = |name: &str| node.get(name).and_then(Node::as_text);
    let named = field("type").unwrap_or("volume") == "volume";
    let writes = field("read_only").is_none_or(|word| !matches!(word, "true" | "yes" | "on"));
    let source = field("source").filter(|source| named && !source.is_empty())?;
    Some(Mount { source, target: field("target").unwrap_or_default(), writes })
}

/// Named volumes are stores; who mounts one needs its data.
fn stores(project: &Project, made: &mut Made, draft: &mut Draft) {
    let mounts: Vec<(&Entry, &Node, Mount<'_>)> = project
        .services
        .iter()
        .flat_map(|entry| {
            let volumes = entry.node.get("volumes").map(each).unwrap_or_default();
            volumes.into_iter().filter_map(move |node| Some((entry, node, mount(node)?)))
        })
        .collect();
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
            ["1m30s", "500ms", "10", "1h", "", "10x"].map(duration_ms),
            [Some(90_000), Some(500), Some(10_000), Some(3_600_000), None, None]
        );
        assert_eq!(container_ports("127.0.0.1:8080-8082:80-82/udp"), [80, 81, 82]);
        assert_eq!(container_ports("5432"), [5432]);
        assert_eq!(container_ports("1-9999"), Vec::<u16>::new());
        assert_eq!((cores("0.5"), cores("many")), (Some(1), None));
    }
}
