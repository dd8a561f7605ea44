//! Which texts the files of an estate get when an import, or a confirmed proposal, changes it. Pure.
//!
//! Whatever the files looked like, what is written is read back before it counts: it must be exactly the merged
//! estate, otherwise nothing is written and a person is told.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Draft, Noted};
use super::merge::{self, Difference, Things};
use super::origin::Origin;
use super::pages::{self, Origins, Page};
use estate::canonical;
use estate::check::references::missing;
use estate::files::{Content, FILE_BYTES_MAX, RawFile};
use estate::finding::{Finding, Grade};
use estate::id::Id;
use estate::model::{Edge, EdgeKind, Estate, Evidence, Proposed};
use estate::read::{Reading, normalise, read_files};

/// The file that proposals are written to.
pub const PROPOSED: &str = "proposed.toml";

/// Why nothing can be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the estate in the folder cannot be read whole: {0}")]
    Broken(String),
    #[error("the files cannot be changed so that they say what is meant (first difference: {0})")]
    NotFaithful(String),
    #[error("{0} would be larger than an estate file may be")]
    TooLarge(String),
    #[error("no such proposal: {0}")]
    NoSuchProposal(String),
}

impl Refusal {
    pub fn to_do(&self) -> &'static str {
        match self {
            Refusal::Broken(_) => "call `blackstart check` on it and fix what is blocking, then import again",
            Refusal::NotFaithful(_) => {
                "write each thing as a table of its own, [kind.name], in one piece; or import into another folder and compare"
            }
            Refusal::TooLarge(_) => "import parts that can restart on their own into estates of their own",
            Refusal::NoSuchProposal(_) => {
                "the proposals are in proposed.toml, and `blackstart import` prints them"
            }
        }
    }
}

/// New texts by file name, and what they mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    pub files: BTreeMap<String, String>,
    pub estate: Estate,
    pub proposed: Vec<Proposed>,
    pub differences: Vec<Difference>,
    /// Things that changed and whose lines cannot be found in a file (tenants in CSV): they stay as they are.
    pub kept: Vec<Id>,
    /// About the estate as it is now, each with its place in the folder.
    pub findings: Vec<Noted>,
}

/// The text that the next import compares with.
pub fn base(draft: &Draft) -> String {
    format!("{}\n{}", canonical::text(&draft.whole()), pages::proposed(&draft.proposed))
}

/// What the sources of an estate gave when they were last imported, as `base` wrote it.
#[derive(Clone, Debug, Default)]
pub struct Former<'t> {
    /// The source that is imported again.
    pub own: Option<&'t str>,
    /// All others.
    pub others: Vec<&'t str>,
}

impl Former<'_> {
    /// What the other sources state.
    pub fn elsewhere(&self) -> BTreeSet<Id> {
        let read = |text: &&str| canonical::blocks(&read_files(&[raw("base.toml", text)]).estate);
        self.others.iter().flat_map(|text| read(text).into_keys()).collect()
    }
}

/// A draft comes into a folder that holds `files`. New things go into the file `own`.
pub fn import(files: &[RawFile], former: &Former<'_>, draft: &Draft, own: &str) -> Result<Update, Refusal> {
    let current = whole(files)?;
    let base = former.own.map(|text| read_files(&[raw("base.toml", text)])).unwrap_or_default();
    let new = draft.whole();
    let (was, is) = (canonical::blocks(&current.estate), canonical::blocks(&new));
    let mut merged = merge::merge(&canonical::blocks(&base.estate), &was, &is, &former.elsewhere());
    let known = [(&was, &current.estate), (&is, &new)];
    let named = merge::keep_what_is_named(&mut merged, known, &current.estate);
    // Where there was nothing, everything is new, and nobody wants to read that.
    let differences = if files.is_empty() { Vec::new() } else { merged.differences };
    let findings = named.iter().map(|named| gone_but_named(&current, named)).collect();
    let mut update = Update { differences, findings, ..Update::default() };
    let mut pages = pages_of(files);
    let origins = Origins::of(draft);
    rewrite(&mut pages, known, merged.things, &origins, own, &mut update);
    let known = proposals_in(files);
    update.proposed = merge::proposals(&base.proposed, &known, &draft.proposed, &update.estate);
    finish(files, pages, update)
}

