//! One picture of a repository: snapshots across, folders down, what was found in each. Pure: text in, text out.
//!
//! It is meant to be printed and pinned to a wall. A state is a letter and a pattern and a word, never only a colour;
//! there is no script and nothing from elsewhere. Only folders with something bad in them are drawn, one row each;
//! in long histories snapshots that are like their neighbour are folded together, and that is said. How it is written
//! stands in `templates/timeline.html`.

use std::collections::BTreeMap;
use std::path::Path;

use askama::Template;
use page::words::{self, counted, number, unbroken};
use page::{Html, Page, Style, filled, filters};

use super::report::{Bad, RepositoryReport, SnapshotReport, Whole};
use super::shown;
use super::snapshots::short;
use judge::Verdict;

const ROWS_MAX: usize = 40;
const COLUMNS_MAX: usize = 60;
/// More columns than this have their heads written from top to bottom.
const COLUMNS_WIDE: usize = 12;
const FILES_MAX: usize = 2000;

/// Columns of the picture: one snapshot, or several that look the same.
struct Column<'a> {
    first: &'a SnapshotReport,
    last: &'a SnapshotReport,
    count: usize,
}

#[derive(Template)]
#[template(path = "timeline.html")]
struct Sheet<'a> {
    repository: Html,
    judged: String,
    last_clean: Option<LastClean>,
    key: [Sign; 7],
    /// A newer one that nothing speaks against and that was not looked at.
    not_known: Option<&'a str>,
    columns: Vec<Head<'a>>,
    is_wide: bool,
    whole: Vec<Sign>,
    rows: Vec<Row>,
    /// Folders that are not drawn, in words.
    rows_left_out: Option<String>,
    snapshots: Vec<SnapshotRow<'a>>,
    files: Vec<FileRow<'a>>,
    files_left_out: Option<String>,
    gone: Vec<GoneRow<'a>>,
    unread: Vec<Html>,
    notes: Vec<Html>,
    form: &'static str,
}

struct LastClean {
    id: Html,
    first_seen: Html,
    claims: Html,
    /// The snapshot that still has what vanished before this one was made.
    before_loss: Option<Html>,
}

/// A column's head.
struct Head<'a> {
    time_disagrees: bool,
    date: &'a str,
    time: &'a str,
    id: &'a str,
    like_it: Option<String>,
}

/// How a state is written: its letter, its pattern in the style sheet, its words.
#[derive(Clone, Copy, Debug)]
struct Sign {
    letter: &'static str,
    class: &'static str,
    words: &'static str,
}

struct Row {
    folder: Html,
    cells: Vec<Cell>,
}

struct Cell {
    sign: Sign,
    /// Files, in words. None: nothing bad is there.
    found: Option<CountLine>,
}

struct CountLine {
    count: String,
    words: String,
}

struct SnapshotRow<'a> {
    id: &'a str,
    first_seen: Html,
    claims: Html,
    time_disagrees: bool,
    of: Html,
    clean: String,
    not_clean: String,
    verdict: &'static str,
    why: Vec<Html>,
}

struct FileRow<'a> {
    path: Html,
    sign: Sign,
    verdict: &'static str,
    tolerated: bool,
    since: &'a str,
    /// The snapshot that holds its last clean version.
    last_clean: Option<&'a str>,
    /// Its name there, if it was another one.
    last_clean_path: Option<Html>,
    why: Vec<Html>,
}

struct GoneRow<'a> {
    path: Html,
    snapshot: &'a str,
    last_clean: &'a str,
}

