//! From tables to things: one function per kind of thing, each listing the fields that exist.
//!
//! A field that cannot be read is a finding and is left at its default; the thing itself stays, so that
//! one typing mistake does not make everything that refers to it unknown.

use super::fields::{Fields, Out, shown};
use super::finding::{Finding, Grade};
use super::hands_read;
use super::id::{Id, Kind};
use super::model::{
    Authority, Capability, CutBehaviour, Door, Edge, EdgeKind, Evidence, External, Gate, Host, Probe,
    Proposed, Resource, ResourceKind, Run, Secret, Service, Serving, Site, Source, StartClass, Store, Tenant,
    Tenants, Translated,
};
use super::place::Place;

/// Unless an estate says otherwise: healthy for two seconds without a break, within two minutes.
pub(super) const HOLD_MS: u64 = 2_000;
pub(super) const DEADLINE_MS: u64 = 120_000;
pub(super) const EVERY_MS: u64 = 500;

const LANGUAGES: [&str; 3] = ["de", "fr", "en"];

pub(super) const RESOURCE_KINDS: [(&str, ResourceKind); 5] = [
    ("restore_bandwidth", ResourceKind::RestoreBandwidth),
    ("crew", ResourceKind::Crew),
    ("scan_slots", ResourceKind::ScanSlots),
    ("cpu", ResourceKind::Cpu),
    ("memory", ResourceKind::Memory),
];
pub(super) const START_CLASSES: [(&str, StartClass); 3] =
    [("probe", StartClass::Probe), ("repeatable", StartClass::Repeatable), ("once", StartClass::Once)];
pub(super) const EVIDENCE: [(&str, Evidence); 3] =
    [("declared", Evidence::Declared), ("observed", Evidence::Observed), ("inferred", Evidence::Inferred)];
/// What may be granted in advance.
pub(super) const ACTS: [&str; 3] = ["stop-service", "close-door", "freeze-writer"];
/// Those of them that cut something off: whoever grants none of them has to be reached at every alarm.
pub(super) const CUTTING_ACTS: [&str; 2] = ["stop-service", "close-door"];

fn name(fields: &mut Fields<'_>, id: &Id, out: &mut Out) -> String {
    fields.text("name", out).unwrap_or_else(|| id.name().to_owned())
}

pub(super) fn site(mut fields: Fields<'_>, id: &Id, out: &mut Out) -> Site {
    let name = name(&mut fields, id, out);
    let mut doors = Vec::new();
    for mut door in fields.tables("doors", out) {
        let name = door.text("name", out).unwrap_or_default();
        if door.lacks("name") {
            door.missing("name", "what people call it, for example \"front\"; a cut names its doors", out);
        }
        out.sources.put(id, &format!("doors {name}"), door.place());
        let close = door.texts("close", out);
        let open = door.texts("open", out);
        let probe = door.text("probe", out).unwrap_or_default();
        door.finish(out);
        doors.push(Door { name, close, open, probe });
    }
    fields.finish(out);
    Site { name, doors }
}

pub(super) fn host(mut fields: Fields<'_>, id: &Id, out: &mut Out) -> Host {
    let host = Host {
        name: name(&mut fields, id, out),
        site: fields.id("site", Kind::Site, out),
        cpu: fields.number("cpu", out),
        memory: fields.number("memory", out),
        ssh: fields.table("ssh", out).and_then(|ssh| hands_read::ssh(ssh, out)),
        local: fields.flag("local", out),
    };
    fields.finish(out);
    host
}

pub(super) fn service(mut fields: Fields<'_>, id: &Id, out: &mut Out) -> (Service, Vec<Edge>) {
    let service = Service {
        name: name(&mut fields, id, out),
        image: fields.text("image", out),
        ports: fields.texts("ports", out),
        host: fields.id("host", Kind::Host, out),
        site: fields.id("site", Kind::Site, out),
        tier: fields.number("tier", out),
        memory: fields.number("memory", out).unwrap_or(0),
        cpu_boot: fields.number("cpu_boot", out).unwrap_or(0),
        crew: fields.ids("crew", &[Kind::Resource], out),
        capacity: fields.number("capacity", out),
        cold_load: fields.number("cold_load", out),
        boot_s: fields.number("boot_s", out).unwrap_or(0),
        start_class: fields.word("start_class", &START_CLASSES, out).unwrap_or_default(),
        second_person: fields.flag("second_person", out),
        run: fields.table("run", out).map(|run| self::run(run, out)),
        gates: fields.tables("gates", out).into_iter().filter_map(|gate| self::gate(gate, out)).collect(),
    };
    let edges = fields.table("needs", out).map(|needs| self::needs(needs, id, out)).unwrap_or_default();
    fields.finish(out);
    (service, edges)
}