/// Proposals become dependencies. `kind` overrides the proposed one.
pub fn confirm(
    files: &[RawFile],
    chosen: impl Fn(&Proposed) -> bool,
    kind: Option<EdgeKind>,
) -> Result<Update, Refusal> {
    let current = whole(files)?;
    let (confirmed, left): (Vec<Proposed>, Vec<Proposed>) =
        proposals_in(files).into_iter().partition(|proposed| !proposed.rejected && chosen(proposed));
    let mut estate = current.estate.clone();
    let ends: BTreeSet<(&Id, &Id)> =
        confirmed.iter().map(|proposed| (&proposed.from, &proposed.to)).collect();
    estate.edges.retain(|edge| !ends.contains(&(&edge.from, &edge.to)));
    estate.edges.extend(confirmed.iter().map(|proposed| Edge {
        from: proposed.from.clone(),
        to: proposed.to.clone(),
        kind: kind.unwrap_or(proposed.kind),
        evidence: Evidence::Declared,
        by: Some(format!("confirmed: {}", proposed.evidence)),
        confidence: 1000,
    }));
    normalise(&mut estate);
    let mut update = Update { proposed: left, ..Update::default() };
    let mut pages = pages_of(files);
    let was = canonical::blocks(&current.estate);
    let things = canonical::blocks(&estate);
    let known = [(&was, &current.estate), (&things, &estate)];
    rewrite(&mut pages, known, things.clone(), &Origins::default(), PROPOSED, &mut update);
    finish(files, pages, update)
}

/// Proposals that are not to come again.
pub fn reject(files: &[RawFile], chosen: impl Fn(&Proposed) -> bool) -> Result<Update, Refusal> {
    let current = whole(files)?;
    let mut proposed = proposals_in(files);
    proposed.iter_mut().filter(|proposed| chosen(proposed)).for_each(|proposed| proposed.rejected = true);
    let update = Update { proposed, estate: current.estate, ..Update::default() };
    finish(files, pages_of(files), update)
}

/// The proposals that are waiting.
pub fn proposals_in(files: &[RawFile]) -> Vec<Proposed> {
    let file: Vec<RawFile> = files.iter().filter(|file| file.name == PROPOSED).cloned().collect();
    read_files(&file).proposed
}

/// Why two things are not among the proposals that can be chosen, with the place.
pub fn why_not_proposed(files: &[RawFile], from: &Id, to: &Id) -> String {
    let reading = read_files(files);
    let is = |proposed: &&Proposed, from: &Id, to: &Id| proposed.from == *from && proposed.to == *to;
    let place = |from: &Id, to: &Id| {
        proposal_line(files, from, to)
            .map_or_else(|| PROPOSED.to_owned(), |line| format!("{PROPOSED}:{line}"))
    };
    let known = proposals_in(files);
    if known.iter().any(|proposed| is(&proposed, from, to)) {
        return format!("{}: {from} {to} was rejected before", place(from, to));
    }
    if known.iter().any(|proposed| is(&proposed, to, from)) {
        return format!("{}: only the other way round: {to} {from}", place(to, from));
    }
    if let Some(edge) = reading.estate.edges.iter().find(|edge| edge.from == *from && edge.to == *to) {
        let word = edge.kind.word();
        let at = origin(&reading, from, &format!("needs.{word} {to}"));
        let at = at.map_or_else(String::new, |origin| format!("{origin}: "));
        return format!("{at}{from} {to} is a dependency already ({word})");
    }
    let unknown = [from, to].into_iter().find(|id| reading.sources.place(id, "").is_none());
    match unknown {
        Some(id) => format!("{id} is not in this estate"),
        None => format!("nothing in {PROPOSED} proposes {from} {to}"),
    }
}

