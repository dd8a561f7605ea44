//! What a table is about, and what stands in which column: told by the names in its first row.
//!
//! The names are those that CMDBs and spreadsheets use: ServiceNow (`cmdb_ci`, `cmdb_rel_ci`, its misspelt
//! `busines_criticality`, own columns with `u_`), i-doit, plain English, German and French.

use super::cells::Row;
use super::meaning::plain;

/// What the rows of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Sites,
    Hosts,
    Services,
    Stores,
    Tenants,
    Capabilities,
    Relations,
}

impl Subject {
    pub fn word(self) -> &'static str {
        match self {
            Subject::Sites => "sites",
            Subject::Hosts => "hosts",
            Subject::Services => "services",
            Subject::Stores => "stores",
            Subject::Tenants => "tenants",
            Subject::Capabilities => "capabilities",
            Subject::Relations => "relations",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    Id,
    /// A key of the exporting system, for references only.
    Key,
    Name,
    Class,
    Status,
    Site,
    Host,
    Tier,
    Memory,
    Cpu,
    CpuBoot,
    Boot,
    Capacity,
    DependsOn,
    Stores,
    Size,
    Rate,
    Path,
    Insured,
    Languages,
    Contacts,
    Colour,
    Supervisor,
    Controller,
    Urgency,
    Rto,
    Service,
    Tenants,
    NameFr,
    NameEn,
    From,
    To,
    Type,
    Evidence,
    Confidence,
}

/// Names of columns that mean the same in every table. Order matters where a name is looked for in several.
const NAMES: [(Column, &[&str]); 32] = [
    (Column::Id, &["id", "kennung", "kuerzel", "identifier", "identifiant", "code"]),
    (
        Column::Key,
        &["sys_id", "sysid", "ci_id", "objekt_id", "object_id", "asset_id", "correlation_id", "uuid", "guid"],
    ),
    (
        Column::Name,
        &[
            "name",
            "bezeichnung",
            "titel",
            "title",
            "ci_name",
            "display_name",
            "anzeigename",
            "nom",
            "ci",
            "configuration_item",
        ],
    ),
    (
        Column::Class,
        &[
            "sys_class_name",
            "class",
            "ci_class",
            "klasse",
            "objekttyp",
            "objekt_typ",
            "object_type",
            "ci_type",
            "kategorie",
            "category",
        ],
    ),
    (
        Column::Status,
        &[
            "status",
            "install_status",
            "operational_status",
            "life_cycle_stage_status",
            "zustand",
            "betriebsstatus",
            "etat",
        ],
    ),
    (
        Column::Site,
        &[
            "site",
            "standort",
            "location",
            "rechenzentrum",
            "rz",
            "datacenter",
            "data_center",
            "data_centre",
            "lokation",
            "ort",
        ],
    ),
    (
        Column::Host,
        &[
            "host",
            "server",
            "hostname",
            "rechner",
            "maschine",
            "runs_on",
            "laeuft_auf",
            "hosted_on",
            "systeme",
            "host_name",
            "hostsystem",
        ],
    ),
    (
        Column::Tier,
        &[
            "tier",
            "busines_criticality",
            "business_criticality",
            "criticality",
            "kritikalitaet",
            "kritikalitaetsstufe",
            "prioritaet",
            "priority",
            "stufe",
            "schutzbedarf",
            "wiederanlaufklasse",
            "recovery_tier",
            "criticite",
        ],
    ),
    (Column::Memory, &["memory", "ram", "arbeitsspeicher", "memoire", "speicher"]),
    (Column::Cpu, &["cpu", "cpus", "cpu_count", "cores", "kerne", "vcpu", "vcpus", "cpu_core_count"]),
    (Column::CpuBoot, &["cpu_boot"]),
    (
        Column::Boot,
        &["boot", "boot_time", "startdauer", "startzeit", "start_time", "anlaufzeit", "duree_de_demarrage"],
    ),
    (Column::Capacity, &["capacity", "requests_per_second", "anfragen_pro_sekunde", "kapazitaet"]),
    (
        Column::DependsOn,
        &[
            "depends_on",
            "dependencies",
            "abhaengig_von",
            "haengt_ab_von",
            "abhaengigkeiten",
            "benoetigt",
            "needs",
            "requires",
            "depend_de",
            "upstream",
        ],
    ),
    (Column::Stores, &["stores", "datenbestaende", "data_stores", "datastores", "speichert_in"]),
    (
        Column::Size,
        &[
            "size",
            "groesse",
            "volumen",
            "datenmenge",
            "volume_size",
            "disk_space",
            "taille",
            "speicherbedarf",
            "restore_size",
        ],
    ),
    (Column::Rate, &["restore_rate", "rate", "restore_speed", "rueckspielrate", "wiederherstellungsrate"]),
    (Column::Path, &["path", "pfad", "mount_point", "mountpoint", "verzeichnis", "chemin"]),
    (
        Column::Insured,
        &[
            "insured",
            "versicherte",
            "anzahl_versicherte",
            "versichertenzahl",
            "zahl_der_versicherten",
            "insured_count",
            "members",
            "mitglieder",
            "assures",
            "nombre_d_assures",
            "einwohner",
            "customers_count",
            "patients",
            "patienten",
        ],
    ),
    (Column::Languages, &["languages", "sprachen", "language", "sprache", "langues"]),
    (
        Column::Contacts,
        &[
            "contacts",
            "kontakt",
            "kontakte",
            "contact",
            "email",
            "e_mail",
            "ansprechpartner",
            "telefon",
            "phone",
        ],
    ),
    (Column::Colour, &["colour", "color", "farbe", "couleur"]),
    (
        Column::Supervisor,
        &["supervisor", "aufsicht", "aufsichtsbehoerde", "supervisory_authority", "autorite_de_surveillance"],
    ),
    (
        Column::Controller,
        &["controller", "verantwortlicher", "verantwortliche_stelle", "responsable_du_traitement"],
    ),
    (Column::Urgency, &["urgency", "dringlichkeit", "gewicht", "weight", "urgence"]),
    (
        Column::Rto,
        &["rto", "recovery_time_objective", "wiederanlaufzeit", "waz", "mtpd", "maximale_ausfallzeit"],
    ),
    (Column::Tenants, &["tenants", "mandanten", "kassen", "kunden", "caisses"]),
    (Column::NameFr, &["name_fr", "bezeichnung_fr", "nom_fr"]),
    (Column::NameEn, &["name_en", "bezeichnung_en", "english_name"]),
    (
        Column::Type,
        &[
            "type",
            "relation",
            "relationship",
            "relationship_type",
            "relation_type",
            "rel_type",
            "beziehung",
            "beziehungstyp",
            "beziehungsart",
            "art",
            "typ",
            "kind",
            "abhaengigkeitsart",
            "type_name",
            "dependency_type",
        ],
    ),
    (Column::Evidence, &["evidence", "beleg", "nachweis"]),
    (Column::Confidence, &["confidence", "sicherheit", "konfidenz", "vertrauen", "confiance"]),
];

/// Names for the one whose row it is, by what the table is about.
const OWN_NAMES: [(Subject, &[&str]); 6] = [
    (Subject::Sites, &["site", "standort", "rechenzentrum", "datacenter", "location"]),
    (Subject::Hosts, &["host", "hostname", "server", "rechner", "servername", "maschine", "host_name"]),
    (
        Subject::Services,
        &[
            "service",
            "dienst",
            "anwendung",
            "application",
            "system",
            "service_name",
            "dienstname",
            "verfahren",
            "fachverfahren",
            "applikation",
        ],
    ),
    (
        Subject::Stores,
        &[
            "store",
            "datenbestand",
            "datastore",
            "data_store",
            "database",
            "datenbank",
            "volume",
            "speicher",
            "base_de_donnees",
        ],
    ),
    (
        Subject::Tenants,
        &[
            "tenant",
            "mandant",
            "kasse",
            "krankenkasse",
            "customer",
            "kunde",
            "caisse",
            "company",
            "organisation",
        ],
    ),
    (
        Subject::Capabilities,
        &[
            "capability",
            "leistung",
            "faehigkeit",
            "geschaeftsprozess",
            "business_process",
            "prozess",
            "prestation",
        ],
    ),
];

/// Columns that tie two things together.
const FROM: [&str; 22] = [
    "parent",
    "parent_name",
    "parent_ci",
    "from",
    "source",
    "quelle",
    "von",
    "dependent",
    "consumer",
    "nutzer",
    "abhaengiger_dienst",
    "abhaengiges_system",
    "objekt_1",
    "objekt1",
    "object_1",
    "ci_1",
    "service_from",
    "dienst_von",
    "de",
    "abhaengig",
    "master",
    "ausgangsobjekt",
];
const TO: [&str; 25] = [
    "child",
    "child_name",
    "child_ci",
    "to",
    "target",
    "ziel",
    "nach",
    "zu",
    "provider",
    "lieferant",
    "benoetigter_dienst",
    "benoetigtes_system",
    "objekt_2",
    "objekt2",
    "object_2",
    "ci_2",
    "service_to",
    "dienst_nach",
    "vers",
    "depends_on",
    "abhaengig_von",
    "slave",
    "haengt_ab_von",
    "zielobjekt",
    "benoetigt",
];

/// Beginnings of file names that say what a table is about.
const FILES: [(Subject, &[&str]); 7] = [
    (
        Subject::Relations,
        &[
            "relation",
            "cmdb_rel",
            "rel_",
            "beziehung",
            "abhaengig",
            "dependenc",
            "edges",
            "kanten",
            "verbindung",
        ],
    ),
    (Subject::Tenants, &["tenant", "mandant", "kasse", "krankenkasse", "kunde", "customer"]),
    (Subject::Capabilities, &["capabilit", "leistung", "prozess", "faehigkeit"]),
    (Subject::Stores, &["store", "datenbest", "datastore", "speicher", "databases", "datenbank"]),
    (Subject::Hosts, &["host", "server", "rechner", "cmdb_ci_server"]),
    (Subject::Sites, &["site", "standort", "location", "rechenzentr"]),
    (Subject::Services, &["service", "dienst", "anwendung", "application", "cmdb_ci", "system", "verfahren"]),
];

/// A column of a table that is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownColumn {
    pub column: Column,
    /// Position in the row.
    pub at: usize,
    /// From the name of the column: `gb` of `size_gb`.
    pub unit: String,
}

