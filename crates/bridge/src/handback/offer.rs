//! Offers what is pending to the core: persons side by side, each person's submissions one after the other.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::Value;

use super::HandbackFault;
use super::config::{Config, Target};
use super::link::{HeldSubmission, Link, Reported};
use crate::fact::{Mark, Outcome, ReceiptId};
use crate::upstream::{
    Asker, Client, NoAnswer, OUTSIDE_HEADER, REPLAY_HEADER, UpstreamAnswer, meaning, submission_headers,
};

/// This many reasons are told in full; the rest is in the count.
const TOLD_MAX: usize = 50;

/// What became of everything that was pending.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    pub tenant: String,
    /// Pulled from the bridge in this run.
    pub pulled: u64,
    pub applied: u64,
    pub already_there: u64,
    pub conflict: u64,
    pub refused: u64,
    /// Pulled and still without a known outcome; the bridge keeps them pending.
    pub still_pending: u64,
    /// Why, for the first of them.
    pub waiting: Vec<UnresolvedItem>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnresolvedItem {
    pub receipt: ReceiptId,
    pub operation: String,
    pub why: String,
}

/// What was seen of one offer.
enum Reply {
    Outcome {
        outcome: Outcome,
        status: u16,
        reason: Vec<u8>,
    },
    /// Stays pending, and so does everything after it of this person.
    NotKnown(String),
    /// Nobody answers at the core: offering the rest would only be noise.
    CoreGone(String),
}

struct Work<'a> {
    config: &'a Config,
    link: &'a Link<'a>,
    client: Client,
    tally: Mutex<Tally>,
    /// Persons with something that stays pending: nothing of theirs may be offered any more in this run.
    stuck: Mutex<HashSet<Mark>>,
    core_gone: AtomicBool,
    fault: Mutex<Option<HandbackFault>>,
    progress: &'a (dyn Fn(&Tally) + Sync),
}

/// Offers everything pending that was accepted at or after `since_ms` (or everything). A person with an
/// older pending submission is left out entirely, because nothing may overtake it.
pub fn offer_all(
    config: &Config,
    link: &Link<'_>,
    since_ms: Option<i64>,
    progress: &(dyn Fn(&Tally) + Sync),
) -> Result<Tally, HandbackFault> {
    let tally = Tally { tenant: config.tenant.name().to_owned(), ..Tally::default() };
    let work = Work {
        config,
        link,
        client: Client::new(Duration::from_millis(config.timeout_ms)),
        tally: Mutex::new(tally),
        stuck: Mutex::default(),
        core_gone: AtomicBool::new(false),
        fault: Mutex::default(),
        progress,
    };
    let mut after = None;
    loop {
        let page = link.page("pending", after)?;
        after = page.items.last().map(|item| item.sequence).or(after);
        let (more, empty) = (page.more, page.items.is_empty());
        work.page(page.generation, wanted(page.items, since_ms, &work.stuck));
        if let Some(fault) = take(&work.fault) {
            return Err(fault);
        }
        (work.progress)(&held(&work.tally));
        if !more || empty {
            return Ok(held(&work.tally).clone());
        }
    }
}

