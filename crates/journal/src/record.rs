//! The bytes of one record, exactly as `docs/formats/journal.md` lays them out.
//!
//! ```text
//! frame head   magic 4 | leaf length 4 | check 8
//! leaf         header | SHA-256(salt, payload)       what the hash tree covers
//! body         salt 16 | payload                     what can be erased
//! ```
//!
//! The check is over the journal's id and the leaf, not over the body: a body may be erased later without the
//! frame becoming invalid, and bytes copied from another journal are never taken for a record of this one. The
//! digest in the leaf covers the body. The salt lies in the body, so that it is erased with the payload: a digest
//! without its salt tells nothing about a payload that can be guessed.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use crate::tree::{Hash, leaf_hash};

/// The kind of the record that says that an interrupted write was cut off.
pub const KIND_TAIL_CUT: &str = "journal.tail_cut";
/// The kind of the record that decides that payloads are erased.
pub const KIND_ERASED: &str = "journal.erased";

/// Whether records of this kind are the journal's own. Nobody else may write one.
pub fn is_own(kind: &str) -> bool {
    kind.starts_with("journal.")
}

/// The largest payload, in bytes.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The longest name of an actor, in bytes.
pub const ACTOR_BYTES_MAX: usize = 1024;
/// The longest kind, in bytes.
pub const KIND_BYTES_MAX: usize = 256;

pub(crate) const MAGIC_PRESENT: [u8; 4] = *b"BSr1";
pub(crate) const MAGIC_ERASED: [u8; 4] = *b"BSe1";
pub(crate) const HEAD_BYTES: usize = 16;
pub(crate) const SALT_BYTES: usize = 16;
const DIGEST_BYTES: usize = 32;
/// The header without actor and kind.
const HEADER_BYTES: usize = 8 + 8 + 8 + 16 + 4 + 4 + 2 + 2 + 2;

/// Sixteen random bytes that a journal is known by from its first segment on.
pub(crate) type JournalId = [u8; 16];
/// Sixteen random bytes that a batch is known by, so that offering it twice does not record it twice.
pub(crate) type BatchId = [u8; 16];

/// One thing to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// UTC milliseconds since 1970, for people; the order of records is their sequence number.
    pub time_ms: i64,
    /// Who or what recorded it; at most [`ACTOR_BYTES_MAX`] bytes.
    pub actor: String,
    /// What kind of thing it is; 1 to [`KIND_BYTES_MAX`] bytes. Kinds that start with `journal.` are the journal's
    /// own.
    pub kind: String,
    /// The version of the payload's form.
    pub version: u16,
    /// Any bytes, at most [`PAYLOAD_BYTES_MAX`].
    pub payload: Vec<u8>,
}

/// The payload of a record that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// As it was recorded; checked against its digest.
    Present(Vec<u8>),
    /// Erased by a recorded decision. Header and digest are still there and still proven.
    Erased,
}

/// One thing that was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 0, without gaps. This is the order.
    pub sequence: u64,
    /// UTC milliseconds since 1970, as the recorder's clock had it.
    pub time_ms: i64,
    /// Who or what recorded it.
    pub actor: String,
    /// What kind of thing it is.
    pub kind: String,
    /// The version of the payload's form.
    pub version: u16,
    /// What was recorded.
    pub payload: Payload,
    /// SHA-256 over the record's salt and payload.
    pub digest: Hash,
}

/// The part of a record that the hash tree covers and that is never erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header<'a> {
    pub(crate) sequence: u64,
    pub(crate) time_ms: i64,
    /// How many records were on disk for certain when this one was written. All records that share this number
    /// were handed to the disk together, and none of them was acknowledged before all were safe.
    pub(crate) written_at: u64,
    pub(crate) batch: BatchId,
    /// How many records of the same batch follow. A batch is recorded whole or not at all.
    pub(crate) batch_left: u32,
    pub(crate) payload_length: u32,
    pub(crate) version: u16,
    pub(crate) actor: Cow<'a, str>,
    pub(crate) kind: Cow<'a, str>,
}

/// A record's place and head, found in bytes. Its check held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) header: Header<'static>,
    pub(crate) digest: Hash,
    pub(crate) leaf_hash: Hash,
    pub(crate) erased: bool,
    /// From the start of the frame to the start of the salt.
    pub(crate) body_at: usize,
}

impl Frame {
    /// Length of the whole frame in bytes.
    pub(crate) fn length(&self) -> usize {
        self.body_at + SALT_BYTES + self.header.payload_length as usize
    }

