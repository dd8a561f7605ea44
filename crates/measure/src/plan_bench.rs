//! What is the planner worth on whole estates?
//!
//! Makes estates of several shapes, plans each as `blackstart plan` does, and prints the insured-hours of the plan
//! beside those of the usual orders (file order, tier, smallest store first: same generator, other priority), how far
//! from the best the plan may be, and how long the first plan and all of it took.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use incident::plan::file::Step;
use plan::budget::Budget;
use plan::search::{Progress, Then};
use plan::{self, Effort, Made, Question, bound, compare, make};

use crate::made_estate::{SHAPES, Shape, estate, large};
use crate::psplib;

const USAGE: &str = "call `plan [--seed N] [--seeds N] [--schedules N] [--psplib FOLDER]`";
/// As `blackstart plan` tries at most.
const SCHEDULES_MAX: u64 = 200_000;

struct Args {
    seed: u64,
    seeds: u64,
    /// `None`: by the clock.
    schedules: Option<u64>,
    psplib: Option<PathBuf>,
}

/// A plan, and how long it took.
struct Timed {
    made: Made,
    first: Duration,
    all: Duration,
}

pub fn run(args: &[String], out: &mut dyn Write) -> Result<(), String> {
    let args = read_args(args)?;
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| format!("cannot print: {error}"));
    say("insured-hours lost, in thousands; saved against each order in percent: mean (least .. most)"
        .to_owned())?;
    say(format!(
        "{:<28} {:>11} {:>24} {:>24} {:>24} {:>7} {:>9} {:>9}",
        "shape", "plan", "file order", "tier order", "size order", "gap %", "tried", "first ms"
    ))?;
    for shape in &SHAPES {
        say(row(shape, &args)?)?;
    }
    for services in [1_000, 10_000] {
        say(scale(services, args.seed)?)?;
    }
    say(again(1_000, args.seed)?)?;
    if let Some(folder) = &args.psplib {
        let schedules = args.schedules.unwrap_or(5000).to_string();
        let weighted =
            [folder.display().to_string(), "--weighted".to_owned(), "--schedules".to_owned(), schedules];
        say("weighted PSPLIB:".to_owned())?;
        psplib::run(&weighted, out)?;
    }
    Ok(())
}

fn read_args(args: &[String]) -> Result<Args, String> {
    let mut read = Args { seed: 1, seeds: 5, schedules: None, psplib: None };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("`{arg}` needs a value; {USAGE}"))?;
        let number = || value.parse().map_err(|_| format!("`{value}` is not a whole number; {USAGE}"));
        match arg.as_str() {
            "--seed" => read.seed = number()?,
            "--seeds" => read.seeds = number()?.max(1),
            "--schedules" => read.schedules = Some(number()?),
            "--psplib" => read.psplib = Some(PathBuf::from(value)),
            _ => return Err(format!("`{arg}` is not known; {USAGE}")),
        }
    }
    Ok(read)
}

fn plan(shape: &Shape, seed: u64, schedules: Option<u64>, bound: bound::Effort) -> Result<Timed, String> {
    let estate = estate(shape, seed);
    let begun = Instant::now();
    let mut first = None;
    let mut meter = Budget::FIRST.begin();
    let mut watch = |progress: Progress| {
        first.get_or_insert_with(|| begun.elapsed());
        let then = meter.told(progress, begun.elapsed());
        if schedules.is_none() { then } else { Then::Continue }
    };
    let mut effort = Effort {
        schedules: schedules.unwrap_or(SCHEDULES_MAX),
        seed,
        samples: 0,
        bound,
        advice: 0,
        watch: &mut watch,
    };
    let made = make(&estate, "", &Question::default(), &mut effort).map_err(|refusal| refusal.to_string())?;
    Ok(Timed { made, first: first.unwrap_or_default(), all: begun.elapsed() })
}

