//! `blackstart plan`: in which order does everything come back, and when?

#![allow(
    clippy::disallowed_methods,
    reason = "a person waits: how long to search for a better plan depends on this machine's clock, and the number of \
              schedules that fitted into it is recorded in the plan"
)]

mod check;
mod diff;
mod show;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::folder::{self, By};
use super::{Answer, Failure, FailureKind, named, place, read_estate, talk, whole_file};
use estate::{Estate, Id, Kind, canonical};
use incident::View;
use message::{Command, Remedy};
use plan::advice::ADVICE_MAX;
use plan::bound;
use plan::budget::Budget;
use plan::compare::{self, Comparison, Wished};
use plan::search::{Progress, Then};
use plan::{self, Effort, Made, Question, Refusal, decide, diff as difference, html, json, page, wish};
use situation::progress;

/// Computes in which order everything comes back and when, under the limits of the estate, so that as few
/// insured people as possible wait, and as briefly as possible. Says what the usual orders would cost, what no plan
/// can beat, what people should decide next, and what it does not know. Touches nothing; with --journal the plan is
/// recorded.
///
/// `plan show|check|diff PLAN` look at a plan file. An estate folder of such a name is written ./show.
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    override_usage = "blackstart plan [OPTIONS] [ESTATE]\n       blackstart plan <COMMAND>"
)]
pub struct Args {
    #[command(subcommand)]
    of_file: Option<OfFile>,
    /// Folder with the estate's *.toml files, or one such file. With --journal or --record it may be left out: then the
    /// estate in force in the incident counts.
    pub estate: Option<PathBuf>,
    /// Sites, hosts, services and stores that are lost, as `kind:name`, or the name alone where only one of them has it.
    /// Without it everything is lost.
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub lost: Vec<String>,
    /// What cannot be used: a store whose copy is infected, a repository's resource, a host. What waits for it does not
    /// come back, and is priced as missing for thirty days. Compared with the plan without this wish, unless -o or
    /// --journal ask for the plan itself.
    #[arg(long, value_name = "ID", num_args = 1..)]
    pub without: Vec<String>,
    /// A tenant that comes before all others. Compared in the same way.
    #[arg(long, value_name = "TENANT", num_args = 1..)]
    pub first: Vec<String>,
    /// What if there were more or less of something: NAME=NUMBER, NAME=+NUMBER, NAME=-NUMBER. NAME is a resource, a host
    /// (its cores; `.memory` behind it: its memory), a site (all its hosts), or `crew`, `scan_slots`,
    /// `restore_bandwidth` for all of a kind.
    #[arg(long, value_name = "NAME=NUMBER", num_args = 1..)]
    pub what_if: Vec<String>,
    /// Plan again from where the run of the incident stands: what is done stays done, what runs keeps its time, what
    /// failed or is on hold is left out and named.
    #[arg(long = "continue", conflicts_with = "lost")]
    pub go_on: bool,
    /// With --continue: what the plan that runs does without is used again.
    #[arg(long, value_name = "ID", num_args = 1.., requires = "go_on")]
    pub with: Vec<String>,
    /// Schedules to try. Without it: as many as fit into a few seconds; the number is recorded in the plan.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub schedules: Option<u64>,
    /// Chance to begin with. The same estate, seed and number of schedules give the same plan on every machine.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Draws of the durations behind the ranges; 0 for none.
    #[arg(long, value_name = "N", default_value_t = plan::ranges::SAMPLES_MAX)]
    pub samples: u64,
    /// Incident folder: recovery points are taken from it, and the plan is recorded in it.
    #[arg(long, value_name = "DIR")]
    pub journal: Option<PathBuf>,
    /// The same with the incident you are in, or the one in BLACKSTART_DIR. --continue does this too.
    #[arg(long, conflicts_with = "journal")]
    pub record: bool,
    /// File to write the plan to, all or nothing.
    #[arg(short, value_name = "PLAN")]
    pub output: Option<PathBuf>,
    /// File to draw the plan into: one page for a screen or for paper.
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Print the plan as JSON instead of a page.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub by: By,
}

