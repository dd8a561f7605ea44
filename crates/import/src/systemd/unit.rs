//! Finds a unit by its name as systemd does: the strongest folder wins, drop-ins come on top, links are other names
//! or masks, instances come from their template. From the output of `systemctl show`, what stands there wins.
//!
//! Units are looked up when something refers to them, because instances exist only by being named.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::super::Origin;
use super::gather::{Content, Entry, HostCopy, UnitAuthor};
use super::name::{self, Backslash, UnitKind};
use super::show::{self, Dumped, LoadState};
use super::text::{self, Setting, Unclear};

/// Longest chain of names that stand for each other, and of instances that name further instances.
const CHAIN_MAX: usize = 16;
const INSTANCE_CHAIN_MAX: usize = 8;
/// Most instances that are named by instances; whoever needs more names them in files.
const INHERITED_MAX: usize = 2_000;

/// How a unit refers to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    Requires,
    Requisite,
    BindsTo,
    Wants,
    Upholds,
    PartOf,
    After,
    Before,
    /// Needs whatever is mounted at or above a path.
    MountsFor,
}

impl Relation {
    const KEYS: [(&str, Relation); 8] = [
        ("Requires", Relation::Requires),
        ("Requisite", Relation::Requisite),
        ("BindsTo", Relation::BindsTo),
        ("Wants", Relation::Wants),
        ("Upholds", Relation::Upholds),
        ("PartOf", Relation::PartOf),
        ("After", Relation::After),
        ("Before", Relation::Before),
    ];

    /// The word in a unit file.
    pub fn word(self) -> &'static str {
        Relation::KEYS.iter().find(|(_, known)| *known == self).map_or("RequiresMountsFor", |(word, _)| word)
    }

    /// The other unit is started as well.
    pub fn pulls(self) -> bool {
        matches!(
            self,
            Relation::Requires
                | Relation::BindsTo
                | Relation::Wants
                | Relation::Upholds
                | Relation::MountsFor
        )
    }
}

/// A unit refers to another by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    pub relation: Relation,
    pub to: String,
    /// The setting that says so: `Requires`, `WorkingDirectory`, or a link in a folder.
    pub word: &'static str,
    pub origin: Origin,
}

/// A unit with everything that was said about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    pub name: String,
    pub kind: UnitKind,
    pub origin: Origin,
    pub written: UnitAuthor,
    pub settings: Vec<Setting>,
    pub references: Vec<Reference>,
    /// From `systemctl show`: whether it ran or would be started. `None`: read from files.
    pub started: Option<bool>,
    /// A target that is only named: no file of it is in the copy.
    pub bare: bool,
    /// How many instances led to this one, each named by the one before.
    depth: usize,
}

impl Unit {
    /// The last value of a setting that holds one.
    pub fn one(&self, section: &str, key: &str) -> Option<&Setting> {
        self.said(section, key).next_back().filter(|setting| !setting.value.is_empty())
    }

    /// The values of a setting that holds several: an empty assignment throws away what was before.
    pub fn all(&self, section: &str, key: &str) -> Vec<&Setting> {
        let mut all = Vec::new();
        for setting in self.said(section, key) {
            if setting.value.is_empty() {
                all.clear();
            } else {
                all.push(setting);
            }
        }
        all
    }

    fn said(&self, section: &str, key: &str) -> impl DoubleEndedIterator<Item = &Setting> {
        self.settings.iter().filter(move |setting| &*setting.section == section && setting.key == key)
    }

    /// `yes`, `true`, `on`, `1`; `otherwise` if nothing is said.
    pub fn is(&self, section: &str, key: &str, otherwise: bool) -> bool {
        let truth = |setting: &Setting| {
            matches!(setting.value.to_ascii_lowercase().as_str(), "yes" | "true" | "on" | "1" | "y" | "t")
        };
        self.one(section, key).map_or(otherwise, truth)
    }

    pub fn refers(&self, relation: Relation) -> impl Iterator<Item = &Reference> {
        self.references.iter().filter(move |reference| reference.relation == relation)
    }
}

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitLookup {
    Unit(usize),
    Masked,
    Missing,
}

