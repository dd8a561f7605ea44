//! What a scan and a watch record: pure decisions on the view. Choosing by a person is in `choose`.

use estate::canonical::source_inside;
use estate::{Estate, Id};
use incident::event::ScanEvent;
use incident::scan::{About, Alarm, NotLookedAt, PARTLY_READ, StoreView};
use incident::{Event, View};

use message::{Command, Message, Remedy, harmless};

use crate::report::{RepositoryReport, SnapshotReport};
use crate::restic::inside::{Own, SeriesName};
use crate::restic::series_name;
use crate::watch::Burst;
use crate::writers::Traced;

/// The repository holds backups of several hosts or paths, and the store does not say which are its own.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the repository holds backups of {} kinds, and {store} does not say which are its own", .kinds.len())]
pub struct NotSaid {
    pub store: Id,
    /// Where the store lives, if that is known.
    folder: Option<String>,
    pub kinds: Vec<SeriesName>,
}

/// Kinds of backups for which the line to write is shown.
const KINDS_SHOWN: usize = 8;

impl NotSaid {
    pub fn message(&self) -> Message {
        let means = "nothing was judged or recorded: the newest snapshot of all may be another system's, and restoring it would put \
                     another system's files in place of the store's own";
        let answers =
            self.kinds.iter().take(KINDS_SHOWN).map(|series| (series_name(series), self.edit(series)));
        let question = match self.kinds.len().saturating_sub(KINDS_SHOWN) {
            0 => "Which backups are its own?".to_owned(),
            more => format!("Which backups are its own? ({more} more kinds are not shown)"),
        };
        let adopt = Command::new("adopt").incident().open("ESTATE").reason();
        let to_do = Remedy::Steps(vec![
            Remedy::ask(question, answers),
            Remedy::run_to("put the edited estate in force", adopt),
        ]);
        Message::new(harmless(&self.to_string()), means, to_do)
    }

    /// What to write. A store that lives in a part of what is backed up is that part.
    fn edit(&self, (host, paths): &SeriesName) -> Remedy {
        let own = self.folder.iter().filter(|folder| {
            let own = Own { paths: std::slice::from_ref(*folder), ..Own::default() };
            own.may_be(&(host.clone(), paths.clone()))
        });
        let own: Vec<String> = own.cloned().collect();
        let inside = source_inside(Some(host), if own.is_empty() { paths } else { &own });
        let text =
            format!("in `source` of [store.{}] write {}", self.store.name(), inside.trim_end_matches(", "));
        Remedy::Edit { file: None, line: None, text: harmless(&text) }
    }
}

/// What a store of the estate says about its copies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copies {
    store: Id,
    host: Option<String>,
    paths: Vec<String>,
    folder: Option<String>,
    is_shared: bool,
}

impl Copies {
    /// A store that the estate does not know says nothing.
    pub fn of(store: &Id, estate: Option<&Estate>) -> Copies {
        let known = estate.and_then(|estate| estate.stores.get(store));
        let source = known.and_then(|known| known.source.as_ref());
        Copies {
            store: store.clone(),
            host: source.and_then(|source| source.host.clone()),
            paths: source.map(|source| source.paths.clone()).unwrap_or_default(),
            folder: known.and_then(|known| known.path.clone()),
            is_shared: estate.is_some_and(|estate| !estate.beside(store).is_empty()),
        }
    }

    /// Which backups are its own, if that is said as far as these in the repository need it.
    pub fn own(&self, repository: &[SeriesName]) -> Result<Own<'_>, NotSaid> {
        let own = Own {
            host: self.host.as_deref(),
            paths: &self.paths,
            folder: self.folder.as_deref(),
            is_shared: self.is_shared,
        };
        own.chosen(repository.iter()).map_err(|kinds| NotSaid {
            store: self.store.clone(),
            folder: self.folder.clone(),
            kinds: kinds.into_iter().cloned().collect(),
        })?;
        Ok(own)
    }
}

