//! `blackstart resume DIR ID --reason TEXT`: lifts a hold, lets a failed step be tried again, settles a doubt, or
//! accepts an entry that cannot be read.

use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, named, place, talk};
use message::{Command, Reason};
use situation::decide::{self, CheckedByHand, GoesOn, Refusal};

/// Let work on this thing go on: allow its failed steps to be tried again, release a start that needs a second person, say
/// how a doubt was settled (--found), or lift its hold. Where it waits for a hold and for something else, the hold stays until
/// --lift-hold names it: whoever repaired something has not answered why somebody else placed a hold. `entry:N` accepts an entry
/// that this version cannot read. Then call `recover` again.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// `kind:name`, the name alone where only one thing has it, or `entry:N`.
    what: String,
    /// Why it may go on: what was repaired, looked at or decided.
    #[arg(long)]
    reason: Reason,
    /// You have checked whether a step in doubt happened.
    #[arg(long, value_enum)]
    found: Option<FoundByHand>,
    /// Lift the hold on it, and change nothing else.
    #[arg(long, conflicts_with = "found")]
    lift_hold: bool,
    #[command(flatten)]
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FoundByHand {
    /// It happened: it is not done again.
    Done,
    /// It did not happen: it is begun again.
    NotDone,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_write(args.folder.as_deref(), "blackstart resume DIR ID --reason TEXT")?;
    let mut incident = folder::open(&folder, &args.by)?;
    let refused = |refusal: Refusal| Failure::says(kind(&refusal), refusal.message()).of(&folder);
    if let Some(entry) = args.what.strip_prefix("entry:") {
        folder::decide(&mut incident, |view| decide::accept(view, entry, &args.reason))?.map_err(refused)?;
    } else {
        let id = named::in_incident(incident.view(), &args.what, named::PLACES_AND_PARTS)?;
        let by = args.by.name();
        let what = match (args.lift_hold, args.found) {
            (true, _) => GoesOn::Hold,
            (false, None) => GoesOn::Work,
            (false, Some(found)) => {
                GoesOn::Checked(CheckedByHand { happened: found == FoundByHand::Done, by: &by })
            }
        };
        folder::decide(&mut incident, |view| decide::resume(view, &id, what, &args.reason))?
            .map_err(refused)?;
        if let Some(hold) = incident.view().command.holds.get(&id) {
            let shown = folder.display().to_string();
            talk::say(format!(
                "recorded; {id} stays on hold ({}, by {}). When that is answered too: {}",
                hold.reason,
                hold.by,
                Command::lift_hold(&id).line(Some(&shown))
            ));
            return Ok(Answer::Done);
        }
    }
    talk::say(format!("{} may go on", args.what));
    if incident.view().recover.run.as_ref().is_some_and(|run| run.ended.is_some()) {
        let shown = folder.display().to_string();
        let recover = Command::new("recover").with("--journal").incident().line(Some(&shown));
        talk::say(format!("to go on with the run: {recover}"));
    }
    Ok(Answer::Done)
}

fn kind(refusal: &Refusal) -> FailureKind {
    match refusal {
        Refusal::InDoubt(_) | Refusal::NothingToResume(_) | Refusal::NotRead { .. } => FailureKind::Refused,
        Refusal::EmptyNote
        | Refusal::NotInEstate(_)
        | Refusal::NothingInDoubt(_)
        | Refusal::NotOnHold(_)
        | Refusal::CouldBeRead(_) => FailureKind::Usage,
    }
}
