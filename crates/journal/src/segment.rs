//! Segments: the files that hold the records, and the one walk over them that everybody uses who must look at
//! every byte (the writer when it opens, the verifier).
//!
//! A segment is a 64-byte header and then records end to end; what follows the last record is zero. Its name says
//! which record it starts with. The walk never gives up: where a record should be and is not, it says so and
//! looks for the next one that is valid.

use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::disk::{Access, Disk, read_up_to, read_whole};
use crate::record::{
    Frame, HEAD_BYTES, JournalId, MAGIC_ERASED, MAGIC_PRESENT, PAYLOAD_BYTES_MAX, Parsed, parse,
};

/// Length of the header of a segment.
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;
/// No segment is larger; a larger file was not written by us.
pub(crate) const SEGMENT_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// The smallest and largest size that may be asked for; single large batches may make a segment larger.
pub(crate) const SEGMENT_BYTES_RANGE: std::ops::RangeInclusive<u64> = 4096..=64 * 1024 * 1024;
/// Room is reserved in steps of this many bytes: one change of size for thousands of records.
pub(crate) const ROOM_STEP: u64 = 4 * 1024 * 1024;
const MAGIC: &[u8; 8] = b"BSjrnl01";

const _: () = assert!(SEGMENT_BYTES_MAX > 2 * PAYLOAD_BYTES_MAX as u64 + *SEGMENT_BYTES_RANGE.end());

/// How long to make a segment so that it holds `wanted` bytes and some more, if that is within its size.
pub(crate) fn with_room(wanted: u64, segment_bytes: u64) -> u64 {
    wanted.max(wanted.next_multiple_of(ROOM_STEP).min(segment_bytes))
}

/// How many of these bytes are in use, up to the last one that is not zero. Looks at whole blocks first: the
/// reserved room at the end of a segment can be long.
pub(crate) fn used(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 4096] = [0; 4096];
    let mut end = bytes.len();
    for block in bytes.rchunks(ZEROS.len()) {
        if *block != ZEROS[..block.len()] {
            let last = block.iter().rposition(|byte| *byte != 0);
            return end - block.len() + last.map_or(0, |last| last + 1);
        }
        end -= block.len();
    }
    0
}

/// A place in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file in the journal's folder.
    pub file: String,
    /// Bytes from its start.
    pub offset: u64,
    /// The record that is there or should be.
    pub sequence: u64,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "record {} ({}, byte {})", self.sequence, self.file, self.offset)
    }
}

pub(crate) fn segment_name(first: u64) -> String {
    format!("segment-{first:020}.bsj")
}

fn first_of_name(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("segment-")?.strip_suffix(".bsj")?;
    let first = digits.parse().ok()?;
    (segment_name(first) == name).then_some(first)
}

pub(crate) fn encode_segment_header(journal: &JournalId, first: u64) -> [u8; SEGMENT_HEADER_BYTES] {
    let mut header = [0; SEGMENT_HEADER_BYTES];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&first.to_be_bytes());
    header[16..32].copy_from_slice(journal);
    let check: [u8; 32] = Sha256::digest(&header[..32]).into();
    header[32..].copy_from_slice(&check);
    header
}

/// The journal's id, if these bytes start a segment whose first record is `first`.
pub(crate) fn parse_segment_header(bytes: &[u8], first: u64) -> Option<JournalId> {
    let journal: JournalId = bytes.get(16..32)?.try_into().ok()?;
    (bytes.get(..SEGMENT_HEADER_BYTES)? == encode_segment_header(&journal, first)).then_some(journal)
}

/// The segments in a folder as (first record, name), in order.
pub(crate) fn list_segments(disk: &dyn Disk, folder: &Path) -> io::Result<Vec<(u64, String)>> {
    let mut segments: Vec<(u64, String)> = Vec::new();
    for name in disk.list(folder)? {
        if let Some(first) = first_of_name(&name) {
            segments.push((first, name));
        }
    }
    segments.sort();
    Ok(segments)
}

/// What is wrong at a place. The texts are for people.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Damage {
    /// The segment's header is not what its name says.
    #[error("the header of this segment is damaged")]
    SegmentHeader,
    /// The segment is of another journal.
    #[error("this segment belongs to another journal")]
    OtherJournal,
    /// The file is larger than any segment.
    #[error("this file is larger than any segment the journal writes")]
    TooLarge,
    /// There should be a record and these bytes are none.
    #[error("{why}; the next valid record is {}", next.map_or("none in this segment".to_owned(), |next| next.to_string()))]
    NoRecord {
        /// What is wrong with the bytes.
        why: &'static str,
        /// The record that follows the damage in the same segment.
        next: Option<u64>,
    },
    /// A valid record, but not the one that belongs here.
    #[error("record {found} stands here: records were removed, moved or put in")]
    OutOfOrder {
        /// The record that was found.
        found: u64,
    },
    /// No segment has the records from here on.
    #[error("the records up to {before} are missing: a segment was cut or removed")]
    Missing {
        /// The first record that is there again.
        before: u64,
    },
    /// The payload is not what the digest in the header says.
    #[error("the payload was changed: it does not agree with its digest")]
    Payload,
    /// The payload is marked as erased, and no record decides so.
    #[error("the payload was erased, but no readable record decides so")]
    ErasedUndecided,
    /// The batch of which this record is the first was not written to its end.
    #[error("the records written together with this one are not all there")]
    BatchCut,
}

