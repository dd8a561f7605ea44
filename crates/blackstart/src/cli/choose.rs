//! `blackstart choose`: which snapshot of a store is restored.

use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, talk};
use crate::estate::Id;
use crate::scan::choose::{self, ChoiceRefusal};
use crate::scan::shown::harmless;
use crate::scan::view::SnapshotView;

/// Choose the recovery point of a store among its clean snapshots. It stands, whatever later scans find, until somebody
/// chooses again.
///
/// Needed where many files vanished before the newest clean snapshot was made: a scan then chooses none, because
/// only a person can say whether those files are wanted back.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Incident folder.
    folder: PathBuf,
    /// The store, for example `store:core-muc`.
    store: String,
    /// Id of the snapshot, or its first characters if they are unique.
    snapshot: String,
    /// Why; written beside the entry.
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Do not ask; what would be asked is shown all the same.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let store: Id = args.store.parse().map_err(|error| {
        Failure::usage(
            format!("`{}` is not a store: {error}", args.store),
            "nothing was recorded",
            "name the store as the estate does, for example store:core",
        )
    })?;
    let view = folder::read(&args.folder)?;
    let snapshot =
        choose::find(&view, &store, &args.snapshot).map_err(|refusal| refused(&refusal, args))?.clone();
    show(&store, &snapshot);
    if !talk::agreed("Restore this snapshot?", args.yes) {
        return Err(Failure::refused(
            "no snapshot was chosen",
            "nothing was recorded; what was chosen before still counts",
            format!(
                "to choose it: blackstart choose {} {store} {} --yes",
                args.folder.display(),
                snapshot.id
            ),
        ));
    }
    let mut incident = folder::open(&args.folder, &args.by)?;
    // Decided again on the newest entries: a scan may have judged it anew meanwhile.
    let decided =
        incident.decide(folder::now_ms(), |view| choose::choose(view, &store, &snapshot.id, &args.reason));
    decided
        .map_err(|fault| folder::failure(&args.folder, &fault))?
        .map_err(|refusal| refused(&refusal, args))?;
    talk::data(format!("chosen {}", snapshot.id));
    Ok(Answer::Done)
}

fn show(store: &Id, snapshot: &SnapshotView) {
    talk::say(format!(
        "{store}: snapshot {}, claims {}, first seen {}",
        snapshot.id,
        harmless(&snapshot.claims_time),
        folder::time(snapshot.first_seen_ms)
    ));
    for reason in &snapshot.reasons {
        talk::say(format!("  {}", harmless(reason)));
    }
}

fn refused(refusal: &ChoiceRefusal, args: &Args) -> Failure {
    let (folder, store) = (args.folder.display(), &args.store);
    let means = "nothing was recorded; what was chosen before still counts";
    let to_do = match refusal {
        ChoiceRefusal::Unread { sequence, .. } => format!(
            "use the newer program that wrote it, or accept it: blackstart resume {folder} entry:{sequence} --reason TEXT"
        ),
        ChoiceRefusal::NeverScanned(_) | ChoiceRefusal::NotJudged(_) => {
            format!("judge its snapshots: blackstart scan restic:REPO --journal {folder} --store {store}")
        }
        ChoiceRefusal::NoSnapshot { .. } | ChoiceRefusal::NotUnique { .. } => {
            "give more of the id, as the scan printed it".to_owned()
        }
        ChoiceRefusal::NotClean { .. } => {
            "choose one that is clean; single files of this one can be brought back from where they are last clean"
                .to_owned()
        }
    };
    Failure::refused(harmless(&refusal.to_string()), means, to_do)
}
