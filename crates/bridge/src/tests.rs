//! The books against random histories: nothing may be lost, doubled, mixed up or counted wrongly.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::books::{Books, Route, State, adds_up};
use super::fact::{self, Accepted, Fact, Mark, Outcome, ReceiptId, Settled, Witness};
use super::writer::apply;
use estate::Id;

const TENANTS: [&str; 2] = ["tenant:a", "tenant:b"];

/// What may happen, with small numbers so that things meet.
#[derive(Clone, Debug)]
enum Step {
    Accept { tenant: usize, person: u8, business: u8, key: Option<u8> },
    Settle { tenant: usize, item: u64, outcome: Outcome },
    Reopen { tenants: BTreeSet<usize>, from: u64 },
    Hold { tenant: usize },
    Release { tenant: usize },
    Jump,
    Behind,
    CaughtUp,
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Applied),
        Just(Outcome::AlreadyThere),
        Just(Outcome::Conflict),
        Just(Outcome::Refused)
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let tenant = || 0..TENANTS.len();
    prop_oneof![
        6 => (tenant(), 0..4_u8, 0..4_u8, proptest::option::of(0..3_u8))
            .prop_map(|(tenant, person, business, key)| Step::Accept { tenant, person, business, key }),
        6 => (tenant(), 0..60_u64, outcome())
            .prop_map(|(tenant, item, outcome)| Step::Settle { tenant, item, outcome }),
        1 => (proptest::collection::btree_set(tenant(), 1..3), 0..60_u64)
            .prop_map(|(tenants, from)| Step::Reopen { tenants, from }),
        1 => tenant().prop_map(|tenant| Step::Hold { tenant }),
        1 => tenant().prop_map(|tenant| Step::Release { tenant }),
        1 => prop_oneof![Just(Step::Jump), Just(Step::Behind), Just(Step::CaughtUp)],
    ]
}

fn id(tenant: usize) -> Id {
    TENANTS[tenant].parse().unwrap()
}

fn fact_of(step: &Step, sequence: u64) -> Fact {
    match step {
        Step::Accept { tenant, person, business, key } => {
            let mut receipt = [0; 16];
            receipt[..8].copy_from_slice(&sequence.to_be_bytes());
            Fact::Accepted(Accepted {
                tenant: id(*tenant),
                operation: "eau".into(),
                receipt: ReceiptId(receipt),
                person: Mark([*person; 32]),
                business: Mark([*business; 32]),
                body: Mark([0; 32]),
                idempotency: key.map(|key| Mark([key; 32])),
            })
        }
        Step::Settle { tenant, item, outcome } => Fact::Settled(Settled {
            tenant: id(*tenant),
            item: *item,
            outcome: *outcome,
            status: 200,
            seen_by: Witness::Bridge,
        }),
        Step::Reopen { tenants, from } => {
            Fact::Reopened { tenants: tenants.iter().map(|t| id(*t)).collect(), from: *from, since_ms: 0 }
        }
        Step::Hold { tenant } => Fact::Held { tenants: BTreeSet::from([id(*tenant)]), why: "x".into() },
        Step::Release { tenant } => Fact::Released { tenants: BTreeSet::from([id(*tenant)]) },
        Step::Jump => Fact::ClockJumped { ahead_ms: 10 },
        Step::Behind => Fact::ClockBehind { behind_ms: 10 },
        Step::CaughtUp => Fact::ClockCaughtUp {},
    }
}

/// The plainest possible account of one history, to compare with.
#[derive(Default)]
struct Plain {
    items: Vec<(u64, usize, State, bool)>,
    /// When each item was settled last.
    settled: BTreeMap<u64, u64>,
    behind: bool,
}

