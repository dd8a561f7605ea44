//! What stands beside the file and changes what is normal for it?

/// What lies beside the file and changes what is normal for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Beside {
    #[default]
    Nothing,
    /// A journal or write-ahead log of this database: it may be between two states.
    Journal,
}
