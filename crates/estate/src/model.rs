//! What an estate consists of. Plain values: reading them from files is `read`, judging them is `check`.
//!
//! Everything is held in ordered maps, so that two machines walk an estate in the same order and the
//! same estate always gives the same plan, page and hash.

use std::collections::BTreeMap;

use super::hands::{Driver, Ssh};
use super::id::Id;
use super::words::Words;

/// Everything the provider runs, and who depends on it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estate {
    pub provider: String,
    pub words: Words,
    pub sites: BTreeMap<Id, Site>,
    pub hosts: BTreeMap<Id, Host>,
    pub services: BTreeMap<Id, Service>,
    pub stores: BTreeMap<Id, Store>,
    pub capabilities: BTreeMap<Id, Capability>,
    pub tenants: BTreeMap<Id, Tenant>,
    pub externals: BTreeMap<Id, External>,
    pub resources: BTreeMap<Id, Resource>,
    /// Dependent to provider, each once, ordered by dependent, kind and provider.
    pub edges: Vec<Edge>,
    /// What may be done at an alarm without asking first.
    pub authority: Vec<Authority>,
}

/// A data centre, with the doors that cut it off.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Site {
    pub name: String,
    pub doors: Vec<Door>,
}

/// A way into a site: how to close and open it, and where to knock to see whether it is closed.
#[derive(Clone, Debug, PartialEq)]
pub struct Door {
    pub name: String,
    pub close: Vec<String>,
    pub open: Vec<String>,
    /// `address:port` that must refuse a connection once the door is closed.
    pub probe: String,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Host {
    pub name: String,
    pub site: Option<Id>,
    /// Cores that may be busy with booting services at once. `None`: not limited.
    pub cpu: Option<u64>,
    /// Mebibytes for running services. `None`: not limited.
    pub memory: Option<u64>,
    /// How commands get there from elsewhere.
    pub ssh: Option<Ssh>,
    /// It is the very machine on which Blackstart runs.
    pub local: bool,
}

/// Whether a start may be repeated when nobody knows if it happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StartClass {
    /// Look first; if it does not run, start it. The default.
    #[default]
    Probe,
    /// Starting twice does no harm.
    Repeatable,
    /// Must never happen twice. In doubt it is held for a person.
    Once,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    pub name: String,
    /// What it is made from: an image, a package.
    pub image: Option<String>,
    /// Ports it listens on, as its source writes them: `5432`, `8080:80/tcp`.
    pub ports: Vec<String>,
    pub host: Option<Id>,
    /// Stated directly, or taken from the host.
    pub site: Option<Id>,
    pub tier: Option<u64>,
    /// Mebibytes it keeps once started.
    pub memory: u64,
    /// Cores it needs while booting.
    pub cpu_boot: u64,
    /// Skills (resources of kind crew) needed while it is started and its gate is passed.
    pub crew: Vec<Id>,
    /// Requests a second it can serve warm.
    pub capacity: Option<u64>,
    /// Load of a cold start as percent of normal, for example 300.
    pub cold_load: Option<u64>,
    /// Expected seconds from start to listening.
    pub boot_s: u64,
    pub start_class: StartClass,
    /// A second person has to approve the start.
    pub second_person: bool,
    pub run: Option<Run>,
    pub gates: Vec<Gate>,
}

/// How a service is started and stopped: by a driver on its host, or by commands on this machine.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// With it there are no commands besides `admit`.
    pub driver: Option<Driver>,
    pub start: Vec<String>,
    /// Without it the process (session) gets SIGTERM, then SIGKILL.
    pub stop: Vec<String>,
    /// Command that lets load in once the gate has passed; empty: nothing to do.
    pub admit: Vec<String>,
    pub directory: Option<String>,
    pub environment: BTreeMap<String, String>,
    /// Where a process that Blackstart did not start wrote its process id.
    pub pid_file: Option<String>,
    /// A job: the start is done when it exits 0, and nothing keeps running.
    pub job: bool,
}

/// A health condition. It must hold for `hold_ms` without a break before `deadline_ms` is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    pub probe: Probe,
    pub hold_ms: u64,
    pub deadline_ms: u64,
    pub every_ms: u64,
    /// What the probe itself needs. It must not be restored later than the service (invariant 12).
    pub uses: Vec<Id>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// `address:port` accepts a connection.
    Tcp(String),
    /// A GET answers with this status.
    Http { url: String, status: u16 },
    /// The command exits 0.
    Command(Vec<String>),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    pub name: String,
    pub site: Option<Id>,
    /// Mebibytes to restore.
    pub size: u64,
    /// Mebibytes a second one restore of it can take in.
    pub restore_rate: Option<u64>,
    /// Folder the data lives in.
    pub path: Option<String>,
    pub source: Option<Source>,
}

