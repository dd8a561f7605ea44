//! What can be wrong with a journal, with its place and in words. Found by `verify`; what concerns the checkpoints alone
//! also by `signed`, for whoever wants to go on with the journal.

use std::fmt;

use thiserror::Error;

use crate::checkpoint::CheckpointError;
use crate::checkpoint::HISTORY_STEP;
use crate::segment::{Damage, Place};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grade {
    /// What was acknowledged or signed is not there as it was.
    Damage,
    /// Nothing that was acknowledged or signed is touched.
    Note,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub grade: Grade,
    /// Where: the file, the byte in it, and the record that is or should be there.
    pub place: Place,
    /// What it is.
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grade = match self.grade {
            Grade::Damage => "damage",
            Grade::Note => "note",
        };
        write!(f, "{grade} at {}: {}", self.place, self.problem)
    }
}

/// What a finding is about. The texts are for people.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Problem {
    /// There is no journal in this folder.
    #[error("there is no journal here")]
    NoJournal,
    /// A file could not be read.
    #[error("the file could not be read: {0}")]
    Unreadable(String),
    /// Something is wrong with the bytes of a record or segment.
    #[error("{0}")]
    Damaged(Damage),
    /// The same, above everything that was acknowledged.
    #[error(
        "a write was interrupted here ({0}); nothing acknowledged is touched, and the next writer cuts it off"
    )]
    Interrupted(Damage),
    /// An erasure was decided and not finished.
    #[error("the erasure of this payload was decided and is not finished; the next writer finishes it")]
    ErasureUnfinished,
    /// The record is well formed but not the one that was signed.
    #[error("this record was changed: it is not the one that the {0} signs")]
    Changed(&'static str),
    /// The records are not those that were signed, and the place can only be bracketed.
    #[error("one or more of the records {from} to {to} were changed: they are not those that the {by} signs", to = until - 1)]
    ChangedBetween {
        /// Which checkpoint says so.
        by: &'static str,
        /// The first record that may be changed.
        from: u64,
        /// The first record after those that may be changed.
        until: u64,
    },
    /// Records are missing at the end.
    #[error(
        "the journal ends here, but {size} records were there according to the {by}: its end was cut off"
    )]
    CutOff {
        /// Which checkpoint or file says so.
        by: &'static str,
        /// How many records there were.
        size: u64,
    },
    /// There is no checkpoint.
    #[error(
        "the newest signed checkpoint is missing. A journal is begun by signing one, so it was taken away: what no \
         other checkpoint proves may not be what was written"
    )]
    NoCheckpoint,
    /// A believed checkpoint and the records tell two stories, although a later checkpoint fits.
    #[error(
        "the records were changed and then signed again: those from {from} to {to} are not those that this older \
         checkpoint over {size} records signs", to = size.saturating_sub(1)
    )]
    SignedAgain {
        /// The first record that may be changed.
        from: u64,
        /// How many records the older checkpoint covers.
        size: u64,
    },
    /// The history of checkpoints is missing, or its end is.
    #[error(
        "{what}: the last checkpoint in it covers {last} records, the newest {newest}, and one is kept for every {HISTORY_STEP}. \
         The records that the newest covers are proven by it alone",
        what = if *missing { "the history of checkpoints is missing" } else { "the end of the history of checkpoints is missing" }
    )]
    HistoryShort {
        /// There is no such file at all.
        missing: bool,
        /// How many records its last checkpoint covers.
        last: u64,
        /// How many the newest covers.
        newest: u64,
    },
    /// Older and newer checkpoints do not follow each other.
    #[error(
        "a checkpoint over {size} records stands behind one over more: checkpoints were moved, or come from a copy"
    )]
    HistoryMoved {
        /// How many records it covers.
        size: u64,
    },
    /// A checkpoint of another journal.
    #[error("this checkpoint is of the journal {origin:?}: it was put here from there")]
    HistoryOfAnother {
        /// Its origin.
        origin: String,
    },
    /// Bytes among the checkpoints that are none.
    #[error("{}", if *altered {
        "this checkpoint is not signed by the journal's key: it was changed or comes from elsewhere"
    } else {
        "these bytes are no checkpoint: the writing of one was interrupted, or they were changed"
    })]
    Scrap {
        /// It has the whole form of a checkpoint.
        altered: bool,
    },
    /// The newest checkpoint is not the newest.
    #[error(
        "this checkpoint over {newest} records is not the newest: {signed} had been signed for. An older one was put back"
    )]
    PutBack {
        /// How many records the file `checkpoint` covers.
        newest: u64,
        /// How many the history does.
        signed: u64,
    },
    /// A checkpoint is not to be relied on.
    #[error("the {by} cannot be relied on: {error}")]
    Checkpoint {
        /// Which checkpoint.
        by: &'static str,
        /// What is wrong with it.
        error: CheckpointError,
    },
    /// A checkpoint remembered elsewhere is about another journal.
    #[error("the remembered checkpoint is of the journal {remembered:?}, this one calls itself {here:?}")]
    OtherOrigin {
        /// The origin in the remembered checkpoint.
        remembered: String,
        /// The origin in the journal's own.
        here: String,
    },
    /// The aid for locating changes is itself not right.
    #[error("the file `leaves` is not right from here on; the records are proven without it")]
    Leaves,
    /// The damaged records keep the others from being proven together.
    #[error(
        "because of the damage, the undamaged records could only be checked one by one, not against the checkpoint"
    )]
    Unproven,
    /// The list was cut.
    #[error("there are more findings than can be listed")]
    More,
}
