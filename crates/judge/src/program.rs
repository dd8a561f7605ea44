//! Programs (ELF, Windows) and uncompressed bitmaps: their tables lie inside the file, and code and pixels do
//! not look random.

use std::io;

use crate::boxes::random_places_between;
use crate::ending;
use crate::source::{Source, little16, little32};
use crate::statistics::{Statistics, WINDOW};
use crate::stretch::random_stretch;
use crate::structure::Structure;

const TABLE_MAX: u64 = 1 << 20;
/// A random end shorter than this, or that begins so close to the end of the sections, says nothing.
const BEGINNING_LEFT_MIN: u64 = 2048;

pub(super) fn elf(source: &mut dyn Source, statistics: &Statistics) -> io::Result<Structure> {
    let length = source.length();
    let mut head = [0; 64];
    if source.read_at(0, &mut head)? < 52 {
        return Ok(cut(length));
    }
    let (wide, little) = (head[4] == 2, head[5] == 1);
    if !matches!(head[4], 1 | 2) || !matches!(head[5], 1 | 2) {
        return Ok(Structure::broken(4, "the head of the program holds values that cannot be".to_owned()));
    }
    let field = |bytes: &[u8], at: usize, size: usize| {
        let bytes = &bytes[at..at + size];
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) }
    };
    let (at, each, count) = if wide {
        (field(&head, 40, 8), field(&head, 58, 2), field(&head, 60, 2))
    } else {
        (field(&head, 32, 4), field(&head, 46, 2), field(&head, 48, 2))
    };
    if at == 0 || count == 0 {
        return Ok(Structure::Partly("is a program without a table of its sections".to_owned()));
    }
    let size = each * count;
    if at.saturating_add(size) > length {
        return Ok(cut(length));
    }
    let expected = if wide { 64 } else { 40 };
    if each != expected || size > TABLE_MAX {
        return Ok(Structure::broken(at, "the table of the program's sections is none".to_owned()));
    }
    let mut table = vec![0; usize::try_from(size).expect("at most TABLE_MAX")];
    source.read_at(at, &mut table)?;
    for section in table.chunks_exact(usize::try_from(each).expect("40 or 64")) {
        let (kind, flags, from, size) = if wide {
            (field(section, 4, 4), field(section, 8, 8), field(section, 24, 8), field(section, 32, 8))
        } else {
            (field(section, 4, 4), field(section, 8, 4), field(section, 16, 4), field(section, 20, 4))
        };
        // Separate debug files keep the table and drop the content (kind 8).
        if kind != 8 && kind != 0 && from.saturating_add(size) > length {
            return Ok(Structure::broken(
                at,
                "the table of the program's sections leads behind its end".to_owned(),
            ));
        }
        let code = kind == 1 && flags & 4 != 0;
        if code && let Some(random) = random_places_between(statistics, from, from.saturating_add(size)) {
            return Ok(Structure::Odd(format!("code of the program looks random (byte {random})")));
        }
    }
    Ok(Structure::Whole(format!("the table of the program's {count} sections fits")))
}

pub(super) fn windows(source: &mut dyn Source, statistics: &Statistics) -> io::Result<Structure> {
    let length = source.length();
    let mut head = [0; 64];
    let read = source.read_at(0, &mut head)?;
    let at = u64::from(little32(&head, 60));
    let mut new = [0; 24];
    if read < 64 || at == 0 || source.read_at(at, &mut new)? < 24 || !new.starts_with(b"PE\0\0") {
        // Programs of DOS and of old Windows have another head, or none.
        return Ok(Structure::Partly("is a program for DOS or an old Windows".to_owned()));
    }
    let sections = usize::from(little16(&new, 6));
    let table_at = at + 24 + u64::from(little16(&new, 20));
    let mut table = vec![0; sections.min(256) * 40];
    if source.read_at(table_at, &mut table)? < table.len() {
        return Ok(cut(length));
    }
    let mut sections_end = 0;
    for section in table.chunks_exact(40) {
        let (size, from) = (u64::from(little32(section, 16)), u64::from(little32(section, 20)));
        if from.saturating_add(size) > length.next_multiple_of(512) {
            return Ok(cut(length));
        }
        sections_end = sections_end.max(from + size);
        let windows = size / WINDOW as u64;
        let first = from.div_ceil(WINDOW as u64);
        let even = (first..first + windows)
            .filter(|window| statistics.even_window(usize::try_from(*window).unwrap_or(usize::MAX)))
            .count() as u64;
        // All of it random: a packed program, as many are delivered. A part of it: not made by any tool.
        if section.starts_with(b".text\0") && even > 0 && even * 10 < windows * 9 {
            return Ok(Structure::Odd(format!(
                "{even} of {windows} windows of the program's code look random"
            )));
        }
    }
    // What is packed behind the sections is an installer's; nothing packs a part of them up to their end.
    if let Some(from) = ending::random_end(source, BEGINNING_LEFT_MIN)?
        && from + BEGINNING_LEFT_MIN <= sections_end
    {
        return Ok(Structure::Odd(format!(
            "from byte {from}, within the program's sections, to its end all of it looks random"
        )));
    }
    Ok(Structure::Whole(format!("the table of the program's {sections} sections fits")))
}

/// Uncompressed bitmaps, as most are.
pub(super) fn bitmap(source: &mut dyn Source) -> io::Result<Structure> {
    let length = source.length();
    let mut head = [0; 54];
    if source.read_at(0, &mut head)? < 54 {
        return Ok(Structure::Partly("is a bitmap of an old form".to_owned()));
    }
    let (pixels, form, coding) = (u64::from(little32(&head, 10)), little32(&head, 14), little32(&head, 30));
    if !matches!(form, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124) || pixels > length {
        return Ok(Structure::broken(14, "the head of the bitmap holds values that cannot be".to_owned()));
    }
    if form < 40 || !matches!(coding, 0 | 3) {
        return Ok(Structure::Partly("is a bitmap in a form that is not looked into".to_owned()));
    }
    let width = u64::from(little32(&head, 18));
    let height = u64::from(little32(&head, 22).cast_signed().unsigned_abs());
    let bytes =
        (width * u64::from(little16(&head, 28))).div_ceil(32).saturating_mul(4).saturating_mul(height);
    if pixels.saturating_add(bytes) > length {
        return Ok(cut(length));
    }
    if let Some(random) = random_stretch(source, pixels, length)? {
        return Ok(Structure::Random { at: random, why: "uncompressed pixels look random".to_owned() });
    }
    Ok(Structure::Whole("the bitmap has the size that its head states".to_owned()))
}

fn cut(length: u64) -> Structure {
    Structure::Cut { at: length, why: "it ends before its head says".to_owned() }
}
