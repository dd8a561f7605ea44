//! What the bridge's own journal records, and its bytes. `docs/formats/bridge-journal.md` is the frozen form.
//!
//! A payload is a line of JSON, a line feed, and then sealed bytes (often none). The JSON holds what the
//! bridge must know to keep order and accounts; everything that people wrote is sealed to their tenant,
//! and nobody at the provider can open it. A fact never changes once released; a new need is a new kind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use estate::Id;

/// Version written by this program.
pub const VERSION: u16 = 1;
/// Who is written beside each entry. The bridge does not know people.
pub const ACTOR: &str = "bridge";

/// A keyed hash (HMAC-SHA-256 under the tenant's key): shows that two things are equal, and nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark(pub [u8; 32]);

/// The name of a submission, from its receipt to the core: 16 random bytes, written as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReceiptId(pub [u8; 16]);

macro_rules! as_hex {
    ($name:ident, $bytes:literal) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl $name {
            /// Reads exactly the form that is printed.
            pub fn parse(text: &str) -> Option<$name> {
                let digits = text.as_bytes();
                if digits.len() != 2 * $bytes {
                    return None;
                }
                let value = |digit: u8| match digit {
                    b'0'..=b'9' => Some(digit - b'0'),
                    b'a'..=b'f' => Some(digit - b'a' + 10),
                    _ => None,
                };
                let mut bytes = [0; $bytes];
                for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = value(pair[0])? << 4 | value(pair[1])?;
                }
                Some($name(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
                $name::parse(&text)
                    .ok_or_else(|| serde::de::Error::custom(concat!("not ", $bytes, " bytes in hex digits")))
            }
        }
    };
}

as_hex!(Mark, 32);
as_hex!(ReceiptId, 16);

/// How a submission ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The core did it now.
    Applied,
    /// The core had it already: same receipt, or same business.
    AlreadyThere,
    /// It contradicts what the core has. People decide, never a program.
    Conflict,
    /// The core declined it, with a reason.
    Refused,
}

/// Who saw the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The bridge forwarded it and got the answer.
    Bridge,
    /// The tenant's hand-back offered it and reported the answer.
    HandBack,
}

/// A submission was taken in. The sealed bytes are its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    pub tenant: Id,
    pub operation: String,
    pub receipt: ReceiptId,
    /// Of the person it concerns; order is kept among equal ones.
    pub person: Mark,
    /// Of operation and business key; equal means the same business.
    pub business: Mark,
    /// Of operation and body, to tell a repeated request from another one under the same key.
    pub body: Mark,
    /// Of operation and `Idempotency-Key`, if the sender gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Mark>,
}

/// The outcome of a submission is known. The sealed bytes are the core's reason, if it gave one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    pub tenant: Id,
    /// Sequence of the entry that accepted it.
    pub item: u64,
    pub outcome: Outcome,
    /// HTTP status of the core's answer.
    pub status: u16,
    pub seen_by: Witness,
}

/// One recorded fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", deny_unknown_fields)]
pub enum Fact {
    /// From here on submissions are sealed to these recipients.
    #[serde(rename = "bridge.started")]
    Started { program: String, recipients: BTreeMap<Id, String> },
    #[serde(rename = "item.accepted")]
    Accepted(Accepted),
    #[serde(rename = "item.settled")]
    Settled(Settled),
    /// Nothing of these tenants is forwarded until they are released.
    #[serde(rename = "route.held")]
    Held { tenants: BTreeSet<Id>, why: String },
    #[serde(rename = "route.released")]
    Released { tenants: BTreeSet<Id> },
    /// The upstream was restored to an older state: what these tenants had applied from entry `from` on,
    /// or at a time when the clock was in doubt, is pending again.
    #[serde(rename = "route.reopened")]
    Reopened { tenants: BTreeSet<Id>, from: u64, since_ms: i64 },
    /// The clock went ahead faster than time passes: earlier entries may show too early a time, by this much.
    #[serde(rename = "clock.jumped")]
    ClockJumped { ahead_ms: u64 },
    /// At the start the clock showed a time before the last entry's: until it catches up, times are not known.
    #[serde(rename = "clock.behind")]
    ClockBehind { behind_ms: u64 },
    #[serde(rename = "clock.caught_up")]
    ClockCaughtUp {},
}