/// What a table is about and where what stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub subject: Subject,
    pub known: Vec<KnownColumn>,
    /// Names of columns that mean nothing to an estate.
    pub unused: Vec<String>,
}

impl Layout {
    pub fn known(&self, column: Column) -> Option<&KnownColumn> {
        self.known.iter().find(|known| known.column == column)
    }

    /// The cell of a row, if it is there and holds something.
    pub fn cell<'r>(&self, row: &'r Row, column: Column) -> Option<&'r str> {
        let text = row.cells.get(self.known(column)?.at)?.trim();
        (!text.is_empty()).then_some(text)
    }

    pub fn unit(&self, column: Column) -> &str {
        self.known(column).map_or("", |known| &known.unit)
    }
}

/// The layout of a table. `None`: no name in its first row says what it is about.
pub fn layout(file: &str, header: &Row) -> Option<Layout> {
    let names: Vec<String> = header.cells.iter().map(|cell| plain(cell)).collect();
    let subject = subject(file, &names)?;
    let mut known: Vec<KnownColumn> = Vec::new();
    let mut unused = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let found = column(subject, name).or_else(|| {
            let (stem, unit) = unit_apart(name)?;
            column(subject, stem).map(|(column, _)| (column, unit))
        });
        match found {
            Some((column, unit)) if !known.iter().any(|before| before.column == column) => {
                known.push(KnownColumn { column, at, unit: unit.to_owned() });
            }
            _ if name.is_empty() => {}
            _ => unused.push(header.cells[at].clone()),
        }
    }
    let layout = Layout { subject, known, unused };
    let has = |column| layout.known(column).is_some();
    let enough = match subject {
        Subject::Relations => has(Column::From) && has(Column::To),
        _ => has(Column::Name) || has(Column::Id),
    };
    enough.then_some(layout)
}

