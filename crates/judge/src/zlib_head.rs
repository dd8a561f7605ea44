//! Does data packed with zlib begin here? Its mark is two bytes long, so it is asked by unpacking.

use std::io::Read;

use crate::kinds::Kind;

/// A head of a program's own in front of data packed with zlib is this long at most.
const ZLIB_AT_MAX: usize = 64;

/// Two bytes begin data packed with zlib, which chance brings forth as well. So the beginning must unpack: random
/// bytes stop the decompressor soon, because they refer to what was not there yet. Some programs put a length or a
/// head of their own in front. The objects of git are such files, and have no endings.
pub(super) fn begins_here(head: &[u8]) -> Option<Kind> {
    (0..ZLIB_AT_MAX.min(head.len())).find(|at| unpacks(&head[*at..])).map(|at| match at {
        0 => Kind::Zlib,
        _ => Kind::Packed("file packed with zlib"),
    })
}

fn unpacks(head: &[u8]) -> bool {
    if !matches!(head, [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..]) {
        return false;
    }
    let mut decoder = flate2::bufread::ZlibDecoder::new(head);
    let (mut piece, mut total) = ([0; 4096], 0);
    loop {
        match decoder.read(&mut piece) {
            // At the end its checksum fitted; a beginning that goes on must have brought forth a little.
            Ok(0) => return true,
            Ok(read) => total += read,
            Err(error) => {
                return error.kind() == std::io::ErrorKind::UnexpectedEof
                    && total >= head.len() / 2
                    && total >= 64;
            }
        }
    }
}
