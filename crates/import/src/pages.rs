//! The text of estate files as an importer writes them, and how a file that people edited is changed in place.
//!
//! A file is taken apart into blocks, one for each thing. Only blocks whose thing changed are written anew; their
//! comments are carried over. Where something came from stands in comments that begin with `#<`: they are ours,
//! are renewed with each import, and are no part of the estate or its hash.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::draft::Draft;
use super::merge::Things;
use super::origin::Origin;
use estate::canonical;
use estate::id::{Id, Kind};
use estate::model::{Edge, EdgeKind, Estate, Proposed};
use message::Command;

/// Begins a comment that says where something came from.
pub const FROM: &str = "#<";

/// Where things and dependencies came from.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    things: BTreeMap<Id, Origin>,
    edges: BTreeMap<(Id, Id), Origin>,
}

impl Origins {
    pub fn of(draft: &Draft) -> Origins {
        let edge = |stated: &super::draft::StatedEdge| {
            ((stated.edge.from.clone(), stated.edge.to.clone()), stated.origin.clone())
        };
        Origins { things: draft.origins.clone(), edges: draft.edges.iter().map(edge).collect() }
    }
}

/// The block of every thing of an estate, from its lines in the canonical text.
pub fn blocks(things: &Things, estate: &Estate, origins: &Origins) -> BTreeMap<Id, String> {
    let block = |(id, lines): (&Id, &String)| {
        let from = origins.things.get(id).map_or_else(String::new, |origin| format!("{FROM} {origin}\n"));
        let laid_out = with_needs(lines.trim(), canonical::needs(estate, id), origins);
        (id.clone(), format!("{from}{laid_out}"))
    };
    things.iter().map(block).collect()
}

/// The lines of a canonical block, each dependency on a line of its own with its origin.
fn with_needs(text: &str, edges: &[Edge], origins: &Origins) -> String {
    let mut page = String::with_capacity(text.len() * 2);
    let mut written = false;
    for line in text.lines() {
        if !line.starts_with("needs.") {
            let _ = writeln!(page, "{line}");
        } else if !written {
            written = true;
            for kind in EdgeKind::ALL {
                needs_of(&mut page, kind, edges, origins);
            }
        }
    }
    page
}

fn needs_of(page: &mut String, kind: EdgeKind, edges: &[Edge], origins: &Origins) {
    let mut edges = edges.iter().filter(|edge| edge.kind == kind).peekable();
    if edges.peek().is_none() {
        return;
    }
    let _ = writeln!(page, "needs.{} = [", kind.word());
    for edge in edges {
        let origin = origins.edges.get(&(edge.from.clone(), edge.to.clone()));
        let from = origin.map_or_else(String::new, |origin| format!("  {FROM} {origin}"));
        let _ = writeln!(page, "    {},{from}", canonical::edge(edge));
    }
    page.push_str("]\n");
}

/// `[[proposed]]` tables, with what they are at the head.
pub fn proposed(list: &[Proposed]) -> String {
    let confirm = Command::new("import confirm").open("ESTATE").option("--above", "0.8").line(None);
    let mut page = format!(
        "# Dependencies that something hints at. They count for nothing until somebody confirms them:\n\
         #     {confirm}      or one of them: FROM TO\n\
         # `rejected = true` keeps one from being proposed again.\n",
    );
    for entry in list {
        let (whole, thousandths) = (entry.confidence / 1000, entry.confidence % 1000);
        let _ = write!(
            page,
            "\n[[proposed]]\nfrom = {}\nto = {}\nkind = {}\nevidence = {}\nconfidence = {whole}.{thousandths:03}\n",
            canonical::quoted(&entry.from.to_string()),
            canonical::quoted(&entry.to.to_string()),
            canonical::quoted(entry.kind.word()),
            canonical::quoted(&entry.evidence),
        );
        if let Some(kind) = entry.instead_of {
            let _ = writeln!(page, "instead_of = {}", canonical::quoted(kind.word()));
        }
        if entry.rejected {
            page.push_str("rejected = true\n");
        }
    }
    page
}

