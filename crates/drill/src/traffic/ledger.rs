//! The drill's book of everything sent: one line before it is sent, one after it is answered.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;

use serde_json::Value;

use crate::Result;
use crate::fault::During as _;

/// Operations as the bridge names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    Eau,
    Payment,
    Address,
    Letter,
}

impl Operation {
    /// As in the path of the bridge.
    pub fn word(self) -> &'static str {
        match self {
            Operation::Eau => "eau",
            Operation::Payment => "payment",
            Operation::Address => "address",
            Operation::Letter => "letter",
        }
    }
}

/// Why something was sent the way it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Intent {
    /// Should be applied once.
    Plain,
    /// The same business again on another channel: same item and body, other idempotency key.
    Resend,
    /// An address edit made on an outdated version: must end as a conflict.
    Outdated,
    /// Must be refused by the core.
    Wrong,
}

/// One thing a sender sent, with what it got. Several submissions may carry the same item (resends).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Submission {
    /// The sender's own id, also in the body as `item`. Unique for each piece of business.
    pub item: String,
    /// `Idempotency-Key`, unique for each submission.
    pub key: String,
    pub tenant: String,
    pub person: String,
    pub operation: Operation,
    pub intent: Intent,
    pub body: String,
    /// How often it was asked.
    pub attempts: u32,
    pub sent_ms: u64,
    pub answered_ms: Option<u64>,
    /// HTTP status of the final answer.
    pub status: Option<u16>,
    /// Receipt id.
    pub receipt: Option<String>,
    /// `applied`, `held`, `refused`, `already_there`, `conflict`, as on the receipt.
    pub state: Option<String>,
    /// The whole answer.
    pub answer: Option<Value>,
}

/// Appended to a JSON lines file, and in memory in the order of sending.
pub struct Ledger {
    inner: Mutex<Inner>,
}

struct Inner {
    file: File,
    lines: Vec<Submission>,
    /// Key to its place in `lines`.
    places: BTreeMap<String, usize>,
}

impl Ledger {
    /// A new book. An old one is not continued: its items would be used again.
    pub(super) fn create(path: &Path) -> Result<Ledger> {
        let made = OpenOptions::new().append(true).create_new(true).open(path);
        let file = made.during(|| format!("cannot begin the ledger {}", path.display()))?;
        Ok(Ledger { inner: Mutex::new(Inner { file, lines: Vec::new(), places: BTreeMap::new() }) })
    }

    /// Writes the line first, remembers it second. Called before sending and after the answer.
    pub(super) fn note(&self, submission: &Submission) -> Result<()> {
        let line = serde_json::to_string(submission).during(|| "cannot write a submission".to_owned())?;
        let mut inner = self.inner.lock().expect(WHOLE);
        inner
            .file
            .write_all(format!("{line}\n").as_bytes())
            .during(|| "cannot write the ledger".to_owned())?;
        match inner.places.get(&submission.key).copied() {
            Some(place) => inner.lines[place] = submission.clone(),
            None => {
                let place = inner.lines.len();
                inner.places.insert(submission.key.clone(), place);
                inner.lines.push(submission.clone());
            }
        }
        Ok(())
    }

    /// Everything so far, in the order of sending.
    pub fn submissions(&self) -> Vec<Submission> {
        self.inner.lock().expect(WHOLE).lines.clone()
    }

    /// Looks at everything so far without copying it: whoever waits for something looks a hundred times a second.
    pub fn look<T>(&self, at: impl FnOnce(&[Submission]) -> T) -> T {
        at(&self.inner.lock().expect(WHOLE).lines)
    }

    /// How many of each state there are. Those without an answer count as `unanswered`.
    pub fn states(&self) -> BTreeMap<String, u64> {
        let mut states = BTreeMap::new();
        for submission in &self.inner.lock().expect(WHOLE).lines {
            let state = submission.state.clone().unwrap_or_else(|| "unanswered".to_owned());
            *states.entry(state).or_default() += 1;
        }
        states
    }

    /// Reads a ledger back from its file.
    pub fn load(path: &Path) -> Result<Vec<Submission>> {
        let doing = || format!("cannot read the ledger {}", path.display());
        let text = fs::read_to_string(path).during(doing)?;
        let (mut lines, mut places) = (Vec::<Submission>::new(), BTreeMap::new());
        for line in text.lines() {
            let submission: Submission = serde_json::from_str(line).during(doing)?;
            match places.get(&submission.key) {
                Some(place) => lines[*place] = submission,
                None => {
                    places.insert(submission.key.clone(), lines.len());
                    lines.push(submission);
                }
            }
        }
        Ok(lines)
    }
}

const WHOLE: &str = "no thread panics while it holds the ledger";
