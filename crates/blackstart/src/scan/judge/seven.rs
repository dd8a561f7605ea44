//! 7-Zip: the head at the start and the directory at the end, both under checksums, and the packed streams
//! unpacked where they are packed with one of the usual methods. Encryption is named in the directory.

use std::io::{BufReader, Read};

use super::work::Work;
use super::{At, Source, Structure, little32};

const DIRECTORY_MAX: u64 = 16 << 20;
const MEMORY_MAX_KIB: u32 = 96 * 1024;
/// Folders (packed streams with their methods) in one archive.
const FOLDERS_MAX: u64 = 100_000;
const CODERS_MAX: u64 = 32;

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

/// Where a packed stream lies, and what it was packed with.
struct Folder {
    at: u64,
    size: u64,
    coders: Vec<Coder>,
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
                Ok(reader) => drain(reader, coder.unpacked, work, keep),
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
            drain(lzma_rust2::Lzma2Reader::new(packed, dictionary, None), coder.unpacked, work, keep)
        }
        method if method == DEFLATE => {
            drain(flate2::bufread::DeflateDecoder::new(packed), coder.unpacked, work, keep)
        }
        _ => drain(bzip2::bufread::BzDecoder::new(packed), coder.unpacked, work, keep),
    }
}

fn drain(
    mut from: impl Read,
    expected: u64,
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
                if !work.spend(read as u64) || (keep.is_some() && total > DIRECTORY_MAX) {
                    return Ok(Err(Trouble::Exhausted));
                }
                if let Some(keep) = &mut keep {
                    keep.extend_from_slice(&piece[..read]);
                }
            }
            Err(error) if super::is_format_error(&error) => {
                return Ok(Err(Trouble::Wrong("does not unpack")));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(if total == expected {
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

    /// Packed streams and their methods; what follows (sizes and names of the files) is not needed.
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
                    10 => self.digests(streams)?,
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
            folders.push(Folder { at: begin, size: total, coders });
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
        Some(folders)
    }

    fn digests(&mut self, count: u64) -> Option<()> {
        let mut defined = count;
        if self.byte()? == 0 {
            let bits = self.take(count.div_ceil(8))?;
            defined = bits.iter().map(|byte| u64::from(byte.count_ones())).sum();
        }
        self.take(defined.checked_mul(4)?).map(|_| ())
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
