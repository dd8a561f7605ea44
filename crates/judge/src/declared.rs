//! Encryption that says what it is: containers of tools that people use on purpose.
//!
//! Whoever attacks may use the same tools, so this is never called clean: it is named, and compared with
//! what was there before. A mark of a few bytes is no proof: where a format has fields behind its mark, they are read.

use crate::der;
use crate::openpgp;
use crate::source::{big16, big32, little32};

/// A tool or a format, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tool {
    Volume(&'static str),
    /// Leaves every file under the name that it had.
    InPlace(&'static str),
    Parquet,
    /// Known by fields of a few bits each, which chance brings forth now and then.
    OpenPgp,
    Other(&'static str),
}

impl Tool {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Tool::Volume(name) | Tool::InPlace(name) | Tool::Other(name) => name,
            Tool::Parquet => "encrypted Parquet table",
            Tool::OpenPgp => "OpenPGP",
        }
    }
}

/// Marks that are long, or all that there is.
const MARKS: &[(&[u8], Tool)] = &[
    (b"Salted__", Tool::Other("OpenSSL (`Salted__`)")),
    // The age format, "Header": the version line, then stanzas.
    (b"age-encryption.org/v1\n-> ", Tool::Other("age")),
    (b"-----BEGIN AGE ENCRYPTED FILE-----", Tool::Other("age, as text")),
    (b"-----BEGIN PGP MESSAGE-----", Tool::Other("OpenPGP, as text")),
    (b"-----BEGIN CMS-----", Tool::Other("CMS")),
    (b"$ANSIBLE_VAULT;", Tool::Other("Ansible vault")),
    (b"\x90\x00\x00\x00\x00\x00\x00\x00-FVE-FS-", Tool::Volume("BitLocker volume")),
    (b"\xeb\x58\x90-FVE-FS-", Tool::Volume("BitLocker volume")),
    (b"U2FsdGVkX1", Tool::Other("OpenSSL (`Salted__`), as text")),
    (b"VimCrypt~", Tool::Other("Vim")),
    (b"encrcdsa", Tool::Volume("encrypted disk image (macOS)")),
    (b"-----BEGIN ENCRYPTED MESSAGE-----", Tool::Other("encrypted message")),
    // git-crypt, README "Current status": ten bytes in front of the nonce.
    (b"\0GITCRYPT\0", Tool::InPlace("git-crypt")),
    // rclone, "Crypt": file format.
    (b"RCLONE\0\0", Tool::Other("rclone")),
    // Percona XtraBackup, xbcrypt.h: chunk magics of versions 1 to 3.
    (b"XBCRYP01", Tool::Other("XtraBackup")),
    (b"XBCRYP02", Tool::Other("XtraBackup")),
    (b"XBCRYP03", Tool::Other("XtraBackup")),
    (b"\xc0\xb9\x07\x2e\x4f\x93\xf1\x46\xa0\x15\x79\x2c\xa1\xd9\xe8\x21", Tool::Other("AxCrypt")),
    // MySQL 8, "Encrypting Binary Log Files": the mark that takes the place of `\xfebin`.
    (b"\xfdbin", Tool::Other("MySQL binary log, encrypted")),
];

/// The tool or format, if the first bytes name one. `length`: of the whole file.
pub(crate) fn recognise(head: &[u8], length: u64) -> Option<Tool> {
    MARKS
        .iter()
        .find(|(mark, _)| head.starts_with(mark))
        .map(|(_, tool)| *tool)
        .or_else(|| with_fields(head, length))
        .or_else(|| der::is_encrypted_cms(head).then_some(Tool::Other("CMS (PKCS #7)")))
        .or_else(|| {
            (openpgp::shown(head, length) == Some(openpgp::FirstPacket::Encrypted)).then_some(Tool::OpenPgp)
        })
}

/// Short marks, with the fields behind them.
fn with_fields(head: &[u8], length: u64) -> Option<Tool> {
    match head {
        // LUKS on-disk format: the version, 1 or 2, highest byte first.
        [b'L', b'U', b'K', b'S', 0xba, 0xbe, ..] if matches!(big16(head, 6), 1 | 2) => {
            Some(Tool::Volume("LUKS volume"))
        }
        [b'S', b'K', b'U', b'L', 0xba, 0xbe, ..] if big16(head, 6) == 2 => {
            Some(Tool::Volume("LUKS volume (second header)"))
        }
        // KeePass: two signatures, then the version, its major part 1 to 4 (KDB: flags).
        [0x03, 0xd9, 0xa2, 0x9a, 0x65, 0xfb, 0x4b, 0xb5, ..] if little32(head, 8) < 0x100 => {
            Some(Tool::Other("KeePass 1 database"))
        }
        [0x03, 0xd9, 0xa2, 0x9a, 0x66 | 0x67, 0xfb, 0x4b, 0xb5, _, _, 1..=4, 0, ..] => {
            Some(Tool::Other("KeePass 2 database"))
        }
        // AES Crypt, stream formats 1 to 3: a reserved zero behind the version.
        [b'A', b'E', b'S', 1..=3, 0, ..] => Some(Tool::Other("AES Crypt")),
        // Parquet modular encryption: the first module begins with its length, which lies within the file.
        [b'P', b'A', b'R', b'E', ..] if (28..length).contains(&u64::from(little32(head, 4))) => {
            Some(Tool::Parquet)
        }
        // Nextcloud, "Server-side encryption details": names and values up to a mark, filled to 8 KiB.
        [b'H', b'B', b'E', b'G', b'I', b'N', b':', ..] if is_nextcloud(head) => {
            Some(Tool::InPlace("Nextcloud or ownCloud, encryption on the server"))
        }
        // Linux, fs/ecryptfs: a random number, and behind it the same combined with a mark, after the size of the file.
        [..] if head.len() >= 16 && is_ecryptfs(head) => Some(Tool::InPlace("eCryptfs")),
        _ => None,
    }
}

fn is_nextcloud(head: &[u8]) -> bool {
    let end = head.windows(5).position(|found| found == b":HEND");
    let names = |end: usize| head[..end].iter().all(|byte| (0x20..0x7f).contains(byte));
    end.is_some_and(|end| names(end) && head[end + 5..].iter().all(|byte| *byte == b'-'))
}

fn is_ecryptfs(head: &[u8]) -> bool {
    // The size that the file has when it is opened is far below 2^48.
    big32(head, 8) ^ big32(head, 12) == 0x3c81_b7f5 && big16(head, 0) == 0
}
