//! Does the scan name the right snapshot? Thousands of made-up histories, judged by the product's own code.
//!
//! A history is a folder through some ordinary days and then an attack: one of the drill's patterns on some of the
//! files, in one night or over several snapshots. No repository is written; trees and contents are kept in memory,
//! and everything from there to the verdict is what `blackstart scan restic:` runs. The right answer is the
//! newest snapshot without a single attacked file; *any* attacked file makes a snapshot dirty, however few they are.
//! A second series passes single ordinary days, of which none may be an alarm.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use drill::attack::Pattern;
use drill::rng::Rng;
use judge::judge_bytes;
use scan::history::Series;

mod days;
pub(crate) mod files;
mod provider;

use days::{Attack, Day, Diary, below};
use files::Base;
use provider::{Provider, Shared};

const USE: &str = "\
call `eval-histories [FOLDER] [--runs N] [--seed S] [--files N] [--max-bytes N] [--misses N]`; without FOLDER the files \
are made up; at most N files of the folder, none larger than --max-bytes, are the base of all histories";

/// From here on a history must not be named wrongly: so many files, or one in two hundred.
const MANY_FILES: usize = 20;
const SIZES: [usize; 4] = [60, 200, 600, 2000];

struct Options {
    folder: Option<PathBuf>,
    runs: u64,
    seed: u64,
    files: usize,
    bytes_max: u64,
    misses: usize,
}

/// What the scan answered, against what is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    DirtyNamedClean,
    Exact,
    OneEarly,
    Earlier,
}

#[derive(Default)]
struct Counted {
    outcomes: BTreeMap<Outcome, u64>,
}

impl Counted {
    fn add(&mut self, outcome: Outcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    fn of(&self, outcome: Outcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or(0)
    }

    fn all(&self) -> u64 {
        self.outcomes.values().sum()
    }
}

#[derive(Default)]
struct Figures {
    many: Counted,
    few: Counted,
    by_pattern: BTreeMap<&'static str, Counted>,
    /// Days passed and alarms.
    days: BTreeMap<Day, (u64, u64)>,
    stories: Vec<String>,
}

pub fn run(args: &[String], out: &mut dyn Write) -> Result<(), String> {
    let options = parse(args)?;
    let met = match &options.folder {
        Some(folder) => files::from_folder(folder, options.files, options.bytes_max)?,
        None => files::made_up(options.seed, options.files.min(600)),
    };
    let all = met.len();
    let base = clean(met);
    if base.len() < 20 {
        return Err(format!("only {} clean files to make histories of; {USE}", base.len()));
    }
    let figures = simulate(&options, &base);
    show(&options, all, base.len(), &figures, out).map_err(|error| format!("cannot print: {error}"))
}

/// Those that are clean alone, each with its type. What was broken before nobody attacked it would only blur the picture.
fn clean(met: Vec<Base>) -> Vec<Base> {
    let mut clean = Vec::new();
    for mut base in met.into_iter().filter(|base| !base.bytes.is_empty()) {
        let judgement = judge_bytes(&format!("_.{}", base.ending), &base.bytes);
        if judgement.verdict.is_clean() {
            base.kind = judgement.facts.kind;
            clean.push(base);
        }
    }
    clean
}

fn simulate(options: &Options, base: &[Base]) -> Figures {
    let shared: Shared = RefCell::default();
    let mut figures = Figures::default();
    for run in 0..options.runs {
        let mut rng = Rng::named(options.seed, &format!("history {run}"));
        history(run, base, &shared, &mut rng, &mut figures);
    }
    for run in 0..options.runs {
        let mut rng = Rng::named(options.seed, &format!("day {run}"));
        let day = Day::ALL[usize::try_from(run).unwrap_or(0) % Day::ALL.len()];
        ordinary(day, base, &shared, &mut rng, &mut figures);
    }
    figures
}

/// Some days, then the attack.
fn history(run: u64, base: &[Base], shared: &Shared, rng: &mut Rng, figures: &mut Figures) {
    let pattern = Pattern::ALL[usize::try_from(run).unwrap_or(0) % Pattern::ALL.len()];
    let count = SIZES[below(rng, SIZES.len())];
    let mut provider = Provider::new(base, shared);
    let mut diary = Diary::new(base, &mut provider, count, rng);
    let mut course = Course::new();
    course.take(&diary, &mut provider);
    for _ in 0..1 + below(rng, 4) {
        diary.pass(Day::ALL[below(rng, Day::ALL.len())], &mut provider, rng);
        course.take(&diary, &mut provider);
    }
    let attack = Attack::drawn(pattern, rng);
    let targets = diary.targets(&provider, rng);
    let many_from = MANY_FILES.min(targets.len().div_ceil(200)).max(1);
    // A third of the histories is below the line, where there is room below it.
    let few = many_from > 1 && rng.below(3) == 0;
    let hits =
        if few { 1 + below(rng, many_from - 1) } else { many_from + below(rng, targets.len() / 4 + 1) };
    let hits = hits.min(targets.len());
    let nights = if attack.hides_times || rng.percent(30) { 1 + below(rng, 4) } else { 1 };
    for tonight in targets[..hits].chunks(hits.div_ceil(nights).max(1)) {
        diary.pass(Day::Edits, &mut provider, rng);
        diary.hit(attack, tonight, &mut provider, rng);
        course.take(&diary, &mut provider);
    }
    let outcome = outcome(course.last(&course.truth), course.last(&course.said));
    if few {
        figures.few.add(outcome);
        return;
    }
    figures.many.add(outcome);
    figures.by_pattern.entry(pattern.name()).or_default().add(outcome);
    if outcome != Outcome::Exact {
        figures.stories.push(format!(
            "history {run}: {outcome:?}; {pattern:?}, {hits} of {} files ({:?} ...), {attack:?}; clean {:?}, said {:?}: {:?}",
            diary.files.len(),
            &targets[..hits.min(5)],
            course.truth,
            course.said,
            course.told
        ));
    }
}

/// The snapshots of one history: what is true of them, and what was said.
struct Course<'a> {
    series: Series<Provider<'a>>,
    truth: Vec<bool>,
    said: Vec<bool>,
    told: Vec<String>,
}

