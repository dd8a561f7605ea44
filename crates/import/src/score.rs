//! What does an estate not know, and whom can one ask?
//!
//! The score of an import: how much of it is stated, how much is guessed, where it is blind. And questions, service
//! by service, in words that can be sent to whoever runs it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde::Serialize;

use estate::check;
use estate::graph::{self, Crowd, Links};
use estate::id::{Id, Kind};
use estate::layers;
use estate::model::{EdgeKind, Estate, Evidence, Proposed};

/// Single points that are shown.
const POINTS_SHOWN: usize = 5;

#[derive(Debug, Serialize)]
pub struct Score {
    services: usize,
    without_any: Vec<Id>,
    declared: Edges,
    observed: Edges,
    inferred: Edges,
    proposed: usize,
    levels: usize,
    /// The shortest ring that keeps services from ever starting, if there is one.
    ring: Option<String>,
    /// What most services cannot start without, with how many.
    single_points: Vec<(Id, usize)>,
    without_gate: Vec<Id>,
    stores_without_source: Vec<Id>,
    questions: Vec<Questions>,
}

/// Dependencies, counted by kind.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub struct Edges {
    pub hard: usize,
    pub soft: usize,
    pub start_only: usize,
    pub data: usize,
    pub order: usize,
}

impl Edges {
    pub fn of(kinds: impl IntoIterator<Item = EdgeKind>) -> Edges {
        let mut edges = Edges::default();
        for kind in kinds {
            match kind {
                EdgeKind::Hard => edges.hard += 1,
                EdgeKind::Soft => edges.soft += 1,
                EdgeKind::StartOnly => edges.start_only += 1,
                EdgeKind::Data => edges.data += 1,
                EdgeKind::Order => edges.order += 1,
            }
        }
        edges
    }
}

/// What to ask whoever runs a service.
#[derive(Debug, Serialize)]
struct Questions {
    service: Id,
    questions: Vec<String>,
}

pub fn score(estate: &Estate, proposed: &[Proposed]) -> Score {
    let alone = check::alone(estate);
    let by = |evidence: Evidence| {
        Edges::of(estate.edges.iter().filter(|edge| edge.evidence == evidence).map(|edge| edge.kind))
    };
    Score {
        services: estate.services.len(),
        without_any: alone.iter().map(|id| (*id).clone()).collect(),
        declared: by(Evidence::Declared),
        observed: by(Evidence::Observed),
        inferred: by(Evidence::Inferred),
        proposed: proposed.iter().filter(|proposed| !proposed.rejected).count(),
        levels: layers::depth(estate),
        ring: graph::start_order(estate).err().map(|cycle| cycle.path()),
        single_points: single_points(estate),
        without_gate: estate
            .services
            .iter()
            .filter(|(_, service)| service.gates.is_empty())
            .map(|(id, _)| id.clone())
            .collect(),
        stores_without_source: estate
            .stores
            .iter()
            .filter(|(_, store)| store.source.is_none())
            .map(|(id, _)| id.clone())
            .collect(),
        questions: questions(estate, proposed, &alone),
    }
}

fn single_points(estate: &Estate) -> Vec<(Id, usize)> {
    let mut crowd = Crowd::new(estate, EdgeKind::blocks_start);
    let mut points = Vec::new();
    for at in 0..crowd.ids.len() {
        let waiting = crowd.dependents(at).len();
        if waiting > 1 {
            points.push((crowd.ids[at].clone(), waiting));
        }
    }
    points.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
    points.truncate(POINTS_SHOWN);
    points
}

fn questions(estate: &Estate, proposed: &[Proposed], alone: &BTreeSet<&Id>) -> Vec<Questions> {
    let mut all = Vec::new();
    let links = Links::new(estate);
    let mut hints: BTreeMap<&Id, Vec<&Proposed>> = BTreeMap::new();
    for hint in proposed.iter().filter(|hint| !hint.rejected) {
        hints.entry(&hint.from).or_default().push(hint);
    }
    for (id, service) in &estate.services {
        let mut asked = Vec::new();
        if alone.contains(id) {
            asked.push(
                "Nothing is written down about it. What has to run before it can start? Who stops working without it?"
                    .to_owned(),
            );
        }
        for hint in hints.get(id).into_iter().flatten() {
            asked.push(match hint.instead_of {
                Some(_) => format!(
                    "It starts after {}. Does it really have to wait for it? ({})",
                    hint.to, hint.evidence
                ),
                None => format!(
                    "Does it need {}? Can it start without it, and can it go on without it? ({})",
                    hint.to, hint.evidence
                ),
            });
        }
        if service.gates.is_empty() {
            asked.push(
                "How does one see from outside that it really works, not only that it runs?".to_owned(),
            );
        }
        for edge in links.needs(id).iter().filter(|edge| edge.to.kind() == Kind::Store) {
            if estate.stores.get(&edge.to).is_some_and(|store| store.source.is_none()) {
                asked.push(format!(
                    "Where is the backup of {}, how large is it, and when was it last restored?",
                    edge.to
                ));
            }
        }
        if !asked.is_empty() {
            all.push(Questions { service: id.clone(), questions: asked });
        }
    }
    all
}

/// The score as text.
pub fn page(score: &Score) -> String {
    let mut page = String::from("What this estate does not know\n\n");
    let share = (score.without_any.len() * 100).checked_div(score.services).unwrap_or(0);
    let _ = writeln!(
        page,
        "  without any known dependency   {} of {} services ({share} %)",
        score.without_any.len(),
        score.services
    );
    for (word, edges) in
        [("declared", &score.declared), ("observed", &score.observed), ("inferred", &score.inferred)]
    {
        let Edges { hard, soft, start_only, data, order } = edges;
        let _ = writeln!(
            page,
            "  {word} dependencies          {hard} hard, {soft} soft, {start_only} start_only, {data} data, {order} order"
        );
    }
    let _ = writeln!(page, "  proposed, to be confirmed      {}", score.proposed);
    let _ = writeln!(page, "  levels                         {}", score.levels);
    let _ = writeln!(page, "  ring                           {}", score.ring.as_deref().unwrap_or("none"));
    let _ = writeln!(page, "  without a gate                 {}", score.without_gate.len());
    let _ = writeln!(page, "  stores without known backup    {}", score.stores_without_source.len());
    let _ = writeln!(page, "\nSingle points: so many services cannot start without them");
    for (id, count) in &score.single_points {
        let _ = writeln!(page, "  {count:>5}  {id}");
    }
    if score.single_points.is_empty() {
        let _ = writeln!(page, "  none known");
    }
    let _ = writeln!(page, "\nWhat to ask whoever runs it");
    for entry in &score.questions {
        let _ = writeln!(page, "\n  {}", entry.service);
        for question in &entry.questions {
            let _ = writeln!(page, "  - {question}");
        }
    }
    page
}
