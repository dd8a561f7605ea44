//! Every fact that can be recorded, grouped by the part that records it. Past tense: it has happened.
//!
//! An event never changes once released. A new need is a new variant, or a new version: then the form that was released
//! is read by its arm in `record::older`. What an event is about stands in `about`, because even a reader that does not know an
//! event must be able to tell whom it concerns. The events themselves stand in the file of their part, with the view
//! that follows from them; this file only enumerates.

use estate::Id;

pub use crate::bridge::{Account, BridgeEvent};
pub use crate::command::CommandEvent;
pub use crate::contain::{ContainEvent, CutAct, Knocked};
pub use crate::duty::DutyEvent;
pub use crate::evidence::EvidenceEvent;
pub use crate::hands::HandsEvent;
pub use crate::notice::NoticeEvent;
pub use crate::plan::PlanEvent;
pub use crate::recover::{Found, ProcessMark, RecoverEvent};
pub use crate::scan::{ScanEvent, Suspicion};

/// One recorded fact. Each part matches its own group without a catch-all arm.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Command(CommandEvent),
    Scan(ScanEvent),
    Contain(ContainEvent),
    Plan(PlanEvent),
    Recover(RecoverEvent),
    Bridge(BridgeEvent),
    Hands(HandsEvent),
    Notice(NoticeEvent),
    Duty(DutyEvent),
    Evidence(EvidenceEvent),
}

impl Event {
    /// The things it is about, for a reader that knows nothing else of it.
    pub fn about(&self) -> Vec<Id> {
        match self {
            Event::Command(event) => event.about(),
            Event::Scan(event) => event.about(),
            Event::Contain(event) => event.about(),
            Event::Plan(event) => event.about(),
            Event::Recover(event) => event.about(),
            Event::Bridge(event) => event.about(),
            Event::Hands(event) => event.about(),
            Event::Notice(event) => event.about(),
            Event::Duty(event) => event.about(),
            Event::Evidence(event) => event.about(),
        }
    }
}
