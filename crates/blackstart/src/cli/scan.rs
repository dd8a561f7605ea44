//! `blackstart scan PATH | restic:REPO`: is this copy clean, and which is the last clean one?

#![allow(clippy::disallowed_methods, reason = "progress for people is shown at a pace")]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use message::{Command, Remedy, counted, counted_as, harmless};

use super::color::{self, Tone};
use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, named, place, talk, whole_file};
use estate::Id;
use estate::id::Kind;
use estate::model::shown_address;
use incident::View;
use incident::scan::NotLookedAt;
use incident::store::Incident;
use judge::{Judgement, Verdict};
use scan::folder::{EntryKind, judge_file_by, walk};
use scan::ledger::Ledger;
use scan::report::{self, File, FolderReport, Outcome, RepositoryReport, Whole};
use scan::restic::inside::Own;
use scan::restic::{self, Opened, RepositoryFault, Request};
use scan::rules::Rules;
use scan::snapshots::{self, Sighting, short};
use scan::{shown, timeline};

/// Files named in full on the terminal; the rest is counted. `--json` names all.
const SHOWN_MAX: usize = 20;

/// Is this folder or repository clean? Reads everything, changes nothing.
///
/// A folder: exit 0 if every file is clean, 1 if not. A restic repository: exit 0 if one of its
/// snapshots is clean, 1 if none is; the password comes from RESTIC_PASSWORD. No lock is taken.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A folder, a file, or `restic:` and the folder of a repository.
    what: OsString,
    /// Incident folder: snapshots are ordered by when it first saw them, and the verdicts are recorded there.
    #[arg(long, value_name = "DIR", requires = "store")]
    journal: Option<PathBuf>,
    /// The same with the incident you are in, or the one in BLACKSTART_DIR.
    #[arg(long, conflicts_with = "journal", requires = "store")]
    record: bool,
    /// The store of the estate that this repository is the copy of, for example `store:core-muc`.
    #[arg(long, value_name = "ID")]
    store: Option<String>,
    /// Keep verdicts in this folder, so that the next scan reads only what is new. May be deleted at any time.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// Apply the YARA rules in this folder (.yar, .yara) to every file as well.
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Write a picture of all snapshots to this file, for the screen and for paper.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Judge only the newest N snapshots instead of all.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    newest: Option<u64>,
    /// How many bad files that never had a good version are tolerated in a snapshot. Default: 4 in 1,000, at most
    /// 10; one anywhere if it says itself that it is encrypted.
    #[arg(long, value_name = "N")]
    tolerate: Option<u64>,
    /// The answer as JSON on stdout.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    if args.what.as_bytes().starts_with(restic::PREFIX.as_bytes()) {
        repository(args)
    } else if let Some(option) = only_for_repositories(args) {
        Err(Failure::usage(
            format!("{option} was given with a folder"),
            "nothing was scanned: only repositories have snapshots, and only their verdicts are kept, recorded or tolerated",
            format!("omit {option}, or name a repository: restic:/path"),
        ))
    } else {
        folder_scan(args)
    }
}

fn only_for_repositories(args: &Args) -> Option<&'static str> {
    let given = [
        (args.journal.is_some(), "--journal"),
        (args.record, "--record"),
        (args.ledger.is_some(), "--ledger"),
        (args.html.is_some(), "--html"),
        (args.newest.is_some(), "--newest"),
        (args.tolerate.is_some(), "--tolerate"),
    ];
    given.into_iter().find(|(given, _)| *given).map(|(_, option)| option)
}

