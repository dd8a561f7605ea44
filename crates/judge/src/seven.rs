//! 7-Zip: the head at the start and the directory at the end, both under checksums, and the packed streams
//! unpacked where they are packed with one of the usual methods, each file in them against its checksum. Encryption is
//! named in the directory.

use std::io::{BufReader, Read};

use crate::source::{At, Source, is_format_error, little32};
use crate::structure::Structure;
use crate::work::Work;

const DIRECTORY_MAX: u64 = 16 << 20;
const MEMORY_MAX_KIB: u32 = 96 * 1024;
/// Folders (packed streams with their methods) in one archive.
const FOLDERS_MAX: u64 = 100_000;
const CODERS_MAX: u64 = 32;
/// Files in one folder whose checksums are looked at.
const FILES_MAX: u64 = 1_000_000;

const AES: &[u8] = &[0x06, 0xf1, 0x07, 0x01];
const LZMA: &[u8] = &[3, 1, 1];
const LZMA2: &[u8] = &[0x21];
const DEFLATE: &[u8] = &[4, 1, 8];
const BZIP2: &[u8] = &[4, 2, 2];

/// One step of unpacking.
struct Coder {
    method: Vec<u8>,
    properties: Vec<u8>,
    unpacked: u64,
}

/// Length, and checksum where there is one.
type Files = Vec<(u64, Option<u32>)>;

/// Where a packed stream lies, and what it was packed with.
struct Folder {
    at: u64,
    size: u64,
    coders: Vec<Coder>,
    /// One method and no filter behind it: what it unpacks to are the files themselves.
    is_plain: bool,
    /// The files in it, one behind the other.
    files: Files,
}

/// The checksums of files that follow each other in what is unpacked.
struct Sums<'a> {
    files: std::slice::Iter<'a, (u64, Option<u32>)>,
    left: u64,
    stated: Option<u32>,
    crc: flate2::Crc,
    fit: bool,
}

impl<'a> Sums<'a> {
    fn new(folder: &'a Folder) -> Sums<'a> {
        let files = if folder.is_plain { folder.files.iter() } else { [].iter() };
        Sums { files, left: 0, stated: None, crc: flate2::Crc::new(), fit: true }
    }

    fn take(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.left == 0 {
                self.end();
                let Some((length, stated)) = self.files.next() else { return };
                (self.left, self.stated) = (*length, *stated);
                continue;
            }
            let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
            self.crc.update(&bytes[..count]);
            self.left -= count as u64;
            bytes = &bytes[count..];
        }
    }

    /// A file has ended.
    fn end(&mut self) {
        self.fit &= self.stated.take().is_none_or(|stated| stated == self.crc.sum());
        self.crc.reset();
    }
}

