//! How deep does each thing lie: how many starts have to come before its own?
//!
//! Layer 0 needs nothing; everything else lies one above the highest of its providers. Rings have no order, so
//! one edge of each is left out, always the same one.

use std::collections::{BTreeMap, BTreeSet};

use super::id::{Id, Kind};
use super::model::Estate;

/// The layer of every service, store and external party, and the edges that had to be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    pub of: BTreeMap<Id, usize>,
    pub left_out: BTreeSet<(Id, Id)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Open,
    Done,
}

/// Over all edges, whatever their kind: this is for looking at, not for starting.
pub fn of(estate: &Estate) -> Layers {
    let mut needs: BTreeMap<&Id, Vec<&Id>> = BTreeMap::new();
    for edge in estate.edges.iter().filter(|edge| edge.from != edge.to) {
        needs.entry(&edge.from).or_default().push(&edge.to);
    }
    let all: Vec<&Id> =
        estate.services.keys().chain(estate.stores.keys()).chain(estate.externals.keys()).collect();
    let known: BTreeSet<&Id> = all.iter().copied().collect();
    let mut layers = Layers::default();
    let mut marks: BTreeMap<&Id, Mark> = BTreeMap::new();
    // Depth first with a stack of our own: a chain of ten thousand must not need as many frames.
    for start in all {
        if marks.contains_key(start) {
            continue;
        }
        marks.insert(start, Mark::Open);
        let mut stack: Vec<(&Id, usize)> = vec![(start, 0)];
        while let Some((id, at)) = stack.pop() {
            let providers = needs.get(id).map_or(&[][..], Vec::as_slice);
            let Some(next) = providers.get(at).copied() else {
                let below =
                    providers.iter().filter(|to| !layers.left_out.contains(&(id.clone(), (**to).clone())));
                let highest = below.filter_map(|to| layers.of.get(*to)).max();
                layers.of.insert(id.clone(), highest.map_or(0, |layer| layer + 1));
                marks.insert(id, Mark::Done);
                continue;
            };
            stack.push((id, at + 1));
            match marks.get(next) {
                Some(Mark::Done) => {}
                Some(Mark::Open) => drop(layers.left_out.insert((id.clone(), next.clone()))),
                None if known.contains(next) => {
                    marks.insert(next, Mark::Open);
                    stack.push((next, 0));
                }
                None => {}
            }
        }
    }
    layers
}

/// How many layers of services there are.
pub fn depth(estate: &Estate) -> usize {
    let mut services = estate.clone();
    services.edges.retain(|edge| edge.from.kind() == Kind::Service && edge.to.kind() == Kind::Service);
    services.stores.clear();
    services.externals.clear();
    of(&services).of.values().max().map_or(0, |highest| highest + 1)
}
