//! `blackstart duty list|start|filed|rule`: what has to be reported to whom, and until when.

use std::path::PathBuf;

use duty::clock::{moment, shown};
use duty::decide::{self, Filing, Refusal, Start};
use duty::rule::{self, Rule};
use duty::standing::{self, Line, Missing, State};
use estate::Id;
use estate::id::Kind;
use jiff::tz::TimeZone;
use message::{Command, Reason, counted, counted_as, harmless};
use serde_json::json;

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, named, place, read_estate, talk};

/// What has to be reported to whom, and until when: the clocks of the law. Whether something is owed, people decide; since
/// when somebody was aware of it, they say; then the clock runs, and stops only when something was filed and its receipt named.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Every clock with the time that is left, and every duty that nobody has started a clock for.
    List(List),
    /// Start a clock: somebody is aware of it.
    Start(StartArgs),
    /// The time from which a clock runs was wrong: say the right one.
    Correct(CorrectArgs),
    /// Something was filed: its clock stops.
    Filed(FiledArgs),
    /// A rule as a file, to read and to change.
    Rule(RuleArgs),
}

/// Every clock, the most urgent first, with the time that is left and the zone in which it is counted; then every duty for which
/// clocks are missing, with what is not known about it. A duty is never called not owed. Exit 1: something is overdue, or
/// how long is left is not known.
#[derive(Debug, clap::Args)]
struct List {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// The answer as JSON on stdout.
    #[arg(long)]
    json: bool,
}

/// Start the clock of a duty, or one for each tenant. The rule is recorded as a whole: what is owed is what it says today.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
struct StartArgs {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Which duty: nis2-de, gdpr-33-1, gdpr-33-2, gdpr-34, sgb10-83a, sgb5-329, dora, or a file with a rule of your own.
    #[arg(value_name = "KIND")]
    kind: String,
    /// Since when somebody has known: 2026-12-01T05:00 as clocks in the rule's zone show it, or with its offset.
    #[arg(long, value_name = "TIME")]
    aware_since: String,
    /// For this tenant; may be given several times.
    #[arg(long, value_name = "TENANT")]
    tenant: Vec<String>,
    /// For every tenant of the estate, each with a clock of its own.
    #[arg(long, conflicts_with = "tenant")]
    every_tenant: bool,
    /// How it is known, and why it is thought to be owed.
    #[arg(long)]
    reason: Reason,
    #[command(flatten)]
    by: By,
}

/// Say since when somebody really was aware of it. The clock is counted from there; what was said before stays in the journal, in `duty
/// list` and in the report, with who corrected it and why.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
struct CorrectArgs {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Which duty.
    #[arg(value_name = "KIND")]
    kind: String,
    /// Since when somebody has known, as clocks in the rule's zone show it, or with its offset.
    #[arg(long, value_name = "TIME")]
    aware_since: String,
    /// Whose, where each tenant has a clock of its own.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// What was wrong, and how the right time is known.
    #[arg(long)]
    reason: Reason,
    #[command(flatten)]
    by: By,
}

/// Record that a step was filed. Filing it again records a further report; the first counts for the clock.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
struct FiledArgs {
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// Which duty.
    #[arg(value_name = "KIND")]
    kind: String,
    /// Which step of it: `duty list` names them. Not needed where the rule has only one.
    #[arg(long, value_name = "STEP")]
    step: Option<String>,
    /// Whose, where each tenant has a clock of its own.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// What the other side gave back: a number, a time stamp, the name of a file.
    #[arg(long, value_name = "TEXT")]
    receipt: String,
    /// When it was filed; without it: now. As clocks in the rule's zone show it, or with its offset.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[command(flatten)]
    by: By,
}

/// Print the file of a rule: its law, its text, its source and version, its steps. Change a copy and name it in `duty start`.
#[derive(Debug, clap::Args)]
struct RuleArgs {
    /// Which duty.
    #[arg(value_name = "KIND")]
    kind: String,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.what {
        What::List(args) => list(args),
        What::Start(args) => start(args),
        What::Correct(args) => correct(args),
        What::Filed(args) => filed(args),
        What::Rule(args) => {
            let (_, text) = rule_of(&args.kind)?;
            talk::data(text.trim_end());
            Ok(Answer::Done)
        }
    }
}

