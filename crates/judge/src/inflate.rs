//! What was packed with deflate, unpacked in one step: members of a ZIP, streams of a PDF, a gzip file.
//!
//! Most of them are small, and a library that has both sides in memory is twice as fast as one that gets its bytes piece by
//! piece. It says yes or no and nothing else, so this is for what is whole: whatever does not unpack here, or is larger, is
//! unpacked piece by piece, which then says what is wrong with it and where.

use std::io;

use libdeflater::{DecompressionError, Decompressor};

use crate::source::{Source, little32};

/// Larger parts are not held in memory, neither packed nor unpacked.
const WHOLE_MAX: usize = 4 << 20;
const ROOM_MIN: usize = 64 * 1024;

/// For one file; keeps its memory from part to part.
pub(super) struct Inflater {
    engine: Decompressor,
    packed: Vec<u8>,
    unpacked: Vec<u8>,
}

impl Inflater {
    pub(super) fn new() -> Inflater {
        Inflater { engine: Decompressor::new(), packed: Vec::new(), unpacked: Vec::new() }
    }

    /// The content of a part of which both lengths are known. `None`: it has another length, is damaged, or too large.
    pub(super) fn exactly(
        &mut self,
        source: &mut dyn Source,
        at: u64,
        packed: u64,
        unpacked: u64,
    ) -> io::Result<Option<&[u8]>> {
        let Some(room) = small(unpacked) else { return Ok(None) };
        make_room(&mut self.unpacked, room);
        let Some(packed) = bytes(source, at, packed, &mut self.packed)? else { return Ok(None) };
        let written = self.engine.deflate_decompress(packed, &mut self.unpacked[..room]);
        Ok((written == Ok(room)).then(|| &self.unpacked[..room]))
    }

    /// How many bytes a zlib stream unpacks to that begins at `from` and ends at `to` and nowhere else. `None`: it does
    /// not, or is damaged, or too large.
    pub(super) fn zlib(&mut self, source: &mut dyn Source, from: u64, to: u64) -> io::Result<Option<u64>> {
        let length = to.saturating_sub(from);
        let stream = bytes(source, from, length, &mut self.packed)?;
        let Some((stream, sum)) = stream.and_then(|stream| Some((stream, stream.last_chunk::<4>()?))) else {
            return Ok(None);
        };
        let mut room = self.unpacked.len().max(ROOM_MIN);
        let written = loop {
            make_room(&mut self.unpacked, room);
            match self.engine.zlib_decompress(stream, &mut self.unpacked) {
                Ok(written) => break written,
                Err(DecompressionError::InsufficientSpace) if room < WHOLE_MAX => room *= 4,
                Err(DecompressionError::InsufficientSpace | DecompressionError::BadData) => return Ok(None),
            }
        };
        let fits = libdeflater::adler32(&self.unpacked[..written]) == u32::from_be_bytes(*sum);
        Ok((fits && ends_there(stream, sum)).then_some(written as u64))
    }

    /// The content of a gzip file of one member. `None`: it has more, or is damaged, or too large.
    pub(super) fn gzip(&mut self, source: &mut dyn Source) -> io::Result<Option<&[u8]>> {
        let length = source.length();
        let file = bytes(source, 0, length, &mut self.packed)?;
        let Some((file, end)) = file.and_then(|file| Some((file, file.last_chunk::<8>()?))) else {
            return Ok(None);
        };
        let (sum, length) = (little32(end, 0), little32(end, 4));
        let Some(room) = small(u64::from(length)) else { return Ok(None) };
        make_room(&mut self.unpacked, room);
        let unpacked = &mut self.unpacked[..room];
        let is_whole = self.engine.gzip_decompress(file, unpacked) == Ok(room)
            && libdeflater::crc32(unpacked) == sum
            && ends_there(file, end);
        Ok(is_whole.then_some(&*unpacked))
    }
}

/// The library has found the sum of the content behind the data, and does not say where that was. It was at the end if the
/// same bytes stand nowhere before.
fn ends_there(all: &[u8], sum: &[u8]) -> bool {
    memchr::memmem::find(&all[..all.len() - 1], sum).is_none()
}

fn make_room(unpacked: &mut Vec<u8>, room: usize) {
    if unpacked.len() < room {
        // Nothing of the old content is needed.
        *unpacked = vec![0; room.max(ROOM_MIN)];
    }
}

/// Some bytes of a source, where they lie or in `room`. `None`: there are not so many, or too many.
fn bytes<'a>(
    source: &'a mut dyn Source,
    at: u64,
    length: u64,
    room: &'a mut Vec<u8>,
) -> io::Result<Option<&'a [u8]>> {
    let Some(length) = small(length) else { return Ok(None) };
    if source.whole().is_some() {
        let from = usize::try_from(at).unwrap_or(usize::MAX);
        return Ok(source.whole().and_then(|whole| whole.get(from..)?.get(..length)));
    }
    room.resize(length, 0);
    let read = source.read_at(at, room)?;
    Ok((read == length).then_some(room))
}

