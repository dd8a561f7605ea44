//! What an importer answers with: things, declared dependencies, proposals and findings, each with its origin.
//!
//! A draft is not an estate yet: it is merged with what is in the folder, and proposals stay outside of the
//! estate until a person confirms them.

use message::Remedy;
use std::collections::{BTreeMap, BTreeSet};

use super::origin::Origin;
use super::roles::{Role, role};
use super::yaml::Node;
use estate::finding::{Finding, Grade};
use estate::id::{Id, Kind};
use estate::model::{Edge, EdgeKind, Estate, Evidence, Proposed, Service, Store};

/// A dependency with the line that states it.
#[derive(Clone, Debug, PartialEq)]
pub struct StatedEdge {
    pub edge: Edge,
    pub origin: Origin,
}

/// A finding about the source rather than about the estate.
#[derive(Clone, Debug, PartialEq)]
pub struct Noted {
    pub origin: Option<Origin>,
    pub finding: Finding,
}

/// What was read from one source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Draft {
    /// All things; its `edges` stay empty, they are in `edges` below with their origin.
    pub estate: Estate,
    pub edges: Vec<StatedEdge>,
    pub proposed: Vec<Proposed>,
    pub origins: BTreeMap<Id, Origin>,
    /// The name in the source of every thing whose id is not that name.
    pub renamed: BTreeMap<Id, String>,
    pub findings: Vec<Noted>,
}

impl Draft {
    /// The service of this id, entered with its name in the source if it is not there yet.
    pub fn service(&mut self, id: &Id, name: &str, origin: &Origin) -> &mut Service {
        self.enter(id, name, origin);
        let fresh = || Service { name: name.to_owned(), ..Service::default() };
        self.estate.services.entry(id.clone()).or_insert_with(fresh)
    }

    /// The same for a store.
    pub fn store(&mut self, id: &Id, name: &str, origin: &Origin) -> &mut Store {
        self.enter(id, name, origin);
        let fresh = || Store { name: name.to_owned(), ..Store::default() };
        self.estate.stores.entry(id.clone()).or_insert_with(fresh)
    }

    /// Remembers where a thing came from and what it was called there. Call it for things of other kinds too,
    /// then enter them into `estate`.
    pub fn enter(&mut self, id: &Id, name: &str, origin: &Origin) {
        self.origins.entry(id.clone()).or_insert_with(|| origin.clone());
        if id.name() != name {
            self.renamed.entry(id.clone()).or_insert_with(|| name.to_owned());
        }
    }

    /// A dependency that the source states. `by` says in which words, without a line number: line numbers move, and
    /// this is part of the estate. Of several statements about the same two the strongest counts.
    pub fn declare(&mut self, from: &Id, to: &Id, kind: EdgeKind, by: &str, origin: &Origin) {
        let edge = Edge {
            from: from.clone(),
            to: to.clone(),
            kind,
            evidence: Evidence::Declared,
            by: Some(by.to_owned()),
            confidence: 1000,
        };
        self.edges.push(StatedEdge { edge, origin: origin.clone() });
    }

    pub fn propose(
        &mut self,
        from: &Id,
        to: &Id,
        kind: EdgeKind,
        evidence: impl Into<String>,
        confidence: u16,
    ) {
        if from == to {
            return;
        }
        self.proposed.push(Proposed {
            from: from.clone(),
            to: to.clone(),
            kind,
            instead_of: None,
            evidence: evidence.into(),
            confidence: confidence.min(1000),
            rejected: false,
        });
    }

    pub fn note(
        &mut self,
        grade: Grade,
        code: &'static str,
        origin: Option<&Origin>,
        what: impl Into<String>,
        means: impl Into<String>,
        to_do: impl Into<Remedy>,
    ) {
        let finding = Finding::new(grade, code, what, means, to_do);
        self.findings.push(Noted { origin: origin.cloned(), finding });
    }

