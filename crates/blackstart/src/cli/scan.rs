//! `blackstart scan PATH | restic:REPO`: is this copy clean, and which is the last clean one?

mod all;
pub(super) mod progress;
pub(super) mod repository;
mod show;
mod which;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use message::counted;

use super::folder::{self, By};
use super::{Answer, Failure, named, place, talk};
use estate::Id;
use estate::id::Kind;
use incident::View;
use incident::scan::NotLookedAt;
use judge::Judgement;
use progress::Bar;
use repository::Whose;
use scan::folder::{EntryKind, judge_file_by, walk};
use scan::report::{self, File, FolderReport, Outcome};
use scan::rules::Rules;
use scan::shown;
use which::Meant;

/// Is this folder or repository clean? Reads everything, changes nothing.
///
/// A folder: exit 0 if every file is clean, 1 if not. A restic repository: exit 0 if one of its
/// snapshots is clean, 1 if none is. The password comes from where restic takes it: RESTIC_PASSWORD,
/// RESTIC_PASSWORD_FILE or RESTIC_PASSWORD_COMMAND. No lock is taken. With --all: exit 0 if every store has a clean
/// snapshot, 1 if one has none, 2 if one could not be judged or there is none.
#[derive(Debug, clap::Args)]
#[command(group(clap::ArgGroup::new("whose").args(["store", "all"])))]
pub struct Args {
    /// A folder, a file, or `restic:` and the folder of a repository; with --all the estate. Without it the repository in
    /// RESTIC_REPOSITORY.
    what: Option<OsString>,
    /// Judge the copies of every store of the estate, one after the other, with the secrets that the estate names.
    #[arg(long, conflicts_with_all = ["store", "html"])]
    all: bool,
    /// Incident folder: snapshots are ordered by when it first saw them, and the verdicts are recorded there.
    #[arg(long, value_name = "DIR", requires = "whose")]
    journal: Option<PathBuf>,
    /// The same with the incident you are in, or the one in BLACKSTART_DIR.
    #[arg(long, conflicts_with = "journal", requires = "whose")]
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
    if args.all {
        return all::run(args);
    }
    match which::meant(args.what.as_deref())? {
        Meant::Repository(named) => {
            let whose = whose(args, &named)?;
            repository::run(args, &named, &which::password()?, whose)
        }
        Meant::Place(root) => match only_for_repositories(args) {
            Some(option) => Err(Failure::usage(
                format!("{option} was given with a folder"),
                "nothing was scanned: only repositories have snapshots, and only their verdicts are kept, recorded or tolerated",
                format!("omit {option}, or name a repository: restic:/path"),
            )),
            None => folder_scan(args, root),
        },
    }
}

fn whose(args: &Args, named: &str) -> Result<Whose, Failure> {
    let form = "blackstart scan restic:REPO --journal DIR --store ID";
    let journal = place::to_record(args.journal.as_deref(), args.record, form)?;
    repository::keeps_out(args, journal.as_deref(), named)?;
    match (&journal, &args.store) {
        (Some(journal), Some(typed)) => {
            let incident = folder::open(journal, &by_scan())?;
            Ok(Whose::Recorded(store_id(incident.view(), typed)?, Box::new(incident)))
        }
        _ => Ok(Whose::Nobodys),
    }
}

impl Args {
    /// A store's repository, judged as a whole and recorded, for `accept`.
    pub(super) fn of_store(ledger: Option<PathBuf>) -> Args {
        Args {
            what: None,
            all: false,
            journal: None,
            record: false,
            store: None,
            ledger,
            rules: None,
            html: None,
            newest: None,
            tolerate: None,
            json: false,
        }
    }
}

/// Who stands beside the entries of a scan.
fn by_scan() -> By {
    By { by: Some("blackstart scan".to_owned()) }
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

fn folder_scan(args: &Args, root: &Path) -> Result<Answer, Failure> {
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
        show::folder(&report);
    }
    Ok(match report.outcome() {
        // Nothing in it is not clean; the words say that nothing is in it.
        Outcome::Clean | Outcome::Nothing => Answer::Done,
        Outcome::NotClean | Outcome::NotKnown => Answer::No,
    })
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
