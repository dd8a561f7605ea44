//! What does a new import change in an estate that people have worked on since the last one?
//!
//! Three estates are compared thing by thing and field by field: what the source said last time (the base), what
//! is in the folder now, and what the source says today. Whoever changed something wins; where both changed the
//! same field the person wins, and the other value is shown. A dependency is one field of its dependent, whatever
//! its kind. Pure: `folder` reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use estate::canonical;
use estate::check::references::missing;
use estate::files::{Content, RawFile};
use estate::id::{Id, Kind};
use estate::model::{EdgeKind, Estate, Proposed};
use estate::read::{normalise, read_files};

/// Every thing as the lines that the canonical text has for it.
pub type Things = BTreeMap<Id, String>;

/// What changed, or did not although the source differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub id: Id,
    /// Name of the field; `None`: the thing as a whole.
    pub field: Option<String>,
    pub sort: Sort,
    pub before: Option<String>,
    /// What the source says.
    pub source: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    Added,
    Changed,
    Removed,
    /// Both sides changed it: the person's value stays.
    Conflict,
    /// A person removed it and the source still has it: it stays removed.
    StaysRemoved,
    /// The source no longer has it, but a person changed it since, or something that stays needs it: it stays.
    Stays,
}

impl Sort {
    pub fn word(self) -> &'static str {
        match self {
            Sort::Added => "added",
            Sort::Changed => "changed",
            Sort::Removed => "removed",
            Sort::Conflict => "conflict",
            Sort::StaysRemoved => "stays-removed",
            Sort::Stays => "stays",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    pub things: Things,
    pub differences: Vec<Difference>,
}

/// The fields of a thing, `needs` turned round: provider first, then kind. Read only where something differs, because
/// ten thousand things that are the same need not be taken apart.
fn fields_of(id: &Id, block: &str) -> Table {
    let root: Table = block.parse().expect("the canonical text is TOML; a test holds it");
    let thing = root.get(id.kind().word()).and_then(|kind| kind.get(id.name()));
    thing.and_then(Value::as_table).cloned().map(turned).unwrap_or_default()
}

/// The way back from `fields_of`.
fn block_of(id: &Id, fields: Table) -> String {
    let one = |key: &str, inner: Table| Table::from_iter([(key.to_owned(), Value::Table(inner))]);
    let root = one(id.kind().word(), one(id.name(), turned_back(fields)));
    let text = toml::to_string(&root).expect("tables that were TOML are TOML");
    canonical::blocks(&read(text)).remove(id).unwrap_or_default()
}

fn read(text: String) -> Estate {
    let content = Content::Bytes(text.into_bytes());
    read_files(&[RawFile { name: "merged.toml".to_owned(), content }]).estate
}

/// `needs.KIND = [entry]` to `needs.PROVIDER.KIND = entry`.
fn turned(mut fields: Table) -> Table {
    let Some(Value::Table(kinds)) = fields.remove("needs") else { return fields };
    let mut needs = Table::new();
    for (kind, entries) in kinds {
        for entry in entries.as_array().into_iter().flatten() {
            let on = entry.as_str().or_else(|| entry.get("on")?.as_str()).unwrap_or_default();
            let slot = needs.entry(on).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(slot) = slot {
                slot.insert(kind.clone(), entry.clone());
            }
        }
    }
    fields.insert("needs".to_owned(), Value::Table(needs));
    fields
}

/// The way back from `turned`.
fn turned_back(mut fields: Table) -> Table {
    let Some(Value::Table(needs)) = fields.remove("needs") else { return fields };
    let mut kinds = Table::new();
    for (kind, entry) in needs.into_iter().filter_map(|(_, kinds)| kinds.as_table().cloned()).flatten() {
        let list = kinds.entry(kind).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(entry);
        }
    }
    fields.insert("needs".to_owned(), Value::Table(kinds));
    fields
}

/// The estate of these things. What one of the `known` estates says in the same words is taken from there, the rest is
/// read; what is no thing (provider, authority) is that of `rest`.
pub fn estate(things: &Things, known: [(&Things, &Estate); 2], rest: &Estate) -> Estate {
    let mut unknown = String::new();
    let mut parts: Vec<(&Id, &Estate)> = Vec::new();
    for (id, block) in things {
        match known.iter().find(|(blocks, _)| blocks.get(id) == Some(block)) {
            Some((_, estate)) => parts.push((id, estate)),
            None => unknown.push_str(block),
        }
    }
    let mut estate = read(unknown);
    for (id, from) in parts {
        take(&mut estate, id, from);
    }
    normalise(&mut estate);
    estate.provider.clone_from(&rest.provider);
    estate.authority.clone_from(&rest.authority);
    estate
}

