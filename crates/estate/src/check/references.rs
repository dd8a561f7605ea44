//! Names that nothing is called by. Blocking: whatever they were meant to say is not known.

use std::collections::BTreeSet;

use super::Look;
use crate::fields::nearest;
use crate::finding::{Finding, Grade};
use crate::id::{Id, Kind};
use crate::model::{Estate, Tenants};

/// Findings for which the name that was probably meant is looked for: comparing with thousands of names takes a while.
const GUESSED_MAX: usize = 100;

/// The thing that refers, the field it does it in, and what it refers to.
pub type Reference<'e> = (Option<&'e Id>, String, &'e Id);

/// References to what is not in the estate.
pub fn missing(estate: &Estate) -> Vec<Reference<'_>> {
    references(estate).into_iter().filter(|(_, _, to)| !estate.contains(to)).collect()
}

pub(super) fn unknown(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for (from, field, to) in missing(look.estate) {
        if !seen.insert((from, field.clone(), to)) {
            continue;
        }
        let place = from.and_then(|from| look.sources.place(from, &field)).cloned();
        let called = from.map_or_else(|| "an authority".to_owned(), Id::to_string);
        let field = field.split(' ').next().unwrap_or_default().to_owned();
        let near = if found.len() < GUESSED_MAX { nearest(to.name(), &names(look, to.kind())) } else { None };
        let to_do = near.filter(|near| *near != to.name()).map_or_else(
            || format!("define {to}, or remove the reference"),
            |near| format!("did you mean `{near}`?"),
        );
        let finding = Finding::new(
            Grade::Blocking,
            "unknown-reference",
            format!("`{field}` of {called} names {to}, which is not in the estate"),
            "it cannot be planned, cut off or restored, and nobody can say who depends on it",
            to_do,
        );
        found.push(finding.about(from.cloned().into_iter().chain([to.clone()])).at(place));
    }
    found
}

fn references<'e>(estate: &'e Estate) -> Vec<Reference<'e>> {
    let mut all: Vec<Reference<'e>> = Vec::new();
    let mut refer = |from: &'e Id, field: &str, to: Option<&'e Id>| {
        all.extend(to.map(|to| (Some(from), field.to_owned(), to)));
    };
    for (id, host) in &estate.hosts {
        refer(id, "site", host.site.as_ref());
        refer(id, "ssh.jump", host.ssh.as_ref().and_then(|ssh| ssh.jump.as_ref()));
    }
    for (id, service) in &estate.services {
        refer(id, "host", service.host.as_ref());
        refer(id, "site", service.site.as_ref());
        service.crew.iter().for_each(|crew| refer(id, &format!("crew {crew}"), Some(crew)));
        for (at, gate) in (1..).zip(&service.gates) {
            gate.uses.iter().for_each(|used| refer(id, &format!("gates[{at}].uses {used}"), Some(used)));
        }
    }
    for edge in &estate.edges {
        refer(&edge.from, &format!("needs.{} {}", edge.kind.word(), edge.to), Some(&edge.to));
    }
    for (id, store) in &estate.stores {
        refer(id, "site", store.site.as_ref());
        refer(id, "source.resource", store.source.as_ref().and_then(|source| source.resource.as_ref()));
    }
    for (id, capability) in &estate.capabilities {
        for (at, serving) in (1..).zip(&capability.served_by) {
            refer(id, &format!("served_by[{at}].service"), Some(&serving.service));
            match &serving.to {
                Tenants::All => {}
                Tenants::Site(site) => refer(id, &format!("served_by[{at}].site"), Some(site)),
                Tenants::Listed(tenants) => tenants
                    .iter()
                    .for_each(|tenant| refer(id, &format!("served_by[{at}].tenants {tenant}"), Some(tenant))),
            }
        }
    }
    for (id, tenant) in &estate.tenants {
        refer(id, "site", tenant.site.as_ref());
    }
    let granted = estate.authority.iter().flat_map(|authority| &authority.on);
    all.extend(granted.map(|on| (None, "on".to_owned(), on)));
    all
}

/// Names to compare with; of a huge estate only the first ones, so that a broken export is checked in time.
fn names<'e>(look: &Look<'e>, kind: Kind) -> Vec<&'e str> {
    const COMPARED_MAX: usize = 2000;
    fn of<T>(things: &std::collections::BTreeMap<Id, T>) -> Vec<&str> {
        things.keys().take(COMPARED_MAX).map(Id::name).collect()
    }
    let estate = look.estate;
    match kind {
        Kind::Site => of(&estate.sites),
        Kind::Host => of(&estate.hosts),
        Kind::Service => of(&estate.services),
        Kind::Store => of(&estate.stores),
        Kind::Capability => of(&estate.capabilities),
        Kind::Tenant => of(&estate.tenants),
        Kind::External => of(&estate.externals),
        Kind::Resource => of(&estate.resources),
    }
}
