//! The plan file as it was in version 1: without ranges, wishes, and runs that go on.
//!
//! Only for reading plans that were made then, and for coming to the same hash. Never changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::file::{self, Baselines, HORIZON_S, Step};
use estate::Id;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    version: u32,
    estate_hash: String,
    parts: BTreeMap<Id, String>,
    lost: Vec<Id>,
    seed: u64,
    schedules: u64,
    steps: Vec<Step>,
    served: Vec<Served>,
    insured_seconds: u64,
    lower_bound: u64,
    baselines: Baselines,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Served {
    tenant: Id,
    capability: Id,
    at_s: u64,
}

impl From<&file::Plan> for Plan {
    fn from(plan: &file::Plan) -> Plan {
        let served = |served: &file::Served| Served {
            tenant: served.tenant.clone(),
            capability: served.capability.clone(),
            at_s: served.at_s,
        };
        Plan {
            version: plan.version,
            estate_hash: plan.estate_hash.clone(),
            parts: plan.parts.clone(),
            lost: plan.lost.clone(),
            seed: plan.seed,
            schedules: plan.schedules,
            steps: plan.steps.clone(),
            served: plan.served.iter().map(served).collect(),
            insured_seconds: plan.insured_seconds,
            lower_bound: plan.lower_bound,
            baselines: plan.baselines,
        }
    }
}

impl From<Plan> for file::Plan {
    fn from(plan: Plan) -> file::Plan {
        let served = |served: Served| file::Served {
            tenant: served.tenant,
            capability: served.capability,
            at_s: served.at_s,
            early_s: served.at_s,
            late_s: served.at_s,
        };
        let end_s = plan.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
        file::Plan {
            version: plan.version,
            estate_hash: plan.estate_hash,
            parts: plan.parts,
            lost: plan.lost,
            without: Vec::new(),
            first: Vec::new(),
            continues: None,
            seed: plan.seed,
            schedules: plan.schedules,
            steps: plan.steps,
            served: plan.served.into_iter().map(served).collect(),
            never: Vec::new(),
            horizon_s: HORIZON_S.max(end_s),
            samples: 0,
            insured_seconds: plan.insured_seconds,
            lower_bound: plan.lower_bound,
            baselines: plan.baselines,
        }
    }
}
