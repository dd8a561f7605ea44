//! The part of an estate that one step depends on, as a hash.
//!
//! An estate is edited during an incident. Holding every step for every edit would stop the restart for
//! a corrected telephone number; holding none would run a plan for an estate that is gone. So a plan
//! notes, for each thing it works on, what it relied on: the thing itself, its host and site, and the
//! dependencies that start from it.

use sha2::{Digest, Sha256};

use crate::estate::{Estate, Id};

/// SHA-256, 64 hexadecimal digits. An id that is not in the estate has a part too: that it is missing.
pub fn hash(estate: &Estate, id: &Id) -> String {
    use std::fmt::Write;
    let mut text = format!("{id}\n");
    let service = estate.services.get(id);
    let store = estate.stores.get(id);
    let host = service.and_then(|service| service.host.as_ref());
    let site = service
        .and_then(|service| service.site.as_ref())
        .or_else(|| store.and_then(|store| store.site.as_ref()))
        .or_else(|| host.and_then(|host| estate.hosts.get(host)?.site.as_ref()));
    let edges: Vec<_> =
        estate.edges.iter().filter(|edge| edge.from == *id).map(|edge| (&edge.to, edge.kind)).collect();
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
