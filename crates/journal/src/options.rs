//! How a journal is written: with which key, on which disk, by which clock.

#![allow(clippy::disallowed_methods, reason = "the clock that an appender uses unless it is given another")]

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::disk::{Disk, RealDisk};
use crate::key::SecretKey;

/// UTC milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;
/// Fills a buffer with random bytes.
pub type Random = Arc<dyn Fn(&mut [u8]) + Send + Sync>;

/// How a journal is written.
#[derive(Clone)]
pub struct Options {
    /// Signs the checkpoints. The journal must always be opened with the same one.
    pub key: SecretKey,
    /// The journal's name in its checkpoints, unique in the world; usually the name of the key.
    pub origin: String,
    /// Where the files lie.
    pub disk: Arc<dyn Disk>,
    /// The size at which a new segment is begun, in bytes; kept between 4 KiB and 64 MiB.
    pub segment_bytes: u64,
    /// The shortest time between two checkpoints. `None`: only when asked for and at close.
    pub checkpoint_every: Option<Duration>,
    /// How long to wait for a writer that does not answer, and for another to take over from it.
    pub wait: Duration,
    /// The time of the journal's own records.
    pub clock: Clock,
    /// Where ids and salts come from: bytes nobody can guess. Only tests and golden files put another one here.
    pub random: Random,
}

impl Options {
    /// The real disk, segments of 64 MiB, a checkpoint at most once a second.
    pub fn new(key: SecretKey, origin: impl Into<String>) -> Options {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Options {
            key,
            origin: origin.into(),
            disk: Arc::new(RealDisk),
            segment_bytes: 64 * 1024 * 1024,
            checkpoint_every: Some(Duration::from_secs(1)),
            wait: Duration::from_secs(20),
            clock: Arc::new(move || i64::try_from(now()).unwrap_or(i64::MAX)),
            random: Arc::new(draw_random),
        }
    }
}

/// Bytes from the system's random source, fetched ahead per thread: one call for many records instead of several
/// for each. What was handed out is wiped.
pub(crate) fn draw_random(bytes: &mut [u8]) {
    const AHEAD: usize = 1024;
    thread_local! {
        static DRAWN: RefCell<([u8; AHEAD], usize)> = const { RefCell::new(([0; AHEAD], AHEAD)) };
    }
    let fill = |bytes: &mut [u8]| {
        getrandom::fill(bytes).expect("the system's random source does not fail once the system has started");
    };
    if bytes.len() > AHEAD {
        return fill(bytes);
    }
    DRAWN.with_borrow_mut(|(drawn, used)| {
        if AHEAD - *used < bytes.len() {
            fill(drawn);
            *used = 0;
        }
        let next = &mut drawn[*used..*used + bytes.len()];
        bytes.copy_from_slice(next);
        next.fill(0);
        *used += bytes.len();
    });
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("origin", &self.origin)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}
