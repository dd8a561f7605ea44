//! Which type a file is: by its first bytes, and by what its name promises.
//!
//! Encryption destroys the first and usually leaves the second, also when it appends an ending of its
//! own (`letter.docx.locked` still promises a .docx).

use std::collections::HashMap;
use std::sync::LazyLock;

/// The word for everything that is a ZIP.
pub(super) const ZIP: &str = "ZIP or Office document";

/// Types that are told apart. Those without a checker are recognised only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Json,
    Xml,
    /// A mail, or a folder of mails.
    Mail,
    Rtf,
    /// Text by habit, but allowed to carry raw binary: SQL dumps, mail, PostScript.
    LooseText,
    /// ZIP, and what is built on it: Office, OpenDocument, EPUB, JAR.
    Zip,
    Pdf,
    Png,
    Jpeg,
    Gif,
    Gzip,
    Xz,
    Lzip,
    Bzip2,
    Zstd,
    Lz4,
    /// These three begin with no mark: only the name tells.
    Lzma,
    Zlib,
    Brotli,
    Seven,
    Rar,
    Tar,
    /// A table or an index of PostgreSQL.
    Postgres,
    Tiff,
    /// WAV, AVI, WebP.
    Riff,
    /// MP4, QuickTime, HEIC.
    Mp4,
    /// Matroska, WebM.
    Matroska,
    Mp3,
    Flac,
    Ogg,
    Bitmap,
    /// WMF, EMF: a list of what is to be drawn.
    Metafile,
    /// TrueType and OpenType.
    Font,
    /// A program for Linux.
    Elf,
    /// A program for Windows.
    Windows,
    Sqlite,
    /// Old Office documents, mails of Outlook.
    Ole2,
    /// Recognised, compressed inside: looks even although nothing is wrong.
    Packed(&'static str),
    /// Recognised, not compressed.
    Plain(&'static str),
}

use Kind::{
    Bitmap, Brotli, Bzip2, Elf, Flac, Font, Gif, Gzip, Jpeg, Json, LooseText, Lz4, Lzip, Lzma, Mail,
    Matroska, Metafile, Mp3, Mp4, Ogg, Ole2, Packed, Pdf, Plain, Png, Postgres, Rar, Riff, Rtf, Seven,
    Sqlite, Tar, Text, Tiff, Windows, Xml, Xz, Zip, Zlib, Zstd,
};

use super::magic::{DECLARED, ENDINGS, FORMLESS, MAGIC};

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Text | LooseText => "text",
            Mail => "text (mail)",
            Rtf => "RTF document",
            Json => "JSON",
            Xml => "XML",
            Zip => ZIP,
            Pdf => "PDF",
            Png => "PNG picture",
            Jpeg => "JPEG picture",
            Gif => "GIF picture",
            Gzip => "gzip file",
            Xz => "xz file",
            Lzip => "lzip file",
            Bzip2 => "bzip2 file",
            Zstd => "Zstandard file",
            Lz4 => "LZ4 file",
            Lzma => "LZMA file",
            Zlib => "zlib file",
            Brotli => "Brotli file",
            Seven => "7-Zip archive",
            Rar => "RAR archive",
            Matroska => "Matroska film",
            Tar => "tar archive",
            Postgres => "PostgreSQL table",
            Tiff => "TIFF picture",
            Riff => "WebP, WAV or AVI file",
            Mp4 => "MP4, MOV or HEIC file",
            Mp3 => "MP3 sound",
            Flac => "FLAC sound",
            Ogg => "Ogg sound",
            Bitmap => "bitmap picture",
            Metafile => "Windows metafile",
            Font => "font",
            Elf => "program (ELF)",
            Windows => "program (Windows)",
            Sqlite => "SQLite database",
            Ole2 => "old Office document (OLE2)",
            Packed(name) | Plain(name) => name,
        }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Text | Json | Xml | Mail | LooseText)
    }

    /// Compressed, with one file inside.
    pub(super) fn holds_one_file(self) -> bool {
        matches!(self, Gzip | Xz | Lzip | Bzip2 | Zstd | Lz4 | Lzma | Zlib | Brotli)
    }

    /// Nothing at its beginning shows it.
    pub(super) fn is_unmarked(self) -> bool {
        matches!(self, Lzma | Zlib | Brotli)
    }

    /// Of those that are not packed: nothing that may be packed or encrypted on purpose lies at its end.
    pub(super) fn never_ends_random(self) -> bool {
        match self {
            Bitmap | Font | Metafile => true,
            Plain(name) => !name.starts_with("disk image"),
            _ => false,
        }
    }

    /// Even bytes inside are normal for it.
    pub(super) fn is_packed(self) -> bool {
        match self {
            Zip | Pdf | Png | Jpeg | Gif | Gzip | Xz | Lzip | Bzip2 | Zstd | Lz4 | Lzma | Zlib | Brotli
            | Rar | Matroska | Seven | Tiff | Riff | Mp4 | Mp3 | Flac | Ogg | Packed(_) => true,
            // Archives and programs carry packed content inside; text and tables do not.
            Tar | Elf | Windows | Postgres => true,
            Text | Json | Xml | Mail | Rtf | LooseText | Sqlite | Ole2 | Bitmap | Metafile | Font
            | Plain(_) => false,
        }
    }
}

