//! Puts a snapshot where the data lives, in one step.
//!
//! The files are written into a folder of their own beside the target, put on disk, marked with where they
//! came from, and only then exchanged with the target: a process that opens the target sees the old files
//! or the new ones. The old ones are kept as `TARGET.dirty-N`, because they are evidence and may hold the
//! only copy of the last hours. After a crash the mark in the target tells which side of the exchange we
//! are on.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{Restored, WorldFault};

/// Inside the target: the snapshot on the first line, the label of the restore on the second.
const MARK: &str = ".blackstart-restored";

pub(super) fn restored_from(target: &Path) -> Result<Option<Restored>, WorldFault> {
    match fs::read_to_string(target.join(MARK)) {
        Ok(text) => Ok(text.split_once('\n').map(|(snapshot, run)| Restored {
            snapshot: snapshot.to_owned(),
            run: run.trim_end().to_owned(),
        })),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(WorldFault::new(format!("reading the mark in {}", target.display()), error)),
    }
}

/// `fill` writes the files into the empty folder it is given. Calling again under the same label only
/// tidies up what a crash left.
pub(super) fn put_back(
    target: &Path,
    snapshot: &str,
    run: &str,
    fill: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<(), WorldFault> {
    let doing = |what: &str| format!("{what} {} from snapshot {snapshot}", target.display());
    let fault = |error: std::io::Error| WorldFault::new(doing("restoring"), error);
    let stage = beside(target, &format!(".restoring-{}", short(snapshot)));
    if restored_from(target)?.is_some_and(|restored| restored.run == run && restored.snapshot == snapshot) {
        return set_aside(target, &stage).map_err(fault);
    }
    if stage.exists() {
        // The exchange has not happened, so this is only our own half-written copy.
        fs::remove_dir_all(&stage).map_err(fault)?;
    }
    fs::create_dir_all(&stage).map_err(fault)?;
    fill(&stage).map_err(|cause| WorldFault::new(doing("restoring"), cause))?;
    let mut mark = File::create(stage.join(MARK)).map_err(fault)?;
    mark.write_all(format!("{snapshot}\n{run}\n").as_bytes())
        .and_then(|()| mark.sync_all())
        .map_err(fault)?;
    sync(&stage).map_err(fault)?;
    exchange(target, &stage).map_err(fault)?;
    set_aside(target, &stage).map_err(fault)
}

/// After this the new files are in `target`, and the old ones, if there were any, in `stage`.
fn exchange(target: &Path, stage: &Path) -> std::io::Result<()> {
    if target.symlink_metadata().is_err() {
        fs::rename(stage, target)?;
    } else {
        match renameat_with(CWD, stage, CWD, target, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                // A file system that cannot exchange: between the two renames nothing is there, which
                // is still no mixture.
                let old = unused(target);
                fs::rename(target, &old)?;
                fs::rename(stage, target)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    sync(target.parent().unwrap_or(Path::new("/")))
}

/// The old content gets the name under which people look for it.
fn set_aside(target: &Path, stage: &Path) -> std::io::Result<()> {
    if stage.exists() {
        fs::rename(stage, unused(target))?;
    }
    sync(target.parent().unwrap_or(Path::new("/")))
}

fn unused(target: &Path) -> PathBuf {
    (1_u32..)
        .map(|number| beside(target, &format!(".dirty-{number}")))
        .find(|path| path.symlink_metadata().is_err())
        .expect("no folder holds four thousand million old copies")
}

fn beside(target: &Path, ending: &str) -> PathBuf {
    let mut name = target.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Snapshot ids are long; the start is what people compare. Anything that is not a file name is replaced.
fn short(snapshot: &str) -> String {
    snapshot.chars().take(16).map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &'static str) -> impl FnOnce(&Path) -> Result<(), String> {
        move |to: &Path| fs::write(to.join("a"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_old_content_is_kept_beside_the_new() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("a"), "ciphertext").unwrap();
        put_back(&target, "s1", "r1", fill("clean")).unwrap();
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "clean");
        let old = folder.path().join("data.dirty-1");
        assert_eq!(fs::read_to_string(old.join("a")).unwrap(), "ciphertext");
        let restored = restored_from(&target).unwrap().unwrap();
        assert_eq!((restored.snapshot.as_str(), restored.run.as_str()), ("s1", "r1"));
    }

    #[test]
    fn a_second_restore_under_the_same_label_does_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        put_back(&target, "s1", "r1", fill("clean")).unwrap();
        put_back(&target, "s1", "r1", |_| panic!("it was restored already")).unwrap();
        assert!(!folder.path().join("data.dirty-1").exists());
        put_back(&target, "s1", "r2", fill("again")).unwrap();
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "again");
    }

    #[test]
    fn a_failed_restore_leaves_the_target_alone_and_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("a"), "old").unwrap();
        let half = |to: &Path| {
            fs::write(to.join("half"), "").map_err(|error| error.to_string())?;
            Err("the repository went away".to_owned())
        };
        assert!(put_back(&target, "s1", "r1", half).is_err());
        assert_eq!(fs::read_to_string(target.join("a")).unwrap(), "old");
        assert_eq!(restored_from(&target).unwrap(), None);
        put_back(&target, "s1", "r1", fill("clean")).unwrap();
        assert!(!target.join("half").exists());
    }

    #[test]
    fn a_crash_after_the_exchange_never_loses_the_old_content() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        // What is there when the exchange has happened and the old content was not yet named.
        put_back(&target, "s1", "r1", fill("clean")).unwrap();
        let stage = folder.path().join("data.restoring-s1");
        fs::create_dir(&stage).unwrap();
        fs::write(stage.join("a"), "old").unwrap();
        put_back(&target, "s1", "r1", |_| panic!("it was restored already")).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("data.dirty-1/a")).unwrap(), "old");
    }
}
