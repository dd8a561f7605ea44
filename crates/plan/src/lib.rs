//! In which order does everything come back, and when?
//!
//! Reads the estate, what is lost, and how far a run has come. Records plans and their approval. A plan is a value:
//! immutable, printed, compared, and run only by its approved hash.
//!
//! From question to answer: `lost` follows what is named to all that falls with it; `progress` takes off what is back
//! or cannot come back; `instance` makes it a scheduling problem (the seam: whoever looks for an order sees only
//! that); `priority` says what is preferred, `generate` turns a preference into a schedule, `search` looks for a
//! better one, `bound` says what no plan can beat; `ranges` says how sure it is, `budget` how long it may be searched for; `steps` writes the schedule as a
//! plan. For people: `explain` says what decided it, `advice` what to decide next, `page`, `html`, `sheet`, `diff` and
//! `compare` show it, `json` tells programs, `objectives` says who waits longer than was promised. `forecast` says when everybody is back while
//! a run is under way. `check` looks at a finished plan with the estate in hand and shares no code with any of them.

pub mod advice;
pub mod bound;
pub mod budget;
pub mod by_hand;
pub mod check;
pub mod compare;
pub mod decide;
pub mod diff;
pub mod drawing;
pub mod explain;
pub mod forecast;
pub mod generate;
pub mod html;
pub mod instance;
pub mod json;
pub mod limit;
pub mod lost;
pub mod objectives;
pub mod page;
pub mod priority;
pub mod progress;
pub mod ranges;
pub mod refusal;
pub mod search;
pub mod sheet;
pub mod steps;
pub mod times;
pub mod wish;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use incident::plan::file::Plan;
pub use refusal::Refusal;

use estate::{Estate, Id, fingerprint};
use explain::Explanation;
use generate::Schedule;
use incident::plan::file::{self, Baselines, Continues, HORIZON_S};
use instance::{Instance, RecoveryPoints};
use lost::Lost;
use priority::Work;
use progress::{Progress, Todo};
use search::Then;

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Question {
    /// Sites, hosts, services and stores that are lost. Empty: everything.
    pub lost: Vec<Id>,
    /// What cannot be used: nothing that waits for it comes back.
    pub without: Vec<Id>,
    /// Tenants that come before all others, whatever it costs.
    pub first: Vec<Id>,
    /// Recovery points that a scan has judged clean. `None`: no journal was read.
    pub points: Option<RecoveryPoints>,
    /// How far the run has come that is planned anew. `None`: nothing has been done.
    pub progress: Option<Progress>,
    /// Order of an earlier plan: step ids with the second they begin at. The plan is never worse than in that order.
    pub order: BTreeMap<String, u64>,
}

/// How long to look.
pub struct Effort<'w> {
    /// Schedules to try at most.
    pub schedules: u64,
    pub seed: u64,
    /// Draws for the ranges; 0: none.
    pub samples: u64,
    pub bound: bound::Effort,
    /// How many things to advise people to decide next; 0: none.
    pub advice: usize,
    /// Told of every better schedule, and now and then between; may end the search.
    pub watch: &'w mut dyn FnMut(search::Progress) -> Then,
}

/// A plan, and what a person should know about it that is not part of what is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    pub plan: Plan,
    pub explanation: Explanation,
    /// For drawing the usual orders beside it: when each serves whom, in the order of `Baselines`.
    pub usual: [Curve; 3],
}

/// (second, insured × urgency that is served from then on more than before), by second.
pub type Curve = Vec<(u64, u128)>;

/// What has to be scheduled, and what is known about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    pub instance: Instance,
    pub todo: Todo,
    pub points: RecoveryPoints,
    /// Σ insured × urgency of what never comes back.
    pub never_weight: u128,
}

