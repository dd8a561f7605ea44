//! ZIP, and everything that is a ZIP inside: Office documents, OpenDocument, EPUB, JAR.
//!
//! The directory at the end lists every member; each is found at its place, unpacked, and compared with
//! the checksum it was stored with. Nothing is kept: unpacked bytes are counted, summed and dropped, and
//! there are limits, so a file made to unpack for hours costs seconds.

use std::io::{BufReader, Read};

use crate::inflate::Inflater;
use crate::inner::{Part, Sum};
use crate::name;
use crate::source::{At, Source, is_format_error, little16, little32};
use crate::structure::Structure;
use crate::work::Work;

/// Members looked at per file.
const MEMBERS_MAX: usize = 100_000;
const END_SIZE: u64 = 22;
/// Of a member, for those who only want to know what it is.
const HEAD: u64 = 64 * 1024;
/// Between members, in front of them and behind the end may lie so much that no sum covers: what a signature takes.
const UNCOVERED_MAX: u64 = 16 * 1024;
/// Deflate reaches a thousand; documents stay below a hundred.
const PADDING_RATIO: u64 = 200;
/// Behind a member may stand its sizes once more.
const DESCRIPTION_MAX: u64 = 24;
const MANIFEST_MAX: u64 = 1 << 20;
/// The comment behind the end record may have this length.
const COMMENT_MAX: u64 = 65_535;

struct End {
    at: u64,
    members: usize,
    directory_at: u64,
    directory_size: u64,
    comment: u64,
}

pub(super) struct Member {
    name: Vec<u8>,
    encrypted: bool,
    method: u16,
    crc: u32,
    packed: u64,
    unpacked: u64,
    header_at: u64,
}

impl Member {
    /// What two versions of a ZIP have in common if the member is the same.
    pub(super) fn key(&self) -> (&[u8], u32, u64) {
        (&self.name, self.crc, self.unpacked)
    }

    pub(super) fn name(&self) -> String {
        String::from_utf8_lossy(&self.name).into_owned()
    }

    /// What it takes in the file; nothing if it is padding, which shrinks as no content does.
    pub(super) fn packed_bytes(&self) -> u64 {
        if self.unpacked / PADDING_RATIO > self.packed { 0 } else { self.packed }
    }
}

/// All members, and by how much their places are shifted.
pub(super) struct Directory {
    pub(super) members: Vec<Member>,
    shift: u64,
}

/// `None`: there is none that could be read from end to end.
pub(super) fn directory(source: &mut dyn Source) -> std::io::Result<Option<Directory>> {
    let Some(end) = find_end(source)? else { return Ok(None) };
    let Some(shift) = end.at.checked_sub(end.directory_at + end.directory_size) else { return Ok(None) };
    let mut entries = At::new(source, end.directory_at + shift, end.at).limited_to(64 << 20)?;
    let count = end.members.min(MEMBERS_MAX);
    let members: Option<Vec<Member>> = (0..count).map(|_| next_member(&mut entries)).collect();
    Ok(members.map(|members| Directory { members, shift }))
}