    /// Judges the body; `frame` is all bytes of the frame.
    pub(crate) fn body<'a>(&self, frame: &'a [u8]) -> Body<'a> {
        let body = &frame[self.body_at..self.length()];
        if self.erased {
            return if body.iter().all(|byte| *byte == 0) { Body::Erased } else { Body::HalfErased };
        }
        if Hash::from(Sha256::digest(body)) == self.digest {
            Body::Present(&body[SALT_BYTES..])
        } else {
            Body::Damaged
        }
    }

    pub(crate) fn into_record(self, payload: Payload) -> Record {
        let Header { sequence, time_ms, actor, kind, version, .. } = self.header;
        let (actor, kind) = (actor.into_owned(), kind.into_owned());
        Record { sequence, time_ms, actor, kind, version, payload, digest: self.digest }
    }
}

/// What the body of a frame turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    Present(&'a [u8]),
    Erased,
    /// Marked as erased, but bytes are left.
    HalfErased,
    /// Not what the digest says.
    Damaged,
}

/// What the bytes at a place are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    /// A valid head. The body may still reach beyond the bytes given.
    Frame(Frame),
    /// Nothing but zeros where the head would be: no record was written here.
    Nothing,
    /// This many bytes are needed to tell.
    Short(usize),
    /// Not a record of this journal.
    Bad(&'static str),
}

/// The digest that stands in the leaf for salt and payload.
pub(crate) fn digest(salt: &[u8; SALT_BYTES], payload: &[u8]) -> Hash {
    Sha256::new().chain_update(salt).chain_update(payload).finalize().into()
}

/// How many bytes a record takes on disk.
pub(crate) fn frame_length(draft: &Draft) -> usize {
    HEAD_BYTES
        + HEADER_BYTES
        + draft.actor.len()
        + draft.kind.len()
        + DIGEST_BYTES
        + SALT_BYTES
        + draft.payload.len()
}

fn check(journal: &JournalId, leaf_hash: &Hash) -> [u8; 8] {
    let hash = Sha256::new().chain_update(journal).chain_update(leaf_hash).finalize();
    hash[..8].try_into().expect("a SHA-256 has 32 bytes")
}

/// Appends the frame to `out` and returns its leaf hash.
pub(crate) fn encode(
    out: &mut Vec<u8>,
    journal: &JournalId,
    header: &Header<'_>,
    digest: &Hash,
    salt: &[u8; SALT_BYTES],
    payload: &[u8],
) -> Hash {
    let start = out.len();
    let leaf_length = HEADER_BYTES + header.actor.len() + header.kind.len() + DIGEST_BYTES;
    out.extend_from_slice(&MAGIC_PRESENT);
    out.extend_from_slice(&u32::try_from(leaf_length).expect("names are bounded").to_be_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&header.sequence.to_be_bytes());
    out.extend_from_slice(&header.time_ms.to_be_bytes());
    out.extend_from_slice(&header.written_at.to_be_bytes());
    out.extend_from_slice(&header.batch);
    out.extend_from_slice(&header.batch_left.to_be_bytes());
    out.extend_from_slice(&header.payload_length.to_be_bytes());
    out.extend_from_slice(&header.version.to_be_bytes());
    for name in [&header.actor, &header.kind] {
        out.extend_from_slice(&u16::try_from(name.len()).expect("names are bounded").to_be_bytes());
    }
    out.extend_from_slice(header.actor.as_bytes());
    out.extend_from_slice(header.kind.as_bytes());
    out.extend_from_slice(digest);
    let leaf_hash = leaf_hash(&out[start + HEAD_BYTES..]);
    out[start + 8..start + HEAD_BYTES].copy_from_slice(&check(journal, &leaf_hash));
    out.extend_from_slice(salt);
    out.extend_from_slice(payload);
    leaf_hash
}

