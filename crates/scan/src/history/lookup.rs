//! What lies at a path of a snapshot?

use std::path::Path;

use super::{Archive, Node, Version};

/// Whether a folder of a snapshot is there and holds anything.
pub(super) fn holds_anything<A: Archive>(archive: &A, mut tree: A::Tree, folder: &Path) -> bool {
    for part in folder.components() {
        let std::path::Component::Normal(part) = part else { continue };
        let entries = archive.folder(tree).unwrap_or_default();
        match entries.into_iter().find(|(name, _)| name == part) {
            Some((_, Node::Folder(subtree))) => tree = subtree,
            _ => return false,
        }
    }
    // What cannot be read is said to be unread; it is not empty.
    archive.folder(tree).map_or(true, |entries| !entries.is_empty())
}

/// The content of a path in a snapshot, if it is a file there and can be read.
pub(super) fn version_in<A: Archive>(
    archive: &A,
    mut tree: A::Tree,
    path: &Path,
) -> Option<Version<A::Content>> {
    let mut parts = path.components().filter_map(|part| match part {
        std::path::Component::Normal(part) => Some(part),
        _ => None,
    });
    let mut part = parts.next()?;
    loop {
        let (_, node) = archive.folder(tree).ok()?.into_iter().find(|(name, _)| name == part)?;
        match (parts.next(), node) {
            (Some(next), Node::Folder(subtree)) => (part, tree) = (next, subtree),
            (None, Node::File(version)) => return Some(version),
            _ => return None,
        }
    }
}
