//! Which snapshots are clean, and in which order do they stand? Pure: what was read goes in as values.
//!
//! **Order** is the order of first sight, because the time in a snapshot is written by whoever made it.
//! **Clean** is a snapshot of which everything was read, in which nothing is encrypted or malware, and no
//! file went bad compared with its previous version. "Previous version" reaches back to the last version
//! that was good: a file that went bad two snapshots ago and was not changed since is still bad.
//!
//! | file now | before | counts as |
//! |---|---|---|
//! | encrypted, malware, unread | anything | blocks |
//! | damaged, suspicious, declared-encrypted | good, or went bad since | blocks: it went bad |
//! | the same | bad in the same way, as far back as was looked | tolerated up to the limit |
//! | the same | bad in another way | blocks |
//! | the same | no version | tolerated up to the limit |
//! | declared-encrypted | no version; it arrived while nothing vanished | somebody's own; tolerated up to a limit of its own |
//! | not clean, and a person has accepted exactly this content | anything | good: a later version is compared with it |

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use estate::Id;
use incident::Event;
use incident::event::ScanEvent;
use incident::scan::{NotLookedAt, StoreView};
use judge::Verdict;

/// A snapshot in the order of first sight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    pub id: String,
    /// What it says itself, UTC milliseconds.
    pub claims_ms: i64,
    pub first_seen_ms: i64,
}

/// What a repository says about one of its snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub id: String,
    pub claims_ms: i64,
    pub arrived_ms: i64,
    /// Snapshots that its client had before it. It holds their ids, which are hashes, so they were there first:
    /// nobody can forge that.
    pub parents: Vec<String>,
    /// The snapshot that it is a new form of: tagged, or copied from another repository.
    pub original: Option<String>,
}

impl Found {
    /// Tagging and copying make a new file of an old snapshot, and when that one arrived says nothing; its time does,
    /// as far as it can be believed. Whoever forges this moves his snapshot to the front, never to the end, where the
    /// last clean one is looked for.
    fn since_ms(&self) -> i64 {
        if self.original.is_some() { self.arrived_ms.min(self.claims_ms) } else { self.arrived_ms }
    }
}

/// Order without a journal: by arrival of the snapshot's file, then by what it claims; never before a parent.
pub fn by_arrival(mut found: Vec<Found>) -> Vec<Sighting> {
    found.sort_by(|a, b| (a.since_ms(), a.claims_ms, &a.id).cmp(&(b.since_ms(), b.claims_ms, &b.id)));
    let seen =
        |found: Found| Sighting { id: found.id, claims_ms: found.claims_ms, first_seen_ms: found.arrived_ms };
    after_parents(found).into_iter().map(seen).collect()
}

/// The same order, but nothing before a parent of its own: where the times of files were lost when a repository was
/// copied, parents still tell what came first.
fn after_parents(found: Vec<Found>) -> Vec<Found> {
    let there: BTreeSet<String> = found.iter().map(|found| found.id.clone()).collect();
    let mut placed: BTreeSet<String> = BTreeSet::new();
    let mut order = Vec::with_capacity(found.len());
    let mut open = VecDeque::from(found);
    let mut waiting: BTreeMap<String, Vec<Found>> = BTreeMap::new();
    while let Some(next) = open.pop_front() {
        let missing = next
            .parents
            .iter()
            .find(|parent| **parent != next.id && there.contains(*parent) && !placed.contains(*parent));
        if let Some(parent) = missing.cloned() {
            waiting.entry(parent).or_default().push(next);
            continue;
        }
        for child in waiting.remove(&next.id).into_iter().flatten().rev() {
            open.push_front(child);
        }
        placed.insert(next.id.clone());
        order.push(next);
    }
    // Only a broken hash could make a circle; then arrival counts alone.
    order.extend(waiting.into_values().flatten());
    order
}

/// Where the arrival of files does not tell the order, in words.
pub fn arrival_remarks(found: &[Found]) -> Vec<String> {
    let arrived: BTreeMap<&str, i64> =
        found.iter().map(|found| (found.id.as_str(), found.arrived_ms)).collect();
    let before_parent = |found: &&Found| {
        found
            .parents
            .iter()
            .any(|parent| arrived.get(parent.as_str()).is_some_and(|ms| *ms > found.arrived_ms))
    };
    let rewritten = found.iter().filter(|found| found.original.is_some()).count();
    let before_parent = found.iter().filter(before_parent).count();
    let mut remarks = Vec::new();
    if rewritten > 0 {
        remarks.push(format!(
            "{rewritten} of {} snapshots are new forms of older ones (tagged, or copied from another repository): without a journal they are placed at the time that they claim",
            found.len()
        ));
    }
    if before_parent > 0 {
        remarks.push(format!(
            "{before_parent} of {} snapshots arrived before the one they were made from: the times of the files were lost, probably when the repository was copied; no snapshot stands before its parent, but without a journal the rest of the order is uncertain",
            found.len()
        ));
    }
    remarks
}

