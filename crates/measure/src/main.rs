//! `measure WHAT [ARGS]`: runs one evaluation and prints its figures.

use std::io::Write;
use std::process::ExitCode;

const HELP: &str = "\
measure import [--services N]
        importing a made-up compose project (default 10000 services) beside reading its YAML alone
measure journal [FOLDER] [--rounds N] [--seconds S] [--callers N]
        durable appends against a plain preallocated file (FOLDER: on the disk to measure; default: here)
measure eval-scan FOLDER [--json] [--seed N] [--holdout SOURCE,..] [--except SOURCE,..]
        attacked copies of clean files: how many the scan finds, and how many clean ones it accuses
measure eval-histories [FOLDER] [--runs N] [--seed S]
        made-up histories: is the right snapshot named, and is an ordinary day an alarm
measure bench-scan [FOLDER] [--size MB] --blackstart PROGRAM
        first scan and rescan of a repository against `restic check --read-data`, in the same run
measure bench-watch [--files N] [--runs N] [--every-ms N] [--quick] [--in FOLDER] --blackstart PROGRAM
        files lost before the alarm, for each attack, and alarms at ordinary bursts
measure psplib FOLDER [--schedules N] [--seed N] [--weighted] [--json]
        the planner's search on published problems; FOLDER holds PSPLIB .sm files
measure plan [--seed N] [--seeds N] [--schedules N] [--psplib FOLDER]
        plans of made estates with 80 funds against the usual orders, their gaps, and how long a plan takes
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut out = std::io::stdout();
    let done = match args.split_first() {
        Some((what, rest)) if what == "import" => measure::import_speed::run(rest, &mut out),
        Some((what, rest)) if what == "journal" => measure::journal_appends::run(rest, &mut out),
        Some((what, rest)) if what == "eval-scan" => measure::scan_rates::run(rest, &mut out),
        Some((what, rest)) if what == "eval-histories" => measure::scan_histories::run(rest, &mut out),
        Some((what, rest)) if what == "bench-scan" => measure::scan_speed::run(rest, &mut out),
        Some((what, rest)) if what == "bench-watch" => measure::watch_bench::run(rest, &mut out),
        Some((what, rest)) if what == "psplib" => measure::psplib::run(rest, &mut out),
        Some((what, rest)) if what == "plan" => measure::plan_bench::run(rest, &mut out),
        _ => Err(HELP.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            let _ = writeln!(std::io::stderr(), "{message}");
            ExitCode::from(2)
        }
    }
}