/// Something about the files that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    Unclear(Unclear),
    /// Names that stand for each other in a ring.
    AliasRing(Origin, String),
    /// A unit file that lies outside of the copy.
    Elsewhere(Origin, String),
    /// An empty assignment to a dependency: systemd takes nothing away by it.
    NoReset(Origin, String),
    /// Instances that name further instances without end.
    InstanceChain(Origin, String),
    NotText(Origin),
    OpenQuote(Origin),
}

/// All units of a host that were asked for.
pub struct Units<'c> {
    pub host: String,
    pub units: Vec<Unit>,
    pub remarks: Vec<Remark>,
    known: HashMap<String, UnitLookup>,
    /// Instances that were named by instances.
    inherited: usize,
    fragments: BTreeMap<&'c str, Vec<&'c Entry>>,
    /// Folders beside units (`x.service.d`, `x.target.wants`), by their name.
    beside: BTreeMap<&'c str, Vec<&'c Entry>>,
    dumped: Vec<Dumped>,
    dumped_by_name: HashMap<String, usize>,
}

/// Where the chain of names of a unit ended.
enum Fragment<'c> {
    Entry(String, &'c Entry),
    Dumped(usize),
    Bare(String),
    Masked,
    Missing,
}

impl<'c> Units<'c> {
    pub fn new(copy: &'c HostCopy, host: &str) -> Units<'c> {
        let mut units = Units {
            host: host.to_owned(),
            units: Vec::new(),
            remarks: Vec::new(),
            known: HashMap::new(),
            inherited: 0,
            fragments: BTreeMap::new(),
            beside: BTreeMap::new(),
            dumped: Vec::new(),
            dumped_by_name: HashMap::new(),
        };
        for entry in &copy.entries {
            let place = match &entry.folder {
                None => units.fragments.entry(entry.name.as_str()),
                Some(folder) => units.beside.entry(folder.as_str()),
            };
            place.or_default().push(entry);
        }
        for entries in units.fragments.values_mut().chain(units.beside.values_mut()) {
            entries.sort_by_key(|entry| entry.layer);
        }
        for dump in &copy.dumps {
            units.dumped.extend(show::units(dump));
        }
        for (at, dumped) in units.dumped.iter().enumerate() {
            for name in &dumped.names {
                units.dumped_by_name.insert(name.clone(), at);
            }
        }
        units
    }

    /// Every name that has a file of its own or a part of the output of `systemctl show`, with who wrote it.
    pub fn names(&self) -> Vec<(String, UnitAuthor)> {
        let files = self
            .fragments
            .iter()
            .filter_map(|(name, entries)| Some(((*name).to_owned(), entries.first()?.written)));
        let dumped =
            self.dumped.iter().filter_map(|dumped| Some((dumped.names.first()?.clone(), UnitAuthor::Vendor)));
        files.chain(dumped).collect()
    }

    /// Names with a folder of links that belongs to them (`x.target` of `x.target.wants`).
    pub fn owners_of_links(&self) -> Vec<String> {
        let owner = |folder: &&str| {
            LINK_FOLDERS.iter().find_map(|(end, _, _)| folder.strip_suffix(end)).map(str::to_owned)
        };
        self.beside.keys().filter_map(owner).collect()
    }

    /// The unit behind a name, read if it was not yet.
    pub fn find(&mut self, name: &str) -> UnitLookup {
        self.find_for(name, 0)
    }

    fn find_for(&mut self, name: &str, depth: usize) -> UnitLookup {
        if let Some(found) = self.known.get(name) {
            return *found;
        }
        let mut trail = vec![name.to_owned()];
        let found = match self.fragment(&mut trail) {
            Fragment::Masked => UnitLookup::Masked,
            Fragment::Missing => UnitLookup::Missing,
            Fragment::Bare(name) => self.enter(&name, |units| units.bare(&name)),
            Fragment::Dumped(at) => {
                let name = self.dumped[at].names.first().cloned().unwrap_or_default();
                self.enter(&name, |units| units.read_dump(at))
            }
            Fragment::Entry(name, entry) => {
                self.enter(&name, |units| units.read_files(&name, entry, &trail, depth))
            }
        };
        for name in trail {
            self.known.insert(name, found);
        }
        found
    }

    /// Reads a unit once, whatever name led to it.
    fn enter(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Unit) -> UnitLookup {
        if let Some(found @ UnitLookup::Unit(_)) = self.known.get(name) {
            return *found;
        }
        let unit = read(self);
        self.units.push(unit);
        let found = UnitLookup::Unit(self.units.len() - 1);
        self.known.insert(name.to_owned(), found);
        found
    }

    /// Follows names to the file that counts. `trail` gets every name on the way.
    fn fragment(&mut self, trail: &mut Vec<String>) -> Fragment<'c> {
        let mut name = trail[0].clone();
        loop {
            if let Some(at) = self.dumped_by_name.get(&name) {
                return match self.dumped[*at].load {
                    LoadState::Loaded => Fragment::Dumped(*at),
                    LoadState::Masked => Fragment::Masked,
                    LoadState::NotThere => Fragment::Missing,
                };
            }
            let template = name::template_of(&name);
            let own = self.fragments.get(name.as_str());
            let entries =
                own.or_else(|| self.fragments.get(template.as_deref()?)).cloned().unwrap_or_default();
            let mut next = None;
            for entry in &entries {
                match &entry.content {
                    Content::Text(text) if text.is_empty() => return Fragment::Masked,
                    Content::Text(_) => return Fragment::Entry(name, entry),
                    Content::Link(target) if target == "/dev/null" || target.ends_with("/dev/null") => {
                        return Fragment::Masked;
                    }
                    Content::Link(target) => {
                        let base = target.rsplit('/').next().unwrap_or_default();
                        if base != entry.name && name::kind(base).is_some() {
                            let instance = name::parts(&name).instance.unwrap_or_default();
                            next = Some((name::instantiate(base, instance), *entry));
                            break;
                        }
                        if entries.len() == 1 {
                            let origin = Origin { file: Arc::clone(&entry.shown), line: 0 };
                            self.remarks.push(Remark::Elsewhere(origin, target.clone()));
                        }
                    }
                }
            }
            let Some((other, entry)) = next else {
                let known = name::kind(&name) == Some(UnitKind::Target);
                return if known { Fragment::Bare(name) } else { Fragment::Missing };
            };
            if trail.contains(&other) || trail.len() > CHAIN_MAX {
                let origin = Origin { file: Arc::clone(&entry.shown), line: 0 };
                self.remarks.push(Remark::AliasRing(origin, trail.join(", ")));
                return Fragment::Missing;
            }
            trail.push(other.clone());
            name = other;
        }
    }

