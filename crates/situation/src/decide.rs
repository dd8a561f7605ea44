//! What the people in command decide: to hold something, to let it go on, to accept what cannot be read, to put an
//! edited estate in force, to write something down. Pure: view and wish to events, or a refusal.

use message::{Command, Message, Remedy};

use estate::{Estate, Id, canonical};
use incident::event::{CommandEvent, Found, RecoverEvent};
use incident::recover::StepView;
use incident::recover::step::State;
use incident::{Event, View};

/// Why it was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the note is empty")]
    EmptyNote,
    #[error("{0} is not in the estate of this incident")]
    NotInEstate(Id),
    #[error("a step on {0} is in doubt: nobody knows whether it happened")]
    InDoubt(Id),
    #[error("no step on {0} is in doubt")]
    NothingInDoubt(Id),
    #[error("{0} is not on hold, no step on it has failed, and its start needs no second person")]
    NothingToResume(Id),
    #[error("{0} is not on hold")]
    NotOnHold(Id),
    #[error("entry {sequence} cannot be read and may be about {about}")]
    NotRead { sequence: u64, about: Id },
    #[error("entry {0} is not one that could not be read")]
    CouldBeRead(String),
}

impl Refusal {
    pub fn message(&self) -> Message {
        let look = || Remedy::run_to("see what waits for whom", Command::new("status").incident());
        let (means, to_do) = match self {
            Refusal::EmptyNote => {
                ("nothing was written", Remedy::from("say what happened or what was decided"))
            }
            Refusal::NotInEstate(_) => (
                "nothing is on hold: a hold on a name that does not exist would hold nothing",
                Remedy::from(
                    "use the id as the estate has it; `blackstart status` and `blackstart plan` name them",
                ),
            ),
            Refusal::InDoubt(id) => {
                ("nothing was changed; doing it blindly could do it twice", settle_by_hand(id))
            }
            Refusal::NotRead { sequence, .. } => {
                ("nothing was changed: that entry may forbid it", Remedy::unread_entry(*sequence))
            }
            Refusal::NothingInDoubt(_) | Refusal::NotOnHold(_) => ("nothing was changed", look()),
            Refusal::NothingToResume(_) => {
                ("nothing was changed: there is nothing that it waits for", look())
            }
            Refusal::CouldBeRead(_) => (
                "nothing was changed",
                Remedy::run_to(
                    "those that could not be read are marked NOT READ",
                    Command::new("journal show").incident(),
                ),
            ),
        };
        Message::new(self.to_string(), means, to_do)
    }
}

/// Somebody has to check whether a step happened, and say what was found.
pub fn settle_by_hand(id: &Id) -> Remedy {
    let found =
        |word: &str| Remedy::run(Command::new("resume").incident().with(id).option("--found", word).reason());
    Remedy::ask(
        "check whether it happened.",
        [("if it did", found("done")), ("if it did not", found("not-done"))],
    )
}

pub fn note(text: &str) -> Result<Vec<Event>, Refusal> {
    if text.trim().is_empty() {
        return Err(Refusal::EmptyNote);
    }
    Ok(vec![Event::Command(CommandEvent::NoteWritten { text: text.to_owned() })])
}

/// Nothing is done to `on` until it is resumed.
pub fn hold(view: &View, on: &Id, reason: &str) -> Result<Vec<Event>, Refusal> {
    if view.estate_in_force().is_some_and(|estate| !estate.contains(on)) {
        return Err(Refusal::NotInEstate(on.clone()));
    }
    // Who held it first has a reason too, and whoever lifts it must read both.
    let reason = match view.command.holds.get(on) {
        Some(hold) if hold.reason != reason => format!("{} (by {}); and: {reason}", hold.reason, hold.by),
        Some(_) | None => reason.to_owned(),
    };
    Ok(vec![Event::Command(CommandEvent::HoldPlaced { on: on.clone(), reason })])
}

/// A person lets work go on in spite of an entry that this version cannot read.
pub fn accept(view: &View, entry: &str, reason: &str) -> Result<Vec<Event>, Refusal> {
    let unread = entry.parse::<u64>().ok().and_then(|sequence| {
        view.unknown.iter().find(|unknown| unknown.sequence == sequence && !unknown.accepted)
    });
    let sequence = unread.ok_or_else(|| Refusal::CouldBeRead(entry.to_owned()))?.sequence;
    Ok(vec![Event::Command(CommandEvent::EntryAccepted { sequence, reason: reason.to_owned() })])
}

/// What a person found who checked whether a step in doubt had happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedByHand<'a> {
    pub happened: bool,
    pub by: &'a str,
}

/// Which of the things that keep a target waiting a person deals with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoesOn<'a> {
    /// What failed was repaired, or one more person releases the start. A hold on it is lifted only if it is all that it
    /// waits for.
    Work,
    /// Its doubt is settled by who has looked. A hold stays.
    Checked(CheckedByHand<'a>),
    /// The hold is lifted, and nothing else changes.
    Hold,
}

