//! Blobs out of packs: where each lies, and how its bytes are decrypted, unpacked and verified.
//!
//! The library does this too, one blob at a time and behind one lock. A scan reads millions of them in the order in
//! which they lie on the disk, on every core, so this one step is ours. What comes out has the hash it was
//! stored under, or does not come out.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;

use aes256ctr_poly1305aes::aead::AeadInPlace;
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce, Tag};
use bytes::Bytes;
use rustic_core::repofile::MasterKey;
use rustic_core::{BlobId, FileType, Id, ReadBackend};
use sha2::{Digest, Sha256};

use super::read_only::ReadOnly;

const NONCE_BYTES: usize = 16;
const TAG_BYTES: usize = 16;
/// Restic makes pieces of files of at most 8 MiB. An index that claims more was not made by a backup.
pub(super) const DATA_BYTES_MAX: u64 = 256 << 20;
/// A tree holds a whole folder: some 350 bytes for each entry.
pub(super) const TREE_BYTES_MAX: u64 = 1 << 30;

/// Where a blob lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) blob: BlobId,
    /// Place in `Vault::packs`.
    pub(super) pack: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
    /// Length after unpacking, if it is packed.
    pub(super) unpacked: Option<NonZeroU32>,
}

impl Place {
    pub(super) fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.length)
    }

    /// Bytes of content.
    pub(super) fn bytes(&self) -> u64 {
        content_length(self.length, self.unpacked)
    }
}

/// Bytes of content of a blob of this length.
pub(super) fn content_length(length: u32, unpacked: Option<NonZeroU32>) -> u64 {
    match unpacked {
        Some(length) => u64::from(length.get()),
        None => u64::from(length).saturating_sub((NONCE_BYTES + TAG_BYTES) as u64),
    }
}

/// The packs of a repository, for reading from several threads.
pub(super) struct Vault {
    door: Arc<ReadOnly>,
    cipher: Aes256CtrPoly1305Aes,
    packs: Vec<Id>,
    numbers: HashMap<Id, u32>,
    /// Packs that are there, with their length.
    there: HashMap<Id, u32>,
}

impl Vault {
    pub(super) fn new(door: Arc<ReadOnly>, key: &MasterKey) -> Result<Vault, String> {
        let bytes = [&key.encrypt[..], &key.mac.k, &key.mac.r].concat();
        let bytes: [u8; 64] =
            bytes.try_into().map_err(|_| "the master key has an unexpected length".to_owned())?;
        let there = door.list_with_size(FileType::Pack).map_err(|error| super::brief(&error))?;
        Ok(Vault {
            door,
            cipher: Aes256CtrPoly1305Aes::new(Key::from_slice(&bytes)),
            packs: Vec::new(),
            numbers: HashMap::new(),
            there: there.into_iter().collect(),
        })
    }

    /// Notes where a blob of at most `bytes_max` lies; an error says why it cannot be read, without reading it.
    pub(super) fn place(
        &mut self,
        blob: BlobId,
        bytes_max: u64,
        pack: Id,
        offset: u32,
        length: u32,
        unpacked: Option<NonZeroU32>,
    ) -> Result<Place, String> {
        let number = if let Some(number) = self.numbers.get(&pack) {
            *number
        } else {
            let number = u32::try_from(self.packs.len()).map_err(|_| "too many packs".to_owned())?;
            self.packs.push(pack);
            self.numbers.insert(pack, number);
            number
        };
        let place = Place { blob, pack: number, offset, length, unpacked };
        match self.there.get(&pack) {
            None => Err(format!("pack {} is missing", short(&pack))),
            Some(size) if place.end() > u64::from(*size) => {
                Err(format!("pack {} is shorter than the index says", short(&pack)))
            }
            Some(_) if length < (NONCE_BYTES + TAG_BYTES) as u32 => {
                Err(format!("the index gives blob {} an impossible length", short(&blob)))
            }
            Some(_) if place.bytes() > bytes_max => Err(format!(
                "blob {} claims {} bytes, more than any backup writes",
                short(&blob),
                place.bytes()
            )),
            Some(_) => Ok(place),
        }
    }

