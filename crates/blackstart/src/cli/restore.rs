//! `blackstart restore STORE --to DIR`: the last clean version of a store's files, in a new place.

use std::path::{Path, PathBuf};

use message::{Command, Remedy, counted, counted_as, harmless, size};

use super::folder::{self, By, chain};
use super::scan::progress::Bar;
use super::scan::repository::{self, Judged, Whose};
use super::{Answer, Failure, named, place, scan as scan_command, talk};
use estate::{Id, Kind};
use incident::store::Incident;
use scan::decide::Copies;
use scan::report::{RepositoryReport, Whole};
use scan::restic::bring::{Account, NAMED_MAX, Wanted, bring};
use scan::restic::{self, RestoreFault};
use scan::shown;
use scan::snapshots::short;

/// Bring the clean files of a store to a new place, file by file; nothing that lives is touched.
///
/// Judges the store's repository first. From the recovery point of the incident (else the last clean snapshot, or --point) comes
/// every file that is clean there; with --mix every other file comes from the snapshot in which it was last clean, and the
/// newest snapshot is the one that is followed. It can be stopped and called again; everything is read back at the end.
/// Exit 0: every file was brought; 1: some have no clean version, and are named.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The store, for example `store:core-muc`.
    #[arg(value_name = "STORE")]
    store: String,
    /// The new place: a folder that does not exist yet or is empty, or one that an earlier call has left half done.
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// From this snapshot: its id, or its first characters if they are unique.
    #[arg(long, value_name = "SNAPSHOT")]
    point: Option<String>,
    /// Of each file the last clean version, from whatever snapshot.
    #[arg(long)]
    mix: bool,
    /// Keep verdicts in this folder, so that the next scan reads only what is new.
    #[arg(long, value_name = "DIR")]
    ledger: Option<PathBuf>,
    /// The account as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let journal =
        place::to_write(args.journal.as_deref(), "blackstart restore STORE --to FOLDER --journal DIR")?;
    let incident = folder::open(&journal, &By { by: Some("blackstart restore".to_owned()) })?;
    let store = named::in_incident(incident.view(), &args.store, &[Kind::Store])?;
    let estate = incident.view().estate_in_force();
    let chosen = incident.view().scan.stores.get(&store).and_then(|known| known.recovery_point.clone());
    let source = estate.as_ref().and_then(|estate| estate.stores.get(&store)?.source.clone());
    let source = source.ok_or_else(|| no_source(&store))?;
    let password = restic::secret(&source.secret).map_err(|why| {
        Failure::fault(
            format!("the password of its repository is not there: {why}"),
            "nothing was read or written",
            "put it where the estate says, or correct that",
        )
    })?;
    let copies = Copies::of(&store, estate.as_ref());
    let report = judged(args, &store, &source.repository, &password, incident)?;
    let opened =
        restic::open(&source.repository, &password).map_err(|fault| repository::cannot_open(&fault))?;
    let series: Vec<_> = opened.snapshots().iter().map(|snapshot| snapshot.series.clone()).collect();
    let own = copies
        .own(&series)
        .map_err(|not_said| Failure::says(super::FailureKind::Refused, not_said.message()).of(&journal))?;
    let (wanted, point) = point(args, &report, chosen)?;
    talk::say(format!("bringing {store} from snapshot {} to {}", short(&point), shown::path(&args.to)));
    let total =
        report.snapshots.iter().find(|one| one.id == point).map_or(0, |one| one.not_looked_at.of_bytes);
    let mut bar = Bar::new();
    let account = bring(&opened, &report, own, &point, wanted, &args.to, &mut |done| bar.show(done, total));
    bar.end();
    let account = account.map_err(|fault| failure(&fault, &args.to))?;
    if args.json {
        talk::json(&account);
    } else {
        show(&account, &args.to);
    }
    Ok(if account.not_brought == 0 { Answer::Done } else { Answer::No })
}

