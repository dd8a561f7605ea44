//! TrueType and OpenType fonts: a list of tables, each with its place, length and a sum over its content.
//!
//! Many tools leave old sums behind, so a sum that does not fit counts only where the table looks random as well:
//! outlines and their programs never do.

use std::io;

use crate::boxes::random_between;
use crate::source::{Source, big16, big32};
use crate::statistics::Statistics;
use crate::structure::Structure;
use crate::work::Work;

const TABLES_MAX: usize = 256;
const PIECE: usize = 64 * 1024;

struct Table {
    name: [u8; 4],
    sum: u32,
    from: u64,
    size: u64,
}

pub(super) fn check(
    source: &mut dyn Source,
    statistics: &Statistics,
    work: &mut Work,
) -> io::Result<Structure> {
    let length = source.length();
    let mut head = vec![0; 12 + TABLES_MAX * 16];
    let read = source.read_at(0, &mut head)?;
    let count = usize::from(big16(&head, 4));
    let Some(list) = head[..read].get(12..12 + count * 16).filter(|_| count > 0) else {
        return Ok(Structure::broken(4, "its list of tables is none".to_owned()));
    };
    let tables: Vec<Table> = list.chunks_exact(16).map(table).collect();
    if tables.iter().any(|table| !table.name.iter().all(|byte| (0x20..0x7f).contains(byte))) {
        return Ok(Structure::broken(12, "its list of tables holds nonsense".to_owned()));
    }
    if tables.iter().any(|table| table.from + table.size > length) {
        return Ok(Structure::Cut { at: length, why: "the font ends before its tables do".to_owned() });
    }
    // Tables may lie over each other, so all of them together may be far more than the file.
    if !work.spend(tables.iter().map(|table| table.size).sum()) {
        return Ok(Work::exhausted("font"));
    }
    let mut unfit = 0;
    for table in &tables {
        if sum(source, table)? == table.sum {
            continue;
        }
        unfit += 1;
        if let Some(at) = random_between(statistics, table.from, table.from + table.size) {
            let name = String::from_utf8_lossy(&table.name).into_owned();
            let why = format!("its table `{name}` does not fit its sum and looks random");
            return Ok(Structure::Random { at, why });
        }
    }
    Ok(match unfit {
        0 => Structure::Whole(format!("all {count} tables of the font fit their sums")),
        unfit => Structure::Partly(format!("is a font; {unfit} of its {count} tables do not fit their sums")),
    })
}

fn table(entry: &[u8]) -> Table {
    Table {
        name: [entry[0], entry[1], entry[2], entry[3]],
        sum: big32(entry, 4),
        from: u64::from(big32(entry, 8)),
        size: u64::from(big32(entry, 12)),
    }
}

/// Numbers of four bytes, the last filled up with zeros. The table `head` holds the sum over the whole font, which was
/// not there yet when its own was made.
fn sum(source: &mut dyn Source, table: &Table) -> io::Result<u32> {
    let mut piece = vec![0; PIECE.min(usize::try_from(table.size).unwrap_or(PIECE)).next_multiple_of(4)];
    let (mut at, mut sum) = (0, 0_u32);
    while at < table.size {
        let wanted = piece.len().min(usize::try_from(table.size - at).unwrap_or(PIECE));
        let read = source.read_at(table.from + at, &mut piece[..wanted])?;
        if read == 0 {
            break;
        }
        piece[read..].fill(0);
        if table.name == *b"head" && at == 0 && read >= 12 {
            piece[8..12].fill(0);
        }
        let numbers = piece[..read.next_multiple_of(4)].chunks_exact(4);
        sum = numbers.fold(sum, |sum, number| sum.wrapping_add(big32(number, 0)));
        at += read as u64;
    }
    Ok(sum)
}