fn run(mut fields: Fields<'_>, out: &mut Out) -> Run {
    let mut run = Run {
        driver: hands_read::driver(&mut fields, out),
        start: fields.texts("start", out),
        stop: fields.texts("stop", out),
        admit: fields.texts("admit", out),
        directory: fields.text("directory", out),
        pid_file: fields.text("pid_file", out),
        job: fields.flag("job", out),
        ..Run::default()
    };
    if let Some(environment) = fields.table("environment", out) {
        run.environment = environment.into_texts(out);
    }
    fields.finish(out);
    run
}

fn gate(mut fields: Fields<'_>, out: &mut Out) -> Option<Gate> {
    let tcp = fields.text("tcp", out).map(Probe::Tcp);
    let status = fields.number("status", out);
    let status = match status.map(u16::try_from) {
        None => 200,
        Some(Ok(status)) => status,
        Some(Err(_)) => {
            fields.missing("status", "an HTTP status, for example 200", out);
            200
        }
    };
    let http = fields.text("http", out).map(|url| Probe::Http { url, status });
    let command = Some(fields.texts("command", out)).filter(|words| !words.is_empty()).map(Probe::Command);
    let mut probes = [tcp, http, command].into_iter().flatten();
    let probe = (probes.next(), probes.next());
    let hold_ms = time(&mut fields, "hold_ms", "hold_s", HOLD_MS, out);
    let deadline_ms = time(&mut fields, "deadline_ms", "deadline_s", DEADLINE_MS, out);
    let every_ms = fields.number("every_ms", out).unwrap_or(EVERY_MS).max(1);
    let uses = fields.ids("uses", &[Kind::Service, Kind::Store, Kind::External], out);
    let complete = match probe {
        (Some(probe), None) => Some(Gate { probe, hold_ms, deadline_ms, every_ms, uses }),
        _ => {
            fields.missing("tcp", "a gate asks exactly one thing: `tcp`, `http` or `command`", out);
            None
        }
    };
    fields.finish(out);
    complete
}

/// A time that people may also give in seconds.
fn time(fields: &mut Fields<'_>, ms: &'static str, s: &'static str, otherwise: u64, out: &mut Out) -> u64 {
    let ms = fields.number(ms, out);
    let s = fields.number(s, out).map(|s| s.saturating_mul(1000));
    ms.or(s).unwrap_or(otherwise).min(super::fields::NUMBER_MAX)
}

fn needs(mut fields: Fields<'_>, from: &Id, out: &mut Out) -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    for kind in EdgeKind::ALL {
        for entry in fields.array(kind.word(), out) {
            let Some(edge) = need(&fields, kind, from, entry, out) else { continue };
            let place = fields.place_of(entry.span());
            if edges.iter().any(|known| known.kind == edge.kind && known.to == edge.to) {
                out.add(
                    Finding::new(
                        Grade::Note,
                        "duplicate-need",
                        format!("{from} names {} twice as `{}`", edge.to, kind.word()),
                        "the first mention counts, with its evidence",
                        "remove the second",
                    )
                    .about([from.clone(), edge.to.clone()])
                    .at(place),
                );
                continue;
            }
            if let Some(place) = place {
                out.sources.put(from, &format!("needs.{} {}", kind.word(), edge.to), place);
            }
            edges.push(edge);
        }
    }
    fields.finish(out);
    edges
}

const PROVIDERS: [Kind; 3] = [Kind::Service, Kind::Store, Kind::External];

fn need(
    fields: &Fields<'_>,
    kind: EdgeKind,
    from: &Id,
    entry: &toml::Spanned<toml::de::DeValue<'_>>,
    out: &mut Out,
) -> Option<Edge> {
    let mut edge = Edge {
        from: from.clone(),
        to: from.clone(),
        kind,
        evidence: Evidence::Declared,
        by: None,
        confidence: 1000,
    };
    if entry.get_ref().as_str().is_some() {
        edge.to = fields.parse_id(kind.word(), entry, &PROVIDERS, out)?;
        return Some(edge);
    }
    let mut table = fields.entry(kind.word(), entry, out)?;
    let to = match table.value("on", out) {
        Some(on) => table.parse_id("on", on, &PROVIDERS, out),
        None => {
            table.missing("on", "the id of what is needed", out);
            None
        }
    };
    edge.evidence = table.word("evidence", &EVIDENCE, out).unwrap_or_default();
    edge.by = table.text("by", out);
    let usual = if edge.evidence == Evidence::Inferred { 500 } else { 1000 };
    edge.confidence = table.thousandths("confidence", out).unwrap_or(usual);
    table.finish(out);
    edge.to = to?;
    Some(edge)
}

