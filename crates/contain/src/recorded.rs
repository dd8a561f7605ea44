//! What is put on disk about an act, and who sees it.

use incident::Event;
use incident::event::{ContainEvent, CutAct};
use incident::log::{self, Log, LogFault};

use crate::knocking::Proof;
use crate::place::Place;

/// Sees each act as it is done.
pub trait Watcher {
    fn begun(&mut self, act: &CutAct);
    fn probed(&mut self, act: &CutAct, proof: Proof, detail: &str);
    /// What was recorded of the end of a cut, and whether what it cut off is there again.
    fn lifted(&mut self, event: &ContainEvent, is_back: bool, detail: &str);
}

pub(crate) fn probed(
    log: &mut dyn Log,
    place: Place<'_>,
    act: &CutAct,
    proof: Proof,
    detail: &str,
) -> Result<(), LogFault> {
    let (act, detail) = (act.clone(), detail.to_owned());
    let event = match proof {
        Proof::Holds => ContainEvent::CutProbed { act, holds: true, detail },
        Proof::Leaks => ContainEvent::CutProbed { act, holds: false, detail },
        Proof::NotKnown => ContainEvent::CutUnproven { act, detail },
    };
    record(log, place, event)
}

pub(crate) fn record(log: &mut dyn Log, place: Place<'_>, event: ContainEvent) -> Result<(), LogFault> {
    log::record(log, &[Event::Contain(event)], place.world.now_ms())
}
