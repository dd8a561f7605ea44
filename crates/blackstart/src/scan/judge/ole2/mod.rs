//! OLE2, the container of old Office documents and of Outlook's mails: a small file system in a file.
//!
//! Checked are the table of sectors, the folder of streams and the chain of every stream (`container`), then
//! what stands inside the streams whose form is known (`word`, `excel`, `slides`): it is there, between chains
//! that all fit, that sparse damage would hide. Streams of other forms are opaque: pictures and embedded
//! files may look random there, and only a comparison with the previous version tells.

mod container;
mod excel;
mod slides;
mod word;

use std::io;

use container::{Container, Stream};

use super::statistics::{Statistics, WINDOW};
use super::work::Work;
use super::{Source, Structure};

/// What is wrong inside a stream, at which place of it.
#[derive(Debug)]
struct Trouble {
    at: u64,
    why: String,
}

impl Trouble {
    fn new(at: u64, why: impl Into<String>) -> Trouble {
        Trouble { at, why: why.into() }
    }
}

/// What a look into a stream brings.
enum Content {
    /// Its form fits; inside these ranges (from, to) anything may stand.
    Fits {
        opaque: Vec<(u64, u64)>,
    },
    Declared(&'static str),
    /// A form that is not known here: all of it is opaque.
    Unknown,
    Wrong(Trouble),
}

pub(super) fn check(
    source: &mut dyn Source,
    statistics: &Statistics,
    work: &mut Work,
) -> io::Result<Structure> {
    if !work.spend(source.length()) {
        return Ok(Work::exhausted("old Office document (OLE2)"));
    }
    let container = match Container::read(source)? {
        Ok(container) => container,
        Err(structure) => return Ok(structure),
    };
    if container.find("EncryptedPackage").is_some() {
        return Ok(Structure::Declared("Office document with a password".to_owned()));
    }
    if container.find("EncryptedSummary").is_some() {
        return Ok(Structure::Declared("PowerPoint document with a password".to_owned()));
    }
    let mut plain = Vec::new();
    let mut known = 0_usize;
    for stream in &container.streams {
        let content = look(source, &container, stream)?;
        match content {
            Content::Fits { opaque } => {
                known += 1;
                plain.push((stream, opaque));
            }
            Content::Declared(what) => return Ok(Structure::Declared(what.to_owned())),
            Content::Unknown => {}
            Content::Wrong(trouble) => {
                let at = container.place(stream, trouble.at);
                return Ok(Structure::broken(at, format!("in its stream `{}` {}", stream.name, trouble.why)));
            }
        }
    }
    if let Some((at, name)) = random_in_plain(&container, &plain, statistics) {
        let why = format!("its stream `{name}` looks random where it holds text and tables");
        return Ok(Structure::broken(at, why));
    }
    let total = container.streams.len();
    Ok(Structure::Whole(format!(
        "the OLE2 tables and the chains of all {total} streams fit, {known} streams read"
    )))
}

fn look(source: &mut dyn Source, container: &Container, stream: &Stream) -> io::Result<Content> {
    match stream.name.as_str() {
        "WordDocument" => word::check(source, container, stream),
        "Workbook" | "Book" => excel::check(source, container, stream),
        "PowerPoint Document" => slides::document(source, container, stream),
        "Pictures" => slides::pictures(source, container, stream),
        "0Table" | "1Table" | "Current User" | "\u{5}SummaryInformation" | "__properties_version1.0" => {
            Ok(Content::Fits { opaque: Vec::new() })
        }
        // Texts of a mail, in Unicode.
        name if name.starts_with("__substg1.0_") && name.ends_with("001F") => {
            utf16_text(source, container, stream)
        }
        _ => Ok(Content::Unknown),
    }
}

/// Random units of 16 bits land among unpaired halves and private letters all the time; text does not.
fn utf16_text(source: &mut dyn Source, container: &Container, stream: &Stream) -> io::Result<Content> {
    let mut reader = container.reader(source, stream);
    let mut piece = [0; 4096];
    let mut at = 0;
    loop {
        let read = reader.read_at(at, &mut piece)?;
        if let Some(place) = word::odd_letters(&piece[..read], true) {
            let why = "holds what cannot be text";
            return Ok(Content::Wrong(Trouble::new(at + place, why)));
        }
        at += read as u64;
        if read < piece.len() {
            return Ok(Content::Fits { opaque: Vec::new() });
        }
    }
}

/// The first window that looks random although all of it belongs to streams of a known form.
fn random_in_plain<'a>(
    container: &Container,
    plain: &[(&'a Stream, Vec<(u64, u64)>)],
    statistics: &Statistics,
) -> Option<(u64, &'a str)> {
    let size = container.sector_size;
    let mut owner: Vec<Option<(usize, u64)>> = vec![None; container.sectors()];
    for (number, (stream, _)) in plain.iter().enumerate().filter(|(_, (stream, _))| !stream.mini) {
        for (place, sector) in stream.chain.iter().enumerate() {
            if let Some(slot) = owner.get_mut(*sector as usize) {
                *slot = Some((number, place as u64 * size));
            }
        }
    }
    let windows = usize::try_from(statistics.length / WINDOW as u64).unwrap_or(0);
    (0..windows).filter(|window| statistics.even_window(*window)).find_map(|window| {
        let from = window as u64 * WINDOW as u64;
        let to = from + WINDOW as u64;
        let mut name = None;
        let mut at = from;
        while at < to {
            let sector = usize::try_from(at.checked_sub(size.max(512))? / size).ok()?;
            let (number, place) = (*owner.get(sector)?)?;
            let (stream, opaque) = &plain[number];
            if opaque.iter().any(|(start, end)| place < *end && place + size > *start) {
                return None;
            }
            name = Some(stream.name.as_str());
            at += size.min(WINDOW as u64);
        }
        name.map(|name| (from, name))
    })
}