/// Work on `id` may go on, as far as `what` says. Whoever repaired something has not thereby answered the reason for which
/// somebody else placed a hold.
pub fn resume(view: &View, id: &Id, what: GoesOn<'_>, reason: &str) -> Result<Vec<Event>, Refusal> {
    if let Some(unread) = view.blocked_by(id) {
        return Err(Refusal::NotRead { sequence: unread.sequence, about: id.clone() });
    }
    let is_held = view.command.holds.contains_key(id);
    let lifted = || {
        let (on, reason) = (id.clone(), reason.to_owned());
        vec![Event::Command(CommandEvent::HoldLifted { on, reason })]
    };
    let looked = match what {
        GoesOn::Hold if is_held => return Ok(lifted()),
        GoesOn::Hold => return Err(Refusal::NotOnHold(id.clone())),
        GoesOn::Work => None,
        GoesOn::Checked(looked) => Some(looked),
    };
    let mut events = Vec::new();
    let in_doubt: Vec<&String> = steps_on(view, id, State::Held).map(|(step, _)| step).collect();
    match looked {
        Some(_) if in_doubt.is_empty() => return Err(Refusal::NothingInDoubt(id.clone())),
        Some(looked) => {
            let found = if looked.happened { Found::Done } else { Found::NotDone };
            let detail = format!("{} looked: {reason}", looked.by);
            events.extend(in_doubt.into_iter().map(|step| {
                let (step, target, detail) = (step.clone(), id.clone(), detail.clone());
                Event::Recover(RecoverEvent::StepProbed { step, target, found, detail, process: None })
            }));
        }
        // A hold can be lifted all the same, by name.
        None if !in_doubt.is_empty() => return Err(Refusal::InDoubt(id.clone())),
        None => {}
    }
    let has_failed = steps_on(view, id, State::Failed).next().is_some();
    if has_failed || looked.is_some() || needs_second_person(view, id) {
        let (target, reason) = (id.clone(), reason.to_owned());
        events.push(Event::Recover(RecoverEvent::TargetResumed { target, reason }));
    }
    match (events.is_empty(), is_held) {
        (false, _) => Ok(events),
        (true, true) => Ok(lifted()),
        (true, false) => Err(Refusal::NothingToResume(id.clone())),
    }
}

fn steps_on<'a>(
    view: &'a View,
    id: &'a Id,
    state: State,
) -> impl Iterator<Item = (&'a String, &'a StepView)> {
    view.recover.steps.iter().filter(move |(_, step)| step.target == *id && step.state == state)
}

/// Where the estate in force is not known nobody can say that it does not.
fn needs_second_person(view: &View, id: &Id) -> bool {
    view.estate_in_force()
        .is_none_or(|estate| estate.services.get(id).is_some_and(|service| service.second_person))
}

/// An edit of the estate during the incident is an event: the journal keeps every text that was ever in force.
/// Empty if it is in force already.
pub fn adopt(view: &View, estate: &Estate) -> Vec<Event> {
    let hash = canonical::hash(estate);
    if view.command.estate_hash.as_ref() == Some(&hash) {
        return Vec::new();
    }
    vec![Event::Command(CommandEvent::EstateAdopted { hash, text: canonical::text(estate) })]
}

