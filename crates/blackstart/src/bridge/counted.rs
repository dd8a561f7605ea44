//! What the incident journal knows of the bridge: counts per tenant, never contents.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::estate::Id;
use crate::incident::Entry;
use crate::incident::event::{Account, BridgeEvent};

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
