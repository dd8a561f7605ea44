//! Probes as gates. A probe is carried out inside the cluster; a gate from where Blackstart runs: by the address of
//! the Service in front of the pods, or through `kubectl exec`.

use std::collections::BTreeMap;

use super::super::draft::Draft;
use super::super::origin::Origin;
use super::super::secrets;
use super::super::yaml::Node;
use super::StartBy;
use super::objects::{Cluster, Sort, Stage, Workload};
use estate::Grade;
use estate::model::{Gate, Probe};

const HOLD_MS: u64 = 2_000;
const DEADLINE_MS: u64 = 120_000;
const EVERY_MS: u64 = 500;
const LONGEST_MS: u64 = 3_600_000;

/// Why no gate is made of a probe.
enum Unasked {
    /// The probe names a port that its container does not have.
    NoSuchPort(String),
    /// It is carried out inside the cluster, and nothing leads there from outside.
    FromInside(&'static str),
    /// Nothing is known of this way of asking.
    UnknownWay,
}

/// A probe that is carried out inside the cluster.
pub(super) struct Inside {
    called: String,
    why: &'static str,
    origin: Origin,
}

/// Of those so many are named; the rest is counted.
const INSIDE_SHOWN: usize = 8;

/// The gates of a workload, and whether it has a probe of its own. A probe that becomes none is said.
pub(super) fn gates(
    cluster: &Cluster,
    at: usize,
    start_by: StartBy,
    draft: &mut Draft,
    inside: &mut Vec<Inside>,
) -> (Vec<Gate>, bool) {
    let workload = &cluster.workloads[at];
    let mut gates: Vec<Gate> = Vec::new();
    let mut probed = false;
    for (_, container) in workload.containers().filter(|(stage, _)| *stage == Stage::Running) {
        // Readiness is what traffic waits for; the others only say when to give up.
        let probe =
            ["readinessProbe", "startupProbe", "livenessProbe"].iter().find_map(|name| container.get(name));
        let Some(probe) = probe else { continue };
        probed = true;
        let called = format!("the probe of {}", workload.called());
        match asked(cluster, at, container, probe, start_by) {
            Ok(asked) => {
                let gate = timed(asked, probe, container.get("startupProbe"), &called, draft);
                if !gates.contains(&gate) {
                    gates.push(gate);
                }
            }
            Err(Unasked::FromInside(why)) => {
                inside.push(Inside { called, why, origin: probe.origin.clone() });
            }
            Err(Unasked::NoSuchPort(port)) => {
                let what =
                    format!("{called} asks at port `{port}`, and its container has no port of that name");
                not_asked(Grade::Serious, "kubernetes-probe-port", what, &probe.origin, draft);
            }
            Err(Unasked::UnknownWay) => {
                let what = format!("{called} asks neither by httpGet, tcpSocket, grpc nor exec");
                not_asked(Grade::Note, "kubernetes-probe-unknown", what, &probe.origin, draft);
            }
        }
    }
    if gates.is_empty() && start_by == StartBy::Kubectl {
        gates.extend(rolled_out(workload).map(|probe| plain(probe, DEADLINE_MS)));
    }
    (gates, probed)
}

fn plain(probe: Probe, deadline_ms: u64) -> Gate {
    Gate { probe, hold_ms: HOLD_MS, deadline_ms, every_ms: EVERY_MS, uses: Vec::new() }
}

/// Probes that only the cluster itself can carry out: there are many of them, so they are said together.
pub(super) fn only_inside(probes: &[Inside], draft: &mut Draft) {
    let Some(first) = probes.first() else { return };
    let said =
        probes.iter().take(INSIDE_SHOWN).map(|one| format!("{} ({}; {})", one.called, one.why, one.origin));
    let more = match probes.len().saturating_sub(INSIDE_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let what = format!(
        "probes that can only be asked inside the cluster: {}{more}",
        said.collect::<Vec<_>>().join(", ")
    );
    not_asked(Grade::Note, "kubernetes-probe-inside", what, &first.origin, draft);
}

fn not_asked(grade: Grade, code: &'static str, what: String, origin: &Origin, draft: &mut Draft) {
    draft.note(
        grade,
        code,
        Some(origin),
        what,
        "no gate was made of it; what is left only asks whether everything runs, not whether it works",
        "correct it in the manifest and import again, or write a gate into the estate",
    );
}

fn timed(asked: Probe, probe: &Node, startup: Option<&Node>, called: &str, draft: &mut Draft) -> Gate {
    let mut number = |node: &Node, name: &str, otherwise: u64| {
        let (called, instead) =
            (format!("{name} of {called}"), format!("{otherwise} counts, as Kubernetes has it"));
        draft.read(node.get(name), &called, &instead, |text| text.parse::<u64>().ok()).unwrap_or(otherwise)
    };
    let mut patience = |node: &Node| {
        let tries = number(node, "failureThreshold", 3).saturating_mul(number(node, "periodSeconds", 10));
        number(node, "initialDelaySeconds", 0).saturating_add(tries)
    };
    let seconds = patience(probe).saturating_add(startup.map_or(0, &mut patience));
    let successes = number(probe, "successThreshold", 1);
    let hold_ms = match successes {
        0 | 1 => HOLD_MS,
        more => more
            .saturating_mul(number(probe, "periodSeconds", 10))
            .saturating_mul(1000)
            .clamp(HOLD_MS, LONGEST_MS),
    };
    let deadline_ms = seconds.saturating_mul(1000).clamp(DEADLINE_MS, LONGEST_MS).saturating_add(hold_ms);
    Gate { hold_ms, ..plain(asked, deadline_ms) }
}

fn asked(
    cluster: &Cluster,
    at: usize,
    container: &Node,
    probe: &Node,
    start_by: StartBy,
) -> Result<Probe, Unasked> {
    let workload = &cluster.workloads[at];
    if let Some(command) = probe.at(&["exec", "command"]).and_then(Node::as_list) {
        let object = match workload.sort {
            Sort::Pod => format!("pod/{}", workload.name),
            Sort::Job | Sort::CronJob => return Err(Unasked::FromInside("a job has no pod that stays")),
            sort => format!("{}/{}", sort.word(), workload.name),
        };
        if start_by == StartBy::Hand {
            return Err(Unasked::FromInside("it runs a command in the container, and kubectl is not used"));
        }
        let name = container.get("name").and_then(Node::as_text).unwrap_or_default();
        let start =
            ["kubectl", "--namespace", &workload.namespace, "exec", &object, "--container", name, "--"];
        let words = command.iter().filter_map(Node::as_text);
        let copied: Vec<String> = words.clone().map(str::to_owned).collect();
        if secrets::are_in(&copied, &BTreeMap::new()) {
            return Err(Unasked::FromInside("its command seems to hold a password, so it was not copied"));
        }
        return Ok(Probe::Command(start.into_iter().chain(words).map(str::to_owned).collect()));
    }
    let (node, is_http) = match (probe.get("httpGet"), probe.get("tcpSocket"), probe.get("grpc")) {
        (Some(node), ..) => (node, node.get("scheme").and_then(Node::as_text) != Some("HTTPS")),
        (None, Some(node), _) | (None, None, Some(node)) => (node, false),
        (None, None, None) => return Err(Unasked::UnknownWay),
    };
    let written = node.get("port").and_then(Node::as_text).unwrap_or_default();
    let port = number_of(written, container).ok_or_else(|| Unasked::NoSuchPort(written.to_owned()))?;
    let address = address(cluster, at, container, port)
        .ok_or(Unasked::FromInside("no Service leads to the port it asks at"))?;
    if !is_http {
        return Ok(Probe::Tcp(address));
    }
    let path = node.get("path").and_then(Node::as_text).unwrap_or("/").trim_start_matches('/');
    Ok(Probe::Http { url: format!("http://{address}/{path}"), status: 200 })
}

/// A port by number or by its name in the container.
fn number_of(port: &str, container: &Node) -> Option<u16> {
    if let Ok(number) = port.parse() {
        return Some(number);
    }
    let ports = container.get("ports").and_then(Node::as_list).unwrap_or_default();
    let named = ports.iter().find(|node| node.get("name").and_then(Node::as_text) == Some(port))?;
    named.get("containerPort")?.as_text()?.parse().ok()
}

/// Where a port of the pods is reached from outside: through a Service that leads to it. By its address if the dump
/// knows it, because names are not yet resolved on a bad night.
fn address(cluster: &Cluster, at: usize, container: &Node, port: u16) -> Option<String> {
    cluster.reached_by[at].iter().map(|service| &cluster.services[*service]).find_map(|service| {
        let ports = service.node.at(&["spec", "ports"]).and_then(Node::as_list).unwrap_or_default();
        let open = ports.iter().find_map(|node| {
            let own = node.get("port").and_then(Node::as_text)?;
            let target = node.get("targetPort").and_then(Node::as_text).unwrap_or(own);
            (number_of(target, container) == Some(port)).then(|| own.parse::<u16>().ok()).flatten()
        })?;
        let ip = service.node.at(&["spec", "clusterIP"]).and_then(Node::as_text).filter(|ip| *ip != "None");
        let host = match ip {
            Some(ip) if ip.contains(':') => format!("[{ip}]"),
            Some(ip) => ip.to_owned(),
            None => format!("{}.{}.svc.cluster.local", service.name, service.namespace),
        };
        Some(format!("{host}:{open}"))
    })
}

/// Whether all replicas are there and ready.
fn rolled_out(workload: &Workload) -> Option<Probe> {
    let object = format!("{}/{}", workload.sort.word(), workload.name);
    let words = match workload.sort {
        Sort::Deployment | Sort::StatefulSet | Sort::DaemonSet => {
            vec!["rollout", "status", &object, "--timeout=1s"]
        }
        Sort::Pod => vec!["wait", &object, "--for=condition=Ready", "--timeout=1s"],
        Sort::ReplicaSet | Sort::ReplicationController | Sort::Job | Sort::CronJob => return None,
    };
    let start = ["kubectl", "--namespace", &workload.namespace];
    Some(Probe::Command(start.into_iter().chain(words).map(str::to_owned).collect()))
}