/// The first bytes of what a member holds; `None` if it cannot be unpacked.
pub(super) fn head_of(
    source: &mut dyn Source,
    directory: &Directory,
    member: &Member,
) -> std::io::Result<Option<Vec<u8>>> {
    let Some(at) = data_offset(source, member.header_at + directory.shift, member)? else { return Ok(None) };
    let packed = BufReader::new(At::new(source, at, at.saturating_add(member.packed)));
    let mut head = Vec::new();
    let read = match member.method {
        _ if member.encrypted => return Ok(None),
        0 => packed.take(HEAD).read_to_end(&mut head),
        8 => flate2::bufread::DeflateDecoder::new(packed).take(HEAD).read_to_end(&mut head),
        _ => return Ok(None),
    };
    match read {
        Ok(_) => Ok(Some(head)),
        Err(error) if is_format_error(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn check(name: &str, source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let Some(end) = find_end(source)? else {
        return without_directory(source, work);
    };
    let trailing = source.length() - end.at - END_SIZE - end.comment.min(source.length() - end.at - END_SIZE);
    if end.members == 0xffff || end.directory_at == 0xffff_ffff || end.directory_size == 0xffff_ffff {
        return Ok(Structure::Partly("is larger than this version can check (ZIP64)".to_owned()));
    }
    if end.directory_at + end.directory_size > end.at {
        let why = "its directory does not lie where its end says".to_owned();
        // If it is there, only a number is wrong, and nothing was encrypted here.
        let framing = !holds_directory(source, end.at)?;
        return Ok(Structure::Broken { at: end.at, why, framing });
    }
    // Self-extracting programs put something before the first member; then all offsets are shifted.
    let shift = end.at - end.directory_at - end.directory_size;
    let mut directory = At::new(source, end.directory_at + shift, end.at).limited_to(64 << 20)?;
    let mut members = Vec::new();
    for number in 0..end.members.min(MEMBERS_MAX) {
        match next_member(&mut directory) {
            Some(member) => members.push(member),
            None => {
                let why = format!("entry {} of its directory is no entry", number + 1);
                return Ok(Structure::broken(end.directory_at + shift, why));
            }
        }
    }
    if let Some(missing) = missing_member(name, &members).filter(|_| end.members <= MEMBERS_MAX) {
        return Ok(Structure::Odd(missing));
    }
    let document = is_document(name);
    let directory = Directory { members, shift };
    let found = check_members(document, source, &directory, end.members > MEMBERS_MAX, trailing, work)?;
    let covered: u64 =
        directory.members.iter().map(|member| member.packed + 30 + member.name.len() as u64).sum();
    let room = UNCOVERED_MAX + (DESCRIPTION_MAX + 64) * directory.members.len() as u64;
    let sealed = covered + end.directory_size + END_SIZE + room >= source.length();
    Ok(if sealed { found.sealed() } else { found })
}

/// A ZIP that was cut off is right member for member up to its last byte; one whose end was encrypted is not.
fn without_directory(source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let length = source.length();
    let mut at = 0;
    for _ in 0..MEMBERS_MAX {
        let mut header = [0; 30];
        let read = source.read_at(at, &mut header)?;
        if read == 0 || (read < 30 && b"PK\x03\x04".starts_with(&header[..read.min(4)])) {
            break;
        }
        // The directory begins here, and was cut off within.
        if header.starts_with(b"PK\x01\x02") {
            break;
        }
        if !header.starts_with(b"PK\x03\x04") {
            return Ok(Structure::broken(at, "its directory is gone, and so is the member here".to_owned()));
        }
        let data_at = at + 30 + u64::from(little16(&header, 26)) + u64::from(little16(&header, 28));
        let sized = little16(&header, 6) & 8 == 0;
        at = match (little16(&header, 8), sized) {
            (8, _) => match inflated_to(source, data_at, work)? {
                // Behind a member of unknown size stands its description, with or without a mark.
                Some(end) if sized || end >= length => end,
                Some(end) => end + description(source, end)?,
                None => {
                    let why = "its directory is gone, and the member here does not unpack".to_owned();
                    return Ok(Structure::broken(data_at, why));
                }
            },
            (_, true) => data_at + u64::from(little32(&header, 18)),
            (_, false) => break,
        };
        if at >= length {
            break;
        }
    }
    Ok(Structure::Cut { at: length, why: "the ZIP ends before its directory".to_owned() })
}

/// Where the compressed data ends (the end of the file if it is cut off); `None` if it is no such data.
fn inflated_to(source: &mut dyn Source, at: u64, work: &mut Work) -> std::io::Result<Option<u64>> {
    let end = source.length();
    let mut decoder =
        flate2::bufread::DeflateDecoder::new(BufReader::with_capacity(64 * 1024, At::new(source, at, end)));
    let mut piece = vec![0; 64 * 1024];
    loop {
        match decoder.read(&mut piece) {
            Ok(0) => return Ok(Some(at + decoder.total_in())),
            Ok(read) if !work.spend(read as u64) => return Ok(Some(end)),
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(Some(end)),
            Err(error) if is_format_error(&error) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn description(source: &mut dyn Source, at: u64) -> std::io::Result<u64> {
    let mut mark = [0; 4];
    source.read_at(at, &mut mark)?;
    Ok(if mark == *b"PK\x07\x08" { 16 } else { 12 })
}

fn check_members(
    document: bool,
    source: &mut dyn Source,
    Directory { members, shift }: &Directory,
    mut cut_short: bool,
    trailing: u64,
    work: &mut Work,
) -> std::io::Result<Structure> {
    let (mut encrypted, mut unknown, mut sum) = (0_usize, 0_usize, Sum::default());
    let (mut disguised, mut inflater) = (None, Inflater::new());
    for member in members {
        let name = String::from_utf8_lossy(&member.name).into_owned();
        let at = member.header_at.saturating_add(*shift);
        let Some(data_at) = data_offset(source, at, member)? else {
            let why = format!("the member `{name}` is not where the directory says");
            // The head of another one is no random bytes, though what is packed behind it looks like them.
            let framing = !begins_member(source, at)?;
            return Ok(Structure::Broken { at, why, framing });
        };
        if data_at + member.packed > source.length() {
            return Ok(Structure::Cut {
                at: data_at,
                why: format!("the member `{name}` ends behind the end"),
            });
        }
        if member.encrypted {
            encrypted += 1;
            continue;
        }
        if !work.spend(member.packed.max(member.unpacked)) {
            cut_short = true;
            continue;
        }
        let mut part = Part::new(&name);
        let unpacked = unpack(source, data_at, member, &mut inflater, &mut part)?;
        if matches!(unpacked, Unpacked::Fits)
            && let Some(why) = sum.add(&part, member.packed_bytes())
        {
            // A document with a password lists only at its end which members are encrypted.
            disguised.get_or_insert((data_at, format!("the member `{name}` {why}")));
        }
        match unpacked {
            Unpacked::Fits if name == "META-INF/manifest.xml" => {
                encrypted += usize::from(names_encryption(source, data_at, member)?);
            }
            Unpacked::Fits => {}
            Unpacked::UnknownMethod => unknown += 1,
            Unpacked::Differs => {
                let why = format!("the content of the member `{name}` does not fit its checksum");
                return Ok(Structure::Broken { at: data_at, why, framing: false });
            }
        }
    }
    Ok(if encrypted > 0 {
        Structure::Declared(format!("ZIP with a password: {encrypted} of {} members", members.len()))
    } else if let Some((at, why)) = disguised {
        Structure::Random { at, why }
    } else if let Some(odd) = sum.complaint(document) {
        odd
    } else if trailing > 0 {
        Structure::Trailing { at: source.length() - trailing, bytes: trailing }
    } else if cut_short || unknown > 0 {
        Structure::Partly("is a ZIP of which not all members could be unpacked within the limits".to_owned())
    } else {
        Structure::Whole(format!("ZIP directory and all {} members fit their checksums", members.len()))
    })
}

/// Of an office program: all that it stores is of a type that can be known.
pub(super) fn is_document(name: &str) -> bool {
    let ending = name::by_name(name).ending;
    ending.len() == 4
        && ["doc", "xls", "ppt", "dot", "xlt", "pot", "pps"].iter().any(|kind| ending.starts_with(kind))
        || matches!(ending.as_str(), "odt" | "ods" | "odp" | "odg" | "epub" | "vsdx")
}

/// Documents that are a ZIP have a member by which their program knows them.
fn missing_member(name: &str, members: &[Member]) -> Option<String> {
    let ending = name::by_name(name).ending;
    let wanted: &[&[u8]] = match ending.as_str() {
        "docx" | "docm" | "dotx" | "xlsx" | "xlsm" | "xltx" | "xlsb" | "pptx" | "pptm" | "potx" | "ppsx"
        | "vsdx" => &[b"[content_types].xml"],
        "odt" | "ods" | "odp" | "odg" => &[b"mimetype", b"meta-inf/manifest.xml", b"content.xml"],
        "epub" => &[b"meta-inf/container.xml"],
        _ => return None,
    };
    let is_there = |wanted: &&[u8]| members.iter().any(|member| member.name.eq_ignore_ascii_case(wanted));
    let name = String::from_utf8_lossy(wanted[0]).into_owned();
    (!wanted.iter().any(is_there))
        .then(|| format!("is a ZIP without a member `{name}`, which every .{ending} has"))
}

fn find_end(source: &mut dyn Source) -> std::io::Result<Option<End>> {
    let length = source.length();
    let from = length.saturating_sub(END_SIZE + COMMENT_MAX);
    let mut tail = vec![0; usize::try_from(length - from).expect("at most 64 KiB")];
    let read = source.read_at(from, &mut tail)?;
    let tail = &tail[..read];
    let found = (0..tail.len().saturating_sub(21)).rev().find(|at| tail[*at..].starts_with(b"PK\x05\x06"));
    Ok(found.map(|at| {
        let record = &tail[at..];
        End {
            at: from + at as u64,
            members: usize::from(little16(record, 10)),
            directory_size: u64::from(little32(record, 12)),
            directory_at: u64::from(little32(record, 16)),
            comment: u64::from(little16(record, 20)),
        }
    }))
}

fn next_member(directory: &mut impl Read) -> Option<Member> {
    let mut fixed = [0; 46];
    directory.read_exact(&mut fixed).ok()?;
    if !fixed.starts_with(b"PK\x01\x02") {
        return None;
    }
    let mut variable = |length: u16| {
        let mut bytes = vec![0; usize::from(length)];
        directory.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let name = variable(little16(&fixed, 28))?;
    variable(little16(&fixed, 30))?;
    variable(little16(&fixed, 32))?;
    Some(Member {
        name,
        encrypted: little16(&fixed, 8) & 1 != 0,
        method: little16(&fixed, 10),
        crc: little32(&fixed, 16),
        packed: u64::from(little32(&fixed, 20)),
        unpacked: u64::from(little32(&fixed, 24)),
        header_at: u64::from(little32(&fixed, 42)),
    })
}

/// Where the member's bytes begin; `None` if no header of this member stands at `at`.
fn data_offset(source: &mut dyn Source, at: u64, member: &Member) -> std::io::Result<Option<u64>> {
    let mut header = vec![0; 30 + member.name.len()];
    let read = source.read_at(at, &mut header)?;
    let fits = read == header.len()
        && header.starts_with(b"PK\x03\x04")
        && usize::from(little16(&header, 26)) == member.name.len()
        && header[30..] == member.name;
    let behind = 30 + u64::from(little16(&header, 26)) + u64::from(little16(&header, 28));
    Ok(fits.then_some(at + behind))
}

/// Whether entries of a directory stand in front of its end.
fn holds_directory(source: &mut dyn Source, end: u64) -> std::io::Result<bool> {
    let from = end.saturating_sub(64 << 10);
    let bytes = At::new(source, from, end).limited_to(64 << 10)?.into_inner();
    Ok(bytes.windows(4).any(|mark| mark == b"PK\x01\x02"))
}

fn begins_member(source: &mut dyn Source, at: u64) -> std::io::Result<bool> {
    let mut mark = [0; 4];
    source.read_at(at, &mut mark)?;
    Ok(mark == *b"PK\x03\x04")
}

/// OpenDocument says in its list of members that they are encrypted.
fn names_encryption(source: &mut dyn Source, at: u64, member: &Member) -> std::io::Result<bool> {
    let packed = BufReader::new(At::new(source, at, at + member.packed));
    let mut text = Vec::new();
    let read = match member.method {
        8 => flate2::bufread::DeflateDecoder::new(packed).take(MANIFEST_MAX).read_to_end(&mut text),
        _ => packed.take(MANIFEST_MAX).read_to_end(&mut text),
    };
    read?;
    let mark: &[u8] = b"manifest:encryption-data";
    Ok(text.windows(mark.len()).any(|found| found == mark))
}

enum Unpacked {
    Fits,
    Differs,
    UnknownMethod,
}

fn unpack(
    source: &mut dyn Source,
    at: u64,
    member: &Member,
    inflater: &mut Inflater,
    part: &mut Part,
) -> std::io::Result<Unpacked> {
    // A size of all ones stands for a size in an extra field (ZIP64); such members are not checked yet.
    let large = member.packed == 0xffff_ffff || member.unpacked == 0xffff_ffff;
    if large {
        return Ok(Unpacked::UnknownMethod);
    }
    if member.method == 8
        && let Some(whole) = inflater.exactly(source, at, member.packed, member.unpacked)?
    {
        part.take(whole);
        let mut crc = flate2::Crc::new();
        crc.update(whole);
        return Ok(if crc.sum() == member.crc { Unpacked::Fits } else { Unpacked::Differs });
    }
    let packed = At::new(source, at, at + member.packed);
    let sum = match member.method {
        0 => sum(packed, member.unpacked, part),
        8 => {
            let room = usize::try_from(member.packed).unwrap_or(usize::MAX).clamp(512, 64 * 1024);
            let packed = BufReader::with_capacity(room, packed);
            sum(flate2::bufread::DeflateDecoder::new(packed), member.unpacked, part)
        }
        _ => return Ok(Unpacked::UnknownMethod),
    };
    match sum {
        Ok(Some(crc)) if crc == member.crc => Ok(Unpacked::Fits),
        Ok(_) => Ok(Unpacked::Differs),
        Err(error) if is_format_error(&error) => Ok(Unpacked::Differs),
        Err(error) => Err(error),
    }
}

/// The CRC-32 of everything that can be read, if it is exactly `expected` bytes.
fn sum(mut from: impl Read, expected: u64, part: &mut Part) -> std::io::Result<Option<u32>> {
    let mut crc = flate2::Crc::new();
    // Most members are small; one byte more shows that a member is longer than stated.
    let room = usize::try_from(expected.saturating_add(1)).unwrap_or(usize::MAX);
    let mut piece = vec![0; room.clamp(512, 64 * 1024)];
    let mut total = 0;
    loop {
        let read = from.read(&mut piece)?;
        if read == 0 {
            return Ok((total == expected).then(|| crc.sum()));
        }
        total += read as u64;
        if total > expected {
            return Ok(None);
        }
        crc.update(&piece[..read]);
        part.take(&piece[..read]);
    }
}
