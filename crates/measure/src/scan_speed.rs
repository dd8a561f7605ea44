//! What does a scan cost beside `restic check --read-data`, which reads the same bytes and verifies the same hashes?
//!
//! Both run on the same repository in the same minutes, in turn, several rounds: the machine's mood is the same for
//! both. CPU time is what counts; wall time and memory are reported beside it. The ledger's size is measured too.
//! Without restic on this machine the repository is made with our own library and there is no peer to compare with.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use drill::rng::Rng;

use crate::scan_histories::files;

const USE: &str = "call `bench-scan [FOLDER] [--size MB] [--rounds N] --blackstart PROGRAM`; without FOLDER, --size MB are made up (default 500)";
const PASSWORD: &str = "benchmark";

struct Options {
    folder: Option<PathBuf>,
    size_mb: u64,
    rounds: usize,
    program: PathBuf,
}

/// What one run of a program took.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    cpu_s: f64,
    wall_s: f64,
    memory_mb: f64,
}

/// What one round cost: the peer's check if it is there, the first scan, the scan again.
type Round = (Option<Cost>, Cost, Cost);

pub fn run(args: &[String], out: &mut dyn Write) -> Result<(), String> {
    let options = parse(args)?;
    let stage = tempfile::tempdir().map_err(|error| format!("cannot make a folder: {error}"))?;
    let data = match &options.folder {
        Some(folder) => folder.clone(),
        None => made_up(&stage.path().join("data"), options.size_mb)?,
    };
    let repository = stage.path().join("repository");
    let has_restic = Command::new("restic").arg("version").stdout(Stdio::null()).status().is_ok();
    back_up(&repository, &data, has_restic)?;
    let (files, bytes) = size_of(&data)?;
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| format!("cannot print: {error}"));
    say(format!(
        "{files} files, {} MB, in a repository made by {}",
        bytes >> 20,
        if has_restic {
            "restic"
        } else {
            "our own library (restic is not installed, so there is nothing to compare with)"
        }
    ))?;
    let mut rows: Vec<(Option<Cost>, Cost, Cost)> = Vec::new();
    let mut ledger_bytes = 0;
    for round in 0..options.rounds {
        let ledger = stage.path().join(format!("ledger-{round}"));
        let first = |options: &Options| scan(options, &repository, &ledger);
        // Who goes first changes, so that neither always finds what the other has read.
        let (check, first) = if round % 2 == 0 {
            let check = if has_restic { Some(check(&repository)?) } else { None };
            (check, first(&options)?)
        } else {
            let first = first(&options)?;
            (if has_restic { Some(check(&repository)?) } else { None }, first)
        };
        let again = scan(&options, &repository, &ledger)?;
        ledger_bytes = size_of(&ledger)?.1;
        say(format!("round {}: {}", round + 1, line(check, first, again)))?;
        rows.push((check, first, again));
    }
    let median = |pick: &dyn Fn(&Round) -> Option<f64>| {
        let mut all: Vec<f64> = rows.iter().filter_map(pick).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    if let (Some(cpu), Some(wall)) = (
        median(&|row| row.0.map(|check| row.1.cpu_s / check.cpu_s.max(0.01))),
        median(&|row| row.0.map(|check| row.1.wall_s / check.wall_s.max(0.01))),
    ) {
        say(format!(
            "first scan against restic check --read-data, median of the rounds: CPU {cpu:.2}, wall {wall:.2}"
        ))?;
    }
    say(format!(
        "ledger: {ledger_bytes} bytes, {:.3} % of what was read, {:.0} bytes per file",
        ledger_bytes as f64 * 100.0 / bytes.max(1) as f64,
        ledger_bytes as f64 / files.max(1) as f64
    ))
}

fn line(check: Option<Cost>, first: Cost, again: Cost) -> String {
    let one =
        |cost: Cost| format!("CPU {:.2} s, wall {:.2} s, {:.0} MB", cost.cpu_s, cost.wall_s, cost.memory_mb);
    let check = check
        .map_or_else(|| "no restic".to_owned(), |check| format!("restic check --read-data {}", one(check)));
    format!("{check} | first scan {} | rescan {}", one(first), one(again))
}

fn back_up(repository: &Path, data: &Path, has_restic: bool) -> Result<(), String> {
    if !has_restic {
        drill::snapshot::init(repository, PASSWORD).map_err(|error| error.to_string())?;
        return drill::snapshot::backup(repository, PASSWORD, data)
            .map(drop)
            .map_err(|error| error.to_string());
    }
    run_to_end(restic(repository).arg("init"), 0)?;
    run_to_end(restic(repository).arg("backup").arg(data), 0).map(drop)
}

fn restic(repository: &Path) -> Command {
    let mut command = Command::new("restic");
    command.arg("--repo").arg(repository).args(["--no-cache", "--quiet"]).env("RESTIC_PASSWORD", PASSWORD);
    command
}

fn check(repository: &Path) -> Result<Cost, String> {
    run_to_end(restic(repository).args(["check", "--read-data"]), 0)
}

