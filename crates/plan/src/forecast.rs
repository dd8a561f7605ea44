//! When is everybody back, if the run of a plan goes on from where it stands? A forecast: the order stays the plan's.

use super::instance::RecoveryPoints;
use super::progress::Progress;
use super::{Question, Refusal, earlier_order, generate, lost, problem, ranges, steps};
use estate::{Estate, Id};
use incident::plan::file::{HORIZON_S, Never, Plan, Served, StepKind, step_id};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Forecast {
    /// Seconds from now; 0 for what is served.
    pub served: Vec<Served>,
    pub never: Vec<Never>,
    /// Seconds until everything that can come back is back.
    pub end_s: u64,
    /// insured × urgency × seconds from now until served.
    pub insured_seconds: u128,
}

pub fn forecast(
    estate: &Estate,
    plan: &Plan,
    points: &RecoveryPoints,
    mut progress: Progress,
    samples: u64,
) -> Result<Forecast, Refusal> {
    let lost = lost::lost(estate, &plan.lost)?;
    let healthy = |id: &Id| progress.done.contains(&step_id(StepKind::Gate, id));
    let without: Vec<Id> = plan.without.iter().filter(|id| !healthy(id)).cloned().collect();
    progress.stuck.extend(without);
    let question = Question { points: Some(points.clone()), progress: Some(progress), ..Question::default() };
    let problem = problem(estate, &lost, &question)?;
    let instance = &problem.instance;
    let rank = earlier_order(instance, &super::compare::order_of(plan));
    let schedule = generate::schedule(instance, &rank);
    let ranges = ranges::ranges(instance, &schedule, samples, plan.seed);
    let (served, never) = steps::served(estate, &problem, &schedule, &ranges);
    let missing = problem.never_weight.saturating_mul(u128::from(HORIZON_S));
    Ok(Forecast {
        served,
        never,
        end_s: (0..instance.activities.len()).map(|at| schedule.end_s(instance, at)).max().unwrap_or(0),
        insured_seconds: generate::price_seconds(instance, &schedule).saturating_add(missing),
    })
}
