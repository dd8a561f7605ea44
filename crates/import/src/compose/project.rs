//! The files of a project as one map of services: variables filled in, `extends` and `include` followed, layers
//! merged, profiles applied. Everything keeps the line it came from.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::draft::Noted;
use super::super::fault::Unreadable;
use super::super::origin::Origin;
use super::super::sources::Fetched;
use super::super::yaml::{self, Entry, Map, Node, Value};
use super::missed::MissedVariables;
use super::variables::{Variables, fill};
use super::{Fetch, Options, layers};
use estate::finding::{Finding, Grade};

/// Deepest chain of `include` or `extends`.
const CHAIN_MAX: usize = 32;

/// Everything that is enabled.
#[derive(Clone, Debug, Default)]
pub(super) struct Project {
    /// As its files name it.
    pub(super) name: Option<String>,
    pub(super) services: Map,
    /// Services behind profiles that were not asked for.
    pub(super) hidden: Map,
    pub(super) volumes: Map,
    pub(super) variables: Variables,
    pub(super) findings: Vec<Noted>,
}

pub(super) fn load(options: &Options, fetch: &Fetch<'_>) -> Result<Project, Unreadable> {
    let first = options.files.first().map_or("", String::as_str);
    let folder = folder_of(first);
    let mut variables = Variables { shell: options.shell.clone(), ..Variables::default() };
    environment(&options.env_files, &folder, &mut variables, fetch)?;
    let loader = Loader { fetch, seen: RefCell::default(), bases: RefCell::default() };
    let mut root = Map::default();
    for file in &options.files {
        layers::merge(&mut root, loader.file(file, Around { variables: &variables, folder: &folder }, &[])?);
    }
    layers::clear(&mut root);
    let name = root.remove("name").and_then(|node| node.as_text().map(str::to_owned));
    let mut project = Project { name, ..Project::default() };
    let services = root.remove("services");
    let Some(Value::Map(services)) = services.map(|node| node.value) else {
        let origin = Origin::file(first);
        return Err(loader.seen.into_inner().first_form.unwrap_or_else(|| {
            Unreadable::new(&origin, "it names no services", "check whether this is a compose file")
        }));
    };
    project.services = services;
    if let Some(Value::Map(volumes)) = root.remove("volumes").map(|node| node.value) {
        project.volumes = volumes;
    }
    profiles(&mut project, options, &variables);
    project.findings.extend(loader.seen.into_inner().findings(&variables, first));
    project.variables = variables;
    Ok(project)
}

/// `--env-file`s, or the `.env` beside the first file if it is there.
fn environment(
    named: &[String],
    folder: &str,
    variables: &mut Variables,
    fetch: &Fetch<'_>,
) -> Result<(), Unreadable> {
    if named.is_empty() {
        let usual = format!("{folder}.env");
        if let Fetched::Text(text) = fetch(&usual)? {
            variables.read(&usual, &text)?;
        }
    }
    for name in named {
        match fetch(name)? {
            Fetched::Text(text) => variables.read(name, &text)?,
            Fetched::Missing => {
                return Err(Unreadable::new(
                    &Origin::file(name),
                    "is not there",
                    "name the file with the variables",
                ));
            }
        }
    }
    Ok(())
}

fn profiles(project: &mut Project, options: &Options, variables: &Variables) {
    let more = variables.get("COMPOSE_PROFILES").unwrap_or_default().to_owned();
    let active: BTreeSet<&str> =
        options.profiles.iter().map(String::as_str).chain(more.split(',')).map(str::trim).collect();
    if options.all_profiles || active.contains("*") {
        return;
    }
    let enabled = |node: &Node| {
        let wanted = node.get("profiles").and_then(Node::as_list).unwrap_or_default();
        wanted.is_empty() || wanted.iter().filter_map(Node::as_text).any(|name| active.contains(name))
    };
    let total = project.services.len();
    for entry in std::mem::take(&mut project.services).into_entries() {
        let to = if enabled(&entry.node) { &mut project.services } else { &mut project.hidden };
        to.insert(entry.key, &entry.origin, entry.node);
    }
    let count = project.hidden.len();
    let Some(origin) = project.hidden.iter().next().map(|entry| entry.origin.clone()) else { return };
    project.findings.push(Noted {
        origin: Some(origin),
        finding: Finding::new(
            Grade::Serious,
            "behind-profiles",
            format!("{count} of {total} services are behind profiles that were not asked for"),
            "they are not in the estate, so no plan brings them back",
            "import with --all-profiles, or name those that are in use: --profile NAME",
        ),
    });
}

/// What a file is read with.
#[derive(Clone, Copy)]
struct Around<'a> {
    variables: &'a Variables,
    /// From where paths in it count, as a prefix: empty, or ending in `/`.
    folder: &'a str,
}

