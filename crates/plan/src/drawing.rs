//! The drawings of a plan, as SVG: who is served when, what is done when, and how full each limit is.
//!
//! All share one time axis, so they can be read one below the other. No script, no font, no file from elsewhere; every
//! kind of bar has a pattern of its own, so that grey paper shows the same as a screen.

use std::collections::{BTreeMap, BTreeSet};

use super::Curve;
use super::explain::Usage;
use super::page::{clock, grouped};
use estate::{Estate, Id, Kind};
use incident::plan::file::{Plan, Step, StepKind};

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 262.0;
const RIGHT: f64 = 96.0;
const ROW: f64 = 17.0;
/// Rows of one drawing; what has no row stands in the table.
pub const ROWS_MAX: usize = 90;

/// Text as it may stand in HTML, in an attribute too.
pub fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, letter| {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other if other.is_control() => out.push('?'),
            other => out.push(other),
        }
        out
    })
}

/// Where a second lies from left to right. If most is over long before the end, the first hours are drawn wider.
#[derive(Clone, Copy)]
pub struct Axis {
    end_s: u64,
    pub wide: bool,
}

impl Axis {
    pub fn new(plan: &Plan, at_least_s: u64) -> Axis {
        let mut ends: Vec<u64> = plan.steps.iter().map(|step| step.end_s).collect();
        ends.sort_unstable();
        let end_s = ends.last().copied().unwrap_or(0).max(at_least_s).max(1);
        let most_s = ends.get(ends.len() * 3 / 4).copied().unwrap_or(0);
        Axis { end_s, wide: most_s.saturating_mul(2) < end_s }
    }

    fn x(self, at_s: u64) -> f64 {
        let share = at_s.min(self.end_s) as f64 / self.end_s as f64;
        LEFT + (WIDTH - LEFT - RIGHT) * if self.wide { share.sqrt() } else { share }
    }

    /// Round times, as close as their numbers have room.
    fn ticks(self) -> Vec<u64> {
        const ROOM: f64 = 52.0;
        const HOUR_S: u64 = 3600;
        let round = [1, 5, 10, 30, 60, 300, 600, 900, 1800];
        let hours = [1, 2, 4, 6, 8, 12, 24, 48, 72, 96, 168, 336, 720, 2160, 8760, 87_600]
            .map(|hours| hours * HOUR_S);
        let steps = round.into_iter().chain(hours);
        if !self.wide {
            let fits = |step: &u64| self.end_s / step <= 12;
            let step_s = steps.clone().find(fits).unwrap_or(self.end_s);
            return (0..=self.end_s / step_s).map(|number| number * step_s).collect();
        }
        let mut ticks = vec![0];
        for at_s in steps.filter(|at_s| *at_s <= self.end_s && *at_s >= 60) {
            if self.x(at_s) - self.x(*ticks.last().expect("it begins with 0")) >= ROOM {
                ticks.push(at_s);
            }
        }
        ticks
    }

    fn drawn(self, top: f64, bottom: f64) -> String {
        let line = |at_s: u64| {
            let x = self.x(at_s);
            format!(
                "<line class=\"axis\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"dim\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n",
                bottom + 15.0,
                short_clock(at_s)
            )
        };
        self.ticks().into_iter().map(line).collect()
    }
}

/// `1:30`, hours and minutes; below an hour `0:05:30` if there are seconds.
pub fn short_clock(seconds: u64) -> String {
    let whole = clock(seconds);
    if seconds >= 3600 || seconds.is_multiple_of(60) {
        whole.strip_suffix(":00").map_or(whole.clone(), str::to_owned)
    } else {
        whole
    }
}

pub fn open(height: f64, label: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">\n", escape(label))
}

/// One order in the drawing of who is served.
pub struct Line<'a> {
    pub name: &'a str,
    pub class: &'a str,
    pub curve: &'a Curve,
}

