//! How `recover` and `status` say when everybody is back. One form for both, on a serial line of 80 columns.

use std::collections::BTreeMap;

use serde::Serialize;

use super::folder::time;
use estate::{Estate, Id};
use incident::View;
use message::counted_as;
use plan::page::{clock, grouped, insured, whom};
use situation::progress::{Forecast, forecast};

/// The forecast in a few words, said again only when it has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Brief {
    /// Seconds until the next people are served.
    pub next_s: Option<u64>,
    pub next: Vec<Id>,
    /// Seconds until everything that can come back is back.
    pub end_s: u64,
    /// Tenants and capabilities that wait for somebody to deal with something.
    pub never: usize,
    pub because: Vec<Id>,
}

impl Brief {
    /// `None`: nothing runs, or nothing can be said.
    pub fn now(estate: &Estate, view: &View, now_ms: i64) -> Option<Brief> {
        Some(Brief::of(&forecast(estate, view, now_ms, 0).ok()??))
    }

    fn of(forecast: &Forecast) -> Brief {
        let open = forecast.served.iter().filter(|served| served.at_s > 0);
        let next_s = open.clone().map(|served| served.at_s).min();
        let at_once = open.filter(|served| Some(served.at_s) == next_s);
        let next: std::collections::BTreeSet<&Id> = at_once.map(|served| &served.capability).collect();
        let because: std::collections::BTreeSet<&Id> =
            forecast.never.iter().map(|never| &never.because).collect();
        Brief {
            next_s,
            next: next.into_iter().cloned().collect(),
            end_s: forecast.end_s,
            never: forecast.never.len(),
            because: because.into_iter().cloned().collect(),
        }
    }

    pub fn line(&self) -> String {
        let mut text = format!("  expect  everything that can come back within {}", clock(self.end_s));
        if let Some(next_s) = self.next_s {
            let next: Vec<&Id> = self.next.iter().collect();
            text.push_str(&format!("; next {} in {}", plan::explain::some(&next), clock(next_s)));
        }
        if self.never > 0 {
            let because: Vec<&Id> = self.because.iter().collect();
            text.push_str(&format!(
                "; {} for {}",
                counted_as(self.never, "capability of a tenant waits", "capabilities of tenants wait"),
                plan::explain::some(&because)
            ));
        }
        text
    }

    /// Whether a person would call it the same: everything within a second of what it was, seen from then.
    pub fn is_as(&self, other: &Brief) -> bool {
        self.next == other.next && self.never == other.never && self.because == other.because
    }
}

/// One line per capability and moment for `status`, the next first, then what waits for somebody.
pub fn lines(estate: &Estate, forecast: &Forecast) -> Vec<String> {
    let mut groups: BTreeMap<(u64, &Id, u64, u64), Vec<&Id>> = BTreeMap::new();
    for served in forecast.served.iter().filter(|served| served.at_s > 0) {
        let key = (served.at_s, &served.capability, served.early_s, served.late_s);
        groups.entry(key).or_default().push(&served.tenant);
    }
    let at = |at_s: u64| {
        let at_ms = i64::try_from(at_s.saturating_mul(1000)).unwrap_or(i64::MAX);
        time(forecast.from_ms.saturating_add(at_ms))
    };
    let mut lines: Vec<String> = groups
        .iter()
        .map(|((at_s, capability, early_s, late_s), tenants)| {
            format!(
                "{}  {}\n     {} {} of {}, in {} ({} – {})",
                at(*at_s),
                name(estate, capability),
                grouped(insured(estate, tenants)),
                estate.words.people(),
                whom(estate, tenants),
                clock(*at_s),
                clock(*early_s),
                clock(*late_s)
            )
        })
        .collect();
    let mut waits: BTreeMap<(&Id, &Id), Vec<&Id>> = BTreeMap::new();
    for never in &forecast.never {
        waits.entry((&never.because, &never.capability)).or_default().push(&never.tenant);
    }
    lines.extend(waits.iter().map(|((because, capability), tenants)| {
        format!(
            "not before {because} is dealt with: {} {} {} of {}",
            name(estate, capability),
            grouped(insured(estate, tenants)),
            estate.words.people(),
            whom(estate, tenants)
        )
    }));
    lines.extend(forecast.overdue.iter().map(|overdue| {
        format!(
            "{} has taken {} so far; {} was planned",
            overdue.step,
            clock(overdue.elapsed_s),
            clock(overdue.planned_s)
        )
    }));
    lines
}

fn name(estate: &Estate, id: &Id) -> String {
    let known = estate.capabilities.get(id).map(|known| known.name.en.as_ref().unwrap_or(&known.name.de));
    known.filter(|name| !name.is_empty()).map_or_else(|| id.to_string(), Clone::clone)
}
