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

use crate::ending;
use crate::source::{Source, little16, little32};
use crate::statistics::{count, is_even, is_nearly_even};
use crate::structure::Structure;
use crate::work::Work;

/// Bytes that are looked at together.
const BLOCK: usize = 1024;
const RUN: u64 = 3;
/// Rests of sectors that are looked at.
const SLACK_MAX: usize = 4096;
/// A random end is at least so long.
const END_MIN: u64 = 2048;
const THEME: u64 = 16 * 1024;

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

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> io::Result<Structure> {
    if !work.spend(source.length()) {
        return Ok(Work::exhausted("old Office document (OLE2)"));
    }
    let container = match Container::read(source)? {
        Ok(container) => container,
        Err(structure) => return as_far_as_random(source, structure),
    };
    if container.find("EncryptedPackage").is_some() {
        return Ok(Structure::Declared("Office document with a password".to_owned()));
    }
    if container.find("EncryptedSummary").is_some() {
        return Ok(Structure::Declared("PowerPoint document with a password".to_owned()));
    }
    let mut plain = Vec::new();
    let (mut known, mut wrong) = (0_usize, None);
    for stream in &container.streams {
        let content = look(source, &container, stream, work)?;
        match content {
            Content::Fits { opaque } => {
                known += 1;
                plain.push((stream, opaque));
            }
            Content::Declared(what) => return Ok(Structure::Declared(what.to_owned())),
            Content::Unknown => {}
            Content::Wrong(trouble) => {
                wrong.get_or_insert((stream, trouble));
            }
        }
    }
    // Only now: a stream that comes later may say that all of it is encrypted.
    if let Some((stream, trouble)) = wrong {
        let at = container.place(stream, trouble.at);
        return Ok(Structure::broken(at, format!("in its stream `{}` {}", stream.name, trouble.why)));
    }
    for (stream, opaque) in &plain {
        if let Some(at) = random_in(source, &container, stream, opaque)? {
            let why = format!("its stream `{}` looks random where it holds text and tables", stream.name);
            return Ok(Structure::Random { at: container.place(stream, at), why });
        }
    }
    if let Some(at) = random_slack(source, &container)? {
        let why = "what lies between the ends of its streams looks random".to_owned();
        return Ok(Structure::Random { at, why });
    }
    if let Some(at) = random_end(source, &container)? {
        let why = format!("from byte {at} to its end all of it looks random, also where no stream lies");
        return Ok(Structure::Odd(why));
    }
    let total = container.streams.len();
    Ok(Structure::Whole(format!(
        "the OLE2 tables and the chains of all {total} streams fit, {known} streams read"
    )))
}

/// A table or folder that is wrong is a sign of encryption only if it looks random itself: what lies behind it may be a
/// picture.
fn as_far_as_random(source: &mut dyn Source, wrong: Structure) -> io::Result<Structure> {
    let Structure::Broken { at, why, .. } = wrong else { return Ok(wrong) };
    let mut sector = [0; 512];
    let read = source.read_at(at, &mut sector)?;
    let framing = read == sector.len() && is_nearly_even(&count(&sector));
    Ok(Structure::Broken { at, why, framing })
}

fn look(
    source: &mut dyn Source,
    container: &Container,
    stream: &Stream,
    work: &mut Work,
) -> io::Result<Content> {
    // Capitals make no difference in the folder of an OLE2 file.
    match stream.name.to_ascii_lowercase().as_str() {
        "workbook" | "book" => excel::check(source, container, stream),
        "worddocument" => word::check(source, container, stream),
        "powerpoint document" => slides::document(source, container, stream),
        "pictures" => slides::pictures(source, container, stream, work),
        "current user" => slides::current_user(source, container, stream),
        "\u{5}summaryinformation" | "\u{5}documentsummaryinformation" => {
            property_set(source, container, stream)
        }
        "0table" | "1table" => word::lists(source, container, stream),
        "__properties_version1.0" => Ok(Content::Fits { opaque: Vec::new() }),
        // Texts of a mail, in Unicode.
        name if name.starts_with("__substg1.0_") && name.ends_with("001f") => {
            utf16_text(source, container, stream)
        }
        _ => Ok(Content::Unknown),
    }
}

