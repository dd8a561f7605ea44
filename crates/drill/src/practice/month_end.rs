//! The month-end job: must never run twice. Each execution leaves a line, so that everybody can count.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;

use crate::fault::During as _;
use crate::{Result, clock};

/// Closes the month at a site, once.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The marked drill folder.
    #[arg(long)]
    pub root: PathBuf,
    /// File that gets a line for each execution.
    #[arg(long)]
    pub effects: PathBuf,
    /// Site the month is closed for.
    #[arg(long)]
    pub site: String,
}

/// Appends the line, and is done.
pub fn run(args: &Args) -> Result<()> {
    super::post::leave_the_session();
    let doing = || format!("month-end cannot write {}", args.effects.display());
    let pid_file = args.root.join("run").join(format!("month-end-{}.pid", args.site));
    fs::write(&pid_file, format!("{}\n", std::process::id())).during(doing)?;
    let mut file = OpenOptions::new().create(true).append(true).open(&args.effects).during(doing)?;
    let line = format!(
        "{} month closed for {} by {}\n",
        clock::rfc3339(clock::now_ms()),
        args.site,
        std::process::id()
    );
    file.write_all(line.as_bytes()).during(doing)?;
    file.sync_data().during(doing)?;
    fs::remove_file(&pid_file).during(doing)
}

/// How often it was executed.
pub fn executions(effects: &std::path::Path) -> usize {
    std::fs::read_to_string(effects).map_or(0, |text| text.lines().count())
}
