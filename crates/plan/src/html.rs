//! The plan as one page for a screen or for paper: drawings, and every drawing once more as a table.
//!
//! Here is what stands on it; how it is written stands in `templates/plan.html`.

use std::collections::{BTreeMap, BTreeSet};

use ::page::words::{self, counted, number, percent, share, short_clock, unbroken};
use ::page::{Html, Page, Style, filled, filters};
use askama::Template;

use super::drawing::{self, Axis, Line};
use super::explain::Explanation;
use super::objectives::missed;
use super::page::{capability_name, clock, hours, insured, whom};
use super::times::{Time, Times};
use super::{Curve, Made, ranges};
use estate::words::Words;
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

#[derive(Template)]
#[template(path = "plan.html")]
struct Sheet<'a> {
    provider: &'a str,
    called: &'a Words,
    lost: String,
    hash: Html,
    estate_hash: Html,
    /// The run that it goes on with.
    goes_on: Option<&'a str>,
    figures: Vec<Figure>,
    /// The first hours are drawn wider than the later ones.
    wide: bool,
    served: Html,
    /// The drawing of who is served begins at so many percent.
    floor: u128,
    advice: Vec<Advised>,
    keys: [(&'static str, &'static str); 4],
    bars: Html,
    is_critical: bool,
    rows_left_out: usize,
    usage: Option<Html>,
    has_ranges: bool,
    funds: Funds,
    groups: Vec<Group>,
    not_back: Vec<NotBack>,
    late: Vec<Html>,
    not_known: Vec<Html>,
    moments: Vec<Moment>,
    steps: Vec<Row>,
    steps_left_out: String,
    price: String,
    schedules: String,
    seed: u64,
}

struct Figure {
    number: String,
    words: String,
}

struct Advised {
    worth: String,
    what: Html,
    to_do: Html,
}

struct NotBack {
    capability: Html,
    whom: Html,
    because: Html,
}

struct Moment {
    from: String,
    served: String,
    back: Html,
}

struct Row {
    begin: String,
    end: String,
    what: &'static str,
    on: Html,
}

fn render(estate: &Estate, plan: &Plan, known: Known<'_>) -> String {
    let last_usual = known.iter().flat_map(|(_, usual)| usual.iter()).filter_map(|curve| curve.last());
    let axis = Axis::new(plan, last_usual.map(|(at_s, _)| *at_s).max().unwrap_or(0));
    let path = known.iter().flat_map(|(explanation, _)| &explanation.critical_path);
    let critical: BTreeSet<&Id> = path.map(|link| &link.target).collect();
    let (bars, rows_left_out) = drawing::bars(estate, plan, axis, &critical);
    let (served, floor) = served(estate, plan, known, axis);
    let usage = known.map(|(explanation, _)| &explanation.usage).filter(|usage| !usage.is_empty());
    let nothing = BTreeSet::new();
    let doubtful = known.map_or(&nothing, |(explanation, _)| &explanation.doubtful);
    let (funds, groups) = funds(estate, plan, doubtful);
    let hash = plan.hash();
    let sheet = Sheet {
        called: &estate.words,
        provider: if estate.provider.is_empty() { "the provider" } else { &estate.provider },
        lost: counted(plan.lost.len() as u128, "thing was", "things were"),
        hash: words::hash(&hash),
        estate_hash: words::hash(&plan.estate_hash),
        goes_on: plan.continues.as_ref().map(|continues| continues.run.as_str()),
        figures: figures(estate, plan, known),
        wide: axis.wide,
        served,
        floor,
        advice: known.iter().flat_map(|(explanation, _)| &explanation.advice).map(advised).collect(),
        keys: [StepKind::Verify, StepKind::Restore, StepKind::Start, StepKind::Gate].map(drawing::look),
        bars,
        is_critical: !critical.is_empty(),
        rows_left_out,
        usage: usage.map(|usage| drawing::usage(axis, usage)),
        has_ranges: plan.samples > 0,
        funds,
        groups,
        not_back: not_back(estate, plan),
        late: late(estate, plan),
        not_known: not_known(plan, known),
        moments: moments(estate, plan),
        steps: plan.steps.iter().take(ROWS_MAX).map(step).collect(),
        steps_left_out: match plan.steps.len().saturating_sub(ROWS_MAX) {
            0 => String::new(),
            more => counted(more as u128, "more step", "more steps"),
        },
        price: unbroken(&hours(plan.insured_seconds)),
        schedules: number(plan.schedules),
        seed: plan.seed,
    };
    let title = format!("Restart plan {}", &hash[..12]);
    let body = filled(&sheet);
    Page { language: "en", title: &title, style: Style::TextAndDrawings, body: &body }.written()
}