/// A dependency that is only proposed.
pub(super) fn proposed(mut fields: Fields<'_>, out: &mut Out) -> Option<Proposed> {
    let from = fields.id("from", Kind::Service, out);
    let to = fields.value("to", out).and_then(|to| fields.parse_id("to", to, &PROVIDERS, out));
    let kinds = EdgeKind::ALL.map(|kind| (kind.word(), kind));
    let kind = fields.word("kind", &kinds, out).unwrap_or(EdgeKind::Soft);
    let evidence = fields.text("evidence", out).unwrap_or_default();
    let confidence = fields.thousandths("confidence", out).unwrap_or(500);
    let instead_of = fields.word("instead_of", &kinds, out);
    let rejected = fields.flag("rejected", out);
    let complete = from.zip(to);
    if complete.is_none() {
        fields.missing("from", "a proposal says `from` which service and `to` which provider", out);
    }
    fields.finish(out);
    let (from, to) = complete?;
    Some(Proposed { from, to, kind, instead_of, evidence, confidence, rejected })
}

pub(super) fn store(mut fields: Fields<'_>, id: &Id, out: &mut Out) -> Store {
    let store = Store {
        name: name(&mut fields, id, out),
        site: fields.id("site", Kind::Site, out),
        size: fields.number("size", out).unwrap_or(0),
        restore_rate: fields.number("restore_rate", out),
        path: fields.text("path", out),
        source: fields.table("source", out).and_then(|source| self::source(source, out)),
    };
    fields.finish(out);
    store
}

fn source(mut fields: Fields<'_>, out: &mut Out) -> Option<Source> {
    let repository = fields.text("repository", out);
    if repository.is_none() {
        fields.missing("repository", "for example \"restic:/srv/backup/core\"", out);
    }
    let environment = fields.text("secret_env", out).map(Secret::Environment);
    let file = fields.text("secret_file", out).map(Secret::File);
    let secret = match (environment, file) {
        (Some(secret), None) | (None, Some(secret)) => Some(secret),
        _ => {
            let expected = "a source needs either `secret_env` or `secret_file`: where its password is found, never the password";
            fields.missing("secret_env", expected, out);
            None
        }
    };
    let resource = fields.id("resource", Kind::Resource, out);
    let (host, paths) = (fields.text("host", out), fields.texts("paths", out));
    fields.finish(out);
    Some(Source { repository: repository?, host, paths, secret: secret?, resource })
}

pub(super) fn capability(mut fields: Fields<'_>, id: &Id, out: &mut Out) -> Capability {
    let capability = Capability {
        name: translated(&mut fields, id, out),
        urgency: fields.number("urgency", out).unwrap_or(1),
        cut: cut(&mut fields, out).unwrap_or_default(),
        rto_s: fields.number("rto_s", out),
        served_by: fields
            .tables("served_by", out)
            .into_iter()
            .filter_map(|entry| serving(entry, out))
            .collect(),
    };
    fields.finish(out);
    capability
}

/// A table by language, or one German text.
fn translated(fields: &mut Fields<'_>, id: &Id, out: &mut Out) -> Translated {
    let plain = |de: String| Translated { de, fr: None, en: None };
    let Some(value) = fields.value("name", out) else { return plain(id.name().to_owned()) };
    if let Some(text) = value.get_ref().as_str() {
        return plain(text.to_owned());
    }
    let Some(mut table) = fields.entry("name", value, out) else { return plain(id.name().to_owned()) };
    let de = table.text("de", out);
    if de.is_none() {
        table.missing("de", "what the public reads in German, which every other language falls back to", out);
    }
    let name = Translated {
        de: de.unwrap_or_else(|| id.name().to_owned()),
        fr: table.text("fr", out),
        en: table.text("en", out),
    };
    table.finish(out);
    name
}

fn cut(fields: &mut Fields<'_>, out: &mut Out) -> Option<CutBehaviour> {
    let value = fields.value("cut", out)?;
    let expected = "\"hold\", { divert = \"where to\" } or { reject = \"the reason people are given\" }";
    if value.get_ref().as_str() == Some("hold") {
        return Some(CutBehaviour::Hold);
    }
    if value.get_ref().as_str().is_some() {
        fields.wrong("cut", value, expected, out);
        return None;
    }
    let mut table = fields.entry("cut", value, out)?;
    let divert = table.text("divert", out).map(CutBehaviour::Divert);
    let reject = table.text("reject", out).map(|reason| CutBehaviour::Reject { reason });
    let cut = match (divert, reject) {
        (Some(cut), None) | (None, Some(cut)) => Some(cut),
        _ => {
            table.missing("divert", expected, out);
            None
        }
    };
    table.finish(out);
    cut
}

