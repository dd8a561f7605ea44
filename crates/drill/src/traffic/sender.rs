//! One sender: makes up business for its own persons, sends it, and does not let go before it is answered.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Intent, Operation, Shared, Submission};
use crate::clock;
use crate::practice::documents::person_id;
use crate::rng::Rng;
use crate::wire::{Caller, Reply};

/// How long a sender waits for one answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it waits before it asks again.
const AGAIN: Duration = Duration::from_millis(50);
/// Shares in percent.
const WRONG: u64 = 2;
const OUTDATED: u64 = 15;
const RESEND: u64 = 12;

struct Sender<'a> {
    shared: &'a Shared,
    number: u32,
    threads: u32,
    rng: Rng,
    caller: Caller,
    made: u64,
    /// The address version each person should have once everything sent so far is in.
    versions: BTreeMap<String, u64>,
}

pub(super) fn send_all(shared: &Shared, number: u32, threads: u32) {
    let rng = Rng::named(shared.settings.seed, &format!("sender {number}"));
    let caller = Caller::new(PATIENCE);
    let mut sender = Sender { shared, number, threads, rng, caller, made: 0, versions: BTreeMap::new() };
    let mut next = Instant::now();
    while !shared.leave.load(Ordering::SeqCst) {
        let per_second = shared.per_second.load(Ordering::SeqCst).max(1);
        let now = Instant::now();
        if now < next {
            std::thread::sleep((next - now).min(Duration::from_millis(20)));
            continue;
        }
        // Whoever fell behind does not make up for it in a burst.
        next = next.max(now - Duration::from_millis(200)) + Duration::from_secs(1) * threads / per_second;
        // Counted before looking at `paused`, so that a pause never misses one that has just begun.
        shared.under_way.fetch_add(1, Ordering::SeqCst);
        if !shared.paused.load(Ordering::SeqCst) {
            sender.one();
        }
        shared.under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Sender<'_> {
    fn one(&mut self) {
        let submission = self.make_up();
        let edit = submission.operation == Operation::Address && submission.intent == Intent::Plain;
        let Some(first) = self.send(submission) else { return };
        if edit && matches!(first.status, Some(200 | 201 | 202 | 208)) {
            *self.versions.entry(first.person.clone()).or_insert(1) += 1;
        }
        if self.shared.resend.load(Ordering::SeqCst) && self.rng.percent(RESEND) {
            let key = format!("{}.b", first.item);
            let fresh = Submission {
                answered_ms: None,
                status: None,
                receipt: None,
                state: None,
                answer: None,
                ..first
            };
            self.send(Submission {
                key,
                intent: Intent::Resend,
                attempts: 0,
                sent_ms: clock::now_ms(),
                ..fresh
            });
        }
    }

    /// All funds in turn, so that even the smallest has business; the senders together go round once, not each.
    fn make_up(&mut self) -> Submission {
        let settings = &self.shared.settings;
        let turn = self.made * u64::from(self.threads) + u64::from(self.number);
        let turn = usize::try_from(turn).unwrap_or(0);
        let fund = &settings.funds[turn % settings.funds.len()];
        let mine = u64::from((settings.persons_per_fund - self.number).div_ceil(self.threads));
        let person = self.number + self.threads * u32::try_from(self.rng.below(mine)).unwrap_or(0);
        let person = person_id(&fund.id, person);
        let item = format!("{}-{}-{:06}", settings.seed, self.number, self.made);
        self.made += 1;
        let operation = match self.rng.below(10) {
            0..=4 => Operation::Eau,
            5 | 6 => Operation::Payment,
            7 => Operation::Letter,
            _ => Operation::Address,
        };
        let version = self.versions.get(&person).copied().unwrap_or(1);
        let intent = if self.rng.percent(WRONG) {
            Intent::Wrong
        } else if operation == Operation::Address && version > 1 && self.rng.percent(OUTDATED) {
            Intent::Outdated
        } else {
            Intent::Plain
        };
        let on_version = if intent == Intent::Outdated { version - 1 } else { version };
        let mut body = content(&mut self.rng, operation, intent == Intent::Wrong, on_version);
        body["item"] = Value::from(item.as_str());
        body["tenant"] = Value::from(fund.id.as_str());
        body["person"] = Value::from(person.as_str());
        Submission {
            key: format!("{item}.a"),
            item,
            tenant: fund.id.clone(),
            person,
            operation,
            intent,
            body: body.to_string(),
            attempts: 0,
            sent_ms: clock::now_ms(),
            answered_ms: None,
            status: None,
            receipt: None,
            state: None,
            answer: None,
        }
    }

    /// Asks until there is an answer. `None` when it had to leave without one.
    fn send(&self, mut submission: Submission) -> Option<Submission> {
        let shared = self.shared;
        // What cannot be written down is not sent: nobody could ask about it later.
        shared.ledger.note(&submission).ok()?;
        shared.numbers.sent.fetch_add(1, Ordering::SeqCst);
        let operation = submission.operation.word();
        let url = format!("{}/t/{}/{operation}", shared.settings.bridge, submission.tenant);
        loop {
            submission.attempts += 1;
            let reply = self.caller.post(&url, &[("idempotency-key", &submission.key)], &submission.body);
            if let Some(reply) = self.judge(reply) {
                let named = |name: &str| reply.body[name].as_str().map(str::to_owned);
                submission.answered_ms = Some(clock::now_ms());
                submission.status = Some(reply.status);
                submission.receipt = named("receipt");
                submission.state = named("state");
                submission.answer = Some(reply.body);
                let _ = shared.ledger.note(&submission);
                return Some(submission);
            }
            if shared.leave.load(Ordering::SeqCst) {
                let _ = shared.ledger.note(&submission);
                return None;
            }
            std::thread::sleep(AGAIN);
        }
    }

    /// Counts, and gives back what is final.
    fn judge(&self, reply: Result<Reply, String>) -> Option<Reply> {
        let numbers = &self.shared.numbers;
        let Ok(reply) = reply else {
            numbers.no_answer.fetch_add(1, Ordering::SeqCst);
            return None;
        };
        let count = match reply.status {
            200 | 201 => &numbers.applied,
            202 => &numbers.held,
            208 | 409 | 422 => &numbers.declined,
            _ => &numbers.turned_away,
        };
        count.fetch_add(1, Ordering::SeqCst);
        if reply.status >= 500 {
            return None;
        }
        numbers.answered.fetch_add(1, Ordering::SeqCst);
        Some(reply)
    }
}

/// The fields of a piece of business. `wrong`: such that the core must refuse it.
fn content(rng: &mut Rng, operation: Operation, wrong: bool, version: u64) -> Value {
    let day = 1 + rng.below(20);
    match operation {
        Operation::Eau => {
            let until = if wrong { "2026-02-01".to_owned() } else { format!("2026-03-{:02}", day + 4) };
            json!({ "from": format!("2026-03-{day:02}"), "until": until, "practice": format!("P{:05}", rng.below(99_999)) })
        }
        Operation::Payment => {
            let amount = if wrong { 0 } else { 1_000 + rng.below(400_000) };
            json!({ "iban": format!("DE{:020}", rng.below(u64::MAX)), "amount_cents": amount })
        }
        Operation::Address => {
            let street = if wrong { String::new() } else { format!("Neue Str. {}", 1 + rng.below(200)) };
            json!({ "street": street, "city": format!("{:05} Musterstadt", rng.below(99_999)), "if_version": version })
        }
        Operation::Letter => {
            let text = if wrong {
                String::new()
            } else {
                format!("Please look at my case {}.", rng.below(1_000_000))
            };
            json!({ "subject": "A question about my case", "text": text })
        }
    }
}