/// What is new of a scan. Verdicts are always recorded; a recovery point only where nothing forbids choosing: no entry
/// that this version cannot read, and no choice by a person, which stands.
pub fn scanned(view: &View, store: &Id, report: &RepositoryReport) -> Vec<Event> {
    let known = view.scan.stores.get(store);
    let fresh = report.snapshots.iter().filter(|snapshot| !is_recorded(known, snapshot));
    let mut events: Vec<Event> = fresh.flat_map(|snapshot| judged(store, snapshot)).collect();
    let chosen = known.and_then(|known| known.recovery_point.as_ref());
    let by_hand = known.is_some_and(|known| known.chosen_by.is_some());
    let snapshot = recovery_point(report).cloned();
    // That there is none is said once, too.
    let is_new = chosen != snapshot.as_ref() || !known.is_some_and(|known| known.is_scanned);
    if view.blocked_by(store).is_none() && !by_hand && is_new {
        events.push(Event::Scan(ScanEvent::RecoveryPointChosen { store: store.clone(), snapshot }));
    }
    events
}

/// What a scan may choose by itself: the last clean snapshot, unless many files vanished before it was made. Whether
/// those are wanted back only a person can say.
fn recovery_point(report: &RepositoryReport) -> Option<&String> {
    report.last_clean.as_ref().filter(|_| report.before_loss.is_none())
}

fn is_recorded(known: Option<&StoreView>, snapshot: &SnapshotReport) -> bool {
    known.is_some_and(|known| {
        known.snapshots.iter().any(|known| {
            known.id == snapshot.id
                && known.clean == Some(snapshot.is_clean)
                && known.reasons == snapshot.reasons
                && known.not_looked_at == inside(snapshot)
        })
    })
}

/// What the verdict says nothing about.
fn inside(snapshot: &SnapshotReport) -> Option<NotLookedAt> {
    Some(snapshot.not_looked_at).filter(|inside| inside.files > 0)
}

fn judged(store: &Id, snapshot: &SnapshotReport) -> Vec<Event> {
    let counts = snapshot.counts.iter().filter(|(_, count)| **count > 0);
    let judged = ScanEvent::SnapshotJudged {
        store: store.clone(),
        snapshot: snapshot.id.clone(),
        clean: snapshot.is_clean,
        counts: counts.map(|(word, count)| ((*word).to_owned(), *count)).collect(),
        reasons: snapshot.reasons.clone(),
    };
    let limit = inside(snapshot).map(|not_looked_at| ScanEvent::InsideNotLookedAt {
        store: store.clone(),
        snapshot: snapshot.id.clone(),
        not_looked_at,
    });
    std::iter::once(judged).chain(limit).map(Event::Scan).collect()
}

/// When a burst was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenWhen {
    /// While watching.
    Now,
    /// Already so when the watch began. Whoever has dismissed it once is not told again at every start.
    AtStart,
}

/// Nothing new is raised, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoNews {
    /// An alarm of this kind is open for the store already, and what it is about has not become ten times as much.
    Open { alarm: u64, files: u64 },
    /// Exactly this lay there when a person looked and dismissed the alarm about it.
    Dismissed,
}

/// An open alarm says it again when it is about so many times as many files as it last said.
const GROWTH: u64 = 10;

/// Raises the burst, or says how far an open alarm has grown. An open alarm never hides what follows it.
pub fn alarm(view: &View, burst: &Burst, when: SeenWhen) -> Result<Vec<Event>, NoNews> {
    let known = view.scan.stores.get(&burst.store);
    // What an alarm of another kind is about says nothing about this one.
    let is_same = |open: &&Alarm| open.about == burst.about;
    if let Some(open) = known.and_then(|known| known.alarms.iter().rev().find(is_same)) {
        if burst.total < open.files.max(1).saturating_mul(GROWTH) {
            return Err(NoNews::Open { alarm: open.sequence, files: open.files });
        }
        return Ok(vec![Event::Scan(ScanEvent::AlarmGrew {
            store: burst.store.clone(),
            alarm: open.sequence,
            files: burst.total,
            examples: burst.examples.clone(),
        })]);
    }
    if when == SeenWhen::AtStart && known.is_some_and(|known| known.dismissed.contains(&burst.digest)) {
        return Err(NoNews::Dismissed);
    }
    let (store, files, examples) = (burst.store.clone(), burst.files, burst.examples.clone());
    let seconds_observed = burst.seconds_observed;
    let raised = match burst.about {
        About::Bad(suspicion) => {
            ScanEvent::AlarmRaised { store, suspicion, files, examples, seconds_observed }
        }
        About::Vanished => {
            ScanEvent::FilesVanished { store, files, of_files: burst.of_files, examples, seconds_observed }
        }
    };
    let at_start = (when == SeenWhen::AtStart).then(|| ScanEvent::AlarmAtStart {
        store: burst.store.clone(),
        alarm: view.entries,
        digest: burst.digest.clone(),
    });
    Ok(std::iter::once(raised).chain(at_start).map(Event::Scan).collect())
}

