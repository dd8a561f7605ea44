//! What the people in command did and said: the incident, the estate in force, notes, holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::continued::{Origin, Succession};
use crate::stamp::Stamp;

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[
    ("command.incident_opened", 1),
    ("command.estate_adopted", 1),
    ("command.note_written", 1),
    ("command.hold_placed", 1),
    ("command.hold_lifted", 1),
    ("command.entry_accepted", 1),
    ("command.journal_succeeded", 1),
];

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

impl CommandEvent {
    pub(crate) fn about(&self) -> Vec<Id> {
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

/// What the people in command have set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub name: Option<String>,
    pub opened_ms: Option<i64>,
    pub estate_hash: Option<String>,
    /// Canonical texts by hash: the journal keeps every estate that was ever in force.
    pub estates: BTreeMap<String, String>,
    pub notes: Vec<Note>,
    pub holds: BTreeMap<Id, Hold>,
    /// The damaged journals that this one continues.
    pub origin: Origin,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Note {
    pub sequence: u64,
    pub time_ms: i64,
    pub actor: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hold {
    pub sequence: u64,
    pub by: String,
    pub reason: String,
}

impl View {
    /// `Err` says what does not fit what was recorded before; the view is left as it was.
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &CommandEvent) -> Result<(), String> {
        match event {
            CommandEvent::IncidentOpened { name } if self.name.is_some() => {
                return Err(format!("the incident `{name}` was opened in the journal of another one"));
            }
            CommandEvent::IncidentOpened { name } => {
                self.name = Some(name.clone());
                self.opened_ms = Some(entry.time_ms);
            }
            CommandEvent::EstateAdopted { hash, text } => {
                self.estate_hash = Some(hash.clone());
                self.estates.insert(hash.clone(), text.clone());
            }
            CommandEvent::NoteWritten { text } => self.notes.push(Note {
                sequence: entry.sequence,
                time_ms: entry.time_ms,
                actor: entry.actor.to_owned(),
                text: text.clone(),
            }),
            CommandEvent::HoldPlaced { on, reason } => {
                let hold =
                    Hold { sequence: entry.sequence, by: entry.actor.to_owned(), reason: reason.clone() };
                self.holds.insert(on.clone(), hold);
            }
            CommandEvent::HoldLifted { on, .. } => {
                self.holds
                    .remove(on)
                    .ok_or_else(|| format!("a hold on {on} was lifted, but there was none"))?;
            }
            CommandEvent::JournalSucceeded(succession) => self.origin.successions.push(succession.clone()),
            // The entry it is about is in the whole view, not in this part of it.
            CommandEvent::EntryAccepted { .. } => {}
        }
        Ok(())
    }
}
