//! `blackstart notice build`: pages for the public.

use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, place, read_estate, talk};
use estate::check::counted;
use incident::Event;
use incident::event::NoticeEvent;
use incident::store;
use notice::{public, publish};

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
    /// Folder to write; a site that was written there before is replaced as a whole.
    #[arg(short, long, value_name = "SITE")]
    out: PathBuf,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let What::Build(args) = &args.what;
    let estate = read_estate::read(&args.estate)?;
    let journal =
        place::to_write(args.journal.as_deref(), "blackstart notice build ESTATE --journal DIR -o SITE")?;
    let view = folder::read(&journal)?;
    let all = public::public(&estate, &view);
    let checkpoint = store::newest_checkpoint(&journal);
    let files = publish::site(&all, checkpoint.as_ref());
    let digest = publish::digest(&files);
    publish::publish(&files, &args.out).map_err(|fault| {
        Failure::fault(
            folder::chain(&fault),
            "the pages that were public before are still those that are there",
            "choose an empty folder, or look at permissions and free space, then call again",
        )
    })?;
    let mut incident = folder::open(&journal, &args.by)?;
    let published = NoticeEvent::Published {
        site: args.out.display().to_string(),
        digest: digest.clone(),
        pages: files.keys().filter(|path| path.ends_with(".html")).count() as u64,
        as_of_entry: view.entries.saturating_sub(1),
    };
    folder::record(&mut incident, &[Event::Notice(published)])?;
    talk::say(format!(
        "{}, {}, version {}",
        counted(all.len(), "fund"),
        counted(files.len(), "file"),
        &digest[..12]
    ));
    Ok(Answer::Done)
}