/// The same as a person's decision, with the reason beside it.
pub fn adopt_because(view: &View, estate: &Estate, reason: &str) -> Vec<Event> {
    let mut events = adopt(view, estate);
    if !events.is_empty() {
        let text = format!("put an edited estate in force: {reason}");
        events.push(Event::Command(CommandEvent::NoteWritten { text }));
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use incident::memory::follow;

    fn id(text: &str) -> Id {
        text.parse().unwrap()
    }

    const ESTATE: &str = "provider = \"P\"\n\n[site.here]\n\n[service.core]\nsite = \"here\"\n\n[service.pay]\nsite = \"here\"\nsecond_person = true\n";

    fn opened() -> View {
        let estate = canonical::from_text(ESTATE).unwrap();
        let mut view = View::default();
        adopt(&view, &estate).iter().for_each(|event| follow(&mut view, event));
        assert_eq!(adopt(&view, &estate), Vec::new(), "it is in force already");
        view
    }

    fn step(view: &mut View, events: &[RecoverEvent]) {
        events.iter().for_each(|event| follow(view, &Event::Recover(event.clone())));
    }

    fn failed(of: &Id) -> Vec<RecoverEvent> {
        let step = format!("start:{of}");
        vec![
            RecoverEvent::StepIntended { step: step.clone(), target: of.clone(), attempt: 1 },
            RecoverEvent::StepFailed { step, target: of.clone(), detail: "no disk".to_owned() },
        ]
    }

    #[test]
    fn a_hold_on_what_is_not_in_the_estate_is_refused() {
        let view = opened();
        assert_eq!(hold(&view, &id("service:cor"), "x"), Err(Refusal::NotInEstate(id("service:cor"))));
        assert_eq!(hold(&view, &id("service:core"), "images").unwrap().len(), 1);
    }

    #[test]
    fn only_what_waits_for_somebody_may_go_on() {
        let mut view = opened();
        let core = id("service:core");
        assert_eq!(resume(&view, &core, GoesOn::Work, "go"), Err(Refusal::NothingToResume(core.clone())));
        assert_eq!(
            resume(&view, &id("service:pay"), GoesOn::Work, "go").unwrap().len(),
            1,
            "a second person says so"
        );
        for event in hold(&view, &core, "images").unwrap() {
            follow(&mut view, &event);
        }
        for event in hold(&view, &core, "audit").unwrap() {
            follow(&mut view, &event);
        }
        let both = &view.command.holds[&core].reason;
        assert!(both.starts_with("images (by ") && both.ends_with("); and: audit"), "{both}");
        let lifted = resume(&view, &core, GoesOn::Work, "taken").unwrap();
        assert!(matches!(lifted.as_slice(), [Event::Command(CommandEvent::HoldLifted { .. })]));
        step(&mut view, &failed(&core));
        // Whoever repaired it does not lift the hold of somebody else.
        let repaired = resume(&view, &core, GoesOn::Work, "repaired").unwrap();
        assert!(matches!(repaired.as_slice(), [Event::Recover(RecoverEvent::TargetResumed { .. })]));
        let lifted = resume(&view, &core, GoesOn::Hold, "taken").unwrap();
        assert!(matches!(lifted.as_slice(), [Event::Command(CommandEvent::HoldLifted { .. })]));
        let pay = id("service:pay");
        assert_eq!(resume(&view, &pay, GoesOn::Hold, "x"), Err(Refusal::NotOnHold(pay.clone())));
        // Nor does one more person who releases the start.
        hold(&view, &pay, "images").unwrap().iter().for_each(|event| follow(&mut view, event));
        let released = resume(&view, &pay, GoesOn::Work, "released").unwrap();
        assert!(matches!(released.as_slice(), [Event::Recover(RecoverEvent::TargetResumed { .. })]));
    }

    #[test]
    fn what_is_in_doubt_goes_on_only_when_somebody_says_what_was_found() {
        let mut view = opened();
        let core = id("service:core");
        let looked = CheckedByHand { happened: true, by: "anna" };
        assert_eq!(
            resume(&view, &core, GoesOn::Checked(looked), "seen"),
            Err(Refusal::NothingInDoubt(core.clone()))
        );
        let name = format!("start:{core}");
        let detail = "nobody knows".to_owned();
        let found = Found::Unknown;
        step(
            &mut view,
            &[
                RecoverEvent::StepIntended { step: name.clone(), target: core.clone(), attempt: 1 },
                RecoverEvent::StepProbed { step: name, target: core.clone(), found, detail, process: None },
            ],
        );
        assert_eq!(resume(&view, &core, GoesOn::Work, "go"), Err(Refusal::InDoubt(core.clone())));
        let shown = Refusal::InDoubt(core.clone()).message().to_do.shown(Some("/i"));
        assert!(
            shown.contains("blackstart resume /i service:core --found not-done --reason TEXT"),
            "{shown}"
        );
        let settled = resume(&view, &core, GoesOn::Checked(looked), "seen").unwrap();
        assert!(matches!(settled[0], Event::Recover(RecoverEvent::StepProbed { found: Found::Done, .. })));
    }

    #[test]
    fn nothing_goes_on_while_an_entry_that_may_forbid_it_is_not_read() {
        let mut view = opened();
        let core = id("service:core");
        for event in hold(&view, &core, "images").unwrap() {
            follow(&mut view, &event);
        }
        let mut log = incident::memory::Memory::new(&std::sync::Arc::default());
        log.put_bytes("future.thing", 9, b"{}");
        let unread = incident::log::Log::view(&log).unknown.clone();
        view.unknown = unread;
        assert_eq!(
            resume(&view, &core, GoesOn::Work, "taken"),
            Err(Refusal::NotRead { sequence: 0, about: core.clone() })
        );
        // To hold is always allowed: it makes nothing happen.
        assert!(hold(&view, &core, "more").is_ok());
    }

    #[test]
    fn only_an_entry_that_could_not_be_read_is_accepted() {
        let view = opened();
        assert_eq!(accept(&view, "0", "x"), Err(Refusal::CouldBeRead("0".to_owned())));
        assert_eq!(accept(&view, "seven", "x"), Err(Refusal::CouldBeRead("seven".to_owned())));
    }
}
