//! Judges the snapshots of a repository, oldest first.
//!
//! The trees alone say what has to be read: every distinct content under one kind of name once, however many snapshots
//! hold it, and nothing that the ledger knows. That is read in the order of the disk. Then the trees are walked once more:
//! what changed is compared with its previous version where their verdicts leave a question. At last the history is gone
//! through, snapshot by snapshot, with every verdict at hand. What cannot be read becomes `unread`, and the scan goes
//! on: the answer says what it does not know.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use rustic_core::TreeId;

use super::content::Content;
use super::inside::Own;
use super::stored::{ReadingList, Stored};
use super::{Opened, Snapshot};
use crate::history::{BadVersion, Change, Digest, Ended, Lost, Missing, Series, Step};
use crate::ledger::{Identity, Ledger};
use crate::report::{self, Bad, Gone, RepositoryReport, SeriesReport, SnapshotReport, Whole};
use crate::rules::Rules;
use crate::shown;
use crate::snapshots::{self, Found, Sighting, Tally, rfc3339};
use judge::Verdict;

/// How far the reading has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub bytes_done: u64,
    pub bytes_total: u64,
    pub files_done: u64,
}

/// What to judge.
pub struct Request<'a> {
    /// All snapshots, oldest first by first sight.
    pub order: &'a [Sighting],
    /// How many of them, from the newest; `None`: all.
    pub newest: Option<usize>,
    /// Bad files without a good version before that are tolerated; `None`: by the size of the snapshot.
    pub tolerate: Option<u64>,
    pub rules: Option<&'a Rules>,
    /// Whose copies these are, if that is known: then each snapshot has to hold it.
    pub own: Option<Own<'a>>,
    /// Contents that a person has accepted.
    pub accepted: &'a BTreeSet<Digest>,
}

impl Opened {
    /// For ordering by `snapshots`: all, or a store's own.
    pub fn found(&self, own: Option<Own<'_>>) -> Vec<Found> {
        let found = |snapshot: &Snapshot| Found {
            id: snapshot.id.clone(),
            claims_ms: snapshot.claims_ms,
            arrived_ms: snapshot.arrived_ms,
            parents: snapshot.parents.clone(),
            original: snapshot.original.clone(),
        };
        let is_own = |snapshot: &&Snapshot| own.is_none_or(|own| own.may_be(&snapshot.series));
        self.snapshots.iter().filter(is_own).map(found).collect()
    }

    /// For whom verdicts on this repository count.
    pub fn ledger_identity(&self, rules: Option<&Rules>) -> Identity {
        let key = self.repository.key();
        let secret = [&key.encrypt[..], &key.mac.k, &key.mac.r].concat();
        let id = self.repository.config().id.to_hex();
        let rules = rules.map_or("", Rules::hash);
        Identity::new(id.as_str(), &judge::VERSION.to_string(), rules, &secret)
    }
}

/// A snapshot that is judged: its place in the order, and its series.
struct Chosen<'a> {
    at: usize,
    seen: &'a Sighting,
    snapshot: &'a Snapshot,
    series: usize,
}

/// Judges the snapshots. `progress` is called while files are read. Repository and ledger are closed before the list of
/// files is made: it may be as large as they are.
pub fn scan(
    opened: Opened,
    request: &Request<'_>,
    mut ledger: Ledger,
    progress: &mut dyn FnMut(Progress),
) -> RepositoryReport {
    let mut report = RepositoryReport { form: report::FORM, ..RepositoryReport::default() };
    report.notes = notes(&opened, request);
    report.unread = opened.unread();
    let ended = match Stored::new(&opened, &mut ledger, request.rules, request.accepted) {
        Ok(stored) => {
            let chosen = chosen(&opened, request);
            read(&stored, &opened, request, &chosen, progress);
            go_through(&stored, &opened, request, &chosen, &mut report)
        }
        Err(why) => {
            report.unread.push(format!("the packs: {why}; nothing was judged"));
            Vec::new()
        }
    };
    report.notes.extend(ledger.trouble().map(str::to_owned));
    drop((opened, ledger));
    list(ended, request, &mut report);
    report
}

fn chosen<'a>(opened: &'a Opened, request: &Request<'a>) -> Vec<Chosen<'a>> {
    let from = request.newest.map_or(0, |newest| request.order.len().saturating_sub(newest));
    let mut numbers = BTreeMap::new();
    let by_id: BTreeMap<&str, &Snapshot> =
        opened.snapshots.iter().map(|snapshot| (snapshot.id.as_str(), snapshot)).collect();
    (from..request.order.len())
        .filter_map(|at| {
            let seen = &request.order[at];
            let snapshot = *by_id.get(seen.id.as_str())?;
            let next = numbers.len();
            let series = *numbers.entry(&snapshot.series).or_insert(next);
            Some(Chosen { at, seen, snapshot, series })
        })
        .collect()
}

