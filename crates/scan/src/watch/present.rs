//! What lies at the places that were looked at, and what could not be seen there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use incident::scan::PARTLY_READ;
use judge::Beside;
use message::counted_as;

use super::files::Stamp;
use super::names::is_journal;
use crate::folder::{Entry, EntryKind};
use crate::shown;

/// What was seen at the places that were looked at.
#[derive(Default)]
pub(super) struct Present {
    pub files: BTreeMap<PathBuf, (Stamp, Beside)>,
    pub unread: BTreeSet<PathBuf>,
    pub complaints: Vec<String>,
    pub is_absent: bool,
}

impl Present {
    pub(super) fn add(&mut self, met: Vec<Entry>, root: &Path) {
        for Entry { path, kind } in met {
            match kind {
                EntryKind::File { .. } if is_journal(&path) => {}
                EntryKind::File { metadata, beside } => {
                    self.files.insert(path, (Stamp::of(&metadata), beside));
                }
                EntryKind::Unreadable(error) => {
                    self.complaints.push(format!("{}: {error}", shown::path(&path)));
                    if path == root && error.kind() == std::io::ErrorKind::NotFound {
                        self.is_absent = true;
                    } else {
                        self.unread.insert(path);
                    }
                }
            }
        }
    }

    /// Of a look at everything.
    pub(super) fn why_not_watched(&self, root: &Path) -> Option<String> {
        if self.is_absent {
            return Some(format!("{} is not there", shown::path(root)));
        }
        if self.complaints.is_empty() && self.files.is_empty() {
            return Some(format!("{} has no file; perhaps nothing is mounted there", shown::path(root)));
        }
        let first = self.complaints.first()?;
        let parts = counted_as(self.complaints.len(), "part", "parts");
        Some(format!("{parts} {PARTLY_READ} {first}"))
    }
}
