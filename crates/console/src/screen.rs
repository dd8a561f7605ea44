//! The one screen that whoever commands has open: everything at a glance, and each number a way to where it comes from.
//!
//! Made for 1280 by 720 without scrolling: what does not fit is counted, and the count leads to the page that has it.

use askama::Template;
use incident::contain::CutState;
use incident::store::Unsigned;
use page::words::{counted, number, percent, shortened, utc};
use page::{Html, filled};
use situation::situation::{BridgeLine, CutLine, NotServed};

use crate::as_of::{AsOf, Line, Mark, Owed};
use crate::bridge::oldest;
use crate::cuts::{class, how, what};
use crate::frame::{Clock, age, suffix};
use crate::phase::{Phase, phase};
use crate::tenants::{Tally, Tenant, tallies, tenants};

const TENANTS_MAX: usize = 96;
const DECISIONS_MAX: usize = 4;
const CUTS_MAX: usize = 3;
const LINES_MAX: usize = 4;
const SENTENCE_LETTERS_MAX: usize = 72;
const OWED_MAX: usize = 3;
const FOUND_MAX: usize = 3;
/// Of what waits; the run's page has the whole.
const ASKED_LETTERS_MAX: usize = 110;

#[derive(Template)]
#[template(path = "screen.html")]
struct Sheet<'a> {
    suffix: String,
    phase: Phase,
    decided: Option<&'a Mark>,
    served: String,
    served_class: &'static str,
    update: Option<Update>,
    /// Why an empty list says nothing.
    incomplete: Option<&'a str>,
    people: &'a str,
    called: &'a str,
    tallies: Vec<Tally>,
    tenants: Vec<Tenant>,
    tenants_left_out: usize,
    worst: Option<Worst<'a>>,
    decisions: Vec<Asked<'a>>,
    decisions_left_out: usize,
    /// What stands where nothing waits.
    nothing: &'a str,
    cuts: Vec<Cut>,
    cuts_in_force: usize,
    /// Of them, proven from the other side.
    cuts_holding: usize,
    cuts_left_out: usize,
    bridge: Option<Bridge>,
    lines: Vec<EntryLine<'a>>,
    found: Vec<Found>,
    found_left_out: usize,
    owed: Vec<String>,
    owed_left_out: usize,
    unsigned: Option<Unsigned>,
}

/// What the public was promised.
struct Update {
    when: String,
    is_late: bool,
    entry: u64,
}

/// An alarm, or a store that nobody watches.
struct Found {
    what: String,
    entry: Option<u64>,
}

/// What most people miss.
struct Worst<'a> {
    name: &'a str,
    standing: &'static str,
    people: String,
}

struct Asked<'a> {
    what: String,
    command: &'a str,
}

struct Cut {
    what: String,
    how: &'static str,
    class: &'static str,
    entry: u64,
}

struct Bridge {
    held: String,
    conflicts: String,
    has_conflicts: bool,
    refused: String,
    oldest: String,
    counted: String,
    entry: Option<u64>,
}

struct EntryLine<'a> {
    line: &'a Line,
    age: String,
    sentence: String,
}

