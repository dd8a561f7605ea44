//! How good is the planner's search on problems that others have published?
//!
//! Reads PSPLIB files (`.sm`: activities, durations, demands on four limits, one mode each), lets the planner's own
//! search find schedules, and has every one of them checked here, by code that shares nothing with the search: the
//! file's own numbers, second by second. The deviation is the usual one: by how much the end of all lies above the
//! longest chain, which no schedule can beat.
//!
//! With `--weighted` every activity has a weight and the sum of weight × end counts, as it does for people; then the
//! gap is the one that a plan prints.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use plan::bound::Effort;
use plan::instance::{Activity, Demand, Instance as Problem, Limit, What};
use plan::limit::LimitName;
use plan::priority::first_orders;
use plan::search::{Found, Settings, Then, search};

/// One problem as it stands in its file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    pub name: String,
    pub duration: Vec<u64>,
    /// Per activity, what must wait for it.
    pub successors: Vec<Vec<usize>>,
    pub demand: Vec<Vec<u64>>,
    pub capacity: Vec<u64>,
}

struct Args {
    folder: PathBuf,
    schedules: u64,
    seed: u64,
    json: bool,
    weighted: bool,
}

/// What came of one problem.
struct Outcome {
    file: String,
    /// End of all, or Σ weight × end with `--weighted`.
    cost: u128,
    /// What it is compared with: the longest chain, or the bound.
    least: u128,
    schedules: u64,
    time: Duration,
    faults: Vec<String>,
}

/// Runs the search on all `.sm` files under a folder. The last line printed is JSON with `--json`.
pub fn run(args: &[String], out: &mut dyn Write) -> Result<(), String> {
    let args = read_args(args)?;
    let files = files_under(&args.folder)?;
    if files.is_empty() {
        return Err(format!("there are no .sm files under {}", args.folder.display()));
    }
    let mut outcomes = Vec::new();
    for path in &files {
        outcomes.push(solve(&read(path)?, &args));
    }
    for outcome in &outcomes {
        for fault in &outcome.faults {
            writeln!(out, "{}: INFEASIBLE: {fault}", outcome.file).map_err(|error| cannot_print(&error))?;
        }
    }
    let summary = summary(&outcomes, &args);
    let text = if args.json { summary.to_string() } else { table(&outcomes, &summary, &args) };
    writeln!(out, "{text}").map_err(|error| cannot_print(&error))
}

fn cannot_print(error: &std::io::Error) -> String {
    format!("cannot print: {error}")
}

const USAGE: &str = "call `psplib FOLDER [--schedules N] [--seed N] [--weighted] [--json]`";

fn read_args(args: &[String]) -> Result<Args, String> {
    let mut read = Args { folder: PathBuf::new(), schedules: 5000, seed: 1, json: false, weighted: false };
    let mut args = args.iter();
    let number = |text: Option<&String>| {
        text.and_then(|text| text.parse().ok()).ok_or_else(|| format!("a whole number is missing; {USAGE}"))
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--schedules" => read.schedules = number(args.next())?,
            "--seed" => read.seed = number(args.next())?,
            "--json" => read.json = true,
            "--weighted" => read.weighted = true,
            flag if flag.starts_with('-') => return Err(format!("`{flag}` is not known; {USAGE}")),
            folder if read.folder.as_os_str().is_empty() => read.folder = PathBuf::from(folder),
            more => return Err(format!("`{more}` is one folder too many; {USAGE}")),
        }
    }
    if read.folder.as_os_str().is_empty() { Err(USAGE.to_owned()) } else { Ok(read) }
}

