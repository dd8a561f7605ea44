//! Something that is wrong with an estate, or that somebody should know about it.

use std::fmt;

use message::{Message, Remedy};

use super::id::Id;
use super::place::Place;

/// How bad it is. The order is the order of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// No plan can be made, or a plan would be wrong. The only grade that makes `check` answer no.
    Blocking,
    /// A restart will hurt here.
    Serious,
    /// Worth knowing.
    Note,
}

impl Grade {
    pub fn word(self) -> &'static str {
        match self {
            Grade::Blocking => "blocking",
            Grade::Serious => "serious",
            Grade::Note => "note",
        }
    }
}

impl fmt::Display for Grade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is wrong, what it means, what to do, and where.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub grade: Grade,
    /// Stable, for scripts: listed in `docs/formats/estate.md`.
    pub code: &'static str,
    pub message: Message,
    /// The things concerned, the most important first.
    pub ids: Vec<Id>,
    pub place: Option<Place>,
}

impl Finding {
    pub fn new(
        grade: Grade,
        code: &'static str,
        what: impl Into<String>,
        means: impl Into<String>,
        to_do: impl Into<Remedy>,
    ) -> Finding {
        Finding { grade, code, message: Message::new(what, means, to_do), ids: Vec::new(), place: None }
    }

    pub fn about(mut self, ids: impl IntoIterator<Item = Id>) -> Finding {
        self.ids.extend(ids);
        self
    }

    pub fn at(mut self, place: Option<Place>) -> Finding {
        self.place = place;
        self
    }
}
