//! What the journal knows that a report may ask for: each fact with the entry that says it.
//!
//! Gathered entry by entry, because a view keeps what is so and not who said it when.

use std::collections::BTreeMap;

use estate::called::Called;
use estate::{Estate, Id, canonical};
use incident::duty::Duty;
use incident::event::{Account, BridgeEvent, CommandEvent, ContainEvent, RecoverEvent, ScanEvent};
use incident::record::Content;
use incident::{Entry, Event};

/// Something that happened at a time, by an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    pub entry: u64,
    pub time_ms: i64,
}

/// An alarm as it was raised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlarmFact {
    pub store: Id,
    /// So many it was about at first.
    pub files: u64,
    pub at: At,
    /// A person found that it was no attack: why, and by which entry.
    pub dismissed: Option<(String, At)>,
}

/// Everything for every report.
#[derive(Clone, Debug, Default)]
pub struct ReportFacts {
    pub entries: u64,
    pub name: Option<(String, At)>,
    /// The estate in force.
    pub estate: Option<(Estate, At)>,
    /// Who is or was served, and what each is called.
    pub called: Called,
    /// An estate could not be read: somebody may be missing among those.
    pub called_is_incomplete: bool,
    /// Every alarm, by its entry: one that was dismissed was raised all the same.
    pub alarms: BTreeMap<u64, AlarmFact>,
    pub first_cut: Option<At>,
    pub accounts: BTreeMap<Id, (Account, At)>,
    pub run_begun: Option<At>,
    /// The newest end of a run, and whether everything was done.
    pub run_ended: Option<(bool, At)>,
    /// Entries that this version cannot read: there may be facts in them.
    pub not_read: Vec<u64>,
}

impl ReportFacts {
    /// Takes in the next entry.
    pub fn learn(&mut self, entry: &Entry) {
        self.entries = entry.sequence + 1;
        let at = At { entry: entry.sequence, time_ms: entry.time_ms };
        match &entry.content {
            Content::Known(event) => self.learn_event(event, at),
            // The journal's own are about nothing.
            Content::Unknown(unknown) if unknown.about.as_ref().is_some_and(Vec::is_empty) => {}
            Content::Unknown(unknown) => {
                self.called_is_incomplete |= unknown.kind == "command.estate_adopted";
                self.not_read.push(entry.sequence);
            }
        }
    }

    fn learn_event(&mut self, event: &Event, at: At) {
        match event {
            Event::Command(CommandEvent::IncidentOpened { name }) => {
                self.name.get_or_insert((name.clone(), at));
            }
            Event::Command(CommandEvent::EstateAdopted { text, .. }) => match canonical::from_text(text) {
                Ok(estate) => {
                    self.called.learn(&estate);
                    self.estate = Some((estate, at));
                }
                Err(_) => {
                    self.called_is_incomplete = true;
                    self.estate = None;
                }
            },
            Event::Scan(event) => self.learn_scan(event, at),
            Event::Contain(ContainEvent::CutDecided { .. }) => {
                self.first_cut.get_or_insert(at);
            }
            Event::Bridge(BridgeEvent::AccountReceived { accounts, .. }) => {
                for (tenant, account) in accounts {
                    self.accounts.insert(tenant.clone(), (account.clone(), at));
                }
            }
            Event::Recover(RecoverEvent::RunBegun { .. }) => {
                self.run_begun.get_or_insert(at);
                self.run_ended = None;
            }
            Event::Recover(RecoverEvent::RunEnded { complete, .. }) => self.run_ended = Some((*complete, at)),
            Event::Command(_)
            | Event::Contain(_)
            | Event::Plan(_)
            | Event::Recover(_)
            | Event::Hands(_)
            | Event::Notice(_)
            | Event::Duty(_)
            | Event::Evidence(_) => {}
        }
    }

    fn learn_scan(&mut self, event: &ScanEvent, at: At) {
        match event {
            ScanEvent::AlarmRaised { store, files, .. } | ScanEvent::FilesVanished { store, files, .. } => {
                let (store, files) = (store.clone(), *files);
                self.alarms.insert(at.entry, AlarmFact { store, files, at, dismissed: None });
            }
            // As earlier versions recorded it: all that were open.
            ScanEvent::AlarmDismissed { store, reason } => {
                let open =
                    self.alarms.values_mut().filter(|one| one.store == *store && one.dismissed.is_none());
                open.for_each(|one| one.dismissed = Some((reason.clone(), at)));
            }
            // One that is of another store, or dismissed already, is a move that is not allowed: it changes nothing.
            ScanEvent::OneAlarmDismissed { store, alarm, reason } => {
                let one = self.alarms.get_mut(alarm);
                if let Some(one) = one.filter(|one| one.store == *store && one.dismissed.is_none()) {
                    one.dismissed = Some((reason.clone(), at));
                }
            }
            ScanEvent::AlarmGrew { .. }
            | ScanEvent::AlarmNotHeard { .. }
            | ScanEvent::AlarmAtStart { .. }
            | ScanEvent::AlarmTraced { .. }
            | ScanEvent::FreezeIntended { .. }
            | ScanEvent::FreezeEnded { .. }
            | ScanEvent::ThawDecided { .. }
            | ScanEvent::ThawEnded { .. }
            | ScanEvent::NotWatched { .. }
            | ScanEvent::WatchedAgain { .. }
            | ScanEvent::SnapshotFirstSeen { .. }
            | ScanEvent::SnapshotJudged { .. }
            | ScanEvent::InsideNotLookedAt { .. }
            | ScanEvent::RecoveryPointChosen { .. }
            | ScanEvent::RecoveryPointDecided { .. }
            | ScanEvent::ContentsAccepted { .. } => {}
        }
    }

    /// The first alarm of all that nobody has dismissed.
    pub fn first_alarm(&self) -> Option<At> {
        self.alarms.values().find(|alarm| alarm.dismissed.is_none()).map(|alarm| alarm.at)
    }

    /// A text that a tenant may read: `None` if somebody else is named in it, or may be.
    pub fn for_tenant<'t>(&self, tenant: Option<&Id>, text: &'t str) -> Option<&'t str> {
        let Some(tenant) = tenant else { return Some(text) };
        (!self.called_is_incomplete && !self.called.names_another(tenant, text)).then_some(text)
    }

    /// Of a clock, what was filed, in order.
    pub fn filed(duty: Option<&Duty>) -> &[incident::duty::Filed] {
        duty.map_or(&[], |duty| &duty.filed)
    }
}
