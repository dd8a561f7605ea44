//! `blackstart-verify` as an auditor calls it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests start the programs that people have"
)]

use std::path::PathBuf;
use std::process::{Command, Output};

fn golden(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/formats/golden/bundle-v1");
    folder.join(name).display().to_string()
}

fn verify(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_blackstart-verify")).args(words).output().unwrap()
}

#[test]
fn the_program_says_what_is_proven_and_its_exit_code_says_whether_it_holds() {
    let (bundle, key) = (golden("tenant.tar"), golden("public-key"));
    let output = verify(&[&bundle, &key]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("The bundle holds.") && said.contains("Not proven"), "{said}");

    let folder = std::env::temp_dir().join(format!("blackstart-verify-{}", std::process::id()));
    let mut bytes = std::fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&folder, bytes).unwrap();
    let output = verify(&[&folder.display().to_string(), &key]);
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("DOES NOT HOLD"));

    let (bundle, key) = (bundle.as_str(), key.as_str());
    let misuses = [vec![], vec![bundle], vec![bundle, "nokey"], vec!["/nowhere", key], vec![bundle, bundle]];
    for words in misuses {
        let output = verify(&words);
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{words:?}");
    }
}
