//! Everything the bridge knows, as a fold of its own journal: items, accounts, routes. Pure and total.
//!
//! What may happen to an item; `–` stands for "an illegal move: kept, counted, changes nothing":
//!
//! | state | settled(outcome) | reopened |
//! |---|---|---|
//! | pending | outcome | pending |
//! | applied | – | pending |
//! | already there | – | pending |
//! | conflict | – | conflict |
//! | refused | – | refused |
//!
//! For every tenant, after every entry: accepted = applied + already there + conflict + refused + pending.
//! The sum is checked at each step and a violation stops the program: it would be a bug here.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::fact::{Accepted, Fact, Mark, Outcome, ReceiptId, Settled};
use estate::Id;
use incident::event::Account;

/// Why an outcome that was reported is not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSettled {
    #[error("there is no such submission")]
    Unknown,
    #[error("it is settled already, with another outcome: {0}")]
    Otherwise(&'static str),
    /// The same outcome is recorded: nothing to do.
    #[error("it is settled already, with this outcome")]
    Same,
    #[error("the upstream was restored after this was pulled, so the outcome no longer counts: pull again")]
    Outdated,
    #[error("an earlier submission of the same person is still open")]
    OutOfOrder,
    #[error("it is being worked on at this moment: pull again")]
    Busy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Pending,
    Settled(Outcome),
}

impl State {
    /// The word people and programs read. A receipt says `held` where the account says pending.
    pub fn word(self) -> &'static str {
        match self {
            State::Pending => "held",
            State::Settled(Outcome::Applied) => "applied",
            State::Settled(Outcome::AlreadyThere) => "already_there",
            State::Settled(Outcome::Conflict) => "conflict",
            State::Settled(Outcome::Refused) => "refused",
        }
    }

    /// After an outcome became known; `None`: that is not allowed.
    pub fn settled(self, outcome: Outcome) -> Option<State> {
        match self {
            State::Pending => Some(State::Settled(outcome)),
            State::Settled(Outcome::Applied)
            | State::Settled(Outcome::AlreadyThere)
            | State::Settled(Outcome::Conflict)
            | State::Settled(Outcome::Refused) => None,
        }
    }

    /// After the upstream was restored to a state before it.
    pub fn reopened(self) -> State {
        match self {
            State::Pending | State::Settled(Outcome::Applied) | State::Settled(Outcome::AlreadyThere) => {
                State::Pending
            }
            State::Settled(Outcome::Conflict) => State::Settled(Outcome::Conflict),
            State::Settled(Outcome::Refused) => State::Settled(Outcome::Refused),
        }
    }
}

/// One submission. Its content stays sealed in the journal, under the same sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub sequence: u64,
    pub accepted_ms: i64,
    /// Accepted or settled while the clock was in doubt: counts as later than any time.
    pub clock_in_doubt: bool,
    pub operation: Arc<str>,
    pub receipt: ReceiptId,
    pub person: Mark,
    pub body: Mark,
    /// The newest earlier item of this tenant with the same business key.
    pub same_business_as: Option<ReceiptId>,
    pub state: State,
    /// The entry that settled it last; the core's reason lies there.
    pub settled_at: Option<u64>,
    /// The time of that entry.
    pub settled_ms: i64,
    pub status: Option<u16>,
}

/// May requests of this tenant be forwarded?
#[derive(Clone, Debug, PartialEq)]
pub enum Route {
    Passing,
    Holding { since_ms: i64, why: String },
}

/// All of one tenant. Nothing in it refers to another tenant.
#[derive(Clone, Debug)]
pub struct Book {
    pub route: Route,
    pub account: Account,
    /// Sequence of the newest reopening; 0 if none. An outcome seen before it says nothing any more.
    pub generation: u64,
    items: BTreeMap<u64, Item>,
    by_receipt: HashMap<ReceiptId, u64>,
    by_idempotency: HashMap<Mark, u64>,
    newest_of_business: HashMap<Mark, u64>,
    pending: BTreeSet<u64>,
    pending_of_person: HashMap<Mark, BTreeSet<u64>>,
}

impl Default for Book {
    fn default() -> Book {
        Book {
            route: Route::Passing,
            account: Account::default(),
            generation: 0,
            items: BTreeMap::new(),
            by_receipt: HashMap::new(),
            by_idempotency: HashMap::new(),
            newest_of_business: HashMap::new(),
            pending: BTreeSet::new(),
            pending_of_person: HashMap::new(),
        }
    }
}

/// The fold of the whole journal.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Number of entries applied.
    pub entries: u64,
    pub last_ms: i64,
    /// `clock.behind` without `clock.caught_up`.
    pub clock_behind: bool,
    /// Entries that this version cannot read.
    pub unknown: u64,
    /// Moves that the table does not allow, met while reading.
    pub illegal: u64,
    books: BTreeMap<Id, Book>,
    clock_jumps: Vec<(u64, u64)>,
    operations: BTreeSet<Arc<str>>,
}

impl Book {
    pub fn item(&self, sequence: u64) -> Option<&Item> {
        self.items.get(&sequence)
    }