#[derive(Debug, clap::Subcommand)]
enum OfFile {
    /// Show a plan file: as a page, as JSON, as a drawing, or as a run sheet on paper.
    Show(show::Args),
    /// Is this plan file whole, and does it keep every dependency and limit of the estate?
    Check(check::Args),
    /// What is different between two plan files?
    Diff(diff::Args),
}

/// Schedules that are tried at most in that time: for small estates more would change nothing.
const SCHEDULES_MAX: u64 = 200_000;

pub fn run(args: &Args) -> Result<Answer, Failure> {
    match &args.of_file {
        Some(OfFile::Show(args)) => show::run(args),
        Some(OfFile::Check(args)) => check::run(args),
        Some(OfFile::Diff(args)) => diff::run(args),
        None => make(args),
    }
}

fn make(args: &Args) -> Result<Answer, Failure> {
    let mut typed = Typed::of(args);
    let form = "blackstart plan ESTATE --journal DIR";
    let journal = place::to_record(args.journal.as_deref(), args.record || args.go_on, form)?;
    let estate = typed.estate(args.estate.as_deref(), journal.as_deref())?;
    let mut question = typed.question(&estate)?;
    let estate_hash = canonical::hash(&estate);
    let view = journal.as_deref().map(folder::read).transpose()?;
    question.points = view.as_ref().map(progress::recovery_points);
    let running = match (&view, args.go_on) {
        (Some(view), true) => Some(go_on(&estate, view, &typed.with(&estate)?, &mut question)?),
        (Some(_) | None, _) => None,
    };
    if running.is_none() && view.as_ref().is_some_and(progress::is_under_way) {
        talk::say(
            "note: a run is under way, and this plan begins from nothing; --continue goes on from where it stands",
        );
    }
    let keeps = args.output.is_some() || journal.is_some();
    let wishes = !(typed.what_if.is_empty() && typed.without.is_empty() && typed.first.is_empty());
    if !typed.what_if.is_empty() && keeps {
        return Err(Failure::usage(
            "a plan for capacities that are not there can be neither written nor recorded",
            "it could not be run: nothing was done",
            "omit -o and --journal; if the capacity is really there, write it into the estate and plan again",
        ));
    }
    if wishes && !keeps {
        return what_if(args, &typed.what_if, &estate, &estate_hash, &question);
    }
    let made =
        search(args, if args.go_on { Budget::AGAIN } else { Budget::FIRST }, args.samples, |effort| {
            plan::make(&estate, &estate_hash, &question, effort)
        })?;
    draw(args, || html::of_made(&estate, &made))?;
    if let Some(output) = &args.output {
        whole_file::write(output, &made.plan.to_text())?;
    }
    if let (Some(journal), Some(view)) = (&journal, &view) {
        record(journal, view, &made, &args.by)?;
        if running.is_some_and(|before| !difference::is_reordered(&before, &made.plan)) {
            talk::say(
                "the order of the steps stays as it was approved: `recover` may as well go on with that plan",
            );
        }
    }
    if args.json {
        talk::json(&json::of_made(&estate, &made));
    } else {
        talk::data(page::page(&estate, &made).trim_end());
    }
    Ok(Answer::Done)
}

/// The options that take names, as they were typed.
struct Typed {
    lost: Vec<String>,
    without: Vec<String>,
    first: Vec<String>,
    what_if: Vec<String>,
    with: Vec<String>,
}

/// What a plan can do without.
const DISPENSABLE: &[Kind] =
    &[Kind::Site, Kind::Host, Kind::Service, Kind::Store, Kind::External, Kind::Resource];

impl Typed {
    fn of(args: &Args) -> Typed {
        Typed {
            lost: args.lost.clone(),
            without: args.without.clone(),
            first: args.first.clone(),
            what_if: args.what_if.clone(),
            with: args.with.clone(),
        }
    }