impl<'a> Course<'a> {
    fn new() -> Course<'a> {
        Course { series: Series::new(Vec::new()), truth: Vec::new(), said: Vec::new(), told: Vec::new() }
    }

    fn take(&mut self, diary: &Diary<'_>, provider: &mut Provider<'a>) {
        let tree = provider.snapshot(&diary.files);
        let complaints = self.series.step(provider, self.truth.len(), tree).tally.complaints(None);
        self.truth.push(!diary.is_dirty());
        self.said.push(complaints.is_empty());
        self.told.push(complaints.join(", "));
    }

    fn last(&self, clean: &[bool]) -> Option<usize> {
        clean.iter().rposition(|clean| *clean)
    }
}

fn outcome(right: Option<usize>, named: Option<usize>) -> Outcome {
    match (right, named) {
        (right, named) if right == named => Outcome::Exact,
        (Some(right), Some(named)) if named > right => Outcome::DirtyNamedClean,
        (None, Some(_)) => Outcome::DirtyNamedClean,
        (Some(right), Some(named)) if named + 1 == right => Outcome::OneEarly,
        (_, _) => Outcome::Earlier,
    }
}

/// One ordinary day: a snapshot before, one after.
fn ordinary(day: Day, base: &[Base], shared: &Shared, rng: &mut Rng, figures: &mut Figures) {
    let mut provider = Provider::new(base, shared);
    let count = SIZES[below(rng, SIZES.len())];
    let mut diary = Diary::new(base, &mut provider, count, rng);
    // So that there is something to rotate and to put back.
    diary.pass(Day::LogRotation, &mut provider, rng);
    diary.pass(Day::Edits, &mut provider, rng);
    let mut series = Series::new(Vec::new());
    let tree = provider.snapshot(&diary.files);
    let before = series.step(&provider, 0, tree).tally.complaints(None);
    diary.pass(day, &mut provider, rng);
    let tree = provider.snapshot(&diary.files);
    let after = series.step(&provider, 1, tree).tally.complaints(None);
    let (passed, alarms) = figures.days.entry(day).or_default();
    *passed += 1;
    if !after.is_empty() && before.is_empty() {
        *alarms += 1;
        let bad: Vec<String> = series
            .end()
            .bad()
            .map(|bad| format!("{}: {:?}", bad.path.display(), bad.judgement.reasons))
            .collect();
        figures.stories.push(format!("alarm on an ordinary day ({}): {after:?} {bad:?}", day.name()));
    }
}

