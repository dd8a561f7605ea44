//! `blackstart watch ESTATE --journal DIR`: raise the alarm when somebody destroys a live store.

#![allow(clippy::disallowed_methods, reason = "looks at the stores at a pace until it is killed")]

mod bait;
mod health;
mod supervisor;
mod wake;
mod who;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::folder::{self, By};
use super::{Answer, Failure, place, talk};
use estate::Id;
use health::Health;
use incident::View;
use incident::scan::About;
use incident::store::{self, Incident, StoreFault};
use message::{Command, counted};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use scan::decide::{self, NoNews, SeenWhen};
use scan::decoys::Decoy;
use scan::watch::{Burst, Limits, Look, StoreWatch};
use wake::Wake;
use who::Who;

/// How long after an alarm could not be recorded that is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Watch live stores and raise the alarm. Runs until it is stopped.
///
/// Looks at every file of every store with a `path` in the estate, judges what changed, and raises an alarm when 3 files
/// that were clean go bad within a minute (or all, where a store has fewer), when 10 get one unknown ending and other content,
/// or when most of a store or of one kind of file in it vanishes. An alarm is in the journal before it is printed: one line of
/// JSON each, on stdout. While an alarm of a store is open there is no second one of its kind; it is told again when it
/// has become ten times as much. A store that cannot be looked at is said to be NOT WATCHED. The watch only raises, unless
/// the estate grants `freeze-writer` under `[[authority]]`: then the process that wrote is frozen, which the journal says
/// before and after, and `thaw` lets it go on.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The estate: a folder of TOML files.
    estate: PathBuf,
    /// Folder of the incident. Without it: the one you are in, or the one in BLACKSTART_DIR.
    #[arg(long, value_name = "DIR")]
    journal: Option<PathBuf>,
    /// Milliseconds from one look to the next. A file that a program has closed is judged at once where the kernel tells of
    /// it; a store of which it tells that nothing has changed is looked at every 10 to 30 s only.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(10..=3_600_000))]
    every_ms: u64,
    /// Run this at every alarm, to wake somebody. It finds BLACKSTART_ALARM (the entry), BLACKSTART_STORE, BLACKSTART_WHAT,
    /// BLACKSTART_FILES and BLACKSTART_JOURNAL in its environment, and has 60 s. No shell is involved.
    #[arg(long, value_name = "COMMAND")]
    on_alarm: Option<String>,
    /// Answer /health and /metrics (Prometheus) here, for example 127.0.0.1:9184.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Put files that nobody has reason to touch into the stores, as long as the watch runs: one that is changed, renamed or
    /// deleted is an alarm at once. Their list lies in the incident as decoys.json.
    #[arg(long)]
    decoys: bool,
}

#[derive(Serialize)]
struct AlarmLine<'a> {
    /// Entry in the journal.
    alarm: u64,
    store: &'a Id,
    files: u64,
    examples: &'a [String],
    /// What became of them: `encrypted`, `damaged`, `malware`, `suspicious`, `vanished`.
    suspicion: &'a str,
    /// It is an alarm that was raised before, and has become so much.
    grown: bool,
}

pub fn run(args: &Args) -> Result<Answer, Failure> {
    let estate = super::read_estate::read(&args.estate)?;
    let journal = place::to_write(args.journal.as_deref(), "blackstart watch ESTATE --journal DIR")?;
    let view = folder::read(&journal)?;
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
    for (id, _) in estate.stores.iter().filter(|(_, store)| store.path.is_none()) {
        talk::say(format!("NOT WATCHED: {id} has no `path` in the estate"));
    }
    let wake = args.on_alarm.as_deref().map(|command| Wake::new(command, &journal)).transpose()?;
    let health =
        Health::new(watches.iter().map(|watch| watch.store.clone()), Duration::from_millis(args.every_ms));
    if let Some(address) = args.listen {
        health::serve(address, Arc::clone(&health))?;
    }
    for watch in &mut watches {
        for open in view.scan.stores.get(&watch.store).iter().flat_map(|known| &known.alarms) {
            watch.go_on(open.about, open.files);
        }
    }
    say_what_is_open(&view, &watches, &journal);
    let decoys = bait::lay(&estate, &journal, args.decoys);
    for watch in &mut watches {
        let own: Vec<Decoy> = decoys.iter().filter(|decoy| decoy.store == watch.store).cloned().collect();
        watch.expect_untouched(own);
    }
    let stop = stop_at_signal()?;
    let who = Who::listen(&estate, &journal);
    who::settle_what_is_in_doubt(&journal, &view);
    let folder = journal.clone();
    let watching =
        Watching { journal, wake, health, who, said: BTreeSet::new(), unrecorded: BTreeMap::new() };
    watching.run(watches, Duration::from_millis(args.every_ms), &stop);
    bait::clear(&folder, &decoys);
    Ok(Answer::Done)
}

