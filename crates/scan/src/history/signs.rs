//! What do the differences between two snapshots look like as a whole? Signs for people: they explain, and they
//! say where to look first. No sign clears a snapshot, and none condemns it: a move to another disk or an upgrade
//! looks much the same.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::Hash;
use std::path::{Path, PathBuf};

use super::Version;
use crate::shown;

/// The same new file in at least so many folders is said.
const FOLDERS_MIN: usize = 3;
/// So many files must agree before it is said.
const FILES_MIN: u64 = 10;
/// Notes that attackers leave are short.
const NOTE_BYTES_MAX: u64 = 64 * 1024;
const NOTES_MAX: usize = 20_000;

pub(super) struct Signs<C> {
    added: u64,
    changed: u64,
    removed: u64,
    /// Of those that are gone: found again under another name or in another place.
    moved: u64,
    /// By what was appended to the name.
    appended: BTreeMap<String, u64>,
    /// By how much the file grew.
    grown: BTreeMap<u64, u64>,
    same_time: u64,
    same_time_example: Option<PathBuf>,
    same_size: u64,
    notes: HashMap<C, (String, BTreeSet<PathBuf>)>,
}

/// How many files usually change in this series.
#[derive(Clone, Debug, Default)]
pub(super) struct Usual {
    changed: Vec<u64>,
}

impl<C> Default for Signs<C> {
    fn default() -> Signs<C> {
        Signs {
            added: 0,
            changed: 0,
            removed: 0,
            moved: 0,
            appended: BTreeMap::new(),
            grown: BTreeMap::new(),
            same_time: 0,
            same_time_example: None,
            same_size: 0,
            notes: HashMap::new(),
        }
    }
}

impl<C: Clone + Eq + Hash> Signs<C> {
    pub(super) fn removed(&mut self) {
        self.removed += 1;
    }

    pub(super) fn moved(&mut self) {
        self.moved += 1;
    }

    pub(super) fn changed(&mut self, path: &Path, before: &Version<C>, now: &Version<C>) {
        self.changed += 1;
        if before.content == now.content {
            return;
        }
        self.size(before, now);
        if before.modified_ns.is_some() && before.modified_ns == now.modified_ns {
            self.same_time += 1;
            self.same_time_example.get_or_insert_with(|| path.to_owned());
        }
    }

    pub(super) fn renamed(&mut self, former: &Path, path: &Path, before: &Version<C>, now: &Version<C>) {
        self.moved += 1;
        self.changed += 1;
        self.size(before, now);
        let (former, name) = (former.file_name().unwrap_or_default(), path.file_name().unwrap_or_default());
        let appended = shown::path(name).strip_prefix(&shown::path(former)).unwrap_or_default().to_owned();
        *self.appended.entry(appended).or_default() += 1;
    }

    pub(super) fn added(&mut self, path: &Path, now: &Version<C>) {
        self.added += 1;
        if now.bytes == 0 || now.bytes > NOTE_BYTES_MAX || self.notes.len() >= NOTES_MAX {
            return;
        }
        let name = shown::path(path.file_name().unwrap_or_default());
        let (_, folders) = self.notes.entry(now.content.clone()).or_insert((name, BTreeSet::new()));
        folders.insert(path.parent().unwrap_or(Path::new("/")).to_owned());
    }

    fn size(&mut self, before: &Version<C>, now: &Version<C>) {
        match now.bytes.checked_sub(before.bytes) {
            Some(0) => self.same_size += 1,
            Some(grown) => *self.grown.entry(grown).or_default() += 1,
            None => {}
        }
    }

    /// In words; remembers what is usual for the next time.
    pub(super) fn said(self, usual: &mut Usual, files_now: u64) -> Vec<String> {
        let mut said = Vec::new();
        let gone = self.removed - self.moved.min(self.removed);
        let before = files_now + gone - self.added.min(files_now + gone);
        if gone >= FILES_MIN && gone * 5 >= before {
            said.push(format!("{gone} of {before} files vanished"));
        }
        if let Some(often) = usual.much(self.changed) {
            said.push(format!("{} files changed; usually up to {often} do", self.changed));
        }
        for (appended, files) in self.appended.iter().filter(|(_, files)| **files >= FILES_MIN) {
            said.push(format!("{files} files got `{appended}` appended to their name"));
        }
        let most = self.grown.iter().max_by_key(|(_, files)| **files);
        if let Some((bytes, files)) =
            most.filter(|(_, files)| **files >= FILES_MIN && **files * 2 >= self.changed)
        {
            said.push(format!("{files} of {} changed files grew by exactly {bytes} bytes", self.changed));
        }
        if self.same_size >= FILES_MIN && self.same_size * 10 >= self.changed * 9 {
            said.push(format!(
                "{} of {} changed files kept their size to the byte",
                self.same_size, self.changed
            ));
        }
        if let Some(example) = &self.same_time_example {
            said.push(format!(
                "{} files changed although their time of change did not, for example {}: somebody or some program set it back",
                self.same_time,
                shown::path(example)
            ));
        }
        let mut notes: Vec<(usize, String)> = self
            .notes
            .into_values()
            .filter(|(_, folders)| folders.len() >= FOLDERS_MIN)
            .map(|(name, folders)| (folders.len(), name))
            .collect();
        notes.sort_by(|a, b| (b.0, &a.1).cmp(&(a.0, &b.1)));
        for (folders, name) in notes.into_iter().take(3) {
            said.push(format!("the same small new file, {name}, lies in {folders} folders"));
        }
        usual.changed.push(self.changed);
        said
    }
}

impl Usual {
    /// What nine in ten snapshots stayed below, if this is far more than that.
    fn much(&self, changed: u64) -> Option<u64> {
        if self.changed.len() < 3 {
            return None;
        }
        let mut sorted = self.changed.clone();
        sorted.sort_unstable();
        let often = sorted[(sorted.len() - 1) * 9 / 10];
        (changed >= 50 && changed > often.saturating_mul(5)).then_some(often)
    }
}
