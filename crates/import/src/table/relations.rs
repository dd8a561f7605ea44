//! Rows and cells that tie two things together.
//!
//! A relation is read from its first thing to its second. What only says that two have to do with each other, or is
//! of a type nobody knows, is proposed and not added.

use std::collections::BTreeMap;

use super::super::Origin;
use super::columns::{Column, Subject};
use super::index::{Index, Meant};
use super::meaning::{self, Meaning};
use super::{Out, Table, several};
use estate::finding::Grade;
use estate::id::{Id, Kind};
use estate::model::EdgeKind;
use estate::shown;

/// Who can stand in a relation, preferred in this order where a name is that of several.
const KINDS: [Kind; 6] = [Kind::Service, Kind::Store, Kind::Host, Kind::Site, Kind::Tenant, Kind::Capability];

const VAGUE: u16 = 400;
const UNKNOWN: u16 = 300;
/// Two things side by side without a word between them.
const UNTYPED: u16 = 500;

pub(super) fn enter(tables: &[Table], index: &Index, out: &mut Out) {
    let mut types: BTreeMap<String, (usize, Origin)> = BTreeMap::new();
    for table in tables.iter().filter(|table| table.layout.subject == Subject::Relations) {
        for row in &table.cells.rows {
            let cell = |column| table.layout.cell(row, column);
            let origin = table.cells.at(row.line);
            let (Some(from), Some(to)) = (cell(Column::From), cell(Column::To)) else {
                let what = format!("the relation at {origin} names only one thing");
                out.note(Grade::Serious, "relation-half", &origin, what, "it was left out", "name both");
                continue;
            };
            let said = said(table, cell(Column::Type));
            if said.meaning == Meaning::Unknown {
                let known = types.entry(said.by.clone()).or_insert_with(|| (0, origin.clone()));
                known.0 += 1;
            }
            let sure = sure(table, cell(Column::Evidence), cell(Column::Confidence), &origin, out);
            for from in names(index, from) {
                for to in names(index, to) {
                    let (Some(from), Some(to)) =
                        (find(index, from, &origin, out), find(index, to, &origin, out))
                    else {
                        continue;
                    };
                    tie(&from, &to, &said, sure, &origin, out);
                }
            }
        }
    }
    for (word, (count, origin)) in types {
        let what = format!(
            "the type of relation {} is not known ({count} rows, the first at {origin})",
            shown(&word)
        );
        out.note(
            Grade::Serious,
            "relation-type",
            &origin,
            what,
            "these relations are proposed as `soft`, and count for nothing until somebody confirms them",
            "say what is meant: the guide lists the types",
        );
    }
    cells(tables, index, out);
}

/// Columns of things that name other things.
fn cells(tables: &[Table], index: &Index, out: &mut Out) {
    for item in index.items.iter().filter(|item| item.id.kind() == Kind::Service) {
        let table = &tables[item.table];
        let row = &table.cells.rows[item.row];
        let origin = table.cells.at(row.line);
        for (column, kind) in [(Column::DependsOn, EdgeKind::Hard), (Column::Stores, EdgeKind::Data)] {
            let Some(cell) = table.layout.cell(row, column) else { continue };
            let at = table.layout.known(column).map_or(0, |known| known.at);
            let by = table.cells.header.cells.get(at).cloned().unwrap_or_default();
            let said = Relation { meaning: Meaning::Needs(kind), by };
            for name in names(index, cell) {
                if let Some(to) = find(index, name, &origin, out) {
                    tie(&item.id, &to, &said, None, &origin, out);
                }
            }
        }
    }
}

/// The names in a cell. One that holds a comma and is known as it stands is one name.
fn names<'c>(index: &Index, cell: &'c str) -> Vec<&'c str> {
    match index.find(cell, &KINDS) {
        Meant::Nobody => several(cell).collect(),
        Meant::One(_) | Meant::Several(_) => vec![cell],
    }
}

struct Relation {
    meaning: Meaning,
    /// In the words of the table.
    by: String,
}

/// What a row says. Without a type the names of the two columns have to tell.
fn said(table: &Table, word: Option<&str>) -> Relation {
    if let Some(word) = word {
        return Relation { meaning: meaning::relation(word), by: word.to_owned() };
    }
    let at = |column| table.layout.known(column).map_or(0, |known| known.at);
    let name = |column| table.cells.header.cells.get(at(column)).map_or("", String::as_str);
    let (from, to) = (name(Column::From), name(Column::To));
    let tells = |name: &str| {
        let name = meaning::plain(name);
        meaning::relation(&name) != Meaning::Unknown
            || [
                "dependent",
                "provider",
                "abhaengig",
                "abhaengiger_dienst",
                "benoetigter_dienst",
                "consumer",
                "nutzer",
                "lieferant",
            ]
            .contains(&name.as_str())
    };
    let meaning = if tells(from) || tells(to) { Meaning::Needs(EdgeKind::Hard) } else { Meaning::Vague };
    Relation { meaning, by: format!("{from}, {to}") }
}

/// How sure the table itself is; `None`: it says nothing, so it is stated.
fn sure(
    table: &Table,
    evidence: Option<&str>,
    confidence: Option<&str>,
    origin: &Origin,
    out: &mut Out,
) -> Option<u16> {
    let guessed = evidence.map(meaning::plain).is_some_and(|word| {
        ["inferred", "guessed", "vermutet", "suspected", "suppose", "observed", "beobachtet", "observe"]
            .contains(&word.as_str())
    });
    let share = confidence.and_then(|text| {
        let share = meaning::share(text, table.decimal());
        if share.is_none() {
            let what = format!("{} at {origin} is not a share between 0 and 1", shown(text));
            out.note(Grade::Serious, "table-number", origin, what, "it was left out", "correct the cell");
        }
        share
    });
    match (guessed, share) {
        (_, Some(share)) if share < 1000 => Some(share),
        (true, _) => Some(UNTYPED),
        (false, _) => None,
    }
}

