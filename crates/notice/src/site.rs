//! The site as values: every file by its path, and what tells one version from another. Pure.

use std::collections::BTreeMap;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::page;
use super::public::Public;
use super::words::Language;
use super::{feed, spoken, statuspage};

/// Every file of the site by its path in it.
pub type Files = BTreeMap<String, String>;

/// The newest checkpoint of the journal that the site is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    pub root: [u8; 32],
    /// The signed note.
    pub text: String,
}

/// The whole site.
pub fn files(all: &[Public], proof: Option<&Proof>) -> Files {
    let root: Option<String> = proof.map(|proof| estate::hex(&proof.root));
    let mut files = Files::new();
    let languages = page::languages(all);
    for language in &languages {
        files.insert(format!("{}.html", language.tag()), page::index(all, *language, root.as_deref()));
    }
    let first = languages.first().copied().unwrap_or(Language::De);
    files.insert("index.html".to_owned(), page::index(all, first, root.as_deref()));
    for public in all {
        let folder = public.tenant.name();
        for language in &public.languages {
            let text = page::tenant(public, *language, root.as_deref());
            files.insert(format!("{folder}/{}.html", language.tag()), text);
            files.insert(format!("{folder}/{}.txt", language.tag()), spoken::spoken(public, *language));
            files.insert(format!("{folder}/{}.atom", language.tag()), feed::atom(public, *language));
        }
        files.insert(format!("{folder}/status.json"), status(public));
        if let Some(text) = feed::cap(public) {
            files.insert(format!("{folder}/cap.xml"), text);
        }
        for (name, text) in statuspage::files(public) {
            files.insert(format!("{folder}/api/v2/{name}"), text);
        }
    }
    if let Some(proof) = proof {
        files.insert("checkpoint.txt".to_owned(), proof.text.clone());
    }
    files
}

/// The same facts for programs.
fn status(public: &Public) -> String {
    let offers: Vec<_> = public
        .offers
        .iter()
        .map(|offer| json!({ "capability": offer.capability, "standing": offer.standing.word() }))
        .collect();
    let status = json!({
        "tenant": public.tenant,
        "name": public.name,
        "as_of_entry": public.entry,
        "as_of_ms": public.as_of_ms,
        "held": public.held.unwrap_or(0),
        "capabilities": offers,
    });
    format!("{status}\n")
}

/// SHA-256 over paths and contents: two hosts that show the same version have the same one.
pub fn digest(files: &Files) -> String {
    let mut hash = Sha256::new();
    for (path, text) in files {
        hash.update((path.len() as u64).to_be_bytes());
        hash.update(path);
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    estate::hex(&hash.finalize())
}

/// How many of the files are pages.
pub fn pages(files: &Files) -> u64 {
    files.keys().filter(|path| path.ends_with(".html")).count() as u64
}
