//! The content of a file in a repository: which blobs it is made of.

use std::sync::Arc;

use rustic_core::DataId;
use sha2::{Digest as _, Sha256};

use crate::history::{self, Digest};

/// The blobs of a file. Nearly every file has one, and there are millions of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Content {
    One(DataId),
    Several(Arc<[DataId]>),
}

pub(super) type Version = history::Version<Content>;

impl Content {
    pub(super) fn new(ids: Vec<DataId>) -> Content {
        match ids[..] {
            [id] => Content::One(id),
            _ => Content::Several(ids.into()),
        }
    }

    /// Of the hashes of its blobs, in order. A copy of the repository that cuts files into other blobs has other digests.
    pub(super) fn digest(&self) -> Digest {
        let mut all = Sha256::new();
        for id in self.ids() {
            all.update(id.to_hex().as_str().as_bytes());
        }
        all.finalize().into()
    }

    pub(super) fn ids(&self) -> &[DataId] {
        match self {
            Content::One(id) => std::slice::from_ref(id),
            Content::Several(ids) => ids,
        }
    }
}
