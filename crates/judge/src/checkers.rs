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
    appended, boxes, font, gzip, innodb, jpeg, mail, matroska, metafile, ole2, packed, pdf, picture,
    postgres, program, rar, resp, rtf, seven, sound, sqlite, summed, tar, text, tiff, transport, zip,
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
        let found = check(name, kind, source, statistics, beside, work)?;
        Ok(found.map(|found| work.limited(found)))
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
        Kind::Png => Some(picture::png(source)?.sealed()),
        Kind::Jpeg => Some(jpeg::check(source, work)?),
        Kind::Gif => Some(picture::gif(source, work)?),
        Kind::Gzip => Some(gzip::check(source, work, &mut part)?.sealed()),
        Kind::Xz => Some(sealed_if(packed::xz(source, work, &mut part)?, summed::xz(source)?)),
        Kind::Lzip => Some(packed::lzip(source, work, &mut part)?.sealed()),
        Kind::Bzip2 => Some(packed::bzip2(source, work, &mut part)?.sealed()),
        Kind::Zstd => Some(sealed_if(packed::zstd(source, work, &mut part)?, summed::zstd(source)?)),
        Kind::Lz4 => Some(sealed_if(packed::lz4(source, work, &mut part)?, summed::lz4(source)?)),
        Kind::Lzma => Some(packed::lzma(source, work, &mut part)?),
        Kind::Zlib => Some(packed::zlib(source, work, &mut part)?.sealed()),
        Kind::Brotli => Some(packed::brotli(source, work, &mut part)?),
        Kind::Seven => Some(seven::check(source, work)?),
        Kind::Rar => Some(rar::check(source, work)?),
        Kind::Matroska => Some(matroska::check(source, work)?),
        Kind::Tar => Some(tar::check(source, work)?),
        Kind::Sqlite => Some(sqlite::check(source, beside == Beside::Journal)?),
        Kind::Innodb => Some(innodb::check(source, work)?),
        Kind::Kafka => Some(appended::kafka(source, work)?),
        Kind::Leveldb => Some(appended::leveldb(source, work)?),
        Kind::Redis => Some(resp::check(source, work)?),
        // Read from end to end when it was recognised.
        Kind::Quoted => Some(Structure::Partly("text in SQL, with raw bytes in quotes only".to_owned())),
        Kind::Transport => Some(transport::check(source, work)?),
        Kind::Json => Some(text::json(source)?.sealed()),
        Kind::Xml => Some(text::xml(source)?.sealed()),
        Kind::Mail => Some(mail::check(source)?.sealed()),
        Kind::Rtf => Some(rtf::check(source)?),
        Kind::Text | Kind::LooseText => Some(Structure::Sealed("text from end to end".to_owned())),
        Kind::Postgres => Some(postgres::check(source, work)?),
        Kind::Tiff => Some(tiff::check(source, work)?),
        Kind::Riff => Some(boxes::riff(source, statistics, work)?),
        Kind::Mp4 => Some(boxes::mp4(source, work)?),
        Kind::Mp3 => Some(sound::mp3(source, work)?),
        Kind::Flac => Some(sound::flac(source, work)?),
        Kind::Ogg => Some(sound::ogg(source, work)?.sealed()),
        Kind::Bitmap => Some(program::bitmap(source)?),
        Kind::Metafile => Some(metafile::check(source, work)?),
        Kind::Font => Some(font::check(source, statistics, work)?),
        Kind::Elf => Some(program::elf(source, statistics)?),
        Kind::Windows => Some(program::windows(source, statistics)?),
        Kind::Ole2 => Some(ole2::check(source, work)?),
        Kind::Packed(_) | Kind::Plain(_) => None,
    };
    Ok(found.map(|found| if kind.holds_one_file() { part.weighed(found) } else { found }))
}

fn sealed_if(found: Structure, summed: bool) -> Structure {
    if summed { found.sealed() } else { found }
}