/// What to record: every snapshot that the journal does not know yet, in the order of arrival.
pub fn first_sights(store: &Id, known: Option<&StoreView>, found: Vec<Found>) -> Vec<Event> {
    let is_known = |id: &str| known.is_some_and(|view| view.snapshots.iter().any(|known| known.id == id));
    by_arrival(found)
        .into_iter()
        .filter(|seen| !is_known(&seen.id))
        .map(|seen| {
            Event::Scan(ScanEvent::SnapshotFirstSeen {
                store: store.clone(),
                snapshot: seen.id,
                claims_time: rfc3339(seen.claims_ms),
            })
        })
        .collect()
}

/// Order with a journal: as recorded. Snapshots that are gone from the repository fall out; one that was tagged
/// since, and has another id by that, keeps its place.
pub fn by_first_sight(known: &StoreView, found: &[Found]) -> Vec<Sighting> {
    let places: HashMap<&str, usize> =
        known.snapshots.iter().enumerate().map(|(place, known)| (known.id.as_str(), place)).collect();
    let mut seen: Vec<(usize, usize, Sighting)> = found
        .iter()
        .filter_map(|found| {
            let own = *places.get(found.id.as_str())?;
            let former = found.original.as_deref().and_then(|original| places.get(original));
            let place = former.map_or(own, |former| own.min(*former));
            let first_seen_ms = known.snapshots[place].first_seen_ms;
            Some((place, own, Sighting { id: found.id.clone(), claims_ms: found.claims_ms, first_seen_ms }))
        })
        .collect();
    seen.sort_by_key(|(place, own, _)| (*place, *own));
    seen.into_iter().map(|(_, _, seen)| seen).collect()
}

/// How far two honest clocks may differ.
const CLOCKS_DIFFER_MS: i64 = 5 * 60 * 1000;

/// A snapshot whose claimed time does not agree with the order of first sight.
struct Disagreement<'a> {
    at: usize,
    seen: &'a Sighting,
    /// One that was seen before it and claims to be later; `None`: it claims to be from the future.
    later: Option<&'a Sighting>,
}

fn all_disagreements(order: &[Sighting]) -> Vec<Disagreement<'_>> {
    let mut all = Vec::new();
    let mut latest: Option<&Sighting> = None;
    for (at, seen) in order.iter().enumerate() {
        if let Some(latest) = latest.filter(|latest| seen.claims_ms < latest.claims_ms) {
            all.push(Disagreement { at, seen, later: Some(latest) });
        }
        if seen.claims_ms > seen.first_seen_ms + CLOCKS_DIFFER_MS {
            all.push(Disagreement { at, seen, later: None });
        }
        if latest.is_none_or(|latest| seen.claims_ms >= latest.claims_ms) {
            latest = Some(seen);
        }
    }
    all
}

/// Where the claimed times do not agree with the order of first sight, in words.
pub fn disagreements(order: &[Sighting]) -> Vec<String> {
    let said = |one: Disagreement<'_>| match one.later {
        Some(later) => format!(
            "snapshot {} claims {}, earlier than {} ({}), but was seen after it: the order of first sight counts",
            short(&one.seen.id),
            rfc3339(one.seen.claims_ms),
            short(&later.id),
            rfc3339(later.claims_ms)
        ),
        None => format!(
            "snapshot {} claims {}, but was there at {} already: its time is wrong or forged",
            short(&one.seen.id),
            rfc3339(one.seen.claims_ms),
            rfc3339(one.seen.first_seen_ms)
        ),
    };
    all_disagreements(order).into_iter().map(said).collect()
}

/// The same as places in the order.
pub fn disagreeing(order: &[Sighting]) -> BTreeSet<usize> {
    all_disagreements(order).into_iter().map(|one| one.at).collect()
}

/// The first characters of an id, as people write it.
pub fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// `2023-04-24T22:00:00Z`.
pub fn rfc3339(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| format!("{ms} ms"), |time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// What is known of a path from older snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// Its last version was good.
    Good,
    /// It was good once and went bad.
    WentBad,
    /// It was bad in this way as far back as was looked.
    AlwaysBad(Verdict),
}

