//! Puts the site where readers see it: all of it or nothing, in one step, and never at the price of somebody else's
//! files.
//!
//! The new site is written beside the old one, under a name with a nonce, its mark first (see `mark`); every file is on
//! disk before anything changes for readers. Then the two folders exchange their names, which the kernel does in one step,
//! and what was the old site is deleted, file by file, as its mark names them. Where there was nothing, or an empty folder,
//! one renaming does it. A file system that cannot exchange two names is refused: two renamings would show readers nothing
//! for a moment, and a machine that stops between them would show nothing for good.
//!
//! A publication that was killed leaves a folder `.SITE.blackstart-NONCE`. The next one deletes it if nobody is at work in
//! it and it carries our mark, and then only what its mark names; or if there is nothing in it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};

use super::mark::{self, About, Mark};
use super::site::{self, Files};

/// Why nothing was published. Readers still see what they saw before.
#[derive(Debug, thiserror::Error)]
pub enum PublishFault {
    #[error("{path} is not a site of ours: {why}")]
    NotOurs { path: PathBuf, why: String },
    #[error("the file system of {path} cannot exchange two folders in one step")]
    CannotExchange { path: PathBuf, source: io::Error },
    #[error("cannot {doing} {path}")]
    File { doing: &'static str, path: PathBuf, source: io::Error },
}

fn file_fault<'a>(doing: &'static str, path: &'a Path) -> impl Fn(io::Error) -> PublishFault + 'a {
    move |source| PublishFault::File { doing, path: path.to_owned(), source }
}

/// Exchanges the names of two folders in one step.
type Exchange = fn(&Path, &Path) -> io::Result<()>;

/// Readers see the new site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Published {
    /// Where the old site still lies, because something that is not ours has come into it.
    pub kept: Option<PathBuf>,
}

/// Puts the files at `site`, which is absent, empty, or a site of ours and nothing else.
pub fn publish(files: &Files, about: &About, site: &Path) -> Result<Published, PublishFault> {
    publish_watched(files, about, site, exchange, &mut || ())
}

/// `between` is called after each thing that was done to the disk: tests stop there, as a kill would.
pub(crate) fn publish_watched(
    files: &Files,
    about: &About,
    site: &Path,
    exchange: Exchange,
    between: &mut dyn FnMut(),
) -> Result<Published, PublishFault> {
    let place = Place::of(site)?;
    let before = place.look()?;
    fs::create_dir_all(&place.parent).map_err(file_fault("make", &place.parent))?;
    clear(&place, between);
    let nonce = fresh_nonce();
    let aside = place.aside(&nonce);
    let mark = Mark { nonce, about: about.clone(), files: files.keys().cloned().collect() };
    let result = write(files, &mark, &aside, between)
        .and_then(|held| switch(&place, &before, &aside, exchange, between).map(|()| held));
    match result {
        Ok(_held) => {
            // Readers see the new site. What is left to do is to tidy up, and the next publication can do that as well.
            let _ = sync(&place.parent);
            let _ = remove(&aside, between);
            let is_kept = fs::symlink_metadata(&aside).is_ok();
            Ok(Published { kept: is_kept.then_some(aside) })
        }
        Err(fault) => {
            let _ = remove(&aside, between);
            Err(fault)
        }
    }
}

/// The version that stands at `site`, with its pages, if its files are what its mark says.
pub fn standing(site: &Path) -> Option<(About, u64)> {
    let mark = marked(site)?;
    let read = |path: &String| Some((path.clone(), fs::read_to_string(site.join(path)).ok()?));
    let files: Files = mark.files.iter().map(read).collect::<Option<Files>>()?;
    (site::digest(&files) == mark.about.digest).then(|| (mark.about, site::pages(&files)))
}

/// Where a site stands: its folder, and the folder around it.
struct Place {
    site: PathBuf,
    parent: PathBuf,
    name: OsString,
}

/// What is there before.
enum Before {
    Nothing,
    Ours(Mark),
}

