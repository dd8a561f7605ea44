//! A source, looked at from the front to the back a few bytes at a time without copying each.

use std::io;

use crate::source::Source;

const PIECE: usize = 64 * 1024;

pub(super) struct Peek<'a> {
    source: &'a mut dyn Source,
    pub(super) length: u64,
    piece: Vec<u8>,
    from: u64,
    have: usize,
}

impl<'a> Peek<'a> {
    pub(super) fn new(source: &'a mut dyn Source) -> Peek<'a> {
        Peek { length: source.length(), source, piece: vec![0; PIECE], from: 0, have: 0 }
    }

    /// Up to `count` bytes (at most 64 KiB) at `at`; fewer only at the end.
    pub(super) fn bytes(&mut self, at: u64, count: usize) -> io::Result<&[u8]> {
        let end = at.saturating_add(count.min(PIECE) as u64).min(self.length);
        if at < self.from || end > self.from + self.have as u64 {
            self.from = at;
            self.have = self.source.read_at(at, &mut self.piece)?;
        }
        let start = usize::try_from(at - self.from).unwrap_or(usize::MAX).min(self.have);
        Ok(&self.piece[start..(start + count.min(PIECE)).min(self.have)])
    }

    /// Exactly as many as asked for, or `None` at the end.
    pub(super) fn array<const N: usize>(&mut self, at: u64) -> io::Result<Option<[u8; N]>> {
        Ok(self.bytes(at, N)?.first_chunk::<N>().copied())
    }

    /// Everything from `at` to the end of the buffer: at least one byte unless the file ends there.
    pub(super) fn ahead(&mut self, at: u64) -> io::Result<&[u8]> {
        if at < self.from || at >= self.from + self.have as u64 {
            self.from = at;
            self.have = self.source.read_at(at, &mut self.piece)?;
        }
        let start = usize::try_from(at - self.from).unwrap_or(usize::MAX).min(self.have);
        Ok(&self.piece[start..self.have])
    }
}