/// The line on which a proposal begins.
fn proposal_line(files: &[RawFile], from: &Id, to: &Id) -> Option<usize> {
    let file = files.iter().find(|file| file.name == PROPOSED)?;
    let Content::Bytes(bytes) = &file.content else { return None };
    let (mut begin, mut ends) = (0, (false, false));
    for (at, line) in std::str::from_utf8(bytes).ok()?.lines().enumerate() {
        let says = |field: &str, id: &Id| {
            let value = line.trim().strip_prefix(field).map(|rest| rest.trim_start().trim_start_matches('='));
            value.is_some_and(|value| value.trim().trim_matches(['"', '\'']) == id.to_string())
        };
        if line.trim_start().starts_with("[[proposed]]") {
            (begin, ends) = (at + 1, (false, false));
        }
        ends = (ends.0 || says("from", from), ends.1 || says("to", to));
        if ends == (true, true) {
            return Some(begin);
        }
    }
    None
}

/// The file and line of a field of the estate.
fn origin(reading: &Reading, id: &Id, field: &str) -> Option<Origin> {
    let (file, line, _) = reading.sources.line(reading.sources.place(id, field)?)?;
    Some(Origin::new(file, line))
}

/// Something of a person's needs what the source has no more.
fn gone_but_named(current: &Reading, (from, field, to): &(Id, String, Id)) -> Noted {
    let word = field.split(' ').next().unwrap_or_default();
    Noted {
        origin: origin(current, from, field),
        finding: Finding::new(
            Grade::Serious,
            "gone-but-named",
            format!("`{word}` of {from} names {to}, which the source no longer has"),
            format!("{to} stays in the estate as it was, and a plan would still bring it back"),
            "if it is really gone, remove it and what names it; otherwise find out who runs it now",
        )
        .about([to.clone(), from.clone()]),
    }
}

/// References to nothing that are said one by one; the rest is counted.
const MISSING_SHOWN: usize = 25;

/// What the estate names and does not have: nobody is to find that out at the next plan only.
fn unknown_references(written: &Reading) -> Vec<Noted> {
    let missing = missing(&written.estate);
    let more = missing.len().saturating_sub(MISSING_SHOWN);
    let mut found: Vec<Noted> = missing
        .into_iter()
        .take(MISSING_SHOWN)
        .map(|(from, field, to)| {
            let word = field.split(' ').next().unwrap_or_default();
            let called = from.map_or_else(|| "an authority".to_owned(), Id::to_string);
            let finding = Finding::new(
                Grade::Blocking,
                "unknown-reference",
                format!("`{word}` of {called} names {to}, which is not in the estate"),
                "as long as it is so, `blackstart check` says no, and a plan does not wait for it",
                "define it, or remove the reference",
            );
            let origin = from.and_then(|from| origin(written, from, &field));
            Noted { origin, finding: finding.about(from.cloned().into_iter().chain([to.clone()])) }
        })
        .collect();
    if more > 0 {
        let what = format!("{more} more references lead to nothing");
        let to_do = "`blackstart check` shows them all";
        let finding =
            Finding::new(Grade::Blocking, "unknown-reference", what, "the list is not complete", to_do);
        found.push(Noted { origin: None, finding });
    }
    found
}

fn whole(files: &[RawFile]) -> Result<Reading, Refusal> {
    let reading = read_files(files);
    let Some(worst) = reading.findings.iter().find(|finding| finding.grade == Grade::Blocking) else {
        return Ok(reading);
    };
    let place = worst.place.as_ref().and_then(|place| reading.sources.line(place));
    let place = place.map_or_else(String::new, |(file, line, _)| format!("{}: ", Origin::new(file, line)));
    Err(Refusal::Broken(format!("{place}{}", worst.message.what)))
}

fn raw(name: &str, text: &str) -> RawFile {
    RawFile { name: name.to_owned(), content: Content::Bytes(text.as_bytes().to_vec()) }
}

/// The TOML files in their parts, proposals left out: they are written whole.
fn pages_of(files: &[RawFile]) -> BTreeMap<String, Page> {
    let toml = files.iter().filter(|file| file.name.ends_with(".toml") && file.name != PROPOSED);
    toml.filter_map(|file| {
        let Content::Bytes(bytes) = &file.content else { return None };
        Some((file.name.clone(), Page::read(std::str::from_utf8(bytes).ok()?)))
    })
    .collect()
}