fn column(subject: Subject, name: &str) -> Option<(Column, &str)> {
    if subject == Subject::Relations {
        if FROM.contains(&name) || (name == "service" || name == "dienst" || name == "anwendung") {
            return Some((Column::From, ""));
        }
        if TO.contains(&name) {
            return Some((Column::To, ""));
        }
    }
    let own =
        OWN_NAMES.iter().find(|(known, _)| *known == subject).is_some_and(|(_, names)| names.contains(&name));
    if own {
        return Some((Column::Name, ""));
    }
    if subject == Subject::Capabilities && (name == "service" || name == "dienst" || name == "served_by") {
        return Some((Column::Service, ""));
    }
    NAMES.iter().find(|(_, names)| names.contains(&name)).map(|(column, _)| (*column, ""))
}

/// `size_gb` as `size` and `gb`.
fn unit_apart(name: &str) -> Option<(&str, &str)> {
    const UNITS: [&str; 22] = [
        "b", "bytes", "kb", "kib", "mb", "mib", "gb", "gib", "tb", "tib", "s", "sec", "sek", "sekunden",
        "min", "minuten", "h", "std", "stunden", "hours", "minutes", "tage",
    ];
    let (stem, unit) = name.rsplit_once('_')?;
    UNITS.contains(&unit).then_some((stem, unit))
}

