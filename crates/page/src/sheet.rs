//! What stands around every page: language, title, style, and what a browser may not do.

use askama::Template;

use crate::{Html, filled, filters};

/// Colours for light, dark and print. Everything else names colours by what they mean.
pub const COLOURS: &str = include_str!("../style/colours.css");
const TEXT: &str = include_str!("../style/text.css");
pub(crate) const DRAWING: &str = include_str!("../style/drawing.css");
const PRINT: &str = include_str!("../style/print.css");

/// How much of the style sheet a page carries: a notice is read over the worst network there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Text,
    TextAndDrawings,
}

/// One whole page.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// BCP 47.
    pub language: &'a str,
    pub title: &'a str,
    pub style: Style,
    /// Header, main and footer.
    pub body: &'a Html,
}

#[derive(Template)]
#[template(path = "page.html")]
struct Shell<'a> {
    language: &'a str,
    title: &'a str,
    style: Html,
    body: &'a Html,
}

impl Page<'_> {
    /// The file, complete.
    pub fn written(&self) -> String {
        let drawing = match self.style {
            Style::Text => "",
            Style::TextAndDrawings => DRAWING,
        };
        let style = Html::written([COLOURS, TEXT, drawing, PRINT].concat());
        let page = filled(&Shell { language: self.language, title: self.title, style, body: self.body });
        without_empty_lines(page.as_str())
    }
}

/// Templates leave empty lines where a loop or a condition stood.
fn without_empty_lines(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.fold(String::with_capacity(text.len()), |page, line| page + line + "\n")
}

/// `#rgb` or `#rrggbb`; anything else could be more than a colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colour(String);

impl Colour {
    pub fn read(text: &str) -> Option<Colour> {
        let digits = text.strip_prefix('#')?;
        let is_one = matches!(digits.len(), 3 | 6) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_one.then(|| Colour(text.to_owned()))
    }
}

impl std::fmt::Display for Colour {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(&self.0)
    }
}

/// The style sheet as a file, for pages that come from a server of ours and carry none themselves.
pub fn style(style: Style) -> String {
    let drawing = match style {
        Style::Text => "",
        Style::TextAndDrawings => DRAWING,
    };
    [COLOURS, TEXT, drawing, PRINT].concat()
}
