//! How much one file may cost, counted in bytes produced, not in seconds: the same file gives the same
//! verdict on a slow machine and on a fast one, and a file made to unpack for hours costs moments.

use crate::structure::Structure;

/// Whoever hands in a small bomb gets this much, however small it is.
const FLOOR: u64 = 64 << 20;
/// Honest data rarely unpacks to more than this many times its size.
const FACTOR: u64 = 200;
const CEILING: u64 = 4 << 30;
/// Longer picture data of JPEG is not decoded, which takes five times as long as everything else that a scan does with a byte,
/// unless something in it shows that only decoding can tell.
const DECODED_MAX: u64 = 256 << 10;

/// What is left of it. Spent by everything that unpacks, follows chains or reads a second time.
#[derive(Debug)]
pub(super) struct Work {
    left: u64,
    decoded_max: u64,
    /// Why something was not looked at to its end: then nothing is whole.
    open: Option<String>,
}

impl Work {
    pub(super) fn for_length(length: u64) -> Work {
        let left =
            length.saturating_mul(FACTOR).saturating_add(FLOOR).min(CEILING.max(length.saturating_mul(2)));
        Work { left, decoded_max: DECODED_MAX, open: None }
    }

    /// At most so many bytes of work; for whoever has less time than the file deserves.
    pub(super) fn at_most(self, bytes: u64) -> Work {
        Work { left: self.left.min(bytes), decoded_max: self.decoded_max.min(bytes), ..self }
    }

    /// Picture data is decoded however long it is: for a file that changed, and those are few.
    pub(super) fn decoding_all(self) -> Work {
        Work { decoded_max: u64::MAX, ..self }
    }

    pub(super) fn decodes(&self, bytes: u64) -> bool {
        bytes <= self.decoded_max
    }

    /// A part of the file was not looked at to its end.
    pub(super) fn leave(&mut self, why: impl Into<String>) {
        self.open.get_or_insert_with(|| why.into());
    }

    /// What was found, if nothing was left: otherwise the file is at best whole as far as it was looked at.
    pub(super) fn limited(&mut self, found: Structure) -> Structure {
        match (found, self.open.take()) {
            (Structure::Whole(what) | Structure::Sealed(what), Some(why)) => {
                Structure::Partly(format!("{what}, but {why}"))
            }
            (found, _) => found,
        }
    }

    /// `false`: nothing is left, stop here.
    pub(super) fn spend(&mut self, bytes: u64) -> bool {
        let enough = self.left >= bytes;
        self.left = self.left.saturating_sub(bytes);
        if !enough {
            self.leave("it takes more work to check than one file may cost");
        }
        enough
    }

    pub(super) fn is_spent(&self) -> bool {
        self.left == 0
    }

    pub(super) fn exhausted(what: &str) -> Structure {
        Structure::Partly(format!("is a {what} that takes more work to check than one file may cost"))
    }
}