/// What a file of a snapshot counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    Good,
    Blocks,
    /// Bad without ever having been seen good.
    Tolerable,
    /// The same, says itself that it is encrypted, and arrived while nothing vanished: nobody lost anything by it.
    Own,
    /// A person has looked at exactly this content.
    Accepted,
}

/// So many archives of their own may people add; more at once is for a person to look at.
const OWN_MAX: u64 = 10;

/// The table above; also what is remembered of the path afterwards.
pub fn weigh(now: Verdict, past: Option<Past>) -> (Weight, Past) {
    match now {
        Verdict::Clean | Verdict::CleanUnverified => (Weight::Good, Past::Good),
        Verdict::Encrypted | Verdict::Malware => (Weight::Blocks, Past::WentBad),
        // Nothing was learned about the file; what was known stays known.
        Verdict::Unread => (Weight::Blocks, past.unwrap_or(Past::AlwaysBad(Verdict::Unread))),
        Verdict::DeclaredEncrypted | Verdict::Suspicious | Verdict::Damaged => match past {
            None => (Weight::Tolerable, Past::AlwaysBad(now)),
            Some(Past::AlwaysBad(before)) if before == now => (Weight::Tolerable, Past::AlwaysBad(now)),
            Some(Past::AlwaysBad(_) | Past::Good | Past::WentBad) => (Weight::Blocks, Past::WentBad),
        },
    }
}

/// Adds up one snapshot.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub counts: BTreeMap<Verdict, u64>,
    blocking: BTreeMap<Verdict, u64>,
    tolerable: u64,
    tolerable_declared: u64,
    own: u64,
    /// Not clean, and accepted by a person.
    pub accepted: u64,
    /// Folders or parts that could not be read.
    pub unread_parts: u64,
    /// Of files that are there: how much there is, and of how much only the frame was looked at.
    pub not_looked_at: NotLookedAt,
}

impl Tally {
    /// A version that is there; `unseen`: bytes of it that nobody looked at.
    pub fn add_bytes(&mut self, bytes: u64, unseen: u64) {
        let sum = &mut self.not_looked_at;
        sum.of_bytes = sum.of_bytes.saturating_add(bytes);
        sum.bytes = sum.bytes.saturating_add(unseen);
        sum.files += u64::from(unseen > 0);
    }

    /// One that is no longer there.
    pub fn remove_bytes(&mut self, bytes: u64, unseen: u64) {
        let sum = &mut self.not_looked_at;
        sum.of_bytes = sum.of_bytes.saturating_sub(bytes);
        sum.bytes = sum.bytes.saturating_sub(unseen);
        if unseen > 0 {
            less(&mut sum.files);
        }
    }

    pub fn add(&mut self, verdict: Verdict, weight: Weight) {
        *self.counts.entry(verdict).or_default() += 1;
        match weight {
            Weight::Good => {}
            Weight::Blocks => *self.blocking.entry(verdict).or_default() += 1,
            Weight::Tolerable => {
                self.tolerable += 1;
                self.tolerable_declared += u64::from(verdict == Verdict::DeclaredEncrypted);
            }
            Weight::Own => self.own += 1,
            Weight::Accepted => self.accepted += 1,
        }
    }

    /// Takes a version out again that is no longer there.
    pub fn remove(&mut self, verdict: Verdict, weight: Weight) {
        less(self.counts.entry(verdict).or_default());
        match weight {
            Weight::Good => {}
            Weight::Blocks => less(self.blocking.entry(verdict).or_default()),
            Weight::Tolerable => {
                less(&mut self.tolerable);
                if verdict == Verdict::DeclaredEncrypted {
                    less(&mut self.tolerable_declared);
                }
            }
            Weight::Own => less(&mut self.own),
            Weight::Accepted => less(&mut self.accepted),
        }
    }

    /// Something in it blocks, whatever is tolerated.
    pub fn is_blocked(&self) -> bool {
        self.unread_parts > 0 || self.blocking.values().any(|count| *count > 0)
    }

    pub fn files(&self) -> u64 {
        self.counts.values().sum()
    }

    pub fn clean(&self) -> u64 {
        self.counts.iter().filter(|(verdict, _)| verdict.is_clean()).map(|(_, count)| count).sum()
    }

    /// How many bad files without a good version before are tolerated: four in a thousand, at most ten,
    /// so that an attack on a small folder never fits below it. One file that says itself that it is
    /// encrypted is tolerated anywhere: nearly every folder has somebody's password safe. More than one is not: an attack
    /// on such a file leaves another one, and nothing else to see.
    pub fn limit(&self, wanted: Option<u64>) -> u64 {
        let limit = (self.files() / 250).min(10);
        let only_declared = self.tolerable == self.tolerable_declared;
        wanted.unwrap_or(if only_declared { limit.max(1) } else { limit })
    }

