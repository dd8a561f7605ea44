//! The bound on small problems, against the best of all orders there are.

use super::super::generate;
use super::super::generate::price_seconds;
use super::super::instance::{Demand, Instance};
use super::super::priority::first_orders;
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
    by_prices(apart::with_groups(instance)).max(lower_bound_seconds(instance, Effort::Quick))
}

fn by_prices(instance: Instance) -> u128 {
    let mut pricing = Pricing::new(instance, 400_000).expect("small problems have time for some rounds");
    while pricing.round() {}
    pricing.bound()
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
    assert_eq!(each_alone::lower_bound_seconds(&instance), 5 * 10 + 5 * 10);
    assert_eq!(lower_bound_seconds(&instance, Effort::Quick), 5 * 10 + 5 * 20);
    assert_eq!(thorough(&instance), 5 * 10 + 5 * 20);
}

/// Each two of three want more of some limit than there is, and no limit is wanted by all three at once.
#[test]
fn what_cannot_run_side_by_side_is_seen_across_limits() {
    let mut instance = Instance { limits: (0..3).map(|at| limit(at, 3)).collect(), ..Instance::default() };
    for number in 0..3 {
        let mut made = activity(number, 10, 1);
        for limit in [number, (number + 1) % 3] {
            made.demands.push(Demand { limit, amount: 2, from_s: 0, until_s: Some(10) });
        }
        instance.activities.push(made);
        instance.before.push(Vec::new());
    }
    assert_eq!(best_of_all(&instance), 10 + 20 + 30);
    assert!(by_prices(instance.clone()) < 58, "limit by limit it is not seen");
    assert!(thorough(&instance) >= 59, "{}", thorough(&instance));
}

/// Three restores side by side at most, then a start: with a hundred of them the queue for the restores decides.
#[test]
fn a_long_queue_for_one_limit_is_seen_at_once() {
    let mut instance = Instance { limits: vec![limit(0, 3)], ..Instance::default() };
    for number in 0..100 {
        let mut restore = activity(2 * number, 30, 0);
        restore.demands.push(Demand { limit: 0, amount: 1, from_s: 0, until_s: Some(30) });
        instance.activities.extend([restore, activity(2 * number + 1, 5, 1 + number as u128)]);
        instance.before.extend([Vec::new(), vec![2 * number]]);
    }
    let quick = lower_bound_seconds(&instance, Effort::Quick);
    let heaviest_first: Vec<u64> = (0..200).map(|at| 200 - at).collect();
    let best = price_seconds(&instance, &generate::schedule(&instance, &heaviest_first));
    assert!(quick <= best && quick * 100 >= best * 95, "{quick} {best}");
}

/// The best order on the way to the bound, beside the best rule of thumb.
#[test]
fn orders_that_prices_suggest_cost_less_than_rules_of_thumb() {
    let (mut suggested, mut thumb) = (0, 0);
    for seed in 0..6 {
        let instance = random(seed, 40, true);
        let cost = |rank: &[u64]| price_seconds(&instance, &generate::schedule(&instance, rank));
        let mut pricing = Pricing::new(instance.clone(), 4_000_000).expect("time for some rounds");
        let mut best = u128::MAX;
        while pricing.round() {
            best = best.min(cost(&pricing.order()));
        }
        suggested += best;
        thumb += first_orders(&instance).iter().map(|rank| cost(rank)).min().expect("there are some");
    }
    assert!(suggested < thumb, "{suggested} {thumb}");
}
