//! A disk in memory that does what disks do on a bad day, the same way every time for the same seed.
//!
//! What was written and not synced may survive a power cut whole, in part, or not at all, sector by sector and in
//! any order; a new name survives only after its folder was synced. A sync can fail, and then what it should have
//! kept is shown as if it were kept and is not. A disk can be full, a read can be short, a bit can flip.
//!
//! Not modelled: a disk that lies about a sync that it reported as done. Nothing can be promised on such a disk;
//! the journal notices the loss when it opens, by its published length and its checkpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::disk::{Access, Disk, DiskFile};

/// A disk writes at least this much at once; a write that is torn inside it is modelled too.
const SECTOR: usize = 512;

/// The disk. Clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Default)]
struct State {
    random: u64,
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    /// The names that would be there after a power cut now.
    names_safe: BTreeMap<PathBuf, usize>,
    /// Changes of names since. A power cut keeps the first few of them: file systems with a journal keep this order.
    names_pending: Vec<NameChange>,
    /// How often the power went; files opened before are dead.
    cuts: u64,
    power_is_off: bool,
    capacity: Option<u64>,
    short_reads: bool,
    changes: u64,
    cut_at_change: Option<u64>,
    failing_syncs: Option<u64>,
    failing_writes: u64,
    no_more_files: bool,
}

#[derive(Clone)]
enum NameChange {
    Set(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<PathBuf, usize>) {
        match self {
            NameChange::Set(path, file) => {
                names.insert(path.clone(), *file);
            }
            NameChange::Rename(from, to) => {
                if let Some(file) = names.remove(from) {
                    names.insert(to.clone(), file);
                }
            }
            NameChange::Remove(path) => {
                names.remove(path);
            }
        }
    }
}

#[derive(Clone, Default)]
struct Content {
    /// What readers see.
    live: Vec<u8>,
    /// What would certainly be there after a power cut now.
    safe: Vec<u8>,
    /// Sectors whose new content a power cut may keep or lose.
    dirty: BTreeSet<usize>,
    length_dirty: bool,
}

impl State {
    /// splitmix64: small, and the same everywhere.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.draw() % limit.max(1) as u64).expect("below a usize")
    }

    fn change(&mut self) -> io::Result<()> {
        self.changes += 1;
        if self.cut_at_change.is_some_and(|at| self.changes > at) {
            self.power_is_off = true;
        }
        self.powered()
    }

    fn change_name(&mut self, change: NameChange) {
        change.apply(&mut self.names);
        self.names_pending.push(change);
    }

    fn powered(&self) -> io::Result<()> {
        if self.power_is_off { Err(io::Error::other("the power is off")) } else { Ok(()) }
    }

    fn room(&self) -> u64 {
        let used: u64 = self.names.values().map(|file| self.files[*file].live.len() as u64).sum();
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(used))
    }

    fn resize(&mut self, file: usize, length: u64) -> io::Result<()> {
        let now = self.files[file].live.len() as u64;
        if length.saturating_sub(now) > self.room() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let length = usize::try_from(length).map_err(|_| io::ErrorKind::StorageFull)?;
        self.files[file].live.resize(length, 0);
        self.files[file].length_dirty = true;
        Ok(())
    }

    /// What a system does on its own account at any time: puts some of what is unsynced on the disk.
    fn write_back(&mut self, file: usize) {
        if !self.draw().is_multiple_of(4) {
            return;
        }
        for sector in self.files[file].dirty.clone() {
            let content = &self.files[file];
            let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(content.live.len()));
            if start < end && self.draw().is_multiple_of(2) {
                let content = &mut self.files[file];
                let length = content.safe.len().max(end);
                content.safe.resize(length, 0);
                content.safe[start..end].copy_from_slice(&content.live[start..end]);
                content.dirty.remove(&sector);
            }
        }
    }

    /// Lets each unsynced sector survive with chance `keep` of 256, whole or torn.
    fn settle(&mut self, file: usize, keep: u64) {
        let Content { live, safe: mut settled, dirty, length_dirty } = std::mem::take(&mut self.files[file]);
        if length_dirty && self.draw() % 256 < keep {
            settled.resize(live.len(), 0);
        }
        for sector in dirty {
            let start = sector * SECTOR;
            let end = (start + SECTOR).min(settled.len()).min(live.len());
            if start >= end || self.draw() % 256 >= keep {
                continue;
            }
            let torn = self.draw().is_multiple_of(8);
            let end = if torn { start + self.below(end - start) } else { end };
            settled[start..end].copy_from_slice(&live[start..end]);
        }
        self.files[file] = Content { live, safe: settled, dirty: BTreeSet::new(), length_dirty: false };
    }
}

