//! In which order does everything come back, and when?
//!
//! Reads the estate and what is lost. Records plans and their approval. A plan is a value: immutable,
//! printed, compared, and run only by its approved hash.
//!
//! From question to answer: `lost` follows what is named to all that falls with it; `instance` makes it a
//! scheduling problem (the seam: a better optimiser sees only that); `priority` says what is preferred,
//! `generate` turns a preference into a schedule, `bound` says what no plan can beat; `steps` writes the best
//! schedule found as a plan; `explain` says what decided it and what it does not know. `check` looks at a
//! finished plan with the estate in hand and shares no code with any of them.

pub mod answer;
pub mod bound;
pub mod check;
pub mod decide;
pub mod explain;
pub mod file;
pub mod generate;
pub mod instance;
pub mod lost;
pub mod page;
pub mod part;
pub mod priority;
pub mod refusal;
pub mod search;
pub mod steps;
pub mod view;

#[cfg(test)]
mod tests;

pub use file::Plan;
pub use refusal::Refusal;

use crate::estate::{Estate, Id};
use explain::Explanation;
use file::Baselines;
use generate::Schedule;
use instance::{Instance, RecoveryPoints};
use priority::Work;

/// A plan, and what a person should know about it that is not part of what is run.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    pub plan: Plan,
    pub explanation: Explanation,
}

/// Makes the plan. `named` empty means that everything is lost; `points` holds the recovery points that a scan
/// has judged clean, as far as they are known. Pure: same input, same plan, on every machine.
pub fn make(
    estate: &Estate,
    estate_hash: &str,
    named: &[Id],
    points: Option<&RecoveryPoints>,
) -> Result<Made, Refusal> {
    let lost = lost::lost(estate, named)?;
    let known = points.cloned().unwrap_or_default();
    let instance = instance::instance(estate, &lost, &known)?;
    let tried = |rank: Vec<u64>| {
        let schedule = generate::schedule(&instance, &rank);
        (price_seconds(&instance, &schedule), schedule)
    };
    let baselines = [
        tried(priority::file_order(estate, &instance)),
        tried(priority::tier_order(estate, &instance)),
        tried(priority::size_order(estate, &instance)),
    ];
    let by_weight =
        [Work::Seconds, Work::Scarcest].map(|work| tried(priority::weight_order(&instance, work)));
    let costs = baselines.each_ref().map(|(cost, _)| *cost);
    let schedules = baselines.len() + by_weight.len();
    // The cheapest of all that was tried, the weight-driven ones first among equals: the plan is never worse
    // than the usual orders it is compared with.
    let (cost, schedule) =
        by_weight.into_iter().chain(baselines).min_by_key(|(cost, _)| *cost).expect("five orders were tried");
    let plan = Plan {
        version: file::VERSION,
        estate_hash: estate_hash.to_owned(),
        parts: lost
            .services
            .iter()
            .chain(&lost.stores)
            .map(|id| (id.clone(), part::hash(estate, id)))
            .collect(),
        lost: lost.services.iter().chain(&lost.stores).cloned().collect(),
        seed: 0,
        schedules: schedules as u64,
        steps: steps::steps(estate, &instance, &schedule, &known),
        served: steps::served(estate, &instance, &schedule),
        insured_seconds: fit(cost),
        lower_bound: fit(bound::lower_bound_seconds(&instance, bound::Effort::Thorough)),
        baselines: Baselines { fifo: fit(costs[0]), tier: fit(costs[1]), size: fit(costs[2]) },
    };
    let explanation = explain::explain(estate, &lost, &instance, &schedule, points);
    Ok(Made { plan, explanation })
}

/// Σ insured × urgency × seconds until served.
fn price_seconds(instance: &Instance, schedule: &Schedule) -> u128 {
    (0..instance.activities.len())
        .map(|at| instance.activities[at].weight.saturating_mul(u128::from(schedule.end_s(instance, at))))
        .fold(0, u128::saturating_add)
}

/// The file holds 64 bits; more than that (a billion insured for a million years) is shown as the largest.
fn fit(seconds: u128) -> u64 {
    u64::try_from(seconds).unwrap_or(u64::MAX)
}