fn advised(advice: &super::advice::Advice) -> Advised {
    let worth = u64::try_from(advice.worth_seconds).unwrap_or(u64::MAX);
    Advised {
        worth: whole(worth),
        what: words::sentence(&advice.what),
        to_do: words::sentence(&advice.to_do),
    }
}

fn step(step: &incident::plan::file::Step) -> Row {
    let (begin, end) = (unbroken(&clock(step.start_s)), unbroken(&clock(step.end_s)));
    Row { begin, end, what: drawing::look(step.kind).1, on: words::id(&step.service.to_string()) }
}

fn figures(estate: &Estate, plan: &Plan, known: Known<'_>) -> Vec<Figure> {
    let back = plan.served.iter().filter(|served| served.at_s > 0);
    let (first, last) = back.fold((None, 0), |(first, last): (Option<u64>, u64), served| {
        (Some(first.map_or(served.at_s, |first| first.min(served.at_s))), last.max(served.at_s))
    });
    let (half_s, _) = half_served(estate, plan);
    let against = |cost: u64| {
        let saved = cost.saturating_sub(plan.insured_seconds);
        percent(u128::from(saved) * 1000 / u128::from(cost.max(1)))
    };
    let price = known.and_then(|(known, _)| known.price_range).map_or_else(
        || format!("{}: this plan", estate.words.hours()),
        |(early, late)| {
            format!("{}; {} to {} in eight of ten draws", estate.words.hours(), whole(early), whole(late))
        },
    );
    let gap = if plan.insured_seconds == plan.lower_bound {
        "could still be saved: it is proven that no plan costs less"
    } else {
        "at most could still be saved: no plan costs less than the rest"
    };
    let at = |at_s: Option<u64>| at_s.map_or_else(|| "–".to_owned(), short_clock);
    [
        (whole(plan.insured_seconds), price.as_str()),
        (against(plan.baselines.fifo), "fewer than in the order of the estate (first come)"),
        (against(plan.baselines.tier), "fewer than tier by tier"),
        (against(plan.baselines.size), "fewer than smallest store first"),
        (percent(plan.gap_thousandths()), gap),
        (at(first), "the first people are served again"),
        (at(half_s), "half of what was lost is back"),
        (at(first.map(|_| last)), "everybody who comes back by this plan is served"),
    ]
    .map(|(number, words)| Figure { number: unbroken(&number), words: words.to_owned() })
    .into()
}

/// Whole insured-hours.
fn whole(seconds: u64) -> String {
    number(seconds / 3600)
}