enum Trouble {
    Wrong(&'static str),
    Exhausted,
}

pub(super) fn check(source: &mut dyn Source, work: &mut Work) -> std::io::Result<Structure> {
    let length = source.length();
    let mut head = [0; 32];
    if source.read_at(0, &mut head)? < 32 {
        return Ok(Structure::Cut { at: length, why: "the 7-Zip archive ends within its head".to_owned() });
    }
    if crc(&head[12..32]) != little32(&head, 8) {
        return Ok(Structure::broken(
            8,
            "the head of the 7-Zip archive does not fit its checksum".to_owned(),
        ));
    }
    let long = |at: usize| u64::from(little32(&head, at)) | u64::from(little32(&head, at + 4)) << 32;
    let (at, size) = (32_u64.saturating_add(long(12)), long(20));
    if at.saturating_add(size) > length {
        return Ok(Structure::Cut {
            at: length,
            why: "the 7-Zip archive ends before its directory".to_owned(),
        });
    }
    if size > DIRECTORY_MAX || !work.spend(size) {
        return Ok(Work::exhausted("7-Zip archive"));
    }
    let directory = At::new(source, at, at + size).limited_to(size)?.into_inner();
    if crc(&directory) != little32(&head, 28) {
        return Ok(Structure::broken(
            at,
            "the directory of the 7-Zip archive does not fit its checksum".to_owned(),
        ));
    }
    contents(source, directory, work)
}

/// The directory may itself be packed, even more than once.
fn contents(source: &mut dyn Source, mut directory: Vec<u8>, work: &mut Work) -> std::io::Result<Structure> {
    for _ in 0..4 {
        let mut fields = Fields { bytes: &directory, at: 0 };
        let packed = match fields.byte() {
            None => return Ok(Structure::Whole("an empty 7-Zip archive".to_owned())),
            Some(0x17) => true,
            Some(1) => false,
            Some(_) => return Ok(unknown()),
        };
        if !packed {
            // Properties of the archive are never written; main streams follow under 4.
            match fields.byte() {
                Some(4) => {}
                Some(5 | 0) => return Ok(Structure::Whole("a 7-Zip archive without content".to_owned())),
                _ => return Ok(unknown()),
            }
        }
        let Some(folders) = fields.folders() else { return Ok(unknown()) };
        if folders.iter().any(|folder| folder.coders.iter().any(|coder| coder.method == AES)) {
            return Ok(Structure::Declared("7-Zip archive with a password".to_owned()));
        }
        if !packed {
            return verify(source, &folders, work);
        }
        let Some(folder) = folders.first() else { return Ok(unknown()) };
        let mut unpacked = Vec::new();
        match unpack(source, folder, work, Some(&mut unpacked))? {
            Ok(_) => directory = unpacked,
            Err(Trouble::Exhausted) => return Ok(Work::exhausted("7-Zip archive")),
            Err(Trouble::Wrong(_)) => {
                return Ok(Structure::broken(
                    folder.at,
                    "the directory of the 7-Zip archive does not unpack".to_owned(),
                ));
            }
        }
    }
    Ok(unknown())
}

fn unknown() -> Structure {
    Structure::Partly(
        "is a 7-Zip archive whose directory is written in a way that is not known here".to_owned(),
    )
}

fn verify(source: &mut dyn Source, folders: &[Folder], work: &mut Work) -> std::io::Result<Structure> {
    let mut unchecked = 0;
    for (number, folder) in folders.iter().enumerate() {
        if folder.at.saturating_add(folder.size) > source.length() {
            return Ok(Structure::Cut {
                at: folder.at,
                why: format!("packed stream {} ends behind the end", number + 1),
            });
        }
        match unpack(source, folder, work, None)? {
            Ok(true) => {}
            Ok(false) => unchecked += 1,
            Err(Trouble::Exhausted) => return Ok(Work::exhausted("7-Zip archive")),
            Err(Trouble::Wrong(why)) => {
                let why = format!("packed stream {} {why}", number + 1);
                return Ok(Structure::Broken { at: folder.at, why, framing: false });
            }
        }
    }
    Ok(if unchecked > 0 {
        Structure::Partly(format!(
            "is a 7-Zip archive; {unchecked} of its streams are packed in ways not unpacked here"
        ))
    } else {
        Structure::Whole(format!("the 7-Zip directory and all {} packed streams fit", folders.len()))
    })
}

/// `Ok(false)`: packed in a way that is not unpacked here.
fn unpack(
    source: &mut dyn Source,
    folder: &Folder,
    work: &mut Work,
    keep: Option<&mut Vec<u8>>,
) -> std::io::Result<Result<bool, Trouble>> {
    let known = [LZMA, LZMA2, DEFLATE, BZIP2];
    let Some(coder) = folder.coders.iter().find(|coder| known.contains(&coder.method.as_slice())) else {
        return Ok(Ok(false));
    };
    let packed = BufReader::with_capacity(64 * 1024, At::new(source, folder.at, folder.at + folder.size));
    let properties = &coder.properties;
    let sums = Sums::new(folder);
    match coder.method.as_slice() {
        method if method == LZMA => {
            let Some((first, rest)) = properties.split_first().filter(|(_, rest)| rest.len() >= 4) else {
                return Ok(Err(Trouble::Wrong("names no settings of its method")));
            };
            let dictionary = little32(rest, 0);
            if dictionary / 1024 > MEMORY_MAX_KIB {
                return Ok(Ok(false));
            }
            let reader =
                lzma_rust2::LzmaReader::new_with_props(packed, coder.unpacked, *first, dictionary, None);
            match reader {
                Ok(reader) => drain(reader, coder.unpacked, sums, work, keep),
                Err(_) => Ok(Err(Trouble::Wrong("names settings that its method does not have"))),
            }
        }
        method if method == LZMA2 => {
            let code = u32::from(properties.first().copied().unwrap_or(40));
            if code > 38 {
                return Ok(Ok(false));
            }
            let dictionary = (2 | code & 1) << (code / 2 + 11);
            if dictionary / 1024 > MEMORY_MAX_KIB {
                return Ok(Ok(false));
            }
            drain(lzma_rust2::Lzma2Reader::new(packed, dictionary, None), coder.unpacked, sums, work, keep)
        }
        method if method == DEFLATE => {
            drain(flate2::bufread::DeflateDecoder::new(packed), coder.unpacked, sums, work, keep)
        }
        _ => drain(bzip2::bufread::BzDecoder::new(packed), coder.unpacked, sums, work, keep),
    }
}

fn drain(
    mut from: impl Read,
    expected: u64,
    mut sums: Sums<'_>,
    work: &mut Work,
    mut keep: Option<&mut Vec<u8>>,
) -> std::io::Result<Result<bool, Trouble>> {
    let mut piece = vec![0; 64 * 1024];
    let mut total = 0_u64;
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => {
                total += read as u64;
                sums.take(&piece[..read]);
                if !work.spend(read as u64) || (keep.is_some() && total > DIRECTORY_MAX) {
                    return Ok(Err(Trouble::Exhausted));
                }
                if let Some(keep) = &mut keep {
                    keep.extend_from_slice(&piece[..read]);
                }
            }
            Err(error) if is_format_error(&error) => {
                return Ok(Err(Trouble::Wrong("does not unpack")));
            }
            Err(error) => return Err(error),
        }
    }
    sums.end();
    Ok(if total == expected && !sums.fit {
        Err(Trouble::Wrong("holds a file that does not fit its checksum"))
    } else if total == expected {
        Ok(true)
    } else {
        Err(Trouble::Wrong("unpacks to another length than it should"))
    })
}