fn show(
    options: &Options,
    all: usize,
    clean: usize,
    figures: &Figures,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let from =
        options.folder.as_ref().map_or_else(|| "made up".to_owned(), |folder| folder.display().to_string());
    writeln!(
        out,
        "{} histories, seed {}, of {clean} files that are clean alone ({all} met; {from})",
        options.runs, options.seed
    )?;
    for (counted, title) in [
        (&figures.many, "20 files or more, or one in 200, hit by the end"),
        (&figures.few, "fewer hit (no promise; said honestly)"),
    ] {
        writeln!(out, "\n{title}: {} histories", counted.all())?;
        for (outcome, words) in [
            (Outcome::DirtyNamedClean, "a dirty snapshot named clean"),
            (Outcome::Exact, "the right snapshot named"),
            (Outcome::OneEarly, "one too early"),
            (Outcome::Earlier, "earlier, or none"),
        ] {
            writeln!(out, "  {words:<32} {}", rate(counted.of(outcome), counted.all()))?;
        }
    }
    writeln!(out, "\nby pattern, of the first group: wrong / early / all")?;
    for (pattern, counted) in &figures.by_pattern {
        let early = counted.of(Outcome::OneEarly) + counted.of(Outcome::Earlier);
        writeln!(
            out,
            "  {pattern:<14} {} / {early} / {}",
            counted.of(Outcome::DirtyNamedClean),
            counted.all()
        )?;
    }
    let (passed, alarms) =
        figures.days.values().fold((0, 0), |sum, (passed, alarms)| (sum.0 + passed, sum.1 + alarms));
    writeln!(out, "\nordinary days: alarms {}", rate(alarms, passed))?;
    for (day, (passed, alarms)) in &figures.days {
        writeln!(out, "  {alarms} of {passed}  {}", day.name())?;
    }
    for story in figures.stories.iter().take(options.misses) {
        writeln!(out, "{story}")?;
    }
    Ok(())
}

/// Count, share, and its 95 % interval after Wilson.
fn rate(found: u64, all: u64) -> String {
    if all == 0 {
        return "0 of 0".to_owned();
    }
    let (n, z) = (all as f64, 1.96_f64);
    let share = found as f64 / n;
    let middle = share + z * z / (2.0 * n);
    let spread = z * (share * (1.0 - share) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 100.0 / (1.0 + z * z / n);
    let (low, high) = (((middle - spread) * scale).max(0.0), ((middle + spread) * scale).min(100.0));
    format!("{found} of {all} = {:.2} % ({low:.2} to {high:.2})", share * 100.0)
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options =
        Options { folder: None, runs: 1000, seed: 1, files: 2000, bytes_max: 256 << 10, misses: 10 };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut number = || {
            let value = args.next().ok_or_else(|| format!("{arg} needs a number; {USE}"))?;
            value.parse::<u64>().map_err(|_| format!("`{value}` is not a number; {USE}"))
        };
        match arg.as_str() {
            "--runs" => options.runs = number()?,
            "--seed" => options.seed = number()?,
            "--files" => options.files = usize::try_from(number()?).unwrap_or(usize::MAX),
            "--max-bytes" => options.bytes_max = number()?,
            "--misses" => options.misses = usize::try_from(number()?).unwrap_or(usize::MAX),
            flag if flag.starts_with("--") => return Err(format!("{flag} is unknown; {USE}")),
            folder if options.folder.is_none() => options.folder = Some(PathBuf::from(folder)),
            more => return Err(format!("{more} is one folder too many; {USE}")),
        }
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_slice_of_made_up_histories_no_dirty_snapshot_is_named_and_no_ordinary_day_is_an_alarm() {
        let options = Options { folder: None, runs: 34, seed: 5, files: 60, bytes_max: 0, misses: 9 };
        let figures = simulate(&options, &clean(files::made_up(5, 60)));
        let stories = figures.stories.join("\n");
        assert_eq!(figures.many.of(Outcome::DirtyNamedClean), 0, "{stories}");
        assert!(figures.many.of(Outcome::Exact) * 100 >= figures.many.all() * 90, "{stories}");
        let alarms: u64 = figures.days.values().map(|(_, alarms)| alarms).sum();
        assert_eq!(alarms, 0, "{:?}\n{stories}", figures.days);
        assert_eq!(figures.many.all() + figures.few.all(), 34);
    }

    #[test]
    fn what_is_named_is_held_against_what_is_true() {
        assert_eq!(outcome(Some(3), Some(3)), Outcome::Exact);
        assert_eq!(outcome(Some(3), Some(4)), Outcome::DirtyNamedClean);
        assert_eq!(outcome(None, Some(0)), Outcome::DirtyNamedClean);
        assert_eq!(outcome(Some(3), Some(2)), Outcome::OneEarly);
        assert_eq!(outcome(Some(3), None), Outcome::Earlier);
    }
}
