//! `blackstart accept DIR STORE SNAPSHOT --reason TEXT`: a person has looked at what is odd in a snapshot, and it may stay so.

use std::path::{Path, PathBuf};

use message::{Command, Remedy, counted, harmless};

use super::folder::{self, By};
use super::scan::repository::{self, Judged, Whose};
use super::{Answer, Failure, FailureKind, named, place, scan as scan_command, talk};
use estate::model::shown_address;
use estate::{Id, Kind};
use incident::store::Incident;
use scan::accept::{self, AcceptRefusal, Odd};
use scan::report::SnapshotReport;
use scan::snapshots::short;
use scan::{restic, shown};

/// Accept contents that are not clean, because somebody has looked at them: forms with a password, files broken years ago.
///
/// Judges the store's repository, shows what is odd in the snapshot, grouped by reason with examples, and records after
/// asking that exactly these contents are accepted. They are no news any more, in any snapshot and under any name; one that
/// changes is. What was clean before, or came while others vanished, may be an attack and is accepted only by its name (--file).
/// What became encrypted while backups were made, malware, and what could not be read cannot be accepted.
#[derive(Debug, clap::Args)]
#[command(override_usage = "blackstart accept [OPTIONS] --reason <TEXT> [DIR] <STORE> <SNAPSHOT>")]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    first: String,
    /// The store, for example `store:core-muc`.
    #[arg(value_name = "STORE")]
    second: String,
    /// Id of the snapshot, or its first characters if they are unique.
    #[arg(value_name = "SNAPSHOT")]
    third: Option<String>,
    /// What was looked at, and why it may stay so.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Also this file, which was clean before or came while others vanished: its path in the snapshot. May be given more than once.
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    /// Keep verdicts in this folder, so that the next scan reads only what is new.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// Do not ask; what would be asked is shown all the same.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    by: By,
}

/// Examples of each group.
const EXAMPLES: usize = 3;

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let (named, typed, start) = match &args.third {
        Some(third) => (Some(Path::new(&args.first)), &args.second, third),
        None => (None, &args.first, &args.second),
    };
    let folder = place::to_write(named, "blackstart accept DIR STORE SNAPSHOT --reason TEXT")?;
    let view = folder::read(&folder)?;
    let store = named::in_incident(&view, typed, &[Kind::Store])?;
    let incident = folder::open(&folder, &args.by)?;
    let estate = incident.view().estate_in_force();
    let source = estate.as_ref().and_then(|estate| estate.stores.get(&store)?.source.as_ref());
    let repository = source.map_or_else(String::new, |source| shown_address(&source.repository));
    let Judged { report, .. } = judged(args, &store, incident)?;
    let snapshot = snapshot(&report.snapshots, start)?;
    let odd = accept::odd(&report, snapshot, &args.file);
    show(&store, snapshot, &odd);
    let refused =
        |refusal: AcceptRefusal| Failure::says(FailureKind::Refused, refusal.message(&store)).of(&folder);
    let contents = odd.digests();
    // Before anybody is asked, whether there is anything to ask for.
    accept::accept(&view, &store, &snapshot.id, &contents, &args.reason).map_err(refused)?;
    let question = format!("Accept exactly these contents of {}?", counted(odd.files(), "file"));
    if !talk::agreed(&question, args.yes) {
        let again = Command::new("accept").incident().with(&store).with(short(&snapshot.id));
        let again = again.option("--reason", &args.reason).with("--yes");
        return Err(Failure::refused(
            "nothing was accepted",
            "what is not clean stays so",
            Remedy::run_to("to accept them", again),
        )
        .of(&folder));
    }
    let mut incident = folder::open(&folder, &args.by)?;
    let decided = folder::decide(&mut incident, |view| {
        accept::accept(view, &store, &snapshot.id, &contents, &args.reason)
    })?;
    decided.map_err(refused)?;
    talk::data(format!("accepted {}", counted(contents.len(), "content")));
    talk::say(format!(
        "to judge the snapshots with it: {}",
        again(&store, &repository).line(Some(&folder.display().to_string()))
    ));
    Ok(Answer::Done)
}

fn again(store: &Id, repository: &str) -> Command {
    Command::new("scan").with(repository).with("--journal").incident().option("--store", store)
}

/// All snapshots of the store, as the estate in force says where they lie.
fn judged(args: &Args, store: &Id, incident: Incident) -> Result<Judged, Failure> {
    let estate = incident.view().estate_in_force();
    let source = estate.as_ref().and_then(|estate| estate.stores.get(store)?.source.clone());
    let source = source.ok_or_else(|| {
        Failure::usage(
            format!("the estate in force names no source for {store}"),
            "nothing was looked at",
            Remedy::run_to(
                format!("write its `source` into [store.{}] and put the estate in force", store.name()),
                Command::new("adopt").incident().open("ESTATE").reason(),
            ),
        )
    })?;
    let password = restic::secret(&source.secret).map_err(|why| {
        Failure::fault(
            format!("the password of its repository is not there: {why}"),
            "nothing was looked at",
            "put it where the estate says, or correct that",
        )
    })?;
    let scan = scan_command::Args::of_store(args.ledger.clone());
    repository::judged(
        &scan,
        &source.repository,
        &password,
        Whose::Recorded(store.clone(), Box::new(incident)),
    )
}

fn snapshot<'a>(all: &'a [SnapshotReport], start: &str) -> Result<&'a SnapshotReport, Failure> {
    let mut found = all.iter().filter(|snapshot| !start.is_empty() && snapshot.id.starts_with(start));
    let ids = || all.iter().rev().take(5).map(|one| short(&one.id)).collect::<Vec<_>>().join(", ");
    match (found.next(), found.next()) {
        (Some(snapshot), None) => Ok(snapshot),
        (found, _) => {
            let many =
                if found.is_some() { "several snapshots begin" } else { "no snapshot of the store begins" };
            let newest = format!("give its id as the scan prints it; the newest are {}", ids());
            Err(Failure::usage(format!("{many} with `{start}`"), "nothing was recorded", newest))
        }
    }
}

fn show(store: &Id, snapshot: &SnapshotReport, odd: &Odd<'_>) {
    talk::say(format!("{store}: snapshot {}, claims {}", short(&snapshot.id), snapshot.time));
    for group in &odd.groups {
        talk::say(format!(
            "  {} {}: {}",
            counted(group.files.len(), "file"),
            group.verdict.word(),
            harmless(&group.reason)
        ));
        for bad in group.files.iter().take(EXAMPLES) {
            talk::say(format!("      {}", harmless(&shown::path(&*bad.path))));
        }
        if group.files.len() > EXAMPLES {
            talk::say(format!("      and {} more", group.files.len() - EXAMPLES));
        }
    }
    for (not, files) in &odd.not {
        talk::say(format!("  NOT to be accepted: {}, each {}", counted(files.len(), "file"), not.words()));
        for bad in files.iter().take(EXAMPLES) {
            talk::say(format!("      {}", harmless(&shown::path(&*bad.path))));
        }
    }
}
