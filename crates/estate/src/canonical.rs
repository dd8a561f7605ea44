//! The one text of an estate, and its hash.
//!
//! Two estates that mean the same have the same text: things are ordered by id, fields have one order, values
//! one spelling, what is at its default is left out. The text is itself an estate file. The journal stores it,
//! and an incident can go on from it on another machine without the files it came from. The form is frozen:
//! a change would give every known estate a new hash.

use std::collections::BTreeMap;
use std::fmt::{Display, Write};

use sha2::{Digest, Sha256};

use super::files::{Content, RawFile};
use super::finding::{Finding, Grade};
use super::hands::{BECOMES, Driver, Ssh};
use super::id::Id;
use super::model::{
    Authority, Capability, CutBehaviour, Edge, EdgeKind, Estate, Evidence, External, Gate, Host, Probe,
    Resource, Run, Secret, Service, Site, StartClass, Store, Tenant, Tenants,
};
use super::read::{normalise, read_files};
use super::things::{EVIDENCE, RESOURCE_KINDS, START_CLASSES};
use super::words::{NAMES, Words};

/// The text is not one that `text` wrote.
#[derive(Debug, thiserror::Error)]
pub enum TextFault {
    #[error("this is not the text of an estate: {0}")]
    Unreadable(String),
}

/// The canonical text. Same estate, same bytes, on every machine.
pub fn text(estate: &Estate) -> String {
    let mut page = Page::default();
    page.text("provider", &estate.provider);
    words(&mut page, &estate.words);
    let mut text = page.text;
    // The kinds have the same order here and in an id.
    text.extend(blocks(estate).into_values());
    let mut page = Page { text };
    let mut settled = Estate { authority: estate.authority.clone(), ..Estate::default() };
    normalise(&mut settled);
    settled.authority.iter().for_each(|thing| authority(&mut page, thing));
    page.text
}

/// Left out where the usual words are used, so that no estate without them has another hash than before.
fn words(page: &mut Page, words: &Words) {
    if words.is_usual() {
        return;
    }
    page.text.push_str("\n[words]\n");
    for name in NAMES {
        let said: Vec<String> =
            words.of(name).iter().map(|(language, text)| format!("{language} = {}", quoted(text))).collect();
        if !said.is_empty() {
            page.line(format_args!("{name} = {{ {} }}", said.join(", ")));
        }
    }
}

/// What the canonical text says about each thing: two things mean the same if and only if these are equal.
pub fn blocks(estate: &Estate) -> BTreeMap<Id, String> {
    let mut estate = estate.clone();
    normalise(&mut estate);
    let mut blocks = BTreeMap::new();
    let mut put = |id: &Id, write: &dyn Fn(&mut Page)| {
        let mut page = Page::default();
        write(&mut page);
        blocks.insert(id.clone(), page.text);
    };
    estate.sites.iter().for_each(|(id, thing)| put(id, &|page| site(page, id, thing)));
    estate.hosts.iter().for_each(|(id, thing)| put(id, &|page| host(page, id, thing)));
    estate.services.iter().for_each(|(id, thing)| put(id, &|page| service(page, &estate, id, thing)));
    estate.stores.iter().for_each(|(id, thing)| put(id, &|page| store(page, id, thing)));
    estate.capabilities.iter().for_each(|(id, thing)| put(id, &|page| capability(page, id, thing)));
    estate.tenants.iter().for_each(|(id, thing)| put(id, &|page| tenant(page, id, thing)));
    estate.externals.iter().for_each(|(id, thing)| put(id, &|page| external(page, id, thing)));
    estate.resources.iter().for_each(|(id, thing)| put(id, &|page| resource(page, id, thing)));
    blocks
}

/// Hexadecimal SHA-256 of the canonical text.
pub fn hash(estate: &Estate) -> String {
    hash_of_text(&text(estate))
}

/// The same for a text that is at hand.
pub fn hash_of_text(text: &str) -> String {
    crate::hex(&Sha256::digest(text.as_bytes()))
}

