//! What was found about copies: alarms, snapshots, recovery points. Facts, and what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::frozen::{self, Frozen, Move, Target};
use crate::stamp::Stamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Suspicion {
    Encrypted,
    Damaged,
    Malware,
    Suspicious,
}

impl Suspicion {
    pub fn word(self) -> &'static str {
        match self {
            Suspicion::Encrypted => "encrypted",
            Suspicion::Damaged => "damaged",
            Suspicion::Malware => "malware",
            Suspicion::Suspicious => "suspicious",
        }
    }
}

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[
    ("scan.alarm_raised", 1),
    ("scan.alarm_dismissed", 1),
    ("scan.one_alarm_dismissed", 1),
    ("scan.alarm_at_start", 1),
    ("scan.alarm_traced", 1),
    ("scan.freeze_intended", 1),
    ("scan.freeze_ended", 1),
    ("scan.thaw_decided", 1),
    ("scan.thaw_ended", 1),
    ("scan.snapshot_first_seen", 1),
    ("scan.snapshot_judged", 1),
    ("scan.recovery_point_chosen", 1),
    ("scan.recovery_point_decided", 1),
    ("scan.inside_not_looked_at", 1),
    ("scan.files_vanished", 1),
    ("scan.alarm_grew", 1),
    ("scan.alarm_not_heard", 1),
    ("scan.not_watched", 1),
    ("scan.watched_again", 1),
    ("scan.contents_accepted", 1),
];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum ScanEvent {
    /// The watch saw a burst of files that are not clean in a live store.
    #[serde(rename = "scan.alarm_raised")]
    AlarmRaised { store: Id, suspicion: Suspicion, files: u64, examples: Vec<String>, seconds_observed: u64 },
    /// A person has looked: it was not an attack. Closes all alarms that are open for the store; not written any more, because it
    /// closed alarms that nobody had looked at.
    #[serde(rename = "scan.alarm_dismissed")]
    AlarmDismissed { store: Id, reason: String },
    /// A person has looked at what this alarm is about: it was not an attack.
    #[serde(rename = "scan.one_alarm_dismissed")]
    OneAlarmDismissed { store: Id, alarm: u64, reason: String },
    /// The alarm is about what lay there when the watch began: hex digits of the digest of exactly these files, as they were.
    /// Once it is dismissed, the same is no news at the next start.
    #[serde(rename = "scan.alarm_at_start")]
    AlarmAtStart { store: Id, alarm: u64, digest: String },
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
    /// Of files in this snapshot only the frame was looked at: the files in a disk image are not judged. Follows the
    /// verdict that it limits.
    #[serde(rename = "scan.inside_not_looked_at")]
    InsideNotLookedAt { store: Id, snapshot: String, not_looked_at: NotLookedAt },
    /// The watch saw many files of a live store vanish together: an alarm of its own.
    #[serde(rename = "scan.files_vanished")]
    FilesVanished { store: Id, files: u64, of_files: u64, examples: Vec<String>, seconds_observed: u64 },
    /// What an open alarm is about has become ten times as much.
    #[serde(rename = "scan.alarm_grew")]
    AlarmGrew { store: Id, alarm: u64, files: u64, examples: Vec<String> },
    /// The command that was to wake somebody did not do it.
    #[serde(rename = "scan.alarm_not_heard")]
    AlarmNotHeard { store: Id, alarm: u64, why: String },
    /// A store that should be watched is not, and why.
    #[serde(rename = "scan.not_watched")]
    NotWatched { store: Id, why: String },
    #[serde(rename = "scan.watched_again")]
    WatchedAgain { store: Id },
    /// Who wrote the files of an alarm, as far as the kernel told it; of `not_traced` files nobody knows. `why_not`: nobody could
    /// be told of, or more was written than the kernel kept.
    #[serde(rename = "scan.alarm_traced")]
    AlarmTraced { store: Id, alarm: u64, writers: Vec<Writer>, not_traced: u64, why_not: Option<String> },
    /// A process that wrote files of an alarm is to be stopped from writing on, because the estate grants that.
    #[serde(rename = "scan.freeze_intended")]
    FreezeIntended { store: Id, alarm: u64, target: Target, who: String, granted_by: String },
    #[serde(rename = "scan.freeze_ended")]
    FreezeEnded { store: Id, target: Target, ok: bool, detail: String },
    /// A person lets it go on.
    #[serde(rename = "scan.thaw_decided")]
    ThawDecided { store: Id, target: Target, reason: String },
    #[serde(rename = "scan.thaw_ended")]
    ThawEnded { store: Id, target: Target, ok: bool, detail: String },
    /// A person has looked at files that are not clean, and accepted exactly these contents: hex digits of their digests. Many
    /// come as several entries.
    #[serde(rename = "scan.contents_accepted")]
    ContentsAccepted { store: Id, snapshot: String, reason: String, contents: Vec<String> },
}

