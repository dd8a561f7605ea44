//! Backups as the provider makes them: restic repositories, one per store.

use std::path::Path;

use crate::Result;

/// One backup of one store.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Milliseconds since 1970, as the client wrote it.
    pub at_ms: u64,
}

/// Makes an empty repository. The password is written to `password_file` (0600) by the caller.
pub fn init(_repository: &Path, _password: &str) -> Result<()> {
    todo!()
}

/// Backs up `folder` under its absolute path. The folder must not change meanwhile.
pub fn backup(_repository: &Path, _password: &str, _folder: &Path) -> Result<Snapshot> {
    todo!()
}

/// All snapshots, oldest first.
pub fn list(_repository: &Path, _password: &str) -> Result<Vec<Snapshot>> {
    todo!()
}

/// Brings the content of `folder` as it was in `snapshot` to `target`.
pub fn restore(
    _repository: &Path,
    _password: &str,
    _snapshot: &str,
    _folder: &Path,
    _target: &Path,
) -> Result<()> {
    todo!()
}