/// The way back from `text`. Findings about content are no matter here; a text that cannot be read whole is.
pub fn from_text(text: &str) -> Result<Estate, TextFault> {
    let bytes = Content::Bytes(text.as_bytes().to_vec());
    let reading = read_files(&[RawFile { name: "estate.toml".to_owned(), content: bytes }]);
    match reading.findings.into_iter().find(|finding: &Finding| finding.grade == Grade::Blocking) {
        Some(finding) => Err(TextFault::Unreadable(finding.message.what)),
        None => Ok(reading.estate),
    }
}

/// The text as it grows.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: impl Display) {
        let _ = writeln!(self.text, "{line}");
    }

    fn head(&mut self, kind: &str, id: &Id) {
        self.line(format_args!("\n[{kind}.{}]", quoted(id.name())));
    }

    fn text(&mut self, name: &str, value: &str) {
        self.line(format_args!("{name} = {}", quoted(value)));
    }

    fn maybe(&mut self, name: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    fn id(&mut self, name: &str, value: Option<&Id>) {
        if let Some(value) = value {
            self.text(name, &value.to_string());
        }
    }

    fn number(&mut self, name: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.line(format_args!("{name} = {value}"));
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.line(format_args!("{name} = true"));
        }
    }

    fn list<T: Display>(&mut self, name: &str, values: &[T]) {
        if !values.is_empty() {
            self.line(format_args!("{name} = {}", list(values)));
        }
    }
}

fn list<T: Display>(values: &[T]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(&value.to_string())).collect();
    format!("[{}]", values.join(", "))
}

/// A TOML basic string; everything that is not a plain letter is escaped, so it stays on its line.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

fn word_of<T: Copy + PartialEq>(words: &[(&'static str, T)], meaning: T) -> &'static str {
    words
        .iter()
        .find(|(_, known)| *known == meaning)
        .map(|(word, _)| *word)
        .expect("the table of words names every variant; a test reads each back")
}

fn site(page: &mut Page, id: &Id, site: &Site) {
    page.head("site", id);
    page.text("name", &site.name);
    for door in &site.doors {
        page.line(format_args!("[[site.{}.doors]]", quoted(id.name())));
        page.text("name", &door.name);
        page.list("close", &door.close);
        page.list("open", &door.open);
        page.text("probe", &door.probe);
    }
}

fn host(page: &mut Page, id: &Id, host: &Host) {
    page.head("host", id);
    page.text("name", &host.name);
    page.id("site", host.site.as_ref());
    page.number("cpu", host.cpu);
    page.number("memory", host.memory);
    if let Some(ssh) = &host.ssh {
        page.line(format_args!("ssh = {}", ssh_line(ssh)));
    }
    page.flag("local", host.local);
}

fn service(page: &mut Page, estate: &Estate, id: &Id, service: &Service) {
    page.head("service", id);
    page.text("name", &service.name);
    page.maybe("image", service.image.as_ref());
    page.list("ports", &service.ports);
    page.id("host", service.host.as_ref());
    page.id("site", service.site.as_ref());
    page.number("tier", service.tier);
    page.number("memory", Some(service.memory).filter(|size| *size > 0));
    page.number("cpu_boot", Some(service.cpu_boot).filter(|cores| *cores > 0));
    page.list("crew", &service.crew);
    page.number("capacity", service.capacity);
    page.number("cold_load", service.cold_load);
    page.number("boot_s", Some(service.boot_s).filter(|seconds| *seconds > 0));
    if service.start_class != StartClass::default() {
        page.text("start_class", word_of(&START_CLASSES, service.start_class));
    }
    page.flag("second_person", service.second_person);
    let needs = needs(estate, id);
    for kind in EdgeKind::ALL {
        let edges: Vec<String> = needs.iter().filter(|edge| edge.kind == kind).map(edge).collect();
        if !edges.is_empty() {
            page.line(format_args!("needs.{} = [{}]", kind.word(), edges.join(", ")));
        }
    }
    if let Some(settings) = &service.run {
        run(page, id, settings);
    }
    service.gates.iter().for_each(|thing| gate(page, id, thing));
}

/// The edges of one dependent: they are settled, so they lie together.
pub fn needs<'e>(estate: &'e Estate, id: &Id) -> &'e [Edge] {
    let begin = estate.edges.partition_point(|edge| edge.from < *id);
    let count = estate.edges[begin..].partition_point(|edge| edge.from == *id);
    &estate.edges[begin..begin + count]
}

pub fn edge(edge: &Edge) -> String {
    let to = quoted(&edge.to.to_string());
    if edge.evidence == Evidence::Declared && edge.by.is_none() && edge.confidence == 1000 {
        return to;
    }
    let evidence = quoted(word_of(&EVIDENCE, edge.evidence));
    let by = edge.by.as_ref().map_or_else(String::new, |by| format!(", by = {}", quoted(by)));
    let (whole, thousandths) = (edge.confidence / 1000, edge.confidence % 1000);
    format!("{{ on = {to}, evidence = {evidence}{by}, confidence = {whole}.{thousandths:03} }}")
}

fn run(page: &mut Page, id: &Id, run: &Run) {
    page.line(format_args!("[service.{}.run]", quoted(id.name())));
    if let Some(driver) = &run.driver {
        page.line(driver_line(driver));
    }
    page.list("start", &run.start);
    page.list("stop", &run.stop);
    page.list("admit", &run.admit);
    page.maybe("directory", run.directory.as_ref());
    page.maybe("pid_file", run.pid_file.as_ref());
    page.flag("job", run.job);
    let pairs: Vec<String> =
        run.environment.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value))).collect();
    if !pairs.is_empty() {
        page.line(format_args!("environment = {{ {} }}", pairs.join(", ")));
    }
}

