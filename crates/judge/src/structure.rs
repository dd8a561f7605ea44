//! What a checker found: is the file built as its type is, and if not, where and how is it wrong?

use crate::facts::State;

/// What a checker found.
#[derive(Debug)]
pub(crate) enum Structure {
    /// Verified; the text says what. Content that no sum covers may stand in it.
    Whole(String),
    /// The frame was verified; what it holds is nearly all of the file, is packed, and is not decoded here, so that random bytes in
    /// its place would not be seen. Right as far as can be told, and no more.
    Framed(String),
    /// Verified, and every byte of its content is covered by a sum that fits, or cannot be random where it stands.
    Sealed(String),
    /// Nothing wrong, but not all of it could be checked; the text says why.
    Partly(String),
    /// Right in its frame, and yet not as any program leaves it; the text says what.
    Odd(String),
    Declared(String),
    /// Right as far as it goes, but it ends early.
    Cut {
        at: u64,
        why: String,
    },
    /// `framing`: the frame itself is destroyed, not just content that a checksum covers.
    Broken {
        at: u64,
        why: String,
        framing: bool,
    },
    /// Bytes that look random stand where the type has none.
    Random {
        at: u64,
        why: String,
    },
    /// Complete, and then something follows.
    Trailing {
        at: u64,
        bytes: u64,
    },
}

impl Structure {
    pub(crate) fn state(&self) -> State {
        match self {
            Structure::Whole(_) | Structure::Framed(_) => State::Whole,
            Structure::Sealed(_) => State::Sealed,
            Structure::Partly(_) | Structure::Odd(_) | Structure::Trailing { .. } => State::Partly,
            Structure::Declared(_) => State::Declared,
            Structure::Cut { .. } | Structure::Broken { .. } | Structure::Random { .. } => State::Broken,
        }
    }

    /// Where something is wrong with it.
    pub(crate) fn place(&self) -> Option<u64> {
        match self {
            Structure::Whole(_)
            | Structure::Framed(_)
            | Structure::Sealed(_)
            | Structure::Partly(_)
            | Structure::Odd(_)
            | Structure::Declared(_) => None,
            Structure::Cut { at, .. }
            | Structure::Broken { at, .. }
            | Structure::Random { at, .. }
            | Structure::Trailing { at, .. } => Some(*at),
        }
    }

    /// For formats whose sums cover all of their content.
    pub(crate) fn sealed(self) -> Structure {
        match self {
            Structure::Whole(what) => Structure::Sealed(what),
            other => other,
        }
    }

    pub(crate) fn broken(at: u64, why: String) -> Structure {
        Structure::Broken { at, why, framing: true }
    }
}
