//! What do programs read that know Atlassian Statuspage, version 2? Pure.
//!
//! `FUND/api/v2/summary.json`, `status.json` and `incidents.json`, in the tenant's first language: whoever asks a status page
//! has a base address, and finds these below it. There is one incident as long as something does not work or something
//! was said. It is never `resolved`: that all works at this moment does not say that it is over.
//!
//! Statuspage has no word for what is not known. It is told as an outage, because not known is never good.
//!
//! ```text
//! state      component             indicator
//! works      operational           none
//! emergency  degraded_performance  minor
//! diverted   partial_outage        major
//! not_known  partial_outage        major
//! down       major_outage          critical
//! ```

use ::page::words as numbers;
use incident::standing::Standing;
use serde_json::{Value, json};

use super::public::Public;
use super::told;
use super::words::Language;

/// The three files by their names.
pub fn files(public: &Public) -> [(&'static str, String); 3] {
    let language = public.languages.first().copied().unwrap_or(Language::De);
    let (page, status, incidents) = (page(public), status(public, language), incidents(public, language));
    let summary = json!({
        "page": page,
        "status": status,
        "components": components(public, language),
        "incidents": incidents,
        "scheduled_maintenances": [],
    });
    [
        ("summary.json", summary),
        ("status.json", json!({ "page": page, "status": status })),
        ("incidents.json", json!({ "page": page, "incidents": incidents })),
    ]
    .map(|(name, value)| (name, format!("{value}\n")))
}

fn page(public: &Public) -> Value {
    json!({
        "id": public.tenant.name(),
        "name": public.name,
        // Nobody knows here at which address it is published.
        "url": "",
        "time_zone": "Etc/UTC",
        "updated_at": rfc3339(public.as_of_ms),
    })
}

fn words_of(standing: &Standing) -> (&'static str, &'static str) {
    match standing {
        Standing::Works => ("operational", "none"),
        Standing::Emergency => ("degraded_performance", "minor"),
        Standing::Diverted(_) | Standing::NotKnown(_) => ("partial_outage", "major"),
        Standing::Down { .. } => ("major_outage", "critical"),
    }
}

/// Of a tenant for whom nothing is described nothing is known.
fn indicator(public: &Public) -> &'static str {
    let worst = public.offers.iter().map(|offer| &offer.standing).max();
    worst.map_or("major", |standing| words_of(standing).1)
}

fn status(public: &Public, language: Language) -> Value {
    json!({ "indicator": indicator(public), "description": told::lead(public, language.words()) })
}

fn components(public: &Public, language: Language) -> Vec<Value> {
    let words = language.words();
    let component = |(at, offer): (usize, &super::public::Offer)| {
        let (state, advice) = (told::state(&offer.standing, words), told::advice(offer, words));
        json!({
            "id": offer.capability.name(),
            "page_id": public.tenant.name(),
            "name": told::name(offer, language).0,
            "status": words_of(&offer.standing).0,
            "description": format!("{state}. {advice}"),
            "position": at + 1,
            "created_at": rfc3339(public.as_of_ms),
            "updated_at": rfc3339(public.as_of_ms),
            "showcase": false,
            "group": false,
            "group_id": null,
            "only_show_if_degraded": false,
            "start_date": null,
        })
    };
    public.offers.iter().enumerate().map(component).collect()
}

fn incidents(public: &Public, language: Language) -> Vec<Value> {
    if indicator(public) == "none" && public.told.is_empty() {
        return Vec::new();
    }
    let words = language.words();
    let status = if indicator(public) == "none" { "monitoring" } else { "investigating" };
    let mut updates: Vec<Value> = Vec::new();
    let now = format!("{} {}", told::lead(public, words), told::next_update(public, words));
    updates.push(update(&format!("e{}-state", public.entry), now.trim_end(), status, public.as_of_ms));
    let said = public.told.iter().take(told::TOLD_MAX);
    updates.extend(said.map(|told| {
        update(&format!("e{}", told.entry), &told::said(told, public, language), status, told.time_ms)
    }));
    let since_ms = public.told.last().map_or(public.as_of_ms, |oldest| oldest.time_ms);
    vec![json!({
        "id": "incident",
        "page_id": public.tenant.name(),
        "name": words.title,
        "status": status,
        "impact": indicator(public),
        "created_at": rfc3339(since_ms),
        "started_at": rfc3339(since_ms),
        "updated_at": rfc3339(public.as_of_ms),
        "monitoring_at": null,
        "resolved_at": null,
        "shortlink": "",
        "components": [],
        "incident_updates": updates,
    })]
}

fn update(id: &str, body: &str, status: &str, at_ms: i64) -> Value {
    let at = rfc3339(at_ms);
    json!({
        "id": id,
        "incident_id": "incident",
        "status": status,
        "body": body,
        "created_at": at,
        "display_at": at,
        "updated_at": at,
    })
}

/// `2023-04-24T22:00:00Z`.
fn rfc3339(ms: i64) -> String {
    numbers::utc(ms).replace(" UTC", ":00Z").replace(' ', "T")
}
