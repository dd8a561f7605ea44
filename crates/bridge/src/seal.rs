//! Sealing to a tenant, and the envelope inside the seal.
//!
//! A seal is an age file (X25519) to the tenant's recipient. Inside stands a line of JSON that says which
//! submission this is, then the body as it was sent, then spaces up to a multiple of 256 bytes. The line is
//! there so that sealed bytes put under another receipt are noticed when opened; the spaces so that the
//! length on disk tells less about what was written.

use serde::{Deserialize, Serialize};

use super::fact::ReceiptId;
use estate::Id;

/// Lengths are rounded up to this.
const PADDED_TO_BYTES: usize = 256;

/// To whom is sealed: the public half, all that the bridge has.
#[derive(Clone)]
pub struct Recipient(age::x25519::Recipient);

/// The secret half, which only the tenant has.
pub struct Identity(age::x25519::Identity);

#[derive(Debug, thiserror::Error)]
pub enum SealFault {
    #[error("not a recipient: {0}. It is the line `age1...` that `blackstart handback keygen` prints")]
    Recipient(String),
    #[error("not an identity: {0}. It is the file that `blackstart handback keygen` writes")]
    Identity(String),
    #[error("could not seal: {0}")]
    Seal(String),
    #[error("cannot be opened with this identity: {0}")]
    Open(String),
    #[error("what was sealed is not a submission: {0}")]
    Envelope(String),
    #[error("the seal under receipt {found_under} holds submission {inside}: somebody moved it")]
    Moved { found_under: ReceiptId, inside: ReceiptId },
}

/// What is inside a seal, before the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    pub receipt: ReceiptId,
    pub tenant: Id,
    pub operation: String,
    pub length: usize,
}

impl Recipient {
    pub fn parse(text: &str) -> Result<Recipient, SealFault> {
        text.trim()
            .parse()
            .map(Recipient)
            .map_err(|problem: &'static str| SealFault::Recipient(problem.to_owned()))
    }

    pub fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, SealFault> {
        age::encrypt(&self.0, plain).map_err(|error| SealFault::Seal(error.to_string()))
    }

    pub fn seal_submission(&self, envelope: &Envelope, body: &[u8]) -> Result<Vec<u8>, SealFault> {
        self.seal(&padded(envelope, body))
    }
}

fn padded(envelope: &Envelope, body: &[u8]) -> Vec<u8> {
    let mut plain = serde_json::to_vec(envelope).expect("an envelope holds only strings and numbers");
    plain.push(b'\n');
    plain.extend_from_slice(body);
    plain.resize(plain.len().next_multiple_of(PADDED_TO_BYTES), b' ');
    plain
}

impl std::fmt::Display for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(&self.0, f)
    }
}

impl Identity {
    pub fn generate() -> Identity {
        Identity(age::x25519::Identity::generate())
    }

    /// Reads an identity file: lines that start with `#` are remarks.
    pub fn parse(text: &str) -> Result<Identity, SealFault> {
        let line = text
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with('#'))
            .ok_or_else(|| SealFault::Identity("the file holds no key".to_owned()))?;
        line.parse().map(Identity).map_err(|problem: &'static str| SealFault::Identity(problem.to_owned()))
    }

    /// The secret line of an identity file.
    pub fn secret_line(&self) -> String {
        use age::secrecy::ExposeSecret;
        self.0.to_string().expose_secret().to_owned()
    }

    pub fn recipient(&self) -> Recipient {
        Recipient(self.0.to_public())
    }

    pub fn open(&self, sealed: &[u8]) -> Result<Vec<u8>, SealFault> {
        age::decrypt(&self.0, sealed).map_err(|error| SealFault::Open(error.to_string()))
    }

    /// Opens a submission and makes sure that it is the one that was asked for.
    pub fn open_submission(
        &self,
        receipt: &ReceiptId,
        sealed: &[u8],
    ) -> Result<(Envelope, Vec<u8>), SealFault> {
        let mut plain = self.open(sealed)?;
        let broken = |why: &str| SealFault::Envelope(why.to_owned());
        let end = plain
            .iter()
            .position(|&byte| byte == b'\n')
            .ok_or_else(|| broken("its first line has no end"))?;
        let envelope: Envelope =
            serde_json::from_slice(&plain[..end]).map_err(|error| SealFault::Envelope(error.to_string()))?;
        if envelope.receipt != *receipt {
            return Err(SealFault::Moved { found_under: *receipt, inside: envelope.receipt });
        }
        plain.drain(..=end);
        if plain.len() < envelope.length {
            return Err(broken("it is shorter than it says"));
        }
        plain.truncate(envelope.length);
        Ok((envelope, plain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(length: usize) -> Envelope {
        Envelope {
            receipt: ReceiptId([1; 16]),
            tenant: "tenant:x".parse().unwrap(),
            operation: "eau".into(),
            length,
        }
    }

    #[test]
    fn only_the_tenants_identity_opens_what_was_sealed_to_it() {
        let (tenant, other) = (Identity::generate(), Identity::generate());
        let recipient = Recipient::parse(&tenant.recipient().to_string()).unwrap();
        let sealed = recipient.seal_submission(&envelope(5), b"hello").unwrap();
        let again = Identity::parse(&format!("# remark\n\n{}\n", tenant.secret_line())).unwrap();
        assert_eq!(
            again.open_submission(&ReceiptId([1; 16]), &sealed).unwrap(),
            (envelope(5), b"hello".to_vec())
        );
        assert!(matches!(other.open_submission(&ReceiptId([1; 16]), &sealed), Err(SealFault::Open(_))));
        assert!(!sealed.windows(5).any(|window| window == b"hello"));
    }

    #[test]
    fn a_seal_under_another_receipt_is_noticed() {
        let tenant = Identity::generate();
        let sealed = tenant.recipient().seal_submission(&envelope(0), b"").unwrap();
        let moved = tenant.open_submission(&ReceiptId([2; 16]), &sealed);
        assert!(matches!(moved, Err(SealFault::Moved { .. })));
    }

    #[test]
    fn bodies_of_similar_length_have_the_same_length_before_they_are_sealed() {
        let lengths: std::collections::BTreeSet<usize> =
            (10..60).map(|length| padded(&envelope(length), &vec![b'x'; length]).len()).collect();
        assert_eq!(lengths.len(), 1);
    }

    #[test]
    fn damaged_seals_are_refused_without_panic() {
        let tenant = Identity::generate();
        let sealed = tenant.recipient().seal_submission(&envelope(5), b"hello").unwrap();
        for cut in 0..sealed.len() {
            assert!(tenant.open_submission(&ReceiptId([1; 16]), &sealed[..cut]).is_err());
        }
        for text in ["", "# only a remark", "AGE-SECRET-KEY-1", "age1"] {
            assert!(Identity::parse(text).is_err());
            assert!(Recipient::parse(text).is_err());
        }
    }
}