/// Whoever starts the watch must not take a quiet terminal for a quiet store.
fn say_what_is_open(view: &View, watches: &[StoreWatch], journal: &Path) {
    for watch in watches {
        let Some(known) = view.scan.stores.get(&watch.store) else { continue };
        for open in &known.alarms {
            let dismiss = Command::new("dismiss").incident().with(open.sequence).reason();
            talk::say(format!(
                "the alarm of entry {} for {} is open ({} {}): it is told again only when it has become ten times as much. When \
                 somebody has looked: {}",
                open.sequence,
                watch.store,
                counted(open.files, "file"),
                open.about.words(),
                dismiss.line(Some(&journal.display().to_string()))
            ));
        }
    }
}

struct Watching {
    journal: PathBuf,
    wake: Option<Wake>,
    health: Arc<Health>,
    who: Who,
    said: BTreeSet<String>,
    /// Stores with an alarm that could not be recorded, and when that was tried last.
    unrecorded: BTreeMap<Id, Instant>,
}

impl Watching {
    fn run(mut self, mut watches: Vec<StoreWatch>, every: Duration, stop: &AtomicBool) {
        let goes_on = || !stop.load(Ordering::Relaxed);
        let mut files = 0;
        for watch in &mut watches {
            let look = watch.look(folder::now_ms(), &mut |_| {
                supervisor::alive();
                goes_on()
            });
            if look.is_broken_off {
                return;
            }
            files += look.files;
            self.after_look(watch, &look);
            if let Some(burst) = watch.burst_at_start(&look)
                && self.report(&burst, SeenWhen::AtStart)
            {
                watch.settled(&burst);
            }
        }
        talk::say(format!(
            "watching {} in {}, every {} ms",
            counted(files, "file"),
            counted(watches.len(), "store"),
            every.as_millis()
        ));
        supervisor::ready();
        while goes_on() {
            let next = Instant::now() + every;
            for watch in &mut watches {
                self.turn(watch, &goes_on);
            }
            self.hear_of_wakes();
            supervisor::alive();
            while goes_on() && Instant::now() < next {
                if is_told(&watches, next) {
                    for watch in &mut watches {
                        watch.hear(folder::now_ms(), &mut |watch| self.beat(watch) && goes_on());
                    }
                }
                supervisor::alive();
            }
        }
    }

    /// Hears what the kernel tells of a store, and looks at it if there is reason to.
    fn turn(&mut self, watch: &mut StoreWatch, goes_on: &dyn Fn() -> bool) {
        watch.hear(folder::now_ms(), &mut |watch| self.beat(watch) && goes_on());
        if watch.is_due() {
            let look = watch.look(folder::now_ms(), &mut |watch| self.beat(watch) && goes_on());
            if look.is_broken_off {
                return;
            }
            self.after_look(watch, &look);
        }
        let is_to_be_tried =
            self.unrecorded.get(&watch.store).is_some_and(|tried| tried.elapsed() >= TRY_AGAIN);
        if is_to_be_tried {
            self.raise(watch);
        }
        if let Some(why) = watch.is_only_looked_at()
            && self.said.insert(format!("{}: {why}", watch.store))
        {
            talk::say(format!("{}: every file is looked at each time, because {why}", watch.store));
        }
    }

    /// At every file: an alarm must not wait until everything else was judged.
    fn beat(&mut self, watch: &mut StoreWatch) -> bool {
        supervisor::alive();
        if watch.has_news() && !self.unrecorded.contains_key(&watch.store) {
            self.raise(watch);
        }
        true
    }

    /// Tells of the bursts that the store is in. What cannot be recorded is tried again after a while, not at every file.
    fn raise(&mut self, watch: &mut StoreWatch) {
        let mut is_recorded = true;
        for burst in watch.bursts(folder::now_ms()) {
            if self.report(&burst, SeenWhen::Now) {
                watch.settled(&burst);
            } else {
                is_recorded = false;
            }
        }
        if is_recorded {
            self.unrecorded.remove(&watch.store);
        } else {
            self.unrecorded.insert(watch.store.clone(), Instant::now());
        }
    }

    /// Each complaint once; what is not watched also into the journal, and again when it is.
    fn after_look(&mut self, watch: &StoreWatch, look: &Look) {
        for what in &look.unreadable {
            if self.said.insert(what.clone()) {
                talk::say(format!("not watched, because it cannot be read: {what}"));
            }
        }
        let why = look.not_watched.as_deref();
        if self.health.looked(&watch.store, look.files, why) {
            let recorded = self.append(|view| decide::watched(view, &watch.store, why));
            match (why, recorded) {
                (Some(why), Ok(_)) => talk::say(format!("NOT WATCHED: {}: {why}", watch.store)),
                (None, Ok(true)) => talk::say(format!("watched again: {}", watch.store)),
                (None, Ok(false)) => {}
                (_, Err(fault)) => {
                    self.health.say_again(&watch.store);
                    let why = why.unwrap_or("watched again");
                    let fault = folder::chain(&fault);
                    talk::say(format!(
                        "NOT WATCHED: {}: {why}; it cannot be recorded: {fault}; trying again",
                        watch.store
                    ));
                }
            }
        }
    }