pub fn page(repository: &str, report: &RepositoryReport) -> String {
    let columns = columns(report);
    let rows = rows(report);
    let folders = rows.len().saturating_sub(ROWS_MAX);
    let files = report.bad.len().saturating_sub(FILES_MAX);
    let sheet = Sheet {
        repository: name(repository),
        judged: counted(report.snapshots.len() as u128, "snapshot", "snapshots"),
        last_clean: last_clean(report),
        not_known: report.last_not_known.as_deref().map(short),
        key: KEY.map(sign),
        is_wide: columns.len() > COLUMNS_WIDE,
        whole: columns.iter().map(|column| whole(report, column)).collect(),
        rows: rows.iter().take(ROWS_MAX).map(|(folder, bad)| row(folder, bad, &columns)).collect(),
        columns: columns.iter().map(head).collect(),
        rows_left_out: (folders > 0)
            .then(|| counted(folders as u128, "more folder holds", "more folders hold")),
        snapshots: report.snapshots.iter().map(|one| snapshot(report, one)).collect(),
        files: report.bad.iter().take(FILES_MAX).map(|bad| file(report, bad)).collect(),
        files_left_out: (files > 0).then(|| unbroken(&number(files as u128))),
        gone: report
            .gone
            .iter()
            .take(FILES_MAX)
            .map(|gone| GoneRow {
                path: name(&gone.path),
                snapshot: short(&gone.snapshot),
                last_clean: short(&gone.last_clean),
            })
            .collect(),
        unread: report.unread.iter().map(|text| prose(text)).collect(),
        notes: report.notes.iter().map(|text| prose(text)).collect(),
        form: super::report::FORM,
    };
    let title = format!("Last clean point of {}", message::harmless(repository));
    let body = filled(&sheet);
    Page { language: "en", title: &title, style: Style::TextAndDrawings, body: &body }.written()
}

/// Names of files are written by whoever made them: what would end a line is shown, too.
fn name(text: &str) -> Html {
    words::id(&message::harmless(text))
}

fn prose(text: &str) -> Html {
    words::sentence(&message::harmless(text))
}

fn last_clean(report: &RepositoryReport) -> Option<LastClean> {
    let clean = report.snapshots.iter().find(|one| Some(&one.id) == report.last_clean.as_ref())?;
    Some(LastClean {
        id: words::hash(&clean.id),
        first_seen: words::moment(&clean.first_seen),
        claims: words::moment(&clean.time),
        before_loss: report.before_loss.as_deref().map(words::hash),
    })
}

/// All that is told apart, the worst last.
const KEY: [Verdict; 7] = [
    Verdict::Clean,
    Verdict::DeclaredEncrypted,
    Verdict::Suspicious,
    Verdict::Damaged,
    Verdict::Unread,
    Verdict::Encrypted,
    Verdict::Malware,
];

fn sign(verdict: Verdict) -> Sign {
    let (letter, class, words) = match verdict {
        Verdict::Clean | Verdict::CleanUnverified => {
            ("·", "tint-good", "nothing wrong found, or not there yet")
        }
        Verdict::DeclaredEncrypted => {
            ("P", "tint-cold", "encrypted and says so, as with somebody's own password")
        }
        Verdict::Suspicious => ("S", "tint-warn", "suspicious"),
        Verdict::Damaged => ("D", "tint-warm", "damaged"),
        Verdict::Encrypted => ("E", "tint-bad", "encrypted"),
        Verdict::Malware => ("M", "tint-worst", "malware"),
        Verdict::Unread => ("?", "tint-none", "could not be read; what was not read is not clean"),
    };
    Sign { letter, class, words }
}

/// What is drawn if a folder holds several kinds.
fn rank(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Clean => 0,
        Verdict::CleanUnverified => 1,
        Verdict::DeclaredEncrypted => 2,
        Verdict::Suspicious => 3,
        Verdict::Damaged => 4,
        Verdict::Unread => 5,
        Verdict::Encrypted => 6,
        Verdict::Malware => 7,
    }
}

fn head<'a>(column: &Column<'a>) -> Head<'a> {
    let one = column.first;
    Head {
        time_disagrees: one.time_disagrees,
        date: one.first_seen.get(..10).unwrap_or(&one.first_seen),
        time: one.first_seen.get(11..16).unwrap_or(""),
        id: short(&one.id),
        like_it: (column.count > 1).then(|| number((column.count - 1) as u128)),
    }
}

fn whole(report: &RepositoryReport, column: &Column<'_>) -> Sign {
    let is_last = report.last_clean.as_ref() == Some(&column.last.id);
    let (letter, class, words) = match (column.first.verdict(), is_last) {
        (Whole::Clean, true) => ("✓!", "tint-good framed", "the last clean one"),
        (Whole::Clean, false) => ("✓", "tint-good", "clean"),
        (Whole::NotKnown, _) => ("?", "tint-warn", "not known: its disk images were not looked into"),
        (Whole::NotClean, _) => ("✗", "tint-bad", "not clean"),
    };
    Sign { letter, class, words }
}

