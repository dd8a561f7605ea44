//! The plan file as it was in version 2, which noted the parts of the estate by a hash that only the build that made it
//! could come to again.
//!
//! Only for reading plans that were made then, and for coming to the same hash. Never changed, and nothing of the plan
//! as it is today is used here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use estate::Id;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    pub(super) version: u32,
    pub(super) estate_hash: String,
    pub(super) parts: BTreeMap<Id, String>,
    pub(super) lost: Vec<Id>,
    pub(super) without: Vec<Id>,
    pub(super) first: Vec<Id>,
    pub(super) continues: Option<Continues>,
    pub(super) seed: u64,
    pub(super) schedules: u64,
    pub(super) steps: Vec<Step>,
    pub(super) served: Vec<Served>,
    pub(super) never: Vec<Never>,
    pub(super) horizon_s: u64,
    pub(super) samples: u64,
    pub(super) insured_seconds: u64,
    pub(super) lower_bound: u64,
    pub(super) baselines: Baselines,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Continues {
    pub(super) run: String,
    pub(super) entries: u64,
    pub(super) done: BTreeSet<String>,
    pub(super) running: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) stuck: BTreeSet<Id>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) id: String,
    pub(super) service: Id,
    pub(super) kind: StepKind,
    pub(super) start_s: u64,
    pub(super) end_s: u64,
    pub(super) after: Vec<String>,
    pub(super) recovery_point: Option<String>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StepKind {
    Verify,
    Restore,
    Start,
    Gate,
    Admit,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Served {
    pub(super) tenant: Id,
    pub(super) capability: Id,
    pub(super) at_s: u64,
    pub(super) early_s: u64,
    pub(super) late_s: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Never {
    pub(super) tenant: Id,
    pub(super) capability: Id,
    pub(super) because: Id,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baselines {
    pub(super) fifo: u64,
    pub(super) tier: u64,
    pub(super) size: u64,
}
