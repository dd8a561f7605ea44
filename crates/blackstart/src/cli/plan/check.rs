//! `blackstart plan check PLAN ESTATE`: can this plan be relied on?

use std::path::PathBuf;

use serde_json::json;

use super::super::{Answer, Failure, talk};
use super::{estate_or_none, read_file};
use estate::{Estate, canonical};
use plan::explain::some;
use plan::{Plan, check};

/// Is this plan file whole, and does it keep every dependency and limit of the estate? Recomputes all of it with code that
/// the planner does not use. Exit 1: something is wrong with it, and was printed.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The file that `blackstart plan -o` wrote.
    plan: PathBuf,
    /// The estate it was made for. Without it only the file itself is checked.
    estate: Option<PathBuf>,
    /// The answer as JSON on stdout.
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
        match &estate {
            None => talk::data("  not checked against an estate: name one after the plan"),
            Some(_) if faults.is_empty() => talk::data(format!(
                "  {} steps keep every dependency and every limit; price and times add up",
                plan.steps.len()
            )),
            Some(estate) => {
                wrong(estate, &plan).iter().for_each(talk::data);
                talk::data("  do not run this plan: plan again on the estate as it is");
            }
        }
    }
    Ok(if faults.is_empty() { Answer::Done } else { Answer::No })
}

/// Lines before the rest is only counted.
const LINES_MAX: usize = 10;

/// What matters first. A plan for another estate breaks it in hundreds of places, and they all say the same.
fn wrong(estate: &Estate, plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    let hash = canonical::hash(estate);
    let changed = check::changed(estate, plan);
    if plan.estate_hash != hash {
        lines.push(format!("  WRONG  it was made for estate {}, this one is {hash}", plan.estate_hash));
    }
    match changed {
        Ok(changed) if changed.is_empty() => {}
        Ok(changed) => lines.push(format!(
            "  WRONG  {} of the {} things it brings back are not as they were then: {}",
            changed.len(),
            plan.parts.len(),
            some(&changed.iter().collect::<Vec<_>>())
        )),
        Err(fault) => lines.push(format!("  WRONG  {fault}")),
    }
    let faults = check::faults(estate, plan);
    lines.extend(faults.iter().take(LINES_MAX).map(|fault| format!("  WRONG  {fault}")));
    if faults.len() > LINES_MAX {
        lines.push(format!("  … and {} more of the kind: see --json", faults.len() - LINES_MAX));
    }
    lines
}
