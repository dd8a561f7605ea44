//! `tenants.csv`: the one table that people keep in a spreadsheet.
//!
//! Quoted cells may hold the separator, line breaks and doubled quotes (RFC 4180). The separator is the
//! comma or the semicolon, whichever the header line has more of: German spreadsheets write semicolons.
//! Inside a cell, `languages` are separated by spaces or `|`, `contacts` by `|`.

use std::collections::BTreeMap;
use std::ops::Range;

use super::fields::{NUMBER_MAX, Out, id_of, shown, unknown_field};
use super::finding::{Finding, Grade};
use super::id::{Id, Kind};
use super::model::Tenant;
use super::place::Place;
use super::things::{colour_fits, languages};

const COLUMNS: [&str; 9] =
    ["id", "name", "insured", "site", "languages", "contacts", "colour", "supervisor", "controller"];

/// A cell and the bytes it stands in.
struct Cell {
    text: String,
    bytes: Range<usize>,
}

/// Splits the text into rows of cells. Total: an open quote ends with the file, and is reported by place.
fn rows(text: &str, separator: char) -> (Vec<Vec<Cell>>, Option<usize>) {
    let mut rows = Vec::new();
    let mut row: Vec<Cell> = Vec::new();
    let mut cell = Cell { text: String::new(), bytes: 0..0 };
    let mut quoted_since = None;
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let next = at + letter.len_utf8();
        if quoted_since.is_some() {
            match letter {
                '"' if letters.peek().is_some_and(|(_, letter)| *letter == '"') => {
                    letters.next();
                    cell.text.push('"');
                }
                '"' => quoted_since = None,
                _ => cell.text.push(letter),
            }
        } else if letter == '"' && cell.text.trim().is_empty() {
            cell.text.clear();
            quoted_since = Some(at);
        } else if letter == separator || letter == '\n' {
            let start = cell.bytes.start;
            row.push(Cell { text: cell.text.trim().to_owned(), bytes: start..at });
            cell = Cell { text: String::new(), bytes: next..next };
            if letter == '\n' {
                rows.push(std::mem::take(&mut row));
            }
        } else {
            cell.text.push(letter);
        }
    }
    let start = cell.bytes.start;
    row.push(Cell { text: cell.text.trim().to_owned(), bytes: start..text.len() });
    rows.push(row);
    rows.retain(|row| row.iter().any(|cell| !cell.text.is_empty()));
    (rows, quoted_since)
}

/// A tenant, and where its row and its cells stand.
pub(super) struct Row {
    pub(super) id: Id,
    pub(super) tenant: Tenant,
    pub(super) place: Place,
    pub(super) cells: Vec<(&'static str, Place)>,
}

/// Reads every row that has an id.
pub(super) fn read(text: &str, file: usize, out: &mut Out) -> Vec<Row> {
    let header = text.lines().next().unwrap_or_default();
    let count = |separator| header.chars().filter(|letter| *letter == separator).count();
    let separator = if count(';') > count(',') { ';' } else { ',' };
    let (rows, open_quote) = rows(text, separator);
    if let Some(at) = open_quote {
        out.broken(
            "syntax",
            "a quoted cell is never closed",
            "close it with a second quotation mark; a quotation mark inside a cell is written twice",
            Some(Place { file, bytes: at..at + 1 }),
            None,
        );
        out.incomplete = true;
        return Vec::new();
    }
    let mut rows = rows.into_iter();
    let Some(header) = rows.next() else { return Vec::new() };
    let Some(columns) = columns(&header, file, out) else { return Vec::new() };
    rows.filter_map(|cells| tenant(&columns, header.len(), &cells, file, out)).collect()
}

/// Column name to position.
fn columns(header: &[Cell], file: usize, out: &mut Out) -> Option<BTreeMap<&'static str, usize>> {
    let mut columns = BTreeMap::new();
    for (at, cell) in header.iter().enumerate() {
        let place = Some(Place { file, bytes: cell.bytes.clone() });
        match COLUMNS.into_iter().find(|column| *column == cell.text) {
            Some(column) => {
                if columns.insert(column, at).is_some() {
                    let what = format!("the column `{column}` is there twice");
                    out.broken("duplicate-column", what, "keep one of them", place, None);
                }
            }
            None => {
                let what = format!("the column `{}`", shown(&cell.text));
                unknown_field(&what, &cell.text, &COLUMNS, place, None, out);
            }
        }
    }
    if columns.contains_key("id") {
        return Some(columns);
    }
    let place = header.first().map(|cell| Place { file, bytes: cell.bytes.clone() });
    out.broken(
        "missing-field",
        "the first line names no column `id`",
        format!("begin the file with the names of its columns: {}", COLUMNS.join(",")),
        place,
        None,
    );
    out.incomplete = true;
    None
}

fn tenant(
    columns: &BTreeMap<&'static str, usize>,
    width: usize,
    cells: &[Cell],
    file: usize,
    out: &mut Out,
) -> Option<Row> {
    let start = cells.first()?.bytes.start;
    let end = cells.last()?.bytes.end;
    let place = Place { file, bytes: start..end };
    let cell = |column: &str| cells.get(*columns.get(column)?).filter(|cell| !cell.text.is_empty());
    let text = |column: &str| cell(column).map(|cell| cell.text.clone());
    let at = |column: &str| Some(Place { file, bytes: cell(column)?.bytes.clone() });
    let name = text("id").unwrap_or_default();
    let id = match id_of(&name, &[Kind::Tenant]) {
        Ok(id) => id,
        Err(why) => {
            out.broken("bad-id", why, "give the row an id", Some(place), None);
            return None;
        }
    };
    if cells.len() != width {
        out.add(
            Finding::new(
                Grade::Serious,
                "row-length",
                format!("the row of {id} has {} cells, the header {width}", cells.len()),
                "cells may stand under the wrong column",
                "quote cells that hold the separator, and fill up the row",
            )
            .about([id.clone()])
            .at(Some(place.clone())),
        );
    }
    let insured = text("insured").unwrap_or_else(|| "0".to_owned());
    let insured = insured.parse().ok().filter(|insured| *insured <= NUMBER_MAX).unwrap_or_else(|| {
        let what = format!("`insured` of {id} is `{}`", shown(&insured));
        let to_do = "write a whole number, digits only, without dots or spaces";
        out.broken("wrong-type", what, to_do, at("insured"), Some(&id));
        0
    });
    let site = text("site").and_then(|site| match id_of(&site, &[Kind::Site]) {
        Ok(site) => Some(site),
        Err(why) => {
            out.broken("bad-id", format!("`site` of {id}: {why}"), "name a site", at("site"), Some(&id));
            None
        }
    });
    let places = columns.keys().filter_map(|column| Some((*column, at(column)?))).collect();
    let spoken = text("languages").unwrap_or_default();
    let spoken: Vec<String> = spoken
        .split(|letter: char| letter == '|' || letter.is_whitespace())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    let contacts = text("contacts").unwrap_or_default();
    let tenant = Tenant {
        name: text("name").unwrap_or_else(|| id.name().to_owned()),
        insured,
        site,
        controller: text("controller"),
        supervisor: text("supervisor"),
        contacts: contacts
            .split('|')
            .map(str::trim)
            .filter(|one| !one.is_empty())
            .map(str::to_owned)
            .collect(),
        languages: languages(spoken, &id, at("languages").as_ref(), out),
        colour: text("colour").filter(|colour| colour_fits(colour, &id, at("colour"), out)),
    };
    Some(Row { id, tenant, place, cells: places })
}
