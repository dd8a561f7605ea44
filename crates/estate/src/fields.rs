//! One table of an estate file, read field by field. Everything that does not fit becomes a finding with
//! its place; fields that nobody asked for are named at the end, with the nearest one that exists.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::finding::{Finding, Grade};
use super::id::{Id, Kind};
use message::Remedy;

use super::place::{Place, SourceFile, Sources};

/// No number in an estate is larger, so that sums of products of them fit into 128 bits.
pub const NUMBER_MAX: u64 = 1_000_000_000_000;
/// Findings of the reader that are kept; beyond it they are counted. A broken export repeats one mistake.
const FINDINGS_MAX: usize = 200;

/// What the reader collects on its way.
#[derive(Default)]
pub(super) struct Out {
    pub(super) findings: Vec<Finding>,
    pub(super) not_shown: usize,
    /// The worst grade among those not shown: what is hidden still blocks.
    pub(super) worst_not_shown: Option<Grade>,
    pub(super) sources: Sources,
    /// A whole file is missing from the estate, so judging the rest would accuse the innocent.
    pub(super) incomplete: bool,
}

impl Out {
    pub(super) fn file(&mut self, name: &str, text: &str) -> usize {
        self.sources.files.push(SourceFile { name: name.to_owned(), text: text.to_owned() });
        self.sources.files.len() - 1
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        } else {
            self.not_shown += 1;
            self.worst_not_shown = self.worst_not_shown.into_iter().chain([finding.grade]).min();
        }
    }

    /// Something is written that cannot be understood; it is left out of the estate.
    pub(super) fn broken(
        &mut self,
        code: &'static str,
        what: impl Into<String>,
        to_do: impl Into<Remedy>,
        place: Option<Place>,
        id: Option<&Id>,
    ) {
        let means = "this entry is not part of the estate, so whatever relies on it is planned wrongly";
        self.add(Finding::new(Grade::Blocking, code, what, means, to_do).about(id.cloned()).at(place));
    }
}

type Value<'t> = Spanned<DeValue<'t>>;

/// A table, whose fields are asked for one by one.
pub(super) struct Fields<'t> {
    table: &'t DeTable<'t>,
    /// The definition this table belongs to, for findings and places.
    pub(super) owner: Option<Id>,
    /// Path of the table inside the definition: empty, or `run.` and the like.
    path: String,
    file: usize,
    range: Range<usize>,
    known: Vec<&'static str>,
}

impl<'t> Fields<'t> {
    pub(super) fn new(table: &'t DeTable<'t>, owner: Option<Id>, file: usize, range: Range<usize>) -> Self {
        Fields { table, owner, path: String::new(), file, range, known: Vec::new() }
    }

    pub(super) fn place(&self) -> Place {
        Place { file: self.file, bytes: self.range.clone() }
    }

    pub(super) fn place_of(&self, range: Range<usize>) -> Option<Place> {
        Some(Place { file: self.file, bytes: range })
    }

    /// How people call the definition or the top of the file.
    pub(super) fn called(&self) -> String {
        self.owner.as_ref().map_or_else(|| "the file".to_owned(), Id::to_string)
    }

    /// The raw value, its place remembered.
    pub(super) fn value(&mut self, name: &'static str, out: &mut Out) -> Option<&'t Value<'t>> {
        self.known.push(name);
        let value = self.table.get(name)?;
        if let Some(owner) = &self.owner {
            let place = Place { file: self.file, bytes: value.span() };
            out.sources.put(owner, &format!("{}{name}", self.path), place);
        }
        Some(value)
    }

    pub(super) fn wrong(&self, name: &str, value: &Value<'t>, expected: &str, out: &mut Out) {
        out.broken(
            "wrong-type",
            format!("`{}{name}` of {} is {}", self.path, self.called(), sort(value.get_ref())),
            format!("write {expected}"),
            self.place_of(value.span()),
            self.owner.as_ref(),
        );
    }

    /// Not even written. What is written and wrong has its finding already.
    pub(super) fn lacks(&self, name: &str) -> bool {
        !self.table.contains_key(name)
    }

    pub(super) fn missing(&self, name: &str, expected: &str, out: &mut Out) {
        out.broken(
            "missing-field",
            format!("{} has no `{}{name}`", self.called(), self.path),
            format!("add `{name}`: {expected}"),
            Some(self.place()),
            self.owner.as_ref(),
        );
    }

