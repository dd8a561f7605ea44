//! What was planned, and what became of it; who works on it, and what it waits for.

use std::collections::BTreeMap;

use askama::Template;
use incident::plan::file::{Plan, Step};
use incident::recover::step::State;
use incident::recover::{ServiceState, StepView};
use page::words::{clock, number, short_clock, unbroken};
use page::{Html, filled, filters, words};
use situation::progress::{Forecast, forecast};

use crate::as_of::AsOf;
use crate::frame::{Clock, suffix};

/// Steps that are listed; the plan's own page has all.
const STEPS_MAX: usize = 400;
/// Draws of the durations behind a forecast, as `status` takes.
const SAMPLES: u64 = 60;
/// Width of a bar in its drawing.
const BAR: u64 = 240;

#[derive(Template)]
#[template(path = "plan.html")]
struct PlanSheet<'a> {
    suffix: String,
    /// `None`: nothing is planned, or it cannot be read; `why` says which.
    plan: Option<Shown<'a>>,
    why: String,
}

struct Shown<'a> {
    hash: Html,
    recorded: u64,
    approved: Option<u64>,
    run: Option<&'a str>,
    since_start: Option<String>,
    hours: String,
    hours_called: &'static str,
    end: String,
    never: usize,
    back: Result<Vec<Back>, String>,
    rows: Vec<Row>,
    left_out: usize,
}

/// When a capability is back for everybody, planned and seen from now.
struct Back {
    name: String,
    planned: String,
    now: String,
    is_later: bool,
}

struct Row {
    what: &'static str,
    on: Html,
    begin: String,
    end: String,
    bar: (u64, u64),
    /// Where its last outcome stands in the drawing.
    mark: Option<u64>,
    state: &'static str,
    class: &'static str,
    when: String,
    difference: String,
    entry: Option<u64>,
}

/// The plan of the run, the approved one, or the newest, in this order.
fn shown(seen: &AsOf) -> Result<(String, Plan, u64), String> {
    let view = &seen.view;
    let newest = view.plan.plans.iter().max_by_key(|(_, plan)| plan.recorded_at_entry).map(|(hash, _)| hash);
    let of_run = view.recover.run.as_ref().map(|run| &run.plan);
    let hash = of_run.or(view.plan.approved.as_ref()).or(newest).ok_or("No plan is recorded yet.")?;
    let recorded = view.plan.plans.get(hash).ok_or_else(|| format!("Plan {hash} is not in the journal."))?;
    let plan = Plan::read(&recorded.text).map_err(|fault| format!("Plan {hash} cannot be read: {fault}"))?;
    Ok((hash.clone(), plan, recorded.recorded_at_entry))
}

pub(crate) fn plan(seen: &AsOf, at: Clock) -> Html {
    let (plan, why) = match shown(seen) {
        Ok((hash, plan, recorded)) => (Some(of_plan(seen, at, &hash, &plan, recorded)), String::new()),
        Err(why) => (None, why),
    };
    filled(&PlanSheet { suffix: suffix(seen), plan, why })
}

fn of_plan<'a>(seen: &'a AsOf, at: Clock, hash: &str, plan: &Plan, recorded: u64) -> Shown<'a> {
    let view = &seen.view;
    let run = view.recover.run.as_ref().filter(|run| run.plan == hash);
    let begun = seen.beside.run_begun.as_ref().filter(|(name, _)| run.is_some_and(|run| run.run == *name));
    let begun = begun.map(|(_, ms)| *ms);
    let since = |ms: i64| begun.map(|begun| u64::try_from(ms.saturating_sub(begun) / 1000).unwrap_or(0));
    // Of an earlier entry the time of that entry counts, not now.
    let now_ms = if seen.at.is_some() { view.last_time_ms } else { at.now_ms };
    let end_s = plan.steps.iter().map(|step| step.end_s).max().unwrap_or(0);
    let width_s = end_s.max(since(now_ms).unwrap_or(0)).max(1);
    let rows = plan.steps.iter().take(STEPS_MAX).map(|step| {
        let known = run.and_then(|_| view.recover.steps.get(&step.id));
        row(step, known, known.and_then(|known| since(known.since_ms)), width_s)
    });
    Shown {
        hash: words::hash(hash),
        recorded,
        approved: view.plan.approved_at_entry.filter(|_| view.plan.approved.as_deref() == Some(hash)),
        run: run.map(|run| run.run.as_str()),
        since_start: since(now_ms).map(|seconds| unbroken(&clock(seconds))),
        hours: number(plan.insured_seconds / 3600),
        hours_called: seen.estate.words.hours(),
        end: short_clock(end_s),
        never: plan.never.len(),
        back: back(seen, plan, now_ms),
        rows: rows.collect(),
        left_out: plan.steps.len().saturating_sub(STEPS_MAX),
    }
}

fn row(step: &Step, known: Option<&StepView>, at_s: Option<u64>, width_s: u64) -> Row {
    let place = |seconds: u64| seconds.min(width_s) * BAR / width_s;
    let state = known.map_or(State::Waiting, |known| known.state);
    let at_s = at_s.filter(|_| state != State::Waiting);
    let class = match state {
        State::Done => "good",
        State::Failed | State::Held => "bad",
        State::Waiting | State::Intended => "warn",
    };
    let difference = match (state, at_s) {
        (State::Done, Some(at)) if at > step.end_s => format!("+ {}", short_clock(at - step.end_s)),
        (State::Done, Some(at)) => format!("− {}", short_clock(step.end_s - at)),
        (State::Done | State::Waiting | State::Intended | State::Failed | State::Held, _) => String::new(),
    };
    Row {
        what: step.kind.word(),
        on: words::id(&step.service.to_string()),
        begin: short_clock(step.start_s),
        end: short_clock(step.end_s),
        bar: (place(step.start_s), place(step.end_s).saturating_sub(place(step.start_s)).max(1)),
        mark: at_s.map(place),
        state: state.word(),
        class,
        when: at_s.map_or_else(String::new, short_clock),
        difference,
        entry: known.map(|known| known.since_entry),
    }
}

