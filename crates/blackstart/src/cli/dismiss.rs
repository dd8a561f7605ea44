//! `blackstart dismiss DIR ENTRY --reason TEXT`: somebody has looked, and it was not an attack.

use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, place, talk};
use message::{Reason, counted};

/// Close an alarm of the watch: somebody has looked, and it was not an attack.
///
/// Only this alarm is closed; others of its store stay open. What is dismissed is what was there: other files, and the same files with
/// other content, are an alarm again. A restore of the store closes its alarms by itself.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The entry of the alarm, as `status` and the watch name it: 17, or entry:17.
    #[arg(value_name = "ENTRY")]
    alarm: String,
    /// What was looked at, and why it is harmless.
    #[arg(long)]
    reason: Reason,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_write(args.folder.as_deref(), "blackstart dismiss DIR ENTRY --reason TEXT")?;
    let typed = args.alarm.strip_prefix("entry:").unwrap_or(&args.alarm);
    let alarm: u64 = typed.parse().map_err(|_| {
        Failure::usage(
            format!("`{}` is not the number of an entry", args.alarm),
            "nothing was recorded; what was open is open",
            "give the number that `status` shows beside the alarm",
        )
    })?;
    let mut incident = folder::open(&folder, &args.by)?;
    let known = incident.view().scan.stores.iter().find_map(|(store, known)| {
        let open = known.alarms.iter().find(|open| open.sequence == alarm)?;
        Some(format!("{store}: {} {}", counted(open.files, "file"), open.about.words()))
    });
    folder::decide(&mut incident, |view| scan::decide::dismiss(view, alarm, &args.reason))?
        .map_err(|refusal| Failure::says(FailureKind::Refused, refusal.message()).of(&folder))?;
    talk::say(format!("dismissed: {}", known.unwrap_or_default()));
    Ok(Answer::Done)
}
