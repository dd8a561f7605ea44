//! Would it work tonight? Every host is asked, and on it every service: is it reached, does it know what it is to start,
//! and would it allow all that the restart and the cut would ask for. Nothing is changed.
//!
//! The asking takes whoever carries scripts as a function; what comes back is judged here, purely, into findings.

use estate::hands::{Become, Driver};
use estate::model::Service;
use estate::{Estate, Finding, Grade, Id};

use message::{Command, Remedy};

use crate::facts::{Reading, UnitState};
use crate::order::{NoOrder, Order, OrderOutcome, order};
use crate::reach::Heard;
use crate::way::{self, NoWay, Way};
use crate::{Script, Verb, reading};

/// What came of asking one host. `None`: this machine, for what needs no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostReport {
    pub host: Option<Id>,
    pub silence: Option<Silence>,
    pub services: Vec<ServiceReport>,
}

/// Why nothing was asked of its services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silence {
    NoWay(NoWay),
    /// Another key than the estate names.
    OtherKey(String),
    /// Our key is not let in.
    NotLetIn(String),
    NotReached(String),
    /// It was reached, and the script did not come to its end.
    NoEnd(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceReport {
    pub service: Id,
    pub answer: Result<Reading, String>,
}

/// Services that a driver starts, with the host on which it does.
pub fn driven(estate: &Estate) -> impl Iterator<Item = (&Id, &Service, &Driver)> {
    estate
        .services
        .iter()
        .filter_map(|(id, service)| Some((id, service, service.run.as_ref()?.driver.as_ref()?)))
}

/// Every host that there is something to ask: those that are reached, and those on which something is to be started.
pub fn hosts(estate: &Estate) -> Vec<Option<Id>> {
    let reached = estate.hosts.iter().filter(|(_, host)| host.is_reached()).map(|(id, _)| Some(id.clone()));
    let used = driven(estate).map(|(_, service, _)| service.host.clone());
    let mut hosts: Vec<Option<Id>> = reached.chain(used).collect();
    hosts.sort();
    hosts.dedup();
    hosts
}

/// The first thing that is asked of a host.
fn greeting() -> Script {
    let text = "printf 'after boot %s\\n' \"$(cat /proc/sys/kernel/random/boot_id)\"\n".to_owned();
    Script { verb: Verb::Probe, text }
}

/// Asks one host, and on it everything that is started there. `carry` says why a script was not sent off.
pub fn asked(
    estate: &Estate,
    host: Option<&Id>,
    carry: &dyn Fn(&Way, &Script) -> Result<Heard, String>,
) -> HostReport {
    let silence = host.and_then(|host| match way::to(estate, host) {
        Err(no) => Some(Silence::NoWay(no)),
        Ok(way) => silence(carry(&way, &greeting())),
    });
    let on_it = driven(estate).filter(|(_, service, _)| service.host.as_ref() == host);
    let services = match &silence {
        Some(_) => Vec::new(),
        None => on_it.map(|(id, _, _)| of_service(estate, id, carry)).collect(),
    };
    HostReport { host: host.cloned(), silence, services }
}

fn silence(heard: Result<Heard, String>) -> Option<Silence> {
    let heard = match heard {
        Err(why) => return Some(Silence::NotReached(why)),
        Ok(heard) => heard,
    };
    let said = if heard.said.is_empty() { heard.broke_off.clone() } else { heard.said.clone() };
    match (heard.code, heard.may_have_begun) {
        (Some(0), _) => None,
        (_, true) => Some(Silence::NoEnd(said)),
        (_, false) if said.contains("erification failed") || said.contains("IDENTIFICATION") => {
            Some(Silence::OtherKey(said))
        }
        (_, false) if said.contains("Permission denied") => Some(Silence::NotLetIn(said)),
        (_, false) => Some(Silence::NotReached(said)),
    }
}

fn of_service(
    estate: &Estate,
    id: &Id,
    carry: &dyn Fn(&Way, &Script) -> Result<Heard, String>,
) -> ServiceReport {
    let answer = order(estate, id, Verb::Rehearse).map_err(|no: NoOrder| no.to_string());
    let answer = answer.and_then(|order: Order| {
        let heard = carry(&order.way, &order.script)?;
        match order.came(&heard) {
            OrderOutcome::Done(_) => Ok(reading(&order.driver, &heard.output)),
            OrderOutcome::Failed(why) | OrderOutcome::NotBegun(why) | OrderOutcome::InDoubt(why) => Err(why),
        }
    });
    ServiceReport { service: id.clone(), answer }
}

/// What is missing, worst first.
pub fn findings(estate: &Estate, reports: &[HostReport]) -> Vec<Finding> {
    let mut found = Vec::new();
    for report in reports {
        found.extend(of_host(estate, report));
        found.extend(not_allowed(estate, report));
        found.extend(report.services.iter().flat_map(|service| of_answer(estate, service)));
    }
    found.sort_by_key(|finding| finding.grade);
    found
}

fn of_host(estate: &Estate, report: &HostReport) -> Option<Finding> {
    let (host, silence) = (report.host.as_ref()?, report.silence.as_ref()?);
    let ssh = estate.hosts.get(host).and_then(|host| host.ssh.as_ref());
    let address = ssh.map_or_else(String::new, |ssh| ssh.address.clone());
    let user = ssh.and_then(|ssh| ssh.user.clone()).unwrap_or_else(|| "the user who logs in".to_owned());
    let (code, what, to_do): (_, _, Remedy) = match silence {
        Silence::NoWay(no) => ("no-way", no.to_string(), 
            Remedy::run_to(
                "say in the estate how it is reached; what is missing is shown by",
                Command::new("check").open("ESTATE"),
            ),
        ),
        Silence::OtherKey(said) => (
            "other-host-key",
            format!("{host} shows another key than the estate names: {said}"),
            format!("it was installed anew, or somebody else answers at {address}: compare with /etc/ssh/ssh_host_ed25519_key.pub at its console before you change `host_key`").into(),
        ),
        Silence::NotLetIn(said) => (
            "login-refused",
            format!("{host} does not let us in as {user}: {said}"),
            format!("put the public key into ~/.ssh/authorized_keys of {user} there, and name its private file in `identity` or load it into the agent").into(),
        ),
        Silence::NotReached(said) => (
            "host-silent",
            format!("{host} was not reached: {said}"),
            format!("check whether it runs and whether {address} takes ssh connections from this machine").into(),
        ),
        Silence::NoEnd(said) => (
            "no-end",
            format!("{host} was reached, and a script did not come to its end: {said}"),
            format!("log in as {user} and run `sh -s`: a forced command, a start-up file of the shell or a full disk stands in the way").into(),
        ),
    };
    let on_it: Vec<Id> = driven(estate)
        .filter(|(_, service, _)| service.host.as_ref() == Some(host))
        .map(|(id, ..)| id.clone())
        .collect();
    let means = match on_it.len() {
        0 => "nothing is started there by Blackstart so far".to_owned(),
        1 => format!("{} could neither be started nor cut off", on_it[0]),
        count => format!("{count} services could neither be started nor cut off"),
    };
    let grade = if on_it.is_empty() { Grade::Note } else { Grade::Serious };
    Some(Finding::new(grade, code, what, means, to_do).about([host.clone()]).about(on_it))
}

/// One finding for a host, with all that is to be allowed there: people write one rule, not twenty.
fn not_allowed(estate: &Estate, report: &HostReport) -> Option<Finding> {
    let lacking = |service: &ServiceReport| match &service.answer {
        Ok(read) => read.may_not.clone(),
        Err(_) => Vec::new(),
    };
    let services: Vec<Id> = report
        .services
        .iter()
        .filter(|service| !lacking(service).is_empty())
        .map(|service| service.service.clone())
        .collect();
    let mut commands: Vec<String> = report.services.iter().flat_map(lacking).collect();
    commands.sort();
    commands.dedup();
    let first = commands.first()?.clone();
    let place = report.host.as_ref().map_or_else(|| "this machine".to_owned(), Id::to_string);
    let ssh = report.host.as_ref().and_then(|host| estate.hosts.get(host)?.ssh.as_ref());
    let becomes = ssh.map(|ssh| ssh.becomes).unwrap_or_default();
    let user = ssh.and_then(|ssh| ssh.user.clone()).unwrap_or_else(|| "USER".to_owned());
    let to_do = match becomes {
        _ if first.starts_with("kubectl ") => {
            "grant the user of that context `get` and `patch` on the workloads and `patch` on their scale"
                .to_owned()
        }
        Become::Sudo => format!(
            "write into /etc/sudoers.d/blackstart there, with visudo: {user} ALL=(root) NOPASSWD: {}",
            rule(&commands)
        ),
        Become::Nobody if report.host.is_some() => {
            "write `become = \"sudo\"` into its `ssh`, or log in as a user who may do that".to_owned()
        }
        Become::Nobody => "run Blackstart as a user who may do that".to_owned(),
    };
    let more = if commands.len() > 1 { format!(" and {} more", commands.len() - 1) } else { String::new() };
    let what = format!("{place} would not allow: {first}{more}");
    let means = "it would refuse them in the incident, when nobody who can grant them may be reached";
    Some(
        Finding::new(Grade::Serious, "not-allowed", what, means, to_do)
            .about(report.host.clone())
            .about(services),
    )
}

/// As sudoers wants it: whole paths, and its own signs escaped.
fn rule(commands: &[String]) -> String {
    let escaped = |command: &String| {
        let text = if command.starts_with('/') { command.clone() } else { format!("/usr/bin/{command}") };
        // Whoever may use docker at all may do everything: a rule for single words of it would only look tight.
        let text = if text.starts_with("/usr/bin/docker ") { "/usr/bin/docker".to_owned() } else { text };
        let escape = |letter: char| match letter {
            ',' | ':' | '=' | '\\' => format!("\\{letter}"),
            letter => letter.to_string(),
        };
        text.chars().map(escape).collect::<String>()
    };
    let mut all: Vec<String> = commands.iter().map(escaped).collect();
    all.dedup();
    all.join(", ")
}

fn of_answer(estate: &Estate, report: &ServiceReport) -> Vec<Finding> {
    let service = estate.services.get(&report.service);
    let Some(driver) = service.and_then(|service| service.run.as_ref()?.driver.as_ref()) else {
        return Vec::new();
    };
    let about = |finding: Finding| finding.about([report.service.clone()]);
    let read = match &report.answer {
        Ok(read) => read,
        Err(why) => {
            let what = format!("how {} stands was not said: {why}", report.service);
            let means = "it could neither be started nor cut off, and nobody would know how it stands";
            let to_do = format!("check there whether {} can be asked at all", driver.word());
            return vec![about(Finding::new(Grade::Serious, "not-looked-at", what, means, to_do))];
        }
    };
    let mut found = Vec::new();
    if read.standing == UnitState::Missing {
        found.push(about(Finding::new(
            Grade::Serious,
            "not-there",
            format!("{}: its host knows nothing of {}", report.service, driver.said()),
            "it cannot be started there, and a cut would stop nothing",
            format!("correct `run.{}` or its `host`, or install it", driver.word()),
        )));
    }
    if let Driver::Systemd(unit) = driver
        && !matches!(read.after.get("Id"), id if id.is_empty() || id == unit)
    {
        let id = read.after.get("Id");
        found.push(about(Finding::new(
            Grade::Serious,
            "another-name",
            format!("{}: {unit} is another name of {id} on its host", report.service),
            "a cut would be refused: held by this name it could still be started by its own",
            format!("write run.systemd = \"{id}\""),
        )));
    }
    if read.is_held {
        found.push(about(Finding::new(
            Grade::Serious,
            "held",
            format!("{} is kept from being started on its host, by a cut of Blackstart", report.service),
            "it does not start before that cut is lifted",
            Remedy::run_to(
                "lift that cut, in the incident that made it",
                Command::new("contain lift").incident().with(&report.service).reason(),
            ),
        )));
    }
    let along: Vec<&str> =
        ["RequiredBy", "BoundBy"].iter().flat_map(|name| read.after.get(name).split_whitespace()).collect();
    let along: Vec<&str> = along.into_iter().filter(|unit| !unit.ends_with(".target")).collect();
    if !along.is_empty() {
        found.push(about(Finding::new(
            Grade::Note,
            "takes-along",
            format!("whoever stops {} stops with it: {}", report.service, along.join(", ")),
            "these do not come back by themselves when it is started again",
            "describe them as services that need it, so that the restart brings them back",
        )));
    }
    found
}