/// All `.sm` files, in the order of their paths.
pub fn files_under(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fault = |error: std::io::Error| format!("cannot read {}: {error}", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.is_dir() {
            found.extend(files_under(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "sm") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

pub fn read(path: &Path) -> Result<File, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    parse(&name, &text).ok_or_else(|| format!("{} is not a PSPLIB file with one mode", path.display()))
}

/// `None` if it is not such a file.
pub fn parse(name: &str, text: &str) -> Option<File> {
    let mut file = File { name: name.to_owned(), ..File::default() };
    for row in section(text, "PRECEDENCE RELATIONS", 2) {
        let [_, _, count, successors @ ..] = row.as_slice() else { return None };
        let number = |number: &u64| usize::try_from(number.checked_sub(1)?).ok();
        file.successors.push(successors.iter().map(number).collect::<Option<_>>()?);
        if successors.len() as u64 != *count {
            return None;
        }
    }
    for row in section(text, "REQUESTS/DURATIONS", 3) {
        let [_, _, duration, demand @ ..] = row.as_slice() else { return None };
        file.duration.push(*duration);
        file.demand.push(demand.to_vec());
    }
    file.capacity = section(text, "RESOURCEAVAILABILITIES", 2).into_iter().next()?;
    let count = file.duration.len();
    let whole = count > 0
        && file.successors.len() == count
        && file.successors.iter().flatten().all(|&next| next < count)
        && file.demand.iter().all(|demand| demand.len() == file.capacity.len());
    whole.then_some(file)
}

/// The rows of numbers of a section, up to the first line that is none.
fn section(text: &str, head: &str, skip: usize) -> Vec<Vec<u64>> {
    let rows = text.lines().skip_while(|line| !line.starts_with(head)).skip(skip);
    rows.map_while(|line| line.split_whitespace().map(|word| word.parse().ok()).collect::<Option<Vec<u64>>>())
        .take_while(|row| !row.is_empty())
        .collect()
}

/// The longest chain.
pub fn critical_path(file: &File) -> u64 {
    let mut order: Vec<usize> = Vec::new();
    let mut waiting = vec![0; file.duration.len()];
    file.successors.iter().flatten().for_each(|&next| waiting[next] += 1);
    let mut end = file.duration.clone();
    order.extend((0..waiting.len()).filter(|&at| waiting[at] == 0));
    let mut next = 0;
    while next < order.len() {
        let at = order[next];
        next += 1;
        for &after in &file.successors[at] {
            end[after] = end[after].max(end[at] + file.duration[after]);
            waiting[after] -= 1;
            if waiting[after] == 0 {
                order.push(after);
            }
        }
    }
    end.into_iter().max().unwrap_or(0)
}

/// The weights of the weighted variant: 1 to 10 for every real activity, by its number and the numbers in the name.
pub fn weights(file: &File) -> Vec<u128> {
    let stem = file.name.trim_end_matches(".sm");
    let (set, number) = stem.split_once('_').unwrap_or((stem, "0"));
    // `j12031` is set 31 of the problems with 120 activities.
    let real = file.duration.len() as u64 - 2;
    let prefix = format!("j{real}");
    let set: u64 = set.strip_prefix(&prefix).unwrap_or(set).parse().unwrap_or(0);
    let number: u64 = number.parse().unwrap_or(0);
    (0..real + 2)
        .map(|at| {
            if at == 0 || at == real + 1 { 0 } else { u128::from(1 + (37 * at + 11 * set + 7 * number) % 10) }
        })
        .collect()
}

/// The problem as the planner sees it. Without weights only the end of the last activity counts.
pub fn problem(file: &File, weights: Option<&[u128]>) -> Problem {
    let count = file.duration.len();
    let mut before = vec![Vec::new(); count];
    for (at, successors) in file.successors.iter().enumerate() {
        successors.iter().for_each(|&next| before[next].push(at));
    }
    let id = |kind: &str, number: usize| format!("{kind}:n{number}").parse().expect("a valid id");
    let activities = (0..count).map(|at| Activity {
        target: id("service", at),
        what: What::BringUp,
        duration_s: file.duration[at],
        demands: (0..)
            .zip(&file.demand[at])
            .filter(|(_, amount)| **amount > 0)
            .map(|(limit, &amount)| Demand { limit, amount, from_s: 0, until_s: Some(file.duration[at]) })
            .collect(),
        weight: weights.map_or(u128::from(at + 1 == count), |weights| weights[at]),
    });
    let limits = file.capacity.iter().enumerate();
    let limits =
        limits.map(|(at, &capacity)| Limit { name: LimitName::Resource(id("resource", at)), capacity });
    Problem { activities: activities.collect(), limits: limits.collect(), before, ..Problem::default() }
}

fn solve(file: &File, args: &Args) -> Outcome {
    let weights = args.weighted.then(|| weights(file));
    let problem = problem(file, weights.as_deref());
    let begun = Instant::now();
    let prices = Effort::Thorough.steps();
    let (prove, price_steps) = (args.weighted, if args.weighted { prices } else { 0 });
    let settings = Settings { schedules: args.schedules, seed: args.seed, prove, price_steps };
    let found = search(&problem, &first_orders(&problem), &settings, &mut |_| Then::Continue);
    let time = begun.elapsed();
    let least = match weights {
        Some(_) => found.bound,
        None => u128::from(critical_path(file)),
    };
    let faults = faults(file, weights.as_deref(), &found);
    Outcome { file: file.name.clone(), cost: found.cost, least, schedules: found.schedules, time, faults }
}

/// Everything that is wrong with a schedule, by the file alone.
fn faults(file: &File, weights: Option<&[u128]>, found: &Found) -> Vec<String> {
    let mut faults = Vec::new();
    let start = &found.schedule.start_s;
    let end: Vec<u64> = start.iter().zip(&file.duration).map(|(start, duration)| start + duration).collect();
    for (at, successors) in file.successors.iter().enumerate() {
        for &next in successors.iter().filter(|&&next| start[next] < end[at]) {
            faults.push(format!("{} begins before {} ends", next + 1, at + 1));
        }
    }
    let last = end.iter().copied().max().unwrap_or(0);
    for second in 0..last {
        for limit in 0..file.capacity.len() {
            let running = (0..start.len()).filter(|&at| start[at] <= second && second < end[at]);
            let used: u64 = running.map(|at| file.demand[at][limit]).sum();
            if used > file.capacity[limit] {
                let has = file.capacity[limit];
                faults.push(format!("{used} of limit {} in second {second}, which has {has}", limit + 1));
            }
        }
    }
    let cost = match weights {
        Some(weights) => weights.iter().zip(&end).map(|(weight, &end)| weight * u128::from(end)).sum(),
        None => u128::from(last),
    };
    if found.bound > found.cost {
        faults.push(format!("it costs {} and no plan shall cost less than {}", found.cost, found.bound));
    }
    if cost != found.cost {
        faults.push(format!("it costs {cost} and says {}", found.cost));
    }
    faults
}

/// By how many percent the cost lies above what it is compared with.
fn above_percent(outcome: &Outcome) -> f64 {
    (outcome.cost as f64 - outcome.least as f64) / (outcome.least as f64).max(1.0) * 100.0
}

fn summary(outcomes: &[Outcome], args: &Args) -> serde_json::Value {
    let mean = outcomes.iter().map(above_percent).sum::<f64>() / outcomes.len() as f64;
    let worst = outcomes.iter().map(above_percent).fold(0.0, f64::max);
    let schedules: u64 = outcomes.iter().map(|outcome| outcome.schedules).sum();
    let seconds: f64 = outcomes.iter().map(|outcome| outcome.time.as_secs_f64()).sum();
    let infeasible = outcomes.iter().filter(|outcome| !outcome.faults.is_empty()).count();
    let instances: Vec<serde_json::Value> = outcomes
        .iter()
        .map(|outcome| {
            if args.weighted {
                serde_json::json!({ "file": outcome.file, "cost": outcome.cost as u64, "lower_bound": outcome.least as u64 })
            } else {
                serde_json::json!({ "file": outcome.file, "makespan": outcome.cost as u64, "critical_path": outcome.least as u64 })
            }
        })
        .collect();
    let mut summary = serde_json::json!({
        "instances": instances,
        "schedules": args.schedules,
        "seed": args.seed,
        "schedules_per_second": (schedules as f64 / seconds.max(1e-9)).round(),
        "infeasible": infeasible,
    });
    if args.weighted {
        summary["average_gap_percent"] = mean.into();
        summary["worst_gap_percent"] = worst.into();
    } else {
        summary["average_deviation_percent"] = mean.into();
    }
    summary
}

fn table(outcomes: &[Outcome], summary: &serde_json::Value, args: &Args) -> String {
    let what = if args.weighted { "average_gap_percent" } else { "average_deviation_percent" };
    format!(
        "{} problems, at most {} schedules each, seed {}\n{what} {:.3}\nschedules_per_second {}\ninfeasible {}",
        outcomes.len(),
        args.schedules,
        args.seed,
        summary[what].as_f64().unwrap_or(0.0),
        summary["schedules_per_second"],
        summary["infeasible"],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two activities of three and two seconds that want the same person, before an end of their own.
    fn file() -> File {
        let text = "\
PRECEDENCE RELATIONS:
jobnr.    #modes  #successors   successors
   1        1          2           2   3
   2        1          1           4
   3        1          1           4
   4        1          0
************************************************************************
REQUESTS/DURATIONS:
jobnr. mode duration  R 1
------------------------------------------------------------------------
  1      1     0       0
  2      1     3       1
  3      1     2       1
  4      1     0       0
************************************************************************
RESOURCEAVAILABILITIES:
  R 1
   1
";
        parse("j2_1.sm", text).expect("a whole file")
    }

    #[test]
    fn a_file_is_read_solved_and_its_schedule_is_found_to_be_right() {
        let file = file();
        assert_eq!(critical_path(&file), 3);
        let args = Args { folder: PathBuf::new(), schedules: 10, seed: 1, json: true, weighted: false };
        let outcome = solve(&file, &args);
        assert_eq!((outcome.cost, outcome.faults), (5, Vec::new()));
        let outcome = solve(&file, &Args { weighted: true, ..args });
        assert_eq!(outcome.faults, Vec::<String>::new());
        assert_eq!(outcome.cost, outcome.least, "two activities on one limit leave no gap");
    }

    #[test]
    fn the_checker_finds_what_is_planted() {
        let file = file();
        let schedule = |start_s: &[u64], cost| Found {
            schedule: plan::generate::Schedule { start_s: start_s.to_vec() },
            cost,
            schedules: 1,
            bound: 0,
        };
        assert_eq!(faults(&file, None, &schedule(&[0, 0, 3, 5], 5)), Vec::<String>::new());
        assert_eq!(
            faults(&file, None, &schedule(&[0, 0, 2, 5], 5)),
            ["2 of limit 1 in second 2, which has 1"]
        );
        assert_eq!(faults(&file, None, &schedule(&[0, 0, 3, 4], 5)), ["4 begins before 3 ends"]);
        assert_eq!(faults(&file, None, &schedule(&[0, 0, 3, 5], 4)), ["it costs 5 and says 4"]);
        let bound = Found { bound: 6, ..schedule(&[0, 0, 3, 5], 5) };
        assert_eq!(faults(&file, None, &bound), ["it costs 5 and no plan shall cost less than 6"]);
    }

    #[test]
    fn half_a_file_is_refused() {
        assert_eq!(parse("x", ""), None);
        assert_eq!(parse("x", "PRECEDENCE RELATIONS:\n\n 1 1 2 2\n"), None);
    }
}
