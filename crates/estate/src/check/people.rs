//! What the estate means for people: what they are not served, whom a single failure takes it from, and
//! what runs for nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::{Look, percent, some};
use crate::finding::{Finding, Grade};
use crate::graph::Crowd;
use crate::id::{Id, Kind};
use crate::model::{Capability, CutBehaviour, EdgeKind};
use message::{counted, spaced};

/// Single points of failure that get a finding of their own; the rest is counted.
const POINTS_SHOWN: usize = 10;
/// From this share of the whole weight on, a single point of failure is serious.
const SERIOUS_PERCENT: u128 = 25;

pub(super) fn all(look: &Look<'_>) -> Vec<Finding> {
    let served = Served::new(look);
    let mut found = unserved(look);
    found.extend(points(look, &served));
    found.extend(unneeded(look));
    found.extend(tenants(look));
    found.extend(capabilities(look));
    found.extend(empty(look));
    found
}

/// Per service: whom it serves, and with how much weight. Each (tenant, capability) belongs to one service,
/// so weights add up over services without counting twice.
struct Served<'e> {
    tenants: BTreeMap<&'e Id, BTreeSet<&'e Id>>,
    weight: BTreeMap<&'e Id, u128>,
    total: u128,
}

impl<'e> Served<'e> {
    fn new(look: &Look<'e>) -> Served<'e> {
        let mut served = Served { tenants: BTreeMap::new(), weight: BTreeMap::new(), total: 0 };
        for (capability, stated) in &look.estate.capabilities {
            for (tenant, who) in &look.estate.tenants {
                let Some(service) = look.estate.serving(capability, tenant) else { continue };
                let weight = u128::from(who.insured) * u128::from(stated.urgency);
                served.tenants.entry(service).or_default().insert(tenant);
                *served.weight.entry(service).or_default() += weight;
                served.total += weight;
            }
        }
        served
    }
}

fn insured<'i>(look: &Look<'_>, tenants: impl IntoIterator<Item = &'i Id>) -> u64 {
    let each = tenants.into_iter().filter_map(|id| look.estate.tenants.get(id));
    each.map(|tenant| tenant.insured).fold(0, u64::saturating_add)
}

fn unserved(look: &Look<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for (id, capability) in &look.estate.capabilities {
        let without: Vec<Id> = look
            .estate
            .tenants
            .keys()
            .filter(|tenant| look.estate.serving(id, tenant).is_none())
            .cloned()
            .collect();
        let nobody = capability.served_by.is_empty();
        if without.is_empty() && !nobody {
            continue;
        }
        let people = spaced(insured(look, &without));
        let (grade, what) = if nobody || without.len() == look.estate.tenants.len() {
            (Grade::Serious, format!("nothing serves {id}, for {people} {}", look.estate.words.people()))
        } else {
            let what = format!(
                "{id} is served to all but {} with {people} {}: {}",
                counted(without.len(), "tenant"),
                look.estate.words.people(),
                some(&without)
            );
            (Grade::Note, what)
        };
        let means = "it cannot be restored for them, and no page will say when it is back";
        let to_do = "name the service in `served_by`; if they never had it, leave it";
        found.push(
            Finding::new(grade, "capability-unserved", what, means, to_do)
                .about([id.clone()].into_iter().chain(without))
                .at(look.sources.place(id, "served_by").cloned()),
        );
    }
    found
}

/// What one failure takes from people beyond what fails itself, most weight first.
fn points(look: &Look<'_>, served: &Served<'_>) -> Vec<Finding> {
    struct Point {
        id: Id,
        services: usize,
        weight: u128,
        insured: u64,
        tenants: usize,
    }
    if served.total == 0 {
        return Vec::new();
    }
    let mut crowd = Crowd::new(look.estate, |kind| kind == EdgeKind::Hard);
    let serving: Vec<(usize, u128, &BTreeSet<&Id>)> = (0..crowd.ids.len())
        .filter_map(|at| Some((at, *served.weight.get(crowd.ids[at])?, served.tenants.get(crowd.ids[at])?)))
        .collect();
    let mut points = Vec::new();
    for at in 0..crowd.ids.len() {
        let services = crowd.dependents(at).len();
        let lost = || serving.iter().filter(|(number, ..)| crowd.is_reached(*number));
        let weight = lost().map(|(_, weight, _)| weight).sum::<u128>();
        if services == 0 || weight == 0 {
            continue;
        }
        let tenants: BTreeSet<&Id> = lost().flat_map(|(_, _, tenants)| tenants.iter().copied()).collect();
        points.push(Point {
            id: crowd.ids[at].clone(),
            services,
            weight,
            insured: insured(look, tenants.iter().copied()),
            tenants: tenants.len(),
        });
    }
    points.sort_by(|a, b| (b.weight, b.insured, &a.id).cmp(&(a.weight, a.insured, &b.id)));
    let rest: Vec<Id> = points.iter().skip(POINTS_SHOWN).map(|point| point.id.clone()).collect();
    let mut found: Vec<Finding> = points
        .iter()
        .take(POINTS_SHOWN)
        .map(|point| {
            let share = percent(point.weight, served.total);
            let grade = if share >= SERIOUS_PERCENT { Grade::Serious } else { Grade::Note };
            let id = &point.id;
            let what = format!(
                "without {id}, {} more {} stop: {share} % of all service, {} {} of {}",
                point.services,
                if point.services == 1 { "service must" } else { "services" },
                spaced(point.insured),
                look.estate.words.people(),
                counted(point.tenants, "tenant")
            );
            let (means, to_do) = if id.kind() == Kind::External {
                ("it is not ours to restore", "agree with them how to reach each other, and what works meanwhile")
            } else {
                ("it is a single point of failure and comes first in every plan", "a second instance in another failure domain, or `soft` where the dependent can do without")
            };
            Finding::new(grade, "single-point", what, means, to_do)
                .about([id.clone()])
                .at(look.sources.place(id, "").cloned())
        })
        .collect();
    found.extend(look.group(rest, "", |names| {
        Finding::new(
            Grade::Note,
            "single-points-more",
            format!("further single points of failure, by falling weight: {names}"),
            "each takes at least one other service with it",
            "look at them when the larger ones are solved",
        )
    }));
    found
}

