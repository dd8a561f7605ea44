//! One repository: read, recorded if it is a store's, shown.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};

use message::{Command, Remedy, counted_as, harmless};

use super::super::folder;
use super::super::{Answer, Failure, FailureKind, talk, whole_file};
use super::progress::Bar;
use super::{Args, rules, show};
use estate::Id;
use estate::model::shown_address;
use incident::store::Incident;
use scan::decide::Copies;
use scan::history::Digest;
use scan::ledger::Ledger;
use scan::report::{RepositoryReport, Whole};
use scan::restic::inside::Own;
use scan::restic::{self, Opened, RepositoryFault, Request};
use scan::rules::Rules;
use scan::snapshots::{self, Sighting, short};
use scan::{shown, timeline};

/// Whose copies a repository holds.
pub(in crate::cli) enum Whose {
    /// Nobody's that is known.
    Nobodys,
    /// A store's, by the estate; nothing is recorded.
    OfAStore(Copies),
    /// The same, recorded.
    Recorded(Id, Box<Incident>),
}

/// What a scan came to.
pub(in crate::cli) struct Judged {
    pub(in crate::cli) report: RepositoryReport,
    /// The verdicts are recorded, and something forbids choosing.
    pub(in crate::cli) refused: Option<Failure>,
}

pub(super) fn run(args: &Args, named: &str, password: &str, whose: Whose) -> Result<Answer, Failure> {
    let Judged { report, refused } = judged(args, named, password, whose)?;
    if let Some(path) = &args.html {
        whole_file::write(path, &timeline::page(&shown_address(named), &report))?;
    }
    if args.json {
        talk::json(&report);
    } else {
        show::repository(&report);
    }
    match refused {
        Some(refused) => Err(refused),
        None if report.last_clean.is_some() => Ok(Answer::Done),
        None => Ok(Answer::No),
    }
}

pub(in crate::cli) fn judged(
    args: &Args,
    named: &str,
    password: &str,
    whose: Whose,
) -> Result<Judged, Failure> {
    let opened = restic::open(named, password).map_err(|fault| cannot_open(&fault))?;
    let rules = rules(args)?;
    let series = || opened.snapshots().iter().map(|snapshot| snapshot.series.clone()).collect::<Vec<_>>();
    let (copies, journal) = match whose {
        Whose::Nobodys => (None, None),
        Whose::OfAStore(copies) => (Some(copies), None),
        Whose::Recorded(store, incident) => {
            (Some(Copies::of(&store, incident.view().estate_in_force().as_ref())), Some((store, *incident)))
        }
    };
    let own = copies.as_ref().map(|copies| {
        copies.own(&series()).map_err(|not_said| {
            let failure = Failure::says(FailureKind::Refused, not_said.message());
            match &journal {
                Some((_, incident)) => failure.of(incident.folder()),
                None => failure,
            }
        })
    });
    let own = own.transpose()?;
    let (order, mut journal) = in_order(&opened, journal, own)?;
    let accepted = journal.as_ref().map(|(store, incident)| accepted(store, incident)).unwrap_or_default();
    let ledger = ledger(args, &opened, rules.as_ref())?;
    let mut bar = Bar::new();
    let request = Request {
        order: &order,
        newest: args.newest.map(|newest| usize::try_from(newest).unwrap_or(usize::MAX)),
        tolerate: args.tolerate,
        rules: rules.as_ref(),
        own,
        accepted: &accepted,
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
    Ok(Judged { report, refused })
}

/// Contents that a person has accepted in this store.
fn accepted(store: &Id, incident: &Incident) -> BTreeSet<Digest> {
    let known = incident.view().scan.stores.get(store);
    known
        .into_iter()
        .flat_map(|known| &known.accepted)
        .filter_map(|text| scan::accept::digest(text))
        .collect()
}

/// A scan changes nothing in the repository, so nothing that it writes may lie in there.
pub(super) fn keeps_out(args: &Args, journal: Option<&Path>, repository: &str) -> Result<(), Failure> {
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

pub(in crate::cli) fn cannot_open(fault: &RepositoryFault) -> Failure {
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
