//! Rules about the source that the compiler does not see. Each list of exceptions may only shrink.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Files of more lines than this are looked at; those that were looked at and stay stand in `LONG_FILES`.
const FILE_LINES_MAX: usize = 600;
const LONG_FILES: &[&str] = &[];

/// The parts. They meet in `incident` and `estate`; the manifest of a crate says whom it may know.
const PARTS: &[&str] = &["scan", "contain", "plan", "recover", "bridge", "notice", "situation"];
/// (crate, what it may know of ours besides itself). What is not here may know everything.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("journal", &[]),
    ("estate", &[]),
    ("judge", &[]),
    ("page", &[]),
    ("import", &["estate"]),
    ("incident", &["estate", "journal"]),
    ("world", &["estate", "incident"]),
    ("scan", &["judge", "incident", "estate", "page"]),
    ("contain", &["world", "incident", "estate"]),
    ("plan", &["incident", "estate", "page"]),
    ("recover", &["world", "incident", "estate"]),
    ("bridge", &["journal", "incident", "estate"]),
    ("notice", &["incident", "estate", "page"]),
    ("situation", &["plan", "incident", "estate", "page"]),
];

/// Names that say nothing.
const EMPTY_NAMES: &[&str] =
    &["manager", "handler", "util", "utils", "common", "core", "types", "helpers", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

fn files(under: &str, extension: &str) -> Vec<(String, String)> {
    fn walk(folder: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("target") && !path.ends_with(".git") {
                    walk(&path, extension, found);
                }
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    let mut paths = Vec::new();
    walk(&root().join(under), extension, &mut paths);
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).unwrap())
        })
        .collect()
}

fn sources() -> Vec<(String, String)> {
    let mut all = files("crates", "rs");
    all.extend(files("xtask", "rs"));
    assert!(all.len() > 20, "the walk must find the source");
    all
}

fn none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}\n  {}", broken.join("\n  "));
}

fn is_test(name: &str) -> bool {
    name.contains("/tests/") || name.ends_with("tests.rs")
}

#[test]
fn no_file_is_longer_than_a_person_reads_in_one_go() {
    let broken: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| {
            !is_test(name) && !LONG_FILES.contains(&name.as_str()) && text.lines().count() > FILE_LINES_MAX
        })
        .map(|(name, text)| format!("{name}: {} lines", text.lines().count()))
        .collect();
    none(&broken, "split these files, or look at them and put them on LONG_FILES with a reason");
}

#[test]
fn every_module_says_at_its_head_what_it_is() {
    let broken: Vec<String> = sources()
        .into_iter()
        .filter(|(_, text)| !text.trim_start().starts_with("//!"))
        .map(|(name, _)| name)
        .collect();
    none(&broken, "these modules do not open with `//!`");
}

#[test]
fn nothing_is_left_for_later_in_the_source() {
    let marks = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["NOT BUILT", " YET"].concat(),
        ["X", "XX:"].concat(),
    ];
    let broken: Vec<String> = sources()
        .into_iter()
        .flat_map(|(name, text)| {
            let marks = marks.clone();
            text.lines()
                .enumerate()
                .filter(move |(_, line)| marks.iter().any(|mark| line.contains(mark.as_str())))
                .map(|(number, line)| format!("{name}:{}: {}", number + 1, line.trim()))
                .collect::<Vec<_>>()
        })
        .collect();
    none(&broken, "open an issue instead");
}

#[test]
fn a_crate_knows_only_whom_it_may() {
    let ours: Vec<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut broken = Vec::new();
    for (name, may_know) in MAY_KNOW {
        let manifest = fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let known = manifest.lines().take_while(|line| *line != "[dev-dependencies]");
        let known = known.filter_map(|line| line.split_once(" = ")).map(|(crate_name, _)| crate_name);
        broken.extend(
            known
                .filter(|known| ours.iter().any(|ours| ours == known) && !may_know.contains(known))
                .map(|known| format!("{name} knows {known}")),
        );
    }
    none(&broken, "a crate knows another one: let it read the journal's view or the estate instead");
    let missing: Vec<String> = PARTS
        .iter()
        .filter(|part| MAY_KNOW.iter().all(|(name, _)| name != *part))
        .map(|part| (*part).to_owned())
        .collect();
    none(&missing, "these parts may know everything");
}