impl FaultyDisk {
    /// An empty disk. The seed decides everything that is left to chance.
    pub fn new(seed: u64) -> FaultyDisk {
        FaultyDisk { state: Arc::new(Mutex::new(State { random: seed, ..State::default() })) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another disk that is as this one is now.
    pub fn copy(&self) -> FaultyDisk {
        FaultyDisk { state: Arc::new(Mutex::new(self.state().clone())) }
    }

    /// The power goes, and comes back. Open files are dead; what was not synced survives as chance has it.
    pub fn cut_power(&self) {
        let mut state = self.state();
        // Each power cut has its own character: from losing all that was unsynced to keeping it all.
        let keep = [0, 64, 128, 240, 256][state.below(5)];
        let pending = std::mem::take(&mut state.names_pending);
        let kept = match keep {
            0 => 0,
            256 => pending.len(),
            _ => state.below(pending.len() + 1),
        };
        let mut after = std::mem::take(&mut state.names_safe);
        pending[..kept].iter().for_each(|change| change.apply(&mut after));
        for file in 0..state.files.len() {
            state.settle(file, keep);
            state.files[file].live = state.files[file].safe.clone();
        }
        state.names = after.clone();
        state.names_safe = after;
        state.cuts += 1;
        state.power_is_off = false;
        state.cut_at_change = None;
        state.failing_syncs = None;
        state.failing_writes = 0;
    }

    /// From the given number of further writes, syncs and renames on, everything fails until
    /// [`FaultyDisk::cut_power`].
    pub fn lose_power_after(&self, changes: u64) {
        let mut state = self.state();
        state.cut_at_change = Some(state.changes + changes);
    }

    /// The sync after this many good ones fails, once.
    pub fn fail_sync_after(&self, good: u64) {
        self.state().failing_syncs = Some(good);
    }

    /// How many bytes all files together may have.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity = bytes;
    }

    /// The next writes find no room half way, even where room was reserved, as on file systems that copy on write.
    pub fn fill_during_writes(&self, count: u64) {
        self.state().failing_writes = count;
    }

    /// Whether this process has as many files open as it may: no further one can be opened.
    pub fn set_no_more_files(&self, none: bool) {
        self.state().no_more_files = none;
    }

    /// Whether reads may return less than was asked for.
    pub fn set_short_reads(&self, short: bool) {
        self.state().short_reads = short;
    }

    /// The names of all files.
    pub fn names(&self) -> Vec<PathBuf> {
        self.state().names.keys().cloned().collect()
    }

    /// The content of a file; empty when there is none.
    pub fn content(&self, path: &Path) -> Vec<u8> {
        let state = self.state();
        state.names.get(path).map(|file| state.files[*file].live.clone()).unwrap_or_default()
    }

    /// Puts a file there as if it had always been there.
    pub fn put(&self, path: &Path, content: &[u8]) {
        let mut state = self.state();
        let (live, safe) = (content.to_vec(), content.to_vec());
        state.files.push(Content { live, safe, ..Content::default() });
        let file = state.files.len() - 1;
        state.names.insert(path.to_owned(), file);
        state.names_safe.insert(path.to_owned(), file);
    }

    /// Takes a file away as if it had never been there.
    pub fn take_away(&self, path: &Path) {
        let mut state = self.state();
        state.names.remove(path);
        state.names_safe.remove(path);
    }

    /// Flips one bit, counted from the start of the file.
    pub fn flip_bit(&self, path: &Path, bit: usize) {
        let mut content = self.content(path);
        content[bit / 8] ^= 1 << (bit % 8);
        self.put(path, &content);
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.powered()?;
        if state.no_more_files {
            return Err(io::Error::other("too many open files"));
        }
        let file = match (state.names.get(path).copied(), access) {
            (Some(file), Access::Create) => {
                state.change()?;
                let content = &mut state.files[file];
                content.live.clear();
                content.dirty.clear();
                content.length_dirty = true;
                file
            }
            (Some(file), _) => file,
            (None, Access::Create) => {
                state.change()?;
                state.files.push(Content::default());
                let file = state.files.len() - 1;
                state.change_name(NameChange::Set(path.to_owned(), file));
                file
            }
            (None, _) => return Err(io::Error::from(io::ErrorKind::NotFound)),
        };
        let cuts = state.cuts;
        Ok(Box::new(FaultyFile { disk: self.clone(), file, cuts, writable: access != Access::Read }))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        state.powered()?;
        let inside = state.names.keys().filter(|path| path.parent() == Some(folder));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        if !state.names.contains_key(from) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        state.change_name(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        if !state.names.contains_key(path) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        state.change_name(NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn create_folder(&self, _folder: &Path) -> io::Result<()> {
        self.state().powered()
    }

    fn sync_folder(&self, _folder: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.change()?;
        state.names_pending.clear();
        state.names_safe = state.names.clone();
        Ok(())
    }

    fn shared(&self) -> bool {
        false
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    file: usize,
    cuts: u64,
    writable: bool,
}

impl FaultyFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.cuts != self.cuts {
            return Err(io::Error::other("this file was opened before the power cut"));
        }
        state.powered()?;
        Ok(state)
    }

    fn changing(&self) -> io::Result<MutexGuard<'_, State>> {
        if !self.writable {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        let mut state = self.state()?;
        state.change()?;
        Ok(state)
    }
}

impl DiskFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut state = self.state()?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = state.files[self.file].live.len().saturating_sub(offset);
        let mut count = rest.min(buffer.len());
        if state.short_reads && count > 1 {
            count = 1 + state.below(count);
        }
        if count > 0 {
            buffer[..count].copy_from_slice(&state.files[self.file].live[offset..offset + count]);
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.changing()?;
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::StorageFull)?;
        let mut count = bytes.len();
        if state.failing_writes > 0 {
            state.failing_writes -= 1;
            count = state.below(count);
        }
        let longer = (start + count).saturating_sub(state.files[self.file].live.len()) as u64;
        if longer > state.room() {
            count -= usize::try_from(longer - state.room()).unwrap_or(count).min(count);
        }
        let content = &mut state.files[self.file];
        if content.live.len() < start + count {
            content.live.resize(start + count, 0);
            content.length_dirty = true;
        }
        content.live[start..start + count].copy_from_slice(&bytes[..count]);
        if count > 0 {
            content.dirty.extend(start / SECTOR..=(start + count - 1) / SECTOR);
        }
        state.write_back(self.file);
        if count < bytes.len() { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        if self.length()? >= length {
            return Ok(());
        }
        let mut state = self.changing()?;
        state.resize(self.file, length)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut state = self.changing()?;
        state.resize(self.file, length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.state()?.files[self.file].live.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.changing()?;
        if let Some(good) = state.failing_syncs {
            state.failing_syncs = good.checked_sub(1);
            if good == 0 {
                // The system drops what it could not write, and keeps showing it.
                state.settle(self.file, 128);
                return Err(io::Error::from_raw_os_error(5));
            }
        }
        let content = &mut state.files[self.file];
        content.safe.resize(content.live.len(), 0);
        for sector in std::mem::take(&mut content.dirty) {
            let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(content.live.len()));
            if start < end {
                content.safe[start..end].copy_from_slice(&content.live[start..end]);
            }
        }
        content.length_dirty = false;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_be_torn() {
        let mut kept_all = 0;
        for seed in 0..200 {
            let disk = FaultyDisk::new(seed);
            let path = Path::new("/a/file");
            let file = disk.open(path, Access::Create).unwrap();
            file.write_at(&[1; 4096], 0).unwrap();
            file.sync().unwrap();
            disk.sync_folder(Path::new("/a")).unwrap();
            file.write_at(&[2; 2048], 1024).unwrap();
            disk.cut_power();
            assert!(file.read_at(&mut [0], 0).is_err());
            let content = disk.content(path);
            assert_eq!((&content[..1024], &content[3072..]), (&[1; 1024][..], &[1; 1024][..]));
            assert!(content[1024..3072].iter().all(|byte| *byte == 1 || *byte == 2));
            kept_all += usize::from(content[1024..3072] == [2; 2048]);
        }
        assert!((20..180).contains(&kept_all), "chance keeps {kept_all} of 200");
    }

    #[test]
    fn after_a_failed_sync_the_disk_shows_what_it_does_not_have() {
        let seen = (0..50).any(|seed| {
            let disk = FaultyDisk::new(seed);
            let path = Path::new("/a/file");
            let file = disk.open(path, Access::Create).unwrap();
            disk.sync_folder(Path::new("/a")).unwrap();
            file.write_at(&[1; 4096], 0).unwrap();
            disk.fail_sync_after(0);
            assert!(file.sync().is_err());
            file.sync().unwrap();
            let shown = disk.content(path);
            disk.cut_power();
            shown == [1; 4096] && disk.content(path) != shown
        });
        assert!(seen);
    }
}
