//! Puts a snapshot where the data lives, in one step.
//!
//! The files are written into a folder of their own beside the target, which only we can enter, put on disk, marked
//! with where they came from, and only then exchanged with the target: a process that opens the target sees the old
//! files or the new ones. The old ones are kept as `TARGET.dirty-N`, because they are evidence and may hold the only
//! copy of the last hours. After a crash the mark in the target tells which side of the exchange we are on.
//!
//! Data that an attacker has had in his hands may hold anything, also our marks. The mark in the target is believed
//! only because the label in it ends in a number that was drawn for this attempt (`nonce`). What stands where our own
//! copy would be made is deleted only if it is ours and not yet complete; everything else is kept.
//!
//! ```text
//! TARGET.restoring-SNAPSHOT/       mode 0700
//!     half                         the label; there while `data` is being filled, gone before the exchange
//!     data/                        the new files, after the exchange the old ones
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, OFlags, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{Restored, WorldFault};

/// Inside the target: the snapshot on the first line, the label of the restore on the second.
const MARK: &str = ".blackstart-restored";
const HALF: &str = "half";
const DATA: &str = "data";
/// More than any mark of ours has.
const MARK_BYTES_MAX: u64 = 4_096;

/// `None` also if something stands there that we cannot have written: a link, a folder, a pipe.
pub(super) fn restored_from(target: &Path) -> Result<Option<Restored>, WorldFault> {
    let read = read_mark(&target.join(MARK))
        .map_err(|error| WorldFault::new(format!("reading the mark in {}", target.display()), error))?;
    Ok(read
        .as_deref()
        .and_then(|text| text.split_once('\n'))
        .map(|(snapshot, run)| Restored { snapshot: snapshot.to_owned(), run: run.trim_end().to_owned() }))
}

fn read_mark(path: &Path) -> std::io::Result<Option<String>> {
    let flags =
        i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).expect("both are small numbers on Linux");
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) => {
            let absent = matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
            let no_file = [Errno::LOOP, Errno::NXIO].map(|errno| Some(errno.raw_os_error()));
            return if absent || no_file.contains(&error.raw_os_error()) { Ok(None) } else { Err(error) };
        }
    };
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.take(MARK_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(String::from_utf8(bytes).ok())
}

