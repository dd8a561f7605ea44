//! Which type a file is: by its first bytes, and by what its name promises.
//!
//! Encryption destroys the first and usually leaves the second, also when it appends an ending of its
//! own (`letter.docx.locked` still promises a .docx).

/// The word for everything that is a ZIP.
pub(super) const ZIP: &str = "ZIP or Office document";

/// Types that are told apart. Those without a checker are recognised only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Json,
    Xml,
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
    Seven,
    Tar,
    Sqlite,
    /// Old Office documents, mails of Outlook.
    Ole2,
    /// Recognised, compressed inside: looks even although nothing is wrong.
    Packed(&'static str),
    /// Recognised, not compressed.
    Plain(&'static str),
}

use Kind::{
    Bzip2, Gif, Gzip, Jpeg, Json, LooseText, Lzip, Ole2, Packed, Pdf, Plain, Png, Seven, Sqlite, Tar, Text,
    Xml, Xz, Zip, Zstd,
};

impl Kind {
    pub(super) fn word(self) -> &'static str {
        match self {
            Text | LooseText => "text",
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
            Seven => "7-Zip archive",
            Tar => "tar archive",
            Sqlite => "SQLite database",
            Ole2 => "old Office document (OLE2)",
            Packed(name) | Plain(name) => name,
        }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Text | Json | Xml | LooseText)
    }

    /// Even bytes inside are normal for it.
    pub(super) fn is_packed(self) -> bool {
        matches!(self, Zip | Pdf | Png | Jpeg | Gif | Gzip | Xz | Lzip | Bzip2 | Zstd | Seven | Packed(_))
    }
}

