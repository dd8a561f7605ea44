//! Is the core there, and may business be offered to it? Decided from what its answers said and what its health
//! address says. Pure; asking stands in `edge::senders`, recording in `desk`.
//!
//! To *hold* stops all tenants of a site until a person releases them, so one slow or broken answer must never be enough:
//! whoever may hand in could stop a site with it. To *rest* is less: for a while nothing is offered to this one upstream,
//! what comes is kept pending with its receipt, and then the next one is tried by itself.
//!
//! | what happened | the health address says well | it says unwell, or does not answer | none is named |
//! |---|---|---|---|
//! | nobody takes the call | rest | hold | hold |
//! | three in a row: no answer in time, or broken off | rest | hold | hold |
//! | three in a row: 5xx | rest | hold | rest |
//!
//! Fewer than three in a row, and everything about reading: nothing follows.

use std::collections::HashMap;

/// So many in a row that say nothing about the outcome, and it is asked whether the core is well.
const STRIKES_MAX: u32 = 3;
/// The first rest; each further one without an answer between is twice as long, up to the longest.
const REST_MS_MIN: u64 = 5_000;
const REST_MS_MAX: u64 = 120_000;

/// How offering a submission failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nobody takes the call: refused, unreachable, the name does not resolve.
    NotThere,
    /// Somebody takes the call and does not answer in time, or breaks off.
    Silent,
    /// An answer of the core's that says nothing about the outcome (5xx).
    Fails,
}

/// What the core's health address says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    Well,
    /// Why.
    Unwell(String),
    /// The configuration names no address.
    NotNamed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    Rest,
    Hold,
}

/// The table above, once there is reason to look into it.
pub fn consequence(trouble: Trouble, health: &Health) -> Consequence {
    match (health, trouble) {
        (Health::Well, Trouble::NotThere | Trouble::Silent | Trouble::Fails)
        | (Health::NotNamed, Trouble::Fails) => Consequence::Rest,
        (Health::Unwell(_), Trouble::NotThere | Trouble::Silent | Trouble::Fails)
        | (Health::NotNamed, Trouble::NotThere | Trouble::Silent) => Consequence::Hold,
    }
}

/// What is remembered of one upstream. Not recorded: after a start everything is tried anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Record {
    strikes: u32,
    rests: u32,
    rests_until_ms: u64,
    why: String,
}

/// An upstream to which nothing is offered at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resting {
    pub upstream: String,
    pub for_ms: u64,
    pub why: String,
}

/// All upstreams. Times are milliseconds of a clock that never goes back.
#[derive(Debug, Default)]
pub struct Upstreams(HashMap<String, Record>);

impl Upstreams {
    /// Whether there is reason to ask how the core is.
    pub fn failed(&mut self, upstream: &str, trouble: Trouble) -> bool {
        let record = self.0.entry(upstream.to_owned()).or_default();
        record.strikes = record.strikes.saturating_add(1);
        trouble == Trouble::NotThere || record.strikes >= STRIKES_MAX
    }

    pub fn answered(&mut self, upstream: &str) {
        self.0.remove(upstream);
    }

    /// The site was released by a person: whatever was remembered of its upstreams is old.
    pub fn forget(&mut self) {
        self.0.clear();
    }

    pub fn rest(&mut self, upstream: &str, now_ms: u64, why: &str) {
        let record = self.0.entry(upstream.to_owned()).or_default();
        if record.rests_until_ms > now_ms {
            return;
        }
        let for_ms = REST_MS_MIN.saturating_mul(1 << record.rests.min(16)).min(REST_MS_MAX);
        record.rests += 1;
        record.rests_until_ms = now_ms.saturating_add(for_ms);
        why.clone_into(&mut record.why);
    }

    pub fn rests(&self, upstream: &str, now_ms: u64) -> bool {
        self.0.get(upstream).is_some_and(|record| record.rests_until_ms > now_ms)
    }

    /// By address.
    pub fn resting(&self, now_ms: u64) -> Vec<Resting> {
        let mut all: Vec<Resting> = self
            .0
            .iter()
            .filter(|(_, record)| record.rests_until_ms > now_ms)
            .map(|(upstream, record)| Resting {
                upstream: upstream.clone(),
                for_ms: record.rests_until_ms - now_ms,
                why: record.why.clone(),
            })
            .collect();
        all.sort_by(|a, b| a.upstream.cmp(&b.upstream));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_trouble_and_health_has_its_consequence() {
        let unwell = Health::Unwell("503".to_owned());
        let table = [
            (Trouble::NotThere, Consequence::Rest, Consequence::Hold, Consequence::Hold),
            (Trouble::Silent, Consequence::Rest, Consequence::Hold, Consequence::Hold),
            (Trouble::Fails, Consequence::Rest, Consequence::Hold, Consequence::Rest),
        ];
        for (trouble, well, not_well, not_named) in table {
            assert_eq!(consequence(trouble, &Health::Well), well, "{trouble:?}");
            assert_eq!(consequence(trouble, &unwell), not_well, "{trouble:?}");
            assert_eq!(consequence(trouble, &Health::NotNamed), not_named, "{trouble:?}");
        }
    }

    #[test]
    fn two_troubles_are_no_reason_to_ask_and_an_answer_between_begins_anew() {
        let mut all = Upstreams::default();
        assert!(!all.failed("u", Trouble::Fails) && !all.failed("u", Trouble::Silent));
        all.answered("u");
        assert!(!all.failed("u", Trouble::Fails) && !all.failed("u", Trouble::Fails));
        assert!(all.failed("u", Trouble::Fails));
        assert!(!all.failed("other", Trouble::Fails), "each upstream counts by itself");
        assert!(all.failed("gone", Trouble::NotThere), "whoever is not there is asked for at once");
    }

    #[test]
    fn rests_become_longer_have_an_end_and_are_over_with_an_answer() {
        let mut all = Upstreams::default();
        let mut now_ms = 0;
        let mut before = 0;
        for _ in 0..10 {
            all.rest("u", now_ms, "why");
            let for_ms = all.resting(now_ms)[0].for_ms;
            assert!((before..=REST_MS_MAX).contains(&for_ms) && all.rests("u", now_ms));
            all.rest("u", now_ms + 1, "another");
            assert_eq!(
                all.resting(now_ms)[0].for_ms,
                for_ms,
                "a request that was on its way makes it no longer"
            );
            before = for_ms;
            now_ms += for_ms;
            assert!(!all.rests("u", now_ms), "then the next one is tried");
        }
        assert_eq!(before, REST_MS_MAX);
        all.rest("u", now_ms, "why");
        all.answered("u");
        assert_eq!(all.resting(now_ms), []);
    }
}