fn serving(mut fields: Fields<'_>, out: &mut Out) -> Option<Serving> {
    let service = fields.id("service", Kind::Service, out);
    if service.is_none() {
        fields.missing("service", "the service that serves this capability", out);
    }
    let site = fields.id("site", Kind::Site, out);
    let listed = fields.value("tenants", out).is_some();
    let tenants = if listed { fields.ids("tenants", &[Kind::Tenant], out) } else { Vec::new() };
    let to = match (site, listed) {
        (None, false) => Some(Tenants::All),
        (Some(site), false) => Some(Tenants::Site(site)),
        (None, true) => Some(Tenants::Listed(tenants)),
        (Some(_), true) => {
            fields.missing("site", "name either a `site` or `tenants`, not both", out);
            None
        }
    };
    fields.finish(out);
    Some(Serving { service: service?, to: to? })
}

pub(super) fn tenant(mut fields: Fields<'_>, id: &Id, out: &mut Out) -> Tenant {
    let place = fields.place();
    let spoken = fields.texts("languages", out);
    let tenant = Tenant {
        name: name(&mut fields, id, out),
        insured: fields.number("insured", out).unwrap_or(0),
        site: fields.id("site", Kind::Site, out),
        controller: fields.text("controller", out),
        supervisor: fields.text("supervisor", out),
        contacts: fields.texts("contacts", out),
        languages: languages(spoken, id, Some(&place), out),
        colour: fields.text("colour", out).filter(|colour| colour_fits(colour, id, Some(place), out)),
    };
    fields.finish(out);
    tenant
}

/// The languages that pages exist in, each once; others are found.
pub(super) fn languages(given: Vec<String>, id: &Id, place: Option<&Place>, out: &mut Out) -> Vec<String> {
    let mut languages: Vec<String> = Vec::new();
    for language in given {
        if !LANGUAGES.contains(&language.as_str()) {
            let what = format!("{id} wants pages in `{}`", shown(&language));
            out.add(
                Finding::new(
                    Grade::Serious,
                    "unknown-language",
                    what,
                    "there will be no page in that language",
                    "use de, fr, en",
                )
                .about([id.clone()])
                .at(place.cloned()),
            );
        } else if !languages.contains(&language) {
            languages.push(language);
        }
    }
    languages
}

pub(super) fn colour_fits(colour: &str, id: &Id, place: Option<Place>, out: &mut Out) -> bool {
    let digits = colour.strip_prefix('#').unwrap_or_default();
    let fits = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !fits {
        let what = format!("the colour of {id} is `{}`", shown(colour));
        out.add(
            Finding::new(
                Grade::Note,
                "bad-colour",
                what,
                "its pages are shown without a colour of their own",
                "write `#` and six hexadecimal digits, for example #005b8f",
            )
            .about([id.clone()])
            .at(place),
        );
    }
    fits
}

pub(super) fn external(mut fields: Fields<'_>, id: &Id, out: &mut Out) -> External {
    let external = External { name: name(&mut fields, id, out) };
    fields.finish(out);
    external
}

pub(super) fn resource(mut fields: Fields<'_>, id: &Id, out: &mut Out) -> Resource {
    let name = name(&mut fields, id, out);
    let kind = fields.word("kind", &RESOURCE_KINDS, out);
    let capacity = fields.number("capacity", out);
    if fields.lacks("kind") {
        fields.missing("kind", "restore_bandwidth, crew, scan_slots, cpu or memory", out);
    }
    if fields.lacks("capacity") {
        fields.missing("capacity", "how much of it there is at one time", out);
    }
    fields.finish(out);
    Resource { name, kind: kind.unwrap_or_default(), capacity: capacity.unwrap_or(0) }
}

pub(super) fn authority(mut fields: Fields<'_>, out: &mut Out) -> Option<Authority> {
    let place = fields.place();
    let may = fields.text("may", out);
    if fields.lacks("may") {
        fields.missing("may", "stop-service, close-door or freeze-writer", out);
    }
    let authority = Authority {
        may: may.unwrap_or_default(),
        on: fields.ids("on", &Kind::ALL, out),
        granted_by: fields.text("granted_by", out).unwrap_or_default(),
    };
    fields.finish(out);
    if authority.may.is_empty() {
        return None;
    }
    if !ACTS.contains(&authority.may.as_str()) {
        out.add(
            Finding::new(
                Grade::Serious,
                "unknown-authority",
                format!("`{}` is not something that can be granted", shown(&authority.may)),
                "it gives nobody the right to do anything at an alarm",
                format!("write one of: {}", ACTS.join(", ")),
            )
            .at(Some(place)),
        );
    }
    Some(authority)
}
