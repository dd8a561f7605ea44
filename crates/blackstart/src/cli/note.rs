//! `blackstart note DIR TEXT`: the commander's own log.

use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, talk};
use crate::incident::Event;
use crate::incident::event::CommandEvent;

/// Write into the commander's log: what was decided, said, heard. It is on disk when this returns.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the incident.
    folder: PathBuf,
    /// What to write. Several words need no quotes.
    #[arg(required = true)]
    text: Vec<String>,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let text = args.text.join(" ");
    if text.trim().is_empty() {
        return Err(Failure::usage(
            "the note is empty",
            "nothing was written",
            "say what happened or what was decided",
        ));
    }
    let mut incident = folder::open(&args.folder, &args.by)?;
    folder::record(&mut incident, &[Event::Command(CommandEvent::NoteWritten { text })])?;
    talk::say(format!("entry {} written", incident.view().entries.saturating_sub(1)));
    Ok(Answer::Done)
}
