//! Hands: whether commands get to the hosts on which services are started and stopped, and whether who answers there
//! is known to be that host.

use std::net::IpAddr;

use super::Look;
use crate::finding::{Finding, Grade};
use crate::hands::{Driver, Ssh};
use crate::id::Id;
use crate::model::{Host, Service};

/// A way with more hosts on it than this leads in a circle.
pub const JUMPS_MAX: usize = 8;

pub(super) fn all(look: &Look<'_>) -> Vec<Finding> {
    let mut found: Vec<Finding> = services(look).into_iter().flatten().collect();
    found.extend(hosts(look).into_iter().flatten());
    found.extend(look.estate.hosts.keys().filter_map(|id| way(look, id)));
    found
}

/// Its driver acts on the host of the service. A cluster is spoken to from anywhere, so it needs none.
fn is_lost(service: &Service) -> bool {
    let driver = service.run.as_ref().and_then(|run| run.driver.as_ref());
    service.host.is_none()
        && driver.is_some_and(|driver| match driver {
            Driver::Systemd(_) | Driver::Compose { .. } | Driver::Libvirt(_) => true,
            Driver::Kubernetes(_) => false,
        })
}

fn services(look: &Look<'_>) -> [Option<Finding>; 2] {
    let services = &look.estate.services;
    let lost = services.iter().filter(|(_, service)| is_lost(service)).map(|(id, _)| id.clone()).collect();
    let has_driver = |service: &Service| service.run.as_ref().is_some_and(|run| run.driver.is_some());
    let unreached = |host: &Id| look.estate.hosts.get(host).is_some_and(|host| !host.is_reached());
    let used = services.values().filter(|service| has_driver(service));
    let mut beyond: Vec<Id> = used.filter_map(|service| service.host.clone()).filter(unreached).collect();
    beyond.sort();
    beyond.dedup();
    [
        look.group(lost, "run", |names| {
            Finding::new(
                Grade::Serious,
                "run-without-host",
                format!("it is not said on which host it is started: {names}"),
                "Blackstart can neither start nor stop it",
                "name its `host`",
            )
        }),
        look.group(beyond, "", |names| {
            Finding::new(
                Grade::Serious,
                "host-not-reached",
                format!("services are to be started there, and it is not said how it is reached: {names}"),
                "Blackstart can neither start nor stop anything on it",
                "add `ssh = { address = \"192.0.2.7\", user = \"…\", host_key = \"ssh-ed25519 …\" }`, or `local = true` if it is the machine on which Blackstart runs",
            )
        }),
    ]
}

fn hosts(look: &Look<'_>) -> [Option<Finding>; 4] {
    let pick = |fits: &dyn Fn(&Host, &Ssh) -> bool| -> Vec<Id> {
        let hosts = look.estate.hosts.iter();
        hosts
            .filter(|(_, host)| host.ssh.as_ref().is_some_and(|ssh| fits(host, ssh)))
            .map(|(id, _)| id.clone())
            .collect()
    };
    [
        look.group(pick(&|host, _| host.local), "ssh", |names| {
            Finding::new(
                Grade::Blocking,
                "host-two-ways",
                format!("both `local` and `ssh` are said of {names}"),
                "commands would be carried out on one of two machines, and which one is not known",
                "keep `local = true` only for the machine on which Blackstart runs",
            )
        }),
        look.group(pick(&|_, ssh| ssh.host_key.is_empty()), "ssh", |names| {
            Finding::new(
                Grade::Serious,
                "host-without-key",
                format!("no host key is known of {names}"),
                "whoever answers at that address could be anybody, so Blackstart does not connect: it never trusts a key on first sight",
                "write the content of its /etc/ssh/ssh_host_ed25519_key.pub, read at its console, into `host_key`",
            )
        }),
        look.group(pick(&|_, ssh| ssh.address.parse::<IpAddr>().is_err()), "ssh.address", |names| {
            Finding::new(
                Grade::Serious,
                "host-needs-names",
                format!("a host is reached by name: {names}"),
                "while the name service is down it is not reached; and who answers for names may be the attacker",
                "write the address in numbers",
            )
        }),
        look.group(pick(&|_, ssh| ssh.user.is_none()), "ssh", |names| {
            Finding::new(
                Grade::Note,
                "host-without-user",
                format!("it is not said as whom to log in to {names}"),
                "the name of whoever calls Blackstart is used, which is another one at another desk",
                "write `user`",
            )
        }),
    ]
}

/// The hosts on the way, this one last; `None`: it leads in a circle.
pub fn way_to<'e>(hosts: &'e std::collections::BTreeMap<Id, Host>, id: &'e Id) -> Option<Vec<&'e Id>> {
    let mut way = vec![id];
    let mut at = id;
    while let Some(jump) = hosts.get(at).and_then(|host| host.ssh.as_ref()).and_then(|ssh| ssh.jump.as_ref())
    {
        if way.contains(&jump) || way.len() > JUMPS_MAX {
            return None;
        }
        way.push(jump);
        at = jump;
    }
    way.reverse();
    Some(way)
}

fn way(look: &Look<'_>, id: &Id) -> Option<Finding> {
    let hosts = &look.estate.hosts;
    hosts.get(id)?.ssh.as_ref()?;
    let (what, to_do) = match way_to(hosts, id) {
        None => (format!("the way to {id} leads in a circle"), "remove one `jump`".to_owned()),
        Some(way) => {
            // What is not in the estate at all has its finding already.
            let closed = way.iter().find(|host| hosts.get(host).is_some_and(|host| host.ssh.is_none()))?;
            let what =
                format!("the way to {id} leads through {closed}, and it is not said how that is reached");
            (what, format!("add `ssh` to {closed}"))
        }
    };
    let finding =
        Finding::new(Grade::Serious, "host-beyond-reach", what, "Blackstart does not get there", to_do);
    Some(finding.about([id.clone()]).at(look.sources.place(id, "ssh.jump").cloned()))
}