fn scan(options: &Options, repository: &Path, ledger: &Path) -> Result<Cost, String> {
    let mut command = Command::new(&options.program);
    command
        .arg("scan")
        .arg(format!("restic:{}", repository.display()))
        .arg("--ledger")
        .arg(ledger)
        .arg("--json");
    // Exit 1 says that no snapshot is clean, which is an answer too.
    run_to_end(command.env("RESTIC_PASSWORD", PASSWORD), 1)
}

/// Runs it, and what it took: CPU from the sums the kernel keeps for ended children, memory by looking often.
fn run_to_end(command: &mut Command, code_max: i32) -> Result<Cost, String> {
    let wrong = |error: std::io::Error| format!("cannot run the program: {error}");
    let (before, begun) = (cpu_of_children()?, Instant::now());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map_err(wrong)?;
    let status = format!("/proc/{}/status", child.id());
    let mut memory_kb = 0;
    let ended = loop {
        if let Some(ended) = child.try_wait().map_err(wrong)? {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
        memory_kb = memory_kb.max(peak.unwrap_or(0_u64));
        std::thread::sleep(Duration::from_millis(5));
    };
    if ended.code().is_none_or(|code| code > code_max) {
        return Err(format!("{command:?} ended with {ended}"));
    }
    Ok(Cost {
        cpu_s: cpu_of_children()? - before,
        wall_s: begun.elapsed().as_secs_f64(),
        memory_mb: memory_kb as f64 / 1024.0,
    })
}

/// Seconds of CPU that all ended children of this process took.
fn cpu_of_children() -> Result<f64, String> {
    let text =
        std::fs::read_to_string("/proc/self/stat").map_err(|error| format!("/proc/self/stat: {error}"))?;
    // The name stands in brackets and may hold blanks; the 16th and 17th field are the children's.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> = rest.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let sum = fields.get(12).zip(fields.get(13)).map(|(user, system)| user + system);
    sum.map(|ticks| ticks / rustix::param::clock_ticks_per_second() as f64)
        .ok_or_else(|| "/proc/self/stat is not as expected".to_owned())
}

fn size_of(folder: &Path) -> Result<(u64, u64), String> {
    let wrong = |error: std::io::Error| format!("cannot list {}: {error}", folder.display());
    let (mut files, mut bytes) = (0, 0);
    for entry in std::fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        let metadata = entry.metadata().map_err(wrong)?;
        if metadata.is_dir() {
            let (more, much) = size_of(&entry.path())?;
            (files, bytes) = (files + more, bytes + much);
        } else if metadata.is_file() {
            (files, bytes) = (files + 1, bytes + metadata.len());
        }
    }
    Ok((files, bytes))
}

/// Documents and data of many sizes: mostly small, most bytes in the large ones, mean about 64 KiB.
fn made_up(folder: &Path, size_mb: u64) -> Result<PathBuf, String> {
    let wrong = |error: std::io::Error| format!("cannot write in {}: {error}", folder.display());
    let mut rng = Rng::named(1, "bench-scan");
    let (mut written, mut number) = (0, 0_u64);
    while written < size_mb << 20 {
        let inner = folder.join((number / 200).to_string());
        std::fs::create_dir_all(&inner).map_err(wrong)?;
        for base in files::made_up(number, 12) {
            number += 1;
            let name = inner.join(format!("{number}.{}", base.ending));
            written += base.bytes.len() as u64;
            std::fs::write(name, base.bytes).map_err(wrong)?;
        }
        for (ending, length) in [("txt", 150_000 + rng.below(500_000)), ("gz", 100_000 + rng.below(400_000))]
        {
            number += 1;
            let text = files::text(&mut rng, usize::try_from(length).unwrap_or(0), '\n');
            let bytes = if ending == "gz" { files::gzip(&text) } else { text };
            written += bytes.len() as u64;
            std::fs::write(inner.join(format!("{number}.{ending}")), bytes).map_err(wrong)?;
        }
    }
    Ok(folder.to_owned())
}

fn parse(args: &[String]) -> Result<Options, String> {
    let mut options = Options { folder: None, size_mb: 500, rounds: 3, program: PathBuf::new() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value; {USE}"));
        let number =
            |text: &String| text.parse::<u64>().map_err(|_| format!("`{text}` is not a number; {USE}"));
        match arg.as_str() {
            "--size" => options.size_mb = number(value()?)?,
            "--rounds" => options.rounds = usize::try_from(number(value()?)?).unwrap_or(1),
            "--blackstart" => options.program = PathBuf::from(value()?),
            flag if flag.starts_with("--") => return Err(format!("{flag} is unknown; {USE}")),
            folder if options.folder.is_none() => options.folder = Some(PathBuf::from(folder)),
            more => return Err(format!("{more} is one folder too many; {USE}")),
        }
    }
    if options.program.is_file() {
        Ok(options)
    } else {
        Err(format!("name the program: --blackstart PROGRAM; {USE}"))
    }
}
