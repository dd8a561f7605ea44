//! What may be recorded about plans: pure decisions on the view.

use message::{Command, Message, Remedy};

use super::Plan;
use estate::Id;
use incident::View;
use incident::event::{Event, PlanEvent};
use incident::plan::Recorded;

/// Shortest prefix of a hash that is accepted in its place.
pub const PREFIX_DIGITS: usize = 12;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefusal {
    #[error("`{0}` is not a hash: use at least {PREFIX_DIGITS} of its digits 0-9, a-f")]
    NotAHash(String),
    #[error("no plan with the hash {0} was recorded in this incident")]
    Unknown(String),
    #[error("{1} recorded plans begin with {0}")]
    NotUnique(String, usize),
    #[error("the plan was made for estate {planned}, but {adopted} is in force")]
    OtherEstate { planned: String, adopted: String },
    #[error("the recorded plan cannot be run: {0}")]
    NotRunnable(String),
    #[error("entry {sequence} may be about {id} and could not be read: {why}")]
    Unread { sequence: u64, id: Id, why: String },
}

impl ApprovalRefusal {
    pub fn message(&self) -> Message {
        let plan = || Command::new("plan").with("--journal").incident();
        let (means, to_do) = match self {
            ApprovalRefusal::NotAHash(_) | ApprovalRefusal::NotUnique(..) => (
                "it is not clear which plan is meant",
                Remedy::run_to(
                    "take the whole hash that `blackstart plan` printed, or look",
                    Command::new("status").incident(),
                ),
            ),
            ApprovalRefusal::Unknown(_) => (
                "only a plan that is in the journal can be allowed",
                Remedy::run_to("record it first", plan()),
            ),
            ApprovalRefusal::OtherEstate { .. } => (
                "it would be run on something it was not made for",
                Remedy::ask(
                    "",
                    [
                        (
                            "if the estate was edited since, put the edited one in force, then approve again",
                            Remedy::run(Command::new("adopt").incident().open("ESTATE").reason()),
                        ),
                        ("otherwise plan again on the one in force", Remedy::run(plan())),
                    ],
                ),
            ),
            ApprovalRefusal::NotRunnable(_) => {
                ("what would be run is not what was planned", Remedy::run_to("plan again", plan()))
            }
            ApprovalRefusal::Unread { sequence, .. } => {
                ("what is in that entry might forbid it", Remedy::unread_entry(*sequence))
            }
        };
        Message::new(self.to_string(), means, to_do)
    }
}

/// The plan is kept with its text, so that the journal alone can run it again. Recording it twice adds nothing.
pub fn record(view: &View, plan: &Plan) -> Vec<Event> {
    let hash = plan.hash();
    if view.plan.plans.contains_key(&hash) {
        return Vec::new();
    }
    let recorded = PlanEvent::Recorded { hash, estate_hash: plan.estate_hash.clone(), text: plan.to_text() };
    vec![Event::Plan(recorded)]
}

/// The recorded plan that `wanted` (a hash, or the beginning of one) names.
pub fn find<'a>(view: &'a View, wanted: &str) -> Result<(&'a String, &'a Recorded), ApprovalRefusal> {
    let is_hash = (PREFIX_DIGITS..=64).contains(&wanted.len())
        && wanted.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if !is_hash {
        return Err(ApprovalRefusal::NotAHash(wanted.to_owned()));
    }
    let found: Vec<_> = view.plan.plans.iter().filter(|(hash, _)| hash.starts_with(wanted)).collect();
    match found.as_slice() {
        [] => Err(ApprovalRefusal::Unknown(wanted.to_owned())),
        [one] => Ok(*one),
        more => Err(ApprovalRefusal::NotUnique(wanted.to_owned(), more.len())),
    }
}

/// Allows a plan to be run. Approving it again is a new decision: a second run of the same plan needs one.
pub fn approve(view: &View, wanted: &str) -> Result<Vec<Event>, ApprovalRefusal> {
    let (hash, recorded) = find(view, wanted)?;
    let adopted = view.command.estate_hash.clone().unwrap_or_default();
    if recorded.estate_hash != adopted {
        return Err(ApprovalRefusal::OtherEstate { planned: recorded.estate_hash.clone(), adopted });
    }
    let plan = Plan::read(&recorded.text).map_err(|fault| ApprovalRefusal::NotRunnable(fault.to_string()))?;
    if plan.hash() != *hash {
        return Err(ApprovalRefusal::NotRunnable("its text has another hash than its entry".to_owned()));
    }
    if let Some((id, unread)) = plan.lost.iter().find_map(|id| Some((id, view.blocked_by(id)?))) {
        return Err(ApprovalRefusal::Unread {
            sequence: unread.sequence,
            id: id.clone(),
            why: unread.why.clone(),
        });
    }
    Ok(vec![Event::Plan(PlanEvent::Approved { hash: hash.clone() })])
}
