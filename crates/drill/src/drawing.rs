//! The two drawings of the report, as SVG: what happened when, and who was served.
//!
//! Both use the same time axis, so they can be read one below the other. No script, no font and no file from elsewhere.

use page::Html;
use page::drawing::{Drawing, Path, Point, Shape, stairs};
use page::words;

use crate::curve::Curve;
use crate::story::{Act, Happening, Kind};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 136.0;
const RIGHT: f64 = 24.0;
const ROW: f64 = 23.0;
/// Room for the signs of what happened.
const TOP: f64 = 22.0;

/// Where a second of the run lies from left to right.
#[derive(Clone, Copy)]
struct Axis {
    seconds: f64,
}

impl Axis {
    fn new(seconds: f64) -> Axis {
        Axis { seconds: seconds.max(1.0) }
    }

    fn x(self, at_s: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (at_s / self.seconds).clamp(0.0, 1.0)
    }

    /// Lines every 5, 10, 20 or 30 seconds, whichever leaves room for the numbers.
    fn ticks(self) -> Vec<f64> {
        let step = [5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
        let step = step.into_iter().find(|step| self.seconds / step <= 12.0).unwrap_or(1800.0);
        let mut ticks = Vec::new();
        let mut at = 0.0;
        while at <= self.seconds {
            ticks.push(at);
            at += step;
        }
        ticks
    }

    fn draw(self, drawing: &mut Drawing, top: f64, bottom: f64) {
        for at in self.ticks() {
            let x = self.x(at);
            drawing.add(Shape::line((x, top), (x, bottom)).class("axis"));
            drawing.add(Shape::text((x, bottom + 16.0), format!("{at:.0} s")).class("dim middle"));
        }
    }
}

/// How a kind of happening is called in the style sheet.
pub fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Attack | Kind::Kill => "bad",
        Kind::Alarm => "warn",
        Kind::Step => "soft",
    }
}

/// The sign of a kind of happening, so that it needs no colour to be told apart.
pub fn sign(kind: Kind) -> &'static str {
    match kind {
        Kind::Attack => "▼",
        Kind::Alarm => "◆",
        Kind::Kill => "✕",
        Kind::Step => "●",
    }
}

/// The sign of a happening at its moment; what matters most has a line below it, too.
fn mark(drawing: &mut Drawing, axis: Axis, happening: &Happening, bottom: f64) {
    let (x, class) = (axis.x(happening.at_s), class(happening.kind));
    // With a line for every step the drawing would be a fence.
    let bottom = if happening.kind == Kind::Step { 18.0 } else { bottom };
    drawing.add(Shape::line((x, 14.0), (x, bottom)).class(format!("mark {class}")));
    let title = format!("{}: {}", words::seconds(happening.at_s), happening.text);
    let sign = Shape::text((x, 11.0), sign(happening.kind)).class(format!("small middle dim {class}"));
    drawing.add(sign.title(title));
}

/// A bar per act, a mark per happening.
pub fn timeline(acts: &[Act], happenings: &[Happening], seconds: f64) -> Html {
    let axis = Axis::new(seconds);
    let rows = f64::from(u32::try_from(acts.len()).unwrap_or(u32::MAX));
    let bottom = TOP + rows * ROW;
    let mut drawing = Drawing::new(
        "acts",
        (WIDTH, bottom + 26.0),
        "What happened, and when",
        "The acts of the drill on one time axis, with a sign for each happening; the list below has all of them in words.",
    );
    axis.draw(&mut drawing, TOP, bottom);
    for happening in happenings {
        mark(&mut drawing, axis, happening, bottom);
    }
    let mut y = TOP;
    for (number, act) in acts.iter().enumerate() {
        row(&mut drawing, axis, number + 1, act, y);
        y += ROW;
    }
    drawing.drawn()
}

fn row(drawing: &mut Drawing, axis: Axis, number: usize, act: &Act, y: f64) {
    let label = format!("{number}  {}", act.name.replace('_', " "));
    drawing.add(Shape::text((LEFT - 12.0, y + 15.0), label).class("end"));
    let Some(began) = act.began_s else {
        drawing.add(Shape::text((LEFT, y + 15.0), "not played").class("dim"));
        return;
    };
    let (from, to) = (axis.x(began), axis.x(began + act.seconds));
    let class = if act.ok { "fill-deep" } else { "fill-bad" };
    let word = if act.ok { "" } else { " · did not hold" };
    let width = (to - from).max(2.0);
    let (anchor, x) = if to > WIDTH - 150.0 { ("end", from - 6.0) } else { ("", from + width + 6.0) };
    drawing.add(Shape::rect((from, y + 4.0), (width, ROW - 8.0)).round(1.5).class(class));
    let words = format!("{}{word}", words::seconds(act.seconds));
    drawing.add(Shape::text((x, y + 15.0), words).class(format!("dim halo {anchor}").trim_end()));
}

/// The share of the insured that was served, and that was served or taken in.
pub fn served(curve: &Curve, happenings: &[Happening], seconds: f64) -> Html {
    let axis = Axis::new(seconds);
    let (top, bottom) = (30.0, 250.0);
    let y = |share: f64| bottom - (bottom - top) * share.clamp(0.0, 1.0);
    let mut drawing = Drawing::new(
        "served",
        (WIDTH, bottom + 26.0),
        "Who was served",
        "Share of insured people times urgency that was answered by a core, and that was at least taken in with a receipt, \
         second by second.",
    );
    for percent in [0.0_f64, 25.0, 50.0, 75.0, 100.0] {
        let at = y(percent / 100.0);
        drawing.add(Shape::line((LEFT, at), (WIDTH - RIGHT, at)).class("axis"));
        drawing.add(Shape::text((LEFT - 8.0, at + 4.0), format!("{percent:.0} %")).class("dim end"));
    }
    axis.draw(&mut drawing, top, bottom);
    // An answer holds until the next one, so nothing is drawn between two of them that was not measured.
    let line = |of: fn(&crate::curve::Point) -> f64| -> Vec<Point> {
        let points: Vec<Point> =
            curve.points.iter().map(|point| (axis.x(point.at_s), y(of(point)))).collect();
        stairs(&points)
    };
    let (served, accepted) = (line(|point| point.served), line(|point| point.accepted));
    let floor: Vec<Point> = served.iter().map(|(x, _)| (*x, bottom)).collect();
    for (class, path) in [
        ("area-mid", Path::between(&accepted, &served)),
        ("area-first", Path::between(&served, &floor)),
        ("curve dash-long", Path::through(accepted)),
        ("curve first", Path::through(served)),
    ] {
        drawing.add(Shape::path(&path).class(class));
    }
    for happening in happenings.iter().filter(|happening| happening.kind != Kind::Step) {
        mark(&mut drawing, axis, happening, bottom);
    }
    drawing.drawn()
}
