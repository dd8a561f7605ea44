//! What should people decide next, and what is it worth?
//!
//! Each answer is computed, not guessed: the problem is changed in one place (one more pair of hands, a copy judged
//! beforehand, a doubtful dependency gone, an approval that comes an hour late), the plan's order is placed anew, and
//! the two prices are compared. A new search could only do better, so what something saves is "at least".

use std::collections::BTreeMap;

use super::Problem;
use super::generate::{self, Schedule, price_seconds};
use super::instance::{ASSUMED_RESTORE_RATE, Instance, What};
use super::limit::LimitName;
use super::ranges;
use ::page::words::clock;
use estate::model::{Edge, EdgeKind, Evidence, ResourceKind};
use estate::{Estate, Id};
use message::Command;

/// Answers given at once: a person can deal with three.
pub const ADVICE_MAX: usize = 3;
/// Activities placed at most for all answers together, so that a large estate waits no longer than a small one.
const PLACED_MAX: usize = 600_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    pub kind: AdviceKind,
    /// What is asked about: a resource, host, store or service.
    pub about: Option<Id>,
    pub what: String,
    pub to_do: String,
    /// What it is worth, in insured × urgency × seconds.
    pub worth_seconds: u128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdviceKind {
    /// More of something scarce.
    More,
    /// Something that is not known.
    Unknown,
    /// Something that a person has to allow or to doubt.
    Person,
}

impl AdviceKind {
    pub fn word(self) -> &'static str {
        match self {
            AdviceKind::More => "more",
            AdviceKind::Unknown => "unknown",
            AdviceKind::Person => "person",
        }
    }
}

/// The best answer of each kind, then the next best of all; worth most first, `most` of them.
pub fn advice(estate: &Estate, problem: &Problem, schedule: &Schedule, most: usize) -> Vec<Advice> {
    let instance = &problem.instance;
    if most == 0 {
        return Vec::new();
    }
    let asked = Adviser {
        estate,
        problem,
        rank: ranges::order_of(instance, schedule),
        cost: price_seconds(instance, schedule),
        each_max: (PLACED_MAX / 3 / instance.activities.len().max(1)).clamp(4, 60),
    };
    let mut kinds = [asked.more(), asked.unknown(), asked.person()];
    for kind in &mut kinds {
        // Stable: of what is worth the same, the first in the estate.
        kind.sort_by_key(|advice| std::cmp::Reverse(advice.worth_seconds));
        kind.retain(|advice| advice.worth_seconds > 0);
    }
    let mut best: Vec<Advice> =
        kinds.iter_mut().filter(|kind| !kind.is_empty()).map(|kind| kind.remove(0)).collect();
    let mut rest: Vec<Advice> = kinds.into_iter().flatten().collect();
    rest.sort_by_key(|advice| std::cmp::Reverse(advice.worth_seconds));
    best.extend(rest);
    best.truncate(most);
    best.sort_by_key(|advice| std::cmp::Reverse(advice.worth_seconds));
    best
}

struct Adviser<'a> {
    estate: &'a Estate,
    problem: &'a Problem,
    rank: Vec<u64>,
    cost: u128,
    each_max: usize,
}