/// The file of each thing, and the number of its part there. `None`: its lines lie apart.
fn places(pages: &BTreeMap<String, Page>) -> BTreeMap<Id, Option<(String, usize)>> {
    let mut places: BTreeMap<Id, Option<(String, usize)>> = BTreeMap::new();
    for (name, page) in pages {
        for (at, part) in page.parts.iter().enumerate() {
            let Some(id) = &part.id else { continue };
            places
                .entry(id.clone())
                .and_modify(|place| *place = None)
                .or_insert_with(|| Some((name.clone(), at)));
        }
    }
    places
}

/// Brings the pages from what is in the folder (the first of the `known`) to `things`, and notes the estate they then
/// hold.
fn rewrite(
    pages: &mut BTreeMap<String, Page>,
    known: [(&Things, &Estate); 2],
    mut things: Things,
    origins: &Origins,
    own: &str,
    update: &mut Update,
) {
    let (was, current) = known[0];
    let places = places(pages);
    let changed = was.iter().filter(|(id, block)| things.get(*id) != Some(block)).map(|(id, _)| id);
    for id in changed.collect::<Vec<_>>() {
        if !matches!(places.get(id), Some(Some(_))) {
            things.insert(id.clone(), was[id].clone());
            update.kept.push(id.clone());
        }
    }
    update.estate = merge::estate(&things, known, current);
    let new = pages::blocks(&things, &update.estate, origins);
    let old = pages::blocks(was, current, &Origins::default());
    for (id, place) in &places {
        let Some((name, at)) = place else { continue };
        let Some(part) = pages.get_mut(name).and_then(|page| page.parts.get_mut(*at)) else { continue };
        let Some(block) = new.get(id) else {
            part.text.clear();
            continue;
        };
        let untouched = old.get(id).is_some_and(|old| pages::untouched(&part.text, old));
        let gap = if part.text.ends_with("\n\n") { "\n" } else { "" };
        if (untouched && name == own) || things.get(id) != was.get(id) {
            let old = std::mem::take(&mut part.text);
            part.text = format!("{}{gap}", pages::with_comments(block, &old));
        }
    }
    let mut added = new.iter().filter(|(id, _)| !was.contains_key(*id)).peekable();
    if added.peek().is_none() {
        return;
    }
    let page = pages.entry(own.to_owned()).or_insert_with(|| Page::read(HEAD));
    for (id, block) in added {
        page.append(id, block);
    }
}

const HEAD: &str = "# Written by `blackstart import`. Change what is wrong here: a later import keeps your changes and shows where\n\
     # the source differs. Comments that begin with #< say where something came from and are renewed each time.\n";

/// Puts the texts together and reads them back.
fn finish(files: &[RawFile], pages: BTreeMap<String, Page>, mut update: Update) -> Result<Update, Refusal> {
    for (name, page) in pages {
        update.files.insert(name, page.text());
    }
    if !update.proposed.is_empty() || files.iter().any(|file| file.name == PROPOSED) {
        update.files.insert(PROPOSED.to_owned(), pages::proposed(&update.proposed));
    }
    let fits = |text: &String| text.len() as u64 <= FILE_BYTES_MAX;
    if let Some((name, _)) = update.files.iter().find(|(_, text)| !fits(text)) {
        return Err(Refusal::TooLarge(name.clone()));
    }
    let untouched = files.iter().filter(|file| !update.files.contains_key(&file.name)).cloned();
    let all: Vec<RawFile> =
        untouched.chain(update.files.iter().map(|(name, text)| raw(name, text))).collect();
    let written = whole(&all)?;
    if written.estate != update.estate {
        let (is, meant) = (canonical::text(&written.estate), canonical::text(&update.estate));
        let differs = is.lines().zip(meant.lines()).find(|(is, meant)| is != meant);
        let first = differs.map_or_else(|| "one of them ends earlier".to_owned(), |(is, _)| is.to_owned());
        return Err(Refusal::NotFaithful(first));
    }
    update.findings.extend(unknown_references(&written));
    let before = |name: &String| files.iter().find(|file| file.name == *name).map(|file| &file.content);
    update.files.retain(|name, text| before(name) != Some(&Content::Bytes(text.as_bytes().to_vec())));
    Ok(update)
}