impl Place {
    fn of(site: &Path) -> Result<Place, PublishFault> {
        let Some(name) = site.file_name() else {
            let why = "it has no name of its own that could be given to another folder".to_owned();
            return Err(PublishFault::NotOurs { path: site.to_owned(), why });
        };
        let parent = site.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new(".")).to_owned();
        Ok(Place { site: parent.join(name), parent, name: name.to_owned() })
    }

    /// Refuses whatever is neither absent nor empty nor ours.
    fn look(&self) -> Result<Before, PublishFault> {
        let not_ours = |why: String| PublishFault::NotOurs { path: self.site.clone(), why };
        let kind = match fs::symlink_metadata(&self.site) {
            Ok(known) => known.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Before::Nothing),
            Err(error) => return Err(file_fault("look at", &self.site)(error)),
        };
        if kind.is_symlink() {
            return Err(not_ours("it is a link; name the folder that it leads to".to_owned()));
        }
        if !kind.is_dir() {
            return Err(not_ours("it is not a folder".to_owned()));
        }
        let found = contents(&self.site).map_err(file_fault("look at", &self.site))?;
        if found.is_empty() {
            return Ok(Before::Nothing);
        }
        let mark = marked(&self.site)
            .ok_or_else(|| not_ours(format!("it does not hold our mark ({})", mark::NAME)))?;
        match found.iter().find(|path| path.as_str() != mark::NAME && !mark.files.contains(*path)) {
            Some(foreign) => Err(not_ours(format!("it holds {foreign}, which was not written here"))),
            None => Ok(Before::Ours(mark)),
        }
    }

    /// Where a site is made, and where the old one is deleted.
    fn aside(&self, nonce: &str) -> PathBuf {
        let mut name = self.aside_prefix();
        name.push(nonce);
        self.parent.join(name)
    }

    fn aside_prefix(&self) -> OsString {
        let mut name = OsString::from(".");
        name.push(&self.name);
        name.push(".blackstart-");
        name
    }

    /// Is this the name of a folder that a publication of this site made?
    fn is_aside(&self, name: &OsStr) -> bool {
        let prefix = self.aside_prefix();
        let nonce = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes());
        nonce.and_then(|nonce| str::from_utf8(nonce).ok()).is_some_and(mark::is_nonce)
    }
}

/// Paths of all files below a folder, and of folders without any.
fn contents(folder: &Path) -> io::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        let mut is_empty = true;
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            is_empty = false;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                open.push((entry.path(), path + "/"));
            } else {
                found.insert(path);
            }
        }
        if is_empty && !prefix.is_empty() {
            found.insert(prefix);
        }
    }
    Ok(found)
}

/// The mark of a folder that is a folder, not a link to one.
fn marked(folder: &Path) -> Option<Mark> {
    let is_real = fs::symlink_metadata(folder).is_ok_and(|known| known.is_dir());
    let mark = folder.join(mark::NAME);
    let is_file = fs::symlink_metadata(&mark).is_ok_and(|known| known.is_file());
    if is_real && is_file { Mark::read(&fs::read_to_string(mark).ok()?) } else { None }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the name of a folder that nobody else may have; nothing is decided by it"
)]
fn fresh_nonce() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("Linux hands out random bytes once it has booted");
    estate::hex(&bytes)
}

/// Makes the folder with everything in it, on disk. Whoever holds what is returned is at work in it.
fn write(
    files: &Files,
    mark: &Mark,
    folder: &Path,
    between: &mut dyn FnMut(),
) -> Result<OwnedFd, PublishFault> {
    fs::create_dir(folder).map_err(file_fault("make", folder))?;
    let held = open_folder(folder).map_err(file_fault("open", folder))?;
    let _ = rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive);
    between();
    let mut folders = BTreeSet::from([folder.to_owned()]);
    let texts = std::iter::once((mark::NAME, mark.to_text()));
    for (path, text) in texts.chain(files.iter().map(|(path, text)| (path.as_str(), text.clone()))) {
        let path = folder.join(path);
        let around = path.parent().expect("every path of the site lies in its folder");
        fs::create_dir_all(around).map_err(file_fault("make", around))?;
        folders.extend(around.ancestors().take_while(|above| *above != folder).map(Path::to_owned));
        let written = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(file_fault("write", &path))?;
        between();
    }
    let mut paths: Vec<PathBuf> = files.keys().map(|path| folder.join(path)).collect();
    paths.push(folder.join(mark::NAME));
    paths.extend(folders);
    sync_all(&paths)?;
    Ok(held)
}

const CHANGED: &str = "it was changed while the new site was written";

