//! From files to an estate. Total: whatever the bytes are, the answer is an estate and findings about
//! what could not be understood. Only a folder that cannot be opened is a fault.

use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fields::{Fields, Out, shown};
use super::files::{self, Content, FILE_BYTES_MAX, RawFile, ReadFault};
use super::finding::{Finding, Grade};
use super::id::{Id, Kind};
use super::model::{Estate, Proposed, Tenants};
use super::place::{Place, Sources};
use super::words::{LANGUAGES, NAMES, READY};
use super::{csv, things};

/// What was read: the estate, what is wrong with its form, and where everything was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    pub estate: Estate,
    /// Dependencies that wait for somebody to confirm them.
    pub proposed: Vec<Proposed>,
    /// About the form only; `check::judge` adds what is wrong with the content.
    pub findings: Vec<Finding>,
    pub sources: Sources,
    /// Some file could not be read at all, so judging the content would accuse the innocent.
    pub incomplete: bool,
}

/// Reads a folder (all `*.toml` in it, and `tenants.csv`), or one file.
pub fn read(path: &Path) -> Result<Reading, ReadFault> {
    Ok(read_files(&files::fetch(path)?))
}

/// Reads files that are already in memory. Pure and total.
pub fn read_files(files: &[RawFile]) -> Reading {
    let mut out = Out::default();
    let mut estate = Estate::default();
    let mut proposed = Vec::new();
    for file in files {
        let text = text(file, &mut out).unwrap_or_default();
        let at = out.file(&file.name, text);
        if file.name.ends_with(".csv") {
            tenants(text, at, &mut estate, &mut out);
        } else {
            tables(text, at, &mut estate, &mut proposed, &mut out);
        }
    }
    normalise(&mut estate);
    if let Some(worst) = out.worst_not_shown {
        let what = format!("{} more of such findings are not shown", out.not_shown);
        let to_do = "fix those that are shown, then check again";
        out.findings.push(Finding::new(worst, "more-findings", what, "the list is not complete", to_do));
    }
    Reading { estate, proposed, findings: out.findings, sources: out.sources, incomplete: out.incomplete }
}

/// Sets have one order and hold each thing once, so that the same estate is the same value however it was
/// written down.
pub fn normalise(estate: &mut Estate) {
    let set = |ids: &mut Vec<Id>| {
        ids.sort();
        ids.dedup();
    };
    estate.edges.sort_by(|a, b| (&a.from, a.kind, &a.to).cmp(&(&b.from, b.kind, &b.to)));
    estate.edges.dedup_by(|b, a| (&a.from, a.kind, &a.to) == (&b.from, b.kind, &b.to));
    for service in estate.services.values_mut() {
        set(&mut service.crew);
        service.gates.iter_mut().for_each(|gate| set(&mut gate.uses));
    }
    for serving in estate.capabilities.values_mut().flat_map(|capability| &mut capability.served_by) {
        if let Tenants::Listed(tenants) = &mut serving.to {
            set(tenants);
        }
    }
    estate.authority.iter_mut().for_each(|authority| set(&mut authority.on));
    estate.authority.sort_by(|a, b| (&a.may, &a.on, &a.granted_by).cmp(&(&b.may, &b.on, &b.granted_by)));
    estate.authority.dedup();
}

/// The text of a file, without a byte order mark. Spreadsheets under Windows like to put one there.
fn text<'f>(file: &'f RawFile, out: &mut Out) -> Option<&'f str> {
    // The file is entered after this; a finding about it as a whole points at its first byte.
    let place = Some(Place { file: out.sources.files.len(), bytes: 0..0 });
    let name = shown(&file.name);
    let (code, what, to_do) = match &file.content {
        Content::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => return Some(text.strip_prefix('\u{feff}').unwrap_or(text)),
            Err(error) => {
                let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
                ("not-utf8", format!("{name} is not UTF-8 text (line {line})"), "save it as UTF-8".to_owned())
            }
        },
        Content::TooLarge => (
            "file-too-large",
            format!("{name} is larger than {} MiB", FILE_BYTES_MAX >> 20),
            "an estate is text written by people; check whether this is the right file".to_owned(),
        ),
        Content::Unreadable(why) => {
            ("file-unreadable", format!("{name} cannot be read: {why}"), "look at its permissions".to_owned())
        }
    };
    out.broken(code, what, to_do, place, None);
    out.incomplete = true;
    None
}