/// One of ours, or a file.
fn rule_of(kind: &str) -> Result<(Rule, String), Failure> {
    if let Some((rule, text)) = rule::ours().into_iter().find(|(rule, _)| rule.id == kind) {
        return Ok((rule, text.to_owned()));
    }
    let known: Vec<String> = rule::ours().into_iter().map(|(rule, _)| rule.id).collect();
    let unusable = |why: String| {
        Failure::usage(
            why,
            "it is not clear what would be owed; nothing was done",
            format!(
                "name one of {}, or a file in the form that `blackstart duty rule gdpr-33-1` prints",
                known.join(", ")
            ),
        )
    };
    let text = std::fs::read_to_string(kind).map_err(|error| {
        unusable(format!("`{}` is no duty that is known here, and no file: {error}", harmless(kind)))
    })?;
    let rule = Rule::read(&text).map_err(|fault| unusable(format!("{kind}: {fault}")))?;
    Ok((rule, text))
}

fn refused(refusal: &Refusal, folder: &std::path::Path) -> Failure {
    Failure::says(FailureKind::Refused, refusal.message()).of(folder)
}

fn typed_time(text: &str, zone: &TimeZone) -> Result<i64, Failure> {
    moment(text, zone).map_err(|why| {
        Failure::usage(
            why,
            "a clock counted from another time would be wrong; nothing was recorded",
            "write the time again",
        )
    })
}

fn start(args: &StartArgs) -> Result<Answer, Failure> {
    let folder = place::to_write(
        args.folder.as_deref(),
        "blackstart duty start DIR KIND --aware-since TIME --reason TEXT",
    )?;
    let (rule, text) = rule_of(&args.kind)?;
    let aware_since_ms = typed_time(&args.aware_since, &rule.time_zone())?;
    let mut incident = folder::open(&folder, &args.by)?;
    let estate = read_estate::in_force(&folder)?;
    let tenants: Vec<Id> = if args.every_tenant {
        estate.tenants.keys().cloned().collect()
    } else {
        named::several(&estate, &args.tenant, &[Kind::Tenant])?
    };
    let wish = Start { rule: &rule, text: &text, tenants: &tenants, aware_since_ms, reason: &args.reason };
    let events = folder::decide(&mut incident, |view| decide::start(view, &estate, &wish, folder::now_ms()))?
        .map_err(|refusal| refused(&refusal, &folder))?;
    talk::say(format!("{} started: {}", counted(events.len(), "clock"), rule.law));
    let now = folder::now_ms();
    let lines = standing::lines(incident.view(), now);
    let whom = tenants.first();
    for line in lines.iter().filter(|line| line.duty == rule.id && line.tenant.as_ref() == whom) {
        talk::say(format!("  {}", said(line, now)));
    }
    Ok(Answer::Done)
}

fn correct(args: &CorrectArgs) -> Result<Answer, Failure> {
    let folder = place::to_write(
        args.folder.as_deref(),
        "blackstart duty correct DIR KIND --aware-since TIME --reason TEXT",
    )?;
    let mut incident = folder::open(&folder, &args.by)?;
    let tenant = match &args.tenant {
        Some(typed) => Some(named::in_incident(incident.view(), typed, &[Kind::Tenant])?),
        None => None,
    };
    let known = incident.view().duty.find(&args.kind, tenant.as_ref()).map(|duty| Rule::read(&duty.rule));
    let zone = known.and_then(Result::ok).map_or(TimeZone::UTC, |rule| rule.time_zone());
    let aware_since_ms = typed_time(&args.aware_since, &zone)?;
    folder::decide(&mut incident, |view| {
        decide::correct(view, &args.kind, tenant.as_ref(), aware_since_ms, &args.reason, folder::now_ms())
    })?
    .map_err(|refusal| refused(&refusal, &folder))?;
    say_lines(incident.view(), &args.kind, tenant.as_ref());
    Ok(Answer::Done)
}