fn row(folder: &str, bad: &[&Bad], columns: &[Column<'_>]) -> Row {
    Row { folder: name(folder), cells: columns.iter().map(|column| cell(bad, column.last)).collect() }
}

fn cell(bad: &[&Bad], snapshot: &SnapshotReport) -> Cell {
    let here = bad
        .iter()
        .filter(|bad| bad.series == snapshot.series && (bad.from..bad.until).contains(&snapshot.at));
    let (mut worst, mut count) = (Verdict::Clean, 0_u64);
    for bad in here {
        count += 1;
        if rank(bad.judgement.verdict) > rank(worst) {
            worst = bad.judgement.verdict;
        }
    }
    let sign = sign(worst);
    let words = format!("{}, worst: {}", counted(count, "file", "files"), sign.words);
    Cell { sign, found: (count > 0).then(|| CountLine { count: number(count), words }) }
}

/// Folders with something bad at any time: those with most of it, in the order of their names.
fn rows(report: &RepositoryReport) -> Vec<(String, Vec<&Bad>)> {
    let mut folders: BTreeMap<&Path, Vec<&Bad>> = BTreeMap::new();
    for bad in &report.bad {
        folders.entry(bad.path.parent().unwrap_or(Path::new("/"))).or_default().push(bad);
    }
    let mut rows: Vec<(String, Vec<&Bad>)> =
        folders.into_iter().map(|(folder, bad)| (shown::path(folder), bad)).collect();
    if rows.len() > ROWS_MAX {
        rows.sort_by_key(|(_, bad)| std::cmp::Reverse(bad.len()));
        rows[..ROWS_MAX].sort_by(|a, b| a.0.cmp(&b.0));
    }
    rows
}

/// All snapshots, or, if they are too many, runs of neighbours that look the same as one.
fn columns(report: &RepositoryReport) -> Vec<Column<'_>> {
    let mut columns: Vec<Column<'_>> = Vec::new();
    let fold = report.snapshots.len() > COLUMNS_MAX;
    let looks = |one: &SnapshotReport| (one.series, one.verdict(), one.not_clean, one.time_disagrees);
    for one in &report.snapshots {
        match columns.last_mut() {
            Some(column) if fold && looks(column.last) == looks(one) => {
                column.last = one;
                column.count += 1;
            }
            _ => columns.push(Column { first: one, last: one, count: 1 }),
        }
    }
    columns
}

fn snapshot<'a>(report: &RepositoryReport, one: &'a SnapshotReport) -> SnapshotRow<'a> {
    let is_last = report.last_clean.as_ref() == Some(&one.id);
    SnapshotRow {
        id: short(&one.id),
        first_seen: words::moment(&one.first_seen),
        claims: words::moment(&one.time),
        time_disagrees: one.time_disagrees,
        of: name(&format!("{}:{}", one.host, one.paths.join(", "))),
        clean: number(one.clean),
        not_clean: number(one.not_clean),
        verdict: match (one.verdict(), is_last) {
            (Whole::Clean, true) => "✓! clean, the last clean one",
            (Whole::Clean, false) => "✓ clean",
            (Whole::NotKnown, _) => "? not known: its disk images were not looked into",
            (Whole::NotClean, _) => "✗ not clean",
        },
        why: one.reasons.iter().chain(&one.signs).map(|line| prose(line)).collect(),
    }
}

