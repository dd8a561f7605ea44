//! The plan on one page, for the person who has to approve it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

pub use ::page::words::{clock, grouped, hours};

use super::advice::Advice;
use super::explain::{Link, some};
use super::instance::What;
use super::objectives::{Missed, missed};
use super::times::{Time, Times};
use super::{Made, ranges};
use estate::{Estate, Id};
use incident::plan::file::Plan;
use message::{counted, counted_as};

/// Lines of one list before the rest is only counted.
const LINES_MAX: usize = 40;
/// The same for lists that matter less: with them the page would be three.
const LINES_FEW: usize = 8;

pub fn page(estate: &Estate, made: &Made) -> String {
    let mut text = head_and_times(estate, &made.plan, &made.explanation.doubtful);
    if let Some((early, late)) = made.explanation.price_range {
        line(&mut text, format!("  between {} and {} in eight of ten draws", hours(early), hours(late)));
    }
    decide_next(estate, made, &mut text);
    decided_by(made, &mut text);
    if !made.explanation.fallen.is_empty() {
        text.push_str("\nNot named, but falls with its provider\n");
        let fallen = made.explanation.fallen.iter();
        list(&mut text, LINES_FEW, fallen.map(|(service, provider)| format!("{service} (with {provider})")));
    }
    text.push_str("\nWhat this plan does not know\n");
    let ranges = (made.plan.samples > 0).then(|| ranges::assumption(made.plan.samples));
    let not_known: Vec<String> = made.explanation.not_known.iter().cloned().chain(ranges).collect();
    list(&mut text, LINES_MAX, not_known.into_iter());
    text
}

/// What can be said from the plan itself: who is back when, and what it costs.
pub fn summary(estate: &Estate, plan: &Plan) -> String {
    head_and_times(estate, plan, &BTreeSet::new())
}

/// `doubtful`: capabilities of which nobody knows whether they are lost.
fn head_and_times(estate: &Estate, plan: &Plan, doubtful: &BTreeSet<Id>) -> String {
    let mut text = String::new();
    let times = Times::of(estate, plan);
    head(plan, &times, &mut text);
    text.push_str("\nWhat is back when (hours:minutes:seconds from the start of the plan)\n");
    let kept = plan.served.iter().filter(|served| times.when(served) == Time::NotLost);
    let (unsure, kept): (BTreeSet<&Id>, BTreeSet<&Id>) =
        kept.map(|served| &served.capability).partition(|id| doubtful.contains(*id));
    if !kept.is_empty() {
        line(
            &mut text,
            format!("    not lost  for all or some of their {}: {}", estate.words.tenants(), names(&kept)),
        );
    }
    if !unsure.is_empty() {
        line(&mut text, format!("   not known  whether it is lost, see below: {}", names(&unsure)));
    }
    list(&mut text, LINES_MAX, back_when(estate, plan, &times).into_iter());
    not_back(estate, plan, &mut text);
    late(estate, plan, &mut text);
    price(estate, plan, &times, &mut text);
    text
}

fn head(plan: &Plan, times: &Times<'_>, text: &mut String) {
    let end_s = plan.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
    line(text, format!("Plan {}", plan.hash()));
    line(text, format!("for estate {}", plan.estate_hash));
    let counts = format!(
        "{} lost; {}; all done after {}{}; {} tried, seed {}",
        counted_as(plan.lost.len(), "thing is", "things are"),
        counted(plan.steps.len(), "step"),
        clock(end_s),
        if times.unknown.is_empty() { "" } else { " at least" },
        counted(plan.schedules, "schedule"),
        plan.seed
    );
    line(text, counts);
    if let Some(continues) = &plan.continues {
        let (done, running) = (continues.done.len(), continues.running.len());
        line(
            text,
            format!(
                "goes on with run {}: {} done, {} being worked on",
                continues.run,
                counted_as(done, "step was", "steps were"),
                counted_as(running, "was", "were")
            ),
        );
    }
    if !plan.first.is_empty() {
        let first: Vec<&Id> = plan.first.iter().collect();
        line(text, format!("by a person's wish {} comes before all others", some(&first)));
    }
}