fn unneeded(look: &Look<'_>) -> Option<Finding> {
    let serving = look.estate.capabilities.values().flat_map(|capability| &capability.served_by);
    let serving: BTreeSet<Id> = serving.map(|serving| serving.service.clone()).collect();
    let mut needed = serving.clone();
    let mut open: Vec<Id> = serving.into_iter().collect();
    while let Some(id) = open.pop() {
        for edge in look.links.needs(&id) {
            if needed.insert(edge.to.clone()) {
                open.push(edge.to.clone());
            }
        }
    }
    // Those without any edge have a finding of their own.
    let known = |id: &Id| !look.links.needs(id).is_empty() || !look.links.needed_by(id).is_empty();
    let unneeded =
        look.estate.services.keys().filter(|id| !needed.contains(*id) && known(id)).cloned().collect();
    look.group(unneeded, "", |names| {
        Finding::new(
            Grade::Note,
            "service-unneeded",
            format!("no capability needs {names}, not even through others"),
            "it is restored last; if that is wrong, a dependency or a capability is missing here",
            "ask who would call if it stayed off",
        )
    })
}

fn tenants(look: &Look<'_>) -> Vec<Finding> {
    let tenants = || look.estate.tenants.iter();
    let nobody = tenants().filter(|(_, tenant)| tenant.insured == 0).map(|(id, _)| id.clone()).collect();
    let unreachable =
        tenants().filter(|(_, tenant)| tenant.contacts.is_empty()).map(|(id, _)| id.clone()).collect();
    [
        look.group(nobody, "insured", |names| {
            Finding::new(
                Grade::Serious,
                "tenant-without-insured",
                format!("no number of {}: {names}", look.estate.words.people()),
                "they weigh nothing, so every plan serves them last",
                "write how many people they serve: `insured = 12345`",
            )
        }),
        look.group(unreachable, "", |names| {
            Finding::new(
                Grade::Note,
                "tenant-without-contact",
                format!("no contact: {names}"),
                "in an incident nobody knows whom to call, and the address book may be down",
                "add a telephone number that does not run through the provider",
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn capabilities(look: &Look<'_>) -> Vec<Finding> {
    let pick = |fits: &dyn Fn(&Capability) -> bool| -> Vec<Id> {
        look.estate.capabilities.iter().filter(|(_, stated)| fits(stated)).map(|(id, _)| id.clone()).collect()
    };
    let untranslated = pick(&|stated| stated.name.fr.is_none() || stated.name.en.is_none());
    let weightless = pick(&|stated| stated.urgency == 0);
    let rejecting = pick(&|stated| matches!(stated.cut, CutBehaviour::Reject { .. }));
    [
        look.group(untranslated, "name", |names| {
            Finding::new(
                Grade::Note,
                "untranslated",
                format!("no French or no English name: {names}"),
                "pages in that language show the German name",
                "write `name = { de = \"...\", fr = \"...\", en = \"...\" }`",
            )
        }),
        look.group(weightless, "urgency", |names| {
            Finding::new(
                Grade::Serious,
                "no-urgency",
                format!("urgency 0: {names}"),
                "its loss costs nothing in every plan, so it is cut first and comes back last",
                "give it at least 1",
            )
        }),
        look.group(rejecting, "cut", |names| {
            Finding::new(
                Grade::Note,
                "cut-rejects",
                format!("turned away while cut off: {names}"),
                "whoever sends meanwhile has to notice and send again; many will not",
                "`hold` unless the reason given is one the sender can act on",
            )
        }),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn empty(look: &Look<'_>) -> Option<Finding> {
    let estate = look.estate;
    let lacking: Vec<&str> = [
        ("services", estate.services.is_empty()),
        ("capabilities", estate.capabilities.is_empty()),
        ("tenants", estate.tenants.is_empty()),
    ]
    .into_iter()
    .filter(|(_, empty)| *empty)
    .map(|(word, _)| word)
    .collect();
    (!lacking.is_empty()).then(|| {
        Finding::new(
            Grade::Serious,
            "nothing-there",
            format!("there are no {}", lacking.join(", no ")),
            "no plan, no price and no page can be made from this",
            "describe them; docs/guide/02-estate.md shows how to begin",
        )
    })
}
