//! Everything that is known at one entry, computed once and shown on every page.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use estate::{Estate, Id};
use incident::View;
use incident::event::{CommandEvent, ContainEvent, Event, PlanEvent, RecoverEvent, ScanEvent};
use incident::record::{Content, Entry};
use incident::standing::{Standing, standings};
use incident::store::{self, Unsigned};
use journal::Record;
use situation::situation::{Situation, situation};

/// An entry as a sentence, as the command line says it.
pub type Say = fn(&Record) -> String;
/// What has to be reported by when, at this time in milliseconds since 1970: a line each, as `status` says it. With the folder of
/// the incident, and why there may be more than the view knows.
pub type Owed = fn(&View, i64, &str, Option<&str>) -> Vec<String>;

/// Entries that are kept as sentences for the screen.
const LAST_MAX: usize = 12;

/// One entry as people read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) sequence: u64,
    pub(crate) time_ms: i64,
    pub(crate) actor: String,
    pub(crate) kind: String,
    pub(crate) sentence: String,
}

impl Line {
    pub(crate) fn of(record: &Record, say: Say) -> Line {
        Line {
            sequence: record.sequence,
            time_ms: record.time_ms,
            actor: record.actor.clone(),
            kind: record.kind.clone(),
            sentence: say(record),
        }
    }
}

/// When something was last recorded, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) sequence: u64,
    pub(crate) time_ms: i64,
    pub(crate) actor: String,
}

/// What the pages need and no view keeps: the newest sentences, and where a number comes from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beside {
    /// Oldest first.
    pub(crate) last: VecDeque<Line>,
    /// The newest entry of each kind.
    pub(crate) newest: BTreeMap<String, Mark>,
    /// The newest decision that a person made.
    pub(crate) decided: Option<Mark>,
    /// When the run that is the newest was begun for the first time.
    pub(crate) run_begun: Option<(String, i64)>,
}

impl Beside {
    pub(crate) fn meet(&mut self, record: &Record, entry: &Entry, say: Say) {
        let mark = Mark { sequence: entry.sequence, time_ms: entry.time_ms, actor: record.actor.clone() };
        if let Content::Known(event) = &entry.content {
            if is_a_decision(event) {
                self.decided = Some(mark.clone());
            }
            if let Event::Recover(RecoverEvent::RunBegun { run, .. }) = event
                && self.run_begun.as_ref().is_none_or(|(known, _)| known != run)
            {
                self.run_begun = Some((run.clone(), entry.time_ms));
            }
        }
        self.newest.insert(record.kind.clone(), mark);
        self.last.push_back(Line::of(record, say));
        if self.last.len() > LAST_MAX {
            self.last.pop_front();
        }
    }
}

/// What only a person decides; everything else is observed, or done because of it.
fn is_a_decision(event: &Event) -> bool {
    match event {
        Event::Command(event) => match event {
            CommandEvent::IncidentOpened { .. }
            | CommandEvent::EstateAdopted { .. }
            | CommandEvent::HoldPlaced { .. }
            | CommandEvent::HoldLifted { .. }
            | CommandEvent::EntryAccepted { .. } => true,
            CommandEvent::NoteWritten { .. } | CommandEvent::JournalSucceeded(_) => false,
        },
        Event::Contain(event) => {
            matches!(event, ContainEvent::CutDecided { .. } | ContainEvent::LiftBegun { .. })
        }
        Event::Plan(event) => matches!(event, PlanEvent::Approved { .. } | PlanEvent::Withdrawn { .. }),
        Event::Scan(event) => matches!(
            event,
            ScanEvent::AlarmDismissed { .. }
                | ScanEvent::OneAlarmDismissed { .. }
                | ScanEvent::ThawDecided { .. }
                | ScanEvent::RecoveryPointDecided { .. }
                | ScanEvent::ContentsAccepted { .. }
        ),
        Event::Recover(event) => matches!(event, RecoverEvent::TargetResumed { .. }),
        // Statements, clocks and exhibits are entered by persons too, but not by whoever commands.
        Event::Bridge(_) | Event::Hands(_) | Event::Notice(_) | Event::Duty(_) | Event::Evidence(_) => false,
    }
}

/// Why nothing good may be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Harm {
    /// Somebody changed the journal, or the disk did: the only way on is another one.
    Damaged(String),
    /// It cannot be read at the moment, or names no estate.
    NotRead(String),
}

impl Harm {
    pub(crate) fn into_words(self) -> String {
        match self {
            Harm::Damaged(why) => format!("the journal is damaged: {why}"),
            Harm::NotRead(why) => why,
        }
    }
}

/// At one entry.
pub(crate) struct AsOf {
    pub(crate) view: View,
    /// Empty where the journal names none that can be read; then `harm` says so.
    pub(crate) estate: Estate,
    pub(crate) situation: Situation,
    pub(crate) standings: Vec<(Id, Id, Standing)>,
    pub(crate) beside: Beside,
    /// Why nothing good on these pages may be relied on.
    pub(crate) harm: Option<String>,
    /// Entries that nobody has signed yet.
    pub(crate) unsigned: Option<Unsigned>,
    pub(crate) folder: String,
    /// The entry that was asked for. `None`: the newest.
    pub(crate) at: Option<u64>,
}

impl AsOf {
    pub(crate) fn new(view: View, beside: Beside, folder: &str, harm: Option<Harm>, at: Option<u64>) -> AsOf {
        let in_force = view.estate_in_force();
        let unread = "the journal names no estate that can be read: nobody can say what is down for whom";
        let harm = harm.or_else(|| in_force.is_none().then(|| Harm::NotRead(unread.to_owned())));
        let estate = in_force.unwrap_or_default();
        let mut situation = situation(&estate, &view, folder);
        match &harm {
            Some(Harm::Damaged(_)) => situation.mark_damaged(folder),
            Some(Harm::NotRead(_)) => situation.distrust("the journal cannot be relied on"),
            None => {}
        }
        let standings = standings(&estate, &view);
        let unsigned = match (&harm, at) {
            (None, None) => store::unsigned(Path::new(folder), view.entries),
            (Some(_), _) | (_, Some(_)) => None,
        };
        let (harm, folder) = (harm.map(Harm::into_words), folder.to_owned());
        AsOf { view, estate, situation, standings, beside, harm, unsigned, folder, at }
    }

    /// `None`: there is no entry at all.
    pub(crate) fn newest_entry(&self) -> Option<u64> {
        self.view.entries.checked_sub(1)
    }
}
