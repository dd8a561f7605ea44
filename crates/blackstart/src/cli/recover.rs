//! `blackstart recover ESTATE --plan PLAN --journal DIR`: runs the approved plan.

mod told;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use super::folder::{self, By};
use super::forecast::Brief;
use super::{Answer, Failure, FailureKind, place, read_estate, talk};
use estate::{Estate, Id, canonical};
use incident::event::RecoverEvent;
use incident::log::LogFault;
use incident::plan::changed;
use incident::plan::file::Plan;
use incident::{Event, View};
use message::{Command, Remedy, counted_as};
use recover::decide;
use recover::run::{Executor, Patience, RunFault, RunResult, Workers};
use world::real::Real;

/// Run the approved plan: verify, restore, start, gate, admit, in its order, as far as it goes.
///
/// Each step is on disk before it is begun and after it has ended. If this is killed, or the power fails, call it again:
/// what was begun and not finished is looked at before anything else happens to it. A failed gate stops that service
/// again and parks what cannot work without it; everything else goes on. Exit 1: something waits for people, and was
/// printed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Folder with the estate's *.toml files, or one such file. Without it: the estate in force in the incident.
    estate: Option<PathBuf>,
    /// The plan file; run only if its hash is the approved one. Without it: the approved plan, from the journal.
    #[arg(long)]
    plan: Option<PathBuf>,
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Each event as one JSON object a line, and the result as the last line.
    #[arg(long)]
    json: bool,
    /// How many steps are worked on at once.
    #[arg(long, default_value_t = 16, value_name = "N")]
    at_once: usize,
    /// Stay while something waits for people: ask the gates of what they start, take up what they decide. Ctrl-C ends it.
    #[arg(long)]
    wait: bool,
    /// Begin although more than half of the services have no known dependency.
    #[arg(long)]
    despite_ignorance: bool,
    #[command(flatten)]
    by: By,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let journal = place::to_write(args.journal.as_deref(), "blackstart recover --journal DIR")?;
    let estate = match &args.estate {
        Some(path) => read_estate::read(path)?,
        None => read_estate::in_force(&journal)?,
    };
    decide::enough_known(&estate, args.despite_ignorance)
        .map_err(|refusal| Failure::says(FailureKind::Refused, refusal.message()).of(&journal))?;
    let plan = match &args.plan {
        Some(path) => read_plan(path)?,
        None => approved(&journal)?,
    };
    let mut incident = folder::open(&journal, &args.by)?;
    let _alone = alone(&journal)?;
    let changed = changed(&plan, &estate, incident.view())?;
    say_if_it_is_adopted(incident.view(), &estate, args.json);
    let world = Real::new(&journal.join("runs"), scan::restic::read_repository).map_err(|fault| {
        Failure::fault(fault.to_string(), "nothing was begun", "look at the folder, then call again")
    })?;
    let estate = Arc::new(estate);
    let executor = Executor {
        world: Arc::new(world),
        estate: Arc::clone(&estate),
        plan: Arc::new(plan),
        changed,
        folder: journal.clone(),
        workers: Workers::Threads(args.at_once.clamp(1, 256)),
        patience: if args.wait { Patience::Stays } else { Patience::Ends },
    };
    told::at_an_interrupt(&journal)?;
    let mut said = LastForecast::default();
    let steps: BTreeSet<String> = executor.plan.steps.iter().map(|step| step.id.clone()).collect();
    let result = executor
        .run(&mut incident, &mut |view, event| {
            if args.json {
                told::as_json(event);
            } else {
                told::say(&journal, &steps, view, event);
            }
            expect(&estate, view, event, args.json, &mut said);
        })
        .map_err(|fault| failed(&journal, &fault))?;
    print(&journal, args.json, &result);
    Ok(if result.complete { Answer::Done } else { Answer::No })
}

/// Whether a `recover` is at work on an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtWork {
    Yes,
    No,
    NotKnown,
}

/// Who holds the lock. Taking it to find out would keep a `recover` that begins at that moment from it, so the kernel's
/// list is read.
pub(super) fn at_work(folder: &Path) -> AtWork {
    use std::os::unix::fs::MetadataExt;
    let Ok(about) = std::fs::metadata(folder.join("recover.lock")) else { return AtWork::No };
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else { return AtWork::NotKnown };
    // `1: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF` (proc_locks(5)).
    let inode = format!(":{}", about.ino());
    let is_ours = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.contains(&"FLOCK") && words.iter().any(|word| word.ends_with(&inode))
    };
    if locks.lines().any(is_ours) { AtWork::Yes } else { AtWork::No }
}

/// Held until the command ends, however it ends: two runs at once would each take the other's work in
/// progress for work in doubt.
fn alone(folder: &Path) -> Result<std::fs::File, Failure> {
    let path = folder.join("recover.lock");
    let shown = path.display();
    let cannot = |error: std::io::Error| {
        Failure::fault(
            format!("cannot use {shown}: {error}"),
            "nothing was begun",
            "look at the folder, its permissions and the free space, then call again",
        )
    };
    let file = std::fs::File::create(&path).map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Failure::refused(
            "another `blackstart recover` is at work on this incident",
            "two at once could begin the same step twice; nothing was begun",
            Remedy::run_to(
                "end that one first, or watch it",
                Command::new("status").incident().with("--follow"),
            ),
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(cannot(error)),
    }
}

