//! The drawings of a plan, as SVG: who is served when, what is done when, and how full each limit is.
//!
//! All share one time axis, so they can be read one below the other. No script, no font, no file from elsewhere; every
//! kind of bar has a pattern of its own, so that grey paper shows the same as a screen.

use std::collections::{BTreeMap, BTreeSet};

use ::page::Html;
use ::page::drawing::{Drawing, Path, Point, Shape, stairs};
use ::page::words::{self, clock, grouped, percent, short_clock};

use super::Curve;
use super::explain::Usage;
use estate::{Estate, Id, Kind};
use incident::plan::file::{Plan, Step, StepKind};

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 262.0;
const RIGHT: f64 = 96.0;
const ROW: f64 = 17.0;
/// Letters of a row's name.
const LETTERS_MAX: usize = 38;
/// Rows of one drawing; what has no row stands in the table.
pub const ROWS_MAX: usize = 90;

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

    fn draw(self, drawing: &mut Drawing, top: f64, bottom: f64) {
        for at_s in self.ticks() {
            let x = self.x(at_s);
            drawing.add(Shape::line((x, top), (x, bottom)).class("axis"));
            drawing.add(Shape::text((x, bottom + 15.0), short_clock(at_s)).class("dim middle"));
        }
    }
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
) -> Html {
    let (top, bottom) = (16.0, 296.0);
    let whole = whole.max(1);
    let base = floor_percent(kept, whole);
    let floor = whole * base / 100;
    let y = |sum: u128| {
        bottom - (bottom - top) * (sum.clamp(floor, whole) - floor) as f64 / (whole - floor).max(1) as f64
    };
    let mut drawing = Drawing::new(
        "served",
        (WIDTH, bottom + 24.0),
        "Who is served, over time",
        "Share of people times urgency that is served, a line for each order of restart. The table “The curve as \
         a table” has the numbers of this plan.",
    );
    for percent in (0..=5).map(|fifth| base + (100 - base) * fifth / 5) {
        let at = y(whole * percent / 100);
        drawing.add(Shape::line((LEFT, at), (WIDTH - RIGHT, at)).class("axis"));
        drawing.add(Shape::text((LEFT - 8.0, at + 4.0), format!("{percent} %")).class("dim end"));
    }
    axis.draw(&mut drawing, top, bottom);
    let corners = |curve: &Curve| corners(axis, kept, curve, &y);
    if let Some((early, late)) = band {
        let band = Path::between(&corners(early), &corners(late));
        drawing.add(Shape::path(&band).class("area-band"));
    }
    if let [plan, usual, ..] = lines {
        let saved = Path::between(&corners(plan.curve), &corners(usual.curve));
        drawing.add(Shape::path(&saved).class("area-second"));
    }
    for line in lines.iter().rev() {
        let path = Path::through(corners(line.curve));
        drawing.add(Shape::path(&path).class(line.class).title(line.name));
    }
    legend(&mut drawing, lines, band.is_some());
    drawing.drawn()
}

/// Where the drawing begins from below: what was never lost would only take room. In percent.
pub fn floor_percent(kept: u128, whole: u128) -> u128 {
    kept.saturating_mul(100) / whole.max(1) / 25 * 25 % 100
}

