//! `blackstart evidence`: what a person hands over, and what the other side is told.

use std::fs;

use super::restart::Provider;

fn provider() -> Provider {
    let provider = Provider::new();
    provider.prepare();
    provider.works(&["hold", "incident", "tenant:a", "--reason", "asked for by phone", "--by", "anna"]);
    provider
}

#[test]
fn a_bundle_is_packed_checked_and_never_replaced() {
    let provider = provider();
    let said = provider.works(&["evidence", "bundle", "incident", "-o", "whole.tar"]);
    assert!(said.contains("5 entries of 5, signed for up to entry 4"), "{said}");
    let key = fs::read_to_string(provider.root().join("incident/public-key")).unwrap();
    for key in ["incident/public-key", key.trim()] {
        let said = provider.works(&["evidence", "verify", "whole.tar", "--key", key]);
        assert!(said.starts_with("The bundle holds.") && said.contains("1 estate and 1 plan"), "{said}");
    }
    let again = provider.call(&["evidence", "bundle", "incident", "-o", "whole.tar"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("never replaced"));
}

#[test]
fn a_changed_bundle_is_a_no_and_the_changed_place_is_named() {
    let provider = provider();
    provider.works(&["evidence", "bundle", "incident", "--tenant", "a", "-o", "a.tar"]);
    let path = provider.root().join("a.tar");
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(18).position(|window| window == b"asked for by phone").unwrap();
    bytes[at] = b'A';
    fs::write(&path, bytes).unwrap();
    let output = provider.call(&["evidence", "verify", "a.tar", "--key", "incident/public-key", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["holds"], false);
    assert_eq!(said["proven"], serde_json::json!([]));
    let broken = said["broken"].to_string();
    assert!(broken.contains("entries.jsonl was changed") && broken.contains("Line 1"), "{broken}");
}

#[test]
fn what_cannot_be_packed_or_checked_says_why() {
    let provider = provider();
    let refused = |words: &[&str], code: i32, part: &str| {
        let output = provider.call(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
        assert!(said.contains(part), "{words:?}: {said}");
    };
    refused(&["evidence", "bundle", "incident", "--tenant", "nobody", "-o", "x"], 2, "no tenant is called");
    refused(&["evidence", "bundle", "incident", "--tenant", "tenant:b", "-o", "x"], 1, "names tenant:b");
    refused(&["evidence", "verify", "incident/public-key", "--key", "key"], 2, "holds no public key");
    refused(&["evidence", "verify", "nothing", "--key", "incident/public-key"], 2, "could not read");
    fs::rename(provider.root().join("key"), provider.root().join("elsewhere")).unwrap();
    refused(&["evidence", "bundle", "incident", "-o", "x"], 2, "key");
    assert!(!provider.root().join("x").exists());
}

#[test]
fn a_file_outside_of_the_journal_is_vouched_for_by_its_hash_in_the_bundles_of_whom_it_concerns() {
    let provider = provider();
    fs::write(provider.root().join("disk.img"), "abc").unwrap();
    // The hash of "abc" is the first example of FIPS 180-4.
    let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let attach = ["attach", "incident", "disk.img", "--origin", "disk of core", "--by", "anna"];
    assert_eq!(provider.works(&attach), format!("{hash}  disk.img\n"));
    let handed = provider.call(&[&attach[..], &["--custody", "police, Munich", "--tenant", "a"]].concat());
    assert!(String::from_utf8_lossy(&handed.stderr).contains("entries with this hash: 5, 6"), "{handed:?}");
    let shown = provider.works(&["journal", "show", "incident"]);
    assert!(shown.contains(hash) && shown.contains("held by: police, Munich"), "{shown}");
    for (tenant, count) in [(&[][..], 2), (&["--tenant", "a"], 1)] {
        let out = format!("out-{count}.tar");
        provider.works(&[&["evidence", "bundle", "incident", "-o", &out], tenant].concat());
        let bundle = String::from_utf8_lossy(&fs::read(provider.root().join(&out)).unwrap()).into_owned();
        let entries = bundle.matches(&format!("sha256\\\":\\\"{hash}")).count();
        assert_eq!(entries, count, "{tenant:?}");
        provider.works(&["evidence", "verify", &out, "--key", "incident/public-key"]);
    }
    for (file, origin, part) in
        [("estate", "x", "not a file"), ("gone", "x", "cannot take"), ("disk.img", " ", "where it is from")]
    {
        let output = provider.call(&["attach", "incident", file, "--origin", origin, "--by", "anna"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(part), "{file}: {said}");
    }
}