/// Which part cannot be read may be another at each look; that is no news, and must not fill the journal.
pub fn is_same_reason(said: &str, why: &str) -> bool {
    said == why || (said.contains(PARTLY_READ) && why.contains(PARTLY_READ))
}

/// Whether a store can be watched, if that is other than what was said last.
pub fn watched(view: &View, store: &Id, not_watched: Option<&str>) -> Vec<Event> {
    let said = view.scan.stores.get(store).and_then(|known| known.not_watched.as_deref());
    let store = store.clone();
    match (said, not_watched) {
        (None, None) => Vec::new(),
        (Some(said), Some(why)) if is_same_reason(said, why) => Vec::new(),
        (_, Some(why)) => vec![Event::Scan(ScanEvent::NotWatched { store, why: why.to_owned() })],
        (Some(_), None) => vec![Event::Scan(ScanEvent::WatchedAgain { store })],
    }
}

/// Who wrote the files of an alarm. Of one that was closed meanwhile that is no news.
pub fn traced(view: &View, store: &Id, alarm: u64, traced: &Result<Traced, String>) -> Vec<Event> {
    let open =
        view.scan.stores.get(store).is_some_and(|known| known.alarms.iter().any(|one| one.sequence == alarm));
    if !open {
        return Vec::new();
    }
    let (writers, not_traced, why_not) = match traced {
        Ok(traced) => (traced.writers.clone(), traced.not_traced, None),
        Err(why) => (Vec::new(), 0, Some(why.clone())),
    };
    let store = store.clone();
    vec![Event::Scan(ScanEvent::AlarmTraced { store, alarm, writers, not_traced, why_not })]
}

/// Nobody was woken. Of an alarm that was closed meanwhile that is no news.
pub fn not_heard(view: &View, store: &Id, alarm: u64, why: &str) -> Vec<Event> {
    let open =
        view.scan.stores.get(store).is_some_and(|known| known.alarms.iter().any(|one| one.sequence == alarm));
    let event = ScanEvent::AlarmNotHeard { store: store.clone(), alarm, why: why.to_owned() };
    if open { vec![Event::Scan(event)] } else { Vec::new() }
}

/// Why an alarm is not dismissed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DismissRefusal {
    #[error("a dismissal needs a reason")]
    NoReason,
    #[error("entry {0} is not an open alarm")]
    NotOpen(u64),
}

impl DismissRefusal {
    pub fn message(&self) -> Message {
        let to_do = match self {
            DismissRefusal::NoReason => {
                Remedy::run(Command::new("dismiss").incident().open("ENTRY").reason())
            }
            DismissRefusal::NotOpen(_) => {
                Remedy::run_to("see which alarms are open", Command::new("status").incident())
            }
        };
        Message::new(self.to_string(), "nothing was recorded; what was open is open", to_do)
    }
}

/// A person has looked at what this alarm is about, and it was not an attack. Other alarms of its store stay open.
pub fn dismiss(view: &View, alarm: u64, reason: &str) -> Result<Vec<Event>, DismissRefusal> {
    if reason.trim().is_empty() {
        return Err(DismissRefusal::NoReason);
    }
    let open =
        view.scan.stores.iter().find(|(_, known)| known.alarms.iter().any(|one| one.sequence == alarm));
    let (store, _) = open.ok_or(DismissRefusal::NotOpen(alarm))?;
    let dismissed = ScanEvent::OneAlarmDismissed { store: store.clone(), alarm, reason: reason.to_owned() };
    Ok(vec![Event::Scan(dismissed)])
}

#[cfg(test)]
mod tests {
    use incident::scan::Suspicion;

    use super::*;

    fn store() -> Id {
        "store:core".parse().unwrap()
    }

