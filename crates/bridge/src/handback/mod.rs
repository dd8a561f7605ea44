//! Hand-back: the tenant's own process, with the tenant's key. It pulls what the bridge holds, opens it,
//! offers it to the core in order, and reports what became of it.
//!
//! It keeps nothing: the bridge's journal knows what is still pending, and the core knows each receipt it has
//! seen. So it can be killed at any instant and run again; what was offered and not reported is offered again
//! under the same receipt, and the core answers "already there". Conflicts are shown to people and never
//! decided here.

pub mod config;
pub mod link;
pub mod offer;
pub mod show;

/// Why hand-back cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum HandbackFault {
    #[error("cannot read {path}")]
    File { path: std::path::PathBuf, source: std::io::Error },
    #[error("{path} is not a hand-back configuration: {why}")]
    Config { path: std::path::PathBuf, why: String },
    #[error("{path}: {source}")]
    Identity { path: std::path::PathBuf, source: super::seal::SealFault },
    #[error("the bridge cannot be reached at {address}: {why}")]
    Bridge { address: String, why: String },
    #[error(
        "what answers at {address} does not prove to be the bridge: {why}; nothing that it said was believed"
    )]
    NotTheBridge { address: String, why: &'static str },
    #[error("the bridge did not take {what}: status {status}: {why}")]
    Declined { what: &'static str, status: u16, why: String },
    #[error("the bridge answered something that is not hand-back: {0}")]
    Form(String),
}
