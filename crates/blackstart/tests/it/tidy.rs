//! Rules about the source that the compiler does not see. Each list of exceptions may only shrink.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Files of more lines than this are looked at; those that were looked at and stay stand in `LONG_FILES`.
const FILE_LINES_MAX: usize = 600;
const LONG_FILES: &[&str] = &[];

/// The parts meet in `incident` and `estate`; the manifest of a crate says whom it may know.
/// (crate, what it may know of ours besides itself). Every other crate stands in `KNOWS_EVERYTHING`.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("journal", &[]),
    ("message", &[]),
    ("page", &[]),
    ("estate", &["message"]),
    ("hands", &["message", "estate"]),
    ("judge", &[]),
    ("import", &["estate", "message"]),
    ("incident", &["estate", "journal"]),
    ("world", &["hands", "estate", "incident"]),
    ("scan", &["judge", "page", "message", "incident", "estate"]),
    ("contain", &["world", "hands", "message", "incident", "estate"]),
    ("plan", &["page", "message", "incident", "estate"]),
    ("recover", &["world", "hands", "message", "incident", "estate"]),
    ("bridge", &["journal", "message", "incident", "estate"]),
    ("notice", &["page", "message", "incident", "estate"]),
    ("situation", &["plan", "page", "message", "incident", "estate"]),
    ("duty", &["page", "message", "incident", "estate"]),
    ("proof", &["journal"]),
    ("evidence", &["proof", "journal", "page", "message", "incident", "estate"]),
    ("console", &["situation", "page", "incident", "estate", "journal"]),
];

/// Who may know everything: the binary, and the two that stand outside of the product.
const KNOWS_EVERYTHING: &[&str] = &["blackstart", "drill", "measure"];

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
        broken.extend(
            dependencies(&manifest)
                .into_iter()
                .filter(|known| ours.contains(known) && !may_know.contains(&known.as_str()))
                .map(|known| format!("{name} knows {known}")),
        );
    }
    none(&broken, "a crate knows another one: let it read the journal's view or the estate instead");
    let is_listed = |name: &str| MAY_KNOW.iter().any(|(listed, _)| *listed == name);
    let missing: Vec<String> = ours
        .iter()
        .filter(|name| !is_listed(name) && !KNOWS_EVERYTHING.contains(&name.as_str()))
        .cloned()
        .collect();
    none(&missing, "nobody says what these crates may know: a line in MAY_KNOW");
}

/// What a crate is built with, whatever form it is written in; tests may use anything.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut is_built_with = false;
    let mut names = BTreeSet::new();
    for line in manifest.lines() {
        if let Some(head) = line.trim().strip_prefix('[') {
            let head = head.trim_end_matches(']').trim();
            is_built_with = head.ends_with("dependencies") && !head.ends_with("dev-dependencies");
            // `[dependencies.plan]`
            let (table, name) = head.rsplit_once('.').unwrap_or_default();
            if table.ends_with("dependencies") && !table.ends_with("dev-dependencies") {
                names.insert(name.trim_matches('"').to_owned());
            }
        } else if let Some((name, value)) = line.split_once('=').filter(|_| is_built_with) {
            let name = name.trim().split('.').next().unwrap_or_default();
            names.insert(name.trim_matches('"').to_owned());
            // `other = { package = "plan" }`
            names.extend(
                value
                    .split("package = \"")
                    .skip(1)
                    .filter_map(|rest| rest.split('"').next())
                    .map(str::to_owned),
            );
        }
    }
    names
}