/// How the clock stands now.
fn say_lines(view: &incident::View, duty: &str, tenant: Option<&Id>) {
    let now = folder::now_ms();
    let lines = standing::lines(view, now);
    for line in lines.iter().filter(|line| line.duty == duty && line.tenant.as_ref() == tenant) {
        talk::say(said(line, now));
    }
}

fn filed(args: &FiledArgs) -> Result<Answer, Failure> {
    let folder =
        place::to_write(args.folder.as_deref(), "blackstart duty filed DIR KIND --step STEP --receipt TEXT")?;
    let mut incident = folder::open(&folder, &args.by)?;
    let tenant = match &args.tenant {
        Some(typed) => Some(named::in_incident(incident.view(), typed, &[Kind::Tenant])?),
        None => None,
    };
    let known = incident.view().duty.find(&args.kind, tenant.as_ref()).map(|duty| Rule::read(&duty.rule));
    let rule = known.and_then(Result::ok);
    let only = rule.as_ref().filter(|rule| rule.steps.len() == 1).map(|rule| rule.steps[0].name.clone());
    let step = args.step.clone().or(only).unwrap_or_default();
    let zone = rule.as_ref().map_or(TimeZone::UTC, Rule::time_zone);
    let filed_at_ms = match &args.at {
        Some(text) => typed_time(text, &zone)?,
        None => folder::now_ms(),
    };
    let filing = Filing {
        duty: &args.kind,
        tenant: tenant.as_ref(),
        step: &step,
        receipt: &args.receipt,
        filed_at_ms,
    };
    folder::decide(&mut incident, |view| decide::file(view, &filing, folder::now_ms()))?
        .map_err(|refusal| refused(&refusal, &folder))?;
    say_lines(incident.view(), &args.kind, tenant.as_ref());
    Ok(Answer::Done)
}

fn list(args: &List) -> Result<Answer, Failure> {
    let folder = place::to_read(args.folder.as_deref(), "blackstart duty list DIR")?;
    let view = folder::read(&folder)?;
    let estate = read_estate::in_force(&folder)?;
    let now = folder::now_ms();
    let (lines, missing) = (standing::lines(&view, now), standing::missing(&estate, &view));
    let bad = lines.iter().any(|line| matches!(line.state, State::Overdue | State::NotKnown));
    if args.json {
        talk::json(&json!({ "as_of_ms": now, "clocks": lines, "not_started": missing }));
    } else {
        shown_list(&lines, &missing, now, &folder.display().to_string());
    }
    Ok(if bad { Answer::No } else { Answer::Done })
}

fn shown_list(lines: &[Line], missing: &[Missing], now: i64, folder: &str) {
    if lines.is_empty() {
        talk::data("No clock was started. That does not mean that nothing is owed:");
    }
    for line in lines {
        talk::data(said(line, now));
        talk::data(format!("    {} to {}", harmless(&line.law), harmless(&line.to)));
        for was in &line.corrected {
            let zone = TimeZone::get(&line.zone).unwrap_or(TimeZone::UTC);
            talk::data(format!(
                "    first said to run from {}; corrected by {} (entry {}): {}",
                shown(was.was_ms, &zone),
                harmless(&was.by),
                was.sequence,
                harmless(&was.reason)
            ));
        }
        if let Some(later) = line.by_regulation_ms.filter(|_| line.state.is_open()) {
            let zone = TimeZone::get(&line.zone).unwrap_or(TimeZone::UTC);
            talk::data(format!(
                "    by Regulation 1182/71 until {}; do not wait for that without a lawyer's word",
                shown(later, &zone)
            ));
        }
    }
    if !missing.is_empty() {
        talk::data("\nNOT STARTED. Whether these are owed, somebody has to decide:");
    }
    for one in missing {
        let clocks = counted(one.clocks, "clock");
        talk::data(format!("{}: {} ({}), {} not started", one.duty, one.title, one.law, clocks));
        talk::data(format!("    {} to {}", one.owed_by, one.to));
        for fact in &one.not_known {
            talk::data(format!("    not known: {fact}"));
        }
        let start = Command::new("duty start").incident().with(&one.duty).with("--aware-since").open("TIME");
        let start = if one.owed_by == "the provider" { start } else { start.with("--every-tenant") };
        talk::data(format!("    {}", start.reason().line(Some(folder))));
    }
}

