//! `blackstart status --follow`: what is recorded, as it comes, with how far the run is.

#![allow(
    clippy::disallowed_methods,
    reason = "a person watches until she ends it: there is no condition to wait for"
)]

use std::path::Path;
use std::time::Duration;

use super::super::recover::{AtWork, at_work};
use super::super::{Answer, Failure, folder, sentence, talk};
use incident::plan::file::Plan;
use incident::recover::step::State;
use incident::{View, store};
use message::Command;

/// The journal is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// From the entry `from` on. Ends when a run that was at work has ended, however.
pub(super) fn follow(folder: &Path, from: u64) -> Result<Answer, Failure> {
    talk::say("following; Ctrl-C ends this, and nothing else");
    let shown = folder.display().to_string();
    let mut next = from;
    let mut was_at_work = at_work(folder) == AtWork::Yes;
    loop {
        let view = folder::read(folder)?;
        if view.entries > next {
            say_new(folder, &view, next)?;
            next = view.entries;
        }
        let now = at_work(folder);
        if was_at_work && now == AtWork::No {
            let complete = view.recover.run.as_ref().and_then(|run| run.ended.as_ref());
            talk::data(match complete {
                Some(ended) if ended.complete => "the run is complete".to_owned(),
                Some(_) => format!(
                    "the run has ended and something waits for people: {}",
                    Command::new("status").incident().line(Some(&shown))
                ),
                None => format!(
                    "the run was ended before it had finished; go on with it: {}",
                    Command::new("recover").with("--journal").incident().line(Some(&shown))
                ),
            });
            return Ok(Answer::Done);
        }
        was_at_work |= now == AtWork::Yes;
        std::thread::sleep(LOOK_EVERY);
    }
}

fn say_new(folder: &Path, view: &View, from: u64) -> Result<(), Failure> {
    let mut lines = Vec::new();
    store::each_record(folder, from, |record| {
        let said = sentence::of(&record);
        let time = super::super::folder::time(record.time_ms);
        let time = time.split('T').nth(1).unwrap_or_default().trim_end_matches('Z').to_owned();
        lines.push(format!("{time}  {}", said.sentence));
    })
    .map_err(|fault| folder::failure(folder, &fault))?;
    let steps = steps(view);
    let of = steps.map(|(done, all)| format!("  [{done} of {all} steps done]")).unwrap_or_default();
    let last = lines.len().saturating_sub(1);
    for (at, line) in lines.into_iter().enumerate() {
        talk::data(if at == last { format!("{line}{of}") } else { line });
    }
    Ok(())
}

/// Steps of the plan that is run, done and all.
fn steps(view: &View) -> Option<(usize, usize)> {
    let run = view.recover.run.as_ref()?;
    let plan = Plan::read(&view.plan.plans.get(&run.plan)?.text).ok()?;
    let done = plan.steps.iter().filter(|step| view.recover.state_of(&step.id) == State::Done).count();
    Some((done, plan.steps.len()))
}
