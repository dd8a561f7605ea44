//! The plan as one page for a screen or for paper: drawings, and every drawing once more as a table.

use std::collections::{BTreeMap, BTreeSet};

use super::drawing::{self, Axis, Line, escape, short_clock};
use super::explain::Explanation;
use super::objectives::missed;
use super::page::{capability_name, clock, grouped, hours, insured, whom};
use super::{Curve, Made, ranges};
use estate::{Estate, Id};
use incident::plan::file::{Plan, Served, StepKind};

/// Rows of a table before the rest is only counted.
const ROWS_MAX: usize = 3000;

/// Right after planning, with everything that is known then.
pub fn of_made(estate: &Estate, made: &Made) -> String {
    render(estate, &made.plan, Some((&made.explanation, &made.usual)))
}

/// From a plan file alone.
pub fn of_plan(estate: &Estate, plan: &Plan) -> String {
    render(estate, plan, None)
}

type Known<'a> = Option<(&'a Explanation, &'a [Curve; 3])>;

fn render(estate: &Estate, plan: &Plan, known: Known<'_>) -> String {
    let last_usual = known.iter().flat_map(|(_, usual)| usual.iter()).filter_map(|curve| curve.last());
    let axis = Axis::new(plan, last_usual.map(|(at_s, _)| *at_s).max().unwrap_or(0));
    let sections = [
        head(estate, plan),
        figures(estate, plan, known),
        served(estate, plan, known, axis),
        decide(known),
        bars(estate, plan, known, axis),
        usage(known, axis),
        funds(estate, plan),
        not_so_good(estate, plan),
        not_known(plan, known),
        moments(estate, plan),
        steps(plan),
    ];
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>Restart plan {}</title>\n<style>\n{}</style></head>\n<body>\n{}</body></html>\n",
        &plan.hash()[..12],
        include_str!("plan.css"),
        sections.concat()
    )
}

fn head(estate: &Estate, plan: &Plan) -> String {
    let lost = plan.lost.len();
    let provider = if estate.provider.is_empty() { "the provider" } else { &estate.provider };
    let goes_on = plan.continues.as_ref().map_or_else(String::new, |continues| {
        format!(" It goes on with run <code>{}</code>.", escape(&continues.run))
    });
    format!(
        "<header><p class=\"kicker\">Blackstart · restart plan for {}</p>\n<h1>Who is back when, after {lost} things \
         were lost</h1>\n<p class=\"soft\">Plan <code>{}</code><br>for estate <code>{}</code>.{goes_on} Times are hours and \
         minutes from the start of the plan.</p></header>\n",
        escape(provider),
        plan.hash(),
        escape(&plan.estate_hash)
    )
}

fn figures(estate: &Estate, plan: &Plan, known: Known<'_>) -> String {
    let back = plan.served.iter().filter(|served| served.at_s > 0);
    let (first, last) = back.fold((None, 0), |(first, last): (Option<u64>, u64), served| {
        (Some(first.map_or(served.at_s, |first| first.min(served.at_s))), last.max(served.at_s))
    });
    let (half_s, _) = half_served(estate, plan);
    let gap = plan.gap_thousandths();
    let against = |cost: u64| {
        let saved = cost.saturating_sub(plan.insured_seconds);
        let tenths = u128::from(saved) * 1000 / u128::from(cost.max(1));
        format!("{}.{} %", tenths / 10, tenths % 10)
    };
    let price = known.and_then(|(known, _)| known.price_range).map_or_else(
        || "insured-hours: this plan".to_owned(),
        |(early, late)| format!("insured-hours; {} to {} in eight of ten draws", whole(early), whole(late)),
    );
    let cells = [
        (whole(plan.insured_seconds), price),
        (against(plan.baselines.fifo), "fewer than in the order of the estate (first come)".to_owned()),
        (against(plan.baselines.tier), "fewer than tier by tier".to_owned()),
        (against(plan.baselines.size), "fewer than smallest store first".to_owned()),
        (
            format!("{}.{} %", gap / 10, gap % 10),
            if plan.insured_seconds == plan.lower_bound {
                "could still be saved: it is proven that no plan costs less".to_owned()
            } else {
                "at most could still be saved: no plan costs less than the rest".to_owned()
            },
        ),
        (first.map_or_else(|| "–".to_owned(), short_clock), "the first people are served again".to_owned()),
        (half_s.map_or_else(|| "–".to_owned(), short_clock), "half of what was lost is back".to_owned()),
        (short_clock(last), "everybody who comes back by this plan is served".to_owned()),
    ];
    let cells: String = cells
        .iter()
        .map(|(number, words)| format!("<div><b>{number}</b><span>{}</span></div>", escape(words)))
        .collect();
    format!("<div class=\"figures\">{cells}</div>\n")
}

const WIDE: &str = " The first hours are drawn wider than the later ones.";

