//! When and by whom something was recorded: all that a view takes from an entry besides the event.

/// Of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp<'a> {
    /// Order. Never the time.
    pub sequence: u64,
    /// UTC milliseconds since 1970, for people.
    pub time_ms: i64,
    pub actor: &'a str,
}
