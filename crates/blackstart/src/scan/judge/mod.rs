//! Is this one file clean? Pure: bytes in, a verdict with its reasons out.
//!
//! **First form.** It reads every byte: statistics in windows (`statistics`), text as text (`text`), the
//! type by first bytes and by name (`kind`), encryption that says what it is (`declared`), and the
//! structure of ZIP/Office, PDF, PNG, JPEG, GIF, gzip, SQLite, JSON and XML. It does not yet look inside
//! old Office documents, other archives, films, sound and most database files; those are at best
//! `clean-unverified`. It knows no malware; rules for that come later.
//!
//! Evidence becomes votes, each with its reason, and the votes together a verdict. There is no score:
//! whoever doubts a verdict reads the reasons. Memory stays within a few hundred kilobytes plus the
//! limits that stand at each checker; hostile files run into those limits, not into ours.

mod declared;
mod gzip;
pub(super) mod kind;
mod pdf;
mod picture;
mod sqlite;
mod statistics;
mod text;
mod verdict;
mod zip;

#[cfg(test)]
pub(super) mod specimens;
#[cfg(test)]
mod tests;

use std::io;

use serde::Serialize;

use kind::Kind;
use statistics::Statistics;
use text::TextWatch;
use verdict::{Leaning, Vote};

/// What a file was found to be. The words are a contract; scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The structure was verified.
    Clean,
    /// No checker for this type, and no sign of anything.
    CleanUnverified,
    /// Encrypted, and it says so: somebody's own archive, or an attacker with common tools.
    DeclaredEncrypted,
    Suspicious,
    Encrypted,
    Damaged,
    Malware,
    /// Could not be read. What was not read is not clean.
    Unread,
}

impl Verdict {
    pub const ALL: [Verdict; 8] = [
        Verdict::Clean,
        Verdict::CleanUnverified,
        Verdict::DeclaredEncrypted,
        Verdict::Suspicious,
        Verdict::Encrypted,
        Verdict::Damaged,
        Verdict::Malware,
        Verdict::Unread,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Verdict::Clean => "clean",
            Verdict::CleanUnverified => "clean-unverified",
            Verdict::DeclaredEncrypted => "declared-encrypted",
            Verdict::Suspicious => "suspicious",
            Verdict::Encrypted => "encrypted",
            Verdict::Damaged => "damaged",
            Verdict::Malware => "malware",
            Verdict::Unread => "unread",
        }
    }

    /// Nothing speaks against it.
    pub fn is_clean(self) -> bool {
        match self {
            Verdict::Clean | Verdict::CleanUnverified => true,
            Verdict::DeclaredEncrypted
            | Verdict::Suspicious
            | Verdict::Encrypted
            | Verdict::Damaged
            | Verdict::Malware
            | Verdict::Unread => false,
        }
    }
}

/// A verdict and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub reasons: Vec<String>,
}

impl Judgement {
    /// For what could not be read.
    pub fn unread(why: impl Into<String>) -> Judgement {
        Judgement { verdict: Verdict::Unread, reasons: vec![why.into()] }
    }
}

/// Bytes that can be read at any place: a file, a file in a repository, or a slice.
pub trait Source {
    fn length(&self) -> u64;
    /// Fills `into` as far as there are bytes at `offset`; returns how many there were.
    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize>;
}

impl Source for &[u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let count = into.len().min(self.len() - from);
        into[..count].copy_from_slice(&self[from..from + count]);
        Ok(count)
    }
}

/// What lies beside the file and changes what is normal for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Beside {
    #[default]
    Nothing,
    /// A journal or write-ahead log of this database: it may be between two states.
    Journal,
}

/// What a checker found.
#[derive(Debug)]
enum Structure {
    /// Verified; the text says what.
    Whole(String),
    /// Nothing wrong, but not all of it could be checked; the text says why.
    Partly(String),
    Declared(String),
    /// Right as far as it goes, but it ends early.
    Cut {
        at: u64,
        why: String,
    },
    /// `framing`: the frame itself is destroyed, not just content that a checksum covers.
    Broken {
        at: u64,
        why: String,
        framing: bool,
    },
    /// Complete, and then something follows.
    Trailing {
        at: u64,
        bytes: u64,
    },
}

impl Structure {
    fn broken(at: u64, why: String) -> Structure {
        Structure::Broken { at, why, framing: true }
    }
}

/// Judges one file. Never panics, on any bytes; a source that cannot be read gives `unread`.
pub fn judge(name: &str, source: &mut dyn Source, beside: Beside) -> Judgement {
    match look(name, source, beside) {
        Ok(votes) => verdict::weigh(votes),
        Err(error) => Judgement::unread(format!("could not be read: {error}")),
    }
}

/// For the fuzzer and for whoever has the bytes at hand.
pub fn judge_bytes(name: &str, bytes: &[u8]) -> Judgement {
    judge(name, &mut &*bytes, Beside::Nothing)
}

/// Any name and any bytes: must return. Called by the fuzzer.
pub fn fuzz_judge(name: &str, bytes: &[u8]) {
    let first = judge_bytes(name, bytes);
    assert_eq!(first, judge_bytes(name, bytes), "the same bytes give the same verdict");
    assert!(!first.reasons.is_empty() || first.verdict.is_clean(), "whatever is not clean has a reason");
}

