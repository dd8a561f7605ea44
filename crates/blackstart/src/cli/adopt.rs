//! `blackstart adopt DIR ESTATE --reason TEXT`: an edited estate is put in force in an incident.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, place, read_estate, talk};
use estate::{Estate, Id, Kind, canonical, fingerprint};
use message::{Command, Reason, counted};
use situation::decide;

/// Put an edited estate in force: from here on `status`, approvals and runs go by it. Shows what is different first. Steps
/// of an approved plan whose part was changed hold until there is a new plan; everything else goes on. The journal keeps
/// every estate that was ever in force.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Folder with the estate's *.toml files, or one such file.
    estate: PathBuf,
    /// Why it was edited.
    #[arg(long)]
    reason: Reason,
    /// Do not ask; what would be asked is shown all the same.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_write(args.folder.as_deref(), "blackstart adopt DIR ESTATE --reason TEXT")?;
    let estate = read_estate::read(&args.estate)?;
    let view = folder::read(&folder)?;
    if view.command.estate_hash.as_ref() == Some(&canonical::hash(&estate)) {
        talk::data("this estate is in force already");
        return Ok(Answer::Done);
    }
    show(view.estate_in_force().as_ref(), &estate);
    if !talk::agreed("Put this estate in force?", args.yes) {
        return Err(Failure::refused(
            "nobody agreed",
            "the estate in force is the one it was",
            "call again with --yes",
        ));
    }
    let mut incident = folder::open(&folder, &args.by)?;
    let decided = folder::decide(&mut incident, |view| {
        Ok::<_, Infallible>(decide::adopt_because(view, &estate, &args.reason))
    })?;
    let Ok(_) = decided;
    let shown = folder.display().to_string();
    let plan = Command::new("plan").with("--journal").incident().line(Some(&shown));
    talk::say(format!("in force: estate {}; to plan on it: {plan}", &canonical::hash(&estate)[..12]));
    Ok(Answer::Done)
}

pub(super) fn show(before: Option<&Estate>, after: &Estate) {
    let Some(before) = before else {
        talk::data("no estate was in force that can be read");
        return;
    };
    let parts = |estate: &Estate| -> BTreeSet<Id> {
        estate.services.keys().chain(estate.stores.keys()).cloned().collect()
    };
    let (old, new) = (parts(before), parts(after));
    let both: Vec<&Id> = old.intersection(&new).collect();
    let (then, now) =
        (fingerprint::hashes(before, both.iter().copied()), fingerprint::hashes(after, both.iter().copied()));
    let changed: Vec<&Id> = both.into_iter().filter(|id| then.get(*id) != now.get(*id)).collect();
    let lines = [
        ("new", new.difference(&old).collect::<Vec<_>>()),
        ("gone", old.difference(&new).collect()),
        ("changed, itself or what it rests on", changed),
    ];
    let mut is_same = true;
    for (word, ids) in lines {
        if !ids.is_empty() {
            is_same = false;
            let services = ids.iter().filter(|id| id.kind() == Kind::Service).count();
            let stores = ids.len() - services;
            talk::data(format!(
                "{word}: {} and {}: {}",
                counted(services, "service"),
                counted(stores, "store"),
                plan::explain::some(&ids)
            ));
        }
    }
    if is_same {
        talk::data("no service and no store is different: tenants, capabilities, limits or names are");
    }
}
