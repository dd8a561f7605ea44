//! Names of the things in an estate: `kind:name`, one type for all of them.
//!
//! An id is what people read in a plan, type into a command and find in the journal, so there is exactly
//! one spelling: lower case, `[a-z0-9._-]+` after the colon. Names that do not fit are mapped by the
//! importers, never here.

use std::fmt;
use std::str::FromStr;

/// What sort of thing an id names. The order is the order in which people are shown lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Site,
    Host,
    Service,
    Store,
    Capability,
    Tenant,
    External,
    Resource,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Site,
        Kind::Host,
        Kind::Service,
        Kind::Store,
        Kind::Capability,
        Kind::Tenant,
        Kind::External,
        Kind::Resource,
    ];

    /// The word before the colon.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Site => "site",
            Kind::Host => "host",
            Kind::Service => "service",
            Kind::Store => "store",
            Kind::Capability => "capability",
            Kind::Tenant => "tenant",
            Kind::External => "external",
            Kind::Resource => "resource",
        }
    }
}

/// `kind:name`. Ordered by kind, then by name, so that every list comes out the same on every machine.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    kind: Kind,
    name: Box<str>,
}

/// Longest name accepted. Ids end up in file names and on paper.
pub const NAME_BYTES_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("`{0}` is not an id: write `kind:name`, for example `service:identity`")]
    NoColon(String),
    #[error(
        "`{0}` is not a kind of thing: use site, host, service, store, capability, tenant, external or resource"
    )]
    UnknownKind(String),
    #[error("`{0}` is not a name: use 1 to {NAME_BYTES_MAX} of the characters a-z, 0-9, `.`, `_`, `-`")]
    BadName(String),
}

impl Id {
    pub fn new(kind: Kind, name: &str) -> Result<Id, IdError> {
        let fits = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'));
        if fits { Ok(Id { kind, name: name.into() }) } else { Err(IdError::BadName(name.to_owned())) }
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The part after the colon.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl FromStr for Id {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Id, IdError> {
        let (word, name) = text.split_once(':').ok_or_else(|| IdError::NoColon(text.to_owned()))?;
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.word() == word)
            .ok_or_else(|| IdError::UnknownKind(word.to_owned()))?;
        Id::new(kind, name)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.word(), self.name)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
