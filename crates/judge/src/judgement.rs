//! What is said of a file: a verdict with its reasons, and what to keep for the comparison with a later version.

use serde::Serialize;

use crate::facts::Facts;

/// What a file was found to be. The words are a contract; scripts rely on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The structure was verified.
    Clean,
    /// No checker for this type, and no sign of anything.
    CleanUnverified,
    /// Encrypted, and it says so: somebody's own archive, or an attacker with common tools.
    DeclaredEncrypted,
    Suspicious,
    Encrypted,
    Damaged,
    Malware,
    /// Could not be read. What was not read is not clean.
    Unread,
}

impl Verdict {
    pub const ALL: [Verdict; 8] = [
        Verdict::Clean,
        Verdict::CleanUnverified,
        Verdict::DeclaredEncrypted,
        Verdict::Suspicious,
        Verdict::Encrypted,
        Verdict::Damaged,
        Verdict::Malware,
        Verdict::Unread,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Verdict::Clean => "clean",
            Verdict::CleanUnverified => "clean-unverified",
            Verdict::DeclaredEncrypted => "declared-encrypted",
            Verdict::Suspicious => "suspicious",
            Verdict::Encrypted => "encrypted",
            Verdict::Damaged => "damaged",
            Verdict::Malware => "malware",
            Verdict::Unread => "unread",
        }
    }

    /// A later version is compared with it: nothing speaks against it, or nothing but that it says itself that it is
    /// encrypted.
    pub fn is_measure(self) -> bool {
        self.is_clean() || self == Verdict::DeclaredEncrypted
    }

    /// Nothing speaks against it.
    pub fn is_clean(self) -> bool {
        match self {
            Verdict::Clean | Verdict::CleanUnverified => true,
            Verdict::DeclaredEncrypted
            | Verdict::Suspicious
            | Verdict::Encrypted
            | Verdict::Damaged
            | Verdict::Malware
            | Verdict::Unread => false,
        }
    }
}

/// The version of everything that leads to a verdict. A ledger that holds judgements of another version
/// asks again; whoever changes a verdict, a threshold or a checker counts this up.
pub const VERSION: u32 = 13;

/// A verdict and why, and what to keep for the comparison with a later version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    pub reasons: Vec<String>,
    pub facts: Facts,
}

impl Judgement {
    /// Bytes of which only the frame was looked at (`Facts::bytes_not_looked_at`).
    pub fn bytes_not_looked_at(&self) -> u64 {
        self.facts.bytes_not_looked_at()
    }

    /// For what could not be read.
    pub fn unread(why: impl Into<String>) -> Judgement {
        Judgement { verdict: Verdict::Unread, reasons: vec![why.into()], facts: Facts::default() }
    }
}
