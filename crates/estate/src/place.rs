//! Where in the files something was said, so that a finding can point at it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::id::Id;

/// A range of bytes in one of the files of an estate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Position in `Sources::files`.
    pub file: usize,
    pub bytes: Range<usize>,
}

/// A file as it was read. Bytes that are not UTF-8 are not kept; such a file is empty here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    pub name: String,
    pub text: String,
}

/// The files of an estate, and where each thing and each of its fields was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sources {
    pub files: Vec<SourceFile>,
    /// Thing and field (`""` is the definition itself) to place. Authority has no id and is not listed.
    places: BTreeMap<Id, BTreeMap<String, Place>>,
}

impl Sources {
    pub(super) fn put(&mut self, id: &Id, field: &str, place: Place) {
        self.places.entry(id.clone()).or_default().insert(field.to_owned(), place);
    }

    /// Where `field` of `id` was said; where it was not said, the definition of `id`.
    /// Fields are named as in the file: `host`, `needs.hard`, `gates`; one entry of a list of needs as
    /// `needs.hard service:identity`.
    pub fn place(&self, id: &Id, field: &str) -> Option<&Place> {
        let fields = self.places.get(id)?;
        fields.get(field).or_else(|| fields.get(""))
    }

    /// Line and column of the first byte of a place, both from 1.
    pub fn line(&self, place: &Place) -> Option<(&str, usize, usize)> {
        let file = self.files.get(place.file)?;
        let start = place.bytes.start.min(file.text.len());
        let before = file.text.as_bytes().get(..start)?;
        let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = 1 + String::from_utf8_lossy(&before[line_start..]).chars().count();
        Some((&file.name, line, column))
    }
}
