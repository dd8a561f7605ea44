//! `blackstart notice`: what stands at SITE, what is said there, and what is recorded of it.

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

const SAY: [&str; 5] = ["notice", "say", "estate", "--journal", "incident"];

fn say(provider: &Provider, more: &[&str]) -> (Option<i32>, String) {
    let words: Vec<&str> = SAY.iter().chain(more).chain(&["--by", "anna"]).copied().collect();
    let output = provider.call(&words);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn what_is_said_once_is_on_the_pages_in_the_ledger_and_in_the_journal() {
    let provider = provider();
    let (code, told) = say(&provider, &["--de", "Wir prüfen's."]);
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("nothing is said in fr") && told.contains("--fr TEXT"), "{told}");
    let (code, told) = say(
        &provider,
        &[
            "--de",
            "Wir prüfen's.",
            "--fr",
            "Nous vérifions.",
            "--en",
            "We are looking.",
            "--for",
            "press",
            "practice",
        ],
    );
    assert_eq!(code, Some(0), "{told}");
    provider.works(&BUILD);
    let site = provider.root().join("site");
    let pages = fs::read_dir(&site).unwrap().map(|entry| entry.unwrap().path().join("fr.html"));
    let pages: Vec<String> = pages.filter_map(|page| fs::read_to_string(page).ok()).collect();
    assert!(!pages.is_empty() && pages.iter().all(|page| page.contains("Nous vérifions.")), "{pages:?}");
    let ledger = provider.works(&["notice", "ledger", "--journal", "incident", "--json"]);
    let ledger: serde_json::Value = serde_json::from_str(&ledger).unwrap();
    assert_eq!(ledger["said"][0]["statement"]["texts"]["de"], "Wir prüfen's.");
    assert!(ledger["said"][0]["by"].as_str().unwrap().contains("anna"), "{ledger}");
    assert!(provider.works(&["journal", "show", "incident"]).contains("said to the public: We are looking."));
}

#[test]
fn a_claim_that_nobody_has_assessed_is_refused_with_what_to_do_and_nothing_is_recorded() {
    let provider = provider();
    let texts = ["--de", "Nichts ist abgeflossen.", "--fr", "Rien.", "--en", "No data has left."];
    let (code, told) = say(&provider, &[&texts[..], &["--claim", "no-outflow", "--basis", "0"]].concat());
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("nobody has assessed") && told.contains("--despite REASON"), "{told}");
    assert!(told.contains("blackstart notice ledger --journal"), "{told}");
    assert_eq!(
        provider.works(&["notice", "ledger", "--journal", "incident", "--json"]).trim(),
        "{\"said\":[]}"
    );
}

#[test]
fn a_page_says_when_it_is_back_as_long_as_a_restart_goes_on_and_otherwise_that_nobody_knows() {
    let provider = Provider::new();
    let estate = provider.root().join("estate/estate.toml");
    let text = fs::read_to_string(&estate).unwrap().replace("boot_s = 1\n", "boot_s = 3600\n");
    fs::write(&estate, text).unwrap();
    provider.prepare();
    fs::write(provider.root().join("core.ill"), "").unwrap();
    assert_eq!(provider.recover().status.code(), Some(1));
    let page = || {
        provider.works(&BUILD);
        fs::read_to_string(provider.root().join("site/a/en.html")).unwrap()
    };
    let held = page();
    assert!(
        held.contains("When it will be back is not known yet.") && !held.contains("Expected back"),
        "{held}"
    );
    fs::remove_file(provider.root().join("core.ill")).unwrap();
    provider.works(&["resume", "incident", "service:core", "--reason", "repaired", "--by", "carl"]);
    let goes_on = page();
    assert!(
        goes_on.contains("Expected back: between 20")
            && !goes_on.contains("When it will be back is not known"),
        "{goes_on}"
    );
    let spoken = fs::read_to_string(provider.root().join("site/a/en.txt")).unwrap();
    assert!(spoken.contains("Expected back: between 20"), "{spoken}");
}

#[test]
fn a_copy_is_told_from_a_forgery_by_the_public_key_alone() {
    let provider = provider();
    provider.works(&BUILD);
    let root = provider.root();
    copy(&root.join("site"), &root.join("mirror"));
    fs::copy(root.join("incident/public-key"), root.join("given-key")).unwrap();
    let verify = || {
        let output = provider.call(&["notice", "verify", "mirror", "--key", "given-key"]);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, told) = verify();
    assert!(code == Some(0) && told.contains("genuine") && told.contains("as of entry"), "{told}");

    let page = fs::read_to_string(root.join("mirror/a/de.html")).unwrap();
    fs::write(root.join("mirror/a/de.html"), page.replace("Was", "Zahlen Sie hier. Was")).unwrap();
    fs::write(root.join("mirror/login.html"), "your password, please").unwrap();
    let (code, told) = verify();
    assert!(
        code == Some(1) && told.contains("changed   a/de.html") && told.contains("not ours  login.html"),
        "{told}"
    );

    // Whoever writes a manifest that fits has no key to sign it with.
    fs::remove_file(root.join("mirror/login.html")).unwrap();
    fs::write(root.join("mirror/a/de.html"), &page).unwrap();
    let manifest = fs::read_to_string(root.join("mirror/manifest.txt")).unwrap();
    fs::write(root.join("mirror/manifest.txt"), manifest.replace("as_of_entry ", "as_of_entry 9")).unwrap();
    let (code, told) = verify();
    assert!(code == Some(1) && told.contains("FORGED: its manifest is not signed by this key"), "{told}");
    fs::remove_file(root.join("mirror/manifest.txt")).unwrap();
    let (code, told) = verify();
    assert!(code == Some(1) && told.contains("NOT PROVEN"), "{told}");
    assert_eq!(provider.call(&["notice", "verify", "nowhere", "--key", "given-key"]).status.code(), Some(2));
}