/// Reads the head of a frame at the start of `bytes`. Any bytes are safe.
pub(crate) fn parse(bytes: &[u8], journal: &JournalId) -> Parsed {
    let Some(head) = bytes.first_chunk::<HEAD_BYTES>() else { return Parsed::Short(HEAD_BYTES) };
    if *head == [0; HEAD_BYTES] {
        return Parsed::Nothing;
    }
    let erased = match head.first_chunk::<4>() {
        Some(&MAGIC_PRESENT) => false,
        Some(&MAGIC_ERASED) => true,
        _ => return Parsed::Bad("no record starts here"),
    };
    let leaf_length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
    let names_max = ACTOR_BYTES_MAX + KIND_BYTES_MAX;
    if !(HEADER_BYTES + DIGEST_BYTES..=HEADER_BYTES + DIGEST_BYTES + names_max).contains(&leaf_length) {
        return Parsed::Bad("the length of its header is impossible");
    }
    let Some(leaf) = bytes.get(HEAD_BYTES..HEAD_BYTES + leaf_length) else {
        return Parsed::Short(HEAD_BYTES + leaf_length);
    };
    let leaf_hash = leaf_hash(leaf);
    if head[8..] != check(journal, &leaf_hash) {
        return Parsed::Bad("its header does not agree with its check");
    }
    match parse_leaf(leaf) {
        Some((header, digest)) => {
            Parsed::Frame(Frame { header, digest, leaf_hash, erased, body_at: HEAD_BYTES + leaf_length })
        }
        None => Parsed::Bad("its header is not in the form of version 1"),
    }
}

pub(crate) fn parse_leaf(leaf: &[u8]) -> Option<(Header<'static>, Hash)> {
    let mut rest = leaf;
    let sequence = u64::from_be_bytes(take(&mut rest)?);
    let time_ms = i64::from_be_bytes(take(&mut rest)?);
    let written_at = u64::from_be_bytes(take(&mut rest)?);
    let batch = take(&mut rest)?;
    let batch_left = u32::from_be_bytes(take(&mut rest)?);
    let payload_length = u32::from_be_bytes(take(&mut rest)?);
    let version = u16::from_be_bytes(take(&mut rest)?);
    let actor_length = usize::from(u16::from_be_bytes(take(&mut rest)?));
    let kind_length = usize::from(u16::from_be_bytes(take(&mut rest)?));
    if rest.len() != actor_length + kind_length + DIGEST_BYTES || payload_length as usize > PAYLOAD_BYTES_MAX
    {
        return None;
    }
    let (actor, rest) = rest.split_at(actor_length);
    let (kind, digest) = rest.split_at(kind_length);
    let actor = Cow::Owned(String::from_utf8(actor.to_vec()).ok()?);
    let kind = Cow::Owned(String::from_utf8(kind.to_vec()).ok()?);
    let header =
        Header { sequence, time_ms, written_at, batch, batch_left, payload_length, version, actor, kind };
    Some((header, digest.try_into().ok()?))
}

/// Takes the next `N` bytes off the front.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk::<N>()?;
    *rest = others;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(payload: &[u8]) -> (Vec<u8>, Header<'static>) {
        let header = Header {
            sequence: 7,
            time_ms: -1,
            written_at: 5,
            batch: [1; 16],
            batch_left: 2,
            payload_length: u32::try_from(payload.len()).unwrap(),
            version: 3,
            actor: "Ärztin".into(),
            kind: "note.written".into(),
        };
        let mut bytes = Vec::new();
        encode(&mut bytes, &[9; 16], &header, &digest(&[4; 16], payload), &[4; 16], payload);
        (bytes, header)
    }

    #[test]
    fn a_record_reads_back_as_it_was_written() {
        let (bytes, header) = frame(b"hello");
        let Parsed::Frame(found) = parse(&bytes, &[9; 16]) else { panic!("not read back") };
        assert_eq!(found.header, header);
        assert_eq!(found.length(), bytes.len());
        assert_eq!(found.body(&bytes), Body::Present(b"hello"));
    }

    #[test]
    fn a_record_of_another_journal_is_not_taken_for_one_of_this() {
        assert!(matches!(parse(&frame(b"x").0, &[8; 16]), Parsed::Bad(_)));
    }

    proptest! {
        #[test]
        fn any_flipped_bit_of_a_record_is_noticed(bit in 0_usize..2000) {
            let (mut bytes, _) = frame(b"some payload");
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            if let Parsed::Frame(found) = parse(&bytes, &[9; 16]) {
                prop_assert_eq!(found.body(&bytes), Body::Damaged);
            }
        }

        #[test]
        fn random_bytes_are_never_a_record(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), magic in any::<bool>()) {
            if magic && bytes.len() > 8 {
                bytes[..8].copy_from_slice(&[b'B', b'S', b'r', b'1', 0, 0, 0, 100]);
            }
            prop_assert!(!matches!(parse(&bytes, &[0; 16]), Parsed::Frame(_)));
        }
    }
}
