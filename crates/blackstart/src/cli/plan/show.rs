//! `blackstart plan show PLAN`: a plan file for people.

use std::path::PathBuf;

use super::super::{Answer, Failure, talk, whole_file};
use super::{estate_or_none, read_file};
use plan::{html, json, page, sheet};

/// Show a plan file: as a page, as JSON, as a drawing, or as a run sheet on paper. Touches nothing.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file that `blackstart plan -o` wrote.
    plan: PathBuf,
    /// The estate, for names, numbers of insured people, commands, gates and contacts.
    estate: Option<PathBuf>,
    /// The run sheet for the night when only paper works: plain text, 80 columns, pages parted by form feeds.
    #[arg(long, conflicts_with = "json")]
    print: bool,
    /// File to draw the plan into.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The answer as JSON on stdout.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Answer, Failure> {
    let plan = read_file(&args.plan)?;
    let known = estate_or_none(args.estate.as_deref())?;
    if known.is_none() {
        talk::say(
            "note: without an estate names, numbers of insured people, commands and contacts are missing",
        );
    }
    let estate = known.unwrap_or_default();
    if let Some(file) = &args.html {
        whole_file::write(file, &html::of_plan(&estate, &plan))?;
    }
    if args.print {
        talk::data(sheet::sheet(&estate, &plan).trim_end());
    } else if args.json {
        talk::json(&json::of_plan(&estate, &plan));
    } else {
        talk::data(page::summary(&estate, &plan).trim_end());
    }
    Ok(Answer::Done)
}
