//! Which services, relations and tenants do exported tables describe?
//!
//! Reads CSV files as CMDBs and spreadsheets write them (issue "import csv"), told apart by the names of their
//! columns. Answers with a draft. Records nothing.
//!
//! - `gather`: the bytes, from disk; the only part that touches the world.
//! - `cells`: encoding, separator, quotes. `columns`: what a table is about, what stands in which column.
//! - `meaning`: numbers, sizes, criticality, types of relation. `index`: who is meant by a name.
//! - `things`: rows that are things. `relations`: rows that tie two together.

pub mod cells;
pub mod columns;
pub mod gather;
mod index;
pub mod meaning;
mod relations;
#[cfg(test)]
mod tests;
mod things;

use std::collections::BTreeMap;

use super::{Draft, Origin, Unreadable};
use cells::{Cells, Encoding};
use columns::{Layout, Subject};
use estate::finding::Grade;
use estate::shown;
use gather::Raw;
use index::Index;
use meaning::Decimal;

/// Findings of one sort that are shown one by one; the rest is counted.
const SHOWN_MAX: usize = 25;

/// A table that is understood.
struct Table {
    cells: Cells,
    layout: Layout,
}

impl Table {
    fn decimal(&self) -> Decimal {
        Decimal::of(self.cells.separator)
    }
}

/// The draft as it grows, with findings kept to a number that people read.
struct Out {
    draft: Draft,
    counts: BTreeMap<&'static str, usize>,
}

impl Out {
    fn note(
        &mut self,
        grade: Grade,
        code: &'static str,
        origin: &Origin,
        what: impl Into<String>,
        means: &'static str,
        to_do: &'static str,
    ) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count <= SHOWN_MAX {
            self.draft.note(grade, code, Some(origin), what, means, to_do);
        }
    }

    fn finish(mut self) -> Draft {
        for (code, count) in std::mem::take(&mut self.counts) {
            if let Some(more) = count.checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
                let what = format!("{more} more findings `{code}` are not shown");
                let to_do = "fix those that are shown, then import again";
                self.draft.note(Grade::Note, code, None, what, "the list is not complete", to_do);
            }
        }
        self.draft.normalise();
        self.draft
    }
}

/// From the tables of one export to a draft. Pure.
pub fn read(files: &[Raw]) -> Result<Draft, Unreadable> {
    let mut out = Out { draft: Draft::default(), counts: BTreeMap::new() };
    let mut tables = Vec::new();
    for file in files {
        let Some(cells) = cells::read(&file.name, &file.bytes)? else {
            let origin = Origin::file(&file.name);
            let means = "nothing was read from it";
            out.note(
                Grade::Note,
                "table-empty",
                &origin,
                format!("{origin} is empty"),
                means,
                "export it again, or delete it",
            );
            continue;
        };
        tables.extend(table(cells, &mut out));
    }
    if tables.is_empty() {
        let origin = Origin::file(files.first().map_or("", |file| &file.name));
        let what = out
            .draft
            .findings
            .iter()
            .map(|noted| noted.finding.message.what.as_str())
            .collect::<Vec<_>>()
            .join("; ");
        return Err(Unreadable::new(
            &origin,
            format!("no table here is about services, relations or tenants: {what}"),
            "name the columns in the first row, for example `name,host,criticality` or `parent,type,child`",
        ));
    }
    let index = Index::new(&tables, &mut out);
    things::enter(&tables, &index, &mut out);
    relations::enter(&tables, &index, &mut out);
    Ok(out.finish())
}

/// What a table is about, said where it is not obvious.
fn table(cells: Cells, out: &mut Out) -> Option<Table> {
    let origin = cells.at(cells.header.line);
    let Some(layout) = columns::layout(&cells.file, &cells.header) else {
        let names: Vec<String> = cells.header.cells.iter().take(12).map(|name| shown(name)).collect();
        let what = format!("{origin} names no column that is known: {}", names.join(", "));
        let to_do = "name the columns in the first row; the guide lists the names that are understood";
        out.note(Grade::Serious, "table-unknown", &origin, what, "nothing was read from this table", to_do);
        return None;
    };
    if cells.encoding == Encoding::Windows1252 {
        let what = format!("{} is not UTF-8; it was read as Windows-1252 (Latin-1)", cells.file);
        out.note(
            Grade::Note,
            "table-encoding",
            &origin,
            what,
            "if it was saved in another way, names have wrong letters",
            "look at a name with an umlaut",
        );
    }
    if !layout.unused.is_empty() {
        let names: Vec<String> = layout.unused.iter().take(20).map(|name| shown(name)).collect();
        let what = format!(
            "{} was read as {}; columns not used: {}",
            cells.file,
            layout.subject.word(),
            names.join(", ")
        );
        out.note(
            Grade::Note,
            "table-columns",
            &origin,
            what,
            "what they say is not in the estate",
            "rename a column if it is one that the guide lists",
        );
    }
    let width = cells.header.cells.len();
    for row in &cells.rows {
        let filled = row.cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |at| at + 1);
        if filled > width {
            let origin = cells.at(row.line);
            let what = format!("the row at {origin} has {filled} cells, the first row {width}");
            out.note(
                Grade::Serious,
                "table-row",
                &origin,
                what,
                "cells may stand under the wrong column",
                "put cells that hold the separator into quotes",
            );
        }
    }
    Some(Table { cells, layout })
}

/// Several names in one cell.
fn several(cell: &str) -> impl Iterator<Item = &str> {
    cell.split([',', ';', '|', '\n']).map(str::trim).filter(|name| !name.is_empty())
}

/// Rows that are things rather than relations.
fn is_about_things(table: &Table) -> bool {
    table.layout.subject != Subject::Relations
}
