//! What the estate promises, one sentence per test. Everything goes through `read_toml`, `codes` and `judged`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod bad_input;
mod canonical;
mod findings;
mod fingerprint;
mod gkv;
mod graph;
mod hands;
mod layers;
mod reading;

use super::files::{Content, RawFile};
use super::read::read_files;
use super::{Estate, Finding, Id, Reading};

fn file(name: &str, bytes: &[u8]) -> RawFile {
    RawFile { name: name.to_owned(), content: Content::Bytes(bytes.to_vec()) }
}

fn read_toml(text: &str) -> Reading {
    read_files(&[file("estate.toml", text.as_bytes())])
}

/// An estate whose form is right; its content may be as wrong as the test needs.
fn estate(text: &str) -> Estate {
    let reading = read_toml(text);
    assert_eq!(reading.findings, [], "the test's own estate must be well formed");
    reading.estate
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code).collect()
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn ids<const N: usize>(texts: [&str; N]) -> std::collections::BTreeSet<Id> {
    texts.into_iter().map(id).collect()
}

/// The text that the place of a finding covers.
fn marked<'r>(reading: &'r Reading, finding: &Finding) -> &'r str {
    let place = finding.place.as_ref().expect("the finding points at something");
    &reading.sources.files[place.file].text[place.bytes.clone()]
}
