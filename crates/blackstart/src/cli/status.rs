//! `blackstart status DIR`: what a commander needs on a serial line at night.

mod follow;
mod form;

use std::path::{Path, PathBuf};

use message::{Command, Remedy, counted, counted_as, spaced};

use serde::Serialize;

use self::form::{folded, section};
use super::folder::{self, time};
use super::forecast::lines;
use super::recover::{AtWork, at_work};
use super::{Answer, Failure, harm, place, talk};
use estate::words::Words;
use estate::{Estate, canonical};
use incident::contain::CutState;
use incident::event::CutAct;
use incident::store::{self, Unsigned};
use incident::{View, damaged};
use situation::progress::{Forecast, forecast};
use situation::situation::{BridgeLine, CutLine, NotServed, RunLine, Situation, situation};

/// What is down for whom, what is held and for what, what to decide next. Plain text, 80 columns, no colour.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// As it was known after this entry, not now.
    #[arg(long, value_name = "ENTRY")]
    at: Option<u64>,
    /// Stay, and say each thing that happens as it is recorded, until the run ends or Ctrl-C.
    #[arg(short = 'f', long, conflicts_with_all = ["at", "json"])]
    follow: bool,
    /// The answer as JSON on stdout.
    #[arg(long)]
    json: bool,
}

/// The situation, and when everybody is back if the run goes on as it does.
#[derive(Serialize)]
struct Everything {
    #[serde(flatten)]
    now: Situation,
    /// `null`: nothing is being run.
    forecast: Option<Forecast>,
    /// Why there is none although something is.
    no_forecast: Option<String>,
    /// `null`: the journal is whole. Otherwise nothing good above may be relied on.
    journal_damage: Option<serde_json::Value>,
    /// Every step of every clock that was started; none: nobody has decided whether something has to be reported.
    duties: Vec<duty::standing::Line>,
    /// Where this incident goes on, if its journal was ended.
    continued_in: Option<PathBuf>,
}

/// Draws of the durations behind the ranges: enough for one of ten, and quick for thousands of services.
const SAMPLES: u64 = 60;

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let folder = place::to_read(args.folder.as_deref(), "blackstart status DIR")?;
    let (view, damage) = damaged::view(&folder, args.at).map_err(|fault| folder::failure(&folder, &fault))?;
    if let Some(at) = args.at.filter(|at| view.entries <= *at) {
        return Err(Failure::usage(
            format!("there is no entry {at}: the newest is {}", view.entries.saturating_sub(1)),
            "what was known after it cannot be shown",
            Remedy::run_to("see the entries", Command::new("journal show").incident().option("-n", 20)),
        )
        .of(&folder));
    }
    if let Some(damage) = damage.as_ref().filter(|_| !args.json) {
        harm::lines(&folder, damage).iter().for_each(talk::data);
        talk::data("");
    } else if let Some(ended) = harm::ended(&folder).filter(|_| !args.json) {
        talk::data(ended);
    }
    let text = view.command.estate_hash.as_ref().and_then(|hash| view.command.estates.get(hash));
    let text = text.ok_or_else(|| {
        Failure::fault(
            "the journal names no estate, as far as it can be read",
            "nobody can say what is down for whom",
            Remedy::run_to("look at the first entries", Command::new("journal show").incident()),
        )
        .of(&folder)
    })?;
    let estate = canonical::from_text(text).map_err(|fault| {
        Failure::fault(
            format!("the estate in the journal cannot be read: {}", folder::chain(&fault)),
            "nobody can say what is down for whom",
            "it was written by another version: use that one",
        )
    })?;
    let mut now = situation(&estate, &view, &folder.display().to_string());
    if damage.is_some() {
        now.mark_damaged(&folder.display().to_string());
    }
    let (forecast, no_forecast) = match damage.is_some() || args.at.is_some() {
        // What was known at an earlier entry says nothing about when everybody is back from now.
        true if damage.is_none() => (None, None),
        true => (None, Some("not known: the journal is damaged".to_owned())),
        false => forecast_of(&estate, &view),
    };
    // What was known at an earlier entry is shown as of its time.
    let clock_ms = if args.at.is_some() { view.last_time_ms } else { folder::now_ms() };
    if args.json {
        let journal_damage = damage.as_ref().map(harm::as_json);
        let continued_in = store::succeeded_by(&folder);
        let duties = duty::standing::lines(&view, clock_ms);
        talk::json(&Everything { now, forecast, no_forecast, journal_damage, duties, continued_in });
    } else {
        let mut page = page(&now, &estate.words, at_work(&folder));
        let lines = forecast.iter().flat_map(|forecast| lines(&estate, forecast)).chain(no_forecast);
        let unsigned = unsigned(&folder, view.entries).filter(|_| args.at.is_none() && damage.is_none());
        let duties = super::duty::for_status(&view, clock_ms, &folder.display().to_string(), now.incomplete);
        section(&mut page, "TO BE REPORTED", duties.into_iter(), "");
        let promised = now.next_update.map(|next| {
            let late = if next.due_ms < clock_ms { "OVERDUE: " } else { "" };
            format!("{late}the next update was promised for {} (entry {})", time(next.due_ms), next.entry)
        });
        section(&mut page, "TO THE PUBLIC", promised.into_iter(), &none_listed(&now));
        section(&mut page, "NOT SIGNED", unsigned.into_iter(), "");
        section(&mut page, "BACK WHEN, as things stand (in the approved order)", lines, "");
        talk::data(page.trim_end());
        if args.follow {
            return follow::follow(&folder, view.entries);
        }
    }
    Ok(if damage.is_some() { Answer::No } else { Answer::Done })
}