/// Makes the plan. Pure: same input, same plan, on every machine.
pub fn make(
    estate: &Estate,
    estate_hash: &str,
    question: &Question,
    effort: &mut Effort<'_>,
) -> Result<Made, Refusal> {
    let lost = lost::lost(estate, &question.lost)?;
    let problem = problem(estate, &lost, question)?;
    let instance = &problem.instance;
    let usual = [priority::file_order, priority::tier_order]
        .map(|order| generate::schedule(instance, &order(estate, instance)));
    let [fifo, tier] = usual;
    let size = generate::schedule(instance, &priority::size_order(estate, instance));
    let usual = [fifo, tier, size];
    let Best { schedule, schedules, bound } = best(estate, &problem, question, &usual, effort);
    let end_s = (0..instance.activities.len()).map(|at| schedule.end_s(instance, at)).max().unwrap_or(0);
    let horizon_s = HORIZON_S.max(end_s);
    let missing = problem.never_weight.saturating_mul(u128::from(horizon_s));
    let price = |cost: u128| fit(cost.saturating_add(missing));
    let costs = usual.each_ref().map(|usual| price(generate::price_seconds(instance, usual)));
    let ranges = ranges::ranges(instance, &schedule, effort.samples, effort.seed);
    let (served, never) = steps::served(estate, &problem, &schedule, &ranges);
    let cost = generate::price_seconds(instance, &schedule);
    let plan = Plan {
        version: file::VERSION,
        estate_hash: estate_hash.to_owned(),
        parts: fingerprint::hashes(estate, lost.services.iter().chain(&lost.stores)),
        lost: lost.services.iter().chain(&lost.stores).cloned().collect(),
        without: problem.todo.without.iter().chain(&problem.todo.not_open).cloned().collect(),
        first: sorted(&question.first),
        continues: question.progress.as_ref().map(|progress| continues(&problem, progress)),
        seed: effort.seed,
        schedules,
        steps: steps::steps(estate, &problem, &schedule),
        served,
        never,
        horizon_s,
        samples: ranges.samples,
        insured_seconds: price(cost),
        lower_bound: price(bound.min(cost)),
        baselines: Baselines { fifo: costs[0], tier: costs[1], size: costs[2] },
    };
    let mut explanation = explain::explain(estate, &lost, &problem, &schedule, question.points.is_some());
    explanation.price_range = (ranges.samples > 0).then(|| (price(ranges.cost.0), price(ranges.cost.1)));
    explanation.advice = advice::advice(estate, &problem, &schedule, effort.advice);
    Ok(Made { plan, explanation, usual: usual.map(|usual| curve(instance, &usual)) })
}

/// What has to be scheduled so that what was asked for comes back.
pub fn problem(estate: &Estate, lost: &Lost, question: &Question) -> Result<Problem, Refusal> {
    if let Some(id) = question.first.iter().find(|id| id.kind() != estate::Kind::Tenant) {
        return Err(Refusal::CannotBeFirst { id: id.clone() });
    }
    let unknown: Vec<Id> =
        question.first.iter().filter(|id| !estate.tenants.contains_key(*id)).cloned().collect();
    if !unknown.is_empty() {
        return Err(Refusal::NotInEstate { ids: unknown });
    }
    let todo = progress::todo(estate, lost, &question.without, question.progress.as_ref())?;
    let points = question.points.clone().unwrap_or_default();
    let instance = instance::remaining(estate, &todo, &points)?;
    let weights = instance::weights(estate);
    let never_weight = weights
        .iter()
        .filter(|(service, _)| todo.never_because(service).is_some())
        .fold(0, |sum: u128, (_, weight)| sum.saturating_add(*weight));
    Ok(Problem { instance, todo, points, never_weight })
}

/// The best schedule found.
struct Best {
    schedule: Schedule,
    /// How many were tried for it.
    schedules: u64,
    /// What no schedule can cost less than.
    bound: u128,
}

