//! Who is served? Each tenant as its worst capability stands, the worst first; and one tenant with all it has.
//!
//! A tenant for whom nothing is described is not known, never good.

use std::collections::BTreeMap;

use askama::Template;
use estate::Id;
use incident::standing::Standing;
use page::words::{number, shortened};
use page::{Html, filled};

use crate::as_of::AsOf;
use crate::frame::suffix;

/// How a tenant stands as a whole: the worst of what it has. The best first, so that the worst is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Heat {
    Works,
    Emergency,
    Diverted,
    NotKnown,
    Down,
}

impl Heat {
    const ALL: [Heat; 5] = [Heat::Down, Heat::NotKnown, Heat::Diverted, Heat::Emergency, Heat::Works];

    fn of(standing: &Standing) -> Heat {
        match standing {
            Standing::Works => Heat::Works,
            Standing::Emergency => Heat::Emergency,
            Standing::Diverted(_) => Heat::Diverted,
            Standing::NotKnown(_) => Heat::NotKnown,
            Standing::Down { .. } => Heat::Down,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Heat::Works => "works",
            Heat::Emergency => "emergency operation",
            Heat::Diverted => "taken in elsewhere",
            Heat::NotKnown => "not known",
            Heat::Down => "down",
        }
    }

    pub(crate) fn sign(self) -> &'static str {
        match self {
            Heat::Works => "✔",
            Heat::Emergency => "◐",
            Heat::Diverted => "↷",
            Heat::NotKnown => "?",
            Heat::Down => "✘",
        }
    }

    /// Its name in the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Heat::Works => "h-works",
            Heat::Emergency => "h-emergency",
            Heat::Diverted => "h-diverted",
            Heat::NotKnown => "h-unknown",
            Heat::Down => "h-down",
        }
    }
}

pub(crate) struct Tenant {
    pub(crate) id: Id,
    pub(crate) key: String,
    pub(crate) short: String,
    pub(crate) name: String,
    pub(crate) people: String,
    pub(crate) insured: u64,
    pub(crate) heat: Heat,
    /// How many of its capabilities do not work normally, of how many.
    pub(crate) missing: usize,
    pub(crate) of: usize,
}

/// Tenants and people in one state.
pub(crate) struct Tally {
    pub(crate) heat: Heat,
    pub(crate) tenants: usize,
    pub(crate) people: String,
}

/// The worst first, of equals those with most people.
pub(crate) fn tenants(seen: &AsOf) -> Vec<Tenant> {
    let mut of: BTreeMap<&Id, Vec<Heat>> = BTreeMap::new();
    for (tenant, _, standing) in &seen.standings {
        of.entry(tenant).or_default().push(Heat::of(standing));
    }
    let mut tenants: Vec<Tenant> = seen
        .estate
        .tenants
        .iter()
        .map(|(id, tenant)| {
            let heats = of.get(id).map_or(&[][..], Vec::as_slice);
            let worst = heats.iter().max().copied().unwrap_or(Heat::NotKnown);
            // Of what cannot be relied on nothing works.
            let heat = if seen.harm.is_some() && worst < Heat::NotKnown { Heat::NotKnown } else { worst };
            let name = if tenant.name.is_empty() { id.name() } else { &tenant.name };
            Tenant {
                id: id.clone(),
                key: id.name().to_owned(),
                short: shortened(id.name(), 15),
                name: name.to_owned(),
                people: number(tenant.insured),
                insured: tenant.insured,
                heat,
                missing: heats.iter().filter(|heat| **heat != Heat::Works).count(),
                of: heats.len(),
            }
        })
        .collect();
    tenants.sort_by(|a, b| (b.heat, b.insured, &a.id).cmp(&(a.heat, a.insured, &b.id)));
    tenants
}

