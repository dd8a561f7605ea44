//! The bound on small problems, against the best of all orders there are.

use super::super::generate;
use super::super::instance::{Demand, Instance};
use super::super::search::price_seconds;
use super::super::search::tests::{activity, limit, random};
use super::*;

/// The least cost over all orders of preference. Some order gives the best plan where demands begin with their
/// activity; where they do not it gives a good one, and a bound must be below that as well.
fn best_of_all(instance: &Instance) -> u128 {
    fn permute(order: &mut Vec<u64>, from: usize, visit: &mut dyn FnMut(&[u64])) {
        if from == order.len() {
            return visit(order);
        }
        for other in from..order.len() {
            order.swap(from, other);
            permute(order, from + 1, visit);
            order.swap(from, other);
        }
    }
    let mut best = u128::MAX;
    let mut order: Vec<u64> = (0..instance.activities.len() as u64).collect();
    permute(&mut order, 0, &mut |rank| {
        best = best.min(price_seconds(instance, &generate::schedule(instance, rank)));
    });
    best
}

/// Not all the rounds that a plan gets: small problems are proven in fewer, and these run unoptimised.
fn thorough(instance: &Instance) -> u128 {
    prices::lower_bound_seconds(instance, 400_000).max(lower_bound_seconds(instance, Effort::Quick))
}

#[test]
fn no_plan_of_a_small_problem_costs_less_than_the_bound() {
    let (mut proven, mut gap) = (0, 0);
    for seed in 0..60 {
        let instance = random(seed, 1 + seed as usize % 6, seed % 2 == 0);
        let best = best_of_all(&instance);
        let quick = lower_bound_seconds(&instance, Effort::Quick);
        let thorough = thorough(&instance);
        assert!(quick <= thorough && thorough <= best, "seed {seed}: {quick} {thorough} {best}");
        proven += u32::from(thorough == best);
        gap += (best - thorough) * 1000 / best.max(1);
    }
    assert!(proven > 20, "the bound is met on {proven} of 60");
    assert!(gap / 60 < 100, "it lies {} thousandths below on average", gap / 60);
}

/// Slots of many seconds lose a little, never the truth.
#[test]
fn a_long_plan_has_a_bound_on_a_coarser_clock() {
    for seed in 0..20 {
        let mut instance = random(seed, 6, true);
        for activity in &mut instance.activities {
            activity.duration_s *= 7919;
            activity.demands.iter_mut().for_each(|demand| demand.until_s = demand.until_s.map(|s| s * 7919));
        }
        let best = best_of_all(&instance);
        let thorough = thorough(&instance);
        assert!(thorough <= best, "seed {seed}: {thorough} {best}");
        assert!(thorough >= best * 3 / 5, "seed {seed}: {thorough} {best}");
    }
}

/// Two of equal weight want the same person: alone each would be back after ten seconds, together they are not.
#[test]
fn two_that_want_the_same_are_seen_to_want_the_same() {
    let mut instance = Instance { limits: vec![limit(0, 1)], ..Instance::default() };
    for number in 0..2 {
        let mut made = activity(number, 10, 5);
        made.demands.push(Demand { limit: 0, amount: 1, from_s: 0, until_s: Some(10) });
        instance.activities.push(made);
        instance.before.push(Vec::new());
    }
    assert_eq!(lower_bound_seconds(&instance, Effort::Quick), 5 * 10 + 5 * 10);
    assert_eq!(thorough(&instance), 5 * 10 + 5 * 20);
}
