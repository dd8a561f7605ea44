//! What is lost, and what falls with it.
//!
//! People name what they see: a site, a machine, a service, a store. What runs there is lost too, and so is
//! every service that hard-depends on a lost thing: it is parked while its provider is down, and has to pass
//! its gate again before people are let in. No name at all means that everything is lost.

use std::collections::{BTreeMap, BTreeSet};

use super::Refusal;
use estate::model::{EdgeKind, Estate};
use estate::{Id, Kind};

/// Everything that the plan has to bring back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lost {
    pub services: BTreeSet<Id>,
    pub stores: BTreeSet<Id>,
    /// Services that were not named and do not run at a lost place, with the lost provider that parks them.
    pub fallen: BTreeMap<Id, Id>,
    /// Where a site is lost: services and stores of which nobody knows where they are, and that are not lost otherwise.
    pub unplaced: BTreeSet<Id>,
}

impl Lost {
    pub fn contains(&self, id: &Id) -> bool {
        self.services.contains(id) || self.stores.contains(id)
    }

    /// Whether a step (`kind:target`) works on something in here.
    pub fn contains_step(&self, step: &str) -> bool {
        step.split_once(':').and_then(|(_, id)| id.parse().ok()).is_some_and(|id| self.contains(&id))
    }
}

/// Follows `named` to all that is lost. An empty list means everything.
pub fn lost(estate: &Estate, named: &[Id]) -> Result<Lost, Refusal> {
    if named.is_empty() {
        return Ok(Lost {
            services: estate.services.keys().cloned().collect(),
            stores: estate.stores.keys().cloned().collect(),
            ..Lost::default()
        });
    }
    let unknown: Vec<Id> = named.iter().filter(|id| !estate.contains(id)).cloned().collect();
    if !unknown.is_empty() {
        return Err(Refusal::NotInEstate { ids: unknown });
    }
    if let Some(id) = named.iter().find(|id| !can_be_lost(id.kind())) {
        return Err(Refusal::CannotBeLost { id: id.clone() });
    }
    let named: BTreeSet<&Id> = named.iter().collect();
    let mut lost =
        Lost { services: services_at(estate, &named), stores: stores_at(estate, &named), ..Lost::default() };
    park_dependents(estate, &mut lost);
    if named.iter().any(|id| id.kind() == Kind::Site) {
        lost.unplaced = unplaced(estate, &lost);
    }
    Ok(lost)
}

fn can_be_lost(kind: Kind) -> bool {
    match kind {
        Kind::Site | Kind::Host | Kind::Service | Kind::Store => true,
        Kind::Capability | Kind::Tenant | Kind::External | Kind::Resource => false,
    }
}

/// Services that are named themselves, or run at a named host or site.
pub fn services_at(estate: &Estate, named: &BTreeSet<&Id>) -> BTreeSet<Id> {
    let at = |id: &Id| {
        let host = estate.services.get(id).and_then(|service| service.host.as_ref());
        named.contains(id)
            || host.is_some_and(|host| named.contains(host))
            || estate.site_of(id).is_some_and(|site| named.contains(site))
    };
    estate.services.keys().filter(|id| at(id)).cloned().collect()
}

/// Stores that are named themselves, or lie at a named site.
pub fn stores_at(estate: &Estate, named: &BTreeSet<&Id>) -> BTreeSet<Id> {
    let at = |id: &Id| {
        let site = estate.stores.get(id).and_then(|store| store.site.as_ref());
        named.contains(id) || site.is_some_and(|site| named.contains(site))
    };
    estate.stores.keys().filter(|id| at(id)).cloned().collect()
}

fn unplaced(estate: &Estate, lost: &Lost) -> BTreeSet<Id> {
    let services = estate.services.keys().filter(|id| estate.site_of(id).is_none());
    let stores = estate.stores.iter().filter(|(_, store)| store.site.is_none()).map(|(id, _)| id);
    services.chain(stores).filter(|id| !lost.contains(id)).cloned().collect()
}

/// Adds every service whose provider is lost along an edge that parks, until nothing more falls.
fn park_dependents(estate: &Estate, lost: &mut Lost) {
    let mut dependents: BTreeMap<&Id, Vec<&Id>> = BTreeMap::new();
    for edge in estate.edges.iter().filter(|edge| edge.kind.parks_dependent()) {
        if estate.services.contains_key(&edge.from) {
            dependents.entry(&edge.to).or_default().push(&edge.from);
        }
    }
    let mut open: Vec<Id> = lost.services.iter().chain(&lost.stores).cloned().collect();
    while let Some(provider) = open.pop() {
        for &dependent in dependents.get(&provider).into_iter().flatten() {
            if lost.services.insert(dependent.clone()) {
                lost.fallen.insert(dependent.clone(), provider.clone());
                open.push(dependent.clone());
            }
        }
    }
}

/// Services that are not lost but stand on a lost store by an edge that does not park them: the store would be
/// restored under their feet.
pub fn standing_on_lost_data<'a>(estate: &'a Estate, lost: &Lost) -> BTreeSet<(&'a Id, &'a Id)> {
    estate
        .edges
        .iter()
        .filter(|edge| edge.kind == EdgeKind::Data && lost.stores.contains(&edge.to))
        .filter(|edge| !lost.services.contains(&edge.from))
        .map(|edge| (&edge.from, &edge.to))
        .collect()
}
