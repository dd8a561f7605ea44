//! Act 5: a page for every fund in three languages, which says what works and needs nothing that is down.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::fault::During;
use crate::stage::{LOST, Stage, of, text};
use crate::story::{Act, Kind};

const LANGUAGES: [&str; 3] = ["de", "fr", "en"];
/// One of these words says in each language that business is taken in and held.
const EMERGENCY: [(&str, &[&str]); 3] = [
    ("de", &["notbetrieb"]),
    ("fr", &["mode dégradé", "mode d&#233;grad&#233;", "fonctionnement dégradé"]),
    ("en", &["emergency operation"]),
];

/// Plays the act.
pub fn play(stage: &mut Stage, act: &mut Act) -> Result<()> {
    stage.say("writing the pages");
    let (estate, incident) = (stage.estate(), stage.incident());
    let site = stage.folder.join("notices");
    // Pages promise receipts only where a bridge has told the incident what it holds.
    let config = stage.bridge_config();
    stage.must(&["bridge", "account", &config, "--journal", &incident])?;
    stage.must(&["notice", "build", &estate, "--journal", &incident, "-o", &text(&site)])?;
    let pages = pages(&site)?;
    stage.happened(Kind::Step, format!("{} pages are published", pages.len()));
    let found = by_fund(stage, &pages);
    complete(stage, act, &found);
    truthful(stage, act, &found);
    alone(stage, act, &found, &pages);
    Ok(())
}

/// Path below the site, and the page's text.
type Pages = BTreeMap<PathBuf, String>;

fn pages(site: &Path) -> Result<Pages> {
    let (mut found, mut folders) = (Pages::new(), vec![site.to_owned()]);
    while let Some(folder) = folders.pop() {
        let doing = || format!("reading the pages in {}", folder.display());
        for entry in std::fs::read_dir(&folder).during(doing)? {
            let path = entry.during(doing)?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "html") {
                let below = path.strip_prefix(site).unwrap_or(&path).to_owned();
                found.insert(below, std::fs::read_to_string(&path).during(doing)?);
            }
        }
    }
    Ok(found)
}

/// Fund and language to the page's path: the one whose path names both.
fn by_fund(stage: &Stage, pages: &Pages) -> BTreeMap<(String, &'static str), PathBuf> {
    let mut found = BTreeMap::new();
    for path in pages.keys() {
        let without = path.with_extension("");
        let words: Vec<&str> =
            without.iter().filter_map(|part| part.to_str()).flat_map(|part| part.split(['.', '_'])).collect();
        for fund in &stage.layout.funds {
            for language in LANGUAGES {
                if words.contains(&fund.id.as_str()) && words.contains(&language) {
                    found.insert((fund.id.clone(), language), path.clone());
                }
            }
        }
    }
    found
}

fn complete(stage: &Stage, act: &mut Act, found: &BTreeMap<(String, &'static str), PathBuf>) {
    let wanted = stage.layout.funds.len() * LANGUAGES.len();
    stage.promise(
        act,
        "Every fund has a page in German, French and English",
        found.len() == wanted,
        format!("{} pages", of(found.len(), wanted)),
    );
}

/// Munich's funds are told that business is held, Essen's that it is not.
fn truthful(stage: &Stage, act: &mut Act, found: &BTreeMap<(String, &'static str), PathBuf>) {
    let site = stage.folder.join("notices");
    let (mut right, mut wrong) = (0, Vec::new());
    for fund in &stage.layout.funds {
        for (language, words) in EMERGENCY {
            let Some(path) = found.get(&(fund.id.clone(), language)) else { continue };
            let page = std::fs::read_to_string(site.join(path)).unwrap_or_default().to_lowercase();
            let says = words.iter().any(|word| page.contains(word));
            if says == (fund.site == LOST) {
                right += 1;
            } else {
                wrong.push(path.display().to_string());
            }
        }
    }
    stage.promise(
        act,
        "The pages of Munich's funds speak of emergency operation, those of Essen's do not",
        wrong.is_empty() && right > 0,
        format!("{right} right; wrong: {:?}", &wrong[..wrong.len().min(3)]),
    );
}

/// No fund is named on another fund's page, and no page needs anything from elsewhere.
fn alone(stage: &Stage, act: &mut Act, found: &BTreeMap<(String, &'static str), PathBuf>, pages: &Pages) {
    let mut strangers = Vec::new();
    for ((fund, _), path) in found {
        let Some(page) = pages.get(path) else { continue };
        for other in stage.layout.funds.iter().filter(|other| other.id != *fund) {
            // A name that is part of this fund's own name says nothing about the other.
            let own =
                stage.layout.funds.iter().find(|one| one.id == *fund).map_or("", |one| one.name.as_str());
            if page.contains(&other.name) && !own.contains(&other.name) {
                strangers.push(format!("{} on {}", other.name, path.display()));
            }
        }
    }
    stage.promise(
        act,
        "No page names another fund",
        strangers.is_empty(),
        if strangers.is_empty() { "none".to_owned() } else { strangers[..strangers.len().min(3)].join(", ") },
    );
    let outside: Vec<String> = pages
        .iter()
        .filter(|(_, page)| {
            [
                "src=\"http",
                "src='http",
                "src=\"//",
                "<script",
                "@import",
                "url(http",
                "<link rel=\"stylesheet\" href=\"http",
            ]
            .iter()
            .any(|word| page.contains(word))
        })
        .map(|(path, _)| path.display().to_string())
        .collect();
    stage.promise(
        act,
        "Every page stands alone: nothing is loaded from elsewhere, no script",
        outside.is_empty() && !pages.is_empty(),
        format!("{} pages looked at; not alone: {:?}", pages.len(), &outside[..outside.len().min(3)]),
    );
}
