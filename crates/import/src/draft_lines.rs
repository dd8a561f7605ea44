//! What a draft says, in lines that tests of every importer compare.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

use super::draft::StatedEdge;
use super::{Draft, Noted};
use estate::model::{Proposed, Service};
use estate::{Id, Kind};

pub(super) fn services(draft: &Draft) -> Vec<&str> {
    draft.estate.services.keys().map(Id::name).collect()
}

pub(super) fn service<'d>(draft: &'d Draft, name: &str) -> &'d Service {
    &draft.estate.services[&format!("service:{name}").parse().unwrap()]
}

/// `web hard db file.yaml:3`, one for each stated dependency; a provider that is no service with its kind.
pub(super) fn stated(draft: &Draft) -> Vec<String> {
    let line = |stated: &StatedEdge| {
        let edge = &stated.edge;
        let to = match edge.to.kind() {
            Kind::Service => edge.to.name().to_owned(),
            _ => edge.to.to_string(),
        };
        format!("{} {} {to} {}", edge.from.name(), edge.kind.word(), stated.origin)
    };
    draft.edges.iter().map(line).collect()
}

/// `web soft cart 900`, one for each proposal.
pub(super) fn proposed(draft: &Draft) -> Vec<String> {
    let line = |one: &Proposed| {
        format!("{} {} {} {}", one.from.name(), one.kind.word(), one.to.name(), one.confidence)
    };
    draft.proposed.iter().map(line).collect()
}

pub(super) fn codes(draft: &Draft) -> Vec<&'static str> {
    draft.findings.iter().map(|noted| noted.finding.code).collect()
}

/// What the first finding of a code says.
pub(super) fn said(draft: &Draft, code: &str) -> String {
    first(draft, code).finding.message.what.clone()
}

/// The same behind its place.
pub(super) fn said_at(draft: &Draft, code: &str) -> String {
    let noted = first(draft, code);
    format!("{} {}", noted.origin.as_ref().unwrap(), noted.finding.message.what)
}

fn first<'d>(draft: &'d Draft, code: &str) -> &'d Noted {
    let found = draft.findings.iter().find(|noted| noted.finding.code == code);
    found.unwrap_or_else(|| panic!("no {code} in {:?}", codes(draft)))
}
