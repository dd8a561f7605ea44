//! What is wrong with the content of an estate: findings, graded, each with what it means and what to do.
//!
//! A finding is not an accusation. Blocking is only what makes a plan impossible or wrong; serious is what
//! will hurt in a restart; the rest is worth knowing. Findings of one kind about many things are one finding
//! with many ids, because nobody reads the same sentence fifty times.

mod gates;
pub mod hands;
mod people;
pub mod references;
mod restart;
mod rings;

use std::collections::BTreeSet;

use message::counted_as;

use super::finding::{Finding, Grade};
use super::graph::{self, Links};
use super::id::{Id, Kind};
use super::model::{EdgeKind, Estate, Evidence, Proposed};
use super::place::Sources;
use super::read::Reading;

/// Everything that is known to be wrong, worst first: the form, and if all of it could be read, the content.
pub fn judge(reading: &Reading) -> Vec<Finding> {
    let mut findings = reading.findings.clone();
    if reading.incomplete {
        findings.push(Finding::new(
            Grade::Note,
            "not-judged",
            "not everything could be read, so the content was not judged",
            "there may be more findings than these",
            "fix what could not be read, then check again",
        ));
    } else {
        findings.extend(content(&reading.estate, &reading.sources));
    }
    findings.extend(proposals(&reading.proposed));
    findings.sort_by_key(|finding| finding.grade);
    findings
}

/// Proposed dependencies that nobody has looked at.
fn proposals(proposed: &[Proposed]) -> Option<Finding> {
    let waiting: Vec<&Proposed> = proposed.iter().filter(|proposed| !proposed.rejected).collect();
    let first = waiting.first()?;
    Some(
        Finding::new(
            Grade::Note,
            "proposals-wait",
            format!(
                "{} wait to be confirmed or rejected",
                counted_as(waiting.len(), "proposed dependency", "proposed dependencies")
            ),
            "they count for nothing until then: no plan knows of them",
            "look at them with `blackstart import confirm ESTATE`, then confirm those that are true",
        )
        .about([first.from.clone(), first.to.clone()]),
    )
}

/// Findings about the content alone, for an estate of which the files may be gone (`Sources::default()`).
pub fn content(estate: &Estate, sources: &Sources) -> Vec<Finding> {
    if let Some(finding) = too_large(estate) {
        return vec![finding];
    }
    let look = Look { estate, sources, links: Links::new(estate) };
    let mut findings = references::unknown(&look);
    findings.extend(rings::all(&look));
    findings.extend(gates::all(&look));
    findings.extend(restart::all(&look));
    findings.extend(hands::all(&look));
    findings.extend(people::all(&look));
    findings.sort_by_key(|finding| finding.grade);
    findings
}

/// Most things of one kind, and most dependencies. Twice of what one import was measured with; beyond that it is
/// rather the wrong file.
const THINGS_MAX: usize = 20_000;
const EDGES_MAX: usize = 200_000;
/// Most pairs of tenant and capability.
const PAIRS_MAX: usize = 1_000_000;

fn too_large(estate: &Estate) -> Option<Finding> {
    let numbers = summary(estate);
    let things = [numbers.sites, numbers.hosts, numbers.services, numbers.stores, numbers.externals];
    let pairs = numbers.capabilities.saturating_mul(numbers.tenants);
    let fits = things.into_iter().all(|count| count <= THINGS_MAX)
        && numbers.edges <= EDGES_MAX
        && pairs <= PAIRS_MAX;
    (!fits).then(|| {
        Finding::new(
            Grade::Blocking,
            "too-large",
            format!(
                "this estate has {} services, {} stores, {} dependencies and {pairs} pairs of tenant and capability",
                numbers.services, numbers.stores, numbers.edges
            ),
            format!(
                "more than {THINGS_MAX} of a kind, {EDGES_MAX} dependencies or {PAIRS_MAX} pairs are not judged"
            ),
            "check whether this is the right file; otherwise describe parts that can restart on their own as estates of their own",
        )
    })
}

/// What every check looks at.
struct Look<'e> {
    estate: &'e Estate,
    sources: &'e Sources,
    links: Links<'e>,
}

impl Look<'_> {
    /// One finding about all of `ids`, if there are any, at `field` of the first. `finding` gets their names.
    fn group(&self, ids: Vec<Id>, field: &str, finding: impl FnOnce(&str) -> Finding) -> Option<Finding> {
        let place = self.sources.place(ids.first()?, field).cloned();
        Some(finding(&some(&ids)).about(ids).at(place))
    }
}

/// Healthy before the gate of `service` is asked, in every plan: what blocks its start, and outsiders.
fn healthy_before(look: &Look<'_>, service: &Id) -> BTreeSet<Id> {
    look.links.providers(service, |kind| kind.blocks_start() || kind == EdgeKind::Order)
}

/// Whether `id` waits for `service`.
fn later(look: &Look<'_>, service: &Id, id: &Id) -> bool {
    id.kind() == Kind::Service && graph::start_closure(look.estate, id).contains(service)
}

/// The first few names, and how many more there are.
fn some(ids: &[Id]) -> String {
    const SHOWN: usize = 5;
    let names: Vec<String> = ids.iter().take(SHOWN).map(Id::to_string).collect();
    let names = names.join(", ");
    match ids.len().saturating_sub(SHOWN) {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// `part` of `whole` in percent, rounded down; of nothing, everything is zero.
fn percent(part: u128, whole: u128) -> u128 {
    part.saturating_mul(100).checked_div(whole).unwrap_or(0)
}

/// The numbers at the end of a check.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Summary {
    pub sites: usize,
    pub hosts: usize,
    pub services: usize,
    pub stores: usize,
    pub capabilities: usize,
    pub tenants: usize,
    pub externals: usize,
    pub resources: usize,
    pub edges: usize,
    /// Of them, those that people stated; the rest was observed or inferred.
    pub declared_edges: usize,
    pub insured: u64,
    /// Services with no edge at all, neither from them nor to them.
    pub without_edges: usize,
    /// Services that name no provider.
    pub without_needs: usize,
}

/// Services with no known dependency in either direction; one on a store or an external party counts as one. Whoever
/// counts them counts these, so that a check, a plan and a recovery name the same number.
pub fn alone(estate: &Estate) -> BTreeSet<&Id> {
    let known: BTreeSet<&Id> = estate.edges.iter().flat_map(|edge| [&edge.from, &edge.to]).collect();
    estate.services.keys().filter(|id| !known.contains(id)).collect()
}

pub fn summary(estate: &Estate) -> Summary {
    let from: BTreeSet<&Id> = estate.edges.iter().map(|edge| &edge.from).collect();
    let services = || estate.services.keys();
    Summary {
        sites: estate.sites.len(),
        hosts: estate.hosts.len(),
        services: estate.services.len(),
        stores: estate.stores.len(),
        capabilities: estate.capabilities.len(),
        tenants: estate.tenants.len(),
        externals: estate.externals.len(),
        resources: estate.resources.len(),
        edges: estate.edges.len(),
        declared_edges: estate.edges.iter().filter(|edge| edge.evidence == Evidence::Declared).count(),
        insured: estate.tenants.values().map(|tenant| tenant.insured).fold(0, u64::saturating_add),
        without_edges: alone(estate).len(),
        without_needs: services().filter(|id| !from.contains(id)).count(),
    }
}
