//! `blackstart notice build`: pages for the public.

use std::convert::Infallible;
use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, place, read_estate, talk};
use incident::Event;
use incident::store;
use message::{Command, counted};
use notice::mark::About;
use notice::publish::{self, PublishFault};
use notice::site::Proof;
use notice::{decide, public, site};

/// Pages for the public: one per fund and language, which need nothing else to be read.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write all pages from what the journal says now. Copy the folder to any web server, or print it.
    Build(Build),
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
    let What::Build(args) = &args.what;
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
    let all = public::public(&estate, &view);
    let files =
        site::files(&all, checkpoint.map(|known| Proof { root: known.root, text: known.text }).as_ref());
    let as_of_entry = view.entries.saturating_sub(1);
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
