//! Drawings, as SVG. Whoever draws says what stands where; what is written is escaped here.
//!
//! Positions are numbers with one digit after the point, so that the same drawing gives the same bytes everywhere. A
//! class names a meaning in the style sheet, never a colour. Every drawing has a title and a description for whoever
//! does not see it, and every shape may say in words what it is.

use std::fmt::Write;

use crate::{Html, sheet};

/// Left to right, top to bottom.
pub type Point = (f64, f64);

/// One shape, with others inside it if it is a group.
#[derive(Clone, Debug)]
pub struct Shape {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    title: Option<String>,
    text: String,
    inside: Vec<Shape>,
}

impl Shape {
    fn new(name: &'static str) -> Shape {
        Shape { name, attributes: Vec::new(), title: None, text: String::new(), inside: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Shape {
        self.attributes.push((name, value.into()));
        self
    }

    fn at(self, names: [&'static str; 2], (x, y): Point) -> Shape {
        self.with(names[0], digits(x)).with(names[1], digits(y))
    }

    pub fn line(from: Point, to: Point) -> Shape {
        Shape::new("line").at(["x1", "y1"], from).at(["x2", "y2"], to)
    }

    /// From its upper left corner.
    pub fn rect(corner: Point, (width, height): Point) -> Shape {
        Shape::new("rect").at(["x", "y"], corner).at(["width", "height"], (width, height))
    }

    pub fn circle(middle: Point, radius: f64) -> Shape {
        Shape::new("circle").at(["cx", "cy"], middle).with("r", digits(radius))
    }

    /// The point is where its first letter stands on the line; see `end` and `middle` in the style sheet.
    pub fn text(at: Point, text: impl Into<String>) -> Shape {
        let mut shape = Shape::new("text").at(["x", "y"], at);
        shape.text = text.into();
        shape
    }

    pub fn path(path: &Path) -> Shape {
        Shape::new("path").with("d", path.0.as_str())
    }

    pub fn group(inside: Vec<Shape>) -> Shape {
        Shape { inside, ..Shape::new("g") }
    }

    /// Its names in the style sheet.
    pub fn class(self, class: impl Into<String>) -> Shape {
        self.with("class", class)
    }

    /// What it is, in words.
    pub fn title(mut self, title: impl Into<String>) -> Shape {
        self.title = Some(title.into());
        self
    }

    /// Round corners.
    pub fn round(self, radius: f64) -> Shape {
        self.with("rx", digits(radius))
    }

    /// Ends in an arrow; the drawing needs [`Drawing::arrows`].
    pub fn arrow(self) -> Shape {
        self.with("marker-end", "url(#tip)")
    }

    fn write(&self, to: &mut String) {
        let escaped = |text: &str| Html::escaped(text).into_string();
        write!(to, "<{}", self.name).expect(NEVER_FAILS);
        for (name, value) in &self.attributes {
            write!(to, " {name}=\"{}\"", escaped(value)).expect(NEVER_FAILS);
        }
        if self.title.is_none() && self.text.is_empty() && self.inside.is_empty() {
            to.push_str("/>");
            return;
        }
        to.push('>');
        if let Some(title) = &self.title {
            write!(to, "<title>{}</title>", escaped(title)).expect(NEVER_FAILS);
        }
        to.push_str(&escaped(&self.text));
        self.inside.iter().for_each(|shape| shape.write(to));
        write!(to, "</{}>", self.name).expect(NEVER_FAILS);
    }
}

const NEVER_FAILS: &str = "writing to a string does not fail";

/// One digit after the point, and none if it is 0.
fn digits(number: f64) -> String {
    let text = format!("{number:.1}");
    let text = text.strip_suffix(".0").map_or(text.as_str(), |whole| whole);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// A line with corners and bends.
#[derive(Clone, Debug, Default)]
pub struct Path(String);

impl Path {
    pub fn from(at: Point) -> Path {
        let mut path = Path::default();
        path.step('M', &[at]);
        path
    }

    #[must_use]
    pub fn to(mut self, at: Point) -> Path {
        self.step('L', &[at]);
        self
    }

    #[must_use]
    pub fn bend(mut self, first: Point, second: Point, to: Point) -> Path {
        self.step('C', &[first, second, to]);
        self
    }

    #[must_use]
    pub fn close(mut self) -> Path {
        self.0.push('Z');
        self
    }

    /// Straight from each point to the next.
    pub fn through(points: impl IntoIterator<Item = Point>) -> Path {
        let mut path = Path::default();
        for (number, at) in points.into_iter().enumerate() {
            path.step(if number == 0 { 'M' } else { 'L' }, &[at]);
        }
        path
    }

    /// What lies between two lines.
    pub fn between(upper: &[Point], lower: &[Point]) -> Path {
        Path::through(upper.iter().chain(lower.iter().rev()).copied()).close()
    }

    fn step(&mut self, letter: char, points: &[Point]) {
        self.0.push(letter);
        for (number, (x, y)) in points.iter().enumerate() {
            let gap = if number == 0 { "" } else { " " };
            write!(self.0, "{gap}{} {}", digits(*x), digits(*y)).expect(NEVER_FAILS);
        }
    }
}

/// Corners of stairs through points: each value holds until the next one.
pub fn stairs(points: &[Point]) -> Vec<Point> {
    let mut corners: Vec<Point> = Vec::with_capacity(points.len() * 2);
    for (x, y) in points {
        if let Some((_, before)) = corners.last() {
            corners.push((*x, *before));
        }
        corners.push((*x, *y));
    }
    corners
}

/// One drawing.
#[derive(Clone, Debug)]
pub struct Drawing {
    /// Tells it from the others on its page.
    id: &'static str,
    width: f64,
    height: f64,
    title: String,
    description: String,
    definitions: Vec<Shape>,
    shapes: Vec<Shape>,
}

impl Drawing {
    pub fn new(id: &'static str, (width, height): Point, title: &str, description: &str) -> Drawing {
        let (title, description) = (title.to_owned(), description.to_owned());
        Drawing { id, width, height, title, description, definitions: Vec::new(), shapes: Vec::new() }
    }

    /// Later ones lie above earlier ones.
    pub fn add(&mut self, shape: Shape) {
        self.shapes.push(shape);
    }

    /// Defines the pattern of the class `hatch`, once on a page.
    pub fn hatched(&mut self) {
        let back = Shape::rect((0.0, 0.0), (5.0, 5.0)).class("hatch-back");
        let line = Shape::line((0.0, 0.0), (0.0, 5.0)).class("hatch-line");
        let pattern = Shape { inside: vec![back, line], ..Shape::new("pattern") };
        let pattern = pattern.with("id", "hatch").with("width", "5").with("height", "5");
        let pattern = pattern.with("patternUnits", "userSpaceOnUse").with("patternTransform", "rotate(45)");
        self.definitions.push(pattern);
    }

    /// Defines the tips of arrows, once on a page.
    pub fn arrows(&mut self) {
        let tip = Path::from((0.0, 0.0)).to((8.0, 4.0)).to((0.0, 8.0)).close();
        let marker = Shape { inside: vec![Shape::path(&tip).class("tip")], ..Shape::new("marker") };
        let marker = marker.with("id", "tip").with("viewBox", "0 0 8 8").with("refX", "7").with("refY", "4");
        let marker = marker.with("markerWidth", "9").with("markerHeight", "9");
        self.definitions.push(marker.with("markerUnits", "userSpaceOnUse").with("orient", "auto"));
    }

    /// For a page.
    pub fn drawn(&self) -> Html {
        let size = format!("viewBox=\"0 0 {} {}\"", digits(self.width), digits(self.height));
        self.written(&size, "")
    }

    /// As a file of its own.
    pub fn file(&self) -> String {
        let (width, height) = (digits(self.width), digits(self.height));
        let size = format!(
            "xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\""
        );
        let style = format!(
            "<style>\n{}{}svg{{background:var(--paper)}}@page{{size:A3 landscape;margin:8mm}}@media print{{svg{{width:100%;height:100%}}}}\n</style>\n",
            sheet::COLOURS,
            sheet::DRAWING
        );
        self.written(&size, &style).into_string() + "\n"
    }

    fn written(&self, size: &str, style: &str) -> Html {
        let id = self.id;
        let escaped = |text: &str| Html::escaped(text).into_string();
        let mut to = format!(
            "<svg {size} role=\"img\" aria-labelledby=\"{id}-title {id}-about\">\n<title id=\"{id}-title\">{}</title>\n\
             <desc id=\"{id}-about\">{}</desc>\n{style}",
            escaped(&self.title),
            escaped(&self.description)
        );
        if !self.definitions.is_empty() {
            Shape { inside: self.definitions.clone(), ..Shape::new("defs") }.write(&mut to);
            to.push('\n');
        }
        for shape in &self.shapes {
            shape.write(&mut to);
            to.push('\n');
        }
        to.push_str("</svg>");
        Html::written(to)
    }
}