/// For each capability the last who gets it back, as planned and as things stand.
fn back(seen: &AsOf, plan: &Plan, now_ms: i64) -> Result<Vec<Back>, String> {
    if seen.harm.is_some() {
        return Err("not known: the journal cannot be relied on".to_owned());
    }
    if seen.at.is_some() {
        return Err("a forecast is made from what is known now only".to_owned());
    }
    let forecast = forecast(&seen.estate, &seen.view, now_ms, SAMPLES)?;
    let planned = last(plan.served.iter().map(|served| (&served.capability, served.at_s)));
    let now = forecast.as_ref().map(of_forecast).unwrap_or_default();
    let never: Vec<_> =
        forecast.iter().flat_map(|forecast| &forecast.never).map(|never| &never.capability).collect();
    let begun = seen.beside.run_begun.as_ref().map(|(_, ms)| *ms);
    let gone = begun.map_or(0, |begun| u64::try_from(now_ms.saturating_sub(begun) / 1000).unwrap_or(0));
    let line = |(capability, planned_s): (&estate::Id, u64)| {
        let known = seen.estate.capabilities.get(capability);
        let name =
            known.map_or(capability.name(), |known| known.name.en.as_deref().unwrap_or(&known.name.de));
        let (text, is_later) = match now.get(capability) {
            _ if never.contains(&capability) => {
                ("not before somebody deals with what it waits for".to_owned(), true)
            }
            None => ("no run is at work".to_owned(), false),
            Some((0, _)) => ("back".to_owned(), false),
            Some((at, late)) => (
                format!("in {}, in nine of ten draws within {}", short_clock(*at), short_clock(*late)),
                gone + at > planned_s,
            ),
        };
        let planned = if planned_s == 0 { "not lost".to_owned() } else { short_clock(planned_s) };
        Back { name: name.to_owned(), planned, now: text, is_later }
    };
    Ok(planned.into_iter().map(line).collect())
}

fn last<'a>(times: impl Iterator<Item = (&'a estate::Id, u64)>) -> BTreeMap<&'a estate::Id, u64> {
    let mut all = BTreeMap::new();
    for (capability, at_s) in times {
        let last = all.entry(capability).or_insert(0);
        *last = at_s.max(*last);
    }
    all
}

fn of_forecast(forecast: &Forecast) -> BTreeMap<&estate::Id, (u64, u64)> {
    let mut all: BTreeMap<&estate::Id, (u64, u64)> = BTreeMap::new();
    for served in &forecast.served {
        let last = all.entry(&served.capability).or_default();
        *last = (last.0.max(served.at_s), last.1.max(served.late_s));
    }
    all
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunSheet<'a> {
    suffix: String,
    run: Option<Run<'a>>,
    waiting: Vec<Waits>,
    held: Vec<Held<'a>>,
    decisions: &'a [situation::situation::Decision],
    nothing: &'a str,
    services: Vec<Service>,
}

struct Run<'a> {
    name: &'a str,
    by: &'a str,
    begun: u64,
    plan: Html,
    done: usize,
    of: usize,
    ended: &'static str,
    ended_at: Option<u64>,
}

struct Waits {
    what: String,
    for_what: String,
    entry: Option<u64>,
}

struct Held<'a> {
    on: String,
    by: &'a str,
    reason: &'a str,
    entry: u64,
}

struct Service {
    id: Html,
    state: &'static str,
    detail: String,
    entry: u64,
}

pub(crate) fn run(seen: &AsOf) -> Html {
    let (view, now) = (&seen.view, &seen.situation);
    let steps = shown(seen).map_or(view.recover.steps.len(), |(_, plan, _)| plan.steps.len());
    let run = view.recover.run.as_ref().map(|run| Run {
        name: &run.run,
        by: &run.by,
        begun: run.begun_at_entry,
        plan: words::hash(&run.plan),
        done: view.recover.steps.values().filter(|step| step.state == State::Done).count(),
        of: steps,
        ended: match run.ended.as_ref().map(|ended| ended.complete) {
            Some(true) => "complete",
            Some(false) => "ended; something waits for people",
            None => "at work, or it was killed: the journal does not say which",
        },
        ended_at: run.ended.as_ref().map(|ended| ended.at_entry),
    });
    let services = view.recover.services.iter().map(|(id, service)| Service {
        id: words::id(&id.to_string()),
        state: stands(service.state),
        detail: service.detail.clone(),
        entry: service.since_entry,
    });
    let waiting = now.waiting.iter().map(|line| Waits {
        what: line.what.clone(),
        for_what: line.for_what.clone(),
        entry: line.since_entry,
    });
    let held = now.held.iter().map(|held| Held {
        on: held.on.to_string(),
        by: &held.by,
        reason: &held.reason,
        entry: held.since_entry,
    });
    filled(&RunSheet {
        suffix: suffix(seen),
        run,
        waiting: waiting.collect(),
        held: held.collect(),
        decisions: &now.decide_next,
        nothing: now.not_known().unwrap_or("nothing waits for a decision"),
        services: services.collect(),
    })
}

fn stands(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Stopped => "stopped",
        ServiceState::Starting => "starting",
        ServiceState::Running => "runs, not known to be healthy",
        ServiceState::Healthy => "healthy",
        ServiceState::Admitted => "healthy, load is let in",
        ServiceState::Failed => "failed",
        ServiceState::Held => "held: somebody has to look",
    }
}
