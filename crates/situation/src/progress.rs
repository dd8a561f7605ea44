//! How far has the restart come, as the journal says, and when is everybody back if it goes on like this?
//!
//! Pure: a view and a time in, values out. The order stays the approved plan's; only the times move.

use std::collections::BTreeSet;

use serde::Serialize;

use estate::{Estate, Id};
use incident::View;
use incident::plan::file::{Never, Plan, Served, StepKind};
use incident::recover::step::State;
use plan::instance::RecoveryPoints;
use plan::progress::Progress;

/// When everybody is back, seen from now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// Time this was computed for; `at_s` and the others count from here.
    pub from_ms: i64,
    /// Hash of the plan that is run.
    pub plan: String,
    /// 0: served, or never lost.
    pub served: Vec<Served>,
    /// Not back before somebody deals with what it waits for.
    pub never: Vec<Never>,
    /// Seconds until everything that can come back is back.
    pub end_s: u64,
    /// What is being worked on, and longer than it was planned to take.
    pub overdue: Vec<Overdue>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overdue {
    pub step: String,
    pub planned_s: u64,
    pub elapsed_s: u64,
}

/// Recovery points that were chosen and that are still judged clean.
pub fn recovery_points(view: &View) -> RecoveryPoints {
    let clean = |store: &incident::scan::StoreView| {
        let point = store.recovery_point.as_ref()?;
        let judged = store.snapshots.iter().find(|snapshot| snapshot.id == *point)?;
        (judged.clean == Some(true)).then(|| point.clone())
    };
    view.scan.stores.iter().filter_map(|(id, store)| Some((id.clone(), clean(store)?))).collect()
}

/// A run was begun and is not complete.
pub fn is_under_way(view: &View) -> bool {
    let ended = |run: &incident::recover::RunView| run.ended.as_ref().is_some_and(|ended| ended.complete);
    view.recover.run.as_ref().is_some_and(|run| !ended(run))
}

/// The plan of the run that was begun last, and how far that run is. `Err`: why there is none, as a sentence.
pub fn of_run(estate: &Estate, view: &View, now_ms: i64) -> Result<(Plan, Progress), String> {
    let run = view.recover.run.as_ref().ok_or("no plan has been run in this incident yet")?;
    let recorded = view.plan.plans.get(&run.plan);
    let recorded = recorded.ok_or_else(|| format!("the plan of run {} is not in the journal", run.run))?;
    let plan = Plan::read(&recorded.text)
        .map_err(|fault| format!("the plan of run {} cannot be read: {fault}", run.run))?;
    let mut progress = Progress { run: run.run.clone(), entries: view.entries, ..Progress::default() };
    for (id, step) in &view.recover.steps {
        match step.state {
            State::Done => drop(progress.done.insert(id.clone())),
            State::Intended => {
                let elapsed_ms = u64::try_from(now_ms.saturating_sub(step.since_ms)).unwrap_or(0);
                progress.running.insert(id.clone(), elapsed_ms / 1000);
            }
            State::Failed | State::Held if step.kind == StepKind::Admit => {
                progress.not_open.insert(step.target.clone());
            }
            State::Failed | State::Held => drop(progress.stuck.insert(step.target.clone())),
            State::Waiting => {}
        }
    }
    for id in &plan.lost {
        if !progress.stuck.contains(id) && (view.held(estate, id).is_some() || view.blocked_by(id).is_some())
        {
            progress.stuck.insert(id.clone());
        }
    }
    forget_the_finished(&plan, &mut progress);
    Ok((plan, progress))
}

/// A hold on what is back already stops nothing that is still to come.
fn forget_the_finished(plan: &Plan, progress: &mut Progress) {
    let last = |id: &Id| {
        let of_it = plan.steps.iter().filter(|step| step.service == *id && step.kind != StepKind::Admit);
        of_it.max_by_key(|step| step.kind).map(|step| step.id.clone())
    };
    progress.stuck.retain(|id| last(id).is_none_or(|step| !progress.done.contains(&step)));
}

/// When everybody is back. `Ok(None)`: nothing runs that could be forecast. `Err`: why nothing can be said.
pub fn forecast(estate: &Estate, view: &View, now_ms: i64, samples: u64) -> Result<Option<Forecast>, String> {
    let Some(run) = &view.recover.run else { return Ok(None) };
    let (plan, progress) = of_run(estate, view, now_ms)?;
    if run.ended.as_ref().is_some_and(|ended| ended.complete) && plan.never.is_empty() {
        return Ok(None);
    }
    let overdue = overdue(&plan, &progress);
    let expected = plan::forecast::forecast(estate, &plan, &recovery_points(view), progress, samples)
        .map_err(|refusal| format!("there is no forecast: {refusal}"))?;
    Ok(Some(Forecast {
        from_ms: now_ms,
        plan: run.plan.clone(),
        served: expected.served,
        never: expected.never,
        end_s: expected.end_s,
        overdue,
    }))
}

fn overdue(plan: &Plan, progress: &Progress) -> Vec<Overdue> {
    let known: BTreeSet<&str> = progress.running.keys().map(String::as_str).collect();
    let steps = plan.steps.iter().filter(|step| known.contains(step.id.as_str()));
    steps
        .map(|step| Overdue {
            step: step.id.clone(),
            planned_s: step.end_s.saturating_sub(step.start_s),
            elapsed_s: progress.running[&step.id],
        })
        .filter(|overdue| overdue.elapsed_s > overdue.planned_s)
        .collect()
}
