//! What was sent to hosts to be carried out, and what they answered. Facts, and the last of them for each thing.
//!
//! The script is in the journal before it leaves, whole: whoever reads it later sees what was done in the words in which
//! it was done. An answer is what a host said of itself; whether that is true is for gates and knocks to show.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::stamp::Stamp;

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[("hands.sent", 1), ("hands.answered", 1)];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum HandsEvent {
    #[serde(rename = "hands.sent")]
    Sent {
        target: Id,
        /// `None`: it is carried out on this machine.
        host: Option<Id>,
        driver: String,
        verb: String,
        /// Of the script, 64 hexadecimal digits.
        sha256: String,
        script: String,
    },
    #[serde(rename = "hands.answered")]
    Answered(Answer),
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub target: Id,
    pub host: Option<Id>,
    pub verb: String,
    pub sha256: String,
    /// Exit code of the script. `None`: its end was not seen.
    pub code: Option<i32>,
    /// Without this it certainly was not begun.
    pub may_have_begun: bool,
    /// How it stood before and after, as the host says: names and values of its own.
    pub before: BTreeMap<String, String>,
    pub after: BTreeMap<String, String>,
    /// By what the running thing is known again; empty if it does not run.
    pub mark: String,
    /// The host's own number for the time since it was switched on.
    pub boot: String,
    pub detail: String,
    pub took_ms: u64,
}

impl HandsEvent {
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            HandsEvent::Sent { target, .. } => vec![target.clone()],
            HandsEvent::Answered(answer) => vec![answer.target.clone()],
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    /// The last thing that was sent about each.
    pub last: BTreeMap<Id, Last>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Last {
    pub host: Option<Id>,
    pub verb: String,
    pub sha256: String,
    pub sent_at_entry: u64,
    /// `None`: no answer is in the journal.
    pub answer: Option<Answer>,
}

impl View {
    /// `Err`: an answer to what was never sent. It is kept in the journal and changes nothing.
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &HandsEvent) -> Result<(), String> {
        match event {
            HandsEvent::Sent { target, host, verb, sha256, .. } => {
                let last = Last {
                    host: host.clone(),
                    verb: verb.clone(),
                    sha256: sha256.clone(),
                    sent_at_entry: entry.sequence,
                    answer: None,
                };
                self.last.insert(target.clone(), last);
                Ok(())
            }
            HandsEvent::Answered(answer) => {
                let target = &answer.target;
                let last = self.last.get_mut(target);
                let last =
                    last.ok_or_else(|| format!("a host answered about {target}, and nothing was sent"))?;
                last.answer = Some(answer.clone());
                Ok(())
            }
        }
    }
}
