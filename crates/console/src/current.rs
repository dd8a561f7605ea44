//! The newest that is known, kept up to date by one thread for everybody who looks.
//!
//! The journal is verified as a whole when the console starts, and whenever it cannot be read on. What is damaged is read
//! on past the damage, and then nothing is shown as good.

#![allow(
    clippy::disallowed_methods,
    reason = "the age of what is shown is counted by the clock of this machine, and the journal is looked at again in time"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use incident::damaged;
use incident::fault::StoreFault;
use incident::follow::Following;
use tokio::sync::watch;

use crate::as_of::{AsOf, Beside, Harm, Say};

/// The journal is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// One that is damaged is verified as a whole this often.
const VERIFY_EVERY: Duration = Duration::from_secs(20);

/// What is known now, and the way back to what was known earlier.
pub struct Current {
    folder: PathBuf,
    say: Say,
    seen: watch::Receiver<Arc<AsOf>>,
    /// When the journal was last found to be as it is shown.
    looked_ms: Arc<AtomicI64>,
}

/// Reads the journal on for as long as somebody holds the other end.
struct Reading {
    folder: PathBuf,
    say: Say,
    following: Following,
    beside: Beside,
    harm: Option<Harm>,
}

impl Current {
    /// Reads everything once, then goes on by itself.
    pub fn begin(folder: &Path, say: Say) -> Result<Current, StoreFault> {
        let mut reading = Reading::begin(folder, say)?;
        let first = reading.look()?;
        let (send, seen) = watch::channel(Arc::new(first));
        let looked_ms = Arc::new(AtomicI64::new(now_ms()));
        let looked = Arc::clone(&looked_ms);
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || reading.go_on(&send, &looked))
            .map_err(|source| StoreFault::File {
            doing: "start a thread that reads",
            path: folder.to_owned(),
            source,
        })?;
        Ok(Current { folder: folder.to_owned(), say, seen, looked_ms })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn say(&self) -> Say {
        self.say
    }

    pub(crate) fn newest(&self) -> Arc<AsOf> {
        Arc::clone(&self.seen.borrow())
    }

    pub(crate) fn changes(&self) -> watch::Receiver<Arc<AsOf>> {
        self.seen.clone()
    }

    pub(crate) fn looked_ms(&self) -> i64 {
        self.looked_ms.load(Ordering::Relaxed)
    }

    /// As it was known after this entry. Reads from the first one on, so it may take a while.
    pub(crate) fn earlier(&self, at: u64) -> Result<AsOf, StoreFault> {
        let shown = self.folder.display().to_string();
        let is_harmed = self.newest().harm.is_some();
        let mut beside = Beside::default();
        if is_harmed {
            let (view, harm) = damaged::view(&self.folder, Some(at))?;
            let harm = harm.map_or_else(
                || Harm::NotRead("the journal cannot be relied on".to_owned()),
                |harm| Harm::Damaged(harm.findings.first().cloned().unwrap_or_default()),
            );
            return Ok(AsOf::new(view, beside, &shown, Some(harm), Some(at)));
        }
        let mut following = Following::open(&self.folder)?;
        following.read_on(Some(at), |record, entry| beside.meet(record, entry, self.say))?;
        Ok(AsOf::new(following.view().clone(), beside, &shown, None, Some(at)))
    }
}

impl Reading {
    fn begin(folder: &Path, say: Say) -> Result<Reading, StoreFault> {
        let following = Following::open(folder)?;
        let mut reading =
            Reading { folder: folder.to_owned(), say, following, beside: Beside::default(), harm: None };
        reading.verify()?;
        Ok(reading)
    }

    fn verify(&mut self) -> Result<(), StoreFault> {
        let look = damaged::Look::at(&self.folder)?;
        self.harm = look.harm.map(|harm| Harm::Damaged(harm.findings.first().cloned().unwrap_or_default()));
        Ok(())
    }

    /// What is there now.
    fn look(&mut self) -> Result<AsOf, StoreFault> {
        let shown = self.folder.display().to_string();
        if self.harm.is_some() {
            let (view, _) = damaged::view(&self.folder, None)?;
            return Ok(AsOf::new(view, self.beside.clone(), &shown, self.harm.clone(), None));
        }
        let (say, beside) = (self.say, &mut self.beside);
        self.following.read_on(None, |record, entry| beside.meet(record, entry, say))?;
        Ok(AsOf::new(self.following.view().clone(), self.beside.clone(), &shown, None, None))
    }

    fn go_on(mut self, send: &watch::Sender<Arc<AsOf>>, looked: &AtomicI64) {
        let mut is_broken = false;
        while !send.is_closed() {
            std::thread::sleep(if self.harm.is_some() { VERIFY_EVERY } else { LOOK_EVERY });
            let next = match self.next() {
                // Read again, and nothing is new: what was said of the fault is over.
                Ok(None) if is_broken => self.look().map(Some),
                next => next,
            };
            is_broken = next.is_err();
            match next {
                Ok(Some(seen)) => drop(send.send_replace(Arc::new(seen))),
                Ok(None) => {}
                Err(fault) => {
                    // Shown beside the last that was read; said to be as old as it is, because `looked` stays behind.
                    let known = send.borrow().harm.clone();
                    let harm = format!("the journal cannot be read on: {}", chain(&fault));
                    if known.as_ref() != Some(&harm) {
                        let shown = self.folder.display().to_string();
                        let view = send.borrow().view.clone();
                        let harm = Some(Harm::NotRead(harm));
                        let seen = AsOf::new(view, self.beside.clone(), &shown, harm, None);
                        send.send_replace(Arc::new(seen));
                    }
                    continue;
                }
            }
            looked.store(now_ms(), Ordering::Relaxed);
        }
    }

    /// `None`: nothing is new.
    fn next(&mut self) -> Result<Option<AsOf>, StoreFault> {
        if self.harm.is_some() {
            self.verify()?;
            return self.look().map(Some);
        }
        let before = self.following.view().entries;
        let (say, beside) = (self.say, &mut self.beside);
        let read = self.following.read_on(None, |record, entry| beside.meet(record, entry, say));
        if read.is_err() {
            // Damage, or a disk that is gone: the whole is looked at, and what is left is said.
            self.verify()?;
            read?;
        }
        if self.following.view().entries == before {
            return Ok(None);
        }
        self.look().map(Some)
    }
}

/// Every cause, from the outside in.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| text + ": " + &cause.to_string())
}

pub(crate) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}
