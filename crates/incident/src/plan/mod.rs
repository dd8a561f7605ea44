//! Plans as facts: which was recorded, approved, withdrawn. The plan itself is in `file`, its text in `text`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::stamp::Stamp;

pub mod changed;
pub mod file;
mod older;
pub mod text;
mod version_1;
mod version_2;

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] =
    &[("plan.recorded", 1), ("plan.approved", 1), ("plan.withdrawn", 1)];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum PlanEvent {
    /// `text` is the plan file itself, so the journal alone can run it again.
    #[serde(rename = "plan.recorded")]
    Recorded { hash: String, estate_hash: String, text: String },
    #[serde(rename = "plan.approved")]
    Approved { hash: String },
    #[serde(rename = "plan.withdrawn")]
    Withdrawn { hash: String, reason: String },
}

impl PlanEvent {
    /// A plan is about the whole estate, and none of its entries stands in the way of a single thing.
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            PlanEvent::Recorded { .. } | PlanEvent::Approved { .. } | PlanEvent::Withdrawn { .. } => {
                Vec::new()
            }
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub plans: BTreeMap<String, Recorded>,
    /// Hash of the plan that may be run. At most one: a new approval replaces it.
    pub approved: Option<String>,
    /// Entry of that approval. Running a plan a second time needs a second approval.
    pub approved_at_entry: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Recorded {
    pub estate_hash: String,
    pub text: String,
    pub recorded_at_entry: u64,
}

impl View {
    /// `Err` says what does not fit what was recorded before.
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &PlanEvent) -> Result<(), String> {
        match event {
            PlanEvent::Recorded { hash, estate_hash, text } => {
                let plan = Recorded {
                    estate_hash: estate_hash.clone(),
                    text: text.clone(),
                    recorded_at_entry: entry.sequence,
                };
                self.plans.insert(hash.clone(), plan);
            }
            PlanEvent::Approved { hash } => {
                self.approved = Some(hash.clone());
                self.approved_at_entry = Some(entry.sequence);
                // Taken in all the same: somebody wanted another plan, so the one before is not run any more.
                if !self.plans.contains_key(hash) {
                    return Err(format!("plan {hash} was approved, and it is not in the journal"));
                }
            }
            PlanEvent::Withdrawn { hash, .. } => {
                if self.approved.as_ref() != Some(hash) {
                    return Err(format!("plan {hash} was withdrawn, but it was not approved"));
                }
                self.approved = None;
                self.approved_at_entry = None;
            }
        }
        Ok(())
    }
}
