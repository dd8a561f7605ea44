//! Whose is an entry? A pure decision; when in doubt it is nobody's alone.
//!
//! A payload is proven as a whole, so it is shown whole or not at all. It is a tenant's own if it is about this tenant and
//! about no other, and no other is named in it by id, name or controller: a person may have written "as at the other fund"
//! into a reason.

use std::collections::{BTreeMap, BTreeSet};

use estate::id::Kind;
use estate::model::Estate;
use estate::{Id, canonical};
use incident::Event;
use incident::event::CommandEvent;
use incident::record::{self, Content};
use serde_json::Value;

/// What an entry is to a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// It concerns this tenant and nobody else.
    Own,
    /// It concerns this tenant, and others or names them.
    Shared,
    /// It does not concern this tenant.
    NotTheirs,
}

/// Everybody who is or was served, by the estates of the journal.
#[derive(Clone, Debug, Default)]
pub struct Served {
    /// What each is called: id, name, controller.
    called: BTreeMap<Id, BTreeSet<String>>,
    /// An estate could not be read, so somebody may be missing.
    pub is_incomplete: bool,
}

impl Served {
    /// Takes in an entry that may put an estate in force.
    pub fn learn(&mut self, kind: &str, version: u16, payload: &[u8]) {
        if kind != "command.estate_adopted" {
            return;
        }
        let Content::Known(Event::Command(CommandEvent::EstateAdopted { text, .. })) =
            record::decode(kind, version, payload)
        else {
            self.is_incomplete = true;
            return;
        };
        match canonical::from_text(&text) {
            Ok(estate) => self.learn_estate(&estate),
            Err(_) => self.is_incomplete = true,
        }
    }

    fn learn_estate(&mut self, estate: &Estate) {
        for (id, tenant) in &estate.tenants {
            let called = self.called.entry(id.clone()).or_default();
            let names = [Some(id.name().to_owned()), Some(tenant.name.clone()), tenant.controller.clone()];
            called.extend(names.into_iter().flatten().map(|name| name.to_lowercase()));
            called.remove("");
        }
    }

    pub fn knows(&self, tenant: &Id) -> bool {
        self.called.contains_key(tenant)
    }

    /// Whose this entry is, seen from `tenant`.
    pub fn whose(&self, tenant: &Id, actor: &str, kind: &str, version: u16, payload: Option<&[u8]>) -> Whose {
        if journal::is_own(kind) {
            return Whose::NotTheirs;
        }
        // What is erased can be about anybody, and there is nothing left to show.
        let Some(payload) = payload else { return Whose::NotTheirs };
        let about = match record::decode(kind, version, payload) {
            Content::Known(event) => Some(event.about()),
            Content::Unknown(unknown) => unknown.about,
        };
        // About what is not known can be about this tenant, too.
        let Some(about) = about else { return Whose::Shared };
        if !about.contains(tenant) {
            return Whose::NotTheirs;
        }
        let others = about.iter().any(|id| id.kind() == Kind::Tenant && id != tenant);
        if others || self.names_another(tenant, actor, payload) { Whose::Shared } else { Whose::Own }
    }

    fn names_another(&self, tenant: &Id, actor: &str, payload: &[u8]) -> bool {
        let Ok(value) = serde_json::from_slice::<Value>(payload) else { return true };
        let mut texts = vec![actor.to_lowercase()];
        gather(&value, &mut texts);
        let own = self.called.get(tenant);
        let others = self.called.iter().filter(|(id, _)| *id != tenant).flat_map(|(_, called)| called);
        others.into_iter().any(|other| {
            // "Fund North East" is not named by "Fund North East Two" being this tenant's own name.
            let longer: Vec<&String> = own
                .into_iter()
                .flatten()
                .filter(|own| own.len() > other.len() && own.contains(other))
                .collect();
            texts.iter().any(|text| {
                let text = longer.iter().fold(text.clone(), |text, own| text.replace(own.as_str(), "\u{0}"));
                stands_in(&text, other)
            })
        })
    }
}

/// Every text in a payload: values and the names of fields.
fn gather(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.to_lowercase()),
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(fields) => {
            for (name, value) in fields {
                texts.push(name.to_lowercase());
                gather(value, texts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a name stands in a text as a word of its own: `fund-1` does not stand in `fund-10`.
fn stands_in(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        let is_letter = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        !is_letter(before) && !is_letter(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served() -> Served {
        let names = [("fund-1", "AOK Nord"), ("fund-10", "Müller's Kasse"), ("fund-2", "AOK Nord Ost")];
        let called = names.map(|(id, name)| {
            let id: Id = format!("tenant:{id}").parse().unwrap();
            let all = [id.name().to_owned(), name.to_lowercase()];
            (id, BTreeSet::from(all))
        });
        Served { called: BTreeMap::from(called), is_incomplete: false }
    }

    fn hold(on: &str, reason: &str) -> (String, u16, Vec<u8>) {
        let on = on.parse().unwrap();
        record::encode(&Event::Command(CommandEvent::HoldPlaced { on, reason: reason.to_owned() }))
    }

    fn whose(tenant: &str, on: &str, reason: &str) -> Whose {
        let (kind, version, payload) = hold(on, reason);
        served().whose(&tenant.parse().unwrap(), "anna", &kind, version, Some(&payload))
    }

    #[test]
    fn an_entry_about_one_tenant_that_names_no_other_is_its_own() {
        assert_eq!(whose("tenant:fund-10", "tenant:fund-10", "asked for by fund-10"), Whose::Own);
        assert_eq!(whose("tenant:fund-1", "tenant:fund-10", "x"), Whose::NotTheirs);
        assert_eq!(whose("tenant:fund-2", "tenant:fund-2", "AOK Nord Ost wants it"), Whose::Own);
    }

    #[test]
    fn an_entry_that_names_another_tenant_in_any_way_is_shown_to_neither() {
        for reason in [
            "as at fund-1",
            "(FUND-1)",
            "müller's kasse called",
            "MÜLLER'S KASSE",
            "tenant:fund-1\nsaid so",
            "AOK Nord, too",
        ] {
            let tenant =
                if reason.to_lowercase().contains("kasse") { "tenant:fund-2" } else { "tenant:fund-10" };
            assert_eq!(whose(tenant, tenant, reason), Whose::Shared, "{reason}");
        }
        // A tenant whose name is the beginning of another's does not hide the other.
        assert_eq!(whose("tenant:fund-1", "tenant:fund-1", "AOK Nord Ost"), Whose::Shared);
        let (kind, version, payload) = hold("tenant:fund-1", "x");
        let by_another =
            served().whose(&"tenant:fund-1".parse().unwrap(), "max@fund-2", &kind, version, Some(&payload));
        assert_eq!(by_another, Whose::Shared);
    }

    #[test]
    fn what_cannot_be_read_is_shown_to_nobody_alone() {
        let tenant = "tenant:fund-1".parse().unwrap();
        assert_eq!(served().whose(&tenant, "anna", "later.kind", 1, Some(b"no json")), Whose::Shared);
        let known_about = br#"{"about":["tenant:fund-1"],"data":{"who":"fund-2"}}"#;
        assert_eq!(served().whose(&tenant, "anna", "later.kind", 1, Some(known_about)), Whose::Shared);
        assert_eq!(served().whose(&tenant, "anna", "later.kind", 1, None), Whose::NotTheirs);
    }
}
