//! `blackstart choose`: which snapshot of a store is restored.

use std::path::Path;

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, named, place, talk};
use estate::{Id, Kind};
use incident::View;
use incident::plan::file::Plan;
use incident::scan::SnapshotView;
use message::harmless;
use message::{Command, Remedy};
use scan::choose::{self, ChoiceRefusal};

/// Choose the recovery point of a store among its clean snapshots. It stands, whatever later scans find, until somebody
/// chooses again.
///
/// Needed where many files vanished before the newest clean snapshot was made: a scan then chooses none, because
/// only a person can say whether those files are wanted back.
#[derive(Debug, clap::Args)]
#[command(override_usage = "blackstart choose [OPTIONS] [DIR] <STORE> <SNAPSHOT>")]
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
    let (named, typed, start) = match &args.third {
        Some(third) => (Some(Path::new(&args.first)), &args.second, third),
        None => (None, &args.first, &args.second),
    };
    let folder = place::to_write(named, "blackstart choose DIR STORE SNAPSHOT")?;
    let view = folder::read(&folder)?;
    let store = named::in_incident(&view, typed, &[Kind::Store])?;
    let refused = |refusal: &ChoiceRefusal| {
        Failure::says(FailureKind::Refused, refusal.message(&store, &args.reason)).of(&folder)
    };
    let snapshot = choose::find(&view, &store, start).map_err(|refusal| refused(&refusal))?.clone();
    show(&store, &snapshot);
    if !talk::agreed("Restore this snapshot?", args.yes) {
        let mut again = Command::new("choose").incident().with(&store).with(&snapshot.id);
        if !args.reason.is_empty() {
            again = again.option("--reason", &args.reason);
        }
        let failure = Failure::refused(
            "no snapshot was chosen",
            "nothing was recorded; what was chosen before still counts",
            Remedy::run_to("to choose it", again.with("--yes")),
        );
        return Err(failure.of(&folder));
    }
    let mut incident = folder::open(&folder, &args.by)?;
    // Decided again on the newest entries: a scan may have judged it anew meanwhile.
    let decided =
        folder::decide(&mut incident, |view| choose::choose(view, &store, &snapshot.id, &args.reason))?;
    decided.map_err(|refusal| refused(&refusal))?;
    talk::data(format!("chosen {}", snapshot.id));
    say_next(incident.view(), &store, &snapshot.id, &folder.display().to_string());
    Ok(Answer::Done)
}

/// A choice restores nothing by itself, and one that comes after the restore would change nothing in silence.
fn say_next(view: &View, store: &Id, snapshot: &str, folder: &str) {
    let approved = view.plan.approved.as_ref().and_then(|hash| view.plan.plans.get(hash));
    let planned = approved.and_then(|plan| Plan::read(&plan.text).ok());
    let mut steps = planned.iter().flat_map(|plan| &plan.steps);
    let fixed = steps.find_map(|step| step.recovery_point.as_ref().filter(|_| step.service == *store));
    let file = format!("{}/plan-{}.json", folder.trim_end_matches('/'), view.entries);
    let plan = Command::new("plan").option("--lost", store).with("--journal").incident().option("-o", file);
    let plan = plan.line(Some(folder));
    if let Some(entry) = view.recover.restored.get(store) {
        talk::say(format!(
            "{store} was restored already, in entry {entry}, and is as it was put there: this choice changes nothing until it \
             is restored again. To restore it from this snapshot, plan that and approve the plan: {plan}"
        ));
    } else if let Some(fixed) = fixed.filter(|fixed| *fixed != snapshot) {
        let fixed: String = fixed.chars().take(12).collect();
        talk::say(format!(
            "the approved plan restores {fixed}, as it was chosen when it was made. To restore this snapshot, plan again and \
             approve that: {plan}"
        ));
    }
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