/// Puts what `from` says about a thing into `estate`.
fn take(estate: &mut Estate, id: &Id, from: &Estate) {
    fn copy<T: Clone>(id: &Id, from: &BTreeMap<Id, T>, to: &mut BTreeMap<Id, T>) {
        to.extend(from.get(id).map(|thing| (id.clone(), thing.clone())));
    }
    match id.kind() {
        Kind::Site => copy(id, &from.sites, &mut estate.sites),
        Kind::Host => copy(id, &from.hosts, &mut estate.hosts),
        Kind::Service => {
            copy(id, &from.services, &mut estate.services);
            estate.edges.extend_from_slice(canonical::needs(from, id));
        }
        Kind::Store => copy(id, &from.stores, &mut estate.stores),
        Kind::Capability => copy(id, &from.capabilities, &mut estate.capabilities),
        Kind::Tenant => copy(id, &from.tenants, &mut estate.tenants),
        Kind::External => copy(id, &from.externals, &mut estate.externals),
        Kind::Resource => copy(id, &from.resources, &mut estate.resources),
    }
}

/// What the source has no more and something that stays still names: it stays too, otherwise the estate would name what
/// is not in it, and no plan could be made. Answers with who names it, in which field.
pub fn keep_what_is_named(
    merged: &mut Merged,
    known: [(&Things, &Estate); 2],
    rest: &Estate,
) -> Vec<(Id, String, Id)> {
    let mut gone: BTreeMap<Id, usize> = BTreeMap::new();
    for (at, difference) in merged.differences.iter().enumerate() {
        if difference.sort == Sort::Removed && difference.field.is_none() {
            gone.insert(difference.id.clone(), at);
        }
    }
    let (was, current) = known[0];
    let mut named = Vec::new();
    while !gone.is_empty() {
        let now = estate(&merged.things, known, rest);
        let missing = missing(&now).into_iter().filter(|(_, _, to)| gone.contains_key(to));
        let missing = missing.filter_map(|(from, field, to)| Some((from?.clone(), field, to.clone())));
        let mut open: Vec<(Id, String, Id)> = missing.collect();
        if open.is_empty() {
            break;
        }
        // What comes back needs others that may be gone too.
        while let Some((from, field, to)) = open.pop() {
            if let Some(at) = gone.remove(&to) {
                merged.differences[at].sort = Sort::Stays;
                merged.things.insert(to.clone(), was[&to].clone());
                open.extend(canonical::needs(current, &to).iter().map(|edge| {
                    (to.clone(), format!("needs.{} {}", edge.kind.word(), edge.to), edge.to.clone())
                }));
                named.push((from, field, to));
            }
        }
    }
    named
}

/// Last import, folder, new import. What is gone from this source stays if another source still states it.
pub fn merge(base: &Things, current: &Things, new: &Things, elsewhere: &BTreeSet<Id>) -> Merged {
    let mut merged = Merged::default();
    let all: BTreeSet<&Id> = base.keys().chain(current.keys()).chain(new.keys()).collect();
    for id in all {
        let whole = |sort| Difference { id: id.clone(), field: None, sort, before: None, source: None };
        let outcome = match (base.get(id), current.get(id), new.get(id)) {
            (None, Some(current), None) => Some((current.clone(), Vec::new())),
            (_, None, None) => None,
            (None, None, Some(new)) => Some((new.clone(), vec![whole(Sort::Added)])),
            (Some(_), Some(current), None) if elsewhere.contains(id) => Some((current.clone(), Vec::new())),
            (Some(base), Some(current), None) if base == current => {
                merged.differences.push(whole(Sort::Removed));
                None
            }
            (Some(_), Some(current), None) => Some((current.clone(), vec![whole(Sort::Stays)])),
            (Some(_), None, Some(_)) => {
                merged.differences.push(whole(Sort::StaysRemoved));
                None
            }
            (base, Some(current), Some(new)) if current == new || base == Some(new) => {
                Some((current.clone(), Vec::new()))
            }
            (base, Some(current), Some(new)) => {
                let mut differences = Vec::new();
                let of = |block: &String| fields_of(id, block);
                let (base, current, new) = (base.map(of).unwrap_or_default(), of(current), of(new));
                let fields = fields(id, "", [&base, &current, &new], &mut differences);
                Some((block_of(id, fields), differences))
            }
        };
        if let Some((block, differences)) = outcome {
            merged.things.insert(id.clone(), block);
            merged.differences.extend(differences);
        }
    }
    merged
}

