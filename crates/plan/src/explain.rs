//! What decided a plan, and what it does not know. For people; nothing of this is run.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;
use super::advice::Advice;
use super::generate::Schedule;
use super::instance::{ASSUMED_RESTORE_RATE, ASSUMED_VERIFY_RATE, Instance, RecoveryPoints, What};
use super::limit::LimitName;
use super::lost::{Lost, standing_on_lost_data};
use estate::check;
use estate::model::{EdgeKind, Evidence};
use estate::{Estate, Id, Kind, graph};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Explanation {
    /// The chain that the last people to be served wait for, first link first.
    pub critical_path: Vec<Link>,
    /// The limit that is busiest over the whole plan, and how busy, in thousandths.
    pub critical_limit: Option<(LimitName, u64)>,
    /// Services that were not named but fall with a provider, and that provider.
    pub fallen: BTreeMap<Id, Id>,
    /// Capabilities that are not lost as far as the estate says, and may be: what serves them has no site, or works on data
    /// that is lost.
    pub doubtful: BTreeSet<Id>,
    /// Services and stores that do not come back, with what they wait for in vain.
    pub never: BTreeMap<Id, Id>,
    /// The price in one of ten and in nine of ten draws of the durations. `None`: nothing was drawn.
    pub price_range: Option<(u64, u64)>,
    /// What people should decide next.
    pub advice: Vec<Advice>,
    /// The busiest limits over time.
    pub usage: Vec<Usage>,
    /// Plain sentences, the ones that change the plan most first.
    pub not_known: Vec<String>,
}

/// How much of a limit is taken when.
#[derive(Clone, Debug, PartialEq)]
pub struct Usage {
    pub name: String,
    pub capacity: u64,
    /// From this second on so much is taken.
    pub steps: Vec<(u64, u64)>,
    /// Share of the whole time at which so much is taken that nothing else of the usual size fits.
    pub full_thousandths: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    pub target: Id,
    pub what: What,
    pub start_s: u64,
    pub end_s: u64,
    /// The limit it had to wait for; `None`: it began as soon as what it depends on was done.
    pub waited_for: Option<LimitName>,
}

/// `lost` is all that was lost, also what is back already or never comes back.
pub fn explain(
    estate: &Estate,
    lost: &Lost,
    problem: &Problem,
    schedule: &Schedule,
    journal_read: bool,
) -> Explanation {
    let instance = &problem.instance;
    Explanation {
        critical_path: critical_path(instance, schedule),
        critical_limit: critical_limit(instance, schedule),
        fallen: lost.fallen.clone(),
        doubtful: doubtful(estate, lost),
        never: problem.todo.never.clone(),
        price_range: None,
        advice: Vec::new(),
        usage: busiest(instance, schedule),
        not_known: not_known(estate, lost, problem, journal_read.then_some(&problem.points)),
    }
}

/// From the last activity that serves somebody back to the start: what ended exactly when this began, by
/// dependency if there is one, else by freeing something this needed.
fn critical_path(instance: &Instance, schedule: &Schedule) -> Vec<Link> {
    let count = instance.activities.len();
    let end_s = |at: usize| schedule.end_s(instance, at);
    let serving = (0..count).filter(|&at| instance.activities[at].weight > 0).max_by_key(|&at| end_s(at));
    let mut current = serving.or_else(|| (0..count).max_by_key(|&at| end_s(at)));
    let mut path = Vec::new();
    let mut seen = BTreeSet::new();
    while let Some(at) = current.filter(|&at| seen.insert(at)) {
        let start_s = schedule.start_s[at];
        let provider = instance.before[at].iter().copied().find(|&before| end_s(before) == start_s);
        let freed = if provider.is_none() && start_s > 0 { freed_by(instance, schedule, at) } else { None };
        path.push(Link {
            target: instance.activities[at].target.clone(),
            what: instance.activities[at].what,
            start_s,
            end_s: end_s(at),
            waited_for: freed.map(|(_, limit)| instance.limits[limit].name.clone()),
        });
        current = provider.or(freed.map(|(other, _)| other));
    }
    path.reverse();
    path
}

