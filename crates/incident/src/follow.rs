//! What is known, kept up to date while others append: for whoever stays, and shows it.
//!
//! Reads on from where it stands, under no lock: neither a command nor a run ever waits for a reader. A journal that cannot
//! be read on is a fault here; what is left of it is `damaged`'s to say.

use std::path::{Path, PathBuf};

use journal::{Reader, Record};

use super::fault::StoreFault;
use super::record::{self, Entry};
use super::store;
use super::view::View;

/// A journal that is read on.
pub struct Following {
    folder: PathBuf,
    reader: Reader,
    view: View,
}

impl Following {
    /// From the first entry; nothing is read yet.
    pub fn open(folder: &Path) -> Result<Following, StoreFault> {
        let journal = store::journal_path(folder);
        if !journal.is_dir() {
            return Err(StoreFault::NoIncident(folder.to_owned()));
        }
        let reader = Reader::open(&journal).map_err(StoreFault::Read)?;
        Ok(Following { folder: folder.to_owned(), reader, view: View::default() })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn view(&self) -> &View {
        &self.view
    }

    /// A journal that is gone, or shorter than it was, has nothing new to read: without this it would look quiet.
    fn is_still_there(&self) -> Result<(), StoreFault> {
        if !store::journal_path(&self.folder).is_dir() {
            return Err(StoreFault::NoIncident(self.folder.clone()));
        }
        let durable = self.reader.durable_length().map_err(StoreFault::Read)?;
        if durable < self.view.entries { Err(StoreFault::Emptied(self.folder.clone())) } else { Ok(()) }
    }

    /// Takes in what is durable and new, up to and with entry `until`. `met` sees each record and what it says.
    pub fn read_on(
        &mut self,
        until: Option<u64>,
        mut met: impl FnMut(&Record, &Entry),
    ) -> Result<(), StoreFault> {
        if until.is_some_and(|until| until < self.view.entries) {
            return Ok(());
        }
        self.is_still_there()?;
        for record in self.reader.read(self.view.entries) {
            let record = record.map_err(StoreFault::Read)?;
            let entry = record::entry(record.clone());
            self.view.apply(&entry);
            met(&record, &entry);
            if until.is_some_and(|until| until <= entry.sequence) {
                break;
            }
        }
        Ok(())
    }
}
