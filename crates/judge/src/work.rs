//! How much one file may cost, counted in bytes produced, not in seconds: the same file gives the same
//! verdict on a slow machine and on a fast one, and a file made to unpack for hours costs moments.

use crate::structure::Structure;

/// Whoever hands in a small bomb gets this much, however small it is.
const FLOOR: u64 = 64 << 20;
/// Honest data rarely unpacks to more than this many times its size.
const FACTOR: u64 = 200;
const CEILING: u64 = 4 << 30;

/// What is left of it. Spent by everything that unpacks, follows chains or reads a second time.
#[derive(Debug)]
pub(super) struct Work {
    left: u64,
}

impl Work {
    pub(super) fn for_length(length: u64) -> Work {
        Work { left: length.saturating_mul(FACTOR).saturating_add(FLOOR).min(CEILING.max(length * 2)) }
    }

    /// At most so many bytes of work; for whoever has less time than the file deserves.
    pub(super) fn at_most(self, bytes: u64) -> Work {
        Work { left: self.left.min(bytes) }
    }

    /// `false`: nothing is left, stop here.
    pub(super) fn spend(&mut self, bytes: u64) -> bool {
        let enough = self.left >= bytes;
        self.left = self.left.saturating_sub(bytes);
        enough
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    pub(super) fn exhausted(what: &str) -> Structure {
        Structure::Partly(format!("is a {what} that takes more work to check than one file may cost"))
    }
}
