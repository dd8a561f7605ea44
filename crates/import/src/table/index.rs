//! Who is meant by a name in a cell: things by their name, their id and the key of the system they come from.
//!
//! Capitals and blanks around do not matter. A name that two things have is resolved by what is looked for; if that
//! does not help it is said, not guessed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::Origin;
use super::super::names::Names;
use super::columns::{Column, Subject};
use super::meaning::{class, is_gone, plain};
use super::{Out, Table, is_about_things};
use estate::finding::Grade;
use estate::id::{Id, Kind};
use estate::shown;

/// A row that is a thing.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) id: Id,
    /// What the id was made of.
    pub(super) called: String,
    /// What people call it.
    pub(super) name: String,
    pub(super) table: usize,
    pub(super) row: usize,
}

pub(super) struct Index {
    pub(super) items: Vec<Item>,
    by_name: HashMap<String, BTreeSet<Id>>,
    /// Hosts and sites that no table lists, only columns name.
    pub(super) named_only: BTreeMap<Id, (String, Origin)>,
}

/// What a name leads to.
pub(super) enum Meant<'i> {
    One(&'i Id),
    Nobody,
    Several(Vec<&'i Id>),
}

impl Index {
    pub(super) fn new(tables: &[Table], out: &mut Out) -> Index {
        let rows = rows(tables, out);
        let mut texts: BTreeMap<Kind, BTreeMap<String, Origin>> = BTreeMap::new();
        for row in &rows {
            texts.entry(row.kind).or_default().insert(row.called.clone(), row.origin.clone());
        }
        let listed = |kind: Kind| texts.contains_key(&kind);
        let mut only: Vec<(Kind, String, Origin)> = Vec::new();
        for (kind, column) in [(Kind::Host, Column::Host), (Kind::Site, Column::Site)] {
            if !listed(kind) {
                only.extend(named_in(tables, column).into_iter().map(|(name, origin)| (kind, name, origin)));
            }
        }
        for (kind, name, origin) in &only {
            texts.entry(*kind).or_default().entry(name.clone()).or_insert_with(|| origin.clone());
        }
        let names: BTreeMap<Kind, Names> = texts
            .iter()
            .map(|(kind, texts)| (*kind, Names::new(*kind, texts.keys().map(String::as_str))))
            .collect();
        let id = |kind: Kind, called: &str| {
            names
                .get(&kind)
                .and_then(|names| names.id(called))
                .cloned()
                .expect("every name was entered before")
        };
        let mut index = Index { items: Vec::new(), by_name: HashMap::new(), named_only: BTreeMap::new() };
        for (kind, name, origin) in only {
            let id = id(kind, &name);
            index.learn(&name, &id);
            index.named_only.entry(id).or_insert((name, origin));
        }
        let mut first: HashMap<Id, Origin> = HashMap::new();
        for row in rows {
            let id = id(row.kind, &row.called);
            for key in [&row.called, &row.name].into_iter().chain(row.keys.iter()) {
                index.learn(key, &id);
            }
            if let Some(before) = first.get(&id) {
                let what = format!("{} is at {before} and again at {}", shown(&row.called), row.origin);
                out.note(
                    Grade::Serious,
                    "table-twice",
                    &row.origin,
                    what,
                    "what the second row says was left out",
                    "keep one of them",
                );
                continue;
            }
            first.insert(id.clone(), row.origin);
            index.items.push(Item { id, called: row.called, name: row.name, table: row.table, row: row.row });
        }
        index
    }

    fn learn(&mut self, name: &str, id: &Id) {
        if !name.is_empty() {
            self.by_name.entry(folded(name)).or_default().insert(id.clone());
        }
    }

    /// The thing of one of `kinds` (all: empty) that is meant; the kinds named first are preferred.
    pub(super) fn find(&self, name: &str, kinds: &[Kind]) -> Meant<'_> {
        let direct = name.split_once(':').and_then(|_| name.parse::<Id>().ok());
        let direct = direct.and_then(|id| self.by_name.get(&folded(id.name()))?.get(&id));
        if let Some(id) = direct {
            return Meant::One(id);
        }
        let all = self.by_name.get(&folded(name)).into_iter().flatten();
        let fit: Vec<&Id> = all.filter(|id| kinds.is_empty() || kinds.contains(&id.kind())).collect();
        let best = fit.iter().map(|id| kinds.iter().position(|kind| *kind == id.kind())).min().flatten();
        let fit: Vec<&Id> = fit
            .into_iter()
            .filter(|id| best.is_none() || kinds.iter().position(|kind| *kind == id.kind()) == best)
            .collect();
        match fit[..] {
            [] => Meant::Nobody,
            [one] => Meant::One(one),
            _ => Meant::Several(fit),
        }
    }
}

fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

struct Row {
    kind: Kind,
    called: String,
    name: String,
    keys: Vec<String>,
    table: usize,
    row: usize,
    origin: Origin,
}

/// Every row that is a thing, with what it is called.
fn rows(tables: &[Table], out: &mut Out) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut gone: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, table) in tables.iter().enumerate().filter(|(_, table)| is_about_things(table)) {
        for (number, row) in table.cells.rows.iter().enumerate() {
            let cell = |column| table.layout.cell(row, column);
            let origin = table.cells.at(row.line);
            if cell(Column::Status).is_some_and(is_gone) {
                *gone.entry(at).or_default() += 1;
                continue;
            }
            let (id, name) = (cell(Column::Id), cell(Column::Name));
            let speaks = |id: &&str| id.chars().any(char::is_alphabetic) && !is_key(id);
            let Some(called) = id.filter(speaks).or(name).or(id) else {
                let what = format!("the row at {origin} has neither name nor id");
                out.note(
                    Grade::Serious,
                    "table-nameless",
                    &origin,
                    what,
                    "it was left out",
                    "give it a name",
                );
                continue;
            };
            let said =
                cell(Column::Class).or_else(|| cell(Column::Type).filter(|word| class(word).is_some()));
            let kind = kind(table, said, &origin, out);
            let called = called.strip_prefix(&format!("{}:", kind.word())).unwrap_or(called).to_owned();
            let keys = [id, cell(Column::Key)].into_iter().flatten().map(str::to_owned).collect();
            let name = name.map_or_else(|| called.clone(), str::to_owned);
            rows.push(Row { kind, called, name, keys, table: at, row: number, origin });
        }
    }
    for (at, count) in gone {
        let origin = tables[at].cells.at(0);
        let what = format!("{count} rows of {origin} are about what is retired");
        out.note(
            Grade::Note,
            "table-retired",
            &origin,
            what,
            "they were left out",
            "correct the status if one of them still runs",
        );
    }
    rows
}

/// A key of a database rather than a name: ServiceNow's are 32 hexadecimal digits.
fn is_key(text: &str) -> bool {
    let hex = text.bytes().filter(u8::is_ascii_hexdigit).count();
    hex == 32 && matches!(text.len(), 32 | 36)
}

/// By the class of the row where the table has one, else by what the table is about.
fn kind(table: &Table, said: Option<&str>, origin: &Origin, out: &mut Out) -> Kind {
    let usual = match table.layout.subject {
        Subject::Sites => Kind::Site,
        Subject::Hosts => Kind::Host,
        Subject::Services | Subject::Relations => Kind::Service,
        Subject::Stores => Kind::Store,
        Subject::Tenants => Kind::Tenant,
        Subject::Capabilities => Kind::Capability,
    };
    let Some(said) = said.filter(|_| usual == Kind::Service || usual == Kind::Host) else { return usual };
    class(said).unwrap_or_else(|| {
        let what = format!(
            "the class {} at {origin} is not known, so it was taken as a {}",
            shown(&plain(said)),
            usual.word()
        );
        out.note(
            Grade::Note,
            "table-class",
            origin,
            what,
            "it may be a thing of another kind",
            "correct it in the estate",
        );
        usual
    })
}

/// Names that stand in a column of any table.
fn named_in(tables: &[Table], column: Column) -> Vec<(String, Origin)> {
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut named = Vec::new();
    for table in tables {
        for row in &table.cells.rows {
            if let Some(name) = table.layout.cell(row, column)
                && seen.insert(folded(name))
            {
                named.push((name.to_owned(), table.cells.at(row.line)));
            }
        }
    }
    named
}
