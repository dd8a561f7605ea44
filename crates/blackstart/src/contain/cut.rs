//! Proposes a cut, and says what it costs.
//!
//! Infected is what was named, and every service that runs at a named site or host: it is lost already, and
//! stopping it costs nobody anything more. What stands directly on a named store is not infected for certain,
//! but would go on reading and writing there; it is stopped too, and that has a price. Doors are closed where
//! a whole site is infected.

use std::collections::{BTreeMap, BTreeSet};

use crate::estate::graph;
use crate::estate::model::Estate;
use crate::estate::{Id, Kind};
use crate::incident::event::CutAct;
use crate::plan::lost::{services_at, stores_at};

#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// Named, or running at what was named.
    pub infected: BTreeSet<Id>,
    /// Not infected as far as is known, and not cut off, but reachable along dependencies that an infection can
    /// pass, with the neighbour it would come from.
    pub exposed: BTreeMap<Id, Id>,
    /// In the order in which it is done: doors first, so that nothing new gets in or out.
    pub acts: Vec<CutAct>,
    /// Insured of the tenants that lose a capability through the cut beyond what the infection has already
    /// taken, each tenant once.
    pub cost_insured: u64,
    /// Those tenants.
    pub tenants: BTreeSet<Id>,
    /// No cut of what is infected costs less than this.
    pub bound: u64,
    /// The cost is proven to be the least. This form compares no cuts: it knows so only if the cost is nothing.
    pub optimal: bool,
    /// Insured of the tenants that have lost a capability through the infection itself, each tenant once.
    pub already_lost_insured: u64,
    pub already_lost_tenants: BTreeSet<Id>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("nothing is named as infected")]
    NothingNamed,
    #[error("not in this estate: {}", list(.0))]
    NotInEstate(Vec<Id>),
    #[error("{0} cannot be infected: only sites, hosts, services and stores can")]
    CannotBeInfected(Id),
    #[error("{protected} is to be protected, but {by}")]
    Protected { protected: Id, by: String },
}

impl Refusal {
    pub fn means(&self) -> &'static str {
        match self {
            Refusal::NothingNamed => "there is nothing to cut off",
            Refusal::NotInEstate(_) => {
                "a misspelt name would leave the infected thing running, so nothing was decided"
            }
            Refusal::CannotBeInfected(_) => "there is nothing of ours to stop or to close there",
            Refusal::Protected { .. } => "both cannot be had; nothing was decided",
        }
    }

    pub fn to_do(&self) -> &'static str {
        match self {
            Refusal::NothingNamed => "name it: --infected site:muc, or a host, service or store",
            Refusal::NotInEstate(_) => "look the name up with `blackstart check ESTATE`",
            Refusal::CannotBeInfected(_) => "name the site, host, service or store of ours that it reaches",
            Refusal::Protected { .. } => {
                "leave it out of --protect if it has to go, or name less as infected (single hosts or services instead of a site)"
            }
        }
    }
}

fn list(ids: &[Id]) -> String {
    ids.iter().map(Id::to_string).collect::<Vec<_>>().join(", ")
}

/// The cut of what is infected. Pure.
pub fn propose(estate: &Estate, named: &[Id], protect: &[Id]) -> Result<Proposal, Refusal> {
    if named.is_empty() {
        return Err(Refusal::NothingNamed);
    }
    let unknown: Vec<Id> = named.iter().chain(protect).filter(|id| !estate.contains(id)).cloned().collect();
    if !unknown.is_empty() {
        return Err(Refusal::NotInEstate(unknown));
    }
    if let Some(id) = named.iter().find(|id| !can_be_infected(id.kind())) {
        return Err(Refusal::CannotBeInfected(id.clone()));
    }
    let named: BTreeSet<&Id> = named.iter().collect();
    let infected_services = services_at(estate, &named);
    let mut infected: BTreeSet<Id> = named.iter().map(|id| (*id).clone()).collect();
    infected.extend(infected_services.iter().cloned());
    infected.extend(stores_at(estate, &named));
    let mut stopped = infected_services.clone();
    stopped.extend(standing_on(estate, &named));
    let acts = acts(estate, &named, &stopped);
    let already_lost = graph::lost_when_down(estate, &infected);
    let all_lost = graph::lost_when_down(estate, &infected.union(&stopped).cloned().collect());
    let by_cut: BTreeSet<(Id, Id)> = all_lost.difference(&already_lost).cloned().collect();
    for id in protect {
        if let Some(by) = against(estate, id, &infected, &acts, &by_cut) {
            return Err(Refusal::Protected { protected: id.clone(), by });
        }
    }
    let cost_insured = graph::loss(estate, &by_cut).insured;
    Ok(Proposal {
        exposed: exposed(estate, &infected, &stopped),
        infected,
        acts,
        cost_insured,
        tenants: tenants(&by_cut),
        // A price is never below nothing; more than that is not known without comparing cuts.
        bound: 0,
        optimal: cost_insured == 0,
        already_lost_insured: graph::loss(estate, &already_lost).insured,
        already_lost_tenants: tenants(&already_lost),
    })
}

