//! What became of every file, snapshot after snapshot? Which snapshot is clean, and where does each bad file
//! still have a clean version?
//!
//! Pure: where folders come from and who judges a file stands behind `Archive`, so that a restic repository
//! and the simulation that measures us are judged by the same code. Snapshots of one series (same host, same
//! paths) are compared each with its predecessor by their trees alone: what did not change is not looked at
//! again, so the cost of a history is that of its changes.
//!
//! - `changes`: what differs between two trees.
//! - `series`: what follows from the differences, one snapshot after the other.
//! - `told`: what is said of files that are not clean or gone.
//! - `left`: what left a place, for what comes to stand elsewhere.
//! - `lookup`: what lies at a path.
//! - `loss`: what vanished around a file that is new.
//! - `renamed`: what was renamed and changed at once.
//! - `signs`: what the differences look like as a whole; reasons for people, never a verdict.

mod changes;
mod lookup;
pub(crate) mod loss;
mod outcome;
mod renamed;
mod series;
mod signs;
#[cfg(test)]
mod tests;
mod vanished;

use std::ffi::{OsStr, OsString};
use std::hash::Hash;
use std::path::Path;
use std::rc::Rc;

use sha2::{Digest as _, Sha256};

pub use changes::Change;
use changes::Walk;
pub use outcome::{BadVersion, Ended, LastClean, Lost};
pub use series::{Missing, Series, Step};

use judge::{Beside, Judgement};

/// What a path holds in a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version<C> {
    /// Equal content is equal bytes.
    pub content: C,
    pub bytes: u64,
    /// As the client wrote it; it can be set back.
    pub modified_ns: Option<i64>,
    pub beside: Beside,
}

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<T, C> {
    Folder(T),
    File(Version<C>),
    /// Something that should be a file or a folder and cannot be read; why.
    Unread(String),
}

/// Of the content of a file.
pub type Digest = [u8; 32];

/// Of a content at one path.
pub fn digest_at(digest: &Digest, path: &Path) -> Digest {
    let mut all = Sha256::new();
    all.update(b"at this path");
    all.update(digest);
    all.update(path.as_os_str().as_encoded_bytes());
    all.finalize().into()
}

/// What lies in a folder, by name.
pub type Entries<T, C> = Vec<(OsString, Node<T, C>)>;

/// Where folders, files and verdicts come from.
pub trait Archive {
    /// Names a folder by its content: the same tree holds the same entries.
    type Tree: Copy + Eq;
    type Content: Clone + Eq + Hash;

    /// What lies in a folder, or why that cannot be read.
    fn folder(&self, tree: Self::Tree) -> Result<Entries<Self::Tree, Self::Content>, String>;

    /// The verdict on a file alone.
    fn judged(&self, name: &OsStr, version: &Version<Self::Content>) -> Rc<Judgement>;

    /// Names the content, whatever the file is called: the same bytes in the same repository have the same digest.
    fn digest(&self, content: &Self::Content) -> Digest;

    /// A person has looked at exactly this content and accepted it, wherever it stands for itself.
    fn is_accepted(&self, _content: &Self::Content) -> bool {
        false
    }

    /// The same in the place of another that was good, at this path only.
    fn is_accepted_at(&self, _content: &Self::Content, _path: &Path) -> bool {
        false
    }

    /// Bytes of a file of which only the frame was looked at, whatever its verdict.
    fn not_looked_at(&self, name: &OsStr, version: &Version<Self::Content>) -> u64 {
        self.judged(name, version).bytes_not_looked_at()
    }

    /// The verdict on a file beside the last good version of it.
    fn compared(
        &self,
        name: &OsStr,
        now: &Version<Self::Content>,
        before: (&OsStr, &Version<Self::Content>),
    ) -> Rc<Judgement>;
}