/// Something that let go of a limit just when `at` began and took of it.
fn freed_by(instance: &Instance, schedule: &Schedule, at: usize) -> Option<(usize, usize)> {
    let takes = |demand: &super::instance::Demand| (demand.limit, schedule.start_s[at] + demand.from_s);
    let wanted: BTreeSet<(usize, u64)> = instance.activities[at].demands.iter().map(takes).collect();
    (0..instance.activities.len()).filter(|&other| other != at).find_map(|other| {
        instance.activities[other].demands.iter().find_map(|demand| {
            let freed_s = schedule.start_s[other] + demand.until_s?;
            wanted.contains(&(demand.limit, freed_s)).then_some((other, demand.limit))
        })
    })
}

fn critical_limit(instance: &Instance, schedule: &Schedule) -> Option<(LimitName, u64)> {
    let whole_s = (0..instance.activities.len()).map(|at| schedule.end_s(instance, at)).max().unwrap_or(0);
    let mut taken = vec![0_u128; instance.limits.len()];
    for demand in instance.activities.iter().flat_map(|activity| &activity.demands) {
        if let Some(until_s) = demand.until_s {
            let held_s = u128::from(until_s.saturating_sub(demand.from_s));
            taken[demand.limit] = taken[demand.limit].saturating_add(held_s * u128::from(demand.amount));
        }
    }
    let busy = |at: usize| {
        let whole =
            u128::from(whole_s.max(1)).saturating_mul(u128::from(instance.limits[at].capacity.max(1)));
        u64::try_from(taken[at].saturating_mul(1000) / whole).unwrap_or(1000)
    };
    let most = (0..taken.len()).rev().max_by_key(|&at| busy(at))?;
    Some((instance.limits[most].name.clone(), busy(most))).filter(|(_, busy)| *busy > 0)
}

/// Limits shown at most.
const USAGE_MAX: usize = 5;

fn busiest(instance: &Instance, schedule: &Schedule) -> Vec<Usage> {
    let end_s = (0..instance.activities.len()).map(|at| schedule.end_s(instance, at)).max().unwrap_or(0);
    let mut all: Vec<(u128, Usage)> = (0..instance.limits.len())
        .filter(|&at| !matches!(instance.limits[at].name, LimitName::HostMemory(_)))
        .map(|at| usage_of(instance, schedule, at, end_s))
        .collect();
    // Stable: of equally busy ones the first in the estate.
    all.sort_by_key(|(busy, _)| std::cmp::Reverse(*busy));
    all.truncate(USAGE_MAX);
    all.into_iter().filter(|(busy, _)| *busy > 0).map(|(_, usage)| usage).collect()
}

/// The usage of one limit, and how busy it is: thousandths of all it could have given.
fn usage_of(instance: &Instance, schedule: &Schedule, at: usize, end_s: u64) -> (u128, Usage) {
    let mut changes: BTreeMap<u64, i128> = BTreeMap::from([(0, 0)]);
    let mut change = |from_s: u64, until_s: Option<u64>, amount: u64| {
        *changes.entry(from_s).or_default() += i128::from(amount);
        if let Some(until_s) = until_s {
            *changes.entry(until_s).or_default() -= i128::from(amount);
        }
    };
    let mut least = u64::MAX;
    for (activity, &start_s) in instance.activities.iter().zip(&schedule.start_s) {
        for demand in activity.demands.iter().filter(|demand| demand.limit == at) {
            let until_s = demand.until_s.map(|until_s| start_s + until_s);
            change(start_s + demand.from_s, until_s, demand.amount);
            least = least.min(demand.amount);
        }
    }
    for held in instance.held.iter().filter(|held| held.limit == at) {
        change(0, held.until_s, held.amount);
    }
    let capacity = instance.limits[at].capacity;
    let (mut taken, mut steps) = (0_i128, Vec::new());
    for (second, change) in changes {
        taken += change;
        steps.push((second, u64::try_from(taken).unwrap_or(0)));
    }
    let ends = steps.iter().skip(1).map(|(second, _)| *second).chain([end_s]);
    let (mut full_s, mut busy) = (0_u64, 0_u128);
    for ((from_s, taken), until_s) in steps.iter().zip(ends) {
        let lasts_s = until_s.saturating_sub(*from_s);
        busy = busy.saturating_add(u128::from(*taken) * u128::from(lasts_s));
        if capacity.saturating_sub(*taken) < least {
            full_s = full_s.saturating_add(lasts_s);
        }
    }
    let whole = u128::from(capacity.max(1)).saturating_mul(u128::from(end_s.max(1)));
    let full = u128::from(full_s) * 1000 / u128::from(end_s.max(1));
    let usage = Usage {
        name: instance.limits[at].name.to_string(),
        capacity,
        steps,
        full_thousandths: u64::try_from(full).unwrap_or(1000),
    };
    (busy.saturating_mul(1000) / whole, usage)
}

