//! What a name promises and the content does not keep; what the content declares, whatever it is called.

use super::specimens::{Dice, docx, gzip, png, zip};
use crate::*;

fn judged(name: &str, bytes: &[u8]) -> Verdict {
    judge_bytes(name, bytes).verdict
}

fn behind(mark: &[u8], count: usize, seed: u64) -> Vec<u8> {
    [mark, &Dice::new(seed).bytes(count)].concat()
}

/// CMS enveloped data (RFC 5652) as `openssl cms -stream` writes it: every length is left open.
fn open_cms(seed: u64) -> Vec<u8> {
    let mark =
        b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80\x30\x80\x02\x01\x00\x31\x82\x01\x0a";
    behind(mark, 6000, seed)
}

#[test]
fn enveloped_data_without_lengths_is_declared_and_under_the_name_of_a_document_an_attack() {
    assert_eq!(judged("letter.p7m", &open_cms(1)), Verdict::DeclaredEncrypted);
    assert_eq!(judged("upload", &open_cms(2)), Verdict::DeclaredEncrypted);
    for name in ["letter.docx", "letter.docx.locked"] {
        assert_eq!(judged(name, &open_cms(3)), Verdict::Encrypted, "{name}");
    }
}

#[test]
fn what_only_begins_like_another_type_does_not_keep_what_a_name_promises() {
    let beginnings: [&[u8]; 9] = [
        b"wOF2",
        b"8BPS",
        b"AC1032",
        b"!BDN",
        b"PACK\0\0\0\x02",
        b"hsqs",
        b"PGDMP",
        b"\xac\xed\0\x05",
        b"\x30\x80\x06",
    ];
    for beginning in beginnings {
        for name in ["letter.docx", "letter.docx.locked", "scan.pdf", "table.xlsx", "notes.txt"] {
            let verdict = judged(name, &behind(beginning, 60_000, 7));
            assert!(
                !verdict.is_clean() && verdict != Verdict::DeclaredEncrypted,
                "{name} {beginning:?}: {verdict:?}"
            );
        }
    }
    // The wrong name alone is no attack, nor is a form of the same type.
    assert_eq!(judged("font.docx", &behind(b"wOF2", 9000, 1)), Verdict::Suspicious);
    assert!(judged("large.wav", &behind(b"RF64", 9000, 1)).is_clean());
    assert!(judged("map.tif", &behind(b"II+\0\x08\0", 9000, 1)).is_clean());
}

#[test]
fn a_name_declares_nothing_where_its_format_has_a_mark() {
    let random = Dice::new(4).bytes(9000);
    for name in
        ["safe.kdbx", "a.age", "a.gpg", "a.pgp", "a.p7m", "a.p7e", "disk.luks", "letter.docx.gpg", "a.aes"]
    {
        let verdict = judged(name, &random);
        assert!(matches!(verdict, Verdict::Suspicious | Verdict::Encrypted), "{name}: {verdict:?}");
    }
    // ccrypt and VeraCrypt leave nothing by which they could be known.
    assert_eq!(judged("a.cpt", &random), Verdict::DeclaredEncrypted);
    assert_eq!(judged("a.hc", &random), Verdict::DeclaredEncrypted);
    // A mark without the fields that stand behind it is none.
    for mark in [
        &b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5"[..],
        b"LUKS\xba\xbe",
        b"AES\x02",
        b"PARE",
        b"age-encryption.org/v1",
    ] {
        let verdict = judged("a.dat", &behind(mark, 9000, 77));
        assert_ne!(verdict, Verdict::DeclaredEncrypted, "{mark:?}");
    }
}