fn folder_scan(args: &Args) -> Result<Answer, Failure> {
    let root = Path::new(&args.what);
    let not_this = |what: String| {
        Failure::usage(what, "nothing was scanned", "name a folder, a file, or a repository as restic:/path")
    };
    let metadata = std::fs::metadata(root)
        .map_err(|error| not_this(format!("cannot look at {}: {error}", shown::path(root))))?;
    if !metadata.is_dir() && !metadata.is_file() {
        let what = "is a device, a pipe or a socket: it holds no file that could be restored";
        return Err(not_this(format!("{} {what}", shown::path(root))));
    }
    let rules = rules(args)?;
    let met = walk(root);
    let total = met
        .iter()
        .map(|met| if let EntryKind::File { metadata, .. } = &met.kind { metadata.len() } else { 0 })
        .sum();
    let mut bar = Bar::new();
    let (mut files, mut counts, mut done) = (Vec::new(), BTreeMap::new(), 0);
    let mut not_looked_at = NotLookedAt { of_bytes: total, ..NotLookedAt::default() };
    for met in &met {
        let judgement = match &met.kind {
            EntryKind::File { metadata, beside } => {
                done += metadata.len();
                judge_file_by(&met.path, *beside, rules.as_ref())
            }
            EntryKind::Unreadable(error) => Judgement::unread(format!("could not be looked at: {error}")),
        };
        *counts.entry(judgement.verdict).or_default() += 1;
        let unseen = judgement.bytes_not_looked_at();
        not_looked_at.files += u64::from(unseen > 0);
        not_looked_at.bytes += unseen;
        if !judgement.verdict.is_clean() {
            files.push(File::new(shown::path(&met.path), &judgement));
        }
        bar.show(done, total);
    }
    bar.end();
    let report = FolderReport { files, counts: report::counts(&counts), not_looked_at, form: report::FORM };
    if args.json {
        talk::json(&report);
    } else {
        show_folder(&report);
    }
    Ok(match report.outcome() {
        // Nothing in it is not clean; the words say that nothing is in it.
        Outcome::Clean | Outcome::Nothing => Answer::Done,
        Outcome::NotClean | Outcome::NotKnown => Answer::No,
    })
}

fn show_folder(report: &FolderReport) {
    show_files(&report.files);
    talk::data(show_counts(&report.counts));
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

fn repository(args: &Args) -> Result<Answer, Failure> {
    let what = shown::path(&args.what);
    let Some(named) = args.what.to_str() else {
        return Err(Failure::usage(
            format!(
                "the name of the repository, {what}, is not UTF-8, which the library that reads it needs"
            ),
            "nothing was read",
            "name it by another path, for example a link to it: ln -s REPOSITORY /tmp/repository",
        ));
    };
    let what = shown_address(&what);
    let form = "blackstart scan restic:REPO --journal DIR --store ID";
    let journal = place::to_record(args.journal.as_deref(), args.record, form)?;
    keeps_out(args, journal.as_deref(), named)?;
    let journal = match (&journal, &args.store) {
        (Some(journal), Some(typed)) => {
            let by = By { by: Some("blackstart scan".to_owned()) };
            let incident = folder::open(journal, &by)?;
            Some((store_id(incident.view(), typed)?, incident))
        }
        _ => None,
    };
    let password = std::env::var("RESTIC_PASSWORD").map_err(|_| {
        Failure::usage(
            "RESTIC_PASSWORD is not set",
            "nothing was read",
            "set it in the environment: RESTIC_PASSWORD=... blackstart scan restic:/path",
        )
    })?;
    let opened = restic::open(named, &password).map_err(|fault| cannot_open(&fault))?;
    let rules = rules(args)?;
    let copies = match &journal {
        Some((store, incident)) => {
            let all: Vec<_> = opened.snapshots().iter().map(|snapshot| snapshot.series.clone()).collect();
            let whose = scan::decide::whose(incident.view(), store, &all);
            Some(whose.map_err(|not_said| {
                Failure::says(FailureKind::Refused, not_said.message()).of(incident.folder())
            })?)
        }
        None => None,
    };
    let own = copies.as_ref().map(scan::decide::Copies::own);
    let (order, mut journal) = in_order(&opened, journal, own)?;
    let ledger = ledger(args, &opened, rules.as_ref())?;
    let mut bar = Bar::new();
    let request = Request {
        order: &order,
        newest: args.newest.map(|newest| usize::try_from(newest).unwrap_or(usize::MAX)),
        tolerate: args.tolerate,
        rules: rules.as_ref(),
        own,
    };
    let mut report = restic::scan(opened, &request, ledger, &mut |progress| {
        bar.show(progress.bytes_done, progress.bytes_total);
    });
    bar.end();
    let refused = match &mut journal {
        Some((store, incident)) => {
            let refused = record(store, incident, &report)?;
            report.notes.extend(advice(store, incident, &report));
            refused
        }
        None => None,
    };
    if let Some(path) = &args.html {
        whole_file::write(path, &timeline::page(&what, &report))?;
    }
    if args.json {
        talk::json(&report);
    } else {
        show_repository(&report);
    }
    match refused {
        Some(refused) => Err(refused),
        None if report.last_clean.is_some() => Ok(Answer::Done),
        None => Ok(Answer::No),
    }
}

/// A scan changes nothing in the repository, so nothing that it writes may lie in there.
fn keeps_out(args: &Args, journal: Option<&Path>, repository: &str) -> Result<(), Failure> {
    let Ok(Ok(repository)) = restic::local_path(repository).map(std::fs::canonicalize) else { return Ok(()) };
    let written =
        [(args.ledger.as_deref(), "--ledger"), (args.html.as_deref(), "--html"), (journal, "--journal")];
    for (path, option) in written {
        if let Some(path) = path.filter(|path| resolved(path).starts_with(&repository)) {
            return Err(Failure::usage(
                format!("{option} {} lies inside the repository", shown::path(path)),
                "nothing was read: a scan never writes into what it judges",
                format!("name a place outside {} for {option}", shown::path(&repository)),
            ));
        }
    }
    Ok(())
}

/// Where a path leads, also if its end does not exist yet.
fn resolved(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            // Behind a link `..` leads elsewhere than it reads.
            std::path::Component::ParentDir => {
                whole = std::fs::canonicalize(&whole).unwrap_or(whole);
                whole.pop();
            }
            part => whole.push(part),
        }
    }
    let found = whole.ancestors().find_map(|there| Some((there, std::fs::canonicalize(there).ok()?)));
    match found {
        Some((there, real)) => real.join(whole.strip_prefix(there).unwrap_or(Path::new(""))),
        None => whole,
    }
}

