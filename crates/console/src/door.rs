//! The pages that everybody sees: the one that asks for the code, and the one that says why another is not shown. Neither says
//! anything about the incident.

use askama::Template;
use page::filled;

#[derive(Template)]
#[template(path = "door.html")]
struct Sheet<'a> {
    title: &'a str,
    /// Why the code is asked for again.
    wrong: Option<&'a str>,
    problem: Option<[&'a str; 2]>,
}

pub(crate) fn enter(wrong: Option<&str>) -> String {
    filled(&Sheet { title: "Give the code", wrong, problem: None }).into_string()
}

pub(crate) fn problem(what: &str, means: &str, to_do: &str) -> String {
    filled(&Sheet { title: what, wrong: None, problem: Some([means, to_do]) }).into_string()
}
