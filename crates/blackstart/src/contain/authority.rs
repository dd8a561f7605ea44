//! What may be done at an alarm without asking first.

use crate::estate::Id;
use crate::estate::model::{Authority, Estate};
use crate::incident::event::CutAct;

/// The word for an act in an estate's `authority`, and in what is printed.
pub fn word(act: &CutAct) -> &'static str {
    match act {
        CutAct::StopService { .. } => "stop-service",
        CutAct::CloseDoor { .. } => "close-door",
    }
}

/// Who granted that this act may be done without asking: the first grant that covers it. `None`: ask.
/// A grant covers a thing, everything at a site or host it names, or everything if it names nothing.
pub fn granted<'a>(estate: &'a Estate, act: &CutAct) -> Option<&'a Authority> {
    let places: Vec<&Id> = match act {
        CutAct::StopService { service } => {
            let host = estate.services.get(service).and_then(|known| known.host.as_ref());
            [Some(service), host, estate.site_of(service)].into_iter().flatten().collect()
        }
        CutAct::CloseDoor { site, .. } => vec![site],
    };
    let covers = |grant: &&Authority| {
        grant.may == word(act) && (grant.on.is_empty() || grant.on.iter().any(|id| places.contains(&id)))
    };
    estate.authority.iter().find(covers)
}