/// One step of one clock in one line.
fn said(line: &Line, now: i64) -> String {
    format!("{}, {}", incident::duty::named(&line.duty, line.tenant.as_ref()), stands(line, now))
}

fn stands(line: &Line, now: i64) -> String {
    let zone = TimeZone::get(&line.zone).unwrap_or(TimeZone::UTC);
    let at = |ms: Option<i64>| ms.map(|ms| shown(ms, &zone)).unwrap_or_default();
    let left = |ms: i64| {
        let minutes = (ms - now).abs() / 60_000;
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    };
    let state = match (line.state, line.due_ms) {
        (State::Overdue, Some(due)) => format!("OVERDUE since {} ({})", at(line.due_ms), left(due)),
        (State::Soon, Some(due)) => format!("SOON: until {}, {} left", at(line.due_ms), left(due)),
        (State::Running, Some(due)) => format!("until {}, {} left", at(line.due_ms), left(due)),
        (State::AtOnce, _) => format!(
            "AT ONCE: without undue delay, no hour in the law; aware for {}",
            left(line.aware_since_ms)
        ),
        (State::Waits, _) => "begins when the step before it is filed".to_owned(),
        (State::Filed, _) => format!(
            "filed {}, receipt {}",
            at(line.filed_at_ms),
            harmless(line.receipt.as_deref().unwrap_or("?"))
        ),
        (State::FiledLate, due) => format!(
            "filed LATE, {} (it was due {}), receipt {}",
            at(line.filed_at_ms),
            at(due),
            harmless(line.receipt.as_deref().unwrap_or("?"))
        ),
        (State::NotKnown | State::Overdue | State::Soon | State::Running, _) => {
            "HOW LONG IS LEFT IS NOT KNOWN: its rule cannot be read or counted here".to_owned()
        }
    };
    format!("{}: {state}", line.step)
}

/// What `status` says: what is open, the most urgent first, and whether anything was started at all. `incomplete`: why there may
/// be more than is listed.
pub(super) fn for_status(
    view: &incident::View,
    now: i64,
    folder: &str,
    incomplete: Option<&str>,
) -> Vec<String> {
    let list = Command::new("duty list").incident().line(Some(folder));
    match (incomplete, view.duty.duties.is_empty()) {
        (Some(why), true) => vec![format!("not known whether a clock was started: {why}: {list}")],
        (Some(why), false) => {
            let first = format!("not known whether these are all clocks: {why}");
            std::iter::once(first).chain(open_clocks(view, now, &list)).collect()
        }
        (None, _) => open_clocks(view, now, &list),
    }
}

fn open_clocks(view: &incident::View, now: i64, list: &str) -> Vec<String> {
    const SHOWN_MAX: usize = 6;
    if view.duty.duties.is_empty() {
        return vec![format!("no clock was started; whether something has to be reported: {list}")];
    }
    // Tenants whose clocks stand alike are one line: eighty of one duty must not hide the one of another.
    let mut groups: Vec<(Line, usize)> = Vec::new();
    let is_shown = |line: &Line| line.state.is_open() && line.state != State::Waits;
    for line in standing::lines(view, now).into_iter().filter(is_shown) {
        let alike = groups.iter_mut().find(|(first, _)| {
            (&first.duty, &first.step, first.state, first.due_ms, first.aware_since_ms)
                == (&line.duty, &line.step, line.state, line.due_ms, line.aware_since_ms)
        });
        match alike {
            Some((_, count)) => *count += 1,
            None => groups.push((line, 1)),
        }
    }
    let one = |(line, count): &(Line, usize)| match count {
        1 => said(line, now),
        many => format!("{} of {many} tenants, {}", line.duty, stands(line, now)),
    };
    let more = groups.len().saturating_sub(SHOWN_MAX);
    let mut said: Vec<String> = groups.iter().take(SHOWN_MAX).map(one).collect();
    if more > 0 {
        said.push(format!("and {}: {list}", counted_as(more, "more step", "more steps")));
    }
    if said.is_empty() {
        said.push(format!("of what was started nothing is open now: {list}"));
    }
    said
}
