//! What a workload becomes: a service with its start, its size and its gates.

use std::collections::{BTreeMap, BTreeSet};

use super::super::Draft;
use super::super::yaml::Node;
use super::objects::{Cluster, Sort, Stage, Workload};
use super::{Options, StartBy, gates, quantity};
use crate::names::Names;
use estate::finding::Grade;
use estate::hands::{self, Driver};
use estate::id::{Id, Kind};
use estate::model::{Host, Run, Service, StartClass};

/// Classes that every cluster has.
const BUILT_IN: [(&str, i64); 2] =
    [("system-node-critical", 2_000_001_000), ("system-cluster-critical", 2_000_000_000)];

pub(super) fn enter(cluster: &Cluster, ids: &[Id], options: &Options, draft: &mut Draft) {
    let tiers = tiers(cluster);
    let hosts = hosts(cluster, draft);
    let mut without_probe: Vec<&Id> = Vec::new();
    let mut inside = Vec::new();
    for (at, (workload, id)) in cluster.workloads.iter().zip(ids).enumerate() {
        let (gates, probed) = gates::gates(cluster, at, options.start_by, draft, &mut inside);
        if !probed && !matches!(workload.sort, Sort::Job | Sort::CronJob) {
            without_probe.push(id);
        }
        let node = workload.pod().and_then(|pod| pod.get("nodeName")).and_then(Node::as_text);
        let size = size(workload, draft);
        scaled_to_zero(workload, draft);
        let made = Service {
            image: running(workload)
                .next()
                .and_then(|node| node.get("image"))
                .and_then(Node::as_text)
                .map(str::to_owned),
            ports: ports(workload),
            host: node.and_then(|name| hosts.id(name)).cloned(),
            tier: class(cluster, workload).and_then(|class| tiers.get(class).copied()),
            memory: size.memory,
            cpu_boot: size.millicores.div_ceil(1000),
            start_class: if workload.sort == Sort::Job { StartClass::Once } else { StartClass::Probe },
            run: (options.start_by == StartBy::Kubectl).then(|| run(workload)).flatten(),
            gates,
            ..Service::default()
        };
        let name = workload.called();
        let service = draft.service(id, &name, &workload.origin);
        *service = made;
        service.name = name;
    }
    if let Some(first) = without_probe.first() {
        let names: Vec<String> = without_probe.iter().take(8).map(ToString::to_string).collect();
        let more = without_probe.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let origin = draft.origins.get(*first).cloned();
        draft.note(
            Grade::Note,
            "kubernetes-no-probe",
            origin.as_ref(),
            match without_probe.len() {
                1 => format!("a workload has no probe: {}", names.join(", ")),
                several => format!("{several} workloads have no probe: {}{more}", names.join(", ")),
            },
            "their gate only asks whether they run, not whether they work",
            "add a readinessProbe, or a gate in the estate",
        );
    }
    gates::only_inside(&inside, draft);
    entrances(cluster, ids, draft);
}

fn running(workload: &Workload) -> impl Iterator<Item = &Node> {
    workload.containers().filter(|(stage, _)| *stage == Stage::Running).map(|(_, node)| node)
}

fn ports(workload: &Workload) -> Vec<String> {
    let mut ports = Vec::new();
    for container in running(workload) {
        for port in container.get("ports").and_then(Node::as_list).unwrap_or_default() {
            if let Some(number) = port.get("containerPort").and_then(Node::as_text) {
                let udp = port.get("protocol").and_then(Node::as_text) == Some("UDP");
                ports.push(if udp { format!("{number}/udp") } else { number.to_owned() });
            }
        }
    }
    ports.dedup();
    ports
}

struct Size {
    memory: u64,
    millicores: u64,
}

/// What all replicas together keep once started, and need while starting: requests, or limits where none are made.
fn size(workload: &Workload, draft: &mut Draft) -> Size {
    let mut size = Size { memory: 0, millicores: 0 };
    for container in running(workload) {
        let said = |what: &str| {
            let of = |sort: &str| container.at(&["resources", sort, what]);
            of("requests").or_else(|| of("limits"))
        };
        let called = |what: &str| format!("the {what} of {}", workload.called());
        let (memory, cpu) = (called("memory"), called("cpu"));
        let memory = draft.read(said("memory"), &memory, "nothing is counted for it", quantity::mebibytes);
        let cpu = draft.read(said("cpu"), &cpu, "nothing is counted for it", quantity::millicores);
        size.memory = size.memory.saturating_add(memory.unwrap_or(0));
        size.millicores = size.millicores.saturating_add(cpu.unwrap_or(0));
    }
    let replicas = workload.replicas().max(1);
    let most = estate::NUMBER_MAX;
    Size {
        memory: size.memory.saturating_mul(replicas).min(most),
        millicores: size.millicores.saturating_mul(replicas).min(most),
    }
}

fn class<'c>(cluster: &'c Cluster, workload: &'c Workload) -> Option<&'c str> {
    let named = workload.pod().and_then(|pod| pod.get("priorityClassName")).and_then(Node::as_text);
    named.or(cluster.usual_priority.as_deref())
}

/// The tier of each class in use: the highest value is tier 1.
fn tiers(cluster: &Cluster) -> BTreeMap<String, u64> {
    let mut values: BTreeMap<String, i64> =
        BUILT_IN.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    values.extend(cluster.priorities.iter().map(|(name, value)| (name.clone(), *value)));
    let used: BTreeSet<i64> = cluster
        .workloads
        .iter()
        .filter_map(|workload| values.get(class(cluster, workload)?).copied())
        .collect();
    let rank = |value: &i64| used.iter().rev().position(|known| known == value).map(|at| at as u64 + 1);
    values.iter().filter_map(|(name, value)| Some((name.clone(), rank(value)?))).collect()
}

