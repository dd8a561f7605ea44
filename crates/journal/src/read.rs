//! Reading while somebody else writes, and without the right to write.
//!
//! A reader sees the records that the writer has published as being on disk, and nothing behind them. It checks
//! what it reads: the frame against its check, the payload against its digest. It does not check the hash tree;
//! that is `verify`'s work.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

use crate::disk::{Access, Disk, DiskFile, RealDisk, read_up_to};
use crate::files;
use crate::record::{Body, Frame, HEAD_BYTES, JournalId, Parsed, Payload, Record, parse};
use crate::segment::{Damage, Place, SEGMENT_HEADER_BYTES, list_segments, parse_segment_header};

/// Small records are fetched many at a time.
const WINDOW_BYTES: usize = 128 * 1024;

/// Why records could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// There is no journal here.
    #[error("there is no journal in {folder}; check the path")]
    NoJournal {
        /// The folder.
        folder: PathBuf,
    },
    /// A file could not be read.
    #[error("could not read {path} of the journal")]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A record is damaged.
    #[error("the journal in {folder} is damaged at {place}: {damage}. Run `journal verify` on it")]
    Damaged {
        /// The journal's folder.
        folder: PathBuf,
        /// Where.
        place: Place,
        /// What is wrong there.
        damage: Damage,
    },
}

/// Reads a journal.
pub struct Reader {
    folder: PathBuf,
    disk: Arc<dyn Disk>,
    /// Where the last reading ended, so that the next can go on from there.
    cursor: Option<Cursor>,
}

impl Reader {
    /// Opens the journal in this folder for reading.
    pub fn open(folder: &Path) -> Result<Reader, ReadError> {
        Reader::open_on(Arc::new(RealDisk), folder)
    }

    /// The same on another disk.
    pub fn open_on(disk: Arc<dyn Disk>, folder: &Path) -> Result<Reader, ReadError> {
        let reader = Reader { folder: folder.to_owned(), disk, cursor: None };
        if reader.segments()?.is_empty() {
            return Err(ReadError::NoJournal { folder: reader.folder });
        }
        Ok(reader)
    }

    fn segments(&self) -> Result<Vec<(u64, String)>, ReadError> {
        match list_segments(&*self.disk, &self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            other => other.map_err(|source| self.file(&self.folder, source)),
        }
    }

    fn file(&self, path: &Path, source: io::Error) -> ReadError {
        ReadError::File { path: path.to_owned(), source }
    }

    /// The number of records that are on disk for certain, as the writer last published it. Without that file (in
    /// a copy that left it out) the newest checkpoint tells.
    pub fn durable_length(&self) -> Result<u64, ReadError> {
        let path = self.folder.join(files::DURABLE);
        let published = match self.disk.open(&path, Access::Read) {
            Ok(file) => files::read_durable(&*file).map_err(|source| self.file(&path, source))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(self.file(&path, error)),
        };
        if let Some(length) = published {
            return Ok(length);
        }
        let checkpoint = files::read_checkpoint(&*self.disk, &self.folder);
        let checkpoint =
            checkpoint.map_err(|source| self.file(&self.folder.join(files::CHECKPOINT), source))?;
        Ok(checkpoint.and_then(Result::ok).map_or(0, |checkpoint| checkpoint.size))
    }