fn price(estate: &Estate, plan: &Plan, times: &Times<'_>, text: &mut String) {
    text.push_str(&price_head(estate));
    let at_least = match times.unknown.as_slice() {
        [] => String::new(),
        unknown => format!(", at least: how long it takes is not known of {}", some(unknown)),
    };
    line(text, format!("  {:>18}  this plan{at_least}", hours(plan.insured_seconds)));
    for (cost, name) in [
        (plan.baselines.fifo, "in the order of the estate"),
        (plan.baselines.tier, "tier by tier"),
        (plan.baselines.size, "smallest store first"),
    ] {
        line(text, format!("  {:>18}  {name}{}", hours(cost), more(plan.insured_seconds, cost)));
    }
    let gap = plan.gap_thousandths();
    line(
        text,
        format!(
            "  {:>18}  no plan can cost less: at most {}.{} % of this one could be saved",
            hours(plan.lower_bound),
            gap / 10,
            gap % 10
        ),
    );
}

/// What the price counts, in the words of the estate.
pub(super) fn price_head(estate: &Estate) -> String {
    let (hours, people) = (estate.words.hours(), estate.words.counted());
    format!("\nPrice in {hours} ({people} × urgency × hours until served)\n")
}

fn names(ids: &BTreeSet<&Id>) -> String {
    ids.iter().map(|id| id.name()).collect::<Vec<_>>().join(", ")
}

/// One line per capability and time at which it is back, with whom it concerns.
fn back_when(estate: &Estate, plan: &Plan, times: &Times<'_>) -> Vec<String> {
    let mut groups: BTreeMap<(u64, &Id, u64, u64, Time), Vec<&Id>> = BTreeMap::new();
    for served in &plan.served {
        let time = times.when(served);
        if time == Time::NotLost {
            continue;
        }
        let key = (served.at_s, &served.capability, served.early_s, served.late_s, time);
        groups.entry(key).or_default().push(&served.tenant);
    }
    groups
        .iter()
        .map(|((at_s, capability, early_s, late_s, time), tenants)| {
            let range = if *time == Time::AtLeast {
                format!("{:>22}", "lost, time not known:")
            } else if plan.samples > 0 {
                format!("{:>22}", format!("({} – {})", clock(*early_s), clock(*late_s)))
            } else {
                String::new()
            };
            format!(
                "{}{range}  {}: {} {} of {}",
                match time {
                    Time::NotLost | Time::Known => format!("{:>10}", clock(*at_s)),
                    Time::AtLeast => format!("{:>10}", format!(">{}", clock(*at_s))),
                },
                capability_name(estate, capability),
                grouped(insured(estate, tenants)),
                estate.words.people(),
                whom(estate, tenants)
            )
        })
        .collect()
}

fn not_back(estate: &Estate, plan: &Plan, text: &mut String) {
    if plan.never.is_empty() {
        return;
    }
    let days = plan.horizon_s / 86_400;
    text.push_str(&format!("\nNot back by this plan at all (priced as missing for {days} days)\n"));
    let mut groups: BTreeMap<(&Id, &Id), Vec<&Id>> = BTreeMap::new();
    for never in &plan.never {
        groups.entry((&never.capability, &never.because)).or_default().push(&never.tenant);
    }
    let lines = groups.iter().map(|((capability, because), tenants)| {
        format!(
            "{}: {} {} of {}, because of {because}",
            capability_name(estate, capability),
            grouped(insured(estate, tenants)),
            estate.words.people(),
            whom(estate, tenants)
        )
    });
    list(text, LINES_MAX, lines);
}

fn late(estate: &Estate, plan: &Plan, text: &mut String) {
    let missed = missed(estate, plan);
    if missed.is_empty() {
        return;
    }
    text.push_str("\nLater than promised (recovery-time objective)\n");
    list(text, LINES_FEW, missed.iter().map(|missed| missed_line(estate, plan, missed)));
}