fn gate(page: &mut Page, id: &Id, gate: &Gate) {
    page.line(format_args!("[[service.{}.gates]]", quoted(id.name())));
    match &gate.probe {
        Probe::Tcp(address) => page.text("tcp", address),
        Probe::Http { url, status } => {
            page.text("http", url);
            page.number("status", Some(u64::from(*status)));
        }
        Probe::Command(command) => page.list("command", command),
    }
    page.number("hold_ms", Some(gate.hold_ms));
    page.number("deadline_ms", Some(gate.deadline_ms));
    page.number("every_ms", Some(gate.every_ms));
    page.list("uses", &gate.uses);
}

fn store(page: &mut Page, id: &Id, store: &Store) {
    page.head("store", id);
    page.text("name", &store.name);
    page.id("site", store.site.as_ref());
    page.number("size", Some(store.size).filter(|size| *size > 0));
    page.number("restore_rate", store.restore_rate);
    page.maybe("path", store.path.as_ref());
    if let Some(source) = &store.source {
        let secret = match &source.secret {
            Secret::Environment(name) => format!("secret_env = {}", quoted(name)),
            Secret::File(path) => format!("secret_file = {}", quoted(path)),
        };
        let shared = source.resource.as_ref();
        let shared =
            shared.map_or_else(String::new, |id| format!(", resource = {}", quoted(&id.to_string())));
        let repository = quoted(&source.repository);
        let inside = source_inside(source.host.as_deref(), &source.paths);
        page.line(format_args!("source = {{ repository = {repository}, {inside}{secret}{shared} }}"));
    }
}

/// `host = "…", paths = ["…"], `, as far as it is said: also what a remedy proposes to write.
pub fn source_inside(host: Option<&str>, paths: &[String]) -> String {
    let host = host.map_or_else(String::new, |host| format!("host = {}, ", quoted(host)));
    let all: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
    let paths = if all.is_empty() { String::new() } else { format!("paths = [{}], ", all.join(", ")) };
    host + &paths
}