/// `fill` writes the files into the empty folder it is given. `run` must end in `/` and a number that nobody can have
/// known before: calling again under the same one only tidies up what a crash left. Returns where the old content and
/// anything else that stood in the way is kept.
pub(super) fn put_back(
    target: &Path,
    snapshot: &str,
    run: &str,
    fill: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<Vec<PathBuf>, WorldFault> {
    let doing = || format!("restoring {} from snapshot {snapshot}", target.display());
    let fault = |error: std::io::Error| WorldFault::new(doing(), error);
    let stage = beside(target, &format!(".restoring-{}", short(snapshot)));
    if restored_from(target)?.is_some_and(|restored| restored.run == run && restored.snapshot == snapshot) {
        return set_aside(target, &stage).map_err(fault);
    }
    let mut kept = make_room(target, &stage, run).map_err(fault)?;
    let data = make_stage(&stage, run).map_err(fault)?;
    fill(&data).map_err(|cause| WorldFault::new(doing(), cause))?;
    mark(&data, snapshot, run).map_err(fault)?;
    fs::remove_file(stage.join(HALF)).map_err(fault)?;
    sync(&stage).map_err(fault)?;
    kept.extend(exchange(target, &data).map_err(fault)?);
    kept.extend(set_aside(target, &stage).map_err(fault)?);
    Ok(kept)
}

/// An unfinished copy of this run is deleted. Anything else may hold the only copy of the last hours: the exchange may
/// have happened, or somebody else put it there.
fn make_room(target: &Path, stage: &Path, run: &str) -> std::io::Result<Vec<PathBuf>> {
    if stage.symlink_metadata().is_err() {
        return Ok(Vec::new());
    }
    if is_half_made(stage, run)? {
        fs::remove_dir_all(stage)?;
        return Ok(Vec::new());
    }
    set_aside(target, stage)
}

/// Nobody but us can have made a folder that is ours and closed to all others, with a file of ours in it. An earlier
/// attempt of the same run had another number, so that is not compared.
fn is_half_made(stage: &Path, run: &str) -> std::io::Result<bool> {
    let ours = |metadata: &fs::Metadata| metadata.uid() == rustix::process::geteuid().as_raw();
    let folder = stage.symlink_metadata()?;
    if !folder.is_dir() || !ours(&folder) || folder.mode() & 0o077 != 0 {
        return Ok(false);
    }
    let half = stage.join(HALF);
    if !half.symlink_metadata().is_ok_and(|metadata| metadata.is_file() && ours(&metadata)) {
        return Ok(false);
    }
    let of_run = |label: &str| label.trim_end().rsplit_once('/').map(|(of_run, _)| of_run.to_owned());
    let noted = read_mark(&half)?.as_deref().and_then(of_run);
    Ok(noted.is_some() && noted == of_run(run))
}

/// The folder to fill. Its own mode is for those who use the data; the one around it lets nobody in.
fn make_stage(stage: &Path, run: &str) -> std::io::Result<PathBuf> {
    fs::create_dir_all(parent(stage))?;
    // Not `create_dir_all`: it would take a link to somewhere else for the folder.
    DirBuilder::new().mode(0o700).create(stage)?;
    write_new(&stage.join(HALF), &format!("{run}\n"), 0o600)?;
    let data = stage.join(DATA);
    fs::create_dir(&data)?;
    sync(stage)?;
    sync(parent(stage))?;
    Ok(data)
}

/// A snapshot of data that was restored once holds a mark, and an infected one may hold anything under that name.
fn mark(data: &Path, snapshot: &str, run: &str) -> std::io::Result<()> {
    let path = data.join(MARK);
    match path.symlink_metadata() {
        Ok(there) if there.is_dir() => fs::remove_dir_all(&path)?,
        Ok(_) => fs::remove_file(&path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // Readable by all: a service that copies its own folder must not fail over it.
    write_new(&path, &format!("{snapshot}\n{run}\n"), 0o644)?;
    sync(data)
}

/// Opens nothing that exists, and follows no link.
fn write_new(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// After this the new files are in `target`, and the old ones, if there were any, in `data` or where it says.
fn exchange(target: &Path, data: &Path) -> std::io::Result<Option<PathBuf>> {
    let mut kept = None;
    if target.symlink_metadata().is_err() {
        fs::rename(data, target)?;
    } else {
        match renameat_with(CWD, data, CWD, target, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                // A file system that cannot exchange: between the two renames nothing is there, which
                // is still no mixture.
                let old = unused(target);
                fs::rename(target, &old)?;
                fs::rename(data, target)?;
                kept = Some(old);
            }
            Err(error) => return Err(error.into()),
        }
    }
    sync(parent(target))?;
    Ok(kept)
}

/// The old content gets the name under which people look for it, and so does anything else that stands there.
fn set_aside(target: &Path, stage: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut kept = Vec::new();
    if stage.symlink_metadata().is_ok() {
        let inside = names(stage);
        let ours_alone = inside.as_deref().is_some_and(|names| names.iter().all(|name| name == DATA));
        if !ours_alone {
            let aside = unused(target);
            fs::rename(stage, &aside)?;
            kept.push(aside);
        } else {
            if inside.is_some_and(|names| !names.is_empty()) {
                let aside = unused(target);
                fs::rename(stage.join(DATA), &aside)?;
                kept.push(aside);
            }
            fs::remove_dir(stage)?;
        }
    }
    sync(parent(target))?;
    Ok(kept)
}

/// `None`: it is not a folder, or cannot be read.
fn names(folder: &Path) -> Option<Vec<std::ffi::OsString>> {
    if !folder.symlink_metadata().ok()?.is_dir() {
        return None;
    }
    fs::read_dir(folder).ok()?.map(|entry| Some(entry.ok()?.file_name())).collect()
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

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn fill(text: &'static str) -> impl FnOnce(&Path) -> Result<(), String> {
        move |to: &Path| fs::write(to.join("a"), text).map_err(|error| error.to_string())
    }

    fn read(path: impl AsRef<Path>) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn the_old_content_is_kept_beside_the_new() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("a"), "ciphertext").unwrap();
        let old = folder.path().join("data.dirty-1");
        assert_eq!(put_back(&target, "s1", "r/1", fill("clean")).unwrap(), std::slice::from_ref(&old));
        assert_eq!(read(target.join("a")), "clean");
        assert_eq!(read(old.join("a")), "ciphertext");
        let restored = restored_from(&target).unwrap().unwrap();
        assert_eq!((restored.snapshot.as_str(), restored.run.as_str()), ("s1", "r/1"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[test]
    fn a_second_restore_under_the_same_label_does_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        put_back(&target, "s1", "r/1", fill("clean")).unwrap();
        put_back(&target, "s1", "r/1", |_| panic!("it was restored already")).unwrap();
        assert!(!folder.path().join("data.dirty-1").exists());
        put_back(&target, "s1", "r/2", fill("again")).unwrap();
        assert_eq!(read(target.join("a")), "again");
    }

    #[test]
    fn a_failed_restore_leaves_the_target_alone_and_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("data");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("a"), "old").unwrap();
        let half = |to: &Path| {
            let around = to.parent().unwrap();
            assert_eq!(fs::metadata(around).unwrap().mode() & 0o777, 0o700, "nobody else can look in");
            fs::write(to.join("half"), "").map_err(|error| error.to_string())?;
            Err("the repository went away".to_owned())
        };
        assert!(put_back(&target, "s1", "r/1", half).is_err());
        assert_eq!(read(target.join("a")), "old");
        assert_eq!(restored_from(&target).unwrap(), None);
        // The next attempt has another number; the half-made copy of this run is not kept as if it were evidence.
        let kept = put_back(&target, "s1", "r/2", fill("clean")).unwrap();
        assert_eq!(kept, [folder.path().join("data.dirty-1")]);
        assert!(!target.join("half").exists());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_crash_after_the_exchange_never_loses_the_old_content() {
        for inner in ["", "data"] {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("data");
            // What is there when the exchange has happened and the old content was not yet named.
            put_back(&target, "s1", "r/1", fill("clean")).unwrap();
            let stage = folder.path().join("data.restoring-s1").join(inner);
            fs::create_dir_all(&stage).unwrap();
            fs::write(stage.join("a"), "old").unwrap();
            put_back(&target, "s1", "r/1", |_| panic!("it was restored already")).unwrap();
            assert_eq!(read(folder.path().join("data.dirty-1/a")), "old");
        }
    }

    #[test]
    fn what_was_set_down_where_our_copy_is_made_is_kept_unless_it_is_our_own_unfinished_one() {
        for (half, mode) in [(None, 0o700), (Some("another/1\n"), 0o700), (Some("r/1\n"), 0o755)] {
            let folder = tempfile::tempdir().unwrap();
            let target = folder.path().join("data");
            fs::create_dir(&target).unwrap();
            let stage = folder.path().join("data.restoring-s1");
            fs::create_dir_all(stage.join("data")).unwrap();
            fs::write(stage.join("data/a"), "the last hours").unwrap();
            fs::set_permissions(&stage, fs::Permissions::from_mode(mode)).unwrap();
            if let Some(half) = half {
                fs::write(stage.join(HALF), half).unwrap();
            }
            let kept = put_back(&target, "s1", "r/2", fill("clean")).unwrap();
            assert_eq!(kept.len(), 2, "it says so");
            let inner = if half.is_some() { "data/a" } else { "a" };
            assert_eq!(read(folder.path().join("data.dirty-1").join(inner)), "the last hours");
            assert_eq!(read(target.join("a")), "clean");
        }
    }

    #[test]
    fn nothing_is_written_through_a_link_in_a_snapshot_or_in_a_target() {
        let folder = tempfile::tempdir().unwrap();
        let (target, outside) = (folder.path().join("data"), folder.path().join("outside"));
        fs::write(&outside, "s1\nr/1\n").unwrap();
        fs::create_dir(&target).unwrap();
        symlink(&outside, target.join(MARK)).unwrap();
        assert_eq!(restored_from(&target).unwrap(), None, "a link is no mark of ours");
        let with_a_link = |to: &Path| symlink(&outside, to.join(MARK)).map_err(|error| error.to_string());
        put_back(&target, "s1", "r/1", with_a_link).unwrap();
        assert_eq!(read(&outside), "s1\nr/1\n");
        put_back(&target, "s2", "r/2", with_a_link).unwrap();
        assert_eq!(read(&outside), "s1\nr/1\n", "the mark did not go through the link");
        assert_eq!(restored_from(&target).unwrap().unwrap().run, "r/2");
    }

    #[test]
    fn a_link_where_our_copy_is_made_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let (target, outside) = (folder.path().join("data"), folder.path().join("outside"));
        fs::create_dir(&outside).unwrap();
        symlink(&outside, folder.path().join("data.restoring-s1")).unwrap();
        put_back(&target, "s1", "r/1", fill("clean")).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        assert_eq!(read(target.join("a")), "clean");
        assert!(folder.path().join("data.dirty-1").is_symlink());
    }
}