    /// Why it is not clean; empty if it is. What is tolerated is said as well, in `tolerated`.
    pub fn complaints(&self, wanted: Option<u64>) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.unread_parts > 0 {
            reasons.push(match self.unread_parts {
                1 => "a part of it could not be read".to_owned(),
                parts => format!("{parts} parts of it could not be read"),
            });
        }
        for (verdict, count) in self.blocking.iter().filter(|(_, count)| **count > 0) {
            let what = match verdict {
                Verdict::Encrypted | Verdict::Malware => String::new(),
                Verdict::Unread => " (what was not read is not clean)".to_owned(),
                _ => ", and were not before".to_owned(),
            };
            let files = if *count == 1 { "file is" } else { "files are" };
            let what = if *count == 1 { what.replace("were not", "was not") } else { what };
            reasons.push(format!("{count} {files} {}{what}", verdict.word()));
        }
        let limit = self.limit(wanted);
        let counted = self.tolerable + if wanted.is_some() { self.own } else { 0 };
        if counted > limit {
            reasons.push(format!(
                "{counted} files are damaged, suspicious or declared-encrypted without a good version before; {limit} would be tolerated"
            ));
        }
        if wanted.is_none() && self.own > OWN_MAX {
            reasons.push(format!(
                "{} files that say themselves that they are encrypted were added; {OWN_MAX} would be tolerated",
                self.own
            ));
        }
        if self.files() == 0 && self.unread_parts == 0 {
            reasons.push("it holds no files".to_owned());
        }
        reasons
    }

    /// What was tolerated, in words.
    pub fn tolerated(&self, wanted: Option<u64>) -> Option<String> {
        let limit = self.limit(wanted);
        let mut said = Vec::new();
        if self.tolerable > 0 && self.tolerable <= limit {
            said.push(format!(
                "{} of {} files are damaged, suspicious or declared-encrypted and have no good version before; tolerated up to {limit}",
                self.tolerable,
                self.files()
            ));
        }
        if self.own > 0 && self.own <= OWN_MAX {
            said.push(format!(
                "{} of {} files say themselves that they are encrypted, and nothing vanished when they were added; tolerated up to {OWN_MAX}",
                self.own,
                self.files()
            ));
        }
        if self.accepted > 0 {
            said.push(format!(
                "{} of {} files are not clean, and a person has accepted exactly their contents",
                self.accepted,
                self.files()
            ));
        }
        (!said.is_empty()).then(|| said.join("; "))
    }
}

