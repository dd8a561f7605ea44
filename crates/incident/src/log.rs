//! The one door through which whoever decides reads the journal and appends to it: the real one, or one in memory for
//! the simulation.
//!
//! An append says what it rests on. What was decided on a view is appended only if nothing has come since; a fact
//! (an observation, an outcome) depends on nothing and is always taken.

use crate::fault::StoreFault;
use crate::{Event, View};

/// What an append rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// An observation or an outcome: it is so, whatever else was recorded meanwhile.
    Fact,
    /// A decision on a view of this many entries: outdated if there are more by now.
    View(u64),
}

/// Whether it was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Append {
    /// On disk and in the view.
    Done,
    /// Somebody appended in between: decide again.
    Outdated,
}

#[derive(Debug, thiserror::Error)]
pub enum LogFault {
    #[error(transparent)]
    Store(StoreFault),
    /// The simulation has crashed.
    #[error("the journal is gone")]
    Gone,
}

/// The journal, as a run needs it.
pub trait Log {
    fn view(&self) -> &View;
    /// Takes in what others have appended.
    fn refresh(&mut self) -> Result<(), LogFault>;
    fn append(&mut self, events: &[Event], basis: Basis, now_ms: i64) -> Result<Append, LogFault>;
}

/// Appends a fact.
pub fn record(log: &mut dyn Log, events: &[Event], now_ms: i64) -> Result<(), LogFault> {
    // A fact is never outdated.
    log.append(events, Basis::Fact, now_ms).map(|_| ())
}

/// Decides on the newest view and appends; if anything came in between, looks and decides again.
/// `Ok(Err(refusal))` is an answer, not a fault.
pub fn decide<R>(
    log: &mut dyn Log,
    now_ms: i64,
    decide: impl Fn(&View) -> Result<Vec<Event>, R>,
) -> Result<Result<Vec<Event>, R>, LogFault> {
    loop {
        log.refresh()?;
        let events = match decide(log.view()) {
            Ok(events) => events,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let basis = Basis::View(log.view().entries);
        if log.append(&events, basis, now_ms)? == Append::Done {
            return Ok(Ok(events));
        }
    }
}
