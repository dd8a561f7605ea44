//! Which checker looks into which type. A checker that stops with a fault of its own stops nothing else.

use std::io;

use crate::beside::Beside;
use crate::inner;
use crate::kinds::Kind;
use crate::name;
use crate::source::Source;
use crate::statistics::Statistics;
use crate::structure::Structure;
use crate::work::Work;
use crate::{
    boxes, font, gzip, jpeg, mail, matroska, metafile, ole2, packed, pdf, picture, postgres, program, rar,
    rtf, seven, sound, sqlite, tar, text, tiff, zip,
};

/// A checker, or a library it uses, that stops with a bug on some file must not stop the scan.
pub(crate) fn guarded(
    name: &str,
    kind: Kind,
    source: &mut dyn Source,
    statistics: &Statistics,
    beside: Beside,
    work: &mut Work,
) -> io::Result<Option<Structure>> {
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        check(name, kind, source, statistics, beside, work)
    }));
    checked.unwrap_or_else(|_| {
        let why = "its checker stopped with a fault of its own (please report it with the file)".to_owned();
        Ok(Some(Structure::Broken { at: 0, why, framing: false }))
    })
}

fn check(
    name: &str,
    kind: Kind,
    source: &mut dyn Source,
    statistics: &Statistics,
    beside: Beside,
    work: &mut Work,
) -> io::Result<Option<Structure>> {
    let mut part = inner::Part::of_packed(name);
    let called_so = name::by_name(name).kind.is_some_and(|(promised, _)| promised == kind);
    let found = match kind {
        Kind::Zlib if !called_so => return packed::nameless_zlib(source, work, &mut part).map(Some),

        Kind::Zip => Some(zip::check(name, source, work)?),
        Kind::Pdf => Some(pdf::check(source, statistics, work)?),
        Kind::Png => Some(picture::png(source)?),
        Kind::Jpeg => Some(jpeg::check(source, work)?),
        Kind::Gif => Some(picture::gif(source)?),
        Kind::Gzip => Some(gzip::check(source, work, &mut part)?),
        Kind::Xz => Some(packed::xz(source, work, &mut part)?),
        Kind::Lzip => Some(packed::lzip(source, work, &mut part)?),
        Kind::Bzip2 => Some(packed::bzip2(source, work, &mut part)?),
        Kind::Zstd => Some(packed::zstd(source, work, &mut part)?),
        Kind::Lz4 => Some(packed::lz4(source, work, &mut part)?),
        Kind::Lzma => Some(packed::lzma(source, work, &mut part)?),
        Kind::Zlib => Some(packed::zlib(source, work, &mut part)?),
        Kind::Brotli => Some(packed::brotli(source, work, &mut part)?),
        Kind::Seven => Some(seven::check(source, work)?),
        Kind::Rar => Some(rar::check(source, work)?),
        Kind::Matroska => Some(matroska::check(source, work)?),
        Kind::Tar => Some(tar::check(source, work)?),
        Kind::Sqlite => Some(sqlite::check(source, beside == Beside::Journal)?),
        Kind::Json => Some(text::json(source)?),
        Kind::Xml => Some(text::xml(source)?),
        Kind::Mail => Some(mail::check(source)?),
        Kind::Rtf => Some(rtf::check(source)?),
        Kind::Text | Kind::LooseText => Some(Structure::Whole("text from end to end".to_owned())),
        Kind::Postgres => Some(postgres::check(source, work)?),
        Kind::Tiff => Some(tiff::check(source, work)?),
        Kind::Riff => Some(boxes::riff(source, statistics, work)?),
        Kind::Mp4 => Some(boxes::mp4(source, work)?),
        Kind::Mp3 => Some(sound::mp3(source, work)?),
        Kind::Flac => Some(sound::flac(source, work)?),
        Kind::Ogg => Some(sound::ogg(source, work)?),
        Kind::Bitmap => Some(program::bitmap(source)?),
        Kind::Metafile => Some(metafile::check(source, work)?),
        Kind::Font => Some(font::check(source, statistics, work)?),
        Kind::Elf => Some(program::elf(source, statistics)?),
        Kind::Windows => Some(program::windows(source, statistics)?),
        Kind::Ole2 => Some(ole2::check(source, work)?),
        Kind::Packed(_) | Kind::Plain(_) => None,
    };
    Ok(found.map(|found| if kind.holds_one_file() { part.settle(found) } else { found }))
}
