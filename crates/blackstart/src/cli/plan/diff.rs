//! `blackstart plan diff PLAN PLAN`: what is different between two plans?

use std::path::PathBuf;

use super::super::{Answer, Failure, talk};
use super::{estate_or_none, read_file};
use plan::diff;

/// What is different between two plan files: who is served earlier or later, which steps come at another time or in
/// another order.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The plan file to compare from.
    first: PathBuf,
    /// The plan file to compare with it.
    second: PathBuf,
    /// The estate, for names and numbers of insured people.
    estate: Option<PathBuf>,
    /// The answer as JSON on stdout.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Answer, Failure> {
    let (first, second) = (read_file(&args.first)?, read_file(&args.second)?);
    let estate = estate_or_none(args.estate.as_deref())?.unwrap_or_default();
    let difference = diff::difference(&estate, &first, &second);
    if args.json {
        talk::json(&difference);
    } else {
        talk::data(diff::page(&estate, &difference).trim_end());
    }
    Ok(Answer::Done)
}
