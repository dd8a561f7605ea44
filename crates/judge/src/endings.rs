//! Endings and what they promise. Tables only.

use crate::kinds::DER;
use crate::kinds::Kind::{
    self, Bitmap, Brotli, Bzip2, Elf, Flac, Font, Gif, Gzip, Jpeg, Json, LooseText, Lz4, Lzip, Lzma, Mail,
    Matroska, Metafile, Mp3, Mp4, Ogg, Ole2, Packed, Pdf, Plain, Png, Rar, Riff, Rtf, Seven, Sqlite, Tar,
    Text, Tiff, Windows, Xml, Xz, Zip, Zlib, Zstd,
};

/// Endings and the type they promise. `false`: other types are common under this ending as well.
pub(super) const ENDINGS: &[(Kind, bool, &str)] = &[
    (
        Text,
        true,
        "txt csv tsv md toml yaml yml ini conf cfg html htm css js ts py rs c h cpp java bat ps1 tex rst properties \
         hl7 edi x12 ldif env php rb go diff patch jsonl ndjson adoc asciidoc po bib hpp hh hxx cc cxx inc kt scala swift vb \
         vbs pas pl pm lua r jl m4 am cmake gradle cmd psm1 psd1 tsx jsx vue scss less pyi pyx dtd desktop service \
         nfo reg lrc vtt mtl step stp iges igs",
    ),
    (Mail, true, "eml mbox mht mhtml"),
    (Rtf, true, "rtf"),
    (Json, true, "json geojson ipynb"),
    (
        Xml,
        true,
        "xml svg xsd xsl xslt rss atom kml gpx xhtml fodt fods fodp fodg abw rng docbook pom vcxproj csproj resx xaml plist ttx",
    ),
    (LooseText, true, "sql ps eps vcf ics sh run log"),
    (
        Zip,
        true,
        "docx xlsx pptx ooxml docm xlsm pptm dotx xltx odt ods odp odg epub jar war ear apk zip vsdx xpi whl kmz xlsb xps",
    ),
    (
        Zip,
        false,
        "fcstd mscz sb3 kra ggb pages numbers key dotm ppsx potx xltm sxw sxc sxi idml fb2z cbz ora 3mf aab ipa nupkg vsix crx",
    ),
    (Pdf, true, "pdf"),
    (Png, true, "png"),
    (Jpeg, true, "jpg jpeg jpe jfif mpo"),
    (Gif, true, "gif"),
    (Gzip, true, "gz tgz svgz"),
    (Gzip, false, "emz wmz zabw adz cpgz"),
    (Sqlite, true, "sqlite sqlite3 db3"),
    (Sqlite, false, "db"),
    (Ole2, false, "doc xls ppt msg msi vsd mpp pub dot xlt pps wps hwp"),
    (Seven, true, "7z"),
    (Xz, true, "xz txz"),
    (Zstd, true, "zst"),
    (Bzip2, true, "bz2 tbz2"),
    (Lzip, false, "lz"),
    (Lz4, true, "lz4"),
    (Lzma, false, "lzma"),
    (Zlib, false, "zlib"),
    (Brotli, false, "br brotli"),
    (Tiff, true, "tif tiff"),
    (Tiff, false, "dng nef arw cr2 pef srw"),
    (Packed("raw picture of a camera"), false, "crw raf orf rw2 x3f mrw"),
    (Riff, true, "webp wav avi"),
    (Mp4, true, "mp4 m4a m4v heic heif avif 3gp cr3"),
    (Mp4, false, "mov qt"),
    (Mp3, false, "mp3"),
    (Ogg, true, "ogg oga ogv opus spx"),
    (Flac, true, "flac"),
    (Packed("Parquet table"), true, "parquet"),
    (Packed("Photoshop picture"), true, "psd"),
    (Packed("JPEG 2000 picture"), true, "jp2"),
    (Packed("Outlook store"), true, "pst ost"),
    (Packed("AutoCAD drawing"), true, "dwg"),
    (Packed("OneNote section"), false, "one onetoc2"),
    (Packed("compiled help"), false, "chm"),
    (Packed("git pack"), false, "pack"),
    (Packed("HDF5 data"), false, "h5 hdf5"),
    (Packed("Design Web Format drawing"), true, "dwf"),
    (Packed("DirectDraw texture"), false, "dds"),
    (Packed("Flash film"), false, "swf flv"),
    (Packed("Windows Media file"), true, "wma wmv asf"),
    (Matroska, true, "mkv webm"),
    (Packed("web font"), true, "woff woff2"),
    (Packed("sound or film"), false, "mpg mpeg aac ac3 ape wv mpc tta aiff aif"),
    (Rar, false, "rar"),
    (Packed("cabinet archive"), false, "cab"),
    (Packed("icon"), false, "ico icns"),
    (DER, false, "der cer crt p12 pfx p7s p7 p7b p7c p7m p7z tsd tsr"),
    (Tar, true, "tar"),
    (Elf, false, "so"),
    (Windows, false, "exe dll"),
    (Plain("Java class"), true, "class"),
    (Bitmap, true, "bmp"),
    (Font, false, "ttf otf ttc"),
    (Packed("embedded font"), true, "eot fntdata"),
    (Metafile, false, "emf wmf"),
    (Plain("Access database"), true, "accdb"),
    (Plain("disk image"), false, "vmdk vdi vhd qcow2 img iso dd"),
    (Plain("disk image (VHDX)"), true, "vhdx"),
    (Plain("Windows event log"), true, "evtx"),
    (Plain("database file"), false, "mdb mdf ldf ibd dbf frm myd myi"),
];

/// Endings by which people say that they have encrypted something themselves, of formats that begin with a mark: without
/// it the name declares nothing.
pub(super) const DECLARED_MARKED: &[&str] =
    &["gpg", "pgp", "asc", "age", "aes", "p7m", "p7e", "kdbx", "kdb", "luks"];

/// The same of formats that look random from their first byte on (ccrypt, VeraCrypt, whatever is called `.enc`).
pub(super) const DECLARED: &[&str] = &["enc", "cpt", "vc", "tc", "hc"];

/// Compressed, signed or sealed formats that begin with nothing by which they could be known here.
pub(super) const FORMLESS: &[&str] = &["deflate", "jks", "keystore", "sig", "rnd"];
