//! What callers offer to the writer, and what they are answered.

use thiserror::Error;

use crate::record::{
    ACTOR_BYTES_MAX, BatchId, Draft, KIND_BYTES_MAX, PAYLOAD_BYTES_MAX, frame_length, is_own,
};

/// The most bytes that one batch may take on disk.
pub const BATCH_BYTES_MAX: usize = 32 * 1024 * 1024;
/// The most records in one batch.
pub const BATCH_RECORDS_MAX: usize = 65_536;
/// The most kinds that one decision can depend on.
pub(crate) const EXPECTED_KINDS_MAX: usize = 1024;

/// What must not have happened since the caller looked. `at` is the number of records the decision was based on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Record it in any case.
    Anything,
    /// Record it only if there are still exactly this many records.
    NothingSince(u64),
    /// Record it only if none of these kinds has come since.
    NoneOfSince {
        /// The number of records the decision was based on.
        at: u64,
        /// The kinds it depends on.
        kinds: Vec<String>,
    },
}

/// Where a batch was recorded: the records `first..next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The first record of the batch.
    pub first: u64,
    /// The number of records after it, which is what the next decision is based on.
    pub next: u64,
}

/// Why a batch was not recorded.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AppendError {
    /// Something came in between that the decision depends on.
    #[error(
        "not recorded: this was decided after {decided_at} records, and record {sequence}{} has come since. \
         Look again and decide again", kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default()
    )]
    Refused {
        /// The number of records the decision was based on.
        decided_at: u64,
        /// A record that came since.
        sequence: u64,
        /// Its kind, if a kind was what was asked for.
        kind: Option<String>,
    },
    /// The decision was based on more records than there are.
    #[error(
        "not recorded: this was decided after {decided_at} records, but the journal has only {length}. \
         It is another journal, or its end is gone"
    )]
    Ahead {
        /// The number of records the decision was based on.
        decided_at: u64,
        /// The number of records there are.
        length: u64,
    },
    /// The batch cannot be recorded by anybody.
    #[error("not recorded: {0}")]
    Invalid(String),
    /// There is no room. Later appends succeed when there is room again.
    #[error("not recorded: the disk is full. Make room; appending goes on by itself")]
    DiskFull,
    /// The disk failed while it was made to keep what was written. Nothing is accepted any more.
    #[error(
        "the journal has stopped: {cause}. It is not known what of the last batch is on the disk, so nothing more is \
         accepted. Check the disk, then start the program again: it reads what is really there"
    )]
    Stopped {
        /// What failed.
        cause: String,
    },
    /// The writer was lost after it got the batch, and it cannot be found out here whether it is recorded.
    #[error("it is not known whether this was recorded: {why}. Read the journal before doing it again")]
    InDoubt {
        /// Why.
        why: String,
    },
    /// Nothing was recorded, for a reason of the machine.
    #[error("not recorded: {0}")]
    Failed(String),
}

/// A batch on its way, its payloads already salted and hashed.
pub(crate) struct Offer {
    pub(crate) batch: BatchId,
    pub(crate) drafts: Vec<Draft>,
    pub(crate) expect: Expect,
    /// Set when the batch was offered before and the answer was lost: the number of records at the first offer.
    pub(crate) again_since: Option<u64>,
}

impl Offer {
    /// Checks what can be checked without the journal. `own` allows the journal's own kinds.
    pub(crate) fn new(
        batch: BatchId,
        drafts: Vec<Draft>,
        expect: Expect,
        own: bool,
    ) -> Result<Offer, AppendError> {
        let invalid = |why: String| Err(AppendError::Invalid(why));
        if drafts.len() > BATCH_RECORDS_MAX
            || drafts.iter().map(frame_length).sum::<usize>() > BATCH_BYTES_MAX
        {
            return invalid(format!(
                "a batch has at most {BATCH_RECORDS_MAX} records and {BATCH_BYTES_MAX} bytes; record it in parts"
            ));
        }
        if matches!(&expect, Expect::NoneOfSince { kinds, .. } if kinds.len() > EXPECTED_KINDS_MAX) {
            return invalid(format!("a decision names at most {EXPECTED_KINDS_MAX} kinds it depends on"));
        }
        for draft in &drafts {
            if draft.payload.len() > PAYLOAD_BYTES_MAX {
                return invalid(format!(
                    "a payload has {} bytes, at most {PAYLOAD_BYTES_MAX} fit",
                    draft.payload.len()
                ));
            }
            if draft.actor.len() > ACTOR_BYTES_MAX {
                return invalid(format!("the name of an actor has more than {ACTOR_BYTES_MAX} bytes"));
            }
            if draft.kind.is_empty() || draft.kind.len() > KIND_BYTES_MAX {
                return invalid(format!("a kind has 1 to {KIND_BYTES_MAX} bytes, not {}", draft.kind.len()));
            }
            if !own && is_own(&draft.kind) {
                return invalid(format!(
                    "the kind {:?} is the journal's own; choose another name",
                    draft.kind
                ));
            }
        }
        Ok(Offer { batch, drafts, expect, again_since: None })
    }
}

pub(crate) type Answer = Result<Appended, AppendError>;