/// Share of insured × urgency that is served: a stair for each order, the area to the first of the others filled. `kept`
/// was never lost; `band` are the early and the late curve.
pub fn served(
    axis: Axis,
    kept: u128,
    whole: u128,
    lines: &[Line<'_>],
    band: Option<(&Curve, &Curve)>,
) -> String {
    let (top, bottom) = (16.0, 296.0);
    let whole = whole.max(1);
    let base = floor_percent(kept, whole);
    let floor = whole * base / 100;
    let y = |sum: u128| {
        bottom - (bottom - top) * (sum.clamp(floor, whole) - floor) as f64 / (whole - floor).max(1) as f64
    };
    let mut svg = open(bottom + 24.0, "Share of insured times urgency that is served, over time");
    for percent in (0..=5).map(|fifth| base + (100 - base) * fifth / 5) {
        let at = y(whole * percent / 100);
        svg += &format!(
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"dim\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>\n",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
    }
    svg += &axis.drawn(top, bottom);
    let stairs = |curve: &Curve| stairs(axis, kept, curve, &y);
    if let Some((early, late)) = band {
        svg += &format!("<path class=\"band\" d=\"{}\"/>\n", between(&stairs(early), &stairs(late)));
    }
    if let [plan, usual, ..] = lines {
        svg += &format!(
            "<path class=\"saved\" d=\"{}\"/>\n",
            between(&stairs(plan.curve), &stairs(usual.curve))
        );
    }
    for line in lines.iter().rev() {
        svg += &format!("<path class=\"curve {}\" d=\"{}\"/>\n", line.class, path(&stairs(line.curve)));
    }
    svg += &legend(lines, band.is_some());
    svg + "</svg>"
}

/// Where the drawing begins from below: what was never lost would only take room. In percent.
pub fn floor_percent(kept: u128, whole: u128) -> u128 {
    kept.saturating_mul(100) / whole.max(1) / 25 * 25 % 100
}

/// To the left of the drawing, where nothing else stands.
fn legend(lines: &[Line<'_>], band: bool) -> String {
    let mut svg = String::new();
    let mut y = 30.0;
    for line in lines {
        svg += &format!(
            "<line class=\"curve {}\" x1=\"0\" y1=\"{:.1}\" x2=\"34\" y2=\"{:.1}\"/><text x=\"42\" y=\"{y:.1}\">{}</text>\n",
            line.class,
            y - 4.0,
            y - 4.0,
            escape(line.name)
        );
        y += 22.0;
    }
    for (class, words, shown) in
        [("saved", "saved against the first", lines.len() > 1), ("band", "eight of ten draws", band)]
    {
        if shown {
            svg += &format!(
                "<rect class=\"{class}\" x=\"0\" y=\"{:.1}\" width=\"34\" height=\"12\"/><text x=\"42\" y=\"{y:.1}\">{words}</text>\n",
                y - 10.0
            );
            y += 22.0;
        }
    }
    svg
}

fn stairs(axis: Axis, kept: u128, curve: &Curve, y: &impl Fn(u128) -> f64) -> Vec<(f64, f64)> {
    let mut sum = kept;
    let mut points = vec![(axis.x(0), y(sum))];
    for (at_s, weight) in curve {
        points.push((axis.x(*at_s), y(sum)));
        sum = sum.saturating_add(*weight);
        points.push((axis.x(*at_s), y(sum)));
    }
    points.push((WIDTH - RIGHT, y(sum)));
    points
}

fn path(points: &[(f64, f64)]) -> String {
    let mut drawn = String::new();
    for (number, (x, y)) in points.iter().enumerate() {
        drawn += &format!("{}{x:.1} {y:.1}", if number == 0 { 'M' } else { 'L' });
    }
    drawn
}

fn between(upper: &[(f64, f64)], lower: &[(f64, f64)]) -> String {
    let back: String = lower.iter().rev().map(|(x, y)| format!("L{x:.1} {y:.1}")).collect();
    format!("{}{back}Z", path(upper))
}

/// One row of the bar chart: a service with the stores its start waits for, or a store by itself.
struct Row<'a> {
    label: String,
    steps: Vec<&'a Step>,
    critical: bool,
    /// Insured × urgency that is served again at its end.
    weight: u128,
}

/// A bar per step, a row per service with its data, in the order in which they are back. The second value is the number
/// of rows that were left out.
pub fn bars(estate: &Estate, plan: &Plan, axis: Axis, critical: &BTreeSet<&Id>) -> (String, usize) {
    let mut rows = rows(estate, plan, critical);
    let left_out = rows.len().saturating_sub(ROWS_MAX);
    if left_out > 0 {
        // What decides the plan and what serves most people stays.
        rows.sort_by_key(|row| (std::cmp::Reverse(row.critical), std::cmp::Reverse(row.weight)));
        rows.truncate(ROWS_MAX);
    }
    rows.sort_by_key(|row| (row.steps.iter().map(|step| step.end_s).max(), row.label.clone()));
    let top = 8.0;
    let bottom = top + ROW * rows.len() as f64;
    let mut svg = open(bottom + 24.0, "Steps of the plan over time, a row for each service with its data");
    svg += PATTERNS;
    for number in (1..rows.len()).step_by(2) {
        let y = top + ROW * number as f64;
        svg += &format!("<rect class=\"stripe\" x=\"0\" y=\"{y:.1}\" width=\"{WIDTH}\" height=\"{ROW}\"/>\n");
    }
    svg += &axis.drawn(top, bottom);
    for (number, row) in rows.iter().enumerate() {
        svg += &row_drawn(axis, row, top + ROW * number as f64);
    }
    (svg + "</svg>", left_out)
}

const PATTERNS: &str = "<defs><pattern id=\"judge\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" \
    patternTransform=\"rotate(45)\"><rect width=\"5\" height=\"5\" class=\"judge-back\"/><line x1=\"0\" y1=\"0\" x2=\"0\" \
    y2=\"5\" class=\"judge-line\"/></pattern></defs>\n";

fn rows<'a>(estate: &'a Estate, plan: &'a Plan, critical: &BTreeSet<&Id>) -> Vec<Row<'a>> {
    let starts: BTreeMap<&Id, u64> = plan
        .steps
        .iter()
        .filter(|step| step.kind == StepKind::Start)
        .map(|step| (&step.service, step.start_s))
        .collect();
    // A store stands with the service that waits for it and starts first.
    let mut home: BTreeMap<&Id, &Id> = BTreeMap::new();
    for edge in estate.edges.iter().filter(|edge| edge.to.kind() == Kind::Store && edge.kind.blocks_start()) {
        let Some((user, start_s)) = starts.get_key_value(&edge.from) else { continue };
        let current = home.get(&edge.to).map(|user| starts[*user]);
        if current.is_none_or(|current| *start_s < current) {
            home.insert(&edge.to, user);
        }
    }
    let mut by_home: BTreeMap<&Id, Vec<&Step>> = BTreeMap::new();
    for step in plan.steps.iter().filter(|step| step.end_s > step.start_s) {
        by_home.entry(home.get(&step.service).copied().unwrap_or(&step.service)).or_default().push(step);
    }
    let weights = super::instance::weights(estate);
    by_home
        .into_iter()
        .map(|(id, steps)| Row {
            label: label(estate, id),
            critical: steps.iter().any(|step| critical.contains(&step.service)),
            weight: weights.get(id).copied().unwrap_or(0),
            steps,
        })
        .collect()
}

fn label(estate: &Estate, id: &Id) -> String {
    let name = estate
        .services
        .get(id)
        .map(|service| &service.name)
        .or_else(|| estate.stores.get(id).map(|store| &store.name));
    let text = name.filter(|name| !name.is_empty()).map_or_else(|| id.name().to_owned(), Clone::clone);
    if text.chars().count() > 36 { text.chars().take(35).chain(['…']).collect() } else { text }
}

fn row_drawn(axis: Axis, row: &Row<'_>, y: f64) -> String {
    let class = if row.critical { "name critical" } else { "name" };
    let mark = if row.critical { "◆ " } else { "" };
    let mut svg = format!(
        "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{mark}{}</text>\n",
        LEFT - 10.0,
        y + 12.5,
        escape(&row.label)
    );
    for step in &row.steps {
        let (from, to) = (axis.x(step.start_s), axis.x(step.end_s));
        let title = format!("{} {} to {}", step.id, clock(step.start_s), clock(step.end_s));
        svg += &format!(
            "<rect class=\"{}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"><title>{}</title></rect>\n",
            step.kind.word(),
            y + 3.0,
            (to - from).max(1.2),
            ROW - 6.0,
            escape(&title)
        );
    }
    let end_s = row.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
    if row.weight > 0 {
        svg += &format!(
            "<text class=\"back\" x=\"{:.1}\" y=\"{:.1}\">● {}</text>\n",
            axis.x(end_s) + 5.0,
            y + 12.5,
            short_clock(end_s)
        );
    }
    svg
}

/// How full the limits are, a small drawing for each, below one another.
pub fn usage(axis: Axis, usage: &[Usage]) -> String {
    const HEIGHT: f64 = 46.0;
    let rows = usage.len() as f64;
    let mut svg = open(rows * (HEIGHT + 12.0) + 28.0, "How much of each limit is taken over time");
    svg += &axis.drawn(4.0, rows * (HEIGHT + 12.0));
    for (number, limit) in usage.iter().enumerate() {
        let top = 4.0 + number as f64 * (HEIGHT + 12.0);
        let bottom = top + HEIGHT;
        let capacity = limit.capacity.max(1);
        let y = |taken: u64| bottom - HEIGHT * (taken.min(capacity) as f64 / capacity as f64);
        let mut drawn = format!("M{:.1} {bottom:.1}", axis.x(0));
        for (at_s, taken) in &limit.steps {
            drawn += &format!("H{:.1}V{:.1}", axis.x(*at_s), y(*taken));
        }
        drawn += &format!("H{:.1}V{bottom:.1}Z", WIDTH - RIGHT);
        svg += &format!(
            "<line class=\"cap\" x1=\"{LEFT}\" y1=\"{top:.1}\" x2=\"{:.1}\" y2=\"{top:.1}\"/><path class=\"taken\" d=\"{drawn}\"/>\
             <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\
             <text class=\"dim\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">all {} taken: {}.{} % of the time</text>\n",
            WIDTH - RIGHT,
            LEFT - 10.0,
            top + 18.0,
            escape(&limit.name),
            LEFT - 10.0,
            top + 34.0,
            grouped(limit.capacity.into()),
            limit.full_thousandths / 10,
            limit.full_thousandths % 10
        );
    }
    svg + "</svg>"
}
