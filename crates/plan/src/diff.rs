//! What is different between two plans, for people: who is back earlier or later, what is done in another order.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Plan;
use super::compare::{Moved, moved, moved_line};
use super::page::{clock, hours, line, list};
use estate::{Estate, Id};

#[derive(Debug, Serialize)]
pub struct Difference {
    pub first: String,
    pub second: String,
    pub same: bool,
    /// Both were made for the same estate.
    pub same_estate: bool,
    pub insured_seconds: (u64, u64),
    pub lower_bound: (u64, u64),
    /// No thing is lost in both.
    pub nothing_in_common: bool,
    /// Lost only in the first, only in the second.
    pub lost_only: (Vec<Id>, Vec<Id>),
    /// Back at another time.
    pub moved: Vec<Moved>,
    /// Steps that begin at another second, or stand in one of the two only.
    pub steps: Vec<StepMoved>,
    /// Of the steps that stand in both, some come in another order.
    pub reordered: bool,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct StepMoved {
    pub step: String,
    /// `None`: not in that plan.
    pub first_s: Option<u64>,
    pub second_s: Option<u64>,
}

pub fn difference(estate: &Estate, first: &Plan, second: &Plan) -> Difference {
    let [one, other] = [first, second].map(|plan| plan.lost.iter().collect::<BTreeSet<&Id>>());
    let only = |a: &BTreeSet<&Id>, b| a.difference(b).map(|id| (*id).clone()).collect();
    Difference {
        first: first.hash(),
        second: second.hash(),
        same: first == second,
        same_estate: first.estate_hash == second.estate_hash,
        insured_seconds: (first.insured_seconds, second.insured_seconds),
        lower_bound: (first.lower_bound, second.lower_bound),
        nothing_in_common: one.is_disjoint(&other),
        lost_only: (only(&one, &other), only(&other, &one)),
        moved: moved(estate, first, second),
        steps: steps(first, second),
        reordered: is_reordered(first, second),
    }
}

fn starts(plan: &Plan) -> BTreeMap<&str, u64> {
    plan.steps.iter().map(|step| (step.id.as_str(), step.start_s)).collect()
}

fn steps(first: &Plan, second: &Plan) -> Vec<StepMoved> {
    let (one, other) = (starts(first), starts(second));
    let mut moved: Vec<StepMoved> = one
        .keys()
        .chain(other.keys().filter(|step| !one.contains_key(*step)))
        .map(|step| StepMoved {
            step: (*step).to_owned(),
            first_s: one.get(step).copied(),
            second_s: other.get(step).copied(),
        })
        .filter(|moved| moved.first_s != moved.second_s)
        .collect();
    moved.sort_by_key(|moved| moved.second_s.or(moved.first_s));
    moved
}

/// Whether the steps that both plans still have to do come in another order. That is what has to be approved; other
/// times alone are a forecast.
pub fn is_reordered(first: &Plan, second: &Plan) -> bool {
    let done = |plan: &Plan, step: &str| {
        plan.continues
            .as_ref()
            .is_some_and(|continues| continues.done.contains(step) || continues.running.contains_key(step))
    };
    let open = |step: &str| !done(first, step) && !done(second, step);
    let (one, other) = (starts(first), starts(second));
    let order = |plan: &Plan, also: &BTreeMap<&str, u64>| -> Vec<String> {
        let both = plan.steps.iter().filter(|step| also.contains_key(step.id.as_str()) && open(&step.id));
        both.map(|step| step.id.clone()).collect()
    };
    order(first, &other) != order(second, &one)
}

/// Lines of one list before the rest is only counted.
const LINES_MAX: usize = 25;

pub fn page(estate: &Estate, difference: &Difference) -> String {
    let mut text = String::new();
    line(&mut text, format!("first   {}", difference.first));
    line(&mut text, format!("second  {}", difference.second));
    if difference.same {
        line(&mut text, "the two are the same");
        return text;
    }
    if !difference.same_estate {
        line(&mut text, "they were made for different estates: prices and times are not for the same thing");
        let (gone, new) = &difference.lost_only;
        if difference.nothing_in_common {
            line(
                &mut text,
                format!(
                    "none of the {} things of the first is in the second, which has {}",
                    gone.len(),
                    new.len()
                ),
            );
            line(&mut text, "there is nothing to compare: name two plans of one estate");
            return text;
        }
    }
    let (one, other) = difference.insured_seconds;
    let word = if other <= one { "less" } else { "MORE" };
    line(
        &mut text,
        format!(
            "price   {} and {} {}: the second costs {} {word}",
            hours(one),
            hours(other),
            estate.words.hours(),
            hours(one.abs_diff(other))
        ),
    );
    for (word, ids) in [("first", &difference.lost_only.0), ("second", &difference.lost_only.1)] {
        if !ids.is_empty() {
            let ids: Vec<&Id> = ids.iter().collect();
            line(&mut text, format!("lost only in the {word}: {}", super::explain::some(&ids)));
        }
    }
    text.push_str("\nWhat is back at another time (first, then second)\n");
    if difference.moved.is_empty() {
        line(&mut text, "  nothing: everybody is served at the same times");
    }
    list(&mut text, LINES_MAX, difference.moved.iter().map(|moved| moved_line(estate, moved)));
    text.push_str(if difference.reordered {
        "\nSteps that begin at another time; their order is another one\n"
    } else {
        "\nSteps that begin at another time; their order is the same\n"
    });
    let both = |moved: &&StepMoved| moved.first_s.is_some() && moved.second_s.is_some();
    let in_both: Vec<&StepMoved> = difference.steps.iter().filter(both).collect();
    let time = |at_s: Option<u64>| at_s.map_or_else(String::new, clock);
    let moved = |moved: &StepMoved| {
        format!("{:>10} → {:<10} {}", time(moved.first_s), time(moved.second_s), moved.step)
    };
    list(&mut text, LINES_MAX, in_both.into_iter().map(moved));
    let count =
        |is_absent: fn(&StepMoved) -> bool| difference.steps.iter().filter(|moved| is_absent(moved)).count();
    let gone = count(|moved| moved.second_s.is_none());
    let new = count(|moved| moved.first_s.is_none());
    if gone + new > 0 {
        line(&mut text, format!("  {gone} steps stand only in the first plan, {new} only in the second"));
    }
    text
}