/// The directory's own way of writing numbers and lists.
struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Fields<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn take(&mut self, count: u64) -> Option<&[u8]> {
        let end = self.at.checked_add(usize::try_from(count).ok()?)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    /// The first byte says by its leading ones how many bytes follow.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let (mut mask, mut value) = (0x80_u8, 0_u64);
        for place in 0..8 {
            if first & mask == 0 {
                return Some(value | u64::from(first & (mask.wrapping_sub(1))) << (8 * place));
            }
            value |= u64::from(self.byte()?) << (8 * place);
            mask >>= 1;
        }
        Some(value)
    }

    /// Packed streams, their methods and the files in them; what follows (names and times) is not needed.
    fn folders(&mut self) -> Option<Vec<Folder>> {
        let mut sizes = Vec::new();
        let mut first = 32;
        let mut section = self.byte()?;
        if section == 6 {
            first = 32_u64.checked_add(self.number()?)?;
            let streams = self.number().filter(|streams| *streams <= FOLDERS_MAX)?;
            loop {
                match self.byte()? {
                    0 => break,
                    9 => {
                        for _ in 0..streams {
                            sizes.push(self.number()?);
                        }
                    }
                    10 => drop(self.digests(streams)?),
                    _ => return None,
                }
            }
            section = self.byte()?;
        }
        if section != 7 || self.byte()? != 11 {
            return None;
        }
        let count = self.number().filter(|count| *count <= FOLDERS_MAX)?;
        // Methods kept in another stream were never used by any version.
        if self.byte()? != 0 {
            return None;
        }
        let mut folders = Vec::new();
        let mut at = first;
        let mut sizes = sizes.into_iter();
        for _ in 0..count {
            let (coders, streams) = self.coders()?;
            let begin = at;
            let mut total = 0_u64;
            for _ in 0..streams {
                total = total.checked_add(sizes.next()?)?;
            }
            at = at.checked_add(total)?;
            let is_plain = coders.len() == 1;
            folders.push(Folder { at: begin, size: total, coders, is_plain, files: Vec::new() });
        }
        if self.byte()? != 12 {
            return None;
        }
        for folder in &mut folders {
            for coder in &mut folder.coders {
                coder.unpacked = self.number()?;
            }
            // Several streams are woven into one (BCJ2): not unpacked here, but the names of methods count.
            if folder.coders.len() > 2 {
                folder.coders.retain(|coder| coder.method == AES);
            }
        }
        // Where this part is written in a way that is not known here, lengths still count.
        if let Some(files) = self.files(&folders) {
            folders.iter_mut().zip(files).for_each(|(folder, files)| folder.files = files);
        }
        Some(folders)
    }

    /// Lengths and checksums of the files in every folder.
    fn files(&mut self, folders: &[Folder]) -> Option<Vec<Files>> {
        let whole = |folder: &Folder| folder.coders.first().map_or(0, |coder| coder.unpacked);
        let mut sums = vec![None; folders.len()];
        let mut next = self.byte()?;
        if next == 10 {
            sums = self.digests(folders.len() as u64)?;
            next = self.byte()?;
        }
        let mut files: Vec<Files> =
            folders.iter().zip(&sums).map(|(folder, sum)| vec![(whole(folder), *sum)]).collect();
        if next != 0 || self.byte()? != 8 {
            return Some(files);
        }
        next = self.byte()?;
        if next == 13 {
            for files in &mut files {
                let count = self.number().filter(|count| *count <= FILES_MAX)?;
                if count != 1 {
                    *files = vec![(0, None); usize::try_from(count).ok()?];
                }
            }
            next = self.byte()?;
        }
        for (files, folder) in files.iter_mut().zip(folders) {
            let Some((last, others)) = files.split_last_mut() else { continue };
            let mut left = whole(folder);
            for (length, _) in others {
                *length = if next == 9 { self.number()? } else { return None };
                left = left.saturating_sub(*length);
            }
            last.0 = left;
        }
        if next == 9 {
            next = self.byte()?;
        }
        if next == 10 {
            let open = |files: &[(u64, Option<u32>)]| files.len() != 1 || files[0].1.is_none();
            let count = files.iter().filter(|files| open(files)).map(|files| files.len() as u64).sum();
            let mut sums = self.digests(count)?.into_iter();
            for file in files.iter_mut().filter(|files| open(files)).flatten() {
                file.1 = sums.next()?;
            }
        }
        Some(files)
    }

    /// A list of checksums, of which some may be missing.
    fn digests(&mut self, count: u64) -> Option<Vec<Option<u32>>> {
        let all = self.byte()? != 0;
        let bits = if all { Vec::new() } else { self.take(count.div_ceil(8))?.to_vec() };
        if count > FILES_MAX {
            return None;
        }
        let is_there = |at: usize| all || bits.get(at / 8).is_some_and(|byte| byte << (at % 8) & 0x80 != 0);
        let mut sums = Vec::new();
        for at in 0..usize::try_from(count).ok()? {
            sums.push(if is_there(at) { Some(little32(self.take(4)?, 0)) } else { None });
        }
        Some(sums)
    }

    /// The coders of one folder, and how many packed streams it has.
    fn coders(&mut self) -> Option<(Vec<Coder>, u64)> {
        let count = self.number().filter(|count| (1..=CODERS_MAX).contains(count))?;
        let mut coders = Vec::new();
        let (mut inputs, mut outputs) = (0_u64, 0_u64);
        for _ in 0..count {
            let flags = self.byte()?;
            let method = self.take(u64::from(flags & 15))?.to_vec();
            let (mut into, mut out) = (1, 1);
            if flags & 0x10 != 0 {
                into = self.number().filter(|count| *count <= CODERS_MAX)?;
                out = self.number().filter(|count| *count <= CODERS_MAX)?;
            }
            (inputs, outputs) = (inputs + into, outputs + out);
            let mut properties = Vec::new();
            if flags & 0x20 != 0 {
                let size = self.number()?;
                properties = self.take(size)?.to_vec();
            }
            coders.push(Coder { method, properties, unpacked: 0 });
        }
        let bonds = outputs.checked_sub(1)?;
        for _ in 0..bonds {
            self.number()?;
            self.number()?;
        }
        let packed = inputs.checked_sub(bonds).filter(|packed| *packed > 0)?;
        if packed > 1 {
            for _ in 0..packed {
                self.number()?;
            }
        }
        Some((coders, packed))
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}