fn best(
    estate: &Estate,
    problem: &Problem,
    question: &Question,
    usual: &[Schedule; 3],
    effort: &mut Effort<'_>,
) -> Best {
    let instance = &problem.instance;
    let wished = wished(estate, instance, &question.first);
    let mut starts = Vec::new();
    if !question.order.is_empty() {
        starts.push(earlier_order(instance, &question.order));
    }
    starts.extend([Work::Seconds, Work::Scarcest].map(|work| priority::weight_order(&wished, work)));
    starts.extend(usual.iter().map(|usual| ranges::order_of(instance, usual)));
    let price_steps = effort.bound.steps();
    let settings =
        search::Settings { schedules: effort.schedules, seed: effort.seed, prove: true, price_steps };
    let found = search::search(&wished, &starts, &settings, effort.watch);
    // What cannot cost less for the wish proves nothing about what it costs without. Prices once more take as long again, and
    // a brief look has no time for that.
    let bound = match effort.bound {
        _ if question.first.is_empty() => found.bound,
        bound::Effort::Quick | bound::Effort::Brief => {
            bound::lower_bound_seconds(instance, bound::Effort::Quick)
        }
        bound::Effort::Thorough => bound::lower_bound_seconds(instance, bound::Effort::Thorough),
    };
    // The earlier order counts even if the search ended before it came to it.
    let earlier = starts.first().map(|first| generate::schedule(&wished, first));
    let worth = |schedule: &Schedule| {
        let end_s = (0..wished.activities.len()).map(|at| schedule.end_s(&wished, at)).max();
        (generate::price_seconds(&wished, schedule), end_s)
    };
    let all = std::iter::once(found.schedule).chain(earlier).chain(usual.iter().cloned());
    let best = all.min_by_key(worth).expect("at least the search has found one");
    // Closed up once more: nothing ends later by that, and what has been begun begins at second 0.
    let schedule = generate::schedule(instance, &ranges::order_of(instance, &best));
    Best { schedule, schedules: found.schedules, bound }
}

/// How much more a person's wish for a tenant counts than its insured.
const FIRST: u128 = 1000;

/// The instance as it is searched: with what serves those who come first weighing so much that they do.
fn wished(estate: &Estate, instance: &Instance, first: &[Id]) -> Instance {
    let mut wished = instance.clone();
    if first.is_empty() {
        return wished;
    }
    let most = instance.activities.iter().map(|activity| activity.weight).max().unwrap_or(0).max(1);
    let mut more: BTreeMap<&Id, u128> = BTreeMap::new();
    for tenant in first {
        for (id, capability) in &estate.capabilities {
            if let Some(service) = estate.serving(id, tenant) {
                let sum = more.entry(service).or_default();
                *sum = sum.saturating_add(most.saturating_mul(u128::from(capability.urgency.max(1))));
            }
        }
    }
    for activity in &mut wished.activities {
        let more = more.get(&activity.target).copied().unwrap_or(0);
        activity.weight = activity.weight.saturating_add(more.saturating_mul(FIRST));
    }
    wished
}

/// Ranks that follow an earlier plan; what it does not know comes last.
fn earlier_order(instance: &Instance, order: &BTreeMap<String, u64>) -> Vec<u64> {
    let start_s = instance.activities.iter().map(|activity| {
        let kind = match activity.what {
            instance::What::Verify => file::StepKind::Verify,
            instance::What::Restore => file::StepKind::Restore,
            instance::What::BringUp => file::StepKind::Start,
        };
        order.get(&file::step_id(kind, &activity.target)).copied().unwrap_or(u64::MAX)
    });
    ranges::order_of(instance, &Schedule { start_s: start_s.collect() })
}

fn continues(problem: &Problem, progress: &Progress) -> Continues {
    let in_plan = |step: &&String| {
        problem.todo.lost.contains_step(step)
            || problem.todo.back.iter().any(|id| step.ends_with(&format!(":{id}")))
    };
    let mut done: std::collections::BTreeSet<String> =
        progress.done.iter().filter(in_plan).cloned().collect();
    done.extend(steps::done_of_begun(&problem.todo));
    Continues {
        run: progress.run.clone(),
        entries: progress.entries,
        done,
        running: progress
            .running
            .iter()
            .filter(|(step, _)| problem.todo.lost.contains_step(step))
            .map(|(step, elapsed_s)| (step.clone(), *elapsed_s))
            .collect(),
        stuck: problem.todo.stuck().cloned().collect(),
    }
}

/// Whom a schedule serves when.
fn curve(instance: &Instance, schedule: &Schedule) -> Curve {
    let mut curve: BTreeMap<u64, u128> = BTreeMap::new();
    for (at, activity) in instance.activities.iter().enumerate().filter(|(_, activity)| activity.weight > 0) {
        let sum = curve.entry(schedule.end_s(instance, at)).or_default();
        *sum = sum.saturating_add(activity.weight);
    }
    curve.into_iter().collect()
}

fn sorted(ids: &[Id]) -> Vec<Id> {
    ids.iter().cloned().collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// The file holds 64 bits; more than that (a billion insured for a million years) is shown as the largest.
fn fit(seconds: u128) -> u64 {
    u64::try_from(seconds).unwrap_or(u64::MAX)
}