/// Where a store is restored from, and where the secret for that comes from (never the secret).
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// `restic:/path`.
    pub repository: String,
    /// Host whose backups are this store's. Has to be said as soon as the repository holds those of several.
    pub host: Option<String>,
    /// Where the store lies inside its backups, as absolute paths. Empty: not said.
    pub paths: Vec<String>,
    pub secret: Secret,
    /// Resource (bandwidth) that restores from this repository share.
    pub resource: Option<Id>,
}

impl Source {
    /// The repository's place, however its folder is written at the end.
    pub fn place(&self) -> &str {
        self.repository.trim_end_matches('/')
    }
}

/// Where a repository lies, as it may be shown and printed: without user and password, if its address holds them.
pub fn shown_address(repository: &str) -> String {
    match repository.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?))) {
        Some((scheme, (_, host))) => format!("{scheme}://***@{host}"),
        None => repository.to_owned(),
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Secret {
    Environment(String),
    File(String),
}

/// What happens to an intake when the path behind it is cut.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum CutBehaviour {
    #[default]
    Hold,
    Divert(String),
    Reject {
        reason: String,
    },
}

/// What people need, served by one service for each tenant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Capability {
    pub name: Translated,
    /// Integer weight; insured × urgency × hours is the price of not having it.
    pub urgency: u64,
    pub cut: CutBehaviour,
    pub rto_s: Option<u64>,
    pub served_by: Vec<Serving>,
}

/// Which service serves a capability for which tenants. An explicit tenant list beats a site, a site beats all.
#[derive(Clone, Debug, PartialEq)]
pub struct Serving {
    pub service: Id,
    pub to: Tenants,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Tenants {
    All,
    /// Those whose home site this is.
    Site(Id),
    Listed(Vec<Id>),
}

/// What the public reads. A language that is not given falls back to German, labelled as such.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Translated {
    pub de: String,
    pub fr: Option<String>,
    pub en: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tenant {
    pub name: String,
    pub insured: u64,
    /// The site its instances run at.
    pub site: Option<Id>,
    /// Legal name of the controller in the sense of the GDPR, if it differs from `name`.
    pub controller: Option<String>,
    /// Supervising authority.
    pub supervisor: Option<String>,
    pub contacts: Vec<String>,
    /// Of `de`, `fr`, `en`. Empty means all three.
    pub languages: Vec<String>,
    /// `#rrggbb` for the tenant's pages.
    pub colour: Option<String>,
}

/// A party outside: never restored by us, but depended on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct External {
    pub name: String,
}

/// A limit that many steps share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    pub name: String,
    pub kind: ResourceKind,
    /// Mebibytes a second, people, slots, cores or mebibytes, by kind.
    pub capacity: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResourceKind {
    #[default]
    RestoreBandwidth,
    Crew,
    ScanSlots,
    Cpu,
    Memory,
}

/// May be done at an alarm without asking.
#[derive(Clone, Debug, PartialEq)]
pub struct Authority {
    /// `stop-service`, `close-door`, `freeze-writer`.
    pub may: String,
    /// Of which things; empty means everywhere.
    pub on: Vec<Id>,
    /// Who granted it, for the record.
    pub granted_by: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeKind {
    Hard,
    Soft,
    StartOnly,
    Data,
    Order,
}

impl Host {
    /// The estate says how commands get there.
    pub fn is_reached(&self) -> bool {
        self.local || self.ssh.is_some()
    }
}

impl Service {
    /// Nothing says how it is started: a person does that.
    pub fn is_started_by_hand(&self) -> bool {
        self.run.as_ref().is_none_or(|run| run.start.is_empty() && run.driver.is_none())
    }

    /// A driver starts and stops it on its host.
    pub fn is_driven(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.driver.is_some())
    }

    /// Its start ends by itself.
    pub fn is_job(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.job)
    }

    /// Its start ends by itself and leaves something running that only its stop command or its driver ends.
    pub fn leaves_something_running(&self) -> bool {
        self.run
            .as_ref()
            .is_some_and(|run| if run.driver.is_some() { !run.job } else { run.job && !run.stop.is_empty() })
    }
}

impl Store {
    /// Nothing says from where its data can be restored: a person brings it back.
    pub fn is_brought_back_by_hand(&self) -> bool {
        self.source.is_none()
    }
}

impl EdgeKind {
    pub const ALL: [EdgeKind; 5] =
        [EdgeKind::Hard, EdgeKind::Soft, EdgeKind::StartOnly, EdgeKind::Data, EdgeKind::Order];