fn held<T>(lock: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

fn take<T>(lock: &Mutex<Option<T>>) -> Option<T> {
    held(lock).take()
}

/// Leaves out what is too old, and everything of a person that comes after something left out.
fn wanted(
    items: Vec<HeldSubmission>,
    since_ms: Option<i64>,
    stuck: &Mutex<HashSet<Mark>>,
) -> Vec<HeldSubmission> {
    let Some(since_ms) = since_ms else { return items };
    let late_enough = |item: &HeldSubmission| {
        let at: Result<jiff::Timestamp, _> = item.accepted_at.parse();
        at.is_ok_and(|at| at.as_millisecond() >= since_ms)
    };
    let mut left_out = held(stuck);
    items
        .into_iter()
        .filter(|item| {
            let keep = late_enough(item) && !left_out.contains(&item.person);
            if !keep {
                left_out.insert(item.person);
            }
            keep
        })
        .collect()
}

impl Work<'_> {
    fn page(&self, generation: u64, items: Vec<HeldSubmission>) {
        held(&self.tally).pulled += items.len() as u64;
        let mut persons: BTreeMap<Mark, VecDeque<HeldSubmission>> = BTreeMap::new();
        for item in items {
            persons.entry(item.person).or_default().push_back(item);
        }
        // Oldest first, so that who has waited longest is served first.
        let mut queues: Vec<VecDeque<HeldSubmission>> = persons.into_values().collect();
        queues.sort_by_key(|queue| queue.front().map(|item| item.sequence));
        let queues = Mutex::new(VecDeque::from(queues));
        std::thread::scope(|scope| {
            for _ in 0..self.config.workers {
                scope.spawn(|| {
                    while let Some(queue) = held(&queues).pop_front() {
                        self.person(generation, queue);
                    }
                });
            }
        });
    }

    fn person(&self, generation: u64, queue: VecDeque<HeldSubmission>) {
        for item in queue {
            let done = if held(&self.stuck).contains(&item.person) {
                Err("an earlier submission of this person is still open".to_owned())
            } else if self.core_gone.load(Ordering::Relaxed) {
                Err("the core cannot be reached".to_owned())
            } else if held(&self.fault).is_some() {
                Err("hand-back stopped".to_owned())
            } else {
                self.one(generation, &item)
            };
            if let Err(why) = done {
                self.leave(&item, &why);
            }
            (self.progress)(&held(&self.tally));
        }
    }

    fn leave(&self, item: &HeldSubmission, why: &str) {
        held(&self.stuck).insert(item.person);
        let mut tally = held(&self.tally);
        tally.still_pending += 1;
        if tally.waiting.len() < TOLD_MAX {
            let (receipt, operation) = (item.receipt, item.operation.clone());
            tally.waiting.push(UnresolvedItem { receipt, operation, why: why.to_owned() });
        }
    }

    /// Offers one and has its outcome recorded. `Err` says why it stays pending.
    fn one(&self, generation: u64, item: &HeldSubmission) -> Result<(), String> {
        let (outcome, status, reason) = match self.offer(item) {
            Reply::Outcome { outcome, status, reason } => (outcome, status, reason),
            Reply::NotKnown(why) => return Err(why),
            Reply::CoreGone(why) => {
                self.core_gone.store(true, Ordering::Relaxed);
                return Err(format!("the core cannot be reached: {why}"));
            }
        };
        let sealed = match outcome {
            Outcome::Applied | Outcome::AlreadyThere => None,
            Outcome::Conflict | Outcome::Refused => {
                // The bridge must not read what the core says about a person.
                Some(self.config.identity.recipient().seal(&reason).map_err(|error| error.to_string())?)
            }
        };
        match self.link.report(&item.receipt, generation, outcome, status, sealed) {
            Ok(Reported::Recorded) => {
                let mut tally = held(&self.tally);
                match outcome {
                    Outcome::Applied => tally.applied += 1,
                    Outcome::AlreadyThere => tally.already_there += 1,
                    Outcome::Conflict => tally.conflict += 1,
                    Outcome::Refused => tally.refused += 1,
                }
                Ok(())
            }
            Ok(Reported::Outdated(why)) => Err(why),
            Err(fault) => {
                let why = fault.to_string();
                held(&self.fault).get_or_insert(fault);
                Err(why)
            }
        }
    }

    fn offer(&self, item: &HeldSubmission) -> Reply {
        let Some(target) = self.config.operations.get(&item.operation) else {
            return Reply::NotKnown(format!("the configuration has no operation `{}`", item.operation));
        };
        let body = match self.open(item) {
            Ok(body) => body,
            Err(why) => return Reply::NotKnown(why),
        };
        let mut headers = submission_headers(&item.receipt, item.same_business_as.as_ref());
        headers.push((REPLAY_HEADER, "1".to_owned()));
        match self.outside(target, &body) {
            Ok(None) => {}
            Ok(Some(happened)) => headers.push((OUTSIDE_HEADER, happened.to_owned())),
            Err(why) => return Reply::NotKnown(why),
        }
        let mut json = HeaderMap::new();
        json.insert("content-type", HeaderValue::from_static("application/json"));
        match self.client.post(&target.url, &json, &headers, &Bytes::from(body)) {
            Ok(UpstreamAnswer { status, body, .. }) => match meaning(status, Asker::HandBack) {
                Some(outcome) => Reply::Outcome { outcome, status, reason: body },
                None => Reply::NotKnown(format!("the core answered with status {status}")),
            },
            Err(NoAnswer::NotThere(why) | NoAnswer::Late(why)) => Reply::CoreGone(why),
            Err(NoAnswer::Broken(why)) => Reply::NotKnown(format!("the core broke off: {why}")),
        }
    }

    fn open(&self, item: &HeldSubmission) -> Result<Vec<u8>, String> {
        let sealed = STANDARD.decode(&item.sealed).map_err(|error| error.to_string())?;
        let opened = self.config.identity.open_submission(&item.receipt, &sealed);
        let (envelope, body) = opened.map_err(|error| error.to_string())?;
        if envelope.tenant != self.config.tenant || envelope.operation != item.operation {
            return Err(format!(
                "the seal holds `{}` of {}: somebody moved it",
                envelope.operation, envelope.tenant
            ));
        }
        Ok(body)
    }

    /// Whether the thing outside (a payment that has left) has happened. Not known is not "no".
    fn outside(&self, target: &Target, body: &[u8]) -> Result<Option<&'static str>, String> {
        let Some(probe) = &target.outside else { return Ok(None) };
        let json: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let address = probe.address(&json).ok_or("it lacks what the outside probe asks for")?;
        match self.client.get(&address, &HeaderMap::new()) {
            Ok(UpstreamAnswer { status: 200, .. }) => Ok(Some("done")),
            Ok(UpstreamAnswer { status: 404, .. }) => Ok(Some("not-done")),
            Ok(UpstreamAnswer { status, .. }) => {
                Err(format!("the outside probe answered with status {status}"))
            }
            Err(NoAnswer::NotThere(why) | NoAnswer::Late(why) | NoAnswer::Broken(why)) => {
                Err(format!("the outside probe got no answer: {why}"))
            }
        }
    }
}
