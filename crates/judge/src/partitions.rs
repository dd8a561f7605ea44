//! Which partitions of a disk are encrypted and say so? MBR, and GPT (UEFI specification, 5.3), with sectors of 512 bytes.

use std::io;

use crate::declared::{self, Tool};
use crate::source::{Source, little32};

const SECTOR: u64 = 512;
const ENTRIES_MAX: u32 = 128;
const MBR_ENTRIES: usize = 446;

/// Number of the partition, from one, and what it is encrypted with.
pub(super) fn encrypted(source: &mut dyn Source) -> io::Result<Vec<(usize, &'static str)>> {
    let mut found = Vec::new();
    for (number, first) in begins(source)?.into_iter().enumerate() {
        let mut head = [0; 512];
        let at = first.saturating_mul(SECTOR);
        if first == 0 || at >= source.length() {
            continue;
        }
        source.read_at(at, &mut head)?;
        if let Some(Tool::Volume(word)) = declared::recognise(&head, source.length() - at) {
            found.push((number + 1, word));
        }
    }
    Ok(found)
}

/// First sectors.
fn begins(source: &mut dyn Source) -> io::Result<Vec<u64>> {
    let mut head = [0; 1024];
    source.read_at(0, &mut head)?;
    if head[510..512] != [0x55, 0xaa] {
        return Ok(Vec::new());
    }
    let gpt = &head[512..];
    if !gpt.starts_with(b"EFI PART") {
        let entry = |at: usize| u64::from(little32(&head, MBR_ENTRIES + at * 16 + 8));
        return Ok((0..4).map(entry).collect());
    }
    let (from, count, size) = (long(gpt, 72), little32(gpt, 80).min(ENTRIES_MAX), little32(gpt, 84));
    let mut all = Vec::new();
    for number in 0..count {
        let mut entry = [0; 48];
        let at = from.saturating_mul(SECTOR).saturating_add(u64::from(number) * u64::from(size));
        source.read_at(at, &mut entry)?;
        all.push(if entry[..16] == [0; 16] { 0 } else { long(&entry, 32) });
    }
    Ok(all)
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(little32(bytes, at)) | u64::from(little32(bytes, at + 4)) << 32
}