/// Author, title, times: lists of properties in one form for all programs. Nearly every document has them, often at its
/// end, where nothing else would show that only the beginning was left as it was.
fn property_set(source: &mut dyn Source, container: &Container, stream: &Stream) -> io::Result<Content> {
    let mut reader = container.reader(source, stream);
    let mut head = [0; 68];
    let length = u64::try_from(reader.read_at(0, &mut head)?).expect("at most 68");
    // Some writers put nothing but zeros there.
    if head.iter().all(|byte| *byte == 0) {
        return Ok(Content::Unknown);
    }
    let wrong = |at| Ok(Content::Wrong(Trouble::new(at, "is not the list of properties that its name says")));
    if head[..2] != [0xfe, 0xff] || little16(&head, 2) > 1 || length < 48 {
        return wrong(0);
    }
    let sections = little32(&head, 24);
    if !(1..=2).contains(&sections) {
        return wrong(24);
    }
    let at = u64::from(little32(&head, 44));
    let mut section = [0; 8];
    if reader.read_at(at, &mut section)? < 8 {
        return wrong(44);
    }
    // Each property has eight bytes in the list, and as many at least stand behind it.
    let fits = u64::from(little32(&section, 4)).saturating_mul(8) <= u64::from(little32(&section, 0));
    if fits { Ok(Content::Fits { opaque: Vec::new() }) } else { wrong(at) }
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

/// Behind the end of a stream the rest of its last sector is filled, mostly with zeros, never with random bytes.
/// This shows where streams of unknown form were encrypted. The first such place, if it is the same from there on.
fn random_slack(source: &mut dyn Source, container: &Container) -> io::Result<Option<u64>> {
    let mut places = container.slack();
    places.sort_unstable();
    let mut looks = Vec::new();
    for (at, size) in places.into_iter().take(SLACK_MAX) {
        looks.extend(has_many_values(source, at, size)?.map(|random| (at, random)));
    }
    let Some(first) = looks.iter().position(|(_, random)| *random) else { return Ok(None) };
    let from_there = &looks[first..];
    let random = from_there.iter().filter(|(_, random)| *random).count();
    Ok((random >= 2 && random * 4 >= from_there.len() * 3).then_some(looks[first].0))
}

/// Whether as many values occur in these bytes as among random ones; too few bytes say nothing.
fn has_many_values(source: &mut dyn Source, at: u64, size: usize) -> io::Result<Option<bool>> {
    let mut bytes = vec![0; size];
    let read = source.read_at(at, &mut bytes)?;
    let mut seen = [false; 256];
    bytes[..read].iter().for_each(|byte| seen[usize::from(*byte)] = true);
    let distinct = seen.iter().filter(|seen| **seen).count();
    // Random bytes: 101 values among 128 bytes, 162 among 256, 221 among 512.
    Ok(match read {
        96..160 => Some(distinct >= 68),
        160..320 => Some(distinct >= 100),
        320.. => Some(distinct >= 160),
        _ => None,
    })
}

/// Where the end of the file begins that is random to its last byte, if it holds streams and something that no stream
/// uses: a sector that is free, or the rest of one. A picture at the end may be as random, but not what lies around it.
fn random_end(source: &mut dyn Source, container: &Container) -> io::Result<Option<u64>> {
    let Some(from) = ending::random_end(source, END_MIN)? else { return Ok(None) };
    let length = source.length();
    let free = container.free(length);
    let unused = container.slack().into_iter().chain(free.iter().copied());
    let (mut random, mut other) = (0, 0);
    for (at, size) in unused.filter(|(at, _)| *at >= from).take(SLACK_MAX) {
        match has_many_values(source, at, size)? {
            Some(true) => random += 1,
            Some(false) => other += 1,
            None => {}
        }
    }
    let free_bytes: u64 = free.iter().filter(|(at, _)| *at >= from).map(|(_, size)| *size as u64).sum();
    Ok((random > 0 && other == 0 && free_bytes < length - from).then_some(from))
}

/// Text and tables never look random, not even three kilobytes of them. Themes of later versions are small
/// ZIP files in the middle of tables: what follows the mark of one is passed over.
fn random_in(
    source: &mut dyn Source,
    container: &Container,
    stream: &Stream,
    opaque: &[(u64, u64)],
) -> io::Result<Option<u64>> {
    let mut reader = container.reader(source, stream);
    let mut piece = vec![0; 64 * 1024];
    let (mut at, mut run, mut packed_until) = (0, 0, 0);
    loop {
        let read = reader.read_at(at, &mut piece)?;
        for (number, block) in piece[..read].chunks_exact(BLOCK).enumerate() {
            let from = at + (number * BLOCK) as u64;
            let to = from + BLOCK as u64;
            if block.windows(4).any(|found| found == b"PK\x03\x04") {
                packed_until = to + THEME;
            }
            let even = to > packed_until && is_even(&count(block));
            let inside = even && opaque.iter().any(|(start, end)| from < *end && to > *start);
            run = if even && !inside { run + 1 } else { 0 };
            if run == RUN {
                return Ok(Some(to - RUN * BLOCK as u64));
            }
        }
        at += read as u64;
        if read < piece.len() {
            return Ok(None);
        }
    }
}
