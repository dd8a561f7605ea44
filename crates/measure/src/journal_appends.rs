//! What does the journal cost over the plainest thing that gives the same promise?
//!
//! The plain thing: one preallocated file; callers that come at the same time are written together and share one
//! sync, exactly as in the journal (leader and followers). It frames, hashes, signs and publishes nothing. Both run
//! in the same process, in turn, round by round, because the speed of a disk changes from one second to the next;
//! rounds are short and many, and the
//! one over the whole time is reported beside the median of the rounds.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use journal::{Appender, Draft, Expect, Options, SecretKey};

const PAYLOAD_BYTES: usize = 1024;
const CALLERS: [usize; 3] = [1, 16, 128];
/// More than all rounds write on any disk we know; the plain file never has to grow.
const PLAIN_FILE_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Runs the benchmark and prints one row per number of callers.
pub fn run(args: &[String], out: &mut dyn Write) -> Result<(), String> {
    let (mut folder, mut rounds, mut seconds) = (PathBuf::from("."), 61_usize, 0.25_f64);
    let mut rows = CALLERS.to_vec();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--rounds" => rounds = number(args.next())?,
            "--seconds" => seconds = number(args.next())?,
            "--callers" => rows = vec![number(args.next())?],
            path => folder = PathBuf::from(path),
        }
    }
    let folder = tempfile::tempdir_in(&folder)
        .map_err(|error| format!("cannot write in {}: {error}", folder.display()))?;
    let mut say = |line: String| writeln!(out, "{line}").map_err(|error| format!("cannot print: {error}"));
    say(format!(
        "durable appends of {PAYLOAD_BYTES} bytes, {rounds} rounds of {seconds} s for each, in turn"
    ))?;
    say("callers   journal/s   plain file/s   ratio: of all   median   lower and upper quarter".to_owned())?;
    for callers in rows {
        let (pairs, reading) = compare(folder.path(), callers, rounds, Duration::from_secs_f64(seconds))?;
        let ratios = sorted(pairs.iter().map(|(journal, plain)| journal / plain));
        let journal = pairs.iter().map(|(journal, _)| journal).sum::<f64>() / rounds as f64;
        let plain = pairs.iter().map(|(_, plain)| plain).sum::<f64>() / rounds as f64;
        let (low, middle, high) = (ratios[rounds / 4], ratios[rounds / 2], ratios[rounds * 3 / 4]);
        let all = journal / plain;
        say(format!(
            "{callers:>7} {journal:>11.0} {plain:>14.0} {all:>15.3} {middle:>8.3} {low:>8.3} {high:>6.3}"
        ))?;
        say(format!("        {reading}"))?;
    }
    Ok(())
}

type Pairs = Vec<(f64, f64)>;

/// Appends per second to the journal and to the plain file, round by round; and how long the journal that came of it
/// takes to read.
fn compare(folder: &Path, callers: usize, rounds: usize, time: Duration) -> Result<(Pairs, String), String> {
    let fault = |error: io::Error| format!("the benchmark could not write: {error}");
    let key = SecretKey::generate("bench").map_err(|error| error.to_string())?;
    let (at, public) = (folder.join("journal"), key.public());
    let options = Options::new(key, "bench");
    let appender = Appender::open(&at, options.clone()).map_err(|error| error.to_string())?;
    let plain = PlainFile::new(&folder.join("plain")).map_err(fault)?;
    let journal_rate = || {
        rate(callers, time, || {
            let payload = vec![7; PAYLOAD_BYTES];
            let draft =
                Draft { time_ms: 1, actor: "bench".into(), kind: "bench.done".into(), version: 1, payload };
            appender.append(vec![draft], Expect::Anything).expect("the journal records");
        })
    };
    let plain_rate = || rate(callers, time, || plain.append(vec![7; PAYLOAD_BYTES]));
    // One round that does not count, for both to be under way.
    let _ = (journal_rate(), plain_rate());
    let mut pairs = Vec::new();
    for round in 0..rounds {
        // Who goes first changes, so that neither always meets the disk after the other.
        let pair = if round % 2 == 0 {
            (journal_rate(), plain_rate())
        } else {
            let plain = plain_rate();
            (journal_rate(), plain)
        };
        pairs.push(pair);
    }
    appender.close();
    let begun = Instant::now();
    Appender::open(&at, options).map_err(|error| error.to_string())?.close();
    let opened = begun.elapsed();
    let begun = Instant::now();
    let verification = journal::verify(&at, &public, None);
    let verified = begun.elapsed();
    if !verification.intact() {
        return Err(format!("the journal is damaged: {:?}", verification.findings));
    }
    let records = verification.records;
    let reading = format!("its {records} records are opened in {opened:.2?} and verified in {verified:.2?}");
    std::fs::remove_dir_all(&at).and_then(|()| std::fs::remove_file(folder.join("plain"))).map_err(fault)?;
    Ok((pairs, reading))
}