    pub fn by_receipt(&self, receipt: &ReceiptId) -> Option<&Item> {
        self.by_receipt.get(receipt).and_then(|sequence| self.items.get(sequence))
    }

    pub fn by_idempotency(&self, key: &Mark) -> Option<&Item> {
        self.by_idempotency.get(key).and_then(|sequence| self.items.get(sequence))
    }

    /// In the order of acceptance, from this sequence on.
    pub fn pending_from(&self, from: u64) -> impl Iterator<Item = &Item> {
        self.pending.range(from..).filter_map(|sequence| self.items.get(sequence))
    }

    /// Pending items of this person, in the order of acceptance.
    pub fn pending_of(&self, person: &Mark) -> impl Iterator<Item = u64> {
        self.pending_of_person.get(person).into_iter().flatten().copied()
    }

    /// What people must look at, in the order of acceptance, from this sequence on.
    pub fn for_people(&self, from: u64) -> impl Iterator<Item = &Item> {
        self.items.range(from..).map(|(_, item)| item).filter(|item| match item.state {
            State::Settled(Outcome::Conflict | Outcome::Refused) => true,
            State::Pending | State::Settled(Outcome::Applied | Outcome::AlreadyThere) => false,
        })
    }

    /// The account counted anew from the items. Tests compare it with the one that is carried along.
    pub fn recount(&self) -> Account {
        let mut account = Account::default();
        for item in self.items.values() {
            account.accepted += 1;
            *cell(&mut account, item.state) += 1;
        }
        account
    }

    fn accept(&mut self, item: Item, accepted: &Accepted) {
        let sequence = item.sequence;
        self.account.accepted += 1;
        self.account.pending += 1;
        self.pending.insert(sequence);
        self.pending_of_person.entry(item.person).or_default().insert(sequence);
        self.by_receipt.insert(item.receipt, sequence);
        if let Some(key) = accepted.idempotency {
            self.by_idempotency.entry(key).or_insert(sequence);
        }
        self.newest_of_business.insert(accepted.business, sequence);
        self.items.insert(sequence, item);
    }

    /// Changes state, account and lists together, so that they cannot disagree.
    fn change(&mut self, sequence: u64, to: State) {
        let Some(item) = self.items.get_mut(&sequence) else { return };
        let from = std::mem::replace(&mut item.state, to);
        *cell(&mut self.account, from) -= 1;
        *cell(&mut self.account, to) += 1;
        let person = item.person;
        match to {
            State::Pending => {
                self.pending.insert(sequence);
                self.pending_of_person.entry(person).or_default().insert(sequence);
            }
            State::Settled(_) => {
                self.pending.remove(&sequence);
                if let Some(of_person) = self.pending_of_person.get_mut(&person) {
                    of_person.remove(&sequence);
                    if of_person.is_empty() {
                        self.pending_of_person.remove(&person);
                    }
                }
            }
        }
    }

    fn settle(&mut self, at: u64, time_ms: i64, clock_in_doubt: bool, settled: &Settled) -> bool {
        let Some(item) = self.items.get_mut(&settled.item) else { return false };
        let Some(to) = item.state.settled(settled.outcome) else { return false };
        item.settled_at = Some(at);
        item.settled_ms = time_ms;
        item.clock_in_doubt |= clock_in_doubt;
        item.status = Some(settled.status);
        self.change(settled.item, to);
        true
    }

    /// Throws back what may be missing behind: everything accepted since, and everything whose outcome came
    /// since. The core took it at some moment between the two, so only an outcome from before `from` proves
    /// that what was restored holds it.
    fn reopen(&mut self, at: u64, from: u64) {
        self.generation = at;
        let since = |item: &Item| item.sequence >= from || item.settled_at.is_some_and(|at| at >= from);
        let thrown_back: Vec<u64> = self
            .items
            .values()
            .filter(|item| since(item) || item.clock_in_doubt)
            .filter(|item| item.state != item.state.reopened())
            .map(|item| item.sequence)
            .collect();
        for sequence in thrown_back {
            self.change(sequence, State::Pending);
        }
    }
}

fn cell(account: &mut Account, state: State) -> &mut u64 {
    match state {
        State::Pending => &mut account.pending,
        State::Settled(Outcome::Applied) => &mut account.applied,
        State::Settled(Outcome::AlreadyThere) => &mut account.already_there,
        State::Settled(Outcome::Conflict) => &mut account.conflict,
        State::Settled(Outcome::Refused) => &mut account.refused,
    }
}

/// Whether every accepted submission is accounted for.
pub fn adds_up(account: &Account) -> bool {
    account.accepted
        == account.applied + account.already_there + account.conflict + account.refused + account.pending
}

impl Books {
    pub fn book(&self, tenant: &Id) -> Option<&Book> {
        self.books.get(tenant)
    }

    pub fn by_tenant(&self) -> impl Iterator<Item = (&Id, &Book)> {
        self.books.iter()
    }

    /// Every tenant that may ever be asked for has a book, so that "nothing yet" reads as zeros.
    pub fn open_books(&mut self, tenants: impl Iterator<Item = Id>) {
        for tenant in tenants {
            self.books.entry(tenant).or_default();
        }
    }

