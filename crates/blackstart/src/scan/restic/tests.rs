//! Real repositories, written by the library with which others write theirs, in temporary folders.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustic_core::{
    BackupOptions, ConfigOptions, Credentials, KeyOptions, PathList, Repository, RepositoryOptions,
    SnapshotOptions,
};
use sha2::{Digest, Sha256};

use super::*;
use crate::estate::model::{Secret, Source};

pub(super) const PASSWORD: &str = "correct horse";

/// A repository and the folder it is a copy of.
pub(super) struct Practice {
    pub(super) folder: tempfile::TempDir,
}

impl Practice {
    pub(super) fn new() -> Practice {
        let folder = tempfile::tempdir().unwrap();
        let practice = Practice { folder };
        fs::create_dir(practice.data()).unwrap();
        fs::create_dir(practice.repository()).unwrap();
        practice
            .closed()
            .init(&Credentials::password(PASSWORD), &KeyOptions::default(), &ConfigOptions::default())
            .unwrap();
        practice
    }

    pub(super) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    pub(super) fn name(&self) -> String {
        format!("restic:{}", self.repository().display())
    }

    fn closed(&self) -> Repository<()> {
        let backends = rustic_backend::BackendOptions::default()
            .repository(format!("local:{}", self.repository().display()))
            .to_backends()
            .unwrap();
        Repository::new(&RepositoryOptions::default().no_cache(true), &backends).unwrap()
    }

    /// A snapshot of the folder as it is now; its id.
    pub(super) fn snapshot(&self) -> String {
        self.snapshot_claiming(None)
    }

    pub(super) fn snapshot_claiming(&self, time: Option<&str>) -> String {
        let repository =
            self.closed().open(&Credentials::password(PASSWORD)).unwrap().to_indexed_ids().unwrap();
        let mut snapshot = SnapshotOptions::default().to_snapshot().unwrap();
        if let Some(time) = time {
            snapshot.time = time.parse::<jiff::Timestamp>().unwrap().to_zoned(jiff::tz::TimeZone::UTC);
        }
        let source = PathList::from_string(self.data().to_str().unwrap()).unwrap();
        let made = repository.backup(&BackupOptions::default(), &source, snapshot).unwrap();
        made.id.to_hex().as_str().to_owned()
    }

    pub(super) fn source(&self) -> Source {
        let secret = self.folder.path().join("secret");
        fs::write(&secret, format!("{PASSWORD}\n")).unwrap();
        Source { repository: self.name(), secret: Secret::File(secret.display().to_string()), resource: None }
    }
}

/// Path to hash of everything under a folder.
pub(super) fn fingerprint(folder: &Path) -> BTreeMap<PathBuf, [u8; 32]> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.insert(path.clone(), [0; 32]);
            all.extend(fingerprint(&path));
        } else {
            all.insert(path.clone(), Sha256::digest(fs::read(&path).unwrap()).into());
        }
    }
    all
}

#[test]
fn a_restored_snapshot_is_what_was_stored_byte_for_byte() {
    let practice = Practice::new();
    let data = practice.data();
    fs::create_dir_all(data.join("letters/2023")).unwrap();
    fs::write(data.join("letters/2023/märz.txt"), "Sehr geehrte Frau Beispiel,\n").unwrap();
    fs::write(data.join("empty"), "").unwrap();
    let large: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(data.join("large.bin"), &large).unwrap();
    fs::set_permissions(data.join("large.bin"), fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("large.bin", data.join("link")).unwrap();
    let modified = fs::metadata(data.join("large.bin")).unwrap().modified().unwrap();
    let before = fingerprint(&data);
    let id = practice.snapshot();
    fs::write(data.join("large.bin"), "overwritten later").unwrap();
    let repository_before = fingerprint(&practice.repository());

    let to = practice.folder.path().join("restored");
    let restored = restore_snapshot(&practice.source(), &id[..12], &to).unwrap();

    let relative = |all: &BTreeMap<PathBuf, [u8; 32]>, root: &Path| -> BTreeMap<PathBuf, [u8; 32]> {
        all.iter().map(|(path, hash)| (path.strip_prefix(root).unwrap().to_owned(), *hash)).collect()
    };
    assert_eq!(relative(&fingerprint(&to), &to), relative(&before, &data));
    assert_eq!(restored.files, 3);
    let metadata = fs::metadata(to.join("large.bin")).unwrap();
    assert_eq!(metadata.modified().unwrap(), modified);
    assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
    assert_eq!(fs::read_link(to.join("link")).unwrap(), Path::new("large.bin"));
    assert_eq!(fingerprint(&practice.repository()), repository_before, "reading writes nothing");

    let again = restore_snapshot(&practice.source(), &id, &to);
    assert!(matches!(again, Err(RestoreFault::NotEmpty(_))), "never over existing files");
    let nowhere = restore_snapshot(&practice.source(), "ffff", &practice.folder.path().join("x"));
    assert!(matches!(nowhere, Err(RestoreFault::NoSnapshot { .. })));
}

#[test]
fn what_is_not_a_repository_or_not_ours_is_said() {
    let practice = Practice::new();
    fs::write(practice.data().join("a.txt"), "a").unwrap();
    practice.snapshot();
    let fails = |repository: &str, password: &str| open(repository, password).err().unwrap();
    assert!(matches!(fails(&practice.name(), "wrong"), RepositoryFault::WrongPassword(_)));
    assert!(matches!(fails("restic:/nonexistent/here", PASSWORD), RepositoryFault::NotThere(_)));
    assert!(matches!(fails("restic:s3:bucket", PASSWORD), RepositoryFault::NotLocal(_)));
    let plain = format!("restic:{}", practice.data().display());
    assert!(matches!(fails(&plain, PASSWORD), RepositoryFault::NotARepository { missing: "config", .. }));
}