    fn bare(&mut self, name: &str) -> Unit {
        let mut unit = Unit {
            name: name.to_owned(),
            kind: UnitKind::Target,
            origin: Origin::file(name),
            written: UnitAuthor::Vendor,
            settings: Vec::new(),
            references: Vec::new(),
            started: None,
            bare: true,
            depth: 0,
        };
        self.links(&mut unit, &[]);
        if let Some(first) = unit.references.first() {
            unit.origin = first.origin.clone();
        }
        unit
    }

    fn read_dump(&mut self, at: usize) -> Unit {
        let dumped = &self.dumped[at];
        let name = dumped.names.first().cloned().unwrap_or_default();
        let mut unit = Unit {
            kind: name::kind(&name).unwrap_or(UnitKind::Other),
            name,
            origin: dumped.origin.clone(),
            written: UnitAuthor::Vendor,
            settings: dumped.settings.clone(),
            references: Vec::new(),
            started: Some(dumped.started),
            bare: false,
            depth: 0,
        };
        self.refer(&mut unit);
        unit
    }

    fn read_files(&mut self, name: &str, entry: &'c Entry, trail: &[String], depth: usize) -> Unit {
        let mut settings = self.read(entry);
        for drop_in in self.drop_ins(name, trail) {
            settings.extend(self.read(drop_in));
        }
        for setting in &mut settings {
            setting.value = name::expanded(&setting.value, name, &self.host);
        }
        let mut unit = Unit {
            name: name.to_owned(),
            kind: name::kind(name).unwrap_or(UnitKind::Other),
            origin: Origin { file: Arc::clone(&entry.shown), line: 0 },
            written: entry.written,
            settings,
            references: Vec::new(),
            started: None,
            bare: false,
            depth,
        };
        self.refer(&mut unit);
        self.links(&mut unit, trail);
        unit
    }