/// What the walk meets, in order.
pub(crate) enum WalkItem<'a> {
    /// A segment starts; its header was or was not valid.
    Segment { name: &'a str, first: u64, valid: bool },
    /// A record with a valid head; `bytes` is its whole frame.
    Record { place: Place, frame: Frame, bytes: &'a [u8] },
    /// Something is wrong here.
    Damage { place: Place, damage: Damage },
    /// The disk did not give us this file.
    Unreadable { place: Place, error: io::Error },
}

/// Looks at every byte of every segment, in order.
pub(crate) fn walk(
    disk: &dyn Disk,
    folder: &Path,
    visit: &mut dyn FnMut(WalkItem<'_>),
) -> io::Result<Option<JournalId>> {
    let segments = list_segments(disk, folder)?;
    let mut journal = None;
    for (first, name) in &segments {
        let mut header = [0; SEGMENT_HEADER_BYTES];
        let count =
            disk.open(&folder.join(name), Access::Read).and_then(|file| read_up_to(&*file, &mut header, 0));
        journal = count.ok().and_then(|count| parse_segment_header(&header[..count], *first));
        if journal.is_some() {
            break;
        }
    }
    let mut walk = Walk { journal, expected: 0, explained: false, visit };
    for (first, name) in &segments {
        walk.segment(disk, folder, *first, name);
    }
    Ok(journal)
}

struct Walk<'v> {
    journal: Option<JournalId>,
    /// The sequence number of the next record.
    expected: u64,
    /// A gap up to the next record has already been reported.
    explained: bool,
    visit: &'v mut dyn FnMut(WalkItem<'_>),
}

impl Walk<'_> {
    fn damage(&mut self, name: &str, offset: usize, damage: Damage) {
        let place = Place { file: name.to_owned(), offset: offset as u64, sequence: self.expected };
        (self.visit)(WalkItem::Damage { place, damage });
    }

    fn segment(&mut self, disk: &dyn Disk, folder: &Path, first: u64, name: &str) {
        if first > self.expected && !self.explained {
            self.damage(name, 0, Damage::Missing { before: first });
        }
        if first < self.expected {
            self.damage(name, 0, Damage::OutOfOrder { found: first });
        }
        self.expected = first;
        self.explained = false;
        let bytes = match read_whole(disk, &folder.join(name), SEGMENT_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.explained = true;
                if error.kind() == io::ErrorKind::FileTooLarge {
                    return self.damage(name, 0, Damage::TooLarge);
                }
                let place = Place { file: name.to_owned(), offset: 0, sequence: first };
                return (self.visit)(WalkItem::Unreadable { place, error });
            }
        };
        let header = parse_segment_header(&bytes, first);
        let valid = header.is_some() && header == self.journal;
        (self.visit)(WalkItem::Segment { name, first, valid });
        if header.is_none() {
            self.damage(name, 0, Damage::SegmentHeader);
        } else if !valid {
            self.damage(name, 0, Damage::OtherJournal);
        }
        match self.journal {
            Some(journal) => self.records(name, &bytes, &journal),
            // Without the id no record can be told from other bytes; the damaged header says all there is to say.
            None => self.explained = true,
        }
    }

    fn records(&mut self, name: &str, bytes: &[u8], journal: &JournalId) {
        let mut at = SEGMENT_HEADER_BYTES.min(bytes.len());
        while at < bytes.len() {
            let why = match parse_whole(&bytes[at..], journal) {
                Ok(Some(frame)) => {
                    at += self.record(name, at, frame, &bytes[at..]);
                    continue;
                }
                Ok(None) if used(&bytes[at..]) == 0 => return,
                Ok(None) => "bytes stand behind the last record that are no record",
                Err(why) => why,
            };
            let next = next_record(bytes, at + 1, journal);
            let sequence = next.as_ref().map(|(_, frame)| frame.header.sequence);
            self.damage(name, at, Damage::NoRecord { why, next: sequence });
            self.explained = true;
            let Some((next_at, _)) = next else { return };
            at = next_at;
        }
    }

    /// Reports a record and returns its length.
    fn record(&mut self, name: &str, at: usize, frame: Frame, bytes: &[u8]) -> usize {
        let sequence = frame.header.sequence;
        let gap_is_known = self.explained && sequence > self.expected;
        if sequence != self.expected && !gap_is_known {
            self.damage(name, at, Damage::OutOfOrder { found: sequence });
        }
        self.expected = sequence.saturating_add(1);
        self.explained = false;
        let length = frame.length();
        let place = Place { file: name.to_owned(), offset: at as u64, sequence };
        (self.visit)(WalkItem::Record { place, frame, bytes: &bytes[..length] });
        length
    }
}

/// A record with all its bytes; `None` where no record was ever written.
fn parse_whole(bytes: &[u8], journal: &JournalId) -> Result<Option<Frame>, &'static str> {
    match parse(bytes, journal) {
        Parsed::Frame(frame) if frame.length() <= bytes.len() => Ok(Some(frame)),
        Parsed::Frame(_) => Err("the record reaches beyond the end of the segment"),
        Parsed::Nothing => Ok(None),
        Parsed::Short(HEAD_BYTES) if bytes.iter().all(|byte| *byte == 0) => Ok(None),
        Parsed::Short(_) => Err("the header of the record reaches beyond the end of the segment"),
        Parsed::Bad(why) => Err(why),
    }
}

/// The first valid head at or after `from`, at any byte.
fn next_record(bytes: &[u8], from: usize, journal: &JournalId) -> Option<(usize, Frame)> {
    let mut at = from;
    while let Some(rest) = bytes.get(at..) {
        let step = rest.windows(4).position(|four| *four == MAGIC_PRESENT || *four == MAGIC_ERASED)?;
        at += step;
        if let Ok(Some(frame)) = parse_whole(&bytes[at..], journal) {
            return Some((at, frame));
        }
        at += 1;
    }
    None
}