/// The type that the first bytes show.
pub(super) fn by_magic(head: &[u8]) -> Option<Kind> {
    let fits = |offset: usize, magic: &[u8]| {
        head.get(offset..offset + magic.len()).is_some_and(|found| found == magic)
    };
    if super::tar::is_head(head) {
        return Some(Tar);
    }
    MAGIC
        .iter()
        .find(|(kind, offset, magic)| fits(*offset, magic) && agrees(*kind, head))
        .map(|(kind, _, _)| *kind)
        .or_else(|| frames(head).then_some(Mp3))
}

/// Certificates and signatures are one element in another; the outermost is as long as the file.
pub(super) fn is_der(head: &[u8], length: u64) -> bool {
    let (skipped, stated) = match head {
        [0x30, 0x80, 6, ..] => return length > 32,
        [0x30, 0x81, one, ..] => (3, u64::from(*one)),
        [0x30, 0x82, high, low, ..] => (4, u64::from(*high) << 8 | u64::from(*low)),
        [0x30, 0x83, rest @ ..] if rest.len() > 3 => (5, u64::from(super::big32(rest, 0) >> 8)),
        _ => return false,
    };
    // Lines ends and filling are sometimes left behind it.
    (skipped + stated..=skipped + stated + 16).contains(&length)
}

/// Where the mark is short, more than the mark must fit: random bytes would show it too often.
fn agrees(kind: Kind, head: &[u8]) -> bool {
    let long = |at: usize| u64::from(super::little32(head, at));
    match kind {
        Bitmap => matches!(long(14), 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124),
        Windows => head.len() < 64 || (long(60) < 0x1_0000 && super::little16(head, 8) < 0x1000),
        Plain("disk image") => head.len() < 512 || matches!(head[0], 0xeb | 0xe9 | 0xfa | 0x33 | 0),
        // The second form of it has its version five bits further on.
        Packed("AC-3 sound") => {
            head.get(4).is_some_and(|byte| byte >> 6 != 3 && byte & 63 < 38)
                || head.get(5).is_some_and(|byte| (11..=16).contains(&(byte >> 3)))
        }
        Packed("JPEG XL picture") => head.len() > 2,
        // The length of the first name, with the zero at its end.
        Packed("cpio archive") if head[0] == 0xc7 => {
            let name = usize::from(super::little16(head, 20));
            (2..1024).contains(&name) && head.get(25 + name).is_none_or(|last| *last == 0)
        }
        Packed("ARJ archive") => (20..=2600).contains(&super::little16(head, 2)),
        Packed("compress file") => {
            head.get(2).is_some_and(|flags| flags & 0x60 == 0 && (9..=16).contains(&(flags & 31)))
        }
        // The name of its first table.
        Font => head.len() < 16 || head[12..16].iter().all(|byte| (0x20..0x7f).contains(byte)),
        // Two letters, and in front of them the version.
        Packed("embedded font") => super::little16(head, 34) == 0x504c,
        _ => true,
    }
}

/// Sound without a tag in front: two frames that follow each other.
fn frames(head: &[u8]) -> bool {
    let first = super::sound::frame_size(head).and_then(|size| usize::try_from(size).ok());
    first.is_some_and(|size| {
        size >= 24 && head.get(size..).is_some_and(|rest| super::sound::frame_size(rest).is_some())
    })
}

/// What a name promises.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Promise {
    /// The type, if the ending is known, and whether other types are unusual under it.
    pub(super) kind: Option<(Kind, bool)>,
    /// The ending that promises it, for people.
    pub(super) ending: String,
    /// An unknown ending that hangs behind the known one.
    pub(super) appended: Option<String>,
    /// The name says that the content is encrypted on purpose.
    pub(super) declares_encryption: bool,
    /// The name says compressed, in a format that cannot be recognised: even bytes are normal.
    pub(super) formless: bool,
}