fn not_known(
    estate: &Estate,
    lost: &Lost,
    problem: &Problem,
    points: Option<&RecoveryPoints>,
) -> Vec<String> {
    let mut lines = Vec::new();
    let todo = &problem.todo.lost;
    if problem.instance.activities.iter().all(|activity| activity.weight == 0) && !todo.services.is_empty() {
        lines.push(format!(
            "nobody is counted as waiting for any of this (no {}, or urgency 0): the order is by time alone",
            estate.words.people()
        ));
    }
    without_a_site(lost, &mut lines);
    data_under_running_services(estate, lost, &mut lines);
    about_stores(estate, todo, points, &mut lines);
    about_services(estate, todo, &mut lines);
    about_edges(estate, todo, &mut lines);
    about_capabilities(estate, &mut lines);
    lines.push(
        "load after a cold start is not modelled: a capability counts as back when its service is healthy and open"
            .to_owned(),
    );
    lines
}

fn doubtful(estate: &Estate, lost: &Lost) -> BTreeSet<Id> {
    let unplaced = lost.unplaced.iter().filter(|id| id.kind() == Kind::Service).cloned();
    let on_lost_data = standing_on_lost_data(estate, lost).into_iter().map(|(service, _)| service.clone());
    let unsure: BTreeSet<Id> = unplaced.chain(on_lost_data).collect();
    graph::lost_when_down(estate, &unsure).into_iter().map(|(_, capability)| capability).collect()
}

/// Nothing is left out silently: what has no site may be at the one that is lost.
fn without_a_site(lost: &Lost, lines: &mut Vec<String>) {
    let unplaced: Vec<&Id> = lost.unplaced.iter().collect();
    if unplaced.is_empty() {
        return;
    }
    lines.push(format!(
        "{}: no site is known, so nobody can say whether {} lost too; this plan leaves {} out: write `site` into the \
         estate, or name {} with --lost",
        some(&unplaced),
        if unplaced.len() == 1 { "it is" } else { "they are" },
        if unplaced.len() == 1 { "it" } else { "them" },
        if unplaced.len() == 1 { "it" } else { "them" },
    ));
}

fn data_under_running_services(estate: &Estate, lost: &Lost, lines: &mut Vec<String>) {
    for (service, store) in standing_on_lost_data(estate, lost) {
        lines.push(format!(
            "{service} is not lost but rests on {store}, which is: it is restored under a running service; \
             name {service} as lost if it has to stop first"
        ));
    }
}

