//! What is known, computed from the journal and nothing else.
//!
//! `apply` is total: it never fails and never panics, on any entry. What it cannot read it keeps, and
//! what should not have happened it notes as a finding of its own, because a recovery tool must open any
//! journal. Each part folds the events it cares about in its own `view`; parts do not see each other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::event::{CommandEvent, Event};
use super::record::{Content, Entry, Unknown};
use super::succession::{Origin, Succession};
use crate::estate::Id;

/// Everything known at one entry. Serialises to the same bytes on every machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    /// Number of entries applied; the sequence number a decision was made at.
    pub entries: u64,
    pub last_time_ms: i64,
    pub command: CommandView,
    pub scan: crate::scan::view::View,
    pub contain: crate::contain::view::View,
    pub plan: crate::plan::view::View,
    pub recover: crate::recover::view::View,
    pub bridge: crate::bridge::counted::View,
    pub notice: crate::notice::view::View,
    pub unknown: Vec<UnknownEntry>,
    /// Moves that the tables do not allow, met while reading. Kept and shown, never acted on.
    pub illegal: Vec<IllegalMove>,
}

/// What the people in command have set.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CommandView {
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

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UnknownEntry {
    pub sequence: u64,
    pub kind: String,
    pub version: u16,
    pub about: Option<Vec<Id>>,
    pub why: String,
    /// A person said that work may go on in spite of it.
    pub accepted: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IllegalMove {
    pub sequence: u64,
    pub what: String,
}

impl View {
    /// The next view. Total, on any entry.
    pub fn apply(&mut self, entry: &Entry) {
        self.entries = entry.sequence.saturating_add(1);
        self.last_time_ms = entry.time_ms;
        match &entry.content {
            Content::Known(event) => self.apply_event(entry, event),
            Content::Unknown(unknown) => self.keep(entry, unknown),
        }
    }

    fn apply_event(&mut self, entry: &Entry, event: &Event) {
        match event {
            Event::Command(event) => self.apply_command(entry, event),
            Event::Scan(event) => self.scan.apply(entry, event),
            Event::Contain(event) => self.contain.apply(entry, event),
            Event::Plan(event) => self.plan.apply(entry, event),
            Event::Recover(event) => {
                if let Err(what) = self.recover.apply(entry, event) {
                    self.illegal.push(IllegalMove { sequence: entry.sequence, what });
                }
            }
            Event::Bridge(event) => self.bridge.apply(entry, event),
            Event::Notice(event) => self.notice.apply(entry, event),
        }
    }

    fn apply_command(&mut self, entry: &Entry, event: &CommandEvent) {
        let command = &mut self.command;
        match event {
            CommandEvent::IncidentOpened { name } => {
                command.name = Some(name.clone());
                command.opened_ms = Some(entry.time_ms);
            }
            CommandEvent::EstateAdopted { hash, text } => {
                command.estate_hash = Some(hash.clone());
                command.estates.insert(hash.clone(), text.clone());
            }
            CommandEvent::NoteWritten { text } => command.notes.push(Note {
                sequence: entry.sequence,
                time_ms: entry.time_ms,
                actor: entry.actor.clone(),
                text: text.clone(),
            }),
            CommandEvent::HoldPlaced { on, reason } => {
                let hold = Hold { sequence: entry.sequence, by: entry.actor.clone(), reason: reason.clone() };
                command.holds.insert(on.clone(), hold);
            }
            CommandEvent::HoldLifted { on, .. } => {
                command.holds.remove(on);
            }
            CommandEvent::EntryAccepted { sequence, .. } => {
                let named = command.origin.here(entry.sequence, *sequence);
                for unknown in self.unknown.iter_mut().filter(|unknown| Some(unknown.sequence) == named) {
                    unknown.accepted = true;
                }
            }
            CommandEvent::JournalSucceeded(succession) => self.succeed(entry, succession),
        }
    }

    /// What was not carried over is as an entry that cannot be read: in the way until a person lets work go on.
    fn succeed(&mut self, entry: &Entry, succession: &Succession) {
        self.command.origin.successions.push(succession.clone());
        if let Some(why) = succession.missed() {
            let (kind, version) = ("command.journal_succeeded".to_owned(), super::record::VERSION);
            self.keep(entry, &Unknown { kind, version, about: None, why });
        }
    }

    fn keep(&mut self, entry: &Entry, unknown: &Unknown) {
        if [journal::KIND_TAIL_CUT, journal::KIND_ERASED].contains(&unknown.kind.as_str()) {
            return;
        }
        self.unknown.push(UnknownEntry {
            sequence: entry.sequence,
            kind: unknown.kind.clone(),
            version: unknown.version,
            about: unknown.about.clone(),
            why: unknown.why.clone(),
            accepted: false,
        });
    }

    /// The unread entry that forbids deciding anything about `id`, if there is one.
    pub fn blocked_by(&self, id: &Id) -> Option<&UnknownEntry> {
        let concerns = |unknown: &UnknownEntry| unknown.about.as_ref().is_none_or(|about| about.contains(id));
        self.unknown.iter().find(|unknown| !unknown.accepted && concerns(unknown))
    }
}
