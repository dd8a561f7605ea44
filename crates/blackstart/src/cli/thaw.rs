//! `blackstart thaw DIR PID --reason TEXT`: what was frozen at an alarm goes on.

use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, place, talk};
use message::{Command, Reason, Remedy};
use scan::{freeze, frozen};

/// Let a process go on that the watch froze at an alarm, because somebody has looked at it. Call it on the machine on which the
/// process runs. Ending the process instead is `kill`.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The number of the process, as `status` names it.
    #[arg(value_name = "PID")]
    pid: i32,
    /// What was looked at, and why it may write on.
    #[arg(long)]
    reason: Reason,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_write(args.folder.as_deref(), "blackstart thaw DIR PID --reason TEXT")?;
    let mut incident = folder::open(&folder, &args.by)?;
    let refused =
        |refusal: frozen::Refusal| Failure::says(FailureKind::Refused, refusal.message()).of(&folder);
    let known = frozen::waiting(incident.view(), args.pid).map_err(refused)?.clone();
    if known.target.boot != freeze::boot() {
        return Err(Failure::refused(
            format!("process {} ran on another machine, or before this one was started anew", args.pid),
            "nothing was changed: the process of this number here is another one",
            Remedy::run_to(
                "call this on the machine that watches the store; after a restart of that machine the process is gone",
                Command::new("status").incident(),
            ),
        )
        .of(&folder));
    }
    folder::decide(&mut incident, |view| frozen::thaw(view, args.pid, &args.reason))?.map_err(refused)?;
    let done = freeze::thaw(&known.target);
    let Ok(_) = folder::decide(&mut incident, |_| {
        Ok::<_, std::convert::Infallible>(frozen::thaw_ended(&known.store, &known.target, &done))
    })?;
    match done {
        Ok(detail) => {
            talk::say(format!("process {}: {detail}", args.pid));
            Ok(Answer::Done)
        }
        Err(why) => Err(Failure::fault(
            format!("process {} was not let go on: {why}", args.pid),
            "it is recorded that it may go on; it may still be frozen",
            Remedy::run_to(
                "look at it, then call again",
                Command::new("thaw").incident().with(args.pid).reason(),
            ),
        )
        .of(&folder)),
    }
}
