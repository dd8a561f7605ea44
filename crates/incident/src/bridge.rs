//! What the bridge has reported of its own journal: digests and counts, never an item.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use estate::Id;

use crate::Entry;

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
    pub(crate) fn apply(&mut self, entry: &Entry, event: &BridgeEvent) {
        match event {
            BridgeEvent::AccountReceived { accounts, .. } => {
                self.accounts.extend(accounts.iter().map(|(id, account)| (id.clone(), account.clone())));
                self.as_of_ms = Some(entry.time_ms);
            }
        }
    }
}
