//! What `plan --json` prints. Its field names are relied on by scripts.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Made;
use super::compare::{Comparison, Moved};
use super::objectives::missed;
use super::times::{Time, Times};
use estate::{Estate, Id};
use incident::plan::file::{Continues, Never, Plan, Served, Step};

#[derive(Debug, Serialize)]
pub struct Document<'a> {
    pub hash: String,
    pub estate_hash: &'a str,
    pub lost: &'a [Id],
    pub steps: &'a [Step],
    pub served: &'a [Served],
    /// Of these `at_s` is only the least: how long something takes that they wait for is not known.
    pub times_not_known: Vec<NoTime<'a>>,
    /// Σ insured × urgency × hours from plan start until served.
    pub insured_hours: f64,
    /// No plan can cost less, in the same unit.
    pub lower_bound: f64,
    /// (insured_hours − lower_bound) ÷ insured_hours: the share of the price that is not proven necessary.
    pub gap: f64,
    /// What the usual orders cost, in the same unit.
    pub baselines: BaselineHours,
    pub schedules: u64,
    pub seed: u64,
    /// Draws behind `early_s` and `late_s`; 0: there are no ranges.
    pub samples: u64,
    /// Cannot be used, and what does not come back because of it.
    pub without: &'a [Id],
    pub never: &'a [Never],
    /// What is in `never` is priced as missing for this long.
    pub horizon_s: u64,
    pub first: &'a [Id],
    pub continues: Option<&'a Continues>,
    /// Capabilities that are back later than their recovery-time objective.
    pub late: Vec<Late>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub known: Option<Known<'a>>,
}

/// Lost, and nobody has written how long all of it takes.
#[derive(Debug, Serialize)]
pub struct NoTime<'a> {
    pub tenant: &'a Id,
    pub capability: &'a Id,
}

/// What is known beyond the plan file, right after planning.
#[derive(Debug, Serialize)]
pub struct Known<'a> {
    /// The price in one of ten and in nine of ten draws.
    pub insured_hours_range: Option<(f64, f64)>,
    /// Services that fall with a provider, and that provider.
    pub fallen: &'a BTreeMap<Id, Id>,
    /// Capabilities of which nobody knows whether they are lost.
    pub lost_not_known: &'a BTreeSet<Id>,
    pub decisions: Vec<DecisionLine<'a>>,
    pub critical_path: Vec<CriticalLine<'a>>,
    pub critical_limit: Option<Busy>,
    pub not_known: &'a [String],
}

#[derive(Debug, Serialize)]
pub struct BaselineHours {
    pub fifo: f64,
    pub tier: f64,
    pub size: f64,
}

#[derive(Debug, Serialize)]
pub struct Late {
    pub capability: Id,
    pub tenants: Vec<Id>,
    pub rto_s: u64,
    /// `null`: not back at all.
    pub at_s: Option<u64>,
    pub by_s: u64,
    pub insured_hours_beyond: f64,
}

#[derive(Debug, Serialize)]
pub struct DecisionLine<'a> {
    pub kind: &'static str,
    pub about: Option<&'a Id>,
    pub what: &'a str,
    pub to_do: &'a str,
    pub insured_hours: f64,
}

#[derive(Debug, Serialize)]
pub struct CriticalLine<'a> {
    pub target: &'a Id,
    pub what: &'static str,
    pub start_s: u64,
    pub end_s: u64,
    pub waited_for: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Busy {
    pub limit: String,
    pub busy_thousandths: u64,
}

/// Two plans for the same loss, with the wish and without.
#[derive(Debug, Serialize)]
pub struct ComparisonDocument<'a> {
    /// The plan with the wish, as without `--what-if`.
    #[serde(flatten)]
    pub plan: Document<'a>,
    pub wishes: &'a [String],
    /// The plan without it, by the same number of schedules.
    pub base: BaseLine,
    /// What the wish saves; negative: what it costs.
    pub saves_insured_hours: f64,
    /// What is back earlier or later by it.
    pub moved: &'a [Moved],
}