impl Plain {
    fn apply(&mut self, sequence: u64, step: &Step) {
        match step {
            Step::Accept { tenant, .. } => self.items.push((sequence, *tenant, State::Pending, self.behind)),
            Step::Settle { tenant, item, outcome } => {
                for (at, of, state, doubt) in &mut self.items {
                    if at == item && of == tenant && *state == State::Pending {
                        *state = State::Settled(*outcome);
                        self.settled.insert(*item, sequence);
                        *doubt |= self.behind;
                    }
                }
            }
            Step::Reopen { tenants, from } => {
                for (at, of, state, doubt) in &mut self.items {
                    let thrown_back =
                        matches!(state, State::Settled(Outcome::Applied | Outcome::AlreadyThere));
                    let answered_since = self.settled.get(at).is_some_and(|settled| settled >= from);
                    if tenants.contains(of) && (*at >= *from || answered_since || *doubt) && thrown_back {
                        *state = State::Pending;
                    }
                }
            }
            Step::Behind => self.behind = true,
            Step::CaughtUp => self.behind = false,
            Step::Hold { .. } | Step::Release { .. } | Step::Jump => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn accepted_is_the_sum_of_all_outcomes_and_pending_after_every_entry(
        steps in proptest::collection::vec(step(), 0..80)
    ) {
        let (mut books, mut plain) = (Books::default(), Plain::default());
        books.open_books((0..TENANTS.len()).map(id));
        for (sequence, step) in (0..).zip(&steps) {
            books.apply(sequence, i64::try_from(sequence).unwrap(), &fact_of(step, sequence));
            plain.apply(sequence, step);
            for tenant in 0..TENANTS.len() {
                let book = books.book(&id(tenant)).unwrap();
                prop_assert!(adds_up(&book.account));
                prop_assert_eq!(&book.recount(), &book.account, "carried along and counted anew");
                let mine: Vec<_> = plain.items.iter().filter(|(_, of, _, _)| *of == tenant).collect();
                prop_assert_eq!(book.account.accepted, mine.len() as u64);
                for (at, _, state, _) in &mine {
                    prop_assert_eq!(book.item(*at).unwrap().state, *state);
                }
                let pending: Vec<u64> = book.pending_from(0).map(|item| item.sequence).collect();
                let expected: Vec<u64> =
                    mine.iter().filter(|(_, _, state, _)| *state == State::Pending).map(|(at, ..)| *at).collect();
                prop_assert_eq!(&pending, &expected, "in the order of acceptance");
                let by_person: usize = (0..4_u8).map(|p| book.pending_of(&Mark([p; 32])).count()).sum();
                prop_assert_eq!(by_person, pending.len());
            }
        }
    }

    #[test]
    fn the_books_are_the_same_however_often_the_journal_is_read_in_parts(
        steps in proptest::collection::vec(step(), 0..60), cut in 0..60_usize
    ) {
        let fold = |books: &mut Books, range: std::ops::Range<usize>| {
            for at in range {
                let sequence = at as u64;
                books.apply(sequence, i64::try_from(at).unwrap(), &fact_of(&steps[at], sequence));
            }
        };
        let cut = cut.min(steps.len());
        let (mut whole, mut parts) = (Books::default(), Books::default());
        fold(&mut whole, 0..steps.len());
        fold(&mut parts, 0..cut);
        fold(&mut parts, cut..steps.len());
        prop_assert_eq!(format!("{:?}", whole.by_tenant().map(|(id, book)| (id, &book.account, &book.route)).collect::<Vec<_>>()),
            format!("{:?}", parts.by_tenant().map(|(id, book)| (id, &book.account, &book.route)).collect::<Vec<_>>()));
        prop_assert_eq!((whole.entries, whole.illegal), (parts.entries, parts.illegal));
    }

    #[test]
    fn any_record_is_folded_or_counted_and_never_a_panic(
        records in proptest::collection::vec(
            ("(item.accepted|item.settled|route.held|route.reopened|clock.behind|journal.tail_cut|x)", 0..3_u16, any::<Vec<u8>>(), any::<i64>(), any::<bool>()),
            0..20,
        )
    ) {
        let mut books = Books::default();
        for (sequence, (kind, version, payload, time_ms, erased)) in (0..).zip(records) {
            let payload = if erased { journal::Payload::Erased } else { journal::Payload::Present(payload) };
            let record = journal::Record { sequence, time_ms, actor: "x".into(), kind, version, payload, digest: [0; 32] };
            apply(&mut books, &record);
            prop_assert_eq!(books.entries, sequence + 1);
        }
    }
}

/// A history of acceptances at these times for tenant a, with facts about the clock in between.
fn history(entries: &[(i64, Option<Fact>)]) -> Books {
    let mut books = Books::default();
    let accept = Step::Accept { tenant: 0, person: 0, business: 0, key: None };
    for (sequence, (time_ms, noticed)) in (0..).zip(entries) {
        let fact = noticed.clone().unwrap_or_else(|| fact_of(&accept, sequence));
        books.apply(sequence, *time_ms, &fact);
    }
    books
}

#[test]
fn reopening_starts_at_the_first_entry_that_may_have_come_since() {
    let plain = history(&[(10, None), (20, None), (30, None)]);
    assert_eq!([5, 20, 21, 31].map(|since| plain.first_since(since)), [0, 1, 2, 3]);
}

#[test]
fn entries_before_a_jump_of_the_clock_may_be_later_than_they_show() {
    let jump = Fact::ClockJumped { ahead_ms: 100 };
    let books = history(&[(10, None), (20, None), (130, Some(jump)), (130, None)]);
    assert_eq!(books.first_since(115), 1, "20 may have been 120");
    assert_eq!(books.first_since(125), 3);
}

#[test]
fn what_was_accepted_before_but_answered_since_is_reopened() {
    let mut books = history(&[(10, None), (20, None)]);
    let settle = |books: &mut Books, time_ms: i64, item: u64| {
        let settled = Step::Settle { tenant: 0, item, outcome: Outcome::Applied };
        books.apply(books.entries, time_ms, &fact_of(&settled, 0));
    };
    settle(&mut books, 30, 0);
    // Restored to 35: the core may have taken this one before or after that.
    settle(&mut books, 40, 1);
    let reopened = Step::Reopen { tenants: BTreeSet::from([0]), from: books.first_since(35) };
    books.apply(books.entries, 50, &fact_of(&reopened, 0));
    let pending: Vec<u64> = books.book(&id(0)).unwrap().pending_from(0).map(|item| item.sequence).collect();
    assert_eq!(pending, [1]);
}

#[test]
fn what_was_accepted_while_the_clock_was_in_doubt_is_always_reopened() {
    let behind = Fact::ClockBehind { behind_ms: 5 };
    let mut books = history(&[
        (10, None),
        (10, Some(behind)),
        (10, None),
        (11, Some(Fact::ClockCaughtUp {})),
        (12, None),
    ]);
    for item in [0, 2, 4] {
        let settled = Step::Settle { tenant: 0, item, outcome: Outcome::Applied };
        books.apply(books.entries, 20, &fact_of(&settled, 0));
    }
    let reopened = Step::Reopen { tenants: BTreeSet::from([0]), from: books.first_since(1_000) };
    books.apply(books.entries, 21, &fact_of(&reopened, 0));
    let pending: Vec<u64> = books.book(&id(0)).unwrap().pending_from(0).map(|item| item.sequence).collect();
    assert_eq!(pending, [2]);
}

#[test]
fn what_was_answered_while_the_clock_was_in_doubt_is_always_reopened() {
    let mut books = history(&[(10, None), (10, Some(Fact::ClockBehind { behind_ms: 5 }))]);
    let settled = Step::Settle { tenant: 0, item: 0, outcome: Outcome::Applied };
    books.apply(2, 11, &fact_of(&settled, 0));
    let reopened = Step::Reopen { tenants: BTreeSet::from([0]), from: books.first_since(1_000) };
    books.apply(3, 12, &fact_of(&reopened, 0));
    assert_eq!(books.book(&id(0)).unwrap().account.pending, 1);
}

#[test]
fn a_hold_keeps_its_first_reason_until_it_is_released() {
    let mut books = Books::default();
    let held = |why: &str| Fact::Held { tenants: BTreeSet::from([id(0)]), why: why.into() };
    books.apply(0, 5, &held("first"));
    books.apply(1, 6, &held("second"));
    assert_eq!(books.book(&id(0)).unwrap().route, Route::Holding { since_ms: 5, why: "first".into() });
    books.apply(2, 7, &Fact::Released { tenants: BTreeSet::from([id(0)]) });
    assert_eq!(books.book(&id(0)).unwrap().route, Route::Passing);
}

#[test]
fn the_table_in_the_head_of_the_books_is_what_the_code_does() {
    let states = [
        State::Pending,
        State::Settled(Outcome::Applied),
        State::Settled(Outcome::AlreadyThere),
        State::Settled(Outcome::Conflict),
        State::Settled(Outcome::Refused),
    ];
    let word = |state: State| {
        if state == State::Pending { "pending".to_owned() } else { state.word().replace('_', " ") }
    };
    let mut table = String::new();
    for state in states {
        let settled = if state.settled(Outcome::Applied).is_some() { "outcome" } else { "–" };
        table.push_str(&format!("//! | {} | {settled} | {} |\n", word(state), word(state.reopened())));
    }
    assert!(include_str!("books.rs").contains(&table), "the table should read:\n{table}");
    assert_eq!(fact::VERSION, 1);
}