    /// Brings edges and proposals into their one order: one edge for each two things (the strongest statement, then
    /// the first), one proposal for each two (the surest), none where an edge is stated already. What is stated about
    /// those who only watch is proposed as `soft`. Every reader ends with it.
    pub fn normalise(&mut self) {
        self.drop_own_needs();
        self.edges.sort_by(|a, b| {
            let rank = |stated: &StatedEdge| strength(stated.edge.kind);
            (&a.edge.from, &a.edge.to, rank(a)).cmp(&(&b.edge.from, &b.edge.to, rank(b)))
        });
        self.edges.dedup_by(|b, a| (&a.edge.from, &a.edge.to) == (&b.edge.from, &b.edge.to));
        let stated: BTreeSet<(&Id, &Id)> =
            self.edges.iter().map(|stated| (&stated.edge.from, &stated.edge.to)).collect();
        self.proposed.retain(|proposed| !stated.contains(&(&proposed.from, &proposed.to)));
        let softer: Vec<Proposed> = self.edges.iter().filter_map(|stated| self.softer(stated)).collect();
        self.proposed.extend(softer);
        self.proposed.sort_by(|a, b| {
            (&a.from, &a.to, std::cmp::Reverse(a.confidence), &a.evidence).cmp(&(
                &b.from,
                &b.to,
                std::cmp::Reverse(b.confidence),
                &b.evidence,
            ))
        });
        self.proposed.dedup_by(|b, a| (&a.from, &a.to) == (&b.from, &b.to));
    }

    /// A value is written in a form that nobody can read; `instead` says what counts now.
    pub fn unread(&mut self, origin: &Origin, called: &str, text: &str, instead: &str) {
        let shown = estate::shown(text);
        self.note(
            Grade::Serious,
            "value-not-read",
            Some(origin),
            format!("{called} is written `{shown}`, and that cannot be read"),
            format!("{instead}, so plans and gates may be wrong about it"),
            "correct it in the source and import again, or write the value into the estate",
        );
    }

    /// A value as `parse` understands it. One that it does not understand is said, with what counts instead.
    pub fn read<T>(
        &mut self,
        node: Option<&Node>,
        called: &str,
        instead: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let node = node?;
        let text = node.as_text();
        // Empty because of a variable that is not set: that is said already.
        if text == Some("") {
            return None;
        }
        let value = text.and_then(parse);
        if value.is_none() {
            self.unread(&node.origin, called, text.unwrap_or_else(|| node.sort()), instead);
        }
        value
    }

    /// What is said to need itself is said to people instead.
    fn drop_own_needs(&mut self) {
        let (own, others) = std::mem::take(&mut self.edges)
            .into_iter()
            .partition(|stated| stated.edge.from == stated.edge.to);
        self.edges = others;
        for StatedEdge { edge, origin } in own {
            let words = edge.by.as_deref().unwrap_or(edge.kind.word());
            self.note(
                Grade::Serious,
                "needs-itself",
                Some(&origin),
                format!("{} is said to need itself ({words})", edge.from),
                "nothing can wait for itself: this was left out, and what was meant is not in the estate",
                "remove it, or name the service that was meant",
            );
        }
    }

    /// A stated dependency on what only watches, as it is proposed instead. Among themselves they are left alone.
    fn softer(&self, stated: &StatedEdge) -> Option<Proposed> {
        let Edge { from, to, kind, .. } = &stated.edge;
        let watches = |id: &Id| {
            let service = self.estate.services.get(id)?;
            Some(role(&service.name, service.image.as_deref()) == Role::Watches)
        };
        let fits = kind.blocks_start() && watches(to)? && !watches(from)?;
        fits.then(|| Proposed {
            from: from.clone(),
            to: to.clone(),
            kind: EdgeKind::Soft,
            instead_of: Some(*kind),
            evidence: format!("{to} only watches (tracing, metrics, logs); stated at {}", stated.origin),
            confidence: 900,
            rejected: false,
        })
    }

    /// The estate with its edges, without the proposals.
    pub fn whole(&self) -> Estate {
        let mut estate = self.estate.clone();
        estate.edges = self.edges.iter().map(|stated| stated.edge.clone()).collect();
        estate::read::normalise(&mut estate);
        estate
    }

    /// Stated dependencies of a service on a service: what the score counts. Stores do not count, because knowing a
    /// volume says nothing about who needs whom.
    pub fn between_services(&self) -> impl Iterator<Item = &StatedEdge> {
        let service = |id: &Id| id.kind() == Kind::Service;
        self.edges.iter().filter(move |stated| service(&stated.edge.from) && service(&stated.edge.to))
    }
}

/// The order in which kinds win over each other when a source states several about the same two things.
fn strength(kind: EdgeKind) -> u8 {
    match kind {
        EdgeKind::Hard => 0,
        EdgeKind::Data => 1,
        EdgeKind::StartOnly => 2,
        EdgeKind::Soft => 3,
        EdgeKind::Order => 4,
    }
}