fn about_stores(estate: &Estate, lost: &Lost, points: Option<&RecoveryPoints>, lines: &mut Vec<String>) {
    let stores: Vec<_> = estate.stores.iter().filter(|(id, _)| lost.stores.contains(*id)).collect();
    let point = |id: &Id| points.is_some_and(|points| points.contains_key(id));
    let of = |wanted: &dyn Fn(&Id, &estate::model::Store) -> bool| -> Vec<&Id> {
        stores.iter().filter(|(id, store)| wanted(id, store)).map(|(id, _)| *id).collect()
    };
    let mut say = |ids: Vec<&Id>, text: &str| {
        if !ids.is_empty() {
            lines.push(format!("{}: {text}", some(&ids)));
        }
    };
    say(
        of(&|_, store| store.source.is_none()),
        "no source is known; somebody has to bring the data back by hand",
    );
    let judged = match points {
        Some(_) => "no recovery point was chosen yet; the restore waits until a scan has judged one clean",
        None => "no journal was read, so it is not known whether a clean copy exists",
    };
    say(of(&|id, _| !point(id)), judged);
    say(
        of(&|id, store| !point(id) && store.size > 0),
        &format!("judging the copy is counted at an assumed {ASSUMED_VERIFY_RATE} MiB/s"),
    );
    let resource = |store: &estate::model::Store| {
        store.source.as_ref().and_then(|source| estate.resources.get(source.resource.as_ref()?))
    };
    say(
        of(&|_, store| store.size > 0 && store.restore_rate.is_none() && resource(store).is_none()),
        &format!("no restore rate is known; counted at an assumed {ASSUMED_RESTORE_RATE} MiB/s"),
    );
    say(
        of(&|_, store| {
            resource(store)
                .is_some_and(|resource| store.restore_rate.is_some_and(|rate| rate > resource.capacity))
        }),
        "could take in data faster than its source can give; counted at what the source gives",
    );
    say(
        of(&|_, store| store.size == 0),
        "no size is known; the restore is counted as taking no time, and takes some",
    );
}

fn about_services(estate: &Estate, lost: &Lost, lines: &mut Vec<String>) {
    let services: Vec<_> = estate.services.iter().filter(|(id, _)| lost.services.contains(*id)).collect();
    let mut say = |wanted: &dyn Fn(&estate::model::Service) -> bool, text: &str| {
        let ids: Vec<&Id> =
            services.iter().filter(|(_, service)| wanted(service)).map(|(id, _)| *id).collect();
        if !ids.is_empty() {
            lines.push(format!("{}: {text}", some(&ids)));
        }
    };
    say(
        &|service| service.boot_s == 0,
        "no start time is known; it is counted as taking no time, and takes some",
    );
    say(&|service| service.gates.is_empty(), "has no gate; that it was started does not show that it works");
    say(
        &|service| service.second_person,
        "a second person has to approve the start; waiting for that is not counted",
    );
    let alone = check::alone(estate).into_iter().filter(|id| lost.services.contains(*id)).count();
    if alone > 0 {
        lines.push(format!(
            "{alone} of {} lost services have no known dependency in either direction; whatever they really need is not in this order",
            services.len()
        ));
    }
}

fn about_edges(estate: &Estate, lost: &Lost, lines: &mut Vec<String>) {
    let inside = || estate.edges.iter().filter(|edge| lost.services.contains(&edge.from));
    let outside: BTreeSet<&Id> = inside()
        .filter(|edge| edge.to.kind() == Kind::External && edge.kind.blocks_start())
        .map(|edge| &edge.to)
        .collect();
    if !outside.is_empty() {
        let ids: Vec<&Id> = outside.into_iter().collect();
        lines.push(format!("{}: taken to be reachable; nobody here can bring that back", some(&ids)));
    }
    let guessed = inside()
        .filter(|edge| edge.kind.blocks_start() || edge.kind == EdgeKind::Order)
        .filter(|edge| edge.evidence == Evidence::Inferred || edge.confidence < 1000)
        .count();
    if guessed > 0 {
        lines.push(format!("{guessed} of the dependencies that set this order are inferred or not certain"));
    }
}

fn about_capabilities(estate: &Estate, lines: &mut Vec<String>) {
    for capability in estate.capabilities.keys() {
        let without: Vec<&Id> =
            estate.tenants.keys().filter(|tenant| estate.serving(capability, tenant).is_none()).collect();
        if !without.is_empty() {
            lines.push(format!(
                "{capability} is served by nothing for {}: this plan cannot bring it back",
                some(&without)
            ));
        }
    }
}

/// Up to three names, then how many more.
pub fn some(ids: &[&Id]) -> String {
    let mut text = ids.iter().take(3).map(|id| id.to_string()).collect::<Vec<_>>().join(", ");
    if ids.len() > 3 {
        text.push_str(&format!(" and {} more", ids.len() - 3));
    }
    text
}