/// A process that wrote files of an alarm. What is `None` could not be seen: it may have ended before anybody looked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Writer {
    pub pid: i32,
    /// Clock ticks from the start of the machine to that of the process: with the number, this one and no later one.
    pub started: Option<u64>,
    pub uid: Option<u32>,
    pub user: Option<String>,
    pub program: Option<String>,
    /// Its command line, without what looks like a secret.
    pub command: Option<String>,
    /// Of the unified hierarchy, as in `/proc/PID/cgroup`.
    pub cgroup: Option<String>,
    /// Of the files of the alarm it wrote so many last.
    pub files: u64,
}

impl Writer {
    /// Who it is, in one line.
    pub fn line(&self) -> String {
        let user = match (&self.user, self.uid) {
            (Some(user), _) => user.clone(),
            (None, Some(uid)) => format!("user {uid}"),
            (None, None) => "a user that is not known".to_owned(),
        };
        // A process writes its command line itself, and may call itself what it likes; the program is the kernel's word.
        let what = match (&self.program, &self.command) {
            (Some(program), Some(command)) => Some(format!("{program}, which calls itself `{command}`")),
            (Some(one), None) => Some(one.clone()),
            (None, Some(command)) => Some(format!("it calls itself `{command}`")),
            (None, None) => None,
        };
        match what {
            Some(what) => format!("process {} of {user}: {what}", self.pid),
            None if self.started.is_some() => {
                format!("process {} of {user}, which shows no command", self.pid)
            }
            None => format!("process {}, which had ended before it could be looked at", self.pid),
        }
    }
}

/// What of a snapshot nobody has looked at, though it was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NotLookedAt {
    pub files: u64,
    pub bytes: u64,
    /// All bytes of the snapshot.
    pub of_bytes: u64,
}

/// A snapshot of which more than one byte in this many was not looked at is not called clean by a program.
const SHARE: u64 = 10;

impl NotLookedAt {
    /// More than a tenth of the snapshot: whatever was found in the rest says little about it. Below that lie the images that
    /// people keep beside their files (installation media, a firmware); a store that *is* virtual disks is far above.
    pub fn is_too_much(&self) -> bool {
        self.bytes.saturating_mul(SHARE) > self.of_bytes
    }
}

