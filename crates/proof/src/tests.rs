//! The form of a bundle on its own, and the bundles that were released. Bundles of real journals, and everything that can be
//! done to them, are tried by `evidence`, which makes them.

#![allow(clippy::disallowed_methods, reason = "tests start the programs that people have")]

use std::path::PathBuf;
use std::process::Command;

use journal::{Exhibit, PublicKey, SecretKey};

use super::line::{read, utc, write};
use super::{Member, Scope, Seal, check};

#[test]
fn times_are_those_of_the_calendar() {
    // `date -u -d @…` says so.
    for (ms, said) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"),
    ] {
        assert_eq!(utc(ms), said);
    }
    // Whatever a broken clock said, it can be shown.
    for ms in [i64::MIN, i64::MAX] {
        assert!(utc(ms).ends_with('Z'));
    }
}

fn seal() -> Seal {
    Seal {
        origin: "provider.example/storm".to_owned(),
        scope: Scope::Tenant { id: "tenant:north".to_owned(), withheld: vec![3, 9] },
        entries: 2,
        journal_entries: 12,
        covered: 11,
        damage: vec!["two\nlines".to_owned()],
        members: vec![Member { path: "a b".to_owned(), size: 3, sha256: [7; 32] }],
    }
}

#[test]
fn a_seal_reads_back_what_it_says_and_has_one_spelling() {
    let key = SecretKey::from_seed("example/log", &[3; 32]).unwrap();
    let text = seal().sign(&key);
    let read = Seal::read(&text, &key.public()).unwrap();
    assert_eq!(read, Seal { damage: vec!["two lines".to_owned()], ..seal() });
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] ^= 1;
        if let Ok(changed) = String::from_utf8(changed) {
            assert!(Seal::read(&changed, &key.public()).is_err(), "byte {at}");
        }
    }
}

#[test]
fn a_line_that_is_no_entry_is_refused_without_panic() {
    assert!(write(Exhibit { leaf: b"short", body: None }).is_none());
    for line in ["", "{}", "[]", "null", "{\"sequence\":1}", "\u{0}", "{\"leaf\":\"AAAA\"}"] {
        assert!(read(line).is_err(), "{line}");
    }
}

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/golden/bundle-v1").join(name)
}

fn released_key() -> PublicKey {
    PublicKey::parse(&std::fs::read_to_string(golden("public-key")).unwrap()).unwrap()
}

#[test]
fn released_bundles_hold() {
    for name in ["whole.tar", "tenant.tar"] {
        let report = check(&golden(name), &released_key()).unwrap();
        assert!(report.holds(), "{name}: {report}");
    }
}

/// Whoever gets a bundle has some `tar`, and it must be content with what we write.
#[test]
fn the_tar_of_this_machine_opens_a_bundle() {
    for name in ["whole.tar", "tenant.tar"] {
        let listed = Command::new("tar").arg("tf").arg(golden(name)).output().unwrap();
        assert!(listed.status.success() && listed.stderr.is_empty(), "{listed:?}");
        let listed = String::from_utf8(listed.stdout).unwrap();
        assert!(listed.starts_with("README.txt\n") && listed.ends_with("seal.txt\n"), "{listed}");
    }
}
