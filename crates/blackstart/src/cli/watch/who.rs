//! Who wrote, and what the estate grants to be done about that.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use estate::{Estate, Id};
use incident::View;
use incident::frozen::{Frozen, State};
use incident::scan::{About, Writer};
use incident::store::Incident;
use message::{Command, counted};
use scan::decide::{self, SeenWhen};
use scan::freeze::{self, Now};
use scan::frozen;
use scan::watch::Burst;
use scan::writers::Writers;

use super::super::{folder, talk};
use super::{append, by};

pub(super) struct Who {
    /// Or why nobody knows.
    writers: Result<Writers, String>,
    estate: Estate,
    journal: PathBuf,
    /// Frozen, or answered for by a person: nothing is to be done about them any more.
    dealt_with: RefCell<BTreeSet<(i32, Option<u64>)>>,
}

/// A watch that was killed between the intent and the outcome left nobody knowing whether the process is frozen.
pub(super) fn settle_what_is_in_doubt(journal: &Path, view: &View) {
    let in_doubt = |known: &&Frozen| match known.state {
        State::Intended => known.target.boot == freeze::boot(),
        State::Frozen | State::NotFrozen | State::Thawing | State::Thawed => false,
    };
    for known in view.scan.frozen.iter().filter(in_doubt) {
        let done = match freeze::now(&known.target) {
            Now::Frozen => Ok("it was found frozen when the watch was started again".to_owned()),
            Now::GoesOn => Err("it was found going on when the watch was started again".to_owned()),
            Now::Ended => Err("it had ended when the watch was started again".to_owned()),
        };
        let recorded = Incident::open(journal, &by().name()).and_then(|mut incident| {
            incident.decide(folder::now_ms(), |_| {
                Ok::<_, std::convert::Infallible>(frozen::ended(&known.store, &known.target, &done))
            })
        });
        match (recorded, done) {
            (Ok(_), Ok(detail) | Err(detail)) => talk::say(format!("{}: {detail}", known.who)),
            (Err(fault), _) => talk::say(format!(
                "{}: nobody knows whether it is frozen, and what was found cannot be recorded: {}",
                known.who,
                folder::chain(&fault)
            )),
        }
    }
}

/// Who writes is told by the kernel only to whoever has the right to hear it.
fn listen(estate: &Estate) -> Result<Writers, String> {
    let roots: Vec<PathBuf> =
        estate.stores.values().filter_map(|store| Some(PathBuf::from(store.path.as_ref()?))).collect();
    let writers = Writers::listen(&roots);
    match &writers {
        Ok(_) => talk::say("who writes is told by the kernel (fanotify): an alarm names the processes"),
        Err(why) => talk::say(format!("an alarm will NOT say which process wrote: {why}")),
    }
    writers
}

impl Who {
    pub(super) fn listen(estate: &Estate, journal: &Path) -> Who {
        let (writers, dealt_with) = (listen(estate), RefCell::default());
        Who { writers, estate: estate.clone(), journal: journal.to_owned(), dealt_with }
    }

    /// Freezes whoever wrote, where that is granted; then says and records who it was. The alarm is told before: it does not wait
    /// for this.
    pub(super) fn trace(&self, alarm: u64, burst: &Burst, when: SeenWhen) {
        self.freeze_writers(alarm, burst, when, |_| true);
        let traced = match (&self.writers, burst.about, when) {
            (_, _, SeenWhen::AtStart) => Err("they lay there when the watch began".to_owned()),
            (_, About::Vanished, SeenWhen::Now) => {
                Err("the kernel tells who writes, not who deletes".to_owned())
            }
            (Err(why), About::Bad(_), SeenWhen::Now) => Err(why.clone()),
            (Ok(writers), About::Bad(_), SeenWhen::Now) => Ok(writers.all_of(&burst.paths)),
        };
        match &traced {
            Ok(traced) => {
                for writer in &traced.writers {
                    let files = counted(writer.files, "file");
                    talk::say(format!("alarm {alarm}: {files} written by {}", writer.line()));
                }
                if traced.not_traced > 0 {
                    let files = counted(traced.not_traced, "file");
                    talk::say(format!("alarm {alarm}: of {files} nobody knows who wrote them"));
                }
            }
            Err(why) => talk::say(format!("alarm {alarm}: who wrote is not known: {why}")),
        }
        if let Err(fault) = append(&self.journal, |view| decide::traced(view, &burst.store, alarm, &traced)) {
            talk::say(format!("who wrote cannot be recorded: {}", folder::chain(&fault)));
        }
    }

    /// The alarm is open already: others may write now than those that were frozen when it was raised.
    pub(super) fn goes_on(&self, alarm: u64, burst: &Burst, when: SeenWhen) {
        // Of one that has ended nothing new is to be said each time.
        self.freeze_writers(alarm, burst, when, |writer| writer.started.is_some());
    }

    fn freeze_writers(&self, alarm: u64, burst: &Burst, when: SeenWhen, is_meant: fn(&Writer) -> bool) {
        if let (Ok(writers), About::Bad(_), SeenWhen::Now) = (&self.writers, burst.about, when)
            && let Some(granted_by) = frozen::granted(&self.estate, &burst.store)
        {
            let first = writers.first_of(&burst.paths);
            let meant = first.writers.iter().filter(|writer| is_meant(writer));
            meant.for_each(|writer| self.freeze(alarm, &burst.store, writer, granted_by));
        }
    }

    /// The intent is on disk before anything is frozen. What cannot be recorded is not done.
    fn freeze(&self, alarm: u64, store: &Id, writer: &Writer, granted_by: &str) {
        let (who, process) = (writer.line(), (writer.pid, writer.started));
        if self.dealt_with.borrow().contains(&process) {
            return;
        }
        let target = match freeze::target(writer) {
            Ok(target) => target,
            Err(why) => return talk::say(format!("alarm {alarm}: NOT frozen: {who}: {why}")),
        };
        let intended =
            append(&self.journal, |view| frozen::intend(view, store, alarm, &target, &who, granted_by));
        match intended {
            Ok(true) => {}
            Ok(false) => {
                self.dealt_with.borrow_mut().insert(process);
                return talk::say(format!("alarm {alarm}: {who} was dealt with before"));
            }
            Err(fault) => {
                let fault = folder::chain(&fault);
                return talk::say(format!(
                    "alarm {alarm}: NOT frozen: {who}: that cannot be recorded: {fault}"
                ));
            }
        }
        let done = freeze::freeze(&target);
        match &done {
            Ok(detail) => {
                self.dealt_with.borrow_mut().insert(process);
                let thaw = Command::new("thaw").incident().with(target.pid).reason();
                let thaw = thaw.line(Some(&self.journal.display().to_string()));
                talk::say(format!("alarm {alarm}: FROZEN: {who}: {detail}. To let it go on: {thaw}"));
            }
            Err(why) => talk::say(format!("alarm {alarm}: NOT frozen: {who}: {why}")),
        }
        if let Err(fault) = append(&self.journal, |_| frozen::ended(store, &target, &done)) {
            talk::say(format!("that cannot be recorded: {}", folder::chain(&fault)));
        }
    }
}