/// A file in its parts. Put together again they are the file, byte for byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub parts: Vec<Part>,
}

/// The lines of one thing, with the comments right above them; or lines that belong to none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub id: Option<Id>,
    pub text: String,
}

impl Page {
    pub fn read(text: &str) -> Page {
        let mut page = Page { parts: vec![Part::default()] };
        for line in text.split_inclusive('\n') {
            if let Some(owner) = owner(line) {
                let last = page.parts.last_mut().expect("there is always a last part");
                if last.id != owner || owner.is_none() {
                    let above = comments_at_the_end(&last.text);
                    let text = last.text.split_off(above);
                    page.parts.push(Part { id: owner, text });
                }
            }
            page.parts.last_mut().expect("there is always a last part").text.push_str(line);
        }
        page
    }

    pub fn text(&self) -> String {
        self.parts.iter().map(|part| part.text.as_str()).collect()
    }

    pub fn append(&mut self, id: &Id, block: &str) {
        self.parts.push(Part { id: Some(id.clone()), text: format!("\n{block}") });
    }
}

/// Whose head a line is. Outer `None`: it is no head of a table.
#[expect(
    clippy::option_option,
    reason = "no head, and the head of a table that is no thing, are different answers"
)]
fn owner(line: &str) -> Option<Option<Id>> {
    let head = line.trim_start().strip_prefix('[')?;
    let head = head.strip_prefix('[').unwrap_or(head).trim_start();
    let Some((word, rest)) = head.split_once('.') else { return Some(None) };
    let rest = rest.trim_start();
    let name = match rest.strip_prefix(['"', '\'']) {
        Some(quoted) => quoted.split(['"', '\'']).next(),
        None => rest.split(['.', ']', ' ']).next(),
    };
    let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word.trim());
    Some(kind.zip(name).and_then(|(kind, name)| Id::new(kind, name).ok()))
}

/// Where the comments begin that stand right above what comes next.
fn comments_at_the_end(text: &str) -> usize {
    let mut at = text.len();
    for line in text.split_inclusive('\n').rev() {
        if !line.trim_start().starts_with('#') {
            break;
        }
        at -= line.len();
    }
    at
}

/// Whether a block is as an importer wrote it: then nobody misses it when it is written anew.
pub fn untouched(block: &str, rendered: &str) -> bool {
    bare(block) == bare(rendered)
}

fn bare(block: &str) -> Vec<&str> {
    let lines = block.lines().filter(|line| !line.starts_with(FROM) && !line.trim().is_empty());
    lines.map(|line| line.rfind("  #< ").map_or(line, |at| &line[..at])).collect()
}

/// A new block with the comments that people wrote into the old one, and with what is said there about where its lines
/// came from: another source may have stated them, and its files are not at hand now.
pub fn with_comments(new: &str, old: &str) -> String {
    let ours = |line: &str| line.trim_start().starts_with(FROM);
    let comments = old.lines().filter(|line| line.trim_start().starts_with('#') && !ours(line));
    let mut block = String::new();
    for comment in comments {
        let _ = writeln!(block, "{}", comment.trim_start());
    }
    let renewed: Vec<&str> = new.lines().filter(|line| ours(line)).map(file_of).collect();
    for line in old.lines().filter(|line| ours(line) && !renewed.contains(&file_of(line))) {
        let _ = writeln!(block, "{}", line.trim_start());
    }
    let from = |line: &'_ str| line.rfind("  #< ").map(|at| line.split_at(at).0.to_owned());
    let known: BTreeMap<String, &str> = old.lines().filter_map(|line| Some((from(line)?, line))).collect();
    for line in new.lines() {
        let _ = writeln!(block, "{}", known.get(line).copied().unwrap_or(line));
    }
    block
}

/// The file in a comment that says where something came from.
fn file_of(line: &str) -> &str {
    let origin = line.trim_start().trim_start_matches(FROM).trim();
    origin.rsplit_once(':').map_or(origin, |(file, _)| file)
}
