//! Services that wait for each other in a ring: none of them can ever start. Each ring is named with the
//! edge whose cut costs least, and the search goes on as if that edge were cut.

use super::Look;
use crate::finding::{Finding, Grade};
use crate::graph::{Cycle, start_order};
use crate::id::Id;
use crate::model::{Edge, EdgeKind, Estate};

/// Rings named at once. A person mends one after the other anyway.
const RINGS_MAX: usize = 10;

pub(super) fn all(look: &Look<'_>) -> Vec<Finding> {
    let mut found = selves(look);
    // Only what can stand in a ring is copied, and edges are taken out of the copy.
    let mut rest = Estate {
        services: look.estate.services.clone(),
        stores: look.estate.stores.clone(),
        edges: look.estate.edges.iter().filter(|edge| edge.from != edge.to).cloned().collect(),
        ..Estate::default()
    };
    for _ in 0..RINGS_MAX {
        let Err(cycle) = start_order(&rest) else { break };
        let softest = softest(&rest, &cycle);
        found.push(ring(look, &cycle, &softest));
        rest.edges.retain(|edge| (&edge.from, &edge.to) != (&softest.from, &softest.to));
    }
    found
}

fn selves(look: &Look<'_>) -> Vec<Finding> {
    let own = look.estate.edges.iter().filter(|edge| edge.from == edge.to);
    own.map(|edge| {
        let (grade, means) = if edge.kind.blocks_start() {
            (Grade::Blocking, "it would wait for itself and never start")
        } else {
            (Grade::Note, "it says nothing")
        };
        let field = field(edge);
        let what = format!("{} needs itself (`{}`)", edge.from, edge.kind.word());
        Finding::new(grade, "self-need", what, means, "remove it")
            .about([edge.from.clone()])
            .at(look.sources.place(&edge.from, &field).cloned())
    })
    .collect()
}

fn field(edge: &Edge) -> String {
    format!("needs.{} {}", edge.kind.word(), edge.to)
}

/// Of the ring's edges the one that promises least: by kind, then by confidence. Between two ids the hardest
/// edge decides, because cutting a softer one beside it opens nothing.
fn softest(estate: &Estate, cycle: &Cycle) -> Edge {
    let nexts = cycle.ids.iter().cycle().skip(1);
    let links = cycle.ids.iter().zip(nexts).filter_map(|(from, to)| {
        let between = estate.edges.iter().filter(|edge| edge.from == *from && edge.to == *to);
        between.filter(|edge| holds(edge.kind) > 0).max_by_key(|edge| (holds(edge.kind), edge.confidence))
    });
    links
        .min_by_key(|edge| (holds(edge.kind), edge.confidence))
        .cloned()
        .expect("a ring consists of edges that hold up a start")
}

/// How firmly an edge holds up the start of its dependent.
fn holds(kind: EdgeKind) -> u8 {
    match kind {
        EdgeKind::Soft => 0,
        EdgeKind::Order => 1,
        EdgeKind::StartOnly => 2,
        EdgeKind::Data => 3,
        EdgeKind::Hard => 4,
    }
}

fn ring(look: &Look<'_>, cycle: &Cycle, softest: &Edge) -> Finding {
    let names: Vec<&str> = cycle.ids.iter().map(Id::name).collect();
    let advice = match softest.kind {
        EdgeKind::Order => "`order` is only a wish: drop it",
        EdgeKind::StartOnly => "can the dependent start in a reduced form and fetch it later? then `soft`",
        EdgeKind::Data | EdgeKind::Hard | EdgeKind::Soft => {
            "can the dependent start degraded? then `soft`; otherwise split one of the two"
        }
    };
    Finding::new(
        Grade::Blocking,
        "ring",
        format!("{} wait for each other: {}", names.join(", "), cycle.path()),
        "after a blackout none of them can start, so there is no plan",
        format!(
            "cut the softest link, `{}` from {} to {} (confidence {}.{:03}): {advice}",
            softest.kind.word(),
            softest.from,
            softest.to,
            softest.confidence / 1000,
            softest.confidence % 1000,
        ),
    )
    .about(cycle.ids.iter().cloned())
    .at(look.sources.place(&softest.from, &field(softest)).cloned())
}
