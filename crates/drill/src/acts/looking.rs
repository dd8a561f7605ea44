//! What the display sees of the practice world: processes by their numbers, funds by their last answers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::curve::How;
use crate::display::Look;
use crate::estate::Layout;
use crate::stage::{KEPT, LOST, Stage};
use crate::traffic::{Ledger, Submission};

/// Lets the display look at the world from now on.
pub fn look(stage: &Stage) {
    let Some(ledger) = stage.ledger.clone() else { return };
    let services = services(&stage.layout);
    let funds: Vec<(String, String)> =
        stage.layout.funds.iter().map(|fund| (fund.id.clone(), fund.site.clone())).collect();
    stage.display.look_with(Box::new(move || now(&services, &funds, &ledger)));
}

/// What an answer meant for its sender.
pub fn how(sent: &Submission) -> Option<How> {
    match sent.status? {
        200 | 201 | 208 | 409 | 422 => Some(How::Served),
        202 => Some(How::Held),
        _ => Some(How::Neither),
    }
}

type Services = Vec<(String, Vec<(String, PathBuf)>)>;

fn services(layout: &Layout) -> Services {
    let of = |site: &str| {
        layout
            .units
            .iter()
            .filter(|unit| unit.site.as_deref() == Some(site) && !unit.job)
            .map(|unit| {
                let short = unit.name.trim_end_matches(site).trim_end_matches('-');
                (short.to_owned(), unit.pid_file.clone())
            })
            .collect()
    };
    [KEPT, LOST].into_iter().map(|site| (site.to_owned(), of(site))).collect()
}

fn now(services: &Services, funds: &[(String, String)], ledger: &Arc<Ledger>) -> Look {
    let mut look = Look::default();
    for (site, units) in services {
        let running = units.iter().map(|(name, pid_file)| (name.clone(), runs(pid_file))).collect();
        look.sites.push((name_of(site).to_owned(), running));
    }
    let mut last: BTreeMap<String, How> = BTreeMap::new();
    ledger.look(|all| {
        for sent in all {
            look.sent += 1;
            let Some(how) = how(sent) else { continue };
            match how {
                How::Served => look.core += 1,
                How::Held => look.held += 1,
                How::Neither => look.turned_away += 1,
            }
            last.insert(sent.tenant.clone(), how);
        }
    });
    for site in [KEPT, LOST] {
        let of_site =
            funds.iter().filter(|(_, at)| at == site).map(|(id, _)| last.get(id).copied()).collect();
        look.funds.push((name_of(site).to_owned(), of_site));
    }
    look
}

/// As people call it.
fn name_of(site: &str) -> &str {
    match site {
        KEPT => "Essen",
        LOST => "Munich",
        other => other,
    }
}

/// Whether the process named in a pid file is there. Good enough to show; promises look closer.
pub fn runs(pid_file: &Path) -> bool {
    let pid = std::fs::read_to_string(pid_file).ok();
    let pid =
        pid.as_deref().map(str::trim).and_then(|text| text.split_whitespace().next()?.parse::<u32>().ok());
    pid.is_some_and(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
    })
}
