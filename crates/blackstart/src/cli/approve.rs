//! `blackstart approve`: allow a plan to be run, by its hash.

use std::path::{Path, PathBuf};

use super::folder::{self, By};
use super::plan::read_file;
use super::{Answer, Failure, FailureKind, place, talk};
use estate::{Estate, canonical};
use incident::View;
use message::{Command, Remedy};
use plan::{Plan, decide, page};

/// Shows a recorded plan and allows it to be run. At most one plan is allowed at a time; each run needs an
/// approval of its own.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Hash of the plan, or its first 12 digits or more if they are unique; or the plan file.
    #[arg(value_name = "HASH|PLAN")]
    pub plan: PathBuf,
    /// Do not ask; what would be asked is shown all the same.
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub by: By,
}

const FORM: &str = "blackstart approve DIR HASH";

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_write(args.folder.as_deref(), FORM)?;
    let view = folder::read(&folder)?;
    let named = named(&args.plan)?;
    decide::approve(&view, &named).map_err(|refusal| refused(&refusal, &folder))?;
    let (hash, recorded) = decide::find(&view, &named).map_err(|refusal| refused(&refusal, &folder))?;
    let plan = Plan::read(&recorded.text)
        .map_err(|fault| refused(&decide::ApprovalRefusal::NotRunnable(fault.to_string()), &folder))?;
    talk::say(page::summary(&estate(&view, &plan), &plan));
    if !talk::agreed("Allow this plan to be run?", args.yes) {
        return Err(Failure::refused(
            "the plan was not approved",
            "nothing was recorded, and nothing will be run",
            Remedy::run_to("to allow it", Command::new("approve").incident().with(hash)),
        )
        .of(&folder));
    }
    let mut incident = folder::open(&folder, &args.by)?;
    // Decided again on the newest entries: what was shown is named by its hash and cannot have changed, but
    // the estate in force can.
    let decided = folder::decide(&mut incident, |view| decide::approve(view, hash))?;
    decided.map_err(|refusal| refused(&refusal, &folder))?;
    talk::data(format!("approved {hash}"));
    let shown = folder.display().to_string();
    let recover = Command::new("recover").with("--journal").incident().line(Some(&shown));
    talk::say(format!("to run it: {recover}"));
    Ok(Answer::Done)
}

/// The hash that is meant. A plan file is named by the hash over what is in it.
fn named(plan: &Path) -> Result<String, Failure> {
    if place::is_named(plan) {
        return Err(Failure::usage(
            format!("{} is an incident, not a plan", plan.display()),
            "no plan is named, so nothing was approved",
            Remedy::run_to(
                "name the plan too, by its hash or its file; status shows it",
                Command::new("status").with(plan.display()),
            ),
        ));
    }
    if !plan.is_file() {
        return Ok(plan.display().to_string());
    }
    read_file(plan).map(|plan| plan.hash())
}

/// The estate the plan was made for, as the journal keeps it; only names and insured are taken from it.
fn estate(view: &View, plan: &Plan) -> Estate {
    let text = view.command.estates.get(&plan.estate_hash);
    text.and_then(|text| canonical::from_text(text).ok()).unwrap_or_default()
}

fn refused(refusal: &decide::ApprovalRefusal, folder: &Path) -> Failure {
    Failure::says(FailureKind::Refused, refusal.message()).of(folder)
}
