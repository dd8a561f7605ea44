//! The archive: a POSIX tar (ustar) in the one spelling that we write, so that every byte of it means something.
//!
//! Any `tar` opens it. Owner, times and rights are fixed; reading compares each header with the one that would be written,
//! so that a byte changed where `tar` does not look is found as well.

use std::io::{self, Read, Seek, SeekFrom, Write};

use sha2::{Digest, Sha256};

use crate::seal::Member;

const BLOCK: usize = 512;
/// Two empty blocks end an archive.
const END: usize = 2 * BLOCK;
/// The largest size that eleven octal digits can say.
const SIZE_MAX: u64 = 0o777_7777_7777;

/// The header of a member; `None` if the path or the size does not fit into one.
fn header(path: &str, size: u64) -> Option<[u8; BLOCK]> {
    let plain = !path.is_empty() && path.len() <= 100 && path.bytes().all(|byte| byte.is_ascii_graphic());
    if !plain || size > SIZE_MAX {
        return None;
    }
    let mut block = [0_u8; BLOCK];
    let mut put = |at: usize, text: &str| block[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, path);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(block)
}

fn padding(size: u64) -> usize {
    let over = usize::try_from(size % BLOCK as u64).expect("it is below 512");
    (BLOCK - over) % BLOCK
}

/// Writes an archive, member by member. How long a member is need not be known before.
pub struct Writer<W> {
    out: W,
    members: Vec<Member>,
    open: Option<Open>,
}

struct Open {
    path: String,
    header_at: u64,
    size: u64,
    hash: Sha256,
}

impl<W: Write + Seek> Writer<W> {
    /// On an empty file.
    pub fn new(out: W) -> Writer<W> {
        Writer { out, members: Vec::new(), open: None }
    }

    /// Begins a member; what is written from here on is its content.
    pub fn begin(&mut self, path: impl Into<String>) -> io::Result<()> {
        self.end()?;
        let path = path.into();
        let header_at = self.out.stream_position()?;
        self.out.write_all(&[0; BLOCK])?;
        self.open = Some(Open { path, header_at, size: 0, hash: Sha256::new() });
        Ok(())
    }

    /// A whole member.
    pub fn add(&mut self, path: impl Into<String>, bytes: &[u8]) -> io::Result<()> {
        self.begin(path)?;
        self.write_all(bytes)
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let too_much = || io::Error::new(io::ErrorKind::InvalidInput, "a member is too large for an archive");
        let head = header(&open.path, open.size).ok_or_else(too_much)?;
        self.out.write_all(&[0; BLOCK][..padding(open.size)])?;
        self.out.seek(SeekFrom::Start(open.header_at))?;
        self.out.write_all(&head)?;
        self.out.seek(SeekFrom::End(0))?;
        self.members.push(Member { path: open.path, size: open.size, sha256: open.hash.finalize().into() });
        Ok(())
    }

    /// What has been written so far.
    pub fn members(&mut self) -> io::Result<&[Member]> {
        self.end()?;
        Ok(&self.members)
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.end()?;
        self.out.write_all(&[0; END])?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Writer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let open = self.open.as_mut().ok_or(io::ErrorKind::InvalidInput)?;
        let written = self.out.write(bytes)?;
        open.size += written as u64;
        open.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A member as it was found, and where its content starts.
#[derive(Clone, Debug)]
pub struct Found {
    /// Path, size and hash of what is there.
    pub member: Member,
    /// Bytes from the start of the archive.
    pub at: u64,
}

/// Reads the whole archive. `Ok(Err(…))` says at which byte it is not one of ours.
pub fn list(archive: &mut (impl Read + Seek)) -> io::Result<Result<Vec<Found>, String>> {
    let length = archive.seek(SeekFrom::End(0))?;
    archive.seek(SeekFrom::Start(0))?;
    let (mut at, mut found) = (0_u64, Vec::new());
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let mut block = [0; BLOCK];
        if length - at < END as u64 {
            return Ok(Err(format!("it is cut off at byte {length}")));
        }
        archive.read_exact(&mut block)?;
        if block == [0; BLOCK] {
            archive.read_exact(&mut block)?;
            let is_end = block == [0; BLOCK] && length == at + END as u64;
            return Ok(if is_end {
                Ok(found)
            } else {
                Err(format!("something follows the end of the archive at byte {at}"))
            });
        }
        let Some((path, size)) = read_header(&block) else {
            return Ok(Err(format!("the header at byte {at} is not as it was written")));
        };
        let start = at + BLOCK as u64;
        let padded = size + padding(size) as u64;
        if length - start < padded {
            return Ok(Err(format!("{path} is cut off at byte {length}")));
        }
        let (mut left, mut hash) = (size, Sha256::new());
        while left > 0 {
            let some = usize::try_from(left).unwrap_or(buffer.len()).min(buffer.len());
            archive.read_exact(&mut buffer[..some])?;
            hash.update(&buffer[..some]);
            left -= some as u64;
        }
        let rest = &mut buffer[..padding(size)];
        archive.read_exact(rest)?;
        if rest.iter().any(|byte| *byte != 0) {
            return Ok(Err(format!("the room behind {path}, before byte {}, is not empty", start + padded)));
        }
        found.push(Found { member: Member { path, size, sha256: hash.finalize().into() }, at: start });
        at = start + padded;
    }
}

fn read_header(block: &[u8; BLOCK]) -> Option<(String, u64)> {
    let name = block[..100].split(|byte| *byte == 0).next()?;
    let path = std::str::from_utf8(name).ok()?;
    let digits = std::str::from_utf8(&block[124..135]).ok()?;
    let size = u64::from_str_radix(digits, 8).ok()?;
    (header(path, size)? == *block).then(|| (path.to_owned(), size))
}
