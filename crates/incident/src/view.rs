//! What is known, computed from the journal and nothing else.
//!
//! `apply` is total: it never fails and never panics, on any entry. What it cannot read it keeps, and
//! what should not have happened it notes as a finding of its own, because a recovery tool must open any
//! journal. Each part folds the events it cares about in its own `view`; parts do not see each other.

use std::collections::BTreeMap;

use serde::Serialize;

use super::continued::Succession;
use super::event::{CommandEvent, ContainEvent, Event};
use super::record::{Content, Entry, Unknown};
use estate::Id;

/// Everything known at one entry. Serialises to the same bytes on every machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    /// Number of entries applied; the sequence number a decision was made at.
    pub entries: u64,
    pub last_time_ms: i64,
    pub command: crate::command::View,
    pub scan: crate::scan::View,
    pub contain: crate::contain::View,
    pub plan: crate::plan::View,
    pub recover: crate::recover::View,
    pub bridge: crate::bridge::View,
    pub hands: crate::hands::View,
    pub notice: crate::notice::View,
    pub duty: crate::duty::View,
    pub evidence: crate::evidence::View,
    pub unknown: Vec<UnknownEntry>,
    /// The entry at which each infected thing was named last. What was restored before it is not clean.
    pub infected_at: BTreeMap<Id, u64>,
    /// Moves that the tables do not allow, met while reading. Kept and shown, never acted on.
    pub illegal: Vec<IllegalMove>,
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
    pub(crate) fn apply(&mut self, entry: &Entry) {
        self.entries = entry.sequence.saturating_add(1);
        self.last_time_ms = entry.time_ms;
        match &entry.content {
            Content::Known(event) => self.apply_event(entry, event),
            Content::Unknown(unknown) => self.keep(entry, unknown),
        }
    }

    fn apply_event(&mut self, whole: &Entry, event: &Event) {
        let entry = whole.stamp();
        let allowed = match event {
            Event::Command(CommandEvent::EntryAccepted { sequence, .. }) => self.accept(whole, *sequence),
            Event::Command(event @ CommandEvent::JournalSucceeded(succession)) => {
                self.miss(whole, succession);
                self.command.apply(entry, event)
            }
            Event::Command(event) => self.command.apply(entry, event),
            Event::Scan(event) => self.scan.apply(entry, event),
            Event::Contain(event) => {
                if let ContainEvent::CutDecided { infected, .. } = event {
                    self.infected_at.extend(infected.iter().map(|id| (id.clone(), entry.sequence)));
                }
                self.contain.apply(entry, event)
            }
            Event::Plan(event) => self.plan.apply(entry, event),
            Event::Recover(event) => {
                let allowed = self.recover.apply(entry, event);
                let restored = self.recover.restored.iter().find(|(_, at)| **at == entry.sequence);
                if let Some((store, _)) = restored {
                    self.scan.restored(store);
                }
                allowed
            }
            Event::Bridge(event) => self.bridge.apply(entry, event),
            Event::Hands(event) => self.hands.apply(entry, event),
            Event::Duty(event) => self.duty.apply(entry, event),
            Event::Evidence(event) => {
                self.evidence.apply(entry, event);
                Ok(())
            }
            Event::Notice(event) => {
                let origin = &self.command.origin;
                self.notice.apply(entry, event, |named| origin.here(entry.sequence, named))
            }
        };
        if let Err(what) = allowed {
            self.illegal.push(IllegalMove { sequence: entry.sequence, what });
        }
    }

    /// An entry that could not be read holds nothing up any more once a person has said so.
    fn accept(&mut self, entry: &Entry, sequence: u64) -> Result<(), String> {
        let here = self.command.origin.here(entry.sequence, sequence);
        let unread = self.unknown.iter_mut().find(|unknown| Some(unknown.sequence) == here);
        let unread = unread.ok_or_else(|| format!("entry {sequence} was accepted, but it could be read"))?;
        unread.accepted = true;
        Ok(())
    }

    /// What was not carried over is as an entry that cannot be read: in the way until a person lets work go on.
    fn miss(&mut self, entry: &Entry, succession: &Succession) {
        if let Some(why) = succession.missed() {
            let kind = "command.journal_succeeded".to_owned();
            self.keep(entry, &Unknown { kind, version: 1, about: None, why });
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

    /// The estate that decisions are made on, as the journal keeps it.
    pub fn estate_in_force(&self) -> Option<estate::Estate> {
        let text = self.command.estates.get(self.command.estate_hash.as_ref()?)?;
        estate::canonical::from_text(text).ok()
    }

    /// The hold that forbids doing anything to `id`: on the thing itself, on its host or on its site.
    pub fn held<'v>(
        &'v self,
        estate: &'v estate::Estate,
        id: &'v Id,
    ) -> Option<(&'v Id, &'v crate::command::Hold)> {
        let host = estate.services.get(id).and_then(|service| service.host.as_ref());
        let site = match id.kind() {
            estate::Kind::Store => estate.stores.get(id).and_then(|store| store.site.as_ref()),
            _ => estate.site_of(id),
        };
        let on = [Some(id), host, site].into_iter().flatten();
        on.filter_map(|on| Some((on, self.command.holds.get(on)?))).next()
    }

    /// The unread entry that forbids deciding anything about `id`, if there is one.
    pub fn blocked_by(&self, id: &Id) -> Option<&UnknownEntry> {
        let concerns = |unknown: &UnknownEntry| unknown.about.as_ref().is_none_or(|about| about.contains(id));
        self.unknown.iter().find(|unknown| !unknown.accepted && concerns(unknown))
    }
}
