//! Gates: they say when something is healthy, so they may rest on nothing that is not healthy yet
//! (invariant 12), and they must be able to pass at all.

use std::net::{IpAddr, SocketAddr};

use super::{Look, healthy_before, later};
use crate::finding::{Finding, Grade};
use crate::id::{Id, Kind};
use crate::model::{Gate, Probe};

pub(super) fn all(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut named = Vec::new();
    for (id, service) in &look.estate.services {
        for (at, gate) in (1..).zip(&service.gates) {
            found.extend(uses_later(look, id, at, gate));
            found.extend(cannot_pass(look, id, at, gate));
            if let Some(fault) = malformed(&gate.probe) {
                found.push(address(look, id, at, &fault));
            } else if needs_names(&gate.probe) && gate.uses.is_empty() {
                named.push(id.clone());
            }
        }
    }
    named.dedup();
    found.extend(look.group(named, "gates", |names| {
        Finding::new(
            Grade::Serious,
            "gate-needs-names",
            format!("a gate asks a host by name: {names}"),
            "while the name service is down the gate fails although the service is healthy",
            "write the address in numbers, or name the name service in `uses`",
        )
    }));
    found
}

fn uses_later(look: &Look<'_>, id: &Id, at: usize, gate: &Gate) -> Vec<Finding> {
    // Most gates use nothing, and what is healthy before is half the estate.
    if gate.uses.is_empty() {
        return Vec::new();
    }
    let before = healthy_before(look, id);
    let fits = |used: &Id| used == id || used.kind() == Kind::External || before.contains(used);
    let wrong = gate.uses.iter().filter(|used| look.estate.contains(used) && !fits(used));
    wrong
        .map(|used| {
            let means = if later(look, id, used) {
                "it waits for this very service, so the gate can never pass in a restart from nothing"
            } else {
                "nothing makes it start earlier, so the gate may be asked while it is still down"
            };
            Finding::new(
                Grade::Blocking,
                "gate-uses-later",
                format!("a gate of {id} uses {used}, which need not be healthy by then"),
                means,
                format!("let the gate ask something else, or say that {id} needs {used}"),
            )
            .about([id.clone(), used.clone()])
            .at(look.sources.place(id, &format!("gates[{at}].uses {used}")).cloned())
        })
        .collect()
}

fn cannot_pass(look: &Look<'_>, id: &Id, at: usize, gate: &Gate) -> Option<Finding> {
    (gate.hold_ms > gate.deadline_ms).then(|| {
        Finding::new(
            Grade::Blocking,
            "gate-cannot-pass",
            format!("a gate of {id} must hold {} ms within {} ms", gate.hold_ms, gate.deadline_ms),
            "it can never pass, so nothing that waits for it ever starts",
            "make the deadline longer than the hold time, with room for the start itself",
        )
        .about([id.clone()])
        .at(look.sources.place(id, &format!("gates[{at}]")).cloned())
    })
}

fn address(look: &Look<'_>, id: &Id, at: usize, fault: &str) -> Finding {
    Finding::new(
        Grade::Serious,
        "gate-address",
        format!("a gate of {id} asks {fault}"),
        "the gate cannot be carried out, and what cannot be asked counts as not healthy",
        "write `address:port` for tcp, `http://address:port/path` for http",
    )
    .about([id.clone()])
    .at(look.sources.place(id, &format!("gates[{at}]")).cloned())
}

/// `address:port` of a probe over the network.
fn target(probe: &Probe) -> Option<&str> {
    match probe {
        Probe::Tcp(address) => Some(address),
        Probe::Http { url, .. } => url.strip_prefix("http://").and_then(|rest| rest.split(['/', '?']).next()),
        Probe::Command(_) => None,
    }
}

fn malformed(probe: &Probe) -> Option<String> {
    let shown = match probe {
        Probe::Tcp(address) => address,
        Probe::Http { url, .. } => url,
        Probe::Command(_) => return None,
    };
    let fault = format!("`{}`", crate::fields::shown(shown));
    let Some(target) = target(probe) else { return Some(fault) };
    if matches!(probe, Probe::Http { .. }) && !target.is_empty() && !target.contains(':') {
        return None;
    }
    let port = target.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port);
    port.and_then(|port| port.parse::<u16>().ok()).is_none().then_some(fault)
}

fn needs_names(probe: &Probe) -> bool {
    let Some(target) = target(probe) else { return false };
    let host = target.rsplit_once(':').map_or(target, |(host, _)| host);
    target.parse::<SocketAddr>().is_err() && host.parse::<IpAddr>().is_err() && host != "localhost"
}
