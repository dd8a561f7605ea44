//! Is this one file clean? Pure: bytes in, a verdict with its reasons out.
//!
//! It reads every byte once: statistics in windows (`statistics`) and text as text (`text`). Then the type by
//! first bytes and by name (`kind`, `magic`), encryption that says what it is (`declared`), and the structure
//! of the types that have a checker here. What has none is at best `clean-unverified`. A second version of the
//! same file says more than any checker (`compare`, `difference`). Malware is not known here: see `scan::rules`.
//!
//! Evidence becomes votes, each with its reason, and the votes together a verdict. There is no score:
//! whoever doubts a verdict reads the reasons. Work and memory are limited (`work`, and a limit at each checker);
//! hostile files run into those limits, not into ours.

mod boxes;
mod compare;
mod declared;
mod difference;
mod ending;
mod facts;
mod font;
mod gzip;
mod hole;
mod inflate;
mod inner;
mod jpeg;
pub mod kind;
mod lzw;
mod magic;
mod mail;
mod markup;
mod matroska;
mod metafile;
mod ole2;
mod packed;
mod pdf;
mod peek;
mod picture;
mod postgres;
mod program;
mod rar;
mod rtf;
mod seven;
mod sound;
mod source;
mod sqlite;
mod statistics;
mod stretch;
mod tar;
mod text;
mod tiff;
mod verdict;
mod work;
mod written;
mod zip;

#[cfg(any(test, feature = "specimens"))]
mod tests;

#[cfg(any(test, feature = "specimens"))]
pub use tests::specimens;

use std::io;

use serde::Serialize;

pub use compare::compare;
pub use facts::{Facts, State};
use kind::{Kind, Promise};
pub use source::Source;
use source::{At, Part, big16, big32, is_format_error, little16, little32};
use statistics::{Statistics, WINDOW, count, is_even};
use text::TextWatch;
use verdict::{Leaning, Vote};
use work::Work;

/// Bytes at the beginning by which a type shows itself.
const HEAD: usize = 2048;
/// Bytes of which it is asked whether they look random where a structure breaks.
const SAMPLE: usize = 1024;

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

    /// A later version is compared with it: nothing speaks against it, or nothing but that it says itself that it is
    /// encrypted.
    pub fn is_measure(self) -> bool {
        self.is_clean() || self == Verdict::DeclaredEncrypted
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

/// The version of everything that leads to a verdict. A ledger that holds judgements of another version
/// asks again; whoever changes a verdict, a threshold or a checker counts this up.
pub const VERSION: u32 = 10;

/// A verdict and why, and what to keep for the comparison with a later version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    pub facts: Facts,
}

impl Judgement {
    /// For what could not be read.
    pub fn unread(why: impl Into<String>) -> Judgement {
        Judgement { verdict: Verdict::Unread, reasons: vec![why.into()], facts: Facts::default() }
    }
}

/// What lies beside the file and changes what is normal for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
    /// Right in its frame, and yet not as any program leaves it; the text says what.
    Odd(String),
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
    /// Bytes that look random stand where the type has none.
    Random {
        at: u64,
        why: String,
    },
    /// Complete, and then something follows.
    Trailing {
        at: u64,
        bytes: u64,
    },
}

impl Structure {
    fn state(&self) -> State {
        match self {
            Structure::Whole(_) => State::Whole,
            Structure::Partly(_) | Structure::Odd(_) | Structure::Trailing { .. } => State::Partly,
            Structure::Declared(_) => State::Declared,
            Structure::Cut { .. } | Structure::Broken { .. } | Structure::Random { .. } => State::Broken,
        }
    }

    /// Where something is wrong with it.
    fn place(&self) -> Option<u64> {
        match self {
            Structure::Whole(_) | Structure::Partly(_) | Structure::Odd(_) | Structure::Declared(_) => None,
            Structure::Cut { at, .. }
            | Structure::Broken { at, .. }
            | Structure::Random { at, .. }
            | Structure::Trailing { at, .. } => Some(*at),
        }
    }

    fn broken(at: u64, why: String) -> Structure {
        Structure::Broken { at, why, framing: true }
    }
}

