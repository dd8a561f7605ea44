//! `blackstart attach FILE`: an artefact is vouched for by its hash.

use std::path::PathBuf;

use estate::id::Kind;
use evidence::attach::{self, Provenance};
use message::counted;

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, named, place, talk};

/// Record the hash of a file that lies outside of the journal (a disk image, a capture, a letter), where it is from and who has it.
/// The file stays where it is and is not copied: keep it. Bundles of the journal carry the hash, which proves later that a file is
/// the one that was there now. When it is handed on, attach it again: the entries of one hash are its custody.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Where it is from and how it was made.
    #[arg(long, value_name = "TEXT")]
    origin: String,
    /// Who has it from now on, and where. Without it: whoever is written beside the entry, at the place of the file.
    #[arg(long, value_name = "TEXT")]
    custody: Option<String>,
    /// The one tenant that it concerns alone; then it stands in this tenant's bundle.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_write(args.folder.as_deref(), "blackstart attach DIR FILE --origin TEXT")?;
    let artefact = attach::read(&args.file).map_err(|error| {
        Failure::usage(
            format!("cannot take the hash of {}: {error}", args.file.display()),
            "nothing was recorded",
            "name a file that can be read and is not being written",
        )
    })?;
    let mut incident = folder::open(&folder, &args.by)?;
    let tenant = match &args.tenant {
        Some(typed) => Some(named::in_incident(incident.view(), typed, &[Kind::Tenant])?),
        None => None,
    };
    let here = || {
        let place = std::path::absolute(&args.file).unwrap_or_else(|_| args.file.clone());
        format!("{}, {}", args.by.name(), place.display())
    };
    let custody = args.custody.clone().unwrap_or_else(here);
    let wish =
        Provenance { artefact: &artefact, origin: &args.origin, custody: &custody, tenant: tenant.as_ref() };
    folder::decide(&mut incident, |view| attach::decide(view.estate_in_force().as_ref(), &wish))?
        .map_err(|refusal| Failure::says(FailureKind::Usage, refusal.message()).of(&folder))?;
    talk::data(format!("{}  {}", artefact.sha256, artefact.name));
    let links = incident.view().evidence.attached.iter().filter(|one| one.sha256 == artefact.sha256);
    let entries: Vec<String> = links.map(|one| one.sequence.to_string()).collect();
    talk::say(format!(
        "recorded, {}; {} with this hash: {}",
        counted(artefact.bytes, "byte"),
        if entries.len() == 1 { "the first entry" } else { "entries" },
        entries.join(", ")
    ));
    Ok(Answer::Done)
}