    fn estate(&mut self, named: Option<&Path>, incident: Option<&Path>) -> Result<Estate, Failure> {
        let mut options = [
            ("--lost", &mut self.lost),
            ("--without", &mut self.without),
            ("--first", &mut self.first),
            ("--what-if", &mut self.what_if),
            ("--with", &mut self.with),
        ];
        let form = "blackstart plan ESTATE --lost ID...";
        read_estate::named_or_in_force(named, &mut options, incident, form)
    }

    fn question(&self, estate: &Estate) -> Result<Question, Failure> {
        Ok(Question {
            lost: named::several(estate, &self.lost, named::PLACES_AND_PARTS)?,
            without: named::several(estate, &self.without, DISPENSABLE)?,
            first: named::several(estate, &self.first, &[Kind::Tenant])?,
            ..Question::default()
        })
    }

    fn with(&self, estate: &Estate) -> Result<Vec<Id>, Failure> {
        named::several(estate, &self.with, DISPENSABLE)
    }
}

/// Takes up the run of the incident: what its plan brings back, in its order, from where it stands.
fn go_on(estate: &Estate, view: &View, with: &[Id], question: &mut Question) -> Result<plan::Plan, Failure> {
    let (running, progress) = progress::of_run(estate, view, folder::now_ms()).map_err(|why| {
        Failure::refused(
            why,
            "there is nothing to go on with",
            Remedy::run_to(
                "plan from the beginning",
                Command::new("plan").open("ESTATE").with("--lost").open("ID").with("--journal").incident(),
            ),
        )
    })?;
    leave_out_as_before(&running, &progress, with, question)?;
    question.lost.clone_from(&running.lost);
    question.order = compare::order_of(&running);
    question.progress = Some(progress);
    Ok(running)
}

/// What a person has said cannot be used stays out until somebody says otherwise with --with.
fn leave_out_as_before(
    running: &plan::Plan,
    progress: &plan::progress::Progress,
    with: &[Id],
    question: &mut Question,
) -> Result<(), Failure> {
    if let Some(id) = with.iter().find(|id| !running.named_without().any(|named| named == *id)) {
        return Err(Failure::usage(
            format!("--with names {id}, which the plan in force does not leave out at anybody's wish"),
            "nothing was planned",
            Remedy::run_to("omit it; what failed or is on hold is used again after", Command::resume(id)),
        ));
    }
    let more = running.named_without().filter(|id| !with.contains(id) && !question.without.contains(id));
    let more: Vec<Id> = more.cloned().collect();
    let still: Vec<&Id> = more.iter().filter(|id| !progress.stuck.contains(*id)).collect();
    if !still.is_empty() {
        talk::say(format!(
            "note: as in the plan that runs, {} cannot be used; --with ID uses it again",
            plan::explain::some(&still)
        ));
    }
    question.without.extend(more);
    Ok(())
}

fn what_if(
    args: &Args,
    wishes: &[String],
    estate: &Estate,
    estate_hash: &str,
    question: &Question,
) -> Result<Answer, Failure> {
    let (changed, mut words) =
        wish::granted(estate, wishes).map_err(|fault| Failure::says(FailureKind::Usage, fault.message()))?;
    words.extend(first_in_words(&question.first));
    words.extend(question.without.iter().map(|id| format!("{id} cannot be used")));
    let base = Question { first: Vec::new(), without: Vec::new(), ..question.clone() };
    let wished = Wished { estate: &changed, question: question.clone(), words };
    // The page of a comparison shows neither ranges nor advice: nobody waits for them.
    let draws = if args.json || args.html.is_some() { args.samples } else { 0 };
    let comparison: Comparison = search(args, Budget::COMPARED, draws, |effort| {
        compare::compare(estate, estate_hash, &base, &wished, effort)
    })?;
    draw(args, || html::of_made(estate, &comparison.wish))?;
    if args.json {
        talk::json(&json::of_comparison(estate, &comparison));
    } else {
        talk::data(compare::page(estate, &comparison).trim_end());
    }
    Ok(Answer::Done)
}