/// Whole insured-hours.
fn whole(seconds: u64) -> String {
    grouped(u128::from(seconds) / 3600)
}

/// Insured × urgency of each pair the plan knows: (kept, curve of what comes back by the chosen time, all).
fn curve_of(estate: &Estate, plan: &Plan, time: impl Fn(&Served) -> u64) -> (u128, Curve, u128) {
    let weight = |tenant: &Id, capability: &Id| {
        let insured = estate.tenants.get(tenant).map_or(0, |tenant| u128::from(tenant.insured));
        insured
            .saturating_mul(estate.capabilities.get(capability).map_or(0, |known| u128::from(known.urgency)))
    };
    let (mut kept, mut curve) = (0_u128, BTreeMap::<u64, u128>::new());
    for served in &plan.served {
        let weight = weight(&served.tenant, &served.capability);
        if served.at_s == 0 {
            kept = kept.saturating_add(weight);
        } else {
            let sum = curve.entry(time(served)).or_default();
            *sum = sum.saturating_add(weight);
        }
    }
    let never = plan.never.iter().map(|never| weight(&never.tenant, &never.capability));
    let all = curve.values().copied().chain(never).fold(kept, u128::saturating_add);
    (kept, curve.into_iter().collect(), all)
}

fn half_served(estate: &Estate, plan: &Plan) -> (Option<u64>, u128) {
    let (kept, curve, all) = curve_of(estate, plan, |served| served.at_s);
    let half = (all - kept) / 2;
    let mut sum = 0_u128;
    for (at_s, weight) in curve {
        sum = sum.saturating_add(weight);
        if sum > half {
            return (Some(at_s), half);
        }
    }
    (None, half)
}

fn served(estate: &Estate, plan: &Plan, known: Known<'_>, axis: Axis) -> String {
    let (kept, curve, all) = curve_of(estate, plan, |served| served.at_s);
    let mut lines = vec![Line { name: "this plan", class: "plan", curve: &curve }];
    if let Some((_, usual)) = known {
        let names = [
            ("first come, first served", "fifo"),
            ("tier by tier", "tier"),
            ("smallest store first", "size"),
        ];
        lines.extend(names.iter().zip(usual).map(|((name, class), curve)| Line { name, class, curve }));
    }
    let (_, early, _) = curve_of(estate, plan, |served| served.early_s);
    let (_, late, _) = curve_of(estate, plan, |served| served.late_s);
    let band = (plan.samples > 0).then_some((&early, &late));
    let floor = drawing::floor_percent(kept, all);
    let mut words = "Share of insured × urgency that is served.".to_owned();
    if axis.wide {
        words += WIDE;
    } else {
        words += " The area above a line is its price in insured-hours.";
    }
    if floor > 0 {
        words += &format!(" The drawing begins at {floor} %: the rest was never lost.");
    }
    format!(
        "<section><h2>Who is served, over time</h2>\n<figure>{}<figcaption>{words}</figcaption></figure></section>\n",
        drawing::served(axis, kept, all, &lines, band)
    )
}

fn decide(known: Known<'_>) -> String {
    let Some((explanation, _)) = known.filter(|(explanation, _)| !explanation.advice.is_empty()) else {
        return String::new();
    };
    let items: String = explanation
        .advice
        .iter()
        .map(|advice| {
            let worth = u64::try_from(advice.worth_seconds).unwrap_or(u64::MAX);
            format!(
                "<li><b>{}</b><div>{}<br><span class=\"soft\">{}</span></div></li>\n",
                whole(worth),
                escape(&advice.what),
                escape(&advice.to_do)
            )
        })
        .collect();
    format!(
        "<section><h2>Decide next</h2>\n<p>What each is worth at least, in insured-hours.</p><ol class=\"decide\">{items}</ol></section>\n"
    )
}

fn bars(estate: &Estate, plan: &Plan, known: Known<'_>, axis: Axis) -> String {
    let path = known.iter().flat_map(|(explanation, _)| &explanation.critical_path);
    let critical: BTreeSet<&Id> = path.map(|link| &link.target).collect();
    let (svg, left_out) = drawing::bars(estate, plan, axis, &critical);
    let key = [("verify", "judge the copy"), ("restore", "restore"), ("start", "start"), ("gate", "gate")];
    let key: String = key
        .iter()
        .map(|(class, words)| {
            format!(
                "<span><svg class=\"key\" viewBox=\"0 0 24 11\" aria-hidden=\"true\"><rect class=\"{class}\" width=\"24\" height=\"11\"/></svg> {words}</span> "
            )
        })
        .collect();
    let more = if left_out == 0 {
        String::new()
    } else {
        format!(" {left_out} rows that serve fewest people are left out; the table below has all steps.")
    };
    let wide = if axis.wide { WIDE } else { "" };
    let critical =
        if critical.is_empty() { "" } else { " ◆ is what the last people to be served wait for." };
    format!(
        "<section class=\"wide\"><h2>What is done when</h2>\n<p class=\"keys\">{key}<span>● people are served again</span></p>\n\
         <figure>{svg}<figcaption>A row for each service, with the data its start waits for.{critical}{wide}{more}</figcaption></figure></section>\n"
    )
}