impl ScanEvent {
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            ScanEvent::AlarmRaised { store, .. }
            | ScanEvent::AlarmDismissed { store, .. }
            | ScanEvent::OneAlarmDismissed { store, .. }
            | ScanEvent::AlarmAtStart { store, .. }
            | ScanEvent::AlarmTraced { store, .. }
            | ScanEvent::FreezeIntended { store, .. }
            | ScanEvent::FreezeEnded { store, .. }
            | ScanEvent::ThawDecided { store, .. }
            | ScanEvent::ThawEnded { store, .. }
            | ScanEvent::SnapshotFirstSeen { store, .. }
            | ScanEvent::SnapshotJudged { store, .. }
            | ScanEvent::RecoveryPointChosen { store, .. }
            | ScanEvent::RecoveryPointDecided { store, .. }
            | ScanEvent::InsideNotLookedAt { store, .. }
            | ScanEvent::FilesVanished { store, .. }
            | ScanEvent::AlarmGrew { store, .. }
            | ScanEvent::AlarmNotHeard { store, .. }
            | ScanEvent::NotWatched { store, .. }
            | ScanEvent::ContentsAccepted { store, .. }
            | ScanEvent::WatchedAgain { store } => vec![store.clone()],
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub stores: BTreeMap<Id, StoreView>,
    /// Processes that were to be frozen at an alarm, oldest first.
    pub frozen: Vec<Frozen>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StoreView {
    /// Open alarms, oldest first. A person closes them, or a restore of the store: what they were about is then gone.
    pub alarms: Vec<Alarm>,
    /// Digests of what lay there when a watch began, and of which a person has dismissed the alarm.
    pub dismissed: BTreeSet<String>,
    /// Why it is not watched at the moment, if the watch said so.
    pub not_watched: Option<String>,
    /// Oldest first by first sight, whatever time they claim.
    pub snapshots: Vec<SnapshotView>,
    pub recovery_point: Option<String>,
    /// A scan has said which is the recovery point, or that there is none.
    pub is_scanned: bool,
    /// Contents that a person accepted although they are not clean: hex digits of their digests.
    pub accepted: BTreeSet<String>,
    /// Who chose it, if it was a person.
    pub chosen_by: Option<String>,
}

/// In the reason of a store of which only a part is not watched.
pub const PARTLY_READ: &str = "cannot be read, such as";

impl StoreView {
    /// It should be watched, and nothing of it can be looked at.
    pub fn is_unseen(&self) -> bool {
        self.not_watched.as_ref().is_some_and(|why| !why.contains(PARTLY_READ))
    }

