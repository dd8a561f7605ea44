//! Where a source says something: a file and a line.

use std::fmt;
use std::sync::Arc;

/// A line of a source file, as people find it again. Line 0 is the file as a whole.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub file: Arc<str>,
    pub line: usize,
}

impl Origin {
    pub fn new(file: &str, line: usize) -> Origin {
        Origin { file: file.into(), line }
    }

    /// The file as a whole.
    pub fn file(file: &str) -> Origin {
        Origin::new(file, 0)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // File names come from other people's files: nothing in them may steer a terminal.
        f.write_str(&message::harmless(&self.file))?;
        if self.line > 0 { write!(f, ":{}", self.line) } else { Ok(()) }
    }
}
