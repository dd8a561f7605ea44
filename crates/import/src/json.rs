//! What an import answers to a program: the numbers of the source, what is proposed, what differs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::draft::Draft;
use super::score::{Edges, Score};
use super::update::Update;
use estate::id::Id;
use estate::model::Proposed;

/// `import --json`. The first five fields are a contract, see `docs/formats/answers.md`.
#[derive(Debug, Serialize)]
pub struct Document<'d> {
    services: usize,
    edges: Edges,
    /// Stated dependencies between services; what goes to a store is not counted here.
    declared_edges: usize,
    /// Services that no stated dependency leads from or to.
    without_edges: Vec<&'d Id>,
    inferred: Vec<Inferred<'d>>,
    /// Stated dependencies on what only watches, proposed in another kind.
    telemetry: Vec<Inferred<'d>>,
    stores: usize,
    renamed: Vec<Renamed<'d>>,
    findings: Vec<Finding<'d>>,
    differences: Vec<FieldJson<'d>>,
    /// With `--report`: about the whole estate, with what else is in the folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<&'d Score>,
}

#[derive(Debug, Serialize)]
struct Inferred<'d> {
    from: &'d Id,
    to: &'d Id,
    kind: &'static str,
    evidence: &'d str,
    confidence: f64,
}

#[derive(Debug, Serialize)]
struct Renamed<'d> {
    id: &'d Id,
    name: &'d str,
}

#[derive(Debug, Serialize)]
struct Finding<'d> {
    grade: &'static str,
    code: &'static str,
    what: &'d str,
    means: &'d str,
    to_do: String,
    origin: Option<String>,
}

#[derive(Debug, Serialize)]
struct FieldJson<'d> {
    id: &'d Id,
    field: Option<&'d str>,
    sort: &'static str,
    before: Option<&'d str>,
    source: Option<&'d str>,
}

/// About the draft as it was read, and how the folder differs from it.
pub fn document<'d>(draft: &'d Draft, update: &'d Update, report: Option<&'d Score>) -> Document<'d> {
    let (telemetry, inferred): (Vec<_>, Vec<_>) =
        draft.proposed.iter().partition(|proposed| proposed.instead_of.is_some());
    let findings = draft.findings.iter().chain(&update.findings).map(|noted| Finding {
        grade: noted.finding.grade.word(),
        code: noted.finding.code,
        what: &noted.finding.message.what,
        means: &noted.finding.message.means,
        to_do: noted.finding.message.to_do.to_string(),
        origin: noted.origin.as_ref().map(ToString::to_string),
    });
    let differences = update.differences.iter().map(|difference| FieldJson {
        id: &difference.id,
        field: difference.field.as_deref(),
        sort: difference.sort.word(),
        before: difference.before.as_deref(),
        source: difference.source.as_deref(),
    });
    Document {
        services: draft.estate.services.len(),
        edges: Edges::of(draft.edges.iter().map(|stated| stated.edge.kind)),
        declared_edges: draft.between_services().count(),
        without_edges: without_edges(draft),
        inferred: inferred.into_iter().map(shown).collect(),
        telemetry: telemetry.into_iter().map(shown).collect(),
        stores: draft.estate.stores.len(),
        renamed: draft.renamed.iter().map(|(id, name)| Renamed { id, name }).collect(),
        findings: findings.collect(),
        differences: differences.collect(),
        report,
    }
}

fn shown(proposed: &Proposed) -> Inferred<'_> {
    Inferred {
        from: &proposed.from,
        to: &proposed.to,
        kind: proposed.kind.word(),
        evidence: &proposed.evidence,
        confidence: f64::from(proposed.confidence) / 1000.0,
    }
}

/// Services that stand alone as far as the source says.
pub fn without_edges(draft: &Draft) -> Vec<&Id> {
    let ends: BTreeSet<&Id> =
        draft.between_services().flat_map(|stated| [&stated.edge.from, &stated.edge.to]).collect();
    draft.estate.services.keys().filter(|id| !ends.contains(id)).collect()
}
