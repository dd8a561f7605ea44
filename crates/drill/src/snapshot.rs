//! Backups as the provider makes them: restic repositories, one for each store. Made with the same library with
//! which others make theirs, so that the product meets real repositories and not our idea of them.

use std::fs;
use std::path::Path;

use rustic_core::{
    BackupOptions, ConfigOptions, Credentials, KeyOptions, LocalDestination, LsOptions, PathList, Repository,
    RepositoryOptions, RestoreOptions, SnapshotOptions,
};

use crate::Result;
use crate::fault::During as _;

/// One backup of one store.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// 64 hexadecimal digits.
    pub id: String,
    /// Milliseconds since 1970, as the client wrote it.
    pub at_ms: u64,
}

impl Snapshot {
    fn of(file: &rustic_core::repofile::SnapshotFile) -> Snapshot {
        let at_ms = u64::try_from(file.time.timestamp().as_millisecond()).unwrap_or(0);
        Snapshot { id: file.id.to_hex().as_str().to_owned(), at_ms }
    }
}

/// Makes an empty repository in `repository`, which must be absent or empty.
pub fn init(repository: &Path, password: &str) -> Result<()> {
    fs::create_dir_all(repository).during(|| format!("cannot make the folder {}", repository.display()))?;
    closed(repository)?
        .init(&Credentials::password(password), &KeyOptions::default(), &ConfigOptions::default())
        .during(|| format!("cannot make the repository {}", repository.display()))?;
    Ok(())
}

/// Backs up `folder` (absolute) under its absolute path, as restic does. The folder must not change meanwhile.
pub fn backup(repository: &Path, password: &str, folder: &Path) -> Result<Snapshot> {
    let doing = || format!("cannot back up {} to {}", folder.display(), repository.display());
    let open = closed(repository)?.open(&Credentials::password(password)).during(doing)?;
    let source = PathList::from_string(&folder.display().to_string()).during(doing)?;
    let source = source.sanitize().during(doing)?;
    let snapshot = SnapshotOptions::default().to_snapshot().during(doing)?;
    let options = BackupOptions::default().no_scan(true);
    let made = open.to_indexed_ids().during(doing)?.backup(&options, &source, snapshot).during(doing)?;
    Ok(Snapshot::of(&made))
}

/// All snapshots, oldest first.
pub fn list(repository: &Path, password: &str) -> Result<Vec<Snapshot>> {
    let doing = || format!("cannot list the snapshots in {}", repository.display());
    let open = closed(repository)?.open(&Credentials::password(password)).during(doing)?;
    let mut snapshots: Vec<Snapshot> =
        open.get_all_snapshots().during(doing)?.iter().map(Snapshot::of).collect();
    snapshots.sort_by_key(|snapshot| snapshot.at_ms);
    Ok(snapshots)
}

/// Brings what `folder` held in `snapshot` (an id) to `target`, which is made if it is absent.
pub fn restore(
    repository: &Path,
    password: &str,
    snapshot: &str,
    folder: &Path,
    target: &Path,
) -> Result<()> {
    let doing = || format!("cannot restore {snapshot} of {}", repository.display());
    let open = closed(repository)?.open(&Credentials::password(password)).during(doing)?;
    let open = open.to_indexed().during(doing)?;
    let node =
        open.node_from_snapshot_path(&format!("{snapshot}:{}", folder.display()), |_| true).during(doing)?;
    let target = LocalDestination::new(&format!("{}/", target.display()), true, false).during(doing)?;
    let (list, options) = (LsOptions::default(), RestoreOptions::default());
    let files = open.ls(&node, &list).during(doing)?;
    let plan = open.prepare_restore(&options, files.clone(), &target, false).during(doing)?;
    open.restore(plan, &options, files, &target).during(doing)
}

fn closed(repository: &Path) -> Result<Repository<()>> {
    let doing = || format!("cannot use the repository {}", repository.display());
    let backends = rustic_backend::BackendOptions::default()
        .repository(format!("local:{}", repository.display()))
        .to_backends()
        .during(doing)?;
    Repository::new(&RepositoryOptions::default().no_cache(true), &backends).during(doing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_brings_back_what_was_there_and_nothing_newer() {
        let root = tempfile::tempdir().unwrap();
        let (repository, store, back) =
            (root.path().join("repository"), root.path().join("store"), root.path().join("back"));
        fs::create_dir_all(store.join("docs")).unwrap();
        fs::write(store.join("docs/a.txt"), "first").unwrap();
        init(&repository, "secret").unwrap();
        let first = backup(&repository, "secret", &store).unwrap();
        fs::write(store.join("docs/a.txt"), "second!").unwrap();
        fs::write(store.join("docs/b.txt"), "new").unwrap();
        let second = backup(&repository, "secret", &store).unwrap();

        let listed = list(&repository, "secret").unwrap();
        assert_eq!(listed, [first.clone(), second]);
        assert!(list(&repository, "other").is_err());
        restore(&repository, "secret", &first.id, &store, &back).unwrap();
        assert_eq!(fs::read_to_string(back.join("docs/a.txt")).unwrap(), "first");
        assert!(!back.join("docs/b.txt").exists());
    }
}
