//! `blackstart watch ESTATE --journal DIR`: raise the alarm when somebody destroys a live store.

#![allow(clippy::disallowed_methods, reason = "looks at the stores at a pace until it is killed")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::folder::{self, By};
use super::{Answer, Failure, place, talk};
use estate::Id;
use incident::event::Suspicion;
use incident::store::{self, Incident, StoreFault};
use message::counted;
use scan::decide::{self, SeenWhen};
use scan::watch::{Burst, Limits, StoreWatch};

/// Watch live stores and raise the alarm. Runs until it is stopped.
///
/// Looks at every file of every store with a `path` in the estate, judges what changed, and raises an
/// alarm when 3 files that were clean go bad within a minute, or 10 are renamed to one unknown ending.
/// An alarm is in the journal before it is printed: one line of JSON each, on stdout. While an alarm of
/// a store is open, no further one is raised for it. It only raises; it stops and closes nothing.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The estate: a folder of TOML files.
    estate: PathBuf,
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Milliseconds from one look to the next.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    every_ms: u64,
}

#[derive(Serialize)]
struct AlarmLine<'a> {
    /// Entry in the journal.
    alarm: u64,
    store: &'a Id,
    files: u64,
    examples: &'a [String],
    suspicion: Suspicion,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let estate = super::read_estate::read(&args.estate)?;
    let journal = place::to_write(args.journal.as_deref(), "blackstart watch ESTATE --journal DIR")?;
    folder::read(&journal)?;
    let mut watches: Vec<StoreWatch> = estate
        .stores
        .iter()
        .filter_map(|(id, store)| {
            Some(StoreWatch::new(id.clone(), PathBuf::from(store.path.as_ref()?), Limits::default()))
        })
        .collect();
    if watches.is_empty() {
        return Err(Failure::refused(
            "no store of this estate has a `path`",
            "there is nothing that could be watched",
            "give the stores the folder in which their data lives: path = \"/srv/...\"",
        ));
    }
    let stop = stop_at_signal()?;
    let (mut said, mut files) = (BTreeSet::new(), 0);
    for watch in &mut watches {
        let look = watch.look(folder::now_ms());
        files += look.files;
        complain(&mut said, &look.unreadable);
        if let Some(burst) = watch.burst_at_start(&look) {
            report(&journal, &burst, SeenWhen::AtStart);
        }
    }
    talk::say(format!(
        "watching {} in {}, every {} ms",
        counted(files, "file"),
        counted(watches.len(), "store"),
        args.every_ms
    ));
    let every = Duration::from_millis(args.every_ms);
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        for watch in &mut watches {
            let look = watch.look(folder::now_ms());
            complain(&mut said, &look.unreadable);
            if let Some(burst) = watch.burst(folder::now_ms())
                && report(&journal, &burst, SeenWhen::Now)
            {
                watch.settled();
            }
        }
        // Short pieces, so that a stop is heard at once even with a long interval.
        while begun.elapsed() < every && !stop.load(Ordering::Relaxed) {
            std::thread::sleep((every - begun.elapsed().min(every)).min(Duration::from_millis(100)));
        }
    }
    Ok(Answer::Done)
}

/// Each complaint once.
fn complain(said: &mut BTreeSet<String>, unreadable: &[String]) {
    for what in unreadable {
        if said.insert(what.clone()) {
            talk::say(format!("not watched, because it cannot be read: {what}"));
        }
    }
}

/// Records, then prints. `false` if it could not be recorded: then it is tried again at the next look.
fn report(journal: &Path, burst: &Burst, when: SeenWhen) -> bool {
    match record(journal, burst, when) {
        Ok(Some(alarm)) => {
            let Burst { store, files, examples, suspicion, .. } = burst;
            talk::json(&AlarmLine { alarm, store, files: *files, examples, suspicion: *suspicion });
            true
        }
        Ok(None) => true,
        Err(fault) => {
            talk::say(format!(
                "ALARM for {} ({}, {}), but it cannot be recorded: {}; trying again",
                burst.store,
                counted(burst.files, "file"),
                burst.suspicion.word(),
                folder::chain(&fault)
            ));
            false
        }
    }
}

/// The sequence number of the alarm; `None` if one is open for this store already. The incident is opened
/// only for this moment, so that a watch that is killed or stopped holds up nobody.
fn record(journal: &Path, burst: &Burst, when: SeenWhen) -> Result<Option<u64>, StoreFault> {
    if decide::alarm(&store::read(journal)?, burst, when).is_err() {
        return Ok(None);
    }
    let by = By { by: Some("blackstart watch".to_owned()) };
    let mut incident = Incident::open(journal, &by.name())?;
    let decided = incident.decide(folder::now_ms(), |view| decide::alarm(view, burst, when))?;
    let alarms = |view: &incident::View| {
        view.scan.stores.get(&burst.store).and_then(|store| store.alarms.last()).map(|alarm| alarm.sequence)
    };
    Ok(decided.ok().and_then(|_| alarms(incident.view())))
}

/// Set at SIGTERM or SIGINT.
fn stop_at_signal() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let heard = stop.clone();
    let fault = |error: std::io::Error| {
        Failure::fault(
            format!("cannot listen for signals: {error}"),
            "the watch could not be stopped cleanly, so it was not started",
            "look at the limits of this machine (ulimit -a), then call again",
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(fault)?;
    let signals = runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        Ok::<_, std::io::Error>((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?))
    });
    let (mut terminate, mut interrupt) = signals.map_err(fault)?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        });
        heard.store(true, Ordering::Relaxed);
    });
    Ok(stop)
}