fn can_be_infected(kind: Kind) -> bool {
    match kind {
        Kind::Site | Kind::Host | Kind::Service | Kind::Store => true,
        Kind::Capability | Kind::Tenant | Kind::External | Kind::Resource => false,
    }
}

/// Services with a dependency that passes infection straight to one of the named stores.
fn standing_on(estate: &Estate, named: &BTreeSet<&Id>) -> BTreeSet<Id> {
    let on_store = |id: &Id| id.kind() == Kind::Store && named.contains(id);
    let edges = estate.edges.iter().filter(|edge| edge.kind.passes_infection() && on_store(&edge.to));
    edges.map(|edge| edge.from.clone()).filter(|id| estate.services.contains_key(id)).collect()
}

fn acts(estate: &Estate, named: &BTreeSet<&Id>, stopped: &BTreeSet<Id>) -> Vec<CutAct> {
    let doors = estate.sites.iter().filter(|(id, _)| named.contains(*id)).flat_map(|(id, site)| {
        site.doors.iter().map(|door| CutAct::CloseDoor { site: id.clone(), door: door.name.clone() })
    });
    let stops = stopped.iter().map(|service| CutAct::StopService { service: service.clone() });
    doors.chain(stops).collect()
}

/// Of pairs (tenant, capability).
fn tenants(lost: &BTreeSet<(Id, Id)>) -> BTreeSet<Id> {
    lost.iter().map(|(tenant, _)| tenant.clone()).collect()
}

/// Follows dependencies in both directions, because a connection carries an infection either way: who uses an
/// infected service trusts it, and who is used by one is open to it. Parties outside are not followed through.
fn exposed(estate: &Estate, infected: &BTreeSet<Id>, stopped: &BTreeSet<Id>) -> BTreeMap<Id, Id> {
    let mut neighbours: BTreeMap<&Id, BTreeSet<&Id>> = BTreeMap::new();
    let inside = |id: &Id| matches!(id.kind(), Kind::Service | Kind::Store);
    for edge in estate.edges.iter().filter(|edge| edge.kind.passes_infection()) {
        if inside(&edge.from) && inside(&edge.to) {
            neighbours.entry(&edge.from).or_default().insert(&edge.to);
            neighbours.entry(&edge.to).or_default().insert(&edge.from);
        }
    }
    let mut seen: BTreeSet<&Id> = infected.iter().chain(stopped).collect();
    let mut open: std::collections::VecDeque<&Id> = seen.iter().copied().collect();
    let mut exposed = BTreeMap::new();
    while let Some(id) = open.pop_front() {
        for &next in neighbours.get(id).into_iter().flatten() {
            if seen.insert(next) {
                open.push_back(next);
                if estate.services.contains_key(next) {
                    exposed.insert(next.clone(), id.clone());
                }
            }
        }
    }
    exposed
}

/// What the cut would do to this thing that must not be touched; `None`: nothing.
fn against(
    estate: &Estate,
    id: &Id,
    infected: &BTreeSet<Id>,
    acts: &[CutAct],
    by_cut: &BTreeSet<(Id, Id)>,
) -> Option<String> {
    if infected.contains(id) {
        return Some("it is infected".to_owned());
    }
    let covered = services_at(estate, &BTreeSet::from([id]));
    let act = acts.iter().find_map(|act| match act {
        CutAct::StopService { service } => {
            covered.contains(service).then(|| format!("{service} would be stopped"))
        }
        CutAct::CloseDoor { site, door } => (site == id).then(|| format!("its door {door} would be closed")),
    });
    act.or_else(|| {
        by_cut.iter().find_map(|(tenant, capability)| {
            if tenant == id {
                Some(format!("the cut would take {capability} from it"))
            } else if capability == id {
                Some(format!("the cut would take it from {tenant}"))
            } else {
                None
            }
        })
    })
}