    /// Bytes of a pack as they lie on the disk.
    fn sealed(&self, pack: u32, offset: u32, length: u32) -> Result<Bytes, String> {
        let id = self.packs.get(pack as usize).ok_or("an unknown pack")?;
        self.door
            .read_partial(FileType::Pack, id, false, offset, length)
            .map_err(|error| format!("pack {}: {}", short(id), super::brief(&error)))
    }
}

/// The start of an id, as people write it.
pub(super) fn short(id: &Id) -> String {
    id.to_hex().as_str()[..12].to_owned()
}

/// Opens blobs; one for each thread.
pub(super) struct Opener<'a> {
    vault: &'a Vault,
    unpacker: Option<zstd::bulk::Decompressor<'static>>,
    /// What was decrypted and is still packed.
    packed: Vec<u8>,
}

impl<'a> Opener<'a> {
    pub(super) fn new(vault: &'a Vault) -> Opener<'a> {
        // Without memory for it nothing packed can be read, which is then said of each blob.
        Opener { vault, unpacker: zstd::bulk::Decompressor::new().ok(), packed: Vec::new() }
    }

    /// For a second file beside the first.
    pub(super) fn another(&self) -> Opener<'a> {
        Opener::new(self.vault)
    }

    /// A blob alone, into `plain`.
    pub(super) fn blob(&mut self, place: &Place, plain: &mut Vec<u8>) -> Result<(), String> {
        let sealed = self.vault.sealed(place.pack, place.offset, place.length)?;
        self.open(place, &sealed, plain)
    }

    /// Bytes from `from` to `to` of a pack, for `within`.
    pub(super) fn stretch(&self, pack: u32, from: u32, to: u64) -> Result<Bytes, String> {
        let length = u32::try_from(to - u64::from(from)).map_err(|_| "a stretch of more than 4 GiB")?;
        self.vault.sealed(pack, from, length)
    }

    /// A blob out of a stretch that begins at `from`, into `plain`.
    pub(super) fn within(
        &mut self,
        place: &Place,
        stretch: &[u8],
        from: u32,
        plain: &mut Vec<u8>,
    ) -> Result<(), String> {
        let start = place.offset.checked_sub(from).map_or(usize::MAX, |start| start as usize);
        let sealed = start.checked_add(place.length as usize).and_then(|end| stretch.get(start..end));
        let sealed = sealed.ok_or_else(|| format!("blob {} was not read in full", short(&place.blob)))?;
        self.open(place, sealed, plain)
    }

    /// `plain` holds the bytes of the blob afterwards, and nothing of use if there is an error.
    fn open(&mut self, place: &Place, sealed: &[u8], plain: &mut Vec<u8>) -> Result<(), String> {
        let say = |what: &str| format!("blob {} {what}", short(&place.blob));
        let (nonce, rest) =
            sealed.split_at_checked(NONCE_BYTES).ok_or_else(|| say("is shorter than its seal"))?;
        let at = rest.len().checked_sub(TAG_BYTES).ok_or_else(|| say("is shorter than its seal"))?;
        let (text, tag) = rest.split_at(at);
        let decrypted = if place.unpacked.is_some() { &mut self.packed } else { &mut *plain };
        decrypted.clear();
        decrypted.extend_from_slice(text);
        self.vault
            .cipher
            .decrypt_in_place_detached(Nonce::from_slice(nonce), b"", decrypted, Tag::from_slice(tag))
            .map_err(|_| say("is damaged: its seal does not fit"))?;
        if place.unpacked.is_some() {
            let length = usize::try_from(place.bytes()).map_err(|_| say("is too long for this machine"))?;
            let unpacker =
                self.unpacker.as_mut().ok_or_else(|| say("cannot be unpacked for lack of memory"))?;
            plain.clear();
            plain.reserve(length);
            unpacker
                .decompress_to_buffer(&self.packed, plain)
                .map_err(|error| say(&format!("cannot be unpacked: {error}")))?;
        }
        if plain.len() as u64 != place.bytes() {
            return Err(say("has another length than the index says"));
        }
        // The seal shows that somebody with the key wrote these bytes, the hash that they are the right ones.
        if Id::new(Sha256::digest(&plain).into()) != *place.blob {
            return Err(say("holds other bytes than it was stored with"));
        }
        Ok(())
    }
}