fn subject(file: &str, names: &[String]) -> Option<Subject> {
    let has = |known: &[&str]| names.iter().any(|name| known.contains(&name.as_str()));
    let has_column = |column: Column| {
        NAMES.iter().filter(|(known, _)| *known == column).any(|(_, known)| {
            names.iter().any(|name| {
                let stem = unit_apart(name).map_or(name.as_str(), |(stem, _)| stem);
                known.contains(&name.as_str()) || known.contains(&stem)
            })
        })
    };
    let own = |subject: Subject| OWN_NAMES.iter().any(|(known, names)| *known == subject && has(names));
    let stem = plain(file.rsplit('/').next().unwrap_or(file).rsplit_once('.').map_or(file, |(stem, _)| stem));
    let by_file = FILES
        .iter()
        .find(|(_, begins)| begins.iter().any(|begin| stem.starts_with(begin)))
        .map(|(subject, _)| *subject);
    let from = has(&FROM) || (by_file == Some(Subject::Relations) && own(Subject::Services));
    let by_type = own(Subject::Services) && has_column(Column::Type) && has(&TO);
    if (from && has(&TO)) || by_type {
        return Some(Subject::Relations);
    }
    let named = has_column(Column::Name) || has_column(Column::Id);
    if let Some(subject) =
        by_file.filter(|subject| *subject != Subject::Relations && (named || own(*subject)))
    {
        return Some(subject);
    }
    let told = [
        (Subject::Tenants, has_column(Column::Insured)),
        (Subject::Capabilities, has_column(Column::Urgency)),
        (Subject::Stores, has_column(Column::Size)),
    ];
    let told = told.into_iter().find(|(subject, tells)| *tells && (named || own(*subject)));
    // A table of services names their hosts, tenants and sites too, so services come first.
    let order = [
        Subject::Services,
        Subject::Capabilities,
        Subject::Stores,
        Subject::Tenants,
        Subject::Hosts,
        Subject::Sites,
    ];
    told.map(|(subject, _)| subject)
        .or_else(|| named.then_some(()).and(has_column(Column::Class).then_some(Subject::Services)))
        .or_else(|| order.into_iter().find(|subject| own(*subject) && !named))
        .or_else(|| (named && has_column(Column::Cpu) && !has_column(Column::Host)).then_some(Subject::Hosts))
        .or_else(|| named.then_some(Subject::Services))
}
