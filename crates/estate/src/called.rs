//! Is somebody else named in a text? For everything that one tenant may read and another may not.
//!
//! Names are those of all estates that were learned: id, name, controller; in any spelling of capitals. When in doubt the answer
//! is yes: a text too few is a question, a text too many is a leak.

use std::collections::{BTreeMap, BTreeSet};

use crate::Id;
use crate::model::Estate;

/// What each tenant is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Called(BTreeMap<Id, BTreeSet<String>>);

impl Called {
    pub fn learn(&mut self, estate: &Estate) {
        for (id, tenant) in &estate.tenants {
            let called = self.0.entry(id.clone()).or_default();
            let names = [Some(id.name().to_owned()), Some(tenant.name.clone()), tenant.controller.clone()];
            called.extend(names.into_iter().flatten().map(|name| name.to_lowercase()));
            called.remove("");
        }
    }

    pub fn knows(&self, tenant: &Id) -> bool {
        self.0.contains_key(tenant)
    }

    /// Whether any tenant but this one is named in the text.
    pub fn names_another(&self, tenant: &Id, text: &str) -> bool {
        let text = text.to_lowercase();
        let own = self.0.get(tenant);
        let others = self.0.iter().filter(|(id, _)| *id != tenant).flat_map(|(_, called)| called);
        others.into_iter().any(|other| {
            // "Fund North" is not named where "Fund North East" is this tenant's own name.
            let is_longer = |name: &&String| name.len() > other.len() && name.contains(other.as_str());
            let longer = own.into_iter().flatten().filter(is_longer);
            stands_in(&longer.fold(text.clone(), |text, own| text.replace(own.as_str(), "\u{0}")), other)
        })
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
