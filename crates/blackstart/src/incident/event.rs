//! Every fact that can be recorded, grouped by the part that records it. Past tense: it has happened.
//!
//! An event never changes once released. A new need is a new variant, or a new version with its own arm
//! in `record`. What an event is about stands in `about`, because even a reader that does not know an
//! event must be able to tell whom it concerns.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::succession::Succession;
use crate::estate::Id;

/// One recorded fact. Each part matches its own group without a catch-all arm.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Command(CommandEvent),
    Scan(ScanEvent),
    Contain(ContainEvent),
    Plan(PlanEvent),
    Recover(RecoverEvent),
    Bridge(BridgeEvent),
    Notice(NoticeEvent),
}

/// What the people in command did and said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum CommandEvent {
    #[serde(rename = "command.incident_opened")]
    IncidentOpened { name: String },
    /// From here on decisions are made on this estate. `text` is its canonical form, `hash` the SHA-256 of it.
    #[serde(rename = "command.estate_adopted")]
    EstateAdopted { hash: String, text: String },
    #[serde(rename = "command.note_written")]
    NoteWritten { text: String },
    /// Nothing is done to this thing until it is released.
    #[serde(rename = "command.hold_placed")]
    HoldPlaced { on: Id, reason: String },
    #[serde(rename = "command.hold_lifted")]
    HoldLifted { on: Id, reason: String },
    /// A person has looked at an entry that this version cannot read, and lets work go on.
    #[serde(rename = "command.entry_accepted")]
    EntryAccepted { sequence: u64, reason: String },
    /// The first entry of a journal that goes on where another was damaged. What is carried over follows it.
    #[serde(rename = "command.journal_succeeded")]
    JournalSucceeded(Succession),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    Encrypted,
    Damaged,
    Malware,
    Suspicious,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum ScanEvent {
    /// The watch saw a burst of files that are not clean in a live store.
    #[serde(rename = "scan.alarm_raised")]
    AlarmRaised { store: Id, suspicion: Suspicion, files: u64, examples: Vec<String>, seconds_observed: u64 },
    /// A person has looked: it was not an attack.
    #[serde(rename = "scan.alarm_dismissed")]
    AlarmDismissed { store: Id, reason: String },
    /// The order of recovery points is the order in which they were first seen, not the time they claim.
    #[serde(rename = "scan.snapshot_first_seen")]
    SnapshotFirstSeen { store: Id, snapshot: String, claims_time: String },
    #[serde(rename = "scan.snapshot_judged")]
    SnapshotJudged {
        store: Id,
        snapshot: String,
        clean: bool,
        counts: BTreeMap<String, u64>,
        reasons: Vec<String>,
    },
    /// `None`: no clean one was found.
    #[serde(rename = "scan.recovery_point_chosen")]
    RecoveryPointChosen { store: Id, snapshot: Option<String> },
    /// A person chose it. It stands until a person chooses again.
    #[serde(rename = "scan.recovery_point_decided")]
    RecoveryPointDecided { store: Id, snapshot: String, reason: String },
}

/// What is done to the world to cut something off.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CutAct {
    StopService { service: Id },
    CloseDoor { site: Id, door: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum ContainEvent {
    #[serde(rename = "contain.cut_decided")]
    CutDecided {
        infected: Vec<Id>,
        acts: Vec<CutAct>,
        cost_insured: u64,
        tenants: Vec<Id>,
        estate_hash: String,
    },
    #[serde(rename = "contain.act_intended")]
    ActIntended { act: CutAct },
    #[serde(rename = "contain.act_finished")]
    ActFinished { act: CutAct, ok: bool, detail: String },
    /// Somebody knocked from outside: a cut that was not probed is not a cut.
    #[serde(rename = "contain.cut_probed")]
    CutProbed { act: CutAct, holds: bool, detail: String },
    #[serde(rename = "contain.cut_lifted")]
    CutLifted { act: CutAct, reason: String },
}

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

/// Counts per tenant; the items themselves live in the bridge's own journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub accepted: u64,
    pub applied: u64,
    pub already_there: u64,
    pub conflict: u64,
    pub refused: u64,
    pub pending: u64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum BridgeEvent {
    /// What the bridge's journal says, with the checkpoint that proves it.
    #[serde(rename = "bridge.account_received")]
    AccountReceived { accounts: BTreeMap<Id, Account>, checkpoint: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum NoticeEvent {
    #[serde(rename = "notice.published")]
    Published { site: String, digest: String, pages: u64, as_of_entry: u64 },
}

impl Event {
    /// The things it is about, for a reader that knows nothing else of it.
    pub fn about(&self) -> Vec<Id> {
        match self {
            Event::Command(event) => event.about(),
            Event::Scan(event) => event.about(),
            Event::Contain(event) => event.about(),
            Event::Plan(_) | Event::Notice(_) => Vec::new(),
            Event::Recover(event) => event.about(),
            Event::Bridge(BridgeEvent::AccountReceived { accounts, .. }) => {
                accounts.keys().cloned().collect()
            }
        }
    }
}

impl CommandEvent {
    fn about(&self) -> Vec<Id> {
        match self {
            CommandEvent::HoldPlaced { on, .. } | CommandEvent::HoldLifted { on, .. } => vec![on.clone()],
            CommandEvent::IncidentOpened { .. }
            | CommandEvent::EstateAdopted { .. }
            | CommandEvent::NoteWritten { .. }
            | CommandEvent::EntryAccepted { .. }
            | CommandEvent::JournalSucceeded(_) => Vec::new(),
        }
    }
}

impl ScanEvent {
    fn about(&self) -> Vec<Id> {
        match self {
            ScanEvent::AlarmRaised { store, .. }
            | ScanEvent::AlarmDismissed { store, .. }
            | ScanEvent::SnapshotFirstSeen { store, .. }
            | ScanEvent::SnapshotJudged { store, .. }
            | ScanEvent::RecoveryPointChosen { store, .. }
            | ScanEvent::RecoveryPointDecided { store, .. } => vec![store.clone()],
        }
    }
}

impl CutAct {
    /// What is touched.
    pub fn target(&self) -> &Id {
        match self {
            CutAct::StopService { service } => service,
            CutAct::CloseDoor { site, .. } => site,
        }
    }
}

impl ContainEvent {
    fn about(&self) -> Vec<Id> {
        match self {
            ContainEvent::CutDecided { infected, .. } => infected.clone(),
            ContainEvent::ActIntended { act }
            | ContainEvent::ActFinished { act, .. }
            | ContainEvent::CutProbed { act, .. }
            | ContainEvent::CutLifted { act, .. } => vec![act.target().clone()],
        }
    }
}

impl RecoverEvent {
    fn about(&self) -> Vec<Id> {
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
