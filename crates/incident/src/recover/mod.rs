//! The restart as facts: what was begun, done, failed, probed, parked. `step` is the table of states, `view` what
//! follows from the facts.

use serde::{Deserialize, Serialize};

use estate::Id;

mod service;
pub mod step;
mod view;

pub use service::ServiceState;
pub use view::{RunEnd, RunView, ServiceView, StepView, View};

/// A process that was started, recognisable after a restart of Blackstart or a reuse of its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessMark {
    pub pid: u32,
    /// Clock ticks after boot, field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
    pub run: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    Done,
    NotDone,
    Unknown,
}

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[
    ("recover.run_begun", 1),
    ("recover.step_intended", 1),
    ("recover.step_done", 1),
    ("recover.step_failed", 1),
    ("recover.step_probed", 1),
    ("recover.service_stopped", 1),
    ("recover.service_parked", 1),
    ("recover.service_unparked", 1),
    ("recover.target_resumed", 1),
    ("recover.run_ended", 1),
];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum RecoverEvent {
    #[serde(rename = "recover.run_begun")]
    RunBegun { run: String, plan: String, estate_hash: String },
    #[serde(rename = "recover.step_intended")]
    StepIntended { step: String, target: Id, attempt: u32 },
    #[serde(rename = "recover.step_done")]
    StepDone { step: String, target: Id, detail: String, process: Option<ProcessMark> },
    #[serde(rename = "recover.step_failed")]
    StepFailed { step: String, target: Id, detail: String },
    /// The intent was there, the outcome was not: somebody looked.
    #[serde(rename = "recover.step_probed")]
    StepProbed { step: String, target: Id, found: Found, detail: String, process: Option<ProcessMark> },
    #[serde(rename = "recover.service_stopped")]
    ServiceStopped { service: Id, why: String },
    #[serde(rename = "recover.service_parked")]
    ServiceParked { service: Id, waits_for: Id },
    #[serde(rename = "recover.service_unparked")]
    ServiceUnparked { service: Id },
    /// A person has dealt with the cause: the failed or held steps of this thing may be tried again.
    #[serde(rename = "recover.target_resumed")]
    TargetResumed { target: Id, reason: String },
    #[serde(rename = "recover.run_ended")]
    RunEnded { run: String, complete: bool, waiting_for: Vec<String> },
}

impl RecoverEvent {
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            RecoverEvent::StepIntended { target, .. }
            | RecoverEvent::StepDone { target, .. }
            | RecoverEvent::StepFailed { target, .. }
            | RecoverEvent::StepProbed { target, .. }
            | RecoverEvent::TargetResumed { target, .. } => vec![target.clone()],
            RecoverEvent::ServiceStopped { service, .. }
            | RecoverEvent::ServiceParked { service, .. }
            | RecoverEvent::ServiceUnparked { service } => vec![service.clone()],
            RecoverEvent::RunBegun { .. } | RecoverEvent::RunEnded { .. } => Vec::new(),
        }
    }
}

/// Where what was started for an attempt at a step has written to, inside the incident folder.
pub fn output_file(run: &str, step: &str, attempt: u32) -> String {
    format!("output/{run}/{}-{attempt}.out", step.replace(':', "."))
}