/// Nodes that workloads are pinned to.
fn hosts(cluster: &Cluster, draft: &mut Draft) -> Names {
    let named: BTreeMap<&str, &Workload> = cluster
        .workloads
        .iter()
        .filter_map(|workload| Some((workload.pod()?.get("nodeName")?.as_text()?, workload)))
        .collect();
    let hosts = Names::new(Kind::Host, named.keys().copied());
    for (name, id) in hosts.iter() {
        draft.enter(id, name, &named[name].origin);
        draft.estate.hosts.insert(id.clone(), Host { name: name.to_owned(), ..Host::default() });
    }
    hosts
}

/// An export made after everything was stopped would start nothing, and its gate would pass at once.
fn scaled_to_zero(workload: &Workload, draft: &mut Draft) {
    if !workload.is_scaled_to_zero() {
        return;
    }
    let taken = match workload.applied_replicas() {
        Some(replicas) => format!("{replicas} were taken, as last applied"),
        None => "one was taken".to_owned(),
    };
    draft.note(
        Grade::Serious,
        "kubernetes-scaled-to-zero",
        Some(&workload.origin),
        format!(
            "{} {} is scaled to 0 in this export",
            workload.sort.word(),
            message::harmless(&workload.name)
        ),
        format!("started so it would start nothing, and pass its gate at once; {taken}"),
        "put the number that it needs into `replicas`, or remove the service if it is switched off on purpose",
    );
}

/// What has a number of copies is started and stopped by it; the rest by commands of `kubectl`. A pod alone cannot be
/// stopped and started again.
fn run(workload: &Workload) -> Option<Run> {
    if let Some(driver) = driver(workload) {
        return Some(Run { driver: Some(driver), ..Run::default() });
    }
    let word = workload.sort.word();
    let object = format!("{word}/{}", workload.name);
    let kubectl = |words: &[&str]| -> Vec<String> {
        let start = ["kubectl", "--namespace", &workload.namespace].into_iter();
        start.chain(words.iter().copied()).map(str::to_owned).collect()
    };
    let patch = |value: &str| kubectl(&["patch", &object, "--patch", value]);
    let (start, stop) = match workload.sort {
        Sort::Deployment | Sort::StatefulSet | Sort::ReplicaSet | Sort::ReplicationController => {
            let replicas = format!("--replicas={}", workload.replicas());
            (kubectl(&["scale", &object, &replicas]), kubectl(&["scale", &object, "--replicas=0"]))
        }
        Sort::CronJob => (patch("{\"spec\":{\"suspend\":false}}"), patch("{\"spec\":{\"suspend\":true}}")),
        // A suspended job is let go; a job that has run must not run again by itself.
        Sort::Job => (patch("{\"spec\":{\"suspend\":false}}"), patch("{\"spec\":{\"suspend\":true}}")),
        Sort::DaemonSet => (kubectl(&["rollout", "restart", &object]), Vec::new()),
        Sort::Pod => return None,
    };
    Some(Run { start, stop, job: true, ..Run::default() })
}

fn driver(workload: &Workload) -> Option<Driver> {
    let is_scaled = matches!(workload.sort, Sort::Deployment | Sort::StatefulSet);
    let is_fit = hands::is_name(&workload.namespace) && hands::is_name(&workload.name);
    (is_scaled && is_fit).then(|| {
        Driver::Kubernetes(hands::Workload {
            context: None,
            namespace: workload.namespace.clone(),
            kind: workload.sort.word().clone(),
            name: workload.name.clone(),
            replicas: workload.replicas(),
        })
    })
}

/// Workloads that ingresses lead to: there people come in.
fn entrances(cluster: &Cluster, ids: &[Id], draft: &mut Draft) {
    let mut entrances: BTreeSet<&Id> = BTreeSet::new();
    for (namespace, ingress) in &cluster.ingresses {
        let mut backends = Vec::new();
        collect_backends(ingress, 0, &mut backends);
        for backend in backends {
            let reached = cluster
                .services
                .iter()
                .filter(|service| service.namespace == *namespace && service.name == backend);
            entrances.extend(reached.flat_map(|service| &service.workloads).map(|at| &ids[*at]));
        }
    }
    let origin = cluster.ingresses.first().map(|(_, node)| node.origin.clone());
    if !entrances.is_empty() {
        let names: Vec<String> = entrances.iter().take(12).map(ToString::to_string).collect();
        draft.note(
            Grade::Note,
            "kubernetes-entrances",
            origin.as_ref(),
            format!("people come in through {} workloads: {}", entrances.len(), names.join(", ")),
            "no manifest says what people need them for",
            "write down a capability for each, and which tenants it serves",
        );
    }
}

fn collect_backends<'n>(node: &'n Node, depth: usize, found: &mut Vec<&'n str>) {
    if depth > 12 {
        return;
    }
    if let Some(name) =
        node.at(&["backend", "service", "name"]).or_else(|| node.at(&["backend", "serviceName"]))
    {
        found.extend(name.as_text());
    }
    if let Some(name) = node.at(&["defaultBackend", "service", "name"]) {
        found.extend(name.as_text());
    }
    let inner = node.as_map().into_iter().flat_map(|map| map.iter()).map(|entry| &entry.node);
    for node in inner.chain(node.as_list().unwrap_or_default()) {
        collect_backends(node, depth + 1, found);
    }
}