#[test]
fn a_dependency_is_found_in_every_form_of_a_manifest() {
    let manifest = "[dependencies]\na = { workspace = true }\nb.workspace = true\nc={ path = \"x\" }\n\
                    as = { package = \"d\" }\n[dev-dependencies]\ntest = \"1\"\n\
                    [target.'cfg(unix)'.dependencies]\ne = \"1\"\n[dependencies.f]\nversion = \"1\"\n\
                    [build-dependencies]\ng = \"1\"\n[dev-dependencies.test2]\nversion = \"1\"\n[features]\nh = []\n";
    let found = dependencies(manifest);
    assert_eq!(
        found.iter().map(String::as_str).collect::<Vec<_>>(),
        ["a", "as", "b", "c", "d", "e", "f", "g"]
    );
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

/// rustfmt follows plain `mod x;` lines only: what is declared by a macro it never sees, and nobody is told.
#[test]
fn every_source_file_is_declared_where_rustfmt_finds_it() {
    let all = sources();
    let text_of = |name: &str| all.iter().find(|(other, _)| other == name).map(|(_, text)| text);
    let broken: Vec<String> = all
        .iter()
        .filter(|(name, _)| !is_crate_root(name))
        .filter(|(name, _)| {
            let path = Path::new(name);
            let whole = if path.ends_with("mod.rs") { path.parent().unwrap() } else { path };
            let declared = format!("mod {};", whole.file_stem().unwrap().to_string_lossy());
            let above = whole.parent().unwrap();
            let places = [
                above.join("mod.rs"),
                above.join("lib.rs"),
                above.join("main.rs"),
                above.with_extension("rs"),
            ];
            // A line that begins at the margin stands in no macro.
            let says = |text: &String| {
                text.lines().any(|line| {
                    let (before, plain) = line.split_at(line.find("mod ").unwrap_or(0));
                    plain == declared && (before.is_empty() || before.starts_with("pub"))
                })
            };
            !places.iter().filter_map(|place| text_of(&place.to_string_lossy())).any(says)
        })
        .map(|(name, _)| name.clone())
        .collect();
    none(&broken, "no plain `mod x;` leads to these files, so that rustfmt never looks at them");
}

/// What cargo itself opens: everything else has to be declared.
fn is_crate_root(name: &str) -> bool {
    let folder = Path::new(name).parent().unwrap();
    ["lib.rs", "main.rs", "build.rs"].iter().any(|root| name.ends_with(&format!("/{root}")))
        || ["bin", "tests", "benches", "examples"].iter().any(|own| {
            folder.ends_with(own)
                && folder.parent().is_some_and(|above| !above.to_string_lossy().contains("/src"))
        })
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
    let known = dependencies(&manifest);
    assert!(known.contains("page"), "a search that finds nothing proves nothing: {known:?}");
    for product in product.iter().map(String::as_str).filter(is_product) {
        assert!(
            !known.contains(product),
            "crates/drill depends on {product}: then a fault in it could hide itself"
        );
    }
}

#[test]
fn html_is_written_in_templates_and_drawings_only() {
    // An element begins, with or without attributes, or ends; or something is escaped by hand.
    const ELEMENTS: &str = "a abbr article aside b body br button caption circle code col dd details div dl dt em fieldset figure \
                            footer form g h1 h2 h3 h4 head header hr html i img input label legend li line link main meta nav ol \
                            option p path pattern pre rect script section select small span strong style sub summary sup svg \
                            table tbody td text textarea tfoot th thead time title tr ul use";
    let elements: BTreeSet<&str> = ELEMENTS.split_whitespace().collect();
    let is_html = |code: &str| {
        code.match_indices('<').any(|(at, _)| {
            let rest = code[at + 1..].trim_start_matches('/');
            let name: String =
                rest.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit()).collect();
            elements.contains(name.as_str())
                && rest[name.len()..].starts_with(['>', ' '])
                && rest[name.len()..].contains('>')
        })
    };
    assert!(is_html("format!(\"<b>{x}</b>\")") && is_html("\"<p class='x'>\"") && is_html("\"</main>\""));
    assert!(!is_html("Vec<u8>") && !is_html("a < b && c > d") && !is_html("\"<PATH>\""));
    let marks = ["&lt;", "&amp;", "&quot;", "&#39;", "&nbsp;"];
    let broken: Vec<String> = sources()
        .into_iter()
        .filter(|(name, _)| !is_test(name) && !name.starts_with("crates/page/src/"))
        .flat_map(|(name, text)| {
            let product = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            let lines = product.lines().enumerate().filter(|(_, line)| {
                let code = line.trim_start();
                let html = || is_html(code) || marks.iter().any(|mark| code.contains(mark));
                !code.starts_with("//") && code.contains('"') && html()
            });
            lines.map(|(at, line)| format!("{name}:{}: {}", at + 1, line.trim())).collect::<Vec<_>>()
        })
        .collect();
    none(&broken, "write it into a template, or draw it with `page::drawing`");
    let unsafe_ones: Vec<String> = files("crates", "html")
        .into_iter()
        .filter(|(name, text)| name.contains("/templates/") && text.replace(' ', "").contains("|safe"))
        .map(|(name, _)| name)
        .collect();
    none(&unsafe_ones, "`|html` takes what is HTML already; `|safe` takes anything");
}