    pub(super) fn text(&mut self, name: &'static str, out: &mut Out) -> Option<String> {
        let value = self.value(name, out)?;
        let text = value.get_ref().as_str().map(str::to_owned);
        if text.is_none() {
            self.wrong(name, value, "text in quotes", out);
        }
        text
    }

    /// Written, and a single text.
    pub(super) fn is_text(&self, name: &str) -> bool {
        self.table.get(name).is_some_and(|value| value.get_ref().as_str().is_some())
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&str, T)],
        out: &mut Out,
    ) -> Option<T> {
        let text = self.text(name, out)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            out.broken(
                "unknown-value",
                format!("`{}{name}` of {} is `{}`", self.path, self.called(), shown(&text)),
                format!("write one of: {}", all.join(", ")),
                self.table.get(name).and_then(|value| self.place_of(value.span())),
                self.owner.as_ref(),
            );
        }
        found
    }

    pub(super) fn number(&mut self, name: &'static str, out: &mut Out) -> Option<u64> {
        let value = self.value(name, out)?;
        let expected = "a whole number from 0 to 1000000000000, without quotes";
        let number = match value.get_ref() {
            DeValue::Integer(digits) => u64::from_str_radix(digits.as_str(), digits.radix()).ok(),
            _ => None,
        };
        match number {
            Some(number) if number <= NUMBER_MAX => Some(number),
            Some(_) => {
                out.broken(
                    "wrong-type",
                    format!("`{}{name}` of {} is too large", self.path, self.called()),
                    format!("write {expected}"),
                    self.place_of(value.span()),
                    self.owner.as_ref(),
                );
                None
            }
            None => {
                self.wrong(name, value, expected, out);
                None
            }
        }
    }

    pub(super) fn flag(&mut self, name: &'static str, out: &mut Out) -> bool {
        let Some(value) = self.value(name, out) else { return false };
        if let DeValue::Boolean(flag) = value.get_ref() {
            return *flag;
        }
        self.wrong(name, value, "true or false, without quotes", out);
        false
    }

    pub(super) fn array(&mut self, name: &'static str, out: &mut Out) -> &'t [Value<'t>] {
        let Some(value) = self.value(name, out) else { return &[] };
        if let DeValue::Array(entries) = value.get_ref() {
            return entries;
        }
        self.wrong(name, value, "a list in square brackets", out);
        &[]
    }

    pub(super) fn texts(&mut self, name: &'static str, out: &mut Out) -> Vec<String> {
        let mut texts = Vec::new();
        for entry in self.array(name, out) {
            match entry.get_ref().as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong(name, entry, "a list of texts in quotes", out),
            }
        }
        texts
    }

    /// An id; a plain name is of the first of `kinds`, and no other kind than these fits.
    pub(super) fn parse_id(
        &self,
        name: &str,
        value: &Value<'t>,
        kinds: &[Kind],
        out: &mut Out,
    ) -> Option<Id> {
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(name, value, "a name in quotes", out);
            return None;
        };
        let place = self.place_of(value.span());
        match id_of(text, kinds) {
            Ok(id) => Some(id),
            Err(why) => {
                let what = format!("`{}{name}` of {}: {why}", self.path, self.called());
                let to_do = format!(
                    "name a {}",
                    kinds.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(" or a ")
                );
                out.broken("bad-id", what, to_do, place, self.owner.as_ref());
                None
            }
        }
    }

    pub(super) fn id(&mut self, name: &'static str, kind: Kind, out: &mut Out) -> Option<Id> {
        let value = self.value(name, out)?;
        self.parse_id(name, value, &[kind], out)
    }

    /// A set of ids: ordered, each once.
    pub(super) fn ids(&mut self, name: &'static str, kinds: &[Kind], out: &mut Out) -> Vec<Id> {
        let entries = self.array(name, out);
        let mut ids = Vec::new();
        for entry in entries {
            let Some(id) = self.parse_id(name, entry, kinds, out) else { continue };
            if let (Some(owner), Some(place)) = (&self.owner, self.place_of(entry.span())) {
                out.sources.put(owner, &format!("{}{name} {id}", self.path), place);
            }
            ids.push(id);
        }
        ids.sort();
        ids.dedup();
        ids
    }

    fn inner(&self, name: &str, value: &'t Value<'t>) -> Option<Fields<'t>> {
        let DeValue::Table(table) = value.get_ref() else { return None };
        let mut inner = Fields::new(table, self.owner.clone(), self.file, value.span());
        inner.path = format!("{}{name}.", self.path);
        Some(inner)
    }

    pub(super) fn table(&mut self, name: &'static str, out: &mut Out) -> Option<Fields<'t>> {
        let value = self.value(name, out)?;
        let inner = self.inner(name, value);
        if inner.is_none() {
            self.wrong(name, value, "a table", out);
        }
        inner
    }

    /// One entry of a list as a table.
    pub(super) fn entry(
        &self,
        name: &'static str,
        value: &'t Value<'t>,
        out: &mut Out,
    ) -> Option<Fields<'t>> {
        let inner = self.inner(name, value);
        if inner.is_none() {
            self.wrong(name, value, "a table", out);
        }
        inner
    }

    pub(super) fn tables(&mut self, name: &'static str, out: &mut Out) -> Vec<Fields<'t>> {
        let entries = self.array(name, out);
        let mut tables = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            if let Some(mut table) = self.entry(name, entry, out) {
                table.path = format!("{}{name}[{}].", self.path, at + 1);
                if let Some(owner) = &self.owner {
                    out.sources.put(owner, table.path.trim_end_matches('.'), table.place());
                }
                tables.push(table);
            }
        }
        tables
    }

    /// A share from 0 to 1, in thousandths.
    pub(super) fn thousandths(&mut self, name: &'static str, out: &mut Out) -> Option<u16> {
        let value = self.value(name, out)?;
        let share = match value.get_ref() {
            DeValue::Float(digits) => digits.as_str().parse::<f64>().ok(),
            DeValue::Integer(digits) => digits.as_str().parse::<f64>().ok(),
            _ => None,
        };
        let share = share.filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            self.wrong(name, value, "a number from 0 to 1, for example 0.8", out);
        }
        // At most 1000 by the line before; nearer than a thousandth nobody knows a dependency.
        share.map(|share| (share * 1000.0).round() as u16)
    }

    /// A table of names and texts that the estate's author chooses freely.
    pub(super) fn into_texts(self, out: &mut Out) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        for (key, value) in self.table {
            match value.get_ref().as_str() {
                Some(text) => drop(texts.insert(key.get_ref().to_string(), text.to_owned())),
                None => self.wrong(&shown(key.get_ref()), value, "text in quotes", out),
            }
        }
        texts
    }

    /// Names every field that nobody asked for.
    pub(super) fn finish(self, out: &mut Out) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !self.known.contains(&name) {
                unknown_field(
                    &format!("`{}{}` of {}", self.path, shown(name), self.called()),
                    name,
                    &self.known,
                    self.place_of(key.span()),
                    self.owner.as_ref(),
                    out,
                );
            }
        }
    }
}