/// Insured × urgency of each pair the plan knows: (kept, curve of what comes back by the chosen time, all).
fn curve_of(estate: &Estate, plan: &Plan, time: impl Fn(&Served) -> u64) -> (u128, Curve, u128) {
    let weight = |tenant: &Id, capability: &Id| {
        let insured = estate.tenants.get(tenant).map_or(0, |tenant| u128::from(tenant.insured));
        insured
            .saturating_mul(estate.capabilities.get(capability).map_or(0, |known| u128::from(known.urgency)))
    };
    let times = Times::of(estate, plan);
    let (mut kept, mut curve) = (0_u128, BTreeMap::<u64, u128>::new());
    for served in &plan.served {
        let weight = weight(&served.tenant, &served.capability);
        if times.when(served) == Time::NotLost {
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

/// The drawing, and at how many percent it begins.
fn served(estate: &Estate, plan: &Plan, known: Known<'_>, axis: Axis) -> (Html, u128) {
    let (kept, curve, all) = curve_of(estate, plan, |served| served.at_s);
    let mut lines = vec![Line { name: "this plan", class: "curve first", curve: &curve }];
    if let Some((_, usual)) = known {
        let names = [
            ("first come, first served", "curve second"),
            ("tier by tier", "curve dash-long"),
            ("smallest store first", "curve dash-short"),
        ];
        lines.extend(names.iter().zip(usual).map(|((name, class), curve)| Line { name, class, curve }));
    }
    let (_, early, _) = curve_of(estate, plan, |served| served.early_s);
    let (_, late, _) = curve_of(estate, plan, |served| served.late_s);
    let band = (plan.samples > 0).then_some((&early, &late));
    (drawing::served(axis, kept, all, &lines, band), drawing::floor_percent(kept, all))
}

/// When a fund has a capability again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    NotConcerned,
    Kept,
    /// Nobody knows whether it is lost.
    NotKnown,
    /// Lost, and it takes longer than this.
    After(String),
    Back(String),
    Between {
        planned: String,
        early: String,
        late: String,
    },
    Never,
}

/// A row or a column, and how many people it is about.
struct Heading {
    name: String,
    people: String,
}

/// Funds that have everything at the same times stand together; capabilities across or down, whichever is narrower.
struct Funds {
    corner: String,
    head: Vec<Heading>,
    rows: Vec<(Heading, Vec<Cell>)>,
}

/// A group that is too large to be named in the table.
struct Group {
    name: String,
    names: Html,
}

/// Up to so many groups of funds stand side by side; more stand below one another.
const GROUPS_ACROSS: usize = 8;

fn funds(estate: &Estate, plan: &Plan, doubtful: &BTreeSet<Id>) -> (Funds, Vec<Group>) {
    let times = Times::of(estate, plan);
    let lost = plan.served.iter().filter(|served| times.when(served) != Time::NotLost);
    let mut columns: BTreeSet<&Id> = lost.map(|served| &served.capability).collect();
    columns.extend(plan.never.iter().map(|never| &never.capability));
    columns.extend(doubtful);
    let mut rows: BTreeMap<&Id, BTreeMap<&Id, Cell>> = BTreeMap::new();
    for served in plan.served.iter().filter(|served| columns.contains(&served.capability)) {
        let cell = match cell(plan, &times, served) {
            Cell::Kept if doubtful.contains(&served.capability) => Cell::NotKnown,
            cell => cell,
        };
        rows.entry(&served.tenant).or_default().insert(&served.capability, cell);
    }
    for never in &plan.never {
        rows.entry(&never.tenant).or_default().insert(&never.capability, Cell::Never);
    }
    let mut groups: BTreeMap<Vec<Cell>, Vec<&Id>> = BTreeMap::new();
    for (tenant, mut cells) in rows {
        let cells = columns.iter().map(|id| cells.remove(*id).unwrap_or(Cell::NotConcerned)).collect();
        groups.entry(cells).or_default().push(tenant);
    }
    let mut groups: Vec<(Vec<Cell>, Vec<&Id>)> = groups.into_iter().collect();
    groups.sort_by_key(|(_, tenants)| std::cmp::Reverse(insured(estate, tenants)));
    let large = groups.iter().filter(|(_, tenants)| tenants.len() > 3).map(|(_, tenants)| {
        let names: Vec<&str> = tenants.iter().map(|id| id.name()).collect();
        Group { name: whom(estate, tenants), names: words::sentence(&names.join(", ")) }
    });
    let large = large.collect();
    let of_group =
        |tenants: &[&Id]| Heading { name: whom(estate, tenants), people: unbroken(&people(estate, tenants)) };
    let of_capability = |id: &Id| Heading { name: capability(estate, id).to_owned(), people: String::new() };
    let funds = if groups.len() <= GROUPS_ACROSS {
        let across = |at: usize| groups.iter().map(|(cells, _)| cells[at].clone()).collect();
        Funds {
            corner: "what".to_owned(),
            head: groups.iter().map(|(_, tenants)| of_group(tenants)).collect(),
            rows: columns.iter().enumerate().map(|(at, id)| (of_capability(id), across(at))).collect(),
        }
    } else {
        Funds {
            corner: estate.words.tenant().to_owned(),
            head: columns.iter().map(|id| of_capability(id)).collect(),
            rows: groups.into_iter().map(|(cells, tenants)| (of_group(&tenants), cells)).collect(),
        }
    };
    (funds, large)
}

fn people(estate: &Estate, tenants: &[&Id]) -> String {
    let count = insured(estate, tenants);
    if estate.words.hours() == "insured-hours" {
        return counted(count, "insured person", "insured people");
    }
    format!("{} {}", page::words::number(u64::try_from(count).unwrap_or(u64::MAX)), estate.words.people())
}

fn cell(plan: &Plan, times: &Times<'_>, served: &Served) -> Cell {
    let at = |at_s: u64| unbroken(&short_clock(at_s));
    match (times.when(served), served.at_s) {
        (Time::NotLost, _) => Cell::Kept,
        (Time::AtLeast, at_s) => Cell::After(at(at_s)),
        (Time::Known, at_s) if plan.samples > 0 => {
            Cell::Between { planned: at(at_s), early: at(served.early_s), late: at(served.late_s) }
        }
        (Time::Known, at_s) => Cell::Back(at(at_s)),
    }
}

fn capability<'a>(estate: &'a Estate, id: &'a Id) -> &'a str {
    let name = estate.capabilities.get(id).map_or("", |capability| capability.name.de.as_str());
    if name.is_empty() { id.name() } else { name }
}

fn not_back(estate: &Estate, plan: &Plan) -> Vec<NotBack> {
    let mut groups: BTreeMap<(&Id, &Id), Vec<&Id>> = BTreeMap::new();
    for never in &plan.never {
        groups.entry((&never.capability, &never.because)).or_default().push(&never.tenant);
    }
    let shown = groups.into_iter().map(|((capability, because), tenants)| NotBack {
        capability: words::sentence(&capability_name(estate, capability)),
        whom: words::sentence(&whom(estate, &tenants)),
        because: words::id(&because.to_string()),
    });
    shown.collect()
}

fn late(estate: &Estate, plan: &Plan) -> Vec<Html> {
    let line = |late: &super::objectives::Missed| {
        let tenants: Vec<&Id> = late.tenants.iter().collect();
        let (promised, by) = (unbroken(&clock(late.rto_s)), unbroken(&clock(late.by_s(plan))));
        let (name, whom) = (capability_name(estate, &late.capability), whom(estate, &tenants));
        words::sentence(&format!("{name}: promised within {promised}, {by} late for {whom}"))
    };
    missed(estate, plan).iter().map(line).collect()
}

fn not_known(plan: &Plan, known: Known<'_>) -> Vec<Html> {
    let mut items: Vec<String> = known.map(|(known, _)| known.not_known.clone()).unwrap_or_default();
    if plan.samples > 0 {
        items.push(ranges::assumption(plan.samples));
    }
    items.iter().map(|item| words::sentence(item)).collect()
}

/// The curve in words.
fn moments(estate: &Estate, plan: &Plan) -> Vec<Moment> {
    let (kept, curve, all) = curve_of(estate, plan, |served| served.at_s);
    let mut sum = kept;
    let shown = |sum: u128| unbroken(&percent(share(sum, all)));
    let first = Moment { from: "0:00".to_owned(), served: shown(kept), back: words::sentence("never lost") };
    let mut moments = vec![first];
    for (at_s, weight) in curve.into_iter().take(ROWS_MAX) {
        sum = sum.saturating_add(weight);
        let then = plan.served.iter().filter(|served| served.at_s == at_s);
        let names: BTreeSet<&str> = then.map(|served| served.capability.name()).collect();
        let back = words::sentence(&names.into_iter().collect::<Vec<_>>().join(", "));
        moments.push(Moment { from: unbroken(&clock(at_s)), served: shown(sum), back });
    }
    moments
}
