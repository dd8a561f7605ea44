//! The part of an estate that one step depends on, as a hash.
//!
//! An estate is edited during an incident. Holding every step for every edit would stop the restart for
//! a corrected telephone number; holding none would run a plan for an estate that is gone. So a plan
//! notes, for each thing it works on, what it relied on: the thing itself, its host and site, and the
//! dependencies that start from it.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::model::Edge;
use crate::{Estate, Id};

/// SHA-256, 64 hexadecimal digits. An id that is not in the estate has a part too: that it is missing.
pub fn hash(estate: &Estate, id: &Id) -> String {
    let edges: Vec<&Edge> = estate.edges.iter().filter(|edge| edge.from == *id).collect();
    hash_with(estate, id, &edges)
}

/// The same for many at once; the edges are gone through only once.
pub fn hashes<'i>(estate: &Estate, ids: impl Iterator<Item = &'i Id>) -> BTreeMap<Id, String> {
    let mut edges: BTreeMap<&Id, Vec<&Edge>> = BTreeMap::new();
    for edge in &estate.edges {
        edges.entry(&edge.from).or_default().push(edge);
    }
    let of = |id: &Id| edges.get(id).map_or(&[][..], Vec::as_slice);
    ids.map(|id| (id.clone(), hash_with(estate, id, of(id)))).collect()
}

fn hash_with(estate: &Estate, id: &Id, edges: &[&Edge]) -> String {
    use std::fmt::Write;
    let mut text = format!("{id}\n");
    let service = estate.services.get(id);
    let store = estate.stores.get(id);
    let host = service.and_then(|service| service.host.as_ref());
    let site = service
        .and_then(|service| service.site.as_ref())
        .or_else(|| store.and_then(|store| store.site.as_ref()))
        .or_else(|| host.and_then(|host| estate.hosts.get(host)?.site.as_ref()));
    let edges: Vec<_> = edges.iter().map(|edge| (&edge.to, edge.kind)).collect();
    let written = write!(
        text,
        "{service:?}\n{store:?}\n{host:?} {:?}\n{site:?}\n{edges:?}\n",
        host.and_then(|host| estate.hosts.get(host)),
    );
    written.expect("writing to a string does not fail");
    Sha256::digest(text.as_bytes()).iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a string does not fail");
        hex
    })
}
