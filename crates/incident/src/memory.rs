//! The journal in memory, for simulations: entries go through the same bytes as those of the real one, and it can be
//! killed after any of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::event::CommandEvent;
use crate::log::{Append, Basis, Log, LogFault};
use crate::{Entry, Event, View, record};

/// No simulated run needs more; one that does goes round in circles.
const ENTRIES_MAX: usize = 5_000;

#[derive(Debug)]
pub struct Memory {
    pub entries: Vec<Entry>,
    view: View,
    /// Set when the program is killed: from then on nothing answers.
    pub crashed: Arc<AtomicBool>,
    /// The program is killed when this many entries are on disk.
    pub crash_at: Option<usize>,
    /// Somebody else writes a note when this many entries are on disk.
    pub intrude_at: Option<usize>,
    pub actor: String,
}

impl Memory {
    pub fn new(crashed: &Arc<AtomicBool>) -> Memory {
        Memory {
            entries: Vec::new(),
            view: View::default(),
            crashed: Arc::clone(crashed),
            crash_at: None,
            intrude_at: None,
            actor: "anna".to_owned(),
        }
    }

    /// Appends, as somebody would who does not care what else is in the journal.
    pub fn put(&mut self, event: &Event) {
        let (kind, version, payload) = record::encode(event);
        self.put_bytes(&kind, version, &payload);
    }

    /// The same for what another program wrote.
    pub fn put_bytes(&mut self, kind: &str, version: u16, payload: &[u8]) {
        assert!(self.entries.len() < ENTRIES_MAX, "the run goes round in circles: {kind}");
        let content = record::decode(kind, version, payload);
        let sequence = self.entries.len() as u64;
        let entry = Entry { sequence, time_ms: 0, actor: self.actor.clone(), content };
        self.view.apply(&entry);
        self.entries.push(entry);
    }

    /// Only the first `length` entries were on disk.
    pub fn cut(&mut self, length: usize) {
        self.entries.truncate(length);
        self.view = view_of(&self.entries);
    }
}

/// What follows from these entries.
pub fn view_of(entries: &[Entry]) -> View {
    let mut view = View::default();
    for entry in entries {
        view.apply(entry);
    }
    view
}

/// What follows if this is recorded next.
pub fn follow(view: &mut View, event: &Event) {
    let content = record::Content::Known(event.clone());
    view.apply(&Entry { sequence: view.entries, time_ms: 0, actor: "anna".to_owned(), content });
}

impl Log for Memory {
    fn view(&self) -> &View {
        &self.view
    }

    fn refresh(&mut self) -> Result<(), LogFault> {
        if self.crashed.load(Ordering::SeqCst) { Err(LogFault::Gone) } else { Ok(()) }
    }

    fn append(&mut self, events: &[Event], basis: Basis, _now_ms: i64) -> Result<Append, LogFault> {
        if basis != Basis::Fact && self.intrude_at.take_if(|at| *at <= self.entries.len()).is_some() {
            self.put(&Event::Command(CommandEvent::NoteWritten { text: "in between".to_owned() }));
        }
        if matches!(basis, Basis::View(entries) if entries != self.view.entries) {
            return Ok(Append::Outdated);
        }
        for event in events {
            self.refresh()?;
            self.put(event);
            if self.crash_at == Some(self.entries.len()) {
                self.crashed.store(true, Ordering::SeqCst);
            }
        }
        self.refresh().map(|()| Append::Done)
    }
}