/// A field or column that does not exist: serious, because it is a wish that nobody will carry out.
pub(super) fn unknown_field(
    what: &str,
    name: &str,
    known: &[&str],
    place: Option<Place>,
    id: Option<&Id>,
    out: &mut Out,
) {
    let to_do = match nearest(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("remove it, or use one of: {}", known.join(", ")),
    };
    out.add(
        Finding::new(
            Grade::Serious,
            "unknown-field",
            format!("{what} is not known"),
            "it was ignored; what it was meant to say has no effect",
            to_do,
        )
        .about(id.cloned())
        .at(place),
    );
}

/// An id in full, or a plain name of the first kind.
pub(super) fn id_of(text: &str, kinds: &[Kind]) -> Result<Id, String> {
    let id = if text.contains(':') { text.parse::<Id>() } else { Id::new(kinds[0], text) }
        .map_err(|error| shown(&error.to_string()))?;
    if kinds.contains(&id.kind()) { Ok(id) } else { Err(format!("`{id}` does not fit here")) }
}

/// The word people would use for a value of the wrong type.
fn sort(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number that does not fit here",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// What a person wrote, short enough for a line and without anything that could steer a terminal.
pub fn shown(text: &str) -> String {
    let mut short = message::harmless(&text.chars().take(120).collect::<String>());
    if text.chars().nth(120).is_some() {
        short.push('…');
    }
    short
}

/// The known word that needs the fewest single-letter changes, if it needs few.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    if word.len() > 40 {
        return None;
    }
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|candidate| (changes(word, candidate), *candidate))
        .filter(|(changes, _)| *changes <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Letters to add, drop, replace or swap with their neighbour (optimal string alignment), row by row.
fn changes(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut next = vec![i];
        for j in 1..=right.len() {
            let replaced = row[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut least = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}
