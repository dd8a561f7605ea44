//! What does the name of a file say: is it another one under a new name, a log, a journal of a database?

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use judge::{Verdict, name_before};

use super::files::{Known, Stamp};

/// People encrypt files themselves, and logs are cut, rotated and half written as a matter of course.
pub(super) fn is_alarming(verdict: Verdict, path: &Path) -> bool {
    match verdict {
        Verdict::Encrypted | Verdict::Malware => true,
        Verdict::Damaged | Verdict::Suspicious => !is_log(path),
        Verdict::Clean | Verdict::CleanUnverified | Verdict::DeclaredEncrypted | Verdict::Unread => false,
    }
}

/// The file that went away and is this one under another name: the same file on disk, or the same name
/// with an ending appended.
pub(super) fn renamed_from<'a>(
    path: &Path,
    stamp: Stamp,
    gone: &'a BTreeMap<PathBuf, Known>,
    by_inode: &BTreeMap<u64, &PathBuf>,
) -> Option<(&'a PathBuf, &'a Known)> {
    let before = path.file_name().and_then(|name| name.to_str()).and_then(name_before);
    let by_name = before.and_then(|before| gone.get_key_value(&path.with_file_name(before)));
    let same_file = || {
        let from = by_inode.get(&stamp.inode).and_then(|from| gone.get_key_value(*from))?;
        from.1.stamp.is_the_file_of(&stamp).then_some(from)
    };
    by_name.or_else(same_file)
}

/// Journals of databases are written all the time and mean nothing without their database.
pub(super) fn is_journal(path: &Path) -> bool {
    let name = path.as_os_str().as_encoded_bytes();
    [b"-journal".as_slice(), b"-wal", b"-shm"].iter().any(|ending| name.ends_with(ending))
}

fn is_log(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy();
        name.ends_with(".log")
            || name.contains(".log.")
            || name.starts_with("syslog")
            || name.ends_with(".jsonl")
    })
}