    fn read(&mut self, entry: &Entry) -> Vec<Setting> {
        let Content::Text(text) = &entry.content else { return Vec::new() };
        let (settings, unclear) = text::settings(&entry.shown, text);
        self.remarks.extend(unclear.into_iter().map(Remark::Unclear));
        if text.contains('\u{fffd}') || text.contains('\0') {
            self.remarks.push(Remark::NotText(Origin { file: Arc::clone(&entry.shown), line: 0 }));
        }
        settings
    }

    /// Drop-ins in the order in which they are read: by file name, whichever folder they are in. Of the same file
    /// name the folder named more exactly wins, then the stronger one.
    fn drop_ins(&self, name: &str, trail: &[String]) -> Vec<&'c Entry> {
        let mut by_file: BTreeMap<&str, &'c Entry> = BTreeMap::new();
        let mut folders: Vec<String> = trail.iter().flat_map(|name| drop_in_folders(name)).collect();
        folders.extend(drop_in_folders(name));
        for folder in folders {
            for entry in self.beside.get(folder.as_str()).into_iter().flatten() {
                if entry.name.ends_with(".conf") {
                    by_file.entry(entry.name.as_str()).or_insert(entry);
                }
            }
        }
        by_file.into_values().collect()
    }

    /// Dependencies that are written as settings.
    fn refer(&mut self, unit: &mut Unit) {
        let mut references = Vec::new();
        for setting in unit.settings.iter().filter(|setting| &*setting.section == "Unit") {
            let Some((word, relation)) = Relation::KEYS.iter().find(|(word, _)| *word == setting.key) else {
                continue;
            };
            if setting.value.is_empty() {
                self.remarks.push(Remark::NoReset(setting.at.clone(), setting.key.clone()));
            }
            for to in self.words(setting) {
                references.push(Reference { relation: *relation, to, word, origin: setting.at.clone() });
            }
        }
        for (word, setting, path) in self.paths_of(unit) {
            for folder in name::folders_up(&path) {
                let relation = if word == "WantsMountsFor" { Relation::Wants } else { Relation::MountsFor };
                let to = name::mount_of(folder);
                references.push(Reference { relation, to, word, origin: setting.at.clone() });
            }
        }
        unit.references = references;
    }

    fn words(&mut self, setting: &Setting) -> Vec<String> {
        name::words(&setting.value, Backslash::Kept).unwrap_or_else(|| {
            self.remarks.push(Remark::OpenQuote(setting.at.clone()));
            Vec::new()
        })
    }

    /// Paths whose mounts a unit needs: by `RequiresMountsFor`, and by the settings for which systemd adds it.
    fn paths_of(&mut self, unit: &Unit) -> Vec<(&'static str, Setting, String)> {
        const PLAIN: [(&str, &str, &str); 5] = [
            ("Unit", "RequiresMountsFor", ""),
            ("Unit", "WantsMountsFor", ""),
            ("Service", "WorkingDirectory", ""),
            ("Service", "RootDirectory", ""),
            ("Service", "RootImage", ""),
        ];
        const BELOW: [(&str, &str, &str); 3] = [
            ("Service", "StateDirectory", "/var/lib/"),
            ("Service", "CacheDirectory", "/var/cache/"),
            ("Service", "LogsDirectory", "/var/log/"),
        ];
        let mut paths = Vec::new();
        for (section, key, above) in PLAIN.into_iter().chain(BELOW) {
            for setting in unit.all(section, key) {
                for word in self.words(setting) {
                    let path = format!("{above}{}", word.trim_start_matches(['-', '!']));
                    if path.starts_with('/') {
                        paths.push((key, setting.clone(), path));
                    }
                }
            }
        }
        paths
    }

    /// Dependencies that are links in a folder beside the unit.
    fn links(&mut self, unit: &mut Unit, trail: &[String]) {
        let instance = name::parts(&unit.name).instance.unwrap_or_default().to_owned();
        let mut owners: Vec<String> = vec![unit.name.clone()];
        owners.extend(name::template_of(&unit.name));
        owners.extend(trail.iter().cloned());
        owners.sort();
        owners.dedup();
        for (end, relation, word) in LINK_FOLDERS {
            let mut seen = std::collections::BTreeSet::new();
            for owner in &owners {
                for entry in self.beside.get(format!("{owner}{end}").as_str()).into_iter().flatten() {
                    let masked =
                        matches!(&entry.content, Content::Link(target) if target.ends_with("/dev/null"));
                    if seen.insert(entry.name.as_str()) && !masked && name::kind(&entry.name).is_some() {
                        unit.references.push(Reference {
                            relation,
                            to: name::instantiate(&entry.name, &instance),
                            word,
                            origin: Origin { file: Arc::clone(&entry.shown), line: 0 },
                        });
                    }
                }
            }
        }
    }

    /// A unit without any link to it, as in a folder of nothing but units: its `[Install]` section counts as if it
    /// were enabled. The targets it is installed into.
    pub fn install(&mut self, at: usize) -> Option<Vec<usize>> {
        const KEYS: [(&str, Relation, &str); 3] = [
            ("WantedBy", Relation::Wants, "WantedBy"),
            ("RequiredBy", Relation::Requires, "RequiredBy"),
            ("UpheldBy", Relation::Upholds, "UpheldBy"),
        ];
        let unit = self.units.get(at)?;
        let (name, mut owners) = (unit.name.clone(), Vec::new());
        let said = |key: &str| -> Vec<Setting> { unit.all("Install", key).into_iter().cloned().collect() };
        let (aliases, keys) = (said("Alias"), KEYS.map(|(key, relation, word)| (said(key), relation, word)));
        for alias in aliases.iter().flat_map(|setting| self.words(setting)).collect::<Vec<_>>() {
            let known = self.known.entry(alias).or_insert(UnitLookup::Unit(at));
            if *known == UnitLookup::Missing {
                *known = UnitLookup::Unit(at);
            }
        }
        for (settings, relation, word) in keys {
            for setting in settings {
                for owner in self.words(&setting) {
                    let UnitLookup::Unit(owner) = self.find_from(at, &owner) else { continue };
                    let (to, origin) = (name.clone(), setting.at.clone());
                    self.units[owner].references.push(Reference { relation, to, word, origin });
                    if self.units[owner].kind == UnitKind::Target {
                        owners.push(owner);
                    }
                }
            }
        }
        Some(owners)
    }

    /// The unit that `unit` refers to; stops instances that name instances without end.
    pub fn find_from(&mut self, unit: usize, to: &str) -> UnitLookup {
        let from = &self.units[unit];
        let is_instance = name::parts(to).instance.is_some();
        let depth = if is_instance { from.depth + 1 } else { 0 };
        self.inherited += usize::from(depth > 1 && !self.known.contains_key(to));
        let endless = depth > INSTANCE_CHAIN_MAX || (depth > 1 && self.inherited > INHERITED_MAX);
        if endless && !self.known.contains_key(to) {
            let remark = Remark::InstanceChain(from.origin.clone(), to.to_owned());
            self.known.insert(to.to_owned(), UnitLookup::Missing);
            self.remarks.push(remark);
        }
        self.find_for(to, depth)
    }

    /// What was found before; nothing is read.
    pub fn at(&self, name: &str) -> Option<usize> {
        match self.known.get(name) {
            Some(UnitLookup::Unit(at)) => Some(*at),
            _ => None,
        }
    }
}

/// Folders whose links are dependencies of the unit they are named after.
const LINK_FOLDERS: [(&str, Relation, &str); 3] = [
    (".wants", Relation::Wants, "Wants"),
    (".requires", Relation::Requires, "Requires"),
    (".upholds", Relation::Upholds, "Upholds"),
];

/// Folders that hold drop-ins for a unit, the most exact first: its own, its template's, `a-.service.d` for
/// `a-b.service`, `service.d`.
fn drop_in_folders(unit: &str) -> Vec<String> {
    let parts = name::parts(unit);
    let mut folders = vec![format!("{unit}.d")];
    folders.extend(name::template_of(unit).map(|template| format!("{template}.d")));
    let mut prefix = parts.prefix;
    while let Some((shorter, _)) = prefix.trim_end_matches('-').rsplit_once('-') {
        folders.push(format!("{shorter}-.{}.d", parts.suffix));
        prefix = shorter;
    }
    folders.push(format!("{}.d", parts.suffix));
    folders
}