    /// The records from number `from` on, up to the durable length of this moment. Ends after the first error.
    pub fn read(&mut self, from: u64) -> Records<'_> {
        if let Some(cursor) = &mut self.cursor {
            // It may hold bytes behind the length published then, which are not those that were published since.
            cursor.filled = 0;
        }
        match self.durable_length() {
            Ok(until) => Records { reader: self, next: from, until, failed: None },
            Err(error) => Records { reader: self, next: from, until: from, failed: Some(error) },
        }
    }

    /// Puts the cursor before record `sequence`, which is published.
    fn seek(&mut self, sequence: u64) -> Result<Cursor, ReadError> {
        if let Some(cursor) = self.cursor.take()
            && cursor.sequence <= sequence
            && cursor.end.is_none_or(|end| sequence < end)
        {
            return self.skip(cursor, sequence);
        }
        let segments = self.segments()?;
        let at = segments.partition_point(|(first, _)| *first <= sequence);
        let Some((first, name)) = at.checked_sub(1).map(|at| segments[at].clone()) else {
            let file = segments.first().map(|(_, name)| name.clone()).unwrap_or_default();
            let before = segments.first().map_or(sequence + 1, |(first, _)| *first);
            return Err(self.damaged(Place { file, offset: 0, sequence }, Damage::Missing { before }));
        };
        let end = segments.get(at).map(|(first, _)| *first);
        let path = self.folder.join(&name);
        let file = self.disk.open(&path, Access::Read).map_err(|source| self.file(&path, source))?;
        let mut header = [0; SEGMENT_HEADER_BYTES];
        let count = read_up_to(&*file, &mut header, 0).map_err(|source| self.file(&path, source))?;
        let Some(journal) = parse_segment_header(&header[..count], first) else {
            return Err(self.damaged(Place { file: name, offset: 0, sequence: first }, Damage::SegmentHeader));
        };
        let cursor = Cursor {
            name,
            file,
            journal,
            sequence: first,
            end,
            offset: SEGMENT_HEADER_BYTES as u64,
            window: Vec::new(),
            filled: 0,
            window_at: 0,
        };
        self.skip(cursor, sequence)
    }

    fn skip(&self, mut cursor: Cursor, sequence: u64) -> Result<Cursor, ReadError> {
        while cursor.sequence < sequence {
            let frame = self.frame(&mut cursor)?;
            cursor.offset += frame.length() as u64;
            cursor.sequence += 1;
        }
        Ok(cursor)
    }

    fn damaged(&self, place: Place, damage: Damage) -> ReadError {
        ReadError::Damaged { folder: self.folder.clone(), place, damage }
    }

    /// At least `need` bytes from the cursor on, fewer only at the end of the segment.
    fn bytes<'c>(&self, cursor: &'c mut Cursor, need: usize) -> Result<&'c [u8], ReadError> {
        match cursor.fill(need) {
            Ok(skip) => Ok(&cursor.window[skip..cursor.filled]),
            Err(source) => Err(self.file(&self.folder.join(&cursor.name), source)),
        }
    }

    /// The head of the record at the cursor.
    fn frame(&self, cursor: &mut Cursor) -> Result<Frame, ReadError> {
        let (mut need, journal) = (HEAD_BYTES, cursor.journal);
        let why = loop {
            let bytes = self.bytes(cursor, need)?;
            let complete = bytes.len() >= need;
            match parse(bytes, &journal) {
                Parsed::Frame(frame) if frame.header.sequence == cursor.sequence => return Ok(frame),
                Parsed::Frame(frame) => {
                    let damage = Damage::OutOfOrder { found: frame.header.sequence };
                    return Err(self.damaged(cursor.place(), damage));
                }
                Parsed::Short(more) if complete && more > need => need = more,
                Parsed::Short(_) => break "the segment ends before this record does",
                Parsed::Nothing => break "this record was published and is not there",
                Parsed::Bad(why) => break why,
            }
        };
        Err(self.damaged(cursor.place(), Damage::NoRecord { why, next: None }))
    }

    fn record(&self, cursor: &mut Cursor) -> Result<Record, ReadError> {
        for attempt in 0..3 {
            if attempt > 0 {
                // An erasure may have overtaken us: its mark is written before the payload goes.
                cursor.filled = 0;
            }
            let frame = self.frame(cursor)?;
            let length = frame.length();
            let bytes = self.bytes(cursor, length)?;
            if bytes.len() < length {
                let why = "the segment ends before this record does";
                return Err(self.damaged(cursor.place(), Damage::NoRecord { why, next: None }));
            }
            let payload = match frame.body(&bytes[..length]) {
                Body::Present(payload) => Payload::Present(payload.to_vec()),
                Body::Erased | Body::HalfErased => Payload::Erased,
                Body::Damaged => continue,
            };
            cursor.offset += length as u64;
            cursor.sequence += 1;
            return Ok(frame.into_record(payload));
        }
        Err(self.damaged(cursor.place(), Damage::Payload))
    }
}

/// A place in a segment, and the bytes around it.
struct Cursor {
    name: String,
    file: Box<dyn DiskFile>,
    journal: JournalId,
    /// The record that starts at `offset`.
    sequence: u64,
    /// The first record of the next segment, if there was one when we looked.
    end: Option<u64>,
    offset: u64,
    window: Vec<u8>,
    /// How much of the window holds bytes of the file.
    filled: usize,
    window_at: u64,
}

impl Cursor {
    fn place(&self) -> Place {
        Place { file: self.name.clone(), offset: self.offset, sequence: self.sequence }
    }

    /// Sees to it that `need` bytes from the offset on are in the window, and says where in it they start.
    fn fill(&mut self, need: usize) -> io::Result<usize> {
        let inside = self.offset.checked_sub(self.window_at).and_then(|skip| usize::try_from(skip).ok());
        if let Some(skip) = inside.filter(|skip| skip.saturating_add(need) <= self.filled) {
            return Ok(skip);
        }
        if self.window.len() < need.max(WINDOW_BYTES) {
            self.window = vec![0; need.max(WINDOW_BYTES)];
        }
        self.filled = read_up_to(&*self.file, &mut self.window, self.offset)?;
        self.window_at = self.offset;
        Ok(0)
    }
}

/// Records, one after the other.
pub struct Records<'a> {
    reader: &'a mut Reader,
    next: u64,
    until: u64,
    failed: Option<ReadError>,
}

impl Records<'_> {
    fn fetch(&mut self) -> Result<Record, ReadError> {
        let mut cursor = self.reader.seek(self.next)?;
        let record = self.reader.record(&mut cursor)?;
        self.reader.cursor = Some(cursor);
        Ok(record)
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.failed.take() {
            self.until = self.next;
            return Some(Err(error));
        }
        if self.next >= self.until {
            return None;
        }
        let kept_cursor = self.reader.cursor.is_some();
        let mut result = self.fetch();
        if kept_cursor && matches!(result, Err(ReadError::Damaged { .. })) {
            // Since the cursor was put there the writer may have begun another segment.
            self.reader.cursor = None;
            result = self.fetch();
        }
        match &result {
            Ok(_) => self.next += 1,
            Err(_) => self.until = self.next,
        }
        Some(result)
    }
}