fn tables(text: &str, file: usize, estate: &mut Estate, proposed: &mut Vec<Proposed>, out: &mut Out) {
    let root = match DeTable::parse(text) {
        Ok(root) => root,
        Err(error) => {
            out.add(
                Finding::new(
                    Grade::Blocking,
                    "syntax",
                    format!("this is not TOML: {}", shown(error.message())),
                    "nothing in this file was read, so nothing is judged beyond it",
                    "fix the marked place; https://toml.io shows the form",
                )
                .at(error.span().map(|bytes| Place { file, bytes })),
            );
            out.incomplete = true;
            return;
        }
    };
    let mut fields = Fields::new(root.get_ref(), None, file, root.span());
    provider(&mut fields, estate, out);
    words(&mut fields, estate, out);
    for kind in Kind::ALL {
        let Some(table) = fields.value(kind.word(), out) else { continue };
        let DeValue::Table(entries) = table.get_ref() else {
            fields.wrong(kind.word(), table, &format!("tables: [{}.name]", kind.word()), out);
            continue;
        };
        for (key, value) in entries {
            define(kind, key, value, file, estate, out);
        }
    }
    for entry in fields.tables("authority", out) {
        estate.authority.extend(things::authority(entry, out));
    }
    proposed
        .extend(fields.tables("proposed", out).into_iter().filter_map(|entry| things::proposed(entry, out)));
    fields.finish(out);
}

fn provider(fields: &mut Fields<'_>, estate: &mut Estate, out: &mut Out) {
    let Some(name) = fields.text("provider", out) else { return };
    if !estate.provider.is_empty() && estate.provider != name {
        let what = format!("the provider is called `{}` and `{}`", shown(&estate.provider), shown(&name));
        out.broken("duplicate-id", what, "say it once", Some(fields.place()), None);
        return;
    }
    estate.provider = name;
}

/// What this provider calls those whom it serves. Said in several files, the first counts for each word.
fn words(fields: &mut Fields<'_>, estate: &mut Estate, out: &mut Out) {
    let Some(mut table) = fields.table("words", out) else { return };
    for name in NAMES {
        let Some(mut word) = table.table(name, out) else { continue };
        for language in LANGUAGES {
            if let Some(text) = word.text(language, out).filter(|text| !text.trim().is_empty()) {
                estate.words.of_mut(name).entry(language.to_owned()).or_insert(text);
            }
        }
        word.finish(out);
    }
    if let Some(Some(ready)) = table.word("set", &READY, out) {
        estate.words.fill_from(ready);
    }
    table.finish(out);
}

fn define(
    kind: Kind,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    file: usize,
    estate: &mut Estate,
    out: &mut Out,
) {
    let place = Place { file, bytes: key.span() };
    let id = match Id::new(kind, key.get_ref()) {
        Ok(id) => id,
        Err(error) => {
            let to_do = "choose another name and use it in every reference";
            out.broken("bad-id", shown(&error.to_string()), to_do, Some(place), None);
            return;
        }
    };
    let DeValue::Table(table) = value.get_ref() else {
        let to_do = format!("write [{}.{}] and its fields below", kind.word(), id.name());
        out.broken("wrong-type", format!("{id} is not a table"), to_do, Some(place), Some(&id));
        return;
    };
    if !first_mention(&id, &place, estate, out) {
        return;
    }
    let fields = Fields::new(table, Some(id.clone()), file, key.span());
    match kind {
        Kind::Site => drop(estate.sites.insert(id.clone(), things::site(fields, &id, out))),
        Kind::Host => drop(estate.hosts.insert(id.clone(), things::host(fields, &id, out))),
        Kind::Service => {
            let (service, edges) = things::service(fields, &id, out);
            estate.edges.extend(edges);
            estate.services.insert(id, service);
        }
        Kind::Store => drop(estate.stores.insert(id.clone(), things::store(fields, &id, out))),
        Kind::Capability => {
            drop(estate.capabilities.insert(id.clone(), things::capability(fields, &id, out)));
        }
        Kind::Tenant => drop(estate.tenants.insert(id.clone(), things::tenant(fields, &id, out))),
        Kind::External => drop(estate.externals.insert(id.clone(), things::external(fields, &id, out))),
        Kind::Resource => drop(estate.resources.insert(id.clone(), things::resource(fields, &id, out))),
    }
}

/// Enters the place of a definition, unless there is one already.
fn first_mention(id: &Id, place: &Place, estate: &Estate, out: &mut Out) -> bool {
    if !estate.contains(id) {
        out.sources.put(id, "", place.clone());
        return true;
    }
    let first = out.sources.place(id, "").and_then(|place| out.sources.line(place));
    let first = first.map_or_else(String::new, |(name, line, _)| format!(", first in {name} line {line}"));
    out.broken(
        "duplicate-id",
        format!("{id} is defined twice{first}"),
        "the first definition counts: write what is different there (a later import keeps what was changed by hand), and remove this one; or give it a name of its own",
        Some(place.clone()),
        Some(id),
    );
    false
}

fn tenants(text: &str, file: usize, estate: &mut Estate, out: &mut Out) {
    for row in csv::read(text, file, out) {
        if first_mention(&row.id, &row.place, estate, out) {
            for (column, place) in row.cells {
                out.sources.put(&row.id, column, place);
            }
            estate.tenants.insert(row.id, row.tenant);
        }
    }
}
