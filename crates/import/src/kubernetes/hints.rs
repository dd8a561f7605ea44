//! Who is named in settings, commands, config maps and waiting loops. All of it is proposed, never stated, and
//! nothing repeats a value: values may hold passwords. Secrets are not looked into at all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::Origin;
use super::super::draft::Draft;
use super::super::mentions::{self, Hint, Reach};
use super::super::names;
use super::super::roles::{Role, role};
use super::super::yaml::Node;
use super::objects::{Cluster, Sort, Stage, Workload, pairs};
use super::volumes;
use estate::finding::Grade;
use estate::id::{Id, Kind};
use estate::model::{EdgeKind, External};
use estate::shown;

/// Replicas of a StatefulSet that have names.
const REPLICAS_MAX: u64 = 16;

pub(super) fn propose(cluster: &Cluster, ids: &[Id], draft: &mut Draft) {
    let world = World::new(cluster, ids, draft);
    let mut config_users: BTreeMap<(String, String), BTreeSet<usize>> = BTreeMap::new();
    for (at, workload) in cluster.workloads.iter().enumerate() {
        let mut one = One { cluster, ids, world: &world, at, workload, draft: &mut *draft };
        for (stage, container) in workload.containers() {
            one.environment(container, &mut config_users);
            one.commands(container, stage);
        }
        one.mounted_config(&mut config_users);
    }
    for ((namespace, name), users) in &config_users {
        let users: Vec<&Id> = users.iter().map(|at| &ids[*at]).collect();
        // One config map for the whole application says nothing about two of its parts.
        volumes::shared(&format!("config map {name} of {namespace}"), &users, draft);
    }
    unbacked(cluster, draft);
}

/// Names that lead nowhere in these manifests.
fn unbacked(cluster: &Cluster, draft: &mut Draft) {
    let nowhere: Vec<String> = cluster
        .services
        .iter()
        .filter(|service| {
            service.workloads.is_empty() && service.node.at(&["spec", "externalName"]).is_none()
        })
        .map(|service| format!("{}.{} ({})", shown(&service.name), shown(&service.namespace), service.origin))
        .collect();
    if !nowhere.is_empty() {
        let some: Vec<&str> = nowhere.iter().take(8).map(String::as_str).collect();
        draft.note(
            Grade::Serious,
            "kubernetes-unbacked",
            None,
            format!("{} Services lead to no workload of these manifests: {}", nowhere.len(), some.join(", ")),
            "what they lead to is missing, and so is every dependency on it",
            "import the missing manifests too, or add an [external.NAME] for a party outside",
        );
    }
}

/// The names under which everything is reached.
struct World {
    /// Names with their namespace, and addresses.
    everywhere: Reach,
    /// Names without one, by namespace.
    inside: HashMap<String, Reach>,
}

impl World {
    fn new(cluster: &Cluster, ids: &[Id], draft: &mut Draft) -> World {
        let mut world = World { everywhere: Reach::default(), inside: HashMap::new() };
        let mut named: BTreeSet<(&str, &str)> = BTreeSet::new();
        for service in &cluster.services {
            named.insert((&service.namespace, &service.name));
            if let Some(outside) = service.node.at(&["spec", "externalName"]).and_then(Node::as_text) {
                let id = names::single(Kind::External, outside);
                draft.enter(&id, outside, &service.origin);
                draft.estate.externals.insert(id.clone(), External { name: outside.to_owned() });
                world.add(&service.namespace, &service.name, &id);
                continue;
            }
            let ip = service.node.at(&["spec", "clusterIP"]).and_then(Node::as_text);
            for at in &service.workloads {
                let id = &ids[*at];
                world.add(&service.namespace, &service.name, id);
                ip.into_iter().filter(|ip| *ip != "None").for_each(|ip| world.everywhere.host(ip, id));
                for port in service.node.at(&["spec", "ports"]).and_then(Node::as_list).unwrap_or_default() {
                    if let Some(number) =
                        port.get("port").and_then(Node::as_text).and_then(|port| port.parse().ok())
                    {
                        world.everywhere.port(id, number);
                        world.inside.entry(service.namespace.clone()).or_default().port(id, number);
                    }
                }
                let workload = &cluster.workloads[*at];
                if workload.sort == Sort::StatefulSet {
                    for replica in 0..workload.replicas().min(REPLICAS_MAX) {
                        let pod = format!("{}-{replica}.{}", workload.name, service.name);
                        world.add(&service.namespace, &pod, id);
                    }
                }
            }
        }
        for (workload, id) in cluster.workloads.iter().zip(ids) {
            // Manifests without their Services: the names are usually the same.
            if !named.contains(&(workload.namespace.as_str(), workload.name.as_str())) && !workload.twin {
                world.add(&workload.namespace, &workload.name, id);
            }
        }
        world
    }