/// One state for each series; before the first snapshot that is judged stand those that are not.
fn all_series<'s>(opened: &Opened, request: &Request<'_>, chosen: &[Chosen<'_>]) -> Vec<Series<Stored<'s>>> {
    let first = chosen.first().map_or(0, |chosen| chosen.at);
    let mut all = Vec::new();
    for one in chosen {
        if one.series == all.len() {
            let older = request.order[..first].iter().enumerate().rev().filter_map(|(at, seen)| {
                let snapshot = opened.snapshots.iter().find(|snapshot| snapshot.id == seen.id)?;
                (snapshot.series == one.snapshot.series).then_some((at, snapshot.tree))
            });
            all.push(Series::new(older.collect::<Vec<(usize, TreeId)>>()));
        }
    }
    all
}

fn read(
    stored: &Stored<'_>,
    opened: &Opened,
    request: &Request<'_>,
    chosen: &[Chosen<'_>],
    progress: &mut dyn FnMut(Progress),
) {
    let mut plan = ReadingList::default();
    foresee(stored, opened, request, chosen, &mut |change| stored.plan(&mut plan, &change));
    let has_changes = plan.has_changes;
    let mut so_far = Progress { bytes_total: plan.bytes(), ..Progress::default() };
    stored.read(plan, &mut |files, bytes| {
        so_far.files_done += files;
        so_far.bytes_done += bytes;
        progress(so_far);
    });
    if has_changes {
        let mut noted = Vec::new();
        foresee(stored, opened, request, chosen, &mut |change| stored.compare(&mut noted, &change));
        stored.compare_all(&mut noted);
    }
}

/// Everything that going through the snapshots will ask for, as far as the trees tell.
fn foresee(
    stored: &Stored<'_>,
    opened: &Opened,
    request: &Request<'_>,
    chosen: &[Chosen<'_>],
    tell: &mut dyn FnMut(Change<Content>),
) {
    let mut series = all_series(opened, request, chosen);
    for one in chosen {
        series[one.series].foresee(stored, one.snapshot.tree, tell);
    }
}

/// Snapshot by snapshot, with every verdict at hand.
fn go_through(
    stored: &Stored<'_>,
    opened: &Opened,
    request: &Request<'_>,
    chosen: &[Chosen<'_>],
    report: &mut RepositoryReport,
) -> Vec<Ended<Content>> {
    let mut series = all_series(opened, request, chosen);
    let mut total: BTreeMap<Verdict, u64> = BTreeMap::new();
    let disagreeing = snapshots::disagreeing(request.order);
    for one in chosen {
        let step = series[one.series].step(stored, one.at, one.snapshot.tree);
        for (verdict, count) in &step.tally.counts {
            *total.entry(*verdict).or_default() += count;
        }
        let missing = step.missing.clone();
        let mut answer = answer(one, step, request.tolerate);
        say_where(&mut answer, opened, one.snapshot, request.own);
        say_missing(&mut answer, &missing, &report.snapshots, &|at| request.order[at].id.clone());
        answer.time_disagrees = disagreeing.contains(&one.at);
        count(&mut report.series, one, &mut answer);
        match answer.verdict() {
            Whole::Clean => {
                report.last_clean = Some(answer.id.clone());
                report.before_loss = answer.before_loss.clone();
                report.last_not_known = None;
            }
            Whole::NotKnown => report.last_not_known = Some(answer.id.clone()),
            Whole::NotClean => {}
        }
        report.snapshots.push(answer);
    }
    report.counts = report::counts(&total);
    if report.series.len() > 1 {
        report.notes.push(format!(
            "the repository holds {} series of snapshots (other hosts or paths); the last clean one named is the newest of all, so check the one of your series",
            report.series.len()
        ));
    }
    series.into_iter().map(Series::end).collect()
}

/// Every bad version of every file, and what is gone.
fn list(ended: Vec<Ended<Content>>, request: &Request<'_>, report: &mut RepositoryReport) {
    let id = |at: usize| request.order[at].id.clone();
    let ids: Vec<Rc<str>> = request.order.iter().map(|seen| Rc::from(seen.id.as_str())).collect();
    for (number, mut ended) in ended.into_iter().enumerate() {
        report.gone.extend(std::mem::take(&mut ended.lost).into_iter().map(|lost: Lost| Gone {
            path: shown::path(&*lost.path),
            snapshot: id(lost.gone_in),
            last_clean: id(lost.last_clean),
        }));
        report.bad.extend(ended.bad().map(|bad| bad_file(bad, number, &ids)));
    }
    let place = |bad: &Bad| (bad.series, bad.from);
    report
        .bad
        .sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()).then(place(a).cmp(&place(b))));
}

/// A snapshot in which the store is not found is no recovery point, however clean its files are.
fn say_where(answer: &mut SnapshotReport, opened: &Opened, snapshot: &Snapshot, own: Option<Own<'_>>) {
    let Some(why) = own.and_then(|own| opened.pieces(snapshot, own).err()) else { return };
    answer.is_clean = false;
    answer.reasons.insert(0, format!("nothing could be restored from it: {why}"));
}

/// A deletion breaks no file, so a snapshot may be clean and hold next to nothing. That is said in every snapshot
/// without what is gone, with the newest clean one that still has it.
fn say_missing(
    answer: &mut SnapshotReport,
    missing: &[Missing],
    earlier: &[SnapshotReport],
    id: &dyn Fn(usize) -> String,
) {
    let first = missing.iter().map(|missing| missing.gone_in).min();
    let had_them = |one: &&SnapshotReport| {
        one.series == answer.series
            && one.verdict() == Whole::Clean
            && first.is_some_and(|first| one.at < first)
    };
    let before = earlier.iter().rev().find(had_them).map(|one| one.id.clone());
    for one in missing {
        let where_from = before.as_deref().map_or_else(
            || "no clean snapshot has them".to_owned(),
            |before| format!("snapshot {} still has them", snapshots::short(before)),
        );
        answer.reasons.push(format!(
            "{} of {} files vanished in snapshot {} and are not back: only what is left was judged; {where_from}",
            one.files,
            one.of,
            snapshots::short(&id(one.gone_in))
        ));
    }
    answer.before_loss = before;
}

/// Adds the snapshot to its series.
fn count(all: &mut Vec<SeriesReport>, one: &Chosen<'_>, answer: &mut SnapshotReport) {
    if one.series == all.len() {
        if one.at > 0 && one.series > 0 {
            let sign = "the first one judged of its host and paths: there is nothing to compare it with";
            answer.signs.push(sign.to_owned());
        }
        let (host, paths) = (answer.host.clone(), answer.paths.clone());
        all.push(SeriesReport { host, paths, ..SeriesReport::default() });
    }
    let series = &mut all[one.series];
    series.snapshots += 1;
    if answer.verdict() == Whole::Clean {
        series.last_clean = Some(answer.id.clone());
    }
}

fn bad_file(bad: BadVersion, series: usize, ids: &[Rc<str>]) -> Bad {
    let last_clean_path =
        bad.last_clean.as_ref().map(|clean| clean.path.clone()).filter(|path| *path != bad.path);
    Bad {
        path: bad.path,
        judgement: bad.judgement,
        digest: bad.digest,
        last_clean: bad.last_clean.map(|clean| ids[clean.snapshot].clone()),
        last_clean_path,
        series,
        from: bad.from,
        until: bad.until.unwrap_or(ids.len()),
        tolerable: bad.tolerable,
    }
}

fn notes(opened: &Opened, request: &Request<'_>) -> Vec<String> {
    let mut notes = snapshots::disagreements(request.order);
    notes.extend(snapshots::arrival_remarks(&opened.found(request.own)));
    if !opened.is_local() {
        notes.push("the repository lies on another machine, so when its snapshots arrived is unknown: without a journal they are ordered by the times that they claim, none before the one it was made from".to_owned());
    }
    if request.order.is_empty() && opened.unread_snapshots.is_empty() {
        notes.push("the repository holds no snapshots: nothing was ever backed up into it, or all were forgotten or deleted".to_owned());
    }
    if let Some(newest) = request.newest.filter(|newest| request.order.len() > *newest) {
        notes.push(format!(
            "judged the newest {newest} of {} snapshots; without --newest all are judged",
            request.order.len()
        ));
    }
    if opened.index_is_short() {
        notes.push("not all of the index can be read, but the packs themselves may be whole: make a new index from them in a copy of the repository (restic repair index; before version 0.16: restic rebuild-index), and scan that".to_owned());
    }
    if !opened.writers().is_empty() {
        notes.push(format!(
            "{} locks lie in the repository: somebody may be writing to it, or was stopped while writing; if parts are unread, scan again when the writer is done",
            opened.writers().len()
        ));
    }
    notes
}

fn answer(one: &Chosen<'_>, step: Step, tolerate: Option<u64>) -> SnapshotReport {
    let tally: Tally = step.tally;
    let mut reasons = tally.complaints(tolerate);
    let is_clean = reasons.is_empty();
    reasons.extend(tally.tolerated(tolerate));
    reasons.extend(report::not_looked_at(&tally.not_looked_at));
    let (host, paths) = one.snapshot.series.clone();
    SnapshotReport {
        id: one.seen.id.clone(),
        time: rfc3339(one.seen.claims_ms),
        first_seen: rfc3339(one.seen.first_seen_ms),
        host,
        paths,
        clean: tally.clean(),
        not_clean: tally.files() - tally.clean() + tally.unread_parts,
        is_clean,
        reasons,
        signs: step.signs,
        before_loss: None,
        time_disagrees: false,
        counts: report::counts(&tally.counts),
        not_looked_at: tally.not_looked_at,
        series: one.series,
        at: one.at,
    }
}