fn find(index: &Index, name: &str, origin: &Origin, out: &mut Out) -> Option<Id> {
    match index.find(name, &KINDS) {
        Meant::One(id) => Some(id.clone()),
        Meant::Nobody => {
            let what = format!("{} at {origin} is not in these tables", shown(name));
            out.note(
                Grade::Serious,
                "relation-reference",
                origin,
                what,
                "the relation was left out",
                "add the row, or correct the name",
            );
            None
        }
        Meant::Several(ids) => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            let what = format!("{} at {origin} is the name of {}", shown(name), ids.join(" and "));
            out.note(
                Grade::Serious,
                "relation-ambiguous",
                origin,
                what,
                "the relation was left out",
                "use the id instead of the name",
            );
            None
        }
    }
}

fn tie(from: &Id, to: &Id, said: &Relation, sure: Option<u16>, origin: &Origin, out: &mut Out) {
    match said.meaning {
        Meaning::Needs(kind) => needs(from, to, kind, sure, said, origin, out),
        Meaning::NeededBy(kind) => needs(to, from, kind, sure, said, origin, out),
        Meaning::RunsOn => runs_on(from, to, said, origin, out),
        Meaning::Runs => runs_on(to, from, said, origin, out),
        Meaning::LiesIn => lies_in(from, to, origin, out),
        Meaning::Vague => propose(from, to, EdgeKind::Soft, sure.unwrap_or(VAGUE), said, origin, out),
        Meaning::Unknown => propose(from, to, EdgeKind::Soft, sure.unwrap_or(UNKNOWN), said, origin, out),
        Meaning::Nothing => {}
    }
}

fn needs(
    from: &Id,
    to: &Id,
    kind: EdgeKind,
    sure: Option<u16>,
    said: &Relation,
    origin: &Origin,
    out: &mut Out,
) {
    match (from.kind(), to.kind()) {
        (Kind::Service, Kind::Host) => runs_on(from, to, said, origin, out),
        (_, Kind::Site) => lies_in(from, to, origin, out),
        (Kind::Capability, Kind::Service) => serves(from, to, out),
        (Kind::Service, Kind::Service | Kind::Store) => {
            let kind = if to.kind() == Kind::Store && kind == EdgeKind::Hard { EdgeKind::Data } else { kind };
            match sure {
                Some(confidence) => propose(from, to, kind, confidence, said, origin, out),
                None => out.draft.declare(from, to, kind, &said.by, origin),
            }
        }
        _ => unfit(from, to, said, origin, out),
    }
}

fn unfit(from: &Id, to: &Id, said: &Relation, origin: &Origin, out: &mut Out) {
    let what = format!("{from} {} {to} at {origin} has no place in an estate", shown(&said.by));
    out.note(
        Grade::Note,
        "relation-unfit",
        origin,
        what,
        "services depend on services, stores and external parties; the relation was left out",
        "say which service is meant, if it matters",
    );
}

fn propose(
    from: &Id,
    to: &Id,
    kind: EdgeKind,
    confidence: u16,
    said: &Relation,
    origin: &Origin,
    out: &mut Out,
) {
    if from.kind() == Kind::Service && matches!(to.kind(), Kind::Service | Kind::Store) {
        let evidence = format!("`{}` ({origin})", shown(&said.by));
        out.draft.propose(from, to, kind, evidence, confidence);
    } else {
        unfit(from, to, said, origin, out);
    }
}

fn runs_on(from: &Id, to: &Id, said: &Relation, origin: &Origin, out: &mut Out) {
    if to.kind() != Kind::Host {
        return needs(from, to, EdgeKind::Hard, None, said, origin, out);
    }
    let Some(service) = out.draft.estate.services.get_mut(from) else {
        return unfit(from, to, said, origin, out);
    };
    match &service.host {
        Some(known) if known != to => {
            let what = format!("{from} runs on {known}, and at {origin} on {to}");
            out.note(
                Grade::Note,
                "relation-host",
                origin,
                what,
                "a service has one host here; the first one was kept",
                "describe two instances as two services",
            );
        }
        _ => service.host = Some(to.clone()),
    }
}

fn lies_in(from: &Id, to: &Id, origin: &Origin, out: &mut Out) {
    let estate = &mut out.draft.estate;
    let site = match from.kind() {
        Kind::Host => estate.hosts.get_mut(from).map(|host| &mut host.site),
        Kind::Service => estate.services.get_mut(from).map(|service| &mut service.site),
        Kind::Store => estate.stores.get_mut(from).map(|store| &mut store.site),
        Kind::Tenant => estate.tenants.get_mut(from).map(|tenant| &mut tenant.site),
        Kind::Site | Kind::Capability | Kind::External | Kind::Resource => None,
    };
    match site {
        Some(site) if to.kind() == Kind::Site => *site = site.take().or_else(|| Some(to.clone())),
        _ => {
            unfit(from, to, &Relation { meaning: Meaning::LiesIn, by: "located in".to_owned() }, origin, out);
        }
    }
}

fn serves(capability: &Id, service: &Id, out: &mut Out) {
    use estate::model::{Serving, Tenants};
    if let Some(capability) = out.draft.estate.capabilities.get_mut(capability)
        && !capability.served_by.iter().any(|serving| serving.service == *service)
    {
        capability.served_by.push(Serving { service: service.clone(), to: Tenants::All });
    }
}
