//! The plan on one page, for the person who has to approve it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Made;
use super::explain::{Link, some};
use super::file::Plan;
use super::instance::What;
use crate::estate::{Estate, Id};

/// Lines of one list before the rest is only counted.
const LINES_MAX: usize = 40;

pub fn page(estate: &Estate, made: &Made) -> String {
    let mut text = summary(estate, &made.plan);
    decided_by(made, &mut text);
    if !made.explanation.fallen.is_empty() {
        text.push_str("\nNot named, but falls with its provider\n");
        list(
            &mut text,
            made.explanation.fallen.iter().map(|(service, provider)| format!("{service} (with {provider})")),
        );
    }
    text.push_str("\nWhat this plan does not know\n");
    list(&mut text, made.explanation.not_known.iter().cloned());
    text
}

/// What can be said from the plan itself: who is back when, and what it costs.
pub fn summary(estate: &Estate, plan: &Plan) -> String {
    let mut text = String::new();
    let end_s = plan.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
    let hash = plan.hash();
    line(&mut text, format!("Plan {hash}"));
    line(&mut text, format!("for estate {}", plan.estate_hash));
    let counts = format!(
        "{} things are lost; {} steps; all done after {}",
        plan.lost.len(),
        plan.steps.len(),
        clock(end_s)
    );
    line(&mut text, counts);
    text.push_str("\nWhat is back when (hours:minutes:seconds from the start of the plan)\n");
    let never = plan.served.iter().filter(|served| served.at_s == 0).map(|served| &served.capability);
    let never: std::collections::BTreeSet<&Id> = never.collect();
    if !never.is_empty() {
        line(&mut text, format!("    not lost  for all or some of their funds: {}", names(&never)));
    }
    list(&mut text, back_when(estate, plan).into_iter());
    text.push_str("\nPrice in insured-hours (insured × urgency × hours until served)\n");
    line(&mut text, format!("  {:>18}  this plan", hours(plan.insured_seconds)));
    for (cost, name) in [
        (plan.baselines.fifo, "in the order of the estate"),
        (plan.baselines.tier, "tier by tier"),
        (plan.baselines.size, "smallest store first"),
    ] {
        line(&mut text, format!("  {:>18}  {name}{}", hours(cost), more(plan.insured_seconds, cost)));
    }
    line(
        &mut text,
        format!(
            "  {:>18}  no plan can cost less (a weak bound: each service looked at alone)",
            hours(plan.lower_bound)
        ),
    );
    let gap = plan.gap_thousandths();
    line(&mut text, format!("  {}.{} % of the price is not proven necessary", gap / 10, gap % 10));
    text
}

fn names(ids: &std::collections::BTreeSet<&Id>) -> String {
    ids.iter().map(|id| id.name()).collect::<Vec<_>>().join(", ")
}

/// One line per capability and time at which it is back, with whom it concerns.
fn back_when(estate: &Estate, plan: &Plan) -> Vec<String> {
    let mut groups: BTreeMap<(u64, &Id), Vec<&Id>> = BTreeMap::new();
    for served in plan.served.iter().filter(|served| served.at_s > 0) {
        groups.entry((served.at_s, &served.capability)).or_default().push(&served.tenant);
    }
    groups
        .iter()
        .map(|((at_s, capability), tenants)| {
            let insured: u128 = tenants
                .iter()
                .filter_map(|id| estate.tenants.get(*id))
                .map(|tenant| u128::from(tenant.insured))
                .sum();
            let name =
                estate.capabilities.get(*capability).map_or("", |capability| capability.name.de.as_str());
            let name = if name.is_empty() { String::new() } else { format!(" “{name}”") };
            format!(
                "{:>10}  {capability}{name}: {} insured of {}",
                clock(*at_s),
                grouped(insured),
                some(tenants)
            )
        })
        .collect()
}

fn decided_by(made: &Made, text: &mut String) {
    text.push_str("\nWhat the last people to be served wait for\n");
    list(text, made.explanation.critical_path.iter().map(link));
    if let Some((limit, busy)) = &made.explanation.critical_limit {
        line(text, format!("  busiest: {limit}, {}.{} % of the whole time", busy / 10, busy % 10));
    }
}

fn link(link: &Link) -> String {
    let what = match link.what {
        What::Verify => "judge the copy of",
        What::Restore => "restore",
        What::BringUp => "start, and pass the gate of,",
    };
    let waited = link.waited_for.as_ref().map_or(String::new(), |limit| format!(" (waited for {limit})"));
    format!("{:>10}  {what} {}{waited}", clock(link.start_s), link.target)
}

fn more(plan: u64, other: u64) -> String {
    let above = u128::from(other.saturating_sub(plan)) * 1000 / u128::from(plan.max(1));
    if above == 0 { String::new() } else { format!(" (+{}.{} %)", above / 10, above % 10) }
}

fn line(text: &mut String, line: impl AsRef<str>) {
    writeln!(text, "{}", line.as_ref()).expect("writing to a string does not fail");
}

fn list(text: &mut String, lines: impl ExactSizeIterator<Item = String>) {
    let count = lines.len();
    for one in lines.take(LINES_MAX) {
        line(text, format!("  {one}"));
    }
    if count > LINES_MAX {
        line(text, format!("  … and {} more: see --json", count - LINES_MAX));
    }
}

/// `12:34:56`.
pub fn clock(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Hours with one digit after the point, thousands apart.
fn hours(seconds: u64) -> String {
    let tenths = u128::from(seconds) * 10 / 3600;
    format!("{}.{}", grouped(tenths / 10), tenths % 10)
}

/// `25 000 000`.
pub fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