/// To the left of the drawing, where nothing else stands.
fn legend(drawing: &mut Drawing, lines: &[Line<'_>], band: bool) {
    let mut y = 30.0;
    for line in lines {
        drawing.add(Shape::line((0.0, y - 4.0), (34.0, y - 4.0)).class(line.class));
        drawing.add(Shape::text((42.0, y), line.name));
        y += 22.0;
    }
    for (class, words, shown) in [
        ("area-second", "saved against the first", lines.len() > 1),
        ("area-band", "eight of ten draws", band),
    ] {
        if shown {
            drawing.add(Shape::rect((0.0, y - 10.0), (34.0, 12.0)).class(class));
            drawing.add(Shape::text((42.0, y), words));
            y += 22.0;
        }
    }
}

fn corners(axis: Axis, kept: u128, curve: &Curve, y: &impl Fn(u128) -> f64) -> Vec<Point> {
    let mut sum = kept;
    let mut points = vec![(axis.x(0), y(sum))];
    for (at_s, weight) in curve {
        sum = sum.saturating_add(*weight);
        points.push((axis.x(*at_s), y(sum)));
    }
    points.push((WIDTH - RIGHT, y(sum)));
    stairs(&points)
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
pub fn bars(estate: &Estate, plan: &Plan, axis: Axis, critical: &BTreeSet<&Id>) -> (Html, usize) {
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
    let mut drawing = Drawing::new(
        "bars",
        (WIDTH, bottom + 24.0),
        "What is done when",
        "Steps of the plan over time, a row for each service with its data, in the order in which they are back. The \
         table “Every step” has the same in numbers.",
    );
    drawing.hatched();
    for number in (1..rows.len()).step_by(2) {
        let y = top + ROW * number as f64;
        drawing.add(Shape::rect((0.0, y), (WIDTH, ROW)).class("stripe"));
    }
    axis.draw(&mut drawing, top, bottom);
    for (number, row) in rows.iter().enumerate() {
        draw_row(&mut drawing, axis, row, top + ROW * number as f64);
    }
    (drawing.drawn(), left_out)
}

/// How a kind of step is drawn, and its words.
pub fn look(kind: StepKind) -> (&'static str, &'static str) {
    match kind {
        StepKind::Verify => ("hatch", "judge the copy"),
        StepKind::Restore => ("fill-mid", "restore"),
        StepKind::Start => ("fill-deep", "start"),
        StepKind::Gate => ("open", "gate"),
        StepKind::Admit => ("fill-warm", "let load in"),
    }
}

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
    words::shortened(&text, LETTERS_MAX)
}

fn draw_row(drawing: &mut Drawing, axis: Axis, row: &Row<'_>, y: f64) {
    let class = if row.critical { "name small strong end" } else { "name small end" };
    let mark = if row.critical { "◆ " } else { "" };
    let label = format!("{mark}{}", row.label);
    drawing.add(Shape::text((LEFT - 10.0, y + 12.5), label).class(class));
    for step in &row.steps {
        let (from, to) = (axis.x(step.start_s), axis.x(step.end_s));
        let bar = Shape::rect((from, y + 3.0), ((to - from).max(1.2), ROW - 6.0)).class(look(step.kind).0);
        drawing.add(bar.title(format!("{} {} to {}", step.id, clock(step.start_s), clock(step.end_s))));
    }
    let end_s = row.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
    if row.weight > 0 {
        let words = format!("● {}", short_clock(end_s));
        drawing.add(Shape::text((axis.x(end_s) + 5.0, y + 12.5), words).class("back small strong halo"));
    }
}

/// How full the limits are, a small drawing for each, below one another.
pub fn usage(axis: Axis, usage: &[Usage]) -> Html {
    const HEIGHT: f64 = 46.0;
    let rows = usage.len() as f64;
    let mut drawing = Drawing::new(
        "usage",
        (WIDTH, rows * (HEIGHT + 12.0) + 28.0),
        "What is scarce",
        "How much of each limit is taken over time, the busiest limits below one another.",
    );
    axis.draw(&mut drawing, 4.0, rows * (HEIGHT + 12.0));
    for (number, limit) in usage.iter().enumerate() {
        let top = 4.0 + number as f64 * (HEIGHT + 12.0);
        let bottom = top + HEIGHT;
        let capacity = limit.capacity.max(1);
        let y = |taken: u64| bottom - HEIGHT * (taken.min(capacity) as f64 / capacity as f64);
        let mut points = vec![(axis.x(0), bottom)];
        points.extend(limit.steps.iter().map(|(at_s, taken)| (axis.x(*at_s), y(*taken))));
        let mut points = stairs(&points);
        if let Some((_, last)) = points.last().copied() {
            points.extend([(WIDTH - RIGHT, last), (WIDTH - RIGHT, bottom)]);
        }
        let of_time = percent(limit.full_thousandths);
        let words = format!("all {} taken: {of_time} of the time", grouped(limit.capacity.into()));
        drawing.add(Shape::line((LEFT, top), (WIDTH - RIGHT, top)).class("limit"));
        drawing.add(Shape::path(&Path::through(points).close()).class("area-mid"));
        drawing.add(Shape::text((LEFT - 10.0, top + 18.0), limit.name.as_str()).class("small end"));
        drawing.add(Shape::text((LEFT - 10.0, top + 34.0), words).class("dim small end"));
    }
    drawing.drawn()
}
