//! What is said of a file that is not clean, and of one that is gone.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use super::Digest;
use super::vanished::{Good, PathHistory};
use crate::snapshots::Weight;
use judge::Judgement;

/// Where a file has its last clean version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastClean {
    /// Place in the order of snapshots.
    pub snapshot: usize,
    /// The name it had there.
    pub path: Rc<Path>,
}

/// A version of a file that is not clean, or a part that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadVersion {
    pub path: Rc<Path>,
    pub judgement: Rc<Judgement>,
    pub digest: Digest,
    /// Bad without ever having been seen good.
    pub tolerable: bool,
    pub last_clean: Option<LastClean>,
    /// Places in the order of snapshots: there from the first, gone in the second.
    pub from: usize,
    pub until: Option<usize>,
}

/// A file that vanished in a snapshot that is not clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    pub path: Rc<Path>,
    pub gone_in: usize,
    pub last_clean: usize,
}

/// One that is there now.
pub(super) struct Bad<C> {
    pub(super) judgement: Rc<Judgement>,
    pub(super) digest: Digest,
    pub(super) weight: Weight,
    pub(super) known: PathHistory<C>,
    pub(super) from: usize,
}

/// A series that was gone through; the archive is no longer needed.
pub struct Ended<C> {
    pub(super) over: Vec<BadVersion>,
    pub(super) bad: BTreeMap<Rc<Path>, Bad<C>>,
    pub(super) unread: BTreeMap<Rc<Path>, (String, usize)>,
    pub lost: Vec<Lost>,
}

impl<C> Ended<C> {
    /// What was needed for one is dropped before the next is made.
    pub fn bad(self) -> impl Iterator<Item = BadVersion> {
        let bad = self.bad.into_iter().map(|(path, bad)| bad.ended(path, None));
        let unread = self.unread.into_iter().map(|(path, (why, from))| unread_part(path, why, from, None));
        self.over.into_iter().chain(bad).chain(unread)
    }
}

pub(super) fn unread_part(path: Rc<Path>, why: String, from: usize, until: Option<usize>) -> BadVersion {
    let judgement = Rc::new(Judgement::unread(why));
    BadVersion { path, judgement, digest: [0; 32], tolerable: false, last_clean: None, from, until }
}

impl<C> Bad<C> {
    pub(super) fn ended(self, path: Rc<Path>, until: Option<usize>) -> BadVersion {
        let clean = |good: Rc<Good<C>>| LastClean { snapshot: good.snapshot, path: good.path.clone() };
        let last_clean = self.known.good.map(clean);
        let tolerable = matches!(self.weight, Weight::Tolerable | Weight::Own);
        BadVersion {
            path,
            judgement: self.judgement,
            digest: self.digest,
            tolerable,
            last_clean,
            from: self.from,
            until,
        }
    }
}