fn capability(page: &mut Page, id: &Id, capability: &Capability) {
    page.head("capability", id);
    let other = |language: &str, name: Option<&String>| {
        name.map_or_else(String::new, |name| format!(", {language} = {}", quoted(name)))
    };
    let name = &capability.name;
    let (fr, en) = (other("fr", name.fr.as_ref()), other("en", name.en.as_ref()));
    page.line(format_args!("name = {{ de = {}{fr}{en} }}", quoted(&name.de)));
    page.number("urgency", Some(capability.urgency));
    match &capability.cut {
        CutBehaviour::Hold => page.text("cut", "hold"),
        CutBehaviour::Divert(to) => page.line(format_args!("cut = {{ divert = {} }}", quoted(to))),
        CutBehaviour::Reject { reason } => {
            page.line(format_args!("cut = {{ reject = {} }}", quoted(reason)));
        }
    }
    page.number("rto_s", capability.rto_s);
    for serving in &capability.served_by {
        page.line(format_args!("[[capability.{}.served_by]]", quoted(id.name())));
        page.id("service", Some(&serving.service));
        match &serving.to {
            Tenants::All => {}
            Tenants::Site(site) => page.id("site", Some(site)),
            Tenants::Listed(tenants) => page.line(format_args!("tenants = {}", list(tenants))),
        }
    }
}

fn tenant(page: &mut Page, id: &Id, tenant: &Tenant) {
    page.head("tenant", id);
    page.text("name", &tenant.name);
    page.number("insured", Some(tenant.insured));
    page.id("site", tenant.site.as_ref());
    page.maybe("controller", tenant.controller.as_ref());
    page.maybe("supervisor", tenant.supervisor.as_ref());
    page.list("contacts", &tenant.contacts);
    page.list("languages", &tenant.languages);
    page.maybe("colour", tenant.colour.as_ref());
}

fn external(page: &mut Page, id: &Id, external: &External) {
    page.head("external", id);
    page.text("name", &external.name);
}

fn resource(page: &mut Page, id: &Id, resource: &Resource) {
    page.head("resource", id);
    page.text("name", &resource.name);
    page.text("kind", word_of(&RESOURCE_KINDS, resource.kind));
    page.number("capacity", Some(resource.capacity));
}

fn authority(page: &mut Page, authority: &Authority) {
    page.line("\n[[authority]]");
    page.text("may", &authority.may);
    page.list("on", &authority.on);
    page.text("granted_by", &authority.granted_by);
}

/// As it stands in the canonical text, without the name of the field.
fn ssh_line(ssh: &Ssh) -> String {
    let mut line = format!("{{ address = {}", quoted(&ssh.address));
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = write!(line, ", {name} = {value}");
        }
    };
    put("port", ssh.port.map(|port| port.to_string()));
    put("user", ssh.user.as_deref().map(quoted));
    let word = BECOMES.iter().find(|(_, meaning)| *meaning == ssh.becomes);
    put("become", word.map(|(word, _)| quoted(word)));
    put("jump", ssh.jump.as_ref().map(|jump| quoted(&jump.to_string())));
    let keys: Vec<String> = ssh.host_key.iter().map(|key| quoted(key)).collect();
    put("host_key", Some(format!("[{}]", keys.join(", "))).filter(|_| !keys.is_empty()));
    put("identity", ssh.identity.as_deref().map(quoted));
    line + " }"
}

/// The whole line of a driver in the table `run`.
fn driver_line(driver: &Driver) -> String {
    let word = driver.word();
    match driver {
        Driver::Systemd(name) | Driver::Libvirt(name) => format!("{word} = {}", quoted(name)),
        Driver::Compose { project, service, file } => {
            let file = file.as_ref().map_or_else(String::new, |file| format!(", file = {}", quoted(file)));
            format!("{word} = {{ project = {}, service = {}{file} }}", quoted(project), quoted(service))
        }
        Driver::Kubernetes(workload) => {
            let context = workload.context.as_ref();
            let context = context.map_or_else(String::new, |name| format!("context = {}, ", quoted(name)));
            format!(
                "{word} = {{ {context}namespace = {}, kind = {}, name = {}, replicas = {} }}",
                quoted(&workload.namespace),
                quoted(&workload.kind),
                quoted(&workload.name),
                workload.replicas
            )
        }
    }
}
