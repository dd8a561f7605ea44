//! `blackstart note DIR TEXT`: the commander's own log.

use std::path::Path;

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, place, talk};
use message::{Command, Remedy, quoted};
use situation::decide;

/// Write into the commander's log: what was decided, said, heard. It is on disk when this returns.
///
/// The first word is taken for the incident if it is the folder of one. Otherwise all words are the note, and the
/// incident is the one you are in, or the one in BLACKSTART_DIR.
#[derive(Debug, clap::Args)]
#[command(override_usage = "blackstart note [OPTIONS] [DIR] <TEXT>...")]
pub struct Args {
    /// Folder of the incident, if it is named, and what to write. Several words need no quotes.
    #[arg(required = true, value_name = "TEXT")]
    words: Vec<String>,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let (named, words) = split(&args.words)?;
    let text = words.join(" ");
    let noted =
        decide::note(&text).map_err(|refusal| Failure::says(FailureKind::Usage, refusal.message()))?;
    let folder = place::to_write(named, FORM).map_err(|mut failure| {
        if words.len() > 1 {
            failure.message.what =
                format!("{} is not an incident folder; {}", quoted(&words[0]), failure.message.what);
        }
        failure
    })?;
    let mut incident = folder::open(&folder, &args.by)?;
    folder::record(&mut incident, &noted)?;
    talk::say(format!("entry {} written", incident.view().entries.saturating_sub(1)));
    Ok(Answer::Done)
}

const FORM: &str = "blackstart note DIR TEXT";

/// The incident, if the first word names one, and the note. A first word that can only be meant as a folder, and is
/// none of an incident, is not quietly made a part of the note.
fn split(words: &[String]) -> Result<(Option<&Path>, &[String]), Failure> {
    let Some((first, rest)) = words.split_first() else { return Ok((None, words)) };
    let path = Path::new(first);
    if place::is_named(path) {
        return Ok((Some(path), rest));
    }
    let is_meant_as_folder =
        path.is_dir() || ["/", "./", "../", "~"].iter().any(|start| first.starts_with(start));
    if rest.is_empty() || !is_meant_as_folder {
        return Ok((None, words));
    }
    Err(Failure::usage(
        format!("{} is not an incident folder: it has no journal", quoted(first)),
        "it is not clear whether it is the incident or the first word of the note; nothing was written",
        Remedy::run_to(
            format!("name the incident ({FORM}), or put the note into quotes"),
            Command::new("note").with(words.join(" ")),
        ),
    ))
}