/// Gives the new folder the name that readers know.
fn switch(
    place: &Place,
    before: &Before,
    aside: &Path,
    exchange: Exchange,
    between: &mut dyn FnMut(),
) -> Result<(), PublishFault> {
    let put = file_fault("put in place", &place.site);
    match before {
        // The kernel refuses to put it over a folder that is no longer empty.
        Before::Nothing => fs::rename(aside, &place.site).map_err(|source| match source.kind() {
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
                PublishFault::NotOurs { path: place.site.clone(), why: CHANGED.to_owned() }
            }
            _ => put(source),
        })?,
        Before::Ours(before) => {
            exchange(aside, &place.site).map_err(|source| match source.kind() {
                io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported | io::ErrorKind::CrossesDevices => {
                    PublishFault::CannotExchange { path: place.site.clone(), source }
                }
                _ => put(source),
            })?;
            if marked(aside).is_none_or(|mark| mark.nonce != before.nonce) {
                // Somebody was faster, and what was moved aside is not what was looked at.
                exchange(aside, &place.site).map_err(&put)?;
                return Err(PublishFault::NotOurs { path: place.site.clone(), why: CHANGED.to_owned() });
            }
        }
    }
    between();
    Ok(())
}

fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    let here = rustix::fs::CWD;
    Ok(rustix::fs::renameat_with(here, one, here, other, RenameFlags::EXCHANGE)?)
}

/// Deletes what killed publications of this site left. What cannot be deleted now is left to the next one.
fn clear(place: &Place, between: &mut dyn FnMut()) {
    let Ok(entries) = fs::read_dir(&place.parent) else { return };
    for entry in entries.flatten().filter(|entry| place.is_aside(&entry.file_name())) {
        let path = entry.path();
        let is_at_work = || {
            open_folder(&path)
                .is_ok_and(|held| rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive).is_err())
        };
        let is_empty = || fs::read_dir(&path).is_ok_and(|mut inside| inside.next().is_none());
        if (marked(&path).is_some() || is_empty()) && !is_at_work() {
            let _ = remove(&path, between);
        }
    }
}

/// Deletes a folder of ours: what its mark names, the mark last, and the folder if nothing else is in it. Follows no
/// links, so that no name in it can lead elsewhere. An empty folder is just removed.
fn remove(path: &Path, between: &mut dyn FnMut()) -> io::Result<()> {
    if let Some(mark) = marked(path) {
        let folder = open_folder(path)?;
        for file in mark.files.iter().map(String::as_str) {
            // Each may be gone already: a publication that was killed while it deleted.
            let _ = unlink(&folder, file, AtFlags::empty());
            between();
        }
        let inner: BTreeSet<&str> = mark.files.iter().flat_map(|file| folders_around(file)).collect();
        // What lies in another comes after it in the order of names, and has to go first.
        for around in inner.into_iter().rev() {
            let _ = unlink(&folder, around, AtFlags::REMOVEDIR);
            between();
        }
        if fs::read_dir(path)?.count() == 1 {
            rustix::fs::unlinkat(&folder, mark::NAME, AtFlags::empty())?;
            between();
        }
    }
    fs::remove_dir(path)
}

/// Removes a name below a folder, and follows no link on the way to it.
fn unlink(folder: &OwnedFd, path: &str, how: AtFlags) -> rustix::io::Result<()> {
    let Some((first, rest)) = path.split_once('/') else { return rustix::fs::unlinkat(folder, path, how) };
    let inner = rustix::fs::openat(folder, first, FOLDER, Mode::empty())?;
    unlink(&inner, rest, how)
}

/// `a` and `a/b` of `a/b/c`.
fn folders_around(file: &str) -> impl Iterator<Item = &str> {
    file.match_indices('/').map(|(at, _)| &file[..at])
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

fn open_folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, FOLDER, Mode::empty())?)
}

/// Side by side, because a disk takes many such requests in one go.
fn sync_all(paths: &[PathBuf]) -> Result<(), PublishFault> {
    const AT_ONCE: usize = 16;
    let sync = |paths: &[PathBuf]| {
        paths.iter().try_for_each(|path| sync(path).map_err(file_fault("write to the disk", path)))
    };
    std::thread::scope(|scope| {
        let chunks = paths.chunks(paths.len().div_ceil(AT_ONCE).max(1));
        let workers: Vec<_> = chunks.map(|chunk| scope.spawn(move || sync(chunk))).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("syncing a file does not panic"))
    })
}

fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
