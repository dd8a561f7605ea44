//! What `plan --json` prints. Its field names are relied on by scripts.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Made;
use super::file::{Served, Step};
use crate::estate::Id;

#[derive(Debug, Serialize)]
pub struct Answer<'a> {
    pub hash: String,
    pub estate_hash: &'a str,
    pub lost: &'a [Id],
    pub steps: &'a [Step],
    pub served: &'a [Served],
    /// Σ insured × urgency × hours from plan start until served.
    pub insured_hours: f64,
    /// No plan can cost less, in the same unit.
    pub lower_bound: f64,
    /// (insured_hours − lower_bound) ÷ insured_hours: the share of the price that is not proven necessary.
    pub gap: f64,
    /// What the usual orders cost, in the same unit.
    pub baselines: BaselineHours,
    pub schedules: u64,
    /// Services that fall with a provider, and that provider.
    pub fallen: &'a BTreeMap<Id, Id>,
    pub not_known: &'a [String],
}

#[derive(Debug, Serialize)]
pub struct BaselineHours {
    pub fifo: f64,
    pub tier: f64,
    pub size: f64,
}

pub fn answer(made: &Made) -> Answer<'_> {
    let plan = &made.plan;
    let above = plan.insured_seconds.saturating_sub(plan.lower_bound);
    Answer {
        hash: plan.hash(),
        estate_hash: &plan.estate_hash,
        lost: &plan.lost,
        steps: &plan.steps,
        served: &plan.served,
        insured_hours: hours(plan.insured_seconds),
        lower_bound: hours(plan.lower_bound),
        gap: above as f64 / plan.insured_seconds.max(1) as f64,
        baselines: BaselineHours {
            fifo: hours(plan.baselines.fifo),
            tier: hours(plan.baselines.tier),
            size: hours(plan.baselines.size),
        },
        schedules: plan.schedules,
        fallen: &made.explanation.fallen,
        not_known: &made.explanation.not_known,
    }
}

/// For reading only: everything that is decided or hashed is decided in whole seconds.
fn hours(seconds: u64) -> f64 {
    seconds as f64 / 3600.0
}