fn usage(known: Known<'_>, axis: Axis) -> String {
    let Some((explanation, _)) = known.filter(|(explanation, _)| !explanation.usage.is_empty()) else {
        return String::new();
    };
    format!(
        "<section><h2>What is scarce</h2>\n<figure>{}<figcaption>The busiest limits. Where one is full, something waits for \
         it.</figcaption></figure></section>\n",
        drawing::usage(axis, &explanation.usage)
    )
}

/// A row for funds that have everything at the same times, a column for each capability that was lost.
fn funds(estate: &Estate, plan: &Plan) -> String {
    let mut columns: BTreeSet<&Id> =
        plan.served.iter().filter(|served| served.at_s > 0).map(|served| &served.capability).collect();
    columns.extend(plan.never.iter().map(|never| &never.capability));
    let mut rows: BTreeMap<&Id, BTreeMap<&Id, String>> = BTreeMap::new();
    for served in plan.served.iter().filter(|served| columns.contains(&served.capability)) {
        let cell = if served.at_s == 0 {
            "·".to_owned()
        } else if plan.samples > 0 {
            format!(
                "{}<small>{}–{}</small>",
                short_clock(served.at_s),
                short_clock(served.early_s),
                short_clock(served.late_s)
            )
        } else {
            short_clock(served.at_s)
        };
        rows.entry(&served.tenant).or_default().insert(&served.capability, cell);
    }
    for never in &plan.never {
        rows.entry(&never.tenant).or_default().insert(&never.capability, "<b>never</b>".to_owned());
    }
    let mut groups: BTreeMap<BTreeMap<&Id, String>, Vec<&Id>> = BTreeMap::new();
    for (tenant, cells) in rows {
        groups.entry(cells).or_default().push(tenant);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, tenants)| std::cmp::Reverse(insured(estate, tenants)));
    let names = groups.iter().filter(|(_, tenants)| tenants.len() > 3).map(|(_, tenants)| {
        let names: Vec<&str> = tenants.iter().map(|id| id.name()).collect();
        format!(
            "<p class=\"names\"><b>{}:</b> {}</p>\n",
            escape(&whom(estate, tenants)),
            escape(&names.join(", "))
        )
    });
    let names: String = names.collect();
    let table = if groups.len() <= GROUPS_ACROSS {
        groups_across(estate, &columns, &groups)
    } else {
        groups_down(estate, &columns, &groups)
    };
    let caption = if plan.samples > 0 { "planned, below it in eight of ten draws" } else { "planned" };
    format!(
        "<section class=\"wide\"><h2>Every fund</h2>\n<p>When each is served again: {caption}. A dot: not lost. Funds with the \
         same times stand together.</p>\n{table}\n{names}</section>\n"
    )
}

/// Up to so many groups of funds stand side by side; more stand below one another.
const GROUPS_ACROSS: usize = 8;

type Group<'a> = (BTreeMap<&'a Id, String>, Vec<&'a Id>);

fn capability(estate: &Estate, id: &Id) -> String {
    let name = estate.capabilities.get(id).map_or("", |capability| capability.name.de.as_str());
    escape(if name.is_empty() { id.name() } else { name })
}