    fn add(&mut self, namespace: &str, name: &str, id: &Id) {
        for end in ["", ".svc", ".svc.cluster.local"] {
            self.everywhere.host(&format!("{name}.{namespace}{end}"), id);
        }
        self.inside.entry(namespace.to_owned()).or_default().host(name, id);
    }

    /// What `look` finds among both sorts of names. A guess by the name of a variable gives way to a sight.
    fn hints(&self, namespace: &str, look: impl Fn(&Reach) -> Vec<Hint>) -> Vec<Hint> {
        let mut hints = look(&self.everywhere);
        hints.extend(self.inside.get(namespace).into_iter().flat_map(&look));
        if hints.iter().any(|hint| hint.confidence > 500) {
            hints.retain(|hint| hint.confidence > 500);
        }
        hints
    }
}

/// A workload that is looked through.
struct One<'c> {
    cluster: &'c Cluster,
    ids: &'c [Id],
    world: &'c World,
    at: usize,
    workload: &'c Workload,
    draft: &'c mut Draft,
}

impl One<'_> {
    fn add(&mut self, hints: Vec<Hint>, seen_in: &str, origin: &Origin, waits: Waits) {
        for hint in hints {
            let service = self.draft.estate.services.get(&hint.to);
            let role = service.map(|service| role(&service.name, service.image.as_deref()));
            let kind = match (waits, role) {
                (Waits::Yes, Some(Role::Serves)) => EdgeKind::StartOnly,
                (_, Some(role)) => role.proposed_kind(),
                (_, None) => EdgeKind::Soft,
            };
            let surer = if waits == Waits::Yes { 50 } else { 0 };
            let evidence = format!("{} names {} ({origin})", shown(seen_in), shown(&hint.seen));
            self.draft.propose(
                &self.ids[self.at],
                &hint.to,
                kind,
                evidence,
                (hint.confidence + surer).min(950),
            );
        }
    }

    fn setting(&mut self, variable: &str, value: &str, seen_in: &str, origin: &Origin) {
        let namespace = &self.workload.namespace;
        let hints = self.world.hints(namespace, |reach| mentions::in_setting(reach, variable, value, &[]));
        self.add(hints, seen_in, origin, Waits::No);
    }

    fn environment(&mut self, container: &Node, users: &mut BTreeMap<(String, String), BTreeSet<usize>>) {
        let cluster = self.cluster;
        let mut known: BTreeMap<&str, String> = BTreeMap::new();
        for from in container.get("envFrom").and_then(Node::as_list).unwrap_or_default() {
            let Some(name) = from.at(&["configMapRef", "name"]).and_then(Node::as_text) else { continue };
            let Some(map) = self.config_map(cluster, name, users) else { continue };
            for (key, value) in pairs(map.get("data")) {
                self.setting(key, value, &format!("config map {name}, {key}"), &from.origin);
                known.insert(key, value.to_owned());
            }
        }
        for variable in container.get("env").and_then(Node::as_list).unwrap_or_default() {
            let Some(name) = variable.get("name").and_then(Node::as_text) else { continue };
            if let Some(value) = variable.get("value").and_then(Node::as_text) {
                let value = filled_in(value, &known);
                self.setting(name, &value, &format!("environment {name}"), &variable.origin);
                known.insert(name, value);
            } else if let Some(from) = variable.at(&["valueFrom", "configMapKeyRef"]) {
                let text = |field: &str| from.get(field).and_then(Node::as_text);
                let (Some(map), Some(key)) = (text("name"), text("key")) else { continue };
                let value =
                    self.config_map(cluster, map, users).and_then(|map| map.at(&["data", key])?.as_text());
                self.setting(
                    name,
                    value.unwrap_or_default(),
                    &format!("environment {name} from config map {map}"),
                    &variable.origin,
                );
            } else if variable.at(&["valueFrom", "secretKeyRef"]).is_some() {
                // Its name is all there is to go by.
                self.setting(name, "", &format!("environment {name} from a secret"), &variable.origin);
            }
        }
    }

    fn config_map<'m>(
        &self,
        cluster: &'m Cluster,
        name: &str,
        users: &mut BTreeMap<(String, String), BTreeSet<usize>>,
    ) -> Option<&'m Node> {
        let key = (self.workload.namespace.clone(), name.to_owned());
        let map = cluster.config_maps.get(&key);
        users.entry(key).or_default().insert(self.at);
        map
    }

    /// Config maps mounted as files: looked through line by line.
    fn mounted_config(&mut self, users: &mut BTreeMap<(String, String), BTreeSet<usize>>) {
        let cluster = self.cluster;
        let volumes = self
            .workload
            .pod()
            .and_then(|pod| pod.get("volumes"))
            .and_then(Node::as_list)
            .unwrap_or_default();
        let projected = volumes.iter().flat_map(|volume| {
            volume.at(&["projected", "sources"]).and_then(Node::as_list).unwrap_or_default()
        });
        for volume in volumes.iter().chain(projected) {
            let name = volume.at(&["configMap", "name"]).and_then(Node::as_text);
            let Some(name) = name else { continue };
            let Some(map) = self.config_map(cluster, name, users) else { continue };
            for (key, text) in pairs(map.get("data")) {
                for (variable, value) in mentions::settings_in(text) {
                    self.setting(variable, value, &format!("config map {name}, {key}"), &volume.origin);
                }
            }
        }
    }

    fn commands(&mut self, container: &Node, stage: Stage) {
        let lists = ["command", "args"].into_iter().filter_map(|field| container.get(field));
        let texts: Vec<&str> = lists
            .clone()
            .flat_map(|node| node.as_list().unwrap_or_default())
            .filter_map(Node::as_text)
            .collect();
        let Some(origin) = lists.into_iter().next().map(|node| node.origin.clone()) else { return };
        let apart = |letter: char| letter.is_whitespace() || ";|&()`$<>\"'".contains(letter);
        let words: Vec<&str> = texts
            .iter()
            .flat_map(|text| text.split(apart))
            .filter(|word| !word.is_empty())
            .take(mentions::LINES_MAX)
            .collect();
        let namespace = &self.workload.namespace;
        let mut hints = self.world.hints(namespace, |reach| mentions::in_command(reach, &words));
        let waits = if stage == Stage::Before { Waits::Yes } else { Waits::No };
        let asked = asked_for(&words, container);
        hints.extend(asked.iter().flat_map(|host| {
            self.world.hints(namespace, |reach| mentions::in_setting(reach, "host", host, &[]))
        }));
        let called = if waits == Waits::Yes { "a container that runs before it" } else { "its command" };
        self.add(hints, called, &origin, waits);
    }
}

