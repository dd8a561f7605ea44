//! Logs that programs only append to, record by record, each with a CRC-32C: Kafka's segments and the journals of LevelDB and
//! RocksDB. Both are called `.log` and are no text.
//!
//! Sources: Kafka, "Message format" (record batch, magic 2); LevelDB, `doc/log_format.md`, and `util/crc32c.h` for the mask;
//! RocksDB, `db/log_format.h` for records that are written over old ones.

use std::io;

use crate::crc32c::{crc32c, extend};
use crate::peek::Peek;
use crate::source::{Source, big32, little16, little32};
use crate::structure::Structure;
use crate::work::Work;

const BATCH_HEAD: u64 = 61;
/// Of a batch, in front of what its length counts.
const BATCH_PREFIX: u64 = 12;
const BLOCK: u64 = 32 * 1024;
const RECORD_HEAD: u64 = 7;
/// Behind the head of a record that is written over an older one stands the number of its log.
const RECYCLED_HEAD: u64 = 11;

/// The first batch, field by field: it may be longer than what is at hand.
pub(super) fn is_kafka(head: &[u8], length: u64) -> bool {
    let size = u64::from(big32(head, 8));
    let fits = head.len() >= 61
        && head[16] == 2
        && head[0] < 0x80
        && size >= BATCH_HEAD - BATCH_PREFIX
        && size + BATCH_PREFIX <= length;
    // Attributes use the lowest bits; offsets and counts are not negative, and there are as many records as offsets.
    fits && head[21] == 0
        && head[22] < 0x80
        && head[23] < 0x80
        && (1..=big32(head, 23) + 1).contains(&big32(head, 57))
}

pub(super) fn kafka(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let (mut at, mut batches) = (0, 0_u64);
    while at < peek.length {
        let Some(head) = peek.array::<21>(at)? else { return unfinished(&mut peek, at, batches) };
        let end = at + BATCH_PREFIX + u64::from(big32(&head, 8));
        if head[..17] == [0; 17] || (end > peek.length && head[16] == 2) {
            return unfinished(&mut peek, at, batches);
        }
        if head[16] != 2 || end < at + BATCH_HEAD {
            return Ok(if batches > 0 && head[16] < 2 {
                Structure::Partly(format!("Kafka: {batches} batches fit, then an older form follows"))
            } else {
                Structure::broken(at, format!("no batch of Kafka follows the first {batches}"))
            });
        }
        if !work.spend(end - at) {
            return Ok(Work::exhausted("log (Kafka)"));
        }
        if sum_of(&mut peek, at + 21, end)? != big32(&head, 17) {
            let why = format!("batch {} of the Kafka log does not fit its checksum", batches + 1);
            return Ok(Structure::Broken { at, why, framing: false });
        }
        at = end;
        batches += 1;
    }
    Ok(Structure::Sealed(format!("Kafka: all {batches} batches fit their checksums")))
}

/// Room that was taken in advance, or a batch that was being written.
fn unfinished(peek: &mut Peek<'_>, at: u64, batches: u64) -> io::Result<Structure> {
    let rest = peek.length - at;
    let mut from = at;
    while from < peek.length {
        let ahead = peek.ahead(from)?;
        if ahead.iter().any(|byte| *byte != 0) {
            let why = format!("{batches} records fit their checksums; the last one is not all there");
            return Ok(Structure::Cut { at: peek.length, why });
        }
        from += ahead.len().max(1) as u64;
    }
    Ok(Structure::Sealed(format!("{batches} records fit their checksums; {rest} zeros behind them")))
}

fn sum_of(peek: &mut Peek<'_>, mut at: u64, end: u64) -> io::Result<u32> {
    let mut sum = !0;
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(usize::MAX);
        let bytes = peek.bytes(at, wanted)?;
        if bytes.is_empty() {
            break;
        }
        sum = extend(sum, bytes);
        at += bytes.len() as u64;
    }
    Ok(!sum)
}

/// The first record must fit its sum: two bytes of a head prove nothing.
pub(super) fn is_leveldb(source: &mut dyn Source) -> io::Result<bool> {
    let mut peek = Peek::new(source);
    Ok(matches!(record(&mut peek, 0)?, Record::Fits(_)))
}

enum Record {
    /// Where the next one begins.
    Fits(u64),
    Filling,
    Differs,
    Short,
}

fn record(peek: &mut Peek<'_>, at: u64) -> io::Result<Record> {
    let Some(head) = peek.array::<7>(at)? else { return Ok(Record::Short) };
    let (length, kind) = (u64::from(little16(&head, 4)), head[6]);
    if head == [0; 7] {
        return Ok(Record::Filling);
    }
    let size = if kind >= 5 { RECYCLED_HEAD } else { RECORD_HEAD } + length;
    if !(1..=12).contains(&kind) || at % BLOCK + size > BLOCK {
        return Ok(Record::Differs);
    }
    if at + size > peek.length {
        return Ok(Record::Short);
    }
    let bytes = peek.bytes(at + 6, usize::try_from(size - 6).expect("at most a block"))?;
    let sum = crc32c(bytes);
    let masked = sum.rotate_right(15).wrapping_add(0xa282_ead8);
    Ok(if masked == little32(&head, 0) { Record::Fits(at + size) } else { Record::Differs })
}

pub(super) fn leveldb(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    let mut peek = Peek::new(source);
    let (mut at, mut records) = (0_u64, 0_u64);
    while at < peek.length {
        let left = BLOCK - at % BLOCK;
        if left < RECORD_HEAD {
            at += left;
            continue;
        }
        if !work.spend(64) {
            return Ok(Work::exhausted("log (LevelDB)"));
        }
        match record(&mut peek, at)? {
            Record::Fits(next) => (at, records) = (next, records + 1),
            Record::Filling => return unfinished(&mut peek, at, records),
            Record::Short => return unfinished(&mut peek, at, records),
            Record::Differs => {
                let why = format!("record {} of the LevelDB log does not fit its checksum", records + 1);
                return Ok(Structure::broken(at, why));
            }
        }
    }
    Ok(Structure::Sealed(format!("LevelDB: all {records} records fit their checksums")))
}
