//! What does a new import change in an estate that people have worked on since the last one?
//!
//! Three estates are compared thing by thing and field by field: what the source said last time (the base), what
//! is in the folder now, and what the source says today. Whoever changed something wins; where both changed the
//! same field the person wins, and the other value is shown. A dependency is one field of its dependent, whatever
//! its kind. Pure: `folder` reads and writes.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use crate::estate::canonical;
use crate::estate::files::{Content, RawFile};
use crate::estate::id::{Id, Kind};
use crate::estate::model::{EdgeKind, Estate, Proposed};
use crate::estate::read::read_files;

/// Every thing as the table of its fields, `needs` turned round: provider first, then kind.
pub type Things = BTreeMap<Id, Table>;

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
    /// The source has it no more, but a person changed it since: it stays.
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

/// The fields of every thing of an estate.
pub fn things(estate: &Estate) -> Things {
    let text = canonical::text(estate);
    let root: Table = text.parse().expect("the canonical text is TOML; a test holds it");
    let mut things = Things::new();
    for kind in Kind::ALL {
        let Some(Value::Table(tables)) = root.get(kind.word()) else { continue };
        for (name, fields) in tables {
            let (Ok(id), Value::Table(fields)) = (Id::new(kind, name), fields) else { continue };
            things.insert(id, turned(fields.clone()));
        }
    }
    things
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

/// The estate of these things; what is no thing (provider, authority) is taken from `rest`.
pub fn estate(things: &Things, rest: &Estate) -> Estate {
    let mut root = Table::new();
    for (id, fields) in things {
        let kind = root.entry(id.kind().word()).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(kind) = kind {
            kind.insert(id.name().to_owned(), Value::Table(turned_back(fields.clone())));
        }
    }
    let text = toml::to_string(&root).expect("tables that were TOML are TOML");
    let content = Content::Bytes(text.into_bytes());
    let mut estate = read_files(&[RawFile { name: "merged.toml".to_owned(), content }]).estate;
    estate.provider.clone_from(&rest.provider);
    estate.authority.clone_from(&rest.authority);
    estate
}

/// Last import, folder, new import. What is gone from this source stays if another source still states it.
pub fn merge(base: &Things, current: &Things, new: &Things, elsewhere: &BTreeSet<Id>) -> Merged {
    let mut merged = Merged::default();
    let nothing = Table::new();
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
            (base, Some(current), Some(new)) => {
                let mut differences = Vec::new();
                let base = base.unwrap_or(&nothing);
                let fields = fields(id, "", [base, current, new], &mut differences);
                Some((fields, differences))
            }
        };
        if let Some((fields, differences)) = outcome {
            merged.things.insert(id.clone(), fields);
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
        let deeper = path.is_empty() && (name == "needs" || name == "run");
        if let (true, Some(Value::Table(c)), Some(Value::Table(n))) = (deeper, c, n) {
            let empty = Table::new();
            let b = b.and_then(Value::as_table).unwrap_or(&empty);
            let inner = fields(id, &format!("{name} "), [b, c, n], out);
            merged.insert(name.clone(), Value::Table(inner));
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
            let shown = |value: Option<&Value>| value.map(ToString::to_string);
            let field = Some(field);
            out.push(Difference { id: id.clone(), field, sort, before: shown(c), source: shown(n) });
        }
        if let Some(kept) = kept {
            merged.insert(name.clone(), kept.clone());
        }
    }
    merged
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
