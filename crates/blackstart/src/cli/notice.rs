//! `blackstart notice`: pages for the public, and what is said on them.

mod say;
mod verify;

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use super::folder::{self, By};
use super::{Answer, Failure, place, read_estate, talk};
use estate::Estate;
use incident::store;
use incident::{Event, View};
use message::{Command, Remedy, counted};
use notice::mark::About;
use notice::public::{Back, Forecasts};
use notice::publish::{self, PublishFault};
use notice::site::Proof;
use notice::{decide, manifest, public, say as rules, site};

/// Tell the public: statements, and pages per tenant and language that need nothing else to be read.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write all pages from what the journal says now. Copy the folder to any web server, or print it.
    Build(Build),
    /// Record what is said to the public, once, for every page that it belongs on. What does not agree with what is known,
    /// or lacks a language, is refused.
    Say(Box<say::Say>),
    /// Every statement with its time, who made it, what it rests on and what corrected it.
    Ledger(say::StatementList),
    /// Tell whether a copy of the pages is ours, whole and unchanged. Needs the public key and nothing else. Exit 1 if not.
    Verify(verify::Verify),
}

#[derive(Debug, clap::Args)]
struct Build {
    /// The estate: names, languages, colours.
    estate: PathBuf,
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Folder to write: absent, empty, or written by this command before; then it is replaced as a whole, in one step.
    #[arg(short, long, value_name = "SITE")]
    out: PathBuf,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.what {
        What::Build(args) => build(args),
        What::Say(args) => say::say(args),
        What::Ledger(args) => say::ledger(args),
        What::Verify(args) => verify::verify(args),
    }
}

fn build(args: &Build) -> Result<Answer, Failure> {
    let estate = read_estate::read(&args.estate)?;
    let form = "blackstart notice build ESTATE --journal DIR -o SITE";
    let folder = place::to_write(args.journal.as_deref(), form)?;
    let shown = args.out.display().to_string();
    // Opened before anything is shown to anybody: what cannot be recorded is not published.
    let mut incident = folder::open(&folder, &args.by)?;
    let checkpoint = store::newest_checkpoint(&folder);
    let journal = checkpoint.as_ref().map(|known| known.origin.clone()).unwrap_or_default();
    let standing = publish::standing(&args.out);
    let missing = folder::decide(&mut incident, |view| {
        let missing = decide::missing(shown.clone(), standing.clone(), view, &journal);
        Ok::<_, Infallible>(missing.into_iter().map(Event::Notice).collect())
    })?;
    if matches!(missing, Ok(recorded) if !recorded.is_empty()) {
        talk::say("note: what is public now was not recorded when it was published; it is recorded now");
    }
    let view = incident.view().clone();
    read_estate::say_if_other(&view, &estate, "names and services on the pages are from this one");
    agrees(&estate, &view, &folder).map_err(|failure| failure.of(&folder))?;
    if view.bridge.as_of_ms.is_none() {
        talk::say(format!(
            "note: no bridge has sent its account to this incident, so no page promises a receipt: {}",
            Command::new("bridge account")
                .open("CONFIG")
                .with("--journal")
                .incident()
                .line(Some(&folder.display().to_string()))
        ));
    }
    let all = public::expected(public::public(&estate, &view), &forecasts(&estate, &view), folder::now_ms());
    let mut files =
        site::files(&all, checkpoint.map(|known| Proof { root: known.root, text: known.text }).as_ref());
    let as_of_entry = view.entries.saturating_sub(1);
    let key = store::signing_key(&folder).map_err(|fault| folder::failure(&folder, &fault))?;
    let signed = key.public().name().to_owned();
    let body = manifest::body(&files, &signed, as_of_entry);
    let text = manifest::signed(&body, &signed, &key.sign(body.as_bytes()));
    files.insert(manifest::NAME.to_owned(), text);
    let about = About { journal, as_of_entry, digest: site::digest(&files) };
    let published = publish::publish(&files, &about, &args.out).map_err(|fault| failure(&fault))?;
    let event = decide::published(shown, &about, site::pages(&files));
    folder::record(&mut incident, &[Event::Notice(event)])?;
    if let Some(kept) = published.kept {
        talk::say(format!(
            "note: something that is not ours came into the old site while it was replaced; it lies in {}",
            kept.display()
        ));
    }
    let version: String = about.digest.chars().take(12).collect();
    talk::say(format!(
        "{}, {}, version {version}",
        counted(all.len(), "tenant"),
        counted(files.len(), "file")
    ));
    Ok(Answer::Done)
}

/// Courses of the restart that a range is drawn from.
const SAMPLES: u64 = 60;

/// When what is not served is back, if the run goes on from where the journal says it stands. Seen from the newest entry, so
/// that the same journal gives the same pages.
fn forecasts(estate: &Estate, view: &View) -> Forecasts {
    let forecast = match situation::progress::forecast(estate, view, view.last_time_ms, SAMPLES) {
        Ok(Some(forecast)) => forecast,
        Ok(None) => return Forecasts::new(),
        Err(why) => {
            talk::say(format!("note: {why}; pages say that nobody knows when what is down is back"));
            return Forecasts::new();
        }
    };
    let at = |seconds: u64| {
        let ms = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        forecast.from_ms.saturating_add(ms)
    };
    let open = forecast.served.iter().filter(|served| served.at_s > 0);
    open.map(|served| {
        let back = Back { early_ms: at(served.early_s), late_ms: at(served.late_s) };
        ((served.tenant.clone(), served.capability.clone()), back)
    })
    .collect()
}

/// Refuses while a language lags behind, and names the statements that are left out because they hold no longer.
fn agrees(estate: &Estate, view: &View, folder: &Path) -> Result<(), Failure> {
    if let Some((said, language)) = rules::lagging(estate, view) {
        let again = correcting(said.sequence);
        return Err(Failure::refused(
            format!("the statement in entry {} says nothing in {}", said.sequence, language.tag()),
            "nothing was published: some would read less than others; readers see what they saw before",
            Remedy::run_to(
                "say it again in every language that somebody reads",
                again.open("--de TEXT --fr TEXT --en TEXT"),
            ),
        ));
    }
    for said in rules::overtaken(estate, view) {
        talk::say(format!(
            "note: the statement in entry {} does not agree with what is known now and is left out: correct it with {}",
            said.sequence,
            correcting(said.sequence).line(Some(&folder.display().to_string()))
        ));
    }
    Ok(())
}

/// The texts are left open.
fn correcting(statement: u64) -> Command {
    Command::new("notice say").open("ESTATE").with("--journal").incident().option("--corrects", statement)
}

fn failure(fault: &PublishFault) -> Failure {
    let what = folder::chain(fault);
    let means = "nothing was published and nothing of it was changed: readers see what they saw before";
    match fault {
        PublishFault::NotOurs { .. } => Failure::refused(
            what,
            means,
            "name a folder that does not exist yet or is empty, or move what is not ours elsewhere; a site that an older \
             version wrote has no mark: move it away first",
        ),
        PublishFault::CannotExchange { path, .. } => Failure::fault(
            what,
            "without that readers would see no page at all for a moment; nothing was published",
            format!(
                "name a folder on a local file system (ext4, XFS, Btrfs, tmpfs), and copy it to the web server from there; \
                 or move {} away and call again",
                path.display()
            ),
        ),
        PublishFault::File { .. } => Failure::fault(
            what,
            means,
            "look at permissions and free space, then call again; a mount point cannot be replaced: name a folder in it",
        ),
    }
}