struct Loader<'l> {
    fetch: &'l Fetch<'l>,
    seen: RefCell<MissedVariables>,
    /// Files that services were extended from, with the variables they were read with.
    bases: RefCell<BTreeMap<String, (Variables, Rc<Map>)>>,
}

/// What is being read, from the outside in: file, and service if it is for `extends`.
type Chain<'c> = &'c [(String, String)];

impl Loader<'_> {
    fn note(
        &self,
        grade: Grade,
        code: &'static str,
        origin: &Origin,
        what: String,
        means: &str,
        to_do: &str,
    ) {
        let finding = Finding::new(grade, code, what, means, to_do);
        self.seen.borrow_mut().notes.push(Noted { origin: Some(origin.clone()), finding });
    }

    /// One file with everything that it takes in, without profiles applied.
    fn file(&self, name: &str, around: Around<'_>, chain: Chain<'_>) -> Result<Map, Unreadable> {
        let mut whole = Map::default();
        for document in self.documents(name, &Origin::file(name))? {
            let mut root = self.sections(document, around)?;
            let includes = root.remove("include");
            self.extend_all(name, &mut root, around, chain)?;
            layers::merge(&mut whole, root);
            if let Some(includes) = includes {
                let mut below = self.includes(name, &includes, around.variables, chain)?;
                self.warn_of_overlap(&below, &whole);
                // The project is called as the file that takes others in says.
                below.remove("name");
                layers::merge(&mut below, whole);
                whole = below;
            }
        }
        Ok(whole)
    }

    fn documents(&self, name: &str, asked_at: &Origin) -> Result<Vec<Node>, Unreadable> {
        match (self.fetch)(name)? {
            Fetched::Text(text) => yaml::read(name, &text),
            Fetched::Missing => Err(missing(name, asked_at)),
        }
    }

    /// The parts of a document that mean something here, with variables filled in and services in one form.
    fn sections(&self, document: Node, around: Around<'_>) -> Result<Map, Unreadable> {
        if document.is_null() {
            return Ok(Map::default());
        }
        let origin = document.origin.clone();
        let Value::Map(root) = document.value else {
            return Err(Unreadable::new(
                &origin,
                "this is not a compose file: it is not a map",
                "name a compose file",
            ));
        };
        if root.get("services").is_none() {
            self.first_form(&root);
        }
        let mut kept = Map::default();
        for entry in root.into_entries() {
            if !matches!(
                entry.key.as_str(),
                "name" | "services" | "volumes" | "configs" | "secrets" | "include"
            ) {
                continue;
            }
            let mut node = entry.node;
            self.fill(&mut node, around.variables)?;
            if entry.key == "services" {
                self.in_one_form(&mut node, around.folder)?;
            }
            if !node.is_null() {
                kept.insert(entry.key, &entry.origin, node);
            }
        }
        Ok(kept)
    }

    /// Files of 2014 had no `services`: the services stood at the top. Remembered, in case no file names any.
    fn first_form(&self, root: &Map) {
        let is_service = |entry: &&Entry| entry.node.get("image").or(entry.node.get("build")).is_some();
        let Some(entry) = root.iter().find(is_service) else { return };
        self.seen.borrow_mut().first_form.get_or_insert_with(|| {
            Unreadable::new(
                &entry.origin,
                format!("the service {} is at the top level, and there is no `services:`", entry.key),
                "this is the first form of compose files, which compose itself no longer reads: write `services:` above \
                 all of them and indent them",
            )
        });
    }

    fn in_one_form(&self, services: &mut Node, folder: &str) -> Result<(), Unreadable> {
        if services.is_null() {
            return Ok(());
        }
        let origin = services.origin.clone();
        let Value::Map(map) = &mut services.value else {
            return Err(Unreadable::new(
                &origin,
                "`services` is not a map",
                "write each service with its name and a colon",
            ));
        };
        for (name, service) in map.nodes_mut() {
            if service.is_null() && service.tag.is_none() {
                *service = Node::map(Map::default(), &service.origin.clone());
            }
            let origin = service.origin.clone();
            match &mut service.value {
                Value::Map(fields) => {
                    for (field, origin) in layers::normal(fields) {
                        self.not_a_text(name, field, &origin);
                    }
                    anchor(fields, folder);
                }
                _ if service.tag.is_some() => {}
                _ => {
                    return Err(Unreadable::new(
                        &origin,
                        "this service is not a map",
                        "write its fields below its name",
                    ));
                }
            }
        }
        Ok(())
    }

    fn not_a_text(&self, service: &str, field: &str, origin: &Origin) {
        self.note(
            Grade::Serious,
            "entry-not-read",
            origin,
            format!("an entry in the list `{field}` of {service} is not a text and cannot be read"),
            "compose refuses it; whatever it was meant to say is not in the estate",
            "write the list as texts, or the whole of it as a table: name and colon, the rest below",
        );
    }

    fn fill(&self, node: &mut Node, variables: &Variables) -> Result<(), Unreadable> {
        let origin = node.origin.clone();
        match &mut node.value {
            Value::Text { text, plain } if text.contains('$') => {
                let filled = fill(text, variables).map_err(|what| {
                    Unreadable::new(
                        &origin,
                        what,
                        "fix the variable; a `$` that means itself is written `$$`",
                    )
                })?;
                let mut seen = self.seen.borrow_mut();
                for (name, message) in filled.required {
                    seen.required.entry(name).or_insert_with(|| (origin.clone(), message));
                }
                for name in filled.from_shell {
                    seen.from_shell.entry(name).or_insert_with(|| origin.clone());
                }
                for name in &filled.unset {
                    seen.unset.entry(name.clone()).or_insert_with(|| origin.clone());
                }
                *text = filled.text;
                // Empty because of a variable is not the same as left empty.
                *plain = false;
                node.unset = filled.unset;
            }
            Value::Text { .. } => {}
            Value::List(list) => {
                for inner in list {
                    self.fill(inner, variables)?;
                }
            }
            Value::Map(map) => {
                for inner in map.values_mut() {
                    self.fill(inner, variables)?;
                }
            }
        }
        Ok(())
    }

    fn includes(
        &self,
        file: &str,
        includes: &Node,
        variables: &Variables,
        chain: Chain<'_>,
    ) -> Result<Map, Unreadable> {
        let mut whole = Map::default();
        for entry in each(includes) {
            let folder = folder_of(file);
            let texts = |key: &str| -> Vec<String> {
                let nodes = entry.get(key).map(each).unwrap_or_default();
                nodes.into_iter().filter_map(Node::as_text).map(|path| joined(&folder, path)).collect()
            };
            let paths = match entry.as_text() {
                Some(path) => vec![joined(&folder, path)],
                None => texts("path"),
            };
            if paths.is_empty() {
                return Err(Unreadable::new(&entry.origin, "this include names no file", "give its `path`"));
            }
            let mut inner = variables.clone();
            let base = entry.get("project_directory").and_then(Node::as_text);
            let base =
                base.map_or_else(|| folder_of(&paths[0]), |path| format!("{}/", joined(&folder, path)));
            environment(&texts("env_file"), &base, &mut inner, self.fetch)?;
            // What the including project sets wins: its files are only defaults for it.
            inner.files.extend(variables.files.clone());
            inner.given = variables.given;
            let around = Around { variables: &inner, folder: &base };
            let mut below = Map::default();
            for path in paths {
                let inside = self.deeper(chain, &path, "", &entry.origin, "include")?;
                if (self.fetch)(&path)? == Fetched::Missing {
                    return Err(missing(&path, &entry.origin));
                }
                layers::merge(&mut below, self.file(&path, around, &inside)?);
            }
            layers::merge(&mut whole, below);
        }
        Ok(whole)
    }

    /// Compose refuses a service that is included and defined again; here the file's own lines win.
    fn warn_of_overlap(&self, below: &Map, own: &Map) {
        let services = |map: &Map| map.get("services").and_then(Node::as_map).cloned().unwrap_or_default();
        let (below, own) = (services(below), services(own));
        for entry in own.iter().filter(|entry| below.get(&entry.key).is_some()) {
            self.note(
                Grade::Note,
                "included-twice",
                &entry.origin,
                format!("{} is also in an included file", entry.key),
                "the lines of this file win over the included ones",
                "check whether they are meant to be the same service",
            );
        }
    }

    /// Resolves `extends` of every service of a file.
    fn extend_all(
        &self,
        file: &str,
        root: &mut Map,
        around: Around<'_>,
        chain: Chain<'_>,
    ) -> Result<(), Unreadable> {
        let Some(Value::Map(services)) = root.get_mut("services").map(|node| &mut node.value) else {
            return Ok(());
        };
        if services.iter().all(|entry| entry.node.get("extends").is_none()) {
            return Ok(());
        }
        let before = services.clone();
        for entry in before.iter().filter(|entry| entry.node.get("extends").is_some()) {
            let inside = self.deeper(chain, file, &entry.key, &entry.origin, "extends")?;
            let whole = self.extended(file, &before, &entry.node, around, &inside)?;
            services.insert(entry.key.clone(), &entry.origin, whole);
        }
        Ok(())
    }

    /// A service with what it extends below it.
    fn extended(
        &self,
        file: &str,
        services: &Map,
        service: &Node,
        around: Around<'_>,
        chain: Chain<'_>,
    ) -> Result<Node, Unreadable> {
        let Some(extends) = service.get("extends") else { return Ok(service.clone()) };
        let Some(name) = extends.as_text().or_else(|| extends.get("service")?.as_text()) else {
            return Err(Unreadable::new(&extends.origin, "`extends` names no service", "give its `service`"));
        };
        let other = extends.get("file").and_then(Node::as_text).map(|path| joined(&folder_of(file), path));
        let elsewhere = other.as_deref().unwrap_or(file);
        let foreign = if elsewhere == file {
            None
        } else {
            Some(self.raw_services(elsewhere, &extends.origin, around.variables)?)
        };
        let among = foreign.as_deref().unwrap_or(services);
        let Some(base) = among.get(name) else {
            return Err(Unreadable::new(
                &extends.origin,
                format!("there is no service {name} in {elsewhere} to extend"),
                "name a service that is there",
            ));
        };
        let inside = self.deeper(chain, elsewhere, name, &extends.origin, "extends")?;
        let mut whole = self.extended(elsewhere, among, base, around, &inside)?;
        let (Value::Map(below), Value::Map(over)) = (&mut whole.value, &service.value) else {
            return Ok(service.clone());
        };
        below.remove("extends");
        let mut over = over.clone();
        over.remove("extends");
        layers::merge(below, over);
        whole.origin = service.origin.clone();
        Ok(whole)
    }

    /// The services of another file, not extended yet.
    fn raw_services(
        &self,
        name: &str,
        asked_at: &Origin,
        variables: &Variables,
    ) -> Result<Rc<Map>, Unreadable> {
        if let Some((known, services)) = self.bases.borrow().get(name)
            && known == variables
        {
            return Ok(Rc::clone(services));
        }
        let mut whole = Map::default();
        for document in self.documents(name, asked_at)? {
            let around = Around { variables, folder: &folder_of(name) };
            layers::merge(&mut whole, self.sections(document, around)?);
        }
        let services = match whole.remove("services").map(|node| node.value) {
            Some(Value::Map(services)) => Rc::new(services),
            _ => Rc::default(),
        };
        self.bases.borrow_mut().insert(name.to_owned(), (variables.clone(), Rc::clone(&services)));
        Ok(services)
    }

    fn deeper(
        &self,
        chain: Chain<'_>,
        file: &str,
        service: &str,
        origin: &Origin,
        word: &str,
    ) -> Result<Vec<(String, String)>, Unreadable> {
        let step = (file.to_owned(), service.to_owned());
        if chain.len() >= CHAIN_MAX {
            let what = format!("`{word}` leads through more than {CHAIN_MAX} files or services");
            return Err(Unreadable::new(origin, what, "shorten the chain; nobody can follow it either"));
        }
        if chain.contains(&step) {
            let path: Vec<String> = chain
                .iter()
                .chain([&step])
                .map(
                    |(file, service)| {
                        if service.is_empty() { file.clone() } else { format!("{service} ({file})") }
                    },
                )
                .collect();
            let what = format!("`{word}` comes back to itself: {}", path.join(" -> "));
            return Err(Unreadable::new(origin, what, "break the ring in one of these places"));
        }
        Ok(chain.iter().cloned().chain([step]).collect())
    }
}

