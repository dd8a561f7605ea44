//! What is scarce: the name of a limit, as people read it.

use estate::Id;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitName {
    Resource(Id),
    HostCpu(Id),
    HostMemory(Id),
    /// All scan slots of the estate together: any slot can judge any store.
    ScanSlots,
}

impl std::fmt::Display for LimitName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            LimitName::Resource(id) => write!(f, "{id}"),
            LimitName::HostCpu(id) => write!(f, "the cores of {id}"),
            LimitName::HostMemory(id) => write!(f, "the memory of {id}"),
            LimitName::ScanSlots => write!(f, "the scan slots"),
        }
    }
}
