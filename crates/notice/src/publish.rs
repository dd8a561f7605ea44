//! Writes the site: all of it or nothing. What readers see is switched over with one rename.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::page;
use super::public::Public;
use super::words::Language;
use incident::standing::Standing;

#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path}")]
pub struct PublishFault {
    doing: &'static str,
    path: PathBuf,
    source: std::io::Error,
}

/// Every file of the site by its path in it. Pure.
pub fn site(all: &[Public], checkpoint: Option<&journal::Checkpoint>) -> BTreeMap<String, String> {
    let root: Option<String> =
        checkpoint.map(|checkpoint| checkpoint.root.iter().map(|byte| format!("{byte:02x}")).collect());
    let mut files = BTreeMap::new();
    for language in Language::ALL {
        files.insert(format!("{}.html", language.tag()), page::index(all, language, root.as_deref()));
    }
    files.insert("index.html".to_owned(), page::index(all, Language::De, root.as_deref()));
    for public in all {
        let folder = public.tenant.name();
        for language in &public.languages {
            let text = page::tenant(public, *language, root.as_deref());
            files.insert(format!("{folder}/{}.html", language.tag()), text);
        }
        files.insert(format!("{folder}/status.json"), status(public));
    }
    if let Some(checkpoint) = checkpoint {
        files.insert("checkpoint.txt".to_owned(), checkpoint.text.clone());
    }
    files
}

/// The same facts for programs.
fn status(public: &Public) -> String {
    let offers: Vec<_> = public
        .offers
        .iter()
        .map(|offer| {
            let standing = match &offer.standing {
                Standing::Works => "works",
                Standing::Emergency => "emergency",
                Standing::Diverted(_) => "diverted",
                Standing::Down { .. } => "down",
            };
            json!({ "capability": offer.capability, "standing": standing })
        })
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
pub fn digest(files: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (path, text) in files {
        hash.update((path.len() as u64).to_be_bytes());
        hash.update(path);
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts the files at `site`. What was there before is replaced as a whole, and only if it was a site of ours.
pub fn publish(files: &BTreeMap<String, String>, site: &Path) -> Result<(), PublishFault> {
    let fault = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| PublishFault { doing, path, source }
    };
    if site.exists() && !is_ours(site) {
        let source = std::io::Error::other("it exists and is not a site that was written here before");
        return Err(fault("replace", site)(source));
    }
    let beside = |ending: &str| site.with_file_name(format!("{}.{ending}", name(site)));
    let (fresh, old) = (beside("new"), beside("old"));
    for left_over in [&fresh, &old] {
        if left_over.exists() {
            fs::remove_dir_all(left_over).map_err(fault("remove", left_over))?;
        }
    }
    for (path, text) in files {
        let path = fresh.join(path);
        let folder = path.parent().expect("every path of the site lies in its folder");
        fs::create_dir_all(folder).map_err(fault("make", folder))?;
        fs::write(&path, text).map_err(fault("write", &path))?;
    }
    if site.exists() {
        fs::rename(site, &old).map_err(fault("move aside", site))?;
    }
    fs::rename(&fresh, site).map_err(fault("put in place", site))?;
    if old.exists() {
        fs::remove_dir_all(&old).map_err(fault("remove", &old))?;
    }
    Ok(())
}

fn name(site: &Path) -> String {
    site.file_name().map_or_else(|| "site".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// Nothing of somebody else's is ever deleted.
fn is_ours(site: &Path) -> bool {
    let empty = fs::read_dir(site).is_ok_and(|mut entries| entries.next().is_none());
    empty
        || (site.join("index.html").is_file()
            && site.join("de.html").is_file()
            && site.join("fr.html").is_file())
}
