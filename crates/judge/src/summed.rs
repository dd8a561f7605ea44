//! Does a packed file carry a sum over what it holds? Zstandard, LZ4 and xz leave that to whoever packs.

use std::io;

use crate::peek::Peek;
use crate::source::{Source, little32};

/// Stream flags, the check's type (xz file format 2.1.1.2): 0 is none.
pub(super) fn xz(source: &mut dyn Source) -> io::Result<bool> {
    let mut head = [0; 8];
    source.read_at(0, &mut head)?;
    Ok(head[7] & 15 != 0)
}

/// Frame descriptor (LZ4 frame format): a sum over the content, or over every block.
pub(super) fn lz4(source: &mut dyn Source) -> io::Result<bool> {
    let mut head = [0; 5];
    source.read_at(0, &mut head)?;
    Ok(head.starts_with(b"\x04\x22\x4d\x18") && head[4] & 0b1_0100 != 0)
}

/// Every frame (RFC 8878, 3.1.1): whether it announces a sum. Frames that are to be skipped hold anything.
pub(super) fn zstd(source: &mut dyn Source) -> io::Result<bool> {
    let mut peek = Peek::new(source);
    let mut at = 0;
    while at < peek.length {
        let head = peek.bytes(at, 5)?;
        if !head.starts_with(b"\x28\xb5\x2f\xfd") || head.len() < 5 || head[4] & 4 == 0 {
            return Ok(false);
        }
        let flags = head[4];
        let single = flags >> 5 & 1;
        let dictionary = [0, 1, 2, 4][usize::from(flags & 3)];
        let size = match flags >> 6 {
            0 => u64::from(single),
            more => 1 << more,
        };
        at += 5 + u64::from(1 - single) + dictionary + size;
        loop {
            let Some([low, middle, high]) = peek.array::<3>(at)? else { return Ok(false) };
            let block = little32(&[low, middle, high, 0], 0);
            at += 3 + if block >> 1 & 3 == 1 { 1 } else { u64::from(block >> 3) };
            if block & 1 == 1 {
                break;
            }
        }
        at += 4;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use crate::specimens::text;

    #[test]
    fn a_sum_that_was_left_out_is_seen() {
        for (with_sum, frames) in [(true, 1), (false, 1), (true, 3)] {
            let mut file = Vec::new();
            for _ in 0..frames {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
                encoder.include_checksum(with_sum).unwrap();
                encoder.write_all(&text(1, 400_000)).unwrap();
                file.extend(encoder.finish().unwrap());
            }
            assert_eq!(super::zstd(&mut file.as_slice()).unwrap(), with_sum);
            for cut in [5, 9, 100] {
                super::zstd(&mut &file[..cut]).unwrap();
            }
        }
        assert!(super::xz(&mut &b"\xfd7zXZ\0\0\x04"[..]).unwrap());
        assert!(!super::xz(&mut &b"\xfd7zXZ\0\0\0"[..]).unwrap());
        assert!(!super::lz4(&mut &b"\x04\x22\x4d\x18\x40"[..]).unwrap());
    }
}