    /// Records, then prints and wakes. `false` if it could not be recorded: then it is tried again at the next look.
    fn report(&self, burst: &Burst, when: SeenWhen) -> bool {
        match self.record(burst, when) {
            Ok(Ok(Raised { alarm, files, grown })) => {
                let Burst { store, examples, .. } = burst;
                let suspicion = word(burst.about);
                talk::json(&AlarmLine { alarm, store, files, examples, suspicion, grown });
                self.health.alarmed(store);
                if let Some(wake) = &self.wake {
                    wake.somebody(alarm, store, burst.about.words(), files);
                }
                self.who.trace(alarm, burst, when);
                true
            }
            // No news, but others may write now than those that were frozen at the alarm.
            Ok(Err(NoNews::Open { alarm, .. })) => {
                self.who.goes_on(alarm, burst, when);
                true
            }
            Ok(Err(NoNews::Dismissed)) => {
                talk::say(format!(
                    "{}: {} {}, as they were when somebody dismissed the alarm about exactly these; none is raised until that \
                     is other",
                    burst.store,
                    counted(burst.files, "file"),
                    burst.about.words()
                ));
                true
            }
            Err(fault) => {
                talk::say(format!(
                    "ALARM for {} ({} {}), but it cannot be recorded: {}; trying again",
                    burst.store,
                    counted(burst.files, "file"),
                    burst.about.words(),
                    folder::chain(&fault)
                ));
                false
            }
        }
    }

    /// The incident is opened only for this moment, so that a watch that is killed or stopped holds up nobody.
    fn record(&self, burst: &Burst, when: SeenWhen) -> Result<Result<Raised, NoNews>, StoreFault> {
        if let Err(known) = decide::alarm(&store::read(&self.journal)?, burst, when) {
            return Ok(Err(known));
        }
        let mut incident = Incident::open(&self.journal, &by().name())?;
        let before = incident.view().entries;
        let decided = incident.decide(folder::now_ms(), |view| decide::alarm(view, burst, when))?;
        Ok(decided.map(|_| Raised::of(incident.view(), burst, before)))
    }

    fn append(&self, decide: impl Fn(&View) -> Vec<incident::Event>) -> Result<bool, StoreFault> {
        append(&self.journal, decide)
    }

    /// What became of the commands that were to wake somebody.
    fn hear_of_wakes(&self) {
        let Some(wake) = &self.wake else { return };
        for failed in wake.failed() {
            talk::say(format!("NOBODY WAS WOKEN by alarm {}: {}", failed.alarm, failed.why));
            let recorded =
                self.append(|view| decide::not_heard(view, &failed.store, failed.alarm, &failed.why));
            if let Err(fault) = recorded {
                talk::say(format!("that cannot be recorded: {}", folder::chain(&fault)));
            }
        }
    }
}

/// An alarm as it stands in the journal after a burst was recorded.
struct Raised {
    alarm: u64,
    files: u64,
    /// It was open before, and has become so much.
    grown: bool,
}

impl Raised {
    /// What was recorded from the entry `before` on. Another version of the journal may not keep the alarm open; then it is the
    /// first of these entries.
    fn of(view: &View, burst: &Burst, before: u64) -> Raised {
        let open = view.scan.stores.get(&burst.store).into_iter().flat_map(|known| &known.alarms);
        let same = open.filter(|open| open.about == burst.about).max_by_key(|open| open.sequence);
        let (alarm, files) = same.map_or((before, burst.files), |open| (open.sequence, open.files));
        Raised { alarm, files, grown: alarm < before }
    }
}

/// Waits, at most a moment, so that a stop is heard at once even with a long interval. Whether the kernel has something to tell.
fn is_told(watches: &[StoreWatch], until: Instant) -> bool {
    let wait = until.saturating_duration_since(Instant::now()).min(Duration::from_millis(100));
    let mut told: Vec<PollFd<'_>> = watches
        .iter()
        .filter_map(|watch| Some(PollFd::from_borrowed_fd(watch.descriptor()?, PollFlags::IN)))
        .collect();
    let timeout = Timespec::try_from(wait).unwrap_or_default();
    match poll(&mut told, Some(&timeout)) {
        Ok(count) => count > 0,
        Err(_) => {
            std::thread::sleep(wait);
            false
        }
    }
}

/// Whether there was anything to record. The incident is opened only for this moment.
fn append(journal: &Path, decide: impl Fn(&View) -> Vec<incident::Event>) -> Result<bool, StoreFault> {
    if decide(&store::read(journal)?).is_empty() {
        return Ok(false);
    }
    let mut incident = Incident::open(journal, &by().name())?;
    let Ok(_) = incident.decide(folder::now_ms(), |view| Ok::<_, std::convert::Infallible>(decide(view)))?;
    Ok(true)
}

fn by() -> By {
    By { by: Some("blackstart watch".to_owned()) }
}

fn word(about: About) -> &'static str {
    match about {
        About::Bad(suspicion) => suspicion.word(),
        About::Vanished => "vanished",
    }
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
