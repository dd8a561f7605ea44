//! Which types are told apart, and what is usual for each.

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
    /// A tablespace of MySQL or MariaDB.
    Innodb,
    /// A segment of a log of Kafka.
    Kafka,
    /// A journal of LevelDB or RocksDB.
    Leveldb,
    /// An append-only file of Redis.
    Redis,
    /// A dump in SQL with raw bytes in quotes.
    Quoted,
    /// MPEG, as it is sent.
    Transport,
    /// Old Office documents, mails of Outlook.
    Ole2,
    /// Recognised, compressed inside: looks even although nothing is wrong.
    Packed(&'static str),
    /// Recognised, not compressed.
    Plain(&'static str),
}

use Kind::{
    Bitmap, Brotli, Bzip2, Elf, Flac, Font, Gif, Gzip, Innodb, Jpeg, Json, Kafka, Leveldb, LooseText, Lz4,
    Lzip, Lzma, Mail, Matroska, Metafile, Mp3, Mp4, Ogg, Ole2, Packed, Pdf, Plain, Png, Postgres, Quoted,
    Rar, Redis, Riff, Rtf, Seven, Sqlite, Tar, Text, Tiff, Transport, Windows, Xml, Xz, Zip, Zlib, Zstd,
};

/// Certificates, signatures and keys, known by their outermost length.
pub(super) const DER: Kind = Packed("certificate or signature (DER)");

/// What Office leaves beside a document that somebody has open.
pub(super) const OWNER: Kind = Plain("note of who has a document open");

/// Beside a file that it is for, or alone.
pub(super) const SIGNATURE: Kind = Packed("OpenPGP signature or key");

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
            Innodb => "database (InnoDB)",
            Kafka => "log (Kafka)",
            Leveldb => "log (LevelDB)",
            Redis => "log (Redis)",
            Quoted => "text (SQL) with raw bytes",
            Transport => "MPEG transport stream",
            Ole2 => "old Office document (OLE2)",
            Packed(name) | Plain(name) => name,
        }
    }

    pub(super) fn is_text(self) -> bool {
        matches!(self, Text | Json | Xml | Mail | LooseText)
    }

    /// Not text, and yet called so by those who write it.
    pub(super) fn is_called_like_text(self) -> bool {
        matches!(self, Kafka | Leveldb | Quoted | Transport)
    }

    /// People cut these into pieces.
    pub(super) fn is_archive(self) -> bool {
        self.holds_one_file() || matches!(self, Zip | Seven | Rar | Tar)
    }

    /// Recognised by its first bytes and not looked into: anything may follow them.
    pub(super) fn is_only_a_beginning(self) -> bool {
        match self {
            Packed(name) | Plain(name) => !name.starts_with("note of"),
            _ => false,
        }
    }

    /// Other beginnings that are usual under a name, or read to their end.
    pub(super) fn may_be_called(self, promised: Kind) -> bool {
        let pairs = [
            (Riff, "WAVE sound of large files, or in the other order of bytes"),
            (Tiff, "BigTIFF picture"),
            (Tiff, "raw picture of a camera"),
            (Zip, "ZIP in parts"),
        ];
        self.word() == promised.word()
            || self == SIGNATURE
            || (promised.word().starts_with("disk image") && self.word().starts_with("disk image"))
            || pairs.into_iter().any(|(kind, word)| kind == promised && word == self.word())
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
            Innodb | Kafka | Leveldb | Redis | Quoted | Transport => true,
            Text | Json | Xml | Mail | Rtf | LooseText | Sqlite | Ole2 | Bitmap | Metafile | Font
            | Plain(_) => false,
        }
    }
}
