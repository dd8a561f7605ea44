//! What the bridge has reported of its own journal: digests and counts, never an item.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::stamp::Stamp;

/// Counts per tenant; the items themselves live in the bridge's own journal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub accepted: u64,
    pub applied: u64,
    pub already_there: u64,
    pub conflict: u64,
    pub refused: u64,
    pub pending: u64,
}

impl Account {
    /// Every accepted item is in exactly one place.
    pub fn adds_up(&self) -> bool {
        let places = [self.applied, self.already_there, self.conflict, self.refused, self.pending];
        places.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count)) == Some(self.accepted)
    }
}

/// Every kind, with the version in which it is written now. Older versions are read in `record::older`.
pub(crate) const VERSIONS: &[(&str, u16)] = &[("bridge.account_received", 1)];

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum BridgeEvent {
    /// What the bridge's journal says, with the checkpoint that proves it.
    #[serde(rename = "bridge.account_received")]
    AccountReceived { accounts: BTreeMap<Id, Account>, checkpoint: String },
}

impl BridgeEvent {
    pub(crate) fn about(&self) -> Vec<Id> {
        match self {
            BridgeEvent::AccountReceived { accounts, .. } => accounts.keys().cloned().collect(),
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct View {
    pub accounts: BTreeMap<Id, Account>,
    pub as_of_ms: Option<i64>,
}

impl View {
    /// `Err` names the tenants whose account does not add up; it is taken in all the same, because it is what was said.
    pub(crate) fn apply(&mut self, entry: Stamp<'_>, event: &BridgeEvent) -> Result<(), String> {
        match event {
            BridgeEvent::AccountReceived { accounts, .. } => {
                self.accounts.extend(accounts.iter().map(|(id, account)| (id.clone(), account.clone())));
                self.as_of_ms = Some(entry.time_ms);
                let wrong = accounts.iter().filter(|(_, account)| !account.adds_up());
                let wrong: Vec<String> = wrong.map(|(tenant, _)| tenant.to_string()).collect();
                if !wrong.is_empty() {
                    return Err(format!("the bridge's account does not add up for {}", wrong.join(", ")));
                }
            }
        }
        Ok(())
    }
}