fn no_source(store: &Id) -> Failure {
    Failure::usage(
        format!("the estate in force names no source for {store}"),
        "nothing was read or written",
        Remedy::Steps(vec![
            Remedy::Edit {
                file: None,
                line: None,
                text: format!("write its `source` into [store.{}]", store.name()),
            },
            Remedy::run_to(
                "put the estate in force",
                Command::new("adopt").incident().open("ESTATE").reason(),
            ),
        ]),
    )
}

/// Judged anew: what was clean last week may have been replaced in the repository since.
fn judged(
    args: &Args,
    store: &Id,
    repository: &str,
    password: &str,
    incident: Incident,
) -> Result<RepositoryReport, Failure> {
    let scan = scan_command::Args::of_store(args.ledger.clone());
    let whose = Whose::Recorded(store.clone(), Box::new(incident));
    repository::judged(&scan, repository, password, whose).map(|Judged { report, .. }| report)
}

/// Which snapshot is followed.
fn point(
    args: &Args,
    report: &RepositoryReport,
    chosen: Option<String>,
) -> Result<(Wanted, String), Failure> {
    let wanted = if args.mix { Wanted::Mix } else { Wanted::OnePoint };
    if let Some(start) = &args.point {
        let mut found = report.snapshots.iter().filter(|one| !start.is_empty() && one.id.starts_with(start));
        return match (found.next(), found.next()) {
            (Some(one), None) => Ok((wanted, one.id.clone())),
            (one, _) => Err(Failure::usage(
                format!(
                    "{} `{start}`",
                    if one.is_some() {
                        "several snapshots begin with"
                    } else {
                        "no snapshot of the store begins with"
                    }
                ),
                "nothing was written",
                "give more of the id, as the scan prints it",
            )),
        };
    }
    let newest = || report.snapshots.last().map(|one| one.id.clone());
    let clean = || {
        chosen
            .filter(|id| report.snapshots.iter().any(|one| one.id == *id && one.verdict() != Whole::NotClean))
    };
    let found = if args.mix { newest() } else { clean().or_else(|| report.last_clean.clone()) };
    found.map(|id| (wanted, id)).ok_or_else(|| {
        Failure::refused(
            "no snapshot of the store is known to be clean",
            "nothing was written",
            Remedy::ask(
                "",
                [
                    (
                        "the last clean version of each file",
                        Remedy::run(Command::new("restore").open("STORE").open("--to FOLDER").with("--mix")),
                    ),
                    (
                        "the clean files of one snapshot",
                        Remedy::run(
                            Command::new("restore")
                                .open("STORE")
                                .open("--to FOLDER")
                                .open("--point SNAPSHOT"),
                        ),
                    ),
                ],
            ),
        )
    })
}

fn failure(fault: &RestoreFault, to: &Path) -> Failure {
    let what = chain(fault);
    match fault {
        RestoreFault::NotEmpty(_) => Failure::refused(
            what,
            "nothing was written: what lies there may be the only copy of something",
            "name a folder that does not exist yet",
        ),
        _ => Failure::fault(
            what,
            format!("what is in {} so far is not complete", shown::path(to)),
            "remove the cause, then call again: what is there already is read back and kept",
        ),
    }
}

fn show(account: &Account, to: &Path) {
    talk::data(format!(
        "brought {} ({}) to {}, all of it read back{}",
        counted(account.files, "file"),
        size(account.bytes),
        shown::path(to),
        if account.found_there > 0 {
            format!("; {} there from an earlier call", counted_as(account.found_there, "was", "were"))
        } else {
            String::new()
        }
    ));
    for (snapshot, files) in &account.from {
        talk::data(format!("  from {}: {}", short(snapshot), counted(*files, "file")));
    }
    for what in account.left_out.iter().take(NAMED_MAX) {
        talk::data(format!("  not made: {}", harmless(what)));
    }
    if account.not_brought > 0 {
        talk::data(format!(
            "NOT BROUGHT: {} not clean there{}",
            counted_as(account.not_brought, "file that is", "files that are"),
            if account.not_brought as usize > account.named.len() { "; the first of them" } else { "" }
        ));
        for path in &account.named {
            talk::data(format!("  {}", harmless(path)));
        }
    }
}
