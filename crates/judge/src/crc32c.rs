//! CRC-32C (Castagnoli; RFC 3720, B.4), eight bytes a step. Databases carry it over their pages and records.

use std::sync::LazyLock;

static TABLES: LazyLock<[[u32; 256]; 8]> = LazyLock::new(|| {
    let mut tables = [[0; 256]; 8];
    for byte in 0..256_u32 {
        let mut sum = byte;
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
        tables[0][byte as usize] = sum;
    }
    for table in 1..8 {
        for byte in 0..256 {
            let before: u32 = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][(before & 0xff) as usize];
        }
    }
    tables
});

pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    !extend(!0, bytes)
}

/// Of several pieces one after the other: begin with `!0`, and turn the last one around.
pub(super) fn extend(mut sum: u32, bytes: &[u8]) -> u32 {
    let tables = &*TABLES;
    let (eights, rest) = bytes.as_chunks::<8>();
    for eight in eights {
        let word = u64::from_le_bytes(*eight) ^ u64::from(sum);
        let at = |table: usize, shift: u32| tables[table][(word >> shift & 0xff) as usize];
        sum = at(7, 0) ^ at(6, 8) ^ at(5, 16) ^ at(4, 24) ^ at(3, 32) ^ at(2, 40) ^ at(1, 48) ^ at(0, 56);
    }
    for byte in rest {
        sum = sum >> 8 ^ tables[0][((sum ^ u32::from(*byte)) & 0xff) as usize];
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa, "RFC 3720, B.4");
        assert_eq!(!extend(extend(!0, b"12345"), b"6789"), 0xe306_9283);
    }
}