fn rules(args: &Args) -> Result<Option<Rules>, Failure> {
    let Some(folder) = &args.rules else { return Ok(None) };
    let rules = Rules::load(folder).map_err(|fault| {
        Failure::usage(
            folder::chain(&fault),
            "nothing was read: a scan with half of the rules would promise more than it checked",
            "correct or remove that rule, or name another folder with .yar or .yara files",
        )
    })?;
    talk::say(format!("rules from {}", counted(rules.files(), "file")));
    Ok(Some(rules))
}

/// What earlier scans judged, or nothing.
fn ledger(args: &Args, opened: &Opened, rules: Option<&Rules>) -> Result<Ledger, Failure> {
    let Some(folder) = &args.ledger else { return Ok(Ledger::in_memory()) };
    let (ledger, note) = Ledger::open(folder, opened.ledger_identity(rules)).map_err(|fault| {
        Failure::fault(
            folder::chain(&fault),
            "nothing was read; the ledger only saves time, no verdict depends on it",
            "name a folder that can be written, or omit --ledger",
        )
    })?;
    if let Some(note) = note {
        talk::say(note);
    } else if ledger.found() > 0 {
        talk::say(format!(
            "{} in the ledger",
            counted_as(ledger.found(), "verdict of an earlier scan is", "verdicts of earlier scans are")
        ));
    }
    Ok(ledger)
}

fn store_id(view: &View, typed: &str) -> Result<Id, Failure> {
    let id = named::in_incident(view, typed, &[Kind::Store])?;
    if id.kind() == Kind::Store {
        return Ok(id);
    }
    Err(Failure::usage(
        format!("--store {id} is not a store"),
        "nothing was read",
        "name the store as the estate does, for example --store store:core",
    ))
}

