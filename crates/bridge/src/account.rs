//! What the incident's journal gets to know of the bridge's: counts and a checkpoint, never an item. A pure decision.

use std::collections::BTreeMap;

use message::Message;

use estate::Id;
use incident::Event;
use incident::event::{Account, BridgeEvent};

/// Why an account is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the bridge's answer names no checkpoint")]
    NoCheckpoint,
}

impl Refusal {
    pub fn message(&self) -> Message {
        match self {
            Refusal::NoCheckpoint => Message::new(
                self.to_string(),
                "nobody could prove later what these counts were counted from; nothing was recorded",
                "use the same version of this program for both, and ask the bridge again",
            ),
        }
    }
}

/// Records what the bridge says, also where it does not add up: then the view says so. One entry for each tenant: an entry
/// is shown to others whole or not at all, and no tenant may see another's counts.
pub fn received(accounts: &BTreeMap<Id, Account>, checkpoint: &str) -> Result<Vec<Event>, Refusal> {
    if checkpoint.trim().is_empty() {
        return Err(Refusal::NoCheckpoint);
    }
    let event = |accounts| {
        let checkpoint = checkpoint.to_owned();
        Event::Bridge(BridgeEvent::AccountReceived { accounts, checkpoint })
    };
    if accounts.is_empty() {
        // That the bridge holds nothing is an answer, too.
        return Ok(vec![event(BTreeMap::new())]);
    }
    Ok(accounts.iter().map(|(id, account)| event(BTreeMap::from([(id.clone(), account.clone())]))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_nobody_could_prove_are_not_recorded() {
        let accounts = BTreeMap::from([("tenant:a".parse().unwrap(), Account::default())]);
        assert_eq!(received(&accounts, " "), Err(Refusal::NoCheckpoint));
        assert_eq!(received(&accounts, "bridge\n1\n").unwrap().len(), 1);
        assert_eq!(received(&BTreeMap::new(), "bridge\n1\n").unwrap().len(), 1);
    }

    #[test]
    fn no_entry_holds_the_counts_of_two_tenants() {
        let account = |accepted| Account { accepted, ..Account::default() };
        let accounts = BTreeMap::from([
            ("tenant:a".parse().unwrap(), account(1)),
            ("tenant:b".parse().unwrap(), account(2)),
        ]);
        let events = received(&accounts, "bridge\n1\n").unwrap();
        assert_eq!(events.iter().map(|event| event.about().len()).collect::<Vec<_>>(), [1, 1]);
    }
}