/// Whether an entry of this kind can only be a bridge's. Its items name each other by their number in its journal.
pub fn is_own_kind(kind: &str) -> bool {
    ["item.", "route.", "clock.", "bridge.started"].iter().any(|own| kind.starts_with(own))
}

/// Kind and payload for the journal.
pub fn encode(fact: &Fact, sealed: &[u8]) -> (String, Vec<u8>) {
    let tagged = serde_json::to_value(fact)
        .expect("facts hold only strings, numbers, lists and maps with string keys");
    let kind = tagged["kind"].as_str().expect("every fact is tagged with its kind").to_owned();
    let mut payload = tagged["data"].to_string().into_bytes();
    payload.push(b'\n');
    payload.extend_from_slice(sealed);
    (kind, payload)
}

/// The fact and the sealed bytes after it. The error says why it cannot be read.
pub fn decode<'a>(kind: &str, version: u16, payload: &'a [u8]) -> Result<(Fact, &'a [u8]), String> {
    if version != VERSION {
        return Err(format!("version {version} of `{kind}` was written by a newer program"));
    }
    let end = payload
        .iter()
        .position(|&byte| byte == b'\n')
        .ok_or_else(|| format!("`{kind}` has no end of its first line"))?;
    let data: serde_json::Value =
        serde_json::from_slice(&payload[..end]).map_err(|error| error.to_string())?;
    let fact = serde_json::from_value(serde_json::json!({ "kind": kind, "data": data }))
        .map_err(|error| error.to_string())?;
    Ok((fact, &payload[end + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Vec<Fact> {
        let x: Id = "tenant:x".parse().unwrap();
        let accepted = Accepted {
            tenant: x.clone(),
            operation: "eau".into(),
            receipt: ReceiptId([1; 16]),
            person: Mark([2; 32]),
            business: Mark([3; 32]),
            body: Mark([4; 32]),
            idempotency: Some(Mark([5; 32])),
        };
        vec![
            Fact::Started {
                program: "0.1.0".into(),
                recipients: BTreeMap::from([(x.clone(), "age1".into())]),
            },
            Fact::Accepted(Accepted { idempotency: None, ..accepted.clone() }),
            Fact::Accepted(accepted),
            Fact::Settled(Settled {
                tenant: x.clone(),
                item: 7,
                outcome: Outcome::AlreadyThere,
                status: 208,
                seen_by: Witness::HandBack,
            }),
            Fact::Held { tenants: BTreeSet::from([x.clone()]), why: "refused".into() },
            Fact::Released { tenants: BTreeSet::from([x.clone()]) },
            Fact::Reopened { tenants: BTreeSet::from([x]), from: 3, since_ms: 4 },
            Fact::ClockJumped { ahead_ms: 5 },
            Fact::ClockBehind { behind_ms: 6 },
            Fact::ClockCaughtUp {},
        ]
    }

    #[test]
    fn every_fact_reads_back_with_its_sealed_bytes() {
        for fact in examples() {
            let (kind, payload) = encode(&fact, b"sealed\nbytes");
            assert!(is_own_kind(&kind), "{kind}");
            assert_eq!(decode(&kind, VERSION, &payload), Ok((fact, &b"sealed\nbytes"[..])));
        }
    }

    #[test]
    fn the_bytes_of_version_1_stay_as_they_are() {
        let lines: String = examples()
            .iter()
            .map(|fact| {
                let (kind, payload) = encode(fact, b"");
                format!("{kind} {VERSION} {}", String::from_utf8(payload).unwrap())
            })
            .collect();
        let golden = include_str!("../../../docs/formats/golden/bridge-journal-v1.txt");
        assert_eq!(lines, golden, "a released form never changes: add a version instead");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_explained(kind in "(item.accepted|item.settled|route.held|x)", payload: Vec<u8>) {
            let _ = decode(&kind, VERSION, &payload);
        }

        #[test]
        fn hex_digits_read_back_and_nothing_else_does(bytes: [u8; 16], text in "\\PC{0,40}") {
            let id = ReceiptId(bytes);
            assert_eq!(ReceiptId::parse(&id.to_string()), Some(id));
            if let Some(read) = ReceiptId::parse(&text) {
                assert_eq!(read.to_string(), text);
            }
        }
    }
}
