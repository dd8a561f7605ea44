//! What may happen next to a submission: who goes first, who waits, who is held. The rules of the bridge.
//!
//! - Of one person, one submission at a time, in the order of acceptance. Whoever comes while an earlier one
//!   is being forwarded waits for it; whoever comes while an earlier one is pending is held, and never overtakes.
//! - A tenant that is held stays held until somebody releases it. When the bridge holds by itself, and when it only lets an
//!   upstream rest, says `core_health`; it never releases by itself.
//! - What is on disk without an outcome is pending, whatever may have happened to it behind.

#![allow(
    clippy::disallowed_methods,
    reason = "waits for requests on their way, each of which ends by its own time limit"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use super::books::{Book, Books, Item, NotSettled, Route, State};
use super::config::Config;
use super::core_health::{Consequence, Health, Resting, Trouble, Upstreams, consequence};
use super::fact::{Accepted, Fact, Mark, Outcome, ReceiptId, Settled, Witness};
use super::writer::{Job, Shared, SharedState, WriteFault, look};
use estate::Id;
use incident::event::Account;

/// Why a submission is not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// The Idempotency-Key was used with another body.
    OtherBody,
    /// The same request is on its way to the disk.
    InFlight,
    Fault(WriteFault),
}

/// A submission that the bridge has on disk.
#[derive(Debug)]
pub enum Taken {
    /// Now; the request is to be forwarded if its turn comes.
    New(u64),
    /// Before, under the same Idempotency-Key.
    Before(u64),
}

/// What a submission may do now.
pub enum Turn {
    Forward,
    Hold,
    /// An earlier one of the same person is being forwarded.
    Wait(oneshot::Receiver<()>),
}

/// Whom a control call is about.
#[derive(Clone, Debug)]
pub enum Whom {
    Site(String),
    Tenants(BTreeSet<Id>),
}

/// The account of one tenant, and whether it is held.
#[derive(Clone, Debug)]
pub struct Line {
    pub account: Account,
    pub route: Route,
}

/// All accounts at one instant, and the checkpoint of the journal they were counted from.
#[derive(Clone, Debug)]
pub struct Statement {
    pub lines: BTreeMap<Id, Line>,
    pub checkpoint: String,
    pub unknown_entries: u64,
    pub illegal_entries: u64,
}

pub struct Desk {
    pub config: Arc<Config>,
    shared: SharedState,
    jobs: mpsc::Sender<Job>,
    upstreams: Mutex<Upstreams>,
    /// Milliseconds of a clock that never goes back.
    elapsed_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
    stop: watch::Receiver<Option<String>>,
}

impl Desk {
    pub fn new(
        config: Arc<Config>,
        shared: SharedState,
        jobs: mpsc::Sender<Job>,
        elapsed_ms: Arc<dyn Fn() -> u64 + Send + Sync>,
        stop: watch::Receiver<Option<String>>,
    ) -> Desk {
        Desk { config, shared, jobs, upstreams: Mutex::default(), elapsed_ms, stop }
    }

    fn upstreams(&self) -> MutexGuard<'_, Upstreams> {
        self.upstreams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing is accepted any more, if so.
    pub fn stopped(&self) -> Option<String> {
        self.stop.borrow().clone()
    }

    /// Looks at the newest state. Must not block for long: everybody waits for this lock.
    pub fn with<T>(&self, visit: impl FnOnce(&Shared) -> T) -> T {
        visit(&look(&self.shared))
    }

    fn hand_in(&self, job: Job) -> Result<(), WriteFault> {
        self.jobs.send(job).map_err(|_| self.gone())
    }

    fn gone(&self) -> WriteFault {
        WriteFault::Stopped(self.stopped().unwrap_or_else(|| "the writer has ended".to_owned()))
    }

    /// Puts a submission on disk. When this returns `New` it is safe, and its receipt may be given out.
    pub async fn accept(&self, accepted: Accepted, sealed: Vec<u8>) -> Result<Taken, NotAccepted> {
        let reservation = accepted.idempotency.map(|key| (accepted.tenant.clone(), key));
        if let Some((tenant, key)) = &reservation {
            let mut shared = look(&self.shared);
            if let Some(item) = shared.books.book(tenant).and_then(|book| book.by_idempotency(key)) {
                let same = item.body == accepted.body;
                return if same { Ok(Taken::Before(item.sequence)) } else { Err(NotAccepted::OtherBody) };
            }
            if !shared.reserved.insert((tenant.clone(), *key)) {
                return Err(NotAccepted::InFlight);
            }
        }
        let (done, answer) = oneshot::channel();
        if let Err(fault) = self.hand_in(Job::Accept { accepted, sealed, done }) {
            if let Some(key) = reservation {
                look(&self.shared).reserved.remove(&key);
            }
            return Err(NotAccepted::Fault(fault));
        }
        let sequence = answer.await.map_err(|_| self.gone()).and_then(|result| result);
        sequence.map(Taken::New).map_err(NotAccepted::Fault)
    }

