//! A dump in SQL whose values hold raw bytes, as `mysqldump` writes them without `--hex-blob`: text outside of quotes, and
//! inside everything but what the server escapes (MySQL, "String literals": zero byte, line ends, quotes, backslash).
//!
//! Of random bytes one in 256 is a quote and one a zero, so they do not pass for that over more than a few hundred.

use std::io;

use crate::source::Source;

const PIECE: usize = 64 * 1024;

/// From end to end; `None` if it is something else.
pub(super) fn values(source: &mut dyn Source) -> io::Result<Option<u64>> {
    let mut piece = vec![0; PIECE];
    let (mut at, mut values) = (0, 0_u64);
    let (mut quote, mut escaped) = (0, false);
    loop {
        let read = source.read_at(at, &mut piece)?;
        if read == 0 {
            return Ok((quote == 0 && values > 0).then_some(values));
        }
        at += read as u64;
        for &byte in &piece[..read] {
            match (quote, byte) {
                (0, b'\'' | b'"' | b'`') => (quote, values) = (byte, values + 1),
                (0, b'\n' | b'\r' | b'\t' | 0x20..=0x7e | 0x80..) => {}
                (0, _) => return Ok(None),
                _ if escaped => escaped = false,
                (_, b'\\') => escaped = true,
                (_, 0) => return Ok(None),
                // Lines end in values of texts, and hardly ever in long ones of bytes.
                (open, end) if open == end => quote = 0,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::specimens::Dice;

    #[test]
    fn binary_in_quotes_passes_and_a_hole_of_random_bytes_does_not() {
        let mut dump = b"-- MySQL dump\nCREATE TABLE `photo` (`id` int, `data` longblob);\n".to_vec();
        for id in 0..20 {
            dump.extend(format!("INSERT INTO `photo` VALUES ({id},_binary '").bytes());
            for byte in Dice::new(id).bytes(3000) {
                match byte {
                    0 => dump.extend(b"\\0"),
                    b'\n' => dump.extend(b"\\n"),
                    b'\r' => dump.extend(b"\\r"),
                    b'\'' | b'"' | b'\\' => dump.extend([b'\\', byte]),
                    other => dump.push(other),
                }
            }
            dump.extend(b"');\n");
        }
        assert_eq!(values(&mut dump.as_slice()).unwrap(), Some(20 + 3 + 20));
        for seed in 0..50 {
            let mut hit = dump.clone();
            let at = Dice::new(seed).below(dump.len() - 4096);
            hit[at..at + 4096].copy_from_slice(&Dice::new(seed + 99).bytes(4096));
            assert_eq!(values(&mut hit.as_slice()).unwrap(), None, "{at}");
        }
    }
}
