//! What a sender gets: a signed statement that its submission lies on the bridge's disk.
//!
//! It can be checked with the bridge's public key alone, without the bridge: that is the point, because a
//! sender may need it when the provider is gone. `docs/formats/receipt.md` is the frozen form.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use journal::Checkpoint;
use journal::key::{PublicKey, SecretKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fact::{Mark, ReceiptId};

/// The fields of a receipt, as JSON. All but `signature`, `checkpoint` and `answer` are signed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    pub receipt: ReceiptId,
    pub tenant: String,
    pub operation: String,
    /// RFC 3339 in UTC, milliseconds.
    pub accepted_at: String,
    /// `applied`, `already_there`, `held`, `conflict` or `refused`, when this was written.
    pub state: String,
    /// SHA-256 of the body exactly as sent.
    pub body_sha256: Mark,
    /// Number of the entry in the bridge's journal.
    pub sequence: u64,
    /// Name of the key that signed.
    pub bridge: String,
    /// Ed25519, base64.
    pub signature: String,
    /// The newest checkpoint of the bridge's journal when this was written: whoever keeps it can tell later
    /// whether the journal was cut or changed behind it.
    pub checkpoint: String,
    /// What the core answered, when it did so now. Not signed, not kept by the bridge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Value>,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptFault {
    #[error("this is not a receipt: {0}")]
    Form(String),
    #[error("it was signed under the name {found}, and this public key is {expected}")]
    OtherKey { found: String, expected: String },
    #[error("the signature does not belong to these fields and this key: something was changed")]
    Forged,
    #[error("the receipt is good, but the checkpoint in it is not by this key: {0}")]
    Checkpoint(String),
}

/// `2026-11-24T01:02:03.004Z`.
pub fn time_text(time_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(time_ms).map_or_else(
        |_| format!("{time_ms} ms after 1970"),
        |time| time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
    )
}

impl Receipt {
    /// What is signed: a fixed first line, so that no other text of the bridge can pass for a receipt, then
    /// one line per field.
    fn signed_text(&self) -> String {
        let Receipt { receipt, tenant, operation, accepted_at, state, body_sha256, sequence, bridge, .. } =
            self;
        format!(
            "blackstart receipt 1\nreceipt {receipt}\ntenant {tenant}\noperation {operation}\n\
             accepted_at {accepted_at}\nstate {state}\nbody_sha256 {body_sha256}\nsequence {sequence}\n\
             bridge {bridge}\n"
        )
    }

    /// Signs the fields. The same fields always give the same signature.
    pub fn sign(mut self, key: &SecretKey) -> Receipt {
        self.bridge = key.public().name().to_owned();
        self.signature = STANDARD.encode(key.sign(self.signed_text().as_bytes()));
        self
    }

    pub fn parse(text: &str) -> Result<Receipt, ReceiptFault> {
        let receipt: Receipt =
            serde_json::from_str(text).map_err(|error| ReceiptFault::Form(error.to_string()))?;
        let Receipt { tenant, operation, accepted_at, state, bridge, .. } = &receipt;
        if [tenant, operation, accepted_at, state, bridge].iter().any(|text| text.contains(['\n', '\r'])) {
            // Otherwise one field could pretend to be two.
            return Err(ReceiptFault::Form("a field has more than one line".to_owned()));
        }
        Ok(receipt)
    }

    /// Whether exactly these fields were signed by this key. Returns whether the checkpoint in it already
    /// covers the entry; it may be a moment older than the receipt.
    pub fn verify(&self, key: &PublicKey) -> Result<bool, ReceiptFault> {
        if self.bridge != key.name() {
            return Err(ReceiptFault::OtherKey {
                found: self.bridge.clone(),
                expected: key.name().to_owned(),
            });
        }
        let signature = STANDARD.decode(&self.signature).ok();
        let signature =
            signature.and_then(|bytes| <[u8; 64]>::try_from(bytes).ok()).ok_or(ReceiptFault::Forged)?;
        if !key.accepts(self.signed_text().as_bytes(), &signature) {
            return Err(ReceiptFault::Forged);
        }
        let checkpoint = Checkpoint::parse(&self.checkpoint)
            .and_then(|checkpoint| checkpoint.verify(key).map(|()| checkpoint))
            .map_err(|error| ReceiptFault::Checkpoint(error.to_string()))?;
        Ok(checkpoint.size > self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SecretKey {
        SecretKey::from_seed("provider.example/bridge", &[7; 32]).unwrap()
    }

    fn example() -> Receipt {
        Receipt {
            receipt: ReceiptId([1; 16]),
            tenant: "x".into(),
            operation: "eau".into(),
            accepted_at: time_text(1_682_373_600_000),
            state: "held".into(),
            body_sha256: Mark([2; 32]),
            sequence: 41,
            bridge: String::new(),
            signature: String::new(),
            checkpoint: Checkpoint::sign("provider.example/bridge", 42, [3; 32], &key()).text,
            answer: None,
        }
        .sign(&key())
    }

    #[test]
    fn the_form_of_a_receipt_stays_as_it_is() {
        let golden = include_str!("../../../docs/formats/golden/receipt-v1.json");
        let public = include_str!("../../../docs/formats/golden/receipt-v1.public-key");
        assert_eq!(format!("{}\n", serde_json::to_string_pretty(&example()).unwrap()), golden);
        assert_eq!(format!("{}\n", key().public()), public);
        assert_eq!(Receipt::parse(golden).unwrap().verify(&PublicKey::parse(public).unwrap()), Ok(true));
        let page = include_str!("../../../docs/formats/receipt.md");
        let shown: String = example().signed_text().lines().map(|line| format!("    {line}\n")).collect();
        assert!(page.contains(&shown), "the page should show this signed text:\n{shown}");
    }

    #[test]
    fn a_receipt_is_checked_with_the_public_key_alone() {
        let text = serde_json::to_string(&example()).unwrap();
        assert_eq!(Receipt::parse(&text).unwrap().verify(&key().public()), Ok(true));
        let other = SecretKey::from_seed("provider.example/bridge", &[8; 32]).unwrap().public();
        assert_eq!(example().verify(&other), Err(ReceiptFault::Forged));
    }

    #[test]
    fn a_changed_field_is_noticed() {
        let changes: [fn(&mut Receipt); 7] = [
            |r| r.receipt = ReceiptId([9; 16]),
            |r| r.tenant = "y".into(),
            |r| r.operation = "letter".into(),
            |r| r.accepted_at = time_text(0),
            |r| r.state = "applied".into(),
            |r| r.body_sha256 = Mark([0; 32]),
            |r| r.sequence = 40,
        ];
        for change in changes {
            let mut receipt = example();
            change(&mut receipt);
            assert_eq!(receipt.verify(&key().public()), Err(ReceiptFault::Forged));
        }
        let mut receipt = example();
        receipt.checkpoint = receipt.checkpoint.replacen("42", "43", 1);
        assert!(matches!(receipt.verify(&key().public()), Err(ReceiptFault::Checkpoint(_))));
    }

    #[test]
    fn lines_cannot_be_smuggled_between_fields() {
        let mut receipt = example();
        receipt.tenant = "x\noperation letter".into();
        let text = serde_json::to_string(&receipt).unwrap();
        assert!(matches!(Receipt::parse(&text), Err(ReceiptFault::Form(_))));
    }

    #[test]
    fn it_fits_into_a_printed_square_code() {
        assert!(serde_json::to_string(&example()).unwrap().len() < 2048);
    }
}