fn cannot_open(fault: &RepositoryFault) -> Failure {
    let what = folder::chain(fault);
    let unread = "nothing of it was read, so no snapshot of it can be called clean";
    match fault {
        RepositoryFault::WrongPassword(_) => {
            Failure::usage(what, unread, "set RESTIC_PASSWORD to the password of this repository")
        }
        RepositoryFault::NotLocal(_) => Failure::usage(
            what,
            unread,
            "mount or copy the repository, then name the folder: restic:/path; or build with --features remote and name it as restic:rest:URL or restic:rclone:REMOTE:PATH",
        ),
        RepositoryFault::NotThere(_)
        | RepositoryFault::NotAFolder(_)
        | RepositoryFault::NotARepository { .. } => Failure::usage(
            what,
            unread,
            "name the folder that holds `config`, `keys`, `snapshots`, `index` and `data`",
        ),
        RepositoryFault::Look { .. } => Failure::fault(
            what,
            unread,
            "let the user who runs this read the whole folder, or run it as a user who may",
        ),
        RepositoryFault::Open { .. } => Failure::fault(
            what,
            unread,
            "check the permissions; for a remote repository, check the address, the user and password, and that the server answers; if a file is damaged or gone, bring it back from another copy of this very repository, or scan that copy",
        ),
    }
}

type Recorder = Option<(Id, Incident)>;

/// The order of snapshots; with a journal the first sight of new ones is recorded before anything is judged.
/// Of a store only its own are looked at.
fn in_order(
    opened: &Opened,
    journal: Recorder,
    own: Option<Own<'_>>,
) -> Result<(Vec<Sighting>, Recorder), Failure> {
    let found = opened.found(own);
    let Some((store, mut incident)) = journal else {
        return Ok((snapshots::by_arrival(found), None));
    };
    let Ok(_) = folder::decide(&mut incident, |view| {
        Ok::<_, Infallible>(snapshots::first_sights(&store, view.scan.stores.get(&store), found.clone()))
    })?;
    let known = incident.view().scan.stores.get(&store);
    let order = known.map(|known| snapshots::by_first_sight(known, &found)).unwrap_or_default();
    Ok((order, Some((store, incident))))
}

/// Records what is new. An entry that this version cannot read forbids choosing, not judging.
fn record(
    store: &Id,
    incident: &mut Incident,
    report: &RepositoryReport,
) -> Result<Option<Failure>, Failure> {
    let Ok(_) =
        folder::decide(incident, |view| Ok::<_, Infallible>(scan::decide::scanned(view, store, report)))?;
    Ok(incident.view().blocked_by(store).map(|unknown| {
        Failure::refused(
            format!(
                "entry {} of the journal cannot be read by this version and may be about {store}",
                unknown.sequence
            ),
            "the verdicts were recorded, but no recovery point was chosen",
            Remedy::Steps(vec![
                Remedy::run_to(
                    "read that entry with the version that wrote it, or accept it",
                    Command::accept_entry(unknown.sequence),
                ),
                "scan again".into(),
            ]),
        )
        .of(incident.folder())
    }))
}

/// What a person has to choose, or has chosen otherwise than a scan would.
fn advice(store: &Id, incident: &Incident, report: &RepositoryReport) -> Option<String> {
    let known = incident.view().scan.stores.get(store)?;
    let folder = incident.folder().display().to_string();
    let choose = Command::new("choose").incident().with(store).line(Some(&folder));
    if let (Some(by), Some(chosen)) = (&known.chosen_by, &known.recovery_point) {
        let there = report.snapshots.iter().find(|snapshot| snapshot.id == *chosen);
        let state = match there {
            _ if Some(chosen) == report.last_clean.as_ref() => return None,
            Some(snapshot) if snapshot.verdict() == Whole::NotKnown => {
                "it stands on that word: its inside was not looked at by this program"
            }
            Some(snapshot) if snapshot.is_clean => "it stands, and another is the last clean one",
            Some(_) => "it is NOT CLEAN now, so a restart holds until another is chosen",
            None => "it is not among the snapshots that were judged now",
        };
        let by = harmless(by);
        return Some(format!(
            "{by} chose {} for {store}: {state}; to choose another: {choose} SNAPSHOT",
            short(chosen)
        ));
    }
    if let (None, Some(newer)) = (&report.last_clean, &report.last_not_known) {
        return Some(format!(
            "no recovery point is recorded for {store}, and a restart holds until somebody has looked inside it and says what was seen: {choose} {} --reason TEXT",
            short(newer)
        ));
    }
    let (last_clean, before) = (report.last_clean.as_ref()?, report.before_loss.as_ref()?);
    Some(format!(
        "many files vanished before the last clean snapshot was made, so no recovery point is recorded for {store}, and a restart holds until somebody chooses. \
         With those files, older: {choose} {before}. Without them, newer: {choose} {last_clean}"
    ))
}

