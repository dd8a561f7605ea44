//! The content of a file in a repository: which blobs it is made of.

use std::sync::Arc;

use rustic_core::DataId;

use crate::history;

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

    pub(super) fn ids(&self) -> &[DataId] {
        match self {
            Content::One(id) => std::slice::from_ref(id),
            Content::Several(ids) => ids,
        }
    }
}
