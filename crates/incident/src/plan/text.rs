//! From a plan to its text and back, whatever version the text has.
//!
//! The file is JSON that a person can read, with one more field, `hash`: the SHA-256 of the same JSON
//! without it, in the one form that `canonical` writes (no spaces, fields in the order of the types).
//! A flipped bit, an edit by hand and a half-written file are refused alike, because what was approved
//! is exactly what is run. Only integers: every machine must come to the same hash.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::file::{Plan, VERSION};
use super::{older, version_1, version_2};

/// Why a text is not a plan that can be run.
#[derive(Debug, thiserror::Error)]
pub enum PlanFault {
    #[error("this is not a plan: {0}")]
    NotAPlan(String),
    #[error("this plan has the form of version {0}; this program runs versions 1 to {VERSION}")]
    OtherVersion(u64),
    #[error(
        "the plan was changed after it was made: it says its hash is {stated}, but its content has {found}"
    )]
    Changed { stated: String, found: String },
    #[error("the plan contradicts itself: {0}")]
    Contradiction(String),
}

/// Why writing a plan as JSON cannot fail.
const WRITABLE: &str = "a plan holds only strings, integers and lists and maps of them";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFile<P> {
    hash: String,
    plan: P,
}

impl Plan {
    /// What the hash is taken over: for a plan of an older version the form that version had.
    pub fn canonical(&self) -> String {
        let text = match self.version {
            1 => serde_json::to_string(&older::to_version_1(self)),
            2 => serde_json::to_string(&older::to_version_2(self)),
            _ => serde_json::to_string(self),
        };
        text.expect(WRITABLE)
    }

    /// SHA-256 of the canonical form, 64 hexadecimal digits. What is approved.
    pub fn hash(&self) -> String {
        estate::hex(&Sha256::digest(self.canonical().as_bytes()))
    }

    /// The plan file.
    pub fn to_text(&self) -> String {
        let hash = self.hash();
        let text = match self.version {
            1 => serde_json::to_string_pretty(&PlanFile { hash, plan: older::to_version_1(self) }),
            2 => serde_json::to_string_pretty(&PlanFile { hash, plan: older::to_version_2(self) }),
            _ => serde_json::to_string_pretty(&PlanFile { hash, plan: self.clone() }),
        };
        text.expect(WRITABLE) + "\n"
    }

    /// Reads a plan file, or says why it must not be run. Never panics, on any text.
    pub fn read(text: &str) -> Result<Plan, PlanFault> {
        let (stated, plan) = match version_of(text)? {
            1 => {
                let file = parsed::<version_1::Plan>(text)?;
                (file.hash, older::from_version_1(file.plan))
            }
            2 => {
                let file = parsed::<version_2::Plan>(text)?;
                (file.hash, older::from_version_2(file.plan))
            }
            version if version == u64::from(VERSION) => {
                let file = parsed::<Plan>(text)?;
                (file.hash, file.plan)
            }
            other => return Err(PlanFault::OtherVersion(other)),
        };
        let found = plan.hash();
        if found != stated {
            return Err(PlanFault::Changed { stated, found });
        }
        plan.consistent().map_err(PlanFault::Contradiction)?;
        Ok(plan)
    }
}

/// A newer form may not be readable as this one, but deserves to be called by its name.
fn version_of(text: &str) -> Result<u64, PlanFault> {
    let value: serde_json::Value =
        serde_json::from_str(text).map_err(|error| PlanFault::NotAPlan(error.to_string()))?;
    let version = value.get("plan").and_then(|plan| plan.get("version")?.as_u64());
    version.ok_or_else(|| PlanFault::NotAPlan("it has no `plan` with a `version`".to_owned()))
}

fn parsed<P: serde::de::DeserializeOwned>(text: &str) -> Result<PlanFile<P>, PlanFault> {
    serde_json::from_str(text).map_err(|error| PlanFault::NotAPlan(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::file::{Baselines, HORIZON_S, Step, StepKind, step_id};
    use super::*;
    use estate::Id;

    fn example() -> Plan {
        let core: Id = "service:core-muc".parse().expect("a valid id");
        let store: Id = "store:core-muc".parse().expect("a valid id");
        let step = |kind, target: &Id, after: &[StepKind], from: u64| Step {
            id: step_id(kind, target),
            service: target.clone(),
            kind,
            start_s: from,
            end_s: from + 10,
            after: after.iter().map(|kind| step_id(*kind, target)).collect(),
            recovery_point: None,
        };
        Plan {
            version: VERSION,
            estate_hash: "ab".repeat(32),
            parts: BTreeMap::from([(core.clone(), "c0".repeat(32)), (store.clone(), "5d".repeat(32))]),
            lost: vec![core.clone(), store.clone()],
            without: Vec::new(),
            first: Vec::new(),
            continues: None,
            seed: 7,
            schedules: 100,
            steps: vec![
                step(StepKind::Verify, &store, &[], 0),
                step(StepKind::Restore, &store, &[StepKind::Verify], 10),
                step(StepKind::Start, &core, &[], 20),
                step(StepKind::Gate, &core, &[StepKind::Start], 30),
            ],
            served: Vec::new(),
            never: Vec::new(),
            horizon_s: HORIZON_S,
            samples: 0,
            insured_seconds: 4000,
            lower_bound: 3000,
            baselines: Baselines { fifo: 5000, tier: 6000, size: 7000 },
        }
    }

    #[test]
    fn a_plan_comes_back_from_its_file_as_it_was() {
        let plan = example();
        assert_eq!(Plan::read(&plan.to_text()).expect("readable"), plan);
        assert_eq!(plan.gap_thousandths(), 250);
    }

    #[test]
    fn no_flipped_bit_is_accepted() {
        let text = example().to_text();
        for place in 0..text.len() - 1 {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[place] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(Plan::read(&changed).is_err(), "bit {bit} of byte {place} went unnoticed: {changed}");
            }
        }
    }

    #[test]
    fn no_cut_off_file_is_accepted() {
        let text = example().to_text();
        for length in 0..text.len() - 1 {
            assert!(Plan::read(&text[..length]).is_err(), "a file of {length} bytes was accepted");
        }
    }

    #[test]
    fn a_plan_that_contradicts_itself_is_refused_even_with_the_right_hash() {
        let mut plan = example();
        plan.steps.swap(0, 1);
        assert!(matches!(Plan::read(&plan.to_text()), Err(PlanFault::Contradiction(_))));
        let mut plan = example();
        plan.steps[2].id = "start:service:other".to_owned();
        assert!(matches!(Plan::read(&plan.to_text()), Err(PlanFault::Contradiction(_))));
    }

    #[test]
    fn another_version_is_named_as_such() {
        let text = example().to_text().replacen("\"version\": 3", "\"version\": 4", 1);
        assert!(matches!(Plan::read(&text), Err(PlanFault::OtherVersion(4))));
    }
}