impl Adviser<'_> {
    fn cost_of(&self, changed: &Instance) -> u128 {
        price_seconds(changed, &generate::schedule(changed, &self.rank))
    }

    /// What a change saves, and what it costs; one of the two is zero.
    fn changed(&self, change: impl FnOnce(&mut Instance)) -> (u128, u128) {
        let mut changed = self.problem.instance.clone();
        change(&mut changed);
        let cost = self.cost_of(&changed);
        (self.cost.saturating_sub(cost), cost.saturating_sub(self.cost))
    }

    /// One more unit of each limit.
    fn more(&self) -> Vec<Advice> {
        let limits = self.problem.instance.limits.iter().enumerate().take(self.each_max);
        limits.filter_map(|(at, limit)| self.one_more(at, &limit.name, limit.capacity)).collect()
    }

    fn one_more(&self, at: usize, name: &LimitName, capacity: u64) -> Option<Advice> {
        let largest = || {
            let demands = self.problem.instance.activities.iter().flat_map(|activity| &activity.demands);
            demands.filter(|demand| demand.limit == at).map(|demand| demand.amount).max()
        };
        let (about, unit, words) = match name {
            LimitName::Resource(id) => match self.estate.resources.get(id)?.kind {
                ResourceKind::Crew => (id.clone(), 1, "one more person"),
                ResourceKind::ScanSlots => (id.clone(), 1, "one more slot"),
                ResourceKind::RestoreBandwidth => {
                    (id.clone(), largest()?, "room for one more restore side by side")
                }
                ResourceKind::Cpu | ResourceKind::Memory => (id.clone(), largest()?, "room for one more"),
            },
            LimitName::HostCpu(id) => (id.clone(), largest()?, "cores for one more start at a time"),
            LimitName::ScanSlots => {
                let slots = |id: &&Id| self.estate.resources[*id].kind == ResourceKind::ScanSlots;
                (self.estate.resources.keys().find(slots)?.clone(), 1, "one more scan slot")
            }
            // What is kept for good fits from the beginning, so more of it saves nothing.
            LimitName::HostMemory(_) => return None,
        };
        let (saves, _) = self.changed(|instance| {
            instance.limits[at].capacity = instance.limits[at].capacity.saturating_add(unit);
        });
        let now = self.estate.resources.get(&about).map_or(capacity, |resource| resource.capacity);
        Some(Advice {
            kind: AdviceKind::More,
            what: format!("{words} at {about}{} (now {now})", named(self.estate, &about)),
            to_do: format!("try it: --what-if '{about}={}'", now.saturating_add(unit)),
            about: Some(about),
            worth_seconds: saves,
        })
    }

    /// Copies that nobody has judged, rates and start times that are assumed.
    fn unknown(&self) -> Vec<Advice> {
        let activities = &self.problem.instance.activities;
        let mut candidates: Vec<usize> = (0..activities.len()).filter(|&at| self.is_unknown(at)).collect();
        candidates.sort_by_key(|&at| std::cmp::Reverse(activities[at].duration_s));
        candidates.truncate(self.each_max);
        candidates.into_iter().map(|at| self.known(at)).collect()
    }

    fn is_unknown(&self, at: usize) -> bool {
        let activity = &self.problem.instance.activities[at];
        match activity.what {
            What::Verify => activity.duration_s > 0,
            What::Restore => self.rate_is_assumed(&activity.target) && activity.duration_s > 0,
            What::BringUp => {
                let service = self.estate.services.get(&activity.target);
                service.is_some_and(|service| service.boot_s == 0)
                    && !self.problem.todo.begun.contains_key(&activity.target)
            }
        }
    }

    fn rate_is_assumed(&self, store: &Id) -> bool {
        let store = self.estate.stores.get(store);
        store.is_some_and(|store| {
            let resource = store.source.as_ref().and_then(|source| source.resource.as_ref());
            store.restore_rate.is_none() && resource.is_none()
        })
    }

    /// The scan of a store, from the repository that the estate names for it.
    fn judge(&self, store: &Id) -> Command {
        let source = self.estate.stores.get(store).and_then(|store| store.source.as_ref());
        let scan = Command::new("scan");
        let scan = match source {
            Some(source) => scan.with(estate::model::shown_address(&source.repository)),
            None => scan.open("restic:REPO"),
        };
        scan.with("--journal").incident().option("--store", store)
    }

    fn known(&self, at: usize) -> Advice {
        /// A start whose time nobody has written down, for comparison.
        const START_S: u64 = 1800;
        let activity = &self.problem.instance.activities[at];
        let target = &activity.target;
        let (what, to_do, (saves, costs)) = match activity.what {
            What::Verify => (
                format!("nobody has judged a copy of {target} yet; judging it beforehand saves this"),
                format!("judge it now, before its turn comes: {}", self.judge(target).line(None)),
                self.changed(|instance| stretch(instance, at, 0)),
            ),
            What::Restore => (
                format!(
                    "the rate of {target} is assumed ({ASSUMED_RESTORE_RATE} MiB/s); at half that rate this is lost"
                ),
                format!("measure one restore of {target}, and write `restore_rate` into the estate"),
                self.changed(|instance| stretch(instance, at, activity.duration_s.saturating_mul(2))),
            ),
            What::BringUp => (
                format!("nobody knows how long {target} takes to start; if it is half an hour, this is lost"),
                format!("ask who runs {target}, and write `boot_s` into the estate"),
                self.changed(|instance| stretch(instance, at, activity.duration_s.saturating_add(START_S))),
            ),
        };
        Advice {
            kind: AdviceKind::Unknown,
            about: Some(target.clone()),
            what,
            to_do,
            worth_seconds: saves.max(costs),
        }
    }

    /// Approvals that will be waited for, and dependencies that may not be real.
    fn person(&self) -> Vec<Advice> {
        let mut all = self.approvals();
        all.extend(self.doubts());
        all
    }

    fn approvals(&self) -> Vec<Advice> {
        const HOUR_S: u64 = 3600;
        let activities = self.problem.instance.activities.iter().enumerate();
        let waits = |id: &Id| self.estate.services.get(id).is_some_and(|service| service.second_person);
        let waiting =
            activities.filter(|(_, activity)| activity.what == What::BringUp && waits(&activity.target));
        waiting
            .take(self.each_max)
            .map(|(at, activity)| {
                let planned = generate::schedule(&self.problem.instance, &self.rank).start_s[at];
                let (_, costs) = self.changed(|instance| {
                    instance.not_before_s.resize(instance.activities.len(), 0);
                    instance.not_before_s[at] = planned.saturating_add(HOUR_S);
                });
                let target = &activity.target;
                Advice {
                    kind: AdviceKind::Person,
                    what: format!("{target} needs a second person to allow its start; an hour of waiting for one costs this"),
                    to_do: format!("have somebody ready {} after the plan begins", clock(planned)),
                    about: Some(target.clone()),
                    worth_seconds: costs,
                }
            })
            .collect()
    }

    /// The activity that an edge's end waits for or waits with.
    fn places(&self) -> BTreeMap<&Id, usize> {
        let activities = self.problem.instance.activities.iter().enumerate();
        let last = activities.filter(|(_, activity)| matches!(activity.what, What::Restore | What::BringUp));
        last.map(|(at, activity)| (&activity.target, at)).collect()
    }

    fn doubts(&self) -> Vec<Advice> {
        let doubtful = |edge: &&Edge| {
            let blocks = edge.kind.blocks_start() || edge.kind == EdgeKind::Order;
            blocks
                && (edge.evidence == Evidence::Inferred
                    || edge.confidence < 1000
                    || edge.kind == EdgeKind::Order)
        };
        // Where there is more than one edge between two things, taking one away changes nothing.
        let mut between: BTreeMap<(&Id, &Id), usize> = BTreeMap::new();
        for edge in self.estate.edges.iter().filter(|edge| edge.kind != EdgeKind::Soft) {
            *between.entry((&edge.from, &edge.to)).or_default() += 1;
        }
        let places = self.places();
        let edges = self.estate.edges.iter().filter(doubtful);
        edges
            .filter(|edge| between.get(&(&edge.from, &edge.to)) == Some(&1))
            .filter_map(|edge| self.without(edge, &places))
            .take(self.each_max)
            .collect()
    }

    /// What a dependency costs.
    fn without(&self, edge: &Edge, places: &BTreeMap<&Id, usize>) -> Option<Advice> {
        let (dependent, provider) = (*places.get(&edge.from)?, *places.get(&edge.to)?);
        let (saves, _) =
            self.changed(|instance| instance.before[dependent].retain(|&before| before != provider));
        let sure = edge.confidence / 10;
        Some(Advice {
            kind: AdviceKind::Person,
            what: format!(
                "{} waits for {} (`{}`, {sure} % sure); if it need not, this is saved",
                edge.from,
                edge.to,
                edge.kind.word()
            ),
            to_do: "ask who runs it; if it can start without, make the dependency `soft` and plan again"
                .to_owned(),
            about: Some(edge.from.clone()),
            worth_seconds: saves,
        })
    }
}

/// Gives an activity another duration; its demands last as long.
fn stretch(instance: &mut Instance, at: usize, duration_s: u64) {
    let activity = &mut instance.activities[at];
    for demand in &mut activity.demands {
        demand.until_s = demand.until_s.map(|_| duration_s);
    }
    activity.duration_s = duration_s;
}

fn named(estate: &Estate, id: &Id) -> String {
    let name = estate
        .resources
        .get(id)
        .map(|resource| &resource.name)
        .or_else(|| estate.hosts.get(id).map(|host| &host.name));
    name.filter(|name| !name.is_empty()).map_or_else(String::new, |name| format!(" “{name}”"))
}
