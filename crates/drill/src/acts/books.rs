//! What the bridge and the funds say in the drill: accounts, lists for people, and the hand-back that settles them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::oracle::{Account, Listed, Why};
use crate::stage::{Stage, text};
use crate::world::Running;

/// Hand-backs at the same time. A provider has two cores in the drill, a fund one process.
pub(super) const SIDE_BY_SIDE: usize = 3;
/// One fund's hand-back.
pub(super) const RUN: Duration = Duration::from_secs(90);

/// What is on a fund's list for people, as the fund reads it.
pub(super) fn listed(stage: &Stage, fund: &str) -> Result<Vec<Listed>> {
    let config = stage.seen.handback.get(fund).map(|path| text(path)).unwrap_or_default();
    let (answer, _) = stage.ask(&["handback", "list", &config, "--json"])?;
    let list = ["items", "list", "entries"].iter().find_map(|name| answer.get(name)).unwrap_or(&answer);
    Ok(list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let state = ["state", "outcome"].iter().find_map(|name| entry[name].as_str())?;
            let why = if state == "conflict" { Why::Conflict } else { Why::Refused };
            Some(Listed { tenant: fund.to_owned(), receipt: entry["receipt"].as_str()?.to_owned(), why })
        })
        .collect())
}

/// Lets every fund with something pending bring it back, until nothing is. Returns what is left.
pub(super) fn finish(stage: &Stage) -> Result<u64> {
    let mut left = 0;
    for _ in 0..4 {
        let accounts = accounts(stage)?;
        left = accounts.values().map(|account| account.pending).sum();
        let waiting: Vec<&String> =
            accounts.iter().filter(|(_, account)| account.pending > 0).map(|(fund, _)| fund).collect();
        if waiting.is_empty() {
            return Ok(0);
        }
        for group in waiting.chunks(SIDE_BY_SIDE) {
            let mut running = Vec::new();
            for fund in group {
                running.push(run_handback(stage, fund, "handback-rest")?);
            }
            for mut process in running {
                process.wait(RUN)?;
            }
        }
    }
    Ok(left)
}

/// What the bridge says about every fund.
pub(super) fn accounts(stage: &Stage) -> Result<BTreeMap<String, Account>> {
    let config = stage.bridge_config();
    let (answer, _) = stage.ask(&["bridge", "account", &config, "--json"])?;
    let list = ["accounts", "tenants"].iter().find_map(|name| answer.get(name)).unwrap_or(&answer);
    Ok(list
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, counts)| counts["accepted"].is_u64())
        .map(|(fund, counts)| (fund.trim_start_matches("tenant:").to_owned(), account(counts)))
        .collect())
}

fn account(counts: &Value) -> Account {
    let number = |name: &str| counts[name].as_u64().unwrap_or(0);
    Account {
        accepted: number("accepted"),
        applied: number("applied"),
        already_there: number("already_there"),
        conflict: number("conflict"),
        refused: number("refused"),
        pending: number("pending"),
    }
}

pub(super) fn run_handback(stage: &Stage, fund: &str, name: &str) -> Result<Running> {
    let config = stage.seen.handback.get(fund).map(|path| text(path)).unwrap_or_default();
    stage.spawn(&format!("{name}-{fund}"), &["handback", "run", &config, "--json"])
}
