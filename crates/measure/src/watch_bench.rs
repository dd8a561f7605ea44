//! How many files are lost before the watch raises the alarm, and which ordinary bursts does it take for an attack?
//!
//! A tree of files, a running `blackstart watch`, and one deed at a time at the full speed of the disk. Of an attack it is
//! counted how many files it had reached when the alarm was printed. After an ordinary burst a few files are attacked
//! on purpose: an alarm about them alone shows that the burst raised none, and that the watch was not asleep.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use drill::rng::Rng;

mod attacks;
mod ordinary;
mod tree;
mod watching;

pub use attacks::Attack;
pub use ordinary::Ordinary;
pub use tree::Tree;
use watching::Watching;

const USE: &str =
    "call `bench-watch [--files N] [--runs N] [--every-ms N] [--quick] [--in FOLDER] --blackstart PROGRAM`";

/// So few files may be lost, and in so many of a hundred runs.
const GOAL_FILES: u64 = 10;
const GOAL_PERCENT: usize = 95;

struct Options {
    files: usize,
    runs: u64,
    every_ms: u64,
    /// On the disk to measure.
    place: Option<PathBuf>,
    program: PathBuf,
}

/// What became of one attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Raised {
    /// So many files were reached when the alarm was printed, of so many.
    After { reached: u64, all: u64 },
    /// Not at all, though every file was reached.
    Never { all: u64 },
}

/// What was said about an ordinary burst.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calm {
    Kept,
    /// The alarm, as it was printed.
    Accused(String),
}

pub fn run(args: &[String], out: &mut dyn Write) -> Result<(), String> {
    let options = parse(args)?;
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| format!("cannot print: {error}"));
    let stage = match &options.place {
        Some(place) => tempfile::tempdir_in(place),
        None => tempfile::tempdir(),
    }
    .map_err(|error| format!("cannot make a folder: {error}"))?;
    let tree = Tree::make(&stage.path().join("live"), options.files)?;
    say(format!(
        "{} files of 1.5 to 32 KB in {} folders, looked at every {} ms; {} of each attack, 1 of each burst",
        tree.files().len(),
        tree.folders(),
        options.every_ms,
        counted(options.runs)
    ))?;
    say(String::new())?;
    say("| attack | files reached at the alarm, run by run | runs below 10 |".to_owned())?;
    say("|---|---|---|".to_owned())?;
    for attack in Attack::ALL {
        let mut all = Vec::new();
        for run in 0..options.runs {
            all.push(attacked(&options.program, options.every_ms, &tree, attack, run)?);
        }
        say(attack_line(attack, &all))?;
    }
    say(String::new())?;
    say("| ordinary burst | alarm |".to_owned())?;
    say("|---|---|".to_owned())?;
    for burst in Ordinary::ALL {
        let calm = endured(&options.program, options.every_ms, &tree, burst)?;
        let said = match calm {
            Calm::Kept => "none".to_owned(),
            Calm::Accused(alarm) => format!("FALSE ALARM: {alarm}"),
        };
        say(format!("| {} | {said} |", burst.name()))?;
    }
    Ok(())
}

/// Attacks the tree while it is watched, until the alarm or until nothing is left, and puts it back.
pub fn attacked(
    program: &Path,
    every_ms: u64,
    tree: &Tree,
    attack: Attack,
    run: u64,
) -> Result<Raised, String> {
    let watch = Watching::start(program, every_ms, tree.root())?;
    let mut rng = Rng::named(run, attack.name());
    let targets = tree.beginning_somewhere(&mut rng);
    let all = targets.len() as u64;
    let done = attacks::until_told(attack, &targets, run, watch.alarms())?;
    drop(watch);
    tree.put_back()?;
    Ok(match done {
        Some(reached) => Raised::After { reached, all },
        None => Raised::Never { all },
    })
}

/// Does something ordinary while the tree is watched, then something that is not, and puts the tree back.
pub fn endured(program: &Path, every_ms: u64, tree: &Tree, burst: Ordinary) -> Result<Calm, String> {
    burst.prepare(tree)?;
    let watch = Watching::start(program, every_ms, tree.root())?;
    burst.happen(tree)?;
    let sentinels = tree.sentinels();
    // What is new is judged when it has not moved for a look, and a look at many files takes its time.
    let looks = Duration::from_millis(every_ms * 5) + Duration::from_secs(tree.files().len() as u64 / 10_000);
    let early = watch.alarm_within(looks.max(Duration::from_secs(2)));
    let calm = if let Some(line) = early {
        Calm::Accused(line)
    } else {
        for (number, path) in sentinels.iter().enumerate() {
            attacks::encrypt(drill::attack::Pattern::Full, path, number as u64)?;
        }
        let line = watch.alarm_within(watching::PATIENCE).ok_or_else(|| {
            format!(
                "after {:?} the watch is deaf: an attack on {} files raised no alarm",
                burst.name(),
                sentinels.len()
            )
        })?;
        if only_of_sentinels(&line, tree)? { Calm::Kept } else { Calm::Accused(line) }
    };
    drop(watch);
    burst.take_back(tree)?;
    tree.put_back()?;
    Ok(calm)
}

