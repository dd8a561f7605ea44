//! `blackstart notice verify`: is this copy of the pages ours, whole and unchanged?

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::cli::{Answer, Failure, talk};
use message::{counted, harmless};
use notice::manifest::{self, Found, Manifest};

#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// The copy: a folder as a mirror holds it.
    folder: PathBuf,
    /// The public key of the incident, from somebody you trust: not from the copy.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

pub(super) fn verify(args: &Verify) -> Result<Answer, Failure> {
    let key = fs::read_to_string(&args.key).map_err(|error| unreadable(&args.key, &error))?;
    let key = journal::PublicKey::parse(key.trim()).map_err(|error| {
        Failure::usage(
            format!("{} is not a public key: {error}", args.key.display()),
            "nothing was verified",
            "name the file `public-key` of the incident",
        )
    })?;
    let files = read(&args.folder).map_err(|error| unreadable(&args.folder, &error))?;
    let manifest = files.get(manifest::NAME).and_then(|bytes| Manifest::read(str::from_utf8(bytes).ok()?));
    let Some(manifest) = manifest else {
        return Ok(no("NOT PROVEN: it holds no manifest that can be read (manifest.txt)"));
    };
    if !key.accepts(manifest.body.as_bytes(), &manifest.signature) {
        return Ok(no("FORGED: its manifest is not signed by this key"));
    }
    let found = manifest::compare(&manifest, &files);
    if !found.is_whole() {
        for line in lines(&found) {
            talk::data(line);
        }
        return Ok(no("FORGED OR DAMAGED: it is not what was signed"));
    }
    talk::data(format!(
        "genuine: {} as signed, from {} as of entry {}",
        counted(manifest.files.len(), "file"),
        harmless(&manifest.journal),
        manifest.as_of_entry
    ));
    talk::say(
        "whether it is the newest version is not said by a copy: compare its entry with `blackstart journal show`",
    );
    Ok(Answer::Done)
}

fn no(what: &str) -> Answer {
    talk::data(what);
    talk::say("tell its readers, and copy the pages there again from where you built them");
    Answer::No
}

fn lines(found: &Found) -> Vec<String> {
    let all = [("changed", &found.changed), ("missing", &found.missing), ("not ours", &found.foreign)];
    all.into_iter()
        .flat_map(|(word, paths)| paths.iter().map(move |path| format!("{word:8}  {}", harmless(path))))
        .collect()
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::fault(
        format!("cannot read {}: {error}", path.display()),
        "nothing was verified: whether this copy is ours is not known",
        "look at the path and its permissions, then call again",
    )
}

/// Every file below a folder. A link is a file that is not ours: what it leads to can be another thing for each reader.
fn read(folder: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut open = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type()?;
            if kind.is_dir() {
                open.push((entry.path(), path + "/"));
            } else {
                let bytes = if kind.is_file() { fs::read(entry.path())? } else { Vec::new() };
                files.insert(path, bytes);
            }
        }
    }
    Ok(files)
}
