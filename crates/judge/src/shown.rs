//! Which type does the content show? First bytes, and text by containing nothing else. Encryption destroys both.

use std::io;

use crate::kinds;
use crate::kinds::Kind::{self, Bitmap, Font, Mp3, Packed, Plain, Tar, Windows};
use crate::magic::MAGIC;
use crate::name::Promise;
use crate::source::{Source, little16, little32};
use crate::text::TextWatch;
use crate::zlib_head;
use crate::{appended, innodb, quoted, resp, transport};
use crate::{der, frames, openpgp, postgres, tar};

/// The type that the content shows. Text shows itself by containing nothing else; whether it is JSON or
/// XML then follows from the name.
pub(crate) fn kind_of(head: &[u8], text: &TextWatch, promise: &Promise) -> Option<Kind> {
    let by_magic = by_magic(head);
    // Two letters such as `BM` begin many a sentence.
    let weak = matches!(
        by_magic,
        Some(
            Kind::Plain(_)
                | Kind::Packed(_)
                | Kind::Windows
                | Kind::Bitmap
                | Kind::Mp4
                | Kind::Mp3
                | Kind::Bzip2
        )
    );
    if text.is_text() && (by_magic.is_none() || weak) {
        let promised = promise.kind.map(|(kind, _)| kind).filter(|kind| kind.is_text());
        return Some(promised.unwrap_or(Kind::Text));
    }
    if by_magic.is_none() && text.is_unmarked_utf16() && promise.kind.is_some_and(|(kind, _)| kind.is_text())
    {
        return Some(Kind::Text);
    }
    let length = text.length;
    let unmarked =
        promise.kind.map(|(kind, _)| kind).filter(|kind| kind.is_unmarked() && promise.appended.is_none());
    by_magic
        .or_else(|| late_pdf(head))
        .or_else(|| innodb::begins_here(head, length).then_some(Kind::Innodb))
        .or_else(|| (promise.ending == "log" && appended::is_kafka(head, length)).then_some(Kind::Kafka))
        .or_else(|| transport::begins_here(head).then_some(Kind::Transport))
        .or_else(|| resp::begins_here(head).then_some(Kind::Redis))
        .or_else(|| der::is_whole(head, length).then_some(kinds::DER))
        .or_else(|| openpgp::shown(head, length).and_then(|shown| openpgp_kind(shown, promise)))
        .or_else(|| unmarked.filter(|_| length > 0))
        .or_else(|| postgres::page_size(head, length).map(|_| Kind::Postgres))
        .or_else(|| zlib_head::begins_here(head).filter(|_| promise.kind.is_none()))
}

/// Types whose mark stands far behind, at the end, or is none but the structure itself.
pub(crate) fn late_kind(name: &str, promise: &Promise, source: &mut dyn Source) -> io::Result<Option<Kind>> {
    let numbered = promise.ending == "log" || name.starts_with("MANIFEST-");
    Ok(if is_disc(source)? {
        Some(Packed("disk image (ISO)"))
    } else if let Some(kind) = at_places(source)? {
        Some(kind)
    } else if promise.ending == "zip" && is_last_piece_of_zip(source)? {
        Some(Packed("ZIP in parts"))
    } else if numbered && appended::is_leveldb(source)? {
        Some(Kind::Leveldb)
    } else if promise.ending == "sql" && promise.appended.is_none() && quoted::values(source)?.is_some() {
        Some(Kind::Quoted)
    } else {
        None
    })
}

