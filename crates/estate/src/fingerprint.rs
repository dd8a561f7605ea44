//! The part of an estate that one step depends on, as a hash.
//!
//! An estate is edited during an incident. Holding every step for every edit would stop the restart for
//! a corrected telephone number; holding none would run a plan for an estate that is gone. So a plan
//! notes, for each thing it works on, what it relied on: the thing itself, its host and site, and the
//! dependencies that start from it.
//!
//! The hash is taken over the canonical text of just that. It is frozen with it: how this program names its types and
//! fields does not matter, and an upgrade leaves every approved plan as it is.

use std::collections::BTreeMap;

use crate::check::hands::way_to;
use crate::model::{Edge, Evidence};
use crate::{Estate, Id, canonical};

/// SHA-256, 64 hexadecimal digits. An id that is not in the estate has a part too: that it is missing.
pub fn hash(estate: &Estate, id: &Id) -> String {
    canonical::hash_of_text(&text(estate, id))
}

/// The same for many at once.
pub fn hashes<'i>(estate: &Estate, ids: impl Iterator<Item = &'i Id>) -> BTreeMap<Id, String> {
    let mut edges: BTreeMap<&Id, Vec<&Edge>> = BTreeMap::new();
    for edge in &estate.edges {
        edges.entry(&edge.from).or_default().push(edge);
    }
    let of = |id: &Id| edges.get(id).map_or(&[][..], Vec::as_slice);
    ids.map(|id| (id.clone(), canonical::hash_of_text(&text_with(estate, id, of(id))))).collect()
}

/// What the hash is taken over.
pub fn text(estate: &Estate, id: &Id) -> String {
    let edges: Vec<&Edge> = estate.edges.iter().filter(|edge| edge.from == *id).collect();
    text_with(estate, id, &edges)
}

/// The id, and the canonical text of an estate in which nothing else stands.
fn text_with(estate: &Estate, id: &Id, edges: &[&Edge]) -> String {
    let service = estate.services.get(id);
    let store = estate.stores.get(id);
    let host = service.and_then(|service| service.host.as_ref());
    // Who may answer for it are also those through whom the way leads.
    let on_the_way = host.and_then(|host| way_to(&estate.hosts, host)).unwrap_or_default();
    let hosts = on_the_way.into_iter().chain(host);
    let hosts = hosts.filter_map(|id| Some((id.clone(), estate.hosts.get(id)?.clone())));
    let part = Estate {
        hosts: hosts.collect(),
        services: service.map(|service| (id.clone(), service.clone())).into_iter().collect(),
        stores: store.map(|store| (id.clone(), store.clone())).into_iter().collect(),
        edges: edges.iter().map(|edge| plain(edge)).collect(),
        ..Estate::default()
    };
    format!("{id}\n{}", canonical::text(&part))
}

/// How a dependency is known, and by whom, changes nothing about what is to be done.
fn plain(edge: &Edge) -> Edge {
    Edge { evidence: Evidence::Declared, by: None, confidence: 1000, ..edge.clone() }
}