/// The approved plan, as the journal keeps it.
fn approved(journal: &Path) -> Result<Plan, Failure> {
    let view = folder::read(journal)?;
    let text = view.plan.approved.as_ref().and_then(|hash| view.plan.plans.get(hash));
    let text = text.ok_or_else(|| {
        Failure::refused(
            "no plan is approved in this incident",
            "nothing was begun: only what somebody has allowed is run",
            Remedy::run_to("see what waits for approval", Command::new("status").incident()),
        )
        .of(journal)
    })?;
    Plan::read(&text.text).map_err(|fault| {
        Failure::fault(
            format!("the approved plan: {}", folder::chain(&fault)),
            "nothing was begun: only exactly what was approved is run",
            "plan again and approve that",
        )
    })
}

fn read_plan(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(
            format!("cannot read the plan {}: {error}", path.display()),
            "nothing was begun",
            "name the file that `blackstart plan -o` wrote",
        )
    })?;
    Plan::read(&text).map_err(|fault| {
        Failure::fault(
            format!("{}: {}", path.display(), folder::chain(&fault)),
            "nothing was begun: only exactly what was approved is run",
            "take an undamaged copy of the plan, or plan again and approve that",
        )
    })
}

/// What the plan works on and is not as it was planned for; the journal has the estate that it was planned for.
fn changed(plan: &Plan, estate: &Estate, view: &View) -> Result<BTreeSet<Id>, Failure> {
    let planned = view.command.estates.get(&plan.estate_hash).map(String::as_str);
    changed::changed(plan, estate, planned).map_err(|fault| {
        Failure::refused(
            fault.to_string(),
            "a step could rest on something that is gone; nothing was begun",
            Remedy::run_to(
                "plan again on the estate as it is now",
                Command::new("plan").open("ESTATE").with("--continue").with("--journal").incident(),
            ),
        )
    })
}

/// The estate that is named is the one in force from the beginning of the run on; a run that is refused changes nothing.
fn say_if_it_is_adopted(view: &View, estate: &Estate, json: bool) {
    if view.command.estate_hash.as_ref() == Some(&canonical::hash(estate)) {
        return;
    }
    if !json {
        super::adopt::show(view.estate_in_force().as_ref(), estate);
    }
    talk::say(
        "the estate is not the one in force: when the run begins it is put in force, and steps whose part was changed hold",
    );
}

/// Says anew when everybody is back, after whatever may have moved it. The order stays the approved plan's.
fn expect(estate: &Estate, view: &View, event: &Event, json: bool, said: &mut LastForecast) {
    let moves = match event {
        Event::Recover(event) => match event {
            RecoverEvent::RunBegun { .. }
            | RecoverEvent::StepDone { .. }
            | RecoverEvent::StepFailed { .. }
            | RecoverEvent::StepProbed { .. }
            | RecoverEvent::ServiceUnparked { .. }
            | RecoverEvent::TargetResumed { .. } => true,
            RecoverEvent::StepIntended { .. }
            | RecoverEvent::ServiceStopped { .. }
            | RecoverEvent::ServiceParked { .. }
            | RecoverEvent::RunEnded { .. } => false,
        },
        Event::Command(_)
        | Event::Contain(_)
        | Event::Scan(_)
        | Event::Plan(_)
        | Event::Bridge(_)
        | Event::Hands(_)
        | Event::Notice(_)
        | Event::Duty(_)
        | Event::Evidence(_) => false,
    };
    let begun_ms = folder::now_ms();
    if !moves || begun_ms < said.not_before_ms {
        return;
    }
    let brief = Brief::now(estate, view, begun_ms);
    let ended_ms = folder::now_ms();
    said.not_before_ms = ended_ms.saturating_add((ended_ms - begun_ms).saturating_mul(SHARE));
    let Some(brief) = brief else { return };
    if said.brief.as_ref().is_some_and(|said| said.is_as(&brief)) {
        return;
    }
    if json {
        talk::json(&json!({ "kind": "forecast", "data": brief }));
    } else {
        talk::say(brief.line());
    }
    said.brief = Some(brief);
}

/// What was said last, and when there may be a new forecast: for thousands of services one takes long, and the restart
/// must not wait for it more than a small part of its time.
#[derive(Default)]
struct LastForecast {
    brief: Option<Brief>,
    not_before_ms: i64,
}

/// A forecast may take one part in so many of the time.
const SHARE: i64 = 30;

fn print(journal: &Path, json: bool, result: &RunResult) {
    let shown = journal.display().to_string();
    if json {
        let waits: Vec<_> = result
            .waits
            .iter()
            .map(|refusal| json!({ "what": refusal.to_string(), "to_do": refusal.message().to_do.shown(Some(&shown)) }))
            .collect();
        talk::json(&json!({ "complete": result.complete, "waits": waits, "behind": result.behind }));
        return;
    }
    if result.complete {
        talk::data("complete: every step of the plan is done");
        return;
    }
    talk::data(match result.behind {
        0 => "not complete; this waits for somebody:".to_owned(),
        behind => format!("not complete: {} for this:", counted_as(behind, "step waits", "steps wait")),
    });
    for refusal in &result.waits {
        talk::data(format!("  {refusal}"));
        if !refusal.follows_from_another() {
            talk::data(format!("    what to do: {}", refusal.message().to_do.shown(Some(&shown))));
        }
    }
    let again = Command::new("recover").with("--journal").incident();
    talk::data(format!("then go on: {}", again.line(Some(&shown))));
}

fn failed(journal: &Path, fault: &RunFault) -> Failure {
    match fault {
        RunFault::Refused(refusal) => Failure::says(FailureKind::Refused, refusal.message()).of(journal),
        RunFault::Log(LogFault::Store(fault)) => folder::failure(journal, fault),
        RunFault::Log(LogFault::Gone) => Failure::fault(
            folder::chain(fault),
            "what was begun and has no outcome on disk is in doubt",
            "deal with the journal's disk, then call again: what is in doubt is looked at first",
        ),
    }
}
