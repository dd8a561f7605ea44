//! What is owed to authorities and tenants: since when somebody was aware of it, and what was filed.
//!
//! A clock carries the rule it was started by as a whole text: what was owed is decided by the rule of that day, not by the
//! program of a later one. This file knows no law; `duty` reads the texts.

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::stamp::Stamp;

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[("duty.started", 1), ("duty.filed", 1), ("duty.corrected", 1)];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum DutyEvent {
    /// From `aware_since_ms` on the clock runs. `rule` is the rule file, as it was then.
    #[serde(rename = "duty.started")]
    Started { duty: String, tenant: Option<Id>, rule: String, aware_since_ms: i64, reason: String },
    /// One step of it was filed; `receipt` is what whoever took it in gave back.
    #[serde(rename = "duty.filed")]
    Filed { duty: String, tenant: Option<Id>, step: String, receipt: String, filed_at_ms: i64 },
    /// The time from which it runs was wrong; this is the right one. What was said before stays in the record.
    #[serde(rename = "duty.corrected")]
    Corrected { duty: String, tenant: Option<Id>, aware_since_ms: i64, reason: String },
}

impl DutyEvent {
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            DutyEvent::Started { tenant, .. }
            | DutyEvent::Filed { tenant, .. }
            | DutyEvent::Corrected { tenant, .. } => tenant.iter().cloned().collect(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    /// In the order in which they were started.
    pub duties: Vec<Duty>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Duty {
    pub sequence: u64,
    pub by: String,
    pub duty: String,
    /// Whose it is, or whom it is owed to; `None`: it is the provider's own.
    pub tenant: Option<Id>,
    pub rule: String,
    pub aware_since_ms: i64,
    pub reason: String,
    pub filed: Vec<Filed>,
    /// Earlier times from which it was said to run, oldest first.
    pub corrected: Vec<Corrected>,
}

/// A time that was taken back.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Corrected {
    /// The entry that took it back.
    pub sequence: u64,
    pub by: String,
    pub was_ms: i64,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Filed {
    pub sequence: u64,
    pub by: String,
    pub step: String,
    pub receipt: String,
    pub filed_at_ms: i64,
}

impl View {
    pub fn find(&self, duty: &str, tenant: Option<&Id>) -> Option<&Duty> {
        self.duties.iter().find(|known| known.duty == duty && known.tenant.as_ref() == tenant)
    }

    fn started(&mut self, duty: &str, tenant: Option<&Id>, what: &str) -> Result<&mut Duty, String> {
        let found =
            self.duties.iter_mut().find(|known| known.duty == duty && known.tenant.as_ref() == tenant);
        found.ok_or_else(|| format!("{} was {what}, and its clock never started", named(duty, tenant)))
    }

    /// `Err` says what does not fit what was recorded before.
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &DutyEvent) -> Result<(), String> {
        match event {
            DutyEvent::Started { duty, tenant, rule, aware_since_ms, reason } => {
                if self.find(duty, tenant.as_ref()).is_some() {
                    return Err(format!("the clock of {} was started twice", named(duty, tenant.as_ref())));
                }
                self.duties.push(Duty {
                    sequence: entry.sequence,
                    by: entry.actor.to_owned(),
                    duty: duty.clone(),
                    tenant: tenant.clone(),
                    rule: rule.clone(),
                    aware_since_ms: *aware_since_ms,
                    reason: reason.clone(),
                    filed: Vec::new(),
                    corrected: Vec::new(),
                });
            }
            DutyEvent::Corrected { duty, tenant, aware_since_ms, reason } => {
                let found = self.started(duty, tenant.as_ref(), "corrected")?;
                found.corrected.push(Corrected {
                    sequence: entry.sequence,
                    by: entry.actor.to_owned(),
                    was_ms: found.aware_since_ms,
                    reason: reason.clone(),
                });
                found.aware_since_ms = *aware_since_ms;
            }
            DutyEvent::Filed { duty, tenant, step, receipt, filed_at_ms } => {
                let found = self.started(duty, tenant.as_ref(), "filed")?;
                found.filed.push(Filed {
                    sequence: entry.sequence,
                    by: entry.actor.to_owned(),
                    step: step.clone(),
                    receipt: receipt.clone(),
                    filed_at_ms: *filed_at_ms,
                });
            }
        }
        Ok(())
    }
}

/// `gdpr-33-1 of tenant:north`.
pub fn named(duty: &str, tenant: Option<&Id>) -> String {
    tenant.map_or_else(|| duty.to_owned(), |tenant| format!("{duty} of {tenant}"))
}
