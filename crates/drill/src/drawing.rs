//! The two drawings of the report, as SVG: what happened when, and who was served.
//!
//! Both use the same time axis, so they can be read one below the other. No script, no font and no file from elsewhere.

use crate::curve::Curve;
use crate::report_html::escape;
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

    fn drawn(self, top: f64, bottom: f64) -> String {
        let line = |at: f64| {
            let x = self.x(at);
            format!(
                "<line class=\"axis\" x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>\
                 <text class=\"dim\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{at:.0} s</text>\n",
                bottom + 16.0
            )
        };
        self.ticks().into_iter().map(line).collect()
    }
}

/// How a kind of happening is called in the style sheet.
pub fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Attack => "attack",
        Kind::Alarm => "alarm",
        Kind::Kill => "kill",
        Kind::Step => "step",
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
fn mark(axis: Axis, happening: &Happening, bottom: f64) -> String {
    let (x, class) = (axis.x(happening.at_s), class(happening.kind));
    // With a line for every step the drawing would be a fence.
    let bottom = if happening.kind == Kind::Step { 18.0 } else { bottom };
    format!(
        "<line class=\"mark {class}\" x1=\"{x:.1}\" y1=\"14\" x2=\"{x:.1}\" y2=\"{bottom:.1}\"/>\
         <text class=\"sign {class}\" x=\"{x:.1}\" y=\"11\" text-anchor=\"middle\">{}<title>{}</title></text>\n",
        sign(happening.kind),
        escape(&format!("{:.1} s: {}", happening.at_s, happening.text))
    )
}

/// A bar per act, a mark per happening.
pub fn timeline(acts: &[Act], happenings: &[Happening], seconds: f64) -> String {
    let axis = Axis::new(seconds);
    let rows = f64::from(u32::try_from(acts.len()).unwrap_or(u32::MAX));
    let bottom = TOP + rows * ROW;
    let mut svg = open(bottom + 26.0, "The acts of the drill on one time axis");
    svg += &axis.drawn(TOP, bottom);
    for happening in happenings {
        svg += &mark(axis, happening, bottom);
    }
    let mut y = TOP;
    for (number, act) in acts.iter().enumerate() {
        svg += &row(axis, number + 1, act, y);
        y += ROW;
    }
    svg + "</svg>"
}

fn row(axis: Axis, number: usize, act: &Act, y: f64) -> String {
    let label = format!("{number:>2}  {}", act.name.replace('_', " "));
    let text = format!("<text x=\"0\" y=\"{:.1}\">{}</text>", y + 15.0, escape(&label));
    let Some(began) = act.began_s else {
        return format!("{text}<text class=\"dim\" x=\"{LEFT}\" y=\"{:.1}\">not played</text>\n", y + 15.0);
    };
    let (from, to) = (axis.x(began), axis.x(began + act.seconds));
    let class = if act.ok { "bar" } else { "bar broken" };
    let word = if act.ok { String::new() } else { " · did not hold".to_owned() };
    let width = (to - from).max(2.0);
    let (anchor, x) = if to > WIDTH - 150.0 { ("end", from - 6.0) } else { ("start", from + width + 6.0) };
    format!(
        "{text}<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\" rx=\"1.5\"/>\
         <text class=\"dim\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{:.1} s{word}</text>\n",
        y + 4.0,
        ROW - 8.0,
        y + 15.0,
        act.seconds
    )
}

/// The share of the insured that was served, and that was served or taken in.
pub fn served(curve: &Curve, happenings: &[Happening], seconds: f64) -> String {
    let axis = Axis::new(seconds);
    let (top, bottom) = (30.0, 250.0);
    let y = |share: f64| bottom - (bottom - top) * share.clamp(0.0, 1.0);
    let mut svg = open(bottom + 26.0, "Share of insured times urgency that was served, second by second");
    for percent in [0.0_f64, 25.0, 50.0, 75.0, 100.0] {
        let at = y(percent / 100.0);
        svg += &format!(
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"dim\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{percent:.0} %</text>\n",
            WIDTH - RIGHT,
            LEFT - 8.0,
            at + 4.0
        );
    }
    svg += &axis.drawn(top, bottom);
    let line = |of: fn(&crate::curve::Point) -> f64| -> Vec<(f64, f64)> {
        curve.points.iter().map(|point| (axis.x(point.at_s), y(of(point)))).collect()
    };
    let (served, accepted) = (line(|point| point.served), line(|point| point.accepted));
    svg += &area("area-held", &accepted, &served);
    let floor: Vec<(f64, f64)> = served.iter().map(|(x, _)| (*x, bottom)).collect();
    svg += &area("area-served", &served, &floor);
    svg += &format!("<path class=\"curve accepted\" d=\"{}\"/>\n", path(&accepted));
    svg += &format!("<path class=\"curve\" d=\"{}\"/>\n", path(&served));
    for happening in happenings.iter().filter(|happening| happening.kind != Kind::Step) {
        svg += &mark(axis, happening, bottom);
    }
    svg + "</svg>"
}

fn open(height: f64, label: &str) -> String {
    format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" aria-label=\"{}\">\n", escape(label))
}

/// As stairs: an answer holds until the next one, so nothing is drawn between two of them that was not measured.
fn path(points: &[(f64, f64)]) -> String {
    let mut drawn = String::new();
    for (number, (x, y)) in points.iter().enumerate() {
        drawn += &if number == 0 { format!("M{x:.1} {y:.1}") } else { format!("H{x:.1}V{y:.1}") };
    }
    drawn
}

/// What lies between two stairs over the same places.
fn area(class: &str, upper: &[(f64, f64)], lower: &[(f64, f64)]) -> String {
    let Some((_, last)) = lower.last() else { return String::new() };
    let back: String = lower.iter().rev().skip(1).map(|(x, y)| format!("V{y:.1}H{x:.1}")).collect();
    format!("<path class=\"{class}\" d=\"{}V{last:.1}{back}Z\"/>\n", path(upper))
}
