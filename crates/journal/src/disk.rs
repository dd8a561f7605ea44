//! The only door from this crate to files. The real disk is here; `faulty` is the one that loses power in tests.
//!
//! The journal needs few things of a disk, and says exactly which: write at a place, read at a place, a `sync`
//! after which what was written survives a power cut, and a folder `sync` after which new names do. Everything
//! that can go wrong with these is tested through [`crate::faulty`].

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// An existing file, to read.
    Read,
    /// An existing file, to read and write.
    Write,
    /// A new file, or an existing one emptied, to read and write.
    Create,
}

/// A place where files live.
pub trait Disk: Send + Sync {
    /// Opens a file. `NotFound` when it must exist and does not.
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>>;
    /// The names of the files in a folder, in no order. `NotFound` when there is no such folder.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Gives a file another name, replacing what had it. Survives a power cut only after [`Disk::sync_folder`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Survives a power cut only after [`Disk::sync_folder`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a folder and its parents, if they are not there.
    fn create_folder(&self, folder: &Path) -> io::Result<()>;
    /// Returns when new, renamed and removed names in this folder survive a power cut.
    fn sync_folder(&self, folder: &Path) -> io::Result<()>;
    /// Whether other processes see this disk, so that a lock and a hand-over socket are needed.
    fn shared(&self) -> bool;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads up to `buffer.len()` bytes at `offset`; fewer are allowed, 0 only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes at `offset`, or fails having written an unknown part of them.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the file at least `length` bytes long, its new part zero and its room reserved, so that later
    /// writes inside it need no room and do not change the size.
    fn preallocate(&self, length: u64) -> io::Result<()>;
    /// Cuts or extends the file to exactly `length` bytes.
    fn set_length(&self, length: u64) -> io::Result<()>;
    /// The length in bytes.
    fn length(&self) -> io::Result<u64>;
    /// Returns when all that was written survives a power cut.
    fn sync(&self) -> io::Result<()>;
}

/// Reads `buffer` full from `offset`, or up to the end of the file; returns how much was read.
pub(crate) fn read_up_to(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// The whole file, if it is at most `limit` bytes; otherwise `FileTooLarge`.
pub(crate) fn read_whole(disk: &dyn Disk, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Access::Read)?;
    let length = file.length()?;
    if length > limit {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?];
    let count = read_up_to(&*file, &mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// Puts `bytes` into `path` so that after a power cut the file is the old one or the new one, never a mixture.
pub(crate) fn replace_whole(disk: &dyn Disk, folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = folder.join(format!("{name}.new"));
    let file = disk.open(&draft, Access::Create)?;
    file.write_at(bytes, 0)?;
    file.sync()?;
    disk.rename(&draft, &folder.join(name))?;
    disk.sync_folder(folder)
}

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path, access: Access) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match access {
            Access::Read => {}
            Access::Write => {
                options.write(true);
            }
            Access::Create => {
                options.write(true).create(true).truncate(true).mode(0o640);
            }
        }
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            // A name that is not UTF-8 is none of the journal's.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn create_folder(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn shared(&self) -> bool {
        true
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        use rustix::fs::{FallocateFlags, fallocate};
        let now = self.length()?;
        if now >= length {
            return Ok(());
        }
        match fallocate(&self.0, FallocateFlags::empty(), now, length - now) {
            Ok(()) => Ok(()),
            // Some file systems cannot reserve; then the size alone is set and a full disk shows at the write.
            Err(rustix::io::Errno::OPNOTSUPP) => self.0.set_len(length),
            Err(error) => Err(error.into()),
        }
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}