fn number<T: std::str::FromStr>(text: Option<&String>) -> Result<T, String> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| "a number is missing after the option".to_owned())
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Lets `callers` threads do `work` until the time is over; returns how often per second.
fn rate(callers: usize, time: Duration, work: impl Fn() + Sync) -> f64 {
    let over = AtomicBool::new(false);
    let begun = Instant::now();
    let total: u64 = std::thread::scope(|scope| {
        let caller = || {
            let mut count = 0;
            while !over.load(Ordering::Relaxed) {
                work();
                count += 1;
            }
            count
        };
        let threads: Vec<_> = (0..callers).map(|_| scope.spawn(caller)).collect();
        std::thread::sleep(time);
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("a caller does not panic")).sum()
    });
    total as f64 / begun.elapsed().as_secs_f64()
}

/// A preallocated file with group commit and nothing else.
struct PlainFile {
    queue: Mutex<Queue>,
    file: Mutex<(File, u64)>,
}

#[derive(Default)]
struct Queue {
    waiting: Vec<Arc<Waiting>>,
    led: bool,
}

struct Waiting {
    bytes: Vec<u8>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Waits,
    Leads,
    Done,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PlainFile {
    fn new(path: &Path) -> io::Result<PlainFile> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, PLAIN_FILE_BYTES)?;
        file.sync_all()?;
        Ok(PlainFile { queue: Mutex::default(), file: Mutex::new((file, 0)) })
    }

    fn append(&self, bytes: Vec<u8>) {
        let mine = Arc::new(Waiting { bytes, state: Mutex::new(State::Waits), changed: Condvar::new() });
        let mut queue = lock(&self.queue);
        queue.waiting.push(Arc::clone(&mine));
        let lead = !std::mem::replace(&mut queue.led, true);
        drop(queue);
        if lead {
            self.lead();
        }
        loop {
            let mut state = lock(&mine.state);
            while *state == State::Waits {
                state = mine.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if *state == State::Done {
                return;
            }
            *state = State::Waits;
            drop(state);
            self.lead();
        }
    }

    fn lead(&self) {
        let taken = std::mem::take(&mut lock(&self.queue).waiting);
        let mut file = lock(&self.file);
        let bytes = taken.iter().map(|one| &one.bytes[..]).collect::<Vec<_>>().concat();
        file.0.write_all_at(&bytes, file.1).expect("the plain file takes the bytes");
        file.0.sync_data().expect("the plain file syncs");
        file.1 += bytes.len() as u64;
        drop(file);
        for one in taken {
            *lock(&one.state) = State::Done;
            one.changed.notify_one();
        }
        let mut queue = lock(&self.queue);
        match queue.waiting.first() {
            Some(next) => {
                *lock(&next.state) = State::Leads;
                next.changed.notify_one();
            }
            None => queue.led = false,
        }
    }
}