    /// An entry that is not in the form of this program: kept in the journal, counted here.
    pub fn apply_unknown(&mut self, sequence: u64, time_ms: i64) {
        self.unknown += 1;
        self.passed(sequence, time_ms);
    }

    /// An entry of the journal's own, which is about no item.
    pub fn passed(&mut self, sequence: u64, time_ms: i64) {
        self.entries = sequence + 1;
        self.last_ms = self.last_ms.max(time_ms);
    }

    pub fn apply(&mut self, sequence: u64, time_ms: i64, fact: &Fact) {
        match fact {
            Fact::Started { recipients, .. } => self.open_books(recipients.keys().cloned()),
            Fact::Accepted(accepted) => self.accept(sequence, time_ms, accepted),
            Fact::Settled(settled) => {
                let book = self.books.entry(settled.tenant.clone()).or_default();
                if !book.settle(sequence, time_ms, self.clock_behind, settled) {
                    self.illegal += 1;
                }
            }
            Fact::Held { tenants, why } => {
                for tenant in tenants {
                    let book = self.books.entry(tenant.clone()).or_default();
                    if book.route == Route::Passing {
                        book.route = Route::Holding { since_ms: time_ms, why: why.clone() };
                    }
                }
            }
            Fact::Released { tenants } => {
                for tenant in tenants {
                    self.books.entry(tenant.clone()).or_default().route = Route::Passing;
                }
            }
            Fact::Reopened { tenants, from, since_ms: _ } => {
                for tenant in tenants {
                    self.books.entry(tenant.clone()).or_default().reopen(sequence, *from);
                }
            }
            Fact::ClockJumped { ahead_ms } => self.clock_jumps.push((sequence, *ahead_ms)),
            Fact::ClockBehind { behind_ms: _ } => self.clock_behind = true,
            Fact::ClockCaughtUp {} => self.clock_behind = false,
        }
        self.passed(sequence, time_ms);
        self.check(fact);
    }

    fn accept(&mut self, sequence: u64, time_ms: i64, accepted: &Accepted) {
        let operation = match self.operations.get(accepted.operation.as_str()) {
            Some(known) => Arc::clone(known),
            None => {
                let name: Arc<str> = accepted.operation.as_str().into();
                self.operations.insert(Arc::clone(&name));
                name
            }
        };
        let book = self.books.entry(accepted.tenant.clone()).or_default();
        let earlier = book.newest_of_business.get(&accepted.business);
        let item = Item {
            sequence,
            accepted_ms: time_ms,
            clock_in_doubt: self.clock_behind,
            operation,
            receipt: accepted.receipt,
            person: accepted.person,
            body: accepted.body,
            same_business_as: earlier.and_then(|earlier| book.items.get(earlier)).map(|item| item.receipt),
            state: State::Pending,
            settled_at: None,
            settled_ms: time_ms,
            status: None,
        };
        if book.by_receipt.contains_key(&accepted.receipt) {
            // Sixteen random bytes do not repeat; if a journal says so, both are kept and counted.
            self.illegal += 1;
        }
        book.accept(item, accepted);
    }

    fn check(&self, fact: &Fact) {
        let sound = |tenant: &Id| self.books.get(tenant).is_none_or(|book| adds_up(&book.account));
        let all_sound = match fact {
            Fact::Accepted(accepted) => sound(&accepted.tenant),
            Fact::Settled(settled) => sound(&settled.tenant),
            Fact::Held { tenants, .. } | Fact::Released { tenants } | Fact::Reopened { tenants, .. } => {
                tenants.iter().all(sound)
            }
            Fact::Started { .. }
            | Fact::ClockJumped { .. }
            | Fact::ClockBehind { .. }
            | Fact::ClockCaughtUp {} => true,
        };
        assert!(
            all_sound,
            "an account does not add up: accepted must be the sum of all outcomes and pending"
        );
    }

    /// The first entry that accepted or settled something and may have come at or after `since_ms`, as far as
    /// the clock can be trusted: an entry before a recorded jump may be as much later than it shows as the clock jumped.
    pub fn first_since(&self, since_ms: i64) -> u64 {
        let mut jumps = self.clock_jumps.iter().rev().peekable();
        let mut shift: i64 = 0;
        let mut first = self.entries;
        let mut times: Vec<(u64, i64)> = self
            .books
            .values()
            .flat_map(|book| book.items.values())
            .flat_map(|item| {
                let settled = item.settled_at.map(|at| (at, item.settled_ms));
                std::iter::once((item.sequence, item.accepted_ms)).chain(settled)
            })
            .collect();
        times.sort_unstable();
        for (sequence, time_ms) in times.into_iter().rev() {
            while let Some((_, ahead_ms)) = jumps.next_if(|(at, _)| *at > sequence) {
                shift = shift.saturating_add(i64::try_from(*ahead_ms).unwrap_or(i64::MAX));
            }
            if time_ms.saturating_add(shift) >= since_ms {
                first = sequence;
            }
        }
        first
    }
}