/// Only what was added is taken out again. A forged repository that holds more than is looked at may name what never
/// was; then nothing is taken out, and the snapshot is not clean anyway, because parts of it were not read.
fn less(count: &mut u64) {
    *count = count.saturating_sub(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(id: &str, claims_ms: i64, arrived_ms: i64) -> Found {
        Found { id: id.to_owned(), claims_ms, arrived_ms, parents: Vec::new(), original: None }
    }

    fn ids(order: &[Sighting]) -> Vec<&str> {
        order.iter().map(|seen| seen.id.as_str()).collect()
    }

    #[test]
    fn nothing_stands_before_the_snapshot_that_it_was_made_from() {
        let made_from = |parent: &str, found: Found| Found { parents: vec![parent.to_owned()], ..found };
        // Copied without the times of the files, newest first.
        let (c, b) = (made_from("b", found("c", 3, 101)), made_from("a", found("b", 2, 102)));
        let all = vec![c.clone(), b.clone(), found("a", 1, 103), found("alone", 9, 104)];
        assert_eq!(ids(&by_arrival(all.clone())), ["a", "b", "c", "alone"]);
        assert!(arrival_remarks(&all)[0].contains("2 of 4"), "{:?}", arrival_remarks(&all));
        // A parent that was deleted is waited for by nobody.
        assert_eq!(ids(&by_arrival(vec![c, b])), ["b", "c"]);
        let circle = vec![made_from("y", found("x", 1, 1)), made_from("x", found("y", 2, 2))];
        assert_eq!(by_arrival(circle).len(), 2, "no snapshot is lost, whatever is forged");
    }

    #[test]
    fn a_snapshot_that_was_tagged_or_copied_stands_where_the_former_one_stood() {
        let form_of = |former: &str, found: Found| Found { original: Some(former.to_owned()), ..found };
        // Copied newest first: all files arrived in one minute, much later.
        let copied = vec![
            form_of("3", found("c", 30, 901)),
            form_of("2", found("b", 20, 902)),
            form_of("1", found("a", 10, 903)),
        ];
        assert_eq!(ids(&by_arrival(copied)), ["a", "b", "c"]);
        // One that claims to come from the future does not get behind those that arrived after it.
        let forged = vec![form_of("0", found("forged", 5000, 50)), found("later", 60, 60)];
        assert_eq!(ids(&by_arrival(forged)), ["forged", "later"]);

        let view = seen_before(&[("1", 11), ("2", 22), ("3", 33), ("b", 44)]);
        let tagged = vec![found("1", 10, 10), form_of("2", found("b", 20, 902)), found("3", 30, 30)];
        let order = by_first_sight(&view, &tagged);
        assert_eq!((ids(&order), order[1].first_seen_ms), (vec!["1", "b", "3"], 22));
    }

    fn seen_before(snapshots: &[(&str, i64)]) -> StoreView {
        let seen = |(id, first_seen_ms): &(&str, i64)| incident::scan::SnapshotView {
            id: (*id).to_owned(),
            claims_time: String::new(),
            first_seen_ms: *first_seen_ms,
            clean: None,
            reasons: Vec::new(),
            not_looked_at: None,
        };
        StoreView { snapshots: snapshots.iter().map(seen).collect(), ..StoreView::default() }
    }

    #[test]
    fn order_is_first_sight_and_a_forged_time_is_shown_not_followed() {
        let day = 86_400_000;
        let order =
            by_arrival(vec![found("c", day, 3 * day), found("a", day, day), found("b", 9 * day, 2 * day)]);
        assert_eq!(order.iter().map(|seen| seen.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        let notes = disagreements(&order);
        assert_eq!(notes.len(), 2, "b lies in the future, c claims to be before b: {notes:?}");
    }

    #[test]
    fn the_journal_beats_the_files_times() {
        let store: Id = "store:core".parse().unwrap();
        let view = seen_before(&[("late", 10), ("early", 20)]);
        let all = vec![found("early", 1, 1), found("late", 2, 2), found("new", 0, 0)];
        let events = first_sights(&store, Some(&view), all.clone());
        assert_eq!(events.len(), 1, "only what is new");
        let order = by_first_sight(&view, &all);
        assert_eq!(order.iter().map(|seen| seen.id.as_str()).collect::<Vec<_>>(), ["late", "early"]);
    }

    #[test]
    fn what_went_bad_stays_bad_until_it_is_good_again() {
        let (weight, past) = weigh(Verdict::Suspicious, Some(Past::Good));
        assert_eq!((weight, past), (Weight::Blocks, Past::WentBad));
        assert_eq!(weigh(Verdict::Suspicious, Some(past)).0, Weight::Blocks);
        assert_eq!(weigh(Verdict::Clean, Some(past)).1, Past::Good);
        let (weight, past) = weigh(Verdict::DeclaredEncrypted, None);
        assert_eq!((weight, past), (Weight::Tolerable, Past::AlwaysBad(Verdict::DeclaredEncrypted)));
        assert_eq!(weigh(Verdict::DeclaredEncrypted, Some(past)).0, Weight::Tolerable);
        assert_eq!(weigh(Verdict::Suspicious, Some(past)).0, Weight::Blocks);
        assert_eq!(weigh(Verdict::Encrypted, None).0, Weight::Blocks);
        assert_eq!(weigh(Verdict::Unread, Some(Past::Good)), (Weight::Blocks, Past::Good));
    }

    #[test]
    fn a_small_folder_tolerates_one_password_safe_and_no_suspicious_file() {
        let tally = |bad: &[Verdict], files: u64| {
            let mut tally = Tally::default();
            for _ in 0..files {
                tally.add(Verdict::Clean, Weight::Good);
            }
            for bad in bad {
                tally.add(*bad, Weight::Tolerable);
            }
            tally.complaints(None).is_empty()
        };
        assert!(tally(&[Verdict::DeclaredEncrypted], 20));
        assert!(!tally(&[Verdict::DeclaredEncrypted; 2], 20));
        assert!(!tally(&[Verdict::Suspicious], 20));
        assert!(!tally(&[Verdict::DeclaredEncrypted, Verdict::Suspicious], 20));
        assert!(tally(&[Verdict::Suspicious], 400));
        assert!(
            !Tally::default().complaints(None).is_empty(),
            "an empty snapshot is nothing to restore from"
        );
    }
}
