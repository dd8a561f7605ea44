//! `blackstart resume DIR ID --reason TEXT`: lifts a hold, lets a failed step be tried again, settles a doubt, or
//! accepts an entry that cannot be read.

use std::path::PathBuf;

use super::folder::{self, By};
use super::{Answer, Failure, named, place, talk};
use crate::estate::Id;
use crate::incident::event::{CommandEvent, Found, RecoverEvent};
use crate::incident::{Event, View};
use crate::recover::step::State;

/// Let work on this thing go on: lift its hold, allow its failed steps to be tried again, release a start that needs a
/// second person, or say how a doubt was settled (--found). `entry:N` accepts an entry that this version cannot read.
/// Then call `recover` again.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// `kind:name`, the name alone where only one thing has it, or `entry:N`.
    what: String,
    /// Why it may go on: what was repaired, looked at or decided.
    #[arg(long)]
    reason: String,
    /// You have looked whether a step in doubt happened.
    #[arg(long, value_enum)]
    found: Option<FoundByHand>,
    #[command(flatten)]
    by: By,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum FoundByHand {
    /// It happened: it is not done again.
    Done,
    /// It did not happen: it is begun again.
    NotDone,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_write(args.folder.as_deref(), "blackstart resume DIR ID --reason TEXT")?;
    let mut incident = folder::open(&folder, &args.by)?;
    let events = match args.what.strip_prefix("entry:") {
        Some(number) => accept(incident.view(), number, &args.reason)?,
        None => release(incident.view(), args)?,
    };
    let told = told(incident.view(), &args.what, &events);
    folder::record(&mut incident, &events)?;
    talk::say(told);
    Ok(Answer::Done)
}

/// What the call changed. Whoever mistyped an id must not believe that the right thing goes on.
fn told(view: &View, what: &str, events: &[Event]) -> String {
    match events {
        [Event::Recover(RecoverEvent::TargetResumed { target, .. })]
            if !has_steps_to_resume(view, target) =>
        {
            format!(
                "{target} was not on hold, and no step on it had failed. It is recorded, and counts for a start on it that \
             waits for a second person"
            )
        }
        _ => format!("{what} may go on"),
    }
}

fn accept(view: &View, number: &str, reason: &str) -> Result<Vec<Event>, Failure> {
    let unread = number.parse::<u64>().ok().and_then(|sequence| {
        view.unknown.iter().find(|unknown| unknown.sequence == sequence && !unknown.accepted)
    });
    let unread = unread.ok_or_else(|| {
        Failure::usage(
            format!("entry {number} is not one that could not be read"),
            "nothing was changed",
            "blackstart journal show marks those that were NOT READ",
        )
    })?;
    let accepted = CommandEvent::EntryAccepted { sequence: unread.sequence, reason: reason.to_owned() };
    Ok(vec![Event::Command(accepted)])
}

fn release(view: &View, args: &Args) -> Result<Vec<Event>, Failure> {
    let id = named::in_incident(view, &args.what, named::PLACES_AND_PARTS)?;
    let mut events = Vec::new();
    if view.command.holds.contains_key(&id) {
        let lifted = CommandEvent::HoldLifted { on: id.clone(), reason: args.reason.clone() };
        events.push(Event::Command(lifted));
    }
    match args.found {
        Some(found) => events.extend(settle(view, &id, found, args)?),
        None if in_doubt(view, &id).next().is_some() => {
            return Err(Failure::refused(
                format!("a step on {id} is in doubt: nobody knows whether it happened"),
                "nothing was changed; doing it blindly could do it twice",
                "look whether it happened, then call again with --found done or --found not-done",
            ));
        }
        None => {}
    }
    if !events.is_empty() && args.found.is_none() && !has_steps_to_resume(view, &id) {
        return Ok(events);
    }
    let resumed = RecoverEvent::TargetResumed { target: id, reason: args.reason.clone() };
    events.push(Event::Recover(resumed));
    Ok(events)
}

fn has_steps_to_resume(view: &View, id: &Id) -> bool {
    view.recover.steps.values().any(|step| step.target == *id && step.state == State::Failed)
}

fn in_doubt<'a>(view: &'a View, id: &'a Id) -> impl Iterator<Item = &'a String> {
    let held = |step: &crate::recover::view::StepView| step.target == *id && step.state == State::Held;
    view.recover.steps.iter().filter(move |(_, step)| held(step)).map(|(step, _)| step)
}

/// What a person saw, in place of what a probe could not see.
fn settle(view: &View, id: &Id, found: FoundByHand, args: &Args) -> Result<Vec<Event>, Failure> {
    let in_doubt: Vec<&String> = in_doubt(view, id).collect();
    if in_doubt.is_empty() {
        return Err(Failure::usage(
            format!("no step on {id} is in doubt"),
            "nothing was changed",
            "leave out --found, or see what is in doubt: blackstart status",
        ));
    }
    let found = match found {
        FoundByHand::Done => Found::Done,
        FoundByHand::NotDone => Found::NotDone,
    };
    let detail = format!("{} looked: {}", args.by.name(), args.reason);
    let probed = |step: &&String| {
        let (step, target, detail) = ((*step).clone(), id.clone(), detail.clone());
        Event::Recover(RecoverEvent::StepProbed { step, target, found, detail, process: None })
    };
    Ok(in_doubt.iter().map(probed).collect())
}