#[test]
fn files_are_named_after_the_question_they_answer() {
    let broken: Vec<String> = sources()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| {
            let stem = Path::new(name).file_stem().unwrap().to_string_lossy().into_owned();
            EMPTY_NAMES.contains(&stem.as_str()) && !name.starts_with("crates/drill/src/practice/") // the practice provider has a service called core
        })
        .collect();
    none(&broken, "these names say nothing");
}

#[test]
fn no_test_file_is_forgotten() {
    let main = fs::read_to_string(root().join("crates/blackstart/tests/it/main.rs")).unwrap();
    let broken: Vec<String> = files("crates/blackstart/tests/it", "rs")
        .into_iter()
        .map(|(name, _)| Path::new(&name).file_stem().unwrap().to_string_lossy().into_owned())
        .filter(|stem| stem != "main" && !main.contains(&format!("mod {stem};")))
        .collect();
    none(&broken, "these files in tests/it are not part of the test program");
}

#[test]
fn the_drill_shares_no_code_with_what_it_examines() {
    let manifest = fs::read_to_string(root().join("crates/drill/Cargo.toml")).unwrap();
    // How a page looks is no fact about the product, and `page` knows nothing of it: that is held by its empty list above.
    let is_product = |name: &&str| *name != "page";
    let page_knows = MAY_KNOW.iter().find(|(name, _)| *name == "page").map(|(_, known)| *known);
    assert_eq!(page_knows, Some(&[][..]), "what page knows, the drill would know as well");
    let product: BTreeSet<String> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["drill", "measure"].contains(&name.as_str()))
        .collect();
    for product in product.iter().map(String::as_str).filter(is_product) {
        assert!(
            !manifest.lines().any(|line| line.starts_with(&format!("{product} = "))),
            "crates/drill depends on {product}: then a fault in it could hide itself"
        );
    }
}

#[test]
fn html_is_written_in_templates_and_drawings_only() {
    let marks = ["<br>", "<svg ", "<td", "<tr>", "</p>", "</div>", "</li>", "<span", "&lt;", "&amp;"];
    let broken: Vec<String> = sources()
        .into_iter()
        .filter(|(name, _)| !is_test(name) && !name.starts_with("crates/page/src/"))
        .flat_map(|(name, text)| {
            let product = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            let lines = product.lines().enumerate().filter(|(_, line)| {
                let code = line.trim_start();
                !code.starts_with("//") && code.contains('"') && marks.iter().any(|mark| code.contains(mark))
            });
            lines.map(|(at, line)| format!("{name}:{}: {}", at + 1, line.trim())).collect::<Vec<_>>()
        })
        .collect();
    none(&broken, "write it into a template, or draw it with `page::drawing`");
    let unsafe_ones: Vec<String> = files("crates", "html")
        .into_iter()
        .filter(|(name, text)| name.contains("/templates/") && text.contains("|safe"))
        .map(|(name, _)| name)
        .collect();
    none(&unsafe_ones, "`|html` takes what is HTML already; `|safe` takes anything");
}

#[test]
fn every_document_is_reachable_from_the_map() {
    let mut linked = BTreeSet::new();
    let documents: Vec<(String, String)> =
        files("", "md").into_iter().filter(|(name, _)| !name.contains("/golden/")).collect();
    for (name, text) in &documents {
        let folder = Path::new(name).parent().unwrap();
        for target in text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split([')', '#']).next()) {
            if !target.contains("://") && !target.is_empty() {
                linked.insert(normal(&folder.join(target)));
            }
        }
    }
    let broken: Vec<String> = documents
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("docs/") && !linked.contains(name))
        .collect();
    none(&broken, "no other document links to these");
    let missing: Vec<String> = linked.into_iter().filter(|target| !root().join(target).exists()).collect();
    none(&missing, "these links lead nowhere");
}

/// `a/b/../c` as `a/c`.
fn normal(path: &Path) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                parts.pop();
            }
            std::path::Component::CurDir => {}
            other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts.join("/")
}

#[test]
fn the_map_names_only_what_exists() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let broken: Vec<String> = map
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| {
            word.starts_with("crates/") || word.starts_with("docs/") || word.starts_with("estates/")
        })
        .filter(|path| !root().join(path).exists())
        .map(str::to_owned)
        .collect();
    none(&broken, "ARCHITECTURE.md names these, and they do not exist");
}
