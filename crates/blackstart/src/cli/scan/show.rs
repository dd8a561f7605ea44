//! What a scan says on the terminal.

use std::collections::BTreeMap;

use message::{Command, counted, harmless};

use super::super::color::{self, Tone};
use super::super::talk;
use judge::Verdict;
use scan::report::{self, File, FolderReport, Outcome, RepositoryReport, Whole};
use scan::shown;
use scan::snapshots::short;

/// Files named in full on the terminal; the rest is counted. `--json` names all.
const SHOWN_MAX: usize = 20;

pub(super) fn folder(report: &FolderReport) {
    files(&report.files);
    talk::data(counts(&report.counts));
    let inside = report::not_looked_at(&report.not_looked_at);
    let painted = |word, tone| color::painted(word, tone, color::on_stdout());
    let word = match report.outcome() {
        Outcome::Nothing => {
            "NOTHING TO JUDGE: it holds no file, so nothing could be restored from it. Was the right folder named?"
                .to_owned()
        }
        Outcome::Clean => painted("clean", Tone::Good),
        Outcome::NotKnown => painted("NOT KNOWN", Tone::Bad),
        Outcome::NotClean => painted("NOT CLEAN", Tone::Bad),
    };
    talk::data(match inside {
        Some(inside) => format!("{word}, and {inside}"),
        None => word,
    });
    talk::say(format!("({})", report::FORM));
}

pub(super) fn repository(report: &RepositoryReport) {
    for bad in report.bad.iter().take(SHOWN_MAX) {
        let from = report.snapshots.iter().find(|one| one.series == bad.series && one.at >= bad.from);
        let from = from.map_or_else(|| "unknown".to_owned(), |one| short(&one.id).to_owned());
        talk::data(format!(
            "{} since {from}: {}",
            bad.judgement.verdict.word(),
            harmless(&shown::path(&*bad.path))
        ));
        reasons(&bad.file());
    }
    rest(report.bad.len());
    talk::data("snapshots, oldest first by first sight:");
    for snapshot in &report.snapshots {
        let (word, tone) = match snapshot.verdict() {
            Whole::Clean => ("clean    ", Tone::Good),
            Whole::NotKnown => ("NOT KNOWN", Tone::Bad),
            Whole::NotClean => ("NOT CLEAN", Tone::Bad),
        };
        let word = color::painted(word, tone, color::on_stdout());
        talk::data(format!(
            "  {}  {word}  claims {}, first seen {}, {} files clean, {} not",
            short(&snapshot.id),
            snapshot.time,
            snapshot.first_seen,
            snapshot.clean,
            snapshot.not_clean
        ));
        for line in snapshot.reasons.iter().chain(&snapshot.signs) {
            talk::data(format!("            {}", harmless(line)));
        }
    }
    for unread in &report.unread {
        talk::data(format!("NOT READ: {unread}"));
    }
    for note in &report.notes {
        talk::data(format!("note: {note}"));
    }
    if !report.gone.is_empty() {
        talk::data(format!(
            "{} vanished from snapshots that are not clean, or many at once; --json names them",
            counted(report.gone.len(), "file")
        ));
    }
    for series in report.series.iter().filter(|_| report.series.len() > 1) {
        let clean = series.last_clean.as_deref().unwrap_or("NONE CLEAN");
        talk::data(format!("last clean of {}:{}: {clean}", series.host, series.paths.join(",")));
    }
    match &report.last_clean {
        Some(id) => talk::data(format!("last clean snapshot: {id}")),
        None => {
            talk::data(color::painted("NO CLEAN SNAPSHOT among those judged", Tone::Bad, color::on_stdout()));
        }
    }
    if let Some(newer) = report.snapshots.iter().find(|one| Some(&one.id) == report.last_not_known.as_ref()) {
        let inside = report::not_looked_at(&newer.not_looked_at).unwrap_or_default();
        talk::data(format!(
            "NOT KNOWN whether snapshot {} is clean: nothing speaks against it, but {inside}. Look inside it; if it may be restored, say so (with a journal: {})",
            short(&newer.id),
            Command::new("choose").open("DIR").open("store:ID").with(short(&newer.id)).reason().line(None)
        ));
    }
    if let Some(before) = &report.before_loss {
        talk::data(format!(
            "BUT MANY FILES VANISHED before it was made: snapshot {before} is clean and still has them; decide which of the two is restored (with a journal: {})",
            Command::new("choose").open("DIR").open("store:ID").open("SNAPSHOT").reason().line(None)
        ));
    }
    talk::say(format!("({})", report::FORM));
}

fn files(files: &[File]) {
    for file in files.iter().take(SHOWN_MAX) {
        talk::data(format!("{}: {}", file.verdict.word(), harmless(&file.path)));
        reasons(file);
    }
    rest(files.len());
}

fn reasons(file: &File) {
    for reason in &file.reasons {
        talk::data(format!("    {}", harmless(reason)));
    }
    if let Some(clean) = &file.last_clean {
        let name = file.last_clean_path.as_deref().unwrap_or(&file.path);
        talk::data(format!("    last clean in {} as {}", short(clean), harmless(name)));
    }
}

fn rest(files: usize) {
    if files > SHOWN_MAX {
        talk::data(format!("... and {} more files; --json names them all", files - SHOWN_MAX));
    }
}

fn counts(counts: &BTreeMap<&'static str, u64>) -> String {
    let count = |verdict: &Verdict| counts.get(verdict.word()).copied().unwrap_or(0);
    let words: Vec<String> = Verdict::ALL
        .iter()
        .filter(|verdict| count(verdict) > 0)
        .map(|verdict| format!("{} {}", count(verdict), verdict.word()))
        .collect();
    if words.is_empty() { "no files".to_owned() } else { words.join(", ") }
}