fn missed_line(estate: &Estate, plan: &Plan, missed: &Missed) -> String {
    let tenants: Vec<&Id> = missed.tenants.iter().collect();
    let how = match missed.at_s {
        Some(_) => format!("{} late", clock(missed.by_s(plan))),
        None => "not back at all".to_owned(),
    };
    let name = capability_name(estate, &missed.capability);
    format!("{name}: promised within {}, {how} for {}", clock(missed.rto_s), whom(estate, &tenants))
}

fn decide_next(estate: &Estate, made: &Made, text: &mut String) {
    if made.explanation.advice.is_empty() {
        return;
    }
    text.push_str(&format!("\nDecide next (worth at least, in {})\n", estate.words.hours()));
    for (number, advice) in made.explanation.advice.iter().enumerate() {
        line(text, format!("  {}. {}", number + 1, advice_line(advice)));
        line(text, format!("     {:>18}  {}", "", advice.to_do));
    }
}

fn advice_line(advice: &Advice) -> String {
    let worth = u64::try_from(advice.worth_seconds).unwrap_or(u64::MAX);
    format!("{:>18}  {}", hours(worth), advice.what)
}

fn decided_by(made: &Made, text: &mut String) {
    text.push_str("\nWhat the last people to be served wait for\n");
    list(text, LINES_MAX, made.explanation.critical_path.iter().map(link));
    if let Some((limit, busy)) = &made.explanation.critical_limit {
        line(text, format!("  busiest: {limit}, {}.{} % of the whole time", busy / 10, busy % 10));
    }
}

fn link(link: &Link) -> String {
    let waited = link.waited_for.as_ref().map_or(String::new(), |limit| format!(" (waited for {limit})"));
    format!("{:>10}  {} {}{waited}", clock(link.start_s), doing(link.what), link.target)
}

fn doing(what: What) -> &'static str {
    match what {
        What::Verify => "judge the copy of",
        What::Restore => "restore",
        What::BringUp => "start, and pass the gate of,",
    }
}

/// `capability:eau “Krankmeldung”`.
pub fn capability_name(estate: &Estate, id: &Id) -> String {
    let name = estate.capabilities.get(id).map_or("", |capability| capability.name.de.as_str());
    if name.is_empty() { id.to_string() } else { format!("{id} “{name}”") }
}

pub fn insured(estate: &Estate, tenants: &[&Id]) -> u128 {
    let insured = |id: &&Id| estate.tenants.get(*id).map(|tenant| u128::from(tenant.insured));
    tenants.iter().filter_map(insured).fold(0, u128::saturating_add)
}

/// Three names and how many more; shorter if it is everybody, or everybody of one site.
pub fn whom(estate: &Estate, tenants: &[&Id]) -> String {
    if tenants.len() > 3 {
        if tenants.len() == estate.tenants.len() {
            return format!("all {} {}", tenants.len(), estate.words.tenants());
        }
        let site = estate.tenants.get(tenants[0]).and_then(|tenant| tenant.site.as_ref());
        let of_site = estate.tenants.values().filter(|tenant| tenant.site.as_ref() == site).count();
        let all_there = |id: &&Id| estate.tenants.get(*id).is_some_and(|tenant| tenant.site.as_ref() == site);
        if let Some(site) = site
            && of_site == tenants.len()
            && tenants.iter().all(all_there)
        {
            return format!("all {of_site} {} at {site}", estate.words.tenants());
        }
    }
    some(tenants)
}

fn more(plan: u64, other: u64) -> String {
    let above = u128::from(other.saturating_sub(plan)) * 1000 / u128::from(plan.max(1));
    if above == 0 { String::new() } else { format!(" (+{}.{} %)", above / 10, above % 10) }
}

pub(super) fn line(text: &mut String, line: impl AsRef<str>) {
    writeln!(text, "{}", line.as_ref()).expect("writing to a string does not fail");
}

pub(super) fn list(text: &mut String, most: usize, lines: impl ExactSizeIterator<Item = String>) {
    let count = lines.len();
    for one in lines.take(most) {
        line(text, format!("  {one}"));
    }
    if count > most {
        line(text, format!("  … and {} more: see --json", count - most));
    }
}
