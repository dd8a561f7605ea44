//! `blackstart plan check PLAN ESTATE`: can this plan be relied on?

use std::path::PathBuf;

use serde_json::json;

use super::super::{Answer, Failure, talk};
use super::{estate_or_none, read_file};
use crate::estate::canonical;
use crate::plan::check;

/// Is this plan file whole, and does it keep every dependency and limit of the estate? Recomputes all of it with code that
/// the planner does not use. Exit 1: something is wrong with it, and was printed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file that `blackstart plan -o` wrote.
    plan: PathBuf,
    /// The estate it was made for. Without it only the file itself is checked.
    estate: Option<PathBuf>,
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Result<Answer, Failure> {
    let plan = read_file(&args.plan)?;
    let estate = estate_or_none(args.estate.as_deref())?;
    let faults = match &estate {
        Some(estate) => {
            let mut faults = check::estate_faults(estate, &canonical::hash(estate), &plan);
            faults.extend(check::faults(estate, &plan));
            faults
        }
        None => Vec::new(),
    };
    if args.json {
        talk::json(&json!({
            "hash": plan.hash(),
            "whole": true,
            "estate_checked": estate.is_some(),
            "faults": faults,
        }));
    } else {
        talk::data(format!("plan {}: the file is whole", plan.hash()));
        for fault in &faults {
            talk::data(format!("  WRONG  {fault}"));
        }
        match (&estate, faults.is_empty()) {
            (None, _) => talk::data("  not checked against an estate: name it behind the plan"),
            (Some(_), true) => talk::data(format!(
                "  {} steps keep every dependency and every limit; price and times add up",
                plan.steps.len()
            )),
            (Some(_), false) => talk::data("  do not run this plan: plan again on the estate as it is"),
        }
    }
    Ok(if faults.is_empty() { Answer::Done } else { Answer::No })
}