/// Whether the start itself is held up by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waits {
    Yes,
    No,
}

/// Hosts that a command looks for: `nslookup db`, `nc -z db 5432`, `k8s-wait-for service db`.
fn asked_for(words: &[&str], container: &Node) -> Vec<String> {
    const LOOKING: [&str; 9] = ["nslookup", "getent", "dig", "host", "ping", "nc", "ncat", "telnet", "drill"];
    let mut asked = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let program = word.rsplit('/').next().unwrap_or(word);
        if LOOKING.contains(&program) {
            let next = words[at + 1..].iter().take(6).take_while(|word| !LOOKING.contains(word));
            let hosts = next
                .filter(|word| !word.starts_with('-') && **word != "hosts" && word.parse::<u32>().is_err());
            asked.extend(hosts.take(1).map(|host| host.trim_end_matches('.').to_owned()));
        }
    }
    let image = container.get("image").and_then(Node::as_text).unwrap_or_default();
    if image.contains("wait-for") {
        for pair in words.windows(2).filter(|pair| ["service", "job", "pod"].contains(&pair[0])) {
            asked.push(pair[1].trim_start_matches("-lapp=").to_owned());
        }
    }
    asked
}

/// `$(NAME)` in a value, as Kubernetes fills it in from variables before it.
fn filled_in(value: &str, known: &BTreeMap<&str, String>) -> String {
    let mut filled = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once("$(") {
        filled.push_str(before);
        match after.split_once(')') {
            Some((name, behind)) if known.contains_key(name) => {
                filled.push_str(&known[name]);
                rest = behind;
            }
            _ => {
                filled.push_str("$(");
                rest = after;
            }
        }
        if filled.len() > 64 << 10 {
            break;
        }
    }
    filled.push_str(rest);
    filled
}