/// A command made by hand is wrong as soon as a path has a space, and obeyed by a terminal as soon as it has an escape;
/// and it says `DIR` where the program knows the folder. In backticks a command is only spoken of; the form of a call
/// stands where a missing argument is asked for.
#[test]
fn a_command_to_paste_is_made_by_message() {
    let verbs = [
        "accept", "adopt", "approve", "bridge", "check", "choose", "contain", "dismiss", "handback", "hold",
        "import", "init", "journal", "note", "notice", "plan", "recover", "restore", "resume", "scan",
        "status", "thaw", "watch",
    ];
    let by_hand = |line: &str| {
        let form = ["override_usage", "FORM", "form = ", "place::", "By {", "const ", "place("];
        !line.trim_start().starts_with("//")
            && !form.iter().any(|form| line.contains(form))
            && line.match_indices("blackstart ").any(|(at, found)| {
                let rest = &line[at + found.len()..];
                let verb = rest.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default();
                let before = &line[..at];
                let spoken_of = before.matches('`').count() % 2 == 1;
                let quoted = before.matches('"').count() % 2 == 1 || !line.contains("//");
                let made =
                    rest[verb.len()..].trim_start_matches(|c: char| c.is_ascii_lowercase() || c == ' ');
                verbs.contains(&verb) && quoted && (!spoken_of || made.starts_with('{'))
            })
    };
    assert!(
        by_hand(r#""again: blackstart plan ESTATE","#) && by_hand(r#"format!("`blackstart resume {id}`")"#)
    );
    assert!(!by_hand(r#""the folder that `blackstart init` made","#) && !by_hand("// blackstart plan"));
    let found: Vec<String> = files("crates", "rs")
        .into_iter()
        .filter(|(name, _)| {
            !is_test(name)
                && !name.starts_with("crates/blackstart/tests/")
                && !name.starts_with("crates/message/")
        })
        .flat_map(|(name, text)| {
            let product = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            let lines = product.lines().enumerate().filter(|(_, line)| by_hand(line));
            lines.map(|(at, line)| format!("{name}:{}: {}", at + 1, line.trim())).collect::<Vec<_>>()
        })
        .collect();
    none(&found, "make it with `message::Command`, which quotes what needs it and names the folder");
}

/// Whoever lifts a ban for a whole crate lifts it for files that nobody has written yet.
#[test]
fn no_ban_is_lifted_for_a_whole_crate() {
    let is_root = |name: &str| name.ends_with("src/lib.rs") || name.ends_with("src/main.rs");
    let lifted: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            is_root(name) && code.into_iter().any(|line| line.contains("disallowed_"))
        })
        .map(|(name, _)| name)
        .collect();
    none(&lifted, "say in each file that needs it what it may do, and why");
    let without: Vec<String> = files("crates", "toml")
        .into_iter()
        .filter(|(name, text)| name.ends_with("clippy.toml") && !text.contains("disallowed-methods"))
        .map(|(name, _)| name)
        .filter(|name| !["crates/drill/clippy.toml", "crates/measure/clippy.toml"].contains(&name.as_str()))
        .collect();
    none(
        &without,
        "a clippy.toml of its own replaces the workspace's: it has to repeat the bans that hold there",
    );
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
    const STARTS: [&str; 5] = ["crates/", "docs/", "estates/", "xtask/", "packaging/"];
    let mut read = files("docs", "md");
    for name in ["ARCHITECTURE.md", "CONTRIBUTING.md", "STYLE.md", "README.md"] {
        read.push((name.to_owned(), fs::read_to_string(root().join(name)).unwrap()));
    }
    let broken: Vec<String> = read
        .iter()
        .flat_map(|(name, text)| {
            let words = text.split('`').skip(1).step_by(2);
            let paths = words.filter(|word| STARTS.iter().any(|start| word.starts_with(start)));
            paths.filter(|path| !root().join(path).exists()).map(move |path| format!("{name}: {path}"))
        })
        .collect();
    none(&broken, "these are named, and do not exist");
}

/// Word-by-word German, and what to say instead. Found in messages, help texts and the guide more than once.
const NOT_ENGLISH: &[(&str, &str)] = &[
    ("leave away", "omit"),
    ("left away", "omitted"),
    ("what is behind", "the upstream, or what waits for it"),
    ("let pass", "tolerated"),
    ("from when on", "the time from which"),
    ("as short as possible", "as briefly as possible"),
    ("inside of", "inside"),
    ("stands in it twice", "appears twice"),
    ("look whether", "check whether"),
    ("looks whether", "checks whether"),
    ("looked whether", "checked whether"),
    ("it no more", "no longer"),
    ("is no address", "is not an address"),
    ("is no folder", "is not a folder"),
    ("is no number", "is not a number"),
    ("is no tenant", "is not a tenant"),
    ("is no store", "is not a store"),
    ("is no plain file", "is not a plain file"),
    ("are no services", "are not services"),
    ("name a fund", "name a tenant"),
];

/// Crates that nobody has read for this yet. May only shrink.
const NOT_YET_READ: &[&str] = &[];

/// Circles among files that are known; each with the reason why it stays. May only shrink.
const CIRCLES: &[(&str, &str)] = &[
    (
        "drill: attack, practice",
        "the practice provider starts the attacker as one of its processes, and the attacker breaks into its post",
    ),
    (
        "judge: inner, shown, tar",
        "the members of a tar are judged by what they show, and may be archives themselves",
    ),
];

#[test]
fn nobody_reads_german_in_english_words() {
    let own = "crates/blackstart/tests/it/tidy.rs";
    let mut read = sources();
    read.extend(files("docs", "md"));
    read.extend(files("", "md").into_iter().filter(|(name, _)| !name.contains('/')));
    let mut broken = Vec::new();
    let skipped = |name: &str| name == own || NOT_YET_READ.iter().any(|start| name.starts_with(start));
    for (name, text) in read.iter().filter(|(name, _)| !skipped(name)) {
        for (number, line) in text.lines().enumerate() {
            let line = line.to_lowercase();
            let said = NOT_ENGLISH.iter().filter(|(phrase, _)| says(&line, phrase));
            broken.extend(
                said.map(|(phrase, better)| format!("{name}:{}: `{phrase}`: say {better}", number + 1)),
            );
        }
    }
    none(&broken, "say these as a native operator would");
}

/// Whether the phrase is in the line as words of its own. `there is no store` is English.
fn says(line: &str, phrase: &str) -> bool {
    line.match_indices(phrase).any(|(at, _)| {
        let ends = !line[at + phrase.len()..].starts_with(|letter: char| letter.is_alphanumeric());
        let begins = !line[..at].ends_with(|letter: char| letter.is_alphanumeric());
        ends && begins && !line[..at].ends_with("there ")
    })
}

/// Two files that know each other are one file in two pieces: neither can be understood, tested or moved alone. In each
/// folder of a crate the entries (a file, or a folder with all that is in it) form no circle. The head of a folder
/// (`mod.rs`, `lib.rs`) and what stands below it do not count against each other: a head calls its files, and they use the
/// words it defines. What a head only passes on counts as the file that it comes from.
#[test]
fn no_circle_leads_from_file_to_file() {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        found.extend(circles(&Modules::of(&name)).into_iter().map(|circle| format!("{name}: {circle}")));
    }
    found.sort();
    let known = |circle: &str| CIRCLES.iter().any(|(known, _)| *known == circle);
    let new: Vec<String> = found.iter().filter(|circle| !known(circle)).cloned().collect();
    none(&new, "move what both sides need into a file of its own, or to the side that is asked");
    let gone: Vec<String> =
        CIRCLES.iter().map(|(known, _)| (*known).to_owned()).filter(|known| !found.contains(known)).collect();
    none(&gone, "these circles are gone: take them off CIRCLES");
}

