//! Who is named in settings and commands: `DB_HOST=db1`, `--queue amqp://mq1:5672`. Units of one host cannot state
//! dependencies on those of another, so this is all there is between hosts. Proposed only; no value is repeated.

use super::super::Origin;
use super::super::draft::Draft;
use super::super::mentions::{self, Hint, Reach};
use super::super::roles::role;
use super::describe;
use super::name::{self, Backslash};
use super::needs::Part;
use super::{AllNames, HostUnits, Ids, amount};
use estate::id::Id;
use estate::shown;

/// Ports that services listen on if nobody changed it, by the beginning of the unit's name.
const USUAL_PORTS: [(&str, &[u16]); 32] = [
    ("postgresql", &[5432]),
    ("postgres", &[5432]),
    ("pgbouncer", &[6432]),
    ("mysql", &[3306]),
    ("mariadb", &[3306]),
    ("mongod", &[27017]),
    ("redis", &[6379]),
    ("valkey", &[6379]),
    ("memcached", &[11211]),
    ("rabbitmq", &[5672, 5671]),
    ("kafka", &[9092]),
    ("zookeeper", &[2181]),
    ("elasticsearch", &[9200]),
    ("opensearch", &[9200]),
    ("cassandra", &[9042]),
    ("influxdb", &[8086]),
    ("prometheus", &[9090]),
    ("grafana", &[3000]),
    ("nginx", &[80, 443]),
    ("apache2", &[80, 443]),
    ("httpd", &[80, 443]),
    ("haproxy", &[80, 443]),
    ("tomcat", &[8080]),
    ("slapd", &[389, 636]),
    ("dirsrv", &[389, 636]),
    ("krb5kdc", &[88]),
    ("named", &[53]),
    ("bind9", &[53]),
    ("postfix", &[25]),
    ("vault", &[8200]),
    ("consul", &[8500]),
    ("keycloak", &[8080]),
];

/// How sure it is when the host is named and only one of its services is known to listen.
const BY_HOST_ALONE: u16 = 600;
/// What `mentions` answers where the port fits too, in settings and in commands.
const FITS_SETTING: u16 = 950;
const FITS_COMMAND: u16 = 900;

pub(super) fn propose(seen: &[HostUnits<'_>], names: &AllNames, telling: bool, draft: &mut Draft) {
    let mut everywhere = Reach::default();
    let mut local: Vec<Reach> = Vec::new();
    for host in seen {
        let ids = Ids { names, host: host.name.as_deref(), telling };
        let mut here = Reach::default();
        let activators = describe::activators(&host.units.units, &host.boot);
        for at in services(host) {
            let sockets = activators.get(&at).map_or(&[][..], Vec::as_slice);
            let ports = ports(&host.units.units[at].name, sockets);
            if ports.is_empty() {
                continue;
            }
            let id = ids.id(host, at);
            here.host("localhost", &id);
            for name in
                host.name.iter().flat_map(|name| [name.as_str(), name.split('.').next().unwrap_or(name)])
            {
                everywhere.host(name, &id);
            }
            for port in ports {
                here.port(&id, port);
                everywhere.port(&id, port);
            }
        }
        local.push(here);
    }
    for (host, here) in seen.iter().zip(&local) {
        let ids = Ids { names, host: host.name.as_deref(), telling };
        for at in services(host) {
            one(host, at, &ids.id(host, at), &[&everywhere, here], draft);
        }
    }
}

fn services<'s>(host: &'s HostUnits<'_>) -> impl Iterator<Item = usize> + 's {
    (0..host.parts.len()).filter(|at| host.parts[*at] == Part::Service)
}

fn ports(unit: &str, sockets: &[&super::unit::Unit]) -> Vec<u16> {
    let listening = sockets.iter().flat_map(|socket| describe::listening(socket));
    let mut ports: Vec<u16> =
        listening.filter_map(|text| amount::port(&text).map(|(_, port)| port)).collect();
    let usual = USUAL_PORTS.iter().find(|(begin, _)| unit.starts_with(begin));
    ports.extend(usual.into_iter().flat_map(|(_, usual)| usual.iter().copied()));
    ports
}

/// One service is looked through.
fn one(host: &HostUnits<'_>, at: usize, id: &Id, reaches: &[&Reach], draft: &mut Draft) {
    let unit = &host.units.units[at];
    for setting in unit.all("Service", "Environment") {
        for word in name::words(&setting.value, Backslash::Meant).unwrap_or_default() {
            let Some((variable, value)) = word.split_once('=') else { continue };
            let hints: Vec<Hint> =
                reaches.iter().flat_map(|reach| mentions::in_setting(reach, variable, value, &[])).collect();
            add(id, &hints, FITS_SETTING, &format!("environment {variable}"), &setting.at, draft);
        }
    }
    for key in ["ExecStartPre", "ExecStart"] {
        for setting in unit.all("Service", key) {
            let words = name::words(&setting.value, Backslash::Meant).unwrap_or_default();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let hints: Vec<Hint> =
                reaches.iter().flat_map(|reach| mentions::in_command(reach, &words)).collect();
            add(id, &hints, FITS_COMMAND, key, &setting.at, draft);
        }
    }
}

/// A host has several services: the one that listens on the port is meant, or nobody can tell.
fn add(from: &Id, hints: &[Hint], fits: u16, seen_in: &str, origin: &Origin, draft: &mut Draft) {
    let by_port = hints.iter().any(|hint| hint.confidence == fits);
    let mut others: Vec<&Id> = hints.iter().map(|hint| &hint.to).filter(|to| *to != from).collect();
    others.sort();
    others.dedup();
    let alone = others.len() == 1;
    for hint in hints {
        let confidence = match (by_port, alone) {
            (true, _) if hint.confidence == fits => FITS_COMMAND,
            (false, true) => BY_HOST_ALONE.min(hint.confidence),
            (true, _) | (false, false) => continue,
        };
        let kind =
            draft.estate.services.get(&hint.to).map(|service| role(&service.name, None).proposed_kind());
        let Some(kind) = kind else { continue };
        let evidence = format!("{} names {} ({origin})", shown(seen_in), shown(&hint.seen));
        draft.propose(from, &hint.to, kind, evidence, confidence);
    }
}
