//! What is cut off, at which price, and does it hold?

use askama::Template;
use estate::Id;
use incident::contain::CutState;
use incident::event::CutAct;
use page::words::number;
use page::{Html, filled};

use crate::as_of::AsOf;
use crate::frame::suffix;

#[derive(Template)]
#[template(path = "cuts.html")]
struct Sheet<'a> {
    suffix: String,
    infected: Vec<(&'a Id, Option<u64>)>,
    cost: String,
    people: &'a str,
    tenants: usize,
    called: &'a str,
    rows: Vec<Row<'a>>,
    is_known: bool,
}

struct Row<'a> {
    what: String,
    how: &'static str,
    class: &'static str,
    detail: &'a str,
    since: u64,
    decided: u64,
    is_over: bool,
}

pub(crate) fn body(seen: &AsOf) -> Html {
    let contain = &seen.view.contain;
    let rows = seen.situation.cuts.iter().zip(&contain.cuts).map(|(line, cut)| Row {
        what: what(&line.act),
        how: how(line.state),
        class: class(line.state),
        detail: &line.detail,
        since: cut.since_entry,
        decided: cut.decided_entry,
        is_over: line.state == CutState::Lifted,
    });
    filled(&Sheet {
        suffix: suffix(seen),
        infected: contain.infected.iter().map(|id| (id, seen.view.infected_at.get(id).copied())).collect(),
        cost: number(contain.cost_insured),
        people: seen.estate.words.counted(),
        tenants: contain.tenants.len(),
        called: seen.estate.words.tenants(),
        rows: rows.collect(),
        is_known: seen.harm.is_none(),
    })
}

pub(crate) fn what(act: &CutAct) -> String {
    match act {
        CutAct::StopService { service } => format!("stop {service}"),
        CutAct::CloseDoor { site, door } => format!("close door {door} of {site}"),
    }
}

/// As `status` says it: what was not seen to hold is never said to.
pub(crate) fn how(state: CutState) -> &'static str {
    match state {
        CutState::Open | CutState::Intended | CutState::Decided | CutState::Holds => state.word(),
        CutState::Done => "done, NOT known to hold",
        CutState::Failed => "FAILED",
        CutState::Leaks => "DOES NOT HOLD",
        CutState::Lifting => "to be there again, not seen yet",
        CutState::Lifted => "lifted",
    }
}

/// Only what was seen to hold is good.
pub(crate) fn class(state: CutState) -> &'static str {
    match state {
        CutState::Holds => "good",
        CutState::Failed | CutState::Leaks => "bad",
        CutState::Open
        | CutState::Decided
        | CutState::Intended
        | CutState::Done
        | CutState::Lifting
        | CutState::Lifted => "warn",
    }
}
