//! How many of the insured were served, second by second: measured from what senders were answered.
//!
//! For every fund and operation the last answer counts until the next one: *served* if the core answered (entered,
//! already there, a conflict, a reasoned refusal), *held* if the bridge took it in and gave a receipt, otherwise neither.
//! Each pair weighs insured × urgency. Nothing here comes from the product's own view of itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// One answered submission, as the curve needs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Milliseconds since 1970.
    pub at_ms: u64,
    /// Index of the fund and operation in the list of weights.
    pub pair: usize,
    pub how: How,
}

/// What an answer meant for its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The core has answered.
    Served,
    /// Taken in with a receipt; the core will see it later.
    Held,
    /// Turned away, or no answer.
    Neither,
}

/// The shares at one moment, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Seconds since the run began.
    pub at_s: f64,
    pub served: f64,
    /// Served, or taken in with a receipt.
    pub accepted: f64,
}

/// The curve, and what its area is.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Curve {
    pub points: Vec<Point>,
    /// Insured people × urgency × hours without an answer of the core.
    pub insured_hours: f64,
    /// The same without even a receipt.
    pub insured_hours_turned_away: f64,
}

/// Computes the curve in steps of `step_ms`, from the first moment at which half of the weight has been answered once.
///
/// `weights`: insured × urgency per pair. A pair counts from its first answer on, and one that never sent anything not
/// at all: before that nothing was measured for it. Waiting for the last pair would hide the attack itself, because with
/// many funds some send their first submission late.
pub fn measure(weights: &[u64], answers: &[Answer], began_ms: u64, step_ms: u64) -> Curve {
    let mut answers: Vec<&Answer> = answers.iter().filter(|answer| answer.pair < weights.len()).collect();
    answers.sort_by_key(|answer| answer.at_ms);
    let (Some(from), Some(last)) = (half_known(weights, &answers), answers.last()) else {
        return Curve::default();
    };
    let mut state: BTreeMap<usize, How> = BTreeMap::new();
    let mut next = 0;
    let mut curve = Curve::default();
    for at_ms in (from..=last.at_ms).step_by(usize::try_from(step_ms.max(1)).unwrap_or(1)) {
        while let Some(answer) = answers.get(next).filter(|answer| answer.at_ms <= at_ms) {
            state.insert(answer.pair, answer.how);
            next += 1;
        }
        let weight = |wanted: &[How]| -> u64 {
            state.iter().filter(|(_, how)| wanted.contains(how)).map(|(pair, _)| weights[*pair]).sum()
        };
        let (served, held, neither) = (weight(&[How::Served]), weight(&[How::Held]), weight(&[How::Neither]));
        let total = served + held + neither;
        let hours = as_number(step_ms) / 3_600_000.0;
        curve.insured_hours += as_number(held + neither) * hours;
        curve.insured_hours_turned_away += as_number(neither) * hours;
        curve.points.push(Point {
            at_s: as_number(at_ms.saturating_sub(began_ms)) / 1000.0,
            served: share(served, total),
            accepted: share(served + held, total),
        });
    }
    curve
}

/// When half of the weight of all that ever sent something had been answered once.
fn half_known(weights: &[u64], answers: &[&Answer]) -> Option<u64> {
    let mut seen = BTreeSet::new();
    let first: Vec<&&Answer> = answers.iter().filter(|answer| seen.insert(answer.pair)).collect();
    let all: u64 = first.iter().map(|answer| weights[answer.pair]).sum();
    let mut known = 0;
    first.into_iter().find_map(|answer| {
        known += weights[answer.pair];
        (known * 2 >= all).then_some(answer.at_ms)
    })
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { as_number(part) / as_number(whole) }
}

/// For drawing and for a number people read; nothing is decided by it. Insured × urgency stays far below 2^53.
fn as_number(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(at_ms: u64, pair: usize, how: How) -> Answer {
        Answer { at_ms, pair, how }
    }

    #[test]
    fn the_last_answer_counts_until_the_next_and_weighs_as_much_as_its_people() {
        let answers = [
            answer(1000, 0, How::Served),
            answer(1000, 1, How::Served),
            answer(2000, 1, How::Held),
            answer(3000, 1, How::Neither),
            answer(4000, 1, How::Served),
        ];
        let curve = measure(&[100, 300], &answers, 0, 1000);
        let seen: Vec<(f64, f64)> = curve.points.iter().map(|point| (point.served, point.accepted)).collect();
        assert_eq!(seen, [(1.0, 1.0), (0.25, 1.0), (0.25, 0.25), (1.0, 1.0)]);
        assert!((curve.insured_hours - 300.0 * 2.0 / 3600.0).abs() < 1e-9);
        assert!((curve.insured_hours_turned_away - 300.0 / 3600.0).abs() < 1e-9);
    }

    #[test]
    fn it_begins_when_half_has_been_answered_and_leaves_out_who_never_sent() {
        let answers = [
            answer(1000, 0, How::Served),
            answer(3000, 1, How::Served),
            answer(4000, 2, How::Held),
            answer(5000, 2, How::Served),
        ];
        let curve = measure(&[1, 2, 1, 50], &answers, 1000, 1000);
        let seen: Vec<(f64, f64)> = curve.points.iter().map(|point| (point.at_s, point.served)).collect();
        assert_eq!(
            seen,
            [(2.0, 1.0), (3.0, 0.75), (4.0, 1.0)],
            "from the third second on, the late pair when it comes"
        );
        assert!((curve.insured_hours - 1.0 / 3600.0).abs() < 1e-9);
    }

    #[test]
    fn without_answers_there_is_no_curve() {
        assert_eq!(measure(&[1], &[], 0, 1000), Curve::default());
    }
}