/// Where it stands, counted from the end if it is negative, the mark, and the type.
const AT_PLACES: &[(i64, &[u8], Kind)] = &[
    // Linux, btrfs on-disk format: the superblock lies at 64 KiB.
    (0x1_0040, b"_BHRfS_M", Plain("disk image (btrfs)")),
    // Linux, swap header: the last ten bytes of the first page.
    (4086, b"SWAPSPACE2", Plain("disk image (swap)")),
    // A fixed VHD has its only head in its last sector (Virtual Hard Disk Image Format Specification).
    (-512, b"conectix", Plain("disk image (VHD)")),
    (-512, b"koly\0\0\0\x04", Packed("disk image (macOS)")),
    // LevelDB, `doc/table_format.md`; RocksDB, `block_based_table_builder.cc`: the last eight bytes.
    (-8, b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", Packed("table of LevelDB")),
    (-8, b"\xf7\xcf\xf4\x85\xb7\x41\xe2\x88", Packed("table of RocksDB")),
];

fn at_places(source: &mut dyn Source) -> io::Result<Option<Kind>> {
    for (place, mark, kind) in AT_PLACES {
        let at =
            if *place < 0 { source.length().checked_add_signed(*place) } else { place.unsigned_abs().into() };
        let mut found = [0; 16];
        let found = &mut found[..mark.len()];
        if let Some(at) = at
            && source.read_at(at, found)? == mark.len()
            && found == *mark
        {
            return Ok(Some(*kind));
        }
    }
    Ok(None)
}

/// The first 32 KiB of a CD or DVD are for the system that is started from it, and mostly zeros.
fn is_disc(source: &mut dyn Source) -> io::Result<bool> {
    let mut mark = [0; 5];
    let read = source.read_at(0x8001, &mut mark)?;
    Ok(read == mark.len() && matches!(&mark, b"CD001" | b"BEA01" | b"NSR02" | b"NSR03"))
}

/// The last of several pieces of a ZIP, which keeps the name of the whole: its end record says which one it is (APPNOTE
/// 4.3.16, number of this disk). What stands at its beginning belongs to a member that began in another piece.
fn is_last_piece_of_zip(source: &mut dyn Source) -> io::Result<bool> {
    let mut end = [0; 22];
    let from = source.length().saturating_sub(22);
    let read = source.read_at(from, &mut end)?;
    let disk = little16(&end, 4);
    Ok(read == 22 && end.starts_with(b"PK\x05\x06") && (1..1000).contains(&disk) && little16(&end, 6) <= disk)
}

/// Its fields are few, so under the name of a type with a mark of its own they prove nothing.
fn openpgp_kind(shown: openpgp::FirstPacket, promise: &Promise) -> Option<Kind> {
    let free = promise.kind.is_none() || promise.appended.is_some();
    (shown == openpgp::FirstPacket::SignatureOrKey && free).then_some(kinds::SIGNATURE)
}

/// Some programs put a few bytes before the head of a PDF.
fn late_pdf(head: &[u8]) -> Option<Kind> {
    head.windows(5).any(|found| found == b"%PDF-").then_some(Kind::Pdf)
}

/// The type that the first bytes show.
pub(super) fn by_magic(head: &[u8]) -> Option<Kind> {
    let fits = |offset: usize, magic: &[u8]| {
        head.get(offset..offset + magic.len()).is_some_and(|found| found == magic)
    };
    if tar::is_head(head) {
        return Some(Tar);
    }
    MAGIC
        .iter()
        .find(|(kind, offset, magic)| fits(*offset, magic) && agrees(*kind, head))
        .map(|(kind, _, _)| *kind)
        .or_else(|| two_frames(head).then_some(Mp3))
}

/// Where the mark is short, more than the mark must fit: random bytes would show it too often.
fn agrees(kind: Kind, head: &[u8]) -> bool {
    let long = |at: usize| u64::from(little32(head, at));
    match kind {
        Bitmap => matches!(long(14), 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124),
        Windows => head.len() < 64 || (long(60) < 0x1_0000 && little16(head, 8) < 0x1000),
        Plain("disk image") => head.len() < 512 || matches!(head[0], 0xeb | 0xe9 | 0xfa | 0x33 | 0),
        // The second form of it has its version five bits further on.
        Packed("AC-3 sound") => {
            head.get(4).is_some_and(|byte| byte >> 6 != 3 && byte & 63 < 38)
                || head.get(5).is_some_and(|byte| (11..=16).contains(&(byte >> 3)))
        }
        Packed("JPEG XL picture") => head.len() > 2,
        // The length of the first name, with the zero at its end.
        Packed("cpio archive") if head[0] == 0xc7 => {
            let name = usize::from(little16(head, 20));
            (2..1024).contains(&name) && head.get(25 + name).is_none_or(|last| *last == 0)
        }
        Packed("ARJ archive") => (20..=2600).contains(&little16(head, 2)),
        Packed("compress file") => {
            head.get(2).is_some_and(|flags| flags & 0x60 == 0 && (9..=16).contains(&(flags & 31)))
        }
        // The name of its first table.
        Font => head.len() < 16 || head[12..16].iter().all(|byte| (0x20..0x7f).contains(byte)),
        // Two letters, and in front of them the version.
        Packed("embedded font") => little16(head, 34) == 0x504c,
        _ => true,
    }
}

/// Sound without a tag in front: two frames that follow each other.
fn two_frames(head: &[u8]) -> bool {
    let first = frames::frame_size(head).and_then(|size| usize::try_from(size).ok());
    first.is_some_and(|size| {
        size >= 24 && head.get(size..).is_some_and(|rest| frames::frame_size(rest).is_some())
    })
}

/// `~$letter.docx`, in which Office notes who has the document open: the length of the name, the name, and the same
/// once more in UTF-16.
pub(super) fn is_owner_file(name: &str, head: &[u8], length: u64) -> bool {
    let count = usize::from(head.first().copied().unwrap_or(0));
    let printable = |name: &[u8]| name.iter().all(|byte| *byte >= 0x20);
    name.starts_with("~$")
        && (54..=512).contains(&length)
        && (1..=53).contains(&count)
        && head.get(1..=count).is_some_and(printable)
}