fn unsigned(folder: &Path, entries: u64) -> Option<String> {
    let Unsigned { from, count } = store::unsigned(folder, entries)?;
    let show = Command::new("journal show").incident().option("--from", from);
    Some(format!(
        "{}, from entry {from} on: written this moment, by a program that was killed, or by somebody without the key. Unless it is the \
         first, look at them before you rely on them: {}",
        counted_as(count, "entry", "entries"),
        show.line(Some(&folder.display().to_string()))
    ))
}

fn forecast_of(estate: &Estate, view: &View) -> (Option<Forecast>, Option<String>) {
    match forecast(estate, view, folder::now_ms(), SAMPLES) {
        Ok(forecast) => (forecast, None),
        Err(why) => (None, Some(why)),
    }
}

/// The whole page, the most important first.
fn page(now: &Situation, words: &Words, at_work: AtWork) -> String {
    let served = served(now, words.counted());
    let mut page = format!(
        "INCIDENT  {}\nopened    {}\nas of     {}, entry {}\n{}\n",
        now.incident.as_deref().unwrap_or("(no name)"),
        now.opened_ms.map_or_else(|| "?".to_owned(), time),
        time(now.last_time_ms),
        now.entries.saturating_sub(1),
        folded(&format!("served    {served}"), "          "),
    );
    let decisions = now.decide_next.iter().enumerate();
    let decisions = decisions.map(|(at, next)| {
        let what = folded(&format!("  {}. {}", at + 1, next.what), "     ");
        // A command stays in one piece, however long: it is pasted.
        format!("{}\n{}", what.trim_start(), form::pasted(&next.remedy, &next.command))
    });
    let not_known = now.not_known().map(|why| format!("not known: {why}"));
    let nothing = not_known.as_deref().unwrap_or("nothing waits for a decision");
    section(&mut page, "DECIDE NEXT", decisions, nothing);
    let lines = now
        .not_served
        .iter()
        .map(|line| not_served(line, words.counted()))
        .chain(not_described(&now.not_described));
    let nothing = not_known.as_deref().unwrap_or(nothing_missing(now));
    section(&mut page, "NOT SERVED NORMALLY", lines, nothing);
    let held = now.held.iter();
    let held = held
        .map(|held| format!("{} by {} since entry {}: {}", held.on, held.by, held.since_entry, held.reason));
    section(&mut page, "HELD", held, "");
    section(
        &mut page,
        "WAITING",
        now.waiting.iter().map(|line| format!("{} for {}", line.what, line.for_what)),
        "",
    );
    let alarms = now.alarms.iter();
    let alarms = alarms.map(|alarm| {
        let who = alarm
            .writers
            .iter()
            .map(|writer| format!("; {} written by {}", counted(writer.files, "file"), writer.line()));
        let unknown = alarm.not_traced.as_ref().map(|why| format!("; who wrote is not known: {why}"));
        let who: String = who.chain(unknown).collect();
        let heard = alarm.not_heard.as_ref().map(|why| format!("; NOBODY WAS WOKEN: {why}"));
        format!(
            "{}: {} {}, {} (entry {}){who}{}",
            alarm.store,
            counted(alarm.files, "file"),
            alarm.about.words(),
            time(alarm.time_ms),
            alarm.entry,
            heard.unwrap_or_default()
        )
    });
    let none = none_listed(now);
    section(&mut page, "ALARMS", alarms, &none);
    let not_watched = now.not_watched.iter().map(|line| format!("{}: {}", line.store, line.why));
    section(&mut page, "NOT WATCHED", not_watched, "");
    section(&mut page, "CUT OFF", now.cuts.iter().map(cut), &none);
    section(&mut page, "RESTART", now.run.iter().map(|run| restart(run, at_work)), "");
    section(&mut page, "EMERGENCY OPERATION", now.bridge.iter().map(business), "");
    if now.not_read + now.illegal > 0 {
        let line = format!(
            "{} not be read, {} not allowed: journal show",
            counted_as(now.not_read, "entry could", "entries could"),
            counted_as(now.illegal, "move was", "moves were")
        );
        section(&mut page, "JOURNAL", std::iter::once(line), "");
    }
    page
}

