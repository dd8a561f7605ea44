//! `blackstart plan`: in which order does everything come back, and when?

use std::io::Write;
use std::path::{Path, PathBuf};

use super::folder::{self, By};
use super::{Answer, Failure, read_estate, talk};
use crate::estate::{Id, canonical};
use crate::incident::View;
use crate::plan::{self, Made, Refusal, answer, decide, instance::RecoveryPoints, page};

/// Computes in which order everything comes back and when, under the limits of the estate, so that as few
/// insured people as possible wait as short as possible. Says what the usual orders would cost, what no plan
/// can beat, and what it does not know. Touches nothing; with --journal the plan is recorded.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with the estate's *.toml files, or one such file.
    pub estate: PathBuf,
    /// Sites, hosts, services and stores that are lost, as `kind:name`. Without it everything is lost.
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub lost: Vec<String>,
    /// Incident folder: recovery points are taken from it, and the plan is recorded in it.
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// File to write the plan to, all or nothing.
    #[arg(short, value_name = "PLAN")]
    pub output: Option<PathBuf>,
    /// Print the plan as JSON instead of a page.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let lost = ids(&args.lost)?;
    let estate = read_estate::read(&args.estate)?;
    let estate_hash = canonical::hash(&estate);
    let view = args.journal.as_deref().map(folder::read).transpose()?;
    let points = view.as_ref().map(recovery_points);
    let made = plan::make(&estate, &estate_hash, &lost, points.as_ref()).map_err(|refusal| refused(&refusal))?;
    if let Some(output) = &args.output {
        write_whole(output, &made.plan.to_text()).map_err(|error| {
            Failure::fault(
                format!("cannot write {}: {error}", output.display()),
                "there is no plan file; whatever stood there before still stands there",
                "look at the path, its permissions and the free space, then call again",
            )
        })?;
    }
    if let (Some(journal), Some(view)) = (&args.journal, &view) {
        record(journal, view, &made, &args.by)?;
    }
    if args.json {
        talk::json(&answer::answer(&made));
    } else {
        talk::data(page::page(&estate, &made).trim_end());
    }
    Ok(Answer::Done)
}

/// Ids as typed.
pub(super) fn ids(typed: &[String]) -> Result<Vec<Id>, Failure> {
    let read = |text: &String| {
        text.parse::<Id>().map_err(|error| {
            Failure::usage(
                error.to_string(),
                "nothing was done: it is not clear what is meant",
                "write it as it stands in the estate, for example site:muc or service:identity-muc",
            )
        })
    };
    typed.iter().map(read).collect()
}

/// Recovery points that were chosen and that are still judged clean.
fn recovery_points(view: &View) -> RecoveryPoints {
    let clean = |store: &crate::scan::view::StoreView| {
        let point = store.recovery_point.as_ref()?;
        let judged = store.snapshots.iter().find(|snapshot| snapshot.id == *point)?;
        (judged.clean == Some(true)).then(|| point.clone())
    };
    view.scan.stores.iter().filter_map(|(id, store)| Some((id.clone(), clean(store)?))).collect()
}

fn record(journal: &Path, view: &View, made: &Made, by: &By) -> Result<(), Failure> {
    let hash = made.plan.hash();
    if view.command.estate_hash.as_ref() != Some(&made.plan.estate_hash) {
        talk::say("note: this is not the estate that is in force in the incident; the plan cannot be approved there");
    }
    let mut incident = folder::open(journal, by)?;
    let decided = incident.decide(folder::now_ms(), |view| Ok::<_, Refusal>(decide::record(view, &made.plan)));
    match decided.map_err(|fault| folder::failure(journal, &fault))? {
        Ok(events) if events.is_empty() => talk::say("this plan is already recorded"),
        Ok(_) => talk::say(format!("recorded; to allow it: blackstart approve {} {hash}", journal.display())),
        Err(refusal) => return Err(refused(&refusal)),
    }
    Ok(())
}

fn refused(refusal: &Refusal) -> Failure {
    Failure::refused(refusal.to_string(), refusal.means(), refusal.to_do())
}

/// The file holds either all of the text or what it held before, also after a crash.
pub(super) fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut name = path.file_name().ok_or(std::io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = folder.join(name);
    let mut file = std::fs::File::create(&new)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    let placed = written.and_then(|()| std::fs::rename(&new, path));
    if placed.is_err() {
        // The first error is the one to report; a leftover has a name that says what it is.
        let _ = std::fs::remove_file(&new);
    }
    placed?;
    std::fs::File::open(folder)?.sync_all()
}
