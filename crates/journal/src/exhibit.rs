//! A record with everything that its proof needs: for whoever shows records to others, and whoever checks what was shown.
//!
//! A record is proven in two steps. The hash tree covers its leaf; the leaf holds a digest of salt and payload. So a
//! record can be shown alone, with its leaf, its salt and a path through the tree, and gives away nothing of its
//! neighbours: of them there are hashes only, over salts and batch ids that nobody can guess.

use std::io;
use std::path::Path;

use crate::disk::RealDisk;
use crate::record::{Body, HEAD_BYTES, SALT_BYTES, digest, parse_leaf};
use crate::segment::{Place, WalkItem, walk};
use crate::tree::Hash;

/// What stands in a leaf, for people and checkers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The record's number.
    pub sequence: u64,
    /// UTC milliseconds since 1970, as the recorder's clock had it.
    pub time_ms: i64,
    /// Who or what recorded it.
    pub actor: String,
    /// What kind of thing it is.
    pub kind: String,
    /// The version of the payload's form.
    pub version: u16,
    /// How long the payload is, or was before it was erased.
    pub payload_length: u32,
    /// SHA-256 over salt and payload.
    pub digest: Hash,
}

impl Leaf {
    /// Reads the bytes of a leaf. Any bytes are safe.
    pub fn read(bytes: &[u8]) -> Option<Leaf> {
        let (header, digest) = parse_leaf(bytes)?;
        Some(Leaf {
            sequence: header.sequence,
            time_ms: header.time_ms,
            actor: header.actor.into_owned(),
            kind: header.kind.into_owned(),
            version: header.version,
            payload_length: header.payload_length,
            digest,
        })
    }

    /// Whether this salt and this payload are the ones that were recorded.
    pub fn holds(&self, salt: &[u8; SALT_BYTES], payload: &[u8]) -> bool {
        payload.len() == self.payload_length as usize && digest(salt, payload) == self.digest
    }
}

/// A record as it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Exhibit<'a> {
    /// What the hash tree covers.
    pub leaf: &'a [u8],
    /// Salt and payload; `None` when they were erased.
    pub body: Option<(&'a [u8; SALT_BYTES], &'a [u8])>,
}

/// Hands out the records below `until` in order, up to the first that is missing or damaged. Says where it stopped and
/// why, if it did before `until`.
pub fn exhibits(
    folder: &Path,
    until: u64,
    visit: &mut dyn FnMut(Exhibit<'_>),
) -> io::Result<Option<(Place, String)>> {
    let (mut next, mut stopped) = (0, None);
    walk(&RealDisk, folder, &mut |seen| {
        if stopped.is_some() || next >= until {
            return;
        }
        match seen {
            WalkItem::Segment { .. } => {}
            WalkItem::Damage { place, damage } => stopped = Some((place, damage.to_string())),
            WalkItem::Unreadable { place, error } => stopped = Some((place, error.to_string())),
            WalkItem::Record { place, .. } if place.sequence != next => {
                stopped = Some((place, "another record stands here".to_owned()));
            }
            WalkItem::Record { place, frame, bytes } => {
                let salt_at = frame.body_at;
                let body = match frame.body(bytes) {
                    Body::Present(payload) => bytes[salt_at..].first_chunk().map(|salt| (salt, payload)),
                    // An erasure that was interrupted has destroyed the payload just the same.
                    Body::Erased | Body::HalfErased => None,
                    Body::Damaged => {
                        stopped = Some((place, "the payload was changed".to_owned()));
                        return;
                    }
                };
                visit(Exhibit { leaf: &bytes[HEAD_BYTES..salt_at], body });
                next += 1;
            }
        }
    })?;
    if stopped.is_none() && next < until {
        let place = Place { file: String::new(), offset: 0, sequence: next };
        stopped = Some((place, "the end is missing".to_owned()));
    }
    Ok(stopped)
}
