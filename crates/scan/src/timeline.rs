//! One picture of a repository: snapshots across, folders down, what was found in each. Pure: text in, text out.
//!
//! It is meant to be printed and pinned to a wall. A state is a letter and a pattern and a word, never only a colour;
//! there is no script and nothing from elsewhere. Only folders with something bad in them are drawn, one row each;
//! in long histories snapshots that are like their neighbour are folded together, and that is said.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use super::report::{Bad, RepositoryReport, SnapshotReport};
use super::shown;
use super::snapshots::short;
use judge::Verdict;

const ROWS_MAX: usize = 40;
const COLUMNS_MAX: usize = 60;
const FILES_MAX: usize = 2000;

const STYLE: &str = "\
:root{color-scheme:light}body{font:1rem/1.45 system-ui,sans-serif;margin:0;color:#1a1a1a;background:#fff;padding:1rem}\
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}.scroll{overflow-x:auto}\
table{border-collapse:collapse}th,td{border:1px solid #888;padding:.2rem .35rem;text-align:left;vertical-align:top}\
.t td{text-align:center;min-width:1.6rem;font-weight:700}.t thead th{font:.75rem/1.2 ui-monospace,monospace;text-align:center}\
.t tbody th{font-weight:400;font-family:ui-monospace,monospace;font-size:.85rem;overflow-wrap:anywhere;max-width:26rem}\
.ok{background:#e3f1e3;color:#0b3d0b}.e{background:#8b0000;color:#fff}.m{background:#000;color:#fff}\
.d{background:repeating-linear-gradient(45deg,#f3c9a5,#f3c9a5 4px,#fff 4px,#fff 8px)}\
.s{background:repeating-linear-gradient(90deg,#fbe6a2,#fbe6a2 3px,#fff 3px,#fff 6px)}\
.c{background:repeating-linear-gradient(0deg,#cfd8f2,#cfd8f2 3px,#fff 3px,#fff 6px)}\
.u{background:repeating-linear-gradient(135deg,#bbb,#bbb 2px,#fff 2px,#fff 6px)}\
.last{outline:4px solid #0b3d0b;outline-offset:-3px}.forged{background:#fff3c4}.lead{font-size:1.15rem}\
.key span{display:inline-block;border:1px solid #888;padding:0 .4rem;margin-right:.3rem;font-weight:700}.key li{margin:.2rem 0}\
.key ul{list-style:none;padding:0}td.p{overflow-wrap:anywhere;font-family:ui-monospace,monospace;font-size:.85rem}\
@media print{body{padding:0;font-size:9pt}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}thead{display:table-header-group}\
tr{break-inside:avoid}}";

/// Columns of the picture: one snapshot, or several that look the same.
struct Column<'a> {
    first: &'a SnapshotReport,
    last: &'a SnapshotReport,
    count: usize,
}

pub fn page(repository: &str, report: &RepositoryReport) -> String {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>Last clean point of {0}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{0}</h1>\n",
        escape(repository)
    );
    text.push_str(&lead(report));
    key(&mut text);
    picture(&mut text, report);
    snapshots(&mut text, report);
    files(&mut text, report);
    gone(&mut text, report);
    notes(&mut text, report);
    let _ = write!(text, "<p>{}</p>\n</main>\n</body>\n</html>\n", escape(super::report::FORM));
    text
}

fn lead(report: &RepositoryReport) -> String {
    let clean = report.snapshots.iter().find(|one| Some(&one.id) == report.last_clean.as_ref());
    match clean {
        Some(clean) => format!(
            "<p class=\"lead\"><strong>Last clean snapshot: {}</strong>, first seen {}, claims {}. {} snapshots judged.</p>\n{}",
            escape(&clean.id),
            escape(&clean.first_seen),
            escape(&clean.time),
            report.snapshots.len(),
            report.before_loss.as_deref().map(lost).unwrap_or_default()
        ),
        None => format!(
            "<p class=\"lead\"><strong>No clean snapshot</strong> among the {} that were judged. Single files may still have \
             clean versions; see the table of files.</p>\n",
            report.snapshots.len()
        ),
    }
}

/// Whoever holds the page in hand has to choose between two snapshots.
fn lost(before: &str) -> String {
    format!(
        "<p class=\"lead\"><strong>But many files vanished before it was made.</strong> Snapshot {} is clean and still has \
         them. Which of the two is restored, a person has to choose.</p>\n",
        escape(before)
    )
}