/// First bytes by which a type is known: type, offset, bytes.
const MAGIC: &[(Kind, usize, &[u8])] = &[
    (Zip, 0, b"PK\x03\x04"),
    (Zip, 0, b"PK\x05\x06"),
    (Pdf, 0, b"%PDF-"),
    (Png, 0, b"\x89PNG\r\n\x1a\n"),
    (Jpeg, 0, b"\xff\xd8\xff"),
    (Gif, 0, b"GIF87a"),
    (Gif, 0, b"GIF89a"),
    (Gzip, 0, b"\x1f\x8b\x08"),
    (Sqlite, 0, b"SQLite format 3\0"),
    (Ole2, 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
    (Seven, 0, b"7z\xbc\xaf\x27\x1c"),
    (Xz, 0, b"\xfd7zXZ\0"),
    (Zstd, 0, b"\x28\xb5\x2f\xfd"),
    (Bzip2, 0, b"BZh"),
    (Packed("LZ4 file"), 0, b"\x04\x22\x4d\x18"),
    (Lzip, 0, b"LZIP\x01"),
    (Packed("BPG picture"), 0, b"BPG\xfb"),
    (Packed("RAR archive"), 0, b"Rar!\x1a\x07"),
    (Packed("cabinet archive"), 0, b"MSCF"),
    (Packed("TIFF picture"), 0, b"II*\0"),
    (Packed("TIFF picture"), 0, b"MM\0*"),
    (Packed("WebP, WAV or AVI file"), 0, b"RIFF"),
    (Packed("MP4, MOV or HEIC file"), 4, b"ftyp"),
    (Packed("QuickTime film"), 4, b"moov"),
    (Packed("MP3 sound"), 0, b"ID3"),
    (Packed("Ogg sound"), 0, b"OggS"),
    (Packed("FLAC sound"), 0, b"fLaC"),
    (Packed("Matroska film"), 0, b"\x1a\x45\xdf\xa3"),
    (Packed("web font"), 0, b"wOF"),
    (Packed("JPEG 2000 picture"), 0, b"\0\0\0\x0cjP  "),
    (Packed("Parquet table"), 0, b"PAR1"),
    (Packed("git pack"), 0, b"PACK\0\0\0"),
    (Plain("program (ELF)"), 0, b"\x7fELF"),
    (Plain("program (Windows)"), 0, b"MZ"),
    (Tar, 257, b"ustar"),
    (Plain("bitmap picture"), 0, b"BM"),
    (Plain("Java class"), 0, b"\xca\xfe\xba\xbe"),
    (Plain("disk image (QCOW2)"), 0, b"QFI\xfb"),
    (Plain("WebAssembly program"), 0, b"\0asm"),
    (Plain("SQLite write-ahead log"), 0, b"\x37\x7f\x06\x82"),
    (Plain("SQLite write-ahead log"), 0, b"\x37\x7f\x06\x83"),
    (Plain("SQLite rollback journal"), 0, b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"),
];

/// The type that the first bytes show.
pub(super) fn by_magic(head: &[u8]) -> Option<Kind> {
    let fits = |offset: usize, magic: &[u8]| {
        head.get(offset..offset + magic.len()).is_some_and(|found| found == magic)
    };
    MAGIC.iter().find(|(_, offset, magic)| fits(*offset, magic)).map(|(kind, _, _)| *kind)
}

/// Endings and the type they promise. `false`: other types are common under this ending as well.
const ENDINGS: &[(Kind, bool, &[&str])] = &[
    (
        Text,
        true,
        &[
            "txt",
            "csv",
            "tsv",
            "md",
            "log",
            "toml",
            "yaml",
            "yml",
            "ini",
            "conf",
            "cfg",
            "html",
            "htm",
            "css",
            "js",
            "ts",
            "py",
            "rs",
            "c",
            "h",
            "cpp",
            "java",
            "sh",
            "bat",
            "ps1",
            "tex",
            "rst",
            "properties",
            "hl7",
            "edi",
            "x12",
            "ldif",
            "env",
            "php",
            "rb",
            "go",
            "diff",
            "patch",
            "jsonl",
            "ndjson",
        ],
    ),
    (Json, true, &["json", "geojson"]),
    (Xml, true, &["xml", "svg", "xsd", "xsl", "xslt", "rss", "kml", "gpx"]),
    (LooseText, true, &["sql", "eml", "mbox", "ps", "eps", "rtf", "vcf", "ics"]),
    (
        Zip,
        true,
        &[
            "docx", "xlsx", "pptx", "docm", "xlsm", "pptm", "dotx", "xltx", "odt", "ods", "odp", "odg",
            "epub", "jar", "war", "ear", "apk", "zip", "vsdx", "xpi", "whl", "kmz",
        ],
    ),
    (Pdf, true, &["pdf"]),
    (Png, true, &["png"]),
    (Jpeg, true, &["jpg", "jpeg", "jpe", "jfif"]),
    (Gif, true, &["gif"]),
    (Gzip, true, &["gz", "tgz"]),
    (Sqlite, true, &["sqlite", "sqlite3", "db3"]),
    (Sqlite, false, &["db"]),
    (Ole2, false, &["doc", "xls", "ppt", "msg", "msi", "vsd", "mpp", "pub"]),
    (Seven, true, &["7z"]),
    (Xz, true, &["xz", "txz"]),
    (Zstd, true, &["zst"]),
    (Bzip2, true, &["bz2", "tbz2"]),
    (Packed("TIFF picture"), true, &["tif", "tiff"]),
    (Packed("WebP, WAV or AVI file"), true, &["webp", "wav", "avi"]),
    (Packed("MP4, MOV or HEIC file"), true, &["mp4", "m4a", "m4v", "heic", "heif", "avif", "3gp"]),
    (Packed("Parquet table"), true, &["parquet"]),
    (Packed("sound or film"), false, &["mp3", "mov", "mpg", "mpeg", "mkv", "ogg", "flac", "wma", "wmv"]),
    (Tar, false, &["tar"]),
    (Plain("program"), false, &["exe", "dll", "so", "class"]),
    (Plain("bitmap picture"), true, &["bmp"]),
    (Plain("disk image"), false, &["vmdk", "vdi", "vhd", "vhdx", "qcow2", "img", "iso", "raw"]),
    (
        Plain("database file"),
        false,
        &["mdb", "accdb", "mdf", "ldf", "ibd", "dbf", "frm", "myd", "pst", "ost"],
    ),
];

/// Endings by which people say that they have encrypted something themselves.
const DECLARED: &[&str] =
    &["gpg", "pgp", "asc", "age", "enc", "aes", "p7m", "p7e", "kdbx", "kdb", "luks", "cpt", "vc", "tc"];

/// Compressed, signed or sealed formats that begin with nothing by which they could be known here.
const FORMLESS: &[&str] = &[
    "br", "brotli", "lzma", "zlib", "deflate", "der", "cer", "p12", "pfx", "p7s", "tsd", "tsr", "jks",
    "keystore",
];

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

pub(super) fn by_name(name: &str) -> Promise {
    let lower = name.to_lowercase();
    // A leading dot begins a hidden name, not an ending.
    let mut parts: Vec<&str> = lower.trim_start_matches('.').split('.').collect();
    let stem_only = parts.len() < 2;
    parts.reverse();
    let last = if stem_only { "" } else { parts[0] };
    let found = |ending: &str| {
        ENDINGS.iter().find(|(_, _, all)| all.contains(&ending)).map(|(kind, strict, _)| (*kind, *strict))
    };
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

/// The appended ending, if it is one that nobody uses for anything known. Numbers and the usual words
/// for older copies are how people and programs rename; endings that declare encryption are no secret.
pub(crate) fn unknown_ending(name: &str) -> Option<String> {
    const KEPT: &[&str] = &[
        "bak", "old", "orig", "tmp", "part", "swp", "new", "save", "lock", "gz", "xz", "zst", "bz2", "z",
        "sig", "sha256", "md5",
    ];
    by_name(name).appended.filter(|ending| {
        !KEPT.contains(&ending.as_str()) && !ending.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}

/// The name a file had before an ending was appended to it that hides or encrypts it.
pub(crate) fn name_before(name: &str) -> Option<&str> {
    let declared = || {
        let (kept, last) = name.rsplit_once('.')?;
        (DECLARED.contains(&last.to_lowercase().as_str()) && by_name(kept).kind.is_some()).then_some(kept)
    };
    let unknown = || name.get(..name.len().checked_sub(unknown_ending(name)?.len() + 1)?);
    declared().or_else(unknown)
}
