//! What of a file's metadata comes back with it, and what does not?
//!
//! Owner (as root), permission bits, time of change, extended attributes and access lists come back; links that were one file
//! are one file again; holes stay holes. What gives a program more rights than its caller does not: a copy from before an
//! attack is trusted as data, not as programs. So set-user-id bits and attributes of the `security` and `trusted` spaces are
//! left out, and said. Of folders the set-group-id and sticky bits come back: they say who may do what in a shared folder.

use std::collections::HashMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustic_core::DataId;
use rustic_core::repofile::{Metadata, Node};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_OMIT, XattrFlags, lsetxattr, utimensat};
use rustix::io::Errno;

/// A backup keeps modes as Go does: the permission bits of Unix, and these for the others.
const GO_SETGID: u32 = 1 << 22;
const GO_STICKY: u32 = 1 << 20;
/// Zeros of a whole page of the file system are not written.
const PAGE: usize = 4096;

/// What is a file, a folder or a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
    Link,
}

pub(super) struct Attributes {
    as_root: bool,
    /// Files with several names, by device, inode and content in the backup: where the first of them is. What only claims to be
    /// the same file, with other content, is not.
    first_names: HashMap<(u64, u64, Vec<DataId>), PathBuf>,
}

/// What was being done, and what went wrong.
pub(super) type Failed = (&'static str, std::io::Error);

impl Attributes {
    pub(super) fn new() -> Attributes {
        Attributes { as_root: rustix::process::geteuid().is_root(), first_names: HashMap::new() }
    }

    /// Where this file is already under another name; if it is not, this is its first.
    pub(super) fn first_name(&mut self, node: &Node, to: &Path) -> Option<PathBuf> {
        let metadata = &node.meta;
        if metadata.links < 2 || metadata.inode == 0 {
            return None;
        }
        let content = node.content.clone().unwrap_or_default();
        match self.first_names.entry((metadata.device_id, metadata.inode, content)) {
            std::collections::hash_map::Entry::Occupied(known) => Some(known.get().clone()),
            std::collections::hash_map::Entry::Vacant(new) => {
                new.insert(to.to_owned());
                None
            }
        }
    }

    /// Permission bits last: they may forbid ourselves what the others need. What is left out comes back in words.
    pub(super) fn settle(&self, to: &Path, metadata: &Metadata, kind: Kind) -> Result<Vec<String>, Failed> {
        if self.as_root {
            std::os::unix::fs::lchown(to, metadata.uid, metadata.gid)
                .map_err(|source| ("set the owner of", source))?;
        }
        let left_out = attributes(to, metadata)?;
        if let Some(time) = metadata.mtime {
            let whole =
                Timespec { tv_sec: time.as_second(), tv_nsec: time.subsec_nanosecond().max(0).into() };
            let times = Timestamps {
                last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
                last_modification: whole,
            };
            utimensat(CWD, to, &times, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|source| ("set the time of", source.into()))?;
        }
        if let Some(mode) = metadata.mode.filter(|_| kind != Kind::Link) {
            fs::set_permissions(to, fs::Permissions::from_mode(bits(mode, kind)))
                .map_err(|source| ("set the permissions of", source))?;
        }
        Ok(left_out)
    }
}

fn bits(mode: u32, kind: Kind) -> u32 {
    let shared = |flag: u32, bit: u32| if kind == Kind::Folder && mode & flag != 0 { bit } else { 0 };
    mode & 0o777 | shared(GO_SETGID, 0o2000) | shared(GO_STICKY, 0o1000)
}

fn attributes(to: &Path, metadata: &Metadata) -> Result<Vec<String>, Failed> {
    let mut left_out = Vec::new();
    for attribute in &metadata.extended_attributes {
        let is_data = attribute.name.starts_with("user.") || attribute.name.starts_with("system.posix_acl_");
        if !is_data {
            left_out.push(format!("{}: the attribute {}", crate::shown::path(to), attribute.name));
            continue;
        }
        let value = attribute.value.as_deref().unwrap_or_default();
        match lsetxattr(to, attribute.name.as_str(), value, XattrFlags::empty()) {
            Ok(()) => {}
            // A file system without them, or an owner who may not: the data is there all the same.
            Err(Errno::NOTSUP | Errno::PERM) => {
                left_out.push(format!("{}: the attribute {}", crate::shown::path(to), attribute.name));
            }
            Err(source) => return Err(("set an attribute of", source.into())),
        }
    }
    Ok(left_out)
}

/// Writes the bytes and leaves holes where whole pages are zero. The length of the file is set by whoever calls, at the end.
pub(super) fn write_with_holes(file: &mut fs::File, bytes: &[u8]) -> std::io::Result<()> {
    let mut from = 0;
    while from < bytes.len() {
        let until = (from + PAGE).min(bytes.len());
        let is_zero = bytes[from..until].iter().all(|byte| *byte == 0);
        let run = bytes[from..]
            .chunks(PAGE)
            .take_while(|page| page.iter().all(|byte| *byte == 0) == is_zero)
            .map(<[u8]>::len)
            .sum::<usize>();
        if is_zero {
            file.seek(SeekFrom::Current(i64::try_from(run).expect("a blob is far smaller")))?;
        } else {
            file.write_all(&bytes[from..from + run])?;
        }
        from += run;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn holes_stay_holes_and_every_byte_is_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let mut bytes = vec![0; 10_000_000];
        bytes[5_000_000..5_000_300].fill(7);
        bytes[9_999_999] = 1;
        for cut in [1_000_000, 4096, 777_777] {
            let mut file = fs::File::create(&path).unwrap();
            bytes.chunks(cut).for_each(|blob| write_with_holes(&mut file, blob).unwrap());
            file.set_len(bytes.len() as u64).unwrap();
            assert!(fs::read(&path).unwrap() == bytes, "{cut}");
        }
        assert!(fs::metadata(&path).unwrap().blocks() * 512 < 4_000_000);
    }

    #[test]
    fn no_program_gets_more_rights_than_its_caller_and_shared_folders_stay_shared() {
        let setuid = 1 << 23;
        assert_eq!(bits(0o755 | setuid | GO_SETGID, Kind::File), 0o755);
        assert_eq!(bits(0o775 | GO_SETGID, Kind::Folder), 0o2775);
        assert_eq!(bits(0o777 | GO_STICKY | setuid, Kind::Folder), 0o1777);
    }
}