/// Letter, class and words of a verdict.
fn sign(verdict: Verdict) -> (&'static str, &'static str, &'static str) {
    match verdict {
        Verdict::Clean | Verdict::CleanUnverified => ("·", "ok", "nothing wrong found, or not there yet"),
        Verdict::DeclaredEncrypted => ("P", "c", "encrypted and says so, as with somebody's own password"),
        Verdict::Suspicious => ("S", "s", "suspicious"),
        Verdict::Damaged => ("D", "d", "damaged"),
        Verdict::Encrypted => ("E", "e", "encrypted"),
        Verdict::Malware => ("M", "m", "malware"),
        Verdict::Unread => ("?", "u", "could not be read; what was not read is not clean"),
    }
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

fn key(text: &mut String) {
    text.push_str("<div class=\"key\"><ul>\n");
    for verdict in [
        Verdict::Clean,
        Verdict::DeclaredEncrypted,
        Verdict::Suspicious,
        Verdict::Damaged,
        Verdict::Unread,
        Verdict::Encrypted,
        Verdict::Malware,
    ] {
        let (letter, class, words) = sign(verdict);
        let _ = writeln!(text, "<li><span class=\"{class}\">{letter}</span> {words}</li>");
    }
    text.push_str(
        "<li><span>✓</span> clean snapshot, <span>✗</span> not clean, <span>✓!</span> the last clean one (framed)</li>\n\
         <li><span class=\"forged\">⚠</span> its time does not agree with when it was first seen</li>\n</ul></div>\n",
    );
}

fn picture(text: &mut String, report: &RepositoryReport) {
    let rows = rows(report);
    let columns = columns(report);
    text.push_str("<h2>Snapshots across, oldest left; folders down</h2>\n<div class=\"scroll\"><table class=\"t\">\n<thead>\n<tr><th scope=\"col\">first seen</th>");
    for column in &columns {
        let one = column.first;
        let forged = if one.time_disagrees { " class=\"forged\"" } else { "" };
        let mark = if one.time_disagrees { "⚠<br>" } else { "" };
        let more =
            if column.count > 1 { format!("<br>and {} like it", column.count - 1) } else { String::new() };
        let _ = write!(
            text,
            "<th scope=\"col\"{forged}>{mark}{}<br>{}<br>{}{more}</th>",
            escape(one.first_seen.get(..10).unwrap_or(&one.first_seen)),
            escape(one.first_seen.get(11..16).unwrap_or("")),
            escape(short(&one.id))
        );
    }
    text.push_str("</tr>\n</thead>\n<tbody>\n<tr><th scope=\"row\">the whole snapshot</th>");
    for column in &columns {
        let is_last = report.last_clean.as_ref() == Some(&column.last.id);
        let (class, sign) = match (column.first.is_clean, is_last) {
            (true, true) => ("ok last", "✓!"),
            (true, false) => ("ok", "✓"),
            (false, _) => ("e", "✗"),
        };
        let _ = write!(text, "<td class=\"{class}\">{sign}</td>");
    }
    text.push_str("</tr>\n");
    for (folder, bad) in rows.iter().take(ROWS_MAX) {
        let _ = write!(text, "<tr><th scope=\"row\">{}</th>", escape(folder));
        for column in &columns {
            cell(text, bad, column.last);
        }
        text.push_str("</tr>\n");
    }
    text.push_str("</tbody>\n</table></div>\n");
    if rows.is_empty() {
        text.push_str("<p>In no folder was anything found.</p>\n");
    } else if rows.len() > ROWS_MAX {
        let _ = writeln!(
            text,
            "<p>{} more folders hold something bad; those with most of it are drawn.</p>",
            rows.len() - ROWS_MAX
        );
    }
}

fn cell(text: &mut String, bad: &[&Bad], snapshot: &SnapshotReport) {
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
    let (letter, class, words) = sign(worst);
    if count == 0 {
        let _ = write!(text, "<td class=\"{class}\">{letter}</td>");
    } else {
        let _ = write!(
            text,
            "<td class=\"{class}\" title=\"{count} files, worst: {words}\">{letter}&#8201;{count}</td>"
        );
    }
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
    let looks = |one: &SnapshotReport| (one.series, one.is_clean, one.not_clean, one.time_disagrees);
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

fn snapshots(text: &mut String, report: &RepositoryReport) {
    text.push_str("<h2>Snapshots</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">snapshot</th><th scope=\"col\">first seen</th><th scope=\"col\">claims</th><th scope=\"col\">of</th><th scope=\"col\">files clean</th><th scope=\"col\">not</th><th scope=\"col\">verdict and why</th></tr></thead>\n<tbody>\n");
    for one in &report.snapshots {
        let is_last = report.last_clean.as_ref() == Some(&one.id);
        let verdict = match (one.is_clean, is_last) {
            (true, true) => "✓! clean, the last clean one",
            (true, false) => "✓ clean",
            (false, _) => "✗ not clean",
        };
        let forged = if one.time_disagrees { " class=\"forged\"" } else { "" };
        let mark = if one.time_disagrees { " ⚠" } else { "" };
        let why: String = one
            .reasons
            .iter()
            .chain(&one.signs)
            .fold(String::new(), |all, line| all + "<br>" + &escape(line));
        let _ = writeln!(
            text,
            "<tr><td class=\"p\">{}</td><td>{}</td><td{forged}>{}{mark}</td><td>{}:{}</td><td>{}</td><td>{}</td><td>{verdict}{why}</td></tr>",
            escape(short(&one.id)),
            escape(&one.first_seen),
            escape(&one.time),
            escape(&one.host),
            escape(&one.paths.join(", ")),
            one.clean,
            one.not_clean
        );
    }
    text.push_str("</tbody>\n</table></div>\n");
}

fn files(text: &mut String, report: &RepositoryReport) {
    if report.bad.is_empty() {
        return;
    }
    text.push_str("<h2>Files that are not clean, and where their last clean version is</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">file</th><th scope=\"col\">verdict</th><th scope=\"col\">since</th><th scope=\"col\">last clean in</th><th scope=\"col\">why</th></tr></thead>\n<tbody>\n");
    for bad in report.bad.iter().take(FILES_MAX) {
        let since = report.snapshots.iter().find(|one| one.series == bad.series && one.at >= bad.from);
        let (letter, class, _) = sign(bad.judgement.verdict);
        let clean = match (&bad.last_clean, &bad.last_clean_path) {
            (Some(id), Some(path)) => format!("{} as {}", escape(short(id)), escape(&shown::path(&**path))),
            (Some(id), None) => escape(short(id)),
            (None, _) => "no clean version seen".to_owned(),
        };
        let tolerated = if bad.tolerable { " (never seen clean)" } else { "" };
        let _ = writeln!(
            text,
            "<tr><td class=\"p\">{}</td><td class=\"{class}\">{letter} {}{tolerated}</td><td class=\"p\">{}</td><td class=\"p\">{clean}</td><td>{}</td></tr>",
            escape(&shown::path(&*bad.path)),
            bad.judgement.verdict.word(),
            since.map_or("", |one| short(&one.id)),
            bad.judgement.reasons.iter().map(|reason| escape(reason)).collect::<Vec<_>>().join("<br>")
        );
    }
    text.push_str("</tbody>\n</table></div>\n");
    if report.bad.len() > FILES_MAX {
        let _ = writeln!(
            text,
            "<p>{} more; the answer as JSON names them all.</p>",
            report.bad.len() - FILES_MAX
        );
    }
}

fn gone(text: &mut String, report: &RepositoryReport) {
    if report.gone.is_empty() {
        return;
    }
    text.push_str("<h2>Files that vanished from snapshots that are not clean, or many at once</h2>\n<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">file</th><th scope=\"col\">gone in</th><th scope=\"col\">last clean in</th></tr></thead>\n<tbody>\n");
    for gone in report.gone.iter().take(FILES_MAX) {
        let _ = writeln!(
            text,
            "<tr><td class=\"p\">{}</td><td class=\"p\">{}</td><td class=\"p\">{}</td></tr>",
            escape(&gone.path),
            escape(short(&gone.snapshot)),
            escape(short(&gone.last_clean))
        );
    }
    text.push_str("</tbody>\n</table></div>\n");
}

fn notes(text: &mut String, report: &RepositoryReport) {
    if report.notes.is_empty() && report.unread.is_empty() {
        return;
    }
    text.push_str("<h2>What else to know</h2>\n<ul>\n");
    for unread in &report.unread {
        let _ = writeln!(text, "<li><strong>Not read:</strong> {}</li>", escape(unread));
    }
    for note in &report.notes {
        let _ = writeln!(text, "<li>{}</li>", escape(note));
    }
    text.push_str("</ul>\n");
}

/// Names of files are written by whoever made them.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in super::shown::harmless(text).chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
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
        Bad { path, judgement, last_clean, last_clean_path: None, series: 0, from, until, tolerable: false }
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
        assert!(!page.contains('\u{1b}') && !page.contains("<b>") && !page.contains("<script"));
        let body =
            page.split("</style>").last().unwrap().replace(&escape(super::super::report::FORM), "(form)");
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
        assert!(page.contains("and 149 like it") && page.contains("ok last"));
        assert!(page.contains("In no folder was anything found"));
        assert!(page.contains("many files vanished") && page.contains("Snapshot 00000000ffff is clean"));
    }
}