fn only_of_sentinels(line: &str, tree: &Tree) -> Result<bool, String> {
    let alarm: serde_json::Value =
        serde_json::from_str(line).map_err(|error| format!("no alarm: {line}: {error}"))?;
    let examples =
        alarm["examples"].as_array().ok_or_else(|| format!("an alarm without examples: {line}"))?;
    let folder = tree.sentinel_folder().display().to_string();
    let is_there = |example: &serde_json::Value| example.as_str().is_some_and(|path| path.contains(&folder));
    Ok(examples.iter().all(is_there) && alarm["files"].as_u64() <= Some(tree.sentinels().len() as u64))
}

fn attack_line(attack: Attack, all: &[Raised]) -> String {
    let shown: Vec<String> = all
        .iter()
        .map(|raised| match raised {
            Raised::After { reached, .. } => reached.to_string(),
            Raised::Never { all } => format!("NO ALARM ({all})"),
        })
        .collect();
    let few = |raised: &&Raised| matches!(raised, Raised::After { reached, .. } if *reached < GOAL_FILES);
    let below = all.iter().filter(few).count();
    let goal = if below * 100 >= all.len() * GOAL_PERCENT { "" } else { " (goal missed)" };
    format!("| {} | {} | {below} of {}{goal} |", attack.name(), shown.join(", "), all.len())
}

fn counted(runs: u64) -> String {
    if runs == 1 { "1 run".to_owned() } else { format!("{runs} runs") }
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options =
        Options { files: 100_000, runs: 5, every_ms: 200, place: None, program: PathBuf::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value; {USE}"));
        let number = |text: &String| match text.parse::<u64>() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("`{text}` is not a number above 0; {USE}")),
        };
        match arg.as_str() {
            "--files" => options.files = usize::try_from(number(value()?)?).unwrap_or(usize::MAX),
            "--runs" => options.runs = number(value()?)?,
            "--every-ms" => options.every_ms = number(value()?)?,
            "--in" => options.place = Some(PathBuf::from(value()?)),
            "--quick" => (options.files, options.runs) = (3_000, 1),
            "--blackstart" => options.program = PathBuf::from(value()?),
            unknown => return Err(format!("{unknown} is unknown; {USE}")),
        }
    }
    if options.files < tree::FILES_MIN {
        return Err(format!("the bursts need at least {} files; {USE}", tree::FILES_MIN));
    }
    if options.program.is_file() {
        Ok(options)
    } else {
        Err(format!("name the program: --blackstart PROGRAM; {USE}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_an_alarm_is_never_counted_as_one_with_few_files() {
        let of = |reached| Raised::After { reached, all: 500 };
        let line = attack_line(Attack::Full, &[of(4), of(9), of(10), Raised::Never { all: 500 }]);
        assert_eq!(line, "| every byte, in place | 4, 9, 10, NO ALARM (500) | 2 of 4 (goal missed) |");
        assert!(attack_line(Attack::Full, &[of(9)]).ends_with("| 1 of 1 |"));
    }

    #[test]
    fn a_tree_that_was_attacked_or_lived_in_is_put_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let tree = Tree::make(&folder.path().join("live"), 450).unwrap();
        let whole = tree.fingerprint().unwrap();
        let (_keep, nobody) = std::sync::mpsc::channel();
        for attack in Attack::ALL {
            assert_eq!(attacks::until_told(attack, tree.files(), 1, &nobody).unwrap(), None);
            assert_ne!(tree.fingerprint().unwrap(), whole, "{}", attack.name());
            tree.put_back().unwrap();
            assert_eq!(tree.fingerprint().unwrap(), whole, "{}", attack.name());
        }
        for burst in Ordinary::ALL {
            burst.prepare(&tree).unwrap();
            burst.happen(&tree).unwrap();
            burst.take_back(&tree).unwrap();
            tree.put_back().unwrap();
            assert_eq!(tree.fingerprint().unwrap(), whole, "{}", burst.name());
        }
    }
}