fn small(length: u64) -> Option<usize> {
    usize::try_from(length).ok().filter(|length| *length <= WHOLE_MAX)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::super::specimens::{Dice, deflated, gzip, text, zlib};
    use super::*;

    fn bytes_of(length: usize) -> Vec<u8> {
        let mut plain = text(3, length);
        plain.truncate(length);
        plain
    }

    #[test]
    fn what_is_whole_unpacks_to_itself_whatever_its_length() {
        let mut inflater = Inflater::new();
        for length in [0, 1, 100, ROOM_MIN - 1, ROOM_MIN, ROOM_MIN + 1, 1 << 20, WHOLE_MAX] {
            let plain = bytes_of(length);
            let packed = deflated(&plain);
            let found = inflater.exactly(&mut &*packed, 0, packed.len() as u64, length as u64).unwrap();
            assert_eq!(found, Some(&*plain), "{length}");
            let stream = zlib(&plain);
            let found = inflater.zlib(&mut &*stream, 0, stream.len() as u64).unwrap();
            assert_eq!(found, Some(length as u64), "{length}");
            let file = gzip(&plain);
            // Sum and length of nothing are zeros, which stand in the head as well.
            let found = Some(&*plain).filter(|plain| !plain.is_empty());
            assert_eq!(inflater.gzip(&mut &*file).unwrap(), found, "{length}");
        }
        let packed = deflated(&bytes_of(WHOLE_MAX + 1));
        let found = inflater.exactly(&mut &*packed, 0, packed.len() as u64, WHOLE_MAX as u64 + 1);
        assert_eq!(found.unwrap(), None);
    }

    #[test]
    fn what_does_not_fit_is_left_to_whoever_says_why() {
        let mut inflater = Inflater::new();
        let plain = bytes_of(50_000);
        let (packed, stream, file) = (deflated(&plain), zlib(&plain), gzip(&plain));
        let whole = packed.len() as u64;
        for wrong in [49_999, 50_001] {
            assert_eq!(inflater.exactly(&mut &*packed, 0, whole, wrong).unwrap(), None);
        }
        for (from, to) in [(0, whole - 1), (1, whole), (whole, whole + 1), (u64::MAX, u64::MAX)] {
            assert_eq!(inflater.exactly(&mut &*packed, from, to - from, 50_000).unwrap(), None);
        }
        // Ends before the place that was named, or behind it.
        let longer = [&*stream, b"\n"].concat();
        assert_eq!(inflater.zlib(&mut &*longer, 0, longer.len() as u64).unwrap(), None);
        assert_eq!(inflater.zlib(&mut &*stream, 0, stream.len() as u64 - 1).unwrap(), None);
        // Even if both are the same, so that sum and length at the end fit the first.
        let two = [&*file, &*file].concat();
        let hidden = [&*stream, &[7; 3000], &stream[stream.len() - 4..]].concat();
        assert_eq!(inflater.zlib(&mut &*hidden, 0, hidden.len() as u64).unwrap(), None);
        let padded = [&*file, &[0; 512]].concat();
        for several in [&two, &padded] {
            assert_eq!(inflater.gzip(&mut &**several).unwrap(), None);
        }
    }

    #[test]
    fn one_wrong_bit_is_seen_wherever_it_stands_unless_it_says_nothing() {
        let mut inflater = Inflater::new();
        let plain = bytes_of(20_000);
        let (stream, file) = (zlib(&plain), gzip(&plain));
        let mut dice = Dice::new(9);
        let mut seen = 0;
        for _ in 0..500 {
            let (mut stream, mut file) = (stream.clone(), file.clone());
            let bit = 1 << dice.below(8);
            let (at, place) = (dice.below(stream.len()), dice.below(file.len()));
            stream[at] ^= bit;
            file[place] ^= bit;
            let (unpacked, length) =
                (inflater.gzip(&mut &*file).unwrap().map(<[u8]>::to_vec), stream.len() as u64);
            assert!(unpacked.as_ref().is_none_or(|unpacked| *unpacked == plain), "{place}");
            seen += usize::from(unpacked.is_none());
            if inflater.zlib(&mut &*stream, 0, length).unwrap().is_some() {
                let mut unpacked = Vec::new();
                flate2::read::ZlibDecoder::new(&*stream).read_to_end(&mut unpacked).unwrap();
                assert_eq!(unpacked, plain, "{at}");
            } else {
                seen += 1;
            }
        }
        assert!(seen > 980, "{seen} of 1000");
    }
}