fn fields(id: &Id, path: &str, [base, current, new]: [&Table; 3], out: &mut Vec<Difference>) -> Table {
    let mut merged = Table::new();
    let names: BTreeSet<&String> = base.keys().chain(current.keys()).chain(new.keys()).collect();
    for name in names {
        let field = format!("{path}{name}");
        let (b, c, n) = (base.get(name), current.get(name), new.get(name));
        // Each dependency is a field of its own, also where one side has none at all.
        let each = path.is_empty() && name == "needs";
        let both = matches!((c, n), (Some(Value::Table(_)), Some(Value::Table(_))));
        if each || (path.is_empty() && name == "run" && both) {
            let empty = Table::new();
            let sides = [b, c, n].map(|value| value.and_then(Value::as_table).unwrap_or(&empty));
            let inner = fields(id, &format!("{name} "), sides, out);
            if !inner.is_empty() {
                merged.insert(name.clone(), Value::Table(inner));
            }
            continue;
        }
        let (kept, sort) = if c == n || n == b {
            (c, None)
        } else if c == b {
            (
                n,
                Some(match (c, n) {
                    (None, _) => Sort::Added,
                    (_, None) => Sort::Removed,
                    _ => Sort::Changed,
                }),
            )
        } else if c.is_none() && b.is_some() {
            (c, Some(Sort::StaysRemoved))
        } else {
            (c, Some(Sort::Conflict))
        };
        if let Some(sort) = sort {
            let is_need = path == "needs ";
            let shown = |value: Option<&Value>| {
                value.map(|value| if is_need { in_words(value) } else { value.to_string() })
            };
            let field = Some(field);
            out.push(Difference { id: id.clone(), field, sort, before: shown(c), source: shown(n) });
        }
        if let Some(kept) = kept {
            merged.insert(name.clone(), kept.clone());
        }
    }
    merged
}

/// A dependency as people read it: `hard (compose: depends_on, service_healthy)`.
fn in_words(kinds: &Value) -> String {
    let one = |(kind, entry): (&String, &Value)| {
        let by = entry.get("by").and_then(Value::as_str).map_or_else(String::new, |by| format!(" ({by})"));
        let confidence = entry.get("confidence").and_then(Value::as_float).filter(|share| *share < 1.0);
        let confidence = confidence.map_or_else(String::new, |share| format!(", confidence {share}"));
        format!("{kind}{by}{confidence}")
    };
    let words: Vec<String> = kinds.as_table().into_iter().flatten().map(one).collect();
    words.join(" and ")
}

/// The same for proposals. One that a person took out of the file does not come back; one that became a dependency
/// is done with.
pub fn proposals(
    base: &[Proposed],
    current: &[Proposed],
    new: &[Proposed],
    estate: &Estate,
) -> Vec<Proposed> {
    fn by_ends(list: &[Proposed]) -> BTreeMap<(&Id, &Id), &Proposed> {
        list.iter().map(|proposed| ((&proposed.from, &proposed.to), proposed)).collect()
    }
    let (base, current, new) = (by_ends(base), by_ends(current), by_ends(new));
    let stated: BTreeMap<(&Id, &Id), EdgeKind> =
        estate.edges.iter().map(|edge| ((&edge.from, &edge.to), edge.kind)).collect();
    let all: BTreeSet<&(&Id, &Id)> = current.keys().chain(new.keys()).collect();
    let pick = |ends: &(&Id, &Id)| match (base.get(ends), current.get(ends), new.get(ends)) {
        (Some(_), None, Some(_)) | (_, None, None) => None,
        (Some(base), Some(current), None) if base == current => None,
        (Some(base), Some(current), Some(new)) if base == current => Some((*new).clone()),
        (_, Some(current), _) => Some((*current).clone()),
        (None, None, Some(new)) => Some((*new).clone()),
    };
    let open = |proposed: &Proposed| {
        let known = stated.get(&(&proposed.from, &proposed.to)).copied();
        known == proposed.instead_of && estate.contains(&proposed.from) && estate.contains(&proposed.to)
    };
    all.into_iter().filter_map(pick).filter(open).collect()
}
