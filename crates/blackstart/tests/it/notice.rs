//! `blackstart notice build`: what stands at SITE, and what is recorded of it.

use std::fs;
use std::path::Path;

use super::restart::Provider;

/// A provider with an open incident.
fn provider() -> Provider {
    let provider = Provider::new();
    provider.works(&["init", "incident", "--estate", "estate", "--key", "key", "--by", "anna"]);
    provider
}

const BUILD: [&str; 8] = ["notice", "build", "estate", "--journal", "incident", "-o", "site", "--by=anna"];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else if kind.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn recorded(provider: &Provider) -> usize {
    provider.works(&["journal", "show", "incident"]).matches(" published ").count()
}

#[test]
fn pages_are_replaced_and_what_lies_beside_them_is_left_alone() {
    let provider = provider();
    for foreign in ["site.old", "site.new"] {
        fs::create_dir(provider.root().join(foreign)).unwrap();
        fs::write(provider.root().join(foreign).join("thesis.txt"), "ten years of work").unwrap();
    }
    provider.works(&BUILD);
    provider.works(&["note", "incident", "the press asks", "--by", "anna"]);
    provider.works(&BUILD);
    assert_eq!(recorded(&provider), 2);
    let site = provider.root().join("site");
    assert!(site.join("index.html").is_file() && site.join(".blackstart-site").is_file());
    assert!(
        ["site.old", "site.new"].iter().all(|name| provider.root().join(name).join("thesis.txt").exists())
    );
    let beside = fs::read_dir(provider.root()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(beside.into_iter().all(|name| !name.to_string_lossy().starts_with(".site")));
}

#[test]
fn a_folder_with_something_of_somebody_else_is_refused_and_nothing_is_recorded() {
    let provider = provider();
    fs::create_dir(provider.root().join("site")).unwrap();
    fs::write(provider.root().join("site/index.html"), "hand-made").unwrap();
    let output = provider.call(&BUILD);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(
        told.contains("does not hold our mark") && told.contains("readers see what they saw before"),
        "{told}"
    );
    assert_eq!(fs::read_to_string(provider.root().join("site/index.html")).unwrap(), "hand-made");
    assert_eq!(recorded(&provider), 0);
}

#[test]
fn a_publication_that_was_killed_before_it_was_recorded_is_recorded_by_the_next() {
    let provider = provider();
    let (incident, before) = (provider.root().join("incident"), provider.root().join("before"));
    copy(&incident, &before);
    provider.works(&BUILD);
    assert_eq!(recorded(&provider), 1);
    // As it is when the machine stops after readers saw the site and before the entry was on disk.
    fs::remove_dir_all(&incident).unwrap();
    copy(&before, &incident);
    assert_eq!(recorded(&provider), 0);
    provider.works(&["note", "incident", "back again", "--by", "anna"]);
    let output = provider.call(&BUILD);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("it is recorded now"), "{told}");
    assert_eq!(recorded(&provider), 2);
}