fn row(shape: &Shape, args: &Args) -> Result<String, String> {
    let (mut cost, mut gap, mut tried, mut first_ms) = (0, 0.0, 0, 0);
    let mut saved: [Vec<f64>; 3] = Default::default();
    for seed in args.seed..args.seed + args.seeds {
        let timed = plan(shape, seed, args.schedules, bound::Effort::Thorough)?;
        let plan = &timed.made.plan;
        let usual = [plan.baselines.fifo, plan.baselines.tier, plan.baselines.size];
        for (saved, usual) in saved.iter_mut().zip(usual) {
            saved.push(100.0 - plan.insured_seconds as f64 / usual as f64 * 100.0);
        }
        cost += plan.insured_seconds;
        gap += (plan.insured_seconds as f64 / plan.lower_bound as f64 - 1.0) * 100.0;
        tried += plan.schedules;
        first_ms += timed.first.as_millis();
    }
    let spread = |saved: &Vec<f64>| {
        let mean = saved.iter().sum::<f64>() / saved.len() as f64;
        let least = saved.iter().copied().fold(f64::MAX, f64::min);
        let most = saved.iter().copied().fold(f64::MIN, f64::max);
        format!("{mean:.1} ({least:.1} .. {most:.1})")
    };
    let seeds = args.seeds;
    Ok(format!(
        "{:<28} {:>11} {:>24} {:>24} {:>24} {:>7.1} {:>9} {:>9}",
        shape.name,
        cost / seeds / 3600 / 1000,
        spread(&saved[0]),
        spread(&saved[1]),
        spread(&saved[2]),
        gap / seeds as f64,
        tried / seeds,
        first_ms / u128::from(seeds),
    ))
}

/// How long a large estate takes: the first plan, and while a better one is searched for.
fn scale(services: u64, seed: u64) -> Result<String, String> {
    let timed = plan(&large(services), seed, None, bound::Effort::Thorough)?;
    let plan = &timed.made.plan;
    Ok(format!(
        "{services} services, 86 funds: first plan {} ms, all {} ms, {} schedules, gap {:.1} %, peak memory {} MiB",
        timed.first.as_millis(),
        timed.all.as_millis(),
        plan.schedules,
        (plan.insured_seconds as f64 / plan.lower_bound as f64 - 1.0) * 100.0,
        peak_memory_mib(),
    ))
}

/// How long planning again takes when a third of the plan has been done as it stands: as `plan --continue` looks.
fn again(services: u64, seed: u64) -> Result<String, String> {
    let estate = estate(&large(services), seed);
    let before = plan(&large(services), seed, Some(200), bound::Effort::Quick)?.made.plan;
    let now_s = before.steps.iter().map(|step| step.end_s).max().unwrap_or(0) / 3;
    let runs = |step: &&Step| step.start_s < now_s && now_s < step.end_s;
    let progress = plan::progress::Progress {
        done: before.steps.iter().filter(|step| step.end_s <= now_s).map(|step| step.id.clone()).collect(),
        running: before.steps.iter().filter(runs).map(|s| (s.id.clone(), now_s - s.start_s)).collect(),
        ..Default::default()
    };
    let (order, lost) = (compare::order_of(&before), before.lost.clone());
    let question = Question { progress: Some(progress), order, lost, ..Question::default() };
    let begun = Instant::now();
    let mut meter = Budget::AGAIN.begin();
    let mut effort = Effort {
        schedules: SCHEDULES_MAX,
        seed,
        samples: 0,
        bound: Budget::AGAIN.bound,
        advice: 0,
        watch: &mut |progress| meter.told(progress, begun.elapsed()),
    };
    let made = make(&estate, "", &question, &mut effort).map_err(|refusal| refusal.to_string())?;
    Ok(format!(
        "{services} services, planned again after a third: {} ms, {} schedules",
        begun.elapsed().as_millis(),
        made.plan.schedules,
    ))
}

/// Most memory this process has had, as the kernel says it; 0 where it does not say.
fn peak_memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
