//! `blackstart hold DIR ID --reason TEXT`: nothing is done to this thing until it is resumed.

use std::path::{Path, PathBuf};

use message::{Command, Reason};

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, named, place, talk};
use situation::decide::{self, Refusal};

/// Do nothing to this thing until it is resumed: no step of a restart is begun on it, and nothing is cut off. A running
/// `recover` notices within a second; what it has begun already ends first.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// What to hold: a service, store, host or site. The name alone will do where only one of them has it.
    id: String,
    /// Why: shown to everybody who waits for it.
    #[arg(long)]
    reason: Reason,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_write(args.folder.as_deref(), "blackstart hold DIR ID --reason TEXT")?;
    let mut incident = folder::open(&folder, &args.by)?;
    let id = named::in_incident(incident.view(), &args.id, named::PLACES_AND_PARTS)?;
    folder::decide(&mut incident, |view| decide::hold(view, &id, &args.reason))?
        .map_err(|refusal| refused(&refusal, &folder))?;
    let lift = Command::resume(&id).line(Some(&folder.display().to_string()));
    talk::say(format!("{id} is on hold. Lift it: {lift}"));
    Ok(Answer::Done)
}

fn refused(refusal: &Refusal, folder: &Path) -> Failure {
    Failure::says(FailureKind::Usage, refusal.message()).of(folder)
}
