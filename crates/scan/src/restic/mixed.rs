//! Where do blobs lie that the library does not find?
//!
//! Before version 0.8 (2017) restic put trees and pieces of files into the same packs, and a repository begun then keeps such
//! packs until they are repacked. The index lists their blobs; the library takes a pack to hold only what its first blob is. So
//! what it does not find is looked for here, in the index files themselves: read once, when something is missed for the first
//! time, because hardly any repository needs it.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, OnceLock, PoisonError};

use rustic_core::repofile::{BlobType, IndexFile, IndexId};
use rustic_core::{BlobId, Id, IndexedFullStatus, Repository};

use super::vault::{DATA_BYTES_MAX, Opener, TREE_BYTES_MAX, Vault};

/// Where the index says that a blob lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Location {
    pub(super) pack: Id,
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) unpacked: Option<NonZeroU32>,
}

#[derive(Default)]
pub(super) struct Mixed {
    known: OnceLock<HashMap<(bool, BlobId), Location>>,
    vault: OnceLock<Mutex<Option<Vault>>>,
}

impl Mixed {
    /// Of a blob in a pack that holds both kinds.
    pub(super) fn location(
        &self,
        repository: &Repository<IndexedFullStatus>,
        blob: BlobId,
        kind: BlobType,
    ) -> Option<Location> {
        let known = self.known.get_or_init(|| read(repository));
        known.get(&(kind == BlobType::Tree, blob)).copied()
    }

    /// The bytes of such a blob. `vault`: makes what reads packs.
    pub(super) fn blob(
        &self,
        vault: impl FnOnce() -> Option<Vault>,
        blob: BlobId,
        kind: BlobType,
        at: Location,
    ) -> Result<Vec<u8>, String> {
        let vault = self.vault.get_or_init(|| Mutex::new(vault()));
        let mut vault = vault.lock().unwrap_or_else(PoisonError::into_inner);
        let vault = vault.as_mut().ok_or("the packs cannot be listed")?;
        let bytes_max = if kind == BlobType::Tree { TREE_BYTES_MAX } else { DATA_BYTES_MAX };
        let place = vault.place(blob, bytes_max, at.pack, at.offset, at.length, at.unpacked)?;
        let mut bytes = Vec::new();
        Opener::new(vault).blob(&place, &mut bytes)?;
        Ok(bytes)
    }
}

/// All blobs of packs that hold both kinds. An index file that cannot be read was said when the repository was opened.
fn read(repository: &Repository<IndexedFullStatus>) -> HashMap<(bool, BlobId), Location> {
    let ids: Vec<IndexId> = repository.list::<IndexId>().map(Iterator::collect).unwrap_or_default();
    let mut known = HashMap::new();
    for pack in
        ids.iter().filter_map(|id| repository.get_file::<IndexFile>(id).ok()).flat_map(|file| file.packs)
    {
        let trees = pack.blobs.iter().filter(|blob| blob.tpe == BlobType::Tree).count();
        if trees == 0 || trees == pack.blobs.len() {
            continue;
        }
        for blob in pack.blobs {
            let at = Location {
                pack: *pack.id,
                offset: blob.location.offset,
                length: blob.location.length,
                unpacked: blob.location.uncompressed_length,
            };
            known.insert((blob.tpe == BlobType::Tree, blob.id), at);
        }
    }
    known
}