/// Judges one file. Never panics, on any bytes; a source that cannot be read gives `unread`.
pub fn judge(name: &str, source: &mut dyn Source, beside: Beside) -> Judgement {
    judge_within(name, source, beside, u64::MAX)
}

/// As `judge`, but checkers unpack and follow at most `work_bytes` (never more than the size of the file
/// deserves). What could not be checked within that is said, and is at best `clean-unverified`.
pub fn judge_within(name: &str, source: &mut dyn Source, beside: Beside, work_bytes: u64) -> Judgement {
    let mut work = Work::for_length(source.length()).at_most(work_bytes);
    match look(name, source, beside, &mut work) {
        Ok((votes, facts)) => verdict::weigh(votes, facts),
        Err(error) => Judgement::unread(format!("could not be read: {error}")),
    }
}

/// Random to its last byte, where its type has nothing like that at its end. Of a file of no known type more must be so:
/// its own head may stand in front of data that is packed.
fn ends_random(source: &mut dyn Source, shown: Option<Kind>) -> io::Result<Option<Vote>> {
    let least = match shown {
        Some(kind) if kind.never_ends_random() => 2048,
        None => (source.length() / 8 * 3).max(WINDOW as u64),
        Some(_) => return Ok(None),
    };
    let reason = |from| {
        format!(
            "begins with what is not random, and looks random from byte {from} to its end, as where only the beginning \
was left"
        )
    };
    Ok(ending::random_end(source, least)?.map(|from| verdict::vote(Leaning::Odd, reason(from))))
}

/// Read at once: a multiple of windows.
fn piece_bytes(length: u64) -> usize {
    let windows = length.div_ceil(WINDOW as u64).clamp(1, 16);
    usize::try_from(windows).expect("at most 16") * WINDOW
}

/// For whoever has the bytes at hand.
pub fn judge_bytes(name: &str, bytes: &[u8]) -> Judgement {
    judge(name, &mut &*bytes, Beside::Nothing)
}

/// Every byte once, in windows; returns the bytes at the beginning.
fn look_at_all(
    source: &mut dyn Source,
    statistics: &mut Statistics,
    text: &mut TextWatch,
) -> io::Result<Vec<u8>> {
    let mut windows = |bytes: &[u8]| {
        for window in bytes.chunks(WINDOW) {
            let counts = count(window);
            statistics.window(window, &counts);
            text.window(window, &counts);
        }
    };
    if let Some(whole) = source.whole() {
        windows(whole);
        return Ok(whole[..whole.len().min(HEAD)].to_vec());
    }
    let mut piece = vec![0; piece_bytes(source.length())];
    let (mut head, mut at) = (Vec::new(), 0);
    loop {
        let read = source.read_at(at, &mut piece)?;
        if read == 0 {
            break;
        }
        if at == 0 {
            head = piece[..read.min(HEAD)].to_vec();
        }
        windows(&piece[..read]);
        at += read as u64;
    }
    if at != source.length() {
        return Err(io::Error::other(format!("{at} bytes could be read of {}", source.length())));
    }
    Ok(head)
}