fn look(name: &str, source: &mut dyn Source, beside: Beside) -> io::Result<Vec<Vote>> {
    let mut statistics = Statistics::new();
    let mut text = TextWatch::new();
    let mut piece = vec![0; 64 * 1024];
    let mut head = Vec::new();
    let mut at = 0;
    loop {
        let read = source.read_at(at, &mut piece)?;
        if read == 0 {
            break;
        }
        if at == 0 {
            head = piece[..read.min(1024)].to_vec();
        }
        statistics.feed(&piece[..read]);
        text.feed(&piece[..read]);
        at += read as u64;
    }
    if at != source.length() {
        return Err(io::Error::other(format!("{at} bytes could be read of {}", source.length())));
    }
    let promise = kind::by_name(name);
    let shown = shown_kind(&head, &text, &promise);
    let mut votes = verdict::from_bytes(&promise, shown, &head, &statistics, &text);
    let settled = votes.iter().any(|vote| vote.leaning == Leaning::Declared);
    if let (Some(kind), false) = (shown, settled)
        && let Some(structure) = check(kind, source, &statistics, beside)?
    {
        votes.push(verdict::from_structure(structure, kind, &statistics));
    }
    Ok(votes)
}

/// The type that the content shows. Text shows itself by containing nothing else; whether it is JSON or
/// XML then follows from the name.
fn shown_kind(head: &[u8], text: &TextWatch, promise: &kind::Promise) -> Option<Kind> {
    let by_magic = kind::by_magic(head);
    // Two letters such as `BM` begin many a sentence.
    let weak = matches!(by_magic, Some(Kind::Plain(_) | Kind::Packed(_)));
    if text.is_text() && (by_magic.is_none() || weak) {
        let promised = promise.kind.map(|(kind, _)| kind).filter(|kind| kind.is_text());
        return Some(promised.unwrap_or(Kind::Text));
    }
    by_magic.or_else(|| late_pdf(head))
}

/// Some programs put a few bytes before the head of a PDF.
fn late_pdf(head: &[u8]) -> Option<Kind> {
    head.windows(5).any(|found| found == b"%PDF-").then_some(Kind::Pdf)
}

fn check(
    kind: Kind,
    source: &mut dyn Source,
    statistics: &Statistics,
    beside: Beside,
) -> io::Result<Option<Structure>> {
    Ok(match kind {
        Kind::Zip => Some(zip::check(source)?),
        Kind::Pdf => Some(pdf::check(source, statistics)?),
        Kind::Png => Some(picture::png(source)?),
        Kind::Jpeg => Some(picture::jpeg(source)?),
        Kind::Gif => Some(picture::gif(source)?),
        Kind::Gzip => Some(gzip::check(source)?),
        Kind::Sqlite => Some(sqlite::check(source, beside == Beside::Journal)?),
        Kind::Json => Some(text::json(source)?),
        Kind::Xml => Some(text::xml(source)?),
        Kind::Text | Kind::LooseText => Some(Structure::Whole("text from end to end".to_owned())),
        Kind::Ole2 if declared::office_password(source)? => {
            Some(Structure::Declared("Office document with a password".to_owned()))
        }
        Kind::Ole2 | Kind::Packed(_) | Kind::Plain(_) => None,
    })
}

/// A part of a source as a stream.
struct At<'a> {
    source: &'a mut dyn Source,
    at: u64,
    end: u64,
}

impl<'a> At<'a> {
    fn new(source: &'a mut dyn Source, at: u64, end: u64) -> At<'a> {
        let end = end.min(source.length());
        At { source, at: at.min(end), end }
    }

    fn left(&self) -> u64 {
        self.end - self.at
    }

    /// All of it in memory, at most `bytes`.
    fn limited_to(mut self, bytes: u64) -> io::Result<io::Cursor<Vec<u8>>> {
        self.end = self.end.min(self.at + bytes);
        let mut all = Vec::new();
        io::Read::read_to_end(&mut self, &mut all)?;
        Ok(io::Cursor::new(all))
    }
}

impl io::Read for At<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = into.len().min(usize::try_from(self.left()).unwrap_or(usize::MAX));
        let read = self.source.read_at(self.at, &mut into[..count])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl io::Seek for At<'_> {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        let target = match to {
            io::SeekFrom::Start(at) => Some(at),
            io::SeekFrom::Current(by) => self.at.checked_add_signed(by),
            io::SeekFrom::End(by) => self.end.checked_add_signed(by),
        };
        self.at = target.ok_or(io::ErrorKind::InvalidInput)?.min(self.end);
        Ok(self.at)
    }
}

/// The decompressor says so of data that are no compressed data; everything else is trouble with reading.
fn is_format_error(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
    )
}

fn little16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_le_bytes([two[0], two[1]]))
}

fn little32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
}

fn big16(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |two| u16::from_be_bytes([two[0], two[1]]))
}

fn big32(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |four| u32::from_be_bytes([four[0], four[1], four[2], four[3]]))
}