    pub fn word(self) -> &'static str {
        match self {
            EdgeKind::Hard => "hard",
            EdgeKind::Soft => "soft",
            EdgeKind::StartOnly => "start_only",
            EdgeKind::Data => "data",
            EdgeKind::Order => "order",
        }
    }

    /// The dependent may not start before the provider is healthy. `Order` blocks only if both are in a plan.
    pub fn blocks_start(self) -> bool {
        match self {
            EdgeKind::Hard | EdgeKind::StartOnly | EdgeKind::Data => true,
            EdgeKind::Soft | EdgeKind::Order => false,
        }
    }

    /// The dependent is parked when the provider fails.
    pub fn parks_dependent(self) -> bool {
        match self {
            EdgeKind::Hard => true,
            EdgeKind::Soft | EdgeKind::StartOnly | EdgeKind::Data | EdgeKind::Order => false,
        }
    }

    /// An infection can pass along this edge.
    pub fn passes_infection(self) -> bool {
        match self {
            EdgeKind::Hard | EdgeKind::Soft | EdgeKind::StartOnly | EdgeKind::Data => true,
            EdgeKind::Order => false,
        }
    }

    /// The dependent still serves people without the provider.
    pub fn serves_without(self) -> bool {
        match self {
            EdgeKind::Soft | EdgeKind::StartOnly | EdgeKind::Data | EdgeKind::Order => true,
            EdgeKind::Hard => false,
        }
    }
}

/// A dependency, with how it is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Edge {
    pub from: Id,
    pub to: Id,
    pub kind: EdgeKind,
    pub evidence: Evidence,
    /// Who or what said so, and when, in their words.
    pub by: Option<String>,
    /// Thousandths, 0 to 1000: integers, because confidence decides what is proposed.
    pub confidence: u16,
}

/// A dependency that something hints at. It is no part of the estate until a person confirms it.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    pub from: Id,
    pub to: Id,
    pub kind: EdgeKind,
    /// The two are known to depend on each other in this kind, and the proposal is to change it.
    pub instead_of: Option<EdgeKind>,
    /// What was seen, and where, in words. Never a secret: names of variables, not their values.
    pub evidence: String,
    /// Thousandths.
    pub confidence: u16,
    /// A person said no; it is kept so that it is not proposed again.
    pub rejected: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Evidence {
    #[default]
    Declared,
    Observed,
    Inferred,
}

impl Estate {
    /// The service that serves `capability` for `tenant`, if any: explicit list, then home site, then all.
    pub fn serving(&self, capability: &Id, tenant: &Id) -> Option<&Id> {
        let capability = self.capabilities.get(capability)?;
        let home = self.tenants.get(tenant)?.site.as_ref();
        let rank = |to: &Tenants| match to {
            Tenants::Listed(ids) if ids.contains(tenant) => Some(0),
            Tenants::Site(site) if Some(site) == home => Some(1),
            Tenants::All => Some(2),
            Tenants::Listed(_) | Tenants::Site(_) => None,
        };
        capability
            .served_by
            .iter()
            .filter_map(|serving| Some((rank(&serving.to)?, &serving.service)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, service)| service)
    }

    /// The other stores that have their copies in the same repository.
    pub fn beside(&self, store: &Id) -> Vec<Id> {
        let place = |store: &Store| store.source.as_ref().map(|source| source.place().to_owned());
        let Some(own) = self.stores.get(store).and_then(place) else { return Vec::new() };
        let others =
            self.stores.iter().filter(|(id, other)| *id != store && place(other).as_ref() == Some(&own));
        others.map(|(id, _)| id.clone()).collect()
    }

    /// The site of a service: its own statement, else its host's.
    pub fn site_of(&self, service: &Id) -> Option<&Id> {
        let service = self.services.get(service)?;
        service.site.as_ref().or_else(|| self.hosts.get(service.host.as_ref()?)?.site.as_ref())
    }

    /// Edges that start at `dependent`.
    pub fn needs<'a>(&'a self, dependent: &'a Id) -> impl Iterator<Item = &'a Edge> {
        self.edges.iter().filter(move |edge| edge.from == *dependent)
    }

    pub fn contains(&self, id: &Id) -> bool {
        use super::id::Kind;
        match id.kind() {
            Kind::Site => self.sites.contains_key(id),
            Kind::Host => self.hosts.contains_key(id),
            Kind::Service => self.services.contains_key(id),
            Kind::Store => self.stores.contains_key(id),
            Kind::Capability => self.capabilities.contains_key(id),
            Kind::Tenant => self.tenants.contains_key(id),
            Kind::External => self.externals.contains_key(id),
            Kind::Resource => self.resources.contains_key(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_password() {
        assert_eq!(
            shown_address("restic:rest:https://u:p/@ss@host:8000/a"),
            "restic:rest:https://***@host:8000/a"
        );
        for plain in ["restic:rest:https://host/a", "restic:/srv/a@b", "restic:rclone:s3:bucket"] {
            assert_eq!(shown_address(plain), plain);
        }
    }
}
