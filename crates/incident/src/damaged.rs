//! What can be known of an incident whose journal may be damaged?
//!
//! Reads: every record against every signed checkpoint. Records: nothing. A command that acts uses `store` and is
//! refused; here a person gets to see what is left. What was not read, or is not what was signed, is an entry like
//! one of a newer program: kept, shown, in the way of every decision. So nothing good can rest on it unseen.

use std::ops::Range;
use std::path::Path;

use journal::{Checkpoint, Payload, PublicKey, Record, Salvaged, Verification};

use super::fault::StoreFault;
use super::record::{self, Content, Entry, Unknown};
use super::store;
use super::view::View;

/// A journal that was looked at as a whole.
pub struct Look {
    /// `None`: everything is there as it was signed.
    pub harm: Option<Harm>,
    verification: Option<Verification>,
}

/// What is wrong with a journal, and what that leaves.
#[derive(Clone, Debug)]
pub struct Harm {
    /// What and where, for people; the first is enough for a line.
    pub findings: Vec<String>,
    /// The newest signed checkpoint all of whose records are there as they were.
    pub trusted: Option<Checkpoint>,
    /// How many entries there must have been, as far as is known.
    pub entries: u64,
    /// Entries that were not read, or are not those that were signed.
    pub lost: Vec<Gap>,
}

/// Entries that cannot be relied on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub entries: Range<u64>,
    pub why: String,
    /// Readable, and not proven to be what was written.
    pub readable: bool,
}

/// One place of a journal that is read on past damage.
pub enum Passage {
    /// `proven`: a signed checkpoint covers it, and it is what was signed.
    Record {
        record: Record,
        proven: bool,
    },
    Lost(Gap),
}

impl Look {
    /// Verifies the journal of an incident or bridge folder with the public key that lies there.
    pub fn at(folder: &Path) -> Result<Look, StoreFault> {
        let journal = store::journal_path(folder);
        if !journal.is_dir() {
            return Err(StoreFault::NoIncident(folder.to_owned()));
        }
        let path = store::public_key_path(folder);
        let key = std::fs::read_to_string(&path)
            .map_err(|error| error.to_string())
            .and_then(|text| PublicKey::parse(text.trim()).map_err(|error| error.to_string()));
        let verification = match key {
            Ok(key) => journal::verify(&journal, &key, None),
            Err(error) => {
                let finding = format!(
                    "the public key {} cannot be used, so nothing is proven: {error}",
                    path.display()
                );
                let harm = Harm { findings: vec![finding], trusted: None, entries: 0, lost: Vec::new() };
                return Ok(Look { harm: Some(harm), verification: None });
            }
        };
        let harm = (!verification.intact()).then(|| Harm {
            findings: verification.damages().map(ToString::to_string).collect(),
            trusted: verification.trusted.clone(),
            entries: 0,
            lost: Vec::new(),
        });
        let mut look = Look { harm, verification: Some(verification) };
        look.count(folder)?;
        Ok(look)
    }

    fn count(&mut self, folder: &Path) -> Result<(), StoreFault> {
        if self.harm.is_none() {
            return Ok(());
        }
        let (mut lost, mut entries) = (Vec::<Gap>::new(), 0);
        self.each(folder, &mut |met| match met {
            Passage::Record { record, .. } => entries = record.sequence + 1,
            Passage::Lost(gap) => {
                entries = gap.entries.end;
                match lost.last_mut() {
                    Some(last) if last.entries.end == gap.entries.start && last.why == gap.why => {
                        last.entries.end = gap.entries.end;
                    }
                    _ => lost.push(gap),
                }
            }
        })?;
        if let Some(harm) = &mut self.harm {
            (harm.lost, harm.entries) = (lost, entries);
        }
        Ok(())
    }

    /// Every entry of a damaged journal, and every gap. A record that a checkpoint covers and does not prove is a gap:
    /// it may be forged.
    pub fn each(&self, folder: &Path, visit: &mut dyn FnMut(Passage)) -> Result<(), StoreFault> {
        let journal = store::journal_path(folder);
        let (covered, proven) = self
            .verification
            .as_ref()
            .map_or((0, &[][..]), |verification| (verification.covered, &verification.proven[..]));
        let is_proven = |sequence: u64| proven.iter().any(|range| range.contains(&sequence));
        journal::salvage(&journal, covered, &mut |salvaged| match salvaged {
            Salvaged::Record(record) if record.sequence < covered && !is_proven(record.sequence) => {
                let entries = record.sequence..record.sequence + 1;
                let why = "readable, but not proven to be what was signed".to_owned();
                visit(Passage::Lost(Gap { entries, why, readable: true }));
            }
            Salvaged::Record(record) => {
                let proven = is_proven(record.sequence);
                visit(Passage::Record { record, proven });
            }
            Salvaged::Lost { records, why } => {
                visit(Passage::Lost(Gap { entries: records, why, readable: false }));
            }
        })
        .map_err(|source| StoreFault::File { doing: "read", path: journal, source })
    }
}

/// What is known now, of any journal, up to and with entry `at`. Touches nothing.
pub fn view(folder: &Path, at: Option<u64>) -> Result<(View, Option<Harm>), StoreFault> {
    let look = Look::at(folder)?;
    let mut view = View::default();
    let wanted = |sequence: u64| at.is_none_or(|at| sequence <= at);
    if look.harm.is_none() {
        store::each_entry(folder, 0, |entry| {
            if wanted(entry.sequence) {
                view.apply(&entry);
            }
        })?;
        return Ok((view, None));
    }
    look.each(folder, &mut |met| match met {
        Passage::Record { record, .. } if wanted(record.sequence) => view.apply(&record::entry(record)),
        Passage::Lost(gap) if wanted(gap.entries.start) => {
            view.apply(&lost(&gap, view.last_time_ms));
            view.entries = gap.entries.end;
        }
        Passage::Record { .. } | Passage::Lost(_) => {}
    })?;
    Ok((view, look.harm))
}

/// A gap as an entry: about everything, because nobody knows what it was about.
fn lost(gap: &Gap, time_ms: i64) -> Entry {
    let why = match gap.entries.end - gap.entries.start {
        1 => gap.why.clone(),
        count => format!("{count} entries: {}", gap.why),
    };
    let unknown = Unknown { kind: "journal.lost".to_owned(), version: 0, about: None, why };
    Entry {
        sequence: gap.entries.start,
        time_ms,
        actor: "journal".to_owned(),
        content: Content::Unknown(unknown),
    }
}

/// Whether the payload can be carried into another journal.
pub(super) fn payload(record: &Record) -> Option<&[u8]> {
    match &record.payload {
        Payload::Present(payload) => Some(payload),
        Payload::Erased => None,
    }
}