pub(crate) fn tallies(tenants: &[Tenant]) -> Vec<Tally> {
    let of = |heat: Heat| tenants.iter().filter(move |tenant| tenant.heat == heat);
    let tally = |heat: Heat| Tally {
        heat,
        tenants: of(heat).count(),
        people: number(of(heat).map(|tenant| u128::from(tenant.insured)).sum::<u128>()),
    };
    Heat::ALL.into_iter().map(tally).filter(|tally| tally.tenants > 0).collect()
}

#[derive(Template)]
#[template(path = "tenants.html")]
struct Sheet<'a> {
    suffix: String,
    called: &'a str,
    people: &'a str,
    tallies: Vec<Tally>,
    tenants: Vec<Tenant>,
    lines: Vec<Line<'a>>,
    nothing: &'a str,
}

/// What does not work normally, and for how many.
struct Line<'a> {
    name: &'a str,
    standing: String,
    tenants: usize,
    people: String,
    why: &'static str,
}

pub(crate) fn all(seen: &AsOf) -> Html {
    let tenants = tenants(seen);
    let lines = seen.situation.not_served.iter().map(|line| Line {
        name: &line.name,
        standing: line.standing.replace('_', " "),
        tenants: line.tenants.len(),
        people: number(line.insured),
        why: line.why.map_or("", incident::standing::NotKnown::sentence),
    });
    filled(&Sheet {
        suffix: suffix(seen),
        called: seen.estate.words.tenants(),
        people: seen.estate.words.counted(),
        tallies: tallies(&tenants),
        tenants,
        lines: lines.collect(),
        nothing: seen.situation.not_known().unwrap_or("nobody has reported anything that does not work"),
    })
}

#[derive(Template)]
#[template(path = "tenant.html")]
struct OneSheet<'a> {
    name: &'a str,
    people: String,
    counted: &'a str,
    heat: Heat,
    rows: Vec<Row<'a>>,
    account: Option<Account>,
    has_bridge: bool,
}

struct Row<'a> {
    name: &'a str,
    heat: Heat,
    detail: String,
}

struct Account {
    accepted: String,
    applied: String,
    already_there: String,
    pending: String,
    conflict: String,
    refused: String,
}

/// One tenant, or `None` where there is none of this name.
pub(crate) fn one(seen: &AsOf, key: &str) -> Option<Html> {
    let tenant = tenants(seen).into_iter().find(|tenant| tenant.key == key)?;
    let own = seen.standings.iter().filter(|(id, _, _)| *id == tenant.id);
    let rows = own.map(|(_, capability, standing)| {
        let known = seen.estate.capabilities.get(capability);
        let name =
            known.map_or(capability.name(), |known| known.name.en.as_deref().unwrap_or(&known.name.de));
        let heat = Heat::of(standing);
        let heat = if seen.harm.is_some() && heat < Heat::NotKnown { Heat::NotKnown } else { heat };
        Row { name: if name.is_empty() { capability.name() } else { name }, heat, detail: detail(standing) }
    });
    let account = seen.view.bridge.accounts.get(&tenant.id).map(|account| Account {
        accepted: number(account.accepted),
        applied: number(account.applied),
        already_there: number(account.already_there),
        pending: number(account.pending),
        conflict: number(account.conflict),
        refused: number(account.refused),
    });
    Some(filled(&OneSheet {
        name: &tenant.name,
        people: tenant.people,
        counted: seen.estate.words.counted(),
        heat: tenant.heat,
        rows: rows.collect(),
        account,
        has_bridge: seen.view.bridge.as_of_ms.is_some(),
    }))
}

fn detail(standing: &Standing) -> String {
    match standing {
        Standing::Works => "nobody has reported anything that does not work".to_owned(),
        Standing::Emergency => "it is taken in and held".to_owned(),
        Standing::Diverted(to) => to.clone(),
        Standing::NotKnown(why) => why.sentence().to_owned(),
        Standing::Down { reason } => reason.clone().unwrap_or_default(),
    }
}
