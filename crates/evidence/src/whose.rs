//! Whose is an entry? A pure decision; when in doubt it is nobody's alone.
//!
//! A payload is proven as a whole, so it is shown whole or not at all. It is a tenant's own if it is about this tenant and
//! about no other, and no other is named in it by id, name or controller: a person may have written "as at the other fund"
//! into a reason.

use estate::called::Called;
use estate::id::Kind;
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
    called: Called,
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
            Ok(estate) => self.called.learn(&estate),
            Err(_) => self.is_incomplete = true,
        }
    }

    pub fn knows(&self, tenant: &Id) -> bool {
        self.called.knows(tenant)
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
        let mut texts = vec![actor.to_owned()];
        gather(&value, &mut texts);
        texts.iter().any(|text| self.called.names_another(tenant, text))
    }
}

/// Every text in a payload: values and the names of fields.
fn gather(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(fields) => {
            for (name, value) in fields {
                texts.push(name.clone());
                gather(value, texts);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use estate::model::{Estate, Tenant};

    use super::*;

    fn served() -> Served {
        let names = [("fund-1", "AOK Nord"), ("fund-10", "Müller's Kasse"), ("fund-2", "AOK Nord Ost")];
        let mut estate = Estate::default();
        for (id, name) in names {
            let tenant = Tenant { name: name.to_owned(), ..Tenant::default() };
            estate.tenants.insert(format!("tenant:{id}").parse().unwrap(), tenant);
        }
        let mut called = Called::default();
        called.learn(&estate);
        Served { called, is_incomplete: false }
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