    /// Clean snapshots are there and none is chosen: a person has to.
    pub fn waits_for_a_choice(&self) -> bool {
        self.recovery_point.is_none() && self.snapshots.iter().any(|snapshot| snapshot.clean == Some(true))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alarm {
    pub sequence: u64,
    pub time_ms: i64,
    pub about: About,
    /// As many as it has grown to.
    pub files: u64,
    pub examples: Vec<String>,
    /// The digest of what it is about, if that lay there when the watch began.
    pub at_start: Option<String>,
    /// Who wrote its files, as far as that was told.
    pub writers: Vec<Writer>,
    /// Why nobody knows, or not of all, who wrote them.
    pub not_traced: Option<String>,
    /// Entry and reason of the newest try to wake somebody that failed.
    pub not_heard: Option<String>,
}

impl Alarm {
    fn trace(&mut self, writers: &[Writer], not_traced: u64, why_not: Option<&String>) {
        for writer in writers {
            let is_same = |one: &&mut Writer| (one.pid, one.started) == (writer.pid, writer.started);
            match self.writers.iter_mut().find(is_same) {
                Some(one) => one.files += writer.files,
                None => self.writers.push(writer.clone()),
            }
        }
        let some = || format!("of {not_traced} of its files nobody knows who wrote them");
        self.not_traced = why_not.cloned().or_else(|| (not_traced > 0).then(some));
    }
}

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Files that became this.
    Bad(Suspicion),
    /// Files that are gone.
    Vanished,
}

impl About {
    /// `3 files …`.
    pub fn words(self) -> &'static str {
        match self {
            About::Bad(Suspicion::Encrypted) => "became encrypted",
            About::Bad(Suspicion::Damaged) => "became damaged",
            About::Bad(Suspicion::Malware) => "became malware",
            About::Bad(Suspicion::Suspicious) => "became suspicious",
            About::Vanished => "vanished",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SnapshotView {
    pub id: String,
    pub claims_time: String,
    pub first_seen_ms: i64,
    /// `None`: not judged yet, therefore not clean.
    pub clean: Option<bool>,
    pub reasons: Vec<String>,
    /// What the verdict says nothing about. `None`: everything was looked at, as far as the scan that judged it knew.
    pub not_looked_at: Option<NotLookedAt>,
}

impl SnapshotView {
    /// Nothing speaks against it, and so much was not looked at that only a person can say it may be restored.
    pub fn needs_a_word(&self) -> bool {
        self.clean == Some(true) && self.not_looked_at.is_some_and(|inside| inside.is_too_much())
    }
}

impl View {
    fn open(&mut self, entry: Stamp<'_>, store: &Id, about: About, files: u64, examples: &[String]) {
        self.stores.entry(store.clone()).or_default().alarms.push(Alarm {
            sequence: entry.sequence,
            time_ms: entry.time_ms,
            about,
            files,
            examples: examples.to_vec(),
            at_start: None,
            writers: Vec::new(),
            not_traced: None,
            not_heard: None,
        });
    }

    fn open_alarm(&mut self, store: &Id, alarm: u64, what: &str) -> Result<&mut Alarm, String> {
        let open = self.stores.get_mut(store).map(|store| &mut store.alarms);
        open.and_then(|open| open.iter_mut().find(|open| open.sequence == alarm))
            .ok_or_else(|| format!("alarm {alarm} of {store} {what}, but it is not open"))
    }

    /// `None`: all that are open, as earlier versions recorded it.
    fn dismiss(&mut self, id: &Id, one: Option<u64>) -> Result<(), String> {
        let nothing = || match one {
            Some(alarm) => format!("alarm {alarm} of {id} was dismissed, but it is not open"),
            None => format!("an alarm of {id} was dismissed, but none was open"),
        };
        let is_meant = |alarm: &Alarm| one.is_none_or(|one| alarm.sequence == one);
        let store = self.stores.get_mut(id).ok_or_else(nothing)?;
        let dismissed: Vec<Alarm> = store.alarms.extract_if(.., |alarm| is_meant(alarm)).collect();
        if dismissed.is_empty() {
            return Err(nothing());
        }
        store.dismissed.extend(dismissed.into_iter().filter_map(|alarm| alarm.at_start));
        Ok(())
    }

    /// The store was restored: what its alarms were about is no longer there. New files are looked at with new eyes.
    pub(crate) fn restored(&mut self, store: &Id) {
        if let Some(store) = self.stores.get_mut(store) {
            store.alarms.clear();
            store.dismissed.clear();
        }
    }

    fn freeze(&mut self, entry: Stamp<'_>, target: &Target, event: Move, detail: &str) -> Result<(), String> {
        let known = self.frozen.iter_mut().find(|known| known.target == *target);
        let pid = target.pid;
        let known =
            known.ok_or_else(|| format!("process {pid}: {event:?}, but it was never to be frozen"))?;
        known.state =
            frozen::next(Some(known.state), event).map_err(|why| format!("process {pid}: {why}"))?;
        detail.clone_into(&mut known.detail);
        known.since_entry = entry.sequence;
        Ok(())
    }

    fn snapshot(&mut self, store: &Id, snapshot: &str, what: &str) -> Result<&mut SnapshotView, String> {
        let known = self.stores.get_mut(store).map(|store| &mut store.snapshots);
        known
            .and_then(|all| all.iter_mut().find(|known| known.id == snapshot))
            .ok_or_else(|| format!("snapshot {snapshot} of {store} {what}, but nobody had seen it before"))
    }

    fn first_seen(
        &mut self,
        entry: Stamp<'_>,
        id: &Id,
        snapshot: &str,
        claims_time: &str,
    ) -> Result<(), String> {
        let store = self.stores.entry(id.clone()).or_default();
        if store.snapshots.iter().any(|known| known.id == *snapshot) {
            return Err(format!("snapshot {snapshot} of {id} was seen for the first time twice"));
        }
        store.snapshots.push(SnapshotView {
            id: snapshot.to_owned(),
            claims_time: claims_time.to_owned(),
            first_seen_ms: entry.time_ms,
            clean: None,
            reasons: Vec::new(),
            not_looked_at: None,
        });
        Ok(())
    }

    /// `Err` says what does not fit what was recorded before; the view is left as it was.
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each kind of event")]
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &ScanEvent) -> Result<(), String> {
        match event {
            ScanEvent::AlarmRaised { store, suspicion, files, examples, .. } => {
                self.open(entry, store, About::Bad(*suspicion), *files, examples);
            }
            ScanEvent::FilesVanished { store, files, examples, .. } => {
                self.open(entry, store, About::Vanished, *files, examples);
            }
            ScanEvent::AlarmGrew { store, alarm, files, examples } => {
                let known = self.open_alarm(store, *alarm, "grew")?;
                known.files = (*files).max(known.files);
                known.examples.clone_from(examples);
            }
            ScanEvent::AlarmNotHeard { store, alarm, why } => {
                self.open_alarm(store, *alarm, "was not heard")?.not_heard = Some(why.clone());
            }
            ScanEvent::AlarmDismissed { store, .. } => self.dismiss(store, None)?,
            ScanEvent::OneAlarmDismissed { store, alarm, .. } => self.dismiss(store, Some(*alarm))?,
            ScanEvent::AlarmTraced { store, alarm, writers, not_traced, why_not } => {
                self.open_alarm(store, *alarm, "was traced")?.trace(writers, *not_traced, why_not.as_ref());
            }
            ScanEvent::FreezeIntended { store, alarm, target, who, granted_by } => {
                if self.frozen.iter().any(|known| known.target == *target) {
                    return self.freeze(entry, target, Move::Intended, "");
                }
                self.frozen.push(Frozen {
                    store: store.clone(),
                    alarm: *alarm,
                    target: target.clone(),
                    who: who.clone(),
                    granted_by: granted_by.clone(),
                    state: frozen::next(None, Move::Intended)?,
                    detail: String::new(),
                    since_entry: entry.sequence,
                });
            }
            ScanEvent::FreezeEnded { target, ok, detail, .. } => {
                self.freeze(entry, target, Move::Ended { ok: *ok }, detail)?;
            }
            ScanEvent::ThawDecided { target, reason, .. } => {
                self.freeze(entry, target, Move::ThawDecided, reason)?;
            }
            ScanEvent::ThawEnded { target, ok, detail, .. } => {
                self.freeze(entry, target, Move::ThawEnded { ok: *ok }, detail)?;
            }
            ScanEvent::AlarmAtStart { store, alarm, digest } => {
                self.open_alarm(store, *alarm, "was there at the start")?.at_start = Some(digest.clone());
            }
            ScanEvent::ContentsAccepted { store, contents, .. } => {
                self.stores.entry(store.clone()).or_default().accepted.extend(contents.iter().cloned());
            }
            ScanEvent::NotWatched { store, why } => {
                self.stores.entry(store.clone()).or_default().not_watched = Some(why.clone());
            }
            ScanEvent::WatchedAgain { store: id } => {
                let known = self.stores.get_mut(id).and_then(|store| store.not_watched.take());
                known.ok_or_else(|| format!("{id} is watched again, but it was never not watched"))?;
            }
            ScanEvent::SnapshotFirstSeen { store: id, snapshot, claims_time } => {
                self.first_seen(entry, id, snapshot, claims_time)?;
            }
            ScanEvent::SnapshotJudged { store, snapshot, clean, reasons, .. } => {
                let known = self.snapshot(store, snapshot, "was judged")?;
                known.clean = Some(*clean);
                known.reasons.clone_from(reasons);
                known.not_looked_at = None;
            }
            ScanEvent::InsideNotLookedAt { store, snapshot, not_looked_at } => {
                self.snapshot(store, snapshot, "was only partly looked at")?.not_looked_at =
                    Some(*not_looked_at);
            }
            // What a person chose stands; a scan that did not know of it cannot change that.
            ScanEvent::RecoveryPointChosen { store, snapshot } => {
                if let Some(snapshot) = snapshot {
                    self.snapshot(store, snapshot, "was chosen by a scan")?;
                }
                let store = self.stores.entry(store.clone()).or_default();
                store.is_scanned = true;
                if store.chosen_by.is_none() {
                    store.recovery_point.clone_from(snapshot);
                }
            }
            ScanEvent::RecoveryPointDecided { store, snapshot, .. } => {
                self.snapshot(store, snapshot, "was chosen")?;
                let store = self.stores.entry(store.clone()).or_default();
                store.recovery_point = Some(snapshot.clone());
                store.chosen_by = Some(entry.actor.to_owned());
            }
        }
        Ok(())
    }
}