pub(crate) fn body(seen: &AsOf, clock: Clock, owed: Owed) -> Html {
    let now = &seen.situation;
    let all = tenants(seen);
    let tallies = tallies(&all);
    let in_force: Vec<(&CutLine, u64)> = now
        .cuts
        .iter()
        .zip(&seen.view.contain.cuts)
        .filter(|(line, _)| line.state.is_in_force())
        .map(|(line, cut)| (line, cut.since_entry))
        .collect();
    let (served, served_class) = served(seen);
    let all_found = found(seen);
    // What was known at an earlier entry is shown as of its time.
    let clock_ms = if seen.at.is_some() { seen.view.last_time_ms } else { clock.now_ms };
    let owed = owed(&seen.view, clock_ms, &seen.folder, now.incomplete);
    let lines: Vec<EntryLine<'_>> = seen
        .beside
        .last
        .iter()
        .rev()
        .take(LINES_MAX)
        .map(|line| EntryLine {
            line,
            age: age(clock.now_ms, line.time_ms),
            sentence: shortened(&line.sentence, SENTENCE_LETTERS_MAX),
        })
        .collect();
    filled(&Sheet {
        suffix: suffix(seen),
        phase: phase(seen),
        decided: seen.beside.decided.as_ref(),
        served,
        served_class,
        update: now.next_update.map(|next| Update {
            when: utc(next.due_ms),
            is_late: next.due_ms < clock_ms,
            entry: next.entry,
        }),
        incomplete: now.incomplete,
        people: seen.estate.words.counted(),
        called: seen.estate.words.tenants(),
        tallies,
        tenants_left_out: all.len().saturating_sub(TENANTS_MAX),
        tenants: all.into_iter().take(TENANTS_MAX).collect(),
        worst: now.not_served.first().map(worst),
        decisions: now
            .decide_next
            .iter()
            .take(DECISIONS_MAX)
            .map(|asked| Asked { what: shortened(&asked.what, ASKED_LETTERS_MAX), command: &asked.command })
            .collect(),
        decisions_left_out: now.decide_next.len().saturating_sub(DECISIONS_MAX),
        nothing: now.not_known().unwrap_or("nothing waits for a decision, as far as anything is recorded"),
        cuts_in_force: in_force.len(),
        cuts_holding: in_force.iter().filter(|(line, _)| line.state == CutState::Holds).count(),
        cuts_left_out: in_force.len().saturating_sub(CUTS_MAX),
        cuts: in_force.into_iter().take(CUTS_MAX).map(cut).collect(),
        bridge: now.bridge.as_ref().map(|line| bridge(seen, line, clock)),
        lines,
        found_left_out: all_found.len().saturating_sub(FOUND_MAX),
        found: all_found.into_iter().take(FOUND_MAX).collect(),
        owed_left_out: owed.len().saturating_sub(OWED_MAX),
        owed: owed.iter().take(OWED_MAX).map(|line| shortened(line, ASKED_LETTERS_MAX)).collect(),
        unsigned: seen.unsigned,
    })
}

/// What is wrong in the stores first; what nobody can see after it.
fn found(seen: &AsOf) -> Vec<Found> {
    let alarms = seen.situation.alarms.iter().map(|alarm| Found {
        what: format!("{}: {} {}", alarm.store, counted(alarm.files, "file", "files"), alarm.about.words()),
        entry: Some(alarm.entry),
    });
    let not_watched = seen.situation.not_watched.iter().map(|line| Found {
        what: shortened(&format!("NOT WATCHED: {}: {}", line.store, line.why), SENTENCE_LETTERS_MAX),
        entry: None,
    });
    alarms.chain(not_watched).collect()
}

/// `100.0 %` stands there only if all of it is known.
fn served(seen: &AsOf) -> (String, &'static str) {
    let now = &seen.situation;
    match (now.unshared, now.not_known_thousandths) {
        (Some(why), _) => (format!("not known: {why}"), "warn"),
        (None, 1000) => (format!("not known: {}", now.not_known().unwrap_or_default()), "warn"),
        (None, 0) if now.served_thousandths == 1000 => ("100.0 %, as far as reported".to_owned(), "good"),
        (None, 0) => (percent(now.served_thousandths), "bad"),
        (None, part) => (format!("{}; not known: {}", percent(now.served_thousandths), percent(part)), "bad"),
    }
}

fn worst(line: &NotServed) -> Worst<'_> {
    Worst { name: &line.name, standing: line.standing, people: number(line.insured) }
}

fn cut((line, entry): (&CutLine, u64)) -> Cut {
    Cut { what: what(&line.act), how: how(line.state), class: class(line.state), entry }
}

fn bridge(seen: &AsOf, line: &BridgeLine, clock: Clock) -> Bridge {
    Bridge {
        held: number(line.pending),
        conflicts: number(line.conflict),
        has_conflicts: line.conflict > 0,
        refused: number(line.refused),
        oldest: oldest().to_owned(),
        counted: line.as_of_ms.map_or_else(|| "nobody knows when".to_owned(), |ms| age(clock.now_ms, ms)),
        entry: seen.beside.newest.get("bridge.account_received").map(|mark| mark.sequence),
    }
}