fn first_in_words(first: &[Id]) -> Option<String> {
    let names: Vec<String> = first.iter().map(Id::to_string).collect();
    match names.as_slice() {
        [] => None,
        [one] => Some(format!("{one} comes before all others")),
        several => {
            Some(format!("{} come before all others, none of them before another", several.join(" and ")))
        }
    }
}

/// Looks for as long as is wished, and says on stderr how far it is.
fn search<M>(
    args: &Args,
    budget: Budget,
    draws: u64,
    make: impl FnOnce(&mut Effort<'_>) -> Result<M, Refusal>,
) -> Result<M, Failure> {
    let mut meter = budget.begin();
    let begun = Instant::now();
    let mut told = begun;
    let by_clock = args.schedules.is_none();
    let mut watch = |progress: Progress| {
        if told.elapsed() >= Duration::from_secs(1) {
            told = Instant::now();
            let price = u64::try_from(progress.cost).unwrap_or(u64::MAX);
            talk::say(format!(
                "  {} schedules tried, {} insured-hours",
                page::grouped(progress.schedules.into()),
                page::hours(price)
            ));
        }
        let then = meter.told(progress, begun.elapsed());
        if by_clock { then } else { Then::Continue }
    };
    let mut effort = Effort {
        schedules: args.schedules.unwrap_or(SCHEDULES_MAX),
        seed: args.seed,
        samples: draws,
        bound: budget.bound,
        advice: if budget.bound == bound::Effort::Brief && draws == 0 { 0 } else { ADVICE_MAX },
        watch: &mut watch,
    };
    make(&mut effort).map_err(|refusal| refused(&refusal))
}

fn draw(args: &Args, page: impl FnOnce() -> String) -> Result<(), Failure> {
    match &args.html {
        Some(file) => whole_file::write(file, &page()),
        None => Ok(()),
    }
}

fn record(journal: &Path, view: &View, made: &Made, by: &By) -> Result<(), Failure> {
    let hash = made.plan.hash();
    if view.command.estate_hash.as_ref() != Some(&made.plan.estate_hash) {
        talk::say(format!(
            "note: this is not the estate in force in the incident, so the plan cannot be approved there yet. Put it in force \
             first: {}; or plan on the one in force: leave ESTATE out",
            Command::new("adopt").incident().open("ESTATE").line(Some(&journal.display().to_string()))
        ));
    }
    let mut incident = folder::open(journal, by)?;
    let decided = folder::decide(&mut incident, |view| Ok::<_, Refusal>(decide::record(view, &made.plan)))?;
    match decided {
        Ok(events) if events.is_empty() => talk::say("this plan is already recorded"),
        Ok(_) => {
            let approve = Command::new("approve").incident().with(hash);
            talk::say(format!(
                "recorded; to allow it: {}",
                approve.line(Some(&journal.display().to_string()))
            ));
        }
        Err(refusal) => return Err(refused(&refusal)),
    }
    Ok(())
}

fn refused(refusal: &Refusal) -> Failure {
    Failure::says(FailureKind::Refused, refusal.message())
}

/// A plan file, or why it must not be trusted.
pub(super) fn read_file(path: &Path) -> Result<plan::Plan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::fault(
            format!("cannot read the plan {}: {error}", path.display()),
            "nothing can be said about it",
            "name the file that `blackstart plan ESTATE -o FILE` wrote",
        )
    })?;
    plan::Plan::read(&text).map_err(|fault| {
        Failure::refused(
            format!("{}: {}", path.display(), folder::chain(&fault)),
            "this is not a plan as it was made: it must not be run, and nothing it says can be relied on",
            "take an undamaged copy, or plan again",
        )
    })
}

/// The estate that names and limits are taken from; without one only what the file itself holds is said.
fn estate_or_none(path: Option<&Path>) -> Result<Option<Estate>, Failure> {
    path.map(read_estate::read).transpose()
}