#[test]
fn the_search_for_circles_finds_what_it_is_told_to_find() {
    let modules = Modules {
        texts: [
            ("", "pub mod a; pub mod b; pub use b::Word; fn f() { a::go() }"),
            ("a", "use crate::{Word, c::d};"),
            ("b", "pub struct Word; // crate::a is only named\nuse super::c;"),
            ("c", "mod d;"),
            ("c::d", "fn f() { super::super::a::go() } \n#[cfg(test)]\nmod tests { use crate::b; }"),
        ]
        .into_iter()
        .map(|(path, text)| (module(path), spoken(text)))
        .collect(),
    };
    assert_eq!(circles(&modules), ["a, b, c"]);
}

type Module = Vec<String>;

fn module(path: &str) -> Module {
    path.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The files of one crate by the module they are, tests left out.
struct Modules {
    texts: BTreeMap<Module, String>,
}

impl Modules {
    fn of(name: &str) -> Modules {
        let source = format!("crates/{name}/src/");
        let texts =
            files(&source, "rs").into_iter().filter(|(file, _)| !is_test(file)).map(|(file, text)| {
                let path = file[source.len()..].trim_end_matches(".rs").replace('/', "::");
                let mut path = module(&path);
                path.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
                (path, spoken(&text))
            });
        Modules { texts: texts.collect() }
    }

    /// The file in which a path ends, through heads that only pass it on.
    fn home(&self, path: &[String], passed_on: u32) -> Option<Module> {
        let length = (0..=path.len()).rev().find(|length| self.texts.contains_key(&path[..*length]))?;
        let (home, rest) = path.split_at(length);
        let name = rest.first().filter(|_| passed_on < 4);
        let onwards = name.and_then(|name| {
            let uses = paths(home, &self.texts[home], &["pub use "]);
            uses.into_iter().find(|used| used.last() == Some(name) && used[..] != path[..=length])
        });
        match onwards {
            Some(onwards) => self.home(&onwards, passed_on + 1),
            None => Some(home.to_owned()),
        }
    }
}

/// The text without comments and without the tests at its end.
fn spoken(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The paths that follow one of these words, absolute within the crate. `use a::{b, c::{d, e}}` is three.
fn paths(from: &[String], text: &str, words: &[&str]) -> Vec<Module> {
    let mut all = Vec::new();
    for word in words {
        for (at, _) in text.match_indices(word) {
            let is_part =
                text[..at].ends_with(|letter: char| letter.is_alphanumeric() || "_:".contains(letter));
            if !is_part {
                let start = if word.ends_with(' ') { at + word.len() } else { at };
                branches(&text[start..], &mut Vec::new(), &mut all);
            }
        }
    }
    all.into_iter().map(|path| absolute(from, &path)).collect()
}

/// Reads `a::b::{c, d}` into its paths and returns what stands behind it.
fn branches<'t>(text: &'t str, before: &mut Module, all: &mut Vec<Module>) -> &'t str {
    let depth = before.len();
    let mut rest = text;
    loop {
        let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        if end > 0 {
            before.push(rest[..end].to_owned());
        }
        rest = &rest[end..];
        if let Some(inner) = rest.strip_prefix("::{") {
            rest = inner;
            while !rest.is_empty() && !rest.starts_with('}') {
                rest = branches(rest.trim_start(), before, all).trim_start();
                rest = rest.trim_start_matches(|letter: char| letter != ',' && letter != '}');
                rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            }
            rest = rest.strip_prefix('}').unwrap_or(rest);
            break;
        }
        match rest.strip_prefix("::") {
            Some(more) if end > 0 => rest = more,
            Some(_) | None => {
                all.push(before.clone());
                break;
            }
        }
    }
    before.truncate(depth);
    rest
}

