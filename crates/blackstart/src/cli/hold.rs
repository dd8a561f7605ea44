//! `blackstart hold DIR ID --reason TEXT`: nothing is done to this thing until it is resumed.

use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, talk};
use estate::{Id, canonical};
use incident::event::CommandEvent;
use incident::{Event, View};

/// Do nothing to this thing until it is resumed: no step of a restart is begun on it, and nothing is cut off. A running
/// `recover` notices within a second; what it has begun already ends first.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the incident.
    folder: PathBuf,
    /// What to hold: a service, store, host or site.
    id: Id,
    /// Why: shown to everybody who waits for it.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let mut incident = folder::open(&args.folder, &args.by)?;
    known(incident.view(), &args.id)?;
    let placed = CommandEvent::HoldPlaced { on: args.id.clone(), reason: args.reason.clone() };
    folder::record(&mut incident, &[Event::Command(placed)])?;
    talk::say(format!(
        "{} is on hold. Lift it: blackstart resume {} {} --reason TEXT",
        args.id,
        args.folder.display(),
        args.id
    ));
    Ok(Answer::Done)
}

/// A hold on a name that does not exist would hold nothing, and nobody would notice.
fn known(view: &View, id: &Id) -> Result<(), Failure> {
    let text = view.command.estate_hash.as_ref().and_then(|hash| view.command.estates.get(hash));
    let estate = text.and_then(|text| canonical::from_text(text).ok());
    if estate.is_none_or(|estate| estate.contains(id)) {
        return Ok(());
    }
    Err(Failure::usage(
        format!("{id} is not in the estate of this incident"),
        "nothing is on hold",
        "use the id as the estate has it; `blackstart status` and `blackstart plan` name them",
    ))
}
