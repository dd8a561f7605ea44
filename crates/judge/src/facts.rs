//! What is kept of a file's judgement, so that a later version can be compared with it without judging this
//! one again. Small: it lies in a ledger a million times.

use serde::{Deserialize, Serialize};

/// What the checker of the type said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Verified; of its content some bytes may be covered by no sum.
    Whole,
    /// Verified, and its own sums cover all of its content.
    Sealed,
    /// Nothing wrong, but not all of it could be verified.
    Partly,
    /// No checker for it.
    #[default]
    Unchecked,
    Broken,
    /// Encrypted, and it says so.
    Declared,
}

/// A summary of at most some 200 bytes as JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The type that the content shows; empty if none was recognised.
    pub kind: String,
    pub state: State,
    pub length: u64,
    /// Windows of 4 KiB, how many of them look random, and how many of those in a row.
    pub windows: u64,
    pub even: u64,
    pub run: u64,
    /// Hundredths of a bit per byte.
    pub entropy: u16,
    /// Zero bytes in a row.
    pub zeros: u64,
}

impl Facts {
    /// Random from end to end and of no known type, as a container without a mark is.
    pub fn is_nameless_random(&self) -> bool {
        self.kind.is_empty() && self.windows > 0 && self.even * 100 >= self.windows * 95
    }

    /// What was verified covers its content from end to end.
    pub fn is_sealed(&self) -> bool {
        self.state == State::Sealed
    }

    /// Bytes of which only the frame was looked at: of a disk image, its files are not judged. Whoever counts clean files
    /// counts these apart.
    pub fn bytes_not_looked_at(&self) -> u64 {
        if self.kind.starts_with("disk image") { self.length } else { 0 }
    }

    /// Its structure was verified.
    pub fn is_valid(&self) -> bool {
        matches!(self.state, State::Whole | State::Sealed)
    }

    /// It was right as far as could be seen.
    pub fn was_good(&self) -> bool {
        !matches!(self.state, State::Broken)
    }
}
