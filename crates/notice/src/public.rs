//! What outsiders may know: how each capability stands for one tenant, and as of when.
//!
//! Pages are made from this and from nothing else. It holds no host, service, store or site, no finding and no other
//! tenant, so a page cannot give away what it was never given.

use std::collections::BTreeMap;

use super::say;
use super::words::Language;
use estate::Id;
use estate::model::{Estate, Translated};
use estate::words::Words;
use incident::View;
use incident::notice::{Audience, StatementView};
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
    /// What was said to this tenant's people, the newest first; also what was taken back.
    pub told: Vec<PublicStatement>,
    /// When they were promised to hear more, in the newest statement that says so.
    pub next_update_ms: Option<i64>,
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
    /// When it is expected back, while it is not served; `None`: not known.
    pub back: Option<Back>,
}

/// A forecast with its range: in one of ten courses of the restart it is back before, in nine of ten by the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Back {
    pub early_ms: i64,
    pub late_ms: i64,
}

/// Forecasts by tenant and capability.
pub type Forecasts = BTreeMap<(Id, Id), Back>;

/// A statement as its readers may know it: not who made it and what it rests on, which stands in the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicStatement {
    pub entry: u64,
    pub time_ms: i64,
    pub as_of_entry: u64,
    /// Empty: all.
    pub audiences: Vec<Audience>,
    /// By language tag.
    pub texts: BTreeMap<String, String>,
    /// When and in which entry was said what this takes back.
    pub corrects: Option<(u64, i64)>,
    /// When and in which entry this was taken back.
    pub corrected: Option<(u64, i64)>,
}

/// The public facts of every tenant, in the order of their ids.
pub fn public(estate: &Estate, view: &View) -> Vec<Public> {
    let standings = standings(estate, view);
    // What is known says otherwise now: it is not repeated. Whoever builds the pages is told.
    let overtaken: Vec<u64> = say::overtaken(estate, view).into_iter().map(|said| said.sequence).collect();
    let stands = |said: &&StatementView| !overtaken.contains(&said.sequence);
    estate
        .tenants
        .iter()
        .map(|(id, tenant)| {
            let mut offers: Vec<Offer> = standings
                .iter()
                .filter(|(of, _, _)| of == id)
                .filter_map(|(_, capability, standing)| {
                    let name = estate.capabilities.get(capability)?.name.clone();
                    Some(Offer {
                        capability: capability.clone(),
                        name,
                        standing: standing.clone(),
                        back: None,
                    })
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
                told: view
                    .notice
                    .said
                    .iter()
                    .rev()
                    .filter(stands)
                    .filter_map(|said| told(view, said, id))
                    .collect(),
                next_update_ms: next_update(view, id),
                as_of_ms: view.last_time_ms,
                entry: view.entries.saturating_sub(1),
            }
        })
        .collect()
}

/// The same with when what is not served is expected back. A range that ended before `now_ms` has not come true: when it is
/// back is not known.
pub fn expected(mut all: Vec<Public>, forecasts: &Forecasts, now_ms: i64) -> Vec<Public> {
    for public in &mut all {
        for offer in &mut public.offers {
            let back = forecasts.get(&(public.tenant.clone(), offer.capability.clone())).copied();
            offer.back = back.filter(|back| back.late_ms > now_ms && back.early_ms <= back.late_ms);
        }
    }
    all
}

fn told(view: &View, said: &StatementView, tenant: &Id) -> Option<PublicStatement> {
    let is_to = |said: &&StatementView| say::is_to(&said.statement, tenant);
    let when = |entry: u64| {
        let other = view.notice.said.iter().filter(is_to).find(|other| other.sequence == entry)?;
        Some((entry, other.time_ms))
    };
    is_to(&said).then(|| PublicStatement {
        entry: said.sequence,
        time_ms: said.time_ms,
        as_of_entry: said.statement.as_of_entry,
        audiences: said.statement.audiences.clone(),
        texts: said.statement.texts.clone(),
        corrects: said.statement.corrects.and_then(when),
        corrected: said.corrected_by.and_then(when),
    })
}

fn next_update(view: &View, tenant: &Id) -> Option<i64> {
    let said: Vec<&StatementView> =
        view.notice.in_force().filter(|said| say::is_to(&said.statement, tenant)).collect();
    said.into_iter().rev().find_map(|said| said.statement.next_update_ms)
}