    /// What this submission may do now. Decided under one lock, so that two can never both go first.
    pub fn turn(&self, tenant: &Id, sequence: u64) -> Turn {
        let mut shared = look(&self.shared);
        let Some(book) = shared.books.book(tenant) else { return Turn::Hold };
        let Some(item) = book.item(sequence) else { return Turn::Hold };
        if book.route != Route::Passing {
            return Turn::Hold;
        }
        let earlier: Vec<u64> = book.pending_of(&item.person).take_while(|other| *other < sequence).collect();
        if earlier.iter().any(|other| !shared.in_flight.contains_key(other)) {
            return Turn::Hold;
        }
        match earlier.last().and_then(|before| shared.in_flight.get_mut(before)) {
            None => Turn::Forward,
            Some(waiting) => {
                let (tell, told) = oneshot::channel();
                waiting.push(tell);
                Turn::Wait(told)
            }
        }
    }

    /// The request is done with this item; what is still pending is hand-back's from now on.
    pub fn let_go(&self, sequence: u64) {
        let waiting = look(&self.shared).in_flight.remove(&sequence);
        for tell in waiting.into_iter().flatten() {
            // Whoever has gone away meanwhile needs no telling.
            let _ = tell.send(());
        }
    }

    /// Records the answer that a forwarded request got.
    pub async fn settle(&self, settled: Settled, reason: Vec<u8>) -> Result<(), WriteFault> {
        let (done, answer) = oneshot::channel();
        self.hand_in(Job::Settle { settled, reason, done })?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Records the outcome that a tenant's hand-back reports.
    pub async fn report(
        &self,
        tenant: Id,
        receipt: ReceiptId,
        generation: u64,
        outcome: Outcome,
        status: u16,
        reason: Vec<u8>,
    ) -> Result<Result<(), NotSettled>, WriteFault> {
        let (done, answer) = oneshot::channel();
        // The items in flight are looked at before the books are locked by the writer; an item that is not in
        // flight and pending can never come into flight again.
        let busy = {
            let shared = look(&self.shared);
            let item = shared.books.book(&tenant).and_then(|book| book.by_receipt(&receipt));
            item.is_some_and(|item| shared.in_flight.contains_key(&item.sequence))
        };
        if busy {
            return Ok(Err(NotSettled::Busy));
        }
        let judge = Box::new(move |books: &Books| {
            let book = books.book(&tenant).ok_or(NotSettled::Unknown)?;
            let item = judge_report(book, &receipt, generation, outcome)?;
            Ok(Settled { item: item.sequence, tenant, outcome, status, seen_by: Witness::HandBack })
        });
        self.hand_in(Job::Report { judge, reason, done })?;
        answer.await.map_err(|_| self.gone())?
    }

    async fn decide(
        &self,
        decide: impl FnOnce(&Books) -> Vec<Fact> + Send + 'static,
    ) -> Result<Vec<Fact>, WriteFault> {
        let (done, answer) = oneshot::channel();
        self.hand_in(Job::Decide { decide: Box::new(decide), done })?;
        answer.await.map_err(|_| self.gone())?
    }

    /// The tenants meant, if all of them are tenants of this bridge.
    pub fn resolve(&self, whom: &Whom) -> Result<BTreeSet<Id>, String> {
        let tenants: BTreeSet<Id> = match whom {
            Whom::Site(site) => self.config.tenants_at(site).cloned().collect(),
            Whom::Tenants(tenants) => tenants.clone(),
        };
        match (whom, tenants.iter().find(|id| !self.config.tenants.contains_key(id))) {
            (_, Some(stranger)) => Err(format!("{stranger} is not a tenant of this bridge")),
            (Whom::Site(site), None) if tenants.is_empty() => Err(format!("no tenant is at the site {site}")),
            (Whom::Tenants(_), None) if tenants.is_empty() => Err("no tenant is named".to_owned()),
            _ => Ok(tenants),
        }
    }

    pub async fn hold(&self, tenants: BTreeSet<Id>, why: String) -> Result<BTreeSet<Id>, WriteFault> {
        let facts = self.decide(move |books| {
            let tenants = routed(books, tenants, |route| *route == Route::Passing);
            if tenants.is_empty() { Vec::new() } else { vec![Fact::Held { tenants, why }] }
        });
        Ok(tenants_in(&facts.await?))
    }

    /// The same by a person. Tenants that are held for another reason go on being held for it, and the journal keeps
    /// this one too: what a person gives as a reason is never lost. Who is held now, and who was before.
    pub async fn hold_by_hand(
        &self,
        tenants: BTreeSet<Id>,
        why: String,
    ) -> Result<(BTreeSet<Id>, BTreeSet<Id>), WriteFault> {
        let before = Arc::new(Mutex::new(BTreeSet::new()));
        let noted = Arc::clone(&before);
        let facts = self.decide(move |books| {
            let passing = routed(books, tenants.clone(), |route| *route == Route::Passing);
            let holding = routed(books, tenants, |route| *route != Route::Passing);
            let reason = |id: &Id| books.book(id).map(|book| &book.route);
            let other =
                |id: &&Id| !matches!(reason(id), Some(Route::Holding { why: known, .. }) if *known == why);
            let told: BTreeSet<Id> = passing.iter().chain(holding.iter().filter(other)).cloned().collect();
            *noted.lock().unwrap_or_else(PoisonError::into_inner) = holding;
            if told.is_empty() { Vec::new() } else { vec![Fact::Held { tenants: told, why }] }
        });
        let told = tenants_in(&facts.await?);
        let before = before.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok((told.difference(&before).cloned().collect(), before))
    }

    pub async fn release(&self, tenants: BTreeSet<Id>) -> Result<BTreeSet<Id>, WriteFault> {
        let facts = self.decide(move |books| {
            let tenants = routed(books, tenants, |route| *route != Route::Passing);
            if tenants.is_empty() { Vec::new() } else { vec![Fact::Released { tenants }] }
        });
        let released = tenants_in(&facts.await?);
        self.upstreams().forget();
        Ok(released)
    }

    /// The upstream of these tenants was restored to its state at `since_ms`: everything accepted or answered
    /// since is pending again. Holds them first and waits until nothing of theirs is being forwarded, because an answer
    /// of the old state that is recorded after the reopening would be believed.
    pub async fn reopen(
        &self,
        tenants: BTreeSet<Id>,
        since_ms: i64,
    ) -> Result<BTreeMap<Id, u64>, WriteFault> {
        self.hold(tenants.clone(), "the upstream was restored; waiting for hand-back and release".to_owned())
            .await?;
        while self.busy_with(&tenants) {
            // Bounded: every forwarded request ends by its own time limit.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let before = self.pending(&tenants);
        let wanted = tenants.clone();
        self.decide(move |books| {
            vec![Fact::Reopened { tenants: wanted, from: books.first_since(since_ms), since_ms }]
        })
        .await?;
        let after = self.pending(&tenants);
        Ok(after.into_iter().map(|(id, count)| (id.clone(), count.saturating_sub(before[&id]))).collect())
    }

    fn pending(&self, tenants: &BTreeSet<Id>) -> BTreeMap<Id, u64> {
        let of = |shared: &Shared, id: &Id| shared.books.book(id).map_or(0, |book| book.account.pending);
        self.with(|shared| tenants.iter().map(|id| (id.clone(), of(shared, id))).collect())
    }

    fn busy_with(&self, tenants: &BTreeSet<Id>) -> bool {
        self.with(|shared| {
            let books = tenants.iter().filter_map(|id| shared.books.book(id));
            books.into_iter().any(|book| shared.in_flight.keys().any(|at| book.item(*at).is_some()))
        })
    }

    /// A submission could not be brought to this upstream, or the answer said nothing about the outcome. Whether there is
    /// reason to ask the core's health address.
    pub fn upstream_failed(&self, upstream: &str, trouble: Trouble) -> bool {
        self.upstreams().failed(upstream, trouble)
    }

    /// What follows from the answer of the health address. Returns once the hold is on disk, if there is one.
    pub async fn upstream_judged(
        &self,
        site: &str,
        upstream: &str,
        trouble: Trouble,
        why: &str,
        health: &Health,
    ) {
        match consequence(trouble, health) {
            Consequence::Rest => self.upstreams().rest(upstream, (self.elapsed_ms)(), why),
            Consequence::Hold => {
                let tenants: BTreeSet<Id> = self.config.tenants_at(site).cloned().collect();
                let is_passing = |shared: &Shared, id| {
                    shared.books.book(id).is_some_and(|book| book.route == Route::Passing)
                };
                if self.with(|shared| tenants.iter().any(|id| is_passing(shared, id))) {
                    let health = match health {
                        Health::Unwell(said) => format!("; its health address: {said}"),
                        Health::Well | Health::NotNamed => String::new(),
                    };
                    // If even this cannot be recorded, the writer has said so and the bridge ends.
                    drop(self.hold(tenants, format!("{upstream}: {why}{health}")).await);
                }
            }
        }
    }

    pub fn upstream_answered(&self, upstream: &str) {
        self.upstreams().answered(upstream);
    }

    /// Nothing is offered to it at the moment.
    pub fn rests(&self, upstream: &str) -> bool {
        self.upstreams().rests(upstream, (self.elapsed_ms)())
    }

    pub fn resting(&self) -> Vec<Resting> {
        self.upstreams().resting((self.elapsed_ms)())
    }

    /// The accounts, and a checkpoint over exactly the entries they were counted from.
    pub async fn statement(&self) -> Result<Statement, WriteFault> {
        let counted = Arc::new(Mutex::new(None));
        let count = Arc::clone(&counted);
        let (done, answer) = oneshot::channel();
        let visit = Box::new(move |books: &Books| {
            let line = |book: &Book| Line { account: book.account.clone(), route: book.route.clone() };
            let lines: BTreeMap<Id, Line> =
                books.by_tenant().map(|(id, book)| (id.clone(), line(book))).collect();
            *count.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((lines, books.unknown, books.illegal));
        });
        self.hand_in(Job::Checkpoint { look: visit, done })?;
        let checkpoint = answer.await.map_err(|_| self.gone())??;
        let counted = counted.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (lines, unknown_entries, illegal_entries) = counted.ok_or_else(|| self.gone())?;
        Ok(Statement { lines, checkpoint, unknown_entries, illegal_entries })
    }

    /// Pending items of a tenant that hand-back may take now, in the order of acceptance: none that a request is
    /// still busy with, and none that comes after such a one of the same person.
    pub fn offerable(&self, tenant: &Id, from: u64, limit: usize) -> (u64, Vec<Item>) {
        self.with(|shared| {
            let Some(book) = shared.books.book(tenant) else { return (0, Vec::new()) };
            let free = |item: &&Item| {
                if shared.in_flight.is_empty() {
                    return true;
                }
                let before = book.pending_of(&item.person).take_while(|other| *other <= item.sequence);
                before.into_iter().all(|other| !shared.in_flight.contains_key(&other))
            };
            (book.generation, book.pending_from(from).filter(free).take(limit).cloned().collect())
        })
    }
}

fn routed(books: &Books, tenants: BTreeSet<Id>, wanted: impl Fn(&Route) -> bool) -> BTreeSet<Id> {
    tenants.into_iter().filter(|id| books.book(id).is_some_and(|book| wanted(&book.route))).collect()
}

fn tenants_in(facts: &[Fact]) -> BTreeSet<Id> {
    let tenants = |fact: &Fact| match fact {
        Fact::Held { tenants, .. } | Fact::Released { tenants } => tenants.clone(),
        _ => BTreeSet::new(),
    };
    facts.iter().flat_map(tenants).collect()
}

/// The item that a report is about, if the report may be recorded.
fn judge_report<'a>(
    book: &'a Book,
    receipt: &ReceiptId,
    generation: u64,
    outcome: Outcome,
) -> Result<&'a Item, NotSettled> {
    let item = book.by_receipt(receipt).ok_or(NotSettled::Unknown)?;
    if book.generation != generation {
        return Err(NotSettled::Outdated);
    }
    match item.state {
        State::Pending => {}
        State::Settled(settled) if settled == outcome => return Err(NotSettled::Same),
        State::Settled(_) => return Err(NotSettled::Otherwise(item.state.word())),
    }
    let first: Option<u64> = first_pending(book, &item.person);
    if first == Some(item.sequence) { Ok(item) } else { Err(NotSettled::OutOfOrder) }
}

fn first_pending(book: &Book, person: &Mark) -> Option<u64> {
    book.pending_of(person).next()
}

/// Lets go of an item when dropped, so that neither an early return nor a panic keeps it from hand-back.
pub struct InFlight {
    desk: Arc<Desk>,
    sequence: u64,
}

impl InFlight {
    pub fn new(desk: Arc<Desk>, sequence: u64) -> InFlight {
        InFlight { desk, sequence }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.desk.let_go(self.sequence);
    }
}
