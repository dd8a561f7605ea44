//! What do the people here call those whom they serve? A provider of clinics has clinics and patients, not funds and
//! insured people. Without words of its own an estate speaks of those for which this was written first.

use std::collections::BTreeMap;

/// `[words]` of an estate: by word, then by language. What is not said keeps the usual word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words {
    /// One of those who are served: `fund`.
    pub tenant: BTreeMap<String, String>,
    /// Several: `funds`.
    pub tenants: BTreeMap<String, String>,
    /// Those whom they serve: `insured people`.
    pub people: BTreeMap<String, String>,
}

/// The names of the words, as the file has them.
pub(crate) const NAMES: [&str; 3] = ["tenant", "tenants", "people"];
/// The languages in which they can be given.
pub(crate) const LANGUAGES: [&str; 3] = ["de", "fr", "en"];

/// One word in the three languages, in the order of [`LANGUAGES`].
type InAll = [&'static str; 3];

/// Words that are ready to be used: tenant, tenants, people.
pub(crate) type Ready = [InAll; 3];

/// By name. The usual words are those of health funds, so that these need none of their own, and no estate gets another
/// hash by naming them.
pub(crate) const READY: [(&str, Option<&Ready>); 4] = [
    ("health-funds", None),
    (
        "municipalities",
        Some(&[
            ["Kommune", "commune", "municipality"],
            ["Kommunen", "communes", "municipalities"],
            ["Einwohner", "habitants", "residents"],
        ]),
    ),
    (
        "hospitals",
        Some(&[
            ["Krankenhaus", "hôpital", "hospital"],
            ["Krankenhäuser", "hôpitaux", "hospitals"],
            ["Patienten", "patients", "patients"],
        ]),
    ),
    (
        "banks",
        Some(&[
            ["Bank", "banque", "bank"],
            ["Banken", "banques", "banks"],
            ["Kunden", "clients", "customers"],
        ]),
    ),
];

impl Words {
    /// Says what was not said.
    pub(crate) fn fill_from(&mut self, ready: &Ready) {
        for (name, in_all) in NAMES.into_iter().zip(ready) {
            for (language, word) in LANGUAGES.into_iter().zip(in_all) {
                self.of_mut(name).entry(language.to_owned()).or_insert_with(|| (*word).to_owned());
            }
        }
    }

    pub fn is_usual(&self) -> bool {
        NAMES.iter().all(|name| self.of(name).is_empty())
    }

    pub(crate) fn of(&self, name: &str) -> &BTreeMap<String, String> {
        match name {
            "tenant" => &self.tenant,
            "tenants" => &self.tenants,
            _ => &self.people,
        }
    }

    pub(crate) fn of_mut(&mut self, name: &str) -> &mut BTreeMap<String, String> {
        match name {
            "tenant" => &mut self.tenant,
            "tenants" => &mut self.tenants,
            _ => &mut self.people,
        }
    }

    /// In the language of commands.
    pub fn tenant(&self) -> &str {
        said(&self.tenant, "fund")
    }

    pub fn tenants(&self) -> &str {
        said(&self.tenants, "funds")
    }

    pub fn people(&self) -> &str {
        said(&self.people, "insured people")
    }

    /// The same in one word, where a number stands before it.
    pub fn counted(&self) -> &str {
        said(&self.people, "insured")
    }

    /// The unit of every price: people × urgency × hours.
    pub fn hours(&self) -> &'static str {
        if self.people.contains_key("en") { "person-hours" } else { "insured-hours" }
    }

    /// Those whom they serve, in a language of the public; `None`: it has no word of its own for them.
    pub fn people_in(&self, language: &str) -> Option<&str> {
        self.people.get(language).map(String::as_str)
    }

    /// Several of those who are served, in a language of the public; `None`: it has no word of its own for them.
    pub fn tenants_in(&self, language: &str) -> Option<&str> {
        self.tenants.get(language).map(String::as_str)
    }
}

fn said<'w>(word: &'w BTreeMap<String, String>, usual: &'static str) -> &'w str {
    word.get("en").map_or(usual, String::as_str)
}