fn look(
    name: &str,
    source: &mut dyn Source,
    beside: Beside,
    work: &mut Work,
) -> io::Result<(Vec<Vote>, Facts)> {
    let (mut statistics, mut text) = (Statistics::new(), TextWatch::new(source.length()));
    let head = look_at_all(source, &mut statistics, &mut text)?;
    text.end(statistics.histogram());
    let promise = kind::by_name(name);
    let shown = if kind::is_owner_file(name, &head, statistics.length) {
        Some(magic::OWNER)
    } else {
        shown_kind(&head, &text, &promise)
    };
    let shown = match shown {
        None if is_disc(source)? => Some(Kind::Packed("disk image (ISO)")),
        shown => shown,
    };
    let mut votes = verdict::from_bytes(&promise, shown, &head, &statistics, &text);
    if votes.is_empty() && statistics.may_end_random() {
        votes.extend(ends_random(source, shown)?);
    }
    if votes.is_empty()
        && shown.is_none()
        && promise.kind.is_none()
        && !promise.formless
        && text.text_until() >= 256
    {
        votes.extend(hole::in_text(source)?.map(|why| verdict::vote(Leaning::Odd, why)));
    }
    let mut facts = facts_of(shown, &statistics);
    if shown.is_some_and(Kind::is_text)
        && !promise.declares_encryption
        && let Some(why) = written::random_in_text(source, &statistics, &text)?
    {
        votes.push(verdict::vote(Leaning::Odd, format!("{why}: a way to carry encrypted bytes as text")));
    }
    let settled = votes.iter().any(|vote| vote.leaning == Leaning::Declared);
    if settled {
        facts.state = State::Declared;
        // Whether it says so itself, or only its name does, is what a later version is asked.
        if let Some(tool) = declared::recognise(&head).filter(|_| facts.kind.is_empty()) {
            facts.kind = format!("file encrypted with {tool}");
        }
    } else if let Some(kind) = shown
        && let Some(structure) = guarded(name, kind, source, &statistics, beside, work)?
    {
        facts.state = structure.state();
        let random_there = structure.place().map_or(Ok(false), |at| looks_random_at(source, at))?;
        votes.push(verdict::from_structure(structure, kind, &statistics, random_there));
    }
    Ok((votes, facts))
}

/// Whether the bytes at this place look random: three of the next four kilobytes, or of all there are.
/// That something is wrong somewhere, and something else in the file is compressed, is no sign of encryption.
fn looks_random_at(source: &mut dyn Source, at: u64) -> io::Result<bool> {
    let mut bytes = [0; 4 * SAMPLE];
    let last = source.length().saturating_sub(bytes.len() as u64);
    // Where a file says that something lies may be any number.
    let near_end = at.saturating_add(SAMPLE as u64) > source.length();
    let read = source.read_at(if near_end { last } else { at }, &mut bytes)?;
    let pieces = || bytes[..read].chunks(SAMPLE);
    let random = pieces().filter(|piece| is_even(&count(piece))).count();
    Ok(random > 0 && random * 4 >= pieces().count() * 3)
}

fn facts_of(shown: Option<Kind>, statistics: &Statistics) -> Facts {
    Facts {
        kind: shown.map(|kind| kind.word().to_owned()).unwrap_or_default(),
        state: State::Unchecked,
        length: statistics.length,
        windows: statistics.windows,
        even: statistics.even_windows,
        run: statistics.longest_even_run,
        entropy: hundredths(statistics.entropy()),
        zeros: statistics.zero_bytes_in_a_row(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "entropy lies between 0 and 8")]
fn hundredths(entropy: f64) -> u16 {
    (entropy.clamp(0.0, 8.0) * 100.0) as u16
}

/// A checker, or a library it uses, that stops with a bug on some file must not stop the scan.
fn guarded(
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

/// The type that the content shows. Text shows itself by containing nothing else; whether it is JSON or
/// XML then follows from the name.
fn shown_kind(head: &[u8], text: &TextWatch, promise: &Promise) -> Option<Kind> {
    let by_magic = kind::by_magic(head);
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
        .or_else(|| kind::is_der(head, length).then_some(magic::DER))
        .or_else(|| unmarked.filter(|_| length > 0))
        .or_else(|| postgres::page_size(head, length).map(|_| Kind::Postgres))
        .or_else(|| packed::begins_with_zlib(head).filter(|_| promise.kind.is_none()))
}

/// The first 32 KiB of a CD or DVD are for the system that is started from it, and mostly zeros.
fn is_disc(source: &mut dyn Source) -> io::Result<bool> {
    let mut mark = [0; 5];
    let read = source.read_at(0x8001, &mut mark)?;
    Ok(read == mark.len() && matches!(&mark, b"CD001" | b"BEA01" | b"NSR02" | b"NSR03"))
}

/// Some programs put a few bytes before the head of a PDF.
fn late_pdf(head: &[u8]) -> Option<Kind> {
    head.windows(5).any(|found| found == b"%PDF-").then_some(Kind::Pdf)
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
    let called_so = kind::by_name(name).kind.is_some_and(|(promised, _)| promised == kind);
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