fn file<'a>(report: &'a RepositoryReport, bad: &'a Bad) -> FileRow<'a> {
    let since = report.snapshots.iter().find(|one| one.series == bad.series && one.at >= bad.from);
    FileRow {
        path: name(&shown::path(&*bad.path)),
        sign: sign(bad.judgement.verdict),
        verdict: bad.judgement.verdict.word(),
        tolerated: bad.tolerable,
        since: since.map_or("", |one| short(&one.id)),
        last_clean: bad.last_clean.as_deref().map(short),
        last_clean_path: bad.last_clean_path.as_ref().map(|path| name(&shown::path(&**path))),
        why: bad.judgement.reasons.iter().map(|reason| prose(reason)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    use crate::report::Gone;
    use judge::Judgement;

    fn snapshot(at: usize, is_clean: bool, bad: u64) -> SnapshotReport {
        SnapshotReport {
            id: format!("{at}{at}{at}{at}{at}{at}{at}{at}ffff"),
            time: format!("2023-04-{:02}T22:00:00Z", 10 + at),
            first_seen: format!("2023-04-{:02}T22:05:00Z", 10 + at),
            host: "core".to_owned(),
            paths: vec!["/srv".to_owned()],
            clean: 100 - bad,
            not_clean: bad,
            is_clean,
            at,
            ..SnapshotReport::default()
        }
    }

    fn bad(path: &str, verdict: Verdict, from: usize, until: usize) -> Bad {
        let judgement = Rc::new(Judgement { verdict, ..Judgement::unread("because of <b>") });
        let (path, last_clean) = (Path::new(path).into(), Some(Rc::from("11111111ffff")));
        Bad {
            path,
            judgement,
            digest: [0; 32],
            last_clean,
            last_clean_path: None,
            series: 0,
            from,
            until,
            tolerable: false,
        }
    }

    #[test]
    fn the_page_is_as_the_golden_one() {
        let mut snapshots: Vec<SnapshotReport> =
            (0..4).map(|at| snapshot(at, at < 2, [0, 0, 1, 3][at])).collect();
        snapshots[3].time_disagrees = true;
        snapshots[3].reasons.push("2 files are encrypted".to_owned());
        let report = RepositoryReport {
            bad: vec![
                bad("/srv/a/one.docx", Verdict::Encrypted, 2, 4),
                bad("/srv/a/two \u{1b}[2J & \"three\".pdf", Verdict::Damaged, 3, 4),
                bad("/srv/b/safe.zip", Verdict::DeclaredEncrypted, 3, 4),
            ],
            gone: vec![Gone {
                path: "/srv/b/gone.txt".to_owned(),
                snapshot: "22222222ffff".to_owned(),
                last_clean: "11111111ffff".to_owned(),
            }],
            snapshots,
            last_clean: Some("11111111ffff".to_owned()),
            notes: vec!["a note".to_owned()],
            unread: vec!["index file 12".to_owned()],
            ..RepositoryReport::default()
        };
        let page = page("restic:/repository", &report);
        assert_eq!(::page::form::fault(&page), None);
        assert!(!page.contains("because of <b>"));
        let form = Html::escaped(super::super::report::FORM);
        let body = page.split("</style>").last().unwrap().replace(form.as_str(), "(form)");
        insta::assert_snapshot!("timeline", body);
    }

    #[test]
    fn a_long_history_folds_neighbours_that_look_the_same_and_says_how_many() {
        let snapshots: Vec<SnapshotReport> = (0..200).map(|at| snapshot(at, at < 150, 0)).collect();
        let last_clean = Some(snapshots[149].id.clone());
        let before_loss = Some("00000000ffff".to_owned());
        let report = RepositoryReport { snapshots, last_clean, before_loss, ..RepositoryReport::default() };
        let columns = columns(&report);
        assert_eq!(columns.iter().map(|column| column.count).collect::<Vec<_>>(), [150, 50]);
        let page = page("restic:/repository", &report);
        assert!(page.contains("and 149 like it") && page.contains("tint-good framed"));
        assert!(page.contains("In no folder was anything found"));
        assert!(page.contains("many files vanished") && page.contains("<span>00000000ffff</span>"));
    }

    #[test]
    fn hostile_names_of_files_hosts_and_folders_stay_text() {
        let hostile = format!(
            "</td><script>x('1')</script>\" onload=\"\u{202e}gnp \u{1b}[2J\n{}",
            "sehr-lang".repeat(40)
        );
        let mut one = snapshot(0, false, 1);
        one.host.clone_from(&hostile);
        one.paths = vec![hostile.clone()];
        one.reasons = vec![hostile.clone()];
        one.time.clone_from(&hostile);
        one.first_seen.clone_from(&hostile);
        let report = RepositoryReport {
            bad: vec![bad(&format!("/{}/{}", hostile.replace('/', "|"), "x"), Verdict::Malware, 0, 1)],
            gone: vec![Gone {
                path: hostile.clone(),
                snapshot: hostile.clone(),
                last_clean: hostile.clone(),
            }],
            last_clean: Some(one.id.clone()),
            before_loss: Some(hostile.clone()),
            notes: vec![hostile.clone()],
            unread: vec![hostile.clone()],
            snapshots: vec![one],
            ..RepositoryReport::default()
        };
        let page = page(&hostile, &report);
        assert_eq!(::page::form::fault(&page), None, "{page}");
        assert!(!page.contains('\u{202e}') && !page.contains("\" onload"));
    }
}
