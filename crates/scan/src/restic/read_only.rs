//! A door to a repository that cannot be pushed open from the other side.
//!
//! Whatever the repository library would write, lock, or delete is refused here, so a scan can be let
//! loose on the only copy that is left. Snapshots, index files and keys carry the SHA-256 of their bytes
//! as name; that is checked here as well, and an index file or key that fails is left out of listings
//! and noted, so that one damaged file costs what depends on it and not the whole answer. A pipe or a device
//! in the place of a file would keep whoever opens it waiting for ever; it is not opened, and said.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};
use sha2::{Digest, Sha256};

pub(super) struct ReadOnly {
    inner: Arc<dyn WriteBackend>,
    /// Where it lies on this machine, if it does.
    folder: Option<PathBuf>,
    left_out: Mutex<Vec<String>>,
}

impl ReadOnly {
    /// `folder`: where the repository lies on this machine, if it does.
    pub(super) fn new(inner: Arc<dyn WriteBackend>, folder: Option<&Path>) -> ReadOnly {
        ReadOnly { inner, folder: folder.map(Path::to_owned), left_out: Mutex::default() }
    }

    /// What was left out because it could not be read, in words.
    pub(super) fn left_out(&self) -> Vec<String> {
        self.left_out.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Whether there is no file of a kind at all, whole or not.
    pub(super) fn has_none(&self, kind: FileType) -> RusticResult<bool> {
        Ok(self.inner.list(kind)?.is_empty())
    }

    fn note(&self, what: String) {
        let mut left_out = self.left_out.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !left_out.contains(&what) {
            left_out.push(what);
        }
    }

    /// The backend passes over everything that is not a plain file and says nothing of it.
    fn note_what_is_no_file(&self, kind: FileType) {
        let Some(folder) = &self.folder else { return };
        let entries = std::fs::read_dir(folder.join(kind.dirname())).into_iter().flatten().flatten();
        for entry in entries {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            let name = entry.file_name();
            let Some(id) = name.to_str().and_then(|name| Id::parse_some(name, kind)).filter(|_| !is_file)
            else {
                continue;
            };
            self.note(format!(
                "{} file {}: it is a link, a folder, a pipe or a device, and was not opened",
                word(kind),
                id.to_hex().as_str()
            ));
        }
    }

    /// What is not there is left to the backend to say.
    fn must_be_a_file(&self, kind: FileType, id: &Id) -> RusticResult<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        let name = id.to_hex();
        let name = name.as_str();
        let folder = folder.join(kind.dirname());
        let path = match kind {
            FileType::Config => folder,
            FileType::Pack => folder.join(&name[..2]).join(name),
            FileType::Index | FileType::Key | FileType::Snapshot => folder.join(name),
        };
        match std::fs::metadata(path) {
            Ok(metadata) if !metadata.is_file() => Err(RusticError::new(
                ErrorKind::Backend,
                "In its place is a folder, a pipe or a device; it was not opened.",
            )),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn is_whole(&self, kind: FileType, id: &Id) -> bool {
        match self.read_full(kind, id) {
            Ok(_) => true,
            Err(error) => {
                self.note(format!("{} file {}: {}", word(kind), id.to_hex().as_str(), super::brief(&error)));
                false
            }
        }
    }
}

fn word(kind: FileType) -> &'static str {
    match kind {
        FileType::Config => "config",
        FileType::Index => "index",
        FileType::Key => "key",
        FileType::Snapshot => "snapshot",
        FileType::Pack => "pack",
    }
}

fn refused(what: &str) -> Box<RusticError> {
    RusticError::new(
        ErrorKind::AppendOnly,
        format!("Blackstart only reads repositories; {what} was refused."),
    )
}

impl ReadBackend for ReadOnly {
    fn location(&self) -> String {
        self.inner.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        let mut found = self.inner.list_with_size(kind)?;
        if matches!(kind, FileType::Index | FileType::Key) {
            self.note_what_is_no_file(kind);
            found.retain(|(id, _)| self.is_whole(kind, id));
        }
        Ok(found)
    }

    fn list(&self, kind: FileType) -> RusticResult<Vec<Id>> {
        let mut found = self.inner.list(kind)?;
        if matches!(kind, FileType::Index | FileType::Key | FileType::Snapshot) {
            self.note_what_is_no_file(kind);
        }
        if matches!(kind, FileType::Index | FileType::Key) {
            found.retain(|id| self.is_whole(kind, id));
        }
        // The library keeps the order of the directory; ours must be the same on every machine.
        found.sort_unstable();
        Ok(found)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.must_be_a_file(kind, id)?;
        let bytes = self.inner.read_full(kind, id)?;
        let named_by_hash = !matches!(kind, FileType::Config);
        if named_by_hash && Id::new(Sha256::digest(&bytes).into()) != *id {
            return Err(RusticError::new(
                ErrorKind::Verification,
                "Its bytes are not those it was stored with (SHA-256 differs from its name).",
            ));
        }
        Ok(bytes)
    }

    fn read_partial(
        &self,
        kind: FileType,
        id: &Id,
        cacheable: bool,
        offset: u32,
        length: u32,
    ) -> RusticResult<Bytes> {
        self.must_be_a_file(kind, id)?;
        self.inner.read_partial(kind, id, cacheable, offset, length)
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        self.inner.warmup_path(kind, id)
    }
}

impl WriteBackend for ReadOnly {
    fn create(&self) -> RusticResult<()> {
        Err(refused("creating a repository"))
    }

    fn write_bytes(&self, kind: FileType, _: &Id, _: bool, _: BytesList) -> RusticResult<()> {
        Err(refused(&format!("writing a {} file", word(kind))))
    }

    fn remove(&self, kind: FileType, _: &Id, _: bool) -> RusticResult<()> {
        Err(refused(&format!("removing a {} file", word(kind))))
    }
}
