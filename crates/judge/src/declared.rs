//! Encryption that says what it is: containers of tools that people use on purpose.
//!
//! Whoever attacks may use the same tools, so this is never called clean: it is named, and compared with
//! what was there before.

/// The tool or format, if the first bytes name one.
pub(super) fn recognise(head: &[u8]) -> Option<&'static str> {
    const STARTS: &[(&[u8], &str)] = &[
        (b"Salted__", "OpenSSL (`Salted__`)"),
        (b"age-encryption.org/v1", "age"),
        (b"-----BEGIN AGE ENCRYPTED FILE-----", "age, as text"),
        (b"-----BEGIN PGP MESSAGE-----", "OpenPGP, as text"),
        (b"-----BEGIN CMS-----", "CMS"),
        (b"$ANSIBLE_VAULT;", "Ansible vault"),
        (b"LUKS\xba\xbe", "LUKS volume"),
        (b"SKUL\xba\xbe", "LUKS volume (second header)"),
        (b"\x03\xd9\xa2\x9a\x65\xfb\x4b\xb5", "KeePass 1 database"),
        (b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5", "KeePass 2 database"),
        (b"\x03\xd9\xa2\x9a\x66\xfb\x4b\xb5", "KeePass 2 database"),
        (b"PARE", "encrypted Parquet table"),
        (b"\x90\x00\x00\x00\x00\x00\x00\x00-FVE-FS-", "BitLocker volume"),
        (b"\xeb\x58\x90-FVE-FS-", "BitLocker volume"),
        (b"AES\x02", "AES Crypt"),
        (b"U2FsdGVkX1", "OpenSSL (`Salted__`), as text"),
        (b"VimCrypt~", "Vim"),
        (b"encrcdsa", "encrypted disk image (macOS)"),
        (b"-----BEGIN ENCRYPTED MESSAGE-----", "encrypted message"),
    ];
    STARTS
        .iter()
        .find(|(start, _)| head.starts_with(start))
        .map(|(_, name)| *name)
        .or_else(|| openpgp(head).then_some("OpenPGP"))
        .or_else(|| cms(head).then_some("CMS (PKCS #7)"))
}

/// CMS in DER: a sequence that opens with the identifier of enveloped or encrypted data.
fn cms(head: &[u8]) -> bool {
    const IDENTIFIER: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07";
    let Some((0x30, rest)) = head.split_first().map(|(first, rest)| (*first, rest)) else { return false };
    let length = match rest.first() {
        Some(0..=0x80) => 1,
        Some(bytes @ 0x81..=0x84) => 1 + usize::from(bytes & 0x7f),
        _ => return false,
    };
    let Some(rest) = rest.get(length..) else { return false };
    rest.starts_with(IDENTIFIER) && matches!(rest.get(IDENTIFIER.len()), Some(3 | 6))
}

/// First packet of an OpenPGP message: a session key for somebody, or from a password. Its fields are
/// looked at, because a single byte would fit one file in ten.
fn openpgp(head: &[u8]) -> bool {
    let Some((&tag_byte, rest)) = head.split_first() else { return false };
    if tag_byte & 0x80 == 0 {
        return false;
    }
    let new_form = tag_byte & 0x40 != 0;
    let (tag, length_bytes) = if new_form {
        let bytes = match rest.first() {
            Some(0..=191) => 1,
            Some(192..=223) => 2,
            _ => return false,
        };
        (tag_byte & 0x3f, bytes)
    } else {
        let bytes = match tag_byte & 3 {
            0 => 1,
            1 => 2,
            _ => return false,
        };
        ((tag_byte >> 2) & 0x0f, bytes)
    };
    let length = match (length_bytes, new_form) {
        (1, _) => rest.first().map(|byte| usize::from(*byte)),
        (_, true) => rest.get(..2).map(|two| ((usize::from(two[0]) - 192) << 8) + usize::from(two[1]) + 192),
        (_, false) => rest.get(..2).map(|two| usize::from(two[0]) << 8 | usize::from(two[1])),
    };
    let (Some(length), Some(body)) = (length, rest.get(length_bytes..)) else { return false };
    // Behind the first packet stands a further one: again a byte with its highest bit set.
    let followed = body.get(length).is_none_or(|next| next & 0x80 != 0);
    match (tag, body) {
        (1, [3, key @ ..]) => {
            followed && (60..=1100).contains(&length) && matches!(key.get(8), Some(1 | 2 | 16 | 18 | 25 | 26))
        }
        (3, [4, cipher, s2k, hash, ..]) => {
            followed
                && (4..=60).contains(&length)
                && (1..=13).contains(cipher)
                && matches!(s2k, 0 | 1 | 3)
                && (1..=14).contains(hash)
        }
        _ => false,
    }
}
