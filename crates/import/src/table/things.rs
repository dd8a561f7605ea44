//! Rows that are things: what their cells become.

use super::super::Origin;
use super::cells::Row;
use super::columns::Column;
use super::index::{Index, Meant};
use super::meaning::{self, Decimal};
use super::{Out, Table, several};
use estate::finding::Grade;
use estate::id::{Id, Kind};
use estate::model::{Capability, Host, Service, Serving, Site, Store, Tenant, Tenants, Translated};
use estate::{NUMBER_MAX, shown};

pub(super) fn enter(tables: &[Table], index: &Index, out: &mut Out) {
    for (id, (name, origin)) in &index.named_only {
        out.draft.enter(id, name, origin);
        match id.kind() {
            Kind::Site => drop(
                out.draft.estate.sites.insert(id.clone(), Site { name: name.clone(), ..Site::default() }),
            ),
            _ => drop(
                out.draft.estate.hosts.insert(id.clone(), Host { name: name.clone(), ..Host::default() }),
            ),
        }
    }
    for item in &index.items {
        let table = &tables[item.table];
        let row = &table.cells.rows[item.row];
        let origin = table.cells.at(row.line);
        out.draft.enter(&item.id, &item.called, &origin);
        let mut one = One { table, row, index, origin, out: &mut *out };
        let name = item.name.clone();
        match item.id.kind() {
            Kind::Site => {
                drop(one.out.draft.estate.sites.insert(item.id.clone(), Site { name, ..Site::default() }));
            }
            Kind::Host => one.host(&item.id, name),
            Kind::Store => one.store(&item.id, name),
            Kind::Tenant => one.tenant(&item.id, name),
            Kind::Capability => one.capability(&item.id, name),
            Kind::Service | Kind::External | Kind::Resource => one.service(&item.id, name),
        }
    }
}

/// A row on its way to a thing.
struct One<'t> {
    table: &'t Table,
    row: &'t Row,
    index: &'t Index,
    origin: Origin,
    out: &'t mut Out,
}