/// Every file and every member of an archive is looked up, so the table is made once.
static BY_ENDING: LazyLock<HashMap<&str, (Kind, bool)>> = LazyLock::new(|| {
    let mut all = HashMap::new();
    for (kind, strict, endings) in ENDINGS {
        for ending in endings.split_ascii_whitespace() {
            // The first line of the table that names an ending counts.
            all.entry(ending).or_insert((*kind, *strict));
        }
    }
    all
});

fn is_office_lock(lower: &str) -> bool {
    lower.starts_with(".~lock.") && lower.ends_with('#')
}

/// `~$letter.docx`, in which Office notes who has the document open: the length of the name, the name, and the same
/// once more in UTF-16.
pub(super) fn is_owner_file(name: &str, head: &[u8], length: u64) -> bool {
    let count = usize::from(head.first().copied().unwrap_or(0));
    let printable = |name: &[u8]| name.iter().all(|byte| *byte >= 0x20);
    name.starts_with("~$")
        && (54..=512).contains(&length)
        && (1..=53).contains(&count)
        && head.get(1..=count).is_some_and(printable)
}

pub(super) fn by_name(name: &str) -> Promise {
    let lower = name.to_lowercase();
    if is_office_lock(&lower) {
        // `.~lock.letter.docx#` is no .docx: LibreOffice writes into it who has the document open.
        return Promise {
            kind: None,
            ending: String::new(),
            appended: None,
            declares_encryption: false,
            formless: false,
        };
    }
    // A leading dot begins a hidden name, not an ending.
    let mut parts: Vec<&str> = lower.trim_start_matches('.').split('.').collect();
    let stem_only = parts.len() < 2;
    parts.reverse();
    let last = if stem_only { "" } else { parts[0] };
    let found = |ending: &str| BY_ENDING.get(ending).copied();
    let declares_encryption = DECLARED.contains(&last);
    let formless = FORMLESS.contains(&last);
    if let Some(kind) = found(last) {
        return Promise {
            kind: Some(kind),
            ending: last.to_owned(),
            appended: None,
            declares_encryption,
            formless,
        };
    }
    // `letter.docx.locked`, `letter.docx.id-1.[mail@example].ext`: the first known ending from behind.
    let inner = (1..parts.len().saturating_sub(1)).find_map(|at| found(parts[at]).map(|kind| (at, kind)));
    match inner {
        Some((at, kind)) if !declares_encryption && !formless => {
            let appended: Vec<&str> = parts[..at].iter().rev().copied().collect();
            Promise {
                kind: Some(kind),
                ending: parts[at].to_owned(),
                appended: Some(appended.join(".")),
                declares_encryption,
                formless,
            }
        }
        _ => Promise { kind: None, ending: last.to_owned(), appended: None, declares_encryption, formless },
    }
}

/// How people and programs rename: words for older copies, for sums and for packed files.
const KEPT: &[&str] = &[
    "bak", "old", "orig", "tmp", "part", "swp", "new", "save", "lock", "gz", "xz", "zst", "bz2", "z", "sig",
    "sha256", "md5",
];

/// The appended ending, if it is one that nobody uses for anything known. Numbers and the usual words
/// for older copies are how people and programs rename; endings that declare encryption are no secret.
pub fn unknown_ending(name: &str) -> Option<String> {
    by_name(name).appended.filter(|ending| !is_usual(ending))
}

fn is_usual(ending: &str) -> bool {
    KEPT.contains(&ending) || ending.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// The name a file had before an ending was appended to it that hides or encrypts it, if there was such a file.
pub fn name_before(name: &str) -> Option<&str> {
    let declared = || {
        let (kept, last) = name.rsplit_once('.')?;
        (DECLARED.contains(&last.to_lowercase().as_str()) && by_name(kept).kind.is_some()).then_some(kept)
    };
    let unknown = || name.get(..name.len().checked_sub(unknown_ending(name)?.len() + 1)?);
    declared().or_else(unknown).or_else(|| without_last(name))
}

/// The same for files whose own ending nobody knows either.
fn without_last(name: &str) -> Option<&str> {
    let (kept, last) = name.rsplit_once('.').filter(|(kept, last)| !kept.is_empty() && !last.is_empty())?;
    let promise = by_name(name);
    let known = promise.kind.is_some() || promise.declares_encryption || promise.formless;
    (!known && !is_usual(&last.to_lowercase())).then_some(kept)
}
