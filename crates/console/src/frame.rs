//! What stands around every page: where one is, which incident this is, how old what is shown is.

use askama::Template;
use page::words::utc;
use page::{Html, filled, filters};

use crate::as_of::AsOf;

/// The pages, in the order of the menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tab {
    Screen,
    Tenants,
    Plan,
    Run,
    Cuts,
    Findings,
    Points,
    Bridge,
    Journal,
}

impl Tab {
    pub(crate) const ALL: [Tab; 9] = [
        Tab::Screen,
        Tab::Tenants,
        Tab::Plan,
        Tab::Run,
        Tab::Cuts,
        Tab::Findings,
        Tab::Points,
        Tab::Bridge,
        Tab::Journal,
    ];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Tab::Screen => "/",
            Tab::Tenants => "/tenants",
            Tab::Plan => "/plan",
            Tab::Run => "/run",
            Tab::Cuts => "/cuts",
            Tab::Findings => "/findings",
            Tab::Points => "/points",
            Tab::Bridge => "/bridge",
            Tab::Journal => "/journal",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Tab::Screen => "Now",
            Tab::Tenants => "Who is served",
            Tab::Plan => "Plan and reality",
            Tab::Run => "Run",
            Tab::Cuts => "Cuts",
            Tab::Findings => "Findings",
            Tab::Points => "Recovery points",
            Tab::Bridge => "Bridge",
            Tab::Journal => "Journal",
        }
    }
}

struct Link {
    href: String,
    label: &'static str,
    is_here: bool,
}

#[derive(Template)]
#[template(path = "frame.html")]
struct Sheet<'a> {
    title: &'a str,
    incident: &'a str,
    links: Vec<Link>,
    suffix: &'a str,
    at: Option<u64>,
    newest: Option<u64>,
    newest_ms: i64,
    newest_age: String,
    looked_ms: i64,
    looked_age: String,
    made: String,
    harm: Option<&'a str>,
    is_live: bool,
    entries: u64,
    wide: bool,
    body: &'a Html,
}

/// When a page is made, and when the journal was last found to be as it is shown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) now_ms: i64,
    pub(crate) looked_ms: i64,
}

/// `?at=17`, for every link on a page that shows what was known then.
pub(crate) fn suffix(seen: &AsOf) -> String {
    seen.at.map_or_else(String::new, |at| format!("?at={at}"))
}

pub(crate) fn page(seen: &AsOf, clock: Clock, tab: Tab, title: &str, body: &Html) -> String {
    let suffix = suffix(seen);
    let links = Tab::ALL.into_iter().map(|other| Link {
        href: format!("{}{suffix}", other.path()),
        label: other.label(),
        is_here: other == tab,
    });
    let sheet = Sheet {
        title,
        incident: seen.view.command.name.as_deref().unwrap_or("(no name)"),
        links: links.collect(),
        suffix: &suffix,
        at: seen.at,
        newest: seen.newest_entry(),
        newest_ms: seen.view.last_time_ms,
        newest_age: age(clock.now_ms, seen.view.last_time_ms),
        looked_ms: clock.looked_ms,
        looked_age: age(clock.now_ms, clock.looked_ms),
        made: utc(clock.now_ms),
        harm: seen.harm.as_deref(),
        is_live: seen.at.is_none(),
        entries: seen.view.entries,
        wide: tab == Tab::Screen,
        body,
    };
    filled(&sheet).into_string()
}

/// How long ago, for people. A clock that jumped is said, not hidden.
pub(crate) fn age(now_ms: i64, then_ms: i64) -> String {
    let seconds = now_ms.saturating_sub(then_ms) / 1000;
    match seconds {
        ..-5 => "in the future: a clock is wrong".to_owned(),
        -5..60 => format!("{} s ago", seconds.max(0)),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h {} min ago", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