    fn open(view: &mut View, about: About, files: u64) {
        let alarm = Alarm {
            sequence: 7,
            time_ms: 0,
            about,
            files,
            examples: Vec::new(),
            at_start: None,
            writers: Vec::new(),
            not_traced: None,
            not_heard: None,
        };
        view.scan.stores.entry(store()).or_default().alarms.push(alarm);
    }

    #[test]
    fn an_open_alarm_does_not_hide_another_kind() {
        let mut view = View::default();
        open(&mut view, About::Bad(Suspicion::Suspicious), 12);
        let burst = |about| Burst {
            store: store(),
            about,
            files: 8,
            total: 20,
            of_files: 90,
            examples: Vec::new(),
            paths: Vec::new(),
            digest: String::new(),
            seconds_observed: 1,
        };
        let encrypted = burst(About::Bad(Suspicion::Encrypted));
        let raised = alarm(&view, &encrypted, SeenWhen::Now).unwrap();
        assert!(matches!(raised[..], [Event::Scan(ScanEvent::AlarmRaised { files: 8, .. })]), "{raised:?}");
        let same = burst(About::Bad(Suspicion::Suspicious));
        assert_eq!(alarm(&view, &same, SeenWhen::Now), Err(NoNews::Open { alarm: 7, files: 12 }));
        open(&mut view, About::Bad(Suspicion::Encrypted), 8);
        assert!(alarm(&view, &encrypted, SeenWhen::Now).is_err());
        assert!(alarm(&view, &same, SeenWhen::Now).is_err(), "the older kind stays open too");
    }

    /// The newest events become true of the view.
    fn dismissed(view: &mut View, digest: &str) {
        view.scan.stores.entry(store()).or_default().dismissed.insert(digest.to_owned());
    }

    #[test]
    fn a_dismissal_is_about_exactly_what_lay_there() {
        let at_start = |files, digest: &str| Burst {
            store: store(),
            about: About::Bad(Suspicion::Encrypted),
            files,
            total: files,
            of_files: 90,
            examples: Vec::new(),
            paths: Vec::new(),
            digest: digest.to_owned(),
            seconds_observed: 0,
        };
        let mut view = View { entries: 12, ..View::default() };
        let raised = alarm(&view, &at_start(50, "ab"), SeenWhen::AtStart).unwrap();
        let [_, Event::Scan(ScanEvent::AlarmAtStart { alarm: entry, digest, .. })] = &raised[..] else {
            panic!("{raised:?}")
        };
        assert_eq!((*entry, digest.as_str()), (12, "ab"));
        dismissed(&mut view, "ab");
        assert_eq!(alarm(&view, &at_start(50, "ab"), SeenWhen::AtStart), Err(NoNews::Dismissed));
        assert!(alarm(&view, &at_start(50, "cd"), SeenWhen::AtStart).is_ok(), "as many, but others");
        assert!(alarm(&view, &at_start(3, "ef"), SeenWhen::AtStart).is_ok(), "fewer, but others");
        assert!(alarm(&view, &at_start(50, "ab"), SeenWhen::Now).is_ok(), "it happens again");
    }

    #[test]
    fn only_the_alarm_that_was_named_is_dismissed() {
        let mut view = View::default();
        open(&mut view, About::Bad(Suspicion::Encrypted), 8);
        open(&mut view, About::Vanished, 400);
        view.scan.stores.get_mut(&store()).unwrap().alarms[1].sequence = 9;
        let events = dismiss(&view, 9, "the old archive was moved").unwrap();
        assert!(
            matches!(events[..], [Event::Scan(ScanEvent::OneAlarmDismissed { alarm: 9, .. })]),
            "{events:?}"
        );
        assert!(dismiss(&view, 8, "x").is_err());
    }

    #[test]
    fn the_recorded_reason_is_the_present_one() {
        let mut view = View::default();
        let part = |name: &str| format!("1 part {PARTLY_READ} {name}");
        view.scan.stores.entry(store()).or_default().not_watched = Some(part("a"));
        assert_eq!(watched(&view, &store(), Some(&part("b"))), Vec::new());
        assert_eq!(watched(&view, &store(), Some("/srv was replaced by a link")).len(), 1);
        view.scan.stores.entry(store()).or_default().not_watched = Some("/srv is not there".to_owned());
        assert_eq!(watched(&view, &store(), Some(&part("b"))).len(), 1, "also from all to a part");
    }
}
