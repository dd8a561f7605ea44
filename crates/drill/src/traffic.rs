//! The funds' business during the drill: what is sent in, and the drill's own book of it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::Result;
use crate::estate::Fund;

/// Operations as the bridge names them: `eau`, `payment`, `address`, `letter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    Eau,
    Payment,
    Address,
    Letter,
}

/// Why something was sent the way it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// Should be applied once.
    Plain,
    /// The same business again on another channel: same item, other idempotency key.
    Resend,
    /// An address edit made on an outdated version: must end as a conflict.
    Outdated,
    /// Must be refused by the core.
    Wrong,
}

/// One thing a sender sent, with what it got. Several submissions may carry the same item (resends).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Submission {
    /// The sender's own id, also in the body as `item`. Unique in the drill.
    pub item: String,
    /// `Idempotency-Key` of this submission; unique per submission.
    pub key: String,
    pub tenant: String,
    pub person: String,
    pub operation: Operation,
    pub intent: Intent,
    pub body: String,
    pub attempts: u32,
    pub sent_ms: u64,
    pub answered_ms: Option<u64>,
    /// HTTP status of the answer, once there is one.
    pub status: Option<u16>,
    /// Receipt id.
    pub receipt: Option<String>,
    /// `applied`, `held`, `refused`, `already_there`, `conflict` as on the receipt.
    pub state: Option<String>,
    /// The receipt as received.
    pub receipt_json: Option<serde_json::Value>,
}

/// The drill's book of everything sent. Appended to a JSON lines file before it is believed.
pub struct Ledger {}

impl Ledger {
    /// Everything so far, in the order of sending.
    pub fn submissions(&self) -> Vec<Submission> {
        todo!()
    }
    /// Reads a ledger back from its file.
    pub fn load(_path: &Path) -> Result<Vec<Submission>> {
        todo!()
    }
}

/// What flows, and where to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http://127.0.0.1:PORT`
    pub bridge: String,
    pub funds: Vec<Fund>,
    pub persons_per_fund: u32,
    pub seed: u64,
    /// Submissions a second over all funds.
    pub per_second: u32,
    pub threads: usize,
    /// JSON lines file.
    pub ledger: PathBuf,
}

/// Numbers that can be read at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    pub sent: u64,
    pub answered: u64,
    /// 200 or 201
    pub applied: u64,
    /// 202
    pub held: u64,
    /// 208, 409, 422
    pub declined: u64,
    /// Answers that are none of these (the bridge turned somebody away).
    pub turned_away: u64,
    /// Tries without any answer.
    pub no_answer: u64,
}

/// Running traffic. Dropping it stops it.
pub struct Traffic {}

impl Traffic {
    pub fn start(_settings: Settings) -> Result<Traffic> {
        todo!()
    }
    pub fn counts(&self) -> Counts {
        todo!()
    }
    pub fn ledger(&self) -> Arc<Ledger> {
        todo!()
    }
    /// No new business; waits for what is under way (retries go on) up to the deadline.
    pub fn pause(&self, _deadline: Duration) -> Result<()> {
        todo!()
    }
    pub fn go_on(&self) {
        todo!()
    }
    /// Whether some senders send the same business again on another channel.
    pub fn resend(&self, _on: bool) {
        todo!()
    }
    pub fn rate(&self, _per_second: u32) {
        todo!()
    }
    /// Ends it; what has no answer by the deadline stays in the ledger without one.
    pub fn stop(self, _deadline: Duration) -> Result<Counts> {
        todo!()
    }
}
