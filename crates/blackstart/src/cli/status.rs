//! `blackstart status DIR`: what a commander needs on a serial line at night.

use std::path::{Path, PathBuf};

use message::{Command, Remedy, counted, counted_as, spaced};

use serde::Serialize;

use super::folder::{self, time};
use super::forecast::lines;
use super::{Answer, Failure, harm, place, talk};
use estate::{Estate, canonical};
use incident::event::CutAct;
use incident::{View, damaged, store};
use situation::progress::{Forecast, forecast};
use situation::situation::{BridgeLine, CutLine, Decision, NotServed, RunLine, Situation, situation};

/// What is down for whom, what is held and for what, what to decide next. Plain text, 80 columns, no colour.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// As it was known after this entry, not now.
    #[arg(long, value_name = "ENTRY")]
    at: Option<u64>,
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
    /// Otherwise `served_thousandths` says nothing.
    served_known: bool,
    /// `null`: the journal is whole. Otherwise nothing good above may be relied on.
    journal_damage: Option<serde_json::Value>,
    /// Where this incident goes on, if its journal was ended.
    continued_in: Option<PathBuf>,
}

/// Draws of the durations behind the ranges: enough for one of ten, and quick for thousands of services.
const SAMPLES: u64 = 60;

/// Lines of a list before it says how many more there are; `--json` has all.
const LINES_MAX: usize = 12;

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
    // One entry that may have been about anything is enough: what works and what does not may stand in it.
    let unread = view.unknown.iter().any(|unknown| !unknown.accepted && unknown.about.is_none());
    let not_known = match (damage.is_some(), unread) {
        (true, _) => Some("the journal is damaged"),
        (false, true) => Some("entries that may be about anything could not be read"),
        (false, false) => None,
    };
    if not_known.is_some() {
        now.served_thousandths = 0;
    }
    if damage.is_some() {
        now.decide_next = vec![only_decision(&folder)];
    }
    let (forecast, no_forecast) = match damage.is_some() || args.at.is_some() {
        // What was known at an earlier entry says nothing about when everybody is back from now.
        true if damage.is_none() => (None, None),
        true => (None, Some("not known: the journal is damaged".to_owned())),
        false => forecast_of(&estate, &view),
    };
    if args.json {
        let journal_damage = damage.as_ref().map(harm::as_json);
        let continued_in = store::succeeded_by(&folder);
        let served_known = not_known.is_none();
        talk::json(&Everything { now, forecast, no_forecast, served_known, journal_damage, continued_in });
    } else {
        let mut page = page(&now, not_known);
        let lines = forecast.iter().flat_map(|forecast| lines(&estate, forecast)).chain(no_forecast);
        section(&mut page, "BACK WHEN, as things stand (in the approved order)", lines, "");
        talk::data(page.trim_end());
    }
    Ok(if damage.is_some() { Answer::No } else { Answer::Done })
}

fn forecast_of(estate: &Estate, view: &View) -> (Option<Forecast>, Option<String>) {
    match forecast(estate, view, folder::now_ms(), SAMPLES) {
        Ok(forecast) => (forecast, None),
        Err(why) => (None, Some(why)),
    }
}

/// Nothing can be decided in a damaged journal any more.
fn only_decision(folder: &Path) -> Decision {
    let shown = folder.display().to_string();
    let remedy = Remedy::run(Command::succeed(&shown));
    Decision {
        what: "the journal is damaged: continue in a new folder with all that is proven?".to_owned(),
        command: remedy.shown(Some(&shown)),
        remedy,
    }
}

/// The whole page, the most important first.
fn page(now: &Situation, not_known: Option<&str>) -> String {
    let served = match not_known {
        Some(why) => format!("not known: {why}"),
        None => {
            format!("{}.{} % of insured x urgency", now.served_thousandths / 10, now.served_thousandths % 10)
        }
    };
    let mut page = format!(
        "INCIDENT  {}\nopened    {}\nas of     {}, entry {}\nserved    {served}\n",
        now.incident.as_deref().unwrap_or("(no name)"),
        now.opened_ms.map_or_else(|| "?".to_owned(), time),
        time(now.last_time_ms),
        now.entries.saturating_sub(1),
    );
    let decisions = now.decide_next.iter().enumerate();
    let decisions = decisions.map(|(at, next)| format!("{}. {}\n     {}", at + 1, next.what, next.command));
    section(&mut page, "DECIDE NEXT", decisions, "nothing waits for a decision");
    let not_served = now.not_served.iter().map(not_served);
    let nothing = not_known.map(|why| format!("not known: {why}"));
    let nothing = nothing.as_deref().unwrap_or("everything works for everybody");
    section(&mut page, "NOT SERVED NORMALLY", not_served, nothing);
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
        format!(
            "{}: {}, {} (entry {})",
            alarm.store,
            counted(alarm.files, "file"),
            time(alarm.time_ms),
            alarm.entry
        )
    });
    section(&mut page, "ALARMS", alarms, "");
    section(&mut page, "CUT OFF", now.cuts.iter().map(cut), "");
    section(&mut page, "RESTART", now.run.iter().map(restart), "");
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

fn not_served(line: &NotServed) -> String {
    let first: Vec<&str> = line.tenants.iter().take(3).map(estate::Id::name).collect();
    let more = if line.tenants.len() > 3 { ", ..." } else { "" };
    let (standing, name) = (line.standing, &line.name);
    let (tenants, insured) = (counted(line.tenants.len(), "tenant"), spaced(line.insured));
    format!("{standing:<10} {name:<34} {tenants:>10} {insured:>11} insured  {}{more}", first.join(", "))
}

fn cut(cut: &CutLine) -> String {
    let what = match &cut.act {
        CutAct::StopService { service } => format!("stop {service}"),
        CutAct::CloseDoor { site, door } => format!("close door {door} of {site}"),
    };
    format!("{what}: {} {}", cut.state.word(), cut.detail).trim_end().to_owned()
}

fn restart(run: &RunLine) -> String {
    let how = match run.complete {
        Some(true) => "complete",
        Some(false) => "ended, something waits",
        None => "at work, or it was killed: run recover again, and it continues",
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

/// A headed list. Without lines: the sentence, or nothing at all.
fn section(page: &mut String, head: &str, lines: impl Iterator<Item = String>, without: &str) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() && without.is_empty() {
        return;
    }
    page.push_str(&format!("\n{head}\n"));
    if lines.is_empty() {
        page.push_str(&format!("  {without}\n"));
    }
    for line in lines.iter().take(LINES_MAX) {
        page.push_str(&format!("  {line}\n"));
    }
    if lines.len() > LINES_MAX {
        page.push_str(&format!("  and {} more: --json has all\n", lines.len() - LINES_MAX));
    }
}
