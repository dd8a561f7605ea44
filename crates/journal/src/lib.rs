//! An append-only, signed, verifiable journal. It knows bytes, not incidents.
//!
//! One folder is one journal. What it promises, and the file that keeps the promise:
//!
//! | promise | file |
//! |---|---|
//! | an acknowledged record survives a power cut | `writer` (one sync per batch of callers), `recover` (what a restart believes) |
//! | one writer at a time; others hand over to it; when it dies the next takes over | `append`, `handover`, `wire` |
//! | a record offered twice is recorded once | `batches` |
//! | readers see only what is on disk | `read` |
//! | what is left of a damaged journal can be read, with every gap named | `salvage` |
//! | a changed, removed, moved or cut-off record is found and located with the public key alone | `verify`, on `tree`, `checkpoint`, `key` |
//! | records that were never signed for are not gone on with | `signed` (every checkpoint there ever was), `recover` |
//! | a single record can be shown to others with its proof | `exhibit`, `tree` |
//! | a payload can be erased later without breaking any of this | `record` (what the hash tree covers) |
//! | all of it holds when the disk misbehaves | `disk` (the door), `faulty` (the disk that loses power) |
//!
//! The bytes are laid out in `record` and `segment` and frozen in `docs/formats/journal.md`. The reasons are in
//! `docs/decisions/0003-journal.md`. To read the crate for trust, take the files in this order: `record`,
//! `segment`, `recover`, `writer`, `verify`; the others serve them. Who only wants to know what a verified journal
//! proves needs `record`, `segment`, `tree`, `checkpoint`, `key`, `signed` and `verify`: about a third of the crate.

mod append;
pub mod base64;
mod batches;
pub mod checkpoint;
pub mod disk;
mod exhibit;
pub mod faulty;
mod files;
mod finding;
mod handover;
pub mod key;
mod lead;
mod offer;
mod options;
mod read;
mod record;
mod recover;
mod refusal;
mod salvage;
mod segment;
mod signed;
mod staged;
pub mod tree;
pub mod verify;
mod wire;
mod writer;

pub use append::Appender;
pub use checkpoint::Checkpoint;
pub use exhibit::{Exhibit, Leaf, exhibits};
pub use finding::{Finding, Grade, Problem};
pub use key::{PublicKey, SecretKey};
pub use offer::{AppendError, Appended, BATCH_BYTES_MAX, BATCH_RECORDS_MAX, Expect};
pub use options::{Clock, Options, Random};
pub use read::{ReadError, Reader, Records};
pub use record::{
    ACTOR_BYTES_MAX, Draft, KIND_BYTES_MAX, KIND_ERASED, KIND_TAIL_CUT, PAYLOAD_BYTES_MAX, Payload, Record,
    is_own,
};

pub use refusal::OpenError;
pub use salvage::{Salvaged, salvage};
pub use segment::{Damage, Place};
pub use signed::checkpoints;
pub use tree::Hash;
pub use verify::{Verification, verify};

#[cfg(test)]
mod tests;
