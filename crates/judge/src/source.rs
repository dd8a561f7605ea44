//! Where the bytes of a file come from, and how checkers read them: whole, in part, as a stream, as numbers.

use std::io;

/// Bytes that can be read at any place: a file, a file in a repository, or a slice.
pub trait Source {
    fn length(&self) -> u64;
    /// Fills `into` as far as there are bytes at `offset`; returns how many there were.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// All of it, where it lies in memory anyway.
    fn whole(&self) -> Option<&[u8]> {
        None
    }
}

impl Source for &[u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let count = into.len().min(self.len() - from);
        into[..count].copy_from_slice(&self[from..from + count]);
        Ok(count)
    }

    fn whole(&self) -> Option<&[u8]> {
        Some(self)
    }
}

/// A part of a source as a source.
pub(super) struct Part<'a> {
    pub(super) source: &'a mut dyn Source,
    pub(super) from: u64,
    pub(super) length: u64,
}

impl Source for Part<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = into.len().min(left);
        self.source.read_at(self.from + offset, &mut into[..count])
    }
}

/// A part of a source as a stream.
pub(super) struct At<'a> {
    source: &'a mut dyn Source,
    at: u64,
    end: u64,
}

impl<'a> At<'a> {
    pub(super) fn new(source: &'a mut dyn Source, at: u64, end: u64) -> At<'a> {
        let end = end.min(source.length());
        At { source, at: at.min(end), end }
    }

    pub(super) fn left(&self) -> u64 {
        self.end - self.at
    }

    /// All of it in memory, at most `bytes`.
    pub(super) fn limited_to(mut self, bytes: u64) -> io::Result<io::Cursor<Vec<u8>>> {
        self.end = self.end.min(self.at + bytes);
        let mut all = Vec::new();
        io::Read::read_to_end(&mut self, &mut all)?;
        Ok(io::Cursor::new(all))
    }
}

impl io::Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(usize::try_from(self.left()).unwrap_or(usize::MAX));
        let read = self.source.read_at(self.at, &mut into[..count]);
        let read = read.map_err(|error| io::Error::new(error.kind(), SourceFault(error)))?;
        self.at += read as u64;
        Ok(read)
    }
}

impl io::Seek for At<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let target = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::Current(by) => self.at.checked_add_signed(by),
            io::SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?.min(self.end);
        Ok(self.at)
    }
}

/// The source could not be read: not a fault of the format.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SourceFault(io::Error);

/// Decompressors have many words for data that are no compressed data, and some no kinds of error at all. So
/// every error is one of the format, unless it came from the source.
pub(super) fn is_format_error(error: &io::Error) -> bool {
    error.get_ref().is_none_or(|inner| !inner.is::<SourceFault>())
}

pub(super) fn little16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]))
}

pub(super) fn little32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

pub(super) fn big16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
}

pub(super) fn big32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}
