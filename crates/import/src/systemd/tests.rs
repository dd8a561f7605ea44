//! What the reader of systemd units promises, one sentence per test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod edges;
mod hostile;
mod things;

use std::path::Path;

use super::gather::{Content, Dump, Entry, HostCopy, UnitAuthor, UnitSources};
use super::{Draft, Options, read};
use crate::draft_lines::{codes, proposed, services};

/// A copy of one host: paths below it with their texts; `-> target` is a link.
fn copy(files: &[(&str, &str)]) -> HostCopy {
    let entries = files.iter().map(|(path, text)| {
        let (layer, written, below) = match path.split_once("systemd/system/") {
            Some(("etc/", below)) => (4, UnitAuthor::Here, below),
            Some(("run/", below)) => (5, UnitAuthor::Here, below),
            Some((_, below)) => (9, UnitAuthor::Vendor, below),
            None => (0, UnitAuthor::Here, *path),
        };
        let (folder, name) =
            below.split_once('/').map_or((None, below), |(folder, name)| (Some(folder.to_owned()), name));
        let content = match text.strip_prefix("-> ") {
            Some(target) => Content::Link(target.to_owned()),
            None => Content::Text((*text).to_owned()),
        };
        Entry { layer, written, folder, name: name.to_owned(), shown: (*path).into(), content }
    });
    HostCopy { entries: entries.collect(), ..HostCopy::default() }
}

fn gathered(hosts: Vec<HostCopy>) -> UnitSources {
    UnitSources { hosts, skipped: Vec::new() }
}

fn draft(files: &[(&str, &str)]) -> Draft {
    read(&gathered(vec![copy(files)]), &Options::default())
}

fn dump(name: &str, text: &str) -> HostCopy {
    let dump = Dump { shown: format!("{name}.txt").into(), text: text.to_owned() };
    HostCopy { name: Some(name.to_owned()), dumps: vec![dump], ..HostCopy::default() }
}

/// `web hard db (etc/…:3)`, one for each stated dependency.
fn stated(draft: &Draft) -> Vec<String> {
    let line = |stated: &super::super::draft::StatedEdge| {
        let to = &stated.edge.to;
        let to = if to.kind() == estate::Kind::Service { to.name().to_owned() } else { to.to_string() };
        format!("{} {} {to}", stated.edge.from.name(), stated.edge.kind.word())
    };
    draft.edges.iter().map(line).collect()
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    match text.strip_prefix("-> ") {
        Some(target) => std::os::unix::fs::symlink(target, path).unwrap(),
        None => std::fs::write(path, text).unwrap(),
    }
}
