//! The funds' business during the drill: people who send in what they have to, ask again when no answer comes, and
//! sometimes send the same thing twice. And the drill's own book of all of it, which owes nothing to the product.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::Result;
use crate::estate::Fund;
use crate::world::wait_until;

mod ledger;
mod sender;

pub use ledger::{Intent, Ledger, Operation, Submission};

/// What flows, and where to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `http://127.0.0.1:PORT`
    pub bridge: String,
    pub funds: Vec<Fund>,
    pub persons_per_fund: u32,
    pub seed: u64,
    /// Submissions a second over all funds.
    pub per_second: u32,
    /// Senders at work at the same time. Each has persons of its own, so that one person's business keeps its order.
    pub threads: u32,
    /// JSON lines file; must not exist yet.
    pub ledger: PathBuf,
}

/// Numbers that can be read at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// Submissions begun, resends included.
    pub sent: u64,
    /// Those with a final answer.
    pub answered: u64,
    /// 200 or 201
    pub applied: u64,
    /// 202
    pub held: u64,
    /// 208, 409, 422
    pub declined: u64,
    /// Answers that are none of these: somebody was turned away. 5xx is asked again under the same key.
    pub turned_away: u64,
    /// Tries without any answer; asked again under the same key.
    pub no_answer: u64,
}

#[derive(Default)]
struct Numbers {
    sent: AtomicU64,
    answered: AtomicU64,
    applied: AtomicU64,
    held: AtomicU64,
    declined: AtomicU64,
    turned_away: AtomicU64,
    no_answer: AtomicU64,
}

/// What all senders share.
struct Shared {
    settings: Settings,
    ledger: Arc<Ledger>,
    numbers: Numbers,
    per_second: AtomicU32,
    paused: AtomicBool,
    resend: AtomicBool,
    /// Leave at once, even without an answer.
    leave: AtomicBool,
    under_way: AtomicUsize,
}

/// Running traffic. Dropping it ends it at once.
pub struct Traffic {
    shared: Arc<Shared>,
    senders: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Starts sending.
    pub fn start(settings: Settings) -> Result<Traffic> {
        let ledger = Arc::new(Ledger::create(&settings.ledger)?);
        let threads = settings.threads.clamp(1, settings.persons_per_fund.max(1));
        let shared = Arc::new(Shared {
            per_second: AtomicU32::new(settings.per_second),
            settings,
            ledger,
            numbers: Numbers::default(),
            paused: AtomicBool::new(false),
            resend: AtomicBool::new(false),
            leave: AtomicBool::new(false),
            under_way: AtomicUsize::new(0),
        });
        let start = |number| {
            let shared = shared.clone();
            std::thread::spawn(move || sender::send_all(&shared, number, threads))
        };
        let senders = (0..threads).map(start).collect();
        Ok(Traffic { shared, senders })
    }

    pub fn counts(&self) -> Counts {
        let numbers = &self.shared.numbers;
        let read = |number: &AtomicU64| number.load(Ordering::SeqCst);
        Counts {
            sent: read(&numbers.sent),
            answered: read(&numbers.answered),
            applied: read(&numbers.applied),
            held: read(&numbers.held),
            declined: read(&numbers.declined),
            turned_away: read(&numbers.turned_away),
            no_answer: read(&numbers.no_answer),
        }
    }

    pub fn ledger(&self) -> Arc<Ledger> {
        self.shared.ledger.clone()
    }

    /// No new business. What is under way goes on being asked until it is answered, up to the deadline.
    pub fn pause(&self, deadline: Duration) -> Result<()> {
        self.shared.paused.store(true, Ordering::SeqCst);
        let under_way = || self.shared.under_way.load(Ordering::SeqCst);
        wait_until("everything that was sent is answered", deadline, || under_way() == 0)
    }

    pub fn go_on(&self) {
        self.shared.paused.store(false, Ordering::SeqCst);
    }

    /// Whether some senders send the same business again on another channel.
    pub fn resend(&self, on: bool) {
        self.shared.resend.store(on, Ordering::SeqCst);
    }

    /// Submissions a second from now on.
    pub fn rate(&self, per_second: u32) {
        self.shared.per_second.store(per_second, Ordering::SeqCst);
    }

    /// Ends it. What has no answer by the deadline stays in the ledger without one.
    pub fn stop(mut self, deadline: Duration) -> Counts {
        let _ = self.pause(deadline);
        self.leave();
        self.counts()
    }

    fn leave(&mut self) {
        self.shared.leave.store(true, Ordering::SeqCst);
        for sender in self.senders.drain(..) {
            let _ = sender.join();
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests;