fn absolute(from: &[String], path: &[String]) -> Module {
    let mut whole =
        if path.first().is_some_and(|first| first == "crate") { Vec::new() } else { from.to_owned() };
    for name in path {
        match name.as_str() {
            "crate" | "self" => {}
            "super" => drop(whole.pop()),
            name => whole.push(name.to_owned()),
        }
    }
    whole
}

/// Each circle as the names of its entries, with the folder they stand in.
fn circles(modules: &Modules) -> Vec<String> {
    let mut knows: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (from, text) in &modules.texts {
        for path in paths(from, text, &["crate::", "super::", "self::"]) {
            let Some(to) = modules.home(&path, 0) else { continue };
            let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
            if shared < from.len() && shared < to.len() {
                knows.entry(from[..=shared].to_owned()).or_default().insert(to[..=shared].to_owned());
            }
        }
    }
    let reached: BTreeMap<&Module, BTreeSet<&Module>> =
        knows.keys().map(|from| (from, reached(from, &knows))).collect();
    let both =
        |a: &Module, b: &Module| reached[a].contains(b) && reached.get(b).is_some_and(|all| all.contains(a));
    let circles: BTreeSet<Vec<&Module>> = reached
        .keys()
        .filter(|from| reached[*from].contains(*from))
        .map(|from| reached.keys().copied().filter(|other| both(from, other)).collect())
        .collect();
    let shown =
        |circle: Vec<&Module>| circle.iter().map(|path| path.join("::")).collect::<Vec<_>>().join(", ");
    circles.into_iter().map(shown).collect()
}

fn reached<'k>(from: &Module, knows: &'k BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<&'k Module> {
    let mut all = BTreeSet::new();
    let mut open: Vec<&Module> = knows.get(from).into_iter().flatten().collect();
    while let Some(next) = open.pop() {
        if all.insert(next) {
            open.extend(knows.get(next).into_iter().flatten());
        }
    }
    all
}