#[test]
fn what_is_declared_counts_under_the_names_that_its_tool_leaves() {
    let nextcloud = |name: &str| {
        let mut bytes = format!(
            "HBEGIN:oc_encryption_module:OC_DEFAULT_MODULE:cipher:AES-256-CTR:signed:true:{name}:HEND"
        )
        .into_bytes();
        bytes.resize(8192, b'-');
        bytes.extend(Dice::new(3).bytes(16_000));
        bytes
    };
    for name in ["Letter.docx", "Notes.txt", "photo.jpg", "Plan.pdf"] {
        assert_eq!(judged(name, &nextcloud("x")), Verdict::DeclaredEncrypted, "{name}");
    }
    assert_eq!(judged("Letter.docx.locked", &nextcloud("x")), Verdict::Encrypted);
    let luks = [&b"LUKS\xba\xbe\0\x01aes\0"[..], &[0; 500], &Dice::new(1).bytes(70_000)].concat();
    for name in ["disk.img", "disk.raw", "disk.vmdk", "disk"] {
        assert_eq!(judged(name, &luks), Verdict::DeclaredEncrypted, "{name}");
    }
    assert_eq!(judged("letter.docx", &luks), Verdict::Encrypted);
    let table = [&b"PARE\xa0\x0f\0\0"[..], &Dice::new(1).bytes(7000), b"PARE"].concat();
    for name in ["a.parquet", "a.parquet.encrypted", "a"] {
        assert_eq!(judged(name, &table), Verdict::DeclaredEncrypted, "{name}");
    }
    assert_eq!(judged("letter.docx.encrypted", &Dice::new(1).bytes(7000)), Verdict::Encrypted);
    for mark in [
        &b"\0GITCRYPT\0"[..],
        b"RCLONE\0\0",
        b"XBCRYP03",
        b"\0\0\0\0\0\0\x20\0\x11\x22\x33\x44\x2d\xa3\x84\xb1",
    ] {
        assert_eq!(judged("settings.yml", &behind(mark, 9000, 5)), Verdict::DeclaredEncrypted, "{mark:?}");
        assert_eq!(judged("7f3a", &behind(mark, 9000, 5)), Verdict::DeclaredEncrypted, "{mark:?}");
    }
}

#[test]
fn pieces_of_an_archive_are_what_they_say_and_appended_endings_are_not() {
    let whole = gzip(&Dice::new(6).bytes(150_000));
    for (name, piece) in ["aa", "ab", "ac"].into_iter().zip(whole.chunks(65_536)) {
        let verdict = judged(&format!("backup.tar.gz.{name}"), piece);
        assert_eq!(verdict, Verdict::CleanUnverified, "{name}");
    }
    let archive = zip(&[("a.png", png(1, 300)), ("b.png", png(2, 300))], 0);
    for (at, piece) in archive.chunks(archive.len() / 3 + 1).enumerate() {
        let name = format!("photos.zip.{:03}", at + 1);
        assert_eq!(judged(&name, piece), Verdict::CleanUnverified, "{name}");
        assert_eq!(unknown_ending(&name), None);
    }
    let random = Dice::new(9).bytes(30_000);
    for name in ["photos.z02", "photos.r17", "photos.7z.003", "photos.tar.xz.part-aaab", "photos.tar.part003"]
    {
        assert_eq!(judged(name, &random), Verdict::CleanUnverified, "{name}");
    }
    for name in ["letter.docx.001", "photos.zip.lock", "photos.zip.xyz", "photos.tar.gz.zz", "picture.png.aa"]
    {
        assert_eq!(judged(name, &random), Verdict::Encrypted, "{name}");
    }
}

#[test]
fn the_last_piece_of_a_zip_names_its_place_among_the_others() {
    let archive = zip(&[("a.png", png(1, 300)), ("b.docx", docx(2, 9000))], 0);
    let mut last = archive[archive.len() / 2 + 77..].to_vec();
    let end = last.len() - 22;
    // Number of this disk, and of the one on which the directory begins (APPNOTE 4.3.16).
    last[end + 4] = 1;
    last[end + 6] = 1;
    assert_eq!(judged("photos.zip", &last), Verdict::CleanUnverified);
    last[end + 4] = 0;
    last[end + 6] = 0;
    assert!(!judged("photos.zip", &last).is_clean(), "the beginning of a whole one is gone");
}

#[test]
fn a_signature_beside_a_file_is_called_after_it() {
    let signature = [&b"\x89\x01\x33\x04\0\x01\x0a\0\x1d"[..], &Dice::new(2).bytes(301)].concat();
    for name in ["release.tar.xz.sign", "release.tar.xz.sig", "release"] {
        assert!(judged(name, &signature).is_clean(), "{name}");
    }
}