/// What stands where nothing is listed: empty where that means that there is nothing.
fn none_listed(now: &Situation) -> String {
    now.incomplete.map_or_else(String::new, |why| format!("not known whether there is anything: {why}"))
}

/// `100.0 %` stands there only if all of it is known.
fn served(now: &Situation, people: &str) -> String {
    let percent = |thousandths: u64| format!("{}.{} %", thousandths / 10, thousandths % 10);
    match (now.unshared, now.not_known_thousandths) {
        (Some(why), _) => format!("not known: {why}"),
        (None, 0) => format!("{} of {people} x urgency, as far as reported", percent(now.served_thousandths)),
        (None, 1000) => format!("not known: {}", now.not_known().unwrap_or_default()),
        (None, part) => {
            format!("{} of {people} x urgency; not known: {}", percent(now.served_thousandths), percent(part))
        }
    }
}

/// What is said where nobody is known to miss anything. Beside a closed door or an alarm not that everything works.
fn nothing_missing(now: &Situation) -> &'static str {
    let is_quiet = now.alarms.is_empty() && now.cuts.iter().all(|cut| cut.state == CutState::Lifted);
    if is_quiet {
        "nobody has reported anything that does not work"
    } else {
        "nobody is known to miss anything; see below for alarms and what is cut off"
    }
}

fn not_served(line: &NotServed, people: &str) -> String {
    let first = first_of(&line.tenants);
    let (standing, name) = (line.standing, &line.name);
    let (tenants, insured) = (counted(line.tenants.len(), "tenant"), spaced(line.insured));
    let why = line.why.map_or_else(String::new, |why| format!("; {}", why.sentence()));
    format!("{standing:<10} {name}: {tenants}, {insured} {people} ({first}){why}")
}

fn not_described(tenants: &[estate::Id]) -> Option<String> {
    let line = || {
        let count = counted(tenants.len(), "tenant");
        format!("not_known  no services are described for {count} ({})", first_of(tenants))
    };
    (!tenants.is_empty()).then(line)
}

fn first_of(tenants: &[estate::Id]) -> String {
    let first: Vec<&str> = tenants.iter().take(3).map(estate::Id::name).collect();
    first.join(", ") + if tenants.len() > 3 { ", ..." } else { "" }
}

fn cut(cut: &CutLine) -> String {
    let what = match &cut.act {
        CutAct::StopService { service } => format!("stop {service}"),
        CutAct::CloseDoor { site, door } => format!("close door {door} of {site}"),
    };
    let how = match cut.state {
        CutState::Open | CutState::Intended | CutState::Decided | CutState::Holds => cut.state.word(),
        CutState::Done => "done, NOT known to hold:",
        CutState::Failed => "FAILED:",
        CutState::Leaks => "DOES NOT HOLD:",
        CutState::Lifting => "to be there again, not seen yet:",
        CutState::Lifted => "lifted:",
    };
    format!("{what}: {how} {}", cut.detail).trim_end().to_owned()
}

fn restart(run: &RunLine, at_work: AtWork) -> String {
    let how = match run.complete {
        Some(true) => "complete",
        Some(false) => "ended, something waits",
        None => match at_work {
            AtWork::Yes => "at work",
            AtWork::No => "it was killed or the power failed: run recover again, and it continues",
            AtWork::NotKnown => "at work, or it was killed: run recover again, and it continues",
        },
    };
    let plan: String = run.plan.chars().take(12).collect();
    format!("plan {plan}: {} done of {} begun; {how}", counted(run.done, "step"), spaced(run.begun))
}

fn business(bridge: &BridgeLine) -> String {
    format!(
        "accepted {}, not in the core yet {}, conflicts for people {}, refused {} (counted {})",
        spaced(bridge.accepted),
        spaced(bridge.pending),
        spaced(bridge.conflict),
        spaced(bridge.refused),
        bridge.as_of_ms.map_or_else(|| "?".to_owned(), time),
    )
}
