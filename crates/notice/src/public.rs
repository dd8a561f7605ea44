//! What outsiders may know: how each capability stands for one tenant, and as of when.
//!
//! Pages are made from this and from nothing else. It holds no host, service, store or site, no finding and no other
//! tenant, so a page cannot give away what it was never given.

use super::words::Language;
use estate::Id;
use estate::model::{Estate, Translated};
use estate::words::Words;
use incident::View;
use incident::standing::{Standing, standings};

/// One tenant's public facts.
#[derive(Clone, Debug, PartialEq)]
pub struct Public {
    pub tenant: Id,
    /// What the provider calls its tenants.
    pub called: Words,
    pub name: String,
    pub colour: Option<String>,
    pub contacts: Vec<String>,
    pub languages: Vec<Language>,
    pub offers: Vec<Offer>,
    /// Submissions that the bridge holds and that are not in the core yet, as last counted.
    pub held: Option<u64>,
    pub as_of_ms: i64,
    /// Number of the newest entry this is based on.
    pub entry: u64,
}

/// A capability of this tenant. Most urgent first.
#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub capability: Id,
    pub name: Translated,
    pub standing: Standing,
}

/// The public facts of every tenant, in the order of their ids.
pub fn public(estate: &Estate, view: &View) -> Vec<Public> {
    let standings = standings(estate, view);
    estate
        .tenants
        .iter()
        .map(|(id, tenant)| {
            let mut offers: Vec<Offer> = standings
                .iter()
                .filter(|(of, _, _)| of == id)
                .filter_map(|(_, capability, standing)| {
                    let name = estate.capabilities.get(capability)?.name.clone();
                    Some(Offer { capability: capability.clone(), name, standing: standing.clone() })
                })
                .collect();
            offers.sort_by_key(|offer| {
                let urgency = estate.capabilities.get(&offer.capability).map_or(0, |known| known.urgency);
                (std::cmp::Reverse(urgency), offer.capability.clone())
            });
            Public {
                tenant: id.clone(),
                called: estate.words.clone(),
                name: tenant.name.clone(),
                colour: tenant.colour.clone(),
                contacts: tenant.contacts.clone(),
                languages: Language::order(&tenant.languages),
                offers,
                held: view.bridge.accounts.get(id).map(|account| account.pending).filter(|held| *held > 0),
                as_of_ms: view.last_time_ms,
                entry: view.entries.saturating_sub(1),
            }
        })
        .collect()
}