impl One<'_> {
    fn text(&self, column: Column) -> Option<String> {
        self.table.layout.cell(self.row, column).map(str::to_owned)
    }

    /// A cell through `read`; what cannot be understood is said, and left out.
    fn value(
        &mut self,
        column: Column,
        what: &'static str,
        read: impl Fn(&str, &str, Decimal) -> Option<u64>,
    ) -> Option<u64> {
        let text = self.text(column)?;
        let value = read(&text, self.table.layout.unit(column), self.table.decimal())
            .filter(|value| *value <= NUMBER_MAX);
        if value.is_none() {
            let said = format!("{} at {} is not a {what}", shown(&text), self.origin);
            self.out.note(
                Grade::Serious,
                "table-number",
                &self.origin,
                said,
                "it was left out",
                "correct the cell",
            );
        }
        value
    }

    fn whole(&mut self, column: Column, what: &'static str) -> Option<u64> {
        self.value(column, what, |text, _, _| meaning::whole(text))
    }

    /// The thing that a cell names.
    fn reference(&mut self, name: &str, kind: Kind) -> Option<Id> {
        match self.index.find(name, &[kind]) {
            Meant::One(id) => Some(id.clone()),
            Meant::Nobody | Meant::Several(_) => {
                let what =
                    format!("{} at {} is not a {} in these tables", shown(name), self.origin, kind.word());
                self.out.note(
                    Grade::Serious,
                    "table-reference",
                    &self.origin,
                    what,
                    "what refers to it was left out",
                    "add the row, or correct the name",
                );
                None
            }
        }
    }

    fn place(&mut self, column: Column, kind: Kind) -> Option<Id> {
        let name = self.text(column)?;
        self.reference(&name, kind)
    }

    fn service(&mut self, id: &Id, name: String) {
        let service = Service {
            name,
            host: self.place(Column::Host, Kind::Host),
            site: self.place(Column::Site, Kind::Site),
            tier: self.value(Column::Tier, "criticality", |text, _, _| meaning::tier(text)),
            memory: self.value(Column::Memory, "size", meaning::mebibytes).unwrap_or(0),
            cpu_boot: self.whole(Column::CpuBoot, "number").unwrap_or(0),
            boot_s: self.value(Column::Boot, "time", meaning::seconds).unwrap_or(0),
            capacity: self.whole(Column::Capacity, "number"),
            ..Service::default()
        };
        self.out.draft.estate.services.insert(id.clone(), service);
    }

    fn host(&mut self, id: &Id, name: String) {
        let host = Host {
            name,
            site: self.place(Column::Site, Kind::Site),
            cpu: self.whole(Column::Cpu, "number"),
            memory: self.value(Column::Memory, "size", meaning::mebibytes),
            ..Host::default()
        };
        self.out.draft.estate.hosts.insert(id.clone(), host);
    }

    fn store(&mut self, id: &Id, name: String) {
        let store = Store {
            name,
            site: self.place(Column::Site, Kind::Site),
            size: self.value(Column::Size, "size", meaning::mebibytes).unwrap_or(0),
            restore_rate: self.value(Column::Rate, "rate in MiB a second", meaning::mebibytes),
            path: self.text(Column::Path),
            source: None,
        };
        self.out.draft.estate.stores.insert(id.clone(), store);
    }

    fn tenant(&mut self, id: &Id, name: String) {
        let words = self.text(Column::Languages).unwrap_or_default();
        let tenant = Tenant {
            name,
            insured: self.whole(Column::Insured, "number of insured people").unwrap_or(0),
            site: self.place(Column::Site, Kind::Site),
            controller: self.text(Column::Controller),
            supervisor: self.text(Column::Supervisor),
            contacts: self
                .text(Column::Contacts)
                .iter()
                .flat_map(|text| several(text))
                .map(str::to_owned)
                .collect(),
            languages: languages(&words),
            colour: self
                .text(Column::Colour)
                .map(|colour| colour.to_lowercase())
                .filter(|colour| is_colour(colour)),
        };
        self.out.draft.estate.tenants.insert(id.clone(), tenant);
    }

    fn capability(&mut self, id: &Id, name: String) {
        let site = self.place(Column::Site, Kind::Site);
        let tenants: Vec<Id> = self
            .text(Column::Tenants)
            .iter()
            .flat_map(|text| several(text))
            .filter_map(|name| self.reference(name, Kind::Tenant))
            .collect();
        let to = match (tenants.is_empty(), site) {
            (false, _) => Tenants::Listed(tenants),
            (true, Some(site)) => Tenants::Site(site),
            (true, None) => Tenants::All,
        };
        let services = self.text(Column::Service);
        let served_by = services
            .iter()
            .flat_map(|text| several(text))
            .filter_map(|name| self.reference(name, Kind::Service))
            .map(|service| Serving { service, to: to.clone() })
            .collect();
        let capability = Capability {
            name: Translated { de: name, fr: self.text(Column::NameFr), en: self.text(Column::NameEn) },
            urgency: self.whole(Column::Urgency, "whole number").unwrap_or(1),
            rto_s: self.value(Column::Rto, "time", meaning::seconds),
            served_by,
            ..Capability::default()
        };
        self.out.draft.estate.capabilities.insert(id.clone(), capability);
    }
}

fn languages(text: &str) -> Vec<String> {
    let apart = |letter: char| !letter.is_alphabetic();
    let mut languages: Vec<String> = Vec::new();
    for word in text.split(apart) {
        let language = match meaning::plain(word).as_str() {
            "de" | "deutsch" | "german" | "allemand" => "de",
            "fr" | "franzoesisch" | "french" | "francais" => "fr",
            "en" | "englisch" | "english" | "anglais" => "en",
            _ => continue,
        };
        if !languages.iter().any(|known| known == language) {
            languages.push(language.to_owned());
        }
    }
    languages
}

fn is_colour(text: &str) -> bool {
    text.len() == 7 && text.starts_with('#') && text[1..].bytes().all(|byte| byte.is_ascii_hexdigit())
}