fn groups_across(estate: &Estate, columns: &BTreeSet<&Id>, groups: &[Group<'_>]) -> String {
    let head: String = groups
        .iter()
        .map(|(_, tenants)| {
            format!(
                "<th>{}<br>{} insured</th>",
                escape(&whom(estate, tenants)),
                grouped(insured(estate, tenants))
            )
        })
        .collect();
    let row = |id: &&Id| {
        let cells: String = groups
            .iter()
            .map(|(cells, _)| format!("<td>{}</td>", cells.get(*id).map_or("–", String::as_str)))
            .collect();
        format!("<tr><td>{}</td>{cells}</tr>\n", capability(estate, id))
    };
    let body: String = columns.iter().map(row).collect();
    format!("<table class=\"funds\"><thead><tr><th>what</th>{head}</tr></thead><tbody>{body}</tbody></table>")
}

fn groups_down(estate: &Estate, columns: &BTreeSet<&Id>, groups: &[Group<'_>]) -> String {
    let head: String = columns.iter().map(|id| format!("<th>{}</th>", capability(estate, id))).collect();
    let row = |(cells, tenants): &Group<'_>| {
        let cells: String = columns
            .iter()
            .map(|id| format!("<td>{}</td>", cells.get(*id).map_or("–", String::as_str)))
            .collect();
        let (who, people) = (escape(&whom(estate, tenants)), grouped(insured(estate, tenants)));
        format!("<tr><td>{who}</td><td>{people}</td>{cells}</tr>\n")
    };
    let body: String = groups.iter().map(row).collect();
    format!(
        "<table class=\"funds\"><thead><tr><th>fund</th><th>insured</th>{head}</tr></thead><tbody>{body}</tbody></table>"
    )
}

fn not_so_good(estate: &Estate, plan: &Plan) -> String {
    let mut items = String::new();
    let mut groups: BTreeMap<(&Id, &Id), Vec<&Id>> = BTreeMap::new();
    for never in &plan.never {
        groups.entry((&never.capability, &never.because)).or_default().push(&never.tenant);
    }
    for ((capability, because), tenants) in groups {
        let (name, who) = (capability_name(estate, capability), whom(estate, &tenants));
        items += &format!(
            "<li>{} is <b>not back</b> for {}, because of {}</li>\n",
            escape(&name),
            escape(&who),
            escape(&because.to_string())
        );
    }
    for late in missed(estate, plan) {
        let tenants: Vec<&Id> = late.tenants.iter().collect();
        let text = format!(
            "{}: promised within {}, {} late for {}",
            capability_name(estate, &late.capability),
            clock(late.rto_s),
            clock(late.by_s(plan)),
            whom(estate, &tenants)
        );
        items += &format!("<li>{}</li>\n", escape(&text));
    }
    if items.is_empty() {
        return String::new();
    }
    format!("<section><h2>Later than promised, or not at all</h2>\n<ul>{items}</ul></section>\n")
}

fn not_known(plan: &Plan, known: Known<'_>) -> String {
    let mut items: Vec<String> = known.map(|(known, _)| known.not_known.clone()).unwrap_or_default();
    if plan.samples > 0 {
        items.push(ranges::assumption(plan.samples));
    }
    if items.is_empty() {
        return String::new();
    }
    let items: String = items.iter().map(|item| format!("<li>{}</li>\n", escape(item))).collect();
    format!("<section><h2>What this plan does not know</h2>\n<ul>{items}</ul></section>\n")
}

/// The curve in words.
fn moments(estate: &Estate, plan: &Plan) -> String {
    let (kept, curve, all) = curve_of(estate, plan, |served| served.at_s);
    let mut sum = kept;
    let share = |sum: u128| sum.saturating_mul(1000).checked_div(all).unwrap_or(1000);
    let percent = |sum: u128| format!("{}.{} %", share(sum) / 10, share(sum) % 10);
    let mut rows =
        format!("<tr><td>0:00</td><td>{}</td><td class=\"left\">never lost</td></tr>\n", percent(kept));
    for (at_s, weight) in curve.into_iter().take(ROWS_MAX) {
        sum = sum.saturating_add(weight);
        let then: BTreeSet<&str> = plan
            .served
            .iter()
            .filter(|served| served.at_s == at_s)
            .map(|served| served.capability.name())
            .collect();
        let names: Vec<&str> = then.into_iter().collect();
        rows += &format!(
            "<tr><td>{}</td><td>{}</td><td class=\"left\">{}</td></tr>\n",
            clock(at_s),
            percent(sum),
            escape(&names.join(", "))
        );
    }
    format!(
        "<section><h2>The curve as a table</h2>\n<table><thead><tr><th>from</th><th>served</th><th class=\"left\">back then</th></tr></thead><tbody>{rows}</tbody></table></section>\n"
    )
}

fn steps(plan: &Plan) -> String {
    let mut rows = String::new();
    for step in plan.steps.iter().take(ROWS_MAX) {
        let word = match step.kind {
            StepKind::Verify => "judge the copy",
            StepKind::Restore => "restore",
            StepKind::Start => "start",
            StepKind::Gate => "gate",
            StepKind::Admit => "let load in",
        };
        rows += &format!(
            "<tr><td>{}</td><td>{}</td><td class=\"left\">{word}</td><td class=\"left\">{}</td></tr>\n",
            clock(step.start_s),
            clock(step.end_s),
            escape(&step.service.to_string())
        );
    }
    let more = plan.steps.len().saturating_sub(ROWS_MAX);
    let more = if more == 0 { String::new() } else { format!("<p>{more} more steps: see --json.</p>") };
    format!(
        "<section><h2>Every step</h2>\n<table class=\"steps\"><thead><tr><th>begin</th><th>end</th><th class=\"left\">what</th><th class=\"left\">on</th></tr></thead><tbody>{rows}</tbody></table>{more}\n\
         <p class=\"soft\">{} insured-hours; {} schedules tried, seed {}.</p></section>\n",
        hours(plan.insured_seconds),
        grouped(plan.schedules.into()),
        plan.seed
    )
}
