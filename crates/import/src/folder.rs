//! The folder of an estate as an importer reads and replaces it: as a whole or not at all.
//!
//! The new folder is built beside the old one, put on disk, and exchanged with it in one step of the file system.
//! Whoever looks sees the old folder or the new one; a crash leaves one of them and, at worst, a folder beside it
//! whose name says what it is.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use estate::files::{self, RawFile, ReadFault};

/// Where the last import of each source is kept, inside the estate's folder. Hidden, so that it is not read as estate.
pub const BASES: &str = ".import";

#[derive(Debug, thiserror::Error)]
pub enum FolderFault {
    #[error("cannot read the estate")]
    Estate(#[source] ReadFault),
    #[error("{0} is not a folder")]
    NotAFolder(PathBuf),
    #[error("{0} holds other files and no estate")]
    NotAnEstate(PathBuf),
    #[error("{0} was changed by somebody else in the meantime")]
    ChangedMeanwhile(PathBuf),
    #[error("this shell is inside {0}, which is to be replaced")]
    StandingInside(PathBuf),
    #[error("cannot {doing} {path}")]
    Disk { doing: &'static str, path: PathBuf, source: io::Error },
}

fn disk(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderFault {
    let path = path.to_owned();
    move |source| FolderFault::Disk { doing, path, source }
}

/// What is there before an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Existing {
    pub exists: bool,
    pub files: Vec<RawFile>,
    /// Texts of last imports, by file name.
    pub bases: BTreeMap<String, String>,
}

/// Nothing at all, an empty folder and an estate are fine; anything else is not to be written into.
pub fn look(path: &Path) -> Result<Existing, FolderFault> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Existing::default()),
        Err(error) => return Err(disk("look at", path)(error)),
        Ok(found) if !found.is_dir() => return Err(FolderFault::NotAFolder(path.to_owned())),
        Ok(_) => {}
    }
    let files = match files::fetch(path) {
        Ok(files) => files,
        Err(ReadFault::Empty(_)) => {
            let mut entries = fs::read_dir(path).map_err(disk("list", path))?;
            if entries.next().is_some() {
                return Err(FolderFault::NotAnEstate(path.to_owned()));
            }
            Vec::new()
        }
        Err(fault) => return Err(FolderFault::Estate(fault)),
    };
    Ok(Existing { exists: true, files, bases: bases(&path.join(BASES))? })
}

fn bases(folder: &Path) -> Result<BTreeMap<String, String>, FolderFault> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(disk("list", folder)(error)),
        Ok(entries) => entries,
    };
    let mut bases = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(disk("list", folder))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        bases.insert(name, fs::read_to_string(&path).map_err(disk("read", &path))?);
    }
    Ok(bases)
}

/// Replaces `files` (by their path inside the folder) in the folder, which must still be as `look` found it.
pub fn replace(path: &Path, found: &Existing, files: &BTreeMap<String, String>) -> Result<(), FolderFault> {
    // The folder itself, not a link to it: the link stays.
    let whole = if found.exists { fs::canonicalize(path) } else { std::path::absolute(path) };
    let path = whole.map_err(disk("find", path))?;
    let path = path.as_path();
    if found.exists && std::env::current_dir().is_ok_and(|here| here.starts_with(path)) {
        return Err(FolderFault::StandingInside(path.to_owned()));
    }
    let name = path.file_name().ok_or_else(|| FolderFault::NotAFolder(path.to_owned()))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(disk("make", parent))?;
    let new = parent.join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    let built = build(path, &new, found, files).and_then(|()| exchange(path, &new, found, parent));
    if built.is_err() {
        // The first fault is the one to report; a leftover has a name that says what it is.
        let _ = fs::remove_dir_all(&new);
    }
    built
}

fn build(
    path: &Path,
    new: &Path,
    found: &Existing,
    files: &BTreeMap<String, String>,
) -> Result<(), FolderFault> {
    if new.exists() {
        fs::remove_dir_all(new).map_err(disk("clear", new))?;
    }
    if found.exists {
        double(path, new)?;
    } else {
        fs::create_dir(new).map_err(disk("make", new))?;
    }
    fs::create_dir_all(new.join(BASES)).map_err(disk("make", new))?;
    for (name, text) in files {
        let at = new.join(name);
        // What stands there is the same file as in the old folder: it is replaced, never written into.
        if at.exists() {
            fs::remove_file(&at).map_err(disk("replace", &at))?;
        }
        let mut file = File::create(&at).map_err(disk("write", &at))?;
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(disk("write", &at))?;
    }
    for folder in [new.join(BASES), new.to_owned()] {
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(disk("write", &folder))?;
    }
    Ok(())
}

/// A second folder with the same files. They are linked, not copied, where the file system can.
fn double(from: &Path, to: &Path) -> Result<(), FolderFault> {
    fs::create_dir(to).map_err(disk("make", to))?;
    let rights = fs::metadata(from).map_err(disk("look at", from))?.permissions();
    for entry in fs::read_dir(from).map_err(disk("list", from))? {
        let path = entry.map_err(disk("list", from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        let sort = fs::symlink_metadata(&path).map_err(disk("look at", &path))?.file_type();
        if sort.is_dir() {
            double(&path, &target)?;
        } else if sort.is_symlink() {
            let link = fs::read_link(&path).map_err(disk("read", &path))?;
            std::os::unix::fs::symlink(link, &target).map_err(disk("link", &target))?;
        } else if sort.is_file() {
            fs::hard_link(&path, &target)
                .or_else(|_| fs::copy(&path, &target).map(drop))
                .map_err(disk("copy", &path))?;
        }
    }
    fs::set_permissions(to, rights).map_err(disk("set the rights of", to))
}

fn exchange(path: &Path, new: &Path, found: &Existing, parent: &Path) -> Result<(), FolderFault> {
    if look(path)? != *found {
        return Err(FolderFault::ChangedMeanwhile(path.to_owned()));
    }
    if found.exists {
        if let Err(error) = renameat_with(CWD, path, CWD, new, RenameFlags::EXCHANGE) {
            return Err(disk("exchange", path)(error.into()));
        }
        // `new` is the old folder now; the estate is in place whatever becomes of it.
        let _ = fs::remove_dir_all(new);
    } else {
        renameat_with(CWD, new, CWD, path, RenameFlags::NOREPLACE)
            .map_err(|error| disk("place", path)(error.into()))?;
    }
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(disk("write", parent))
}
