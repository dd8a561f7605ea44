//! The journal for the tools that people already have: one line for each entry, as a time line.
//!
//! - `timesketch`: JSON Lines with `message`, `datetime` and `timestamp_desc`, which Timesketch asks for
//!   (timesketch.org/guides/user/import-from-json-csv), and what is known of the entry besides.
//! - `csv`: the same columns as a table (RFC 4180), which Timesketch takes too. What begins like a formula gets an apostrophe, because
//!   names and reasons come from anybody and a spreadsheet obeys what it reads.
//!
//! Proves nothing: that is the bundle's. Of a damaged journal it has the entries before the damage, and a last line that says so.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use estate::Id;
use incident::store;
use journal::Record;
use proof::line;
use serde_json::json;

use crate::pack::{each, placed, record_of};
use crate::refusal::PackFault;
use crate::whose::{Served, Whose};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Timesketch,
    Csv,
}

pub struct Wanted<'a> {
    /// The incident.
    pub folder: &'a Path,
    /// Whose entries; `None`: all.
    pub tenant: Option<&'a Id>,
    pub form: Form,
    pub out: &'a Path,
    pub sentence: &'a dyn Fn(&Record) -> String,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exported {
    pub entries: u64,
    /// About the tenant and others together: left out.
    pub withheld: u64,
    /// For so many of them nobody has signed.
    pub unsigned: u64,
    /// Why the rest is not there.
    pub damage: Vec<String>,
}

/// One line of the time line.
struct Row<'a> {
    message: &'a str,
    datetime: String,
    sequence: u64,
    actor: &'a str,
    kind: &'a str,
    is_signed: bool,
}

const HEAD: [&str; 7] = ["message", "datetime", "timestamp_desc", "sequence", "actor", "kind", "signed"];
/// What the time of an entry is the time of.
const TIME_OF: &str = "Recorded";

/// Writes the file, whole or not at all. Changes nothing in the incident.
pub fn export(wanted: &Wanted<'_>) -> Result<Exported, PackFault> {
    let journal = store::journal_path(wanted.folder);
    if wanted.out.symlink_metadata().is_ok() {
        return Err(PackFault::AlreadyThere(wanted.out.to_owned()));
    }
    let public = store::public_key(wanted.folder)?;
    let known = journal::verify(&journal, &public, None);
    let signed = known.trusted.as_ref().map_or(0, |trusted| trusted.size);
    let published = journal::Reader::open(&journal).and_then(|reader| reader.durable_length());
    let published = published.map_err(|error| PackFault::Store(store::StoreFault::Read(error)))?;
    let until = published.max(signed);
    let mut served = Served::default();
    if let Some(tenant) = wanted.tenant {
        each(&journal, until, &mut |leaf, _, exhibit| {
            if let Some((_, payload)) = exhibit.body {
                served.learn(&leaf.kind, leaf.version, payload);
            }
            Ok(())
        })?;
        if served.is_incomplete {
            return Err(PackFault::EstateNotRead);
        }
        if !served.knows(tenant) {
            return Err(PackFault::NoSuchTenant(tenant.to_string()));
        }
    }
    let damage: Vec<String> = known.damages().map(|one| format!("{}: {}", one.place, one.problem)).collect();
    placed(wanted.out, |file| {
        let mut out = BufWriter::new(file);
        let fault = |source| PackFault::File { doing: "write", path: wanted.out.to_owned(), source };
        if wanted.form == Form::Csv {
            out.write_all(csv(&HEAD.map(str::to_owned)).as_bytes()).map_err(fault)?;
        }
        let mut done = Exported { damage: damage.clone(), ..Exported::default() };
        let mut last = String::new();
        each(&journal, until, &mut |leaf, _, exhibit| {
            let payload = exhibit.body.map(|(_, payload)| payload);
            let whose = wanted
                .tenant
                .map(|tenant| served.whose(tenant, &leaf.actor, &leaf.kind, leaf.version, payload));
            match whose {
                Some(Whose::Shared) => done.withheld += 1,
                Some(Whose::NotTheirs) => {}
                None | Some(Whose::Own) => {
                    let sentence = (wanted.sentence)(&record_of(&leaf, payload));
                    last = line::utc(leaf.time_ms);
                    let row = Row {
                        message: &sentence,
                        datetime: last.clone(),
                        sequence: leaf.sequence,
                        actor: &leaf.actor,
                        kind: &leaf.kind,
                        is_signed: leaf.sequence < signed,
                    };
                    done.entries += 1;
                    done.unsigned += u64::from(!row.is_signed);
                    out.write_all(row.line(wanted.form).as_bytes()).map_err(fault)?;
                }
            }
            Ok(())
        })?;
        if !damage.is_empty() {
            out.write_all(end(wanted.form, wanted.tenant, &damage, last).as_bytes()).map_err(fault)?;
        }
        let file: File = out.into_inner().map_err(|error| fault(error.into_error()))?;
        Ok((file, done))
    })
}

/// Where a damaged journal cannot be read on. A tenant is not told what stood there.
fn end(form: Form, tenant: Option<&Id>, damage: &[String], datetime: String) -> String {
    let what = if tenant.is_some() { "the whole journal says where".to_owned() } else { damage.join("; ") };
    let message =
        format!("THE JOURNAL IS DAMAGED, and what follows from there on is not in this time line: {what}");
    let row = Row {
        message: &message,
        datetime,
        sequence: u64::MAX,
        actor: "blackstart evidence export",
        kind: "journal.damaged",
        is_signed: false,
    };
    row.line(form)
}

impl Row<'_> {
    fn line(&self, form: Form) -> String {
        // The damage has no number of its own.
        let sequence = (self.sequence != u64::MAX).then_some(self.sequence);
        match form {
            Form::Timesketch => {
                let line = json!({
                    "message": self.message,
                    "datetime": self.datetime,
                    "timestamp_desc": TIME_OF,
                    "sequence": sequence,
                    "actor": self.actor,
                    "kind": self.kind,
                    "signed": self.is_signed,
                });
                format!("{line}\n")
            }
            Form::Csv => csv(&[
                self.message.to_owned(),
                self.datetime.clone(),
                TIME_OF.to_owned(),
                sequence.map(|sequence| sequence.to_string()).unwrap_or_default(),
                self.actor.to_owned(),
                self.kind.to_owned(),
                self.is_signed.to_string(),
            ]),
        }
    }
}

fn csv(cells: &[String]) -> String {
    let cells: Vec<String> =
        cells.iter().map(|cell| format!("\"{}\"", tame(cell).replace('"', "\"\""))).collect();
    format!("{}\r\n", cells.join(","))
}

/// What a spreadsheet would take for a formula is text.
fn tame(cell: &str) -> String {
    let cell = message::harmless(cell);
    match cell.chars().next() {
        Some('=' | '+' | '-' | '@') => format!("'{cell}"),
        Some(_) | None => cell,
    }
}