/// Paths of environment files count from the folder of the project that names them, wherever it is taken in.
fn anchor(service: &mut Map, folder: &str) {
    let Some(Value::List(list)) = service.get_mut("env_file").map(|node| &mut node.value) else { return };
    for node in list {
        let node = match &mut node.value {
            Value::Map(map) => map.get_mut("path"),
            Value::Text { .. } | Value::List(_) => Some(node),
        };
        if let Some(Value::Text { text, .. }) = node.map(|node| &mut node.value) {
            *text = joined(folder, text);
        }
    }
}

fn missing(name: &str, asked_at: &Origin) -> Unreadable {
    Unreadable::new(
        asked_at,
        format!("there is no file {name}"),
        "name a file that is there; paths in a compose file count from its own folder",
    )
}

/// A list, or the one thing alone.
pub(super) fn each(node: &Node) -> Vec<&Node> {
    match node.as_list() {
        Some(list) => list.iter().collect(),
        None => vec![node],
    }
}

/// The folder of a file as a prefix: empty, or ending in `/`.
pub(super) fn folder_of(file: &str) -> String {
    file.rfind('/').map_or_else(String::new, |at| file[..=at].to_owned())
}

/// A path that counts from a folder, without `./` and `a/../`.
pub(super) fn joined(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| *last != ".." && !last.is_empty()) => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}
