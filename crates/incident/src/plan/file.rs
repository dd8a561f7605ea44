//! A plan as a value: what is written into a plan file (`text`), approved by hash and run by `recover`.
//!
//! The fields of these types, in their order, are the file's form of today. Only integers: every machine must come to
//! the same hash.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use estate::Id;

/// Version of the file's form. Older ones are still read (`older`); any other number is refused, never guessed.
pub const VERSION: u32 = 3;

/// What does not come back at all is priced as missing for this long, thirty days, or until the plan's own end
/// if that is later: a price needs an end, and this one is the same for every plan that is compared.
pub const HORIZON_S: u64 = 30 * 24 * 3600;

/// A schedule of steps for one estate and one set of losses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub version: u32,
    /// Hash of the estate it was made for.
    pub estate_hash: String,
    /// For each thing in the plan, the hash of its part of that estate (`estate::fingerprint`; before version 3 something
    /// that cannot be compared any more, see `changed`). If the estate is edited during the incident, steps whose part
    /// is unchanged may still be run.
    pub parts: BTreeMap<Id, String>,
    /// What is taken to be lost, sorted. Everything else is taken to run.
    pub lost: Vec<Id>,
    /// What of it cannot be used: named by a person, failed, or on hold. Sorted. Nothing here works on it.
    pub without: Vec<Id>,
    /// Tenants that a person has put before all others. Sorted.
    pub first: Vec<Id>,
    /// The run that it goes on with, and how far that had come; `None`: it begins from nothing.
    pub continues: Option<Continues>,
    pub seed: u64,
    /// How many schedules were tried to find this one.
    pub schedules: u64,
    /// Sorted by start, then id. A step stands after all steps in its `after`.
    pub steps: Vec<Step>,
    /// When which capability is back for which tenant; 0 if it was never lost. Sorted.
    pub served: Vec<Served>,
    /// What this plan does not bring back, with the reason. Sorted.
    pub never: Vec<Never>,
    /// Seconds from the start of the plan for which what never comes back is priced as missing.
    pub horizon_s: u64,
    /// How many times the durations were drawn for the ranges in `served`; 0: there are none.
    pub samples: u64,
    /// Σ insured × urgency × seconds until served; what is in `never` counts until `horizon_s`.
    pub insured_seconds: u64,
    /// No plan can be cheaper than this, in the same unit.
    pub lower_bound: u64,
    pub baselines: Baselines,
}

/// One unit of work on one thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// `kind:target`, for example `start:service:core-muc`. Unique in a plan.
    pub id: String,
    /// The service or store it works on.
    pub service: Id,
    pub kind: StepKind,
    /// Seconds from the start of the plan.
    pub start_s: u64,
    /// Seconds from the start of the plan; not before `start_s`.
    pub end_s: u64,
    /// Ids of the steps that must be done first.
    pub after: Vec<String>,
    /// For verify and restore: the snapshot. `None`: the one chosen when the step is run.
    pub recovery_point: Option<String>,
}

/// What is done in a step. The order is the order in which one thing goes through them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// Make sure that the snapshot about to be restored was judged clean.
    Verify,
    /// Put the snapshot's files in place.
    Restore,
    /// Start the process.
    Start,
    /// Wait until the health condition holds.
    Gate,
    /// Let load in.
    Admit,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Served {
    pub tenant: Id,
    pub capability: Id,
    /// Seconds from the start of the plan.
    pub at_s: u64,
    /// In one of ten draws of the durations it is back before this. Without draws: `at_s`.
    pub early_s: u64,
    /// In nine of ten it is back by this.
    pub late_s: u64,
}

/// A capability that a tenant does not get back by this plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Never {
    pub tenant: Id,
    pub capability: Id,
    /// The thing in `without` that it needs.
    pub because: Id,
}

/// How far the run had come that this plan goes on with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Continues {
    /// Name of the run, as the journal has it. Steps keep their state in it.
    pub run: String,
    /// Entries the journal had when this was planned.
    pub entries: u64,
    /// Steps that were done: they stand in the plan at second 0 and take no time.
    pub done: BTreeSet<String>,
    /// Steps that were being worked on, with the seconds they had taken by then. They begin at second 0.
    pub running: BTreeMap<String, u64>,
    /// What of the plan's `without` nobody has named: it had failed or was on hold, and is used again once that is over.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub stuck: BTreeSet<Id>,
}

/// What the same estate would cost in the usual orders, in insured × urgency × seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baselines {
    /// The order in the estate's file.
    pub fifo: u64,
    /// Tier, then the order in the file.
    pub tier: u64,
    /// Smallest store first.
    pub size: u64,
}

impl StepKind {
    pub const ALL: [StepKind; 5] =
        [StepKind::Verify, StepKind::Restore, StepKind::Start, StepKind::Gate, StepKind::Admit];

    /// The word before the target in a step's id.
    pub fn word(self) -> &'static str {
        match self {
            StepKind::Verify => "verify",
            StepKind::Restore => "restore",
            StepKind::Start => "start",
            StepKind::Gate => "gate",
            StepKind::Admit => "admit",
        }
    }
}

/// The one spelling of a step's id.
pub fn step_id(kind: StepKind, target: &Id) -> String {
    format!("{}:{target}", kind.word())
}

impl Plan {
    /// What a person has said cannot be used. It stays so in the plans that go on with this one.
    pub fn named_without(&self) -> impl Iterator<Item = &Id> {
        let stuck = self.continues.as_ref().map(|continues| &continues.stuck);
        self.without.iter().filter(move |id| !stuck.is_some_and(|stuck| stuck.contains(*id)))
    }

    /// How far the plan may be from the best there is: thousandths of its own price.
    pub fn gap_thousandths(&self) -> u64 {
        let above = self.insured_seconds.saturating_sub(self.lower_bound);
        // Rounded up: "at most" must stay true.
        let thousandths = (u128::from(above) * 1000).div_ceil(u128::from(self.insured_seconds.max(1)));
        u64::try_from(thousandths).unwrap_or(u64::MAX)
    }

    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }

    /// Every step named as its kind and target say, once, after what it waits for.
    pub fn consistent(&self) -> Result<(), String> {
        let mut before = BTreeSet::new();
        if let Some(served) = self.served.iter().find(|served| served.early_s > served.late_s) {
            return Err(format!(
                "{} is back for {} later than at the latest",
                served.capability, served.tenant
            ));
        }
        for step in &self.steps {
            if step.id != step_id(step.kind, &step.service) {
                return Err(format!("step `{}` is a {} of {}", step.id, step.kind.word(), step.service));
            }
            if step.end_s < step.start_s {
                return Err(format!("step `{}` ends before it starts", step.id));
            }
            if let Some(missing) = step.after.iter().find(|after| !before.contains(after.as_str())) {
                return Err(format!(
                    "step `{}` waits for `{missing}`, which does not come before it",
                    step.id
                ));
            }
            if !self.parts.contains_key(&step.service) {
                return Err(format!(
                    "step `{}` works on something whose part of the estate is not noted",
                    step.id
                ));
            }
            if !before.insert(step.id.as_str()) {
                return Err(format!("step `{}` appears twice", step.id));
            }
        }
        Ok(())
    }
}