fn show_repository(report: &RepositoryReport) {
    for bad in report.bad.iter().take(SHOWN_MAX) {
        let from = report.snapshots.iter().find(|one| one.series == bad.series && one.at >= bad.from);
        let from = from.map_or_else(|| "unknown".to_owned(), |one| short(&one.id).to_owned());
        talk::data(format!(
            "{} since {from}: {}",
            bad.judgement.verdict.word(),
            harmless(&shown::path(&*bad.path))
        ));
        show_reasons(&bad.file());
    }
    show_rest(report.bad.len());
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
            "BUT MANY FILES VANISHED before it was made: snapshot {before} is clean and still has them; decide which of the two is restored (with a journal: blackstart choose DIR store:ID SNAPSHOT)"
        ));
    }
    talk::say(format!("({})", report::FORM));
}

fn show_files(files: &[File]) {
    for file in files.iter().take(SHOWN_MAX) {
        talk::data(format!("{}: {}", file.verdict.word(), harmless(&file.path)));
        show_reasons(file);
    }
    show_rest(files.len());
}

fn show_reasons(file: &File) {
    for reason in &file.reasons {
        talk::data(format!("    {}", harmless(reason)));
    }
    if let Some(clean) = &file.last_clean {
        let name = file.last_clean_path.as_deref().unwrap_or(&file.path);
        talk::data(format!("    last clean in {} as {}", short(clean), harmless(name)));
    }
}

fn show_rest(files: usize) {
    if files > SHOWN_MAX {
        talk::data(format!("... and {} more files; --json names them all", files - SHOWN_MAX));
    }
}

fn show_counts(counts: &BTreeMap<&'static str, u64>) -> String {
    let count = |verdict: &Verdict| counts.get(verdict.word()).copied().unwrap_or(0);
    let words: Vec<String> = Verdict::ALL
        .iter()
        .filter(|verdict| count(verdict) > 0)
        .map(|verdict| format!("{} {}", count(verdict), verdict.word()))
        .collect();
    if words.is_empty() { "no files".to_owned() } else { words.join(", ") }
}

/// Progress, once it takes longer than two seconds. Without a terminal a line every ten seconds.
struct Bar {
    begun: Instant,
    said: Instant,
    bar: Option<ProgressBar>,
}

impl Bar {
    fn new() -> Bar {
        Bar { begun: Instant::now(), said: Instant::now(), bar: None }
    }

    fn show(&mut self, done: u64, total: u64) {
        let elapsed = self.begun.elapsed();
        if elapsed < Duration::from_secs(2) {
            return;
        }
        if !std::io::stderr().is_terminal() {
            if self.said.elapsed() >= Duration::from_secs(10) {
                self.said = Instant::now();
                let rate = (done / elapsed.as_secs().max(1)).max(1);
                talk::say(format!(
                    "read {} of {} MiB, {} MiB/s, about {} s remaining",
                    done >> 20,
                    total >> 20,
                    rate >> 20,
                    total.saturating_sub(done) / rate
                ));
            }
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let bar_only = if color::on_stderr() { "{bar:30.cyan}" } else { "{bar:30}" };
            let form = "{bytes} of {total_bytes}, {bytes_per_sec}, {eta} remaining";
            bar.set_style(
                ProgressStyle::with_template(&format!("{bar_only} {form}"))
                    .expect("the template is fixed and valid"),
            );
            bar.with_elapsed(elapsed)
        });
        bar.set_position(done);
    }

    fn end(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