#[derive(Debug, Serialize)]
pub struct BaseLine {
    pub hash: String,
    pub insured_hours: f64,
    pub lower_bound: f64,
    pub gap: f64,
    pub schedules: u64,
}

pub fn of_made<'a>(estate: &Estate, made: &'a Made) -> Document<'a> {
    let explanation = &made.explanation;
    let decision = |advice: &'a super::advice::Advice| DecisionLine {
        kind: advice.kind.word(),
        about: advice.about.as_ref(),
        what: &advice.what,
        to_do: &advice.to_do,
        insured_hours: hours_of(advice.worth_seconds),
    };
    let link = |link: &'a super::explain::Link| CriticalLine {
        target: &link.target,
        what: link.what.word(),
        start_s: link.start_s,
        end_s: link.end_s,
        waited_for: link.waited_for.as_ref().map(ToString::to_string),
    };
    let known = Known {
        insured_hours_range: explanation.price_range.map(|(early, late)| (hours(early), hours(late))),
        fallen: &explanation.fallen,
        lost_not_known: &explanation.doubtful,
        decisions: explanation.advice.iter().map(decision).collect(),
        critical_path: explanation.critical_path.iter().map(link).collect(),
        critical_limit: explanation
            .critical_limit
            .as_ref()
            .map(|(limit, busy)| Busy { limit: limit.to_string(), busy_thousandths: *busy }),
        not_known: &explanation.not_known,
    };
    Document { known: Some(known), ..of_plan(estate, &made.plan) }
}

/// What can be said from the plan file alone.
pub fn of_plan<'a>(estate: &Estate, plan: &'a Plan) -> Document<'a> {
    let late = missed(estate, plan).into_iter().map(|missed| Late {
        by_s: missed.by_s(plan),
        capability: missed.capability,
        tenants: missed.tenants,
        rto_s: missed.rto_s,
        at_s: missed.at_s,
        insured_hours_beyond: hours_of(missed.beyond_seconds),
    });
    let times = Times::of(estate, plan);
    let no_time = plan.served.iter().filter(|served| times.when(served) == Time::AtLeast);
    Document {
        times_not_known: no_time
            .map(|served| NoTime { tenant: &served.tenant, capability: &served.capability })
            .collect(),
        hash: plan.hash(),
        estate_hash: &plan.estate_hash,
        lost: &plan.lost,
        steps: &plan.steps,
        served: &plan.served,
        insured_hours: hours(plan.insured_seconds),
        lower_bound: hours(plan.lower_bound),
        gap: gap(plan),
        baselines: BaselineHours {
            fifo: hours(plan.baselines.fifo),
            tier: hours(plan.baselines.tier),
            size: hours(plan.baselines.size),
        },
        schedules: plan.schedules,
        seed: plan.seed,
        samples: plan.samples,
        without: &plan.without,
        never: &plan.never,
        horizon_s: plan.horizon_s,
        first: &plan.first,
        continues: plan.continues.as_ref(),
        late: late.collect(),
        known: None,
    }
}

pub fn of_comparison<'a>(estate: &Estate, comparison: &'a Comparison) -> ComparisonDocument<'a> {
    let base = &comparison.base.plan;
    ComparisonDocument {
        plan: of_made(estate, &comparison.wish),
        wishes: &comparison.wishes,
        base: BaseLine {
            hash: base.hash(),
            insured_hours: hours(base.insured_seconds),
            lower_bound: hours(base.lower_bound),
            gap: gap(base),
            schedules: base.schedules,
        },
        saves_insured_hours: hours(base.insured_seconds) - hours(comparison.wish.plan.insured_seconds),
        moved: &comparison.moved,
    }
}

fn gap(plan: &Plan) -> f64 {
    plan.insured_seconds.saturating_sub(plan.lower_bound) as f64 / plan.insured_seconds.max(1) as f64
}

/// For reading only: everything that is decided or hashed is decided in whole seconds.
fn hours(seconds: u64) -> f64 {
    seconds as f64 / 3600.0
}

fn hours_of(seconds: u128) -> f64 {
    seconds as f64 / 3600.0
}
